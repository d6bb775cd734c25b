"""Interfaces of classifiers and topic models. A new one takes one module and one line in `plugins`.

Every implementation is tested for these properties: the constructor only stores parameters; predictions
before `fit` raise NotFittedError; a saved and loaded model predicts exactly the same; the prediction for an
article does not depend on other articles; the same seed yields the same bytes; an article without known words
is not an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from topics.rubrics.calibration import Truth
from topics.rubrics.decisions import Decisions, Policy
from topics.types import NumberTried, Texts, TokenBatch, Topic, TopicChange
from topics.versions.manifest import TopicMetrics


class OutOfFold(NamedTuple):
    """Margins for training articles, by models that were not trained on them."""

    margins: npt.NDArray[np.float64]
    """(articles, rubrics), by the models of the other folds."""
    folds: npt.NDArray[np.intp]
    """(articles,), fold numbers."""
    later: npt.NDArray[np.float64] | None = None
    """(later articles, rubrics), by a model of the earlier articles; None if `fit` got no `later`."""


class Contribution(NamedTuple):
    """Contribution of one term of an article to each rubric."""

    tokens: tuple[int, ...]
    """Positions of the term among the article's tokens."""
    weights: npt.NDArray[np.float64]
    """(rubrics,), in log odds."""


class Classifier(Protocol):
    """A multi-label classifier with independent rubrics."""

    Settings: ClassVar[type[Any]]
    """Struct of the settings, `[rubrics.settings]` of the configuration."""
    rubrics: tuple[str, ...]
    """Names of the columns of all outputs."""
    decisions: Decisions
    """Learned by `fit` from out-of-fold margins, as `policy` says."""
    out_of_fold: OutOfFold
    """Set by `fit`; not saved."""

    def __init__(self, settings: Any = None, jobs: int = 1) -> None:
        """Store the settings, an instance of `Settings`, and the number of processes."""

    @property
    def policy(self) -> Policy:
        """Decision settings."""
        ...

    def fit(
        self,
        tokens: TokenBatch,
        truth: Truth,
        rubrics: Sequence[str],
        clean: npt.NDArray[np.bool_],
        later: npt.NDArray[np.bool_] | None = None,
    ) -> Self:
        """Fit the classifier.

        Args:
            tokens: n articles.
            truth: (n, rubrics), 1 true, 0 false, -1 unknown; a rubric is trained where it is known.
            rubrics: names of the columns of `truth`.
            clean: (n,), mask of carefully labelled articles.
            later: (n,), mask of articles to be tested with a model of the others as well; see `OutOfFold`.
        """
        ...

    def predict_proba(self, tokens: TokenBatch) -> npt.NDArray[np.float64]:
        """Return calibrated probabilities, shape (articles, rubrics).

        Raises:
            NotFittedError: before `fit`.
        """
        ...

    def unfamiliar(self, tokens: TokenBatch) -> npt.NDArray[np.bool_]:
        """Return which articles have too few known words for a prediction; boolean, shape (articles,)."""
        ...

    def contributions(self, tokens: TokenBatch) -> tuple[npt.NDArray[np.float64], list[Contribution]]:
        """Return the prior log odds of one article, shape (rubrics,), and the contribution of each term."""
        ...

    def save(self, folder: Path) -> None:
        """Write plain files into an existing folder."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: a file is missing, damaged or of another kind.
        """
        ...


class TopicModel(Protocol):
    """A topic model: topics of a corpus, and their shares in articles."""

    Settings: ClassVar[type[Any]]
    """Struct of the settings, `[topics.settings]` of the configuration."""

    def __init__(self, settings: Any = None) -> None:
        """Store the settings, an instance of `Settings`."""

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics, in the order of the columns of `transform`."""
        ...

    changes: tuple[TopicChange, ...]
    """Changes since the previous model, if any."""
    tried: tuple[NumberTried, ...]
    """Candidate numbers of topics, if the number was selected automatically."""

    def distances(self) -> npt.NDArray[np.float64]:
        """Return Hellinger distances between topics, 0 (same) to 1 (disjoint), shape (topics, topics)."""
        ...

    def since(self, before: Self) -> tuple[TopicChange, ...]:
        """Return the changes from another model to this one; topics of both are referred to by id."""
        ...

    def named(self, names: Mapping[int, str]) -> Self:
        """Return the model with topics renamed, id -> name; an empty name resets to the label."""
        ...

    def fit(
        self,
        tokens: TokenBatch,
        texts: Texts | None = None,
        previous: Self | None = None,
        jobs: int = 1,
    ) -> Self:
        """Fit the model.

        Args:
            tokens: n articles.
            texts: returns the texts of given articles, called once; labels are then inflected as in the
                corpus. Without it, labels are lemmas.
            previous: model to start from; its topics keep their ids and names.
            jobs: number of processes for selecting the number of topics.
        """
        ...

    def transform(self, tokens: TokenBatch) -> npt.NDArray[np.float32]:
        """Return topic shares, shape (articles, topics); rows sum to 1, or are 0 without known words.

        Raises:
            NotFittedError: before `fit`.
        """
        ...

    def metrics(self, tokens: TokenBatch, *, by_words: bool = False) -> TopicMetrics:
        """Return quality metrics of the topics, measured on these articles.

        `by_words`: count co-occurrence in windows of words instead of terms, comparable between vocabularies.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write plain files into an existing folder."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: a file is missing, damaged or of another kind.
        """
        ...
