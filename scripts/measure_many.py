"""Measure training, scoring and the report with hundreds of rubrics. The labels are synthetic.

    python scripts/measure_many.py [RUBRICS ...]

A rubric is a word: it holds for the articles of rubrics.jsonl.gz whose title has the word, and titles are
removed, so it must be predicted from the text. For each number of rubrics (by default 100 and 300) it prints
wall time and peak memory of `topics train --only rubrics` and of `predict` over unlabelled.jsonl.gz; the size
of the version and of its report; macro-F1; the median time of `Tagger.tag` on 1,000 characters, warm. Takes
some twenty minutes. Needs psutil and the news folder, see scripts/news.py.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import news
from measure_job import run
from topics.tagger import Tagger
from topics.text.tokens import tokenize
from topics.versions.registry import Registry

MAX_ARTICLES = 600
"""Words that occur in more titles than this are not used as rubrics."""


def main() -> None:
    counts = [int(argument) for argument in sys.argv[1:]] or [100, 300]
    columns = (
        "rubrics",
        "articles each",
        "train",
        "peak",
        "version",
        "report.html",
        "macro-F1",
        "predict",
        "peak",
    )
    print(f"| {' | '.join(columns)} | one article |\n|{'---|' * (len(columns) + 1)}")
    rows = news.rows("rubrics")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            measure(rows, count, Path(folder))


def measure(rows: list[dict], count: int, folder: Path) -> None:
    archive, models = folder / "archive.jsonl", folder / "models"
    fewest, most = write(rows, count, archive)
    trained = run("train", archive, "--only", "rubrics", "--models", models)
    scored = run(
        "predict", news.folder() / "unlabelled.jsonl.gz", "-o", folder / "out.jsonl", "--models", models
    )
    version = Registry(models).open("rubrics")
    size = sum(file.stat().st_size for file in version.folder.rglob("*") if file.is_file()) / 1e6
    report = (version.folder / "report.html").stat().st_size / 1e6
    macro = version.manifest.rubric_metrics().macro_f1
    tagger, times = Tagger.load(models), []
    for row in rows[:300]:
        text = (row["text"] or "")[:1000]
        tagger.tag(text)  # warm up: its words are cached now
        start = time.perf_counter()
        tagger.tag(text)
        times.append(time.perf_counter() - start)
    print(
        f"| {count} | {fewest} to {most} | {trained[0]:.0f} s | {trained[1]:,.0f} MB | {size:.0f} MB | "
        f"{report:.1f} MB | {macro:.3f} | {scored[0]:.1f} s | {scored[1]:,.0f} MB | "
        f"{statistics.median(times) * 1e3:.2f} ms |",
        flush=True,
    )


def write(rows: list[dict], count: int, path: Path) -> tuple[int, int]:
    """Label articles by the words of their titles; return the fewest and most articles of a rubric."""
    titles = tokenize([row["title"] or "" for row in rows], [""] * len(rows))
    of_row = np.repeat(np.arange(len(rows)), np.diff(titles.offsets))
    pairs = np.unique(np.column_stack([titles.ids, of_row]), axis=0)
    words, sizes = np.unique(pairs[:, 0], return_counts=True)
    usable = np.flatnonzero((sizes <= MAX_ARTICLES) & [_is_word(titles.lemmas[word]) for word in words])
    chosen = words[usable[np.argsort(-sizes[usable], kind="stable")[:count]]]
    names: list[list[str]] = [[] for _ in rows]
    for word, row in pairs[np.isin(pairs[:, 0], chosen)].tolist():
        names[row].append(titles.lemmas[word])
    with path.open("w", encoding="utf-8") as out:
        for row, rubrics in zip(rows, names, strict=True):
            print(
                json.dumps({**row, "title": "", "rubrics": rubrics, "unknown": []}, ensure_ascii=False),
                file=out,
            )
    counts = sizes[np.isin(words, chosen)]
    return int(counts.min()), int(counts.max())


def _is_word(lemma: str) -> bool:
    return len(lemma) > 3 and lemma.isalpha()


if __name__ == "__main__":
    main()
