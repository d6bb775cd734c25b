"""Bundles: a version in one file, .tar or .zip, to be carried to another machine.

Bundles are not compressed, so that no file in one is longer than the bundle. One that claims otherwise (a zip
bomb, a sparse file, overlapping entries) is refused before anything is written, as is one with an entry that
is not called NAME/VERSION/FILE, all of one version.

Names that editors gave to topics are not part of a version. Their entry, `names.json`, becomes events of the
history when the bundle is imported. The last entry, `seal.txt`, is a hash of the names and the manifest,
which has the hashes of all other files. It detects accidental damage, not forgery.
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

_MAX_FILES = 1_000
_NAMES, _SEAL = "names.json", "seal.txt"
_MAX_EXTRA_SIZE = 1_000_000
"""Bytes of the names or of the seal."""


def pack(version: Version, path: Path) -> None:
    """Write a version and the names of its topics into one file; equal versions give equal bytes.

    Raises:
        ModelError: the version has names and cannot be opened.
        UsageError: the suffix is neither .tar nor .zip, or the file exists.
    """
    check_suffix(path)
    if path.exists():
        raise UsageError(f"{path}: already exists; name another file")
    names = _editor_names(version)
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
        sweep(path.parent, path.name)  # drafts of exports that were killed
    finally:
        partial.unlink(missing_ok=True)


def unpack(path: Path, registry: Registry, probe: Callable[[Path], object] = lambda folder: None) -> Version:
    """Import the version in a bundle into a registry, checking all files. No alias moves.

    Names of topics in the bundle are adopted, except where editors here have given one.

    Args:
        path: of the bundle.
        registry: receives the version.
        probe: called with the folder before it becomes visible; raises ModelError if it cannot be opened.

    Raises:
        ModelError: the bundle is damaged or was not written by `pack`.
        UsageError: there is no such file, or its suffix is neither .tar nor .zip.
    """
    check_suffix(path)
    if not path.is_file():
        raise UsageError(f"{path}: is not a file; name one that `topics export` wrote")
    with path.open("rb") as stream:
        listed = entries(stream, path)
        name, version = _identity(path, listed)
        files = {entry.name.rpartition("/")[2]: entry for entry in listed}
        content, expected_seal = (_extra(files.pop(extra, None), path) for extra in (_NAMES, _SEAL))
        names = _read_names(content, path) if content is not None else {}

        def fill(draft: Path) -> None:
            for file, entry in files.items():
                with (draft / file).open("wb") as target:
                    copy(entry, target, path)
            manifest = draft / MANIFEST
            if not manifest.exists() or seal(manifest.read_bytes(), content or b"") != expected_seal:
                raise ModelError(f"{path}: was altered since it was exported; export it again")

        def probe_all(draft: Path) -> None:
            probe(draft)
            if names:
                _check_names(names, draft)

        imported = registry.adopt(name, version, fill, f"from {path.name}", probe_all)
    registry.name_topics(imported, names, f"from {path.name}")
    return imported


def _editor_names(version: Version) -> dict[int, str]:
    """Return the names of topics that editors gave since the version was trained."""
    if not version.names or version.manifest.topics is None:
        return {}
    topics = TopicPipeline.load(version.folder).topics
    names = {topic.id: version.names.get(topic.id, topic.name) for topic in topics}
    return {topic.id: names[topic.id] for topic in topics if names[topic.id] != topic.name}


def seal(manifest: bytes, names: bytes) -> bytes:
    """Compute the last entry of a bundle: SHA-256 of its manifest and its names, if any."""
    return hashlib.sha256(manifest + names).hexdigest().encode()


def _extra(entry: Entry | None, path: Path) -> bytes | None:
    """Read an entry that is not part of the version."""
    if entry is None:
        return None
    if entry.size > _MAX_EXTRA_SIZE:
        raise ModelError(f"{path}: the entry {entry.name!r} has {entry.size:,} bytes; refused")
    content = io.BytesIO()
    copy(entry, content, path)
    return content.getvalue()


def _read_names(content: bytes, path: Path) -> dict[int, str]:
    try:
        names = msgspec.json.decode(content, type=dict[int, str])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: {_NAMES} cannot be read ({error}); refused") from error
    if invalid := unfit_name(names):
        raise ModelError(f"{path}: {invalid!r} is not a valid topic name; refused, nothing was imported")
    return names


def _check_names(names: Mapping[int, str], folder: Path) -> None:
    """Refuse names of unknown topics, which a later topic of the same id would inherit."""
    has_topics = read_manifest(folder).topics is not None
    known = {topic.id for topic in TopicPipeline.load(folder).topics} if has_topics else set()
    if unknown := names.keys() - known:
        raise ModelError(f"{folder}: names topic {min(unknown)}, which it does not have; refused")


def _identity(path: Path, entries: list[Entry]) -> tuple[str, str]:
    """Check all entries of a bundle before any is read; return model and version."""
    size, seen, versions = path.stat().st_size, set[str](), set[tuple[str, str]]()
    for entry in entries:
        parts = entry.name.split("/")
        problem = entry.problem
        if len(parts) != 3 or not is_name(parts[0]) or not moment_of(parts[1]) or not _is_file(parts[2]):
            problem = "is not named NAME/VERSION/FILE"
        elif entry.name in seen:
            problem = "occurs twice"
        if problem:
            raise ModelError(f"{path}: the entry {entry.name!r} {problem}; refused, nothing was imported")
        seen.add(entry.name)
        versions.add((parts[0], parts[1]))
    if sum(entry.size for entry in entries) > size:
        raise ModelError(f"{path}: claims to contain more than its {size:,} bytes; refused")
    if len(versions) != 1 or len(entries) > _MAX_FILES:
        raise ModelError(
            f"{path}: contains {len(versions)} versions in {len(entries)} files, not one; refused"
        )
    return versions.pop()


def _is_file(name: str) -> bool:
    return bool(name) and name.isprintable() and name[0] != "." and "\\" not in name and ":" not in name
