"""`models/NAME/VERSION/`: published whole, checked on load, never rewritten. It knows no model.

models/rubrics/20261123T051511Z-d53d6c/manifest.json, pipeline.json, ...
models/rubrics/history.jsonl       what was published, promoted, rolled back, pruned; where aliases point
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from topics import persistence, storage
from topics.errors import ModelError, ModelWarning, UsageError, listed
from topics.versions import drafts, history, integrity
from topics.versions.history import Event, History
from topics.versions.integrity import MANIFEST
from topics.versions.manifest import Manifest, differing_libraries, version_name

if TYPE_CHECKING:
    from topics.corpus.sources import Source

_NAME = re.compile(r"[\w-][\w.-]{0,99}")
_VERSION = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{6}")
_LETTERS = "letters, digits, '-', '_' and '.', not first"
PRODUCTION, LATEST = "production", "latest"


def is_name(name: str) -> bool:
    """Tell whether a model, or an alias, may be called so: letters, digits, '-', '_' and '.', not first."""
    return bool(_NAME.fullmatch(name))


def is_version(name: str) -> bool:
    """Tell whether a version is called so: `20261123T051511Z-d53d6c`."""
    return bool(_VERSION.fullmatch(name))


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


class Pruning(NamedTuple):
    """What pruning takes away and what it leaves."""

    removed: list[str]
    kept: dict[str, str]
    """Version -> why it stays."""
    orphans: list[str]
    """Hidden folders that a crash left behind."""


def trained_on(versions: Iterable[Version], sources: Iterable[Source]) -> dict[str, tuple[str, ...]]:
    """Name, for each version that was trained on some of the sources, which: figures on them flatter it."""
    found = {version.label: version.manifest.trained_on(sources) for version in versions}
    return {label: names for label, names in found.items() if names}


class Registry:
    """The versions of any number of models below one folder."""

    def __init__(self, folder: Path | str = "models") -> None:
        self.folder = Path(folder)

    def expect_writable(self, name: str) -> None:
        """Raise an OSError if no version of a model can be published: told before the work, not after it."""
        storage.expect_writable(self._home(name))

    def publish(self, manifest: Manifest, write: Callable[[Path], None]) -> Version:
        """Make a version: `write` fills a hidden folder, which becomes visible by one rename.

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
                figures = msgspec.to_builtins(manifest.figures or manifest.topics)
                self._show(draft, manifest, Event(history.PUBLISHED, version, why="trained", figures=figures))
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

        `probe` is given the folder once its bytes are checked, and raises ModelError if it is no model.

        Raises:
            ModelError: what came is not whole, is another version, or one of this name is here and differs.
        """
        with self._draft(name) as draft:
            fill(draft)
            try:
                manifest = integrity.check(draft)
                _expect(manifest, name, version, draft)
                probe(draft)
            except ModelError as error:  # of the draft's own path nobody wants to know
                raise ModelError(f"{why}: {str(error).replace(f'{draft}', f'{name}/{version}')}") from error
            integrity.flush(draft)
            with self._lock(name):
                there = self._home(name) / version
                if not there.exists():
                    figures = msgspec.to_builtins(manifest.figures or manifest.topics)
                    self._show(draft, manifest, Event(history.IMPORTED, version, why=why, figures=figures))
                elif not (there / MANIFEST).exists() or integrity.seal(there) != integrity.seal(draft):
                    raise ModelError(f"{there}: is there already and differs; remove it or import elsewhere")
        return Version(self._home(name) / version, manifest)

    def open(self, reference: str) -> Version:
        """Find a version and check every byte of it.

        Args:
            reference: `NAME` (the alias `production` if it is set, else `latest`), `NAME@ALIAS` or
                `NAME/VERSION`.

        Raises:
            ModelError: there is none, it is damaged, or a newer `topics` made it.
        """
        while True:
            name, version = self.resolve(reference)
            try:
                found = self._open(name, version)
            except ModelError:
                if self.resolve(reference) == (name, version):
                    raise
                continue  # the alias moved on, and the version was pruned while we read it
            if differing := differing_libraries(found.manifest):
                warnings.warn(f"{found.label}: {differing}", ModelWarning, stacklevel=2)
            return found

    def resolve(self, reference: str) -> tuple[str, str]:
        """Turn a reference into name and version, without looking into the version."""
        name, separator, rest = re.fullmatch(r"([^@/]*)([@/]?)(.*)", reference, re.DOTALL).groups()  # type: ignore[union-attr]
        versions, aliases = self.versions(name), self.aliases(name)
        if not versions:
            known = listed(self.names())
            raise ModelError(
                f"{self.folder}: there is no version of {name!r}; trained models: {known}. "
                "Train one with `python -m topics train`, or name the folder with --models"
            )
        if separator == "@" and rest not in aliases:
            raise ModelError(f"{name!r} has no alias {rest!r}; it has {listed(aliases)}")
        version = (
            rest if separator == "/" else aliases.get(rest or PRODUCTION, aliases.get(LATEST, versions[-1]))
        )
        if version not in versions:
            raise ModelError(f"{name!r} has no version {version!r}; it has {listed(versions)}")
        return name, version

    def names(self) -> list[str]:
        """Models that have a version, in order."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(path.name for path in found if is_name(path.name) and self.versions(path.name))

    def versions(self, name: str) -> list[str]:
        """Versions of a model, oldest first."""
        return sorted(path.parent.name for path in self._home(name).glob(f"[!.]*/{MANIFEST}"))

    def manifest(self, name: str, version: str) -> Manifest:
        """Read what is known of a version, its files unchecked."""
        return integrity.read_manifest(self._home(name) / version)

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> version."""
        return history.aliases(self.events(name))

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
        figures: dict[str, object] | None = None,
        forced: bool = False,
    ) -> Event:
        """Point an alias to a version. Whether that is wise, `topics.versions.promotion` decides.

        Args:
            name: of the model.
            version: where the alias shall point.
            why: for the history.
            alias: which.
            expected: where the caller saw it point; None: nowhere.
            figures: what speaks for it, for the history.
            forced: whether a refusal was overruled.

        Raises:
            ModelError: there is no such version, or someone moved the alias meanwhile.
            UsageError: an alias cannot be called so.
        """
        if not is_name(alias):
            raise UsageError(f"{alias!r} is no name of an alias: {_LETTERS}")
        with self._lock(name):
            self.resolve(f"{name}/{version}")
            found = self.aliases(name).get(alias)
            if found != expected:
                raise ModelError(
                    f"{name}@{alias} moved meanwhile, from {expected} to {found}; compare with that one"
                )
            event = Event(history.PROMOTED, version, alias, found, why, forced, figures or {})
            return History(self._home(name)).append(event)

    def call(self, name: str, version: str, topic: int, words: str, why: str = "") -> Event:
        """Write down what a topic of a version is called from now on; whether it has it, the caller knows.

        Raises:
            ModelError: there is no such version.
        """
        with self._lock(name):
            self.resolve(f"{name}/{version}")
            return History(self._home(name)).append(
                Event(history.NAMED, version, why=why, topic=topic, name=words)
            )

    def call_all(self, found: Version, names: Mapping[int, str], why: str) -> None:
        """Write down what the topics of a version are called elsewhere; what was said of one here stays."""
        name, version = found.manifest.name, found.manifest.version
        with self._lock(name):
            known = _names(found.manifest, self.events(name))
            for topic in sorted(names.keys() - known.keys()):
                event = Event(history.NAMED, version, why=why, topic=topic, name=names[topic])
                History(self._home(name)).append(event)

    def rollback(self, name: str, why: str = "", alias: str = PRODUCTION) -> Event:
        """Point an alias to where it pointed before; twice goes back two steps.

        Raises:
            ModelError: it never pointed elsewhere, or what it pointed to was removed or is damaged.
        """
        with self._lock(name):
            events = self.events(name)
            before = history.previous(events, alias, self.versions(name))
            if before is None:
                raise ModelError(
                    f"{name}@{alias} has nowhere to go back to; promote one of {listed(self.versions(name))}"
                )
            self.open(f"{name}/{before}")
            event = Event(history.ROLLED_BACK, before, alias, history.aliases(events)[alias], why)
            return History(self._home(name)).append(event)

    def prune(self, name: str, keep: int = 5, days: int = 30, *, remove: bool = False) -> Pruning:
        """Tell which versions nobody needs; with `remove`, take them away, with the drafts of dead processes.

        Kept are versions that an alias points to, or would after a rollback, the last `keep`, those of the
        last `days` days, and those that topics of all these went on from: without them `reproduce` fails.
        """
        with self._lock(name):
            home, events, versions = self._home(name), self.events(name), self.versions(name)
            kept = _reasons_to_keep(versions, events, keep, days)
            removed = [version for version in versions if version not in kept]
            orphans, going = drafts.orphans(home), []
            if remove:
                for version in removed:
                    History(home).append(Event(history.PRUNED, version, why=f"keep={keep} days={days}"))
                    going.append(drafts.hide(home / version))
                integrity.sync(home)
                for path in orphans + going:  # after a crash here, what is left are orphans
                    drafts.remove(path)
        return Pruning(removed, kept, [path.name for path in orphans])

    def _home(self, name: str) -> Path:
        if not is_name(name):
            raise UsageError(f"{name!r} is no name of a model: {_LETTERS}")
        return self.folder / name

    def _open(self, name: str, version: str) -> Version:
        folder = self._home(name) / version
        manifest = integrity.read_manifest(folder)
        _expect(manifest, name, version, folder)
        integrity.check(folder)
        events = self.events(name)
        expected = history.seals(events).get(version)
        if expected and integrity.seal(folder) != expected:
            raise ModelError(
                f"{folder / MANIFEST}: was altered since it was published; restore it or train again"
            )
        return Version(folder, manifest, MappingProxyType(_names(manifest, events)))

    def _free_name(self, manifest: Manifest) -> str:
        """Name the version by time and content; of two of one second the later gets the next: names sort."""
        moment = datetime.fromisoformat(manifest.created)
        ingredients = manifest.configuration, manifest.corpus.fingerprint, manifest.libraries
        taken = {name.partition("-")[0] for name in self.versions(manifest.name)}
        while (name := version_name(moment, ingredients)).partition("-")[0] in taken:
            moment += timedelta(seconds=1)
        return name

    def _show(self, draft: Path, manifest: Manifest, event: Event) -> None:
        """Make a draft visible and write down that it came; call under the lock."""
        home = self._home(manifest.name)
        (draft / MANIFEST).chmod(0o644)
        integrity.sync(draft / MANIFEST)
        integrity.sync(draft)
        draft.chmod(0o755)
        seal = integrity.seal(draft)
        draft.rename(home / manifest.version)
        integrity.sync(home)
        if event.what == history.PUBLISHED:
            before = self.aliases(manifest.name).get(LATEST)
            event = msgspec.structs.replace(event, alias=LATEST, before=before)
        History(home).append(msgspec.structs.replace(event, seal=seal))
        integrity.sync(home)

    @contextmanager
    def _draft(self, name: str) -> Iterator[Path]:
        home = self._home(name)
        home.mkdir(parents=True, exist_ok=True)
        with storage.naming(home), drafts.making(home) as draft:
            yield draft

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        home = self._home(name)
        if not home.is_dir():
            raise ModelError(f"{self.folder}: there is no model {name!r}; it has {listed(self.names())}")
        with drafts.lock(home):
            yield


def _expect(manifest: Manifest, name: str, version: str, folder: Path) -> None:
    if manifest.name != name or manifest.version != version:
        raise ModelError(f"{folder}: its manifest is of {manifest.name}/{manifest.version}; it was moved")


def _names(manifest: Manifest, events: list[Event]) -> dict[int, str]:
    """Look up what editors call the topics of a version."""
    parent = manifest.topics.previous if manifest.topics else ""
    return history.names(events, manifest.version, parent)


def _reasons_to_keep(versions: list[str], events: list[Event], keep: int, days: int) -> dict[str, str]:
    """Version -> why it stays; the weightiest reason."""
    kept: dict[str, str] = {}
    since = f"{datetime.now(UTC) - timedelta(days=days):%Y%m%dT%H%M%SZ}"
    for version in versions:
        match = _VERSION.fullmatch(version)
        if not match:
            kept[version] = "not named by `topics`"
        elif days and match[1] >= since:
            kept[version] = f"younger than {days} days"
    kept |= dict.fromkeys(
        versions[len(versions) - keep if keep < len(versions) else 0 :], f"of the last {keep}"
    )
    for alias, version in history.aliases(events).items():
        before = history.previous(events, alias, versions)
        if alias != LATEST and before:
            kept[before] = f"before @{alias}"
        if version in versions:
            kept[version] = f"@{alias}"
    parents = history.parents_of(events)
    for child in list(kept):
        if (parent := parents.get(child)) in versions:
            kept.setdefault(parent, f"{child} went on from it")
    return kept
