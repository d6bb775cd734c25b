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
from topics.topic_models.coherence import c_npmi, keep_company
from topics.topic_models.continuity import SAME, overlap
from topics.topic_models.vocabulary import Vocabulary, VocabularySettings
from topics.types import NumberTried, TokenBatch

Floats = npt.NDArray[np.float32]

Learn = Callable[[sparse.csr_array, int, int], Floats]
"""Maps bags (articles, terms), a number of topics and a seed to topics (topics, terms)."""

CANDIDATES = (10, 15, 20, 30, 40, 50, 70, 100)
_TOP = 10
_ARTICLES_A_TOPIC = 25
"""Number of sampled articles needed per topic of a candidate."""


class Choice(msgspec.Struct, frozen=True):
    """The number of topics with the best score, and all candidates."""

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

    Each draw trains on its own four fifths of the sample under its own seed. A seed alone would change next
    to nothing, since every training begins at the same factorization.

    Args:
        tokens: the archive.
        learn: trains a model.
        settings: of the vocabulary.
        candidates: numbers to try; those too large for the sample are left out.
        seed: of the sample and the draws.
        draws: trainings a candidate, at least 2.
        sample: articles at most.
        jobs: processes.

    Raises:
        DataError: the archive is too small for the smallest candidate.
    """
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.permutation(len(tokens))[:sample])
    chosen = take(tokens, rows)
    vocabulary = Vocabulary(settings).fit(chosen)
    bags = vocabulary.transform(chosen)
    full = np.flatnonzero(np.diff(bags.indptr) > 0)
    limit = min(len(full) // _ARTICLES_A_TOPIC, bags.shape[1])
    numbers = [number for number in sorted(set(candidates)) if number <= limit]
    if not numbers:
        raise DataError(
            f"{len(full)} articles with known words are too few to choose from {min(candidates)} topics or "
            f"more, which need {_ARTICLES_A_TOPIC} each; set the number (num_topics) or add articles"
        )
    parts = [np.sort(generator.permutation(full)[: len(full) * 4 // 5]) for _ in range(draws)]
    pairs = list(product(numbers[::-1], range(draws)))  # the slowest first: no process idles at the end
    models = parallel.do((partial(learn, bags[parts[draw]], number, draw) for number, draw in pairs), jobs)
    found = dict(zip(pairs, models, strict=True))
    places = vocabulary.occurrences(chosen)
    curve = tuple(
        _point(number, [found[number, draw] for draw in range(draws)], places.columns, places.rows)
        for number in numbers
    )
    return Choice(max(curve, key=lambda point: point.score).num_topics, curve)


def _point(
    number: int, models: list[Floats], sequence: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> NumberTried:
    values = []
    for counts in models:
        tops = np.argsort(-counts, axis=1, kind="stable")[:, :_TOP]
        company = keep_company(sequence, rows, tops.ravel().tolist())
        values.append(float(np.mean([c_npmi(company, top) for top in tops.tolist()])))
    stability = float(np.mean([_recurring(one, other) for one, other in combinations(models, 2)]))
    npmi = float(np.mean(values))
    return NumberTried(
        number,
        round(npmi, 4),
        round(float(np.std(values)), 4),
        round(stability, 4),
        round(npmi * stability, 4),
    )


def _recurring(one: Floats, other: Floats) -> float:
    """Return the share of topics that recur in the other model."""
    similarity = overlap(one, other)
    return float((similarity[linear_sum_assignment(similarity, maximize=True)] >= SAME).mean())
