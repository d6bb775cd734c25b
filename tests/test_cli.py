"""The command line: results on stdout, messages on stderr, exit codes, errors of one line with a remedy."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pty
import re
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from msgspec.structs import replace

from newsroom import BANK, HOTEL, PROJECT, SOURCE, STEEL, Ran, python, write
from topics import __version__
from topics.cli import cli
from topics.commands.options import NEW_FILE_OR_FOLDER
from topics.corpus import embedded, embedded_inbox
from topics.versions.registry import Registry

Topics = Callable[..., Ran]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    rows = [{"id": f"{n}", "title": "Новость", "text": text} for n, text in enumerate([STEEL, BANK, HOTEL])]
    return write(tmp_path / "вход.jsonl", *rows)


def failed(ran: Ran, code: int, *parts: str) -> None:
    """Check that a command failed with this exit code and one line that contains all parts."""
    lines = ran.err.splitlines()
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert lines[-1].startswith("topics: ")
    assert "Traceback" not in ran.err
    for part in parts:
        assert part in lines[-1]


# Results


def test_train_prints_the_folders_of_its_versions(topics: Topics, tmp_path):
    ran = topics("train", embedded()[0], "--models", tmp_path, "--workers", "1")
    assert ran.code == 0
    registry = Registry(tmp_path)
    assert ran.out.splitlines() == [str(registry.open(name).folder) for name in ("rubrics", "topics")]
    for message in ("100 articles (100 labelled, 0 of them clean), 0 rejected", "economy", "macro-F1"):
        assert message in ran.err


def test_train_rejects_bad_names_and_links_before_it_starts(topics: Topics, tmp_path):
    ran = topics("train", "--name", "темы", "--topics-name", "темы", "--models", tmp_path / "models")
    message = "topics: rubrics and topics cannot both be called 'темы'; change --name or --topics-name\n"
    assert (ran.code, ran.err) == (2, message)
    (tmp_path / "никуда").symlink_to(tmp_path / "нет" / "models")
    (tmp_path / "круг").symlink_to(tmp_path / "круг")
    for link in ("никуда", "круг"):
        ran = topics("train", embedded()[0], "--models", tmp_path / link)
        assert (ran.code, "learning" in ran.err) == (1, False)
        assert ran.err == f"topics: {tmp_path / link}: is a broken link; fix or remove it\n"


def test_train_reports_rejects_and_labels_without_an_article(topics: Topics, tmp_path):
    data = write(tmp_path / "архив.jsonl", *embedded()[0].read_text(encoding="utf-8").splitlines(), "{", "[")
    labels = tmp_path / "метки.csv"
    labels.write_text("id;rubrics\naltai-001;нет\nнет-такой;economy\n", encoding="utf-8")
    where = tmp_path / "models", tmp_path / "плохие.jsonl"
    ran = topics("train", data, "--labels", labels, "--models", where[0], "--rejects", where[1])
    assert ran.code == 0
    assert "2 rejected" in ran.err
    assert "labels without an article: 1, e.g. нет-такой" in ran.err
    assert f"2 rows could not be read; see {where[1]}" in ran.err
    rejects = list(map(json.loads, where[1].read_text(encoding="utf-8").splitlines()))
    assert [reject["line"] for reject in rejects] == [101, 102]


def test_train_warns_of_a_rubric_that_joins_several_names(topics: Topics, tmp_path):
    rows = [json.loads(line) for line in embedded()[0].read_text(encoding="utf-8").splitlines()]
    joined = [{**row, "rubrics": ", ".join(row["rubrics"]) or "нет"} for row in rows]
    data = write(tmp_path / "архив.jsonl", *joined)
    ran = topics("train", data, "--models", tmp_path / "models", "--only", "rubrics")
    assert ran.code == 0, ran.err
    message = "the rubric 'economy, industry' combines 'economy', 'industry'; separate names by ; or give a"
    assert ran.err.count(f"topics: {message}") == 1


def test_train_reports_why_a_rubric_is_left_out(topics: Topics, tmp_path):
    rows = [json.loads(line) for line in embedded()[0].read_text(encoding="utf-8").splitlines()]
    everywhere = [{**row, "rubrics": [*row["rubrics"], "новость"]} for row in rows]
    everywhere[0]["rubrics"].append("редкость")
    everywhere[1]["rubrics"].append("Turism")
    data = write(tmp_path / "архив.jsonl", *everywhere)
    goals = tmp_path / "topics.toml"
    goals.write_text(
        "[rubrics.settings.decisions.goals]\neconomy.recall = 0.9\n'редкость'.precision = 0.9\n", "utf-8"
    )
    ran = topics("train", data, "--models", tmp_path / "models", "--only", "rubrics", "--config", goals)
    assert ran.code == 0, ran.err
    left_out = [line for line in ran.err.splitlines() if line.startswith("left out: ")]
    assert left_out == [
        "left out: Turism, only 1 article has it; did you mean tourism?",
        "left out: новость, 100 articles have it, too few are known not to",
        "left out: редкость, only 1 article has it",
    ]
    goals.write_text("[rubrics.settings.decisions.goals]\nsport.precision = 0.9\n", "utf-8")
    ran = topics("train", data, "--models", tmp_path / "models", "--only", "rubrics", "--config", goals)
    assert ran.code == 2
    assert "goal for unknown rubric 'sport'; known rubrics: 'Turism', 'economy'" in ran.err


def test_brackets_in_names_and_titles_are_not_markup(topics: Topics, tmp_path):
    """As markup, `[/архив]` would be an error and `[old]` would vanish."""
    rows = [json.loads(line) for line in embedded()[0].read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["rubrics"] = ["Туризм [/архив] [old]"] if "tourism" in row["rubrics"] else []
        row["title"] = f"[/b] {row['title']}"
    data, at = write(tmp_path / "a.jsonl", *rows), ("--models", tmp_path / "models")
    for arguments in (
        ("train", data, "--only", "rubrics"),
        ("models",),
        ("show", "rubrics"),
        ("evaluate", "rubrics", data),
        ("compare", "rubrics", "rubrics", data),
        ("monitor", "rubrics", data),
        ("explain", embedded_inbox(), "--rubric", "Туризм [/архив] [old]"),
        ("diff", "rubrics", "rubrics", "--on", data),
        ("predict", data, "--format", "table"),
    ):
        ran = topics(*arguments, *at)
        assert ran.code in (0, 5), ran.err
        assert "[/архив]" in ran.out + ran.err, arguments
        assert "[old]" in ran.out + ran.err, arguments


def test_train_warns_of_unreadable_dates(topics: Topics, tmp_path):
    rows = [json.loads(line) for line in embedded()[0].read_text(encoding="utf-8").splitlines()]
    for n, row in enumerate(rows):
        row["date"] = "32.13.2026" if n < 30 else ("" if n < 40 else row["date"])
    ran = topics(
        *("train", "-", "--models", tmp_path / "models", "--only", "rubrics"),
        stdin=write(tmp_path / "a.jsonl", *rows).read_bytes(),
    )
    message = (
        "topics: dates: 30 of the first 90 could not be read, e.g. «32.13.2026»; write them as 2026-03-05"
    )
    assert message in ran.err.splitlines()


def test_messages_use_the_singular_for_one(topics: Topics, models, tmp_path):
    one = write(tmp_path / "вход.jsonl", {"id": "1", "text": STEEL}, "{")
    ran = topics("predict", one, "-o", tmp_path / "выход.jsonl", "--models", models)
    for message in ("joining the parts, 1 article\n", "\n1 article in ", "topics: 1 row could not be read; "):
        assert message in ran.err


def test_train_reads_standard_input_like_a_file(topics: Topics, tmp_path):
    rows = [json.loads(line) for line in embedded()[0].read_text(encoding="utf-8").splitlines()]
    bare = [{"text": row["text"], "rubrics": row["rubrics"]} for row in rows]
    data = write(tmp_path / "stdin.jsonl", *bare, "{")
    learned = []
    for name, stdin in ((str(data), b""), ("-", data.read_bytes()), ("-", gzip.compress(data.read_bytes()))):
        ran = topics("train", name, "--models", tmp_path / f"{len(learned)}", stdin=stdin)
        assert ran.code == 0, ran.err
        learned.append(Registry(tmp_path / f"{len(learned)}").open("rubrics").manifest)
    for name in ("coefficients.npy", "classifier.json", "lemmas.txt", "boilerplate.json"):
        assert len({manifest.files[name].sha256 for manifest in learned}) == 1
    assert replace(learned[1].corpus, files=()) == replace(learned[2].corpus, files=())
    [noted] = learned[1].corpus.files
    assert noted.sha256 == learned[0].corpus.files[0].sha256, "evaluate recognizes the file"
    assert learned[1].corpus.sources == ("stdin",)
    assert "topics: stdin:101: not valid JSON" in ran.err


def test_options_override_columns_of_the_configuration(topics: Topics, tmp_path):
    rows = [json.loads(line) for line in embedded()[0].read_text(encoding="utf-8").splitlines()]
    data = write(
        tmp_path / "a.jsonl", *({"nid": r["id"], "body": r["text"], "tags": r["rubrics"]} for r in rows)
    )
    config = tmp_path / "настройки.toml"
    config.write_text(
        '[columns]\nid = "nid"\ntext = "нет такой"\nrubrics = "tags"\n[rubrics]\nnames = ["tourism"]\n',
        encoding="utf-8",
    )
    options = ["--config", config, "--text-column", "body", "--models", tmp_path, "--name", "туры"]
    assert topics("train", data, *options).code == 0
    assert Registry(tmp_path).open("туры").manifest.rubrics == ("tourism",)


def test_other_training_settings_than_the_version_has_are_reported(topics: Topics, models, inbox, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text('[rules.economy]\nforce = ["паводок"]\n[topics]\nmodel = "lda"\n', encoding="utf-8")
    commands = (
        ["predict", inbox],
        ["predict", inbox, "-o", tmp_path / "scored.jsonl"],
        ["predict", "-"],
        ["diff", "rubrics", "rubrics@latest", "--on", inbox],
        ["evaluate", "rubrics", embedded()[0]],
        ["compare", "rubrics", "rubrics@latest", embedded()[0]],
        ["monitor", "rubrics", embedded()[0]],
        ["promote", "rubrics@latest", "--alias", "latest"],
    )
    for command in commands:
        ran = topics(*command, "--config", config, "--models", models)
        assert ran.code == (5 if command[0] == "monitor" else 0), ran.err
        assert ran.err.count("c.toml: ignored 'rules.economy.force': only [columns] is read here") == 1
        assert "train again" in ran.err
        assert ran.err.count("ignored") == 1


def test_settings_equal_to_those_of_training_are_not_reported(topics: Topics, inbox, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(
        '[rules.economy]\nforce = ["паводок"]\nlift = { "банк" = 1 }\n[rubrics]\nmin_positives = 5\n',
        encoding="utf-8",
    )
    options = ["--config", config, "--models", tmp_path]
    assert topics("train", embedded()[0], "--only", "rubrics", *options).code == 0
    ran = topics("predict", inbox, *options)
    assert ran.code == 0
    assert "ignored" not in ran.err
    config.write_text(config.read_text(encoding="utf-8").replace("= 1 }", "= 2 }"), encoding="utf-8")
    assert "ignored 'rules.economy.lift.банк'" in topics("predict", inbox, *options).err


def test_predict_prints_json_lines_with_unescaped_cyrillic(topics: Topics, models, inbox):
    ran = topics("predict", inbox, "--models", models, "--keep", "title")
    rows = list(map(json.loads, ran.out.splitlines()))
    assert ran.code == 0
    assert [(row["id"], row["rubrics"], row["title"]) for row in rows] == [
        ("0", ["industry"], "Новость"),
        ("1", ["economy"], "Новость"),
        ("2", ["tourism"], "Новость"),
    ]
    assert list(rows[0]) == ["id", "rubrics", "scores", "needs_review", "model", "title"]
    assert "Новость" in ran.out
    assert "3 articles in " in ran.err
    assert "economy 1, industry 1, tourism 1, none 0" in ran.err


def test_predict_reads_standard_input(topics: Topics, models, inbox):
    from_file = topics("predict", inbox, "--models", models)
    piped = topics("predict", "-", "--models", models, stdin=inbox.read_bytes())
    assert piped.out == from_file.out
    table = f"id;text\n0;{STEEL}\n".encode("cp1251")
    piped = topics("predict", "-", "--models", models, "--input-format", "csv", stdin=table)
    assert json.loads(piped.out)["rubrics"] == ["industry"]


def test_files_of_other_formats_are_reported(topics: Topics, models, tmp_path):
    write(tmp_path / "архив" / "а.jsonl", *embedded()[0].read_text(encoding="utf-8").splitlines())
    for name in ("б.xlsx", "в.json"):
        write(tmp_path / "архив" / name)
    line = (
        "topics: skipped: 2 files of other types (.json, .xlsx); if the .json files are JSON Lines, "
        "name them: 'FOLDER/*.json'"
    )
    ran = topics("predict", tmp_path / "архив", "--models", models)
    assert (ran.code, ran.err.splitlines().count(line)) == (0, 1)
    ran = topics("train", tmp_path / "архив", "--only", "rubrics", "--models", tmp_path / "m")
    assert (ran.code, ran.err.splitlines().count(line)) == (0, 1)


def test_predict_prints_csv_or_a_table(topics: Topics, models, inbox, tmp_path):
    as_csv = topics("predict", inbox, "--models", models, "--format", "csv").out.removeprefix("\ufeff")
    assert as_csv.splitlines()[0] == "id,rubrics,scores,needs_review,model"
    assert [line.split(",")[1] for line in as_csv.splitlines()[1:]] == ["industry", "economy", "tourism"]
    table = topics("predict", inbox, "--models", models, "--format", "table").out
    assert re.search(r"industry [01]\.\d\d", table)
    assert "завод" in table, "the reasons"
    marked = write(tmp_path / "с разметкой.jsonl", {"id": 1, "title": "**Пуск** <b>линии</b>", "text": STEEL})
    assert "Пуск линии" in topics("predict", marked, "--models", models, "--format", "table").out


def test_rejects_are_reported_on_stderr_if_the_output_is_stdout(topics: Topics, models, tmp_path):
    bad = tmp_path / "вход.jsonl"
    bad.write_bytes(b"{\n" * 7)
    ran = topics("predict", bad, "--models", models)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.count(f"topics: {bad}:") == 5, "the first few"
    assert "topics: 7 rows could not be read\n" in ran.err


@pytest.mark.parametrize(("to", "count"), [("-o", 2), ("stdout", 2), ("stdin", 2), ("stdin", 1)])
def test_a_job_without_a_valid_row_fails(topics: Topics, models, tmp_path, to, count):
    bad = write(tmp_path / "вход.jsonl", *[{"id": "1", "text": " "}, "{"][:count])
    arguments = ["-"] if to == "stdin" else [bad]
    arguments += ["-o", tmp_path / "выход.jsonl"] if to == "-o" else []
    summary = tmp_path / "сводка.json"
    ran = topics("predict", *arguments, "--models", models, "--summary", summary, stdin=bad.read_bytes())
    rows = "2 rows" if count == 2 else "1 row"
    name = "stdin" if to == "stdin" else bad
    last = f"topics: none of {rows} could be scored; the first, {name}:1: no text; fix the input"
    assert (ran.code, ran.err.splitlines()[-1]) == (3, last)
    assert json.loads(summary.read_bytes())["rejects"] == count
    if to == "-o":
        assert (tmp_path / "выход.jsonl").read_bytes() == b""
        rejects = (tmp_path / "выход.jsonl.rejects.jsonl").read_text(encoding="utf-8").splitlines()
        assert json.loads(rejects[0])["reason"] == "no text"


def test_models_lists_versions_with_their_metrics(topics: Topics, models, tmp_path):
    version = Registry(models).open("rubrics").manifest
    table = topics("models", "--models", models).out
    assert version.version in table
    for message in ("latest", "500", f"{version.metrics.macro_f1:.3f}"):
        assert message in table
    [line] = topics("models", "--models", models, "--json").out.splitlines()
    assert json.loads(line)["version"] == version.version
    none = topics("models", "--models", tmp_path)
    assert (none.code, none.out) == (0, "")
    assert "no versions yet; train one with `python -m topics train`" in " ".join(none.err.split())


def test_explain_shows_the_decisive_words(topics: Topics, models, tmp_path):
    ran = topics("explain", "--models", models, stdin=STEEL.encode())
    assert ran.code == 0
    assert ran.out.startswith("industry: рубрика поставлена")
    assert "Вероятность не ниже порога." in ran.out
    assert "завод" in ran.out
    ran = topics("explain", "--models", models, "--lang", "en", stdin=STEEL.encode())
    assert ran.out.startswith("industry: assigned")
    assert "The probability reaches the threshold." in ran.out
    file = tmp_path / "заметка.txt"
    file.write_text(STEEL, encoding="utf-8")
    ran = topics("explain", file, "--models", models, "--rubric", "tourism", "--json")
    explanation = json.loads(ran.out)
    assert (explanation["rubric"], explanation["given"]) == ("tourism", False)
    assert (explanation["text"], explanation["review"]) == (STEEL, "")


@pytest.mark.parametrize(("lang", "message"), [("ru", "на другом языке."), ("en", "another language.")])
def test_explain_says_that_an_article_may_be_in_another_language(
    topics: Topics, models, tmp_path, lang, message
):
    page, lang = tmp_path / "page.html", ("--lang", lang)
    english = b"The plant in the north makes less steel, and inflation is up."
    assert message in " ".join(topics("explain", "--models", models, *lang, stdin=english).out.split())
    topics("explain", "--models", models, "--html", page, *lang, stdin=english)
    assert message in page.read_text(encoding="utf-8")
    assert message not in topics("explain", "--models", models, *lang, stdin=STEEL.encode()).out


# Errors

NO_VERSION = "no version of 'rubrics'; trained models: none. Train one with `python -m topics train`"

FAILURES = [
    ("predict", 2, ["Missing argument 'INPUT...'", "--help"]),
    ("predict нет.jsonl", 3, ["нет.jsonl: no such file or folder; check the name"]),
    ("predict {inbox} --models {tmp}/пусто", 4, [NO_VERSION, "or name another models folder (--models)"]),
    ("predict {inbox} --rubrics rubrics@стенд", 4, ["no alias 'стенд'; it has 'latest'"]),
    ("predict {inbox} --rubrics rubrics/2020", 4, ["no version '2020'; it has '20"]),
    ("predict {inbox} --rubrics a/b/c", 4, ["no version of 'a'"]),
    (
        "predict {inbox} -o {tmp}/a.xlsx",
        2,
        ["cannot write .xlsx; suffixes: '.csv', '.jsonl', '.parquet'"],
    ),
    (
        "predict {inbox} -o {inbox}.jsonl --format csv",
        2,
        [".jsonl: the suffix contradicts --format csv; omit"],
    ),
    ("predict - -o {tmp}/a.csv --format jsonl", 2, ["a.csv: the suffix contradicts --format jsonl"]),
    ("predict {inbox} -o /dev/null", 2, ["/dev/null: without a suffix, -o is a folder of parts, but"]),
    ("report rubrics -o {tmp}/a.pdf", 2, ["a.pdf: a report is HTML or Markdown; name it with .html or .md"]),
    ("predict {inbox} -o {tmp}/нет/a.csv", 2, ["'-o'", "cannot write 'a.csv': no such folder: ", "нет'"]),
    *(
        (line.replace("нет/", "{tmp}/нет/"), 2, ["cannot write ", "no such folder"])
        for line in (
            "predict {inbox} --rejects нет/a.jsonl",
            "predict {inbox} -o {tmp}/a.csv --summary нет/a.json",
            "train {inbox} --models {tmp}/m --rejects нет/a.jsonl",
            "monitor rubrics {inbox} --html нет/a.html",
            "report rubrics -o нет/a.html",
            "explain {inbox} --html нет/a.html",
            "export rubrics нет/a.tar",
            "audit {inbox} -o нет/a.csv",
            "suggest {inbox} -o нет/a.csv",
            "diff {inbox} {inbox} -o нет/a.jsonl",
        )
    ),
    ("predict {inbox} -o {tmp}", 2, ["is not empty and not a folder of predictions"]),
    ("predict {inbox} --text-column body", 3, ["no column 'body'; the columns are 'id', 'text', 'title'"]),
    ("predict {inbox} --input-format xml", 2, ["unknown reader 'xml'; known: 'csv', 'jsonl'"]),
    ("predict {inbox} --format xml", 2, ["'xml' is not one of 'jsonl', 'csv', 'parquet', 'table'"]),
    ("predict {inbox} --nonsense", 2, ["No such option", "--nonsense", "--help"]),
    ("predict {inbox} --config {tmp}/нет.toml", 2, ["нет.toml: no such file; check the name"]),
    ("predict {tmp}/a.docx", 3, ["a.docx: no such file or folder"]),
    ("train {inbox} --models {tmp}/m", 3, ["no rubric has 10 articles", "--rubrics-column", "--labels"]),
    (
        "train {inbox} --labels {tmp}/нет.tsv --models {tmp}/m",
        3,
        ["нет.tsv: no such file or folder"],
    ),
    ("train {inbox} --only нет", 2, ["'нет' is not one of 'rubrics', 'topics'"]),
    ("train {inbox} --name ../туда --models {tmp}/m", 2, ["'../туда' is not a valid model name"]),
    ("explain {tmp}/нет.txt", 3, ["нет.txt: cannot be read (No such file or directory); check the name"]),
    ("explain {tmp}", 3, ["cannot be read (Is a directory); check the name"]),
    (
        "explain {inbox} --rubric спорт",
        2,
        ["unknown rubric 'спорт'; known rubrics: 'economy', 'industry', 'tourism'"],
    ),
    ("models --models {inbox}", 2, ["вход.jsonl", "is a file"]),
    ("предсказать", 2, ["No such command 'предсказать'", "--help"]),
    ("pedict in.jsonl", 2, ["Did you mean 'predict'?", "see `topics --help`"]),
    ("topics trend", 2, ["Did you mean 'trends'?", "see `topics topics --help`"]),
    ("train --jobs 2", 2, ["No such option '--jobs'", "see `topics train --help`"]),
]


@pytest.mark.parametrize(("line", "code", "parts"), FAILURES)
def test_an_error_is_one_line_and_an_exit_code(topics: Topics, models, inbox, tmp_path, line, code, parts):
    arguments = [word.format(inbox=inbox, tmp=tmp_path) for word in line.split()]
    if "--models" not in arguments and arguments[0] in cli.table.keys() - {"audit", "suggest"}:
        arguments += ["--models", str(models)]
    failed(topics(*arguments), code, *parts)
    assert {path.name for path in tmp_path.iterdir()} <= {inbox.name, "m"}, "no partial output is left"


def test_keeping_a_missing_column_of_a_table_is_an_error(topics: Topics, models, tmp_path):
    table = tmp_path / "вход.csv"
    table.write_text(f"id;text\n1;{STEEL}\n", encoding="utf-8")
    ran = topics("predict", table, "--keep", "url", "--models", models)
    failed(ran, 3, "вход.csv: no column 'url'; the columns are 'id', 'text'; name one of them")
    ran = topics("predict", table, "--keep", "url", "-o", tmp_path / "выход.jsonl", "--models", models)
    assert ran.code == 3
    assert [path.name for path in tmp_path.iterdir()] == [table.name], "a failed job leaves no files"


@pytest.mark.parametrize("to", ["stdout", "file", "folder"])
def test_keeping_a_column_that_no_article_has_is_reported(topics: Topics, models, tmp_path, to):
    data, out = tmp_path / "архив", tmp_path / ("в.jsonl" if to == "file" else "в")
    for n in range(2):
        write(data / f"{n}.jsonl", {"id": n, "text": STEEL, "Url": n} | ({"views": 1} if n else {}))
    output = () if to == "stdout" else ("-o", out, "--summary", tmp_path / "s.json")
    arguments = "predict", data, "--keep", "url,views", "--keep", "author", *output, "--models", models
    ran = topics(*arguments, "--workers", 2)
    assert (ran.code, ran.err.splitlines()[-1]) == (
        0,
        "topics: no row has the column 'author', 'url'; did you mean 'Url'?",
    )
    if output:
        assert json.loads((tmp_path / "s.json").read_bytes())["not_kept"] == ["author", "url"]
    for command in (["predict", "--keep", "views"], ["predict", "--keep", "*"], ["predict"]):
        assert "no row has" not in topics(*command, data, "--models", models).err


def test_an_output_in_an_object_store_needs_no_folder():
    assert (
        NEW_FILE_OR_FOLDER.convert("s3://newsroom/scored.jsonl", None, None) == "s3://newsroom/scored.jsonl"
    )


def test_predict_refuses_a_damaged_version(topics: Topics, own_models, inbox):
    folder = Registry(own_models).open("rubrics").folder
    (folder / "idf.npy").write_bytes((folder / "idf.npy").read_bytes()[::-1])
    failed(topics("predict", inbox, "--models", own_models), 4, "idf.npy: was altered since it was published")


def test_explain_reads_cp1251(topics: Topics, models, tmp_path):
    file = tmp_path / "заметка.txt"
    file.write_bytes(STEEL.encode("cp1251"))
    expected = topics("explain", "--models", models, "--json", stdin=STEEL.encode()).out
    assert topics("explain", "--models", models, "--json", stdin=STEEL.encode("cp1251")).out == expected
    assert topics("explain", file, "--models", models, "--json").out == expected
    assert topics("explain", "--models", models, "--json", stdin=STEEL.encode("utf-8-sig")).out == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no text; name a file with an article"),
        (b" \n", "no text; name a file with an article"),
        ("Снег".encode("utf-16"), "the encoding is UTF-16; save it as «UTF-8»"),
        (b"\x98\xff", "is not UTF-8 or CP1251 text"),
    ],
)
def test_explain_without_readable_text_is_an_error(topics: Topics, models, content, message):
    failed(topics("explain", "--models", models, stdin=content), 3, message)


# The environment


def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "topics", *map(str, arguments)],
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stderr=options.pop("stderr", subprocess.PIPE),
        env=os.environ | {"PYTHONPATH": str(SOURCE.parent)},
        preexec_fn=_restore_interrupts,
        **options,
    )


def _restore_interrupts() -> None:
    """A background job of a shell ignores Ctrl-C, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_closed_stdout_stops_predict_without_a_traceback(models, tmp_path):
    many = write(tmp_path / "много.jsonl", *({"id": n, "text": STEEL} for n in range(6000)))
    with start("predict", many, "--models", models, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b'{"id":"0"')
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 1
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
def test_a_full_disk_is_reported(models, inbox, form):
    with (
        Path("/dev/full").open("wb") as full,
        start("predict", inbox, "--models", models, "--format", form, stdout=full) as process,
    ):
        err = process.stderr.read().decode()
    assert process.returncode == 1
    assert "No space left on device" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_a_closed_stdout_stops_streaming_without_a_traceback(models):
    with start("predict", "-", "--models", models, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        line = json.dumps({"id": "1", "text": STEEL}).encode() + b"\n"
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline().startswith(b'{"id":"1"')
        process.stdout.close()
        process.stdin.write(line)
        process.stdin.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_full_disk_is_reported_when_streaming(models, inbox, form):
    with (
        inbox.open("rb") as stream,
        Path("/dev/full").open("wb") as full,
        start("predict", "-", "--models", models, "--format", form, stdin=stream, stdout=full) as process,
    ):
        err = process.stderr.read().decode()
    assert process.returncode == 1
    assert "topics: output: No space left on device" in err.splitlines()
    assert "stdin" not in err
    assert "Traceback" not in err


def test_a_read_only_folder_is_an_error(topics: Topics, models, inbox, tmp_path, monkeypatch):
    """Patched, since permissions do not stop root."""
    real = Path.open

    def refuse(path: Path, mode: str = "r", *rest: object, **options: object) -> object:
        if "w" in mode and tmp_path in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", refuse)
    failed(topics("predict", inbox, "-o", tmp_path / "выход.csv", "--models", models), 1, "Permission denied")
    assert not (tmp_path / "выход.csv").exists()


def test_a_failed_job_keeps_the_existing_output(topics: Topics, models, tmp_path):
    output = tmp_path / "выход.jsonl"
    output.write_text("прежнее\n", encoding="utf-8")
    bad = write(tmp_path / "плохой.jsonl", {"id": "1", "body": STEEL})
    assert topics("predict", bad, "-o", output, "--models", models).code == 3
    assert output.read_text(encoding="utf-8") == "прежнее\n"
    good = write(tmp_path / "вход.jsonl", {"id": "1", "text": STEEL})
    assert topics("predict", good, "-o", output, "--models", models, "--restart").code == 0
    assert json.loads(output.read_text(encoding="utf-8"))["rubrics"] == ["industry"]


def test_ctrl_c_prints_one_line_and_leaves_no_output(models, tmp_path):
    output = tmp_path / "выход.jsonl"
    with start(
        "predict", "-", "-o", output, "--models", models, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        # The first line on stderr says that a batch is tagged; the job is waiting for more.
        process.stdin.write(b"".join(b'{"id": %d, "text": "a"}\n' % n for n in range(2000)))
        process.stdin.flush()
        assert b"tagging" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        err = process.stderr.read().decode()
        process.stdin.close()
    assert process.returncode == 130
    assert err.split() == ["topics:", "stopped"]
    assert list(tmp_path.iterdir()) == []


def test_interrupted_training_reports_what_was_published(topics: Topics, tmp_path, monkeypatch):
    def stopped(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("topics.training.job.TrainingJob.train_topics", stopped)
    ran = topics("train", embedded()[0], "--models", tmp_path / "models", "--workers", 1)
    assert ran.code == 130
    [version] = Registry(tmp_path / "models").versions("rubrics")
    assert f"topics: rubrics/{version} was published anyway; complete it with --only topics" in ran.err


def test_a_terminal_gets_a_progress_bar_and_a_log_gets_lines(topics: Topics, models, inbox):
    ours, theirs = pty.openpty()
    with start("predict", inbox, "--models", models, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux: the other end is closed
            while part := os.read(ours, 1 << 16):
                shown += part
    os.close(ours)
    assert process.returncode == 0
    assert b"tagging: 3 articles" in shown
    assert b"\x1b[" in shown, "redrawn in place"
    log = topics("predict", inbox, "--models", models).err
    assert log.startswith("topics: tagging")
    assert "\x1b" not in log


# Help


def test_help_lists_every_command_with_a_summary(topics: Topics):
    ran = topics("--help")
    assert (ran.code, ran.err) == (0, "")
    for name, line in cli.table.items():
        assert name in ran.out
        assert line.split()[0] in ran.out
    assert topics("--version").out.strip().endswith(__version__)


def leaves(name: str, command: click.Command) -> list[tuple[str, ...]]:
    """Return the path of a command, or those of a group's commands."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        found = [(sub, command.get_command(context, sub)) for sub in command.list_commands(context)]
        return [(name, *rest) for sub in found for rest in leaves(*sub)]
    return [(name,)]


def every_command() -> list[tuple[str, ...]]:
    context = click.Context(cli)
    return [leaf for name in cli.table for leaf in leaves(name, cli.get_command(context, name))]


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_the_help_of_every_command_has_an_example(topics: Topics, path):
    ran = topics(*path, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"python -m topics {' '.join(path)}" in ran.out
    assert topics(*path, "-h").out == ran.out


def test_without_a_command_help_is_printed(topics: Topics):
    ran = topics()
    assert ran.code == 2
    assert "Usage: topics" in ran.out + ran.err


def test_python_m_topics_runs_the_program():
    ran = python("-m", "topics", "--version")
    assert (ran.code, ran.out.split()[-1]) == (0, __version__)


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize(("closed", "written"), [("2>&-", True), ("<&-", True), (">&-", True)])
def test_predict_works_with_a_closed_standard_stream(models, inbox, tmp_path, closed, written):
    output = tmp_path / "выход.jsonl"
    words = sys.executable, "-m", "topics", "predict", str(inbox), "-o", str(output), "--models", str(models)
    ran = subprocess.run(f"{shlex.join(words)} {closed}", shell=True, capture_output=True, check=False)
    assert (ran.returncode, output.exists()) == (0, written), ran.stderr
    assert b"Traceback" not in ran.stderr


def test_a_console_without_cyrillic_shows_question_marks(models, inbox):
    environment = os.environ | {"PYTHONPATH": str(SOURCE.parent), "PYTHONIOENCODING": "latin-1"}
    words = [
        sys.executable,
        "-m",
        "topics",
        "predict",
        str(inbox),
        "--format",
        "table",
        "--models",
        str(models),
    ]
    ran = subprocess.run(words, capture_output=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    assert b"???" in ran.stdout


def test_the_demonstration_runs_in_any_folder(tmp_path):
    """The first two commands of the README."""
    trained = python("-m", "topics", "train", cwd=tmp_path)
    assert trained.code == 0, trained.err
    assert "learning from the demonstration corpus" in trained.err
    assert all((tmp_path / folder).is_dir() for folder in trained.out.split())
    tagged = python("-m", "topics", "predict", str(embedded_inbox()), "--format", "table", cwd=tmp_path)
    assert tagged.code == 0, tagged.err
    assert "inbox-032" in tagged.out
    assert str(PROJECT) not in trained.out


# Input and output files


@pytest.fixture
def work(tmp_path, inbox) -> Path:
    """A folder of articles and predictions."""
    (tmp_path / "вход").mkdir()
    for name in ("вход/а.jsonl", "старое.jsonl", "новое.jsonl"):
        (tmp_path / name).write_bytes(Path(inbox).read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "predict {work}/вход/а.jsonl -o {work}/в.jsonl --rejects {work}/вход/а.jsonl",
        "predict {work}/вход -o {work}/в.jsonl --rejects {work}/вход/r.jsonl",
        "predict {work}/вход/*.jsonl -o {work}/в.jsonl --summary {work}/вход/s.jsonl",
        "predict {work}/вход/а.jsonl --summary {work}/вход/а.jsonl",
        "train {work}/вход/а.jsonl --rejects {work}/вход/а.jsonl",
        "train {work}/вход/а.jsonl --labels {work}/старое.jsonl --rejects {work}/старое.jsonl",
        "diff {work}/старое.jsonl {work}/новое.jsonl -o {work}/старое.jsonl",
    ],
)
def test_an_output_inside_the_input_is_refused(topics: Topics, models, work, line):
    before = {path: path.read_bytes() for path in work.rglob("*.jsonl")}
    ran = topics(*(part.format(work=work) for part in line.split()), "--models", models)
    assert (ran.code, "is inside the input " in ran.err) == (2, True), ran.err
    assert {path: path.read_bytes() for path in work.rglob("*.jsonl")} == before


def test_two_outputs_with_one_name_are_refused(topics: Topics, models, work):
    arguments = "predict", work / "вход", "-o", work / "в.jsonl", "--models", models
    ran = topics(*arguments, "--rejects", work / "в.jsonl")
    assert (ran.code, "в.jsonl: -o and --rejects both write to it; name different files" in ran.err) == (
        2,
        True,
    )
    ran = topics(*arguments, "--summary", "s3://ведро/итог.json")
    assert (ran.code, "is in an object store; name a local file" in ran.err) == (2, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can replace a device")
@pytest.mark.parametrize("bad", [False, True])
def test_writing_to_a_device_does_not_replace_it(topics: Topics, models, work, bad):
    null = work / "null"
    os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    if bad:
        with (work / "вход/а.jsonl").open("a") as stream:
            stream.write("{\n")
    ran = topics("predict", work / "вход", "-o", work / "в.jsonl", "--rejects", null, "--models", models)
    assert (ran.code, null.is_char_device()) == (0, True), ran.err


def test_a_report_is_written_through_a_symbolic_link(topics: Topics, models, tmp_path):
    (tmp_path / "страница.html").write_text("старая", encoding="utf-8")
    (tmp_path / "ссылка.html").symlink_to(tmp_path / "страница.html")
    assert topics("report", "-o", tmp_path / "ссылка.html", "--models", models).code == 0
    assert (tmp_path / "ссылка.html").is_symlink()
    assert "<!doctype html>" in (tmp_path / "страница.html").read_text(encoding="utf-8")


def test_a_former_rejects_file_is_removed_if_there_are_none(topics: Topics, models, inbox, tmp_path):
    (tmp_path / "r.jsonl").write_text("of before")
    stream = Path(inbox).read_bytes()
    outputs = "-o", tmp_path / "в.jsonl", "--rejects", tmp_path / "r.jsonl"
    assert topics("predict", "-", *outputs, "--models", models, stdin=stream).code == 0
    assert not (tmp_path / "r.jsonl").exists()


def test_missing_columns_of_a_stream_are_reported(topics: Topics, models, inbox, tmp_path):
    table = f"id,title,body\n1,Пуск,{STEEL * 5}\n".encode()
    for output in ((), ("-o", tmp_path / "в.jsonl")):
        ran = topics("predict", "-", *output, "--models", models, stdin=table)
        failed(ran, 3, "stdin: no column 'text', but 'body' contains long texts")
    arguments = "--text-column", "nosuch", "--keep", "title, nokeep"
    ran = topics("predict", "-", *arguments, "--models", models, stdin=inbox.read_bytes())
    assert (ran.code, len(ran.out.splitlines())) == (0, 3)
    assert "topics: no row has the column 'nokeep', 'nosuch'; check the name" in ran.err
    ran = topics("predict", "-", "--keep", "titel", "--models", models, stdin=inbox.read_bytes())
    assert ran.err.splitlines()[-1] == "topics: no row has the column 'titel'; did you mean 'title'?"
    ran = topics("predict", "-", "--keep", "", "--models", models, stdin=inbox.read_bytes())
    assert '""' not in ran.out


def test_too_many_rejects_stop_a_stream(topics: Topics, models):
    bad = b'{"text": "\xd0\x97\xd0\xb0\xd0\xb2\xd0\xbe\xd0\xb4"}\n{\n{\n'
    assert topics("predict", "-", "--models", models, "--max-rejects", 2, stdin=bad).code == 0
    ran = topics("predict", "-", "--models", models, "--max-rejects", 1, stdin=bad)
    assert (ran.code, "2 rows cannot be read, more than 1" in ran.err) == (3, True)


def test_a_repeated_column_is_kept_once(topics: Topics, models, inbox):
    ran = topics("predict", inbox, "--keep", "id,text,id", "--format", "csv", "--models", models)
    assert (
        ran.out.removeprefix("\ufeff").splitlines()[0]
        == "id,rubrics,scores,needs_review,model,source_id,text"
    )
    ran = topics("predict", inbox, "--keep", "id,source_id", "--format", "csv", "--models", models)
    assert (ran.code, "two kept columns (--keep) would both be called 'source_id'" in ran.err) in (
        (2, True),
        (3, False),
    ), ran.err


def test_labels_without_the_required_columns_are_an_error(topics: Topics, inbox, tmp_path):
    labels = tmp_path / "лист.csv"
    labels.write_text("id,метка\n1,economy\n", encoding="utf-8")
    ran = topics("train", inbox, "--labels", labels)
    assert (ran.code, "a table of labels needs the columns id and rubrics" in ran.err) == (3, True), ran.err


def test_empty_and_unmatched_labels_are_reported(topics: Topics, tmp_path):
    data, sheet = embedded()[0], tmp_path / "лист.csv"
    ids = [json.loads(line)["id"] for line in data.read_text(encoding="utf-8").splitlines()]
    sheet.write_text(
        "id,rubrics\n" + f"{ids[0]},economy\n{ids[1]},\n{ids[2]},?\n{ids[3]},\n", encoding="utf-8"
    )
    ran = topics("train", data, "--labels", sheet, "--only", "rubrics", "--models", tmp_path / "m")
    assert (ran.code, "labels: 3 rows without rubrics, treated as unlabelled" in ran.err) == (0, True), (
        ran.err
    )
    assert "could not be read" not in ran.err
    sheet.write_text("id,rubrics\n12,economy\n", encoding="utf-8")
    bare = write(tmp_path / "архив.jsonl", {"id": "000012", "text": STEEL})
    ran = topics("train", bare, "--labels", sheet, "--only", "rubrics", "--models", tmp_path / "m")
    assert (ran.code, "labels without an article: 1, e.g. 12" in ran.err) == (3, True), ran.err
    ran = topics("train", bare, "--labels", sheet, "--labels", sheet)
    assert (ran.code, "give one table only; merge yours" in ran.err) == (2, True), ran.err
