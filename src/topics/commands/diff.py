"""`topics diff`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import (
    NEW_FILE,
    columns_config_option,
    columns_options,
    corpus_of,
    emit,
    expect_apart,
    format_option,
    models_option,
    warn_of_ignored,
)

if TYPE_CHECKING:
    from topics.archive.changes import ArticleChange, Changes, Example, OnChange, Pair


@click.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--on",
    "archive",
    multiple=True,
    metavar="INPUT",
    help="Articles to tag; OLD and NEW are then versions. Repeatable.",
)
@click.option("-o", "--output", type=NEW_FILE, help="Write every changed article to this file, JSON Lines.")
@click.option(
    "--examples",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Number shown per rubric and direction.",
)
@click.option("--json", "as_json", is_flag=True, help="The counts and examples as JSON.")
@columns_config_option
@models_option
@format_option
@columns_options
def diff(old: str, new: str, **options: Any) -> None:
    """Show what another model changes: which articles gain or lose each rubric, with examples.

    OLD and NEW are outputs of `predict` (files or folders) or, with --on, two versions.

    \b
    python -m topics diff scored-may/ scored-june/ -o changes.jsonl
    python -m topics diff rubrics@production rubrics@latest --on archive/2026.jsonl
    """
    from topics.archive.changes import compare

    expect_apart(options["archive"] or (old, new), {"-o": options["output"]})
    with _changed(options["output"]) as tell:
        changes = compare(_pairs(old, new, options), options["examples"], tell)
    emit(changes, _show, as_json=options["as_json"])


def _pairs(old: str, new: str, options: dict[str, Any]) -> Iterator[Pair]:
    from topics import storage
    from topics.archive.changes import paired, read, tagged
    from topics.tagger import Tagger

    if not options["archive"]:
        return paired(read(storage.path(old)), read(storage.path(new)))
    taggers = [Tagger.load(options["models"], version, topics=False) for version in (old, new)]
    warn_of_ignored(options, [tagger.manifest for tagger in taggers])
    return tagged(corpus_of(options["archive"], options), *taggers)


@contextmanager
def _changed(path: Any) -> Iterator[OnChange]:
    import msgspec

    from topics import storage

    if path is None:
        yield lambda change: None
        return
    with storage.publishing(path) as stream:

        def tell(change: ArticleChange) -> None:
            stream.write(msgspec.json.encode(change) + b"\n")

        yield tell


def _show(changes: Changes) -> None:
    from rich.table import Table

    from topics.terminal import out, tell

    if not changes.articles and (changes.only_old or changes.only_new):
        tell("topics: no id is in both; compare outputs of the same archive")
        return
    console = out()
    share = changes.changed / max(changes.articles, 1)
    console.print(f"{changes.old_model} -> {changes.new_model}")
    console.print(f"{changes.articles:,} articles, {changes.changed:,} of them changed ({share:.1%})")
    if changes.only_old or changes.only_new:
        console.print(f"only in OLD: {changes.only_old:,}; only in NEW: {changes.only_new:,}")
    console.print(f"for review: {changes.old_review:,} -> {changes.new_review:,}")
    table = Table("rubric", "old", "new", "gained", "lost")
    for rubric in changes.rubrics:
        numbers = (rubric.old, rubric.new, rubric.gained, rubric.lost)
        table.add_row(rubric.rubric, *(f"{number:,}" for number in numbers))
    console.print(table)
    examples = Table("rubric", "", "id", "title", "score", show_lines=False)
    for rubric in changes.rubrics:
        for way, listed in (("gained", rubric.gained_examples), ("lost", rubric.lost_examples)):
            _add(examples, rubric.rubric, way, listed)
    if examples.row_count:
        console.print(examples)


def _add(table: Any, rubric: str, way: str, examples: Sequence[Example]) -> None:
    for example in examples:
        table.add_row(rubric, way, example.id, example.title, f"{example.old:.2f} -> {example.new:.2f}")
