"""`topics audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from topics.commands.options import (
    NEW_SHEET,
    columns_options,
    config_option,
    deliver,
    format_option,
    labels_option,
    language_option,
    settings,
    standard_input_kept,
    workers_option,
)

_FEW = 500
"""Labelled articles below which doubts may be those of a poor model."""


@click.command()
@click.argument("data", nargs=-1, required=True)
@labels_option("Table of id and rubrics that were checked: they teach.")
@click.option("-o", "--output", type=NEW_SHEET, help="CSV to write. [default: stdout]")
@click.option("-n", "number", default=200, show_default=True, type=click.IntRange(1), help="Rows to list.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines in place of CSV.")
@language_option
@workers_option
@config_option
@format_option
@columns_options
def audit(data: tuple[str, ...], number: int, output: Path | None, as_json: bool, **options: Any) -> None:
    """List the articles of DATA that seem to be mislabelled, worst first, each with the reason.

    An editor opens the table in Excel, writes what holds into the column `rubrics` (economy+tourism, or
    none) and hands it to `train --labels`. Rows left empty change nothing.

    \b
    python -m topics audit archive/ -o doubtful.csv -n 300
    python -m topics train archive/ --labels doubtful.csv
    """
    import msgspec

    from topics import terminal
    from topics.corpus import Corpus
    from topics.labelling import audit as room
    from topics.labelling.worksheets import worksheet
    from topics.terminal.data import show_labels, show_rejects

    config, columns = settings(options)
    corpus = Corpus(data, columns=columns, labels_file=options["labels"], format=options["input_format"])
    with standard_input_kept(corpus), terminal.progress() as watch:
        found = room.audit(
            corpus, config, number, language=options["lang"], jobs=options["workers"], watch=watch
        )
    show_labels(corpus)
    show_rejects(corpus)
    if as_json:
        content = b"".join(msgspec.json.encode(row) + b"\n" for row in found.suspects)
    else:
        content = worksheet(room.COLUMNS, room.table(found.suspects))
    deliver(output, content)
    click.echo(
        f"{found.examined:,} labelled articles examined, of {found.doubted:,} a model says otherwise, "
        f"{len(found.suspects):,} listed{f' in {output}' if output else ''}",
        err=True,
    )
    if found.examined < _FEW and found.doubted > found.examined / 5:
        click.echo(
            "so many of so few are a sign of too few articles to learn from rather than of wrong labels: "
            "take the list as a hint, and audit more articles at a time",
            err=True,
        )
