"""Data types that are shared by all packages: plain values without behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt


class Labels(msgspec.Struct, frozen=True):
    """Labels of an article; each rubric holds, does not hold, or is unknown.

    `Labels(rubrics=frozenset())` means that none of them holds. An article about which nothing is known has
    None in place of `Labels`.
    """

    rubrics: frozenset[str]
    unknown: frozenset[str] = frozenset()
    clean: bool = False
    """Whether an editor checked them; labels from the outlet's own sections are not clean."""

    def state(self, rubric: str) -> bool | None:
        """Return whether the rubric holds: True, False, or None if unknown."""
        if rubric in self.rubrics:
            return True
        return None if rubric in self.unknown else False


# gc=False, here and below: millions are created, and they cannot be part of a reference cycle.
class Article(msgspec.Struct, frozen=True, gc=False):
    """One article as read from its source. Missing text fields are empty strings."""

    id: str
    text: str
    title: str = ""
    date: str = ""
    """ISO 8601, as precise as the source: `2026-03-04` or `2026-03-04T10:15:00+03:00`."""
    outlet: str = ""
    labels: Labels | None = None
    kept: Mapping[str, object] = {}
    """Columns of the source to copy to the output, unchanged."""


class Row(NamedTuple):
    """One row of a source: column -> value, with the types of the format."""

    line: int
    values: dict[str, object]


class Part(NamedTuple):
    """Consecutive rows of one file."""

    start: int = 0
    stop: int | None = None
    """Byte offsets in a file of lines, row groups in Parquet; None: to the end."""
    line: int = 1
    """Number of its first line or row, from 1."""
    size: int = 0
    """Approximate number of bytes to read."""


WHOLE = Part()


class Reject(msgspec.Struct, frozen=True):
    """A row that could not be read as an article."""

    source: str
    line: int
    """First line of the row, from 1; in Parquet the number of the row."""
    reason: str


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """The lemmas of n articles as columns; in each article the title comes first, then the body.

    Article `i` is `ids[offsets[i]:offsets[i + 1]]`, and its body starts at `bodies[i]`. An id is an index
    into `lemmas`, which are distinct and need not all occur. Batches of one process may share the list of
    lemmas, which only grows; ids have no meaning outside their batch.
    """

    lemmas: Sequence[str]
    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    bodies: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of articles."""
        return len(self.offsets) - 1

    @property
    def wordless(self) -> npt.NDArray[np.bool_]:
        """Which articles have no words at all; boolean, shape (articles,)."""
        empty: npt.NDArray[np.bool_] = np.diff(self.offsets) == 0
        return empty


class Watch(Protocol):
    """Progress callback: stage of the work, number of articles done, share of the work done, if known."""

    def __call__(self, stage: str, done: int, share: float | None = None) -> None:
        """Show progress."""


def unwatched(stage: str, done: int, share: float | None = None) -> None:
    """Ignore progress."""


Texts = Callable[[npt.NDArray[np.intp]], Iterable[tuple[str, str]]]
"""Returns the cleaned titles and texts of given rows, in ascending order."""


class Score(msgspec.Struct, frozen=True, gc=False):
    """A rubric with its probability, or a topic with its share, 0 to 1."""

    label: str
    value: float


class TopicWord(msgspec.Struct, frozen=True):
    """A word or a phrase of a topic."""

    words: str
    """As written in the archive, «редкоземельные металлы»; not lemmas."""
    weight: float
    """Its share of the words of the topic."""
    overall: float
    """Its share of the words of the archive."""


class Topic(msgspec.Struct, frozen=True):
    """A topic that a topic model found in an archive."""

    id: int
    """Kept when the model is trained again; the id of a topic that disappeared is not reused."""
    label: str
    """Its most characteristic words; unique within the model."""
    words: tuple[TopicWord, ...]
    """Most characteristic first; includes the most frequent and the most specific words."""
    share: float
    """Share of the words of the archive."""
    name: str = ""
    """Name given by an editor; "" if none."""


class TopicChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to topics when a model was trained again, with the evidence."""

    kind: Literal["kept", "born", "died", "split", "merged"]
    old: tuple[int, ...]
    """Ids in the old model; empty for a new topic."""
    new: tuple[int, ...]
    """Ids in the new model; empty for a topic that disappeared."""
    similarity: tuple[float, ...]
    """Of each old topic to each new one, row by row; of a new or gone topic to the nearest one."""
    terms: tuple[str, ...]
    """Characteristic words that the topics share, as written in the archive if known; of a new or gone topic
    its own."""


class NumberTried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Quality of one candidate number of topics."""

    num_topics: int
    npmi: float
    """Mean NPMI coherence over topics and samples, ten words per topic."""
    npmi_spread: float
    """Standard deviation over the samples."""
    stability: float
    """Share of the topics of one sample that are found in another one."""
    score: float
    """NPMI times stability."""


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """Rubrics and topics of one article.

    `msgspec.json.encode` returns it as JSON, `msgspec.to_builtins` as dicts and lists.
    """

    id: str
    rubrics: tuple[Score, ...]
    """Assigned rubrics, most likely first."""
    scores: dict[str, float]
    """Probability of every rubric of the version, most likely first."""
    needs_review: bool
    """Whether an editor should check it: an error is likely, or few of its words are known."""
    model: str
    """Version of rubrics, `NAME/VERSION`."""
    topics: tuple[Score, ...] = ()
    """Largest topics with their shares, largest first; empty without a version of topics or known words."""
    topic_model: str = ""
    """Version of topics; "" if none."""


class Place(msgspec.Struct, frozen=True):
    """A position in the cleaned article: `title[start:stop]` or `text[start:stop]`."""

    part: Literal["title", "text"]
    start: int
    stop: int


class Reason(msgspec.Struct, frozen=True):
    """A word or phrase that counts for a rubric (weight above 0) or against it."""

    words: str
    """As written in the text, not lemmas."""
    weight: float
    """Contribution to the log odds of the rubric."""
    places: tuple[Place, ...]


class FiredRule(msgspec.Struct, frozen=True):
    """A keyword rule whose phrase occurs in the article."""

    phrase: str
    """As written in the configuration."""
    effect: Literal["force", "forbid", "lift"]
    weight: float
    """What `lift` adds to the log odds; 0 for `force` and `forbid`."""
    places: tuple[Place, ...]


Decider: TypeAlias = Literal["threshold", "rule", "min_rubrics", "max_rubrics"]
ReviewReason: TypeAlias = Literal["", "doubt", "unfamiliar"]


class Explanation(msgspec.Struct, frozen=True):
    """Why a rubric was assigned to an article, or was not."""

    rubric: str
    probability: float
    threshold: float
    distance: float
    """Log odds of the probability minus those of the threshold; usually below 0 if not assigned."""
    given: bool
    prior: float
    """Log odds without any word. The prior and all weights of reasons and rules add up to the log odds of
    `probability`, unless a rule forces or forbids the rubric."""
    reasons: tuple[Reason, ...]
    """Largest absolute weight first."""
    rules: tuple[FiredRule, ...]
    title: str
    text: str
    """The cleaned article, which places refer to."""
    model: str
    decided_by: Decider = "threshold"
    """What decided: the threshold, a rule that forces or forbids, or a limit on the number of rubrics."""
    review: ReviewReason = ""
    """Why an editor should check the article: an error is likely (`doubt`), or few of its words are known, as
    in another language (`unfamiliar`); "" if there is no need."""
