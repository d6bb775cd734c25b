"""Integrity checks of a version's folder against its manifest, before it is opened.

The folder is not trusted: it may come from a stranger or from a failing disk. Only regular files of the
expected size are read.
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
_SUFFIXES = frozenset({".json", ".npy", ".txt", ".html", ".md"})
"""Files of a version: data and pages, nothing that is executed or unpickled."""
_LARGEST_MANIFEST = 16_000_000
_IGNORED = re.compile(r"\.DS_Store|\._.*|Thumbs\.db|desktop\.ini", re.DOTALL)
"""Files that file managers add to folders."""


class _Protocol(msgspec.Struct, frozen=True):
    protocol: int


def _read_1(path: Path) -> Manifest:
    return persistence.read_struct(path, Manifest)


READERS: dict[int, Callable[[Path], Manifest]] = {PROTOCOL: _read_1}
"""Protocol -> reader of its manifest. Readers of older protocols stay, converting to today's `Manifest`;
`tests/golden` holds a version of each protocol."""


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a version without checking its files.

    Raises:
        ModelError: the manifest is missing or damaged, or its protocol is not known.
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
            f"{folder}: has protocol {protocol}, this topics can read {known}; update topics or train again"
        )
    return READERS[protocol](path)


def check(folder: Path) -> Manifest:
    """Read the manifest and check the size and hash of every file.

    Raises:
        ModelError: a file is missing, unexpected, not a regular file, or altered.
    """
    manifest = read_manifest(folder)
    try:
        _check_files(folder, manifest)
    except FileNotFoundError as error:  # pruned meanwhile
        raise ModelError(f"{error.filename}: is missing; {_REMEDY}") from error
    return manifest


def _check_files(folder: Path, manifest: Manifest) -> None:
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    extra = {name for name in present - manifest.files.keys() if not _IGNORED.fullmatch(name)}
    if differing := extra | (manifest.files.keys() - present):
        remedy = "remove these files" if differing == extra else _REMEDY
        raise ModelError(f"{folder}: missing or unexpected files: {listed(differing)}; {remedy}")
    for name, expected in manifest.files.items():
        path = folder / name
        check_suffix(path)
        status = _status(path)
        if status is None or not stat.S_ISREG(status.st_mode) or status.st_size != expected.size:
            raise ModelError(f"{path}: is not a file of {expected.size} bytes; {_REMEDY}")
        if describe(path) != expected:
            raise ModelError(f"{path}: was altered since it was published; {_REMEDY}")


def check_suffix(path: Path) -> None:
    """Check that the suffix of a file is one that a version may have.

    Raises:
        ModelError: it is not.
    """
    if path.suffix not in _SUFFIXES:
        raise ModelError(f"{path}: not a file of a version, which has only {listed(_SUFFIXES)}; refused")


def describe(path: Path) -> File:
    """Compute a file's size and SHA-256."""
    with path.open("rb") as stream:
        return File(os.fstat(stream.fileno()).st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def seal(folder: Path) -> str:
    """Return the SHA-256 of the manifest, which contains the hashes of all other files."""
    return describe(folder / MANIFEST).sha256


def flush(folder: Path) -> None:
    """Make the files of a folder readable by all, and sync them and the folder to disk."""
    for path in folder.iterdir():
        path.chmod(0o644)
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Sync a file, or the entries of a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:  # a name that is too long, a folder without permission
        return None
