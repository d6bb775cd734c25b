"""Active learning: selection of the articles to label next.

An article is worth labelling if a model of the existing labels is uncertain about it (uncertainty sampling,
Lewis and Gale 1994), especially about a rubric with few examples, and if it is unlike those already labelled
or chosen (maximal marginal relevance, Carbonell and Goldstein 1998). `docs/cold_start.md` has the learning
curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from topics.config import Config, Rubrics
from topics.corpus import Corpus
from topics.errors import DataError
from topics.labelling.worksheets import EXCERPT
from topics.reports.wording import Words, words
from topics.rubrics.calibration import Floats, Truth, log_odds
from topics.rubrics.features import Fields, Tfidf
from topics.text import duplicates
from topics.text.excerpts import excerpt
from topics.training.estimators import new_classifier
from topics.training.learning import truth_table
from topics.training.preparation import prepare
from topics.types import Article, Labels, TokenBatch, Watch, unwatched

Rows = npt.NDArray[np.intp]

COLUMNS = ("reason", "title", "beginning", "outlet", "date")
_BLOCK = 64
"""Labelled articles compared with all candidates at a time."""
SIMILARITY_WEIGHT = 0.3
"""Weight of the similarity to labelled and chosen articles."""
_DIMENSIONS = 100
_MIN_LABELS = 30
"""With fewer labels, articles are chosen at random."""


class Suggestion(msgspec.Struct, frozen=True):
    """An article worth labelling."""

    id: str
    reason: str
    title: str
    beginning: str
    outlet: str
    date: str


class Suggestions(NamedTuple):
    """The articles chosen from a pool."""

    chosen: list[Suggestion]
    """Most useful first."""
    labelled: int
    positives: dict[str, int]
    """Rubric -> number of positive examples."""


def suggest(
    pool: Corpus,
    config: Config,
    n: int = 50,
    *,
    language: str = "ru",
    jobs: int = 1,
    watch: Watch = unwatched,
) -> Suggestions:
    """Choose n articles of a pool to label next.

    Args:
        pool: labelled articles are used for training and not chosen; with a `labels_file`, only the articles
            in it count as labelled.
        config: as for training.
        n: articles to choose.
        language: of the reasons, `ru` or `en`.
        jobs: processes.
        watch: called with the progress.

    Raises:
        DataError: every article of the pool is labelled.
    """
    phrases = words("suggest", language)
    material = prepare(pool, config, jobs, watch)
    labels = [label if _is_labelled(label, pool.is_laid_over) else None for label in material.labels]
    is_labelled = np.array([label is not None for label in labels])
    firsts = _unlabelled_firsts(material.tokens, is_labelled)
    candidates = firsts[~is_labelled[firsts]]
    if not len(candidates):
        raise DataError(f"all {len(labels)} articles are labelled; name a pool of unlabelled ones")
    truth, rubrics = _truth(labels, config.rubrics)
    watch("choosing", 0)
    doubts, probabilities = np.zeros((len(labels), 0)), np.zeros((len(labels), 0))
    if rubrics and is_labelled.sum() >= _MIN_LABELS:
        model = new_classifier(config, jobs).fit(material.tokens, truth, rubrics, is_labelled)
        probabilities = model.predict_proba(material.tokens)
        doubts = doubt(probabilities, truth)
    examples = (truth == 1).sum(axis=0)
    vectors, labelled = latent(material.tokens), np.flatnonzero(is_labelled)
    chosen, rubric_indices = choose(doubts, examples, vectors, labelled, candidates, n)
    places = material.places
    articles = pool.pick(places[chosen].tolist())

    def clean(article: Article) -> Article:
        title, text = material.cleaner.clean(article.title, article.text, article.outlet)
        return msgspec.structs.replace(article, title=title, text=text)

    return Suggestions(
        [
            _suggestion(clean(articles[int(places[row])]), rubrics, rubric, probabilities[row], phrases)
            for row, rubric in zip(chosen.tolist(), rubric_indices.tolist(), strict=True)
        ],
        int(is_labelled.sum()),
        dict(zip(rubrics, examples.tolist(), strict=True)),
    )


def doubt(probabilities: Floats, truth: Truth) -> Floats:
    """Return the uncertainty about each rubric of each article: 1 at the cut, less far from it.

    The cut of a rubric is such that the share of articles above it equals the share of positives among the
    labels. A threshold learned from a few examples would mostly be that of the other rubrics, far above all
    probabilities.

    Args:
        probabilities: (articles, rubrics).
        truth: (articles, rubrics); -1 where no label is known.
    """
    shares = (truth == 1).sum(axis=0) / np.maximum((truth >= 0).sum(axis=0), 1)
    columns = zip(probabilities.T, shares.tolist(), strict=True)
    cuts = np.array([np.quantile(column, 1 - share) for column, share in columns])
    doubts: Floats = np.exp(-np.abs(log_odds(probabilities) - log_odds(cuts)))
    return doubts


def latent(tokens: TokenBatch) -> npt.NDArray[np.float32]:
    """Return vectors of articles by latent semantic analysis, shape (articles, dimensions), rows of length 1.

    All zeros if no word occurs in two articles.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    try:
        matrix = Tfidf(Fields(min_df=2)).fit(tokens).transform(tokens)
    except DataError:
        return np.zeros((len(tokens), 1), np.float32)
    dimensions = min(_DIMENSIONS, min(matrix.shape) - 1)
    if dimensions < 1:
        return np.zeros((len(tokens), 1), np.float32)
    projected = TruncatedSVD(dimensions, random_state=0).fit_transform(matrix)
    vectors: npt.NDArray[np.float32] = normalize(projected).astype(np.float32)
    return vectors


def choose(
    doubts: Floats,
    examples: npt.NDArray[np.integer],
    vectors: npt.NDArray[np.float32],
    known: Rows,
    candidates: Rows,
    n: int,
) -> tuple[Rows, Rows]:
    """Choose n candidates greedily: uncertain, of rare rubrics, unlike those labelled or chosen.

    A rubric with four times as many examples has half the weight. An article chosen for a rubric counts as an
    example of it from then on, so that the rarest of dozens is not always chosen.

    Args:
        doubts: (articles, rubrics); without columns the choice is random.
        examples: (rubrics,), number of examples.
        vectors: (articles, dimensions), rows of length 1.
        known: labelled rows.
        candidates: rows to choose from.
        n: number of articles to choose.

    Returns:
        The rows, most useful first, and the rubric that each is chosen for; -1 if at random.
    """
    n = min(n, len(candidates))
    if not doubts.shape[1]:
        return np.random.default_rng(0).permutation(candidates)[:n], np.full(n, -1)
    doubts, candidate_vectors = doubts[candidates], vectors[candidates]
    examples = np.maximum(examples, 1)
    similarity = np.zeros(len(candidates), np.float32)
    for start in range(0, len(known), _BLOCK):
        similarities = candidate_vectors @ vectors[known[start : start + _BLOCK]].T
        np.maximum(similarity, similarities.max(axis=1), out=similarity)
    chosen, rubrics = list[int](), list[int]()
    for _ in range(n):
        utility = doubts * np.sqrt(examples.min() / examples)
        value = utility.max(axis=1) - SIMILARITY_WEIGHT * similarity
        value[chosen] = -np.inf
        best = int(value.argmax())
        chosen.append(best)
        rubrics.append(int(utility[best].argmax()))
        examples[rubrics[-1]] += 1
        np.maximum(similarity, candidate_vectors @ candidate_vectors[best], out=similarity)
    return candidates[chosen], np.array(rubrics, np.intp)


def table(chosen: Sequence[Suggestion]) -> list[tuple[str, ...]]:
    """Return suggestions as rows of a worksheet."""
    return [(row.id, row.reason, row.title, row.beginning, row.outlet, row.date) for row in chosen]


def _is_labelled(labels: Labels | None, only_clean: bool) -> bool:
    return labels is not None and (labels.clean or not only_clean)


def _unlabelled_firsts(tokens: TokenBatch, known: npt.NDArray[np.bool_]) -> Rows:
    """Return one article of each group of reprints, except groups with a labelled article."""
    groups = duplicates.groups(tokens)
    return np.setdiff1d(np.unique(groups), groups[known])


def _truth(labels: list[Labels | None], settings: Rubrics) -> tuple[Truth, tuple[str, ...]]:
    """Return the labels as a table; one positive and one negative example of a rubric are enough."""
    try:
        truth, rubrics, _ = truth_table(labels, msgspec.structs.replace(settings, min_positives=1))
    except DataError:
        return np.full((len(labels), 0), -1, np.int8), ()
    return truth, rubrics


def _suggestion(
    article: Article, rubrics: Sequence[str], index: int, probabilities: Floats, phrases: Words
) -> Suggestion:
    reason = phrases("chance")
    if index >= 0:
        probability = phrases.share(float(probabilities[index]))
        reason = phrases("doubt", rubric=rubrics[index], probability=probability)
    return Suggestion(
        article.id, reason, article.title, excerpt(article.text, EXCERPT), article.outlet, article.date
    )
