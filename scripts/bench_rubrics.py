"""Measure the quality of rubrics, ours and other tools', on the same folds of the same cleaned text.

    python scripts/bench_rubrics.py gold [--annif annif/bin/python] [--repeats 5] [--no-demo]
    python scripts/bench_rubrics.py outlets           gold, each outlet tested by a model of the others
    python scripts/bench_rubrics.py lenta13 | demo    thirteen rubrics; an outlet held out (synthetic)
    python scripts/bench_rubrics.py archive           what the archive's labels bring, ours alone

Ours is trained on the clean articles of the other folds, the demonstration corpus and, on `gold`, the archive
with the outlets' own labels; in one row on unlabelled articles as well, which the others cannot use. The
others get the clean articles and the demonstration corpus, with which they do best (`--joined` adds the
archive). `--no-demo` leaves the demonstration corpus out for all tools, since a newsroom has only its own
articles.

Our thresholds come from our training articles. Those of the others are chosen on the *test* scores of the
other folds, which helps them; the rows «thresholds tuned» give ours the same help; «at 0» is scikit-learn's
own threshold. Average precision is over all folds in one list: ranked by probabilities, which each fold
calibrates for itself, and «by margins», as the scores of the others are ranked. Near-duplicates are in one
fold.

Prints Markdown tables. Needs: pip install fasttext-wheel; an environment with annif[fasttext,omikuji]; the
news folder, see scripts/news.py.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import csv
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

import news
from rubric_peers import peers
from topics.classifiers.linear import LinearClassifier, LinearSettings
from topics.corpus import Corpus, embedded
from topics.quality import measuring
from topics.quality.evaluation import Answers, calibration_error
from topics.rubrics.calibration import Truth, log_odds
from topics.rubrics.decisions import best_threshold
from topics.text.boilerplate import BoilerplateLearner
from topics.text.cleaning import Cleaner
from topics.text.duplicates import groups
from topics.text.tokens import concatenate, take, tokenize
from topics.types import Article, Labels, TokenBatch

RUBRICS = ("economy", "industry", "tourism")
Rows = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
LARGE = ("lenta", "nplus1", "ria", "rt")
"""Outlets with most gold articles, by the beginning of their names."""
GOLD, DEMO, ARCHIVE, UNLABELLED = "gold", "demo", "archive", "unlabelled"


@dataclass(frozen=True)
class Material:
    """Cleaned articles and their labels."""

    texts: list[str]
    tokens: TokenBatch
    truth: Truth
    rubrics: tuple[str, ...]
    part: npt.NDArray[np.str_]
    """Gold, demo, archive or unlabelled; in `demo` the outlet."""
    group: Rows
    outlet: npt.NDArray[np.str_]
    """Group of near-duplicates."""

    def rows(self, *parts: str) -> Rows:
        return np.flatnonzero(np.isin(self.part, parts))


class Result(NamedTuple):
    """Predictions for the test articles."""

    scores: npt.NDArray[np.float64]
    given: Bools
    wrong: npt.NDArray[np.float64] | None
    """Probability of an error; None if the tool has none."""
    margins: npt.NDArray[np.float64] | None = None
    """Scores before calibration; None if `scores` are not calibrated."""


System = Callable[[Material, Rows, Rows], Result]
"""Trains on the first rows, predicts the second."""
Split = tuple[Rows, Rows]


# --- data ---


def gold() -> Material:
    clean = {row["id"]: row["rubrics"] for row in csv.DictReader(_gold_lines(), delimiter="\t")}
    articles, parts = [], []
    for row in news.rows("rubrics"):
        names, unknown = row["rubrics"], frozenset(row["unknown"])
        if row["id"] in clean:
            names, unknown = clean[row["id"]].replace("none", "").split("+"), frozenset()
        labels = Labels(frozenset(names) - {""}, unknown)
        articles.append(
            Article(row["id"], row["text"], row["title"] or "", outlet=row["source"], labels=labels)
        )
        parts.append(GOLD if row["id"] in clean else ARCHIVE)
    demo = [article for batch in Corpus(embedded()).batches() for article in batch.articles]
    more = news.articles("unlabelled")
    parts += [DEMO] * len(demo) + [UNLABELLED] * len(more)
    return material([*articles, *demo, *more], RUBRICS, parts)


def _gold_lines() -> list[str]:
    return (news.folder() / "gold.tsv").read_text(encoding="utf-8").splitlines()


def lenta13() -> Material:
    rows = news.rows("lenta13")
    articles = [
        Article(str(r["id"]), r["text"], r["title"] or "", labels=Labels(frozenset(r["rubrics"])))
        for r in rows
    ]
    rubrics = tuple(sorted({name for row in rows for name in row["rubrics"]}))
    return material(articles, rubrics, [GOLD] * len(rows))


def demo() -> Material:
    articles = [article for batch in Corpus(embedded()).batches() for article in batch.articles]
    return material(articles, RUBRICS, [article.outlet for article in articles])


def material(articles: Sequence[Article], rubrics: tuple[str, ...], parts: list[str]) -> Material:
    learner, cleaner = BoilerplateLearner(), Cleaner()
    for article in articles:
        learner.add(article.outlet, cleaner.clean("", article.text)[1])
    cleaner = Cleaner(boilerplate=learner.learn())
    cleaned = [cleaner.clean(article.title, article.text, article.outlet) for article in articles]
    batches = [cleaned[start : start + 2000] for start in range(0, len(cleaned), 2000)]
    tokens = concatenate([tokenize(*map(list, zip(*batch, strict=True))) for batch in batches])
    states = [[a.labels.state(name) if a.labels else None for name in rubrics] for a in articles]
    truth = np.array([[-1 if s is None else int(s) for s in row] for row in states], np.int8)
    texts = [f"{title} {text}" for title, text in cleaned]
    outlets = np.array([article.outlet for article in articles])
    return Material(texts, tokens, truth, rubrics, np.array(parts), groups(tokens), outlets)


def gold_splits(m: Material, repeats: int, others: tuple[str, ...]) -> Iterator[list[Split]]:
    """Yield five folds of gold for each repeat; `others`, less near-duplicates, are always in training."""
    gold_rows, added = m.rows(GOLD), m.rows(*others)
    for repeat in range(repeats):
        distinct = np.random.default_rng(repeat).permutation(np.unique(m.group[gold_rows]))
        fold_of = {group: i % 5 for i, group in enumerate(distinct.tolist())}
        folds = np.array([fold_of[group] for group in m.group[gold_rows].tolist()])
        yield [
            (
                np.r_[gold_rows[folds != f], added[~np.isin(m.group[added], m.group[gold_rows[folds == f]])]],
                gold_rows[folds == f],
            )
            for f in range(5)
        ]


def outlet_splits(m: Material, parts: Sequence[str]) -> list[Split]:
    """Test on the gold articles of each large outlet, and of the small ones together; train on the others."""
    family = np.array([name.partition("_")[0] for name in m.outlet])
    family[~np.isin(family, LARGE)] = "others"
    tested, learned = m.rows(GOLD), m.rows(*parts)
    splits = []
    for name in (*LARGE, "others"):
        test = tested[family[tested] == name]
        train = learned[family[learned] != name]
        splits.append((train[~np.isin(m.group[train], m.group[test])], test))
    return splits


def demo_splits(m: Material) -> list[Split]:
    return [(np.flatnonzero(m.part != name), np.flatnonzero(m.part == name)) for name in np.unique(m.part)]


# --- systems ---


def ours(settings: LinearSettings | None = None, *, hidden: bool = False) -> System:
    """Return our system; with `hidden` it uses the text of the archive, but not its labels."""

    def system(m: Material, train: Rows, test: Rows) -> Result:
        clean = ~np.isin(m.part[train], [ARCHIVE, UNLABELLED])
        truth = np.where(clean[:, None] | (not hidden), m.truth[train], -1).astype(np.int8)
        model = LinearClassifier(settings).fit(take(m.tokens, train), truth, m.rubrics, clean)
        probabilities = model.predict_proba(take(m.tokens, test))
        decisions = model.decisions
        return Result(
            probabilities,
            decisions.given(probabilities),
            decisions.error_probability(probabilities),
            (log_odds(probabilities) - decisions.offsets) / decisions.slopes,
        )

    return system


def peer(scores: Callable[..., npt.NDArray[np.float64]], *, at_zero: bool = False) -> System:
    def system(m: Material, train: Rows, test: Rows) -> Result:
        truth = m.truth[train].copy()
        values = scores([m.texts[i] for i in train], np.maximum(truth, 0), [m.texts[i] for i in test])
        return Result(values, values > 0 if at_zero else np.zeros(values.shape, bool), None)

    return system


def measure(
    name: str, system: System, m: Material, repeats: Sequence[list[Split]], *, tuned: str = ""
) -> None:
    """Print metrics averaged over repeats: a row `name`, and a row `tuned` with thresholds tuned.

    No row is printed for an empty name. In each repeat all test articles are evaluated together.
    """
    start = time.process_time()
    predicted = [[system(m, train, test) for train, test in splits] for splits in repeats]
    seconds = (time.process_time() - start) / sum(map(len, repeats))
    for label in filter(None, (name, tuned)):
        rows = []
        for splits, results in zip(repeats, predicted, strict=True):
            truth = m.truth[np.concatenate([test for _, test in splits])]
            rows.append(_metrics(truth, _tuned(m, splits, results) if label == tuned else results, m.rubrics))
        cells = [f"{x:.3f}" if np.isfinite(x) else "–" for x in np.mean(rows, axis=0)]
        print(f"| {label} | {' | '.join(cells)} | {seconds:.1f} |", flush=True)


def _tuned(m: Material, splits: list[Split], results: list[Result]) -> list[Result]:
    """Give each fold the thresholds with the best F1 on the predictions of the other folds."""
    tuned = []
    for fold, (scores, *_) in enumerate(results):
        rest = [f for f in range(len(splits)) if f != fold]
        others = np.concatenate([results[f].scores for f in rest])
        truth = m.truth[np.concatenate([splits[f][1] for f in rest])]
        scale = [1 / (1 + np.exp(-x)) if others.min() < 0 else x for x in (others, scores)]
        cuts = [best_threshold(scale[0][:, r], truth[:, r]) for r in range(truth.shape[1])]
        tuned.append(Result(scores, scale[1] >= np.array(cuts), None, results[fold].margins))
    return tuned


METRICS = (
    "mean AP",
    "by margins",
    "macro-F1",
    "micro-F1",
    "exact match",
    "calibration error",
    "calibration error, p > .1",
    "exact match, 15 % reviewed",
)


def _metrics(truth: Truth, results: list[Result], rubrics: tuple[str, ...]) -> list[float]:
    """Compute METRICS, then average precision and F1 of each rubric if there are three."""
    scores, given = (np.concatenate([result[i] for result in results]) for i in (0, 1))
    margins = np.concatenate([r.scores if r.margins is None else r.margins for r in results])
    known = [truth[:, r] >= 0 for r in range(len(rubrics))]
    by_margins = [average_precision_score(truth[k, r], margins[k, r]) for r, k in enumerate(known)]
    answers = Answers(truth, scores, given, np.zeros(len(truth), bool))
    found = measuring.summary(measuring.measure(answers, rubrics, draws=1), "")
    calibration = likely = reviewed = np.nan
    if all(result.wrong is not None for result in results):
        calibration = calibration_error((truth == 1).ravel(), scores.ravel())
        likely = found.likely.calibration_error if found.likely else np.nan
        sure = np.argsort(np.concatenate([r.wrong for r in results if r.wrong is not None]), kind="stable")
        kept = sure[: round(0.85 * len(sure))]
        reviewed = float(((truth == 1) == given)[kept].all(axis=1).mean())
    average = found.mean_average_precision, float(np.mean(by_margins))
    summary = *average, found.macro_f1, found.micro_f1, found.exact_match
    each = [x for rubric in found.rubrics for x in (rubric.average_precision, rubric.f1)]
    return [*summary, calibration, likely, reviewed, *(each if len(rubrics) == 3 else [])]


def head(m: Material) -> None:
    each = [f"{name} {what}" for name in m.rubrics for what in ("AP", "F1")] if len(m.rubrics) == 3 else []
    names = ["", *METRICS, *each, "CPU s per fit"]
    print("| " + " | ".join(names) + " |\n|---" * 1 + "|---" * (len(names) - 1) + "|")


# --- parts ---


def compare(
    m: Material,
    repeats: list[list[Split]],
    theirs: list[list[Split]],
    options: argparse.Namespace,
    more: Sequence[list[Split]] = (),
) -> None:
    head(m)
    if options.who != "others":
        measure("**topics**", ours(), m, repeats, tuned="the same, thresholds tuned")
        if more:
            measure("**topics, with unlabelled articles**", ours(), m, more)
    for name, scores in peers(options.annif).items() if options.who != "ours" else ():
        if name.startswith("scikit"):
            measure(f"{name}, at 0", peer(scores, at_zero=True), m, theirs)
        measure("", peer(scores), m, theirs, tuned=f"{name}, thresholds tuned")


def part_gold(options: argparse.Namespace) -> None:
    m = gold()
    demo = () if options.no_demo else (DEMO,)
    with_archive = list(gold_splits(m, options.repeats, (*demo, ARCHIVE)))
    clean = list(gold_splits(m, options.repeats, demo))
    more = list(gold_splits(m, options.repeats, (*demo, ARCHIVE, UNLABELLED)))
    compare(m, with_archive, with_archive if options.joined else clean, options, more)


def part_lenta13(options: argparse.Namespace) -> None:
    m = lenta13()
    repeats = list(gold_splits(m, min(options.repeats, 2), ()))
    compare(m, repeats, repeats, options)


def part_demo(options: argparse.Namespace) -> None:
    m = demo()
    compare(m, [demo_splits(m)], [demo_splits(m)], options)


def part_outlets(options: argparse.Namespace) -> None:
    m = gold()
    clean = [outlet_splits(m, [GOLD])]
    with_archive = [outlet_splits(m, [GOLD, ARCHIVE])]
    compare(m, with_archive, with_archive if options.joined else clean, options)


def part_archive(options: argparse.Namespace) -> None:
    m = gold()
    clean = list(gold_splits(m, options.repeats, (DEMO,)))
    joined = list(gold_splits(m, options.repeats, (DEMO, ARCHIVE)))
    noisy = [[(train[m.part[train] == ARCHIVE], test) for train, test in splits] for splits in joined]
    head(m)
    measure("the archive alone, as labelled", ours(), m, noisy)
    measure("clean articles alone", ours(), m, clean)
    text_too = "clean articles alone, vocabulary and latent directions of the archive's text too"
    measure(text_too, ours(hidden=True), m, joined)
    measure("both, unweighted", ours(LinearSettings(settle=False, clean_weight=1.0)), m, joined)
    measure("both, clean articles have weight 5", ours(LinearSettings(settle=False)), m, joined)
    measure("**both, archive weighted by log odds**", ours(), m, joined)


PARTS = {
    "gold": part_gold,
    "outlets": part_outlets,
    "lenta13": part_lenta13,
    "demo": part_demo,
    "archive": part_archive,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="by default all")
    parser.add_argument("--annif", help="the Python of an environment with annif[fasttext,omikuji]")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--who", choices=("ours", "others"), help="ours or the others alone, on the same folds"
    )
    parser.add_argument("--joined", action="store_true", help="train the others on the archive as well")
    parser.add_argument("--no-demo", action="store_true", help="gold: without the demonstration corpus")
    options = parser.parse_args()
    for name in options.parts or PARTS:
        print(f"\n### {name}\n")
        PARTS[name](options)


if __name__ == "__main__":
    sys.exit(main())
