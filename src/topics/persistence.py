"""Arrays, words and settings, in and out of a folder of plain files. Never pickle.

An array is one `.npy` file, so that every process that scores maps the same pages of memory. Whatever is
read may come from a stranger: an array has the type and the dimensions that its reader asks for, and no more
bytes than its file holds, or it is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from topics.errors import ModelError

T = TypeVar("T")
REMEDY = "restore the version from a backup or train again"


def write_lines(path: Path, lines: list[str]) -> None:
    """Write words, a line each. A word must hold no line break; tokens hold none."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def read_lines(path: Path) -> list[str]:
    """Read what `write_lines` wrote.

    Raises:
        ModelError: the file is missing or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); {REMEDY}") from error


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write one array of numbers; equal arrays give equal bytes."""
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)


def read_array(path: Path, kind: npt.DTypeLike, dimensions: int = 1) -> npt.NDArray[Any]:
    """Map one array into memory, read-only.

    Raises:
        ModelError: the file is missing or damaged, or holds another type or number of dimensions.
    """
    try:
        array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError, OverflowError, SyntaxError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); {REMEDY}") from error
    if array.dtype != np.dtype(kind) or array.ndim != dimensions:
        found = f"{array.ndim} dimensions of {array.dtype}"
        raise ModelError(f"{path}: holds {found}, not {dimensions} of {np.dtype(kind)}; {REMEDY}")
    return array


def write_struct(path: Path, struct: object) -> None:
    """Write a msgspec Struct as JSON that a person can read."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(struct, order="sorted"), indent=2) + b"\n")


def read_struct(path: Path, kind: type[T]) -> T:
    """Read a Struct, every field checked against its type.

    Raises:
        ModelError: the file is missing or does not fit.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); {REMEDY}") from error
