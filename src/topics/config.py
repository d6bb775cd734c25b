"""The configuration file (TOML). Strict: an unknown key is an error that lists the known ones.

[columns]
text = "body"

[rubrics]
names = ["economy", "industry"]

[rubrics.settings]
C = 0.3
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from topics.corpus.articles import Columns, meant
from topics.errors import UsageError, listed
from topics.rubrics.rules import Rule

T = TypeVar("T")
NotNegative: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class Cleaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[cleaning]`: see `docs/cleaning.md`."""

    drop_recaps: bool = False
    """Remove «Напомним, …» and «Ранее редакция сообщала …» from the end."""
    skip: tuple[str, ...] = ()
    """Names of rules to leave out."""
    boilerplate: bool = True
    """Learn what an outlet repeats in its articles, and remove it."""


class Rubrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[rubrics]`: which rubrics to learn, and how."""

    names: tuple[str, ...] = ()
    """Rubrics to learn; empty: all in the data."""
    min_positives: NotNegative = 10
    """Least number of articles with a rubric, and without it, for the rubric to be learned."""
    max_articles: NotNegative = 200_000
    """Largest number of articles to learn from, sampled at random; 0: all. Memory grows with them."""
    classifier: str = "linear"
    settings: dict[str, Any] = {}
    """Passed to the classifier, which defines the keys."""


class Topics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[topics]`: which topic model, and how."""

    model: str = "lda"
    max_articles: NotNegative = 100_000
    """Largest number of articles to learn from, sampled at random; 0: all. Memory grows with them."""
    settings: dict[str, Any] = {}
    """Passed to the topic model, which defines the keys."""


class Reporting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[report]`: contents of `report.html` and `MODEL_CARD.md`."""

    lang: Literal["ru", "en"] = "ru"
    excerpt: NotNegative = 200
    """Number of characters quoted from misclassified articles; 0: neither titles nor text."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    columns: Columns = Columns()
    cleaning: Cleaning = Cleaning()
    rubrics: Rubrics = Rubrics()
    topics: Topics = Topics()
    rules: dict[str, Rule] = {}
    """Rubric -> keyword rules, see `topics.rubrics.rules`."""
    report: Reporting = Reporting()


def load_config(path: Path) -> Config:
    """Read a configuration.

    Raises:
        UsageError: the file is missing or is not TOML, or has an unknown key, a value of the wrong type or an
            invalid rubric name.
    """
    config = convert(_read(path), Config, str(path))
    for name in (*config.rubrics.names, *config.rules):
        if meant([name]) != frozenset([name]):
            raise UsageError(f"{path}: {name!r} is not a valid rubric name; rename it")
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file; check the name") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: not a configuration ({error}); see docs/configuration.md") from error


def differences(path: Path, trained: Mapping[str, Any], sections: Collection[str]) -> set[str]:
    """Return the settings in these sections of a file that differ from those of a trained version.

    Settings that the file leaves out are not compared. Results look like `rubrics.settings.C`.
    """
    given = {name: table for name, table in _read(path).items() if name in sections}
    return set(_differences(given, trained, ""))


def _differences(given: Mapping[str, Any], trained: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in given.items():
        known = trained.get(key)
        if isinstance(value, Mapping):
            yield from _differences(value, known if isinstance(known, Mapping) else {}, f"{prefix}{key}.")
        elif value != known:
            yield f"{prefix}{key}"


def convert(content: Mapping[str, Any], kind: type[T], where: str) -> T:
    """Convert plain values to a Struct.

    Raises:
        UsageError: a key is unknown, or a value has the wrong type.
    """
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        unknown = _first_unknown(content, kind)
        if unknown is None:
            raise UsageError(f"{where}: {error}{_choices(str(error), kind)}") from error
        key, known = unknown
        raise UsageError(f"{where}: unknown key {key!r}; known keys: {listed(known)}") from error


def _choices(error: str, kind: Any) -> str:
    """Return the valid values for an invalid one, of which msgspec reports only the path."""
    if not error.startswith("Invalid enum value"):
        return ""
    for key in re.findall(r"\.(\w+)", error.rpartition(" at `$")[2]):
        if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
            return ""
        kind = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}[key]
    words = [
        word for part in (kind, *get_args(kind)) if get_origin(part) is Literal for word in get_args(part)
    ]
    return f"; allowed: {listed(words)}" if words else ""


def _first_unknown(content: Mapping[str, Any], kind: Any) -> tuple[str, list[str]] | None:
    """Find the first key that a Struct, or one nested in it, does not have: its path and the known keys."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in content.items():
        if key not in fields:
            return key, list(fields)
        for path, inner, inside in _nested(key, value, fields[key]):
            if found := _first_unknown(inner, inside):
                return f"{path}.{found[0]}", found[1]
    return None


def _nested(key: str, value: Any, kind: Any) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Iterate over the tables that must match a Struct: the value itself, or each of its values."""
    if not isinstance(value, Mapping):
        return
    if get_origin(kind) is dict:
        for name, inner in value.items():
            yield from _nested(f"{key}.{name}", inner, get_args(kind)[1])
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield key, value, kind
