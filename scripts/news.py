"""The real news that the measurements read. It is never copied into the project.

Its folder is named by TOPICS_NEWS_DATA, else it is `../shared/data` beside the checkout.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

from topics.types import Article

ROOT = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """Find the news folder, or leave and say what to set."""
    found = Path(os.environ.get("TOPICS_NEWS_DATA") or ROOT.parent / "shared" / "data")
    if not found.is_dir():
        sys.exit("no news folder: set TOPICS_NEWS_DATA")
    return found


def rows(name: str) -> list[dict[str, Any]]:
    """Read `NAME.jsonl.gz` whole."""
    with gzip.open(folder() / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def articles(name: str) -> list[Article]:
    """Read `NAME.jsonl.gz` as articles without labels."""
    return [
        Article(str(row["id"]), row["text"] or "", row["title"] or "", outlet=row["source"] or "")
        for row in rows(name)
    ]
