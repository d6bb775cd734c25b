"""Contract tests for every classifier, topic model and reader registered in `plugins`.

The contracts are described in `topics.estimator` and `topics.readers`.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsroom import BANK, CAT, HOTEL, STEEL, all_of
from topics import plugins
from topics.corpus import Corpus, embedded
from topics.errors import DataError, ModelError, NotFittedError, UsageError
from topics.estimator import Classifier, TopicModel
from topics.readers import Format
from topics.rubrics.calibration import Truth
from topics.text.tokens import take, tokenize
from topics.types import Reject, Row, TokenBatch

RUBRICS = ("economy", "industry", "tourism")


class Material(NamedTuple):
    """Training data."""

    tokens: TokenBatch
    truth: Truth


class Contract(NamedTuple):
    """How to fit the parts of one table and predict with them."""

    table: plugins.Table
    fit: Callable[[Any, Material], Any]
    predict: Callable[[Any, TokenBatch], Any]


def fit_rubrics(model: Classifier, material: Material) -> Classifier:
    clean = np.arange(len(material.tokens)) % 3 == 0
    return model.fit(material.tokens, material.truth, RUBRICS, clean)


def fit_topics(model: TopicModel, material: Material) -> TopicModel:
    return model.fit(material.tokens)


CONTRACTS = [
    Contract(plugins.CLASSIFIERS, fit_rubrics, lambda model, tokens: model.predict_proba(tokens)),
    Contract(plugins.TOPIC_MODELS, fit_topics, lambda model, tokens: model.transform(tokens)),
]
PARTS = [(contract, name) for contract in CONTRACTS for name in contract.table]


class Part(NamedTuple):
    """A fitted part and its contract."""

    kind: type
    contract: Contract
    fitted: Any

    def predict(self, tokens: TokenBatch) -> Any:
        return self.contract.predict(self.fitted, tokens)


@pytest.fixture(scope="module")
def material() -> Material:
    """Two hundred articles of the demonstration corpus; every seventh label is unknown."""
    articles, _ = all_of(Corpus(embedded()[2:4]))
    truth = np.array([[name in article.labels.rubrics for name in RUBRICS] for article in articles], np.int8)
    truth.ravel()[::7] = -1
    titles, texts = [article.title for article in articles], [article.text for article in articles]
    return Material(tokenize(titles, texts), truth)


@pytest.fixture(scope="module", params=PARTS, ids=lambda part: f"{part[0].table.kind}-{part[1]}")
def part(request: pytest.FixtureRequest, material: Material) -> Part:
    contract, name = request.param
    kind = contract.table.load(name)
    return Part(kind, contract, contract.fit(kind(), material))


def read(*texts: str) -> TokenBatch:
    return tokenize([""] * len(texts), texts)


def saved(model: Any, folder: Path) -> Path:
    folder.mkdir()
    model.save(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Classifiers and topic models


def test_the_constructor_only_stores_parameters(part):
    chosen = part.kind.Settings()
    model = part.kind(chosen)
    assert model.settings is chosen
    assert {name for name in vars(part.fitted) if name not in vars(model)}, "fit adds attributes"


def test_predict_before_fit_is_an_error(part):
    with pytest.raises(NotFittedError, match=r"before fit: call fit\(.*\) .*load"):
        part.contract.predict(part.kind(), read(STEEL))


def test_fit_returns_self(part, material):
    model = part.kind()
    assert part.contract.fit(model, material) is model


def test_predictions_do_not_depend_on_the_batch(part, material):
    tokens = take(material.tokens, np.arange(40))
    together = part.predict(tokens)
    for row in range(40):
        assert part.predict(take(tokens, np.array([row]))).tolist() == [together[row].tolist()]
    order = np.random.default_rng(0).permutation(40)
    assert (part.predict(take(tokens, order)) == together[order]).all()


@pytest.mark.parametrize("text", ["", "—", "qwerty", "синхрофазотрон"])
def test_an_article_without_known_words_is_no_error(part, text):
    alone, between = part.predict(read(text)), part.predict(read(STEEL, text, HOTEL))
    assert np.isfinite(alone).all()
    assert (between[1] == alone[0]).all()


def test_no_articles_give_no_rows(part):
    assert part.predict(read()).shape == (0, part.predict(read(STEEL)).shape[1])


def test_the_same_seed_gives_the_same_files(part, material, tmp_path):
    again = part.contract.fit(part.kind(), material)
    assert contents(saved(part.fitted, tmp_path / "1")) == contents(saved(again, tmp_path / "2"))


def test_a_loaded_model_predicts_exactly_the_same(part, material, tmp_path):
    folder = saved(part.fitted, tmp_path / "1")
    loaded = part.kind.load(folder)
    assert (part.contract.predict(loaded, material.tokens) == part.predict(material.tokens)).all()
    assert contents(saved(loaded, tmp_path / "2")) == contents(folder)


def test_a_saved_folder_has_only_plain_files(part, tmp_path):
    for path in saved(part.fitted, tmp_path / "1").rglob("*"):
        assert path.is_file()
        assert path.suffix in {".json", ".npy", ".txt"}
        if path.suffix == ".npy":
            assert np.load(path, allow_pickle=False).dtype.kind in "if"


def test_a_missing_or_damaged_file_is_a_model_error(part, tmp_path):
    folder = saved(part.fitted, tmp_path / "1")
    for path in folder.iterdir():
        whole = path.read_bytes()
        for damaged in (None, b"", b"\xff" * len(whole), whole[: len(whole) // 2]):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            with pytest.raises(ModelError) as error:
                part.kind.load(folder)
            assert str(folder) in str(error.value)
            assert "train again" in str(error.value)
            path.write_bytes(whole)
    part.kind.load(folder)


# Classifiers


@pytest.fixture(scope="module", params=[*plugins.CLASSIFIERS])
def classifier(request: pytest.FixtureRequest, material: Material) -> Classifier:
    return fit_rubrics(plugins.CLASSIFIERS.load(request.param)(), material)


def test_a_classifier_has_rubrics_out_of_fold_margins_and_thresholds(classifier, material):
    assert classifier.rubrics == RUBRICS
    assert classifier.out_of_fold.margins.shape == material.truth.shape
    assert classifier.out_of_fold.folds.shape == (len(material.tokens),)
    assert len(classifier.decisions.thresholds) == len(RUBRICS)


def test_a_classifier_learns_its_rubrics(classifier):
    probabilities = classifier.predict_proba(read(BANK, STEEL, HOTEL))
    assert probabilities.argmax(axis=1).tolist() == [0, 1, 2]
    assert classifier.decisions.given(probabilities).diagonal().all()
    assert not classifier.decisions.given(classifier.predict_proba(read(CAT))).any()


def test_predictions_are_probabilities(classifier, material):
    probabilities = classifier.predict_proba(material.tokens)
    assert probabilities.shape == material.truth.shape
    assert probabilities.dtype == np.float64
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_out_of_fold_margins_cannot_predict_random_labels(classifier, material):
    """Random labels can be memorized, but not predicted."""
    n = len(material.tokens)
    dice = np.random.default_rng(0).integers(0, 2, (n, 1)).astype(np.int8)
    model = type(classifier)().fit(material.tokens, dice, ("dice",), np.zeros(n, bool))
    accuracy = ((model.out_of_fold.margins > 0) == (dice == 1)).mean()
    assert 0.3 < accuracy < 0.7


def test_a_rubric_does_not_depend_on_the_other_rubrics(classifier, material):
    """Adding rubrics does not change those that exist."""
    tokens, truth = material
    kind, clean = type(classifier), np.arange(len(tokens)) % 3 == 0
    many = np.hstack([np.roll(truth, shift, axis=0) for shift in range(12)])
    many[:, :3] = truth
    together = kind().fit(tokens, many, [f"рубрика {r}" for r in range(36)], clean)
    for r in (0, 1, 35):
        alone = kind().fit(tokens, many[:, [r]], ["рубрика"], clean)
        assert together.out_of_fold.margins[:, r] == pytest.approx(alone.out_of_fold.margins[:, 0], abs=1e-6)
        order = np.argsort(alone.predict_proba(tokens)[:, 0])
        assert (np.diff(together.predict_proba(tokens)[order, r]) >= -1e-6).all(), "the same ranking"


@pytest.mark.parametrize("positives", [1, 2, 7])
def test_a_rubric_with_few_examples_is_no_error(classifier, material, positives):
    """Some folds then have no positive, and some have all of them."""
    n = len(material.tokens)
    rare = (np.arange(n) < positives).astype(np.int8)[:, None]
    found = type(classifier)().fit(material.tokens, rare, ("редкое",), np.zeros(n, bool))
    assert np.isfinite(found.out_of_fold.margins).all()
    probabilities = found.predict_proba(material.tokens)
    assert probabilities[:positives].min() > np.median(probabilities)


def test_a_file_of_another_classifier_never_gives_partial_predictions(classifier, material, tmp_path):
    tokens, truth = material
    other = type(classifier)().fit(tokens, truth[:, :2], RUBRICS[:2], np.zeros(len(tokens), bool))
    foreign = contents(saved(other, tmp_path / "2"))
    folder = saved(classifier, tmp_path / "1")
    refused = set()
    for path in folder.iterdir():
        whole = path.read_bytes()
        path.write_bytes(foreign[path.name])
        try:
            loaded = type(classifier).load(folder)
        except ModelError:
            refused.add(path.name)
        else:
            assert loaded.predict_proba(tokens).shape == (len(tokens), len(loaded.rubrics))
        path.write_bytes(whole)
    assert "classifier.json" in refused


def test_contributions_sum_to_the_log_odds(classifier, material):
    for row in range(0, len(material.tokens), 20):
        article = take(material.tokens, np.array([row]))
        check_sum(classifier, article)
        for contribution in classifier.contributions(article)[1]:
            assert all(0 <= token < len(article.ids) for token in contribution.tokens)


@settings(max_examples=20)
@given(text=st.text() | st.sampled_from([STEEL, BANK, HOTEL, CAT, "стали стали"]))
def test_contributions_of_any_text_sum_to_the_log_odds(classifier, text):
    check_sum(classifier, read(text))


def check_sum(classifier: Classifier, article: TokenBatch) -> None:
    prior, contributions = classifier.contributions(article)
    total = prior + sum((contribution.weights for contribution in contributions), np.zeros(len(RUBRICS)))
    assert 1 / (1 + np.exp(-total)) == pytest.approx(classifier.predict_proba(article)[0], abs=1e-5)


def test_unfamiliar_text_is_detected_in_any_batch(classifier):
    texts = STEEL, "Zavod zapustil liniju", BANK, "", "Кредит підприємству видав банк", HOTEL
    assert classifier.unfamiliar(read(*texts)).tolist() == [False, True, False, True, True, False]
    for text in texts:
        assert classifier.unfamiliar(read(text))[0] == (text not in (STEEL, BANK, HOTEL))


def test_a_loaded_classifier_detects_unfamiliar_text(classifier, tmp_path):
    loaded = type(classifier).load(saved(classifier, tmp_path / "saved"))
    tokens = read(STEEL, "Zavod zapustil liniju", "Кредит підприємству видав банк")
    assert loaded.unfamiliar(tokens).tolist() == [False, True, True]


# Readers

HEADER, ROWS = ["id", "text"], [["1", "Снегопад закрыл перевал"], ["2", "Паром встал на ремонт"]]


def table(delimiter: str) -> bytes:
    return "\n".join(delimiter.join(row) for row in [HEADER, *ROWS]).encode()


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(zip(HEADER, zip(*ROWS, strict=True), strict=True))), sink)
    return sink.getvalue()


# For a new reader, add the two rows of `ROWS` in its format.
EXAMPLES = {
    "jsonl": b"".join(f'{{"id": "{key}", "text": "{text}"}}\n'.encode() for key, text in ROWS),
    "csv": table(";"),
    "tsv": table("\t"),
    "parquet": parquet(),
}


def rows(form: str, data: bytes) -> Iterator[Row | Reject]:
    return plugins.READERS.load(form).read(io.BytesIO(data), "лента", 1000)


@pytest.mark.parametrize("form", [*plugins.READERS])
def test_a_reader_yields_rows_in_order_with_line_numbers(form):
    found = list(rows(form, EXAMPLES[form]))
    assert [row.values for row in found] == [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    lines = [row.line for row in found]
    assert lines == sorted(set(lines))


@pytest.mark.parametrize("form", [*plugins.READERS])
def test_an_empty_file_gives_no_rows_or_a_data_error(form):
    with suppress(DataError):
        assert list(rows(form, b"")) == []


@pytest.mark.parametrize("form", [*plugins.READERS])
@given(st.binary(max_size=300) | st.binary(max_size=20).map(lambda noise: noise + gzip.compress(noise)))
def test_a_reader_survives_any_bytes(form, noise):
    for data in (noise, EXAMPLES[form] + noise, EXAMPLES[form][: len(noise)]):
        with suppress(DataError):
            assert all(isinstance(found, Row | Reject) for found in rows(form, data))


@pytest.mark.parametrize("form", [*plugins.READERS])
def test_a_reader_passes_disk_errors_on(form):
    class Broken(io.BytesIO):
        def read(self, *size):
            raise OSError(5, "Input/output error")

        readline = readinto = read1 = read

    with pytest.raises((OSError, DataError)):
        list(plugins.READERS.load(form).read(Broken(EXAMPLES[form]), "лента", 1000))


# Tables of parts

TABLES = [plugins.READERS, plugins.CLASSIFIERS, plugins.TOPIC_MODELS]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_an_unknown_name_lists_the_known_ones(table):
    with pytest.raises(UsageError) as error:
        table.load("никакой")
    assert str(error.value).startswith(f"unknown {table.kind} 'никакой'; known: ")
    assert all(repr(name) in str(error.value) for name in table)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_every_registered_name_loads(table):
    for name in table:
        assert isinstance(table.load(name), Format if table is plugins.READERS else type)


def test_an_entry_point_is_added_but_replaces_no_built_in_part(monkeypatch):
    class Point:
        def __init__(self, name: str) -> None:
            self.name, self.value = name, "json:loads"

    monkeypatch.setattr(
        plugins,
        "entry_points",
        lambda group: [Point("xml"), Point("csv")] if group == "topics.readers" else [],
    )
    assert plugins.READERS.load("xml").__module__ == "json"
    assert plugins.READERS.load("csv").read.__module__ == "topics.readers.csv"
    with pytest.raises(UsageError, match="known: 'csv', 'jsonl', 'parquet', 'tsv', 'xml'"):
        plugins.READERS.load("docx")
