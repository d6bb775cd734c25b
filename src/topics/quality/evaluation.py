"""Answers with the truth, out of fold or for later articles, and their calibration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topics.estimator import OutOfFold
from topics.rubrics.calibration import Floats, Truth
from topics.rubrics.decisions import Policy, learn_decisions
from topics.rubrics.rules import Hits, Rules
from topics.versions.manifest import Likely

Given = npt.NDArray[np.bool_]

_LIKELY = 0.1
"""Probability above which an answer is not a clear no."""


class Answers(NamedTuple):
    """Answers for n articles, with the truth."""

    truth: Truth
    """(n, rubrics): 1 holds, 0 does not hold, -1 unknown."""
    probabilities: Floats
    given: Given
    review: npt.NDArray[np.bool_]
    """(n,): whether the article is sent to an editor."""

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """(rubrics,): whether labels are known; a rubric with rules only may have none."""
        return np.asarray((self.truth >= 0).any(axis=0))

    @property
    def judged(self) -> npt.NDArray[np.intp]:
        """Rows of the articles with any known label."""
        return np.flatnonzero((self.truth >= 0).any(axis=1))

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Answers:
        """Return the answers for some articles."""
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
    """Return out-of-fold answers for each article.

    The decisions for a fold are learned from the margins of the other folds; rules apply after that.

    Args:
        out_of_fold: margins by models trained on the other folds.
        truth: (articles, rubrics); -1 where unknown. Rubrics that have only rules come last.
        rubrics: rubrics with a model.
        policy: as in training.
        rules: applied to the answers of the model.
        hits: (articles, phrases), which article contains which phrase.
    """
    margins, folds = out_of_fold.margins, out_of_fold.folds
    rules = rules or Rules()
    hits = np.zeros((len(margins), 0), bool) if hits is None else hits
    modelled = truth[:, : len(rubrics)]
    probabilities, given = np.zeros(truth.shape), np.zeros(truth.shape, bool)
    review = np.zeros(len(margins), bool)
    for fold in np.unique(folds):
        in_fold = folds == fold
        decisions = learn_decisions(margins[~in_fold], modelled[~in_fold], rubrics, policy)
        judgement = rules.judge(decisions.probabilities(margins[in_fold]), decisions, rubrics, hits[in_fold])
        probabilities[in_fold], given[in_fold], review[in_fold] = judgement
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
    """Return the answers of a model of the earlier articles for the later ones.

    The decisions are learned from the earlier articles, out of fold. `later`, shape (articles,), marks the
    articles of `out_of_fold.later`; the other arguments are those of `cross_validated`.

    Raises:
        ValueError: `out_of_fold` has no margins of later articles.
    """
    if out_of_fold.later is None:
        raise ValueError("out_of_fold has no margins of later articles")
    decisions = learn_decisions(out_of_fold.margins[~later], truth[~later, : len(rubrics)], rubrics, policy)
    probabilities = decisions.probabilities(out_of_fold.later)
    return Answers(truth[later], *rules.judge(probabilities, decisions, rubrics, hits[later]))


def calibration_error(holds: Given, probabilities: Floats, bins: int = 10) -> float:
    """Return the expected calibration error, in bins of equal size.

    With many rubrics nearly all answers are close to 0 and right, and hide the others; see `likely`.
    """
    gaps = [abs((holds[part] - probabilities[part]).sum()) for part in _bins(probabilities, bins)]
    return float(sum(gaps) / max(len(holds), 1))


def likely(holds: Given, probabilities: Floats, bins: int = 10) -> Likely:
    """Return the calibration of answers with a probability above 0.1.

    If the probabilities are exact, the number of positives in a bin has a variance of sum p (1 - p), and its
    expected absolute deviation is sqrt(2 / pi) times the standard deviation.
    """
    above = probabilities > _LIKELY
    selected = probabilities[above]
    variances = [float((selected[part] * (1 - selected[part])).sum()) for part in _bins(selected, bins)]
    return Likely(
        answers=len(selected),
        calibration_error=calibration_error(holds[above], selected, bins),
        by_chance=float(np.sqrt(2 / np.pi * np.array(variances)).sum() / max(len(selected), 1)),
    )


def _bins(probabilities: Floats, bins: int) -> list[npt.NDArray[np.intp]]:
    order = np.argsort(probabilities, kind="stable")
    return np.array_split(order, min(bins, max(len(order), 1)))
