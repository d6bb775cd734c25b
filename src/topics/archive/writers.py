"""Writers of predictions as JSON Lines, CSV or Parquet. Files are published atomically."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import msgspec

from topics import storage
from topics.corpus.articles import cell_of
from topics.errors import UsageError, listed
from topics.readers import harmless
from topics.types import Article, Prediction

Write = Callable[[Sequence[Article], Sequence[Prediction]], None]
"""Takes a batch of articles and their predictions, in the same order."""

_GROUP_ROWS, _GROUP_BYTES = 100_000, 1 << 26
"""Approximate size of a Parquet row group."""
_ENCODER = msgspec.json.Encoder(enc_hook=str)
"""A kept column of Parquet may have types that JSON lacks."""
COLUMNS = ("id", "rubrics", "scores", "needs_review", "model")
TOPIC_COLUMNS = ("topics", "topic_model")
"""Added if there is a version of topics."""
_OUTPUT_COLUMNS = frozenset(COLUMNS + TOPIC_COLUMNS)


@contextmanager
def writing(path: Path, keep: Sequence[str] = (), *, topics: bool = False) -> Iterator[Write]:
    """Write a file in the format of its suffix; it appears when it is complete.

    Raises:
        UsageError: no format has this suffix.
    """
    format_writer = format_of(path)
    with storage.publishing(path) as stream, format_writer(stream, keep, topics=topics) as write:
        yield write


def format_of(path: Path) -> Callable[..., Any]:
    """Return the format of a suffix: a context manager that yields a `Write`.

    Raises:
        UsageError: no format has this suffix.
    """
    if path.suffix not in FORMATS:
        raise UsageError(
            f"{path}: cannot write {path.suffix or 'a file without suffix'}; suffixes: {listed(FORMATS)}"
        )
    return FORMATS[path.suffix]


@contextmanager
def json_lines(stream: BinaryIO, keep: Sequence[str] = (), *, topics: bool = False) -> Iterator[Write]:
    """Write JSON Lines; Cyrillic is not escaped."""
    encode, row = _ENCODER.encode, _rows(topics)

    def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
        stream.write(b"".join([encode(output) + b"\n" for output in map(row, articles, predictions)]))

    yield write


@contextmanager
def comma_separated(stream: BinaryIO, keep: Sequence[str] = (), *, topics: bool = False) -> Iterator[Write]:
    """Write CSV: rubrics as in a table of labels, scores and topics as JSON; UTF-8 with a BOM, for Excel.

    Kept text that looks like a formula gets an apostrophe, see `topics.readers.harmless`; ids, which other
    tables are joined by, and numbers are written as they are.
    """
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="", write_through=True)
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_columns(topics), *_kept_names(keep)])
    row = _rows(topics)

    def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
        table.writerows(map(_flat, map(row, articles, predictions)))

    yield write
    text.detach()


@contextmanager
def parquet(stream: BinaryIO, keep: Sequence[str] = (), *, topics: bool = False) -> Iterator[Write]:
    """Write Parquet: rubrics as a list, scores and topics as maps, kept columns as text in every batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "id": pa.string(),
        "rubrics": pa.list_(pa.string()),
        "scores": pa.map_(pa.string(), pa.float64()),
        "needs_review": pa.bool_(),
        "model": pa.string(),
        "topics": pa.map_(pa.string(), pa.float64()),
        "topic_model": pa.string(),
    }
    kept, row, columns = _kept_names(keep), _rows(topics), _columns(topics)
    maps = [name for name in columns if pa.types.is_map(types[name])]
    schema = pa.schema([*((name, types[name]) for name in columns), *((name, pa.string()) for name in kept)])
    tables: list[pa.Table] = []
    with pq.ParquetWriter(stream, schema) as file:

        def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
            rows = list(map(row, articles, predictions))
            for output in rows:
                output.update({name: list(output[name].items()) for name in maps})
                output.update({name: _text(output[name]) for name in kept})
            tables.append(pa.Table.from_pylist(rows, schema))
            if sum(map(len, tables)) >= _GROUP_ROWS or sum(table.nbytes for table in tables) >= _GROUP_BYTES:
                flush()

        def flush() -> None:
            # Several batches per row group, lest a hundred million articles make fifty thousand groups.
            file.write_table(pa.concat_tables(tables, promote_options="none"))
            tables.clear()

        yield write
        if tables:
            flush()


FORMATS = {".jsonl": json_lines, ".csv": comma_separated, ".parquet": parquet}


def _columns(topics: bool) -> tuple[str, ...]:
    return COLUMNS + TOPIC_COLUMNS if topics else COLUMNS


def _rows(topics: bool) -> Callable[[Article, Prediction], dict[str, Any]]:
    return _row_with_topics if topics else _row


def _row_with_topics(article: Article, prediction: Prediction) -> dict[str, Any]:
    topics = {
        "topics": {topic.label: topic.value for topic in prediction.topics},
        "topic_model": prediction.topic_model,
    }
    return _row(article, prediction, topics)


def _row(
    article: Article, prediction: Prediction, more: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return a row of output. A kept column with the name of an output column becomes `source_…`."""
    row: dict[str, Any] = {
        "id": prediction.id,
        "rubrics": [score.label for score in prediction.rubrics],
        "scores": prediction.scores,
        "needs_review": prediction.needs_review,
        "model": prediction.model,
        **more,
    }
    for name, value in article.kept.items():
        row[kept_name(name)] = value
    return row


def kept_name(name: str) -> str:
    """Return the output name of a kept column."""
    return f"source_{name}" if name in _OUTPUT_COLUMNS else name


def _kept_names(keep: Sequence[str]) -> list[str]:
    if "*" in keep:
        raise UsageError(
            "keeping all columns (--keep '*') works for JSON Lines only; name the columns to keep"
        )
    names = [kept_name(name) for name in keep]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise UsageError(
            f"two kept columns (--keep) would both be called {repeated[0]!r} in the output; keep only one"
        )
    return names


def _flat(row: dict[str, Any]) -> list[str]:
    # Without scores there was no version of rubrics; that differs from "no rubric holds".
    row["rubrics"] = cell_of(row["rubrics"]) if row["scores"] else ""
    cells = [
        harmless(value) if isinstance(value, str) and name not in _OUTPUT_COLUMNS else _text(value) or ""
        for name, value in row.items()
    ]
    return [cell.replace("\r", " ") for cell in cells]  # csv does not quote a lone \r, which ends a row


def _text(value: object) -> str | None:
    """Convert a value to a cell: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return _ENCODER.encode(value).decode()
