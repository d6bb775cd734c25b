"""`topics topics`: what an archive writes of."""

from __future__ import annotations

import click

from topics.commands import Commands

COMMANDS = {
    "list": "List the topics of a version.",
    "show": "Tell all that is known of one topic.",
    "trends": "Say which topics rise and which fall.",
    "compare": "Say which topics of one version are which of another's.",
    "name": "Call a topic by a name.",
}


@click.group(cls=Commands, sections={"Commands": COMMANDS}, package=__name__)
def topics() -> None:
    """List, show and name the topics of an archive, and say which rise and fall.

    \b
    python -m topics topics list
    python -m topics topics trends november.jsonl
    """
