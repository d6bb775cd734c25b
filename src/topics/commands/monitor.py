"""`topics monitor`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import (
    NEW_FILE,
    columns_config_option,
    columns_options,
    corpus_of,
    deliver,
    emit,
    format_option,
    models_option,
    warn_of_ignored,
)

if TYPE_CHECKING:
    from topics.drift.monitoring import DriftReport
    from topics.versions.registry import Version

DRIFTED = 5
_SHOWN = 40
"""Measures in the table, those nearest to their limits; hundreds of rubrics have two each."""


@click.command()
@click.argument("version")
@click.argument("data", nargs=-1, required=True)
@click.option(
    "--reference", multiple=True, metavar="DATA", help="Compare with these instead of training data."
)
@click.option("--html", type=NEW_FILE, help="Write a page for editors here.")
@click.option("--lang", type=click.Choice(["en", "ru"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="All measures as one JSON object.")
@columns_config_option
@models_option
@format_option
@columns_options
def monitor(
    version: str, data: tuple[str, ...], reference: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Check whether the articles of DATA still look like those that VERSION was trained on. No labels needed.

    Compared with the profile stored in training are words, unknown words, length and outlets; for rubrics
    also their shares, their probabilities and the share for review; for topics their mix. An alarm is a
    distance that an unchanged stream of this size rarely reaches. Exit code 0: no alarm, 5: alarm.

    \b
    python -m topics monitor rubrics yesterday.jsonl --lang ru --html drift.html
    python -m topics monitor topics yesterday.jsonl
    python -m topics monitor rubrics march.jsonl --reference january/ --reference february/
    """
    from topics import terminal
    from topics.drift.monitoring import monitor as job
    from topics.reports.drift_pages import drift_page
    from topics.versions.registry import Registry

    corpus = corpus_of(data, options)
    base = corpus_of(reference, options) if reference else None

    def monitored(opened: Version) -> DriftReport:
        warn_of_ignored(options, [opened.manifest])
        with terminal.progress() as watch:
            return job(corpus, opened, base, watch)

    report = Registry(options["models"]).open_with(version, monitored)
    if options["html"]:
        deliver(options["html"], drift_page(report, options["lang"]).encode())
    emit(report, partial(_show, language=options["lang"]), as_json=as_json)
    if report.trained_on:
        names = ", ".join(report.trained_on)
        click.echo(
            f"topics: {report.model} was trained on {names}: drift on training data is misleading", err=True
        )
    if report.alarmed:
        raise SystemExit(DRIFTED)


def _show(report: DriftReport, language: str) -> None:
    from rich.table import Table

    from topics.reports.drift_wording import name_of, sentences
    from topics.reports.wording import words
    from topics.terminal import out

    console, said = out(), words("drift", language)
    for sentence in sentences(report.drift, language):
        console.print(sentence)
    table = Table("", *map(said, ("distance_alone", "limit", "before", "now", "usual")))
    for finding in report.drift.findings[:_SHOWN]:
        numbers = ("" if value is None else said.number(value, 3) for value in (finding.before, finding.now))
        ends = (said.number(end, 3) for end in (finding.least, finding.most))
        usual = "" if finding.least is None else " … ".join(ends)
        table.add_row(
            name_of(finding.measure, language),
            f"{said.number(finding.distance, 4)}{' !' if finding.alarm else ''}",
            said.number(finding.limit, 4),
            *numbers,
            usual,
        )
    console.print(table)
    if (more := len(report.drift.findings) - _SHOWN) > 0:
        console.print(said("more", n=more))
