"""Parquet, some thousand rows at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from topics.errors import DataError
from topics.types import Reject, Row

ROWS = 2000


def read(stream: BinaryIO, name: str, limit: int) -> Iterator[Row | Reject]:
    """Return every row; lists as lists, dates and times as `datetime` has them.

    Parquet keeps its table of contents at the end, so a stream that cannot seek is copied to a temporary
    file first. Raises DataError if the file is damaged.
    """
    number = 0
    for batch in _batches(stream, name):
        for found in _dicts(batch):
            number += 1
            yield Reject(name, number, found) if isinstance(found, str) else Row(number, found)


def _batches(stream: BinaryIO, name: str) -> Iterator[pa.RecordBatch]:
    try:
        with nullcontext(stream) if stream.seekable() else _copy(stream) as seekable:
            file = pq.ParquetFile(seekable)
            _check(file.schema_arrow.names, name)
            yield from file.iter_batches(ROWS)
    except (pa.ArrowException, OSError) as error:
        cause = str(error).splitlines()[0]
        raise DataError(f"{name}: cannot be read as Parquet ({cause}); export or copy it again") from error


@contextmanager
def _copy(stream: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        yield cast(BinaryIO, copy)


def _check(columns: list[str], name: str) -> None:
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise DataError(f"{name}: two columns are called {twice[0]!r}; rename one of them")


def _dicts(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
    """Return a dict a row, or the reason why there is none."""
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError) as error:
        if len(batch) == 1:
            yield f"a value cannot be read: {error}"
            return
        # One cell spoils the whole batch (letters that are not UTF-8, a date after 9999): go row by row.
        for i in range(len(batch)):
            yield from _dicts(batch.slice(i, 1))
    else:
        yield from rows
