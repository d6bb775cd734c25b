"""The page of topics, with its script embedded, and the model card of topics."""

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

_LEADING = 8
"""Words shown below a topic in the table."""
_KINDS = ("born", "died", "split", "merged", "kept")


def topic_page(report: TopicReport, language: str, manifest: Manifest | None = None) -> str:
    """Return the topics of a version as one HTML page that needs no network; the script is embedded.

    Args:
        report: the content.
        language: `ru` or `en`.
        manifest: of the version; adds when and on what it was trained.
    """
    said = words("topics", language)
    folder = resources.files("topics.reports") / "templates"
    script = "".join((folder / name).read_text(encoding="utf-8") for name in ("map.js", "topics.js"))
    return render(
        "topics.html",
        said,
        **_facts(report, said, manifest),
        changes=_changes(report, said),
        born={new for change in report.changes if change.kind == "born" for new in change.new},
        curve=_curve(report, said) if report.tried else "",
        data=_embedded({"report": report, "said": words("topics_live", language).phrases, "lang": language}),
        script=script,
        script_hash=b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def topic_card(report: TopicReport, language: str, manifest: Manifest | None = None) -> str:
    """Return the model card in Markdown; the arguments are those of `topic_page`."""
    said = words("topics", language)
    return render("TOPICS_CARD.md", said, **_facts(report, said, manifest), card=words("report", language))


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
    """Return JSON that is safe in a script element, whatever the titles: `</script>`, `<!--`."""
    text = msgspec.json.encode(content).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _facts(report: TopicReport, said: Words, manifest: Manifest | None) -> dict[str, Any]:
    def leading(topic: TopicSheet) -> str:
        shown = set() if topic.name else set(topic.label.split(", "))
        first = (report.words[place] for place in topic.words)
        return ", ".join(list(dict.fromkeys(word for word in first if word not in shown))[:_LEADING])

    names = {topic.id: topic.name or topic.label for topic in report.topics}
    known: dict[str, Any] = {
        "report": report,
        "manifest": manifest,
        "names": names,
        "leading": leading,
        "moment": said.moment,
    }
    if report.periods:
        length = len("2026-11") if report.unit == "month" else len("2026-11-23")
        known["first"], known["last"] = (said.day(report.periods[i][:length]) for i in (0, -1))
    return known


def _changes(report: TopicReport, said: Words) -> dict[str, list[dict[str, Any]]]:
    """Return what happened to the earlier topics, by kind, with names instead of ids."""
    before = dict(report.before)
    now = {topic.id: topic.name or topic.label for topic in report.topics}

    def told(change: TopicChange) -> dict[str, Any]:
        return {
            "old_names": [before.get(old, str(old)) for old in change.old],
            "new_names": [now[new] for new in change.new],
            "similarity": ", ".join(said.share(similarity) for similarity in change.similarity),
            "terms": change.terms,
        }

    found = {kind: [told(change) for change in report.changes if change.kind == kind] for kind in _KINDS}
    return {kind: changes for kind, changes in found.items() if changes}


def _curve(report: TopicReport, said: Words) -> str:
    """Return the chart of the scores of the numbers of topics that were tried."""
    tried = report.tried
    scores = [0.0, *(point.score for point in tried)]
    low, high = min(scores), max(scores)
    span = high - low or 1.0
    line = [(i / max(len(tried) - 1, 1), (point.score - low) / span) for i, point in enumerate(tried)]
    chosen = [i for i, point in enumerate(tried) if point.num_topics == report.metrics.topics]
    return charts.chart(
        said("topics"),
        said("score"),
        line,
        dots=line,
        marked=line[chosen[0]] if chosen else None,
        ticks=[str(point.num_topics) for point in tried],
        y_ticks=[said.number(low + span * part / 4, 3) for part in range(5)],
    )
