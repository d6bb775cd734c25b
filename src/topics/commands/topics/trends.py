"""`topics topics trends`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import (
    columns_config_option,
    columns_options,
    corpus_of,
    format_option,
    models_option,
    standard_input_kept,
    version_of_topics_option,
    warn_of_ignored,
    workers_option,
)
from topics.errors import DataError, UsageError, counted

if TYPE_CHECKING:
    from topics.topic_pipeline import TopicPipeline
    from topics.trends.activity import Activity
    from topics.trends.changes import TopicTrend
    from topics.versions.registry import Version

_CARRIERS = 3


@click.command()
@click.argument("data", nargs=-1)
@click.option("--unit", type=click.Choice(["week", "month"]), help="[default: by the time span of DATA]")
@click.option("--labels", metavar="FILE", help="Table of labels (id, rubrics); they replace those of DATA.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: every topic with its course.")
@version_of_topics_option
@models_option
@workers_option
@columns_config_option
@format_option
@columns_options
def trends(data: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Show which topics rise and fall in DATA, and the articles behind it.

    Without DATA: in the articles that the version was trained on. A topic is listed if its usual variation
    between periods does not explain the change (false discovery rate 5 %). Shares are of all articles: if one
    topic gains, others lose.

    \b
    python -m topics topics trends
    python -m topics topics trends last-months/ --unit week --topics topics@production
    """
    from topics.lifecycle.naming import open_with_activity
    from topics.trends.changes import MIN_PERIODS, changes
    from topics.versions.registry import Registry

    pipeline, version, activity = open_with_activity(Registry(options["models"]), options["reference"])
    if data:
        activity = _read(data, pipeline, version, options)
    elif options["unit"] not in (None, activity.unit):
        raise UsageError(
            f"{version.label} has trends by {activity.unit}; name DATA for trends by {options['unit']}"
        )
    changed = changes(activity)
    if not changed:
        full = sum(count > 0 for count in activity.counts)
        raise DataError(
            f"dated articles cover {counted(full, activity.unit)}, at least {MIN_PERIODS} are needed; "
            "give more articles with dates (--date-column)"
        )
    if as_json:
        _print_json(pipeline, version, activity, changed)
    else:
        _show(pipeline, version, activity, changed)


def _read(
    data: tuple[str, ...], pipeline: TopicPipeline, version: Version, options: dict[str, Any]
) -> Activity:
    from topics import terminal
    from topics.terminal.data import show_rejects
    from topics.training.gathering import gather
    from topics.trends.recording import record

    warn_of_ignored(options, [version.manifest])
    corpus = corpus_of(data, options)
    with standard_input_kept(corpus), terminal.progress() as watch:
        material = gather(corpus, pipeline.cleaner, options["workers"], watch, version.folder)
        show_rejects(corpus)
        return record(pipeline, material, corpus, options["unit"])


def _print_json(
    pipeline: TopicPipeline, version: Version, activity: Activity, changed: tuple[TopicTrend, ...]
) -> None:
    import msgspec

    topics = [
        {"name": name, **msgspec.to_builtins(change), **msgspec.to_builtins(course)}
        for name, change, course in zip(pipeline.names, changed, activity.topics, strict=True)
    ]
    whole = {"version": version.label, "unit": activity.unit, "periods": activity.periods}
    click.echo(msgspec.json.encode({**whole, "counts": activity.counts, "topics": topics}))


def _show(
    pipeline: TopicPipeline, version: Version, activity: Activity, changed: tuple[TopicTrend, ...]
) -> None:
    from rich.table import Table
    from rich.text import Text

    from topics.terminal import apart, out, spark

    console, steady = out(), sum(change.direction == "steady" for change in changed)
    console.print(
        f"{version.label}: {sum(activity.counts):,} articles by {activity.unit}, the first from "
        f"{activity.periods[0]}, the last from {activity.periods[-1]}",
    )
    rows = sorted(
        zip(pipeline.names, changed, activity.topics, strict=True),
        key=lambda row: -abs(row[1].after - row[1].before),
    )
    table = Table("", "topic", "before", "since", "over time", "articles behind it", show_lines=True)
    for direction, mark in (("rises", "↑"), ("falls", "↓")):
        for name, change, course in rows:
            if change.direction == direction:
                carriers = "\n".join(
                    f"{article.date} {article.title}" for article in course.carriers[:_CARRIERS]
                )
                before, after = apart(change.before, change.after)
                table.add_row(
                    mark,
                    Text(f"{name}\n({change.topic})"),
                    before,
                    f"{after}\n{change.since}",
                    spark(course.shares),
                    Text(carriers),
                )
    if table.row_count:
        console.print(table)
    console.print(f"{steady} of {len(changed)} topics: no more change than expected by chance")
