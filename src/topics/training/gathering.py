"""From a corpus to what training needs of it, by some processes.

Processes read shards; the tokens go to a temporary file and are mapped from there, four bytes each, so that a
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
from topics.types import Article, Labels, Reject, TokenBatch
from topics.versions.manifest import CorpusFacts
from topics.versions.origins import noted

R = TypeVar("R")
T = TypeVar("T")
_WORTH_PROCESSES = 3
"""Batches from which on processes save more time than they take to start."""
Watch = Callable[[str, int], None]
"""Told what is being done and how many articles are done."""


class _Part(NamedTuple):
    """What a worker makes of a batch."""

    tokens: TokenBatch
    forms: Forms
    ids: list[str]
    labels: list[Labels | None]
    origins: list[tuple[str, str]]
    digests: list[bytes]
    """Of what is learned from, but for the labels."""
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
    """Read a corpus into tokens by some processes; whatever their number, the same comes of it.

    `words_from` is the folder of a version whose words need not be lemmatized anew: the same, but sooner.
    """
    spool, seen, fingerprint = _Spool(), Seen(), hashlib.sha256()
    labels: list[Labels | None] = []
    origins: list[tuple[str, str]] = []
    rejects = list(corpus.label_rejects)
    same: dict[object, object] = {}  # a million articles have some hundred different labels and days
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
    """Choose at most so many articles by lot; if so wanted clean ones first, then labelled ones.

    By lot, not the rare first: shares, and with them probabilities, stay as they are in the archive.
    """
    count = len(material.labels)
    if not most or count <= most:
        return material
    ranks = [2 if label is None else int(not label.clean) for label in material.labels]
    lots = np.random.default_rng(seed).permutation(count)
    order = np.lexsort((lots, np.array(ranks) if clean_first else lots))
    return material.choose(np.sort(order[:most]))


def _parts(corpus: Corpus, cleaner: Cleaner, jobs: int, words_from: Path | None) -> Iterator[_Part]:
    """Read the corpus in order; by processes, if it is worth starting them."""
    if jobs > 1 and all(source.path for source in corpus.sources):
        tasks = [_Task(shard.pieces, corpus.shape, cleaner, words_from) for shard in plan(corpus.sources)]
        if len(tasks) > 1:
            return chain.from_iterable(parallel.run(_read_all, tasks, jobs, ordered=True))
    batches = read(whole(corpus.sources), corpus.shape)
    return batchwise(partial(_part, cleaner, words_from), batches, jobs)


def batchwise(function: Callable[[T], R], batches: Iterator[T], jobs: int) -> Iterator[R]:
    """Return, in order, what the function makes of each batch; by processes, if there are some batches.

    The batches are read here: so even a packed file, which is one shard, is worked on by several.
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
        with suppress(ModelError):  # without these words it only takes longer
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
    """Leave out the articles whose ids another shard had before."""
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
    """Tokens under one numbering, on disk."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._words = words.Collector()
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `tokens`)
        self._ends = [np.zeros(1, np.int64)]
        self._bodies = [np.empty(0, np.int64)]
        self._count = 0

    def add(self, batch: TokenBatch, met: Forms) -> None:
        """Write the tokens of some articles, and count their words."""
        number = self._index.setdefault
        table = np.array([number(lemma, len(self._index)) for lemma in batch.lemmas], np.int32)
        self._words.add(met._replace(numbers=np.append(table, np.int32(-1))[met.numbers]))
        with storage.naming(Path(tempfile.gettempdir())):
            self._file.write(table[batch.ids].tobytes())
        self._ends.append(batch.offsets[1:] + self._count)
        self._bodies.append(batch.bodies + self._count)
        self._count += len(batch.ids)

    def words(self) -> Words:
        """Choose the forms worth keeping."""
        return self._words.words(list(self._index))

    def tokens(self) -> TokenBatch:
        """Map what was written."""
        with self._file:
            self._file.flush()
            # Not numpy's memmap, which joblib would open again by a name that this file does not have.
            content = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if self._count else b""
        ids = np.frombuffer(content, np.int32)
        return TokenBatch(list(self._index), ids, np.concatenate(self._ends), np.concatenate(self._bodies))


def _digest(article: Article) -> bytes:
    content = (article.id, article.title, article.text, article.outlet)
    return hashlib.sha256(msgspec.json.encode(content)).digest()


def _essence(labels: Labels | None) -> bytes:
    """What of an article's labels decides what is learned from it."""
    return msgspec.json.encode(labels and (sorted(labels.rubrics), sorted(labels.unknown), labels.clean))
