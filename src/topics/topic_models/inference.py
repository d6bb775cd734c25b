"""Variational inference of LDA in numpy: the topic shares of articles, given the words of the topics.

The update is that of gensim's `LdaModel.inference` (Hoffman, Blei and Bach, 2010, "Online learning for latent
Dirichlet allocation"), with two differences: it starts from equal shares, not random ones, and it works on
blocks of articles. The width to which an article is padded depends on that article alone, so that its result,
to the last bit, does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]

_BLOCK_SIZE = 400_000
"""Values in a block of articles: 1.6 MB, about the size of a core's L2 cache."""
_WIDTH_STEP = 8
"""Articles of 1 to 8 distinct terms share a width, then those of 9 to 16 …; beyond 256 the steps double."""
_EPSILON = np.finfo(np.float32).eps
"""Added to divisors, as in gensim."""
_NEGLIGIBLE = np.float32(1e-18)
"""Factors below this become 0: beside `_EPSILON`, or a prior, they change no digit of a sum. Two fifths of
the word probabilities are smaller, and their products would be subnormal: slow on many processors."""


class Inferred(NamedTuple):
    """Variational parameters of n articles, and the factors of their sufficient statistics."""

    gamma: Floats
    """(n, topics)"""
    ratios: sparse.csr_array
    """(n, terms): counts over their expectation."""
    theta: Floats
    """(n, topics): exp(E[log theta]), each row up to a factor that cancels against `ratios`."""


def infer(
    bags: sparse.csr_array, words: Floats, alpha: Floats, iterations: int, threshold: float
) -> Inferred:
    """Infer the topics of n articles.

    Args:
        bags: (n, terms), counts.
        words: (terms, topics), exp(E[log beta]).
        alpha: (topics,), prior of the shares.
        iterations: largest number of iterations per article.
        threshold: mean change of gamma below which an article has converged.
    """
    n, topics = bags.shape[0], len(alpha)
    gamma = np.tile(alpha, (n, 1))
    theta = np.zeros((n, topics), np.float32)
    ratios = np.zeros(bags.nnz, np.float32)
    lengths = np.diff(bags.indptr)
    for rows, width in _blocks(lengths, topics):
        inside = np.arange(width) < lengths[rows, None]
        places = np.where(inside, bags.indptr[rows, None] + np.arange(width), 0)
        counts = np.where(inside, bags.data[places], np.float32(0))
        block = words[bags.indices[places]]
        block[block < _NEGLIGIBLE] = 0
        gamma[rows], theta[rows], ratio = _converge(block, counts, alpha, iterations, threshold)
        ratios[places[inside]] = ratio[inside]
    return Inferred(gamma, sparse.csr_array((ratios, bags.indices, bags.indptr), bags.shape), theta)


def statistics(inferred: Inferred, words: Floats) -> Floats:
    """Compute the sufficient statistics: expected counts of each term in each topic, (topics, terms)."""
    return np.asarray((inferred.ratios.T @ inferred.theta) * words).T


def _converge(
    block: Floats, counts: Floats, alpha: Floats, iterations: int, threshold: float
) -> tuple[Floats, Floats, Floats]:
    """Iterate until gamma converges; block (articles, width, topics), counts (articles, width)."""
    shape = (len(block), len(alpha))
    gamma, theta, ratio = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty_like(counts)
    active = np.arange(len(block))
    active_gamma = np.ones(shape, np.float32)
    active_theta = exp_digamma(active_gamma)
    active_ratio = _ratio(block, counts, active_theta)
    for _ in range(iterations):
        before = active_gamma
        active_gamma = alpha + active_theta * np.matmul(active_ratio[:, None, :], block)[:, 0]
        active_theta = exp_digamma(active_gamma)
        active_ratio = _ratio(block, counts, active_theta)
        done = np.abs(active_gamma - before).mean(axis=1) < threshold
        if done.any():
            ended, going = active[done], ~done
            gamma[ended], theta[ended], ratio[ended] = (
                active_gamma[done],
                active_theta[done],
                active_ratio[done],
            )
            active, block, counts = active[going], block[going], counts[going]
            active_gamma, active_theta, active_ratio = (
                active_gamma[going],
                active_theta[going],
                active_ratio[going],
            )
            if not len(active):
                break
    gamma[active], theta[active], ratio[active] = active_gamma, active_theta, active_ratio
    return gamma, theta, ratio


def _ratio(block: Floats, counts: Floats, theta: Floats) -> Floats:
    ratio: Floats = counts / (np.matmul(block, theta[:, :, None])[:, :, 0] + _EPSILON)
    return ratio


def exp_digamma(x: Floats) -> Floats:
    """Compute exp(digamma(x)) for x > 0 in single precision, some ten times as fast as scipy's digamma.

    The recurrence shifts x by four, from where the asymptotic series has an error below 1e-7. Values below
    `_NEGLIGIBLE` become 0.
    """
    y = x + np.float32(4)
    inverse = np.float32(1) / y
    square = inverse * inverse
    series = inverse * np.float32(0.5) + square * (
        np.float32(1 / 12) - square * (np.float32(1 / 120) - square * np.float32(1 / 252))
    )
    z = x * (x + np.float32(3))  # x (x + 1) (x + 2) (x + 3) = z (z + 2)
    lifted = (x + x + np.float32(3)) * (z + z + np.float32(2)) / (z * (z + np.float32(2)))
    value: Floats = y * np.exp(-series - lifted)
    value[value < _NEGLIGIBLE] = 0
    return value


def _blocks(lengths: npt.NDArray[np.integer], topics: int) -> Iterator[tuple[Int64s, int]]:
    """Group the articles that have terms into blocks of equal width."""
    widths = _widths(lengths)
    order = np.argsort(widths, kind="stable")
    widths = widths[order]
    for width in np.unique(widths[widths > 0]).tolist():
        rows = order[np.searchsorted(widths, width) : np.searchsorted(widths, width, "right")]
        size = max(1, _BLOCK_SIZE // (width * topics))
        for start in range(0, len(rows), size):
            yield rows[start : start + size], width


def _widths(lengths: npt.NDArray[np.integer]) -> Int64s:
    widths = -(-lengths // _WIDTH_STEP) * _WIDTH_STEP
    large = widths > 256
    step = 2 ** (np.ceil(np.log2(np.maximum(widths, 257))).astype(np.int64) - 4)
    return np.where(large, -(-widths // step) * step, widths).astype(np.int64)
