"""Parts of an output -> one file, with rows left out where they must be."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from topics import storage
from topics.corpus.articles import names


class Row(msgspec.Struct, frozen=True):
    """The counted fields of an output row."""

    id: str
    rubrics: tuple[str, ...]
    needs_review: bool


Join = Callable[[Path, Collection[int]], list[Row]]
"""Adds a part but for some of its rows (counted from 0), and returns those."""
Joiner = Callable[[BinaryIO], AbstractContextManager[Join]]


@contextmanager
def json_lines(out: BinaryIO) -> Iterator[Join]:
    """One line after the other."""
    decode = msgspec.json.Decoder(Row).decode

    def join(part: Path, dropped: Collection[int]) -> list[Row]:
        with part.open("rb") as stream:
            if not dropped:
                shutil.copyfileobj(stream, out, 1 << 20)
                return []
            return [decode(line) for line in _sift(stream, dropped, out)]

    yield join


@contextmanager
def comma_separated(out: BinaryIO) -> Iterator[Join]:
    """The header of the first part stays, the others' go."""
    has_header = False

    def join(part: Path, dropped: Collection[int]) -> list[Row]:
        nonlocal has_header
        with part.open("rb") as stream:
            header = next(_records(stream))
            if not has_header:
                out.write(header)
                has_header = True
            if not dropped:
                shutil.copyfileobj(stream, out, 1 << 20)
                return []
            return [_parsed(header, record) for record in _sift(_records(stream), dropped, out)]

    yield join


@contextmanager
def parquet(out: BinaryIO) -> Iterator[Join]:
    """One row group after the other."""
    import pyarrow.parquet as pq

    writer: pq.ParquetWriter | None = None

    def join(part: Path, dropped: Collection[int]) -> list[Row]:
        nonlocal writer
        rows: list[Row] = []
        first = 0
        with storage.on_disk(part) as local, pq.ParquetFile(local) as file:
            writer = writer or pq.ParquetWriter(out, file.schema_arrow)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                goes = np.isin(np.arange(first, first + len(table)), list(dropped))
                first += len(table)
                if goes.any():
                    left_out = table.filter(goes).select(["id", "rubrics", "needs_review"])
                    rows += msgspec.convert(left_out.to_pylist(), list[Row])
                    table = table.filter(~goes)
                writer.write_table(table)
        return rows

    try:
        yield join
    finally:
        if writer:
            writer.close()


JOINERS: dict[str, Joiner] = {".jsonl": json_lines, ".csv": comma_separated, ".parquet": parquet}


def _sift(records: Iterator[bytes] | BinaryIO, dropped: Collection[int], out: BinaryIO) -> Iterator[bytes]:
    """Write the records that stay, return the others."""
    for i, record in enumerate(records):
        if i in dropped:
            yield record
        else:
            out.write(record)


def _records(stream: BinaryIO) -> Iterator[bytes]:
    """Iterate over the rows of a table of `topics.archive.writers`: in a whole row quotes come in pairs."""
    held: list[bytes] = []
    is_open = False
    while line := stream.readline():
        held.append(line)
        is_open ^= line.count(b'"') % 2 == 1
        if not is_open:
            yield b"".join(held)
            held.clear()


def _parsed(header: bytes, record: bytes) -> Row:
    text = io.StringIO((header + record).decode("utf-8-sig"), newline="")
    [row] = csv.DictReader(text)
    return Row(row["id"], tuple(names(row["rubrics"], "rubrics") or ()), row["needs_review"] == "true")
