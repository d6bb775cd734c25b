"""Measure the two main commands, `train` and `predict`, on a real archive; optionally tag a scraped page.

    python scripts/measure_job.py [PAGE]

Trains on rubrics.jsonl.gz with the labels of gold.tsv, then scores unlabelled.jsonl.gz. Prints wall time,
peak memory (all processes together, sampled ten times per second), rejects and cross-validated metrics. PAGE
is the text of a scraped page, one paragraph per line: five lines of the article, and in line 8 a teaser of
another. Needs psutil and the news folder, see scripts/news.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

import news
from topics.tagger import Tagger
from topics.terminal import calibrated
from topics.versions.registry import Registry


def run(*arguments: str | Path) -> tuple[float, float, str]:
    """Run a command of `topics`; return wall seconds, peak megabytes and its last message."""
    start, peak = time.monotonic(), 0
    command = [sys.executable, "-m", "topics", *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        root, done = psutil.Process(process.pid), threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.1):
                peak = max(peak, memory(root))

        watcher = threading.Thread(target=watch)
        watcher.start()
        messages = process.communicate()[1]
        done.set()
        watcher.join()
    if process.returncode:
        sys.exit(messages)
    return time.monotonic() - start, peak / 1e6, messages.strip().split("\ntopics:")[-1].split("\n", 1)[-1]


def memory(root: psutil.Process) -> int:
    """Sum the memory of a process and its children, counting shared pages once."""
    total = 0
    try:
        for process in [root, *root.children(recursive=True)]:
            total += process.memory_full_info().pss
    except psutil.Error:  # a process has ended meanwhile
        pass
    return total


def example(tagger: Tagger, page: Path) -> None:
    lines = [line for line in page.read_text(encoding="utf-8").split("\n") if line.strip()]
    parts = {
        "the article alone": "\n".join(lines[:5]),
        "the whole page": "\n".join(lines),
        "line 8 alone": lines[7],
    }
    print("\n| scraped page | rubrics | scores |\n|---|---|---|")
    for name, text in parts.items():
        tags = tagger.tag(text)
        assigned = ", ".join(score.label for score in tags.rubrics) or "none"
        print(f"| {name} | {assigned} | {tags.scores} |")


def main() -> None:
    data = news.folder()
    with tempfile.TemporaryDirectory() as folder:
        models, scored = Path(folder) / "models", Path(folder) / "scored.jsonl"
        seconds, peak, _ = run(
            "train", data / "rubrics.jsonl.gz", "--labels", data / "gold.tsv", "--models", models
        )
        registry = Registry(models)
        manifest = registry.open("rubrics").manifest
        facts, metrics = manifest.corpus, manifest.rubric_metrics()
        print(f"train: {facts.articles:,} articles, {facts.clean} clean, {facts.rejects} rejects; ", end="")
        print(f"{seconds:.1f} s wall, peak {peak:,.0f} MB")
        print(f"\n| {metrics.method} | positives | precision | recall | F1 | average precision |")
        print("|---|---|---|---|---|---|")
        for of in metrics.rubrics:
            numbers = (of.precision, of.recall, of.f1, of.average_precision)
            print(f"| {of.rubric} | {of.positives} | {' | '.join(f'{number:.3f}' for number in numbers)} |")
        print(f"\nmacro-F1 {metrics.macro_f1:.3f}, micro-F1 {metrics.micro_f1:.3f}, ", end="")
        print(f"exact match {metrics.exact_match:.3f}, ", end="")
        print(f"{calibrated(metrics.calibration_error, metrics.likely)}\n")
        seconds, peak, message = run(
            "predict", data / "unlabelled.jsonl.gz", "-o", scored, "--models", models
        )
        print(f"predict: {seconds:.1f} s wall, peak {peak:,.0f} MB; {' '.join(message.split())}")
        with scored.open(encoding="utf-8") as lines:
            assert all(json.loads(line)["model"].endswith(manifest.version) for line in lines)
        if len(sys.argv) > 1:
            example(Tagger.load(models), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
