"""Files on a disk or, through fsspec, in an object store (`s3://…`), with the same kind of path.

Published files appear whole or not at all.
"""

from __future__ import annotations

import errno
import getpass
import glob
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, cast

from topics.errors import UsageError

_DRAFT = ".part"


def path(name: str | Path) -> Path:
    """Return the path of a file or folder; with a protocol (`s3://bucket/archive`) one in an object store.

    Raises:
        UsageError: the package for the protocol is not installed.
    """
    if "://" not in str(name):
        return Path(name)
    try:
        from upath import UPath

        remote = UPath(name, use_listings_cache=False)  # workers write there as well
        remote.fs  # noqa: B018 (imports the package for the protocol)
    except (ImportError, ValueError) as error:
        raise UsageError(
            f"{name}: cannot be reached ({error}); install the extra: pip install 'newsroom-topics[s3]'"
        ) from error
    return cast(Path, remote)  # it has the methods of a Path without being one


def is_remote(place: Path) -> bool:
    """Return whether a path is in an object store."""
    return not isinstance(place, Path)


def draft_of(place: Path) -> Path:
    """Return a unique temporary name beside a file; `sweep` deletes what a killed process leaves."""
    return place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}{_DRAFT}")


@contextmanager
def naming(place: Path) -> Iterator[None]:
    """Add the path to an error about a full disk, which has none."""
    try:
        yield
    except OSError as error:
        if error.filename or not (error.errno or "written" in str(error)):
            raise
        code = error.errno or errno.ENOSPC  # numpy: «6997 requested and 4592 written»
        raise OSError(code, os.strerror(code), str(place)) from error


def user() -> str:
    """Return the name of the user of this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a bare container has no such user
        return "unknown"


def expect_writable(folder: Path) -> None:
    """Raise an OSError early if a folder is not writable or cannot be created."""
    there = folder.absolute()
    while not os.path.lexists(there):
        there = there.parent
    if there.is_symlink() and not there.exists():
        raise FileNotFoundError(errno.ENOENT, "is a broken link; fix or remove it", str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "folder is not writable", str(folder))


@contextmanager
def publishing(place: Path) -> Iterator[BinaryIO]:
    """Yield a stream; the file appears under its name at the end, when all of it is on disk.

    If several processes publish the same name, the last one wins. An object store gets one upload.
    """
    if is_remote(place):
        with tempfile.NamedTemporaryFile() as upload:
            yield cast(BinaryIO, upload)
            upload.flush()
            place.fs.put_file(upload.name, place.path)  # type: ignore[attr-defined]
        return
    if place.exists() and not place.is_file():  # a device, a pipe
        with naming(place), place.open("wb") as stream:
            yield stream
        return
    draft = draft_of(place)
    try:
        with naming(place), draft.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def unlink(place: Path) -> None:
    """Remove a file if it exists; devices are left alone."""
    if is_remote(place) or place.is_file():
        place.unlink(missing_ok=True)


def publish(place: Path, content: bytes) -> None:
    """Write a file with `publishing`."""
    with publishing(place) as stream:
        stream.write(content)


def listed(folder: Path) -> list[Path]:
    """List a folder; one that does not exist is empty, as in an object store."""
    return sorted(folder.iterdir()) if folder.exists() else []


def sync(folder: Path) -> None:
    """Flush the directory entries of a folder to disk."""
    if is_remote(folder):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move(source: Path, target: Path) -> None:
    """Rename a file; atomic on a disk."""
    if is_remote(source):
        source.fs.mv(source.path, target.path)  # type: ignore[attr-defined]
    else:
        source.replace(target)


def remove(folder: Path) -> None:
    """Delete a folder and its contents; a missing one is not an error.

    It is renamed first, so that an interruption leaves no partial folder, only one that `sweep` deletes.
    """
    if is_remote(folder):
        with suppress(FileNotFoundError):
            folder.fs.rm(folder.path, recursive=True)  # type: ignore[attr-defined]
        return
    hidden = folder.with_name(f".{folder.name}.{os.getpid()}{_DRAFT}")
    with suppress(FileNotFoundError):
        folder.replace(hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def sweep(folder: Path, name: str = "") -> None:
    """Delete partial files left by killed processes, of one file or of all in a folder."""
    if not is_remote(folder):
        of = f"{glob.escape(name)}." if name else ""  # not of `scored-2024`, where `scored` is swept
        for draft in folder.glob(f".{of}*{_DRAFT}"):
            if name and "." in draft.name.removeprefix(f".{name}.").removesuffix(_DRAFT):
                continue  # of `scored.csv`
            if draft.is_dir():
                shutil.rmtree(draft, ignore_errors=True)
            else:
                draft.unlink(missing_ok=True)


@contextmanager
def on_disk(place: Path) -> Iterator[Path]:
    """Yield a file that can be mapped into memory: the file itself, or a local copy of an object."""
    if not is_remote(place):
        yield place
        return
    with tempfile.NamedTemporaryFile() as copy:
        place.fs.get_file(place.path, copy.name)  # type: ignore[attr-defined]
        yield Path(copy.name)


def opened(place: Path) -> IO[bytes]:
    """Open a file for reading bytes, unbuffered on a disk."""
    return place.open("rb") if is_remote(place) else place.open("rb", buffering=0)
