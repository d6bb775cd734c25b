"""Whether a source has the columns that are asked of it: a typo is told at once, not after an hour."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from topics.corpus.articles import Columns
from topics.corpus.sources import Rows
from topics.errors import DataError, listed
from topics.types import Reject, Row

GLANCE = 1000
"""Rows of a file looked at for a column before it counts as absent; most files show all in the first."""
_LONG = 300
"""Characters of a text that is no headline."""


def checked(
    found: Rows, columns: Columns, keep: Collection[str] = (), remedy: str = ""
) -> Iterator[Row | Reject]:
    """Hand on what was found, having looked whether the columns are there: a typo is told at once.

    `keep` are columns that a table must have besides. The rows of a table all have the same columns, so that
    one tells which there are. Raises DataError.
    """
    rows, ahead, there = iter(found), list[Row | Reject](), set[str]()
    for item in rows:
        if isinstance(item, Row):
            there |= item.values.keys()
        elif not ahead:
            yield item
            continue
        ahead.append(item)
        if found.is_table or not columns.absent(there) or len(ahead) == GLANCE:
            break
    _expect(there, ahead, found, columns, keep, remedy)
    yield from chain(ahead, rows)


def streamed(
    found: Rows, columns: Columns, keep: Collection[str], missing: set[str]
) -> Iterator[Row | Reject]:
    """Hand on each row when it comes: a table is checked by its first, others when all have come.

    `missing` then holds the columns that were asked for by name and that no row had.
    """
    is_first = True
    for item in found:
        if isinstance(item, Row) and is_first:
            is_first = False
            if found.is_table:
                _expect(set(item.values), [item], found, columns, keep)
            missing |= {*columns.chosen, *keep} - {"*"}
        if missing and isinstance(item, Row):
            missing.difference_update(item.values)
        yield item


def _expect(
    there: set[str],
    rows: Sequence[Row | Reject],
    found: Rows,
    columns: Columns,
    keep: Collection[str],
    remedy: str = "",
) -> None:
    """Raise DataError if these rows lack a column."""
    name = found.source.name
    absent = [*columns.absent(there), *sorted(set(keep) - {"*"} - there if found.is_table else ())]
    if there and absent:
        usual = "name one of them" + " with --text-column" * (absent[0] == columns.text)
        found_there = f"there is no column {absent[0]!r}; the columns are {listed(there)}"
        raise DataError(f"{name}: {found_there}; {remedy or usual}")
    if found.is_table and columns.text not in there and (long := _long_column(rows, columns)):
        raise DataError(
            f"{name}: there is no column {columns.text!r}, and {long!r} holds long texts; name it with "
            f"--text-column {long}, or {columns.title} if the titles are all that is to be read"
        )


def _long_column(rows: Iterable[Row | Reject], columns: Columns) -> str:
    """Name a column that holds what titles do not; "" if none does."""
    for row in rows:
        for name, value in row.values.items() if isinstance(row, Row) else ():
            if name != columns.title and isinstance(value, str) and len(value) >= _LONG:
                return name
    return ""
