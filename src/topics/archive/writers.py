"""Predictions -> JSON Lines, CSV or Parquet. A file is there whole or not at all."""

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
"""Takes a batch of articles and what was said of them, in the same order."""

_GROUP_ROWS, _GROUP_BYTES = 100_000, 1 << 26
"""Of a Parquet row group, about."""
_ENCODER = msgspec.json.Encoder(enc_hook=str)
"""A kept column may hold what Parquet knows and JSON does not."""
COLUMNS = ("id", "rubrics", "scores", "needs_review", "model")
TOPIC_COLUMNS = ("topics", "topic_model")
"""Only where there is a version of topics."""
_OURS = frozenset(COLUMNS + TOPIC_COLUMNS)


@contextmanager
def writing(path: Path, keep: Sequence[str] = (), *, topics: bool = False) -> Iterator[Write]:
    """Write a file by its suffix; it gets its name at the end, when all of it is on disk.

    Raises:
        UsageError: no format has this suffix.
    """
    opened = format_of(path)
    with storage.publishing(path) as stream, opened(stream, keep, topics=topics) as write:
        yield write


def format_of(path: Path) -> Callable[..., Any]:
    """Find the format that a suffix names: a context manager that yields a `Write`."""
    if path.suffix not in FORMATS:
        raise UsageError(
            f"{path}: cannot write {path.suffix or 'a file without suffix'}; known: {listed(FORMATS)}"
        )
    return FORMATS[path.suffix]


@contextmanager
def json_lines(stream: BinaryIO, keep: Sequence[str] = (), *, topics: bool = False) -> Iterator[Write]:
    """One object a line, Cyrillic as it is."""
    encode, row = _ENCODER.encode, _rows(topics)

    def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
        stream.write(b"".join([encode(found) + b"\n" for found in map(row, articles, predictions)]))

    yield write


@contextmanager
def comma_separated(stream: BinaryIO, keep: Sequence[str] = (), *, topics: bool = False) -> Iterator[Write]:
    """CSV with rubrics as a table of labels has them, scores and topics as JSON. UTF-8 with Excel's mark.

    Text that was kept and looks like a formula gets an apostrophe, see `topics.readers.harmless`; ids, by
    which others join tables, and numbers are written as they are.
    """
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="", write_through=True)
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_columns(topics), *_named(keep)])
    row = _rows(topics)

    def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
        table.writerows(map(_flat, map(row, articles, predictions)))

    yield write
    text.detach()


@contextmanager
def parquet(stream: BinaryIO, keep: Sequence[str] = (), *, topics: bool = False) -> Iterator[Write]:
    """Rubrics as a list, scores and topics as maps; kept columns as text, so that batches cannot disagree."""
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
    kept, row, ours = _named(keep), _rows(topics), _columns(topics)
    maps = [name for name in ours if pa.types.is_map(types[name])]
    schema = pa.schema([*((name, types[name]) for name in ours), *((name, pa.string()) for name in kept)])
    held: list[pa.Table] = []
    with pq.ParquetWriter(stream, schema) as file:

        def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
            rows = list(map(row, articles, predictions))
            for found in rows:
                found.update({name: list(found[name].items()) for name in maps})
                found.update({name: _text(found[name]) for name in kept})
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


def _columns(topics: bool) -> tuple[str, ...]:
    return COLUMNS + TOPIC_COLUMNS if topics else COLUMNS


def _rows(topics: bool) -> Callable[[Article, Prediction], dict[str, Any]]:
    return _row_with_topics if topics else _row


def _row_with_topics(article: Article, prediction: Prediction) -> dict[str, Any]:
    ours = {
        "topics": {topic.label: topic.value for topic in prediction.topics},
        "topic_model": prediction.topic_model,
    }
    return _row(article, prediction, ours)


def _row(
    article: Article, prediction: Prediction, more: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """One row of output. A kept column with the name of an output column becomes `source_…`."""
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
    return f"source_{name}" if name in _OURS else name


def _named(keep: Sequence[str]) -> list[str]:
    if "*" in keep:
        raise UsageError("--keep '*' works for JSON Lines only; name the columns to keep")
    named = [kept_name(name) for name in keep]
    if twice := [name for name in named if named.count(name) > 1]:
        raise UsageError(f"--keep: two columns would be called {twice[0]!r} in the output; keep one of them")
    return named


def _flat(row: dict[str, Any]) -> list[str]:
    # Without scores nothing was said of rubrics, which is not that none holds.
    row["rubrics"] = cell_of(row["rubrics"]) if row["scores"] else ""
    cells = [
        harmless(value) if isinstance(value, str) and name not in _OURS else _text(value) or ""
        for name, value in row.items()
    ]
    return [cell.replace("\r", " ") for cell in cells]  # a lone one ends a row, and csv does not quote it


def _text(value: object) -> str | None:
    """Write a value into a cell: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return _ENCODER.encode(value).decode()
