"""`topics reproduce`."""

from __future__ import annotations

from typing import Any

import click

from topics.commands.options import format_option, labels_option, models_option, workers_option


@click.command()
@click.argument("version")
@click.argument("data", nargs=-1)
@labels_option("Table of labels (id, rubrics), as in training.")
@workers_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@models_option
@format_option
def reproduce(version: str, data: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Train VERSION again from DATA, as its manifest says, and compare every file by its hash.

    Columns and settings are those of the first training; without DATA, the demonstration corpus. Nothing is
    published. Exit code 4 if a file differs; other versions of libraries are then named as a likely reason.

    \b
    python -m topics reproduce rubrics@production archive/ --labels checked.tsv
    """
    import msgspec

    from topics import terminal
    from topics.corpus import Corpus, embedded
    from topics.errors import ModelError
    from topics.training.reproduction import configuration_of
    from topics.training.reproduction import reproduce as job
    from topics.versions.registry import Registry

    registry = Registry(options["models"])
    manifest = registry.open(version).manifest
    corpus = Corpus(
        data or embedded(),
        columns=configuration_of(manifest).columns,
        labels_file=options["labels"],
        format=options["input_format"],
    )
    with terminal.progress() as watch:
        reproduction = job(registry, manifest, corpus, options["workers"], watch)
    if as_json:
        click.echo(msgspec.json.encode(reproduction))
    else:
        for name, state in reproduction.files.items():
            click.echo(f"{state:8} {name}")
    if not reproduction.is_same:
        differing = [f"{name} {then} (here {here})" for name, (then, here) in reproduction.libraries.items()]
        reason = f"; trained with {', '.join(differing)}" if differing else "; the code has changed"
        raise ModelError(f"{reproduction.model}: the result differs{reason}")
