"""The content of `report.json`, from which the page and the model card are rendered.

All metrics are out of fold. Titles and excerpts of articles are stored for confident mistakes only.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from topics.corpus import Corpus
from topics.quality.curves import (
    Bin,
    Confusion,
    Point,
    confusions,
    precision_recall,
    reliability,
    risk_coverage,
)
from topics.quality.evaluation import Answers
from topics.quality.measuring import Measure, measure
from topics.quality.slices import ArticleSlices, Slice, slices, slices_of
from topics.rubrics.decisions import chance_of_error
from topics.text.duplicates import groups
from topics.text.excerpts import excerpt
from topics.text.tokens import take
from topics.types import Article
from topics.versions.manifest import Manifest

if TYPE_CHECKING:
    from topics.training.learning import Learned

_DRAWS = 500
_SAMPLE = 600
"""Articles over which the weights of words are averaged, for all rubrics together."""
_MAX_WORDS = 14
_MAX_MISTAKES = 4
"""Largest number of mistakes of a kind and a rubric."""
_MIN_ARTICLES = 3
"""Articles of the sample that must contain a word to be listed."""


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lemma or two, and the mean contribution to the log odds in articles with them."""

    words: str
    weight: float


class Mistake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An article with a confident mistake: a rubric given wrongly or missed."""

    id: str
    title: str
    beginning: str
    outlet: str
    date: str
    labels: tuple[str, ...]
    probability: float


class RubricReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Curves, strongest words and mistakes of one rubric."""

    rubric: str
    threshold: float
    curve: tuple[Point, ...]
    """(recall, precision), from the most probable article on."""
    reliability: tuple[Bin, ...]
    words_for: tuple[Word, ...]
    words_against: tuple[Word, ...]
    given_wrongly: tuple[Mistake, ...]
    missed: tuple[Mistake, ...]
    goal: dict[str, float]
    """The goal, `precision` or `recall` -> share; empty if the threshold maximizes F1."""


class Later(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of a model of the articles before a day on those from that day on."""

    since: str
    measure: Measure


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the page, without the date and the sources, which are in the manifest.

    Reproducible byte for byte.
    """

    name: str
    folds: int
    articles: int
    labelled: int
    clean: int
    left_out: dict[str, int]
    whole: Measure
    rubrics: tuple[RubricReport, ...]
    reliability: tuple[Bin, ...]
    """All rubrics together."""
    risk_coverage: tuple[Point, ...]
    """(share of articles not reviewed, share of these with every rubric right)."""
    confusions: tuple[Confusion, ...]
    slices: dict[str, tuple[Slice, ...]]
    rules: dict[str, tuple[str, ...]]
    """Rubric -> phrases of its rules."""
    later: Later | None
    """None if too few articles have a date."""
    review_share: float
    """Share of all training articles, with or without known labels, that are sent to review."""


def build(learned: Learned, corpus: Corpus, manifest: Manifest, excerpt_length: int) -> Report:
    """Build the report of a training run.

    Args:
        learned: the result of the training.
        corpus: read again for the titles of mistakes; standard input cannot be, and has none.
        manifest: of the version.
        excerpt_length: characters of the text of a mistake; 0 to list no mistakes.
    """
    rubrics, thresholds = learned.pipeline.rubrics, learned.pipeline.thresholds
    rows = learned.answers.judged
    answers = learned.answers.take(rows)
    modelled = slice(len(learned.pipeline.classifier.rubrics))  # the others, with rules only, have no errors
    errors = chance_of_error(answers.probabilities[:, modelled], answers.given[:, modelled])
    strongest = _strongest(learned)
    mistakes = _mistakes(learned, answers, rows, corpus, excerpt_length)
    return Report(
        name=manifest.name,
        folds=len(np.unique(learned.folds)),
        articles=manifest.corpus.articles,
        labelled=manifest.corpus.labelled,
        clean=manifest.corpus.clean,
        left_out=manifest.left_out,
        whole=measure(answers, rubrics, _DRAWS, groups(take(learned.material.tokens, rows))),
        rubrics=tuple(
            RubricReport(
                rubric=rubric,
                threshold=float(thresholds[r]),
                curve=precision_recall(answers, r),
                reliability=reliability(answers, r),
                words_for=strongest[r][0],
                words_against=strongest[r][1],
                given_wrongly=mistakes[r][0],
                missed=mistakes[r][1],
                goal=manifest.goals.get(rubric, {}),
            )
            for r, rubric in enumerate(rubrics)
        ),
        reliability=reliability(answers),
        risk_coverage=risk_coverage(answers, errors),
        confusions=confusions(answers, rubrics),
        slices=_slices(learned, answers, rows),
        rules={
            rubric: (*rule.force, *rule.forbid, *rule.lift)
            for rubric, rule in learned.pipeline.rules.rules.items()
        },
        later=_later(learned),
        review_share=float(learned.answers.review.mean()),
    )


def _later(learned: Learned) -> Later | None:
    if learned.later is None:
        return None
    since, answers = learned.later
    return Later(since, measure(answers.take(answers.judged), learned.pipeline.rubrics, _DRAWS))


def _slices(learned: Learned, answers: Answers, rows: npt.NDArray[np.intp]) -> dict[str, tuple[Slice, ...]]:
    words = np.diff(learned.material.tokens.offsets)
    material = [learned.material.origins[row] for row in rows]
    origins = [
        slices_of(outlet, day, int(length))
        for (outlet, day), length in zip(material, words[rows], strict=True)
    ]
    rubrics = learned.pipeline.rubrics
    return {
        name: slices([getattr(each, name) for each in origins], answers, rubrics)
        for name in ArticleSlices._fields
    }


def _mistakes(
    learned: Learned, answers: Answers, rows: npt.NDArray[np.intp], corpus: Corpus, excerpt_length: int
) -> list[tuple[tuple[Mistake, ...], tuple[Mistake, ...]]]:
    """Return the most confident mistakes of each rubric: given wrongly, and missed."""
    places = learned.material.places[rows]
    mistakes = [_confident_mistakes(answers, r) for r in range(answers.truth.shape[1])]
    can_reread = excerpt_length > 0 and all(
        source.path is not None or source.shown for source in corpus.sources
    )
    wanted = (
        {int(places[i]) for i in chain.from_iterable(chain.from_iterable(mistakes))} if can_reread else set()
    )
    articles = corpus.pick(wanted)

    def describe(indices: list[int], r: int) -> Iterator[Mistake]:
        for i in indices:
            if article := articles.get(int(places[i])):
                yield _mistake(learned, article, float(answers.probabilities[i, r]), excerpt_length)

    return [
        (tuple(describe(wrongly, r)), tuple(describe(missed, r)))
        for r, (wrongly, missed) in enumerate(mistakes)
    ]


def _confident_mistakes(answers: Answers, r: int) -> tuple[list[int], list[int]]:
    truth, given, probabilities = answers.truth[:, r], answers.given[:, r], answers.probabilities[:, r]
    wrongly, missed = np.flatnonzero((truth == 0) & given), np.flatnonzero((truth == 1) & ~given)
    return (
        wrongly[np.argsort(-probabilities[wrongly], kind="stable")][:_MAX_MISTAKES].tolist(),
        missed[np.argsort(probabilities[missed], kind="stable")][:_MAX_MISTAKES].tolist(),
    )


def _mistake(learned: Learned, article: Article, probability: float, excerpt_length: int) -> Mistake:
    title, text = learned.pipeline.cleaner.clean(article.title, article.text, article.outlet)
    labels = tuple(sorted(article.labels.rubrics)) if article.labels else ()
    beginning = excerpt(text, excerpt_length)
    return Mistake(article.id, title, beginning, article.outlet, article.date[:10], labels, probability)


def _strongest(learned: Learned) -> list[tuple[tuple[Word, ...], tuple[Word, ...]]]:
    """Return the strongest words for and against each rubric, by their mean contributions.

    Computed from explanations of a sample of articles, so that it works for any classifier.
    """
    classifier = learned.pipeline.classifier
    sums: dict[str, npt.NDArray[np.float64]] = {}
    counts: dict[str, int] = {}
    for row in _sample(learned):
        article = take(learned.material.tokens, np.array([row]))
        _, contributions = classifier.contributions(article)
        by_word: dict[str, npt.NDArray[np.float64]] = {}
        for contribution in contributions:
            word = article.lemmas[article.ids[contribution.tokens[0]]]
            by_word[word] = by_word.get(word, 0.0) + contribution.weights
        for word, weights in by_word.items():
            sums[word] = sums.get(word, 0.0) + weights
            counts[word] = counts.get(word, 0) + 1
    names = [word for word, count in counts.items() if count >= _MIN_ARTICLES and word[0] != "<"]
    number = np.array([counts[word] for word in names]).reshape(-1, 1)
    weights = np.array([sums[word] for word in names]).reshape(len(names), len(classifier.rubrics)) / number
    strength = weights * np.sqrt(number)  # a compromise between rare and frequent words
    strongest = [_strongest_of(names, weights[:, r], strength[:, r]) for r in range(len(classifier.rubrics))]
    return strongest + [((), ())] * (len(learned.pipeline.rubrics) - len(strongest))


def _sample(learned: Learned) -> list[int]:
    """Sample articles of each rubric: half positives, half the most probable negatives."""
    generator = np.random.default_rng(0)
    chosen: set[int] = set()
    rubrics = len(learned.pipeline.classifier.rubrics)
    each = max(_SAMPLE // (2 * rubrics), 2 * _MIN_ARTICLES)
    for r in range(rubrics):
        positives = np.flatnonzero(learned.truth[:, r] == 1)
        chosen.update(generator.permutation(positives)[:each].tolist())
        others = np.flatnonzero(learned.truth[:, r] == 0)
        surest = np.argsort(-learned.answers.probabilities[others, r], kind="stable")
        chosen.update(others[surest][:each].tolist())
    return sorted(chosen)


def _strongest_of(
    names: list[str], weights: npt.NDArray[np.float64], strength: npt.NDArray[np.float64]
) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """Return the strongest words for and against, largest weights first."""
    order = np.argsort(-strength, kind="stable")
    best = [Word(names[i], float(weights[i])) for i in order[:_MAX_WORDS] if weights[i] > 0]
    worst = [Word(names[i], float(weights[i])) for i in order[::-1][:_MAX_WORDS] if weights[i] < 0]
    return (
        tuple(sorted(best, key=lambda word: -word.weight)),
        tuple(sorted(worst, key=lambda word: word.weight)),
    )
