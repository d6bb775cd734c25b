"""A version in one file, .tar or .zip, to be carried to another machine.

Nothing in a bundle is compressed. So a file in it can be no longer than the bundle itself, and a bundle that
claims otherwise (a zip bomb, a sparse file, entries that overlap) is refused before a byte is written. Names
are never joined to a path unchecked: each must read NAME/VERSION/FILE, all of one version.

Names that editors gave to topics are not part of a version. Their entry in a bundle, `names.json`,
becomes events of the history where the bundle is unpacked, and no file there. The last entry, `seal.txt`, is
a hash of the manifest, in which all other files have theirs, and of the names: what happens to a bundle by
chance is seen; who forges one on purpose can seal it.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from topics.errors import ModelError, UsageError
from topics.lifecycle.containers import SUFFIXES, Entry, check_suffix, copy, entries, writing
from topics.storage import draft_of, naming, sweep
from topics.topic_pipeline import TopicPipeline
from topics.versions.history import unfit_name
from topics.versions.integrity import MANIFEST, read_manifest, sync
from topics.versions.manifest import moment_of
from topics.versions.registry import Registry, Version, is_name

__all__ = ["SUFFIXES", "pack", "seal", "unpack"]

_MOST_FILES = 1_000
_NAMES, _SEAL = "names.json", "seal.txt"
_LARGEST_EXTRA = 1_000_000
"""Bytes of the names or of the seal."""


def pack(version: Version, path: Path) -> None:
    """Write a version into one file, with the names of its topics; equal versions give equal bytes.

    Raises:
        ModelError: the version cannot be opened, and has names.
        UsageError: the suffix is neither .tar nor .zip, or there is such a file.
    """
    check_suffix(path)
    if path.exists():
        raise UsageError(f"{path}: already exists; name another file")
    names = _names_given(version)
    extra = {_NAMES: msgspec.json.encode(names)} if names else {}
    extra[_SEAL] = seal((version.folder / MANIFEST).read_bytes(), extra.get(_NAMES, b""))
    partial = draft_of(path)
    try:
        with naming(path), writing(partial, path.suffix) as add:
            for name in (MANIFEST, *sorted(version.manifest.files)):
                with (version.folder / name).open("rb") as stream:
                    add(f"{version.label}/{name}", os.fstat(stream.fileno()).st_size, stream)
            for name, content in extra.items():
                add(f"{version.label}/{name}", len(content), io.BytesIO(content))
        sync(partial)
        partial.rename(path)
        sweep(path.parent, path.name)  # what exports that were killed have left of this file
    finally:
        partial.unlink(missing_ok=True)


def unpack(path: Path, registry: Registry, probe: Callable[[Path], object] = lambda folder: None) -> Version:
    """Import the version in a bundle into a registry, every byte checked. No alias moves.

    Topics are called as in the bundle, unless editors here have said how to call them.

    `probe` is given the folder before it becomes visible, and raises ModelError if it cannot be opened.

    Raises:
        ModelError: the bundle is damaged or was not written by `pack`.
        UsageError: no such file, or its suffix is neither .tar nor .zip.
    """
    check_suffix(path)
    if not path.is_file():
        raise UsageError(f"{path}: is not a file; name one that `topics export` wrote")
    with path.open("rb") as stream:
        found_in = entries(stream, path)
        name, version = _identity(path, found_in)
        files = {entry.name.rpartition("/")[2]: entry for entry in found_in}
        content, sealed = (_extra(files.pop(extra, None), path) for extra in (_NAMES, _SEAL))
        names = _read_names(content, path) if content is not None else {}

        def fill(draft: Path) -> None:
            for file, entry in files.items():
                with (draft / file).open("wb") as target:
                    copy(entry, target, path)
            manifest = draft / MANIFEST
            if not manifest.exists() or seal(manifest.read_bytes(), content or b"") != sealed:
                raise ModelError(f"{path}: was altered since it was exported; export it again")

        def probe_all(draft: Path) -> None:
            probe(draft)
            if names:
                _check_names(names, draft)

        found = registry.adopt(name, version, fill, f"from {path.name}", probe_all)
    registry.name_topics(found, names, f"from {path.name}")
    return found


def _names_given(version: Version) -> dict[int, str]:
    """List the names that editors gave since the version was trained, of topics that it has."""
    if not version.names or version.manifest.topics is None:
        return {}
    topics = TopicPipeline.load(version.folder).topics
    names = {topic.id: version.names.get(topic.id, topic.name) for topic in topics}
    return {topic.id: names[topic.id] for topic in topics if names[topic.id] != topic.name}


def seal(manifest: bytes, names: bytes) -> bytes:
    """Compute the last entry of a bundle: SHA-256 over its manifest and its names, if it has any."""
    return hashlib.sha256(manifest + names).hexdigest().encode()


def _extra(entry: Entry | None, path: Path) -> bytes | None:
    """Read an entry that is not part of the version."""
    if entry is None:
        return None
    if entry.size > _LARGEST_EXTRA:
        raise ModelError(f"{path}: the entry {entry.name!r} has {entry.size:,} bytes; refused")
    content = io.BytesIO()
    copy(entry, content, path)
    return content.getvalue()


def _read_names(content: bytes, path: Path) -> dict[int, str]:
    try:
        names = msgspec.json.decode(content, type=dict[int, str])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: {_NAMES} cannot be read ({error}); refused") from error
    if unfit := unfit_name(names):
        raise ModelError(f"{path}: {unfit!r} is not a valid topic name; refused, nothing was imported")
    return names


def _check_names(names: Mapping[int, str], folder: Path) -> None:
    """Refuse names of unknown topics, which a later topic with that id would inherit."""
    has_topics = read_manifest(folder).topics is not None
    known = {topic.id for topic in TopicPipeline.load(folder).topics} if has_topics else set()
    if foreign := names.keys() - known:
        raise ModelError(f"{folder}: has no topic {min(foreign)} that is named; refused")


def _identity(path: Path, entries: list[Entry]) -> tuple[str, str]:
    """Find the one version that a bundle holds, having looked at every entry before any is read."""
    size, seen, found = path.stat().st_size, set[str](), set[tuple[str, str]]()
    for entry in entries:
        parts = entry.name.split("/")
        trouble = entry.trouble
        if len(parts) != 3 or not is_name(parts[0]) or not moment_of(parts[1]) or not _is_file(parts[2]):
            trouble = "is not named NAME/VERSION/FILE"
        elif entry.name in seen:
            trouble = "comes twice"
        if trouble:
            raise ModelError(f"{path}: the entry {entry.name!r} {trouble}; refused, nothing was imported")
        seen.add(entry.name)
        found.add((parts[0], parts[1]))
    if sum(entry.size for entry in entries) > size:
        raise ModelError(f"{path}: claims to hold more than its own {size:,} bytes; refused")
    if len(found) != 1 or len(entries) > _MOST_FILES:
        raise ModelError(f"{path}: holds {len(found)} versions in {len(entries)} files, not one; refused")
    return found.pop()


def _is_file(name: str) -> bool:
    return bool(name) and name.isprintable() and name[0] != "." and "\\" not in name and ":" not in name
