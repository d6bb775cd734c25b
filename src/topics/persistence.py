"""Arrays, words and settings as plain files; never pickle.

An array is one `.npy` file, so that all scoring processes map the same pages of memory. Files are not
trusted: an array that does not have the expected type, dimensions and size is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from topics.errors import ModelError

T = TypeVar("T")
LARGEST = 1e9
"""Far above any real weight; the product of two such numbers still fits into a 32-bit float."""
REMEDY = "restore the version from a backup or train again"


def write_lines(path: Path, lines: list[str]) -> None:
    """Write words, one per line. Words must not contain line breaks; tokens never do."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def read_lines(path: Path) -> list[str]:
    """Read what `write_lines` wrote.

    Raises:
        ModelError: the file is missing or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); {REMEDY}") from error


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array; equal arrays yield equal bytes."""
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)


def read_array(path: Path, kind: npt.DTypeLike, dimensions: int = 1) -> npt.NDArray[Any]:
    """Map an array into memory, read-only.

    Raises:
        ModelError: the file is missing or damaged, has another type, number of dimensions or size than
            expected, or contains a number that is not finite or beyond a billion.
    """
    try:
        mapped = np.lib.format.open_memmap(path, mode="r")  # knows .npy alone: neither npz nor pickle
        whole = mapped.offset + mapped.nbytes == path.stat().st_size
    except Exception as error:  # numpy parses the header as Python; a hostile one fails in many ways
        raise ModelError(f"{path}: cannot be read ({_first_line(error)}); {REMEDY}") from error
    array = np.asarray(mapped)
    if array.dtype != np.dtype(kind) or array.ndim != dimensions or not whole:
        found = f"{array.ndim} dimensions of {array.dtype}" + " and extra bytes" * (not whole)
        raise ModelError(f"{path}: contains {found}, expected {dimensions} of {np.dtype(kind)}; {REMEDY}")
    if array.dtype.kind == "f" and array.size and not -LARGEST <= array.min() <= array.max() <= LARGEST:
        raise ModelError(f"{path}: has a number that is not finite or exceeds a billion; {REMEDY}")
    return array


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def write_struct(path: Path, struct: object) -> None:
    """Write a msgspec Struct as indented JSON."""
    path.write_bytes(readable(struct))


def readable(struct: object) -> bytes:
    """Encode a msgspec Struct as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(struct, order="sorted"), indent=2) + b"\n"


def read_struct(path: Path, kind: type[T]) -> T:
    """Read a Struct; every field is validated.

    Raises:
        ModelError: the file is missing or invalid.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); {REMEDY}") from error
