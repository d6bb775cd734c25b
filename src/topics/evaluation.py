"""How good a classifier is: figures an editor can rely on, unknown labels masked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from topics.decisions import Floats, Truth, learn_decisions
from topics.estimator import HeldOut
from topics.manifest import Figures, RubricFigures

Given = npt.NDArray[np.bool_]


def cross_validated(
    held_out: HeldOut, truth: Truth, rubrics: tuple[str, ...], review_share: float
) -> Figures:
    """Measure on articles that neither the model nor its thresholds and calibration had seen.

    The decisions of a fold are learned from the margins of the other folds.

    Args:
        held_out: margins by models of the other folds.
        truth: (articles, rubrics); -1 where it must not count.
        rubrics: names of the columns.
        review_share: as in training.
    """
    margins, folds = held_out
    probabilities, given = np.zeros(margins.shape), np.zeros(margins.shape, bool)
    review = np.zeros(len(margins), bool)
    for fold in np.unique(folds):
        here = folds == fold
        decisions = learn_decisions(margins[~here], truth[~here], review_share)
        probabilities[here] = decisions.probabilities(margins[here])
        given[here] = decisions.given(probabilities[here])
        review[here] = decisions.doubtful(probabilities[here])
    counted = (truth >= 0).any(axis=1)
    method = f"{len(np.unique(folds))}-fold cross-validation, thresholds and calibration of the other folds"
    return figures(truth[counted], probabilities[counted], given[counted], review[counted], rubrics, method)


def figures(
    truth: Truth,
    probabilities: Floats,
    given: Given,
    review: npt.NDArray[np.bool_],
    rubrics: tuple[str, ...],
    method: str,
) -> Figures:
    """Count how often the answers are right.

    Exact match counts articles of which every rubric is known.
    """
    known = truth >= 0
    each = [
        _rubric(name, truth[known[:, r], r], probabilities[known[:, r], r], given[known[:, r], r])
        for r, name in enumerate(rubrics)
    ]
    whole = known.all(axis=1)
    return Figures(
        method=method,
        articles=len(truth),
        rubrics=tuple(each),
        micro_f1=_precision_recall_f1(truth[known] == 1, given[known])[2],
        macro_f1=float(np.mean([rubric.f1 for rubric in each])),
        mean_average_precision=float(np.mean([rubric.average_precision for rubric in each])),
        exact_match=float(((truth == 1) == given)[whole].all(axis=1).mean()) if whole.any() else 0.0,
        calibration_error=calibration_error(truth[known] == 1, probabilities[known]),
        review_share=float(review.mean()),
    )


def calibration_error(holds: Given, probabilities: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equal size: how far shares lie from probabilities."""
    order = np.argsort(probabilities, kind="stable")
    parts = np.array_split(order, min(bins, max(len(order), 1)))
    gaps = [abs(holds[part].mean() - probabilities[part].mean()) * len(part) for part in parts if len(part)]
    return float(sum(gaps) / max(len(order), 1))


def _rubric(name: str, truth: npt.NDArray[np.int8], probabilities: Floats, given: Given) -> RubricFigures:
    from sklearn.metrics import average_precision_score

    holds = truth == 1
    precision, recall, f1 = _precision_recall_f1(holds, given)
    average = float(average_precision_score(holds, probabilities)) if holds.any() else 0.0
    return RubricFigures(name, int(holds.sum()), int((~holds).sum()), precision, recall, f1, average)


def _precision_recall_f1(holds: Given, given: Given) -> tuple[float, float, float]:
    hits = int((holds & given).sum())
    precision, recall = hits / max(int(given.sum()), 1), hits / max(int(holds.sum()), 1)
    return precision, recall, 2 * hits / max(int(given.sum() + holds.sum()), 1)
