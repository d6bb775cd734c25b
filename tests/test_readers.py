"""Readers of each format; a bad row is one reject."""

from __future__ import annotations

import codecs
import csv
import io
import re
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.errors import DataError
from topics.plugins import READERS
from topics.readers import harmless, restored
from topics.types import Reject, Row


def read(form: str, data: bytes, limit: int = 1000) -> list[Row | Reject]:
    return list(READERS.load(form).read(io.BytesIO(data), "лента", limit))


def good(found: list[Row | Reject]) -> list[tuple[int, dict[str, object]]]:
    return [(row.line, row.values) for row in found if isinstance(row, Row)]


def bad(found: list[Row | Reject]) -> list[tuple[int, str]]:
    assert all(reject.source == "лента" for reject in found if isinstance(reject, Reject))
    return [(reject.line, reject.reason) for reject in found if isinstance(reject, Reject)]


def parquet(columns: dict[str, Any] | pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), sink, row_group_size=3000)
    return sink.getvalue()


# CSV with a delimiter line for Excel


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_first_line_may_state_the_delimiter(delimiter):
    data = f"\ufeffsep={delimiter}\r\nid{delimiter}text\r\n1{delimiter}Снег\r\n".encode()
    assert good(read("csv", data)) == [(3, {"id": "1", "text": "Снег"})]


# CSV with escaped formulas


@given(st.text(st.sampled_from("'=+-@ \t\n5а"), max_size=5) | st.text())
def test_an_escaped_cell_is_restored(cell):
    written = harmless(cell)
    assert restored(written) == cell.replace("\r", " ")
    assert not re.match(r"\s*[=+@-]|\t", written) or re.fullmatch(r"[+-]?\d+([.,]\d+)?", written)


def test_escaped_cells_of_a_table_are_restored():
    data = "id;text\n1;'=HYPERLINK(1)\n2;'- Привет\n3;'Урал'\n4;-5\n".encode()
    assert [row["text"] for _, row in good(read("csv", data))] == [
        "=HYPERLINK(1)",
        "- Привет",
        "'Урал'",
        "-5",
    ]


# JSON Lines


def test_json_lines_skips_a_byte_order_mark_and_blank_lines():
    data = codecs.BOM_UTF8 + '{"id": 1, "text": "Паводок"}\n\n  \r\n{"id": 2, "text": null}'.encode()
    assert good(read("jsonl", data)) == [(1, {"id": 1, "text": "Паводок"}), (4, {"id": 2, "text": None})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "\xcf\xe0\xe2"}', "not UTF-8: byte 0xcf at 10"),
        (b'{"text": "\xd0\x9f\xd0', "not UTF-8: byte 0xd0 at 12"),
        ('{"text": "Цены выро'.encode(), "not valid JSON: invalid character (byte 27)"),
        (b'{"text": 1,}', "not valid JSON: trailing comma in object (byte 11)"),
        (b'{"text": 1e999}', "not valid JSON: Number out of range - at `$[...]`"),
        (b'{"text": ' + b"[" * 5000, "not valid JSON: nested too deeply"),
        (
            b'[{"text": "a"}]',
            "a list, not an object; each line must be one article (jq -c '.[]' turns a list into lines)",
        ),
        (b'"text"', 'not an object; each line must be one article, {"title": …, "text": …}'),
        (b'{"text": "' + b"a" * 6000 + b'"}', "the line is longer than 6000 bytes"),
    ],
)
def test_a_bad_line_is_one_reject_and_its_neighbours_live(line, reason):
    data = '{"text": "Мост открыт"}\n'.encode() + line + '\n{"text": "Паром встал"}\n'.encode()
    found = read("jsonl", data)
    assert bad(found) == [(2, reason)]
    assert good(found) == [(1, {"text": "Мост открыт"}), (3, {"text": "Паром встал"})]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"Снег \ud83d…", "Снег \ufffd…"),
        (r"Снег \uD83D", "Снег \ufffd"),
        (r"\ude00 Снег \ud83d\ude00", "\ufffd Снег 😀"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\ud83d\u0041 \\ud83d \n", "\ufffdA \\ud83d \n"),
    ],
)
def test_lone_surrogates_are_replaced(written, text):
    assert good(read("jsonl", f'{{"text": "{written}"}}\n'.encode())) == [(1, {"text": text})]


def test_a_line_of_a_gigabyte_is_not_held_in_memory():
    class Endless(io.RawIOBase):
        """A gigabyte without a line break, then one good row."""

        left = 1 << 30

        def readable(self):
            return True

        def readinto(self, buffer):
            size = min(len(buffer), self.left) if self.left else 0
            if size:
                self.left -= size
                buffer[:size] = bytes(size)
                return size
            tail, self.tail = self.tail, b""
            buffer[: len(tail)] = tail
            return len(tail)

        tail = '\n{"text": "Цел"}\n'.encode()

    taken: list[int] = []

    class Watched(io.BufferedReader):
        def readline(self, size=-1):
            line = super().readline(size)
            taken.append(len(line))
            return line

    found = list(READERS.load("jsonl").read(Watched(Endless(), 1 << 20), "лента", 1000))
    assert [type(each) for each in found] == [Reject, Row]
    assert max(taken) <= 1 << 16


# CSV


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encoding_and_delimiter_of_csv_are_detected(delimiter, encoding, end):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(["id", "заголовок, лид", "text"])
    writer.writerow(["1", "Завод «Ёлка»; №5", 'Директор: "Растём"\nна 3%,\tговорит'])
    writer.writerow(["2", "", "Ну и ну…"])
    found = read("csv", text.getvalue().encode(encoding))
    assert good(found) == [
        (
            2,
            {"id": "1", "заголовок, лид": "Завод «Ёлка»; №5", "text": 'Директор: "Растём"\nна 3%,\tговорит'},
        ),
        (4, {"id": "2", "заголовок, лид": "", "text": "Ну и ну…"}),
    ]
    assert bad(found) == []


HEAD = "id;title;text\n"
FIRST = "1;Мост;Открыт\n"
LAST = '3;"Паром";"Встал\nна ремонт"\n4;Снег;Идёт\n'
FIRST_ROW = {"id": "1", "title": "Мост", "text": "Открыт"}
LAST_ROWS = [
    {"id": "3", "title": "Паром", "text": "Встал\nна ремонт"},
    {"id": "4", "title": "Снег", "text": "Идёт"},
]
UNDOUBLED = "a quote inside a quoted field is not doubled, or a quote is never closed"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2;Снег;Идёт;лишнее\n", "the row has 4 fields, the header 3"),
        ("2;Снег\n", "the row has 2 fields, the header 3"),
        ('2;"Снег;Идёт\n', UNDOUBLED),
        ('2;Снег;"ООО "Ромашка" растёт"\n', UNDOUBLED),
        (
            '2;Снег;"ООО "Ромашка"\nвторой абзац\nтретий";\n',
            UNDOUBLED + " (lines 3 to 5 are skipped)",
        ),
        (
            '2;"Снег\nи ветер";Идёт;лишнее\n',
            "the row has 4 fields, the header 3 (lines 3 to 4 are skipped)",
        ),
        ("2;Снег;И\0дёт\n", "a NUL byte in the row"),
        ("2;Снег;\udcffИдёт\n", "not UTF-8: byte 0xff after '2;Снег;'"),
        (f"2;Снег;{'я' * 2000}\n", "the row is too long, or a quote is never closed"),
        (f'2;Снег;"{"я" * 9000}"\n', "the row is too long, or a quote is never closed"),
    ],
)
def test_a_bad_row_is_one_reject_and_its_neighbours_live(row, reason):
    found = read("csv", (HEAD + FIRST + row + LAST).encode("utf-8", "surrogateescape"))
    assert bad(found) == [(3, reason)]
    assert [values for _, values in good(found)] == [FIRST_ROW, *LAST_ROWS]


def test_an_unclosed_quote_loses_one_row():
    rows = "".join(f"{n};Снег;Идёт день {n}\n" for n in range(3, 3000))
    found = read("csv", (HEAD + FIRST + '2;"Снег;Идёт\n' + rows).encode())
    assert bad(found) == [(3, "the row is too long, or a quote is never closed")]
    assert [line for line, _ in good(found)] == [2, *range(4, 3001)]


def test_an_unclosed_quote_at_the_end_loses_one_row():
    found = read("csv", (HEAD + '2;"Снег;Идёт\n3;Паром;Встал\n').encode())
    assert bad(found) == [(2, "a quote is never closed")]
    assert [line for line, _ in good(found)] == [3]


def test_a_huge_row_is_one_reject():
    huge = '2;Снег;"' + "Снег идёт\n" * 5000 + '"\n'
    found = read("csv", (HEAD + FIRST + huge + LAST).encode())
    reason = "the row is too long, or a quote is never closed (lines 3 to 5003 are skipped)"
    assert bad(found) == [(3, reason)]
    assert [values for _, values in good(found)] == [FIRST_ROW, *LAST_ROWS]


def test_a_file_of_unclosed_quotes_is_read_in_linear_time():
    # Each line closes the previous quote and opens another, so every row reaches the limit.
    module = import_module("topics.readers.csv")
    lines = module._Lines(io.BytesIO((HEAD + 'x";"\n' * 20_000).encode()), "лента", max_length=2000)
    table = module._Table(lines, "лента", ";")
    assert all(isinstance(each, Reject) for each in table.rows())
    assert lines.characters_reread <= (module.MAX_REREADS + 1) * lines.characters_read


def test_bytes_undefined_in_cp1251_are_rejects():
    data = "id;title;text\n1;Мост;Открыт\n".encode("cp1251") + b"2;\xd1\xed\xe5\xe3;\x98\n"
    assert bad(read("csv", data)) == [(3, "not CP1251: byte 0x98 after '2;Снег;'")]


def test_one_bad_byte_does_not_change_the_detected_encoding():
    data = b"id;text\n1;\xff\n" + "2;Паром\n3;Снег\n".encode()
    found = read("csv", data)
    assert bad(found) == [(2, "not UTF-8: byte 0xff after '1;'")]
    assert [values["text"] for _, values in good(found)] == ["Паром", "Снег"]


def test_encoding_detection_does_not_split_a_letter():
    module = import_module("topics.readers.csv")
    for shift in range(2):
        text = HEAD + "1;" + "a" * shift + ";" + "я" * module.READ_SIZE + "\n"
        assert len(good(read("csv", text.encode(), limit=module.READ_SIZE))) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
def test_the_encoding_is_detected_at_the_first_letters(encoding):
    plain = "".join(f"{n};Sneg;idet den {n}\n" for n in range(5000))
    found = read("csv", (HEAD + plain + LAST).encode(encoding))
    assert [values for _, values in good(found)[5000:]] == LAST_ROWS
    assert bad(found) == []


class Piped(io.BytesIO):
    """A stream that arrives in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__()
        self.pieces = list(pieces)

    def read1(self, size=-1):
        return self.pieces.pop(0) if self.pieces else b""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1251"])
def test_a_csv_row_is_yielded_before_the_next_arrives(encoding):
    text = HEAD + FIRST + "2;Снег;Идёт\n" + LAST
    head, *rows = text.encode(encoding).splitlines(keepends=True)
    stream = Piped(head, *rows)
    found = READERS.load("csv").read(stream, "лента", 1000)
    assert next(found).values == FIRST_ROW
    assert next(found).line == 3
    assert stream.pieces == rows[2:]
    assert [row.values for row in found] == LAST_ROWS


@pytest.mark.parametrize("size", [1, 2, 7])
def test_csv_does_not_depend_on_the_pieces_of_the_stream(size):
    data = (HEAD + FIRST + '2;"Снег;Идёт\n' + LAST).encode("utf-8-sig")
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert list(READERS.load("csv").read(Piped(*pieces), "лента", 1000)) == read("csv", data)


def test_a_stream_with_a_bad_byte_is_read_as_utf_8_after_letters():
    rows = [b"id;text\n", b"1;\xff\n", *(f"{n};Снег\n".encode() for n in range(2, 5))]
    found = list(READERS.load("csv").read(Piped(*rows), "лента", 1000))
    assert [values["text"] for _, values in good(found)][1:] == ["Снег"] * 3


@pytest.mark.parametrize("end", ["\r", "\r\r\n"])
def test_lines_may_end_with_a_carriage_return(end):
    data = (HEAD + FIRST + LAST).replace("\nна", " на").replace("\n", end)
    found = read("csv", data.encode())
    assert [values for _, values in good(found)] == [
        FIRST_ROW,
        LAST_ROWS[0] | {"text": "Встал на ремонт"},
        LAST_ROWS[1],
    ]
    assert bad(found) == []


def test_a_carriage_return_in_a_text_does_not_end_the_line():
    found = read("csv", 'id;text\n1;"Мост\rоткрыт"\n2;Снег\n'.encode())
    assert good(found) == [(2, {"id": "1", "text": "Мост\rоткрыт"}), (3, {"id": "2", "text": "Снег"})]


def test_blank_lines_and_unnamed_columns_are_skipped():
    found = read("csv", "\n\n,text,title,\n0,Паром,,\n\n1,Снег,,\n".encode())
    assert good(found) == [(4, {"text": "Паром", "title": ""}), (6, {"text": "Снег", "title": ""})]


@pytest.mark.parametrize("data", [b"", b"\n \n", codecs.BOM_UTF8, b"id;text\n"])
def test_a_csv_without_rows_has_no_rows(data):
    assert read("csv", data) == []


def test_fields_may_exceed_the_limit_of_the_csv_module():
    found = read("csv", ("id,text\n1," + "я" * 150_000 + "\n").encode(), limit=200_000)
    assert len(good(found)) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (";;;\n1;2;3;4\n", "лента: the header has no column names; write them into the first line"),
        ("id;text; text\n1;2;3\n", "лента: two columns are called 'text'; rename one of them"),
        ('"id;text\n1;2\n', "лента: the first line is not a header (a quote is never closed)"),
        (
            'id;"te"xt\n1;Мост\n',
            f"лента: the first line is not a header ({UNDOUBLED})",
        ),
        ("id;" * 2000 + "\n", "лента: the first line is too long for a header"),
        ('id;"text' + "\n" * 5000, "лента: the first line is not a header (the row is too long,"),
    ],
)
def test_an_unusable_header_is_an_error(data, message):
    with pytest.raises(DataError) as error:
        read("csv", data.encode())
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("mark", "encoding"), [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
)
def test_utf_16_is_an_error_with_a_remedy(mark, encoding):
    data = mark + "id;text\n".encode(encoding)
    with pytest.raises(DataError, match=r"лента: the encoding is UTF-16; save it as «CSV UTF-8»"):
        read("csv", data)
    lines = mark + '{"text": "Паводок"}\n'.encode(encoding) * 500
    with pytest.raises(DataError, match=r"лента: the encoding is UTF-16; save it as UTF-8"):
        read("jsonl", lines)


class Failing(io.BytesIO):
    """A stream that fails after its bytes, like a damaged packed file."""

    def readline(self, size=-1):
        return self.whole(super().readline(size))

    def read1(self, size=-1):
        return self.whole(super().read1(size))

    def whole(self, data):
        if not data:
            raise OSError("the tape tore")
        return data


@pytest.mark.parametrize(("form", "data"), [("csv", "text\nСнег\n"), ("jsonl", '{"text": "Снег"}\n')])
def test_a_failing_stream_yields_the_rows_before(form, data):
    rows = READERS.load(form).read(Failing(data.encode()), "лента", 1000)
    assert next(rows).values == {"text": "Снег"}
    with pytest.raises(OSError, match="the tape tore"):
        next(rows)


# Parquet


def test_parquet_yields_lists_dates_and_row_numbers():
    when = datetime(2026, 3, 4, 10, 15, tzinfo=UTC)
    data = parquet(
        {
            "id": list(range(5000)),
            "rubrics": [["экономика"], None, []] + [["a", "b"]] * 4997,
            "date": [when] * 5000,
            "day": [date(2026, 3, 4)] * 5000,
        }
    )
    found = good(read("parquet", data))
    assert [line for line, _ in found] == list(range(1, 5001))
    assert found[0][1] == {"id": 0, "rubrics": ["экономика"], "date": when, "day": date(2026, 3, 4)}
    assert [values["rubrics"] for _, values in found[1:3]] == [None, []]


def test_nanosecond_times_of_parquet_become_datetimes():
    column = pa.array([1_772_600_400_000_000_001, None], pa.timestamp("ns", "UTC"))
    found = good(read("parquet", parquet(pa.table({"text": ["Паром", "Снег"], "date": column}))))
    assert [values["date"] for _, values in found] == [datetime(2026, 3, 4, 5, 0, tzinfo=UTC), None]
    assert type(found[0][1]["date"]) is datetime


def test_a_compressed_parquet_column_is_not_held_in_memory():
    """A text of 20,000 letters, 3,000 times: 50 kB in the file, 120 MB in memory."""
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["я" * 20_000]))
    data = parquet(pa.table({"text": repeated.cast(pa.string())}))
    assert len(data) < 1_000_000
    before = pa.total_allocated_bytes()
    rows = READERS.load("parquet").read(io.BytesIO(data), "лента", 100_000)
    next(rows)
    assert pa.total_allocated_bytes() - before < 20_000_000


def test_a_parquet_stream_that_cannot_seek_is_copied():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *place):
            raise OSError("a pipe does not seek")

    rows = READERS.load("parquet").read(Pipe(parquet({"text": ["Паром", "Снег"]})), "лента", 1000)
    assert [row.values["text"] for row in rows] == ["Паром", "Снег"]


def test_an_unreadable_parquet_cell_is_one_reject():
    letters, ends = "Мост".encode() + b"\xff" + "Снег".encode(), [0, 8, 9, 17]
    offsets = pa.py_buffer(b"".join(end.to_bytes(4, "little") for end in ends))
    column = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(letters)])
    found = read("parquet", parquet(pa.table({"text": column})))
    assert good(found) == [(1, {"text": "Мост"}), (3, {"text": "Снег"})]
    [(line, reason)] = bad(found)
    assert line == 2
    assert reason.startswith("column 'text' cannot be read: 'utf-8' codec can't decode byte 0xff")


def test_an_unreadable_parquet_cell_not_needed_is_no_reject():
    far = pa.array([0, 1 << 62, None], pa.int64()).cast(pa.timestamp("us"))
    data = parquet(pa.table({"text": ["Мост", "Снег", "Паром"], "updated": far}))
    rows = READERS.load("parquet").read(io.BytesIO(data), "лента", 1000, needed={"id", "text"})
    updated = [datetime(1970, 1, 1), None, None]  # noqa: DTZ001
    assert [row.values["updated"] for row in rows] == updated
    assert [line for line, _ in bad(read("parquet", data))] == [2]


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"text;title\n" * 9, lambda _: b""])
def test_a_damaged_parquet_file_is_an_error(damage):
    with pytest.raises(DataError, match=r"лента: cannot be read as Parquet \(.+\); export or copy it again"):
        read("parquet", damage(parquet({"text": ["Паром"]})))


def test_two_parquet_columns_with_one_name_are_an_error():
    with pytest.raises(DataError, match="лента: two columns are called 'text'; rename one of them"):
        read("parquet", parquet(pa.table([["а"], ["б"]], names=["text", "text"])))
