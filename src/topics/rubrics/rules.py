"""Keyword rules that complement the model: phrases that force, forbid or lift a rubric.

[rules.tourism]
force = ["туристический поток"]
forbid = ["туристический полк"]
lift = { "гостиница" = 1.5, "туристическая палатка" = -2 }

A phrase matches in all its forms: «туристический поток» also matches «туристического потока» and
«туристические потоки». Its words must be adjacent, within the title or within the text; words of one letter,
such as «в» and «и», are skipped.
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
"""(articles, phrases): which phrases occur in which articles."""

FIGURES = (PERCENT, MONEY, YEAR, NUMBER)
PRIOR, THRESHOLD = -3.0, 0.5
"""For rubrics without a model: prior log odds (a probability of 5 %) and threshold (a probability)."""
LARGEST = 100.0
"""Largest log odds that a phrase may add; for more, use `force` or `forbid`."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The phrases of one rubric."""

    force: tuple[str, ...] = ()
    """Assign the rubric regardless of the model."""
    forbid: tuple[str, ...] = ()
    """Do not assign it, even if another phrase forces it."""
    lift: dict[str, float] = {}
    """Added to the log odds, once per article: 0.7 doubles the odds, 2.3 multiplies them by ten."""

    def __post_init__(self) -> None:
        """Check the weights."""
        for words, weight in self.lift.items():
            if not -LARGEST <= weight <= LARGEST:
                raise ValueError(
                    f"the lift of {words!r} is {weight}; it must be between -{LARGEST:.0f} and {LARGEST:.0f}"
                )


class Phrase(NamedTuple):
    """One phrase of one rubric."""

    rubric: str
    words: str
    effect: Effect
    weight: float
    lemmas: tuple[frozenset[str], ...]
    """Lemmas of each word; a form may be ambiguous: «полка» of «полк» is also a shelf."""


class Judgement(NamedTuple):
    """Answers for n articles."""

    probabilities: Floats
    """(n, rubrics)."""
    given: npt.NDArray[np.bool_]
    """(n, rubrics)."""
    review: npt.NDArray[np.bool_]
    """(n,), whether an editor should review the article."""

    def choose(self, rows: npt.NDArray[np.int64]) -> Judgement:
        """Select articles by row numbers, in the order given."""
        return Judgement(self.probabilities[rows], self.given[rows], self.review[rows])


class Rules:
    """All rules of a version; without rules it costs nothing."""

    def __init__(self, rules: Mapping[str, Rule] | None = None) -> None:
        """Parse the phrases.

        Raises:
            UsageError: a phrase has no words.
        """
        self.rules = dict(rules or {})
        self.phrases = [phrase for rubric, rule in self.rules.items() for phrase in _phrases(rubric, rule)]
        self._lemmas = sorted({lemma for phrase in self.phrases for word in phrase.lemmas for lemma in word})
        self._number = Numbering(self._lemmas)

    def check(self) -> None:
        """Raise UsageError for a phrase with numbers: all numbers have one lemma, so it would match too much.

        Checked when rules are written; a trained version that has such a phrase keeps working.
        """
        for phrase in self.phrases:
            if any(figure in lemma for word in phrase.lemmas for lemma in word for figure in FIGURES):
                raise UsageError(
                    f"[rules.{phrase.rubric}]: the phrase {phrase.words!r} has numbers, and a number matches "
                    "any other («9 мая» matches «1 мая»); omit them"
                )

    def beside(self, rubrics: Sequence[str]) -> tuple[str, ...]:
        """Return the rubrics that have rules, but no model."""
        return tuple(rubric for rubric in self.rules if rubric not in rubrics)

    def hits(self, tokens: TokenBatch) -> Hits:
        """Return which phrases occur in n articles; boolean, shape (n, phrases)."""
        hits = np.zeros((len(tokens), len(self.phrases)), bool)
        for p, places in enumerate(self.places(tokens)):
            hits[np.searchsorted(tokens.offsets, places, "right") - 1, p] = True
        return hits

    def places(self, tokens: TokenBatch) -> list[npt.NDArray[np.intp]]:
        """Return for each phrase the indices of the tokens at which it begins."""
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
        """Apply the rules and decide.

        Args:
            probabilities: of the model, shape (n, rubrics).
            decisions: of the model.
            rubrics: of the model; the answer has these columns, followed by the rubrics with rules only.
            hits: (n, phrases), see `hits`.
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
        # Forced rubrics are assigned even beyond `max_rubrics`.
        given = decisions.given(ruled, [THRESHOLD] * len(alone), certain > 0)
        doubtful = chance_of_error(ruled[:, :known], given[:, :known]) > decisions.doubt
        return Judgement(ruled, given, doubtful)


def known_if_named(truth: Truth) -> Truth:
    """Mask the rubrics that no article is labelled with as unknown; meant for rubrics with rules only."""
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
        raise UsageError(f"[rules.{rubric}]: the phrase {words!r} has no words; add at least one")
    places = list(map(tuple, spans(words).tolist()))
    per_word = []
    for number, place in zip(tokens.ids.tolist(), places, strict=True):
        lemma = {tokens.lemmas[number]}
        if places.count(place) == 1:  # a compound of two lemmas has no forms
            read = map(lemmas, inflected(words[slice(*place)]))
            lemma |= {each[0] for each in read if len(each) == 1 and each[0] not in HOMONYMS}
        per_word.append(frozenset(lemma))
    return tuple(per_word)


def _starts(
    words: npt.NDArray[np.int32],
    starts: npt.NDArray[np.intp],
    room: npt.NDArray[np.int64],
    phrase: list[list[int]],
) -> npt.NDArray[np.intp]:
    """Find a phrase; `room` is the number of words left in the title or in the body, (starts,)."""
    matches = starts[room >= len(phrase)]
    for step, word in enumerate(phrase):
        matches = matches[np.isin(words[matches + step], word)]
    return matches
