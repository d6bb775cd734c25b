"""Length calibration: margins of short texts on the scale of whole articles.

A headline carries little evidence for a rubric or against it. The shorter the text, the lower the margin at
which half of the texts have the rubric; a threshold learned on whole articles would miss most headlines.
Platt scaling with shortness as a second feature, fitted on the beginnings of training articles, corrects for
that. The ranking of texts of equal length does not change.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from topics.rubrics.calibration import Bounded, Floats, Truth
from topics.text.tokens import concatenate
from topics.types import TokenBatch

T = TypeVar("T", bound=np.generic)

Lengths = npt.NDArray[np.integer]
"""(articles,): number of known terms in each article."""

BEGINNINGS = (10, 20, 40, 80)
"""Lengths, in words, of the beginnings that serve as short texts."""
_SHORTEST = 5
"""Shortness does not grow below this number of terms; a text without known terms is not corrected."""
_PRIOR = 10
"""Number of positives of a rubric at which its correction is shrunk by half."""


class LengthCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Converts margins of short texts to the scale of whole articles.

    `margin * (1 + slope * shortness) + offset * shortness`, with one slope and one offset per rubric.
    Shortness is ln(`usual` / number of terms), at least 0.
    """

    usual: Bounded
    """Median number of terms of the training articles; longer texts are not corrected."""
    slopes: tuple[Bounded, ...]
    offsets: tuple[Bounded, ...]

    def factors(self, lengths: Lengths) -> tuple[Floats, Floats]:
        """Return the factors and the terms of the correction, both of shape (articles, rubrics)."""
        shortness = _shortness(lengths, self.usual)[:, None]
        return 1 + shortness * np.array(self.slopes), shortness * np.array(self.offsets)

    def correct(self, margins: Floats, lengths: Lengths) -> Floats:
        """Correct margins, shape (articles, rubrics)."""
        factors, terms = self.factors(lengths)
        return margins * factors + terms


class Excerpts(NamedTuple):
    """Articles and their beginnings with out-of-fold margins."""

    margins: Floats
    """(texts, rubrics)."""
    lengths: Lengths
    """(texts,)."""
    truth: Truth
    """(texts, rubrics); a beginning has the labels of its article."""
    folds: npt.NDArray[np.intp]
    """(texts,), fold numbers."""

    def only(self, texts: npt.NDArray[np.bool_]) -> Excerpts:
        """Select texts by a boolean mask."""
        return Excerpts(self.margins[texts], self.lengths[texts], self.truth[texts], self.folds[texts])


def fit_length_calibration(texts: Excerpts, usual: float) -> LengthCalibration:
    """Fit the correction; it is shrunk by n / (n + 10), where n is the number of positives of a rubric.

    Args:
        texts: articles and their beginnings.
        usual: median number of terms of the training articles.
    """
    shortness = _shortness(texts.lengths, usual)
    known = (texts.truth >= 0).T & (texts.lengths > 0)
    fitted = [
        _learn(texts.margins[rows, r], shortness[rows], texts.truth[rows, r], usual)
        for r, rows in enumerate(known)
    ]
    slopes, offsets = zip(*fitted, strict=True)
    return LengthCalibration(usual, slopes, offsets)


def corrected(
    margins: Floats, lengths: Lengths, folds: npt.NDArray[np.intp], texts: Excerpts, usual: float
) -> Floats:
    """Correct the margins of each fold by a calibration fitted on the texts of the other folds."""
    result = np.empty_like(margins)
    for fold in np.unique(folds):
        here, others = folds == fold, texts.folds != fold
        calibration = fit_length_calibration(texts.only(others), usual)
        result[here] = calibration.correct(margins[here], lengths[here])
    return result


def excerpted(tokens: TokenBatch) -> TokenBatch:
    """Append the beginnings of articles, without titles, to the whole articles."""
    return concatenate([tokens, *(_beginnings(tokens, words) for words in BEGINNINGS)])


def repeated(column: npt.NDArray[T]) -> npt.NDArray[T]:
    """Repeat values of articles for their beginnings, as `excerpted` does; (articles, …) -> (texts, …)."""
    return np.concatenate([column] * (1 + len(BEGINNINGS)))


def _beginnings(tokens: TokenBatch, words: int) -> TokenBatch:
    sizes = np.minimum(tokens.bodies + words, tokens.offsets[1:]) - tokens.bodies
    offsets = np.append(0, np.cumsum(sizes))
    at = np.arange(offsets[-1]) + np.repeat(tokens.bodies - offsets[:-1], sizes)
    return TokenBatch(tokens.lemmas, tokens.ids[at], offsets, offsets[:-1])


def _shortness(lengths: Lengths, usual: float) -> Floats:
    short: Floats = np.log(max(usual, _SHORTEST) / np.maximum(lengths, _SHORTEST))
    return np.where(lengths > 0, np.maximum(short, 0), 0)


def _learn(
    margins: Floats, shortness: Floats, truth: npt.NDArray[np.int8], usual: float
) -> tuple[float, float]:
    if len(np.unique(truth)) < 2 or not shortness.any():
        return 0.0, 0.0
    from sklearn.linear_model import LogisticRegression

    features = np.stack([margins, margins * shortness, shortness], axis=1)
    margin, product, short = LogisticRegression(C=100.0).fit(features, truth).coef_[0].tolist()
    if margin <= 0:
        return 0.0, 0.0
    positives = (truth == 1).sum() / (1 + len(BEGINNINGS))
    weight = positives / (positives + _PRIOR)
    flattest = -0.5 / math.log(
        max(usual, _SHORTEST + 1) / _SHORTEST
    )  # a higher margin must not mean a lower probability
    return float(max(product / margin, flattest) * weight), float(short / margin * weight)
