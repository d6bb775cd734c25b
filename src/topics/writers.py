"""Predictions -> JSON Lines, CSV or Parquet. A file is there whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from topics import storage
from topics.errors import UsageError, listed
from topics.types import Article, Prediction

Write = Callable[[Sequence[Article], Sequence[Prediction]], None]
"""Takes a batch of articles and what was said of them, in the same order."""

_GROUP_ROWS, _GROUP_BYTES = 100_000, 1 << 26
"""Of a Parquet row group, about."""
COLUMNS = ("id", "rubrics", "scores", "needs_review", "model")


@contextmanager
def writing(path: Path, keep: Sequence[str] = ()) -> Iterator[Write]:
    """Write a file by its suffix; it gets its name at the end, when all of it is on disk.

    Raises:
        UsageError: no format has this suffix.
    """
    opened = format_of(path)
    with storage.publishing(path) as stream, opened(stream, keep) as write:
        yield write


def format_of(path: Path) -> Callable[[BinaryIO, Sequence[str]], Any]:
    """Find the format that a suffix names: a context manager that yields a `Write`."""
    if path.suffix not in FORMATS:
        raise UsageError(
            f"{path}: cannot write {path.suffix or 'a file without suffix'}; known: {listed(FORMATS)}"
        )
    return FORMATS[path.suffix]


@contextmanager
def json_lines(stream: BinaryIO, keep: Sequence[str] = ()) -> Iterator[Write]:
    """One object a line, Cyrillic as it is."""
    encode = msgspec.json.Encoder().encode

    def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
        stream.write(b"".join(encode(row) + b"\n" for row in map(_row, articles, predictions)))

    yield write


@contextmanager
def comma_separated(stream: BinaryIO, keep: Sequence[str] = ()) -> Iterator[Write]:
    """CSV with rubrics separated by `;` and scores as JSON. UTF-8 with a mark that Excel needs."""
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="", write_through=True)
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, *_named(keep)])

    def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
        table.writerows(map(_flat, map(_row, articles, predictions)))

    yield write
    text.detach()


@contextmanager
def parquet(stream: BinaryIO, keep: Sequence[str] = ()) -> Iterator[Write]:
    """Rubrics as a list, scores as a map; kept columns as text, so that batches cannot disagree."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "id": pa.string(),
        "rubrics": pa.list_(pa.string()),
        "scores": pa.map_(pa.string(), pa.float64()),
        "needs_review": pa.bool_(),
        "model": pa.string(),
    }
    kept = _named(keep)
    schema = pa.schema([*types.items(), *((name, pa.string()) for name in kept)])
    held: list[pa.Table] = []
    with pq.ParquetWriter(stream, schema) as file:

        def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
            rows = list(map(_row, articles, predictions))
            for row in rows:
                row["scores"] = list(row["scores"].items())
                row.update({name: _text(row[name]) for name in kept})
            held.append(pa.Table.from_pylist(rows, schema))
            if sum(map(len, held)) >= _GROUP_ROWS or sum(table.nbytes for table in held) >= _GROUP_BYTES:
                flush()

        def flush() -> None:
            # Not a row group a batch: an archive of a hundred million articles would have fifty thousand.
            file.write_table(pa.concat_tables(held, promote_options="none"))
            held.clear()

        yield write
        if held:
            flush()


FORMATS = {".jsonl": json_lines, ".csv": comma_separated, ".parquet": parquet}


def _row(article: Article, prediction: Prediction) -> dict[str, Any]:
    """One row of output. A kept column that is called like one of ours becomes `source_…`."""
    row: dict[str, Any] = {
        "id": prediction.id,
        "rubrics": [score.label for score in prediction.rubrics],
        "scores": prediction.scores,
        "needs_review": prediction.needs_review,
        "model": prediction.model,
    }
    for name, value in article.kept.items():
        row[kept_name(name)] = value
    return row


def kept_name(name: str) -> str:
    """Name a kept column in the output."""
    return f"source_{name}" if name in COLUMNS else name


def _named(keep: Sequence[str]) -> list[str]:
    if "*" in keep:
        raise UsageError("--keep '*' works for JSON Lines only; name the columns to keep")
    return [kept_name(name) for name in keep]


def _flat(row: dict[str, Any]) -> list[object]:
    row = row | {"rubrics": ";".join(row["rubrics"]), "scores": _text(row["scores"])}
    return ["" if value is None else _text(value) for value in row.values()]


def _text(value: object) -> str | None:
    """Write a value into a cell: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
