"""One trained version for all tests that only read it; an empty registry for those that write."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from newsroom import Ran, find_topics
from topics.cli import main
from topics.config import Config
from topics.corpus import Corpus, embedded
from topics.tagger import Tagger
from topics.training.job import TrainingJob
from topics.versions.registry import Registry

# The same examples in every run, so that a red test is the change's fault. `HYPOTHESIS_PROFILE=search` looks
# further and remembers what it found.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("search", settings.get_profile("suite"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """A test must outlive a bug, not a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one version, trained on the demonstration corpus. Read it, never write it."""
    folder = tmp_path_factory.mktemp("trained") / "models"
    TrainingJob(Corpus(embedded()), Config(), Registry(folder)).train_rubrics()
    return folder


@pytest.fixture(scope="session")
def topic_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two versions of topics, the second of an outlet more. Read it, never write it."""
    folder = tmp_path_factory.mktemp("topics") / "models"
    for sources in (embedded()[:4], embedded()):
        find_topics(folder, sources)
    return folder


@pytest.fixture(scope="session")
def both(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder with a version of topics beside. Read it, never write it."""
    folder = Path(shutil.copytree(models, tmp_path_factory.mktemp("both") / "models"))
    corpus, config = Corpus(embedded()), Config()
    TrainingJob(corpus, config, Registry(folder)).train_topics()
    return folder


@pytest.fixture(scope="session")
def tagger(models: Path) -> Tagger:
    return Tagger.load(models)


@pytest.fixture
def own_models(models: Path, tmp_path: Path) -> Path:
    """A copy of the trained version that a test may spoil."""
    return Path(shutil.copytree(models, tmp_path / "models"))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


class _Stdin(io.BytesIO):
    name = "<stdin>"


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command line, run in this process: `topics("predict", path)` -> exit code, stdout, stderr."""

    def run(*arguments: object, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "argv", ["topics", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(_Stdin(stdin), "utf-8"))
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capfd.readouterr()
        return Ran(int(left.value.code or 0), out, err)

    return run
