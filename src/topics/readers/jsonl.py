"""JSON Lines: one JSON object a line, UTF-8."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
import numpy as np

from topics.errors import DataError
from topics.types import WHOLE, Part, Reject, Row

BYTES = 6
"""Most bytes a character takes on a line: many exports write the letter «я» as `\\u044f`."""

_BLOCK = 1 << 18
_ESCAPE = re.compile(
    rb"\\(?:u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|(u[Dd][89A-Fa-f][0-9A-Fa-f]{2})|.)"
)
"""Of the backslashes in a line; the group is half a character without the other half."""
_NEWLINE = ord("\n")


def read(stream: BinaryIO, name: str, limit: int, part: Part = WHOLE) -> Iterator[Row | Reject]:
    """Return a row for each line that is not blank. Lines above `6 * limit` bytes are never held whole.

    Raises DataError for UTF-16.
    """
    if part.start:
        stream.seek(part.start)
    left = float("inf") if part.stop is None else part.stop - part.start
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    longest = BYTES * limit
    number = part.line - 1
    while left > 0 and (line := stream.readline(longest + 1)):
        number += 1
        left -= len(line)
        if number == 1:
            if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise DataError(f"{name}: the encoding is UTF-16; save it as UTF-8")
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > longest:
            left -= _skip(stream, line)
            yield Reject(name, number, f"the line is longer than {longest} bytes")
            continue
        try:
            row = decode(line)
        except (ValueError, RecursionError) as error:
            if not line.strip():
                continue
            try:
                row = decode(_mended(line))
            except (ValueError, RecursionError):
                yield Reject(name, number, _reason(line, error))
                continue
        yield Row(number, row)


def cut(stream: BinaryIO, size: int) -> Iterator[Part]:
    """Cut a file at line ends into parts of at least `size` bytes, the last one less.

    Every byte is read once, at some GB/s: the parts must know the numbers of their lines.
    """
    total = stream.seek(0, os.SEEK_END)
    if total <= size:
        yield Part(0, None, 1, total)
        return
    stream.seek(0)
    start, line, lines, at = 0, 1, 0, 0
    while block := stream.read(_BLOCK):
        done = 0
        # A line's end counts from the part's last wanted byte on: a part ends with the line that fills it.
        while (found := block.find(b"\n", max(done, start + size - 1 - at))) >= 0:
            stop = at + found + 1
            lines += _lines(block[done : found + 1])
            yield Part(start, stop, line, stop - start)
            start, line, lines, done = stop, line + lines, 0, found + 1
        lines += _lines(block[done:] if done else block)
        at += len(block)
    if start < at:
        yield Part(start, at, line, at - start)


def _lines(block: bytes) -> int:
    # Four times as fast as bytes.count.
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == _NEWLINE))


def _skip(stream: BinaryIO, piece: bytes) -> int:
    """Read to the end of the line that `piece` begins, holding little of it; return how much that was."""
    skipped = 0
    while piece and not piece.endswith(b"\n"):
        piece = stream.readline(1 << 16)
        skipped += len(piece)
    return skipped


def _mended(line: bytes) -> bytes:
    r"""Replace half a surrogate pair by U+FFFD: an emoji cut in two, `\ud83d`."""
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)


def _reason(line: bytes, error: Exception) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as place:
        return f"not UTF-8: byte 0x{line[place.start]:02x} at {place.start}"
    if isinstance(error, RecursionError):
        return "not valid JSON: nested too deeply"
    message = str(error).removeprefix("JSON is malformed: ")
    if not message.startswith("Expected `object`"):
        return f"not valid JSON: {message}"
    if line.lstrip().startswith(b"["):
        return "a list, not an object; each line must be one article (jq -c '.[]' turns a list into lines)"
    return 'not an object; each line must be one article, {"title": …, "text": …}'
