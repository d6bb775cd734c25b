"""Shared by the tests of archive jobs: archives with every kind of problem, and taggers that crash."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from newsroom import BANK, CAT, HOTEL, STEEL
from topics.archive.job import ScoringOptions
from topics.archive.scoring import score
from topics.archive.writers import writing
from topics.corpus import Corpus
from topics.tagger import OnBatch, Tagger, TaggerRef
from topics.types import Article, Prediction, Reject

TEXTS = (STEEL, BANK, HOTEL, CAT)
SHARD = 4_000
"""Bytes per shard in these tests, about ten articles."""


def rows(first: int, count: int) -> list[dict[str, object]]:
    """Numbered articles; every seventh has the id of an earlier one."""
    return [
        {
            "id": str(n // 2 if n % 7 == 0 else n),
            "title": f'Новость; "№ {n}"',
            "text": f"{TEXTS[n % 4]} {n}\nИ ещё.",
        }
        for n in range(first, first + count)
    ]


def lines(found: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found)


def mixed(folder: Path) -> Path:
    """Write JSON Lines (one with bad rows and rows without ids), Parquet, CSV and a packed file."""
    folder.mkdir()
    broken = [line if n % 9 else "{broken" for n, line in enumerate(lines(rows(0, 60)).splitlines())]
    nameless = lines([{"text": f"{BANK} {n}"} for n in range(40)])
    (folder / "а.jsonl").write_text("\n".join(broken) + "\n\n" + nameless, encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows(50, 40)), folder / "б.parquet", row_group_size=7)
    with (folder / "в.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, ["id", "title", "text"])
        table.writeheader()
        table.writerows(rows(80, 30))
    (folder / "г.jsonl.gz").write_bytes(gzip.compress(lines(rows(100, 30)).encode(), mtime=0))
    for n in range(5):
        (folder / f"д{n}.jsonl").write_text(lines(rows(200 + n, 2)), encoding="utf-8")
    return folder


def scoring_options(output: Path, suffix: str = ".jsonl", **options: object) -> ScoringOptions:
    rejects = output.parent / f"{output.name}.rejects.jsonl"
    return ScoringOptions(output, output.suffix or suffix, rejects, **{"shard_size": SHARD} | options)


def score_without_shards(
    source: Path, tagger: Tagger, output: Path, keep: tuple[str, ...] = ()
) -> list[Reject]:
    """Write the expected output of an archive, without shards."""
    rejects: list[Reject] = []
    with writing(output, keep, topics=bool(tagger.topics)) as write:
        score(Corpus(source, keep=keep), tagger, write, rejects.append)
    return rejects


class LethalTaggerRef(NamedTuple):
    """Loads a tagger that kills its process at a word, as the system does when memory runs out."""

    stored: TaggerRef
    word: str

    def load(self) -> Tagger:
        return _LethalTagger(self.stored.load(), self.word)  # type: ignore[return-value]


class _LethalTagger:
    def __init__(self, tagger: Tagger, word: str) -> None:
        self.word = word
        self.manifest, self.versions, self.topics = tagger.manifest, tagger.versions, tagger.topics
        self.tag = tagger.tag_articles

    def tag_articles(self, articles: list[Article], on_batch: OnBatch) -> list[Prediction]:
        if any(self.word in article.text for article in articles):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.tag(articles, on_batch)


def die_at(moment: int, counter: Path, watched: str) -> None:
    """Kill this process at the `moment`th file access of all processes that share the counter.

    Only paths that match the pattern `watched` count.
    """

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        touches = event in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
        within = (
            event in {"os.remove", "os.rmdir"} and arguments[-1] != -1
        )  # rmtree removes relative to a descriptor
        if within or (touches and re.search(watched, str(arguments[0]))):
            with_append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            descriptor = os.open(counter, with_append)
            os.write(descriptor, b".")
            count = os.fstat(descriptor).st_size
            os.close(descriptor)
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


class MortalTaggerRef(NamedTuple):
    """Loads a tagger in a worker that is killed at a moment; see `die_at`."""

    stored: TaggerRef
    moment: int
    counter: Path
    watched: str

    def load(self) -> Tagger:
        die_at(self.moment, self.counter, self.watched)
        return self.stored.load()
