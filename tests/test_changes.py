"""Comparing the predictions of two models for one archive."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from newsroom import BANK, HOTEL, STEEL, write
from topics.archive.changes import Changes, Scored, compare, paired, read
from topics.archive.writers import writing
from topics.errors import DataError
from topics.tagger import Tagger
from topics.types import Article, Prediction, Score


def scored(name: str, given: str, *, review: bool = False, **scores: float) -> Scored:
    return Scored(name, frozenset(given.split()), scores, review, "rubrics/старая")


OLD = [
    scored("1", "economy", economy=0.9, tourism=0.1),
    scored("2", "economy tourism", economy=0.8, tourism=0.6, review=True),
    scored("3", "", economy=0.2, tourism=0.3),
    scored("4", "tourism", economy=0.2, tourism=0.9),
]
NEW = [
    scored("1", "economy", economy=0.95, tourism=0.1),
    scored("2", "economy", economy=0.8, tourism=0.4),
    scored("3", "tourism", economy=0.2, tourism=0.7),
    scored("4", "economy", economy=0.6, tourism=0.1),
]


def of(old: Iterable[Scored], new: Iterable[Scored], examples: int = 5) -> Changes:
    return compare(paired(iter(old), iter(new)), examples)


def test_gained_and_lost_articles_are_counted_per_rubric():
    found = of(OLD, NEW)
    assert (found.articles, found.changed, found.old_review, found.new_review) == (4, 3, 1, 0)
    economy, tourism = found.rubrics
    assert (economy.rubric, economy.old, economy.new, economy.gained, economy.lost) == ("economy", 2, 3, 1, 0)
    assert (tourism.rubric, tourism.old, tourism.new, tourism.gained, tourism.lost) == ("tourism", 2, 1, 1, 2)
    assert [(example.id, example.change) for example in tourism.lost_examples] == [("4", 0.8), ("2", 0.2)]
    assert [example.id for example in of(OLD, NEW, 1).rubrics[1].lost_examples] == ["4"]


def test_identical_outputs_have_no_changes():
    found = of(OLD, OLD)
    assert (found.changed, found.only_old, found.only_new) == (0, 0, 0)


def test_a_rubric_that_one_model_does_not_know_counts_as_gained():
    [rubric] = of([scored("1", "")], [scored("1", "наука", наука=0.9)]).rubrics
    assert (rubric.rubric, rubric.old, rubric.new, rubric.gained) == ("наука", 0, 1, 1)


def test_the_order_of_the_rows_does_not_matter():
    shuffled = random.Random(1).sample(NEW, len(NEW))
    assert of(OLD, shuffled) == of(OLD, NEW)


def test_repeated_ids_are_paired_in_order():
    again = [scored("1", "economy", economy=0.9), scored("1", "tourism", tourism=0.9), *OLD[1:]]
    assert of(again, [*again[1:], again[0]]).changed == 2, "repeated ids are paired in order"
    assert of(again, [*again[2:], *again[:2]]).changed == 0
    found = of([*again, *again], [OLD[1], again[0]])
    assert (found.articles, found.only_old, found.only_new) == (2, 8, 0)


def test_pairing_shifted_outputs_takes_little_memory():
    many = [scored(str(n), "economy", economy=0.9) for n in range(20_000)]
    paired_up = paired(iter(many), iter([scored("новая", ""), *many]))
    tracemalloc.start()
    for _ in range(19_990):
        next(paired_up)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000
    again = [scored("1", "economy"), scored("1", "tourism")]
    found = list(paired(iter(again), iter([scored("0", ""), *again])))
    assert [(old.rubrics, new.rubrics) for old, new in found if old and new] == [
        (one.rubrics, one.rubrics) for one in again
    ]


def test_an_error_row_is_skipped(tmp_path):
    with writing(tmp_path / "a.jsonl") as write_rows:
        write_rows([Article("1", "")], [Prediction("1", (), {"economy": 0.1}, False, "m/v")])
    with (tmp_path / "a.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"error":"no text","line":2}\n')
    assert [row.id for row in read(tmp_path / "a.jsonl")] == ["1"]


def test_articles_in_one_output_only_are_counted_separately():
    found = of(OLD[:3], NEW[1:])
    assert (found.articles, found.only_old, found.only_new) == (2, 1, 1)


def test_outputs_without_rubrics_are_refused(tmp_path):
    with writing(tmp_path / "a.jsonl", topics=True) as write_rows:
        write_rows([Article("1", "")], [Prediction("1", (), {}, False, "")])
    with pytest.raises(DataError, match=r"a\.jsonl:1: has topics but no rubrics; only rubrics are compared"):
        list(read(tmp_path / "a.jsonl"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_every_format_of_predict_is_read(tmp_path, name):
    prediction = Prediction(
        "1", (Score("economy", 0.9), Score("туризм", 0.8)), {"economy": 0.9, "туризм": 0.8}, True, "m/v"
    )
    with writing(tmp_path / name, ["title"]) as write_rows:
        write_rows([Article("1", "", kept={"title": "Рост"})], [prediction])
    expected = Scored(
        "1", frozenset({"economy", "туризм"}), {"economy": 0.9, "туризм": 0.8}, True, "m/v", "Рост"
    )
    assert list(read(tmp_path / name)) == [expected]


def test_a_folder_is_read_without_its_rejects(tmp_path):
    for n in range(2):
        with writing(tmp_path / f"part-0000{n}.jsonl") as write_rows:
            write_rows([Article(str(n), "")], [Prediction(str(n), (), {}, False, "m/v")])
    write(tmp_path / "rejects.jsonl", {"source": "a", "line": 1, "reason": "no text"})
    assert [scored.id for scored in read(tmp_path)] == ["0", "1"]


def test_an_unfinished_job_is_refused(tmp_path):
    with writing(tmp_path / "part-00000.jsonl") as write_rows:
        write_rows([Article("1", "")], [Prediction("1", (), {}, False, "m/v")])
    (tmp_path / ".job").mkdir()
    with pytest.raises(DataError, match="its job is unfinished; resume it with the same `predict` command"):
        list(read(tmp_path))


def test_a_file_not_written_by_predict_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"has no parts; is this an output of `predict`"):
        list(read(tmp_path))
    data = write(tmp_path / "a.jsonl", {"id": "1", "text": "слово"})
    with pytest.raises(DataError, match=r"a\.jsonl:1: is not a row written by `predict`"):
        list(read(data))


def test_the_command_compares_outputs_and_versions(topics, models: Path, tagger: Tagger, tmp_path):
    data = write(
        tmp_path / "вход.jsonl",
        *({"id": str(n), "text": text} for n, text in enumerate([STEEL, BANK, HOTEL])),
    )
    for name in ("старое", "новое"):
        assert topics("predict", data, "-o", tmp_path / f"{name}.jsonl", "--models", models).code == 0
    changed = (
        (tmp_path / "новое.jsonl")
        .read_text(encoding="utf-8")
        .replace('"rubrics":["economy"]', '"rubrics":["tourism"]')
    )
    (tmp_path / "новое.jsonl").write_text(changed, encoding="utf-8")
    ran = topics(
        "diff", tmp_path / "старое.jsonl", tmp_path / "новое.jsonl", "-o", tmp_path / "разница.jsonl"
    )
    assert "3 articles, 1 of them changed (33.3%)" in ran.out
    [change] = map(json.loads, (tmp_path / "разница.jsonl").read_text(encoding="utf-8").splitlines())
    assert (change["id"], change["gained"], change["lost"]) == ("1", ["tourism"], ["economy"])
    label = tagger.version.label
    ran = topics("diff", label, label, "--on", data, "--models", models, "--json")
    assert (json.loads(ran.out)["articles"], json.loads(ran.out)["changed"]) == (3, 0)
