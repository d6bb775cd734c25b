"""`topics predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from topics.commands.options import (
    NEW_FILE,
    NEW_FILE_OR_FOLDER,
    columns_config_option,
    columns_options,
    corpus_of,
    expect_apart,
    format_option,
    models_option,
    rejects_to,
    rubrics_option,
    topics_option,
    warn_of_ignored,
    workers_option,
)
from topics.errors import DataError, UsageError, counted

if TYPE_CHECKING:
    from topics.archive.scoring import Summary
    from topics.archive.writers import Write
    from topics.corpus import Corpus
    from topics.tagger import Tagger
    from topics.types import Reject


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "-o",
    "--output",
    type=NEW_FILE_OR_FOLDER,
    metavar="PATH",
    help="File to write (.jsonl, .csv, .parquet), or a folder of parts. [default: stdout]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "parquet", "table"]),
    help="Format of stdout or of the parts; `table` is for people. [default: jsonl]",
)
@click.option("--keep", multiple=True, metavar="COLUMN", help="Column of the source to keep. Repeatable.")
@workers_option
@click.option("--dask", metavar="ADDRESS", help="Use a Dask cluster, tcp://HOST:8786.")
@click.option("--restart", is_flag=True, help="Start over instead of resuming an interrupted job.")
@click.option(
    "--max-rejects", type=click.IntRange(0), metavar="N", help="Stop if more rows than this are bad."
)
@click.option(
    "--rejects",
    "rejects_file",
    type=NEW_FILE,
    help="File for rows that could not be read. [default: OUTPUT.rejects.jsonl]",
)
@click.option("--summary", "summary_file", type=NEW_FILE, help="Write a summary of the job as JSON.")
@columns_config_option
@models_option
@rubrics_option
@topics_option
@format_option
@columns_options
def predict(inputs: tuple[str, ...], **options: Any) -> None:
    """Tag every article of INPUT: files, folders, patterns, or `-` for standard input.

    With -o, several processes share the work, and the same command resumes it after an interruption. From `-`
    to stdout each row is answered as it comes, a bad one with `{"error": …, "line": …}`. Bad rows do not stop
    the job; if no row is good, the exit code is 3.

    \b
    python -m topics predict archive/ -o scored.jsonl --keep title --keep date
    python -m topics predict archive/ -o scored/ --workers 8 --summary summary.json
    zcat archive.jsonl.gz | python -m topics predict - | jq .rubrics
    """
    from topics import persistence, storage
    from topics.terminal.answers import show_summary
    from topics.terminal.data import show_missing, show_others

    output = storage.path(options["output"]) if options["output"] else None
    outputs = {"-o": output, "--rejects": options["rejects_file"], "--summary": options["summary_file"]}
    expect_apart(inputs, outputs)
    if output:
        _check_name(output, options["form"])
    options["form"] = options["form"] or "jsonl"
    asked = [name.strip() for given in options["keep"] for name in given.split(",")]
    keep = tuple(dict.fromkeys(filter(None, asked)))
    corpus = corpus_of(inputs, options, keep=keep, labelled=False)
    show_others(corpus.others)
    if output and "-" not in inputs:
        summary, bad = _archive(corpus, output, options)
    else:
        summary, bad = _here(corpus, output, options, is_stream=set(inputs) == {"-"} and not output)
    show_summary(summary)
    show_missing(corpus, summary.not_kept)
    if options["summary_file"]:
        storage.publish(options["summary_file"], persistence.readable(summary))
    if summary.rejects and not summary.articles:
        first = "".join(f"; the first, {row.source}:{row.line}: {row.reason}" for row in bad)
        raise DataError(f"none of {counted(summary.rejects, 'row')} could be scored{first}; fix the input")


def _archive(corpus: Corpus, output: Path, options: dict[str, Any]) -> tuple[Summary, list[Reject]]:
    """Score files by several processes; return also, if all rows are bad, the first of them."""
    from topics import parallel, terminal
    from topics.corpus.shards import SIZE
    from topics.terminal.data import show_reject_count

    several = not options["dask"] and corpus.size > SIZE
    # What takes this process half a second takes them another: meanwhile.
    with parallel.starting(import_module, "topics.archive.scoring", options["workers"] if several else 1):
        from topics.archive import writers
        from topics.archive.job import ScoringOptions, score_archive
        from topics.tagger import Tagger, TaggerRef

        tagger = Tagger.load(options["models"], options["reference"], options["topics"])
        warn_of_ignored(options, [version.manifest for version in tagger.versions])
        ref = TaggerRef.of(tagger, options["models"])
    suffix = output.suffix or f".{options['form']}"
    if options["form"] == "table" and not output.suffix:
        raise UsageError(
            "--format table is for reading on a terminal; for parts choose jsonl, csv or parquet"
        )
    writers.format_of(output.with_suffix(suffix))
    rejects = output.with_name(f"{output.name}.rejects.jsonl") if output.suffix else output / "rejects.jsonl"
    scoring = ScoringOptions(
        output,
        suffix,
        options["rejects_file"] or rejects,
        options["workers"],
        options["dask"],
        options["restart"],
        options["max_rejects"],
    )
    with terminal.progress() as watch:
        summary = score_archive(corpus, ref, scoring, watch)
    show_reject_count(summary.rejects, scoring.rejects)
    return summary, [] if summary.articles else _first_of(scoring.rejects)


def _first_of(rejects: Path) -> list[Reject]:
    import msgspec

    from topics.types import Reject

    if not rejects.exists():
        return []
    with rejects.open("rb") as stream:
        return [msgspec.json.decode(line, type=Reject) for line in islice(stream, 1)]


def _here(
    corpus: Corpus, output: Path | None, options: dict[str, Any], *, is_stream: bool
) -> tuple[Summary, list[Reject]]:
    """Score in this process; return also the first bad row, if there is one."""
    from topics import terminal
    from topics.archive.scoring import answer, score
    from topics.tagger import Tagger

    tagger = Tagger.load(options["models"], options["reference"], options["topics"])
    warn_of_ignored(options, [version.manifest for version in tagger.versions])
    place = options["rejects_file"] or (output and output.with_name(f"{output.name}.rejects.jsonl"))
    bad: list[Reject] = []
    with rejects_to(place) as note, _output(output, options["form"], corpus.shape.keep, tagger) as write:
        to_stdout = is_stream and options["form"] == "jsonl" and not place

        def reject(row: Reject) -> None:
            if not bad:
                bad.append(row)
            (_error if to_stdout else note)(row)

        if is_stream and options["form"] != "table":
            flush, limit = sys.stdout.buffer.flush, options["max_rejects"]
            return answer(corpus, tagger, write, reject, flush, limit), bad
        with terminal.progress() as watch:
            return score(corpus, tagger, write, reject, watch, options["max_rejects"]), bad


def _error(row: Reject) -> None:
    import msgspec

    sys.stdout.buffer.write(msgspec.json.encode({"error": row.reason, "line": row.line}) + b"\n")


@contextmanager
def _output(path: Path | None, form: str, keep: Sequence[str], tagger: Tagger) -> Iterator[Write]:
    from topics.archive import writers
    from topics.terminal.answers import table_writer

    if path:
        with writers.writing(path, keep, topics=bool(tagger.topics)) as write:
            yield write
    elif form == "table":
        yield table_writer(tagger)
    elif form == "parquet":
        raise UsageError("Parquet cannot be written to stdout; name a file with -o")
    else:
        write_to = writers.FORMATS[f".{form}"]
        with write_to(sys.stdout.buffer, keep, topics=bool(tagger.topics)) as write:
            yield write
        sys.stdout.flush()


def _check_name(output: Path, form: str | None) -> None:
    """Refuse an output name that contradicts the format or an existing file."""
    if not output.suffix and output.exists() and not output.is_dir():
        raise UsageError(
            f"{output}: without a suffix, -o is a folder of parts, but this is a file; "
            "add .jsonl, .csv or .parquet, or omit -o for stdout"
        )
    if form and output.suffix and output.suffix != f".{form}":
        raise UsageError(f"{output}: the suffix contradicts --format {form}; omit --format")
