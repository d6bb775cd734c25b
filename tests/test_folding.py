"""Latent directions and prefixes let related words share evidence; folding them changes no prediction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse
from sklearn.svm import LinearSVC

from topics.classifiers import fitting
from topics.classifiers.linear import LinearClassifier, LinearSettings
from topics.corpus import Corpus, embedded
from topics.quality.evaluation import calibration_error
from topics.rubrics.features import BODY, Fields, Tfidf
from topics.rubrics.folding import Folding
from topics.rubrics.latent import LatentSettings, directions
from topics.rubrics.prefixes import PrefixSettings, prefixes
from topics.text.tokens import take, tokenize

HOLIDAYS = ["глэмпинг кемпинг палатка", "кемпинг палатка озеро", "палатка озеро глэмпинг"] * 20
FACTORIES = ["домна чугун прокат", "чугун прокат слиток", "прокат слиток домна"] * 20


LEMMAS = [
    "турист",
    "туристический",
    "туризм",
    "сталь",
    "стальной",
    "сталевар",
    "кот",
    "кит",
    "банк",
    "банкир",
    "<year>",
    "дом",
]


def tfidf(texts):
    tokens = tokenize([""] * len(texts), texts)
    features = Tfidf(Fields(min_df=1, max_df=1.0, lead_weight=0, title_weight=0)).fit(tokens)
    return features, features.transform(tokens)


def learned(projection, X, labelled):
    """Fit on a positive and a negative article; return the coefficients of words."""
    folding = Folding(np.arange(X.shape[1]), [projection])
    model = LinearSVC(random_state=0).fit(folding.extend(X)[labelled], [1, 0])
    return folding.fold(model.coef_.T.astype(np.float32))[:, 0]


def matrices(rows=30, columns=12):
    """Document-term matrices, sometimes all zeros."""
    numbers = arrays.arrays(np.float32, (rows, columns), elements=st.sampled_from([0, 0, 0, 0.5, 1, 2]))
    return numbers.map(sparse.csr_array)


def test_a_word_in_no_labelled_article_learns_from_cooccurring_words():
    """«Глэмпинг» is in no labelled article, but in others beside «палатка» and «озеро»."""
    features, X = tfidf([*HOLIDAYS, *FACTORIES, "глэмпинг", "слиток"])
    labelled = [1, 61]  # without «глэмпинг» and without «домна»
    assert "глэмпинг" not in HOLIDAYS[1]
    margins = {}
    for dimensions in (0, 2):
        latent = directions(X, LatentSettings(dimensions))
        margins[dimensions] = learned(latent, X, labelled)[features.lemmas.index("глэмпинг")]
    assert margins[0] == 0
    assert margins[2] > 0.05


@given(matrices(), st.integers(0, 9), st.sets(st.integers(0, 11)), st.permutations(LEMMAS))
def test_folded_coefficients_predict_the_same(X, dimensions, columns, lemmas):
    columns = np.array(sorted(columns), int)
    latent = directions(X[:, columns], LatentSettings(dimensions))
    folding = Folding(columns, [latent, prefixes(lemmas[: len(columns)], PrefixSettings())])
    Z = folding.extend(X)
    coefficients = np.random.default_rng(0).normal(size=(Z.shape[1], 3)).astype(np.float32)
    folded = folding.fold(coefficients)
    assert folded.shape == (X.shape[1], 3)
    assert X @ folded == pytest.approx(Z @ coefficients, abs=1e-3)
    others = np.setdiff1d(np.arange(X.shape[1]), columns)
    assert (folded[others] == coefficients[others]).all(), "other columns are unchanged"


@given(matrices())
def test_the_same_seed_gives_the_same_directions(X):
    first, second = (directions(X, LatentSettings(4), seed=3) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_frequent_words_are_left_out():
    """«Сегодня» is too frequent, and shares nothing with «сегодняшний»."""
    texts = [f"сегодня {text}" for text in HOLIDAYS + FACTORIES]
    features, X = tfidf([*texts, "сегодняшний сталевар стальной"])
    settings = LinearSettings(latent=LatentSettings(dimensions=2, max_df=0.5))
    folding = fitting.learn_folding(X, features.words(BODY), settings)
    before = np.zeros((folding.extend(X).shape[1], 1), np.float32)
    before[X.shape[1] :] = 1
    after = dict(zip(features.lemmas, folding.fold(before)[:, 0], strict=True))
    assert after["сегодня"] == 0
    assert after["палатка"] != 0
    assert after["сталевар"] > 0.5 > abs(after["сегодняшний"])


def test_words_with_a_common_prefix_share_evidence():
    """Only «сталевар» is in a labelled article; «стальной» and «сталь» share its prefix."""
    features, X = tfidf(["сталевар", "глэмпинг", "стальной", "сталь", "стакан"])
    kin = prefixes(features.lemmas, PrefixSettings())
    margins = dict(zip(features.lemmas, learned(kin, X, [0, 1]), strict=True))
    assert margins["стальной"] == margins["сталь"] > 0.1
    assert margins["сталевар"] > margins["сталь"], "a word weighs more than its prefix"
    assert margins["стакан"] == 0


def test_a_word_that_begins_alike_but_keeps_other_company_learns_nothing():
    """«Произвол» begins like «производство», but stands beside «чиновник», not beside «завод»."""
    works = [
        "производство завод станок",
        "производственный завод станок",
        "производство производственный цех",
    ]
    courts = ["произвол чиновник жалоба", "чиновник жалоба суд", "произвол жалоба суд"]
    features, X = tfidf([*works * 20, *courts * 20, "производитель станок"])
    latent, seen = directions(X, LatentSettings(4)), np.bincount(X.indices, minlength=X.shape[1])
    shared = prefixes(features.lemmas, PrefixSettings((6,)), latent, seen)
    weights = dict(zip(features.lemmas, shared.toarray().max(axis=1).tolist(), strict=True))
    assert weights["производство"] == weights["производственный"] == 1
    assert weights["произвол"] < 0.15
    assert weights["производитель"] > 0.8, "of a rare word little is known"
    unlike = prefixes(features.lemmas, PrefixSettings((6,)), latent[:, :0], seen)
    assert (unlike.toarray() == prefixes(features.lemmas, PrefixSettings((6,))).toarray()).all()


@pytest.mark.parametrize(
    ("lemmas", "lengths", "shared"),
    [
        ("турист туристический туризм", (4,), ["турист туристический туризм"]),
        ("турист туристический туризм", (6,), ["турист туристический"]),
        ("турист туристический туризм", (4, 6), ["турист туристический туризм", "турист туристический"]),
        ("транспорт трансляция", (4, 6), ["транспорт трансляция"]),
        ("тур турист", (4,), []),  # three letters are too few for a prefix of four
        ("завод банк", (4, 6), []),
        ("завод заводской", (), []),
    ],
)
def test_words_share_prefixes(lemmas, lengths, shared):
    lemmas = lemmas.split()
    found = prefixes(lemmas, PrefixSettings(lengths)).toarray()
    assert [" ".join(np.array(lemmas)[column > 0]) for column in found.T] == shared


@pytest.mark.parametrize("articles", [1, 4, 9, 15])
def test_few_articles_have_few_directions(articles):
    _, X = tfidf((HOLIDAYS + FACTORIES)[:articles])
    latent = directions(X, LatentSettings())
    assert latent.shape == (X.shape[1], min(articles // 5, X.shape[1] - 1))


def test_with_few_articles_each_fold_has_its_own_directions(monkeypatch):
    """Thresholds and probabilities learned from 150 articles hold for 350 others."""
    articles = [article for batch in Corpus(embedded()).batches() for article in batch.articles]
    rubrics = ("economy", "industry", "tourism")
    truth = np.array([[rubric in a.labels.rubrics for rubric in rubrics] for a in articles], np.int8)
    tokens = tokenize([a.title for a in articles], [a.text for a in articles])
    rows = np.random.default_rng(0).permutation(len(articles))
    training, others = rows[:150], rows[150:]
    given, errors = {}, {}
    for few in (10_000, 0):
        monkeypatch.setattr(fitting, "_FEW", few)
        model = LinearClassifier().fit(take(tokens, training), truth[training], rubrics, np.ones(150, bool))
        probabilities = model.predict_proba(take(tokens, others))
        errors[few] = calibration_error((truth[others] == 1).ravel(), probabilities.ravel())
        given[few] = model.decisions.given(probabilities).mean() / truth[others].mean()
    assert errors[10_000] < 0.03
    assert 0.85 < given[10_000] < 1.15, "rubrics are assigned as often as they hold"
    assert errors[0] > errors[10_000] + 0.02, "shared directions would be overconfident"
    assert given[0] < given[10_000] - 0.1
