"""A corpus: files of articles, read in batches. Every row ends as an article or as a reject."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from topics.corpus.articles import LIMIT, Columns, Shape, iso
from topics.corpus.batches import ROWS, Batch, articles_of, read
from topics.corpus.checking import columns_of, lacking, streamed
from topics.corpus.labels import UNFILLED, load_labels
from topics.corpus.shards import Piece, whole
from topics.corpus.sources import Rows, find
from topics.errors import DataWarning, UsageError
from topics.types import Article, Reject, Row

_FILES = 10
"""Files looked at for the name that a mistyped one may mean."""
_DATES = 100
"""Rows of a file, and files, looked at for dates that cannot be read."""
TOLD = 5
"""Rejects shown to the user, at most."""


class Corpus:
    """Articles of files, folders, patterns, or of standard input (`-`).

    `columns` says which column holds what. `keep` names columns to carry along untouched as `Article.kept`
    (`*`: all); one that a JSON object lacks is None, a table must have it. A field of more than `limit`
    characters makes a row a reject.
    `labels_file` is a table of id and rubrics that replace what the data says, see `load_labels`. `format`
    (a name in `topics.plugins.READERS`) is for standard input and for files whose suffix does not tell.
    Not `labelled`: rubrics are not read but from `labels_file`, and cannot make a row a reject.

    Files can be iterated any number of times, standard input once. Raises DataError if there is nothing to
    read or no file has a column that is named, and UsageError for a suffix that no reader knows. Warns of a
    column that some files lack and may lack: a title, a date, an outlet, one to keep.
    """

    def __init__(
        self,
        sources: str | Path | Sequence[str | Path],
        columns: Columns = Columns(),  # noqa: B008 (frozen)
        keep: Sequence[str] = (),
        limit: int = LIMIT,
        labels_file: str | Path | None = None,
        format: str | None = None,  # noqa: A002 (the word of the command line)
        *,
        labelled: bool = True,
    ) -> None:
        self.sources, self.others = find(sources, format)
        """What is read, and the files of folders and patterns that no reader knows."""
        read = columns if labelled else replace(columns, rubrics="rubrics", unknown="unknown", labels=())
        self.shape = Shape(read, tuple(keep), limit, labelled)
        self.is_laid_over = labels_file is not None
        """Whether a table of labels lies over the data, even an empty one."""
        self.labels, rejects = load_labels(labels_file, columns) if labels_file else ({}, [])
        self.label_rejects = [row for row in rejects if row.reason != UNFILLED]
        self.unfilled_labels = len(rejects) - len(self.label_rejects)
        """Rows of `labels_file` that name no rubrics yet."""
        self.unmatched_labels: tuple[str, ...] = ()
        """The ids in `labels_file` that no row had, sorted; known once all batches have come."""
        self.missing_columns: tuple[str, ...] = ()
        """Columns asked for by name that no row of a stream had, sorted; known once all have come."""
        self._there = set[str]()
        self.rejected = 0
        """Rows that became no article; known once all batches have come."""
        self.first_rejects: tuple[Reject, ...] = ()
        """The first few, to be shown."""
        self._stdin_is_read = False
        self._look()

    def replace_stdin(self, copy: Path) -> None:
        """Read a copy of standard input in its place, as often as it takes; messages show the same name."""
        self.sources = [
            source if source.path else source._replace(path=copy, shown=source.name)
            for source in self.sources
        ]
        self._look()

    def _look(self) -> None:
        for line in lacking([source for source in self.sources if source.path], self.shape):
            warnings.warn(line, DataWarning, stacklevel=3)

    @property
    def names(self) -> tuple[str, ...]:
        """The sources as shown in messages."""
        return tuple(source.name for source in self.sources)

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(source.path.stat().st_size for source in self.sources if source.path)

    def batches(self, size: int = ROWS) -> Iterator[Batch]:
        """Iterate over the corpus, at most `size` rows and some millions of characters at a time.

        Rejects of `labels_file` come in the first batch. Raises DataError for a file that cannot be read
        or lacks a column, with the names of those it has.
        """
        unmatched, rejected, first = set(self.labels), 0, list[Reject]()
        for batch in read(self._pieces(), self.shape, size, self.label_rejects):
            rejected += len(batch.rejects)
            first += batch.rejects[: TOLD - len(first)]
            unmatched.difference_update(article.id for article in batch.articles)
            yield batch._replace(articles=list(map(self.labelled, batch.articles))) if self.labels else batch
        self.unmatched_labels = tuple(sorted(unmatched))
        self.rejected, self.first_rejects = rejected, tuple(first)

    def stream(self, pause: Callable[[], None]) -> Iterator[Article | Reject]:
        """Iterate over rows as they arrive; ids may repeat.

        `pause` is called whenever standard input has no more for now. Raises DataError for a table that lacks
        a column, at its first row.
        """
        missing: set[str] = set()
        for piece in self._pieces():
            found = Rows(piece.source, self.shape.limit, piece.part, pause, self.shape.needed)
            rows = streamed(found, self.shape.columns, self.shape.keep, missing, self._there)
            for item in articles_of(rows, piece, self.shape):
                yield item if isinstance(item, Reject) else item[0]
            self.missing_columns = tuple(sorted(missing))

    def labelled(self, article: Article) -> Article:
        """Return the article with what the file of labels says of it."""
        labels = self.labels.get(article.id)
        return replace(article, labels=labels) if labels else article

    def pick(self, rows: Collection[int]) -> dict[int, Article]:
        """Read again the articles that came at these places, from 0, of all batches."""
        wanted, start = set(rows), 0
        found: dict[int, Article] = {}
        for batch in self.batches() if wanted else ():
            here = wanted.intersection(range(start, start + len(batch.articles)))
            found.update((row, batch.articles[row - start]) for row in here)
            start += len(batch.articles)
            if len(found) == len(wanted):
                break
        return found

    def alike(self, column: str) -> str:
        """Return the column, of a stream or of the first files, closest to a mistyped name, or ""."""
        for source in self.sources[: 0 if self._there else _FILES]:
            if source.path:
                self._there |= columns_of(Rows(source, self.shape.limit, needed=self.shape.needed))
        folded = {name.casefold(): name for name in sorted(self._there)}
        near = get_close_matches(column.casefold(), folded, 1)
        return folded[near[0]] if near else ""

    def unread_dates(self) -> tuple[int, list[str]]:
        """Sample rows of the first sources: return how many have a date, and those that cannot be read."""
        there, unread = 0, list[str]()
        for source in self.sources[:_DATES]:
            for row in islice(Rows(source, self.shape.limit, needed=self.shape.needed), _DATES):
                value = row.values.get(self.shape.columns.date) if isinstance(row, Row) else None
                if value is not None and value == value and str(value).strip():
                    there += 1
                    unread += [] if iso(value) else [str(value)]
        return there, unread

    def _pieces(self) -> Iterator[Piece]:
        for piece in whole(self.sources):
            if piece.source.path is None:
                if self._stdin_is_read:
                    raise UsageError("standard input can be read only once; save it to a file and name that")
                self._stdin_is_read = True
            yield piece
