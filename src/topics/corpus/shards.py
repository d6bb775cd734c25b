"""Shards of a corpus: the units of work of parallel processes.

They depend on the files alone, so that any number of workers, restarted any number of times, write the same
parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from topics.corpus.sources import Source, cut
from topics.types import WHOLE, Part

SIZE = 32 << 20
"""Bytes of a shard: a second or two of work, some ten thousand articles."""
_MIN_SIZE, _MIN_SHARDS = 8 << 20, 64
"""Smaller corpora have smaller shards, at least this many of at least this many bytes."""


class Piece(NamedTuple):
    """A source or a part of it."""

    source: Source
    label: str
    """Prefix of the ids that are generated for rows without one: `архив.jsonl:17`."""
    part: Part = WHOLE


class Shard(NamedTuple):
    """Consecutive pieces; every article of the corpus is in one shard."""

    number: int
    pieces: tuple[Piece, ...]
    size: int
    """Approximate number of bytes."""

    @property
    def place(self) -> str:
        """Describe the shard in a message: `a.jsonl from line 40001`, `a.csv to f.csv`."""
        first, last = self.pieces[0], self.pieces[-1]
        from_line = f" from line {first.part.line}" if first.part.line > 1 else ""
        to_file = f" to {last.source.name}" if last.source != first.source else ""
        return f"{first.source.name}{from_line}{to_file}"


def whole(sources: Sequence[Source]) -> list[Piece]:
    """Return a piece per source. A label is the file's name, or its path if two files share a name."""
    names = Counter(source.path.name for source in sources if source.path)
    return [Piece(source, _label(source, names)) for source in sources]


def _label(source: Source, names: Counter[str]) -> str:
    if source.path is None or names[source.path.name] > 1:
        return source.name
    return source.path.name


def plan(sources: Sequence[Source], size: int = SIZE) -> list[Shard]:
    """Divide sources into shards of about `size` bytes, in order: large files are split, small ones grouped.

    Raises:
        DataError: a source cannot be opened.
    """
    return [
        Shard(number, tuple(pieces), sum(piece.part.size for piece in pieces))
        for number, pieces in enumerate(_grouped(_cut(sources, size), size))
    ]


def fitting(total: int) -> int:
    """Return the shard size for a corpus of `total` bytes: small, so that workers finish at the same time.

    A corpus that fits into one shard is one shard.
    """
    return SIZE if total <= SIZE else min(SIZE, max(_MIN_SIZE, total // _MIN_SHARDS))


def _cut(sources: Sequence[Source], size: int) -> Iterator[Piece]:
    for piece in whole(sources):
        for part in cut(piece.source, size):
            yield piece._replace(part=part)


def _grouped(pieces: Iterator[Piece], size: int) -> Iterator[list[Piece]]:
    shard: list[Piece] = []
    size_so_far = 0
    for piece in pieces:
        if shard and size_so_far + piece.part.size > size:
            yield shard
            shard, size_so_far = [], 0
        shard.append(piece)
        size_so_far += piece.part.size
    if shard:
        yield shard
