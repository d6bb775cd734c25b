"""A corpus: where its rows come from, what becomes of each, what is known of its rubrics."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pickle
import sys
import tracemalloc
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topics import corpus as room
from topics.articles import iso
from topics.corpus import Columns, Corpus, embedded, embedded_inbox, load_labels
from topics.errors import DataError, UsageError
from topics.sources import find
from topics.types import Article, Labels, Reject

SNOW = {"id": "1", "title": "Снег", "text": "Снегопад закрыл перевал"}
FERRY = {"id": "2", "title": "Паром", "text": "Паром встал на ремонт"}
BRIDGE = {"id": "3", "title": "Мост", "text": "Мост открыли раньше срока"}


def write(path: Path, *rows: object) -> Path:
    """Write JSON Lines; a string is written as it stands."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def all_of(corpus: Corpus, size: int = 2000) -> tuple[list[Article], list[Reject]]:
    batches = list(corpus.batches(size))
    return [a for batch in batches for a in batch.articles], [r for batch in batches for r in batch.rejects]


def only(tmp_path: Path, row: object, **options: object) -> Article | str:
    """What becomes of one row between two good ones: the article, or the reason why there is none."""
    path = write(tmp_path / "лента.jsonl", {"id": "до", "text": "а"}, row, {"id": "после", "text": "б"})
    articles, rejects = all_of(Corpus(path, **options))
    assert [article.id for article in articles if article.id in {"до", "после"}] == ["до", "после"]
    if rejects:
        [reject] = rejects
        assert (reject.source, reject.line) == (str(path), 2)
        return reject.reason
    return articles[1]


# The same articles from every format

PLAIN = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0") | st.sampled_from(';,"\n\r\t«»😀+|')
)
# А-я without «ё» and signs: each is a byte that UTF-8 does not have in this place, so one letter tells.
OLD = st.text(st.sampled_from('АБВгдежз ;,"\n\t!'))


def article(text: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, object]]:
    name = st.sampled_from(["экономика", "туризм", "наука, техника", "industry"])
    return st.fixed_dictionaries(
        {
            "title": text,
            "text": text.map(lambda body: "Вести: " + body),
            "date": st.sampled_from(["", "2026-03-04", "2026-03-04T10:15:00+03:00"]),
            "outlet": st.sampled_from(["", "Вестник Поволжья"]),
            "rubrics": st.none() | st.lists(name, unique=True),
        }
    )


def as_jsonl(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_csv(rows: list[dict[str, object]], delimiter: str, encoding: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["id", "title", "text", "date", "outlet", "rubrics"], delimiter=delimiter)
    writer.writeheader()
    for row in rows:
        found = row["rubrics"]
        writer.writerow({**row, "rubrics": None if found is None else ";".join(found) or "нет"})
    return text.getvalue().encode(encoding)


def as_parquet(rows: list[dict[str, object]]) -> bytes:
    sink = io.BytesIO()
    kinds = [(name, pa.string()) for name in ("id", "title", "text", "date", "outlet")]
    schema = pa.schema([*kinds, ("rubrics", pa.list_(pa.string()))])
    pq.write_table(pa.Table.from_pylist(rows, schema), sink)
    return sink.getvalue()


FORMATS = {
    "a.jsonl": as_jsonl,
    "a.csv": lambda rows: as_csv(rows, ",", "utf-8"),
    "b.csv": lambda rows: as_csv(rows, ";", "utf-8-sig"),
    "a.tsv": lambda rows: as_csv(rows, "\t", "utf-8"),
    "a.parquet": as_parquet,
}
PACKED = {"": bytes, ".gz": gzip.compress, ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True)}


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
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(article(PLAIN), min_size=1, max_size=4))
def test_every_format_and_packing_gives_the_same_articles(tmp_path, name, packing, rows):
    rows = [{"id": f"№{n}", **row} for n, row in enumerate(rows)]
    path = tmp_path / (name + packing)
    path.write_bytes(PACKED[packing](FORMATS[name](rows)))
    assert all_of(Corpus(path)) == (expected(rows), [])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(article(OLD), min_size=1, max_size=4), delimiter=st.sampled_from(";,\t"))
def test_cp1251_gives_the_same_articles(tmp_path, rows, delimiter):
    rows = [{"id": f"№{n}", **row} for n, row in enumerate(rows)]
    path = tmp_path / "выгрузка.csv"
    path.write_bytes(as_csv(rows, delimiter, "cp1251"))
    assert all_of(Corpus(path)) == (expected(rows), [])


# What becomes of a row


@pytest.mark.parametrize(
    ("row", "made"),
    [
        ({"id": "7", "text": "Идёт снег"}, Article("7", "Идёт снег")),
        ({"id": 7, "text": " Идёт\nснег "}, Article("7", " Идёт\nснег ")),
        ({"id": "7", "title": "Снег идёт", "text": ""}, Article("7", "", "Снег идёт")),
        ({"id": "7", "title": "Снег идёт"}, Article("7", "", "Снег идёт")),
        ({"id": "7", "text": "Снег", "title": None, "outlet": None}, Article("7", "Снег")),
        ({"text": "Снег"}, Article("лента.jsonl:2", "Снег")),
        ({"id": " ", "text": "Снег"}, Article("лента.jsonl:2", "Снег")),
        ({"id": "7", "text": "Снег", "source": "ЛентаСнега"}, Article("7", "Снег", outlet="ЛентаСнега")),
        (
            {"id": "7", "text": "Снег", "source": "RSS", "outlet": "Обь"},
            Article("7", "Снег", outlet="Обь"),
        ),
        ({"id": "7", "text": "Снег", "date": "вчера"}, Article("7", "Снег")),
        ({"id": "7", "text": "Снег", "date": 20260304}, Article("7", "Снег")),
    ],
)
def test_a_row_becomes_an_article(tmp_path, row, made):
    assert only(tmp_path, row) == made


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "7"}, "no text"),
        ({"id": "7", "text": None, "title": ""}, "no text"),
        ({"id": "7", "text": " \n", "title": "\t"}, "no text"),
        ({"id": "7", "text": 5}, "column 'text' holds a number, not text"),
        ({"id": "7", "text": 5.5}, "column 'text' holds a number, not text"),
        ({"id": "7", "text": {"html": "Снег"}}, "column 'text' holds an object, not text"),
        ({"id": "7", "text": "Снег", "title": ["Снег"]}, "column 'title' holds a list, not text"),
        ({"id": True, "text": "Снег"}, "column 'id' holds a truth value, not text"),
        ({"id": "7", "text": "Снег", "outlet": 3}, "column 'outlet' holds a number, not text"),
        ({"id": "7", "text": "Снег", "source": 3}, "column 'source' holds a number, not text"),
        ({"id": "7", "text": "я" * 101}, "column 'text' holds 101 characters, more than 100"),
        ({"id": "7", "title": "я" * 101}, "column 'title' holds 101 characters, more than 100"),
        ({"id": "до", "text": "Снег"}, "id 'до' was seen before"),
        ({"id": "7", "text": "Снег", "rubrics": 3}, "column 'rubrics' holds a number, not names of rubrics"),
        (
            {"id": "7", "text": "Снег", "rubrics": ["туризм", 3]},
            "column 'rubrics' holds a list with a number in it, not names of rubrics",
        ),
        (
            {"id": "7", "text": "Снег", "rubrics": [], "unknown": {}},
            "column 'unknown' holds an object, not names of rubrics",
        ),
        (
            {"id": "7", "text": "Снег", "rubrics": "['туризм']"},
            "column 'rubrics' holds a list written as text, \"['туризм']\"; write economy;tourism",
        ),
        ("{", "not valid JSON: Input data was truncated"),
    ],
)
def test_a_bad_row_is_one_reject_with_its_place_and_reason(tmp_path, row, reason):
    if reason.startswith("not valid"):
        assert str(only(tmp_path, row, limit=100)).startswith("not valid JSON: ")
    else:
        assert only(tmp_path, row, limit=100) == reason


def test_values_of_parquet_that_are_no_text(tmp_path):
    path = tmp_path / "лента.parquet"
    columns = {"id": ["1", "2"], "title": [float("nan"), float("nan")], "text": [b"a", b"b"]}
    pq.write_table(pa.table(columns), path)
    reasons = [reject.reason for reject in all_of(Corpus(path))[1]]
    assert reasons == ["column 'text' holds bytes, not text"] * 2


def test_nan_is_nothing(tmp_path):
    path = tmp_path / "лента.parquet"
    pq.write_table(pa.table({"id": ["1"], "title": [float("nan")], "text": ["Снег"]}), path)
    assert all_of(Corpus(path)) == ([Article("1", "Снег")], [])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-03-04", "2026-03-04"),
        ("20260304", "2026-03-04"),
        ("2026-03-04T10:15:00+03:00", "2026-03-04T10:15:00+03:00"),
        ("2026-03-04T10:15:00", "2026-03-04T10:15:00"),
        ("2026-03-04 10:15", "2026-03-04T10:15:00"),
        ("2026-03-04T10:15:00Z", "2026-03-04T10:15:00+00:00"),
        (" 04.03.2026 10:15 ", "2026-03-04T10:15:00"),
        ("4.3.2026", "2026-03-04"),
        ("04.03.2026, 09:05:07", "2026-03-04T09:05:07"),
        (date(2026, 3, 4), "2026-03-04"),
        (datetime(2026, 3, 4, 10, 15, tzinfo=UTC), "2026-03-04T10:15:00+00:00"),
        ("31.02.2026", ""),
        ("04.03.2026 25:00", ""),
        ("2026-02-31T10:15:00", ""),
        ("сегодня", ""),
        ("", ""),
        (None, ""),
        (1772600000, ""),
    ],
)
def test_dates(value, found):
    assert iso(value) == found


def test_a_parquet_date_becomes_iso(tmp_path):
    path = tmp_path / "лента.parquet"
    stamps = pa.array([0, None], pa.timestamp("ns", "Europe/Moscow"))
    pq.write_table(pa.table({"id": ["1", "2"], "text": ["а", "б"], "date": stamps}), path)
    assert [article.date for article in all_of(Corpus(path))[0]] == ["1970-01-01T03:00:00+03:00", ""]


# Rubrics


def known(*rubrics: str, unknown: tuple[str, ...] = ()) -> Labels:
    return Labels(frozenset(rubrics), frozenset(unknown))


@pytest.mark.parametrize(
    ("rubrics", "unknown", "labels"),
    [
        (["экономика", " туризм "], None, known("экономика", "туризм")),
        ("экономика;туризм", None, known("экономика", "туризм")),
        ("экономика + туризм", None, known("экономика", "туризм")),
        ("экономика|туризм;", None, known("экономика", "туризм")),
        (" Наука, техника ", None, known("Наука, техника")),
        ([], None, known()),
        ("none", None, known()),
        ("Нет", "", known()),
        ("-", None, known()),
        ("—", None, known()),
        ("[]", None, known()),
        (None, None, None),
        ("", None, None),
        (" ;", None, None),
        ([""], None, None),
        (None, ["туризм"], None),
        ([], ["туризм", "спорт"], known(unknown=("туризм", "спорт"))),
        ("экономика", "туризм;спорт", known("экономика", unknown=("туризм", "спорт"))),
        ("экономика", "экономика;туризм", known("экономика", unknown=("туризм",))),
    ],
)
def test_rubrics_hold_do_not_hold_or_are_unknown(tmp_path, rubrics, unknown, labels):
    made = only(tmp_path, {"id": "7", "text": "Снег", "rubrics": rubrics, "unknown": unknown})
    assert made.labels == labels


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        ((1, 0), known("экономика")),
        (("да", "Нет"), known("экономика")),
        ((True, False), known("экономика")),
        ((1.0, "yes"), known("экономика", "туризм")),
        (("0.0", "no"), known()),
        (("TRUE", ""), known("экономика", unknown=("туризм",))),
        ((None, "0"), known(unknown=("экономика",))),
        ((None, " "), None),
    ],
)
def test_one_column_a_rubric(tmp_path, cells, labels):
    row = {"id": "7", "text": "Снег", "экономика": cells[0], "туризм": cells[1]}
    path = write(tmp_path / "лента.jsonl", row)
    assert all_of(Corpus(path, Columns(labels=("экономика", "туризм"))))[0][0].labels == labels


def test_a_cell_that_is_neither_yes_nor_no(tmp_path):
    path = write(tmp_path / "лента.jsonl", {**SNOW, "туризм": 1}, {**FERRY, "туризм": "может быть"})
    articles, rejects = all_of(Corpus(path, Columns(labels=("туризм",))))
    assert [article.id for article in articles] == ["1"]
    reason = (
        "column 'туризм' holds 'может быть'; known: '1', '1.0', 'true', 'yes', 'да'; "
        "'0', '0.0', 'false', 'no', 'нет'; or empty: not known"
    )
    assert rejects == [Reject(str(path), 2, reason)]


def test_labels_laid_over_replace_what_the_data_says(tmp_path):
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


def test_labels_that_cannot_be_laid_over(tmp_path):
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
        (3, "id '1' came before with other rubrics; that answer stays"),
        (4, "no rubrics; write none if none holds"),
        (5, "no id"),
        (6, "column 'rubrics' holds a number, not names of rubrics"),
    ]
    assert rejects[4].reason.startswith("not valid JSON")
    corpus = Corpus(write(tmp_path / "лента.jsonl", SNOW), labels_file=path)
    assert all_of(corpus) == ([Article(**SNOW, labels=labels["1"])], rejects)


def test_a_labels_file_without_rubrics(tmp_path):
    path = write(tmp_path / "метки.jsonl", {"id": "1", "tags": "спорт"})
    with pytest.raises(
        DataError, match=r"there is no column 'rubrics'; the columns are 'id', 'tags'; name one of them"
    ):
        load_labels(path)


# Columns


def test_columns_of_other_names(tmp_path):
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
    ("columns", "missing"),
    [
        (Columns(text="body"), "body"),
        (Columns(rubrics="tags"), "tags"),
        (Columns(labels=("спорт",)), "спорт"),
    ],
)
def test_a_column_that_no_row_has_is_told_at_once(tmp_path, columns, missing):
    path = write(tmp_path / "лента.jsonl", "{", SNOW, FERRY)
    with pytest.raises(DataError) as error:
        next(Corpus(path, columns).batches())
    columns_there = "the columns are 'id', 'text', 'title'; name one of them"
    assert str(error.value) == f"{path}: there is no column {missing!r}; {columns_there}"


def test_a_file_without_text_and_title(tmp_path):
    path = write(tmp_path / "лента.jsonl", {"id": "1", "body": "Снег"})
    with pytest.raises(DataError, match="there is no column 'text'; the columns are 'body', 'id'"):
        next(Corpus(path).batches())


def test_a_column_may_come_later_than_in_the_first_row(tmp_path):
    path = write(tmp_path / "лента.jsonl", SNOW, {**FERRY, "tags": "спорт"}, BRIDGE)
    articles, _ = all_of(Corpus(path, Columns(rubrics="tags")))
    assert [article.labels for article in articles] == [None, known("спорт"), None]


def test_kept_columns_come_along_untouched(tmp_path):
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


def test_every_row_ends_once_in_order_whatever_the_batch(tmp_path):
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
    with pytest.raises(UsageError, match="a batch of 0 rows; the least is 1"):
        next(Corpus(write(tmp_path / "a.jsonl", SNOW)).batches(0))


def test_an_id_of_a_rejected_row_may_come_again(tmp_path):
    path = write(tmp_path / "a.jsonl", {"id": "1"}, SNOW)
    articles, rejects = all_of(Corpus(path))
    assert [article.id for article in articles] == ["1"]
    assert [reject.reason for reject in rejects] == ["no text"]


def test_a_corpus_can_be_gone_over_again(tmp_path):
    corpus = Corpus(write(tmp_path / "a.jsonl", SNOW, FERRY))
    assert all_of(corpus) == all_of(corpus)


def test_ids_seen_take_eight_bytes_each():
    seen = room._Seen()
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


# Sources


def test_a_folder_is_read_by_path_and_without_what_no_reader_knows(tmp_path):
    write(tmp_path / "2025" / "б.jsonl", FERRY)
    write(tmp_path / "2025" / "а.JSONL", SNOW)
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "в.csv.gz").write_bytes(gzip.compress("id;text\n3;Мост\n".encode()))
    write(tmp_path / "ПРОЧТИ.md", "не новости")
    write(tmp_path / ".скрыто.jsonl", "{")
    write(tmp_path / "голый", "{")
    articles, rejects = all_of(Corpus(tmp_path))
    assert [article.id for article in articles] == ["1", "2", "3"]
    assert rejects == []


def test_patterns_and_several_sources_read_each_file_once(tmp_path):
    first, second = write(tmp_path / "x" / "1.jsonl", SNOW), write(tmp_path / "y" / "2.jsonl", FERRY)
    write(tmp_path / "y" / "заметка.txt", "не новости")
    for sources in (
        str(tmp_path / "*" / "*"),
        [tmp_path / "x", second, first],
        str(tmp_path / "**" / "*.jsonl"),
    ):
        assert [article.id for article in all_of(Corpus(sources))[0]] == ["1", "2"]


def test_the_format_may_be_named(tmp_path):
    path = tmp_path / "выгрузка.txt"
    path.write_text("id;text\n1;Снег\n", encoding="utf-8")
    for source in (path, str(tmp_path / "*.txt")):
        assert all_of(Corpus(source, format="csv"))[0] == [Article("1", "Снег")]


SUFFIXES = ".jsonl, .csv, .tsv, .parquet (also with .gz or .zst after it)"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("нет.jsonl", DataError, "{}: there is no such file or folder; check the name"),
        (
            "*.csv",
            DataError,
            "{}: no file that can be read matches this pattern; known suffixes: " + SUFFIXES,
        ),
        ("пусто", DataError, "{}: no file in this folder can be read; known suffixes: " + SUFFIXES),
        (
            "статья.docx",
            UsageError,
            "{}: no reader knows the suffix '.docx'; known: " + SUFFIXES + "; or name the format",
        ),
        (
            "голый.gz",
            UsageError,
            "{}: no reader knows a file without a suffix; known: " + SUFFIXES + "; or name the format",
        ),
    ],
)
def test_nothing_to_read(tmp_path, name, error, message):
    (tmp_path / "пусто").mkdir()
    for bare in ("статья.docx", "голый.gz"):
        (tmp_path / bare).write_bytes(b"x")
    with pytest.raises(error) as raised:
        Corpus(tmp_path / name)
    assert str(raised.value) == message.format(tmp_path / name)


def test_a_named_format_and_nothing_that_matches(tmp_path):
    with pytest.raises(DataError, match=r"\*\.txt: nothing matches; known suffixes: "):
        find(str(tmp_path / "*.txt"), "csv")


def test_no_source_at_all():
    with pytest.raises(DataError, match="no input is named; name a file, a folder, a pattern, or - for"):
        Corpus([])


def test_a_format_that_no_reader_knows(tmp_path):
    path = write(tmp_path / "a.jsonl", SNOW)
    with pytest.raises(UsageError, match="there is no reader called 'xml'; known: 'csv', 'jsonl'"):
        next(Corpus(path, format="xml").batches())


def test_a_file_that_vanished(tmp_path):
    path = write(tmp_path / "a.jsonl", SNOW)
    corpus = Corpus(path)
    path.unlink()
    with pytest.raises(
        DataError, match=r"a\.jsonl: cannot be read \(No such file or directory\); check the file"
    ):
        next(corpus.batches())


def test_made_up_ids_differ_where_two_files_share_a_name(tmp_path):
    first, second = (write(tmp_path / day / "лента.jsonl", {"text": "Снег"}) for day in "ab")
    ids = [article.id for article in all_of(Corpus([first, second]))[0]]
    assert ids == [f"{first}:1", f"{second}:1"]


MANY = "".join(json.dumps({"id": n, "text": f"Снег {n * n * 7919}"}) + "\n" for n in range(50_000)).encode()


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_packed_file_cut_off_gives_its_rows_and_one_reject(tmp_path, suffix):
    path = tmp_path / ("лента.jsonl" + suffix)
    packed = PACKED[suffix](MANY)
    path.write_bytes(packed[: len(packed) // 2])
    articles, rejects = all_of(Corpus(path))
    assert 10_000 < len(articles) < 45_000
    reason = "the file ends in the middle of its packed data, the rest is lost; copy or export it again"
    assert rejects == [Reject(str(path), len(articles) + 1, reason)]


def test_a_short_csv_cut_off_gives_its_rows(tmp_path):
    rows = "id;text\n" + "".join(f"{n};Снег {n * n * 7919}\n" for n in range(200))
    path = tmp_path / "лента.csv.gz"
    path.write_bytes(gzip.compress(rows.encode())[:-200])
    articles, rejects = all_of(Corpus(path))
    assert 50 < len(articles) < 200
    assert len(rejects) == 1


@pytest.mark.parametrize(("suffix", "place"), [(".gz", 3000), (".gz", -6), (".zst", 5), (".gz", 1)])
def test_a_damaged_packed_file_gives_one_reject(tmp_path, suffix, place):
    path = tmp_path / ("лента.jsonl" + suffix)
    packed = bytearray(PACKED[suffix](MANY))
    packed[place] ^= 0xFF
    path.write_bytes(packed)
    rejects = all_of(Corpus(path))[1]
    damaged = [
        reject for reject in rejects if reject.reason.startswith("the packed data is damaged from here on (")
    ]
    assert damaged == rejects[-1:]


def test_a_parquet_file_may_be_packed(tmp_path):
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress(as_parquet([{**SNOW, "rubrics": None}])))
    assert [article.id for article in all_of(Corpus(path))[0]] == ["1"]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        all_of(Corpus(path))


# Standard input


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize(
    "data",
    [
        '{"id": "1", "text": "Снег"}\n'.encode(),
        '\n{"id": "1", "text": "Снег"}'.encode(),
        "id;text\n1;Снег\n".encode(),
        "id,text\n1,Снег\n".encode("cp1251"),
        "\ufeffid\ttext\n1\tСнег\n".encode(),
        gzip.compress('{"id": "1", "text": "Снег"}\n'.encode()),
        pa.compress("id;text\n1;Снег\n".encode(), codec="zstd", asbytes=True),
        as_parquet([{"id": "1", "text": "Снег"}]),
    ],
)
def test_standard_input_tells_its_format(monkeypatch, data):
    stdin(monkeypatch, data)
    assert all_of(Corpus("-")) == ([Article("1", "Снег")], [])


def test_standard_input_with_a_named_format(monkeypatch):
    stdin(monkeypatch, "text\nСнег\n".encode())
    assert all_of(Corpus("-", format="csv"))[0] == [Article("stdin:2", "Снег")]


def test_standard_input_of_anything_else_is_json_lines(monkeypatch):
    stdin(monkeypatch, b"Sneg\n")
    assert [(r.source, r.line) for r in all_of(Corpus("-"))[1]] == [("stdin", 1)]


def test_standard_input_is_read_once(monkeypatch):
    stdin(monkeypatch, b"")
    corpus = Corpus(["-"])
    assert all_of(corpus) == ([], [])
    with pytest.raises(
        UsageError, match="standard input can be read only once; save it to a file and name that"
    ):
        all_of(corpus)


def test_a_row_piped_in_does_not_wait_for_the_next(monkeypatch):
    out, into = os.pipe()
    os.write(into, '{"id": "1", "text": "Снег"}\n'.encode())
    with open(out, encoding="utf-8") as pipe, open(into, "wb") as end:  # noqa: PTH123 (descriptors)
        monkeypatch.setattr(sys, "stdin", pipe)
        batches = Corpus("-").batches(1)
        assert next(batches).articles == [Article("1", "Снег")]
        end.write('{"id": "2", "text": "Дождь"}\n'.encode())
        end.flush()
        assert next(batches).articles == [Article("2", "Дождь")]


# The demonstration corpus


def test_the_demonstration_corpus_is_five_outlets_all_labelled():
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


def test_an_installed_package_has_the_demonstration_inside(monkeypatch, tmp_path):
    write(tmp_path / "demo" / "a.jsonl", SNOW)
    monkeypatch.setattr(room.resources, "files", lambda _: tmp_path)
    assert embedded() == [tmp_path / "demo" / "a.jsonl"]
    with pytest.raises(DataError, match=r"the demonstration inbox is not at .+; install the package again"):
        embedded_inbox()
    inbox = write(tmp_path / "demo" / "inbox" / "inbox.jsonl", FERRY)
    assert embedded_inbox() == inbox
    assert embedded() == [tmp_path / "demo" / "a.jsonl"]


def test_a_package_without_the_demonstration(monkeypatch, tmp_path):
    monkeypatch.setattr(room.resources, "files", lambda _: tmp_path)
    monkeypatch.setattr(room, "__file__", str(tmp_path / "src" / "topics" / "corpus.py"))
    with pytest.raises(DataError, match=r"the demonstration corpus is not in .+; install the package again"):
        embedded()


# Real news


@pytest.mark.news
def test_real_news_is_read_without_a_reject():
    folder = os.environ.get("TOPICS_NEWS_DATA")
    if not folder:
        pytest.skip("TOPICS_NEWS_DATA does not name the news folder")
    corpus = Corpus(Path(folder) / "rubrics.jsonl.gz", labels_file=Path(folder) / "gold.tsv")
    articles, rejects = all_of(corpus)
    assert (len(articles), rejects, corpus.unmatched_labels) == (20_768, [], ())
    assert sum(article.labels.clean for article in articles if article.labels) == 800


def test_articles_travel_between_processes(tmp_path):
    [article], _ = all_of(Corpus(write(tmp_path / "a.jsonl", SNOW), keep=("*",)))
    assert pickle.loads(pickle.dumps(article)) == article
