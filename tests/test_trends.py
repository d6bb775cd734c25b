"""Topics over time: periods, recorded activity, and significant changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from newsroom import write
from topic_archive import dated
from topics.config import Config
from topics.corpus import Corpus
from topics.corpus.material import Material
from topics.errors import ModelError
from topics.topic_models.lda import LdaModel, LdaSettings
from topics.topic_pipeline import TopicPipeline
from topics.training.preparation import prepare
from topics.trends import activity, recording
from topics.trends.activity import Activity
from topics.trends.changes import FDR, MIN_PERIODS, changes, detect_trends
from topics.trends.periods import NO_PERIOD, periods
from topics.trends.recording import record

# Periods

CALENDARS = [
    # days, unit, first days, places
    (["2026-01-05", "2026-01-11", "2026-01-12"], "week", ["2026-01-05", "2026-01-12"], [0, 0, 1]),
    (["2026-01-04"], "week", ["2025-12-29"], [0]),
    (["2026-01-01", "2026-01-20"], "week", ["2025-12-29", "2026-01-05", "2026-01-12", "2026-01-19"], [0, 3]),
    (["2026-01-05", "", "2026-01-05"], "week", ["2026-01-05"], [0, NO_PERIOD, 0]),
    (["", ""], "week", [], [NO_PERIOD, NO_PERIOD]),
    ([], "week", [], []),
]


@pytest.mark.parametrize(("days", "unit", "starts", "places"), CALENDARS)
def test_a_day_belongs_to_its_week(days, unit, starts, places):
    found = periods(days)
    assert (found.unit, list(found.starts), found.assigned.tolist()) == (unit, starts, places)


def test_a_long_archive_is_counted_by_months():
    found = periods(["2024-11-30", "2026-06-01"])
    assert (found.unit, len(found.starts), found.starts[0], found.starts[-1]) == (
        "month",
        20,
        "2024-11-01",
        "2026-06-01",
    )
    assert periods(["2024-11-30", "2026-06-01"], "week").starts[0] == "2024-11-25"
    assert periods(["2026-03-04"], "month").starts == ("2026-03-01",)


@pytest.mark.parametrize("stray", [["1970-01-01"], ["9999-12-31"], ["1970-01-01", "2199-01-01"]])
def test_outlying_dates_do_not_extend_the_calendar(stray):
    days = [f"2026-0{1 + i % 3}-{1 + i % 28:02}" for i in range(300)]
    found = periods(days + stray)
    assert found.unit == "week"
    assert len(found.starts) < 15
    assert found.assigned[len(days) :].tolist() == [NO_PERIOD] * len(stray)
    assert (found.assigned[: len(days)] >= 0).all()


def test_old_dates_of_half_the_archive_are_not_outliers():
    found = periods(["1970-01-01"] * 10 + ["2026-01-01"] * 10)
    assert (found.starts[0], found.starts[-1]) == ("1970-01-01", "2026-01-01")


def test_the_calendar_has_at_most_a_hundred_years():
    found = periods([f"{year:04}-01-01" for year in range(1, 10_000, 20)])
    assert len(found.starts) == 1200
    assert found.assigned.min() == NO_PERIOD
    assert found.assigned.max() == 1199


# Recording


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = dated()
    reprint = next(row for row in rows if str(row["id"]).startswith("rail"))
    again = [reprint | {"id": f"rail-again-{i}"} for i in range(5)]
    short = [
        {"id": f"rail-short-{i}", "text": "Поезд, вагоны, рельсы", "date": "2026-01-07"} for i in range(9)
    ]
    return write(tmp_path_factory.mktemp("архив") / "a.jsonl", *rows, *again, *short)


@pytest.fixture(scope="module")
def prepared(source: Path) -> tuple[TopicPipeline, Material, Corpus]:
    corpus = Corpus(source)
    material = prepare(corpus, Config())
    model = LdaModel(LdaSettings(num_topics=5)).fit(material.tokens)
    return TopicPipeline(material.cleaner, model), material, corpus


@pytest.fixture(scope="module")
def found(prepared: tuple[TopicPipeline, Material, Corpus]) -> Activity:
    return record(*prepared)


def place_of(pipeline: TopicPipeline, word: str) -> int:
    [place] = [k for k, topic in enumerate(pipeline.topics) if word in {w.words for w in topic.words[:8]}]
    return place


def test_shares_are_means_over_articles_of_a_week(prepared, found):
    pipeline, material, _ = prepared
    assert (found.unit, len(found.periods), found.periods[0]) == ("week", 12, "2026-01-05")
    assert sum(found.counts) == len(material.labels)
    assert [topic.topic for topic in found.topics] == [topic.id for topic in pipeline.topics]
    shares = pipeline.model.transform(material.tokens)
    places = periods([day for _, day in material.origins]).assigned
    expected = [shares[places == week].mean(axis=0) for week in range(12)]
    assert np.allclose([topic.shares for topic in found.topics], np.transpose(expected), atol=1e-6)


def test_typical_articles_are_of_the_topic_without_near_duplicates(prepared, found):
    topic = found.topics[place_of(prepared[0], "поезд")]
    assert topic.articles[0].share > 0.9
    assert {article.id.partition("-")[0] for article in topic.articles} == {"rail"}
    assert sum("again" in article.id for article in topic.articles) <= 1
    assert len({article.title for article in topic.articles}) == len(topic.articles)
    assert not any("short" in article.id for article in topic.articles), "short articles are not typical"
    assert (topic.articles[0].outlet, topic.articles[0].date[:5]) == ("Курьер", "2026-")


def test_rubrics_of_a_topic_are_shares_of_labelled_articles(prepared, found):
    metals, rail = (found.topics[place_of(prepared[0], word)] for word in ("рудник", "поезд"))
    assert metals.rubrics["industry"] > 0.8
    assert rail.rubrics["industry"] < 0.2


def test_recording_does_not_depend_on_the_batch(prepared, found, monkeypatch):
    monkeypatch.setattr(recording, "_BATCH", 7)
    assert record(*prepared) == found


def test_without_titles_no_articles_are_recorded(prepared):
    silent = record(*prepared, titles=False)
    assert not any(topic.articles or topic.carriers for topic in silent.topics)


def test_an_archive_without_dates_has_no_periods(prepared):
    pipeline, material, corpus = prepared
    undated = material._replace(origins=[("", "")] * len(material.origins))
    found = record(pipeline, undated, corpus)
    assert (found.periods, found.counts, found.topics[0].shares) == ((), (), ())
    assert found.topics[0].articles
    assert changes(found) == ()


def test_a_missing_title_is_replaced_by_an_excerpt(tmp_path, prepared):
    rows = [{"id": str(i), "text": f"Поезд номер {i} " + "вагоны рельсы " * 40} for i in range(3)]
    corpus = Corpus(write(tmp_path / "b.jsonl", *rows))
    found = record(prepared[0], prepare(corpus, Config()), corpus)
    titles = [article.title for article in found.topics[place_of(prepared[0], "поезд")].articles]
    assert titles
    assert all(
        title.startswith("Поезд номер") and title.endswith(" …") and len(title) < 90 for title in titles
    )


def test_activity_survives_a_round_trip(tmp_path, found):
    activity.save(tmp_path, found)
    assert activity.load(tmp_path) == found
    path = tmp_path / activity.FILE
    path.write_text(path.read_text(encoding="utf-8").replace('"2026-01-05",', ""), encoding="utf-8")
    with pytest.raises(ModelError, match="11 periods"):
        activity.load(tmp_path)


# Changes


def test_rising_and_falling_topics_are_found(prepared, found):
    pipeline = prepared[0]
    result = changes(found)
    metals, theatre = (result[place_of(pipeline, word)] for word in ("рудник", "спектакль"))
    assert (metals.direction, theatre.direction) == ("rises", "falls")
    assert metals.since == "2026-03-02"
    assert metals.before < 0.2 < 0.3 < metals.after
    assert [result[place_of(pipeline, word)].direction for word in ("поезд", "рубль")] == ["steady"] * 2


def test_articles_that_carry_a_change_are_of_its_time(prepared, found):
    pipeline = prepared[0]
    metals, theatre, rail = (
        found.topics[place_of(pipeline, word)] for word in ("рудник", "спектакль", "поезд")
    )
    assert metals.carriers
    assert all(article.date >= "2026-03-02" for article in metals.carriers)
    assert theatre.carriers
    assert all(article.date < "2026-03-02" for article in theatre.carriers)
    assert rail.carriers == ()


def simulated(
    seed: int, weeks: int = 20, topics: int = 15, concentration: float = 40.0
) -> tuple[np.ndarray, ...]:
    """Weeks of a steady archive whose shares vary more than the number of articles explains."""
    generator = np.random.default_rng(seed)
    usual = generator.dirichlet(np.full(topics, 2.0))
    counts = generator.integers(50, 400, weeks).astype(float)
    return counts, generator.dirichlet(usual * concentration * topics, weeks)


def test_false_alarms_do_not_exceed_the_rate():
    alarms = [(detect_trends(*simulated(seed)).q <= FDR).any() for seed in range(400)]  # type: ignore[union-attr]
    assert np.mean(alarms) <= FDR + 3 * (FDR * (1 - FDR) / len(alarms)) ** 0.5


@pytest.mark.parametrize(("last", "direction"), [(3.0, "rises"), (0.1, "falls"), (1.0, "steady")])
def test_an_unusual_last_week_is_found(last, direction):
    counts, shares = simulated(3)
    largest = int(shares.mean(axis=0).argmax())
    shares[-1, largest] = last * shares[:-1, largest].mean()
    found = detect_trends(counts, shares)
    assert found is not None
    assert (found.direction(largest), found.start[largest] == 19) == (direction, direction != "steady")


@pytest.mark.parametrize("late", [1, 2, 3, 4])
def test_a_story_is_found_in_each_of_its_weeks(late):
    counts, shares = simulated(3, weeks=14)
    shares[:-late, 0], shares[-late:, 0] = 0.01, 0.2
    found = detect_trends(counts, shares)
    assert found is not None
    assert (found.direction(0), found.start[0]) == ("rises", 14 - late)


def test_a_recurring_burst_is_not_reported():
    counts, shares = simulated(3)
    shares[[3, 9, 15, -1], 0] = 3 * shares[:, 0].mean()
    found = detect_trends(counts, shares)
    assert found is not None
    assert found.direction(0) == "steady"


def test_weeks_without_articles_do_not_count():
    counts, shares = simulated(5)
    gap = np.r_[np.arange(10), np.arange(15, 20)]
    some = detect_trends(counts[gap], shares[gap])
    counts[10:15], shares[10:15] = 0, 0
    every = detect_trends(counts, shares)
    assert some is not None
    assert every is not None
    assert every.start.max() == 19
    assert np.allclose(some.p[some.start == 14], every.p[some.start == 14], rtol=0.2)
    few = counts * 0
    few[: MIN_PERIODS - 1] = 5
    assert detect_trends(few, shares) is None
