"""A corpus as training needs it: tokens and what is known of them; no text stays in memory."""

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
    """All articles of a corpus, in its order."""

    cleaner: Cleaner
    tokens: TokenBatch
    labels: list[Labels | None]
    origins: list[tuple[str, str]]
    """Outlet and day of each article."""
    places: npt.NDArray[np.int64]
    """The place of each article in the corpus, from 0; see `Corpus.pick`."""
    facts: CorpusFacts
    rejects: list[Reject]
    words: Words
    """Forms met again and again, to be kept beside what is learned."""
    created: str
    """When the work began, UTC, ISO 8601."""

    def choose(self, rows: npt.NDArray[np.int64]) -> Material:
        """Take some of the articles, in the order given."""
        return self._replace(
            tokens=take(self.tokens, rows),
            labels=[self.labels[row] for row in rows],
            origins=[self.origins[row] for row in rows],
            places=self.places[rows],
        )
