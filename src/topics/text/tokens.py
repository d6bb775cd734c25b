"""Tokenization: texts to lemma ids, a batch at a time, vectorized.

A table of 65,536 entries maps each UTF-16 unit to a random number, separators to 0; with it, numpy finds word
boundaries and computes one hash per word. Only words that are new to the process become Python strings; the
lexicon knows the lemmas of all others. `docs/design.md` has the measurements behind this design.
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
"""Characters processed at a time, so that the arrays fit into the processor's cache."""
_STRETCH = 20
"""Chunks whose new words are inserted together; a single insertion costs as much as a lemmatization."""


def tokenize(titles: Sequence[str], texts: Sequence[str], met: Met | None = None) -> TokenBatch:
    """Tokenize and lemmatize n titles and n bodies; words are appended to `met`, see `Lexicon.read`.

    The tokens of an article do not depend on other articles. Punctuation, emoji and other characters that
    are not part of words separate words; a hyphen inside a word does not.
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
    """Restrict the list of lemmas to those used, in order of appearance, e.g. to store or send the batch."""
    first = np.full(len(batch.lemmas), -1)
    first[batch.ids[::-1]] = np.arange(len(batch.ids))[::-1]
    kept = np.flatnonzero(first >= 0)
    kept = kept[np.argsort(first[kept])]
    table = np.empty(len(batch.lemmas), np.int32)
    table[kept] = np.arange(len(kept))
    lemmas = [batch.lemmas[i] for i in kept.tolist()]
    return TokenBatch(lemmas, table[batch.ids], batch.offsets, batch.bodies)


def concatenate(batches: Sequence[TokenBatch]) -> TokenBatch:
    """Concatenate batches, in order, with common lemma ids."""
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
    """Select articles by row numbers, in the order given; the list of lemmas stays the same."""
    lengths = np.diff(batch.offsets)[rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    at = np.arange(offsets[-1]) + np.repeat(batch.offsets[rows] - offsets[:-1], lengths)
    return TokenBatch(
        batch.lemmas, batch.ids[at], offsets, offsets[:-1] + (batch.bodies - batch.offsets[:-1])[rows]
    )


def spans(text: str) -> Int64s:
    """Return the position of each lemma that `tokenize` yields for this text, in order.

    A compound of two lemmas yields its position twice.

    Returns:
        Shape (n, 2): the word of a lemma is `text[start:stop]`.
    """
    chunk = _Chunk(f" {text.replace(BORDER, ' ')} ")
    return np.repeat(chunk.places() - 1, current().count(chunk.hashes, chunk.forms), axis=0)


def _chunks(segments: Iterable[str]) -> Iterator[str]:
    """Join segments into chunks, each segment followed by the word `BORDER`."""
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
    """Split segments into words, several chunks at a time."""
    chunks = _chunks(segments)
    while stretch := list(map(_Chunk, islice(chunks, _STRETCH))):
        yield _Words(stretch)


class _Words:
    """The words of consecutive chunks, as hashes."""

    def __init__(self, chunks: Sequence[_Chunk]) -> None:
        self._chunks = chunks
        self._ends = np.cumsum([len(chunk.hashes) for chunk in chunks])
        self.hashes: Hashes = np.concatenate([chunk.hashes for chunk in chunks])

    def forms(self, at: Int64s) -> list[str]:
        """Return words as strings, given their indices in `hashes`, in ascending order."""
        parts = np.split(at, np.searchsorted(at, self._ends[:-1]))
        starts = np.append(0, self._ends[:-1]).tolist()
        return [
            form
            for chunk, part, start in zip(self._chunks, parts, starts, strict=True)
            for form in chunk.forms(part - start)
        ]


class _Chunk:
    """The words of a text, as hashes; the text must begin and end with a separator."""

    def __init__(self, text: str) -> None:
        encoded = text.encode("utf-16-le", "surrogatepass")
        self._text = text
        self._units = (
            b"" if len(encoded) == 2 * len(text) else encoded
        )  # kept if a character may be two units
        values = _values().take(np.frombuffer(encoded, np.uint16))
        inside = values != 0
        edges = np.flatnonzero(inside[1:] != inside[:-1])  # before the first unit, at the last, alternating
        self._before, self._last = edges[::2], edges[1::2]
        powers, inverse = _powers(len(values).bit_length())
        values *= powers[: len(values)]
        sums = np.cumsum(values, out=values)
        words = sums.take(self._last) - sums.take(self._before)
        self.hashes: Hashes = np.maximum(words * inverse.take(self._before), 1)

    def forms(self, at: Int64s) -> list[str]:
        """Return words as strings, given their indices."""
        starts, stops = (self._before[at] + 1).tolist(), (self._last[at] + 1).tolist()
        places = zip(starts, stops, strict=True)
        if not self._units:
            return [_plain(self._text[start:stop]) for start, stop in places]
        return [_plain(self._units[2 * start : 2 * stop].decode("utf-16-le")) for start, stop in places]

    def places(self) -> Int64s:
        """Return the positions of the words, shape (words, 2): `text[start:stop]`."""
        units = np.stack([self._before, self._last], axis=1) + 1
        if not self._units:
            return units
        codes = np.frombuffer(self._text.encode("utf-32-le", "surrogatepass"), np.uint32)
        widths = 1 + (codes > 0xFFFF)  # units of a character
        return np.searchsorted(np.cumsum(widths) - widths, units)


def _plain(form: str) -> str:
    """Replace typographic hyphens with a plain one."""
    return form.replace("\u2010", "-").replace("\u2011", "-")


@cache
def _powers(bits: int) -> tuple[Hashes, Hashes]:
    """Return 2 ** bits powers of a number, and of its inverse, modulo 2⁶⁴.

    The hash of a word is polynomial: the sum of the values of its units times ascending powers, divided by
    the power at which the word begins.
    """
    bases = _BASE, pow(_BASE, -1, 1 << 64)
    first, second = (np.full(1 << bits, base, np.uint64) for base in bases)
    return np.multiply.accumulate(first), np.multiply.accumulate(second)


_BASE = 0x9E3779B97F4A7C15


@cache
def _values() -> Hashes:
    """Return a table: UTF-16 unit -> a random number, 0 for separators; all hyphens share one number."""
    random = np.random.default_rng(0).integers(1, 1 << 64, 65_536, np.uint64)
    units = _units()
    return np.where(units == ord(" "), np.uint64(0), random[units])


def _units() -> npt.NDArray[np.uint16]:
    """Return a table: UTF-16 unit -> itself, a plain hyphen for any hyphen, a space for separators."""
    table = np.full(65_536, ord(" "), np.uint16)
    table[ord(BORDER)] = ord(BORDER)
    for unit in range(65_536):
        if chr(unit).isalnum() or chr(unit) in _INNER:
            table[unit] = unit
    table[[0x2010, 0x2011]] = ord("-")
    return table


_INNER = "-%" + CURRENCY


class Numbering:
    """Maps the lemma ids of any batch to indices in a vocabulary.

    The mapping of the last list of lemmas is cached: the batches of a process share one list.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._number = {lemma: number for number, lemma in enumerate(vocabulary)}
        self._last: tuple[Sequence[str], Int32s] = (), np.empty(0, np.int32)

    def __call__(self, tokens: TokenBatch) -> Int32s:
        """Return the index of each token's lemma; see `numbers`."""
        seen, table = self._last
        if seen is not tokens.lemmas:
            table = table[:0]
        if fresh := tokens.lemmas[len(table) :]:
            table = np.concatenate([table, np.array(self.numbers(fresh), np.int32)])
            self._last = tokens.lemmas, table
        return table[tokens.ids]

    def numbers(self, lemmas: Sequence[str]) -> list[int]:
        """Return the indices of lemmas in the vocabulary, -1 for those not in it."""
        get = self._number.get
        return [get(lemma, -1) for lemma in lemmas]
