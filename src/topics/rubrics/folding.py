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
"""(columns, new features): what each column of a matrix adds to each new feature."""


class Folding:
    """New features beside the columns that they are made of."""

    def __init__(self, columns: npt.NDArray[np.intp], projections: Sequence[Projection]) -> None:
        """Take projections of these columns of a matrix; other columns stay out of it."""
        self._columns = columns
        self._projections = projections

    def extend(self, X: sparse.csr_array) -> sparse.csr_array:
        """Put the new features beside X: shape (articles, columns + new features)."""
        source = X[:, self._columns]
        made = [sparse.csr_array(source @ weights) for weights in self._projections if weights.shape[1]]
        for features in made:
            features.sort_indices()  # once: else scipy does it anew for whoever takes some of the rows
        return sparse.csr_array(sparse.hstack([X, *made], format="csr", dtype=np.float32)) if made else X

    def fold(self, coefficients: Floats) -> Floats:
        """Turn coefficients for what `extend` gives into ones for X; (columns + new features, rubrics)."""
        start = len(coefficients) - sum(weights.shape[1] for weights in self._projections)
        folded = coefficients[:start].copy()
        for weights in self._projections:
            folded[self._columns] += weights @ coefficients[start : start + weights.shape[1]]
            start += weights.shape[1]
        return folded
