"""The contract: what a classifier and a topic model can do. A new one is one file and one line in `plugins`.

Laws, which tests hold every one of them to: the constructor only stores parameters; an answer before `fit`
raises NotFittedError; a saved and loaded one answers exactly alike; an answer depends on its article alone,
not on its neighbours; the same seed gives the same bytes; an article of no known word is no error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from topics.rubrics.calibration import Truth
from topics.rubrics.decisions import Decisions
from topics.types import NumberTried, Texts, TokenBatch, Topic, TopicChange
from topics.versions.manifest import TopicMetrics


class OutOfFold(NamedTuple):
    """What a classifier said of its training articles while it had not seen them."""

    margins: npt.NDArray[np.float64]
    """(articles, rubrics), by the model of the other folds."""
    folds: npt.NDArray[np.intp]
    """(articles,), the fold that each was held out in."""
    later: npt.NDArray[np.float64] | None = None
    """(later articles, rubrics), by a model of the earlier ones alone; None: nobody asked."""


class Contribution(NamedTuple):
    """What one term of one article adds to each rubric."""

    tokens: tuple[int, ...]
    """Positions of the term among the article's tokens."""
    weights: npt.NDArray[np.float64]
    """(rubrics,), in log odds."""


class Classifier(Protocol):
    """Rubrics from tokens: multi-label, a rubric independent of the others."""

    rubrics: tuple[str, ...]
    """The columns of every answer."""
    decisions: Decisions

    out_of_fold: OutOfFold
    """Of the articles of `fit`; not saved."""

    def fit(
        self,
        tokens: TokenBatch,
        truth: Truth,
        rubrics: Sequence[str],
        clean: npt.NDArray[np.bool_],
        later: npt.NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn from n articles.

        Args:
            tokens: n articles.
            truth: (n, rubrics), 1 holds, 0 does not hold, -1 unknown; a rubric learns where it is known.
            rubrics: names of the columns of `truth`.
            clean: (n,), labelled by careful reading.
            later: (n,), to be judged by a model of the others, too, as articles of tomorrow would be.
        """
        ...

    def predict_proba(self, tokens: TokenBatch) -> npt.NDArray[np.float64]:
        """Calibrated probabilities, shape (articles, rubrics).

        Raises:
            NotFittedError: before `fit`.
        """
        ...

    def unfamiliar(self, tokens: TokenBatch) -> npt.NDArray[np.bool_]:
        """Tell which articles hold hardly a known word, shape (articles,): nothing can be said of them."""
        ...

    def contributions(self, tokens: TokenBatch) -> tuple[npt.NDArray[np.float64], list[Contribution]]:
        """Take apart the log odds of one article: those before its first word, and what each term adds."""
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
    """Topics from tokens: what an archive writes of, and how much of each is in an article."""

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics, in the order of the columns of `transform`."""
        ...

    changes: tuple[TopicChange, ...]
    """What became of the topics of the model before, if there was one."""
    tried: tuple[NumberTried, ...]
    """Numbers of topics that one was chosen among; none: it was not chosen so."""

    def distances(self) -> npt.NDArray[np.float64]:
        """Hellinger distances between the words of topics, (topics, topics): 0 the same, 1 none in common."""
        ...

    def since(self, before: Self) -> tuple[TopicChange, ...]:
        """Tell what became of the topics of another model, under the ids that both have."""
        ...

    def named(self, names: Mapping[int, str]) -> Self:
        """Return the same model with these topics called so; "": by their label."""
        ...

    def fit(
        self,
        tokens: TokenBatch,
        texts: Texts | None = None,
        previous: Self | None = None,
        jobs: int = 1,
    ) -> Self:
        """Learn from n articles.

        Args:
            tokens: n articles.
            texts: fetches some of them, once; labels then stand in the form that the archive uses. Without
                it labels are lemmas.
            previous: the model before; its topics are gone on from, and keep their ids and names.
            jobs: processes, where the number of topics is to be chosen.
        """
        ...

    def transform(self, tokens: TokenBatch) -> npt.NDArray[np.float32]:
        """Shares, shape (articles, topics), each row summing to 1; no known word: a row of zeros.

        Raises:
            NotFittedError: before `fit`.
        """
        ...

    def metrics(self, tokens: TokenBatch, *, by_words: bool = False) -> TopicMetrics:
        """Tell how good the topics are, measured on these articles.

        `by_words`: in the same stretches of text for any model, whatever words it knows.
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
