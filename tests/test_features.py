"""TF-IDF over lemmas: compared with scikit-learn, and the three fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from newsroom import all_of
from topics.corpus import Corpus, embedded
from topics.errors import ModelError, NotFittedError
from topics.rubrics.features import BODY, LEAD, TITLE, Fields, Tfidf
from topics.text.tokens import concatenate, take, tokenize
from topics.types import TokenBatch

WORDS_ONLY = Fields(min_df=1, max_df=1.0, lead_weight=0, title_weight=0)
EVERYTHING = Fields(min_df=1, max_df=1.0, lead_words=2, lead_weight=0.7, title_weight=0.5)


@pytest.fixture(scope="module")
def tokens() -> TokenBatch:
    articles, _ = all_of(Corpus(embedded()[:2]))
    return tokenize([article.title for article in articles], [article.text for article in articles])


def batch(*texts: str, titles: Sequence[str] = ()) -> TokenBatch:
    return tokenize(titles or [""] * len(texts), texts)


def weights(tfidf: Tfidf, tokens: TokenBatch) -> list[dict[tuple[int, str], float]]:
    """Return (field, term) -> weight for each article."""
    X = tfidf.transform(tokens)
    return [
        {tfidf.term(int(column)): float(X[row, column]) for column in X[[row]].indices}
        for row in range(X.shape[0])
    ]


def as_scikit_learn(tokens: TokenBatch, **options: object) -> TfidfVectorizer:
    names = [[tokens.lemmas[i] for i in tokens.ids[a:b]] for a, b in zip(tokens.offsets, tokens.offsets[1:])]  # noqa: B905
    vectorizer = TfidfVectorizer(analyzer=lambda words: words, sublinear_tf=True, dtype=np.float64, **options)
    vectorizer.found = vectorizer.fit_transform(names)
    return vectorizer


@pytest.mark.parametrize(
    ("text", "familiarity"),
    [
        ("завод сталь", 1.0),
        ("завод верблюд", 0.5),
        ("завод 5 сталь 2026", 1.0),  # numbers do not count
        ("завод Windows", 0.5),  # known, but not Russian
        ("завод сталь підприємство верблюд", (2 - 2) / 4),
        ("підприємство", -2.0),
        ("Windows update", 0.0),
        ("", 0.0),
        ("5 %", 0.0),
    ],
)
def test_familiarity_of_a_text(text, familiarity):
    tfidf = Tfidf(WORDS_ONLY).fit(batch("завод сталь Windows", "сталь"))
    assert tfidf.familiarity(batch("сталь", text, "сталь")) == pytest.approx([1.0, familiarity, 1.0])


def test_familiarities_are_leave_one_out():
    """«Сталь» occurs in other articles as well, «завод» and «верблюд» do not."""
    tfidf = Tfidf(WORDS_ONLY).fit(batch("завод сталь", "верблюд сталь", "сталь"))
    assert tfidf.familiarities == pytest.approx([0.5, 0.5, 1.0])
    assert tfidf.familiarity(batch("завод сталь")) == pytest.approx([1.0])


@pytest.mark.parametrize(("min_df", "max_df"), [(1, 1.0), (3, 0.4), (10, 0.1)])
def test_weights_equal_those_of_scikit_learn(tokens, min_df, max_df):
    fields = Fields(min_df=min_df, max_df=max_df, lead_weight=0, title_weight=0)
    tfidf, theirs = Tfidf(fields).fit(tokens), as_scikit_learn(tokens, min_df=min_df, max_df=max_df)
    X = tfidf.transform(tokens)
    assert [tfidf.term(column) for column in range(X.shape[1])] == [
        (BODY, word) for word in theirs.get_feature_names_out()
    ]
    assert abs(X - theirs.found).max() < 1e-6


def test_each_field_is_normalized_to_its_weight(tokens):
    tfidf = Tfidf(Fields(min_df=2, lead_words=20, lead_weight=0.7, title_weight=0.5)).fit(tokens)
    X = tfidf.transform(tokens)
    field = np.array([tfidf.term(column)[0] for column in range(X.shape[1])])
    for each, weight in ((BODY, 1), (LEAD, 0.7), (TITLE, 0.5)):
        lengths = np.sqrt(X[:, field == each].multiply(X[:, field == each]).sum(axis=1))
        filled = np.diff(X[:, field == each].indptr) > 0
        assert filled.sum() > 150
        assert lengths[filled] == pytest.approx(weight, abs=1e-6)


def test_tfidf_of_a_small_example():
    """Three articles of one field: idf of a word in two of them is ln(4 / 3) + 1, in one ln(4 / 2) + 1."""
    tfidf = Tfidf(WORDS_ONLY).fit(batch("завод банк", "завод завод завод", "отель"))
    often, once = math.log(4 / 3) + 1, math.log(4 / 2) + 1
    length = math.hypot(often, once)
    first, second, third = weights(tfidf, batch("завод банк", "завод завод завод", "отель"))
    assert first == pytest.approx({(BODY, "завод"): often / length, (BODY, "банк"): once / length})
    assert second == pytest.approx({(BODY, "завод"): 1.0})
    assert third == pytest.approx({(BODY, "отель"): 1.0})
    [mixed] = weights(tfidf, batch("завод завод завод отель"))
    thrice = (1 + math.log(3)) * often
    assert mixed[BODY, "завод"] / mixed[BODY, "отель"] == pytest.approx(thrice / once)


def test_a_word_has_a_term_in_every_field_it_occurs_in():
    training = batch("банк отель снег", titles=["завод"])
    tfidf = Tfidf(EVERYTHING).fit(training)
    terms = {tfidf.term(column) for column in range(len(tfidf.idf))}
    assert terms == {
        *((BODY, word) for word in ("завод", "банк", "отель", "снег")),
        *((LEAD, word) for word in ("завод", "банк", "отель")),
        (TITLE, "завод"),
    }


@pytest.mark.parametrize(("off", "missing"), [("lead_weight", LEAD), ("title_weight", TITLE)])
def test_a_field_with_weight_zero_is_left_out(tokens, off, missing):
    settings = {"min_df": 2, "lead_weight": 1.0, "title_weight": 1.0, off: 0.0}
    tfidf = Tfidf(Fields(**settings)).fit(tokens)
    assert {tfidf.term(column)[0] for column in range(len(tfidf.idf))} == {BODY, LEAD, TITLE} - {missing}


def test_rare_and_common_words_are_left_out():
    texts = ["завод снег"] * 4 + ["завод банк"] * 2 + ["отель"]
    tfidf = Tfidf(Fields(min_df=2, max_df=0.7, lead_weight=0)).fit(batch(*texts))
    assert {tfidf.term(column)[1] for column in range(len(tfidf.idf))} == {"снег", "банк"}


@pytest.mark.parametrize("text", ["", "…", "синхрофазотрон", "qwerty"])
def test_an_article_without_known_words_is_a_row_of_zeros(text):
    tfidf = Tfidf(EVERYTHING).fit(batch("завод банк", "завод отель"))
    X = tfidf.transform(batch(text, "завод"))
    assert X[[0]].nnz == 0
    assert X[[1]].nnz > 0


def test_no_articles_give_no_rows():
    tfidf = Tfidf(EVERYTHING).fit(batch("завод банк"))
    assert tfidf.transform(batch()).shape == (0, len(tfidf.idf))


def test_transform_before_fit_is_an_error():
    with pytest.raises(NotFittedError, match=r"before fit: call fit\(tokens\) or load\(folder\) first"):
        Tfidf(Fields()).transform(batch("завод"))


VOCABULARY = ["завод", "банк", "отель", "снег", "рост", "цена", "ГОК", "неведомое"]
TEXTS = st.lists(st.sampled_from(VOCABULARY), max_size=8).map(" ".join)


def tokenized(articles: list[tuple[str, str]]) -> TokenBatch:
    return tokenize([title for title, _ in articles], [text for _, text in articles])


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_rows_do_not_depend_on_the_batch(articles):
    tfidf = Tfidf(EVERYTHING).fit(
        batch("завод банк отель", "снег рост цена", "ГОК завод банк", "рост цена отель")
    )
    single = [tokenized([article]) for article in articles]
    together = tfidf.transform(tokenized(articles))
    assert (together != tfidf.transform(concatenate(single))).nnz == 0
    for row, alone in enumerate(single):
        found = tfidf.transform(alone)
        assert found.indices.tolist() == together[[row]].indices.tolist()
        assert found.data.tolist() == together[[row]].data.tolist()


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6), st.randoms())
def test_the_order_of_training_articles_does_not_matter(articles, random):
    articles = [*articles, ("", "завод")]
    first = Tfidf(EVERYTHING).fit(tokenized(articles))
    second = Tfidf(EVERYTHING).fit(tokenized(random.sample(articles, len(articles))))
    assert first.lemmas == second.lemmas
    for name in ("terms", "idf"):
        assert getattr(first, name).tolist() == getattr(second, name).tolist()


@given(TEXTS, TEXTS)
def test_places_are_positions_of_the_terms(title, text):
    tfidf = Tfidf(EVERYTHING).fit(batch("завод банк отель снег рост цена ГОК", titles=["завод снег рост"]))
    tokens = tokenize([title], [text])
    lemmas = [tokens.lemmas[i] for i in tokens.ids]
    places = tfidf.places(tokens)
    assert sorted(places) == sorted(tfidf.transform(tokens).indices.tolist())
    for column, positions in places.items():
        field, term = tfidf.term(column)
        assert {lemmas[position] for position in positions} == {term}
        if field == TITLE:
            assert max(positions) < tokens.bodies[0]
        if field == LEAD:
            assert max(positions) < tokens.bodies[0] + EVERYTHING.lead_words


# Saving and loading


def test_loaded_features_give_the_same_weights(tokens, tmp_path):
    fields = Fields()
    tfidf = Tfidf(fields).fit(tokens)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    tfidf.save(first)
    loaded = Tfidf(fields).load(first)
    some = take(tokens, np.arange(0, 200, 3))
    assert (tfidf.transform(some) != loaded.transform(some)).nnz == 0
    loaded.save(second)
    assert {path.name: path.read_bytes() for path in second.iterdir()} == {
        path.name: path.read_bytes() for path in first.iterdir()
    }


def damage(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-7])
    elif how == "text":
        path.write_bytes("Снег\ud800".encode(errors="surrogatepass"))
    elif how == "pickle":
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif how == "type":
        np.save(path, np.arange(3, dtype=np.float16))
    elif how == "shape":
        np.save(path, np.load(path)[None])


@pytest.mark.parametrize("how", ["missing", "empty", "cut", "text", "pickle", "type", "shape"])
@pytest.mark.parametrize("name", ["terms.npy", "idf.npy"])
def test_a_damaged_array_is_a_model_error(tokens, tmp_path, name, how):
    Tfidf(Fields()).fit(tokens).save(tmp_path)
    damage(tmp_path / name, how)
    with pytest.raises(ModelError, match=rf"{name}: .*restore the version from a backup or train again"):
        Tfidf(Fields()).load(tmp_path)


@pytest.mark.parametrize("how", ["missing", "text"])
def test_damaged_lemmas_are_a_model_error(tokens, tmp_path, how):
    Tfidf(Fields()).fit(tokens).save(tmp_path)
    damage(tmp_path / "lemmas.txt", how)
    with pytest.raises(ModelError, match=r"lemmas\.txt: cannot be read"):
        Tfidf(Fields()).load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda saved: saved | {"idf.npy": saved["idf.npy"][:-1]},
        lambda saved: saved | {"terms.npy": saved["terms.npy"][::-1]},
        lambda saved: saved | {"terms.npy": saved["terms.npy"] - saved["terms.npy"][0] - 1},
        lambda saved: saved | {"terms.npy": saved["terms.npy"] + 10_000},
    ],
)
def test_inconsistent_files_are_a_model_error(tokens, tmp_path, change):
    fields = Fields()
    Tfidf(fields).fit(tokens).save(tmp_path)
    for name, array in change({path.name: np.load(path) for path in tmp_path.glob("*.npy")}).items():
        np.save(tmp_path / name, array)
    with pytest.raises(ModelError, match="do not fit together"):
        Tfidf(fields).load(tmp_path)


def test_field_weights_may_be_integers(tokens):
    whole = Tfidf(Fields(min_df=1, max_df=1.0, lead_weight=1, title_weight=0)).fit(tokens).transform(tokens)
    parts = (
        Tfidf(Fields(min_df=1, max_df=1.0, lead_weight=1.0, title_weight=0.0)).fit(tokens).transform(tokens)
    )
    assert (whole != parts).nnz == 0
