"""Length calibration: margins of short texts are corrected."""

from __future__ import annotations

import numpy as np
import pytest

from newsroom import all_of
from topics.classifiers.linear import LinearClassifier
from topics.corpus import Corpus, embedded
from topics.rubrics.length_calibration import (
    BEGINNINGS,
    Excerpts,
    LengthCalibration,
    excerpted,
    fit_length_calibration,
    repeated,
)
from topics.text.tokens import tokenize

HALF = LengthCalibration(usual=100.0, slopes=(0.5,), offsets=(1.0,))


def words(batch):
    """Return the lemmas of title and body of each article."""
    cuts = zip(batch.offsets, batch.bodies, batch.offsets[1:], strict=False)
    said = [batch.lemmas[i] for i in batch.ids]
    return [(" ".join(said[start:body]), " ".join(said[body:stop])) for start, body, stop in cuts]


def test_excerpts_follow_the_articles_without_titles():
    long = " ".join(["банк", "завод"] * 50)
    texts = words(excerpted(tokenize(["море", ""], [long, "пляж"])))
    assert texts[:2] == [("море", long), ("", "пляж")]
    assert texts[2:4] == [("", " ".join(long.split()[:10])), ("", "пляж")]
    assert [len(body.split()) for _, body in texts[::2]] == [100, *BEGINNINGS]
    assert repeated(np.array([7, 8])).tolist() == [7, 8] * (1 + len(BEGINNINGS))


@pytest.mark.parametrize(
    ("length", "corrected"),
    [
        (100, 2.0),  # the usual length
        (900, 2.0),
        (0, 2.0),  # no known word: not corrected
        (37, 2.0 * (1 + 0.5 * 0.994) + 0.994),  # e times shorter, nearly
        (5, 2.0 * (1 + 0.5 * 2.996) + 2.996),
        (1, 2.0 * (1 + 0.5 * 2.996) + 2.996),  # as for five terms
    ],
)
def test_shorter_texts_are_corrected_more(length, corrected):
    assert HALF.correct(np.array([[2.0]]), np.array([length]))[0, 0] == pytest.approx(corrected, abs=1e-3)


def test_the_offset_of_short_texts_is_learned():
    """Whole articles have the rubric above a margin of 0, texts of 10 terms above -1."""
    generator = np.random.default_rng(0)
    lengths = np.repeat([100, 10], 600)
    margins = generator.normal(size=1200)
    holds = margins + np.where(lengths == 10, 1.0, 0.0) + generator.logistic(scale=0.2, size=1200) > 0
    truth = holds.astype(np.int8)[:, None]
    learned = fit_length_calibration(Excerpts(margins[:, None], lengths, truth, np.zeros(1200, int)), 100.0)
    assert learned.correct(np.array([[-1.0]]), np.array([10]))[0, 0] == pytest.approx(0, abs=0.25)
    assert learned.correct(np.array([[-1.0]]), np.array([100]))[0, 0] == -1


def test_slopes_stay_positive_for_texts_shorter_than_seen():
    """With 16 terms margins are nearly uninformative, so the slope falls; with 5 it must stay positive."""
    generator = np.random.default_rng(0)
    lengths = np.repeat([40, 16], 2000)
    margins = generator.normal(size=4000)
    sharpness = np.where(lengths == 40, 4.0, 0.1)
    truth = (generator.random(4000) < 1 / (1 + np.exp(-sharpness * margins))).astype(np.int8)[:, None]
    learned = fit_length_calibration(Excerpts(margins[:, None], lengths, truth, np.zeros(4000, int)), 40.0)
    low, high = learned.correct(np.array([[-1.0], [1.0]]), np.array([5, 5]))[:, 0]
    assert learned.slopes[0] < 0
    assert low < high


@pytest.mark.parametrize("truth", [[0, 0, 0], [1, 1, 1], [-1, -1, -1]])
def test_with_one_class_nothing_is_corrected(truth):
    texts = Excerpts(
        np.zeros((3, 1)), np.array([9, 50, 100]), np.array(truth, np.int8)[:, None], np.arange(3)
    )
    assert fit_length_calibration(texts, 100.0) == LengthCalibration(100.0, (0.0,), (0.0,))


@pytest.fixture(scope="module")
def model():
    articles, _ = all_of(Corpus(embedded()))
    rubrics = ("economy", "industry", "tourism")
    truth = np.array([[r in article.labels.rubrics for r in rubrics] for article in articles], np.int8)
    tokens = tokenize([a.title for a in articles], [a.text for a in articles])
    return LinearClassifier().fit(tokens, truth, rubrics, np.zeros(len(articles), bool))


@pytest.mark.parametrize(
    ("text", "rubric"),
    [
        ("Отели готовятся к приезду туристов", "tourism"),
        ("Завод запустил новую линию", "industry"),
        ("Банк снизил ставку по вкладам", "economy"),
    ],
)
def test_a_short_headline_gets_exactly_its_rubric(model, text, rubric):
    given = model.decisions.given(model.predict_proba(tokenize([""], [text])))[0]
    assert [name for name, holds in zip(model.rubrics, given, strict=True) if holds] == [rubric]


@pytest.mark.parametrize("text", ["", "Абвгд еёжз", "Кошка сняла с дерева пожарного"])
def test_an_unrelated_text_gets_no_rubric(model, text):
    assert not model.decisions.given(model.predict_proba(tokenize([""], [text]))).any()


def test_contributions_still_sum_to_the_log_odds(model):
    tokens = tokenize([""], ["Отели подняли цены для туристов"])
    prior, reasons = model.contributions(tokens)
    probability = model.predict_proba(tokens)[0]
    total = prior + sum(reason.weights for reason in reasons)
    assert total == pytest.approx(np.log(probability / (1 - probability)), abs=1e-3)
