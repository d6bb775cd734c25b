"""Measure scoring and training at scale: throughput, memory, overheads. Each prints a Markdown table.

    python scripts/bench_archive.py rate --annif annif/bin/python
    python scripts/bench_archive.py memory
    python scripts/bench_archive.py training
    python scripts/bench_archive.py dask
    python scripts/bench_archive.py drift

`rate` scores real articles (rubrics, unlabelled and rbc2020, repeated with other ids) with 1 and 2 workers,
rubrics alone and with topics. fastText (supervised, bigrams, trained on the same labels, one thread) predicts
the same file. They take turns, so that other load on the machine affects all; the best turn counts. Annif's
`index` scores a sample once, since it is slow; its start-up time is deducted. `memory` scores short synthetic
articles, `training` trains on them. `dask` compares a cluster of two processes on this machine with two loky
workers. `drift` measures the cost of drift monitoring during a job.

`--articles N [N ...]` makes a shorter run; `--models FOLDER` uses trained versions instead of training some.

Needs Linux and psutil; for `rate` pip install fasttext-wheel, and an environment with annif[omikuji]; for
`rate`, `dask` and `drift` the news folder, see scripts/news.py.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil

import news
from topics.corpus import embedded

KEPT = ("id", "title", "text", "source", "date")
ANNIF_TRAINING = 2_000
"""Articles on which Annif is trained; with more it would be even slower."""


class Run(msgspec.Struct, frozen=True):
    """Time and memory of a command."""

    seconds: float
    cpu_seconds: float
    """Of the command and its workers."""
    parent_mb: float
    """Peak resident memory."""
    worker_mb: float
    """The same of its largest worker."""
    all_mb: float
    """Peak of all together, counting shared pages once."""


def run(*arguments: object, watched: bool = False) -> Run:
    """Run a command of `topics`; with `watched`, sample its memory, which costs it some time."""
    start, before, peaks = time.perf_counter(), os.times(), [0.0, 0.0, 0.0]
    command = [sys.executable, "-m", "topics", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        parent = psutil.Process(process.pid)
        while watched and process.poll() is None:
            _sample(parent, peaks)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
    if process.returncode:
        sys.exit(f"topics {' '.join(command[3:])} failed")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(time.perf_counter() - start, cpu, *(peak / 1e6 for peak in peaks))


def _sample(parent: psutil.Process, peaks: list[float]) -> None:
    try:
        workers = parent.children(recursive=True)
        together = sum(process.memory_full_info().pss for process in [parent, *workers])
        now = _peak(parent), max(map(_peak, workers), default=0), together
    except (psutil.Error, OSError):
        return  # a process has ended meanwhile
    peaks[:] = map(max, peaks, now)


def _peak(process: psutil.Process) -> int:
    """Return the peak resident memory of a process so far (VmHWM); 0 if it has ended."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return 1024 * next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def head(*names: str) -> None:
    print(f"\n| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)


def row(*cells: object) -> None:
    print(
        f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in cells)} |", flush=True
    )


# --- real articles ---


def write_archive(path: Path, articles: int) -> None:
    """Write real articles, repeated with other ids."""
    rows = [one for name in ("rubrics", "unlabelled", "rbc2020") for one in news.rows(name)]
    with path.open("w", encoding="utf-8") as out:
        for n, one in enumerate(itertools.islice(itertools.cycle(rows), articles)):
            kept = {name: one.get(name) for name in KEPT} | {"id": f"{one['id']}-{n}"}
            out.write(json.dumps(kept, ensure_ascii=False) + "\n")


def trained(models: Path | None, folder: Path) -> Path:
    """Return the folder of trained versions; train some if `models` is None."""
    if models is None:
        models = folder / "models"
        gold = ("--labels", news.folder() / "gold.tsv")
        run("train", news.folder() / "rubrics.jsonl.gz", *gold, "--models", models)
    return models


def rate(articles: int, turns: int, models: Path | None, annif: str, sample: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive, home = folder / "archive.jsonl", trained(models, folder)
        write_archive(archive, articles)
        loop, results = fasttext_loop(), dict[str, list[tuple[float, float]]]()
        for _ in range(turns):
            for topics, workers in itertools.product(("none", "topics"), (1, 2)):
                command = ("predict", archive, "-o", folder / "scored.jsonl", "--models", home)
                ran = run(*command, "--topics", topics, "--workers", workers)
                label = f"{'rubrics' if topics == 'none' else 'rubrics and topics'}, {workers} workers"
                results.setdefault(label, []).append((ran.seconds, ran.cpu_seconds))
            wall, cpu = time.perf_counter(), time.process_time()
            loop(archive)
            times = time.perf_counter() - wall, time.process_time() - cpu
            results.setdefault("fastText, one thread", []).append(times)
        rates = {
            system: [articles / min(side) for side in zip(*times, strict=True)]
            for system, times in results.items()
        }
        if annif:
            rates[f"Annif omikuji, {sample:,} of them"] = [annif_rate(annif, archive, sample, folder)] * 2
        print(f"\n{articles:,} articles, {archive.stat().st_size / 1e6:,.0f} MB, best of {turns} turns")
        head("what", "articles/s", "articles/CPU s", "times fastText", "times Annif", "2 workers to 1")
        for system, (wall, cpu) in rates.items():
            one = rates.get(system.replace(", 2 workers", ", 1 workers"), (wall,))[0]
            fast, slow = rates["fastText, one thread"][0], [*rates.values()][-1][0] if annif else None
            ratios = f"{wall / fast:.2f}", f"{wall / slow:.0f}" if slow else "", f"{wall / one:.2f}"
            row(system, round(wall), round(cpu), *ratios[:2], ratios[2] if "2 workers" in system else "")


def fasttext_loop() -> Callable[[Path], None]:
    """Train fastText with usual settings; return a function that predicts a file."""
    import fasttext

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lines:
        for one in news.rows("rubrics"):
            marks = " ".join(f"__label__{rubric}" for rubric in one["rubrics"] or ["none"])
            lines.write(f"{marks} {plain(one)}\n")
        lines.flush()
        model = fasttext.train_supervised(
            lines.name, wordNgrams=2, loss="ova", epoch=5, minCount=3, thread=2, verbose=0
        )

    def loop(archive: Path) -> None:
        decode = msgspec.json.Decoder().decode
        with archive.open("rb") as stream, tempfile.TemporaryFile("w", encoding="utf-8") as out:
            for line in stream:
                one = decode(line)
                found = model.f.predict(plain(one) + "\n", -1, 0.5, "strict")
                out.write(json.dumps({"id": one["id"], "rubrics": [label for _, label in found]}) + "\n")

    return loop


def plain(one: dict[str, object]) -> str:
    return f"{one.get('title') or ''} {one.get('text') or ''}".replace("\n", " ").lower()


def annif_rate(python: str, archive: Path, sample: int, folder: Path) -> float:
    """Return the articles per second of Annif's `index`, on an evenly spaced sample of the archive."""
    train = [one for one in news.rows("rubrics") if one["rubrics"]][:ANNIF_TRAINING]
    with archive.open(encoding="utf-8") as lines:
        every = sum(1 for _ in lines) // sample
    with archive.open(encoding="utf-8") as lines:
        test = [json.loads(line) for line in itertools.islice(lines, 0, every * sample, every)]
    paths = [folder / f"annif-{name}.jsonl" for name in ("train", "test", "out")]
    for path, rows in zip(paths, (train, test), strict=False):
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows)
        path.write_text(text, encoding="utf-8")
    command = [python, Path(__file__).with_name("annif_scores.py"), *paths, "--timed"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    output = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
    return float(output)


# --- synthetic articles ---


def write_short(path: Path, articles: int, *, labelled: bool = False, words: int = 25) -> None:
    """Write synthetic articles with one new word each, so that the vocabulary grows as in real archives."""
    rng = random.Random(7)
    rows = [json.loads(line) for file in embedded() for line in file.read_text(encoding="utf-8").splitlines()]
    texts = [(one["text"].split(), one["rubrics"]) for one in rows]
    with path.open("w", encoding="utf-8") as out:
        for n in range(articles):
            own, rubrics = texts[n % len(texts)]
            chosen = rng.choices(own, k=words)
            chosen[n % words] = f"{chosen[0][:5].lower()}{rng.choice(SYLLABLES)}{rng.choice(SYLLABLES)}ский"
            one = {"id": str(n), "outlet": f"outlet {n % 20}", "text": " ".join(chosen)}
            out.write(json.dumps(one | ({"rubrics": rubrics} if labelled else {}), ensure_ascii=False) + "\n")


SYLLABLES = [a + b for a in "бвгджзклмнпрст" for b in "аеиоу"]


def memory(sizes: Sequence[int], models: Path | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = models or folder / "models"
        if models is None:
            run("train", "--models", home)
        head("articles", "parent, MB", "largest worker, MB", "all together, MB", "articles/s", "CPU s")
        for articles in sizes:
            write_short(folder / "archive.jsonl", articles)
            arguments = (folder / "archive.jsonl", "-o", folder / "scored.jsonl", "--models", home)
            ran = run("predict", *arguments, "--workers", 2, watched=True)
            row(articles, *megabytes(ran), round(articles / ran.seconds), round(ran.cpu_seconds))


def training(sizes: Sequence[int], only: str | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "archive.jsonl"
        head(
            "trained", "articles", "MB", "parent, MB", "largest worker, MB", "all together, MB", "s", "CPU s"
        )
        for articles in sizes:
            write_short(archive, articles, labelled=True, words=60)
            wanted = ("--only", only) if only else ()
            command = ("train", archive, "--models", Path(name) / "models", *wanted, "--workers", 2)
            ran = run(*command, watched=True)
            size, times = archive.stat().st_size // 10**6, (round(ran.seconds), round(ran.cpu_seconds))
            row(only or "rubrics and topics", articles, size, *megabytes(ran), *times)


def megabytes(ran: Run) -> tuple[int, int, int]:
    return round(ran.parent_mb), round(ran.worker_mb), round(ran.all_mb)


# --- overheads ---


def dask(articles: int, turns: int, models: Path | None) -> None:
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive, home = folder / "archive.jsonl", trained(models, folder)
        write_archive(archive, articles)
        command = ("predict", archive, "-o", folder / "scored.jsonl", "--models", home)
        times: dict[str, list[float]] = {"loky": [], "dask": []}
        with LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster:
            for _ in range(turns):
                times["loky"].append(run(*command, "--workers", 2).seconds)
                times["dask"].append(run(*command, "--dask", cluster.scheduler_address).seconds)
        print(
            f"\n{articles:,} articles, two processes, best of {turns} turns; the cluster's workers stay warm"
        )
        head("backend", "s, each turn", "best, s", "times loky")
        for backend, each in times.items():
            all_ = ", ".join(f"{seconds:.1f}" for seconds in each)
            row(backend, all_, f"{min(each):.1f}", f"{min(each) / min(times['loky']):.3f}")


def drift(articles: int, turns: int, models: Path | None) -> None:
    from topics.drift.stream import Stream
    from topics.tagger import Tagger

    with tempfile.TemporaryDirectory() as name:
        tagger = Tagger.load(trained(models, Path(name)))
        corpus = news.articles("rbc2020")[:articles]
        batches = [corpus[start : start + 2_000] for start in range(0, len(corpus), 2_000)]
        tagging, inside, comparing = [], [], []
        for _ in range(turns + 1):
            stream, spent = Stream(tagger.versions, tagger.topics), [0.0]

            def on_batch(*arguments: Any, stream: Stream = stream, spent: list[float] = spent) -> None:
                spent[0] += seconds_of(lambda: stream.on_batch(*arguments))

            tagging.append(
                seconds_of(
                    lambda on_batch=on_batch: [tagger.tag_articles(some, on_batch) for some in batches]
                )
            )
            inside.append(spent[0])
            comparing.append(seconds_of(stream.drift))
        whole, sums, end = (
            min(each[1:]) for each in (tagging, inside, comparing)
        )  # without the first run, which fills the word cache
        head("articles", "tagging, CPU s", "of it drift sums", "share", "comparison at the end, CPU s")
        row(len(corpus), f"{whole:.2f}", f"{sums:.3f}", f"{sums / whole:.1%}", f"{end:.3f}")


def seconds_of(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measure", choices=["rate", "memory", "training", "dask", "drift"])
    parser.add_argument(
        "--articles", type=int, nargs="+", help="number of articles; several for `memory` and `training`"
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--models", type=Path, help="trained versions; by default some are trained")
    parser.add_argument("--only", choices=["rubrics", "topics"], help="what `training` trains")
    parser.add_argument(
        "--annif", default="", help="the Python of Annif's environment; by default Annif is left out"
    )
    parser.add_argument("--sample", type=int, default=2_000, help="articles that Annif scores")
    options = parser.parse_args()
    sizes: list[int] = (
        options.articles
        or {
            "rate": [200_000],
            "memory": [100_000, 1_000_000, 3_000_000],
            "training": [1_000_000],
            "dask": [50_000],
            "drift": [10_000],
        }[options.measure]
    )
    if options.measure == "rate":
        rate(sizes[0], options.turns, options.models, options.annif, options.sample)
    elif options.measure == "memory":
        memory(sizes, options.models)
    elif options.measure == "training":
        training(sizes, options.only)
    else:
        {"dask": dask, "drift": drift}[options.measure](sizes[0], options.turns, options.models)


if __name__ == "__main__":
    main()
