"""A map of things of which only the distances are known: topics as circles that do not overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import orthogonal_procrustes

Floats = npt.NDArray[np.float64]

_FILLED = 0.4
"""Share of the map that the circles take before they are pushed apart."""
_SMALLEST = 0.008
"""Radius that a circle has at least, of the width of the map."""
_LARGEST = 0.15
"""Radius at most, which few topics would pass."""
_GAP = 0.008
_ROUNDS = 300
_NEAREST = 0.05
"""Rank of the smallest distance, where that of the greatest is 1."""
_ANCHORS = 3
"""Things known from a former map that it takes to say how this one is turned and whether it is mirrored."""


class Map(NamedTuple):
    """Circles in a frame of width 1."""

    places: Floats
    """(n, 2), centres; y grows downwards."""
    radii: Floats
    """(n,); areas are as the sizes, but for the smallest."""
    height: float
    """Of the frame."""


def draw(distances: Floats, sizes: Floats, former: Floats | None = None) -> Map:
    """Lay out n things so that the nearer ones lie nearer; the same numbers give the same map.

    Distances do not say where left and up are. So the map is turned, and mirrored if need be, until the
    things that a former map has lie as near to their places there as they can.

    Topics of one archive are all far apart, and distances of .6 to .9 make a shapeless heap in two
    dimensions. So it is their order that is drawn, and a near pair counts for more than a far one.

    Args:
        distances: (n, n), symmetric.
        sizes: (n,), at least one above 0.
        former: (n, 2), centres on a former map; nan where a thing was not on it.
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
    """Turn distances into the roots of their ranks, up to 1; the root keeps outliers near."""
    upper = np.triu_indices(len(distances), 1)
    order = np.argsort(distances[upper], kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.sqrt(np.linspace(_NEAREST, 1, len(order)))
    result = np.zeros(distances.shape)
    result[upper] = ranks
    return result + result.T


def _scaled(wanted: Floats) -> Floats:
    """Find a beginning: classical scaling (Torgerson 1952)."""
    centring = np.eye(len(wanted)) - 1 / len(wanted)
    values, vectors = np.linalg.eigh(-0.5 * centring @ wanted**2 @ centring)
    places = np.zeros((len(wanted), 2))
    for column, best in enumerate(np.argsort(-values)[:2].tolist()):
        vector = vectors[:, best]
        sign = np.sign(vector[np.abs(vector).argmax()])  # else the machine's own choice
        places[:, column] = sign * vector * np.sqrt(max(values[best], 0.0))
    return places


def _settled(wanted: Floats, places: Floats) -> Floats:
    """Lower the stress, each pair weighing as its nearness: SMACOF (de Leeuw 1977)."""
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
    """Turn the map so that it is as wide as it can be."""
    centred = places - places.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    for axis in axes:
        axis *= np.sign(axis[np.abs(axis).argmax()]) or 1.0
    turned: Floats = centred @ axes.T
    return turned if turned.shape == places.shape else places


def _as_before(places: Floats, former: Floats) -> Floats:
    """Turn the map onto a former one by what is on both: orthogonal Procrustes (Schönemann 1966)."""
    known = np.isfinite(former).all(axis=1)
    if known.sum() < _ANCHORS:
        return places
    centre = places[known].mean(axis=0)
    turn, _ = orthogonal_procrustes(places[known] - centre, former[known] - former[known].mean(axis=0))
    turned: Floats = (places - centre) @ turn
    return turned


def _apart(places: Floats, radii: Floats) -> Floats:
    """Push circles that overlap away from each other, each by half."""
    wanted = radii[:, None] + radii
    np.fill_diagonal(wanted, 0)
    for _ in range(_ROUNDS):
        gaps = places[:, None] - places
        found = np.linalg.norm(gaps, axis=2)
        lacking = np.maximum(wanted - found, 0)
        if lacking.max() <= 1e-6:
            break
        gaps[found == 0] = [1, 0]  # two in one place part sideways, the first to the right
        gaps[(found == 0) & np.tri(len(places), dtype=bool)] = [-1, 0]
        steps = gaps / np.where(found == 0, 1, found)[..., None] * lacking[..., None] / 2
        np.einsum("iij->ij", steps)[:] = 0
        places = places + steps.sum(axis=1)
    return places
