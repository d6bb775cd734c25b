"""The content of the `report.json` of topics, from which the page is rendered."""

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
from topics.trends.changes import TopicTrend, changes
from topics.trends.periods import Unit
from topics.types import NumberTried, Topic, TopicChange, TopicWord
from topics.versions.manifest import Manifest, TopicMetrics

_NEAREST = 3
"""Number of most similar topics listed for each."""
_DIGITS = 4
_MAX_COORDINATE = 10.0
"""Largest plausible coordinate on a map of width 1."""

Places: TypeAlias = Mapping[int, tuple[float, float]]
"""Topic id -> centre of its circle."""


class TopicSheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic on the page."""

    id: int
    label: str
    name: str
    """Name given by an editor, or ""."""
    share: float
    """Share of the words of the archive."""
    circle: tuple[float, float, float]
    """Centre and radius on a map of width 1."""
    words: tuple[int, ...]
    """Indices into `TopicReport.words`, most distinctive first."""
    weights: tuple[float, ...]
    """Share of each of these words among the words of the topic."""
    nearest: tuple[tuple[int, float], ...]
    """Ids and similarities of the most similar topics: 1 for the same words, 0 for none in common."""
    shares: tuple[float, ...]
    """Mean share in the articles of each period."""
    change: TopicTrend | None
    """None if it neither rises nor falls."""
    articles: tuple[Typical, ...]
    carriers: tuple[Typical, ...]
    """Typical articles of the change."""
    rubrics: dict[str, float]
    """Rubric -> share of its articles, largest first; without zeros."""


class TopicReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the page, without the date and the sources, which are in the manifest.

    Words shared by topics are stored once, which halves the page of a hundred topics.
    """

    name: str
    articles: int
    metrics: TopicMetrics
    height: float
    """Height of the map."""
    words: tuple[str, ...]
    overall: tuple[float, ...]
    """Share of each word among the words of the archive."""
    unit: Unit
    periods: tuple[str, ...]
    """First day of each period."""
    counts: tuple[int, ...]
    """Articles of each period."""
    topics: tuple[TopicSheet, ...]
    """Largest first."""
    changes: tuple[TopicChange, ...]
    before: tuple[tuple[int, str], ...]
    """Ids and names of the topics of the previous version."""
    tried: tuple[NumberTried, ...]
    """Numbers of topics that were tried."""


def build(
    model: TopicModel,
    activity: Activity,
    manifest: Manifest,
    previous: Sequence[Topic] = (),
    former: Places = MappingProxyType({}),
) -> TopicReport:
    """Build the report of the topics of a version.

    Args:
        model: the trained model.
        activity: its topics over time.
        manifest: of the version.
        previous: topics of the previous version.
        former: their centres on its map, with which the new map is aligned.
    """
    assert manifest.topics is not None
    words = dict.fromkeys(_key(word) for topic in model.topics for word in topic.words)
    index = {key: i for i, key in enumerate(words)}
    distances = model.distances()
    before = np.array([former.get(topic.id, (np.nan, np.nan)) for topic in model.topics])
    layout = maps.draw(distances, np.array([topic.share for topic in model.topics]), before)
    circles = np.column_stack([layout.centres, layout.radii]).round(_DIGITS).tolist()
    trends = {change.topic: change for change in changes(activity)}
    sheets = [
        _sheet(topic, index, circles[k], nearest, activity.topics[k], trends.get(topic.id))
        for k, (topic, nearest) in enumerate(
            zip(model.topics, _nearest(model.topics, distances), strict=True)
        )
    ]
    return TopicReport(
        name=manifest.name,
        articles=manifest.corpus.articles,
        metrics=manifest.topics,
        height=round(layout.height, _DIGITS),
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
    """Return the centres of topics on the map of a version; {} if its report is missing or damaged."""
    try:
        topics = persistence.read_struct(folder / "report.json", _Map).topics
    except ModelError:
        return {}
    centres = {topic.id: topic.circle[:2] for topic in topics}
    return {k: (x, y) for k, (x, y) in centres.items() if max(abs(x), abs(y)) <= _MAX_COORDINATE}


def _key(word: TopicWord) -> tuple[str, float]:
    """Identify a word; two terms may have the same form."""
    return word.words, word.overall


def _sheet(
    topic: Topic,
    index: dict[tuple[str, float], int],
    circle: list[float],
    nearest: tuple[tuple[int, float], ...],
    activity: TopicActivity,
    change: TopicTrend | None,
) -> TopicSheet:
    rubrics = sorted(activity.rubrics.items(), key=lambda item: (-item[1], item[0]))
    x, y, radius = circle
    return TopicSheet(
        id=topic.id,
        label=topic.label,
        name=topic.name,
        share=topic.share,
        circle=(x, y, radius),
        words=tuple(index[_key(word)] for word in topic.words),
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
    """Return the most similar topics of each, with similarity 1 - d² of the Hellinger distance d."""
    orders = np.argsort(distances, axis=1, kind="stable").tolist()
    others = [[k for k in order if k != own][:_NEAREST] for own, order in enumerate(orders)]
    return [
        tuple((topics[k].id, round(1 - float(distances[own, k]) ** 2, 2)) for k in order)
        for own, order in enumerate(others)
    ]
