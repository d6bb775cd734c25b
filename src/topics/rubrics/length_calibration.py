"""Margins of short texts, put on the scale of whole articles.

A headline says little for a rubric and little against it. The margin at which half of the texts carry the
rubric therefore lies lower, the shorter the text; a threshold found on whole articles would miss most
headlines. Platt's scaling with the text's shortness as a second feature, learned from the beginnings of the
training articles, makes up for that. Ranks among texts of one length stay as they are.
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
"""(articles,): the number of terms of each that the model knows."""

BEGINNINGS = (10, 20, 40, 80)
"""Words of the beginnings that stand for short texts."""
_SHORTEST = 5
"""Terms below which a text counts as no shorter; one of no known term is not corrected at all."""
_PRIOR = 10
"""Positives of a rubric at which half of what was learned of it is believed."""


class LengthCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the margin of a text of few terms becomes what it would mean on a whole article.

    `margin * (1 + slope * shortness) + offset * shortness`, a slope and an offset a rubric. Shortness is the
    natural logarithm of how many times fewer terms the text has than the article in the middle.
    """

    usual: Bounded = 0.0
    """Terms of the training article in the middle; longer ones are not corrected."""
    slopes: tuple[Bounded, ...] = (0.0,)
    offsets: tuple[Bounded, ...] = (0.0,)

    def factors(self, lengths: Lengths) -> tuple[Floats, Floats]:
        """Return what margins are multiplied by and what is then added, shape (articles, rubrics) both."""
        shortness = _shortness(lengths, self.usual)[:, None]
        return 1 + shortness * np.array(self.slopes), shortness * np.array(self.offsets)

    def correct(self, margins: Floats, lengths: Lengths) -> Floats:
        """Correct margins, shape (articles, rubrics)."""
        factors, terms = self.factors(lengths)
        return margins * factors + terms


class Excerpts(NamedTuple):
    """Articles and their beginnings, judged by models that had not seen them."""

    margins: Floats
    """(texts, rubrics)."""
    lengths: Lengths
    """(texts,)."""
    truth: Truth
    """(texts, rubrics); a beginning has the answers of its article."""
    folds: npt.NDArray[np.intp]
    """(texts,), the fold that each was held out in."""

    def only(self, texts: npt.NDArray[np.bool_]) -> Excerpts:
        """Keep some; `texts` is a mask."""
        return Excerpts(self.margins[texts], self.lengths[texts], self.truth[texts], self.folds[texts])


def fit_length_calibration(texts: Excerpts, usual: float) -> LengthCalibration:
    """Learn what short texts need; drawn to nothing by n / (n + 10), n a rubric's positive articles.

    Args:
        texts: to learn from.
        usual: terms of the training article in the middle.
    """
    shortness = _shortness(texts.lengths, usual)
    known = (texts.truth >= 0).T & (texts.lengths > 0)
    found = [
        _learn(texts.margins[rows, r], shortness[rows], texts.truth[rows, r], usual)
        for r, rows in enumerate(known)
    ]
    slopes, offsets = zip(*found, strict=True)
    return LengthCalibration(usual, slopes, offsets)


def corrected(
    margins: Floats, lengths: Lengths, folds: npt.NDArray[np.intp], texts: Excerpts, usual: float
) -> Floats:
    """Correct the margins of the articles of each fold by what the texts of the others teach."""
    found = np.empty_like(margins)
    for fold in np.unique(folds):
        here, others = folds == fold, texts.folds != fold
        calibration = fit_length_calibration(texts.only(others), usual)
        found[here] = calibration.correct(margins[here], lengths[here])
    return found


def excerpted(tokens: TokenBatch) -> TokenBatch:
    """Put the beginnings of articles, without their titles, behind the whole ones."""
    return concatenate([tokens, *(_beginnings(tokens, words) for words in BEGINNINGS)])


def repeated(column: npt.NDArray[T]) -> npt.NDArray[T]:
    """Say of the beginnings what is said of the articles; (articles, …) -> (texts, …)."""
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
    flattest = -0.5 / math.log(max(usual, _SHORTEST + 1) / _SHORTEST)  # a higher margin is ever a better sign
    return float(max(product / margin, flattest) * weight), float(short / margin * weight)
