"""From a margin to a decision: calibrated probabilities, a threshold a rubric, doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from topics.errors import UsageError, listed

Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.int8]
"""(articles, rubrics): 1 holds, 0 does not hold, -1 unknown."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]

Bounded = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
"""Checked when a version is read: a probability computed from it is a number."""

_ENOUGH = 20
PRIOR = 10
"""Positives at which a rubric's own threshold weighs as much as the one found over all rubrics."""
_CUTS = np.linspace(-8, 8, 321)
"""Log odds that a threshold may have."""
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

    def given(self, probabilities: Floats) -> npt.NDArray[np.bool_]:
        """Tell which rubrics are given; shape (articles, rubrics).

        Where there are too many or too few, those furthest above their thresholds come first. What cannot
        hold (probability 0, as where a rule forbids it) is not given for the number's sake.
        """
        thresholds = np.array(self.thresholds)
        holds: npt.NDArray[np.bool_] = probabilities >= thresholds
        if self.min_rubrics or self.max_rubrics:
            excess = log_odds(probabilities) - log_odds(thresholds)
            place = np.argsort(np.argsort(-excess, axis=1, kind="stable"), axis=1)
            holds = (place < (self.max_rubrics or holds.shape[1])) & holds
            holds |= (place < self.min_rubrics) & (probabilities > 0)
        return holds

    def error_probability(self, probabilities: Floats) -> Floats:
        """Tell how likely some rubric of an article is wrong, as if they were independent; (articles,)."""
        right: Floats = np.where(self.given(probabilities), probabilities, 1 - probabilities)
        wrong: Floats = 1 - right.prod(axis=1)
        return wrong

    def doubtful(self, probabilities: Floats) -> npt.NDArray[np.bool_]:
        """Tell which articles need review; shape (articles,)."""
        return self.error_probability(probabilities) > self.doubt


def learn_decisions(margins: Floats, truth: Truth, rubrics: Sequence[str], policy: Policy) -> Decisions:
    """Learn from margins that were computed out of fold.

    A threshold maximizes its rubric's F1 and is then drawn towards the one that maximizes micro-F1 over all
    rubrics, by n / (n + 10), n its positives: a rubric with ten examples must not trust its luck. Where a
    rubric has a goal, its answers are drawn towards their probabilities in the same way.

    Args:
        margins: shape (articles, rubrics).
        truth: the same shape.
        rubrics: names of the columns.
        policy: what editors want.
    """
    columns = range(margins.shape[1])
    scalings = [scaling(margins[truth[:, r] >= 0, r], truth[truth[:, r] >= 0, r]) for r in columns]
    slopes, offsets = (tuple(numbers) for numbers in zip(*scalings, strict=True))
    probabilities = sigmoid(margins * np.array(slopes) + np.array(offsets))
    overall = best_threshold(probabilities[truth >= 0], truth[truth >= 0])
    thresholds = []
    for r, rubric in enumerate(rubrics):
        known = truth[:, r] >= 0
        scores, answers = probabilities[known, r], truth[known, r]
        own_weight = answers.sum() / (answers.sum() + PRIOR)
        if goal := policy.goals.get(rubric):
            thresholds.append(goal_threshold(scores, own_weight * answers + (1 - own_weight) * scores, goal))
        else:
            thresholds.append(own_weight * best_threshold(scores, answers) + (1 - own_weight) * overall)
    numbers = policy.min_rubrics, policy.max_rubrics
    decisions = Decisions(slopes, offsets, tuple(map(float, thresholds)), 0.0, *numbers)
    errors = decisions.error_probability(probabilities)
    return msgspec.structs.replace(decisions, doubt=_doubt(errors, policy))


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

    The highest F1 of a sharp cut is a matter of which articles happen to stand beside it.
    """
    if not (truth == 1).any():
        return 0.5
    hits, given = _blurred(scores, truth)
    f1 = 2 * hits / (given + truth.sum())
    return _middle(f1 >= f1.max() - 1e-9)


def goal_threshold(scores: Floats, answers: Floats, goal: Goal) -> float:
    """Find the probability that reaches a goal and gives up no more than it must.

    One out of reach comes as near as it can.

    Args:
        scores: probabilities, shape (articles,).
        answers: how far the rubric holds, 0 to 1, the same shape.
        goal: what to reach.
    """
    hits, given = _blurred(scores, answers)
    if goal.precision is not None:
        precision = hits / np.maximum(given, 1e-9)
        reached = np.flatnonzero(precision >= min(goal.precision, precision.max()))
        return float(sigmoid(_CUTS[reached[0]]))
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


def _doubt(errors: Floats, policy: Policy) -> float:
    """Find the probability of an error above which an article goes to review."""
    if policy.review_error is None:
        return float(np.quantile(errors, 1 - policy.review_share))
    rising = np.sort(errors)
    kept = np.cumsum(rising) <= policy.review_error * np.arange(1, len(rising) + 1)
    return float(rising[kept].max(initial=0.0))


def scaling(margins: Floats, truth: npt.NDArray[np.int8]) -> tuple[float, float]:
    """Fit Platt's scaling, slope and offset; one that separates nothing keeps the margin's own sign."""
    if len(np.unique(truth)) < 2:
        return 1.0, 0.0
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=100.0).fit(margins[:, None], truth)
    slope = float(model.coef_[0, 0])
    return (slope, float(model.intercept_[0])) if slope > 0 else (1.0, 0.0)


def log_odds(probabilities: Floats | float) -> Floats:
    """Turn probabilities into log odds, finite for 0 and 1 too."""
    odds: Floats = np.clip(np.asarray(probabilities), 1e-9, 1 - 1e-9)
    odds = odds / (1 - odds)
    return np.log(odds)


def sigmoid(values: Floats) -> Floats:
    """Turn log odds into probabilities."""
    return 1 / (1 + np.exp(-np.clip(values, -500, 500)))
