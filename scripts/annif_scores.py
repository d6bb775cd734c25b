"""Train an Annif backend and score a test file; run by `bench_rubrics.py` and `bench_archive.py`.

    python3 -m venv annif && annif/bin/pip install 'annif[fasttext,omikuji]'
    annif/bin/python scripts/annif_scores.py TRAIN.jsonl TEST.jsonl OUT.jsonl --backend omikuji

TRAIN has id, text and rubrics, TEST has id and text, OUT gets id and scores. A training row without rubrics
has the subject «other», since Annif needs at least one. Annif would download a sentence tokenizer of NLTK; an
untrained one takes its place, since sentences are not used.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

OTHER = "other"
SETTINGS = {
    "omikuji": "min_df=2\nngram=2\n",
    "fasttext": "dim=100\nlr=0.5\nepoch=60\nloss=ova\nchunksize=24\n",
}
PROJECT = "[p]\nname=p\nlanguage=ru\nbackend={}\nanalyzer=snowball(russian)\nvocab=v\nlimit=1000\n{}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--backend", choices=sorted(SETTINGS), default="omikuji")
    parser.add_argument("--timed", action="store_true", help="print the articles per second of `index`")
    options = parser.parse_args()
    train, test, out = rows(options.train), rows(options.test), options.out.resolve()
    names = sorted({name for row in train for name in row["rubrics"]} | {OTHER})
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        untrained_punkt(Path(folder))
        prepare(train, test, names, options.backend)
        annif("load-vocab", "v", "v.tsv", "-L", "ru")
        annif("train", "p", "train.tsv")
        seconds = index("test.jsonl")
        answers = rows(Path("scores.jsonl"))
        if options.timed:
            write("few.jsonl", Path("test.jsonl").read_text(encoding="utf-8").splitlines()[:1])
            print((len(test) - 1) / (seconds - index("few.jsonl")))  # without its start-up time
    with out.open("w", encoding="utf-8") as file:
        for row, answer in zip(test, answers, strict=True):
            scores = {names[int(x["uri"].rsplit("/", 1)[1])]: x["score"] for x in answer["results"]}
            print(json.dumps({"id": row["id"], "scores": scores}, ensure_ascii=False), file=file)


def rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def prepare(train: list[dict[str, Any]], test: list[dict[str, Any]], names: list[str], backend: str) -> None:
    subjects = [" ".join(f"<http://x/{names.index(n)}>" for n in row["rubrics"] or [OTHER]) for row in train]
    write("v.tsv", [f"<http://x/{i}>\t{name}" for i, name in enumerate(names)])
    write("train.tsv", [f"{flat(row)}\t{uris}" for row, uris in zip(train, subjects, strict=True)])
    write("test.jsonl", [json.dumps({"document_id": row["id"], "text": flat(row)}) for row in test])
    write("projects.cfg", [PROJECT.format(backend, SETTINGS[backend])])


def write(name: str, lines: list[str]) -> None:
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def flat(row: dict[str, Any]) -> str:
    return re.sub(r'[\t\r\n"]+', " ", row["text"])[:20_000]


def untrained_punkt(folder: Path) -> None:
    from nltk.tokenize.punkt import PunktParameters, save_punkt_params

    for language in ("english", "russian"):
        place = folder / "nltk" / "tokenizers" / "punkt_tab" / language
        place.mkdir(parents=True)
        save_punkt_params(PunktParameters(), str(place))
    os.environ["NLTK_DATA"] = str(folder / "nltk")


def index(name: str) -> float:
    """Score a file; return the wall time in seconds."""
    start = time.perf_counter()
    annif("index", "p", name, "-l", "1000", "-O", "scores.jsonl", "-f", "-I")
    return time.perf_counter() - start


def annif(*arguments: str) -> None:
    process = subprocess.run(
        [str(Path(sys.executable).parent / "annif"), *arguments], capture_output=True, text=True, check=False
    )
    if process.returncode:
        sys.exit(f"annif {' '.join(arguments)}: {process.stderr[-500:]}")


if __name__ == "__main__":
    main()
