"""A scoring job in a process of its own, that is killed at a chosen moment: see `test_faults`."""

from __future__ import annotations

import sys
from pathlib import Path

from archives import Mortal, die_at, order
from topics.archive.job import score_archive
from topics.corpus import Corpus
from topics.tagger import TaggerRef


def main(
    source: str, models: str, output: str, workers: str, moment: str, counter: str, watched: str
) -> None:
    topics = "topics" if (Path(models) / "topics").exists() else None
    stored = Mortal(TaggerRef(models, "rubrics", topics), int(moment), Path(counter), watched)
    if workers != "1":  # otherwise this process opens the tagger and counts from then on
        die_at(int(moment), Path(counter), watched)
    score_archive(Corpus(source, keep=("title",)), stored, order(Path(output), workers=int(workers)))


if __name__ == "__main__":
    main(*sys.argv[1:])
