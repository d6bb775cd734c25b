"""Editors' names of topics: stored beside the versions, kept over retraining, within one lineage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from newsroom import Ran, write
from test_hostile import entries_of, tar_of
from topic_archive import dated
from topics.config import Config, convert
from topics.corpus import Corpus
from topics.errors import ModelError, UsageError
from topics.lifecycle import bundles, naming
from topics.lifecycle.naming import open_topics, rename
from topics.tagger import Tagger, TaggerRef
from topics.topic_pipeline import TopicPipeline
from topics.training.job import TrainingJob
from topics.training.reproduction import reproduce
from topics.versions import history
from topics.versions.history import MAX_NAME_LENGTH, NAMED, PUBLISHED, Event
from topics.versions.registry import Registry, Version

RAIL = "Поезд стоит у перрона, вагоны и локомотив ждут на станции, машинист вышел на рельсы."
CONFIG = convert({"topics": {"settings": {"num_topics": 5}}}, Config, "")
Topics = Callable[..., Ran]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("архив") / "a.jsonl", *dated())


def train(registry: Registry, source: Path) -> Version:
    corpus = Corpus(source)
    return TrainingJob(corpus, CONFIG, registry).train_topics()


@pytest.fixture(scope="module")
def trained(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("модели") / "models"
    train(Registry(folder), source)
    return folder


@pytest.fixture
def registry(trained, tmp_path) -> Registry:
    """A registry with one version of topics that a test may change."""
    return Registry(shutil.copytree(trained, tmp_path / "models"))


def rail(registry: Registry, reference: str = "topics") -> int:
    [topic] = [
        topic.id for topic in open_topics(registry, reference)[0].topics if "поезд" in topic.label.lower()
    ]
    return topic


def foremost(registry: Registry) -> str:
    return Tagger.load(registry.folder).tag(RAIL).topics[0].label


def test_a_name_is_used_from_then_on(registry):
    before = {path: path.read_bytes() for path in registry.open("topics").folder.iterdir()}
    label = foremost(registry)
    rename(registry, "topics", rail(registry), "Железные дороги")
    assert foremost(registry) == "Железные дороги"
    assert {path: path.read_bytes() for path in registry.open("topics").folder.iterdir()} == before
    rename(registry, "topics", rail(registry), "  РЖД и\tпоезда ")
    assert foremost(registry) == "РЖД и поезда"
    rename(registry, "topics", rail(registry), "")
    assert foremost(registry) == label


def test_a_name_is_kept_over_retraining_and_in_former_versions(registry, source):
    first, topic = registry.open("topics"), rail(registry)
    rename(registry, "topics", topic, "Железные дороги")
    second = train(registry, source)
    written = {found.id: found.name for found in TopicPipeline.load(second.folder).topics}
    assert written[topic] == "Железные дороги", "the next version contains the name"
    rename(registry, second.label, topic, "Поезда")
    assert dict(registry.open(first.label).names) == {topic: "Поезда"}
    rename(registry, first.label, topic, "Рельсы")
    assert foremost(registry) == "Рельсы"


def test_a_version_is_reproduced_with_its_former_names(registry, source):
    topic = rail(registry)
    rename(registry, "topics", topic, "Железные дороги")
    second = train(registry, source)
    rename(registry, "topics", topic, "Поезда")
    assert reproduce(registry, registry.open(second.label).manifest, Corpus(source)).is_same


# Names in a bundle


def transfer(registry: Registry, path: Path, elsewhere: Registry) -> dict[int, str]:
    """Export the latest version, import it elsewhere, and return the names there."""
    path.unlink(missing_ok=True)
    bundles.pack(registry.open("topics@latest"), path)
    found = bundles.unpack(path, elsewhere)
    assert not (found.folder / "names.json").exists()
    assert dict(registry.open(found.label).manifest.files) == dict(found.manifest.files)
    return dict(elsewhere.open(found.label).names)


@pytest.mark.parametrize("suffix", [".tar", ".zip"])
def test_a_bundle_contains_the_current_names(registry, tmp_path, suffix):
    elsewhere, path = Registry(tmp_path / "там"), tmp_path / f"b{suffix}"
    assert transfer(registry, path, elsewhere) == {}
    rename(registry, "topics", 1, "Спорт")
    rename(registry, "topics", 2, "Поезда")
    rename(registry, "topics", 2, "")
    rename(registry, "topics", 3, "Театр")
    assert transfer(registry, path, elsewhere) == {1: "Спорт", 3: "Театр"}
    assert [event.why for event in elsewhere.events("topics") if event.what == NAMED] == [
        f"from {path.name}"
    ] * 2
    assert transfer(registry, path, elsewhere) == {1: "Спорт", 3: "Театр"}
    assert len(elsewhere.events("topics")) == 3, "importing twice adds no events"


def test_training_continues_from_an_imported_version(registry, source, tmp_path):
    bundles.pack(registry.open("topics"), tmp_path / "b.tar")
    elsewhere = Registry(tmp_path / "там")
    imported = bundles.unpack(tmp_path / "b.tar", elsewhere)
    assert train(elsewhere, source).manifest.topics.previous == imported.manifest.version


def test_local_names_override_those_of_a_bundle(registry, tmp_path):
    elsewhere, path = Registry(tmp_path / "там"), tmp_path / "b.tar"
    transfer(registry, path, elsewhere)
    rename(elsewhere, "topics", 1, "Хоккей")
    rename(elsewhere, "topics", 2, "Поезда")
    rename(elsewhere, "topics", 2, "")
    for topic, name in ((1, "Спорт"), (2, "Дороги"), (3, "Театр")):
        rename(registry, "topics", topic, name)
    assert transfer(registry, path, elsewhere) == {1: "Хоккей", 2: "", 3: "Театр"}


def test_a_removed_name_is_removed_on_import(registry, source, tmp_path):
    rename(registry, "topics", rail(registry), "Железные дороги")
    train(registry, source)
    topic = next(t.id for t in open_topics(registry, "topics@latest")[0].topics if t.name)
    rename(registry, "topics@latest", topic, "")
    elsewhere = Registry(tmp_path / "там")
    assert transfer(registry, tmp_path / "b.tar", elsewhere) == {topic: ""}
    assert "железн" in foremost(elsewhere).lower()
    assert foremost(elsewhere) != "Железные дороги"


def test_names_of_topics_of_later_versions_are_not_exported(registry, tmp_path):
    registry.name_topic(registry.open("topics"), 99, "Ещё не родилась")
    assert transfer(registry, tmp_path / "b.tar", Registry(tmp_path / "там")) == {}


HOSTILE_NAMES = [
    (b'{"1": "\\u001b[31m"}', "is not a valid topic name"),
    ('{"1": "\u202eадзеоп"}'.encode(), "is not a valid topic name"),
    (f'{{"1": "{"а" * (MAX_NAME_LENGTH + 1)}"}}'.encode(), "is not a valid topic name"),
    (b'{"1": " a  b"}', "is not a valid topic name"),
    (b'{"99": "a"}', "names topic 99, which it does not have"),
    (b'{"-1": "a"}', "names topic -1, which it does not have"),
    (b'{"1": 7}', "cannot be read"),
    (b'{"../x": "a"}', "cannot be read"),
    (b'["a"]', "cannot be read"),
    (b'{"1":' * 10_000, "cannot be read"),
    (b"\xff", "cannot be read"),
    (b"", "cannot be read"),
    (b"{" + b" " * 1_000_000 + b"}", "has 1,000,002 bytes"),
]


@pytest.mark.parametrize(("content", "why"), HOSTILE_NAMES, ids=[why for _, why in HOSTILE_NAMES])
def test_a_bundle_with_invalid_names_is_refused(topics: Topics, registry, tmp_path, content, why):
    found = registry.open("topics")
    path = tar_of(tmp_path / "b.tar", entries_of(found) | entries_of(found, content))
    ran = topics("import", path, "--models", tmp_path / "там")
    assert (ran.code, ran.out) == (4, ""), ran
    [line] = ran.err.splitlines()
    assert why in line
    assert not list((tmp_path / "там").glob("*/[!.]*")), "nothing visible"


def test_a_bundle_of_rubrics_with_names_is_refused(topics: Topics, models, tmp_path):
    found = Registry(models).open("rubrics")
    path = tar_of(tmp_path / "b.tar", entries_of(found, b'{"1": "a"}'))
    ran = topics("import", path, "--models", tmp_path / "там")
    assert (ran.code, "names topic 1, which it does not have" in ran.err) == (4, True), ran


# Invalid names


INVALID = [
    (99, "Поезда", "has no topic 99"),
    (1, "а" * (MAX_NAME_LENGTH + 1), "is not a valid name"),
    (1, "а\x1b[31m", "is not a valid name"),
    (1, "\u202eадзеоп", "is not a valid name"),
]


@pytest.mark.parametrize(("topic", "name", "why"), INVALID)
def test_an_invalid_name_changes_nothing(registry, topic, name, why):
    events = registry.events("topics")
    with pytest.raises(UsageError, match=why):
        rename(registry, "topics", topic, name)
    assert registry.events("topics") == events


def test_names_of_topics_are_unique(registry):
    rename(registry, "topics", 1, "Спорт")
    label = open_topics(registry, "topics")[0].topics[2].label
    for taken in ("спорт", label):
        with pytest.raises(UsageError, match=r"is already called .*"):
            rename(registry, "topics", 2, taken)
    rename(registry, "topics", 1, "СПОРТ")
    registry.name_topic(registry.open("topics"), 2, "СПОРТ")
    assert {"СПОРТ (1)", "СПОРТ (2)"} <= set(open_topics(registry, "topics")[0].names)


def test_the_second_of_two_equal_concurrent_names_is_refused(registry, monkeypatch):
    opened = open_topics(registry, "topics")
    rename(registry, "topics", 1, "Спорт")
    rename(registry, "topics", 2, "Погода")
    monkeypatch.setattr(naming, "open_topics", lambda registry, reference: opened)
    with pytest.raises(UsageError, match="topic 1 is already called 'Спорт'; choose another name"):
        rename(registry, "topics", 3, "спорт")
    rename(registry, "topics", 3, opened[0].topics[2].label)
    assert foremost(registry)


def test_only_topics_can_be_named(models):
    with pytest.raises(UsageError, match="is a version of rubrics"):
        rename(Registry(models), "rubrics", 1, "Экономика")
    with pytest.raises(ModelError, match="no version of 'topics'"):
        rename(Registry(models), "topics", 1, "Экономика")


def named(version: str, topic: int, name: str) -> Event:
    return Event(NAMED, version, topic=topic, name=name)


def published(version: str, previous: str = "") -> Event:
    return Event(PUBLISHED, version, metrics={"topics": 3, "previous": previous})


LINEAGE = [published("a"), published("b", "a"), published("c", "b")]
NAMES = [
    # events, version, names
    ([*LINEAGE, named("b", 1, "Суд")], "a", {1: "Суд"}),
    ([*LINEAGE, named("b", 1, "Суд")], "c", {1: "Суд"}),
    (
        [*LINEAGE, named("b", 1, "Суд"), named("c", 1, "Суды"), named("a", 2, "Лёд")],
        "a",
        {1: "Суды", 2: "Лёд"},
    ),
    ([*LINEAGE, named("b", 1, "Суд"), named("b", 1, "")], "c", {1: ""}),
    ([*LINEAGE, published("d", "a"), named("c", 1, "Суд")], "d", {}),
    ([*LINEAGE, published("d", "a"), named("c", 1, "Суд")], "a", {1: "Суд"}),
    ([published("a"), published("b"), named("a", 1, "Суд")], "b", {}),
    ([named("a", 1, "Суд")], "a", {1: "Суд"}),
    ([published("a", "b"), published("b", "a"), named("a", 1, "Суд")], "b", {1: "Суд"}),
    ([Event(PUBLISHED, "b", metrics={"previous": ["a"]}), named("a", 1, "Суд")], "b", {}),
]


@pytest.mark.parametrize(("events", "version", "names"), NAMES)
def test_a_name_holds_within_its_lineage(events, version, names):
    assert history.names(events, version) == names


def test_names_follow_the_given_parent():
    assert history.names([named("a", 1, "Суд")], "b", "a") == {1: "Суд"}


def test_a_job_keeps_the_names_it_started_with(registry):
    topic = rail(registry)
    rename(registry, "topics", topic, "Железные дороги")
    stored = TaggerRef.of(Tagger.load(registry.folder), registry.folder)
    rename(registry, "topics", topic, "Поезда")
    assert stored.load().tag(RAIL).topics[0].label == "Железные дороги"
    assert stored.topics == registry.open("topics").label


def test_a_job_with_changed_names_is_not_resumed(topics: Topics, registry, source, tmp_path):
    command = "predict", source, "--models", registry.folder, "-o", tmp_path / "части", "--workers", 1
    assert topics(*command).code == 0
    rename(registry, "topics", rail(registry), "Железные дороги")
    ran = topics(*command)
    assert (ran.code, "topics were renamed" in ran.err) == (2, True), ran.err
    rename(registry, "topics", rail(registry), "")
    assert topics(*command).code == 0, "with the former names"


def test_a_damaged_history_is_an_error(registry):
    path = registry.folder / "topics" / history.FILE
    path.write_bytes(path.read_bytes() + b'{"what":"named","version":"x","topic":"7"}\n')
    with pytest.raises(ModelError, match=r"history\.jsonl:2: cannot be read"):
        Tagger.load(registry.folder)
