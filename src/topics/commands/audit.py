"""`topics audit`."""

from __future__ import annotations

from typing import Any

import click

from topics.commands.options import labels_option
from topics.commands.sheets import sheet_options, write_sheet

_FEW = 500
"""Labelled articles below which doubts may be those of a poor model."""


@click.command()
@click.argument("data", nargs=-1, required=True)
@labels_option("Table of checked labels (id, rubrics) to learn from.")
@sheet_options(200, "Rows to list.")
def audit(data: tuple[str, ...], **options: Any) -> None:
    """List articles of DATA that are probably mislabelled, worst first, each with the reason.

    An editor opens the table in Excel and writes the right rubrics into the column `rubrics`
    (economy+tourism, or none); `train --labels` then learns from it. Rows left empty change nothing.

    \b
    python -m topics audit archive/ -o doubtful.csv -n 300
    python -m topics train archive/ --labels doubtful.csv
    """
    from topics.labelling import audit as room

    audited = write_sheet(data, room.audit, room.COLUMNS, room.table, options)
    listed_in = f" in {options['output']}" if options["output"] else ""
    click.echo(
        f"{audited.examined:,} labelled articles examined; the model disagrees with {audited.doubted:,}, "
        f"{len(audited.suspects):,} of them listed{listed_in}",
        err=True,
    )
    if audited.examined < _FEW and audited.doubted > audited.examined / 5:
        click.echo(
            "so many disagreements in so few articles suggest a weak model rather than wrong labels; "
            "audit more articles at a time",
            err=True,
        )
