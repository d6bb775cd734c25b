"""A row becomes an article: which column holds what, what a date looks like, what is known of rubrics."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import NamedTuple
from unicodedata import normalize
from uuid import UUID

import msgspec

from topics.errors import listed
from topics.text.names import of_one_script
from topics.types import Article, Labels

LIMIT = 2_000_000
"""Most characters of a field, unless said otherwise."""


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a source keeps what: field of an article -> name of a column."""

    id: str = "id"
    title: str = "title"
    text: str = "text"
    date: str = "date"
    outlet: str = "outlet"
    """Where a row has none and the name is the usual one, `source` stands in."""
    rubrics: str = "rubrics"
    """A list, be it JSON in a cell, or names parted by `;`, `+` or `|`; `[]`, `none`, `нет`, `-`: none
    holds; empty: unknown.

    The plus of «18+» parts nothing."""
    unknown: str = "unknown"
    """The rubrics that are not known either way, written like `rubrics`."""
    labels: tuple[str, ...] = ()
    """One column a rubric, in the place of `rubrics`: 1 / да, 0 / нет, empty or ? where it is not known."""

    @property
    def chosen(self) -> frozenset[str]:
        """The columns whose names are not the usual ones."""
        usual = Columns()
        named = [name for field in _FIELDS if (name := getattr(self, field)) != getattr(usual, field)]
        return frozenset([*named, *self.labels])

    @property
    def optional(self) -> frozenset[str]:
        """The chosen columns that a file may lack: without a date or an outlet an article is one, too."""
        named = {self.title, self.date, self.outlet, self.unknown}
        return self.chosen & named - {self.id, self.text, self.rubrics, *self.labels}

    def absent(self, there: Iterable[str], but: Collection[str] = ()) -> list[str]:
        """Return the columns that a source must have and that are not in `there`.

        These are the ones whose names were chosen, except for those in `but`, and a text or a title.
        """
        wanted = set(self.chosen).difference(but)
        if not {self.text, self.title} & set(there):
            wanted.add(self.text)
        return sorted(wanted - set(there))


_FIELDS = ("id", "title", "text", "date", "outlet", "rubrics", "unknown")


class UnfitError(Exception):
    """A row cannot become an article; the message says why."""


class Shape(NamedTuple):
    """How rows become articles."""

    columns: Columns
    keep: tuple[str, ...]
    limit: int
    """Most characters of a field."""
    labelled: bool = True
    """Whether rubrics are read; who only tags articles needs none, right or wrong."""

    @property
    def needed(self) -> frozenset[str]:
        """The columns without which an article is not what its source says; a date may be missing."""
        columns = self.columns
        labels = (columns.rubrics, columns.unknown, *columns.labels) if self.labelled else ()
        return frozenset([columns.id, columns.title, columns.text, columns.outlet, "source", *labels])

    def article(self, values: Mapping[str, object]) -> Article:
        """Return the article of a row; its id is "" if the row has none.

        Raises UnfitError for a row without text and title, and for a field of the wrong type or too long. A
        title alone is an article: a headline. A date that cannot be read becomes "".
        """
        columns, get = self.columns, values.get
        text = self._text(get(columns.text), columns.text)
        title = self._text(get(columns.title), columns.title)
        if (not text or text.isspace()) and (not title or title.isspace()):
            raise UnfitError("no text")
        day, kept = get(columns.date), self._kept(values) if self.keep else {}
        return Article(
            self.id(values), text, title, iso(day), self._outlet(values), self.labels(values), kept
        )

    def id(self, values: Mapping[str, object]) -> str:
        """Return the row's id as text, "" if it has none."""
        found = self._text(_named(values.get(self.columns.id)), self.columns.id)
        return "" if found.isspace() else found

    def labels(self, values: Mapping[str, object]) -> Labels | None:
        """Return what the row tells of rubrics; None: nothing."""
        if not self.labelled:
            return None
        if self.columns.labels:
            return _from_columns(values, self.columns.labels)
        cell = values.get(self.columns.rubrics)
        rubrics = None if cell is None else names(cell, self.columns.rubrics)
        if rubrics is None:
            return None
        unknown = names(values.get(self.columns.unknown), self.columns.unknown)
        return Labels(rubrics, unknown - rubrics if unknown else frozenset())

    def _outlet(self, values: Mapping[str, object]) -> str:
        column = self.columns.outlet
        if column == "outlet" and not values.get(column):
            column = "source"
        return self._text(_named(values.get(column)), column)

    def _kept(self, values: Mapping[str, object]) -> Mapping[str, object]:
        return values if "*" in self.keep else {name: values.get(name) for name in self.keep}

    def _text(self, value: object, column: str) -> str:
        if value is None:
            return ""
        if type(value) is str:
            if len(value) > self.limit:
                raise UnfitError(f"column {column!r} holds {len(value)} characters, more than {self.limit}")
            return value
        if _is_missing(value):
            return ""
        raise UnfitError(f"column {column!r} holds {_kind(value)}, not text")


def _named(value: object) -> object:
    """Write what names something as text: 7, the 7.0 that pandas makes of it beside a gap, a UUID."""
    if type(value) is str or value is None:
        return value
    if type(value) is int or isinstance(value, UUID):
        return str(value)
    if isinstance(value, float | Decimal) and isfinite(value) and value.as_integer_ratio()[1] == 1:
        return str(int(value))
    return value


def _is_missing(value: object) -> bool:
    return value is None or value != value  # NaN: how pandas writes «nothing» into a column of texts


def _kind(value: object) -> str:
    numbers = {int: "a number", float: "a number", Decimal: "a number"}
    kinds = numbers | {bool: "a truth value", list: "a list", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)


_USUAL = {len("2026-03-04T10:15:00"), len("2026-03-04T10:15:00+03:00")}
_CLOCK = r"(?:,?\s+(?:в\s+)?(\d{1,2})[:.](\d\d)(?::(\d\d))?)?"
_YEAR_LAST = re.compile(r"(\d{1,2})[-./](\d{1,2})[-./](\d{4}|\d\d)(?:\s*г\.?)?" + _CLOCK)
_YEAR_FIRST = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})" + _CLOCK)
_IN_WORDS = re.compile(r"(\d{1,2})\s+([а-я]+)\.?\s+(\d{4})(?:\s*г(?:\.|ода?)?)?" + _CLOCK)
_MONTHS = (
    *("января", "февраля", "марта", "апреля", "мая", "июня"),
    *("июля", "августа", "сентября", "октября", "ноября", "декабря"),
)
_SECONDS = range(315_532_800, 4_102_444_800)
"""Unix time that is taken for a date: 1980 to 2099."""
_DIGITS = 13
_MAIL = re.compile(r"(?:[A-Z][a-z]{2},\s*)?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d")


def iso(value: object) -> str:
    """Return a date as ISO 8601, "" if it is none: `04.03.2026 10:15` -> `2026-03-04T10:15:00`.

    Also `4/3/26` (the day first), `2026/3/4`, `4 марта 2026 г.`, `4 мар 2026`, `Wed, 04 Mar 2026 10:15:00
    +0300` and Unix time in seconds or milliseconds. A bad date does not reject an article.
    """
    if type(value) is not str:
        return _of_date(value)
    value = value.strip()
    if not value:
        return ""
    if value.isdecimal() and len(value) != len("20260304"):
        return _otherwise(value)  # `fromisoformat` sees the year 1710 in 1710122512345
    try:
        # «2026-03-04», «20260304»: no longer than ten characters, and no time is to be invented for them.
        found = (date if len(value) <= 10 else datetime).fromisoformat(value)
    except ValueError:
        return _otherwise(value)
    # Most come as they should be, and writing a time with its zone anew takes longer than all else here.
    return value if value[10:11] == "T" and len(value) in _USUAL else found.isoformat()


def _of_date(value: object) -> str:
    if type(value) is int or (isinstance(value, float | Decimal) and isfinite(value)):
        return _of_seconds(int(value))
    # pandas' NaT is a date that equals nothing.
    return value.isoformat() if isinstance(value, date) and value == value else ""


def _of_seconds(value: int) -> str:
    if value // 1000 in _SECONDS:  # milliseconds, as JavaScript has them
        value //= 1000
    return datetime.fromtimestamp(value, UTC).isoformat() if value in _SECONDS else ""


def _otherwise(value: str) -> str:
    """Read a date that is not ISO 8601."""
    if match := _YEAR_LAST.fullmatch(value):
        day, month, year, *clock = match.groups()
        year = f"20{year}" if len(year) == 2 else year
    elif match := _YEAR_FIRST.fullmatch(value):
        year, month, day, *clock = match.groups()
    elif (match := _IN_WORDS.fullmatch(value.lower())) and (number := _month(match[2])):
        day, _, year, *clock = match.groups()
        month = str(number)
    elif (whole := value.removesuffix(".0")).isdecimal():  # pandas again
        return _of_seconds(int(whole)) if len(whole) <= _DIGITS else ""
    else:
        return _of_mail(value)
    try:
        if clock[0] is None:
            return date(int(year), int(month), int(day)).isoformat()
        hour, minute, second = (int(part or 0) for part in clock)
        return datetime(int(year), int(month), int(day), hour, minute, second).isoformat()  # noqa: DTZ001
    except ValueError:
        return ""


def _month(word: str) -> int:
    """Number a month; three letters will do: `марта`, `мар`. 0: it is none."""
    found = [n for n, month in enumerate(_MONTHS, 1) if word == month or word == month[:3]]
    return found[0] if found else 0


def _of_mail(value: str) -> str:
    """Read a date as RSS has it: `Thu, 05 Mar 2026 10:00:00 +0300`."""
    from email.utils import parsedate_to_datetime  # only here: rare

    if not _MAIL.match(value):
        return ""
    try:
        return parsedate_to_datetime(value).isoformat()
    except (ValueError, OverflowError):
        return ""


_UNSURE = {"?", "??", "???", "не знаю", "неясно", "unknown"}
"""What an editor writes who cannot tell: the cell says nothing."""
_AROUND = ' \t\xa0«»“”„"'
"""Characters stripped from around the name of a rubric."""
_QUOTES = _AROUND.strip()
_QUOTED = re.compile(r"«[^«»“”„\"]*»|„[^«»“”„\"]*[“”]|“[^«»“”„\"]*”|\"[^«»“”„\"]*\"")
"""A quoted phrase, which may begin or end a name: «Проект «Наш Урал»»."""
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
"""Soft hyphen, zero-width spaces: what is copied from a page carries them."""
_NONE = {"none", "нет", "-", "–", "—", "[]"}
_BETWEEN = re.compile(r"[;|]|(?<!\d)\+|\+(?=[^\s;|+»”\"])")
"""Parts names; a plus that a number ends with, «Кино 18+», is a part of its name."""


def names(value: object, column: str) -> frozenset[str] | None:
    """Return the rubrics that a cell names; None: it says nothing.

    `["economy"]`, `"economy; туризм"`, `"economy+industry"`, `'["Дом; сад"]'` name some; `[]`, `"нет"`, `"-"`
    name none. Raises UnfitError, naming the column, for anything else.
    """
    if isinstance(value, str):
        return _split(value, column)
    if isinstance(value, list | tuple):
        return _listed(value, column)
    if _is_missing(value):
        return None
    raise UnfitError(f"column {column!r} holds {_kind(value)}, not names of rubrics")


def _listed(value: Sequence[object], column: str) -> frozenset[str] | None:
    for name in value:
        if not isinstance(name, str):
            raise UnfitError(f"column {column!r} holds a list with {_kind(name)} in it, not names of rubrics")
    return meant(map(str, value)) if value else frozenset()  # [""] is an empty cell that was split


@lru_cache(4096)
def _split(value: str, column: str) -> frozenset[str] | None:
    value = value.strip()
    if value.startswith("[") and value.endswith("]") and value not in _NONE:
        try:
            return _listed(msgspec.json.decode(value, type=list[str]), column)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise UnfitError(
                f"column {column!r} holds a list written as text, {value[:40]!r}; write economy;tourism"
            ) from error
    return _parted(value)


def cell_of(rubrics: Sequence[str], between: str = ";") -> str:
    """Write rubrics into a cell as `names` reads them: `economy;tourism`, `none`; `+` may stand between them.

    Names that would be read as others, «Дом; сад», make it a list in JSON: `["Дом; сад","economy"]`.
    """
    if not rubrics:
        return "none"
    cell = between.join(rubrics)
    if cell.startswith("[") or _split(cell, "") != frozenset(rubrics):
        return msgspec.json.encode(rubrics).decode()
    return cell


def _parted(value: str) -> frozenset[str] | None:
    return meant(map(_unquoted, _BETWEEN.split(value)))


def _unquoted(name: str) -> str:
    """Strip the quotes that surround a name, not those of a phrase in it.

    >>> _unquoted("«Спорт»"), _unquoted("Проект «Наш Урал»"), _unquoted('"Проект «Наш Урал»"')
    ('Спорт', 'Проект «Наш Урал»', 'Проект «Наш Урал»')
    """
    name = name.strip()
    bare = name.strip(_AROUND)
    if not any(quote in bare for quote in _QUOTES):
        return bare
    hidden = _QUOTED.sub(lambda phrase: "x" * len(phrase[0]), name)
    start = len(hidden) - len(hidden.lstrip(_AROUND))
    return name[start : len(hidden.rstrip(_AROUND))]


def meant(names: Iterable[str]) -> frozenset[str] | None:
    """Return names as they are learned, without invisible characters and without those that name nothing.

    `["economy", "-"]` is economy, `["нет"]` that none holds; None: they say nothing, as `["?"]`.
    """
    found = frozenset(name for given in names if (name := _visible(given)))
    said = frozenset(name for name in found if name.lower() not in _NONE | _UNSURE)
    return said if said or (found and all(name.lower() in _NONE for name in found)) else None


def _visible(name: str) -> str:
    """Fold white space, drop invisible characters, compose letters: macOS writes «й» as two characters."""
    return " ".join(normalize("NFC", name.translate(_INVISIBLE)).split())


def mistaken(rubrics: Sequence[str]) -> list[str]:
    """Describe rubric names that look like several in one, or are the same name written in two ways.

    >>> mistaken(["economy", "tourism", "economy, tourism"])
    ["the rubric 'economy, tourism' is learned beside 'economy', 'tourism'; part names by ; or give a list"]
    """
    alike: dict[str, list[str]] = {}
    for name in rubrics:
        alike.setdefault(_folded(name), []).append(name)
    found = [
        f"the rubrics {listed(same)} differ only by case, spaces, ё or letters of another alphabet; "
        "write them alike"
        for same in alike.values()
        if len(same) > 1
    ]
    for folded, same in alike.items():
        parts = [_folded(part) for part in re.split(r"[,/|]", folded)]
        if len(parts) > 1 and all(part in alike for part in parts):
            others = listed({alike[part][0] for part in parts})
            found.append(f"the rubric {same[0]!r} is learned beside {others}; part names by ; or give a list")
    for name in rubrics:
        read = _parted(name)
        if read and read != frozenset([" ".join(name.split())]):
            remedy = "call it otherwise, or give a list"
            found.append(f"the rubric {name!r} is read as {listed(read)} from a table; {remedy}")
    return found


def _folded(name: str) -> str:
    """Return what names that look alike have in common: «Туризм» may have a Latin «T»."""
    return " ".join(map(of_one_script, name.split())).casefold().replace("ё", "е")


_HOLDS = {"1", "1.0", "да", "true", "yes"}
_HOLDS_NOT = {"0", "0.0", "нет", "false", "no"}


def _from_columns(values: Mapping[str, object], columns: tuple[str, ...]) -> Labels | None:
    states = {column: _state(values.get(column), column) for column in columns}
    unknown = frozenset(column for column, state in states.items() if state is None)
    if len(unknown) == len(states):
        return None
    return Labels(frozenset(column for column, state in states.items() if state), unknown)


def _state(value: object, column: str) -> bool | None:
    if _is_missing(value):
        return None
    cell = str(_named(value)).strip().lower()
    if cell in _HOLDS:
        return True
    if not cell or cell in _UNSURE:
        return None
    if cell in _HOLDS_NOT:
        return False
    known = f"{listed(_HOLDS)}; {listed(_HOLDS_NOT)}; empty or '?': not known"
    raise UnfitError(f"column {column!r} holds {str(value)[:40]!r}; known: {known}")
