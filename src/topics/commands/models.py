"""`topics models`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from topics.commands.options import models_option

if TYPE_CHECKING:
    from topics.versions.manifest import Manifest


@click.command()
@models_option
@click.option("--json", "as_json", is_flag=True, help="The manifests, one a line.")
def models(models: Path, as_json: bool) -> None:
    """List the trained versions with their metrics. Unreadable ones are reported, with exit code 4.

    \b
    python -m topics models --models models
    """
    import msgspec

    from topics.errors import ModelError
    from topics.terminal.versions import show_versions
    from topics.versions.registry import Registry

    registry, troubles = Registry(models), list[str]()
    manifests: list[Manifest] = []
    aliases: dict[str, dict[str, str]] = {}
    for name in registry.names():
        versions, aliases[name] = list[str](), {}
        try:
            versions = registry.versions(name)
            aliases[name] = registry.aliases(name)
        except ModelError as error:
            troubles.append(str(error))
        for version in versions:
            try:
                manifests.append(registry.manifest(name, version))
            except ModelError as error:
                if version in registry.versions(name):  # not pruned while we look
                    troubles.append(str(error))
    if as_json:
        for manifest in manifests:
            click.echo(msgspec.json.encode(manifest))
    elif manifests or not troubles:
        show_versions(manifests, aliases, models)
    for trouble in troubles:
        click.echo(f"topics: {trouble}", err=True)
    if troubles:
        raise SystemExit(ModelError.exit_code)
