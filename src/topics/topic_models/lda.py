"""Latent Dirichlet allocation, trained by gensim's LdaModel and applied in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

from topics import persistence
from topics.errors import DataError, ModelError, NotFittedError
from topics.topic_models.coherence import WORD_WINDOW, c_npmi, cooccurrence
from topics.topic_models.continuity import Described, carry_over, changes, overlap
from topics.topic_models.inference import exp_digamma, infer, statistics
from topics.topic_models.labels import choose_forms, describe
from topics.topic_models.seeding import seed_counts
from topics.topic_models.vocabulary import Vocabulary, VocabularySettings, rows_of
from topics.types import NumberTried, Texts, TokenBatch, Topic, TopicChange
from topics.versions.manifest import TopicMetrics

Floats = npt.NDArray[np.float32]


_Count = Annotated[int, msgspec.Meta(ge=0)]
_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Prior = Annotated[float, msgspec.Meta(ge=0)]


class LdaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hyperparameters of the model."""

    num_topics: _Count | Literal["auto"] = 0
    """0: as many as the previous model, else by the size of the archive, see `usual_number`; auto: selected
    by coherence and stability, see `topics.topic_models.choice`."""
    alpha: _Prior = 0.0
    """Symmetric Dirichlet prior of a topic in an article; 0: 2.5 over the number of topics, at most 0.05."""
    eta: Annotated[float, msgspec.Meta(gt=0)] = 0.01
    """Symmetric Dirichlet prior of a term in a topic."""
    passes: _Positive = 1
    chunk: _Positive = 1000
    """Articles per update of the topics."""
    iterations: _Positive = 100
    """Largest number of inference iterations per article."""
    threshold: Annotated[float, msgspec.Meta(gt=0)] = 1e-3
    """Mean change of an article's gamma below which its inference stops."""
    seed_iterations: _Positive = 40
    """Largest number of iterations of the factorization that initializes training."""
    seed: _Count = 0
    vocabulary: VocabularySettings = VocabularySettings()


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    settings: LdaSettings
    topics: tuple[Topic, ...]
    changes: tuple[TopicChange, ...]
    last_id: int
    """Highest topic id used so far, in this model or its predecessors."""
    tried: tuple[NumberTried, ...]
    forms: dict[str, str]


class LdaModel:
    """Topics of an archive; see `topics.estimator.TopicModel`."""

    Settings = LdaSettings

    vocabulary: Vocabulary
    counts: Floats
    """Lambda, shape (topics, terms), eta included."""
    alpha: Floats
    """(topics,)"""
    changes: tuple[TopicChange, ...]
    """Changes since the previous model, if any."""
    tried: tuple[NumberTried, ...]
    """Candidate numbers of topics, if the number was selected automatically."""
    last_id: int
    """Highest topic id used so far, in this model or its predecessors."""
    forms: dict[str, str]
    """Top term -> its most frequent form in the corpus, if that differs from the lemma."""

    def __init__(self, settings: LdaSettings | None = None) -> None:
        self.settings = settings or LdaSettings()

    def fit(
        self,
        tokens: TokenBatch,
        texts: Texts | None = None,
        previous: Self | None = None,
        jobs: int = 1,
    ) -> Self:
        """Fit the model; see `topics.estimator.TopicModel.fit`.

        Raises:
            DataError: too few articles or terms for the number of topics.
        """
        settings = self.settings
        number = self._number(tokens, previous, jobs)
        self.vocabulary = Vocabulary(settings.vocabulary).fit(tokens)
        bags = self.vocabulary.transform(tokens)
        bags = bags[np.diff(bags.indptr) > 0]
        if min(bags.shape) < max(number, 1):
            raise DataError(
                f"{bags.shape[0]} articles with {bags.shape[1]} terms are too few for {number} topics; "
                "add articles or set fewer topics (num_topics)"
            )
        before = None if previous is None else _distributions(previous, self.vocabulary.terms)
        counts = learn(bags, number, settings, before)
        self._set(counts[np.argsort(-counts.sum(axis=1), kind="stable")], prior(number, settings))
        forms = choose_forms(self.counts, self.vocabulary, tokens, texts) if texts is not None else {}
        self.forms = {term: form for term, form in forms.items() if form != term}
        self._topics, self.changes = describe(self.counts, self.vocabulary.terms, self.forms), ()
        last_id = 0
        if previous is not None:
            last_id = previous.last_id
            self._topics, self.changes = carry_over(previous.described(), self.described(), last_id)
        self.last_id = max(last_id, *(topic.id for topic in self._topics))
        return self

    def _number(self, tokens: TokenBatch, previous: Self | None, jobs: int) -> int:
        """Return the number of topics to train, selecting it if so configured."""
        wanted, self.tried = self.settings.num_topics, ()
        if wanted != "auto":
            return wanted or (len(previous.topics) if previous else usual_number(len(tokens)))
        from topics.topic_models.choice import choose_topics  # imports scipy.optimize, slow to load

        learn_candidate = partial(_learn_for_choice, self.settings)
        choice = choose_topics(
            tokens, learn_candidate, self.settings.vocabulary, seed=self.settings.seed, jobs=jobs
        )
        self.tried = choice.curve
        return choice.num_topics

    def since(self, before: Self) -> tuple[TopicChange, ...]:
        """Return the changes from another model to this one; topics of both are referred to by id."""
        return changes(before.described(), self.described())

    def described(self) -> Described:
        """Return what is needed to match topics with another model."""
        return Described(self.topics, self.counts, self.vocabulary.terms, self.forms)

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics, in the order of the columns of `transform`."""
        self._check_fitted()
        return self._topics

    def named(self, names: Mapping[int, str]) -> Self:
        """Return the model with topics renamed, id -> name; an empty name resets to the label."""
        self._check_fitted()
        named = copy(self)
        named._topics = tuple(
            msgspec.structs.replace(topic, name=names.get(topic.id, topic.name)) for topic in self._topics
        )
        return named

    def transform(self, tokens: TokenBatch) -> Floats:
        """Return topic shares, shape (n, topics); rows sum to 1, or are 0 without known terms.

        Raises:
            NotFittedError: before `fit`.
        """
        self._check_fitted()
        bags = self.vocabulary.transform(tokens)
        gamma = infer(bags, self._words, self.alpha, self.settings.iterations, self.settings.threshold).gamma
        gamma[np.diff(bags.indptr) == 0] = 0
        sums = gamma.sum(axis=1, keepdims=True)
        np.divide(gamma, sums, out=gamma, where=sums > 0)
        return gamma

    def distances(self) -> npt.NDArray[np.float64]:
        """Compute the Hellinger distances between the words of topics, (topics, topics)."""
        self._check_fitted()
        return np.sqrt(np.maximum(1 - overlap(self.counts, self.counts), 0))

    def metrics(self, tokens: TokenBatch, *, by_words: bool = False) -> TopicMetrics:
        """Return coherence, diversity and coverage of the topics, measured on these articles.

        Windows are ten terms long, as in gensim; with `by_words`, twenty words, about as long but independent
        of the vocabulary: ten terms of a smaller vocabulary span more text, hence co-occur more.
        """
        occurrences = self.vocabulary.occurrences(tokens)
        top = np.argsort(-self.counts, axis=1, kind="stable")[:, :10].tolist()
        wanted = sorted({column for columns in top for column in columns})
        if by_words:
            places = np.full(len(tokens.ids), -1, np.int64)
            places[occurrences.starts] = occurrences.columns
            pairs = cooccurrence(places, rows_of(tokens), wanted, WORD_WINDOW)
        else:
            pairs = cooccurrence(occurrences.columns, occurrences.rows, wanted)
        reached = len(np.unique(occurrences.rows)) / max(len(tokens), 1)
        return TopicMetrics(
            topics=len(top),
            terms=len(self.vocabulary.terms),
            coherence=float(np.mean([c_npmi(pairs, columns) for columns in top])),
            diversity=len(wanted) / (10 * len(top)),
            unreached=1 - reached,
        )

    def save(self, folder: Path) -> None:
        """Write `topics.json`, the arrays, and the files of the vocabulary."""
        self._check_fitted()
        persistence.write_struct(
            folder / "topics.json",
            _Saved(self.settings, self._topics, self.changes, self.last_id, self.tried, self.forms),
        )
        persistence.write_array(folder / "topic_counts.npy", self.counts)
        persistence.write_array(folder / "topic_alpha.npy", self.alpha)
        self.vocabulary.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: a file is missing, damaged or of another kind.
        """
        saved = persistence.read_struct(folder / "topics.json", _Saved)
        self = cls(saved.settings)
        self.vocabulary = Vocabulary(saved.settings.vocabulary).load(folder)
        counts = persistence.read_array(folder / "topic_counts.npy", np.float32, dimensions=2)
        alpha = persistence.read_array(folder / "topic_alpha.npy", np.float32)
        self._topics, self.changes, self.last_id = saved.topics, saved.changes, saved.last_id
        self.tried, self.forms = saved.tried, saved.forms
        shape = (len(saved.topics), len(self.vocabulary.terms))
        if counts.shape != shape or alpha.shape != shape[:1] or not shape[0]:
            raise ModelError(
                f"{folder}: topics.json, topic_counts.npy, topic_alpha.npy and topic_terms.npy do not fit "
                f"together; {persistence.REMEDY}"
            )
        if not all(np.isfinite(array).all() and (array > 0).all() for array in (counts, alpha)):
            raise ModelError(
                f"{folder}: topic_counts.npy or topic_alpha.npy has values that are not positive; "
                f"{persistence.REMEDY}"
            )
        self._set(counts, alpha)
        return self

    def _set(self, counts: Floats, alpha: Floats) -> None:
        """Set the parameters; `counts`, shape (topics, terms), is lambda, eta included."""
        self.counts, self.alpha = counts, alpha
        self._words = expected_words(counts)

    def _check_fitted(self) -> None:
        if not hasattr(self, "counts"):
            raise NotFittedError("LdaModel before fit: call fit(tokens) or load(folder) first")


def usual_number(articles: int) -> int:
    """Return the default number of topics: 7 for 500 articles, 33 for 10,000, at most 100.

    A rule of thumb; `docs/topics.md` describes how to select the number by measurement.
    """
    return int(min(max(round(articles**0.5 / 3), 5), 100))


def prior(number: int, settings: LdaSettings) -> Floats:
    """Return alpha, shape (number,)."""
    return np.full(number, settings.alpha or min(0.05, 2.5 / number), np.float32)


def expected_words(counts: Floats) -> Floats:
    """Compute exp(E[log beta]) of lambda, shape (terms, topics)."""
    sums = exp_digamma(counts.sum(axis=1, dtype=np.float64).astype(np.float32))
    return np.ascontiguousarray((exp_digamma(counts) / sums[:, None]).T)


def _distributions(model: LdaModel, terms: list[str]) -> Floats:
    """Return the topics of a model over other terms, shape (topics, terms); missing terms are 0."""
    place = {term: i for i, term in enumerate(model.vocabulary.terms)}
    counts = np.hstack([model.counts, np.zeros((len(model.counts), 1), np.float32)])
    counts = counts[:, [place.get(term, -1) for term in terms]]
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _learn_for_choice(settings: LdaSettings, bags: sparse.csr_array, number: int, seed: int) -> Floats:
    return learn(bags, number, msgspec.structs.replace(settings, seed=seed))


def learn(bags: sparse.csr_array, number: int, settings: LdaSettings, before: Floats | None = None) -> Floats:
    """Train gensim's LdaModel, initialized by `seed_counts`.

    Args:
        bags: (n, terms), counts; no row is empty.
        number: of topics.
        settings: of the model.
        before: topics to start from, see `seed_counts`.

    Returns:
        Lambda, shape (topics, terms), eta included.
    """
    from gensim.models import LdaModel as Gensim

    class Seeded(Gensim):  # type: ignore[misc]
        """gensim's model with our inference, so that training and use agree."""

        def inference(self, rows: Any, collect_sstats: bool = False) -> tuple[Floats, Floats | None]:
            words = np.ascontiguousarray(self.expElogbeta.T)
            inferred = infer(bags[np.asarray(rows)], words, self.alpha, self.iterations, self.gamma_threshold)
            return inferred.gamma, statistics(inferred, words) if collect_sstats else None

    model = Seeded(
        id2word=dict.fromkeys(range(bags.shape[1]), ""),
        num_topics=number,
        alpha=prior(number, settings),
        eta=settings.eta,
        random_state=settings.seed,
        iterations=settings.iterations,
        gamma_threshold=settings.threshold,
        offset=64,
        decay=0.7,
        eval_every=None,
    )
    model.state.sstats = seed_counts(bags, number, settings.seed, settings.seed_iterations, before)
    model.state.numdocs = bags.shape[0]
    model.sync_state()
    order = np.random.default_rng(settings.seed).permutation(bags.shape[0])
    model.update(order.tolist(), passes=settings.passes, chunksize=settings.chunk)
    lambdas: Floats = model.state.get_lambda().astype(np.float32)
    return lambdas
