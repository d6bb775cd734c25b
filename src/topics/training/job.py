"""Training jobs: from a corpus to a version of rubrics, a version of topics, or both in one pass."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from topics import plugins
from topics.config import Cleaning, Config, convert
from topics.corpus import Corpus
from topics.corpus.material import Material
from topics.drift import profile
from topics.drift.readings import of_rubrics, of_topics
from topics.errors import ModelError, ModelWarning
from topics.lifecycle.naming import open_topics
from topics.quality.measuring import summary
from topics.reports import pages, topic_pages, topic_report
from topics.reports.report import build
from topics.rubrics.rules import Judgement, Rules
from topics.text import words
from topics.text.boilerplate import BoilerplateLearner, witnessed
from topics.text.cleaning import Cleaner
from topics.text.tokens import take
from topics.topic_pipeline import TopicPipeline
from topics.training.gathering import batchwise, gather, sample
from topics.training.learning import learn
from topics.trends import activity
from topics.trends.recording import record
from topics.types import Reject, Watch, unwatched
from topics.versions.manifest import Manifest, libraries
from topics.versions.registry import LATEST, Registry, Version


def train(
    corpus: Corpus,
    config: Config,
    registry: Registry,
    *,
    name: str = "rubrics",
    jobs: int = 1,
    watch: Watch = unwatched,
) -> tuple[Version, list[Reject]]:
    """Train rubrics on a corpus and publish them.

    Args:
        corpus: read twice, once for boilerplate and once for the tokens.
        config: rubrics and settings.
        registry: where the version goes; its alias `latest` moves there.
        name: of the model.
        jobs: number of processes.
        watch: progress callback.

    Returns:
        The version, and the rows that could not be read.

    Raises:
        DataError: no rubric has enough articles.
        UsageError: the name or a setting is invalid.
    """
    registry.versions(name)  # raises for an invalid name before the work begins
    material = prepare(corpus, config, jobs, watch, latest_folder(registry, name))
    version = train_rubrics(material, corpus, config, registry, name=name, jobs=jobs, watch=watch)
    return version, material.rejects


def latest_folder(registry: Registry, *names: str) -> Path | None:
    """Return the folder of the latest version of one of these models, whose words `prepare` can reuse."""
    for name in names:
        with warnings.catch_warnings(), suppress(ModelError):  # whatever the cause
            warnings.simplefilter("ignore", ModelWarning)
            if found := _latest(registry, name):
                return registry.open(found).folder
    return None


def latest_topics(registry: Registry, name: str) -> tuple[TopicPipeline, Version] | None:
    """Open the latest topics, which the next version continues; None if there are none.

    Raises:
        ModelError: they are damaged or missing.
        UsageError: the latest version is one of rubrics.
    """
    latest = _latest(registry, name)
    try:
        return open_topics(registry, latest) if latest else None
    except ModelError as error:
        what = str(error).partition("; ")[0]
        raise ModelError(
            f"topics go on from {latest}, which cannot be opened ({what}); import it anew, go back with "
            f"`topics rollback {name} --alias latest`, or train under another --topics-name"
        ) from error


def _latest(registry: Registry, name: str) -> str | None:
    """Return a reference to `latest` or, without this alias (after an import), to the newest version."""
    if not registry.knows(name):
        return None
    versions = registry.versions(name)
    return (
        f"{name}@{LATEST}" if LATEST in registry.aliases(name) or not versions else f"{name}/{versions[-1]}"
    )


def prepare(
    corpus: Corpus,
    config: Config,
    jobs: int = 1,
    watch: Watch = unwatched,
    words_from: Path | None = None,
) -> Material:
    """Read a corpus, for rubrics and topics alike.

    Args:
        corpus: read twice.
        config: how to clean it.
        jobs: number of processes.
        watch: progress callback.
        words_from: folder of a version whose word forms are reused.

    Raises:
        UsageError: a setting is invalid.
    """
    _settings(config)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    cleaner = _cleaner(corpus, config.cleaning, jobs, watch)
    return gather(corpus, cleaner, jobs, watch, words_from)._replace(created=created)


def train_rubrics(
    material: Material,
    corpus: Corpus,
    config: Config,
    registry: Registry,
    *,
    name: str = "rubrics",
    jobs: int = 1,
    watch: Watch = unwatched,
) -> Version:
    """Train rubrics and publish them with the report; see `train`.

    Args:
        material: result of `prepare`.
        corpus: read again for the articles shown in the report.
        config: rubrics and settings.
        registry: where the version goes; its alias `latest` moves there.
        name: of the model.
        jobs: number of processes.
        watch: progress callback.

    Raises:
        DataError: no rubric has enough articles.
    """
    learned = learn(material, config, jobs, watch)
    pipeline, answers, seen = learned.pipeline, learned.answers, learned.material
    manifest = Manifest(
        name=name,
        version="",
        created=material.created,
        rubrics=pipeline.rubrics,
        left_out={name: count for name, count in learned.left_out.items() if name not in config.rules},
        configuration=msgspec.to_builtins(config),
        corpus=material.facts,
        metrics=None,  # those of the report, below
        libraries=libraries(),
    )
    watch("writing the report", 0)
    report = build(learned, corpus, manifest, config.report.excerpt)
    method = f"{report.folds}-fold cross-validation, thresholds and calibration of the other folds"
    manifest = replace(manifest, metrics=summary(report.whole, method))
    said = Judgement(answers.probabilities, answers.given, answers.review)
    outlets, days = zip(*seen.origins, strict=True)
    looks = profile.describe(
        seen.tokens,
        days,
        outlets,
        lambda rows: of_rubrics(said.choose(rows), pipeline.rubrics),
    )

    def write(folder: Path) -> None:
        pipeline.save(folder)
        words.save(folder, material.words)
        profile.save(folder, looks)
        pages.write(folder, report, config.report.lang)

    return registry.publish(manifest, write)


def train_topics(
    material: Material,
    corpus: Corpus,
    config: Config,
    registry: Registry,
    *,
    name: str = "topics",
    jobs: int = 1,
    watch: Watch = unwatched,
) -> Version:
    """Train topics and publish them.

    Args:
        material: result of `prepare`.
        corpus: read twice more, for forms of topic words and for titles of typical articles.
        config: topic model and settings.
        registry: where the version goes; its alias `latest` moves there.
        name: of the model; topics of its latest version keep their ids and names.
        jobs: number of processes for selecting the number of topics.
        watch: progress callback.

    Raises:
        DataError: too few articles for the number of topics.
        ModelError: the latest version is damaged.
    """
    model = plugins.TOPIC_MODELS.load(config.topics.model)(_settings(config)[1])
    watch("finding topics", 0)
    opened = latest_topics(registry, name)
    before, previous = (opened[1], opened[0].model) if opened else (None, None)
    taught = sample(material, config.topics.max_articles, clean_first=False)
    model.fit(taught.tokens, partial(_texts, corpus, taught), previous, jobs)
    manifest = Manifest(
        name=name,
        version="",
        created=material.created,
        rubrics=(),
        left_out={},
        configuration=msgspec.to_builtins(config),
        corpus=material.facts,
        metrics=None,
        topics=replace(model.metrics(taught.tokens), previous=before.manifest.version if before else ""),
        libraries=libraries(),
    )
    pipeline = TopicPipeline(material.cleaner, model, config.topics.model)
    watch("recording what was written when", 0)
    found = record(pipeline, material, corpus, titles=config.report.excerpt > 0)
    report = topic_report.build(
        model,
        found,
        manifest,
        previous.topics if previous else (),
        topic_report.places(before.folder) if before else {},
    )
    outlets, days = zip(*material.origins, strict=True)
    looks = profile.describe(
        material.tokens,
        days,
        outlets,
        lambda rows: of_topics(model.transform(take(material.tokens, rows)), model.topics),
    )

    def write(folder: Path) -> None:
        pipeline.save(folder)
        words.save(folder, material.words)
        profile.save(folder, looks)
        activity.save(folder, found)
        topic_pages.write(folder, report, config.report.lang)

    return registry.publish(manifest, write)


def _settings(config: Config) -> tuple[Any, Any]:
    """Validate rules and settings before the work begins; return those of classifier and topic model."""
    Rules(config.rules).check()
    classifier = plugins.CLASSIFIERS.load(config.rubrics.classifier)
    topic_model = plugins.TOPIC_MODELS.load(config.topics.model)
    return (
        convert(config.rubrics.settings, classifier.Settings, "rubrics.settings"),
        convert(config.topics.settings, topic_model.Settings, "topics.settings"),
    )


def _texts(corpus: Corpus, material: Material, rows: npt.NDArray[np.intp]) -> Iterator[tuple[str, str]]:
    """Yield the cleaned titles and texts of given rows, in the order of the corpus."""
    start, places = 0, material.places[rows]
    for batch in corpus.batches():
        here = np.searchsorted(places, [start, start + len(batch.articles)])
        for place in places[slice(*here)].tolist():
            article = batch.articles[place - start]
            yield material.cleaner.clean(article.title, article.text, article.outlet)
        start += len(batch.articles)


def _cleaner(corpus: Corpus, settings: Cleaning, jobs: int, watch: Watch) -> Cleaner:
    """Learn the boilerplate of each outlet from rule-cleaned texts."""
    cleaner = Cleaner(settings.drop_recaps, settings.skip)
    if not settings.boilerplate:
        return cleaner
    learner, done = BoilerplateLearner(), 0
    for edges in batchwise(partial(_edges, cleaner), _weighed(corpus, learner), jobs):
        for one in edges:
            learner.count(*one)
        done += len(edges)
        watch("learning what outlets repeat", done)
    return Cleaner(settings.drop_recaps, settings.skip, learner.learn())


_Weighed = tuple[str, str, int]
"""Outlet, text, and the number of articles that this one stands for."""


def _weighed(corpus: Corpus, learner: BoilerplateLearner) -> Iterator[list[_Weighed]]:
    for batch in corpus.batches():
        weighed = [(one.outlet, one.text, learner.weigh(one.outlet)) for one in batch.articles]
        yield [one for one in weighed if one[2]]


def _edges(cleaner: Cleaner, weighed: list[_Weighed]) -> list[tuple[str, list[tuple[str, int]], int]]:
    """Clean articles and return the fragments at their edges."""
    texts = [cleaner.clean("", text)[1] for _, text, _ in weighed]
    return [
        (outlet, witnessed(text), weight)
        for (outlet, _, weight), text in zip(weighed, texts, strict=True)
        if text
    ]
