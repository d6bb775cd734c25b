"""Whether a rising topic is news: false alarms where dates mean nothing, and what rose in March 2020.

    TOPICS_NEWS_DATA=../shared/data python scripts/measure_trends.py

Topics of rbc2020, January to March and all six months. Dates are dealt out anew a thousand times: to articles
one by one, to whole days (what was written on one day stays together), and to whole weeks. As nothing rises
then, the share of deals in which anything is said to rise or fall must be at most RATE. Weeks dealt out anew
are no such test, since a week that was really different comes last now and then; they are shown beside.
Archives in which nothing rises are simulated, too.
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

DEALS = 1000
Ints = npt.NDArray[np.intp]


def main() -> None:
    """Measure simulated archives and both spans."""
    for swing in (400, 40, 5):
        alarms = [simulated(seed, swing) for seed in range(DEALS)]
        print(
            f"simulated, concentration {swing}: something in {np.mean(np.array(alarms) > 0):.3f} of {DEALS}"
        )
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
            alarms = [alarm(shares, calendar, deal(blocks, calendar.assigned, seed)) for seed in range(DEALS)]
            any_, mean = np.mean(np.array(alarms) > 0), np.mean(alarms)
            print(
                f"  {unit} dealt out anew: something in {any_:.3f} of {DEALS} deals, {mean:.2f} topics a deal"
            )
        activity = record(TopicPipeline(material.cleaner, model), material, corpus, titles=False)
        labels = {topic.id: topic.label for topic in model.topics}
        for change in sorted(changes(activity), key=lambda change: change.q):
            if change.direction != "steady":
                print(
                    f"  {change.direction} since {change.since}: {labels[change.topic]}, "
                    f"{change.before:.1%} -> {change.after:.1%}, q {change.q:.4f}"
                )


def simulated(seed: int, swing: float, weeks: int = 20, topics: int = 15) -> int:
    """Count the topics that are said to rise or fall where each week draws shares around usual ones."""
    generator = np.random.default_rng(seed)
    usual = generator.dirichlet(np.full(topics, 2.0))
    counts = generator.integers(50, 400, weeks).astype(np.float64)
    found = detect_trends(counts, generator.dirichlet(usual * swing * topics, weeks))
    return 0 if found is None else int((found.q <= FDR).sum())


def blocks_of(origins: list[tuple[str, str]], calendar: Periods) -> dict[str, Ints]:
    """Number the blocks whose articles stay together."""
    _, days = np.unique([day for _, day in origins], return_inverse=True)
    return {"articles": np.arange(len(origins)), "days": days, "weeks": calendar.assigned}


def deal(blocks: Ints, places: Ints, seed: int) -> Ints:
    """Give each block the period of another one."""
    first = np.unique(blocks, return_index=True)[1]
    dealt = np.random.default_rng(seed).permutation(places[first])
    return dealt[np.searchsorted(blocks[first], blocks)]


def alarm(shares: npt.NDArray[np.float64], calendar: Periods, places: Ints) -> int:
    """Count the topics that are said to rise or fall."""
    counts = np.bincount(places, minlength=len(calendar.starts)).astype(np.float64)
    member = sparse.csr_array(
        (np.ones(len(places)), (places, np.arange(len(places)))), (len(counts), len(places))
    )
    found = detect_trends(counts, member @ shares / np.maximum(counts, 1)[:, None])
    return 0 if found is None else int((found.q <= FDR).sum())


if __name__ == "__main__":
    sys.exit(main())
