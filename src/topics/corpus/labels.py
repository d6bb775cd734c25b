"""A table of labels that replace those of the data, as given by careful reading."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from topics.corpus.articles import LIMIT, Columns, Shape, UnfitError
from topics.corpus.checking import check_first_rows
from topics.corpus.sources import Rows, find
from topics.errors import DataError
from topics.types import Labels, Reject, Row

UNFILLED = "no rubrics; write none if none applies"
"""Reason of a reject that is no error: a row that is not filled in yet."""
_LABELS_REMEDY = "a table of labels needs the columns id and rubrics"


def load_labels(
    path: str | Path,
    columns: Columns = Columns(),  # noqa: B008 (frozen)
) -> tuple[dict[str, Labels], list[Reject]]:
    """Read a table of `id`, `rubrics` and, optionally, `unknown`, in any format that a reader knows.

    The columns may also be named as in the archive. Labels are marked as given by careful reading (`clean`).
    A row without id or rubrics is rejected, and so is a repeated id with other rubrics.

    Args:
        path: of the table.
        columns: of the archive: `rubrics`, or one column per rubric.

    Raises:
        DataError: a column is absent.
    """
    defaults = Columns()
    candidates = [defaults, replace(defaults, id=columns.id, rubrics=columns.rubrics)]
    if columns.labels:
        candidates.append(replace(defaults, id=columns.id, labels=columns.labels))
    *alternatives, last = dict.fromkeys(candidates)
    for columns_tried in alternatives:
        with suppress(DataError):
            return _load_labels(path, columns_tried, columns.unknown)
    return _load_labels(path, last, columns.unknown)


def _load_labels(path: str | Path, columns: Columns, unknown: str) -> tuple[dict[str, Labels], list[Reject]]:
    # Tables of labels have no texts: name columns that they do have, so that none is missed.
    required = replace(columns, title=columns.id, text=columns.id if columns.labels else columns.rubrics)
    shape = Shape(columns, (), LIMIT)
    shape_with_unknown = Shape(replace(columns, unknown=unknown), (), LIMIT)
    labels: dict[str, Labels] = {}
    rejects: list[Reject] = []
    needed = {columns.id, columns.rubrics, columns.unknown, unknown, *columns.labels}
    for source in find(path).sources:
        for row in check_first_rows(Rows(source, LIMIT, needed=needed), required, remedy=_LABELS_REMEDY):
            if isinstance(row, Reject):
                rejects.append(row)
            elif reason := _add(row, shape_with_unknown if unknown in row.values else shape, labels):
                rejects.append(Reject(source.name, row.line, reason))
    return labels, rejects


def _add(row: Row, shape: Shape, labels: dict[str, Labels]) -> str:
    """Add the labels of a row; return the reason if it is rejected, else ""."""
    try:
        key, parsed = shape.id(row.values), shape.labels(row.values)
    except UnfitError as error:
        return str(error)
    if not key:
        return "no id"
    if parsed is None:
        return UNFILLED
    new = replace(parsed, clean=True)
    if labels.setdefault(key, new) != new:
        return f"id {key!r} has other rubrics in an earlier row, which are kept"
    return ""
