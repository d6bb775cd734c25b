"""Comparing two versions on the same articles, and promotion."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from newsroom import CAT, STEEL, varied, write
from topics.config import Config, convert
from topics.corpus import Corpus, embedded
from topics.errors import DataError, ModelError, ModelWarning, UsageError
from topics.lifecycle.promotion import LossError, promote
from topics.quality.comparison import compare
from topics.training.job import TrainingJob
from topics.versions.registry import Registry

*TRAINED_ON, HELD_OUT = embedded()
WEAK = {"rubrics": {"settings": {"fields": {"min_df": 60}}}}
"""Only words of sixty articles or more, which hardly predict a rubric."""
NO_TOURISM = {"rubrics": {"names": ["economy", "industry"]}}


@pytest.fixture(scope="session")
def versions(tmp_path_factory) -> Path:
    """Three versions: a good one, one without a rubric, and a weak one, the latest."""
    folder = tmp_path_factory.mktemp("versions") / "models"
    for settings in ({}, NO_TOURISM, WEAK):
        TrainingJob(Corpus(TRAINED_ON), convert(settings, Config, ""), Registry(folder)).train_rubrics()
    return folder


@pytest.fixture
def registry(versions: Path, tmp_path: Path) -> Registry:
    return Registry(shutil.copytree(versions, tmp_path / "models"))


@pytest.fixture
def labels(registry) -> list[str]:
    return [f"rubrics/{version}" for version in registry.versions("rubrics")]


def test_a_significant_loss_is_reported(registry, labels):
    good, _, weak = map(registry.open, labels)
    found = compare(good, weak, Corpus(HELD_OUT))
    assert (found.before, found.after) == (good.label, weak.label)
    assert found.articles == 100
    assert {rubric.rubric for rubric in found.rubrics} == {"economy", "industry", "tourism"}
    micro = found.overall["micro-F1"]
    assert micro.verdict == "worse"
    assert micro.difference.value == pytest.approx(micro.after - micro.before)
    assert micro.difference.low < micro.difference.value < micro.difference.high < 0
    assert any(loss.startswith("micro-F1 0.") for loss in found.losses)
    back = compare(weak, good, Corpus(HELD_OUT))
    assert back.overall["micro-F1"].verdict == "better"
    assert back.losses == []


def test_a_version_compared_with_itself_does_not_differ(registry, labels):
    good = registry.open(labels[0])
    found = compare(good, good, Corpus(HELD_OUT))
    changes = [*found.overall.values(), *(rubric.f1 for rubric in found.rubrics)]
    assert {(change.difference.low, change.difference.high, change.verdict) for change in changes} == {
        (0, 0, "")
    }


def test_compare_and_evaluate_have_the_same_metrics(registry, labels):
    from topics.quality.assessment import evaluate

    good, _, weak = map(registry.open, labels)
    found = compare(good, weak, Corpus(HELD_OUT))
    for version, side in ((good, "before"), (weak, "after")):
        whole = evaluate(Corpus(HELD_OUT), version).whole
        assert getattr(found.overall["exact match"], side) == whole.exact_match.value
        assert [getattr(rubric.f1, side) for rubric in found.rubrics] == [
            one.f1.value for one in whole.rubrics
        ]


def test_near_duplicates_count_once(registry, labels, tmp_path):
    rows = [json.loads(line) for line in HELD_OUT.read_text(encoding="utf-8").splitlines()]
    reprints = [row | {"id": f"{row['id']}-{n}"} for row in rows[:30] for n in range(3)]
    found = compare(
        registry.open(labels[0]),
        registry.open(labels[2]),
        Corpus(write(tmp_path / "a.jsonl", *rows, *reprints)),
    )
    assert (found.articles, found.reprints) == (100, 90)


def test_articles_without_labels_are_an_error(registry, labels, tmp_path):
    version = registry.open(labels[0])
    with pytest.raises(DataError, match="1 articles, none labelled; name the column with --rubrics-column"):
        compare(version, version, Corpus(write(tmp_path / "a.jsonl", {"id": "1", "text": STEEL})))


def test_the_first_promotion_needs_no_data(registry, labels):
    event, comparison = promote(registry, labels[0])
    assert comparison is None
    assert (event.alias, event.before, event.why) == ("production", None, "no previous version")
    assert registry.open("rubrics").label == labels[0]
    assert promote(registry, labels[0]) == (None, None), "already in production"


def test_a_worse_version_is_not_promoted(registry, labels):
    promote(registry, labels[0])
    with pytest.raises(
        LossError, match=r"is not promoted: on 100 articles it is worse than .*micro-F1 0"
    ) as refused:
        promote(registry, labels[2], Corpus(HELD_OUT))
    assert refused.value.exit_code == 4
    assert refused.value.comparison.after == labels[2]
    assert registry.open("rubrics").label == labels[0]


def test_a_missing_rubric_is_a_loss(registry, labels):
    promote(registry, labels[0])
    with pytest.raises(LossError, match="tourism: rubric missing"):
        promote(registry, labels[1], Corpus(HELD_OUT))


def test_a_version_that_is_no_worse_is_promoted_with_its_metrics(registry, labels):
    promote(registry, labels[2])
    event, comparison = promote(registry, labels[0], Corpus(HELD_OUT), reason="после чистки разметки")
    assert registry.open("rubrics").label == labels[0]
    written = registry.events("rubrics")[-1]
    assert (written.when, written.who) == (event.when, event.who)
    assert written.why == "после чистки разметки"
    assert written.metrics == json.loads(msgspec.json.encode(comparison))


def test_a_damaged_production_version_can_be_replaced_by_force(registry, labels):
    promote(registry, labels[2])
    (registry.open("rubrics").folder / "idf.npy").write_bytes(b"")
    message = (
        rf"rubrics@production is {labels[2][8:]}, which cannot be opened \(.*idf.npy: is not a file of .*\)"
    )
    with pytest.raises(
        ModelError, match=rf"{message}; force it with a reason .* to promote without comparing"
    ):
        promote(registry, labels[0], Corpus(HELD_OUT))
    with pytest.warns(ModelWarning, match=rf"{message}: nothing was compared"):
        event, comparison = promote(registry, labels[0], Corpus(HELD_OUT), force=True, reason="испорчена")
    assert (event.forced, event.before, comparison) == (True, labels[2][8:], None)
    assert registry.open("rubrics").label == labels[0]


def test_a_forced_promotion_is_recorded(registry, labels):
    promote(registry, labels[0])
    with pytest.raises(UsageError, match=r"requires a reason for the history .--reason."):
        promote(registry, labels[2], force=True)
    promote(registry, labels[2], Corpus(HELD_OUT), force=True, reason="проба в пятницу")
    written = registry.events("rubrics")[-1]
    assert (written.forced, written.why) == (True, "проба в пятницу")
    assert written.metrics["overall"]["micro-F1"]["verdict"] == "worse"
    assert registry.open("rubrics").label == labels[2]


def test_promotion_needs_labelled_data_not_used_for_training(registry, labels):
    promote(registry, labels[2])
    with pytest.raises(UsageError, match="give labelled DATA to compare on, or force it with a reason"):
        promote(registry, labels[0])
    with pytest.raises(
        UsageError, match=r"was trained on .*: results on training data are optimistic; name other DATA"
    ):
        promote(registry, labels[0], Corpus(TRAINED_ON[0]))
    assert registry.open("rubrics").label == labels[2]


def test_the_second_of_two_concurrent_promotions_fails(registry, labels):
    promote(registry, labels[0])
    seen = registry.aliases("rubrics")["production"]
    promote(registry, labels[1], force=True, reason="успел раньше")
    with pytest.raises(
        ModelError, match=r"production moved meanwhile, from .* to .*; compare with the latter"
    ):
        registry.promote("rubrics", labels[2].partition("/")[2], "опоздал", expected=seen)


def train_one_rubric(registry: Registry, name: str) -> str:
    """Publish a version of another model with this rubric only; return its label."""
    config = convert({"rubrics": {"names": [name], "min_positives": 1}}, Config, "")
    rows = [{"id": i, "text": varied((STEEL, CAT)[i % 2], i), "rubrics": [name][i % 2 :]} for i in range(60)]
    corpus = Corpus(write(registry.folder.with_name("спорт.jsonl"), *rows))
    return TrainingJob(corpus, config, registry).train_rubrics(name).label


def test_compare_promote_and_rollback_commands(topics, registry, labels):
    models = "--models", registry.folder
    shown = topics("compare", labels[0], labels[2], HELD_OUT, *models)
    assert shown.code == 0
    assert "micro-F1" in shown.out
    assert "worse" in shown.out
    foreign = train_one_rubric(registry, "спорт")
    apart = topics("compare", labels[0], foreign, HELD_OUT, *models)
    had = f"{labels[0]} has 'economy', 'industry', 'tourism', {foreign} has 'спорт'"
    assert (apart.code, apart.out) == (2, "")
    assert apart.err == f"topics: no rubric in common: {had}; compare versions of the same rubrics\n"
    as_json = topics("compare", labels[0], labels[2], HELD_OUT, "--json", *models)
    difference = json.loads(as_json.out)["overall"]["micro-F1"]["difference"]
    assert difference["low"] <= difference["value"] <= difference["high"] < 0
    assert topics("promote", labels[0], *models).err.startswith(f"@production is now {labels[0][8:]}")
    refused = topics("promote", labels[2], HELD_OUT, *models)
    assert refused.code == 4
    assert "worse" in refused.out
    assert refused.err.splitlines()[-1].startswith(f"topics: {labels[2]} is not promoted")
    assert topics("promote", labels[2], HELD_OUT, "--force", "--reason", "надо", *models).code == 0
    assert topics("rollback", "--reason", "не надо", *models).code == 0
    assert registry.open("rubrics").label == labels[0]
