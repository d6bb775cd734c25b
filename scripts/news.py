"""Read the real news used by the measurements. It is not part of the project and is never copied into it.

The folder is TOPICS_NEWS_DATA, by default `../shared/data` beside the checkout.
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
    """Return the news folder; exit with a message if there is none."""
    found = Path(os.environ.get("TOPICS_NEWS_DATA") or ROOT.parent / "shared" / "data")
    if not found.is_dir():
        sys.exit(f"no news folder at {found}: set TOPICS_NEWS_DATA")
    return found


def rows(name: str) -> list[dict[str, Any]]:
    """Read all of `NAME.jsonl.gz`."""
    with gzip.open(folder() / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def articles(name: str) -> list[Article]:
    """Read `NAME.jsonl.gz` as articles without labels."""
    return [
        Article(str(row["id"]), row["text"] or "", row["title"] or "", outlet=row["source"] or "")
        for row in rows(name)
    ]
