"""Confidence intervals by a cluster bootstrap over articles: reprints are drawn together.

A draw takes as many groups of articles as there are, with replacement, and is represented by weights: how
often each article was drawn. A statistic takes a block of draws and returns a column per draw, so that a
thousand draws of ten thousand articles and hundreds of rubrics take a few sparse matrix products. See Efron
and Tibshirani, 1993, "An introduction to the bootstrap", chapters 6 and 13; for paired comparison, Koehn,
2004, "Statistical significance tests for machine translation evaluation".
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
_ENOUGH_DRAWS = 1000
"""Number of draws from which a mean and a standard deviation can be estimated."""
_BLOCK_WEIGHTS = 4_000_000
"""Weights in memory at a time, 32 MB."""


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
    parts = [statistic(weights) for weights in _draw_weights(groups, draws)]
    return unweighted(statistic, len(groups)), np.concatenate(parts, axis=1)


def unweighted(statistic: Statistic, articles: int) -> Floats:
    """Return the metrics, shape (metrics,), with weight 1 for every article."""
    metrics: Floats = statistic(np.ones((articles, 1)))[:, 0]
    return metrics


def intervals(value: Floats, drawn: Floats) -> list[Interval]:
    """Return percentile intervals; NaN for a metric that is undefined in every draw."""
    result = []
    for each, row in zip(value.tolist(), drawn, strict=True):
        defined = row[~np.isnan(row)]
        low, high = np.quantile(defined, [0.025, 0.975]).tolist() if len(defined) else (np.nan, np.nan)
        result.append(Interval(each, low, high))
    return result


def widened(interval: Interval, n: float) -> Interval:
    """Make the interval of a proportion at least as wide as Wilson's (1927) for n articles.

    If ten of ten articles are right, so is every draw, and the bootstrap interval would have no width.
    """
    low, high = wilson(interval.value, n)
    return Interval(interval.value, min(interval.low, low), max(interval.high, high))


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return Wilson's (1927) 95 % confidence interval of a proportion observed in n trials.

    NaN if the proportion is NaN or there are no trials.
    """
    z = statistics.NormalDist().inv_cdf(0.975)
    if math.isnan(share) or n <= 0:
        return math.nan, math.nan
    middle, spread = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max((middle - spread) / (1 + z * z / n), 0.0), min((middle + spread) / (1 + z * z / n), 1.0)


def averaged(interval: Interval, parts: Sequence[Interval]) -> Interval:
    """Make the interval of a mean at least as wide as those of its parts imply if independent."""
    defined = [part for part in parts if not math.isnan(part.value)]
    if not defined:
        return interval
    value, count = interval.value, len(defined)
    below = math.hypot(*(part.value - part.low for part in defined)) / count
    above = math.hypot(*(part.high - part.value for part in defined)) / count
    low, high = min(interval.low, value - below), max(interval.high, value + above)
    return Interval(value, max(low, 0.0), min(high, 1.0))


def chance_of_loss(drawn: Floats) -> Floats:
    """Return one-sided p-values of no loss, shape (metrics,), from bootstrap draws of differences.

    Small if nearly every draw is below zero; 1 if no draw is defined. If all draws are below zero, the share
    of the others cannot be less than about 1 / draws, too much for `holm` with hundreds of rubrics; a normal
    approximation is used then.

    Args:
        drawn: (metrics, draws); NaN where undefined.
    """
    defined = ~np.isnan(drawn)
    below, count = defined & (np.nan_to_num(drawn) < 0), defined.sum(axis=1)
    p: Floats = (count - below.sum(axis=1) + 1) / (count + 1)
    for row in np.flatnonzero((below.sum(axis=1) == count) & (count >= _ENOUGH_DRAWS)).tolist():
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


def counted_metrics(truth: Truth, given: Bools, considered: Bools | None = None) -> Statistic:
    """Return the statistic of metrics of decisions.

    Args:
        truth: (articles, rubrics); 1 if the rubric is right, 0 if not, -1 if unknown and ignored.
        given: the same shape.
        considered: (rubrics,), rubrics that exact match takes into account; None: those with known labels.

    Returns:
        A statistic of 3 * rubrics + 2 metrics: precision of every rubric, recall of every rubric, F1 of every
        rubric, micro-F1, exact match. Exact match uses articles with all `considered` rubrics known.
    """
    known, rubrics = truth >= 0, truth.shape[1]
    columns = known.any(axis=0) if considered is None else considered
    complete = known[:, columns].all(axis=1, keepdims=True) & columns.any()
    exact = complete & ((truth == 1) == given)[:, columns].all(axis=1, keepdims=True)
    blocks = [known & given & (truth == 1), known & given, truth == 1, exact, complete]
    counts = sparse.csr_array(np.concatenate(blocks, axis=1).T.astype(np.float64))

    def statistic(weights: Weights) -> Floats:
        sums: Floats = np.asarray(counts @ weights)
        hits, predicted, actual = (sums[k * rubrics : (k + 1) * rubrics] for k in range(3))
        total = predicted + actual
        f1 = _ratio(2 * hits, total)
        micro = _ratio(2 * hits.sum(axis=0), total.sum(axis=0))
        match = _ratio(sums[-2], sums[-1])
        return np.concatenate([_ratio(hits, predicted), _ratio(hits, actual), f1, [micro, match]])

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

    Only steps with positives matter, so that the articles between two of them, thousands for a rare rubric,
    are summed at once.
    """
    rows = np.flatnonzero(truth >= 0)
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    holds = truth[rows] == 1
    ends = np.flatnonzero(np.append(scores[rows][:-1] > scores[rows][1:], True)) + 1
    steps = np.unique(ends[np.searchsorted(ends, np.flatnonzero(holds), side="right")])
    predicted = _sums(rows, steps, len(truth))
    hits = _sums(rows[holds], np.cumsum(holds)[steps - 1], len(truth))

    def average_precision(weights: Weights) -> Floats:
        step = hits @ weights
        precision = _ratio(np.cumsum(step, axis=0), np.cumsum(predicted @ weights, axis=0))
        return _ratio((step * np.nan_to_num(precision)).sum(axis=0), step.sum(axis=0))

    return average_precision


def _sums(rows: npt.NDArray[np.intp], ends: npt.NDArray[np.intp], articles: int) -> sparse.csr_array:
    """Return the matrix that sums articles: `rows` up to the first end, then up to the second, and so on."""
    starts = np.append(0, ends)
    chosen = rows[: starts[-1]]
    return sparse.csr_array((np.ones(len(chosen)), chosen, starts), shape=(len(ends), articles))


def _draw_weights(groups: npt.NDArray[np.integer], draws: int) -> Iterator[Weights]:
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max()) + 1 if len(group) else 0
    generator = np.random.default_rng(0)
    block_size = max(1, _BLOCK_WEIGHTS // max(len(groups), 1))
    for start in range(0, draws, block_size):
        block = min(block_size, draws - start)
        picks = generator.integers(0, max(count, 1), (block, count))
        flat = picks * block + np.arange(block)[:, None]
        times = np.bincount(flat.ravel(), minlength=block * count).reshape(count, block)
        yield times[group].astype(np.float64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return ratio
