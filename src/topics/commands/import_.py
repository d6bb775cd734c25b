"""`topics import`."""

from __future__ import annotations

from pathlib import Path

import click

from topics.commands.options import FILE, models_option


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--sha256", default="", metavar="HASH", help="Refuse FILE unless this is its SHA-256.")
@models_option
def import_(file: Path, sha256: str, models: Path) -> None:
    """Import the version in FILE, written by `topics export`, into the models folder.

    Every hash is checked, and whether the version can be opened. No alias moves: promote it afterwards.
    Topics keep the names from where the version comes from, unless they have been named here.

    \b
    python -m topics import rubrics.tar --sha256 9f86d081884c7d65…
    python -m topics promote rubrics/20261123T051511Z-d53d6c archive/2026-11.jsonl
    """
    from topics.errors import ModelError
    from topics.lifecycle import bundles
    from topics.lifecycle.opening import open_all
    from topics.versions import integrity
    from topics.versions.registry import Registry

    if sha256 and file.is_file() and (found := integrity.describe(file).sha256) != sha256.lower():
        raise ModelError(f"{file}: has SHA-256 {found}, not {sha256}; fetch it again")
    click.echo(bundles.unpack(file, Registry(models), probe=open_all).label)
