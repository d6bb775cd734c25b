"""The profile of the training articles, which `monitor` compares a stream with.

Every measure is a histogram, kept separately for runs of articles in the order of their dates. The distances
between runs show how much one week of a newsroom differs from its year when nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

from topics import persistence
from topics.drift.readings import (
    GIVEN,
    OUTLETS,
    REVIEW,
    SCORES,
    TOPICS,
    UNTAGGED,
    DriftMeasure,
    Expected,
    Floats,
    Ints,
    Readings,
    bins,
    expected,
    of_text,
    rubrics_of,
    sure,
)
from topics.errors import ModelError
from topics.text.tokens import take
from topics.types import TokenBatch

_FILE, _COUNTS, _MEANS = "profile.json", "profile.counts.npy", "profile.means.npy"
_WORDS, _FREQUENCIES = "profile.words.txt", "profile.frequencies.npy"

LEAST = 3
"""Articles that must contain a word for it to count as known."""
_MOST_RUNS, _RUN = 60, 25
"""Most runs that the articles are cut into, and the articles that each should have."""
_MOST_ARTICLES = 50_000
_BINS = 10
_COMMON_WORDS = 1_000
"""The words whose frequencies are kept for each run."""
_RARE = 0.01
"""Outlets with a smaller share of the articles are merged into `OTHER`."""
OTHER = "other"
"""The bin of everything that has no bin of its own."""


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a profile that is not an array."""

    runs: tuple[int, ...]
    """Articles of each run."""
    since: str
    """First and last date; empty if no article has one."""
    until: str
    measures: tuple[DriftMeasure, ...]
    expected: tuple[Expected, ...]


class Profile(NamedTuple):
    """Histograms of the training articles."""

    facts: Facts
    counts: npt.NDArray[np.int32]
    """(runs, bins of all measures, then common words): articles of the run in the bin, or with the word."""
    means: Floats
    """(runs, measures); 0 where the measure is not a number."""
    words: list[str]
    """Known lemmas, most frequent first."""
    frequencies: npt.NDArray[np.int64]
    """(words,): articles that contain each."""

    @property
    def articles(self) -> int:
        """Number of articles."""
        return sum(self.facts.runs)

    @property
    def common_words(self) -> int:
        """Number of words in `counts`."""
        return min(_COMMON_WORDS, len(self.words))

    def tables(self) -> Iterator[tuple[DriftMeasure, npt.NDArray[np.int32], Floats]]:
        """Iterate over measures with their counts, shape (runs, bins), and means, shape (runs,)."""
        start = 0
        for at, measure in enumerate(self.facts.measures):
            yield measure, self.counts[:, start : start + measure.width], self.means[:, at]
            start += measure.width

    def only(self, name: str) -> Profile:
        """Return the profile of one measure, without words."""
        [(measure, counts, means)] = [table for table in self.tables() if table[0].name == name]
        facts = msgspec.structs.replace(self.facts, measures=(measure,), expected=())
        return Profile(facts, counts, means[:, None], [], self.frequencies[:0])


def describe(
    tokens: TokenBatch,
    dates: Sequence[str],
    outlets: Sequence[str],
    said: Callable[[npt.NDArray[np.int64]], Readings],
) -> Profile:
    """Build the profile of n articles.

    A word is unknown in a run if fewer than three articles of the other runs contain it: the profile thus
    shows how many words of a new week a model would not know.

    Args:
        tokens: n articles; more than fifty thousand are thinned evenly.
        dates: n, ISO 8601 or empty; without dates the order of the articles is used.
        outlets: n.
        said: row numbers -> answers about these articles, preferably out of fold.
    """
    step = max(1, -(-len(tokens) // _MOST_ARTICLES))
    order = np.argsort(np.array(dates, dtype=str), kind="stable")[::step]
    tokens = take(tokens, order)
    runs = max(2, min(_MOST_RUNS, len(order) // _RUN))
    run = np.arange(len(order)) * runs // max(len(order), 1)
    holds = held_by(tokens)
    frequencies = np.bincount(holds.indices, minlength=len(tokens.lemmas))
    unknown = _unknown(tokens, holds, run, frequencies)
    readings = of_text(tokens, unknown, [outlets[i] for i in order.tolist()]) | said(order)
    known = sorted((-int(frequencies[i]), tokens.lemmas[i], i) for i in _at_least(frequencies, LEAST))
    measures = _measures(readings)
    common = [i for _, _, i in known[:_COMMON_WORDS]]
    tables = [
        *(_by_run(run, runs, bins(measure, readings), measure.width) for measure in measures),
        np.stack([_held(holds, part)[common] for part in _parts(run, runs)]),
    ]
    means = [_mean_by_run(run, runs, readings.numbers.get(measure.name)) for measure in measures]
    dated = sorted(filter(None, dates))
    facts = Facts(
        runs=tuple(np.bincount(run, minlength=runs).tolist()),
        since=dated[0] if dated else "",
        until=dated[-1] if dated else "",
        measures=measures,
        expected=_expected(readings, rubrics_of(measures)),
    )
    return Profile(
        facts,
        np.concatenate(tables, axis=1).astype(np.int32),
        np.stack(means, axis=1),
        [word for _, word, _ in known],
        np.array([-count for count, _, _ in known], np.int64),
    )


def held_by(tokens: TokenBatch) -> sparse.csr_array:
    """Return which articles contain which lemmas, shape (articles, lemmas)."""
    rows = np.repeat(np.arange(len(tokens), dtype=np.int32), np.diff(tokens.offsets))
    shape = len(tokens), len(tokens.lemmas)
    found = sparse.coo_array((np.ones(len(rows), np.float32), (rows, tokens.ids)), shape).tocsr()
    found.sum_duplicates()
    return found


def _expected(readings: Readings, rubrics: Sequence[str]) -> tuple[Expected, ...]:
    totals = {name: float(values.sum()) for name, values in readings.numbers.items()}
    return tuple(
        expected(rubric, totals[f"{GIVEN}{rubric}"], right, totals[f"{SCORES}{rubric}"])
        for rubric, right in zip(rubrics, sure(readings, rubrics).tolist(), strict=True)
    )


def save(folder: Path, profile: Profile) -> None:
    """Write `profile.json` and the tables beside it."""
    persistence.write_struct(folder / _FILE, profile.facts)
    persistence.write_array(folder / _COUNTS, profile.counts)
    persistence.write_array(folder / _MEANS, profile.means)
    persistence.write_lines(folder / _WORDS, profile.words)
    persistence.write_array(folder / _FREQUENCIES, profile.frequencies)


def is_kept(folder: Path) -> bool:
    """Return whether a version has a profile."""
    return (folder / _FILE).exists()


def load(folder: Path) -> Profile:
    """Read a profile written by `save`.

    Raises:
        ModelError: the version has no profile, or a file of it is damaged.
    """
    profile = Profile(
        persistence.read_struct(folder / _FILE, Facts),
        persistence.read_array(folder / _COUNTS, np.int32, dimensions=2),
        persistence.read_array(folder / _MEANS, np.float64, dimensions=2),
        persistence.read_lines(folder / _WORDS),
        persistence.read_array(folder / _FREQUENCIES, np.int64),
    )
    if not _fits(profile):
        raise ModelError(f"{folder}: the files of the profile do not fit together; restore it or train again")
    return profile


def _fits(profile: Profile) -> bool:
    facts, counts = profile.facts, profile.counts
    width = sum(measure.width for measure in facts.measures) + profile.common_words
    shapes = (
        counts.shape == (len(facts.runs), width),
        profile.means.shape == (len(facts.runs), len(facts.measures)),
    )
    rising = all(low < high for measure in facts.measures for low, high in pairwise(measure.edges))
    names = [measure.name for measure in facts.measures]
    named = all(bool(measure.labels) == (measure.name in (OUTLETS, TOPICS)) for measure in facts.measures)
    paired = all(f"{GIVEN}{rubric}" in names for rubric in rubrics_of(facts.measures))
    lengths = len(profile.words) == len(profile.frequencies)
    runs = len(facts.runs) > 1 and min(facts.runs) > 0
    if not (
        all(shapes) and rising and named and paired and lengths and runs and len(set(names)) == len(names)
    ):
        return False
    whole = all((table.sum(axis=1) == facts.runs).all() for _, table, _ in profile.tables())
    held = profile.frequencies.min(initial=1) > 0 and profile.frequencies.max(initial=0) <= profile.articles
    return bool(whole and held and counts.min(initial=0) >= 0)


def _measures(readings: Readings) -> tuple[DriftMeasure, ...]:
    numbers = [DriftMeasure(name, tuple(_edges(name, values))) for name, values in readings.numbers.items()]
    names = [DriftMeasure(name, labels=_labels(name, values)) for name, values in readings.names.items()]
    return (*numbers, *names)


def _labels(measure: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the bins, without rare outlets."""
    names, counts = np.unique(np.array(values, dtype=str), return_counts=True)
    frequent = names[counts >= _RARE * len(values)] if measure == OUTLETS else names
    return (*(name for name in frequent.tolist() if name != OTHER), OTHER)


def _edges(name: str, values: Floats) -> list[float]:
    """Return the edges of ten bins of equal size, or of two for a yes-or-no measure."""
    if name in (UNTAGGED, REVIEW) or name.startswith(GIVEN):
        return [0.5]
    return np.unique(np.quantile(values, np.arange(1, _BINS) / _BINS)).tolist() if len(values) else []


def _by_run(run: Ints, runs: int, places: Ints, width: int) -> npt.NDArray[np.int64]:
    return np.bincount(run * width + places, minlength=runs * width).reshape(runs, width)


def _mean_by_run(run: Ints, runs: int, values: Floats | None) -> Floats:
    if values is None:
        return np.zeros(runs)
    means: Floats = np.bincount(run, values, runs) / np.maximum(np.bincount(run, minlength=runs), 1)
    return means


def _at_least(numbers: Ints, least: int) -> list[int]:
    return [at for at, number in enumerate(numbers.tolist()) if number >= least]


def _parts(run: Ints, runs: int) -> list[slice]:
    """Return the slice of articles of each run."""
    borders = np.searchsorted(run, np.arange(runs + 1)).tolist()
    return [slice(first, last) for first, last in pairwise(borders)]


def _held(holds: sparse.csr_array, part: slice) -> npt.NDArray[np.int64]:
    """Count the articles of a part that contain each lemma."""
    inside = holds.indices[holds.indptr[part.start] : holds.indptr[part.stop]]
    return np.bincount(inside, minlength=holds.shape[1])


def _unknown(
    tokens: TokenBatch, holds: sparse.csr_array, run: Ints, frequencies: Ints
) -> npt.NDArray[np.bool_]:
    """Return which tokens a model of the other runs would not know, shape (tokens,)."""
    unknown = np.ones(len(tokens.ids), bool)
    for part in _parts(run, int(run.max(initial=-1)) + 1):
        rare = frequencies - _held(holds, part) < LEAST
        here = slice(tokens.offsets[part.start], tokens.offsets[part.stop])
        unknown[here] = rare[tokens.ids[here]]
    return unknown
