"""Make the golden versions of today's protocol, with the answers that they must give for ever.

    python scripts/make_golden.py

One of rubrics and one of topics, trained on a hundred demonstration articles, lie in
`tests/golden/protocol-N`; tests open them and hold them to `answers.json`. Make them anew as long as protocol
N is unreleased; once released, never: raise PROTOCOL and keep the old folder, its reader and its answers.
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
LEARNED, TAGGED = "data/demo/altai.jsonl", "data/demo/baikal.jsonl"
SETTINGS = {
    "rubrics": {"settings": {"fields": {"min_df": 4}}},
    "topics": {"settings": {"num_topics": 4}},
}
ARTICLES = 12


def main() -> None:
    os.chdir(ROOT)  # what it was trained on is written down; no machine's own path may be in it
    os.environ["LOGNAME"] = "newsroom"
    shutil.rmtree(HOME, ignore_errors=True)
    corpus, config, registry = Corpus(LEARNED), convert(SETTINGS, Config, "golden"), Registry(HOME / "models")
    job = TrainingJob(corpus, config, registry)
    job.train_rubrics()
    job.train_topics()
    for lock in HOME.rglob(".lock"):
        lock.unlink()
    tagger = Tagger.load(HOME / "models")
    articles = next(Corpus(TAGGED).batches()).articles[:ARTICLES]
    answers = [
        {
            "id": found.id,
            "rubrics": [score.label for score in found.rubrics],
            "scores": found.scores,
            "needs_review": found.needs_review,
            "topics": {score.label: score.value for score in found.topics},
        }
        for found in tagger.tag_articles(articles)
    ]
    text = json.dumps(answers, ensure_ascii=False, indent=1)
    (HOME / "answers.json").write_text(f"{text}\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in HOME.rglob("*") if path.is_file())
    print(f"{HOME}: {tagger.version.label}, {size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
