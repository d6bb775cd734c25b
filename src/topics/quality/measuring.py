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

ENOUGH = 10
"""Fewest positives of a rubric whose metrics can be relied on."""


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
    """Fewer than ten positives: look at the interval, not at the value."""


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
    """The same without articles that are sent to an editor."""
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
    alike: Groups | None = None,
    told: Bools | None = None,
) -> Measure:
    """Compute metrics and their confidence intervals.

    Args:
        answers: about n articles; unknown labels are ignored.
        rubrics: names of the columns.
        draws: number of bootstrap draws.
        alike: (n,); articles with the same number are reprints and are drawn together. None: no reprints.
        told: (rubrics,), rubrics that exact match takes into account; None: those with known labels.
    """
    told = answers.labelled if told is None else told
    groups = np.arange(len(answers.truth)) if alike is None else alike
    value, drawn = bootstrap(metrics_of(answers, told), groups, draws)
    found = _no_narrower(intervals(value, drawn), answers, told, groups)
    estimates = [estimate(one) for one in found]
    each, (exact, micro, macro, average, unreviewed) = estimates[:-_OVERALL], estimates[-_OVERALL:]
    known = answers.truth >= 0
    holds = answers.truth[known] == 1
    return Measure(
        articles=len(answers.truth),
        rubrics=tuple(_rubric(name, answers, r, each[r :: len(rubrics)]) for r, name in enumerate(rubrics)),
        micro_f1=micro,
        macro_f1=macro,
        mean_average_precision=average,
        exact_match=exact,
        exact_match_unreviewed=unreviewed,
        calibration_error=calibration_error(holds, answers.probabilities[known]),
        brier_score=float(np.mean((answers.probabilities[known] - holds) ** 2)) if holds.size else 0.0,
        review_share=float(answers.review.mean()) if len(answers.review) else 0.0,
        wholly_known=int(known[:, told].all(axis=1).sum()) if told.any() else 0,
        likely=likely(holds, answers.probabilities[known]),
    )


def summary(measured: Measure, method: str) -> Metrics:
    """Return the metrics that a manifest stores: without intervals, and 0 where undefined.

    Args:
        measured: rubrics without known labels are left out.
        method: how the answers were obtained.
    """
    return Metrics(
        method=method,
        articles=measured.articles,
        rubrics=tuple(
            RubricMetrics(
                rubric=one.rubric,
                positives=one.positives,
                negatives=one.negatives,
                precision=one.precision.value or 0.0,
                recall=one.recall.value or 0.0,
                f1=one.f1.value or 0.0,
                average_precision=one.average_precision.value or 0.0,
                given=one.given,
            )
            for one in measured.rubrics
            if one.positives + one.negatives
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


def _no_narrower(found: list[Interval], answers: Answers, told: Bools, groups: Groups) -> list[Interval]:
    """Widen intervals of `metrics_of` that rest on few articles, reprints counted once."""
    truth, given = answers.truth, answers.given
    known, holds, width = truth >= 0, truth == 1, truth.shape[1]

    def sizes(chosen: Bools) -> list[int]:
        return [len(np.unique(groups[column])) for column in chosen.T]

    precision, recall, f1, average = (found[k * width : (k + 1) * width] for k in range(4))
    exact, micro, macro, mean, unreviewed = found[-_OVERALL:]
    said, held, either = sizes(known & given), sizes(holds), sizes(known & (given | holds))
    f1 = list(map(_of_overlap, f1, either))
    average = list(map(widened, average, held))
    whole = np.asarray(known[:, told].all(axis=1))
    return [
        *map(widened, precision, said),
        *map(widened, recall, held),
        *f1,
        *average,
        widened(exact, *sizes(whole[:, None])),
        micro,
        averaged(macro, f1),
        averaged(mean, average),
        widened(unreviewed, *sizes((whole & ~answers.review)[:, None])),
    ]


def _of_overlap(f1: Interval, n: int) -> Interval:
    """Widen F1 by way of the Jaccard index s of the n articles given or right: F1 = 2 s / (1 + s)."""
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
        too_few=positives < ENOUGH,
    )


def estimate(found: Interval) -> Estimate:
    """Return the interval with None in place of NaN."""
    return Estimate(
        *(None if math.isnan(number) else number for number in (found.value, found.low, found.high))
    )


_OVERALL = 5


def metrics_of(answers: Answers, told: Bools) -> Statistic:
    """Return the statistic of all metrics, shape (4 * rubrics + 5, draws).

    Precision, recall, F1 and average precision of every rubric, then exact match, micro-F1, macro-F1, mean
    average precision, and exact match without articles for review.
    """
    truth, probabilities, given, review = answers
    width = truth.shape[1]
    counted, ranked = counted_metrics(truth, given, told), average_precisions(truth, probabilities)
    unreviewed = counted_metrics(np.where(review[:, None], -1, truth).astype(np.int8), given, told)

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
