"""What `topics suggest` saves: learning curves of chosen labels beside labels drawn by chance.

    TOPICS_NEWS_DATA=../shared/data python scripts/measure_active.py [DRAWS]

The articles of gold.tsv are dealt anew in every draw: 550 are the pool, 250 the test, which nothing learns
from. Both curves begin with the same 20 labels drawn by chance and go on 25 at a time at most. The model, its
features and its thresholds are those of `topics train`, learned from the labels so far; as in the product the
unlabelled articles of the pool shape the vocabulary. Figures are means over the draws: macro-F1 and mean
average precision on the test.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from topics.classifiers.linear import LinearClassifier
from topics.corpus import Corpus, load_labels
from topics.labelling.suggestions import choose, doubt, latent
from topics.pipeline import read
from topics.text.cleaning import Cleaner
from topics.text.tokens import concatenate, take
from topics.types import TokenBatch

SIZES = (20, 30, 50, 100, 150, 200, 250, 300, 400)
BY_CHANCE = 30
"""Labels below which `suggest` draws by chance."""
STEP, TEST = 25, 250


def main() -> None:
    data = Path(os.environ.get("TOPICS_NEWS_DATA", "../shared/data"))
    if not (data / "gold.tsv").is_file():
        sys.exit(f"{data}: no news data there; name its folder by TOPICS_NEWS_DATA")
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    gold, _ = load_labels(data / "gold.tsv")
    rubrics = sorted({name for labels in gold.values() for name in labels.rubrics})
    tokens, truth = load(data / "rubrics.jsonl.gz", gold, rubrics)
    results = {name: np.zeros((draws, len(SIZES), 2)) for name in ("chance", "suggest")}
    for draw in range(draws):
        rows = np.random.default_rng(draw).permutation(len(truth))
        for name, found in results.items():
            found[draw] = curve(take(tokens, rows), truth[rows], name == "suggest", draw)
        print(f"draw {draw + 1} of {draws}", file=sys.stderr)
    print("labels         ", *(f"{size:6d}" for size in SIZES))
    for name, found in results.items():
        for what, metrics in zip(("macro-F1", "mean AP"), found.mean(axis=0).T, strict=True):
            print(f"{name:8s}{what:9s}", *(f"{figure:6.3f}" for figure in metrics))
        spread = found[:, :, 0].std(axis=0) / max(draws, 2) ** 0.5
        print(f"{'':8s}± F1     ", *(f"{figure:6.3f}" for figure in spread))


def load(archive: Path, gold: dict, rubrics: list[str]) -> tuple[TokenBatch, np.ndarray]:
    parts, truth = [], []
    for batch in Corpus(archive).batches():
        articles = [article for article in batch.articles if article.id in gold]
        parts.append(read(Cleaner(), articles))
        truth += [[int(name in gold[article.id].rubrics) for name in rubrics] for article in articles]
    return concatenate(parts), np.array(truth, np.int8)


def curve(tokens: TokenBatch, truth: np.ndarray, is_chosen: bool, seed: int) -> np.ndarray:
    """Grow the labels of the pool, rows from TEST on; measure on the rows before."""
    pool = np.arange(TEST, len(truth))
    vectors = latent(take(tokens, pool))
    known = np.random.default_rng(seed).permutation(len(pool))[: SIZES[0]]
    metrics = []
    for size in SIZES:
        while len(known) < size:
            step = min(STEP, size - len(known))
            candidates = np.setdiff1d(np.arange(len(pool)), known)
            doubts, examples = np.zeros((len(pool), 0)), np.zeros(0, int)
            if is_chosen and len(known) >= BY_CHANCE:
                model, seen = fit(tokens, truth, pool, known)
                doubts = doubt(model.predict_proba(take(tokens, pool)), seen)
                examples = (seen == 1).sum(axis=0)
            chosen, _ = choose(doubts, examples, vectors, known, candidates, step, seed + len(known))
            known = np.append(known, chosen)
        model, _ = fit(tokens, truth, pool, known)
        probabilities = np.zeros((TEST, truth.shape[1]))
        told = [int(name) for name in model.rubrics]
        probabilities[:, told] = model.predict_proba(take(tokens, np.arange(TEST)))
        given = np.zeros(probabilities.shape, bool)
        given[:, told] = model.decisions.given(probabilities[:, told])
        ap = [average_precision_score(truth[:TEST, r], probabilities[:, r]) for r in range(truth.shape[1])]
        f1 = f1_score(truth[:TEST], given, average="macro", zero_division=0)
        metrics.append((f1, np.mean(ap)))
    return np.array(metrics)


def fit(
    tokens: TokenBatch, truth: np.ndarray, pool: np.ndarray, known: np.ndarray
) -> tuple[LinearClassifier, np.ndarray]:
    """Learn from the labels so far, as `suggest` does; rubrics without an example are left out."""
    seen = np.full((len(pool), truth.shape[1]), -1, np.int8)
    seen[known] = truth[pool[known]]
    told = [r for r in range(truth.shape[1]) if len(np.unique(seen[known, r])) == 2]
    clean = np.zeros(len(pool), bool)
    clean[known] = True
    model = LinearClassifier().fit(take(tokens, pool), seen[:, told], [str(r) for r in told], clean)
    return model, seen[:, told]


if __name__ == "__main__":
    main()
