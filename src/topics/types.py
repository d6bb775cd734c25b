"""The nouns that flow from room to room. They hold values and know nothing of where these came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt


class Labels(msgspec.Struct, frozen=True):
    """What is known of an article's rubrics; each rubric holds, does not hold, or is unknown.

    `Labels(rubrics=frozenset())` is a known «none of them»; an article of which nothing is known has no
    `Labels` at all (None).
    """

    rubrics: frozenset[str]
    unknown: frozenset[str] = frozenset()
    clean: bool = False
    """Given by careful reading, not by the outlet's own section."""

    def state(self, rubric: str) -> bool | None:
        """Return whether the rubric holds: True, False, or None if unknown."""
        if rubric in self.rubrics:
            return True
        return None if rubric in self.unknown else False


# gc=False, here and below: what is made by the million and cannot be part of a cycle is not watched for one.
class Article(msgspec.Struct, frozen=True, gc=False):
    """One article as its source tells it. Text fields that the source lacks are empty strings."""

    id: str
    text: str
    title: str = ""
    date: str = ""
    """ISO 8601, as far as the source gives it: `2026-03-04` or `2026-03-04T10:15:00+03:00`."""
    outlet: str = ""
    labels: Labels | None = None
    kept: Mapping[str, object] = {}
    """Columns of the source that the caller asked to keep, untouched."""


class Row(NamedTuple):
    """What a reader found at one place of a source: column -> value, as the format gives it."""

    line: int
    values: dict[str, object]


class Part(NamedTuple):
    """Some rows in a row of one file."""

    start: int = 0
    stop: int | None = None
    """Bytes of a file of lines, row groups of Parquet; None: to the end."""
    line: int = 1
    """The number of its first line, or row."""
    size: int = 0
    """About how many bytes there are to read."""


WHOLE = Part()


class Reject(msgspec.Struct, frozen=True):
    """A row that could not become an article."""

    source: str
    line: int
    """The first line of the row, from 1; in Parquet the row, from 1."""
    reason: str


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """The lemmas of some articles, as columns. An article's title comes first, then its body.

    Article `i` is `ids[offsets[i]:offsets[i + 1]]`; its body starts at `bodies[i]`. Each id stands for
    `lemmas[id]`; lemmas are distinct, and some may stand for no id. Batches of one process share their list
    of lemmas, which only grows; other than that, ids mean nothing outside their batch.
    """

    lemmas: Sequence[str]
    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    bodies: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Count the articles."""
        return len(self.offsets) - 1

    @property
    def wordless(self) -> npt.NDArray[np.bool_]:
        """Boolean mask (articles,) of those without a single word."""
        empty: npt.NDArray[np.bool_] = np.diff(self.offsets) == 0
        return empty


class Watch(Protocol):
    """Called with what is being done, how many articles are done, and the share of the work, if known."""

    def __call__(self, stage: str, done: int, share: float | None = None) -> None:
        """Show the progress."""


def unwatched(stage: str, done: int, share: float | None = None) -> None:
    """Ignore the progress."""


Texts = Callable[[npt.NDArray[np.intp]], Iterable[tuple[str, str]]]
"""Fetches the cleaned titles and texts of some of the articles of a batch, by their rows, rising."""


class Score(msgspec.Struct, frozen=True, gc=False):
    """A rubric or a topic with its probability or share, from 0 to 1."""

    label: str
    value: float


class TopicWord(msgspec.Struct, frozen=True):
    """A word or a phrase of a topic."""

    words: str
    """As the archive writes it, «редкоземельные металлы»; not lemmas."""
    weight: float
    """Its share among the words of the topic."""
    overall: float
    """Its share among the words of the archive."""


class Topic(msgspec.Struct, frozen=True):
    """What a topic model found in an archive."""

    id: int
    """Stays with the topic when the model is trained anew; a topic that died leaves its id unused."""
    label: str
    """Its most telling words, no two topics with the same."""
    words: tuple[TopicWord, ...]
    """Most telling first; with all that lead when only how frequent or how peculiar a word is counts."""
    share: float
    """Of the words of the archive."""
    name: str = ""
    """What an editor calls it."""


class TopicChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of some topics when a model was trained anew, and how that is known."""

    kind: Literal["kept", "born", "died", "split", "merged"]
    old: tuple[int, ...]
    """Ids of the topics of the old model; none for one born."""
    new: tuple[int, ...]
    """Ids of the topics of the new model, after they were carried over; none for one that died."""
    similarity: tuple[float, ...]
    """Of each old topic to each new one, row by row; for one born or dead, to its nearest."""
    terms: tuple[str, ...]
    """Words that tell most of all of the topics, as the archive writes them where that is known; for one born
    or dead, its own."""


class NumberTried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How good a number of topics is."""

    num_topics: int
    npmi: float
    """Mean over topics and draws, ten words a topic."""
    npmi_spread: float
    """Standard deviation over the draws."""
    stability: float
    """Share of the topics of one draw that another draw finds too."""
    score: float
    """NPMI times stability."""


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """What a version says of one article.

    `msgspec.json.encode` writes it as JSON; `msgspec.to_builtins` makes dicts and lists for a framework.
    """

    id: str
    rubrics: tuple[Score, ...]
    """The rubrics given, best first."""
    scores: dict[str, float]
    """The probability of every rubric that the version knows, best first."""
    needs_review: bool
    """Whether an editor should look: an error is likely, or the article holds hardly a known word."""
    model: str
    """The version, `NAME/VERSION`."""
    topics: tuple[Score, ...] = ()
    """The foremost topics with their shares, foremost first; none: no version of topics, or no known word."""
    topic_model: str = ""
    """The version of topics, "" without one."""


class Place(msgspec.Struct, frozen=True):
    """Where something stands: `article.title[start:stop]` or `article.text[start:stop]`, as cleaned."""

    part: Literal["title", "text"]
    start: int
    stop: int


class Reason(msgspec.Struct, frozen=True):
    """A word or a phrase that speaks for a rubric (weight above 0) or against it."""

    words: str
    """As they stand in the text, not lemmas."""
    weight: float
    """What it adds to the log odds of the rubric."""
    places: tuple[Place, ...]


class FiredRule(msgspec.Struct, frozen=True):
    """A keyword rule whose phrase stands in the article."""

    phrase: str
    """As the configuration has it."""
    effect: Literal["force", "forbid", "lift"]
    weight: float
    """What `lift` adds to the log odds; 0 for the others, which settle the matter."""
    places: tuple[Place, ...]


Decider: TypeAlias = Literal["threshold", "rule", "min_rubrics", "max_rubrics"]
ReviewReason: TypeAlias = Literal["", "doubt", "unfamiliar"]


class Explanation(msgspec.Struct, frozen=True):
    """Why an article was given a rubric, or was not."""

    rubric: str
    probability: float
    threshold: float
    distance: float
    """From the threshold to the probability, in log odds; below 0 the rubric is not given."""
    given: bool
    prior: float
    """Log odds before the first word; with the weights of reasons and rules they sum to those of
    `probability`, unless a rule forces or forbids."""
    reasons: tuple[Reason, ...]
    """Heaviest first."""
    rules: tuple[FiredRule, ...]
    title: str
    text: str
    """The article as the model read it, after cleaning: what the places count in."""
    model: str
    decided_by: Decider = "threshold"
    """What settled it: the probability and its threshold, a rule that forces or forbids, or how many rubrics
    an article gets."""
    review: ReviewReason = ""
    """Why an editor should look at the article: an error is likely, or few of its words are known, as in
    another language; "" if there is no need."""
