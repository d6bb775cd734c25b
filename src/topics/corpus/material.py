"""A corpus prepared for training: tokens, labels and facts, without texts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topics.text.cleaning import Cleaner
from topics.text.tokens import take
from topics.text.words import Words
from topics.types import Labels, Reject, TokenBatch
from topics.versions.manifest import CorpusFacts


class Material(NamedTuple):
    """The articles of a corpus, in order."""

    cleaner: Cleaner
    tokens: TokenBatch
    labels: list[Labels | None]
    origins: list[tuple[str, str]]
    """Outlet and day of each article."""
    places: npt.NDArray[np.int64]
    """Row number of each article in the corpus, from 0; see `Corpus.pick`."""
    facts: CorpusFacts
    rejects: list[Reject]
    words: Words
    """The most frequent forms with their lemmas, to be stored with a version."""
    created: str
    """When preparation began, UTC, ISO 8601."""

    def choose(self, rows: npt.NDArray[np.int64]) -> Material:
        """Select articles by row numbers, in the order given."""
        return self._replace(
            tokens=take(self.tokens, rows),
            labels=[self.labels[row] for row in rows],
            origins=[self.origins[row] for row in rows],
            places=self.places[rows],
        )
