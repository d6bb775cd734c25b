"""The HTML page of `monitor`, without scripts or network."""

from __future__ import annotations

from topics.drift.monitoring import TRAINING, DriftReport
from topics.reports.drift_wording import name_of, sentences, word_of
from topics.reports.pages import render
from topics.reports.wording import words


def drift_page(report: DriftReport, language: str = "en") -> str:
    """Return the page; everything from the data is escaped."""
    said = words("drift", language)

    def figure(value: float | None) -> str:
        """Format a share, or a length in words."""
        return "" if value is None else said.number(value, 0 if value > 10 else 3)

    return render(
        "drift.html",
        said,
        report=report,
        drift=report.drift,
        reference=said("training") if report.compared_with == TRAINING else report.compared_with,
        sentences=sentences(report.drift, language),
        promised={one.rubric: one.precision for one in report.drift.before},
        name_of=name_of,
        word_of=word_of,
        figure=figure,
    )
