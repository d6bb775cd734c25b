"""What a person sees: progress on stderr, tables on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from topics.errors import counted

if TYPE_CHECKING:
    from rich.progress import TaskID

    from topics.archive.scoring import Share, Summary, Watch
    from topics.quality.comparison import Change, Comparison
    from topics.quality.topic_comparison import TopicComparison
    from topics.tagger import Tagger
    from topics.types import Article, Explanation, Prediction
    from topics.versions.manifest import Manifest

_WORDS = 4
"""Words shown as the reason for a rubric in a table."""
_SOME = 10
"""Rubrics, or lines of one kind, up to which all are told."""
_BARS = " ▁▂▃▄▅▆▇█"
_EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""


def _err() -> Console:
    return Console(stderr=True, highlight=False)


def _tell(line: str) -> None:
    _line(_err(), line)


def tell_some(lines: Sequence[str]) -> None:
    """Tell on stderr the first of some lines of one kind, and how many there are besides."""
    for line in lines[:_SOME]:
        _tell(f"topics: {line}")
    if len(lines) > _SOME:
        _tell(f"topics: … and {len(lines) - _SOME} more of these")


def _line(console: Console, line: str) -> None:
    """Print a line as it is, however long: a log is searched by lines."""
    console.print(line, soft_wrap=True, markup=False)


def out() -> Console:
    """Write to stdout, wide enough for a table where it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


@contextmanager
def progress() -> Iterator[Watch]:
    """Show a bar on a terminal, a line now and then elsewhere; yields what is to be told.

    Where the share of the work is told, the time left is shown.
    """
    if not sys.stderr.isatty():
        yield _Lines().tell
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=_err(), transient=True) as bar:
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
    """Progress for a log: each stage when it begins, then a line twice a minute."""

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


def show_version(manifest: Manifest) -> None:
    """Tell on stderr what was trained and how good it is."""
    facts = manifest.corpus
    _tell(
        f"{manifest.name}: {counted(facts.articles, 'article')} ({facts.labelled:,} labelled, "
        f"{facts.clean:,} of them clean), {facts.rejects:,} rejected"
    )
    show_knowledge(_err(), manifest)


def show_knowledge(console: Console, manifest: Manifest) -> None:
    """Tell what a version knows and how well."""
    if figures := manifest.figures:
        heads = ("rubric", "positives", "precision", "recall", "F1", "average precision")
        table = Table(*heads, title=figures.method)
        for rubric in figures.rubrics:
            numbers = (rubric.precision, rubric.recall, rubric.f1, rubric.average_precision)
            table.add_row(rubric.rubric, str(rubric.positives), *(f"{number:.3f}" for number in numbers))
        console.print(table)
        _line(
            console,
            f"macro-F1 {figures.macro_f1:.3f}, micro-F1 {figures.micro_f1:.3f}, "
            f"exact match {figures.exact_match:.3f} on {counted(figures.articles, 'article')}",
        )
    for name, positives in manifest.left_out.items():
        _line(console, f"left out: {name}, {_too_few(positives, manifest)}")
    if topics := manifest.topics:
        _line(
            console,
            f"{counted(topics.topics, 'topic')} of {topics.terms:,} words and phrases, "
            f"coherence {topics.coherence:.3f}, diversity {topics.diversity:.2f}",
        )


def apart(before: float, after: float) -> tuple[str, str]:
    """Write two shares with as many digits as it takes to see that they differ, up to four.

    >>> apart(0.0516, 0.0731), apart(0.00171, 0.00214)
    (('5.2%', '7.3%'), ('0.17%', '0.21%'))
    """
    written = [(f"{before:.{digits}%}", f"{after:.{digits}%}") for digits in range(1, 5)]
    return next((pair for pair in written if pair[0] != pair[1]), written[-1])


def _too_few(positives: int, manifest: Manifest) -> str:
    """Say why a rubric was not learned: too few articles have it, or no article is known not to."""
    from topics.config import Rubrics

    least = manifest.configuration.get("rubrics", {}).get("min_positives", Rubrics().min_positives)
    if positives < least:
        return f"only {carried(positives)}"
    return f"{carried(positives)}, and no article is known that does not"


def carried(count: int) -> str:
    """`1 article carries it`, `2 articles carry it`."""
    return f"{counted(count, 'article')} {'carries' if count == 1 else 'carry'} it"


def spark(values: Sequence[float], width: int = 24) -> str:
    """Draw a line of bars, `▁▂▅█`: the highest value has the highest one; neighbours share one if need be."""
    each = -(-len(values) // width) if values else 1
    bars = [max(values[i : i + each]) for i in range(0, len(values), each)]
    top = max(bars, default=0.0) or 1.0
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in bars)


def show_labelled(labelled: int, positives: dict[str, int]) -> None:
    """Tell on stderr how many examples each rubric has; of hundreds of rubrics those with the fewest."""
    examples, others = list(positives.items()), len(positives) - _SOME
    if others > 0:
        examples.sort(key=lambda example: example[1])
    parts = [f"{name} {count:,}" for name, count in examples[:_SOME]]
    if others > 0:
        parts.append(f"{others} other rubrics with no fewer")
    _tell(f"{counted(labelled, 'article')} labelled so far: {', '.join(parts) or 'no rubric yet'}")


def show_unmatched(ids: Sequence[str]) -> None:
    """Tell on stderr of labels that no article had."""
    if ids:
        _tell(f"labels without an article: {len(ids)}, e.g. {ids[0]}")


def show_unread_dates(there: int, unread: Sequence[str]) -> None:
    """Tell on stderr that dates are none, if some of those looked at are."""
    if unread:
        example = " ".join(unread[0][:40].split())
        _tell(
            f"topics: dates: {len(unread)} of the first {there} could not be read, as «{example}»; "
            "write them as 2026-03-05"
        )


def show_others(paths: Sequence[Path]) -> None:
    """Tell on stderr of files in the folders that no reader knows."""
    from topics.corpus.sources import kinds

    if not paths:
        return
    found = kinds(paths)
    remedy = "; if .json is JSON Lines, name it: 'FOLDER/*.json'" if ".json" in found.split(", ") else ""
    _tell(f"topics: left out: {counted(len(paths), 'file')} of other kinds ({found}){remedy}")


def show_versions(manifests: Sequence[Manifest], aliases: dict[str, dict[str, str]], folder: Path) -> None:
    """List versions, the newest last."""
    if not manifests:
        _tell(f"{folder}: no versions yet; train one with `python -m topics train`")
        return
    version = Column("version", no_wrap=True)  # to be copied
    table = Table(version, "aliases", "articles", "clean", "macro-F1", "mean AP", "exact match", "knows")
    for manifest in manifests:
        named = [alias for alias, version in aliases[manifest.name].items() if version == manifest.version]
        figures, topics = manifest.figures, manifest.topics
        numbers = (figures.macro_f1, figures.mean_average_precision, figures.exact_match) if figures else ()
        table.add_row(
            f"{manifest.name}/{manifest.version}",
            ", ".join(named),
            str(manifest.corpus.articles),
            str(manifest.corpus.clean),
            *([f"{number:.3f}" for number in numbers] or [""] * 3),
            counted(topics.topics, "topic") if topics else _known(manifest.rubrics),
        )
    out().print(table)


def _known(rubrics: Sequence[str]) -> str:
    return ", ".join(rubrics) if len(rubrics) <= _SOME else f"{len(rubrics)} rubrics"


def show_comparison(comparison: Comparison | TopicComparison) -> None:
    """Print two versions side by side; on stderr, what makes the figures doubtful."""
    from topics.quality.topic_comparison import TopicComparison

    if isinstance(comparison, TopicComparison):
        _show_topics_compared(comparison)
    else:
        _show_rubrics_compared(comparison)
    for label, sources in comparison.trained_on.items():
        _tell(f"topics: {label} was trained on {', '.join(sources)}: figures there flatter it")


def _show_topics_compared(comparison: TopicComparison) -> None:
    console = out()
    console.print(f"A {comparison.before}\nB {comparison.after}\n{comparison.articles:,} articles")
    table = Table("", "A", "B", "difference", "95 % interval", "B is")
    for name, change in comparison.overall.items():
        table.add_row(name, *_change(change))
    console.print(table)
    kept, gone = len(comparison.kept), len(comparison.gone)
    how = (
        "" if comparison.is_related else "; neither was trained going on from the other, so none can be kept"
    )
    console.print(f"B keeps {kept} of {kept + gone} topics, {len(comparison.new)} are new{how}", markup=False)
    for verb, names in (("gone", comparison.gone), ("new", comparison.new)):
        for name in names if comparison.is_related else ():
            console.print(f"  {verb}: {name}", markup=False)


def _show_rubrics_compared(comparison: Comparison) -> None:
    console, errors = out(), _err()
    console.print(
        f"A {comparison.before}\nB {comparison.after}\n{comparison.articles:,} labelled articles, "
        f"{comparison.reprints:,} near-duplicates beside them that do not count"
    )
    table = Table("", "positives", "A", "B", "difference", "95 % interval", "B is")
    for rubric in comparison.rubrics:
        table.add_row(f"{rubric.rubric}: F1", str(rubric.positives), *_change(rubric.f1))
        table.add_row("  average precision", "", *_change(rubric.average_precision))
    table.add_section()
    for name, change in comparison.overall.items():
        table.add_row(name, "", *_change(change))
    console.print(table)
    for names, label in ((comparison.lost, comparison.before), (comparison.gained, comparison.after)):
        if names:
            errors.print(f"topics: only {label} knows {_known(names)}")
    tell_some([f"{name}: too few articles carry it to show a loss" for name in comparison.unsure])


def _change(change: Change) -> tuple[str, ...]:
    difference = change.difference
    numbers = (change.before, change.after)
    return (
        *("—" if number is None else f"{number:.3f}" for number in numbers),
        "—" if difference.value is None else f"{difference.value:+.3f}",
        "" if difference.low is None else f"{difference.low:+.3f} … {difference.high:+.3f}",
        change.verdict,
    )


def show_summary(summary: Summary) -> None:
    """Tell on stderr what a scoring job did."""
    resumed = f" ({summary.resumed:,} of them before)" if summary.resumed else ""
    rubrics, others = _foremost(summary.rubrics)
    given = [f"{rubric} {found.articles:,}" for rubric, found in rubrics.items()] + others
    said = f"{', '.join([*given, f'none {summary.without:,}'])}; for review {summary.needs_review:,}; "
    parts = [
        f"{rubric} {found.share:.1%} (in training {found.training:.1%})" for rubric, found in rubrics.items()
    ]
    shares = ", ".join(parts + others)
    _tell(
        f"{counted(summary.articles, 'article')}{resumed} in {summary.seconds:.1f} s "
        f"({summary.rate:,.0f}/s), {summary.rejects:,} rejected; {said if given else ''}by "
        f"{', '.join(summary.versions)}"
    )
    if summary.articles and given:
        _tell(f"shares: {shares}, for review {summary.review_share:.1%}")
    _show_drift(summary)


def _foremost(rubrics: dict[str, Share]) -> tuple[dict[str, Share], list[str]]:
    """Choose what is told of hundreds of rubrics: the most given, and how many others there are."""
    if len(rubrics) <= _SOME:
        return rubrics, []
    most = sorted(rubrics, key=lambda rubric: -rubrics[rubric].articles)[:_SOME]
    return {rubric: rubrics[rubric] for rubric in most}, [f"{len(rubrics) - _SOME} other rubrics"]


def _show_drift(summary: Summary) -> None:
    from topics.drift.wording import briefly

    for label, drift in summary.drift.items():
        see = f" `topics monitor {label}` tells more." if drift.alarms else ""
        _tell(f"against the training of {label}: {briefly(drift)}{see}")
    if summary.trained_on:
        name, *others = summary.trained_on
        more = f" and {len(others)} more" if others else ""
        _tell(f"not compared with the training: the versions were trained on {name}{more}")


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
    """Print what was tagged and why, and the topics, a table a batch."""
    rubrics = ("rubrics", "because of") if tagger.manifest.rubrics else ()
    topics = ("topics",) if tagger.topics else ()
    versions = ", ".join(version.label for version in tagger.versions)

    def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
        table = Table("id", "title", *rubrics, *topics, title=versions, show_lines=True)
        for article, prediction in zip(articles, predictions, strict=True):
            title = Text(article.title or article.text[:80])
            said = _rubrics(tagger, article, prediction) if rubrics else ()
            shares = [f"{topic.label} {topic.value:.0%}" for topic in prediction.topics] if topics else ()
            told = [Text("\n".join(shares) or "—")] if topics else []
            table.add_row(Text(prediction.id), title, *said, *told)
        out().print(table)

    return write


def _rubrics(tagger: Tagger, article: Article, prediction: Prediction) -> tuple[Text, Text]:
    given = [f"{score.label} {score.value:.2f}" for score in prediction.rubrics] or ["—"]
    reasons = [_because(tagger, article, score.label) for score in prediction.rubrics]
    return Text("\n".join(given + ["(review)"] * prediction.needs_review)), Text("\n".join(reasons))


def _because(tagger: Tagger, article: Article, rubric: str) -> str:
    explanation = tagger.explain(article.text, rubric, article.title, article.outlet)
    return ", ".join([reason.words for reason in explanation.reasons if reason.weight > 0][:_WORDS])
