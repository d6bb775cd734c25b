"""The page and the model card of topics."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from topics import persistence
from topics.reports import charts
from topics.reports.pages import render, write_documents
from topics.reports.topic_report import TopicReport, TopicSheet
from topics.reports.wording import Words, words
from topics.types import TopicChange
from topics.versions.manifest import Manifest

_MAX_WORDS = 8
"""Words shown below a topic in the table."""
_KINDS = ("born", "died", "split", "merged", "kept")


def topic_page(report: TopicReport, language: str, manifest: Manifest | None = None) -> str:
    """Render the topics of a version as a self-contained HTML page with an embedded script.

    Args:
        report: the content.
        language: `ru` or `en`.
        manifest: of the version; adds date and sources of the training.
    """
    phrases = words("topics", language)
    folder = resources.files("topics.reports") / "templates"
    script = "".join((folder / name).read_text(encoding="utf-8") for name in ("map.js", "topics.js"))
    return render(
        "topics.html",
        phrases,
        **_facts(report, phrases, manifest),
        changes=_changes(report, phrases),
        born={new for change in report.changes if change.kind == "born" for new in change.new},
        curve=_curve(report, phrases) if report.tried else "",
        data=_embedded({"report": report, "said": words("topics_live", language).phrases, "lang": language}),
        script=script,
        script_hash=b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def topic_card(report: TopicReport, language: str, manifest: Manifest | None = None) -> str:
    """Render the model card in Markdown; arguments as of `topic_page`."""
    phrases = words("topics", language)
    return render(
        "TOPICS_CARD.md", phrases, **_facts(report, phrases, manifest), card=words("report", language)
    )


def write(folder: Path, report: TopicReport, language: str) -> None:
    """Write `report.json`, the page and the card into the folder of a version."""
    write_documents(folder, report, topic_page(report, language), topic_card(report, language))


def load(folder: Path) -> TopicReport:
    """Read the report of a version.

    Raises:
        ModelError: the version has no report.
    """
    return persistence.read_struct(folder / "report.json", TopicReport)


def renamed(report: TopicReport, names: Mapping[int, str]) -> TopicReport:
    """Return the report with names given by editors; `names`: id -> name."""
    replace = msgspec.structs.replace
    topics = (replace(topic, name=names.get(topic.id, topic.name)) for topic in report.topics)
    return replace(report, topics=tuple(topics))


def _embedded(content: object) -> str:
    """Encode as JSON that is safe in a script element, even with `</script>` or `<!--` in a title."""
    text = msgspec.json.encode(content).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _facts(report: TopicReport, phrases: Words, manifest: Manifest | None) -> dict[str, Any]:
    def leading(topic: TopicSheet) -> str:
        shown = set() if topic.name else set(topic.label.split(", "))
        first = (report.words[place] for place in topic.words)
        return ", ".join(list(dict.fromkeys(word for word in first if word not in shown))[:_MAX_WORDS])

    names = {topic.id: topic.name or topic.label for topic in report.topics}
    facts: dict[str, Any] = {
        "report": report,
        "manifest": manifest,
        "names": names,
        "leading": leading,
        "moment": phrases.moment,
    }
    if report.periods:
        length = len("2026-11") if report.unit == "month" else len("2026-11-23")
        facts["first"], facts["last"] = (phrases.day(report.periods[i][:length]) for i in (0, -1))
    return facts


def _changes(report: TopicReport, phrases: Words) -> dict[str, list[dict[str, Any]]]:
    """Return the changes of topics by kind, with names instead of ids."""
    before = dict(report.before)
    now = {topic.id: topic.name or topic.label for topic in report.topics}

    def describe(change: TopicChange) -> dict[str, Any]:
        return {
            "old_names": [before.get(old, str(old)) for old in change.old],
            "new_names": [now[new] for new in change.new],
            "similarity": ", ".join(phrases.share(similarity) for similarity in change.similarity),
            "terms": change.terms,
        }

    by_kind = {
        kind: [describe(change) for change in report.changes if change.kind == kind] for kind in _KINDS
    }
    return {kind: changes for kind, changes in by_kind.items() if changes}


def _curve(report: TopicReport, phrases: Words) -> str:
    """Draw the scores of the numbers of topics that were tried."""
    tried = report.tried
    scores = [0.0, *(point.score for point in tried)]
    low, high = min(scores), max(scores)
    span = high - low or 1.0
    line = [(i / max(len(tried) - 1, 1), (point.score - low) / span) for i, point in enumerate(tried)]
    chosen = [i for i, point in enumerate(tried) if point.num_topics == report.metrics.topics]
    return charts.chart(
        phrases("topics"),
        phrases("score"),
        line,
        dots=line,
        marked=line[chosen[0]] if chosen else None,
        ticks=[str(point.num_topics) for point in tried],
        y_ticks=[phrases.number(low + span * part / 4, 3) for part in range(5)],
    )
