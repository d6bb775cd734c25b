"""Map of topics by their distances, with circles that do not overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import orthogonal_procrustes

Floats = npt.NDArray[np.float64]

_FILL_SHARE = 0.4
"""Share of the map covered by circles before they are pushed apart."""
_MIN_RADIUS = 0.008
"""Smallest radius, relative to the width of the map."""
_MAX_RADIUS = 0.15
"""Largest radius, reached with few topics."""
_GAP = 0.008
_MAX_ITERATIONS = 300
_MIN_RANK = 0.05
"""Rank of the smallest distance; that of the largest is 1."""
_MIN_ANCHORS = 3
"""Smallest number of items in common with a former map that determines rotation and reflection."""


class Map(NamedTuple):
    """Circles in a frame of width 1."""

    centres: Floats
    """(n, 2), centres; y grows downwards."""
    radii: Floats
    """(n,); areas are proportional to the sizes, except the smallest."""
    height: float
    """Height of the frame."""


def draw(distances: Floats, sizes: Floats, former: Floats | None = None) -> Map:
    """Lay out n items by their distances; deterministic.

    Distances do not determine rotation and reflection: the map is rotated, and mirrored if necessary, to
    match a former map as closely as possible.

    Topics of an archive are all far apart, and distances of 0.6 to 0.9 cannot be drawn in two dimensions. So
    ranks of distances are drawn, and small distances have more weight.

    Args:
        distances: (n, n), symmetric.
        sizes: (n,), at least one above 0.
        former: (n, 2), centres on a former map; nan where an item was not on it.
    """
    targets = _rank_distances(distances)
    centres = _smacof(targets, _classical_scaling(targets))
    centres = _rotate_to_axes(centres)
    span = np.maximum(np.ptp(centres, axis=0), 0.6 * max(float(np.ptp(centres)), 1e-9))
    areas = sizes / sizes.sum() * _FILL_SHARE * span.prod()
    radii = np.maximum(np.sqrt(areas / np.pi), _MIN_RADIUS * span[0])
    centres = _remove_overlaps(centres, radii + _GAP * span[0] / 2)
    if former is not None:
        centres = _align(centres, former)
    low, high = ((centres.T + sign * radii).T for sign in (-1, 1))
    low, high = low.min(axis=0), high.max(axis=0)
    width, height = (high - low).tolist()
    return Map((centres - low) / width, np.minimum(radii / width, _MAX_RADIUS), height / width)


def _rank_distances(distances: Floats) -> Floats:
    """Replace distances by the square roots of their ranks, up to 1; the root keeps outliers close."""
    upper = np.triu_indices(len(distances), 1)
    order = np.argsort(distances[upper], kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.sqrt(np.linspace(_MIN_RANK, 1, len(order)))
    result = np.zeros(distances.shape)
    result[upper] = ranks
    return result + result.T


def _classical_scaling(targets: Floats) -> Floats:
    """Return initial places by classical scaling (Torgerson 1952)."""
    centring = np.eye(len(targets)) - 1 / len(targets)
    values, vectors = np.linalg.eigh(-0.5 * centring @ targets**2 @ centring)
    centres = np.zeros((len(targets), 2))
    for column, best in enumerate(np.argsort(-values)[:2].tolist()):
        vector = vectors[:, best]
        sign = np.sign(vector[np.abs(vector).argmax()])  # arbitrary otherwise, and machine-dependent
        centres[:, column] = sign * vector * np.sqrt(max(values[best], 0.0))
    return centres


def _smacof(targets: Floats, centres: Floats) -> Floats:
    """Minimize the stress, weighted by inverse distances: SMACOF (de Leeuw 1977)."""
    n = len(targets)
    if n < 3:
        return centres
    weights = np.divide(1, targets, out=np.zeros_like(targets), where=targets > 0)
    inverse = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
    for _ in range(_MAX_ITERATIONS):
        lengths = np.linalg.norm(centres[:, None] - centres, axis=2)
        ratios = np.divide(weights * targets, lengths, out=np.zeros_like(lengths), where=lengths > 1e-9)
        centres = inverse @ (np.diag(ratios.sum(axis=1)) - ratios) @ centres
    return centres


def _rotate_to_axes(centres: Floats) -> Floats:
    """Rotate the map to its principal axes, widest first."""
    centred = centres - centres.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    for axis in axes:
        axis *= np.sign(axis[np.abs(axis).argmax()]) or 1.0
    turned: Floats = centred @ axes.T
    return turned if turned.shape == centres.shape else centres


def _align(centres: Floats, former: Floats) -> Floats:
    """Align the map with a former one by the items on both: orthogonal Procrustes (Schönemann 1966)."""
    known = np.isfinite(former).all(axis=1)
    if known.sum() < _MIN_ANCHORS:
        return centres
    centre = centres[known].mean(axis=0)
    turn, _ = orthogonal_procrustes(centres[known] - centre, former[known] - former[known].mean(axis=0))
    turned: Floats = (centres - centre) @ turn
    return turned


def _remove_overlaps(centres: Floats, radii: Floats) -> Floats:
    """Push overlapping circles apart, each by half of the overlap."""
    targets = radii[:, None] + radii
    np.fill_diagonal(targets, 0)
    for _ in range(_MAX_ITERATIONS):
        gaps = centres[:, None] - centres
        lengths = np.linalg.norm(gaps, axis=2)
        overlaps = np.maximum(targets - lengths, 0)
        if overlaps.max() <= 1e-6:
            break
        gaps[lengths == 0] = [1, 0]  # coinciding circles move sideways, the first one to the right
        gaps[(lengths == 0) & np.tri(len(centres), dtype=bool)] = [-1, 0]
        steps = gaps / np.where(lengths == 0, 1, lengths)[..., None] * overlaps[..., None] / 2
        np.einsum("iij->ij", steps)[:] = 0
        centres = centres + steps.sum(axis=1)
    return centres
