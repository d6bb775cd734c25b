"""Ids that come twice in an archive, found among shards that were read apart.

Each shard saves 64-bit hashes of its ids, sorted. They are compared a slice of the hashes at a time, so that
memory does not grow with the archive. Two different ids share a hash with a chance of about n² / 2⁶⁵: 3 in
10⁴ for a hundred million; the second of them would be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from topics import storage

Uint64s = npt.NDArray[np.uint64]

_SLICE = 500_000
"""Ids compared at once, about."""


class Repeat(NamedTuple):
    """An article whose id another one had before."""

    row: int
    """Among the articles of its shard, from 0."""
    piece: int
    """Which piece of the shard it came from."""
    line: int


def save(stream: BinaryIO, hashes: Uint64s, places: Uint64s) -> None:
    """Write the ids of a shard's n articles; `places`, (n, 2), are their pieces and lines."""
    order = np.argsort(hashes, kind="stable")
    found = np.stack([hashes[order], order.astype(np.uint64), *places[order].T])
    np.save(stream, found, allow_pickle=False)


def find(saved: Sequence[Path], total: int) -> dict[int, list[Repeat]]:
    """Compare `total` ids in all: number of a shard -> its articles that repeat an earlier one."""
    found: dict[int, list[Repeat]] = {}
    with ExitStack() as stack:
        files = [stack.enter_context(storage.on_disk(path)) for path in saved]
        for low, high in pairwise(_bounds(total)):
            for shard, repeat in _among(files, low, high):
                found.setdefault(shard, []).append(repeat)
    return {shard: sorted(repeats) for shard, repeats in sorted(found.items())}


def _bounds(total: int) -> list[int]:
    slices = total // _SLICE + 1
    return [i * 2**64 // slices for i in range(slices + 1)]


def _among(files: Sequence[Path], low: int, high: int) -> Iterator[tuple[int, Repeat]]:
    """Find the repeats whose hash is at least `low` and below `high`."""
    slices = [_slice(file, low, high) for file in files]
    joined = np.concatenate([hashes for _, hashes in slices])
    order = np.argsort(joined, kind="stable")  # of equal ids the first stays first
    repeated = np.sort(order[1:][joined[order[1:]] == joined[order[:-1]]])
    starts = np.cumsum([0, *(len(hashes) for _, hashes in slices)])
    for shard, (first, last) in enumerate(pairwise(np.searchsorted(repeated, starts).tolist())):
        if first < last:
            at = repeated[first:last] - starts[shard] + slices[shard][0]
            yield from ((shard, Repeat(*row)) for row in _opened(files[shard])[1:, at].T.tolist())


def _slice(file: Path, low: int, high: int) -> tuple[int, Uint64s]:
    """Read the hashes of a shard from `low` to below `high`, and tell the place of the first."""
    hashes = _opened(file)[0]
    start = int(np.searchsorted(hashes, np.uint64(low)))
    stop = len(hashes) if high == 2**64 else int(np.searchsorted(hashes, np.uint64(high)))
    return start, np.array(hashes[start:stop])


def _opened(file: Path) -> Uint64s:
    saved: Uint64s = np.load(file, mmap_mode="r", allow_pickle=False)
    return saved
