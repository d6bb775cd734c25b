"""What a person sees: progress on stderr, tables on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import TaskID

    from topics.manifest import Manifest
    from topics.scoring import Summary
    from topics.tagger import Tagger
    from topics.types import Article, Explanation, Prediction

_WORDS = 4
"""Words shown as the reason for a rubric in a table."""
_EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""


def _err() -> Console:
    return Console(stderr=True, highlight=False)


def out() -> Console:
    """Write to stdout, wide enough for a table where it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


@contextmanager
def progress() -> Iterator[Callable[[str, int], None]]:
    """Show a bar on a terminal, a line now and then elsewhere; yields what is to be told."""
    if not sys.stderr.isatty():
        yield _Lines().tell
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}: {task.completed:,.0f} articles, {task.fields[rate]:,.0f}/s")
    with Progress(SpinnerColumn(), text, TimeElapsedColumn(), console=_err(), transient=True) as bar:
        tasks: dict[str, tuple[TaskID, float]] = {}

        def tell(stage: str, done: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=None, rate=0.0), time.monotonic()
            task, start = tasks[stage]
            bar.update(task, completed=done, rate=done / max(time.monotonic() - start, 1e-3))

        yield tell


class _Lines:
    """Progress for a log: each stage when it begins, then a line twice a minute."""

    def __init__(self) -> None:
        self._stage = ""
        self._next = 0.0

    def tell(self, stage: str, done: int) -> None:
        if stage == self._stage and time.monotonic() < self._next:
            return
        self._stage, self._next = stage, time.monotonic() + _EVERY
        print(
            f"topics: {stage}, {done:,} articles" if done else f"topics: {stage}", file=sys.stderr, flush=True
        )


def show_version(manifest: Manifest, unmatched: Sequence[str]) -> None:
    """Tell on stderr what was trained and how good it is."""
    facts, figures = manifest.corpus, manifest.figures
    console = _err()
    console.print(
        f"{facts.articles:,} articles ({facts.labelled:,} labelled, {facts.clean:,} of them clean), "
        f"{facts.rejects:,} rejected"
    )
    table = Table(
        "rubric", "positives", "precision", "recall", "F1", "average precision", title=figures.method
    )
    for rubric in figures.rubrics:
        numbers = (rubric.precision, rubric.recall, rubric.f1, rubric.average_precision)
        table.add_row(rubric.rubric, str(rubric.positives), *(f"{number:.3f}" for number in numbers))
    console.print(table)
    console.print(
        f"macro-F1 {figures.macro_f1:.3f}, micro-F1 {figures.micro_f1:.3f}, "
        f"exact match {figures.exact_match:.3f} on {figures.articles:,} articles"
    )
    for name, positives in manifest.left_out.items():
        console.print(f"left out: {name}, only {positives} articles carry it")
    if unmatched:
        console.print(f"labels without an article: {len(unmatched)}, e.g. {unmatched[0]}")


def show_versions(manifests: Sequence[Manifest], aliases: dict[str, dict[str, str]], folder: Path) -> None:
    """List versions, the newest last."""
    if not manifests:
        _err().print(f"{folder}: no versions yet; train one with `python -m topics train`")
        return
    table = Table("version", "aliases", "articles", "clean", "macro-F1", "mean AP", "exact match", "rubrics")
    for manifest in manifests:
        named = [alias for alias, version in aliases[manifest.name].items() if version == manifest.version]
        figures = manifest.figures
        numbers = (figures.macro_f1, figures.mean_average_precision, figures.exact_match)
        table.add_row(
            f"{manifest.name}/{manifest.version}",
            ", ".join(named),
            str(manifest.corpus.articles),
            str(manifest.corpus.clean),
            *(f"{number:.3f}" for number in numbers),
            ", ".join(manifest.rubrics),
        )
    out().print(table)


def show_summary(summary: Summary) -> None:
    """Tell on stderr what a scoring job did."""
    rate = summary.articles / max(summary.seconds, 1e-3)
    given = ", ".join(f"{rubric} {count:,}" for rubric, count in summary.rubrics.items())
    _err().print(
        f"{summary.articles:,} articles in {summary.seconds:.1f} s ({rate:,.0f}/s), "
        f"{summary.rejects:,} rejected; {given}, none {summary.without:,}; "
        f"for review {summary.needs_review:,}; by {summary.model}"
    )


def show_explanation(explanation: Explanation) -> None:
    """Print an article with the words that count, and a table of them."""
    console, verdict = out(), "given" if explanation.given else "not given"
    console.print(
        f"[bold]{explanation.rubric}[/]: {verdict}, probability {explanation.probability:.2f}, "
        f"threshold {explanation.threshold:.2f}  ({explanation.model})"
    )
    where = "above" if explanation.distance >= 0 else "below"
    console.print(f"{abs(explanation.distance):.1f} in log odds {where} the threshold")
    for rule in explanation.rules:
        weight = f" {rule.weight:+.2f}" if rule.effect == "lift" else ""
        console.print(f"rule: [yellow]{rule.phrase}[/] {rule.effect}s it{weight}")
    console.print(_painted(explanation, "title", explanation.title), style="bold")
    console.print(_painted(explanation, "text", explanation.text))
    table = Table("words", "weight", "times")
    for reason in explanation.reasons[:15]:
        table.add_row(reason.words, f"{reason.weight:+.2f}", str(len(reason.places)))
    console.print(table)


def _painted(explanation: Explanation, part: str, text: str) -> Text:
    painted = Text(text)
    for reason in explanation.reasons[:40]:
        for place in reason.places:
            if place.part == part:
                painted.stylize("green" if reason.weight > 0 else "red", place.start, place.stop)
    return painted


def table_writer(tagger: Tagger) -> Callable[[Sequence[Article], Sequence[Prediction]], None]:
    """Print what was tagged and why, a table a batch."""

    def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
        table = Table("id", "title", "rubrics", "because of", title=tagger.version.label, show_lines=True)
        for article, prediction in zip(articles, predictions, strict=True):
            title = article.title or article.text[:80]
            given = [f"{score.label} {score.value:.2f}" for score in prediction.rubrics] or ["—"]
            reasons = [_because(tagger, article, score.label) for score in prediction.rubrics]
            review = ["(review)"] if prediction.needs_review else []
            table.add_row(prediction.id, title, "\n".join(given + review), "\n".join(reasons))
        out().print(table)

    return write


def _because(tagger: Tagger, article: Article, rubric: str) -> str:
    explanation = tagger.explain(article.text, rubric, article.title, article.outlet)
    return ", ".join([reason.words for reason in explanation.reasons if reason.weight > 0][:_WORDS])
