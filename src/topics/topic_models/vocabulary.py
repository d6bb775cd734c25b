"""Bags of terms for a topic model: content words and collocations.

A *term* is a lemma («инфляция») or a phrase of two to four lemmas («ключевой ставка»). Terms are selected by
part of speech (from the dictionary), phrases by NPMI of adjacent words, and both by document frequency and by
how unevenly they are distributed over the archive.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

from topics import persistence
from topics.errors import ModelError, NotFittedError
from topics.text.lemmas import readings
from topics.text.tokens import Numbering
from topics.types import TokenBatch

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Words of every article that are about nothing; others are found in the archive itself (`_is_even`).
# English ones come from quoted posts and names: one topic was called «сет, турнир, the».
_NEWSPRINT_WORDS = """
    сообщить сообщать сообщаться заявить заявлять отметить отмечать отмечаться сказать рассказать говорить
    говориться подчеркнуть пояснить уточнить уточняться добавить напомнить указать написать писать являться
    стать быть мочь смочь иметь корреспондент редакция фото видео ссылка подробность пресс-служба
    риа новость тасс интерфакс рбк лента комментарий com ru https http www
    the of and to in on for with from by at is are was be this that it you we our my no not all new
"""
NEWSPRINT = frozenset(_NEWSPRINT_WORDS.split())
_ROMAN = re.compile("[ivxlcdm]+")
_PARTS = frozenset(
    {"NOUN", "ADJF", "INFN", "NPRO", "ADVB", "PREP", "CONJ", "PRCL", "NUMR", "INTJ", "PRED", "COMP"}
)
_CONTENT_PARTS = {"NOUN": "noun", "ADJF": "adjective", "INFN": "verb"}
_PRONOMINAL = frozenset({"Apro", "Anum"})
_PASSES = 2
"""Number of passes that learn phrases: of two words, then of a phrase and a word or two phrases."""
_LONG_PHRASE_NPMI = 0.75
"""`phrase_npmi` for phrases of more than two words."""


_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class VocabularySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the vocabulary."""

    verbs: bool = True
    min_df: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Smallest document frequency of a term; 0: depends on the size of the corpus, see `least_articles`."""
    max_df: _Share = 0.0
    """Largest share of articles that contain a term; 0: depends on the size of the corpus."""
    even_share: _Share = 0.4
    """Share of the frequent words, the most evenly distributed ones, that are excluded as uninformative."""
    phrases: bool = True
    phrase_npmi: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.5
    """Normalized pointwise mutual information above which adjacent words form a phrase; -1 to 1."""


def least_articles(n: int) -> int:
    """Return the smallest document frequency for n articles: 2 of 100, 6 of 10,000, 62 of a million."""
    return max(2, round(math.sqrt(n) / 16))


def largest_share(n: int) -> float:
    """Return the largest document frequency for n articles, as a share: 0.4 of 100, 0.22 of 10,000."""
    return 0.2 + 2 / math.sqrt(max(n, 16))


class Occurrences(NamedTuple):
    """Occurrences of terms, in the order of the text."""

    columns: Int64s
    """Column in the matrix of `transform`."""
    rows: Int64s
    """Row number of the article."""
    starts: Int64s
    """Index of the first token in the batch."""
    lengths: Int64s
    """Number of tokens of the term."""


class _Stream(NamedTuple):
    """The terms of some articles, in order; -1 for other words."""

    words: Int64s
    starts: Int64s
    """The first token of each; the next one's start is its end."""


class Vocabulary:
    """Terms of a topic model: `fit` selects them, `transform` counts them."""

    def __init__(self, settings: VocabularySettings | None = None) -> None:
        self.settings = settings or VocabularySettings()

    def fit(self, tokens: TokenBatch) -> Self:
        """Select the terms from n articles."""
        n, settings = len(tokens), self.settings
        min_df = settings.min_df or least_articles(n)
        frequencies = _document_frequencies(tokens.ids, rows_of(tokens), len(tokens.lemmas), n)
        lemmas = sorted(tokens.lemmas[i] for i in np.flatnonzero(frequencies >= min_df).tolist())
        kinds = [part_of_speech(lemma) for lemma in lemmas]
        self._set(
            [lemma for lemma, kind in zip(lemmas, kinds, strict=True) if kind], np.empty((0, 2), np.int32)
        )
        if settings.phrases:
            nouns = np.array([kind == "noun" for kind in kinds if kind], bool)
            starters = np.array([kind != "verb" for kind in kinds if kind], bool)
            self._learn_phrases(tokens, nouns, starters, min_df)
        words, starts = self._stream(tokens)
        counts = np.bincount(words[words >= 0], minlength=self._size)
        frequencies = _document_frequencies(words, rows_of(tokens)[starts], self._size, n)
        selected = (frequencies >= min_df) & (frequencies <= (settings.max_df or largest_share(n)) * n)
        selected &= ~_is_even(counts, frequencies, n, settings.even_share)
        kind_of = dict(zip(lemmas, kinds, strict=True))
        for i, word in enumerate(self._words):
            selected[i] &= word not in NEWSPRINT and (settings.verbs or kind_of[word] != "verb")
        self._columns = np.flatnonzero(selected).astype(np.int32)
        return self._prepare()

    @property
    def terms(self) -> list[str]:
        """Names of the columns: lemmas, separated by spaces within a phrase."""
        return self._terms

    def transform(self, tokens: TokenBatch) -> sparse.csr_array:
        """Count the terms of n articles: float32, shape (n, terms), columns sorted in each row.

        Raises:
            NotFittedError: before `fit`.
        """
        if not hasattr(self, "_terms"):
            raise NotFittedError("Vocabulary.transform before fit: call fit(tokens) or load(folder) first")
        n, width = len(tokens), len(self._columns)
        occurrences = self.occurrences(tokens)
        keys, counts = _unique_counts(occurrences.rows * max(width, 1) + occurrences.columns)
        starts = np.searchsorted(keys, np.arange(n + 1) * max(width, 1)).astype(np.int32)
        indices = (keys % max(width, 1)).astype(np.int32)
        return sparse.csr_array((counts.astype(np.float32), indices, starts), (n, width))

    def occurrences(self, tokens: TokenBatch) -> Occurrences:
        """Return the occurrences of terms in n articles."""
        words, starts = self._stream(tokens)
        columns = self._column_of[words]
        known = columns >= 0
        lengths = np.diff(starts, append=len(tokens.ids))
        return Occurrences(columns[known], rows_of(tokens)[starts[known]], starts[known], lengths[known])

    def save(self, folder: Path) -> None:
        """Write the words, the phrases, and the columns, into an existing folder."""
        persistence.write_lines(folder / "topic_words.txt", self._words)
        persistence.write_array(folder / "topic_phrases.npy", self._phrases)
        persistence.write_array(folder / "topic_terms.npy", self._columns)

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: a file is missing or damaged, or the files do not fit together.
        """
        words = persistence.read_lines(folder / "topic_words.txt")
        phrases = persistence.read_array(folder / "topic_phrases.npy", np.int32, dimensions=2)
        columns = persistence.read_array(folder / "topic_terms.npy", np.int32)
        size = len(words) + len(phrases)
        # A phrase refers to words and earlier phrases only, so that none can contain itself.
        phrases_valid = phrases.shape[1] == 2 and bool(np.all(phrases >= 0))
        phrases_valid = phrases_valid and bool(
            np.all(phrases < len(words) + np.arange(len(phrases))[:, None])
        )
        columns_valid = bool(np.all(columns[1:] > columns[:-1])) and (
            not len(columns) or (columns[0] >= 0 and columns[-1] < size)
        )
        if not phrases_valid or not columns_valid or len(set(words)) < len(words):
            raise ModelError(
                f"{folder}: topic_words.txt, topic_phrases.npy and topic_terms.npy do not fit together; "
                f"{persistence.REMEDY}"
            )
        self._set(words, np.array(phrases))
        self._columns = columns
        return self._prepare()

    def _set(self, words: list[str], phrases: npt.NDArray[np.int32]) -> None:
        self._words, self._phrases = words, phrases
        self._numbering = Numbering(words)
        self._size = len(words) + len(phrases)
        keys = phrases[:, 0].astype(np.int64) << 32 | phrases[:, 1]
        order = np.argsort(keys)
        self._phrase_keys, self._phrase_ids = keys[order], len(words) + order
        self._starters = np.zeros(self._size + 1, bool)  # the last one stands for -1
        self._starters[phrases[:, 0]] = True

    def _prepare(self) -> Self:
        names = list(self._words)
        for first, second in self._phrases.tolist():
            names.append(f"{names[first]} {names[second]}")
        self._terms = [names[i] for i in self._columns.tolist()]
        self._column_of = np.full(self._size + 1, -1)
        self._column_of[self._columns] = np.arange(len(self._columns))
        return self

    def _stream(self, tokens: TokenBatch) -> _Stream:
        """Map tokens to word numbers and join phrases."""
        stream = _Stream(self._numbering(tokens).astype(np.int64), np.arange(len(tokens.ids)))
        borders = _borders(tokens)
        while len(self._phrase_keys):
            joined = self._join(stream, borders)
            if len(joined.words) == len(stream.words):
                break
            stream = joined
        return stream

    def _join(self, stream: _Stream, borders: Bools) -> _Stream:
        """Replace two adjacent units by one wherever they form a phrase.

        Of phrases that share a word the stronger one wins: «президент США | Дональд Трамп».
        """
        words, starts = stream
        left = np.flatnonzero(self._starters[words[:-1]] & (words[1:] >= 0) & ~borders[starts[1:]])
        keys = words[left] << 32 | words[left + 1]
        index = np.minimum(np.searchsorted(self._phrase_keys, keys), len(self._phrase_keys) - 1)
        matched = self._phrase_keys[index] == keys
        # Shifted by one: phrase[i + 1] is the phrase that begins at word i; lower numbers are stronger.
        phrase = np.full(len(words) + 2, self._size)
        phrase[left[matched] + 1] = self._phrase_ids[index[matched]]
        left = np.flatnonzero((phrase[1:-1] < phrase[:-2]) & (phrase[1:-1] <= phrase[2:]))
        words = words.copy()
        words[left] = phrase[left + 1]
        return _Stream(np.delete(words, left + 1), np.delete(starts, left + 1))

    def _learn_phrases(self, tokens: TokenBatch, nouns: Bools, starters: Bools, min_df: int) -> None:
        """Add the pairs of adjacent units that form phrases: a noun after a noun or an adjective."""
        n, rows, borders = len(tokens), rows_of(tokens), _borders(tokens)
        for _ in range(_PASSES):
            words, starts = self._stream(tokens)
            counts = np.bincount(words[words >= 0], minlength=self._size)
            left = np.flatnonzero((words[:-1] >= 0) & (words[1:] >= 0) & ~borders[starts[1:]])
            left = left[starters[words[left]] & nouns[words[left + 1]]]
            keys, inverse, together = np.unique(
                words[left] << 32 | words[left + 1], return_inverse=True, return_counts=True
            )
            frequencies = _document_frequencies(inverse, rows[starts[left]], len(keys), n)
            first, second = keys >> 32, keys & 0xFFFF_FFFF
            share = together / len(words)
            alone = counts[first] / len(words) * (counts[second] / len(words))
            npmi = np.log(share / alone) / -np.log(share)
            limit = self.settings.phrase_npmi if not len(self._phrases) else _LONG_PHRASE_NPMI
            chosen = np.flatnonzero((npmi >= limit) & (frequencies >= min_df))
            chosen = chosen[np.argsort(-npmi[chosen], kind="stable")]
            new = np.stack([first[chosen], second[chosen]], axis=1).astype(np.int32)
            self._set(self._words, np.concatenate([self._phrases, new]))
            nouns, starters = (np.append(known, np.ones(len(new), bool)) for known in (nouns, starters))


def part_of_speech(lemma: str) -> str:
    """Return the part of speech of a content word, `noun`, `adjective` or `verb`; "" for other words.

    A lemma that the dictionary does not know is a name or an acronym: «силуанов», «вциом».
    """
    if lemma.startswith("<") or len(lemma) < 2:
        return ""
    if lemma.isascii():  # «covid», «boeing»; no «xiv»
        return "" if _ROMAN.fullmatch(lemma) else "noun"
    weights: dict[str, float] = {}
    for reading in readings(lemma):
        if reading.lemma.replace("ё", "е") == lemma:
            is_content = reading.grammemes.isdisjoint(_PRONOMINAL)
            part = next(iter(reading.grammemes & _PARTS), "") if is_content else ""
            weights[part] = weights.get(part, 0.0) + reading.score
    part = max(weights, key=weights.__getitem__) if weights else "NOUN"
    return _CONTENT_PARTS.get(part, "")


def _is_even(counts: Int64s, frequencies: Int64s, n: int, share: float) -> Bools:
    """Mark the words that are frequent and spread over the articles as if at random: they name no topic.

    A topical word is bursty: where it occurs once, it occurs again. Residual IDF is the observed IDF minus
    the one expected of a Poisson distribution (Church and Gale, 1995, "Inverse document frequency: a measure
    of deviations from Poisson").
    """
    frequent = np.flatnonzero(frequencies >= max(0.02 * n, 20))
    residual = np.log2(n / frequencies[frequent]) + np.log2(-np.expm1(-counts[frequent] / n))
    even = np.zeros(len(counts), bool)
    order = np.argsort(residual, kind="stable")
    even[frequent[order[: round(share * len(frequent))]]] = True
    return even


def _document_frequencies(ids: npt.NDArray[np.integer], rows: Int64s, width: int, n: int) -> Int64s:
    """Return the document frequency of each id; -1 is ignored."""
    known = ids >= 0
    keys = _unique_counts(ids[known].astype(np.int64) * max(n, 1) + rows[known])[0]
    return np.bincount(keys // max(n, 1), minlength=width)


def _unique_counts(keys: Int64s) -> tuple[Int64s, Int64s]:
    """Return the distinct keys, ascending, with their counts; faster than numpy.unique."""
    keys = np.sort(keys)
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], np.diff(first, append=len(keys))


def _borders(tokens: TokenBatch) -> Bools:
    """Mark the tokens that begin a title or a text, boundaries that no phrase may cross."""
    borders = np.zeros(len(tokens.ids) + 1, bool)
    borders[tokens.offsets] = borders[tokens.bodies] = True
    return borders[:-1]


def rows_of(tokens: TokenBatch) -> Int64s:
    """Return the row number of the article of each token."""
    return np.repeat(np.arange(len(tokens)), np.diff(tokens.offsets))
