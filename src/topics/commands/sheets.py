"""What `topics audit` and `topics suggest` share: articles in, a table for an editor to fill in out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from topics.commands.options import (
    NEW_SHEET,
    columns_options,
    config_option,
    corpus_of,
    deliver,
    format_option,
    language_option,
    settings,
    standard_input_kept,
    workers_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

F = TypeVar("F", bound=Callable[..., Any])
Found = TypeVar("Found", bound=tuple[Any, ...])


def sheet_options(number: int, help_text: str) -> Callable[[F], F]:
    """Return the options of a command that writes `number` rows by default."""
    options = (
        click.option("-o", "--output", type=NEW_SHEET, help="CSV to write. [default: stdout]"),
        click.option(
            "-n", "number", default=number, show_default=True, type=click.IntRange(1), help=help_text
        ),
        click.option("--json", "as_json", is_flag=True, help="JSON Lines instead of CSV."),
        language_option,
        workers_option,
        config_option,
        format_option,
        columns_options,
    )

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def write_sheet(
    sources: Sequence[str],
    find: Callable[..., Found],
    columns: Sequence[str],
    table: Callable[..., Any],
    options: dict[str, Any],
    *,
    labelled: bool = True,
) -> Found:
    """Write the articles that `find` chooses as a table for an editor.

    Args:
        sources: files, folders, patterns or `-`.
        find: as `topics.labelling.audit.audit`; what it returns begins with the rows.
        columns: of the table, after id and rubrics.
        table: makes cells of the rows.
        options: of the command line, those of `sheet_options` and `--labels`.
        labelled: whether labels of the sources count, and not only those of `--labels`.

    Returns:
        What `find` returned.
    """
    import msgspec

    from topics import terminal
    from topics.labelling.worksheets import worksheet
    from topics.terminal.data import show_labels, show_rejects

    config, corpus = settings(options), corpus_of(sources, options, labelled=labelled)
    how = {"language": options["lang"], "jobs": options["workers"]}
    with standard_input_kept(corpus), terminal.progress() as watch:
        result = find(corpus, config, options["number"], **how, watch=watch)
    show_labels(corpus)
    show_rejects(corpus)
    rows = result[0]
    if options["as_json"]:
        content = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    else:
        content = worksheet(columns, table(rows))
    deliver(options["output"], content)
    return result
