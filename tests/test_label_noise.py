"""Label noise: weights of the archive's labels when clean articles are few and a rubric is rare."""

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

POSITIVE, NEGATIVE = 1, 0
odds = st.floats(-8, 8)


def log_odds(share):
    return np.log(share / (1 - share))


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.9])
def test_label_precision_is_estimated_from_log_odds(share):
    generator = np.random.default_rng(7)
    holds = generator.random(4_000) < share
    spoken = generator.normal(np.where(holds, 1.5, -1.5))  # margins of a model: two clusters
    assert label_precision(2 * 1.5 * spoken) == pytest.approx(share, abs=0.03)


def test_label_precision_without_articles_is_one_half():
    assert label_precision(np.empty(0)) == 0.5


@given(st.lists(odds, min_size=1, max_size=30), st.floats(0.001, 0.5))
def test_weights_do_not_depend_on_the_base_rate(evidence, share):
    common = label_weights(np.array(evidence), np.full(len(evidence), POSITIVE, np.int8), 0.5)
    rare = label_weights(
        np.array(evidence) + log_odds(share), np.full(len(evidence), POSITIVE, np.int8), share
    )
    np.testing.assert_allclose(rare, common, atol=1e-6)


@given(st.lists(st.tuples(odds, st.sampled_from([POSITIVE, NEGATIVE])), min_size=2, max_size=30))
def test_weights_are_monotonic_in_the_evidence(pairs):
    values, answers = (np.array(column) for column in zip(*pairs, strict=True))
    belief = label_weights(values, answers.astype(np.int8), 0.2)
    assert ((belief >= 0) & (belief <= 1)).all()
    order = np.argsort(values, kind="stable")
    assert (np.diff(belief[order][answers[order] == POSITIVE]) >= 0).all()
    assert (np.diff(belief[order][answers[order] == NEGATIVE]) <= 0).all()


@pytest.mark.parametrize(
    ("probability", "belief"),
    [(0.01, 1.0), (0.06, 1.0), (0.3, 0.47), (0.5, 0.23), (0.7, 0.0), (0.99, 0.0)],
)
def test_a_negative_with_a_high_probability_has_a_low_weight(probability, belief):
    found = label_weights(np.array([log_odds(probability)]), np.array([NEGATIVE], np.int8), 0.1)
    assert found[0] == pytest.approx(belief, abs=0.01)


def test_random_labels_have_low_weights():
    """The articles with the label are like all others: none has the rubric."""
    values = np.random.default_rng(3).normal(-4, 1, 300)
    assert label_weights(values, np.full(300, POSITIVE, np.int8), 0.1).max() < 0.5


@pytest.mark.parametrize("few", [6, 10, 15])
def test_words_known_only_from_the_archive_are_learned(few):
    """Correctly labelled tourism articles of the archive contain a word that no clean article has.

    Its coefficient is compared with that of a model that trusts all labels.
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
