"""`topics topics compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from topics.commands.options import emit, models_option

if TYPE_CHECKING:
    from topics.lifecycle.continuity import Correspondence, NamedTopic


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@models_option
def compare(before: str, after: str, as_json: bool, models: Path) -> None:
    """Match the topics of A and B: which were kept, born, split or merged, and which died.

    A and B are NAME, NAME@ALIAS or NAME/VERSION. Similarity of words is from 0 (none in common) to 1; from .7
    on two topics are the same.

    \b
    python -m topics topics compare topics@production topics@latest
    """
    from topics.lifecycle.continuity import compare as job
    from topics.versions.registry import Registry

    emit(job(Registry(models), before, after), show, as_json=as_json)


def show(comparison: Correspondence) -> None:
    """Print a comparison as a table."""
    from rich.table import Table
    from rich.text import Text

    from topics.terminal import out

    console = out()
    console.print(f"A {comparison.before}\nB {comparison.after}")
    console.print(", ".join(f"{kind} {count}" for kind, count in comparison.counts.items()))
    table = Table("", "A", "B", "similarity", "common words", show_lines=True)
    for change in comparison.changes:
        alike = ", ".join(f"{value:.2f}" for value in change.similarity)
        sides = (Text("\n".join(map(_told, parts))) for parts in (change.old, change.new))
        table.add_row(change.kind, *sides, alike, Text(", ".join(change.words)))
    console.print(table)


def _told(part: NamedTopic) -> str:
    return f"{part.topic} {part.name}, {part.share:.1%}"
