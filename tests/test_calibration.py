"""Calibration of margins to probabilities, also with few examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from topics.rubrics.calibration import calibrate, scaling, sigmoid


def simulated(n: int, shares: tuple[float, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels with these shares of positives, and equally informative margins."""
    generator = np.random.default_rng(seed)
    truth = (generator.random((n, len(shares))) < shares).astype(np.int8)
    return generator.normal(2.0 * truth - 1, 1.0), truth


def test_a_single_rubric_is_calibrated_by_platt_scaling():
    margins, truth = simulated(300, (0.3,))
    slopes, offsets = calibrate(margins, truth)
    theirs = LogisticRegression(C=100.0).fit(margins, truth[:, 0]).predict_proba(margins)[:, 1]
    assert sigmoid(margins[:, 0] * slopes + offsets) == pytest.approx(theirs, abs=1e-3)


def test_with_many_examples_each_rubric_keeps_its_own_slope():
    margins, truth = simulated(20_000, (0.3, 0.5))
    margins[:, 1] *= 3
    slopes, _ = calibrate(margins, truth)
    assert slopes[0] / slopes[1] == pytest.approx(3, rel=0.05)


def test_shrinkage_improves_the_log_loss_of_a_rare_rubric():
    """Six articles of tourism, 300 of economy: by itself, tourism would be overconfident."""
    losses = []
    for seed in range(24):
        margins, truth = simulated(600, (0.5, 0.01), seed)
        unseen, answers = simulated(4000, (0.5, 0.01), seed + 1000)
        both = [calibrate(margins, truth), np.array([scaling(margins[:, r], truth[:, r]) for r in (0, 1)]).T]
        losses.append(
            [
                log_loss(answers[:, 1], sigmoid(unseen[:, 1] * slopes[1] + offsets[1]))
                for slopes, offsets in both
            ]
        )
    together, alone = np.mean(losses, axis=0)
    assert together < alone


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 4))
def test_probabilities_sum_to_the_number_of_positives(seed, n, rubrics):
    generator = np.random.default_rng(seed)
    truth = generator.integers(-1, 2, (n, rubrics)).astype(np.int8)
    margins = generator.normal(0, 3, (n, rubrics))
    slopes, offsets = calibrate(margins, truth)
    assert (slopes > 0).all()
    for r, answers in enumerate(truth.T):
        if {0, 1} <= set(answers.tolist()):
            known = answers >= 0
            probabilities = sigmoid(margins[known, r] * slopes[r] + offsets[r])
            assert probabilities.sum() == pytest.approx((answers == 1).sum(), abs=1e-6)


def test_a_rubric_with_reversed_margins_gets_its_base_rate():
    """With slope 1 the highest margin would mean 33 %, but one article in ten has the rubric."""
    generator = np.random.default_rng(0)
    truth = np.arange(1000) % 10 == 0
    margins = generator.normal(-1.0 - 0.2 * truth, 0.5)[:, None]
    slopes, offsets = calibrate(margins, truth[:, None].astype(np.int8))
    assert sigmoid(margins * slopes + offsets) == pytest.approx(0.1, abs=0.01)
    assert slopes[0] > 0, "order is kept"


def test_with_few_examples_a_reversed_rubric_is_shrunk_to_the_others():
    """Five positives of tourism have low margins; its slope is still shrunk towards that of economy."""
    margins, truth = simulated(600, (0.5, 0.5))
    truth[:, 1] = np.isin(np.arange(600), np.argsort(margins[:, 1])[100:600:100])
    margins[truth[:, 1] == 1, 1] -= 1.0
    slopes, _ = calibrate(margins, truth)
    assert scaling(margins[:, 1], truth[:, 1])[0] < 0.1
    assert slopes[1] > 0.2 * slopes[0]


def test_a_rubric_with_reversed_margins_does_not_affect_the_others():
    margins, truth = simulated(600, (0.3, 0.03, 0.3))
    alone = calibrate(margins[:, :2], truth[:, :2])
    margins[:, 2] *= -1
    together = calibrate(margins, truth)
    assert np.array(together)[:, :2] == pytest.approx(np.array(alone))


def test_a_rubric_without_positives_does_not_affect_the_others():
    margins, truth = simulated(200, (0.3, 0.2))
    alone = calibrate(margins[:, :1], truth[:, :1])
    truth[:, 1] = 0
    slopes, offsets = calibrate(margins, truth)
    assert (slopes[0], offsets[0]) == pytest.approx((alone[0][0], alone[1][0]))
    assert (slopes[1], offsets[1]) == (1.0, 0.0)
