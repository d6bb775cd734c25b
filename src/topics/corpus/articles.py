"""Conversion of rows to articles: columns, dates, rubrics."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import NamedTuple
from uuid import UUID

import msgspec

from topics.errors import listed
from topics.text.names import of_one_script
from topics.types import Article, Labels

LIMIT = 2_000_000
"""Default for the largest number of characters of a field."""


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names of the columns that hold the fields of an article."""

    id: str = "id"
    title: str = "title"
    text: str = "text"
    date: str = "date"
    outlet: str = "outlet"
    """Unless set otherwise, `source` is used for rows without an `outlet`."""
    rubrics: str = "rubrics"
    """A list, also as JSON in a cell, or names separated by `;`, `+` or `|`, except the plus of «18+»; `[]`,
    `none`, `нет`, `-`: no rubric holds; empty: unknown."""
    unknown: str = "unknown"
    """The rubrics of which it is unknown whether they hold, written like `rubrics`."""
    labels: tuple[str, ...] = ()
    """A column per rubric, instead of `rubrics`: 1 / да, 0 / нет, empty or ? if unknown."""

    @property
    def chosen(self) -> frozenset[str]:
        """The columns whose names are not the default ones."""
        usual = Columns()
        changed = [name for field in _FIELDS if (name := getattr(self, field)) != getattr(usual, field)]
        return frozenset([*changed, *self.labels])

    @property
    def optional(self) -> frozenset[str]:
        """The chosen columns that a file may lack: title, date, outlet, unknown rubrics."""
        columns = {self.title, self.date, self.outlet, self.unknown}
        return self.chosen & columns - {self.id, self.text, self.rubrics, *self.labels}

    def absent(self, present: Iterable[str], except_: Collection[str] = ()) -> list[str]:
        """Return the required columns that are not in `present`, sorted.

        Required are those whose names were chosen, without those in `except_`, and a text or a title.
        """
        required = set(self.chosen).difference(except_)
        if not {self.text, self.title} & set(present):
            required.add(self.text)
        return sorted(required - set(present))


_FIELDS = ("id", "title", "text", "date", "outlet", "rubrics", "unknown")


class UnfitError(Exception):
    """A row cannot be converted to an article; the message says why."""


class Shape(NamedTuple):
    """How rows become articles."""

    columns: Columns
    keep: tuple[str, ...]
    limit: int
    """Largest number of characters of a field."""
    labelled: bool = True
    """Whether rubrics are read; tagging ignores them, even invalid ones."""

    @property
    def needed(self) -> frozenset[str]:
        """The columns whose cells must be readable; a date need not be."""
        columns = self.columns
        labels = (columns.rubrics, columns.unknown, *columns.labels) if self.labelled else ()
        return frozenset([columns.id, columns.title, columns.text, columns.outlet, "source", *labels])

    def article(self, values: Mapping[str, object]) -> Article:
        """Convert a row; the id of a row without one is "", as is a date that cannot be read.

        Raises:
            UnfitError: it has neither text nor title, or a field is too long or of the wrong type.
        """
        columns, get = self.columns, values.get
        text = self._text(get(columns.text), columns.text)
        title = self._text(get(columns.title), columns.title)
        if (not text or text.isspace()) and (not title or title.isspace()):
            raise UnfitError("no text")
        date_value, kept = get(columns.date), self._kept(values) if self.keep else {}
        return Article(
            self.id(values), text, title, iso(date_value), self._outlet(values), self.labels(values), kept
        )

    def id(self, values: Mapping[str, object]) -> str:
        """Return the id of a row as text, "" if it has none."""
        text = self._text(_id_text(values.get(self.columns.id)), self.columns.id)
        return "" if text.isspace() else text

    def labels(self, values: Mapping[str, object]) -> Labels | None:
        """Return the labels of a row, None if it has none."""
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
        return self._text(_id_text(values.get(column)), column)

    def _kept(self, values: Mapping[str, object]) -> Mapping[str, object]:
        return values if "*" in self.keep else {name: values.get(name) for name in self.keep}

    def _text(self, value: object, column: str) -> str:
        if value is None:
            return ""
        if type(value) is str:
            if len(value) > self.limit:
                raise UnfitError(
                    f"column {column!r} contains {len(value)} characters; the limit is {self.limit}"
                )
            return value
        if _is_missing(value):
            return ""
        raise UnfitError(f"column {column!r} contains {_type_name(value)}, not text")


def _id_text(value: object) -> object:
    """Convert an id to text: 7, a UUID, or 7.0, which pandas makes of 7 in a column with gaps."""
    if type(value) is str or value is None:
        return value
    if type(value) is int or isinstance(value, UUID):
        return str(value)
    if isinstance(value, float | Decimal) and isfinite(value) and value.as_integer_ratio()[1] == 1:
        return str(int(value))
    return value


def _is_missing(value: object) -> bool:
    return value is None or value != value  # NaN, which pandas writes for missing text


def _type_name(value: object) -> str:
    numbers = {int: "a number", float: "a number", Decimal: "a number"}
    kinds = numbers | {bool: "a boolean", list: "a list", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)


_ISO_LENGTHS = {len("2026-03-04T10:15:00"), len("2026-03-04T10:15:00+03:00")}
_CLOCK = r"(?:,?\s+(?:в\s+)?(\d{1,2})[:.](\d\d)(?::(\d\d))?)?"
_YEAR_LAST = re.compile(r"(\d{1,2})[-./](\d{1,2})[-./](\d{4}|\d\d)(?:\s*г\.?)?" + _CLOCK)
_YEAR_FIRST = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})" + _CLOCK)
_MONTH_IN_WORDS = re.compile(r"(\d{1,2})\s+([а-я]+)\.?\s+(\d{4})(?:\s*г(?:\.|ода?)?)?" + _CLOCK)
_MONTHS = (
    *("января", "февраля", "марта", "апреля", "мая", "июня"),
    *("июля", "августа", "сентября", "октября", "ноября", "декабря"),
)
_TIMESTAMPS = range(315_532_800, 4_102_444_800)
"""Unix times that are taken for dates: 1980 to 2099."""
_MAX_TIMESTAMP_DIGITS = 13
_RFC2822 = re.compile(r"(?:[A-Z][a-z]{2},\s*)?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d")


def iso(value: object) -> str:
    """Convert a date to ISO 8601, "" if it cannot be read: `04.03.2026 10:15` -> `2026-03-04T10:15:00`.

    Also `4/3/26` (the day first), `2026/3/4`, `4 марта 2026 г.`, `4 мар 2026`, `Wed, 04 Mar 2026 10:15:00
    +0300` and Unix time in seconds or milliseconds.
    """
    if type(value) is not str:
        return _iso_of_object(value)
    value = value.strip()
    if not value:
        return ""
    if value.isdecimal() and len(value) != len("20260304"):
        return _iso_of_other_format(value)  # `fromisoformat` reads 1710122512345 as of the year 1710
    try:
        # up to ten characters, «2026-03-04», «20260304»: a date without a time
        parsed = (date if len(value) <= 10 else datetime).fromisoformat(value)
    except ValueError:
        return _iso_of_other_format(value)
    # Most are in this form already, and isoformat() with a time zone is slower than everything else here.
    return value if value[10:11] == "T" and len(value) in _ISO_LENGTHS else parsed.isoformat()


def _iso_of_object(value: object) -> str:
    if type(value) is int or (isinstance(value, float | Decimal) and isfinite(value)):
        return _iso_of_timestamp(int(value))
    # NaT of pandas is a date that does not equal itself.
    return value.isoformat() if isinstance(value, date) and value == value else ""


def _iso_of_timestamp(value: int) -> str:
    if value // 1000 in _TIMESTAMPS:  # milliseconds, as in JavaScript
        value //= 1000
    return datetime.fromtimestamp(value, UTC).isoformat() if value in _TIMESTAMPS else ""


def _iso_of_other_format(value: str) -> str:
    """Convert a date that is not in ISO 8601."""
    if match := _YEAR_LAST.fullmatch(value):
        day, month, year, *clock = match.groups()
        year = f"20{year}" if len(year) == 2 else year
    elif match := _YEAR_FIRST.fullmatch(value):
        year, month, day, *clock = match.groups()
    elif (match := _MONTH_IN_WORDS.fullmatch(value.lower())) and (number := _month(match[2])):
        day, _, year, *clock = match.groups()
        month = str(number)
    elif (digits := value.removesuffix(".0")).isdecimal():  # pandas again
        return _iso_of_timestamp(int(digits)) if len(digits) <= _MAX_TIMESTAMP_DIGITS else ""
    else:
        return _iso_of_rfc2822(value)
    try:
        if clock[0] is None:
            return date(int(year), int(month), int(day)).isoformat()
        hour, minute, second = (int(part or 0) for part in clock)
        return datetime(int(year), int(month), int(day), hour, minute, second).isoformat()  # noqa: DTZ001
    except ValueError:
        return ""


def _month(word: str) -> int:
    """Return the number of a month, `марта` or `мар`; 0 for other words."""
    numbers = [n for n, month in enumerate(_MONTHS, 1) if word == month or word == month[:3]]
    return numbers[0] if numbers else 0


def _iso_of_rfc2822(value: str) -> str:
    """Convert a date of RSS, `Thu, 05 Mar 2026 10:00:00 +0300`."""
    from email.utils import parsedate_to_datetime  # rarely needed

    if not _RFC2822.match(value):
        return ""
    try:
        return parsedate_to_datetime(value).isoformat()
    except (ValueError, OverflowError):
        return ""


_UNKNOWN_WORDS = {"?", "??", "???", "не знаю", "неясно", "unknown"}
"""Written by an editor who cannot tell: the rubrics are unknown."""
_QUOTES = '«»“”„"'
_STRIPPED = f" \t\xa0{_QUOTES}"
"""Stripped from both ends of the name of a rubric."""
_QUOTED = re.compile(r"«[^«»“”„\"]*»|„[^«»“”„\"]*[“”]|“[^«»“”„\"]*”|\"[^«»“”„\"]*\"")
"""A quoted phrase, which may begin or end a name: «Проект «Наш Урал»»."""
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
"""Soft hyphen and zero-width spaces, often copied from web pages."""
_NO_RUBRICS = {"none", "нет", "-", "–", "—", "[]"}
_SEPARATOR = re.compile(r"[;|]|(?<!\d)\+|\+(?=[^\s;|+»”\"])")
"""Between names; a plus after a number, «Кино 18+», is part of a name."""


def names(value: object, column: str) -> frozenset[str] | None:
    """Parse the rubrics of a cell; None: unknown.

    `["economy"]`, `"economy; туризм"`, `"economy+industry"`, `'["Дом; сад"]'` name some; `[]`, `"нет"`, `"-"`
    say that none holds.

    Raises:
        UnfitError: the cell holds something else.
    """
    if isinstance(value, str):
        return _from_cell(value, column)
    if isinstance(value, list | tuple):
        return _from_list(value, column)
    if _is_missing(value):
        return None
    raise UnfitError(f"column {column!r} contains {_type_name(value)}, not names of rubrics")


def _from_list(value: Sequence[object], column: str) -> frozenset[str] | None:
    for name in value:
        if not isinstance(name, str):
            raise UnfitError(
                f"column {column!r} contains a list with {_type_name(name)}, not only names of rubrics"
            )
    return meant(map(str, value)) if value else frozenset()  # but [""] is an empty cell that was split


@lru_cache(4096)
def _from_cell(value: str, column: str) -> frozenset[str] | None:
    value = value.strip()
    if value.startswith("[") and value.endswith("]") and value not in _NO_RUBRICS:
        try:
            return _from_list(msgspec.json.decode(value, type=list[str]), column)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise UnfitError(
                f"column {column!r} contains a list written as text, {value[:40]!r}; write economy;tourism"
            ) from error
    return _separate(value)


def cell_of(rubrics: Sequence[str], separator: str = ";") -> str:
    """Format rubrics for a cell, the inverse of `names`: `economy;tourism`, `none`.

    With names that contain a separator, «Дом; сад», the cell is a list in JSON: `["Дом; сад","economy"]`.
    """
    if not rubrics:
        return "none"
    cell = separator.join(rubrics)
    if cell.startswith("[") or _from_cell(cell, "") != frozenset(rubrics):
        return msgspec.json.encode(rubrics).decode()
    return cell


def _separate(value: str) -> frozenset[str] | None:
    return meant(map(_unquote, _SEPARATOR.split(value)))


def _unquote(name: str) -> str:
    """Strip the quotes around a name, but not those of a phrase within it.

    >>> _unquote("«Спорт»"), _unquote("Проект «Наш Урал»"), _unquote('"Проект «Наш Урал»"')
    ('Спорт', 'Проект «Наш Урал»', 'Проект «Наш Урал»')
    """
    name = name.strip()
    bare = name.strip(_STRIPPED)
    if not any(quote in bare for quote in _QUOTES):
        return bare
    masked = _QUOTED.sub(lambda phrase: "x" * len(phrase[0]), name)
    start = len(masked) - len(masked.lstrip(_STRIPPED))
    return name[start : len(masked.rstrip(_STRIPPED))]


def meant(names: Iterable[str]) -> frozenset[str] | None:
    """Normalize names of rubrics; words for "none" and "unknown" are dropped.

    `["economy", "-"]` -> economy; `["нет"]` -> the empty set, no rubric holds; `["?"]` -> None, unknown.
    """
    cleaned = frozenset(name for raw in names if (name := _normalize(raw)))
    rubrics = frozenset(name for name in cleaned if name.lower() not in _NO_RUBRICS | _UNKNOWN_WORDS)
    return rubrics if rubrics or (cleaned and all(name.lower() in _NO_RUBRICS for name in cleaned)) else None


def _normalize(name: str) -> str:
    """Collapse white space, drop invisible characters and compose letters: macOS writes «й» as two."""
    return " ".join(unicodedata.normalize("NFC", name.translate(_INVISIBLE)).split())


def mistaken(rubrics: Sequence[str]) -> list[str]:
    """Describe names of rubrics that look like several in one, or like spellings of one name.

    >>> mistaken(["economy", "tourism", "economy, tourism"])
    ["the rubric 'economy, tourism' combines 'economy', 'tourism'; separate names by ; or give a list"]
    """
    by_fold: dict[str, list[str]] = {}
    for name in rubrics:
        by_fold.setdefault(_fold(name), []).append(name)
    problems = [
        f"the rubrics {listed(spellings)} differ only by case, spaces, ё or letters of another alphabet; "
        "spell them alike"
        for spellings in by_fold.values()
        if len(spellings) > 1
    ]
    for folded, spellings in by_fold.items():
        parts = [_fold(part) for part in re.split(r"[,/|]", folded)]
        if len(parts) > 1 and all(part in by_fold for part in parts):
            others = listed({by_fold[part][0] for part in parts})
            problems.append(
                f"the rubric {spellings[0]!r} combines {others}; separate names by ; or give a list"
            )
    for name in rubrics:
        parsed = _separate(name)
        if parsed and parsed != frozenset([" ".join(name.split())]):
            remedy = "rename it, or give a list"
            problems.append(f"the rubric {name!r} is read as {listed(parsed)} from a table; {remedy}")
    return problems


def _fold(name: str) -> str:
    """Map names that look alike to one string: «Туризм» may have a Latin «T»."""
    return " ".join(map(of_one_script, name.split())).casefold().replace("ё", "е")


_TRUE = {"1", "1.0", "да", "true", "yes"}
_FALSE = {"0", "0.0", "нет", "false", "no"}


def _from_columns(values: Mapping[str, object], columns: tuple[str, ...]) -> Labels | None:
    states = {column: _state(values.get(column), column) for column in columns}
    unknown = frozenset(column for column, state in states.items() if state is None)
    if len(unknown) == len(states):
        return None
    return Labels(frozenset(column for column, state in states.items() if state), unknown)


def _state(value: object, column: str) -> bool | None:
    if _is_missing(value):
        return None
    cell = str(_id_text(value)).strip().lower()
    if cell in _TRUE:
        return True
    if not cell or cell in _UNKNOWN_WORDS:
        return None
    if cell in _FALSE:
        return False
    known = f"{listed(_TRUE)}; {listed(_FALSE)}; empty or '?': unknown"
    raise UnfitError(f"column {column!r} contains {str(value)[:40]!r}; valid: {known}")
