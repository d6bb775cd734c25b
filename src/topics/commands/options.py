"""Options that several commands share, and what becomes of them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar

import click

from topics.errors import UsageError, listed

if TYPE_CHECKING:
    from topics.config import Config
    from topics.corpus import Corpus
    from topics.types import Reject
    from topics.versions.manifest import Manifest

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


class _New(click.Path):
    """An output path, checked before the work starts; object stores have no folders."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(value).absolute()
        if "://" in str(value):
            if self.type is Path:
                self.fail(f"{value!r} is in an object store; name a local file", param, ctx)
        elif not path.parent.is_dir():
            self.fail(f"cannot write {path.name!r}: no such folder: {str(path.parent)!r}", param, ctx)
        elif not os.access(path.parent if path.is_file() or not path.exists() else path, os.W_OK):
            self.fail(f"folder is not writable: {str(path.parent)!r}", param, ctx)
        return super().convert(value, param, ctx)


class _NewSheet(_New):
    """A table that an editor fills in: an existing one is never overwritten."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if Path(value).is_file() and not Path(value).is_symlink():
            self.fail(f"{str(value)!r} already exists and may have been filled in; name another file")
        return super().convert(value, param, ctx)


NEW_FILE = _New(dir_okay=False, path_type=Path)
NEW_SHEET = _NewSheet(dir_okay=False, path_type=Path)
NEW_FILE_OR_FOLDER = _New(path_type=str)


def expect_apart(inputs: Iterable[str], outputs: Mapping[str, str | Path | None]) -> None:
    """Refuse an output that is inside an input, and two outputs with the same name.

    Args:
        inputs: files, folders and patterns.
        outputs: option -> path; devices such as /dev/null are ignored.
    """
    named: dict[Path, str] = {}
    for option, place in outputs.items():
        if not place or "://" in str(place) or (Path(place).exists() and not _holds_data(Path(place))):
            continue
        whole = Path(place).resolve()
        if whole in named:
            raise UsageError(f"{place}: {named[whole]} and {option} both write to it; name different files")
        named[whole] = option
        for name in inputs:
            below = "://" not in name and whole.is_relative_to(Path(name).resolve())
            if below or fnmatch(str(Path(place).absolute()), str(Path(name).absolute())):
                raise UsageError(f"{place}: is inside the input {name}; write somewhere else")


def _holds_data(place: Path) -> bool:
    return place.is_file() or place.is_dir()


def deliver(output: Path | None, content: bytes) -> None:
    """Write the output of a command to standard output, or to a file that is replaced as a whole."""
    from topics import storage

    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    elif output.is_symlink():
        output.write_bytes(content)
    else:
        storage.publish(output, content)


def columns_options(command: F) -> F:
    """Options that say which column holds what."""
    for name in reversed(("id", "text", "title", "date", "outlet", "rubrics")):
        help_text = f"Column with the {name}."
        command = click.option(f"--{name}-column", metavar="NAME", help=help_text)(command)
    return command


def labels_option(help_text: str) -> Callable[[F], F]:
    """Return the option that overlays a table of labels on the data."""
    return click.option(
        "--labels", type=FILE, multiple=True, callback=_one_table, metavar="FILE", help=help_text
    )


def _one_table(context: click.Context, option: click.Parameter, tables: tuple[Path, ...]) -> Path | None:
    if len(tables) > 1:
        raise click.BadParameter("give one table only; merge yours", context, option)
    return tables[0] if tables else None


models_option = click.option(
    "--models", type=FOLDER, default=Path("models"), show_default=True, help="Folder of the versions."
)


def _or_without(
    context: click.Context, option: click.Parameter, value: str | None
) -> str | Literal[False] | None:
    return False if value == "none" else value


rubrics_option = click.option(
    "--rubrics",
    "reference",
    metavar="NAME[@ALIAS]",
    callback=_or_without,
    help="Model of rubrics: NAME, NAME@ALIAS or NAME/VERSION; `none`: no rubrics. "
    "[default: production if set, else latest]",
)
topics_option = click.option(
    "--topics",
    metavar="NAME[@ALIAS]",
    callback=_or_without,
    help="Model of topics; `none`: no topics. [default: topics, if there is one]",
)
version_of_topics_option = click.option(
    "--topics",
    "reference",
    default="topics",
    metavar="NAME[@ALIAS]",
    help="Model of topics: NAME, NAME@ALIAS or NAME/VERSION. [default: production if set, else latest]",
)
config_option = click.option("--config", type=FILE, help="Configuration, see docs/configuration.md.")
columns_config_option = click.option(
    "--config",
    type=FILE,
    help="Configuration; only [columns] is read. See docs/configuration.md.",
)
language_option = click.option(
    "--lang",
    type=click.Choice(["ru", "en"]),
    default="ru",
    show_default=True,
    help="Language of pages and of tables for editors.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1),
    default=lambda: cores(),
    metavar="N",
    help="Number of processes. [default: one per core]",
)
format_option = click.option(
    "--input-format",
    metavar="FORMAT",
    help="For `-`: jsonl, csv, tsv. [default: detected]",
)


def cores() -> int:
    """Count the cores that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())


def settings(options: dict[str, Any]) -> Config:
    """Read the configuration; columns named on the command line win over it, in what is recorded too."""
    import msgspec

    from topics.config import Config, load_config

    config = load_config(options["config"]) if options["config"] else Config()
    named = {
        key.removesuffix("_column"): value
        for key, value in options.items()
        if key.endswith("_column") and value
    }
    return msgspec.structs.replace(config, columns=msgspec.structs.replace(config.columns, **named))


def corpus_of(data: Sequence[str | Path], options: dict[str, Any], **more: Any) -> Corpus:
    """Open the articles that a command line names; `more` is what else `Corpus` takes."""
    from topics.corpus import Corpus

    columns, labels = settings(options).columns, options.get("labels")
    return Corpus(data, columns=columns, labels_file=labels, format=options["input_format"], **more)


def emit(result: T, show: Callable[[T], None], *, as_json: bool) -> None:
    """Print a result to stdout, as one JSON object or by `show`."""
    import msgspec

    if as_json:
        click.echo(msgspec.json.encode(result))
    else:
        show(result)


def warn_of_ignored(options: dict[str, Any], manifests: Sequence[Manifest]) -> None:
    """Warn on stderr of settings in `--config` that have no effect, as no version was trained with them.

    A file that a version was trained with is passed over in silence: scheduled jobs name it everywhere.
    """
    from topics.config import differences

    path = options["config"]
    of_rubrics = [manifest for manifest in manifests if manifest.topics is None]
    of_topics = [manifest for manifest in manifests if manifest.topics]
    groups = [(["cleaning"], manifests), (["rubrics", "rules"], of_rubrics), (["topics"], of_topics)]
    ignored: set[str] = set()
    for sections, group in groups if path else ():
        differing = [differences(path, manifest.configuration, sections) for manifest in group]
        ignored |= set.intersection(*differing) if differing else set()
    if ignored:
        labels = ", ".join(f"{manifest.name}/{manifest.version}" for manifest in manifests)
        click.echo(
            f"topics: {path}: ignored {listed(ignored)}: only [columns] is read here, and {labels} "
            "was trained with other values; train again to apply these",
            err=True,
        )


@contextmanager
def standard_input_kept(corpus: Corpus) -> Iterator[None]:
    """Copy standard input to a temporary file, for a job that reads its corpus more than once."""
    if all(source.path for source in corpus.sources):
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "stdin"
        with copy.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        corpus.replace_stdin(copy)
        yield


@contextmanager
def rejects_to(path: Path | None) -> Iterator[Callable[[Reject], None]]:
    """Write rejects to a file that is made for the first of them, or the first few to stderr.

    Without any, a file that an earlier run left is removed.
    """
    import msgspec

    from topics import storage
    from topics.corpus.corpus import TOLD
    from topics.terminal.data import show_reject, show_reject_count

    with ExitStack() as stack:
        count = 0
        if path:
            stack.enter_context(storage.naming(path))

        def reject(row: Reject) -> None:
            nonlocal count
            count += 1
            if path:
                stream = stack.enter_context(path.open("wb")) if count == 1 else opened[0]
                opened[:] = [stream]
                stream.write(msgspec.json.encode(row) + b"\n")
            elif count <= TOLD:
                show_reject(row)

        opened: list[BinaryIO] = []
        yield reject
    if path and not count:
        storage.unlink(path)
    show_reject_count(count, path)
