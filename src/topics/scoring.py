"""The scoring job: a version and an archive become predictions, a batch at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import msgspec

from topics.corpus import Corpus
from topics.tagger import Tagger
from topics.types import Reject
from topics.writers import Write

Watch = Callable[[str, int], None]
"""Told what is being done and how many articles are done."""


class Summary(msgspec.Struct, frozen=True):
    """What a scoring job did."""

    model: str
    articles: int
    rejects: int
    rubrics: dict[str, int]
    """Articles given each rubric."""
    without: int
    """Articles given none."""
    needs_review: int
    seconds: float


def score(
    corpus: Corpus,
    tagger: Tagger,
    write: Write,
    reject: Callable[[Reject], None],
    watch: Watch = lambda stage, done: None,
) -> Summary:
    """Tag every article of a corpus, in order; memory depends on the batch, not on the corpus."""
    start = time.monotonic()
    counts: Counter[str] = Counter()
    given: Counter[str] = Counter(dict.fromkeys(tagger.manifest.rubrics, 0))
    for batch in corpus.batches():
        predictions = tagger.tag_articles(batch.articles)
        write(batch.articles, predictions)
        for row in batch.rejects:
            reject(row)
        counts.update(articles=len(predictions), rejects=len(batch.rejects))
        counts.update(without=sum(not prediction.rubrics for prediction in predictions))
        counts.update(needs_review=sum(prediction.needs_review for prediction in predictions))
        given.update(score.label for prediction in predictions for score in prediction.rubrics)
        watch("tagging", counts["articles"])
    return Summary(
        model=tagger.version.label,
        articles=counts["articles"],
        rejects=counts["rejects"],
        rubrics=dict(given),
        without=counts["without"],
        needs_review=counts["needs_review"],
        seconds=time.monotonic() - start,
    )
