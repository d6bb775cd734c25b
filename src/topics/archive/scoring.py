"""Scoring: articles become predictions, of a corpus in this process or of a shard in a worker's.

`topics.archive.job` makes one job of many shards.
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
from topics.versions.registry import Version, trained_on

_WORTH_RECALLING = 500
"""Articles at a time from which on the words of a version are worth the 0.1 s to recall them."""


class Share(msgspec.Struct, frozen=True):
    """How often a rubric was given."""

    articles: int
    share: float
    training: float
    """Its share in the training, as `monitor` has it; far from it, something has changed."""


class Summary(msgspec.Struct, frozen=True):
    """What a scoring job did."""

    versions: tuple[str, ...]
    articles: int
    rejects: int
    rubrics: dict[str, Share]
    without: int
    """Articles given no rubric."""
    needs_review: int
    review_share: float
    resumed: int
    """Articles that an earlier, interrupted run had done."""
    seconds: float
    rate: float
    """Articles a second, of this run."""
    drift: dict[str, Drift] = {}
    """Version -> how the articles differ from those it was trained on; none of a handful of articles."""
    trained_on: dict[str, tuple[str, ...]] = {}
    """Version -> sources that it was trained on: it knows them too well to be compared."""
    review_training: float | None = None
    """Share of the training articles that would have gone to review; None: it was not kept."""
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
    start, counts, stream = time.monotonic(), nothing(tagger), Stream(tagger.versions, tagger.topics)
    for batch in corpus.batches():
        predictions = tagger.tag_articles(batch.articles, stream.on_batch)
        write(batch.articles, predictions)
        for row in batch.rejects:
            reject(row)
        counts += count(batch.articles, predictions, len(batch.rejects), corpus.shape.keep)
        check_limit(counts.rejects, max_rejects, batch.rejects[-1:])
        watch("tagging", counts.articles)
    return compared(summarize(tagger, counts, time.monotonic() - start), tagger, stream, corpus)


def answer(
    corpus: Corpus,
    tagger: Tagger,
    write: Write,
    reject: Callable[[Reject], None],
    flush: Callable[[], object],
    limit: int | None = None,
) -> Summary:
    """Answer a stream: a row in, a row out, in order; whatever has come is answered when no more comes.

    Raises DataError when there are more rejects than the limit; what came before is answered.

    An id may come again: an article that was edited gets a new answer, and memory does not grow.
    """
    start, counts = time.monotonic(), nothing(tagger)
    pending: list[Article | Reject] = []

    def answer_pending() -> None:
        nonlocal counts
        articles = [row for row in pending if isinstance(row, Article)]
        predictions = tagger.tag_articles(articles)
        counts += count(articles, predictions, len(pending) - len(articles), corpus.shape.keep)
        waiting = iter(zip(articles, predictions, strict=True))
        for row in pending:
            if isinstance(row, Reject):
                reject(row)
            else:
                article, prediction = next(waiting)
                write([article], [prediction])
        pending.clear()
        flush()
        check_limit(counts.rejects, limit)

    held = 0
    for row in corpus.stream(answer_pending):
        held = held * bool(pending) + (len(row.text) if isinstance(row, Article) else 0)
        pending.append(row)
        if len(pending) >= ROWS or held >= CHARACTERS:
            answer_pending()
    answer_pending()
    return summarize(tagger, counts, time.monotonic() - start)


def nothing(tagger: Tagger) -> Counts:
    """Return zero counts of every rubric."""
    return Counts(rubrics=dict.fromkeys(tagger.manifest.rubrics, 0))


def count(
    articles: Sequence[Article], predictions: Sequence[Prediction], rejects: int, keep: Sequence[str]
) -> Counts:
    """Count a batch."""
    given = Counter(score.label for prediction in predictions for score in prediction.rubrics)
    without = sum(not prediction.rubrics for prediction in predictions)
    review = sum(prediction.needs_review for prediction in predictions)
    kept = {
        name: sum(article.kept.get(name) is not None for article in articles) for name in keep if name != "*"
    }
    return Counts(len(predictions), rejects, without, review, dict(given), kept if articles else {})


def check_limit(rejects: int, limit: int | None, example: Sequence[Reject] = ()) -> None:
    """Raise DataError if there are more rejects than allowed."""
    if limit is None or rejects <= limit:
        return
    for row in example:
        raise DataError(
            f"more than {limit} rows cannot be read, such as {row.source}:{row.line} ({row.reason}); "
            "fix the input or raise --max-rejects"
        )
    raise DataError(f"{rejects} rows cannot be read, more than {limit}; fix the input or raise --max-rejects")


def summarize(
    tagger: Tagger, counts: Counts, seconds: float, resumed: int = 0, scored: int | None = None
) -> Summary:
    """Summarize counts.

    `scored` articles took the seconds, `resumed` were there before; of both some may have come twice.
    """
    articles, training = max(counts.articles, 1), _training_shares(tagger.versions[0])
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
        not_kept=tuple(sorted(name for name, held in counts.kept.items() if not held)),
    )


def compared(summary: Summary, tagger: Tagger, stream: Stream, corpus: Corpus) -> Summary:
    """Add how the articles differ from those that each version was trained on, if it was not on these."""
    known = trained_on(tagger.versions, corpus.sources)
    return replace(summary, drift=stream.drift(but=known), trained_on=known)


def _training_shares(version: Version) -> dict[str, float]:
    """See `shares_in_training`; without a profile, how many of the articles judged had each rubric."""
    metrics = version.manifest.metrics.rubrics if version.manifest.metrics else ()
    judged = {GIVEN + one.rubric: one.positives / max(one.positives + one.negatives, 1) for one in metrics}
    return {name: round(share, 4) for name, share in (judged | shares_in_training(version)).items()}


# --- a shard, wherever a worker is ---


class Opener(Protocol):
    """Opens a tagger where it is called. Hashable, so that a process does it once."""

    def load(self) -> Tagger:
        """Open it."""

    def __hash__(self) -> int:
        """Equal for equal ones."""


class Task(NamedTuple):
    """All that a worker must know to score a shard; some hundred bytes, and no article among them."""

    shard: Shard
    folder: JobFolder
    shape: Shape
    tagger: Opener
    max_rejects: int | None


@lru_cache(1)
def opened(ref: Opener) -> Tagger:
    """Open a tagger once a process."""
    return ref.load()


def prepare(ref: Opener) -> None:
    """Warm up a worker process before it gets shards."""
    recall(opened(ref), _WORTH_RECALLING)


def recall(tagger: Tagger, articles: int) -> None:
    """Load the lemma caches of the versions if there are enough articles to make it worthwhile."""
    if articles >= _WORTH_RECALLING:
        for version in tagger.versions:
            words.recall(version.folder)


def score_shard(task: Task, watch: Callable[[int], None] = lambda done: None) -> Done:
    """Score a shard and publish what comes of it, its counts last.

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
    """Open the exchange of a job once a process."""
    if folder is None:
        return None
    folder.mkdir(exist_ok=True)
    return words.Exchange(folder)


def _score(task: Task, rejected: IO[bytes], watch: Callable[[int], None]) -> Counts:
    tagger, folder, number = opened(task.tagger), task.folder, task.shard.number
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
            found = [(pieces[source], line) for source, line in batch.places]
            places.append(np.array(found, np.uint64).reshape(len(found), 2))
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


def _publish_rejects(place: Path, rejected: IO[bytes]) -> None:
    rejected.seek(0)
    with storage.publishing(place) as stream:
        shutil.copyfileobj(rejected, stream)
