"""`topics verify`."""

from __future__ import annotations

from pathlib import Path

import click

from topics.commands.options import models_option


@click.command()
@click.argument("references", nargs=-1, metavar="[VERSION]...")
@models_option
def verify(references: tuple[str, ...], models: Path) -> None:
    """Check every byte of each VERSION (NAME, NAME@ALIAS or NAME/VERSION), and that all of it can be opened.

    Without VERSION, of all versions there are. Prints a line for each whole one: its name and its seal, the
    SHA-256 of its manifest. A damaged one is told on stderr; the exit code is then 4.

    \b
    python -m topics verify
    python -m topics verify rubrics@production
    """
    from topics.errors import ModelError
    from topics.versions import integrity
    from topics.versions.opening import open_all
    from topics.versions.registry import Registry

    registry = Registry(models)
    every = [f"{name}/{version}" for name in registry.names() for version in registry.versions(name)]
    if not references and not every:
        click.echo(f"{models}: no versions yet; train one with `python -m topics train`", err=True)
    damaged = 0
    for reference in references or every:
        try:
            version = registry.open(reference)
            open_all(version.folder)
        except ModelError as error:
            damaged += 1
            click.echo(f"topics: {error}", err=True)
        else:
            click.echo(f"{version.label}  {integrity.seal(version.folder)}")
    if damaged:
        raise SystemExit(ModelError.exit_code)
