"""Measure scoring and training at scale: rate, memory, overhead.

    TOPICS_NEWS_DATA=news python scripts/bench_archive.py rate --articles 200000
    python scripts/bench_archive.py memory
    python scripts/bench_archive.py training --articles 1000000
    python scripts/bench_archive.py dask

`rate` scores real articles (rubrics, unlabelled and rbc2020, repeated under other ids) with 1 and 2 workers
and lets fastText (supervised, bigrams, trained on the same labels, one thread) predict the same file, turn by
turn, so that a busy machine is busy for both; the least of several turns counts. `memory` scores 0.1, 1 and 3
million short made-up articles. `training` learns from a million. `dask` compares a cluster of two processes
on this machine with two of loky. Results go to stdout as JSON, a line each.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil

from topics.corpus import embedded

NEWS = Path(os.environ.get("TOPICS_NEWS_DATA", "../shared/data"))
KEPT = ("id", "title", "text", "source", "date")


class Run(msgspec.Struct):
    """What a program took."""

    seconds: float
    cpu_seconds: float
    """Of the program and its workers."""
    parent_mb: float
    """Peak resident memory."""
    worker_mb: float
    """The same of its largest worker."""


def run(*arguments: object) -> Run:
    """Run `topics` and watch its memory."""
    start = time.perf_counter()
    before = os.times()
    peaks = [0.0, 0.0]
    with subprocess.Popen(
        [sys.executable, "-m", "topics", *map(str, arguments)], stdout=subprocess.DEVNULL
    ) as process:
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            _note(parent, peaks)
            time.sleep(0.05)
    if process.returncode:
        sys.exit(f"topics {arguments} failed")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(time.perf_counter() - start, cpu, *(peak / 1e6 for peak in peaks))


def _note(parent: psutil.Process, peaks: list[float]) -> None:
    try:
        peaks[0] = max(peaks[0], parent.memory_info().rss)
        for worker in parent.children(recursive=True):
            peaks[1] = max(peaks[1], worker.memory_info().rss)
    except psutil.Error:
        return  # ended meanwhile


def tell(measure: str, **figures: object) -> None:
    print(json.dumps({"measure": measure, **figures}, ensure_ascii=False), flush=True)


# --- rate ---


def news(name: str) -> Iterator[dict[str, object]]:
    with gzip.open(NEWS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def write_archive(path: Path, articles: int) -> int:
    """Write real articles, repeated under other ids; return the bytes."""
    found = [row for name in ("rubrics", "unlabelled", "rbc2020") for row in news(name)]
    with path.open("w", encoding="utf-8") as out:
        for n, row in enumerate(itertools.islice(itertools.cycle(found), articles)):
            kept = {name: row.get(name) for name in KEPT} | {"id": f"{row['id']}-{n}"}
            out.write(json.dumps(kept, ensure_ascii=False) + "\n")
    return path.stat().st_size


def rate(articles: int, turns: int, models: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive, home = Path(folder) / "archive.jsonl", models or Path(folder) / "models"
        size = write_archive(archive, articles)
        if models is None:
            run(
                "train",
                NEWS / "rubrics.jsonl.gz",
                "--labels",
                NEWS / "gold.tsv",
                "--models",
                home,
                "--only",
                "rubrics",
            )
        predict = fasttext_loop()
        best: dict[str, list[tuple[float, float]]] = {}
        for _ in range(turns):
            for workers in (1, 2):
                output = Path(folder) / "scored.jsonl"
                ran = run("predict", archive, "-o", output, "--models", home, "--workers", workers)
                best.setdefault(f"{workers} workers", []).append((ran.seconds, ran.cpu_seconds))
            wall, cpu = time.perf_counter(), time.process_time()
            predict(archive)
            times = (time.perf_counter() - wall, time.process_time() - cpu)
            best.setdefault("fastText", []).append(times)
        for name, times_of in best.items():
            wall, cpu = (min(column) for column in zip(*times_of, strict=True))
            tell(
                "rate",
                what=name,
                articles=articles,
                megabytes=size // 10**6,
                seconds=round(wall, 1),
                articles_a_second=round(articles / wall),
                articles_a_cpu_second=round(articles / cpu),
            )


def fasttext_loop() -> Callable[[Path], None]:
    """Train fastText as its users do, and return its loop over a file."""
    import fasttext

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lines:
        for row in news("rubrics"):
            marks = " ".join(f"__label__{rubric}" for rubric in row["rubrics"] or ["none"])
            lines.write(f"{marks} {plain(row)}\n")
        lines.flush()
        model = fasttext.train_supervised(
            lines.name, wordNgrams=2, loss="ova", epoch=5, minCount=3, thread=2, verbose=0
        )

    def loop(archive: Path) -> None:
        decode = msgspec.json.Decoder().decode
        with archive.open("rb") as stream, tempfile.TemporaryFile("w", encoding="utf-8") as out:
            for line in stream:
                row = decode(line)
                found = model.f.predict(plain(row) + "\n", -1, 0.5, "strict")
                out.write(json.dumps({"id": row["id"], "rubrics": [label for _, label in found]}) + "\n")

    return loop


def plain(row: dict[str, object]) -> str:
    return f"{row.get('title') or ''} {row.get('text') or ''}".replace("\n", " ").lower()


# --- memory ---


def write_short(path: Path, articles: int, *, labelled: bool = False, words: int = 25) -> None:
    """Write made-up articles; one word in fifty is new, so that the vocabulary grows as in real archives."""
    draw = random.Random(7)
    rows = [json.loads(line) for file in embedded() for line in file.read_text(encoding="utf-8").splitlines()]
    texts = [(row["text"].split(), row["rubrics"]) for row in rows]
    with path.open("w", encoding="utf-8") as out:
        for n in range(articles):
            own, rubrics = texts[n % len(texts)]
            chosen = draw.choices(own, k=words)
            chosen[n % words] = f"{chosen[0][:5].lower()}{draw.choice(SYLLABLES)}{draw.choice(SYLLABLES)}ский"
            row = {"id": str(n), "outlet": f"outlet {n % 20}", "text": " ".join(chosen)}
            out.write(json.dumps(row | ({"rubrics": rubrics} if labelled else {}), ensure_ascii=False) + "\n")


SYLLABLES = [a + b for a in "бвгджзклмнпрст" for b in "аеиоу"]


def memory(sizes: list[int], models: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = models or Path(folder) / "models"
        if models is None:
            run("train", "--models", home, "--only", "rubrics")
        for articles in sizes:
            archive = Path(folder) / "archive.jsonl"
            write_short(archive, articles)
            ran = run(
                "predict", archive, "-o", Path(folder) / "scored.jsonl", "--models", home, "--workers", 2
            )
            tell(
                "memory",
                articles=articles,
                parent_mb=round(ran.parent_mb),
                worker_mb=round(ran.worker_mb),
                articles_a_second=round(articles / ran.seconds),
            )


def training(articles: int, only: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.jsonl"
        write_short(archive, articles, labelled=True, words=60)
        ran = run("train", archive, "--models", Path(folder) / "models", "--only", only, "--workers", 2)
        tell(
            "training",
            only=only,
            articles=articles,
            megabytes=archive.stat().st_size // 10**6,
            parent_mb=round(ran.parent_mb),
            worker_mb=round(ran.worker_mb),
            seconds=round(ran.seconds),
            cpu_seconds=round(ran.cpu_seconds),
        )


# --- Dask ---


def dask(articles: int, turns: int, models: Path) -> None:
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.jsonl"
        write_archive(archive, articles)
        output = Path(folder) / "scored.jsonl"
        asked = ("predict", archive, "-o", output, "--models", models)
        times: dict[str, list[float]] = {"loky": [], "dask": []}
        with LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster:
            for _ in range(turns):
                times["loky"].append(run(*asked, "--workers", 2).seconds)
                times["dask"].append(run(*asked, "--dask", cluster.scheduler_address).seconds)
        tell(
            "dask",
            articles=articles,
            loky_seconds=min(times["loky"]),
            dask_seconds=min(times["dask"]),
            ratio=round(min(times["dask"]) / min(times["loky"]), 3),
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measure", choices=["rate", "memory", "training", "dask"])
    parser.add_argument("--articles", type=int)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--models", type=Path, help="trained versions; by default some are trained")
    parser.add_argument("--only", default="rubrics", help="what to train")
    given = parser.parse_args()
    if given.measure == "rate":
        rate(given.articles or 200_000, given.turns, given.models)
    elif given.measure == "memory":
        memory([given.articles] if given.articles else [100_000, 1_000_000, 3_000_000], given.models)
    elif given.measure == "training":
        training(given.articles or 1_000_000, given.only)
    else:
        dask(given.articles or 50_000, given.turns, given.models or Path("models"))


if __name__ == "__main__":
    main()
