"""What another model changes in an archive: rubric by rubric what was gained and lost, and where most."""

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

_LIMIT = 1 << 24


class Scored(msgspec.Struct, frozen=True):
    """A model's prediction for one article."""

    id: str
    rubrics: frozenset[str]
    scores: dict[str, float]
    needs_review: bool
    model: str
    title: str = ""


class Example(msgspec.Struct, frozen=True, order=True):
    """An article whose rubric changed."""

    change: float
    """Of its score."""
    id: str
    title: str
    old: float
    new: float


class RubricChange(msgspec.Struct, frozen=True):
    """What became of one rubric."""

    rubric: str
    old: int
    """Articles that had it."""
    new: int
    gained: int
    lost: int
    gained_examples: tuple[Example, ...]
    """Largest change of the score first."""
    lost_examples: tuple[Example, ...]


class Changes(msgspec.Struct, frozen=True):
    """What became of an archive."""

    old_model: str
    new_model: str
    articles: int
    """In both."""
    changed: int
    """With other rubrics than before."""
    only_old: int
    only_new: int
    old_review: int
    new_review: int
    rubrics: tuple[RubricChange, ...]


class Change(msgspec.Struct, frozen=True):
    """One article whose rubrics changed, for whoever writes them back."""

    id: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    old: dict[str, float]
    new: dict[str, float]
    title: str = ""


Pair = tuple[Scored | None, Scored | None]
Tell = Callable[[Change], None]


def compare(pairs: Iterator[Pair], examples: int = 5, tell: Tell = lambda change: None) -> Changes:
    """Count what changed among pairs of old and new; `tell` is called with each changed article."""
    tally = _Tally(examples)
    for old, new in pairs:
        change = tally.add(old, new)
        if change:
            tell(change)
    return tally.result()


def read(path: Path) -> Iterator[Scored]:
    """Iterate over an output of `predict`: a file, or a folder of parts.

    Raises:
        DataError: it is not an output of `predict`.
    """
    if path.is_dir() and (path / ".job").exists():
        raise DataError(f"{path}: its job is not finished; let the same `predict` command go on first")
    parts = sorted(path.glob("part-*")) if path.is_dir() else [path]
    if not parts:
        raise DataError(f"{path}: holds no parts; is this an output of `predict`?")
    for source in sources.find(parts).sources:
        for row in sources.Rows(source, _LIMIT):
            if isinstance(row, Reject):
                raise DataError(f"{row.source}:{row.line}: {row.reason}; is this an output of `predict`?")
            if row.values.keys() != {"error", "line"}:  # of a bad row of a stream
                yield _scored(row.values, f"{source.name}:{row.line}")


def tagged(corpus: Corpus, old: Tagger, new: Tagger) -> Iterator[Pair]:
    """Tag a corpus with two versions."""
    for batch in corpus.batches():
        answers = old.tag_articles(batch.articles), new.tag_articles(batch.articles)
        for article, before, after in zip(batch.articles, *answers, strict=True):
            yield _of(article, before), _of(article, after)


def paired(old: Iterator[Scored], new: Iterator[Scored]) -> Iterator[Pair]:
    """Pair up predictions for the same article.

    Outputs of one archive come in one order, and nothing is held; otherwise what waits for its partner is.
    Of an id that comes again, as it may in a stream, the first meets the first.
    """
    waiting: tuple[dict[str, list[Scored]], dict[str, list[Scored]]] = {}, {}
    for both in zip_longest(old, new):
        if (
            both[0]
            and both[1]
            and both[0].id == both[1].id
            and not any(both[0].id in side for side in waiting)
        ):
            yield both
            continue
        for side, scored in enumerate(both):
            if scored is None:
                continue
            if there := waiting[1 - side].get(scored.id):
                partner = there.pop(0)
                if not there:
                    del waiting[1 - side][scored.id]
                yield (scored, partner) if side == 0 else (partner, scored)
            else:
                waiting[side].setdefault(scored.id, []).append(scored)
    yield from ((scored, None) for some in waiting[0].values() for scored in some)
    yield from ((None, scored) for some in waiting[1].values() for scored in some)


def _of(article: Article, prediction: Prediction) -> Scored:
    given = frozenset(score.label for score in prediction.rubrics)
    review, model = prediction.needs_review, prediction.model
    return Scored(article.id, given, prediction.scores, review, model, article.title)


def _scored(values: Mapping[str, Any], place: str) -> Scored:
    """Read a row as each of the formats gives it: lists and maps, or texts."""
    try:
        rubrics, scores, review = values["rubrics"], values["scores"], values["needs_review"]
        if not values["model"]:
            raise DataError(f"{place}: has topics and no rubrics; rubrics are what is compared")
        return Scored(
            str(values["id"]),
            (names(rubrics, "rubrics") or frozenset()) if isinstance(rubrics, str) else frozenset(rubrics),
            msgspec.json.decode(scores, type=dict[str, float]) if isinstance(scores, str) else dict(scores),
            review == "true" if isinstance(review, str) else bool(review),
            str(values["model"]),
            str(values.get("title") or ""),
        )
    except (KeyError, TypeError, ValueError, msgspec.MsgspecError, UnfitError) as error:
        why = f"it has no column {error}" if isinstance(error, KeyError) else error
        raise DataError(f"{place}: is not a row written by `predict` ({why}); name its output") from error


class _Rubric:
    def __init__(self) -> None:
        self.old = self.new = 0
        self.gained = _Best()
        self.lost = _Best()


class _Best:
    """The count of examples, and those with the largest change."""

    def __init__(self) -> None:
        self.count = 0
        self.held: list[Example] = []

    def add(self, example: Example, most: int) -> None:
        self.count += 1
        heapq.heappush(self.held, example)
        if len(self.held) > most:
            heapq.heappop(self.held)

    def best(self) -> tuple[Example, ...]:
        return tuple(sorted(self.held, key=lambda example: (-example.change, example.id)))


class _Tally:
    def __init__(self, examples: int) -> None:
        self.examples = examples
        self.rubrics: dict[str, _Rubric] = {}
        self.models = ["", ""]
        self.review = [0, 0]
        self.alone = [0, 0]
        self.articles = self.changed = 0

    def add(self, old: Scored | None, new: Scored | None) -> Change | None:
        if old is None or new is None:
            self.alone[old is None] += 1
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
        return Change(new.id, gained, lost, old.scores, new.scores, new.title or old.title)

    def _count(self, rubric: str, old: Scored, new: Scored) -> None:
        counts = self.rubrics.setdefault(rubric, _Rubric())
        had, has = rubric in old.rubrics, rubric in new.rubrics
        counts.old += had
        counts.new += has
        if had != has:
            before, after = old.scores.get(rubric, 0.0), new.scores.get(rubric, 0.0)
            example = Example(round(abs(after - before), 4), new.id, new.title or old.title, before, after)
            (counts.gained if has else counts.lost).add(example, self.examples)

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
            only_old=self.alone[0],
            only_new=self.alone[1],
            old_review=self.review[0],
            new_review=self.review[1],
            rubrics=tuple(rubrics),
        )
