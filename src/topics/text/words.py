"""The words of a corpus with their lemmas, kept beside a version for whoever scores an archive.

To lemmatize what twenty thousand articles hold takes five seconds, in every process anew. Kept are the
hashes of forms, and they are believed only where the code, the dictionary and the characters are those that
they were made by; else a process begins with nothing, and gives the same answers later.
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

MOST = 500_000
"""Forms kept, the most frequent ones: some 8 MB."""
_CODE = ("lemmas.py", "lexicon.py", "lemma_overrides.py", "names.py", "tokens.py")
_WORTH_GIVING = 500
_HASHES, _NUMBERS, _LEMMAS = "word_hashes.npy", "word_numbers.npy", "word_lemmas.txt"
_ORIGIN = "words.json"


class Words(NamedTuple):
    """Forms and their lemmas."""

    hashes: Hashes
    """Of the forms, rising."""
    numbers: Int32s
    """For each form the place of its lemma in `lemmas`; -1: it has none."""
    lemmas: list[str]


class _Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: str


class Forms(NamedTuple):
    """The forms of some articles: those of one lemma, and those of none."""

    hashes: Hashes
    """Rising."""
    numbers: Int32s
    """For each form the number of its lemma; -1: it has none."""
    places: Int32s
    """For each word of the articles, in order, the place of its form in `hashes`."""
    ends: Int64s
    """(articles,): how many words come up to the end of each."""

    def choose(self, rows: Int64s) -> Forms:
        """Take some of the articles, rising; a form that none of them holds stays, met by nobody."""
        wanted = np.zeros(len(self.ends), bool)
        wanted[rows] = True
        lengths = np.diff(self.ends, prepend=0)
        return self._replace(places=self.places[np.repeat(wanted, lengths)], ends=np.cumsum(lengths[wanted]))


def forms(met: Met) -> Forms:
    """Arrange the words that a lexicon met in articles, each of them two segments."""
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


_NONE = _Counts(np.empty(0, np.uint64), np.empty(0, np.int32), np.empty(0, np.int64))


class Collector:
    """Counts forms, whatever batches they come in."""

    def __init__(self) -> None:
        self._whole, self._waiting, self._held = _NONE, list[_Counts](), 0

    def add(self, met: Forms) -> None:
        """Take the forms of some articles, under one numbering of lemmas."""
        times = np.bincount(met.places, minlength=len(met.hashes))
        there = times > 0
        self._waiting.append(_Counts(met.hashes[there], met.numbers[there], times[there]))
        self._held += len(met.hashes)
        if self._held > len(self._whole.hashes):  # so that a form is merged a few times, not once a batch
            self._merge()

    def _merge(self) -> None:
        hashes, numbers, times = map(np.concatenate, zip(self._whole, *self._waiting, strict=True))
        hashes, first, back = np.unique(hashes, return_index=True, return_inverse=True)
        summed = np.bincount(back, times, len(hashes)).astype(np.int64)
        self._whole, self._waiting, self._held = _Counts(hashes, numbers[first], summed), [], 0

    def words(self, lemmas: Sequence[str]) -> Words:
        """Choose the forms that are worth keeping; `lemmas` has a name for each number."""
        self._merge()
        hashes, numbers, times = self._whole
        kept = np.sort(np.lexsort((hashes, -times))[:MOST])
        places, names = _named(numbers[kept], lemmas)
        order = sorted(range(len(names)), key=names.__getitem__)  # the numbers follow from how it was read
        rank = np.full(len(names) + 1, -1, np.int32)
        rank[order] = np.arange(len(names))
        return Words(hashes[kept], rank[places], [names[i] for i in order])


def _named(numbers: Int32s, lemmas: Sequence[str]) -> tuple[Int32s, list[str]]:
    """Number lemmas anew, without gaps, and list them; none (-1) stays none."""
    found, places = np.unique(numbers, return_inverse=True)
    without = int((found[:1] < 0).sum())
    return (places - without).astype(np.int32), [lemmas[number] for number in found[without:].tolist()]


def save(folder: Path, words: Words) -> None:
    """Write words into the folder of a version."""
    persistence.write_array(folder / _HASHES, words.hashes)
    persistence.write_array(folder / _NUMBERS, words.numbers)
    persistence.write_lines(folder / _LEMMAS, words.lemmas)
    persistence.write_struct(folder / _ORIGIN, _Origin(_origin()))


def load(folder: Path) -> Words | None:
    """Read what `save` wrote; None if the version brings no words, or such as were made otherwise.

    Raises:
        ModelError: a file is missing or damaged.
    """
    if not (folder / _ORIGIN).exists():
        return None
    if persistence.read_struct(folder / _ORIGIN, _Origin).origin != _origin():
        return None
    words = Words(
        persistence.read_array(folder / _HASHES, np.uint64),
        persistence.read_array(folder / _NUMBERS, np.int32),
        persistence.read_lines(folder / _LEMMAS),
    )
    hashes, numbers, lemmas = words
    rising = (hashes[:1] > 0).all() and (hashes[1:] > hashes[:-1]).all()
    if not rising or len(hashes) != len(numbers) or not ((numbers >= -1) & (numbers < len(lemmas))).all():
        names = f"{_HASHES}, {_NUMBERS} and {_LEMMAS}"
        raise ModelError(f"{folder}: {names} do not fit together; {persistence.REMEDY}")
    if any(not lemma or BORDER in lemma for lemma in lemmas):
        raise ModelError(f"{folder / _LEMMAS}: holds what is no lemma; {persistence.REMEDY}")
    return words


@cache
def recall(folder: Path) -> None:
    """Let this process know the words of a version; once is enough.

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
    """Hands the words that this process learns to others that read the same archive, and takes theirs.

    All of them meet the same words: eight processes would each spend the seconds that one spends on them.
    """

    def __init__(self, folder: Path) -> None:
        """Take a folder of a disk, made for this."""
        self._folder, self._suffix = folder, f".{_origin()[:16]}"
        self._taken: set[Path] = set()

    def take(self) -> None:
        """Take what others have given since; from now on what is learned here is remembered."""
        here = lexicon.current()
        here.news = here.news or []
        for path in set(storage.listed(self._folder)) - self._taken:
            self._taken.add(path)
            if path.suffix == self._suffix:
                shared = msgspec.msgpack.decode(path.read_bytes(), type=_Shared)
                hashes = np.frombuffer(shared.hashes, np.uint64)
                here.know(hashes, np.frombuffer(shared.numbers, np.int32), shared.lemmas)

    def give(self, name: str) -> None:
        """Give what was learned here, under a name that nobody else uses, if there is enough of it."""
        here = lexicon.current()
        news = here.news or []
        if sum(len(hashes) for hashes, _ in news) < _WORTH_GIVING:
            return
        hashes, numbers = map(np.concatenate, zip(*news, strict=True))
        here.news = []
        places, lemmas = _named(numbers, here.lemmas)
        shared = _Shared(hashes.tobytes(), places.tobytes(), lemmas)
        place = self._folder / f"{name}{self._suffix}"
        self._taken.add(place)
        storage.publish(place, msgspec.msgpack.encode(shared))


@cache
def _origin() -> str:
    """Name all that the lemma of a form depends on."""
    digest = hashlib.sha256()
    for name in _CODE:
        digest.update((resources.files("topics.text") / name).read_bytes())
    parts = [version("pymorphy3"), version("pymorphy3-dicts-ru"), unicodedata.unidata_version]
    digest.update("\n".join(parts).encode())
    return digest.hexdigest()
