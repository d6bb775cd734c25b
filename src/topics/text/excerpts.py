"""Short excerpts of texts."""

from __future__ import annotations


def excerpt(text: str, most: int) -> str:
    """Return the first words of a text on one line, with " …" in place of the rest.

    Args:
        text: of any length; only its first `2 * most` characters are read.
        most: largest length of the result, without " …".
    """
    beginning = " ".join(text[: 2 * most].split())
    return beginning if len(beginning) <= most else beginning[:most].rsplit(" ", 1)[0] + " …"
