"""From a margin to a probability: Platt's scaling (1999), steadied where examples are few."""

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

_STEADY = 20
"""Examples of a rubric at which its own slope weighs as much as that of all rubrics."""
_FLAT = 0.01
"""Slope where margins order the articles by chance or wrongly: all get about the base rate of the rubric."""


def calibrate(margins: Floats, truth: Truth) -> tuple[Floats, Floats]:
    """Fit slopes and offsets; probability = 1 / (1 + exp(-(slope * margin + offset))).

    Where ten articles lie apart from others by chance, their slope is too steep. So each is drawn to that of
    all by n / (n + 20), n the rarer of its answers; with the offset, probabilities add up to the articles.
    One that orders nothing gets its base rate, and has no say in the slope of the others.

    Args:
        margins: computed out of fold, shape (articles, rubrics).
        truth: the same shape.

    Returns:
        Slopes and offsets, both of shape (rubrics,).
    """
    columns = [
        (column[known], answers[known])
        for column, answers, known in zip(margins.T, truth.T, truth.T >= 0, strict=True)
    ]
    slopes, offsets = np.array([scaling(*column) for column in columns]).T
    examples = np.minimum((truth == 1).sum(axis=0), (truth == 0).sum(axis=0))
    own, steep, telling = examples / (examples + _STEADY), np.log(slopes), examples * (slopes > _FLAT)
    steady = np.exp(own * steep + (1 - own) * (telling @ steep) / max(telling.sum(), 1))
    for r in np.flatnonzero(examples).tolist():
        slopes[r], offsets[r] = steady[r], _offset(steady[r] * columns[r][0], columns[r][1])
    return slopes, offsets


def scaling(margins: Floats, truth: npt.NDArray[np.int8]) -> tuple[float, float]:
    """Fit Platt's scaling, slope and offset; of margins that order nothing comes the base rate.

    Of one answer alone nothing can be fitted: 1 and 0.
    """
    if len(np.unique(truth)) < 2:
        return 1.0, 0.0
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=100.0).fit(margins[:, None], truth)
    slope = float(model.coef_[0, 0])
    if slope > _FLAT:
        return slope, float(model.intercept_[0])
    return _FLAT, _offset(_FLAT * margins, truth)


def _offset(odds: Floats, truth: npt.NDArray[np.int8]) -> float:
    """Find what to add to log odds for the most likely probabilities: those that add up to the truth."""
    from scipy.optimize import brentq

    holds, far = float(truth.sum()), 40.0  # log odds at which a probability is 0 or 1
    return float(brentq(lambda o: sigmoid(odds + o).sum() - holds, -odds.max() - far, far - odds.min()))


def log_odds(probabilities: Floats | float) -> Floats:
    """Turn probabilities into log odds, finite for 0 and 1 too."""
    odds: Floats = np.clip(np.asarray(probabilities), 1e-9, 1 - 1e-9)
    odds = odds / (1 - odds)
    return np.log(odds)


def sigmoid(values: Floats) -> Floats:
    """Turn log odds into probabilities."""
    return 1 / (1 + np.exp(-np.clip(values, -500, 500)))
