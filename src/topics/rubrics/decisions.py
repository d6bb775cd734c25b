"""From probabilities to decisions: a threshold a rubric, how many an article gets, doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from topics.errors import UsageError, listed
from topics.rubrics.calibration import Bounded, Floats, Truth, calibrate, log_odds, sigmoid

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]

_ENOUGH = 20
_COUNTED = 100
"""Articles with every rubric known from which on their errors are counted."""
_OWN, _EVEN = 15, 5
"""Positives at which half of a threshold is the rubric's own best one, and at which half of the rest is the
one that gives as many articles as have the rubric; see docs/quality.md."""
_CUTS = np.linspace(-8, 8, 321)
"""Log odds that a threshold may have."""
_MOST = 2.0
"""Articles given to one that has the rubric, at most: where words tell nothing, F1 asks to give it to all."""
_CAUTION = 0.25
"""Articles given wrongly beside those counted, in spite of which a precision is to be reached: a cut that
luck alone makes reach it does not reach it on new articles. See docs/quality.md."""
_SMOOTHING = 0.25
"""Log odds over which a cut is blurred: an article 0.25 above it counts as given by 73 %."""


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rubric wants instead of the best F1: one of the two."""

    precision: Share | None = None
    """Share of the given that must be right; as many are given as this allows."""
    recall: Share | None = None
    """Share of the right that must be given; no more are given than this needs."""

    def __post_init__(self) -> None:
        """Hold it to one of the two."""
        if (self.precision is None) == (self.recall is None):
            raise ValueError("a goal is either a precision or a recall")


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an editor wants decisions to be made: `[rubrics.settings.decisions]`."""

    goals: dict[str, Goal] = {}
    """Rubric -> its goal; a rubric without one seeks the best F1."""
    min_rubrics: Count = 0
    """Rubrics that each article gets at least, most likely first."""
    max_rubrics: Count = 0
    """Rubrics that an article gets at most; 0: any number."""
    review_share: Share = 0.1
    """Share of the articles that should be marked for review."""
    review_error: Share | None = None
    """Share of errors allowed among the articles not marked; takes the place of `review_share`."""

    def __post_init__(self) -> None:
        """Hold the two numbers of rubrics to each other."""
        if 0 < self.max_rubrics < self.min_rubrics:
            raise ValueError(f"min_rubrics {self.min_rubrics} is more than max_rubrics {self.max_rubrics}")

    def check(self, rubrics: Sequence[str]) -> None:
        """Raise UsageError if a goal is of a rubric that is not learned."""
        for name in self.goals:
            if name not in rubrics:
                raise UsageError(f"there is a goal for {name!r}, which is not learned; {listed(rubrics)} are")


class Decisions(msgspec.Struct, frozen=True):
    """How margins become decisions, a number a rubric."""

    slopes: tuple[Bounded, ...]
    offsets: tuple[Bounded, ...]
    """probability = 1 / (1 + exp(-(slope * margin + offset))), Platt's scaling."""
    thresholds: tuple[Share, ...]
    """Least probability at which a rubric is given."""
    doubt: Share
    """Probability of an error above which an editor should look."""
    min_rubrics: Count = 0
    max_rubrics: Count = 0

    def probabilities(self, margins: npt.NDArray[np.floating]) -> Floats:
        """Turn margins into probabilities; shape (articles, rubrics) both."""
        return sigmoid(margins * np.array(self.slopes) + np.array(self.offsets))

    def given(
        self,
        probabilities: Floats,
        beside: Sequence[float] = (),
        forced: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.bool_]:
        """Tell which rubrics are given; shape (articles, rubrics).

        Where there are too many or too few, those furthest above their thresholds come first. What cannot
        hold (probability 0, as where a rule forbids it) is not given for the number's sake.

        Args:
            probabilities: (articles, rubrics), those beside the model last.
            beside: thresholds of rubrics that have no model.
            forced: (articles, rubrics), given in any case: beside the largest number, within the least.
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
        """Tell how likely some rubric of an article is wrong, see `chance_of_error`; (articles,)."""
        return chance_of_error(probabilities, self.given(probabilities))

    def doubtful(self, probabilities: Floats) -> npt.NDArray[np.bool_]:
        """Tell which articles need review; shape (articles,)."""
        return self.error_probability(probabilities) > self.doubt


def _places(values: Floats) -> npt.NDArray[np.intp]:
    """Rank each row, the largest first."""
    return np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)


def chance_of_error(probabilities: Floats, given: npt.NDArray[np.bool_]) -> Floats:
    """Tell how likely some rubric of an article is wrong, as if they were independent; (articles,)."""
    right: Floats = np.where(given, probabilities, 1 - probabilities)
    wrong: Floats = 1 - right.prod(axis=1)
    return wrong


def learn_decisions(margins: Floats, truth: Truth, rubrics: Sequence[str], policy: Policy) -> Decisions:
    """Learn from margins that were computed out of fold.

    A threshold maximizes its rubric's F1. A rubric of ten examples must not trust its luck: its threshold is
    drawn towards the one that gives as many articles as have the rubric. Of three examples not even that is
    sure, but the threshold that maximizes micro-F1 over all rubrics. Where a rubric has a goal, its answers
    are drawn towards their probabilities.

    Args:
        margins: shape (articles, rubrics).
        truth: the same shape.
        rubrics: names of the columns.
        policy: what editors want.
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
    """Leave of each rubric the answers to be measured by: the clean ones where there are enough of them.

    Outlets file articles carelessly; a threshold or a figure found on their labels repeats their habits.
    """
    enough = [enough_clean(truth[:, r], clean) for r in range(truth.shape[1])]
    return np.where(clean[:, None] | ~np.array(enough), truth, -1).astype(np.int8)


def enough_clean(truth: npt.NDArray[np.int8], clean: npt.NDArray[np.bool_], enough: int = _ENOUGH) -> bool:
    """Tell whether there are so many clean articles of either answer; by default, enough to measure by."""
    return bool(min((truth[clean] == answer).sum() for answer in (0, 1)) >= enough)


def best_threshold(scores: Floats, truth: npt.NDArray[np.integer]) -> float:
    """Find the probability at which F1, the cut blurred, is highest; 0.5 without positives.

    The highest F1 of a sharp cut is a matter of which articles happen to stand beside it. No more than twice
    as many are given as have the rubric, by the sharp cut either: of equal scores it gives all or none.
    """
    if not (truth == 1).any():
        return 0.5
    hits, given = _blurred(scores, truth)
    sharply = len(scores) - np.searchsorted(np.sort(scores), sigmoid(_CUTS))
    few = np.maximum(given, sharply) <= _MOST * truth.sum()
    f1 = np.where(few, 2 * hits / (given + truth.sum()), 0.0)
    return _middle(f1 >= f1.max() - 1e-9)


def even_threshold(scores: Floats, count: int) -> float:
    """Find the probability above which there are so many, the cut blurred."""
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
    """Find the probability that reaches a goal and gives up no more than it must.

    A precision is to be reached with a quarter of an article more given wrongly, if it can be. One out of
    reach comes as near as it can.

    Args:
        scores: probabilities, shape (articles,).
        answers: how far the rubric holds, 0 to 1, the same shape.
        goal: what to reach.
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
    """Count, for each of the cuts, the right ones given and all given."""
    step = _CUTS[1] - _CUTS[0]
    place = np.clip(np.rint((log_odds(scores) - _CUTS[0]) / step), 0, len(_CUTS) - 1).astype(np.intp)
    above = sigmoid((_CUTS[:, None] - _CUTS) / _SMOOTHING)  # (place, cut): how far it counts as given
    hits: Floats = np.bincount(place, answers, len(_CUTS)) @ above
    given: Floats = np.bincount(place, minlength=len(_CUTS)) @ above
    return hits, given


def _middle(best: npt.NDArray[np.bool_]) -> float:
    """Return the probability in the middle of the first run of equally good cuts."""
    first = int(best.argmax())
    run = np.append(best[first:], False).argmin()
    return float(sigmoid(_CUTS[first : first + run].mean()))


def _doubt(errors: Floats, errors_of_known: Floats, wrong: npt.NDArray[np.bool_], policy: Policy) -> float:
    """Find the probability of an error above which an article goes to review.

    The errors of the articles are counted where all their rubrics are known and they are enough: rubrics err
    together, and what `chance_of_error` says then is too much.
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
