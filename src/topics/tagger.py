"""The entry point of the library: tag one article or many, and explain the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from msgspec.structs import replace

from topics.drift.readings import Readings, of_rubrics, of_topics
from topics.errors import UsageError, listed
from topics.lifecycle.naming import open_topics
from topics.pipeline import Pipeline, telling
from topics.topic_pipeline import TopicPipeline
from topics.types import Article, Explanation, Prediction, TokenBatch, Topic
from topics.versions.manifest import Manifest
from topics.versions.registry import Registry, Version

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 2_000
_COLUMNS = ("id", "text", "title", "outlet", "source")
OnBatch = Callable[[Version, Sequence[Article], TokenBatch, Readings], None]


class Tagger:
    """Tags articles with a version of rubrics, of topics or both. Immutable, so it can be shared by threads.

    >>> tagger = Tagger.load("models")
    >>> tagger.tag("Завод запустил новую линию проката", title="Пуск на комбинате").rubrics
    (Score(label='industry', value=0.97),)
    """

    def __init__(
        self, pipeline: Pipeline | None, version: Version, topics: tuple[TopicPipeline, Version] | None = None
    ) -> None:
        """Take opened versions; use `load` instead. Without rubrics, `version` is that of the topics."""
        self._pipeline = pipeline
        self.version = version._replace(folder=version.folder.absolute())  # the working folder may change
        self._topics = topics
        alike = pipeline and topics and topics[0].cleaner == pipeline.cleaner
        self._reads_twice = not alike  # versions that clean differently

    @classmethod
    def load(
        cls,
        models: Path | str = "models",
        rubrics: str | Literal[False] | None = None,
        topics: str | Literal[False] | None = None,
    ) -> Self:
        """Open a version of rubrics, of topics or both; every byte is checked.

        Args:
            models: folder of the versions.
            rubrics: `NAME` (alias `production` if it is set, else `latest`), `NAME@ALIAS` or `NAME/VERSION`;
                None: the model `rubrics`, unless there are only `topics`; False: without rubrics.
            topics: the same; None: the model `topics` if there is one; False: without topics.

        Raises:
            ModelError: a version does not exist or is damaged.
            UsageError: both are False, or a version is of the other kind.
        """
        registry = Registry(models)
        if topics is None:
            topics = registry.knows("topics") and "topics"
        if rubrics is None:
            rubrics = (not topics or registry.knows("rubrics")) and "rubrics"
        pair = open_topics(registry, topics) if topics else None
        if not rubrics:
            if pair is None:
                raise UsageError("neither rubrics nor topics: name a version of one of them")
            return cls(None, pair[1], pair)
        return cls(*registry.open_with(rubrics, _load_rubrics), pair)

    def named(self, names: Mapping[int, str]) -> Tagger:
        """Return a tagger with topics renamed, id -> name; an empty name restores the label."""
        topics = (self._topics[0].named(names), self._topics[1]) if self._topics else None
        return Tagger(self._pipeline, self.version, topics)

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions used, of rubrics and of topics."""
        rubrics = (self.version,) if self._pipeline else ()
        return (*rubrics, self._topics[1]) if self._topics else rubrics

    @property
    def manifest(self) -> Manifest:
        """Metadata of the version: rubrics, metrics, corpus, configuration."""
        return self.version.manifest

    @property
    def rubrics(self) -> tuple[str, ...]:
        """Names of the rubrics; empty without a version of rubrics."""
        return self._pipeline.rubrics if self._pipeline else ()

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics; empty without a version of topics."""
        return self._topics[0].topics if self._topics else ()

    def tag(
        self,
        text: str,
        title: str | None = "",
        outlet: str | None = "",
        id: str = "",  # noqa: A002 - what a CMS calls it
    ) -> Prediction:
        """Tag one article. HTML, datelines and the like are removed; an empty text is allowed.

        Raises:
            TypeError: the text is not a str.
        """
        return self.tag_articles([_article(text, title, outlet, id)])[0]

    def tag_articles(self, articles: list[Article], on_batch: OnBatch | None = None) -> list[Prediction]:
        """Tag articles, in order; a few thousand at a time, since memory grows with their number.

        `on_batch` is called for each version with the articles, their tokens and the answers.
        """
        tokens = None
        if self._pipeline is None:
            predictions = [Prediction(article.id, (), {}, False, "") for article in articles]
        else:
            tokens = self._pipeline.read(articles)
            judgement = self._pipeline.judge(tokens)
            if on_batch:
                on_batch(self.version, articles, tokens, of_rubrics(judgement, self._pipeline.rubrics))
            predictions = self._pipeline.predict(articles, self.version.label, judgement)
        if self._topics is None:
            return predictions
        pipeline, version = self._topics
        if tokens is None or self._reads_twice:
            tokens = pipeline.read(articles)
        shares = pipeline.model.transform(tokens)
        if on_batch:
            on_batch(version, articles, tokens, of_topics(shares, pipeline.topics))
        return [
            replace(prediction, topics=topics, topic_model=version.label)
            for prediction, topics in zip(predictions, pipeline.top(shares), strict=True)
        ]

    def tag_many(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Tag a table with columns `text`, `title` or both; `outlet` and `id` are used if present.

        As in files, `source` is used for a missing `outlet`.

        Returns:
            A DataFrame with the same index and the columns `rubrics` (list of names, most likely first),
            `scores` (rubric -> probability), `needs_review` and `model`; with a version of topics also
            `topics` (name -> share, largest first) and `topic_model`.

        Raises:
            TypeError: not a DataFrame, or its columns have several levels, or a text is not a str.
            UsageError: there is neither `text` nor `title`, or two columns have the same name.
        """
        import pandas as pd

        if not isinstance(frame, pd.DataFrame):
            raise TypeError(
                f"tag_many takes a DataFrame, not {type(frame).__name__}: pandas.DataFrame({{'text': texts}})"
            )
        if frame.columns.nlevels > 1:
            raise TypeError(
                "the columns of the table have several levels; keep one: frame.droplevel(1, axis=1)"
            )
        if "text" not in frame and "title" not in frame:
            raise UsageError(f"the table has no column 'text'; it has {listed(frame.columns)}")
        if twice := frame.columns[frame.columns.duplicated()].intersection(list(_COLUMNS)).tolist():
            raise UsageError(f"two columns of the table are called {twice[0]!r}; rename one of them")
        predictions = [prediction for batch in _articles(frame) for prediction in self.tag_articles(batch)]
        columns: dict[str, list[Any]] = {
            "rubrics": [[score.label for score in prediction.rubrics] for prediction in predictions],
            "scores": [prediction.scores for prediction in predictions],
            "needs_review": [prediction.needs_review for prediction in predictions],
            "model": [prediction.model for prediction in predictions],
        }
        if self._topics:
            columns["topics"] = [
                {topic.label: topic.value for topic in prediction.topics} for prediction in predictions
            ]
            columns["topic_model"] = [prediction.topic_model for prediction in predictions]
        return pd.DataFrame(columns, index=frame.index)

    def explain(self, text: str, rubric: str, title: str | None = "", outlet: str | None = "") -> Explanation:
        """Explain which words of an article count for a rubric and which against it, with their positions.

        Raises:
            TypeError: the text is not a str.
            UsageError: the version does not have this rubric.
        """
        if self._pipeline is None:
            raise UsageError(f"{self.version.label} is a version of topics; only rubrics can be explained")
        return self._pipeline.explain(_article(text, title, outlet), rubric, self.version.label)

    def because(
        self, text: str, rubric: str, title: str | None = "", outlet: str | None = "", most: int = 4
    ) -> list[str]:
        """Return the words that speak most for a rubric, as a CMS shows them beside it.

        Forms of a word, such as «рынок» and «рынка», count as one, and prepositions are left out; `explain`
        has all words, those against the rubric, and their places.

        Raises:
            TypeError: the text is not a str.
            UsageError: the version does not have this rubric.
        """
        return telling(self.explain(text, rubric, title, outlet), 1, most)

    def __repr__(self) -> str:
        """Name the versions: `<Tagger rubrics/20261123T051511Z-d53d6c>`."""
        return f"<Tagger {', '.join(version.label for version in self.versions)}>"

    def __reduce__(self) -> tuple[Callable[[TaggerRef], Tagger], tuple[TaggerRef]]:
        """Pickle by reference: the other process opens and checks the versions again."""
        return TaggerRef.load, (TaggerRef.of(self, self.version.folder.parents[1]),)


class TaggerRef(NamedTuple):
    """A reference to a tagger, for other processes: they map its files instead of receiving arrays."""

    models: str
    rubrics: str | None
    topics: str | None = None
    names: tuple[tuple[int, str], ...] = ()
    """Names of topics, fixed here because an editor may change them while a job runs."""

    @classmethod
    def of(cls, tagger: Tagger, models: Path | str) -> Self:
        """Refer to the exact versions of a tagger, since an alias may move while a job runs."""
        by_kind = {version.manifest.topics is None: version.label for version in tagger.versions}
        names = tuple((topic.id, topic.name) for topic in tagger.topics)
        return cls(str(Path(models).absolute()), by_kind.get(True), by_kind.get(False), names)

    def load(self) -> Tagger:
        """Open the versions."""
        return Tagger.load(self.models, self.rubrics or False, self.topics or False).named(dict(self.names))


def _load_rubrics(version: Version) -> tuple[Pipeline, Version]:
    version.manifest.rubric_metrics()  # raises UsageError for topics
    return Pipeline.load(version.folder), version


def _article(text: str, title: str | None, outlet: str | None, id: str = "") -> Article:  # noqa: A002
    """Make an article; title and outlet may be None."""
    given = {"text": text, "title": _or_none(title), "outlet": _or_none(outlet), "id": id}
    for name, value in given.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    return Article(id, given["text"], given["title"], outlet=given["outlet"])


def _or_none(value: str | None) -> str:
    return "" if value is None else value


def _strings(frame: pd.DataFrame, name: str) -> list[str]:
    """Convert a column to text: missing values to "", and 7.0, from a column with gaps, to 7.

    Raises TypeError for a text or title that is not a str, such as bytes or a list of paragraphs.
    """
    if name not in frame:
        return [""] * len(frame)
    present = frame[name].notna().tolist()
    values = [value if there else "" for value, there in zip(frame[name].tolist(), present, strict=True)]
    if name in ("text", "title"):
        for row, value in enumerate(values):
            if not isinstance(value, str):
                raise TypeError(f"row {row}: {name} must be a str, not {type(value).__name__}")
    return [str(int(one)) if isinstance(one, float) and one.is_integer() else str(one) for one in values]


def _articles(frame: pd.DataFrame) -> Iterator[list[Article]]:
    """Yield the rows of a table as batches of articles."""
    columns = [_strings(frame, name) for name in _COLUMNS]
    rows = [
        Article(name, text, title, outlet=outlet or source)
        for name, text, title, outlet, source in zip(*columns, strict=True)
    ]
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]
