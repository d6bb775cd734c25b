"""Probabilities to decisions: thresholds, limits on the number of rubrics, articles for review."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from topics.errors import UsageError, listed
from topics.rubrics.calibration import Bounded, Floats, Truth, calibrate, log_odds, sigmoid

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]

_ENOUGH = 20
"""Clean articles of each class needed to measure on clean articles alone."""
_COUNTED = 100
"""Fully labelled articles needed to count errors; with fewer, `chance_of_error` is used instead."""
_OWN, _EVEN = 15, 5
"""Shrinkage constants. With n positives, the threshold that maximizes the rubric's own F1 has the weight
n / (n + _OWN); of the rest, the share n / (n + _EVEN) goes to the threshold that assigns the rubric to n
articles, and what remains to the one that maximizes micro-F1 over all rubrics; see docs/quality.md."""
_CUTS = np.linspace(-8, 8, 321)
"""Candidate thresholds, in log odds."""
_MOST = 2.0
"""Largest ratio of predicted to actual positives: with useless scores, F1 is highest if all are positive."""
_CAUTION = 0.25
"""False positives added to those counted when a precision goal is checked: a cut that reaches the goal by
luck would miss it on new articles. See docs/quality.md."""
_SMOOTHING = 0.25
"""Width, in log odds, over which a cut is smoothed: an article 0.25 above it counts as 73 % positive."""


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A goal for a rubric instead of the best F1: either a precision or a recall."""

    precision: Share | None = None
    """Precision to reach; recall is maximized subject to it."""
    recall: Share | None = None
    """Recall to reach; precision is maximized subject to it."""

    def __post_init__(self) -> None:
        """Check that exactly one is set."""
        if (self.precision is None) == (self.recall is None):
            raise ValueError("a goal must set exactly one of precision and recall")


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Decision settings: `[rubrics.settings.decisions]`."""

    goals: dict[str, Goal] = {}
    """Rubric -> its goal; a rubric without a goal maximizes F1."""
    min_rubrics: Count = 0
    """Least number of rubrics per article; the most likely ones are added."""
    max_rubrics: Count = 0
    """Largest number of rubrics per article; 0: no limit."""
    review_share: Share = 0.1
    """Share of the articles to mark for review."""
    review_error: Share | None = None
    """Largest share of articles with errors among those not marked; overrides `review_share`."""

    def __post_init__(self) -> None:
        """Check that the limits are consistent."""
        if 0 < self.max_rubrics < self.min_rubrics:
            raise ValueError(f"min_rubrics {self.min_rubrics} exceeds max_rubrics {self.max_rubrics}")

    def without(self, rubrics: Collection[str]) -> Policy:
        """Return the policy without the goals of these rubrics."""
        return replace(self, goals={name: goal for name, goal in self.goals.items() if name not in rubrics})

    def check(self, rubrics: Sequence[str]) -> None:
        """Raise UsageError if a goal names an unknown rubric."""
        for name in self.goals:
            if name not in rubrics:
                raise UsageError(f"goal for unknown rubric {name!r}; known rubrics: {listed(rubrics)}")


class Decisions(msgspec.Struct, frozen=True):
    """Calibration and thresholds, one number per rubric."""

    slopes: tuple[Bounded, ...]
    offsets: tuple[Bounded, ...]
    """probability = 1 / (1 + exp(-(slope * margin + offset))), Platt scaling."""
    thresholds: tuple[Share, ...]
    """Probability from which on a rubric is assigned."""
    doubt: Share
    """Probability of an error above which an article is marked for review."""
    min_rubrics: Count = 0
    max_rubrics: Count = 0

    def probabilities(self, margins: npt.NDArray[np.floating]) -> Floats:
        """Return calibrated probabilities for margins, both of shape (articles, rubrics)."""
        return sigmoid(margins * np.array(self.slopes) + np.array(self.offsets))

    def given(
        self,
        probabilities: Floats,
        beside: Sequence[float] = (),
        forced: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.bool_]:
        """Return which rubrics are assigned; boolean, shape (articles, rubrics).

        If `min_rubrics` or `max_rubrics` applies, the rubrics furthest above their thresholds (in log odds)
        are preferred. A rubric of probability 0, e.g. one that a rule forbids, is never assigned.

        Args:
            probabilities: (articles, rubrics), rubrics without a model last.
            beside: thresholds of the rubrics without a model.
            forced: (articles, rubrics), assigned in any case; these count towards `min_rubrics`, but not
                towards `max_rubrics`.
        """
        thresholds = np.array([*self.thresholds, *beside])
        holds: npt.NDArray[np.bool_] = probabilities >= thresholds
        if forced is None:
            forced = np.zeros(holds.shape, bool)
        if self.min_rubrics or self.max_rubrics:
            excess = log_odds(probabilities) - log_odds(thresholds)
            holds &= _places(np.where(forced, -np.inf, excess)) < (self.max_rubrics or holds.shape[1])
            first = _places(np.where(forced, np.inf, excess))
            holds |= (first < self.min_rubrics) & (probabilities > 0)
        return holds | forced

    def error_probability(self, probabilities: Floats) -> Floats:
        """Return the probability of an error in any rubric, shape (articles,); see `chance_of_error`."""
        return chance_of_error(probabilities, self.given(probabilities))

    def doubtful(self, probabilities: Floats) -> npt.NDArray[np.bool_]:
        """Return which articles need review; boolean, shape (articles,)."""
        return self.error_probability(probabilities) > self.doubt


def _places(values: Floats) -> npt.NDArray[np.intp]:
    """Return the ranks of the values of each row; the largest has rank 0."""
    return np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)


def chance_of_error(probabilities: Floats, given: npt.NDArray[np.bool_]) -> Floats:
    """Return the probability of an error in any rubric, assuming independence; shape (articles,)."""
    right: Floats = np.where(given, probabilities, 1 - probabilities)
    wrong: Floats = 1 - right.prod(axis=1)
    return wrong


def learn_decisions(margins: Floats, truth: Truth, rubrics: Sequence[str], policy: Policy) -> Decisions:
    """Learn calibration and thresholds from out-of-fold margins.

    A threshold maximizes the F1 of its rubric. With few positives that maximum is noisy, so the threshold is
    shrunk towards the one that predicts as many positives as there are and, with very few, towards the one
    that maximizes micro-F1 over all rubrics; see `_OWN`. For a rubric with a goal, labels are shrunk towards
    their predicted probabilities.

    Args:
        margins: (articles, rubrics).
        truth: (articles, rubrics), -1 where unknown.
        rubrics: names of the columns.
        policy: decision settings.

    Returns:
        Calibration, thresholds and the limit for review.
    """
    slopes, offsets = calibrate(margins, truth)
    probabilities = sigmoid(margins * slopes + offsets)
    overall = best_threshold(probabilities[truth >= 0], truth[truth >= 0])
    thresholds = []
    for r, rubric in enumerate(rubrics):
        known = truth[:, r] >= 0
        scores, answers = probabilities[known, r], truth[known, r]
        if goal := policy.goals.get(rubric):
            own = answers.sum() / (answers.sum() + _OWN)
            thresholds.append(goal_threshold(scores, own * answers + (1 - own) * scores, goal))
        else:
            thresholds.append(_steady_threshold(scores, answers, overall))
    numbers = policy.min_rubrics, policy.max_rubrics
    decisions = Decisions(tuple(slopes.tolist()), tuple(offsets.tolist()), tuple(thresholds), 0.0, *numbers)
    given, whole = decisions.given(probabilities), (truth >= 0).all(axis=1)
    errors = chance_of_error(probabilities, given)
    wrong = ((truth == 1) != given)[whole].any(axis=1)
    return msgspec.structs.replace(decisions, doubt=_doubt(errors, errors[whole], wrong, policy))


def judged(truth: Truth, clean: npt.NDArray[np.bool_]) -> Truth:
    """Return the labels to measure on: for each rubric only the clean ones, if there are enough of them.

    Labels of outlets are noisy; thresholds and metrics computed on them would reproduce their errors.
    """
    enough = [enough_clean(truth[:, r], clean) for r in range(truth.shape[1])]
    return np.where(clean[:, None] | ~np.array(enough), truth, -1).astype(np.int8)


def enough_clean(truth: npt.NDArray[np.int8], clean: npt.NDArray[np.bool_], enough: int = _ENOUGH) -> bool:
    """Return whether each class has at least `enough` clean articles; the default suffices for metrics."""
    return bool(min((truth[clean] == answer).sum() for answer in (0, 1)) >= enough)


def best_threshold(scores: Floats, truth: npt.NDArray[np.integer]) -> float:
    """Return the threshold that maximizes the smoothed F1; 0.5 without positives.

    Unsmoothed, the maximum depends on the few articles next to the cut. Predicted positives, smoothed and
    unsmoothed, are limited to twice the actual ones; unsmoothed too, because tied scores are cut all or none.
    """
    if not (truth == 1).any():
        return 0.5
    hits, given = _blurred(scores, truth)
    sharply = len(scores) - np.searchsorted(np.sort(scores), sigmoid(_CUTS))
    few = np.maximum(given, sharply) <= _MOST * truth.sum()
    f1 = np.where(few, 2 * hits / (given + truth.sum()), 0.0)
    return _middle(f1 >= f1.max() - 1e-9)


def even_threshold(scores: Floats, count: int) -> float:
    """Return the threshold above which `count` articles lie, by smoothed counts."""
    _, given = _blurred(scores, np.zeros(len(scores)))
    place = min(int(np.searchsorted(-given, -count)), len(_CUTS) - 1)
    return float(sigmoid(_CUTS[place]))


def _steady_threshold(scores: Floats, truth: npt.NDArray[np.int8], overall: float) -> float:
    count = int(truth.sum())
    own, even = count / (count + _OWN), count / (count + _EVEN)
    cuts = log_odds(np.array([best_threshold(scores, truth), even_threshold(scores, count), overall]))
    weights = np.array([own, (1 - own) * even, (1 - own) * (1 - even)])
    return float(sigmoid(cuts @ weights))


def goal_threshold(scores: Floats, answers: Floats, goal: Goal) -> float:
    """Return the threshold that reaches a goal at the least cost of the other measure.

    A precision goal is checked with `_CAUTION` false positives added, if it can be reached that way. For a
    goal out of reach, the threshold that comes nearest is returned.

    Args:
        scores: probabilities, shape (articles,).
        answers: labels or their probabilities, 0 to 1, same shape.
        goal: precision or recall to reach.
    """
    hits, given = _blurred(scores, answers)
    if goal.precision is not None:
        precision = hits / np.maximum(given, 1e-9)
        reached = precision >= min(goal.precision, precision.max())
        cautious = np.where(reached, hits / (given + _CAUTION), 0.0)
        return float(sigmoid(_CUTS[(cautious >= min(goal.precision, cautious.max())).argmax()]))
    recall = hits / max(answers.sum(), 1e-9)
    reached = np.flatnonzero(recall >= min(goal.recall or 0.0, recall.max()))
    return float(sigmoid(_CUTS[reached[-1]]))


def _blurred(scores: Floats, answers: npt.NDArray[np.number]) -> tuple[Floats, Floats]:
    """Return smoothed counts of true positives and of predicted positives, shape (cuts,) each."""
    step = _CUTS[1] - _CUTS[0]
    place = np.clip(np.rint((log_odds(scores) - _CUTS[0]) / step), 0, len(_CUTS) - 1).astype(np.intp)
    above = sigmoid(
        (_CUTS[:, None] - _CUTS) / _SMOOTHING
    )  # (place, cut): degree to which it counts as positive
    hits: Floats = np.bincount(place, answers, len(_CUTS)) @ above
    given: Floats = np.bincount(place, minlength=len(_CUTS)) @ above
    return hits, given


def _middle(best: npt.NDArray[np.bool_]) -> float:
    """Return the probability at the middle of the first run of equally good cuts."""
    first = int(best.argmax())
    run = np.append(best[first:], False).argmin()
    return float(sigmoid(_CUTS[first : first + run].mean()))


def _doubt(errors: Floats, errors_of_known: Floats, wrong: npt.NDArray[np.bool_], policy: Policy) -> float:
    """Return the probability of an error above which an article goes to review.

    With enough fully labelled articles, their actual errors are counted: errors of rubrics are correlated,
    and `chance_of_error`, which assumes independence, is then too high.
    """
    if policy.review_error is None:
        return float(np.quantile(errors, 1 - policy.review_share))
    if len(wrong) < _COUNTED:
        rising = np.sort(errors)
        kept = np.cumsum(rising) <= policy.review_error * np.arange(1, len(rising) + 1)
        return float(rising[kept].max(initial=0.0))
    order = np.argsort(errors_of_known, kind="stable")
    kept = np.cumsum(wrong[order]) <= policy.review_error * np.arange(1, len(order) + 1)
    return float(errors_of_known[order][kept].max(initial=0.0))
