"""Word prefixes as features: «турист», «туристический» and «туризм» share statistical strength.

A lemma unites the forms of one word, but not words of one root; a common prefix does. A prefix of four
letters unites «стальной» with «сталевар», but also «транспорт» with «трансляция»; one of six unites neither.
Both lengths are used, beside the words themselves, whose own coefficients correct wrong matches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from scipy import sparse


class PrefixSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lengths and weight of the prefix features."""

    lengths: tuple[Annotated[int, msgspec.Meta(ge=1, le=100)], ...] = (4, 6)
    """Numbers of letters in a prefix; an empty list turns prefixes off."""
    weight: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 1.0
    """Factor on the features; the larger, the more a model generalizes from word to word."""


def prefixes(lemmas: Sequence[str], settings: PrefixSettings) -> sparse.csr_array:
    """Return indicator features of the prefixes shared by two or more lemmas; shape (lemmas, prefixes)."""
    cuts = [(length, row, lemma[:length]) for length in settings.lengths for row, lemma in enumerate(lemmas)]
    counts = Counter((length, prefix) for length, _, prefix in cuts)
    shared = {key: number for number, key in enumerate(key for key, count in counts.items() if count > 1)}
    places = [(row, shared[length, prefix]) for length, row, prefix in cuts if (length, prefix) in shared]
    rows, numbers = np.array(places, np.int32).reshape(-1, 2).T
    weights = np.full(len(rows), settings.weight, np.float32)
    return sparse.csr_array((weights, (rows, numbers)), (len(lemmas), len(shared)))
