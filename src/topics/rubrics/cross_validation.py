"""Cross-validation splits: grouped, stratified folds, and a split by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topics.errors import DataError
from topics.text.duplicates import Groups

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Folds = npt.NDArray[np.intp]


class Margins(NamedTuple):
    """Decision function values computed by one model."""

    articles: Floats
    """(articles, rubrics)."""
    excerpts: Floats
    """(excerpts, rubrics)."""


class Split(NamedTuple):
    """One train/test split, as boolean masks."""

    excluded: Bools
    """(articles,), left out of the training set."""
    articles: Bools
    """(articles,), the test set."""
    excerpts: Bools
    """(excerpts,), the excerpts that belong to the test set."""
    by_time: bool = False
    """Whether the split emulates training at an earlier date; a fold stands for the model of all articles."""


def assign_folds(clean: Bools, alike: Groups, folds: int, seed: int) -> Folds:
    """Assign articles to folds at random: stratified by `clean`, reprints of one article in the same fold.

    Raises:
        DataError: all articles are reprints of one another.
    """
    generator = np.random.default_rng(seed)
    firsts, member = np.unique(alike, return_inverse=True)
    if len(firsts) < 2:
        raise DataError(f"all {len(clean)} articles are near-duplicates of one another; add others")
    careful = np.isin(np.arange(len(firsts)), member[clean])
    dealt = np.empty(len(firsts), np.intp)
    for kind in (np.flatnonzero(careful), np.flatnonzero(~careful)):
        dealt[generator.permutation(kind)] = np.arange(len(kind)) % folds
    return dealt[member]


def fold_splits(folds: Folds, cut: Folds, count: int) -> list[Split]:
    """Return one split per fold.

    Args:
        folds: (articles,).
        cut: (excerpts,), the folds of the articles that the excerpts come from.
        count: number of folds.
    """
    return [Split(folds == fold, folds == fold, cut == fold) for fold in range(count)]


def time_split(later: Bools, alike: Groups, excerpts: int) -> Split:
    """Return the split that tests on later articles; reprints of these are excluded from training."""
    return Split(np.isin(alike, alike[later]), later, np.zeros(excerpts, bool), by_time=True)


def join_rubrics(parts: Sequence[Margins]) -> Margins:
    """Concatenate the margins of disjoint sets of rubrics for the same split."""
    articles, excerpts = zip(*parts, strict=True)
    return Margins(np.concatenate(articles, axis=1), np.concatenate(excerpts, axis=1))


def join_folds(splits: Sequence[Split], margins: Sequence[Margins]) -> Margins:
    """Gather the margins of the test sets of all folds; rows are in the order of the corpus."""
    width = margins[0].articles.shape[1]
    articles = np.empty((len(splits[0].articles), width))
    excerpts = np.empty((len(splits[0].excerpts), width))
    for split, tested in zip(splits, margins, strict=True):
        articles[split.articles], excerpts[split.excerpts] = tested
    return Margins(articles, excerpts)
