"""Latent directions: words of one subject speak for one another, and folding changes no answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse
from sklearn.svm import LinearSVC

from topics.classifiers import linear
from topics.classifiers.linear import LinearClassifier
from topics.corpus import Corpus, embedded
from topics.quality.evaluation import calibration_error
from topics.rubrics.features import BODY, Fields, Tfidf
from topics.rubrics.latent import Latent, LatentSettings
from topics.text.tokens import take, tokenize

HOLIDAYS = ["глэмпинг кемпинг палатка", "кемпинг палатка озеро", "палатка озеро глэмпинг"] * 20
FACTORIES = ["домна чугун прокат", "чугун прокат слиток", "прокат слиток домна"] * 20


def tfidf(texts):
    tokens = tokenize([""] * len(texts), texts)
    features = Tfidf(Fields(min_df=1, max_df=1.0, lead_weight=0, title_weight=0)).fit(tokens)
    return features, features.transform(tokens)


def matrices(rows=30, columns=12):
    """Document-term matrices, now and then of zeros alone."""
    numbers = arrays.arrays(np.float32, (rows, columns), elements=st.sampled_from([0, 0, 0, 0.5, 1, 2]))
    return numbers.map(sparse.csr_array)


def test_a_word_that_no_labelled_article_holds_is_understood_by_its_company():
    """«Глэмпинг» never stands in a labelled article, only beside «палатка» and «озеро» in others."""
    features, X = tfidf([*HOLIDAYS, *FACTORIES, "глэмпинг", "слиток"])
    latent = Latent(LatentSettings(dimensions=2, max_df=1.0)).fit(X, X.shape[1])
    labelled = [1, 61]  # without «глэмпинг» and without «домна»
    assert "глэмпинг" not in HOLIDAYS[1]
    margins = {}
    for name, directions in ("latent", latent), ("plain", Latent(LatentSettings(dimensions=0)).fit(X, 0)):
        Z = directions.extend(X)
        model = LinearSVC(random_state=0).fit(Z[labelled], [1, 0])
        coefficients = directions.fold(model.coef_.T.astype(np.float32))[:, 0]
        glamping = features.lemmas.index("глэмпинг")
        margins[name] = coefficients[glamping]
    assert margins["plain"] == 0
    assert margins["latent"] > 0.05


@given(matrices(), st.integers(0, 9), st.integers(1, 12))
def test_folded_coefficients_answer_like_the_extended_ones(X, dimensions, width):
    latent = Latent(LatentSettings(dimensions=dimensions, max_df=0.9)).fit(X, width)
    Z = latent.extend(X)
    coefficients = np.random.default_rng(0).normal(size=(Z.shape[1], 3)).astype(np.float32)
    folded = latent.fold(coefficients)
    assert folded.shape == (X.shape[1], 3)
    assert X @ folded == pytest.approx(Z @ coefficients, abs=1e-3)
    assert (folded[width:] == coefficients[width : X.shape[1]]).all(), "other fields stay as they are"


@given(matrices())
def test_the_same_seed_gives_the_same_directions(X):
    first, second = (Latent(LatentSettings(dimensions=4), seed=3).fit(X, 12).directions for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_common_words_have_no_say():
    features, X = tfidf([f"сегодня {text}" for text in HOLIDAYS + FACTORIES])
    latent = Latent(LatentSettings(dimensions=2, max_df=0.5)).fit(X, features.width(BODY))
    before = np.zeros((X.shape[1] + 2, 1), np.float32)
    before[-2:] = 1
    folded = latent.fold(before)[:, 0]
    assert folded[features.lemmas.index("сегодня")] == 0
    assert folded[features.lemmas.index("палатка")] != 0


@pytest.mark.parametrize("articles", [1, 4, 9, 15])
def test_few_articles_have_few_directions(articles):
    _, X = tfidf((HOLIDAYS + FACTORIES)[:articles])
    latent = Latent(LatentSettings(max_df=1.0)).fit(X, X.shape[1])
    assert latent.extend(X).shape[1] - X.shape[1] == min(articles // 5, X.shape[1] - 1)


def test_few_articles_are_judged_by_directions_that_have_not_seen_them(monkeypatch):
    """Thresholds and probabilities learned from 150 articles hold for 350 others."""
    articles = [article for batch in Corpus(embedded()).batches() for article in batch.articles]
    rubrics = ("economy", "industry", "tourism")
    truth = np.array([[rubric in a.labels.rubrics for rubric in rubrics] for a in articles], np.int8)
    tokens = tokenize([a.title for a in articles], [a.text for a in articles])
    lots = np.random.default_rng(0).permutation(len(articles))
    taught, others = lots[:150], lots[150:]
    given, errors = {}, {}
    for few in (10_000, 0):
        monkeypatch.setattr(linear, "_FEW", few)
        model = LinearClassifier().fit(take(tokens, taught), truth[taught], rubrics, np.ones(150, bool))
        probabilities = model.predict_proba(take(tokens, others))
        errors[few] = calibration_error((truth[others] == 1).ravel(), probabilities.ravel())
        given[few] = model.decisions.given(probabilities).mean() / truth[others].mean()
    assert errors[10_000] < 0.03
    assert 0.85 < given[10_000] < 1.15, "rubrics are given as often as they hold"
    assert errors[0] > errors[10_000] + 0.02, "what is guarded against"
    assert given[0] < 0.85
