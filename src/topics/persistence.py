"""Arrays, words and settings, in and out of a folder of plain files. Never pickle.

What is read was written by a stranger until the registry has checked its hash, and even then it is only
read: an array has the type that the reader asked for or is refused.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from topics.errors import ModelError

T = TypeVar("T")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time stamp of every member of an npz: the same arrays are the same bytes."""


def write_lines(path: Path, lines: list[str]) -> None:
    """Write words, a line each. A word holds no line break: tokens have none."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def read_lines(path: Path) -> list[str]:
    """Read what `write_lines` wrote.

    Raises:
        ModelError: the file is missing or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); restore or retrain the version") from error


def write_arrays(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write arrays as an uncompressed npz, the same bytes for the same arrays."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def read_arrays(path: Path, **types: npt.DTypeLike) -> dict[str, npt.NDArray[Any]]:
    """Read the named arrays, each of the type named with it.

    Raises:
        ModelError: the file is damaged, an array is missing or of another type.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in types}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); restore or retrain the version") from error
    for name, wanted in types.items():
        if arrays[name].dtype != np.dtype(wanted):
            raise ModelError(f"{path}: {name} is {arrays[name].dtype}, {np.dtype(wanted)} was expected")
    return arrays


def write_struct(path: Path, struct: object) -> None:
    """Write a msgspec Struct as JSON that a person can read."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(struct), indent=2) + b"\n")


def read_struct(path: Path, kind: type[T]) -> T:
    """Read a Struct, every field checked against its type.

    Raises:
        ModelError: the file is missing or does not fit.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); restore or retrain the version") from error
