"""Metrics by outlet, month and length: where a version is weaker than overall."""

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

_MIN_ARTICLES = 20
"""Smallest number of articles of a slice; smaller ones are merged into `OTHER`."""
OTHER, UNKNOWN = "other", "unknown"
_DRAWS = 200
LENGTHS = (
    (49, "under 50 words"),
    (149, "50 to 149 words"),
    (299, "150 to 299 words"),
    (599, "300 to 599 words"),
    (math.inf, "600 words and more"),
)
"""Largest number of words of each length class, and its name."""


class Slice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of the articles of one outlet, month or length class."""

    name: str
    measure: Measure


class ArticleSlices(NamedTuple):
    """The slices that an article belongs to."""

    outlet: str
    month: str
    length: str


def slices_of(outlet: str, date: str, words: int) -> ArticleSlices:
    """Return the slices of an article by its outlet, date (ISO 8601 or "") and number of words."""
    length = next(name for longest, name in LENGTHS if words <= longest)
    return ArticleSlices(outlet or UNKNOWN, date[:7] or UNKNOWN, length)


def slices(names: Sequence[str], answers: Answers, rubrics: tuple[str, ...]) -> tuple[Slice, ...]:
    """Compute the metrics of each slice, sorted by name, length classes from short to long.

    Rubrics with too few positives in a slice are left out: hundreds of rubrics in a hundred months would be
    megabytes of noise.

    Args:
        names: n, the slice of each article.
        answers: for the n articles.
        rubrics: names of the columns.
    """
    sizes = Counter(names)
    merged = np.array([name if sizes[name] >= _MIN_ARTICLES else OTHER for name in names])
    ranks = {name: rank for rank, (_, name) in enumerate(LENGTHS)}
    ordered = sorted(set(merged.tolist()), key=lambda name: (name == OTHER, ranks.get(name, 0), name))
    parts = {name: answers.take(np.flatnonzero(merged == name)) for name in ordered}
    considered = answers.labelled
    measures = {name: measure(part, rubrics, _DRAWS, considered=considered) for name, part in parts.items()}
    return tuple(
        Slice(name, replace(result, rubrics=tuple(rubric for rubric in result.rubrics if not rubric.too_few)))
        for name, result in measures.items()
    )
