"""Labels and words of topics."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from topic_archive import fetch, tokens
from topics.text.tokens import tokenize
from topics.topic_models.labels import choose_form, label_all, relevance, surface_forms
from topics.topic_models.lda import LdaModel, LdaSettings
from topics.topic_models.vocabulary import Occurrences


@pytest.mark.parametrize(
    ("term", "seen", "expected"),
    [
        (
            "редкоземельный металл",
            {"редкоземельных металлов": 7, "редкоземельные металлы": 5, "редкоземельный металл": 1},
            "редкоземельные металлы",
        ),
        (
            "железный дорога",
            {"железной дороги": 9, "железная дорога": 2, "железной дороге": 4},
            "железная дорога",
        ),
        ("экономика", {"экономики": 9, "экономика": 2, "экономике": 3}, "экономика"),
        ("санкция", {"санкций": 9, "санкции": 6, "санкция": 1}, "санкции"),
        ("путин", {"Путин": 9, "Путина": 3}, "Путин"),
        ("путин", {"Путин": 10, "Путина": 40, "Путиным": 10}, "Путин"),
        ("путин", {"Путина": 40, "Путиным": 10}, "Путин"),
        ("собянин", {"Собянин": 5, "Собянина": 30, "Собяниным": 3}, "Собянин"),
        ("захаров", {"Захарова": 40, "Захаровой": 10, "Захаров": 5}, "Захарова"),
        ("набиуллин", {"Набиуллина": 40, "Набиуллиной": 10}, "Набиуллина"),
        ("трамп", {"Трамп": 10, "Трампа": 40}, "Трамп"),
        ("следователь", {"Следователи": 4, "следователи": 1, "следователей": 2}, "следователи"),
        ("вциом", {"ВЦИОМ": 3}, "ВЦИОМ"),
        ("песок", {"Песков": 40, "Пескова": 9, "пески": 1}, "Песков"),
        ("песок", {"песка": 4, "Пески": 3, "пески": 1, "Песков": 1}, "пески"),
        ("covid", {"COVID": 9, "Covid": 2}, "COVID"),
        ("spacex", {"SpaceX": 9}, "SpaceX"),
        ("запустить", {"запустил": 3, "запустили": 5}, "запустить"),
        ("совет директор", {"совета директоров": 4, "совет директоров": 3}, "совет директоров"),
        ("аэропорт", {"аэропорту": 4, "аэропорта": 3}, "аэропорт"),  # no nominative in the archive
        ("грозный", {"Грозном": 4}, "Грозный"),
        ("кибератака", {"кибератаками": 2}, "кибератаками"),
    ],
)
def test_the_form_of_a_term_in_a_label(term: str, seen: dict[str, int], expected: str) -> None:
    assert choose_form(term.split(), Counter(seen)) == expected


@pytest.mark.parametrize(
    ("ranked", "expected"),
    [
        (
            [["железный дорога", "поезд", "вагон", "рельс"]],
            ["железный дорога, поезд, вагон"],
        ),
        ([["курс доллар", "доллар", "рубль", "курс"]], ["курс доллар, рубль"]),
        ([["заболеть", "российский", "вирус", "больница"]], ["вирус, больница, заболеть"]),
        (
            [["суд", "дело", "иск", "штраф"], ["суд", "дело", "иск", "арест"]],
            ["суд, дело, иск", "суд, дело, иск, арест"],
        ),
        ([["суд", "дело"], ["суд", "дело"]], ["суд, дело", "суд, дело (2)"]),
    ],
)
def test_labels_of_ranked_words(ranked: list[list[str]], expected: list[str]) -> None:
    assert label_all([[(term, term) for term in words] for words in ranked]) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["силы противовоздушной обороны (ПВО)"], {"противовоздушной обороны ПВО": 1}),
        (
            ["противовоздушная оборона (ПВО)", "противовоздушная оборона ПВО"],
            {"противовоздушная оборона ПВО": 1},
        ),
    ],
)
def test_punctuation_inside_a_phrase_is_removed(texts: list[str], expected: dict[str, int]) -> None:
    batch = tokenize([""] * len(texts), texts)
    starts = batch.offsets[1:] - 3
    rows = np.arange(len(texts))
    found = Occurrences(np.zeros_like(rows), rows, starts, np.full_like(rows, 3))
    forms = surface_forms(found, batch, lambda some: [("", texts[row]) for row in some], [0])
    assert forms == {0: Counter(expected)}


def test_relevance_prefers_distinctive_words() -> None:
    counts = np.array([[60, 39, 1], [60, 1, 39]], np.float32)
    assert relevance(counts, 1.0).argmax(axis=1).tolist() == [0, 0]
    assert relevance(counts, 0.3).argmax(axis=1).tolist() == [1, 2]


@pytest.fixture(scope="module")
def model() -> LdaModel:
    return LdaModel(LdaSettings(num_topics=5)).fit(tokens(), fetch)


def test_words_are_shown_in_inflected_forms(model: LdaModel) -> None:
    words = {word.words for topic in model.topics for word in topic.words}
    assert {"редкоземельные металлы", "вагоны"} <= {word.lower() for word in words}
    assert "редкоземельный металл" not in words


def test_labels_are_distinct_and_ids_count_from_one(model: LdaModel) -> None:
    assert len({topic.label for topic in model.topics}) == 5
    assert [topic.id for topic in model.topics] == [1, 2, 3, 4, 5]
    assert sum(topic.share for topic in model.topics) == pytest.approx(1, abs=1e-4)
    assert [topic.share for topic in model.topics] == sorted((t.share for t in model.topics), reverse=True)


def test_without_texts_words_are_shown_as_lemmas() -> None:
    words = {
        word.words
        for topic in LdaModel(LdaSettings(num_topics=5)).fit(tokens()).topics
        for word in topic.words
    }
    assert "редкоземельный металл" in words
