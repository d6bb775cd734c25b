"""Articles as they are measured, one number or one name an article, and what they add up to.

A tally is one array of sums over the bins of a profile. Tallies of batches, of shards and of whole streams
are added up alike, so that a stream of any size is compared in the memory of one.
"""

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
_NAMELESS = "unknown"


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A property of articles and the bins that it is counted in."""

    name: str
    edges: tuple[float, ...] = ()
    """Of a number: upper ends of all bins but the last."""
    labels: tuple[str, ...] = ()
    """Of names, as those of outlets: the names of the bins; what is none of them is in the last."""

    @property
    def width(self) -> int:
        """Count the bins."""
        return len(self.labels) or len(self.edges) + 1


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a rubric is given rightly if the probabilities are right: no labels are looked at."""

    rubric: str
    given: int
    precision: float | None
    """Mean probability of the articles that were given the rubric; None: none was."""
    recall: float | None
    """Their share of the probability of all articles."""


class Readings(NamedTuple):
    """Some articles as they are measured."""

    numbers: Mapping[str, Floats]
    """Measure -> (n,)."""
    names: Mapping[str, Sequence[str]]
    """Measure -> n names."""

    def __or__(self, others: Readings) -> Readings:
        """Measure the same articles by more."""
        return Readings({**self.numbers, **others.numbers}, {**self.names, **others.names})


def of_text(tokens: TokenBatch, unknown: npt.NDArray[np.bool_], outlets: Sequence[str]) -> Readings:
    """Measure articles without asking a model; `unknown` says which tokens are, shape (tokens,)."""
    lengths = np.diff(tokens.offsets)
    rows = np.repeat(np.arange(len(tokens)), lengths)
    shares: Floats = np.bincount(rows, unknown, len(tokens)) / np.maximum(lengths, 1)
    numbers = {UNKNOWN_WORDS: shares, LENGTH: np.asarray(lengths, np.float64)}
    return Readings(numbers, {OUTLETS: [outlet or _NAMELESS for outlet in outlets]})


def of_rubrics(judgement: Judgement, rubrics: Sequence[str]) -> Readings:
    """Measure what a version of rubrics said of articles."""
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
    """Measure what a version of topics said of articles, (n, topics): the id of each one's foremost topic."""
    names = [*(str(topic.id) for topic in topics), NO_TOPIC]
    foremost = np.where(shares.any(axis=1), shares.argmax(axis=1), len(topics))
    return Readings({}, {TOPICS: [names[k] for k in foremost.tolist()]})


def names_of(topics: Sequence[Topic]) -> dict[str, str]:
    """Topic id -> what an editor calls it, or its label."""
    return {str(topic.id): topic.name or topic.label for topic in topics}


def bins(measure: Measure, readings: Readings) -> Ints:
    """Tell the bin of each article."""
    if not measure.labels:
        return np.searchsorted(measure.edges, readings.numbers[measure.name], "left")
    places = {label: at for at, label in enumerate(measure.labels)}
    found = [places.get(name, measure.width - 1) for name in readings.names[measure.name]]
    return np.array(found, np.int64)


def rubrics_of(measures: Sequence[Measure]) -> list[str]:
    """Name the rubrics that are measured."""
    return [one.name.removeprefix(SCORES) for one in measures if one.name.startswith(SCORES)]


def sure(readings: Readings, rubrics: Sequence[str]) -> Floats:
    """Add up, rubric by rubric, the probabilities of the articles that were given it."""
    numbers = readings.numbers
    return np.array([numbers[f"{GIVEN}{rubric}"] @ numbers[f"{SCORES}{rubric}"] for rubric in rubrics])


def expected(rubric: str, given: float, sure: float, all_: float) -> Expected:
    """Say how good the answers should be; `sure`: the probabilities of the articles given it, added up."""
    return Expected(rubric, int(given), sure / given if given else None, sure / all_ if all_ > 0 else None)
