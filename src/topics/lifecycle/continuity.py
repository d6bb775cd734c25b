"""Correspondence of the topics of two versions, with names, for editors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from topics.errors import UsageError
from topics.lifecycle.naming import open_topics
from topics.topic_pipeline import TopicPipeline
from topics.types import TopicChange
from topics.versions.registry import Registry

_MAX_WORDS = 6
_ORDER = ("born", "died", "split", "merged", "kept")


class NamedTopic(msgspec.Struct, frozen=True):
    """A topic of a change."""

    topic: int
    """Its id."""
    name: str
    share: float
    """Its share of the words of the archive."""


class NamedChange(msgspec.Struct, frozen=True):
    """A `TopicChange` with names."""

    kind: Literal["kept", "born", "died", "split", "merged"]
    old: tuple[NamedTopic, ...]
    new: tuple[NamedTopic, ...]
    similarity: tuple[float, ...]
    """Of each old topic to each new one, row by row; for one born or dead, to its nearest."""
    words: tuple[str, ...]
    """The most relevant terms that they have in common; for one born or dead, its own."""


class Correspondence(msgspec.Struct, frozen=True):
    """The changes of all topics from one version to another."""

    before: str
    """The version, `NAME/VERSION`."""
    after: str
    counts: dict[str, int]
    """Kind of change -> number of changes."""
    changes: tuple[NamedChange, ...]
    """Kept topics come last."""


def compare(registry: Registry, before: str, after: str) -> Correspondence:
    """Match the topics of two versions.

    Raises:
        ModelError: there is no such version, or it is damaged.
        UsageError: one is a version of rubrics, or they are of two kinds of topic model.
    """
    (old, first), (new, second) = (open_topics(registry, reference) for reference in (before, after))
    if old.kind != new.kind:
        raise UsageError(f"{first.label} is {old.kind}, {second.label} is {new.kind}: cannot be compared")
    changes = sorted(new.model.since(old.model), key=lambda change: _ORDER.index(change.kind))
    kinds: list[str] = [change.kind for change in changes]
    return Correspondence(
        first.label,
        second.label,
        {kind: kinds.count(kind) for kind in reversed(_ORDER)},
        tuple(_named_change(change, old, new) for change in changes),
    )


def _named_change(change: TopicChange, old: TopicPipeline, new: TopicPipeline) -> NamedChange:
    topics = _named_topics(old, change.old), _named_topics(new, change.new)
    return NamedChange(change.kind, *topics, change.similarity, change.terms[:_MAX_WORDS])


def _named_topics(pipeline: TopicPipeline, ids: Sequence[int]) -> tuple[NamedTopic, ...]:
    by_id = {
        topic.id: NamedTopic(topic.id, name, topic.share)
        for topic, name in zip(pipeline.topics, pipeline.names, strict=True)
    }
    return tuple(by_id[topic] for topic in ids)
