"""File formats: each module defines a `FORMAT`, which `topics.plugins.READERS` names."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import BinaryIO, NamedTuple, Protocol

from topics.errors import DataError
from topics.types import WHOLE, Part, Reject, Row


class Read(Protocol):
    """Reads rows."""

    def __call__(
        self, stream: BinaryIO, name: str, limit: int, part: Part = WHOLE, needed: Collection[str] = ()
    ) -> Iterator[Row | Reject]:
        """Yield the rows of an uncompressed stream, in order; one that cannot be read is a `Reject`.

        Args:
            stream: its OSErrors are passed on.
            name: of the stream, for messages.
            limit: largest number of characters of a field; a row too long to comply is a `Reject` and never
                held in memory. `topics.corpus` checks each field.
            part: read only this, one that `cut` returned.
            needed: columns without which a row is useless; none given: all. A format whose cells can be
                unreadable one by one yields None for such a cell in another column.

        Raises:
            DataError: nothing of the stream can be used.
        """
        ...


class Format(NamedTuple):
    """A file format."""

    read: Read
    cut: Callable[[BinaryIO, int], Iterator[Part]] | None = None
    """Splits a seekable file into parts of about so many bytes, in order; None: it is read as a whole."""
    is_table: bool = False
    """Whether every row has all columns."""


_FORMULA = re.compile(r"'*(?:\t|\s*[=+\-@＝＋－＠])")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


def harmless(cell: str) -> str:
    """Escape text for a cell, lest a spreadsheet take it for a formula; `restored` is the inverse.

    `=HYPERLINK(…)` gets an apostrophe before it, a number does not. A lone carriage return, which ends a row
    for some readers, becomes a space.
    """
    cell = cell.replace("\r", " ")
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def restored(cell: str) -> str:
    """Undo `harmless`, which other systems do, too: `'=1+1` -> `=1+1`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def encoding_of(lines: Sequence[bytes], name: str, remedy: str = "UTF-8") -> str:
    """Detect UTF-8 or CP1251 by the majority of non-ASCII lines, so that one bad byte has no effect.

    Args:
        lines: the first lines of the stream.
        name: the stream's name in messages.
        remedy: the encoding that the message for UTF-16 recommends.

    Raises:
        DataError: the encoding is UTF-16.
    """
    if lines and lines[0].startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{name}: the encoding is UTF-16; save it as «{remedy}»")
    non_ascii = [line for line in lines if not line.isascii()]
    return "utf-8" if 2 * sum(map(_is_utf8, non_ascii)) >= len(non_ascii) else "cp1251"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
