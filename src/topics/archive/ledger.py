"""A scoring job on disk: its settings and the shards that are done. It survives the processes working on it.

scored.jsonl.job/  (scored/.job/ where the output is a folder)
    job.json                 the record: inputs, versions, options, shards
    lock, owner.json         held by the process that works on it
    KEY/00017.jsonl          predictions for shard 17; KEY is a hash of the record, so that a process which
                             outlived an earlier job cannot write into this one
    KEY/00017.ids            see `topics.archive.repeats`
    KEY/00017.rejects        if there are any
    KEY/00017.looks          drift readings, see `topics.drift.stream`
    KEY/00017.done           the counts, written last: the shard is done
    KEY/00017.running        id of the process that works on it
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
_MAX_NAMES = 3


class Input(msgspec.Struct, frozen=True):
    """An input file as it was when the job began."""

    name: str
    size: int
    modified: float
    edges: str
    """Hash of its first and last 64 kB."""


class Record(msgspec.Struct, frozen=True):
    """Everything that the output depends on."""

    inputs: tuple[Input, ...]
    versions: dict[str, str]
    """Version -> hash of its manifest, which holds the hashes of its files."""
    options: dict[str, Any]
    program: str
    protocol: int = PROTOCOL

    @property
    def key(self) -> str:
        """Hash of the record."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]


class Counts(msgspec.Struct, frozen=True):
    """Counts of a shard, or of all shards."""

    articles: int = 0
    rejects: int = 0
    without: int = 0
    """Articles without a rubric."""
    needs_review: int = 0
    rubrics: dict[str, int] = {}
    kept: dict[str, int] = {}
    """Column to keep -> articles that have it, including those with repeated ids."""

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
    """A finished shard."""

    shard: int
    counts: Counts


class JobFolder(NamedTuple):
    """The folder in which workers store results."""

    folder: Path
    suffix: str

    def part(self, number: int) -> Path:
        """Return the path of the predictions."""
        return self.folder / f"{number:05}{self.suffix}"

    def ids(self, number: int) -> Path:
        """Return the path of the hashes of the ids."""
        return self.folder / f"{number:05}.ids"

    def rejects(self, number: int) -> Path:
        """Return the path of the rejects."""
        return self.folder / f"{number:05}.rejects"

    def looks(self, number: int) -> Path:
        """Return the path of the drift readings."""
        return self.folder / f"{number:05}.looks"

    @property
    def words(self) -> Path | None:
        """Return the folder in which workers exchange words; None in an object store, which is too slow."""
        return None if storage.is_remote(self.folder) else self.folder / "words"

    def finish(self, done: Done) -> None:
        """Record that a shard is done; its other files must have been published before."""
        storage.sync(self.folder)
        storage.publish(self.folder / f"{done.shard:05}.done", msgspec.json.encode(done))

    def done(self) -> dict[int, Done]:
        """Return the shards that are done."""
        decode = msgspec.json.Decoder(Done).decode
        results = [
            decode(path.read_bytes()) for path in storage.listed(self.folder) if path.name.endswith(".done")
        ]
        return {done.shard: done for done in results}

    @contextmanager
    def claim(self, number: int) -> Iterator[None]:
        """Mark a shard as being worked on, so that one whose worker died is known."""
        marker = self.folder / f"{number:05}.running"
        marker.write_bytes(str(os.getpid()).encode())
        yield
        marker.unlink(missing_ok=True)

    def pop_unfinished(self) -> list[int]:
        """Return the shards that were begun but not finished, and remove their marks."""
        markers = [path for path in storage.listed(self.folder) if path.name.endswith(".running")]
        for marker in markers:
            marker.unlink(missing_ok=True)
        return sorted(int(marker.stem) for marker in markers)


class Job(NamedTuple):
    """A job that this process has locked."""

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
        record: settings of the job.
        plan: splits the inputs into shards, if the job is new.
        restart: discard the results of an earlier job.

    Raises:
        UsageError: another process is working on it, or the saved job has other inputs or options.
    """
    home.mkdir(exist_ok=True)
    with _locked(home):
        saved = None if restart else _saved(home)
        if saved and saved.record != record and not JobFolder(home / saved.record.key, suffix).done():
            saved = None  # no results would be lost
        if saved is None:
            for path in storage.listed(home):
                if path.is_dir():
                    storage.remove(path)
            saved = _Saved(record, plan())
            storage.publish(home / RECORD, msgspec.json.encode(saved, enc_hook=str))
        elif saved.record != record:
            raise UsageError(
                f"{home}: contains an unfinished job, but since then "
                f"{'; '.join(differences(saved.record, record))}; undo that to resume, "
                "or start over (--restart)"
            )
        folder = home / record.key
        folder.mkdir(exist_ok=True)
        storage.sweep(folder)
        yield Job(home, JobFolder(folder, suffix), saved.shards)


def _saved(home: Path) -> _Saved | None:
    path = home / RECORD
    if not path.exists():
        return None
    return read_saved(path, _Saved)


def read_saved(path: Path, type_: type[T]) -> T:
    """Read a JSON file of a job.

    Raises:
        UsageError: it is damaged, or another version of `topics` wrote it.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=type_, dec_hook=lambda _, name: storage.path(name))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{path}: is damaged or from another version of topics ({error}); start over (--restart)"
        ) from error


def differences(old: Record, new: Record) -> Iterator[str]:
    """Describe the differences between two records, a phrase each."""
    before, now = ({file.name: file for file in record.inputs} for record in (old, new))
    for verb, names in (
        ("changed", [name for name in before if now.get(name, before[name]) != before[name]]),
        ("disappeared", [name for name in before if name not in now]),
        ("appeared", [name for name in now if name not in before]),
    ):
        if names:
            more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
            yield f"{', '.join(names[:_MAX_NAMES])}{more} {verb}"
    if list(before) != list(now) and before.keys() == now.keys():
        yield "the order of the inputs changed"
    if old.versions != new.versions and old.versions.keys() == new.versions.keys():
        yield "topics were renamed"
    elif old.versions != new.versions:
        yield f"the model changed from {', '.join(old.versions)} to {', '.join(new.versions)}"
    yield from _changed_options(old.options, new.options)
    if (old.program, old.protocol) != (new.program, new.protocol):
        yield f"topics changed from {old.program} to {new.program}"


def _changed_options(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield f"{name} changed from {old.get(name)!r} to {new.get(name)!r}"


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Lock the job against other processes; object stores have no locks, so only against this machine's."""
    owner, lock = home / "owner.json", home / "lock"
    if storage.is_remote(home):
        name = hashlib.sha256(str(home).encode()).hexdigest()[:16]
        lock = Path(tempfile.gettempdir()) / f"topics-{name}.lock"
    try:
        with FileLock(lock, timeout=0):
            storage.publish(owner, msgspec.json.encode(_owner()))
            yield
    except Timeout:
        raise UsageError(
            f"{home}: {_describe_owner(owner)} is working on it; "
            "wait until it is done, or name another output"
        ) from None


def _owner() -> dict[str, object]:
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"process": os.getpid(), "machine": platform.node(), "user": storage.user(), "since": since}


def _describe_owner(owner: Path) -> str:
    try:
        fields = msgspec.json.decode(owner.read_bytes())
        return "process {process} of {user} on {machine}, since {since},".format(**fields)
    except (OSError, msgspec.MsgspecError, KeyError):
        return "another process"
