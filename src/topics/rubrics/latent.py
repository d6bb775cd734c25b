"""Latent semantic analysis, folded into the coefficients of a linear model.

Words that stand in the same articles point in the same direction, whether or not a labelled article holds
them: «глэмпинг» learns from «кемпинг». The directions are the first right singular vectors V of the training
corpus, unlabelled articles included (Deerwester et al. 1990; randomized: Halko, Martinsson, Tropp 2011). A
model is fitted on [X, s X V]; since its margin X w + s X V u is X (w + s V u), the latent part costs nothing
when articles are scored, and an explanation stays one of words.
"""

from __future__ import annotations

from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]


class LatentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many directions to learn, and how much they weigh."""

    dimensions: int = 200
    """At most a fifth of the articles; 0 leaves them out."""
    weight: float = 3.0
    """Factor on the latent features; the more, the more a model generalizes from word to word."""
    max_df: float = 0.2
    """Share of the articles above which a word tells nothing of their subject."""


class Latent:
    """Latent directions of some columns of a document-term matrix."""

    def __init__(self, settings: LatentSettings, seed: int = 0) -> None:
        self.settings = settings
        self.seed = seed

    def fit(self, X: sparse.csr_array, width: int) -> Self:
        """Learn the directions of the first `width` columns of X, shape (articles, columns)."""
        from sklearn.utils.extmath import randomized_svd
        from threadpoolctl import threadpool_limits

        body = X[:, :width]
        frequency = np.bincount(body.indices, minlength=width)
        self._columns = np.flatnonzero(frequency <= self.settings.max_df * X.shape[0])
        body = body[:, self._columns]
        dimensions = min(self.settings.dimensions, X.shape[0] // 5, len(self._columns) - 1)
        self.directions = np.zeros((len(self._columns), max(dimensions, 0)), np.float32)
        if dimensions > 0 and body.nnz:
            with threadpool_limits(1):  # a product shared among threads rounds otherwise
                rows = randomized_svd(body, dimensions, n_iter=2, random_state=self.seed)[2]
            self.directions = np.ascontiguousarray(rows.T, np.float32) * np.float32(self.settings.weight)
        return self

    def extend(self, X: sparse.csr_array) -> sparse.csr_array:
        """Put the latent features beside X: shape (articles, columns + dimensions)."""
        if not self.directions.shape[1]:
            return X
        latent = sparse.csr_array(X[:, self._columns] @ self.directions)
        return sparse.csr_array(sparse.hstack([X, latent], format="csr", dtype=np.float32))

    def fold(self, coefficients: Floats) -> Floats:
        """Turn coefficients for what `extend` gives into ones for X; (columns + dimensions, rubrics)."""
        width = len(coefficients) - self.directions.shape[1]
        folded = coefficients[:width].copy()
        folded[self._columns] += self.directions @ coefficients[width:]
        return folded
