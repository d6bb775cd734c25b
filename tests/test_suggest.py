"""Suggesting articles to label: uncertain, rare, diverse, and not labelled yet."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom import write
from topics.config import Config
from topics.corpus import Corpus, embedded, load_labels
from topics.errors import DataError
from topics.labelling.suggestions import choose, doubt, latent, suggest
from topics.terminal.data import show_labelled
from topics.text.tokens import tokenize

ROWS = [json.loads(line) for path in embedded() for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """The demonstration articles without their labels."""
    bare = [{key: value for key, value in row.items() if key != "rubrics"} for row in ROWS]
    return write(tmp_path_factory.mktemp("pool") / "pool.jsonl", *bare)


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """Sixty labels, three of them tourism."""
    tourism = [row for row in ROWS if "tourism" in row["rubrics"]][:3]
    others = [row for row in ROWS if "tourism" not in row["rubrics"]][:57]
    rows = ({"id": row["id"], "rubrics": row["rubrics"]} for row in (*tourism, *others))
    return write(tmp_path_factory.mktemp("labels") / "labels.jsonl", *rows)


# Choice


def test_doubt_is_greatest_at_the_threshold():
    truth = np.full((40, 2), -1, np.int8)
    truth[:20] = [1, 0]
    truth[10:20, 0] = 0  # half of the labels, so half of the articles are above the threshold
    truth[:5, 1] = 1  # a quarter of the labels
    probabilities = np.array([[0.9, 0.8], [0.75, 0.2], [0.5, 0.05], [0.25, 0.02], [0.1, 0.01]])
    found = doubt(probabilities, truth)
    assert found[:, 0] == pytest.approx([1 / 9, 1 / 3, 1, 1 / 3, 1 / 9])  # by odds
    assert found[1, 1] == 1
    assert 0 < found[4, 1] < found[3, 1] < found[2, 1] < 0.3


def test_a_rare_rubric_has_doubts_in_spite_of_low_probabilities():
    truth = np.full((100, 2), -1, np.int8)
    truth[:60] = 0
    truth[:30, 0], truth[:3, 1] = 1, 1
    probabilities = np.stack([np.linspace(0, 1, 100), np.linspace(0.02, 0.06, 100)], axis=1)
    assert doubt(probabilities, truth)[:, 1].max() > 0.95


NOTHING = np.empty(0, int)


def places(*angles: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], np.float32)


@pytest.mark.parametrize(
    ("doubts", "angles", "known", "expected"),
    [
        ([0.1, 0.9, 0.5], [0, 2, 4], [], [1, 2, 0]),
        ([0.9, 0.9, 0.8], [0, 0, 1.5], [], [0, 2, 1]),  # the duplicate of the first comes last
        ([0.9, 0.8, 0.9], [0, 1.5, 0], [2], [1, 0]),  # so does the duplicate of a labelled one
    ],
)
def test_uncertain_articles_come_first_and_duplicates_last(doubts, angles, known, expected):
    rows = np.setdiff1d(np.arange(len(doubts)), known)
    found, _ = choose(
        np.array(doubts)[:, None], np.ones(1, int), places(*angles), np.array(known, int), rows, 9
    )
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("examples", "expected"),
    [
        ([1, 1], [0, 1, 0, 1, 0, 1]),  # in turn
        ([3, 1], [1, 1, 0, 1, 0, 1]),  # the rare one until it is equal
        ([100, 1], [1, 1, 1, 1, 1, 1]),
        ([0, 0], [0, 1, 0, 1, 0, 1]),
    ],
)
def test_suggestions_alternate_between_rubrics_by_rarity(examples, expected):
    """All articles are equally uncertain and have no similarity."""
    found = choose(np.ones((6, 2)), np.array(examples), np.eye(6, dtype=np.float32), NOTHING, np.arange(6), 6)
    assert found[1].tolist() == expected


@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), st.integers(0, 5))
def test_the_choice_has_distinct_candidates(size, n, blind, seed):
    generator = np.random.default_rng(seed)
    known = generator.permutation(size)[: size // 3]
    candidates = np.setdiff1d(np.arange(size), known)
    doubts = np.zeros((size, 0)) if blind else generator.random((size, 2))
    examples = generator.integers(0, 9, doubts.shape[1])
    found, rubrics = choose(doubts, examples, places(*generator.random(size)), known, candidates, n)
    assert len(found) == len(rubrics) == len(set(found.tolist())) == min(n, len(candidates))
    assert set(found.tolist()) <= set(candidates.tolist())
    assert set(rubrics.tolist()) <= ({-1} if blind else {0, 1})


def test_articles_of_one_subject_are_near_in_latent_space():
    """The nearest neighbour of an article has its rubric far more often than by chance."""
    rows = [row for row in ROWS if len(row["rubrics"]) == 1]
    found = latent(tokenize([row["title"] for row in rows], [row["text"] for row in rows]))
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    alike = found @ found.T
    np.fill_diagonal(alike, -1)
    shared = [rows[i]["rubrics"] == rows[j]["rubrics"] for i, j in enumerate(alike.argmax(axis=1))]
    assert np.mean(shared) > 0.7


# The command


def test_labelled_articles_and_reprints_are_not_suggested(tmp_path, pool, labels):
    rows = [json.loads(line) for line in pool.read_text(encoding="utf-8").splitlines()]
    reprints = [row | {"id": f"{row['id']}-reprint"} for row in rows]
    both = write(tmp_path / "both.jsonl", *rows, *reprints)
    found = suggest(Corpus(both, labels_file=labels), Config(), 1000)
    ids = [row.id for row in found.chosen]
    assert not set(ids) & set(load_labels(labels)[0])
    assert len({name.removesuffix("-reprint") for name in ids}) == len(ids) == 440
    assert found.labelled == 60
    assert found.positives["tourism"] == 3


def test_a_rare_rubric_is_suggested_beyond_its_share(pool, labels):
    found = suggest(Corpus(pool, labels_file=labels), Config(), 40)
    counts = Counter(row.reason.split("«")[1].split("»")[0] for row in found.chosen)
    assert found.positives["tourism"] < min(found.positives["economy"], found.positives["industry"])
    share_of_labels = found.positives["tourism"] / found.labelled
    assert counts["tourism"] / 40 > 3 * share_of_labels
    assert all("Модель сомневается в рубрике «" in row.reason for row in found.chosen)


def test_without_labels_articles_are_drawn_at_random(pool):
    found = suggest(Corpus(pool), Config(), 25, language="en")
    assert len(found.chosen) == 25
    assert (found.labelled, found.positives) == (0, {})
    assert {row.reason for row in found.chosen} == {
        "Chosen at random: too few articles are labelled to learn from."
    }
    assert len({row.id.split("-")[0] for row in found.chosen}) > 1


def test_a_fully_labelled_pool_is_an_error():
    with pytest.raises(DataError, match="all 500 articles are labelled"):
        suggest(Corpus(embedded()), Config(), 5)


def test_rubrics_with_the_fewest_examples_are_listed(capsys):
    show_labelled(1_200, {f"рубрика {r}": 30 - r for r in range(12)})
    output = capsys.readouterr().err
    assert output.startswith("1,200 articles labelled so far: рубрика 11 19, рубрика 10 20, ")
    assert output.endswith(", рубрика 2 28, 2 other rubrics with at least as many\n")


def test_the_labelling_loop_of_an_editor(topics, pool, labels, tmp_path):
    """Suggest, fill in, suggest again: filled-in articles count as labelled and are not suggested again."""
    truth = {row["id"]: "+".join(row["rubrics"]) or "none" for row in ROWS}
    first = tmp_path / "first.csv"
    ran = topics("suggest", pool, "-n", 40, "-o", first, "--workers", 1)
    assert (ran.code, ran.out) == (0, "")
    assert "0 articles labelled so far: no rubrics yet" in ran.err
    rows = list(csv.reader(io.StringIO(first.read_text(encoding="utf-8-sig")), delimiter=";"))
    for row in rows[1:]:
        row[1] = truth[row[0]]
    with first.open("w", encoding="cp1251", errors="replace", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(rows)
    ran = topics("suggest", pool, "--labels", first, "-n", 10, "--json", "--workers", 1)
    stream = topics(
        "suggest", "-", "--labels", first, "-n", 10, "--json", "--workers", 1, stdin=pool.read_bytes()
    )
    assert stream.out == ran.out
    again = [json.loads(line)["id"] for line in ran.out.splitlines()]
    assert len(again) == 10
    assert not set(again) & {row[0] for row in rows}
    assert "40 articles labelled so far: economy" in ran.err
    renamed = tmp_path / "архив.csv"
    renamed.write_text(first.read_text("cp1251").replace("id;rubrics", "id;метки", 1), encoding="cp1251")
    arguments = "suggest", pool, "--labels", renamed, "--rubrics-column", "метки"
    assert topics(*arguments, "-n", 10, "--json", "--workers", 1).out == ran.out, (
        "the pool needs no such column"
    )


def test_an_empty_worksheet_counts_as_no_labels(tmp_path):
    pool = write(tmp_path / "архив.jsonl", *ROWS[:60])
    empty = write(tmp_path / "лист.jsonl", *({"id": row["id"], "rubrics": ""} for row in ROWS[:60]))
    found = suggest(Corpus(pool, labels_file=empty), Config(), 5)
    assert (found.labelled, len(found.chosen)) == (0, 5)


def test_suggestions_show_cleaned_text(tmp_path):
    page = {"id": "1", "title": "<b>Пуск</b>", "text": "<p>МОСКВА, 4 дек - РИА Новости. Завод встал.</p>"}
    [row] = suggest(Corpus(write(tmp_path / "архив.jsonl", page)), Config(), 5).chosen
    assert (row.title, row.beginning) == ("Пуск", "Завод встал.")
