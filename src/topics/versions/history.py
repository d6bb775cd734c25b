"""The history of a model's versions: `models/NAME/history.jsonl`, one event per line, append-only.

An alias has no file of its own: it points to the version of its last event. So moving it and recording the
move are one atomic write. A line without a line feed is the remains of a crash: it does not count, and the
next writer truncates it.
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
_PRESENCE_EVENTS = PUBLISHED, IMPORTED, PRUNED


MAX_NAME_LENGTH = 100
"""Largest number of characters of the name of a topic."""


def is_topic_name(name: str) -> bool:
    """Return whether a topic name is valid: printable words with single spaces between them, or empty."""
    return name.isprintable() and len(name) <= MAX_NAME_LENGTH and name == " ".join(name.split())


def unfit_name(names: Mapping[int, str]) -> str:
    """Return the start of the first invalid topic name, or "" if all are valid."""
    return next((name[:MAX_NAME_LENGTH] for name in names.values() if not is_topic_name(name)), "")


class Event(msgspec.Struct, frozen=True, rename={"before": "from"}):
    """An event of the history. Fields added by later versions of `topics` are ignored."""

    what: str
    """PUBLISHED, PROMOTED, ROLLED_BACK, IMPORTED, PRUNED or NAMED."""
    version: str
    """The version concerned; if an alias moved, where it points now."""
    alias: str = ""
    """The alias that moved to `version`, if any."""
    before: str | None = None
    """Where the alias pointed; None: nowhere."""
    why: str = ""
    forced: bool = False
    """Whether a refused promotion was forced."""
    metrics: dict[str, Any] = {}
    """Metrics of training, or of the comparison; kept after the version is pruned."""
    topic: int = 0
    """Id of the topic that was named."""
    name: str = ""
    """Its name from then on; "" resets it to the label."""
    seal: str = ""
    """SHA-256 of the manifest, if the event added the version."""
    when: Annotated[datetime, msgspec.Meta(tz=True)] = datetime.min.replace(tzinfo=UTC)
    who: str = ""

    @property
    def description(self) -> str:
        """The event in words: `named topic 7 'Железные дороги'`."""
        return f"{self.what} topic {self.topic} {self.name!r}" if self.what == NAMED else self.what


class _Lineage(msgspec.Struct, frozen=True):
    """The part of the metrics of topics that names the version which they continue."""

    previous: str | None = None


class _Brief(msgspec.Struct, frozen=True, rename={"before": "from"}):
    """An event without its metrics, which are most of its bytes; decoded ten times as fast."""

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
    """A span of time during which an alias pointed to a version."""

    alias: str
    version: str
    start: datetime
    end: datetime | None
    """None: it still does."""
    event: Event
    """The event that moved the alias to the version."""


class History:
    """The events of one model. Reading needs no lock; call `append` under the registry's."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    def events(self) -> list[Event]:
        """Return all events, oldest first.

        Raises:
            ModelError: the file, or a line of it, cannot be read.
        """
        return self._read(_decoder)

    def brief(self) -> list[Event]:
        """Return all events without `who`, `why` and metrics other than `previous`; ten times as fast.

        Raises:
            ModelError: the file, or a line of it, cannot be read.
        """
        return [line.event() for line in self._read(_brief_decoder)]

    def append(self, event: Event) -> Event:
        """Append an event atomically; it is on disk when this returns.

        Returns:
            The event with user and time; times never decrease, whatever the clock says.
        """
        lines = self._whole_lines()
        now = max(datetime.now(UTC).replace(microsecond=0), _time_of_last(lines))
        event = msgspec.structs.replace(event, when=now, who=storage.user())
        content = msgspec.json.encode(event) + b"\n"
        # Unbuffered, as closing a buffer would retry a write that failed for lack of space.
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
        records = []
        try:
            lines = self._whole_lines()
        except OSError as error:
            raise ModelError(f"{self.path}: cannot be read ({error.strerror}); make it readable") from error
        for number, line in enumerate(lines.split(b"\n")[:-1], 1):
            try:
                records.append(decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise ModelError(
                    f"{self.path}:{number}: cannot be read ({error}); restore the file, or delete the line"
                ) from error
        return records

    def _whole_lines(self) -> bytes:
        try:
            content = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return b""
        return content[: content.rfind(b"\n") + 1]


def aliases(events: Sequence[Event]) -> dict[str, str]:
    """Return where aliases point: alias -> version."""
    return {event.alias: event.version for event in events if event.alias}


def previous(events: Sequence[Event], alias: str, existing: Sequence[str]) -> str | None:
    """Return where an alias pointed before, among the `existing` versions: the target of a rollback.

    Promotions form a stack, and a rollback pops it, so that rolling back twice goes back two steps. The
    current version is never returned, even if the alias pointed there earlier, too.
    """
    stack: list[str] = []
    for event in events:
        if event.alias != alias:
            continue
        if event.what == ROLLED_BACK and event.version in stack:
            while stack[-1] != event.version:
                stack.pop()
        elif not stack or stack[-1] != event.version:
            stack.append(event.version)
    return next(
        (version for version in reversed(stack[:-1]) if version in existing and version != stack[-1]), None
    )


def lost(events: Sequence[Event], existing: Sequence[str]) -> list[str]:
    """Return the versions that were published or imported, not pruned since, and do not exist."""
    present: dict[str, bool] = {}
    for event in events:
        if event.what in _PRESENCE_EVENTS:
            present[event.version] = event.what != PRUNED
    return [version for version, is_present in present.items() if is_present and version not in existing]


def is_pruned(events: Sequence[Event], version: str) -> bool:
    """Return whether a version was pruned and not imported again."""
    kinds = [event.what for event in events if event.version == version and event.what in _PRESENCE_EVENTS]
    return kinds[-1:] == [PRUNED]


def spans(events: Sequence[Event]) -> list[Span]:
    """Return the spans during which each alias pointed to a version, by start."""
    result: list[Span] = []
    last: dict[str, int] = {}
    for event in events:
        if not event.alias:
            continue
        if event.alias in last:
            index = last[event.alias]
            result[index] = msgspec.structs.replace(result[index], end=event.when)
        last[event.alias] = len(result)
        result.append(Span(event.alias, event.version, event.when, None, event))
    return result


def during(all_spans: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    """Return the spans that overlap the time from `start` to `end`."""
    return [span for span in all_spans if span.start < end and (span.end is None or span.end > start)]


def names(events: Sequence[Event], version: str, parent: str = "") -> dict[int, str]:
    """Return the names that editors gave to the topics of a version: topic -> latest name, "" for its label.

    A name holds for the version in which it was given, its ancestors and its descendants. In versions of
    another lineage the same id is another topic.

    Args:
        events: of the model.
        version: whose topics.
        parent: the version that it continues, in case the events do not say.
    """
    parents = {version: parent} | parents_of(events)
    ancestors = line(version, parents)
    return {
        event.topic: event.name
        for event in events
        if event.what == NAMED and (event.version in ancestors or version in line(event.version, parents))
    }


def parents_of(events: Sequence[Event]) -> dict[str, str]:
    """Return version of topics -> the version that it continues, "" for none."""
    return {event.version: str(event.metrics["previous"]) for event in events if "previous" in event.metrics}


def line(version: str, parents: Mapping[str, str]) -> set[str]:
    """Return a version and all its ancestors, pruned ones too."""
    versions: set[str] = set()
    while version and version not in versions:
        versions.add(version)
        version = parents.get(version, "")
    return versions


def seals(events: Sequence[Event]) -> dict[str, str]:
    """Return version -> SHA-256 that its manifest must have."""
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
