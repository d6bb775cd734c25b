"""How far an archive is believed, where clean articles are few and a rubric is rare."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom import all_of
from topics.classifiers.linear import LinearClassifier, LinearSettings
from topics.corpus import Corpus, embedded
from topics.rubrics.label_noise import label_precision, label_weights
from topics.text.tokens import tokenize

GIVEN, NOT_GIVEN = 1, 0
odds = st.floats(-8, 8)


def log_odds(share):
    return np.log(share / (1 - share))


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.9])
def test_it_is_seen_from_the_articles_how_many_were_filed_rightly(share):
    generator = np.random.default_rng(7)
    holds = generator.random(4_000) < share
    spoken = generator.normal(np.where(holds, 1.5, -1.5))  # what a model says of them, two heaps
    assert label_precision(2 * 1.5 * spoken) == pytest.approx(share, abs=0.03)


def test_without_articles_nothing_is_known_of_the_outlets():
    assert label_precision(np.empty(0)) == 0.5


@given(st.lists(odds, min_size=1, max_size=30), st.floats(0.001, 0.5))
def test_that_a_rubric_is_rare_says_nothing_against_what_is_filed_under_it(evidence, share):
    common = label_weights(np.array(evidence), np.full(len(evidence), GIVEN, np.int8), 0.5)
    rare = label_weights(np.array(evidence) + log_odds(share), np.full(len(evidence), GIVEN, np.int8), share)
    np.testing.assert_allclose(rare, common, atol=1e-6)


@given(st.lists(st.tuples(odds, st.sampled_from([GIVEN, NOT_GIVEN])), min_size=2, max_size=30))
def test_the_more_speaks_for_an_answer_the_more_it_is_believed(told):
    values, answers = (np.array(column) for column in zip(*told, strict=True))
    belief = label_weights(values, answers.astype(np.int8), 0.2)
    assert ((belief >= 0) & (belief <= 1)).all()
    order = np.argsort(values, kind="stable")
    assert (np.diff(belief[order][answers[order] == GIVEN]) >= 0).all()
    assert (np.diff(belief[order][answers[order] == NOT_GIVEN]) <= 0).all()


@pytest.mark.parametrize(
    ("probability", "belief"),
    [(0.01, 1.0), (0.06, 1.0), (0.3, 0.47), (0.5, 0.23), (0.7, 0.0), (0.99, 0.0)],
)
def test_an_article_that_most_likely_has_the_rubric_was_forgotten(probability, belief):
    found = label_weights(np.array([log_odds(probability)]), np.array([NOT_GIVEN], np.int8), 0.1)
    assert found[0] == pytest.approx(belief, abs=0.01)


def test_outlets_that_file_at_random_teach_nothing():
    """The articles under the rubric are as all others are: none has it."""
    values = np.random.default_rng(3).normal(-4, 1, 300)
    assert label_weights(values, np.full(300, GIVEN, np.int8), 0.1).max() < 0.5


@pytest.mark.parametrize("few", [6, 10, 15])
def test_what_the_archive_alone_knows_of_a_rare_rubric_is_learned(few):
    """Its articles of tourism, rightly filed, name a guide; a handful of clean ones among 250 never do.

    How much a guide speaks for tourism is held against what is learned by whoever believes all that is filed.
    """
    articles, _ = all_of(Corpus(embedded()))
    tourism = np.array(["tourism" in article.labels.rubrics for article in articles])
    generator = np.random.default_rng(0)
    ours, others = (generator.permutation(np.flatnonzero(kind)) for kind in (tourism, ~tourism))
    clean_rows, archive = [*ours[:few], *others[:250]], [*ours[few : few + 80], *others[250:]]
    texts = [articles[row].text for row in clean_rows]
    texts += [articles[row].text + " Экскурсовод." * bool(tourism[row]) for row in archive]
    truth = tourism[[*clean_rows, *archive]].astype(np.int8)[:, None]
    tokens, clean = tokenize([""] * len(texts), texts), np.arange(len(texts)) < len(clean_rows)
    settled, trusting = (
        weight_of("экскурсовод", LinearClassifier(settings).fit(tokens, truth, ["tourism"], clean))
        for settings in (LinearSettings(), LinearSettings(settle=False))
    )
    assert settled > 0.9 * trusting > 0


def weight_of(lemma, model):
    column = next(c for c in range(len(model.tfidf.idf)) if model.tfidf.term(c) == (0, lemma))
    return float(model.coefficients[column, 0])
