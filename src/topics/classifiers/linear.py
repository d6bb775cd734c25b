"""TF-IDF and one linear support vector machine a rubric.

Training is scikit-learn's LinearSVC; what is kept of it are coefficients, so that predicting is one sparse
product and needs no scikit-learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

from topics import parallel, persistence
from topics.errors import ModelError, NotFittedError
from topics.estimator import Contribution, OutOfFold
from topics.rubrics import cross_validation
from topics.rubrics.calibration import Bounded, Truth, scaling
from topics.rubrics.cross_validation import Folds, Judged, Round
from topics.rubrics.decisions import Decisions, Policy, enough_clean, judged, learn_decisions
from topics.rubrics.features import BODY, Fields, Tfidf
from topics.rubrics.folding import Folding
from topics.rubrics.label_noise import label_weights
from topics.rubrics.latent import LatentSettings, directions
from topics.rubrics.length_calibration import (
    Excerpts,
    LengthCalibration,
    corrected,
    excerpted,
    fit_length_calibration,
    repeated,
)
from topics.rubrics.prefixes import PrefixSettings, prefixes
from topics.text.duplicates import Groups, groups
from topics.text.tokens import compact, take
from topics.types import TokenBatch

Floats = npt.NDArray[np.float64]

Solution = tuple[npt.NDArray[np.float32], float]
"""Coefficients and intercept of one rubric."""

_TO_SETTLE = 5
"""Clean articles of either answer from which on they judge the archive; see docs/quality.md."""
_TO_SCALE = 100
"""Of either answer, judged out of fold, from which on they tell the scale of margins well enough."""
_SHORTENED = 2_000
"""Articles, chosen by lot, of which the beginnings teach what short texts are like."""
_FEW = 10_000
"""Articles up to which latent directions are learned for each fold without its own. Among few, an article
that helped to find the directions lies along them as no new one will, and misleads the thresholds."""
_FAMILIAR, _STRANGEST = 0.4, 0.01
"""Part of the familiarity of the training article in the middle that one must have not to be taken for one in
another language; but no more than all but a hundredth of them have. See docs/quality.md."""
_TOLERANCE = 0.1
"""Of liblinear, its own. With a tenth of it the figures of gold and of lenta13 are the same within .001."""
_WORTH_PROCESSES = 100_000_000
"""Tokens to go through, all models together, from which on more processes save time."""
_PARTS = 16
"""Of hundreds of rubrics: those of one part share what they learn from, and all parts keep processes busy."""
_ENTRY, _MEMORY = 28, 2_000_000_000
"""Bytes that a fit holds for each matrix entry, and those that all fits at one time may hold."""


class LinearSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set of a linear classifier."""

    fields: Fields = Fields()
    latent: LatentSettings = LatentSettings()
    prefixes: PrefixSettings = PrefixSettings()
    C: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 0.5
    """Inverse strength of regularization, as in scikit-learn."""
    clean_weight: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 5.0
    """Weight of an article labelled by careful reading; one labelled by its outlet's section weighs 1."""
    settle: bool = True
    """Believe the archive only as far as a model of the clean articles agrees with it."""
    folds: Annotated[int, msgspec.Meta(ge=2, le=100)] = 5
    decisions: Policy = Policy()
    seed: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)] = 0


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    settings: LinearSettings
    rubrics: tuple[str, ...]
    intercepts: tuple[Bounded, ...]
    decisions: Decisions
    length_calibration: LengthCalibration = LengthCalibration()
    """Of a version of before there was one: margins stay as they are."""
    least_familiar: Bounded | None = None
    """What `Tfidf.familiarity` must be. None: a version of before it was learned, that asks for none."""


class LinearClassifier:
    """One linear model a rubric, trained where the rubric is known; see `topics.estimator.Classifier`."""

    Settings = LinearSettings

    def __init__(self, settings: LinearSettings | None = None, jobs: int = 1) -> None:
        self.settings = settings or LinearSettings()
        self.jobs = jobs

    def fit(
        self,
        tokens: TokenBatch,
        truth: Truth,
        rubrics: Sequence[str],
        clean: npt.NDArray[np.bool_],
        later: npt.NDArray[np.bool_] | None = None,
    ) -> Self:
        """Learn the final models, and from models of folds the calibration and the thresholds."""
        settings = self.settings
        settings.decisions.check(rubrics)
        self.rubrics = tuple(rubrics)
        # Processes, not threads: liblinear draws from one random generator a process.
        jobs = self.jobs if len(tokens.ids) * len(rubrics) * settings.folds > _WORTH_PROCESSES else 1
        with parallel.starting(_import_solver, None, jobs):
            plain, folding, alike = self._features(tokens)
            X = folding.extend(plain)
        middle, strangest = np.quantile(self.tfidf.familiarities, [0.5, _STRANGEST]).tolist()
        self.least_familiar = min(_FAMILIAR * middle, strangest)
        lengths = np.diff(plain.indptr)
        known = judged(truth, clean)
        folds = cross_validation.deal(clean, alike, settings.folds, settings.seed)
        rows = _sample(known, clean, settings)
        excerpts = self.tfidf.transform(excerpted(compact(take(tokens, rows))))
        cut = repeated(folds[rows])
        by_folds = cross_validation.of_folds(folds, cut, settings.folds)
        asked = by_folds if later is None else [*by_folds, cross_validation.of_time(later, alike, len(cut))]
        answers = _Answers(truth, clean, folds, _to_settle(truth, clean, settings))
        parts = answers.split(_PARTS)
        tasks: list[Callable[[], Any]] = [partial(_solve_each, X, part, settings) for part in parts]
        if len(clean) <= _FEW:
            words = self.tfidf.words(BODY)
            tasks += [partial(_judge, plain, excerpts, answers, one, settings, words) for one in asked]
        else:
            whole = partial(_judge, X, folding.extend(excerpts))
            tasks += [partial(whole, part, one, settings) for one in asked for part in parts]
        room = max(1, _MEMORY // max(X.nnz * _ENTRY, 1))
        found = parallel.do(tasks, min(jobs, room))
        models = list(chain.from_iterable(found[: len(parts)]))
        said = cross_validation.joined(found[len(parts) :], len(asked))
        self.coefficients = folding.fold(np.stack([model[0] for model in models], axis=1))
        self.intercepts = tuple(model[1] for model in models)
        margins, others = cross_validation.in_place(by_folds, said[: len(by_folds)])
        taught = Excerpts(others, np.diff(excerpts.indptr), repeated(known[rows]), cut)
        self.length_calibration = fit_length_calibration(taught, float(np.median(lengths)))
        ahead = None
        if later is not None:
            earlier = taught.only(~repeated(asked[-1].away[rows]))
            ahead = fit_length_calibration(earlier, self.length_calibration.usual).correct(
                said[-1][0], lengths[later]
            )
        margins = corrected(margins, lengths, folds, taught, self.length_calibration.usual)
        self.out_of_fold = OutOfFold(margins, folds, ahead)
        self.decisions = learn_decisions(margins, known, rubrics, settings.decisions)
        return self

    def _features(self, tokens: TokenBatch) -> tuple[sparse.csr_array, Folding, Groups]:
        """Learn the features and weigh the articles; meanwhile find reprints."""
        with ThreadPoolExecutor(1) as beside:
            alike = beside.submit(groups, tokens)
            self.tfidf = Tfidf(self.settings.fields).fit(tokens)
            X = self.tfidf.transform(tokens)
            return X, _folding(X, self.tfidf.words(BODY), self.settings), alike.result()

    def predict_proba(self, tokens: TokenBatch) -> Floats:
        """Calibrated probabilities, shape (articles, rubrics)."""
        if not hasattr(self, "coefficients"):
            raise NotFittedError("predict before fit: call fit(…) first, or load a saved classifier")
        X = self.tfidf.transform(tokens)
        margins = X @ self.coefficients + np.array(self.intercepts)
        return self.decisions.probabilities(self.length_calibration.correct(margins, np.diff(X.indptr)))

    def unfamiliar(self, tokens: TokenBatch) -> npt.NDArray[np.bool_]:
        """Tell which articles hold no word, or too few known Russian ones beside others."""
        if self.least_familiar is None:
            return tokens.wordless
        strange: npt.NDArray[np.bool_] = self.tfidf.familiarity(tokens) < self.least_familiar
        return strange | tokens.wordless

    def contributions(self, tokens: TokenBatch) -> tuple[Floats, list[Contribution]]:
        """Take apart the log odds of one article."""
        row = self.tfidf.transform(tokens)
        slopes, offsets = np.array(self.decisions.slopes), np.array(self.decisions.offsets)
        factors, lifts = self.length_calibration.factors(np.diff(row.indptr))
        slopes, offsets = slopes * factors[0], offsets + slopes * lifts[0]
        weights = slopes * row.data[:, None] * self.coefficients[row.indices]
        places = self.tfidf.places(tokens)
        terms = [
            Contribution(places[int(column)], weight)
            for column, weight in zip(row.indices, weights, strict=True)
        ]
        return slopes * np.array(self.intercepts) + offsets, terms

    def save(self, folder: Path) -> None:
        """Write `classifier.json`, `coefficients.npy` and the files of the features."""
        learned = self.decisions, self.length_calibration, self.least_familiar
        saved = _Saved(self.settings, self.rubrics, self.intercepts, *learned)
        persistence.write_struct(folder / "classifier.json", saved)
        persistence.write_array(folder / "coefficients.npy", self.coefficients)
        self.tfidf.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        saved = persistence.read_struct(folder / "classifier.json", _Saved)
        self = cls(saved.settings)
        self.rubrics, self.intercepts = saved.rubrics, saved.intercepts
        self.decisions, self.length_calibration = saved.decisions, saved.length_calibration
        self.least_familiar = saved.least_familiar
        self.tfidf = Tfidf(saved.settings.fields).load(folder)
        self.coefficients = persistence.read_array(folder / "coefficients.npy", np.float32, dimensions=2)
        decisions = saved.decisions
        widths = list(map(len, (saved.intercepts, decisions.slopes, decisions.offsets, decisions.thresholds)))
        widths += [
            len(some)
            for some in (self.length_calibration.slopes, self.length_calibration.offsets)
            if len(some) != 1
        ]
        shape = (len(self.tfidf.idf), len(self.rubrics))
        if self.coefficients.shape != shape or any(width != len(self.rubrics) for width in widths):
            names = "classifier.json and coefficients.npy"
            raise ModelError(f"{folder}: {names} do not fit together; {persistence.REMEDY}")
        return self


class _Answers(NamedTuple):
    """What is known of some rubrics, and how each is to be learned."""

    truth: Truth
    clean: npt.NDArray[np.bool_]
    folds: Folds
    """(articles,): what is said of a clean one comes from clean ones of other folds."""
    settle: npt.NDArray[np.bool_]
    """(rubrics,): whether a model of the clean articles says how far to believe the archive. The folds do as
    the whole does, though they have fewer clean articles: else thresholds would be those of other models."""

    def split(self, most: int) -> list[_Answers]:
        """Make so many parts, with some of the rubrics each."""
        columns = np.array_split(np.arange(self.truth.shape[1]), min(self.truth.shape[1], most))
        return [self._replace(truth=self.truth[:, some], settle=self.settle[some]) for some in columns]


def _to_settle(truth: Truth, clean: npt.NDArray[np.bool_], settings: LinearSettings) -> npt.NDArray[np.bool_]:
    """Tell of each rubric whether there are enough clean articles to judge the archive by."""
    return np.array([settings.settle and enough_clean(column, clean, _TO_SETTLE) for column in truth.T])


def _folding(X: sparse.csr_array, words: list[str], settings: LinearSettings) -> Folding:
    """Learn what else the words of bodies tell, all but the common ones: directions and beginnings.

    Args:
        X: (articles, columns).
        words: the lemmas of the first columns.
        settings: of the directions and the beginnings.
    """
    frequency = np.bincount(X.indices, minlength=X.shape[1])[: len(words)]
    telling = np.flatnonzero(frequency <= settings.latent.max_df * X.shape[0])
    alike = prefixes([words[column] for column in telling.tolist()], settings.prefixes)
    return Folding(telling, [directions(X[:, telling], settings.latent, settings.seed), alike])


def _import_solver(_: None) -> None:
    import sklearn.svm  # noqa: F401 - it takes a second


def _sample(truth: Truth, clean: npt.NDArray[np.bool_], settings: LinearSettings) -> npt.NDArray[np.intp]:
    """Choose articles to be cut short: by lot among those of which something is known, clean ones first."""
    lots = np.random.default_rng(settings.seed).permutation(len(clean))
    order = np.lexsort((lots, ~clean))
    return np.sort(order[(truth[order] >= 0).any(axis=1)][:_SHORTENED])


class _Articles:
    """Features of the articles that a model learns from, in the form that liblinear wants.

    Rubrics that are known of the same articles share them; only those asked for last are held.
    """

    def __init__(self, X: sparse.csr_array) -> None:
        self.X = X
        self._rows: npt.NDArray[np.bool_] | None = None
        self._chosen = X

    def choose(self, rows: npt.NDArray[np.bool_]) -> sparse.csr_array:
        """Choose articles; `rows` is a mask."""
        if self._rows is None or not np.array_equal(rows, self._rows):
            self._chosen = self.X  # let go of the last before there is another
            self._chosen = self.X[rows].astype(np.float64)  # float64, so that scikit-learn keeps no copy
            self._rows = rows
        return self._chosen


def _judge(
    X: sparse.csr_array,
    excerpts: sparse.csr_array,
    answers: _Answers,
    one: Round,
    settings: LinearSettings,
    words: list[str] | None = None,
) -> Judged:
    """Fit rubrics without the articles that are away, then compute the margins that are asked for.

    With `words`, the lemmas of the first columns, folded features are learned here, without those articles.
    """
    if words is not None:
        folding = _folding(X[~one.away], words, settings)
        X, excerpts = folding.extend(X), folding.extend(excerpts)
    known = np.where(one.away[:, None], -1, answers.truth)
    settle = _to_settle(known, answers.clean, settings) if one.of_its_time else answers.settle
    solved = _solve_each(X, answers._replace(truth=known, settle=settle), settings)
    coefficients = np.stack([coefficients for coefficients, _ in solved], axis=1)
    intercepts = np.array([intercept for _, intercept in solved])
    return X[one.articles] @ coefficients + intercepts, excerpts[one.excerpts] @ coefficients + intercepts


def _solve_each(X: sparse.csr_array, answers: _Answers, settings: LinearSettings) -> list[Solution]:
    """Fit rubrics, each where it is known."""
    articles = _Articles(X)
    return [
        _solve(articles, truth, answers, settle, settings)
        for truth, settle in zip(answers.truth.T, answers.settle.tolist(), strict=True)
    ]


def _solve(
    articles: _Articles,
    truth: npt.NDArray[np.int8],
    answers: _Answers,
    settle: bool,
    settings: LinearSettings,
) -> Solution:
    """Fit one rubric where it is known: coefficients and intercept."""
    known, clean = truth >= 0, answers.clean
    weights = np.where(clean, settings.clean_weight, 1.0)
    careful, careless = known & clean, known & ~clean
    if settle and careless.any() and len(np.unique(truth[careful])) == 2:
        odds = _odds(articles, truth, careful, answers.folds, settings)
        share = float(truth[careful].mean())
        weights[careless] = label_weights(odds[careless], truth[careless], share)
    return _fit(articles, truth, known & (weights > 0), weights, settings)


def _odds(
    articles: _Articles,
    truth: npt.NDArray[np.int8],
    careful: npt.NDArray[np.bool_],
    folds: Folds,
    settings: LinearSettings,
) -> Floats:
    """Ask a model of the clean articles about all: log odds, by what models of their folds say of them.

    A margin alone would not do: of a rubric with ten articles, that of a new one seldom rises above 0.
    """
    chosen, answers, own = articles.choose(careful), truth[careful], folds[careful]
    among, equal = _Articles(chosen), np.ones(len(truth))
    asked, margins = np.zeros(len(own), bool), np.empty(len(own))
    for fold in np.unique(own).tolist():
        here = own == fold
        coefficients, intercept = _fit(among, answers, ~here, equal[careful], settings)
        margins[here] = chosen[here] @ coefficients + intercept
        asked |= here
        if enough_clean(answers, asked, _TO_SCALE):
            break
    slope, offset = scaling(margins[asked], answers[asked])
    coefficients, intercept = _fit(articles, truth, careful, equal, settings)
    return slope * (articles.X @ coefficients + intercept) + offset


def _fit(
    articles: _Articles,
    truth: npt.NDArray[np.int8],
    rows: npt.NDArray[np.bool_],
    weights: Floats,
    settings: LinearSettings,
) -> Solution:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    if len(np.unique(truth[rows])) < 2:  # a fold without a positive
        return np.zeros(articles.X.shape[1], np.float32), -1.0
    model = LinearSVC(C=settings.C, tol=_TOLERANCE, class_weight="balanced", random_state=settings.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a thousand passes are enough for a ranking
        model.fit(articles.choose(rows), truth[rows], sample_weight=weights[rows])
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])
