"""Training of rubrics: material becomes a pipeline, with predictions for articles it was not trained on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topics.config import Config, Rubrics
from topics.corpus.material import Material
from topics.errors import DataError, counted
from topics.pipeline import Pipeline
from topics.quality.evaluation import Answers, cross_validated, time_ordered
from topics.rubrics.calibration import Truth
from topics.rubrics.decisions import judged
from topics.rubrics.rules import Rules, known_if_named
from topics.training.estimators import new_classifier
from topics.training.gathering import sample
from topics.types import Labels, Reject, Watch, unwatched

LATER = 0.2
"""Share of the newest articles, which a model of the others is tested on."""
_DATED = 100
"""Labelled articles with a date needed for that test."""
_LISTED = 10
"""Largest number of rubrics in a message."""


class Learned(NamedTuple):
    """Result of training: a pipeline, and predictions for articles it was not trained on."""

    pipeline: Pipeline
    material: Material
    truth: Truth
    """(articles, rubrics of the pipeline), labels as given."""
    answers: Answers
    """Out-of-fold predictions; their truth is the labels that metrics are computed on."""
    folds: npt.NDArray[np.intp]
    left_out: dict[str, int]
    later: tuple[str, Answers] | None
    """First day of the later articles, and predictions for these by a model of the earlier ones."""


def learn(material: Material, config: Config, jobs: int = 1, watch: Watch = unwatched) -> Learned:
    """Train rubrics without publishing them; very large corpora are sampled.

    Raises:
        DataError: no rubric has enough articles.
    """
    classifier = new_classifier(config, jobs)
    material = sample(material, config.rubrics.max_articles)
    rules = Rules(config.rules)
    rules.check()
    truth, rubrics, left_out = truth_table(material.labels, config.rubrics, material.rejects)
    clean = np.array([labels is not None and labels.clean for labels in material.labels])
    days = np.array([day for _, day in material.origins])
    since = _later_since(days[(judged(truth, clean) >= 0).any(axis=1)])
    later = (days >= since) | (days == "") if since else None
    watch("learning rubrics", 0)
    classifier.policy.check((*rubrics, *left_out))
    classifier = classifier.fit(material.tokens, truth, rubrics, clean, later)
    truth = np.hstack([truth, _truth_of(material.labels, rules.beside(rubrics))])
    arguments = judged(truth, clean), rubrics, classifier.policy, rules, rules.hits(material.tokens)
    answers, ahead = cross_validated(classifier.out_of_fold, *arguments), None
    unfamiliar = classifier.unfamiliar(material.tokens)  # marked for review by the pipeline as well
    answers.review[unfamiliar] = True
    if later is not None:
        newest = time_ordered(classifier.out_of_fold, later, *arguments)
        newest.review[unfamiliar[later]] = True
        ahead = since, newest.take(days[later] != "")
    pipeline = Pipeline(material.cleaner, classifier, config.rubrics.classifier, rules)
    return Learned(pipeline, material, truth, answers, classifier.out_of_fold.folds, left_out, ahead)


def _later_since(days: npt.NDArray[np.str_]) -> str:
    """Return the first day of the newest fifth of the articles; "" if too few are dated.

    Args:
        days: dates of the labelled articles, "" where unknown.
    """
    dated = np.sort(days[days != ""])
    since = str(dated[int(len(dated) * (1 - LATER))]) if len(dated) >= _DATED else ""
    return since if since and dated[0] < since else ""


def truth_table(
    labels: list[Labels | None], wanted: Rubrics, rejects: Sequence[Reject] = ()
) -> tuple[Truth, tuple[str, ...], dict[str, int]]:
    """Return the truth (articles, rubrics), the rubrics, and the omitted rubrics with their positives.

    Args:
        labels: of each article.
        wanted: which rubrics to train.
        rejects: rejected rows, for the error message.

    Raises:
        DataError: no rubric has enough articles.
    """
    if not labels and not rejects:
        raise DataError("no articles to train on; check the input files")
    names = list(dict.fromkeys(wanted.names)) or sorted(
        {rubric for label in labels if label for rubric in label.rubrics}
    )
    truth = np.array([[_answer(label, name) for name in names] for label in labels], np.int8)
    truth = truth.reshape(len(labels), len(names))
    positives = (truth == 1).sum(axis=0)
    least = max(wanted.min_positives, 1)
    enough = (positives >= least) & ((truth == 0).sum(axis=0) >= least)
    if not enough.any():
        found = _counts(dict(zip(names, positives.tolist(), strict=True)))
        unwanted = Counter(rubric for label in labels if label for rubric in label.rubrics - set(names))
        others = f"; in the labels: {_counts(unwanted)}" if unwanted else ""
        raise DataError(
            f"no rubric has {least} articles with it and {least} without it "
            f"(found: {found}{others}); {_remedy(labels, rejects)}"
        )
    few = {name: int(n) for name, n, ok in zip(names, positives, enough, strict=True) if not ok}
    return truth[:, enough], tuple(name for name, ok in zip(names, enough, strict=True) if ok), few


def _counts(counts: Mapping[str, int]) -> str:
    """Format counts, `economy 9, tourism 3`; the largest ones if there are many."""
    largest = sorted(counts, key=lambda name: -counts[name])[:_LISTED]
    more = [f"and {len(counts) - _LISTED} more"] if len(counts) > _LISTED else []
    return ", ".join([*(f"{name} {counts[name]}" for name in largest), *more]) or "none"


def _remedy(labels: Sequence[Labels | None], rejects: Sequence[Reject]) -> str:
    if len(rejects) > len(labels):
        [(kind, count)] = Counter(map(_kind, rejects)).most_common(1)
        example = next(row for row in rejects if _kind(row) == kind)
        return (
            f"{len(rejects):,} of {counted(len(labels) + len(rejects), 'row')} were rejected, {count:,} like "
            f"{example.source}:{example.line}: {example.reason}; fix these first"
        )
    remedy = "name the column with --rubrics-column, or add labels with --labels"
    if not any(labels):
        remedy += (
            "; without labels, --only topics finds topics, and `topics suggest` chooses what to label first"
        )
    return remedy


def _kind(row: Reject) -> str:
    """Return the reason without quoted values and numbers, which differ from row to row."""
    return re.sub(r"'[^']*'|\d+", "", row.reason)


def _truth_of(labels: list[Labels | None], rubrics: tuple[str, ...]) -> Truth:
    """Return the truth of rubrics with rules only; unknown if no article is labelled with the rubric."""
    truth = np.array([[_answer(label, name) for name in rubrics] for label in labels], np.int8)
    return known_if_named(truth.reshape(len(labels), len(rubrics)))


def _answer(labels: Labels | None, rubric: str) -> int:
    state = labels.state(rubric) if labels else None
    return -1 if state is None else int(state)
