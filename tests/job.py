"""A scoring job in its own process, which is killed at a given moment; see `test_faults`."""

from __future__ import annotations

import sys
from pathlib import Path

from archives import MortalTaggerRef, die_at, scoring_options
from topics.archive.job import score_archive
from topics.corpus import Corpus
from topics.tagger import TaggerRef


def main(
    source: str, models: str, output: str, workers: str, moment: str, counter: str, watched: str
) -> None:
    topics = "topics" if (Path(models) / "topics").exists() else None
    stored = MortalTaggerRef(TaggerRef(models, "rubrics", topics), int(moment), Path(counter), watched)
    if workers != "1":  # with one worker this process loads the tagger, which starts the counting
        die_at(int(moment), Path(counter), watched)
    score_archive(
        Corpus(source, keep=("title",)), stored, scoring_options(Path(output), workers=int(workers))
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
