"""Archive jobs on a Dask cluster and on an object store write the same bytes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from joblib.externals.loky import get_reusable_executor

from archives import SHARD, mixed, score_without_shards, scoring_options
from topics import parallel, storage
from topics.archive import job as room
from topics.archive.cluster import send
from topics.archive.job import score_archive
from topics.corpus import Corpus, embedded_inbox
from topics.corpus.shards import plan
from topics.errors import OutputError, UsageError
from topics.parallel import client
from topics.tagger import OnBatch, Tagger, TaggerRef
from topics.types import Article, Prediction


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed(tmp_path_factory.mktemp("архив") / "вход")


@pytest.fixture
def stored(models: Path) -> TaggerRef:
    return TaggerRef(str(models), "rubrics")


# Dask


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    distributed = pytest.importorskip("distributed", reason="the extra topics[dask] is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster


def test_a_cluster_writes_the_same_output(tmp_path, source, stored, tagger, cluster):
    score_without_shards(source, tagger, tmp_path / "ряд.jsonl")
    output = tmp_path / "выход.jsonl"
    score_archive(Corpus(source), stored, scoring_options(output, dask=cluster.scheduler_address))
    assert output.read_bytes() == (tmp_path / "ряд.jsonl").read_bytes()


class FrailTaggerRef(NamedTuple):
    """Loads a tagger that kills its worker at the fifth batch, once."""

    stored: TaggerRef
    counter: Path

    def load(self) -> Tagger:
        return FrailTagger(self.stored.load(), self.counter)


class FrailTagger(Tagger):
    def __init__(self, tagger: Tagger, counter: Path) -> None:
        super().__init__(tagger._pipeline, tagger.version)
        self.counter = counter

    def tag_articles(self, articles: list[Article], on_batch: OnBatch | None = None) -> list[Prediction]:
        with self.counter.open("ab") as stream:
            stream.write(b".")
        if self.counter.stat().st_size == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().tag_articles(articles, on_batch)


def test_a_cluster_that_loses_a_worker_writes_the_same_output(tmp_path, source, stored, tagger, cluster):
    score_without_shards(source, tagger, tmp_path / "ряд.jsonl")
    output, counter = tmp_path / "выход.jsonl", tmp_path / "счёт"
    score_archive(
        Corpus(source),
        FrailTaggerRef(stored, counter),
        scoring_options(output, dask=cluster.scheduler_address),
    )
    assert counter.stat().st_size > len(plan(Corpus(source).sources, SHARD))
    assert output.read_bytes() == (tmp_path / "ряд.jsonl").read_bytes()


def test_the_model_is_sent_to_workers_that_do_not_have_it(
    tmp_path, source, stored, tagger, cluster, monkeypatch
):
    score_without_shards(source, tagger, tmp_path / "ряд.jsonl")
    with client(cluster.scheduler_address) as scheduler:
        sent = send(
            stored._replace(models=str(tmp_path / "не здесь"), rubrics=tagger.version.label),
            tagger.versions,
            scheduler,
        )
    monkeypatch.setattr(room, "delivered", lambda *_: sent)
    output = tmp_path / "выход.jsonl"
    score_archive(Corpus(source), stored, scoring_options(output, dask=cluster.scheduler_address))
    assert output.read_bytes() == (tmp_path / "ряд.jsonl").read_bytes()


def test_a_missing_scheduler_is_an_error(tmp_path, source, stored, monkeypatch):
    monkeypatch.setattr(parallel, "_PATIENCE", "1s")
    with pytest.raises(UsageError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        score_archive(
            Corpus(source), stored, scoring_options(tmp_path / "выход.jsonl", dask="tcp://127.0.0.1:9")
        )


# Object store


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An empty bucket of a local server."""
    for needed in ("moto.server", "s3fs", "upath"):
        pytest.importorskip(needed, reason="moto or the extra topics[s3] is not installed")
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
        patch.setenv("AWS_ACCESS_KEY_ID", "any")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem().mkdir("newsroom")
        get_reusable_executor().shutdown()  # its workers started without these variables
        yield "s3://newsroom"
    server.stop()


def test_the_command_line_reads_and_writes_an_object_store(topics, models, bucket):
    articles = storage.path(f"{bucket}/line/articles.jsonl")
    articles.write_bytes(embedded_inbox().read_bytes())
    scored = storage.path(f"{bucket}/line/scored.jsonl")
    ran = topics("predict", str(articles), "-o", str(scored), "--models", models, "--topics", "none")
    assert ran.code == 0, ran.err
    assert len(scored.read_bytes().splitlines()) == 32
    parts = f"{bucket}/line/parts"
    assert topics("predict", str(articles), "-o", parts, "--models", models, "--topics", "none").code == 0
    ran = topics("diff", str(scored), parts)
    assert "32 articles, 0 of them changed" in ran.out, ran.err


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["scored.jsonl", "scored.parquet", "parts"])
def test_an_object_store_gives_the_same_output_as_a_disk(tmp_path, source, stored, bucket, name, workers):
    home = storage.path(f"{bucket}/{name}-{workers}")
    for path in source.iterdir():
        (home / "in" / path.name).write_bytes(path.read_bytes())
    score_archive(Corpus(source), stored, scoring_options(tmp_path / name))
    output = home / "out" / name
    score_archive(Corpus(str(home / "in")), stored, scoring_options(output, workers=workers))
    assert contents(output) == contents(tmp_path / name)
    assert not (home / "out" / f"{name}.job").exists()


def contents(output: Path) -> dict[str, bytes]:
    if output.suffix:
        return {"": output.read_bytes()}
    return {path.name: path.read_bytes() for path in output.iterdir() if path.name.startswith("part-")}


def test_a_job_on_an_object_store_is_resumed(source, stored, bucket, monkeypatch):
    output = storage.path(f"{bucket}/again/scored.jsonl")
    score_shard = room.score_shard

    def fails_once(task, **options):
        if task.shard.number == 4:
            raise OSError("the network is gone")
        return score_shard(task, **options)

    with monkeypatch.context() as patch:
        patch.setattr(room, "score_shard", fails_once)
        with pytest.raises(OutputError, match="the network is gone; fix this"):
            score_archive(Corpus(source), stored, scoring_options(output))
    assert score_archive(Corpus(source), stored, scoring_options(output)).resumed > 0
