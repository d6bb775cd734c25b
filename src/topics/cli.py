"""`python -m topics`: options in, one job, a result on stdout, everything else on stderr.

The one place where an error becomes an exit code: 0 done, 1 other, 2 usage or configuration, 3 data, 4 model.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from topics import __version__
from topics.errors import DataError, TopicsError

if TYPE_CHECKING:
    from topics.articles import Columns
    from topics.config import Config
    from topics.tagger import Tagger
    from topics.types import Reject
    from topics.writers import Write

_SHOWN_REJECTS = 5
F = TypeVar("F", bound=Callable[..., Any])
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        sys.exit(cli.main(prog_name="topics", standalone_mode=False))
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        _fail(f"{error.format_message()} (see `topics --help`)", error.exit_code)
    except TopicsError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:  # `topics predict … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # disk full, no permission
        _fail(f"{error.filename or 'output'}: {error.strerror or error}", 1)
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped", 130)


def _fail(message: str, code: int) -> None:
    click.echo(f"topics: {' '.join(message.split())}", err=True)
    sys.exit(code)


def columns_options(command: F) -> F:
    """Options that say which column holds what."""
    for name in reversed(("id", "text", "title", "date", "outlet", "rubrics")):
        help_text = f"Column that holds the {name}."
        command = click.option(f"--{name}-column", metavar="NAME", help=help_text)(command)
    return command


models_option = click.option(
    "--models", type=FOLDER, default=Path("models"), show_default=True, help="Folder of the versions."
)
rubrics_option = click.option(
    "--rubrics",
    "reference",
    default="rubrics",
    metavar="NAME[@ALIAS]",
    help="Which model: NAME, NAME@ALIAS or NAME/VERSION. [default: production if set, else latest]",
)
config_option = click.option("--config", type=FILE, help="Configuration, see docs/configuration.md.")
format_option = click.option(
    "--input-format",
    "form",
    metavar="FORMAT",
    help="For `-`: jsonl, csv, tsv. [default: told from its start]",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Tag Russian news with rubrics: train on your archive, score any archive, offline.

    \b
    python -m topics train                       # learn from the embedded demonstration corpus
    python -m topics predict inbox.jsonl         # tag articles, JSON Lines on stdout
    """


@cli.command()
@click.argument("data", nargs=-1)
@click.option("--labels", type=FILE, help="Table of id and rubrics, laid over the data; counts as clean.")
@config_option
@models_option
@click.option("--name", default="rubrics", show_default=True, help="What to call the model.")
@click.option("--only", type=click.Choice(["rubrics", "topics"]), help="Train only this.")
@click.option("--jobs", default=0, metavar="N", help="Processes. [default: one a core]")
@click.option("--rejects", "rejects_file", type=FILE, help="Write rows that could not be read to this file.")
@format_option
@columns_options
def train(data: tuple[str, ...], **options: Any) -> None:
    """Learn rubrics from DATA and publish a version; without DATA, from the demonstration corpus.

    DATA are files, folders or patterns (JSON Lines, CSV, TSV, Parquet; .gz, .zst), or `-`.

    \b
    python -m topics train archive/ --labels checked.tsv --models models
    """
    from topics import terminal
    from topics.corpus import Corpus, embedded
    from topics.registry import Registry
    from topics.training import train as job

    config, columns = _settings(options)
    corpus = Corpus(
        data or embedded(), columns=columns, labels_file=options["labels"], format=options["form"]
    )
    if not data:
        click.echo("No DATA given: learning from the demonstration corpus (synthetic).", err=True)
    with terminal.progress() as watch, _rejects(options["rejects_file"]) as reject:
        jobs = options["jobs"] or _cores()
        version, rejects = job(
            corpus, config, Registry(options["models"]), name=options["name"], jobs=jobs, watch=watch
        )
        for row in rejects:
            reject(row)
    terminal.show_version(version.manifest, corpus.unmatched_labels)
    click.echo(version.folder)


@cli.command()
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
    _, columns = _settings(options)
    keep = tuple(name for given in options["keep"] for name in given.split(","))
    corpus = Corpus(inputs, columns=columns, keep=keep, format=options["form"])
    tagger = Tagger.load(options["models"], options["reference"])
    rejects_file = options["rejects_file"] or (output and output.with_name(f"{output.name}.rejects.jsonl"))
    with (
        terminal.progress() as watch,
        _rejects(rejects_file) as reject,
        _output(output, options["output_format"], keep, tagger) as write,
    ):
        summary = score(corpus, tagger, write, reject, watch)
    terminal.show_summary(summary)


@cli.command()
@models_option
@click.option("--json", "as_json", is_flag=True, help="The manifests, one a line.")
def models(models: Path, as_json: bool) -> None:
    """List the trained versions with their figures.

    \b
    python -m topics models --models models
    """
    import msgspec

    from topics import terminal
    from topics.registry import Registry

    registry = Registry(models)
    found = [
        registry.manifest(name, version) for name in registry.names() for version in registry.versions(name)
    ]
    if as_json:
        for manifest in found:
            click.echo(msgspec.json.encode(manifest))
    else:
        terminal.show_versions(found, {name: registry.aliases(name) for name in registry.names()}, models)


@cli.command()
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
@click.option("--rubric", help="Which rubric. [default: all that are given, else the likeliest]")
@click.option("--title", default="", help="Title of the article.")
@click.option("--outlet", default="", help="Outlet of the article.")
@click.option("--json", "as_json", is_flag=True, help="JSON, one rubric a line.")
@models_option
@rubrics_option
def explain(
    file: IO[str], rubric: str | None, title: str, outlet: str, as_json: bool, **options: Any
) -> None:
    """Say which words of the article in FILE (plain text, or `-`) speak for its rubrics and against.

    \b
    echo "Завод увеличил выпуск проката" | python -m topics explain
    """
    import msgspec

    from topics import terminal
    from topics.tagger import Tagger

    tagger = Tagger.load(options["models"], options["reference"])
    text = _text(file)
    prediction = tagger.tag(text, title, outlet)
    rubrics = (
        [rubric] if rubric else [score.label for score in prediction.rubrics] or list(prediction.scores)[:1]
    )
    for name in rubrics:
        explanation = tagger.explain(text, name, title, outlet)
        if as_json:
            click.echo(msgspec.json.encode(explanation))
        else:
            terminal.show_explanation(explanation)


def _settings(options: dict[str, Any]) -> tuple[Config, Columns]:
    """Read the configuration; columns named on the command line win over it."""
    import msgspec

    from topics.config import Config, load_config

    config = load_config(options["config"]) if options["config"] else Config()
    named = {
        key.removesuffix("_column"): value
        for key, value in options.items()
        if key.endswith("_column") and value
    }
    return config, msgspec.structs.replace(config.columns, **named)


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


@contextmanager
def _rejects(path: Path | None) -> Iterator[Callable[[Reject], None]]:
    """Write rejects to a file that is made for the first of them, or the first few to stderr."""
    import msgspec

    with ExitStack() as stack:
        count = 0

        def reject(row: Reject) -> None:
            nonlocal count
            count += 1
            if path:
                stream = stack.enter_context(path.open("wb")) if count == 1 else opened[0]
                opened[:] = [stream]
                stream.write(msgspec.json.encode(row) + b"\n")
            elif count <= _SHOWN_REJECTS:
                click.echo(f"topics: {row.source}:{row.line}: {row.reason}", err=True)

        opened: list[BinaryIO] = []
        yield reject
    if count:
        where = f"; see {path}" if path else ""
        click.echo(f"topics: {count} rows could not be read{where}", err=True)


def _text(file: IO[str]) -> str:
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name}: is no UTF-8 text ({error})") from error


def _cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())
