"""Fuzz stored versions: change bytes of every file and check that the change is detected or harmless.

    python scripts/fuzz_versions.py             # ten minutes
    python scripts/fuzz_versions.py 30 --seed 7

Three kinds of changes, to a version of rubrics and to one of topics (half of the time each), both trained on
the demonstration corpus:

altered   One file is changed. Opening the version must be refused.
resigned  The same, with size and hash in the manifest updated and the seal removed from the history, as a
          forger would do. The version must be refused, or predict numbers in their range.
bundled   A .tar or .zip of the version is changed. It must be refused, or give the same files.

Any exception but ModelError, and altered content that is opened all the same, ends the run with a description
of the change. Needs nothing outside the project.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from topics.config import Config
from topics.corpus import Corpus, embedded
from topics.drift import profile
from topics.drift.monitoring import Observer, answers
from topics.errors import ModelError
from topics.lifecycle import bundles
from topics.text import lexicon, words
from topics.topic_pipeline import TopicPipeline, open_either
from topics.training.job import TrainingJob
from topics.types import Article
from topics.versions import integrity
from topics.versions.registry import Registry

ARTICLES = [
    Article("1", "Завод в Магнитогорске увеличил выплавку стали и запустил новую линию проката.", "Сталь"),
    Article(
        "2",
        "Турпоток вырос: туристы бронируют отели, турфирмы открыли новые маршруты.",
        "",
        outlet="Предгорье",
    ),
    Article("3", ""),
]
NUMBERS = ["1e308", "-1", "0", "9223372036854775807", "18446744073709551616", "0.5", "1e999", "NaN", "null"]
VALUES = [*NUMBERS, '""', '"x"', "[]", "{}", "true", '"../../x"']


class HarmError(Exception):
    """A change was neither refused nor harmless."""


def fuzz(version: Path, seconds: float, seed: int = 0, most: int = sys.maxsize) -> Counter[str]:
    """Change a version at random until the time is over, or `most` changes are tried; count the outcomes.

    Args:
        version: folder of a version; it is only read.
        seconds: time limit.
        seed: seed of the changes.
        most: maximum number of changes.

    Raises:
        HarmError: a change was neither refused nor harmless.
    """
    rng, outcomes, end = random.Random(seed), Counter[str](), time.monotonic() + seconds
    manifest = integrity.check(version)
    with tempfile.TemporaryDirectory() as scratch:
        fuzzer = _Fuzzer(Path(scratch), version, manifest.name)
        while time.monotonic() < end and sum(outcomes.values()) < most:
            kinds = [fuzzer.altered, fuzzer.altered, fuzzer.resigned, fuzzer.resigned, fuzzer.bundled]
            kind = rng.choice(kinds)
            try:
                outcomes[kind(rng)] += 1
            except Exception as error:
                after = f"{kind.__name__}, after {sum(outcomes.values())} changes of seed {seed}"
                raise HarmError(f"{after}: {fuzzer.last}") from error
    return outcomes


class _Fuzzer:
    def __init__(self, scratch: Path, version: Path, name: str) -> None:
        self.scratch, self.version, self.name = scratch, version, name
        self.registry = Registry(scratch / "models")
        self.home = self.registry.folder / name / version.name
        self.home.parent.mkdir(parents=True)
        shutil.copytree(version, self.home)
        self.history = (version.parent / "history.jsonl").read_bytes()
        self.files = {path.name: path.read_bytes() for path in sorted(version.iterdir())}
        opened = Registry(version.parents[1]).open(f"{name}/{version.name}")
        self.bundles = []
        for suffix in bundles.SUFFIXES:
            bundles.pack(opened, scratch / f"whole{suffix}")
            self.bundles.append((suffix, (scratch / f"whole{suffix}").read_bytes()))
        self.last = ""

    def altered(self, rng: random.Random) -> str:
        """Change one file, the manifest or the history: the version is refused, or nothing has changed."""
        name = rng.choice([*self.files, "history.jsonl"])
        whole = self.files.get(name, self.history)
        changed, self.last = change(rng, name, whole)
        self._write({name: changed})
        try:
            self.registry.open(f"{self.name}/{self.version.name}")
        except ModelError as error:
            check_message(error)
            return "altered: refused"
        if name != "history.jsonl" and changed != whole:
            raise HarmError("altered content was opened")
        return "altered: harmless"

    def resigned(self, rng: random.Random) -> str:
        """Change one file and update the manifest to match."""
        name = rng.choice([name for name in self.files if name != integrity.MANIFEST])
        changed, self.last = change(rng, name, self.files[name])
        self._write({name: changed, "history.jsonl": b""})
        manifest = integrity.read_manifest(self.home)
        files = manifest.files | {name: integrity.describe(self.home / name)}
        signed = msgspec.json.encode(msgspec.structs.replace(manifest, files=files))
        (self.home / integrity.MANIFEST).write_bytes(signed)
        try:
            use(self.registry.open(f"{self.name}/{self.version.name}").folder)
        except ModelError as error:
            check_message(error)
            return "resigned: refused"
        return "resigned: usable"

    def bundled(self, rng: random.Random) -> str:
        """Change a bundle: it is refused, or gives the same files."""
        suffix, whole = rng.choice(self.bundles)
        changed, self.last = change(rng, suffix, whole)
        path, models = self.scratch / f"changed{suffix}", self.scratch / "imported"
        path.write_bytes(changed)
        shutil.rmtree(models, ignore_errors=True)
        try:
            found = bundles.unpack(path, Registry(models), probe=use)
        except ModelError as error:
            check_message(error)
            visible = list(models.glob("*/[!.]*/*"))
            if visible:
                raise HarmError(f"a refused bundle left {visible}") from error
            return "bundled: refused"
        if {file.name: file.read_bytes() for file in found.folder.iterdir()} != self.files:
            raise HarmError("another version was imported")
        return "bundled: the same"

    def _write(self, changed: dict[str, bytes]) -> None:
        for name, content in (self.files | {"history.jsonl": self.history} | changed).items():
            path = self.home.parent / name if name == "history.jsonl" else self.home / name
            path.write_bytes(content)


def change(rng: random.Random, name: str, content: bytes) -> tuple[bytes, str]:
    """Change some bytes; return them and a description of the change."""
    at, length = rng.randrange(len(content) + 1), rng.choice([1, 2, 8, 100, 5000])
    noise = rng.randbytes(length)
    ways: dict[str, Callable[[], bytes]] = {
        "flip": lambda: flip(content, at % max(len(content), 1), 1 << rng.randrange(8)),
        "cut": lambda: content[:at],
        "drop": lambda: content[:at] + content[at + length :],
        "insert": lambda: content[:at] + noise + content[at:],
        "overwrite": lambda: content[:at] + noise + content[at + length :],
        "repeat": lambda: content[: at + length] + content[at:],
        "header": lambda: flip(content, rng.randrange(min(len(content), 130) or 1), rng.randrange(1, 256)),
        "value": lambda: another_value(rng, content, at),
    }
    way = rng.choice(["value"] * 3 + list(ways)) if name.endswith(".json") else rng.choice(list(ways))
    return ways[way](), f"{way} in {name} at {at}, length {length}"


def flip(content: bytes, at: int, mask: int) -> bytes:
    """Change some bits of one byte."""
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :] if content else b"\x00"


def another_value(rng: random.Random, content: bytes, at: int) -> bytes:
    """Replace the next JSON value by another one."""
    start = content.find(b": ", at) + 2
    ends = [end for mark in (b",", b"\n") if (end := content.find(mark, start)) > 0]
    return content[:start] + rng.choice(VALUES).encode() + content[min(ends, default=len(content)) :]


def check_message(error: ModelError) -> None:
    """Check that the message of a refusal is one line."""
    if not str(error) or "\n" in str(error):
        raise HarmError(f"not one line: {error}")


def use(folder: Path) -> None:
    """Predict, explain and compare with a version; every number must be finite and in its range."""
    pipeline, looks = open_either(folder), profile.load(folder)
    lexicon.forget()
    words.recall.cache_clear()
    words.recall(folder)
    tokens = pipeline.read(ARTICLES)
    if isinstance(pipeline, TopicPipeline):
        found = [
            {topic.label: topic.value for topic in top}
            for top in pipeline.top(pipeline.model.transform(tokens))
        ]
    else:
        found = [prediction.scores for prediction in pipeline.predict(ARTICLES)]
        for rubric in pipeline.rubrics[:2]:
            pipeline.explain(ARTICLES[0], rubric)
    for scores in found:
        if not all(0 <= value <= 1 for value in scores.values()):
            raise HarmError(f"scores {scores}")
    observer = Observer(looks)
    observer.add(ARTICLES, tokens, answers(pipeline, tokens))
    for finding in observer.drift().findings:
        if not 0 <= finding.distance <= 1 + 1e-9:
            raise HarmError(f"drift {finding}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("seconds", type=float, nargs="?", default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as models:
        job = TrainingJob(Corpus(embedded()), Config(), Registry(models))
        for version in (job.train_rubrics(), job.train_topics()):
            print(version.manifest.name)
            for outcome, count in sorted(fuzz(version.folder, options.seconds / 2, options.seed).items()):
                print(f"{count:8,} {outcome}", flush=True)


if __name__ == "__main__":
    main()
