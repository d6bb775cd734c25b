"""Reading a corpus for training: the result does not depend on the number of processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from archives import mixed
from newsroom import BANK, HOTEL, STEEL, write
from topics.config import Config
from topics.corpus import Corpus, shards
from topics.corpus.material import Material
from topics.pipeline import read
from topics.text.cleaning import Cleaner
from topics.training import gathering as room
from topics.training.gathering import gather, sample
from topics.training.preparation import prepare


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = mixed(tmp_path_factory.mktemp("архив") / "вход")
    labelled = [
        {
            "id": f"м{n}",
            "text": f"{text} {n}",
            "rubrics": rubrics,
            "outlet": "Вестник",
            "date": "2026-03-04T10:00:00",
        }
        for n, (text, rubrics) in enumerate([(STEEL, ["industry"]), (BANK, []), (HOTEL, None)] * 9)
    ]
    write(folder / "я.jsonl", *labelled)
    return folder


@pytest.fixture
def gathered(source, tmp_path, monkeypatch):
    """Gather with a shard size, and a file of two labels."""
    labels = write(
        tmp_path / "метки.jsonl", {"id": "м1", "rubrics": ["tourism"]}, {"id": "нет", "rubrics": []}
    )

    def run(jobs: int, size: int) -> tuple[Material, Corpus]:
        monkeypatch.setattr(room, "plan", lambda sources: shards.plan(sources, size))
        corpus = Corpus(source, labels_file=labels)
        return gather(corpus, Cleaner(), jobs, lambda stage, done: None), corpus

    return run


def words(material: Material) -> list[list[str]]:
    tokens = material.tokens
    pairs = zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
    return [[tokens.lemmas[i] for i in tokens.ids[start:stop]] for start, stop in pairs]


def test_two_processes_gather_the_same_as_one(tmp_path):
    rows = [
        {"text": f"{text} {n}", "outlet": "Вестник"} for n in range(2_100) for text in (STEEL, BANK, HOTEL)
    ]
    corpus = Corpus(write(tmp_path / "а.jsonl", *rows))
    alone, shared = (gather(corpus, Cleaner(), jobs, lambda stage, done: None) for jobs in (1, 2))
    assert len(shared.labels) == 6_300 > room._WORTH_PROCESSES * 2_000
    assert words(shared) == words(alone)
    assert (shared.facts, shared.origins) == (alone.facts, alone.origins)


def test_two_processes_learn_the_same_boilerplate_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "_WORTH_PROCESSES", 1)
    tail = "Вестник: звоните в редакцию"
    rows = [
        {"text": f"Завод номер {n} увеличил выпуск проката на треть.\n{tail}", "outlet": "Вестник"}
        for n in range(20)
    ]
    corpus = Corpus(write(tmp_path / "а.jsonl", *rows))
    alone, shared = (prepare(corpus, Config(), jobs).cleaner.boilerplate for jobs in (1, 2))
    assert shared == alone
    assert tail in shared.outlets["Вестник"]


def test_shards_and_processes_do_not_change_the_material(gathered):
    alone, corpus = gathered(1, 1 << 30)
    assert corpus.unmatched_labels == ("нет",)
    for size in (4_000, 20_000):
        shared, corpus = gathered(2, size)
        assert corpus.unmatched_labels == ("нет",)
        assert words(shared) == words(alone)
        assert (shared.labels, shared.origins, shared.facts) == (alone.labels, alone.origins, alone.facts)
        assert sorted(map(str, shared.rejects)) == sorted(map(str, alone.rejects))
        assert np.array_equal(shared.tokens.bodies, alone.tokens.bodies)
        for one, other in zip(shared.words, alone.words, strict=True):
            assert np.array_equal(one, other)


def test_gathered_material_matches_the_corpus(gathered):
    material, corpus = gathered(1, 4_000)
    batches = list(corpus.batches())
    articles = [article for batch in batches for article in batch.articles]
    assert material.labels == [article.labels for article in articles]
    tokens = read(Cleaner(), articles)
    assert [len(found) for found in words(material)] == np.diff(tokens.offsets).tolist()
    assert material.facts.rejects == sum(len(batch.rejects) for batch in batches)
    assert material.facts.clean == 1
    assert ("Вестник", "2026-03-04") in material.origins


@pytest.mark.parametrize("change", [{"title": "Иначе"}, {"rubrics": []}, {"id": "другой"}])
def test_the_fingerprint_depends_on_the_content(tmp_path, change):
    row = {"id": "1", "title": "Снег", "text": BANK, "rubrics": ["economy"]}
    first, second = write(tmp_path / "а.jsonl", row), write(tmp_path / "б.jsonl", row | change)
    prints = [
        gather(Corpus(path), Cleaner(), 1, lambda *_: None).facts.fingerprint
        for path in (first, first, second)
    ]
    assert prints[0] == prints[1] != prints[2]


def test_a_corpus_without_articles_gives_no_tokens(tmp_path):
    material = gather(Corpus(write(tmp_path / "а.jsonl", "{")), Cleaner(), 2, lambda *_: None)
    assert (len(material.tokens), len(material.labels), len(material.rejects)) == (0, 0, 1)


def test_a_sample_prefers_clean_then_labelled_articles(gathered):
    material, _ = gathered(1, 1 << 30)
    labelled = [label for label in material.labels if label]
    few = sample(material, 5)
    assert len(few.labels) == len(few.tokens) == 5
    assert sum(label.clean for label in few.labels if label) == 1
    assert None not in few.labels
    more = sample(material, len(labelled) + 3)
    assert sum(label is not None for label in more.labels) == len(labelled)
    assert sample(material, 0) is sample(material, 10**6) is material


def test_a_sample_keeps_the_places_of_its_articles(gathered):
    material, corpus = gathered(1, 1 << 30)
    few = sample(material, 7)
    articles = corpus.pick(few.places.tolist())
    assert [articles[place].labels for place in few.places.tolist()] == few.labels
    assert words(few) == [words(material)[place] for place in few.places.tolist()]


def test_train_reads_standard_input(topics, tmp_path):
    rows = [
        {"id": str(n), "text": f"{text} №{n}", "rubrics": rubrics}
        for n, (text, rubrics) in enumerate([(STEEL, ["industry"]), (BANK, ["economy"]), (HOTEL, [])] * 20)
    ]
    stdin = "".join(json.dumps(row) + "\n" for row in rows).encode()
    ran = topics("train", "-", "--models", tmp_path / "models", "--only", "rubrics", stdin=stdin)
    assert (ran.code, "60 articles" in ran.err) == (0, True), ran.err
