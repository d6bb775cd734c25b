"""Margins to probabilities: Platt scaling (1999), with slopes shrunk towards a common one."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.int8]
"""(articles, rubrics): 1 holds, 0 does not hold, -1 unknown."""
Bounded = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
"""Validated when a version is loaded, so that probabilities are finite."""

_STEADY = 20
"""Number of examples at which the slope of a rubric and the common slope weigh the same."""
_FLAT = 0.01
"""Slope used where margins do not rank better than chance: probabilities are then near the base rate."""


def calibrate(margins: Floats, truth: Truth) -> tuple[Floats, Floats]:
    """Fit slopes and offsets; probability = 1 / (1 + exp(-(slope * margin + offset))).

    With ten positives, chance separation makes a slope too steep. Each slope is therefore shrunk towards the
    common one with weight n / (n + 20), n being the size of the rarer class; offsets are then refitted, so
    that probabilities sum to the number of positives. A rubric whose margins do not rank gets its base rate
    and does not contribute to the common slope.

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
    own, logs, weights = examples / (examples + _STEADY), np.log(slopes), examples * (slopes > _FLAT)
    shrunk = np.exp(own * logs + (1 - own) * (weights @ logs) / max(weights.sum(), 1))
    for r in np.flatnonzero(examples).tolist():
        slopes[r], offsets[r] = shrunk[r], _offset(shrunk[r] * columns[r][0], columns[r][1])
    return slopes, offsets


def scaling(margins: Floats, truth: npt.NDArray[np.int8]) -> tuple[float, float]:
    """Fit Platt scaling and return slope and offset; 1 and 0 if there is only one class.

    Margins that do not rank better than chance yield about the base rate.
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
    """Return the maximum likelihood offset: the one at which probabilities sum to the number of positives."""
    from scipy.optimize import brentq

    holds, far = float(truth.sum()), 40.0  # log odds at which a probability is 0 or 1
    return float(brentq(lambda o: sigmoid(odds + o).sum() - holds, -odds.max() - far, far - odds.min()))


def log_odds(probabilities: Floats | float) -> Floats:
    """Return log odds; probabilities are clipped, so the result is finite for 0 and 1."""
    odds: Floats = np.clip(np.asarray(probabilities), 1e-9, 1 - 1e-9)
    odds = odds / (1 - odds)
    return np.log(odds)


def sigmoid(values: Floats) -> Floats:
    """Return probabilities for log odds."""
    return 1 / (1 + np.exp(-np.clip(values, -500, 500)))
