"""Measure `topics suggest`: learning curves of chosen and of randomly drawn labels.

    python scripts/measure_active.py [DRAWS]

In every draw (by default ten) the articles of gold.tsv are split at random into a pool of 550 and a test set
of 250. Both curves start with the same 20 random labels and grow by at most 25 at a time. Model, features and
thresholds are those of `topics train`, fitted on the labels so far; as in the product, the unlabelled
articles of the pool contribute to the vocabulary. Prints macro-F1 and mean average precision on the test set,
averaged over the draws. Needs the news folder, see scripts/news.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

import news
from topics.classifiers.linear import LinearClassifier
from topics.corpus import Corpus, load_labels
from topics.labelling.suggestions import choose, doubt, latent
from topics.pipeline import read
from topics.text.cleaning import Cleaner
from topics.text.tokens import concatenate, take
from topics.types import TokenBatch

SIZES = (20, 30, 50, 100, 150, 200, 250, 300, 400)
RANDOM = 30
"""With fewer labels than this `suggest` draws at random."""
STEP, TEST = 25, 250


def main() -> None:
    data = news.folder()
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    gold, _ = load_labels(data / "gold.tsv")
    rubrics = sorted({name for labels in gold.values() for name in labels.rubrics})
    tokens, truth = load(data / "rubrics.jsonl.gz", gold, rubrics)
    results = {name: np.zeros((draws, len(SIZES), 2)) for name in ("random", "chosen")}
    for draw in range(draws):
        rows = np.random.default_rng(draw).permutation(len(truth))
        for name, figures in results.items():
            figures[draw] = curve(take(tokens, rows), truth[rows], name == "chosen", draw)
        print(f"draw {draw + 1} of {draws}", file=sys.stderr)
    print("labels         ", *(f"{size:6d}" for size in SIZES))
    for name, figures in results.items():
        for metric, means in zip(("macro-F1", "mean AP"), figures.mean(axis=0).T, strict=True):
            print(f"{name:8s}{metric:9s}", *(f"{mean:6.3f}" for mean in means))
        errors = figures[:, :, 0].std(axis=0) / max(draws, 2) ** 0.5
        print(f"{'':8s}± F1     ", *(f"{error:6.3f}" for error in errors))


def load(archive: Path, gold: dict, rubrics: list[str]) -> tuple[TokenBatch, np.ndarray]:
    parts, truth = [], []
    for batch in Corpus(archive).batches():
        articles = [article for article in batch.articles if article.id in gold]
        parts.append(read(Cleaner(), articles))
        truth += [[int(name in gold[article.id].rubrics) for name in rubrics] for article in articles]
    return concatenate(parts), np.array(truth, np.int8)


def curve(tokens: TokenBatch, truth: np.ndarray, is_chosen: bool, seed: int) -> np.ndarray:
    """Return metrics for each size; the first TEST rows are the test set, the others the pool."""
    pool = np.arange(TEST, len(truth))
    vectors = latent(take(tokens, pool))
    known = np.random.default_rng(seed).permutation(len(pool))[: SIZES[0]]
    metrics = []
    for size in SIZES:
        while len(known) < size:
            step = min(STEP, size - len(known))
            candidates = np.setdiff1d(np.arange(len(pool)), known)
            doubts, examples = np.zeros((len(pool), 0)), np.zeros(0, int)
            if is_chosen and len(known) >= RANDOM:
                model, seen = fit(tokens, truth, pool, known)
                doubts = doubt(model.predict_proba(take(tokens, pool)), seen)
                examples = (seen == 1).sum(axis=0)
            chosen, _ = choose(doubts, examples, vectors, known, candidates, step, seed + len(known))
            known = np.append(known, chosen)
        model, _ = fit(tokens, truth, pool, known)
        probabilities = np.zeros((TEST, truth.shape[1]))
        learned = [int(name) for name in model.rubrics]
        probabilities[:, learned] = model.predict_proba(take(tokens, np.arange(TEST)))
        predicted = np.zeros(probabilities.shape, bool)
        predicted[:, learned] = model.decisions.given(probabilities[:, learned])
        ap = [average_precision_score(truth[:TEST, r], probabilities[:, r]) for r in range(truth.shape[1])]
        f1 = f1_score(truth[:TEST], predicted, average="macro", zero_division=0)
        metrics.append((f1, np.mean(ap)))
    return np.array(metrics)


def fit(
    tokens: TokenBatch, truth: np.ndarray, pool: np.ndarray, known: np.ndarray
) -> tuple[LinearClassifier, np.ndarray]:
    """Fit on the labels so far, as `suggest` does, without the rubrics that have only one class."""
    seen = np.full((len(pool), truth.shape[1]), -1, np.int8)
    seen[known] = truth[pool[known]]
    learned = [r for r in range(truth.shape[1]) if len(np.unique(seen[known, r])) == 2]
    clean = np.zeros(len(pool), bool)
    clean[known] = True
    model = LinearClassifier().fit(take(tokens, pool), seen[:, learned], [str(r) for r in learned], clean)
    return model, seen[:, learned]


if __name__ == "__main__":
    main()
