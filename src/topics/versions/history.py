"""What became of a model's versions: `models/NAME/history.jsonl`, one event a line, only ever added to.

An alias has no file of its own: it points where the last event about it says. So a move and the record of it
are one write, and no crash can part them. A line counts once its end is there; what a crash left of a line is
cut off by the next writer.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from topics.errors import ModelError

FILE = "history.jsonl"

PUBLISHED, PROMOTED, ROLLED_BACK = "published", "promoted", "rolled back"
IMPORTED, PRUNED, NAMED = "imported", "pruned", "named"


LONGEST = 100
"""Characters of the name of a topic."""


def is_topic_name(words: str) -> bool:
    """Tell whether a topic may be called so: words that can be printed, a space between them; or nothing."""
    return words.isprintable() and len(words) <= LONGEST and words == " ".join(words.split())


def unfit_name(names: Mapping[int, str]) -> str:
    """Find among what topics are called a name that is none, its beginning; "" where all are fit."""
    return next((words[:LONGEST] for words in names.values() if not is_topic_name(words)), "")


class Event(msgspec.Struct, frozen=True, rename={"before": "from"}):
    """One thing that was done. Fields that a later `topics` adds are passed over."""

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
    figures: dict[str, Any] = {}
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
    def deed(self) -> str:
        """Say what was done, with what is not told by the other fields: `named topic 7 'Железные дороги'`."""
        return f"{self.what} topic {self.topic} {self.name!r}" if self.what == NAMED else self.what


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
            ModelError: a line is damaged.
        """
        found = []
        for number, line in enumerate(self._whole_lines().split(b"\n")[:-1], 1):
            try:
                found.append(_decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise ModelError(
                    f"{self.path}:{number}: cannot be read ({error}); restore the file, or delete the line"
                ) from error
        return found

    def append(self, event: Event) -> Event:
        """Add an event, on disk when this returns; it is there whole or not at all.

        Returns:
            The event, with who did it and when.
        """
        now = datetime.now(UTC).replace(microsecond=0)
        event = msgspec.structs.replace(event, when=now, who=_user())
        line = msgspec.json.encode(event) + b"\n"
        end = len(self._whole_lines())
        with self.path.open("ab") as stream:
            stream.truncate(end)
            try:
                stream.write(line)
                stream.flush()
            except OSError:  # disk full
                stream.truncate(end)
                raise
            os.fsync(stream.fileno())
        return event

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
    return next((version for version in reversed(pile[:-1]) if version in there), None)


def spans(events: Sequence[Event]) -> list[Span]:
    """Say from when to when each alias pointed where, in the order of their beginnings."""
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
    """Choose the spans that overlap the time from `start` to `end`."""
    return [span for span in found if span.start < end and (span.end is None or span.end > start)]


def names(events: Sequence[Event], version: str, parent: str = "") -> dict[int, str]:
    """Say what editors call the topics of a version: topic -> what was last said, "" for its label.

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
    return {event.version: str(event.figures["previous"]) for event in events if "previous" in event.figures}


def line(version: str, parents: Mapping[str, str]) -> set[str]:
    """Gather a version and all that it goes back to, pruned ones too."""
    found: set[str] = set()
    while version and version not in found:
        found.add(version)
        version = parents.get(version, "")
    return found


def seals(events: Sequence[Event]) -> dict[str, str]:
    """Version -> SHA-256 that its manifest must have."""
    return {event.version: event.seal for event in events if event.seal}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user on a bare container
        return "unknown"


_decoder = msgspec.json.Decoder(Event)
