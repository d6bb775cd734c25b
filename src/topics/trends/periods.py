"""Weeks or months that an archive spans, and which of them each article falls in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Unit: TypeAlias = Literal["week", "month"]

NOWHERE = -1
"""The place of an article without a date that can be used."""
_WEEKS = 548
"""Days from which on months are told and not weeks: a year and a half."""
_STRAYS = 0.01
"""Share of the articles that may bear stray dates."""
_MOST = 1_200
"""Periods at most, a hundred years of months; what is older is nowhere."""
_THURSDAY = 3
"""1 January 1970, from which numpy counts, was a Thursday; a week begins on Monday."""


class Periods(NamedTuple):
    """A calendar without gaps."""

    unit: Unit
    starts: tuple[str, ...]
    """The first day of each, ISO 8601."""
    places: npt.NDArray[np.intp]
    """(articles,): the number of the period that each falls in, or NOWHERE."""


def periods(days: Sequence[str], unit: Unit | None = None) -> Periods:
    """Lay out the periods of some days.

    A stray date counts as none, such as the 1 January 1970 that stands where a date was lost: of less than
    1 % of the articles, and further from the others than these are from each other.

    Args:
        days: ISO 8601, a day an article; "" where there is none.
        unit: None: weeks, and months where the days span a year and a half or more.
    """
    found = np.array([day if len(day) == 10 else "NaT" for day in days], "datetime64[D]")
    known = np.flatnonzero(~np.isnat(found))
    numbers = found[known].astype(np.int64)
    numbers, known = _without_strays(numbers, known)
    if unit is None:
        unit = "month" if len(numbers) and np.ptp(numbers) >= _WEEKS else "week"
    if unit == "week":
        numbers = (numbers + _THURSDAY) // 7
    else:
        numbers = found[known].astype("datetime64[M]").astype(np.int64)
    places = np.full(len(days), NOWHERE, np.intp)
    if not len(numbers):
        return Periods(unit, (), places)
    last = int(numbers.max())
    first = max(int(numbers.min()), last - _MOST + 1)
    places[known] = np.maximum(numbers - first, NOWHERE)
    return Periods(unit, tuple(_start(number, unit) for number in range(first, last + 1)), places)


def _start(number: int, unit: Unit) -> str:
    day = np.datetime64(number * 7 - _THURSDAY, "D") if unit == "week" else np.datetime64(number, "M")
    return str(day.astype("datetime64[D]"))


def _without_strays(
    numbers: npt.NDArray[np.int64], known: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Drop the dates beyond the widest gap, as long as they are strays."""
    while len(numbers) > 1:
        ordered = np.sort(numbers)
        gap = int(np.argmax(np.diff(ordered)))
        low, high = ordered[: gap + 1], ordered[gap + 1 :]
        many, few = (low, high) if len(low) > len(high) else (high, low)
        if len(few) > _STRAYS * len(numbers) or ordered[gap + 1] - ordered[gap] <= many[-1] - many[0]:
            break
        stays = (numbers >= many[0]) & (numbers <= many[-1])
        numbers, known = numbers[stays], known[stays]
    return numbers, known
