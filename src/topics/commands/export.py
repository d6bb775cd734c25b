"""`topics export`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from topics.commands.options import NEW_FILE, models_option
from topics.errors import UsageError


@click.command()
@click.argument("version")
@click.argument("file", type=NEW_FILE, required=False)
@click.option("--to", type=click.Choice(["file", "mlflow"]), default="file", show_default=True)
@click.option("--tracking-uri", metavar="URI", help="MLflow store, such as sqlite:///mlflow.db.")
@click.option("--registered-name", metavar="NAME", help="Register the model in MLflow under this name.")
@models_option
def export(version: str, file: Path | None, to: str, models: Path, **options: Any) -> None:
    """Write VERSION (NAME, NAME@ALIAS or NAME/VERSION) into FILE, a .tar or a .zip; or log it to MLflow.

    Prints the file's SHA-256, for `import --sha256`, or the URI of the model in MLflow. Names that editors
    gave to topics are included.

    \b
    python -m topics export rubrics@production rubrics.tar
    python -m topics export rubrics@production --to mlflow --tracking-uri sqlite:///mlflow.db
    python -m topics export topics@production --to mlflow --tracking-uri sqlite:///mlflow.db
    """
    from topics.versions.registry import Registry

    open_with = partial(Registry(models).open_with, version)
    if to == "mlflow":
        from topics import serving

        logged = options["tracking_uri"], options["registered_name"]
        click.echo(open_with(lambda opened: serving.log(opened, *logged)))
        return
    from topics.lifecycle import bundles
    from topics.versions import integrity

    if file is None:
        raise UsageError("name a FILE to write, a .tar or a .zip, or give --to mlflow")
    open_with(lambda opened: bundles.pack(opened, file))
    click.echo(f"{integrity.describe(file).sha256}  {file}")
