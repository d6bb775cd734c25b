"""`topics topics show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from topics.commands.options import models_option, version_of_topics_option
from topics.errors import UsageError, counted

if TYPE_CHECKING:
    from topics.trends.activity import Activity, TopicActivity
    from topics.types import Topic

_WORDS, _RUBRICS = 20, 8
_ENOUGH = 10
"""Articles of a period that may hold the peak: what fewer are about is chance."""


@click.command()
@click.argument("topic", type=int, metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@version_of_topics_option
@models_option
def show(topic: int, reference: str, as_json: bool, models: Path) -> None:
    """Show everything known about topic ID: words, course in time, rubrics, typical articles.

    \b
    python -m topics topics show 7
    """
    import msgspec

    from topics.lifecycle.naming import open_with_activity
    from topics.trends.changes import changes
    from topics.versions.registry import Registry

    pipeline, version, activity = open_with_activity(Registry(models), reference)
    places = {each.id: k for k, each in enumerate(pipeline.topics)}
    if topic not in places:
        raise UsageError(f"{version.label} has no topic {topic}; see `topics topics list`")
    k = places[topic]
    trend = next((trend for trend in changes(activity) if trend.topic == topic), None)
    if as_json:
        row = {
            "topic": pipeline.topics[k],
            "unit": activity.unit,
            "periods": activity.periods,
            "activity": activity.topics[k],
            "change": trend,
        }
        click.echo(msgspec.json.encode(row))
        return
    _show(pipeline.topics[k], pipeline.names[k], version.label)
    _show_course(activity, activity.topics[k], trend.direction if trend else "")


def _show(topic: Topic, name: str, label: str) -> None:
    from topics.terminal import out

    console = out()
    console.print(f"{topic.id}. {name}", style="bold")
    if topic.name:
        console.print(f"label: {topic.label}")
    console.print(f"{topic.share:.1%} of the words of the archive; {label}")
    words = ", ".join(f"{word.words} {word.weight:.1%}" for word in topic.words[:_WORDS])
    console.print(f"words: {words}")


def _show_course(activity: Activity, topic: TopicActivity, direction: str) -> None:
    from topics.terminal import out, spark

    console = out()
    if activity.periods:
        full = [n for n, articles in enumerate(activity.counts) if articles >= _ENOUGH]
        peak = max(full or range(len(topic.shares)), key=topic.shares.__getitem__)
        console.print(
            f"by {activity.unit}: {spark(topic.shares, 60)} {direction}; peak {topic.shares[peak]:.1%} in "
            f"{counted(activity.counts[peak], 'article')} from {activity.periods[peak]}",
        )
    rubrics = sorted(topic.rubrics.items(), key=lambda item: -item[1])[:_RUBRICS]
    if rubrics:
        listed = ", ".join(f"{name} {share:.0%}" for name, share in rubrics if share >= 0.01)
        console.print(f"rubrics: {listed or 'none'}")
    for heading, articles in (("typical", topic.articles), ("behind the change", topic.carriers)):
        if articles:
            console.print(f"{heading}:", style="bold")
        for article in articles:
            where = ", ".join(filter(None, (article.outlet, article.id)))
            date = f"{article.date} " if article.date else ""
            console.print(f"  {date}{article.share:.0%} {article.title} ({where})")
