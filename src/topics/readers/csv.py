"""CSV and TSV as newsrooms have them: UTF-8 or CP1251; `;`, `,` or tab; quoted line breaks.

A field is quoted as RFC 4180 says, a quote inside it is doubled. Whatever breaks that costs one `Reject`:
reading goes on at the next line that looks like the beginning of a row, so a quote that is never closed does
not swallow the rows after it.

A row is returned when it has come, before the next one is waited for.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO, cast

from topics.errors import DataError
from topics.readers import encoding_of, restored
from topics.types import Reject, Row

BEGINNING = 1 << 16
"""Bytes read at once, and bytes of lines that are not ASCII looked at to tell the encoding."""
_TOLD = re.compile(r"sep=([;,\t])(\r?\n|\r)", re.IGNORECASE)
"""A first line that tells Excel the delimiter."""
REREAD = 10
"""How often, on average, a character may be read again; beyond it broken rows are skipped whole."""


def read(stream: BinaryIO, name: str, limit: int) -> Iterator[Row | Reject]:
    """Return a row for each line of the table; values are strings. A row above `2 * limit` characters is bad.

    Raises DataError for a header without names or with the same name twice, and for UTF-16.
    """
    # The module's own limit (131,072 characters) is one for the whole process: raised here, never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * limit))
    lines = _Lines(stream, name, longest=2 * limit)
    first = lines.next_filled()
    told = _TOLD.fullmatch(first)
    if told:
        first = lines.next_filled()
    if first:
        lines.give_back([first])
        yield from _Table(lines, name, told[1] if told else _delimiter(first)).rows()


class _TooLong(Exception):  # noqa: N818 (not an error but a place in the file)
    """The row being read exceeds the limit."""


class _Lines:
    """The physical lines of a stream, as text. Lines can be given back and then come again.

    Undecodable bytes become lone surrogates, so that a bad row is recognized once complete.
    """

    def __init__(self, stream: BinaryIO, name: str, longest: int) -> None:
        self.stream = stream
        self.name = name
        self.longest = longest
        self.number = 0
        """Of the line that came last."""
        self.row: list[str] = []
        """The lines that came since `begin_row`."""
        self.size = 0
        self.fresh = 0
        self.again = 0
        self.dirty = False
        """Whether some byte could not be decoded."""
        self.ahead: deque[str] = deque()
        self.encoding = "utf-8"
        self.telling: list[bytes] = []
        """Lines that are not ASCII: they tell the encoding, the more of them the surer."""
        self.told_by = 0
        """Bytes of these."""
        self.rest = b""
        """The beginning of the line after those `ahead`."""
        self.by_cr = False
        """Whether lines end with a carriage return alone, as an old Mac writes them."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.ahead:
            self._read_on()
        line = self.ahead.popleft()
        self.number += 1
        self.row.append(line)
        self.size += len(line)
        if self.size > self.longest:
            raise _TooLong
        return line

    def next_filled(self) -> str:
        """Return the next line that is not blank, or "" at the end."""
        self.begin_row()
        try:
            while (line := next(self, "")) and not line.strip():
                self.begin_row()
        except _TooLong:
            raise DataError(f"{self.name}: the first line is too long for a header of columns") from None
        return line

    def begin_row(self) -> None:
        self.row = []
        self.size = 0

    def give_back(self, lines: list[str]) -> None:
        self.ahead.extendleft(reversed(lines))
        self.number -= len(lines)
        self.again += sum(map(len, lines))

    def _read_on(self) -> None:
        """Read as many lines as have come, at least one. Raises StopIteration at the end."""
        data = self._come()
        if not self.fresh:
            data = data.removeprefix(codecs.BOM_UTF8)
        if not data:
            raise StopIteration
        self.fresh += len(data)
        lines = data.splitlines(keepends=True) if self.by_cr else io.BytesIO(data).readlines()
        if self.told_by < BEGINNING and not data.isascii():
            self._tell(lines)
        self.ahead.extend(map(self._decode, lines))

    def _come(self) -> bytes:
        """Read what has come, to the end of its last line; of one too long only so much that this is seen."""
        pieces, size = [self.rest], len(self.rest)
        # read1 waits for something, never for all: the writer of a stream may be waiting for an answer.
        while found := cast(BufferedReader, self.stream).read1(BEGINNING):
            if not self.fresh:
                self.by_cr = self.by_cr or _is_by_cr(found)
            end = max(found.rfind(b"\n"), found.rfind(b"\r") if self.by_cr else -1) + 1
            if end:
                self.rest = found[end:]
                return b"".join([*pieces, found[:end]])
            if size <= 4 * self.longest + 4:
                pieces.append(found)
                size += len(found)
        self.rest = b""
        return b"".join(pieces)

    def _tell(self, lines: list[bytes]) -> None:
        telling = [line for line in lines if not line.isascii()]
        self.telling += telling
        self.told_by += sum(map(len, telling))
        self.encoding = encoding_of(self.telling, self.name, "CSV UTF-8")
        if self.told_by >= BEGINNING:
            self.telling.clear()

    def _decode(self, line: bytes) -> str:
        try:
            return line.decode(self.encoding)
        except UnicodeDecodeError:
            self.dirty = True
            return line.decode(self.encoding, "surrogateescape")


def _is_by_cr(beginning: bytes) -> bool:
    first = re.sub(rb'"[^"]*"', b"", beginning).partition(b"\n")[0]
    return b"\r" in first.removesuffix(b"\r")


def _delimiter(header: str) -> str:
    """`'id;"заголовок, лид";text'` -> `;`."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(";\t,", key=bare.count)


class _Table:
    """The rows under one header."""

    def __init__(self, lines: _Lines, name: str, delimiter: str) -> None:
        self.lines = lines
        self.name = name
        self.delimiter = delimiter
        self.header = self._header()

    def _parser(self, lines: Iterator[str]) -> Iterator[list[str]]:
        # strict: a quote closed in the middle of a field is an error, not a guess that joins two rows.
        return csv.reader(lines, delimiter=self.delimiter, strict=True)

    def _header(self) -> list[str]:
        self.lines.begin_row()
        try:
            names = [name.strip() for name in next(self._parser(self.lines))]
        except (csv.Error, _TooLong) as error:
            raise DataError(f"{self.name}: the first line is not a header ({_cause(error)})") from error
        known = [name for name in names if name]
        if not known:
            raise DataError(f"{self.name}: the header has no column names; write them into the first line")
        twice = next((name for name in known if known.count(name) > 1), None)
        if twice:
            raise DataError(f"{self.name}: two columns are called {twice!r}; rename one of them")
        return names

    def rows(self) -> Iterator[Row | Reject]:
        lines, parser, width = self.lines, self._parser(self.lines), len(self.header)
        # A column without a name (the index that pandas writes, a delimiter at the line's end) is left out.
        nameless = "" in self.header
        while True:
            lines.begin_row()
            first = lines.number + 1
            try:
                fields = next(parser)
            except StopIteration:
                return
            except (csv.Error, _TooLong) as error:
                yield self._give_up(first, _cause(error))
                continue
            if not fields:
                continue  # a blank line
            if len(fields) != width:
                yield self._wrong_width(first, len(fields))
                continue
            reason = self._fault()
            if reason:
                yield Reject(self.name, first, reason)
                continue
            fields = [restored(field) if field[:1] == "'" else field for field in fields]
            values: dict[str, object] = dict(zip(self.header, fields, strict=True))
            if nameless:
                del values[""]
            yield Row(first, values)

    def _wrong_width(self, first: int, count: int) -> Reject:
        reason = f"the row has {count} fields where the header has {len(self.header)}"
        if len(self.lines.row) == 1:
            return Reject(self.name, first, reason)
        return self._give_up(first, reason)  # two rows may have run together through a quote never closed

    def _fault(self) -> str:
        if any("\0" in line for line in self.lines.row):
            return "a NUL byte in the row"
        if self.lines.dirty:
            return _undecoded("".join(self.lines.row), self.lines.encoding)
        return ""

    def _give_up(self, first: int, reason: str) -> Reject:
        """Go to the next line that looks like a row; all before it is one reject."""
        lines = self.lines
        if lines.again <= REREAD * lines.fresh:
            lines.give_back(lines.row[1:])
        last = lines.number
        lines.begin_row()
        while line := self._next_line():
            if self._begins_row(line):
                lines.give_back([line])
                break
            last = lines.number
            lines.begin_row()
        return Reject(
            self.name, first, reason + (f" (lines {first} to {last} are left out)" if last > first else "")
        )

    def _next_line(self) -> str:
        try:
            return next(self.lines, "")
        except _TooLong:
            return "\n"

    def _begins_row(self, line: str) -> bool:
        """Tell a whole row, or one whose last field is still open (`7;"Лид`), from the rest of a text."""
        width = len(self.header)
        # The end of a text has the quote that closes it, `вот и всё";2026`: in a row they come in pairs.
        if line.count('"') % 2 == 0:
            return self._count(line) == width
        return self._count(line) == 0 and 1 < self._count(line.rstrip("\r\n") + '"') <= width

    def _count(self, line: str) -> int:
        """Count the fields of a line taken by itself; 0 if it is not whole."""
        try:
            return len(next(self._parser(iter([line]))))
        except csv.Error:
            return 0


def _cause(error: Exception) -> str:
    if isinstance(error, _TooLong):
        return "the row is too long, or a quote is never closed"
    if "unexpected end of data" in str(error):
        return "a quote is never closed"
    if "expected after" in str(error):
        return "a quote inside a quoted field is not doubled, or a quote is never closed"
    return f"not valid CSV: {error}"


def _undecoded(row: str, encoding: str) -> str:
    try:
        row.encode()
    except UnicodeEncodeError as place:
        name = {"utf-8": "UTF-8", "cp1251": "CP1251"}[encoding]
        return f"not {name}: byte 0x{ord(row[place.start]) - 0xDC00:02x} after {row[: place.start][-20:]!r}"
    return ""
