"""TF-IDF and one linear support vector machine per rubric.

Models are trained with scikit-learn's LinearSVC, but only coefficients are kept: prediction is one sparse
product and does not import scikit-learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

from topics import parallel, persistence
from topics.errors import ModelError, NotFittedError
from topics.estimator import Contribution, OutOfFold
from topics.rubrics.calibration import Bounded, Truth, scaling
from topics.rubrics.cross_validation import (
    Folds,
    Margins,
    Split,
    assign_folds,
    fold_splits,
    join_folds,
    join_rubrics,
    time_split,
)
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


class _Model(NamedTuple):
    """The model of one rubric."""

    coefficients: npt.NDArray[np.float32]
    """(columns,)."""
    intercept: float


_TO_SETTLE = 5
"""Clean articles of each class needed to judge the archive by; see docs/quality.md."""
_TO_SCALE = 100
"""Out-of-fold margins of each class that suffice to fit Platt scaling."""
_SHORTENED = 2_000
"""Number of articles, chosen at random, whose beginnings serve as short texts."""
_FEW = 10_000
"""Number of articles up to which latent directions are learned per fold. In a small corpus, articles that the
directions were learned from lie along them as no new article does, which would bias the thresholds."""
_FAMILIAR, _STRANGEST = 0.4, 0.01
"""An article is unfamiliar if its familiarity is below 0.4 of the median in training, or below the first
percentile in training if that is lower. See docs/quality.md."""
_TOLERANCE = 0.1
"""Stopping tolerance, liblinear's default. A tenth of it changes the results by at most .001."""
_WORTH_PROCESSES = 100_000_000
"""Number of tokens, summed over all models, from which on more processes save time."""
_PARTS = 16
"""Number of parts that hundreds of rubrics are split into; the rubrics of a part share training matrices."""
_ENTRY, _MEMORY = 28, 2_000_000_000
"""Bytes that one fit needs per matrix entry, and the limit for all concurrent fits."""


class LinearSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the linear classifier: `[rubrics.settings]`."""

    fields: Fields = Fields()
    latent: LatentSettings = LatentSettings()
    prefixes: PrefixSettings = PrefixSettings()
    C: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 0.5
    """Inverse strength of regularization, as in scikit-learn."""
    clean_weight: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 5.0
    """Sample weight of a carefully labelled article; one labelled by the outlet's section has weight 1."""
    settle: bool = True
    """Weight labels of the archive by how well they agree with a model of the clean articles."""
    folds: Annotated[int, msgspec.Meta(ge=2, le=100)] = 5
    decisions: Policy = Policy()
    seed: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)] = 0


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    settings: LinearSettings
    rubrics: tuple[str, ...]
    intercepts: tuple[Bounded, ...]
    decisions: Decisions
    length_calibration: LengthCalibration = LengthCalibration()
    """The default, of versions that have none, leaves margins unchanged."""
    least_familiar: Bounded | None = None
    """Least `Tfidf.familiarity` of a familiar article; None, of versions that have none: any."""


class LinearClassifier:
    """One linear model per rubric, trained where the rubric is known; see `topics.estimator.Classifier`."""

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
        """Fit the final models, and models per fold for calibration and thresholds; see `Classifier.fit`."""
        settings = self.settings
        settings.decisions.check(rubrics)
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
        data = _Data(features, short.features, X, folding, self.tfidf.words(BODY))
        labels = _Labels(truth, clean, folds, _to_settle(truth, clean, settings))
        models, margins = _fit_all(data, labels, splits, settings, jobs)
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
            return X, _folding(X, self.tfidf.words(BODY), self.settings), alike.result()

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
        if self.least_familiar is None:
            return tokens.wordless
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
        decisions = saved.decisions
        widths = list(map(len, (saved.intercepts, decisions.slopes, decisions.offsets, decisions.thresholds)))
        calibration = self.length_calibration
        widths += [len(column) for column in (calibration.slopes, calibration.offsets) if len(column) != 1]
        shape = (len(self.tfidf.idf), len(self.rubrics))
        if self.coefficients.shape != shape or any(width != len(self.rubrics) for width in widths):
            names = "classifier.json and coefficients.npy"
            raise ModelError(f"{folder}: {names} do not fit together; {persistence.REMEDY}")
        return self


_Task = Callable[[], Any]
"""Returns `list[_Model]` for the final models, `Margins` for a test."""


class _Data(NamedTuple):
    """Features of the articles that models are trained on, and of the short texts that they are tested on."""

    features: sparse.csr_array
    """(articles, columns)."""
    excerpts: sparse.csr_array
    """(excerpts, columns)."""
    X: sparse.csr_array
    """(articles, columns + new features): `features`, extended by `folding`."""
    folding: Folding
    words: list[str]
    """Lemmas of the first columns."""


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


class _Labels(NamedTuple):
    """Labels of some rubrics, and how to learn from them."""

    truth: Truth
    clean: npt.NDArray[np.bool_]
    folds: Folds
    """(articles,), for out-of-fold margins of the clean articles."""
    settle: npt.NDArray[np.bool_]
    """(rubrics,), whether labels of the archive are weighted by a model of the clean articles. Models of
    folds follow the final model here, although they have fewer clean articles: otherwise thresholds would be
    learned from models of another kind."""

    def split(self, most: int) -> list[_Labels]:
        """Split the rubrics into at most `most` parts."""
        parts = np.array_split(np.arange(self.truth.shape[1]), min(self.truth.shape[1], most))
        return [self._replace(truth=self.truth[:, part], settle=self.settle[part]) for part in parts]


def _fit_all(
    data: _Data, labels: _Labels, splits: list[Split], settings: LinearSettings, jobs: int
) -> tuple[list[_Model], list[Margins]]:
    """Fit the final models and test models of each split, all in one pool of processes.

    Returns:
        The final model of each rubric, and the margins of each split.
    """
    parts = labels.split(_PARTS)
    final: list[_Task] = [partial(_fit_rubrics, data.X, part, settings) for part in parts]
    tests: list[list[_Task]]
    if len(labels.clean) <= _FEW:
        tests = [
            [partial(_test, data.features, data.excerpts, labels, split, settings, data.words)]
            for split in splits
        ]
    else:
        test = partial(_test, data.X, data.folding.extend(data.excerpts))
        tests = [[partial(test, part, split, settings) for part in parts] for split in splits]
    concurrent = max(1, _MEMORY // max(data.X.nnz * _ENTRY, 1))
    results = iter(parallel.do([*final, *chain.from_iterable(tests)], min(jobs, concurrent)))
    models = list(chain.from_iterable(islice(results, len(final))))
    margins = [join_rubrics(list(islice(results, len(tasks)))) for tasks in tests]
    return models, margins


def _to_settle(truth: Truth, clean: npt.NDArray[np.bool_], settings: LinearSettings) -> npt.NDArray[np.bool_]:
    """Return for each rubric whether there are enough clean articles to judge the archive by."""
    return np.array([settings.settle and enough_clean(column, clean, _TO_SETTLE) for column in truth.T])


def _folding(X: sparse.csr_array, words: list[str], settings: LinearSettings) -> Folding:
    """Learn latent directions and prefixes of the words of bodies, common words excepted.

    Args:
        X: (articles, columns).
        words: lemmas of the first columns.
        settings: of the directions and the prefixes.
    """
    frequency = np.bincount(X.indices, minlength=X.shape[1])[: len(words)]
    columns = np.flatnonzero(frequency <= settings.latent.max_df * X.shape[0])
    latent = directions(X[:, columns], settings.latent, settings.seed)
    lemmas = [words[column] for column in columns.tolist()]
    return Folding(columns, [latent, prefixes(lemmas, settings.prefixes, latent, frequency[columns])])


def _import_solver(_: None) -> None:
    import sklearn.svm  # noqa: F401 - takes a second


def _sample(truth: Truth, clean: npt.NDArray[np.bool_], settings: LinearSettings) -> npt.NDArray[np.intp]:
    """Choose labelled articles to cut short, clean ones first, otherwise at random; return row numbers."""
    shuffled = np.random.default_rng(settings.seed).permutation(len(clean))
    order = np.lexsort((shuffled, ~clean))
    return np.sort(order[(truth[order] >= 0).any(axis=1)][:_SHORTENED])


class _Articles:
    """Selects the rows of X to train on, as liblinear needs them.

    The last selection is cached, for rubrics that are known for the same articles.
    """

    def __init__(self, X: sparse.csr_array) -> None:
        self.X = X
        self._rows: npt.NDArray[np.bool_] | None = None
        self._chosen = X

    def choose(self, rows: npt.NDArray[np.bool_]) -> sparse.csr_array:
        """Select articles by a boolean mask; float64, shape (selected, columns)."""
        if self._rows is None or not np.array_equal(rows, self._rows):
            self._chosen = self.X  # free the last selection before making another
            self._chosen = self.X[rows].astype(np.float64)  # float64, so that scikit-learn keeps no copy
            self._rows = rows
        return self._chosen


def _test(
    X: sparse.csr_array,
    excerpts: sparse.csr_array,
    labels: _Labels,
    split: Split,
    settings: LinearSettings,
    words: list[str] | None = None,
) -> Margins:
    """Fit models on the training set of a split and return the margins of its test set.

    Args:
        X: (articles, columns).
        excerpts: (excerpts, columns).
        labels: of all articles.
        split: training and test set.
        settings: of the classifier.
        words: lemmas of the first columns; if given, the features are extended here by latent directions and
            prefixes learned on the training set alone.
    """
    if words is not None:
        folding = _folding(X[~split.excluded], words, settings)
        X, excerpts = folding.extend(X), folding.extend(excerpts)
    known = np.where(split.excluded[:, None], -1, labels.truth)
    settle = _to_settle(known, labels.clean, settings) if split.by_time else labels.settle
    models = _fit_rubrics(X, labels._replace(truth=known, settle=settle), settings)
    coefficients = np.stack([model.coefficients for model in models], axis=1)
    intercepts = np.array([model.intercept for model in models])
    return Margins(
        X[split.articles] @ coefficients + intercepts, excerpts[split.excerpts] @ coefficients + intercepts
    )


def _fit_rubrics(X: sparse.csr_array, labels: _Labels, settings: LinearSettings) -> list[_Model]:
    """Fit one model per rubric, each on the articles for which the rubric is known."""
    articles = _Articles(X)
    return [
        _fit_rubric(articles, truth, labels, settle, settings)
        for truth, settle in zip(labels.truth.T, labels.settle.tolist(), strict=True)
    ]


def _fit_rubric(
    articles: _Articles,
    truth: npt.NDArray[np.int8],
    labels: _Labels,
    settle: bool,
    settings: LinearSettings,
) -> _Model:
    """Fit the model of one rubric on the articles for which it is known."""
    known, clean = truth >= 0, labels.clean
    weights = np.where(clean, settings.clean_weight, 1.0)
    careful, careless = known & clean, known & ~clean
    if settle and careless.any() and len(np.unique(truth[careful])) == 2:
        odds = _clean_log_odds(articles, truth, careful, labels.folds, settings)
        share = float(truth[careful].mean())
        weights[careless] = label_weights(odds[careless], truth[careless], share)
    return _solve(articles, truth, known & (weights > 0), weights, settings)


def _clean_log_odds(
    articles: _Articles,
    truth: npt.NDArray[np.int8],
    careful: npt.NDArray[np.bool_],
    folds: Folds,
    settings: LinearSettings,
) -> Floats:
    """Return the log odds of a rubric for all articles, by a model of the clean ones; shape (articles,).

    Margins are calibrated by Platt scaling, fitted on out-of-fold margins of the clean articles. Uncalibrated
    margins would not do: with ten positives, the margin of a new positive article rarely exceeds 0.
    """
    chosen, answers, own = articles.choose(careful), truth[careful], folds[careful]
    clean_articles, equal = _Articles(chosen), np.ones(len(truth))
    tested, margins = np.zeros(len(own), bool), np.empty(len(own))
    for fold in np.unique(own).tolist():
        here = own == fold
        model = _solve(clean_articles, answers, ~here, equal[careful], settings)
        margins[here] = chosen[here] @ model.coefficients + model.intercept
        tested |= here
        if enough_clean(answers, tested, _TO_SCALE):
            break
    slope, offset = scaling(margins[tested], answers[tested])
    model = _solve(articles, truth, careful, equal, settings)
    return slope * (articles.X @ model.coefficients + model.intercept) + offset


def _solve(
    articles: _Articles,
    truth: npt.NDArray[np.int8],
    rows: npt.NDArray[np.bool_],
    weights: Floats,
    settings: LinearSettings,
) -> _Model:
    """Fit LinearSVC on the selected rows; with one class only, return a constant margin of -1."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    if len(np.unique(truth[rows])) < 2:  # a fold without positives
        return _Model(np.zeros(articles.X.shape[1], np.float32), -1.0)
    model = LinearSVC(C=settings.C, tol=_TOLERANCE, class_weight="balanced", random_state=settings.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a thousand iterations suffice for a ranking
        model.fit(articles.choose(rows), truth[rows], sample_weight=weights[rows])
    return _Model(model.coef_[0].astype(np.float32), float(model.intercept_[0]))
