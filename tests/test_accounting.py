"""What is lost is told: by `verify`, which holds a folder against its history, and by who would read it."""

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


def again(version: Path, name: str, *, known: bool = True) -> Path:
    """Lay a second version beside one; the history may know it."""
    folder = Path(shutil.copytree(version, version.with_name(name)))
    path = folder / integrity.MANIFEST
    path.write_text(path.read_text("utf-8").replace(version.name, name), encoding="utf-8")
    if known:
        event = Event(history.PUBLISHED, name, "latest", version.name, seal=integrity.seal(folder))
        History(version.parent).append(event)
    return folder


# Lost


LATER = "29990101T000000Z-000000"


def promoted(version: Path, name: str) -> None:
    History(version.parent).append(Event(history.PROMOTED, name, "production"))


def lose_the_live_one(version: Path) -> None:
    again(version, LATER)
    promoted(version, version.name)
    shutil.rmtree(version)


def lose_one_that_nobody_needs(version: Path) -> None:
    again(version, LATER)
    (version / integrity.MANIFEST).unlink()


def lose_all(version: Path) -> None:
    shutil.rmtree(version)


def point_to_nothing(version: Path) -> None:
    promoted(version, "нет")


def lose_the_history(version: Path) -> None:
    again(version, LATER)
    (version.parent / history.FILE).unlink()


LOST = {
    "the live one": (lose_the_live_one, r"^rubrics@production points to 2\d+.*, which is not there; restore"),
    "one of many": (
        lose_one_that_nobody_needs,
        r"models/rubrics/2.*: is missing but was not pruned; restor",
    ),
    "all": (
        lose_all,
        r"^rubrics@latest points to 2.*, which is not there; restore it from a backup, or prom",
    ),
    "an alias": (
        point_to_nothing,
        r"^rubrics@production points to нет, which is not there; restore it from a",
    ),
    "the history": (
        lose_the_history,
        r"history\.jsonl: is missing, .* where aliases .* seals of 2 versions; restor",
    ),
}


@pytest.mark.parametrize("what", LOST)
def test_what_is_lost_is_told(topics: Topics, own_models, version, what):
    lose, told = LOST[what]
    lose(version)
    [trouble] = [one for one in accounting.verify(Registry(own_models)) if one.kind != "whole"]
    assert trouble.kind == "trouble"
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(trouble.text)
    ran = topics("verify", "--models", own_models)
    assert (ran.code, ran.err) == (4, f"topics: {trouble.text}\n")
    assert ran.out.count("\n") == len(Registry(own_models).versions("rubrics"))


def test_a_version_that_was_copied_here_is_remarked(topics: Topics, own_models, version):
    name = again(version, LATER, known=False).name
    ran = topics("verify", "--models", own_models)
    assert (ran.code, ran.out.count("\n")) == (0, 2), ran
    assert ran.err == f"topics: rubrics/{name}: was neither published nor imported here: no seal to go by\n"


def test_what_was_pruned_is_not_lost(topics: Topics, own_models, version):
    again(version, LATER)
    assert topics("prune", "--keep", 1, "--days", 0, "--yes", "--models", own_models).code == 0
    ran = topics("verify", "--models", own_models)
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    ran = topics("verify", f"rubrics/{version.name}", "--models", own_models)
    assert (ran.code, "has no version" in ran.err) == (4, True), "asked for, it is missed"


def test_pruning_writes_off_what_was_lost_and_is_old(topics: Topics, own_models, version):
    again(version, LATER)
    (version / integrity.MANIFEST).unlink()
    prune = "prune", "--keep", 1, "--models", own_models
    assert f"rubrics/{version.name}" not in topics(*prune, "--days", 30_000).out
    assert topics(*prune, "--days", 0).out.splitlines()[1] == f"remove  rubrics/{version.name}"
    assert topics("verify", "--models", own_models).code == 4, "it only said so"
    assert topics(*prune, "--days", 0, "--yes").code == 0
    assert topics("verify", "--models", own_models).code == 0
    assert not version.exists(), "what was left of it"


def test_what_is_pruned_while_others_are_verified_is_passed_over(own_models, version, monkeypatch):
    second = again(version, LATER)

    def pruned_meanwhile(folder: Path) -> None:
        open_all(folder)
        if folder == version:
            Registry(own_models).prune("rubrics", keep=1, days=0, remove=True)

    monkeypatch.setattr(accounting, "open_all", pruned_meanwhile)
    found = list(accounting.verify(Registry(own_models)))
    assert found == [Finding("whole", f"rubrics/{LATER}  {integrity.seal(second)}")]


def test_a_damaged_history_is_told_once(topics: Topics, own_models, version):
    again(version, LATER)
    with (version.parent / history.FILE).open("a") as stream:
        stream.write("{\n")
    ran = topics("verify", "--models", own_models)
    assert (ran.code, ran.out, ran.err.count("\n")) == (4, "", 1)
    assert "history.jsonl:3: cannot be read" in ran.err


# Read


@pytest.mark.parametrize("lost", ["rubrics", "topics"])
def test_no_answer_goes_silently_without_what_was_lost(topics: Topics, both, tmp_path, lost):
    models = Path(shutil.copytree(both, tmp_path / "models"))
    article = write(tmp_path / "вход.jsonl", {"text": STEEL})
    for manifest in models.glob(f"{lost}/*/{integrity.MANIFEST}"):
        manifest.unlink()
    told = f"no version of '{lost}', though its history names some; restore the version from a backup"
    with pytest.raises(ModelError, match=told):
        Tagger.load(models)
    ran = topics("predict", article, "--models", models)
    assert (ran.code, ran.out, told in ran.err) == (4, "", True)
    assert topics("predict", article, f"--{lost}", "none", "--models", models).code == 0
    shutil.rmtree(models / lost)
    assert topics("predict", article, "--models", models).code == 0, "a newsroom that has none"


@pytest.mark.parametrize("place", ["rubrics", "."])
def test_a_folder_that_cannot_be_looked_into_is_not_empty(topics: Topics, both, tmp_path, monkeypatch, place):
    models = Path(shutil.copytree(both, tmp_path / "models"))
    iterdir = Path.iterdir

    def forbidding(path: Path):
        if path == models / place:
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", forbidding)
    told = "cannot be read (Permission denied); make it readable"
    ran = topics("verify", "--models", models)
    assert (ran.code, told in ran.err) == (4, True), ran
    ran = topics("models", "--models", models)
    assert (ran.code, told in ran.err) == (4, True), ran
    if place == "rubrics":
        assert "topics/" in ran.out
        with pytest.raises(ModelError, match="models/rubrics: cannot be read"):
            Tagger.load(models)


def test_one_damaged_manifest_hides_no_other_version(topics: Topics, own_models, version):
    again(version, LATER)
    (version / integrity.MANIFEST).write_text("{")
    ran = topics("models", "--models", own_models)
    assert (ran.code, LATER in ran.out, ran.err.count("\n")) == (4, True, 1)
    assert f"{version.name}/manifest.json: cannot be read" in ran.err
    ran = topics("models", "--json", "--models", own_models)
    assert (ran.code, [json.loads(line)["version"] for line in ran.out.splitlines()]) == (4, [LATER])
    shutil.rmtree(version.with_name(LATER))
    ran = topics("models", "--models", own_models)
    assert (ran.code, ran.out, "no versions yet" in ran.err) == (4, "", False)


def test_a_damaged_history_hides_no_version(topics: Topics, own_models, version):
    (version.parent / history.FILE).write_text("{\n")
    ran = topics("models", "--models", own_models)
    assert (ran.code, version.name in ran.out, "history.jsonl:1: cannot be read" in ran.err) == (
        4,
        True,
        True,
    )


def test_a_tagger_whose_version_is_pruned_while_it_loads_takes_the_next(own_models, version, monkeypatch):
    from topics import tagger

    second = again(version, LATER)
    promoted(version, version.name)
    load = tagger.Pipeline.load

    def pruned_meanwhile(folder: Path) -> object:
        if folder == version:
            promoted(version, LATER)
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
def test_a_command_whose_version_is_pruned_once_it_was_checked_takes_the_next(
    topics: Topics, own_models, version, tmp_path, monkeypatch, line
):
    second = again(version, LATER).name
    promoted(version, version.name)
    opened = Registry._open

    def pruned_then(self: Registry, name: str, one: str, events: list[Event]) -> object:
        found = opened(self, name, one, events)
        if one == version.name:
            promoted(version, second)
            shutil.rmtree(version)
        return found

    monkeypatch.setattr(Registry, "_open", pruned_then)
    words = line.format(tmp=tmp_path, data=embedded()[0], second=second).split()
    ran = topics(*words, "--models", own_models)
    assert ran.code == 0, ran
    assert not version.exists()
