"""Reading a corpus for training, in parallel.

Processes read shards; tokens, four bytes each, are written to a temporary file and memory-mapped, so that a
corpus may be larger than memory.
"""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import msgspec
import numpy as np

from topics import parallel, storage
from topics.corpus.articles import Shape
from topics.corpus.batches import Batch, read
from topics.corpus.corpus import TOLD, Corpus
from topics.corpus.material import Material
from topics.corpus.seen import Seen
from topics.corpus.shards import Piece, plan, whole
from topics.errors import ModelError
from topics.pipeline import read as tokenized
from topics.text import words
from topics.text.cleaning import Cleaner
from topics.text.lexicon import Met
from topics.text.tokens import compact, take
from topics.text.words import Forms, Words
from topics.types import Article, Labels, Reject, TokenBatch, Watch
from topics.versions.manifest import CorpusFacts
from topics.versions.origins import noted

R = TypeVar("R")
T = TypeVar("T")
_WORTH_PROCESSES = 3
"""Number of batches from which on starting processes pays off."""


class _Part(NamedTuple):
    """Result of a worker for one batch."""

    tokens: TokenBatch
    forms: Forms
    ids: list[str]
    labels: list[Labels | None]
    origins: list[tuple[str, str]]
    digests: list[bytes]
    """Of the content of the articles, labels excepted."""
    found_at: list[tuple[str, int]]
    rejects: list[Reject]


class _Task(NamedTuple):
    pieces: tuple[Piece, ...]
    shape: Shape
    cleaner: Cleaner
    words_from: Path | None


def gather(
    corpus: Corpus, cleaner: Cleaner, jobs: int, watch: Watch, words_from: Path | None = None
) -> Material:
    """Read and tokenize a corpus; the result does not depend on the number of processes.

    `words_from` is the folder of a version whose word forms are reused, which only saves time.
    """
    spool, seen, fingerprint = _Spool(), Seen(), hashlib.sha256()
    labels: list[Labels | None] = []
    origins: list[tuple[str, str]] = []
    rejects = list(corpus.label_rejects)
    same: dict[object, object] = {}  # a million articles have a few hundred distinct labels and days
    unmatched = set(corpus.labels)
    for part in map(_without_repeats, _parts(corpus, cleaner, jobs, words_from), repeat(seen)):
        spool.add(part.tokens, part.forms)
        rejects += part.rejects
        for name, own, digest in zip(part.ids, part.labels, part.digests, strict=True):
            known = corpus.labels.get(name, own)
            labels.append(same.setdefault(known, known))  # type: ignore[arg-type]
            fingerprint.update(digest)
            fingerprint.update(_essence(known))
        origins += [same.setdefault(origin, origin) for origin in part.origins]  # type: ignore[misc]
        unmatched.difference_update(part.ids)
        watch("reading", len(labels))
    corpus.unmatched_labels = tuple(sorted(unmatched))
    corpus.rejected, corpus.first_rejects = len(rejects), tuple(rejects[:TOLD])
    facts = CorpusFacts(
        sources=corpus.names,
        fingerprint=fingerprint.hexdigest(),
        articles=len(labels),
        labelled=sum(label is not None for label in labels),
        clean=sum(label is not None and label.clean for label in labels),
        rejects=len(rejects),
        files=noted(corpus.sources),
    )
    places = np.arange(len(labels))
    return Material(cleaner, spool.tokens(), labels, origins, places, facts, rejects, spool.words(), "")


def sample(material: Material, most: int, *, clean_first: bool = True, seed: int = 0) -> Material:
    """Choose at most `most` articles at random; with `clean_first`, clean and then labelled ones first.

    Sampling is not stratified by rubric, so that shares, and with them probabilities, stay unbiased.
    """
    count = len(material.labels)
    if not most or count <= most:
        return material
    ranks = [2 if label is None else int(not label.clean) for label in material.labels]
    shuffled = np.random.default_rng(seed).permutation(count)
    order = np.lexsort((shuffled, np.array(ranks) if clean_first else shuffled))
    return material.choose(np.sort(order[:most]))


def _parts(corpus: Corpus, cleaner: Cleaner, jobs: int, words_from: Path | None) -> Iterator[_Part]:
    """Read the corpus in order, in parallel if it is large enough."""
    if jobs > 1 and all(source.path for source in corpus.sources):
        tasks = [_Task(shard.pieces, corpus.shape, cleaner, words_from) for shard in plan(corpus.sources)]
        if len(tasks) > 1:
            return chain.from_iterable(parallel.run(_read_all, tasks, jobs, ordered=True))
    batches = read(whole(corpus.sources), corpus.shape)
    return batchwise(partial(_part, cleaner, words_from), batches, jobs)


def batchwise(function: Callable[[T], R], batches: Iterator[T], jobs: int) -> Iterator[R]:
    """Map a function over batches, in order; in parallel if there are enough batches.

    Batches are read in this process, so that even a compressed file, which is one shard, is parallelized.
    """
    first = list(islice(batches, _WORTH_PROCESSES if jobs > 1 else 0))
    batches = chain(first, batches)
    if jobs > 1 and len(first) == _WORTH_PROCESSES:
        return parallel.run(function, batches, jobs, ordered=True)
    return map(function, batches)


def _read_all(task: _Task) -> list[_Part]:
    return [_part(task.cleaner, task.words_from, batch) for batch in read(task.pieces, task.shape)]


def _part(cleaner: Cleaner, words_from: Path | None, batch: Batch) -> _Part:
    if words_from:
        with suppress(ModelError):  # without these words, it just takes longer
            words.recall(words_from)
    met: Met = []
    tokens = tokenized(cleaner, batch.articles, met)
    small, forms = compact(tokens), words.forms(met)
    place = {lemma: number for number, lemma in enumerate(small.lemmas)}
    numbers = [place[tokens.lemmas[n]] if n >= 0 else n for n in forms.numbers.tolist()]
    return _Part(
        small,
        forms._replace(numbers=np.array(numbers, np.int32)),
        [article.id for article in batch.articles],
        [article.labels for article in batch.articles],
        [(article.outlet, article.date[:10]) for article in batch.articles],
        list(map(_digest, batch.articles)),
        batch.places,
        batch.rejects,
    )


def _without_repeats(part: _Part, seen: Seen) -> _Part:
    """Reject articles whose ids occurred in an earlier shard."""
    repeated = seen.add(part.ids)
    if not any(repeated):
        return part
    rejects = [
        Reject(source, line, f"id {name!r} was seen before")
        for name, (source, line), goes in zip(part.ids, part.found_at, repeated, strict=True)
        if goes
    ]
    stay = np.flatnonzero(~np.array(repeated))
    return part._replace(
        tokens=take(part.tokens, stay),
        forms=part.forms.choose(stay),
        ids=[part.ids[row] for row in stay],
        labels=[part.labels[row] for row in stay],
        origins=[part.origins[row] for row in stay],
        digests=[part.digests[row] for row in stay],
        rejects=part.rejects + rejects,
    )


class _Spool:
    """Tokens with common lemma ids, on disk."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._words = words.Collector()
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `tokens`)
        self._ends = [np.zeros(1, np.int64)]
        self._bodies = [np.empty(0, np.int64)]
        self._count = 0

    def add(self, batch: TokenBatch, met: Forms) -> None:
        """Append the tokens of some articles, and count their word forms."""
        number = self._index.setdefault
        table = np.array([number(lemma, len(self._index)) for lemma in batch.lemmas], np.int32)
        self._words.add(met._replace(numbers=np.append(table, np.int32(-1))[met.numbers]))
        with storage.naming(Path(tempfile.gettempdir())):
            self._file.write(table[batch.ids].tobytes())
        self._ends.append(batch.offsets[1:] + self._count)
        self._bodies.append(batch.bodies + self._count)
        self._count += len(batch.ids)

    def words(self) -> Words:
        """Return the word forms to store."""
        return self._words.words(list(self._index))

    def tokens(self) -> TokenBatch:
        """Return the tokens, memory-mapped."""
        with self._file:
            self._file.flush()
            # Not numpy.memmap, which joblib would reopen by name; this file has none.
            content = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if self._count else b""
        ids = np.frombuffer(content, np.int32)
        return TokenBatch(list(self._index), ids, np.concatenate(self._ends), np.concatenate(self._bodies))


def _digest(article: Article) -> bytes:
    content = (article.id, article.title, article.text, article.outlet)
    return hashlib.sha256(msgspec.json.encode(content)).digest()


def _essence(labels: Labels | None) -> bytes:
    """Serialize the part of the labels that training depends on."""
    return msgspec.json.encode(labels and (sorted(labels.rubrics), sorted(labels.unknown), labels.clean))
