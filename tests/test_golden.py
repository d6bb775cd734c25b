"""Versions of every protocol can be loaded, and predict what they always did."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from topics.corpus import Corpus, embedded
from topics.drift.profile import load
from topics.errors import ModelWarning
from topics.pipeline import Pipeline
from topics.tagger import Tagger
from topics.versions import integrity
from topics.versions.manifest import PROTOCOL

GOLDEN = Path(__file__).parent / "golden"
HOMES = sorted(GOLDEN.glob("protocol-*"))


def test_every_protocol_has_a_golden_version():
    assert {home.name for home in HOMES} == {f"protocol-{number}" for number in range(1, PROTOCOL + 1)}
    assert set(integrity.READERS) == set(range(1, PROTOCOL + 1))


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_golden_versions_predict_their_recorded_answers(home):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)  # its libraries may be older
        tagger = Tagger.load(home / "models")
    expected = json.loads((home / "answers.json").read_text(encoding="utf-8"))
    articles = next(Corpus(embedded()[1]).batches()).articles[: len(expected)]
    for found, answer in zip(tagger.tag_articles(articles), expected, strict=True):
        assert found.id == answer["id"]
        assert [score.label for score in found.rubrics] == answer["rubrics"]
        assert found.scores == pytest.approx(answer["scores"], abs=1e-4)
        assert found.needs_review == answer["needs_review"]
        assert {score.label: score.value for score in found.topics} == pytest.approx(
            answer["topics"], abs=2e-3
        )
    assert any(answer["rubrics"] for answer in expected)
    assert all(answer["topics"] for answer in expected)


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_golden_versions_can_be_read_completely(home):
    [folder] = (home / "models" / "rubrics").glob("2*")
    manifest = integrity.check(folder)
    assert manifest.corpus.articles == 100
    assert load(folder).articles == 100
    article = next(Corpus(embedded()[1]).batches()).articles[0]
    assert Pipeline.load(folder).explain(article, manifest.rubrics[0]).reasons
