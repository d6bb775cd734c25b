"""The demonstration corpus, of a checkout or of an installed package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from topics.errors import DataError


def _demo() -> Path:
    """Return the folder of the demonstration corpus: inside an installed package, or beside `src`."""
    candidates = [Path(str(resources.files("topics"))) / "demo", Path(__file__).parents[3] / "data" / "demo"]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise DataError(f"the demonstration corpus is not in {candidates[0]}; install the package again")


def embedded() -> list[Path]:
    """Return the files of the demonstration corpus: five outlets, 100 articles each, all labelled."""
    return sorted(_demo().glob("*.jsonl"))


def embedded_inbox() -> Path:
    """Return the file of unlabelled articles that come with the demonstration corpus.

    Raises:
        DataError: it is not installed.
    """
    path = _demo() / "inbox" / "inbox.jsonl"
    if not path.is_file():
        raise DataError(f"the demonstration inbox is not at {path}; install the package again")
    return path
