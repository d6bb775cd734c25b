"""Word forms stored in a version: they save lemmatizing and change no result."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.archive import scoring
from topics.config import Config
from topics.corpus import Corpus, embedded, embedded_inbox
from topics.errors import ModelError
from topics.pipeline import read
from topics.tagger import Tagger
from topics.text import lexicon, words
from topics.text.cleaning import Cleaner
from topics.text.lemmas import lemmas
from topics.text.lexicon import Met
from topics.text.tokens import _Chunk, compact, tokenize
from topics.text.words import Collector, Exchange, Words, forms, load, recall, save
from topics.training import gathering
from topics.training.job import latest_folder
from topics.training.preparation import prepare
from topics.types import TokenBatch
from topics.versions.registry import Registry

TEXTS = ["Завод увеличил выпуск стали", "Заводы и завод-гигант в Омске", "завод, в Омске 5% стали", ""]


@pytest.fixture
def folder(models: Path) -> Path:
    [found] = (models / "rubrics").glob("2*")
    return found


@pytest.fixture(autouse=True)
def _fresh_process():
    lexicon.forget()
    recall.cache_clear()
    yield
    lexicon.forget()
    recall.cache_clear()


def collected(parts: list[list[str]]) -> Words:
    """Collect the words of batches of texts."""
    collector = Collector()
    for texts in parts:
        met: Met = []
        tokenize([""] * len(texts), texts, met)
        collector.add(forms(met))
    return collector.words(lexicon.current().lemmas)


def hashed(form: str) -> int:
    [number] = _Chunk(f" {form} ").hashes.tolist()
    return number


def as_dict(kept: Words) -> dict[int, str]:
    """Return hash -> lemma; "" for no lemma."""
    named = [*kept.lemmas, ""]
    return {h: named[n] for h, n in zip(kept.hashes.tolist(), kept.numbers.tolist(), strict=True)}


def test_words_with_a_single_lemma_are_collected():
    kept = as_dict(collected([TEXTS[:2], TEXTS[2:]]))
    assert kept[hashed("Омске")] == "омск"
    assert kept[hashed("в")] == ""
    compound, homonym = map(hashed, ("завод-гигант", "стали"))
    assert kept.keys().isdisjoint({compound, homonym, hashed("\x00")})
    assert [kept[hashed(form)] for form in ("Завод", "завод", "Заводы")] == ["завод"] * 3
    assert len(kept) == 9


def test_the_most_frequent_forms_are_kept(monkeypatch):
    monkeypatch.setattr(words, "MAX_FORMS", 2)
    assert as_dict(collected([TEXTS[:2], TEXTS[2:]])) == {hashed("Омске"): "омск", hashed("в"): ""}


@given(st.lists(st.sampled_from(TEXTS), max_size=8), st.lists(st.integers(0, 8), max_size=3))
def test_batches_do_not_change_collected_words(texts, cuts):
    edges = [0, *sorted(cuts), len(texts)]
    parts = [texts[start:stop] for start, stop in pairwise(edges)]
    assert as_dict(collected(parts)) == as_dict(collected([texts]))


def test_words_of_left_out_articles_are_not_collected():
    met: Met = []
    tokenize(["", "", "Омск"], [TEXTS[0], TEXTS[1], ""], met)
    collector = Collector()
    collector.add(forms(met).choose(np.array([0, 2])))
    kept = as_dict(collector.words(lexicon.current().lemmas))
    assert kept.keys().isdisjoint(map(hashed, ("Заводы", "Омске", "в")))
    assert {hashed("Завод"), hashed("Омск")} <= kept.keys()


def test_stored_lemmas_equal_those_of_the_dictionary(folder):
    kept = load(folder)
    assert kept
    spoken = {form for article in articles() for form in f"{article.title} {article.text}".split()}
    by_hash = {hashed(form): form for form in spoken if form.isalpha()}
    known = {by_hash[h]: lemma for h, lemma in as_dict(kept).items() if h in by_hash}
    assert len(known) > 1_000
    assert {form: lemma for form, lemma in known.items() if lemmas(form) != ((lemma,) if lemma else ())} == {}


def test_recalled_words_are_not_lemmatized_again(folder, monkeypatch):
    before = spelled(read(Cleaner(), articles()))
    lexicon.forget()
    recall(folder)
    lemmatized = list[str]()
    monkeypatch.setattr(lexicon, "lemmas", lambda form: lemmatized.append(form) or lemmas(form))
    assert spelled(read(Cleaner(), articles())) == before
    known = as_dict(load(folder))  # type: ignore[arg-type]
    assert lemmatized
    assert known.keys().isdisjoint(map(hashed, lemmatized))


@pytest.mark.parametrize("jobs", [1, 2])
def test_retraining_reuses_words_and_gets_the_same_tokens(models, monkeypatch, jobs):
    """With two processes the calls are not checked, since the patch is in this process only."""
    first = prepare(Corpus(embedded()), Config())
    lexicon.forget()
    lemmatized = list[str]()
    monkeypatch.setattr(lexicon, "lemmas", lambda form: lemmatized.append(form) or lemmas(form))
    monkeypatch.setattr(gathering, "_WORTH_PROCESSES", 1)
    again = prepare(Corpus(embedded()), Config(), jobs, words_from=latest_folder(Registry(models), "rubrics"))
    assert spelled(again.tokens) == spelled(first.tokens)
    assert as_dict(again.words) == as_dict(first.words)
    if jobs == 1:
        assert lemmatized
        assert as_dict(first.words).keys().isdisjoint(map(hashed, lemmatized))


def test_a_damaged_or_missing_version_gives_no_words(models, tmp_path):
    registry = Registry(shutil.copytree(models, tmp_path / "models"))
    assert latest_folder(registry, "topics-of-nobody", "rubrics") == registry.open("rubrics").folder
    assert latest_folder(registry, "topics-of-nobody") is None
    damaged = registry.open("rubrics").folder / "word_lemmas.txt"
    damaged.chmod(0o644)
    damaged.write_text("завод\n", encoding="utf-8")
    assert latest_folder(registry, "rubrics") is None


@pytest.mark.parametrize("change", ["dictionary", "code", "none"])
def test_words_of_another_dictionary_or_code_are_ignored(folder, tmp_path, monkeypatch, change):
    kept = Words(np.array([hashed("Завод")], np.uint64), np.zeros(1, np.int32), ["турист"])
    save(tmp_path, kept)
    if change == "dictionary":
        words._origin.cache_clear()
        monkeypatch.setattr(words, "version", lambda name: "99")
    elif change == "code":
        words._origin.cache_clear()
        monkeypatch.setattr(words, "_CODE", ("lemmas.py",))
    recall(tmp_path)
    words._origin.cache_clear()
    said = spelled(tokenize([""], ["Завод"]))
    assert said == [["турист" if change == "none" else "завод"]]


@pytest.mark.parametrize(
    ("hashes", "numbers", "names"),
    [
        ([5, 4], [0, 0], ["завод"]),
        ([4, 4], [0, 0], ["завод"]),
        ([0, 4], [0, 0], ["завод"]),
        ([4], [0, 0], ["завод"]),
        ([4, 5], [0, 1], ["завод"]),
        ([4, 5], [0, -2], ["завод"]),
        ([4, 5], [0, 0], ["\x00"]),
        ([4, 5], [0, 0], [""]),
    ],
)
def test_invalid_words_are_a_model_error(tmp_path, hashes, numbers, names):
    save(tmp_path, Words(np.array(hashes, np.uint64), np.array(numbers, np.int32), names))
    with pytest.raises(ModelError, match="word_"):
        recall(tmp_path)
    assert len(lexicon.current()) == 0


def test_a_job_with_recalled_words_predicts_the_same(models, tmp_path, monkeypatch):
    tagger, inbox = Tagger.load(models), next(Corpus(embedded_inbox()).batches()).articles
    before = tagger.tag_articles(inbox)
    lexicon.forget()
    monkeypatch.setattr(scoring, "_MIN_ARTICLES_TO_RECALL", 1)
    scoring.recall(tagger, len(inbox))
    assert len(lexicon.current()) > 1_000
    assert tagger.tag_articles(inbox) == before


def articles():
    return [article for batch in Corpus(embedded()).batches() for article in batch.articles]


def spelled(batch: TokenBatch) -> list[list[str]]:
    pairs = zip(batch.offsets[:-1], batch.offsets[1:], strict=True)
    return [[batch.lemmas[i] for i in batch.ids[start:stop]] for start, stop in pairs]


def new_words(first: int, count: int = 600) -> str:
    """Return new words, with a homonym and a compound."""
    return " ".join(f"зюк{n}лёво{n % 7}ский" for n in range(first, first + count)) + " стали экс-зюклеву"


def test_a_process_takes_words_learned_by_another(tmp_path, monkeypatch):
    text = new_words(0)
    giver, taker = Exchange(tmp_path), Exchange(tmp_path)
    giver.take()
    expected = compact(tokenize([""], [text]))
    giver.give("00000")
    lexicon.forget()  # as another process
    taker.take()
    learned: list[str] = []
    monkeypatch.setattr(lexicon, "lemmas", lambda form: learned.append(form) or lemmas(form))
    found = compact(tokenize([""], [text]))
    assert sorted(learned) == ["стали", "экс-зюклеву"]  # only these have no single certain lemma
    assert (found.lemmas, found.ids.tolist()) == (expected.lemmas, expected.ids.tolist())


def test_words_are_shared_in_bulk_and_only_once(tmp_path):
    exchange = Exchange(tmp_path)
    exchange.take()
    tokenize([""], [new_words(10_000, 300)])
    exchange.give("00000")
    assert list(tmp_path.iterdir()) == []
    tokenize([""], [new_words(10_300, 300)])
    exchange.give("00001")
    exchange.give("00002")
    assert [path.stem for path in tmp_path.iterdir()] == ["00001"]


def test_words_of_another_dictionary_are_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(words, "_origin", lambda: "another dictionary")
    exchange = Exchange(tmp_path)
    exchange.take()
    tokenize([""], [new_words(20_000)])
    exchange.give("00000")
    monkeypatch.undo()
    lexicon.forget()
    before = len(lexicon.current())
    Exchange(tmp_path).take()
    assert len(list(tmp_path.iterdir())) == 1
    assert len(lexicon.current()) == before
