"""What is known of a version: `manifest.json`, written last."""

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
"""Grows by one whenever an older `topics` could misread a folder."""

LIBRARIES = ("newsroom-topics", "numpy", "scipy", "scikit-learn", "gensim", "pymorphy3", "pymorphy3-dicts-ru")


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file of the version must be."""

    size: int
    sha256: str


class CorpusFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a version was trained on."""

    sources: tuple[str, ...]
    fingerprint: str
    """SHA-256 over every article read, in order."""
    articles: int
    labelled: int
    clean: int
    rejects: int
    files: tuple[Origin, ...] = ()
    """The sources that are files."""


class RubricMetrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of one rubric on articles that the model had not seen."""

    rubric: str
    positives: int
    negatives: int
    precision: float
    recall: float
    f1: float
    average_precision: float
    given: int = 0
    """Articles that were given it."""


class Likely(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answers that state more than one chance in ten: of many rubrics the others are near 0 and right."""

    answers: int
    calibration_error: float
    """Expected calibration error among them, ten bins of equal size."""
    by_chance: float
    """What it would be on the average if each probability were true: bins of few answers stray."""


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
    wholly_known: int = 0
    """Articles with every rubric known: exact match is of these."""
    likely: Likely | None = None


class TopicMetrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of the topics of a version."""

    topics: int
    terms: int
    """Words and phrases that the model knows."""
    coherence: float
    """Mean NPMI of each topic's ten strongest words, on the articles trained on; -1 to 1."""
    diversity: float
    """Share of different words among the ten strongest of all topics."""
    unreached: float
    """Share of the articles that hold no known word."""
    previous: str = ""
    """The version whose topics it went on from."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that `models` shows and `load` checks."""

    name: str
    version: str
    created: str
    """UTC, ISO 8601."""
    rubrics: tuple[str, ...]
    left_out: dict[str, int]
    """Rubrics with too few positives to learn from, with their number."""
    configuration: dict[str, Any]
    corpus: CorpusFacts
    metrics: Metrics | None
    """None: it is a topic model."""
    libraries: dict[str, str]
    topics: TopicMetrics | None = None
    """None: it is a model of rubrics."""
    files: dict[str, File] = {}
    protocol: int = PROTOCOL

    def trained_on(self, sources: Iterable[Source]) -> tuple[str, ...]:
        """Return those of the sources that it was trained on; on them results are optimistic."""
        return among(self.corpus.files, sources)

    @property
    def goals(self) -> dict[str, dict[str, float]]:
        """What editors asked for: rubric -> `precision` or `recall` -> share."""
        settings = self.configuration.get("rubrics", {}).get("settings", {})
        goals = settings.get("decisions", {}).get("goals", {}).items()
        return {rubric: {name: share for name, share in goal.items() if share} for rubric, goal in goals}

    def rubric_metrics(self) -> Metrics:
        """Return the figures of a version that knows rubrics.

        Raises:
            UsageError: it is a topic model.
        """
        if self.metrics is None:
            raise UsageError(f"{self.name}/{self.version} knows topics, not rubrics; name another version")
        return self.metrics


def libraries() -> dict[str, str]:
    """Versions of Python and of the libraries that an answer depends on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


_VERSION = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9a-f]{6}", re.ASCII)

_DECISIVE = ("pymorphy3", "pymorphy3-dicts-ru")
"""Libraries that change an answer: another dictionary finds other lemmas. The others move the last digits."""


def differing_libraries(manifest: Manifest) -> str:
    """Describe installed libraries that may change a version's answers since its training; "" if none.

    >>> differing_libraries(manifest)
    'trained with pymorphy3-dicts-ru 2.4.417127.4579844, here is 2.5.1: some words may be read otherwise'
    """
    found = []
    for name in _DECISIVE:
        trained = manifest.libraries.get(name)
        with suppress(PackageNotFoundError):
            if trained and trained != version(name):
                found.append(f"trained with {name} {trained}, here is {version(name)}")
    return f"{'; '.join(found)}: some words may be read otherwise" if found else ""


def moment_of(version: str) -> datetime | None:
    """Read in the name of a version when it was made; None: `topics` names none so.

    >>> moment_of("20261123T051511Z-d53d6c")
    datetime.datetime(2026, 11, 23, 5, 15, 11, tzinfo=datetime.timezone.utc)
    """
    match = _VERSION.fullmatch(version)
    with suppress(ValueError):  # the 99th of a month
        return datetime(*map(int, match.groups()), tzinfo=UTC) if match else None  # type: ignore[misc, arg-type]
    return None


def version_name(moment: datetime, ingredients: Iterable[object]) -> str:
    """`20261123T051511Z-d53d6c`: when it was made, and a hash of what it was made of."""
    content = msgspec.json.encode(list(ingredients), order="sorted")
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{hashlib.sha256(content).hexdigest()[:6]}"
