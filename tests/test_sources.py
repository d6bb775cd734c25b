"""Sources of rows: files, folders, patterns, compressed files, standard input."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys

import pyarrow as pa
import pytest

from exports import PACKED, as_parquet
from newsroom import FERRY, SNOW, all_of, write
from topics.corpus import Columns, Corpus
from topics.corpus.sources import find, kinds
from topics.errors import DataError, UsageError
from topics.types import Article, Reject


def test_a_folder_is_read_in_order_without_unknown_formats(tmp_path):
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


def test_a_folder_reports_skipped_files_except_hidden_and_our_own(tmp_path):
    write(tmp_path / "а.jsonl", SNOW)
    for name in ("б.xlsx", "в.TXT", "г.tar.gz", "д.json", "голый", "2026.01.xlsx"):
        write(tmp_path / name)
    for name in (".скрыто", ".job/5.ids", "б.jsonl.job/KEY/0.done", "scored/summary.json", "scored/job.json"):
        write(tmp_path / name)
    for name in (".ipynb_checkpoints/а-checkpoint.jsonl", "б.jsonl.job/KEY/00000.jsonl"):
        write(tmp_path / name, SNOW)
    found = find(tmp_path)
    assert [source.path.name for source in found.sources] == ["а.jsonl"]
    assert len(found.others) == 6
    assert kinds(found.others) == ".json, .tar.gz, .txt, .xlsx, without a suffix"
    assert find([tmp_path, tmp_path / "*.json"]).others == [
        path for path in found.others if path.name != "д.json"
    ]


@pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.gz", ".NDJSON.zst", ".json", ".json.gz"])
def test_json_lines_may_have_other_suffixes(tmp_path, suffix):
    path = tmp_path / f"лента{suffix}"
    packed = PACKED.get(path.suffix, bytes)
    path.write_bytes(packed(json.dumps(SNOW).encode()))
    for given in (path, str(tmp_path / "*")):
        assert [article.id for article in all_of(Corpus(given))[0]] == ["1"]
    if "ndjson" in suffix.lower():
        assert find(tmp_path).sources == find(path).sources
    else:
        with pytest.raises(DataError, match=r"a \.json with JSON Lines is read if given by name"):
            find(tmp_path)


def test_patterns_and_several_sources_read_each_file_once(tmp_path):
    first, second = write(tmp_path / "x" / "1.jsonl", SNOW), write(tmp_path / "y" / "2.jsonl", FERRY)
    write(tmp_path / "y" / "заметка.txt", "не новости")
    for sources in (
        str(tmp_path / "*" / "*"),
        [tmp_path / "x", second, first],
        str(tmp_path / "**" / "*.jsonl"),
    ):
        assert [article.id for article in all_of(Corpus(sources))[0]] == ["1", "2"]


def test_a_circular_link_does_not_repeat_files(tmp_path):
    root, archive = tmp_path / "лента", write(tmp_path / "архив" / "б.jsonl", FERRY)
    files = [write(root / "2026" / name, SNOW) for name in ("а.jsonl", "я.jsonl")]
    (root / "2026" / "круг").symlink_to(root / "2026")
    (root / "2025").symlink_to(archive.parent)
    found = find(str(root / "**" / "*.jsonl")).sources
    assert [source.path for source in found] == [root / "2025" / "б.jsonl", *files]


def test_the_format_may_be_given(tmp_path):
    path = tmp_path / "выгрузка.txt"
    path.write_text("id;text\n1;Снег\n", encoding="utf-8")
    for source in (path, str(tmp_path / "*.txt")):
        assert all_of(Corpus(source, format="csv"))[0] == [Article("1", "Снег")]


SUFFIXES = ".jsonl, .csv, .tsv, .parquet, .ndjson (also with .gz or .zst after it)"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("нет.jsonl", DataError, "{}: no such file or folder; check the name"),
        (
            "*.csv",
            DataError,
            "{}: no file that can be read matches this pattern; known suffixes: " + SUFFIXES,
        ),
        ("пусто", DataError, "{}: no file in this folder can be read; known suffixes: " + SUFFIXES),
        (
            "статья.docx",
            UsageError,
            "{}: unknown suffix '.docx'; known suffixes: " + SUFFIXES + "; or name the format",
        ),
        ("архив.xlsx", UsageError, "{}: is a spreadsheet; save it as CSV"),
        (
            "голый.gz",
            UsageError,
            "{}: no suffix; known suffixes: " + SUFFIXES + "; or name the format",
        ),
    ],
)
def test_no_readable_file_is_an_error(tmp_path, name, error, message):
    (tmp_path / "пусто").mkdir()
    for bare in ("статья.docx", "архив.xlsx", "голый.gz"):
        (tmp_path / bare).write_bytes(b"x")
    with pytest.raises(error) as raised:
        Corpus(tmp_path / name)
    assert str(raised.value) == message.format(tmp_path / name)


def test_a_pattern_without_a_match_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"\*\.txt: nothing matches; known suffixes: "):
        find(str(tmp_path / "*.txt"), "csv")


def test_no_source_is_an_error():
    with pytest.raises(DataError, match="no input; name a file, a folder, a pattern, or - for"):
        Corpus([])


def test_an_unknown_format_is_an_error(tmp_path):
    path = write(tmp_path / "a.jsonl", SNOW)
    with pytest.raises(UsageError, match="unknown reader 'xml'; known: 'csv', 'jsonl'"):
        next(Corpus(path, format="xml").batches())


def test_a_vanished_file_is_an_error(tmp_path):
    path = write(tmp_path / "a.jsonl", SNOW)
    corpus = Corpus(path)
    path.unlink()
    with pytest.raises(
        DataError, match=r"a\.jsonl: cannot be read \(No such file or directory\); check the file"
    ):
        next(corpus.batches())


def test_generated_ids_differ_if_two_files_share_a_name(tmp_path):
    first, second = (write(tmp_path / day / "лента.jsonl", {"text": "Снег"}) for day in "ab")
    ids = [article.id for article in all_of(Corpus([first, second]))[0]]
    assert ids == [f"{first}:1", f"{second}:1"]


MANY = "".join(json.dumps({"id": n, "text": f"Снег {n * n * 7919}"}) + "\n" for n in range(50_000)).encode()


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_truncated_compressed_file_gives_rows_and_one_reject(tmp_path, suffix):
    path = tmp_path / ("лента.jsonl" + suffix)
    packed = PACKED[suffix](MANY)
    path.write_bytes(packed[: len(packed) // 2])
    articles, rejects = all_of(Corpus(path))
    assert 10_000 < len(articles) < 45_000
    reason = "the compressed data is cut short, the rest is lost; copy or export it again"
    assert rejects == [Reject(str(path), len(articles) + 1, reason)]


def test_a_truncated_short_csv_gives_rows_and_one_reject(tmp_path):
    rows = "id;text\n" + "".join(f"{n};Снег {n * n * 7919}\n" for n in range(200))
    path = tmp_path / "лента.csv.gz"
    path.write_bytes(gzip.compress(rows.encode())[:-200])
    articles, rejects = all_of(Corpus(path))
    assert 50 < len(articles) < 200
    assert len(rejects) == 1


@pytest.mark.parametrize(("suffix", "place"), [(".gz", 3000), (".gz", -6), (".zst", 5), (".gz", 1)])
def test_a_damaged_compressed_file_gives_one_reject(tmp_path, suffix, place):
    path = tmp_path / ("лента.jsonl" + suffix)
    packed = bytearray(PACKED[suffix](MANY))
    packed[place] ^= 0xFF
    path.write_bytes(packed)
    rejects = all_of(Corpus(path))[1]
    damaged = [
        reject
        for reject in rejects
        if reject.reason.startswith("the compressed data is damaged from here on (")
    ]
    assert damaged == rejects[-1:]


def test_a_parquet_file_may_be_compressed(tmp_path):
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress(as_parquet([{**SNOW, "rubrics": None}])))
    assert [article.id for article in all_of(Corpus(path))[0]] == ["1"]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        all_of(Corpus(path))


# Standard input


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def streamed(corpus: Corpus) -> list[Article | Reject]:
    return list(corpus.stream(lambda: None))


@pytest.mark.parametrize(
    "data",
    [
        '{"id": "1", "text": "Снег"}\n'.encode(),
        '\n{"id": "1", "text": "Снег"}'.encode(),
        "id;text\n1;Снег\n".encode(),
        "id,text\n1,Снег\n".encode("cp1251"),
        "\ufeffid\ttext\n1\tСнег\n".encode(),
        gzip.compress('{"id": "1", "text": "Снег"}\n'.encode(), mtime=0),
        pa.compress("id;text\n1;Снег\n".encode(), codec="zstd", asbytes=True),
        as_parquet([{"id": "1", "text": "Снег"}]),
        "\r\n\nid;text\n1;Снег\n".encode(),
        'id,"views [24h]",text\n1,7,Снег\n'.encode(),
    ],
)
def test_the_format_of_standard_input_is_detected(monkeypatch, data):
    stdin(monkeypatch, data)
    assert all_of(Corpus("-")) == ([Article("1", "Снег")], [])


@pytest.mark.parametrize("header", ["text", '"text"', "\ufefftext\r", "тело"])
def test_standard_input_with_one_column_is_a_table(monkeypatch, header):
    stdin(monkeypatch, f"{header}\nСнег\n".encode())
    columns = Columns(text="тело" if header == "тело" else "text")
    assert all_of(Corpus("-", columns)) == ([Article("stdin:2", "Снег")], [])


def test_columns_of_standard_input_may_have_brackets(monkeypatch):
    stdin(monkeypatch, "[id],[text]\n1,Снег\n".encode())
    assert all_of(Corpus("-", Columns(id="[id]", text="[text]"))) == ([Article("1", "Снег")], [])


def test_standard_input_may_have_a_given_format(monkeypatch):
    stdin(monkeypatch, "text\nСнег\n".encode())
    assert all_of(Corpus("-", format="csv"))[0] == [Article("stdin:2", "Снег")]


def test_other_standard_input_is_json_lines(monkeypatch):
    stdin(monkeypatch, b"Sneg\n")
    assert [(r.source, r.line) for r in all_of(Corpus("-"))[1]] == [("stdin", 1)]


def test_standard_input_can_be_read_only_once(monkeypatch):
    stdin(monkeypatch, b"")
    corpus = Corpus(["-"])
    assert all_of(corpus) == ([], [])
    with pytest.raises(
        UsageError, match="standard input can be read only once; save it to a file and name the file"
    ):
        all_of(corpus)


def test_a_piped_row_is_yielded_immediately(monkeypatch):
    out, into = os.pipe()
    os.write(into, '{"id": "1", "text": "Снег"}\n'.encode())
    with open(out, encoding="utf-8") as pipe, open(into, "wb") as end:  # noqa: PTH123 (descriptors)
        monkeypatch.setattr(sys, "stdin", pipe)
        batches = Corpus("-").batches(1)
        assert next(batches).articles == [Article("1", "Снег")]
        end.write('{"id": "2", "text": "Дождь"}\n'.encode())
        end.flush()
        assert next(batches).articles == [Article("2", "Дождь")]


def test_a_piped_table_row_is_yielded_immediately(monkeypatch):
    out, into = os.pipe()
    os.write(into, "id;text\nбез текста\n".encode())
    with open(out, encoding="utf-8") as pipe, open(into, "wb") as end:  # noqa: PTH123 (descriptors)
        monkeypatch.setattr(sys, "stdin", pipe)
        rows = Corpus("-").stream(lambda: None)
        assert next(rows) == Reject("stdin", 2, "the row has 1 fields, the header 2")
        for text in ("Снег", "Дождь"):
            end.write(f"{text};{text}\n".encode())
            end.flush()
            assert next(rows) == Article(text, text)


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (f"id,title,body\n1,Пуск,{'Завод ' * 60}\n", {}, "no column 'text', but 'body' contains long texts"),
        (
            "id,text\n1,Снег\n",
            {"columns": Columns(text="body")},
            "no column 'body'; the columns are 'id', 'te",
        ),
        ("id,text\n1,Снег\n", {"keep": ("url",)}, "no column 'url'; the columns are 'id', 'text'"),
    ],
)
def test_missing_columns_of_a_piped_table_are_an_error(monkeypatch, packed, table, options, message):
    for read in (all_of, streamed):
        stdin(monkeypatch, packed(table.encode()))
        with pytest.raises(DataError, match=f"stdin: {message}"):
            read(Corpus("-", **options))


def test_missing_columns_of_a_json_stream_are_known_at_the_end(monkeypatch):
    row = json.dumps({**SNOW, "url": "https://пример.рф/1"}).encode() + b"\n"
    stdin(monkeypatch, b"{\n" + json.dumps(FERRY).encode() + b"\n" + row)
    corpus = Corpus("-", Columns(text="body", date="created"), keep=("url", "views", "*"))
    assert [type(one) for one in streamed(corpus)] == [Reject, Article, Article]
    assert corpus.missing_columns == ("body", "created", "views")
    stdin(monkeypatch, row)
    corpus = Corpus("-", keep=("url", "*"))
    assert streamed(corpus)[0].kept["url"] == "https://пример.рф/1"
    assert corpus.missing_columns == ()
