"""The versioned pipeline: cleaning, tokenization and classifier in one, the same in training and use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Literal, Self

import msgspec
import numpy as np

from topics import persistence, plugins
from topics.errors import ModelError, UsageError, listed
from topics.estimator import Classifier, Contribution
from topics.rubrics.calibration import log_odds
from topics.rubrics.rules import PRIOR, THRESHOLD, Judgement, Rule, Rules
from topics.text.boilerplate import Boilerplate
from topics.text.cleaning import Cleaner
from topics.text.lemmas import lemmas, says_little
from topics.text.lexicon import Met
from topics.text.tokens import spans, tokenize
from topics.types import (
    Article,
    Decider,
    Explanation,
    FiredRule,
    Place,
    Prediction,
    Reason,
    ReviewReason,
    Score,
    TokenBatch,
)


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    classifier: str


class _SavedCleaner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    drop_recaps: bool
    skipped_rules: tuple[str, ...]


class Pipeline:
    """Articles in, predictions out."""

    def __init__(
        self, cleaner: Cleaner, classifier: Classifier, kind: str = "linear", rules: Rules | None = None
    ) -> None:
        self.cleaner = cleaner
        self.classifier = classifier
        self.kind = kind
        self.rules = rules or Rules()

    @property
    def rubrics(self) -> tuple[str, ...]:
        """Names of the columns of all outputs: rubrics with a model, then those with rules only."""
        return (*self.classifier.rubrics, *self.rules.beside(self.classifier.rubrics))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Probability from which on each of `rubrics` is assigned."""
        alone = len(self.rubrics) - len(self.classifier.rubrics)
        return (*self.classifier.decisions.thresholds, *(THRESHOLD,) * alone)

    def read(self, articles: Sequence[Article]) -> TokenBatch:
        """Clean and tokenize articles."""
        return read(self.cleaner, articles)

    def judge(self, tokens: TokenBatch) -> Judgement:
        """Predict and apply the rules; unfamiliar articles are marked for review."""
        model, hits = self.classifier, self.rules.hits(tokens)
        judgement = self.rules.judge(model.predict_proba(tokens), model.decisions, model.rubrics, hits)
        judgement.review[model.unfamiliar(tokens)] = True
        return judgement

    def predict(
        self, articles: Sequence[Article], model: str = "", judgement: Judgement | None = None
    ) -> list[Prediction]:
        """Tag articles, in order.

        Args:
            articles: to tag.
            model: label of the version, copied to the predictions.
            judgement: result of `judge` for these articles, if already computed.
        """
        rubrics, width = self.rubrics, len(self.rubrics)
        probabilities, given, review = judgement or self.judge(self.read(articles))
        order = np.argsort(-probabilities, axis=1, kind="stable")
        # Flat: one list per article would trigger garbage collections over all loaded objects.
        best_first = order.ravel().tolist()
        values = np.take_along_axis(probabilities, order, axis=1).round(4).ravel().tolist()
        holds = np.take_along_axis(given, order, axis=1).ravel().tolist()
        predictions = []
        for at, (article, doubtful) in enumerate(zip(articles, review.tolist(), strict=True)):
            here = slice(at * width, at * width + width)
            names = [rubrics[r] for r in best_first[here]]
            scores = dict(zip(names, values[here], strict=True))
            scored = zip(scores.items(), holds[here], strict=True)
            predictions.append(
                Prediction(
                    id=article.id,
                    rubrics=tuple([Score(*score) for score, held in scored if held]),
                    scores=scores,
                    needs_review=doubtful,
                    model=model,
                )
            )
        return predictions

    def explain(self, article: Article, rubric: str, model: str = "") -> Explanation:
        """Explain the decision on one rubric for an article by the contributions of its words.

        Raises:
            UsageError: unknown rubric.
        """
        if rubric not in self.rubrics:
            raise UsageError(f"unknown rubric {rubric!r}; known rubrics: {listed(self.rubrics)}")
        at = self.rubrics.index(rubric)
        title, text = self.cleaner.clean(article.title, article.text, article.outlet)
        tokens = tokenize([title], [text])
        places = list(chain(_places("title", title), _places("text", text)))
        judgement = self.judge(tokens)
        prior, threshold = PRIOR, THRESHOLD
        reasons: tuple[Reason, ...] = ()
        if at < len(self.classifier.rubrics):
            priors, contributions = self.classifier.contributions(tokens)
            prior, threshold = float(priors[at]), self.classifier.decisions.thresholds[at]
            reasons = _reasons(title, text, places, contributions, at)
        odds = log_odds(np.array([judgement.probabilities[0, at], threshold]))
        given, fired = bool(judgement.given[0, at]), _fired(self.rules, rubric, tokens, places)
        above = bool(judgement.probabilities[0, at] >= threshold)
        decided_by = _decided_by(given, above, fired)
        return Explanation(
            rubric=rubric,
            probability=round(float(judgement.probabilities[0, at]), 4),
            threshold=round(threshold, 4),
            distance=round(float(odds[0] - odds[1]), 4),
            given=given,
            prior=prior,
            reasons=reasons,
            rules=fired,
            title=title,
            text=text,
            model=model,
            decided_by=decided_by,
            review=_review(bool(judgement.review[0]), bool(self.classifier.unfamiliar(tokens)[0])),
        )

    def save(self, folder: Path) -> None:
        """Write plain files into an existing folder."""
        persistence.write_struct(folder / "pipeline.json", _Saved(self.kind))
        save_cleaner(self.cleaner, folder)
        persistence.write_struct(folder / "rules.json", self.rules.rules)
        self.classifier.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: a file is missing, damaged or of another kind.
        """
        name = persistence.read_struct(folder / "pipeline.json", _Saved).classifier
        written = persistence.read_struct(folder / "rules.json", dict[str, Rule])
        with settings_of(folder):
            rules, kind = Rules(written), plugins.CLASSIFIERS.load(name)
        return cls(load_cleaner(folder), kind.load(folder), name, rules)


@contextmanager
def settings_of(folder: Path) -> Iterator[None]:
    """Convert UsageError, raised for settings read from a version, to ModelError."""
    try:
        yield
    except UsageError as error:
        raise ModelError(f"{folder}: {error}; {persistence.REMEDY}") from error


def save_cleaner(cleaner: Cleaner, folder: Path) -> None:
    """Write the settings, `cleaning.json`, and the learned boilerplate, `boilerplate.json`."""
    persistence.write_struct(folder / "cleaning.json", _SavedCleaner(cleaner.drop_recaps, cleaner.skip))
    persistence.write_struct(folder / "boilerplate.json", cleaner.boilerplate.to_json())


def load_cleaner(folder: Path) -> Cleaner:
    """Read what `save_cleaner` wrote.

    Raises:
        ModelError: a file is missing, damaged or of another kind.
    """
    saved = persistence.read_struct(folder / "cleaning.json", _SavedCleaner)
    repeated = persistence.read_struct(folder / "boilerplate.json", dict[str, list[str]])
    with settings_of(folder):
        return Cleaner(saved.drop_recaps, saved.skipped_rules, Boilerplate.from_json(repeated))


def read(cleaner: Cleaner, articles: Sequence[Article], met: Met | None = None) -> TokenBatch:
    """Clean and tokenize articles; words are appended to `met`, see `Lexicon.read`."""
    titles, texts = [], []
    for article in articles:
        title, text = cleaner.clean(article.title, article.text, article.outlet)
        titles.append(title)
        texts.append(text)
    return tokenize(titles, texts, met)


_TELLING = 100
"""Number of reasons considered, the heaviest ones."""


def telling(explanation: Explanation, sign: int, most: int) -> list[str]:
    """Return up to `most` words that contribute most for a rubric (sign 1) or against it (sign -1).

    Forms of a word, such as «цена», «цен» and «ценам», are summed up and represented by the heaviest one.
    Function words, such as «на», are listed in `reasons`, but left out here.
    """
    reasons = [reason for reason in explanation.reasons if reason.weight * sign > 0]
    forms: dict[tuple[str, ...], list[Reason]] = {}
    for reason in reasons[:_TELLING]:
        word = tuple(chain.from_iterable(map(lemmas, reason.words.split())))
        forms.setdefault(word, []).append(reason)
    heaviest = sorted(forms.values(), key=lambda group: -sum(abs(reason.weight) for reason in group))
    words = (group[0].words for group in heaviest)
    return list(islice((word for word in words if not says_little(word)), most))


def _fired(rules: Rules, rubric: str, tokens: TokenBatch, places: list[Place]) -> tuple[FiredRule, ...]:
    """Return the phrases of a rubric that occur in one article, with their positions."""
    return tuple(
        FiredRule(
            phrase.words,
            phrase.effect,
            phrase.weight,
            tuple(_join(places[at], places[at + len(phrase.lemmas) - 1]) for at in starts.tolist()),
        )
        for phrase, starts in zip(rules.phrases, rules.places(tokens), strict=True)
        if phrase.rubric == rubric and len(starts)
    )


def _decided_by(given: bool, above: bool, fired: tuple[FiredRule, ...]) -> Decider:
    """Return what decided whether the rubric is assigned."""
    if any(rule.effect != "lift" for rule in fired):
        return "rule"
    if given == above:
        return "threshold"
    return "min_rubrics" if given else "max_rubrics"


def _review(needed: bool, unfamiliar: bool) -> ReviewReason:
    """Return why the article needs review; empty if it does not."""
    if not needed:
        return ""
    return "unfamiliar" if unfamiliar else "doubt"


def _reasons(
    title: str, text: str, places: list[Place], contributions: list[Contribution], at: int
) -> tuple[Reason, ...]:
    """Sum up contributions by words as written; «завода» and «заводов» are separate reasons."""
    weights: dict[str, float] = {}
    found: dict[str, dict[Place, None]] = {}  # a dict, since a word may occur ten thousand times
    for contribution in contributions:
        share = float(contribution.weights[at]) / len(contribution.tokens)
        for token in contribution.tokens:
            place = places[token]
            words = (title if place.part == "title" else text)[place.start : place.stop].lower()
            weights[words] = weights.get(words, 0.0) + share
            found.setdefault(words, {})[place] = None
    heaviest = sorted(weights, key=lambda words: -abs(weights[words]))
    return tuple(Reason(words, weights[words], tuple(sorted(found[words], key=_order))) for words in heaviest)


def _places(part: Literal["title", "text"], text: str) -> list[Place]:
    return [Place(part, _whole(text, start, stop), stop) for start, stop in spans(text).tolist()]


_FRACTION = re.compile(r"(?:\d+[,.])+\Z")


def _whole(text: str, start: int, stop: int) -> int:
    """Return the start of a number: in «6,2%» the token is «2%», since a comma separates words."""
    if "%" not in text[start:stop] or text[start - 1 : start] not in (",", "."):
        return start
    before = _FRACTION.search(text, max(0, start - 15), start)
    return before.start() if before else start


def _join(first: Place, last: Place) -> Place:
    """Return the place of a phrase from its first and last word; across parts, that of the first word."""
    return Place(first.part, first.start, last.stop) if first.part == last.part else first


def _order(place: Place) -> tuple[bool, int]:
    return place.part == "text", place.start
