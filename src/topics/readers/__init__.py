"""File formats, one module a format; `topics.plugins.READERS` says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, TypeAlias

from topics.types import Reject, Row

Reader: TypeAlias = Callable[..., Iterator[Row | Reject]]
"""`read(stream, name, limit)`: the rows of an unpacked stream, in order, one at a time.

`name` is what messages call the stream. `limit` is the most characters that a field may have: a row so long
that it cannot keep to it becomes a `Reject` and is never held whole; `topics.corpus` looks at each field.
A row that cannot be read is returned as a `Reject` and the next one goes on. A reader raises DataError only
if nothing of the stream can be used, and lets an OSError of the stream pass.

A format that `topics.plugins.CUTTERS` names takes a `Part` as a fourth argument, and then reads that alone.
"""


class Part(NamedTuple):
    """Some rows in a row of one file."""

    start: int = 0
    stop: int | None = None
    """Bytes of a file of lines, row groups of Parquet; None: to the end."""
    line: int = 1
    """The number of its first line, or row."""
    size: int = 0
    """About how many bytes there are to read."""


WHOLE = Part()

Cutter: TypeAlias = Callable[[BinaryIO, int], Iterator[Part]]
"""`cut(stream, size)`: the parts of a file that can seek, in order, each of some `size` bytes."""
