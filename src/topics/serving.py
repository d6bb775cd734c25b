"""A version as an MLflow model: logged with its plain files, loaded without a pickle.

MLflow calls `_load_pyfunc` of this module with the folder that was logged; every byte of it is checked, as of
any version.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from topics.errors import ModelError, UsageError
from topics.pipeline import Pipeline
from topics.tagger import Tagger
from topics.topic_pipeline import TopicPipeline
from topics.versions import integrity
from topics.versions.history import unfit_name
from topics.versions.manifest import Manifest
from topics.versions.registry import Version

if TYPE_CHECKING:
    import pandas as pd


_NAMES = "names"
"""Key of MLflow's `model_config` for the names of topics; MLflow requires strings as keys."""


class Served:
    """The model as MLflow calls it: a table in, a table out."""

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Tag a table as `Tagger.tag_many` does; returns the columns of the signature."""
        return self.tagger.tag_many(model_input)[list(_answer(self.tagger.manifest))]


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> Served:
    folder, names = Path(path), _names(model_config or {})
    if not folder.is_dir():
        raise ModelError(f"{folder}: is not a version folder; log it again with `topics export --to mlflow`")
    version = Version(folder, integrity.check(folder))
    if version.manifest.topics is None:
        return Served(Tagger(Pipeline.load(folder), version))
    return Served(Tagger(None, version, (TopicPipeline.load(folder, names), version)))


def _names(settings: dict[str, Any]) -> dict[int, str]:
    """Read the names that topics had at the time of the export."""
    try:
        names = msgspec.convert(settings.get(_NAMES, {}), dict[int, str], strict=False)
    except msgspec.ValidationError as error:
        raise ModelError(f"model_config: {_NAMES!r} is not a table of topic names ({error})") from error
    if unfit := unfit_name(names):
        raise ModelError(f"model_config: {unfit!r} is not a valid topic name")
    return names


def log(version: Version, tracking_uri: str | None = None, registered_name: str | None = None) -> str:
    """Log a version to MLflow as a pyfunc model, with its metrics.

    Args:
        version: opened by the registry.
        tracking_uri: such as `sqlite:///mlflow.db`; None: as MLflow is configured.
        registered_name: name to register the model under, if any.

    Returns:
        The URI for `mlflow.pyfunc.load_model`.

    Raises:
        UsageError: MLflow is not installed.
    """
    try:
        import mlflow
    except ImportError as error:
        raise UsageError("MLflow is not installed: pip install 'newsroom-topics[mlflow]'") from error
    if tracking_uri:
        mlflow.set_tracking_uri(tracking_uri)
    manifest = version.manifest
    with mlflow.start_run(run_name=version.label):
        mlflow.log_metrics(_metrics(manifest))
        mlflow.set_tags({"version": version.label, "corpus": manifest.corpus.fingerprint})
        logged = mlflow.pyfunc.log_model(
            name=manifest.name,
            loader_module=__name__,
            data_path=str(version.folder),
            signature=_signature(manifest),
            model_config={_NAMES: {str(topic): words for topic, words in version.names.items()}},
            pip_requirements=[_requirement()],
            registered_model_name=registered_name,
        )
    return str(logged.model_uri)


def _metrics(manifest: Manifest) -> dict[str, float]:
    if manifest.topics:
        return {
            "coherence_npmi": manifest.topics.coherence,
            "diversity": manifest.topics.diversity,
            "share_unreached": manifest.topics.unreached,
        }
    metrics = manifest.rubric_metrics()
    return {
        "macro_f1": metrics.macro_f1,
        "micro_f1": metrics.micro_f1,
        "exact_match": metrics.exact_match,
        **{f"f1_{rubric.rubric}": rubric.f1 for rubric in metrics.rubrics if _is_key(rubric.rubric)},
    }


def _answer(manifest: Manifest) -> dict[str, str]:
    """Return the columns of an answer, with their types."""
    if manifest.topics:
        return {"topics": "shares", "topic_model": "text"}
    return {"rubrics": "texts", "scores": "shares", "needs_review": "truth", "model": "text"}


def _signature(manifest: Manifest) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Map

    names = "title", "outlet", "source", "id"
    optional = [ColSpec(DataType.string, name, required=False) for name in names]
    types = {
        "text": DataType.string,
        "texts": Array(DataType.string),
        "shares": Map(DataType.double),
        "truth": DataType.boolean,
    }
    given = Schema([ColSpec(DataType.string, "text"), *optional])
    answer = Schema([ColSpec(types[kind], name) for name, kind in _answer(manifest).items()])
    return ModelSignature(inputs=given, outputs=answer)


def _requirement() -> str:
    from topics import __version__

    return f"newsroom-topics=={__version__}"


def _is_key(name: str) -> bool:
    """Return whether MLflow accepts it as a metric name: some stores allow only ASCII."""
    return name.isascii() and name.replace("_", "").replace("-", "").replace(" ", "").isalnum()
