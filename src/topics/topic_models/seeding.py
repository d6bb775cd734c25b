"""A quick factorization tells LDA where to begin: NMF of the TF-IDF matrix, turned into expected counts.

Plain LDA begins at random and on news ends in poor topics. `docs/topics.md` has the figures.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]


def seed_counts(bags: sparse.csr_array, num_topics: int, seed: int, iterations: int) -> Floats:
    """Share out the counts of n articles among topics: float32, shape (topics, terms).

    Args:
        bags: (n, terms), counts.
        num_topics: at most as many as there are articles, and terms.
        seed: of the factorization's random start.
        iterations: of the factorization, at most.
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    factors = NMF(num_topics, init="nndsvda", max_iter=iterations, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start need not be exact
        articles = factors.fit_transform(sparse.csr_matrix(_tfidf(bags))).astype(np.float32)
    return share_out(bags, articles, factors.components_.astype(np.float32))


def share_out(bags: sparse.csr_array, articles: Floats, terms: Floats) -> Floats:
    """Give each count n(d, w) to the topics in proportion to articles[d, k] * terms[k, w].

    Args:
        bags: (n, terms), counts.
        articles: (n, topics), not negative.
        terms: (topics, terms), not negative.
    """
    terms = np.ascontiguousarray(terms.T)
    rows = np.repeat(np.arange(bags.shape[0]), np.diff(bags.indptr))
    expected = np.empty(bags.nnz, np.float32)
    for start in range(0, bags.nnz, _BLOCK):
        part = slice(start, start + _BLOCK)
        expected[part] = np.einsum("ij,ij->i", articles[rows[part]], terms[bags.indices[part]])
    ratios = np.where(expected > 0, bags.data / np.maximum(expected, np.finfo(np.float32).tiny), 0)
    shared = sparse.csr_array((ratios, bags.indices, bags.indptr), bags.shape).T @ articles
    return np.ascontiguousarray((np.asarray(shared) * terms).T)


_BLOCK = 100_000


def _tfidf(bags: sparse.csr_array) -> sparse.csr_array:
    """Weigh counts as (1 + ln tf) * idf, each article scaled to length 1."""
    n = bags.shape[0]
    frequencies = np.bincount(bags.indices, minlength=bags.shape[1])
    idf = (np.log((1 + n) / (1 + frequencies)) + 1).astype(np.float32)
    weights = (np.log(bags.data) + 1) * idf[bags.indices]
    rows = np.repeat(np.arange(n), np.diff(bags.indptr))
    lengths = np.sqrt(np.bincount(rows, weights * weights, n)).astype(np.float32)
    return sparse.csr_array((weights / lengths[rows], bags.indices, bags.indptr), bags.shape)
