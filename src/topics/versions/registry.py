"""The registry of versions, of any kind of model: published atomically, checked on load, never rewritten.

models/rubrics/20261123T051511Z-d53d6c/manifest.json, pipeline.json, ...
models/rubrics/history.jsonl       see `topics.versions.history`
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from topics import persistence, storage
from topics.errors import ModelError, ModelWarning, UsageError, listed
from topics.versions import drafts, history, integrity
from topics.versions.history import LATEST, PRODUCTION, Event, History
from topics.versions.integrity import MANIFEST
from topics.versions.manifest import Manifest, differing_libraries, moment_of, version_name
from topics.versions.pruning import Pruning, reasons_to_keep, written_off

if TYPE_CHECKING:
    from topics.corpus.sources import Source

__all__ = ["LATEST", "PRODUCTION", "Pruning", "Registry", "Version", "is_name", "trained_on"]

T = TypeVar("T")
_NAME = re.compile(r"[\w-][\w.-]{0,99}")
_LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)
"""A version of this day is forged; later names are not derived from it."""
_NAME_RULE = "letters, digits, '-', '_' and, not first, '.'"


def is_name(name: str) -> bool:
    """Return whether a model or alias name is valid: letters, digits, '-', '_' and, not first, '.'."""
    return bool(_NAME.fullmatch(name))


class Version(NamedTuple):
    """A version whose files have been checked."""

    folder: Path
    manifest: Manifest
    names: Mapping[int, str] = MappingProxyType({})
    """Topic -> name given by editors, "" for its label; see `history.names`."""

    @property
    def label(self) -> str:
        """`NAME/VERSION`, as in predictions."""
        return f"{self.manifest.name}/{self.manifest.version}"


def trained_on(versions: Iterable[Version], sources: Iterable[Source]) -> dict[str, tuple[str, ...]]:
    """Return version -> the sources that it was trained on, if any; results on these are optimistic."""
    overlaps = {version.label: version.manifest.trained_on(sources) for version in versions}
    return {label: names for label, names in overlaps.items() if names}


class Registry:
    """The versions of any number of models below one folder."""

    def __init__(self, folder: Path | str = "models") -> None:
        self.folder = Path(folder)

    def expect_writable(self, name: str) -> None:
        """Raise an OSError if no version of a model could be published; meant for before training."""
        storage.expect_writable(self._home(name))

    def publish(self, manifest: Manifest, write: Callable[[Path], None]) -> Version:
        """Publish a version atomically and point `latest` to it.

        Args:
            manifest: `version` and `files` are filled in here.
            write: writes the files of the version into a folder.
        """
        with self._draft(manifest.name) as draft:
            write(draft)
            files = {}
            for path in sorted(draft.iterdir()):
                integrity.check_suffix(path)
                files[path.name] = integrity.describe(path)
            integrity.flush(draft)
            with self._lock(manifest.name):
                version = self._free_name(manifest)
                manifest = msgspec.structs.replace(manifest, version=version, files=files)
                persistence.write_struct(draft / MANIFEST, manifest)
                metrics = msgspec.to_builtins(manifest.metrics or manifest.topics)
                self._make_visible(
                    draft, manifest, Event(history.PUBLISHED, version, why="trained", metrics=metrics)
                )
        return Version(self._home(manifest.name) / version, manifest)

    def adopt(
        self,
        name: str,
        version: str,
        fill: Callable[[Path], None],
        why: str,
        probe: Callable[[Path], object] = lambda folder: None,
    ) -> Version:
        """Add a version from elsewhere; no alias moves. A damaged version of the same name is replaced.

        Args:
            name: of the model.
            version: its name.
            fill: writes the files of the version into a folder.
            why: for the history.
            probe: called with the folder once its files are checked; raises ModelError if they are no model.

        Raises:
            ModelError: the files are damaged or of another version, or a version of this name differs.
        """
        with self._draft(name) as draft:
            fill(draft)
            try:
                manifest = integrity.check(draft)
                _check_identity(manifest, name, version, draft)
                probe(draft)
            except ModelError as error:  # the path of the draft means nothing to the user
                raise ModelError(f"{why}: {str(error).replace(f'{draft}', f'{name}/{version}')}") from error
            integrity.flush(draft)
            with self._lock(name):
                exists = os.path.lexists(self._home(name) / version)
                damage = self._damage(name, version, integrity.seal(draft)) if exists else ""
                if damage or not exists:
                    metrics = msgspec.to_builtins(manifest.metrics or manifest.topics)
                    event = Event(history.IMPORTED, version, why=f"{why}{damage}", metrics=metrics)
                    self._make_visible(draft, manifest, event)
        if damage:
            warnings.warn(f"{name}/{version}: was imported {why}{damage}", ModelWarning, stacklevel=2)
        return Version(self._home(name) / version, manifest)

    def open(self, reference: str) -> Version:
        """Open a version and check all of its files.

        Args:
            reference: `NAME` (the alias `production` if it is set, else `latest`), `NAME@ALIAS` or
                `NAME/VERSION`.

        Raises:
            ModelError: there is none, it is damaged, or its protocol is not known.
        """
        return self.open_with(reference, lambda version: version)

    def open_with(self, reference: str, load: Callable[[Version], T]) -> T:
        """Open a version, check all of its files and return what `load` reads from them.

        If the version is pruned meanwhile and the alias has moved, the new version is loaded.

        Raises:
            ModelError: as by `open` and `load`.
        """
        while True:
            events, (name, version) = self._resolve(reference)
            try:
                opened = self._open(name, version, events)
                loaded = load(opened)
            except (ModelError, FileNotFoundError) as error:
                if self.resolve(reference) != (name, version):
                    continue  # the alias moved, and the version was pruned meanwhile
                if isinstance(error, ModelError):
                    raise
                raise ModelError(f"{error.filename}: is missing; {persistence.REMEDY}") from error
            if differing := differing_libraries(opened.manifest):
                warnings.warn(f"{opened.label}: {differing}", ModelWarning, stacklevel=3)
            return loaded

    def resolve(self, reference: str) -> tuple[str, str]:
        """Return name and version of a reference, without opening the version."""
        return self._resolve(reference)[1]

    def _resolve(self, reference: str) -> tuple[list[Event], tuple[str, str]]:
        """Resolve a reference; also returns the events, so that they are read once."""
        name, separator, rest = re.fullmatch(r"([^@/]*)([@/]?)(.*)", reference, re.DOTALL).groups()  # type: ignore[union-attr]
        events = self._brief(name)
        versions, aliases = self.versions(name), history.aliases(events)
        if not versions:
            raise self._no_version_error(name, aliases)
        if separator == "@" and rest not in aliases:
            raise ModelError(f"{name!r} has no alias {rest!r}; it has {listed(aliases)}")
        version = (
            rest if separator == "/" else aliases.get(rest or PRODUCTION, aliases.get(LATEST, versions[-1]))
        )
        if version not in versions:
            if len(self._brief(name)) > len(events):  # the alias moved, and the version was pruned
                return self._resolve(reference)
            raise ModelError(f"{name!r} has no version {version!r}; it has {listed(versions)}")
        return events, (name, version)

    def _no_version_error(self, name: str, aliases: Mapping[str, str]) -> ModelError:
        """Return the error for a model without versions: unknown, or all of them lost."""
        if aliases:
            return ModelError(
                f"{self.folder}: no version of {name!r}, but its history lists some; {persistence.REMEDY}"
            )
        known = listed(self.names())
        return ModelError(
            f"{self.folder}: no version of {name!r}; trained models: {known}. "
            "Train one with `python -m topics train`, or name another models folder (--models)"
        )

    def knows(self, name: str) -> bool:
        """Return whether a model exists, even if all of its versions are lost."""
        return bool(self.versions(name) or self.aliases(name))

    def was_pruned(self, name: str, version: str) -> bool:
        """Return whether a version was pruned, e.g. after the versions were listed."""
        return version not in self.versions(name) and history.is_pruned(self._brief(name), version)

    def names(self) -> list[str]:
        """Return the models that have a version, or whose folder cannot be read, sorted."""
        return sorted(
            path.name for path in _listed(self.folder) if is_name(path.name) and self._is_model(path)
        )

    def model_names(self) -> list[str]:
        """Return the models that have a version or a history, sorted."""
        with_history = [path.parent.name for path in self.folder.glob(f"*/{history.FILE}")]
        return sorted({*self.names(), *filter(is_name, with_history)})

    def _is_model(self, folder: Path) -> bool:
        try:
            return bool(self.versions(folder.name))
        except ModelError:
            return True

    def versions(self, name: str) -> list[str]:
        """Return the versions of a model, oldest first.

        Raises:
            ModelError: the folder cannot be read.
        """
        folders = _listed(self._home(name))
        return sorted(
            path.name for path in folders if not path.name.startswith(".") and _holds_manifest(path)
        )

    def manifest(self, name: str, version: str) -> Manifest:
        """Read the manifest of a version without checking its files."""
        return integrity.read_manifest(self._home(name) / version)

    def aliases(self, name: str) -> dict[str, str]:
        """Return where the aliases of a model point: alias -> version."""
        return history.aliases(self._brief(name))

    def events(self, name: str) -> list[Event]:
        """Return the history of a model, oldest event first."""
        return History(self._home(name)).events()

    def promote(
        self,
        name: str,
        version: str,
        why: str,
        *,
        alias: str = PRODUCTION,
        expected: str | None,
        metrics: dict[str, object] | None = None,
        forced: bool = False,
    ) -> Event:
        """Point an alias to a version, unconditionally; `topics.lifecycle.promotion` compares first.

        Args:
            name: of the model.
            version: new target of the alias.
            why: for the history.
            alias: to be moved.
            expected: its target as seen by the caller; None: it did not exist.
            metrics: of the comparison, for the history.
            forced: whether a refused promotion is forced.

        Raises:
            ModelError: there is no such version, or the alias was moved meanwhile.
            UsageError: the name of the alias is not valid.
        """
        if not is_name(alias):
            raise UsageError(f"{alias!r} is not a valid alias name: {_NAME_RULE}")
        with self._lock(name):
            self.resolve(f"{name}/{version}")
            current = self.aliases(name).get(alias)
            if current != expected:
                raise ModelError(
                    f"{name}@{alias} moved meanwhile, from {expected} to {current}; compare with the latter"
                )
            event = Event(history.PROMOTED, version, alias, current, why, forced, metrics or {})
            return History(self._home(name)).append(event)

    def name_topic(
        self,
        opened: Version,
        topic: int,
        words: str,
        why: str = "",
        expect_free: Callable[[Mapping[int, str]], None] = lambda names: None,
    ) -> Event:
        """Record the name of a topic. That the version has the topic is not checked here.

        Args:
            opened: the version.
            topic: its id.
            words: its name, "" to reset it to the label.
            why: for the history.
            expect_free: called under the lock with the current names; raises UsageError if `words` are taken.

        Raises:
            ModelError: the version no longer exists.
        """
        name, version = opened.manifest.name, opened.manifest.version
        with self._lock(name):
            events, _ = self._resolve(f"{name}/{version}")
            expect_free(_topic_names(opened.manifest, events))
            return History(self._home(name)).append(
                Event(history.NAMED, version, why=why, topic=topic, name=words)
            )

    def name_topics(self, opened: Version, names: Mapping[int, str], why: str) -> None:
        """Record names from another registry, for topics that have none here."""
        name, version = opened.manifest.name, opened.manifest.version
        with self._lock(name):
            known = _topic_names(opened.manifest, self._brief(name))
            for topic in sorted(names.keys() - known.keys()):
                event = Event(history.NAMED, version, why=why, topic=topic, name=names[topic])
                History(self._home(name)).append(event)

    def rollback(self, name: str, why: str = "", alias: str = PRODUCTION) -> Event:
        """Point an alias to its previous target, see `history.previous`.

        Raises:
            ModelError: there is none, or it was removed or is damaged.
        """
        with self._lock(name):
            events = self._brief(name)
            before = history.previous(events, alias, self.versions(name))
            if before is None:
                raise ModelError(
                    f"{name}@{alias} has no previous version; promote one of {listed(self.versions(name))}"
                )
            self.open(f"{name}/{before}")
            event = Event(history.ROLLED_BACK, before, alias, history.aliases(events)[alias], why)
            return History(self._home(name)).append(event)

    def prune(self, name: str, keep: int = 5, days: int = 30, *, remove: bool = False) -> Pruning:
        """Find versions that are no longer needed; with `remove`, delete them and abandoned drafts.

        Kept are versions that an alias points to, or would after a rollback, the last `keep`, those of the
        last `days` days, and those that the topics of all these continue, which `reproduce` needs. Lost
        versions that are older and have no alias count as removed, also in the history.
        """
        self._expect_model(name)
        with self._lock(name) if remove else nullcontext():  # a dry run needs no lock
            home, events, versions = self._home(name), self._brief(name), self.versions(name)
            kept = reasons_to_keep(versions, events, keep, days)
            removed = [version for version in versions if version not in kept]
            removed += written_off(versions, events, days)
            orphans, hidden = drafts.orphans(home), []
            if remove:
                for version in removed:
                    if not history.is_pruned(events, version):  # by a process that died before hiding it
                        History(home).append(Event(history.PRUNED, version, why=f"keep={keep} days={days}"))
                    hidden += drafts.hide(home / version)
                integrity.sync(home)
                for path in orphans + hidden:  # after a crash here, the rest are orphans
                    drafts.remove(path)
        return Pruning(removed, kept, [path.name for path in orphans])

    def _home(self, name: str) -> Path:
        if not is_name(name):
            raise UsageError(f"{name!r} is not a valid model name: {_NAME_RULE}")
        return self.folder / name

    def _brief(self, name: str) -> list[Event]:
        return History(self._home(name)).brief()

    def _open(self, name: str, version: str, events: list[Event]) -> Version:
        folder = self._home(name) / version
        manifest = integrity.read_manifest(folder)
        _check_identity(manifest, name, version, folder)
        integrity.check(folder)
        expected = history.seals(events).get(version)
        if expected and integrity.seal(folder) != expected:
            raise ModelError(
                f"{folder / MANIFEST}: was altered since it was published; restore it or train again"
            )
        return Version(folder, manifest, MappingProxyType(_topic_names(manifest, events)))

    def _damage(self, name: str, version: str, seal: str) -> str:
        """Describe the damage of a version that a copy with this seal shall replace; "" if there is none.

        Raises:
            ModelError: the copy is a different version of the same name.
        """
        folder = self._home(name) / version
        seals = {history.seals(self._brief(name)).get(version)}
        with suppress(OSError):
            seals.add(integrity.seal(folder))
        if seal not in seals:
            raise ModelError(f"{folder}: already exists and differs; remove it or import elsewhere")
        try:
            integrity.check(folder)
            return "" if integrity.seal(folder) == seal else ", replacing one that was altered"
        except (ModelError, OSError):
            return ", replacing one that was damaged"

    def _free_name(self, manifest: Manifest) -> str:
        """Return a name that sorts after all existing ones, whatever the clock says."""
        created = datetime.fromisoformat(manifest.created)
        for moment in filter(None, map(moment_of, self.versions(manifest.name))):
            if moment < _LAST_DAY:
                created = max(created, moment + timedelta(seconds=1))
        return version_name(
            created, (manifest.configuration, manifest.corpus.fingerprint, manifest.libraries)
        )

    def _make_visible(self, draft: Path, manifest: Manifest, event: Event) -> None:
        """Rename a draft to its version, replacing a damaged one, and record it; call under the lock."""
        home = self._home(manifest.name)
        (draft / MANIFEST).chmod(0o644)
        integrity.sync(draft / MANIFEST)
        integrity.sync(draft)
        draft.chmod(0o755)
        seal = integrity.seal(draft)
        damaged = drafts.hide(home / manifest.version)
        draft.rename(home / manifest.version)
        integrity.sync(home)
        if event.what == history.PUBLISHED:
            before = self.aliases(manifest.name).get(LATEST)
            event = msgspec.structs.replace(event, alias=LATEST, before=before)
        History(home).append(msgspec.structs.replace(event, seal=seal))
        integrity.sync(home)
        for folder in damaged:
            drafts.remove(folder)

    @contextmanager
    def _draft(self, name: str) -> Iterator[Path]:
        home = self._home(name)
        home.mkdir(parents=True, exist_ok=True)
        with storage.naming(home), drafts.create(home) as draft:
            yield draft

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        self._expect_model(name)
        with drafts.lock(self._home(name)):
            yield

    def _expect_model(self, name: str) -> None:
        if not self._home(name).is_dir():
            raise ModelError(f"{self.folder}: no model {name!r}; models: {listed(self.names())}")


def _listed(folder: Path) -> list[Path]:
    """List a folder; [] if there is none."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error.strerror}); make it readable") from error


def _holds_manifest(folder: Path) -> bool:
    """Return whether a folder is a version; without permission it counts as one, and fails later."""
    try:
        (folder / MANIFEST).lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _check_identity(manifest: Manifest, name: str, version: str, folder: Path) -> None:
    if manifest.name != name or manifest.version != version:
        raise ModelError(
            f"{folder}: is {manifest.name}/{manifest.version} by its manifest; move it back, "
            "or put a copied model into another models folder"
        )


def _topic_names(manifest: Manifest, events: list[Event]) -> dict[int, str]:
    """Return the names that editors gave to the topics of a version."""
    parent = manifest.topics.previous if manifest.topics else ""
    return history.names(events, manifest.version, parent)
