"""Rows become articles or rejects, and batches of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, repeat
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from topics.corpus.articles import Shape, UnfitError
from topics.corpus.checking import checked
from topics.corpus.seen import Seen
from topics.corpus.shards import Piece
from topics.corpus.sources import Rows
from topics.errors import UsageError
from topics.types import Article, Reject, Row

ROWS, CHARACTERS = 2_000, 4_000_000
"""Most of a batch: two thousand articles of two thousand characters, or one field of two millions."""


class Batch(NamedTuple):
    """What some rows in a row became; all lists are in the order of the source."""

    articles: list[Article]
    rejects: list[Reject]
    places: list[tuple[str, int]]
    """Source and line of each article."""


_Found: TypeAlias = tuple[Article, str, int] | Reject
"""An article with its source and line, for the case that its id was seen before. A bare tuple, being many."""


def read(
    pieces: Iterable[Piece], shape: Shape, size: int = ROWS, rejects: Sequence[Reject] = ()
) -> Iterator[Batch]:
    """Iterate over pieces of a corpus in batches; of articles with the same id the first counts.

    `rejects` come first. Raises DataError for a file that cannot be read or lacks a column.
    """
    if size < 1:
        raise UsageError(f"a batch of {size} rows; the least is 1")
    seen = Seen()
    found = chain(rejects, chain.from_iterable(map(_found, pieces, repeat(shape))))
    for chunk in _chunks(found, size):
        kept = _without_repeats(chunk, seen)
        placed = [found for found in kept if not isinstance(found, Reject)]
        yield Batch(
            [article for article, _, _ in placed],
            [found for found in kept if isinstance(found, Reject)],
            [(source, line) for _, source, line in placed],
        )


def _found(piece: Piece, shape: Shape) -> Iterator[_Found]:
    found = Rows(piece.source, shape.limit, piece.part, needed=shape.needed)
    if piece.part.line > 1:
        return articles_of(found, piece, shape)
    # What a file may lack was asked of all files, see `checking.lacking`; of standard input only now.
    but = {*shape.columns.optional, *shape.keep} if piece.source.path else ()
    return articles_of(checked(found, shape.columns, shape.keep, but=but), piece, shape)


def articles_of(found: Iterable[Row | Reject], piece: Piece, shape: Shape) -> Iterator[_Found]:
    """Turn each row into an article or a reject; a missing id becomes source and line."""
    name, label, article = piece.source.name, piece.label, shape.article
    for row in found:
        if isinstance(row, Reject):
            yield row
            continue
        line, values = row
        try:
            made = article(values)
        except UnfitError as error:
            yield Reject(name, line, str(error))
            continue
        yield made if made.id else replace(made, id=f"{label}:{line}"), name, line


def _chunks(found: Iterable[_Found], size: int) -> Iterator[list[_Found]]:
    """Gather rows, until there are enough or their texts are long enough."""
    chunk: list[_Found] = []
    held = 0
    for item in found:
        chunk.append(item)
        held += 0 if isinstance(item, Reject) else len(item[0].text)
        if len(chunk) == size or held >= CHARACTERS:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _without_repeats(chunk: list[_Found], seen: Seen) -> list[_Found]:
    """Replace each article with a repeated id by a reject."""
    placed = [(i, found) for i, found in enumerate(chunk) if not isinstance(found, Reject)]
    repeated = seen.add([article.id for _, (article, _, _) in placed])
    for i, (article, source, line) in compress(placed, repeated):
        chunk[i] = Reject(source, line, f"id {article.id!r} was seen before")
    return chunk
