"""`topics promote`."""

from __future__ import annotations

from typing import Any

import click

from topics.commands.options import (
    columns_config_option,
    columns_options,
    corpus_of,
    emit,
    format_option,
    labels_option,
    models_option,
    warn_of_ignored,
)


@click.command()
@click.argument("version")
@click.argument("data", nargs=-1)
@labels_option("Table of labels (id, rubrics); they replace those of DATA.")
@click.option("--alias", default="production", show_default=True, help="Which alias to move.")
@click.option("--reason", default="", help="Reason to record in the history.")
@click.option("--force", is_flag=True, help="Promote regardless of the comparison; requires --reason.")
@click.option("--json", "as_json", is_flag=True, help="The comparison as one JSON object.")
@columns_config_option
@models_option
@format_option
@columns_options
def promote(version: str, data: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Put VERSION (NAME@ALIAS or NAME/VERSION) into production if it is not worse than the current one.

    Both versions tag the labelled articles of DATA, which neither should be trained on. The promotion is
    refused, with exit code 4, if the F1 of a rubric falls significantly (paired bootstrap, Holm's correction)
    or a rubric is missing. For topics it is refused if coherence or the share of DATA that has a topic falls,
    or if more than half of the topics are gone; they need no labels. A first promotion needs no DATA.

    \b
    python -m topics promote rubrics@latest archive/2026-11.jsonl --labels checked.tsv
    python -m topics promote topics@latest archive/2026-11.jsonl
    python -m topics promote rubrics@latest --force --reason "new rubric: tourism"
    """
    from topics import terminal
    from topics.lifecycle.promotion import LossError
    from topics.lifecycle.promotion import promote as job
    from topics.terminal.data import show_labels, show_rejects
    from topics.terminal.versions import show_comparison
    from topics.versions.registry import Registry

    corpus = corpus_of(data, options) if data else None
    registry, alias = Registry(options["models"]), options["alias"]
    if options["config"]:
        warn_of_ignored(options, [registry.manifest(*registry.resolve(version))])
    try:
        with terminal.progress() as watch:
            event, comparison = job(
                registry,
                version,
                corpus,
                alias=alias,
                reason=options["reason"],
                force=options["force"],
                watch=watch,
            )
    except LossError as refused:
        emit(refused.comparison, show_comparison, as_json=as_json)
        raise
    if corpus:
        show_labels(corpus)
        show_rejects(corpus)
    if comparison:
        emit(comparison, show_comparison, as_json=as_json)
    if event is None:
        click.echo(f"{version} is already @{alias}; nothing changed", err=True)
    else:
        click.echo(f"@{alias} is now {event.version}, previously {event.before or 'unset'}", err=True)
