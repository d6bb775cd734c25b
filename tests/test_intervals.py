"""Bootstrap intervals, with near-duplicates drawn together; metrics compared with scikit-learn."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from topics.quality.evaluation import Answers
from topics.quality.intervals import (
    Interval,
    average_precisions,
    averaged,
    bootstrap,
    chance_of_loss,
    counted_metrics,
    holm,
    intervals,
    widened,
    wilson,
)
from topics.quality.measuring import measure

ALONE = np.arange(400)


def mean_of(values: np.ndarray):
    return lambda weights: (values @ weights / weights.sum(axis=0))[None, :]


def test_the_interval_of_a_mean_is_the_normal_one():
    values = np.random.default_rng(1).normal(0.3, 0.2, 400)
    (interval,) = intervals(*bootstrap(mean_of(values), ALONE))
    half = 1.96 * values.std() / 400**0.5
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=half / 8)
    assert interval.high == pytest.approx(values.mean() + half, abs=half / 8)


def test_near_duplicates_do_not_narrow_an_interval():
    values = np.repeat(np.random.default_rng(1).normal(0, 1, 40), 10)
    wide = intervals(*bootstrap(mean_of(values), np.repeat(np.arange(40), 10)))[0]
    narrow = intervals(*bootstrap(mean_of(values), ALONE))[0]
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
    assert ratio == pytest.approx(10**0.5, rel=0.15)


def test_draws_do_not_depend_on_the_chunk_size(monkeypatch):
    values = np.random.default_rng(1).normal(0, 1, 400)
    whole = bootstrap(mean_of(values), ALONE, draws=50)[1]
    monkeypatch.setattr("topics.quality.intervals._BLOCK_WEIGHTS", 1000)
    np.testing.assert_allclose(bootstrap(mean_of(values), ALONE, draws=50)[1], whole)


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [(1.0, 10, 0.7225, 1.0), (0.0, 10, 0.0, 0.2775), (0.5, 100, 0.4038, 0.5962)],  # Newcombe 1998, by hand
)
def test_wilson_intervals(share, n, low, high):
    assert wilson(share, n) == pytest.approx((low, high), abs=1e-4)


def test_intervals_are_widened_to_wilson():
    assert widened(Interval(1.0, 1.0, 1.0), 10).low == pytest.approx(0.7225, abs=1e-4)
    wide = Interval(0.5, 0.1, 0.9)
    assert widened(wide, 1000) == wide, "a wider interval is kept"


def test_the_interval_of_an_average_allows_for_its_parts():
    parts = [Interval(1.0, 0.7, 1.0), Interval(0.8, 0.5, 0.9), Interval(math.nan, math.nan, math.nan)]
    found = averaged(Interval(0.9, 0.89, 0.91), parts)
    assert found.low == pytest.approx(0.9 - math.hypot(0.3, 0.3) / 2)
    assert found.high == pytest.approx(0.9 + 0.05)
    assert averaged(Interval(0.9, 0.89, 0.91), []) == Interval(0.9, 0.89, 0.91)


@pytest.mark.parametrize("positives", [4, 10])
def test_intervals_of_few_articles_cover_the_true_value(positives):
    generator = np.random.default_rng(0)
    inside = []
    for _ in range(60):
        right = generator.random(positives) < 0.95
        truth = np.concatenate([np.ones(positives), np.zeros(100)]).astype(np.int8)[:, None]
        given_ = np.concatenate([right, np.zeros(100, bool)])[:, None]
        found = measure(Answers(truth, given_.astype(float), given_, np.zeros(len(truth), bool)), ("a",), 100)
        recall = found.rubrics[0].recall
        inside.append(recall.low <= 0.95 <= recall.high)
    assert np.mean(inside) > 0.9


ROWS = st.lists(
    st.tuples(st.integers(-1, 1), st.booleans(), st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60)
@given(ROWS)
def test_weighted_metrics_equal_those_of_repeated_articles(rows):
    """An article drawn three times counts as three articles."""
    truth, given_, scores, times = (np.array(column) for column in zip(*rows, strict=True))
    answers = truth.astype(np.int8)[:, None]
    statistics = counted_metrics(answers, given_[:, None]), average_precisions(answers, scores[:, None])
    metrics = np.concatenate([statistic(times[:, None].astype(float))[:, 0] for statistic in statistics])
    known = np.repeat(truth >= 0, times)
    holds, said = np.repeat(truth == 1, times)[known], np.repeat(given_, times)[known]
    if not known.any():
        assert np.isnan(metrics).all()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, _ = precision_recall_fscore_support(
            holds, said, average="binary", zero_division=np.nan
        )
        ap = average_precision_score(holds, np.repeat(scores, times)[known]) if holds.any() else np.nan
    expected = [precision if said.any() else np.nan, recall if holds.any() else np.nan]
    np.testing.assert_allclose(metrics[:2], expected)
    if said.any() or holds.any():
        assert metrics[2] == pytest.approx(f1)
        assert metrics[3] == pytest.approx(f1), "micro-F1 of one rubric"
    else:
        assert np.isnan(metrics[2])
    np.testing.assert_allclose(metrics[4], (holds == said).mean())
    np.testing.assert_allclose(metrics[5], ap)


def test_a_partly_labelled_article_counts_for_its_known_rubrics():
    truth = np.array([[1, -1], [0, 1]], np.int8)
    metrics = counted_metrics(truth, np.array([[True, True], [False, True]]))(np.ones((2, 1)))[:, 0]
    assert metrics.tolist() == [1, 1, 1, 1, 1, 1, 1, 1]


def test_the_chance_of_loss_counts_draws():
    drawn = np.array([[-0.1, -0.2, -0.1, -0.1], [-0.1, 0.1, -0.1, 0.2], [np.nan] * 4])
    assert chance_of_loss(drawn).tolist() == [1 / 5, 3 / 5, 1]


def test_a_clear_loss_is_significant_among_hundreds_of_rubrics():
    """The draws alone would not suffice: 303 times 1 in 2000 is more than 5 %."""
    drawn = np.random.default_rng(0).normal(0.0, 0.02, (303, 2000))
    drawn[7] -= 0.3  # fifteen times its spread
    drawn[8] = -1.0  # never assigned any more
    corrected = holm(chance_of_loss(drawn))
    assert (corrected[7:9] < 0.001).all()
    assert (np.delete(corrected, [7, 8]) > 0.05).all()


def test_holm_correction():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]


def test_an_undefined_metric_has_no_interval():
    (interval,) = intervals(np.array([np.nan]), np.full((1, 3), np.nan))
    assert np.isnan([interval.value, interval.low, interval.high]).all()
