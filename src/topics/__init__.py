"""Rubric tagging and topic modelling for Russian-language newsrooms.

>>> from topics import Tagger
>>> tagger = Tagger.load("models")
>>> tagger.tag("Цены на бензин выросли на 3%").rubrics
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topics.errors import DataError, ModelError, ModelWarning, NotFittedError, TopicsError, UsageError
    from topics.tagger import Tagger
    from topics.types import Article, Explanation, Labels, Prediction, Reason, Score, Topic

__version__ = "0.1.0"

# name -> room. Found on first use (PEP 562), so that `import topics` costs nothing.
_ROOMS = {
    "Article": "types",
    "DataError": "errors",
    "Explanation": "types",
    "Labels": "types",
    "ModelError": "errors",
    "ModelWarning": "errors",
    "NotFittedError": "errors",
    "Prediction": "types",
    "Reason": "types",
    "Score": "types",
    "Tagger": "tagger",
    "Topic": "types",
    "TopicsError": "errors",
    "UsageError": "errors",
}

__all__ = [
    "Article",
    "DataError",
    "Explanation",
    "Labels",
    "ModelError",
    "ModelWarning",
    "NotFittedError",
    "Prediction",
    "Reason",
    "Score",
    "Tagger",
    "Topic",
    "TopicsError",
    "UsageError",
]


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module 'topics' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"topics.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
