"""Phrases and formats of numbers in Russian and English, from `templates/ru.toml` and `templates/en.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib import resources

from topics.errors import UsageError, listed

LANGUAGES = ("ru", "en")


class Words:
    """Phrases of one section in one language: `words("missing", rubric="tourism")`."""

    def __init__(self, phrases: dict[str, str], language: str) -> None:
        self.phrases = phrases
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """Return a phrase with its placeholders filled in."""
        return self.phrases[key].format(**values)

    def number(self, value: float | None, digits: int = 2) -> str:
        """Format as `0,81` in Russian, `0.81` in English; a dash for None."""
        if value is None:
            return "—"
        return self._local(f"{value:.{digits}f}")

    def share(self, value: float | None, digits: int = 0) -> str:
        """Format a share as `81 %` in Russian, `81%` in English; a dash for None."""
        if value is None:
            return "—"
        return self._local(f"{100 * value:.{digits}f}") + ("\u00a0%" if self.language == "ru" else "%")

    def span(self, low: float | None, high: float | None) -> str:
        """Format an interval as `78–86 %` in Russian, `78–86%` in English; empty for None."""
        return "" if low is None or high is None else f"{100 * low:.0f}–{self.share(high)}"

    def moment(self, iso: str) -> str:
        """Format a time as `23.11.2026 23:13 UTC` in Russian, `2026-11-23 23:13 UTC` in English."""
        pattern = "%d.%m.%Y %H:%M" if self.language == "ru" else "%Y-%m-%d %H:%M"
        return f"{datetime.fromisoformat(iso):{pattern}} UTC"

    def day(self, iso: str) -> str:
        """Format a day or a month as `23.11.2026` in Russian, `2026-11-23` in English."""
        return ".".join(reversed(iso.split("-"))) if self.language == "ru" else iso

    def count(self, value: int) -> str:
        """Format a count as `20 768` in Russian, `20,768` in English."""
        return f"{value:,}".replace(",", "\u202f") if self.language == "ru" else f"{value:,}"

    def quoted(self, names: Sequence[str]) -> str:
        """Quote and join names: `«economy», «tourism»` in Russian, `“economy”, “tourism”` in English."""
        left, right = "«»" if self.language == "ru" else "“”"
        return ", ".join(f"{left}{name}{right}" for name in names)

    def _local(self, number: str) -> str:
        return (
            number.replace(".", ",").replace("-", "−") if self.language == "ru" else number.replace("-", "−")
        )


def words(section: str, language: str) -> Words:
    """Return the phrases of a section.

    Raises:
        UsageError: there is no such language.
    """
    if language not in LANGUAGES:
        raise UsageError(f"unknown language {language!r}; known: {listed(LANGUAGES)}")
    return Words(_phrases(language)[section], language)


@cache
def _phrases(language: str) -> dict[str, dict[str, str]]:
    path = resources.files("topics.reports") / "templates" / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
