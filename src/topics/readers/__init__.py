"""File formats, one module a format; `topics.plugins.READERS` says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

from topics.types import Part, Reject, Row

Reader: TypeAlias = Callable[..., Iterator[Row | Reject]]
"""`read(stream, name, limit)`: the rows of an unpacked stream, in order, one at a time.

`name` is what messages call the stream. `limit` is the most characters that a field may have: a row so long
that it cannot keep to it becomes a `Reject` and is never held whole; `topics.corpus` looks at each field.
A row that cannot be read is returned as a `Reject` and the next one goes on. A reader raises DataError only
if nothing of the stream can be used, and lets an OSError of the stream pass.

A format that `topics.plugins.CUTTERS` names takes a `Part` as a fourth argument, and then reads that alone.
"""


Cutter: TypeAlias = Callable[[BinaryIO, int], Iterator[Part]]
"""`cut(stream, size)`: the parts of a file that can seek, in order, each of some `size` bytes."""
