"""Two versions on the same articles: what differs, and whether chance alone would explain it.

Both answer every article; each draw of the bootstrap weighs the articles alike for both, so the interval is
of the difference itself. A figure counts as worse when chance would hardly explain its drop (one-sided p
under 5 %), even after Holm's correction for the number of figures looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np

from topics.corpus import Corpus
from topics.errors import DataError
from topics.pipeline import Pipeline
from topics.quality.assessment import answer
from topics.quality.evaluation import Answers
from topics.quality.intervals import Weights, as_they_are, bootstrap, chance_of_loss, holm, intervals
from topics.quality.measuring import ENOUGH, Estimate, estimate, metrics_of
from topics.rubrics.calibration import Floats
from topics.text import duplicates
from topics.text.tokens import concatenate
from topics.versions.registry import Version, trained_on

Watch = Callable[[str, int], None]

LEVEL = 0.05
_OVERALL = ("exact match", "micro-F1", "macro-F1", "mean average precision")


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure of both versions; None where the articles cannot tell."""

    before: float | None
    after: float | None
    difference: Estimate
    """`after` minus `before`, with its 95 % interval."""
    verdict: Literal["better", "worse", ""]
    """Empty: chance would explain it, or the figure is not judged."""


class RubricChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one rubric is told by both."""

    rubric: str
    positives: int
    f1: Change
    average_precision: Change
    """Shown, not judged: what editors meet are decisions."""


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What would change if `after` took the place of `before`."""

    before: str
    after: str
    sources: tuple[str, ...]
    articles: int
    reprints: int
    """Labelled articles left out as near-duplicates of others that are counted."""
    rejects: int
    rubrics: tuple[RubricChange, ...]
    """Those that both know."""
    overall: dict[str, Change]
    """`exact match`, `micro-F1`, `macro-F1`, `mean average precision` (not judged); of the rubrics above."""
    lost: tuple[str, ...]
    """Rubrics that only `before` knows."""
    gained: tuple[str, ...]
    trained_on: dict[str, tuple[str, ...]]
    """Version -> sources that it was trained on: figures on the same articles flatter it."""

    @property
    def losses(self) -> list[str]:
        """Name what `after` does worse: `economy: F1 0.840 -> 0.770`."""
        changes = {f"{rubric.rubric}: F1": rubric.f1 for rubric in self.rubrics} | self.overall
        worse = {name: change for name, change in changes.items() if change.verdict == "worse"}
        found = [f"{name} {change.before:.3f} -> {change.after:.3f}" for name, change in worse.items()]
        return found + [f"{rubric}: not known any more" for rubric in self.lost]

    @property
    def unsure(self) -> list[str]:
        """Rubrics that too few articles carry to show a loss."""
        return [rubric.rubric for rubric in self.rubrics if rubric.positives < ENOUGH]


def compare(
    before: Version, after: Version, corpus: Corpus, watch: Watch = lambda stage, done: None
) -> Comparison:
    """Let two versions answer labelled articles that neither was trained on.

    Near-duplicates count once, unknown labels not at all.

    Raises:
        DataError: no article is labelled.
        ModelError: a version is damaged.
        UsageError: a version knows topics, not rubrics.
    """
    for version in (before, after):
        version.manifest.rubric_metrics()
    pipelines = [Pipeline.load(version.folder) for version in (before, after)]
    known = [pipeline.rubrics for pipeline in pipelines]
    shared = tuple(rubric for rubric in known[0] if rubric in known[1])
    found, reprints, rejects = _answers(pipelines, corpus, shared, watch)
    changes = _changes(*found) if shared else []
    count = len(shared)
    return Comparison(
        before=before.label,
        after=after.label,
        sources=corpus.names,
        articles=len(found[0].truth),
        reprints=reprints,
        rejects=rejects,
        rubrics=tuple(
            RubricChange(name, int((found[0].truth[:, r] == 1).sum()), changes[r], changes[count + r])
            for r, name in enumerate(shared)
        ),
        overall=dict(zip(_OVERALL, changes[2 * count :], strict=False)),
        lost=tuple(sorted(set(known[0]) - set(shared))),
        gained=tuple(sorted(set(known[1]) - set(shared))),
        trained_on=trained_on((before, after), corpus.sources),
    )


def _answers(
    pipelines: Sequence[Pipeline], corpus: Corpus, rubrics: Sequence[str], watch: Watch
) -> tuple[list[Answers], int, int]:
    """Ask each pipeline about the labelled articles, reprints once; also count reprints and rejects."""
    batches, read, rejects = [], 0, 0
    answers: list[list[Answers]] = [[] for _ in pipelines]
    for batch in corpus.batches():
        rejects += len(batch.rejects)
        articles = [article for article in batch.articles if article.labels]
        read += len(batch.articles)
        watch("comparing", read)
        if not articles:
            continue
        for pipeline, found in zip(pipelines, answers, strict=True):
            tokens = pipeline.read(articles)
            found.append(_columns(answer(pipeline, articles, tokens), pipeline.rubrics, rubrics))
            if pipeline is pipelines[0]:
                batches.append(tokens)
    whole = concatenate(batches)
    if not len(whole):
        raise DataError(
            f"{read} articles, none labelled; name the column with --rubrics-column, "
            "or lay labels over with --labels"
        )
    firsts = np.unique(duplicates.groups(whole))
    joined = [Answers(*map(np.concatenate, zip(*found, strict=True))) for found in answers]
    return [found.take(firsts) for found in joined], len(whole) - len(firsts), rejects


def _columns(answers: Answers, have: Sequence[str], want: Sequence[str]) -> Answers:
    at = [have.index(rubric) for rubric in want]
    truth, probabilities, given, review = answers
    return Answers(truth[:, at], probabilities[:, at], given[:, at], review)


def _changes(before: Answers, after: Answers) -> list[Change]:
    """Compare F1 of each rubric, average precision of each, then the overall figures."""
    n, rubrics = before.truth.shape
    statistics = metrics_of(before, before.labelled), metrics_of(after, after.labelled)
    wanted = slice(2 * rubrics, 4 * rubrics + len(_OVERALL))  # neither precision nor recall
    sure = np.flatnonzero((before.truth == 1).sum(axis=0) >= ENOUGH)  # of five articles draws prove anything
    judged = np.array([*sure, *range(2 * rubrics, 2 * rubrics + 3)])

    def difference(weights: Weights) -> Floats:
        return (statistics[1](weights) - statistics[0](weights))[wanted]

    values, drawn = bootstrap(difference, np.arange(n))
    verdicts = np.full(len(values), "", dtype=object)
    for verdict, signed in (("worse", drawn), ("better", -drawn)):
        verdicts[judged[holm(chance_of_loss(signed[judged])) < LEVEL]] = verdict
    each = [as_they_are(statistic, n)[wanted].tolist() for statistic in statistics]
    return [
        Change(_defined(one), _defined(other), estimate(interval), verdict)
        for one, other, interval, verdict in zip(
            *each, intervals(values, drawn), verdicts.tolist(), strict=True
        )
    ]


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else value
