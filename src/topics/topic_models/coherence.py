"""Topic coherence, NPMI and c_v, in numpy; equal to gensim's CoherenceModel.

Both count windows that slide over the terms of each article (Röder, Both and Hinneburg, 2015, "Exploring the
space of topic coherence measures"). gensim goes over the texts once a model in Python; here all the words of
a model are counted in one sparse product.
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
"""Words, telling or not, among which ten terms stand."""
_EPSILON = 1e-12


class Company(NamedTuple):
    """Co-occurrence statistics of some words."""

    places: dict[int, int]
    """Column of the bags -> row and column of `npmi`."""
    npmi: Floats
    """(words, words), normalized pointwise mutual information."""


def keep_company(sequence: Int64s, rows: Int64s, wanted: Sequence[int], window: int = NPMI_WINDOW) -> Company:
    """Count the windows that contain given words, and pairs of these.

    Args:
        sequence: columns of the terms, in the order of the text.
        rows: the article of each, rising.
        wanted: the columns to count.
        window: terms in a window; an article of fewer is one window.
    """
    columns = np.unique(np.asarray(wanted, np.int64))
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    lengths = np.diff(np.append(starts, len(rows)))
    windows = np.maximum(lengths - window + 1, 1)
    offsets = np.concatenate([[0], np.cumsum(windows)])
    at = np.searchsorted(columns, sequence)
    at[at == len(columns)] = 0
    places = np.flatnonzero(columns[at] == sequence) if len(columns) else at[:0]
    article = np.searchsorted(starts, places, "right") - 1
    within = places - starts[article]
    first = np.maximum(within - window + 1, 0)
    last = np.minimum(_oldest(at[places], article, within, first), windows[article] - 1)
    spread = np.maximum(last - first + 1, 0)
    ends = np.cumsum(spread)
    index = (
        np.repeat(offsets[article] + first, spread)
        + np.arange(spread.sum())
        - np.repeat(ends - spread, spread)
    )
    holds = sparse.csr_array(
        (np.ones(len(index), np.float32), (index, np.repeat(at[places], spread))), (offsets[-1], len(columns))
    )
    holds.data[:] = 1  # a word that stands twice in a window counts once
    together = np.asarray((holds.T @ holds).todense(), np.float64) / max(int(offsets[-1]), 1)
    alone = np.diag(together)
    with np.errstate(divide="ignore", invalid="ignore"):
        npmi = np.log((together + _EPSILON) / np.outer(alone, alone)) / -np.log(together + _EPSILON)
    npmi[(alone == 0), :] = npmi[:, (alone == 0)] = 0.0
    return Company(dict(zip(columns.tolist(), range(len(columns)), strict=True)), npmi)


def _oldest(words: Int64s, articles: Int64s, within: Int64s, first: Int64s) -> Int64s:
    """Find, for each word, the oldest copy of it in the first window that holds it.

    gensim takes a word for gone as soon as one copy leaves the window, even if another stays. That is odd,
    but figures that bear its name should be its figures.
    """
    longest = int(within.max(initial=0)) + 1
    group = (words * (int(articles.max(initial=0)) + 1) + articles) * longest
    keys = np.sort(group + within)
    oldest: Int64s = keys[np.searchsorted(keys, group + first)] - group
    return oldest


def c_npmi(company: Company, topic: Sequence[int]) -> float:
    """Return the mean NPMI over pairs of a topic's words, -1 to 1; meant for `NPMI_WINDOW`."""
    matrix = _of(company, topic)
    return float(matrix[np.tril_indices(len(matrix), -1)].mean()) if len(matrix) > 1 else 0.0


def c_v(company: Company, topic: Sequence[int]) -> float:
    """Mean cosine between each word's company and that of all words of the topic; with `CV_WINDOW`."""
    matrix = _of(company, topic)
    whole = matrix.sum(axis=0)
    norms = np.linalg.norm(matrix, axis=1) * np.linalg.norm(whole)
    return float(np.divide(matrix @ whole, norms, out=np.zeros(len(matrix)), where=norms > 0).mean())


def _of(company: Company, topic: Sequence[int]) -> Floats:
    places = [company.places[column] for column in topic]
    return company.npmi[np.ix_(places, places)]
