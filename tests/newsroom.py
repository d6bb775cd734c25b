"""Shared by the tests: a few articles, files of articles, and a fresh Python process."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

import topics
from topics.config import Config, Reporting, Topics
from topics.corpus import Corpus
from topics.reports.topic_report import TopicReport
from topics.training.job import TrainingJob
from topics.types import Article, Labels, Reject
from topics.versions.registry import Registry

SOURCE = Path(topics.__file__).parent
"""The package under test."""
PROJECT = Path(__file__).parents[1]

SNOW = {"id": "1", "title": "Снег", "text": "Снегопад закрыл перевал"}
FERRY = {"id": "2", "title": "Паром", "text": "Паром встал на ремонт"}
BRIDGE = {"id": "3", "title": "Мост", "text": "Мост открыли раньше срока"}

STEEL = "Завод в Магнитогорске увеличил выплавку стали и запустил новую линию проката."
BANK = "Банк России поднял ключевую ставку, инфляция выросла, кредиты подорожали."
HOTEL = "Турпоток вырос: туристы бронируют отели, туроператоры открыли новые маршруты."
HOSTILE = "</script><script>document.title = 'caught'</script><img src=x onerror=alert(1)>\"'&<!--\u2028"
CAT = "Кошка сняла с дерева пожарного."


def varied(text: str, seed: int) -> str:
    """Shuffle the words of a text, so that it does not count as a near-duplicate."""
    words = text.split()
    return " ".join(random.Random(seed).sample(words, len(words)))


def write(path: Path, *rows: object) -> Path:
    """Write JSON Lines; strings are written unchanged."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def all_of(corpus: Corpus, size: int = 2000) -> tuple[list[Article], list[Reject]]:
    batches = list(corpus.batches(size))
    return [a for batch in batches for a in batch.articles], [r for batch in batches for r in batch.rejects]


def known(*rubrics: str, unknown: tuple[str, ...] = ()) -> Labels:
    return Labels(frozenset(rubrics), frozenset(unknown))


class Ran(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


def python(*arguments: str, stdin: str = "", cwd: Path | None = None) -> Ran:
    """Run a fresh Python that finds the package under test."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE.parent), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, *arguments],
        input=stdin,
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def train_topics(folder: Path, sources: Sequence[Path], **reporting: Any) -> None:
    """Train a version of eight topics."""
    config = Config(report=Reporting(**reporting), topics=Topics(settings={"num_topics": 8}))
    corpus = Corpus(sources)
    TrainingJob(corpus, config, Registry(folder)).train_topics()


def hostile(report: TopicReport) -> TopicReport:
    """The same report, with HTML injected wherever text comes from articles or editors."""
    topics = tuple(
        replace(
            sheet,
            name=f"{HOSTILE} {sheet.id}",
            articles=tuple(replace(one, title=HOSTILE, outlet=HOSTILE) for one in sheet.articles),
            rubrics={HOSTILE: 0.5},
        )
        for sheet in report.topics
    )
    return replace(report, topics=topics, words=tuple(f"{word}{HOSTILE}" for word in report.words))
