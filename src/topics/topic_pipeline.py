"""The versioned pipeline of topics: cleaning, tokenization and topic model in one; see `pipeline`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from topics import persistence, plugins
from topics.estimator import TopicModel
from topics.pipeline import Pipeline, load_cleaner, read, save_cleaner, settings_of
from topics.text.cleaning import Cleaner
from topics.types import Article, Score, TokenBatch, Topic
from topics.versions.integrity import read_manifest

TOP = 5
"""Largest number of topics reported per article."""
LEAST = 0.05
"""Smallest share of a topic that is reported."""


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    topic_model: str


class TopicPipeline:
    """Articles in, shares of topics out."""

    def __init__(self, cleaner: Cleaner, model: TopicModel, kind: str = "lda") -> None:
        self.cleaner = cleaner
        self.model = model
        self.kind = kind

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics, in the order of the model."""
        return self.model.topics

    @property
    def names(self) -> tuple[str, ...]:
        """Unique display names of the topics: the name, or the label if there is none."""
        names = [topic.name or topic.label for topic in self.topics]
        times = Counter(names)
        return tuple(
            name if times[name] == 1 else f"{name} ({topic.id})"
            for name, topic in zip(names, self.topics, strict=True)
        )

    def named(self, names: Mapping[int, str]) -> Self:
        """Return the pipeline with topics renamed; see `TopicModel.named`."""
        return type(self)(self.cleaner, self.model.named(names), self.kind)

    def read(self, articles: Sequence[Article]) -> TokenBatch:
        """Clean and tokenize articles."""
        return read(self.cleaner, articles)

    def top(self, shares: npt.NDArray[np.float32]) -> list[tuple[Score, ...]]:
        """Return the top topics of each article with their shares; none for an article without known words.

        Args:
            shares: (articles, topics), see `TopicModel.transform`.
        """
        order = np.argsort(-shares, axis=1, kind="stable")[:, :TOP]
        best = np.take_along_axis(shares, order, axis=1).astype(float).round(4).tolist()
        names = self.names
        return [
            tuple([Score(names[k], share) for k, share in zip(ks, values, strict=True) if share >= LEAST])
            for ks, values in zip(order.tolist(), best, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write plain files into an existing folder."""
        persistence.write_struct(folder / "pipeline.json", _Saved(self.kind))
        save_cleaner(self.cleaner, folder)
        self.model.save(folder)

    @classmethod
    def load(cls, folder: Path, names: Mapping[int, str] = MappingProxyType({})) -> Self:
        """Read what `save` wrote; `names` are given by editors, id -> name.

        Raises:
            ModelError: a file is missing, damaged or of another kind.
        """
        kind = persistence.read_struct(folder / "pipeline.json", _Saved).topic_model
        with settings_of(folder):
            model = plugins.TOPIC_MODELS.load(kind)
        return cls(load_cleaner(folder), model.load(folder).named(names), kind)


def open_either(folder: Path) -> Pipeline | TopicPipeline:
    """Open a version of rubrics or of topics, according to its manifest.

    Raises:
        ModelError: a file is missing, damaged or of another kind.
    """
    kind = Pipeline if read_manifest(folder).topics is None else TopicPipeline
    return kind.load(folder)
