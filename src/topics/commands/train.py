"""`topics train`."""

from __future__ import annotations

from typing import Any

import click

from topics.commands.options import (
    NEW_FILE,
    columns_options,
    config_option,
    corpus_of,
    expect_apart,
    format_option,
    labels_option,
    models_option,
    rejects_to,
    settings,
    standard_input_kept,
    workers_option,
)
from topics.errors import UsageError

_MOST_TOPICS = 10_000


def _number(context: click.Context, option: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value == "auto":
        return value
    if not value.isdecimal() or not 0 < int(value) <= _MOST_TOPICS:
        raise click.BadParameter(f"{value!r} is neither `auto` nor a number from 1 to {_MOST_TOPICS}")
    return int(value)


@click.command()
@click.argument("data", nargs=-1)
@labels_option("Table of checked labels (id, rubrics); they replace those of DATA and have more weight.")
@config_option
@models_option
@click.option("--name", default="rubrics", show_default=True, help="Name of the model of rubrics.")
@click.option("--topics-name", default="topics", show_default=True, help="Name of the model of topics.")
@click.option(
    "--num-topics",
    metavar="N|auto",
    callback=_number,
    help="Number of topics; `auto`: try several and take the best. [default: that of the previous version, "
    "or by the size of the archive]",
)
@click.option("--only", type=click.Choice(["rubrics", "topics"]), help="Train only this.")
@workers_option
@click.option("--lang", type=click.Choice(["ru", "en"]), help="Language of the report. [default: ru]")
@click.option(
    "--rejects", "rejects_file", type=NEW_FILE, help="Write rows that could not be read to this file."
)
@format_option
@columns_options
def train(data: tuple[str, ...], **options: Any) -> None:
    """Learn rubrics and topics from DATA and publish versions; without DATA, from the demonstration corpus.

    DATA are files, folders or patterns (JSON Lines, CSV, TSV, Parquet; .gz, .zst), or `-`.

    \b
    python -m topics train archive/ --labels checked.tsv --models models
    python -m topics train archive/ --only topics --num-topics auto
    """
    import msgspec

    from topics import terminal
    from topics.corpus import embedded
    from topics.corpus.articles import mistaken
    from topics.terminal.data import show_labels, show_others, show_unread_dates
    from topics.terminal.versions import show_version
    from topics.training.job import TrainingJob, latest_folder, latest_topics
    from topics.versions.registry import Registry

    names = options["name"], options["topics_name"]
    if not options["only"] and names[0] == names[1]:
        raise UsageError(
            f"rubrics and topics cannot both be called {names[0]!r}; change --name or --topics-name"
        )
    config = settings(options)
    if options["lang"]:
        report = msgspec.structs.replace(config.report, lang=options["lang"])
        config = msgspec.structs.replace(config, report=report)
    if options["num_topics"]:
        changed = {**config.topics.settings, "num_topics": options["num_topics"]}
        topics = msgspec.structs.replace(config.topics, settings=changed)
        config = msgspec.structs.replace(config, topics=topics)
    labels = (str(options["labels"]),) if options["labels"] else ()
    expect_apart((*data, *labels), {"--rejects": options["rejects_file"]})
    corpus = corpus_of(data or embedded(), options)
    if not data:
        click.echo("No DATA given: learning from the demonstration corpus (synthetic).", err=True)
    show_others(corpus.others)
    registry = Registry(options["models"])
    with (
        standard_input_kept(corpus),
        terminal.progress() as watch,
        rejects_to(options["rejects_file"]) as reject,
    ):
        versions = []
        for name in names:  # fail before the work begins
            registry.expect_writable(name)
            registry.versions(name)
        if options["only"] != "rubrics":
            latest_topics(registry, options["topics_name"])
        words_from = latest_folder(registry, *names)
        job = TrainingJob(corpus, config, registry, options["workers"], watch, words_from)
        for row in job.material.rejects:
            reject(row)
        show_labels(corpus)
        if options["only"] != "topics":
            versions.append(job.train_rubrics(options["name"]))
        if options["only"] != "rubrics":
            try:
                versions.append(job.train_topics(options["topics_name"]))
            except BaseException:  # an interruption too
                for version in versions:
                    terminal.tell(
                        f"topics: {version.label} was published anyway; complete it with --only topics"
                    )
                raise
        dates = corpus.unread_dates()
    for version in versions:
        show_version(version.manifest)
        terminal.tell_some(mistaken([*version.manifest.rubrics, *version.manifest.left_out]))
    show_unread_dates(*dates)
    for version in versions:
        click.echo(version.folder)
