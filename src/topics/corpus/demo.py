"""The demonstration corpus: in a checkout and in an installed package alike."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from topics.errors import DataError


def _demo() -> Path:
    """Return where the demonstration corpus lies: inside an installed package, beside `src` in a checkout."""
    places = [Path(str(resources.files("topics"))) / "demo", Path(__file__).parents[3] / "data" / "demo"]
    for place in places:
        if place.is_dir():
            return place
    raise DataError(f"the demonstration corpus is not in {places[0]}; install the package again")


def embedded() -> list[Path]:
    """Return the files of the demonstration corpus: five outlets, 100 articles each, all labelled."""
    return sorted(_demo().glob("*.jsonl"))


def embedded_inbox() -> Path:
    """Return the file of unlabelled articles that come with the demonstration corpus.

    Raises DataError if it is not installed.
    """
    path = _demo() / "inbox" / "inbox.jsonl"
    if not path.is_file():
        raise DataError(f"the demonstration inbox is not at {path}; install the package again")
    return path
