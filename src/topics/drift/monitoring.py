"""The monitoring job: does a stream still look like what a version was trained on?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np

from topics.corpus import Corpus
from topics.drift import profile
from topics.drift.comparing import Drift, Finding, Word, drift
from topics.drift.profile import Profile, Readings
from topics.errors import DataError
from topics.pipeline import Pipeline
from topics.rubrics.rules import Judgement
from topics.text.tokens import concatenate
from topics.types import Article, TokenBatch
from topics.versions.registry import Version

Watch = Callable[[str, int], None]
Language = Literal["en", "ru"]


class Report(msgspec.Struct, frozen=True):
    """What `monitor` found."""

    model: str
    sources: tuple[str, ...]
    compared_with: str
    """`training`, or the sources named as reference."""
    since: str
    """First and last date of what it was compared with."""
    until: str
    reference_articles: int
    rejects: int
    before: tuple[profile.Expected, ...]
    """What the version's probabilities promised of the articles it was compared with."""
    drift: Drift

    @property
    def alarmed(self) -> bool:
        """Whether anything is out of its usual range."""
        return bool(self.drift.alarms)


class Observer:
    """Gathers what a stream looks like, batch by batch; of the texts nothing is kept."""

    def __init__(self, pipeline: Pipeline, reference: Profile) -> None:
        self.pipeline = pipeline
        self.reference = reference
        self._known = frozenset(reference.words)
        self._parts: list[Readings] = []
        self._words: Counter[str] = Counter()

    def add(self, articles: Sequence[Article], tokens: TokenBatch, judgement: Judgement) -> None:
        """Take a batch: articles, their tokens, and what the version said of them."""
        if not articles:
            return
        lemmas = tokens.lemmas
        held = np.bincount(profile.held_by(tokens).indices, minlength=len(lemmas))
        self._words.update({lemmas[i]: int(held[i]) for i in np.flatnonzero(held).tolist()})
        is_unknown = np.array([lemma not in self._known for lemma in lemmas], bool)
        outlets = [article.outlet for article in articles]
        self._parts.append(
            profile.read(tokens, is_unknown[tokens.ids], outlets, judgement, self.pipeline.rubrics)
        )

    def drift(self) -> Drift:
        """Hold what was gathered against the reference.

        Raises:
            DataError: nothing was gathered.
        """
        if not self._parts:
            raise DataError("no article could be read; there is nothing to compare")
        return drift(self.reference, profile.join(self._parts), self._words, self.pipeline.rubrics)


def monitor(
    corpus: Corpus,
    version: Version,
    reference: Corpus | None = None,
    watch: Watch = lambda stage, done: None,
) -> Report:
    """Compare a stream with what a version was trained on.

    Args:
        corpus: the stream; labels are not looked at.
        version: as the registry opened it.
        reference: articles to compare with instead, of a time when all was well. Its tokens are held in
            memory.
        watch: told of the progress.

    Raises:
        DataError: there is no article to compare.
        ModelError: the version keeps no profile, and there is no reference.
        UsageError: the version knows topics, not rubrics.
    """
    version.manifest.rubric_figures()
    pipeline = Pipeline.load(version.folder)
    base = _profile(reference, pipeline, watch) if reference else profile.load(version.folder)
    observer, rejects, done = Observer(pipeline, base), 0, 0
    for batch in corpus.batches():
        tokens = pipeline.read(batch.articles)
        observer.add(batch.articles, tokens, pipeline.judge(tokens))
        rejects += len(batch.rejects)
        done += len(batch.articles)
        watch("monitoring", done)
    return Report(
        model=version.label,
        sources=tuple(source.name for source in corpus.sources),
        compared_with=", ".join(source.name for source in reference.sources) if reference else "training",
        since=base.facts.since[:10],
        until=base.facts.until[:10],
        reference_articles=base.articles,
        rejects=rejects,
        before=base.facts.expected,
        drift=observer.drift(),
    )


def _profile(corpus: Corpus, pipeline: Pipeline, watch: Watch) -> Profile:
    tokens: list[TokenBatch] = []
    judgements: list[Judgement] = []
    articles: list[tuple[str, str]] = []
    for batch in corpus.batches():
        part = pipeline.read(batch.articles)
        tokens.append(part)
        judgements.append(pipeline.judge(part))
        articles.extend((article.date, article.outlet) for article in batch.articles)
        watch("reading the reference", len(articles))
    if not articles:
        raise DataError("no article of the reference could be read; there is nothing to compare with")
    dates, outlets = zip(*articles, strict=True)
    judgement = Judgement(*map(np.concatenate, zip(*judgements, strict=True)))
    return profile.describe(concatenate(tokens), dates, outlets, judgement, pipeline.rubrics)


_NAMES = {
    "en": {
        profile.WORDS: "what the articles are about (common words)",
        profile.UNKNOWN_WORDS: "share of unknown words",
        profile.LENGTH: "words in an article",
        profile.OUTLETS: "outlets",
        profile.UNTAGGED: "articles without a rubric",
        profile.REVIEW: "articles for review",
        profile.GIVEN: "articles tagged «{}»",
        profile.SCORES: "probabilities of «{}»",
    },
    "ru": {
        profile.WORDS: "о чём статьи (частые слова)",
        profile.UNKNOWN_WORDS: "доля незнакомых слов",
        profile.LENGTH: "слов в статье",
        profile.OUTLETS: "издания",
        profile.UNTAGGED: "статьи без рубрики",
        profile.REVIEW: "статьи на проверку",
        profile.GIVEN: "статьи с рубрикой «{}»",
        profile.SCORES: "вероятности рубрики «{}»",
    },
}
_PHRASES = {
    "en": {
        "quiet": "Nothing is out of its usual range: {n} articles against {m}.",
        "alarm": "{name}: changed, {ratio} times the usual limit",
        "mean": "{name}: {before} before, {now} now; the change is {ratio} times the usual limit",
        "rising": "More frequent: {words}.",
        "falling": "Less frequent: {words}.",
        "word": "{word} (in {before} of the articles before, {now} now)",
        "precision": "«{rubric}»: expected precision {now}, before {before}.",
    },
    "ru": {
        "quiet": "Всё в обычных пределах: {n} статей против {m}.",
        "alarm": "{name}: изменение, в {ratio} раза больше обычного предела",
        "mean": "{name}: было {before}, стало {now}; изменение в {ratio} раза больше обычного предела",
        "rising": "Чаще: {words}.",
        "falling": "Реже: {words}.",
        "word": "{word} (было в {before} статей, стало в {now})",
        "precision": "«{rubric}»: ожидаемая точность {now}, была {before}.",
    },
}


def name_of(measure: str, language: Language) -> str:
    """Name a measure for a reader: `given: economy` -> `статьи с рубрикой «economy»`."""
    for prefix in (profile.GIVEN, profile.SCORES):
        if measure.startswith(prefix):
            return _NAMES[language][prefix].format(measure.removeprefix(prefix))
    return _NAMES[language].get(measure, measure)


def sentences(report: Report, language: Language = "en") -> list[str]:
    """Say what changed, the worst first; a quiet stream takes one sentence."""
    phrases, found = _PHRASES[language], report.drift
    if not found.alarms:
        return [_comma(phrases["quiet"].format(n=found.articles, m=report.reference_articles), language)]
    said = [_sentence(finding, language) for finding in found.alarms]
    for key, words in (("rising", found.rising), ("falling", found.falling)):
        if words:
            said.append(phrases[key].format(words=", ".join(_word(word, language) for word in words[:8])))
    promised = {one.rubric: one.precision for one in report.before}
    for one in found.expected:
        before = promised.get(one.rubric)
        if one.precision is not None and before is not None:
            text = phrases["precision"].format(
                rubric=one.rubric, now=f"{one.precision:.2f}", before=f"{before:.2f}"
            )
            said.append(_comma(text, language))
    return said


def _sentence(finding: Finding, language: Language) -> str:
    name = name_of(finding.measure, language)
    name = name[0].upper() + name[1:]
    values = {"name": name, "ratio": f"{finding.distance / (finding.limit or 1):.1f}"}
    if finding.before is not None and finding.now is not None:
        shown = ".0f" if finding.measure == profile.LENGTH else ".1%"
        values |= {"before": format(finding.before, shown), "now": format(finding.now, shown)}
    text = _PHRASES[language]["mean" if "now" in values else "alarm"].format_map(values)
    return _comma(f"{text}.", language)


def _word(word: Word, language: Language) -> str:
    text = _PHRASES[language]["word"]
    return _comma(text.format(word=word.word, before=f"{word.before:.1%}", now=f"{word.now:.1%}"), language)


def _comma(text: str, language: Language) -> str:
    """Write decimals as the language does: «3,1%»."""
    return re.sub(r"(?<=\d)\.(?=\d)", ",", text) if language == "ru" else text
