"""Drift in sentences; the phrases stand in the section `[drift]` of `templates/ru.toml` and `en.toml`."""

from __future__ import annotations

from topics.drift.comparing import MIN_ARTICLES, MIN_REFERENCE_ARTICLES, WORDS, Drift, Finding, ShareChange
from topics.drift.profile import OTHER
from topics.drift.readings import GIVEN, LENGTH, OUTLETS, SCORES, TOPICS
from topics.errors import counted
from topics.reports.wording import Words, words
from topics.text.lemmas import MONEY, NUMBER, PERCENT, YEAR

_WORST = 3
"""Alarms named in a line."""
_TOLD = 20
"""Alarms that get a sentence of their own: each of hundreds of rubrics may raise two."""
_PROMISED = 10
"""Rubrics whose expected precision is reported."""
_CHANGED = 8
"""Words named as more frequent, and as less frequent."""


def name_of(measure: str, language: str) -> str:
    """Name a measure for a reader: `given: economy` -> `статьи с рубрикой «economy»`."""
    said = words("drift", language)
    for prefix, key in ((GIVEN, "measure_given"), (SCORES, "measure_scores")):
        if measure.startswith(prefix):
            return said(key, rubric=measure.removeprefix(prefix))
    return said(f"measure_{measure.replace(' ', '_')}")


def word_of(word: str, language: str, measure: str = WORDS) -> str:
    """Name what became more or less frequent: `<percent>` -> `проценты`; a word is its own name."""
    said = words("drift", language)
    if word == OTHER and measure in (OUTLETS, TOPICS):
        return said(f"other_{measure}")
    return said(f"kind_{word[1:-1]}") if word in (NUMBER, PERCENT, MONEY, YEAR) else word


def sentences(found: Drift, language: str = "en") -> list[str]:
    """Say what changed, the largest change first; a quiet stream takes one sentence."""
    said = words("drift", language)
    n, m = said.count(found.articles), said.count(found.reference_articles)
    if found.articles < MIN_ARTICLES:
        return [said("say_few", n=n, least=MIN_ARTICLES)]
    if not found.alarms:
        key = "say_quiet" if found.reference_articles >= MIN_REFERENCE_ARTICLES else "say_young"
        return [said(key, n=n, m=m, least=MIN_REFERENCE_ARTICLES)]
    told = [_sentence(finding, said) for finding in found.alarms[:_TOLD]]
    if len(found.alarms) > _TOLD:
        told.append(said("say_more", n=len(found.alarms) - _TOLD))
    for key, changed in (("say_rising", found.rising), ("say_falling", found.falling)):
        if changed:
            named = [_word(word, said, "say_word") for word in changed[:_CHANGED]]
            told.append(said(key, words=", ".join(named)))
    for rubric, now, before in _fallen(found):
        told.append(said("say_precision", rubric=rubric, now=said.number(now), before=said.number(before)))
    return told


def briefly(found: Drift) -> str:
    """Say in one line of English what changed, or what was compared."""
    if not found.alarms and found.reference_articles < MIN_REFERENCE_ARTICLES:
        return f"{counted(found.reference_articles, 'article')} are too few to know what is usual"
    if not found.alarms:
        mix_alone = [finding.measure for finding in found.findings] == [TOPICS]
        return f"{'the mix of topics is in' if mix_alone else 'nothing is out of'} its usual range"
    said = words("drift", "en")
    worst = " ".join(_sentence(finding, said) for finding in found.alarms[:_WORST])
    more = len(found.alarms) - _WORST
    return f"{worst} {more} more." if more > 0 else worst


def _fallen(found: Drift) -> list[tuple[str, float, float]]:
    """List rubrics with the precision expected now and before; of many, those that fell furthest."""
    promised = {one.rubric: one.precision for one in found.before}
    both = [
        (one.rubric, one.precision, before)
        for one in found.expected
        if one.precision is not None and (before := promised.get(one.rubric)) is not None
    ]
    return both if len(both) <= _PROMISED else sorted(both, key=lambda one: one[1] - one[2])[:_PROMISED]


def _sentence(finding: Finding, said: Words) -> str:
    name = name_of(finding.measure, said.language)
    values = {"name": name[0].upper() + name[1:], "how": _how(finding, said)}
    if finding.before is not None and finding.now is not None:
        before, now = (_figure(finding.measure, value, said) for value in (finding.before, finding.now))
        return said("say_spread" if before == now else "say_mean", before=before, now=now, **values)
    if finding.moved:
        moved = [_word(word, said, "say_share", finding.measure) for word in finding.moved]
        return said("say_moved", moved=", ".join(moved), **values)
    return said("say_alarm", **values)


def _how(finding: Finding, said: Words) -> str:
    """Say how far it went."""
    if finding.is_beyond and finding.least is not None and finding.most is not None:
        least, most = (_figure(finding.measure, value, said) for value in (finding.least, finding.most))
        return said("say_beyond", least=least, most=most)
    return said("say_over", ratio=said.number(finding.ratio, 1))


def _figure(measure: str, value: float, said: Words) -> str:
    return said.number(value, 0) if measure == LENGTH else said.share(value, 1)


def _word(word: ShareChange, said: Words, key: str, measure: str = WORDS) -> str:
    name = word_of(word.word, said.language, measure)
    return said(key, word=name, before=said.share(word.before, 1), now=said.share(word.now, 1))
