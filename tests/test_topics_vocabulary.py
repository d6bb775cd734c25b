"""The vocabulary of topic models: parts of speech, phrases, and limits that depend on the archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topic_archive import tokens
from topics import persistence
from topics.errors import ModelError, NotFittedError
from topics.text.tokens import take, tokenize
from topics.topic_models.vocabulary import (
    Vocabulary,
    VocabularySettings,
    largest_share,
    least_articles,
    part_of_speech,
)


@pytest.mark.parametrize(
    ("lemma", "expected"),
    [
        ("инфляция", "noun"),
        ("росатом", "noun"),
        ("вциом", "noun"),
        ("covid", "noun"),
        ("редкоземельный", "adjective"),
        ("запустить", "verb"),
        ("который", ""),
        ("первый", ""),
        ("очень", ""),
        ("после", ""),
        ("<money>", ""),
        ("xiv", ""),
    ],
)
def test_parts_of_speech(lemma: str, expected: str) -> None:
    assert part_of_speech(lemma) == expected


def bag(vocabulary: Vocabulary, text: str, title: str = "") -> dict[str, int]:
    row = vocabulary.transform(tokenize([title], [text]))
    return {vocabulary.terms[i]: int(n) for i, n in zip(row.indices, row.data, strict=True)}


@pytest.fixture(scope="module")
def learned() -> Vocabulary:
    return Vocabulary(VocabularySettings(even_share=0.0)).fit(tokens())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Железная дорога и вагоны", {"железный дорога": 1, "вагон": 1}),
        ("Вагоны железных дорог, вагон железной дороги", {"железный дорога": 2, "вагон": 2}),
        ("Ключевую ставку ждет рубль", {"ключевой ставка": 1, "рубль": 1}),
        ("Сообщили, отметили, заявили", {}),
        ("Слова неведомые абракадабра", {}),
        ("", {}),
    ],
)
def test_text_is_converted_to_terms(learned: Vocabulary, text: str, expected: dict[str, int]) -> None:
    found = bag(learned, text)
    assert {term: found.get(term, 0) for term in expected} == expected
    assert not found.keys() & {"железный", "дорога", "сообщить", "отметить", "заявить"}
    assert bool(found) == bool(expected)


def test_english_function_words_are_not_terms() -> None:
    """Tennis quotes «The Open»; no topic is called «сет, корт, the»."""
    texts = ["Корт The Open of London", "Сет на The Open in London", "Завод и прокат", "Цех, прокат"] * 10
    settings = VocabularySettings(even_share=0.0, max_df=0.6, phrases=False)
    terms = Vocabulary(settings).fit(tokenize([""] * len(texts), texts)).terms
    assert sorted(terms) == ["london", "open", "завод", "корт", "прокат", "сет", "цех"]


def test_phrases_do_not_cross_from_title_to_text(learned: Vocabulary) -> None:
    assert "железный дорога" not in bag(learned, "дорога", title="железная")


def test_the_stronger_of_two_overlapping_phrases_wins() -> None:
    texts = (
        ["Президент США Дональд Трамп прибыл"] * 6 + ["Президент США уехал"] * 6 + ["Дональд Трамп спит"] * 6
    )
    texts += [f"Президент {name} остался в городе" for name in ("Турции", "Чехии", "Польши", "Сербии")] * 3
    texts += ["В городе дождь, река, мост и рынок"] * 20
    vocabulary = Vocabulary(VocabularySettings(even_share=0.0, max_df=1.0, phrase_npmi=0.3)).fit(
        tokenize([""] * len(texts), texts)
    )
    found = bag(vocabulary, "Президент США Дональд Трамп прибыл")
    assert any("дональд трамп" in term for term in found)
    assert not any(term.endswith("дональд") for term in found)


def test_evenly_spread_words_are_left_out() -> None:
    generator = np.random.default_rng(0)
    themes = [["лыжи", "трасса", "склон"], ["нефть", "баррель", "танкер"], ["хлеб", "мука", "пекарня"]]
    texts = []
    for i in range(600):
        theme = list(generator.choice(themes[i % 3], 2, replace=False)) * 3
        texts.append(
            " ".join([*theme, *(["собеседник"] if i % 4 == 0 else []), *(["вечер"] if i % 5 == 0 else [])])
        )
    vocabulary = Vocabulary(VocabularySettings(max_df=0.5, phrases=False)).fit(tokenize([""] * 600, texts))
    assert {"лыжа", "нефть", "хлеб"} <= set(vocabulary.terms)
    assert not {"собеседник", "вечер"} & set(vocabulary.terms)


@pytest.mark.parametrize(("n", "least"), [(1, 2), (100, 2), (10_000, 6), (1_000_000, 62)])
def test_min_df_grows_with_the_archive(n: int, least: int) -> None:
    assert least_articles(n) == least


@given(st.integers(0, 10**7))
def test_limits_are_monotonic_and_consistent(n: int) -> None:
    assert 0.2 < largest_share(n) <= 0.7
    assert least_articles(n + 1000) >= least_articles(n)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 249), min_size=1, max_size=8))
def test_bags_do_not_depend_on_the_batch(rows: list[int]) -> None:
    vocabulary = Vocabulary().fit(tokens())
    whole = vocabulary.transform(tokens())
    part = vocabulary.transform(take(tokens(), np.array(rows)))
    assert (part != whole[rows]).nnz == 0


def test_occurrences_are_at_their_tokens(learned: Vocabulary) -> None:
    batch = tokens()
    found = learned.occurrences(batch)
    for column, start, length in list(zip(found.columns, found.starts, found.lengths, strict=True))[:500]:
        lemmas = [batch.lemmas[i] for i in batch.ids[start : start + length]]
        assert " ".join(lemmas) == learned.terms[column]


def test_a_loaded_vocabulary_gives_the_same_bags(learned: Vocabulary, tmp_path: Path) -> None:
    learned.save(tmp_path)
    again = Vocabulary(learned.settings).load(tmp_path)
    assert again.terms == learned.terms
    assert (again.transform(tokens()) != learned.transform(tokens())).nnz == 0


def test_transform_before_fit_is_an_error() -> None:
    with pytest.raises(NotFittedError, match="before fit"):
        Vocabulary().transform(tokens())


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("topic_phrases.npy", np.array([[0, 10**6]], np.int32)),  # no such word
        ("topic_phrases.npy", np.array([[-1, 0]], np.int32)),
        ("topic_phrases.npy", np.zeros((1, 3), np.int32)),
        ("topic_terms.npy", np.array([5, 3], np.int32)),  # not ascending
        ("topic_terms.npy", np.array([-4, 3], np.int32)),
        ("topic_terms.npy", np.array([0, 10**6], np.int32)),
        ("topic_terms.npy", np.array([0.0, 1.0])),
    ],
)
def test_hostile_arrays_are_refused(
    learned: Vocabulary, tmp_path: Path, name: str, array: np.ndarray
) -> None:
    learned.save(tmp_path)
    persistence.write_array(tmp_path / name, array)
    with pytest.raises(ModelError, match="restore the version"):
        Vocabulary().load(tmp_path)


def test_a_phrase_cannot_contain_itself(learned: Vocabulary, tmp_path: Path) -> None:
    learned.save(tmp_path)
    size = len((tmp_path / "topic_words.txt").read_text(encoding="utf-8").splitlines())
    persistence.write_array(tmp_path / "topic_phrases.npy", np.array([[size, 0]], np.int32))
    with pytest.raises(ModelError, match="do not fit together"):
        Vocabulary().load(tmp_path)
