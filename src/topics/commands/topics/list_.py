"""`topics topics list`."""

from __future__ import annotations

from pathlib import Path

import click

from topics.commands.options import models_option, version_of_topics_option

_WORDS = 6
_ARROWS = {"rises": "↑", "falls": "↓"}


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="One topic a line.")
@version_of_topics_option
@models_option
def list_(reference: str, as_json: bool, models: Path) -> None:
    """List the topics of a version, the largest first: id, name, share of the archive, words, course in time.

    An arrow marks a topic that rises or falls; see `topics topics trends`.

    \b
    python -m topics topics list
    python -m topics topics list --topics topics@production --json
    """
    import msgspec
    from rich.table import Table
    from rich.text import Text

    from topics import terminal
    from topics.lifecycle.naming import open_with_activity
    from topics.trends.changes import changes
    from topics.versions.registry import Registry

    pipeline, version, activity = open_with_activity(Registry(models), reference)
    courses = {topic.topic: topic.shares for topic in activity.topics}
    directions = {trend.topic: trend.direction for trend in changes(activity)}
    if as_json:
        for topic in pipeline.topics:
            row = msgspec.to_builtins(topic) | {"direction": directions.get(topic.id, "")}
            click.echo(msgspec.json.encode(row))
        return
    table = Table("id", "topic", "share", "words", "over time", title=version.label)
    for name, topic in zip(pipeline.names, pipeline.topics, strict=True):
        words = ", ".join([word.words for word in topic.words][:_WORDS])
        course = f"{terminal.spark(courses[topic.id])} {_ARROWS.get(directions.get(topic.id, ''), '')}"
        table.add_row(str(topic.id), Text(name), f"{topic.share:.1%}", Text(words), course)
    terminal.out().print(table)
