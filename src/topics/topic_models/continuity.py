"""Matching of topics between models, so that ids and names survive retraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from topics.topic_models.labels import relevance
from topics.types import Topic, TopicChange

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.int64]

SAME = 0.7
"""Similarity from which on two topics are the same; see `docs/topics.md` for its choice."""
_EVIDENCE_WORDS = 8
"""Words shown for a change."""


class Described(NamedTuple):
    """What matching needs of a topic model."""

    topics: tuple[Topic, ...]
    counts: npt.NDArray[np.float32]
    """Lambda, shape (topics, terms)."""
    terms: Sequence[str]
    forms: Mapping[str, str] = MappingProxyType({})
    """Term -> how the archive writes it, if that differs."""


class Continuity(NamedTuple):
    """The new topics under the identities of the old ones, and what changed."""

    topics: tuple[Topic, ...]
    changes: tuple[TopicChange, ...]


def similarities(old: Described, new: Described) -> Floats:
    """Compare each old topic with each new one, shape (old, new), from 0 (no common word) to 1 (equal).

    The Bhattacharyya coefficient, the sum of sqrt(p * q) over the terms of both models.
    """
    left, right = _shared(old, new)
    result: Floats = _roots(old.counts)[:, left] @ _roots(new.counts)[:, right].T
    return result


def _shared(old: Described, new: Described) -> tuple[Columns, Columns]:
    """Return the columns of the common terms in both models."""
    place = {term: i for i, term in enumerate(new.terms)}
    pairs = [(i, place[term]) for i, term in enumerate(old.terms) if term in place]
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    return left, right


def overlap(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> Floats:
    """Compute the Bhattacharyya coefficients of topics over the same terms, shape (first, second)."""
    result: Floats = _roots(first) @ _roots(second).T
    return result


def carry_over(old: Described, new: Described, last_id: int = 0, same: float = SAME) -> Continuity:
    """Assign the ids and names of old topics to the new topics that continue them.

    Old and new topics are matched one to one, with the largest sum of similarities (Kuhn, 1955). A new topic
    without a match gets an unused id.

    Args:
        old: the previous model.
        new: the new model.
        last_id: highest id used so far, in the previous model or its predecessors.
        same: similarity from which on two topics are the same.
    """
    similarity = similarities(old, new)
    old_of = _match(similarity, same)
    free = max([last_id, *(topic.id for topic in old.topics)]) + 1
    topics = []
    for n, topic in enumerate(new.topics):
        if n in old_of:
            before = old.topics[old_of[n]]
            topics.append(msgspec.structs.replace(topic, id=before.id, name=before.name))
        else:
            topics.append(msgspec.structs.replace(topic, id=free, name=""))
            free += 1
    return Continuity(
        tuple(topics), _changes(old, new._replace(topics=tuple(topics)), similarity, old_of, same)
    )


def changes(old: Described, new: Described, same: float = SAME) -> tuple[TopicChange, ...]:
    """Return the changes of topics from one model to another; topics are matched by similarity."""
    similarity = similarities(old, new)
    return _changes(old, new, similarity, _match(similarity, same), same)


def _match(similarity: Floats, same: float) -> dict[int, int]:
    """Return the new topics that continue an old one: new -> old."""
    from scipy.optimize import linear_sum_assignment  # 0.1 s to import, and tagging does without

    rows, columns = linear_sum_assignment(similarity, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {n: o for o, n in pairs if similarity[o, n] >= same}


def _changes(
    old: Described, new: Described, similarity: Floats, old_of: dict[int, int], same: float
) -> tuple[TopicChange, ...]:
    new_of = {o: n for n, o in old_of.items()}
    parts: dict[int, list[int]] = {o: [n] for n, o in old_of.items()}
    sources: dict[int, list[int]] = {n: [o] for n, o in old_of.items()}
    born: list[int] = []
    died: list[int] = []
    evidence = _Evidence(old, new)
    for n in range(len(new.topics)):
        o = int(similarity[:, n].argmax())
        if n not in old_of:
            (parts.setdefault(o, []) if similarity[o, n] >= same else born).append(n)
    for o in range(len(old.topics)):
        n = int(similarity[o].argmax())
        if o not in new_of:
            (sources.setdefault(n, []) if similarity[o, n] >= same else died).append(o)

    def change(
        kind: Literal["kept", "born", "died", "split", "merged"], olds: list[int], news: list[int]
    ) -> TopicChange:
        if kind == "born":
            values = [similarity[:, news[0]].max()]
        elif kind == "died":
            values = [similarity[olds[0]].max()]
        else:
            values = similarity[np.ix_(olds, news)].ravel().tolist()
        return TopicChange(
            kind,
            tuple(old.topics[o].id for o in olds),
            tuple(new.topics[n].id for n in news),
            tuple(round(float(value), 3) for value in values),
            evidence.words(olds, news),
        )

    return (
        *(change("kept", [o], [n]) for n, o in sorted(old_of.items())),
        *(change("born", [], [n]) for n in born),
        *(change("died", [o], []) for o in died),
        *(
            change("split", [o], news)
            for o, news in sorted(parts.items())
            if len(news) > 1 or o not in new_of
        ),
        *(
            change("merged", olds, [n])
            for n, olds in sorted(sources.items())
            if len(olds) > 1 or n not in old_of
        ),
    )


class _Evidence:
    """Finds the words that topics have in common, as the archive writes them."""

    def __init__(self, old: Described, new: Described) -> None:
        self._old, self._new = relevance(old.counts), relevance(new.counts)
        self._shared = _shared(old, new)
        self._terms = old.terms, new.terms
        self._forms = {**old.forms, **new.forms}

    def words(self, olds: list[int], news: list[int]) -> tuple[str, ...]:
        """Return the common terms whose minimum relevance over the topics is highest."""
        least, terms = self._least(olds, news)
        best = [terms[i] for i in np.argsort(-least, kind="stable")[: 2 * _EVIDENCE_WORDS].tolist()]
        return tuple(dict.fromkeys(self._forms.get(term, term) for term in best))[:_EVIDENCE_WORDS]

    def _least(self, olds: list[int], news: list[int]) -> tuple[Floats, Sequence[str]]:
        if not olds:
            return self._new[news].min(axis=0), self._terms[1]
        if not news:
            return self._old[olds].min(axis=0), self._terms[0]
        left, right = self._shared
        sides = self._old[olds][:, left], self._new[news][:, right]
        return np.vstack(sides).min(axis=0), [self._terms[1][i] for i in right.tolist()]


def _roots(counts: npt.NDArray[np.float32]) -> Floats:
    exact = counts.astype(np.float64)
    roots: Floats = np.sqrt(exact / exact.sum(axis=1, keepdims=True))
    return roots
