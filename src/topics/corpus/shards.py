"""A corpus cut into shards: the units of work that processes share.

How it is cut depends on the files and on nothing else, so that any number of workers, started and killed any
number of times, make the same parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from topics.corpus.sources import Source, cut
from topics.types import WHOLE, Part

SIZE = 32 << 20
"""Bytes of a shard: a second or two of work, some ten thousand articles."""
_LEAST, _MANY = 8 << 20, 64
"""Shards of a smaller corpus are smaller, to have many of them, but not below this."""


class Piece(NamedTuple):
    """A source or a part of it."""

    source: Source
    label: str
    """What the ids begin with that are made up for rows without one: `архив.jsonl:17`."""
    part: Part = WHOLE


class Shard(NamedTuple):
    """Some pieces in a row; every article of the corpus is in one shard."""

    number: int
    pieces: tuple[Piece, ...]
    size: int
    """About how many bytes there are to read."""

    @property
    def place(self) -> str:
        """Describe the shard in a message: `a.jsonl from line 40001`, `a.csv to f.csv`."""
        first, last = self.pieces[0], self.pieces[-1]
        from_line = f" from line {first.part.line}" if first.part.line > 1 else ""
        to_file = f" to {last.source.name}" if last.source != first.source else ""
        return f"{first.source.name}{from_line}{to_file}"


def whole(sources: Sequence[Source]) -> list[Piece]:
    """Return a piece a source. A label is the file's name, or its path if two share a name."""
    names = Counter(source.path.name for source in sources if source.path)
    return [Piece(source, _label(source, names)) for source in sources]


def _label(source: Source, names: Counter[str]) -> str:
    if source.path is None or names[source.path.name] > 1:
        return source.name
    return source.path.name


def plan(sources: Sequence[Source], size: int = SIZE) -> list[Shard]:
    """Cut sources into shards of some `size` bytes, in order: big files in parts, small ones together.

    Raises DataError if a source cannot be opened.
    """
    return [
        Shard(number, tuple(pieces), sum(piece.part.size for piece in pieces))
        for number, pieces in enumerate(_packed(_cut(sources, size), size))
    ]


def fitting(total: int) -> int:
    """Return the shard size for a corpus of `total` bytes: small, so that no worker waits long for the last.

    What one shard can hold, one process does at once.
    """
    return SIZE if total <= SIZE else min(SIZE, max(_LEAST, total // _MANY))


def _cut(sources: Sequence[Source], size: int) -> Iterator[Piece]:
    for piece in whole(sources):
        for part in cut(piece.source, size):
            yield piece._replace(part=part)


def _packed(pieces: Iterator[Piece], size: int) -> Iterator[list[Piece]]:
    shard: list[Piece] = []
    held = 0
    for piece in pieces:
        if shard and held + piece.part.size > size:
            yield shard
            shard, held = [], 0
        shard.append(piece)
        held += piece.part.size
    if shard:
        yield shard
