"""The evaluation job: a version and labelled articles become figures, in whole and by slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from topics.corpus import Corpus
from topics.corpus.articles import iso
from topics.errors import DataError, UsageError, listed
from topics.pipeline import Pipeline
from topics.quality.evaluation import Answers
from topics.quality.measuring import Measure, measure
from topics.quality.slices import Origin, Slice, origin, slices
from topics.rubrics.rules import known_if_named
from topics.text import duplicates
from topics.text.tokens import concatenate
from topics.types import Article, TokenBatch
from topics.versions.registry import Version

Watch = Callable[[str, int], None]


class Assessment(msgspec.Struct, frozen=True):
    """What a version is worth on some articles."""

    model: str
    sources: tuple[str, ...]
    read: int
    labelled: int
    reprints: int
    """Labelled articles left out as near-duplicates of others that are counted."""
    rejects: int
    trained_on: tuple[str, ...]
    """Sources that the version was trained on as well: figures on the same articles flatter it."""
    not_known: dict[str, int]
    """Rubrics that the data names and the version does not know, with their articles."""
    whole: Measure
    slices: dict[str, tuple[Slice, ...]]


def evaluate(
    corpus: Corpus,
    version: Version,
    by: Sequence[str] = (),
    *,
    since: str = "",
    watch: Watch = lambda stage, done: None,
) -> Assessment:
    """Measure a version on labelled articles that it was not trained on.

    Args:
        corpus: articles without labels are read and not counted.
        version: as the registry opened it.
        by: any of `outlet`, `month`, `length`.
        since: count only articles of this day (ISO 8601) or later; those without a date are left out.
        watch: told of the progress.

    Raises:
        DataError: no article is labelled.
        UsageError: there is no such slice, or the version knows topics, not rubrics.
    """
    unknown = set(by) - set(Origin._fields)
    if unknown:
        raise UsageError(f"cannot slice by {listed(unknown)}; known: {listed(Origin._fields)}")
    if since and not iso(since):
        raise UsageError(f"{since!r} is no date; write 2026-03-04")
    version.manifest.rubric_metrics()
    pipeline = Pipeline.load(version.folder)
    rubrics = version.manifest.rubrics
    asked = ask([pipeline], corpus, partial(watch, "evaluating"), since)
    [found], firsts = asked.answers, asked.firsts
    alone = len(pipeline.classifier.rubrics)  # from here on rubrics with rules only
    found.truth[:, alone:] = known_if_named(found.truth[:, alone:])
    counted = found.take(firsts)
    return Assessment(
        model=version.label,
        sources=corpus.names,
        read=asked.read,
        labelled=len(found.truth),
        reprints=asked.reprints,
        rejects=asked.rejects,
        trained_on=version.manifest.trained_on(corpus.sources),
        not_known={name: n for name, n in asked.named.most_common() if name not in rubrics},
        whole=measure(counted, rubrics),
        slices={
            name: slices([getattr(asked.origins[i], name) for i in firsts], counted, rubrics) for name in by
        },
    )


class Asked(NamedTuple):
    """What pipelines answered about the labelled articles of a corpus."""

    answers: list[Answers]
    """Of each pipeline: its rubrics are the columns."""
    firsts: npt.NDArray[np.intp]
    """Rows of the articles without their near-duplicates."""
    origins: list[Origin]
    named: Counter[str]
    """Rubric -> labelled articles that carry it."""
    read: int
    rejects: int

    @property
    def reprints(self) -> int:
        """Count the labelled articles that are near-duplicates of others."""
        return len(self.origins) - len(self.firsts)


def ask(
    pipelines: Sequence[Pipeline], corpus: Corpus, watch: Callable[[int], None], since: str = ""
) -> Asked:
    """Ask pipelines about the labelled articles of a corpus.

    Args:
        pipelines: the first one's cleaning decides which articles are near-duplicates.
        corpus: articles without labels are read and not asked about.
        watch: told how many articles were read.
        since: ask only about articles of this day (ISO 8601) or later.

    Raises:
        DataError: no article is labelled.
    """
    batches: list[TokenBatch] = []
    answers: list[list[Answers]] = [[] for _ in pipelines]
    origins: list[Origin] = []
    named: Counter[str] = Counter()
    read = rejects = 0
    for batch in corpus.batches():
        read, rejects = read + len(batch.articles), rejects + len(batch.rejects)
        chosen = [article for article in batch.articles if article.labels and article.date >= iso(since)]
        if chosen:
            tokens = [pipeline.read(chosen) for pipeline in pipelines]
            for found, pipeline, its in zip(answers, pipelines, tokens, strict=True):
                found.append(answer(pipeline, chosen, its))
            batches.append(tokens[0])
            lengths = np.diff(tokens[0].offsets).tolist()
            origins.extend(origin(a.outlet, a.date, n) for a, n in zip(chosen, lengths, strict=True))
            for article in chosen:
                named.update(article.labels.rubrics if article.labels else ())
        watch(read)
    if not batches:
        after = f" since {since}" if since else ""
        raise DataError(
            f"{read} articles, none labelled{after}; "
            "name the column with --rubrics-column, or lay labels over with --labels"
        )
    joined = [Answers(*map(np.concatenate, zip(*found, strict=True))) for found in answers]
    firsts = np.unique(duplicates.groups(concatenate(batches)))
    return Asked(joined, firsts, origins, named, read, rejects)


def answer(pipeline: Pipeline, articles: Sequence[Article], tokens: TokenBatch) -> Answers:
    """Lay what a pipeline says of articles, which it has read, beside their labels."""
    states = [
        [article.labels.state(rubric) if article.labels else None for rubric in pipeline.rubrics]
        for article in articles
    ]
    truth = np.array([[-1 if state is None else int(state) for state in row] for row in states], np.int8)
    return Answers(truth, *pipeline.judge(tokens))
