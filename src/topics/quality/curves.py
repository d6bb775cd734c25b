"""What can be drawn of a version's answers: ranking, calibration, risk and coverage, confusions."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import numpy.typing as npt

from topics.quality.evaluation import Answers
from topics.rubrics.calibration import Floats

POINTS = 60
"""Points of a curve."""
BINS = 10

Point = tuple[float, float]


class Bin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers of nearly the same probability, and the share of them that hold."""

    probability: float
    share: float
    answers: int


class Confusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rubric held and was missed, another was given in its place; empty: none."""

    held: str
    given: str
    articles: int


def precision_recall(answers: Answers, r: int) -> tuple[Point, ...]:
    """Draw (recall, precision) of one rubric, from the surest article to the last positive."""
    known = answers.truth[:, r] >= 0
    probabilities, holds = answers.probabilities[known, r], answers.truth[known, r] == 1
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(holds[order])
    if not len(hits) or not hits[-1]:
        return ()
    ends = np.flatnonzero(np.append(np.diff(probabilities[order]) < 0, True))  # equal ones come in together
    ends = ends[: int(np.searchsorted(hits[ends], hits[-1])) + 1]
    ends = _thinned(ends)
    return tuple(zip((hits[ends] / hits[-1]).tolist(), (hits[ends] / (ends + 1)).tolist(), strict=True))


def reliability(answers: Answers, r: int | None = None) -> tuple[Bin, ...]:
    """Part the answers of one rubric, or of all, by probability into ten bins of equal width."""
    columns = slice(None) if r is None else slice(r, r + 1)
    known = answers.truth[:, columns] >= 0
    probabilities = answers.probabilities[:, columns][known]
    holds = answers.truth[:, columns][known] == 1
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(float(probabilities[here].mean()), float(holds[here].mean()), int(here.sum()))
        for here in (bins == number for number in range(BINS))
        if here.any()
    )


def risk_coverage(answers: Answers, errors: Floats) -> tuple[Point, ...]:
    """Draw (share of the articles that no editor sees, share of these that are wholly right).

    Only articles of which every rubric is known count.

    Args:
        answers: of n articles.
        errors: (n,), how likely each is not to be wholly right; the likeliest go to an editor first.
    """
    truth, given = answers.truth[:, answers.labelled], answers.given[:, answers.labelled]
    whole = (truth >= 0).all(axis=1)
    if not answers.labelled.any() or not whole.any():
        return ()
    right = ((truth == 1) == given)[whole].all(axis=1)
    right = right[np.argsort(errors[whole], kind="stable")]
    counts = np.arange(1, len(right) + 1)
    ends = _thinned(np.arange(len(right) // 5, len(right)))
    share = np.cumsum(right) / counts
    return tuple(zip((counts[ends] / len(right)).tolist(), share[ends].tolist(), strict=True))


def confusions(answers: Answers, rubrics: tuple[str, ...]) -> tuple[Confusion, ...]:
    """Count which rubric was given in place of which, most frequent first."""
    missed = (answers.truth == 1) & ~answers.given
    wrong = (answers.truth == 0) & answers.given
    counts: Counter[tuple[str, str]] = Counter()
    for row in np.flatnonzero(missed.any(axis=1) | wrong.any(axis=1)):
        held = [rubrics[r] for r in np.flatnonzero(missed[row])] or [""]
        given = [rubrics[r] for r in np.flatnonzero(wrong[row])] or [""]
        counts.update((one, other) for one in held for other in given)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Confusion(held, given, articles) for (held, given), articles in ordered)


def _thinned(places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Keep the first, the last and evenly many between."""
    if len(places) <= POINTS:
        return places
    thinned: npt.NDArray[np.intp] = places[np.linspace(0, len(places) - 1, POINTS).round().astype(int)]
    return thinned
