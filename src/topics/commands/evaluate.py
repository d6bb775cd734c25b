"""`topics evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import (
    columns_config_option,
    columns_options,
    corpus_of,
    emit,
    format_option,
    labels_option,
    models_option,
    warn_of_ignored,
)

if TYPE_CHECKING:
    from topics.quality.assessment import Assessment
    from topics.quality.measuring import Estimate, Measure
    from topics.versions.registry import Version

SLICES = ("outlet", "month", "length")


@click.command()
@click.argument("version")
@click.argument("data", nargs=-1, required=True)
@labels_option("Table of labels (id, rubrics); they replace those of DATA.")
@click.option(
    "--slice-by",
    multiple=True,
    type=click.Choice(SLICES),
    help="Also show metrics by this property. Repeatable.",
)
@click.option("--since", default="", metavar="DATE", help="Only articles from this day on.")
@click.option("--json", "as_json", is_flag=True, help="All metrics as one JSON object.")
@columns_config_option
@models_option
@format_option
@columns_options
def evaluate(
    version: str, data: tuple[str, ...], slice_by: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Measure VERSION (NAME, NAME@ALIAS or NAME/VERSION) on the labelled articles of DATA.

    Every metric has a 95 % bootstrap interval. Near-duplicates count once, unknown labels not at all. DATA
    should be articles that the version was not trained on, such as later ones (--since).

    \b
    python -m topics evaluate rubrics archive/2026-11.jsonl --slice-by outlet --slice-by month
    python -m topics evaluate rubrics@production archive/ --labels checked.csv --json
    """
    from topics import terminal
    from topics.quality.assessment import evaluate as job
    from topics.terminal.data import show_labels, show_rejects
    from topics.versions.registry import Registry

    corpus = corpus_of(data, options)

    def assessed(opened: Version) -> Assessment:
        warn_of_ignored(options, [opened.manifest])
        with terminal.progress() as watch:
            return job(corpus, opened, slice_by, since=options["since"], watch=watch)

    assessment = Registry(options["models"]).open_with(version, assessed)
    show_labels(corpus)
    show_rejects(corpus)
    emit(assessment, _show, as_json=as_json)


def _show(assessment: Assessment) -> None:
    from topics.terminal import calibrated, have_it, luck, out, tell_some

    console = out()
    console.print(f"{assessment.model} on {', '.join(assessment.sources)}", style="bold")
    console.print(
        f"{assessment.read:,} articles read, {assessment.labelled:,} labelled, {assessment.reprints:,} of "
        "them near-duplicates (excluded); 95 % intervals after each figure"
    )
    whole = assessment.whole
    console.print(_table(whole))
    console.print(
        f"exact match of articles not for review {_short(whole.exact_match_unreviewed)}, "
        f"for review {whole.review_share:.1%}; {calibrated(whole.calibration_error, whole.likely)}, "
        f"Brier score {whole.brier_score:.3f}"
    )
    for name, slices in assessment.slices.items():
        table = _overall(name)
        for part in slices:
            table.add_row(part.name, str(part.measure.articles), *_row(part.measure))
        console.print(table)
    tell_some([luck(one.rubric, one.positives) for one in whole.rubrics if one.too_few])
    unknown = assessment.not_known.items()
    tell_some(
        [f"{name}: {have_it(count)}, but it is not a rubric of this version" for name, count in unknown]
    )
    if assessment.trained_on:
        names = ", ".join(assessment.trained_on)
        click.echo(f"topics: trained on {names} too: results on training data are optimistic", err=True)


def _table(measure: Measure) -> Any:
    from rich.table import Table

    table = Table("rubric", "positives", "assigned", "precision", "recall", "F1", "average precision")
    for rubric in measure.rubrics:
        metrics = (rubric.precision, rubric.recall, rubric.f1, rubric.average_precision)
        table.add_row(rubric.rubric, str(rubric.positives), str(rubric.given), *map(_short, metrics))
    table.add_section()
    table.add_row("macro", "", "", "", "", _short(measure.macro_f1), _short(measure.mean_average_precision))
    table.add_row("micro", "", "", "", "", _short(measure.micro_f1), "")
    of = f" (of {measure.wholly_known:,} with every rubric known)" if measure.partly_known else ""
    table.add_row(f"exact match{of}", "", "", "", "", _short(measure.exact_match), "")
    return table


def _overall(name: str) -> Any:
    from rich.table import Table

    return Table(name, "articles", "micro-F1", "macro-F1", "mean AP", "exact match", "for review")


def _row(measure: Measure) -> list[str]:
    metrics = (measure.micro_f1, measure.macro_f1, measure.mean_average_precision)
    of = f" (of {measure.wholly_known:,})" if measure.partly_known else ""
    return [*map(_short, metrics), _short(measure.exact_match) + of, f"{measure.review_share:.0%}"]


def _short(estimate: Estimate) -> str:
    """`0.812 .79–.83`; a dash where the articles cannot tell."""
    if estimate.value is None:
        return "—"
    if estimate.low is None:
        return f"{estimate.value:.3f}"
    low, high = (f"{end:.2f}".removeprefix("0") for end in (estimate.low, estimate.high or 0.0))
    return f"{estimate.value:.3f} {low}–{high}"
