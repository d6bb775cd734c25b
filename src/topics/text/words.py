"""Word forms of the training corpus with their lemmas, stored with a version to speed up scoring.

Lemmatizing the words of twenty thousand articles takes five seconds in each process. Forms are stored as
hashes, which are used only with the code, the dictionary and the Unicode tables that they were computed with.
Otherwise a process starts with an empty lexicon: slower, with the same results.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from topics import persistence, storage
from topics.errors import ModelError
from topics.text import lexicon
from topics.text.lexicon import BORDER, Hashes, Int32s, Int64s, Met

MAX_FORMS = 500_000
"""Number of forms stored, the most frequent ones; some 8 MB."""
_CODE = ("lemmas.py", "lexicon.py", "lemma_overrides.py", "names.py", "tokens.py")
_MIN_SHARED = 500
_HASHES, _NUMBERS, _LEMMAS = "word_hashes.npy", "word_numbers.npy", "word_lemmas.txt"
_ORIGIN = "words.json"


class Words(NamedTuple):
    """Word forms and their lemmas."""

    hashes: Hashes
    """Of the forms, ascending."""
    numbers: Int32s
    """Index of each form's lemma in `lemmas`, -1 for none."""
    lemmas: list[str]


class _Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: str


class Forms(NamedTuple):
    """The forms of some articles that have one lemma or none."""

    hashes: Hashes
    """Ascending."""
    numbers: Int32s
    """Lemma number of each form, -1 for none."""
    places: Int32s
    """Index in `hashes` of the form of each word, in the order of the articles."""
    ends: Int64s
    """(articles,): end of each article in `places`."""

    def choose(self, rows: Int64s) -> Forms:
        """Select articles by ascending row numbers; forms that no longer occur stay in `hashes`."""
        wanted = np.zeros(len(self.ends), bool)
        wanted[rows] = True
        lengths = np.diff(self.ends, prepend=0)
        return self._replace(places=self.places[np.repeat(wanted, lengths)], ends=np.cumsum(lengths[wanted]))


def forms(met: Met) -> Forms:
    """Group the words that a lexicon has read by article; an article has two segments."""
    words = np.concatenate([np.empty(0, np.uint64), *(hashes for hashes, _ in met)])
    numbers = np.concatenate([np.empty(0, np.int32), *(numbers for _, numbers in met)])
    border = numbers == 0
    ends = (np.flatnonzero(border) - np.arange(border.sum()))[1::2]
    words, numbers = words[~border], numbers[~border]
    hashes, first, places = np.unique(words, return_index=True, return_inverse=True)
    return Forms(hashes, numbers[first], places.astype(np.int32), ends)


class _Counts(NamedTuple):
    hashes: Hashes
    numbers: Int32s
    times: Int64s


_EMPTY = _Counts(np.empty(0, np.uint64), np.empty(0, np.int32), np.empty(0, np.int64))


class Collector:
    """Counts forms; the result does not depend on how articles are batched."""

    def __init__(self) -> None:
        self._merged, self._pending, self._pending_size = _EMPTY, list[_Counts](), 0

    def add(self, met: Forms) -> None:
        """Add the forms of some articles; all calls must use the same lemma numbers."""
        times = np.bincount(met.places, minlength=len(met.hashes))
        occurring = times > 0
        self._pending.append(_Counts(met.hashes[occurring], met.numbers[occurring], times[occurring]))
        self._pending_size += len(met.hashes)
        if self._pending_size > len(self._merged.hashes):  # merge when large enough, not with each batch
            self._merge()

    def _merge(self) -> None:
        hashes, numbers, times = map(np.concatenate, zip(self._merged, *self._pending, strict=True))
        hashes, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        summed = np.bincount(inverse, times, len(hashes)).astype(np.int64)
        self._merged, self._pending, self._pending_size = _Counts(hashes, numbers[first], summed), [], 0

    def words(self, lemmas: Sequence[str]) -> Words:
        """Return the most frequent forms; `lemmas` are indexed by lemma number."""
        self._merge()
        hashes, numbers, times = self._merged
        kept = np.sort(np.lexsort((hashes, -times))[:MAX_FORMS])
        places, names = _renumbered(numbers[kept], lemmas)
        order = sorted(range(len(names)), key=names.__getitem__)  # numbers depend on the order of reading
        rank = np.full(len(names) + 1, -1, np.int32)
        rank[order] = np.arange(len(names))
        return Words(hashes[kept], rank[places], [names[i] for i in order])


def _renumbered(numbers: Int32s, lemmas: Sequence[str]) -> tuple[Int32s, list[str]]:
    """Renumber lemmas without gaps and return them; -1 stays -1."""
    used, places = np.unique(numbers, return_inverse=True)
    first = int((used[:1] < 0).sum())  # 1 if there are forms without a lemma
    return (places - first).astype(np.int32), [lemmas[number] for number in used[first:].tolist()]


def save(folder: Path, words: Words) -> None:
    """Write the words into the folder of a version."""
    persistence.write_array(folder / _HASHES, words.hashes)
    persistence.write_array(folder / _NUMBERS, words.numbers)
    persistence.write_lines(folder / _LEMMAS, words.lemmas)
    persistence.write_struct(folder / _ORIGIN, _Origin(_origin()))


def load(folder: Path) -> Words | None:
    """Read what `save` wrote; None if the words were computed by other code.

    Raises:
        ModelError: a file is missing or damaged.
    """
    if persistence.read_struct(folder / _ORIGIN, _Origin).origin != _origin():
        return None
    words = Words(
        persistence.read_array(folder / _HASHES, np.uint64),
        persistence.read_array(folder / _NUMBERS, np.int32),
        persistence.read_lines(folder / _LEMMAS),
    )
    hashes, numbers, lemmas = words
    ascending = (hashes[:1] > 0).all() and (hashes[1:] > hashes[:-1]).all()
    if not ascending or len(hashes) != len(numbers) or not ((numbers >= -1) & (numbers < len(lemmas))).all():
        names = f"{_HASHES}, {_NUMBERS} and {_LEMMAS}"
        raise ModelError(f"{folder}: {names} do not fit together; {persistence.REMEDY}")
    if any(not lemma or BORDER in lemma for lemma in lemmas):
        raise ModelError(f"{folder / _LEMMAS}: has an invalid lemma; {persistence.REMEDY}")
    return words


@cache
def recall(folder: Path) -> None:
    """Load the words of a version into the lexicon of this process, once per folder.

    Raises:
        ModelError: a file is missing or damaged.
    """
    if words := load(folder):
        lexicon.current().know(*words)


class _Shared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hashes: bytes
    numbers: bytes
    lemmas: list[str]


class Exchange:
    """Shares new words among processes that read the same archive, so that each is lemmatized once."""

    def __init__(self, folder: Path) -> None:
        """Use an existing folder that nothing else is written to."""
        self._folder, self._suffix = folder, f".{_origin()[:16]}"
        self._known_files: set[Path] = set()

    def take(self) -> None:
        """Load what other processes published since the last call, and start collecting this one's words."""
        own = lexicon.current()
        own.news = own.news or []
        for path in set(storage.listed(self._folder)) - self._known_files:
            self._known_files.add(path)
            if path.suffix == self._suffix:
                shared = msgspec.msgpack.decode(path.read_bytes(), type=_Shared)
                hashes = np.frombuffer(shared.hashes, np.uint64)
                own.know(hashes, np.frombuffer(shared.numbers, np.int32), shared.lemmas)

    def give(self, name: str) -> None:
        """Publish the words collected, if there are enough, under a name unique among processes."""
        own = lexicon.current()
        news = own.news or []
        if sum(len(hashes) for hashes, _ in news) < _MIN_SHARED:
            return
        hashes, numbers = map(np.concatenate, zip(*news, strict=True))
        own.news = []
        places, lemmas = _renumbered(numbers, own.lemmas)
        shared = _Shared(hashes.tobytes(), places.tobytes(), lemmas)
        path = self._folder / f"{name}{self._suffix}"
        self._known_files.add(path)
        storage.publish(path, msgspec.msgpack.encode(shared))


@cache
def _origin() -> str:
    """Return a digest of all that the lemma of a form depends on."""
    digest = hashlib.sha256()
    for name in _CODE:
        digest.update((resources.files("topics.text") / name).read_bytes())
    parts = [version("pymorphy3"), version("pymorphy3-dicts-ru"), unicodedata.unidata_version]
    digest.update("\n".join(parts).encode())
    return digest.hexdigest()
