"""The training jobs: a corpus becomes a version of rubrics, a version of topics, or both from one reading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from topics import plugins
from topics.config import Cleaning, Config, Rubrics, convert
from topics.corpus import Batch, Corpus
from topics.corpus.gathering import Material, Watch, batchwise, gather, sample
from topics.drift import profile
from topics.drift.readings import of_rubrics, of_topics
from topics.errors import DataError
from topics.pipeline import Pipeline
from topics.quality.evaluation import Answers, cross_validated, held_out_figures, time_ordered
from topics.reports import pages, topic_pages, topic_report
from topics.reports.report import build
from topics.rubrics.decisions import Truth, judged
from topics.rubrics.rules import Judgement, Rules
from topics.text.boilerplate import BoilerplateLearner, witnessed
from topics.text.cleaning import Cleaner
from topics.text.tokens import take
from topics.topic_pipeline import TopicPipeline
from topics.trends import activity
from topics.trends.recording import record
from topics.types import Labels, Reject
from topics.versions.manifest import Manifest, libraries
from topics.versions.registry import Registry, Version


def train(
    corpus: Corpus,
    config: Config,
    registry: Registry,
    *,
    name: str = "rubrics",
    jobs: int = 1,
    watch: Watch = lambda stage, done: None,
) -> tuple[Version, list[Reject]]:
    """Learn rubrics from a corpus and publish them.

    Args:
        corpus: gone over twice, once for what outlets repeat and once for the tokens.
        config: what to learn and how.
        registry: where the version goes; its alias `latest` moves there.
        name: what the model is called.
        jobs: processes.
        watch: told of the progress.

    Returns:
        The version, and the rows that could not be read.

    Raises:
        DataError: no rubric has enough articles.
        UsageError: the name or a setting will not do.
    """
    registry.versions(name)  # a name that will not do is told before the work begins
    material = prepare(corpus, config, jobs, watch)
    version = train_rubrics(material, corpus, config, registry, name=name, jobs=jobs, watch=watch)
    return version, material.rejects


def prepare(
    corpus: Corpus, config: Config, jobs: int = 1, watch: Watch = lambda stage, done: None
) -> Material:
    """Read a corpus once for rubrics and topics alike.

    Raises:
        UsageError: a setting will not do.
    """
    _settings(config)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    cleaner = _cleaner(corpus, config.cleaning, jobs, watch)
    return gather(corpus, cleaner, jobs, watch)._replace(created=created)


LATER = 0.2
"""Share of the articles, the newest, that a model of the others is asked about."""
_DATED = 100
"""Articles with a day and a label below which that says nothing."""


class Learned(NamedTuple):
    """What came of a corpus: a pipeline that can tag, and what it says of articles it had not seen."""

    pipeline: Pipeline
    material: Material
    truth: Truth
    """(articles, rubrics of the pipeline), as the data has it."""
    answers: Answers
    """Out of fold; its truth is what the figures are measured by."""
    folds: npt.NDArray[np.intp]
    left_out: dict[str, int]
    later: tuple[str, Answers] | None
    """The day from which on articles are later ones, and what a model of the earlier says of those."""


def learn(
    material: Material, config: Config, jobs: int = 1, watch: Watch = lambda stage, done: None
) -> Learned:
    """Learn rubrics, from a sample of the articles if there are very many, and publish nothing.

    Raises:
        DataError: no rubric has enough articles.
    """
    kind, settings = plugins.CLASSIFIERS.load(config.rubrics.classifier), _settings(config)[0]
    material = sample(material, config.rubrics.max_articles)
    rules = Rules(config.rules)
    truth, rubrics, left_out = truth_table(material.labels, config.rubrics)
    clean = np.array([labels is not None and labels.clean for labels in material.labels])
    days = np.array([day for _, day in material.origins])
    since = _later_since(days[(judged(truth, clean) >= 0).any(axis=1)])
    later = (days >= since) | (days == "") if since else None
    watch("learning rubrics", 0)
    classifier = kind(settings, jobs=jobs).fit(material.tokens, truth, rubrics, clean, later)
    truth = np.hstack([truth, _truth_of(material.labels, rules.beside(rubrics))])
    told = judged(truth, clean), rubrics, settings.decisions, rules, rules.hits(material.tokens)
    answers, tomorrow = cross_validated(classifier.held_out, *told), None
    if later is not None:
        tomorrow = since, time_ordered(classifier.held_out, later, *told).take(days[later] != "")
    pipeline = Pipeline(material.cleaner, classifier, config.rubrics.classifier, rules)
    return Learned(pipeline, material, truth, answers, classifier.held_out.folds, left_out, tomorrow)


def _later_since(days: npt.NDArray[np.str_]) -> str:
    """Find the day from which on lies the newest fifth of the articles that count; "" if there is none.

    Args:
        days: of these articles; "" where nobody knows it.
    """
    dated = np.sort(days[days != ""])
    since = str(dated[int(len(dated) * (1 - LATER))]) if len(dated) >= _DATED else ""
    return since if since and dated[0] < since else ""


def train_rubrics(
    material: Material,
    corpus: Corpus,
    config: Config,
    registry: Registry,
    *,
    name: str = "rubrics",
    jobs: int = 1,
    watch: Watch = lambda stage, done: None,
) -> Version:
    """Learn rubrics and publish them, with the report; see `train`.

    Args:
        material: what `prepare` made of the corpus.
        corpus: read again for the few articles that the report shows.
        config: what to learn and how.
        registry: where the version goes; its alias `latest` moves there.
        name: what the model is called.
        jobs: processes.
        watch: told of the progress.

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
        figures=held_out_figures(answers, learned.folds, pipeline.rubrics),
        libraries=libraries(),
    )
    watch("writing the report", 0)
    report = build(learned, corpus, manifest, config.report.excerpt)
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
    watch: Watch = lambda stage, done: None,
) -> Version:
    """Find topics and publish them.

    Args:
        material: what `prepare` made of the corpus.
        corpus: gone over twice more, for the forms in which it writes the words of topics, and for the titles
            of typical articles.
        config: which topic model, and how.
        registry: where the version goes; its alias `latest` moves there.
        name: what the model is called; the topics of its latest version keep their ids and names.
        jobs: processes, where the number of topics is to be chosen.
        watch: told of the progress.

    Raises:
        DataError: there are too few articles for so many topics.
        ModelError: the latest version is damaged.
    """
    model = plugins.TOPIC_MODELS.load(config.topics.model)(_settings(config)[1])
    watch("finding topics", 0)
    before = registry.open(f"{name}@latest") if registry.versions(name) else None
    previous = TopicPipeline.load(before.folder, before.names).model if before else None
    taught = sample(material, config.topics.max_articles, clean_first=False)
    model.fit(taught.tokens, _texts(corpus, taught), previous, jobs)
    manifest = Manifest(
        name=name,
        version="",
        created=material.created,
        rubrics=(),
        left_out={},
        configuration=msgspec.to_builtins(config),
        corpus=material.facts,
        figures=None,
        topics=replace(model.figures(taught.tokens), previous=before.manifest.version if before else ""),
        libraries=libraries(),
    )
    pipeline = TopicPipeline(material.cleaner, model, config.topics.model)
    watch("recording what was written when", 0)
    found = record(pipeline, material, corpus, titles=config.report.excerpt > 0)
    report = topic_report.build(model, found, manifest, previous.topics if previous else ())
    outlets, days = zip(*material.origins, strict=True)
    looks = profile.describe(
        material.tokens,
        days,
        outlets,
        lambda rows: of_topics(model.transform(take(material.tokens, rows)), model.topics),
    )

    def write(folder: Path) -> None:
        pipeline.save(folder)
        profile.save(folder, looks)
        activity.save(folder, found)
        topic_pages.write(folder, report, config.report.lang)

    return registry.publish(manifest, write)


def _settings(config: Config) -> tuple[Any, Any]:
    """Check the settings of the classifier and of the topic model, before any work is done."""
    classifier = plugins.CLASSIFIERS.load(config.rubrics.classifier)
    topic_model = plugins.TOPIC_MODELS.load(config.topics.model)
    return (
        convert(config.rubrics.settings, classifier.Settings, "rubrics.settings"),
        convert(config.topics.settings, topic_model.Settings, "topics.settings"),
    )


def _texts(corpus: Corpus, material: Material) -> Iterator[tuple[str, str]]:
    """Read again the articles of some material, cleaned, in its order, which is that of the corpus."""
    start = 0
    for batch in corpus.batches():
        here = np.searchsorted(material.places, [start, start + len(batch.articles)])
        for place in material.places[slice(*here)].tolist():
            article = batch.articles[place - start]
            yield material.cleaner.clean(article.title, article.text, article.outlet)
        start += len(batch.articles)


def truth_table(
    labels: list[Labels | None], wanted: Rubrics
) -> tuple[Truth, tuple[str, ...], dict[str, int]]:
    """Lay out what is known: the truth (articles, rubrics), the rubrics, those left out with their positives.

    Raises:
        DataError: no rubric has enough articles.
    """
    names = wanted.names or sorted({rubric for label in labels if label for rubric in label.rubrics})
    truth = np.array([[_answer(label, name) for name in names] for label in labels], np.int8)
    truth = truth.reshape(len(labels), len(names))
    positives = (truth == 1).sum(axis=0)
    enough = (positives >= wanted.min_positives) & (truth == 0).any(axis=0)
    if not enough.any():
        found = ", ".join(f"{name} {count}" for name, count in zip(names, positives, strict=True)) or "none"
        raise DataError(
            f"no rubric has {wanted.min_positives} articles that carry it and one that does not "
            f"(found: {found}); name the column with --rubrics-column, or lay labels over with --labels"
        )
    few = {name: int(n) for name, n, ok in zip(names, positives, enough, strict=True) if not ok}
    return truth[:, enough], tuple(name for name, ok in zip(names, enough, strict=True) if ok), few


def _truth_of(labels: list[Labels | None], rubrics: tuple[str, ...]) -> Truth:
    """Lay out what is known of rubrics that have rules only; nothing, where no article carries one yet."""
    truth = np.array([[_answer(label, name) for name in rubrics] for label in labels], np.int8)
    truth = truth.reshape(len(labels), len(rubrics))
    return np.where((truth == 1).any(axis=0), truth, -1).astype(np.int8)


def _answer(labels: Labels | None, rubric: str) -> int:
    state = labels.state(rubric) if labels else None
    return -1 if state is None else int(state)


def _cleaner(corpus: Corpus, settings: Cleaning, jobs: int, watch: Watch) -> Cleaner:
    """Learn what each outlet repeats in its articles from texts that the rules have cleaned."""
    cleaner = Cleaner(settings.drop_recaps, settings.skip)
    if not settings.boilerplate:
        return cleaner
    learner, done = BoilerplateLearner(), 0
    for articles in batchwise(partial(_edges, cleaner), corpus.batches(), jobs):
        for outlet, fragments in articles:
            if outlet:
                learner.count(outlet, fragments)
        done += len(articles)
        watch("learning what outlets repeat", done)
    return Cleaner(settings.drop_recaps, settings.skip, learner.learn())


def _edges(cleaner: Cleaner, batch: Batch) -> list[tuple[str, list[tuple[str, int]]]]:
    """Clean articles and cut off their edges; no outlet is named where an article teaches nothing."""
    texts = [cleaner.clean("", article.text)[1] if article.outlet else "" for article in batch.articles]
    return [
        (article.outlet if text else "", witnessed(text))
        for article, text in zip(batch.articles, texts, strict=True)
    ]
