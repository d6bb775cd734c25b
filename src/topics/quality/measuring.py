"""Figures with intervals: what a version's answers are worth, and how sure that is.

A figure that the articles cannot tell, such as the recall of a rubric that none of them carries, is None and
not 0; the macro averages leave it out.
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
from topics.versions.manifest import Likely

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
    wholly_known: int = 0
    """Articles with every rubric known: exact match is of these. 0 of a report before they were counted."""
    likely: Likely | None = None
    """How true the answers are that state more than one in ten; None of a report before it was measured."""

    @property
    def partly_known(self) -> bool:
        """Whether exact match is of fewer articles than the other figures."""
        return self.wholly_known < self.articles


def measure(
    answers: Answers,
    rubrics: tuple[str, ...],
    draws: int = DRAWS,
    alike: Groups | None = None,
    told: Bools | None = None,
) -> Measure:
    """Compute figures and intervals.

    Args:
        answers: of n articles; unknown labels do not count.
        rubrics: names of the columns.
        draws: of the bootstrap.
        alike: (n,); articles of one number are reprints and are drawn together. None: there are none.
        told: (rubrics,), which exact match asks about; None: those of which something is known.
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


def _no_narrower(found: list[Interval], answers: Answers, told: Bools, groups: Groups) -> list[Interval]:
    """Widen the intervals of `metrics_of` where few articles, reprints counted once, stand behind them."""
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
    """Widen F1 by way of the share of the n articles given or right that are both: F1 is 2 s / (1 + s)."""
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
    """Turn NaN into None."""
    return Estimate(
        *(None if math.isnan(number) else number for number in (found.value, found.low, found.high))
    )


_OVERALL = 5


def metrics_of(answers: Answers, told: Bools) -> Statistic:
    """Make the statistic of all figures, shape (4 * rubrics + 5, draws).

    Precision of every rubric, recall of every rubric, F1, average precision, then over all of them exact
    match, micro-F1, macro-F1, mean average precision, and exact match without those for review.
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
    """Average the defined figures of each draw; NaN if none is."""
    defined = ~np.isnan(metrics)
    number = defined.sum(axis=0)
    return np.where(number, np.nan_to_num(metrics).sum(axis=0) / np.maximum(number, 1), np.nan)
