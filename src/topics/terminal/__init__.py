"""Terminal output: progress and messages on stderr, tables on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console

from topics.errors import counted

if TYPE_CHECKING:
    from rich.progress import TaskID

    from topics.types import Watch
    from topics.versions.manifest import Likely

SOME = 10
"""Largest number of rubrics, or of similar lines, to show."""
_BARS = " ▁▂▃▄▅▆▇█"
_EVERY = 30.0
"""Seconds between two lines of progress without a terminal."""


def err() -> Console:
    """Return a console for stderr; markup is off, since texts may contain brackets."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def tell(text: str) -> None:
    """Print to stderr."""
    line(err(), text)


def tell_some(lines: Sequence[str]) -> None:
    """Print the first of several similar lines to stderr, and the number of the others."""
    for text in some(lines):
        tell(f"topics: {text}")


def some(lines: Sequence[str]) -> list[str]:
    """Return the first of several similar lines, and a line with the number of the others."""
    more = [f"… and {len(lines) - SOME} more"] if len(lines) > SOME else []
    return [*lines[:SOME], *more]


def line(console: Console, text: str) -> None:
    """Print a line without wrapping it, since logs are searched by lines."""
    console.print(text, soft_wrap=True)


def out() -> Console:
    """Return a console for stdout, 120 columns wide if it is not a terminal."""
    width = None if sys.stdout.isatty() else 120
    return Console(highlight=False, markup=False, emoji=False, width=width)


@contextmanager
def progress() -> Iterator[Watch]:
    """Yield a progress callback: a bar on a terminal, otherwise occasional lines.

    The remaining time is shown if the callback gets the share of the work done.
    """
    if not sys.stderr.isatty():
        yield _Lines().tell
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=err(), transient=True) as bar:
        tasks: dict[str, tuple[TaskID, float]] = {}

        def tell(stage: str, done: int, share: float | None = None) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=None), time.monotonic()
            task, start = tasks[stage]
            text = _progress(stage, done, share, time.monotonic() - start)
            bar.update(task, description=text, completed=share or 0, total=None if share is None else 1)

        yield tell


def _progress(stage: str, done: int, share: float | None, seconds: float) -> str:
    """`tagging: 120,000 articles, 13,500/s, 25 %, 0:26 left`."""
    if not done:
        return stage
    text = f"{stage}: {counted(done, 'article')}, {done / max(seconds, 1e-3):,.0f}/s"
    if not share:
        return text
    left = timedelta(seconds=round(seconds * (1 - share) / share))
    return f"{text}, {share:.0%}, {left} left"


class _Lines:
    """Progress for a log: a line when a stage begins, then two per minute."""

    def __init__(self) -> None:
        self._stage = ""
        self._start = self._next = 0.0

    def tell(self, stage: str, done: int, share: float | None = None) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._start, self._next = stage, now, now + _EVERY
            first = f"{stage}, {counted(done, 'article')}" if done else stage
            print(f"topics: {first}", file=sys.stderr, flush=True)
        elif now >= self._next:
            self._next = now + _EVERY
            print(f"topics: {_progress(stage, done, share, now - self._start)}", file=sys.stderr, flush=True)


def apart(before: float, after: float) -> tuple[str, str]:
    """Format two shares with as many digits as it takes to tell them apart, up to four.

    >>> apart(0.0516, 0.0731), apart(0.00171, 0.00214)
    (('5.2%', '7.3%'), ('0.17%', '0.21%'))
    """
    written = [(f"{before:.{digits}%}", f"{after:.{digits}%}") for digits in range(1, 5)]
    return next((pair for pair in written if pair[0] != pair[1]), written[-1])


def have_it(count: int) -> str:
    """`1 article has it`, `2 articles have it`."""
    return f"{counted(count, 'article')} {'has' if count == 1 else 'have'} it"


def luck(rubric: str, positives: int) -> str:
    """Describe a rubric with too few positives to measure."""
    return f"{rubric}: only {counted(positives, 'positive')}, too few to measure"


def calibrated(error: float, likely: Likely) -> str:
    """`calibration error 0.015; 0.043 for the 612 probabilities above 10% (perfect calibration: 0.02)`."""
    text = f"calibration error {error:.3f}"
    if not likely.answers:
        return text
    most = f"{likely.calibration_error:.3f} for the {likely.answers:,} probabilities above 10%"
    return f"{text}; {most} (perfect calibration: {likely.by_chance:.3f})"


def spark(values: Sequence[float], width: int = 24) -> str:
    """Draw values as bars, `▁▂▅█`, scaled to the largest; with many values, neighbours share a bar."""
    each = -(-len(values) // width) if values else 1
    bars = [max(values[i : i + each]) for i in range(0, len(values), each)]
    top = max(bars, default=0.0) or 1.0
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in bars)
