"""`topics compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import (
    columns_config_option,
    columns_options,
    corpus_of,
    emit,
    format_option,
    labels_option,
    models_option,
    warn_of_ignored,
)
from topics.errors import UsageError, listed

if TYPE_CHECKING:
    from topics.quality.comparison import RubricComparison
    from topics.quality.topic_comparison import TopicComparison
    from topics.versions.registry import Version


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.argument("data", nargs=-1)
@labels_option("Table of labels (id, rubrics); they replace those of DATA.")
@click.option("--json", "as_json", is_flag=True, help="All metrics as one JSON object.")
@columns_config_option
@models_option
@format_option
@columns_options
def compare(before: str, after: str, data: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Compare versions A and B on the articles of DATA: what is better, what is worse.

    Versions of rubrics are compared on the labels of DATA; versions of topics by the coherence of their
    topics in DATA, the share of articles that have a topic, and which topics are still there.

    A and B are NAME, NAME@ALIAS or NAME/VERSION. Differences have 95 % intervals by a paired bootstrap;
    `better` and `worse` mark the significant ones. DATA should be articles that neither version was trained
    on. Without DATA, versions of topics are compared as by `topics topics compare`: which topic of A is which
    of B.

    \b
    python -m topics compare rubrics@production rubrics@latest archive/2026-11.jsonl --labels checked.tsv
    python -m topics compare topics@production topics@latest archive/2026-11.jsonl
    python -m topics compare topics@production topics@latest
    """
    from topics import terminal
    from topics.commands.topics.compare import show
    from topics.lifecycle import continuity
    from topics.lifecycle.promotion import compare_either
    from topics.terminal.data import show_labels, show_rejects
    from topics.terminal.versions import show_comparison
    from topics.versions.registry import Registry

    registry = Registry(options["models"])
    if not data:
        if registry.open(before).manifest.topics is None:
            raise UsageError("versions of rubrics are compared on labelled articles; name DATA")
        emit(continuity.compare(registry, before, after), show, as_json=as_json)
        return
    corpus = corpus_of(data, options)

    def compared(versions: tuple[Version, Version]) -> RubricComparison | TopicComparison:
        _expect_in_common(*versions)
        warn_of_ignored(options, [version.manifest for version in versions])
        with terminal.progress() as watch:
            return compare_either(registry, *versions, corpus, watch)

    comparison = registry.open_with(
        before, lambda first: registry.open_with(after, lambda second: compared((first, second)))
    )
    show_labels(corpus)
    show_rejects(corpus)
    emit(comparison, show_comparison, as_json=as_json)


def _expect_in_common(before: Version, after: Version) -> None:
    """Raise UsageError for two versions of rubrics that know none in common: no figure would stand there."""
    known = [version.manifest.rubrics for version in (before, after)]
    if all(known) and not set(known[0]) & set(known[1]):
        said = (f"{one.label} has {listed(names)}" for one, names in zip((before, after), known, strict=True))
        raise UsageError(f"no rubric in common: {', '.join(said)}; compare versions of the same rubrics")
