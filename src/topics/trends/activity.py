"""What an archive wrote of when: kept with a version of topics, read by `topics trends` and by its page."""

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
    """As cleaned; where there is none, how the text begins."""
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
    """Most typical first; of near-duplicates one."""
    carriers: tuple[Typical, ...]
    """Those that carry its change, most typical first: late ones of a topic that rises, early ones of one
    that falls."""
    rubrics: dict[str, float]
    """Rubric -> its share among the articles of the topic, each weighing by its share of the topic; of those
    whose rubrics are known."""


class Activity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All topics of a version in the articles it was trained on, or in other ones."""

    unit: Unit
    periods: tuple[str, ...]
    """The first day of each, ISO 8601, rising, none left out; empty where no article has a date."""
    counts: tuple[int, ...]
    """Articles of each period."""
    topics: tuple[TopicActivity, ...]
    """In the order of the model."""


def save(folder: Path, activity: Activity) -> None:
    """Write `activity.json` into an existing folder."""
    persistence.write_struct(folder / FILE, activity)


def load(folder: Path) -> Activity | None:
    """Read what `save` wrote; None: the version is older than that.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    activity = persistence.read_struct(path, Activity)
    lengths = {len(activity.periods), len(activity.counts), *(len(topic.shares) for topic in activity.topics)}
    if len(lengths) > 1 and activity.topics:
        raise ModelError(
            f"{path}: has {len(activity.periods)} periods and other numbers of shares; {persistence.REMEDY}"
        )
    return activity
