"""Joining of the parts of an output into one file, without given rows."""

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


class OutputRow(msgspec.Struct, frozen=True):
    """The counted fields of an output row."""

    id: str
    rubrics: tuple[str, ...]
    needs_review: bool


Join = Callable[[Path, Collection[int]], list[OutputRow]]
"""Appends a part except for the rows of given numbers (from 0), and returns those rows."""
Joiner = Callable[[BinaryIO], AbstractContextManager[Join]]


@contextmanager
def json_lines(out: BinaryIO) -> Iterator[Join]:
    """Join JSON Lines."""
    decode = msgspec.json.Decoder(OutputRow).decode

    def join(part: Path, dropped: Collection[int]) -> list[OutputRow]:
        with part.open("rb") as stream:
            if not dropped:
                shutil.copyfileobj(stream, out, 1 << 20)
                return []
            return [decode(line) for line in _split(stream, dropped, out)]

    yield join


@contextmanager
def comma_separated(out: BinaryIO) -> Iterator[Join]:
    """Join CSV; only the first part's header is kept."""
    has_header = False

    def join(part: Path, dropped: Collection[int]) -> list[OutputRow]:
        nonlocal has_header
        with part.open("rb") as stream:
            header = next(_records(stream))
            if not has_header:
                out.write(header)
                has_header = True
            if not dropped:
                shutil.copyfileobj(stream, out, 1 << 20)
                return []
            return [_parse_row(header, record) for record in _split(_records(stream), dropped, out)]

    yield join


@contextmanager
def parquet(out: BinaryIO) -> Iterator[Join]:
    """Join Parquet, row group by row group."""
    import pyarrow.parquet as pq

    writer: pq.ParquetWriter | None = None

    def join(part: Path, dropped: Collection[int]) -> list[OutputRow]:
        nonlocal writer
        rows: list[OutputRow] = []
        first = 0
        with storage.on_disk(part) as local, pq.ParquetFile(local) as file:
            writer = writer or pq.ParquetWriter(out, file.schema_arrow)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                drop = np.isin(np.arange(first, first + len(table)), list(dropped))
                first += len(table)
                if drop.any():
                    removed = table.filter(drop).select(["id", "rubrics", "needs_review"])
                    rows += msgspec.convert(removed.to_pylist(), list[OutputRow])
                    table = table.filter(~drop)
                writer.write_table(table)
        return rows

    try:
        yield join
    finally:
        if writer:
            writer.close()


JOINERS: dict[str, Joiner] = {".jsonl": json_lines, ".csv": comma_separated, ".parquet": parquet}


def _split(records: Iterator[bytes] | BinaryIO, dropped: Collection[int], out: BinaryIO) -> Iterator[bytes]:
    """Write the records that are kept and yield those that are dropped."""
    for i, record in enumerate(records):
        if i in dropped:
            yield record
        else:
            out.write(record)


def _records(stream: BinaryIO) -> Iterator[bytes]:
    """Iterate over the rows of a CSV of `topics.archive.writers`; a row has an even number of quotes."""
    lines: list[bytes] = []
    in_quotes = False
    while line := stream.readline():
        lines.append(line)
        in_quotes ^= line.count(b'"') % 2 == 1
        if not in_quotes:
            yield b"".join(lines)
            lines.clear()


def _parse_row(header: bytes, record: bytes) -> OutputRow:
    text = io.StringIO((header + record).decode("utf-8-sig"), newline="")
    [row] = csv.DictReader(text)
    return OutputRow(row["id"], tuple(names(row["rubrics"], "rubrics") or ()), row["needs_review"] == "true")
