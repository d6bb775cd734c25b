"""A map of topics by their distances: circles that do not overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import orthogonal_procrustes

Floats = npt.NDArray[np.float64]

_FILLED = 0.4
"""Share of the map covered by circles before they are pushed apart."""
_SMALLEST = 0.008
"""Smallest radius, relative to the width of the map."""
_LARGEST = 0.15
"""Largest radius, which matters if there are few topics."""
_GAP = 0.008
_ROUNDS = 300
_NEAREST = 0.05
"""Rank of the smallest distance; that of the largest is 1."""
_ANCHORS = 3
"""Fewest items in common with a former map to determine rotation and reflection."""


class Map(NamedTuple):
    """Circles in a frame of width 1."""

    places: Floats
    """(n, 2), centres; y grows downwards."""
    radii: Floats
    """(n,); areas are proportional to the sizes, except the smallest."""
    height: float
    """Height of the frame."""


def draw(distances: Floats, sizes: Floats, former: Floats | None = None) -> Map:
    """Lay out n items by their distances; deterministic.

    Distances do not determine rotation and reflection. The map is turned, and mirrored if necessary, so
    that items of a former map lie as close to their places there as possible.

    Topics of one archive are all far apart, and distances of .6 to .9 make a shapeless heap in two
    dimensions. So the order of the distances is drawn, and small distances have more weight.

    Args:
        distances: (n, n), symmetric.
        sizes: (n,), at least one above 0.
        former: (n, 2), centres on a former map; nan where an item was not on it.
    """
    wanted = _ranked(distances)
    places = _settled(wanted, _scaled(wanted))
    places = _turned(places)
    span = np.maximum(np.ptp(places, axis=0), 0.6 * max(float(np.ptp(places)), 1e-9))
    areas = sizes / sizes.sum() * _FILLED * span.prod()
    radii = np.maximum(np.sqrt(areas / np.pi), _SMALLEST * span[0])
    places = _apart(places, radii + _GAP * span[0] / 2)
    if former is not None:
        places = _as_before(places, former)
    low, high = ((places.T + sign * radii).T for sign in (-1, 1))
    low, high = low.min(axis=0), high.max(axis=0)
    width, height = (high - low).tolist()
    return Map((places - low) / width, np.minimum(radii / width, _LARGEST), height / width)


def _ranked(distances: Floats) -> Floats:
    """Replace distances by the square roots of their ranks, up to 1; the root keeps outliers close."""
    upper = np.triu_indices(len(distances), 1)
    order = np.argsort(distances[upper], kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.sqrt(np.linspace(_NEAREST, 1, len(order)))
    result = np.zeros(distances.shape)
    result[upper] = ranks
    return result + result.T


def _scaled(wanted: Floats) -> Floats:
    """Return initial places by classical scaling (Torgerson 1952)."""
    centring = np.eye(len(wanted)) - 1 / len(wanted)
    values, vectors = np.linalg.eigh(-0.5 * centring @ wanted**2 @ centring)
    places = np.zeros((len(wanted), 2))
    for column, best in enumerate(np.argsort(-values)[:2].tolist()):
        vector = vectors[:, best]
        sign = np.sign(vector[np.abs(vector).argmax()])  # otherwise arbitrary, and different between machines
        places[:, column] = sign * vector * np.sqrt(max(values[best], 0.0))
    return places


def _settled(wanted: Floats, places: Floats) -> Floats:
    """Minimize the stress, weighted by inverse distances: SMACOF (de Leeuw 1977)."""
    n = len(wanted)
    if n < 3:
        return places
    weights = np.divide(1, wanted, out=np.zeros_like(wanted), where=wanted > 0)
    inverse = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
    for _ in range(_ROUNDS):
        found = np.linalg.norm(places[:, None] - places, axis=2)
        ratios = np.divide(weights * wanted, found, out=np.zeros_like(found), where=found > 1e-9)
        places = inverse @ (np.diag(ratios.sum(axis=1)) - ratios) @ places
    return places


def _turned(places: Floats) -> Floats:
    """Rotate the map to its principal axes, widest first."""
    centred = places - places.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    for axis in axes:
        axis *= np.sign(axis[np.abs(axis).argmax()]) or 1.0
    turned: Floats = centred @ axes.T
    return turned if turned.shape == places.shape else places


def _as_before(places: Floats, former: Floats) -> Floats:
    """Align the map with a former one by the items on both: orthogonal Procrustes (Schönemann 1966)."""
    known = np.isfinite(former).all(axis=1)
    if known.sum() < _ANCHORS:
        return places
    centre = places[known].mean(axis=0)
    turn, _ = orthogonal_procrustes(places[known] - centre, former[known] - former[known].mean(axis=0))
    turned: Floats = (places - centre) @ turn
    return turned


def _apart(places: Floats, radii: Floats) -> Floats:
    """Push overlapping circles apart, each by half of the overlap."""
    wanted = radii[:, None] + radii
    np.fill_diagonal(wanted, 0)
    for _ in range(_ROUNDS):
        gaps = places[:, None] - places
        found = np.linalg.norm(gaps, axis=2)
        lacking = np.maximum(wanted - found, 0)
        if lacking.max() <= 1e-6:
            break
        gaps[found == 0] = [1, 0]  # two in the same place move sideways, the first to the right
        gaps[(found == 0) & np.tri(len(places), dtype=bool)] = [-1, 0]
        steps = gaps / np.where(found == 0, 1, found)[..., None] * lacking[..., None] / 2
        np.einsum("iij->ij", steps)[:] = 0
        places = places + steps.sum(axis=1)
    return places
