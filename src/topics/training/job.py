"""Training jobs: from a corpus to a version of rubrics, a version of topics, or both."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from topics.config import Config
from topics.corpus import Corpus
from topics.corpus.material import Material
from topics.drift import profile
from topics.drift.readings import Readings, of_rubrics, of_topics
from topics.errors import ModelError, ModelWarning
from topics.lifecycle.naming import open_topics
from topics.quality.measuring import summary
from topics.reports import pages, topic_pages, topic_report
from topics.reports.report import build
from topics.rubrics.rules import Judgement
from topics.text import words
from topics.text.tokens import take
from topics.topic_pipeline import TopicPipeline
from topics.training.estimators import new_topic_model
from topics.training.gathering import sample
from topics.training.learning import learn
from topics.training.preparation import prepare
from topics.trends import activity
from topics.trends.recording import record
from topics.types import Watch, unwatched
from topics.versions.manifest import Manifest, libraries
from topics.versions.registry import LATEST, Registry, Version


@dataclass(frozen=True)
class TrainingJob:
    """Trains rubrics and topics on one corpus and publishes them; the corpus is prepared once for both.

    `TrainingJob(Corpus("archive/"), Config(), Registry("models")).train_rubrics()`
    """

    corpus: Corpus
    """Read twice by `material`, and again for the texts that reports show."""
    config: Config
    registry: Registry
    """Where versions go; the alias `latest` of their model moves to them."""
    jobs: int = 1
    """Number of processes."""
    watch: Watch = unwatched
    """Progress callback."""
    words_from: Path | None = None
    """Folder of a version whose word forms are reused; see `latest_folder`."""

    @cached_property
    def material(self) -> Material:
        """The corpus as both trainings need it, with the rows that could not be read.

        Raises:
            UsageError: a setting is invalid.
        """
        return prepare(self.corpus, self.config, self.jobs, self.watch, self.words_from)

    def train_rubrics(self, name: str = "rubrics") -> Version:
        """Train and publish a model of rubrics called `name`, with its report.

        Raises:
            DataError: no rubric has enough articles.
            UsageError: the name or a setting is invalid.
        """
        self.registry.versions(name)  # raises for an invalid name before the work begins
        learned = learn(self.material, self.config, self.jobs, self.watch)
        pipeline, answers = learned.pipeline, learned.answers
        left_out = {rubric: n for rubric, n in learned.left_out.items() if rubric not in self.config.rules}
        manifest = replace(self._manifest(name), rubrics=pipeline.rubrics, left_out=left_out)
        self.watch("writing the report", 0)
        report = build(learned, self.corpus, manifest, self.config.report.excerpt)
        method = f"{report.folds}-fold cross-validation, thresholds and calibration of the other folds"
        judgement = Judgement(answers.probabilities, answers.given, answers.review)
        looks = _profile(learned.material, lambda rows: of_rubrics(judgement.choose(rows), pipeline.rubrics))

        def write(folder: Path) -> None:
            pipeline.save(folder)
            pages.write(folder, report, self.config.report.lang)

        return self._publish(replace(manifest, metrics=summary(report.whole, method)), looks, write)

    def train_topics(self, name: str = "topics") -> Version:
        """Train and publish a model of topics; topics of its latest version keep their ids and names.

        Raises:
            DataError: too few articles for the number of topics.
            ModelError: the latest version is damaged.
            UsageError: the name or a setting is invalid.
        """
        model = new_topic_model(self.config)
        latest = latest_topics(self.registry, name)
        material = self.material
        self.watch("finding topics", 0)
        previous = latest[0].model if latest else None
        learned_from = sample(material, self.config.topics.max_articles, clean_first=False)
        model.fit(learned_from.tokens, partial(_texts, self.corpus, learned_from), previous, self.jobs)
        parent = latest[1].manifest.version if latest else ""
        metrics = replace(model.metrics(learned_from.tokens), previous=parent)
        manifest = replace(self._manifest(name), topics=metrics)
        pipeline = TopicPipeline(material.cleaner, model, self.config.topics.model)
        self.watch("recording trends", 0)
        recorded = record(pipeline, material, self.corpus, titles=self.config.report.excerpt > 0)
        report = topic_report.build(
            model,
            recorded,
            manifest,
            previous.topics if previous else (),
            topic_report.places(latest[1].folder) if latest else {},
        )
        looks = _profile(
            material, lambda rows: of_topics(model.transform(take(material.tokens, rows)), model.topics)
        )

        def write(folder: Path) -> None:
            pipeline.save(folder)
            activity.save(folder, recorded)
            topic_pages.write(folder, report, self.config.report.lang)

        return self._publish(manifest, looks, write)

    def _manifest(self, name: str) -> Manifest:
        """Return what is known of a version before its training."""
        return Manifest(
            name=name,
            version="",
            created=self.material.created,
            rubrics=(),
            left_out={},
            configuration=msgspec.to_builtins(self.config),
            corpus=self.material.facts,
            metrics=None,
            libraries=libraries(),
        )

    def _publish(self, manifest: Manifest, looks: profile.Profile, write: Callable[[Path], None]) -> Version:
        def write_all(folder: Path) -> None:
            write(folder)
            words.save(folder, self.material.words)
            profile.save(folder, looks)

        return self.registry.publish(manifest, write_all)


def latest_folder(registry: Registry, *names: str) -> Path | None:
    """Return the folder of the latest version of one of these models, whose words can be reused."""
    for name in names:
        with warnings.catch_warnings(), suppress(ModelError):  # whatever the cause
            warnings.simplefilter("ignore", ModelWarning)
            if latest := _latest(registry, name):
                return registry.open(latest).folder
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
        cause = str(error).partition("; ")[0]
        raise ModelError(
            f"the new topics would continue {latest}, which cannot be opened ({cause}); import it again, run "
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


def _profile(material: Material, answers: Callable[[npt.NDArray[np.int64]], Readings]) -> profile.Profile:
    """Describe the articles of training, for `monitor`; `answers` of given rows, preferably out of fold."""
    outlets: Sequence[str]
    days: Sequence[str]
    outlets, days = zip(*material.origins, strict=True)
    return profile.describe(material.tokens, days, outlets, answers)


def _texts(corpus: Corpus, material: Material, rows: npt.NDArray[np.intp]) -> Iterator[tuple[str, str]]:
    """Yield the cleaned titles and texts of given rows, in the order of the corpus."""
    start, places = 0, material.places[rows]
    for batch in corpus.batches():
        here = np.searchsorted(places, [start, start + len(batch.articles)])
        for place in places[slice(*here)].tolist():
            article = batch.articles[place - start]
            yield material.cleaner.clean(article.title, article.text, article.outlet)
        start += len(batch.articles)
