"""A cache of word forms and their lemmas, looked up by hash, in arrays.

A form is identified by a 64-bit hash of its characters, so that no Python object is created for a known form.
Among a million forms, the probability of a collision is 3 in 10⁸; the second form would get the lemma of the
first. `words` stores hashes, and uses them only as long as they are computed in the same way.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topics.text.lemmas import HOMONYMS, lemmas

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

Forms = Callable[[Int64s], list[str]]
"""Returns words as strings, given their indices among the hashes, in ascending order."""

Met = list[tuple[Hashes, Int32s]]
"""Hashes of words and lemma numbers, in the order of the texts; 0 marks the end of a segment."""

BORDER = "\x00"
"""Separates segments: the title of an article, its body, the next title …"""
_FORMS, _LEMMAS = 1_000_000, 200_000
"""Capacity, some 60 MB. Twenty thousand long articles have 385,000 forms of 136,000 lemmas."""
_KEPT = 400_000
"""Largest number of forms taken over from a full lexicon, among those that occurred again."""
_NOTHING = -1
_UNMET = np.int32(-(1 << 31))
_FIRST_BITS = 16
_PIECE = 1 << 14
"""Number of slots moved at a time when a table grows."""


class _Columns(NamedTuple):
    keys: Hashes
    numbers: Int32s
    again: Bools


class Table:
    """A hash table with open addressing, in arrays: hash -> number. Thread-safe; entries are never removed.

    A lookup during an insertion may miss the new entry, but never returns the number of another one. A third
    column marks the entries that were looked up after their insertion.
    """

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()
        self._columns = _empty(_FIRST_BITS)

    def __len__(self) -> int:
        """Return the number of entries."""
        return self._count

    @property
    def is_changing(self) -> bool:
        """Whether a thread is inserting entries."""
        return self._lock.locked()

    def unlock(self) -> None:
        """Replace the lock: in a forked process no thread would release the old one."""
        self._lock = threading.Lock()

    def find(self, hashes: Hashes) -> Int32s:
        """Return the numbers of hashes, `_UNMET` for unknown ones; hashes must not be 0."""
        keys, numbers, again = self._columns
        slots = _homes(hashes, keys)
        there = keys.take(slots)
        found = numbers.take(slots)
        missed = np.flatnonzero(there != hashes)
        found[missed] = _UNMET
        going = missed[there[missed] != 0]
        while len(going):
            slots[going] = places = (slots[going] + 1) % len(keys)
            there = keys.take(places)
            hit = there == hashes[going]
            found[going[hit]] = numbers.take(places[hit])
            going = going[~hit & (there != 0)]
        again[slots] = True  # meaningless for an empty slot; insertion resets it
        return found

    def found_again(self, most: int) -> tuple[Hashes, Int32s]:
        """Return up to `most` entries, chosen at random, that were looked up after their insertion."""
        keys, numbers, again = self._columns
        at = np.flatnonzero(again)[:most]  # the order of slots is that of hashes, thus random
        return keys[at], numbers[at]

    def enter(self, hashes: Hashes, numbers: Int32s) -> None:
        """Insert distinct hashes with their numbers; known hashes keep theirs."""
        with self._lock:
            fresh = self.find(hashes) == _UNMET
            hashes, numbers = hashes[fresh], numbers[fresh]
            self._count += len(hashes)
            if 2 * self._count > len(self._columns.keys):
                columns = _empty((2 * self._count).bit_length())
                for start in range(0, len(self._columns.keys), _PIECE):  # piecewise, to save memory
                    piece = [column[start : start + _PIECE] for column in self._columns]
                    used = piece[0] != 0
                    _fill(columns, *(column[used] for column in piece))
                self._columns = columns
            _fill(self._columns, hashes, numbers, np.zeros(len(hashes), bool))


def _empty(bits: int) -> _Columns:
    return _Columns(np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.int32), np.zeros(1 << bits, bool))


def _homes(hashes: Hashes, keys: Hashes) -> Int64s:
    """Return the slot at which the search for each hash begins: its most significant bits."""
    return (hashes >> np.uint64(65 - len(keys).bit_length())).view(np.int64)


def _fill(columns: _Columns, hashes: Hashes, numbers: Int32s, again: Bools) -> None:
    keys = columns.keys
    slots, waiting = _homes(hashes, keys), np.arange(len(hashes))
    while len(waiting):
        _, first = np.unique(slots[waiting], return_index=True)  # the first of several candidates for a slot
        placed = waiting[first][keys[slots[waiting[first]]] == 0]
        columns.numbers[slots[placed]] = numbers[placed]  # before the key, for concurrent lookups
        columns.again[slots[placed]] = again[placed]
        keys[slots[placed]] = hashes[placed]
        waiting = np.setdiff1d(waiting, placed, assume_unique=True)
        slots[waiting] = (slots[waiting] + 1) % len(keys)


class Lexicon:
    """Maps word forms to lemma numbers; entries are never removed."""

    def __init__(self) -> None:
        self.lemmas: list[str] = []
        self._index = Table()
        """Hash of a lemma (Python's `hash`) -> its number. A dict would take twice the memory."""
        self._number([BORDER, *HOMONYMS])
        self._doubtful = {
            number: (homonym, *self._number([homonym.first, homonym.second]).tolist())
            for number, homonym in enumerate(HOMONYMS.values(), 1)
        }
        self._compounds: list[list[int]] = []
        self._table = Table()
        """Form -> lemma number; `_NOTHING` for a form without lemmas, `_NOTHING - 1 - i` for compound `i`."""
        self.news: Met | None = None
        """New forms with one lemma or none (-1), collected for `words.Exchange`; None: not collected."""

    def __len__(self) -> int:
        """Return the number of forms."""
        return len(self._table)

    @property
    def is_full(self) -> bool:
        """Whether the capacity is exceeded."""
        return len(self) > _FORMS or len(self.lemmas) > _LEMMAS

    @property
    def is_changing(self) -> bool:
        """Whether a thread is inserting entries."""
        return self._index.is_changing or self._table.is_changing

    def unlock(self) -> None:
        """Replace the locks, in a forked process."""
        self._index.unlock()
        self._table.unlock()

    def renewed(self) -> Lexicon:
        """Return a new lexicon with the forms that occurred again; half of the others never will."""
        fresh = Lexicon()
        hashes, numbers = self._table.found_again(_KEPT)
        used = np.unique(numbers[numbers >= 0])
        table = np.full(len(self.lemmas) + 1, _NOTHING, np.int32)  # the last one stands for _NOTHING
        table[used] = fresh._number([self.lemmas[i] for i in used.tolist()])
        simple = numbers >= _NOTHING
        fresh._table.enter(hashes[simple], table[numbers[simple]])
        fresh.news = None if self.news is None else []
        return fresh

    def know(self, hashes: Hashes, numbers: Int32s, lemmas: list[str]) -> None:
        """Add distinct forms, each with the index of its lemma in `lemmas`, or -1 for none."""
        self._table.enter(hashes, np.append(self._number(lemmas), np.int32(_NOTHING))[numbers])

    def read(self, hashes: Hashes, forms: Forms, met: Met | None = None) -> Int32s:
        """Return the lemma numbers of words; `forms` is called for the unknown ones.

        Words that have one lemma in any context, or none (-1), are appended to `met`.
        """
        ids = self._find(hashes, forms)
        if met is not None:
            simple = self._are_simple(ids) | (ids == 0)
            met.append((hashes[simple], ids[simple]))
        at = np.flatnonzero(ids < _NOTHING)
        if len(at):
            parts = [self._compounds[_NOTHING - 1 - i] for i in ids[at].tolist()]
            ids[at] = [part[0] for part in parts]
            rests = [len(part) - 1 for part in parts]
            ids = np.insert(ids, np.repeat(at + 1, rests), [i for part in parts for i in part[1:]])
        ids = ids[ids >= 0]
        self._settle_homonyms(ids)
        return ids

    def count(self, hashes: Hashes, forms: Forms) -> Int64s:
        """Return the number of lemmas of each word."""
        numbers = self._find(hashes, forms)
        counts = (numbers >= 0).astype(np.int64)
        for at in np.flatnonzero(numbers < _NOTHING).tolist():
            counts[at] = len(self._compounds[_NOTHING - 1 - numbers[at]])
        return counts

    def _find(self, hashes: Hashes, forms: Forms) -> Int32s:
        numbers = self._table.find(hashes)
        unmet = np.flatnonzero(numbers == _UNMET)
        if len(unmet):
            fresh, first, back = np.unique(hashes[unmet], return_index=True, return_inverse=True)
            order = np.argsort(first)  # order of appearance, so that lemma numbers depend on the texts only
            learned = np.empty(len(fresh), np.int32)
            learned[order] = self._learn(forms(unmet[first[order]]))
            self._table.enter(fresh, learned)
            numbers[unmet] = learned[back]
            if self.news is not None:
                simple = self._are_simple(learned)
                self.news.append((fresh[simple], learned[simple]))
        return numbers

    def _are_simple(self, numbers: Int32s) -> Bools:
        simple: Bools = (numbers > len(self._doubtful)) | (numbers == _NOTHING)
        return simple

    def _settle_homonyms(self, ids: Int32s) -> None:
        """Disambiguate by neighbours: «стали» is «сталь» in «производство стали», otherwise «стать»."""
        for at in np.flatnonzero((ids > 0) & (ids <= len(self._doubtful))):
            homonym, first, second = self._doubtful[int(ids[at])]
            before, after = (self.lemmas[ids[i]] if 0 <= i < len(ids) else "" for i in (at - 1, at + 1))
            ids[at] = second if before in homonym.after or after in homonym.before else first

    def _learn(self, forms: list[str]) -> Int32s:
        """Lemmatize forms unknown to the lexicon."""
        found = [(BORDER,) if form == BORDER else lemmas(form) for form in forms]
        numbers = self._number([lemma for each in found for lemma in each]).tolist()
        learned = np.full(len(forms), _NOTHING, np.int32)
        end = 0
        for i, each in enumerate(found):
            start, end = end, end + len(each)
            if len(each) == 1:
                learned[i] = numbers[start]
            elif each:
                learned[i] = self._compound(numbers[start:end])
        return learned

    def _compound(self, parts: list[int]) -> int:
        with _LOCK:
            self._compounds.append(parts)
            return _NOTHING - len(self._compounds)

    def _number(self, names: list[str]) -> Int32s:
        """Return the numbers of lemmas; new ones are appended."""
        hashes = np.array([hash(name) for name in names], np.int64).view(np.uint64)
        hashes = np.maximum(hashes, 1)
        with _LOCK:
            first = np.sort(np.unique(hashes, return_index=True)[1])
            new = first[self._index.find(hashes[first]) == _UNMET]
            self._index.enter(hashes[new], np.arange(len(new), dtype=np.int32) + np.int32(len(self.lemmas)))
            self.lemmas.extend([names[i] for i in new.tolist()])
        return self._index.find(hashes)


_LOCK = threading.Lock()
_current = [Lexicon()]


def _after_fork() -> None:
    """Replace the locks in a forked process: threads of the parent that hold them do not exist there.

    If one of them was just changing the lexicon, it may be inconsistent, and a new one is created.
    """
    global _LOCK
    is_changing = _LOCK.locked() or _current[0].is_changing
    _LOCK = threading.Lock()
    if is_changing:
        forget()
    else:
        _current[0].unlock()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)


def current() -> Lexicon:
    """Return the lexicon of the process; a full one is replaced, but stays valid for batches read with it."""
    if _current[0].is_full:
        _current[0] = _current[0].renewed()
    return _current[0]


def forget() -> None:
    """Start with an empty lexicon, like a new process."""
    _current[0] = Lexicon()
