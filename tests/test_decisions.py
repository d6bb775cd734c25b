"""Decisions: probabilities, thresholds, goals and review."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import f1_score, precision_recall_curve

from topics.config import convert
from topics.errors import UsageError
from topics.rubrics.calibration import log_odds
from topics.rubrics.decisions import (
    Decisions,
    Goal,
    Policy,
    best_threshold,
    enough_clean,
    even_threshold,
    judged,
    learn_decisions,
)

MARGINS = st.floats(-4, 4).map(lambda margin: round(margin, 2))


@st.composite
def scored(draw, rubrics: int | None = None):
    """Margins and labels of some articles; some labels are unknown."""
    shape = draw(st.integers(1, 30)), rubrics or draw(st.integers(1, 3))
    margins = draw(arrays.arrays(float, shape, elements=MARGINS))
    truth = draw(arrays.arrays(np.int8, shape, elements=st.sampled_from([-1, 0, 0, 1])))
    return margins, truth


def simulated(
    n: int, seed: int = 0, shares: tuple[float, float] = (0.3, 0.1)
) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels of two rubrics, and informative margins."""
    generator = np.random.default_rng(seed)
    truth = (generator.random((n, 2)) < shares).astype(np.int8)
    return generator.normal(2.0 * truth - 1, 1.0), truth


def learned(margins: np.ndarray, truth: np.ndarray, **policy: object) -> Decisions:
    names = ["economy", "industry", "tourism"][: margins.shape[1]]
    return learn_decisions(margins, truth, names, Policy(**policy))


# Thresholds


def f1_of(scores, truth, threshold):
    return f1_score(truth, scores >= threshold, zero_division=0)


@pytest.mark.parametrize(
    ("scores", "truth", "low", "high"),
    [
        ([0.9, 0.8, 0.3, 0.1], [1, 1, 0, 0], 0.3, 0.8),  # between the last hit and the first miss
        ([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0], 0.1, 0.3),  # F1 of 1, 2, 3 given: 2/3, 2/4, 4/5
        ([0.9, 0.7, 0.3, 0.1], [1, 0, 0, 0], 0.7, 0.9),
        ([0.9, 0.8], [0, 1], 0.0, 0.8),  # all are given
        ([0.7, 0.7, 0.2], [1, 0, 0], 0.2, 0.7),  # equal scores cannot be parted
        ([0.1, 0.9, 0.3, 0.8], [0, 1, 0, 1], 0.3, 0.8),  # in any order
        ([0.9, 0.1], [0, 0], 0.5, 0.5),  # no positive
        ([], [], 0.5, 0.5),
    ],
)
def test_the_best_threshold_maximizes_f1(scores, truth, low, high):
    assert low <= best_threshold(np.array(scores), np.array(truth)) <= high


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_an_unpredictable_rubric_is_not_assigned_to_every_article(share):
    generator = np.random.default_rng(0)
    truth = (generator.random(1000) < share).astype(np.int8)
    scores = 1 / (1 + np.exp(-generator.normal(np.log(share / (1 - share)), 0.6, 1000)))
    assert (scores >= best_threshold(scores, truth)).mean() < 2.5 * share


@given(st.integers(0, 1000), st.floats(0.1, 0.6))
def test_the_best_threshold_is_close_to_the_maximal_f1(seed, share):
    generator = np.random.default_rng(seed)
    truth = (generator.random(3000) < share).astype(np.int8)
    scores = 1 / (1 + np.exp(-generator.normal(3.0 * truth - 1.5, 1.0)))
    precision, recall, _ = precision_recall_curve(truth, scores)
    possible = max(2 * p * r / (p + r) for p, r in zip(precision, recall, strict=True) if p + r)
    assert f1_of(scores, truth, best_threshold(scores, truth)) >= possible - 0.03


def test_one_outlier_hardly_moves_the_threshold():
    """One of a hundred positives has a low score; an unsmoothed threshold would follow it."""
    scores = np.linspace(0.02, 0.98, 100)
    truth = (scores > 0.5).astype(np.int8)
    before = best_threshold(scores, truth)
    truth[np.searchsorted(scores, 0.4)] = 1
    assert before == pytest.approx(0.5, abs=0.05)
    assert best_threshold(scores, truth) == pytest.approx(before, abs=0.05)


@pytest.mark.parametrize(
    ("scores", "count", "low", "high"),
    [
        ([0.9, 0.8, 0.3, 0.1], 2, 0.3, 0.8),
        ([0.9, 0.8, 0.3, 0.1], 1, 0.8, 0.9),
        ([0.9, 0.8, 0.3, 0.1], 3, 0.1, 0.3),
        ([0.9, 0.8, 0.3, 0.1], 0, 0.9, 1.0),  # nothing is given
        ([0.9, 0.8, 0.3, 0.1], 4, 0.0, 0.1),  # all are
        ([0.3, 0.9, 0.1, 0.8], 2, 0.3, 0.8),  # in any order
    ],
)
def test_the_even_threshold_assigns_the_given_number(scores, count, low, high):
    assert low <= even_threshold(np.array(scores), count) <= high


def test_thresholds_are_shrunk_by_number_of_examples():
    """Of industry n examples are known; its threshold averages three, in log odds."""
    margins, truth = simulated(400)
    for n, (own, even, overall) in {
        35: (0.7, 0.2625, 0.0375),
        15: (0.5, 0.375, 0.125),
        5: (0.25, 0.375, 0.375),
    }.items():
        answers = truth.copy()
        answers[np.flatnonzero(truth[:, 1])[n:], 1] = -1
        decisions = learned(margins, answers)
        probabilities, known = decisions.probabilities(margins), answers >= 0
        scores, holds = probabilities[known[:, 1], 1], answers[known[:, 1], 1]
        cuts = (
            best_threshold(scores, holds),
            even_threshold(scores, n),
            best_threshold(probabilities[known], answers[known]),
        )
        assert log_odds(decisions.thresholds[1]) == pytest.approx(
            np.dot((own, even, overall), log_odds(np.array(cuts)))
        )


def test_shrunk_thresholds_generalize_better():
    """24 samples with some eight positives: better on new articles than the best threshold of the sample."""
    found = []
    for seed in range(24):
        margins, truth = simulated(4000, seed, shares=(0.3, 0.02))
        decisions = learned(margins[:400], truth[:400])
        scores = decisions.probabilities(margins)[:, 1]
        cuts = decisions.thresholds[1], best_threshold(scores[:400], truth[:400, 1])
        found.append([f1_of(scores[400:], truth[400:, 1], cut) for cut in cuts])
    steady, lucky = np.mean(found, axis=0)
    assert steady > lucky + 0.01


# Goals


@pytest.mark.parametrize("goal", [{"precision": 0.95}, {"precision": 0.8}, {"recall": 0.95}, {"recall": 0.8}])
def test_a_goal_is_reached_on_new_articles(goal):
    (name, wanted), *_ = goal.items()
    margins, truth = simulated(4000)
    decisions = learned(margins[:2000], truth[:2000], goals={"industry": Goal(**goal)})
    given = decisions.given(decisions.probabilities(margins[2000:]))[:, 1]
    holds = truth[2000:, 1] == 1
    reached = (given & holds).sum() / (given if name == "precision" else holds).sum()
    assert reached == pytest.approx(wanted, abs=0.06)
    assert decisions.thresholds[0] == pytest.approx(learned(margins[:2000], truth[:2000]).thresholds[0])


def test_a_precision_goal_is_reached_on_average_with_a_dozen_positives():
    """Sixty samples with a well separated rubric."""
    reached = []
    for seed in range(60):
        margins, truth = simulated(4400, seed, shares=(0.3, 0.03))
        margins += truth
        decisions = learned(margins[:400], truth[:400], goals={"industry": Goal(precision=0.9)})
        given = decisions.given(decisions.probabilities(margins[400:]))[:, 1]
        holds = truth[400:, 1] == 1
        reached.append(((given & holds).sum() / given.sum(), (given & holds).sum() / holds.sum()))
    precision, recall = np.mean(reached, axis=0)
    assert precision >= 0.9
    assert recall > 0.4


def test_a_higher_precision_goal_raises_the_threshold():
    margins, truth = simulated(1000)
    thresholds = [
        learned(margins, truth, goals={"economy": Goal(precision=share)}).thresholds[0]
        for share in (0.5, 0.7, 0.9, 0.99)
    ]
    assert thresholds == sorted(thresholds)


@given(scored(rubrics=1), st.floats(0, 1))
def test_an_unreachable_goal_is_no_error(case, share):
    margins, truth = case
    for goal in Goal(precision=share), Goal(recall=share):
        assert 0 <= learned(margins, truth, goals={"economy": goal}).thresholds[0] <= 1


def test_a_goal_for_an_unknown_rubric_is_an_error():
    with pytest.raises(UsageError, match="goal for unknown rubric 'sport'; known rubrics: 'economy'"):
        Policy(goals={"sport": Goal(recall=0.9)}).check(["economy"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"goals": {"economy": {}}}, "exactly one of precision and recall"),
        ({"goals": {"economy": {"precision": 0.9, "recall": 0.9}}}, "exactly one of precision and recall"),
        ({"goals": {"economy": {"precision": 90}}}, "<= 1.0"),
        ({"min_rubrics": 3, "max_rubrics": 2}, "min_rubrics 3 exceeds max_rubrics 2"),
        ({"max_rubrics": -1}, ">= 0"),
        ({"review_share": 15}, "<= 1.0"),
    ],
)
def test_an_invalid_policy_is_a_usage_error(settings, message):
    with pytest.raises(UsageError, match=message):
        convert(settings, Policy, "topics.toml")


# Number of rubrics


@pytest.mark.parametrize(
    ("fewest", "most", "probabilities", "given"),
    [
        (0, 0, [0.9, 0.8, 0.1], [1, 1, 0]),
        (0, 1, [0.9, 0.8, 0.1], [1, 0, 0]),
        (0, 1, [0.6, 0.6, 0.6], [0, 0, 1]),  # 0.6 is most above a threshold of 0.2
        (1, 0, [0.1, 0.3, 0.01], [0, 1, 0]),
        (2, 0, [0.1, 0.3, 0.01], [1, 1, 0]),
        (2, 2, [0.9, 0.9, 0.9], [1, 0, 1]),
        (3, 3, [0.9, 0.0, 0.0], [1, 0, 0]),  # forbidden rubrics stay out
    ],
)
def test_min_and_max_rubrics_of_an_article(fewest, most, probabilities, given):
    decisions = Decisions((1.0,) * 3, (0.0,) * 3, (0.5, 0.6, 0.2), 0.5, fewest, most)
    assert decisions.given(np.array([probabilities]))[0].tolist() == given


# Calibration


def test_probabilities_follow_slopes_and_offsets():
    decisions = Decisions(slopes=(1.0, 2.0), offsets=(0.0, -1.0), thresholds=(0.5, 0.5), doubt=0.0)
    found = decisions.probabilities(np.array([[0.0, 0.5], [np.log(3), 1.0]]))
    assert found == pytest.approx(np.array([[0.5, 0.5], [0.75, 1 / (1 + np.exp(-1))]]))


def test_unknown_labels_are_ignored():
    margins, truth = simulated(200)
    alone = learned(margins[:150, [0]], truth[:150, [0]])
    masked = np.where(np.arange(200)[:, None] < 150, truth, -1).astype(np.int8)[:, [0]]
    with_unknown = learned(margins[:, [0]], masked)
    assert with_unknown.slopes == pytest.approx(alone.slopes)
    assert with_unknown.thresholds == pytest.approx(alone.thresholds)


@pytest.mark.parametrize("truth", [[1, 1, 1], [0, 0, 0], [-1, -1, -1], [1, -1, -1]])
def test_a_rubric_with_one_class_is_not_calibrated(truth):
    decisions = learned(np.array([[-1.0], [0.0], [2.0]]), np.array(truth, np.int8)[:, None])
    assert (decisions.slopes, decisions.offsets) == ((1.0,), (0.0,))


def test_reversed_margins_do_not_reverse_the_rubric():
    margins = np.array([[2.0], [1.0], [-1.0], [-2.0]] * 100)
    truth = np.array([[0], [0], [1], [1]] * 100, np.int8)
    decisions = learned(margins, truth)
    assert 0 < decisions.slopes[0] < 0.02
    assert decisions.probabilities(margins) == pytest.approx(0.5, abs=0.02)


def test_a_rubric_of_nearly_one_probability_is_not_assigned_to_all():
    generator = np.random.default_rng(0)
    truth = (generator.random(600) < 0.3).astype(np.int8)
    margins = generator.normal(-1.0 - 0.1 * truth, 0.3)
    decisions = learned(margins[:, None], truth[:, None])
    assert decisions.given(decisions.probabilities(margins[:, None])).mean() < 0.6


@given(scored(), st.floats(0, 1))
def test_decisions_are_consistent_for_any_margins(case, share):
    margins, truth = case
    decisions = learned(margins, truth, review_share=share)
    probabilities = decisions.probabilities(margins)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert all(0 <= threshold <= 1 for threshold in decisions.thresholds)
    assert decisions.doubt >= 0
    for column, calibrated in zip(margins.T, probabilities.T, strict=True):
        assert (np.diff(calibrated[np.argsort(column)]) >= 0).all(), "a higher margin is no less probable"
    assert (decisions.given(probabilities) == (probabilities >= np.array(decisions.thresholds))).all()


@given(st.floats(-1e308, 1e308))
def test_an_extreme_margin_is_no_error(margin):
    decisions = Decisions((1000.0,), (0.0,), (0.5,), 0.1)
    with np.errstate(over="ignore"):
        probabilities = decisions.probabilities(np.array([[margin]]))
    assert 0 <= probabilities[0, 0] <= 1
    assert decisions.doubtful(probabilities).shape == (1,)


# Review


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_the_share_for_review_is_reached(share):
    margins, truth = simulated(1000)
    decisions = learned(margins, truth, review_share=share)
    assert decisions.doubtful(decisions.probabilities(margins)).mean() == pytest.approx(share, abs=0.002)


def test_the_probability_of_an_error_is_that_of_any_wrong_rubric():
    decisions = Decisions((1.0, 1.0), (0.0, 0.0), (0.5, 0.2), doubt=0.4)
    probabilities = np.array([[0.9, 0.9], [0.55, 0.9], [0.45, 0.1], [0.9, 0.3]])
    wrong = [1 - 0.9 * 0.9, 1 - 0.55 * 0.9, 1 - 0.55 * 0.9, 1 - 0.9 * 0.3]
    assert decisions.error_probability(probabilities) == pytest.approx(wrong)
    assert decisions.doubtful(probabilities).tolist() == [False, True, True, True]


@pytest.mark.parametrize("allowed", [0.01, 0.05, 0.2])
def test_review_limits_the_errors_among_the_rest(allowed):
    margins, truth = simulated(4000)
    decisions = learned(margins[:2000], truth[:2000], review_error=allowed)
    probabilities = decisions.probabilities(margins[2000:])
    wrong = (decisions.given(probabilities) != (truth[2000:] == 1)).any(axis=1)
    review = decisions.doubtful(probabilities)
    assert wrong[~review].mean() == pytest.approx(allowed, abs=0.02)
    assert wrong[review].mean() > wrong[~review].mean()


def test_correlated_errors_do_not_inflate_review():
    """Each article has one of three rubrics: if one is wrong, another one is as well."""
    generator = np.random.default_rng(0)
    which = generator.integers(0, 3, 4000)
    truth = np.eye(3, dtype=np.int8)[which]
    margins = generator.normal(1.8 * truth - 0.9, 1.0)
    rubrics = ("economy", "industry", "tourism")
    policy = Policy(review_error=0.1, min_rubrics=1, max_rubrics=1)
    decisions = learn_decisions(margins[:2000], truth[:2000], rubrics, policy)
    probabilities = decisions.probabilities(margins[2000:])
    wrong = (decisions.given(probabilities) != (truth[2000:] == 1)).any(axis=1)
    review = decisions.doubtful(probabilities)
    assert wrong.mean() > 0.15
    assert wrong[~review].mean() == pytest.approx(0.1, abs=0.03)


def test_no_articles_are_no_error():
    decisions = Decisions((1.0,), (0.0,), (0.5,), 0.5)
    assert decisions.doubtful(decisions.probabilities(np.empty((0, 1)))).shape == (0,)


# Clean labels


def test_clean_labels_are_used_for_evaluation_if_there_are_enough():
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
