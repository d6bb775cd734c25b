"""Metrics with confidence intervals.

An undefined metric, such as the recall of a rubric without positives, is None and not 0; macro averages
leave it out.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from topics.quality.evaluation import Answers, calibration_error, likely
from topics.quality.intervals import (
    DRAWS,
    Bools,
    Interval,
    Statistic,
    Weights,
    average_precisions,
    averaged,
    bootstrap,
    counted_metrics,
    intervals,
    widened,
)
from topics.rubrics.calibration import Floats
from topics.text.duplicates import Groups
from topics.versions.manifest import Likely, Metrics, RubricMetrics

MIN_POSITIVES = 10
"""Number of positives from which on the metrics of a rubric are reliable."""


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric with its 95 % bootstrap interval; None where undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None


class RubricMeasure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of one rubric."""

    rubric: str
    positives: int
    negatives: int
    given: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    average_precision: Estimate
    too_few: bool
    """Fewer than `MIN_POSITIVES` positives: look at the interval, not at the value."""


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of answers."""

    articles: int
    rubrics: tuple[RubricMeasure, ...]
    micro_f1: Estimate
    macro_f1: Estimate
    mean_average_precision: Estimate
    exact_match: Estimate
    """Share of articles with every rubric right, among those with all rubrics known."""
    exact_match_unreviewed: Estimate
    """The same without the articles that are sent to an editor."""
    calibration_error: float
    brier_score: float
    """Mean squared difference between probabilities and the truth."""
    review_share: float
    wholly_known: int
    """Articles with all rubrics known, on which exact match is measured."""
    likely: Likely
    """Calibration of probabilities above 0.1."""

    @property
    def partly_known(self) -> bool:
        """Whether exact match is measured on fewer articles than the other metrics."""
        return self.wholly_known < self.articles


def measure(
    answers: Answers,
    rubrics: tuple[str, ...],
    draws: int = DRAWS,
    groups: Groups | None = None,
    considered: Bools | None = None,
) -> Measure:
    """Compute metrics and their confidence intervals.

    Args:
        answers: for n articles; unknown labels are ignored.
        rubrics: names of the columns.
        draws: number of bootstrap draws.
        groups: (n,); articles with the same number are reprints and are drawn together. None: no reprints.
        considered: (rubrics,), rubrics that exact match takes into account; None: those with known labels.
    """
    considered = answers.labelled if considered is None else considered
    groups = np.arange(len(answers.truth)) if groups is None else groups
    value, drawn = bootstrap(metrics_of(answers, considered), groups, draws)
    widened_intervals = _widen_all(intervals(value, drawn), answers, considered, groups)
    estimates = [estimate(interval) for interval in widened_intervals]
    by_rubric, (exact, micro, macro, average, unreviewed) = estimates[:-_OVERALL], estimates[-_OVERALL:]
    known = answers.truth >= 0
    holds = answers.truth[known] == 1
    return Measure(
        articles=len(answers.truth),
        rubrics=tuple(
            _rubric(name, answers, r, by_rubric[r :: len(rubrics)]) for r, name in enumerate(rubrics)
        ),
        micro_f1=micro,
        macro_f1=macro,
        mean_average_precision=average,
        exact_match=exact,
        exact_match_unreviewed=unreviewed,
        calibration_error=calibration_error(holds, answers.probabilities[known]),
        brier_score=float(np.mean((answers.probabilities[known] - holds) ** 2)) if holds.size else 0.0,
        review_share=float(answers.review.mean()) if len(answers.review) else 0.0,
        wholly_known=int(known[:, considered].all(axis=1).sum()) if considered.any() else 0,
        likely=likely(holds, answers.probabilities[known]),
    )


def summary(measured: Measure, method: str) -> Metrics:
    """Return the metrics stored in a manifest: without intervals, and 0 if undefined.

    Args:
        measured: rubrics without known labels are left out.
        method: how the answers were obtained.
    """
    return Metrics(
        method=method,
        articles=measured.articles,
        rubrics=tuple(
            RubricMetrics(
                rubric=rubric.rubric,
                positives=rubric.positives,
                negatives=rubric.negatives,
                precision=rubric.precision.value or 0.0,
                recall=rubric.recall.value or 0.0,
                f1=rubric.f1.value or 0.0,
                average_precision=rubric.average_precision.value or 0.0,
                given=rubric.given,
            )
            for rubric in measured.rubrics
            if rubric.positives + rubric.negatives
        ),
        micro_f1=measured.micro_f1.value or 0.0,
        macro_f1=measured.macro_f1.value or 0.0,
        mean_average_precision=measured.mean_average_precision.value or 0.0,
        exact_match=measured.exact_match.value or 0.0,
        calibration_error=measured.calibration_error,
        review_share=measured.review_share,
        wholly_known=measured.wholly_known,
        likely=measured.likely,
    )


def _widen_all(
    estimates: list[Interval], answers: Answers, considered: Bools, groups: Groups
) -> list[Interval]:
    """Widen intervals of `metrics_of` that rest on few articles, reprints counted once."""
    truth, given = answers.truth, answers.given
    known, holds, width = truth >= 0, truth == 1, truth.shape[1]

    def sizes(chosen: Bools) -> list[int]:
        return [len(np.unique(groups[column])) for column in chosen.T]

    precision, recall, f1, average = (estimates[k * width : (k + 1) * width] for k in range(4))
    exact, micro, macro, mean, unreviewed = estimates[-_OVERALL:]
    predicted, actual, union = sizes(known & given), sizes(holds), sizes(known & (given | holds))
    f1 = list(map(_of_overlap, f1, union))
    average = list(map(widened, average, actual))
    complete = np.asarray(known[:, considered].all(axis=1))
    return [
        *map(widened, precision, predicted),
        *map(widened, recall, actual),
        *f1,
        *average,
        widened(exact, *sizes(complete[:, None])),
        micro,
        averaged(macro, f1),
        averaged(mean, average),
        widened(unreviewed, *sizes((complete & ~answers.review)[:, None])),
    ]


def _of_overlap(f1: Interval, n: int) -> Interval:
    """Widen F1 by the Jaccard index s of the n articles given or positive: F1 = 2 s / (1 + s)."""
    overlap = widened(Interval(*(edge / (2 - edge) for edge in (f1.value, f1.low, f1.high))), n)
    return Interval(f1.value, *(2 * edge / (1 + edge) for edge in (overlap.low, overlap.high)))


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
        too_few=positives < MIN_POSITIVES,
    )


def estimate(interval: Interval) -> Estimate:
    """Return the interval with None instead of NaN."""
    return Estimate(
        *(None if math.isnan(number) else number for number in (interval.value, interval.low, interval.high))
    )


_OVERALL = 5


def metrics_of(answers: Answers, considered: Bools) -> Statistic:
    """Return the statistic of all metrics, shape (4 * rubrics + 5, draws).

    Precision, recall, F1 and average precision of every rubric, then exact match, micro-F1, macro-F1, mean
    average precision, and exact match without articles for review.
    """
    truth, probabilities, given, review = answers
    width = truth.shape[1]
    counted, ranked = counted_metrics(truth, given, considered), average_precisions(truth, probabilities)
    unreviewed = counted_metrics(np.where(review[:, None], -1, truth).astype(np.int8), given, considered)

    def statistic(weights: Weights) -> Floats:
        metrics, average = counted(weights), ranked(weights)
        precision, recall, f1 = (metrics[k * width : (k + 1) * width] for k in range(3))
        f1 = np.where(np.isnan(recall), np.nan, f1)
        micro, exact, rest = metrics[-2], metrics[-1], unreviewed(weights)[-1]
        return np.concatenate(
            [precision, recall, f1, average, [exact, micro, _mean(f1), _mean(average), rest]]
        )

    return statistic


def _mean(metrics: Floats) -> Floats:
    """Return the mean of the defined metrics of each draw; NaN if there are none."""
    defined = ~np.isnan(metrics)
    number = defined.sum(axis=0)
    return np.where(number, np.nan_to_num(metrics).sum(axis=0) / np.maximum(number, 1), np.nan)
