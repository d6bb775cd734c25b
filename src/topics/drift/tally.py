"""A stream in the bins of a profile, as one array of additive sums."""

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
    sure,
)
from topics.errors import ModelError, listed
from topics.text.tokens import Numbering
from topics.types import Article, TokenBatch


class Tally(NamedTuple):
    """The sums of a stream, taken apart."""

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
        """Take apart the sums of a gauge of this profile."""
        measures = profile.facts.measures
        rubrics = rubrics_of(measures)
        widths = [1, *(measure.width for measure in measures), profile.common_words, len(measures)]
        [articles], *counts, words, sums, right = np.split(summed, np.cumsum(widths))
        of = dict(zip((measure.name for measure in measures), sums.tolist(), strict=True))
        promised = [
            expected(rubric, of[f"{GIVEN}{rubric}"], value, of[f"{SCORES}{rubric}"])
            for rubric, value in zip(rubrics, right.tolist(), strict=True)
        ]
        return cls(int(articles), counts, words, sums, tuple(promised))


class Gauge:
    """Counts articles in the bins of a profile; texts are not kept."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._number = Numbering(profile.words)

    def measure(self, articles: Sequence[Article], tokens: TokenBatch, said: Readings) -> Floats:
        """Return the sums of a batch: articles, their tokens and the answers of the version.

        Raises:
            ModelError: the profile belongs to another version.
        """
        places, measures = self._number(tokens), self.profile.facts.measures
        readings = of_text(tokens, places < 0, [article.outlet for article in articles]) | said
        told = readings.numbers.keys() | readings.names.keys()
        if unknown := {measure.name for measure in measures} - told:
            raise ModelError(f"the profile measures {listed(unknown)}, of which the version tells nothing")
        numbers = (readings.numbers.get(measure.name) for measure in measures)
        parts: list[Floats | Ints | list[float]] = [
            [len(articles)],
            *(np.bincount(bins(measure, readings), minlength=measure.width) for measure in measures),
            self._held(places, tokens),
            [0.0 if values is None else float(values.sum()) for values in numbers],
            sure(readings, rubrics_of(measures)),
        ]
        return np.concatenate(parts)

    def nothing(self) -> Floats:
        """Return the sums of no articles."""
        measures = self.profile.facts.measures
        size = self.profile.counts.shape[1] + len(measures) + len(rubrics_of(measures))
        return np.zeros(1 + size)

    def _held(self, places: Ints, tokens: TokenBatch) -> Ints:
        """Count the articles that contain each of the common words."""
        width = self.profile.common_words
        rows = np.repeat(np.arange(len(tokens)), np.diff(tokens.offsets))
        common = (places >= 0) & (places < width)
        held = np.zeros(len(tokens) * width, bool)
        held[rows[common] * width + places[common]] = True
        counts: Ints = held.reshape(len(tokens), width).sum(axis=0)
        return counts
