"""Metrics: compared with scikit-learn, or computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sklearn_metrics

from topics.estimator import OutOfFold
from topics.quality.evaluation import Answers, calibration_error, cross_validated, likely
from topics.quality.measuring import measure, summary
from topics.rubrics.decisions import Policy, learn_decisions
from topics.versions.manifest import Metrics

RUBRICS = ("экономика", "промышленность", "туризм")


def metrics(
    truth: np.ndarray,
    probabilities: np.ndarray,
    given_: np.ndarray,
    review: np.ndarray | None = None,
    rubrics: tuple[str, ...] = RUBRICS,
) -> Metrics:
    """Return the metrics that a manifest stores."""
    review = np.zeros(len(truth), bool) if review is None else review
    return summary(measure(Answers(truth, probabilities, given_, review), rubrics, draws=1), "hold-out")


@st.composite
def answers(draw, unknown: bool):
    """Labels, probabilities, assigned rubrics and articles for review."""
    n = draw(st.integers(2, 25))
    states = [-1, 0, 1] if unknown else [0, 1]
    truth = draw(arrays.arrays(np.int8, (n, 3), elements=st.sampled_from(states)))
    probabilities = draw(arrays.arrays(float, (n, 3), elements=st.floats(0, 1)))
    given_ = draw(arrays.arrays(bool, (n, 3)))
    review = draw(arrays.arrays(bool, n))
    return truth, probabilities, given_, review


@given(answers(unknown=False))
def test_summary_metrics_equal_those_of_scikit_learn(case):
    truth, probabilities, given_, review = case
    found = metrics(*case)
    precision, recall, f1, positives = sklearn_metrics.precision_recall_fscore_support(
        truth, given_, zero_division=0
    )
    assert [rubric.rubric for rubric in found.rubrics] == list(RUBRICS)
    for r, rubric in enumerate(found.rubrics):
        assert (rubric.precision, rubric.recall, rubric.f1) == pytest.approx((precision[r], recall[r], f1[r]))
        assert (rubric.positives, rubric.negatives) == (positives[r], len(truth) - positives[r])
        if positives[r]:
            expected = sklearn_metrics.average_precision_score(truth[:, r], probabilities[:, r])
            assert rubric.average_precision == pytest.approx(expected)
    assert found.micro_f1 == pytest.approx(
        sklearn_metrics.f1_score(truth, given_, average="micro", zero_division=0)
    )
    held = positives > 0
    assert found.macro_f1 == pytest.approx(f1[held].mean() if held.any() else 0)
    assert found.exact_match == pytest.approx(sklearn_metrics.accuracy_score(truth, given_))
    assert found.review_share == pytest.approx(review.mean())
    assert (found.articles, found.method) == (len(truth), "hold-out")


@given(answers(unknown=True))
def test_predictions_with_unknown_labels_are_not_counted(case):
    truth, probabilities, given_, review = case
    found = metrics(truth, probabilities, given_, review)
    hidden = truth < 0
    other = metrics(
        truth,
        np.where(hidden, 1 - probabilities, probabilities),
        given_ ^ hidden,
        review,
    )
    assert other == found
    counts = {name: n for name, n in zip(RUBRICS, (truth >= 0).sum(axis=0).tolist(), strict=True) if n}
    assert {rubric.rubric: rubric.positives + rubric.negatives for rubric in found.rubrics} == counts


def test_the_metrics_of_one_rubric():
    """Two of four known articles have the rubric; it is assigned to one of them and to one other."""
    truth = np.array([[1], [1], [0], [0], [-1]], np.int8)
    given_ = np.array([[True], [False], [True], [False], [True]])
    probabilities = np.array([[0.9], [0.3], [0.8], [0.1], [0.99]])
    found = metrics(truth, probabilities, given_, rubrics=("туризм",))
    [tourism] = found.rubrics
    assert (tourism.precision, tourism.recall, tourism.f1) == (0.5, 0.5, 0.5)
    assert tourism.average_precision == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert (found.exact_match, found.articles) == (0.5, 5)


def test_exact_match_counts_fully_labelled_articles_only():
    truth = np.array([[1, 0], [1, -1], [0, 1]], np.int8)
    given_ = np.array([[True, False], [False, True], [True, True]])
    found = metrics(truth, given_.astype(float), given_, rubrics=RUBRICS[:2])
    assert found.exact_match == 0.5


# Calibration


@pytest.mark.parametrize(
    ("holds", "probabilities", "error"),
    [
        ([1, 1, 0, 0], [1.0, 1.0, 0.0, 0.0], 0.0),
        ([0, 0, 1, 1], [1.0, 1.0, 0.0, 0.0], 1.0),
        ([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5], 0.0),  # two bins of two, half of each positive
        ([1, 1, 0, 0], [0.9, 0.7, 0.3, 0.1], 0.2),  # bins .1 .3 and .7 .9: gaps of .2
        ([0, 1, 1, 1], [0.2, 0.4, 0.6, 0.8], 0.25),  # half for .3, all for .7: gaps of .2 and .3
        ([1], [0.3], 0.7),
        ([], [], 0.0),
    ],
)
def test_calibration_error(holds, probabilities, error):
    found = calibration_error(np.array(holds, bool), np.array(probabilities, float), bins=2)
    assert found == pytest.approx(error)


@given(arrays.arrays(float, st.integers(1, 60), elements=st.floats(0, 1)), st.randoms(use_true_random=False))
def test_calibration_error_is_between_zero_and_one(probabilities, random):
    holds = np.array([random.random() < 0.5 for _ in probabilities])
    assert 0 <= calibration_error(holds, probabilities) <= 1


def test_calibration_error_is_small_if_calibrated_and_large_if_shifted():
    generator = np.random.default_rng(0)
    probabilities = generator.random(20_000)
    holds = generator.random(20_000) < probabilities
    assert calibration_error(holds, probabilities) < 0.015
    assert calibration_error(holds, np.clip(probabilities + 0.2, 0, 1)) == pytest.approx(0.18, abs=0.02)


@pytest.mark.parametrize(
    ("holds", "probabilities", "answers", "error"),
    [
        ([1, 0, 0], [0.6, 0.2, 0.1], 2, 0.3),  # .1 is not above; gaps of .4 and .2
        ([0, 0, 0], [0.05, 0.01, 0.1], 0, 0.0),
        ([], [], 0, 0.0),
    ],
)
def test_the_calibration_error_of_likely_answers(holds, probabilities, answers, error):
    found = likely(np.array(holds, bool), np.array(probabilities, float), bins=2)
    assert (found.answers, found.calibration_error) == (answers, pytest.approx(error))


def simulated(stretch: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw a thousand articles with one of a hundred rubrics each; probabilities with stretched log odds."""
    generator = np.random.default_rng(0)
    holds = np.eye(100, dtype=bool)[generator.integers(0, 100, 1000)]
    odds = 2.5 * generator.normal(np.where(holds, 1.25, -1.25), 1.0) - np.log(99)
    return holds.ravel(), 1 / (1 + np.exp(-stretch * odds.ravel()))


def test_miscalibration_with_many_rubrics_shows_among_likely_answers():
    assert calibration_error(*simulated(1.5)) < 0.01
    assert likely(*simulated(1.5)).calibration_error > 0.04


def test_true_probabilities_have_the_error_expected_by_chance():
    found = likely(*simulated(1.0))
    assert found.calibration_error == pytest.approx(found.by_chance, rel=0.5)
    assert likely(*simulated(1.5)).calibration_error > 2 * likely(*simulated(1.5)).by_chance


# Cross-validation


def out_of_fold(n: int = 200) -> tuple[OutOfFold, np.ndarray]:
    generator = np.random.default_rng(0)
    truth = (generator.random((n, 3)) < 0.3).astype(np.int8)
    return OutOfFold(generator.normal(2.0 * truth - 1, 1.0), np.arange(n) % 4), truth


def measured(held: OutOfFold, truth: np.ndarray) -> Metrics:
    found = cross_validated(held, truth, RUBRICS, Policy())
    return metrics(*found.take(found.judged))


def test_decisions_for_a_fold_are_learned_on_the_other_folds():
    (margins, folds, _), truth = out_of_fold()
    found = measured(OutOfFold(margins, folds), truth)
    probabilities, given_, review = (
        np.empty(margins.shape),
        np.empty(margins.shape, bool),
        np.empty(200, bool),
    )
    for fold in range(4):
        decisions = learn_decisions(margins[folds != fold], truth[folds != fold], RUBRICS, Policy())
        here = folds == fold
        probabilities[here] = decisions.probabilities(margins[here])
        given_[here] = decisions.given(probabilities[here])
        review[here] = decisions.doubtful(probabilities[here])
    assert found == metrics(truth, probabilities, given_, review)


def test_an_article_without_known_labels_is_not_counted():
    (margins, folds, _), truth = out_of_fold()
    truth[50:] = -1
    found = measured(OutOfFold(margins, folds), truth)
    assert found.articles == 50
    assert all(rubric.positives + rubric.negatives == 50 for rubric in found.rubrics)


def test_random_margins_give_chance_metrics():
    """No label leaks into the metrics: uninformative margins get the base rate."""
    (margins, folds, _), truth = out_of_fold(2000)
    noise = np.random.default_rng(1).normal(size=margins.shape)
    found = measured(OutOfFold(noise, folds), truth)
    assert found.mean_average_precision == pytest.approx(truth.mean(), abs=0.03)
