"""Opening of all files of a version, including those that are not needed for predictions."""

from __future__ import annotations

from pathlib import Path

from topics.drift import profile
from topics.pipeline import Pipeline
from topics.reports import pages, topic_pages
from topics.text import words
from topics.topic_pipeline import open_either
from topics.trends import activity


def open_all(folder: Path) -> None:
    """Open model, words, profile and report of a version, and the activity of topics.

    Raises:
        ModelError: a file is missing or damaged, or files do not fit together.
    """
    model = open_either(folder)
    words.load(folder)
    profile.load(folder)
    if isinstance(model, Pipeline):
        pages.load(folder)
    else:
        activity.load(folder)
        topic_pages.load(folder)
