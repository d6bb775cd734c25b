"""Archive jobs: the output does not depend on shards, workers or interruptions."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import SHARD, LethalTaggerRef, lines, mixed, rows, score_without_shards, scoring_options
from newsroom import BANK, write
from topics import parallel, storage
from topics.archive import job as room
from topics.archive.job import repeats, score_archive
from topics.archive.scoring import score
from topics.config import Config
from topics.corpus import Corpus, embedded
from topics.corpus.seen import hashes
from topics.corpus.shards import plan
from topics.errors import DataError, OutputError, StoppedError, UsageError, WorkerDiedError
from topics.tagger import Tagger, TaggerRef
from topics.training.job import TrainingJob
from topics.types import Reject
from topics.versions.registry import Registry


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed(tmp_path_factory.mktemp("архив") / "вход")


@pytest.fixture
def stored(models: Path) -> TaggerRef:
    return TaggerRef(str(models), "rubrics")


def rejects_of(path: Path) -> list[Reject]:
    return [msgspec.json.decode(line, type=Reject) for line in path.read_bytes().splitlines()]


# Sharding


@pytest.mark.parametrize("size", [1, SHARD, 1 << 30])
@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_sharding_does_not_change_the_output_file(tmp_path, source, stored, tagger, suffix, size):
    expected, output = tmp_path / f"ряд{suffix}", tmp_path / f"выход{suffix}"
    rejects = score_without_shards(source, tagger, expected, ("title",))
    options = scoring_options(output, shard_size=size)
    summary = score_archive(Corpus(source, keep=("title",)), stored, options)
    assert output.read_bytes() == expected.read_bytes()
    assert rejects_of(options.rejects) == rejects
    assert (summary.articles, summary.rejects) == (len(pq_or_lines(expected)), len(rejects))
    assert sum("was seen before" in reject.reason for reject in rejects) > 5
    assert not options.home.exists()


def pq_or_lines(path: Path) -> list[object]:
    if path.suffix == ".jsonl":
        return path.read_bytes().splitlines()
    import csv

    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("size", [1, SHARD])
def test_sharding_does_not_change_the_rows_of_parquet(tmp_path, source, stored, tagger, size):
    score_without_shards(source, tagger, tmp_path / "ряд.parquet", ("title",))
    output = tmp_path / "выход.parquet"
    score_archive(Corpus(source, keep=("title",)), stored, scoring_options(output, shard_size=size))
    assert pq.read_table(output).equals(pq.read_table(tmp_path / "ряд.parquet"))


def test_two_workers_write_the_same_file_as_one(tmp_path, source, stored, tagger):
    score_without_shards(source, tagger, tmp_path / "ряд.jsonl")
    summaries = [
        score_archive(Corpus(source), stored, scoring_options(tmp_path / f"{workers}.jsonl", workers=workers))
        for workers in (1, 2)
    ]
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "ряд.jsonl").read_bytes()
    assert summaries[0].rubrics == summaries[1].rubrics


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_topics_are_written_after_rubrics(tmp_path, source, both, suffix):
    tagger = Tagger.load(both)
    score_without_shards(source, tagger, tmp_path / f"ряд{suffix}", ("title",))
    output = tmp_path / f"выход{suffix}"
    stored = TaggerRef.of(tagger, both)
    summary = score_archive(Corpus(source, keep=("title",)), stored, scoring_options(output))
    assert [version.partition("/")[0] for version in summary.versions] == ["rubrics", "topics"]
    if suffix == ".parquet":
        assert pq.read_table(output).equals(pq.read_table(tmp_path / "ряд.parquet"))
        found = pq.read_table(output).to_pylist()[0]
    else:
        assert output.read_bytes() == (tmp_path / f"ряд{suffix}").read_bytes()
        found = pq_or_lines(output)[0]
        found = json.loads(found) if suffix == ".jsonl" else found
    assert found["topic_model"] == summary.versions[1]
    assert list(found)[-3:] == ["topics", "topic_model", "title"]


def test_parts_of_a_folder_concatenate_to_the_file(tmp_path, source, stored):
    score_archive(Corpus(source), stored, scoring_options(tmp_path / "один.jsonl"))
    folder = tmp_path / "части"
    score_archive(Corpus(source), stored, scoring_options(folder))
    parts = sorted(folder.glob("part-*.jsonl"))
    assert len(parts) == len(plan(Corpus(source).sources, SHARD)) > 5
    assert b"".join(part.read_bytes() for part in parts) == (tmp_path / "один.jsonl").read_bytes()
    assert {path.name for path in folder.iterdir()} - {part.name for part in parts} == {
        "job.json",
        "summary.json",
    }


@pytest.mark.parametrize("size", [1, SHARD, 1 << 30])
def test_drift_statistics_add_up_over_shards(tmp_path, source, stored, tagger, size):
    """Except for repeated articles, which a job finds only at the end."""
    once = write(tmp_path / "раз.jsonl", *rows(1, 6), *rows(8, 6), *rows(15, 6), *rows(22, 6), *rows(29, 6))
    whole = score(Corpus(once), tagger, lambda articles, predictions: None, print).drift
    found = score_archive(
        Corpus(once), stored, scoring_options(tmp_path / "выход.jsonl", shard_size=size)
    ).drift
    assert list(found) == [tagger.version.label]
    for some, others in zip(found.values(), whole.values(), strict=True):
        assert msgspec.to_builtins(some) == approximately(msgspec.to_builtins(others))


def approximately(value: object) -> object:
    """Allow nested numbers to differ in their last digits."""
    if isinstance(value, dict):
        return {key: approximately(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(map(approximately, value))
    return pytest.approx(value) if isinstance(value, float) else value


def test_the_summary_counts_match_the_output(tmp_path, source, stored):
    output = tmp_path / "выход.jsonl"
    summary = score_archive(Corpus(source), stored, scoring_options(output))
    found = [json.loads(line) for line in output.read_bytes().splitlines()]
    assert summary.articles == len(found) == len({row["id"] for row in found})
    assert summary.without == sum(not row["rubrics"] for row in found)
    assert summary.needs_review == sum(row["needs_review"] for row in found)
    for rubric, share in summary.rubrics.items():
        assert share.articles == sum(rubric in row["rubrics"] for row in found)
        assert share.share == pytest.approx(share.articles / len(found), abs=1e-4)
        assert 0.2 < share.training < 0.4  # the demonstration corpus: a third each
    assert summary.review_training == pytest.approx(0.1, abs=0.05), "the default review share"


@given(
    ids=st.lists(st.lists(st.integers(0, 40).map(str), unique=True, max_size=30), min_size=1, max_size=6),
    size=st.integers(1, 20),
)
def test_repeats_are_all_articles_but_the_first_with_an_id(tmp_path, ids, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_SLICE", size)
        paths = [tmp_path / f"{n}.ids" for n in range(len(ids))]
        for path, names in zip(paths, ids, strict=True):
            with path.open("wb") as stream:
                places = [(0, 100 + n) for n in range(len(names))]
                repeats.save(stream, hashes(names), np.array(places, np.uint64))
        found = repeats.find(paths, sum(map(len, ids)))
    seen: set[str] = set()
    expected = {
        (shard, row)
        for shard, names in enumerate(ids)
        for row, name in enumerate(names)
        if name in seen or seen.add(name)
    }
    assert {(shard, repeat.row) for shard, rows in found.items() for repeat in rows} == expected
    assert all(repeat.line == 100 + repeat.row for rows in found.values() for repeat in rows)


# Interrupted


def fail_at(patch: pytest.MonkeyPatch, number: int, error: BaseException) -> list[int]:
    """Let a shard fail; return the list of started shards."""
    started: list[int] = []
    score_shard = room.score_shard

    def failing(task, **options):
        started.append(task.shard.number)
        if task.shard.number == number:
            raise error
        return score_shard(task, **options)

    patch.setattr(room, "score_shard", failing)
    return started


@pytest.mark.parametrize("name", ["выход.jsonl", "выход.csv", "части"])
def test_a_resumed_job_skips_finished_shards(tmp_path, source, stored, name, monkeypatch):
    (tmp_path / "целиком").mkdir()
    score_archive(Corpus(source), stored, scoring_options(tmp_path / "целиком" / name))
    full = OSError(errno.ENOSPC, "No space left on device", "part")
    with monkeypatch.context() as patch:
        fail_at(patch, 4, full)
        with pytest.raises(OutputError, match="No space left"):
            score_archive(Corpus(source), stored, scoring_options(tmp_path / name))
    started = fail_at(monkeypatch, -1, full)
    summary = score_archive(Corpus(source), stored, scoring_options(tmp_path / name))
    assert started == list(range(4, len(plan(Corpus(source).sources, SHARD))))
    assert summary.resumed > 0
    assert contents(tmp_path / name) == contents(tmp_path / "целиком" / name)


def contents(output: Path) -> dict[str, bytes]:
    if output.is_file():
        return {"": output.read_bytes()}
    return {path.name: path.read_bytes() for path in output.iterdir() if path.name != "summary.json"}


def test_ctrl_c_says_how_to_resume(tmp_path, source, stored, monkeypatch):
    fail_at(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(StoppedError, match=r"stopped; 3 of \d+ shards are done, the same command resumes"):
        score_archive(Corpus(source), stored, scoring_options(tmp_path / "выход.jsonl"))


@pytest.fixture
def interrupted(tmp_path, source, stored, monkeypatch) -> Path:
    """The output of an interrupted job."""
    with monkeypatch.context() as patch:
        fail_at(patch, 2, KeyboardInterrupt())
        with pytest.raises(StoppedError):
            score_archive(Corpus(source), stored, scoring_options(tmp_path / "выход.jsonl"))
    return tmp_path / "выход.jsonl"


@pytest.fixture
def own_source(tmp_path) -> Path:
    return mixed(tmp_path / "вход")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "а.jsonl").write_text(lines(rows(0, 5))), "а.jsonl changed"),
        (lambda folder: (folder / "в.csv").unlink(), "в.csv disappeared"),
        (lambda folder: (folder / "я.jsonl").write_text("{}"), "я.jsonl appeared"),
        (lambda folder: os.utime(folder / "б.parquet", (1, 1)), "б.parquet changed"),
    ],
)
def test_a_job_with_changed_inputs_is_not_resumed(
    tmp_path, own_source, stored, tagger, monkeypatch, change, message
):
    output = tmp_path / "выход.jsonl"
    with monkeypatch.context() as patch:
        fail_at(patch, 2, KeyboardInterrupt())
        with pytest.raises(StoppedError):
            score_archive(Corpus(own_source), stored, scoring_options(output))
    change(own_source)
    with pytest.raises(UsageError, match=rf"{message}; undo that .* or .*--restart"):
        score_archive(Corpus(own_source), stored, scoring_options(output))
    score_archive(Corpus(own_source), stored, scoring_options(output, restart=True))
    score_without_shards(own_source, tagger, tmp_path / "ряд.jsonl")
    assert output.read_bytes() == (tmp_path / "ряд.jsonl").read_bytes()


def test_a_job_with_changed_options_is_not_resumed(interrupted, source, stored):
    with pytest.raises(UsageError, match=r"--keep changed from \[\] to \['title'\]"):
        score_archive(Corpus(source, keep=("title",)), stored, scoring_options(interrupted))
    with pytest.raises(UsageError, match="the size of a shard changed from 4000 to 5000"):
        score_archive(Corpus(source), stored, scoring_options(interrupted, shard_size=5000))


def test_a_job_with_a_changed_model_is_not_resumed(interrupted, source, stored, own_models):
    TrainingJob(Corpus(embedded()[:3]), Config(), Registry(own_models)).train_rubrics()
    with pytest.raises(UsageError, match=r"the model changed from rubrics/\S+ to rubrics/\S+;"):
        score_archive(Corpus(source), TaggerRef(str(own_models), "rubrics"), scoring_options(interrupted))


def test_a_second_job_on_the_same_output_is_refused(tmp_path, source, stored, monkeypatch):
    output, messages = tmp_path / "выход.jsonl", []
    score_shard = room.score_shard

    def second(task, **options):
        with pytest.raises(UsageError) as refused:
            score_archive(Corpus(source), stored, scoring_options(output))
        messages.append(str(refused.value))
        monkeypatch.setattr(room, "score_shard", score_shard)
        return score_shard(task, **options)

    monkeypatch.setattr(room, "score_shard", second)
    score_archive(Corpus(source), stored, scoring_options(output))
    assert f"process {os.getpid()} of " in messages[0]
    assert "is working on it" in messages[0]


@pytest.mark.parametrize("name", ["summary.json", "job.json"])
@pytest.mark.parametrize("content", [b'{"x', b"{}", b'"\xff"'])
def test_a_folder_with_a_damaged_record_can_be_restarted(tmp_path, source, stored, name, content):
    folder = tmp_path / "части"
    first = score_archive(Corpus(source), stored, scoring_options(folder))
    (folder / name).write_bytes(content)
    with pytest.raises(UsageError, match=rf"{name}: is damaged or from another version .*--restart"):
        score_archive(Corpus(source), stored, scoring_options(folder))
    again = score_archive(Corpus(source), stored, scoring_options(folder, restart=True))
    assert (again.articles, again.rubrics) == (first.articles, first.rubrics)


def test_the_rate_of_a_resumed_job_counts_only_what_it_scored(tmp_path, own_source, stored, monkeypatch):
    (own_source / "те_же.jsonl").write_bytes((own_source / "а.jsonl").read_bytes())
    with monkeypatch.context() as patch:
        patch.setattr(room, "_finish", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full", "x")))
        with pytest.raises(OutputError):
            score_archive(Corpus(own_source), stored, scoring_options(tmp_path / "выход.jsonl"))
    summary = score_archive(Corpus(own_source), stored, scoring_options(tmp_path / "выход.jsonl"))
    assert summary.resumed > summary.articles
    assert summary.rate == 0


def test_a_finished_folder_is_kept_and_refused_if_inputs_changed(tmp_path, own_source, stored, monkeypatch):
    folder = tmp_path / "части"
    first = score_archive(Corpus(own_source), stored, scoring_options(folder))
    started = fail_at(monkeypatch, -1, OSError())
    assert score_archive(Corpus(own_source), stored, scoring_options(folder)) == first
    assert started == []
    (own_source / "а.jsonl").unlink()
    with pytest.raises(UsageError, match=r"was finished, but since then .*а\.jsonl disappeared.*--restart"):
        score_archive(Corpus(own_source), stored, scoring_options(folder))
    (folder / "заметки.txt").write_text("моё")
    score_archive(Corpus(own_source), stored, scoring_options(folder, restart=True))
    assert len(list(folder.glob("part-*"))) == len(plan(Corpus(own_source).sources, SHARD))
    assert (folder / "заметки.txt").read_text() == "моё"


def test_a_restarted_folder_keeps_no_part_of_the_former_job(tmp_path, own_source, stored, monkeypatch):
    folder = tmp_path / "части"

    def killed(folder: Path) -> None:
        raise KeyboardInterrupt  # all parts are in place

    with monkeypatch.context() as patch:
        patch.setattr(storage, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            score_archive(Corpus(own_source), stored, scoring_options(folder))
    assert len(list(folder.glob("part-*"))) > 1
    one = write(tmp_path / "одна.jsonl", {"text": "Завод запустил линию"})
    summary = score_archive(Corpus(one), stored, scoring_options(folder, restart=True))
    assert summary.articles == 1
    assert [path.name for path in folder.glob("part-*")] == ["part-00000.jsonl"]


def test_a_missing_part_is_an_error(tmp_path, source, stored, monkeypatch):
    folder = tmp_path / "части"
    with monkeypatch.context() as patch:
        fail_at(patch, 4, KeyboardInterrupt())
        with pytest.raises(StoppedError):
            score_archive(Corpus(source), stored, scoring_options(folder))
    next((folder / ".job").rglob("00001.jsonl")).unlink()
    with pytest.raises(
        OutputError, match=r"00001.jsonl: was written but is missing; start over \(--restart\)"
    ):
        score_archive(Corpus(source), stored, scoring_options(folder))
    score_archive(Corpus(source), stored, scoring_options(folder, restart=True))


def test_a_folder_with_other_files_is_not_touched(tmp_path, source, stored):
    (tmp_path / "дом").mkdir()
    (tmp_path / "дом" / "роман.txt").write_text("глава первая")
    (tmp_path / "дом" / ".черновик.part").write_text("глава вторая")
    for restart in (False, True):
        with pytest.raises(UsageError, match="is not empty and not a folder of predictions"):
            score_archive(Corpus(source), stored, scoring_options(tmp_path / "дом", restart=restart))
    assert {path.name for path in (tmp_path / "дом").iterdir()} == {"роман.txt", ".черновик.part"}


# Rejects


@pytest.mark.parametrize("workers", [1, 2])
def test_too_many_rejects_stop_the_job_and_are_written(tmp_path, source, stored, tagger, workers):
    options = scoring_options(tmp_path / "выход.jsonl", workers=workers, max_rejects=3)
    with pytest.raises(DataError, match=r"rows cannot be read, more than 3; .*--max-rejects"):
        score_archive(Corpus(source), stored, options)
    assert len(rejects_of(options.rejects)) > 3
    assert not options.output.exists()
    score_archive(Corpus(source), stored, options._replace(max_rejects=1000))
    score_without_shards(source, tagger, tmp_path / "ряд.jsonl")
    assert options.output.read_bytes() == (tmp_path / "ряд.jsonl").read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_ids_repeated_across_shards_are_rejects(tmp_path, stored, workers):
    rows = [{"id": str(n % 200), "text": BANK} for n in range(400)]
    source = write(tmp_path / "дважды.jsonl", *rows)
    options = scoring_options(tmp_path / "выход.jsonl", workers=workers, max_rejects=199)
    with pytest.raises(DataError, match=r"200 rows cannot be read, more than 199"):
        score_archive(Corpus(source), stored, options)
    assert not options.output.exists()
    summary = score_archive(Corpus(source), stored, options._replace(max_rejects=200))
    assert (summary.articles, summary.rejects) == (200, 200)


def test_without_rejects_there_is_no_rejects_file(tmp_path, stored):
    good = write(tmp_path / "вход.jsonl", {"id": "1", "text": BANK})
    options = scoring_options(tmp_path / "выход.jsonl")
    options.rejects.write_text("of an earlier run")
    assert score_archive(Corpus(good), stored, options).rejects == 0
    assert not options.rejects.exists()


# Dying workers


def test_a_shard_that_kills_its_worker_is_named(tmp_path, stored):
    data = write(tmp_path / "вход.jsonl", *rows(0, 40), {"id": "яд", "text": "Цианид"}, *rows(100, 40))
    options = scoring_options(tmp_path / "выход.jsonl", workers=2)
    at_fault = [shard for shard in plan(Corpus(data).sources, SHARD) if shard.pieces[0].part.line <= 41][-1]
    with pytest.raises(WorkerDiedError, match=rf"killed.*\(shard {at_fault.number}, {at_fault.place}\)"):
        score_archive(Corpus(data), LethalTaggerRef(stored, "Цианид"), options)
    assert options.home.exists()


@pytest.mark.parametrize("prepare", [os._exit, math.sqrt], ids=["dies", "fails"])
def test_a_worker_that_fails_while_starting_is_replaced(prepare):
    with parallel.starting(prepare, -1, 2):
        pass
    assert sorted(parallel.run(abs, [-1, -2, -3], 2)) == [1, 2, 3]


IGNORING = """
import signal
from topics import parallel

def ignores_ctrl_c(_):
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

with parallel.starting(abs, -1, 2):
    pass
print(*parallel.run(ignores_ctrl_c, [1, 2], 2), ignores_ctrl_c(0))
"""


def test_workers_ignore_ctrl_c_from_the_start():
    process = subprocess.run([sys.executable, "-c", IGNORING], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["True", "True", "False"]
