"""`topics models`."""

from __future__ import annotations

from pathlib import Path

import click

from topics.commands.options import models_option


@click.command()
@models_option
@click.option("--json", "as_json", is_flag=True, help="The manifests, one a line.")
def models(models: Path, as_json: bool) -> None:
    """List the trained versions with their figures.

    \b
    python -m topics models --models models
    """
    import msgspec

    from topics.terminal.versions import show_versions
    from topics.versions.registry import Registry

    registry = Registry(models)
    found = [
        registry.manifest(name, version) for name in registry.names() for version in registry.versions(name)
    ]
    if as_json:
        for manifest in found:
            click.echo(msgspec.json.encode(manifest))
    else:
        show_versions(found, {name: registry.aliases(name) for name in registry.names()}, models)
