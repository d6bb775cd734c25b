"""`topics predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import (
    FILE,
    columns_options,
    config_option,
    format_option,
    models_option,
    rejects_to,
    rubrics_option,
    settings,
)

if TYPE_CHECKING:
    from topics.tagger import Tagger
    from topics.writers import Write


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("-o", "--output", type=FILE, help="File to write: .jsonl, .csv or .parquet. [default: stdout]")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["jsonl", "csv", "table"]),
    default="jsonl",
    show_default=True,
    help="What stdout gets; `table` is for reading.",
)
@click.option("--keep", multiple=True, metavar="COLUMN", help="Column of the source to keep. Repeatable.")
@click.option(
    "--rejects",
    "rejects_file",
    type=FILE,
    help="Rows that could not be read. [default: OUTPUT.rejects.jsonl]",
)
@config_option
@models_option
@rubrics_option
@format_option
@columns_options
def predict(inputs: tuple[str, ...], **options: Any) -> None:
    """Tag every article of INPUT: files, folders, patterns, or `-` for standard input.

    \b
    python -m topics predict archive/ -o scored.jsonl --keep title --keep date
    zcat archive.jsonl.gz | python -m topics predict - | jq .rubrics
    """
    from topics import terminal
    from topics.corpus import Corpus
    from topics.scoring import score
    from topics.tagger import Tagger

    output = options["output"]
    _, columns = settings(options)
    keep = tuple(name for given in options["keep"] for name in given.split(","))
    corpus = Corpus(inputs, columns=columns, keep=keep, format=options["form"])
    tagger = Tagger.load(options["models"], options["reference"])
    rejects_file = options["rejects_file"] or (output and output.with_name(f"{output.name}.rejects.jsonl"))
    with (
        terminal.progress() as watch,
        rejects_to(rejects_file) as reject,
        _output(output, options["output_format"], keep, tagger) as write,
    ):
        summary = score(corpus, tagger, write, reject, watch)
    terminal.show_summary(summary)


@contextmanager
def _output(path: Path | None, form: str, keep: tuple[str, ...], tagger: Tagger) -> Iterator[Write]:
    from topics import terminal, writers

    if path:
        with writers.writing(path, keep) as write:
            yield write
    elif form == "table":
        yield terminal.table_writer(tagger)
    else:
        with writers.FORMATS[f".{form}"](sys.stdout.buffer, keep) as write:
            yield write
        sys.stdout.flush()
