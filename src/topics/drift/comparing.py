"""Comparison of a stream with a profile.

The distance of a measure is the Jensen-Shannon divergence between the histograms of the stream and of the
profile. The profile itself shows which distances are usual: windows of neighbouring runs, as long as the
stream, are compared with the rest, which accounts both for differences between weeks and for sampling noise.
The limit is derived from the mean and the variance of these distances by an F distribution with
Satterthwaite's degrees of freedom: the fewer the windows and the more they differ, the higher the limit, but
it never reaches the largest possible distance. The level is 1 % for all measures together (Bonferroni), so
about one quiet stream in a hundred raises an alarm.

The bins of the length cover the lengths seen in training: articles half as long as any of these need not fill
the lowest bin more than some weeks did. A mean far outside the means of all runs is therefore an alarm, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec
import numpy as np

from topics.drift.profile import Profile
from topics.drift.readings import LENGTH, TOPICS, DriftMeasure, Expected, Floats, Ints
from topics.drift.tally import Tally

WORDS = "words"
LEVEL = 0.01
MIN_ARTICLES = 25
"""Smallest number of articles of a stream."""
MIN_REFERENCE_ARTICLES = 200
"""Smallest number of articles of a profile for limits."""
_MIN_RUNS = 8
"""Smallest number of runs for limits; with three, one quiet stream in ten would raise an alarm."""
_DRAWS = 50
"""Samples drawn from each run if the stream is shorter than a run."""
_FAR_FACTOR = 1.5
"""Factor outside the range of all runs by which the mean length raises an alarm by itself."""
_SHOWN_WORDS, _SHOWN_BINS = 15, 3
_PRIOR_ARTICLES = 10.0
"""Weight of a word's pooled share, in articles."""


class ShareChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lemma, an outlet or a topic whose share of the articles changed."""

    word: str
    before: float
    """Share of the articles of the profile that have it."""
    now: float


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measure of the stream compared with the profile."""

    measure: str
    distance: float
    """Jensen-Shannon divergence, 0 to 1."""
    limit: float | None
    """The distance that quiet streams of this size rarely exceed; None with too few articles."""
    alarm: bool
    before: float | None = None
    """Mean in the profile, if the measure is a number."""
    now: float | None = None
    """Mean in the stream."""
    least: float | None = None
    """Smallest mean of a run of the profile."""
    most: float | None = None
    """Largest mean of a run of the profile."""
    moved: tuple[ShareChange, ...] = ()
    """The names whose shares changed most, if the measure is a name."""

    @property
    def is_beyond(self) -> bool:
        """Whether the mean alone raises the alarm, far outside the range of the runs."""
        return self.alarm and (self.limit is None or self.distance <= self.limit)

    @property
    def ratio(self) -> float:
        """Distance divided by the limit; 0 without a limit, or if there is only one bin."""
        return self.distance / self.limit if self.limit else 0.0


class Drift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The comparison of a stream with a profile."""

    articles: int
    reference_articles: int
    """Articles of the profile."""
    findings: tuple[Finding, ...]
    """Alarms first, then by `ratio`."""
    rising: tuple[ShareChange, ...]
    """Words that became more frequent, most certain first."""
    falling: tuple[ShareChange, ...]
    expected: tuple[Expected, ...]
    before: tuple[Expected, ...]
    """Expected quality on the articles of the profile."""

    @property
    def alarms(self) -> list[Finding]:
        """Measures outside their usual range."""
        return [finding for finding in self.findings if finding.alarm]


def drift(
    profile: Profile,
    summed: Floats,
    words: Mapping[str, int] | None = None,
    topics: Mapping[str, str] = MappingProxyType({}),
) -> Drift:
    """Compare a stream with a profile.

    Args:
        profile: the reference.
        summed: sums of the stream from a gauge of this profile.
        words: lemma -> articles of the stream that contain it; None: only the common words of the profile are
            compared.
        topics: id -> name of the topic.
    """
    tally = Tally.of(profile, summed)
    n, runs = tally.articles, profile.facts.runs
    level = LEVEL / (len(profile.facts.measures) + 1)
    generator = np.random.default_rng(0)
    findings = []
    for (measure, counts, means), stream_counts, total in zip(
        profile.tables(), tally.counts, tally.sums.tolist(), strict=True
    ):
        limit = _limit(counts, runs, n, level, generator)
        if limit is not None:  # if nothing varied in the profile, a single article must not be an alarm
            limit = max(limit, _sampling_distance(_shares(counts.sum(axis=0)), profile.articles, n, level))
        finding = _finding(measure.name, stream_counts, counts, limit)
        if measure.labels:
            display_names = topics if measure.name == TOPICS else {}
            findings.append(
                msgspec.structs.replace(
                    finding, moved=_moved_shares(measure, counts, stream_counts, display_names)
                )
            )
        else:
            finding = _with_means(finding, means, runs, total / n if n else None)
            far = measure.name == LENGTH and _is_mean_far(finding, runs, n)
            findings.append(msgspec.structs.replace(finding, alarm=finding.alarm or far))
    if profile.common_words:
        findings.append(_words(profile, tally.words, n, level))
    findings.sort(key=lambda finding: (not finding.alarm, -finding.ratio))
    rising, falling = _changed_words(profile, tally, words)
    return Drift(
        n, profile.articles, tuple(findings), rising, falling, tally.expected, profile.facts.expected
    )


def divergence(p: Floats, q: Floats) -> Floats:
    """Return the Jensen-Shannon divergence, in bits, of distributions along the last axis."""
    from scipy.special import rel_entr

    middle = (p + q) / 2
    bits: Floats = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1) / (2 * np.log(2))
    return bits


def _finding(name: str, stream_counts: Floats, counts: Ints, limit: float | None) -> Finding:
    distance = float(divergence(_shares(stream_counts), _shares(counts.sum(axis=0))))
    return Finding(name, distance, limit, limit is not None and distance > limit)


def _with_means(finding: Finding, means: Floats, runs: tuple[int, ...], now: float | None) -> Finding:
    return msgspec.structs.replace(
        finding,
        before=float(np.average(means, weights=runs)),
        now=now,
        least=float(means.min()),
        most=float(means.max()),
    )


def _is_mean_far(finding: Finding, runs: tuple[int, ...], n: int) -> bool:
    """Return whether the mean is far outside the range of the runs; fewer articles need a larger distance."""
    if n < MIN_ARTICLES or not finding.now or not finding.least or not finding.most:
        return False
    far = _FAR_FACTOR ** max(1.0, float(np.sqrt(np.mean(runs) / n)))
    return not finding.least / far <= finding.now <= finding.most * far


def _moved_shares(
    measure: DriftMeasure, counts: Ints, stream_counts: Floats, display_names: Mapping[str, str]
) -> tuple[ShareChange, ...]:
    before, now = _shares(counts.sum(axis=0)), _shares(stream_counts)
    order = np.argsort(-np.abs(now - before), kind="stable")[:_SHOWN_BINS].tolist()
    names = [display_names.get(label, label) for label in measure.labels]
    return tuple(ShareChange(names[i], float(before[i]), float(now[i])) for i in order)


def _words(profile: Profile, stream_counts: Floats, n: int, level: float) -> Finding:
    """Compare the frequencies of the common words with those of the profile."""
    counts = profile.counts[:, profile.counts.shape[1] - profile.common_words :]
    # Words of an article are not independent, so that sampling words would not imitate a short stream.
    long_enough = n >= np.mean(profile.facts.runs)
    limit = _limit(counts, profile.facts.runs, n, level, None) if long_enough else None
    return _finding(WORDS, stream_counts, counts, limit)


def _limit(
    counts: Ints, runs: tuple[int, ...], n: int, level: float, generator: np.random.Generator | None
) -> float | None:
    """Return the distance that n neighbouring articles of the profile rarely have from the others.

    None with too few articles or runs. Windows shorter than n are farther from the rest, so that their limits
    are conservative, but more precise, as there are more of them. The lowest limit is returned.
    """
    if n < MIN_ARTICLES or len(runs) < _MIN_RUNS:
        return None
    size = float(np.mean(runs))
    if n < size and generator is not None:
        return _limit_of_windows(counts, 1, level, lambda windows: _resampled(windows, n, generator))
    longest = int(np.clip(n // size, 1, max(1, len(runs) // 3)))
    lengths = {2**power for power in range(longest.bit_length())}
    return min(_limit_of_windows(counts, length, level, _shares) for length in lengths | {longest})


def _limit_of_windows(
    counts: Ints, length: int, level: float, shares_of: Callable[[Floats], Floats]
) -> float:
    from scipy.special import fdtri

    sums = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
    windows = sums[length:] - sums[:-length]
    shares = shares_of(windows)
    distances = divergence(shares, _shares(sums[-1] - windows)).ravel()
    mean, variance = (
        float(distances.mean()),
        float(distances.var(ddof=1)) / (1 - mean_correlation(len(windows), length)),
    )
    max_limit = _max_limit(shares, _shares(sums[-1]))
    if mean <= 0 or variance <= 0:  # only one bin
        return min(mean, max_limit)
    degrees = max(1.0, 2 * mean**2 / variance)
    return min(float(mean * fdtri(degrees, len(counts) / length * degrees, 1 - level)), max_limit)


def _sampling_distance(whole: Floats, articles: int, n: int, level: float) -> float:
    """Return the distance that the finite size of the profile explains.

    A bin that is empty in the profile may still have a true share of -ln(level) / articles, plus one of the n
    articles. This share is moved from the most frequent bin to the rarest.
    """
    share = min(-float(np.log(level)) / max(articles, 1) + 1 / n, float(whole.max()))
    moved = whole.copy()
    moved[whole.argmax()] -= share
    moved[whole.argmin()] += share
    return float(divergence(moved, whole))


def _max_limit(windows: Floats, whole: Floats) -> float:
    """Return the highest limit allowed, halfway from the farthest window to the largest possible distance.

    A stream whose articles are all in the rarest bin is the farthest from the profile.
    """
    rarest = float(whole.min())
    farthest = divergence(np.array([1.0, 0.0]), np.array([rarest, 1 - rarest]))
    return float(divergence(windows, whole).max() + farthest) / 2


def mean_correlation(windows: int, length: int) -> float:
    """Return the mean correlation between overlapping windows, which slide by one run.

    Sums of windows k runs apart have a correlation of 1 - k / length. The sample variance of correlated
    values is too small by a factor of one minus their mean correlation.
    """
    lags = np.arange(1, length)
    return float(2 * ((windows - lags) * (1 - lags / length)).sum() / (windows * (windows - 1)))


def _resampled(windows: Floats, n: int, generator: np.random.Generator) -> Floats:
    """Return the shares of n articles drawn from each window, shape (draws, windows, bins)."""
    return _shares(generator.multinomial(max(n, 1), _shares(windows), (_DRAWS, len(windows))))


def _shares(counts: Ints | Floats) -> Floats:
    """Normalize counts along the last axis; uniform where nothing was counted."""
    total = counts.sum(axis=-1, keepdims=True)
    shares: Floats = np.divide(
        counts, total, out=np.full(counts.shape, 1 / max(counts.shape[-1], 1)), where=total > 0
    )
    return shares


def _changed_words(
    profile: Profile, tally: Tally, words: Mapping[str, int] | None
) -> tuple[tuple[ShareChange, ...], tuple[ShareChange, ...]]:
    """Return the words that changed most, by the z-score of log odds with a prior (Monroe et al. 2008)."""
    before, now = profile.articles, tally.articles
    if not before or not now:
        return (), ()
    known = dict(zip(profile.words, profile.frequencies.tolist(), strict=True))
    if words is None:
        words = dict(zip(profile.words, tally.words.tolist(), strict=False))  # the common ones
        known = {lemma: known[lemma] for lemma in words}
    lemmas = sorted(known.keys() | words.keys())
    old = np.array([known.get(lemma, 0) for lemma in lemmas], np.float64)
    new = np.array([words.get(lemma, 0) for lemma in lemmas], np.float64)
    # Add half an article with the word and half an article without it, as a word may be in every article.
    prior = _PRIOR_ARTICLES * (old + new + 0.5) / (before + now + 1)
    odds = [
        np.log((n_with + prior) / (n - n_with + _PRIOR_ARTICLES - prior))
        for n_with, n in ((new, now), (old, before))
    ]
    z = (odds[0] - odds[1]) / np.sqrt(1 / (new + prior) + 1 / (old + prior))
    order = np.argsort(-z, kind="stable")
    changes = [ShareChange(lemmas[i], float(old[i]) / before, float(new[i]) / now) for i in order.tolist()]
    rising = [word for word in changes[:_SHOWN_WORDS] if word.now > word.before]
    falling = [word for word in changes[: -_SHOWN_WORDS - 1 : -1] if word.now < word.before]
    return tuple(rising), tuple(falling)
