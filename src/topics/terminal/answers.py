"""Terminal output for tagged articles: tables, explanations, summaries of jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from topics.errors import counted
from topics.terminal import SOME, out, tell

if TYPE_CHECKING:
    from topics.archive.scoring import Share, Summary
    from topics.reports.wording import Words
    from topics.tagger import Tagger
    from topics.types import Article, Explanation, Prediction

_WORDS = 4
"""Number of words given as reasons for a rubric in a table."""


def show_summary(summary: Summary) -> None:
    """Print the summary of a scoring job to stderr."""
    resumed = f" ({summary.resumed:,} of them earlier)" if summary.resumed else ""
    rubrics, others = _most_frequent(summary.rubrics)
    counts = [f"{rubric} {share.articles:,}" for rubric, share in rubrics.items()] + others
    assigned = f"{', '.join([*counts, f'none {summary.without:,}'])}; for review {summary.needs_review:,}; "
    shares = [
        f"{rubric} {share.share:.1%} (in training {share.training:.1%})" for rubric, share in rubrics.items()
    ] + others
    tell(
        f"{counted(summary.articles, 'article')}{resumed} in {summary.seconds:.1f} s "
        f"({summary.rate:,.0f}/s), {summary.rejects:,} rejected; {assigned if counts else ''}by "
        f"{', '.join(summary.versions)}"
    )
    if summary.articles and counts:
        before = summary.review_training
        usual = "" if before is None else f" (in training {before:.1%})"
        tell(f"shares: {', '.join(shares)}, for review {summary.review_share:.1%}{usual}")
    _show_drift(summary)


def _most_frequent(rubrics: dict[str, Share]) -> tuple[dict[str, Share], list[str]]:
    """Return the most frequent rubrics, and the number of the others."""
    if len(rubrics) <= SOME:
        return rubrics, []
    most = sorted(rubrics, key=lambda rubric: -rubrics[rubric].articles)[:SOME]
    return {rubric: rubrics[rubric] for rubric in most}, [f"{len(rubrics) - SOME} other rubrics"]


def _show_drift(summary: Summary) -> None:
    from topics.reports.drift_wording import briefly

    for label, drift in summary.drift.items():
        see = f" Details: `topics monitor {label}`." if drift.alarms else ""
        tell(f"compared with the training data of {label}: {briefly(drift)}{see}")
    for label, (name, *others) in summary.trained_on.items():
        more = f" and {len(others)} more" if others else ""
        tell(f"not compared with the training data of {label}: it was trained on {name}{more}")


def show_explanation(explanation: Explanation, language: str) -> None:
    """Print an article with its words highlighted, and a table of their weights, in `ru` or `en`."""
    from topics.reports.wording import words

    console, text = out(), words("explanation", language)
    verdict = text("given" if explanation.given else "not_given")
    console.print(Text.assemble((explanation.rubric, "bold"), f": {verdict}  ({explanation.model})"))
    shares = {name: text.share(getattr(explanation, name)) for name in ("probability", "threshold")}
    above = text("above" if explanation.distance >= 0 else "below")
    console.print(
        f"{text('distance', **shares)} {above} {text('odds', odds=_signed(text, explanation.distance))}"
    )
    if explanation.decided_by in ("min_rubrics", "max_rubrics"):
        console.print(text(explanation.decided_by))
    if explanation.review:
        console.print(text(f"review_{explanation.review}"))
    for rule in explanation.rules:
        weight = f" ({_signed(text, rule.weight)})" if rule.effect == "lift" else ""
        console.print(Text.assemble((rule.phrase, "yellow"), f" {text(rule.effect)}{weight}"))
    console.print(_painted(explanation, "title"), style="bold")
    console.print(_painted(explanation, "text"))
    table = Table(text("words"), text("weight"), text("times"))
    for reason in explanation.reasons[:15]:
        table.add_row(reason.words, _signed(text, reason.weight), str(len(reason.places)))
    console.print(table)


def _signed(text: Words, value: float) -> str:
    return "+" * (value >= 0) + text.number(value)


def _painted(explanation: Explanation, part: str) -> Text:
    from topics.reports.pages import pieces

    def style(weight: float, effect: str) -> str:
        return "yellow" if effect else "green" if weight > 0 else "red" if weight < 0 else ""

    return Text.assemble(
        *((piece, style(weight, effect)) for piece, weight, effect in pieces(explanation, part))
    )


def table_writer(tagger: Tagger) -> Callable[[Sequence[Article], Sequence[Prediction]], None]:
    """Return a writer that prints a table per batch: rubrics with reasons, and topics."""
    from topics.text.cleaning import Cleaner

    rubrics = ("rubrics", "evidence") if tagger.manifest.rubrics else ()
    topics = ("topics",) if tagger.topics else ()
    versions, cleaner = ", ".join(version.label for version in tagger.versions), Cleaner()

    def write(articles: Sequence[Article], predictions: Sequence[Prediction]) -> None:
        table = Table("id", "title", *rubrics, *topics, title=versions, show_lines=True)
        for article, prediction in zip(articles, predictions, strict=True):
            title, text = cleaner.clean(article.title, article.text, article.outlet)
            cells = [*_rubrics(tagger, article, prediction)] if rubrics else []
            if topics:
                shares = [f"{topic.label} {topic.value:.0%}" for topic in prediction.topics]
                cells.append(Text("\n".join(shares) or "—"))
            table.add_row(Text(prediction.id), Text(title or text[:80]), *cells)
        out().print(table)

    return write


def _rubrics(tagger: Tagger, article: Article, prediction: Prediction) -> tuple[Text, Text]:
    given = [f"{score.label} {score.value:.2f}" for score in prediction.rubrics] or ["—"]
    reasons = [_because(tagger, article, score.label) for score in prediction.rubrics]
    return Text("\n".join(given + ["(review)"] * prediction.needs_review)), Text("\n".join(reasons))


def _because(tagger: Tagger, article: Article, rubric: str) -> str:
    from topics.pipeline import telling

    explanation = tagger.explain(article.text, rubric, article.title, article.outlet)
    return ", ".join(telling(explanation, 1, _WORDS))
