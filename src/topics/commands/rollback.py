"""`topics rollback`."""

from __future__ import annotations

from pathlib import Path

import click

from topics.commands.options import models_option


@click.command()
@click.argument("name", default="rubrics")
@click.option("--alias", default="production", show_default=True, help="Which alias to move.")
@click.option("--reason", default="", help="Reason to record in the history.")
@models_option
def rollback(name: str, alias: str, reason: str, models: Path) -> None:
    """Put the previous version back into production; twice goes back two steps.

    \b
    python -m topics rollback rubrics --reason "tourism on every crime story"
    """
    from topics.versions.registry import Registry

    event = Registry(models).rollback(name, reason, alias)
    click.echo(f"@{alias} is now {event.version}, previously {event.before}", err=True)
