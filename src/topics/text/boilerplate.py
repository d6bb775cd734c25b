"""Boilerplate: fragments that an outlet repeats at the beginning or the end of its articles."""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from topics.errors import ModelError

SENTENCE_END = re.compile(r" (?<=[.!?…] ) *(?=[^а-яё])")
FIRST_LINES, LAST_LINES = 2, 6
"""Lines at either end of a text that may be boilerplate."""
MAX_LENGTH = 300
"""Characters of a fragment."""


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _edge_fragments(text: str) -> set[str]:
    """List the lines, and the sentences of the outermost lines, that `Boilerplate.strip` could remove."""
    lines = text.split("\n")
    edge = {*lines[:FIRST_LINES], *lines[-LAST_LINES:]}
    sentences = SENTENCE_END.split(lines[0])[:FIRST_LINES] + SENTENCE_END.split(lines[-1])[-FIRST_LINES:]
    edge.update(sentence for sentence in sentences if len(sentence) > 12)  # not the end of «2 млн руб.»
    return {fragment for fragment in edge if 3 < len(fragment) <= MAX_LENGTH}


def _longest_outside(fragment: str, longest_first: list[str]) -> str | None:
    """Return the longest sentence outside the fragment; it identifies the article and its reprints."""
    return next((sentence for sentence in longest_first if sentence not in fragment), None)


def witnessed(text: str) -> list[tuple[str, int]]:
    """List the fragments at the edges of a text, each with the hash of the longest sentence outside it."""
    sentences = {s for line in text.split("\n") for s in SENTENCE_END.split(line)}
    longest_first = sorted(sentences, key=lambda s: (-len(s), s))
    witnesses = [(fragment, _longest_outside(fragment, longest_first)) for fragment in _edge_fragments(text)]
    return [(fragment, _hash(witness)) for fragment, witness in witnesses if witness is not None]


@dataclass(frozen=True)
class Boilerplate:
    """Lines and sentences that an outlet repeats at the beginning or the end of its articles."""

    outlets: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def strip(self, outlet: str, text: str) -> str:
        """Remove the fragments of the outlet from both ends, unless nothing else would remain."""
        known = self.outlets.get(outlet)
        if not known:
            return text
        start, end = 0, len(text)
        while (last := text.rfind("\n", 0, end) + 1) <= end and text[last:end] in known:
            if not last:
                return text
            end = last - 1
        while (stop := text.find("\n", start, end)) >= 0 and text[start:stop] in known:
            start = stop + 1
        last = max(last, start)
        end = last + len(_without_last(text[last:end], known))
        stop = text.find("\n", start, end)
        line = text[start : stop if stop >= 0 else end]
        start += len(line) - len(_without_first(line, known))
        return text[start:end]

    def to_json(self) -> dict[str, list[str]]:
        """Return a mapping from outlets to sorted lists of fragments."""
        return {outlet: sorted(fragments) for outlet, fragments in sorted(self.outlets.items())}

    @classmethod
    def from_json(cls, data: object) -> Boilerplate:
        """Read what `to_json` returned.

        Raises:
            ModelError: it is not a mapping from outlets to lists of texts.
        """
        if not isinstance(data, dict) or not all(
            isinstance(name, str)
            and isinstance(fragments, list)
            and all(isinstance(fragment, str) for fragment in fragments)
            for name, fragments in data.items()
        ):
            raise ModelError("boilerplate must map outlets to lists of texts; train the version again")
        return cls({name: frozenset(fragments) for name, fragments in data.items()})


def _without_last(line: str, known: frozenset[str]) -> str:
    end = len(line)
    while True:
        low = max(0, end - MAX_LENGTH - 2)
        start = max(line.rfind(mark, low, end) for mark in (". ", "! ", "? ", "… ")) + 1
        if not start or line[start:end].strip() not in known:
            return line[:end]
        end = start


def _without_first(line: str, known: frozenset[str]) -> str:
    start = 0
    while m := SENTENCE_END.search(line, start, start + MAX_LENGTH + 2):
        if line[start : m.start()] not in known:
            break
        start = m.end()
    return line[start:]


class BoilerplateLearner:
    """Counts, per outlet, the distinct articles that have a fragment at an edge.

    An article is identified by its longest sentence outside the fragment: reprints count once, and a short
    text that consists of the fragment does not count. Large outlets are sampled: every other article of the
    second thousand, every fourth of the next two thousand, and so on, with weights to match. Memory: 24 bytes
    per fragment, some 10 fragments per article, and the text of frequent fragments.
    """

    MIN_ARTICLES, MIN_SHARE = 8, 0.01  # 5 and 0.5 % also learned the background of one big story
    MAX_FRAGMENTS = 200
    SAMPLED_AFTER = 1000

    def __init__(self) -> None:
        self._read: Counter[str] = Counter()
        self._articles: Counter[str] = Counter()
        self._occurrences: defaultdict[str, array[int]] = defaultdict(lambda: array("Q"))
        self._texts: defaultdict[str, dict[int, str]] = defaultdict(dict)
        # Occurrences of a hash, by its lowest 22 bits: never too low, so that no frequent text is missed.
        self._counters = bytearray(1 << 22)

    def weigh(self, outlet: str) -> int:
        """Return the weight of the next article of an outlet; 0 if it is to be skipped."""
        if not outlet:
            return 0
        number = self._read[outlet]
        self._read[outlet] += 1
        step = 1 << (number // self.SAMPLED_AFTER).bit_length()
        return 0 if number % step else step

    def count(self, outlet: str, fragments: list[tuple[str, int]], weight: int) -> None:
        """Add the fragments that `witnessed` found in a rule-cleaned text, with the weight of the article."""
        self._articles[outlet] += weight
        for fragment, witness in fragments:
            self._count(outlet, fragment, witness, weight)

    def add(self, outlet: str, text: str) -> None:
        """Add one rule-cleaned article, unless it is empty or to be skipped."""
        if (weight := self.weigh(outlet)) and text:
            self.count(outlet, witnessed(text), weight)

    def _count(self, outlet: str, fragment: str, witness: int, weight: int) -> None:
        key = _hash(fragment)
        slot = (key ^ _hash(outlet)) % len(self._counters)
        self._occurrences[outlet].extend((key, witness, weight))
        if self._counters[slot] < self.MIN_ARTICLES - 1:
            self._counters[slot] += 1
        else:
            self._texts[outlet][key] = fragment

    def learn(self) -> Boilerplate:
        """Return the fragments in at least 1 % and 8 of the articles of an outlet, at most 200 each."""
        learned = {outlet: self._frequent(outlet) for outlet in sorted(self._occurrences)}
        return Boilerplate({outlet: fragments for outlet, fragments in learned.items() if fragments})

    def _frequent(self, outlet: str) -> frozenset[str]:
        rows = np.frombuffer(self._occurrences[outlet], np.uint64).reshape(-1, 3)
        pairs, first = np.unique(rows[:, :2], axis=0, return_index=True)
        keys, inverse, counts = np.unique(pairs[:, 0], return_inverse=True, return_counts=True)
        weights = np.bincount(inverse, rows[first, 2])
        threshold = self.MIN_SHARE * self._articles[outlet]
        frequent = np.flatnonzero((counts >= self.MIN_ARTICLES) & (weights >= threshold))
        ranked = [(-float(weights[k]), self._texts[outlet][int(keys[k])]) for k in frequent]
        return frozenset(text for _, text in sorted(ranked)[: self.MAX_FRAGMENTS])
