"""Topics over time, stored with a version of topics; used by `topics trends` and the topic page."""

from __future__ import annotations

from pathlib import Path

import msgspec

from topics import persistence
from topics.errors import ModelError
from topics.trends.periods import Unit

FILE = "activity.json"


class Typical(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An article that is typical of a topic."""

    id: str
    title: str
    """Cleaned title or, without a title, the beginning of the text."""
    outlet: str
    date: str
    """ISO 8601 date, "" if unknown."""
    share: float
    """Of the topic in the article."""


class TopicActivity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic over time."""

    topic: int
    """Its id."""
    shares: tuple[float, ...]
    """Mean share of the topic per period; 0 in a period without articles."""
    articles: tuple[Typical, ...]
    """Most typical first, without near-duplicates."""
    carriers: tuple[Typical, ...]
    """Typical articles of its change: late ones of a rising topic, early ones of a falling one."""
    rubrics: dict[str, float]
    """Rubric -> its share among the labelled articles, weighted by their shares of the topic."""


class Activity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All topics of a version over time, in its training articles or in others."""

    unit: Unit
    periods: tuple[str, ...]
    """First day of each period, ISO 8601, ascending, without gaps; empty if no article is dated."""
    counts: tuple[int, ...]
    """Articles of each period."""
    topics: tuple[TopicActivity, ...]
    """In the order of the model."""


def save(folder: Path, activity: Activity) -> None:
    """Write `activity.json` into an existing folder."""
    persistence.write_struct(folder / FILE, activity)


def load(folder: Path) -> Activity:
    """Read what `save` wrote.

    Raises:
        ModelError: the file is missing or damaged.
    """
    path = folder / FILE
    activity = persistence.read_struct(path, Activity)
    lengths = {len(activity.periods), len(activity.counts), *(len(topic.shares) for topic in activity.topics)}
    if len(lengths) > 1 and activity.topics:
        raise ModelError(
            f"{path}: {len(activity.periods)} periods do not match the number of shares; {persistence.REMEDY}"
        )
    return activity
