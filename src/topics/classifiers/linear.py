"""TF-IDF and one linear support vector machine per rubric.

Models are trained with scikit-learn's LinearSVC, but only coefficients are kept: prediction is one sparse
product and does not import scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

from topics import parallel, persistence
from topics.classifiers.fitting import Data, Targets, fit_all, learn_folding, to_settle
from topics.classifiers.settings import LinearSettings
from topics.errors import ModelError, NotFittedError
from topics.estimator import Contribution, OutOfFold
from topics.rubrics.calibration import Bounded, Truth
from topics.rubrics.cross_validation import (
    Folds,
    Margins,
    Split,
    assign_folds,
    fold_splits,
    join_folds,
    time_split,
)
from topics.rubrics.decisions import Decisions, Policy, judged, learn_decisions
from topics.rubrics.features import BODY, Tfidf
from topics.rubrics.folding import Folding
from topics.rubrics.length_calibration import (
    Excerpts,
    LengthCalibration,
    corrected,
    excerpted,
    fit_length_calibration,
    repeated,
)
from topics.text.duplicates import Groups, groups
from topics.text.tokens import compact, take
from topics.types import TokenBatch

Floats = npt.NDArray[np.float64]

_SHORTENED = 2_000
"""Number of articles, chosen at random, whose beginnings serve as short texts."""
_FAMILIAR, _STRANGEST = 0.4, 0.01
"""An article is unfamiliar if its familiarity is below 0.4 of the median in training, or below the first
percentile in training if that is lower. See docs/experiments.md."""
_WORTH_PROCESSES = 100_000_000
"""Number of tokens, summed over all models, from which on more processes save time."""


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    settings: LinearSettings
    rubrics: tuple[str, ...]
    intercepts: tuple[Bounded, ...]
    decisions: Decisions
    length_calibration: LengthCalibration
    least_familiar: Bounded
    """Least `Tfidf.familiarity` of a familiar article."""


class LinearClassifier:
    """One linear model per rubric, trained where the rubric is known; see `topics.estimator.Classifier`."""

    Settings = LinearSettings

    def __init__(self, settings: LinearSettings | None = None, jobs: int = 1) -> None:
        self.settings = settings or LinearSettings()
        self.jobs = jobs

    @property
    def policy(self) -> Policy:
        """Decision settings."""
        return self.settings.decisions

    def fit(
        self,
        tokens: TokenBatch,
        truth: Truth,
        rubrics: Sequence[str],
        clean: npt.NDArray[np.bool_],
        later: npt.NDArray[np.bool_] | None = None,
    ) -> Self:
        """Fit the final models, and models per fold for calibration and thresholds; see `Classifier.fit`."""
        settings = self.settings
        self.rubrics = tuple(rubrics)
        # Processes, not threads: liblinear has one global random generator per process.
        jobs = self.jobs if len(tokens.ids) * len(rubrics) * settings.folds > _WORTH_PROCESSES else 1
        with parallel.starting(_import_solver, None, jobs):
            features, folding, alike = self._features(tokens)
            X = folding.extend(features)
        median, strangest = np.quantile(self.tfidf.familiarities, [0.5, _STRANGEST]).tolist()
        self.least_familiar = min(_FAMILIAR * median, strangest)
        known = judged(truth, clean)
        folds = assign_folds(clean, alike, settings.folds, settings.seed)
        short = self._short_texts(tokens, known, clean, folds)
        splits = fold_splits(folds, short.folds, settings.folds)
        if later is not None:
            splits.append(time_split(later, alike, len(short.folds)))
        data = Data(features, short.features, X, folding, self.tfidf.words(BODY))
        labels = Targets(truth, clean, folds, to_settle(truth, clean, settings))
        models, margins = fit_all(data, labels, splits, settings, jobs)
        self.coefficients = folding.fold(np.stack([model.coefficients for model in models], axis=1))
        self.intercepts = tuple(model.intercept for model in models)
        self.out_of_fold = self._calibrate_length(splits, margins, np.diff(features.indptr), folds, short)
        self.decisions = learn_decisions(self.out_of_fold.margins, known, rubrics, settings.decisions)
        return self

    def _features(self, tokens: TokenBatch) -> tuple[sparse.csr_array, Folding, Groups]:
        """Fit and compute the features; find reprints in a second thread."""
        with ThreadPoolExecutor(1) as executor:
            alike = executor.submit(groups, tokens)
            self.tfidf = Tfidf(self.settings.fields).fit(tokens)
            X = self.tfidf.transform(tokens)
            return X, learn_folding(X, self.tfidf.words(BODY), self.settings), alike.result()

    def _short_texts(
        self, tokens: TokenBatch, known: Truth, clean: npt.NDArray[np.bool_], folds: Folds
    ) -> _ShortTexts:
        """Choose articles and compute the features of these and of their beginnings."""
        rows = _sample(known, clean, self.settings)
        features = self.tfidf.transform(excerpted(compact(take(tokens, rows))))
        return _ShortTexts(rows, features, repeated(known[rows]), repeated(folds[rows]))

    def _calibrate_length(
        self,
        splits: list[Split],
        margins: list[Margins],
        lengths: npt.NDArray[np.integer],
        folds: Folds,
        short: _ShortTexts,
    ) -> OutOfFold:
        """Fit the length calibration and return the out-of-fold margins, corrected by it.

        Args:
            splits: one per fold, then the split by time, if any.
            margins: of each split.
            lengths: (articles,), number of known terms.
            folds: (articles,).
            short: articles with their beginnings.
        """
        count = self.settings.folds
        tested = join_folds(splits[:count], margins[:count])
        texts = Excerpts(tested.excerpts, np.diff(short.features.indptr), short.truth, short.folds)
        usual = float(np.median(lengths))
        self.length_calibration = fit_length_calibration(texts, usual)
        later = None
        for split, ahead in zip(splits[count:], margins[count:], strict=True):
            earlier = texts.only(~repeated(split.excluded[short.rows]))
            calibration = fit_length_calibration(earlier, usual)
            later = calibration.correct(ahead.articles, lengths[split.articles])
        return OutOfFold(corrected(tested.articles, lengths, folds, texts, usual), folds, later)

    def predict_proba(self, tokens: TokenBatch) -> Floats:
        """Return calibrated probabilities, shape (articles, rubrics).

        Raises:
            NotFittedError: before `fit`.
        """
        if not hasattr(self, "coefficients"):
            raise NotFittedError("predict before fit: call fit(…) or load(folder) first")
        X = self.tfidf.transform(tokens)
        margins = X @ self.coefficients + np.array(self.intercepts)
        return self.decisions.probabilities(self.length_calibration.correct(margins, np.diff(X.indptr)))

    def unfamiliar(self, tokens: TokenBatch) -> npt.NDArray[np.bool_]:
        """Return which articles have no words, or too few known Russian ones; boolean, shape (articles,)."""
        unfamiliar: npt.NDArray[np.bool_] = self.tfidf.familiarity(tokens) < self.least_familiar
        return unfamiliar | tokens.wordless

    def contributions(self, tokens: TokenBatch) -> tuple[Floats, list[Contribution]]:
        """Return the prior log odds of one article, shape (rubrics,), and the contribution of each term."""
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
        """Write `classifier.json`, `coefficients.npy` and the files of `Tfidf` into an existing folder."""
        saved = _Saved(
            self.settings,
            self.rubrics,
            self.intercepts,
            self.decisions,
            self.length_calibration,
            self.least_familiar,
        )
        persistence.write_struct(folder / "classifier.json", saved)
        persistence.write_array(folder / "coefficients.npy", self.coefficients)
        self.tfidf.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: a file is missing, damaged or of another kind.
        """
        saved = persistence.read_struct(folder / "classifier.json", _Saved)
        self = cls(saved.settings)
        self.rubrics, self.intercepts = saved.rubrics, saved.intercepts
        self.decisions, self.length_calibration = saved.decisions, saved.length_calibration
        self.least_familiar = saved.least_familiar
        self.tfidf = Tfidf(saved.settings.fields).load(folder)
        self.coefficients = persistence.read_array(folder / "coefficients.npy", np.float32, dimensions=2)
        decisions, calibration = saved.decisions, saved.length_calibration
        columns = (
            *(saved.intercepts, decisions.slopes, decisions.offsets, decisions.thresholds),
            *(calibration.slopes, calibration.offsets),
        )
        shape = (len(self.tfidf.idf), len(self.rubrics))
        if self.coefficients.shape != shape or any(len(column) != len(self.rubrics) for column in columns):
            names = "classifier.json and coefficients.npy"
            raise ModelError(f"{folder}: {names} do not fit together; {persistence.REMEDY}")
        return self


class _ShortTexts(NamedTuple):
    """Some of the articles, followed by their beginnings; see `excerpted`."""

    rows: npt.NDArray[np.intp]
    """Row numbers of the articles."""
    features: sparse.csr_array
    """(excerpts, columns)."""
    truth: Truth
    """(excerpts, rubrics)."""
    folds: Folds
    """(excerpts,)."""


def _import_solver(_: None) -> None:
    import sklearn.svm  # noqa: F401 - takes a second


def _sample(truth: Truth, clean: npt.NDArray[np.bool_], settings: LinearSettings) -> npt.NDArray[np.intp]:
    """Choose labelled articles to cut short, clean ones first, otherwise at random; return row numbers."""
    shuffled = np.random.default_rng(settings.seed).permutation(len(clean))
    order = np.lexsort((shuffled, ~clean))
    return np.sort(order[(truth[order] >= 0).any(axis=1)][:_SHORTENED])
