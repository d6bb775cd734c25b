"""The words that this process has met, with their lemmas: looked up by hash, a column at a time.

A word is known by 64 bits computed from its characters, so that no Python object is made for a word that was
met before. Of four hundred thousand forms two share a hash with a chance of 4 in 10⁹; the second of them
would be read as the first. Hashes are never stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from topics.text.lemmas import HOMONYMS, lemmas

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

BORDER = "\x00"
"""Stands between segments: the title of an article, its body, the next title …"""
_SIZE = 400_000
"""Forms remembered, some 50 MB. A year of a newsroom's articles has about 300,000."""
_NOTHING = -1
_UNMET = np.int32(-(1 << 31))
_FIRST_BITS = 16


class Table:
    """Hash -> number, both in columns, by open addressing. Safe for threads; it only ever grows.

    Who looks something up while it is entered may miss it, but is never told another's number.
    """

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()
        self._columns = _empty(_FIRST_BITS)

    def __len__(self) -> int:
        """Count the hashes."""
        return self._count

    def find(self, hashes: Hashes) -> Int32s:
        """Look up numbers; `_UNMET` where there is none. No hash is 0."""
        keys, numbers = self._columns
        slots = _homes(hashes, keys)
        there = keys[slots]
        hit = there == hashes
        found = np.where(hit, numbers[slots], _UNMET)
        going = np.flatnonzero(~hit & (there != 0))
        while len(going):
            slots[going] = (slots[going] + 1) % len(keys)
            there = keys[slots[going]]
            hit = there == hashes[going]
            found[going[hit]] = numbers[slots[going[hit]]]
            going = going[~hit & (there != 0)]
        return found

    def enter(self, hashes: Hashes, numbers: Int32s) -> None:
        """Enter distinct hashes with their numbers; one that is there keeps its number."""
        with self._lock:
            fresh = self.find(hashes) == _UNMET
            hashes, numbers = hashes[fresh], numbers[fresh]
            self._count += len(hashes)
            keys, old_numbers = self._columns
            if 2 * self._count > len(keys):
                columns, used = _empty((4 * self._count).bit_length()), keys != 0
                _fill(columns, keys[used], old_numbers[used])
                _fill(columns, hashes, numbers)
                self._columns = columns
            else:
                _fill(self._columns, hashes, numbers)


def _empty(bits: int) -> tuple[Hashes, Int32s]:
    return np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.int32)


def _homes(hashes: Hashes, keys: Hashes) -> Int64s:
    """Give the slot at which the search for each hash begins: its foremost bits."""
    return (hashes >> np.uint64(65 - len(keys).bit_length())).view(np.int64)


def _fill(columns: tuple[Hashes, Int32s], hashes: Hashes, numbers: Int32s) -> None:
    keys, found = columns
    slots = _homes(hashes, keys)
    while len(hashes):
        _, first = np.unique(slots, return_index=True)  # of those that want one slot the first gets it
        placed = first[keys[slots[first]] == 0]
        found[slots[placed]] = numbers[placed]  # before the key, for whoever looks it up just now
        keys[slots[placed]] = hashes[placed]
        waiting = np.ones(len(hashes), bool)
        waiting[placed] = False
        hashes, numbers, slots = hashes[waiting], numbers[waiting], (slots[waiting] + 1) % len(keys)


class Lexicon:
    """Forms and the numbers of their lemmas. It only ever grows."""

    def __init__(self) -> None:
        self.lemmas = [BORDER]
        self._index = {BORDER: 0}
        self._doubtful = {self._number(mark): homonym for mark, homonym in HOMONYMS.items()}  # from 1 on
        self._compounds: list[list[int]] = []
        self._table = Table()
        """Form -> number of its lemma; below zero: `_NOTHING`, or `_NOTHING - 1 - i` for compound `i`."""

    def __len__(self) -> int:
        """Count the forms."""
        return len(self._table)

    def read(self, hashes: Hashes, form_at: Callable[[int], str]) -> Int32s:
        """Replace words by the numbers of their lemmas; the lexicon asks for the forms it has not met."""
        ids = self._find(hashes, form_at)
        at = np.flatnonzero(ids < _NOTHING)
        if len(at):
            parts = [self._compounds[_NOTHING - 1 - i] for i in ids[at].tolist()]
            ids[at] = [part[0] for part in parts]
            rests = [len(part) - 1 for part in parts]
            ids = np.insert(ids, np.repeat(at + 1, rests), [i for part in parts for i in part[1:]])
        ids = ids[ids >= 0]
        self._settle_homonyms(ids)
        return ids

    def count(self, hashes: Hashes, form_at: Callable[[int], str]) -> list[int]:
        """Count the lemmas of each word."""
        numbers = self._find(hashes, form_at).tolist()
        return [len(self._compounds[_NOTHING - 1 - i]) if i < _NOTHING else int(i >= 0) for i in numbers]

    def _find(self, hashes: Hashes, form_at: Callable[[int], str]) -> Int32s:
        numbers = self._table.find(hashes)
        unmet = np.flatnonzero(numbers == _UNMET)
        if len(unmet):
            fresh, first, back = np.unique(hashes[unmet], return_index=True, return_inverse=True)
            learned = np.array([self._learn(form_at(at)) for at in unmet[first].tolist()], np.int32)
            self._table.enter(fresh, learned)
            numbers[unmet] = learned[back]
        return numbers

    def _settle_homonyms(self, ids: Int32s) -> None:
        """Read «стали» as «сталь» where a neighbour says so («производство стали»), else as «стать»."""
        for at in np.flatnonzero((ids > 0) & (ids <= len(self._doubtful))):
            homonym = self._doubtful[int(ids[at])]
            before, after = (self.lemmas[ids[i]] if 0 <= i < len(ids) else "" for i in (at - 1, at + 1))
            second = before in homonym.after or after in homonym.before
            ids[at] = self._number(homonym.second if second else homonym.first)

    def _learn(self, form: str) -> int:
        if form == BORDER:
            return 0
        found = [self._number(lemma) for lemma in lemmas(form)]
        if len(found) < 2:
            return found[0] if found else _NOTHING
        with _LOCK:
            self._compounds.append(found)
            return _NOTHING - len(self._compounds)

    def _number(self, lemma: str) -> int:
        if lemma not in self._index:
            with _LOCK:
                if lemma not in self._index:
                    self.lemmas.append(lemma)
                    self._index[lemma] = len(self._index)
        return self._index[lemma]


_LOCK = threading.Lock()
_current = [Lexicon()]


def current() -> Lexicon:
    """Return the process's lexicon; a full one is left to the batches that were read by it."""
    if len(_current[0]) > _SIZE:
        _current[0] = Lexicon()
    return _current[0]


def forget() -> None:
    """Begin with an empty lexicon, as a fresh process does: for measurements."""
    _current[0] = Lexicon()
