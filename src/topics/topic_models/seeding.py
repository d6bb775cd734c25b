"""Initialization of LDA by NMF of the TF-IDF matrix, converted to expected counts.

From gensim's random start, LDA ends in poor topics on news; `docs/topics.md` has the figures.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]


def seed_counts(
    bags: sparse.csr_array, num_topics: int, seed: int, iterations: int, before: Floats | None = None
) -> Floats:
    """Distribute the counts of n articles among topics: float32, shape (topics, terms).

    Args:
        bags: (n, terms), counts; no row is empty.
        num_topics: at most as many as there are articles, and terms.
        seed: of the factorization's random start.
        iterations: of the factorization, at most.
        before: topics to start from, shape (any number, terms), each a distribution over the terms.
    """
    weights = sparse.csr_matrix(_tfidf(bags))
    start = None if before is None else _warm_start(weights, before * _idf(bags), num_topics, seed)
    articles, terms = _factorize(weights, num_topics, seed, iterations, start)
    if len(terms) > num_topics:
        strength = np.linalg.norm(articles, axis=0) * np.linalg.norm(terms, axis=1)
        kept = np.sort(np.argsort(-strength, kind="stable")[:num_topics])
        articles, terms = articles[:, kept], terms[kept]
    return share_out(bags, articles, terms)


def _factorize(
    weights: sparse.csr_matrix,
    topics: int,
    seed: int,
    iterations: int,
    start: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """Factorize TF-IDF weights into (n, topics) and (topics, terms), none negative."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    size, init = (topics, "nndsvda") if start is None else (len(start[1]), "custom")
    factors = NMF(size, init=init, max_iter=iterations, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start need not be exact
        articles, terms = start or (None, None)
        document_weights = factors.fit_transform(weights, W=articles, H=terms)
    return document_weights.astype(np.float32), factors.components_.astype(np.float32)


def _warm_start(
    weights: sparse.csr_matrix, terms: Floats, num_topics: int, seed: int
) -> tuple[Floats, Floats]:
    """Start from the previous topics plus new ones, factorized from the residual that those leave.

    Together they outnumber `num_topics`; `seed_counts` drops the weakest. So retraining keeps most topics and
    still admits new ones.
    """
    from sklearn.decomposition import non_negative_factorization

    terms = np.maximum(terms, 1e-6).astype(np.float32)
    terms /= np.linalg.norm(terms, axis=1, keepdims=True)
    articles = np.full((weights.shape[0], len(terms)), 0.1, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged: a start need not be exact
        articles = non_negative_factorization(
            weights, W=articles, H=terms, init="custom", update_H=False, max_iter=10
        )[0]
    residual = weights.copy()
    residual.data = np.maximum(residual.data - _products(weights, articles, terms.T), 0)
    newcomers = max(num_topics - len(terms), 0) + max(1, round(_NEWCOMER_SHARE * num_topics))
    fresh_articles, fresh_terms = _factorize(
        residual, min(newcomers, *weights.shape), seed, _NEWCOMER_ITERATIONS
    )
    return (
        np.ascontiguousarray(np.hstack([articles, fresh_articles]), np.float32),
        np.vstack([terms, fresh_terms]),
    )


_NEWCOMER_SHARE = 0.07
"""Share of the topics that compete with new ones when a model is retrained."""
_NEWCOMER_ITERATIONS = 20


def share_out(bags: sparse.csr_array, articles: Floats, terms: Floats) -> Floats:
    """Give each count n(d, w) to the topics in proportion to articles[d, k] * (terms[k, w] + general[w]).

    Each row of `terms` is scaled to sum to 1; `general` is the share of each term in the archive. Without it,
    a term with weight 0 in a topic would stay at 0.

    Args:
        bags: (n, terms), counts.
        articles: (n, topics), not negative.
        terms: (topics, terms), not negative.
    """
    sums = np.maximum(terms.sum(axis=1), np.finfo(np.float32).tiny)
    general = np.bincount(bags.indices, bags.data, bags.shape[1]) / bags.data.sum()
    likely = np.ascontiguousarray((terms / sums[:, None] + _GENERAL_WEIGHT * general).T, np.float32)
    articles = articles * sums
    expected = _products(bags, articles, likely)
    ratios = np.divide(bags.data, expected, out=np.zeros_like(expected), where=expected > 0)
    shared = sparse.csr_array((ratios, bags.indices, bags.indptr), bags.shape).T @ articles
    return np.ascontiguousarray((np.asarray(shared) * likely).T)


_GENERAL_WEIGHT = 1.0
_BLOCK = 20_000


def _products(matrix: sparse.csr_array | sparse.csr_matrix, articles: Floats, terms: Floats) -> Floats:
    """Compute articles @ terms.T, (n, topics) by (terms, topics), at the stored entries of a matrix."""
    terms = np.ascontiguousarray(terms)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    products = np.empty(matrix.nnz, np.float32)
    for start in range(0, matrix.nnz, _BLOCK):
        part = slice(start, start + _BLOCK)
        products[part] = np.einsum("ij,ij->i", articles[rows[part]], terms[matrix.indices[part]])
    return products


def _idf(bags: sparse.csr_array) -> Floats:
    frequencies = np.bincount(bags.indices, minlength=bags.shape[1])
    return (np.log((1 + bags.shape[0]) / (1 + frequencies)) + 1).astype(np.float32)


def _tfidf(bags: sparse.csr_array) -> sparse.csr_array:
    """Return TF-IDF weights (1 + ln tf) * idf with rows of unit norm."""
    n = bags.shape[0]
    weights = (np.log(bags.data) + 1) * _idf(bags)[bags.indices]
    rows = np.repeat(np.arange(n), np.diff(bags.indptr))
    lengths = np.sqrt(np.bincount(rows, weights * weights, n)).astype(np.float32)
    return sparse.csr_array((weights / lengths[rows], bags.indices, bags.indptr), bags.shape)
