"""`topics export`."""

from __future__ import annotations

from pathlib import Path

import click

from topics.commands.options import FILE, models_option


@click.command()
@click.argument("version")
@click.argument("file", type=FILE)
@models_option
def export(version: str, file: Path, models: Path) -> None:
    """Write VERSION (NAME, NAME@ALIAS or NAME/VERSION) into FILE, a .tar or a .zip.

    Prints the file's SHA-256; who imports it can compare.

    \b
    python -m topics export rubrics@production rubrics.tar
    """
    from topics import bundles, integrity
    from topics.registry import Registry

    bundles.pack(Registry(models).open(version), file)
    click.echo(f"{integrity.describe(file).sha256}  {file}")
