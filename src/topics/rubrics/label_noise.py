"""How far a careless archive is believed, answer by answer, by what a model of the clean articles says.

That model tells how likely a rubric is for an article of which nothing else is known. An outlet has read what
it files: among the articles filed under a rubric far more have it, however rare it is. How many more is
estimated from these articles themselves (Saerens, Latinne, Decaestecker 2002).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from topics.rubrics.calibration import Floats, log_odds, sigmoid

_GIVEN, _NOT_GIVEN = (1.3, 3.9), (0.8, -2.7)
"""Log odds at which an answer is not believed at all and at which it is believed in full, between them in
part: where the archive gives the rubric, and where it does not. Outlets err in the same direction again and
again, so that even odds are not enough to learn from what they give."""
_ROUNDS = 50
_LEAST, _MOST = 0.05, 0.95
"""Share of right answers that is thought possible."""


def label_weights(odds: Floats, answers: npt.NDArray[np.int8], share: float) -> Floats:
    """Tell how far to believe answers of the archive to one rubric, 0 to 1; shape (articles,).

    Args:
        odds: log odds that the rubric holds, by a model of the clean articles, shape (articles,).
        answers: 1 given, 0 not given, the same shape.
        share: how many of the clean articles have the rubric, more than 0 and less than 1.
    """
    given = answers == 1
    evidence = odds[given] - log_odds(share)
    belief = _ramp(odds, *_NOT_GIVEN)
    belief[given] = _ramp(evidence + log_odds(label_precision(evidence)), *_GIVEN)
    return belief


def label_precision(evidence: Floats) -> float:
    """Estimate how many of the articles that are given a rubric have it.

    Args:
        evidence: what the words of each add to the log odds, shape (articles,).
    """
    share = 0.5
    for _ in range(_ROUNDS):
        held = sigmoid(evidence + log_odds(share)).sum()
        share = float(held + 1) / (len(evidence) + 2)
    return min(max(share, _LEAST), _MOST)


def _ramp(odds: Floats, nothing: float, full: float) -> Floats:
    """Rise from 0 at the log odds `nothing` to 1 at `full`, on whichever side this lies."""
    return np.clip((odds - nothing) / (full - nothing), 0, 1)
