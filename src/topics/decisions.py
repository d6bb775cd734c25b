"""From a margin to a decision: calibrated probabilities, a threshold a rubric, doubt."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.int8]
"""(articles, rubrics): 1 holds, 0 does not hold, -1 unknown."""

Bounded = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
"""Checked when a version is read: a probability computed from it is a number."""

_ENOUGH = 20
_PRIOR = 30
"""Positives at which a rubric's own threshold weighs as much as the one found over all rubrics."""


class Decisions(msgspec.Struct, frozen=True):
    """How margins become decisions, a number a rubric."""

    slopes: tuple[Bounded, ...]
    offsets: tuple[Bounded, ...]
    """probability = 1 / (1 + exp(-(slope * margin + offset))), Platt's scaling."""
    thresholds: tuple[Annotated[float, msgspec.Meta(ge=0, le=1)], ...]
    """Least probability at which a rubric is given."""
    doubt: Annotated[float, msgspec.Meta(ge=0)]
    """Distance to a threshold, in log odds, under which an editor should look."""

    def probabilities(self, margins: npt.NDArray[np.floating]) -> Floats:
        """Turn margins into probabilities; shape (articles, rubrics) both."""
        return sigmoid(margins * np.array(self.slopes) + np.array(self.offsets))

    def given(self, probabilities: Floats) -> npt.NDArray[np.bool_]:
        """Tell which rubrics are given; shape (articles, rubrics)."""
        return probabilities >= np.array(self.thresholds)

    def doubtful(self, probabilities: Floats) -> npt.NDArray[np.bool_]:
        """Tell which articles need review; shape (articles,)."""
        return _distance(probabilities, np.array(self.thresholds)) < self.doubt


def learn_decisions(margins: Floats, truth: Truth, review_share: float) -> Decisions:
    """Learn from margins that were computed out of fold.

    A threshold maximizes its rubric's F1 and is then drawn towards the one that maximizes micro-F1 over all
    rubrics, by n / (n + 30), n its positives: a rubric with ten examples must not trust its luck.

    Args:
        margins: shape (articles, rubrics).
        truth: the same shape.
        review_share: share of the articles that should fall into the band of doubt.
    """
    columns = range(margins.shape[1])
    scalings = [_scale(margins[truth[:, r] >= 0, r], truth[truth[:, r] >= 0, r]) for r in columns]
    slopes, offsets = (tuple(numbers) for numbers in zip(*scalings, strict=True))
    probabilities = sigmoid(margins * np.array(slopes) + np.array(offsets))
    overall = best_threshold(probabilities[truth >= 0], truth[truth >= 0])
    thresholds = tuple(_threshold(probabilities[:, r], truth[:, r], overall) for r in columns)
    distance = _distance(probabilities, np.array(thresholds))
    return Decisions(slopes, offsets, thresholds, float(np.quantile(distance, review_share)))


def judged(truth: Truth, clean: npt.NDArray[np.bool_]) -> Truth:
    """Leave of each rubric the answers to be measured by: the clean ones where there are enough of them.

    Outlets file articles carelessly; a threshold or a figure found on their labels repeats their habits.
    """
    enough = [enough_clean(truth[:, r], clean) for r in range(truth.shape[1])]
    return np.where(clean[:, None] | ~np.array(enough), truth, -1).astype(np.int8)


def enough_clean(truth: npt.NDArray[np.int8], clean: npt.NDArray[np.bool_]) -> bool:
    """Tell whether the clean articles, of both answers, suffice to judge one rubric."""
    return bool(min((truth[clean] == answer).sum() for answer in (0, 1)) >= _ENOUGH)


def best_threshold(scores: Floats, truth: npt.NDArray[np.integer]) -> float:
    """Find the cut with the highest F1, half-way between two neighbouring scores; 0.5 without positives."""
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(truth[order] == 1)
    if not len(hits) or hits[-1] == 0:
        return 0.5
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + hits[-1])
    cuts = np.append(scores[:-1] > scores[1:], True)  # a cut cannot part equal scores
    best = int(np.argmax(np.where(cuts, f1, -1)))
    following = scores[best + 1] if best + 1 < len(scores) else 0.0
    return float((scores[best] + following) / 2)


def _threshold(probabilities: Floats, truth: npt.NDArray[np.int8], overall: float) -> float:
    known = truth >= 0
    positives = int((truth == 1).sum())
    own = best_threshold(probabilities[known], truth[known])
    return (positives * own + _PRIOR * overall) / (positives + _PRIOR)


def _scale(margins: Floats, truth: npt.NDArray[np.int8]) -> tuple[float, float]:
    """Fit Platt's scaling; one that separates nothing keeps the margin's own sign."""
    if len(np.unique(truth)) < 2:
        return 1.0, 0.0
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=100.0).fit(margins[:, None], truth)
    slope = float(model.coef_[0, 0])
    return (slope, float(model.intercept_[0])) if slope > 0 else (1.0, 0.0)


def _distance(probabilities: Floats, thresholds: Floats) -> Floats:
    """Distance of each article's nearest rubric to its threshold, in log odds."""
    distances: Floats = np.abs(log_odds(probabilities) - log_odds(thresholds)).min(axis=1)
    return distances


def log_odds(probabilities: Floats) -> Floats:
    """Turn probabilities into log odds, finite for 0 and 1 too."""
    odds: Floats = np.clip(probabilities, 1e-9, 1 - 1e-9)
    odds = odds / (1 - odds)
    return np.log(odds)


def sigmoid(values: Floats) -> Floats:
    """Turn log odds into probabilities."""
    return 1 / (1 + np.exp(-np.clip(values, -500, 500)))
