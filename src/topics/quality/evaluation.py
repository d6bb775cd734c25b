"""How good a classifier is: figures an editor can rely on, unknown labels masked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topics.estimator import OutOfFold
from topics.rubrics.calibration import Floats, Truth
from topics.rubrics.decisions import Policy, learn_decisions
from topics.rubrics.rules import Hits, Rules
from topics.versions.manifest import Likely, Metrics, RubricMetrics

Given = npt.NDArray[np.bool_]

_LIKELY = 0.1
"""Probability above which an answer is no mere «surely not»."""


class Answers(NamedTuple):
    """What was said of n articles beside what is true of them."""

    truth: Truth
    """(n, rubrics): 1 holds, 0 does not hold, -1 unknown."""
    probabilities: Floats
    given: Given
    review: npt.NDArray[np.bool_]
    """(n,): sent to an editor."""

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """(rubrics,): of which something is known. Of a rubric with rules alone nobody may have labels."""
        return np.asarray((self.truth >= 0).any(axis=0))

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Answers:
        """Choose articles."""
        truth, probabilities, given, review = self
        return Answers(truth[rows], probabilities[rows], given[rows], review[rows])


def cross_validated(
    out_of_fold: OutOfFold,
    truth: Truth,
    rubrics: tuple[str, ...],
    policy: Policy,
    rules: Rules | None = None,
    hits: Hits | None = None,
) -> Answers:
    """Say of each article what would have been said had it not been in the training data.

    The decisions of a fold are learned from the margins of the other folds, then the rules act.

    Args:
        out_of_fold: margins by models of the other folds.
        truth: (articles, rubrics); -1 where it must not count. Rubrics that have rules only come last.
        rubrics: those that have a model.
        policy: as in training.
        rules: beside the model, if any.
        hits: which phrase stands in which article.
    """
    margins, folds = out_of_fold.margins, out_of_fold.folds
    rules = rules or Rules()
    hits = np.zeros((len(margins), 0), bool) if hits is None else hits
    modelled = truth[:, : len(rubrics)]
    probabilities, given = np.zeros(truth.shape), np.zeros(truth.shape, bool)
    review = np.zeros(len(margins), bool)
    for fold in np.unique(folds):
        here = folds == fold
        decisions = learn_decisions(margins[~here], modelled[~here], rubrics, policy)
        judgement = rules.judge(decisions.probabilities(margins[here]), decisions, rubrics, hits[here])
        probabilities[here], given[here], review[here] = judgement
    return Answers(truth, probabilities, given, review)


def time_ordered(
    out_of_fold: OutOfFold,
    later: npt.NDArray[np.bool_],
    truth: Truth,
    rubrics: tuple[str, ...],
    policy: Policy,
    rules: Rules,
    hits: Hits,
) -> Answers:
    """Say of the later articles what a model of the earlier ones says.

    The decisions are learned from the earlier articles, each judged by models of the other folds. `later`,
    (articles,), tells which `out_of_fold.later` is about; the others are as in `cross_validated`.
    """
    if out_of_fold.later is None:
        raise ValueError("nobody asked the classifier about later articles")
    decisions = learn_decisions(out_of_fold.margins[~later], truth[~later, : len(rubrics)], rubrics, policy)
    probabilities = decisions.probabilities(out_of_fold.later)
    return Answers(truth[later], *rules.judge(probabilities, decisions, rubrics, hits[later]))


def held_out_metrics(answers: Answers, folds: npt.NDArray[np.intp], rubrics: tuple[str, ...]) -> Metrics:
    """Measure what `cross_validated` answered, where anything is known."""
    method = f"{len(np.unique(folds))}-fold cross-validation, thresholds and calibration of the other folds"
    known = answers.truth >= 0
    counted = answers.take(np.flatnonzero(known.any(axis=1)))
    told = np.flatnonzero(answers.labelled)
    names = tuple(rubrics[r] for r in told)
    truth, probabilities, given, review = counted
    return metrics(truth[:, told], probabilities[:, told], given[:, told], review, names, method)


def metrics(
    truth: Truth,
    probabilities: Floats,
    given: Given,
    review: npt.NDArray[np.bool_],
    rubrics: tuple[str, ...],
    method: str,
) -> Metrics:
    """Count how often the answers are right.

    Exact match counts articles of which every rubric is known.
    """
    known = truth >= 0
    each = [
        _rubric(name, truth[known[:, r], r], probabilities[known[:, r], r], given[known[:, r], r])
        for r, name in enumerate(rubrics)
    ]
    whole = known.all(axis=1)
    return Metrics(
        method=method,
        articles=len(truth),
        rubrics=tuple(each),
        micro_f1=_precision_recall_f1(truth[known] == 1, given[known])[2],
        macro_f1=float(np.mean([rubric.f1 for rubric in each])),
        mean_average_precision=float(np.mean([rubric.average_precision for rubric in each])),
        exact_match=float(((truth == 1) == given)[whole].all(axis=1).mean()) if whole.any() else 0.0,
        calibration_error=calibration_error(truth[known] == 1, probabilities[known]),
        review_share=float(review.mean()),
        wholly_known=int(whole.sum()),
        likely=likely(truth[known] == 1, probabilities[known]),
    )


def calibration_error(holds: Given, probabilities: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equal size: how far shares lie from probabilities.

    Among many rubrics nearly all answers are near 0 and near right, and hide the others; see `likely`.
    """
    gaps = [abs((holds[part] - probabilities[part]).sum()) for part in _bins(probabilities, bins)]
    return float(sum(gaps) / max(len(holds), 1))


def likely(holds: Given, probabilities: Floats, bins: int = 10) -> Likely:
    """Measure the calibration of the answers that state more than one chance in ten.

    If all probabilities were true, the sum of a bin would stray by the root of the sum of p (1 - p), and from
    0 by sqrt(2 / pi) of that on the average.
    """
    some = probabilities > _LIKELY
    stated = probabilities[some]
    spread = [float((stated[part] * (1 - stated[part])).sum()) for part in _bins(stated, bins)]
    return Likely(
        answers=len(stated),
        calibration_error=calibration_error(holds[some], stated, bins),
        by_chance=float(np.sqrt(2 / np.pi * np.array(spread)).sum() / max(len(stated), 1)),
    )


def _bins(probabilities: Floats, bins: int) -> list[npt.NDArray[np.intp]]:
    order = np.argsort(probabilities, kind="stable")
    return np.array_split(order, min(bins, max(len(order), 1)))


def _rubric(name: str, truth: npt.NDArray[np.int8], probabilities: Floats, given: Given) -> RubricMetrics:
    from sklearn.metrics import average_precision_score

    holds = truth == 1
    precision, recall, f1 = _precision_recall_f1(holds, given)
    average = float(average_precision_score(holds, probabilities)) if holds.any() else 0.0
    counts = int(holds.sum()), int((~holds).sum())
    return RubricMetrics(name, *counts, precision, recall, f1, average, given=int(given.sum()))


def _precision_recall_f1(holds: Given, given: Given) -> tuple[float, float, float]:
    hits = int((holds & given).sum())
    precision, recall = hits / max(int(given.sum()), 1), hits / max(int(holds.sum()), 1)
    return precision, recall, 2 * hits / max(int(given.sum() + holds.sum()), 1)
