"""Bootstrap intervals: how far a figure would move on other articles of the same kind.

Efron's percentile bootstrap: the articles are drawn again and again with replacement, which is the same as
giving each a whole-number weight; a statistic takes the weights of many draws at once. Two versions are
compared on the same draws, so that what is hard for both does not blur their difference (Koehn, EMNLP 2004).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Statistic = Callable[[Floats], Floats]
"""Weights (draws, articles) -> figures (draws, figures); NaN where a draw leaves a figure undefined."""

DRAWS = 1_000
LEVEL = 0.95
_AT_ONCE = 1_000_000
"""Weights made at once, 8 MB."""
_AT_MOST = 200_000_000
"""Weights made in all: beyond 200,000 articles there are fewer draws, and no less than 200."""


def bootstrap(statistic: Statistic, n: int, draws: int = DRAWS, seed: int = 0) -> Floats:
    """Compute figures on `draws` samples of n articles, shape (draws, figures); fewer draws if n is large.

    The same seed gives the same samples, whatever the statistic.
    """
    draws = min(draws, max(200, _AT_MOST // max(n, 1)))
    return np.concatenate([statistic(weights) for weights in _weights(n, draws, seed)])


def interval(samples: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Lower and upper ends, shape (figures,) each; NaN for a figure that no draw defines."""
    tail = (1 - level) / 2
    ends = np.full((2, samples.shape[1]), np.nan)
    defined = ~np.isnan(samples).all(axis=0)
    ends[:, defined] = np.nanquantile(samples[:, defined], [tail, 1 - tail], axis=0)
    return ends[0], ends[1]


def chance_of_loss(differences: Floats) -> Floats:
    """Say how well sampled differences agree with «no loss»: one-sided p-values, shape (figures,).

    Small where nearly every sample is below zero; 1 where no sample is defined.
    """
    kept = (differences >= 0).sum(axis=0)  # NaN is not
    p: Floats = (kept + 1) / ((~np.isnan(differences)).sum(axis=0) + 1)
    return p


def holm(p: Floats) -> Floats:
    """Correct p-values for their number (Holm 1979): of many figures some fall by chance alone."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1)
    return corrected


def _weights(n: int, draws: int, seed: int) -> Iterator[Floats]:
    """Tell how often each article is drawn, shape (some draws, n) at a time."""
    generator = np.random.default_rng(seed)
    block = max(1, _AT_ONCE // max(n, 1))
    for start in range(0, draws, block):
        size = min(block, draws - start)
        drawn = generator.integers(0, n, (size, n)) if n else np.empty((size, 0), np.int64)
        places = (drawn + np.arange(size)[:, None] * n).ravel()
        yield np.bincount(places, minlength=size * n).reshape(size, n).astype(float)
