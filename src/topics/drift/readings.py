"""Measures of articles: a number or a name per article, and the bins of their histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from topics.rubrics.rules import Judgement
from topics.types import TokenBatch, Topic

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]

UNKNOWN_WORDS, LENGTH, OUTLETS, TOPICS = "unknown words", "length", "outlets", "topics"
UNTAGGED, REVIEW, GIVEN, SCORES = "untagged", "review", "given: ", "scores: "
NO_TOPIC = "no topic"
_NO_OUTLET = "unknown"


class DriftMeasure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A property of articles and the bins of its histogram."""

    name: str
    edges: tuple[float, ...] = ()
    """Upper ends of all bins but the last, if the measure is a number."""
    labels: tuple[str, ...] = ()
    """Names of the bins, if the measure is a name, such as the outlet; the last bin is for other names."""

    @property
    def width(self) -> int:
        """Number of bins."""
        return len(self.labels) or len(self.edges) + 1


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Expected quality of a rubric if the probabilities are calibrated; labels are not needed."""

    rubric: str
    given: int
    precision: float | None
    """Mean probability of the articles given the rubric; None without such articles."""
    recall: float | None
    """Sum of the probabilities of these articles over the sum of all probabilities."""


class Readings(NamedTuple):
    """Measures of n articles."""

    numbers: Mapping[str, Floats]
    """Measure -> (n,)."""
    names: Mapping[str, Sequence[str]]
    """Measure -> n names."""

    def __or__(self, others: Readings) -> Readings:
        """Combine measures of the same articles."""
        return Readings({**self.numbers, **others.numbers}, {**self.names, **others.names})


def of_text(tokens: TokenBatch, unknown: npt.NDArray[np.bool_], outlets: Sequence[str]) -> Readings:
    """Measure texts and outlets; `unknown`, shape (tokens,), marks unknown tokens."""
    lengths = np.diff(tokens.offsets)
    rows = np.repeat(np.arange(len(tokens)), lengths)
    shares: Floats = np.bincount(rows, unknown, len(tokens)) / np.maximum(lengths, 1)
    numbers = {UNKNOWN_WORDS: shares, LENGTH: np.asarray(lengths, np.float64)}
    return Readings(numbers, {OUTLETS: [outlet or _NO_OUTLET for outlet in outlets]})


def of_rubrics(judgement: Judgement, rubrics: Sequence[str]) -> Readings:
    """Measure the answers of a version of rubrics."""
    probabilities, given, review = judgement
    numbers = {
        UNTAGGED: np.asarray(~given.any(axis=1), np.float64),
        REVIEW: review.astype(np.float64),
    }
    for r, rubric in enumerate(rubrics):
        numbers[f"{GIVEN}{rubric}"] = given[:, r].astype(np.float64)
        numbers[f"{SCORES}{rubric}"] = probabilities[:, r]
    return Readings(numbers, {})


def of_topics(shares: npt.NDArray[np.float32], topics: Sequence[Topic]) -> Readings:
    """Measure shares of topics, shape (n, topics), by the id of the main topic of each article."""
    names = [*(str(topic.id) for topic in topics), NO_TOPIC]
    main = np.where(shares.any(axis=1), shares.argmax(axis=1), len(topics))
    return Readings({}, {TOPICS: [names[k] for k in main.tolist()]})


def names_of(topics: Sequence[Topic]) -> dict[str, str]:
    """Return topic id -> name given by an editor, or label."""
    return {str(topic.id): topic.name or topic.label for topic in topics}


def bins(measure: DriftMeasure, readings: Readings) -> Ints:
    """Return the bin of each article, shape (n,)."""
    if not measure.labels:
        return np.searchsorted(measure.edges, readings.numbers[measure.name], "left")
    numbers = {label: number for number, label in enumerate(measure.labels)}
    result = [numbers.get(name, measure.width - 1) for name in readings.names[measure.name]]
    return np.array(result, np.int64)


def rubrics_of(measures: Sequence[DriftMeasure]) -> list[str]:
    """Return the rubrics among the measures."""
    return [measure.name.removeprefix(SCORES) for measure in measures if measure.name.startswith(SCORES)]


def sum_given(readings: Readings, rubrics: Sequence[str]) -> Floats:
    """Sum the probabilities of the articles given each rubric, shape (rubrics,)."""
    numbers = readings.numbers
    return np.array([numbers[f"{GIVEN}{rubric}"] @ numbers[f"{SCORES}{rubric}"] for rubric in rubrics])


def expected(rubric: str, given: float, given_sum: float, total: float) -> Expected:
    """Return the expected quality; `sure` and `all_` sum probabilities over given and over all articles."""
    return Expected(
        rubric, int(given), given_sum / given if given else None, given_sum / total if total > 0 else None
    )
