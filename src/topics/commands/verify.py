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

    Without VERSION, checks all versions, and reports those that the history lists but that are missing, and
    aliases that point to nothing. Prints a line for each intact version: its name and its seal, the SHA-256
    of its manifest. Problems are reported on stderr, with exit code 4.

    \b
    python -m topics verify
    python -m topics verify rubrics@production
    """
    from topics.errors import ModelError
    from topics.lifecycle import accounting
    from topics.versions.registry import Registry

    kinds = set()
    for finding in accounting.verify(Registry(models), references):
        kinds.add(finding.kind)
        if finding.kind == "whole":
            click.echo(finding.text)
        else:
            click.echo(f"topics: {finding.text}", err=True)
    if not kinds:
        click.echo(f"{models}: no versions yet; train one with `python -m topics train`", err=True)
    if "trouble" in kinds:
        raise SystemExit(ModelError.exit_code)
