"""Detection of repeated ids, with eight bytes per id."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt


class Seen:
    """A set of ids as 64-bit hashes: 8 bytes per id, temporarily 16 while runs are merged.

    The probability that two of n ids share a hash is about n² / 2⁶⁵: 3 in 10⁸ for a million ids, 3 in 10⁴ for
    a hundred million. The second of them would be rejected.
    """

    def __init__(self) -> None:
        self.runs: list[npt.NDArray[np.uint64]] = []
        """Sorted; each is more than twice as long as the next, so that an id is merged only log(n) times."""

    def add(self, ids: list[str]) -> list[bool]:
        """Add ids; return for each whether it was added before, in this call or an earlier one."""
        hashed = hashes(ids)
        fresh, first = np.unique(hashed, return_index=True)
        known = np.zeros(len(fresh), bool)
        for run in self.runs:
            known |= run[np.searchsorted(run, fresh).clip(max=len(run) - 1)] == fresh
        repeated = np.ones(len(hashed), bool)
        repeated[first] = known
        self._merge(fresh[~known])
        return repeated.tolist()

    def _merge(self, run: npt.NDArray[np.uint64]) -> None:
        while self.runs and len(self.runs[-1]) <= 2 * len(run):
            run = np.concatenate([self.runs.pop(), run])
            run.sort(kind="stable")  # fast on sorted runs
        if len(run):
            self.runs.append(run)


def hashes(ids: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return a 64-bit hash of each id."""
    digests = [blake2b(i.encode(errors="surrogatepass"), digest_size=8).digest() for i in ids]
    return np.frombuffer(b"".join(digests), np.uint64)
