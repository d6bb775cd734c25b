"""The library's door for a CMS: one article, or many, and the reasons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from topics.errors import UsageError, listed
from topics.manifest import Manifest
from topics.pipeline import Pipeline
from topics.registry import Registry, Version
from topics.types import Article, Explanation, Prediction

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 2_000


class Tagger:
    """Tags articles by one version. Safe to share among threads: it never changes.

    >>> tagger = Tagger.load("models")
    >>> tagger.tag("Завод запустил новую линию проката", title="Пуск на комбинате").rubrics
    (Score(label='industry', value=0.97),)
    """

    def __init__(self, pipeline: Pipeline, version: Version) -> None:
        self._pipeline = pipeline
        self.version = version

    @classmethod
    def load(cls, models: Path | str = "models", rubrics: str = "rubrics") -> Self:
        """Open a version, every byte of it checked.

        Args:
            models: folder of the trained versions.
            rubrics: `NAME` (alias `production` if it is set, else `latest`), `NAME@ALIAS` or `NAME/VERSION`.

        Raises:
            ModelError: there is no such version, or it is damaged.
        """
        version = Registry(models).open(rubrics)
        return cls(Pipeline.load(version.folder), version)

    @property
    def versions(self) -> tuple[Version, ...]:
        """Every version that an answer depends on."""
        return (self.version,)

    @property
    def manifest(self) -> Manifest:
        """What is known of the version: rubrics, figures, corpus, configuration."""
        return self.version.manifest

    def tag(self, text: str, title: str = "", outlet: str = "", id: str = "") -> Prediction:  # noqa: A002
        """Tag one article. HTML, datelines and the like are cleaned away; an empty text is no error."""
        return self.tag_articles([Article(id, text, title, outlet=outlet)])[0]

    def tag_articles(self, articles: list[Article]) -> list[Prediction]:
        """Tag articles, in order. Memory grows with their number: give some thousand at a time."""
        return self._pipeline.predict(articles, self.version.label)

    def tag_many(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Tag a table with columns `text` and, as far as there are, `title`, `outlet`, `id`.

        Returns:
            A DataFrame on the same index with columns `rubrics` (list of names, best first), `scores` (rubric
            -> probability), `needs_review` and `model`.

        Raises:
            UsageError: there is no column `text`.
        """
        import pandas as pd

        if "text" not in frame:
            raise UsageError(f"the table has no column 'text'; it has {listed(frame.columns)}")
        predictions = [prediction for batch in _articles(frame) for prediction in self.tag_articles(batch)]
        columns = {
            "rubrics": [[score.label for score in prediction.rubrics] for prediction in predictions],
            "scores": [prediction.scores for prediction in predictions],
            "needs_review": [prediction.needs_review for prediction in predictions],
            "model": [prediction.model for prediction in predictions],
        }
        return pd.DataFrame(columns, index=frame.index)

    def explain(self, text: str, rubric: str, title: str = "", outlet: str = "") -> Explanation:
        """Say which words of an article speak for a rubric and which against it, and where they stand.

        Raises:
            UsageError: the version knows no such rubric.
        """
        return self._pipeline.explain(Article("", text, title, outlet=outlet), rubric, self.version.label)


class Stored(NamedTuple):
    """A tagger by name, for a process that is to open it itself: arrays are mapped, not sent."""

    models: str
    rubrics: str

    def load(self) -> Tagger:
        """Open it."""
        return Tagger.load(self.models, self.rubrics)


def _articles(frame: pd.DataFrame) -> Iterator[list[Article]]:
    """Turn a table into batches of articles; a missing value is an empty string."""
    blank = [""] * len(frame)
    names = ("id", "text", "title", "outlet")
    columns = [frame[name].fillna("").astype(str) if name in frame else blank for name in names]
    rows = [
        Article(name, text, title, outlet=outlet) for name, text, title, outlet in zip(*columns, strict=True)
    ]
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]
