"""Confidence intervals by a cluster bootstrap over articles: reprints are drawn together.

A draw takes as many groups of articles as there are, with replacement, and is represented by weights: how
often each article was drawn. A statistic takes a block of draws and returns one column per draw, so a
thousand draws of ten thousand articles and hundreds of rubrics take a few products with sparse matrices.
See Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 13; Koehn, EMNLP 2004, for
paired comparison.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Truth = npt.NDArray[np.int8]

Weights = npt.NDArray[np.float64]
"""(articles, draws): how often each article was drawn."""
Statistic = Callable[[Weights], Floats]
"""Weights of d draws -> (metrics, d); NaN where a metric is undefined, as recall without positives."""

DRAWS = 2000
_MANY = 1000
"""Draws that are enough to estimate a mean and a standard deviation."""
_AT_ONCE = 4_000_000
"""Weights held at a time, 32 MB."""


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric and its 95 % confidence interval."""

    value: float
    low: float
    high: float


def bootstrap(
    statistic: Statistic, groups: npt.NDArray[np.integer], draws: int = DRAWS
) -> tuple[Floats, Floats]:
    """Compute a statistic on the articles and on bootstrap draws of them.

    Args:
        statistic: weights -> metrics.
        groups: (articles,); articles with the same number are drawn together.
        draws: number of draws; they do not depend on the statistic, so statistics can be compared pairwise.

    Returns:
        The metrics, shape (metrics,), and those of each draw, shape (metrics, draws).
    """
    parts = [statistic(weights) for weights in _drawn(groups, draws)]
    return as_they_are(statistic, len(groups)), np.concatenate(parts, axis=1)


def as_they_are(statistic: Statistic, articles: int) -> Floats:
    """Return metrics, shape (metrics,), with every article counted once."""
    metrics: Floats = statistic(np.ones((articles, 1)))[:, 0]
    return metrics


def intervals(value: Floats, drawn: Floats) -> list[Interval]:
    """Return percentile intervals; NaN for a metric that is undefined in every draw."""
    found = []
    for at, row in zip(value.tolist(), drawn, strict=True):
        defined = row[~np.isnan(row)]
        low, high = np.quantile(defined, [0.025, 0.975]).tolist() if len(defined) else (np.nan, np.nan)
        found.append(Interval(at, low, high))
    return found


def widened(found: Interval, n: float) -> Interval:
    """Make the interval of a proportion at least as wide as Wilson's (1927) for n articles.

    If ten of ten articles are right, so is every draw; yet one of the next ten may well be wrong.
    """
    low, high = wilson(found.value, n)
    return Interval(found.value, min(found.low, low), max(found.high, high))


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return Wilson's (1927) 95 % confidence interval of a proportion observed in n trials.

    NaN if the proportion is NaN or there are no trials.
    """
    z = statistics.NormalDist().inv_cdf(0.975)
    if math.isnan(share) or n <= 0:
        return math.nan, math.nan
    middle, spread = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max((middle - spread) / (1 + z * z / n), 0.0), min((middle + spread) / (1 + z * z / n), 1.0)


def averaged(found: Interval, parts: Sequence[Interval]) -> Interval:
    """Make the interval of a mean at least as wide as those of its parts imply if independent."""
    defined = [part for part in parts if not math.isnan(part.value)]
    if not defined:
        return found
    value, count = found.value, len(defined)
    below = math.hypot(*(part.value - part.low for part in defined)) / count
    above = math.hypot(*(part.high - part.value for part in defined)) / count
    return Interval(value, max(min(found.low, value - below), 0.0), min(max(found.high, value + above), 1.0))


def chance_of_loss(drawn: Floats) -> Floats:
    """Return one-sided p-values of «no loss» from bootstrap draws of differences, shape (metrics,).

    Small where nearly every draw is below zero; 1 where no draw is defined. If all of many draws are below
    zero, the p-value cannot fall below about one in a thousand, and `holm` would hide any loss among
    hundreds of rubrics; a normal approximation is used there.

    Args:
        drawn: (metrics, draws); NaN where undefined.
    """
    defined = ~np.isnan(drawn)
    below, count = defined & (np.nan_to_num(drawn) < 0), defined.sum(axis=1)
    p: Floats = (count - below.sum(axis=1) + 1) / (count + 1)
    for row in np.flatnonzero((below.sum(axis=1) == count) & (count >= _MANY)).tolist():
        draws = drawn[row, defined[row]]
        spread = max(float(draws.std()), 1e-12)
        p[row] = min(p[row], statistics.NormalDist().cdf(float(draws.mean()) / spread))
    return p


def holm(p: Floats) -> Floats:
    """Return p-values corrected for multiple testing (Holm 1979)."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def counted_metrics(truth: Truth, given: Bools, told: Bools | None = None) -> Statistic:
    """Return the statistic of metrics of decisions.

    Args:
        truth: (articles, rubrics); 1 if the rubric is right, 0 if not, -1 if unknown and ignored.
        given: the same shape.
        told: (rubrics,), rubrics that exact match takes into account; None: those with known labels.

    Returns:
        A statistic of 3 * rubrics + 2 metrics: precision of every rubric, recall of every rubric, F1 of every
        rubric, micro-F1, exact match. Exact match uses articles for which all rubrics in `told` are known.
    """
    known, rubrics = truth >= 0, truth.shape[1]
    asked = known.any(axis=0) if told is None else told
    whole = known[:, asked].all(axis=1, keepdims=True) & asked.any()
    exact = whole & ((truth == 1) == given)[:, asked].all(axis=1, keepdims=True)
    blocks = [known & given & (truth == 1), known & given, truth == 1, exact, whole]
    counts = sparse.csr_array(np.concatenate(blocks, axis=1).T.astype(np.float64))

    def statistic(weights: Weights) -> Floats:
        sums: Floats = np.asarray(counts @ weights)
        hits, said, holds = (sums[k * rubrics : (k + 1) * rubrics] for k in range(3))
        total = said + holds
        f1 = _ratio(2 * hits, total)
        micro = _ratio(2 * hits.sum(axis=0), total.sum(axis=0))
        match = _ratio(sums[-2], sums[-1])
        return np.concatenate([_ratio(hits, said), _ratio(hits, holds), f1, [micro, match]])

    return statistic


def average_precisions(truth: Truth, scores: Floats) -> Statistic:
    """Return the statistic of average precision of each rubric.

    Ties are one step of the curve, as in scikit-learn's average_precision_score.

    Args:
        truth: (articles, rubrics); 1 if the rubric is right, 0 if not, -1 if unknown and ignored.
        scores: the same shape.
    """
    curves = [_curve(truth[:, r], scores[:, r]) for r in range(truth.shape[1])]

    return lambda weights: np.stack([curve(weights) for curve in curves])


def _curve(truth: npt.NDArray[np.int8], scores: Floats) -> Callable[[Weights], Floats]:
    """Return average precision of one rubric: precision at each step, weighted by the positives of the step.

    Only steps with positives matter, so the articles between two of them, thousands for a rare rubric, are
    one sum.
    """
    rows = np.flatnonzero(truth >= 0)
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    holds = truth[rows] == 1
    ends = np.flatnonzero(np.append(scores[rows][:-1] > scores[rows][1:], True)) + 1
    steps = np.unique(ends[np.searchsorted(ends, np.flatnonzero(holds), side="right")])
    said = _sums(rows, steps, len(truth))
    hits = _sums(rows[holds], np.cumsum(holds)[steps - 1], len(truth))

    def average_precision(weights: Weights) -> Floats:
        step = hits @ weights
        precision = _ratio(np.cumsum(step, axis=0), np.cumsum(said @ weights, axis=0))
        return _ratio((step * np.nan_to_num(precision)).sum(axis=0), step.sum(axis=0))

    return average_precision


def _sums(rows: npt.NDArray[np.intp], ends: npt.NDArray[np.intp], articles: int) -> sparse.csr_array:
    """Return the matrix that sums articles: `rows` up to the first end, then up to the second, and so on."""
    starts = np.append(0, ends)
    chosen = rows[: starts[-1]]
    return sparse.csr_array((np.ones(len(chosen)), chosen, starts), shape=(len(ends), articles))


def _drawn(groups: npt.NDArray[np.integer], draws: int) -> Iterator[Weights]:
    _, member = np.unique(groups, return_inverse=True)
    number = int(member.max()) + 1 if len(member) else 0
    generator = np.random.default_rng(0)
    at_once = max(1, _AT_ONCE // max(len(groups), 1))
    for start in range(0, draws, at_once):
        block = min(at_once, draws - start)
        picks = generator.integers(0, max(number, 1), (block, number))
        flat = picks * block + np.arange(block)[:, None]
        times = np.bincount(flat.ravel(), minlength=block * number).reshape(number, block)
        yield times[member].astype(np.float64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return ratio
