"""Terminal output for versions: metrics, lists and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from topics.errors import counted
from topics.terminal import SOME, calibrated, err, have_it, line, luck, out, some, tell, tell_some

if TYPE_CHECKING:
    from topics.quality.comparison import MetricChange, RubricComparison
    from topics.quality.topic_comparison import TopicComparison
    from topics.versions.manifest import Manifest, Metrics, RubricMetrics


def show_version(manifest: Manifest) -> None:
    """Print a newly trained version and its metrics to stderr."""
    facts = manifest.corpus
    tell(
        f"{manifest.name}: {counted(facts.articles, 'article')} ({facts.labelled:,} labelled, "
        f"{facts.clean:,} of them clean), {facts.rejects:,} rejected"
    )
    show_knowledge(err(), manifest)
    if metrics := manifest.metrics:
        learned = {rubric.rubric for rubric in metrics.rubrics}
        alone = [name for name in manifest.configuration.get("rules", {}) if name not in learned]
        spelled = "has rules but no articles; is it spelled as in the data?"
        tell_some([f"{name}: {spelled}" for name in alone])


def show_knowledge(console: Console, manifest: Manifest) -> None:
    """Print the rubrics or topics of a version and their metrics."""
    from topics.quality.measuring import MIN_POSITIVES

    if metrics := manifest.metrics:
        heads = ("rubric", "positives", "precision", "recall", "F1", "average precision")
        table = Table(*heads, title=metrics.method)
        for rubric in metrics.rubrics:
            numbers = (rubric.precision, rubric.recall, rubric.f1, rubric.average_precision)
            table.add_row(rubric.rubric, str(rubric.positives), *(f"{number:.3f}" for number in numbers))
        console.print(table)
        few = [luck(one.rubric, one.positives) for one in metrics.rubrics if one.positives < MIN_POSITIVES]
        goals = [
            _goal(one, name, share)
            for one in metrics.rubrics
            for name, share in manifest.goals.get(one.rubric, {}).items()
        ]
        dull = [
            f"{one.rubric}: hardly better than chance: average precision {one.average_precision:.2f}, "
            f"chance level {one.positives / (one.positives + one.negatives):.2f}"
            for one in metrics.rubrics
            if one.positives >= MIN_POSITIVES and _tells_little(one)
        ]
        for text in some(few) + goals + some(dull):
            line(console, text)
        partly = 0 < metrics.wholly_known < metrics.articles
        of = f" (of {metrics.wholly_known:,} with every rubric known)" if partly else ""
        line(
            console,
            f"macro-F1 {metrics.macro_f1:.3f}, micro-F1 {metrics.micro_f1:.3f}, "
            f"exact match {_exact(metrics)}{of} on {counted(metrics.articles, 'article')}",
        )
        line(console, calibrated(metrics.calibration_error, metrics.likely))
    for name, positives in manifest.left_out.items():
        line(console, f"left out: {name}, {_too_few(positives, manifest)}{_meant(name, manifest)}")
    if topics := manifest.topics:
        line(
            console,
            f"{counted(topics.topics, 'topic')} of {topics.terms:,} words and phrases, "
            f"coherence {topics.coherence:.3f}, diversity {topics.diversity:.2f}",
        )


def _goal(rubric: RubricMetrics, name: str, share: float) -> str:
    """Describe how well a goal is reached on unseen articles, with an interval.

    >>> _goal(tourism, "precision", 0.9)
    'tourism: goal precision 0.90; out of fold 0.79, expect 0.63 to 0.89 (28 positives)'
    """
    from topics.quality.intervals import wilson

    prefix = f"{rubric.rubric}: goal {name} {share:.2f}; out of fold "
    if name == "precision" and not rubric.precision:
        return f"{prefix}no article was tagged correctly ({counted(rubric.positives, 'positive')})"
    reached, of = (
        (rubric.precision, rubric.given) if name == "precision" else (rubric.recall, rubric.positives)
    )
    low, high = wilson(reached, of)
    expect = f", expect {low:.2f} to {high:.2f}" if of else ""
    return f"{prefix}{reached:.2f}{expect} ({counted(rubric.positives, 'positive')})"


def _tells_little(rubric: RubricMetrics) -> bool:
    """Return whether a rubric is ranked hardly better than by chance."""
    chance = rubric.positives / max(rubric.positives + rubric.negatives, 1)
    return rubric.average_precision < min(1.5 * chance, chance + 0.1 * (1 - chance))


def _exact(metrics: Metrics) -> str:
    """Format the exact match; a dash if no article has every rubric known."""
    return f"{metrics.exact_match:.3f}" if metrics.exact_match or metrics.wholly_known else "—"


def _too_few(positives: int, manifest: Manifest) -> str:
    """Describe why a rubric was not learned: too few articles with it, or without it."""
    from topics.config import Rubrics

    least = manifest.configuration.get("rubrics", {}).get("min_positives", Rubrics().min_positives)
    if positives < least:
        return f"only {have_it(positives)}"
    return f"{have_it(positives)}, too few are known not to"


def _meant(name: str, manifest: Manifest) -> str:
    """Suggest «Туризм» for «Турзм»."""
    folded = {rubric.casefold(): rubric for rubric in manifest.rubrics}
    near = get_close_matches(name.casefold(), folded, 1, 0.8)
    return f"; did you mean {folded[near[0]]}?" if near else ""


def show_versions(manifests: Sequence[Manifest], aliases: dict[str, dict[str, str]], folder: Path) -> None:
    """Print a table of versions, newest last."""
    if not manifests:
        tell(f"{folder}: no versions yet; train one with `python -m topics train`")
        return
    version = Column("version", no_wrap=True)  # to be copied
    table = Table(
        version, "aliases", "articles", "clean", "macro-F1", "mean AP", "exact match", "rubrics or topics"
    )
    for manifest in manifests:
        named = [alias for alias, version in aliases[manifest.name].items() if version == manifest.version]
        metrics, topics = manifest.metrics, manifest.topics
        numbers = [metrics.macro_f1, metrics.mean_average_precision] if metrics else []
        table.add_row(
            f"{manifest.name}/{manifest.version}",
            ", ".join(named),
            str(manifest.corpus.articles),
            str(manifest.corpus.clean),
            *([f"{number:.3f}" for number in numbers] + [_exact(metrics)] if metrics else [""] * 3),
            counted(topics.topics, "topic") if topics else _known(manifest.rubrics),
        )
    out().print(table)


def _known(rubrics: Sequence[str]) -> str:
    return ", ".join(rubrics) if len(rubrics) <= SOME else f"{len(rubrics)} rubrics"


def show_comparison(comparison: RubricComparison | TopicComparison) -> None:
    """Print a comparison of two versions; reservations go to stderr."""
    from topics.quality.topic_comparison import TopicComparison

    if isinstance(comparison, TopicComparison):
        _show_topics_compared(comparison)
    else:
        _show_rubrics_compared(comparison)
    for label, sources in comparison.trained_on.items():
        tell(f"topics: {label} was trained on {', '.join(sources)}: results on training data are optimistic")


def _show_topics_compared(comparison: TopicComparison) -> None:
    console = out()
    console.print(f"A {comparison.before}\nB {comparison.after}\n{comparison.articles:,} articles")
    table = Table("", "A", "B", "difference", "95 % interval", "B is")
    for name, change in comparison.overall.items():
        table.add_row(name, *_change(change))
    console.print(table)
    kept, gone = len(comparison.kept), len(comparison.gone)
    how = "" if comparison.is_related else "; neither continues the other, so none can be kept"
    console.print(f"B keeps {kept} of {kept + gone} topics, {len(comparison.new)} are new{how}")
    for verb, names in (("gone", comparison.gone), ("new", comparison.new)):
        for name in names if comparison.is_related else ():
            console.print(f"  {verb}: {name}")


def _show_rubrics_compared(comparison: RubricComparison) -> None:
    console, errors = out(), err()
    console.print(
        f"A {comparison.before}\nB {comparison.after}\n{comparison.articles:,} labelled articles, "
        f"{comparison.reprints:,} near-duplicates excluded"
    )
    table = Table("", "positives", "A", "B", "difference", "95 % interval", "B is")
    for rubric in comparison.rubrics:
        table.add_row(f"{rubric.rubric}: F1", str(rubric.positives), *_change(rubric.f1))
        table.add_row("  average precision", "", *_change(rubric.average_precision))
    table.add_section()
    for name, change in comparison.overall.items():
        table.add_row(name, "", *_change(change))
    console.print(table if comparison.rubrics else "no rubric in common, nothing to compare")
    for names, label in ((comparison.lost, comparison.before), (comparison.gained, comparison.after)):
        if names:
            errors.print(f"topics: only in {label}: {_known(names)}")
    tell_some([f"{name}: too few positives to detect a loss" for name in comparison.unsure])


def _change(change: MetricChange) -> tuple[str, ...]:
    difference = change.difference
    numbers = (change.before, change.after)
    return (
        *("—" if number is None else f"{number:.3f}" for number in numbers),
        "—" if difference.value is None else f"{difference.value:+.3f}",
        "" if difference.low is None else f"{difference.low:+.3f} … {difference.high:+.3f}",
        change.verdict,
    )
