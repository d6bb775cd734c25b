"""Training files of a version, recognized by path or by content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from topics import storage

if TYPE_CHECKING:
    from topics.corpus.sources import Source


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A training file."""

    place: str
    """SHA-256 of its full path, so that a version that is shared reveals no folder names."""
    size: int
    sha256: str


def noted(sources: Iterable[Source]) -> tuple[Origin, ...]:
    """Return the origins of the sources that are files; training makes a file of standard input."""
    return tuple(
        Origin(_path_hash(source.path), source.path.stat().st_size, _content_hash(source.path))
        for source in sources
        if source.path
    )


def among(known: Sequence[Origin], sources: Iterable[Source]) -> tuple[str, ...]:
    """Return the names of sources with the path or the content of a known file.

    Only files with the size of a known one are read.
    """
    paths = {origin.place for origin in known}
    sizes = {origin.size for origin in known if origin.size}
    contents = {origin.sha256 for origin in known}
    return tuple(
        source.name
        for source in sources
        if source.path
        and (
            _path_hash(source.path) in paths
            or (source.path.stat().st_size in sizes and _content_hash(source.path) in contents)
        )
    )


def _path_hash(path: Path) -> str:
    full = str(path) if storage.is_remote(path) else str(path.resolve())
    return hashlib.sha256(full.encode(errors="surrogateescape")).hexdigest()


def _content_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
