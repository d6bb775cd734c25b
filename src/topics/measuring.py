"""Figures with intervals: what a version's answers are worth, and how sure that is.

A figure that the articles cannot tell, such as the recall of a rubric that none of them carries, is None and
not 0; the macro averages leave it out.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from topics.decisions import Floats
from topics.evaluation import Answers, calibration_error
from topics.intervals import DRAWS, bootstrap, interval

ENOUGH = 10
"""Positives below which a rubric's figures are a matter of luck, and said to be so."""


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure with its 95 % bootstrap interval; None where the articles cannot tell."""

    value: float | None
    low: float | None = None
    high: float | None = None


class RubricMeasure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How well one rubric is told."""

    rubric: str
    positives: int
    negatives: int
    given: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    average_precision: Estimate
    too_few: bool
    """Fewer than ten positives: read the interval, not the figure."""


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How good the answers are."""

    articles: int
    rubrics: tuple[RubricMeasure, ...]
    micro_f1: Estimate
    macro_f1: Estimate
    mean_average_precision: Estimate
    exact_match: Estimate
    """Share of the articles, of those with every rubric known, of which every answer is right."""
    exact_match_unreviewed: Estimate
    """The same without the articles that are sent to an editor."""
    calibration_error: float
    brier_score: float
    """Mean squared distance of probabilities from what holds."""
    review_share: float


def measure(answers: Answers, rubrics: tuple[str, ...], draws: int = DRAWS) -> Measure:
    """Compute figures and intervals.

    Args:
        answers: of n articles; unknown labels do not count.
        rubrics: names of the columns.
        draws: of the bootstrap; 0 for no intervals.
    """
    n = len(answers.truth)
    statistic = FigureStatistic(answers)
    values = statistic(np.ones((1, n)))[0]
    low = high = np.full(len(values), np.nan)
    if draws and n:
        low, high = interval(bootstrap(statistic, n, draws))
    estimates = [Estimate(*map(_defined, numbers)) for numbers in zip(values, low, high, strict=True)]
    known = answers.truth >= 0
    holds = answers.truth[known] == 1
    micro, macro, average, exact, unreviewed = estimates[:_OVERALL]
    return Measure(
        articles=n,
        rubrics=tuple(
            _rubric(name, answers, r, estimates[_OVERALL + r :: len(rubrics)])
            for r, name in enumerate(rubrics)
        ),
        micro_f1=micro,
        macro_f1=macro,
        mean_average_precision=average,
        exact_match=exact,
        exact_match_unreviewed=unreviewed,
        calibration_error=calibration_error(holds, answers.probabilities[known]),
        brier_score=float(np.mean((answers.probabilities[known] - holds) ** 2)) if holds.size else 0.0,
        review_share=float(answers.review.mean()) if n else 0.0,
    )


def _rubric(name: str, answers: Answers, r: int, estimates: list[Estimate]) -> RubricMeasure:
    truth = answers.truth[:, r]
    positives = int((truth == 1).sum())
    precision, recall, f1, average = estimates
    return RubricMeasure(
        rubric=name,
        positives=positives,
        negatives=int((truth == 0).sum()),
        given=int(answers.given[truth >= 0, r].sum()),
        precision=precision,
        recall=recall,
        f1=f1,
        average_precision=average,
        too_few=positives < ENOUGH,
    )


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


_OVERALL = 5


class FigureStatistic:
    """All figures of weighted articles: five overall, then each of four for every rubric."""

    def __init__(self, answers: Answers) -> None:
        truth, given = answers.truth, answers.given
        self.hits = ((truth == 1) & given).astype(float)
        self.given = ((truth >= 0) & given).astype(float)
        self.positives = (truth == 1).astype(float)
        self.ranked = [_Ranked(truth[:, r], answers.probabilities[:, r]) for r in range(truth.shape[1])]
        whole = (truth >= 0).all(axis=1)
        right = whole & ((truth == 1) == given).all(axis=1)
        unreviewed = ~answers.review
        self.matches = np.stack([right, whole, right & unreviewed, whole & unreviewed], axis=1).astype(float)

    def __call__(self, weights: Floats) -> Floats:
        """Weights (draws, n) -> figures (draws, 5 + 4 * rubrics)."""
        hits, given, positives = weights @ self.hits, weights @ self.given, weights @ self.positives
        precision, recall = _ratio(hits, given), _ratio(hits, positives)
        f1 = np.where(positives > 0, _ratio(2 * hits, given + positives), np.nan)
        average = np.stack([ranked.average_precision(weights) for ranked in self.ranked], axis=1)
        right, whole, right_unreviewed, whole_unreviewed = (weights @ self.matches).T
        overall = [
            _ratio(2 * hits.sum(axis=1), (given + positives).sum(axis=1)),
            _mean(f1),
            _mean(average),
            _ratio(right, whole),
            _ratio(right_unreviewed, whole_unreviewed),
        ]
        return np.concatenate([np.stack(overall, axis=1), precision, recall, f1, average], axis=1)


class _Ranked:
    """One rubric's articles, the likeliest first; those of equal probability come in together."""

    def __init__(self, truth: npt.NDArray[np.int8], probabilities: Floats) -> None:
        known = np.flatnonzero(truth >= 0)
        self.order = known[np.argsort(-probabilities[known], kind="stable")]
        ranked = probabilities[self.order]
        self.ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)])
        self.holds = truth[self.order] == 1

    def average_precision(self, weights: Floats) -> Floats:
        """Sum precision over the steps of recall, as scikit-learn does; NaN without positives."""
        if not self.holds.any():
            return np.full(len(weights), np.nan)
        weights = weights[:, self.order]
        hits = np.cumsum(weights * self.holds, axis=1)[:, self.ends]
        taken = np.cumsum(weights, axis=1)[:, self.ends]
        steps = np.diff(hits, axis=1, prepend=0)
        return _ratio((steps * hits / np.maximum(taken, 1)).sum(axis=1), hits[:, -1])


def _ratio(parts: Floats, wholes: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    ratio: Floats = np.divide(parts, wholes, out=np.full(np.shape(parts), np.nan), where=wholes > 0)
    return ratio


def _mean(columns: Floats) -> Floats:
    """Average the defined figures of each draw; NaN if none is."""
    defined = ~np.isnan(columns)
    return _ratio(np.where(defined, columns, 0).sum(axis=1), defined.sum(axis=1).astype(float))
