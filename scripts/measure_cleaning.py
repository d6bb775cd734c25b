"""Measure what cleaning changes, what it costs, and how it affects the quality of rubrics.

    python scripts/measure_cleaning.py rules         texts changed by each rule in each source; CPU time
    python scripts/measure_cleaning.py boilerplate   what is learned as boilerplate, for each outlet
    python scripts/measure_cleaning.py scores        cross-validation on the clean labels (some ten minutes)

Needs the news folder, see scripts/news.py; `scores` also pymorphy3.
"""

from __future__ import annotations

import csv
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

import news
from topics.text.boilerplate import Boilerplate, BoilerplateLearner
from topics.text.cleaning import RULES, TEXT_RULES, Cleaner, Rule

FILES = ("rubrics", "unlabelled", "lenta13", "rbc2020", "telegram2025")
RUBRICS = ("economy", "industry", "tourism")
REPEATS, FOLDS = 5, 5


class Text(NamedTuple):
    """What cleaning needs of an article."""

    id: str
    outlet: str
    title: str
    text: str


def read(name: str) -> list[Text]:
    return [Text(row["id"], row["source"], row["title"] or "", row["text"]) for row in news.rows(name)]


def learned(texts: Iterable[Text]) -> Boilerplate:
    cleaner, learner = Cleaner(), BoilerplateLearner()
    for one in texts:
        learner.add(one.outlet, cleaner.clean("", one.text)[1])
    return learner.learn()


# --- rules ---


def report_rules() -> None:
    for name in FILES:
        texts = read(name)
        changed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for one in texts:
            text = one.text.strip()
            for rule in TEXT_RULES:
                triggered = any(trigger in text for trigger in rule.triggers)
                after = rule.apply(text) if triggered else text
                changed[rule.name][one.outlet] += after != text
                text = after
        print(f"\n{name}: {dict(Counter(one.outlet for one in texts).most_common())}")
        for rule_name, counts in changed.items():
            print(f"  {rule_name:12s} {sum(counts.values()):6d}  {dict((+counts).most_common(6))}")
        report_speed(texts, learned(texts))


def report_speed(texts: list[Text], boilerplate: Boilerplate) -> None:
    cleaner = Cleaner(drop_recaps=True, boilerplate=boilerplate)
    best = least_seconds(lambda: [cleaner.clean(one.title, one.text, one.outlet) for one in texts])
    characters = sum(len(one.text) for one in texts)
    each, thousand = 1e6 * best / len(texts), 1e9 * best / characters
    print(f"  {each:.1f} µs per article, {thousand:.1f} µs per 1,000 characters")
    print("  rule, texts that trigger it, texts changed, µs per article:")
    stripped = [one.text.strip() for one in texts]
    for rule in TEXT_RULES:
        stripped = report_rule(rule, stripped)


def report_rule(rule: Rule, texts: list[str]) -> list[str]:
    """Print the cost of a rule, its triggers included, and return the texts after it."""

    def apply(text: str) -> str:
        for trigger in rule.triggers:
            if trigger in text:
                return rule.apply(text)
        return text

    best = least_seconds(lambda: [apply(text) for text in texts])
    triggered = sum(any(trigger in text for trigger in rule.triggers) for text in texts)
    after = [apply(text) for text in texts]
    changed = sum(new != old for new, old in zip(after, texts, strict=True))
    n = len(texts)
    print(f"    {rule.name:12s} {triggered / n:6.1%} {changed / n:6.1%} {1e6 * best / n:6.1f}")
    return after


def least_seconds(work: Callable[[], object], times: int = 3) -> float:
    """Return the lowest CPU time of several runs, which other load on the machine affects little."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def report_boilerplate() -> None:
    for name in FILES:
        texts = read(name)
        boilerplate = learned(texts)
        cleaner = Cleaner(boilerplate=boilerplate)
        plain = Cleaner()
        changed = Counter(
            t.outlet for t in texts if cleaner.clean("", t.text, t.outlet) != plain.clean("", t.text)
        )
        print(f"\n{name}: texts changed {dict(changed)}")
        for outlet, fragments in boilerplate.to_json().items():
            print(f"  {outlet}: {len(fragments)}")
            for fragment in fragments[:40]:
                print(f"    {fragment[:150]!r}")


# --- scores ---


def report_scores() -> None:
    rows, truth, gold = labelled()
    boilerplate = learned(read("rubrics"))
    rules = {rule.name for rule in RULES}
    variants: dict[str, Callable[[Text], tuple[str, str]]] = {
        "no cleaning": lambda t: (t.title, t.text),
        "rules, recaps kept": with_settings(Cleaner()),
        "rules, recaps dropped": with_settings(Cleaner(drop_recaps=True)),
        "rules + boilerplate, recaps kept": with_settings(Cleaner(boilerplate=boilerplate)),
        "rules + boilerplate, recaps dropped": with_settings(Cleaner(True, boilerplate=boilerplate)),
        "characters, tags and code only": with_settings(
            Cleaner(skip=tuple(rules - {"characters", "tags", "code"}))
        ),
        **{
            f"all rules but {name}": with_settings(Cleaner(skip=(name,)))
            for name in ("related", "credits", "datelines")
        },
    }
    results = {name: validate([clean(row) for row in rows], truth, gold) for name, clean in variants.items()}
    base = results["no cleaning"]
    for name, scores in results.items():
        gain = scores - base
        print(
            f"{name:36s}",
            *(
                f"{metric} {scores[:, i].mean():.4f} ({gain[:, i].mean():+.4f} ± {gain[:, i].std():.4f})"
                for i, metric in enumerate(("mean AP", "macro-F1 at 0", "macro-F1 best"))
            ),
        )


def with_settings(cleaner: Cleaner) -> Callable[[Text], tuple[str, str]]:
    return lambda t: cleaner.clean(t.title, t.text, t.outlet)


def labelled() -> tuple[list[Text], np.ndarray, int]:
    """Return the articles of gold.tsv, then the demonstration corpus, which is always in training."""
    with (news.folder() / "gold.tsv").open(encoding="utf-8") as table:
        labels = {row["id"]: row["rubrics"] for row in csv.DictReader(table, delimiter="\t")}
    rows = [one for one in read("rubrics") if one.id in labels]
    truth = [[rubric in labels[one.id].split("+") for rubric in RUBRICS] for one in rows]
    gold = len(rows)
    for path in sorted((news.ROOT / "data" / "demo").glob("*.jsonl")):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            rows.append(Text(row["id"], row["outlet"], row["title"], row["text"]))
            truth.append([rubric in row["rubrics"] for rubric in RUBRICS])
    return rows, np.array(truth), gold


def validate(cleaned: list[tuple[str, str]], truth: np.ndarray, gold: int) -> np.ndarray:
    """Return (mean AP, macro-F1 at 0, macro-F1 at the best thresholds) of each repeat; same folds for all."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics import average_precision_score, f1_score
    from sklearn.model_selection import KFold
    from sklearn.svm import LinearSVC

    documents = [lemmas(f"{title} {text[:6000]}") for title, text in cleaned]
    demo = np.arange(gold, len(documents))
    scores = []
    for seed in range(REPEATS):
        margins = np.zeros((gold, len(RUBRICS)))
        for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(np.arange(gold)):
            rows = np.r_[train, demo]
            tfidf = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
            X = tfidf.fit_transform([documents[i] for i in rows])
            X_test = tfidf.transform([documents[i] for i in test])
            for q in range(len(RUBRICS)):
                model = LinearSVC(C=0.5, class_weight="balanced").fit(X, truth[rows, q])
                margins[test, q] = model.decision_function(X_test)
        known = truth[:gold]
        precision = [average_precision_score(known[:, q], margins[:, q]) for q in range(len(RUBRICS))]
        f1 = [f1_score(known[:, q], margins[:, q] > 0) for q in range(len(RUBRICS))]
        best = [
            max(f1_score(known[:, q], margins[:, q] > t) for t in np.linspace(-1, 1, 41))
            for q in range(len(RUBRICS))
        ]
        scores.append((np.mean(precision), np.mean(f1), np.mean(best)))
    return np.array(scores)


WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
LEMMAS: dict[str, str] = {}


def lemmas(text: str) -> str:
    found = WORD.findall(text.lower())
    for form in {*found} - LEMMAS.keys():
        LEMMAS[form] = analyzer().normal_forms(form)[0].replace("ё", "е")
    return " ".join(LEMMAS[form] for form in found)


def analyzer(made: list[Any] = []) -> Any:  # noqa: B006 - created once, at first use
    if not made:
        import pymorphy3

        made.append(pymorphy3.MorphAnalyzer())
    return made[0]


if __name__ == "__main__":
    reports = {"rules": report_rules, "boilerplate": report_boilerplate, "scores": report_scores}
    if len(sys.argv) != 2 or sys.argv[1] not in reports:
        sys.exit(__doc__)
    reports[sys.argv[1]]()
