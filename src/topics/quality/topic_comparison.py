"""Compare two versions of topics on the same articles.

Topics have no ground truth. Compared are the coherence of their words in these articles, the share of
articles with a known word, and whether the topics known to the newsroom are still there. The standard
errors of the first two come from a delete-a-group jackknife over tenths of the articles (Kott 2001).
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
LEAST = 100
"""Fewest articles to compare on."""
_LEAST_SPREAD = 1e-9
"""Lower bound of a standard error: without variance, rounding errors must not be significant."""


class TopicComparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What would change if `after` replaced `before`."""

    before: str
    after: str
    sources: tuple[str, ...]
    articles: int
    rejects: int
    overall: dict[str, MetricChange]
    """`coherence`, in windows of the same words; `reached`, the share of articles with a known word."""
    kept: tuple[str, ...]
    """Topics of `before` whose ids `after` has."""
    gone: tuple[str, ...]
    new: tuple[str, ...]
    is_related: bool
    """Whether one version continues the other; otherwise ids are not comparable."""
    trained_on: dict[str, tuple[str, ...]]
    """Version -> sources that it was trained on: metrics on them are too optimistic."""

    @property
    def losses(self) -> list[str]:
        """What is worse in `after`."""
        worse = {name: change for name, change in self.overall.items() if change.verdict == "worse"}
        found = [f"{name} {change.before:.3f} -> {change.after:.3f}" for name, change in worse.items()]
        if len(self.kept) < len(self.gone):
            found.append(f"keeps {len(self.kept)} of {len(self.kept) + len(self.gone)} topics")
        return found


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
            raise UsageError(f"{version.label} knows rubrics, not topics; name two versions of one kind")
    pipelines = [TopicPipeline.load(version.folder, version.names) for version in (before, after)]
    parts: list[list[TokenBatch]] = [[], []]
    articles = rejects = 0
    for batch in corpus.batches():
        for pipeline, found in zip(pipelines, parts, strict=True):
            found.append(pipeline.read(batch.articles))
        articles, rejects = articles + len(batch.articles), rejects + len(batch.rejects)
        watch("comparing", articles)
    if articles < LEAST:
        raise DataError(f"{articles} articles are too few to compare topics on; give {LEAST} or more")
    old, new = (
        {topic.id: name for topic, name in zip(one.topics, one.names, strict=True)} for one in pipelines
    )
    is_related = _is_related(registry, before, after)
    kept = {number for number in old if is_related and number in new}
    return TopicComparison(
        before=before.label,
        after=after.label,
        sources=corpus.names,
        articles=articles,
        rejects=rejects,
        overall=_changes(pipelines, [concatenate(found) for found in parts]),
        kept=tuple(name for number, name in old.items() if number in kept),
        gone=tuple(name for number, name in old.items() if number not in kept),
        new=tuple(name for number, name in new.items() if number not in kept),
        is_related=is_related,
        trained_on=trained_on((before, after), corpus.sources),
    )


def _is_related(registry: Registry, before: Version, after: Version) -> bool:
    return any(
        one.manifest.version in _ancestors(registry, other)
        for one, other in ((before, after), (after, before))
    )


def _ancestors(registry: Registry, version: Version) -> set[str]:
    """Return a version and those that it continues, including removed ones."""
    manifest = version.manifest
    parent = {manifest.version: manifest.topics.previous} if manifest.topics else {}
    return line(manifest.version, parent | parents_of(registry.events(manifest.name)))


def _changes(pipelines: list[TopicPipeline], tokens: list[TokenBatch]) -> dict[str, MetricChange]:
    count = len(tokens[0])
    group = np.random.default_rng(0).permutation(count) % GROUPS
    rows = [np.arange(count), *(np.flatnonzero(group != left_out) for left_out in range(GROUPS))]
    each = np.array(
        [
            [_metrics(one, take(part, some)) for some in rows]
            for one, part in zip(pipelines, tokens, strict=True)
        ]
    )
    difference = each[1, 0] - each[0, 0]
    left = each[1, 1:] - each[0, 1:]
    spread = np.sqrt((GROUPS - 1) / GROUPS * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    names = "coherence", "reached"
    verdicts = _verdicts(difference, spread)
    half = _quantile(0.975) * spread
    return {
        name: MetricChange(
            float(each[0, 0, i]),
            float(each[1, 0, i]),
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

    t = difference / np.maximum(spread, _LEAST_SPREAD)
    worse, better = (holm(stdtr(GROUPS - 1, sign * t)) < LEVEL for sign in (1, -1))
    return ["worse" if bad else "better" if good else "" for bad, good in zip(worse, better, strict=True)]


def _quantile(p: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(GROUPS - 1, p))
