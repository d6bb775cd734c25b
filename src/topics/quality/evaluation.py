"""Answers beside the truth, out of fold or ahead in time, and how well calibrated they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topics.estimator import HeldOut
from topics.rubrics.calibration import Floats, Truth
from topics.rubrics.decisions import Policy, learn_decisions
from topics.rubrics.rules import Hits, Rules
from topics.versions.manifest import Likely

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
    def told(self) -> npt.NDArray[np.bool_]:
        """(rubrics,): of which something is known. Of a rubric with rules alone nobody may have labels."""
        return np.asarray((self.truth >= 0).any(axis=0))

    @property
    def judged(self) -> npt.NDArray[np.intp]:
        """Rows of the articles of which something is known."""
        return np.flatnonzero((self.truth >= 0).any(axis=1))

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Answers:
        """Choose articles."""
        truth, probabilities, given, review = self
        return Answers(truth[rows], probabilities[rows], given[rows], review[rows])


def cross_validated(
    held_out: HeldOut,
    truth: Truth,
    rubrics: tuple[str, ...],
    policy: Policy,
    rules: Rules | None = None,
    hits: Hits | None = None,
) -> Answers:
    """Say of each article what would have been said had it not been in the training data.

    The decisions of a fold are learned from the margins of the other folds, then the rules act.

    Args:
        held_out: margins by models of the other folds.
        truth: (articles, rubrics); -1 where it must not count. Rubrics that have rules only come last.
        rubrics: those that have a model.
        policy: as in training.
        rules: beside the model, if any.
        hits: which phrase stands in which article.
    """
    margins, folds = held_out.margins, held_out.folds
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
    held_out: HeldOut,
    later: npt.NDArray[np.bool_],
    truth: Truth,
    rubrics: tuple[str, ...],
    policy: Policy,
    rules: Rules,
    hits: Hits,
) -> Answers:
    """Say of the later articles what a model of the earlier ones says.

    The decisions are learned from the earlier articles, each judged by models of the other folds. `later`,
    (articles,), tells which `held_out.later` is about; the others are as in `cross_validated`.
    """
    if held_out.later is None:
        raise ValueError("nobody asked the classifier about later articles")
    decisions = learn_decisions(held_out.margins[~later], truth[~later, : len(rubrics)], rubrics, policy)
    probabilities = decisions.probabilities(held_out.later)
    return Answers(truth[later], *rules.judge(probabilities, decisions, rubrics, hits[later]))


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
