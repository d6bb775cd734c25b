"""What an archive wrote of when: kept with a version of topics, read by `topics trends` and by its page."""

from __future__ import annotations

from typing import Literal

import msgspec


class Typical(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An article that is typical of a topic."""

    id: str
    title: str
    outlet: str
    date: str
    """ISO 8601, the day; "" where the source gives none."""
    share: float
    """Of the topic in the article."""


class TopicActivity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic in time."""

    topic: int
    """Its id."""
    shares: tuple[float, ...]
    """Mean share of the topic in the articles of each period; 0 where a period has none."""
    articles: tuple[Typical, ...]
    """Most typical first."""
    rubrics: dict[str, float]
    """Rubric -> its share among the articles of the topic, each weighing by its share of the topic; of those
    whose rubrics are known."""


class Activity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All topics of a version in the articles it was trained on, or in other ones."""

    unit: Literal["week", "month"]
    periods: tuple[str, ...]
    """The first day of each, ISO 8601, rising, none left out; empty where no article has a date."""
    counts: tuple[int, ...]
    """Articles of each period."""
    topics: tuple[TopicActivity, ...]
    """In the order of the model."""
