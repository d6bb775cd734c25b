"""How sure a figure is: bootstrap over articles, reprints drawn together.

A draw takes as many groups of articles as there are, with replacement, and is kept as weights: how often each
article was drawn. A statistic gets a block of draws at once and answers with one column a draw, so that a
thousand draws over ten thousand articles and hundreds of rubrics are a few products with sparse matrices. See
Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 13; Koehn, EMNLP 2004, for paired
comparison.
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
"""Weights of d draws -> (figures, d). NaN where a figure has no meaning, as recall without positives."""

DRAWS = 2000
_MANY = 1000
"""Draws that tell a mean and a spread."""
_AT_ONCE = 4_000_000
"""Weights held at a time, 32 MB."""


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure and the range in which 95 of 100 such samples of articles would put it."""

    value: float
    low: float
    high: float


def bootstrap(
    statistic: Statistic, groups: npt.NDArray[np.integer], draws: int = DRAWS
) -> tuple[Floats, Floats]:
    """Compute figures on the articles as they are, and on draws of them.

    Args:
        statistic: is given weights, answers with figures.
        groups: (articles,); articles of one number are drawn together.
        draws: how many; the same ones whatever the statistic, so that two of them can be compared.

    Returns:
        The figures, shape (figures,), and those of each draw, shape (figures, draws).
    """
    parts = [statistic(weights) for weights in _drawn(groups, draws)]
    return as_they_are(statistic, len(groups)), np.concatenate(parts, axis=1)


def as_they_are(statistic: Statistic, articles: int) -> Floats:
    """Compute figures, shape (figures,), with every article counted once."""
    metrics: Floats = statistic(np.ones((articles, 1)))[:, 0]
    return metrics


def intervals(value: Floats, drawn: Floats) -> list[Interval]:
    """Cut the tails off the draws (percentile intervals); a figure that no draw has is NaN all over."""
    found = []
    for at, row in zip(value.tolist(), drawn, strict=True):
        defined = row[~np.isnan(row)]
        low, high = np.quantile(defined, [0.025, 0.975]).tolist() if len(defined) else (np.nan, np.nan)
        found.append(Interval(at, low, high))
    return found


def widened(found: Interval, n: float) -> Interval:
    """Make an interval of a share no narrower than Wilson's (1927) for n articles.

    Of ten articles that are all right every draw is, too, and yet one of the next ten may well be wrong.
    """
    low, high = wilson(found.value, n)
    return Interval(found.value, min(found.low, low), max(found.high, high))


def wilson(share: float, n: float) -> tuple[float, float]:
    """Compute the range in which the true share lies, of which n trials found this one: 95 of 100 times.

    NaN for a share that is none.
    """
    z = statistics.NormalDist().inv_cdf(0.975)
    if math.isnan(share) or n <= 0:
        return math.nan, math.nan
    middle, spread = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max((middle - spread) / (1 + z * z / n), 0.0), min((middle + spread) / (1 + z * z / n), 1.0)


def averaged(found: Interval, parts: Sequence[Interval]) -> Interval:
    """Make the interval of an average no narrower than those of its parts allow, if these err apart."""
    defined = [part for part in parts if not math.isnan(part.value)]
    if not defined:
        return found
    value, count = found.value, len(defined)
    below = math.hypot(*(part.value - part.low for part in defined)) / count
    above = math.hypot(*(part.high - part.value for part in defined)) / count
    return Interval(value, max(min(found.low, value - below), 0.0), min(max(found.high, value + above), 1.0))


def chance_of_loss(drawn: Floats) -> Floats:
    """Say how well draws of differences agree with «no loss»: one-sided p-values, shape (figures,).

    Small where nearly every draw is below zero; 1 where no draw is defined. Where all of many draws are below
    zero, they cannot tell how much smaller it is than one in a thousand, and `holm` would hide any loss among
    hundreds of rubrics: there it is as if the draws were normally distributed.
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
    """Correct p-values for their number (Holm 1979): of many figures some fall by chance alone."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def counted_metrics(truth: Truth, given: Bools, told: Bools | None = None) -> Statistic:
    """Make the statistic of what is given: 3 figures a rubric, then micro-F1 and exact match.

    Args:
        truth: (articles, rubrics); 1 holds, 0 does not, -1 is not known and does not count.
        given: the same shape.
        told: (rubrics,), which of them exact match asks about; None: those of which something is known.

    Returns:
        A statistic of 3 * rubrics + 2 figures: precision of every rubric, recall of every rubric, F1 of every
        rubric, micro-F1, exact match. Exact match counts articles of which all that it asks about is known.
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
    """Make the statistic of average precision, one figure a rubric.

    Ties are one step of the curve, as in scikit-learn's average_precision_score.

    Args:
        truth: (articles, rubrics); 1 holds, 0 does not, -1 is not known and does not count.
        scores: the same shape.
    """
    curves = [_curve(truth[:, r], scores[:, r]) for r in range(truth.shape[1])]

    return lambda weights: np.stack([curve(weights) for curve in curves])


def _curve(truth: npt.NDArray[np.int8], scores: Floats) -> Callable[[Weights], Floats]:
    """Weigh the precision at each step of the curve by the positives of the step.

    A step ends where articles of one score do, and some of these are positives: what lies between two such
    ends, thousands of articles where the rubric is rare, counts as one sum.
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
    """Make the matrix that adds up articles: the first of `rows` up to the first end, and so on."""
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
