"""Promotion of a version to production, unless it is worse than the live one."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import msgspec

from topics.corpus import Corpus
from topics.errors import ModelError, ModelWarning, UsageError
from topics.quality.comparison import RubricComparison, compare
from topics.quality.topic_comparison import TopicComparison, compare_topics
from topics.types import Watch, unwatched
from topics.versions.history import Event
from topics.versions.registry import PRODUCTION, Registry, Version


class LossError(ModelError):
    """The candidate is worse than the live version."""

    def __init__(self, message: str, comparison: RubricComparison | TopicComparison) -> None:
        super().__init__(message)
        self.comparison = comparison


class Promotion(NamedTuple):
    """The outcome of a promotion."""

    event: Event | None
    """None: the alias already pointed there."""
    comparison: RubricComparison | TopicComparison | None
    """None: there was no live version, or no data."""


def promote(
    registry: Registry,
    reference: str,
    corpus: Corpus | None = None,
    *,
    alias: str = PRODUCTION,
    reason: str = "",
    force: bool = False,
    watch: Watch = unwatched,
) -> Promotion:
    """Point an alias to a version unless it is worse than the live one.

    Topics, which have no ground truth, are compared by coherence, coverage and the number of topics kept.

    Args:
        registry: of both versions.
        reference: the candidate.
        corpus: articles that neither was trained on, for rubrics labelled ones; not needed without a live
            version.
        alias: to be moved.
        reason: for the history; required by `force`.
        force: promote regardless of the comparison; without comparing if the live version is damaged.
        watch: called with the progress.

    Raises:
        LossError: a metric is significantly worse, a rubric is missing, or most topics are.
        ModelError: a version is damaged.
        UsageError: there is nothing to compare on, or `force` without a reason.
    """
    if force and not reason:
        raise UsageError("forcing a promotion requires a reason for the history (--reason)")
    candidate = registry.open(reference)
    name, version = candidate.manifest.name, candidate.manifest.version
    live = registry.aliases(name).get(alias)
    if live == version:
        return Promotion(None, None)
    comparison = None
    if live is not None and corpus is not None:
        if live_version := _open_live(registry, name, alias, live, force):
            comparison = compare_either(registry, live_version, candidate, corpus, watch)
    elif live is not None and not force:
        kind = "labelled DATA" if candidate.manifest.topics is None else "DATA"
        raise UsageError(
            f"{name}@{alias} is {live}: give {kind} to compare on, or force it with a reason "
            "(--force, --reason)"
        )
    if comparison and not force:
        _refuse_losses(comparison)
    event = registry.promote(
        name,
        version,
        reason or _reason(comparison),
        alias=alias,
        expected=live,
        metrics=msgspec.to_builtins(comparison) if comparison else {},
        forced=force,
    )
    return Promotion(event, comparison)


def _open_live(registry: Registry, name: str, alias: str, live: str, force: bool) -> Version | None:
    """Open the live version; with `force`, None if it is damaged."""
    try:
        return registry.open(f"{name}/{live}")
    except ModelError as error:
        problem = f"{name}@{alias} is {live}, which cannot be opened ({str(error).partition('; ')[0]})"
        if not force:
            raise ModelError(
                f"{problem}; force it with a reason (--force, --reason) to promote without comparing"
            ) from error
        warnings.warn(f"{problem}: nothing was compared", ModelWarning, stacklevel=3)
        return None


def compare_either(
    registry: Registry, before: Version, after: Version, corpus: Corpus, watch: Watch
) -> RubricComparison | TopicComparison:
    """Compare two versions of rubrics, or two of topics."""
    if before.manifest.topics is None:
        return compare(before, after, corpus, watch)
    return compare_topics(registry, before, after, corpus, watch)


def _refuse_losses(comparison: RubricComparison | TopicComparison) -> None:
    for label, sources in comparison.trained_on.items():
        if label == comparison.after:
            raise UsageError(
                f"{label} was trained on {', '.join(sources)}: results on training data are optimistic; "
                "name other DATA, or force it with a reason (--force, --reason)"
            )
    if comparison.losses:
        raise LossError(
            f"{comparison.after} is not promoted: on {comparison.articles} articles it is worse than "
            f"{comparison.before} ({'; '.join(comparison.losses)}); to overrule this, force it with a reason "
            "(--force, --reason)",
            comparison,
        )


def _reason(comparison: RubricComparison | TopicComparison | None) -> str:
    if comparison is None:
        return "no previous version"
    return f"not worse than {comparison.before} on {comparison.articles} articles"
