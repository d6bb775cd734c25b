"""Missing versions are reported, by `verify` and by commands that need them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from newsroom import STEEL, Ran, write
from topics.corpus import embedded
from topics.errors import ModelError
from topics.lifecycle import accounting
from topics.lifecycle.accounting import Finding
from topics.lifecycle.opening import open_all
from topics.tagger import Tagger
from topics.versions import history, integrity
from topics.versions.history import Event, History
from topics.versions.registry import Registry

Topics = Callable[..., Ran]


@pytest.fixture
def home(own_models: Path) -> Path:
    """The folder of a model with one version."""
    return own_models / "rubrics"


@pytest.fixture
def version(home: Path) -> Path:
    [found] = home.glob("2*")
    return found


def copy_version(version: Path, name: str, *, known: bool = True) -> Path:
    """Copy a version under another name; with `known`, record it in the history."""
    folder = Path(shutil.copytree(version, version.with_name(name)))
    path = folder / integrity.MANIFEST
    path.write_text(path.read_text("utf-8").replace(version.name, name), encoding="utf-8")
    if known:
        event = Event(history.PUBLISHED, name, "latest", version.name, seal=integrity.seal(folder))
        History(version.parent).append(event)
    return folder


# Missing


LATER = "29990101T000000Z-000000"


def promote(version: Path, name: str) -> None:
    History(version.parent).append(Event(history.PROMOTED, name, "production"))


def remove_the_production_version(version: Path) -> None:
    copy_version(version, LATER)
    promote(version, version.name)
    shutil.rmtree(version)


def remove_an_unused_version(version: Path) -> None:
    copy_version(version, LATER)
    (version / integrity.MANIFEST).unlink()


def remove_the_only_version(version: Path) -> None:
    shutil.rmtree(version)


def point_to_a_missing_version(version: Path) -> None:
    promote(version, "нет")


def remove_the_history(version: Path) -> None:
    copy_version(version, LATER)
    (version.parent / history.FILE).unlink()


LOST = {
    "the production version": (
        remove_the_production_version,
        r"^rubrics@production points to 2\d+.*, which is missing; restore",
    ),
    "an unused version": (
        remove_an_unused_version,
        r"models/rubrics/2.*: is missing but was not pruned; restor",
    ),
    "the only version": (
        remove_the_only_version,
        r"^rubrics@latest points to 2.*, which is missing; restore it from a backup, or prom",
    ),
    "an alias": (
        point_to_a_missing_version,
        r"^rubrics@production points to нет, which is missing; restore it from a",
    ),
    "the history": (
        remove_the_history,
        r"history\.jsonl: is missing, .* the aliases .* seals of 2 versions; restor",
    ),
}


@pytest.mark.parametrize("what", LOST)
def test_verify_reports_what_is_missing(topics: Topics, own_models, version, what):
    lose, message = LOST[what]
    lose(version)
    [trouble] = [one for one in accounting.verify(Registry(own_models)) if one.kind != "whole"]
    assert trouble.kind == "trouble"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(trouble.text)
    ran = topics("verify", "--models", own_models)
    assert (ran.code, ran.err) == (4, f"topics: {trouble.text}\n")
    assert ran.out.count("\n") == len(Registry(own_models).versions("rubrics"))


def test_verify_reports_a_version_without_a_seal(topics: Topics, own_models, version):
    name = copy_version(version, LATER, known=False).name
    ran = topics("verify", "--models", own_models)
    assert (ran.code, ran.out.count("\n")) == (0, 2), ran
    assert (
        ran.err
        == f"topics: rubrics/{name}: was neither published nor imported here; there is no seal to check\n"
    )


def test_a_pruned_version_is_not_missing(topics: Topics, own_models, version):
    copy_version(version, LATER)
    assert topics("prune", "--keep", 1, "--days", 0, "--yes", "--models", own_models).code == 0
    ran = topics("verify", "--models", own_models)
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    ran = topics("verify", f"rubrics/{version.name}", "--models", own_models)
    assert (ran.code, "has no version" in ran.err) == (4, True), "an error if named"


def test_pruning_removes_an_old_version_that_is_missing(topics: Topics, own_models, version):
    copy_version(version, LATER)
    (version / integrity.MANIFEST).unlink()
    prune = "prune", "--keep", 1, "--models", own_models
    assert f"rubrics/{version.name}" not in topics(*prune, "--days", 30_000).out
    assert topics(*prune, "--days", 0).out.splitlines()[1] == f"remove  rubrics/{version.name}"
    assert topics("verify", "--models", own_models).code == 4, "without --yes nothing is removed"
    assert topics(*prune, "--days", 0, "--yes").code == 0
    assert topics("verify", "--models", own_models).code == 0
    assert not version.exists(), "its remaining files"


def test_verify_skips_a_version_pruned_meanwhile(own_models, version, monkeypatch):
    second = copy_version(version, LATER)

    def pruned_meanwhile(folder: Path) -> None:
        open_all(folder)
        if folder == version:
            Registry(own_models).prune("rubrics", keep=1, days=0, remove=True)

    monkeypatch.setattr(accounting, "open_all", pruned_meanwhile)
    found = list(accounting.verify(Registry(own_models)))
    assert found == [Finding("whole", f"rubrics/{LATER}  {integrity.seal(second)}")]


def test_a_damaged_history_is_reported_once(topics: Topics, own_models, version):
    copy_version(version, LATER)
    with (version.parent / history.FILE).open("a") as stream:
        stream.write("{\n")
    ran = topics("verify", "--models", own_models)
    assert (ran.code, ran.out, ran.err.count("\n")) == (4, "", 1)
    assert "history.jsonl:3: cannot be read" in ran.err


# Reading


@pytest.mark.parametrize("lost", ["rubrics", "topics"])
def test_predict_fails_if_a_version_is_missing(topics: Topics, both, tmp_path, lost):
    models = Path(shutil.copytree(both, tmp_path / "models"))
    article = write(tmp_path / "вход.jsonl", {"text": STEEL})
    for manifest in models.glob(f"{lost}/*/{integrity.MANIFEST}"):
        manifest.unlink()
    message = f"no version of '{lost}', but its history lists some; restore the version from a backup"
    with pytest.raises(ModelError, match=message):
        Tagger.load(models)
    ran = topics("predict", article, "--models", models)
    assert (ran.code, ran.out, message in ran.err) == (4, "", True)
    assert topics("predict", article, f"--{lost}", "none", "--models", models).code == 0
    shutil.rmtree(models / lost)
    assert topics("predict", article, "--models", models).code == 0, "a newsroom without it"


@pytest.mark.parametrize("place", ["rubrics", "."])
def test_an_unreadable_folder_is_an_error(topics: Topics, both, tmp_path, monkeypatch, place):
    models = Path(shutil.copytree(both, tmp_path / "models"))
    iterdir = Path.iterdir

    def forbidding(path: Path):
        if path == models / place:
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", forbidding)
    message = "cannot be read (Permission denied); make it readable"
    ran = topics("verify", "--models", models)
    assert (ran.code, message in ran.err) == (4, True), ran
    ran = topics("models", "--models", models)
    assert (ran.code, message in ran.err) == (4, True), ran
    if place == "rubrics":
        assert "topics/" in ran.out
        with pytest.raises(ModelError, match="models/rubrics: cannot be read"):
            Tagger.load(models)


def test_models_lists_the_other_versions_beside_a_damaged_manifest(topics: Topics, own_models, version):
    copy_version(version, LATER)
    (version / integrity.MANIFEST).write_text("{")
    ran = topics("models", "--models", own_models)
    assert (ran.code, LATER in ran.out, ran.err.count("\n")) == (4, True, 1)
    assert f"{version.name}/manifest.json: cannot be read" in ran.err
    ran = topics("models", "--json", "--models", own_models)
    assert (ran.code, [json.loads(line)["version"] for line in ran.out.splitlines()]) == (4, [LATER])
    shutil.rmtree(version.with_name(LATER))
    ran = topics("models", "--models", own_models)
    assert (ran.code, ran.out, "no versions yet" in ran.err) == (4, "", False)


def test_models_lists_versions_in_spite_of_a_damaged_history(topics: Topics, own_models, version):
    (version.parent / history.FILE).write_text("{\n")
    ran = topics("models", "--models", own_models)
    assert (ran.code, version.name in ran.out, "history.jsonl:1: cannot be read" in ran.err) == (
        4,
        True,
        True,
    )


def test_a_tagger_loads_the_next_version_if_its_own_is_pruned_meanwhile(own_models, version, monkeypatch):
    from topics import tagger

    second = copy_version(version, LATER)
    promote(version, version.name)
    load = tagger.Pipeline.load

    def pruned_meanwhile(folder: Path) -> object:
        if folder == version:
            promote(version, LATER)
            shutil.rmtree(version)
        return load(folder)

    monkeypatch.setattr(tagger.Pipeline, "load", pruned_meanwhile)
    assert Tagger.load(own_models).version.folder == second


@pytest.mark.parametrize(
    "line",
    [
        "report rubrics -o {tmp}/отчёт.html",
        "export rubrics {tmp}/версия.tar",
        "monitor rubrics {data} --reference {data}",
        "evaluate rubrics {data}",
        "compare rubrics rubrics/{second} {data}",
        "compare rubrics/{second} rubrics {data}",
    ],
)
def test_a_command_uses_the_next_version_if_its_own_is_pruned_meanwhile(
    topics: Topics, own_models, version, tmp_path, monkeypatch, line
):
    second = copy_version(version, LATER).name
    promote(version, version.name)
    opened = Registry._open

    def pruned_then(self: Registry, name: str, one: str, events: list[Event]) -> object:
        found = opened(self, name, one, events)
        if one == version.name:
            promote(version, second)
            shutil.rmtree(version)
        return found

    monkeypatch.setattr(Registry, "_open", pruned_then)
    words = line.format(tmp=tmp_path, data=embedded()[0], second=second).split()
    ran = topics(*words, "--models", own_models)
    assert ran.code == 0, ran
    assert not version.exists()
