"""Uncompressed .tar and .zip files: writing, and safe reading of untrusted ones."""

from __future__ import annotations

import io
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias

from topics.errors import ModelError, UsageError

SUFFIXES = (".tar", ".zip")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20


class Entry(NamedTuple):
    """An entry as declared by a container."""

    name: str
    size: int
    problem: str
    """Why it cannot be an entry that `topics` wrote, or ""."""
    open: Callable[[], IO[bytes]]


Add: TypeAlias = Callable[[str, int, IO[bytes]], None]
"""Takes a name, a size in bytes, and a stream of that size."""


def check_suffix(path: Path) -> None:
    """Raise UsageError if the suffix is not that of a bundle."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: a bundle is a .tar or a .zip file; name one of these")


@contextmanager
def writing(path: Path, suffix: str) -> Iterator[Add]:
    """Write a container; yields a function that adds an entry."""
    if suffix == ".tar":
        with tarfile.open(path, "x:", format=tarfile.PAX_FORMAT) as tar:
            yield lambda name, size, stream: _add_to_tar(tar, name, size, stream)
    else:
        with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
            yield lambda name, size, stream: _add_to_zip(archive, name, size, stream)


def _add_to_tar(tar: tarfile.TarFile, name: str, size: int, stream: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    tar.addfile(entry, stream)


def _add_to_zip(archive: zipfile.ZipFile, name: str, size: int, stream: IO[bytes]) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr, entry.file_size = (stat.S_IFREG | 0o644) << 16, size
    with archive.open(entry, "w") as target:
        shutil.copyfileobj(stream, target)


def entries(stream: IO[bytes], path: Path) -> list[Entry]:
    """List the entries of an open container; they can be opened while the stream is open.

    Raises:
        ModelError: it is damaged.
    """
    with _as_model_error(path):
        return list(_entries(stream, path.suffix))


def _entries(stream: IO[bytes], suffix: str) -> Iterator[Entry]:
    if suffix == ".tar":
        tar = tarfile.TarFile(fileobj=stream)  # not `tarfile.open`, which accepts a .tar.gz
        return (_tar_entry(tar, entry) for entry in tar.getmembers())
    archive = zipfile.ZipFile(stream)
    return (_zip_entry(archive, entry) for entry in archive.infolist())


def _tar_entry(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Entry:
    is_regular = entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse()
    return Entry(
        entry.name,
        entry.size,
        "" if is_regular else "is not a regular file",
        lambda: tar.extractfile(entry) or io.BytesIO(),
    )


def _zip_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Entry:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    problem = ""
    if kind not in (0, stat.S_IFREG) or entry.is_dir():
        problem = "is not a regular file"
    elif entry.flag_bits & 0x1:
        problem = "is encrypted"
    elif entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        problem = "is compressed, which `topics export` never does"
    return Entry(entry.orig_filename, entry.file_size, problem, lambda: archive.open(entry))


def copy(entry: Entry, target: IO[bytes], path: Path) -> None:
    """Copy the content of an entry of the container `path`.

    Raises:
        ModelError: it is damaged.
    """
    with _as_model_error(path):
        source = entry.open()
    with source:
        while True:
            with _as_model_error(path):
                chunk = source.read(_CHUNK)
            if not chunk:
                break
            target.write(chunk)  # outside: a full disk is no damage of the bundle
    if target.tell() != entry.size:
        raise ModelError(f"{path}: the entry {entry.name!r} is cut short; export it again")


@contextmanager
def _as_model_error(path: Path) -> Iterator[None]:
    """Convert exceptions of tarfile and zipfile to ModelError."""
    try:
        yield
    except Exception as error:  # of a dozen types for hostile bytes, OSError among them
        raise ModelError(f"{path}: is damaged or not a bundle ({error}); export it again") from error
