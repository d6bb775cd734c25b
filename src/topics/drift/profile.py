"""The profile of the training articles, which a stream is compared with.

Every measure is a histogram, kept separately for runs of articles in the order of their dates. The distances
between runs show how much weeks of a newsroom differ when nothing is wrong.
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
    sum_given,
)
from topics.errors import ModelError
from topics.text.tokens import take
from topics.types import TokenBatch

_FILE, _COUNTS, _MEANS = "profile.json", "profile.counts.npy", "profile.means.npy"
_WORDS, _FREQUENCIES = "profile.words.txt", "profile.frequencies.npy"

MIN_ARTICLES = 3
"""Document frequency from which on a word counts as known."""
_MAX_RUNS, _RUN_ARTICLES = 60, 25
"""Largest number of runs, and the smallest number of articles of a run."""
_MAX_ARTICLES = 50_000
_BINS = 10
_COMMON_WORDS = 1_000
"""Number of words, the most frequent ones, whose frequencies are kept for each run."""
_MIN_OUTLET_SHARE = 0.01
"""Outlets with a smaller share of the articles are merged into `OTHER`."""
OTHER = "other"
"""The bin of names without a bin of their own."""


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a profile that is not an array."""

    runs: tuple[int, ...]
    """Articles of each run."""
    since: str
    """First date, ISO 8601, "" if no article has one."""
    until: str
    """Last date."""
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
        for index, measure in enumerate(self.facts.measures):
            yield measure, self.counts[:, start : start + measure.width], self.means[:, index]
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
    answers: Callable[[npt.NDArray[np.int64]], Readings],
) -> Profile:
    """Build the profile of n articles.

    A word is unknown in a run if fewer than three articles of the other runs contain it, so that the profile
    shows the share of words in a new week that a model would not know.

    Args:
        tokens: n articles; of more than fifty thousand, an even sample is used.
        dates: n, ISO 8601 or ""; without dates the order of the articles is used.
        outlets: n.
        answers: row numbers -> answers about these articles, preferably out of fold.
    """
    step = max(1, -(-len(tokens) // _MAX_ARTICLES))
    order = np.argsort(np.array(dates, dtype=str), kind="stable")[::step]
    tokens = take(tokens, order)
    runs = max(2, min(_MAX_RUNS, len(order) // _RUN_ARTICLES))
    run = np.arange(len(order)) * runs // max(len(order), 1)
    matrix = presence(tokens)
    frequencies = np.bincount(matrix.indices, minlength=len(tokens.lemmas))
    unknown = _unknown_tokens(tokens, matrix, run, frequencies)
    readings = of_text(tokens, unknown, [outlets[i] for i in order.tolist()]) | answers(order)
    known = sorted(
        (-int(frequencies[i]), tokens.lemmas[i], i) for i in _indices_at_least(frequencies, MIN_ARTICLES)
    )
    measures = _measures(readings)
    common = [i for _, _, i in known[:_COMMON_WORDS]]
    tables = [
        *(_by_run(run, runs, bins(measure, readings), measure.width) for measure in measures),
        np.stack([_document_frequencies(matrix, part)[common] for part in _run_slices(run, runs)]),
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


def presence(tokens: TokenBatch) -> sparse.csr_array:
    """Return the document-term matrix, shape (articles, lemmas)."""
    rows = np.repeat(np.arange(len(tokens), dtype=np.int32), np.diff(tokens.offsets))
    shape = len(tokens), len(tokens.lemmas)
    matrix = sparse.coo_array((np.ones(len(rows), np.float32), (rows, tokens.ids)), shape).tocsr()
    matrix.sum_duplicates()
    return matrix


def _expected(readings: Readings, rubrics: Sequence[str]) -> tuple[Expected, ...]:
    totals = {name: float(values.sum()) for name, values in readings.numbers.items()}
    return tuple(
        expected(rubric, totals[f"{GIVEN}{rubric}"], given_sum, totals[f"{SCORES}{rubric}"])
        for rubric, given_sum in zip(rubrics, sum_given(readings, rubrics).tolist(), strict=True)
    )


def save(folder: Path, profile: Profile) -> None:
    """Write `profile.json` and the tables beside it."""
    persistence.write_struct(folder / _FILE, profile.facts)
    persistence.write_array(folder / _COUNTS, profile.counts)
    persistence.write_array(folder / _MEANS, profile.means)
    persistence.write_lines(folder / _WORDS, profile.words)
    persistence.write_array(folder / _FREQUENCIES, profile.frequencies)


def load(folder: Path) -> Profile:
    """Read a profile written by `save`.

    Raises:
        ModelError: a file of the profile is missing or damaged.
    """
    profile = Profile(
        persistence.read_struct(folder / _FILE, Facts),
        persistence.read_array(folder / _COUNTS, np.int32, dimensions=2),
        persistence.read_array(folder / _MEANS, np.float64, dimensions=2),
        persistence.read_lines(folder / _WORDS),
        persistence.read_array(folder / _FREQUENCIES, np.int64),
    )
    if not _is_consistent(profile):
        raise ModelError(f"{folder}: the files of the profile do not fit together; restore it or train again")
    return profile


def _is_consistent(profile: Profile) -> bool:
    facts, counts = profile.facts, profile.counts
    width = sum(measure.width for measure in facts.measures) + profile.common_words
    shapes = (
        counts.shape == (len(facts.runs), width),
        profile.means.shape == (len(facts.runs), len(facts.measures)),
    )
    ascending = all(low < high for measure in facts.measures for low, high in pairwise(measure.edges))
    names = [measure.name for measure in facts.measures]
    named = all(bool(measure.labels) == (measure.name in (OUTLETS, TOPICS)) for measure in facts.measures)
    paired = all(f"{GIVEN}{rubric}" in names for rubric in rubrics_of(facts.measures))
    lengths = len(profile.words) == len(profile.frequencies)
    runs = len(facts.runs) > 1 and min(facts.runs) > 0
    if not (
        all(shapes) and ascending and named and paired and lengths and runs and len(set(names)) == len(names)
    ):
        return False
    complete = all((table.sum(axis=1) == facts.runs).all() for _, table, _ in profile.tables())
    plausible = (
        profile.frequencies.min(initial=1) > 0 and profile.frequencies.max(initial=0) <= profile.articles
    )
    return bool(complete and plausible and counts.min(initial=0) >= 0)


def _measures(readings: Readings) -> tuple[DriftMeasure, ...]:
    numbers = [DriftMeasure(name, tuple(_edges(name, values))) for name, values in readings.numbers.items()]
    names = [DriftMeasure(name, labels=_labels(name, values)) for name, values in readings.names.items()]
    return (*numbers, *names)


def _labels(measure: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the bins, without rare outlets."""
    names, counts = np.unique(np.array(values, dtype=str), return_counts=True)
    frequent = names[counts >= _MIN_OUTLET_SHARE * len(values)] if measure == OUTLETS else names
    return (*(name for name in frequent.tolist() if name != OTHER), OTHER)


def _edges(name: str, values: Floats) -> list[float]:
    """Return the edges of ten bins of equal size, or of two for a yes-or-no measure."""
    if name in (UNTAGGED, REVIEW) or name.startswith(GIVEN):
        return [0.5]
    return np.unique(np.quantile(values, np.arange(1, _BINS) / _BINS)).tolist() if len(values) else []


def _by_run(run: Ints, runs: int, bin_numbers: Ints, width: int) -> npt.NDArray[np.int64]:
    return np.bincount(run * width + bin_numbers, minlength=runs * width).reshape(runs, width)


def _mean_by_run(run: Ints, runs: int, values: Floats | None) -> Floats:
    if values is None:
        return np.zeros(runs)
    means: Floats = np.bincount(run, values, runs) / np.maximum(np.bincount(run, minlength=runs), 1)
    return means


def _indices_at_least(numbers: Ints, minimum: int) -> list[int]:
    return [index for index, number in enumerate(numbers.tolist()) if number >= minimum]


def _run_slices(run: Ints, runs: int) -> list[slice]:
    """Return the slice of articles of each run."""
    borders = np.searchsorted(run, np.arange(runs + 1)).tolist()
    return [slice(first, last) for first, last in pairwise(borders)]


def _document_frequencies(matrix: sparse.csr_array, part: slice) -> npt.NDArray[np.int64]:
    """Count the articles of a run that contain each lemma."""
    columns = matrix.indices[matrix.indptr[part.start] : matrix.indptr[part.stop]]
    return np.bincount(columns, minlength=matrix.shape[1])


def _unknown_tokens(
    tokens: TokenBatch, matrix: sparse.csr_array, run: Ints, frequencies: Ints
) -> npt.NDArray[np.bool_]:
    """Mark the tokens that a model of the other runs would not know, shape (tokens,)."""
    unknown = np.ones(len(tokens.ids), bool)
    for part in _run_slices(run, int(run.max(initial=-1)) + 1):
        rare = frequencies - _document_frequencies(matrix, part) < MIN_ARTICLES
        selected = slice(tokens.offsets[part.start], tokens.offsets[part.stop])
        unknown[selected] = rare[tokens.ids[selected]]
    return unknown
