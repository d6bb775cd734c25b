"""JSON Lines: one JSON object a line, UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from topics.types import Reject, Row

BYTES = 6
"""Most bytes a character takes on a line: many exports write the letter «я» as `\\u044f`."""


def read(stream: BinaryIO, name: str, limit: int) -> Iterator[Row | Reject]:
    """Return a row for each line that is not blank. Lines above `6 * limit` bytes are never held whole."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    longest = BYTES * limit
    number = 0
    while line := stream.readline(longest + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > longest:
            _skip(stream, line)
            yield Reject(name, number, f"the line is longer than {longest} bytes")
            continue
        try:
            row = decode(line)
        except (ValueError, RecursionError) as error:
            if line.strip():
                yield Reject(name, number, _reason(line, error))
        else:
            yield Row(number, row)


def _skip(stream: BinaryIO, piece: bytes) -> None:
    """Read to the end of the line of which `piece` is the beginning, holding little of it."""
    while piece and not piece.endswith(b"\n"):
        piece = stream.readline(1 << 16)


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
