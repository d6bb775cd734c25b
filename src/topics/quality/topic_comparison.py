"""Comparison of two versions of topics on the same articles.

Topics have no ground truth. They are compared by their coherence in these articles, by the share of articles
with a known term, and by the number of topics that still exist. The standard errors of the first two are from
a delete-a-group jackknife over tenths of the articles (Kott 2001).
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from topics.corpus import Corpus
from topics.errors import DataError, UsageError
from topics.quality.comparison import LEVEL, MetricChange
from topics.quality.intervals import holm
from topics.quality.measuring import Estimate
from topics.rubrics.calibration import Floats
from topics.text.tokens import concatenate, take
from topics.topic_pipeline import TopicPipeline
from topics.types import TokenBatch, Watch, unwatched
from topics.versions.history import line, parents_of
from topics.versions.registry import Registry, Version, trained_on

GROUPS = 10
MIN_ARTICLES = 100
"""Smallest number of articles to compare on."""
_MIN_ERROR = 1e-9
"""Lower bound of standard errors, so that rounding errors are not significant."""


class TopicComparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What would change if `after` replaced `before`."""

    before: str
    after: str
    sources: tuple[str, ...]
    articles: int
    rejects: int
    overall: dict[str, MetricChange]
    """`coherence`, in windows of words; `reached`, the share of articles with a known term."""
    kept: tuple[str, ...]
    """Topics of `before` whose ids are in `after`."""
    gone: tuple[str, ...]
    new: tuple[str, ...]
    is_related: bool
    """Whether one version continues the other; otherwise ids are not comparable."""
    trained_on: dict[str, tuple[str, ...]]
    """Version -> sources that it was trained on; metrics on these are optimistic."""

    @property
    def losses(self) -> list[str]:
        """Descriptions of what is worse in `after`."""
        worse = {name: change for name, change in self.overall.items() if change.verdict == "worse"}
        result = [f"{name} {change.before:.3f} -> {change.after:.3f}" for name, change in worse.items()]
        if len(self.kept) < len(self.gone):
            result.append(f"keeps {len(self.kept)} of {len(self.kept) + len(self.gone)} topics")
        return result


def compare_topics(
    registry: Registry,
    before: Version,
    after: Version,
    corpus: Corpus,
    watch: Watch = unwatched,
) -> TopicComparison:
    """Compare two versions of topics on articles that neither was trained on; labels are ignored.

    Raises:
        DataError: there are fewer than a hundred articles.
        ModelError: a version is damaged.
        UsageError: a version is of rubrics.
    """
    for version in (before, after):
        if version.manifest.topics is None:
            raise UsageError(
                f"{version.label} is a version of rubrics, not of topics; name two versions of the same kind"
            )
    pipelines = [TopicPipeline.load(version.folder, version.names) for version in (before, after)]
    parts: list[list[TokenBatch]] = [[], []]
    articles = rejects = 0
    for batch in corpus.batches():
        for pipeline, batches in zip(pipelines, parts, strict=True):
            batches.append(pipeline.read(batch.articles))
        articles, rejects = articles + len(batch.articles), rejects + len(batch.rejects)
        watch("comparing", articles)
    if articles < MIN_ARTICLES:
        raise DataError(f"too few articles to compare topics: {articles}; at least {MIN_ARTICLES} are needed")
    old, new = (
        {topic.id: name for topic, name in zip(pipeline.topics, pipeline.names, strict=True)}
        for pipeline in pipelines
    )
    is_related = _is_related(registry, before, after)
    kept = {number for number in old if is_related and number in new}
    return TopicComparison(
        before=before.label,
        after=after.label,
        sources=corpus.names,
        articles=articles,
        rejects=rejects,
        overall=_changes(pipelines, [concatenate(batches) for batches in parts]),
        kept=tuple(name for number, name in old.items() if number in kept),
        gone=tuple(name for number, name in old.items() if number not in kept),
        new=tuple(name for number, name in new.items() if number not in kept),
        is_related=is_related,
        trained_on=trained_on((before, after), corpus.sources),
    )


def _is_related(registry: Registry, before: Version, after: Version) -> bool:
    return any(
        newer.manifest.version in _ancestors(registry, older)
        for newer, older in ((before, after), (after, before))
    )


def _ancestors(registry: Registry, version: Version) -> set[str]:
    """Return a version and those that it continues, including removed ones."""
    manifest = version.manifest
    parent = {manifest.version: manifest.topics.previous} if manifest.topics else {}
    return line(manifest.version, parent | parents_of(registry.events(manifest.name)))


def _changes(pipelines: list[TopicPipeline], tokens: list[TokenBatch]) -> dict[str, MetricChange]:
    count = len(tokens[0])
    group = np.random.default_rng(0).permutation(count) % GROUPS
    rows = [np.arange(count), *(np.flatnonzero(group != omitted) for omitted in range(GROUPS))]
    metrics = np.array(
        [
            [_metrics(pipeline, take(part, selected)) for selected in rows]
            for pipeline, part in zip(pipelines, tokens, strict=True)
        ]
    )
    difference = metrics[1, 0] - metrics[0, 0]
    replicates = metrics[1, 1:] - metrics[0, 1:]
    spread = np.sqrt((GROUPS - 1) / GROUPS * ((replicates - replicates.mean(axis=0)) ** 2).sum(axis=0))
    names = "coherence", "reached"
    verdicts = _verdicts(difference, spread)
    half = _quantile(0.975) * spread
    return {
        name: MetricChange(
            float(metrics[0, 0, i]),
            float(metrics[1, 0, i]),
            Estimate(*(float(difference[i] + side * half[i]) for side in (0, -1, 1))),
            verdicts[i],
        )
        for i, name in enumerate(names)
    }


def _metrics(pipeline: TopicPipeline, tokens: TokenBatch) -> tuple[float, float]:
    metrics = pipeline.model.metrics(tokens, by_words=True)
    return metrics.coherence, 1 - metrics.unreached


def _verdicts(difference: Floats, spread: Floats) -> list[Literal["better", "worse", ""]]:
    from scipy.special import stdtr

    t = difference / np.maximum(spread, _MIN_ERROR)
    worse, better = (holm(stdtr(GROUPS - 1, sign * t)) < LEVEL for sign in (1, -1))
    return ["worse" if bad else "better" if good else "" for bad, good in zip(worse, better, strict=True)]


def _quantile(p: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(GROUPS - 1, p))
