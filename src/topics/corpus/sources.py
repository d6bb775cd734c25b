"""A file, a folder, a pattern or `-` becomes sources; a source, once opened, becomes rows."""

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
from topics.plugins import CELLWISE, CUTTERS, READERS
from topics.readers import Reader
from topics.types import WHOLE, Part, Reject, Row

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PACKINGS = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
"""Suffix of a packed file -> its first bytes."""
SYNONYMS = {"ndjson": "jsonl"}
"""Suffix -> the reader that other systems call so."""
_SHEETS = ("xlsx", "xls", "ods")
NAMED = {**SYNONYMS, "json": "jsonl"}
"""The same for files that are named; in a folder a `.json` may be anything, a list of settings too."""
OURS = {"job.json", "owner.json", "summary.json"}
"""What scoring leaves beside its parts."""
TABLES = {"csv", "tsv", "parquet"}
"""Formats in which each row has all columns."""
BUFFER = 1 << 17
_USUAL = {"text", "title"}
_MARKS = codecs.BOM_UTF8 + codecs.BOM_UTF16 + b" \t\r\n\0"
"""May stand before the first line that tells something."""
_JSON = re.compile(rb'\{|\[[\s{["]')
"""Begins an object, or a list of some; `[id],[text]` is the header of a table."""


class Source(NamedTuple):
    """An input that can be opened and read."""

    path: Path | None
    """None: standard input."""
    format: str | None
    """A name in `READERS`; None: guessed from the first bytes."""
    shown: str = ""
    """The name shown in messages, if not the path."""

    @property
    def name(self) -> str:
        """The name shown in messages."""
        return self.shown or ("stdin" if self.path is None else str(self.path))

    def absolute(self) -> Source:
        """Return the same source for a process of another working folder; messages show the same name."""
        return self if self.path is None else self._replace(path=self.path.absolute(), shown=self.name)


class Found(NamedTuple):
    """The sources that names stand for."""

    sources: list[Source]
    others: list[Path]
    """Files beside them that no reader knows, without hidden ones and without those that scoring leaves."""


def find(given: str | Path | Sequence[str | Path], form: str | None = None) -> Found:
    """Return the sources that `given` stands for, in the order given, each once.

    A folder stands for the files with known suffixes below it, a pattern (`2024/**/*.jsonl`) for those that
    it matches, both sorted by path; what is hidden or an unfinished job's does not count. `form` is the
    format of standard input and of files whatever their suffix, but not of a folder's. A `.json` is read as
    JSON Lines where it is named or matched, and left out of a folder. Raises DataError if there is nothing to
    read, and UsageError for a suffix that no reader knows.
    """
    names = [given] if isinstance(given, str | Path) else given
    found = [_expand(name, form) for name in names]
    if not found:
        raise DataError("no input is named; name a file, a folder, a pattern, or - for standard input")
    sources = dict.fromkeys(chain.from_iterable(one.sources for one in found))
    others = dict.fromkeys(chain.from_iterable(one.others for one in found))
    read = {source.path for source in sources}
    return Found(list(sources), [path for path in others if path not in read])


def _expand(given: str | Path, form: str | None) -> Found:
    path = storage.path(given)
    if str(given) == "-":
        return Found([Source(None, form)], [])
    if path.is_dir():
        inside = [file for file in sorted(path.rglob("*")) if not _is_aside(file.relative_to(path))]
        return _filled(given, _known(inside, SYNONYMS), "no file in this folder can be read")
    if path.exists():
        return Found([Source(path, form or format_of(path))], [])
    if not glob.has_magic(str(given)):
        raise DataError(f"{given}: no such file or folder; check the name")
    matches = _apart(map(Path, glob.glob(str(given), recursive=True)))  # noqa: PTH207 (takes absolute patterns)
    if form:
        sources = [Source(match, form) for match in matches if match.is_file()]
        return _filled(given, Found(sources, []), "nothing matches")
    return _filled(given, _known(matches, NAMED), "no file that can be read matches this pattern")


def _apart(paths: Iterable[Path]) -> list[Path]:
    """Sort paths, each file once: a link to a folder above makes forty of one, and the shortest stays."""
    found: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda path: (len(path.parts), path)):
        found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _known(paths: list[Path], synonyms: Mapping[str, str]) -> Found:
    files = [path for path in paths if not path.name.startswith(".") and path.is_file()]
    formats = [_format(path, synonyms) for path in files]
    return Found(
        [Source(path, form) for path, form in zip(files, formats, strict=True) if form],
        [path for path, form in zip(files, formats, strict=True) if not form],
    )


def _is_aside(path: Path) -> bool:
    """Return whether a path belongs to predictions, to an unfinished job or to a hidden folder."""
    return path.name in OURS or any(part.startswith(".") or part.endswith(".job") for part in path.parts[:-1])


def _filled(given: str | Path, found: Found, complaint: str) -> Found:
    if not found.sources:
        named = "; a .json that is JSON Lines is read where it is named" if has_json(found.others) else ""
        raise DataError(f"{given}: {complaint}; known suffixes: {_suffixes()}{named}")
    return found


def has_json(paths: Iterable[Path]) -> bool:
    """Return whether one of them is a `.json`, packed or not."""
    return any(_suffix(path) == "json" for path in paths)


def kinds(paths: Iterable[Path]) -> str:
    """List the suffixes of files, for a message: `.json, .tar.gz, without a suffix`."""
    found = {
        "".join(path.suffixes[-2:] if path.suffix.lower() in PACKINGS else path.suffix).lower()
        for path in paths
    }
    return ", ".join([*sorted(found - {""}), *["without a suffix"] * ("" in found)])


def format_of(path: Path) -> str:
    """`архив.CSV.gz` -> `csv`. Raises UsageError for a suffix that no reader knows."""
    if form := _format(path, NAMED):
        return form
    suffix = _suffix(path)
    if suffix in _SHEETS:
        raise UsageError(f"{path}: is a spreadsheet; save it as CSV")
    found = f"the suffix {'.' + suffix!r}" if suffix else "a file without a suffix"
    raise UsageError(f"{path}: no reader knows {found}; known: {_suffixes()}; or name the format")


def _format(path: Path, synonyms: Mapping[str, str]) -> str | None:
    suffix = _suffix(path)
    return suffix if _is_known(suffix) else synonyms.get(suffix)


def _suffix(path: Path) -> str:
    bare = path.with_suffix("") if path.suffix.lower() in PACKINGS else path
    return bare.suffix.lower().removeprefix(".")


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
    """Cut a source into parts of some `size` bytes that can be read apart; packed files and tables are whole.

    Raises DataError if the source cannot be opened.
    """
    if source.path is None:
        return [WHOLE]
    try:
        with ExitStack() as stack:
            stream = _open(source, stack)
            total = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            whole = WHOLE._replace(size=total)
            if source.format is None or source.format not in CUTTERS or _packing(stream, source):
                return [whole]
            return list(CUTTERS.load(source.format)(stream, size)) or [whole]
    except (OSError, ValueError) as error:
        raise _unreadable(source, error) from error


class Rows:
    """What a reader finds in a source, or in a part of it; opened on iteration, which is possible once.

    `pause` is called whenever standard input has no more for now: its writer may be waiting for an answer.
    `needed` are the columns without which a row is nothing, see `topics.readers`; none given: all.

    A packed file that is cut off or damaged gives its rows up to there, then one `Reject` for the rest.
    Raises DataError if the source cannot be opened or read at all; an OSError of `pause` passes.
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
        """None until the first row tells it."""

    @property
    def is_table(self) -> bool:
        """Whether each row has all columns; known with the first."""
        return self.format in TABLES

    def __iter__(self) -> Iterator[Row | Reject]:
        """Open the source and read it."""
        source, line = self.source, self.part.line - 1
        try:
            with ExitStack() as stack:
                stream = _unpacked(_open(source, stack, self.pause), source, stack)
                self.format = self.format or _tell(stream, {*_USUAL, *self.needed})
                for found in self._read(stream):
                    line = found.line
                    yield found
        except _DamageError as damage:
            yield Reject(source.name, line + 1, str(damage))
        except _PauseError as failed:
            raise failed.error from None
        except OSError as error:
            raise _unreadable(source, error) from error

    def _read(self, stream: BinaryIO) -> Iterator[Row | Reject]:
        form, part = str(self.format), self.part
        within = () if part.start == 0 and part.stop is None else (part,)
        more = {"needed": self.needed} if self.needed and form in CELLWISE else {}
        read: Reader = READERS.load(form)
        return read(stream, self.source.name, self.limit, *within, **more)


def _unreadable(source: Source, error: Exception) -> DataError:
    cause = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return DataError(f"{source.name}: cannot be read ({cause}); check the file")


def _open(source: Source, stack: ExitStack, pause: Callable[[], None] | None = None) -> io.BufferedReader:
    if source.path is not None:
        return stack.enter_context(io.BufferedReader(storage.opened(source.path), BUFFER))  # type: ignore[arg-type]
    return _buffered(sys.stdin.buffer, pause)  # never closed: it is not ours


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
    found = (packing for packing, mark in PACKINGS.items() if suffix == packing or beginning.startswith(mark))
    return next(found, "")


def _buffered(stream: object, pause: Callable[[], None] | None = None) -> io.BufferedReader:
    return io.BufferedReader(_Flow(cast(BinaryIO, stream), pause), BUFFER)


class _DamageError(OSError):
    """Compressed data is truncated or damaged."""


class _PauseError(Exception):
    """What `pause` writes to is broken or full: not the source's fault."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Flow(io.RawIOBase):
    """A stream that hands on what has come, without waiting for more, and says plainly what is damaged."""

    def __init__(self, stream: BinaryIO, pause: Callable[[], None] | None = None) -> None:
        self._stream = stream
        self._pause = pause
        # read1 returns what there is: a row that a CMS has piped in is not held back until more come.
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
            raise _DamageError(_what_broke(error)) from error
        view[: len(data)] = data
        return len(data)


def _has_more(stream: BinaryIO) -> bool:
    """Return whether a read would not block."""
    try:
        return bool(select.select([stream], [], [], 0)[0])
    except (OSError, ValueError):  # no file of the system's: a test's buffer, a pipe on Windows
        return True


def _what_broke(error: Exception) -> str:
    if isinstance(error, EOFError) or "Truncated" in str(error):
        return "the file ends in the middle of its packed data, the rest is lost; copy or export it again"
    return f"the packed data is damaged from here on ({error}); copy or export it again"


def _tell(stream: io.BufferedReader, names: Collection[str]) -> str:
    """Guess the format of a stream without a name; JSON Lines if in doubt.

    `names` are those of columns: one of them alone is the header of a table, too.
    """
    beginning = stream.peek(1).lstrip(_MARKS)
    if beginning.startswith(b"PAR1"):
        return "parquet"
    first = beginning.splitlines()[0].rstrip() if beginning else b""
    if _JSON.match(first + b"\n") or first.endswith(b"}"):
        return "jsonl"
    is_table = any(mark in first for mark in b";\t,") or first.strip(b'"') in map(str.encode, names)
    return "csv" if is_table else "jsonl"
