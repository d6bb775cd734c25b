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
    """Open model, words, activity, profile and report, as far as the version has them.

    Raises:
        ModelError: a file is damaged, or files do not fit together.
    """
    model = open_either(folder)
    words.load(folder)
    activity.load(folder)
    if profile.exists(folder):
        profile.load(folder)
    if (folder / "report.json").exists():
        (pages if isinstance(model, Pipeline) else topic_pages).load(folder)
