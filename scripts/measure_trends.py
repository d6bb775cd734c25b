"""Measure the false alarms of the trend test by permuting dates, and show what it finds in March 2020.

    python scripts/measure_trends.py

Topics of rbc2020, January to March and all six months. Dates are permuted a thousand times: among articles,
among whole days (articles of one day stay together) and among whole weeks. As nothing rises then, the share
of permutations in which any topic is reported to rise or fall should be at most RATE. Permuted weeks are
shown for comparison only: sometimes a week that really was different comes last. Archives in which nothing
rises are simulated as well. Needs the news folder, see scripts/news.py.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
from scipy import sparse

import news
from topics.config import Config
from topics.corpus import Corpus
from topics.topic_models.lda import LdaModel
from topics.topic_pipeline import TopicPipeline
from topics.training.preparation import prepare
from topics.trends.changes import FDR, changes, detect_trends
from topics.trends.periods import Periods, periods
from topics.trends.recording import record

REPEATS = 1000
Ints = npt.NDArray[np.intp]


def main() -> None:
    for concentration in (400, 40, 5):
        alarms = [simulated(seed, concentration) for seed in range(REPEATS)]
        any_ = np.mean(np.array(alarms) > 0)
        print(f"simulated, concentration {concentration}: any alarm in {any_:.3f} of {REPEATS}")
    corpus = Corpus(news.folder() / "rbc2020.jsonl.gz")
    whole = prepare(corpus, Config())
    months = np.array([day[5:7] for _, day in whole.origins])
    for name, wanted in (("January to March", ["01", "02", "03"]), ("six months", sorted(set(months)))):
        material = whole.choose(np.flatnonzero(np.isin(months, wanted)))
        model = LdaModel().fit(material.tokens)
        calendar = periods([day for _, day in material.origins])
        shares = model.transform(material.tokens).astype(np.float64)
        print(f"\n{name}: {len(shares)} articles, {shares.shape[1]} topics, {len(calendar.starts)} weeks")
        for unit, blocks in blocks_of(material.origins, calendar).items():
            alarms = [
                alarm(shares, calendar, permute(blocks, calendar.assigned, seed)) for seed in range(REPEATS)
            ]
            any_, mean = np.mean(np.array(alarms) > 0), np.mean(alarms)
            print(
                f"  {unit} permuted: any alarm in {any_:.3f} of {REPEATS}, {mean:.2f} topics per permutation"
            )
        activity = record(TopicPipeline(material.cleaner, model), material, corpus, titles=False)
        labels = {topic.id: topic.label for topic in model.topics}
        for change in sorted(changes(activity), key=lambda change: change.q):
            if change.direction != "steady":
                print(
                    f"  {change.direction} since {change.since}: {labels[change.topic]}, "
                    f"{change.before:.1%} -> {change.after:.1%}, q {change.q:.4f}"
                )


def simulated(seed: int, concentration: float, weeks: int = 20, topics: int = 15) -> int:
    """Count the topics reported to rise or fall where each week draws its shares around constant means."""
    generator = np.random.default_rng(seed)
    usual = generator.dirichlet(np.full(topics, 2.0))
    counts = generator.integers(50, 400, weeks).astype(np.float64)
    found = detect_trends(counts, generator.dirichlet(usual * concentration * topics, weeks))
    return 0 if found is None else int((found.q <= FDR).sum())


def blocks_of(origins: list[tuple[str, str]], calendar: Periods) -> dict[str, Ints]:
    """Return, for each unit, the block of every article; articles of a block stay together."""
    _, days = np.unique([day for _, day in origins], return_inverse=True)
    return {"articles": np.arange(len(origins)), "days": days, "weeks": calendar.assigned}


def permute(blocks: Ints, places: Ints, seed: int) -> Ints:
    """Permute the periods of the blocks."""
    first = np.unique(blocks, return_index=True)[1]
    permuted = np.random.default_rng(seed).permutation(places[first])
    return permuted[np.searchsorted(blocks[first], blocks)]


def alarm(shares: npt.NDArray[np.float64], calendar: Periods, places: Ints) -> int:
    """Count the topics reported to rise or fall."""
    counts = np.bincount(places, minlength=len(calendar.starts)).astype(np.float64)
    member = sparse.csr_array(
        (np.ones(len(places)), (places, np.arange(len(places)))), (len(counts), len(places))
    )
    found = detect_trends(counts, member @ shares / np.maximum(counts, 1)[:, None])
    return 0 if found is None else int((found.q <= FDR).sum())


if __name__ == "__main__":
    sys.exit(main())
