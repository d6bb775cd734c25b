"""Verification of models against their histories: damaged or lost versions, aliases without a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from topics.errors import ModelError, counted
from topics.lifecycle.opening import open_all
from topics.versions import history, integrity
from topics.versions.registry import Registry, Version


class Finding(NamedTuple):
    """A finding about a version or a model."""

    kind: Literal["whole", "remark", "trouble"]
    text: str


def verify(registry: Registry, references: Sequence[str] = ()) -> Iterator[Finding]:
    """Check all files of the given versions, and open them; without any, check all models and histories."""
    for reference in references:
        yield _check(registry, reference)
    for name in registry.model_names() if not references else ():
        try:
            lost, versions, events = _lost(registry, name), registry.versions(name), registry.events(name)
        except ModelError as error:  # a damaged history: every version would raise it
            yield Finding("trouble", str(error))
            continue
        yield from (Finding("trouble", text) for text in lost)
        known = history.seals(events) if events else dict.fromkeys(versions)
        for version in versions:
            finding = _check(registry, f"{name}/{version}")
            if finding.kind == "whole" or not registry.was_pruned(name, version):  # while others were checked
                yield finding
            if finding.kind == "whole" and version not in known:
                text = f"{name}/{version}: was neither published nor imported here; there is no seal to check"
                yield Finding("remark", text)


def _check(registry: Registry, reference: str) -> Finding:
    try:
        return Finding("whole", registry.open_with(reference, _open_and_seal))
    except ModelError as error:
        return Finding("trouble", str(error))


def _open_and_seal(version: Version) -> str:
    open_all(version.folder)
    return f"{version.label}  {integrity.seal(version.folder)}"


def _lost(registry: Registry, name: str) -> list[str]:
    """Describe what the history of a model names and its folder lacks."""
    lost = _missing(registry, name)
    repeated = _missing(registry, name) if lost else []  # versions may be pruned and promoted meanwhile
    return [text for text in lost if text in repeated]


def _missing(registry: Registry, name: str) -> list[str]:
    events, home = registry.events(name), registry.folder / name
    versions, aliases = registry.versions(name), history.aliases(events)
    if versions and not events:
        contents = f"the aliases and the seals of {counted(len(versions), 'version')}"
        remedy = "restore it from a backup, or promote a version"
        return [f"{home / history.FILE}: is missing, and with it {contents}; {remedy}"]
    dangling = {alias: version for alias, version in aliases.items() if version not in versions}
    lost = [version for version in history.lost(events, versions) if version not in dangling.values()]
    remedy = "restore it from a backup, or"
    return [
        *(
            f"{name}@{alias} points to {version}, which is missing; {remedy} promote another"
            for alias, version in dangling.items()
        ),
        *(
            f"{home / version}: is missing but was not pruned; {remedy} write it off with `topics prune`"
            for version in lost
        ),
    ]
