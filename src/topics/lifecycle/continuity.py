"""How the topics of two versions correspond, in a form that an editor can judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from topics.errors import UsageError
from topics.lifecycle.naming import open_topics
from topics.topic_pipeline import TopicPipeline
from topics.types import TopicChange
from topics.versions.registry import Registry

_WORDS = 6
_ORDER = ("born", "died", "split", "merged", "kept")


class Part(msgspec.Struct, frozen=True):
    """A topic that takes part in a change."""

    topic: int
    """Its id."""
    name: str
    share: float
    """Of the words of the archive."""


class Step(msgspec.Struct, frozen=True):
    """What became of some topics."""

    kind: Literal["kept", "born", "died", "split", "merged"]
    old: tuple[Part, ...]
    new: tuple[Part, ...]
    similarity: tuple[float, ...]
    """Of each old topic to each new one, row by row; for one born or dead, to its nearest."""
    words: tuple[str, ...]
    """Telling words that all of them have in common; for one born or dead, its own."""


class Comparison(msgspec.Struct, frozen=True):
    """What became of all topics."""

    before: str
    """The version, `NAME/VERSION`."""
    after: str
    counts: dict[str, int]
    """Kind of change -> how often."""
    changes: tuple[Step, ...]
    """What was kept comes last."""


def compare(registry: Registry, before: str, after: str) -> Comparison:
    """Match the topics of two versions.

    Raises:
        ModelError: there is no such version, or it is damaged.
        UsageError: one knows rubrics, or they are of two kinds of topic model.
    """
    (old, first), (new, second) = (open_topics(registry, reference) for reference in (before, after))
    if old.kind != new.kind:
        raise UsageError(f"{first.label} is {old.kind}, {second.label} is {new.kind}: not to be compared")
    changes = sorted(new.model.since(old.model), key=lambda change: _ORDER.index(change.kind))
    kinds: list[str] = [change.kind for change in changes]
    return Comparison(
        first.label,
        second.label,
        {kind: kinds.count(kind) for kind in reversed(_ORDER)},
        tuple(_step(change, old, new) for change in changes),
    )


def _step(change: TopicChange, old: TopicPipeline, new: TopicPipeline) -> Step:
    parts = _parts(old, change.old), _parts(new, change.new)
    return Step(change.kind, *parts, change.similarity, change.terms[:_WORDS])


def _parts(pipeline: TopicPipeline, ids: Sequence[int]) -> tuple[Part, ...]:
    known = {
        topic.id: Part(topic.id, name, topic.share)
        for topic, name in zip(pipeline.topics, pipeline.names, strict=True)
    }
    return tuple(known[topic] for topic in ids)
