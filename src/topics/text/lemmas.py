"""Lemmatization of single words: pymorphy3, with rules for names, acronyms and numbers in news."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from topics.text import names
from topics.text.lemma_overrides import FORMS, LEMMAS, WRITTEN

PERCENT, MONEY, YEAR, NUMBER = "<percent>", "<money>", "<year>", "<number>"
CURRENCY = "₽$€"

# «ГОКа», «МИДу»: an acronym with an ending.
_UNIVERSITY = re.compile(r"[А-ЯЁ][А-ЯЁа-яё]*[а-яё][А-ЯЁ]{2,}")  # «УрФУ», «СПбГУ»
_INFLECTED_ACRONYM = re.compile(r"([А-ЯЁ]{2,6})(?:а|у|е|и|ом|ы|ов|ам|ами|ах)")
_PROPER = frozenset({"Surn", "Name", "Patr", "Geox", "Orgn"})
_SMALL_WORDS = frozenset({"PREP", "CONJ", "PRCL", "NPRO", "NUMR", "ADVB", "INTJ", "PRED", "COMP", "Apro"})
_LITTLE = frozenset({"PREP", "CONJ", "PRCL", "NPRO", "Apro"})
_DEGREES = frozenset({"COMP", "Supr"})
_LIKELY = 0.1
"""Probability from which on a capitalized word is a surname: .17 for «Песков», .04 for «Школьников»."""


class Homonym(NamedTuple):
    """A form of two words, disambiguated by its neighbours."""

    first: str
    second: str
    after: frozenset[str]
    """Preceding lemmas that select the second reading: «производство стали»."""
    before: frozenset[str] = frozenset()
    """Following lemmas that select the second reading: «стали марки»."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SHIPS = _words(
    "рыболовный грузовой круизный морской речной пассажирский торговый научный прогулочный маломерный "
    "рыбопромысловый нефтеналивной танкерный строительство ремонт постройка экипаж капитан борт палуба "
    "владелец спуск заход верфь причал"
)
# `lemmas` returns the key; the caller, who knows the neighbours, disambiguates.
HOMONYMS = {
    "стали?": Homonym(
        "стать",
        "сталь",
        _words(
            "производство производитель производить выплавка выплавлять выпуск тонна рынок цена экспорт "
            "импорт поставка потребление продажа прокат лист марка сорт плавка разливка изготовление "
            "закупка спрос чугун нержавеющий жидкий легировать электротехнический конвертерный "
            "углеродистый трансформаторный оцинковать высокопрочный плоский сырой российский из"
        ),
        _words("марка нержавеющий чугун алюминий прокат"),
    ),
    **{f"{form}?": Homonym("суд", "судно", SHIPS) for form in ("суда", "судов", "судам", "судах", "судами")},
    "банки?": Homonym(
        "банк", "банка", _words("стеклянный консервный жестяной алюминиевый литровый трехлитровый")
    ),
    "домен?": Homonym(
        "домен", "домна", _words("строительство ремонт реконструкция пуск задувка остановка мощность цех")
    ),
}


def lemmas(form: str) -> tuple[str, ...]:
    """Lemmatize one word, in the case in which it is written.

    Usually one lemma; none for a single letter, several for a compound that the dictionary lacks:

    >>> lemmas("заводов"), lemmas("ЕС"), lemmas("18%"), lemmas("экс-министра"), lemmas("в")
    (('завод',), ('ес',), ('<percent>',), ('экс', 'министр'), ())
    """
    form = names.of_one_script(form.strip("-"))
    if len(form) == 1 and form.isalpha():
        return ()
    if not form.isalpha() and (any(map(str.isdigit, form)) or not any(map(str.isalpha, form))):
        return _numeric(form)
    lower = form.lower()
    if form.isascii() and "-" not in form:
        return (lower,)
    if exception := WRITTEN.get(form) or _EXCEPTIONS.get(lower):
        return (exception,)
    with _LOCK:
        found = [lemma.replace("ё", "е") for lemma in _lexical(form, lower)]
    return tuple([LEMMAS.get(lemma, lemma) for lemma in found])


def _numeric(form: str) -> tuple[str, ...]:
    """Lemmatize words with digits or signs: «5%», «₽», «2026», «1990-х», «18-летний», «COVID-19»."""
    if "%" in form:
        return (PERCENT,)
    if any(sign in form for sign in CURRENCY):
        return (MONEY,)
    if form.isdecimal():
        return (YEAR if len(form) == 4 and form[:2] in ("19", "20") else NUMBER,)
    if "-" in form:
        return _parts(form)
    return (form.lower().replace("ё", "е"),) if any(map(str.isalpha, form)) else ()


def _parts(form: str) -> tuple[str, ...]:
    """Lemmatize a compound part by part; short capitalized parts («Ту-154», «Эр-Рияд») stay as they are."""
    parts = form.split("-")
    found: list[str] = []
    for place, part in enumerate(parts, 1):
        lower, last = part.lower(), place == len(parts)
        if last and parts[0].isdecimal() and lower in names.ORDINAL:
            continue
        if not last and (lower in names.FIXED or (len(part) > 3 and lower.endswith("о"))):
            found.append(lower.replace("ё", "е"))
        elif 1 < len(part) <= 3 and part.istitle() and not any(rest.islower() for rest in parts[place:]):
            found.append(part.lower().replace("ё", "е"))
        else:
            found.extend(lemmas(part))
    return tuple(found)


def _lexical(form: str, lower: str) -> tuple[str, ...]:
    if _UNIVERSITY.fullmatch(form):
        return (lower,)
    known = _dictionary_lemmas(lower)
    surname = names.SURNAME.fullmatch(lower) if form[0].isupper() else None
    if len(known) == 1 and not (form.isupper() or surname):
        return tuple(known)
    if "-" in form and not known:
        return _parts(form)
    if form[0].islower():
        return (_common(_readings(lower)) if known else _readings(lower)[0].lemma,)
    if form.isupper() and _is_acronym(form, known, _readings(lower)):
        return (lower,)
    if match := _INFLECTED_ACRONYM.fullmatch(form):
        return (match[1].lower(),)
    if not known:
        return (surname[1] if surname else _unknown_name(lower),)
    readings = _readings(lower)
    if surname and "ADJS" in readings[0].grammemes and surname[1] not in names.SHORT_ADJECTIVES:
        return (surname[1],)  # «Лисин» of «лисиный»
    return (_proper(lower, readings),)


def _unknown_name(lower: str) -> str:
    """Return one lemma for all cases of a name that the dictionary lacks; its guesses differ by case."""
    part = names.FIRST_PART.match(lower)
    if part and _dictionary_lemmas(lower[part.end() :]):
        return part[0] + _common(_readings(lower[part.end() :]))
    for reading in _readings(lower) if names.ADJECTIVE.fullmatch(lower) else []:
        if reading.lemma.endswith(("ий", "ый")):
            return reading.lemma
    return names.without_case(lower)


def _is_acronym(form: str, known: set[str], readings: list[Reading]) -> bool:
    """«ЕС», «ТЭЦ», «СФО», but not «ЗАВОД» in a headline that shouts."""
    if len(form) > 6:
        return False
    if not known or any("Abbr" in reading.grammemes for reading in readings):
        return True
    if len(form) > 3:
        return False
    if not _PROPER.isdisjoint(readings[0].grammemes):
        return True  # «ИИ» is not a form of «Ия»
    # «МОК» is not a form of «мокнуть», nor «ИГ» one of «иго»; «ГОД» and «ЕГО» are words.
    return form.lower() not in known and all(_SMALL_WORDS.isdisjoint(each.grammemes) for each in readings)


def _common(readings: list[Reading]) -> str:
    """Prefer the common noun for a lower-case word: «газы» is not «Газа», «марка» is not «Марк»."""
    return next((each.lemma for each in readings if _PROPER.isdisjoint(each.grammemes)), readings[0].lemma)


def _proper(lower: str, readings: list[Reading]) -> str:
    """Prefer the name for a capitalized word: «Белоусов» is not «белоус», «Песков» is not «песок»."""
    surname = sum(each.score for each in readings if each.lemma == lower and "Surn" in each.grammemes)
    if lower in names.MISREAD or surname >= _LIKELY:
        return lower
    if readings[0].grammemes >= {"Name", "gent", "plur"}:  # «Аваков» is hardly a plural of «Авак»
        return lower
    adjectives = [each.lemma for each in readings if "ADJF" in each.grammemes]
    if adjectives and lower.endswith(("ском", "цком")) and lower not in names.CITIES:
        return adjectives[0]  # «в Красноярском крае»
    likely = [each for each in readings if each.score >= readings[0].score / 2]
    proper = [each for each in likely if not _PROPER.isdisjoint(each.grammemes)]
    places = [each for each in proper if each.grammemes >= {"Geox", "Pltm"}]  # «Филиппины»: the country
    return (places or proper or readings)[0].lemma


def readings(form: str) -> list[Reading]:
    """Return the readings of one word, most likely first, with their grammemes.

    >>> [sorted(reading.grammemes & {"NOUN", "INFN", "plur"}) for reading in readings("металлы")][:1]
    [['NOUN', 'plur']]
    """
    with _LOCK:
        return _readings(form.lower())


def says_little(words: str) -> bool:
    """Return whether all words are prepositions, conjunctions, particles or pronouns.

    Words that may be nouns, such as «тем», «минус» and «фон», are not counted among these.

    >>> says_little("на"), says_little("для того"), says_little("на заводе")
    (True, True, False)
    """
    read = [readings(word) for word in words.split()]
    nouns = any("NOUN" in reading.grammemes for word in read for reading in word)
    return not nouns and all(_LITTLE & word[0].grammemes for word in read)


def inflected(form: str) -> frozenset[str]:
    """Return all inflected forms of a word, capitalized if it is capitalized.

    >>> sorted(inflected("Поляна"))[:4]
    ['Полян', 'Поляна', 'Полянам', 'Полянами']
    """
    known = lemmas(form)
    with _LOCK:
        parses = _analyzer().parse(form.lower())
        same = [parse for parse in parses if (parse[2].replace("ё", "е"),) == known]
        cases = _analyzer().get_lexeme((same or parses)[0]) if parses else []
    forms = {word for word, tag, *_ in cases if tag.grammemes.isdisjoint(_DEGREES)} | {form.lower()}
    return frozenset(word.capitalize() if form.istitle() else word for word in forms)


class Reading(NamedTuple):
    """One reading of a word by pymorphy3."""

    lemma: str
    grammemes: frozenset[str]
    score: float


def _readings(lower: str) -> list[Reading]:
    """Return the readings of a word, most likely first."""
    return [Reading(lemma, tag.grammemes, score) for _, tag, lemma, score, _ in _analyzer().parse(lower)]


def _dictionary_lemmas(lower: str) -> set[str]:
    """Return the lemmas of a word in the dictionary, unweighted; takes a third of the time of a parse.

    Most words have one lemma and need no parse.
    """
    analyzer = _analyzer()
    found = analyzer.dictionary.words.similar_items(lower, analyzer.char_substitutes)
    return {_change(*parse)(word) for word, parses in found for parse in parses}


@cache
def _change(paradigm: int, index: int) -> Callable[[str], str]:
    """Return the function that turns a form of a paradigm into its lemma by replacing prefix and suffix.

    Some ten thousand combinations of paradigm and form occur in news.
    """
    if index == 0:
        return str
    dictionary = _analyzer().dictionary
    numbers, prefixes, suffixes = (
        dictionary.paradigms[paradigm],
        dictionary.paradigm_prefixes,
        dictionary.suffixes,
    )
    size = len(numbers) // 3  # numbers of suffixes, of tags and of prefixes of all forms
    first, last = prefixes[numbers[2 * size]], suffixes[numbers[0]]
    before, after = len(prefixes[numbers[2 * size + index]]), len(suffixes[numbers[index]])
    return lambda word: f"{first}{word[before : len(word) - after]}{last}"


# Looked up before the dictionary.
_EXCEPTIONS = FORMS | {mark.removesuffix("?"): mark for mark in HOMONYMS}

_LOCK = threading.RLock()  # pymorphy3 does not claim to be thread-safe


def _after_fork() -> None:
    global _LOCK
    _LOCK = threading.RLock()  # a thread that holds the old one does not exist in the child


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)


# Analyzers of pymorphy3 that are used. The others handle initials, numbers, signs, Latin words and hyphenated
# compounds, which never get here; without them, guessing takes a quarter less time.
_UNITS = {
    "DictionaryAnalyzer",
    "KnownPrefixAnalyzer",
    "UnknownPrefixAnalyzer",
    "KnownSuffixAnalyzer",
    "UnknAnalyzer",
}


@cache
def _analyzer() -> Any:
    """Load pymorphy3 once per process: 0.1 s and 15 MB."""
    import pymorphy3
    from pymorphy3.lang import ru

    groups = [group if isinstance(group, list) else [group] for group in ru.DEFAULT_UNITS]
    chosen = [[unit for unit in group if type(unit).__name__ in _UNITS] for group in groups]
    # Plain tuples instead of Parse objects are 1.5 times as fast.
    return pymorphy3.MorphAnalyzer(result_type=None, units=[group for group in chosen if group])
