"""The topic page: self-contained, escaped, with the right content."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from newsroom import HOSTILE, hostile, train_topics
from test_report import check_page
from topic_archive import fetch, tokens
from topics.corpus import Corpus, embedded
from topics.reports import topic_pages, topic_report
from topics.reports.wording import words
from topics.topic_models.labels import relevance, top_terms
from topics.topic_models.lda import LdaModel, LdaSettings
from topics.topic_pipeline import TopicPipeline
from topics.types import NumberTried
from topics.versions.registry import Registry


@pytest.fixture(scope="module")
def version(topic_models):
    return Registry(topic_models).open("topics")


@pytest.fixture(scope="module")
def report(version):
    return topic_pages.load(version.folder)


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])


# Content


def test_a_version_of_topics_has_a_page_and_a_model_card(version, report):
    text = (version.folder / "report.html").read_text(encoding="utf-8")
    page = check_page(text)
    assert len(report.topics) == 8
    for topic in report.topics:
        assert topic.label in page.text
    assert data_of(text)["report"] == json.loads((version.folder / "report.json").read_bytes())
    card = (version.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert all(f"| {topic.id}. {topic.label} |" in card for topic in report.topics)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_page_is_available_in_both_languages(version, report, language):
    text = topic_pages.topic_page(report, language, version.manifest)
    page = check_page(text)
    assert ("Карта тем" in page.text) is (language == "ru")
    assert ("Map of topics" in page.text) is (language == "en")
    assert data_of(text)["lang"] == language
    assert version.manifest.version in page.text
    assert "altai.jsonl" in page.text


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_script_uses_exactly_the_translated_phrases(language):
    script = (Path(topic_pages.__file__).parent / "templates" / "topics.js").read_text(encoding="utf-8")
    said = set(re.findall(r"\bsaid\.(\w+)", script)) | {"rises", "falls"}
    assert said == set(words("topics_live", language).phrases)


def test_the_report_matches_the_model(version, report):
    model = TopicPipeline.load(version.folder).model
    assert {sheet.id for sheet in report.topics} == {topic.id for topic in model.topics}
    known = {topic.id: topic for topic in model.topics}
    for sheet in report.topics:
        topic = known[sheet.id]
        assert [report.words[place] for place in sheet.words] == [word.words for word in topic.words]
        assert [report.overall[place] for place in sheet.words] == [word.overall for word in topic.words]
        assert len(sheet.nearest) == 3
        assert sheet.id not in dict(sheet.nearest)
        assert len(sheet.shares) == len(report.periods) == len(report.counts)
        assert sheet.articles
    assert [sheet.share for sheet in report.topics] == sorted((s.share for s in report.topics), reverse=True)
    assert report.changes == model.changes
    assert {old for change in report.changes for old in change.old} <= set(dict(report.before))


def test_the_map_of_a_retrained_version_is_aligned_with_the_former_one(tmp_path, monkeypatch):
    train_topics(tmp_path, embedded()[:2])
    first = topic_report.places(Registry(tmp_path).open("topics").folder)
    mirrored = {topic: (1 - x, y) for topic, (x, y) in first.items()}
    monkeypatch.setattr(topic_report, "places", lambda folder: mirrored)
    train_topics(tmp_path, embedded()[:2])
    sheets = topic_pages.load(Registry(tmp_path).open("topics").folder).topics
    known = [sheet for sheet in sheets if sheet.id in first]
    assert len(known) >= 6
    moved = {
        name: np.mean([np.linalg.norm(np.subtract(sheet.circle[:2], lay[sheet.id])) for sheet in known])
        for name, lay in (("mirrored", mirrored), ("as drawn", first))
    }
    assert moved["mirrored"] < moved["as drawn"] / 2


@pytest.mark.parametrize(
    ("content", "known"),
    [
        ('{"topics": [{"id": 7, "circle": [0.5, 1.25, 0.1], "of a later topics": 1}]}', {7: (0.5, 1.25)}),
        ('{"topics": [{"id": 7, "circle": [0.5, 1e308, 0.1]}, {"id": 8, "circle": [0, -11, 1]}]}', {}),
        ('{"topics": [{"id": 7, "circle": [0.5, NaN, 0.1]}]}', {}),
        ('{"topics": [{"id": 7, "circle": [0.5, 1e999, 0.1]}]}', {}),
        ('{"topics": [{"id": 7, "circle": [0.5]}]}', {}),
        ('{"topics": [{"id": "7", "circle": [0.5, 0.5, 0.1]}]}', {}),
        ('{"topics": [{"id": 7}]}', {}),
        ('{"rubrics": []}', {}),
        ('{"topics":' * 10_000, {}),
        ("\xff", {}),
        (None, {}),
    ],
)
def test_only_valid_places_of_a_former_map_are_used(tmp_path, content, known):
    if content is not None:
        (tmp_path / "report.json").write_bytes(content.encode("latin-1"))
    assert topic_report.places(tmp_path) == known


def test_kept_words_are_the_top_words_for_any_lambda():
    model = LdaModel(LdaSettings(num_topics=5)).fit(tokens(), fetch)
    kept = top_terms(model.counts, 7)
    for weight in np.linspace(0, 1, 21):
        order = np.argsort(-relevance(model.counts, weight), axis=1)[:, :7]
        assert all(set(first) <= set(row) for first, row in zip(order.tolist(), kept, strict=True))
    leading = np.argsort(-relevance(model.counts), axis=1, kind="stable")[:, :7].tolist()
    assert [row[:7] for row in kept] == leading


def test_changes_are_described_by_name(report):
    page = check_page(topic_pages.topic_page(report, "ru"))
    assert "Что стало с прежними темами" in page.text
    kept = [change for change in report.changes if change.kind == "kept"]
    assert f"Остались: {len(kept)}" in page.text
    died = replace(report.changes[0], kind="died", old=(99,), new=(), similarity=(0.4,))
    changed = replace(report, changes=(died,), before=((99, "ярмарка, гармонь"),))
    page = check_page(topic_pages.topic_page(changed, "ru"))
    assert "Исчезли: 1" in page.text
    assert "«ярмарка, гармонь» ближайшая из новых: сходство 40" in page.text


@pytest.mark.parametrize(
    ("scores", "height"), [((0.1, 0.18, 0.05), "12.0"), ((-0.03, -0.02, -0.04), "122.0")], ids=str
)
def test_the_choice_of_the_number_is_drawn_if_there_was_one(report, scores, height):
    assert "Почему столько тем" not in topic_pages.topic_page(report, "ru")
    tried = tuple(
        NumberTried(number, score, 0.01, 1.0, score) for number, score in zip((4, 8, 12), scores, strict=True)
    )
    page = check_page(topic_pages.topic_page(replace(report, tried=tried), "ru"))
    assert "Почему столько тем" in page.text
    at = page.attributes.index(("circle", "class", "marked"))
    assert page.attributes[at + 1 : at + 3] == [("circle", "cx", "190.0"), ("circle", "cy", height)]


def test_names_replace_labels(report):
    first = report.topics[0]
    text = topic_pages.topic_page(topic_pages.renamed(report, {first.id: "Наша тема"}), "ru")
    check_page(text)
    assert '<button type="button">Наша тема</button>' in text
    assert f">{first.label}</button>" not in text
    assert data_of(text)["report"]["topics"][0]["name"] == "Наша тема"


def test_with_excerpt_0_no_titles_are_stored(tmp_path):
    train_topics(tmp_path, embedded()[:2], excerpt=0, lang="en")
    version = Registry(tmp_path).open("topics")
    titles = [a.title for batch in Corpus(embedded()[:2]).batches() for a in batch.articles]
    for name in ("report.html", "report.json", "MODEL_CARD.md"):
        content = (version.folder / name).read_text(encoding="utf-8")
        assert not [title for title in titles if title in content]
    assert "Map of topics" in (version.folder / "report.html").read_text(encoding="utf-8")


def test_the_command_writes_page_and_card(topics, topic_models, tmp_path):
    ran = topics("report", "topics", "--models", topic_models)
    assert Path(ran.out.strip()).is_file()
    ran = topics("report", "topics", "--models", topic_models, "-o", tmp_path / "t.html", "--lang", "en")
    assert (ran.code, ran.out) == (0, "")
    assert "Map of topics" in check_page((tmp_path / "t.html").read_text(encoding="utf-8")).text
    topics("report", "topics", "--models", topic_models, "-o", tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text(encoding="utf-8").startswith("# Темы: отчёт о модели")


# Escaping


def test_hostile_titles_are_escaped(report):
    text = topic_pages.topic_page(hostile(report), "ru")
    assert len(re.findall("<script", text)) == 2
    assert "<img" not in text
    found = data_of(text)["report"]
    assert found["topics"][0]["articles"][0]["title"] == HOSTILE
    assert found["words"][0].endswith(HOSTILE)
