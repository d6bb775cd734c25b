"""Messages about the data: labels, dates, skipped files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from topics.errors import counted, listed
from topics.terminal import SOME, tell

if TYPE_CHECKING:
    from topics.corpus import Corpus
    from topics.types import Reject


def show_labelled(labelled: int, positives: dict[str, int]) -> None:
    """Print the number of examples of each rubric to stderr; of many rubrics, those with the fewest."""
    examples, others = list(positives.items()), len(positives) - SOME
    if others > 0:
        examples.sort(key=lambda example: example[1])
    parts = [f"{name} {count:,}" for name, count in examples[:SOME]]
    if others > 0:
        parts.append(f"{others} other rubrics with at least as many")
    tell(f"{counted(labelled, 'article')} labelled so far: {', '.join(parts) or 'no rubrics yet'}")


def show_labels(corpus: Corpus) -> None:
    """Warn about labels without an article, and rows without rubrics."""
    if ids := corpus.unmatched_labels:
        tell(f"labels without an article: {len(ids)}, e.g. {ids[0]}")
    if corpus.unfilled_labels:
        rows = counted(corpus.unfilled_labels, "row")
        tell(f"labels: {rows} without rubrics, treated as unlabelled; write none where no rubric applies")


def show_rejects(corpus: Corpus) -> None:
    """Print the first rejected rows and their number to stderr."""
    for row in corpus.first_rejects:
        show_reject(row)
    show_reject_count(corpus.rejected)


def show_reject(row: Reject) -> None:
    """Print a rejected row to stderr."""
    tell(f"topics: {row.source}:{row.line}: {row.reason}")


def show_reject_count(count: int, path: Path | None = None) -> None:
    """Print the number of rejected rows, if any, and the file that lists them to stderr."""
    if count:
        where = f"; see {path}" if path else ""
        tell(f"topics: {counted(count, 'row')} could not be read{where}")


def show_missing(corpus: Corpus, not_kept: Sequence[str] = ()) -> None:
    """Warn about requested columns that no row had."""
    if names := {*corpus.missing_columns, *not_kept}:
        near = {similar for name in names if (similar := corpus.alike(name))}
        meant = f"did you mean {listed(near)}?" if near else "check the name"
        tell(f"topics: no row has the column {listed(names)}; {meant}")


def show_unread_dates(there: int, unread: Sequence[str]) -> None:
    """Warn about dates that could not be read."""
    if unread:
        example = " ".join(unread[0][:40].split())
        tell(
            f"topics: dates: {len(unread)} of the first {there} could not be read, e.g. «{example}»; "
            "write them as 2026-03-05"
        )


def show_others(paths: Sequence[Path]) -> None:
    """Warn about files in folders that no reader knows."""
    from topics.corpus.sources import has_json, kinds

    if not paths:
        return
    remedy = "; if the .json files are JSON Lines, name them: 'FOLDER/*.json'" if has_json(paths) else ""
    tell(f"topics: skipped: {counted(len(paths), 'file')} of other types ({kinds(paths)}){remedy}")
