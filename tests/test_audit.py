"""Wrong labels: found, explained, corrected in a worksheet, used for training."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from newsroom import write
from topics.config import Config
from topics.corpus import Corpus, embedded, load_labels
from topics.labelling.audit import COLUMNS, Suspect, audit, doubt, table
from topics.labelling.worksheets import worksheet
from topics.readers.csv import read

TEXTS = ("reason", "title", "beginning", "outlet", "date")
PLANTED = {
    "tomsk-002": ["tourism"],
    "altai-018": ["tourism"],
    "ural-001": ["tourism"],
    "volga-001": ["industry"],
}


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory):
    """The demonstration corpus with a few obviously wrong labels."""
    rows = []
    for path in embedded():
        rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["rubrics"] = PLANTED.get(row["id"], row["rubrics"])
    return write(tmp_path_factory.mktemp("mislabelled") / "a.jsonl", *rows)


@pytest.fixture(scope="module")
def found(mislabelled):
    return audit(Corpus(mislabelled), Config(), 60)


def test_planted_errors_are_ranked_first(found):
    ids = [suspect.id for suspect in found.suspects]
    assert set(PLANTED) <= set(ids)
    assert len(ids) <= 60
    assert found.examined == 500
    assert found.doubted >= len(ids)
    sure = [suspect.sure for suspect in found.suspects]
    assert sure == sorted(sure, reverse=True)
    assert min(sure) >= 0.5


def test_the_reason_names_rubric_words_and_confidence(found):
    suspect = {suspect.id: suspect for suspect in found.suspects}["volga-001"]
    assert (suspect.now, suspect.proposed) == (("industry",), ("economy",))
    assert "Похоже, пропущена рубрика «economy»: модель уверена на " in suspect.reason
    assert "Похоже, рубрика «industry» лишняя" in suspect.reason
    words = suspect.reason.split("За неё говорят: ")[1].split(".")[0].split(", ")
    text = (suspect.title + " " + suspect.beginning).lower()
    assert any(word in text for word in words)


def test_reasons_can_be_in_english(mislabelled):
    [suspect] = audit(Corpus(mislabelled), Config(), 1, language="en").suspects
    assert "the model is" in suspect.reason
    assert "Похоже" not in suspect.reason


@pytest.mark.parametrize(
    ("truth", "probability", "expected"),
    [(1, 0.9, 0.1), (1, 0.2, 0.8), (0, 0.7, 0.7), (0, 0.1, 0.1), (-1, 0.9, 0)],
)
def test_doubt_is_the_probability_of_the_opposite(truth, probability, expected):
    assert doubt(np.array([[truth]], np.int8), np.array([[probability]]))[0, 0] == pytest.approx(expected)


def test_checked_articles_are_not_audited(mislabelled, tmp_path):
    labels = write(tmp_path / "l.jsonl", *({"id": i, "rubrics": names} for i, names in PLANTED.items()))
    again = audit(Corpus(mislabelled, labels_file=labels), Config(), 500)
    assert again.examined == 500 - len(PLANTED)
    assert not {suspect.id for suspect in again.suspects} & set(PLANTED)


# The worksheet


def as_table(suspects) -> str:
    return worksheet(COLUMNS, table(suspects)).decode()


def suspect(**fields) -> Suspect:
    plain = {"now": (), "proposed": (), "sure": 0.9} | dict.fromkeys(TEXTS, "")
    return Suspect(**{"id": "1", **plain, **fields})


def test_a_filled_in_worksheet_is_read_as_labels(found, tmp_path):
    """In Excel an editor fills in two rows and saves as CP1251."""
    text = as_table(found.suspects)
    assert text.startswith("\ufeffid;rubrics;")
    rows = list(csv.reader(io.StringIO(text[1:]), delimiter=";"))
    rows[1][1], rows[2][1] = "economy+tourism", "none"
    path = tmp_path / "settled.csv"
    with path.open("w", encoding="cp1251", errors="replace", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(rows)
    labels, rejects = load_labels(path)
    assert {name: set(label.rubrics) for name, label in labels.items()} == {
        rows[1][0]: {"economy", "tourism"},
        rows[2][0]: set(),
    }
    assert all(label.clean for label in labels.values())
    assert len(rejects) == len(rows) - 3


@pytest.mark.parametrize(
    ("proposed", "cell"),
    [
        ((), "none"),
        (("economy", "tourism"), "economy+tourism"),
        (("Дом; сад", "economy"), '["Дом; сад","economy"]'),
        (("Кино 18+", "спорт"), "Кино 18++спорт"),
    ],
)
def test_proposed_rubrics_can_be_copied_into_the_rubrics_column(proposed, cell, tmp_path):
    rows = list(csv.reader(io.StringIO(as_table([suspect(proposed=proposed)])[1:]), delimiter=";"))
    assert rows[1][rows[0].index("proposed")] == cell
    rows[1][1] = cell
    with (tmp_path / "лист.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(rows)
    assert load_labels(tmp_path / "лист.csv")[0]["1"].rubrics == set(proposed)


def test_an_empty_worksheet_has_no_labels(found, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(as_table(found.suspects), encoding="utf-8")
    assert load_labels(path)[0] == {}


@pytest.mark.parametrize("title", ["=HYPERLINK(1)", "+7 800", "-5 градусов", "@all", "\tТаб"])
def test_text_that_looks_like_a_formula_is_escaped(title):
    rows = list(csv.DictReader(io.StringIO(as_table([suspect(title=title)])[1:]), delimiter=";"))
    assert rows[0]["title"] == "'" + title


@pytest.mark.parametrize("title", ['Кавычки "так"; и точка с запятой', "Две\nстроки", "Снег", ""])
def test_any_title_survives_the_worksheet(title):
    content = as_table([suspect(title=title, now=("b", "a"))]).encode()
    [row] = list(read(io.BytesIO(content), "t", 10_000))
    assert row.values["title"] == title
    assert tuple(row.values) == ("id", "rubrics", *COLUMNS)


def test_a_lone_carriage_return_in_a_title_does_not_split_the_row():
    content = worksheet(COLUMNS, table([suspect(title="Рост\rцен")]))
    [row] = list(read(io.BytesIO(content), "t", 10_000))
    assert row.values["title"] == "Рост цен"


def test_the_command_writes_the_table_or_json(topics, mislabelled, tmp_path):
    ran = topics("audit", mislabelled, "-n", 3, "-o", tmp_path / "d.csv", "--workers", 1)
    assert (ran.code, ran.out) == (0, "")
    assert "500 labelled articles examined" in ran.err
    assert f"3 of them listed in {tmp_path / 'd.csv'}" in ran.err
    assert len((tmp_path / "d.csv").read_text(encoding="utf-8").splitlines()) >= 4
    ran = topics("audit", mislabelled, "-n", 2, "--json", "--lang", "en", "--workers", 1)
    first, second = map(json.loads, ran.out.splitlines())
    assert first["sure"] >= second["sure"]
    assert first["proposed"] != first["now"]
    assert "too few articles" not in ran.err


def test_the_command_reads_standard_input(topics, mislabelled):
    named = topics("audit", mislabelled, "-n", 3, "--json", "--workers", 1)
    piped = topics("audit", "-", "-n", 3, "--json", "--workers", 1, stdin=mislabelled.read_bytes())
    assert (piped.code, piped.out) == (0, named.out)


def test_an_audit_of_few_articles_warns(topics):
    """The hundred articles of one outlet are labelled well, but a model trained on so few doubts a third."""
    ran = topics("audit", embedded()[0], "-n", 1, "--workers", 1)
    assert "suggest a weak model rather than wrong labels" in ran.err


def test_too_few_labels_are_an_error(topics, tmp_path):
    path = write(tmp_path / "a.jsonl", {"text": "Снег", "rubrics": ["x"]})
    ran = topics("audit", path)
    assert ran.code == 3
    assert "no rubric has 10 articles" in ran.err
