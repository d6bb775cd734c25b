"""Text -> lemmas, a batch at a time, in columns.

A table of 65,536 entries maps each UTF-16 unit to itself or to a space; numpy applies it to the whole batch,
Arrow splits and numbers the words, and only each *distinct* word reaches Python, where a lexicon that lives
as long as the process knows its lemmas. `docs/design.md` has the measurements behind this shape.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from topics.text.lemmas import CURRENCY, HOMONYMS, lemmas
from topics.types import TokenBatch

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

_BORDER = "\x00"
"""Stands between segments: the title of an article, its body, the next title …"""
_SMALL = 20_000
"""Characters under which Python's own split is quicker than a call into Arrow."""
_LEXICON_SIZE = 400_000
"""Forms remembered, some 60 MB. A year of a newsroom's articles has about 300,000."""
_NOTHING = -1


class Span(NamedTuple):
    """The place of one lemma's word in a text: `text[start:stop]`."""

    start: int
    stop: int


def tokenize(titles: Sequence[str], texts: Sequence[str]) -> TokenBatch:
    """Read n titles and n bodies into lemmas.

    What comes of an article depends on that article alone. Characters of no word (punctuation, emoji)
    separate words; a hyphen inside a word does not.
    """
    if not titles:
        return TokenBatch([], np.empty(0, np.int32), np.zeros(1, np.int64), np.empty(0, np.int64))
    codes, forms = _encode(list(chain.from_iterable(zip(titles, texts, strict=True))))
    lexicon = _lexicon()
    ids = lexicon.read(codes, forms)
    borders = np.flatnonzero(ids == 0)
    ends = np.concatenate([[0], borders - np.arange(len(borders)), [len(ids) - len(borders)]])
    return TokenBatch(lexicon.lemmas, ids[ids != 0], ends[::2], ends[1::2])


def compact(batch: TokenBatch) -> TokenBatch:
    """Keep the lemmas that stand in the batch, in order of appearance: a batch to be stored or sent."""
    first = np.full(len(batch.lemmas), -1)
    first[batch.ids[::-1]] = np.arange(len(batch.ids))[::-1]
    kept = np.flatnonzero(first >= 0)
    kept = kept[np.argsort(first[kept])]
    table = np.empty(len(batch.lemmas), np.int32)
    table[kept] = np.arange(len(kept))
    lemmas = [batch.lemmas[i] for i in kept.tolist()]
    return TokenBatch(lemmas, table[batch.ids], batch.offsets, batch.bodies)


def concatenate(batches: Sequence[TokenBatch]) -> TokenBatch:
    """Join batches, in order, under one numbering of lemmas."""
    index: dict[str, int] = {}
    ids, offsets, bodies, end = [np.empty(0, np.int32)], [np.zeros(1, np.int64)], [np.empty(0, np.int64)], 0
    for batch in batches:
        table = np.array([index.setdefault(lemma, len(index)) for lemma in batch.lemmas], np.int32)
        ids.append(table[batch.ids])
        offsets.append(batch.offsets[1:] + end)
        bodies.append(batch.bodies + end)
        end += len(batch.ids)
    return TokenBatch(list(index), np.concatenate(ids), np.concatenate(offsets), np.concatenate(bodies))


def take(batch: TokenBatch, rows: Int64s) -> TokenBatch:
    """Choose articles by their row numbers, in the order given; the lemmas stay as they are."""
    lengths = np.diff(batch.offsets)[rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    at = np.arange(offsets[-1]) + np.repeat(batch.offsets[rows] - offsets[:-1], lengths)
    return TokenBatch(
        batch.lemmas, batch.ids[at], offsets, offsets[:-1] + (batch.bodies - batch.offsets[:-1])[rows]
    )


def spans(text: str) -> list[Span]:
    """Find the place of each lemma that `tokenize` makes of this text, in order.

    A compound of two lemmas yields its place twice.
    """
    lexicon, found = _lexicon(), _WORD.finditer(text)
    return [Span(*match.span()) for match in found for _ in lexicon.count(_plain(match[0]))]


def _encode(segments: list[str]) -> tuple[Int32s, list[str]]:
    """Split into words and number the distinct ones; segments are parted by the word `_BORDER`."""
    text = f" {_BORDER} ".join(segments)
    if text.count(_BORDER) >= len(segments):
        text = f" {_BORDER} ".join(segment.replace(_BORDER, " ") for segment in segments)
    text = _plain(text)
    if len(text) < _SMALL:
        index: dict[str, int] = {}
        codes = [index.setdefault(form, len(index)) for form in text.split()]
        return np.array(codes, np.int32), list(index)
    import pyarrow as pa
    import pyarrow.compute as pc

    words: Any = pc.ascii_split_whitespace(pa.array([text], pa.large_string())).flatten().dictionary_encode()
    return words.indices.to_numpy(), words.dictionary.to_pylist()


def _plain(text: str) -> str:
    """Turn every character that belongs to no word into a space."""
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    return _units()[units].tobytes().decode("utf-16-le")


@cache
def _units() -> npt.NDArray[np.uint16]:
    """UTF-16 unit -> itself in a word, a plain hyphen for its kin, else a space."""
    table = np.full(65_536, ord(" "), np.uint16)
    table[_BORDER_UNIT] = _BORDER_UNIT
    for unit in range(65_536):
        if chr(unit).isalnum() or chr(unit) in _INNER:
            table[unit] = unit
    table[[0x2010, 0x2011]] = ord("-")
    return table


_INNER = "-%" + CURRENCY
_BORDER_UNIT = ord(_BORDER)
# The same characters as a pattern; those beyond the first 65,536 (emoji, ancient letters) make no word.
_WORD = re.compile(rf"(?:[^\W_\U00010000-\U0010ffff]|[\u2010\u2011{re.escape(_INNER)}])+")


class _Lexicon:
    """The words that this process has met, with the numbers of their lemmas. It only ever grows."""

    def __init__(self) -> None:
        self.lemmas = [_BORDER]
        self._index = {_BORDER: 0}
        self._compounds: list[list[int]] = []
        self._numbers = _Numbers(self._learn)
        """Form -> number of its lemma; below zero: `_NOTHING`, or `_NOTHING - 1 - i` for compound `i`."""
        self._numbers[_BORDER] = 0
        self._doubtful = {self._number(mark): homonym for mark, homonym in HOMONYMS.items()}  # from 1 on

    def __len__(self) -> int:
        """Count the forms."""
        return len(self._numbers)

    def read(self, codes: Int32s, forms: list[str]) -> Int32s:
        """Replace each code, the place of a form among `forms`, by the numbers of its lemmas."""
        numbers = np.fromiter(map(self._numbers.__getitem__, forms), np.int32, len(forms))
        ids = numbers[codes]
        if len(numbers) and numbers.min() < _NOTHING:
            at = np.flatnonzero(ids < _NOTHING)
            parts = [self._compounds[_NOTHING - 1 - i] for i in ids[at].tolist()]
            ids[at] = [part[0] for part in parts]
            rests = [len(part) - 1 for part in parts]
            ids = np.insert(ids, np.repeat(at + 1, rests), [i for part in parts for i in part[1:]])
        ids = ids[ids >= 0]
        self._settle_homonyms(ids)
        return ids

    def count(self, form: str) -> range:
        """Count the lemmas of a form, as something to go through."""
        number = self._numbers[form]
        return range(len(self._compounds[_NOTHING - 1 - number]) if number < _NOTHING else number >= 0)

    def _settle_homonyms(self, ids: Int32s) -> None:
        """Read «стали» as «сталь» where a neighbour says so («производство стали»), else as «стать»."""
        for at in np.flatnonzero((ids > 0) & (ids <= len(self._doubtful))):
            homonym = self._doubtful[int(ids[at])]
            before, after = (self.lemmas[ids[i]] if 0 <= i < len(ids) else "" for i in (at - 1, at + 1))
            second = before in homonym.after or after in homonym.before
            ids[at] = self._number(homonym.second if second else homonym.first)

    def _learn(self, form: str) -> int:
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


class _Numbers(dict[str, int]):
    """A dict that learns what it is asked for."""

    def __init__(self, learn: Callable[[str], int]) -> None:
        self._learn = learn

    def __missing__(self, form: str) -> int:
        number = self[form] = self._learn(form)
        return number


_LOCK = threading.Lock()
_current = [_Lexicon()]


def _lexicon() -> _Lexicon:
    """Return the process's lexicon; a full one is left to the batches that were read by it."""
    if len(_current[0]) > _LEXICON_SIZE:
        _current[0] = _Lexicon()
    return _current[0]


def forget() -> None:
    """Begin with an empty lexicon, as a fresh process does: for measurements."""
    _current[0] = _Lexicon()


class Numbering:
    """Turns the ids of any batch into the numbers of a vocabulary of one's own.

    It remembers what it made of the list of lemmas that it saw last: the batches of a process share one.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._number = {lemma: number for number, lemma in enumerate(vocabulary)}
        self._last: tuple[Sequence[str], Int32s] = (), np.empty(0, np.int32)

    def __call__(self, tokens: TokenBatch) -> Int32s:
        """Number each token by its lemma's place in the vocabulary; -1: it is not in there."""
        seen, table = self._last
        if seen is not tokens.lemmas:
            table = table[:0]
        if fresh := tokens.lemmas[len(table) :]:
            get = self._number.get
            table = np.concatenate([table, np.array([get(lemma, -1) for lemma in fresh], np.int32)])
            self._last = tokens.lemmas, table
        return table[tokens.ids]
