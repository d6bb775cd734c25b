"""The life cycle of versions: promotion, rollback, history, pruning, bundles, crashes."""

from __future__ import annotations

import errno
import io
import json
import multiprocessing
import os
import random
import re
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from newsroom import python, write
from topics import storage
from topics.commands import history as history_command
from topics.config import Config, convert
from topics.corpus import Corpus, embedded
from topics.errors import DataError, ModelError, ModelWarning, UsageError
from topics.lifecycle import bundles
from topics.quality import topic_comparison
from topics.quality.topic_comparison import compare_topics
from topics.tagger import Tagger
from topics.training.job import TrainingJob
from topics.training.reproduction import DOCUMENTS, reproduce
from topics.versions import drafts, history, integrity
from topics.versions.history import Event, History, during, previous, spans
from topics.versions.manifest import CorpusFacts, Likely, Manifest, Metrics
from topics.versions.registry import Registry, Version

FACTS = CorpusFacts(("лента.jsonl",), "0" * 64, articles=3, labelled=2, clean=1, rejects=0)
FIGURES = Metrics("hold-out", 3, (), 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 3, Likely(0, 0.0, 0.0))


def publish(registry: Registry, created: str = "2026-03-04T10:15:00+00:00", seed: int = 0) -> str:
    """Publish a version of two small files; return its name."""

    def fill(folder: Path) -> None:
        (folder / "слова.txt").write_text(f"завод\n{seed}\n", encoding="utf-8")
        (folder / "weights.npy").write_bytes(bytes(range(200)))

    manifest = Manifest("rubrics", "", created, ("туризм",), {}, {"seed": seed}, FACTS, FIGURES, {})
    return registry.publish(manifest, fill).folder.name


def day(n: int) -> str:
    return f"2026-03-{n:02}T10:00:00+00:00"


def production(registry: Registry) -> str | None:
    return registry.aliases("rubrics").get("production")


def promote(registry: Registry, version: str) -> None:
    registry.promote("rubrics", version, "проверено", expected=production(registry))


# Rollback


def test_rollback_steps_back_and_promotion_continues_from_there(registry):
    a, b, c, d = (publish(registry, day(n)) for n in (1, 2, 3, 4))
    for version in (a, b, c):
        promote(registry, version)
    assert registry.rollback("rubrics", "хуже").version == b
    assert registry.rollback("rubrics").version == a
    promote(registry, d)
    assert registry.rollback("rubrics").version == a
    with pytest.raises(ModelError, match=rf"has no previous version; promote one of '{a}', '{b}'"):
        registry.rollback("rubrics")
    assert production(registry) == a


def test_rollback_refuses_a_damaged_version(registry):
    a, b = (publish(registry, day(n)) for n in (1, 2))
    for version in (a, b):
        promote(registry, version)
    damaged = next(path for path in (registry.folder / "rubrics" / a).iterdir() if path.suffix == ".npy")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError):
        registry.rollback("rubrics")
    assert production(registry) == b


def test_rollback_skips_removed_versions(registry):
    a, b, c = (publish(registry, day(n)) for n in (1, 2, 3))
    for version in (a, b, c):
        promote(registry, version)
    shutil.rmtree(registry.folder / "rubrics" / b)
    assert registry.rollback("rubrics").version == a


def test_rollback_without_a_promotion_is_an_error(registry):
    publish(registry)
    with pytest.raises(ModelError, match="rubrics@production has no previous version"):
        registry.rollback("rubrics")
    with pytest.raises(ModelError, match="no model 'туры'; models: 'rubrics'"):
        registry.rollback("туры")


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ("", None),
        ("+a", None),
        ("+a +b", "a"),
        ("+a +a +b", "a"),
        ("+a +b -a", None),
        ("+a +b +c -b", "a"),
        ("+a +b +c -b -a", None),
        ("+a +b -a +c", "a"),
        ("+a +b +a", "b"),
        ("+a +gone +b", "a"),
        ("+a +gone +a", None),
        ("+a +gone +a +c -a", None),
        ("+b +a +gone +a +c -a", "b"),
    ],
)
def test_the_target_of_a_rollback(moves, expected):
    kinds = {"+": history.PROMOTED, "-": history.ROLLED_BACK}
    events = [Event(kinds[move[0]], move[1:], "production") for move in moves.split()]
    assert previous(events, "production", ["a", "b", "c"]) == expected


def test_pruning_keeps_the_target_of_a_rollback(registry):
    a, b, c = (publish(registry, day(n)) for n in (1, 2, 3))
    for version in (a, b, a, c):
        promote(registry, version)
    registry.rollback("rubrics")
    registry.prune("rubrics", keep=1, days=0, remove=True)
    assert registry.versions("rubrics") == [a, b, c], "a rollback would return to b"
    shutil.rmtree(registry.folder / "rubrics" / b)
    with pytest.raises(ModelError, match="has no previous version"):
        registry.rollback("rubrics")
    assert production(registry) == a


# History


def test_a_clock_set_back_does_not_change_the_order(registry):
    first, second = publish(registry, day(4)), publish(registry, day(1))
    assert second.startswith("20260304T100001Z-")
    assert registry.versions("rubrics") == [first, second], "sorted by name"
    assert registry.manifest("rubrics", second).created == day(1)
    ahead = Event("promoted", first, "production", when=moment("2999-01-01T00:00"))
    path = registry.folder / "rubrics" / history.FILE
    path.write_bytes(path.read_bytes() + msgspec.json.encode(ahead) + b"\n")
    promote(registry, second)
    assert [event.when for event in registry.events("rubrics")][2:] == [ahead.when] * 2


def test_publishing_works_after_a_version_of_the_year_9999(registry):
    last = publish(registry, "9999-12-31T23:59:59+00:00")
    first = publish(registry, day(1))
    assert registry.versions("rubrics") == [first, last]


def test_an_event_cut_off_by_a_full_disk_is_removed(registry, monkeypatch):
    version = publish(registry)
    before = registry.events("rubrics")

    class Full(io.FileIO):
        def write(self, content):
            if len(content) < 100:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content[:60])

    def full(path: Path, mode: str, buffering: int = -1) -> io.FileIO:
        assert buffering == 0 or "r" in mode, "closing a buffered file would write again"
        return Full(path, mode)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(OSError, match="No space left on device"):
            History(registry.folder / "rubrics").append(Event("promoted", version, "production"))
    assert registry.events("rubrics") == before
    assert (registry.folder / "rubrics" / history.FILE).read_bytes().endswith(b"}\n")


def test_brief_events_give_the_same_aliases_names_and_lineage(registry):
    home = registry.folder / "topics"
    home.mkdir(parents=True)
    for event in (
        Event("published", "a", "latest", metrics={"previous": "", "topics": 4}, seal="0" * 64),
        Event("published", "b", "latest", "a", metrics={"previous": "a", "overall": {"coherence": 0.1}}),
        Event("named", "a", topic=7, name="Снег"),
        Event("promoted", "b", "production", metrics={"before": "x"}),
    ):
        History(home).append(event)
    whole, brief = History(home).events(), History(home).brief()
    for tell in (
        history.aliases,
        history.seals,
        history.parents_of,
        lambda events: history.names(events, "b"),
    ):
        assert tell(whole) == tell(brief)
    assert history.names(brief, "b") == {7: "Снег"}
    assert "overall" not in brief[1].metrics


def test_opening_reads_the_history_once(registry, monkeypatch):
    publish(registry)
    reads = []
    read = History._whole_lines
    monkeypatch.setattr(History, "_whole_lines", lambda self: reads.append(self) or read(self))
    registry.open("rubrics")
    assert len(reads) == 1


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_spans_of_aliases_over_time():
    events = [
        Event("published", "a", "latest", when=moment("2026-03-01T09:00")),
        Event("promoted", "a", "production", when=moment("2026-03-02T09:00")),
        Event("published", "b", "latest", when=moment("2026-03-02T23:00")),
        Event("promoted", "b", "production", "a", when=moment("2026-03-03T12:00")),
        Event("pruned", "a", when=moment("2026-03-05T12:00")),
    ]

    def on(start: str, hours: float = 24) -> set[str]:
        found = during(spans(events), moment(start), moment(start) + timedelta(hours=hours))
        return {f"{span.alias} {span.version}" for span in found}

    assert on("2026-02-28") == set()
    assert on("2026-03-01") == {"latest a"}
    assert on("2026-03-03") == {"production a", "production b", "latest b"}
    assert on("2026-03-03T11:59", hours=0.001) == {"production a", "latest b"}
    assert on("2026-03-03T12:00", hours=0.001) == {"production b", "latest b"}
    assert on("2026-04-01") == {"production b", "latest b"}


def test_history_shows_who_promoted_what_and_why(topics, registry):
    a, b = publish(registry, day(1)), publish(registry, day(2))
    promote(registry, a)
    promote(registry, b)
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    ran = topics("history", "rubrics", "--at", today, "--models", registry.folder)
    assert ran.code == 0
    assert f"rubrics/{a} was @production, used by `topics predict`" in ran.out
    assert "promoted by" in ran.out
    assert "проверено" in ran.out
    lines = topics("history", "--json", "--models", registry.folder).out.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["what"] for event in events] == ["published", "published", "promoted", "promoted"]
    assert all(event["who"] and event["when"].endswith("Z") for event in events)
    assert events[0]["metrics"]["macro_f1"] == 0.5
    before = topics("history", "rubrics", "--at", "2020-03-03", "--models", registry.folder)
    assert before.out == "rubrics had no version yet at 2020-03-03\n"
    wrong = topics("history", "--at", "третьего дня", "--models", registry.folder)
    assert (wrong.code, wrong.err) == (
        2,
        "topics: 'третьего дня' is not a date; write 2026-03-03 or 2026-03-03T10:15\n",
    )


SPRING, AUTUMN = "2026-03-29", "2026-10-25"
"""Days of clock changes in Berlin."""


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (SPRING, ("2026-03-28T23:00", "2026-03-29T22:00")),
        (AUTUMN, ("2026-10-24T22:00", "2026-10-25T23:00")),
        (f"{AUTUMN}T02:30", ("2026-10-25T00:30", "2026-10-25T01:30")),
        (f"{AUTUMN}T02:30+01:00", ("2026-10-25T01:30", "2026-10-25T01:30")),
        (f"{AUTUMN}T03:30", ("2026-10-25T02:30", "2026-10-25T02:30")),
        (f"{SPRING}T02:30", "does not exist: the clocks went forward; write 01:30 or 03:30"),
    ],
)
def test_times_on_days_of_clock_changes(monkeypatch, at, found):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        if isinstance(found, str):
            with pytest.raises(UsageError, match=found):
                history_command._time(at)
        else:
            start, end = history_command._time(at)
            assert start == moment(found[0])
            assert timedelta() <= end - moment(found[1]) <= timedelta(microseconds=1)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_history_of_an_unknown_model_is_an_error(topics, registry):
    publish(registry, day(1))
    for options in ([], ["--json"], ["--at", "2026-03-03"]):
        ran = topics("history", "рубрики", *options, "--models", registry.folder)
        assert (ran.code, ran.out) == (4, "")
        assert "no history of 'рубрики'" in ran.err


@pytest.mark.parametrize("alias", ["", "a b", "a/b", "@", ".скрыто", "х" * 101])
def test_an_invalid_alias_is_refused(topics, registry, alias):
    version = publish(registry, day(1))
    ran = topics("promote", f"rubrics/{version}", "--alias", alias, "--models", registry.folder)
    assert ran.code == 2, ran
    assert ran.err == (
        f"topics: {alias!r} is not a valid alias name: letters, digits, '-', '_' and, not first, '.'\n"
    )
    assert registry.aliases("rubrics") == {"latest": version}


def test_history_at_a_time_shows_the_version_in_use_and_its_metrics(topics, registry):
    a, b, c = (publish(registry, day(n)) for n in (1, 2, 3))
    promote(registry, a)
    gap = {"value": -0.5, "low": -0.6, "high": -0.4}
    fell = {"before": 0.9, "after": 0.4, "difference": gap, "verdict": "worse"}
    metrics = {
        "rubrics": [{"rubric": "tourism", "f1": fell}],
        "overall": {"micro-F1": fell | {"verdict": ""}},
    }
    registry.promote("rubrics", b, "новая рубрика", expected=a, metrics=metrics, forced=True)
    registry.rollback("rubrics", "туризм везде")
    models = "--models", registry.folder
    lines = topics("history", "rubrics", "--at", "2999-01-01", *models).out.splitlines()
    assert lines[0] == f"rubrics/{a} was @production, used by `topics predict`"
    assert lines[2].strip().endswith(": туризм везде")
    assert lines[3] == "  macro-F1 0.500, exact match 0.500 (in training)", (
        "for a rollback the metrics of the training"
    )
    assert lines[4] == f"rubrics/{c} was @latest", "not used by predict"
    table = topics("history", "rubrics", *models).out
    assert "tourism 0.900 -> 0.400" in table
    assert "micro-F1" not in table, "only significant differences are shown"


def test_until_a_promotion_the_latest_version_is_used(topics, registry):
    events = [
        Event("published", "a", "latest", when=moment("2026-03-01T09:00")),
        Event("published", "b", "latest", "a", when=moment("2026-03-03T09:00")),
        Event("promoted", "a", "production", when=moment("2026-03-03T12:00")),
        Event("published", "c", "latest", "b", when=moment("2026-03-04T12:00")),
    ]
    home = registry.folder / "rubrics"
    home.mkdir(parents=True)
    (home / history.FILE).write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))

    def tagging(at: str) -> list[str]:
        ran = topics("history", "rubrics", "--at", at, "--models", registry.folder)
        return [line for line in ran.out.splitlines() if "predict" in line]

    took = "used by `topics predict`"
    assert tagging("2026-03-02T12:00") == [f"rubrics/a was @latest, {took}"]
    [a, b, production] = tagging("2026-03-03")
    assert a == f"rubrics/a was @latest, {took}"
    assert b.startswith(f"rubrics/b was @latest, {took} until 2026-03-03 ")
    assert production == f"rubrics/a was @production, {took}"
    assert tagging("2026-03-05") == [f"rubrics/a was @production, {took}"]
    assert tagging("03.03.2026") == tagging("2026-03-03")
    for end in ("9999-12-31", "0001-01-01"):
        ran = topics("history", "rubrics", "--at", end, "--models", registry.folder)
        assert (ran.code, len(ran.err.splitlines())) in ((2, 1), (0, 0)), ran.err


def test_the_history_keeps_pruned_versions(registry):
    a, b = publish(registry, day(1)), publish(registry, day(2))
    registry.prune("rubrics", keep=1, days=0, remove=True)
    assert registry.versions("rubrics") == [b]
    assert [(event.what, event.version) for event in registry.events("rubrics")][-1] == ("pruned", a)
    assert registry.events("rubrics")[0].metrics["macro_f1"] == 0.5


# Pruning


def test_pruning_keeps_aliases_rollback_targets_and_recent_versions(registry):
    old = [publish(registry, day(n)) for n in range(1, 8)]
    young = publish(registry, datetime.now(UTC).isoformat(timespec="seconds"))
    for version in (old[0], old[2], old[4]):
        promote(registry, version)
    (registry.folder / "rubrics" / "запасная").mkdir()
    shutil.copytree(registry.folder / "rubrics" / old[0], registry.folder / "rubrics" / "копия")
    shown = registry.prune("rubrics", keep=2, days=30)
    assert (
        shown.kept
        == {
            old[2]: "previous @production",
            old[4]: "@production",
            young: "@latest",
            "копия": "among the last 2",
        }
        | {}
    )
    assert shown.removed == [old[0], old[1], old[3], old[5], old[6]]
    assert len(registry.versions("rubrics")) == 9, "without `remove` nothing is removed"
    assert registry.prune("rubrics", keep=2, days=30, remove=True) == shown
    assert set(registry.versions("rubrics")) == set(shown.kept)
    assert registry.rollback("rubrics").version == old[2]


def test_prune_removes_only_with_yes(topics, registry):
    a, b = publish(registry, day(1)), publish(registry, day(2))
    options = "--keep", "1", "--days", "0", "--models", registry.folder
    said = topics("prune", "rubrics", *options)
    assert said.out.splitlines() == [f"keep    rubrics/{b}  @latest", f"remove  rubrics/{a}"]
    assert said.err == "Nothing was removed; add --yes to remove.\n"
    assert registry.versions("rubrics") == [a, b]
    assert topics("prune", "rubrics", *options, "--yes").out.splitlines()[1] == f"removed  rubrics/{a}"
    assert registry.versions("rubrics") == [b]


def test_pruning_removes_only_abandoned_drafts(registry):
    publish(registry)
    home = registry.folder / "rubrics"
    dead = home / ".draft-умер"
    dead.mkdir()
    (dead / "weights.npy").touch()
    found = []

    def write(folder: Path) -> None:
        (folder / "слова.txt").write_text("завод\n", encoding="utf-8")
        found.append(Registry(registry.folder).prune("rubrics", remove=True).orphans)

    manifest = Manifest("rubrics", "", day(9), (), {}, {}, FACTS, FIGURES, {})
    registry.publish(manifest, write)
    assert found == [[".draft-умер"]]
    assert not dead.exists()
    assert len(registry.versions("rubrics")) == 2


def test_pruning_resumes_after_a_kill_and_a_new_import(registry, tmp_path, monkeypatch):
    a, b = publish(registry, day(1)), publish(registry, day(2))
    bundles.pack(registry.open(f"rubrics/{a}"), tmp_path / "a.tar")
    everything = {"keep": 1, "days": 0, "remove": True}

    def killed(folder: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(drafts, "remove", killed)
        with pytest.raises(Killed):
            registry.prune("rubrics", **everything)
    bundles.unpack(tmp_path / "a.tar", registry)
    assert registry.prune("rubrics", **everything).removed == [a]
    assert registry.versions("rubrics") == [b]
    assert not list((registry.folder / "rubrics").glob(".pruned-*"))


def test_an_interrupted_pruning_is_recorded_once(registry, monkeypatch):
    a, b = publish(registry, day(1)), publish(registry, day(2))

    def killed(folder: Path) -> list[Path]:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(drafts, "hide", killed)
        for _ in range(2):
            with pytest.raises(Killed):
                registry.prune("rubrics", keep=1, days=0, remove=True)
    registry.prune("rubrics", keep=1, days=0, remove=True)
    assert registry.versions("rubrics") == [b]
    assert [event.version for event in registry.events("rubrics") if event.what == "pruned"] == [a]


def test_waiting_for_a_lock_warns_and_times_out(registry, monkeypatch):
    a, _ = publish(registry, day(1)), publish(registry, day(2))
    monkeypatch.setattr(drafts, "WARN_AFTER", 0.0)
    monkeypatch.setattr(drafts, "GIVE_UP_AFTER", 0.0)
    with drafts.lock(registry.folder / "rubrics"):
        with (
            pytest.warns(ModelWarning, match=r"waiting for .*models/rubrics/\.lock, held by another process"),
            pytest.raises(ModelError, match=r"\.lock: held by another process for too long; stop it"),
        ):
            promote(registry, a)
        assert registry.prune("rubrics", keep=1, days=0).removed == [a], "listing needs no lock"
    promote(registry, a)
    assert production(registry) == a


# Crashes


CALLS = [(os, name) for name in ("open", "mkdir", "chmod", "fsync", "rename", "replace", "unlink", "rmdir")]


class Killed(BaseException):
    """The process was killed."""


def crash_everywhere(tmp_path: Path, prepare, act, check) -> int:
    """Run `act` repeatedly, killed at the first system call, the second, …; check the registry each time."""
    due = 0
    while True:
        due += 1
        registry = Registry(tmp_path / str(due))
        prepare(registry)
        count = 0

        def watched(call, due=due):
            def passing(*args, **kwargs):
                nonlocal count
                count += 1
                if count >= due:
                    raise Killed
                return call(*args, **kwargs)

            return passing

        with pytest.MonkeyPatch.context() as patch:
            for place, name in [*CALLS, (io, "open")]:
                patch.setattr(place, name, watched(getattr(place, name)))
            try:
                act(registry)
                done = True
            except Killed:
                done = False
        check(Registry(registry.folder))
        if done:
            return due


def three_versions(registry: Registry) -> None:
    for n in (1, 2, 3):
        publish(registry, day(n))
    promote(registry, registry.versions("rubrics")[0])
    promote(registry, registry.versions("rubrics")[1])


def check_registry(registry: Registry) -> None:
    """Check that every visible version is intact, every alias valid, and the registry writable."""
    versions = registry.versions("rubrics")
    for version in versions:
        registry.open(f"rubrics/{version}")
    aliases = registry.aliases("rubrics")
    assert set(aliases.values()) <= set(versions)
    assert {"latest", "production"} <= aliases.keys()
    registry.prune("rubrics", remove=True)
    assert not list((registry.folder / "rubrics").glob(".draft-*"))
    assert not list((registry.folder / "rubrics").glob(".pruned-*"))
    assert production(registry) == aliases["production"]
    last = publish(registry, day(20))
    assert registry.open("rubrics@latest").folder.name == last


def promote_third(registry: Registry) -> None:
    promote(registry, registry.versions("rubrics")[2])


def test_promotion_is_atomic_at_every_system_call(tmp_path):
    assert crash_everywhere(tmp_path, three_versions, promote_third, check_registry) > 3


def test_rollback_is_atomic_at_every_system_call(tmp_path):
    act = lambda registry: registry.rollback("rubrics")  # noqa: E731
    assert crash_everywhere(tmp_path, three_versions, act, check_registry) > 3


def test_pruning_is_safe_at_every_system_call(tmp_path):
    act = lambda registry: registry.prune("rubrics", keep=1, days=0, remove=True)  # noqa: E731

    def prepare(registry: Registry) -> None:
        three_versions(registry)
        publish(registry, day(4))
        publish(registry, day(5))

    assert crash_everywhere(tmp_path, prepare, act, check_registry) > 8


def test_importing_is_atomic_at_every_system_call(tmp_path):
    other = Registry(tmp_path / "other")
    bundle = tmp_path / "whole.tar"
    bundles.pack(other.open(f"rubrics/{publish(other, day(9))}"), bundle)
    act = lambda registry: bundles.unpack(bundle, registry)  # noqa: E731
    assert crash_everywhere(tmp_path, three_versions, act, check_registry) > 10


def work(folder: Path, seed: int, steps: int) -> None:
    """Publish, promote, roll back and prune at random, as one of several processes."""
    rng, registry = random.Random(seed), Registry(folder)
    for step in range(steps):
        action = rng.choice(["publish", "publish", "promote", "rollback", "prune", "open"])
        try:
            if action == "publish":
                publish(registry, seed=seed * 1000 + step)
            elif action == "promote":
                promote(registry, rng.choice(registry.versions("rubrics")))
            elif action == "rollback":
                registry.rollback("rubrics")
            elif action == "prune":
                registry.prune("rubrics", keep=3, days=0, remove=True)
            else:
                registry.open("rubrics")
        except ModelError as error:
            expected = ("moved meanwhile", "no previous version", "has no version")
            if not any(part in str(error) for part in expected):
                raise


def test_eight_concurrent_processes_keep_the_registry_valid(registry):
    three_versions(registry)
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    workers = [context.Process(target=work, args=(registry.folder, seed, 12)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    events = registry.events("rubrics")
    brought = {event.version for event in events if event.what == "published"}
    pruned = {event.version for event in events if event.what == "pruned"}
    assert set(registry.versions("rubrics")) == brought - pruned, "none is lost, none has returned"
    check_registry(registry)


def test_randomly_killed_processes_keep_the_registry_valid(registry):
    three_versions(registry)
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    rng = random.Random(1)
    for seed in range(8):
        worker = context.Process(target=work, args=(registry.folder, seed, 1000))
        worker.start()
        worker.join(rng.uniform(0.02, 0.2))
        worker.kill()
        worker.join()
    check_registry(registry)


# Bundles


@pytest.mark.parametrize("suffix", [".tar", ".zip"])
def test_a_bundle_contains_the_version_without_aliases(registry, tmp_path, suffix):
    version = registry.open(f"rubrics/{publish(registry)}")
    bundles.pack(version, tmp_path / f"a{suffix}")
    bundles.pack(version, tmp_path / f"b{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    elsewhere = Registry(tmp_path / "там")
    found = bundles.unpack(tmp_path / f"a{suffix}", elsewhere)
    assert found.label == version.label
    assert found.manifest == version.manifest
    assert {path.name: path.read_bytes() for path in found.folder.iterdir()} == {
        path.name: path.read_bytes() for path in version.folder.iterdir()
    }
    assert elsewhere.aliases("rubrics") == {}
    assert elsewhere.open("rubrics").label == version.label, "the only version"
    assert bundles.unpack(tmp_path / f"a{suffix}", elsewhere).label == version.label, (
        "importing twice is no error"
    )
    assert [event.what for event in elsewhere.events("rubrics")] == ["imported"]


def test_an_export_removes_its_own_abandoned_draft(registry, tmp_path):
    left, others = storage.draft_of(tmp_path / "a.tar"), storage.draft_of(tmp_path / "b.tar")
    left.write_bytes(b"half")
    others.write_bytes(b"of somebody at work")
    bundles.pack(registry.open(f"rubrics/{publish(registry)}"), tmp_path / "a.tar")
    assert not left.exists()
    assert others.exists()


def test_a_different_version_of_the_same_name_is_kept(registry, tmp_path):
    version = registry.open(f"rubrics/{publish(registry)}")
    bundles.pack(version, tmp_path / "a.tar")
    elsewhere = Registry(tmp_path / "там")
    other = bundles.unpack(tmp_path / "a.tar", elsewhere).folder / integrity.MANIFEST
    other.write_text(other.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    (elsewhere.folder / "rubrics" / history.FILE).unlink()  # without its seal
    with pytest.raises(ModelError, match="already exists and differs; remove it or import elsewhere"):
        bundles.unpack(tmp_path / "a.tar", elsewhere)


def without_manifest(folder: Path) -> None:
    (folder / integrity.MANIFEST).unlink()


def one_bit(folder: Path) -> None:
    content = (folder / "weights.npy").read_bytes()
    (folder / "weights.npy").write_bytes(content[:-1] + b"?")


def one_line(folder: Path) -> None:
    with (folder / integrity.MANIFEST).open("a") as stream:
        stream.write("\n")


def without_files(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize("damage", [one_bit, one_line, without_manifest, without_files, shutil.rmtree])
def test_an_import_replaces_a_damaged_version(registry, tmp_path, damage):
    version = registry.open(f"rubrics/{publish(registry)}")
    promote(registry, version.folder.name)
    bundles.pack(version, tmp_path / "a.tar")
    damage(version.folder)
    if damage is shutil.rmtree:
        bundles.unpack(tmp_path / "a.tar", registry)
    else:
        with pytest.warns(
            ModelWarning, match=r"rubrics/2026.*: was imported from a\.tar, replacing one that was"
        ):
            bundles.unpack(tmp_path / "a.tar", registry)
        assert registry.events("rubrics")[-1].why.startswith("from a.tar, replacing one that was ")
    assert registry.open("rubrics") == version, "still in production"
    assert not list((registry.folder / "rubrics").glob(".pruned-*"))


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.tgz", "a bundle is a .tar or a .zip file"), ("нет.tar", "is not a file; name one that")],
)
def test_a_file_that_is_not_a_bundle_is_an_error(registry, tmp_path, name, message):
    with pytest.raises(UsageError, match=message):
        bundles.unpack(tmp_path / name, registry)


def test_export_and_import_commands(topics, models, tmp_path):
    out = topics("export", "rubrics", tmp_path / "r.zip", "--models", models).out
    digest, _, path = out.strip().partition("  ")
    assert path == str(tmp_path / "r.zip")
    there = "--models", tmp_path / "там"
    wrong = topics("import", path, "--sha256", "0" * 64, *there)
    assert wrong.code == 4
    assert f"has SHA-256 {digest}, not {'0' * 64}; fetch it again" in wrong.err
    assert topics("import", path, "--sha256", digest, *there).out.strip() == Tagger.load(models).version.label
    again = topics("export", "rubrics", tmp_path / "r.zip", "--models", models)
    assert (again.code, again.err) == (
        2,
        f"topics: {tmp_path / 'r.zip'}: already exists; name another file\n",
    )
    verified = topics("verify", *there)
    assert verified.code == 0
    assert verified.out.split()[1] == integrity.seal(next((tmp_path / "там" / "rubrics").glob("2*")))


# Show and verify


def test_show_prints_corpus_metrics_libraries_and_history(topics, models):
    ran = topics("show", "rubrics", "--models", models)
    assert ran.code == 0
    for text in (
        "@latest",
        "trained on 500 articles",
        "economy",
        "macro-F1",
        "pymorphy3-dicts-ru",
        "published it",
    ):
        assert text in ran.out
    assert json.loads(topics("show", "--json", "--models", models).out)["corpus"]["articles"] == 500


def test_verify_reports_every_damaged_version(topics, own_models):
    home = own_models / "rubrics"
    [name] = [path.name for path in home.glob("2*")]
    shutil.copytree(home / name, home / "20200101T000000Z-000000")
    (home / name / "idf.npy").write_bytes(b"")
    ran = topics("verify", "--models", own_models)
    assert (ran.code, ran.out) == (4, "")
    assert [line.count("topics: ") for line in ran.err.splitlines()] == [1, 1]
    assert "by its manifest; move it back" in ran.err
    assert "idf.npy: is not a file of" in ran.err


# Reproduction


def test_reproduce_gives_the_same_files(registry):
    corpus = Corpus(embedded()[:2])
    version = TrainingJob(corpus, Config(), registry).train_rubrics()
    found = reproduce(registry, version.manifest, corpus)
    assert found.is_same, found.files
    assert set(found.files) == set(version.manifest.files) - DOCUMENTS
    stages: set[str] = set()
    with pytest.raises(DataError, match=r"DATA is not what rubrics/.* was trained on: 100 articles"):
        reproduce(
            registry, version.manifest, Corpus(embedded()[0]), watch=lambda stage, done: stages.add(stage)
        )
    assert stages == {"learning boilerplate", "reading"}, "an error before learning"


def test_topics_are_reproduced_from_their_parent(registry):
    corpus, config = Corpus(embedded()[:2]), convert({"topics": {"settings": {"num_topics": 4}}}, Config, "")
    first, second = (
        TrainingJob(part, config, registry).train_topics() for part in (Corpus(embedded()[0]), corpus)
    )
    assert second.manifest.topics.previous == first.manifest.version
    kept = registry.prune("topics", keep=1, days=0, remove=True).kept
    assert kept[first.manifest.version] == f"continued by {second.manifest.version}"
    assert reproduce(registry, second.manifest, corpus).is_same
    shutil.rmtree(first.folder)
    with pytest.raises(ModelError, match=f"has no version '{first.manifest.version}'"):
        reproduce(registry, second.manifest, corpus)


def test_topics_stay_related_after_pruning_the_versions_between(registry, tmp_path):
    first, *_, last = (train_topics(registry, tmp_path, 0, 200) for _ in range(4))
    registry.promote("topics", first.partition("/")[2], "", expected=None)
    registry.prune("topics", keep=1, days=0, remove=True)
    assert len(registry.versions("topics")) == 3, "production, the latest and its parent"
    found = compare_topics(registry, registry.open(first), registry.open(last), Corpus(embedded()[4]))
    assert (len(found.kept), found.is_related) == (4, True)


def train_topics(registry: Registry, folder: Path, *rows: int, num_topics: int = 4) -> str:
    """Train topics on some of the demonstration articles; return the version's label."""
    lines = [line for file in embedded() for line in file.read_text(encoding="utf-8").splitlines()]
    data = folder / f"{rows}.jsonl"
    data.write_text("\n".join(lines[slice(*rows)]), encoding="utf-8")
    corpus, settings = Corpus(data), {"topics": {"settings": {"num_topics": num_topics}}}
    config = convert(settings, Config, "")
    return TrainingJob(corpus, config, registry).train_topics().label


def test_versions_of_topics_are_verified_exported_and_promoted(registry, tmp_path, topics):
    first, second = (train_topics(registry, tmp_path, 0, 300) for _ in range(2))
    unseen = write(tmp_path / "новое.jsonl", *map(json.loads, embedded()[4].read_text("utf-8").splitlines()))
    models = "--models", registry.folder
    assert topics("verify", *models).out.count("\n") == 2
    assert topics("export", "topics", tmp_path / "t.tar", *models).code == 0
    assert topics("import", tmp_path / "t.tar", "--models", tmp_path / "там").code == 0
    assert topics("promote", first, *models).code == 0
    refused = topics("promote", second, *models)
    told = "give DATA to compare on, or force it with a reason (--force, --reason)" in refused.err
    assert (refused.code, told) == (2, True)
    ran = topics("promote", second, unseen, *models)
    assert (ran.code, "B keeps 4 of 4 topics, 0 are new" in ran.out) == (0, True), ran.err
    assert topics("rollback", "topics", *models).code == 0
    output = topics("history", "topics", "--at", "2999-01-01", *models).out
    assert "topics/" in output
    assert "topics kept 4, gone 0" in topics("history", "topics", *models).out


def test_worse_topics_are_not_promoted(registry, tmp_path, topics):
    production = train_topics(registry, tmp_path, 0, 300)
    registry.promote("topics", production.partition("/")[2], "", expected=None)
    narrow = train_topics(registry, tmp_path, 300, 360, num_topics=2)
    unseen = write(tmp_path / "новое.jsonl", *map(json.loads, embedded()[4].read_text("utf-8").splitlines()))
    arguments = "promote", narrow, unseen, "--models", registry.folder
    ran = topics(*arguments)
    assert (ran.code, "is not promoted" in ran.err) == (4, True), ran.err
    assert re.search(r"keeps [01] of 4 topics", ran.err)
    assert "coherence" in ran.out
    assert "gone: " in ran.out
    assert topics(*arguments, "--force", "--reason", "новая редакция").code == 0
    assert registry.events("topics")[-1].forced


@pytest.mark.parametrize(
    ("difference", "spread", "expected"),
    [
        ((-0.2, 0.0), (0.0, 0.0), ["worse", ""]),
        ((-0.2, 0.3), (0.0, 0.0), ["worse", "better"]),
        ((-1e-16, 0.0), (0.0, 0.0), ["", ""]),
        ((-0.2, -0.2), (0.01, 0.5), ["worse", ""]),
    ],
)
def test_verdicts_of_topic_metrics(difference, spread, expected):
    assert topic_comparison._verdicts(np.array(difference), np.array(spread)) == expected


def test_comparing_topics_needs_topics_and_enough_articles(own_models, tmp_path, topics):
    label = train_topics(Registry(own_models), tmp_path, 0, 120)
    few = write(tmp_path / "мало.jsonl", {"id": "1", "text": "Завод"})
    for versions, code, said in (
        ((label, "rubrics"), 2, "is a version of rubrics, not of topics"),
        (("rubrics", label), 2, "is a version of topics, not of rubrics"),
        ((label, label), 3, "too few articles to compare topics: 1; at least"),
    ):
        ran = topics("compare", *versions, few, "--models", own_models)
        assert (ran.code, said in ran.err) == (code, True), ran.err


def test_reproduce_uses_the_columns_of_training(topics, tmp_path):
    rows = [json.loads(line) for line in embedded()[0].read_text(encoding="utf-8").splitlines()]
    data = tmp_path / "a.jsonl"
    data.write_text(
        "".join(json.dumps({"body": r["text"], "tags": r["rubrics"]}) + "\n" for r in rows), encoding="utf-8"
    )
    models = "--models", tmp_path / "m"
    trained = topics("train", data, "--text-column", "body", "--rubrics-column", "tags", *models)
    assert trained.code == 0
    ran = topics("reproduce", "rubrics", data, *models)
    assert ran.code == 0, ran.err
    assert {line.split()[0] for line in ran.out.splitlines()} == {"same"}


# Other libraries and concurrent pruning


def test_another_dictionary_version_warns_on_load(own_models):
    home = own_models / "rubrics"
    [folder] = home.glob("2*")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["libraries"]["pymorphy3-dicts-ru"] = "1.0"
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    known = {"what": "imported", "version": folder.name, "seal": integrity.seal(folder)}
    (home / "history.jsonl").write_text(json.dumps(known) + "\n")
    with pytest.warns(ModelWarning, match="trained with pymorphy3-dicts-ru 1.0, here .*: some words may be"):
        Registry(own_models).open("rubrics")
    ran = python("-m", "topics", "verify", "--models", str(own_models))
    assert ran.code == 0
    assert ran.err.startswith(f"topics: rubrics/{folder.name}: trained with pymorphy3-dicts-ru 1.0, here ")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("step", ["check", "read_manifest", "check_suffix", "describe", "seal"])
def test_open_takes_the_next_version_if_its_own_is_pruned_meanwhile(registry, monkeypatch, step):
    first, second = publish(registry, day(1)), publish(registry, day(2))
    promote(registry, first)
    real = getattr(integrity, step)

    def pruned_meanwhile(path: Path) -> object:
        monkeypatch.setattr(integrity, step, real)
        found = real(path) if step == "read_manifest" else None
        promote(registry, second)
        shutil.rmtree(registry.folder / "rubrics" / first)
        return found or real(path)

    monkeypatch.setattr(integrity, step, pruned_meanwhile)
    assert registry.open("rubrics").folder.name == second


def test_resolve_takes_the_next_version_if_its_own_is_pruned(registry, monkeypatch):
    first, second = publish(registry, day(1)), publish(registry, day(2))
    promote(registry, first)
    versions = Registry.versions

    def pruned_before(self: Registry, name: str) -> list[str]:
        monkeypatch.undo()
        promote(registry, second)
        shutil.rmtree(registry.folder / "rubrics" / first)
        return versions(self, name)

    monkeypatch.setattr(Registry, "versions", pruned_before)
    assert registry.resolve("rubrics") == ("rubrics", second)


def test_open_with_loads_the_next_version_if_its_own_is_pruned(registry):
    first, second = publish(registry, day(1)), publish(registry, day(2))
    promote(registry, first)

    def load(version: Version) -> bytes:
        if version.folder.name == first:
            promote(registry, second)
            shutil.rmtree(version.folder)
        return (version.folder / "слова.txt").read_bytes()

    assert registry.open_with("rubrics", load) == "завод\n0\n".encode()
    with pytest.raises(ModelError, match=r"нет\.txt: is missing; restore the version from a backup or train"):
        registry.open_with("rubrics", lambda version: (version.folder / "нет.txt").read_bytes())
