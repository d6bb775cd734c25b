"""A version in one file, .tar or .zip, to be carried to another machine.

Nothing in a bundle is compressed. So a file in it can be no longer than the bundle itself, and a bundle that
claims otherwise (a zip bomb, a sparse file, entries that overlap) is refused before a byte is written. Names
are never joined to a path unchecked: each must read NAME/VERSION/FILE, all of one version.

What editors call topics is no file of a version. A bundle has it in an entry of its own, `names.json`, which
becomes events of the history where the bundle is unpacked, and no file there.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias

import msgspec

from topics.errors import ModelError, UsageError
from topics.topic_pipeline import TopicPipeline
from topics.versions.history import is_topic_name
from topics.versions.integrity import MANIFEST, read_manifest, sync
from topics.versions.registry import Registry, Version, is_name, is_version

SUFFIXES = (".tar", ".zip")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MOST_FILES = 1_000
_NAMES = "names.json"
_LARGEST_NAMES = 1_000_000
_CHUNK = 1 << 20


class _Entry(NamedTuple):
    name: str
    size: int
    trouble: str
    """Why it cannot be a file of ours; empty: it can."""
    open: Callable[[], IO[bytes]]


_Add: TypeAlias = Callable[[str, int, IO[bytes]], None]


def pack(version: Version, path: Path) -> None:
    """Write a version into one file, with the names of its topics; equal versions give equal bytes.

    Raises:
        ModelError: the version cannot be opened, and has names.
        UsageError: the suffix is neither .tar nor .zip, or there is such a file.
    """
    _check_suffix(path)
    if path.exists():
        raise UsageError(f"{path}: is there already; name another file")
    files, names = [MANIFEST, *sorted(version.manifest.files)], _names_given(version)
    partial = path.with_name(f".{path.name}.part")
    try:
        with _writing(partial, path.suffix) as add:
            for name in files:
                with (version.folder / name).open("rb") as stream:
                    add(f"{version.label}/{name}", os.fstat(stream.fileno()).st_size, stream)
            if names:
                content = msgspec.json.encode(names)
                add(f"{version.label}/{_NAMES}", len(content), io.BytesIO(content))
        sync(partial)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def unpack(path: Path, registry: Registry, probe: Callable[[Path], object] = lambda folder: None) -> Version:
    """Take the version in a bundle into a registry, every byte of it checked. No alias moves.

    Topics are called as in the bundle, unless editors here have said how to call them.

    `probe` is given the folder before it becomes visible, and raises ModelError if it cannot be opened.

    Raises:
        ModelError: the bundle is damaged or holds what no bundle of ours holds.
        UsageError: there is no such file, or its suffix is neither .tar nor .zip.
    """
    _check_suffix(path)
    if not path.is_file():
        raise UsageError(f"{path}: is no file; name one that `topics export` wrote")
    with path.open("rb") as stream:
        with _mending(path):
            entries = list(_entries(stream, path.suffix))
        name, version = _identity(path, entries)
        files = {entry.name.rpartition("/")[2]: entry for entry in entries}
        named = files.pop(_NAMES, None)
        names = _read_names(named, path) if named else {}

        def fill(draft: Path) -> None:
            for file, entry in files.items():
                with (draft / file).open("wb") as target:
                    _copy(entry, target, path)

        def probe_all(draft: Path) -> None:
            probe(draft)
            if named:
                _check_names(names, draft)

        found = registry.adopt(name, version, fill, f"from {path.name}", probe_all)
    registry.call_all(found, names, f"from {path.name}")
    return found


def _names_given(version: Version) -> dict[int, str]:
    """List the names that editors gave since the version was trained, of topics that it has."""
    if not version.names or version.manifest.topics is None:
        return {}
    topics = TopicPipeline.load(version.folder).topics
    names = {topic.id: version.names.get(topic.id, topic.name) for topic in topics}
    return {topic.id: names[topic.id] for topic in topics if names[topic.id] != topic.name}


def _read_names(entry: _Entry, path: Path) -> dict[int, str]:
    content = io.BytesIO()
    if entry.size > _LARGEST_NAMES:
        raise ModelError(f"{path}: the entry {entry.name!r} has {entry.size:,} bytes; refused")
    _copy(entry, content, path)
    try:
        names = msgspec.json.decode(content.getvalue(), type=dict[int, str])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: the entry {entry.name!r} cannot be read ({error}); refused") from error
    unfit = next((words for words in names.values() if not is_topic_name(words)), "")
    if unfit:
        raise ModelError(f"{path}: {unfit[:100]!r} is no name of a topic; refused, nothing was imported")
    return names


def _check_names(names: Mapping[int, str], folder: Path) -> None:
    """Refuse names of topics that a version does not have: one that is yet to be born would get them."""
    has_topics = read_manifest(folder).topics is not None
    known = {topic.id for topic in TopicPipeline.load(folder).topics} if has_topics else set()
    if foreign := names.keys() - known:
        raise ModelError(f"{folder}: has no topic {min(foreign)} that is named; refused")


@contextmanager
def _mending(path: Path) -> Iterator[None]:
    """Say of whatever tarfile and zipfile raise that the bundle is damaged."""
    try:
        yield
    except Exception as error:  # they fail in a dozen ways on hostile bytes, OSError among them
        raise ModelError(f"{path}: is no whole bundle ({error}); export it again") from error


def _identity(path: Path, entries: list[_Entry]) -> tuple[str, str]:
    """Find the one version that a bundle holds, having looked at every entry before any is read."""
    size, seen, found = path.stat().st_size, set[str](), set[tuple[str, str]]()
    for entry in entries:
        parts = entry.name.split("/")
        trouble = entry.trouble
        if len(parts) != 3 or not is_name(parts[0]) or not is_version(parts[1]) or not _is_file(parts[2]):
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


def _copy(entry: _Entry, target: IO[bytes], path: Path) -> None:
    with _mending(path):
        source = entry.open()
    with source:
        while True:
            with _mending(path):
                chunk = source.read(_CHUNK)
            if not chunk:
                break
            target.write(chunk)  # a full disk is no fault of the bundle
    if target.tell() != entry.size:
        raise ModelError(f"{path}: the entry {entry.name!r} is cut short; export it again")


@contextmanager
def _writing(path: Path, suffix: str) -> Iterator[_Add]:
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


def _entries(stream: IO[bytes], suffix: str) -> Iterator[_Entry]:
    """Go over the entries; they can be opened as long as the stream is."""
    if suffix == ".tar":
        tar = tarfile.TarFile(fileobj=stream)  # not `tarfile.open`, which would unpack a .tar.gz
        return (_tar_entry(tar, entry) for entry in tar.getmembers())
    archive = zipfile.ZipFile(stream)
    return (_zip_entry(archive, entry) for entry in archive.infolist())


def _tar_entry(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> _Entry:
    plain = entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse()
    return _Entry(
        entry.name,
        entry.size,
        "" if plain else "is no plain file",
        lambda: tar.extractfile(entry) or io.BytesIO(),
    )


def _zip_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> _Entry:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    trouble = ""
    if kind not in (0, stat.S_IFREG) or entry.is_dir():
        trouble = "is no plain file"
    elif entry.flag_bits & 0x1:
        trouble = "is encrypted"
    elif entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        trouble = "is compressed, as nothing is in a bundle of ours"
    return _Entry(entry.orig_filename, entry.file_size, trouble, lambda: archive.open(entry))


def _check_suffix(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: a bundle is a .tar or a .zip file; name one of these")
