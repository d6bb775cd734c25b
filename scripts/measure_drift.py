"""Measure the alarms of drift monitoring in quiet and in eventful weeks of RBC, 2020.

    python scripts/measure_drift.py
    python scripts/measure_drift.py simulate

Rubrics and topics are trained on rubrics.jsonl.gz with gold.tsv. The reference is January and February 2020
without two weeks: these two weeks should be quiet, while the weeks of March bring the coronavirus. Four pairs
of weeks are held out in turn. Then false alarms are counted on windows of neighbouring articles of the quiet
months.

`simulate` counts false alarms in simulated streams whose only change is stories that last several runs: with
the correction for runs shared by sliding windows, and without it. It needs no news folder; the other command
does, see scripts/news.py.
"""

from __future__ import annotations

import datetime
import sys
import tempfile
from collections.abc import Callable, Sequence
from unittest import mock

import numpy as np

import news
from topics.config import Config
from topics.corpus import Corpus
from topics.drift import comparing, profile, readings
from topics.drift.comparing import Drift
from topics.drift.monitoring import Observer
from topics.drift.readings import DriftMeasure, Readings, of_rubrics, of_topics
from topics.pipeline import Pipeline
from topics.text.tokens import concatenate, take
from topics.topic_pipeline import TopicPipeline, open_either
from topics.training.job import TrainingJob
from topics.types import Article, TokenBatch
from topics.versions.registry import Registry

Rows = np.ndarray[tuple[int], np.dtype[np.intp]]
HELD_OUT = ((3, 7), (2, 6), (4, 8), (5, 9))


class Stream:
    """RBC's articles of 2020, with tokens and predictions."""

    def __init__(self, pipeline: Pipeline | TopicPipeline) -> None:
        rows = sorted(news.rows("rbc2020"), key=lambda row: row["date"])
        self.articles = [
            Article(str(row["id"]), row["text"] or "", row["title"] or "", row["date"], row["source"] or "")
            for row in rows
        ]
        parts: list[TokenBatch] = [
            pipeline.read(self.articles[start : start + 1000]) for start in range(0, len(rows), 1000)
        ]
        self.tokens = concatenate(parts)
        self.readings = _readings(pipeline, self.tokens)
        days = [datetime.date.fromisoformat(article.date[:10]) for article in self.articles]
        self.months = np.array([day.month for day in days])
        self.weeks = np.array([day.isocalendar().week for day in days])

    def profile(self, chosen: np.ndarray) -> profile.Profile:
        """Build the drift profile of the chosen articles."""
        rows = np.flatnonzero(chosen)
        dates, outlets = zip(*((self.articles[i].date, self.articles[i].outlet) for i in rows), strict=True)
        return profile.describe(
            take(self.tokens, rows), dates, outlets, lambda some: self.readings(rows[some])
        )

    def drift(self, base: profile.Profile, chosen: np.ndarray) -> Drift:
        """Compare the chosen articles with a profile."""
        observer, rows = Observer(base), np.flatnonzero(chosen)
        observer.add([self.articles[i] for i in rows], take(self.tokens, rows), self.readings(rows))
        return observer.drift()


def _readings(pipeline: Pipeline | TopicPipeline, tokens: TokenBatch) -> Callable[[Rows], Readings]:
    """Return a function from rows to the predictions of a version for them."""
    if isinstance(pipeline, TopicPipeline):
        shares = pipeline.model.transform(tokens)
        return lambda rows: of_topics(shares[rows], pipeline.topics)
    judgement = pipeline.judge(tokens)
    return lambda rows: of_rubrics(judgement.choose(rows), pipeline.rubrics)


def main() -> None:
    with tempfile.TemporaryDirectory() as models:
        corpus = Corpus(news.folder() / "rubrics.jsonl.gz", labels_file=news.folder() / "gold.tsv")
        job = TrainingJob(corpus, Config(), Registry(models))
        versions = [job.train_rubrics(), job.train_topics()]
        pipelines = [open_either(version.folder) for version in versions]
    for kind, pipeline in zip(("rubrics", "topics"), pipelines, strict=True):
        print(f"\n### {kind}\n")
        print("| held out | week | articles | verdict | farthest measures, ratio of distance to limit |")
        print("|---|---|---|---|---|")
        weeks(Stream(pipeline))


def weeks(stream: Stream) -> None:
    winter, march = stream.months <= 2, stream.months == 3
    for pair in HELD_OUT:
        base = stream.profile(winter & ~np.isin(stream.weeks, pair))
        for week in pair:
            show(pair, f"{week}, quiet", stream.drift(base, winter & (stream.weeks == week)))
        for week in range(10, 15):
            show(pair, f"{week}, March", stream.drift(base, march & (stream.weeks == week)))
        show(pair, "September", stream.drift(base, stream.months == 9))
    false_alarms(stream, winter)


def show(pair: Sequence[int], week: str, drift: Drift) -> None:
    verdict = "ALARM" if drift.alarms else "quiet"
    shown = [*drift.findings[:3], *(one for one in drift.findings[3:] if one.measure == readings.TOPICS)]
    farthest = [(one.measure, one.ratio) for one in shown]
    words = ", ".join(word.word for word in drift.rising[:4]) if drift.alarms else ""
    cells = ", ".join(f"{name} {ratio:.2f}" for name, ratio in farthest)
    print(f"| {pair[0]}, {pair[1]} | {week} | {drift.articles} | {verdict} | {cells} {words} |", flush=True)


def false_alarms(stream: Stream, winter: np.ndarray, windows: int = 60) -> None:
    """Hold out windows of 200 neighbouring articles of the quiet months, each against the rest."""
    rows, alarms = np.flatnonzero(winter), 0
    for start in np.linspace(0, len(rows) - 200, windows).astype(int):
        chosen = np.zeros(len(winter), bool)
        chosen[rows[start : start + 200]] = True
        drift = stream.drift(stream.profile(winter & ~chosen), chosen)
        alarms += bool(drift.alarms)
        if drift.alarms:
            worst = drift.findings[0]
            place = stream.articles[rows[start]].date[:10]
            print(f"false alarm from {place}: {worst.measure}", file=sys.stderr)
    print(f"\n{alarms} of {windows} windows of 200 articles of January and February raised an alarm.")


def simulate(streams: int = 1000, runs: int = 20, size: int = 200) -> None:
    """Simulate an autocorrelated share: each run keeps part of the deviation of the run before it."""
    print("| kept from run to run | spread | articles | false alarms of 1,000 | without the correction |")
    print("|---|---|---|---|---|")
    for kept, spread in ((0.0, 0.0), (0.0, 0.05), (0.5, 0.05), (0.8, 0.05)):
        for length in (1, 5, 10):
            alarms = [0, 0]
            rng = np.random.default_rng(7)
            for _ in range(streams):
                base = _profile(rng, _autocorrelated(rng, runs, kept, spread), size)
                stream = _profile(rng, _autocorrelated(rng, length, kept, spread), size)
                given = stream.counts[:, 1].sum()
                summed = np.array([length * size, length * size - given, given, given], float)
                alarms[0] += bool(comparing.drift(base, summed).alarms)
                with mock.patch.object(comparing, "mean_correlation", return_value=0.0):
                    alarms[1] += bool(comparing.drift(base, summed).alarms)
            print(f"| {kept} | {spread} | {length * size} | {alarms[0]} | {alarms[1]} |", flush=True)


def _autocorrelated(rng: np.random.Generator, runs: int, kept: float, spread: float) -> np.ndarray:
    deviation = rng.normal(0, spread, runs)
    for i in range(1, runs):
        deviation[i] = kept * deviation[i - 1] + np.sqrt(1 - kept**2) * deviation[i]
    return np.clip(0.3 + deviation, 0, 1)


def _profile(rng: np.random.Generator, rates: np.ndarray, size: int) -> profile.Profile:
    counts = np.stack([rng.multinomial(size, [1 - rate, rate]) for rate in rates]).astype(np.int32)
    facts = profile.Facts((size,) * len(rates), "", "", (DriftMeasure("given: x", (0.5,)),), ())
    return profile.Profile(facts, counts, counts[:, 1:] / size, [], np.empty(0, np.int64))


if __name__ == "__main__":
    if sys.argv[1:] == ["simulate"]:
        simulate()
    elif len(sys.argv) > 1:
        sys.exit(__doc__)
    else:
        main()
