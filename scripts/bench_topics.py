"""Compare our topic model with gensim, scikit-learn and tomotopy, on the same document-term matrix.

    python scripts/bench_topics.py models --corpus rbc2020 --topics 30 --seeds 3
    python scripts/bench_topics.py models --only ours,tomotopy-1000
    python scripts/bench_topics.py growth        time and memory at 5, 10, 20 and 40 thousand articles
    python scripts/bench_topics.py continuity    train on five months, retrain on six with a planted topic
    python scripts/bench_topics.py choice        selection of the number of topics, and its wall time
    python scripts/bench_topics.py all

Prints Markdown tables. A fifth of the articles is held out; a model sees half of the terms of each of these
and predicts the other half (document completion, log likelihood per term). Set OMP_NUM_THREADS=1: only
tomotopy and LdaMulticore use all cores.

Needs: pip install tomotopy; the news folder, --data or see scripts/news.py.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from itertools import combinations
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment

import news
from topics.corpus import Corpus
from topics.pipeline import read
from topics.text.cleaning import Cleaner
from topics.text.tokens import concatenate, take, tokenize
from topics.topic_models.coherence import CV_WINDOW, c_npmi, c_v, cooccurrence
from topics.topic_models.continuity import overlap
from topics.topic_models.inference import infer
from topics.topic_models.lda import LdaModel, LdaSettings, expected_words, learn, prior
from topics.topic_models.vocabulary import Occurrences, Vocabulary
from topics.types import TokenBatch

CORPORA = ("rbc2020", "unlabelled")
GROWTH = ("rubrics", "rbc2020", "telegram2025", "unlabelled", "lenta13")
CORES = os.cpu_count() or 1
TIMEOUT = 1800


class Data(NamedTuple):
    """Document-term matrices: training articles, and both halves of the held-out ones."""

    train: sparse.csr_array
    seen: sparse.csr_array
    held: sparse.csr_array
    places: Occurrences


class Answer(NamedTuple):
    """What a model learned, with time and memory."""

    phi: np.ndarray
    theta: np.ndarray
    """Topic shares inferred from the observed halves."""
    seconds: float
    cpu_seconds: float
    """CPU seconds of all cores together."""
    inference: float
    """Seconds to infer the observed halves."""
    memory: float
    """Additional peak memory in MB."""


Model = Callable[[Data, int, int], tuple[np.ndarray, Callable[[], np.ndarray]]]
"""(data, topics, seed) -> phi, and a function that infers theta."""


def ours(data: Data, topics: int, seed: int) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
    settings = LdaSettings(seed=seed)
    counts = learn(data.train, topics, settings)
    words, alpha = expected_words(counts), prior(topics, settings)
    return counts, lambda: infer(data.seen, words, alpha, settings.iterations, settings.threshold).gamma


def gensim(passes: int, workers: int = 0) -> Model:
    def fit(data: Data, topics: int, seed: int) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
        from gensim.models import LdaModel as Plain
        from gensim.models import LdaMulticore

        kind: Any = LdaMulticore if workers else Plain
        extra = {"workers": workers} if workers else {}
        model = kind(
            list(bags(data.train)),
            id2word={i: str(i) for i in range(data.train.shape[1])},
            num_topics=topics,
            random_state=seed,
            passes=passes,
            eval_every=None,
            **extra,
        )
        seen = list(bags(data.seen))
        return model.get_topics(), lambda: model.inference(seen)[0]

    return fit


def scikit(data: Data, topics: int, seed: int) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
    from sklearn.decomposition import LatentDirichletAllocation

    model = LatentDirichletAllocation(topics, learning_method="online", max_iter=10, random_state=seed)
    model.fit(sparse.csr_matrix(data.train))
    return model.components_, lambda: model.transform(sparse.csr_matrix(data.seen))


def tomotopy(iterations: int) -> Model:
    def fit(data: Data, topics: int, seed: int) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
        import tomotopy

        model = tomotopy.LDAModel(k=topics, seed=seed, alpha=0.1, eta=0.01)
        for bag in bags(data.train):
            model.add_doc([str(term) for term, count in bag for _ in range(int(count))])
        model.train(iterations, workers=CORES)
        phi = np.full((topics, data.train.shape[1]), 1e-7)
        columns = [int(word) for word in model.used_vocabs]
        for k in range(topics):
            phi[k, columns] = model.get_topic_word_dist(k)
        words = [[str(term) for term, count in bag for _ in range(int(count))] for bag in bags(data.seen)]

        def shares() -> np.ndarray:
            return np.array(model.infer([model.make_doc(one) for one in words], workers=CORES)[0])

        return phi, shares

    return fit


def whole(tokens: TokenBatch, topics: int, seed: int) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
    """Fit from tokens, vocabulary included."""
    model = LdaModel(LdaSettings(num_topics=topics, seed=seed)).fit(tokens)
    return model.counts, lambda: model.transform(tokens)


MODELS: dict[str, Callable[[Any, int, int], tuple[np.ndarray, Callable[[], np.ndarray]]]] = {
    "whole": whole,
    "ours": ours,
    "gensim": gensim(1),
    "gensim-20": gensim(20),
    "multicore": gensim(1, CORES),
    "sklearn": scikit,
    "tomotopy-300": tomotopy(300),
    "tomotopy-1000": tomotopy(1000),
}


def bags(matrix: sparse.csr_array) -> Iterator[list[tuple[int, float]]]:
    for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        yield list(zip(matrix.indices[start:stop].tolist(), matrix.data[start:stop].tolist(), strict=True))


def tokens_of(folder: Path, *names: str) -> tuple[TokenBatch, list[str]]:
    """Clean and tokenize corpora; return tokens and months of the articles."""
    parts, months = [], []
    for name in names:
        for batch in Corpus(folder / f"{name}.jsonl.gz").batches():
            parts.append(read(Cleaner(), batch.articles))
            months += [article.date[:7] for article in batch.articles]
    return concatenate(parts), months


def prepare(tokens: TokenBatch) -> Data:
    """Hold out a fifth; the vocabulary is learned on the rest."""
    n = len(tokens)
    order = np.random.default_rng(1).permutation(n)
    train, test = (take(tokens, np.sort(part)) for part in (order[: int(0.8 * n)], order[int(0.8 * n) :]))
    vocabulary = Vocabulary().fit(train)
    learned, held_out = vocabulary.transform(train), vocabulary.transform(test)
    generator = np.random.default_rng(2)
    seen, held = [], []
    for bag in bags(held_out):
        ids = np.array([term for term, count in bag for _ in range(int(count))], np.int64)
        if len(ids) >= 10:
            generator.shuffle(ids)
            seen.append(ids[: len(ids) // 2])
            held.append(ids[len(ids) // 2 :])
    width = learned.shape[1]
    known = np.diff(learned.indptr) > 0
    return Data(learned[known], matrix(seen, width), matrix(held, width), vocabulary.occurrences(tokens))


def matrix(rows: list[np.ndarray], width: int) -> sparse.csr_array:
    at = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    values = np.ones(len(at), np.float32)
    return sparse.csr_array((values, (at, np.concatenate(rows))), (len(rows), width))


def run(name: str, data: Data | TokenBatch, topics: int, seed: int) -> Answer | None:
    """Train in a fresh process, to measure its memory; None if it does not end within TIMEOUT.

    Raises EOFError if it ends without an answer.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(name, data, topics, seed, there))
    process.start()
    there.close()  # otherwise `recv` would not notice that the process has closed its end
    answer: Answer | None = here.recv() if here.poll(TIMEOUT) else None
    process.join(5)
    if process.is_alive():
        process.kill()
    return answer


def work(name: str, data: Any, topics: int, seed: int, there: Connection) -> None:
    for module in ("gensim.models", "sklearn.decomposition", "tomotopy"):  # import time is not measured
        with suppress(ImportError):
            import_module(module)
    before = reset_peak()
    start, used = time.perf_counter(), cpu_seconds()
    phi, shares = MODELS[name](data, topics, seed)
    seconds, used = time.perf_counter() - start, cpu_seconds() - used
    answers: list[float] = []
    while len(answers) < 5 and sum(answers) < 3:
        start = time.perf_counter()
        theta = np.asarray(shares(), np.float64)
        answers.append(time.perf_counter() - start)
    own = peak() - before
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    normal = np.asarray(phi, np.float64) / np.sum(phi, axis=1, keepdims=True)
    theta /= np.maximum(theta.sum(axis=1, keepdims=True), 1e-12)
    memory = max(own, children - before) / 1024
    there.send(Answer(normal, theta, seconds, used, min(answers), memory))


def reset_peak() -> int:
    """Reset the peak memory (Linux), which a process inherits from its parent."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """Return the peak memory since the last reset, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def cpu_seconds() -> float:
    """Return the CPU seconds of this process, its threads and its finished children."""
    return sum(os.times()[:4])


def metrics(data: Data, answer: Answer) -> dict[str, float]:
    tops = np.argsort(-answer.phi, axis=1, kind="stable")[:, :10].tolist()
    wanted = sorted({term for top in tops for term in top})
    near = cooccurrence(data.places.columns, data.places.rows, wanted)
    wide = cooccurrence(data.places.columns, data.places.rows, wanted, CV_WINDOW)
    our_theta = infer(
        data.seen,
        np.ascontiguousarray(answer.phi.T, np.float32),
        np.full(len(answer.phi), min(0.05, 2.5 / len(answer.phi)), np.float32),
        100,
        1e-3,
    ).gamma.astype(np.float64)
    return {
        "NPMI": float(np.mean([c_npmi(near, top) for top in tops])),
        "c_v": float(np.mean([c_v(wide, top) for top in tops])),
        "diversity": len(wanted) / (10 * len(tops)),
        "completion": completion(data, answer.phi, answer.theta),
        "with our inference": completion(data, answer.phi, our_theta / our_theta.sum(axis=1, keepdims=True)),
        "train s": answer.seconds,
        "train CPU s": answer.cpu_seconds,
        "memory MB": answer.memory,
        "infer articles/s": data.seen.shape[0] / answer.inference,
    }


def completion(data: Data, phi: np.ndarray, theta: np.ndarray) -> float:
    held = data.held.tocoo()
    rows, columns = held.coords
    likely = np.einsum("ij,ij->i", theta[rows], phi.T[columns])
    return float((held.data * np.log(likely + 1e-12)).sum() / held.data.sum())


def similar(phis: list[np.ndarray]) -> float:
    """Return the mean similarity of topics to their best match with another seed."""
    values = []
    for one, other in combinations(phis, 2):
        similarity = overlap(one, other)
        values.append(similarity[linear_sum_assignment(similarity, maximize=True)].mean())
    return float(np.mean(values)) if values else float("nan")


def models(folder: Path, corpora: list[str], numbers: list[int], seeds: int, names: list[str]) -> None:
    for corpus in corpora:
        data = prepare(tokens_of(folder, corpus)[0])
        for topics in numbers:
            print(f"\n{corpus}, K = {topics}, {data.train.shape[0]} articles, {data.train.shape[1]} terms")
            header: list[str] = []
            for name in names:
                answers = [run(name, data, topics, seed) for seed in range(seeds)]
                done = [answer for answer in answers if answer is not None]
                if not done:
                    print(f"| {name} | did not end within {TIMEOUT} s |", flush=True)
                    continue
                rows = [metrics(data, answer) for answer in done]
                if not header:
                    header = ["model", *rows[0], "same topics, other seed"]
                    print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
                cells = [cell([row[key] for row in rows], key) for key in rows[0]]
                stable = similar([answer.phi for answer in done])
                print("| " + " | ".join([name, *cells, f"{stable:.3f}"]) + " |", flush=True)


def cell(values: list[float], key: str) -> str:
    digits = 0 if key.startswith(("memory", "infer")) else 1 if key.startswith("train") else 3
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def growth(folder: Path, topics: int) -> None:
    tokens = tokens_of(folder, *GROWTH)[0]
    order = np.random.default_rng(0).permutation(len(tokens))
    print(
        f"\ngrowth, K = {topics}\n| articles | terms | fit s | CPU s | memory MB | transform articles/s |\n"
        + "|---" * 6
        + "|"
    )
    for size in (5_000, 10_000, 20_000, 40_000):
        part = take(tokens, np.sort(order[:size]))

        answer = run("whole", part, topics, 0)
        if answer is not None:
            spent = f"{answer.seconds:.1f}", f"{answer.cpu_seconds:.1f}", f"{answer.memory:.0f}"
            cells = len(part), answer.phi.shape[1], *spent
            print(f"| {' | '.join(map(str, cells))} | {len(part) / answer.inference:.0f} |", flush=True)


def continuity(folder: Path, numbers: list[int]) -> None:
    tokens, months = tokens_of(folder, "rbc2020")
    month = np.array(months)
    print(
        "\ncontinuity: five months, then six\n"
        "| K | planted articles | kept | born | died | split | merged | planted is born |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for topics in numbers:
        settings = LdaSettings(num_topics=topics)
        old = LdaModel(settings).fit(take(tokens, np.flatnonzero(month != max(months))))
        for size in (0, 60, 120, 240):
            new = LdaModel(settings).fit(concatenate([tokens, planted(tokens, size)]), previous=old)
            count = dict.fromkeys(("kept", "born", "died", "split", "merged"), 0)
            for change in new.changes:
                count[change.kind] += 1
            born = any(c.kind == "born" and len(PLANTED & set(c.terms)) >= 5 for c in new.changes)
            print(
                f"| {topics} | {size} | {' | '.join(map(str, count.values()))} | {born if size else '-'} |",
                flush=True,
            )


SUBJECT = """
    лазер резонатор кубит интерферометр оптоволокно криостат сверхпроводник фотон поляризация диод кремний
    вакуум изотоп спектр микросхема
"""
PLANTED = frozenset(SUBJECT.split())


def planted(tokens: TokenBatch, size: int) -> TokenBatch:
    """Generate articles of one subject: 25 of its words among 40 frequent words of the archive."""
    generator = np.random.default_rng(0)
    frequent = np.argsort(-np.bincount(tokens.ids), kind="stable")[100:600]
    usual = [word for i in frequent.tolist() if (word := tokens.lemmas[i]).isalpha()]
    texts = []
    for _ in range(size):
        words = [*generator.choice(sorted(PLANTED), 25), *generator.choice(usual, 40)]
        texts.append(" ".join(words[i] for i in generator.permutation(len(words))))
    return tokenize([""] * size, texts)


def choice(folder: Path) -> None:
    tokens = tokens_of(folder, "rbc2020")[0]
    start = time.perf_counter()
    model = LdaModel(LdaSettings(num_topics="auto"))
    model.fit(tokens, jobs=CORES)
    print(f"\nchoice: {len(model.topics)} topics in {time.perf_counter() - start:.0f} s on {CORES} cores")
    print("| K | NPMI | spread | stability | score |\n|---|---|---|---|---|")
    for point in model.tried:
        cells = point.num_topics, point.npmi, point.npmi_spread, point.stability, point.score
        print(f"| {' | '.join(map(str, cells))} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["models", "growth", "continuity", "choice", "all"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--corpus", default=",".join(CORPORA))
    parser.add_argument("--topics", default="30,100")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default=",".join(name for name in MODELS if name != "whole"))
    options = parser.parse_args()
    folder = options.data or news.folder()
    numbers = [int(number) for number in options.topics.split(",")]
    wanted = options.part
    if wanted in ("models", "all"):
        models(folder, options.corpus.split(","), numbers, options.seeds, options.only.split(","))
    if wanted in ("growth", "all"):
        growth(folder, numbers[0])
    if wanted in ("continuity", "all"):
        continuity(folder, numbers)
    if wanted in ("choice", "all"):
        choice(folder)


if __name__ == "__main__":
    main()
