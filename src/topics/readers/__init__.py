"""File formats, a module each, registered in `topics.plugins.READERS`."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from topics.errors import DataError
from topics.types import Reject, Row

Reader: TypeAlias = Callable[..., Iterator[Row | Reject]]
"""`read(stream, name, limit)` yields the rows of an uncompressed stream, in order.

`name` is the stream's name in messages. `limit` is the largest number of characters of a field: a row that is
too long to comply becomes a `Reject` and is never held in memory; `topics.corpus` checks each field. A row
that cannot be read becomes a `Reject`, too, and reading continues. A reader raises DataError only if nothing
of the stream can be used; an OSError of the stream is passed on.

A format in `topics.plugins.CUTTERS` has a `cut(stream, size)` that returns the parts of a seekable file, in
order, of about `size` bytes each; its reader takes such a `Part` as a fourth argument. One in
`topics.plugins.CELLWISE` takes `needed`: an unreadable cell makes its row a `Reject` in these columns, or in
all if none is named, and is None in the others.
"""


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
