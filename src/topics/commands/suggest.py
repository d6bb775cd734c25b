"""`topics suggest`."""

from __future__ import annotations

from typing import Any

import click

from topics.commands.options import labels_option
from topics.commands.sheets import sheet_options, write_sheet


@click.command()
@click.argument("pool", nargs=-1, required=True)
@labels_option(
    "Table of labels (id, rubrics) made so far; labels of POOL itself then do not count, and "
    "--rubrics-column refers to the table."
)
@sheet_options(50, "Number of articles to choose.")
def suggest(pool: tuple[str, ...], **options: Any) -> None:
    """Choose the articles of POOL most worth labelling next, the most informative first.

    Start without labels, fill in the column `rubrics` of the output, and run it again with --labels.

    \b
    python -m topics suggest inbox/ -n 50 -o first.csv
    python -m topics suggest inbox/ --labels labelled.csv -n 50 -o next.csv
    """
    from topics.labelling import suggestions as room
    from topics.terminal.data import show_labelled

    labelled = options["labels"] is None
    chosen = write_sheet(pool, room.suggest, room.COLUMNS, room.table, options, labelled=labelled)
    show_labelled(chosen.labelled, chosen.positives)
