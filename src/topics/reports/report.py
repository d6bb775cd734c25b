"""What a version is worth, gathered for people: `report.json`, of which the page and the card are made.

Every figure is of articles that the models had not seen. The text of an article is kept only where an answer
was surely wrong, and of it the title and the beginning, as long as `[report] excerpt` says.
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
from topics.quality.slices import Origin, Slice, origin, slices
from topics.rubrics.decisions import chance_of_error
from topics.text.duplicates import groups
from topics.text.tokens import take
from topics.types import Article
from topics.versions.manifest import Manifest

if TYPE_CHECKING:
    from topics.training.learning import Learned

_DRAWS = 500
_SAMPLE = 600
"""Articles over which the weight of words is averaged, all rubrics together."""
_STRONGEST = 14
_MISTAKES = 4
"""Of a kind and a rubric."""
_ARTICLES = 3
"""Articles of the sample that must hold a word before it counts as telling."""


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lemma or two, and what it adds on the average to the log odds where it stands."""

    words: str
    weight: float


class Mistake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An article that was given a rubric wrongly, or was not given it, and the model was sure."""

    id: str
    title: str
    beginning: str
    outlet: str
    date: str
    labels: tuple[str, ...]
    probability: float


class RubricReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rubric: how its scores rank and how true they are, what speaks for it, where it fails."""

    rubric: str
    threshold: float
    curve: tuple[Point, ...]
    """(recall, precision), from the surest article on."""
    reliability: tuple[Bin, ...]
    words_for: tuple[Word, ...]
    words_against: tuple[Word, ...]
    given_wrongly: tuple[Mistake, ...]
    missed: tuple[Mistake, ...]
    goal: dict[str, float] = {}
    """What editors asked for, `precision` or `recall` -> share; else the best F1."""


class Later(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model of the articles of before a day is worth on those from this day on."""

    since: str
    measure: Measure


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the page says; when and of which files a version was trained its manifest knows.

    The same training gives the same report, byte for byte.
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
    """Of all rubrics together."""
    risk_coverage: tuple[Point, ...]
    """(share of the articles that no editor sees, share of these that are wholly right)."""
    confusions: tuple[Confusion, ...]
    slices: dict[str, tuple[Slice, ...]]
    rules: dict[str, tuple[str, ...]]
    """Rubric -> phrases that force, forbid or lift it."""
    later: Later | None = None
    """None: too few articles say when they were written."""
    review_share: float | None = None
    """Of all articles of the training, measured or not, that go to an editor; None before it was told."""


def build(learned: Learned, corpus: Corpus, manifest: Manifest, excerpt: int) -> Report:
    """Gather what there is to say of a training run.

    Args:
        learned: what came of it.
        corpus: gone over once more for the titles of mistakes; standard input cannot be, then there are none.
        manifest: of the version.
        excerpt: characters of the text of a mistake to keep; 0 for no mistakes at all.
    """
    rubrics, thresholds = learned.pipeline.rubrics, learned.pipeline.thresholds
    rows = np.flatnonzero((learned.answers.truth >= 0).any(axis=1))
    answers = learned.answers.take(rows)
    modelled = slice(len(learned.pipeline.classifier.rubrics))  # rubrics with rules only are certain
    errors = chance_of_error(answers.probabilities[:, modelled], answers.given[:, modelled])
    strongest = _strongest(learned)
    mistakes = _mistakes(learned, answers, rows, corpus, excerpt)
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
    counted = answers.take(np.flatnonzero((answers.truth >= 0).any(axis=1)))
    return Later(since, measure(counted, learned.pipeline.rubrics, _DRAWS))


def _slices(learned: Learned, answers: Answers, rows: npt.NDArray[np.intp]) -> dict[str, tuple[Slice, ...]]:
    words = np.diff(learned.material.tokens.offsets)
    material = [learned.material.origins[row] for row in rows]
    origins = [
        origin(outlet, day, int(length)) for (outlet, day), length in zip(material, words[rows], strict=True)
    ]
    rubrics = learned.pipeline.rubrics
    return {
        name: slices([getattr(found, name) for found in origins], answers, rubrics) for name in Origin._fields
    }


def _mistakes(
    learned: Learned, answers: Answers, rows: npt.NDArray[np.intp], corpus: Corpus, excerpt: int
) -> list[tuple[tuple[Mistake, ...], tuple[Mistake, ...]]]:
    """Find, for each rubric, what was given most surely wrongly and what was missed most surely."""
    at = learned.material.places[rows]
    chosen = [_surest(answers, r) for r in range(answers.truth.shape[1])]
    again = excerpt > 0 and all(source.path is not None or source.shown for source in corpus.sources)
    wanted = {int(at[i]) for i in chain.from_iterable(chain.from_iterable(chosen))} if again else set()
    articles = corpus.pick(wanted)

    def described(places: list[int], r: int) -> Iterator[Mistake]:
        for i in places:
            if article := articles.get(int(at[i])):
                yield _mistake(learned, article, float(answers.probabilities[i, r]), excerpt)

    return [
        (tuple(described(wrongly, r)), tuple(described(missed, r)))
        for r, (wrongly, missed) in enumerate(chosen)
    ]


def _surest(answers: Answers, r: int) -> tuple[list[int], list[int]]:
    truth, given, probabilities = answers.truth[:, r], answers.given[:, r], answers.probabilities[:, r]
    wrongly, missed = np.flatnonzero((truth == 0) & given), np.flatnonzero((truth == 1) & ~given)
    return (
        wrongly[np.argsort(-probabilities[wrongly], kind="stable")][:_MISTAKES].tolist(),
        missed[np.argsort(probabilities[missed], kind="stable")][:_MISTAKES].tolist(),
    )


def _mistake(learned: Learned, article: Article, probability: float, excerpt: int) -> Mistake:
    title, text = learned.pipeline.cleaner.clean(article.title, article.text, article.outlet)
    beginning = " ".join(text[: 2 * excerpt].split())
    cut = beginning[:excerpt].rsplit(" ", 1)[0] + " …" if len(beginning) > excerpt else beginning
    labels = tuple(sorted(article.labels.rubrics)) if article.labels else ()
    return Mistake(article.id, title, cut, article.outlet, article.date[:10], labels, probability)


def _strongest(learned: Learned) -> list[tuple[tuple[Word, ...], tuple[Word, ...]]]:
    """Average what each word adds, where it stands, over articles that carry a rubric or come near it.

    This asks the model for its own reasons, article by article, and so holds for any classifier.
    """
    classifier = learned.pipeline.classifier
    sums: dict[str, npt.NDArray[np.float64]] = {}
    counts: dict[str, int] = {}
    for row in _sample(learned):
        article = take(learned.material.tokens, np.array([row]))
        _, contributions = classifier.contributions(article)
        found: dict[str, npt.NDArray[np.float64]] = {}
        for contribution in contributions:
            word = article.lemmas[article.ids[contribution.tokens[0]]]
            found[word] = found.get(word, 0.0) + contribution.weights
        for word, weights in found.items():
            sums[word] = sums.get(word, 0.0) + weights
            counts[word] = counts.get(word, 0) + 1
    names = [word for word, count in counts.items() if count >= _ARTICLES and word[0] != "<"]
    number = np.array([counts[word] for word in names]).reshape(-1, 1)
    weights = np.array([sums[word] for word in names]).reshape(len(names), len(classifier.rubrics)) / number
    strength = weights * np.sqrt(number)  # neither the rare word nor the one that stands everywhere
    strongest = [_ends(names, weights[:, r], strength[:, r]) for r in range(len(classifier.rubrics))]
    return strongest + [((), ())] * (len(learned.pipeline.rubrics) - len(strongest))


def _sample(learned: Learned) -> list[int]:
    """Choose articles of each rubric, half that carry it, half that the model was surest of among others."""
    generator = np.random.default_rng(0)
    chosen: set[int] = set()
    rubrics = len(learned.pipeline.classifier.rubrics)
    each = max(_SAMPLE // (2 * rubrics), 2 * _ARTICLES)
    for r in range(rubrics):
        positives = np.flatnonzero(learned.truth[:, r] == 1)
        chosen.update(generator.permutation(positives)[:each].tolist())
        others = np.flatnonzero(learned.truth[:, r] == 0)
        surest = np.argsort(-learned.answers.probabilities[others, r], kind="stable")
        chosen.update(others[surest][:each].tolist())
    return sorted(chosen)


def _ends(
    names: list[str], weights: npt.NDArray[np.float64], strength: npt.NDArray[np.float64]
) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """Take the words that do most, for and against, the heaviest first."""
    order = np.argsort(-strength, kind="stable")
    best = [Word(names[i], float(weights[i])) for i in order[:_STRONGEST] if weights[i] > 0]
    worst = [Word(names[i], float(weights[i])) for i in order[::-1][:_STRONGEST] if weights[i] < 0]
    return (
        tuple(sorted(best, key=lambda word: -word.weight)),
        tuple(sorted(worst, key=lambda word: word.weight)),
    )
