"""`models/NAME/VERSION/`: published whole, checked on load, never rewritten. It knows no model.

models/rubrics/20261123T051511Z-d53d6c/manifest.json, pipeline.json, ...
models/rubrics/aliases.json        {"latest": "20261123T051511Z-d53d6c"}
models/rubrics/history.jsonl       who moved which alias when, from what, to what
"""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
from filelock import FileLock

from topics import persistence
from topics.errors import ModelError, UsageError, listed
from topics.manifest import PROTOCOL, File, Manifest, version_name

_MANIFEST = "manifest.json"
_NAME = re.compile(r"[\w-][\w.-]{0,99}")
_DRAFT = ".draft-"


class Version(NamedTuple):
    """A version that was found whole and unaltered."""

    folder: Path
    manifest: Manifest

    @property
    def label(self) -> str:
        """`NAME/VERSION`, as predictions carry it."""
        return f"{self.manifest.name}/{self.manifest.version}"


class Registry:
    """The versions of any number of models below one folder."""

    def __init__(self, folder: Path | str = "models") -> None:
        self.folder = Path(folder)

    def publish(self, manifest: Manifest, write: Callable[[Path], None]) -> Version:
        """Make a version: `write` fills a hidden folder, which becomes visible by one rename.

        The manifest's `version` and `files` are filled in here; `latest` moves to the new version. After a
        crash at any point either the version is there whole or it is not there at all.
        """
        home = self._home(manifest.name)
        home.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=home))
        try:
            write(draft)
            files = {path.name: _describe(path) for path in sorted(draft.iterdir())}
            with self._lock(manifest.name):
                version = self._free_name(manifest)
                manifest = msgspec.structs.replace(manifest, version=version, files=files)
                persistence.write_struct(draft / _MANIFEST, manifest)
                _flush(draft)
                draft.chmod(0o755)
                draft.rename(home / version)
                _sync(home)
                self._move(manifest.name, "latest", version, "trained")
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return Version(home / version, manifest)

    def open(self, reference: str) -> Version:
        """Find a version and check every byte of it.

        Args:
            reference: `NAME` (the alias `production` if it is set, else `latest`), `NAME@ALIAS` or
                `NAME/VERSION`.

        Raises:
            ModelError: there is none, it is damaged, or a newer `topics` made it.
        """
        name, version = self.resolve(reference)
        folder = self._home(name) / version
        manifest = self._manifest(folder)
        if manifest.name != name or manifest.version != version:
            raise ModelError(f"{folder}: its manifest is of {manifest.name}/{manifest.version}; it was moved")
        _check_files(folder, manifest)
        return Version(folder, manifest)

    def resolve(self, reference: str) -> tuple[str, str]:
        """Turn a reference into name and version, without looking into the version."""
        name, separator, rest = re.fullmatch(r"([^@/]*)([@/]?)(.*)", reference, re.DOTALL).groups()  # type: ignore[union-attr]
        versions, aliases = self.versions(name), self.aliases(name)
        if not versions:
            known = listed(self.names())
            raise ModelError(
                f"{self.folder}: there is no version of {name!r}; trained models: {known}. "
                "Train one with `python -m topics train`, or name the folder with --models"
            )
        if separator == "@" and rest not in aliases:
            raise ModelError(f"{name!r} has no alias {rest!r}; it has {listed(aliases)}")
        version = (
            rest
            if separator == "/"
            else aliases.get(rest or "production", aliases.get("latest", versions[-1]))
        )
        if version not in versions:
            raise ModelError(f"{name!r} has no version {version!r}; it has {listed(versions)}")
        return name, version

    def names(self) -> list[str]:
        """Models that have a version, in order."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(path.name for path in found if _NAME.fullmatch(path.name) and self.versions(path.name))

    def versions(self, name: str) -> list[str]:
        """Versions of a model, oldest first."""
        return sorted(path.parent.name for path in self._home(name).glob(f"[!.]*/{_MANIFEST}"))

    def manifest(self, name: str, version: str) -> Manifest:
        """Read what is known of a version, its files unchecked."""
        return self._manifest(self._home(name) / version)

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> version."""
        path = self._home(name) / "aliases.json"
        return persistence.read_struct(path, dict[str, str]) if path.exists() else {}

    def _home(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name of a model: letters, digits, '-', '_' and '.', not first")
        return self.folder / name

    def _manifest(self, folder: Path) -> Manifest:
        path = folder / _MANIFEST
        protocol = persistence.read_struct(path, _Protocol).protocol
        if protocol != PROTOCOL:
            raise ModelError(
                f"{folder}: has protocol {protocol}, this topics reads {PROTOCOL}; "
                "update topics or train again"
            )
        return persistence.read_struct(path, Manifest)

    def _free_name(self, manifest: Manifest) -> str:
        """Name the version by time and content; two of one second differ by a second."""
        moment = datetime.fromisoformat(manifest.created)
        ingredients = manifest.configuration, manifest.corpus.fingerprint, manifest.libraries
        while (self._home(manifest.name) / (name := version_name(moment, ingredients))).exists():
            moment += timedelta(seconds=1)
        return name

    def _move(self, name: str, alias: str, version: str, why: str) -> None:
        """Point an alias elsewhere and write down that it was done; call under the lock."""
        home, aliases = self._home(name), self.aliases(name)
        entry = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "who": _user(),
            "alias": alias,
            "from": aliases.get(alias),
            "to": version,
            "why": why,
        }
        temporary = home / ".aliases.json"
        persistence.write_struct(temporary, aliases | {alias: version})
        _sync(temporary)
        temporary.replace(home / "aliases.json")
        with (home / "history.jsonl").open("ab") as history:
            history.write(msgspec.json.encode(entry) + b"\n")
            os.fsync(history.fileno())
        _sync(home)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        with FileLock(self._home(name) / ".lock"):
            yield


class _Protocol(msgspec.Struct, frozen=True):
    protocol: int


def _check_files(folder: Path, manifest: Manifest) -> None:
    """Refuse a folder that is not what its manifest says, file by file."""
    there = {path.name for path in folder.iterdir()} - {_MANIFEST}
    if there != manifest.files.keys():
        differing = listed(there ^ manifest.files.keys())
        raise ModelError(f"{folder}: files are missing or too many: {differing}; restore it or train again")
    for name, wanted in manifest.files.items():
        status = (folder / name).lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size != wanted.size:
            raise ModelError(f"{folder / name}: is no file of {wanted.size} bytes; restore it or train again")
        if _describe(folder / name) != wanted:
            raise ModelError(
                f"{folder / name}: was altered since it was published; restore it or train again"
            )


def _describe(path: Path) -> File:
    with path.open("rb") as stream:
        return File(path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def _flush(folder: Path) -> None:
    """Bring a folder and its files to disk."""
    for path in folder.iterdir():
        path.chmod(0o644)
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user on a bare container
        return "unknown"
