"""Tables for editors to fill in with Excel, read back by `train --labels`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from topics.readers import harmless

EXCERPT = 300
"""Characters of an article shown to an editor."""


def worksheet(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return CSV that Excel on Russian Windows opens by a double click: `;` and a byte-order mark.

    The columns `id` and `rubrics` come first; the editor fills in `rubrics`: `economy+tourism`, or `none`.
    Rows left empty are ignored.

    Args:
        columns: names of the other columns.
        rows: the id, then the other columns; formulas are made harmless, see `topics.readers.harmless`.
    """
    stream = io.StringIO()
    table = csv.writer(stream, delimiter=";", lineterminator="\n")
    table.writerow(["id", "rubrics", *columns])
    for name, *cells in rows:
        table.writerow([name, "", *map(harmless, cells)])
    return f"\ufeff{stream.getvalue()}".encode()
