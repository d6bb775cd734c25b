"""Who is judged by models of whom: a fold by those of the others, later articles by those of their past."""

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
Judged = tuple[Floats, Floats]
"""Margins of articles and of excerpts, (articles, rubrics) and (excerpts, rubrics)."""


class Round(NamedTuple):
    """What one training run leaves out and is asked about, as masks."""

    away: Bools
    """(articles,): not to be learned from."""
    articles: Bools
    """(articles,): to be judged."""
    excerpts: Bools
    """(excerpts,): to be judged as well."""
    of_its_time: bool = False
    """It stands for a model trained when there was no more, not for the one that is learned of all."""


def deal(clean: Bools, alike: Groups, folds: int, seed: int) -> Folds:
    """Deal the articles into folds of one size, clean ones and others each evenly, reprints into one fold.

    Raises:
        DataError: all articles are reprints of one another.
    """
    generator = np.random.default_rng(seed)
    firsts, member = np.unique(alike, return_inverse=True)
    if len(firsts) < 2:
        raise DataError(f"all {len(clean)} articles are reprints of one another; give others as well")
    careful = np.isin(np.arange(len(firsts)), member[clean])
    dealt = np.empty(len(firsts), np.intp)
    for kind in (np.flatnonzero(careful), np.flatnonzero(~careful)):
        dealt[generator.permutation(kind)] = np.arange(len(kind)) % folds
    return dealt[member]


def of_folds(folds: Folds, cut: Folds, count: int) -> list[Round]:
    """Ask about each fold the models of the others.

    Args:
        folds: (articles,).
        cut: (excerpts,), the folds of the articles that were cut short.
        count: how many folds there are.
    """
    return [Round(folds == fold, folds == fold, cut == fold) for fold in range(count)]


def of_time(later: Bools, alike: Groups, excerpts: int) -> Round:
    """Ask about later articles a model of the others; what repeats a later one is not learned from."""
    return Round(np.isin(alike, alike[later]), later, np.zeros(excerpts, bool), of_its_time=True)


def joined(parts: Sequence[Judged], count: int) -> list[Judged]:
    """Join what was said in each of so many rounds of some rubrics each, round after round."""
    width = len(parts) // count
    by_round = [parts[start : start + width] for start in range(0, len(parts), width)]
    return [
        (np.concatenate(articles, axis=1), np.concatenate(excerpts, axis=1))
        for articles, excerpts in (zip(*of_one, strict=True) for of_one in by_round)
    ]


def in_place(rounds: Sequence[Round], judged: Sequence[Judged]) -> Judged:
    """Put what was said in each fold where its articles and its excerpts stand."""
    width = judged[0][0].shape[1]
    margins = np.empty((len(rounds[0].articles), width))
    others = np.empty((len(rounds[0].excerpts), width))
    for one, (of_articles, of_excerpts) in zip(rounds, judged, strict=True):
        margins[one.articles], others[one.excerpts] = of_articles, of_excerpts
    return margins, others
