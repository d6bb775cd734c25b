"""Comparison of two versions on the same articles by a paired bootstrap.

Both versions answer every article, and each bootstrap draw has the same weights for both, so that intervals
are those of the difference. A metric is worse if its drop is significant (one-sided p below 5 %) after Holm's
correction for the number of metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import msgspec
import numpy as np

from topics.corpus import Corpus
from topics.pipeline import Pipeline
from topics.quality.assessment import collect_answers
from topics.quality.evaluation import Answers
from topics.quality.intervals import Weights, bootstrap, chance_of_loss, holm, intervals, unweighted
from topics.quality.measuring import MIN_POSITIVES, Estimate, estimate, metrics_of
from topics.rubrics.calibration import Floats
from topics.types import Watch, unwatched
from topics.versions.registry import Version, trained_on

LEVEL = 0.05
_OVERALL = ("exact match", "micro-F1", "macro-F1", "mean average precision")


class MetricChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One metric of both versions; None where it is undefined."""

    before: float | None
    after: float | None
    difference: Estimate
    """`after` minus `before`, with its 95 % interval."""
    verdict: Literal["better", "worse", ""]
    """Empty if not significant or not tested."""


class RubricMetricChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of one rubric by both versions."""

    rubric: str
    positives: int
    f1: MetricChange
    average_precision: MetricChange
    """Reported, not tested: editors see decisions, not rankings."""


class RubricComparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What would change if `after` replaced `before`."""

    before: str
    after: str
    sources: tuple[str, ...]
    articles: int
    reprints: int
    """Labelled articles left out as near-duplicates of others."""
    rejects: int
    rubrics: tuple[RubricMetricChange, ...]
    """Rubrics known to both."""
    overall: dict[str, MetricChange]
    """`exact match`, `micro-F1`, `macro-F1`, `mean average precision` (not tested); of these rubrics."""
    lost: tuple[str, ...]
    """Rubrics known only to `before`."""
    gained: tuple[str, ...]
    trained_on: dict[str, tuple[str, ...]]
    """Version -> sources that it was trained on; metrics on these are optimistic."""

    @property
    def losses(self) -> list[str]:
        """Metrics that are worse in `after`, as `economy: F1 0.840 -> 0.770`."""
        changes = {f"{rubric.rubric}: F1": rubric.f1 for rubric in self.rubrics} | self.overall
        worse = {name: change for name, change in changes.items() if change.verdict == "worse"}
        result = [f"{name} {change.before:.3f} -> {change.after:.3f}" for name, change in worse.items()]
        return result + [f"{rubric}: rubric missing" for rubric in self.lost]

    @property
    def unsure(self) -> list[str]:
        """Rubrics with too few positives to show a loss."""
        return [rubric.rubric for rubric in self.rubrics if rubric.positives < MIN_POSITIVES]


def compare(before: Version, after: Version, corpus: Corpus, watch: Watch = unwatched) -> RubricComparison:
    """Compare two versions on labelled articles that neither was trained on.

    Near-duplicates count once; unknown labels are ignored.

    Raises:
        DataError: no articles are labelled.
        ModelError: a version is damaged.
        UsageError: a version is of topics.
    """
    for version in (before, after):
        version.manifest.rubric_metrics()
    pipelines = [Pipeline.load(version.folder) for version in (before, after)]
    known = [pipeline.rubrics for pipeline in pipelines]
    shared = tuple(rubric for rubric in known[0] if rubric in known[1])
    collected = collect_answers(pipelines, corpus, partial(watch, "comparing"))
    pair = [
        _columns(answers.take(collected.firsts), rubrics, shared)
        for answers, rubrics in zip(collected.answers, known, strict=True)
    ]
    changes = _changes(*pair) if shared else []
    count = len(shared)
    return RubricComparison(
        before=before.label,
        after=after.label,
        sources=corpus.names,
        articles=len(pair[0].truth),
        reprints=collected.reprints,
        rejects=collected.rejects,
        rubrics=tuple(
            RubricMetricChange(name, int((pair[0].truth[:, r] == 1).sum()), changes[r], changes[count + r])
            for r, name in enumerate(shared)
        ),
        overall=dict(zip(_OVERALL, changes[2 * count :], strict=False)),
        lost=tuple(sorted(set(known[0]) - set(shared))),
        gained=tuple(sorted(set(known[1]) - set(shared))),
        trained_on=trained_on((before, after), corpus.sources),
    )


def _columns(answers: Answers, rubrics: Sequence[str], wanted: Sequence[str]) -> Answers:
    columns = [rubrics.index(rubric) for rubric in wanted]
    truth, probabilities, given, review = answers
    return Answers(truth[:, columns], probabilities[:, columns], given[:, columns], review)


def _changes(before: Answers, after: Answers) -> list[MetricChange]:
    """Compare F1 of each rubric, average precision of each rubric, then the overall metrics."""
    n, rubrics = before.truth.shape
    statistics = metrics_of(before, before.labelled), metrics_of(after, after.labelled)
    wanted = slice(2 * rubrics, 4 * rubrics + len(_OVERALL))  # neither precision nor recall
    # With fewer positives, draws look significant by chance.
    testable = np.flatnonzero((before.truth == 1).sum(axis=0) >= MIN_POSITIVES)
    tested = np.array([*testable, *range(2 * rubrics, 2 * rubrics + 3)])

    def difference(weights: Weights) -> Floats:
        return (statistics[1](weights) - statistics[0](weights))[wanted]

    values, drawn = bootstrap(difference, np.arange(n))
    verdicts = np.full(len(values), "", dtype=object)
    for verdict, signed in (("worse", drawn), ("better", -drawn)):
        verdicts[tested[holm(chance_of_loss(signed[tested])) < LEVEL]] = verdict
    each = [unweighted(statistic, n)[wanted].tolist() for statistic in statistics]
    return [
        MetricChange(_defined(old), _defined(new), estimate(interval), verdict)
        for old, new, interval, verdict in zip(
            *each, intervals(values, drawn), verdicts.tolist(), strict=True
        )
    ]


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else value
