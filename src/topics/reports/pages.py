"""Self-contained HTML pages and the model card, from Jinja templates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from topics import persistence
from topics.quality.slices import LENGTHS, OTHER, UNKNOWN
from topics.reports import charts
from topics.reports.report import Report
from topics.reports.wording import Words, words
from topics.types import Explanation
from topics.versions.manifest import Manifest

_TICKS = ("0", "25", "50", "75", "100")
_SHOWN_REASONS = 40


def report_page(report: Report, language: str, manifest: Manifest | None = None) -> str:
    """Return the report of a version as one HTML page that needs no network.

    Args:
        report: the content.
        language: `ru` or `en`.
        manifest: of the version; adds when and on what it was trained.
    """
    said = words("report", language)
    names = {name: said(f"length_{i}") for i, (_, name) in enumerate(LENGTHS)}
    names |= {OTHER: said("slice_other"), UNKNOWN: said("slice_unknown")}
    facts = _facts(report, said, manifest)
    return render("report.html", said, **facts, charts=_charts(report, said), slice_names=names)


def model_card(report: Report, language: str, manifest: Manifest | None = None) -> str:
    """Return the model card in Markdown; the arguments are those of `report_page`."""
    said = words("report", language)
    return render("MODEL_CARD.md", said, **_facts(report, said, manifest))


def write(folder: Path, report: Report, language: str) -> None:
    """Write `report.json`, the page and the card into the folder of a version."""
    write_documents(folder, report, report_page(report, language), model_card(report, language))


def write_documents(folder: Path, report: object, page: str, card: str) -> None:
    """Write the three documents of a version of rubrics or topics."""
    persistence.write_struct(folder / "report.json", report)
    for name, content in (("report.html", page), ("MODEL_CARD.md", card)):
        (folder / name).write_text(content, encoding="utf-8", newline="\n")


def load(folder: Path) -> Report:
    """Read the report of a version.

    Raises:
        ModelError: the version has no report.
    """
    return persistence.read_struct(folder / "report.json", Report)


def explanation_page(explanations: Sequence[Explanation], language: str) -> str:
    """Return a page of one article with the evidence for and against its rubrics marked."""
    parts = [
        {"explanation": found, "title": pieces(found, "title"), "text": pieces(found, "text")}
        for found in explanations
    ]
    return render("explanation.html", words("explanation", language), parts=parts)


def render(template: str, said: Words, **values: Any) -> str:
    """Render a template; values are escaped if it is HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("topics.reports"),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared = {"lang": said.language, "number": said.number, "share": said.share, "count": said.count}
    return environment.get_template(template).render(t=said, **shared, **values)


def _facts(report: Report, said: Words, manifest: Manifest | None) -> dict[str, Any]:
    method = said("cross_validation", folds=report.folds)
    return {"report": report, "method": method, "manifest": manifest, "moment": said.moment}


def _charts(report: Report, said: Words) -> dict[str, Any]:
    """Return the charts of the page: `review`, `reliability`, and two for each rubric."""
    right = [share for _, share in report.risk_coverage]
    least = max(0.0, min([*right, 1.0]) - 0.05)
    reviewed = [(1 - coverage, share) for coverage, share in reversed(report.risk_coverage)]
    share = report.whole.review_share  # of all articles; the curve is of those with all rubrics known
    places = np.array(reviewed).reshape(-1, 2)
    drawn: dict[str, Any] = {
        "review": charts.chart(
            said("reviewed"),
            said("right_rest"),
            reviewed,
            marked=(share, float(np.interp(share, places[:, 0], places[:, 1]))) if reviewed else None,
            ticks=_TICKS,
            y_from=round(least, 1),
        ),
        "reliability": _reliability(report.reliability, said),
    }
    for rubric, metrics in zip(report.rubrics, report.whole.rubrics, strict=True):
        recall, precision = metrics.recall.value, metrics.precision.value
        drawn[f"curve {rubric.rubric}"] = charts.chart(
            said("recall"),
            said("precision"),
            rubric.curve,
            marked=(recall, precision) if recall is not None and precision is not None else None,
            ticks=_TICKS,
        )
        drawn[f"reliability {rubric.rubric}"] = _reliability(rubric.reliability, said)
    return drawn


def _reliability(bins: Sequence[Any], said: Words) -> str:
    most = max((part.answers for part in bins), default=1)
    return charts.chart(
        said("probability"),
        said("holds"),
        dots=[(part.probability, part.share) for part in bins],
        sizes=[part.answers / most for part in bins],
        diagonal=True,
        ticks=_TICKS,
    )


def pieces(explanation: Explanation, part: str) -> list[tuple[str, float, str]]:
    """Split a text into pieces of equal marks: piece, weight (0 if unmarked), effect of a rule or "".

    Where reasons overlap, the one with the largest weight is shown; rules come before both.
    """
    text = explanation.title if part == "title" else explanation.text
    marks: list[tuple[float, str]] = [(0.0, "")] * len(text)
    for reason in reversed(explanation.reasons[:_SHOWN_REASONS]):
        for place in reason.places:
            if place.part == part:
                marks[place.start : place.stop] = [(reason.weight, "")] * (place.stop - place.start)
    for rule in explanation.rules:
        for place in rule.places:
            if place.part == part:
                marks[place.start : place.stop] = [(rule.weight or 1.0, rule.effect)] * (
                    place.stop - place.start
                )
    cut: list[tuple[str, float, str]] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or marks[end] != marks[start]:
            cut.append((text[start:end], *marks[start]))
            start = end
    return cut
