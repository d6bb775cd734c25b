"""Recording of topics over time; shares are summed batch by batch and not stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from topics.corpus import Corpus
from topics.corpus.material import Material
from topics.text import duplicates
from topics.text.excerpts import excerpt
from topics.text.tokens import take
from topics.topic_pipeline import TopicPipeline
from topics.trends.activity import Activity, TopicActivity, Typical
from topics.trends.changes import detect_trends
from topics.trends.periods import Unit, periods
from topics.types import Article, Labels

Floats = npt.NDArray[np.float64]
_Rows: TypeAlias = list[tuple[int, float]]
"""Row numbers of articles, with their shares of a topic."""

TYPICAL = 8
"""Number of articles shown per topic."""
_BATCH = 2_000
_CANDIDATES = 12
"""Number of candidate articles kept per topic and period."""
_FULL_SCORE_WORDS = 50
"""Number of words below which the score of an article is reduced in proportion to its length."""
_RUBRICS = 50
"""Largest number of rubrics recorded, the most frequent ones."""
_EXCERPT = 80
"""Characters of the text shown instead of a missing title."""


def record(
    pipeline: TopicPipeline,
    material: Material,
    corpus: Corpus,
    unit: Unit | None = None,
    *,
    titles: bool = True,
) -> Activity:
    """Compute the shares of topics per period, their rubrics, and typical articles.

    Args:
        pipeline: of the topics.
        material: the corpus, cleaned with the cleaner of the pipeline.
        corpus: read again for the titles of typical articles.
        unit: week or month; None: depends on the time span of the corpus.
        titles: whether to record typical articles.
    """
    calendar = periods([day for _, day in material.origins], unit)
    sums = _Sums(material, len(calendar.starts), len(pipeline.topics))
    for start in range(0, len(material.labels), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(material.labels)))
        shares = pipeline.model.transform(take(material.tokens, rows))
        sums.add(rows, shares, calendar.assigned[rows])
    counts = np.bincount(calendar.assigned + 1, minlength=len(calendar.starts) + 1)[1:]
    means = (sums.periods[:-1] / np.maximum(counts, 1)[:, None]).round(6)
    typical, carriers = _choose_rows(sums, counts, means) if titles else ([], [])
    looked_up = _look_up([*typical, *carriers], pipeline, material, corpus)
    rubrics = sums.rubrics()
    return Activity(
        calendar.unit,
        calendar.starts,
        tuple(counts.tolist()),
        tuple(
            TopicActivity(
                topic.id,
                tuple(means[:, k].tolist()),
                looked_up[k] if titles else (),
                looked_up[len(typical) + k] if titles else (),
                rubrics[k],
            )
            for k, topic in enumerate(pipeline.topics)
        ),
    )


def _choose_rows(sums: _Sums, counts: npt.NDArray[np.intp], means: Floats) -> tuple[list[_Rows], list[_Rows]]:
    """Return the typical articles of each topic, and those of its change."""
    typical = [sums.best(k) for k in range(means.shape[1])]
    carriers: list[_Rows] = [[] for _ in typical]
    if tests := detect_trends(counts.astype(np.float64), means):
        for k, start in enumerate(tests.start.tolist()):
            early, late = (0, start), (start, len(means))
            if (direction := tests.direction(k)) != "steady":
                carriers[k] = sums.best(k, *(late if direction == "rises" else early))
    return typical, carriers


class _Sums:
    """Running sums of shares, and the best candidates so far."""

    def __init__(self, material: Material, count: int, topics: int) -> None:
        self.periods: Floats = np.zeros((count + 1, topics))
        """Sums of shares, shape (periods + 1, topics); the last row is for articles outside all periods."""
        self._lengths = np.diff(material.tokens.offsets)
        self._scores = np.zeros((count + 1, _CANDIDATES, topics), np.float32)
        self._rows = np.full((count + 1, _CANDIDATES, topics), -1, np.int64)
        self._shares = np.zeros((count + 1, _CANDIDATES, topics), np.float32)
        kinds: dict[Labels | None, int] = {}
        self._kinds = np.array([kinds.setdefault(labels, len(kinds)) for labels in material.labels], np.intp)
        frequent = Counter(rubric for labels in material.labels if labels for rubric in labels.rubrics)
        self._names = sorted(sorted(frequent, key=lambda name: (-frequent[name], name))[:_RUBRICS])
        states = [[labels.state(name) if labels else None for name in self._names] for labels in kinds]
        holds = np.array([[state is True for state in row] for row in states], bool)
        known = np.array([[state is not None for state in row] for row in states], bool)
        self._truth = np.stack([holds, known]).reshape(2, len(kinds), len(self._names))
        self._weights: Floats = np.zeros((2, topics, len(self._names)))

    def add(
        self, rows: npt.NDArray[np.int64], shares: npt.NDArray[np.float32], places: npt.NDArray[np.intp]
    ) -> None:
        """Add the shares of some articles, shape (n, topics), with their periods, shape (n,)."""
        scores = shares * np.minimum(self._lengths[rows] / _FULL_SCORE_WORDS, 1).astype(np.float32)[:, None]
        for period in np.unique(places).tolist():
            selected = np.flatnonzero(places == period)
            self.periods[period] += shares[selected].sum(axis=0, dtype=np.float64)
            self._keep_best(period, rows[selected], scores[selected], shares[selected])
        for weights, states in zip(self._weights, self._truth, strict=True):
            weights += shares.T.astype(np.float64) @ states[self._kinds[rows]]

    def _keep_best(
        self,
        period: int,
        rows: npt.NDArray[np.int64],
        scores: npt.NDArray[np.float32],
        shares: npt.NDArray[np.float32],
    ) -> None:
        pool = np.vstack([self._scores[period], scores])
        order = np.argsort(-pool, axis=0, kind="stable")[:_CANDIDATES]
        numbers = np.broadcast_to(rows[:, None], scores.shape)
        self._scores[period] = np.take_along_axis(pool, order, axis=0)
        self._rows[period] = np.take_along_axis(np.vstack([self._rows[period], numbers]), order, axis=0)
        self._shares[period] = np.take_along_axis(np.vstack([self._shares[period], shares]), order, axis=0)

    def best(self, topic: int, start: int = 0, stop: int | None = None) -> _Rows:
        """Return the most typical articles of a range of periods, with their shares of the topic."""
        scores = self._scores[start:stop, :, topic].ravel()
        order = np.argsort(-scores, kind="stable")[: 3 * TYPICAL]
        rows, shares = (kept[start:stop, :, topic].ravel()[order] for kept in (self._rows, self._shares))
        return [
            (row, round(share, 4))
            for row, share, score in zip(rows.tolist(), shares.tolist(), scores[order].tolist(), strict=True)
            if score > 0
        ]

    def rubrics(self) -> list[dict[str, float]]:
        """Return the share of each rubric in each topic."""
        holds, known = self._weights
        shares = np.divide(holds, known, out=np.zeros_like(holds), where=known > 0).round(4)
        return [dict(zip(self._names, row, strict=True)) for row in shares.tolist()]


def _look_up(
    candidates: list[_Rows], pipeline: TopicPipeline, material: Material, corpus: Corpus
) -> list[tuple[Typical, ...]]:
    """Look up typical articles, without near-duplicates."""
    rows = np.array(sorted({row for topic in candidates for row, _ in topic}), np.int64)
    repeated = rows[duplicates.groups(take(material.tokens, rows))] if len(rows) else rows
    original = dict(zip(rows.tolist(), repeated.tolist(), strict=True))
    kept = [list(_without_repeats(topic, original))[:TYPICAL] for topic in candidates]
    places = {row: int(material.places[row]) for topic in kept for row, _ in topic}
    articles = corpus.pick(places.values())
    return [tuple(_typical(pipeline, articles[places[row]], share) for row, share in topic) for topic in kept]


def _without_repeats(ranked: _Rows, original: dict[int, int]) -> Iterator[tuple[int, float]]:
    seen: set[int] = set()
    for row, share in ranked:
        if original[row] not in seen:
            seen.add(original[row])
            yield row, share


def _typical(pipeline: TopicPipeline, article: Article, share: float) -> Typical:
    title, text = pipeline.cleaner.clean(article.title, article.text, article.outlet)
    return Typical(article.id, title or excerpt(text, _EXCERPT), article.outlet, article.date[:10], share)
