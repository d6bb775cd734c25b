"""Features made of other features, folded into the coefficients of a linear model.

A model fitted on [X, X P] has the margins X w + X P u, which is X (w + P u): a model on X with other
coefficients. So the features X P cost nothing when articles are scored, and explanations stay ones of words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]
Projection: TypeAlias = Floats | sparse.csr_array
"""(columns, new features), weights of the columns of X in the new features."""


class Folding:
    """Appends linear combinations of columns to X, and folds their coefficients back."""

    def __init__(self, columns: npt.NDArray[np.intp], projections: Sequence[Projection]) -> None:
        """Store the projections and the columns of X that they apply to."""
        self._columns = columns
        self._projections = projections

    def extend(self, X: sparse.csr_array) -> sparse.csr_array:
        """Append the new features to X; shape (articles, columns + new features)."""
        source = X[:, self._columns]
        made = [sparse.csr_array(source @ weights) for weights in self._projections if weights.shape[1]]
        for features in made:
            features.sort_indices()  # once; otherwise scipy sorts again for every selection of rows
        return sparse.csr_array(sparse.hstack([X, *made], format="csr", dtype=np.float32)) if made else X

    def fold(self, coefficients: Floats) -> Floats:
        """Convert coefficients for `extend(X)` into coefficients for X, shape (columns, rubrics).

        Args:
            coefficients: (columns + new features, rubrics).
        """
        start = len(coefficients) - sum(weights.shape[1] for weights in self._projections)
        folded = coefficients[:start].copy()
        for weights in self._projections:
            folded[self._columns] += weights @ coefficients[start : start + weights.shape[1]]
            start += weights.shape[1]
        return folded
