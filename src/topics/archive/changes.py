"""Differences between two models' predictions for an archive, by rubric, with examples."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from topics.corpus import Corpus, sources
from topics.corpus.articles import UnfitError, names
from topics.errors import DataError
from topics.tagger import Tagger
from topics.types import Article, Prediction, Reject

_MAX_FIELD = 1 << 24


class Scored(msgspec.Struct, frozen=True):
    """A model's prediction for one article."""

    id: str
    rubrics: frozenset[str]
    scores: dict[str, float]
    needs_review: bool
    model: str
    title: str = ""


class Example(msgspec.Struct, frozen=True, order=True):
    """An article that gained or lost a rubric."""

    change: float
    """Absolute difference of its scores."""
    id: str
    title: str
    old: float
    new: float


class RubricChange(msgspec.Struct, frozen=True):
    """Gains and losses of one rubric."""

    rubric: str
    old: int
    """Articles that had it."""
    new: int
    gained: int
    lost: int
    gained_examples: tuple[Example, ...]
    """Largest change first."""
    lost_examples: tuple[Example, ...]


class Changes(msgspec.Struct, frozen=True):
    """Differences between two models over an archive."""

    old_model: str
    new_model: str
    articles: int
    """Articles in both outputs."""
    changed: int
    """Those whose rubrics differ."""
    only_old: int
    only_new: int
    old_review: int
    new_review: int
    rubrics: tuple[RubricChange, ...]


class ArticleChange(msgspec.Struct, frozen=True):
    """An article whose rubrics changed, as `diff -o` writes it."""

    id: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    old: dict[str, float]
    new: dict[str, float]
    title: str = ""


Pair = tuple[Scored | None, Scored | None]
OnChange = Callable[[ArticleChange], None]


def compare(pairs: Iterator[Pair], examples: int = 5, on_change: OnChange = lambda change: None) -> Changes:
    """Count differences between old and new predictions.

    Args:
        pairs: predictions for the same article, see `paired` and `tagged`.
        examples: largest number of examples per rubric and direction.
        on_change: called with each changed article.
    """
    tally = _Tally(examples)
    for old, new in pairs:
        change = tally.add(old, new)
        if change:
            on_change(change)
    return tally.result()


def read(path: Path) -> Iterator[Scored]:
    """Iterate over an output of `predict`: a file, or a folder of parts.

    Raises:
        DataError: it is not an output of `predict`, or an unfinished one.
    """
    if path.is_dir() and (path / ".job").exists():
        raise DataError(f"{path}: its job is unfinished; resume it with the same `predict` command")
    parts = sorted(path.glob("part-*")) if path.is_dir() else [path]
    if not parts:
        raise DataError(f"{path}: has no parts; is this an output of `predict`?")
    for source in sources.find(parts).sources:
        for row in sources.Rows(source, _MAX_FIELD):
            if isinstance(row, Reject):
                raise DataError(f"{row.source}:{row.line}: {row.reason}; is this an output of `predict`?")
            if row.values.keys() != {"error", "line"}:  # a reject, as streams report them
                yield _from_row(row.values, f"{source.name}:{row.line}")


def tagged(corpus: Corpus, old: Tagger, new: Tagger) -> Iterator[Pair]:
    """Tag a corpus with two versions; yields a pair per article."""
    for batch in corpus.batches():
        answers = old.tag_articles(batch.articles), new.tag_articles(batch.articles)
        for article, before, after in zip(batch.articles, *answers, strict=True):
            yield _from_prediction(article, before), _from_prediction(article, after)


def paired(old: Iterator[Scored], new: Iterator[Scored]) -> Iterator[Pair]:
    """Pair up predictions for the same article; None stands for a missing partner.

    Outputs of one archive have the same order, and nothing is held in memory; otherwise unpaired predictions
    are. Repeated ids, which streams may have, are paired in order.
    """
    pending: tuple[dict[str, list[Scored]], dict[str, list[Scored]]] = {}, {}
    for pair in zip_longest(old, new):
        if (
            pair[0]
            and pair[1]
            and pair[0].id == pair[1].id
            and not any(pair[0].id in side for side in pending)
        ):
            yield pair
            continue
        for side, scored in enumerate(pair):
            if scored is None:
                continue
            if partners := pending[1 - side].get(scored.id):
                partner = partners.pop(0)
                if not partners:
                    del pending[1 - side][scored.id]
                yield (scored, partner) if side == 0 else (partner, scored)
            else:
                pending[side].setdefault(scored.id, []).append(scored)
    yield from ((scored, None) for rest in pending[0].values() for scored in rest)
    yield from ((None, scored) for rest in pending[1].values() for scored in rest)


def _from_prediction(article: Article, prediction: Prediction) -> Scored:
    rubrics = frozenset(score.label for score in prediction.rubrics)
    review, model = prediction.needs_review, prediction.model
    return Scored(article.id, rubrics, prediction.scores, review, model, article.title)


def _from_row(values: Mapping[str, Any], where: str) -> Scored:
    """Convert a row of any output format: lists and maps, or strings in CSV."""
    try:
        rubrics, scores, review = values["rubrics"], values["scores"], values["needs_review"]
        if not values["model"]:
            raise DataError(f"{where}: has topics but no rubrics; only rubrics are compared")
        return Scored(
            str(values["id"]),
            (names(rubrics, "rubrics") or frozenset()) if isinstance(rubrics, str) else frozenset(rubrics),
            msgspec.json.decode(scores, type=dict[str, float]) if isinstance(scores, str) else dict(scores),
            review == "true" if isinstance(review, str) else bool(review),
            str(values["model"]),
            str(values.get("title") or ""),
        )
    except (KeyError, TypeError, ValueError, msgspec.MsgspecError, UnfitError) as error:
        reason = f"it has no column {error}" if isinstance(error, KeyError) else error
        raise DataError(
            f"{where}: is not a row written by `predict` ({reason}); name an output of `predict`"
        ) from error


class _Rubric:
    def __init__(self) -> None:
        self.old = self.new = 0
        self.gained = _TopExamples()
        self.lost = _TopExamples()


class _TopExamples:
    """Counts examples and keeps those with the largest change."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[Example] = []

    def add(self, example: Example, limit: int) -> None:
        self.count += 1
        heapq.heappush(self.examples, example)
        if len(self.examples) > limit:
            heapq.heappop(self.examples)

    def best(self) -> tuple[Example, ...]:
        return tuple(sorted(self.examples, key=lambda example: (-example.change, example.id)))


class _Tally:
    def __init__(self, max_examples: int) -> None:
        self.max_examples = max_examples
        self.rubrics: dict[str, _Rubric] = {}
        self.models = ["", ""]
        self.review = [0, 0]
        self.unpaired = [0, 0]
        self.articles = self.changed = 0

    def add(self, old: Scored | None, new: Scored | None) -> ArticleChange | None:
        if old is None or new is None:
            self.unpaired[old is None] += 1
            return None
        self.articles += 1
        self.models = [old.model, new.model]
        self.review[0] += old.needs_review
        self.review[1] += new.needs_review
        for rubric in {*old.scores, *new.scores, *old.rubrics, *new.rubrics}:
            self._count(rubric, old, new)
        if old.rubrics == new.rubrics:
            return None
        self.changed += 1
        gained, lost = (
            tuple(sorted(more)) for more in (new.rubrics - old.rubrics, old.rubrics - new.rubrics)
        )
        return ArticleChange(new.id, gained, lost, old.scores, new.scores, new.title or old.title)

    def _count(self, rubric: str, old: Scored, new: Scored) -> None:
        counts = self.rubrics.setdefault(rubric, _Rubric())
        had, has = rubric in old.rubrics, rubric in new.rubrics
        counts.old += had
        counts.new += has
        if had != has:
            before, after = old.scores.get(rubric, 0.0), new.scores.get(rubric, 0.0)
            example = Example(round(abs(after - before), 4), new.id, new.title or old.title, before, after)
            (counts.gained if has else counts.lost).add(example, self.max_examples)

    def result(self) -> Changes:
        rubrics = [
            RubricChange(
                rubric,
                counts.old,
                counts.new,
                counts.gained.count,
                counts.lost.count,
                counts.gained.best(),
                counts.lost.best(),
            )
            for rubric, counts in sorted(self.rubrics.items())
        ]
        return Changes(
            old_model=self.models[0],
            new_model=self.models[1],
            articles=self.articles,
            changed=self.changed,
            only_old=self.unpaired[0],
            only_new=self.unpaired[1],
            old_review=self.review[0],
            new_review=self.review[1],
            rubrics=tuple(rubrics),
        )
