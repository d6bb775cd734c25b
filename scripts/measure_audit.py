"""Measure the precision of `topics audit`: a noisy archive compared with carefully checked labels.

    python scripts/measure_audit.py

rubrics.jsonl.gz is the archive; gold.tsv has checked labels of 800 of its articles, which were chosen among
borderline cases. A label is covered if the archive states it and gold.tsv has the article. The rate at random
is the share of covered labels that are wrong. Rankings: ours (out-of-fold probability of the opposite),
cleanlab's label quality scores and its filter; then ours with half of gold.tsv as checked labels, measured on
the other half. Needs cleanlab and the news folder, see scripts/news.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import news
from topics.config import Config
from topics.corpus import Corpus, load_labels
from topics.labelling.audit import doubt
from topics.training.learning import learn
from topics.training.preparation import prepare

FIRST = (200, 500, 1_000, 2_000)


def main() -> None:
    data = news.folder()
    archive, (gold, _) = data / "rubrics.jsonl.gz", load_labels(data / "gold.tsv")
    ids = [article.id for batch in Corpus(archive).batches() for article in batch.articles]
    learned = learn(prepare(Corpus(archive), Config()), Config())
    rubrics = learned.pipeline.rubrics
    right = np.array([[int(name in gold[i].rubrics) if i in gold else -1 for name in rubrics] for i in ids])
    truth, probabilities = learned.truth, learned.answers.probabilities
    known = (truth >= 0) & (right >= 0)
    wrong = known & (truth != right)
    rate = wrong.sum() / known.sum()
    print(f"{known.sum()} labels covered, {wrong.sum()} wrong: at random {rate:.1%}")
    show("ours: out-of-fold probability", doubt(truth, probabilities), truth, known, wrong)
    for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        show(f"cleanlab: {method}", cleanlab_scores(truth, probabilities, method), truth, known, wrong)
    flagged = cleanlab_filter(truth, probabilities)
    print(f"cleanlab: find_label_issues flags {flagged.sum()}: {share(flagged, known, wrong)}")
    same = np.argsort(-doubt(truth, probabilities), axis=None)[: flagged.sum()]
    first = np.zeros(truth.size, bool)
    first[same] = True
    print(f"ours, as many: {share(first.reshape(truth.shape), known, wrong)}")
    half_checked(archive, ids, right)


def half_checked(archive: Path, ids: list[str], right: np.ndarray) -> None:
    """Train with half of the checked labels, measure on the other half, and exchange them."""
    rows = np.random.default_rng(0).permutation(np.flatnonzero(right[:, 0] >= 0))
    for half in (rows[::2], rows[1::2]):
        corpus = Corpus(archive)
        gold, _ = load_labels(archive.parent / "gold.tsv")
        corpus.labels = {ids[row]: gold[ids[row]] for row in half}
        learned = learn(prepare(corpus, Config()), Config())
        truth = learned.truth.copy()
        truth[half] = -1
        known = (truth >= 0) & (right >= 0)
        wrong = known & (truth != right)
        print(f"half of gold checked: {known.sum()} labels, {wrong.sum()} wrong")
        show("ours: with checked labels", doubt(truth, learned.answers.probabilities), truth, known, wrong)


def cleanlab_scores(truth: np.ndarray, probabilities: np.ndarray, method: str) -> np.ndarray:
    from cleanlab.rank import get_label_quality_scores

    scores = np.zeros(truth.shape)
    adjust = method != "confidence_weighted_entropy"
    for r in range(truth.shape[1]):
        rows, both = binary(truth, probabilities, r)
        scores[rows, r] = 1 - get_label_quality_scores(
            truth[rows, r].astype(int), both, method=method, adjust_pred_probs=adjust
        )
    return scores


def cleanlab_filter(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    flagged = np.zeros(truth.shape, bool)
    for r in range(truth.shape[1]):
        rows, both = binary(truth, probabilities, r)
        flagged[rows, r] = find_label_issues(truth[rows, r].astype(int), both, n_jobs=1)
    return flagged


def binary(truth: np.ndarray, probabilities: np.ndarray, r: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.flatnonzero(truth[:, r] >= 0)
    return rows, np.stack([1 - probabilities[rows, r], probabilities[rows, r]], axis=1)


def show(name: str, scores: np.ndarray, truth: np.ndarray, known: np.ndarray, wrong: np.ndarray) -> None:
    order = np.argsort(-np.where(truth >= 0, scores, -1), axis=None, kind="stable")
    parts = []
    for n in FIRST:
        first = np.zeros(truth.size, bool)
        first[order[:n]] = True
        parts.append(f"first {n}: {share(first.reshape(truth.shape), known, wrong)}")
    print(f"{name:40s}", "   ".join(parts))


def share(flagged: np.ndarray, known: np.ndarray, wrong: np.ndarray) -> str:
    covered, hits = int((flagged & known).sum()), int((flagged & wrong).sum())
    return f"{hits}/{covered} = {hits / max(covered, 1):.0%}"


if __name__ == "__main__":
    main()
