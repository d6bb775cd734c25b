"""The commands `topics topics …`, and using topics without rubrics."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from newsroom import Ran, write
from topic_archive import dated
from topics.config import Config, convert
from topics.corpus import Corpus
from topics.errors import UsageError
from topics.tagger import Tagger
from topics.terminal import apart
from topics.training.job import TrainingJob
from topics.versions.registry import Registry

RAIL = {"id": "1", "title": "[red] Поезд", "text": "Поезд у перрона, вагоны и локомотив на станции, машинист"}
SNOW = {"id": "2", "text": "Щщщ ъъъ."}
Topics = Callable[..., Ran]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("архив") / "a.jsonl", *dated())


@pytest.fixture(scope="module")
def trained(source, tmp_path_factory) -> Path:
    """A registry with two versions of topics and none of rubrics."""
    folder = tmp_path_factory.mktemp("модели") / "models"
    config = convert({"topics": {"settings": {"num_topics": 5}}}, Config, "")
    for _ in range(2):
        corpus = Corpus(source)
        TrainingJob(corpus, config, Registry(folder)).train_topics()
    return folder


@pytest.fixture
def run(topics: Topics, trained: Path) -> Topics:
    return lambda *arguments, **given: topics(*arguments, "--models", trained, **given)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return write(tmp_path / "вход.jsonl", RAIL, SNOW)


# Commands


def test_list_shows_every_topic(run):
    ran = run("topics", "list")
    assert ran.code == 0
    assert "железная дорога" in ran.out
    assert "редкоземельные металлы" in ran.out
    assert ("↑" in ran.out, "↓" in ran.out) == (True, True)
    rows = [json.loads(line) for line in run("topics", "list", "--json").out.splitlines()]
    assert len(rows) == 5
    assert {"id", "label", "name", "share", "words", "direction"} == rows[0].keys()


def test_show_prints_words_trend_rubrics_and_articles(run):
    rows = [json.loads(line) for line in run("topics", "list", "--json").out.splitlines()]
    [metals] = [row["id"] for row in rows if "металлы" in row["label"]]
    out = run("topics", "show", metals).out
    for part in ("words: ", "by week: ", "rises", "rubrics: industry", "typical:", "behind the change:"):
        assert part in out
    found = json.loads(run("topics", "show", metals, "--json").out)
    assert found["change"]["direction"] == "rises"
    assert len(found["activity"]["shares"]) == len(found["periods"]) == 12


def test_a_week_of_three_articles_is_not_a_peak(topics: Topics, tmp_path):
    early = [
        {"id": f"рано {n}", "date": "2025-12-30", "title": "Шайба", "text": "Матч, шайба, вратарь"}
        for n in range(3)
    ]
    data = write(tmp_path / "a.jsonl", *early, *dated())
    models = "--models", tmp_path / "models"
    assert topics("train", data, "--only", "topics", "--num-topics", 5, *models).code == 0
    rows = [json.loads(line) for line in topics("topics", "list", "--json", *models).out.splitlines()]
    [hockey] = [row["id"] for row in rows if "шайб" in row["label"] or "вратарь" in row["label"]]
    out = " ".join(topics("topics", "show", hockey, *models).out.split())
    found = json.loads(topics("topics", "show", hockey, "--json", *models).out)
    shares = found["activity"]["shares"]
    assert shares[0] == max(shares), "the three articles have only this topic"
    assert re.search(r"peak \d\d\.\d% in 20 articles from 2026-", out)


def test_trends_show_rising_topics_of_the_archive_and_other_data(run, tmp_path):
    out = run("topics", "trends").out
    assert "редкоземельные металлы" in out
    assert "3 of 5 topics: no more change than expected by chance" in out
    other = tmp_path / "b.csv"
    frame = pd.DataFrame(dated(weeks=9, seed=7)).drop(columns="rubrics").rename(columns={"date": "день"})
    frame.to_csv(other, index=False)
    ran = run("topics", "trends", other, "--date-column", "день", "--json", "--workers", 1)
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert (found["unit"], len(found["periods"]), sum(found["counts"])) == ("week", 9, 180)
    rising = [topic for topic in found["topics"] if topic["direction"] == "rises"]
    assert ["металлы" in topic["name"] for topic in rising] == [True]
    assert rising[0]["carriers"][0]["date"] >= rising[0]["since"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.0516, 0.0731, ("5.2%", "7.3%")),
        (0.00171, 0.00214, ("0.17%", "0.21%")),
        (0.10004, 0.10006, ("10.00%", "10.01%")),
        (0.1, 0.1, ("10.0000%", "10.0000%")),
    ],
)
def test_shares_are_rounded_so_that_they_differ(before, after, expected):
    assert apart(before, after) == expected


def test_trends_read_standard_input(run, source):
    ran = run("topics", "trends", "-", "--json", stdin=source.read_bytes())
    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == json.loads(run("topics", "trends", "--json").out)


def test_compare_shows_kept_topics(run, trained):
    versions = [f"topics/{version}" for version in Registry(trained).versions("topics")]
    out = run("topics", "compare", *versions).out
    assert "kept 5, merged 0, split 0, died 0, born 0" in out
    found = json.loads(run("topics", "compare", *versions, "--json").out)
    assert found["counts"]["kept"] == 5
    assert all(change["similarity"][0] > 0.9 for change in found["changes"])
    assert "железная дорога" in {word for change in found["changes"] for word in change["words"]}


def test_compare_without_data_matches_topics(run, trained):
    versions = [f"topics/{version}" for version in Registry(trained).versions("topics")]
    for arguments in (versions, [*versions, "--json"]):
        ran = run("compare", *arguments)
        assert (ran.code, ran.out) == (0, run("topics", "compare", *arguments).out), ran.err


@pytest.mark.parametrize(
    ("versions", "why"),
    [
        (("rubrics", "rubrics"), "versions of rubrics are compared on labelled articles; name DATA"),
        (("rubrics", "topics"), "name DATA"),
        (("topics", "rubrics"), "is a version of rubrics; name a version of topics"),
    ],
)
def test_comparing_rubrics_needs_data(topics: Topics, both, versions, why):
    ran = topics("compare", *versions, "--models", both)
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err


def test_a_name_is_shown_everywhere(topics: Topics, trained, tmp_path, inbox):
    models = "--models", shutil.copytree(trained, tmp_path / "models")
    rows = [json.loads(line) for line in topics("topics", "list", "--json", *models).out.splitlines()]
    [rail] = [row["id"] for row in rows if "дорога" in row["label"]]
    ran = topics("topics", "name", rail, "Путь [/b]", "--reason", "так зовёт отдел", *models)
    assert (ran.code, ran.out) == (0, "")
    for command in (
        ("topics", "list"),
        ("topics", "show", rail),
        ("predict", inbox),
        ("predict", inbox, "--format", "table"),
        ("history", "topics"),
    ):
        assert "Путь [/b]" in topics(*command, *models).out, command
    assert topics("report", "topics", "-o", tmp_path / "t.html", *models).code == 0
    assert "Путь [/b]" in (tmp_path / "t.html").read_text(encoding="utf-8")
    assert "так зовёт отдел" in topics("show", "topics@latest", *models).out
    assert topics("topics", "name", rail, "", *models).code == 0
    assert "Путь" not in topics("topics", "list", *models).out


FAILURES = [
    ("topics show 99", 2, "has no topic 99"),
    ("topics show семь", 2, "'семь' is not a valid integer"),
    ("topics name 99 x", 2, "has no topic 99"),
    ("topics list --topics нет", 4, "no version of 'нет'"),
    ("topics trends --unit month", 2, "name DATA for trends by month"),
    ("topics trends {inbox}", 3, "dated articles cover 0 weeks, at least 6 are needed"),
    ("topics compare topics topics/1", 4, "has no version '1'"),
    ("topics нет", 2, "No such command 'нет'"),
    ("explain {inbox}", 4, "no version of 'rubrics'"),
    ("predict {inbox} --topics none", 4, "no version of 'rubrics'"),
    ("predict {inbox} --rubrics none --topics none", 2, "neither rubrics nor topics"),
    ("train {inbox} --num-topics много", 2, "neither `auto` nor a number"),
    ("train {inbox} --num-topics 0", 2, "neither `auto` nor a number"),
]


@pytest.mark.parametrize(("line", "code", "why"), FAILURES)
def test_an_error_is_one_line_and_an_exit_code(run, inbox, line, code, why):
    ran = run(*[word.format(inbox=inbox) for word in line.split()])
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert ran.err.startswith("topics: ")
    assert why in ran.err.splitlines()[-1]


def test_listing_topics_of_a_rubric_version_is_an_error(topics: Topics, models):
    ran = topics("topics", "list", "--topics", "rubrics", "--models", models)
    assert (ran.code, "is a version of rubrics; name a version of topics" in ran.err) == (2, True)


# Topics without rubrics


def test_topics_can_be_used_without_rubrics(trained):
    tagger = Tagger.load(trained)
    found = tagger.tag(RAIL["text"])
    assert (found.rubrics, found.scores, found.needs_review, found.model) == ((), {}, False, "")
    assert "железная дорога" in found.topics[0].label
    assert found.topic_model == tagger.version.label == tagger.versions[0].label
    assert tagger.tag("").topics == ()
    assert tagger.manifest.rubrics == ()
    frame = tagger.tag_many(pd.DataFrame({"text": [RAIL["text"], ""]}))
    assert frame["rubrics"].tolist() == [[], []]
    assert frame["topics"].map(len).tolist() == [1, 0]
    with pytest.raises(UsageError, match="only rubrics can be explained"):
        tagger.explain(RAIL["text"], "tourism")


REMEDIES = {
    "back": lambda topics, models, bundle: topics("rollback", "topics", "--alias", "latest", *models),
    "anew": lambda topics, models, bundle: topics("import", bundle, *models),
    "forced": lambda topics, models, bundle: topics(
        *("promote", f"topics/{Registry(models[1]).versions('topics')[0]}", "--alias", "latest"),
        *("--force", "--reason", "испорчена", *models),
    ),
}


@pytest.mark.filterwarnings("ignore:.*was imported from")
@pytest.mark.parametrize("remedy", REMEDIES)
def test_training_refuses_to_continue_from_damaged_topics(topics: Topics, trained, source, tmp_path, remedy):
    folder = Path(shutil.copytree(trained, tmp_path / "models"))
    models = "--models", folder
    bundle = tmp_path / "целая.tar"
    assert topics("export", "topics@latest", bundle, *models).code == 0
    damaged = folder / "topics" / Registry(folder).aliases("topics")["latest"] / "topics.json"
    damaged.write_bytes(b"")
    train = "train", source, "--only", "topics", "--num-topics", 5, "--workers", 1, *models
    ran = topics(*train)
    assert (ran.code, ran.out) == (4, "")
    [line] = ran.err.splitlines()  # no progress line
    assert "the new topics would continue topics@latest, which cannot be opened (" in line
    assert line.endswith("run `topics rollback topics --alias latest`, or train under another --topics-name")
    assert REMEDIES[remedy](topics, models, bundle).code == 0
    assert topics(*train).code == 0


def test_training_refuses_to_replace_missing_topics(topics: Topics, trained, source, tmp_path):
    folder = Path(shutil.copytree(trained, tmp_path / "models"))
    for version in (folder / "topics").glob("2*"):
        shutil.rmtree(version)
    ran = topics("train", source, "--only", "topics", "--num-topics", 5, "--models", folder)
    assert (ran.code, "the new topics would continue topics@latest, which cannot be opened" in ran.err) == (
        4,
        True,
    )
    named = "--topics-name", "темы"
    assert (
        topics("train", source, "--only", "topics", "--num-topics", 5, *named, "--models", folder).code == 0
    )


def test_a_version_of_the_wrong_kind_is_refused(trained, models, tmp_path):
    for folder, name in ((trained, "topics"), (models, "rubrics")):
        shutil.copytree(folder / name, tmp_path / name)
    with pytest.raises(UsageError, match="is a version of topics"):
        Tagger.load(tmp_path, "topics")
    with pytest.raises(UsageError, match="is a version of rubrics"):
        Tagger.load(tmp_path, "rubrics", "rubrics")
    both, alone = Tagger.load(tmp_path), Tagger.load(tmp_path, rubrics=False)
    assert [version.manifest.name for version in both.versions] == ["rubrics", "topics"]
    assert [version.manifest.name for version in alone.versions] == ["topics"]
    assert alone.tag(RAIL["text"]).topics == both.tag(RAIL["text"]).topics


def test_topics_cannot_be_evaluated(run, inbox):
    ran = run("evaluate", "topics", inbox)
    assert ran.code == 2
    assert "is a version of topics, not of rubrics; name another version" in ran.err


def test_predict_writes_topics_without_rubrics_in_every_format(run, inbox, tmp_path):
    lines = [json.loads(line) for line in run("predict", inbox).out.splitlines()]
    assert [line["rubrics"] for line in lines] == [[], []]
    assert [len(line["topics"]) for line in lines] == [1, 0]
    streamed = run("predict", "-", stdin=inbox.read_bytes())
    assert [json.loads(line) for line in streamed.out.splitlines()] == lines
    table = run("predict", inbox, "--format", "table")
    assert table.code == 0, table.err
    assert ("rubrics" in table.out, "[red] Поезд" in table.out) == (False, True)
    rows = list(csv.DictReader(io.StringIO(run("predict", inbox, "--format", "csv").out.lstrip("\ufeff"))))
    assert [json.loads(row["topics"]) for row in rows] == [line["topics"] for line in lines]
    for suffix in (".jsonl", ".parquet"):
        ran = run(
            "predict", inbox, "-o", tmp_path / f"a{suffix}", "--workers", 2, "--summary", tmp_path / "s"
        )
        assert ran.code == 0, ran.err
        assert "none" not in ran.err
    assert [dict(row["topics"]) for row in pq.read_table(tmp_path / "a.parquet").to_pylist()] == [
        line["topics"] for line in lines
    ]
    assert json.loads((tmp_path / "s").read_bytes())["rubrics"] == {}


# The number of topics


def test_the_number_of_topics_is_given_or_chosen(topics: Topics, source, tmp_path):
    train = "train", source, "--only", "topics", "--workers", 1, "--models", tmp_path / "m"
    assert "3 topics of" in topics(*train, "--num-topics", 3).err
    ran = topics(*train, "--num-topics", "auto")
    assert ran.code == 3, "240 articles are too few for the smallest candidate"
    assert "too few to choose" in ran.err
    more = write(tmp_path / "b.jsonl", *dated(weeks=20))
    ran = topics("train", more, *train[2:], "--num-topics", "auto")
    assert ran.code == 0, ran.err
    assert "topics of" in ran.err
    version = Registry(tmp_path / "m").open("topics")
    assert version.manifest.configuration["topics"]["settings"] == {"num_topics": "auto"}
    saved = json.loads((version.folder / "topics.json").read_bytes())
    assert [point["num_topics"] for point in saved["tried"]] == [10]
    assert len(saved["topics"]) == 10
