"""Versions in MLflow: logged with their plain files, with the same predictions as the library."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from newsroom import BANK, HOTEL, PROJECT, STEEL
from topics.errors import ModelError, UsageError
from topics.serving import _load_pyfunc, log
from topics.tagger import Tagger
from topics.versions.registry import Registry

FRAME = pd.DataFrame({"id": ["1", "2", "3"], "title": ["Сталь", "", ""], "text": [STEEL, BANK, HOTEL]})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's embedded store, created once because it is slow; warnings of MLflow are ignored."""
    pytest.importorskip("mlflow", reason="MLflow is not installed: pip install 'newsroom-topics[mlflow]'")
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(folder)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        warnings.simplefilter("ignore")
        yield f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture(autouse=True)
def _mlflow_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_a_model_loaded_by_mlflow_predicts_like_the_library(models, store):
    import mlflow

    version = Registry(models).open("rubrics")
    uri = log(version, store, registered_name="rubrics")
    expected = Tagger.load(models).tag_many(FRAME)
    for address in (uri, "models:/rubrics/1"):
        found = mlflow.pyfunc.load_model(address).predict(FRAME)
        pd.testing.assert_frame_equal(found, expected)
    run = mlflow.search_runs(search_all_experiments=True, output_format="list")[0]
    assert run.data.metrics["macro_f1"] == version.manifest.metrics.macro_f1
    assert run.data.tags["version"] == version.label


def test_topics_can_be_served(both, store):
    import mlflow

    version = Registry(both).open("topics")
    found = mlflow.pyfunc.load_model(log(version, store)).predict(FRAME)
    expected = Tagger.load(both, False, "topics").tag_many(FRAME)
    pd.testing.assert_frame_equal(found, expected[["topics", "topic_model"]])
    assert found["topic_model"].tolist() == [version.label] * 3
    run = mlflow.search_runs(search_all_experiments=True, output_format="list")[0]
    assert run.data.metrics["coherence_npmi"] == version.manifest.topics.coherence


def test_names_of_topics_are_logged(both, store, tmp_path):
    import mlflow

    models = shutil.copytree(both, tmp_path / "models")
    registry = Registry(models)
    version = registry.open("topics")
    for topic in Tagger.load(models, False, "topics").topics:
        registry.name_topic(version, topic.id, f"Названа {topic.id}")
    found = mlflow.pyfunc.load_model(log(registry.open("topics"), store)).predict(FRAME)
    expected = Tagger.load(models, False, "topics").tag_many(FRAME)
    assert any("Названа" in name for shares in expected["topics"] for name in shares)
    pd.testing.assert_frame_equal(found, expected[["topics", "topic_model"]])


@pytest.mark.parametrize("names", [{"ноль": "Сталь"}, {"0": 7}, ["Сталь"], {"0": "две\nстроки"}])
def test_invalid_names_are_a_model_error(both, names):
    with pytest.raises(ModelError, match="model_config: "):
        _load_pyfunc(str(Registry(both).open("topics").folder), {"names": names})


def test_a_logged_model_has_no_pickle_and_is_verified_on_load(models, store, tmp_path):
    import mlflow

    log(Registry(models).open("rubrics"), store)
    folder = Path(mlflow.artifacts.download_artifacts(_newest(mlflow), dst_path=str(tmp_path / "got")))
    assert [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle")] == []
    [weights] = folder.rglob("idf.npy")
    weights.write_bytes(weights.read_bytes()[::-1])
    with pytest.raises(ModelError, match=r"idf\.npy: was altered since it was published"):
        mlflow.pyfunc.load_model(str(folder))


def _newest(mlflow: object) -> str:
    return str(mlflow.search_logged_models(output_format="list")[0].model_uri)


def test_the_command_prints_the_uri(topics, models, store):
    import mlflow

    ran = topics("export", "rubrics", "--to", "mlflow", "--tracking-uri", store, "--models", models)
    assert ran.code == 0, ran.err
    loaded = mlflow.pyfunc.load_model(ran.out.strip().splitlines()[-1])
    assert json.loads(loaded.predict(FRAME).to_json())["rubrics"]["0"] == ["industry"]


@pytest.mark.slow
def test_spark_runs_a_version_as_a_udf(both, store, monkeypatch):
    import mlflow

    sql = pytest.importorskip("pyspark.sql", reason="Spark is not installed: pip install pyspark")
    if not shutil.which("java"):
        pytest.skip("Spark wants Java")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT / "src"))
    spark = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    frame = spark.createDataFrame(FRAME)
    for name, expected in (
        ("rubrics", Tagger.load(both, "rubrics", False)),
        ("topics", Tagger.load(both, False, "topics")),
    ):
        uri = log(Registry(both).open(name), store)
        udf = mlflow.pyfunc.spark_udf(spark, uri, env_manager="local")
        answers = frame.select(udf(sql.functions.struct(*FRAME.columns)).alias("said")).collect()
        said = [row.said.asDict() for row in answers]
        assert said == expected.tag_many(FRAME)[list(said[0])].to_dict("records")
    spark.stop()


def test_without_mlflow_the_error_names_the_extra(models, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(UsageError, match=r"pip install 'newsroom-topics\[mlflow\]'"):
        log(Registry(models).open("rubrics"))


def test_a_folder_that_is_not_a_version_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="is not a version folder; log it again"):
        _load_pyfunc(str(tmp_path / "нет"))
