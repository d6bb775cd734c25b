"""`topics compare`."""

from __future__ import annotations

from typing import Any

import click

from topics.commands.options import (
    FILE,
    columns_options,
    config_option,
    format_option,
    models_option,
    settings,
)
from topics.errors import UsageError


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.argument("data", nargs=-1)
@click.option("--labels", type=FILE, help="Table of id and rubrics, laid over the data.")
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
@config_option
@models_option
@format_option
@columns_options
def compare(before: str, after: str, data: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Say what version B does better than A on the labelled articles of DATA, and what worse.

    A and B are NAME, NAME@ALIAS or NAME/VERSION. Differences come with their 95 % interval by a paired
    bootstrap; `better` and `worse` stand where chance would not explain them. DATA should be articles that
    neither was trained on.

    \b
    python -m topics compare rubrics@production rubrics@latest archive/2026-11.jsonl --labels checked.tsv
    python -m topics topics compare topics@production topics@latest   # topics need no DATA
    """
    import msgspec

    from topics import terminal
    from topics.corpus import Corpus
    from topics.quality.comparison import compare as job
    from topics.versions.registry import Registry

    _, columns = settings(options)
    registry = Registry(options["models"])
    versions = registry.open(before), registry.open(after)
    if any(version.manifest.topics for version in versions):
        raise UsageError(f"topics are compared by `topics topics compare {before} {after}`, without DATA")
    if not data:
        raise UsageError("name labelled DATA to compare on, articles that neither version was trained on")
    corpus = Corpus(data, columns=columns, labels_file=options["labels"], format=options["input_format"])
    with terminal.progress() as watch:
        comparison = job(*versions, corpus, watch)
    if as_json:
        click.echo(msgspec.json.encode(comparison))
    else:
        terminal.show_comparison(comparison)
