"""Word prefixes as features: «турист», «туристический» and «туризм» share statistical strength.

A lemma unites the forms of one word, but not words of one root; a common prefix does. A prefix of four
letters unites «стальной» with «сталевар», but also «транспорт» with «трансляция»; one of six unites neither.
Both lengths are used, beside the words themselves, whose own coefficients correct wrong matches.

Not all words with a common prefix are related: «произвол» begins like «производство», but occurs in other
articles. A word therefore shares in its prefix as far as its latent vector resembles those of the others. The
vector of a rare word is uncertain; such a word is assumed to be related.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

from topics.rubrics.folding import Floats

_RELATED = 0.2
"""Cosine between a word and the others of its prefix from which on it shares fully: 0.4 for «производство»,
0.0 for «произведение»."""
_RARE = 5
"""Number of articles with a word at which its cosine and the assumption that it is related weigh the same."""
_ROWS = 10_000
"""Number of words compared at a time."""


class PrefixSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lengths and weight of the prefix features."""

    lengths: tuple[Annotated[int, msgspec.Meta(ge=1, le=100)], ...] = (4, 6)
    """Numbers of letters in a prefix; an empty list turns prefixes off."""
    weight: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 1.0
    """Factor on the features; the larger, the more a model generalizes from word to word."""


def prefixes(
    lemmas: Sequence[str],
    settings: PrefixSettings,
    latent: Floats | None = None,
    frequencies: npt.NDArray[np.integer] | None = None,
) -> sparse.csr_array:
    """Return features of the prefixes shared by two or more lemmas; shape (lemmas, prefixes).

    Args:
        lemmas: distinct.
        settings: lengths and weight.
        latent: (lemmas, directions), latent vectors of the lemmas; None: all are taken to be related.
        frequencies: (lemmas,), number of articles with each; required with `latent`.
    """
    cuts = [(length, row, lemma[:length]) for length in settings.lengths for row, lemma in enumerate(lemmas)]
    counts = Counter((length, prefix) for length, _, prefix in cuts)
    shared = {key: number for number, key in enumerate(key for key, count in counts.items() if count > 1)}
    places = [(row, shared[length, prefix]) for length, row, prefix in cuts if (length, prefix) in shared]
    rows, numbers = np.array(places, np.int32).reshape(-1, 2).T
    weights = np.full(len(rows), settings.weight, np.float32)
    if latent is not None and frequencies is not None and latent.shape[1] and len(rows):
        articles = frequencies[rows]
        related = np.clip(_cosines(latent, rows, numbers) / _RELATED, 0, 1)
        weights *= ((_RARE + articles * related) / (_RARE + articles)).astype(np.float32)
    return sparse.csr_array((weights, (rows, numbers)), (len(lemmas), len(shared)))


def _cosines(latent: Floats, rows: npt.NDArray[np.int32], numbers: npt.NDArray[np.int32]) -> Floats:
    """Return the cosine between each word and the sum of the others of its prefix.

    Args:
        latent: (words, directions).
        rows: word of each entry.
        numbers: prefix of each entry.
    """
    ones = np.ones(len(rows), np.float32)
    sums = sparse.csr_array((ones, (numbers, rows)), (int(numbers.max()) + 1, len(latent))) @ latent
    cosines = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        own = latent[rows[part]]
        others = sums[numbers[part]] - own
        lengths = np.linalg.norm(own, axis=1) * np.linalg.norm(others, axis=1)
        cosines[part] = (own * others).sum(axis=1) / np.maximum(lengths, np.float32(1e-12))
    return cosines
