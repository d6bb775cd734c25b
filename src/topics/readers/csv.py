"""CSV and TSV as newsrooms have them: UTF-8 or CP1251; `;`, `,` or tab; quoted line breaks.

Fields are quoted as in RFC 4180, with quotes inside doubled. A violation costs one `Reject`: reading resumes
at the next line that looks like the beginning of a row, so that a quote that is never closed does not swallow
the rows after it.

Rows of a stream are yielded as they arrive, before waiting for more.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterator
from io import BufferedReader
from typing import BinaryIO, cast

from topics.errors import DataError
from topics.readers import Format, encoding_of, restored
from topics.types import WHOLE, Part, Reject, Row

READ_SIZE = 1 << 16
"""Bytes read at a time, and bytes of non-ASCII lines from which the encoding is detected."""
_SEP_LINE = re.compile(r"sep=([;,\t])(\r?\n|\r)", re.IGNORECASE)
"""First line that sets the delimiter, as in Excel."""
MAX_REREADS = 10
"""How often, on average, a character may be parsed again; beyond it broken rows are skipped whole."""


def read(
    stream: BinaryIO, name: str, limit: int, part: Part = WHOLE, needed: Collection[str] = ()
) -> Iterator[Row | Reject]:
    """Yield the rows of the table, with strings as values; one above `2 * limit` characters is a reject.

    Raises:
        DataError: the header has no names or a repeated one, or the encoding is UTF-16.
    """
    # The limit of the csv module, 131,072 characters, is global: raised here, never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * limit))
    lines = _Lines(stream, name, max_length=2 * limit)
    first = lines.next_nonblank()
    sep_line = _SEP_LINE.fullmatch(first)
    if sep_line:
        first = lines.next_nonblank()
    if first:
        lines.give_back([first])
        yield from _Table(lines, name, sep_line[1] if sep_line else _delimiter(first)).rows()


class _TooLong(Exception):  # noqa: N818 (not an error but a place in the file)
    """The row being read exceeds the limit."""


class _Lines:
    """The physical lines of a stream, as text; lines can be given back to be read again.

    Undecodable bytes become lone surrogates, so that a bad row is recognized once complete.
    """

    def __init__(self, stream: BinaryIO, name: str, max_length: int) -> None:
        self.stream = stream
        self.name = name
        self.max_length = max_length
        self.number = 0
        """Number of the last line returned."""
        self.row: list[str] = []
        """The lines returned since `begin_row`."""
        self.size = 0
        self.characters_read = 0
        self.characters_reread = 0
        self.has_undecodable = False
        """Whether any byte could not be decoded."""
        self.pending: deque[str] = deque()
        self.encoding = "utf-8"
        self.non_ascii: list[bytes] = []
        """Non-ASCII lines, from which the encoding is detected."""
        self.non_ascii_size = 0
        """Bytes of `non_ascii`, including those already cleared."""
        self.partial = b""
        """The beginning of the line after the `pending` ones."""
        self.cr_only = False
        """Whether lines end with a carriage return alone, as an old Mac writes them."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.pending:
            self._fill()
        line = self.pending.popleft()
        self.number += 1
        self.row.append(line)
        self.size += len(line)
        if self.size > self.max_length:
            raise _TooLong
        return line

    def next_nonblank(self) -> str:
        """Return the next line that is not blank, or "" at the end."""
        self.begin_row()
        try:
            while (line := next(self, "")) and not line.strip():
                self.begin_row()
        except _TooLong:
            raise DataError(f"{self.name}: the first line is too long for a header") from None
        return line

    def begin_row(self) -> None:
        self.row = []
        self.size = 0

    def give_back(self, lines: list[str]) -> None:
        self.pending.extendleft(reversed(lines))
        self.number -= len(lines)
        self.characters_reread += sum(map(len, lines))

    def _fill(self) -> None:
        """Read the lines that have arrived, at least one. Raises StopIteration at the end."""
        data = self._receive()
        if not self.characters_read:
            data = data.removeprefix(codecs.BOM_UTF8)
        if not data:
            raise StopIteration
        self.characters_read += len(data)
        lines = data.splitlines(keepends=True) if self.cr_only else io.BytesIO(data).readlines()
        if self.non_ascii_size < READ_SIZE and not data.isascii():
            self._detect_encoding(lines)
        self.pending.extend(map(self._decode, lines))

    def _receive(self) -> bytes:
        """Read the data that has arrived, up to the last line end; of an overlong line, only a part."""
        pieces, size = [self.partial], len(self.partial)
        # read1 does not wait to fill its buffer: the writer of a stream may be waiting for an answer.
        while chunk := cast(BufferedReader, self.stream).read1(READ_SIZE):
            if not self.characters_read:
                self.cr_only = self.cr_only or _uses_cr_only(chunk)
            end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r") if self.cr_only else -1) + 1
            if end:
                self.partial = chunk[end:]
                return b"".join([*pieces, chunk[:end]])
            if size <= 4 * self.max_length + 4:
                pieces.append(chunk)
                size += len(chunk)
        self.partial = b""
        return b"".join(pieces)

    def _detect_encoding(self, lines: list[bytes]) -> None:
        non_ascii = [line for line in lines if not line.isascii()]
        self.non_ascii += non_ascii
        self.non_ascii_size += sum(map(len, non_ascii))
        self.encoding = encoding_of(self.non_ascii, self.name, "CSV UTF-8")
        if self.non_ascii_size >= READ_SIZE:
            self.non_ascii.clear()

    def _decode(self, line: bytes) -> str:
        try:
            return line.decode(self.encoding)
        except UnicodeDecodeError:
            self.has_undecodable = True
            return line.decode(self.encoding, "surrogateescape")


def _uses_cr_only(beginning: bytes) -> bool:
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
        # strict: a quote closed in the middle of a field is an error, lest two rows be joined.
        return csv.reader(lines, delimiter=self.delimiter, strict=True)

    def _header(self) -> list[str]:
        self.lines.begin_row()
        try:
            names = [name.strip() for name in next(self._parser(self.lines))]
        except (csv.Error, _TooLong) as error:
            raise DataError(f"{self.name}: the first line is not a header ({_reason(error)})") from error
        named = [name for name in names if name]
        if not named:
            raise DataError(f"{self.name}: the header has no column names; write them into the first line")
        duplicate = next((name for name in named if named.count(name) > 1), None)
        if duplicate:
            raise DataError(f"{self.name}: two columns are called {duplicate!r}; rename one of them")
        return names

    def rows(self) -> Iterator[Row | Reject]:
        lines, parser, width = self.lines, self._parser(self.lines), len(self.header)
        # Drop a column without a name: the index of pandas, or a delimiter at the end of lines.
        nameless = "" in self.header
        while True:
            lines.begin_row()
            first = lines.number + 1
            try:
                fields = next(parser)
            except StopIteration:
                return
            except (csv.Error, _TooLong) as error:
                yield self._skip_to_next_row(first, _reason(error))
                continue
            if not fields:
                continue  # a blank line
            if len(fields) != width:
                yield self._wrong_width(first, len(fields))
                continue
            reason = self._problem()
            if reason:
                yield Reject(self.name, first, reason)
                continue
            fields = [restored(field) if field[:1] == "'" else field for field in fields]
            values: dict[str, object] = dict(zip(self.header, fields, strict=True))
            if nameless:
                del values[""]
            yield Row(first, values)

    def _wrong_width(self, first: int, count: int) -> Reject:
        reason = f"the row has {count} fields, the header {len(self.header)}"
        if len(self.lines.row) == 1:
            return Reject(self.name, first, reason)
        # A quote that was never closed may have joined two rows.
        return self._skip_to_next_row(first, reason)

    def _problem(self) -> str:
        if any("\0" in line for line in self.lines.row):
            return "a NUL byte in the row"
        if self.lines.has_undecodable:
            return _undecodable_reason("".join(self.lines.row), self.lines.encoding)
        return ""

    def _skip_to_next_row(self, first: int, reason: str) -> Reject:
        """Skip to the next line that looks like a row; return one reject for all before it."""
        lines = self.lines
        if lines.characters_reread <= MAX_REREADS * lines.characters_read:
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
            self.name, first, reason + (f" (lines {first} to {last} are skipped)" if last > first else "")
        )

    def _next_line(self) -> str:
        try:
            return next(self.lines, "")
        except _TooLong:
            return "\n"

    def _begins_row(self, line: str) -> bool:
        """Return whether a line is a row, or the beginning of one with an open quote: `7;"Лид`."""
        width = len(self.header)
        # The end of a quoted text, `вот и всё";2026`, has an odd number of quotes; a row has an even one.
        if line.count('"') % 2 == 0:
            return self._count(line) == width
        return self._count(line) == 0 and 1 < self._count(line.rstrip("\r\n") + '"') <= width

    def _count(self, line: str) -> int:
        """Count the fields of a line; 0 if it is not a complete row."""
        try:
            return len(next(self._parser(iter([line]))))
        except csv.Error:
            return 0


def _reason(error: Exception) -> str:
    if isinstance(error, _TooLong):
        return "the row is too long, or a quote is never closed"
    if "unexpected end of data" in str(error):
        return "a quote is never closed"
    if "expected after" in str(error):
        return "a quote inside a quoted field is not doubled, or a quote is never closed"
    return f"not valid CSV: {error}"


def _undecodable_reason(row: str, encoding: str) -> str:
    try:
        row.encode()
    except UnicodeEncodeError as encode_error:
        name = {"utf-8": "UTF-8", "cp1251": "CP1251"}[encoding]
        at = encode_error.start
        return f"not {name}: byte 0x{ord(row[at]) - 0xDC00:02x} after {row[:at][-20:]!r}"
    return ""


FORMAT = Format(read, is_table=True)
