"""Whether a source has the requested columns: a typo fails at once, not after an hour."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice

from topics.corpus.articles import Columns, Shape
from topics.corpus.sources import TABLES, Rows, Source
from topics.errors import DataError, counted, listed
from topics.types import Reject, Row

GLANCE = 1000
"""Rows of a file looked at for a column before it counts as absent; most files show all in the first."""
FILES = 100
"""Files looked at for a column that some of them may lack."""
_LONG = 300
"""Characters of a text that is too long for a headline."""


def checked(
    found: Rows, columns: Columns, keep: Collection[str] = (), remedy: str = "", but: Collection[str] = ()
) -> Iterator[Row | Reject]:
    """Check the columns of the first rows, then yield all rows: a typo fails at once.

    `keep` are columns that a table must have besides, `but` those that it may lack. The rows of a table all
    have the same columns, so that one tells which there are. Raises DataError.
    """
    rows, ahead, there = iter(found), list[Row | Reject](), set[str]()
    for item in rows:
        if isinstance(item, Row):
            there |= item.values.keys()
        elif not ahead:
            yield item
            continue
        ahead.append(item)
        if found.is_table or not columns.absent(there, but) or len(ahead) == GLANCE:
            break
    _expect(there, ahead, found, columns, keep, remedy, but)
    yield from chain(ahead, rows)


def lacking(sources: Sequence[Source], shape: Shape) -> list[str]:
    """Return a line for each optional column that some of the first files lack.

    A title, a date, an outlet may, and in tables what is to be kept; a row of JSON Lines may lack that by
    itself. Raises DataError for a column that none of the files has.
    """
    optional, kept = shape.columns.optional, set(shape.keep) - {"*"}
    looked, first, without = 0, set[str](), dict[str, list[str]]()
    for source in sources[:FILES] if optional or kept else ():
        found = Rows(source, shape.limit, needed=shape.needed)
        wanted = optional | kept if source.format in TABLES else optional
        there = columns_of(found, wanted) if wanted else set()
        if not there and wanted:
            continue  # an empty file
        looked, first = looked + 1, first or there
        for column in wanted - there:
            without.setdefault(column, []).append(source.name)
    for column, names in sorted(without.items()):
        if len(names) == looked:
            raise DataError(f"{names[0]}: {_no_column(column, first)}; name one of them")
    of = counted(looked, "file") if len(sources) <= FILES else f"the first {FILES} files"
    return [
        f"no column {column!r} in {len(names)} of {of}, such as {names[0]}: it counts as empty there"
        for column, names in sorted(without.items())
    ]


def columns_of(found: Rows, wanted: Collection[str] = ()) -> set[str]:
    """Return the columns of the first rows, until all `wanted` ones are found."""
    there = set[str]()
    for item in islice(found, GLANCE):
        if isinstance(item, Row):
            there.update(item.values)
        if there and (found.is_table or there.issuperset(wanted)):
            break
    return there


def streamed(
    found: Rows, columns: Columns, keep: Collection[str], missing: set[str], there: set[str]
) -> Iterator[Row | Reject]:
    """Yield each row as it comes; a table is checked by its first row, other formats at the end.

    `missing` then holds the columns that were asked for by name and that no row had, and `there` some of
    those that rows had.
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
            there.update(item.values)
        yield item


def _expect(
    there: set[str],
    rows: Sequence[Row | Reject],
    found: Rows,
    columns: Columns,
    keep: Collection[str],
    remedy: str = "",
    but: Collection[str] = (),
) -> None:
    """Raise DataError if these rows lack a column."""
    name = found.source.name
    kept = set(keep) - {"*", *but} - there if found.is_table else ()
    absent = [*columns.absent(there, but), *sorted(kept)]
    if there and absent:
        usual = "name one of them" + " with --text-column" * (absent[0] == columns.text)
        raise DataError(f"{name}: {_no_column(absent[0], there)}; {remedy or usual}")
    if found.is_table and columns.text not in there and (long := _long_column(rows, columns)):
        raise DataError(
            f"{name}: no column {columns.text!r}, and {long!r} holds long texts; name it with "
            f"--text-column {long}, or {columns.title} if the titles are all that is to be read"
        )


def _no_column(column: str, there: Collection[str]) -> str:
    return f"no column {column!r}; the columns are {listed(there)}"


def _long_column(rows: Iterable[Row | Reject], columns: Columns) -> str:
    """Return a column that holds long texts, or ""."""
    for row in rows:
        for name, value in row.values.items() if isinstance(row, Row) else ():
            if name != columns.title and isinstance(value, str) and len(value) >= _LONG:
                return name
    return ""
