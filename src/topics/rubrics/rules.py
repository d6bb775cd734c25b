"""Keyword rules beside the model: phrases that force, forbid or lift a rubric.

[rules.tourism]
force = ["туристический поток"]
forbid = ["туристический полк"]
lift = { "гостиница" = 1.5, "туристическая палатка" = -2 }

A phrase is found in all its forms: «туристический поток» finds «туристического потока» and «туристические
потоки» too. Its words stand side by side, in the title or in the text; those of one letter, «в», «и», do not
count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from topics.errors import UsageError
from topics.rubrics.calibration import Floats, Truth, log_odds, sigmoid
from topics.rubrics.decisions import Decisions, chance_of_error
from topics.text.lemmas import HOMONYMS, MONEY, NUMBER, PERCENT, YEAR, inflected, lemmas
from topics.text.tokens import Numbering, spans, tokenize
from topics.types import TokenBatch

Effect = Literal["force", "forbid", "lift"]
Hits = npt.NDArray[np.bool_]
"""(articles, phrases): which phrase stands in which article."""

FIGURES = (PERCENT, MONEY, YEAR, NUMBER)
PRIOR, THRESHOLD = -3.0, 0.5
"""Log odds that a rubric without a model starts from (a probability of 5 %), and where it is given."""
LARGEST = 100.0
"""Log odds that a phrase may add; who wants more forces or forbids."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The phrases of one rubric."""

    force: tuple[str, ...] = ()
    """Give the rubric, whatever the model says."""
    forbid: tuple[str, ...] = ()
    """Do not give it, even where another phrase forces it."""
    lift: dict[str, float] = {}
    """Add to its log odds, once an article: 0.7 doubles the odds, 2.3 makes them ten times as good."""

    def __post_init__(self) -> None:
        """Hold the numbers to be numbers."""
        for words, weight in self.lift.items():
            if not -LARGEST <= weight <= LARGEST:
                raise ValueError(f"the lift of {words!r} is {weight}, no number up to {LARGEST:.0f}")


class Phrase(NamedTuple):
    """One phrase of one rubric."""

    rubric: str
    words: str
    effect: Effect
    weight: float
    lemmas: tuple[frozenset[str], ...]
    """Of each word; «полка» may be read as a shelf, and so «полк» has the lemma of that, too."""


class Judgement(NamedTuple):
    """What is said of n articles."""

    probabilities: Floats
    """(n, rubrics)."""
    given: npt.NDArray[np.bool_]
    """(n, rubrics)."""
    review: npt.NDArray[np.bool_]
    """(n,): an editor should look."""

    def choose(self, rows: npt.NDArray[np.int64]) -> Judgement:
        """Take some of the articles, in the order given."""
        return Judgement(self.probabilities[rows], self.given[rows], self.review[rows])


class Rules:
    """All rules of a version. Without any it does nothing and takes no time."""

    def __init__(self, rules: Mapping[str, Rule] | None = None) -> None:
        """Read the phrases.

        Raises:
            UsageError: a phrase holds no word.
        """
        self.rules = dict(rules or {})
        self.phrases = [phrase for rubric, rule in self.rules.items() for phrase in _phrases(rubric, rule)]
        self._lemmas = sorted({lemma for phrase in self.phrases for word in phrase.lemmas for lemma in word})
        self._number = Numbering(self._lemmas)

    def check(self) -> None:
        """Raise UsageError for a phrase that would be found where nobody means it: figures are read as any.

        A version that has one answers as it did; it is told where one is written.
        """
        for phrase in self.phrases:
            if any(figure in lemma for word in phrase.lemmas for lemma in word for figure in FIGURES):
                raise UsageError(
                    f"[rules.{phrase.rubric}]: the phrase {phrase.words!r} has figures, and one is read as "
                    "any other («9 мая» is found in «1 мая»); leave them out"
                )

    def beside(self, rubrics: Sequence[str]) -> tuple[str, ...]:
        """Name the rubrics that have rules only, given those that have a model."""
        return tuple(rubric for rubric in self.rules if rubric not in rubrics)

    def hits(self, tokens: TokenBatch) -> Hits:
        """Find the phrases in n articles, shape (n, phrases)."""
        found = np.zeros((len(tokens), len(self.phrases)), bool)
        for p, places in enumerate(self.places(tokens)):
            found[np.searchsorted(tokens.offsets, places, "right") - 1, p] = True
        return found

    def places(self, tokens: TokenBatch) -> list[npt.NDArray[np.intp]]:
        """Find the tokens at which each phrase begins."""
        if not self.phrases:
            return []
        words = self._number(tokens)
        starts = np.flatnonzero(words >= 0)
        ends = np.sort(np.concatenate([tokens.bodies, tokens.offsets[1:]]))  # of titles and of bodies
        room = ends[np.searchsorted(ends, starts, "right")] - starts
        return [
            _starts(
                words, starts, room, [[self._lemmas.index(lemma) for lemma in word] for word in phrase.lemmas]
            )
            for phrase in self.phrases
        ]

    def judge(
        self, probabilities: Floats, decisions: Decisions, rubrics: Sequence[str], hits: Hits
    ) -> Judgement:
        """Decide, rules applied.

        Args:
            probabilities: by the model, shape (n, rubrics).
            decisions: of the model.
            rubrics: that the model knows; the columns of the answer are these, then those with rules only.
            hits: shape (n, phrases).
        """
        if not self.rules:
            return Judgement(probabilities, decisions.given(probabilities), decisions.doubtful(probabilities))
        alone = self.beside(rubrics)
        odds = np.hstack([log_odds(probabilities), np.full((len(hits), len(alone)), PRIOR)])
        certain = np.zeros(odds.shape, np.int8)
        columns = {rubric: r for r, rubric in enumerate((*rubrics, *alone))}
        for p in sorted(range(len(self.phrases)), key=lambda p: self.phrases[p].effect == "forbid"):
            phrase, here = self.phrases[p], hits[:, p]
            if phrase.effect == "lift":
                odds[here, columns[phrase.rubric]] += phrase.weight
            else:
                certain[here, columns[phrase.rubric]] = 1 if phrase.effect == "force" else -1
        ruled = np.where(certain == 0, sigmoid(odds), certain > 0)
        known = len(rubrics)
        # Two that are forced are two, whatever `max_rubrics` says.
        given = decisions.given(ruled, [THRESHOLD] * len(alone), certain > 0)
        doubtful = chance_of_error(ruled[:, :known], given[:, :known]) > decisions.doubt
        return Judgement(ruled, given, doubtful)


def known_if_named(truth: Truth) -> Truth:
    """Leave the answers of rubrics with rules alone that some article has; of the others nothing is known."""
    return np.where((truth == 1).any(axis=0), truth, -1).astype(np.int8)


def _phrases(rubric: str, rule: Rule) -> list[Phrase]:
    weighted: list[tuple[str, Effect, float]] = [
        *((words, "force", 0.0) for words in rule.force),
        *((words, "forbid", 0.0) for words in rule.forbid),
        *((words, "lift", weight) for words, weight in rule.lift.items()),
    ]
    return [
        Phrase(rubric, words, effect, weight, _lemmas(rubric, words)) for words, effect, weight in weighted
    ]


def _lemmas(rubric: str, words: str) -> tuple[frozenset[str], ...]:
    tokens = tokenize([""], [words])
    if not len(tokens.ids):
        raise UsageError(f"[rules.{rubric}]: the phrase {words!r} holds no word; name at least one")
    places = list(map(tuple, spans(words).tolist()))
    found = []
    for number, place in zip(tokens.ids.tolist(), places, strict=True):
        lemma = {tokens.lemmas[number]}
        if places.count(place) == 1:  # a compound of two has no forms
            read = map(lemmas, inflected(words[slice(*place)]))
            lemma |= {each[0] for each in read if len(each) == 1 and each[0] not in HOMONYMS}
        found.append(frozenset(lemma))
    return tuple(found)


def _starts(
    words: npt.NDArray[np.int32],
    starts: npt.NDArray[np.intp],
    room: npt.NDArray[np.int64],
    phrase: list[list[int]],
) -> npt.NDArray[np.intp]:
    """Find where a phrase stands; `room` is how many words are left in the title or in the body."""
    found = starts[room >= len(phrase)]
    for step, word in enumerate(phrase):
        found = found[np.isin(words[found + step], word)]
    return found
