"""The evaluation job: metrics of a version on labelled articles, overall and by slices."""

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
from topics.quality.slices import ArticleSlices, Slice, slices, slices_of
from topics.rubrics.rules import known_if_named
from topics.text import duplicates
from topics.text.tokens import concatenate
from topics.types import Article, TokenBatch, Watch, unwatched
from topics.versions.registry import Version


class Assessment(msgspec.Struct, frozen=True):
    """Metrics of a version on a corpus."""

    model: str
    sources: tuple[str, ...]
    read: int
    labelled: int
    reprints: int
    """Labelled articles left out as near-duplicates of others."""
    rejects: int
    trained_on: tuple[str, ...]
    """Sources that the version was trained on; metrics on these are optimistic."""
    not_known: dict[str, int]
    """Rubric of the data that the version does not know -> number of articles."""
    whole: Measure
    slices: dict[str, tuple[Slice, ...]]


def evaluate(
    corpus: Corpus,
    version: Version,
    by: Sequence[str] = (),
    *,
    since: str = "",
    watch: Watch = unwatched,
) -> Assessment:
    """Evaluate a version on labelled articles that it was not trained on.

    Args:
        corpus: articles without labels are read and ignored.
        version: opened by the registry.
        by: slices to report, any of `outlet`, `month`, `length`.
        since: use only articles from this day (ISO 8601) on; those without a date are left out.
        watch: called with the progress.

    Raises:
        DataError: no articles are labelled.
        UsageError: a slice or the date is invalid, or the version is of topics.
    """
    unknown = set(by) - set(ArticleSlices._fields)
    if unknown:
        raise UsageError(f"cannot slice by {listed(unknown)}; known: {listed(ArticleSlices._fields)}")
    if since and not iso(since):
        raise UsageError(f"{since!r} is not a date; write 2026-03-04")
    version.manifest.rubric_metrics()
    pipeline = Pipeline.load(version.folder)
    rubrics = version.manifest.rubrics
    collected = collect_answers([pipeline], corpus, partial(watch, "evaluating"), since)
    [answers], firsts = collected.answers, collected.firsts
    modelled = len(pipeline.classifier.rubrics)  # the rest have rules only
    answers.truth[:, modelled:] = known_if_named(answers.truth[:, modelled:])
    distinct = answers.take(firsts)
    return Assessment(
        model=version.label,
        sources=corpus.names,
        read=collected.read,
        labelled=len(answers.truth),
        reprints=collected.reprints,
        rejects=collected.rejects,
        trained_on=version.manifest.trained_on(corpus.sources),
        not_known={name: n for name, n in collected.named.most_common() if name not in rubrics},
        whole=measure(distinct, rubrics),
        slices={
            name: slices([getattr(collected.origins[i], name) for i in firsts], distinct, rubrics)
            for name in by
        },
    )


class LabelledAnswers(NamedTuple):
    """Answers of pipelines for the labelled articles of a corpus."""

    answers: list[Answers]
    """One for each pipeline; the columns are its rubrics."""
    firsts: npt.NDArray[np.intp]
    """Rows of the articles, one of each group of near-duplicates."""
    origins: list[ArticleSlices]
    named: Counter[str]
    """Rubric -> labelled articles that have it."""
    read: int
    rejects: int

    @property
    def reprints(self) -> int:
        """Number of labelled articles that are near-duplicates of others."""
        return len(self.origins) - len(self.firsts)


def collect_answers(
    pipelines: Sequence[Pipeline], corpus: Corpus, watch: Callable[[int], None], since: str = ""
) -> LabelledAnswers:
    """Let pipelines answer the labelled articles of a corpus.

    Args:
        pipelines: the tokens of the first are used to find near-duplicates.
        corpus: articles without labels are read and ignored.
        watch: called with the number of articles read.
        since: use only articles from this day (ISO 8601) on.

    Raises:
        DataError: no articles are labelled.
    """
    batches: list[TokenBatch] = []
    answers: list[list[Answers]] = [[] for _ in pipelines]
    origins: list[ArticleSlices] = []
    named: Counter[str] = Counter()
    read = rejects = 0
    for batch in corpus.batches():
        read, rejects = read + len(batch.articles), rejects + len(batch.rejects)
        chosen = [article for article in batch.articles if article.labels and article.date >= iso(since)]
        if chosen:
            tokens = [pipeline.read(chosen) for pipeline in pipelines]
            for parts, pipeline, its_tokens in zip(answers, pipelines, tokens, strict=True):
                parts.append(answer(pipeline, chosen, its_tokens))
            batches.append(tokens[0])
            lengths = np.diff(tokens[0].offsets).tolist()
            origins.extend(slices_of(a.outlet, a.date, n) for a, n in zip(chosen, lengths, strict=True))
            for article in chosen:
                named.update(article.labels.rubrics if article.labels else ())
        watch(read)
    if not batches:
        after = f" since {since}" if since else ""
        raise DataError(
            f"{read} articles, none labelled{after}; "
            "name the column with --rubrics-column, or add labels with --labels"
        )
    joined = [Answers(*map(np.concatenate, zip(*parts, strict=True))) for parts in answers]
    firsts = np.unique(duplicates.groups(concatenate(batches)))
    return LabelledAnswers(joined, firsts, origins, named, read, rejects)


def answer(pipeline: Pipeline, articles: Sequence[Article], tokens: TokenBatch) -> Answers:
    """Return the answers of a pipeline for articles, with their labels; `tokens` are from `pipeline.read`."""
    states = [
        [article.labels.state(rubric) if article.labels else None for rubric in pipeline.rubrics]
        for article in articles
    ]
    truth = np.array([[-1 if state is None else int(state) for state in row] for row in states], np.int8)
    return Answers(truth, *pipeline.judge(tokens))
