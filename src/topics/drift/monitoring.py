"""The monitoring job: compare a stream with what a version was trained on."""

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
    """`TRAINING`, or the sources named as reference."""
    since: str
    """First and last date of the reference."""
    until: str
    rejects: int
    trained_on: tuple[str, ...]
    """Sources of the stream or the reference that the version was trained on, and so answers differently."""
    drift: Drift

    @property
    def alarmed(self) -> bool:
        """Whether any measure is outside its usual range."""
        return bool(self.drift.alarms)


class Observer:
    """Accumulates a stream batch by batch; of the texts, only words are kept."""

    def __init__(self, reference: Profile) -> None:
        self._gauge = Gauge(reference)
        self._sums = self._gauge.nothing()
        self._words: Counter[str] = Counter()

    def add(self, articles: Sequence[Article], tokens: TokenBatch, said: Readings) -> None:
        """Add a batch: articles, their tokens and the answers of the version."""
        held = np.bincount(profile.held_by(tokens).indices, minlength=len(tokens.lemmas))
        self._words.update({tokens.lemmas[i]: int(held[i]) for i in np.flatnonzero(held).tolist()})
        self._sums += self._gauge.measure(articles, tokens, said)

    def drift(self, topics: Mapping[str, str] = MappingProxyType({})) -> Drift:
        """Compare what was added with the reference; `topics`: id -> name of the topic.

        Raises:
            DataError: nothing was added.
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
    """Compare a stream with what a version of rubrics or of topics was trained on.

    Args:
        corpus: the stream; labels are ignored.
        version: as the registry opened it.
        reference: articles to compare with instead, from a time without problems. Its tokens are held in
            memory.
        watch: called with the progress.

    Raises:
        DataError: there are no articles to compare.
        ModelError: the version has no profile, and no reference is given.
    """
    pipeline, topics = open_either(version.folder), dict[str, str]()
    if isinstance(pipeline, TopicPipeline):
        topics = names_of(pipeline.named(version.names).topics)
    base = _profile(reference, pipeline, watch) if reference else profile.load(version.folder)
    observer, rejects, done = Observer(base), 0, 0
    for batch in corpus.batches():
        tokens = pipeline.read(batch.articles)
        observer.add(batch.articles, tokens, said(pipeline, tokens))
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
            name for some in (corpus, reference) if some for name in version.manifest.trained_on(some.sources)
        ),
        drift=observer.drift(topics),
    )


def said(pipeline: Pipeline | TopicPipeline, tokens: TokenBatch) -> Readings:
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
    return profile.describe(tokens, dates, outlets, lambda rows: said(pipeline, take(tokens, rows)))
