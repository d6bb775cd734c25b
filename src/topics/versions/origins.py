"""Which files a version was trained on, recognized wherever they are and whatever they are called."""

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
    """SHA-256 of its full path: the version goes to others, and no name of a folder with it."""
    size: int
    sha256: str


def noted(sources: Iterable[Source]) -> tuple[Origin, ...]:
    """Return the origins of training files; for standard input, of the copy that training makes."""
    return tuple(
        Origin(_place(source.path), source.path.stat().st_size, _content(source.path))
        for source in sources
        if source.path
    )


def among(known: Sequence[Origin], sources: Iterable[Source]) -> tuple[str, ...]:
    """Return the sources that are these files, have grown from them, or hold the same bytes.

    Only files of the same size as a known one are read.
    """
    places = {origin.place for origin in known}
    sizes = {origin.size for origin in known if origin.size}
    contents = {origin.sha256 for origin in known}
    return tuple(
        source.name
        for source in sources
        if source.path
        and (
            _place(source.path) in places
            or (source.path.stat().st_size in sizes and _content(source.path) in contents)
        )
    )


def _place(path: Path) -> str:
    full = str(path) if storage.is_remote(path) else str(path.resolve())
    return hashlib.sha256(full.encode(errors="surrogateescape")).hexdigest()


def _content(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
