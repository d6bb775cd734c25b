"""Parquet, some dozen rows at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from topics.errors import DataError
from topics.types import WHOLE, Part, Reject, Row

ROWS = 64
"""Held at once: a column that repeats its values may be a thousand times as long as it is in the file."""
_BYTES = 1 << 25
"""The same in bytes, where the file tells how many there are: of fields of megabytes fewer are held."""
_UNREADABLE = (ValueError, OverflowError)
"""What a cell raises that holds letters that are not UTF-8, or a date after 9999."""


def read(
    stream: BinaryIO, name: str, limit: int, part: Part = WHOLE, needed: Collection[str] = ()
) -> Iterator[Row | Reject]:
    """Return every row; lists as lists, dates and times as `datetime` has them.

    A row is rejected for a cell that cannot be read in a column that is `needed`; none named: in any.

    Parquet keeps its table of contents at the end, so a stream that cannot seek is copied to a temporary
    file first. Raises DataError if the file is damaged.
    """
    number = part.line - 1
    for batch in _batches(stream, name, part):
        for found in _dicts(batch, needed):
            number += 1
            yield Reject(name, number, found) if isinstance(found, str) else Row(number, found)


def _batches(stream: BinaryIO, name: str, part: Part) -> Iterator[pa.RecordBatch]:
    try:
        with nullcontext(stream) if stream.seekable() else _copy(stream) as seekable:
            file = pq.ParquetFile(seekable)
            _check(file.schema_arrow.names, name)
            groups = list(range(file.num_row_groups))[part.start : part.stop]
            for group in groups:
                facts = file.metadata.row_group(group)
                rows = max(1, min(ROWS, _BYTES * facts.num_rows // max(facts.total_byte_size, 1)))
                yield from map(_in_microseconds, file.iter_batches(rows, row_groups=[group]))
    except (pa.ArrowException, OSError) as error:
        cause = str(error).splitlines()[0]
        raise DataError(f"{name}: cannot be read as Parquet ({cause}); export or copy it again") from error


def _in_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Round what pandas stores to the nanosecond: `datetime` has no such times."""
    for at, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            column = batch.column(at).cast(pa.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(at, field.name, column)
    return batch


def cut(stream: BinaryIO, size: int) -> Iterator[Part]:
    """Cut a file between row groups into parts of at least `size` unpacked bytes, the last one less."""
    facts = pq.read_metadata(stream)
    start, rows, held, first = 0, 0, 0, 1
    for group in range(facts.num_row_groups):
        held += facts.row_group(group).total_byte_size
        rows += facts.row_group(group).num_rows
        if held >= size or group == facts.num_row_groups - 1:
            yield Part(start, group + 1, first, held)
            start, first, held, rows = group + 1, first + rows, 0, 0


@contextmanager
def _copy(stream: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        yield cast(BinaryIO, copy)


def _check(columns: list[str], name: str) -> None:
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise DataError(f"{name}: two columns are called {twice[0]!r}; rename one of them")


def _dicts(batch: pa.RecordBatch, needed: Collection[str]) -> Iterator[dict[str, Any] | str]:
    """Return a dict a row, or the reason why it cannot be read."""
    try:
        yield from batch.to_pylist()
    except _UNREADABLE:
        # One cell spoils the whole batch: go cell by cell.
        for i in range(len(batch)):
            yield _dict(batch.slice(i, 1), needed)


def _dict(row: pa.RecordBatch, needed: Collection[str]) -> dict[str, Any] | str:
    values: dict[str, Any] = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            values[name] = column[0].as_py()
        except _UNREADABLE as error:
            if not needed or name in needed:
                return f"column {name!r} cannot be read: {error}"
            values[name] = None
    return values
