"""File formats, one module a format; `topics.plugins.READERS` says which."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from topics.errors import DataError
from topics.types import Reject, Row

Reader: TypeAlias = Callable[..., Iterator[Row | Reject]]
"""`read(stream, name, limit)`: the rows of an unpacked stream, in order, one at a time.

`name` is what messages call the stream. `limit` is the most characters that a field may have: a row so long
that it cannot keep to it becomes a `Reject` and is never held whole; `topics.corpus` looks at each field.
A row that cannot be read is returned as a `Reject` and the next one goes on. A reader raises DataError only
if nothing of the stream can be used, and lets an OSError of the stream pass.

A format that `topics.plugins.CUTTERS` names has a `cut(stream, size)`: the parts of a file that can seek, in
order, each of some `size` bytes. Its reader takes such a `Part` as a fourth argument and reads that alone.
One that `topics.plugins.CELLWISE` names takes `needed`: a cell that cannot be read makes its row a `Reject`
in these columns, in all if none is named, and is None in any other.
"""


_FORMULA = re.compile(r"'*(?:\t|\s*[=+\-@＝＋－＠])")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


def harmless(cell: str) -> str:
    """Write text into a cell so that no spreadsheet takes it for a formula; `restored` takes that back.

    `=HYPERLINK(…)`, which may stand in a title, gets an apostrophe before it; a number needs none. A lone
    carriage return, which ends a row for some readers, becomes a space.
    """
    cell = cell.replace("\r", " ")
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def restored(cell: str) -> str:
    """Read a cell that `harmless`, or another system with this habit, has written: `'=1+1` -> `=1+1`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def encoding_of(lines: Sequence[bytes], name: str, remedy: str = "UTF-8") -> str:
    """Detect UTF-8 or CP1251 by the majority of lines: one bad byte does not turn a file into mojibake.

    Raises DataError, naming the stream and what to save it as, for UTF-16.
    """
    if lines and lines[0].startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{name}: the encoding is UTF-16; save it as «{remedy}»")
    telling = [line for line in lines if not line.isascii()]
    return "utf-8" if 2 * sum(map(_is_utf8, telling)) >= len(telling) else "cp1251"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
