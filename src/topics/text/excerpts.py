"""The beginning of a text, where there is no room for all of it."""

from __future__ import annotations


def excerpt(text: str, most: int) -> str:
    """Return the first words of a text on one line, with " …" in place of the rest.

    Args:
        text: of any length; only the first `2 * most` characters are looked at.
        most: characters to keep, apart from " …".
    """
    beginning = " ".join(text[: 2 * most].split())
    return beginning if len(beginning) <= most else beginning[:most].rsplit(" ", 1)[0] + " …"
