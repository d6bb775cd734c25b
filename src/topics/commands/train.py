"""`topics train`."""

from __future__ import annotations

from typing import Any

import click

from topics.commands.options import (
    FILE,
    columns_options,
    config_option,
    format_option,
    jobs_option,
    models_option,
    rejects_to,
    settings,
)


@click.command()
@click.argument("data", nargs=-1)
@click.option("--labels", type=FILE, help="Table of id and rubrics, laid over the data; counts as clean.")
@config_option
@models_option
@click.option("--name", default="rubrics", show_default=True, help="What to call the model.")
@click.option("--only", type=click.Choice(["rubrics", "topics"]), help="Train only this.")
@jobs_option
@click.option("--rejects", "rejects_file", type=FILE, help="Write rows that could not be read to this file.")
@format_option
@columns_options
def train(data: tuple[str, ...], **options: Any) -> None:
    """Learn rubrics from DATA and publish a version; without DATA, from the demonstration corpus.

    DATA are files, folders or patterns (JSON Lines, CSV, TSV, Parquet; .gz, .zst), or `-`.

    \b
    python -m topics train archive/ --labels checked.tsv --models models
    """
    from topics import terminal
    from topics.corpus import Corpus, embedded
    from topics.registry import Registry
    from topics.training import train as job

    config, columns = settings(options)
    corpus = Corpus(
        data or embedded(), columns=columns, labels_file=options["labels"], format=options["form"]
    )
    if not data:
        click.echo("No DATA given: learning from the demonstration corpus (synthetic).", err=True)
    with terminal.progress() as watch, rejects_to(options["rejects_file"]) as reject:
        jobs = options["jobs"]
        version, rejects = job(
            corpus, config, Registry(options["models"]), name=options["name"], jobs=jobs, watch=watch
        )
        for row in rejects:
            reject(row)
    terminal.show_version(version.manifest, corpus.unmatched_labels)
    click.echo(version.folder)
