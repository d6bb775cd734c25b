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
_MAX_REASONS = 40


def report_page(report: Report, language: str, manifest: Manifest | None = None) -> str:
    """Render the report of a version as a self-contained HTML page.

    Args:
        report: the content.
        language: `ru` or `en`.
        manifest: of the version; adds date and sources of the training.
    """
    phrases = words("report", language)
    names = {name: phrases(f"length_{i}") for i, (_, name) in enumerate(LENGTHS)}
    names |= {OTHER: phrases("slice_other"), UNKNOWN: phrases("slice_unknown")}
    facts = _facts(report, phrases, manifest)
    return render("report.html", phrases, **facts, charts=_charts(report, phrases), slice_names=names)


def model_card(report: Report, language: str, manifest: Manifest | None = None) -> str:
    """Render the model card in Markdown; arguments as of `report_page`."""
    phrases = words("report", language)
    return render("MODEL_CARD.md", phrases, **_facts(report, phrases, manifest))


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
    """Render a page of one article with the evidence for and against its rubrics highlighted."""
    parts = [
        {
            "explanation": explanation,
            "title": pieces(explanation, "title"),
            "text": pieces(explanation, "text"),
        }
        for explanation in explanations
    ]
    return render("explanation.html", words("explanation", language), parts=parts)


def render(template: str, phrases: Words, **values: Any) -> str:
    """Render a template; values are escaped if it is HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("topics.reports"),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared = {
        "lang": phrases.language,
        "number": phrases.number,
        "share": phrases.share,
        "count": phrases.count,
    }
    return environment.get_template(template).render(t=phrases, **shared, **values)


def _facts(report: Report, phrases: Words, manifest: Manifest | None) -> dict[str, Any]:
    method = phrases("cross_validation", folds=report.folds)
    return {"report": report, "method": method, "manifest": manifest, "moment": phrases.moment}


def _charts(report: Report, phrases: Words) -> dict[str, Any]:
    """Return the charts of the page: `review`, `reliability`, and two for each rubric."""
    shares = [share for _, share in report.risk_coverage]
    lowest = max(0.0, min([*shares, 1.0]) - 0.05)
    reviewed = [(1 - coverage, share) for coverage, share in reversed(report.risk_coverage)]
    share = report.whole.review_share  # of all articles; the curve is of those with all rubrics known
    points = np.array(reviewed).reshape(-1, 2)
    result: dict[str, Any] = {
        "review": charts.chart(
            phrases("reviewed"),
            phrases("right_rest"),
            reviewed,
            marked=(share, float(np.interp(share, points[:, 0], points[:, 1]))) if reviewed else None,
            ticks=_TICKS,
            y_from=round(lowest, 1),
        ),
        "reliability": _reliability(report.reliability, phrases),
    }
    for rubric, metrics in zip(report.rubrics, report.whole.rubrics, strict=True):
        recall, precision = metrics.recall.value, metrics.precision.value
        result[f"curve {rubric.rubric}"] = charts.chart(
            phrases("recall"),
            phrases("precision"),
            rubric.curve,
            marked=(recall, precision) if recall is not None and precision is not None else None,
            ticks=_TICKS,
        )
        result[f"reliability {rubric.rubric}"] = _reliability(rubric.reliability, phrases)
    return result


def _reliability(bins: Sequence[Any], phrases: Words) -> str:
    largest = max((part.answers for part in bins), default=1)
    return charts.chart(
        phrases("probability"),
        phrases("holds"),
        dots=[(part.probability, part.share) for part in bins],
        sizes=[part.answers / largest for part in bins],
        diagonal=True,
        ticks=_TICKS,
    )


def pieces(explanation: Explanation, part: str) -> list[tuple[str, float, str]]:
    """Split a text into pieces with the same mark: piece, weight (0 if unmarked), effect of a rule or "".

    Of overlapping reasons, the one with the largest weight is shown; rules take precedence over reasons.
    """
    text = explanation.title if part == "title" else explanation.text
    marks: list[tuple[float, str]] = [(0.0, "")] * len(text)
    for reason in reversed(explanation.reasons[:_MAX_REASONS]):
        for place in reason.places:
            if place.part == part:
                marks[place.start : place.stop] = [(reason.weight, "")] * (place.stop - place.start)
    for rule in explanation.rules:
        for place in rule.places:
            if place.part == part:
                marks[place.start : place.stop] = [(rule.weight or 1.0, rule.effect)] * (
                    place.stop - place.start
                )
    result: list[tuple[str, float, str]] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or marks[end] != marks[start]:
            result.append((text[start:end], *marks[start]))
            start = end
    return result
