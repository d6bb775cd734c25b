"""A corpus: files of articles, read in batches. Every row becomes an article or a reject."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from topics.corpus.articles import LIMIT, Columns, Shape, iso
from topics.corpus.batches import ROWS, Batch, articles_of, read
from topics.corpus.checking import check_stream, columns_of, partly_missing
from topics.corpus.labels import UNFILLED, load_labels
from topics.corpus.shards import Piece, whole
from topics.corpus.sources import Rows, find
from topics.errors import DataWarning, UsageError
from topics.types import Article, Reject, Row

_MAX_FILES = 10
"""Files whose columns are compared with a mistyped name."""
_DATE_SAMPLE = 100
"""Rows per file, and files, in which dates are checked."""
TOLD = 5
"""Largest number of rejects shown to the user."""


class Corpus:
    """Articles of files, folders, patterns, or of standard input (`-`).

    Files can be iterated any number of times, standard input once. Warns (DataWarning) of optional columns
    that some files lack: a title, a date, an outlet, one to keep.

    Args:
        sources: files, folders, patterns, or `-`.
        columns: names of the columns.
        keep: columns to carry along unchanged as `Article.kept` (`*`: all); one that a JSON object lacks is
            None, a table must have it.
        limit: largest number of characters of a field; a longer one makes the row a reject.
        labels_file: a table of ids and rubrics that replace those of the data, see `load_labels`.
        format: a name in `topics.plugins.READERS`, for standard input and files of any suffix.
        labelled: whether rubrics are read. If not, only `labels_file` is, and invalid rubrics in the data
            make no row a reject.

    Raises:
        DataError: there is nothing to read, or no file has a column that is named.
        UsageError: no reader knows a suffix.
    """

    def __init__(
        self,
        sources: str | Path | Sequence[str | Path],
        columns: Columns = Columns(),  # noqa: B008 (frozen)
        keep: Sequence[str] = (),
        limit: int = LIMIT,
        labels_file: str | Path | None = None,
        format: str | None = None,  # noqa: A002 (as on the command line)
        *,
        labelled: bool = True,
    ) -> None:
        self.sources, self.others = find(sources, format)
        """The files that are read, and those of folders and patterns that no reader knows."""
        read = columns if labelled else replace(columns, rubrics="rubrics", unknown="unknown", labels=())
        self.shape = Shape(read, tuple(keep), limit, labelled)
        self.is_laid_over = labels_file is not None
        """Whether there is a table of labels, even an empty one."""
        self.labels, rejects = load_labels(labels_file, columns) if labels_file else ({}, [])
        self.label_rejects = [row for row in rejects if row.reason != UNFILLED]
        self.unfilled_labels = len(rejects) - len(self.label_rejects)
        """Rows of `labels_file` that name no rubrics yet."""
        self.unmatched_labels: tuple[str, ...] = ()
        """The ids in `labels_file` that no row had, sorted; known after the last batch."""
        self.missing_columns: tuple[str, ...] = ()
        """Columns chosen by name that no row of a stream had, sorted; known at its end."""
        self._present = set[str]()
        self.rejected = 0
        """Number of rejects; known after the last batch."""
        self.first_rejects: tuple[Reject, ...] = ()
        """The first few rejects, to be shown."""
        self._stdin_is_read = False
        self._check_columns()

    def replace_stdin(self, copy: Path) -> None:
        """Read a copy instead of standard input, any number of times; messages show the same name."""
        self.sources = [
            source if source.path else source._replace(path=copy, shown=source.name)
            for source in self.sources
        ]
        self._check_columns()

    def _check_columns(self) -> None:
        for line in partly_missing([source for source in self.sources if source.path], self.shape):
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

        Rejects of `labels_file` are in the first batch.

        Raises:
            DataError: a file cannot be read, or lacks a column.
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

        Args:
            pause: called whenever standard input has no more data for now.

        Raises:
            DataError: a table lacks a column; raised at its first row.
        """
        missing: set[str] = set()
        for piece in self._pieces():
            rows = Rows(piece.source, self.shape.limit, piece.part, pause, self.shape.needed)
            checked = check_stream(rows, self.shape.columns, self.shape.keep, missing, self._present)
            for item in articles_of(checked, piece, self.shape):
                yield item if isinstance(item, Reject) else item[0]
            self.missing_columns = tuple(sorted(missing))

    def labelled(self, article: Article) -> Article:
        """Return the article with its labels from `labels_file`, if any."""
        labels = self.labels.get(article.id)
        return replace(article, labels=labels) if labels else article

    def pick(self, rows: Collection[int]) -> dict[int, Article]:
        """Read the articles of given row numbers, from 0 over all batches, again."""
        wanted, start = set(rows), 0
        articles: dict[int, Article] = {}
        for batch in self.batches() if wanted else ():
            in_batch = wanted.intersection(range(start, start + len(batch.articles)))
            articles.update((row, batch.articles[row - start]) for row in in_batch)
            start += len(batch.articles)
            if len(articles) == len(wanted):
                break
        return articles

    def alike(self, column: str) -> str:
        """Return the column of a stream or of the first files that is closest to a mistyped name, or ""."""
        for source in self.sources[: 0 if self._present else _MAX_FILES]:
            if source.path:
                self._present |= columns_of(Rows(source, self.shape.limit, needed=self.shape.needed))
        folded = {name.casefold(): name for name in sorted(self._present)}
        matches = get_close_matches(column.casefold(), folded, 1)
        return folded[matches[0]] if matches else ""

    def unread_dates(self) -> tuple[int, list[str]]:
        """Check dates of the first sources; return the number of rows with one, and the unreadable ones."""
        dated, unread = 0, list[str]()
        for source in self.sources[:_DATE_SAMPLE]:
            for row in islice(Rows(source, self.shape.limit, needed=self.shape.needed), _DATE_SAMPLE):
                value = row.values.get(self.shape.columns.date) if isinstance(row, Row) else None
                if value is not None and value == value and str(value).strip():
                    dated += 1
                    unread += [] if iso(value) else [str(value)]
        return dated, unread

    def _pieces(self) -> Iterator[Piece]:
        for piece in whole(self.sources):
            if piece.source.path is None:
                if self._stdin_is_read:
                    raise UsageError(
                        "standard input can be read only once; save it to a file and name the file"
                    )
                self._stdin_is_read = True
            yield piece
