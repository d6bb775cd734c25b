"""The manifest of a version, `manifest.json`, written last."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import msgspec

from topics.errors import UsageError
from topics.versions.origins import Origin, among

if TYPE_CHECKING:
    from topics.corpus.sources import Source

PROTOCOL = 1
"""Incremented whenever an older `topics` could misread a folder."""

LIBRARIES = ("newsroom-topics", "numpy", "scipy", "scikit-learn", "gensim", "pymorphy3", "pymorphy3-dicts-ru")


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Expected size and hash of a file."""

    size: int
    sha256: str


class CorpusFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The corpus that a version was trained on."""

    sources: tuple[str, ...]
    fingerprint: str
    """SHA-256 of all articles, in order."""
    articles: int
    labelled: int
    clean: int
    rejects: int
    files: tuple[Origin, ...] = ()
    """The sources that are files."""


class RubricMetrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of one rubric on held-out articles."""

    rubric: str
    positives: int
    negatives: int
    precision: float
    recall: float
    f1: float
    average_precision: float
    given: int
    """Articles to which the model assigned it."""


class Likely(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calibration of probabilities above 0.1; with many rubrics most are close to 0 and right."""

    answers: int
    """Number of such probabilities."""
    calibration_error: float
    """Their expected calibration error, ten bins of equal size."""
    by_chance: float
    """Its expectation if the probabilities were exact, which is above 0, as bins are finite."""


class Metrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of a version and how they were measured."""

    method: str
    articles: int
    rubrics: tuple[RubricMetrics, ...]
    micro_f1: float
    macro_f1: float
    mean_average_precision: float
    exact_match: float
    calibration_error: float
    """Expected calibration error over all rubrics, ten bins of equal size."""
    review_share: float
    wholly_known: int
    """Articles with all rubrics known, from which exact match is computed."""
    likely: Likely


class TopicMetrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of the topics of a version."""

    topics: int
    terms: int
    """Size of the vocabulary."""
    coherence: float
    """Mean NPMI of the topics' top ten terms on the training articles, -1 to 1."""
    diversity: float
    """Share of distinct terms among the top ten of all topics."""
    unreached: float
    """Share of the articles without a known term."""
    previous: str = ""
    """The version whose topics these continue, "" for none."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Description of a version: how it was made, its metrics, and the hashes of its files."""

    name: str
    version: str
    created: str
    """UTC, ISO 8601."""
    rubrics: tuple[str, ...]
    left_out: dict[str, int]
    """Rubrics with too few positives to be learned -> their number of positives."""
    configuration: dict[str, Any]
    corpus: CorpusFacts
    metrics: Metrics | None
    """None for topics."""
    libraries: dict[str, str]
    topics: TopicMetrics | None = None
    """None for rubrics."""
    files: dict[str, File] = {}
    protocol: int = PROTOCOL

    def trained_on(self, sources: Iterable[Source]) -> tuple[str, ...]:
        """Return the sources that it was trained on; results on these are optimistic."""
        return among(self.corpus.files, sources)

    @property
    def goals(self) -> dict[str, dict[str, float]]:
        """Goals set by editors: rubric -> `precision` or `recall` -> share."""
        settings = self.configuration.get("rubrics", {}).get("settings", {})
        goals = settings.get("decisions", {}).get("goals", {}).items()
        return {rubric: {name: share for name, share in goal.items() if share} for rubric, goal in goals}

    def rubric_metrics(self) -> Metrics:
        """Return the metrics of a version of rubrics.

        Raises:
            UsageError: it is a version of topics.
        """
        if self.metrics is None:
            raise UsageError(
                f"{self.name}/{self.version} is a version of topics, not of rubrics; name another version"
            )
        return self.metrics


def libraries() -> dict[str, str]:
    """Return the versions of Python and of `LIBRARIES`, as far as they are installed."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


_VERSION = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9a-f]{6}", re.ASCII)

_DICTIONARIES = ("pymorphy3", "pymorphy3-dicts-ru")
"""Libraries whose versions change lemmas and thus answers; others affect the last digits only."""


def differing_libraries(manifest: Manifest) -> str:
    """Describe differences of libraries that may change a version's answers; "" if there are none.

    >>> differing_libraries(manifest)
    'trained with pymorphy3-dicts-ru 2.4.417127.4579844, here 2.5.1: some words may be analysed differently'
    """
    differences = []
    for name in _DICTIONARIES:
        trained = manifest.libraries.get(name)
        with suppress(PackageNotFoundError):
            if trained and trained != version(name):
                differences.append(f"trained with {name} {trained}, here {version(name)}")
    return f"{'; '.join(differences)}: some words may be analysed differently" if differences else ""


def moment_of(version: str) -> datetime | None:
    """Parse the time in the name of a version; None if it is not such a name.

    >>> moment_of("20261123T051511Z-d53d6c")
    datetime.datetime(2026, 11, 23, 5, 15, 11, tzinfo=datetime.timezone.utc)
    """
    match = _VERSION.fullmatch(version)
    with suppress(ValueError):  # an invalid date
        return datetime(*map(int, match.groups()), tzinfo=UTC) if match else None  # type: ignore[misc, arg-type]
    return None


def version_name(moment: datetime, ingredients: Iterable[object]) -> str:
    """Name a version by time of creation and a hash of its ingredients: `20261123T051511Z-d53d6c`."""
    content = msgspec.json.encode(list(ingredients), order="sorted")
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{hashlib.sha256(content).hexdigest()[:6]}"
