"""Create the golden versions of the current protocol, with the predictions that they must always give.

    python scripts/make_golden.py

A version of rubrics and one of topics, trained on a hundred demonstration articles, are stored in
`tests/golden/protocol-N`; tests load them and compare their predictions with `answers.json`. Recreate them
only while protocol N is unreleased. After a release raise PROTOCOL and keep the old folder, its reader and
its predictions. Takes seconds and needs nothing outside the project.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from topics.config import Config, convert
from topics.corpus import Corpus
from topics.tagger import Tagger
from topics.training.job import TrainingJob
from topics.versions.manifest import PROTOCOL
from topics.versions.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
HOME = Path("tests") / "golden" / f"protocol-{PROTOCOL}"
TRAINING, TEST = "data/demo/altai.jsonl", "data/demo/baikal.jsonl"
SETTINGS = {
    "rubrics": {"settings": {"fields": {"min_df": 4}}},
    "topics": {"settings": {"num_topics": 4}},
}
ARTICLES = 12


def main() -> None:
    os.chdir(ROOT)  # the manifest records the corpus path, which must be relative
    os.environ["LOGNAME"] = "newsroom"
    shutil.rmtree(HOME, ignore_errors=True)
    config, registry = convert(SETTINGS, Config, "golden"), Registry(HOME / "models")
    job = TrainingJob(Corpus(TRAINING), config, registry)
    job.train_rubrics()
    job.train_topics()
    for lock in HOME.rglob(".lock"):
        lock.unlink()
    tagger = Tagger.load(HOME / "models")
    articles = next(Corpus(TEST).batches()).articles[:ARTICLES]
    answers = [
        {
            "id": tags.id,
            "rubrics": [score.label for score in tags.rubrics],
            "scores": tags.scores,
            "needs_review": tags.needs_review,
            "topics": {score.label: score.value for score in tags.topics},
        }
        for tags in tagger.tag_articles(articles)
    ]
    text = json.dumps(answers, ensure_ascii=False, indent=1)
    (HOME / "answers.json").write_text(f"{text}\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in HOME.rglob("*") if path.is_file())
    print(f"{HOME}: {tagger.version.label}, {size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
