"""Topic coherence, NPMI and c_v, in numpy; equal to gensim's CoherenceModel.

Both count windows that slide over the terms of each article (Röder, Both and Hinneburg, 2015, "Exploring the
space of topic coherence measures"). gensim scans the texts in Python; here one sparse product counts the
words of all topics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NPMI_WINDOW, CV_WINDOW = 10, 110
WORD_WINDOW = 20
"""Words of running text that span about ten terms."""
_EPSILON = 1e-12


class Cooccurrence(NamedTuple):
    """NPMI of pairs of words that share a window."""

    positions: dict[int, int]
    """Column of the document-term matrix -> row and column of `npmi`."""
    npmi: Floats
    """(words, words), normalized pointwise mutual information; 0 for a word that does not occur."""


def cooccurrence(
    sequence: Int64s, rows: Int64s, wanted: Sequence[int], window: int = NPMI_WINDOW
) -> Cooccurrence:
    """Count the windows that contain each of the given words, and each pair of them.

    Args:
        sequence: columns of the terms, in the order of the text.
        rows: the article of each, ascending.
        wanted: the columns to count.
        window: terms in a window; a shorter article is one window.
    """
    columns = np.unique(np.asarray(wanted, np.int64))
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    lengths = np.diff(np.append(starts, len(rows)))
    windows = np.maximum(lengths - window + 1, 1)
    offsets = np.concatenate([[0], np.cumsum(windows)])
    nearest = np.searchsorted(columns, sequence)
    nearest[nearest == len(columns)] = 0
    places = np.flatnonzero(columns[nearest] == sequence) if len(columns) else nearest[:0]
    article = np.searchsorted(starts, places, "right") - 1
    within = places - starts[article]
    first = np.maximum(within - window + 1, 0)
    last = np.minimum(_oldest_in_window(nearest[places], article, within, first), windows[article] - 1)
    spread = np.maximum(last - first + 1, 0)
    ends = np.cumsum(spread)
    index = (
        np.repeat(offsets[article] + first, spread)
        + np.arange(spread.sum())
        - np.repeat(ends - spread, spread)
    )
    contains = sparse.csr_array(
        (np.ones(len(index), np.float32), (index, np.repeat(nearest[places], spread))),
        (offsets[-1], len(columns)),
    )
    contains.data[:] = 1  # a word that stands twice in a window counts once
    together = np.asarray((contains.T @ contains).todense(), np.float64) / max(int(offsets[-1]), 1)
    alone = np.diag(together)
    with np.errstate(divide="ignore", invalid="ignore"):
        npmi = np.log((together + _EPSILON) / np.outer(alone, alone)) / -np.log(together + _EPSILON)
    npmi[(alone == 0), :] = npmi[:, (alone == 0)] = 0.0
    return Cooccurrence(dict(zip(columns.tolist(), range(len(columns)), strict=True)), npmi)


def _oldest_in_window(words: Int64s, articles: Int64s, within: Int64s, first: Int64s) -> Int64s:
    """Find, for each word, the position of its first copy in the first window that contains it.

    gensim drops a word as soon as one copy leaves the window, even if another remains. That is odd, but the
    figures should equal gensim's.
    """
    longest = int(within.max(initial=0)) + 1
    group = (words * (int(articles.max(initial=0)) + 1) + articles) * longest
    keys = np.sort(group + within)
    oldest: Int64s = keys[np.searchsorted(keys, group + first)] - group
    return oldest


def c_npmi(pairs: Cooccurrence, topic: Sequence[int]) -> float:
    """Return the mean NPMI over pairs of a topic's words, -1 to 1; meant for `NPMI_WINDOW`."""
    matrix = _submatrix(pairs, topic)
    return float(matrix[np.tril_indices(len(matrix), -1)].mean()) if len(matrix) > 1 else 0.0


def c_v(pairs: Cooccurrence, topic: Sequence[int]) -> float:
    """Return the mean cosine of each word's NPMI vector with the sum of all of them; for `CV_WINDOW`."""
    matrix = _submatrix(pairs, topic)
    whole = matrix.sum(axis=0)
    norms = np.linalg.norm(matrix, axis=1) * np.linalg.norm(whole)
    return float(np.divide(matrix @ whole, norms, out=np.zeros(len(matrix)), where=norms > 0).mean())


def _submatrix(pairs: Cooccurrence, topic: Sequence[int]) -> Floats:
    rows = [pairs.positions[column] for column in topic]
    return pairs.npmi[np.ix_(rows, rows)]
