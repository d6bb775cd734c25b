"""Curves of the answers of a version (precision-recall, reliability, risk-coverage), and confusions."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import numpy.typing as npt

from topics.quality.evaluation import Answers
from topics.rubrics.calibration import Floats

MAX_POINTS = 60
"""Largest number of points of a curve."""
BINS = 10

Point = tuple[float, float]


class Bin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers of similar probability, and the share of them that are right."""

    probability: float
    share: float
    answers: int


class Confusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rubric that was missed (`held`), and one that was given instead (`given`); "" for none."""

    held: str
    given: str
    articles: int


def precision_recall(answers: Answers, r: int) -> tuple[Point, ...]:
    """Return points (recall, precision) of rubric `r`, from the first article to the last positive."""
    known = answers.truth[:, r] >= 0
    probabilities, holds = answers.probabilities[known, r], answers.truth[known, r] == 1
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(holds[order])
    if not len(hits) or not hits[-1]:
        return ()
    ends = np.flatnonzero(np.append(np.diff(probabilities[order]) < 0, True))  # ties are one step
    ends = ends[: int(np.searchsorted(hits[ends], hits[-1])) + 1]
    ends = _thinned(ends)
    return tuple(zip((hits[ends] / hits[-1]).tolist(), (hits[ends] / (ends + 1)).tolist(), strict=True))


def reliability(answers: Answers, r: int | None = None) -> tuple[Bin, ...]:
    """Return the answers of rubric `r`, or of all rubrics, in ten bins of equal width by probability."""
    columns = slice(None) if r is None else slice(r, r + 1)
    known = answers.truth[:, columns] >= 0
    probabilities = answers.probabilities[:, columns][known]
    holds = answers.truth[:, columns][known] == 1
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(float(probabilities[in_bin].mean()), float(holds[in_bin].mean()), int(in_bin.sum()))
        for in_bin in (bins == number for number in range(BINS))
        if in_bin.any()
    )


def risk_coverage(answers: Answers, errors: Floats) -> tuple[Point, ...]:
    """Return the points (share of articles not reviewed, share of these with every rubric right).

    Only articles with all rubrics known are used.

    Args:
        answers: of n articles.
        errors: (n,), probability that some rubric is wrong; the most probable errors are reviewed first.
    """
    truth, given = answers.truth[:, answers.labelled], answers.given[:, answers.labelled]
    complete = (truth >= 0).all(axis=1)
    if not answers.labelled.any() or not complete.any():
        return ()
    correct = ((truth == 1) == given)[complete].all(axis=1)
    correct = correct[np.argsort(errors[complete], kind="stable")]
    counts = np.arange(1, len(correct) + 1)
    ends = _thinned(np.arange(len(correct) // 5, len(correct)))
    share = np.cumsum(correct) / counts
    return tuple(zip((counts[ends] / len(correct)).tolist(), share[ends].tolist(), strict=True))


def confusions(answers: Answers, rubrics: tuple[str, ...]) -> tuple[Confusion, ...]:
    """Count which rubric was given instead of which, most frequent first."""
    missed = (answers.truth == 1) & ~answers.given
    wrong = (answers.truth == 0) & answers.given
    counts: Counter[tuple[str, str]] = Counter()
    for row in np.flatnonzero(missed.any(axis=1) | wrong.any(axis=1)):
        held = [rubrics[r] for r in np.flatnonzero(missed[row])] or [""]
        given = [rubrics[r] for r in np.flatnonzero(wrong[row])] or [""]
        counts.update((missing, assigned) for missing in held for assigned in given)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Confusion(held, given, articles) for (held, given), articles in ordered)


def _thinned(indices: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Keep at most `MAX_POINTS`, evenly spaced, including the first and the last."""
    if len(indices) <= MAX_POINTS:
        return indices
    thinned: npt.NDArray[np.intp] = indices[np.linspace(0, len(indices) - 1, MAX_POINTS).round().astype(int)]
    return thinned
