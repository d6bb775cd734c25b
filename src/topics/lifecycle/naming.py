"""Names that editors give to topics; stored in the history, not in versions, see `history.names`."""

from __future__ import annotations

from collections.abc import Mapping

from topics.errors import UsageError
from topics.topic_pipeline import TopicPipeline
from topics.trends import activity
from topics.trends.activity import Activity
from topics.versions.history import MAX_NAME_LENGTH, Event, is_topic_name
from topics.versions.registry import Registry, Version


def open_topics(registry: Registry, reference: str) -> tuple[TopicPipeline, Version]:
    """Open a version of topics with the names given by editors.

    Raises:
        ModelError: there is no such version, or it is damaged.
        UsageError: it is a version of rubrics.
    """
    return registry.open_with(reference, _load)


def open_with_activity(registry: Registry, reference: str) -> tuple[TopicPipeline, Version, Activity]:
    """Open a version of topics with the activity of its topics in training; see `open_topics`."""
    return registry.open_with(reference, lambda version: (*_load(version), activity.load(version.folder)))


def _load(version: Version) -> tuple[TopicPipeline, Version]:
    if version.manifest.topics is None:
        raise UsageError(f"{version.label} is a version of rubrics; name a version of topics")
    return TopicPipeline.load(version.folder, version.names), version


def rename(registry: Registry, reference: str, topic: int, name: str, why: str = "") -> Event:
    """Name a topic in this version, its ancestors and its descendants.

    Args:
        registry: of the version.
        reference: a version that has the topic.
        topic: its id.
        name: "" resets it to the label.
        why: for the history.

    Raises:
        UsageError: there is no such topic, or the name is not valid.
        ModelError: there is no such version, or it is damaged.
    """
    pipeline, version = open_topics(registry, reference)
    ids = [each.id for each in pipeline.topics]
    if topic not in ids:
        raise UsageError(f"{version.label} has no topic {topic}; `topics topics list` lists its topics")
    words = " ".join(name.split())
    if not is_topic_name(words):
        raise UsageError(
            f"{words[:MAX_NAME_LENGTH]!r} is not a valid name: at most {MAX_NAME_LENGTH} printable characters"
        )

    def expect_free(names: Mapping[int, str]) -> None:
        for other, taken in zip(ids, pipeline.named(names).names, strict=True):
            if other != topic and taken.casefold() == words.casefold():
                raise UsageError(f"topic {other} is already called {taken!r}; choose another name")

    return registry.name_topic(version, topic, words, why, expect_free)
