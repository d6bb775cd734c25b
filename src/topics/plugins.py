"""Tables of readers, classifiers and topic models by name; each is imported when it is first used.

Other packages can add to them by entry points (`topics.readers`, `topics.classifiers`,
`topics.topic_models`) with values like those below. Names defined here take precedence, so that no
installed package can replace one unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from topics.errors import UsageError, listed


class Table:
    """Implementations of one kind: name -> `module:attribute`."""

    def __init__(self, kind: str, own: dict[str, str]) -> None:
        self.kind = kind
        self.own = own

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names defined here; entry points are slow to list and read by `load` only."""
        return iter(self.own)

    def __contains__(self, name: str) -> bool:
        """Return whether a name is defined here."""
        return name in self.own

    def load(self, name: str) -> Any:
        """Import and return an implementation.

        Raises:
            UsageError: the name is unknown.
        """
        address = self.own.get(name) or self._entry_points().get(name)
        if address is None:
            known = listed({*self.own, *self._entry_points()})
            raise UsageError(f"unknown {self.kind} {name!r}; known: {known}")
        module, _, attribute = address.partition(":")
        return getattr(import_module(module), attribute)

    def _entry_points(self) -> dict[str, str]:
        return {
            point.name: point.value for point in entry_points(group=f"topics.{self.kind.replace(' ', '_')}s")
        }


READERS = Table(
    "reader",
    {
        "jsonl": "topics.readers.jsonl:FORMAT",
        "csv": "topics.readers.csv:FORMAT",
        "tsv": "topics.readers.csv:FORMAT",
        "parquet": "topics.readers.parquet:FORMAT",
    },
)
CLASSIFIERS = Table("classifier", {"linear": "topics.classifiers.linear:LinearClassifier"})
TOPIC_MODELS = Table("topic model", {"lda": "topics.topic_models.lda:LdaModel"})
