"""`topics prune`."""

from __future__ import annotations

from pathlib import Path

import click

from topics.commands.options import models_option


@click.command()
@click.argument("name", default="rubrics")
@click.option("--keep", type=click.IntRange(1), default=5, show_default=True, help="Keep the last so many.")
@click.option(
    "--days", type=click.IntRange(0), default=30, show_default=True, help="Keep those younger than this."
)
@click.option("--yes", is_flag=True, help="Remove them; without this, only show what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@models_option
def prune(name: str, keep: int, days: int, yes: bool, as_json: bool, models: Path) -> None:
    """Remove old versions of NAME that are not needed, and leftovers of crashes.

    Kept are the versions that an alias points to or would after a rollback, the last ones, young ones, and
    those whose topics one of these went on from. The history keeps the figures of what is removed. A version
    that was lost, is older and has no alias is written off: `verify` does not miss it any longer.

    \b
    python -m topics prune rubrics --keep 3          # says what it would do
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
        click.echo("Nothing was removed; give --yes to do it.", err=True)
