"""A corpus: files of articles, read in batches. Every row ends as an article or as a reject."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from importlib import resources
from itertools import chain, compress, islice, repeat
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from topics.corpus.articles import Columns, Shape, UnfitError, iso
from topics.corpus.shards import Piece, whole
from topics.corpus.sources import find, rows
from topics.errors import DataError, UsageError, listed
from topics.types import Article, Labels, Reject, Row

__all__ = ["Batch", "Columns", "Corpus", "embedded", "embedded_inbox", "hashes", "load_labels", "read"]

LIMIT = 2_000_000
ROWS, CHARACTERS = 2_000, 4_000_000
"""Most of a batch: two thousand articles of two thousand characters, or one field of two millions."""
GLANCE = 1000
"""Rows of a file looked at for a column before it counts as absent; most files show all in the first."""
_DATES = 100
"""Rows of a file, and files, looked at for dates that cannot be read."""
TABLES = {"csv", "tsv", "parquet"}
"""Formats in which each row has all columns."""


class Batch(NamedTuple):
    """What some rows in a row became; all lists are in the order of the source."""

    articles: list[Article]
    rejects: list[Reject]
    places: list[tuple[str, int]]
    """Source and line of each article."""


_Found: TypeAlias = tuple[Article, str, int] | Reject
"""An article with its source and line, for the case that its id was seen before. A bare tuple, being many."""


class Corpus:
    """Articles of files, folders, patterns, or of standard input (`-`).

    `columns` says which column holds what. `keep` names columns to carry along untouched as `Article.kept`
    (`*`: all); one that a JSON object lacks is None, a table must have it. A field of more than `limit`
    characters makes a row a reject.
    `labels_file` is a table of id and rubrics that replace what the data says, see `load_labels`. `format`
    (a name in `topics.plugins.READERS`) is for standard input and for files whose suffix does not tell.
    Not `labelled`: rubrics are not read, and cannot make a row a reject.

    Files can be gone over again and again, standard input once. Raises DataError if there is nothing to
    read, and UsageError for a suffix that no reader knows.
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
        if not labelled:
            columns = replace(columns, rubrics="rubrics", unknown="unknown", labels=())
        self.shape = Shape(columns, tuple(keep), limit, labelled)
        self.is_laid_over = labels_file is not None
        """Whether a table of labels lies over the data, be it empty yet."""
        self.labels, rejects = load_labels(labels_file, columns) if labels_file else ({}, [])
        self.label_rejects = [row for row in rejects if row.reason != _UNFILLED]
        self.unfilled_labels = len(rejects) - len(self.label_rejects)
        """Rows of `labels_file` that name no rubrics yet."""
        self.unmatched_labels: tuple[str, ...] = ()
        """The ids in `labels_file` that no row had, sorted; known once all batches have come."""
        self._stdin_is_read = False

    @property
    def names(self) -> tuple[str, ...]:
        """What messages call the sources."""
        return tuple(source.name for source in self.sources)

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(source.path.stat().st_size for source in self.sources if source.path)

    def batches(self, size: int = ROWS) -> Iterator[Batch]:
        """Go over the corpus, at most `size` rows and some millions of characters at a time.

        Rejects of `labels_file` come in the first batch. Raises DataError for a file that cannot be read
        or lacks a column, with the names of those it has.
        """
        unmatched = set(self.labels)
        for batch in read(self._pieces(), self.shape, size, self.label_rejects):
            unmatched.difference_update(article.id for article in batch.articles)
            yield batch._replace(articles=list(map(self.labelled, batch.articles))) if self.labels else batch
        self.unmatched_labels = tuple(sorted(unmatched))

    def stream(self, pause: Callable[[], None]) -> Iterator[Article | Reject]:
        """Go over the rows one by one, as they come; an id may come again.

        `pause` is called whenever standard input has no more for now.
        """
        for piece in self._pieces():
            for found in _made(rows(piece.source, self.shape.limit, piece.part, pause), piece, self.shape):
                yield found if isinstance(found, Reject) else found[0]

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

    def unread_dates(self) -> tuple[int, list[str]]:
        """Look at some rows of each of the first sources: how many have a date, and those that are none."""
        there, unread = 0, list[str]()
        for source in self.sources[:_DATES]:
            for row in islice(rows(source, self.shape.limit), _DATES):
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


def read(
    pieces: Iterable[Piece], shape: Shape, size: int = ROWS, rejects: Sequence[Reject] = ()
) -> Iterator[Batch]:
    """Go over pieces of a corpus in batches; of articles with one id the first counts.

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
    found: Iterable[Row | Reject] = rows(piece.source, shape.limit, piece.part)
    if piece.part.line == 1:
        is_table = piece.source.format in TABLES
        keep = set(shape.keep) - {"*"} if is_table else set[str]()
        found = _checked(iter(found), shape.columns, piece.source.name, keep, is_table=is_table)
    return _made(found, piece, shape)


def _made(found: Iterable[Row | Reject], piece: Piece, shape: Shape) -> Iterator[_Found]:
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
    """Put a reject in the place of each article whose id came before."""
    placed = [(i, found) for i, found in enumerate(chunk) if not isinstance(found, Reject)]
    repeated = seen.add([article.id for _, (article, _, _) in placed])
    for i, (article, source, line) in compress(placed, repeated):
        chunk[i] = Reject(source, line, f"id {article.id!r} was seen before")
    return chunk


def _checked(
    found: Iterator[Row | Reject],
    columns: Columns,
    name: str,
    keep: Collection[str] = (),
    remedy: str = "",
    *,
    is_table: bool = False,
) -> Iterable[Row | Reject]:
    """Hand on what was found, having looked whether the columns are there: a typo is told at once.

    `keep` are columns that must be there besides. The rows of a table all have the same columns, so that one
    tells that there is no text.
    """
    ahead: list[Row | Reject] = []
    there: set[str] = set()
    for item in islice(found, GLANCE):
        ahead.append(item)
        if isinstance(item, Row):
            there |= item.values.keys()
            if not columns.absent(there):
                break
    absent = [*columns.absent(there), *sorted(set(keep) - there)]
    if there and absent:
        usual = "name one of them" + " with --text-column" * (absent[0] == columns.text)
        found_there = f"there is no column {absent[0]!r}; the columns are {listed(there)}"
        raise DataError(f"{name}: {found_there}; {remedy or usual}")
    if is_table and columns.text not in there and (long := _long_column(ahead, columns)):
        raise DataError(
            f"{name}: there is no column {columns.text!r}, and {long!r} holds long texts; name it with "
            f"--text-column {long}, or {columns.title} if the titles are all that is to be read"
        )
    return chain(ahead, found)


def _long_column(rows: Iterable[Row | Reject], columns: Columns) -> str:
    """Name a column that holds what titles do not; "" if none does."""
    for row in rows:
        for name, value in row.values.items() if isinstance(row, Row) else ():
            if name != columns.title and isinstance(value, str) and len(value) >= _LONG:
                return name
    return ""


class Seen:
    """The ids that came so far, as 64-bit hashes: 8 bytes an id, for a while 16 when lists are merged.

    Two different ids share a hash with a chance of about n² / 2⁶⁵: 3 in 10⁸ for a million ids, 3 in 10⁴ for
    a hundred million. The second of them would be rejected.
    """

    def __init__(self) -> None:
        self.runs: list[npt.NDArray[np.uint64]] = []
        """Sorted, each more than twice as long as the next, so an id is merged only log(n) times."""

    def add(self, ids: list[str]) -> list[bool]:
        """Return for each id whether it came before, in this call or an earlier one."""
        hashed = hashes(ids)
        fresh, first = np.unique(hashed, return_index=True)
        known = np.zeros(len(fresh), bool)
        for run in self.runs:
            known |= run[np.searchsorted(run, fresh).clip(max=len(run) - 1)] == fresh
        repeated = np.ones(len(hashed), bool)
        repeated[first] = known
        self._merge(fresh[~known])
        return repeated.tolist()

    def _merge(self, run: npt.NDArray[np.uint64]) -> None:
        while self.runs and len(self.runs[-1]) <= 2 * len(run):
            run = np.concatenate([self.runs.pop(), run])
            run.sort(kind="stable")  # quick on what is sorted in parts
        if len(run):
            self.runs.append(run)


def hashes(ids: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return 64 bits of each id."""
    digests = [blake2b(i.encode(errors="surrogatepass"), digest_size=8).digest() for i in ids]
    return np.frombuffer(b"".join(digests), np.uint64)


def load_labels(
    path: str | Path,
    columns: Columns = Columns(),  # noqa: B008 (frozen)
) -> tuple[dict[str, Labels], list[Reject]]:
    """Read a table of `id`, `rubrics` and, if it likes, `unknown`, in any format that a reader knows.

    Where it has no such columns, it may have those of the archive, which `columns` names.

    Its labels count as given by careful reading (`clean`). A row without id or rubrics is rejected; of an id
    that comes twice with different rubrics the first answer counts. Raises DataError if a column is absent.
    """
    try:
        return _load_labels(path, Columns(title="id", text="rubrics"))
    except DataError:
        if (columns.id, columns.rubrics) == ("id", "rubrics"):
            raise
        chosen = replace(Columns(), id=columns.id, rubrics=columns.rubrics)
        return _load_labels(path, replace(chosen, title=columns.id, text=columns.rubrics))


_UNFILLED = "no rubrics; write none if none holds"
_LONG = 300
"""Characters of a text that is no headline."""
_OF_LABELS = "a table of labels has columns called id and rubrics"


def _load_labels(path: str | Path, columns: Columns) -> tuple[dict[str, Labels], list[Reject]]:
    shape = Shape(columns, (), LIMIT)
    labels: dict[str, Labels] = {}
    rejects: list[Reject] = []
    for source in find(path).sources:
        for found in _checked(rows(source, LIMIT), columns, source.name, remedy=_OF_LABELS):
            reason = found.reason if isinstance(found, Reject) else _enter(found, shape, labels)
            if reason:
                rejects.append(Reject(source.name, found.line, reason))
    return labels, rejects


def _enter(row: Row, shape: Shape, labels: dict[str, Labels]) -> str:
    """Enter a row's labels; return why not, if so."""
    try:
        key, found = shape.id(row.values), shape.labels(row.values)
    except UnfitError as error:
        return str(error)
    if not key:
        return "no id"
    if found is None:
        return _UNFILLED
    entered = replace(found, clean=True)
    if labels.setdefault(key, entered) != entered:
        return f"id {key!r} came before with other rubrics; that answer stays"
    return ""


def _demo() -> Path:
    """Return where the demonstration corpus lies: inside an installed package, beside `src` in a checkout."""
    places = [Path(str(resources.files("topics"))) / "demo", Path(__file__).parents[3] / "data" / "demo"]
    for place in places:
        if place.is_dir():
            return place
    raise DataError(f"the demonstration corpus is not in {places[0]}; install the package again")


def embedded() -> list[Path]:
    """Return the files of the demonstration corpus: five outlets, 100 articles each, all labelled."""
    return sorted(_demo().glob("*.jsonl"))


def embedded_inbox() -> Path:
    """Return the file of unlabelled articles that come with the demonstration corpus.

    Raises DataError if it is not installed.
    """
    path = _demo() / "inbox" / "inbox.jsonl"
    if not path.is_file():
        raise DataError(f"the demonstration inbox is not at {path}; install the package again")
    return path
