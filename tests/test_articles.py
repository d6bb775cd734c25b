"""Parsing a row into an article or a reject: allowed values of the columns, and rubrics."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsroom import FERRY, SNOW, all_of, known, write
from topics.corpus import Columns, Corpus
from topics.corpus.articles import Shape, UnfitError, cell_of, iso, mistaken, names
from topics.types import Article, Reject


def parsed(tmp_path: Path, row: object, **options: object) -> Article | str:
    """Parse a row between two good ones; return its article, or the reason of its reject."""
    path = write(tmp_path / "лента.jsonl", {"id": "до", "text": "а"}, row, {"id": "после", "text": "б"})
    articles, rejects = all_of(Corpus(path, **options))
    assert [article.id for article in articles if article.id in {"до", "после"}] == ["до", "после"]
    if rejects:
        [reject] = rejects
        assert (reject.source, reject.line) == (str(path), 2)
        return reject.reason
    return articles[1]


# Articles and rejects


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
    assert parsed(tmp_path, row) == made


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "7"}, "no text"),
        ({"id": "7", "text": None, "title": ""}, "no text"),
        ({"id": "7", "text": " \n", "title": "\t"}, "no text"),
        ({"id": "7", "text": 5}, "column 'text' contains a number, not text"),
        ({"id": "7", "text": 5.5}, "column 'text' contains a number, not text"),
        ({"id": "7", "text": {"html": "Снег"}}, "column 'text' contains an object, not text"),
        ({"id": "7", "text": "Снег", "title": ["Снег"]}, "column 'title' contains a list, not text"),
        ({"id": True, "text": "Снег"}, "column 'id' contains a boolean, not text"),
        ({"id": "7", "text": "Снег", "outlet": [3]}, "column 'outlet' contains a list, not text"),
        ({"id": "7", "text": "Снег", "source": 3.5}, "column 'source' contains a number, not text"),
        ({"id": 7.5, "text": "Снег"}, "column 'id' contains a number, not text"),
        ({"id": "7", "text": "я" * 101}, "column 'text' contains 101 characters; the limit is 100"),
        ({"id": "7", "title": "я" * 101}, "column 'title' contains 101 characters; the limit is 100"),
        ({"id": "до", "text": "Снег"}, "id 'до' was seen before"),
        (
            {"id": "7", "text": "Снег", "rubrics": 3},
            "column 'rubrics' contains a number, not names of rubrics",
        ),
        (
            {"id": "7", "text": "Снег", "rubrics": ["туризм", 3]},
            "column 'rubrics' contains a list with a number, not only names of rubrics",
        ),
        (
            {"id": "7", "text": "Снег", "rubrics": [], "unknown": {}},
            "column 'unknown' contains an object, not names of rubrics",
        ),
        (
            {"id": "7", "text": "Снег", "rubrics": "['туризм']"},
            "column 'rubrics' contains a list written as text, \"['туризм']\"; write economy;tourism",
        ),
        ("{", "not valid JSON: Input data was truncated"),
    ],
)
def test_a_bad_row_is_one_reject_with_its_place_and_reason(tmp_path, row, reason):
    if reason.startswith("not valid"):
        assert str(parsed(tmp_path, row, limit=100)).startswith("not valid JSON: ")
    else:
        assert parsed(tmp_path, row, limit=100) == reason


def test_bytes_in_a_text_column_of_parquet_are_rejects(tmp_path):
    path = tmp_path / "лента.parquet"
    columns = {"id": ["1", "2"], "title": [float("nan"), float("nan")], "text": [b"a", b"b"]}
    pq.write_table(pa.table(columns), path)
    reasons = [reject.reason for reject in all_of(Corpus(path))[1]]
    assert reasons == ["column 'text' contains bytes, not text"] * 2


@pytest.mark.parametrize(
    ("rubrics", "cell"),
    [
        ((), "none"),
        (("economy",), "economy"),
        (("туризм", "Кино 18+"), "туризм;Кино 18+"),
        (("Дом; сад", "economy"), '["Дом; сад","economy"]'),
        (("Дом+сад",), '["Дом+сад"]'),
        (("еда|вода",), '["еда|вода"]'),
        (("«Кино»",), '["«Кино»"]'),
        (("[прочее]",), '["[прочее]"]'),
    ],
)
def test_rubrics_survive_a_round_trip_through_a_cell(rubrics, cell):
    assert cell_of(rubrics) == cell
    assert names(cell, "rubrics") == frozenset(rubrics)


def test_parquet_numbers_and_uuids_are_ids_and_outlets(tmp_path):
    path, key = tmp_path / "лента.parquet", UUID("12345678-1234-5678-1234-567812345678")
    columns = {
        "id": pa.array([key.bytes, None], pa.uuid()),
        "nid": pa.array([Decimal(10**19), Decimal(2)], pa.decimal128(20, 0)),
        "text": ["Снег", "Паром"],
        "outlet": [5.0, None],
        "date": [1_772_600_400.0, None],
        "туризм": pa.array([Decimal("1.00"), Decimal("0.00")], pa.decimal128(3, 2)),
    }
    pq.write_table(pa.table(columns), path)
    assert all_of(Corpus(path, Columns(labels=("туризм",)))) == (
        [
            Article(str(key), "Снег", "", "2026-03-04T05:00:00+00:00", "5", known("туризм")),
            Article("лента.parquet:2", "Паром", labels=known()),
        ],
        [],
    )
    assert [article.id for article in all_of(Corpus(path, Columns(id="nid")))[0]] == [f"1{'0' * 19}", "2"]


@pytest.mark.parametrize("number", [7.5, float("inf"), Decimal("7.5"), Decimal("Infinity")])
def test_a_fractional_id_is_rejected(number):
    with pytest.raises(UnfitError, match="column 'id' contains a number, not text"):
        Shape(Columns(), (), 100).article({"id": number, "text": "Снег"})


def test_a_parquet_date_out_of_range_does_not_reject_the_article(tmp_path):
    path = tmp_path / "лента.parquet"
    far = pa.array([1 << 62], pa.int64()).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"id": ["1"], "text": ["Снег"], "date": far, "crawled": far}), path)
    assert all_of(Corpus(path)) == ([Article("1", "Снег")], [])
    assert all_of(Corpus(path, keep=("crawled",)))[0][0].kept == {"crawled": None}
    [reject] = all_of(Corpus(path, Columns(outlet="crawled")))[1]
    assert reject.reason.startswith("column 'crawled' cannot be read: ")


def test_nan_counts_as_empty(tmp_path):
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
        (1_772_600_400.0, "2026-03-04T05:00:00+00:00"),
        ("1772600400.0", "2026-03-04T05:00:00+00:00"),
        (float("inf"), ""),
        (Decimal("1772600400.5"), "2026-03-04T05:00:00+00:00"),
        (date(2026, 3, 4), "2026-03-04"),
        (datetime(2026, 3, 4, 10, 15, tzinfo=UTC), "2026-03-04T10:15:00+00:00"),
        ("31.02.2026", ""),
        ("04.03.2026 25:00", ""),
        ("2026-02-31T10:15:00", ""),
        ("сегодня", ""),
        ("", ""),
        (None, ""),
        ("4/3/2026 9:05", "2026-03-04T09:05:00"),
        ("25/12/2026", "2026-12-25"),
        ("12/25/2026", ""),
        ("2026/03/04", "2026-03-04"),
        ("2026-3-4", "2026-03-04"),
        ("2026.03.04 10:15", "2026-03-04T10:15:00"),
        ("4 марта 2026", "2026-03-04"),
        ("4 Марта 2026 г., 10:15", "2026-03-04T10:15:00"),
        ("04 мая 2026 года в 9:05", "2026-05-04T09:05:00"),
        ("4 мартобря 2026", ""),
        ("Wed, 04 Mar 2026 10:15:00 +0300", "2026-03-04T10:15:00+03:00"),
        ("04 Mar 2026 10:15:00 GMT", "2026-03-04T10:15:00+00:00"),
        ("Wed, 34 Mar 2026 10:15:00 +0300", ""),
        ("Wed, 04 Mar 2026 10:15:00 +999999", ""),
        (1772600000, "2026-03-04T04:53:20+00:00"),
        ("1772600000", "2026-03-04T04:53:20+00:00"),
        (17726, ""),
        (-5, ""),
        (True, ""),
        (1772600000000, "2026-03-04T04:53:20+00:00"),
        ("1772600000000", "2026-03-04T04:53:20+00:00"),
        ("17726000000000", ""),
        ("04.03.26 10.15", "2026-03-04T10:15:00"),
        ("04-03-2026", "2026-03-04"),
        ("04.03.2026г.", "2026-03-04"),
        ("4 мар. 2026", "2026-03-04"),
        ("4 м 2026", ""),
    ],
)
def test_dates_are_parsed(value, found):
    assert iso(value) == found


def test_a_parquet_date_becomes_iso(tmp_path):
    path = tmp_path / "лента.parquet"
    stamps = pa.array([0, None], pa.timestamp("ns", "Europe/Moscow"))
    pq.write_table(pa.table({"id": ["1", "2"], "text": ["а", "б"], "date": stamps}), path)
    assert [article.date for article in all_of(Corpus(path))[0]] == ["1970-01-01T03:00:00+03:00", ""]


# Rubrics


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
        ("?", None, None),
        ("Не знаю", None, None),
        ("«Экономика; туризм»", None, known("Экономика", "туризм")),
        ('"экономика"; “туризм”', None, known("экономика", "туризм")),
        ([""], None, None),
        (["нет"], None, known()),
        (["None", "—"], None, known()),
        (["?"], None, None),
        (["экономика", "-"], None, known("экономика")),
        ("none;экономика", None, known("экономика")),
        ("нет; -", None, known()),
        (["Кино 18+", "Наука\nи  техника"], None, known("Кино 18+", "Наука и техника")),
        ("Кино 18+", None, known("Кино 18+")),
        ("«Кино 18+»; Наука  и техника", None, known("Кино 18+", "Наука и техника")),
        ("Проект «Наш Урал»;«Дом» и сад", None, known("Проект «Наш Урал»", "«Дом» и сад")),
        (
            '«Проект «Наш Урал»»; "Фестиваль “Кинотавр”"',
            None,
            known("Проект «Наш Урал»", "Фестиваль “Кинотавр”"),
        ),
        ("«Проект «Наш Урал»;«Дом и сад", None, known("Проект «Наш Урал»", "Дом и сад")),
        ("Кино 18+ + спорт", None, known("Кино 18+", "спорт")),
        ("спорт+Кино 18+", None, known("Кино 18+", "спорт")),
        ("спорт+", None, known("спорт")),
        ("ТОП-10+спорт", None, known("ТОП-10", "спорт")),
        (["Рай\u00adон\u200bный", "Рай\u043e\u043dны\u0438\u0306"], None, known("Районный")),
        ("Районны\u0438\u0306;\ufeffспорт", None, known("Районный", "спорт")),
        ('["Дом; сад", "C++ и друзья"]', None, known("Дом; сад", "C++ и друзья")),
        ('[""]', None, None),
        (None, ["туризм"], None),
        ([], ["туризм", "спорт"], known(unknown=("туризм", "спорт"))),
        ("экономика", "туризм;спорт", known("экономика", unknown=("туризм", "спорт"))),
        ("экономика", "экономика;туризм", known("экономика", unknown=("туризм",))),
    ],
)
def test_rubrics_are_parsed_as_positive_negative_or_unknown(tmp_path, rubrics, unknown, labels):
    made = parsed(tmp_path, {"id": "7", "text": "Снег", "rubrics": rubrics, "unknown": unknown})
    assert made.labels == labels


@pytest.mark.parametrize(
    ("rubrics", "message"),
    [
        (["экономика", "туризм", "Наука, техника", "ЖКХ/быт", "спорт / туризм"], ""),
        (
            ["быт", "туризм", "Туризм,  быт"],
            "'Туризм,  быт' combines 'быт', 'туризм'; separate names by ;",
        ),
        (
            ["быт", "туризм", "быт / туризм"],
            "'быт / туризм' combines 'быт', 'туризм'; separate names by",
        ),
        (
            ["быт", "Экономика+Финансы"],
            "'Экономика+Финансы' is read as 'Финансы', 'Экономика' from a table; rename it",
        ),
        (["Кино 18+", "C#"], ""),
        (["БЫТ", "спорт", "быт"], "the rubrics 'БЫТ', 'быт' differ only by case, spaces, ё or letters"),
        (["быт  дня", "быт дня"], "the rubrics 'быт  дня', 'быт дня' differ only by case, spaces, ё or"),
        (["Туризм", "Tуризм"], "ё or letters of another alphabet; spell them alike"),
        (["Ёлки", "Елки"], "the rubrics 'Ёлки', 'Елки' differ only by case, spaces, ё or letters of another"),
        (["Проект «Наш Урал»", "«Дом» и сад"], ""),
    ],
)
def test_suspicious_names_of_rubrics_are_reported(rubrics, message):
    lines = mistaken(rubrics)
    assert len(lines) == bool(message)
    assert message in "".join(lines)


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
        (("?", "да"), known("туризм", unknown=("экономика",))),
        (("Не знаю", "?"), None),
    ],
)
def test_one_column_per_rubric(tmp_path, cells, labels):
    row = {"id": "7", "text": "Снег", "экономика": cells[0], "туризм": cells[1]}
    path = write(tmp_path / "лента.jsonl", row)
    assert all_of(Corpus(path, Columns(labels=("экономика", "туризм"))))[0][0].labels == labels


def test_a_cell_that_is_neither_yes_nor_no_is_a_reject(tmp_path):
    path = write(tmp_path / "лента.jsonl", {**SNOW, "туризм": 1}, {**FERRY, "туризм": "может быть"})
    articles, rejects = all_of(Corpus(path, Columns(labels=("туризм",))))
    assert [article.id for article in articles] == ["1"]
    reason = (
        "column 'туризм' contains 'может быть'; valid: '1', '1.0', 'true', 'yes', 'да'; "
        "'0', '0.0', 'false', 'no', 'нет'; empty or '?': unknown"
    )
    assert rejects == [Reject(str(path), 2, reason)]


def test_articles_can_be_pickled(tmp_path):
    [article], _ = all_of(Corpus(write(tmp_path / "a.jsonl", SNOW), keep=("*",)))
    assert pickle.loads(pickle.dumps(article)) == article
