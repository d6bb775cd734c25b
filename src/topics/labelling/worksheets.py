"""Tables that an editor fills in with Excel and `train --labels` reads back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from topics.readers import harmless

BEGINNING = 300
"""Characters of an article that an editor sees."""


def worksheet(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Write CSV as Excel in a Russian Windows opens it by a double click: `;` and a byte-order mark.

    The columns `id` and `rubrics` come first. `rubrics` is empty, for the editor to fill in:
    `economy+tourism`, or `none`. Rows left empty settle nothing.

    Args:
        columns: names of what follows.
        rows: the id, then what follows; text is made harmless, see `topics.readers.harmless`.
    """
    stream = io.StringIO()
    table = csv.writer(stream, delimiter=";", lineterminator="\n")
    table.writerow(["id", "rubrics", *columns])
    for name, *cells in rows:
        table.writerow([name, "", *map(harmless, cells)])
    return f"\ufeff{stream.getvalue()}".encode()
