"""`topics report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import NEW_FILE, deliver, language_option, models_option
from topics.errors import UsageError

if TYPE_CHECKING:
    from topics.versions.registry import Version


@click.command()
@click.argument("version", default="rubrics")
@click.option("-o", "--output", type=NEW_FILE, help="HTML (or, by its suffix .md, Markdown) to write.")
@language_option
@models_option
def report(version: str, output: Path | None, lang: str, models: Path, **_: Any) -> None:
    """Write the report of VERSION (NAME, NAME@ALIAS or NAME/VERSION) as one HTML page without network.

    Each version contains its report, `report.html`; without -o this prints its path. With -o the report is
    written again, in the language chosen and with the names that topics have now.

    \b
    python -m topics report
    python -m topics report rubrics@production -o report.en.html --lang en
    python -m topics report topics -o topics.html
    """
    from topics.versions.registry import Registry

    if output is None:
        click.echo(Registry(models).open(version).folder / "report.html")
        return
    if output.suffix.lower() not in ("", ".htm", ".html", ".md"):
        raise UsageError(f"{output}: a report is HTML or Markdown; name it with .html or .md")
    is_card = output.suffix.lower() == ".md"
    content = Registry(models).open_with(version, lambda opened: _written(opened, lang, is_card=is_card))
    deliver(output, content.encode())


def _written(opened: Version, lang: str, *, is_card: bool) -> str:
    from topics.reports import pages, topic_pages

    if opened.manifest.topics is None:
        write = pages.model_card if is_card else pages.report_page
        return write(pages.load(opened.folder), lang, opened.manifest)
    show = topic_pages.topic_card if is_card else topic_pages.topic_page
    topic_report = topic_pages.renamed(topic_pages.load(opened.folder), opened.names)
    return show(topic_report, lang, opened.manifest)
