"""The monitoring job: compare a stream with the training articles of a version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
import numpy as np

from topics.corpus import Corpus
from topics.drift import profile
from topics.drift.comparing import Drift, drift
from topics.drift.profile import Profile
from topics.drift.readings import Readings, names_of, of_rubrics, of_topics
from topics.drift.tally import Gauge
from topics.errors import DataError
from topics.pipeline import Pipeline
from topics.text.tokens import concatenate, take
from topics.topic_pipeline import TopicPipeline, open_either
from topics.types import Article, TokenBatch, Watch, unwatched
from topics.versions.registry import Version

TRAINING = "training"


class DriftReport(msgspec.Struct, frozen=True):
    """The result of `monitor`."""

    model: str
    sources: tuple[str, ...]
    compared_with: str
    """`TRAINING`, or the sources of the reference."""
    since: str
    """First date of the reference, ISO 8601, or ""."""
    until: str
    """Last date of the reference."""
    rejects: int
    trained_on: tuple[str, ...]
    """Sources of the stream or the reference that the version was trained on; its answers differ there."""
    drift: Drift

    @property
    def alarmed(self) -> bool:
        """Whether any measure is outside its usual range."""
        return bool(self.drift.alarms)


class Observer:
    """Accumulates a stream batch by batch; of the texts, only word counts are kept."""

    def __init__(self, reference: Profile) -> None:
        self._gauge = Gauge(reference)
        self._sums = self._gauge.zeros()
        self._words: Counter[str] = Counter()

    def add(self, articles: Sequence[Article], tokens: TokenBatch, answers: Readings) -> None:
        """Add a batch: articles, their tokens and the answers of the version."""
        frequencies = np.bincount(profile.presence(tokens).indices, minlength=len(tokens.lemmas))
        self._words.update(
            {tokens.lemmas[i]: int(frequencies[i]) for i in np.flatnonzero(frequencies).tolist()}
        )
        self._sums += self._gauge.measure(articles, tokens, answers)

    def drift(self, topics: Mapping[str, str] = MappingProxyType({})) -> Drift:
        """Compare the articles added with the reference.

        Args:
            topics: id -> name of the topic.

        Raises:
            DataError: no articles were added.
        """
        if not self._sums[0]:
            raise DataError("no article could be read; there is nothing to compare")
        return drift(self._gauge.profile, self._sums, self._words, topics)


def monitor(
    corpus: Corpus,
    version: Version,
    reference: Corpus | None = None,
    watch: Watch = unwatched,
) -> DriftReport:
    """Compare a stream with the training articles of a version of rubrics or topics.

    Args:
        corpus: the stream; labels are ignored.
        version: opened by the registry.
        reference: articles of a time without problems, to compare with instead. Their tokens are held in
            memory.
        watch: called with the progress.

    Raises:
        DataError: there are no articles to compare.
        ModelError: the profile of the version is damaged.
    """
    pipeline, topics = open_either(version.folder), dict[str, str]()
    if isinstance(pipeline, TopicPipeline):
        topics = names_of(pipeline.named(version.names).topics)
    base = _profile(reference, pipeline, watch) if reference else profile.load(version.folder)
    observer, rejects, done = Observer(base), 0, 0
    for batch in corpus.batches():
        tokens = pipeline.read(batch.articles)
        observer.add(batch.articles, tokens, answers(pipeline, tokens))
        rejects += len(batch.rejects)
        done += len(batch.articles)
        watch("monitoring", done)
    return DriftReport(
        model=version.label,
        sources=corpus.names,
        compared_with=", ".join(reference.names) if reference else TRAINING,
        since=base.facts.since[:10],
        until=base.facts.until[:10],
        rejects=rejects,
        trained_on=tuple(
            name for each in (corpus, reference) if each for name in version.manifest.trained_on(each.sources)
        ),
        drift=observer.drift(topics),
    )


def answers(pipeline: Pipeline | TopicPipeline, tokens: TokenBatch) -> Readings:
    """Measure the answers of a version."""
    if isinstance(pipeline, TopicPipeline):
        return of_topics(pipeline.model.transform(tokens), pipeline.topics)
    return of_rubrics(pipeline.judge(tokens), pipeline.rubrics)


def _profile(corpus: Corpus, pipeline: Pipeline | TopicPipeline, watch: Watch) -> Profile:
    parts: list[TokenBatch] = []
    articles: list[tuple[str, str]] = []
    for batch in corpus.batches():
        parts.append(pipeline.read(batch.articles))
        articles.extend((article.date, article.outlet) for article in batch.articles)
        watch("reading the reference", len(articles))
    if not articles:
        raise DataError("no article of the reference could be read; there is nothing to compare with")
    dates, outlets = zip(*articles, strict=True)
    tokens = concatenate(parts)
    return profile.describe(tokens, dates, outlets, lambda rows: answers(pipeline, take(tokens, rows)))
