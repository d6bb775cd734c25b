"""Which ids have come before, eight bytes an id."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt


class Seen:
    """The ids that came so far, as 64-bit hashes: 8 bytes an id, for a while 16 when lists are merged.

    Two different ids share a hash with a chance of about n² / 2⁶⁵: 3 in 10⁸ for a million ids, 3 in 10⁴ for
    a hundred million. The second of them would be rejected.
    """

    def __init__(self) -> None:
        self.runs: list[npt.NDArray[np.uint64]] = []
        """Sorted, each more than twice as long as the next, so an id is merged only log(n) times."""

    def add(self, ids: list[str]) -> list[bool]:
        """Return for each id whether it came before, in this call or an earlier one."""
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
            run.sort(kind="stable")  # quick on what is sorted in parts
        if len(run):
            self.runs.append(run)


def hashes(ids: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return 64 bits of each id."""
    digests = [blake2b(i.encode(errors="surrogatepass"), digest_size=8).digest() for i in ids]
    return np.frombuffer(b"".join(digests), np.uint64)
