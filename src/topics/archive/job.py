"""The archive job: tag shards in parallel, then join the parts into one output.

A job that was killed at any moment resumes when called again; its output is byte for byte that of an
uninterrupted run.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from topics import __version__, parallel, storage
from topics.archive import ledger, repeats
from topics.archive.cluster import delivered
from topics.archive.joining import JOINERS, OutputRow
from topics.archive.ledger import Counts, Done, Job, Record
from topics.archive.repeats import Repeat
from topics.archive.scoring import (
    Opener,
    Summary,
    Task,
    check_limit,
    open_tagger,
    prepare,
    reject_line,
    score_shard,
    summarize,
    with_drift,
    zero_counts,
)
from topics.corpus import Corpus
from topics.corpus.articles import Shape
from topics.corpus.shards import Shard, fitting, plan
from topics.drift.stream import Stream
from topics.errors import DataError, OutputError, StoppedError, UsageError, WorkerDiedError
from topics.tagger import Tagger, TaggerRef
from topics.types import Reject, Topic, Watch, unwatched
from topics.versions.registry import Version

_SUMMARY = "summary.json"
"""Written last into a folder of parts: the folder is complete."""


class ScoringOptions(NamedTuple):
    """Where predictions go, and how to compute them."""

    output: Path
    """A file, or a folder of parts."""
    suffix: str
    """`.jsonl`, `.csv` or `.parquet`."""
    rejects: Path
    workers: int = 1
    dask: str | None = None
    """Address of a scheduler."""
    restart: bool = False
    """Discard the results of an earlier job."""
    max_rejects: int | None = None
    shard_size: int | None = None
    """Bytes; None: by the size of the inputs."""

    @property
    def is_folder(self) -> bool:
        """Whether the output is a folder of parts."""
        return not self.output.suffix

    @property
    def home(self) -> Path:
        """The folder of the job."""
        return self.output / ".job" if self.is_folder else self.output.with_name(f"{self.output.name}.job")


def score_archive(
    corpus: Corpus, ref: TaggerRef, options: ScoringOptions, watch: Watch = unwatched
) -> Summary:
    """Tag an archive of any size in several processes; each article is tagged once, and order is kept.

    Raises:
        DataError: a file, or more than `max_rejects` rows, cannot be read.
        UsageError: another process is writing the output, or an unfinished job has other inputs, versions or
            options.
        WorkerDiedError: a shard kills the workers that read it.
        OutputError: a disk is full or cannot be written.
        StoppedError: the user pressed Ctrl-C.
    """
    start, tagger = time.monotonic(), open_tagger(ref)
    record = _record(corpus, tagger, options)
    if options.is_folder:
        if summary := _finished(options, record):
            return summary
        options.output.mkdir(exist_ok=True)

    def plan_shards() -> list[Shard]:
        watch("splitting the archive into shards", 0)
        total = sum(file.size for file in record.inputs)
        size = options.shard_size or fitting(total)
        in_parallel = not options.dask and total > size
        with parallel.starting(prepare, ref, options.workers if in_parallel else 1):
            return plan([source.absolute() for source in corpus.sources], size)

    with ledger.held(
        options.home.absolute(), options.suffix, record, plan_shards, restart=options.restart
    ) as job:
        for path in (options.output, options.rejects, options.home):
            storage.sweep(path.parent, path.name)
        if options.is_folder:
            storage.sweep(options.output)
        before = job.folder.done()
        opener = delivered(ref, tagger.versions, options.dask) if options.dask else ref
        with _resumable(job, options):
            done = before | _score_missing(job, before, corpus.shape, opener, options, watch)
            watch("joining the parts", sum(shard.counts.articles for shard in done.values()))
            counts = zero_counts(tagger) + _finish(job, options, done)
            resumed = sum(shard.counts.articles for shard in before.values())
            scored = sum(shard.counts.articles for shard in done.values()) - resumed
            summary = summarize(tagger, counts, time.monotonic() - start, resumed, scored)
            summary = with_drift(summary, tagger, _stream(job, tagger), corpus)
            if options.is_folder:
                storage.publish(options.output / ledger.RECORD, msgspec.json.encode(record))
                storage.publish(options.output / _SUMMARY, msgspec.json.encode(summary))
        storage.remove(job.home)
    return summary


@contextmanager
def _resumable(job: Job, options: ScoringOptions) -> Iterator[None]:
    """Turn exceptions that stop a job into errors that say how to resume it."""
    try:
        yield
    except DataError:
        _write_rejects(job, options.rejects, {})
        if not job.folder.done():  # nothing to resume
            storage.remove(job.home)
        raise
    except KeyboardInterrupt:
        raise StoppedError(f"stopped; {_remaining(job)}") from None
    except OSError as error:
        # Paths inside the job's folder mean nothing to the user, so name the output instead.
        within = str(error.filename or options.home).startswith(str(options.home))
        message = f"{options.output if within else error.filename}: {error.strerror or error}"
        raise OutputError(f"{message}; fix this; {_remaining(job)}") from error


def _remaining(job: Job) -> str:
    return f"{len(job.folder.done())} of {len(job.shards)} shards are done, the same command resumes"


def _record(corpus: Corpus, tagger: Tagger, options: ScoringOptions) -> Record:
    columns, keep, limit, _ = corpus.shape
    settings = {
        "columns": columns,
        "--keep": keep,
        "the longest field": limit,
        "the format": options.suffix,
        "the size of a shard": options.shard_size,
    }
    return Record(
        inputs=ledger.describe(corpus.sources),
        versions={version.label: _fingerprint(version, tagger.topics) for version in tagger.versions},
        options=msgspec.json.decode(msgspec.json.encode(settings)),  # plain types, as when read back
        program=__version__,
    )


def _fingerprint(version: Version, topics: Sequence[Topic]) -> str:
    """Hash the manifest of a version and the names of its topics."""
    names = [(topic.id, topic.name) for topic in topics if version.manifest.topics]
    content = msgspec.json.encode((version.manifest, names), order="sorted")
    return hashlib.sha256(content).hexdigest()


def _finished(options: ScoringOptions, record: Record) -> Summary | None:
    """Return the summary of a finished folder of parts, None if the job is still to be done.

    Raises:
        UsageError: it holds other files, or was written from other inputs, versions or options.
    """
    folder = options.output
    if not folder.exists() or options.home.exists():
        return None  # of an unfinished job, the ledger knows what is done
    names = {path.name for path in storage.listed(folder)}
    if not names:
        return None
    if not {_SUMMARY, ledger.RECORD} <= names:
        raise UsageError(f"{folder}: is not empty and not a folder of predictions; name another")
    storage.sweep(folder)
    if options.restart:
        options.home.mkdir()  # if this is interrupted, the folder is that of an unfinished job
        for name in (_SUMMARY, ledger.RECORD, options.rejects.name, *names):
            if name.startswith("part-") or name in (_SUMMARY, ledger.RECORD, options.rejects.name):
                (folder / name).unlink(missing_ok=True)
        return None
    saved = ledger.read_saved(folder / ledger.RECORD, Record)
    if saved != record:
        changes = "; ".join(ledger.differences(saved, record))
        raise UsageError(f"{folder}: was finished, but since then {changes}; start over (--restart)")
    return ledger.read_saved(folder / _SUMMARY, Summary)


def _score_missing(
    job: Job, before: Mapping[int, Done], shape: Shape, ref: Opener, options: ScoringOptions, watch: Watch
) -> dict[int, Done]:
    """Score the shards that are not in `before` and return their results."""
    job.folder.pop_unfinished()  # of workers that died
    tasks = [
        Task(shard, job.folder, shape, ref, options.max_rejects)
        for shard in job.shards
        if shard.number not in before
    ]
    missing = {task.shard.number: task for task in tasks}
    size = sum(task.shard.size for task in tasks)
    done: dict[int, Done] = {}
    rejects = sum(shard.counts.rejects for shard in before.values())
    articles = worked = 0

    def report(in_progress: int) -> None:
        watch("tagging", articles + in_progress, worked / max(size, 1))

    with closing(_run(missing, options, report)) as results:
        for result in results:
            task = missing.pop(result.shard)
            done[result.shard] = result
            articles, rejects = articles + result.counts.articles, rejects + result.counts.rejects
            worked += task.shard.size
            report(0)
            check_limit(rejects, options.max_rejects)
    return done


def _run(
    missing: Mapping[int, Task], options: ScoringOptions, report: Callable[[int], None]
) -> Generator[Done]:
    """Score the missing shards, removed from `missing` by the caller; retry those that died with others."""
    in_process = not options.dask and (options.workers == 1 or len(missing) == 1)
    score = partial(score_shard, watch=report) if in_process else score_shard
    fruitless = 0
    while missing:
        count = len(missing)
        try:
            yield from parallel.run(score, list(missing.values()), options.workers, options.dask)
        except WorkerDiedError as error:
            folder = next(iter(missing.values())).folder
            suspects = [number for number in folder.pop_unfinished() if number in missing]
            fruitless = 0 if suspects or len(missing) < count else fruitless + 1
            if options.dask or fruitless > 1:  # workers that died before their first shard are replaced once
                raise _with_shards(error, [missing[number].shard for number in suspects]) from error
            finished = folder.done()  # also by workers of the same pool that were then terminated
            yield from [finished[number] for number in list(missing) if number in finished]
            yield from _one_by_one([missing[number] for number in suspects if number in missing])


def _one_by_one(suspects: Sequence[Task]) -> Iterator[Done]:
    """Score each suspect shard in a worker of its own, to find the one that kills it."""
    for task in suspects:
        try:
            yield from parallel.run(score_shard, [task], apart=True)
        except WorkerDiedError as error:
            raise _with_shards(error, [task.shard]) from error


def _with_shards(error: WorkerDiedError, shards: Sequence[Shard]) -> WorkerDiedError:
    where = "; ".join(f"shard {shard.number}, {shard.place}" for shard in shards) or "before its first shard"
    return WorkerDiedError(
        f"{error} ({where}); check these rows, or use fewer workers; the same command resumes"
    )


def _finish(job: Job, options: ScoringOptions, done: Mapping[int, Done]) -> Counts:
    """Join the parts into one output without repeated ids; return the counts to add for what was left out."""
    numbers = [shard.number for shard in job.shards]
    for part in map(job.folder.part, numbers):
        if not part.exists() and not (options.is_folder and _final_path(options, part).exists()):
            raise OutputError(f"{part}: was written but is missing; start over (--restart)")
    counts = sum((done[number].counts for number in numbers), Counts())
    repeats_by_shard = repeats.find([job.folder.ids(number) for number in numbers], counts.articles)
    check_limit(counts.rejects + sum(map(len, repeats_by_shard.values())), options.max_rejects)
    rows = (
        _join_folder(job, options, repeats_by_shard)
        if options.is_folder
        else _join_file(job, options, repeats_by_shard)
    )
    rejects = {
        number: _rejects(job.shards[number], repeats_by_shard[number], rows[number])
        for number in repeats_by_shard
    }
    _write_rejects(job, options.rejects, rejects)
    return counts - _removed_counts(list(chain.from_iterable(rows.values())))


def _stream(job: Job, tagger: Tagger) -> Stream:
    """Sum the drift readings of the shards, in order; articles with repeated ids are included."""
    stream = Stream(tagger.versions, tagger.topics)
    for shard in job.shards:
        with job.folder.looks(shard.number).open("rb") as file:
            stream.add(np.load(file, allow_pickle=False))
    return stream


def _join_file(
    job: Job, options: ScoringOptions, repeats_by_shard: Mapping[int, list[Repeat]]
) -> dict[int, list[OutputRow]]:
    with storage.publishing(options.output) as stream, JOINERS[options.suffix](stream) as join:
        return {
            shard.number: join(
                job.folder.part(shard.number), _row_numbers(repeats_by_shard.get(shard.number, ()))
            )
            for shard in job.shards
        }


def _join_folder(
    job: Job, options: ScoringOptions, repeats_by_shard: Mapping[int, list[Repeat]]
) -> dict[int, list[OutputRow]]:
    """Move the parts into the output folder; those moved by an earlier run stay."""
    rows: dict[int, list[OutputRow]] = {}
    finals = set[str]()
    for shard in job.shards:
        part = job.folder.part(shard.number)
        final = _final_path(options, part)
        if repeated := repeats_by_shard.get(shard.number):
            with storage.publishing(final) as stream, JOINERS[options.suffix](stream) as join:
                rows[shard.number] = join(part, _row_numbers(repeated))
        elif part.exists():
            storage.move(part, final)
        finals.add(final.name)
    for path in storage.listed(options.output):  # of an earlier, unfinished job
        if path.name.startswith("part-") and path.name not in finals:
            path.unlink()
    storage.sync(options.output)
    return rows


def _final_path(options: ScoringOptions, part: Path) -> Path:
    return options.output / f"part-{part.name}"


def _row_numbers(repeated: Sequence[Repeat]) -> frozenset[int]:
    return frozenset(repeat.row for repeat in repeated)


def _rejects(shard: Shard, repeated: Sequence[Repeat], rows: Sequence[OutputRow]) -> list[Reject]:
    return [
        Reject(shard.pieces[repeat.piece].source.name, repeat.line, f"id {row.id!r} was seen before")
        for repeat, row in zip(repeated, rows, strict=True)
    ]


def _removed_counts(rows: Sequence[OutputRow]) -> Counts:
    """Count rows that were left out, to be subtracted: fewer articles, more rejects."""
    rubrics: dict[str, int] = {}
    for row in rows:
        for name in row.rubrics:
            rubrics[name] = rubrics.get(name, 0) + 1
    without = sum(not row.rubrics for row in rows)
    return Counts(len(rows), -len(rows), without, sum(row.needs_review for row in rows), rubrics)


def _write_rejects(job: Job, path: Path, repeats_by_shard: Mapping[int, list[Reject]]) -> None:
    """Write the rejects of all shards in order, or no file if there are none."""
    lines = (
        reject_line(row)
        for shard in job.shards
        for row in _ordered_rejects(job, shard, repeats_by_shard.get(shard.number, []))
    )
    first = next(lines, None)
    if first is None:
        storage.unlink(path)
        return
    with storage.publishing(path) as stream:
        stream.writelines(chain([first], lines))


def _ordered_rejects(job: Job, shard: Shard, repeats: Sequence[Reject]) -> Iterator[Reject]:
    """Merge the rejects that the shard's worker wrote with those of repeated ids."""
    order = {piece.source.name: i for i, piece in enumerate(shard.pieces)}
    path = job.folder.rejects(shard.number)
    if not path.exists():
        yield from repeats
        return
    decode = msgspec.json.Decoder(Reject).decode
    with path.open("rb") as stream:
        yield from merge(map(decode, stream), repeats, key=lambda row: (order[row.source], row.line))
