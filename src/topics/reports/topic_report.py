"""What a version knows of its topics, gathered for people: `report.json`, of which the topic page is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from topics import persistence
from topics.errors import ModelError
from topics.estimator import TopicModel
from topics.reports import maps
from topics.trends.activity import Activity, TopicActivity, Typical
from topics.trends.changes import Change, changes
from topics.trends.periods import Unit
from topics.types import NumberTried, Topic, TopicChange, TopicWord
from topics.versions.manifest import Manifest, TopicMetrics

_NEAREST = 3
"""Topics named as the most like one."""
_DIGITS = 4
_FARTHEST = 10.0
"""From the corner of a map of width 1 no circle lies so far away."""

Places: TypeAlias = Mapping[int, tuple[float, float]]
"""Id of a topic -> the centre of its circle."""


class TopicSheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic as the page shows it."""

    id: int
    label: str
    name: str
    """What an editor calls it, or ""."""
    share: float
    """Of the words of the archive."""
    circle: tuple[float, float, float]
    """Its centre and radius on a map of width 1."""
    words: tuple[int, ...]
    """Places in `TopicReport.words`, most telling first."""
    weights: tuple[float, ...]
    """The share of each of these words among the words of the topic."""
    nearest: tuple[tuple[int, float], ...]
    """Ids of the topics most like it, and how much alike: 1 the same words, 0 none in common."""
    shares: tuple[float, ...]
    """Mean share in the articles of each period."""
    change: Change | None
    """Whether it rises or falls; None: neither."""
    articles: tuple[Typical, ...]
    carriers: tuple[Typical, ...]
    """Articles that carry the change."""
    rubrics: dict[str, float]
    """Share of each among its articles, highest first; without those that none carries."""


class TopicReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the page says; when and of which files a version was trained its manifest knows.

    A word stands once, however many topics share it: with a hundred topics that is half of the page.
    """

    name: str
    articles: int
    metrics: TopicMetrics
    height: float
    """Of the map."""
    words: tuple[str, ...]
    overall: tuple[float, ...]
    """The share of each word among the words of the archive."""
    unit: Unit
    periods: tuple[str, ...]
    """The first day of each."""
    counts: tuple[int, ...]
    """Articles of each period."""
    topics: tuple[TopicSheet, ...]
    """The largest first."""
    changes: tuple[TopicChange, ...]
    before: tuple[tuple[int, str], ...]
    """What the topics of the version before are called; a topic that died has no other place."""
    tried: tuple[NumberTried, ...]
    """Numbers of topics that were tried before this one was chosen."""


def build(
    model: TopicModel,
    activity: Activity,
    manifest: Manifest,
    previous: Sequence[Topic] = (),
    former: Places = MappingProxyType({}),
) -> TopicReport:
    """Gather what there is to say of the topics of a version.

    Args:
        model: just trained.
        activity: its topics in time.
        manifest: of the version.
        previous: the topics of the version before.
        former: where these lie on its map; the new map is turned as that one is.
    """
    assert manifest.topics is not None
    words = dict.fromkeys(_key(word) for topic in model.topics for word in topic.words)
    place = {key: i for i, key in enumerate(words)}
    distances = model.distances()
    before = np.array([former.get(topic.id, (np.nan, np.nan)) for topic in model.topics])
    drawn = maps.draw(distances, np.array([topic.share for topic in model.topics]), before)
    circles = np.column_stack([drawn.places, drawn.radii]).round(_DIGITS).tolist()
    moving = {change.topic: change for change in changes(activity)}
    sheets = [
        _sheet(topic, place, circles[k], nearest, activity.topics[k], moving.get(topic.id))
        for k, (topic, nearest) in enumerate(
            zip(model.topics, _nearest(model.topics, distances), strict=True)
        )
    ]
    return TopicReport(
        name=manifest.name,
        articles=manifest.corpus.articles,
        metrics=manifest.topics,
        height=round(drawn.height, _DIGITS),
        words=tuple(form for form, _ in words),
        overall=tuple(overall for _, overall in words),
        unit=activity.unit,
        periods=activity.periods,
        counts=activity.counts,
        topics=tuple(sorted(sheets, key=lambda sheet: -sheet.share)),
        changes=model.changes,
        before=tuple((topic.id, topic.name or topic.label) for topic in previous),
        tried=model.tried,
    )


class _Circle(msgspec.Struct, frozen=True):
    id: int
    circle: tuple[float, float, float]


class _Map(msgspec.Struct, frozen=True):
    topics: tuple[_Circle, ...]


def places(folder: Path) -> Places:
    """Look up where topics lie on the map of a version; none: it has no map, or none that can be used.

    A map is not worth a training: whatever stands in the report, this does not fail.
    """
    try:
        found = persistence.read_struct(folder / "report.json", _Map).topics
    except ModelError:
        return {}
    centres = {topic.id: topic.circle[:2] for topic in found}
    return {k: (x, y) for k, (x, y) in centres.items() if max(abs(x), abs(y)) <= _FARTHEST}


def _key(word: TopicWord) -> tuple[str, float]:
    """Tell words apart, for two terms may be written alike."""
    return word.words, word.overall


def _sheet(
    topic: Topic,
    place: dict[tuple[str, float], int],
    circle: list[float],
    nearest: tuple[tuple[int, float], ...],
    activity: TopicActivity,
    change: Change | None,
) -> TopicSheet:
    rubrics = sorted(activity.rubrics.items(), key=lambda item: (-item[1], item[0]))
    x, y, radius = circle
    return TopicSheet(
        id=topic.id,
        label=topic.label,
        name=topic.name,
        share=topic.share,
        circle=(x, y, radius),
        words=tuple(place[_key(word)] for word in topic.words),
        weights=tuple(word.weight for word in topic.words),
        nearest=nearest,
        shares=tuple(round(share, _DIGITS) for share in activity.shares),
        change=change if change and change.direction != "steady" else None,
        articles=activity.articles,
        carriers=activity.carriers,
        rubrics={rubric: share for rubric, share in rubrics if share > 0},
    )


def _nearest(
    topics: Sequence[Topic], distances: npt.NDArray[np.float64]
) -> list[tuple[tuple[int, float], ...]]:
    """Name the topics most like each, with the share of words in common: 1 - d² of Hellinger's distance."""
    orders = np.argsort(distances, axis=1, kind="stable").tolist()
    others = [[k for k in order if k != own][:_NEAREST] for own, order in enumerate(orders)]
    return [
        tuple((topics[k].id, round(1 - float(distances[own, k]) ** 2, 2)) for k in order)
        for own, order in enumerate(others)
    ]
