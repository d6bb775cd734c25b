"""Parquet, read some dozen rows at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from topics.errors import DataError
from topics.readers import Format
from topics.types import WHOLE, Part, Reject, Row

ROWS = 64
"""Rows in memory at a time: dictionary-encoded values may take a thousand times their size in the file."""
_BYTES = 1 << 25
"""The same in bytes, by the metadata of the file: fewer rows if fields have megabytes."""
_UNREADABLE = (ValueError, OverflowError)
"""Raised by a cell with invalid UTF-8, or with a date after 9999."""


def read(
    stream: BinaryIO, name: str, limit: int, part: Part = WHOLE, needed: Collection[str] = ()
) -> Iterator[Row | Reject]:
    """Yield the rows; dates and times as `datetime` types.

    A stream that cannot seek is copied to a temporary file first, as the metadata is at the end.

    Args:
        stream: the file.
        name: the file's name in messages.
        limit: unused, see `topics.readers`.
        part: row groups to read.
        needed: columns of which an unreadable cell makes the row a reject; none named: all.

    Raises:
        DataError: the file is damaged, or two columns have one name.
    """
    number = part.line - 1
    for batch in _batches(stream, name, part):
        for values in _rows(batch, needed):
            number += 1
            yield Reject(name, number, values) if isinstance(values, str) else Row(number, values)


def _batches(stream: BinaryIO, name: str, part: Part) -> Iterator[pa.RecordBatch]:
    try:
        with nullcontext(stream) if stream.seekable() else _copy(stream) as seekable:
            file = pq.ParquetFile(seekable)
            _check(file.schema_arrow.names, name)
            groups = list(range(file.num_row_groups))[part.start : part.stop]
            for group in groups:
                metadata = file.metadata.row_group(group)
                rows = max(1, min(ROWS, _BYTES * metadata.num_rows // max(metadata.total_byte_size, 1)))
                yield from map(_round_to_microseconds, file.iter_batches(rows, row_groups=[group]))
    except (pa.ArrowException, OSError) as error:
        cause = str(error).splitlines()[0]
        raise DataError(f"{name}: cannot be read as Parquet ({cause}); export or copy it again") from error


def _round_to_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Round the nanoseconds of pandas, which `datetime` lacks."""
    for index, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            column = batch.column(index).cast(pa.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(index, field.name, column)
    return batch


def cut(stream: BinaryIO, size: int) -> Iterator[Part]:
    """Split a file between row groups into parts of at least `size` uncompressed bytes, except the last."""
    metadata = pq.read_metadata(stream)
    start, rows, size_so_far, first = 0, 0, 0, 1
    for group in range(metadata.num_row_groups):
        size_so_far += metadata.row_group(group).total_byte_size
        rows += metadata.row_group(group).num_rows
        if size_so_far >= size or group == metadata.num_row_groups - 1:
            yield Part(start, group + 1, first, size_so_far)
            start, first, size_so_far, rows = group + 1, first + rows, 0, 0


@contextmanager
def _copy(stream: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        yield cast(BinaryIO, copy)


def _check(columns: list[str], name: str) -> None:
    duplicates = sorted({column for column in columns if columns.count(column) > 1})
    if duplicates:
        raise DataError(f"{name}: two columns are called {duplicates[0]!r}; rename one of them")


def _rows(batch: pa.RecordBatch, needed: Collection[str]) -> Iterator[dict[str, Any] | str]:
    """Yield the values of each row, or the reason why it cannot be read."""
    try:
        yield from batch.to_pylist()
    except _UNREADABLE:
        # One bad cell fails the whole batch, so read cell by cell.
        for i in range(len(batch)):
            yield _row(batch.slice(i, 1), needed)


def _row(row: pa.RecordBatch, needed: Collection[str]) -> dict[str, Any] | str:
    values: dict[str, Any] = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            values[name] = column[0].as_py()
        except _UNREADABLE as error:
            if not needed or name in needed:
                return f"column {name!r} cannot be read: {error}"
            values[name] = None
    return values


FORMAT = Format(read, cut, is_table=True)
