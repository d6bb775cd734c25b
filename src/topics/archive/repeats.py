"""Repeated ids of an archive, found across shards that were read independently.

Each shard saves sorted 64-bit hashes of its ids. They are compared one range of hashes at a time, so that
memory does not grow with the archive. The probability that two of n ids share a hash is about n² / 2⁶⁵, 3 in
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
"""Approximate number of ids compared at a time."""


class Repeat(NamedTuple):
    """An article whose id an earlier one has."""

    row: int
    """Among the articles of its shard, from 0."""
    piece: int
    """Index of its piece in the shard."""
    line: int


def save(stream: BinaryIO, hashes: Uint64s, positions: Uint64s) -> None:
    """Write the ids of a shard's n articles; `positions`, (n, 2), are their pieces and lines."""
    order = np.argsort(hashes, kind="stable")
    columns = np.stack([hashes[order], order.astype(np.uint64), *positions[order].T])
    np.save(stream, columns, allow_pickle=False)


def find(saved: Sequence[Path], total: int) -> dict[int, list[Repeat]]:
    """Find repeats in the files that `save` wrote, one per shard, `total` ids in all: shard -> repeats."""
    by_shard: dict[int, list[Repeat]] = {}
    with ExitStack() as stack:
        files = [stack.enter_context(storage.on_disk(path)) for path in saved]
        for low, high in pairwise(_bounds(total)):
            for shard, repeat in _between(files, low, high):
                by_shard.setdefault(shard, []).append(repeat)
    return {shard: sorted(repeats) for shard, repeats in sorted(by_shard.items())}


def _bounds(total: int) -> list[int]:
    slices = total // _SLICE + 1
    return [i * 2**64 // slices for i in range(slices + 1)]


def _between(files: Sequence[Path], low: int, high: int) -> Iterator[tuple[int, Repeat]]:
    """Find the repeats whose hash is at least `low` and below `high`."""
    slices = [_slice(file, low, high) for file in files]
    joined = np.concatenate([hashes for _, hashes in slices])
    order = np.argsort(joined, kind="stable")  # of equal ids the first stays first
    repeated = np.sort(order[1:][joined[order[1:]] == joined[order[:-1]]])
    starts = np.cumsum([0, *(len(hashes) for _, hashes in slices)])
    for shard, (first, last) in enumerate(pairwise(np.searchsorted(repeated, starts).tolist())):
        if first < last:
            indices = repeated[first:last] - starts[shard] + slices[shard][0]
            yield from ((shard, Repeat(*row)) for row in _open(files[shard])[1:, indices].T.tolist())


def _slice(file: Path, low: int, high: int) -> tuple[int, Uint64s]:
    """Read the hashes of a shard from `low` to below `high`, with the index of the first."""
    hashes = _open(file)[0]
    start = int(np.searchsorted(hashes, np.uint64(low)))
    stop = len(hashes) if high == 2**64 else int(np.searchsorted(hashes, np.uint64(high)))
    return start, np.array(hashes[start:stop])


def _open(file: Path) -> Uint64s:
    saved: Uint64s = np.load(file, mmap_mode="r", allow_pickle=False)
    return saved
