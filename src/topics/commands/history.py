"""`topics history`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import models_option
from topics.errors import UsageError

if TYPE_CHECKING:
    from topics.versions.history import Event, Span


@click.command()
@click.argument("name", default="rubrics")
@click.option(
    "--at", metavar="DATE", help="Only what was live on this day, or at this moment, in local time."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@models_option
def history(name: str, at: str | None, as_json: bool, models: Path) -> None:
    """Say what became of the versions of NAME: who published, promoted, rolled back, pruned which, and why.

    With --at: which version tagged on that day, since when, who put it there, why, on what figures.

    \b
    python -m topics history rubrics
    python -m topics history rubrics --at 2026-03-03
    python -m topics history rubrics --at 2026-03-03T10:15
    """
    import msgspec

    from topics.versions.history import during, spans
    from topics.versions.registry import Registry

    events = Registry(models).events(name)
    found = during(spans(events), *_time(at)) if at else events
    if as_json:
        for one in found:
            click.echo(msgspec.json.encode(one))
    elif not events:
        click.echo(
            f"{models}: nothing is known of {name!r}; train it with `python -m topics train`", err=True
        )
    elif at:
        _show_spans(name, at, during(spans(events), *_time(at)))
    else:
        _show_events(events)


def _time(at: str) -> tuple[datetime, datetime]:
    """`2026-03-03` is that whole day in local time, `2026-03-03T10:15` that moment."""
    try:
        start = datetime.fromisoformat(at).astimezone()
    except ValueError as error:
        raise UsageError(f"{at!r} is no date; write 2026-03-03 or 2026-03-03T10:15") from error
    return start, start + (timedelta(days=1) if len(at) <= 10 else timedelta(microseconds=1))


def _show_events(events: list[Event]) -> None:
    from rich.table import Table
    from rich.text import Text

    from topics.terminal import out

    table = Table("when", "who", "what", "why", "figures")
    for event in events:
        what = f"{event.version}\n{event.deed} {event.alias and f'to @{event.alias}'}"
        why = f"{event.why} (forced)" if event.forced else event.why
        table.add_row(_local(event.when), event.who, Text(what), Text(why), "\n".join(_figures(event)[-3:]))
    out().print(table)


def _show_spans(name: str, at: str, found: list[Span]) -> None:
    from topics.terminal import out

    console = out()
    if not found:
        console.print(f"{at}: {name} had no version yet")
    has_production = any(span.alias == "production" for span in found)
    for span in found:
        default = span.alias == ("production" if has_production else "latest")
        until = f"until {_local(span.end)}" if span.end else "to this day"
        used = ", what `topics predict` took" if default else ""
        console.print(f"[bold]{name}/{span.version}[/] was @{span.alias}{used}")
        console.print(f"  from {_local(span.start)} {until}", markup=False)
        forced = ", forced" if span.event.forced else ""
        reason = f": {span.event.why}" if span.event.why else ""
        console.print(f"  {span.event.what} by {span.event.who}{forced}{reason}", markup=False)
        for line in _figures(span.event):
            console.print(f"  {line}", markup=False)


def _figures(event: Event) -> list[str]:
    """Say on what figures: of training, or of the comparison with what was live."""
    figures: dict[str, Any] = event.figures
    if "overall" in figures:
        changes = {rubric["rubric"]: rubric["f1"] for rubric in figures.get("rubrics", ())}
        changes |= figures["overall"]
        kept = (
            [f"topics kept {len(figures['kept'])}, gone {len(figures['gone'])}"] if "kept" in figures else []
        )
        return [f"{name} {_change(change)}" for name, change in changes.items()] + kept
    if "coherence" in figures:
        return [f"{figures['topics']} topics, coherence {figures['coherence']:.3f} (in training)"]
    if "macro_f1" in figures:
        return [f"macro-F1 {figures['macro_f1']:.3f}, exact match {figures['exact_match']:.3f} (in training)"]
    if "coherence" in figures:
        return [f"{figures['topics']} topics, coherence {figures['coherence']:.3f}"]
    return []


def _change(change: dict[str, Any]) -> str:
    numbers = [change["before"], change["after"]]
    if None in numbers:
        return "—"
    difference = change["difference"]
    interval = (
        f"{difference['low']:+.3f} … {difference['high']:+.3f}" if difference.get("low") is not None else ""
    )
    return f"{numbers[0]:.3f} -> {numbers[1]:.3f} ({interval}) {change['verdict']}".rstrip()


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
