"""Checks that sources have the requested columns, so that a typo fails at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice

from topics.corpus.articles import Columns, Shape
from topics.corpus.sources import Rows, Source
from topics.errors import DataError, counted, listed
from topics.types import Reject, Row

MAX_ROWS = 1000
"""Rows of a file after which a column that none of them has counts as absent; often the first has all."""
MAX_FILES = 100
"""Files checked for columns that some of them may lack."""
_LONG_TEXT = 300
"""Characters from which on a text is no headline."""


def check_first_rows(
    rows: Rows, columns: Columns, keep: Collection[str] = (), remedy: str = "", except_: Collection[str] = ()
) -> Iterator[Row | Reject]:
    """Check the columns of the first rows, then yield all rows.

    Args:
        rows: of a source. All rows of a table have the same columns, so that its first row is enough.
        columns: of articles.
        keep: further columns that a table must have.
        remedy: ends the message.
        except_: columns that the source may lack.

    Raises:
        DataError: a column is absent.
    """
    items, buffered, present = iter(rows), list[Row | Reject](), set[str]()
    for item in items:
        if isinstance(item, Row):
            present |= item.values.keys()
        elif not buffered:
            yield item
            continue
        buffered.append(item)
        if rows.is_table or not columns.absent(present, except_) or len(buffered) == MAX_ROWS:
            break
    _expect(present, buffered, rows, columns, keep, remedy, except_)
    yield from chain(buffered, items)


def partly_missing(sources: Sequence[Source], shape: Shape) -> list[str]:
    """Return a message for each optional column that some of the first files lack.

    Optional are titles, dates and outlets, and in tables the columns to keep; rows of JSON Lines may lack the
    latter anyway.

    Raises:
        DataError: none of the files has a column.
    """
    optional, kept = shape.columns.optional, set(shape.keep) - {"*"}
    files_read, first_columns, lacking_files = 0, set[str](), dict[str, list[str]]()
    for source in sources[:MAX_FILES] if optional or kept else ():
        rows = Rows(source, shape.limit, needed=shape.needed)
        wanted = optional | kept if rows.is_table else optional
        present = columns_of(rows, wanted) if wanted else set()
        if not present and wanted:
            continue  # an empty file
        files_read, first_columns = files_read + 1, first_columns or present
        for column in wanted - present:
            lacking_files.setdefault(column, []).append(source.name)
    for column, names in sorted(lacking_files.items()):
        if len(names) == files_read:
            raise DataError(f"{names[0]}: {_no_column(column, first_columns)}; name one of them")
    total = counted(files_read, "file") if len(sources) <= MAX_FILES else f"the first {MAX_FILES} files"
    return [
        f"no column {column!r} in {len(names)} of {total}, e.g. {names[0]}; treated as empty there"
        for column, names in sorted(lacking_files.items())
    ]


def columns_of(rows: Rows, wanted: Collection[str] = ()) -> set[str]:
    """Return the columns of the first rows, until all `wanted` ones are found."""
    present = set[str]()
    for item in islice(rows, MAX_ROWS):
        if isinstance(item, Row):
            present.update(item.values)
        if present and (rows.is_table or present.issuperset(wanted)):
            break
    return present


def check_stream(
    rows: Rows, columns: Columns, keep: Collection[str], missing: set[str], present: set[str]
) -> Iterator[Row | Reject]:
    """Yield each row as it arrives; a table is checked by its first row, other formats at the end.

    At the end, `missing` holds the columns that were chosen by name and that no row had, `present` some of
    those that rows had.
    """
    is_first = True
    for item in rows:
        if isinstance(item, Row) and is_first:
            is_first = False
            if rows.is_table:
                _expect(set(item.values), [item], rows, columns, keep)
            missing |= {*columns.chosen, *keep} - {"*"}
        if missing and isinstance(item, Row):
            missing.difference_update(item.values)
            present.update(item.values)
        yield item


def _expect(
    present: set[str],
    items: Sequence[Row | Reject],
    rows: Rows,
    columns: Columns,
    keep: Collection[str],
    remedy: str = "",
    except_: Collection[str] = (),
) -> None:
    """Raise DataError if these rows lack a column."""
    name = rows.source.name
    kept = set(keep) - {"*", *except_} - present if rows.is_table else ()
    absent = [*columns.absent(present, except_), *sorted(kept)]
    if present and absent:
        usual = "name one of them" + " with --text-column" * (absent[0] == columns.text)
        raise DataError(f"{name}: {_no_column(absent[0], present)}; {remedy or usual}")
    if rows.is_table and columns.text not in present and (long := _long_column(items, columns)):
        raise DataError(
            f"{name}: no column {columns.text!r}, but {long!r} contains long texts; name it with "
            f"--text-column {long}, or {columns.title} to read titles only"
        )


def _no_column(column: str, present: Collection[str]) -> str:
    return f"no column {column!r}; the columns are {listed(present)}"


def _long_column(items: Iterable[Row | Reject], columns: Columns) -> str:
    """Return the name of a column with long texts, or ""."""
    for row in items:
        for name, value in row.values.items() if isinstance(row, Row) else ():
            if name != columns.title and isinstance(value, str) and len(value) >= _LONG_TEXT:
                return name
    return ""
