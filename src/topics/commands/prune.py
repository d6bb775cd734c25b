"""`topics prune`."""

from __future__ import annotations

from pathlib import Path

import click

from topics.commands.options import models_option


@click.command()
@click.argument("name", default="rubrics")
@click.option(
    "--keep", type=click.IntRange(1), default=5, show_default=True, help="Number of latest versions to keep."
)
@click.option(
    "--days", type=click.IntRange(0), default=30, show_default=True, help="Keep versions younger than this."
)
@click.option("--yes", is_flag=True, help="Remove them; without this, only show what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@models_option
def prune(name: str, keep: int, days: int, yes: bool, as_json: bool, models: Path) -> None:
    """Remove old versions of NAME that are not needed, and leftovers of crashes.

    Kept are versions that an alias points to, or would after a rollback, the latest and the young ones, and
    those whose topics one of these continues. The history keeps the metrics of removed versions. An old
    version without an alias whose files are missing is written off, and `verify` no longer reports it.

    \b
    python -m topics prune rubrics --keep 3          # shows what it would do
    python -m topics prune rubrics --keep 3 --yes    # does it
    """
    import msgspec

    from topics.versions.registry import Registry

    removed, kept, orphans = Registry(models).prune(name, keep, days, remove=yes)
    if as_json:
        answer = {"removed": removed, "kept": kept, "orphans": orphans, "done": yes}
        click.echo(msgspec.json.encode(answer))
        return
    for version, why in sorted(kept.items()):
        click.echo(f"keep    {name}/{version}  {why}")
    for path in [*removed, *orphans]:
        click.echo(f"{'removed' if yes else 'remove'}  {name}/{path}")
    if not yes and (removed or orphans):
        click.echo("Nothing was removed; add --yes to remove.", err=True)
