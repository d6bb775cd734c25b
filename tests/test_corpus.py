"""A corpus: every row becomes one article or one reject, whatever the format and batch size."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports import FORMATS, OLD, PACKED, PLAIN, article, as_csv
from newsroom import BRIDGE, FERRY, SNOW, all_of, known, write
from topics.corpus import Columns, Corpus, demo, embedded, embedded_inbox, load_labels
from topics.corpus.seen import Seen
from topics.errors import DataError, DataWarning, UsageError
from topics.types import Article, Labels

# The same articles from every format


def expected(rows: list[dict[str, object]]) -> list[Article]:
    return [
        Article(
            row["id"],
            row["text"],
            row["title"],
            row["date"],
            row["outlet"],
            None if row["rubrics"] is None else Labels(frozenset(row["rubrics"])),
        )
        for row in rows
    ]


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25)
@given(rows=st.lists(article(PLAIN), min_size=1, max_size=4))
def test_every_format_and_compression_gives_the_same_articles(tmp_path, name, packing, rows):
    rows = [{"id": f"№{n}", **row} for n, row in enumerate(rows)]
    path = tmp_path / (name + packing)
    path.write_bytes(PACKED[packing](FORMATS[name](rows)))
    assert all_of(Corpus(path)) == (expected(rows), [])


@given(rows=st.lists(article(OLD), min_size=1, max_size=4), delimiter=st.sampled_from(";,\t"))
def test_cp1251_gives_the_same_articles(tmp_path, rows, delimiter):
    rows = [{"id": f"№{n}", **row} for n, row in enumerate(rows)]
    path = tmp_path / "выгрузка.csv"
    path.write_bytes(as_csv(rows, delimiter, "cp1251"))
    assert all_of(Corpus(path)) == (expected(rows), [])


# Label files


def test_a_labels_file_replaces_the_labels_of_the_data(tmp_path):
    data = write(tmp_path / "лента.jsonl", {**SNOW, "rubrics": ["туризм"]}, FERRY, BRIDGE)
    table = tmp_path / "метки.tsv"
    table.write_text(
        "id\trubrics\tunknown\tуверенность\n1\tnone\t\tда\n2\tэкономика+промышленность\tтуризм\tда\n9\tтуризм\t\tнет\n",
        encoding="utf-8",
    )
    corpus = Corpus(data, labels_file=table)
    articles, rejects = all_of(corpus, size=1)
    assert rejects == []
    assert [article.labels for article in articles] == [
        Labels(frozenset(), clean=True),
        Labels(frozenset({"экономика", "промышленность"}), frozenset({"туризм"}), clean=True),
        None,
    ]
    assert corpus.unmatched_labels == ("9",)


def test_unusable_rows_of_a_labels_file_are_rejects(tmp_path):
    rows = [
        {"id": "1", "rubrics": "туризм"},
        {"id": "1", "rubrics": ["туризм"]},
        {"id": "1", "rubrics": "спорт"},
        {"id": "2", "rubrics": None},
        {"rubrics": "спорт"},
        {"id": "3", "rubrics": 5},
        "{",
    ]
    path = write(tmp_path / "метки.jsonl", *rows)
    labels, rejects = load_labels(path)
    assert labels == {"1": Labels(frozenset({"туризм"}), clean=True)}
    assert [(reject.line, reject.reason) for reject in rejects[:4]] == [
        (3, "id '1' has other rubrics in an earlier row, which are kept"),
        (4, "no rubrics; write none if none applies"),
        (5, "no id"),
        (6, "column 'rubrics' contains a number, not names of rubrics"),
    ]
    assert rejects[4].reason.startswith("not valid JSON")
    corpus = Corpus(write(tmp_path / "лента.jsonl", SNOW), labels_file=path)
    filled = [reject for reject in rejects if not reject.reason.startswith("no rubrics")]
    assert all_of(corpus) == ([Article(**SNOW, labels=labels["1"])], filled)
    assert corpus.unfilled_labels == 1


def test_a_labels_file_may_have_the_headers_of_the_archive(tmp_path):
    table = tmp_path / "метки.csv"
    table.write_text("ИД;Рубрики\n1;спорт+туризм\n", encoding="cp1251")
    labels, rejects = load_labels(table, Columns(id="ИД", rubrics="Рубрики"))
    assert (set(labels["1"].rubrics), rejects) == ({"спорт", "туризм"}, [])
    with pytest.raises(DataError, match="no column 'ИД'"):
        load_labels(write(tmp_path / "м.jsonl", {"номер": "1"}), Columns(id="ИД", rubrics="Рубрики"))


@pytest.mark.parametrize("header", ["id;rubrics;Неясно", "ИД;Рубрики;Неясно", "ИД;Рубрики;unknown"])
def test_the_unknown_column_of_a_labels_file_is_read(tmp_path, header):
    table = tmp_path / "метки.csv"
    table.write_text(f"{header}\n1;спорт;туризм\n2;none;\n", encoding="utf-8")
    labels, rejects = load_labels(table, Columns(id="ИД", rubrics="Рубрики", unknown="Неясно"))
    assert labels == {
        "1": Labels(frozenset({"спорт"}), frozenset({"туризм"}), clean=True),
        "2": Labels(frozenset(), clean=True),
    }
    assert rejects == []


@pytest.mark.parametrize("name", ["id", "ИД"])
def test_a_labels_file_may_have_one_column_per_rubric(tmp_path, name):
    table, columns = tmp_path / "метки.csv", Columns(id=name, labels=("спорт", "туризм"))
    table.write_text(f"{name};спорт;туризм\n1;да;\n2;;\n3;может;1\n4;?;1\n", encoding="utf-8")
    labels, rejects = load_labels(table, columns)
    assert labels == {
        "1": Labels(frozenset({"спорт"}), frozenset({"туризм"}), clean=True),
        "4": Labels(frozenset({"туризм"}), frozenset({"спорт"}), clean=True),
    }
    assert [(row.line, row.reason[:31]) for row in rejects] == [
        (3, "no rubrics; write none if none "),
        (4, "column 'спорт' contains 'может'"),
    ]
    table.write_text(f"{name};rubrics\n1;спорт\n", encoding="utf-8")
    assert load_labels(table, columns)[0] == {"1": Labels(frozenset({"спорт"}), clean=True)}
    table.write_text(f"{name};спорт\n1;1\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 'туризм'"):
        load_labels(table, columns)


def test_other_columns_of_a_labels_file_need_not_be_readable(tmp_path):
    path, far = tmp_path / "метки.parquet", pa.array([1 << 62], pa.int64()).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"id": ["1"], "rubrics": ["спорт"], "checked": far}), path)
    assert load_labels(path) == ({"1": Labels(frozenset({"спорт"}), clean=True)}, [])
    pq.write_table(pa.table({"id": ["1"], "rubrics": far}), path)
    [reject] = load_labels(path)[1]
    assert reject.reason.startswith("column 'rubrics' cannot be read: ")


def test_numbers_written_by_pandas_are_ids_and_outlets(tmp_path):
    path = write(tmp_path / "а.jsonl", {"id": 7.0, "text": "Снег", "outlet": 3})
    [article], rejects = all_of(Corpus(path))
    assert (article.id, article.outlet, rejects) == ("7", "3", [])


def test_labels_are_not_read_for_tagging(tmp_path):
    path = write(tmp_path / "а.jsonl", {"id": "1", "text": "Снег", "rubrics": 5}, {"id": "2", "text": "Лёд"})
    columns = Columns(rubrics="Рубрики")
    articles, rejects = all_of(Corpus(path, columns, labelled=False))
    assert ([article.labels for article in articles], rejects) == ([None, None], [])


def test_a_labels_file_without_rubrics_is_an_error(tmp_path):
    path = write(tmp_path / "метки.jsonl", {"id": "1", "tags": "спорт"})
    with pytest.raises(
        DataError, match=r"the columns are 'id', 'tags'; a table of labels needs the columns id and rubrics"
    ):
        load_labels(path)


# Columns


def test_columns_may_have_other_names(tmp_path):
    row = {
        "nid": 5,
        "headline": "Снег",
        "body": "Идёт",
        "created": "04.03.2026",
        "paper": "Обь",
        "tags": "спорт",
    }
    path = write(tmp_path / "лента.jsonl", row)
    columns = Columns("nid", "headline", "body", "created", "paper", "tags")
    assert all_of(Corpus(path, columns))[0] == [
        Article("5", "Идёт", "Снег", "2026-03-04", "Обь", Labels(frozenset({"спорт"})))
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            Columns(text="body"),
            "'body'; the columns are 'id', 'text', 'title'; name one of them with --text-column",
        ),
        (Columns(rubrics="tags"), "'tags'; the columns are 'id', 'text', 'title'; name one of them"),
        (Columns(labels=("спорт",)), "'спорт'; the columns are 'id', 'text', 'title'; name one of them"),
    ],
)
def test_a_missing_column_is_an_error(tmp_path, columns, message):
    path = write(tmp_path / "лента.jsonl", "{", SNOW, FERRY)
    with pytest.raises(DataError) as error:
        next(Corpus(path, columns).batches())
    assert str(error.value) == f"{path}: no column {message}"


MAY_LACK = [
    (Columns(date="created"), ()),
    (Columns(outlet="paper"), ()),
    (Columns(title="headline"), ()),
    (Columns(unknown="unsure"), ()),
    (Columns(), ("url",)),
]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@pytest.mark.parametrize(("columns", "keep"), MAY_LACK)
def test_a_column_missing_in_one_file_counts_as_empty(tmp_path, columns, keep, suffix):
    [name] = columns.chosen or keep
    for file, header in (("а", f"id,text,{name}"), ("б", "id,text"), ("в", f"id,text,{name}")):
        row = dict(zip(header.split(","), (file, "Снег", "2026-03-04"), strict=False))
        if suffix == "csv":
            (tmp_path / f"{file}.csv").write_text(f"{header}\n{','.join(row.values())}\n", encoding="utf-8")
        else:
            write(tmp_path / f"{file}.jsonl", row)
    message = f"no column '{name}' in 1 of 3 files, e.g. {tmp_path}/б.{suffix}; treated as empty there"
    of_lines = keep and suffix == "jsonl"  # any line may lack a kept column
    with nullcontext() if of_lines else pytest.warns(DataWarning, match=message):
        corpus = Corpus(tmp_path, columns, keep)
    articles, rejects = all_of(corpus)
    assert ([article.id for article in articles], rejects) == (["а", "б", "в"], [])
    assert [article.kept.get("url") for article in articles[:2]] == (
        ["2026-03-04", None] if keep else [None] * 2
    )
    if columns.date == "created":
        assert [article.date for article in articles] == ["2026-03-04", "", "2026-03-04"]
    (tmp_path / f"а.{suffix}").unlink()
    (tmp_path / f"в.{suffix}").unlink()
    if not of_lines:
        with pytest.raises(DataError, match=f"no column '{name}'; the columns are 'id', 'text'; name"):
            Corpus(tmp_path, columns, keep)


@pytest.mark.parametrize("columns", [Columns(id="nid"), Columns(text="body"), Columns(rubrics="tags")])
def test_id_text_and_rubrics_must_be_in_every_file(tmp_path, columns):
    [name] = columns.chosen
    write(tmp_path / "а.jsonl", {**SNOW, name: "спорт"})
    write(tmp_path / "б.jsonl", FERRY)
    with pytest.raises(DataError, match=f"б.jsonl: no column '{name}'"):
        all_of(Corpus(tmp_path, columns))


LONG = "Завод запустил линию. " * 20


def test_long_text_in_another_column_is_an_error(tmp_path):
    path = tmp_path / "лента.csv"
    path.write_text(f"id;title;body\n1;Пуск;{LONG}\n", encoding="utf-8")
    message = (
        "no column 'text', but 'body' contains long texts; name it with --text-column body, or title to read"
    )
    with pytest.raises(DataError, match=message):
        next(Corpus(path).batches())
    assert next(Corpus(path, Columns(text="body")).batches()).articles[0].text == LONG
    path.write_text("id;title;url\n1;Пуск;https://example.org/1\n", encoding="utf-8")
    assert next(Corpus(path).batches()).articles[0].title == "Пуск", "an archive may have headlines only"
    rows = write(
        tmp_path / "лента.jsonl", {"id": "1", "title": "Пуск", "raw": LONG}, {"id": "2", "text": LONG}
    )
    assert len(next(Corpus(rows).batches()).articles) == 2, "a JSON row may have no text"


def test_a_file_without_text_and_title_is_an_error(tmp_path):
    path = write(tmp_path / "лента.jsonl", {"id": "1", "body": "Снег"})
    with pytest.raises(DataError, match="no column 'text'; the columns are 'body', 'id'"):
        next(Corpus(path).batches())


def test_a_column_may_first_appear_in_a_later_row(tmp_path):
    path = write(tmp_path / "лента.jsonl", SNOW, {**FERRY, "tags": "спорт"}, BRIDGE)
    articles, _ = all_of(Corpus(path, Columns(rubrics="tags")))
    assert [article.labels for article in articles] == [None, known("спорт"), None]


def test_kept_columns_are_unchanged(tmp_path):
    path = write(tmp_path / "лента.jsonl", {**SNOW, "url": "https://пример.рф/1", "views": [1, 2]}, FERRY)
    articles, _ = all_of(Corpus(path, keep=("views", "url", "title")))
    assert [article.kept for article in articles] == [
        {"views": [1, 2], "url": "https://пример.рф/1", "title": "Снег"},
        {"views": None, "url": None, "title": "Паром"},
    ]
    articles, _ = all_of(Corpus(path, keep=("*",)))
    assert [article.kept for article in articles] == [
        {**SNOW, "url": "https://пример.рф/1", "views": [1, 2]},
        FERRY,
    ]


# Batches


def test_batch_size_does_not_change_articles_and_rejects(tmp_path):
    rows = [{"id": n % 7, "text": f"Новость {n}"} if n % 3 else {"id": n} for n in range(30)]
    first = write(tmp_path / "1.jsonl", *rows[:11])
    second = write(tmp_path / "2.jsonl", *rows[11:])
    whole = all_of(Corpus([first, second]))
    assert len(whole[0]) + len(whole[1]) == 30
    assert [article.text for article in whole[0]] == [f"Новость {n}" for n in (1, 2, 4, 5, 7, 10, 13)]
    assert [(r.source, r.line) for r in whole[1]] == sorted((r.source, r.line) for r in whole[1])
    for size in (1, 2, 11, 30):
        corpus = Corpus([first, second])
        assert all_of(corpus, size) == whole
        assert all(len(batch.articles) + len(batch.rejects) <= size for batch in corpus.batches(size))


def test_a_batch_has_at_least_one_row(tmp_path):
    with pytest.raises(UsageError, match="a batch of 0 rows; at least 1 is needed"):
        next(Corpus(write(tmp_path / "a.jsonl", SNOW)).batches(0))


def test_the_id_of_a_reject_may_be_used_again(tmp_path):
    path = write(tmp_path / "a.jsonl", {"id": "1"}, SNOW)
    articles, rejects = all_of(Corpus(path))
    assert [article.id for article in articles] == ["1"]
    assert [reject.reason for reject in rejects] == ["no text"]


def test_a_corpus_can_be_read_twice(tmp_path):
    corpus = Corpus(write(tmp_path / "a.jsonl", SNOW, FERRY))
    assert all_of(corpus) == all_of(corpus)


def test_seen_ids_take_eight_bytes_each():
    seen = Seen()
    tracemalloc.start()
    for start in range(0, 200_000, 2000):
        assert not any(seen.add([f"лента:{n}" for n in range(start, start + 2000)]))
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(run.nbytes for run in seen.runs) == 8 * 200_000
    assert held < 9 * 200_000
    assert peak < 20 * 200_000
    assert len(seen.runs) <= 8
    assert seen.add(["новая", "лента:0", "лента:199999", "новая"]) == [False, True, True, True]


def test_memory_does_not_grow_with_the_archive(tmp_path):
    def peak(count: int) -> int:
        path = write(
            tmp_path / f"{count}.jsonl", *({"id": n, "text": "Снег идёт " * 50} for n in range(count))
        )
        tracemalloc.start()
        for batch in Corpus(path).batches(100):
            del batch
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(200)
    assert peak(10_000) < 1.5 * peak(1000) + 16 * 10_000


# The demonstration corpus


def test_the_demonstration_corpus_has_five_labelled_outlets():
    assert [path.name for path in embedded()] == [
        "altai.jsonl",
        "baikal.jsonl",
        "tomsk.jsonl",
        "ural.jsonl",
        "volga.jsonl",
    ]
    articles, rejects = all_of(Corpus(embedded()))
    assert (len(articles), rejects) == (500, [])
    assert all(article.labels and article.title and article.date and article.outlet for article in articles)


def test_an_installed_package_contains_the_demonstration(monkeypatch, tmp_path):
    write(tmp_path / "demo" / "a.jsonl", SNOW)
    monkeypatch.setattr(demo.resources, "files", lambda _: tmp_path)
    assert embedded() == [tmp_path / "demo" / "a.jsonl"]
    with pytest.raises(DataError, match=r"the demonstration inbox is not at .+; install the package again"):
        embedded_inbox()
    inbox = write(tmp_path / "demo" / "inbox" / "inbox.jsonl", FERRY)
    assert embedded_inbox() == inbox
    assert embedded() == [tmp_path / "demo" / "a.jsonl"]


def test_a_package_without_the_demonstration_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(demo.resources, "files", lambda _: tmp_path)
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "src" / "topics" / "corpus.py"))
    with pytest.raises(DataError, match=r"the demonstration corpus is not in .+; install the package again"):
        embedded()


# Real news


@pytest.mark.news
def test_real_news_is_read_without_rejects():
    folder = os.environ.get("TOPICS_NEWS_DATA")
    if not folder:
        pytest.skip("TOPICS_NEWS_DATA does not name the news folder")
    corpus = Corpus(Path(folder) / "rubrics.jsonl.gz", labels_file=Path(folder) / "gold.tsv")
    articles, rejects = all_of(corpus)
    assert (len(articles), rejects, corpus.unmatched_labels) == (20_768, [], ())
    assert sum(article.labels.clean for article in articles if article.labels) == 800
