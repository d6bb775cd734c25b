"""Figures by outlet, by month and by length: where a version is weaker than on the whole."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from topics.quality.evaluation import Answers
from topics.quality.measuring import Measure, measure

_LEAST = 20
"""Articles that a slice must have to be measured; the rest is gathered under `OTHER`."""
OTHER, UNKNOWN = "other", "unknown"
_DRAWS = 200
LENGTHS = (
    (49, "under 50 words"),
    (149, "50 to 149 words"),
    (299, "150 to 299 words"),
    (599, "300 to 599 words"),
    (math.inf, "600 words and more"),
)
"""Most words of each class of length, and its name."""


class Slice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Figures of the articles that share an outlet, a month or a length."""

    name: str
    measure: Measure


class Origin(NamedTuple):
    """What slices are made by."""

    outlet: str
    month: str
    length: str


def origin(outlet: str, date: str, words: int) -> Origin:
    """Tell where an article of this outlet and day, and of so many words, belongs."""
    length = next(name for longest, name in LENGTHS if words <= longest)
    return Origin(outlet or UNKNOWN, date[:7] or UNKNOWN, length)


def slices(names: Sequence[str], answers: Answers, rubrics: tuple[str, ...]) -> tuple[Slice, ...]:
    """Measure each slice of some size, by name; lengths from short to long.

    Of single rubrics those are kept that have enough positives there: hundreds of rubrics in a hundred months
    would else be megabytes of luck.

    Args:
        names: (n,), the slice that each article belongs to.
        answers: of the n articles.
        rubrics: names of the columns.
    """
    sizes = Counter(names)
    merged = np.array([name if sizes[name] >= _LEAST else OTHER for name in names])
    ranks = {name: rank for rank, (_, name) in enumerate(LENGTHS)}
    ordered = sorted(set(merged.tolist()), key=lambda name: (name == OTHER, ranks.get(name, 0), name))
    parts = {name: answers.take(np.flatnonzero(merged == name)) for name in ordered}
    measures = {name: measure(part, rubrics, _DRAWS, told=answers.labelled) for name, part in parts.items()}
    return tuple(
        Slice(name, replace(found, rubrics=tuple(one for one in found.rubrics if not one.too_few)))
        for name, found in measures.items()
    )
