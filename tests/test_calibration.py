"""Margins -> probabilities that an editor may take at their word, of few examples too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from topics.rubrics.calibration import calibrate, scaling, sigmoid


def told_apart(n: int, shares: tuple[float, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rubrics that are so frequent, and margins that tell all of them equally well."""
    generator = np.random.default_rng(seed)
    truth = (generator.random((n, len(shares))) < shares).astype(np.int8)
    return generator.normal(2.0 * truth - 1, 1.0), truth


def test_a_rubric_alone_is_scaled_as_platt_did():
    margins, truth = told_apart(300, (0.3,))
    slopes, offsets = calibrate(margins, truth)
    theirs = LogisticRegression(C=100.0).fit(margins, truth[:, 0]).predict_proba(margins)[:, 1]
    assert sigmoid(margins[:, 0] * slopes + offsets) == pytest.approx(theirs, abs=1e-3)


def test_of_many_examples_each_rubric_keeps_its_own_slope():
    margins, truth = told_apart(20_000, (0.3, 0.5))
    margins[:, 1] *= 3
    slopes, _ = calibrate(margins, truth)
    assert slopes[0] / slopes[1] == pytest.approx(3, rel=0.05)


def test_a_rubric_of_few_examples_is_nearer_to_the_truth_than_by_itself():
    """Six articles of tourism, 300 of economy: tourism alone would promise too much."""
    losses = []
    for seed in range(24):
        margins, truth = told_apart(600, (0.5, 0.01), seed)
        unseen, answers = told_apart(4000, (0.5, 0.01), seed + 1000)
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
def test_probabilities_add_up_to_the_articles_that_have_the_rubric(seed, n, rubrics):
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


def test_a_rubric_whose_margins_order_wrongly_gets_its_base_rate():
    """By slope 1 the highest of these margins would mean 33 %, where one article in ten has the rubric."""
    generator = np.random.default_rng(0)
    truth = np.arange(1000) % 10 == 0
    margins = generator.normal(-1.0 - 0.2 * truth, 0.5)[:, None]
    slopes, offsets = calibrate(margins, truth[:, None].astype(np.int8))
    assert sigmoid(margins * slopes + offsets) == pytest.approx(0.1, abs=0.01)
    assert slopes[0] > 0, "order is kept"


def test_of_few_examples_a_wrong_order_may_be_bad_luck():
    """Five articles of tourism lie wrongly: their slope leans on that of economy all the same."""
    margins, truth = told_apart(600, (0.5, 0.5))
    truth[:, 1] = np.isin(np.arange(600), np.argsort(margins[:, 1])[100:600:100])
    margins[truth[:, 1] == 1, 1] -= 1.0
    slopes, _ = calibrate(margins, truth)
    assert scaling(margins[:, 1], truth[:, 1])[0] < 0.1
    assert slopes[1] > 0.2 * slopes[0]


def test_a_rubric_whose_margins_order_wrongly_says_nothing_of_the_others():
    margins, truth = told_apart(600, (0.3, 0.03, 0.3))
    alone = calibrate(margins[:, :2], truth[:, :2])
    margins[:, 2] *= -1
    together = calibrate(margins, truth)
    assert np.array(together)[:, :2] == pytest.approx(np.array(alone))


def test_a_rubric_without_examples_teaches_the_others_nothing():
    margins, truth = told_apart(200, (0.3, 0.2))
    alone = calibrate(margins[:, :1], truth[:, :1])
    truth[:, 1] = 0
    slopes, offsets = calibrate(margins, truth)
    assert (slopes[0], offsets[0]) == pytest.approx((alone[0][0], alone[1][0]))
    assert (slopes[1], offsets[1]) == (1.0, 0.0)
