"""Drift measured during a scoring job: the input and answers of its versions against their training."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from topics.drift import profile
from topics.drift.comparing import MIN_ARTICLES, Drift, drift
from topics.drift.readings import GIVEN, REVIEW, TOPICS, Floats, Readings, names_of
from topics.drift.tally import Gauge
from topics.types import Article, TokenBatch, Topic
from topics.versions.registry import Version


class Stream:
    """Accumulates the input and answers of versions, to be compared with their training at the end."""

    def __init__(self, versions: Sequence[Version], topics: Sequence[Topic]) -> None:
        self._topics = names_of(topics)
        self._gauges = {
            version.label: _gauge(version.folder, topics_only=version is not versions[0])
            for version in versions
        }
        self._sums = {label: gauge.zeros() for label, gauge in self._gauges.items()}

    def on_batch(
        self, version: Version, articles: Sequence[Article], tokens: TokenBatch, answers: Readings
    ) -> None:
        """Add a batch and the answers of a version."""
        self._sums[version.label] += self._gauges[version.label].measure(articles, tokens, answers)

    @property
    def summed(self) -> Floats:
        """All sums in one array; those of parts of a stream add up to those of the stream."""
        return np.concatenate([np.zeros(0), *self._sums.values()])

    def add(self, summed: Floats) -> None:
        """Add the sums of another part of the stream."""
        ends = np.cumsum([len(sums) for sums in self._sums.values()])
        for sums, part in zip(self._sums.values(), np.split(summed, ends[:-1]), strict=True):
            sums += part

    def drift(self, except_: Container[str] = ()) -> dict[str, Drift]:
        """Return version -> comparison; versions in `except_`, and with too few articles, are left out."""
        return {
            label: drift(gauge.profile, self._sums[label], topics=self._topics)
            for label, gauge in self._gauges.items()
            if label not in except_ and self._sums[label][0] >= MIN_ARTICLES
        }


def shares_in_training(version: Version) -> dict[str, float]:
    """Return the share of training articles given each rubric (`GIVEN` + name) and sent to `REVIEW`."""
    reference = _gauge(version.folder, topics_only=False).profile
    return {
        measure.name: round(float(np.average(means, weights=reference.facts.runs)), 4)
        for measure, _, means in reference.tables()
        if measure.name.startswith(GIVEN) or measure.name == REVIEW
    }


@lru_cache(4)
def _gauge(folder: Path, *, topics_only: bool) -> Gauge:
    """Open the profile of a version; with `topics_only`, without its other measures."""
    reference = profile.load(folder)
    return Gauge(reference.only(TOPICS) if topics_only else reference)
