"""Drift in words, for a reader: English or Russian."""

from __future__ import annotations

import re
from typing import Literal

from topics.drift import readings
from topics.drift.comparing import LEAST, LEAST_BEFORE, WORDS, Drift, Finding, Word
from topics.drift.profile import OTHER
from topics.errors import counted
from topics.text.lemmas import MONEY, NUMBER, PERCENT, YEAR

Language = Literal["en", "ru"]
_WORST = 3
"""Alarms told in a line."""
_TOLD = 20
"""Alarms told in sentences: of hundreds of rubrics each may raise two."""
_PROMISED = 10
"""Rubrics of which the expected precision is told."""

_NAMES = {
    "en": {
        WORDS: "what the articles are about (common words)",
        readings.UNKNOWN_WORDS: "share of unknown words",
        readings.LENGTH: "words in an article",
        readings.OUTLETS: "outlets",
        readings.TOPICS: "topics (the foremost of each article)",
        readings.UNTAGGED: "articles without a rubric",
        readings.REVIEW: "articles for review",
        readings.GIVEN: "articles tagged «{}»",
        readings.SCORES: "probabilities of «{}»",
    },
    "ru": {
        WORDS: "о чём статьи (частые слова)",
        readings.UNKNOWN_WORDS: "доля незнакомых слов",
        readings.LENGTH: "слов в статье",
        readings.OUTLETS: "издания",
        readings.TOPICS: "темы (главная в статье)",
        readings.UNTAGGED: "статьи без рубрики",
        readings.REVIEW: "статьи на проверку",
        readings.GIVEN: "статьи с рубрикой «{}»",
        readings.SCORES: "вероятности рубрики «{}»",
    },
}
# What stands in a profile for a kind of word.
_KINDS = {
    "en": {
        NUMBER: "numbers",
        PERCENT: "percentages",
        MONEY: "sums of money",
        YEAR: "years",
    },
    "ru": {
        NUMBER: "числа",
        PERCENT: "проценты",
        MONEY: "суммы денег",
        YEAR: "годы",
    },
}
# What stands in the last bin: of outlets those too small to be named.
_OTHERS = {
    "en": {readings.OUTLETS: "other outlets", readings.TOPICS: "another topic or none"},
    "ru": {readings.OUTLETS: "другие издания", readings.TOPICS: "другая тема или никакой"},
}
_PHRASES = {
    "en": {
        "quiet": "Nothing is out of its usual range: {n} articles against {m}.",
        "few": "Too few articles to tell: {n}; {least} are wanted.",
        "young": "What is usual is not known from {m} articles; {least} are wanted.",
        "over": "the change is {ratio} times the usual limit",
        "beyond": "before, it was {least} to {most}",
        "alarm": "{name}: {how}",
        "more": "Out of their usual range are {n} more measures.",
        "moved": "{name}: {how}: {moved}",
        "share": "{word} ({before} before, {now} now)",
        "mean": "{name}: {before} before, {now} now; {how}",
        "spread": "{name}: {now} on average as before, but the spread is another; {how}",
        "rising": "More frequent: {words}.",
        "falling": "Less frequent: {words}.",
        "word": "{word} (in {before} of the articles before, {now} now)",
        "precision": "«{rubric}»: expected precision {now}, before {before}.",
    },
    "ru": {
        "quiet": "Всё в обычных пределах; статей: {n} против {m}.",
        "few": "Слишком мало статей, чтобы судить: {n}; нужно {least}.",
        "young": "По стольким статьям не узнать, что обычно: {m}; нужно {least}.",
        "over": "изменение в {ratio} раза больше обычного предела",
        "beyond": "раньше бывало от {least} до {most}",
        "alarm": "{name}: {how}",
        "more": "Вне обычных пределов и другие показатели: {n}.",
        "moved": "{name}: {how}: {moved}",
        "share": "{word} (было {before}, стало {now})",
        "mean": "{name}: было {before}, стало {now}; {how}",
        "spread": "{name}: в среднем {now}, как и было, но распределение другое; {how}",
        "rising": "Чаще: {words}.",
        "falling": "Реже: {words}.",
        "word": "{word} (было в {before} статей, стало в {now})",
        "precision": "«{rubric}»: ожидаемая точность {now}, была {before}.",
    },
}


def name_of(measure: str, language: Language) -> str:
    """Name a measure for a reader: `given: economy` -> `статьи с рубрикой «economy»`."""
    for prefix in (readings.GIVEN, readings.SCORES):
        if measure.startswith(prefix):
            return _NAMES[language][prefix].format(measure.removeprefix(prefix))
    return _NAMES[language].get(measure, measure)


def word_of(word: str, language: Language, measure: str = WORDS) -> str:
    """Name what became more or less frequent: `<percent>` -> `проценты`; a word is its own name."""
    if word == OTHER:
        return _OTHERS[language].get(measure, word)
    return _KINDS[language].get(word, word)


def sentences(found: Drift, language: Language = "en") -> list[str]:
    """Say what changed, the worst first; a quiet stream takes one sentence."""
    phrases = _PHRASES[language]
    if found.articles < LEAST:
        return [phrases["few"].format(n=found.articles, least=LEAST)]
    if not found.alarms and found.reference_articles < LEAST_BEFORE:
        return [phrases["young"].format(m=found.reference_articles, least=LEAST_BEFORE)]
    if not found.alarms:
        return [_comma(phrases["quiet"].format(n=found.articles, m=found.reference_articles), language)]
    said = [_sentence(finding, language) for finding in found.alarms[:_TOLD]]
    if len(found.alarms) > _TOLD:
        said.append(phrases["more"].format(n=len(found.alarms) - _TOLD))
    for key, words in (("rising", found.rising), ("falling", found.falling)):
        if words:
            said.append(phrases[key].format(words=", ".join(_word(word, language) for word in words[:8])))
    said += [_promise(*one, language) for one in _fallen(found)]
    return said


def _fallen(found: Drift) -> list[tuple[str, float, float]]:
    """List rubrics with the precision expected now and before; of many those that fell furthest."""
    promised = {one.rubric: one.precision for one in found.before}
    both = [
        (one.rubric, one.precision, before)
        for one in found.expected
        if one.precision is not None and (before := promised.get(one.rubric)) is not None
    ]
    return both if len(both) <= _PROMISED else sorted(both, key=lambda one: one[1] - one[2])[:_PROMISED]


def _promise(rubric: str, now: float, before: float, language: Language) -> str:
    phrase = _PHRASES[language]["precision"]
    return _comma(phrase.format(rubric=rubric, now=f"{now:.2f}", before=f"{before:.2f}"), language)


def briefly(found: Drift) -> str:
    """Say in a line what changed, or what was judged."""
    if not found.alarms and found.reference_articles < LEAST_BEFORE:
        return f"{counted(found.reference_articles, 'article')} are too few to know what is usual"
    if not found.alarms:
        mix_alone = [finding.measure for finding in found.findings] == [readings.TOPICS]
        return f"{'the mix of topics is in' if mix_alone else 'nothing is out of'} its usual range"
    worst = " ".join(_sentence(finding, "en") for finding in found.alarms[:_WORST])
    more = len(found.alarms) - _WORST
    return f"{worst} {more} more." if more > 0 else worst


def _sentence(finding: Finding, language: Language) -> str:
    name = name_of(finding.measure, language)
    values = {"name": name[0].upper() + name[1:], "how": _how(finding, language)}
    phrase = "alarm"
    if finding.before is not None and finding.now is not None:
        before, now = (_figure(finding.measure, value) for value in (finding.before, finding.now))
        values |= {"before": before, "now": now}
        phrase = "spread" if before == now else "mean"
    elif finding.moved:
        moved = [_word(word, language, "share", finding.measure) for word in finding.moved]
        values["moved"] = ", ".join(moved)
        phrase = "moved"
    return _comma(f"{_PHRASES[language][phrase].format_map(values)}.", language)


def _how(finding: Finding, language: Language) -> str:
    """Say how far it went."""
    phrases = _PHRASES[language]
    if finding.is_beyond and finding.least is not None and finding.most is not None:
        least, most = (_figure(finding.measure, value) for value in (finding.least, finding.most))
        return phrases["beyond"].format(least=least, most=most)
    return phrases["over"].format(ratio=f"{finding.ratio:.1f}")


def _figure(measure: str, value: float) -> str:
    return format(value, ".0f" if measure == readings.LENGTH else ".1%")


def _word(word: Word, language: Language, phrase: str = "word", measure: str = WORDS) -> str:
    text = _PHRASES[language][phrase]
    name = word_of(word.word, language, measure)
    return _comma(text.format(word=name, before=f"{word.before:.1%}", now=f"{word.now:.1%}"), language)


def _comma(text: str, language: Language) -> str:
    """Write decimals as the language does: «3,1%»."""
    return re.sub(r"(?<=\d)\.(?=\d)", ",", text) if language == "ru" else text
