"""`topics show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from topics.commands.options import models_option

if TYPE_CHECKING:
    from topics.versions.history import Event
    from topics.versions.manifest import Manifest


@click.command()
@click.argument("version", default="rubrics")
@click.option("--json", "as_json", is_flag=True, help="The manifest.")
@models_option
def show(version: str, as_json: bool, models: Path) -> None:
    """Show everything known about VERSION (NAME, NAME@ALIAS or NAME/VERSION): corpus, metrics, history.

    \b
    python -m topics show rubrics@production
    """
    import msgspec

    from topics.versions.registry import Registry

    registry = Registry(models)
    name, identifier = registry.resolve(version)
    manifest = registry.manifest(name, identifier)
    if as_json:
        click.echo(msgspec.json.encode(manifest))
        return
    events = [event for event in registry.events(name) if identifier in (event.version, event.before)]
    aliases = [alias for alias, target in registry.aliases(name).items() if target == identifier]
    _show(manifest, aliases, events)


def _show(manifest: Manifest, aliases: list[str], events: list[Event]) -> None:
    from rich.text import Text

    from topics.terminal import out
    from topics.terminal.versions import show_knowledge
    from topics.versions.manifest import libraries

    console, corpus = out(), manifest.corpus
    named = "".join(f" @{alias}" for alias in aliases)
    console.print(Text.assemble((f"{manifest.name}/{manifest.version}", "bold"), named))
    size = sum(file.size for file in manifest.files.values())
    console.print(f"created {manifest.created}, {len(manifest.files)} files, {size / 1e6:.1f} MB")
    console.print(
        f"trained on {corpus.articles:,} articles ({corpus.labelled:,} labelled, {corpus.clean:,} of them "
        f"clean) of {', '.join(corpus.sources)}; fingerprint {corpus.fingerprint[:16]}…",
    )
    show_knowledge(console, manifest)
    here = libraries()
    for library, trained in sorted(manifest.libraries.items()):
        differs = "" if here.get(library) == trained else f", here {here.get(library, 'not installed')}"
        console.print(f"  {library} {trained}{differs}")
    for event in events:
        moved = f" to @{event.alias}" if event.alias else ""
        gone = f", replacing {event.before}" if event.alias and event.before else ""
        which = "" if event.topic else f" {'it' if event.version == manifest.version else event.version}"
        why = f": {event.why}" if event.why else ""
        what = f"{event.description}{which}{moved}{gone}{why}"
        console.print(f"{event.when.astimezone():%Y-%m-%d %H:%M} {event.who} {what}")
