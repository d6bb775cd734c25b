"""Text -> lemmas, a batch at a time, in columns.

A table of 65,536 entries maps each UTF-16 unit to itself or to a space; numpy applies it to the whole batch,
Arrow splits and numbers the words, and only each *distinct* word reaches Python, where a memo that lives as
long as the process holds its lemmas. `docs/design.md` has the measurements behind this shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from topics.lemmas import CURRENCY, HOMONYMS, lemmas
from topics.types import TokenBatch

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

_BORDER = "\x00"
"""Stands between segments: the title of an article, its body, the next title …"""
_SMALL = 20_000
"""Characters under which Python's own split is quicker than a call into Arrow."""
_MEMO_SIZE = 400_000
"""Forms remembered, some 60 MB. A year of a newsroom's articles has about 300,000."""


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
    index: dict[str, int] = {}
    ids = _expand(codes, list(map(_memo.__getitem__, forms)), index)
    _settle_homonyms(ids, index)
    borders = np.flatnonzero(ids == index[_BORDER])
    ends = np.concatenate([[0], borders - np.arange(len(borders)), [len(ids) - len(borders)]])
    return TokenBatch(list(index), ids[ids != index[_BORDER]], ends[::2], ends[1::2])


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
    found = _WORD.finditer(text)
    return [Span(*match.span()) for match in found for _ in _memo[_plain(match[0])]]


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


def _expand(codes: Int32s, words: list[tuple[str, ...]], index: dict[str, int]) -> Int32s:
    """Replace each word by the numbers of its lemmas, none to several."""
    number = index.setdefault
    firsts = [number(word[0], len(index)) if word else -1 for word in words]
    ids = np.array(firsts, np.int32)[codes]
    compounds = np.array([len(word) > 1 for word in words])
    if compounds.any():
        at = np.flatnonzero(compounds[codes])
        rests = [[number(lemma, len(index)) for lemma in words[code][1:]] for code in codes[at]]
        places = np.repeat(at + 1, list(map(len, rests)))
        ids = np.insert(ids, places, list(chain.from_iterable(rests)))
    return ids[ids >= 0]


def _settle_homonyms(ids: Int32s, index: dict[str, int]) -> None:
    """Read «стали» as «сталь» where a neighbour says so («производство стали»), else as «стать»; in place."""
    doubtful = {index[mark]: homonym for mark, homonym in HOMONYMS.items() if mark in index}
    if not doubtful:
        return
    names = list(index)
    for at in np.flatnonzero(np.isin(ids, list(doubtful))):
        homonym = doubtful[ids[at]]
        before, after = (names[ids[i]] if 0 <= i < len(ids) else "" for i in (at - 1, at + 1))
        lemma = homonym.second if before in homonym.after or after in homonym.before else homonym.first
        ids[at] = index.setdefault(lemma, len(index))
        if ids[at] == len(names):
            names.append(lemma)  # «стали стали»: the next one looks back at this one


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


class _Memo(dict[str, tuple[str, ...]]):
    """The lemmas of every form that this process has met, up to `_MEMO_SIZE` of them."""

    def __missing__(self, form: str) -> tuple[str, ...]:
        if len(self) >= _MEMO_SIZE:
            self.clear()
        found = self[form] = (_BORDER,) if form == _BORDER else lemmas(form)
        return found


_memo = _Memo()
