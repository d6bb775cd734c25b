"""`python -m topics`: results go to stdout, everything else to stderr.

The only place where errors become exit codes: 0 done, 1 other, 2 usage or configuration, 3 data, 4 model;
5 from `monitor` is an alarm.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from pathlib import Path
from typing import TextIO

import click

from topics import __version__
from topics.commands import Commands
from topics.errors import DataWarning, ModelWarning, TopicsError

# Section -> command -> its help in one line; each is `topics.commands.NAME:NAME`.
SECTIONS = {
    "Learn": {
        "train": "Learn rubrics and topics from an archive and publish versions.",
        "audit": "List articles that are probably mislabelled, for an editor to check.",
        "suggest": "Choose the articles most worth labelling next.",
    },
    "Tag": {
        "predict": "Tag every article of an archive.",
        "explain": "Explain which words of an article count for and against its rubrics.",
        "diff": "Show what another model changes in a scored archive.",
    },
    "Measure": {
        "evaluate": "Measure a version on labelled articles, with intervals and slices.",
        "compare": "Compare two versions: what is better, what is worse.",
        "report": "Write the report of a version as a page.",
        "topics": "List, show, name and track the topics of an archive.",
        "monitor": "Check whether a stream still looks like what a version was trained on.",
    },
    "Versions": {
        "models": "List the trained versions with their metrics.",
        "show": "Show everything known about a version.",
        "promote": "Put a version into production if it is not worse than the current one.",
        "rollback": "Put the previous version back into production.",
        "history": "Show which version was in use when, who promoted it, why, and on what metrics.",
        "verify": "Check every byte of the versions.",
        "reproduce": "Train a version again and compare every byte.",
        "prune": "Remove old versions that are not needed.",
        "export": "Write a version into one file, or log it to MLflow.",
        "import": "Import an exported version.",
    },
}


@click.group(
    cls=Commands,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__)
def cli() -> None:
    """Tag Russian news with rubrics and topics: train on your archive, tag any archive, offline.

    \b
    python -m topics train                       # learn from the embedded demonstration corpus
    python -m topics predict inbox.jsonl         # tag articles, JSON Lines on stdout
    """


def main() -> None:
    """Run the command line and exit."""
    warnings.showwarning = _warn
    _open_streams()
    try:
        sys.exit(cli.main(prog_name="topics", standalone_mode=False))
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        asked = getattr(error, "ctx", None)  # «topics train», where the command is known
        where = asked.command_path if asked else "topics"
        _fail(f"{error.format_message()} (see `{where} --help`)", error.exit_code)
    except TopicsError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:  # `topics predict … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # disk full, no permission
        _fail(f"{error.filename or 'output'}: {error.strerror or error}", 1)
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped", 130)


def _open_streams() -> None:
    """Replace missing standard streams by null ones; print «?» for characters that a console lacks.

    A daemon may have closed them. Tables contain `▁█` and Russian letters, which a console of Windows or with
    LANG=C may lack. Articles and predictions are written as bytes and not affected.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (until the end)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print our own warnings as one line, those of libraries only with `python -W`."""
    if issubclass(category, DataWarning | ModelWarning) or sys.warnoptions:
        click.echo(f"topics: {message}", err=True)


def _fail(message: str, code: int) -> None:
    click.echo(f"topics: {' '.join(message.split())}", err=True)
    sys.exit(code)
