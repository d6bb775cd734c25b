"""How topics are shown to editors: top words in the form that the archive uses, and a label made of them."""

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
_WEIGHTS = np.linspace(0, 1, 21)
"""Weights of `relevance` that a reader can choose from."""
_RELEVANCE = 0.6
"""Default weight of probability against lift, see `relevance`."""
_LABEL_WORDS = 3
_NAME_RATIO = 5
"""A name is capitalized more than this many times as often as not: sentences capitalize other words, too."""
_MIN_GENDER_SHARE = 1 / 3
"""Smallest share of a surname's occurrences that can be read as of a gender, for a label of that gender."""
_MAX_OCCURRENCES = 60
"""Occurrences of a term from which its surface form is chosen."""


def relevance(counts: Floats, weight: float = _RELEVANCE) -> npt.NDArray[np.float64]:
    """Rank the terms of each topic: weight * ln p(w | k) + (1 - weight) * ln(p(w | k) / p(w)).

    The measure of Sievert and Shirley (2014), "LDAvis", who found 0.6 to serve readers best.

    Args:
        counts: lambda, shape (topics, terms).
        weight: 1 ranks by probability in the topic alone, 0 by lift over the archive alone.

    Returns:
        Shape (topics, terms), higher is more relevant.
    """
    within, overall = _shares(counts)
    return np.log(within) - (1 - weight) * np.log(overall)


def choose_forms(counts: Floats, vocabulary: Vocabulary, tokens: TokenBatch, texts: Texts) -> dict[str, str]:
    """Choose how to write the top terms of all topics, as the archive does: «металл» -> «металлы».

    Args:
        counts: lambda, shape (topics, terms).
        vocabulary: of the model.
        tokens: the articles.
        texts: fetches the titles and texts of some of them.
    """
    wanted = sorted({column for row in top_terms(counts) for column in row})
    forms = surface_forms(vocabulary.occurrences(tokens), tokens, texts, wanted)
    terms = vocabulary.terms
    return {terms[column]: choose_form(terms[column].split(), seen) for column, seen in forms.items()}


def describe(counts: Floats, terms: Sequence[str], forms: Mapping[str, str]) -> tuple[Topic, ...]:
    """Describe the topics of `counts`, numbered from 1.

    Args:
        counts: lambda, shape (topics, terms).
        terms: names of the columns.
        forms: how to write a term; default: as it is.
    """
    leading = top_terms(counts)
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


def top_terms(counts: Floats, shown: int = SHOWN) -> list[list[int]]:
    """List the terms of each topic that are among its `shown` most relevant ones under any weight.

    In order of relevance under the default weight. There are some fifty a topic: enough for a page that lets
    its reader vary the weight.
    """
    usual = np.argsort(-relevance(counts), axis=1, kind="stable")
    wanted = np.zeros(counts.shape, bool)
    last = min(shown, counts.shape[1]) - 1
    for weight in _WEIGHTS:
        first = np.argpartition(-relevance(counts, weight), last, axis=1)[:, : last + 1]
        np.put_along_axis(wanted, first, True, axis=1)
    return [row[wanted[k, row]].tolist() for k, row in enumerate(usual)]


def surface_forms(
    occurrences: Occurrences, tokens: TokenBatch, texts: Texts, wanted: Sequence[int]
) -> dict[int, Counter[str]]:
    """Count the surface forms of terms, in `_MAX_OCCURRENCES` occurrences at most: column -> form -> count.

    Occurrences are taken from the articles with most of the terms, so that few texts have to be read. Forms
    with punctuation inside, «обороны (ПВО)», count only if there are no others, and without punctuation.
    """
    selected = np.flatnonzero(np.isin(occurrences.columns, wanted))
    density = np.bincount(occurrences.rows[selected], minlength=len(tokens))
    order = selected[
        np.lexsort((selected, -density[occurrences.rows[selected]], occurrences.columns[selected]))
    ]
    group_starts = np.flatnonzero(np.diff(occurrences.columns[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(group_starts, np.diff(np.append(group_starts, len(order))))
    chosen = np.sort(order[rank < _MAX_OCCURRENCES])
    by_row: dict[int, list[int]] = defaultdict(list)
    for index in chosen.tolist():
        by_row[int(occurrences.rows[index])].append(index)
    forms: dict[int, Counter[str]] = defaultdict(Counter)
    punctuated: dict[int, Counter[str]] = defaultdict(Counter)
    rows = np.array(sorted(by_row), np.intp)
    for row, (title, text) in zip(rows.tolist(), texts(rows), strict=True):
        in_title = spans(title)
        edges = np.concatenate([in_title, spans(text)])
        for index in by_row[row]:
            first = int(occurrences.starts[index] - tokens.offsets[row])
            last = first + int(occurrences.lengths[index]) - 1
            part = title if first < len(in_title) else text
            form = " ".join(part[edges[first, 0] : edges[last, 1]].split())
            column = int(occurrences.columns[index])
            if _is_plain(form):
                forms[column][form] += 1
            elif _is_plain(form := " ".join(part[start:end] for start, end in edges[first : last + 1])):
                punctuated[column][form] += 1
    return {**punctuated, **forms}


def _is_plain(form: str) -> bool:
    return all(character.isalnum() or character in " -" for character in form)


def label_all(ranked: list[list[tuple[str, str]]]) -> list[str]:
    """Label each topic by its first words; a label that is taken gets more words, or else a number.

    Args:
        ranked: (term, surface form) pairs of each topic, most relevant first.
    """
    labels: list[str] = []
    for words in ranked:
        nouns = [word for word in words if " " in word[0] or part_of_speech(word[0]) == "noun"]
        ordered = _without_echoes(nouns + [word for word in words if word not in nouns])
        ordered = [form for form in ordered if not _is_abbreviated(form)] or ordered
        size = _LABEL_WORDS
        while (label := ", ".join(ordered[:size])) in labels and size < len(ordered):
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


def choose_form(lemmas: list[str], seen: Counter[str]) -> str:
    """Choose the form for a label: in the nominative, in the number that prevails, names in a likely gender.

    «металлов» 7, «металлы» 5, «металл» 1 -> «металлы»; «Путина» 4, «Путин» 1 -> «Путин».

    The first word decides: an adjective agrees with its noun, and the first of two nouns is the head.
    """
    if len(lemmas) == 1 and part_of_speech(lemmas[0]) == "verb":
        return lemmas[0]
    capitalized = Counter({form: times for form, times in seen.items() if form[0].isupper()})
    if capitalized.total() > _NAME_RATIO * (seen.total() - capitalized.total()):
        seen = capitalized  # «пески» are sands, not Peskov
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
            and genders[wanted, case.gender] >= _MIN_GENDER_SHARE * numbers[wanted]
            for case in _cases(form.split()[0], lemmas[0])
        )
    ]
    if not nominative and lemmas[0] in forms:  # «COVID», unknown to the dictionary
        nominative = lemmas[:1]
    if not nominative and len(lemmas) == 1 and wanted == "sing":  # the archive has «Идлибе» alone
        named = sum(times for form, times in seen.items() if form[0].isupper()) > seen.total() / 2
        return lemmas[0].capitalize() if named else lemmas[0]
    best = max(nominative or forms, key=lambda form: (forms[form], form))
    if seen[best] * _NAME_RATIO >= forms[best]:
        return best
    return max((form for form in seen if form.lower() == best), key=lambda form: (seen[form], form))


class _Case(NamedTuple):
    """A reading of a surface form."""

    number: str
    gender: str
    """Of a surname, else "": «Путина» can be feminine or the genitive of «Путин»."""
    is_nominative: bool
    weight: float
    """Probability."""


@cache
def _cases(form: str, lemma: str) -> tuple[_Case, ...]:
    """List the readings of a form that have the lemma."""
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
    """Round to four significant digits; a rare word of a large archive has a share of 1e-8."""
    return float(f"{share:.4g}")


def _shares(counts: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compute p(w | k), shape (topics, terms), and p(w), shape (terms,)."""
    exact = counts.astype(np.float64)
    return exact / exact.sum(axis=1, keepdims=True), exact.sum(axis=0) / exact.sum()
