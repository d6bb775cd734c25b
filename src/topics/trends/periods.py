"""Weeks or months of a corpus, and assignment of articles to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Unit: TypeAlias = Literal["week", "month"]

NO_PERIOD = -1
"""Period number of an article without a usable date."""
_MAX_WEEKLY_DAYS = 548
"""Time span in days from which on periods are months instead of weeks: a year and a half."""
_MAX_STRAY_SHARE = 0.01
"""Largest share of articles with stray dates."""
_MAX_PERIODS = 1_200
"""Largest number of periods, a hundred years of months; older articles belong to none."""
_THURSDAY = 3
"""Weekday of 1 January 1970, day 0 of numpy; weeks begin on Monday."""


class Periods(NamedTuple):
    """A calendar without gaps."""

    unit: Unit
    starts: tuple[str, ...]
    """First day of each period, ISO 8601."""
    assigned: npt.NDArray[np.intp]
    """(articles,): period number, or NOWHERE."""


def periods(days: Sequence[str], unit: Unit | None = None) -> Periods:
    """Compute the periods that cover the given days.

    Stray dates, such as 1 January 1970 in place of a lost date, are ignored: dates of at most 1 % of the
    articles that are separated from the others by a gap wider than the range of these.

    Args:
        days: ISO 8601 date of each article, "" if unknown.
        unit: None: weeks, or months if the days span a year and a half or more.
    """
    dates = np.array([day if len(day) == 10 else "NaT" for day in days], "datetime64[D]")
    dated = np.flatnonzero(~np.isnat(dates))
    numbers = dates[dated].astype(np.int64)
    numbers, dated = _without_strays(numbers, dated)
    if unit is None:
        unit = "month" if len(numbers) and np.ptp(numbers) >= _MAX_WEEKLY_DAYS else "week"
    if unit == "week":
        numbers = (numbers + _THURSDAY) // 7
    else:
        numbers = dates[dated].astype("datetime64[M]").astype(np.int64)
    assigned = np.full(len(days), NO_PERIOD, np.intp)
    if not len(numbers):
        return Periods(unit, (), assigned)
    last = int(numbers.max())
    first = max(int(numbers.min()), last - _MAX_PERIODS + 1)
    assigned[dated] = np.maximum(numbers - first, NO_PERIOD)
    return Periods(unit, tuple(_start(number, unit) for number in range(first, last + 1)), assigned)


def _start(number: int, unit: Unit) -> str:
    day = np.datetime64(number * 7 - _THURSDAY, "D") if unit == "week" else np.datetime64(number, "M")
    return str(day.astype("datetime64[D]"))


def _without_strays(
    numbers: npt.NDArray[np.int64], known: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Drop dates beyond the widest gap, repeatedly, while they are strays."""
    while len(numbers) > 1:
        ordered = np.sort(numbers)
        gap = int(np.argmax(np.diff(ordered)))
        low, high = ordered[: gap + 1], ordered[gap + 1 :]
        many, few = (low, high) if len(low) > len(high) else (high, low)
        is_wide = ordered[gap + 1] - ordered[gap] > many[-1] - many[0]
        if len(few) > _MAX_STRAY_SHARE * len(numbers) or not is_wide:
            break
        kept = (numbers >= many[0]) & (numbers <= many[-1])
        numbers, known = numbers[kept], known[kept]
    return numbers, known
