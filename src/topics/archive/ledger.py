"""A scoring job on disk: what it was asked, and which shards are done. It survives whoever works on it.

scored.jsonl.job/  (scored/.job/ where the output is a folder)
    job.json                 the record: inputs, versions, options, shards
    lock, owner.json         held while somebody works on it, and by whom
    KEY/00017.jsonl          what was said of shard 17; KEY is a hash of the record, so that a process which
                             outlived an earlier job cannot spoil this one
    KEY/00017.ids            see `topics.archive.repeats`
    KEY/00017.rejects        if there are any
    KEY/00017.looks          see `topics.drift.stream`
    KEY/00017.done           the counts, written last: the shard is done
    KEY/00017.running        the process that has begun it
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from filelock import FileLock, Timeout

from topics import storage
from topics.corpus.shards import Shard
from topics.corpus.sources import Source
from topics.errors import UsageError

T = TypeVar("T")

PROTOCOL = 1
RECORD = "job.json"
_EDGE = 1 << 16
_SHOWN = 3


class Input(msgspec.Struct, frozen=True):
    """A file as it was when the job began."""

    name: str
    size: int
    modified: float
    edges: str
    """Hash of its first and last 64 kB."""


class Record(msgspec.Struct, frozen=True):
    """All that the output depends on."""

    inputs: tuple[Input, ...]
    versions: dict[str, str]
    """Version -> hash of its manifest, which holds the hashes of its files."""
    options: dict[str, Any]
    program: str
    protocol: int = PROTOCOL

    @property
    def key(self) -> str:
        """Hash of the record: equal records give equal output."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]


class Counts(msgspec.Struct, frozen=True):
    """Counts of a shard, or of all."""

    articles: int = 0
    rejects: int = 0
    without: int = 0
    """Articles without a rubric."""
    needs_review: int = 0
    rubrics: dict[str, int] = {}
    kept: dict[str, int] = {}
    """Column to keep -> articles that had it, those among them whose ids came before."""

    def __add__(self, other: Counts) -> Counts:
        return self._with(other, 1)

    def __sub__(self, other: Counts) -> Counts:
        return self._with(other, -1)

    def _with(self, other: Counts, sign: int) -> Counts:
        rubrics = {name: self.rubrics.get(name, 0) + sign * n for name, n in other.rubrics.items()}
        kept = {name: self.kept.get(name, 0) + sign * n for name, n in other.kept.items()}
        return Counts(
            self.articles + sign * other.articles,
            self.rejects + sign * other.rejects,
            self.without + sign * other.without,
            self.needs_review + sign * other.needs_review,
            self.rubrics | rubrics,
            self.kept | kept,
        )


class Done(msgspec.Struct, frozen=True):
    """A shard that is done."""

    shard: int
    counts: Counts


class JobFolder(NamedTuple):
    """The folder in which workers store results; all that a worker must know of the job."""

    folder: Path
    suffix: str

    def part(self, number: int) -> Path:
        """Return the place of the predictions."""
        return self.folder / f"{number:05}{self.suffix}"

    def ids(self, number: int) -> Path:
        """Return the place of the hashes of the ids."""
        return self.folder / f"{number:05}.ids"

    def rejects(self, number: int) -> Path:
        """Return the place of the rejects."""
        return self.folder / f"{number:05}.rejects"

    def looks(self, number: int) -> Path:
        """Return the place of what the articles look like."""
        return self.folder / f"{number:05}.looks"

    @property
    def words(self) -> Path | None:
        """Return the folder in which workers exchange words; none in an object store, which is far away."""
        return None if storage.is_remote(self.folder) else self.folder / "words"

    def finish(self, done: Done) -> None:
        """Record that a shard is done; its other files must have been published before."""
        storage.sync(self.folder)
        storage.publish(self.folder / f"{done.shard:05}.done", msgspec.json.encode(done))

    def done(self) -> dict[int, Done]:
        """Return the shards that are done."""
        decode = msgspec.json.Decoder(Done).decode
        found = [
            decode(path.read_bytes()) for path in storage.listed(self.folder) if path.name.endswith(".done")
        ]
        return {done.shard: done for done in found}

    @contextmanager
    def claim(self, number: int) -> Iterator[None]:
        """Record who works on a shard, so that a dead worker's shard is known."""
        note = self.folder / f"{number:05}.running"
        note.write_bytes(str(os.getpid()).encode())
        yield
        note.unlink(missing_ok=True)

    def pop_unfinished(self) -> list[int]:
        """Return the shards that were begun and not ended, and forget that they were begun."""
        notes = [path for path in storage.listed(self.folder) if path.name.endswith(".running")]
        for note in notes:
            note.unlink(missing_ok=True)
        return sorted(int(note.stem) for note in notes)


class Job(NamedTuple):
    """A job that this process holds."""

    home: Path
    folder: JobFolder
    shards: list[Shard]


class _Saved(msgspec.Struct, frozen=True):
    record: Record
    shards: list[Shard]


def describe(sources: Sequence[Source]) -> tuple[Input, ...]:
    """Describe the input files as they are now."""
    return tuple(_input(source.name, source.path) for source in sources if source.path)


def _input(name: str, path: Path) -> Input:
    status = path.stat()
    with storage.opened(path) as stream:
        edges = hashlib.sha256(stream.read(_EDGE))
        stream.seek(max(0, status.st_size - _EDGE))
        edges.update(stream.read(_EDGE))
    return Input(name, status.st_size, status.st_mtime, edges.hexdigest())


@contextmanager
def held(
    home: Path, suffix: str, record: Record, plan: Callable[[], list[Shard]], *, restart: bool = False
) -> Iterator[Job]:
    """Start or resume the job in a folder, locked against others.

    Args:
        home: the job's folder.
        suffix: of the parts.
        record: what is asked now.
        plan: cuts the inputs into shards, if the job is new.
        restart: forget what is there.

    Raises:
        UsageError: another process is working on it, or the saved job has other inputs or options.
    """
    home.mkdir(exist_ok=True)
    with _locked(home):
        saved = None if restart else _saved(home)
        if saved and saved.record != record and not JobFolder(home / saved.record.key, suffix).done():
            saved = None  # nothing is lost
        if saved is None:
            for path in storage.listed(home):
                if path.is_dir():
                    storage.remove(path)
            saved = _Saved(record, plan())
            storage.publish(home / RECORD, msgspec.json.encode(saved, enc_hook=str))
        elif saved.record != record:
            raise UsageError(
                f"{home}: a job was begun here and is not finished, and since then "
                f"{'; '.join(differences(saved.record, record))}; to go on put that back as it was, "
                "or forget what is done with --restart"
            )
        folder = home / record.key
        folder.mkdir(exist_ok=True)
        storage.sweep(folder)
        yield Job(home, JobFolder(folder, suffix), saved.shards)


def _saved(home: Path) -> _Saved | None:
    path = home / RECORD
    if not path.exists():
        return None
    return recalled(path, _Saved)


def recalled(path: Path, kind: type[T]) -> T:
    """Read what a job wrote down.

    Raises:
        UsageError: it is damaged, or another version of `topics` wrote it.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind, dec_hook=lambda _, name: storage.path(name))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{path}: is damaged or of another version of topics ({error}); start over with --restart"
        ) from error


def differences(old: Record, new: Record) -> Iterator[str]:
    """Describe what has changed."""
    before, now = ({file.name: file for file in record.inputs} for record in (old, new))
    for verb, names in (
        ("changed", [name for name in before if now.get(name, before[name]) != before[name]]),
        ("disappeared", [name for name in before if name not in now]),
        ("came", [name for name in now if name not in before]),
    ):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            yield f"{', '.join(names[:_SHOWN])}{more} {verb}"
    if list(before) != list(now) and before.keys() == now.keys():
        yield "the inputs come in another order"
    if old.versions != new.versions and old.versions.keys() == new.versions.keys():
        yield "topics were given other names"
    elif old.versions != new.versions:
        yield f"the model was {', '.join(old.versions)} and is {', '.join(new.versions)}"
    yield from _changed_options(old.options, new.options)
    if (old.program, old.protocol) != (new.program, new.protocol):
        yield f"topics was {old.program} and is {new.program}"


def _changed_options(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield f"{name} was {old.get(name)!r} and is {new.get(name)!r}"


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Keep others out. On an object store, only others of this machine: it has no locks."""
    owner, place = home / "owner.json", home / "lock"
    if storage.is_remote(home):
        name = hashlib.sha256(str(home).encode()).hexdigest()[:16]
        place = Path(tempfile.gettempdir()) / f"topics-{name}.lock"
    try:
        with FileLock(place, timeout=0):
            storage.publish(owner, msgspec.json.encode(_me()))
            yield
    except Timeout:
        raise UsageError(
            f"{home}: {_who(owner)} is working on it; wait until it is done, or name another output"
        ) from None


def _me() -> dict[str, object]:
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"process": os.getpid(), "machine": platform.node(), "user": storage.user(), "since": since}


def _who(owner: Path) -> str:
    try:
        found = msgspec.json.decode(owner.read_bytes())
        return "process {process} of {user} on {machine}, since {since},".format(**found)
    except (OSError, msgspec.MsgspecError, KeyError):
        return "another process"
