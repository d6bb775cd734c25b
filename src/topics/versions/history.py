"""What became of a model's versions: `models/NAME/history.jsonl`, one event a line, only ever added to.

An alias has no file of its own: it points where the last event about it says. So a move and the record of it
are one write, and no crash can part them. A line counts once its end is there; what a crash left of a line is
cut off by the next writer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from topics import storage
from topics.errors import ModelError

T = TypeVar("T")
FILE = "history.jsonl"

PUBLISHED, PROMOTED, ROLLED_BACK = "published", "promoted", "rolled back"
IMPORTED, PRUNED, NAMED = "imported", "pruned", "named"
PRODUCTION, LATEST = "production", "latest"
_COMING_AND_GOING = PUBLISHED, IMPORTED, PRUNED


LONGEST = 100
"""Characters of the name of a topic."""


def is_topic_name(words: str) -> bool:
    """Return whether a topic name is valid: printable words with single spaces between them, or empty."""
    return words.isprintable() and len(words) <= LONGEST and words == " ".join(words.split())


def unfit_name(names: Mapping[int, str]) -> str:
    """Return the start of the first invalid topic name, or "" if all are valid."""
    return next((words[:LONGEST] for words in names.values() if not is_topic_name(words)), "")


class Event(msgspec.Struct, frozen=True, rename={"before": "from"}):
    """One entry of the history. Fields that a later `topics` adds are ignored."""

    what: str
    """PUBLISHED, PROMOTED, ROLLED_BACK, IMPORTED, PRUNED or NAMED."""
    version: str
    """Which version it was done to; the one that an alias now points to."""
    alias: str = ""
    """The alias that moved to `version`; empty: none did."""
    before: str | None = None
    """Where the alias pointed; None: nowhere."""
    why: str = ""
    forced: bool = False
    """Whether a refusal was overruled."""
    metrics: dict[str, Any] = {}
    """What spoke for it: figures of training, or the comparison. They outlive the version."""
    topic: int = 0
    """The id of the topic that was named."""
    name: str = ""
    """What it is called from then on; empty: by its label."""
    seal: str = ""
    """SHA-256 of the manifest, of an event that brought the version."""
    when: Annotated[datetime, msgspec.Meta(tz=True)] = datetime.min.replace(tzinfo=UTC)
    who: str = ""

    @property
    def description(self) -> str:
        """Describe what was done: `named topic 7 'Железные дороги'`."""
        return f"{self.what} topic {self.topic} {self.name!r}" if self.what == NAMED else self.what


class _Lineage(msgspec.Struct, frozen=True):
    """The part of the metrics that says which version topics continue."""

    previous: str | None = None


class _Brief(msgspec.Struct, frozen=True, rename={"before": "from"}):
    """An event without its metrics, which are most of its bytes: ten times faster to read."""

    what: str
    version: str
    alias: str = ""
    before: str | None = None
    metrics: _Lineage = _Lineage()
    topic: int = 0
    name: str = ""
    seal: str = ""
    when: Annotated[datetime, msgspec.Meta(tz=True)] = datetime.min.replace(tzinfo=UTC)

    def event(self) -> Event:
        previous = self.metrics.previous
        return Event(
            self.what,
            self.version,
            self.alias,
            self.before,
            metrics={} if previous is None else {"previous": previous},
            topic=self.topic,
            name=self.name,
            seal=self.seal,
            when=self.when,
        )


class Span(msgspec.Struct, frozen=True):
    """An alias pointed to a version from one moment to another."""

    alias: str
    version: str
    start: datetime
    end: datetime | None
    """None: it still does."""
    event: Event
    """What made it point there."""


class History:
    """The events of one model. Reading needs no lock; `append` wants the registry's."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    def events(self) -> list[Event]:
        """All events, oldest first.

        Raises:
            ModelError: the file, or a line of it, cannot be read.
        """
        return self._read(_decoder)

    def brief(self) -> list[Event]:
        """All events without who, why and figures, but `previous`: what aliases, names and seals are told by.

        Raises:
            ModelError: the file, or a line of it, cannot be read.
        """
        return [line.event() for line in self._read(_brief_decoder)]

    def append(self, event: Event) -> Event:
        """Add an event, on disk when this returns; it is there whole or not at all.

        Returns:
            The event, with who did it and when: never before the event before it, whatever the clock says.
        """
        lines = self._whole_lines()
        now = max(datetime.now(UTC).replace(microsecond=0), _time_of_last(lines))
        event = msgspec.structs.replace(event, when=now, who=storage.user())
        content = msgspec.json.encode(event) + b"\n"
        # Unbuffered: closing a buffer would try to write once more what there was no room for.
        with storage.naming(self.path), self.path.open("ab", buffering=0) as stream:
            stream.truncate(len(lines))
            try:
                while content:
                    content = content[stream.write(content) :]
            except OSError:  # disk full
                stream.truncate(len(lines))
                raise
            os.fsync(stream.fileno())
        return event

    def _read(self, decoder: msgspec.json.Decoder[T]) -> list[T]:
        found = []
        try:
            lines = self._whole_lines()
        except OSError as error:
            raise ModelError(f"{self.path}: cannot be read ({error.strerror}); make it readable") from error
        for number, line in enumerate(lines.split(b"\n")[:-1], 1):
            try:
                found.append(decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise ModelError(
                    f"{self.path}:{number}: cannot be read ({error}); restore the file, or delete the line"
                ) from error
        return found

    def _whole_lines(self) -> bytes:
        try:
            content = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return b""
        return content[: content.rfind(b"\n") + 1]


def aliases(events: Sequence[Event]) -> dict[str, str]:
    """Alias -> version."""
    return {event.alias: event.version for event in events if event.alias}


def previous(events: Sequence[Event], alias: str, there: Sequence[str]) -> str | None:
    """Find where an alias pointed before, among the versions still there: what a rollback goes back to.

    Rolling back twice goes back two steps, it does not return: promotions pile up, a rollback takes off.
    The version it points to now does not count, even if it pointed there before too.
    """
    pile: list[str] = []
    for event in events:
        if event.alias != alias:
            continue
        if event.what == ROLLED_BACK and event.version in pile:
            while pile[-1] != event.version:
                pile.pop()
        elif not pile or pile[-1] != event.version:
            pile.append(event.version)
    return next(
        (version for version in reversed(pile[:-1]) if version in there and version != pile[-1]), None
    )


def lost(events: Sequence[Event], there: Sequence[str]) -> list[str]:
    """Return the versions that were published or imported, not pruned since, and are missing."""
    brought: dict[str, bool] = {}
    for event in events:
        if event.what in _COMING_AND_GOING:
            brought[event.version] = event.what != PRUNED
    return [version for version, is_here in brought.items() if is_here and version not in there]


def is_pruned(events: Sequence[Event], version: str) -> bool:
    """Return whether a version was pruned and not imported again."""
    deeds = [event.what for event in events if event.version == version and event.what in _COMING_AND_GOING]
    return deeds[-1:] == [PRUNED]


def spans(events: Sequence[Event]) -> list[Span]:
    """Return the spans during which each alias pointed to a version, by start."""
    found: list[Span] = []
    open_: dict[str, int] = {}
    for event in events:
        if not event.alias:
            continue
        if event.alias in open_:
            at = open_[event.alias]
            found[at] = msgspec.structs.replace(found[at], end=event.when)
        open_[event.alias] = len(found)
        found.append(Span(event.alias, event.version, event.when, None, event))
    return found


def during(found: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    """Return the spans that overlap the time from `start` to `end`."""
    return [span for span in found if span.start < end and (span.end is None or span.end > start)]


def names(events: Sequence[Event], version: str, parent: str = "") -> dict[int, str]:
    """Return the names that editors gave to the topics of a version: topic -> latest name, "" for its label.

    A name holds for the version that it was given in and for all of its line: those that its topics were gone
    on from, and those that went on from its own. In another line the same id is another topic.

    Args:
        events: of the model.
        version: whose topics.
        parent: the version that it went on from, should the events not tell.
    """
    parents = {version: parent} | parents_of(events)
    there = line(version, parents)
    return {
        event.topic: event.name
        for event in events
        if event.what == NAMED and (event.version in there or version in line(event.version, parents))
    }


def parents_of(events: Sequence[Event]) -> dict[str, str]:
    """Version of topics -> the one that it went on from, "" for none."""
    return {event.version: str(event.metrics["previous"]) for event in events if "previous" in event.metrics}


def line(version: str, parents: Mapping[str, str]) -> set[str]:
    """Return a version and all its ancestors, pruned ones too."""
    found: set[str] = set()
    while version and version not in found:
        found.add(version)
        version = parents.get(version, "")
    return found


def seals(events: Sequence[Event]) -> dict[str, str]:
    """Version -> SHA-256 that its manifest must have."""
    return {event.version: event.seal for event in events if event.seal}


def _time_of_last(lines: bytes) -> datetime:
    """Return the time of the last line; the earliest possible one if it is missing or damaged."""
    last = lines[lines.rfind(b"\n", 0, -1) + 1 :]
    try:
        return _brief_decoder.decode(last).when
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return datetime.min.replace(tzinfo=UTC)


_decoder = msgspec.json.Decoder(Event)
_brief_decoder = msgspec.json.Decoder(_Brief)
