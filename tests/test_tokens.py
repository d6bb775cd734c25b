"""Tokenizing: tables of sentences, and properties of any text."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.corpus import embedded
from topics.text import lexicon
from topics.text import tokens as room
from topics.text.lemmas import HOMONYMS, lemmas
from topics.text.lexicon import forget
from topics.text.tokens import Numbering, compact, concatenate, spans, take, tokenize
from topics.types import TokenBatch

Words = list[tuple[list[str], list[str]]]


def words(batch: TokenBatch) -> Words:
    """Return the lemmas of title and body of each article."""
    named = [batch.lemmas[i] for i in batch.ids]
    return [
        (named[start:body], named[body:stop])
        for start, body, stop in zip(batch.offsets, batch.bodies, batch.offsets[1:], strict=False)
    ]


def read(text: str) -> str:
    [(title, body)] = words(tokenize([""], [text]))
    assert title == []
    return " ".join(body)


SENTENCES = {
    "Завод увеличил выпуск проката.": "завод увеличить выпуск прокат",
    "Цены на бензин выросли на 3%": "цена на бензин вырасти на <percent>",
    "Ставка — 7,5%, а не 8,25%": "ставка <number> <percent> не <number> <percent>",
    "В 2025 году выручка — 10 млн руб.": "<year> год выручка <number> миллион рубль",
    "за $100 или 90 €": "за <money> или <number> <money>",
    "ЦБ РФ и ИИ": "цб рф ии",
    "«Ёлка» стоит дёшево": "елка стоить дешево",
    "ГОКа,ГОКом;МИДу": "гок гок мид",
    "руб./кг": "рубль кг",
    "завод\u2011гигант и завод\u2010спутник": "завод гигант завод спутник",
    "слово–слово—слово": "слово слово слово",
    "газо- и нефтепровод": "газо нефтепровод",
    "Силуанов и\tНабиуллина\n\nвстретились": "силуанов набиуллин встретиться",
    "завод🏭банк": "завод банк",
    "snake_case и e-mail": "snake case mail",
    "": "",
    " … — !": "",
    "\x00": "",
    "завод\x00банк": "завод банк",
    "\ud83d завод \ude00": "завод",
    # homonyms, resolved by their neighbours
    "Производство стали выросло": "производство сталь вырасти",
    "Экспорт стали из России": "экспорт сталь из россия",
    "тонн стали": "тонна сталь",
    "решения судов, ремонт судов": "решение суд ремонт судно",
    "Национальный домен .рф": "национальный домен рф",
    "Ремонт доменной печи и пуск домен": "ремонт доменный печь пуск домна",
    "ситуация в секторе Газа": "ситуация сектор газа",
    "экспорт газа": "экспорт газ",
    "марка стали": "марка сталь",
    "стали марки 09Г2С": "сталь марка 09г2с",
    "лист оцинкованной стали": "лист оцинковать сталь",
    "Жители стали чаще ездить на море": "житель стать частый ездить на море",
    "Стали известны имена": "стать известный имя",
    "стали": "стать",
    "Экипаж суда спасён": "экипаж судно спасти",
    "Рыболовные суда вышли в море": "рыболовный судно выйти море",
    "Решение суда": "решение суд",
    "стеклянные банки": "стеклянный банка",
    "Российские банки": "российский банк",
    "Стали стали, стали?": "стать стать стать",
}


@pytest.mark.parametrize(("text", "expected"), SENTENCES.items())
def test_sentences_are_lemmatized(text, expected):
    assert read(text) == expected


def test_the_title_is_separate_and_before_the_body():
    batch = tokenize(["Рост цен", "", "Мост"], ["Бензин дорожает", "Снег", ""])
    assert words(batch) == [(["рост", "цена"], ["бензин", "дорожать"]), ([], ["снег"]), (["мост"], [])]
    assert len(batch) == 3


def test_homonyms_are_resolved_within_a_part():
    batch = tokenize(["Производство", "Снег"], ["стали", "производство"])
    assert words(batch)[0] == (["производство"], ["стать"])
    batch = tokenize(["", "Стали"], ["Производство", ""])
    assert words(batch)[1] == (["стать"], [])


def test_no_articles_give_an_empty_batch():
    batch = tokenize([], [])
    assert len(batch) == 0
    assert words(batch) == words(concatenate([])) == words(concatenate([batch, batch])) == []


def test_a_batch_has_the_documented_types():
    batch = tokenize(["Рост", ""], ["цен цен", ""])
    assert (batch.ids.dtype, batch.offsets.dtype, batch.bodies.dtype) == (np.int32, np.int64, np.int64)
    assert batch.offsets.tolist() == [0, 3, 3]
    assert batch.bodies.tolist() == [1, 3]
    assert len(set(batch.lemmas)) == len(batch.lemmas)


# Properties

TRICKY = [
    *"абЁё-%₽$_1₂½ \n\t\x00\x1c\x85\u00a0\u2009\u200b\u0301\u2010\u2011\ud800\udc00😀𝔘🏭İßŉǅﬁة中",
    *("стали ", "суда ", "банки ", "производство ", "экипаж ", " ", "ГОКа ", "самолёт-разведчик ", "\r\n"),
]
TEXT = st.text(st.characters() | st.characters(categories=("Cs",))) | st.lists(st.sampled_from(TRICKY)).map(
    "".join
)
ARTICLES = st.lists(st.tuples(TEXT, TEXT), max_size=5)


def tokenized(articles: list[tuple[str, str]]) -> TokenBatch:
    return tokenize([title for title, _ in articles], [text for _, text in articles])


@given(ARTICLES)
def test_tokens_of_an_article_do_not_depend_on_its_neighbours(articles):
    assert words(tokenized(articles)) == [words(tokenized([article]))[0] for article in articles]


@given(ARTICLES)
def test_the_chunk_size_does_not_change_tokens(articles):
    whole = words(tokenized(articles))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_CHUNK", 5)
        assert words(tokenized(articles)) == whole


def test_a_long_batch_gives_the_same_tokens():
    texts = [f"Производство стали № {n} выросло на {n}%." * 100 for n in range(20)]
    assert sum(map(len, texts)) > room._CHUNK
    assert words(tokenize([""] * 20, texts)) == [words(tokenize([""], [text]))[0] for text in texts]


@given(ARTICLES)
def test_a_batch_is_consistent(articles):
    batch = tokenized(articles)
    assert len(batch) == len(articles)
    bounds = np.stack([batch.offsets[:-1], batch.bodies, batch.offsets[1:]], axis=1).ravel()
    assert bounds.tolist() == sorted(bounds.tolist())
    assert (batch.offsets[0], batch.offsets[-1]) == (0, len(batch.ids))
    assert set(batch.ids.tolist()) <= set(range(len(batch.lemmas)))
    assert not {
        lemma for lemma in np.array([*batch.lemmas, ""])[batch.ids] if "ё" in lemma or lemma.endswith("?")
    }


@given(TEXT)
def test_every_span_is_the_word_of_its_token(text):
    [(_, body)] = words(tokenize([""], [text]))
    found = spans(text).tolist()
    assert len(found) == len(body)
    assert found == sorted(found)
    for (start, stop), lemma in zip(found, body, strict=True):
        form = text[start:stop].replace("\u2010", "-").replace("\u2011", "-")
        settled = {reading for each in lemmas(form) for reading in readings(each)}
        assert lemma in settled


def readings(lemma: str) -> set[str]:
    homonym = HOMONYMS.get(lemma)
    return {homonym.first, homonym.second} if homonym else {lemma}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Рост ГОКа", ["Рост", "ГОКа"]),
        ("😀 завод", ["завод"]),
        ("𝔘завод", ["завод"]),
        ("с экс-министром", ["экс-министром", "экс-министром"]),
        ("самолёт\u2011разведчик!", ["самолёт\u2011разведчик"] * 2),
        ("за\x00вод", ["за", "вод"]),
        ("\ud800завод\udc00", ["завод"]),
        ("\ud83d\ude00 завод", ["завод"]),
        ("🏭 завод 🏭🏭 цех", ["завод", "цех"]),
        ("«5,5%»", ["5", "5%"]),
    ],
)
def test_spans_of_words(text, expected):
    assert [text[start:stop] for start, stop in spans(text).tolist()] == expected


@given(st.lists(ARTICLES, max_size=4))
def test_concatenated_batches_equal_one_batch(parts):
    joined = concatenate([tokenized(part) for part in parts])
    assert words(joined) == words(tokenized([article for part in parts for article in part]))
    assert joined.ids.dtype == np.int32


@given(ARTICLES, st.lists(st.integers(0, 4)))
def test_take_selects_and_orders_articles(articles, rows):
    rows = [row for row in rows if row < len(articles)]
    batch = tokenized(articles)
    taken = take(batch, np.array(rows, np.int64))
    assert words(taken) == [words(batch)[row] for row in rows]


def test_a_full_lexicon_is_replaced_without_changing_batches(monkeypatch):
    texts = [f"слово{n} завод самолёт-{n % 7}" for n in range(200)]
    before = tokenize([""] * 200, texts)
    kept = words(before)
    monkeypatch.setattr(lexicon, "_FORMS", 50)
    monkeypatch.setattr(lexicon, "_KEPT", 25)
    after = tokenize([""] * 200, texts)
    assert words(after) == kept == words(before)
    assert after.lemmas is not before.lemmas
    assert len(tokenize([""], ["завод"]).lemmas) < 50


def test_a_renewed_lexicon_keeps_repeated_words(monkeypatch):
    forget()
    for text in ("завод и самолёт-разведчик", "заводы стали", "завод, заводы, стали и сталь", "турист"):
        tokenize([""], [text])
    kept = lexicon.current().renewed()
    assert "завод" in kept.lemmas
    assert {"турист", "самолет", "разведчик"}.isdisjoint(kept.lemmas)
    monkeypatch.setattr(lexicon, "_current", [kept])
    assert words(tokenize([""], ["Туристы видят завод: производство стали и самолёт-разведчик"])) == [
        ([], ["турист", "видеть", "завод", "производство", "сталь", "самолет", "разведчик"])
    ]


def test_a_numbering_follows_a_growing_or_replaced_lexicon():
    number = Numbering(["завод", "турист"])
    assert number(tokenize([""], ["Турист видит завод"])).tolist() == [1, -1, 0]
    assert number(tokenize([""], ["невиданноеслово завода туриста"])).tolist() == [-1, 0, 1]
    forget()
    assert number(tokenize([""], ["туристы и заводы"])).tolist() == [1, 0]


@given(ARTICLES)
def test_a_compact_batch_has_the_same_tokens_and_no_unused_lemma(articles):
    batch = tokenized(articles)
    small = compact(batch)
    assert words(small) == words(batch)
    assert sorted(set(small.ids.tolist())) == list(range(len(small.lemmas)))


def test_threads_get_the_same_tokens():
    lines = [line for path in embedded() for line in path.read_text(encoding="utf-8").splitlines()[:40]]
    alone = [words(tokenize([""], [line])) for line in lines]
    forget()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda line: words(tokenize([""], [line])), lines)) == alone
    named = tokenize([""], ["завод"]).lemmas
    assert len(set(named)) == len(named), "lemmas are unique"
