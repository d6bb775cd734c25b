"""Batches of articles and rejects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, repeat
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from topics.corpus.articles import Shape, UnfitError
from topics.corpus.checking import check_first_rows
from topics.corpus.seen import Seen
from topics.corpus.shards import Piece
from topics.corpus.sources import Rows
from topics.errors import UsageError
from topics.types import Article, Reject, Row

ROWS, CHARACTERS = 2_000, 4_000_000
"""Largest batch: 2,000 articles of 2,000 characters, or one or two of the longest."""


class Batch(NamedTuple):
    """Articles and rejects of consecutive rows, in the order of the source."""

    articles: list[Article]
    rejects: list[Reject]
    places: list[tuple[str, int]]
    """Source and line of each article."""


_Item: TypeAlias = tuple[Article, str, int] | Reject
"""An article with its source and line, needed if its id is repeated; a plain tuple, for speed."""


def read(
    pieces: Iterable[Piece], shape: Shape, size: int = ROWS, rejects: Sequence[Reject] = ()
) -> Iterator[Batch]:
    """Iterate over pieces of a corpus in batches; articles with a repeated id become rejects.

    Args:
        pieces: of the corpus, in order.
        shape: how rows become articles.
        size: largest number of rows in a batch.
        rejects: added to the first batch.

    Raises:
        DataError: a file cannot be read, or lacks a column.
        UsageError: the size is below 1.
    """
    if size < 1:
        raise UsageError(f"a batch of {size} rows; at least 1 is needed")
    seen = Seen()
    items = chain(rejects, chain.from_iterable(map(_items, pieces, repeat(shape))))
    for chunk in _chunks(items, size):
        kept = _without_repeats(chunk, seen)
        located = [item for item in kept if not isinstance(item, Reject)]
        yield Batch(
            [article for article, _, _ in located],
            [item for item in kept if isinstance(item, Reject)],
            [(source, line) for _, source, line in located],
        )


def _items(piece: Piece, shape: Shape) -> Iterator[_Item]:
    rows = Rows(piece.source, shape.limit, piece.part, needed=shape.needed)
    if piece.part.line > 1:
        return articles_of(rows, piece, shape)
    # Columns that files may lack were checked before, see `checking.partly_missing`; not so for stdin.
    optional = {*shape.columns.optional, *shape.keep} if piece.source.path else ()
    return articles_of(check_first_rows(rows, shape.columns, shape.keep, except_=optional), piece, shape)


def articles_of(rows: Iterable[Row | Reject], piece: Piece, shape: Shape) -> Iterator[_Item]:
    """Convert each row to an article or a reject; a missing id becomes source and line."""
    name, label, to_article = piece.source.name, piece.label, shape.article
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        line, values = row
        try:
            article = to_article(values)
        except UnfitError as error:
            yield Reject(name, line, str(error))
            continue
        yield article if article.id else replace(article, id=f"{label}:{line}"), name, line


def _chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Group items into lists of `size`, or fewer if their texts are long."""
    chunk: list[_Item] = []
    characters = 0
    for item in items:
        chunk.append(item)
        characters += 0 if isinstance(item, Reject) else len(item[0].text)
        if len(chunk) == size or characters >= CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _without_repeats(chunk: list[_Item], seen: Seen) -> list[_Item]:
    """Replace each article with a repeated id by a reject."""
    located = [(i, item) for i, item in enumerate(chunk) if not isinstance(item, Reject)]
    repeated = seen.add([article.id for _, (article, _, _) in located])
    for i, (article, source, line) in compress(located, repeated):
        chunk[i] = Reject(source, line, f"id {article.id!r} was seen before")
    return chunk
