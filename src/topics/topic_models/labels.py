"""What an editor reads of a topic: its words in the form that the archive uses, and a label made of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topics.text.lemmas import readings
from topics.text.tokens import spans
from topics.topic_models.vocabulary import Occurrences, Vocabulary, part_of_speech
from topics.types import Texts, TokenBatch, Topic, TopicWord

Floats = npt.NDArray[np.float32]

SHOWN = 20
"""Words of a topic that are shown at a time."""
_STEPS = np.linspace(0, 1, 21)
"""Weights of `relevance` that a reader can choose from."""
_RELEVANCE = 0.6
"""How much a word's weight in the topic counts against how much it is the topic's own."""
_IN_LABEL = 3
_CAPITALS = 5
"""Ratio of capitalized to lower-case occurrences up to which a word is not a name: sentences begin so."""
_LIKELY = 1 / 3
"""Share of what is seen of a name that must speak for its being a woman's, or a man's, to write it so."""
_SEEN = 60
"""Places looked at to find how the archive writes a term."""


def relevance(counts: Floats, weight: float = _RELEVANCE) -> npt.NDArray[np.float64]:
    """Rank the terms of each topic: weight * ln p(w | k) + (1 - weight) * ln(p(w | k) / p(w)).

    The measure of Sievert and Shirley (2014), "LDAvis", who found 0.6 to serve readers best.

    Args:
        counts: lambda, shape (topics, terms).
        weight: 1 ranks by frequency alone, 0 by how much a term is the topic's own.
    """
    within, overall = _shares(counts)
    return np.log(within) - (1 - weight) * np.log(overall)


def written(counts: Floats, vocabulary: Vocabulary, tokens: TokenBatch, texts: Texts) -> dict[str, str]:
    """Find how the archive writes the terms that lead topics: «металл» -> «металлы».

    Args:
        counts: lambda, shape (topics, terms).
        vocabulary: names the terms.
        tokens: the articles.
        texts: fetches some of them.
    """
    wanted = sorted({column for row in foremost(counts) for column in row})
    found = surface_forms(vocabulary.occurrences(tokens), tokens, texts, wanted)
    terms = vocabulary.terms
    return {terms[column]: prefer(terms[column].split(), seen) for column, seen in found.items()}


def describe(counts: Floats, terms: Sequence[str], forms: Mapping[str, str]) -> tuple[Topic, ...]:
    """Describe the topics of `counts`, numbered from 1.

    Args:
        counts: lambda, shape (topics, terms).
        terms: names of the columns.
        forms: how to write a term; one that is not there as it is.
    """
    leading = foremost(counts)
    within, overall = _shares(counts)
    shown = [[(terms[column], forms.get(terms[column], terms[column])) for column in row] for row in leading]
    labels = label_all([row[:SHOWN] for row in shown])
    shares = counts.sum(axis=1) / counts.sum()
    return tuple(
        Topic(
            id=k + 1,
            label=labels[k],
            words=tuple(
                TopicWord(form, _rounded(within[k, w]), _rounded(overall[w]))
                for w, (_, form) in zip(row, shown[k], strict=True)
            ),
            share=round(float(shares[k]), 6),
        )
        for k, row in enumerate(leading)
    )


def foremost(counts: Floats, shown: int = SHOWN) -> list[list[int]]:
    """List the terms of each topic that are among its first ones under some weight of `relevance`.

    The order is that of the usual weight. A topic has some fifty such terms, so a page that holds them shows
    what it would show if it held them all.
    """
    usual = np.argsort(-relevance(counts), axis=1, kind="stable")
    wanted = np.zeros(counts.shape, bool)
    last = min(shown, counts.shape[1]) - 1
    for weight in _STEPS:
        first = np.argpartition(-relevance(counts, weight), last, axis=1)[:, : last + 1]
        np.put_along_axis(wanted, first, True, axis=1)
    return [row[wanted[k, row]].tolist() for k, row in enumerate(usual)]


def surface_forms(
    found: Occurrences, tokens: TokenBatch, texts: Texts, wanted: Sequence[int]
) -> dict[int, Counter[str]]:
    """Count the surface forms of terms, in up to `_SEEN` occurrences each: column -> form -> count.

    Occurrences are taken from the articles with most of the terms, so that few texts have to be read. Forms
    with punctuation inside, «обороны (ПВО)», count only if there are no others, and without punctuation.
    """
    at = np.flatnonzero(np.isin(found.columns, wanted))
    density = np.bincount(found.rows[at], minlength=len(tokens))
    order = at[np.lexsort((at, -density[found.rows[at]], found.columns[at]))]
    begins = np.flatnonzero(np.diff(found.columns[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    chosen = np.sort(order[rank < _SEEN])
    places: dict[int, list[int]] = defaultdict(list)
    for place in chosen.tolist():
        places[int(found.rows[place])].append(place)
    forms: dict[int, Counter[str]] = defaultdict(Counter)
    signed: dict[int, Counter[str]] = defaultdict(Counter)
    rows = np.array(sorted(places), np.intp)
    for row, (title, text) in zip(rows.tolist(), texts(rows), strict=True):
        in_title = spans(title)
        edges = np.concatenate([in_title, spans(text)])
        for place in places[row]:
            first = int(found.starts[place] - tokens.offsets[row])
            last = first + int(found.lengths[place]) - 1
            part = title if first < len(in_title) else text
            form = " ".join(part[edges[first, 0] : edges[last, 1]].split())
            column = int(found.columns[place])
            if _is_plain(form):
                forms[column][form] += 1
            elif _is_plain(form := " ".join(part[start:end] for start, end in edges[first : last + 1])):
                signed[column][form] += 1
    return {**signed, **forms}


def _is_plain(form: str) -> bool:
    return all(character.isalnum() or character in " -" for character in form)


def label_all(ranked: list[list[tuple[str, str]]]) -> list[str]:
    """Label each topic by its first words; a label that is taken is extended by one more word."""
    labels: list[str] = []
    for words in ranked:
        nouns = [word for word in words if " " in word[0] or part_of_speech(word[0]) == "noun"]
        telling = _without_echoes(nouns + [word for word in words if word not in nouns])
        telling = [form for form in telling if not _is_abbreviated(form)] or telling
        size = _IN_LABEL
        while (label := ", ".join(telling[:size])) in labels and size < len(telling):
            size += 1
        labels.append(label if label not in labels else f"{label} ({len(labels) + 1})")
    return labels


def _is_abbreviated(form: str) -> bool:
    """Return whether a label is uninformative: «тыс», «млрд руб», «ул»; but not an acronym, such as «ДТП»."""
    return all(
        word.islower() and any("Abbr" in reading.grammemes for reading in readings(word))
        for word in form.split()
    )


def _without_echoes(words: list[tuple[str, str]]) -> list[str]:
    """Drop terms that contain an earlier term or are part of one: «курс доллара» after «доллар»."""
    kept: list[str] = []
    seen: list[set[str]] = []
    for term, form in words:
        lemmas = set(term.split())
        if not any(lemmas <= other or other <= lemmas for other in seen) and form not in kept:
            kept.append(form)
            seen.append(lemmas)
    return kept


def prefer(lemmas: list[str], seen: Counter[str]) -> str:
    """Choose the form for a label: in the nominative, in the number that prevails, names in a likely gender.

    «металлов» 7, «металлы» 5, «металл» 1 -> «металлы»; «Путина» 4, «Путин» 1 -> «Путин».

    The first word decides: an adjective agrees with its noun, and the first of two nouns is the head.
    """
    if len(lemmas) == 1 and part_of_speech(lemmas[0]) == "verb":
        return lemmas[0]
    capitalized = Counter({form: times for form, times in seen.items() if form[0].isupper()})
    if capitalized.total() > _CAPITALS * (seen.total() - capitalized.total()):
        seen = capitalized  # «пески» are not of Peskov
    forms: Counter[str] = Counter()
    for form, times in seen.items():
        forms[form.lower()] += times
    numbers: dict[str, float] = defaultdict(float)
    genders: dict[tuple[str, str], float] = defaultdict(float)
    for form, times in forms.items():
        for case in _cases(form.split()[0], lemmas[0]):
            numbers[case.number] += times * case.weight
            genders[case.number, case.gender] += times * case.weight
    wanted = max(numbers, key=lambda number: numbers[number], default="")
    nominative = [
        form
        for form in forms
        if any(
            case.is_nominative
            and case.number == wanted
            and genders[wanted, case.gender] >= _LIKELY * numbers[wanted]
            for case in _cases(form.split()[0], lemmas[0])
        )
    ]
    if not nominative and lemmas[0] in forms:  # «COVID», which no dictionary knows
        nominative = lemmas[:1]
    if not nominative and len(lemmas) == 1 and wanted == "sing":  # «в Идлибе», and never «Идлиб»
        named = sum(times for form, times in seen.items() if form[0].isupper()) > seen.total() / 2
        return lemmas[0].capitalize() if named else lemmas[0]
    best = max(nominative or forms, key=lambda form: (forms[form], form))
    if seen[best] * _CAPITALS >= forms[best]:
        return best
    return max((form for form in seen if form.lower() == best), key=lambda form: (seen[form], form))


class _Case(NamedTuple):
    """One way to read a form."""

    number: str
    gender: str
    """Of a surname, which men and women bear: «Путина» is hardly a woman's, «Захарова» is."""
    is_nominative: bool
    weight: float
    """Probability."""


@cache
def _cases(form: str, lemma: str) -> tuple[_Case, ...]:
    """List the readings of a form as that lemma."""
    return tuple(
        _Case(
            "plur" if "plur" in reading.grammemes else "sing",
            "".join(sorted(reading.grammemes & {"masc", "femn"})) if "Surn" in reading.grammemes else "",
            "nomn" in reading.grammemes,
            reading.score,
        )
        for reading in readings(form)
        if reading.lemma.replace("ё", "е") == lemma
    )


def _rounded(share: float) -> float:
    """Keep four digits that count; a rare word of a large archive has a share of 1e-8."""
    return float(f"{share:.4g}")


def _shares(counts: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compute p(w | k), shape (topics, terms), and p(w), shape (terms,)."""
    exact = counts.astype(np.float64)
    return exact / exact.sum(axis=1, keepdims=True), exact.sum(axis=0) / exact.sum()
