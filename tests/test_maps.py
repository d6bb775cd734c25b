"""The map of topics: similar topics are near, and circles do not overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from topics.reports import maps


def gaps(found: maps.Map) -> np.ndarray:
    """Return the gaps between all pairs of circles; negative where they overlap."""
    distances = np.linalg.norm(found.centres[:, None] - found.centres, axis=2)
    return (distances - found.radii[:, None] - found.radii)[np.triu_indices(len(found.radii), 1)]


@given(st.integers(1, 25), st.integers(0, 99))
def test_circles_are_in_the_frame_and_do_not_overlap(n, seed):
    generator = np.random.default_rng(seed)
    distances = np.triu(generator.random((n, n)), 1)
    found = maps.draw(distances + distances.T, generator.dirichlet(np.full(n, 0.5)))
    assert (gaps(found) > -0.002).all()
    frame = np.array([1, found.height])
    assert (found.centres - found.radii[:, None] > -1e-9).all()
    assert (found.centres + found.radii[:, None] < frame + 1e-9).all()
    assert 0 < found.height < 3


def test_near_topics_are_drawn_near():
    points = np.random.default_rng(0).random((20, 2))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    found = maps.draw(distances, np.full(20, 0.001))
    drawn = np.linalg.norm(found.centres[:, None] - found.centres, axis=2)
    upper = np.triu_indices(20, 1)
    assert spearmanr(distances[upper], drawn[upper]).statistic > 0.95


def test_areas_are_proportional_to_shares():
    distances = 1 - np.eye(4)
    found = maps.draw(distances, np.array([0.4, 0.1, 0.1, 0.4]))
    assert found.radii[0] ** 2 == pytest.approx(4 * found.radii[1] ** 2)


def test_the_same_distances_give_the_same_map():
    distances = np.ones((6, 6)) - np.eye(6)
    one, other = (maps.draw(distances, np.ones(6)) for _ in range(2))
    assert (one.centres == other.centres).all()


@given(st.integers(3, 20), st.integers(0, 99), st.floats(0, 2 * np.pi), st.sampled_from([1, -1]))
def test_a_map_is_rotated_and_mirrored_like_the_former_one(n, seed, angle, mirror):
    generator = np.random.default_rng(seed)
    distances = np.triu(generator.random((n, n)), 1)
    distances, sizes = distances + distances.T, generator.dirichlet(np.full(n, 5))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * [1, mirror]
    former = maps.draw(distances, sizes).centres @ turn + generator.normal(size=2)
    order = generator.permutation(n)  # a new model has another order of topics
    found = maps.draw(distances[np.ix_(order, order)], sizes[order], former[order])
    scale = np.ptp(found.centres) / np.ptp(former[order] - former[order].mean(axis=0))
    assert difference(found.centres, former[order]) < 1e-6 * scale


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest distance between places of two maps, up to translation and scale."""
    one, other = (found - found.mean(axis=0) for found in (one, other))
    return float(np.abs(one / np.linalg.norm(one) - other / np.linalg.norm(other)).max())


def test_the_same_topics_keep_their_places():
    points = np.random.default_rng(0).random((12, 2))
    distances, sizes = np.linalg.norm(points[:, None] - points, axis=2), np.full(12, 0.01)
    first = maps.draw(distances, sizes)
    again = maps.draw(distances, sizes, first.centres)
    assert again.centres == pytest.approx(first.centres, abs=1e-9)
    assert again.height == pytest.approx(first.height)


UNKNOWN = (np.nan, np.nan)


@pytest.mark.parametrize(
    "former",
    [[UNKNOWN] * 4, [(0, 0), (1, 1), UNKNOWN, UNKNOWN], [(0.0, 0.5), (1.0, np.nan), (np.nan, 1.0), UNKNOWN]],
    ids=["none", "two", "halves"],
)
def test_too_few_known_places_do_not_rotate_the_map(former):
    distances, sizes = 1 - np.eye(4), np.array([0.4, 0.3, 0.2, 0.1])
    found, alone = maps.draw(distances, sizes, np.array(former, float)), maps.draw(distances, sizes)
    assert (found.centres == alone.centres).all()


def test_identical_topics_do_not_overlap():
    assert (gaps(maps.draw(np.zeros((3, 3)), np.ones(3))) > -0.002).all()
