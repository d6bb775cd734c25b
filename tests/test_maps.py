"""The map of topics: what is alike lies near, and no circle covers another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from topics.reports import maps


def gaps(found: maps.Map) -> np.ndarray:
    """How far each two circles are from touching; below 0 they overlap."""
    apart = np.linalg.norm(found.places[:, None] - found.places, axis=2)
    return (apart - found.radii[:, None] - found.radii)[np.triu_indices(len(found.radii), 1)]


@given(st.integers(1, 25), st.integers(0, 99))
def test_circles_lie_in_the_frame_and_do_not_overlap(n, seed):
    generator = np.random.default_rng(seed)
    distances = np.triu(generator.random((n, n)), 1)
    found = maps.draw(distances + distances.T, generator.dirichlet(np.full(n, 0.5)))
    assert (gaps(found) > -0.002).all()
    frame = np.array([1, found.height])
    assert (found.places - found.radii[:, None] > -1e-9).all()
    assert (found.places + found.radii[:, None] < frame + 1e-9).all()
    assert 0 < found.height < 3


def test_what_is_near_is_drawn_near():
    towns = np.random.default_rng(0).random((20, 2))
    distances = np.linalg.norm(towns[:, None] - towns, axis=2)
    found = maps.draw(distances, np.full(20, 0.001))
    drawn = np.linalg.norm(found.places[:, None] - found.places, axis=2)
    upper = np.triu_indices(20, 1)
    assert spearmanr(distances[upper], drawn[upper]).statistic > 0.95


def test_areas_are_as_the_shares():
    distances = 1 - np.eye(4)
    found = maps.draw(distances, np.array([0.4, 0.1, 0.1, 0.4]))
    assert found.radii[0] ** 2 == pytest.approx(4 * found.radii[1] ** 2)


def test_the_same_distances_give_the_same_map():
    distances = np.ones((6, 6)) - np.eye(6)
    one, other = (maps.draw(distances, np.ones(6)) for _ in range(2))
    assert (one.places == other.places).all()


def test_topics_of_the_same_words_do_not_lie_upon_each_other():
    assert (gaps(maps.draw(np.zeros((3, 3)), np.ones(3))) > -0.002).all()
