"""`topics topics`: the topics of an archive."""

from __future__ import annotations

import click

from topics.commands import Commands

COMMANDS = {
    "list": "List the topics of a version.",
    "show": "Show everything known about a topic.",
    "trends": "Show which topics rise and fall.",
    "compare": "Match the topics of two versions.",
    "name": "Name a topic.",
}


@click.group(cls=Commands, sections={"Commands": COMMANDS}, package=__name__)
def topics() -> None:
    """List, show, name and track the topics of an archive.

    \b
    python -m topics topics list
    python -m topics topics trends november.jsonl
    """
