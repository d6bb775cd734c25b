"""Whether a source has the columns that are asked of it: a typo is told at once, not after an hour."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice

from topics.corpus.articles import Columns
from topics.errors import DataError, listed
from topics.types import Reject, Row

GLANCE = 1000
"""Rows of a file looked at for a column before it counts as absent; most files show all in the first."""
_LONG = 300
"""Characters of a text that is no headline."""


def checked(
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
