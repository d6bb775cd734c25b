"""Variational inference of LDA in numpy: the topic shares of articles, given the words of the topics.

The update is that of gensim's `LdaModel.inference` (Hoffman, Blei and Bach, 2010, "Online learning for latent
Dirichlet allocation"), with two differences. It starts from equal shares, not from random ones, and it works
on blocks of articles at a time. An article lies in a block in a width that depends on that article alone, so
that its answer, to the last bit, does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]

_BLOCK = 400_000
"""Numbers in a block of articles: 1.6 MB, about what a core's own cache holds."""
_STEP = 8
"""Articles of 1 to 8 distinct terms share a width, then those of 9 to 16 …; beyond 256 the steps double."""
_EPSILON = np.finfo(np.float32).eps
"""What gensim adds to a sum that it divides by."""
_NOTHING = np.float32(1e-18)
"""Below this a factor counts as 0: beside `_EPSILON`, or a prior, it changes no digit of a sum. Two fifths of
the chances of words lie between it and 0, and products of such are subnormal: slow on many processors."""


class Inferred(NamedTuple):
    """What is known of n articles: `gamma` (n, topics), and what they add to the topics' word counts."""

    gamma: Floats
    ratios: sparse.csr_array
    """(n, terms): counts over their expectation; with `theta` it makes the sufficient statistics."""
    theta: Floats
    """(n, topics): exp(E[log theta]), each row up to a factor that `ratios` make good."""


def infer(
    bags: sparse.csr_array, words: Floats, alpha: Floats, iterations: int, threshold: float
) -> Inferred:
    """Infer the topics of n articles.

    Args:
        bags: (n, terms), counts.
        words: (terms, topics), exp(E[log beta]).
        alpha: (topics,), prior of the shares.
        iterations: largest number of iterations per article.
        threshold: mean change of gamma below which an article is done.
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
        block[block < _NOTHING] = 0
        gamma[rows], theta[rows], ratio = _settle(block, counts, alpha, iterations, threshold)
        ratios[places[inside]] = ratio[inside]
    return Inferred(gamma, sparse.csr_array((ratios, bags.indices, bags.indptr), bags.shape), theta)


def statistics(inferred: Inferred, words: Floats) -> Floats:
    """Sum up the expected counts of each term in each topic, shape (topics, terms)."""
    return np.asarray((inferred.ratios.T @ inferred.theta) * words).T


def _settle(
    block: Floats, counts: Floats, alpha: Floats, iterations: int, threshold: float
) -> tuple[Floats, Floats, Floats]:
    """Iterate until gamma converges; block (articles, width, topics), counts (articles, width)."""
    shape = (len(block), len(alpha))
    gamma, theta, ratio = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty_like(counts)
    alive = np.arange(len(block))
    here_gamma = np.ones(shape, np.float32)
    here_theta = exp_digamma(here_gamma)
    here_ratio = _ratio(block, counts, here_theta)
    for _ in range(iterations):
        before = here_gamma
        here_gamma = alpha + here_theta * np.matmul(here_ratio[:, None, :], block)[:, 0]
        here_theta = exp_digamma(here_gamma)
        here_ratio = _ratio(block, counts, here_theta)
        done = np.abs(here_gamma - before).mean(axis=1) < threshold
        if done.any():
            ended, going = alive[done], ~done
            gamma[ended], theta[ended], ratio[ended] = here_gamma[done], here_theta[done], here_ratio[done]
            alive, block, counts = alive[going], block[going], counts[going]
            here_gamma, here_theta, here_ratio = here_gamma[going], here_theta[going], here_ratio[going]
            if not len(alive):
                break
    gamma[alive], theta[alive], ratio[alive] = here_gamma, here_theta, here_ratio
    return gamma, theta, ratio


def _ratio(block: Floats, counts: Floats, theta: Floats) -> Floats:
    ratio: Floats = counts / (np.matmul(block, theta[:, :, None])[:, :, 0] + _EPSILON)
    return ratio


def exp_digamma(x: Floats) -> Floats:
    """Compute exp(digamma(x)) for x > 0 in single precision, some ten times as fast as scipy's digamma.

    Digamma's recurrence lifts x by four, where the asymptotic series has an error below 1e-7. What is next to
    nothing is 0.
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
    value[value < _NOTHING] = 0
    return value


def _blocks(lengths: npt.NDArray[np.integer], topics: int) -> Iterator[tuple[Int64s, int]]:
    """Group the articles that have terms into blocks of equal width."""
    widths = _widths(lengths)
    order = np.argsort(widths, kind="stable")
    widths = widths[order]
    for width in np.unique(widths[widths > 0]).tolist():
        rows = order[np.searchsorted(widths, width) : np.searchsorted(widths, width, "right")]
        size = max(1, _BLOCK // (width * topics))
        for start in range(0, len(rows), size):
            yield rows[start : start + size], width


def _widths(lengths: npt.NDArray[np.integer]) -> Int64s:
    widths = -(-lengths // _STEP) * _STEP
    large = widths > 256
    step = 2 ** (np.ceil(np.log2(np.maximum(widths, 257))).astype(np.int64) - 4)
    return np.where(large, -(-widths // step) * step, widths).astype(np.int64)
