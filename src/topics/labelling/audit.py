"""The audit job: find the labels of an archive that an editor should check.

Labels are ranked by the out-of-fold probability of the opposite ("self-confidence" of Northcutt, Jiang and
Chuang, 2021, "Confident learning"). `docs/report.md` and `scripts/measure_audit.py` compare this with
cleanlab's thresholds and scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from topics.config import Config
from topics.corpus import Corpus
from topics.corpus.articles import cell_of
from topics.labelling.worksheets import EXCERPT
from topics.pipeline import telling
from topics.reports.wording import Words, words
from topics.rubrics.calibration import Floats, Truth
from topics.text.excerpts import excerpt
from topics.training.learning import Learned, learn
from topics.training.preparation import prepare
from topics.types import Article, Explanation, Watch, unwatched

DOUBT = 0.5
"""Probability from which a label is considered wrong."""
_MAX_WORDS = 5
COLUMNS = ("now", "proposed", "sure", "reason", "title", "beginning", "outlet", "date")


class Suspect(msgspec.Struct, frozen=True):
    """An article that seems to be mislabelled."""

    id: str
    now: tuple[str, ...]
    """Rubrics in the archive."""
    proposed: tuple[str, ...]
    sure: float
    """Out-of-fold probability that its most doubtful label is wrong."""
    reason: str
    title: str
    beginning: str
    outlet: str
    date: str


class Audit(NamedTuple):
    """The result of an audit."""

    suspects: list[Suspect]
    """Most probable errors first."""
    examined: int
    """Articles with unchecked labels."""
    doubted: int
    """Those on which the model disagrees, listed or not: mislabelled, or misclassified."""


def audit(
    corpus: Corpus,
    config: Config,
    n: int = 200,
    *,
    language: str = "ru",
    jobs: int = 1,
    watch: Watch = unwatched,
) -> Audit:
    """Find the n articles of a corpus whose labels are most probably wrong.

    Args:
        corpus: read three times; articles with checked labels are used for training and never listed.
        config: as for training.
        n: articles to list.
        language: of the reasons, `ru` or `en`.
        jobs: processes.
        watch: called with the progress.

    Raises:
        DataError: no rubric has enough articles.
    """
    phrases = words("audit", language)
    learned = learn(prepare(corpus, config, jobs, watch), config, jobs, watch)
    checked = np.array([labels is None or labels.clean for labels in learned.material.labels])
    doubts = doubt(learned.truth, learned.answers.probabilities)
    doubts[checked] = 0
    worst = doubts.max(axis=1)
    listed = np.argsort(-worst, kind="stable")[: min(n, int((worst >= DOUBT).sum()))]
    watch("explaining", 0)
    places = learned.material.places
    articles = corpus.pick(places[listed].tolist())
    suspects = [
        _suspect(articles[int(places[row])], learned, doubts[row], row, phrases) for row in listed.tolist()
    ]
    return Audit(suspects, int((~checked).sum()), int((worst >= DOUBT).sum()))


def doubt(truth: Truth, probabilities: Floats) -> Floats:
    """Return the probability of the opposite of each label, shape (articles, rubrics); 0 where unknown.

    Args:
        truth: (articles, rubrics).
        probabilities: the same shape, out of fold.
    """
    return np.where(truth == 1, 1 - probabilities, np.where(truth == 0, probabilities, 0.0))


def table(suspects: Sequence[Suspect]) -> list[tuple[str, ...]]:
    """Return suspects as rows of a worksheet."""
    return [
        (
            row.id,
            cell_of(row.now, "+"),
            cell_of(row.proposed, "+"),
            f"{row.sure:.2f}",
            row.reason,
            row.title,
            row.beginning,
            row.outlet,
            row.date,
        )
        for row in suspects
    ]


def _suspect(article: Article, learned: Learned, doubts: Floats, row: int, phrases: Words) -> Suspect:
    rubrics = learned.pipeline.rubrics
    doubted = [r for r in np.argsort(-doubts, kind="stable").tolist() if doubts[r] >= DOUBT]
    labels = article.labels.rubrics if article.labels else frozenset()
    explanations = [learned.pipeline.explain(article, rubrics[r]) for r in doubted]
    reasons = [
        _reason(explanation, learned.truth[row, r] == 1, float(doubts[r]), phrases)
        for r, explanation in zip(doubted, explanations, strict=True)
    ]
    return Suspect(
        id=article.id,
        now=tuple(sorted(labels)),
        proposed=tuple(sorted(labels ^ {rubrics[r] for r in doubted})),
        sure=float(doubts.max()),
        reason=" ".join(reasons),
        title=explanations[0].title,
        beginning=excerpt(explanations[0].text, EXCERPT),
        outlet=article.outlet,
        date=article.date,
    )


def _reason(explanation: Explanation, is_given: bool, sure: float, phrases: Words) -> str:
    """Describe which label is doubted, and the words that are evidence against it."""
    text = phrases("wrong" if is_given else "missing", rubric=explanation.rubric, sure=phrases.share(sure))
    sign = -1 if is_given else 1
    if evidence := telling(explanation, sign, _MAX_WORDS):
        text += " " + phrases("against" if is_given else "for", words=", ".join(evidence))
    if explanation.rules:
        text += " " + phrases("rule", words=", ".join(rule.phrase for rule in explanation.rules))
    return text
