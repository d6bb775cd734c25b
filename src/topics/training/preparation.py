"""The first two passes over a corpus: what outlets repeat, then the tokens of what is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from topics.config import Cleaning, Config
from topics.corpus import Corpus
from topics.corpus.material import Material
from topics.rubrics.rules import Rules
from topics.text.boilerplate import BoilerplateLearner, witnessed
from topics.text.cleaning import Cleaner
from topics.training.estimators import new_classifier, new_topic_model
from topics.training.gathering import batchwise, gather
from topics.types import Watch, unwatched


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
        config: checked as a whole before the work begins.
        jobs: number of processes.
        watch: progress callback.
        words_from: folder of a version whose word forms are reused.

    Raises:
        UsageError: a setting is invalid.
    """
    Rules(config.rules).check()
    new_classifier(config)
    new_topic_model(config)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    cleaner = _learn_cleaner(corpus, config.cleaning, jobs, watch)
    return gather(corpus, cleaner, jobs, watch, words_from)._replace(created=created)


def _learn_cleaner(corpus: Corpus, settings: Cleaning, jobs: int, watch: Watch) -> Cleaner:
    """Learn the boilerplate of each outlet from rule-cleaned texts."""
    cleaner = Cleaner(settings.drop_recaps, settings.skip)
    if not settings.boilerplate:
        return cleaner
    learner, done = BoilerplateLearner(), 0
    for edges in batchwise(partial(_edges, cleaner), _weighted(corpus, learner), jobs):
        for outlet, fragments, weight in edges:
            learner.count(outlet, fragments, weight)
        done += len(edges)
        watch("learning boilerplate", done)
    return Cleaner(settings.drop_recaps, settings.skip, learner.learn())


_Weighted = tuple[str, str, int]
"""Outlet, text, and the number of articles that this one stands for."""


def _weighted(corpus: Corpus, learner: BoilerplateLearner) -> Iterator[list[_Weighted]]:
    """Yield the articles of a sample, batch by batch; large outlets are thinned."""
    for batch in corpus.batches():
        weighted = [(one.outlet, one.text, learner.weigh(one.outlet)) for one in batch.articles]
        yield [one for one in weighted if one[2]]


def _edges(cleaner: Cleaner, weighted: list[_Weighted]) -> list[tuple[str, list[tuple[str, int]], int]]:
    """Clean articles and return the fragments at their edges."""
    texts = [cleaner.clean("", text)[1] for _, text, _ in weighted]
    return [
        (outlet, witnessed(text), weight)
        for (outlet, _, weight), text in zip(weighted, texts, strict=True)
        if text
    ]
