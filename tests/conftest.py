"""Trained versions for tests that only read them; copies and an empty registry for those that write."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from newsroom import Ran, train_topics
from topics.cli import main
from topics.config import Config
from topics.corpus import Corpus, embedded
from topics.tagger import Tagger
from topics.training.job import TrainingJob
from topics.versions.registry import Registry

# The same examples in every run, so that a failure is due to a change. `HYPOTHESIS_PROFILE=search` tries more
# examples and stores the failing ones.
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
def _no_fsync() -> Iterator[None]:
    """Skip fsync, which is slow; tests need not survive a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a version of rubrics, trained on the demonstration corpus. Read-only."""
    folder = tmp_path_factory.mktemp("trained") / "models"
    TrainingJob(Corpus(embedded()), Config(), Registry(folder)).train_rubrics()
    return folder


@pytest.fixture(scope="session")
def topic_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with two versions of topics, the second trained on one more outlet. Read-only."""
    folder = tmp_path_factory.mktemp("topics") / "models"
    for sources in (embedded()[:4], embedded()):
        train_topics(folder, sources)
    return folder


@pytest.fixture(scope="session")
def both(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a version of rubrics and one of topics. Read-only."""
    folder = Path(shutil.copytree(models, tmp_path_factory.mktemp("both") / "models"))
    corpus, config = Corpus(embedded()), Config()
    TrainingJob(corpus, config, Registry(folder)).train_topics()
    return folder


@pytest.fixture(scope="session")
def tagger(models: Path) -> Tagger:
    return Tagger.load(models)


@pytest.fixture
def own_models(models: Path, tmp_path: Path) -> Path:
    """A copy of `models` that a test may change."""
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
