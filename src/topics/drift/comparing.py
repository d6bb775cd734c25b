"""Whether a stream still looks like the articles of a profile.

A measure's distance is the Jensen-Shannon divergence between the stream's histogram and the profile's. What
distance is usual is taken from the profile itself: windows of neighbouring runs, as long as the stream, are
held against the rest, so that both a week's own character and a small sample's scatter are in it. The limit
follows from the mean and the spread of these distances by an F distribution (Satterthwaite's degrees of
freedom): with few windows, or with windows that differ much, more is forgiven, but never all that a distance
can be. The level is 1 % for all measures together (Bonferroni), so that one quiet stream in a hundred raises
an alarm.

The bins of the length end where training did: articles half as long as any before may fill the lowest no more
than some weeks did. So a mean far outside those of all runs is an alarm, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec
import numpy as np

from topics.drift.profile import Profile
from topics.drift.readings import LENGTH, TOPICS, Expected, Floats, Ints, Measure
from topics.drift.tally import Tally

WORDS = "words"
LEVEL = 0.01
LEAST = 25
"""Articles that make a stream; of fewer nothing is told."""
LEAST_BEFORE = 200
"""Articles of the profile, and its runs, from which on it shows what is usual: with three runs one quiet
stream in ten would be an alarm."""
_LEAST_RUNS = 8
_DRAWS = 50
"""Samples drawn from each run, for a stream that is shorter than a run."""
_FAR = 1.5
"""How many times longer or shorter than in any run the articles must be for this alone to be an alarm."""
_SHOWN_WORDS, _SHOWN_BINS = 15, 3
_PRIOR = 10.0
"""Articles that a word's pooled share weighs as much as, before any is counted."""


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lemma, an outlet or a topic that more of the articles have than before, or fewer."""

    word: str
    before: float
    """Share of the profile's articles that have it."""
    now: float


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measure of the stream against the profile."""

    measure: str
    distance: float
    """Jensen-Shannon divergence, 0 to 1."""
    limit: float | None
    """The distance that quiet streams of this size hardly ever exceed; None: too few articles to tell."""
    alarm: bool
    before: float | None = None
    """Mean in the profile, of a number."""
    now: float | None = None
    least: float | None = None
    """Range of the means of the profile's runs."""
    most: float | None = None
    moved: tuple[Word, ...] = ()
    """Of names, those whose share changed most."""

    @property
    def is_beyond(self) -> bool:
        """Whether it is the mean alone that raises the alarm: it lies far outside the range."""
        return self.alarm and (self.limit is None or self.distance <= self.limit)

    @property
    def ratio(self) -> float:
        """How many times the limit the distance is; 0 without a limit, and where there is but one bin."""
        return self.distance / self.limit if self.limit else 0.0


class Drift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What changed."""

    articles: int
    reference_articles: int
    """Of the profile."""
    findings: tuple[Finding, ...]
    """Alarms first, then by how near the limit is."""
    rising: tuple[Word, ...]
    """Words that became more frequent, by the certainty of it."""
    falling: tuple[Word, ...]
    expected: tuple[Expected, ...]
    before: tuple[Expected, ...]
    """What the probabilities promised of the profile's articles."""

    @property
    def alarms(self) -> list[Finding]:
        """The measures that are out of their usual range."""
        return [finding for finding in self.findings if finding.alarm]


def drift(
    profile: Profile,
    summed: Floats,
    words: Mapping[str, int] | None = None,
    topics: Mapping[str, str] = MappingProxyType({}),
) -> Drift:
    """Hold a stream of n articles against a profile.

    Args:
        profile: what was before.
        summed: the stream, as a gauge of this profile has added it up.
        words: lemma -> articles of the stream that hold it. Without it only words that are common in the
            profile can be named.
        topics: id -> what the topic is called.
    """
    tally = Tally.of(profile, summed)
    n, runs = tally.articles, profile.facts.runs
    level = LEVEL / (len(profile.facts.measures) + 1)
    generator = np.random.default_rng(0)
    findings = []
    for (measure, counts, means), found, total in zip(
        profile.tables(), tally.counts, tally.sums.tolist(), strict=True
    ):
        limit = _limit(counts, runs, n, level, generator)
        if limit is not None:  # where nothing varied, the first that is otherwise is no alarm yet
            limit = max(limit, _chance(_shares(counts.sum(axis=0)), profile.articles, n, level))
        finding = _finding(measure.name, found, counts, limit)
        if measure.labels:
            called = topics if measure.name == TOPICS else {}
            findings.append(msgspec.structs.replace(finding, moved=_moved(measure, counts, found, called)))
        else:
            finding = _with_means(finding, means, runs, total / n if n else None)
            beyond = measure.name == LENGTH and _is_far(finding, runs, n)
            findings.append(msgspec.structs.replace(finding, alarm=finding.alarm or beyond))
    if profile.common_words:
        findings.append(_words(profile, tally.words, n, level))
    findings.sort(key=lambda finding: (not finding.alarm, -finding.ratio))
    rising, falling = _changed(profile, tally, words)
    return Drift(
        n, profile.articles, tuple(findings), rising, falling, tally.expected, profile.facts.expected
    )


def divergence(some: Floats, others: Floats) -> Floats:
    """Jensen-Shannon divergence in bits, of shares along the last axis."""
    from scipy.special import rel_entr

    middle = (some + others) / 2
    bits: Floats = (rel_entr(some, middle) + rel_entr(others, middle)).sum(axis=-1) / (2 * np.log(2))
    return bits


def _finding(name: str, found: Floats, counts: Ints, limit: float | None) -> Finding:
    distance = float(divergence(_shares(found), _shares(counts.sum(axis=0))))
    return Finding(name, distance, limit, limit is not None and distance > limit)


def _with_means(finding: Finding, means: Floats, runs: tuple[int, ...], now: float | None) -> Finding:
    return msgspec.structs.replace(
        finding,
        before=float(np.average(means, weights=runs)),
        now=now,
        least=float(means.min()),
        most=float(means.max()),
    )


def _is_far(finding: Finding, runs: tuple[int, ...], n: int) -> bool:
    """Tell whether the mean lies far outside those of all runs; the farther, the fewer articles there are."""
    if n < LEAST or not finding.now or not finding.least or not finding.most:
        return False
    far = _FAR ** max(1.0, float(np.sqrt(np.mean(runs) / n)))
    return not finding.least / far <= finding.now <= finding.most * far


def _moved(measure: Measure, counts: Ints, found: Floats, called: Mapping[str, str]) -> tuple[Word, ...]:
    before, now = _shares(counts.sum(axis=0)), _shares(found)
    order = np.argsort(-np.abs(now - before), kind="stable")[:_SHOWN_BINS].tolist()
    names = [called.get(label, label) for label in measure.labels]
    return tuple(Word(names[i], float(before[i]), float(now[i])) for i in order)


def _words(profile: Profile, found: Floats, n: int, level: float) -> Finding:
    """Hold the frequencies of the common words against the profile's: what the articles are about."""
    counts = profile.counts[:, profile.counts.shape[1] - profile.common_words :]
    # Words of one article come together; so a short stream cannot be imitated by drawing words one by one.
    long_enough = n >= np.mean(profile.facts.runs)
    limit = _limit(counts, profile.facts.runs, n, level, None) if long_enough else None
    return _finding(WORDS, found, counts, limit)


def _limit(
    counts: Ints, runs: tuple[int, ...], n: int, level: float, generator: np.random.Generator | None
) -> float | None:
    """Find the distance that n neighbouring articles of the profile hardly ever have to the others.

    None: so few articles, or so few runs, tell nothing.

    Shorter windows than n lie farther from the rest, so that a limit found on them is on the safe side; but
    there are more of them, which makes it surer. The lowest of the limits is taken.
    """
    if n < LEAST or len(runs) < _LEAST_RUNS:
        return None
    size = float(np.mean(runs))
    if n < size and generator is not None:
        return _limit_of_windows(counts, 1, level, lambda windows: _drawn(windows, n, generator))
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
    usual = divergence(shares, _shares(sums[-1] - windows)).ravel()
    mean, variance = float(usual.mean()), float(usual.var(ddof=1)) / (1 - likeness(len(windows), length))
    highest = _highest(shares, _shares(sums[-1]))
    if mean <= 0 or variance <= 0:  # one bin: it cannot differ
        return min(mean, highest)
    freedom = max(1.0, 2 * mean**2 / variance)
    return min(float(mean * fdtri(freedom, len(counts) / length * freedom, 1 - level)), highest)


def _chance(whole: Floats, articles: int, n: int, level: float) -> float:
    """Find how far a stream may lie for what the profile was too short to show.

    What none of so many articles was may still be the share -ln(level) / articles of all, and of n articles
    one more. These leave the commonest bin for the rarest.
    """
    share = min(-float(np.log(level)) / max(articles, 1) + 1 / n, float(whole.max()))
    moved = whole.copy()
    moved[whole.argmax()] -= share
    moved[whole.argmin()] += share
    return float(divergence(moved, whole))


def _highest(windows: Floats, whole: Floats) -> float:
    """Find the highest limit: halfway from the farthest window's distance to the highest that there can be.

    Farthest of all from the whole profile is a stream that lies in its rarest bin alone.
    """
    rarest = float(whole.min())
    farthest = divergence(np.array([1.0, 0.0]), np.array([rarest, 1 - rarest]))
    return float(divergence(windows, whole).max() + farthest) / 2


def likeness(windows: int, length: int) -> float:
    """Mean correlation of two of the windows, which slide by one run and so share runs.

    The sums of windows that lie k runs apart correlate by 1 - k / length. Correlated figures scatter less
    around their own mean than independent ones, by one minus this.
    """
    apart = np.arange(1, length)
    return float(2 * ((windows - apart) * (1 - apart / length)).sum() / (windows * (windows - 1)))


def _drawn(windows: Floats, n: int, generator: np.random.Generator) -> Floats:
    """Draw n articles from each window, many times; shape (draws, windows, bins)."""
    return _shares(generator.multinomial(max(n, 1), _shares(windows), (_DRAWS, len(windows))))


def _shares(counts: Ints | Floats) -> Floats:
    """Divide by the sum along the last axis; where nothing was counted, all bins are alike."""
    total = counts.sum(axis=-1, keepdims=True)
    shares: Floats = np.divide(
        counts, total, out=np.full(counts.shape, 1 / max(counts.shape[-1], 1)), where=total > 0
    )
    return shares


def _changed(
    profile: Profile, tally: Tally, words: Mapping[str, int] | None
) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """Find the words whose share changed most certainly, by log odds with a prior (Monroe et al. 2008)."""
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
    # Half an article more and half a one less, for a word of every article leaves none without it.
    prior = _PRIOR * (old + new + 0.5) / (before + now + 1)
    odds = [
        np.log((held + prior) / (all_ - held + _PRIOR - prior)) for held, all_ in ((new, now), (old, before))
    ]
    certainty = (odds[0] - odds[1]) / np.sqrt(1 / (new + prior) + 1 / (old + prior))
    order = np.argsort(-certainty, kind="stable")
    found = [Word(lemmas[i], float(old[i]) / before, float(new[i]) / now) for i in order.tolist()]
    rising = [word for word in found[:_SHOWN_WORDS] if word.now > word.before]
    falling = [word for word in found[: -_SHOWN_WORDS - 1 : -1] if word.now < word.before]
    return tuple(rising), tuple(falling)
