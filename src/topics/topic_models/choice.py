"""Selection of the number of topics by coherence and by stability across samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, product

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from topics import parallel
from topics.errors import DataError
from topics.text.tokens import take
from topics.topic_models.coherence import c_npmi, cooccurrence
from topics.topic_models.continuity import SAME, overlap
from topics.topic_models.vocabulary import Vocabulary, VocabularySettings
from topics.types import NumberTried, TokenBatch

Floats = npt.NDArray[np.float32]

Learn = Callable[[sparse.csr_array, int, int], Floats]
"""Maps bags (articles, terms), a number of topics and a seed to topics (topics, terms)."""

CANDIDATES = (10, 15, 20, 30, 40, 50, 70, 100)
_TOP_WORDS = 10
_ARTICLES_PER_TOPIC = 25
"""Number of sampled articles needed per topic of a candidate."""


class Choice(msgspec.Struct, frozen=True):
    """The number of topics with the best score, and the scores of all candidates."""

    num_topics: int
    curve: tuple[NumberTried, ...]


def choose_topics(
    tokens: TokenBatch,
    learn: Learn,
    settings: VocabularySettings = VocabularySettings(),  # noqa: B008 (frozen)
    candidates: Sequence[int] = CANDIDATES,
    *,
    seed: int = 0,
    draws: int = 3,
    sample: int = 3000,
    jobs: int = 1,
) -> Choice:
    """Evaluate candidate numbers of topics on a sample of the corpus.

    Each draw trains on another four fifths of the sample with another seed. Other seeds alone would change
    next to nothing, since NMF initializes every training alike.

    Args:
        tokens: the archive.
        learn: trains a model.
        settings: of the vocabulary.
        candidates: numbers to try; those too large for the sample are left out.
        seed: of the sample and the draws.
        draws: trainings per candidate, at least 2.
        sample: largest number of articles.
        jobs: processes.

    Raises:
        DataError: the archive is too small for the smallest candidate.
    """
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.permutation(len(tokens))[:sample])
    sampled = take(tokens, rows)
    vocabulary = Vocabulary(settings).fit(sampled)
    bags = vocabulary.transform(sampled)
    nonempty = np.flatnonzero(np.diff(bags.indptr) > 0)
    limit = min(len(nonempty) // _ARTICLES_PER_TOPIC, bags.shape[1])
    numbers = [number for number in sorted(set(candidates)) if number <= limit]
    if not numbers:
        raise DataError(
            f"{len(nonempty)} articles with known words are too few to choose from {min(candidates)} topics "
            f"or more, which need {_ARTICLES_PER_TOPIC} each; set the number (num_topics) or add articles"
        )
    draw_rows = [np.sort(generator.permutation(nonempty)[: len(nonempty) * 4 // 5]) for _ in range(draws)]
    trials = list(product(numbers[::-1], range(draws)))  # the slowest first: no process idles at the end
    models = parallel.do(
        (partial(learn, bags[draw_rows[draw]], number, draw) for number, draw in trials), jobs
    )
    trained = dict(zip(trials, models, strict=True))
    occurrences = vocabulary.occurrences(sampled)
    curve = tuple(
        _evaluate(
            number, [trained[number, draw] for draw in range(draws)], occurrences.columns, occurrences.rows
        )
        for number in numbers
    )
    return Choice(max(curve, key=lambda point: point.score).num_topics, curve)


def _evaluate(
    number: int, models: list[Floats], sequence: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> NumberTried:
    coherences = []
    for counts in models:
        top_words = np.argsort(-counts, axis=1, kind="stable")[:, :_TOP_WORDS]
        pairs = cooccurrence(sequence, rows, top_words.ravel().tolist())
        coherences.append(float(np.mean([c_npmi(pairs, top) for top in top_words.tolist()])))
    stability = float(np.mean([_recurring_share(first, second) for first, second in combinations(models, 2)]))
    npmi = float(np.mean(coherences))
    return NumberTried(
        number,
        round(npmi, 4),
        round(float(np.std(coherences)), 4),
        round(stability, 4),
        round(npmi * stability, 4),
    )


def _recurring_share(first: Floats, second: Floats) -> float:
    """Return the share of topics that recur in the other model."""
    similarity = overlap(first, second)
    return float((similarity[linear_sum_assignment(similarity, maximize=True)] >= SAME).mean())
