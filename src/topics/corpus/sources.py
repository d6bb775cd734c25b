"""Sources of rows: files, folders, patterns, or standard input (`-`)."""

from __future__ import annotations

import codecs
import glob
import gzip
import io
import re
import select
import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from topics import storage
from topics.errors import DataError, UsageError
from topics.plugins import READERS
from topics.readers import Format
from topics.types import WHOLE, Part, Reject, Row

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PACKINGS = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
"""Suffix of a compressed file -> its first bytes."""
SYNONYMS = {"ndjson": "jsonl"}
"""Other suffixes of formats -> the usual one."""
_SHEETS = ("xlsx", "xls", "ods")
NAMED_SYNONYMS = {**SYNONYMS, "json": "jsonl"}
"""The same for files that are named; in a folder, a `.json` may be anything, such as settings."""
JOB_FILES = {"job.json", "owner.json", "summary.json"}
"""Files that a scoring job writes beside its parts."""
BUFFER = 1 << 17
_USUAL_COLUMNS = {"text", "title"}
_SKIPPED_BYTES = codecs.BOM_UTF8 + codecs.BOM_UTF16 + b" \t\r\n\0"
"""Skipped before the first line."""
_JSON_START = re.compile(rb'\{|\[[\s{["]')
"""Beginning of an object, or of a list of objects; `[id],[text]` is the header of a table."""


class Source(NamedTuple):
    """An input that can be opened and read."""

    path: Path | None
    """None: standard input."""
    format: str | None
    """A name in `READERS`; None: detected from the first bytes."""
    shown: str = ""
    """The name shown in messages, if not the path."""

    @property
    def name(self) -> str:
        """The name shown in messages."""
        return self.shown or ("stdin" if self.path is None else str(self.path))

    def absolute(self) -> Source:
        """Return the source with an absolute path, for a process of another working folder."""
        return self if self.path is None else self._replace(path=self.path.absolute(), shown=self.name)


class Found(NamedTuple):
    """The sources of some names."""

    sources: list[Source]
    others: list[Path]
    """Files beside them that no reader knows, without hidden ones and those of scoring jobs."""


def find(inputs: str | Path | Sequence[str | Path], form: str | None = None) -> Found:
    """Return the sources that `inputs` stand for, in order, each once.

    A folder stands for the files with known suffixes below it, a pattern (`2024/**/*.jsonl`) for the matching
    ones, both sorted by path, without hidden files and those of unfinished jobs. A `.json` is read as JSON
    Lines if it is named or matched, and left out of a folder.

    Args:
        inputs: files, folders, patterns, or `-`.
        form: format of standard input and of files of any suffix, except those in folders.

    Raises:
        DataError: there is nothing to read.
        UsageError: no reader knows a suffix.
    """
    names = [inputs] if isinstance(inputs, str | Path) else inputs
    expanded = [_expand(name, form) for name in names]
    if not expanded:
        raise DataError("no input; name a file, a folder, a pattern, or - for standard input")
    sources = dict.fromkeys(chain.from_iterable(found.sources for found in expanded))
    others = dict.fromkeys(chain.from_iterable(found.others for found in expanded))
    read = {source.path for source in sources}
    return Found(list(sources), [path for path in others if path not in read])


def _expand(given: str | Path, form: str | None) -> Found:
    path = storage.path(given)
    if str(given) == "-":
        return Found([Source(None, form)], [])
    if path.is_dir():
        inside = [file for file in sorted(path.rglob("*")) if not _is_ignored(file.relative_to(path))]
        return _require_sources(given, _by_format(inside, SYNONYMS), "no file in this folder can be read")
    if path.exists():
        return Found([Source(path, form or format_of(path))], [])
    if not glob.has_magic(str(given)):
        raise DataError(f"{given}: no such file or folder; check the name")
    paths = glob.glob(str(given), recursive=True)  # noqa: PTH207 (takes absolute patterns)
    matches = _without_duplicates(map(Path, paths))
    if form:
        sources = [Source(match, form) for match in matches if match.is_file()]
        return _require_sources(given, Found(sources, []), "nothing matches")
    return _require_sources(
        given, _by_format(matches, NAMED_SYNONYMS), "no file that can be read matches this pattern"
    )


def _without_duplicates(paths: Iterable[Path]) -> list[Path]:
    """Sort paths, keeping the shortest of each file: a link to a parent folder yields forty of them."""
    shortest: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda path: (len(path.parts), path)):
        shortest.setdefault(path.resolve(), path)
    return sorted(shortest.values())


def _by_format(paths: list[Path], synonyms: Mapping[str, str]) -> Found:
    files = [path for path in paths if not path.name.startswith(".") and path.is_file()]
    formats = [_format(path, synonyms) for path in files]
    return Found(
        [Source(path, form) for path, form in zip(files, formats, strict=True) if form],
        [path for path, form in zip(files, formats, strict=True) if not form],
    )


def _is_ignored(path: Path) -> bool:
    """Return whether a path belongs to predictions, to an unfinished job or to a hidden folder."""
    return path.name in JOB_FILES or any(
        part.startswith(".") or part.endswith(".job") for part in path.parts[:-1]
    )


def _require_sources(given: str | Path, found: Found, complaint: str) -> Found:
    if not found.sources:
        named = "; a .json with JSON Lines is read if given by name" if has_json(found.others) else ""
        raise DataError(f"{given}: {complaint}; known suffixes: {_suffixes()}{named}")
    return found


def has_json(paths: Iterable[Path]) -> bool:
    """Return whether one of them is a `.json`, packed or not."""
    return any(_suffix(path) == "json" for path in paths)


def kinds(paths: Iterable[Path]) -> str:
    """List the suffixes of files, for a message: `.json, .tar.gz, without a suffix`."""
    suffixes = {
        "".join(path.suffixes[-2:] if path.suffix.lower() in PACKINGS else path.suffix).lower()
        for path in paths
    }
    return ", ".join([*sorted(suffixes - {""}), *["without a suffix"] * ("" in suffixes)])


def format_of(path: Path) -> str:
    """Return the format of a file by its suffix: `архив.CSV.gz` -> `csv`.

    Raises:
        UsageError: no reader knows the suffix.
    """
    if form := _format(path, NAMED_SYNONYMS):
        return form
    suffix = _suffix(path)
    if suffix in _SHEETS:
        raise UsageError(f"{path}: is a spreadsheet; save it as CSV")
    problem = f"unknown suffix {'.' + suffix!r}" if suffix else "no suffix"
    raise UsageError(f"{path}: {problem}; known suffixes: {_suffixes()}; or name the format")


def _format(path: Path, synonyms: Mapping[str, str]) -> str | None:
    suffix = _suffix(path)
    return suffix if _is_known(suffix) else synonyms.get(suffix)


def _suffix(path: Path) -> str:
    bare = path.with_suffix("") if path.suffix.lower() in PACKINGS else path
    return bare.suffix.lower().removeprefix(".")


def _format_named(name: str) -> Format:
    """Return the format that `READERS` has under this name."""
    form: Format = READERS.load(name)
    return form


@cache
def _is_known(suffix: str) -> bool:
    try:
        READERS.load(suffix)
    except UsageError:
        return False
    return True


def _suffixes() -> str:
    return ", ".join(f".{name}" for name in [*READERS, *SYNONYMS]) + " (also with .gz or .zst after it)"


def cut(source: Source, size: int) -> list[Part]:
    """Split a source into parts of about `size` bytes; compressed files and CSV remain whole.

    Raises:
        DataError: the source cannot be opened.
    """
    if source.path is None:
        return [WHOLE]
    try:
        with ExitStack() as stack:
            stream = _open(source, stack)
            total = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            whole = WHOLE._replace(size=total)
            split = _format_named(source.format).cut if source.format else None
            if split is None or _packing(stream, source):
                return [whole]
            return list(split(stream, size)) or [whole]
    except (OSError, ValueError) as error:
        raise _unreadable(source, error) from error


class Rows:
    """The rows of a source, or of a part of it; opened on iteration, which is possible once.

    A compressed file that is truncated or damaged yields its rows up to there, then one `Reject`.

    Args:
        source: to be read.
        limit: largest number of characters of a field.
        part: of the source.
        pause: called whenever standard input has no more data for now; its OSErrors are passed on.
        needed: columns whose cells must be readable, see `topics.readers`; none given: all.

    Raises:
        DataError: on iteration, if the source cannot be opened or read.
    """

    def __init__(
        self,
        source: Source,
        limit: int,
        part: Part = WHOLE,
        pause: Callable[[], None] | None = None,
        needed: Collection[str] = (),
    ) -> None:
        self.source = source
        self.limit = limit
        self.part = part
        self.pause = pause
        self.needed = needed
        self.format = source.format
        """None until it is detected with the first row."""

    @property
    def is_table(self) -> bool:
        """Whether every row has all columns; known with the first row."""
        return self.format is not None and _format_named(self.format).is_table

    def __iter__(self) -> Iterator[Row | Reject]:
        """Open the source and read it."""
        source, line = self.source, self.part.line - 1
        try:
            with ExitStack() as stack:
                stream = _unpacked(_open(source, stack, self.pause), source, stack)
                self.format = self.format or _detect_format(stream, {*_USUAL_COLUMNS, *self.needed})
                for row in self._read(stream):
                    line = row.line
                    yield row
        except _DamageError as damage:
            yield Reject(source.name, line + 1, str(damage))
        except _PauseError as failed:
            raise failed.error from None
        except OSError as error:
            raise _unreadable(source, error) from error

    def _read(self, stream: BinaryIO) -> Iterator[Row | Reject]:
        read = _format_named(str(self.format)).read
        return read(stream, self.source.name, self.limit, self.part, self.needed)


def _unreadable(source: Source, error: Exception) -> DataError:
    cause = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return DataError(f"{source.name}: cannot be read ({cause}); check the file")


def _open(source: Source, stack: ExitStack, pause: Callable[[], None] | None = None) -> io.BufferedReader:
    if source.path is not None:
        return stack.enter_context(io.BufferedReader(storage.opened(source.path), BUFFER))  # type: ignore[arg-type]
    return _buffered(sys.stdin.buffer, pause)  # not closed here


def _unpacked(stream: io.BufferedReader, source: Source, stack: ExitStack) -> io.BufferedReader:
    packing = _packing(stream, source)
    if packing == ".gz":
        return _buffered(stack.enter_context(gzip.GzipFile(fileobj=stream)))
    if packing == ".zst":
        import pyarrow as pa

        return _buffered(stack.enter_context(pa.CompressedInputStream(stream, "zstd")))
    return stream


def _packing(stream: io.BufferedReader, source: Source) -> str:
    """Return `.gz`, `.zst` or "", by the name or the first bytes."""
    beginning = stream.peek(4)
    suffix = source.path.suffix.lower() if source.path else ""
    packings = (
        packing for packing, mark in PACKINGS.items() if suffix == packing or beginning.startswith(mark)
    )
    return next(packings, "")


def _buffered(stream: object, pause: Callable[[], None] | None = None) -> io.BufferedReader:
    return io.BufferedReader(_Flow(cast(BinaryIO, stream), pause), BUFFER)


class _DamageError(OSError):
    """Compressed data is truncated or damaged."""


class _PauseError(Exception):
    """`pause` failed, not the source."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Flow(io.RawIOBase):
    """A stream that returns data as it arrives, and raises `_DamageError` for damaged compressed data."""

    def __init__(self, stream: BinaryIO, pause: Callable[[], None] | None = None) -> None:
        self._stream = stream
        self._pause = pause
        # read1 returns the data at hand, so that a row from a CMS is not held back until more arrive.
        self._read = cast(io.BufferedReader, stream).read1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        if self._pause and not _has_more(self._stream):
            try:
                self._pause()
            except OSError as error:
                raise _PauseError(error) from error
        try:
            data = self._read(len(view))
        except (EOFError, zlib.error, OSError) as error:
            if getattr(error, "errno", None):
                raise  # the disk or the network, not the file
            raise _DamageError(_damage_reason(error)) from error
        view[: len(data)] = data
        return len(data)


def _has_more(stream: BinaryIO) -> bool:
    """Return whether a read would not block."""
    try:
        return bool(select.select([stream], [], [], 0)[0])
    except (OSError, ValueError):  # not a file of the system: a buffer in a test, a pipe on Windows
        return True


def _damage_reason(error: Exception) -> str:
    if isinstance(error, EOFError) or "Truncated" in str(error):
        return "the compressed data is cut short, the rest is lost; copy or export it again"
    return f"the compressed data is damaged from here on ({error}); copy or export it again"


def _detect_format(stream: io.BufferedReader, names: Collection[str]) -> str:
    """Detect the format of a stream without a name; JSON Lines if in doubt.

    Args:
        stream: at its beginning.
        names: of columns; one of them alone on the first line is the header of a table.
    """
    beginning = stream.peek(1).lstrip(_SKIPPED_BYTES)
    if beginning.startswith(b"PAR1"):
        return "parquet"
    first = beginning.splitlines()[0].rstrip() if beginning else b""
    if _JSON_START.match(first + b"\n") or first.endswith(b"}"):
        return "jsonl"
    is_table = any(mark in first for mark in b";\t,") or first.strip(b'"') in map(str.encode, names)
    return "csv" if is_table else "jsonl"
