"""`topics suggest`."""

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


@click.command()
@click.argument("pool", nargs=-1, required=True)
@labels_option(
    "Table of id and rubrics: all that is labelled so far; what POOL says itself does not count then."
)
@click.option("-o", "--output", type=NEW_SHEET, help="CSV to write. [default: stdout]")
@click.option("-n", "number", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines in place of CSV.")
@language_option
@workers_option
@config_option
@format_option
@columns_options
def suggest(pool: tuple[str, ...], number: int, output: Path | None, as_json: bool, **options: Any) -> None:
    """Choose the articles of POOL that are worth labelling next, those that teach most first.

    Start without labels, fill in the column `rubrics` of what comes, and ask again with --labels.

    \b
    python -m topics suggest inbox/ -n 50 -o first.csv
    python -m topics suggest inbox/ --labels labelled.csv -n 50 -o next.csv
    """
    import msgspec

    from topics import terminal
    from topics.corpus import Corpus
    from topics.labelling import suggestions
    from topics.labelling.worksheets import worksheet
    from topics.terminal.data import show_labelled, show_labels, show_rejects

    config, columns = settings(options)
    corpus = Corpus(pool, columns=columns, labels_file=options["labels"], format=options["input_format"])
    with standard_input_kept(corpus), terminal.progress() as watch:
        found = suggestions.suggest(
            corpus, config, number, language=options["lang"], jobs=options["workers"], watch=watch
        )
    show_labels(corpus)
    show_rejects(corpus)
    if as_json:
        content = b"".join(msgspec.json.encode(row) + b"\n" for row in found.chosen)
    else:
        content = worksheet(suggestions.COLUMNS, suggestions.table(found.chosen))
    deliver(output, content)
    show_labelled(found.labelled, found.positives)
