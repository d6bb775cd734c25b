"""Counting of a stream in the bins of a profile, as one array of additive sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from topics.drift.profile import Profile
from topics.drift.readings import (
    GIVEN,
    SCORES,
    Expected,
    Floats,
    Ints,
    Readings,
    bins,
    expected,
    of_text,
    rubrics_of,
    sum_given,
)
from topics.errors import ModelError, listed
from topics.text.tokens import Numbering
from topics.types import Article, TokenBatch


class Tally(NamedTuple):
    """The sums of a stream by their meaning."""

    articles: int
    counts: list[Floats]
    """Counts of each measure, shape (bins,) each."""
    words: Floats
    """(common words,): articles that contain each."""
    sums: Floats
    """(measures,): sums of values; 0 where the measure is not a number."""
    expected: tuple[Expected, ...]

    @classmethod
    def of(cls, profile: Profile, summed: Floats) -> Self:
        """Split the sums of a gauge of this profile."""
        measures = profile.facts.measures
        rubrics = rubrics_of(measures)
        widths = [1, *(measure.width for measure in measures), profile.common_words, len(measures)]
        [articles], *counts, words, sums, given_sums = np.split(summed, np.cumsum(widths))
        sum_of = dict(zip((measure.name for measure in measures), sums.tolist(), strict=True))
        expected_quality = [
            expected(rubric, sum_of[f"{GIVEN}{rubric}"], value, sum_of[f"{SCORES}{rubric}"])
            for rubric, value in zip(rubrics, given_sums.tolist(), strict=True)
        ]
        return cls(int(articles), counts, words, sums, tuple(expected_quality))


class Gauge:
    """Counts articles in the bins of a profile, without keeping texts."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._numbering = Numbering(profile.words)

    def measure(self, articles: Sequence[Article], tokens: TokenBatch, answers: Readings) -> Floats:
        """Return the sums of a batch: articles, their tokens and the answers of the version.

        Raises:
            ModelError: the profile belongs to another version.
        """
        numbers, measures = self._numbering(tokens), self.profile.facts.measures
        readings = of_text(tokens, numbers < 0, [article.outlet for article in articles]) | answers
        measured = readings.numbers.keys() | readings.names.keys()
        if unknown := {measure.name for measure in measures} - measured:
            raise ModelError(f"the profile measures {listed(unknown)}, which the version does not")
        values = (readings.numbers.get(measure.name) for measure in measures)
        parts: list[Floats | Ints | list[float]] = [
            [len(articles)],
            *(np.bincount(bins(measure, readings), minlength=measure.width) for measure in measures),
            self._count_common(numbers, tokens),
            [0.0 if each is None else float(each.sum()) for each in values],
            sum_given(readings, rubrics_of(measures)),
        ]
        return np.concatenate(parts)

    def zeros(self) -> Floats:
        """Return the sums of no articles."""
        measures = self.profile.facts.measures
        size = self.profile.counts.shape[1] + len(measures) + len(rubrics_of(measures))
        return np.zeros(1 + size)

    def _count_common(self, numbers: Ints, tokens: TokenBatch) -> Ints:
        """Count the articles that contain each of the common words."""
        width = self.profile.common_words
        rows = np.repeat(np.arange(len(tokens)), np.diff(tokens.offsets))
        common = (numbers >= 0) & (numbers < width)
        contains = np.zeros(len(tokens) * width, bool)
        contains[rows[common] * width + numbers[common]] = True
        counts: Ints = contains.reshape(len(tokens), width).sum(axis=0)
        return counts
