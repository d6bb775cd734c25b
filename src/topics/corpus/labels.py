"""A table of labels that is overlaid on the data: what an editor has read carefully."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from topics.corpus.articles import LIMIT, Columns, Shape, UnfitError
from topics.corpus.checking import checked
from topics.corpus.sources import Rows, find
from topics.errors import DataError
from topics.types import Labels, Reject, Row

UNFILLED = "no rubrics; write none if none holds"
"""The reason of a reject that is not an error: the row is not filled in yet."""
_OF_LABELS = "a table of labels has columns called id and rubrics"


def load_labels(
    path: str | Path,
    columns: Columns = Columns(),  # noqa: B008 (frozen)
) -> tuple[dict[str, Labels], list[Reject]]:
    """Read a table of `id`, `rubrics` and, if it likes, `unknown`, in any format that a reader knows.

    Where it has no such columns, it may have those of the archive, which `columns` names: `rubrics` or one
    column a rubric.

    Its labels count as given by careful reading (`clean`). A row without id or rubrics is rejected; of an id
    that comes twice with different rubrics the first answer counts. Raises DataError if a column is absent.
    """
    usual = Columns()
    forms = [usual, replace(usual, id=columns.id, rubrics=columns.rubrics)]
    if columns.labels:
        forms.append(replace(usual, id=columns.id, labels=columns.labels))
    *others, last = dict.fromkeys(forms)
    for form in others:
        with suppress(DataError):
            return _load_labels(path, form, columns.unknown)
    return _load_labels(path, last, columns.unknown)


def _load_labels(path: str | Path, form: Columns, unknown: str) -> tuple[dict[str, Labels], list[Reject]]:
    # A title and a text that are not there are asked for by these names: no table of labels has texts.
    wanted = replace(form, title=form.id, text=form.id if form.labels else form.rubrics)
    shape = Shape(form, (), LIMIT)
    named = Shape(replace(form, unknown=unknown), (), LIMIT)
    labels: dict[str, Labels] = {}
    rejects: list[Reject] = []
    needed = {form.id, form.rubrics, form.unknown, unknown, *form.labels}
    for source in find(path).sources:
        for found in checked(Rows(source, LIMIT, needed=needed), wanted, remedy=_OF_LABELS):
            if isinstance(found, Reject):
                rejects.append(found)
            elif reason := _enter(found, named if unknown in found.values else shape, labels):
                rejects.append(Reject(source.name, found.line, reason))
    return labels, rejects


def _enter(row: Row, shape: Shape, labels: dict[str, Labels]) -> str:
    """Add a row's labels; return the reason if it cannot be."""
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
