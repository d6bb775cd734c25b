"""Text -> lemmas, a batch at a time, in columns.

A table of 65,536 entries maps each UTF-16 unit to a number, those of no word to 0; numpy finds by it where
words begin and end, and makes one hash of each. Only a word that the process has never met reaches Python;
the lexicon knows the lemmas of the others. `docs/design.md` has the measurements behind this shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from topics.text.lemmas import CURRENCY
from topics.text.lexicon import BORDER, Hashes, Int32s, Int64s, Met, current
from topics.types import TokenBatch

_CHUNK = 50_000
"""Characters worked on at a time: their columns stay in the processor's cache."""
_STRETCH = 20
"""Chunks whose new words are learned together: entering one alone takes as long as lemmatizing it."""


def tokenize(titles: Sequence[str], texts: Sequence[str], met: Met | None = None) -> TokenBatch:
    """Read n titles and n bodies into lemmas; `met` is told the words, see `Lexicon.read`.

    What comes of an article depends on that article alone. Characters of no word (punctuation, emoji)
    separate words; a hyphen inside a word does not.
    """
    if not titles:
        return TokenBatch([], np.empty(0, np.int32), np.zeros(1, np.int64), np.empty(0, np.int64))
    lexicon = current()
    segments = chain.from_iterable(zip(titles, texts, strict=True))
    ids = np.concatenate([lexicon.read(words.hashes, words.forms, met) for words in _stretches(segments)])
    borders = np.flatnonzero(ids == 0)
    ends = np.concatenate([[0], borders - np.arange(len(borders))])
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


def spans(text: str) -> Int64s:
    """Find the place of each lemma that `tokenize` makes of this text, in order.

    A compound of two lemmas yields its place twice.

    Returns:
        Shape (n, 2): the word of a lemma is `text[start:stop]`.
    """
    chunk = _Chunk(f" {text.replace(BORDER, ' ')} ")
    return np.repeat(chunk.places() - 1, current().count(chunk.hashes, chunk.forms), axis=0)


def _chunks(segments: Iterable[str]) -> Iterator[str]:
    """Join segments, the word `BORDER` after each, until they are long enough."""
    chunk, length = [" "], 0
    for segment in segments:
        chunk += (segment.replace(BORDER, " ") if BORDER in segment else segment), f" {BORDER} "
        length += len(segment)
        if length > _CHUNK:
            yield "".join(chunk)
            chunk, length = [" "], 0
    if len(chunk) > 1:
        yield "".join(chunk)


def _stretches(segments: Iterable[str]) -> Iterator[_Words]:
    """Find the words of segments, some chunks at a time."""
    chunks = _chunks(segments)
    while some := list(map(_Chunk, islice(chunks, _STRETCH))):
        yield _Words(some)


class _Words:
    """The words of some chunks in a row, known by their hashes."""

    def __init__(self, chunks: Sequence[_Chunk]) -> None:
        self._chunks = chunks
        self._ends = np.cumsum([len(chunk.hashes) for chunk in chunks])
        self.hashes: Hashes = np.concatenate([chunk.hashes for chunk in chunks])

    def forms(self, at: Int64s) -> list[str]:
        """Spell out some words, given by their places in `hashes`, in rising order."""
        parts = np.split(at, np.searchsorted(at, self._ends[:-1]))
        starts = np.append(0, self._ends[:-1]).tolist()
        return [
            form
            for chunk, part, start in zip(self._chunks, parts, starts, strict=True)
            for form in chunk.forms(part - start)
        ]


class _Chunk:
    """The words of a text, known by their hashes. The text begins and ends with what is no word."""

    def __init__(self, text: str) -> None:
        encoded = text.encode("utf-16-le", "surrogatepass")
        self._text = text
        self._units = (
            b"" if len(encoded) == 2 * len(text) else encoded
        )  # kept if a character may be two units
        values = _values().take(np.frombuffer(encoded, np.uint16))
        inside = values != 0
        edges = np.flatnonzero(inside[1:] != inside[:-1])  # before the first unit, at the last, in turn
        self._before, self._last = edges[::2], edges[1::2]
        powers, inverse = _powers(len(values).bit_length())
        values *= powers[: len(values)]
        sums = np.cumsum(values, out=values)
        words = sums.take(self._last) - sums.take(self._before)
        self.hashes: Hashes = np.maximum(words * inverse.take(self._before), 1)

    def forms(self, at: Int64s) -> list[str]:
        """Spell out some words."""
        starts, stops = (self._before[at] + 1).tolist(), (self._last[at] + 1).tolist()
        places = zip(starts, stops, strict=True)
        if not self._units:
            return [_plain(self._text[start:stop]) for start, stop in places]
        return [_plain(self._units[2 * start : 2 * stop].decode("utf-16-le")) for start, stop in places]

    def places(self) -> Int64s:
        """Find where each word stands: `text[start:stop]`, shape (words, 2)."""
        units = np.stack([self._before, self._last], axis=1) + 1
        if not self._units:
            return units
        codes = np.frombuffer(self._text.encode("utf-32-le", "surrogatepass"), np.uint32)
        widths = 1 + (codes > 0xFFFF)  # units of a character
        return np.searchsorted(np.cumsum(widths) - widths, units)


def _plain(form: str) -> str:
    """Write the kin of the hyphen as a hyphen."""
    return form.replace("\u2010", "-").replace("\u2011", "-")


@cache
def _powers(bits: int) -> tuple[Hashes, Hashes]:
    """Powers of a number, and of its inverse, modulo 2⁶⁴: 2 ** bits of them.

    A word's hash is the sum of its units' values times rising powers, less the power at which it begins.
    """
    bases = _BASE, pow(_BASE, -1, 1 << 64)
    first, second = (np.full(1 << bits, base, np.uint64) for base in bases)
    return np.multiply.accumulate(first), np.multiply.accumulate(second)


_BASE = 0x9E3779B97F4A7C15


@cache
def _values() -> Hashes:
    """UTF-16 unit -> a number drawn by lot, 0 for one of no word; plain hyphens and their kin have one."""
    lots = np.random.default_rng(0).integers(1, 1 << 64, 65_536, np.uint64)
    units = _units()
    return np.where(units == ord(" "), np.uint64(0), lots[units])


def _units() -> npt.NDArray[np.uint16]:
    """UTF-16 unit -> itself in a word, a plain hyphen for its kin, else a space."""
    table = np.full(65_536, ord(" "), np.uint16)
    table[ord(BORDER)] = ord(BORDER)
    for unit in range(65_536):
        if chr(unit).isalnum() or chr(unit) in _INNER:
            table[unit] = unit
    table[[0x2010, 0x2011]] = ord("-")
    return table


_INNER = "-%" + CURRENCY


class Numbering:
    """Turns the ids of any batch into the numbers of a vocabulary of one's own.

    It remembers what it made of the list of lemmas that it saw last: the batches of a process share one.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._number = {lemma: number for number, lemma in enumerate(vocabulary)}
        self._last: tuple[Sequence[str], Int32s] = (), np.empty(0, np.int32)

    def __call__(self, tokens: TokenBatch) -> Int32s:
        """Number each token by its lemma; see `numbers`."""
        seen, table = self._last
        if seen is not tokens.lemmas:
            table = table[:0]
        if fresh := tokens.lemmas[len(table) :]:
            table = np.concatenate([table, np.array(self.numbers(fresh), np.int32)])
            self._last = tokens.lemmas, table
        return table[tokens.ids]

    def numbers(self, lemmas: Sequence[str]) -> list[int]:
        """Number lemmas by their places in the vocabulary; -1: it is not in there."""
        get = self._number.get
        return [get(lemma, -1) for lemma in lemmas]
