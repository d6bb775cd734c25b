"""Hostile versions and bundles: one error line, exit code 4, and none of their code runs."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import msgspec
import numpy as np
import pytest

from newsroom import PROJECT, STEEL
from topics.errors import ModelError
from topics.lifecycle import bundles
from topics.pipeline import Pipeline
from topics.versions import integrity
from topics.versions.registry import Registry, Version


class Bomb:
    """Unpickling it creates a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def folder(own_models: Path) -> Path:
    [found] = (own_models / "rubrics").glob("2*")
    return found


ARTICLE = json.dumps({"id": "1", "text": STEEL}).encode()
KINDS = "rubrics", "topics"


@pytest.fixture
def own_both(both: Path, tmp_path: Path) -> Path:
    """A copy of a version of rubrics and one of topics that a test may change."""
    return Path(shutil.copytree(both, tmp_path / "models"))


def folder_of(models: Path, name: str) -> Path:
    [found] = (models / name).glob("2*")
    return found


def resign(folder: Path) -> None:
    """Update the manifest to match the files and remove the history, as a forger would."""
    manifest = integrity.read_manifest(folder)
    files = {
        path.name: integrity.describe(path) for path in folder.iterdir() if path.name != integrity.MANIFEST
    }
    signed = msgspec.json.encode(msgspec.structs.replace(manifest, files=files))
    (folder / integrity.MANIFEST).write_bytes(signed)
    (folder.parent / "history.jsonl").unlink(missing_ok=True)


def check_refused(topics, models: Path, *parts: str, name: str = "rubrics") -> None:
    """Check that `predict` with this version fails with exit code 4 and one line."""
    others = "--topics" if name == "rubrics" else "--rubrics"
    ran = topics("predict", "-", "--models", models, f"--{name}", name, others, "none", stdin=ARTICLE)
    assert ran.code == 4, ran
    assert ran.out == ""
    [line] = ran.err.splitlines()
    assert line.startswith("topics: ")
    assert "Traceback" not in line
    for part in parts:
        assert part in line


# Damaged files


def test_a_flipped_bit_in_any_file_is_detected(own_models, folder):
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for at in {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(ModelError, match=folder.name):
                Registry(own_models).open("rubrics")
        for cut in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:cut])
            with pytest.raises(ModelError):
                Registry(own_models).open("rubrics")
        path.write_bytes(whole)
    assert Registry(own_models).open("rubrics").folder == folder


@pytest.mark.parametrize("name", KINDS)
def test_any_changed_linked_or_missing_file_is_refused_in_one_line(topics, own_both, tmp_path, name):
    folder = folder_of(own_both, name)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[: len(whole) // 2]):
            path.write_bytes(damaged)
            check_refused(topics, own_both, folder.name, name=name)
        path.unlink()
        if path.name != integrity.MANIFEST:  # a folder without a manifest is not a version
            check_refused(topics, own_both, path.name, name=name)
        (tmp_path / "там").write_bytes(whole)
        path.symlink_to(tmp_path / "там")
        check_refused(topics, own_both, path.name, name=name)
        path.unlink()
        path.write_bytes(whole)
    assert Registry(own_both).open(name).folder == folder


def test_an_edited_manifest_is_detected_by_its_seal(topics, own_models, folder):
    coefficients = np.load(folder / "coefficients.npy")
    np.save(folder / "coefficients.npy", -coefficients)
    history = (folder.parent / "history.jsonl").read_bytes()
    resign(folder)
    (folder.parent / "history.jsonl").write_bytes(history)
    check_refused(
        topics, own_models, "manifest.json: was altered since it was published; restore it or train again"
    )


# Forged files with a matching manifest


def array(path: Path, content: np.ndarray) -> None:
    np.save(path, content, allow_pickle=True)


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb(path.with_name("взорвалось"))))


def npz(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, np.array([{"a": 1}], dtype=object))


def skops(path: Path) -> None:
    """Write a file that `skops.io.load` would turn into `os.system`."""
    foreign = {"__class__": "system", "__module__": "os", "__loader__": "TypeNode", "protocol": 2}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(foreign))


def claim(path: Path, shape: str) -> None:
    """Write an array whose header claims another shape than its data has."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(4000))


def value(name: str, **changed: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        found = json.loads((folder / name).read_bytes())
        (folder / name).write_text(json.dumps(found | changed), encoding="utf-8")

    return damage


def decisions(**changed: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        found = json.loads((folder / "classifier.json").read_bytes())
        found["decisions"] |= changed
        (folder / "classifier.json").write_text(json.dumps(found), encoding="utf-8")

    return damage


def in_file(name: str, damage: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda folder: damage(folder / name)


FORGED = {
    "an npz with object arrays": (in_file("coefficients.npy", npz), "coefficients.npy: cannot be read"),
    "a skops file with a foreign type": (
        in_file("coefficients.npy", skops),
        "coefficients.npy: cannot be read",
    ),
    "an array of objects": (
        in_file("coefficients.npy", lambda path: array(path, np.array([[{}]], dtype=object))),
        "coefficients.npy: cannot be read",
    ),
    "ten gigabytes claimed": (
        in_file("coefficients.npy", lambda path: claim(path, "(50000, 50000)")),
        "coefficients.npy: cannot be read (mmap length is greater than file size)",
    ),
    "more than memory can address": (
        in_file("coefficients.npy", lambda path: claim(path, "(4611686018427387904, 16)")),
        "coefficients.npy: cannot be read",
    ),
    "less than nothing": (
        in_file("coefficients.npy", lambda path: claim(path, "(-1, 3)")),
        "coefficients.npy:",
    ),
    "bytes after the array": (
        in_file("idf.npy", lambda path: path.write_bytes(path.read_bytes() + b"#!/bin/sh")),
        "idf.npy: contains 1 dimensions of float32 and extra bytes",
    ),
    "a header that is a program": (
        in_file("idf.npy", lambda path: claim(path, "__import__('os').mkdir('x')")),
        "idf.npy: cannot be read",
    ),
    "a header of brackets": (
        in_file("idf.npy", lambda path: claim(path, "(" * 60)),
        "idf.npy: cannot be read",
    ),
    "numbers that are none": (
        in_file("idf.npy", lambda path: array(path, np.load(path) * np.float32("nan"))),
        "idf.npy: has a number that is not finite",
    ),
    "infinite numbers": (
        in_file("coefficients.npy", lambda path: array(path, np.load(path) + np.float32("inf"))),
        "coefficients.npy: has a number that is not finite",
    ),
    "another shape": (
        in_file("coefficients.npy", lambda path: array(path, np.load(path)[:-1].copy())),
        "classifier.json and coefficients.npy do not fit together",
    ),
    "another type": (
        in_file("idf.npy", lambda path: array(path, np.load(path).astype(np.float64))),
        "idf.npy: contains 1 dimensions of float64, expected 1 of float32",
    ),
    "terms beyond the words": (
        in_file("terms.npy", lambda path: array(path, np.load(path) + 10**9)),
        "terms.npy and idf.npy do not fit together",
    ),
    "terms below zero": (in_file("terms.npy", lambda path: array(path, np.load(path) - 10**6)), "do not fit"),
    "a threshold above one": (decisions(thresholds=[2.0] * 3), "classifier.json: cannot be read"),
    "a threshold too few": (decisions(thresholds=[0.5] * 2), "do not fit together"),
    "a slope beyond measure": (decisions(slopes=[1e300] * 3), "classifier.json: cannot be read"),
    "a rubric that is a number": (
        value("classifier.json", rubrics=[1, 2, 3]),
        "classifier.json: cannot be read",
    ),
    "a classifier of its own": (
        value("pipeline.json", classifier="os:system"),
        "unknown classifier 'os:system'",
    ),
    "a key of its own": (value("pipeline.json", run="rm -rf"), "pipeline.json: cannot be read"),
    "no words": (in_file("lemmas.txt", lambda path: path.write_bytes(b"")), "do not fit together"),
    "words that are no text": (
        in_file("lemmas.txt", lambda path: path.write_bytes(b"\xff\n")),
        "lemmas.txt:",
    ),
    "JSON ten thousand deep": (
        in_file("boilerplate.json", lambda path: path.write_bytes(b'{"a":' * 10_000)),
        "boilerplate.json: cannot be read",
    ),
}


@pytest.mark.parametrize("how", FORGED)
def test_forged_contents_are_validated(topics, own_models, folder, how):
    damage, message = FORGED[how]
    damage(folder)
    resign(folder)
    check_refused(topics, own_models, message)


@pytest.mark.parametrize("how", [npz, skops, lambda path: claim(path, "(50000, 50000)"), pickled])
def test_forged_arrays_of_topics_are_refused(topics, own_both, how):
    folder = folder_of(own_both, "topics")
    arrays = {path.name: path.read_bytes() for path in folder.glob("topic_*.npy")}
    assert len(arrays) == 4
    for name, whole in arrays.items():
        how(folder / name)
        resign(folder)
        check_refused(topics, own_both, f"{name}: cannot be read", name="topics")
        (folder / name).write_bytes(whole)
    assert not (folder / "взорвалось").exists()


@pytest.mark.parametrize("name", ["coefficients.npy", "classifier.json", "lemmas.txt", "manifest.json"])
def test_pickles_are_never_loaded(topics, own_models, folder, tmp_path, name):
    mark = tmp_path / "взорвалось"
    bomb = pickle.dumps(Bomb(mark))
    (folder / name).write_bytes(bomb)
    if name != "manifest.json":
        resign(folder)
    check_refused(topics, own_models, name)
    (folder / name).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + bomb)
    check_refused(topics, own_models)
    assert not mark.exists()
    pickle.loads(bomb)
    assert mark.exists(), "the bomb works"


READ_BY_PEOPLE = {"MODEL_CARD.md", "report.html"}
SKOPS = b"PK\x03\x04" + b'{"__class__": "system", "__module__": "os", "__loader__": "ObjectNode"}'


@pytest.mark.parametrize("name", ["rubrics", "topics"])
def test_verify_refuses_a_file_of_another_format(topics, both, tmp_path, name):
    """Even with a matching manifest, in place of any file."""
    models = shutil.copytree(both, tmp_path / "models")
    [folder] = (models / name).glob("2*")
    manifest = (folder / integrity.MANIFEST).read_bytes()
    ours = integrity.read_manifest(folder).files.keys() - READ_BY_PEOPLE
    assert {"profile.json", "words.json", "report.json"} < ours
    for path in [folder / file for file in sorted(ours)]:
        whole = path.read_bytes()
        for bad in (SKOPS, pickle.dumps(Bomb(tmp_path / "взорвалось")), whole[: len(whole) // 2], b""):
            path.write_bytes(bad)
            resign(folder)
            ran = topics("verify", f"{name}/{folder.name}", "--models", models)
            assert (ran.code, ran.out, ran.err.count("\n")) == (4, "", 1), (path, bad[:9], ran)
        path.write_bytes(whole)
        (folder / integrity.MANIFEST).write_bytes(manifest)
    assert not (tmp_path / "взорвалось").exists()
    assert topics("verify", f"{name}/{folder.name}", "--models", models).code == 0


def test_a_file_with_another_suffix_is_refused(topics, own_models, folder):
    skops(folder / "model.skops")
    check_refused(topics, own_models, "missing or unexpected files: 'model.skops'")
    resign(folder)
    check_refused(topics, own_models, "model.skops: not a file of a version, which has only '.html', '.json'")


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "setup.py", "Makefile", "model.NPY", ".npy"])
def test_a_plugin_cannot_publish_executable_files(own_models, folder, name):
    """A classifier of an entry point writes any files; executable ones are not published."""

    def write(draft: Path) -> None:
        shutil.copytree(folder, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
        pickled(draft / name)

    with pytest.raises(ModelError, match=f"{name}: not a file of a version"):
        Registry(own_models).publish(integrity.read_manifest(folder), write)
    assert Registry(own_models).versions("rubrics") == [folder.name]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.symlink_to("/dev/zero"), "manifest.json: is not a file"),
        (os.mkfifo, "manifest.json: is not a file"),
        (Path.mkdir, "manifest.json: is not a file"),
        (lambda path: path.write_bytes(b" " * 16_000_001), "is not a manifest: 16,000,001 bytes"),
    ],
)
def test_a_special_or_huge_manifest_is_refused(topics, own_models, folder, damage, message):
    (folder / "manifest.json").unlink()
    damage(folder / "manifest.json")
    check_refused(topics, own_models, message)


def test_a_symbolic_link_is_refused(topics, own_models, folder, tmp_path):
    (folder / "idf.npy").rename(tmp_path / "idf.npy")
    (folder / "idf.npy").symlink_to(tmp_path / "idf.npy")
    check_refused(topics, own_models, "idf.npy: is not a file of")


# Bundles


@pytest.fixture
def whole(folder: Path, own_models: Path) -> dict[str, bytes]:
    """The entries of a valid bundle."""
    return entries_of(Registry(own_models).open("rubrics"))


def entries_of(found: Version, names: bytes | None = None) -> dict[str, bytes]:
    """Return the entries of a bundle of a version, with names of topics and a seal."""
    files = {f"{found.label}/{path.name}": path.read_bytes() for path in sorted(found.folder.iterdir())}
    named = {} if names is None else {f"{found.label}/names.json": names}
    seal = bundles.seal(files[f"{found.label}/{integrity.MANIFEST}"], names or b"")
    return files | named | {f"{found.label}/seal.txt": seal}


def tar_of(path: Path, entries: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in more:
            tar.addfile(info)
    return path


def zip_of(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def special_entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def bad_tars(path: Path, whole: dict[str, bytes]) -> Iterator[tuple[str, Path]]:
    label = next(iter(whole)).rpartition("/")[0]
    yield "is not named NAME/VERSION/FILE", tar_of(path, whole | {"../../x": b"x"})
    yield "is not named NAME/VERSION/FILE", tar_of(path, whole | {"/etc/cron.d/x": b"x"})
    yield "is not named NAME/VERSION/FILE", tar_of(path, whole | {f"{label}/../x": b"x"})
    yield "is not named NAME/VERSION/FILE", tar_of(path, whole | {f"{label}/..": b"x"})
    yield "is not named NAME/VERSION/FILE", tar_of(path, whole | {f"{label}/a\\b": b"x"})
    yield "is not named NAME/VERSION/FILE", tar_of(path, whole | {f"{label}/.hidden": b"x"})
    yield (
        "is not a regular file",
        tar_of(path, whole, special_entry(f"{label}/x", tarfile.SYMTYPE, "/etc/passwd")),
    )
    yield (
        "is not a regular file",
        tar_of(path, whole, special_entry(f"{label}/x", tarfile.LNKTYPE, f"{label}/idf.npy")),
    )
    yield "is not a regular file", tar_of(path, whole, special_entry(f"{label}/x", tarfile.CHRTYPE))
    yield "is not a regular file", tar_of(path, whole, special_entry(f"{label}/x", tarfile.FIFOTYPE))
    yield "is not a regular file", tar_of(path, whole, special_entry(f"{label}/x", tarfile.DIRTYPE))
    yield "contains 2 versions", tar_of(path, whole | {"rubrics/20200101T000000Z-000000/x": b"x"})
    yield "contains 0 versions", tar_of(path, {})
    yield "missing or unexpected files: 'x'", tar_of(path, whole | {f"{label}/x": b"x"})
    short = {name: content for name, content in whole.items() if not name.endswith("idf.npy")}
    yield "missing or unexpected files: 'idf.npy'", tar_of(path, short)
    lemmas = f"{label}/lemmas.txt"
    yield "was altered since it was published", tar_of(path, whole | {lemmas: whole[lemmas][::-1]})
    other = {name.replace("rubrics/", "туры/"): content for name, content in whole.items()}
    yield "is rubrics/", tar_of(path, other)
    path.write_bytes(tar_of(path, whole).read_bytes()[:-30_000])
    yield "is damaged or not a bundle", path
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(f"{label}/x"))
    yield "is damaged or not a bundle", path


def test_hostile_tars_are_refused(topics, tmp_path, whole):
    for message, path in bad_tars(tmp_path / "b.tar", whole):
        check_not_imported(topics, path, message)


@pytest.mark.parametrize("suffix", bundles.SUFFIXES)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"excerpt": 200', '"excerpt": 100'),
        lambda text: text.replace("2026", "2025", 1),
        lambda text: f" {text}",
    ],
)
def test_a_manifest_changed_after_export_is_detected(topics, tmp_path, folder, whole, suffix, change):
    manifest = next(name for name in whole if name.endswith(integrity.MANIFEST))
    text = change(whole[manifest].decode()).encode()
    assert text != whole[manifest]
    write = tar_of if suffix == ".tar" else zip_of
    path = write(tmp_path / f"b{suffix}", whole | {manifest: text})
    check_not_imported(topics, path, "was altered since it was exported")


def test_a_bundle_without_a_seal_is_refused(topics, tmp_path, whole):
    seal = next(name for name in whole if name.endswith("seal.txt"))
    path = tar_of(tmp_path / "b.tar", {name: whole[name] for name in whole if name != seal})
    check_not_imported(topics, path, "was altered since it was exported")


def test_repeated_entries_of_a_bundle_are_refused(topics, tmp_path, whole):
    name = next(iter(whole))
    path = tar_of(tmp_path / "b.tar", whole, tarfile.TarInfo(name))
    check_not_imported(topics, path, f"the entry {name!r} occurs twice")


def test_a_huge_sparse_tar_is_refused(topics, tmp_path, whole):
    path, label = tmp_path / "b.tar", next(iter(whole)).rpartition("/")[0]
    info = tarfile.TarInfo(f"{label}/x")
    info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(10**13)}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in whole.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        tar.addfile(info)
    check_not_imported(topics, path, "is not a regular file")


def bad_zips(path: Path, whole: dict[str, bytes]) -> Iterator[tuple[str, Path]]:
    label = next(iter(whole)).rpartition("/")[0]
    yield "is not named NAME/VERSION/FILE", zip_of(path, whole | {"../../x": b"x"})
    yield "is not named NAME/VERSION/FILE", zip_of(path, whole | {f"{label}/": b""})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{label}/x", bytes(50_000_000))
    yield "is compressed, which `topics export` never does", path
    link = zipfile.ZipInfo(f"{label}/x")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    yield "is not a regular file", path
    locked = bytearray(zip_of(path, {f"{label}/x": b"x"}).read_bytes())
    central = locked.rfind(b"PK\x01\x02")
    locked[central + 8] |= 1
    path.write_bytes(locked)
    yield "is encrypted", path
    twice = bytearray(zip_of(path, {f"{label}/x": b"x", f"{label}/y": b"y"}).read_bytes())
    path.write_bytes(twice.replace(f"{label}/y".encode(), f"{label}/x".encode()))
    yield "occurs twice", path
    huge = bytearray(zip_of(path, {f"{label}/x": b"x"}).read_bytes())
    central = huge.rfind(b"PK\x01\x02")
    huge[central + 20 : central + 28] = struct.pack("<II", 10**9, 10**9)
    path.write_bytes(huge)
    yield "claims to contain more than its", path
    path.write_bytes(b"PK\x05\x06" + bytes(18))
    yield "contains 0 versions", path
    path.write_bytes(b"not a zip at all")
    yield "is damaged or not a bundle", path


def test_hostile_zips_are_refused(topics, tmp_path, whole):
    for message, path in bad_zips(tmp_path / "b.zip", whole):
        check_not_imported(topics, path, message)


def check_not_imported(topics, path: Path, message: str) -> None:
    models = path.parent / "там"
    ran = topics("import", path, "--models", models)
    assert (ran.code, ran.out) == (4, ""), (message, ran)
    [line] = ran.err.splitlines()
    assert message in line
    assert str(path) in line or path.name in line
    assert Registry(models).names() == []
    assert not list(models.glob("*/[!.]*")), "nothing visible"
    assert not list(models.glob("*/.draft-*"))
    assert not (path.parent / "x").exists()
    path.unlink()


def test_a_bundle_with_an_invalid_model_is_not_imported(topics, tmp_path, folder, own_models):
    decisions(thresholds=[0.5] * 2)(folder)
    resign(folder)
    opened = Registry(own_models).open("rubrics")
    bundles.pack(opened, tmp_path / "b.tar")
    check_not_imported(topics, tmp_path / "b.tar", "do not fit together")
    with pytest.raises(ModelError):
        Pipeline.load(opened.folder)


def test_a_bundle_with_an_invalid_profile_is_not_imported(topics, tmp_path, folder, own_models):
    array(folder / "profile.means.npy", np.zeros((2, 2)))
    resign(folder)
    bundles.pack(Registry(own_models).open("rubrics"), tmp_path / "b.tar")
    check_not_imported(topics, tmp_path / "b.tar", "the files of the profile do not fit together")


# Fuzzing


def test_a_short_fuzzing_run_finds_nothing(models):
    path = PROJECT / "scripts" / "fuzz_versions.py"
    spec = spec_from_file_location("fuzz_versions", path)
    fuzzer = module_from_spec(spec)
    spec.loader.exec_module(fuzzer)
    [version] = (models / "rubrics").glob("2*")
    outcomes = fuzzer.fuzz(version, seconds=60, seed=1, most=150)
    assert sum(outcomes.values()) == 150
    assert {
        "altered: refused",
        "resigned: refused",
        "resigned: usable",
        "bundled: refused",
    } <= outcomes.keys()
