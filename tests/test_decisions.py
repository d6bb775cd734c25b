"""Margins -> probabilities, thresholds, doubt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_recall_curve

from topics.decisions import Decisions, best_threshold, enough_clean, judged, learn_decisions

MARGINS = st.floats(-4, 4).map(lambda margin: round(margin, 2))


@st.composite
def scored(draw, rubrics: int | None = None):
    """Margins and truth, unknown answers among them, of some articles."""
    shape = draw(st.integers(1, 30)), rubrics or draw(st.integers(1, 3))
    margins = draw(arrays.arrays(float, shape, elements=MARGINS))
    truth = draw(arrays.arrays(np.int8, shape, elements=st.sampled_from([-1, 0, 0, 1])))
    return margins, truth


def told_apart(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two rubrics that the margins tell fairly well."""
    generator = np.random.default_rng(seed)
    truth = (generator.random((n, 2)) < (0.3, 0.1)).astype(np.int8)
    return generator.normal(2.0 * truth - 1, 1.0), truth


# A threshold


@pytest.mark.parametrize(
    ("scores", "truth", "threshold"),
    [
        ([0.9, 0.8, 0.3, 0.1], [1, 1, 0, 0], 0.55),  # half-way between the last hit and the first miss
        ([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0], 0.2),  # F1 of 1, 2, 3 given: 2/3, 2/4, 4/5
        ([0.9, 0.8, 0.3, 0.1], [1, 0, 0, 0], 0.85),
        ([0.9, 0.8], [0, 1], 0.4),  # all are given: half-way to 0
        ([0.7, 0.7, 0.2], [1, 0, 0], 0.45),  # equal scores cannot be parted
        ([0.1, 0.9, 0.3, 0.8], [0, 1, 0, 1], 0.55),  # in any order
        ([0.9, 0.1], [0, 0], 0.5),  # no positive
        ([], [], 0.5),
    ],
)
def test_the_best_threshold_by_hand(scores, truth, threshold):
    assert best_threshold(np.array(scores), np.array(truth)) == pytest.approx(threshold)


@given(scored(rubrics=1))
def test_no_cut_has_a_higher_f1(case):
    scores, truth = (1 / (1 + np.exp(-case[0][:, 0])), np.maximum(case[1][:, 0], 0))
    found = f1_score(truth, scores >= best_threshold(scores, truth), zero_division=0)
    precision, recall, _ = precision_recall_curve(truth, scores) if truth.any() else ([0], [0], [])
    possible = [2 * p * r / (p + r) for p, r in zip(precision, recall, strict=True) if p + r]
    assert found == pytest.approx(max(possible, default=0))


def test_a_rubric_of_few_examples_leans_on_the_others():
    margins, truth = told_apart(400)
    rare = truth.copy()
    rare[np.flatnonzero(truth[:, 1])[5:], 1] = -1
    for answers in (truth, rare):
        probabilities = learn_decisions(margins, answers, 0.1).probabilities(margins)
        overall = best_threshold(probabilities[answers >= 0], answers[answers >= 0])
        for rubric, threshold in enumerate(learn_decisions(margins, answers, 0.1).thresholds):
            known, n = answers[:, rubric] >= 0, (answers[:, rubric] == 1).sum()
            own = best_threshold(probabilities[known, rubric], answers[known, rubric])
            assert threshold == pytest.approx((n * own + 30 * overall) / (n + 30))


# Calibration


def test_probabilities_are_platts():
    margins, truth = told_apart(300)
    probabilities = learn_decisions(margins, truth, 0.1).probabilities(margins)
    for rubric in range(2):
        column = margins[:, [rubric]]
        theirs = LogisticRegression(C=100.0).fit(column, truth[:, rubric]).predict_proba(column)[:, 1]
        assert probabilities[:, rubric] == pytest.approx(theirs, abs=1e-9)


def test_probabilities_by_hand():
    decisions = Decisions(slopes=(1.0, 2.0), offsets=(0.0, -1.0), thresholds=(0.5, 0.5), doubt=0.0)
    found = decisions.probabilities(np.array([[0.0, 0.5], [np.log(3), 1.0]]))
    assert found == pytest.approx(np.array([[0.5, 0.5], [0.75, 1 / (1 + np.exp(-1))]]))


def test_unknown_answers_teach_nothing():
    margins, truth = told_apart(200)
    alone = learn_decisions(margins[:150, [0]], truth[:150, [0]], 0.1)
    masked = np.where(np.arange(200)[:, None] < 150, truth, -1).astype(np.int8)[:, [0]]
    with_unknown = learn_decisions(margins[:, [0]], masked, 0.1)
    assert with_unknown.slopes == pytest.approx(alone.slopes)
    assert with_unknown.thresholds == pytest.approx(alone.thresholds)


@pytest.mark.parametrize("truth", [[1, 1, 1], [0, 0, 0], [-1, -1, -1], [1, -1, -1]])
def test_a_rubric_of_one_answer_keeps_the_margins_own_sign(truth):
    decisions = learn_decisions(np.array([[-1.0], [0.0], [2.0]]), np.array(truth, np.int8)[:, None], 0.1)
    assert (decisions.slopes, decisions.offsets) == ((1.0,), (0.0,))


def test_margins_that_speak_against_the_rubric_do_not_turn_it_round():
    margins = np.array([[2.0], [1.0], [-1.0], [-2.0]] * 10)
    truth = np.array([[0], [0], [1], [1]] * 10, np.int8)
    assert learn_decisions(margins, truth, 0.1).slopes == (1.0,)


@given(scored(), st.floats(0, 1))
def test_decisions_hold_for_any_margins(case, share):
    margins, truth = case
    decisions = learn_decisions(margins, truth, share)
    probabilities = decisions.probabilities(margins)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert all(0 <= threshold <= 1 for threshold in decisions.thresholds)
    assert decisions.doubt >= 0
    for column, calibrated in zip(margins.T, probabilities.T, strict=True):
        assert (np.diff(calibrated[np.argsort(column)]) >= 0).all(), "a higher margin is no less probable"
    assert (decisions.given(probabilities) == (probabilities >= np.array(decisions.thresholds))).all()


@given(st.floats(-1e308, 1e308))
def test_a_margin_out_of_all_measure_is_no_error(margin):
    decisions = Decisions((1000.0,), (0.0,), (0.5,), 0.1)
    with np.errstate(over="ignore"):
        probabilities = decisions.probabilities(np.array([[margin]]))
    assert 0 <= probabilities[0, 0] <= 1
    assert decisions.doubtful(probabilities).shape == (1,)


# Doubt


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_as_many_articles_go_to_review_as_asked_for(share):
    margins, truth = told_apart(1000)
    decisions = learn_decisions(margins, truth, share)
    assert decisions.doubtful(decisions.probabilities(margins)).mean() == pytest.approx(share, abs=0.002)


def test_doubt_is_nearness_to_any_threshold():
    decisions = Decisions((1.0, 1.0), (0.0, 0.0), (0.5, 0.2), doubt=0.5)
    probabilities = np.array([[0.9, 0.9], [0.55, 0.9], [0.45, 0.9], [0.9, 0.21], [0.9, 0.01]])
    assert decisions.doubtful(probabilities).tolist() == [False, True, True, True, False]


def test_no_article_is_no_error():
    decisions = Decisions((1.0,), (0.0,), (0.5,), 0.5)
    assert decisions.doubtful(decisions.probabilities(np.empty((0, 1)))).shape == (0,)


# Which answers to judge by


def test_clean_answers_judge_where_there_are_enough_of_both():
    clean = np.arange(100) < 40
    truth = np.zeros((100, 3), np.int8)
    truth[::2, 0] = 1  # 20 clean positives, 20 clean negatives
    truth[:19, 1] = 1  # one positive short
    truth[::2, 2] = 1
    truth[1, 2] = -1  # one negative short
    assert [enough_clean(truth[:, rubric], clean) for rubric in range(3)] == [True, False, False]
    counted = judged(truth, clean)
    assert (counted[:40] == truth[:40]).all()
    assert (counted[40:, 0] == -1).all()
    assert (counted[40:, 1:] == truth[40:, 1:]).all()
