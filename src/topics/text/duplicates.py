"""Near-duplicates: reprints and rewrites of one text, found by MinHash.

An article is represented by the set of its shingles of three lemmas. The probability that two articles agree
in one position of their MinHash signatures equals their Jaccard similarity (Broder 1997). Articles that agree
in all four positions of a band (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4) are candidates,
and are compared by whole signatures.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from topics.types import TokenBatch

Groups = npt.NDArray[np.intp]
"""(articles,): row number of the first article of the group that each belongs to."""
_Hashes = npt.NDArray[np.uint64]

SIMILARITY = 0.6
"""Jaccard similarity from which on articles are near-duplicates; independent reports have less than 0.3."""
_HASHES_PER_ARTICLE, _BAND_SIZE = 64, 4
_SHINGLE = 3
_BLOCK_TOKENS = 4_000_000
"""Tokens hashed at a time, some 100 MB."""


def groups(tokens: TokenBatch, similarity: float = SIMILARITY) -> Groups:
    """Group near-duplicates; return for each article the first one of its group, (articles,).

    Similarity is transitive: if B repeats A and C repeats B, all three form one group. An article of fewer
    than three words repeats only articles of exactly the same words; one without words is its own group.
    """
    signatures = _signatures(tokens)
    pairs = np.concatenate([np.empty((0, 2), np.intp), *_candidates(signatures, np.diff(tokens.offsets) > 0)])
    alike = np.empty(len(pairs), bool)
    for start in range(0, len(pairs), 100_000):
        first, second = pairs[start : start + 100_000].T
        agreed = (signatures[first] == signatures[second]).mean(axis=1)
        alike[start : start + 100_000] = agreed >= similarity
    first, second = pairs[alike].T
    graph = sparse.coo_array((np.ones(len(first), bool), (first, second)), (len(tokens), len(tokens)))
    _, component = connected_components(graph, directed=False)
    _, firsts = np.unique(component, return_index=True)
    return firsts[component]


def _signatures(tokens: TokenBatch) -> _Hashes:
    """Compute the MinHash of each article, shape (articles, places)."""
    words = np.array([crc32(lemma.encode()) for lemma in tokens.lemmas], np.uint64)
    generator = np.random.default_rng(20_011)
    multipliers = generator.integers(0, 1 << 63, _HASHES_PER_ARTICLE, np.uint64) * 2 + 1
    signatures = np.empty((len(tokens), _HASHES_PER_ARTICLE), np.uint64)
    for start, stop in _blocks(tokens.offsets):
        offsets = tokens.offsets[start : stop + 1] - tokens.offsets[start]
        hashes = _shingles(words[tokens.ids[tokens.offsets[start] : tokens.offsets[stop]]], offsets)
        filled = np.flatnonzero(np.diff(offsets))
        for column, multiplier in enumerate(multipliers):
            if len(filled):
                signatures[start + filled, column] = np.minimum.reduceat(hashes * multiplier, offsets[filled])
    return signatures


def _blocks(offsets: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Split the articles into runs of at most `_AT_ONCE` tokens, or of one article."""
    start, last = 0, len(offsets) - 1
    while start < last:
        stop = int(np.searchsorted(offsets, offsets[start] + _BLOCK_TOKENS, "right")) - 1
        yield start, (start := max(stop, start + 1))


def _shingles(words: _Hashes, offsets: npt.NDArray[np.int64]) -> _Hashes:
    """Hash each word with up to two that follow it in its article.

    The last two words of an article would make shorter shingles; they repeat the last whole one instead.
    """
    ends = np.repeat(offsets[1:], np.diff(offsets))
    starts = np.repeat(offsets[:-1], np.diff(offsets))
    starts_at = np.maximum(np.minimum(np.arange(len(words)), ends - _SHINGLE), starts)
    hashes = np.zeros(len(words), np.uint64)
    for step in range(_SHINGLE):
        following = words[np.minimum(starts_at + step, len(words) - 1)] + np.uint64(1)
        following[starts_at + step >= ends] = 0
        hashes = _mix(hashes * np.uint64(0x9E3779B97F4A7C15) + following)
    return hashes


def _mix(values: _Hashes) -> _Hashes:
    """Mix the bits (finalizer of MurmurHash3)."""
    values = (values ^ values >> np.uint64(33)) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ values >> np.uint64(33)) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ values >> np.uint64(33)


def _candidates(signatures: _Hashes, filled: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[np.intp]]:
    """Yield pairs of articles that agree in a band: each with the previous and the first of its bucket."""
    rows = np.flatnonzero(filled)
    for start in range(0, _HASHES_PER_ARTICLE, _BAND_SIZE):
        keys = np.zeros(len(rows), np.uint64)
        for column in signatures[rows, start : start + _BAND_SIZE].T:
            keys = _mix(keys * np.uint64(0x9E3779B97F4A7C15) + column)
        order = np.argsort(keys, kind="stable")
        same = np.append(False, keys[order][1:] == keys[order][:-1])
        first = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
        later = np.flatnonzero(same)
        yield rows[np.stack([order[later - 1], order[later]], axis=1)]
        yield rows[np.stack([order[first[later]], order[later]], axis=1)]
