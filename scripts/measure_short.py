"""Measure how well a model trained on whole articles tags headlines and single sentences.

    python scripts/measure_short.py

Trains as `bench_rubrics.py gold` does: five folds of gold.tsv, with the archive and the demonstration corpus.
Each model is tested on the held-out articles, on their titles alone, on their first twenty words alone, and
on headlines.jsonl.gz, which is never used for training. Prints each with and without length calibration of
the margins. Needs the news folder, see scripts/news.py.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import news
from bench_rubrics import ARCHIVE, DEMO, RUBRICS, gold, gold_splits
from topics.classifiers.linear import LinearClassifier
from topics.quality.evaluation import Answers
from topics.quality.measuring import measure, summary
from topics.rubrics.calibration import Truth
from topics.rubrics.length_calibration import LengthCalibration
from topics.text.tokens import take, tokenize
from topics.types import TokenBatch

WORDS = 20
UNCORRECTED = LengthCalibration(usual=0, slopes=(0,), offsets=(0,))


def cut(tokens: TokenBatch, starts: np.ndarray, stops: np.ndarray) -> TokenBatch:
    """Return articles without a title, whose bodies are the tokens from `starts` to `stops`."""
    offsets = np.append(0, np.cumsum(stops - starts))
    ids = [tokens.ids[start:stop] for start, stop in zip(starts, stops, strict=True)]
    return TokenBatch(tokens.lemmas, np.concatenate(ids), offsets, offsets[:-1])


def headlines() -> tuple[TokenBatch, Truth]:
    rows = news.rows("headlines")
    truth = [
        [1 if r in row["rubrics"] else -1 if r in row["unknown"] else 0 for r in RUBRICS] for row in rows
    ]
    return tokenize([""] * len(rows), [row["text"] for row in rows]), np.array(truth, np.int8)


def main() -> None:
    m, (headline_tokens, headline_truth) = gold(), headlines()
    results: dict[tuple[str, bool], list[tuple[Truth, np.ndarray, np.ndarray]]] = {}
    for train, test in next(gold_splits(m, 1, (DEMO, ARCHIVE))):
        clean = m.part[train] != ARCHIVE
        model = LinearClassifier().fit(take(m.tokens, train), m.truth[train], m.rubrics, clean)
        tokens = take(m.tokens, test)
        texts = {
            "whole articles": (tokens, m.truth[test]),
            "titles alone": (cut(tokens, tokens.offsets[:-1], tokens.bodies), m.truth[test]),
            f"first {WORDS} words alone": (
                cut(tokens, tokens.bodies, np.minimum(tokens.bodies + WORDS, tokens.offsets[1:])),
                m.truth[test],
            ),
            "headlines": (headline_tokens, headline_truth),
        }
        for corrected in (False, True):
            if not corrected:
                calibration, model.length_calibration = model.length_calibration, UNCORRECTED
            else:
                model.length_calibration = calibration
            for name, (text, truth) in texts.items():
                probabilities = model.predict_proba(text)
                answers = truth, probabilities, model.decisions.given(probabilities)
                results.setdefault((name, corrected), []).append(answers)
    print("| | length calibration | mean AP | macro-F1 | micro-F1 | calibration error |")
    print("|---|---|---|---|---|---|")
    for (name, corrected), folds in results.items():
        truth, probabilities, given = map(np.concatenate, zip(*folds, strict=True))
        answers = Answers(truth, probabilities, given, np.zeros(len(truth), bool))
        metrics = summary(measure(answers, RUBRICS, draws=1), "")
        averages = (metrics.mean_average_precision, metrics.macro_f1, metrics.micro_f1)
        numbers = *averages, metrics.calibration_error
        print(f"| {name} | {'yes' if corrected else 'no'} | {' | '.join(f'{x:.3f}' for x in numbers)} |")


if __name__ == "__main__":
    main()
