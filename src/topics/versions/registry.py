"""`models/NAME/VERSION/`: published whole, checked on load, never rewritten. It knows no model.

models/rubrics/20261123T051511Z-d53d6c/manifest.json, pipeline.json, ...
models/rubrics/history.jsonl       what was published, promoted, rolled back, pruned; where aliases point
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
_END = datetime(9999, 12, 31, tzinfo=UTC)
"""Nothing comes after a version that says to be of this day; it was forged."""
_LETTERS = "letters, digits, '-', '_' and, not first, '.'"


def is_name(name: str) -> bool:
    """Return whether a model or alias name is valid: letters, digits, '-', '_' and, not first, '.'."""
    return bool(_NAME.fullmatch(name))


class Version(NamedTuple):
    """A version that was found whole and unaltered."""

    folder: Path
    manifest: Manifest
    names: Mapping[int, str] = MappingProxyType({})
    """Topic -> what editors call it, "" for its label; see `history.names`."""

    @property
    def label(self) -> str:
        """`NAME/VERSION`, as predictions carry it."""
        return f"{self.manifest.name}/{self.manifest.version}"


def trained_on(versions: Iterable[Version], sources: Iterable[Source]) -> dict[str, tuple[str, ...]]:
    """Return version -> those of the sources that it was trained on; on them results are optimistic."""
    found = {version.label: version.manifest.trained_on(sources) for version in versions}
    return {label: names for label, names in found.items() if names}


class Registry:
    """The versions of any number of models below one folder."""

    def __init__(self, folder: Path | str = "models") -> None:
        self.folder = Path(folder)

    def expect_writable(self, name: str) -> None:
        """Raise an OSError early if no version of a model could be published."""
        storage.expect_writable(self._home(name))

    def publish(self, manifest: Manifest, write: Callable[[Path], None]) -> Version:
        """Publish a version: `write` fills a hidden folder, which becomes visible by one rename.

        The manifest's `version` and `files` are filled in here; `latest` moves to the new version. After a
        crash at any point either the version is there whole or it is not there at all.
        """
        with self._draft(manifest.name) as draft:
            write(draft)
            files = {}
            for path in sorted(draft.iterdir()):
                integrity.expect_plain(path)
                files[path.name] = integrity.describe(path)
            integrity.flush(draft)
            with self._lock(manifest.name):
                version = self._free_name(manifest)
                manifest = msgspec.structs.replace(manifest, version=version, files=files)
                persistence.write_struct(draft / MANIFEST, manifest)
                metrics = msgspec.to_builtins(manifest.metrics or manifest.topics)
                self._show(draft, manifest, Event(history.PUBLISHED, version, why="trained", metrics=metrics))
        return Version(self._home(manifest.name) / version, manifest)

    def adopt(
        self,
        name: str,
        version: str,
        fill: Callable[[Path], None],
        why: str,
        probe: Callable[[Path], object] = lambda folder: None,
    ) -> Version:
        """Take in a version made elsewhere: `fill` brings its files into a hidden folder. No alias moves.

        `probe` is given the folder once its bytes are checked, and raises ModelError if it is not a model.

        Raises:
            ModelError: what came is not whole, is another version, or one of this name is here and differs.
        """
        with self._draft(name) as draft:
            fill(draft)
            try:
                manifest = integrity.check(draft)
                _expect(manifest, name, version, draft)
                probe(draft)
            except ModelError as error:  # the draft's own path means nothing to a user
                raise ModelError(f"{why}: {str(error).replace(f'{draft}', f'{name}/{version}')}") from error
            integrity.flush(draft)
            with self._lock(name):
                is_here = os.path.lexists(self._home(name) / version)
                damage = self._damage(name, version, integrity.seal(draft)) if is_here else ""
                if damage or not is_here:
                    metrics = msgspec.to_builtins(manifest.metrics or manifest.topics)
                    event = Event(history.IMPORTED, version, why=f"{why}{damage}", metrics=metrics)
                    self._show(draft, manifest, event)
        if damage:
            warnings.warn(f"{name}/{version}: was taken {why}{damage}", ModelWarning, stacklevel=2)
        return Version(self._home(name) / version, manifest)

    def open(self, reference: str) -> Version:
        """Find a version and check every byte of it.

        Args:
            reference: `NAME` (the alias `production` if it is set, else `latest`), `NAME@ALIAS` or
                `NAME/VERSION`.

        Raises:
            ModelError: there is none, it is damaged, or a newer `topics` made it.
        """
        return self.open_with(reference, lambda version: version)

    def open_with(self, reference: str, load: Callable[[Version], T]) -> T:
        """Find a version, check every byte of it and load what is wanted of it: `load` reads its files.

        Should it be pruned meanwhile, and the alias point elsewhere by now, that one is loaded.

        Raises:
            ModelError: as `open` and `load` do.
        """
        while True:
            events, (name, version) = self._resolve(reference)
            try:
                found = self._open(name, version, events)
                loaded = load(found)
            except (ModelError, FileNotFoundError) as error:
                if self.resolve(reference) != (name, version):
                    continue  # the alias moved on, and the version was pruned while we read it
                if isinstance(error, ModelError):
                    raise
                raise ModelError(f"{error.filename}: is missing; {persistence.REMEDY}") from error
            if differing := differing_libraries(found.manifest):
                warnings.warn(f"{found.label}: {differing}", ModelWarning, stacklevel=3)
            return loaded

    def resolve(self, reference: str) -> tuple[str, str]:
        """Turn a reference into name and version, without looking into the version."""
        return self._resolve(reference)[1]

    def _resolve(self, reference: str) -> tuple[list[Event], tuple[str, str]]:
        """Resolve a reference by the events that it returns: they are read once."""
        name, separator, rest = re.fullmatch(r"([^@/]*)([@/]?)(.*)", reference, re.DOTALL).groups()  # type: ignore[union-attr]
        events = self._brief(name)
        versions, aliases = self.versions(name), history.aliases(events)
        if not versions:
            raise self._none_of(name, aliases)
        if separator == "@" and rest not in aliases:
            raise ModelError(f"{name!r} has no alias {rest!r}; it has {listed(aliases)}")
        version = (
            rest if separator == "/" else aliases.get(rest or PRODUCTION, aliases.get(LATEST, versions[-1]))
        )
        if version not in versions:
            if len(self._brief(name)) > len(events):  # the alias moved on, and the version was pruned
                return self._resolve(reference)
            raise ModelError(f"{name!r} has no version {version!r}; it has {listed(versions)}")
        return events, (name, version)

    def _none_of(self, name: str, aliases: Mapping[str, str]) -> ModelError:
        """Say that no version of a model: it was never there, or it is lost."""
        if aliases:
            return ModelError(
                f"{self.folder}: no version of {name!r}, though its history names some; {persistence.REMEDY}"
            )
        known = listed(self.names())
        return ModelError(
            f"{self.folder}: no version of {name!r}; trained models: {known}. "
            "Train one with `python -m topics train`, or name the folder with --models"
        )

    def knows(self, name: str) -> bool:
        """Return whether a model exists, even if all its versions are lost and only aliases are left."""
        return bool(self.versions(name) or self.aliases(name))

    def was_pruned(self, name: str, version: str) -> bool:
        """Return whether a version was pruned while its siblings were being listed."""
        return version not in self.versions(name) and history.is_pruned(self._brief(name), version)

    def names(self) -> list[str]:
        """Models that have a version, or whose folder cannot be looked into, in order."""
        return sorted(
            path.name for path in _listed(self.folder) if is_name(path.name) and self._is_model(path)
        )

    def model_names(self) -> list[str]:
        """Models that have a version or a history, in order."""
        told = [path.parent.name for path in self.folder.glob(f"*/{history.FILE}")]
        return sorted({*self.names(), *filter(is_name, told)})

    def _is_model(self, folder: Path) -> bool:
        try:
            return bool(self.versions(folder.name))
        except ModelError:
            return True

    def versions(self, name: str) -> list[str]:
        """Versions of a model, oldest first.

        Raises:
            ModelError: the folder cannot be looked into: it may hold some.
        """
        found = _listed(self._home(name))
        return sorted(path.name for path in found if not path.name.startswith(".") and _holds_manifest(path))

    def manifest(self, name: str, version: str) -> Manifest:
        """Read what is known of a version, its files unchecked."""
        return integrity.read_manifest(self._home(name) / version)

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> version."""
        return history.aliases(self._brief(name))

    def events(self, name: str) -> list[Event]:
        """What became of the versions of a model, oldest first."""
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
        """Point an alias to a version. Whether that is wise, `topics.lifecycle.promotion` decides.

        Args:
            name: of the model.
            version: where the alias shall point.
            why: for the history.
            alias: which.
            expected: where the caller saw it point; None: nowhere.
            metrics: what speaks for it, for the history.
            forced: whether a refusal was overruled.

        Raises:
            ModelError: there is no such version, or someone moved the alias meanwhile.
            UsageError: an alias cannot be called so.
        """
        if not is_name(alias):
            raise UsageError(f"{alias!r} is not a valid alias name: {_LETTERS}")
        with self._lock(name):
            self.resolve(f"{name}/{version}")
            found = self.aliases(name).get(alias)
            if found != expected:
                raise ModelError(
                    f"{name}@{alias} moved meanwhile, from {expected} to {found}; compare with that one"
                )
            event = Event(history.PROMOTED, version, alias, found, why, forced, metrics or {})
            return History(self._home(name)).append(event)

    def name_topic(
        self,
        found: Version,
        topic: int,
        words: str,
        why: str = "",
        expect_free: Callable[[Mapping[int, str]], None] = lambda names: None,
    ) -> Event:
        """Write down what a topic of a version is called from now on; whether it has it, the caller knows.

        `expect_free` is given what topics are called just then, and raises UsageError if the words are taken.

        Raises:
            ModelError: there is no such version any more.
        """
        name, version = found.manifest.name, found.manifest.version
        with self._lock(name):
            events, _ = self._resolve(f"{name}/{version}")
            expect_free(_names(found.manifest, events))
            return History(self._home(name)).append(
                Event(history.NAMED, version, why=why, topic=topic, name=words)
            )

    def name_topics(self, found: Version, names: Mapping[int, str], why: str) -> None:
        """Write down what the topics of a version are called elsewhere; what was said of one here stays."""
        name, version = found.manifest.name, found.manifest.version
        with self._lock(name):
            known = _names(found.manifest, self._brief(name))
            for topic in sorted(names.keys() - known.keys()):
                event = Event(history.NAMED, version, why=why, topic=topic, name=names[topic])
                History(self._home(name)).append(event)

    def rollback(self, name: str, why: str = "", alias: str = PRODUCTION) -> Event:
        """Point an alias to where it pointed before; twice goes back two steps.

        Raises:
            ModelError: it never pointed elsewhere, or what it pointed to was removed or is damaged.
        """
        with self._lock(name):
            events = self._brief(name)
            before = history.previous(events, alias, self.versions(name))
            if before is None:
                raise ModelError(
                    f"{name}@{alias} has nowhere to go back to; promote one of {listed(self.versions(name))}"
                )
            self.open(f"{name}/{before}")
            event = Event(history.ROLLED_BACK, before, alias, history.aliases(events)[alias], why)
            return History(self._home(name)).append(event)

    def prune(self, name: str, keep: int = 5, days: int = 30, *, remove: bool = False) -> Pruning:
        """Find versions that are no longer needed; with `remove`, delete them and drafts of dead processes.

        Kept are versions that an alias points to, or would after a rollback, the last `keep`, those of the
        last `days` days, and those that topics of all these went on from: without them `reproduce` fails.
        What was lost, is older and has no alias is told among those taken away: the history says so, too.
        """
        self._expect_model(name)
        with self._lock(name) if remove else nullcontext():  # a dry run needs no lock
            home, events, versions = self._home(name), self._brief(name), self.versions(name)
            kept = reasons_to_keep(versions, events, keep, days)
            removed = [version for version in versions if version not in kept]
            removed += written_off(versions, events, days)
            orphans, going = drafts.orphans(home), []
            if remove:
                for version in removed:
                    if not history.is_pruned(events, version):  # by one who was killed before hiding it
                        History(home).append(Event(history.PRUNED, version, why=f"keep={keep} days={days}"))
                    going += drafts.hide(home / version)
                integrity.sync(home)
                for path in orphans + going:  # after a crash here, what is left are orphans
                    drafts.remove(path)
        return Pruning(removed, kept, [path.name for path in orphans])

    def _home(self, name: str) -> Path:
        if not is_name(name):
            raise UsageError(f"{name!r} is not a valid model name: {_LETTERS}")
        return self.folder / name

    def _brief(self, name: str) -> list[Event]:
        return History(self._home(name)).brief()

    def _open(self, name: str, version: str, events: list[Event]) -> Version:
        folder = self._home(name) / version
        manifest = integrity.read_manifest(folder)
        _expect(manifest, name, version, folder)
        integrity.check(folder)
        expected = history.seals(events).get(version)
        if expected and integrity.seal(folder) != expected:
            raise ModelError(
                f"{folder / MANIFEST}: was altered since it was published; restore it or train again"
            )
        return Version(folder, manifest, MappingProxyType(_names(manifest, events)))

    def _damage(self, name: str, version: str, seal: str) -> str:
        """Describe the damage of an installed version that a good copy can replace; "": none.

        Raises:
            ModelError: the copy is of another version of this name.
        """
        there = self._home(name) / version
        seals = {history.seals(self._brief(name)).get(version)}
        with suppress(OSError):
            seals.add(integrity.seal(there))
        if seal not in seals:
            raise ModelError(f"{there}: already exists and differs; remove it or import elsewhere")
        try:
            integrity.check(there)
            return "" if integrity.seal(there) == seal else ", in place of one that was altered"
        except (ModelError, OSError):
            return ", in place of one that was damaged"

    def _free_name(self, manifest: Manifest) -> str:
        """Return a name from time and content that sorts after all existing ones, whatever the clock says."""
        made = datetime.fromisoformat(manifest.created)
        for moment in filter(None, map(moment_of, self.versions(manifest.name))):
            if moment < _END:
                made = max(made, moment + timedelta(seconds=1))
        return version_name(made, (manifest.configuration, manifest.corpus.fingerprint, manifest.libraries))

    def _show(self, draft: Path, manifest: Manifest, event: Event) -> None:
        """Make a draft visible, in place of one damaged, and write down that it came; call under the lock."""
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
        with storage.naming(home), drafts.making(home) as draft:
            yield draft

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        self._expect_model(name)
        with drafts.lock(self._home(name)):
            yield

    def _expect_model(self, name: str) -> None:
        if not self._home(name).is_dir():
            raise ModelError(f"{self.folder}: no model {name!r}; there are {listed(self.names())}")


def _listed(folder: Path) -> list[Path]:
    """List a folder; one that is not there holds nothing, as does a file."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read ({error.strerror}); make it readable") from error


def _holds_manifest(folder: Path) -> bool:
    """Return whether a folder is a version; one without read permission counts, and fails later."""
    try:
        (folder / MANIFEST).lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _expect(manifest: Manifest, name: str, version: str, folder: Path) -> None:
    if manifest.name != name or manifest.version != version:
        raise ModelError(
            f"{folder}: its manifest is of {manifest.name}/{manifest.version}; it was moved or copied: "
            "put it back, and a copy of a model into another folder of models"
        )


def _names(manifest: Manifest, events: list[Event]) -> dict[int, str]:
    """Look up the names that editors gave to the topics of a version."""
    parent = manifest.topics.previous if manifest.topics else ""
    return history.names(events, manifest.version, parent)
