"""The registry: versions are published atomically, checked byte by byte, never rewritten."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from topics.errors import ModelError, TopicsError, UsageError
from topics.versions.manifest import PROTOCOL, CorpusFacts, Likely, Manifest, Metrics, version_name
from topics.versions.registry import Registry, Version

FACTS = CorpusFacts(("лента.jsonl",), "0" * 64, articles=3, labelled=2, clean=1, rejects=0)
FIGURES = Metrics("hold-out", 3, (), 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 3, Likely(0, 0.0, 0.0))


def manifest(created: str = "2026-03-04T10:15:00+00:00", name: str = "rubrics", C: float = 0.5) -> Manifest:
    return Manifest(name, "", created, ("туризм",), {}, {"C": C}, FACTS, FIGURES, {"python": "3"})


def fill(folder: Path) -> None:
    (folder / "слова.txt").write_text("завод\nбанк\n", encoding="utf-8")
    (folder / "weights.npy").write_bytes(bytes(range(200)))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def version(registry: Registry) -> Version:
    return registry.publish(manifest(), fill)


# Publishing


def test_a_version_is_a_folder_of_files_and_a_manifest(registry, version):
    assert version.folder.parent == registry.folder / "rubrics"
    assert version.label == f"rubrics/{version.folder.name}"
    assert version.folder.name.startswith("20260304T101500Z-")
    assert {path.name for path in version.folder.iterdir()} == {"слова.txt", "weights.npy", "manifest.json"}
    assert version.manifest.files.keys() == {"слова.txt", "weights.npy"}
    assert version.manifest.files["weights.npy"].size == 200
    opened = registry.open("rubrics")
    assert opened == version
    assert opened.manifest == registry.manifest("rubrics", version.folder.name)


def test_a_version_is_readable_by_everyone(version):
    assert version.folder.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in version.folder.iterdir()} == {0o644}


def test_only_the_version_is_visible_after_publishing(registry, version):
    home = registry.folder / "rubrics"
    visible = {path.name for path in home.iterdir() if not path.name.startswith(".")}
    assert visible == {version.folder.name, "history.jsonl"}
    assert not list(home.glob(".draft-*"))


def test_publishing_moves_latest_and_records_it(registry, version):
    second = registry.publish(manifest("2026-03-05T10:15:00+00:00"), fill)
    assert registry.aliases("rubrics") == {"latest": second.folder.name}
    lines = (registry.folder / "rubrics" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    moves = [
        (entry["alias"], entry["from"], entry["version"], entry["why"]) for entry in map(json.loads, lines)
    ]
    assert moves == [
        ("latest", None, version.folder.name, "trained"),
        ("latest", version.folder.name, second.folder.name, "trained"),
    ]


def test_files_are_synced_before_the_version_is_visible(registry, monkeypatch):
    seen: list[object] = []
    rename = os.rename
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(os.fstat(descriptor).st_ino))
    monkeypatch.setattr(os, "rename", lambda *paths: (seen.append("visible"), rename(*paths)))
    folder = registry.publish(manifest(), fill).folder
    before, after = seen[: seen.index("visible")], seen[seen.index("visible") + 1 :]
    assert {path.stat().st_ino for path in (folder, *folder.iterdir())} <= set(before)
    assert folder.parent.stat().st_ino == after[0], "the rename is synced as well"


def test_a_version_is_never_rewritten(registry, version):
    before = contents(version.folder)
    registry.publish(manifest(), lambda folder: (folder / "другое.txt").write_text("иное", encoding="utf-8"))
    assert contents(version.folder) == before


def test_versions_of_the_same_second_are_distinct_and_ordered(registry):
    made = [registry.publish(manifest(), fill).folder.name for _ in range(3)]
    assert [name[:16] for name in made] == ["20260304T101500Z", "20260304T101501Z", "20260304T101502Z"]
    assert registry.versions("rubrics") == made
    for name in made:
        assert registry.open(f"rubrics/{name}").folder.name == name
    assert registry.open("rubrics").folder.name == made[-1]


def test_concurrent_publishing_keeps_all_versions(registry):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: registry.publish(manifest(C=n), fill), range(8)))
    assert sorted(version.folder.name for version in made) == registry.versions("rubrics")
    assert all(registry.open(version.label) == version for version in made)
    history = (registry.folder / "rubrics" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    entries = list(map(json.loads, history))
    assert [entry["from"] for entry in entries] == [None, *(entry["version"] for entry in entries[:-1])]
    assert registry.aliases("rubrics")["latest"] == entries[-1]["version"]


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        (manifest(), manifest(), True),
        (manifest(), manifest("2026-03-04T13:15:00+03:00"), True),
        (manifest(), manifest(C=0.6), False),
        (manifest(), manifest("2026-03-04T10:15:01+00:00"), False),
    ],
)
def test_a_version_name_depends_on_time_and_content(tmp_path, first, second, alike):
    names = [
        Registry(tmp_path / str(n)).publish(each, fill).folder.name for n, each in enumerate((first, second))
    ]
    assert (names[0] == names[1]) is alike


def test_a_version_name_does_not_depend_on_the_order_of_keys():
    moment = datetime(2026, 3, 4, 10, 15, tzinfo=UTC)
    assert version_name(moment, [{"a": 1, "b": 2}]) == version_name(moment, [{"b": 2, "a": 1}])


@pytest.mark.parametrize("name", ["", "../туда", "a/b", ".скрыто", "a b", "x" * 101, "a\nb"])
def test_an_invalid_model_name_is_refused(registry, name):
    with pytest.raises(UsageError, match="is not a valid model name: letters, digits"):
        registry.publish(manifest(name=name), fill)
    assert not registry.folder.exists()


@pytest.mark.parametrize("name", ["rubrics", "рубрики", "новости-2026", "a.b_c", "7"])
def test_a_valid_model_name_is_accepted(registry, name):
    assert registry.open(registry.publish(manifest(name=name), fill).label).manifest.name == name


# Opening


def alias(registry: Registry, **aliases: str) -> None:
    with registry.folder.joinpath("rubrics", "history.jsonl").open("w", encoding="utf-8") as lines:
        for name, version in aliases.items():
            print(json.dumps({"what": "promoted", "version": version, "alias": name}), file=lines)


def test_references_are_resolved(registry):
    first, second, third = (
        registry.publish(manifest(f"2026-03-0{day}T00:00:00+00:00"), fill).folder.name for day in (1, 2, 3)
    )
    alias(registry, latest=second)
    assert registry.resolve("rubrics") == ("rubrics", second), "latest, if nothing is in production"
    alias(registry, latest=third, production=first)
    for reference, expected in {
        "rubrics": first,
        "rubrics@production": first,
        "rubrics@latest": third,
        f"rubrics/{second}": second,
    }.items():
        assert registry.resolve(reference) == ("rubrics", expected)
        assert registry.open(reference).folder.name == expected
    (registry.folder / "rubrics" / "history.jsonl").unlink()
    assert registry.resolve("rubrics") == ("rubrics", third), "the newest, if the history is missing"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "topics",
            r"no version of 'topics'; trained models: 'rubrics'\. Train one with `python -m topics",
        ),
        ("rubrics@стенд", "'rubrics' has no alias 'стенд'; it has 'latest'"),
        (
            "rubrics/20250101T000000Z-000000",
            "'rubrics' has no version '20250101T000000Z-000000'; it has '2026",
        ),
        ("rubrics/../rubrics", "'rubrics' has no version '../rubrics'; it has '2026"),
        ("rubrics/.draft-1", "'rubrics' has no version '.draft-1'"),
        ("", "'' is not a valid model name"),
        ("../rubrics", "'..' is not a valid model name"),
        ("@latest", "'' is not a valid model name"),
        ("rubrics\n", "is not a valid model name"),
    ],
)
def test_an_unresolvable_reference_is_an_error(registry, version, reference, message):
    with pytest.raises(TopicsError, match=message):
        registry.open(reference)


def test_an_empty_or_missing_folder_has_no_models(tmp_path):
    for folder in (tmp_path, tmp_path / "нет"):
        registry = Registry(folder)
        assert registry.names() == []
        with pytest.raises(ModelError, match=r"no version of 'rubrics'; trained models: none\. Train one"):
            registry.open("rubrics")
    assert not (tmp_path / "нет").exists(), "no folder is created"


def test_names_lists_models_with_a_version(registry, version):
    registry.publish(manifest(name="архив"), fill)
    (registry.folder / "пусто").mkdir()
    (registry.folder / "README.md").write_text("не модель", encoding="utf-8")
    assert registry.names() == ["rubrics", "архив"]


# Integrity


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link(path: Path) -> None:
    path.rename(path.parents[2] / "elsewhere")
    path.symlink_to(path.parents[2] / "elsewhere")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


NO_FILE = r"weights\.npy: is not a file of 200 bytes; restore it or train again"

LEFTOVERS = [".DS_Store", "._weights.npy", "Thumbs.db", "desktop.ini"]


@pytest.mark.parametrize("leftover", LEFTOVERS)
def test_leftovers_of_file_managers_are_ignored(registry, version, tmp_path, leftover):
    copy = tmp_path / "копия"
    shutil.copytree(registry.folder, copy, copy_function=shutil.copyfile)  # with other times and permissions
    (copy / "rubrics" / version.folder.name / leftover).touch()
    assert Registry(copy).open("rubrics").manifest == version.manifest
    (copy / "rubrics" / version.folder.name / "заметка.txt").touch()
    with pytest.raises(ModelError, match=r"unexpected files: 'заметка\.txt'; remove these files"):
        Registry(copy).open("rubrics")


DAMAGE = {
    "one bit": (flip, r"weights\.npy: was altered since it was published; restore it or train again"),
    "cut": (lambda path: os.truncate(path, 199), NO_FILE),
    "emptied": (lambda path: os.truncate(path, 0), NO_FILE),
    "a link": (link, NO_FILE),
    "a folder": (folder, NO_FILE),
    "a pipe": (pipe, NO_FILE),
    "missing": (Path.unlink, "missing or unexpected files: 'weights.npy'; restore it or train again"),
    "renamed": (
        lambda path: path.rename(path.with_name("w.npy")),
        "unexpected files: 'w.npy', 'weights.npy'",
    ),
    "one more": (lambda path: path.with_name("evil.pkl").touch(), "unexpected files: 'evil.pkl'"),
    "a hidden one": (lambda path: path.with_name(".evil").touch(), "unexpected files: '.evil'"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_changed_file_is_refused(registry, version, how):
    damage, message = DAMAGE[how]
    damage(version.folder / "weights.npy")
    with pytest.raises(ModelError, match=message):
        registry.open("rubrics")


ELSEWHERE = {"../x": {"size": 0, "sha256": ""}}

MANIFESTS = {
    "nothing": (b"", r"manifest\.json: cannot be read .*; restore the version from a backup or train again"),
    "no letters": (b"\xff{", r"manifest\.json: cannot be read"),
    "a list": (b"[]", r"manifest\.json: cannot be read"),
    "nested": (b"[" * 100_000, r"manifest\.json: cannot be read"),
    "another type": ({"rubrics": 7}, r"manifest\.json: cannot be read .*rubrics"),
    "a key of its own": ({"run": "rm -rf"}, r"manifest\.json: cannot be read .*run"),
    "leads outside": ({"files": ELSEWHERE}, r"unexpected files: '\.\./x', 'weights\.npy'"),
    "moved": ({"version": "2020"}, "is rubrics/2020 by its manifest; move it back"),
    "of another model": ({"name": "туры"}, "is туры/2026.* by its manifest; move"),
    "newer": (
        {"protocol": PROTOCOL + 1, "новое": 1},
        f"has protocol {PROTOCOL + 1}, this topics can read {PROTOCOL}; update topics or train again",
    ),
}


@pytest.mark.parametrize("how", MANIFESTS)
def test_an_invalid_manifest_is_refused(registry, version, how):
    change, message = MANIFESTS[how]
    path = version.folder / "manifest.json"
    whole = json.loads(path.read_bytes())
    path.write_bytes(change if isinstance(change, bytes) else json.dumps(whole | change).encode())
    with pytest.raises(ModelError, match=message) as error:
        registry.open("rubrics")
    assert "\n" not in str(error.value)


def test_a_folder_without_a_manifest_is_not_a_version(registry, version):
    (version.folder / "manifest.json").unlink()
    with pytest.raises(ModelError, match="no version of 'rubrics'"):
        registry.open("rubrics")


def test_an_alias_to_a_missing_version_is_an_error(registry, version):
    registry.publish(manifest("2026-03-05T00:00:00+00:00"), fill)
    shutil.rmtree(version.folder)
    alias(registry, production=version.folder.name)
    with pytest.raises(ModelError, match=f"has no version '{version.folder.name}'; it has '20260305"):
        registry.open("rubrics")


@pytest.mark.parametrize("line", ["", "[]", '{"what": "promoted", "version": 7}', "{"])
def test_a_damaged_history_is_an_error(registry, version, line):
    path = registry.folder / "rubrics" / "history.jsonl"
    path.write_bytes(path.read_bytes() + line.encode() + b"\n")
    with pytest.raises(ModelError, match=r"history\.jsonl:2: cannot be read .*; restore the file, or delete"):
        registry.open("rubrics")


def test_an_incomplete_last_line_of_the_history_is_ignored(registry, version):
    path = registry.folder / "rubrics" / "history.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"what": "promoted", "versi')
    assert registry.open("rubrics") == version
    second = registry.publish(manifest("2026-03-05T00:00:00+00:00"), fill)
    assert path.read_bytes().startswith(whole)
    assert [event.version for event in registry.events("rubrics")] == [
        version.folder.name,
        second.folder.name,
    ]


# Interruptions


class Killed(BaseException):
    """The process was killed."""


CALLS = [(os, name) for name in ("open", "mkdir", "chmod", "fsync", "rename", "replace", "unlink", "rmdir")]


class Interruption:
    """Lets system calls pass until call number `due`: there the process is killed, or the disk is full."""

    def __init__(self, patch: pytest.MonkeyPatch, due: int, *, kills: bool) -> None:
        self.count, self.due, self.kills = 0, due, kills
        for place, name in [*CALLS, (io, "open")]:
            patch.setattr(place, name, self._watched(getattr(place, name)))

    def _watched(self, call: Callable) -> Callable:
        def watched(*args, **kwargs):
            self.count += 1
            if self.kills and self.count >= self.due:
                raise Killed
            if self.count == self.due:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*args, **kwargs)

        return watched


def publish_interrupted(registry: Registry, due: int, *, kills: bool) -> tuple[int, bool]:
    """Publish a second version; return the number of system calls and whether it succeeded."""
    with pytest.MonkeyPatch.context() as patch:
        interruption = Interruption(patch, due, kills=kills)
        try:
            registry.publish(manifest("2026-03-05T00:00:00+00:00"), fill)
        except (Killed, OSError, ModelError):
            return interruption.count, False
    return interruption.count, True


@pytest.mark.parametrize("kills", [True, False], ids=["killed", "disk full"])
def test_publishing_is_atomic_at_every_system_call(tmp_path, kills):
    calls, done = publish_interrupted(Registry(tmp_path / "count"), 10_000, kills=kills)
    assert done
    assert calls > 20
    outcomes = set()
    for due in range(1, calls + 1):
        registry = Registry(tmp_path / str(due))
        first = registry.publish(manifest(), fill).folder.name
        publish_interrupted(registry, due, kills=kills)

        afterwards = Registry(registry.folder)
        versions = afterwards.versions("rubrics")
        assert versions[0] == first
        assert len(versions) <= 2
        for version in versions:
            opened = afterwards.open(f"rubrics/{version}")
            assert opened.manifest.files.keys() == {"слова.txt", "weights.npy"}
        assert afterwards.open("rubrics").folder.name == afterwards.aliases("rubrics")["latest"]
        if not kills:
            assert not any(path.is_dir() for path in (registry.folder / "rubrics").glob(".draft-*"))
        outcomes.add((len(versions), afterwards.aliases("rubrics")["latest"] == first))

        third = afterwards.publish(manifest("2026-03-06T00:00:00+00:00"), fill)
        assert afterwards.open("rubrics") == third
    assert {(1, True), (2, True), (2, False)} == outcomes, "failures before, between and after the two steps"


def test_a_failing_writer_leaves_no_files(registry, version):
    def fail(folder: Path) -> None:
        fill(folder)
        raise ValueError("чернила кончились")

    before = {path.name for path in (registry.folder / "rubrics").iterdir()}
    with pytest.raises(ValueError, match="чернила"):
        registry.publish(manifest(), fail)
    assert {path.name for path in (registry.folder / "rubrics").iterdir()} == before
    assert registry.open("rubrics") == version
