"""Measure the speed of rubrics and of fastText and scikit-learn: CPU time of one thread, all in one run.

    python scripts/bench_speed.py scoring      articles per second on rbc2020 and on rubrics
    python scripts/bench_speed.py training     seconds to train on rubrics with the labels of gold.tsv
    python scripts/bench_speed.py article      one article through Tagger.tag; a fresh process; --help

The other tools get the raw text of the same articles; ours includes the time of cleaning. fastText is trained
with bigrams for fifteen epochs; scikit-learn is TfidfVectorizer, with a pymorphy3 tokenizer that caches every
word, and LinearSVC. «Three fields» has body, lead and title, the same features as ours. «Cold» is the first
pass over the corpus of a process that knows none of its words. Five rounds follow, in which each tool has one
turn. As the speed of a machine drifts, ratios are taken within a round; printed are their median, lowest and
highest, and the rate of the best round. For training, wall time is printed as well, with one process and with
one per core; it is comparable only on an idle machine.

Needs: pip install fasttext-wheel; the news folder, see scripts/news.py.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import csv
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import news
from topics.config import Config
from topics.corpus import Corpus
from topics.rubrics.prefixes import PrefixSettings, prefixes
from topics.tagger import Tagger
from topics.text import lexicon
from topics.training.job import TrainingJob
from topics.types import Article
from topics.versions.registry import Registry

BATCH, ROUNDS = 2000, 5
T = TypeVar("T")
WORD = re.compile(r"[^\W\d_]{2,}(?:-[^\W\d_]+)*|\d+%?")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return the CPU seconds of this process, and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def our_model(models: Path, jobs: int = 1) -> Tagger:
    corpus = Corpus(news.folder() / "rubrics.jsonl.gz", labels_file=news.folder() / "gold.tsv")
    TrainingJob(corpus, Config(), Registry(models), jobs=jobs).train_rubrics()
    return Tagger.load(models)


def plain(article: Article) -> str:
    return f"{article.title} {article.text}".replace("\n", " ")


class Lemmatizer:
    """Words by a regular expression, lemmas by pymorphy3 with a cache: what is usual in notebooks."""

    def __init__(self) -> None:
        import pymorphy3

        self.analyzer = pymorphy3.MorphAnalyzer()
        self.cache: dict[str, str] = {}

    def __call__(self, text: str) -> list[str]:
        return [self.cache.get(word) or self._learn(word) for word in WORD.findall(text.lower())]

    def _learn(self, word: str) -> str:
        lemma: str = self.analyzer.parse(word)[0].normal_form
        self.cache[word] = lemma
        return lemma


def vectorizer(lemmatizer: Lemmatizer, max_n: int = 1) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    settings = {"sublinear_tf": True, "min_df": 3, "max_df": 0.4, "ngram_range": (1, max_n)}
    return TfidfVectorizer(tokenizer=lemmatizer, token_pattern=None, lowercase=False, **settings)


class Scikit:
    """TfidfVectorizer and one LinearSVC per rubric."""

    def __init__(self, lemmatizer: Lemmatizer, max_n: int) -> None:
        self.vectorizer = vectorizer(lemmatizer, max_n)

    def fit(self, texts: Sequence[str], truth: np.ndarray[Any, Any]) -> Scikit:
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.svm import LinearSVC

        self.model = OneVsRestClassifier(LinearSVC(C=0.5)).fit(self.vectorizer.fit_transform(texts), truth)
        return self

    def predict(self, texts: Sequence[str]) -> Any:
        return self.model.predict(self.vectorizer.transform(texts))


def fields(texts: Sequence[str], titles: Sequence[str]) -> list[list[str]]:
    """Return body, lead and title of all articles; the title is part of all three."""
    bodies = [f"{title} {text}".replace("\n", " ") for text, title in zip(texts, titles, strict=True)]
    leads = [f"{title} {' '.join(text.split()[:60])}" for text, title in zip(texts, titles, strict=True)]
    return [bodies, leads, list(titles)]


class ScikitFields(Scikit):
    """The same with three TfidfVectorizers side by side, the features of `topics`."""

    def __init__(self, lemmatizer: Lemmatizer) -> None:
        self.vectorizers = [vectorizer(lemmatizer) for _ in range(3)]

    def fit(self, articles: Sequence[Article], truth: np.ndarray[Any, Any]) -> ScikitFields:
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.svm import LinearSVC

        for part, texts in zip(self.vectorizers, self._fields(articles), strict=True):
            part.fit(texts)
        self.model = OneVsRestClassifier(LinearSVC(C=0.5)).fit(self._features(articles), truth)
        return self

    def predict(self, articles: Sequence[Article]) -> Any:
        return self.model.predict(self._features(articles))

    def _features(self, articles: Sequence[Article]) -> Any:
        from scipy import sparse

        parts = zip(self.vectorizers, self._fields(articles), (1, 1, 0.5), strict=True)
        return sparse.hstack([part.transform(texts) * weight for part, texts, weight in parts]).tocsr()

    def _fields(self, articles: Sequence[Article]) -> list[list[str]]:
        return fields([article.text for article in articles], [article.title for article in articles])


def fasttext_model(texts: Sequence[str], labels: Sequence[Sequence[str]]) -> Any:
    import fasttext

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for text, names in zip(texts, labels, strict=True):
            file.write(" ".join(f"__label__{name}" for name in names or ["none"]) + f" {text}\n")
        file.flush()
        return fasttext.train_supervised(
            file.name, wordNgrams=2, loss="ova", epoch=15, lr=0.3, thread=1, verbose=0
        )


def scoring() -> None:
    rows = news.rows("rubrics")
    labels = [row["rubrics"] for row in rows]
    truth = np.array([["economy" in row, "industry" in row, "tourism" in row] for row in labels])
    corpora = {name: news.articles(name) for name in ("rbc2020", "rubrics")}
    texts = {name: [plain(article) for article in articles] for name, articles in corpora.items()}
    with tempfile.TemporaryDirectory() as models:
        tagger = our_model(Path(models))
        fasttext = fasttext_model(texts["rubrics"], labels)
        lemmatizer = Lemmatizer()
        unigrams, bigrams = (Scikit(lemmatizer, n).fit(texts["rubrics"], truth) for n in (1, 2))
        three_fields = ScikitFields(lemmatizer).fit(corpora["rubrics"], truth)
        names = (
            "ours",
            "ours, cold",
            "with bigrams, cold",
            "fastText, bigrams",
            "scikit-learn, single words",
            "with our three fields",
            "with bigrams",
        )
        print(f"| corpus | articles | characters | {' | '.join(names)} |\n|{'---|' * (3 + len(names))}")
        for name, articles in corpora.items():
            ours = partial(batched, tagger.tag_articles, articles)
            fast = partial(fasttext.predict, texts[name], k=-1, threshold=0.5)
            slow, slower = (partial(batched, model.predict, texts[name]) for model in (unigrams, bigrams))
            by_fields = partial(batched, three_fields.predict, articles)
            lexicon.forget()
            lemmatizer.cache.clear()
            cold = timed(ours)[0], timed(slower)[0]
            rounds = [
                [timed(work)[0] for work in (ours, fast, slow, by_fields, slower)] for _ in range(ROUNDS)
            ]
            cells = [f"{len(articles) / min(one[0] for one in rounds):,.0f}/s"]
            cells += [f"{len(articles) / seconds:,.0f}/s" for seconds in cold]
            cells += [_compared(rounds, system, len(articles)) for system in range(1, len(rounds[0]))]
            length = sum(map(len, texts[name])) / len(articles)
            print(f"| {name} | {len(articles):,} | {length:,.0f} | {' | '.join(cells)} |", flush=True)
    print(
        "\nIn brackets: how many times faster ours is, when warm; median, lowest and highest of the rounds."
    )


def _compared(rounds: list[list[float]], system: int, count: int) -> str:
    ratios = sorted(seconds[system] / seconds[0] for seconds in rounds)
    rate = count / min(seconds[system] for seconds in rounds)
    return f"{rate:,.0f}/s ({statistics.median(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f})"


def batched(score: Callable[[list[Any]], Any], items: list[Any]) -> None:
    for start in range(0, len(items), BATCH):
        score(items[start : start + BATCH])


def training() -> None:
    """Train ours and scikit-learn: the same three fields, folds and number of linear models."""
    for jobs in (1, os.cpu_count() or 1):
        with tempfile.TemporaryDirectory() as models:
            start = time.perf_counter()
            ours, tagger = timed(partial(our_model, Path(models), jobs))
            wall = time.perf_counter() - start
            lexicon.forget()
            our_model(Path(models), jobs)
            again = time.perf_counter() - start - wall
        macro = tagger.manifest.rubric_metrics().macro_f1
        cpu = f"{ours:.1f} s CPU, " if jobs == 1 else ""
        print(
            f"ours, processes: {jobs}: {cpu}{wall:.1f} s wall, macro-F1 {macro:.3f} (all of `train`); "
            f"again, with the words of the previous version: {again:.1f} s",
            flush=True,
        )
    for latent in (False, True):
        start = time.perf_counter()
        cpu_seconds, _ = timed(partial(scikit_training, latent))
        wall = time.perf_counter() - start
        name = "the very same features" if latent else "the three fields alone"
        print(f"scikit-learn, {name}: {cpu_seconds:.1f} s CPU, {wall:.1f} s wall", flush=True)


def scikit_training(latent: bool) -> None:
    """Fit a final model and five folds on three TfidfVectorizers (body, lead, title); clean articles weigh 5.

    With `latent`, latent directions and word prefixes are added: the very same features as in `topics`.

    As in `topics`, each model is fitted twice: on the clean articles, to find wrong labels of the archive,
    and on the rest. Reading the files is included in the time; nothing is cleaned or evaluated.
    """
    from scipy import sparse
    from sklearn.decomposition import TruncatedSVD
    from sklearn.svm import LinearSVC

    rows = news.rows("rubrics")
    with (news.folder() / "gold.tsv").open(encoding="utf-8") as file:
        gold = {row["id"]: row["rubrics"].split("+") for row in csv.DictReader(file, delimiter="\t")}
    clean = np.array([row["id"] in gold for row in rows])
    lemmatizer = Lemmatizer()
    texts = fields([row["text"] for row in rows], [row["title"] or "" for row in rows])
    vectorizers = [vectorizer(lemmatizer) for _ in texts]
    body, lead, title = (one.fit_transform(field) for one, field in zip(vectorizers, texts, strict=True))
    parts = [body, lead, title * 0.5]
    if latent:
        parts.append(TruncatedSVD(200, n_iter=2, random_state=0).fit_transform(body) * 3.0)
        parts.append(body @ prefixes(list(vectorizers[0].get_feature_names_out()), PrefixSettings()))
    X = sparse.hstack(parts).tocsr()
    folds = np.random.default_rng(0).permutation(len(rows)) % 5
    weights = np.where(clean, 5.0, 1.0)
    for rubric in ("economy", "industry", "tourism"):
        truth = np.array([rubric in gold.get(row["id"], row["rubrics"]) for row in rows])
        known = np.array([row["id"] in gold or rubric not in row["unknown"] for row in rows])
        for fold in (None, *range(5)):
            train_rows = known & (folds != fold) if fold is not None else known
            checked = np.flatnonzero(train_rows & clean)
            first = LinearSVC(C=0.5, class_weight="balanced").fit(X[checked], truth[checked])
            margins = first.decision_function(X)
            wrong = np.where(truth, margins < -0.5, margins > 0) & ~clean
            chosen = np.flatnonzero(train_rows & ~wrong)
            LinearSVC(C=0.5, class_weight="balanced").fit(X[chosen], truth[chosen], weights[chosen])


def article() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tagger = our_model(Path(folder))
        near = sorted(news.articles("rbc2020"), key=lambda one: abs(len(one.text) - 1000))[:200]
        for one in near:
            tagger.tag(one.text, one.title)
        times = []
        for one in near * ROUNDS:
            start = time.perf_counter()
            tagger.tag(one.text, one.title)
            times.append(time.perf_counter() - start)
        print(f"Tagger.tag, 1,000 characters, warm: median {statistics.median(times) * 1e3:.3f} ms")
        first = "from topics import Tagger; Tagger.load('{}').tag('Завод увеличил выпуск проката')"
        print(f"fresh process, load and first tag: {fresh('-c', first.format(folder)):.2f} s wall")
    print(f"python -m topics --help: {fresh('-m', 'topics', '--help'):.2f} s wall")


def fresh(*arguments: str) -> float:
    """Return the wall seconds of a Python process with compiled bytecode, the best of seven."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(8):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times[1:])


if __name__ == "__main__":
    parts = {"scoring": scoring, "training": training, "article": article}
    if len(sys.argv) != 2 or sys.argv[1] not in parts:
        sys.exit(__doc__)
    parts[sys.argv[1]]()
