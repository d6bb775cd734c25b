"""TokenBatch -> TF-IDF matrix: the whole article, its lead and its title as fields side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

from topics import persistence
from topics.errors import DataError, ModelError, NotFittedError
from topics.text.tokens import Numbering
from topics.types import TokenBatch

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float32]

BODY, LEAD, TITLE = range(3)

_MANY = 10_000
"""Number of articles from which on the default `min_df` is 3, not 2."""
_FEW = 10_000
"""Number of entries up to which sorting row by row is faster than conversion to columns."""
_FOREIGN, _UNKNOWN, _KNOWN, _NO_WORD = range(4)
"""Kinds of lemmas: a word with a Cyrillic letter that is not Russian; an unknown word, or one in another
alphabet (even if it occurs in the corpus); a known Russian word; a number or a sign."""
_NOT_RUSSIAN = re.compile("[\u0400-\u040f\u0450\u0452-\u052f]")
_RUSSIAN = re.compile("[а-яё-]+")
_A_WORD = 1 << 32
_WORTH = np.array([_A_WORD - 2, _A_WORD, _A_WORD + 1, 0])
"""Contribution of each kind to familiarity (lower 32 bits) and to the number of words (upper 32 bits): one
sum yields both. Foreign words count -2: half the words of a Ukrainian article, such as «на», «банк» and
«газ», are spelled as in Russian."""


_Natural = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
_Weight = Annotated[float, msgspec.Meta(ge=0, le=1_000)]


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the features: thresholds of document frequency, and weights of the fields.

    Each field is scaled to unit norm times its weight, so that a headline of six words counts as much as a
    body of six hundred. A weight of 0 turns a field off.
    """

    min_df: _Natural = 0
    """Articles that must contain a word before it becomes a feature; 0: 2, or 3 in a large corpus."""
    max_df: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.4
    """Words in a larger share of the articles are ignored."""
    lead_words: _Natural = 60
    lead_weight: _Weight = 1.0
    title_weight: _Weight = 0.5


class Tfidf:
    """Sublinear TF-IDF over lemmas, one block of columns per field.

    A weight is (1 + ln tf) * idf with idf = ln((1 + n) / (1 + df)) + 1, as in scikit-learn's
    TfidfVectorizer(sublinear_tf=True). Columns: lemmas of the body (the title is part of it), then of the
    lead, then of the title.
    """

    def __init__(self, fields: Fields) -> None:
        self.fields = fields

    def fit(self, tokens: TokenBatch) -> Self:
        """Learn the vocabulary and the inverse document frequencies.

        Raises:
            DataError: all terms are too rare or too common.
        """
        n = len(tokens)
        frequency = _document_frequency(tokens.ids, tokens.offsets[1:], len(tokens.lemmas))
        self._least = self.fields.min_df or (2 if n <= _MANY else 3)
        kept = np.flatnonzero(frequency >= self._least)
        self.lemmas = sorted(tokens.lemmas[i] for i in kept.tolist())
        self._number = Numbering(self.lemmas)
        without = np.flatnonzero(frequency > self._least).tolist()  # known even without the article itself
        known = Numbering([tokens.lemmas[i] for i in without])
        kinds = np.array(_Kinds(known).numbers(tokens.lemmas))
        self.familiarities = _familiarity(kinds[tokens.ids], tokens.offsets)
        self.terms, frequencies = self._choose_terms(tokens)
        if not len(frequencies):
            raise DataError(
                f"no word occurs in at least {self._least} and in at most {self.fields.max_df:.0%} of "
                f"{n} articles; add articles, or change min_df and max_df under [rubrics.settings.fields]"
            )
        self.idf = (np.log((1 + n) / (1 + frequencies)) + 1).astype(np.float32)
        return self._prepare()

    def transform(self, tokens: TokenBatch) -> sparse.csr_array:
        """Return TF-IDF features, float32, shape (n, columns); without known words, a row is zero.

        Raises:
            NotFittedError: before `fit`.
        """
        if not hasattr(self, "idf"):
            raise NotFittedError("Tfidf.transform before fit: call fit(tokens) or load(folder) first")
        return self._weigh(self._count(tokens))

    def familiarity(self, tokens: TokenBatch) -> npt.NDArray[np.float64]:
        """Return the familiarity of n articles, -2 to 1, shape (n,).

        The share of known Russian words minus twice the share of words with letters that are not Russian;
        0 for an article without words.
        """
        return _familiarity(self._kind(tokens), tokens.offsets)

    def term(self, column: int) -> tuple[int, str]:
        """Return the field of a column (BODY, LEAD or TITLE) and its lemma."""
        field, word = divmod(int(self.terms[column]), len(self.lemmas))
        return field, self.lemmas[word]

    def words(self, field: int) -> list[str]:
        """Return the lemmas of the columns of a field, in order."""
        first = field * len(self.lemmas)
        start, stop = np.searchsorted(self.terms, [first, first + len(self.lemmas)])
        return [self.lemmas[code - first] for code in self.terms[start:stop].tolist()]

    def places(self, tokens: TokenBatch) -> dict[int, tuple[int, ...]]:
        """Find the terms of one article: column -> positions of its tokens."""
        words, title = self._number(tokens), int(tokens.bodies[0])
        places: dict[int, list[int]] = {}
        for field, end in ((BODY, len(words)), (LEAD, title + self.fields.lead_words), (TITLE, title)):
            codes = words[:end] + field * len(self.lemmas)
            columns = np.where(words[:end] >= 0, self._column_of[codes], -1)
            for place, column in enumerate(columns.tolist()):
                if column >= 0:
                    places.setdefault(column, []).append(place)
        return {column: tuple(positions) for column, positions in places.items()}

    def save(self, folder: Path) -> None:
        """Write `lemmas.txt`, `terms.npy` and `idf.npy` into an existing folder."""
        persistence.write_lines(folder / "lemmas.txt", self.lemmas)
        persistence.write_array(folder / "terms.npy", self.terms)
        persistence.write_array(folder / "idf.npy", self.idf)

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote; `fields` are those of the constructor.

        Raises:
            ModelError: a file is damaged, or the files do not fit together.
        """
        self.lemmas = persistence.read_lines(folder / "lemmas.txt")
        self.terms = persistence.read_array(folder / "terms.npy", np.int64)
        self.idf = persistence.read_array(folder / "idf.npy", np.float32)
        if not _rises_within(self.terms, 3 * len(self.lemmas)) or len(self.idf) != len(self.terms):
            names = "lemmas.txt, terms.npy and idf.npy"
            raise ModelError(f"{folder}: {names} do not fit together; {persistence.REMEDY}")
        self._number = Numbering(self.lemmas)
        return self._prepare()

    def _prepare(self) -> Self:
        """Build the lookup tables: code of a lemma in a field -> column, column -> field."""
        self._column_of = np.full(3 * len(self.lemmas) + 1, -1, np.int32)  # the last is that of code -1
        self._column_of[self.terms] = np.arange(len(self.terms))
        self._kind = _Kinds(self._number)
        self._field_of = self.terms // max(len(self.lemmas), 1)
        return self

    def _occurrences(self, tokens: TokenBatch) -> tuple[Ints, Ints]:
        """Return the codes of the words of all fields, article by article, and the end of each article.

        A code is field * number of lemmas + word, -1 for an unknown word. A word of the title occurs in the
        title, in the lead and in the body.
        """
        starts, stops, titles = np.repeat(tokens.offsets[:-1], 3), tokens.offsets[1:], tokens.bodies
        leads = np.minimum(titles + self.fields.lead_words, stops)
        sizes = np.stack([stops, leads, titles], axis=1).ravel() - starts
        ends = np.cumsum(sizes)
        words = self._number(tokens)[np.arange(sizes.sum()) + np.repeat(starts - ends + sizes, sizes)]
        first = np.array([BODY, LEAD, TITLE], np.int32) * np.int32(len(self.lemmas))
        codes = words + np.repeat(np.tile(first, len(tokens)), sizes)
        return np.where(words >= 0, codes, -1), ends[2::3]

    def _choose_terms(self, tokens: TokenBatch) -> tuple[Ints, Ints]:
        width = 3 * len(self.lemmas)
        codes, ends = self._occurrences(tokens)
        frequency = _document_frequency(*_kept(codes, codes >= 0, ends), width)
        informative = (frequency >= self._least) & (frequency <= self.fields.max_df * len(tokens))
        wanted = [True, self.fields.lead_weight > 0, self.fields.title_weight > 0]
        terms = np.flatnonzero(informative & np.repeat(wanted, len(self.lemmas)))
        return terms, frequency[terms]

    def _count(self, tokens: TokenBatch) -> sparse.csr_array:
        """Count the terms in each article."""
        codes, ends = self._occurrences(tokens)
        columns = self._column_of.take(codes)
        return _counts(*_kept(columns, columns >= 0, ends), len(self.terms))

    def _weigh(self, counts: sparse.csr_array) -> sparse.csr_array:
        """Turn counts into TF-IDF weights; each field of each article has the norm that its weight says."""
        n, columns = counts.shape[0], counts.indices
        weights: Floats = (np.log(counts.data) + 1) * self.idf.take(columns)
        blocks = np.repeat(np.arange(n) * 3, np.diff(counts.indptr)) + self._field_of.take(columns)
        lengths = np.sqrt(np.bincount(blocks, weights * weights, 3 * n))
        scale = np.tile([1.0, self.fields.lead_weight, self.fields.title_weight], n)
        scale /= np.where(lengths > 0, lengths, 1)
        counts.data = weights * scale.astype(np.float32).take(blocks)
        return counts


class _Kinds(Numbering):
    """Maps tokens to the kinds of their lemmas, given the numbering of the known lemmas."""

    def __init__(self, known: Numbering) -> None:
        super().__init__(())
        self._known = known

    def numbers(self, lemmas: Sequence[str]) -> list[int]:
        """Return the kind of each lemma."""
        return list(map(self._kind, lemmas, self._known.numbers(lemmas)))

    def _kind(self, lemma: str, number: int) -> int:
        if not lemma[:1].isalpha():
            return _NO_WORD
        if _NOT_RUSSIAN.search(lemma):
            return _FOREIGN
        return _KNOWN if number >= 0 and _RUSSIAN.fullmatch(lemma) else _UNKNOWN


def _familiarity(kinds: Ints, offsets: Ints) -> npt.NDArray[np.float64]:
    """Compute `Tfidf.familiarity` from the kinds of the tokens."""
    sums = np.diff(np.append(0, np.cumsum(_WORTH.take(kinds)))[offsets])
    words = (sums + _A_WORD // 2) // _A_WORD
    share: npt.NDArray[np.float64] = (sums - words * _A_WORD) / np.maximum(words, 1)
    return share


def _rises_within(numbers: Ints, limit: int) -> bool:
    """Return whether numbers are strictly increasing and within [0, limit)."""
    bounded = not len(numbers) or (numbers[0] >= 0 and numbers[-1] < limit)
    return bool(bounded and np.all(numbers[1:] > numbers[:-1]))


def _kept(columns: Ints, wanted: npt.NDArray[np.bool_], ends: Ints) -> tuple[Ints, Ints]:
    """Drop the entries that are not wanted, and adjust the end of each article."""
    return columns[wanted], np.append(0, np.cumsum(wanted))[ends]


def _counts(columns: Ints, ends: Ints, width: int) -> sparse.csr_array:
    """Count the occurrences of each column in each article: float32, shape (articles, width).

    Args:
        columns: of all articles, concatenated.
        ends: (articles,), the end of each article in `columns`.
        width: number of columns.
    """
    counts = _entries(columns, ends, width)
    if len(columns) >= _FEW:
        return _summed(counts).tocsr()
    counts.sum_duplicates()
    return counts


def _document_frequency(columns: Ints, ends: Ints, width: int) -> Ints:
    """Count the articles in which each column occurs; arguments as of `_counts`."""
    return np.diff(_summed(_entries(columns, ends, width)).indptr)


def _entries(columns: Ints, ends: Ints, width: int) -> sparse.csr_array:
    """Return a matrix with an entry of 1 per occurrence: not sorted, duplicates not summed."""
    entries = np.ones(len(columns), np.float32), columns.astype(np.int32), np.append(0, ends).astype(np.int32)
    return sparse.csr_array(entries, (len(ends), width))  # 32 bits are what scikit-learn takes


def _summed(entries: sparse.csr_array) -> sparse.csc_array:
    """Sum duplicates in column order, which is faster than sorting each article."""
    by_column = entries.tocsc()
    by_column.has_sorted_indices = True  # articles come in order
    by_column.sum_duplicates()
    return by_column
