"""Scoring of a corpus or a stream in this process, and of a shard in a worker process.

`topics.archive.job` combines shards into a job.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import msgspec
import numpy as np
from msgspec.structs import replace

from topics import storage
from topics.archive import repeats
from topics.archive.ledger import Counts, Done, JobFolder
from topics.archive.writers import Write, writing
from topics.corpus import Corpus, read
from topics.corpus.articles import Shape
from topics.corpus.batches import CHARACTERS, ROWS
from topics.corpus.seen import hashes
from topics.corpus.shards import Shard
from topics.drift.comparing import Drift
from topics.drift.readings import GIVEN, REVIEW
from topics.drift.stream import Stream, shares_in_training
from topics.errors import DataError
from topics.tagger import Tagger
from topics.text import words
from topics.types import Article, Prediction, Reject, Watch, unwatched
from topics.versions.registry import trained_on

_MIN_ARTICLES_TO_RECALL = 500
"""Smallest batch for which loading the stored words of a version, 0.1 s, pays off."""


class Share(msgspec.Struct, frozen=True):
    """How often a rubric was assigned."""

    articles: int
    share: float
    training: float
    """Its share in training; a large difference is a sign of drift."""


class Summary(msgspec.Struct, frozen=True):
    """The result of a scoring job."""

    versions: tuple[str, ...]
    articles: int
    rejects: int
    rubrics: dict[str, Share]
    without: int
    """Articles without a rubric."""
    needs_review: int
    review_share: float
    resumed: int
    """Articles done by an earlier, interrupted run."""
    seconds: float
    rate: float
    """Articles per second of this run."""
    drift: dict[str, Drift] = {}
    """Version -> how the articles differ from those it was trained on; not measured on very few articles."""
    trained_on: dict[str, tuple[str, ...]] = {}
    """Version -> sources that it was trained on, hence not compared with."""
    review_training: float | None = None
    """Share of the training articles that would have gone to review; None without rubrics."""
    not_kept: tuple[str, ...] = ()
    """Columns to keep that no article had."""


def score(
    corpus: Corpus,
    tagger: Tagger,
    write: Write,
    reject: Callable[[Reject], None],
    watch: Watch = unwatched,
    max_rejects: int | None = None,
) -> Summary:
    """Tag every article of a corpus, in order; memory depends on the batch, not on the corpus.

    Raises:
        DataError: more than `max_rejects` rows cannot be read.
    """
    start, counts, stream = time.monotonic(), zero_counts(tagger), Stream(tagger.versions, tagger.topics)
    for batch in corpus.batches():
        predictions = tagger.tag_articles(batch.articles, stream.on_batch)
        write(batch.articles, predictions)
        for row in batch.rejects:
            reject(row)
        counts += count(batch.articles, predictions, len(batch.rejects), corpus.shape.keep)
        check_limit(counts.rejects, max_rejects, batch.rejects[-1:])
        watch("tagging", counts.articles)
    return with_drift(summarize(tagger, counts, time.monotonic() - start), tagger, stream, corpus)


def answer(
    corpus: Corpus,
    tagger: Tagger,
    write: Write,
    reject: Callable[[Reject], None],
    flush: Callable[[], object],
    limit: int | None = None,
) -> Summary:
    """Answer a stream row by row, in order; pending rows are answered as soon as no more are waiting.

    Ids may repeat: an edited article gets a new answer. Memory does not grow.

    Args:
        corpus: the stream.
        tagger: used for all articles.
        write: called with each article and its prediction.
        reject: called with each row that cannot be read.
        flush: called after each batch.
        limit: largest number of rejects.

    Raises:
        DataError: more than `limit` rows cannot be read; the rows before are answered.
    """
    start, counts = time.monotonic(), zero_counts(tagger)
    pending: list[Article | Reject] = []

    def answer_pending() -> None:
        nonlocal counts
        articles = [row for row in pending if isinstance(row, Article)]
        predictions = tagger.tag_articles(articles)
        counts += count(articles, predictions, len(pending) - len(articles), corpus.shape.keep)
        answers = iter(zip(articles, predictions, strict=True))
        for row in pending:
            if isinstance(row, Reject):
                reject(row)
            else:
                article, prediction = next(answers)
                write([article], [prediction])
        pending.clear()
        flush()
        check_limit(counts.rejects, limit)

    characters = 0
    for row in corpus.stream(answer_pending):
        characters = characters * bool(pending) + (len(row.text) if isinstance(row, Article) else 0)
        pending.append(row)
        if len(pending) >= ROWS or characters >= CHARACTERS:
            answer_pending()
    answer_pending()
    return summarize(tagger, counts, time.monotonic() - start)


def zero_counts(tagger: Tagger) -> Counts:
    """Return counts of 0 for every rubric."""
    return Counts(rubrics=dict.fromkeys(tagger.manifest.rubrics, 0))


def count(
    articles: Sequence[Article], predictions: Sequence[Prediction], rejects: int, keep: Sequence[str]
) -> Counts:
    """Count a batch."""
    rubrics = Counter(score.label for prediction in predictions for score in prediction.rubrics)
    without = sum(not prediction.rubrics for prediction in predictions)
    review = sum(prediction.needs_review for prediction in predictions)
    kept = {
        name: sum(article.kept.get(name) is not None for article in articles) for name in keep if name != "*"
    }
    return Counts(len(predictions), rejects, without, review, dict(rubrics), kept if articles else {})


def check_limit(rejects: int, limit: int | None, example: Sequence[Reject] = ()) -> None:
    """Raise DataError if there are more rejects than allowed."""
    if limit is None or rejects <= limit:
        return
    for row in example:
        raise DataError(
            f"more than {limit} rows cannot be read, e.g. {row.source}:{row.line} ({row.reason}); "
            "fix the input or raise the limit (--max-rejects)"
        )
    raise DataError(
        f"{rejects} rows cannot be read, more than {limit}; fix the input or raise the limit (--max-rejects)"
    )


def summarize(
    tagger: Tagger, counts: Counts, seconds: float, resumed: int = 0, scored: int | None = None
) -> Summary:
    """Summarize counts.

    Args:
        tagger: that tagged the articles.
        counts: of all articles.
        seconds: duration of this run.
        resumed: articles done by an earlier run, including repeated ids.
        scored: articles done by this run, including repeated ids; None: all.
    """
    articles, training = max(counts.articles, 1), shares_in_training(tagger.versions[0])
    return Summary(
        versions=tuple(version.label for version in tagger.versions),
        articles=counts.articles,
        rejects=counts.rejects,
        rubrics={
            name: Share(n, round(n / articles, 4), training.get(GIVEN + name, 0.0))
            for name, n in counts.rubrics.items()
        },
        without=counts.without,
        needs_review=counts.needs_review,
        review_share=round(counts.needs_review / articles, 4),
        resumed=resumed,
        seconds=round(seconds, 3),
        rate=round((counts.articles if scored is None else scored) / max(seconds, 1e-3), 1),
        review_training=training.get(REVIEW),
        not_kept=tuple(sorted(name for name, n in counts.kept.items() if not n)),
    )


def with_drift(summary: Summary, tagger: Tagger, stream: Stream, corpus: Corpus) -> Summary:
    """Add the drift from the training articles of each version, except versions trained on this corpus."""
    overlap = trained_on(tagger.versions, corpus.sources)
    return replace(summary, drift=stream.drift(except_=overlap), trained_on=overlap)


# --- a shard, in a worker process ---


class Opener(Protocol):
    """Opens a tagger in the process where it is called; hashable, so that this can be cached."""

    def load(self) -> Tagger:
        """Open the tagger."""

    def __hash__(self) -> int:
        """Return the hash."""


class Task(NamedTuple):
    """What a worker needs to score a shard; some hundred bytes, without articles."""

    shard: Shard
    folder: JobFolder
    shape: Shape
    tagger: Opener
    max_rejects: int | None


@lru_cache(1)
def open_tagger(ref: Opener) -> Tagger:
    """Open a tagger, once per process."""
    return ref.load()


def prepare(ref: Opener) -> None:
    """Warm up a worker process before it gets shards."""
    recall(open_tagger(ref), _MIN_ARTICLES_TO_RECALL)


def recall(tagger: Tagger, articles: int) -> None:
    """Load the lemma caches of the versions if there are enough articles to make it worthwhile."""
    if articles >= _MIN_ARTICLES_TO_RECALL:
        for version in tagger.versions:
            words.recall(version.folder)


def score_shard(task: Task, watch: Callable[[int], None] = lambda done: None) -> Done:
    """Score a shard and publish its results, the counts last.

    Raises:
        DataError: a file cannot be read, or more than `max_rejects` rows cannot.
    """
    folder, number = task.folder, task.shard.number
    exchange = _exchange(folder.words)
    with folder.claim(number), tempfile.SpooledTemporaryFile(1 << 20) as rejected:
        if exchange:
            exchange.take()
        counts = _score(task, rejected, watch)
        if exchange:
            exchange.give(f"{number:05}")
        if rejected.tell():
            _publish_rejects(folder.rejects(number), rejected)
        check_limit(counts.rejects, task.max_rejects)
        done = Done(number, counts)
        folder.finish(done)
    return done


@lru_cache(1)
def _exchange(folder: Path | None) -> words.Exchange | None:
    """Open the exchange of a job, once per process."""
    if folder is None:
        return None
    folder.mkdir(exist_ok=True)
    return words.Exchange(folder)


def _score(task: Task, rejected: IO[bytes], watch: Callable[[int], None]) -> Counts:
    tagger, folder, number = open_tagger(task.tagger), task.folder, task.shard.number
    pieces = {piece.source.name: i for i, piece in enumerate(task.shard.pieces)}
    counts = Counts()
    ids, places = [np.empty(0, np.uint64)], [np.empty((0, 2), np.uint64)]
    stream = Stream(tagger.versions, tagger.topics)
    with writing(folder.part(number), task.shape.keep, topics=bool(tagger.topics)) as write:
        for batch in read(task.shard.pieces, task.shape):
            recall(tagger, len(batch.articles))
            predictions = tagger.tag_articles(batch.articles, stream.on_batch)
            write(batch.articles, predictions)
            rejected.writelines(map(reject_line, batch.rejects))
            ids.append(hashes(article.id for article in batch.articles))
            positions = [(pieces[source], line) for source, line in batch.places]
            places.append(np.array(positions, np.uint64).reshape(len(positions), 2))
            counts += count(batch.articles, predictions, len(batch.rejects), task.shape.keep)
            watch(counts.articles)
    with storage.publishing(folder.ids(number)) as file:
        repeats.save(file, np.concatenate(ids), np.concatenate(places))
    with storage.publishing(folder.looks(number)) as file:
        np.save(file, stream.summed, allow_pickle=False)
    return counts


def reject_line(row: Reject) -> bytes:
    """Write a reject as JSON."""
    return msgspec.json.encode(row) + b"\n"


def _publish_rejects(path: Path, rejected: IO[bytes]) -> None:
    rejected.seek(0)
    with storage.publishing(path) as stream:
        shutil.copyfileobj(rejected, stream)
