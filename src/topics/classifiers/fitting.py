"""Fitting of linear models: one per rubric, for the final classifier and for the test sets of all splits."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from topics import parallel
from topics.classifiers.settings import LinearSettings
from topics.rubrics.calibration import Truth, scaling
from topics.rubrics.cross_validation import Folds, Margins, Split, join_rubrics
from topics.rubrics.decisions import enough_clean
from topics.rubrics.folding import Folding
from topics.rubrics.label_noise import label_weights
from topics.rubrics.latent import directions
from topics.rubrics.prefixes import prefixes

Floats = npt.NDArray[np.float64]

_TO_SETTLE = 5
"""Clean articles of each class needed to judge the archive by; see docs/experiments.md."""
_TO_SCALE = 100
"""Out-of-fold margins of each class that suffice to fit Platt scaling."""
_FEW = 10_000
"""Number of articles up to which latent directions are learned per fold. In a small corpus, articles that the
directions were learned from lie along them as no new article does, which would bias the thresholds."""
_TOLERANCE = 0.1
"""Stopping tolerance, liblinear's default. A tenth of it changes the results by at most .001."""
_PARTS = 16
"""Number of parts that hundreds of rubrics are split into; the rubrics of a part share training matrices."""
_ENTRY, _MEMORY = 28, 2_000_000_000
"""Bytes that one fit needs per matrix entry, and the limit for all concurrent fits."""


class Model(NamedTuple):
    """The model of one rubric."""

    coefficients: npt.NDArray[np.float32]
    """(columns,)."""
    intercept: float


class Data(NamedTuple):
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


class Targets(NamedTuple):
    """Targets of some rubrics, and how to learn from them."""

    truth: Truth
    clean: npt.NDArray[np.bool_]
    folds: Folds
    """(articles,), for out-of-fold margins of the clean articles."""
    settle: npt.NDArray[np.bool_]
    """(rubrics,), whether labels of the archive are weighted by a model of the clean articles. Models of
    folds follow the final model here, although they have fewer clean articles: otherwise thresholds would be
    learned from models of another kind."""

    def split(self, most: int) -> list[Targets]:
        """Split the rubrics into at most `most` parts."""
        parts = np.array_split(np.arange(self.truth.shape[1]), min(self.truth.shape[1], most))
        return [self._replace(truth=self.truth[:, part], settle=self.settle[part]) for part in parts]


_Task = Callable[[], Any]
"""Returns `list[Model]` for the final models, `Margins` for a test."""


def fit_all(
    data: Data, labels: Targets, splits: list[Split], settings: LinearSettings, jobs: int
) -> tuple[list[Model], list[Margins]]:
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


def to_settle(truth: Truth, clean: npt.NDArray[np.bool_], settings: LinearSettings) -> npt.NDArray[np.bool_]:
    """Return for each rubric whether there are enough clean articles to judge the archive by."""
    return np.array([settings.settle and enough_clean(column, clean, _TO_SETTLE) for column in truth.T])


def learn_folding(X: sparse.csr_array, words: list[str], settings: LinearSettings) -> Folding:
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
    labels: Targets,
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
        folding = learn_folding(X[~split.excluded], words, settings)
        X, excerpts = folding.extend(X), folding.extend(excerpts)
    known = np.where(split.excluded[:, None], -1, labels.truth)
    settle = to_settle(known, labels.clean, settings) if split.by_time else labels.settle
    models = _fit_rubrics(X, labels._replace(truth=known, settle=settle), settings)
    coefficients = np.stack([model.coefficients for model in models], axis=1)
    intercepts = np.array([model.intercept for model in models])
    return Margins(
        X[split.articles] @ coefficients + intercepts, excerpts[split.excerpts] @ coefficients + intercepts
    )


def _fit_rubrics(X: sparse.csr_array, labels: Targets, settings: LinearSettings) -> list[Model]:
    """Fit one model per rubric, each on the articles for which the rubric is known."""
    articles = _Articles(X)
    return [
        _fit_rubric(articles, truth, labels, settle, settings)
        for truth, settle in zip(labels.truth.T, labels.settle.tolist(), strict=True)
    ]


def _fit_rubric(
    articles: _Articles,
    truth: npt.NDArray[np.int8],
    labels: Targets,
    settle: bool,
    settings: LinearSettings,
) -> Model:
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
) -> Model:
    """Fit LinearSVC on the selected rows; with one class only, return a constant margin of -1."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    if len(np.unique(truth[rows])) < 2:  # a fold without positives
        return Model(np.zeros(articles.X.shape[1], np.float32), -1.0)
    model = LinearSVC(C=settings.C, tol=_TOLERANCE, class_weight="balanced", random_state=settings.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a thousand iterations suffice for a ranking
        model.fit(articles.choose(rows), truth[rows], sample_weight=weights[rows])
    return Model(model.coef_[0].astype(np.float32), float(model.intercept_[0]))
