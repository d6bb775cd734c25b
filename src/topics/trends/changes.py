"""Tests for rising and falling topics: changes beyond the usual fluctuation of a topic.

The unit is the period, not the article: articles of one story are not independent, so that tests on articles
would find any swing significant. The mean share of a topic, on the arcsine scale, which stabilizes its
variance (Bartlett 1947), is treated as quasi-binomial, with the dispersion estimated from the differences
between periods (McCullagh and Nelder 1989, 4.5). Each topic is tested for a slope over all periods, for a
step at the last period, and for a step at the last few, the duration of a story. Each test is made with
periods weighted by their articles and with equal weights, since sampling error shrinks with the number of
articles and the swing of stories does not; the larger p-value counts. The smallest of the three is
multiplied by three (Bonferroni), and the false discovery rate over all topics is controlled (Benjamini and
Hochberg 1995). Autocorrelation is not modelled: that a story lasts for weeks is news, not noise.
`docs/topics.md` has the rate of false alarms.
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

MIN_PERIODS = 6
"""Number of periods with articles needed for a test."""
FDR = 0.05
"""False discovery rate among the topics reported as rising or falling."""
_QUESTIONS = 3
_MIN_ERROR = 1e-9
"""Lower bound of standard errors, for shares that are constant up to rounding."""
_LATE_FRACTION = 3
"""The last third of the periods: a slope is reported as a change in it, and steps are tested within it."""


class TopicTrend(msgspec.Struct, frozen=True):
    """The trend of a topic."""

    topic: int
    """Its id."""
    direction: Direction
    since: str
    """First day of the late periods."""
    before: float
    """Mean share of the topic in the articles before `since`."""
    after: float
    """The same from `since` on."""
    p: float
    """p-value."""
    q: float
    """Adjusted p-value: the smallest false discovery rate at which the trend is reported."""


class TrendTests(NamedTuple):
    """Test results of all topics; periods without articles are left out."""

    start: npt.NDArray[np.intp]
    """(topics,): index of the first of the late periods."""
    sign: Floats
    """(topics,): positive if the topic rises."""
    p: Floats
    q: Floats

    def direction(self, topic: int) -> Direction:
        """Return the direction of the topic with this index."""
        if self.q[topic] > FDR:
            return "steady"
        return "rises" if self.sign[topic] > 0 else "falls"


def changes(activity: Activity) -> tuple[TopicTrend, ...]:
    """Test each topic, in the order of the model; () with fewer than `MIN_PERIODS` periods with articles."""
    counts = np.array(activity.counts, np.float64)
    shares = (
        np.array([topic.shares for topic in activity.topics], np.float64)
        .reshape(len(activity.topics), len(counts))
        .T
    )
    tests = detect_trends(counts, shares)
    if tests is None:
        return ()
    return tuple(
        TopicTrend(
            topic.topic,
            tests.direction(k),
            activity.periods[start],
            _mean(counts[:start], shares[:start, k]),
            _mean(counts[start:], shares[start:, k]),
            round(float(tests.p[k]), 6),
            round(float(tests.q[k]), 6),
        )
        for k, (topic, start) in enumerate(zip(activity.topics, tests.start.tolist(), strict=True))
    )


def detect_trends(counts: Floats, shares: Floats) -> TrendTests | None:
    """Test the mean shares of topics; None with fewer than `MIN_PERIODS` periods with articles.

    Args:
        counts: (periods,), number of articles.
        shares: (periods, topics), mean shares.
    """
    nonempty = np.flatnonzero(counts)
    if len(nonempty) < MIN_PERIODS:
        return None
    angles = np.arcsin(np.sqrt(shares[nonempty].clip(0, 1)))
    times, by_articles = nonempty.astype(np.float64), counts[nonempty, None]
    weights = (by_articles, np.ones_like(by_articles))
    third = len(nonempty) // _LATE_FRACTION
    results = [_conservative(*(_slopes(weight, angles, times) for weight in weights))]
    results += [
        _conservative(*(_steps(weight, angles, late) for weight in weights)) for late in range(1, third + 1)
    ]
    late_periods = np.array([third, *range(1, third + 1)])
    # Bonferroni: the slope and the last period are a test each, the other steps together are the third.
    questions = np.array([1, 1, *[third - 1] * (third - 1)])
    p_values = np.array([p for _, p in results]) * questions[:, None] * _QUESTIONS
    best = p_values.argmin(axis=0)
    topics = np.arange(angles.shape[1])
    p = np.minimum(p_values[best, topics], 1)
    return TrendTests(
        nonempty[-late_periods[best]], np.array([sign for sign, _ in results])[best, topics], p, _adjusted(p)
    )


def _conservative(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Return the t statistics of the first test, and the larger of the two p-values."""
    return first[0], np.maximum(first[1], second[1])


def _slopes(weights: Floats, angles: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Fit a line to each topic; return t statistics and p-values of the slopes, (topics,) each."""
    centred = (times - np.average(times, weights=weights[:, 0]))[:, None]
    spread = (weights * centred**2).sum(axis=0)
    level = (weights * angles).sum(axis=0) / weights.sum()
    slope = (weights * centred * angles).sum(axis=0) / spread
    degrees = len(times) - 2
    variance = (weights * (angles - level - slope * centred) ** 2).sum(axis=0) / degrees
    return _t_test(slope, np.sqrt(variance / spread), degrees)


def _steps(weights: Floats, angles: Floats, late: int) -> tuple[Floats, Floats]:
    """Compare the last periods with those before; return t statistics and p-values, (topics,) each."""
    parts = (weights[:-late], angles[:-late]), (weights[-late:], angles[-late:])
    before, after = ((weight * angle).sum(axis=0) / weight.sum() for weight, angle in parts)
    degrees = len(weights) - 2
    squares = [
        (weight * (angle - level) ** 2).sum(axis=0)
        for (weight, angle), level in zip(parts, (before, after), strict=True)
    ]
    error = np.sqrt(sum(squares) / degrees * sum(1 / weight.sum() for weight, _ in parts))
    return _t_test(after - before, error, degrees)


def _t_test(effect: Floats, error: Floats, degrees: int) -> tuple[Floats, Floats]:
    t = effect / np.maximum(error, _MIN_ERROR)
    return t, 2 * stdtr(degrees, -np.abs(t))


def _adjusted(p: Floats) -> Floats:
    """Return p-values adjusted by Benjamini and Hochberg."""
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    rates = np.empty_like(p)
    rates[order] = np.minimum.accumulate(steps[::-1])[::-1].clip(max=1)
    return rates


def _mean(counts: Floats, shares: Floats) -> float:
    return round(float((counts * shares).sum() / max(counts.sum(), 1)), 6)
