"""What is versioned: cleaning, tokens and an estimator in one, so that training and use never differ."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Literal, Self

import msgspec
import numpy as np

from topics import persistence, plugins
from topics.boilerplate import Boilerplate
from topics.cleaning import Cleaner
from topics.errors import UsageError, listed
from topics.estimator import Classifier, Contribution
from topics.tokens import spans, tokenize
from topics.types import Article, Explanation, Place, Prediction, Reason, Score, TokenBatch


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    classifier: str
    drop_recaps: bool
    skipped_rules: tuple[str, ...]


class Pipeline:
    """Articles in, predictions out."""

    def __init__(self, cleaner: Cleaner, classifier: Classifier, kind: str = "linear") -> None:
        self.cleaner = cleaner
        self.classifier = classifier
        self.kind = kind

    def read(self, articles: Sequence[Article]) -> TokenBatch:
        """Clean and tokenize."""
        return read(self.cleaner, articles)

    def predict(self, articles: Sequence[Article], model: str = "") -> list[Prediction]:
        """Tag articles, in order; `model` is the version to be named in the predictions."""
        rubrics, decisions = self.classifier.rubrics, self.classifier.decisions
        probabilities = self.classifier.predict_proba(self.read(articles))
        order = np.argsort(-probabilities, axis=1, kind="stable").tolist()
        given = decisions.given(probabilities).tolist()
        doubtful = decisions.doubtful(probabilities).tolist()
        rounded = probabilities.round(4).tolist()
        return [
            Prediction(
                id=article.id,
                rubrics=tuple([Score(rubrics[r], values[r]) for r in best_first if holds[r]]),
                scores={rubrics[r]: values[r] for r in best_first},
                needs_review=review,
                model=model,
            )
            for article, values, best_first, holds, review in zip(
                articles, rounded, order, given, doubtful, strict=True
            )
        ]

    def explain(self, article: Article, rubric: str, model: str = "") -> Explanation:
        """Say which words of one article speak for a rubric, and which against it.

        Raises:
            UsageError: the version knows no such rubric.
        """
        if rubric not in self.classifier.rubrics:
            known = listed(self.classifier.rubrics)
            raise UsageError(f"the model knows no rubric {rubric!r}; it knows {known}")
        at = self.classifier.rubrics.index(rubric)
        title, text = self.cleaner.clean(article.title, article.text, article.outlet)
        tokens = tokenize([title], [text])
        prior, contributions = self.classifier.contributions(tokens)
        probabilities = self.classifier.predict_proba(tokens)
        return Explanation(
            rubric=rubric,
            probability=round(float(probabilities[0, at]), 4),
            threshold=round(self.classifier.decisions.thresholds[at], 4),
            given=bool(self.classifier.decisions.given(probabilities)[0, at]),
            prior=float(prior[at]),
            reasons=_reasons(title, text, contributions, at),
            title=title,
            text=text,
            model=model,
        )

    def save(self, folder: Path) -> None:
        """Write plain files into an existing folder."""
        saved = _Saved(self.kind, self.cleaner.drop_recaps, self.cleaner.skip)
        persistence.write_struct(folder / "pipeline.json", saved)
        persistence.write_struct(folder / "boilerplate.json", self.cleaner.boilerplate.to_json())
        self.classifier.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: a file is missing, damaged or of another kind.
        """
        saved = persistence.read_struct(folder / "pipeline.json", _Saved)
        repeated = persistence.read_struct(folder / "boilerplate.json", dict[str, list[str]])
        cleaner = Cleaner(saved.drop_recaps, saved.skipped_rules, Boilerplate.from_json(repeated))
        return cls(cleaner, plugins.CLASSIFIERS.load(saved.classifier).load(folder), saved.classifier)


def read(cleaner: Cleaner, articles: Sequence[Article]) -> TokenBatch:
    """Clean and tokenize articles."""
    cleaned = [cleaner.clean(article.title, article.text, article.outlet) for article in articles]
    return tokenize([title for title, _ in cleaned], [text for _, text in cleaned])


def _reasons(title: str, text: str, contributions: list[Contribution], at: int) -> tuple[Reason, ...]:
    """Gather what terms add by the words that a reader sees: «завода» and «заводов» stand apart."""
    places = list(chain(_places("title", title), _places("text", text)))
    weights: dict[str, float] = {}
    found: dict[str, list[Place]] = {}
    for contribution in contributions:
        share = float(contribution.weights[at]) / len(contribution.tokens)
        for token in contribution.tokens:
            place = _join(places[token], places[token + contribution.length - 1])
            words = (title if place.part == "title" else text)[place.start : place.stop].lower()
            weights[words] = weights.get(words, 0.0) + share
            if place not in found.setdefault(words, []):
                found[words].append(place)
    heaviest = sorted(weights, key=lambda words: -abs(weights[words]))
    return tuple(Reason(words, weights[words], tuple(sorted(found[words], key=_order))) for words in heaviest)


def _places(part: Literal["title", "text"], text: str) -> list[Place]:
    return [Place(part, span.start, span.stop) for span in spans(text)]


def _join(first: Place, last: Place) -> Place:
    """Cover a phrase; one that begins in the title and ends in the text is shown by its beginning."""
    return Place(first.part, first.start, last.stop) if first.part == last.part else first


def _order(place: Place) -> tuple[bool, int]:
    return place.part == "text", place.start
