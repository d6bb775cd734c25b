"""Whether a folder is what its manifest says: the checks that come before a version is opened.

Nothing in here trusts the folder: it may have come from a stranger or from a failing disk. Only regular files
are read, each of them no further than it claims to be long.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec

from topics import persistence
from topics.errors import ModelError, listed
from topics.versions.manifest import PROTOCOL, File, Manifest

MANIFEST = "manifest.json"
_REMEDY = "restore it or train again"
_KINDS = frozenset({".json", ".npy", ".txt", ".html", ".md"})
"""What a version is made of: data and pages, nothing that another program would run or unpickle."""
_LARGEST_MANIFEST = 16_000_000
_LEFT_BY_COPYING = re.compile(r"\.DS_Store|\._.*|Thumbs\.db|desktop\.ini", re.DOTALL)
"""What file managers leave beside the files that they copy. Nothing reads it, so it spoils no version."""


class _Protocol(msgspec.Struct, frozen=True):
    protocol: int


def _read_1(path: Path) -> Manifest:
    return persistence.read_struct(path, Manifest)


READERS: dict[int, Callable[[Path], Manifest]] = {PROTOCOL: _read_1}
"""Protocol -> what reads its manifest. A reader stays when the protocol moves on: `tests/golden` holds a
version of each, and the one of an older protocol turns what it reads into today's `Manifest`."""


def read_manifest(folder: Path) -> Manifest:
    """Read what is known of a version, its files unchecked.

    Raises:
        ModelError: the manifest is missing or damaged, or is of a protocol that this `topics` cannot read.
    """
    path = folder / MANIFEST
    status = _status(path)
    if status and not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{path}: is not a file; {_REMEDY}")
    if status and status.st_size > _LARGEST_MANIFEST:
        raise ModelError(f"{path}: is not a manifest: {status.st_size:,} bytes; {_REMEDY}")
    protocol = persistence.read_struct(path, _Protocol).protocol
    if protocol not in READERS:
        known = ", ".join(map(str, READERS))
        raise ModelError(
            f"{folder}: has protocol {protocol}, this topics reads {known}; update topics or train again"
        )
    return READERS[protocol](path)


def check(folder: Path) -> Manifest:
    """Read the manifest and hold every byte of every file against it.

    Raises:
        ModelError: a file is missing, unexpected, not a regular file, or altered.
    """
    manifest = read_manifest(folder)
    try:
        _check_files(folder, manifest)
    except FileNotFoundError as error:  # pruned while we look
        raise ModelError(f"{error.filename}: is missing; {_REMEDY}") from error
    return manifest


def _check_files(folder: Path, manifest: Manifest) -> None:
    there = {path.name for path in folder.iterdir()} - {MANIFEST}
    extra = {name for name in there - manifest.files.keys() if not _LEFT_BY_COPYING.fullmatch(name)}
    if differing := extra | (manifest.files.keys() - there):
        remedy = "remove these files" if differing == extra else _REMEDY
        raise ModelError(f"{folder}: files are missing or too many: {listed(differing)}; {remedy}")
    for name, wanted in manifest.files.items():
        path = folder / name
        expect_plain(path)
        status = _status(path)
        if status is None or not stat.S_ISREG(status.st_mode) or status.st_size != wanted.size:
            raise ModelError(f"{path}: is not a file of {wanted.size} bytes; {_REMEDY}")
        if describe(path) != wanted:
            raise ModelError(f"{path}: was altered since it was published; {_REMEDY}")


def expect_plain(path: Path) -> None:
    """Check that the suffix is one that a version may have.

    Raises:
        ModelError: versions never hold files of this kind.
    """
    if path.suffix not in _KINDS:
        raise ModelError(f"{path}: a version holds no such file, only {listed(_KINDS)}; refused")


def describe(path: Path) -> File:
    """Compute a file's size and SHA-256."""
    with path.open("rb") as stream:
        return File(os.fstat(stream.fileno()).st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def seal(folder: Path) -> str:
    """SHA-256 of the manifest, and by the hashes in it of the whole version."""
    return describe(folder / MANIFEST).sha256


def flush(folder: Path) -> None:
    """Sync a folder and its files to disk, readable by all."""
    for path in folder.iterdir():
        path.chmod(0o644)
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:  # a name too long, a folder that cannot be entered
        return None
