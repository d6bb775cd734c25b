"""`topics history`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import models_option
from topics.errors import ModelError, UsageError

if TYPE_CHECKING:
    from topics.versions.history import Event, Span


@click.command()
@click.argument("name", default="rubrics")
@click.option(
    "--at", metavar="DATE", help="Only the versions in use on this day or at this time, local time."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@models_option
def history(name: str, at: str | None, as_json: bool, models: Path) -> None:
    """Show the history of the versions of NAME: who published, promoted, rolled back or pruned, and why.

    With --at: which version tagged on that day, since when, who promoted it, why, and on what metrics: those
    of the comparison, or of its training if nothing was compared.

    \b
    python -m topics history rubrics
    python -m topics history rubrics --at 2026-03-03
    python -m topics history rubrics --at 2026-03-03T10:15
    """
    import msgspec

    from topics.versions.history import during, spans
    from topics.versions.registry import Registry

    events, moments = Registry(models).events(name), _time(at) if at else None
    if not events:
        raise ModelError(
            f"{models}: no history of {name!r}; train it with `python -m topics train`, "
            "or name the folder with --models"
        )
    selected = during(spans(events), *moments) if moments else events
    if as_json:
        for one in selected:
            click.echo(msgspec.json.encode(one))
    elif at and moments:
        if not selected:
            click.echo(f"{name} had no version yet at {at}")
        _show_spans(name, events, *moments)
    else:
        _show_events(events)


def _time(at: str) -> tuple[datetime, datetime]:
    """`2026-03-03` is that whole day in local time, `2026-03-03T10:15` that moment; also `03.03.2026`.

    A day on which clocks are changed has 23 or 25 hours. A time that comes twice then is both and all
    between them; raises UsageError for one that does not come.
    """
    from topics.corpus.articles import iso

    text = iso(at)
    try:
        start = datetime.fromisoformat(text)
        if len(text) == len("2026-03-03"):
            return start.astimezone(), (start + timedelta(days=1)).astimezone()
        first, last = start.astimezone(), start.replace(fold=1).astimezone()
    except (ValueError, OverflowError) as error:  # none, or one at the end of all days
        raise UsageError(f"{at!r} is not a date; write 2026-03-03 or 2026-03-03T10:15") from error
    if start.tzinfo is None and first.replace(tzinfo=None) != start:
        before, after = sorted((f"{first:%H:%M}", f"{last:%H:%M}"))
        reason = f"{at!r} does not exist: the clocks went forward"
        raise UsageError(f"{reason}; write {before} or {after}")
    return first, last + timedelta(microseconds=1)


def _show_events(events: list[Event]) -> None:
    from rich.table import Column, Table
    from rich.text import Text

    from topics.terminal import out

    table = Table("when", "who", "what", Column("why", overflow="fold"), "metrics")  # versions, to be copied
    for event in events:
        what = f"{event.version}\n{event.description} {event.alias and f'to @{event.alias}'}"
        why = f"{event.why} (forced)" if event.forced else event.why
        metrics = "\n".join(_telling(_metrics(event.metrics)))
        table.add_row(_local(event.when), event.who, Text(what), Text(why), metrics)
    out().print(table)


def _show_spans(name: str, events: list[Event], start: datetime, end: datetime) -> None:
    """Print what was live, what tagged first: production, or until there was one the latest version."""
    from rich.text import Text

    from topics.terminal import out
    from topics.versions.history import during, spans
    from topics.versions.registry import LATEST, PRODUCTION

    console, every = out(), spans(events)
    trained = {event.version: event.metrics for event in events if event.seal}
    promoted = min((span.start for span in every if span.alias == PRODUCTION), default=end)

    def tagged(span: Span) -> bool:
        return span.alias == PRODUCTION or (span.alias == LATEST and max(span.start, start) < promoted)

    for span in sorted(during(every, start, end), key=tagged, reverse=True):
        until = f"until {_local(span.end)}" if span.end else "until now"
        used = ", used by `topics predict`" if tagged(span) else ""
        if used and span.alias == LATEST and promoted < min(span.end or end, end):
            used += f" until {_local(promoted)}"
        console.print(Text.assemble((f"{name}/{span.version}", "bold"), f" was @{span.alias}{used}"))
        console.print(f"  from {_local(span.start)} {until}")
        forced = ", forced" if span.event.forced else ""
        reason = f": {span.event.why}" if span.event.why else ""
        console.print(f"  {span.event.what} by {span.event.who}{forced}{reason}")
        for line in _metrics(span.event.metrics or trained.get(span.version, {})):
            console.print(f"  {line}")


def _telling(lines: list[str]) -> list[str]:
    """Select the lines that fit into a table: what became better or worse, else the overall metrics."""
    return [line for line in lines if line.endswith(("better", "worse"))][:6] or lines[-3:]


def _metrics(metrics: dict[str, Any]) -> list[str]:
    """Format the metrics of training, or of the comparison with the live version."""
    if "overall" in metrics:
        changes = {rubric["rubric"]: rubric["f1"] for rubric in metrics.get("rubrics", ())}
        changes |= metrics["overall"]
        kept = (
            [f"topics kept {len(metrics['kept'])}, gone {len(metrics['gone'])}"] if "kept" in metrics else []
        )
        return [f"{name} {_change(change)}" for name, change in changes.items()] + kept
    if "coherence" in metrics:
        return [f"{metrics['topics']} topics, coherence {metrics['coherence']:.3f} (in training)"]
    if "macro_f1" in metrics:
        return [f"macro-F1 {metrics['macro_f1']:.3f}, exact match {metrics['exact_match']:.3f} (in training)"]
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
