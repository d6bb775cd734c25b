"""Hundreds of rubrics: what training, scoring and the report cost with them. The labels are synthetic.

    python scripts/measure_many.py [RUBRICS ...]

A rubric is a word: it holds of an article of rubrics.jsonl.gz whose title has the word, and the titles are
taken away, so that the text has to tell. For each number of rubrics (100 and 300 unless named): `topics train
--only rubrics` and `predict` over unlabelled.jsonl.gz, wall time and peak memory; the size of the version and
of its report; macro-F1; the first 1,000 characters through `Tagger.tag`, warm. Needs psutil and the news
folder, see scripts/news.py.
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

MOST = 600
"""Articles of a rubric; words of more titles are no rubrics."""


def main() -> None:
    counts = [int(argument) for argument in sys.argv[1:]] or [100, 300]
    heads = ("rubrics", "articles each", "train", "peak", "version", "report", "macro-F1", "predict", "peak")
    print(f"| {' | '.join(heads)} | one article |\n|{'---|' * (len(heads) + 1)}")
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
        tagger.tag(text)  # its words are known from here on
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
    """Label articles by the words of their titles; fewest and most articles of a rubric."""
    titles = tokenize([row["title"] or "" for row in rows], [""] * len(rows))
    of_row = np.repeat(np.arange(len(rows)), np.diff(titles.offsets))
    pairs = np.unique(np.column_stack([titles.ids, of_row]), axis=0)
    words, sizes = np.unique(pairs[:, 0], return_counts=True)
    fit = np.flatnonzero((sizes <= MOST) & [_is_word(titles.lemmas[word]) for word in words])
    chosen = words[fit[np.argsort(-sizes[fit], kind="stable")[:count]]]
    names: list[list[str]] = [[] for _ in rows]
    for word, row in pairs[np.isin(pairs[:, 0], chosen)].tolist():
        names[row].append(titles.lemmas[word])
    with path.open("w", encoding="utf-8") as out:
        for row, rubrics in zip(rows, names, strict=True):
            print(
                json.dumps({**row, "title": "", "rubrics": rubrics, "unknown": []}, ensure_ascii=False),
                file=out,
            )
    found = sizes[np.isin(words, chosen)]
    return int(found.min()), int(found.max())


def _is_word(lemma: str) -> bool:
    return len(lemma) > 3 and lemma.isalpha()


if __name__ == "__main__":
    main()
