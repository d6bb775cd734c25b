"""Selection of the versions that are no longer needed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from topics.versions import history
from topics.versions.history import Event
from topics.versions.manifest import moment_of


class Pruning(NamedTuple):
    """The result of pruning."""

    removed: list[str]
    kept: dict[str, str]
    """Version -> why it is kept."""
    orphans: list[str]
    """Hidden folders that a crash left behind."""


def reasons_to_keep(versions: Sequence[str], events: Sequence[Event], keep: int, days: int) -> dict[str, str]:
    """Return the versions to keep: version -> the most important reason."""
    kept: dict[str, str] = {}
    for version in versions:
        if moment_of(version) is None:
            kept[version] = "name not given by `topics`"
        elif _is_young(version, days):
            kept[version] = f"younger than {days} days"
    kept |= dict.fromkeys(
        versions[len(versions) - keep if keep < len(versions) else 0 :], f"among the last {keep}"
    )
    for alias, version in history.aliases(events).items():
        previous = history.previous(events, alias, versions)
        if alias != history.LATEST and previous:
            kept[previous] = f"previous @{alias}"
        if version in versions:
            kept[version] = f"@{alias}"
    parents = history.parents_of(events)
    for child in list(kept):
        if (parent := parents.get(child, "")) in versions:
            kept.setdefault(parent, f"continued by {child}")
    return kept


def written_off(versions: Sequence[str], events: Sequence[Event], days: int) -> list[str]:
    """Return the lost versions that are old enough to be pruned and have no alias."""
    aliased = history.aliases(events).values()
    return [
        version
        for version in history.lost(events, versions)
        if version not in aliased and not _is_young(version, days)
    ]


def _is_young(version: str, days: int) -> bool:
    moment = moment_of(version)
    return bool(days and moment and moment >= datetime.now(UTC).replace(microsecond=0) - timedelta(days=days))
