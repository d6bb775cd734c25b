"""Descriptions of drift, from the phrases in section `[drift]` of `templates/ru.toml` and `en.toml`."""

from __future__ import annotations

from topics.drift.comparing import MIN_ARTICLES, MIN_REFERENCE_ARTICLES, WORDS, Drift, Finding, ShareChange
from topics.drift.profile import OTHER
from topics.drift.readings import GIVEN, LENGTH, OUTLETS, SCORES, TOPICS
from topics.errors import counted
from topics.reports.wording import Words, words
from topics.text.lemmas import MONEY, NUMBER, PERCENT, YEAR

_MAX_BRIEF = 3
"""Alarms in a line."""
_MAX_SENTENCES = 20
"""Alarms with a sentence of their own: each of hundreds of rubrics may raise two."""
_MAX_RUBRICS = 10
"""Rubrics whose expected precision is reported."""
_MAX_WORDS = 8
"""Words listed as more frequent, and as less frequent."""


def name_of(measure: str, language: str) -> str:
    """Name a measure for a reader: `given: economy` -> `статьи с рубрикой «economy»`."""
    phrases = words("drift", language)
    for prefix, key in ((GIVEN, "measure_given"), (SCORES, "measure_scores")):
        if measure.startswith(prefix):
            return phrases(key, rubric=measure.removeprefix(prefix))
    return phrases(f"measure_{measure.replace(' ', '_')}")


def word_of(word: str, language: str, measure: str = WORDS) -> str:
    """Name a word, outlet or topic for a reader: `<percent>` -> `проценты`; most names stay as they are."""
    phrases = words("drift", language)
    if word == OTHER and measure in (OUTLETS, TOPICS):
        return phrases(f"other_{measure}")
    return phrases(f"kind_{word[1:-1]}") if word in (NUMBER, PERCENT, MONEY, YEAR) else word


def sentences(drift: Drift, language: str = "en") -> list[str]:
    """Describe what changed, largest change first; one sentence if there are no alarms."""
    phrases = words("drift", language)
    n, m = phrases.count(drift.articles), phrases.count(drift.reference_articles)
    if drift.articles < MIN_ARTICLES:
        return [phrases("say_few", n=n, least=MIN_ARTICLES)]
    if not drift.alarms:
        key = "say_quiet" if drift.reference_articles >= MIN_REFERENCE_ARTICLES else "say_young"
        return [phrases(key, n=n, m=m, least=MIN_REFERENCE_ARTICLES)]
    result = [_sentence(finding, phrases) for finding in drift.alarms[:_MAX_SENTENCES]]
    if len(drift.alarms) > _MAX_SENTENCES:
        result.append(phrases("say_more", n=len(drift.alarms) - _MAX_SENTENCES))
    for key, changed in (("say_rising", drift.rising), ("say_falling", drift.falling)):
        if changed:
            named = [_word(word, phrases, "say_word") for word in changed[:_MAX_WORDS]]
            result.append(phrases(key, words=", ".join(named)))
    for rubric, now, before in _precision_drops(drift):
        result.append(
            phrases("say_precision", rubric=rubric, now=phrases.number(now), before=phrases.number(before))
        )
    return result


def briefly(drift: Drift) -> str:
    """Describe in one line of English what changed, or what was compared."""
    if not drift.alarms and drift.reference_articles < MIN_REFERENCE_ARTICLES:
        return f"{counted(drift.reference_articles, 'article')} are too few to establish a usual range"
    if not drift.alarms:
        topics_only = [finding.measure for finding in drift.findings] == [TOPICS]
        return f"{'the mix of topics is within' if topics_only else 'nothing is outside'} its usual range"
    phrases = words("drift", "en")
    worst = " ".join(_sentence(finding, phrases) for finding in drift.alarms[:_MAX_BRIEF])
    more = len(drift.alarms) - _MAX_BRIEF
    return f"{worst} {more} more." if more > 0 else worst


def _precision_drops(drift: Drift) -> list[tuple[str, float, float]]:
    """Return rubrics with the expected precision now and before; of many, those with the largest drops."""
    reference = {expected.rubric: expected.precision for expected in drift.before}
    drops = [
        (expected.rubric, expected.precision, before)
        for expected in drift.expected
        if expected.precision is not None and (before := reference.get(expected.rubric)) is not None
    ]
    return drops if len(drops) <= _MAX_RUBRICS else sorted(drops, key=lambda d: d[1] - d[2])[:_MAX_RUBRICS]


def _sentence(finding: Finding, phrases: Words) -> str:
    name = name_of(finding.measure, phrases.language)
    values = {"name": name[0].upper() + name[1:], "how": _magnitude(finding, phrases)}
    if finding.before is not None and finding.now is not None:
        before, now = (_figure(finding.measure, value, phrases) for value in (finding.before, finding.now))
        return phrases("say_spread" if before == now else "say_mean", before=before, now=now, **values)
    if finding.moved:
        moved = [_word(word, phrases, "say_share", finding.measure) for word in finding.moved]
        return phrases("say_moved", moved=", ".join(moved), **values)
    return phrases("say_alarm", **values)


def _magnitude(finding: Finding, phrases: Words) -> str:
    """Describe the size of a change."""
    if finding.is_beyond and finding.least is not None and finding.most is not None:
        least, most = (_figure(finding.measure, value, phrases) for value in (finding.least, finding.most))
        return phrases("say_beyond", least=least, most=most)
    return phrases("say_over", ratio=phrases.number(finding.ratio, 1))


def _figure(measure: str, value: float, phrases: Words) -> str:
    return phrases.number(value, 0) if measure == LENGTH else phrases.share(value, 1)


def _word(word: ShareChange, phrases: Words, key: str, measure: str = WORDS) -> str:
    name = word_of(word.word, phrases.language, measure)
    return phrases(key, word=name, before=phrases.share(word.before, 1), now=phrases.share(word.now, 1))
