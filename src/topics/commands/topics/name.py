"""`topics topics name`."""

from __future__ import annotations

from pathlib import Path

import click

from topics.commands.options import models_option, version_of_topics_option


@click.command()
@click.argument("topic", type=int, metavar="ID")
@click.argument("name")
@click.option("--reason", default="", help="Reason to record in the history.")
@version_of_topics_option
@models_option
def name(topic: int, name: str, reason: str, reference: str, models: Path) -> None:
    """Name topic ID in this version and those that continue it; an empty NAME restores its label.

    Versions are not changed: the name is kept in the history of the model (`topics history topics`).

    \b
    python -m topics topics name 7 "Железные дороги"
    python -m topics topics name 7 ""
    """
    from topics.lifecycle.naming import rename
    from topics.versions.registry import Registry

    event = rename(Registry(models), reference, topic, name, reason)
    called = f"is called {event.name!r}" if event.name else "has its label again"
    click.echo(f"topic {topic} {called}", err=True)
