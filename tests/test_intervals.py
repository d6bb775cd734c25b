"""Bootstrap: as wide as the textbook says, losses told from chance."""

from __future__ import annotations

import numpy as np
import pytest

from topics.intervals import bootstrap, chance_of_loss, holm, interval


def mean_of(values: np.ndarray):
    return lambda weights: (weights @ values / weights.sum(axis=1))[:, None]


def test_the_interval_of_a_mean_is_that_of_the_textbook():
    values = np.random.default_rng(1).normal(0.3, 0.2, 400)
    low, high = interval(bootstrap(mean_of(values), 400, draws=2000))
    half = 1.96 * values.std() / 400**0.5
    assert low[0] == pytest.approx(values.mean() - half, abs=half / 8)
    assert high[0] == pytest.approx(values.mean() + half, abs=half / 8)


def test_the_draws_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch):
    values = np.random.default_rng(1).normal(0, 1, 400)
    whole = bootstrap(mean_of(values), 400, draws=50)
    monkeypatch.setattr("topics.intervals._AT_ONCE", 1000)
    np.testing.assert_allclose(bootstrap(mean_of(values), 400, draws=50), whole)


def test_a_loss_that_all_draws_show_and_one_that_half_of_them_show():
    drawn = np.array([[-0.1, -0.1, np.nan], [-0.2, 0.1, np.nan], [-0.1, -0.1, np.nan], [-0.1, 0.2, np.nan]])
    assert chance_of_loss(drawn).tolist() == [1 / 5, 3 / 5, 1]


def test_holm_asks_more_of_the_best_of_many():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]
