"""Word prefixes as features: «турист», «туристический» and «туризм» share statistical strength.

A lemma unites the forms of one word, but not words of one root; a common prefix does. A prefix of four
letters unites «стальной» with «сталевар», but also «транспорт» with «трансляция»; one of six unites neither.
Both lengths are used, beside the words themselves, whose own coefficients correct wrong matches.

What a word takes from its prefix depends on the company it keeps: «произвол» begins like «производство», but
occurs in other articles, so an article about it is not one about industry. Latent directions tell; of a rare
word they tell little, and it is assumed to be kin.
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

_KIN = 0.2
"""Cosine between a word and the others of its prefix from which on it is kin: .4 for «производство», .0 for
«произведение»."""
_RARE = 5
"""Number of articles with a word whose directions count as much as the assumption that it is kin."""
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
        lemmas: all different.
        settings: lengths and weight.
        latent: (lemmas, directions), by which kin are told from others; None: all are kin.
        frequencies: (lemmas,), number of articles with each; needed if there are directions.
    """
    cuts = [(length, row, lemma[:length]) for length in settings.lengths for row, lemma in enumerate(lemmas)]
    counts = Counter((length, prefix) for length, _, prefix in cuts)
    shared = {key: number for number, key in enumerate(key for key, count in counts.items() if count > 1)}
    places = [(row, shared[length, prefix]) for length, row, prefix in cuts if (length, prefix) in shared]
    rows, numbers = np.array(places, np.int32).reshape(-1, 2).T
    weights = np.full(len(rows), settings.weight, np.float32)
    found = sparse.csr_array((weights, (rows, numbers)), (len(lemmas), len(shared)))
    if latent is None or frequencies is None or not latent.shape[1] or not len(rows):
        return found
    seen = frequencies[rows]
    kin = np.clip(_company(latent, rows, numbers) / _KIN, 0, 1)
    weights = weights * ((_RARE + seen * kin) / (_RARE + seen)).astype(np.float32)
    return sparse.csr_array((weights, (rows, numbers)), found.shape)


def _company(latent: Floats, rows: npt.NDArray[np.int32], numbers: npt.NDArray[np.int32]) -> Floats:
    """Return the cosine between each word and the sum of the others of its prefix.

    Args:
        latent: (words, directions).
        rows: word of each entry.
        numbers: prefix of each entry.
    """
    ones = np.ones(len(rows), np.float32)
    sums = sparse.csr_array((ones, (numbers, rows)), (int(numbers.max()) + 1, len(latent))) @ latent
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        own = latent[rows[part]]
        others = sums[numbers[part]] - own
        lengths = np.linalg.norm(own, axis=1) * np.linalg.norm(others, axis=1)
        found[part] = (own * others).sum(axis=1) / np.maximum(lengths, np.float32(1e-12))
    return found
