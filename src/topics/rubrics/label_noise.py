"""Weights for noisy labels of an archive, estimated with a model of the clean articles.

That model gives the probability of a rubric for an article about which nothing else is known. But an outlet
has read what it files: among the articles filed under a rubric the share of true positives is much higher
than in the corpus, however rare the rubric. This share is estimated from these articles themselves by EM
(Saerens, Latinne, Decaestecker 2002).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from topics.rubrics.calibration import Floats, log_odds, sigmoid

_GIVEN, _NOT_GIVEN = (1.3, 3.9), (0.8, -2.7)
"""Log odds at which a label gets weight 0 and weight 1, linear in between: of positive and of negative
labels. The errors of outlets are systematic, so a positive label with even odds is not worth learning
from."""
_ROUNDS = 50
_LEAST, _MOST = 0.05, 0.95
"""Bounds of the estimated share of correct labels."""


def label_weights(odds: Floats, answers: npt.NDArray[np.int8], share: float) -> Floats:
    """Return sample weights, 0 to 1, for the archive's labels of one rubric; shape (articles,).

    Args:
        odds: log odds that the rubric holds, by a model of the clean articles, shape (articles,).
        answers: labels of the archive, 1 or 0, same shape.
        share: share of the clean articles that have the rubric, strictly between 0 and 1.
    """
    given = answers == 1
    evidence = odds[given] - log_odds(share)
    weights = _ramp(odds, *_NOT_GIVEN)
    weights[given] = _ramp(evidence + log_odds(label_precision(evidence)), *_GIVEN)
    return weights


def label_precision(evidence: Floats) -> float:
    """Estimate the share of correct labels among the positive labels of a rubric.

    Args:
        evidence: log odds minus the prior log odds of the clean articles, shape (articles,).
    """
    share = 0.5
    for _ in range(_ROUNDS):
        held = sigmoid(evidence + log_odds(share)).sum()
        share = float(held + 1) / (len(evidence) + 2)
    return min(max(share, _LEAST), _MOST)


def _ramp(odds: Floats, nothing: float, full: float) -> Floats:
    """Interpolate linearly from 0 at the log odds `nothing` to 1 at `full`; `full` may be the smaller."""
    return np.clip((odds - nothing) / (full - nothing), 0, 1)
