"""JSON Lines: one JSON object per line, UTF-8."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

import msgspec
import numpy as np

from topics.errors import DataError
from topics.readers import Format
from topics.types import WHOLE, Part, Reject, Row

BYTES_PER_CHARACTER = 6
"""Largest number of bytes of a character: many exports write «я» as `\\u044f`."""

_BLOCK = 1 << 18
_ESCAPE = re.compile(
    rb"\\(?:u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|(u[Dd][89A-Fa-f][0-9A-Fa-f]{2})|.)"
)
"""Escape sequences of a line; the group matches a lone surrogate."""
_NEWLINE = ord("\n")


def read(
    stream: BinaryIO, name: str, limit: int, part: Part = WHOLE, needed: Collection[str] = ()
) -> Iterator[Row | Reject]:
    """Yield a row for each line that is not blank; lines above `6 * limit` bytes are never held in memory.

    Raises:
        DataError: the encoding is UTF-16.
    """
    if part.start:
        stream.seek(part.start)
    remaining = float("inf") if part.stop is None else part.stop - part.start
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    max_bytes = BYTES_PER_CHARACTER * limit
    number = part.line - 1
    while remaining > 0 and (line := stream.readline(max_bytes + 1)):
        number += 1
        remaining -= len(line)
        if number == 1:
            if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise DataError(f"{name}: the encoding is UTF-16; save it as UTF-8")
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > max_bytes:
            remaining -= _skip(stream, line)
            yield Reject(name, number, f"the line is longer than {max_bytes} bytes")
            continue
        try:
            row = decode(line)
        except (ValueError, RecursionError) as error:
            if not line.strip():
                continue
            try:
                row = decode(_repair_surrogates(line))
            except (ValueError, RecursionError):
                yield Reject(name, number, _reason(line, error))
                continue
        yield Row(number, row)


def cut(stream: BinaryIO, size: int) -> Iterator[Part]:
    """Split a file at line ends into parts of at least `size` bytes, except the last.

    Reads the whole file, at some GB/s, to number the lines.
    """
    total = stream.seek(0, os.SEEK_END)
    if total <= size:
        yield Part(0, None, 1, total)
        return
    stream.seek(0)
    start, line, lines, offset = 0, 1, 0, 0
    while block := stream.read(_BLOCK):
        consumed = 0
        # A part ends with the line that contains its byte number `size`.
        while (newline := block.find(b"\n", max(consumed, start + size - 1 - offset))) >= 0:
            stop = offset + newline + 1
            lines += _lines(block[consumed : newline + 1])
            yield Part(start, stop, line, stop - start)
            start, line, lines, consumed = stop, line + lines, 0, newline + 1
        lines += _lines(block[consumed:] if consumed else block)
        offset += len(block)
    if start < offset:
        yield Part(start, offset, line, offset - start)


def _lines(block: bytes) -> int:
    # four times as fast as bytes.count
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == _NEWLINE))


def _skip(stream: BinaryIO, chunk: bytes) -> int:
    """Skip the rest of the line that `chunk` begins; return the number of bytes."""
    skipped = 0
    while chunk and not chunk.endswith(b"\n"):
        chunk = stream.readline(1 << 16)
        skipped += len(chunk)
    return skipped


def _repair_surrogates(line: bytes) -> bytes:
    r"""Replace lone surrogates by U+FFFD: an emoji cut in two, `\ud83d`."""
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], line)


def _reason(line: bytes, error: Exception) -> str:
    try:
        line.decode()
    except UnicodeDecodeError as decode_error:
        return f"not UTF-8: byte 0x{line[decode_error.start]:02x} at {decode_error.start}"
    if isinstance(error, RecursionError):
        return "not valid JSON: nested too deeply"
    message = str(error).removeprefix("JSON is malformed: ")
    if not message.startswith("Expected `object`"):
        return f"not valid JSON: {message}"
    if line.lstrip().startswith(b"["):
        return "a list, not an object; each line must be one article (jq -c '.[]' turns a list into lines)"
    return 'not an object; each line must be one article, {"title": …, "text": …}'


FORMAT = Format(read, cut)
