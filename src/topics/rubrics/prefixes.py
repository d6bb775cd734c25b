"""Words that begin alike: «турист», «туристический» and «туризм» learn from one another.

A lemma unites the forms of a word, not its kin; its first letters do. Of four letters «стальной» is kin of
«сталевар», but «транспорт» of «трансляция», too; of six neither. So there are both, beside the words, whose
own coefficients set right what their beginnings get wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from scipy import sparse


class PrefixSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which beginnings of words become features, and how much they weigh."""

    lengths: tuple[Annotated[int, msgspec.Meta(ge=1, le=100)], ...] = (4, 6)
    """Numbers of letters in a prefix; an empty list turns prefixes off."""
    weight: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 1.0
    """Factor on the features; the more, the more a model generalizes from word to word."""


def prefixes(lemmas: Sequence[str], settings: PrefixSettings) -> sparse.csr_array:
    """Make a feature of each beginning that two of these words share: shape (words, features)."""
    cuts = [(length, row, lemma[:length]) for length in settings.lengths for row, lemma in enumerate(lemmas)]
    words = Counter((length, stem) for length, _, stem in cuts)
    shared = {key: number for number, key in enumerate(key for key, count in words.items() if count > 1)}
    places = [(row, shared[length, stem]) for length, row, stem in cuts if (length, stem) in shared]
    rows, numbers = np.array(places, np.int32).reshape(-1, 2).T
    weights = np.full(len(rows), settings.weight, np.float32)
    return sparse.csr_array((weights, (rows, numbers)), (len(lemmas), len(shared)))
