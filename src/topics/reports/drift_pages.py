"""The HTML page of drift, without scripts or external resources."""

from __future__ import annotations

from topics.drift.monitoring import TRAINING, DriftReport
from topics.reports.drift_wording import name_of, sentences, word_of
from topics.reports.pages import render
from topics.reports.wording import words


def drift_page(report: DriftReport, language: str = "en") -> str:
    """Render the page of a report in `ru` or `en`; everything from the data is escaped."""
    phrases = words("drift", language)

    def figure(value: float | None) -> str:
        """Format a share, or a length in words."""
        return "" if value is None else phrases.number(value, 0 if value > 10 else 3)

    return render(
        "drift.html",
        phrases,
        report=report,
        drift=report.drift,
        reference=phrases("training") if report.compared_with == TRAINING else report.compared_with,
        sentences=sentences(report.drift, language),
        promised={expected.rubric: expected.precision for expected in report.drift.before},
        name_of=name_of,
        word_of=word_of,
        figure=figure,
    )
