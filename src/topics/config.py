"""The TOML file that `train --config` reads. Strict: an unknown key is an error that lists the known ones.

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
    """Cut «Напомним, …» and «Ранее редакция сообщала …» from the end."""
    skip: tuple[str, ...] = ()
    """Rules to leave out, by name."""
    boilerplate: bool = True
    """Learn what an outlet repeats in its articles, and cut it."""


class Rubrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[rubrics]`: what to learn, and how."""

    names: tuple[str, ...] = ()
    """Rubrics to learn; none named: all that the data names."""
    min_positives: NotNegative = 10
    """Articles that must carry a rubric before it is learned."""
    max_articles: NotNegative = 200_000
    """Articles to learn from, chosen by lot where there are more; 0: all. Memory grows with them."""
    classifier: str = "linear"
    settings: dict[str, Any] = {}
    """Handed to the classifier, which knows its own keys."""


class Topics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[topics]`: which topic model, and how."""

    model: str = "lda"
    max_articles: NotNegative = 100_000
    """Articles to learn from, chosen by lot where there are more; 0: all. Memory grows with them."""
    settings: dict[str, Any] = {}
    """Handed to the topic model, which knows its own keys."""


class Reporting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[report]`: what `report.html` and `MODEL_CARD.md` of a version say."""

    lang: Literal["ru", "en"] = "ru"
    excerpt: NotNegative = 200
    """Characters of the text that stand under the title of a mistake; 0: no titles and no text."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    columns: Columns = Columns()
    cleaning: Cleaning = Cleaning()
    rubrics: Rubrics = Rubrics()
    topics: Topics = Topics()
    rules: dict[str, Rule] = {}
    """Rubric -> its keyword rules, see `topics.rubrics.rules`."""
    report: Reporting = Reporting()


def load_config(path: Path) -> Config:
    """Read a configuration.

    Raises:
        UsageError: the file is missing, is not TOML, or holds an unknown key, a value of the wrong type or a
            rubric that no label can name.
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
    """Return the settings in these sections of a file that are not those of a trained version.

    What the file leaves out is not compared: `rules.economy.force`, `rubrics.settings.C`.
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
    """Check plain values against a Struct.

    Raises:
        UsageError: an unknown key, with the known ones, or a value of the wrong type.
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
    """Return the allowed words for an invalid one; msgspec names only the place."""
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
    """Find the first key that the Struct, or a Struct in it, does not have: its path and those it has."""
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
