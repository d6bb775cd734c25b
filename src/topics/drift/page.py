"""The HTML page of `monitor`: one file, no script, nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from topics.drift.comparing import Finding, Word
from topics.drift.monitoring import Report
from topics.drift.wording import Language, name_of, sentences

_TEXTS = {
    "en": {
        "title": "Drift of {model}",
        "quiet": "Quiet",
        "alarm": "Changed",
        "facts": "{n} articles of {sources}, against {m} of {reference} ({since} to {until})",
        "measure": "measure",
        "distance": "distance, the line is the limit",
        "before": "before",
        "now": "now",
        "usual": "usual",
        "few": "too few articles to tell",
        "rising": "more frequent",
        "falling": "less frequent",
        "expected": "Expected precision by the version's own probabilities, no labels looked at",
        "given": "given",
    },
    "ru": {
        "title": "Изменения в потоке, {model}",
        "quiet": "Без изменений",
        "alarm": "Поток изменился",
        "facts": "{n} статей из {sources} против {m} из {reference} (с {since} по {until})",
        "measure": "показатель",
        "distance": "расстояние, черта — предел",
        "before": "было",
        "now": "стало",
        "usual": "обычно",
        "few": "слишком мало статей",
        "rising": "чаще",
        "falling": "реже",
        "expected": "Ожидаемая точность по вероятностям самой модели, без разметки",
        "given": "присвоено",
    },
}
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c0392b; --good: #2e7d32; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h1 b { color: var(--good); } .alarm h1 b, .alarm td.bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { position: relative; width: 12rem; height: .8rem; background: var(--line); }
.bar i { position: absolute; inset: 0 auto 0 0; background: var(--good); }
.bar.bad i { background: var(--bad); }
.bar u { position: absolute; left: 50%; top: -.2rem; bottom: -.2rem; border-left: 2px solid currentColor; }
"""


def page(report: Report, language: Language = "en") -> str:
    """Draw the page; everything that comes from the data is escaped."""
    texts, drift = _TEXTS[language], report.drift
    title = escape(texts["title"].format(model=report.model))
    facts = texts["facts"].format(
        n=drift.articles,
        sources=", ".join(report.sources),
        m=drift.reference_articles,
        reference=report.compared_with,
        since=report.since or "?",
        until=report.until or "?",
    )
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences(drift, language))
    state = "alarm" if report.alarmed else "quiet"
    head = _row("th", texts["measure"], texts["distance"], texts["before"], texts["now"], texts["usual"])
    rows = "".join(_finding(finding, language) for finding in drift.findings)
    words = _words(drift.rising, texts["rising"], texts) + _words(drift.falling, texts["falling"], texts)
    return f"""<!doctype html>
<html lang="{language}" class="{state}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{_STYLE}</style>
<h1>{title}: <b>{texts[state]}</b></h1>
<p>{escape(facts)}</p><ul>{said}</ul>
<table>{head}{rows}</table>
{words}
<h2>{escape(texts["expected"])}</h2>
{_expected(report, texts)}
</html>
"""


def _finding(finding: Finding, language: Language) -> str:
    name = f'<td class="{"bad" if finding.alarm else ""}">{escape(name_of(finding.measure, language))}</td>'
    if finding.limit is None:
        bar = escape(_TEXTS[language]["few"])
    else:
        width = min(100.0, 50 * finding.distance / max(finding.limit, 1e-12))
        state = "bar bad" if finding.alarm else "bar"
        bar = f'<div class="{state}"><i style="width:{width:.0f}%"></i><u></u></div>'
    usual = "" if finding.least is None else f"{_number(finding.least)} … {_number(finding.most)}"
    cells = (_number(finding.before), _number(finding.now), usual)
    return f"<tr>{name}<td>{bar}</td>" + "".join(f'<td class="n">{cell}</td>' for cell in cells) + "</tr>"


def _words(words: Sequence[Word], title: str, texts: dict[str, str]) -> str:
    rows = "".join(
        f'<tr><td>{escape(word.word)}</td><td class="n">{word.before:.1%}</td>'
        f'<td class="n">{word.now:.1%}</td></tr>'
        for word in words
    )
    return f"<table>{_row('th', title, texts['before'], texts['now'])}{rows}</table>" if rows else ""


def _expected(report: Report, texts: dict[str, str]) -> str:
    before = {one.rubric: one.precision for one in report.drift.before}
    rows = "".join(
        _row("td", one.rubric, str(one.given), _number(before.get(one.rubric)), _number(one.precision))
        for one in report.drift.expected
    )
    return f"<table>{_row('th', '', texts['given'], texts['before'], texts['now'])}{rows}</table>"


def _row(cell: str, *texts: str) -> str:
    return "<tr>" + "".join(f"<{cell}>{escape(text)}</{cell}>" for text in texts) + "</tr>"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value > 10 else f"{value:.3f}"
