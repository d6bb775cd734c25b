"""Tests for rising and falling topics: changes beyond the usual fluctuation of a topic.

The unit is the period, not the article: articles of one story come together, so a count of articles makes any
swing look certain. The mean share of a topic, on the angular scale on which its variance does not depend on
it (Bartlett 1947), is taken as a quasi-binomial quantity whose dispersion is measured by how much periods
differ (McCullagh and Nelder 1989, 4.5). Three questions are asked of each topic: is there a slope over all
periods, does the last one stand out from those before, and do the last few, which a story of some weeks
fills. Each is answered twice, as if a period were as sure as it has articles, and as if all were alike, since
chance shrinks with the number of articles and the swing of stories does not; the less sure answer counts.
Three times the smallest p is taken, and over all topics the false discovery rate is held (Benjamini and
Hochberg 1995). That one week of a long story leads to another is not noise here, but news. `docs/topics.md`
has the rate of false alarms.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from topics.trends.activity import Activity

Floats = npt.NDArray[np.float64]
Direction: TypeAlias = Literal["rises", "falls", "steady"]

LEAST = 6
"""Number of periods with articles needed for a test."""
RATE = 0.05
"""False discovery rate among the topics reported as rising or falling."""
_QUESTIONS = 3
_LEAST_ERROR = 1e-9
"""Lower bound of standard errors, for shares that were constant up to rounding."""
_LATE = 3
"""A slope is reported as a change of the last third of the periods; steps are tested up to that."""


class Change(msgspec.Struct, frozen=True):
    """Change of a topic."""

    topic: int
    """Its id."""
    direction: Direction
    since: str
    """The first day of the late periods: of the last one, or of the last third."""
    before: float
    """Mean share of the topic in the articles before."""
    after: float
    """In those since."""
    p: float
    """p-value."""
    q: float
    """Smallest false discovery rate at which it is reported (adjusted p-value)."""


class Found(NamedTuple):
    """`Change` in numbers, for all topics; periods without articles are left out."""

    start: npt.NDArray[np.intp]
    """(topics,): index of the first of the late periods."""
    sign: Floats
    """(topics,): positive if the topic rises."""
    p: Floats
    q: Floats

    def direction(self, topic: int) -> Direction:
        """Return the direction of the topic with this index."""
        if self.q[topic] > RATE:
            return "steady"
        return "rises" if self.sign[topic] > 0 else "falls"


def changes(activity: Activity) -> tuple[Change, ...]:
    """Judge each topic, in the order of the model; none: there are fewer than LEAST periods with articles."""
    counts = np.array(activity.counts, np.float64)
    shares = (
        np.array([topic.shares for topic in activity.topics], np.float64)
        .reshape(len(activity.topics), len(counts))
        .T
    )
    found = judge(counts, shares)
    if found is None:
        return ()
    return tuple(
        Change(
            topic.topic,
            found.direction(k),
            activity.periods[start],
            _mean(counts[:start], shares[:start, k]),
            _mean(counts[start:], shares[start:, k]),
            round(float(found.p[k]), 6),
            round(float(found.q[k]), 6),
        )
        for k, (topic, start) in enumerate(zip(activity.topics, found.start.tolist(), strict=True))
    )


def judge(counts: Floats, shares: Floats) -> Found | None:
    """Test the mean shares of topics for changes; None with fewer than LEAST periods that have articles.

    Args:
        counts: (periods,), number of articles.
        shares: (periods, topics), mean shares.
    """
    full = np.flatnonzero(counts)
    if len(full) < LEAST:
        return None
    angles = np.arcsin(np.sqrt(shares[full].clip(0, 1)))
    times, by_articles = full.astype(np.float64), counts[full, None]
    weights = (by_articles, np.ones_like(by_articles))
    third = len(full) // _LATE
    found = [_less_sure(*(_slopes(weight, angles, times) for weight in weights))]
    found += [
        _less_sure(*(_steps(weight, angles, late) for weight in weights)) for late in range(1, third + 1)
    ]
    lates = np.array([third, *range(1, third + 1)])
    # The last period alone is a question of its own, the last two to the last third are one together.
    asked = np.array([1, 1, *[third - 1] * (third - 1)])
    chances = np.array([p for _, p in found]) * asked[:, None] * _QUESTIONS
    best = chances.argmin(axis=0)
    topics = np.arange(angles.shape[1])
    p = np.minimum(chances[best, topics], 1)
    return Found(full[-lates[best]], np.array([sign for sign, _ in found])[best, topics], p, _adjusted(p))


def _less_sure(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Return the t statistics of the first test, and the larger of the two p-values."""
    return one[0], np.maximum(one[1], other[1])


def _slopes(weights: Floats, angles: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Fit a line to each topic; return t statistics and p-values of the slopes, (topics,) each."""
    centred = (times - np.average(times, weights=weights[:, 0]))[:, None]
    spread = (weights * centred**2).sum(axis=0)
    level = (weights * angles).sum(axis=0) / weights.sum()
    slope = (weights * centred * angles).sum(axis=0) / spread
    freedom = len(times) - 2
    scatter = (weights * (angles - level - slope * centred) ** 2).sum(axis=0) / freedom
    return _judged(slope, np.sqrt(scatter / spread), freedom)


def _steps(weights: Floats, angles: Floats, late: int) -> tuple[Floats, Floats]:
    """Compare the last periods with those before; return t statistics and p-values, (topics,) each."""
    parts = (weights[:-late], angles[:-late]), (weights[-late:], angles[-late:])
    before, after = ((weight * angle).sum(axis=0) / weight.sum() for weight, angle in parts)
    freedom = len(weights) - 2
    squares = [
        (weight * (angle - level) ** 2).sum(axis=0)
        for (weight, angle), level in zip(parts, (before, after), strict=True)
    ]
    error = np.sqrt(sum(squares) / freedom * sum(1 / weight.sum() for weight, _ in parts))
    return _judged(after - before, error, freedom)


def _judged(effect: Floats, error: Floats, freedom: int) -> tuple[Floats, Floats]:
    t = effect / np.maximum(error, _LEAST_ERROR)
    return t, 2 * stdtr(freedom, -np.abs(t))


def _adjusted(p: Floats) -> Floats:
    """Return p-values adjusted by Benjamini and Hochberg."""
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    rates = np.empty_like(p)
    rates[order] = np.minimum.accumulate(steps[::-1])[::-1].clip(max=1)
    return rates


def _mean(counts: Floats, shares: Floats) -> float:
    return round(float((counts * shares).sum() / max(counts.sum(), 1)), 6)
