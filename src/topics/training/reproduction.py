"""Reproducibility of a version: same configuration, corpus and code must yield the same bytes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from topics.config import Config, convert
from topics.corpus import Corpus
from topics.errors import DataError
from topics.training.job import TrainingJob
from topics.types import Watch, unwatched
from topics.versions import history
from topics.versions.manifest import CorpusFacts, Manifest, libraries
from topics.versions.registry import LATEST, Registry, Version

DOCUMENTS = frozenset({"report.json", "report.html", "MODEL_CARD.md"})
"""Human-readable files, which may change with the version of `topics` for the same model."""


class Reproduction(msgspec.Struct, frozen=True):
    """Result of training again."""

    model: str
    files: dict[str, str]
    """File -> `same`, `differs`, `missing` (not made again) or `new`."""
    libraries: dict[str, tuple[str, str]]
    """Library -> its version then and now, if they differ."""

    @property
    def is_same(self) -> bool:
        """Whether all files of the model are identical."""
        return set(self.files.values()) == {"same"}


def configuration_of(manifest: Manifest) -> Config:
    """Return the configuration that a version was trained with.

    Raises:
        UsageError: it has settings that this version of `topics` does not know.
    """
    return convert(manifest.configuration, Config, f"{manifest.name}/{manifest.version}")


def reproduce(
    registry: Registry,
    manifest: Manifest,
    corpus: Corpus,
    jobs: int = 1,
    watch: Watch = unwatched,
) -> Reproduction:
    """Train again in a temporary folder and compare the hashes of the files.

    Args:
        registry: of the version and, for topics, of its predecessor.
        manifest: of the version.
        corpus: on which it was trained.
        jobs: number of processes.
        watch: progress callback.

    Raises:
        DataError: the corpus is not what the version was trained on.
        ModelError: the predecessor of its topics was removed.
        UsageError: the version's configuration cannot be read.
    """
    config, name = configuration_of(manifest), manifest.name
    parent = manifest.topics.previous if manifest.topics else ""
    previous = registry.open(f"{name}/{parent}") if parent else None
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(corpus, config, Registry(folder), jobs, watch)
        _expect_same(manifest, job.material.facts)
        if previous:
            _lay_out(previous, job.registry, _names_then(registry, manifest))
        made = job.train_rubrics(name) if manifest.topics is None else job.train_topics(name)
    names = sorted((manifest.files.keys() | made.manifest.files.keys()) - DOCUMENTS)
    here = libraries()
    return Reproduction(
        f"{manifest.name}/{manifest.version}",
        {name: _state(manifest, made.manifest, name) for name in names},
        {
            name: (version, here.get(name, "not installed"))
            for name, version in manifest.libraries.items()
            if here.get(name) != version
        },
    )


def _expect_same(manifest: Manifest, now: CorpusFacts) -> None:
    then = manifest.corpus
    if then.fingerprint != now.fingerprint:
        raise DataError(
            f"DATA is not what {manifest.name}/{manifest.version} was trained on: {now.articles} articles, "
            f"{now.labelled} labelled, {now.clean} clean, fingerprint {now.fingerprint[:16]}…, instead of "
            f"{then.articles}, {then.labelled}, {then.clean}, {then.fingerprint[:16]}…, from "
            f"{', '.join(then.sources)}; name the same files in the same order, and the same --labels"
        )


def _names_then(registry: Registry, manifest: Manifest) -> Mapping[int, str]:
    """Return the names that the predecessor's topics had when the version was trained."""
    events = registry.events(manifest.name)
    made = next((i for i, event in enumerate(events) if event.version == manifest.version), len(events))
    return history.names(events[:made], manifest.topics.previous if manifest.topics else "")


def _lay_out(version: Version, scratch: Registry, names: Mapping[int, str]) -> None:
    """Copy a version to another registry as the latest one, and rename its topics."""
    name, label = version.manifest.name, version.manifest.version

    def fill(draft: Path) -> None:
        shutil.copytree(version.folder, draft, dirs_exist_ok=True)

    copy = scratch.adopt(name, label, fill, "gone on from")
    scratch.promote(name, label, "gone on from", alias=LATEST, expected=None)
    for topic, words in names.items():
        scratch.name_topic(copy, topic, words)


def _state(old: Manifest, new: Manifest, name: str) -> str:
    if name not in new.files:
        return "missing"
    if name not in old.files:
        return "new"
    return "same" if old.files[name] == new.files[name] else "differs"
