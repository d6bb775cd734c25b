"""Drift of a scoring job: what its versions read and answer, compared with their training at the end."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from topics.drift import profile
from topics.drift.comparing import LEAST, Drift, drift
from topics.drift.readings import GIVEN, REVIEW, TOPICS, Floats, Readings, names_of
from topics.drift.tally import Gauge
from topics.types import Article, TokenBatch, Topic
from topics.versions.registry import Version


class Stream:
    """Accumulates the input and answers of versions by their profiles; versions without one are skipped."""

    def __init__(self, versions: Sequence[Version], topics: Sequence[Topic]) -> None:
        self._topics = names_of(topics)
        self._gauges = {
            version.label: gauge
            for version in versions
            if (gauge := _gauge(version.folder, mix_alone=version is not versions[0]))
        }
        self._sums = {label: gauge.nothing() for label, gauge in self._gauges.items()}

    def on_batch(
        self, version: Version, articles: Sequence[Article], tokens: TokenBatch, said: Readings
    ) -> None:
        """Add the answers of a version about a batch."""
        if gauge := self._gauges.get(version.label):
            self._sums[version.label] += gauge.measure(articles, tokens, said)

    @property
    def summed(self) -> Floats:
        """All sums in one array; sums of parts of a stream add up to those of the whole."""
        return np.concatenate([np.zeros(0), *self._sums.values()])

    def add(self, summed: Floats) -> None:
        """Add the sums of another part of the stream."""
        if not self._sums:
            return
        ends = np.cumsum([len(sums) for sums in self._sums.values()])
        for sums, more in zip(self._sums.values(), np.split(summed, ends[:-1]), strict=True):
            sums += more

    def drift(self, but: Container[str] = ()) -> dict[str, Drift]:
        """Return version -> comparison, without the versions in `but` and streams of too few articles."""
        return {
            label: drift(gauge.profile, self._sums[label], topics=self._topics)
            for label, gauge in self._gauges.items()
            if label not in but and self._sums[label][0] >= LEAST
        }


def shares_in_training(version: Version) -> dict[str, float]:
    """Return the share of training articles given each rubric (`GIVEN` + name) and sent to `REVIEW`.

    Empty if the version has no profile.
    """
    gauge = _gauge(version.folder, mix_alone=False)
    if gauge is None:
        return {}
    looks = gauge.profile
    return {
        measure.name: float(np.average(means, weights=looks.facts.runs))
        for measure, _, means in looks.tables()
        if measure.name.startswith(GIVEN) or measure.name == REVIEW
    }


@lru_cache(4)
def _gauge(folder: Path, *, mix_alone: bool) -> Gauge | None:
    """Open the profile of a version; with `mix_alone` only topics are compared."""
    if not profile.is_kept(folder):
        return None
    looks = profile.load(folder)
    return Gauge(looks.only(TOPICS) if mix_alone else looks)
