"""A table of labels that is laid over the data: what an editor has read carefully."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from topics.corpus.articles import LIMIT, Columns, Shape, UnfitError
from topics.corpus.checking import checked
from topics.corpus.sources import Rows, find
from topics.errors import DataError
from topics.types import Labels, Reject, Row

UNFILLED = "no rubrics; write none if none holds"
"""The reason of a reject that is no fault: nobody has filled in the row yet."""
_OF_LABELS = "a table of labels has columns called id and rubrics"


def load_labels(
    path: str | Path,
    columns: Columns = Columns(),  # noqa: B008 (frozen)
) -> tuple[dict[str, Labels], list[Reject]]:
    """Read a table of `id`, `rubrics` and, if it likes, `unknown`, in any format that a reader knows.

    Where it has no such columns, it may have those of the archive, which `columns` names.

    Its labels count as given by careful reading (`clean`). A row without id or rubrics is rejected; of an id
    that comes twice with different rubrics the first answer counts. Raises DataError if a column is absent.
    """
    try:
        return _load_labels(path, Columns(title="id", text="rubrics"))
    except DataError:
        if (columns.id, columns.rubrics) == ("id", "rubrics"):
            raise
        chosen = replace(Columns(), id=columns.id, rubrics=columns.rubrics)
        return _load_labels(path, replace(chosen, title=columns.id, text=columns.rubrics))


def _load_labels(path: str | Path, columns: Columns) -> tuple[dict[str, Labels], list[Reject]]:
    shape = Shape(columns, (), LIMIT)
    labels: dict[str, Labels] = {}
    rejects: list[Reject] = []
    for source in find(path).sources:
        for found in checked(Rows(source, LIMIT), columns, remedy=_OF_LABELS):
            reason = found.reason if isinstance(found, Reject) else _enter(found, shape, labels)
            if reason:
                rejects.append(Reject(source.name, found.line, reason))
    return labels, rejects


def _enter(row: Row, shape: Shape, labels: dict[str, Labels]) -> str:
    """Enter a row's labels; return why not, if so."""
    try:
        key, found = shape.id(row.values), shape.labels(row.values)
    except UnfitError as error:
        return str(error)
    if not key:
        return "no id"
    if found is None:
        return UNFILLED
    entered = replace(found, clean=True)
    if labels.setdefault(key, entered) != entered:
        return f"id {key!r} came before with other rubrics; that answer stays"
    return ""
