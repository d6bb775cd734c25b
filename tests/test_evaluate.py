"""Metrics with intervals, slices, and the command `evaluate`."""

from __future__ import annotations

import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics

from newsroom import BANK, CAT, HOTEL, STEEL, write
from topics.corpus import Corpus, embedded
from topics.errors import DataError, UsageError
from topics.quality.assessment import evaluate
from topics.quality.evaluation import Answers
from topics.quality.measuring import measure
from topics.quality.slices import slices
from topics.versions.registry import Registry

RUBRICS = ("economy", "industry", "tourism")


@st.composite
def answers(draw, least: int = 1):
    n = draw(st.integers(least, 25))
    truth = draw(arrays.arrays(np.int8, (n, 3), elements=st.sampled_from([-1, 0, 1])))
    probabilities = draw(arrays.arrays(float, (n, 3), elements=st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9])))
    given_ = draw(arrays.arrays(bool, (n, 3)))
    return Answers(truth, probabilities, given_, draw(arrays.arrays(bool, n)))


# Metrics


@given(answers())
def test_metrics_equal_those_of_scikit_learn(case):
    truth, probabilities, given_, _ = case
    found = measure(case, RUBRICS, draws=2)
    for r, rubric in enumerate(found.rubrics):
        known = truth[:, r] >= 0
        holds, said = truth[known, r], given_[known, r]
        assert (rubric.positives, rubric.negatives, rubric.given) == (
            holds.sum(),
            (1 - holds).sum(),
            said.sum(),
        )
        if not holds.any():
            assert rubric.recall.value is rubric.f1.value is rubric.average_precision.value is None
            continue
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            holds, said, average="binary", zero_division=0
        )
        assert (rubric.recall.value, rubric.f1.value) == pytest.approx((recall, f1))
        assert (rubric.precision.value or 0) == pytest.approx(precision)
        average = metrics.average_precision_score(holds, probabilities[known, r])
        assert rubric.average_precision.value == pytest.approx(average)


@given(answers())
def test_averages_are_over_rubrics_with_a_defined_metric(case):
    found = measure(case, RUBRICS, draws=2)
    for name, average in (("f1", found.macro_f1), ("average_precision", found.mean_average_precision)):
        defined = [value for rubric in found.rubrics if (value := getattr(rubric, name).value) is not None]
        assert average.value == (pytest.approx(np.mean(defined)) if defined else None)
    known = case.truth >= 0
    if (case.truth == 1).any():
        expected = metrics.f1_score(case.truth[known], case.given[known], zero_division=0)
        assert found.micro_f1.value == pytest.approx(expected)


@given(answers())
def test_intervals_are_ordered_and_between_zero_and_one(case):
    found = measure(case, RUBRICS, draws=200)
    for estimate in (found.micro_f1, found.exact_match, *(rubric.precision for rubric in found.rubrics)):
        if estimate.value is None:
            assert estimate.low is None
        elif estimate.low is not None:
            assert 0 <= estimate.low <= estimate.high <= 1


def test_a_rubric_without_positives_has_no_f1():
    truth = np.array([[1, 0], [1, 0], [0, 0]], np.int8)
    given_ = np.array([[True, False], [True, True], [False, False]])
    found = measure(Answers(truth, given_.astype(float), given_, np.zeros(3, bool)), RUBRICS[:2], draws=50)
    _, none = found.rubrics
    assert (none.f1.value, none.recall.value, none.precision.value) == (None, None, 0)
    assert found.macro_f1.value == 1  # over the one rubric that has an F1
    assert [rubric.too_few for rubric in found.rubrics] == [True, True]


def test_reviewing_the_errors_raises_exact_match():
    truth = np.tile(np.array([[1], [0]], np.int8), (10, 1))
    given_ = truth == 1
    given_[:4] = ~given_[:4]
    review = np.arange(20) < 4
    found = measure(Answers(truth, given_.astype(float), given_, review), RUBRICS[:1], draws=2)
    assert (found.exact_match.value, found.exact_match_unreviewed.value) == (0.8, 1.0)
    assert found.review_share == 0.2


# The command


def labelled(rubrics, text, **fields):
    return {"text": text, "rubrics": rubrics, **fields}


@pytest.fixture
def data(tmp_path):
    """Sixty articles of two outlets and two months; many are near-duplicates."""
    places = ("Омске", "Перми", "Казани", "Орске", "Чите")
    cases = ((STEEL, ["industry"]), (BANK, ["economy"]), (HOTEL, ["tourism"]), (CAT, []))
    rows = []
    for i, (place, (text, rubrics), hour) in enumerate(product(places, cases, ("утром", "днём", "ночью"))):
        rows.append(
            labelled(
                rubrics,
                f"{text} Так было в {place} {hour}, рассказал очевидец номер {i}.",
                id=str(i),
                outlet=("Рифей", "Обь")[i % 2],
                date=f"2026-0{1 + i // 30}-11",
            )
        )
    return write(tmp_path / "a.jsonl", *rows)


def test_near_duplicates_count_once(models, tmp_path):
    text = f"{STEEL} Об этом рассказали на заводе, где работает тысяча человек из трёх районов города."
    rows = [
        labelled(["industry"], text + end, id=str(i)) for i, end in enumerate(("", " !", " Ещё одна фраза."))
    ]
    path = write(
        tmp_path / "a.jsonl", *rows, labelled(["tourism"], HOTEL, id="h"), labelled(None, BANK, id="b")
    )
    found = evaluate(Corpus(path), Registry(models).open("rubrics"))
    assert (found.read, found.labelled, found.reprints, found.whole.articles) == (5, 4, 2, 2)


def test_unknown_labels_are_not_counted(models, tmp_path):
    path = write(tmp_path / "a.jsonl", labelled(["industry"], STEEL, unknown=["economy"]), labelled([], CAT))
    economy, industry, tourism = evaluate(Corpus(path), Registry(models).open("rubrics")).whole.rubrics
    assert (economy.positives, economy.negatives) == (0, 1)
    assert (industry.positives, industry.negatives) == (1, 1)
    assert (tourism.positives, tourism.negatives) == (0, 2)


def test_slices_partition_the_articles(models, data):
    found = evaluate(Corpus(data), Registry(models).open("rubrics"), ("outlet", "month", "length"))
    for parts in found.slices.values():
        assert sum(part.measure.articles for part in parts) == found.whole.articles
    if found.whole.articles >= 40:
        assert {part.name for part in found.slices["outlet"]} <= {"Рифей", "Обь", "other"}


def test_a_slice_lists_only_rubrics_with_enough_positives():
    truth = np.zeros((40, 2), np.int8)
    truth[:10, 0] = truth[:9, 1] = 1
    answers = Answers(truth, truth.astype(float), truth == 1, np.zeros(40, bool))
    (whole,) = slices(["Рифей"] * 40, answers, ("economy", "tourism"))
    assert [one.rubric for one in whole.measure.rubrics] == ["economy"]
    assert whole.measure.macro_f1.value == 1, "averages are over all rubrics"


def test_since_selects_later_articles(models, data):
    opened = Registry(models).open("rubrics")
    later = evaluate(Corpus(data), opened, since="2026-02-01")
    assert later.labelled == 30
    with pytest.raises(DataError, match="none labelled since 2030"):
        evaluate(Corpus(data), opened, since="2030-01-01")
    with pytest.raises(UsageError, match="'soon' is not a date; write 2026-03-04"):
        evaluate(Corpus(data), opened, since="soon")


def test_rubrics_unknown_to_the_version_are_reported(models, tmp_path):
    path = write(tmp_path / "a.jsonl", labelled(["sport", "industry"], STEEL), labelled(["sport"], CAT))
    assert evaluate(Corpus(path), Registry(models).open("rubrics")).not_known == {"sport": 2}


def test_evaluate_prints_metrics_on_stdout(topics, models, data):
    ran = topics("evaluate", "rubrics", data, "--models", models, "--slice-by", "outlet")
    assert ran.code == 0, ran.err
    assert "tourism" in ran.out
    assert "macro" in ran.out
    assert "Traceback" not in ran.err
    ran = topics("evaluate", "rubrics", data, "--models", models, "--json")
    found = json.loads(ran.out)
    assert [rubric["rubric"] for rubric in found["whole"]["rubrics"]] == list(RUBRICS)
    assert found["whole"]["micro_f1"]["low"] <= found["whole"]["micro_f1"]["value"]


@pytest.mark.parametrize(
    "command", ["evaluate rubrics", "compare rubrics rubrics", "audit --workers 1", "suggest --workers 1"]
)
def test_rejects_are_reported(topics, models, data, tmp_path, command):
    with data.open("a", encoding="utf-8") as stream:
        stream.write("{\n" * 7)
    name, *rest = command.split()
    to = ("--models", models) if rest[0] == "rubrics" else ()
    nothing = write(tmp_path / "метки.csv", "id;rubrics")
    labels = ("--labels", nothing) if name == "suggest" else ()
    ran = topics(name, *rest, data, *to, *labels)
    assert ran.code == 0, ran.err
    assert ran.err.count("not valid JSON") == 5
    assert f"topics: {data}:61: not valid JSON" in ran.err
    assert "topics: 7 rows could not be read\n" in ran.err


def test_evaluating_on_training_data_warns(topics, tmp_path, monkeypatch):
    path = shutil.copy(embedded()[0], tmp_path)
    assert topics("train", path, "--models", tmp_path / "m").code == 0
    ran = topics("evaluate", "rubrics", path, "--models", tmp_path / "m")
    assert "results on training data are optimistic" in ran.err
    monkeypatch.chdir(tmp_path)  # from another folder
    ran = topics("evaluate", "rubrics", Path(path).name, "--models", "m")
    assert "results on training data are optimistic" in ran.err
    ran = topics("evaluate", "topics", Path(path).name, "--models", "m")
    assert (ran.code, ran.out) == (2, "")
    assert "is a version of topics, not of rubrics" in ran.err


def test_training_data_is_recognized_when_moved_renamed_or_extended(topics, tmp_path, monkeypatch):
    first, second = (Path(shutil.copy(path, tmp_path)) for path in embedded()[:2])
    models, elsewhere = ("--models", tmp_path / "m"), tmp_path / "архив"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    assert topics("train", first.name, *models).code == 0
    copy = shutil.copy(first, elsewhere / "выгрузка.jsonl")
    other = shutil.copy(second, elsewhere / first.name)
    monkeypatch.chdir(elsewhere)
    for source, known in ((f"../{first.name}", True), (copy, True), (other, False), (first.name, False)):
        ran = topics("evaluate", "rubrics", source, *models)
        assert (ran.code, "results on training data are optimistic" in ran.err) == (0, known), source
    first.write_bytes(first.read_bytes() + second.read_bytes())
    assert "results on training data are optimistic" in topics("evaluate", "rubrics", first, *models).err
    shipped = b"".join(path.read_bytes() for path in (tmp_path / "m").rglob("*") if path.is_file())
    assert str(tmp_path).encode() not in shipped


def test_data_without_labels_is_an_error(topics, models, tmp_path):
    path = write(tmp_path / "a.jsonl", {"text": STEEL})
    ran = topics("evaluate", "rubrics", path, "--models", models)
    assert (ran.code, ran.out) == (3, "")
    assert "1 articles, none labelled; name the column with --rubrics-column" in ran.err
