"""Latent semantic analysis: words that stand in the same articles point in the same direction.

This holds for words of unlabelled articles as well: «глэмпинг» learns from «кемпинг». The directions are the
first right singular vectors of the training corpus, unlabelled articles included (Deerwester et al. 1990;
randomized: Halko, Martinsson, Tropp 2011).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from scipy import sparse

from topics.rubrics.folding import Floats


class LatentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Number and weight of the latent directions."""

    dimensions: Annotated[int, msgspec.Meta(ge=0)] = 200
    """Number of directions, at most a fifth of the number of articles; 0 turns them off."""
    weight: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 3.0
    """Factor on the latent features; the larger, the more a model generalizes from word to word."""
    max_df: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.2
    """Words in a larger share of the articles contribute to neither directions nor prefixes."""


def directions(X: sparse.csr_array, settings: LatentSettings, seed: int = 0) -> Floats:
    """Return the latent directions of X, (articles, words); shape (words, directions)."""
    dimensions = max(min(settings.dimensions, X.shape[0] // 5, X.shape[1] - 1), 0)
    if not dimensions or not X.nnz:
        return np.zeros((X.shape[1], dimensions), np.float32)
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # with more threads, products round differently
        rows = randomized_svd(X, dimensions, n_iter=2, random_state=seed)[2]
    return np.ascontiguousarray(rows.T, np.float32) * np.float32(settings.weight)
