"""After a crash, the same command finishes the job with the bytes of an undisturbed run."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archives import mixed, score_without_shards, scoring_options
from newsroom import BANK, PROJECT, SOURCE, STEEL, Ran
from topics import parallel
from topics.archive.job import score_archive
from topics.archive.scoring import score_shard
from topics.corpus import Corpus, embedded
from topics.errors import WorkerDiedError
from topics.tagger import TaggerRef
from topics.types import Reject

MOMENTS = random.Random(17)
NEVER = 10**9


def job(
    source: Path, models: Path, output: Path, workers: int, moment: int, counter: Path, watched: str = ""
) -> Ran:
    """Run a job and kill it, or one of its workers, at the `moment`th file access.

    Only paths that match the pattern `watched` count, by default those that contain the name of the output.
    """
    counter.unlink(missing_ok=True)
    pattern = watched or re.escape(output.name)
    arguments = map(str, [source, models, output, workers, moment, counter, pattern])
    done = subprocess.run(
        [sys.executable, str(PROJECT / "tests" / "job.py"), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCE.parent), str(PROJECT / "tests")])},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return mixed(tmp_path_factory.mktemp("архив") / "вход")


@pytest.fixture(scope="module")
def rejects(source, tagger, tmp_path_factory) -> list[Reject]:
    return score_without_shards(source, tagger, tmp_path_factory.mktemp("ряд") / "выход.jsonl", ("title",))


def check_resumed(source: Path, models: Path, folder: Path, suffix: str, workers: int, share: float) -> None:
    """Kill a job after this share of its file accesses, then again, finish it, and compare the bytes."""
    folder.mkdir()
    whole, output, counter = folder / f"целиком{suffix}", folder / f"выход{suffix}", folder / "счёт"
    assert job(source, models, whole, workers, NEVER, counter).code == 0
    moment = max(1, round(share * counter.stat().st_size))
    died = job(source, models, output, workers, moment, counter)
    assert died.code in (0, -signal.SIGKILL), died.err  # 0: a worker was killed, and the job continued
    if died.code:
        again = job(source, models, output, workers, max(1, moment // 2), counter)
        assert again.code in (0, -signal.SIGKILL), again.err
        last = job(source, models, output, workers, NEVER, counter)
        assert last.code == 0, last.err
    assert contents(output) == contents(whole)
    assert (folder / f"выход{suffix}.rejects.jsonl").read_bytes() == (
        folder / f"целиком{suffix}.rejects.jsonl"
    ).read_bytes()
    assert len(list(folder.iterdir())) == 5  # two outputs, their rejects and the counter; no temporary files


def contents(output: Path) -> dict[str, bytes]:
    if output.is_file():
        return {"": output.read_bytes()}
    found = {path.name: path.read_bytes() for path in output.iterdir()}
    summary = json.loads(found["summary.json"])
    for name in ("seconds", "rate", "resumed"):
        del summary[name]
    return found | {"summary.json": json.dumps(summary).encode()}


@pytest.mark.parametrize(
    ("suffix", "workers", "share", "trained"),
    [
        (".jsonl", 1, 0.5, "models"),
        (".parquet", 1, 0.95, "both"),
        (".csv", 2, 0.3, "models"),
        ("", 2, 0.8, "both"),
    ],
)
def test_a_killed_job_is_resumed(source, request, tmp_path, suffix, workers, share, trained):
    check_resumed(source, request.getfixturevalue(trained), tmp_path / "папка", suffix, workers, share)


def test_a_worker_killed_before_its_first_shard_is_replaced(source, models, tmp_path):
    whole, output, counter = (tmp_path / name for name in ("целиком.jsonl", "выход.jsonl", "счёт"))
    assert job(source, models, whole, 1, NEVER, counter).code == 0
    died = job(source, models, output, 2, 1, counter, watched=r"\.job/\w+/words$")
    assert died.code == 0, died.err
    assert counter.exists()  # a worker was killed
    assert contents(output) == contents(whole)


def test_two_workers_killed_before_their_first_shard_end_the_job(source, models, tmp_path, monkeypatch):
    """A third one would die as well; finished shards are kept."""
    jobs = []

    def dies_at_once(function, *_, **__):
        jobs.append(function is score_shard)
        raise WorkerDiedError("a worker was killed")
        yield

    monkeypatch.setattr(parallel, "run", dies_at_once)
    output = tmp_path / "выход.jsonl"
    with pytest.raises(WorkerDiedError, match=r"before its first shard.*the same command resumes"):
        score_archive(Corpus(source), TaggerRef(models, "rubrics"), scoring_options(output, workers=2))
    assert sum(jobs) == 2
    monkeypatch.undo()
    score_archive(Corpus(source), TaggerRef(models, "rubrics"), scoring_options(output))
    score_archive(Corpus(source), TaggerRef(models, "rubrics"), scoring_options(tmp_path / "целиком.jsonl"))
    assert contents(output) == contents(tmp_path / "целиком.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("share", [MOMENTS.random() for _ in range(50)])
def test_a_job_killed_at_any_moment_is_resumed(source, models, both, tmp_path, share):
    rng = random.Random(share)  # the job depends only on the parameter
    suffix, trained = rng.choice([".jsonl", ".csv", ".parquet", ""]), rng.choice([models, both])
    check_resumed(source, trained, tmp_path / "папка", suffix, rng.choice([1, 2]), share)


# Disks


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A disk of 200 kB."""
    place = tmp_path / "диск"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", place], check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", place], check=True)


def predict(*arguments: object, cwd: Path) -> Ran:
    return run("predict", *arguments, cwd=cwd)


def run(*arguments: object, cwd: Path) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "topics", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(SOURCE.parent)},
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def last_line(ran: Ran) -> str:
    return ran.err.splitlines()[-1]


def test_a_job_is_resumed_after_a_full_disk(source, models, disk, tmp_path):
    ballast = disk / "занято"
    ballast.write_bytes(b"x" * 180_000)
    arguments = (source, "-o", disk / "выход.jsonl", "--models", models, "--keep", "title")
    full = predict(*arguments, cwd=tmp_path)
    message = (
        f"topics: {disk}/выход.jsonl: No space left on device; fix this; 0 of 1 shards are done, the same"
    )
    assert (full.code, last_line(full).startswith(message)) == (1, True), full.err
    assert not (disk / "выход.jsonl").exists()
    ballast.unlink()
    assert predict(*arguments, cwd=tmp_path).code == 0
    assert predict(source, "-o", "ряд.jsonl", "--models", models, "--keep", "title", cwd=tmp_path).code == 0
    assert (disk / "выход.jsonl").read_bytes() == (tmp_path / "ряд.jsonl").read_bytes()


def test_a_read_only_disk_is_an_error(source, models, disk, tmp_path):
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    ran = predict(source, "-o", disk / "выход.jsonl", "--models", models, cwd=tmp_path)
    assert (ran.code, f"folder is not writable: '{disk}'" in last_line(ran)) == (2, True), ran.err
    ran = run("train", embedded()[0], "--models", disk / "models", cwd=tmp_path)
    assert (ran.code, last_line(ran)) == (1, f"topics: {disk}/models/rubrics: folder is not writable")
    assert "learning" not in ran.err, "an error before training starts"


@pytest.mark.parametrize("free", [3_000, 30_000])
def test_a_disk_too_small_for_a_version_is_an_error(disk, tmp_path, free):
    ballast = disk / "занято"
    ballast.write_bytes(b"x" * (190_000 - free))
    ran = run("train", embedded()[0], "--only", "rubrics", "--models", disk / "models", cwd=tmp_path)
    assert (ran.code, last_line(ran)) == (1, f"topics: {disk}/models/rubrics: No space left on device"), (
        ran.err
    )
    assert not list((disk / "models" / "rubrics").glob("2*"))


def test_an_existing_worksheet_is_not_overwritten(topics, source, tmp_path):
    sheet = tmp_path / "лист.csv"
    sheet.write_text("id,rubrics\n1,economy\n", encoding="utf-8")
    for command in ("suggest", "audit"):
        ran = topics(command, source, "-o", sheet)
        assert (ran.code, "лист.csv' already exists and may have been filled in" in ran.err) == (
            2,
            True,
        )
    assert sheet.read_text(encoding="utf-8").endswith("economy\n")


# Streams


@pytest.fixture
def stream(models) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "topics", "predict", "-", "--models", str(models)],
        env=os.environ | {"PYTHONPATH": str(SOURCE.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        yield process
        process.kill()


def test_a_stream_answers_each_line_immediately(stream):
    def ask(line: str) -> dict[str, object]:
        stream.stdin.write(line.encode() + b"\n")
        stream.stdin.flush()
        return json.loads(stream.stdout.readline())

    for _ in range(3):  # in a stream, a repeated id is an edited article
        assert ask(json.dumps({"id": "1", "text": STEEL}))["rubrics"] == ["industry"]
        assert ask(json.dumps({"id": "2", "text": BANK}))["rubrics"] == ["economy"]
    assert ask("{") == {"error": "not valid JSON: Input data was truncated", "line": 7}
    assert ask('{"id": "3"}') == {"error": "no text", "line": 8}
    assert ask(json.dumps({"text": BANK}))["id"] == "stdin:9"
    stream.stdin.close()
    assert stream.wait(60) == 0
    assert b"7 articles in" in stream.stderr.read()


def test_a_stream_answers_many_lines_in_order(stream):
    lines = [json.dumps({"id": str(n), "text": f"{BANK} {n}"}) if n % 5 else "?" for n in range(5000)]
    out, _ = stream.communicate("\n".join(lines).encode())
    answers = list(map(json.loads, out.splitlines()))
    assert [answer.get("id") for answer in answers] == [str(n) if n % 5 else None for n in range(5000)]
    assert [answer["line"] for answer in answers if "error" in answer] == list(range(1, 5001, 5))
