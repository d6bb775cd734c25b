"""Drift: no alarm while a stream is unchanged, otherwise an alarm that says what changed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from newsroom import write
from topics.config import Config
from topics.corpus import Corpus, embedded
from topics.drift import comparing, profile
from topics.drift.comparing import Drift, Finding, ShareChange, divergence, drift, mean_correlation
from topics.drift.monitoring import DriftReport, monitor
from topics.drift.profile import Facts, Profile
from topics.drift.readings import LENGTH, OUTLETS, TOPICS, UNKNOWN_WORDS, DriftMeasure, Expected, of_rubrics
from topics.errors import DataError, ModelError
from topics.pipeline import Pipeline
from topics.reports.drift_pages import drift_page
from topics.reports.drift_wording import briefly, name_of, sentences
from topics.rubrics.rules import Judgement
from topics.text.tokens import tokenize
from topics.topic_pipeline import TopicPipeline
from topics.training.job import TrainingJob
from topics.versions.registry import Registry, Version

Rows = list[dict[str, str]]
ROWS: Rows = [
    json.loads(line) for path in embedded() for line in path.read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="session")
def rubric_version(tmp_path_factory) -> Version:
    """A version trained on every other demonstration article; the others are an unchanged stream."""
    folder = tmp_path_factory.mktemp("rubric_version")
    data = write(folder / "половина.jsonl", *ROWS[::2])
    return TrainingJob(Corpus(data), Config(), Registry(folder / "models")).train_rubrics()


def report(version: Version, folder: Path, rows: Rows, **options: object) -> DriftReport:
    return monitor(Corpus(write(folder / "поток.jsonl", *rows)), version, **options)


def alarms(found: DriftReport) -> set[str]:
    return {finding.measure for finding in found.drift.alarms}


@pytest.mark.parametrize(
    ("others", "has_alarm"), [(0, False), (1, False), (3, False), (30, True), (125, True)]
)
def test_a_new_outlet_raises_an_alarm_only_with_many_articles(tmp_path, others, has_alarm):
    """An outlet that none of 250 articles had may have three of the next 250 by chance."""
    known = write(tmp_path / "одно.jsonl", *(row | {"outlet": "Вестник"} for row in ROWS[::2]))
    version = TrainingJob(Corpus(known), Config(), Registry(tmp_path / "models")).train_rubrics()
    rows = [row | {"outlet": "Голос" if n < others else "Вестник"} for n, row in enumerate(ROWS[1::2])]
    assert alarms(report(version, tmp_path, rows)) == ({"outlets"} if has_alarm else set())


@pytest.mark.parametrize("articles", [70, 125])
def test_few_articles_give_no_limits(tmp_path, articles):
    """70 articles make only two runs, and one distance."""
    known = write(tmp_path / "мало.jsonl", *ROWS[:articles])
    version = TrainingJob(Corpus(known), Config(), Registry(tmp_path / "models")).train_rubrics()
    found = report(version, tmp_path, ROWS[200:300]).drift
    assert {finding.limit for finding in found.findings} == {None}
    assert sentences(found) == [
        f"{articles} articles are too few to establish a usual range; at least 200 are needed."
    ]


def test_an_unchanged_stream_raises_no_alarm(rubric_version, tmp_path):
    found = report(rubric_version, tmp_path, ROWS[1::2])
    assert alarms(found) == set()
    assert sentences(found.drift) == ["Everything is within its usual range: 250 articles compared with 250."]
    assert sentences(found.drift, "ru") == ["Всё в обычных пределах. Статей: 250, для сравнения: 250."]


EPIDEMIC = " Коронавирус: карантин, заражённые в больнице, врачи и вакцина, эпидемия и пандемия."
NONSENSE = "Глокая куздра штеко будланула бокра и курдячит бокрёнка, пуськи бятые, сяпали калуши. "

CHANGES: dict[str, tuple[Callable[[Rows], Rows], set[str]]] = {
    "an epidemic": (
        lambda rows: [row | {"text": row["text"] + EPIDEMIC} for row in rows],
        {"length"},
    ),
    "a language that nobody knows": (
        lambda rows: [row | {"text": NONSENSE * (len(row["text"]) // 100 + 1)} for row in rows],
        {"unknown words", "words"},
    ),
    "headlines alone": (lambda rows: [row | {"text": ""} for row in rows], {"length"}),
    "a new outlet": (lambda rows: [row | {"outlet": "Новый канал"} for row in rows], {"outlets"}),
    "tourism alone": (
        lambda rows: [row for row in ROWS if "tourism" in row["rubrics"]],
        {"given: tourism", "scores: tourism"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_raise_their_alarms(rubric_version, tmp_path, change):
    make, expected = CHANGES[change]
    assert expected <= alarms(report(rubric_version, tmp_path, make(ROWS[1::2])))


def test_rising_words_are_reported(rubric_version, tmp_path):
    found = report(rubric_version, tmp_path, CHANGES["an epidemic"][0](ROWS[1::2]))
    assert {"коронавирус", "пандемия", "карантин"} <= {word.word for word in found.drift.rising}
    said = " ".join(sentences(found.drift, "ru"))
    assert "Слов в статье: было 82, стало 89; изменение в 2,7 раза больше обычного предела" in said
    assert re.search(r"Чаще: .*коронавирус \(было в [01],\d\u00a0% статей, стало в 9\d,\d\u00a0%\)", said)
    assert "Words per article: 82 before, 89 now" in " ".join(sentences(found.drift))


def test_a_vanished_rubric_raises_an_alarm(rubric_version, tmp_path):
    found = report(rubric_version, tmp_path, [row for row in ROWS if "tourism" not in row["rubrics"]])
    assert "scores: tourism" in alarms(found)
    finding = next(one for one in found.drift.findings if one.measure == "given: tourism")
    assert finding.now < finding.least <= finding.before <= finding.most
    assert name_of("given: tourism", "ru") == "статьи с рубрикой «tourism»"


def test_rubrics_with_the_largest_loss_of_precision_are_listed():
    names = [f"рубрика {r}" for r in range(12)]
    before = tuple(Expected(name, 100, 0.9, 0.9) for name in names)
    now = tuple(Expected(name, 100, 0.8 - r / 100, 0.9) for r, name in enumerate(names))
    alarm = Finding(UNKNOWN_WORDS, 0.2, 0.1, True)
    lines = sentences(Drift(500, 500, (alarm,), (), (), now, before))[1:]
    assert len(lines) == 10
    assert lines[0] == "“рубрика 11”: expected precision 0.69, before 0.90."
    few = sentences(Drift(500, 500, (alarm,), (), (), now[:3], before))[1:]
    assert [one.split(":")[0] for one in few] == ["“рубрика 0”", "“рубрика 1”", "“рубрика 2”"]


def test_the_worst_alarms_are_listed_and_the_others_counted():
    alarms = tuple(Finding(f"given: рубрика {r}", 0.9 - r / 100, 0.1, True) for r in range(25))
    lines = sentences(Drift(500, 500, alarms, (), (), (), ()), "ru")
    assert len(lines) == 21
    assert lines[0] == "Статьи с рубрикой «рубрика 0»: изменение в 9,0 раза больше обычного предела."
    assert lines[-1] == "Ещё показателей вне обычных пределов: 5."
    assert len(sentences(Drift(500, 500, alarms[:20], (), (), (), ()))) == 20


def test_expected_precision_is_the_mean_probability_of_assignments(rubric_version, tmp_path):
    rows = ROWS[1::2]
    found = report(rubric_version, tmp_path, rows)
    pipeline = Pipeline.load(rubric_version.folder)
    judgement = pipeline.judge(pipeline.read(next(Corpus(tmp_path / "поток.jsonl").batches()).articles))
    for r, one in enumerate(found.drift.expected):
        given_, scores = judgement.given[:, r], judgement.probabilities[:, r]
        assert one.given == given_.sum()
        assert one.precision == pytest.approx(scores[given_].mean())
        assert one.recall == pytest.approx(scores[given_].sum() / scores.sum())


def test_a_stream_is_compared_with_the_given_reference(rubric_version, tmp_path):
    rows = CHANGES["an epidemic"][0](ROWS)  # the model was trained on every other article
    reference = Corpus(write(tmp_path / "эпидемия.jsonl", *rows[1::4]))
    found = report(rubric_version, tmp_path, rows[3::4], reference=reference)
    assert alarms(found) == set()
    assert found.compared_with == str(tmp_path / "эпидемия.jsonl")
    assert found.drift.reference_articles == 125


@pytest.fixture(scope="session")
def topic_version(rubric_version) -> Version:
    """A version of topics trained on the same articles."""
    corpus, config = Corpus(rubric_version.manifest.corpus.sources[0]), Config()
    return TrainingJob(corpus, config, Registry(rubric_version.folder.parents[1])).train_topics()


def test_a_changed_topic_mix_raises_an_alarm(rubric_version, topic_version, tmp_path):
    assert alarms(report(topic_version, tmp_path, ROWS[1::2])) == set()
    tourism = [row for row in ROWS[1::2] if row["rubrics"] == ["tourism"]]
    found = report(topic_version, tmp_path, tourism)
    assert "topics" in alarms(found)
    [finding] = [one for one in found.drift.findings if one.measure == "topics"]
    labels = {topic.label: topic.id for topic in TopicPipeline.load(topic_version.folder).topics}
    assert {word.word for word in finding.moved} <= labels.keys()
    assert finding.moved[0].now > finding.moved[0].before
    called = topic_version._replace(names={labels[finding.moved[0].word]: "Отдых"})
    assert alarms(report(called, tmp_path, ROWS[1::2])) == set()
    said = " ".join(sentences(report(called, tmp_path, tourism).drift, "ru"))
    assert "Отдых (было" in said
    assert re.search(r"Темы \(главная в статье\): изменение в [\d,]+ раза больше .* \(было .*%, стало", said)


def test_predict_compares_its_articles_with_training(topics, rubric_version, topic_version, tmp_path):
    models = "--models", rubric_version.folder.parents[1]
    quiet = write(tmp_path / "тихо.jsonl", *ROWS[1::2])
    loud = write(tmp_path / "громко.jsonl", *CHANGES["a new outlet"][0](ROWS[1::2]))
    tourism = write(tmp_path / "туризм.jsonl", *[row for row in ROWS[1::2] if row["rubrics"] == ["tourism"]])
    few = write(tmp_path / "мало.jsonl", *ROWS[1:9:2])
    training_data = rubric_version.manifest.corpus.sources[0]
    usual, usual_mix = "nothing is outside its usual range", "the mix of topics is within its usual range"
    for source, on_rubrics, on_topics in (
        (quiet, usual, usual_mix),
        (loud, "Outlets: the change", usual_mix),
        (tourism, "“tourism”", "Topics (the main one of each article): the change"),
        (few, "", ""),
        (training_data, "", ""),
    ):
        for output in ((), ("-o", tmp_path / "выход.jsonl")):
            ran = topics("predict", source, *output, "--summary", tmp_path / "итог.json", *models)
            assert ran.code == 0, ran.err
            summary = json.loads((tmp_path / "итог.json").read_bytes())
            for version, said in ((rubric_version, on_rubrics), (topic_version, on_topics)):
                lines = re.findall(f"(?m)^compared with the training data of {version.label}: .*", ran.err)
                assert bool(lines) == bool(said), ran.err
                assert said in "".join(lines)
                drift_ = summary["drift"].get(version.label)
                assert bool(drift_) == bool(said)
                assert not said or any(one["alarm"] for one in drift_["findings"]) == (
                    said not in (usual, usual_mix)
                )
            assert ("not compared with the training" in ran.err) == (source == training_data)
            both = {version.label: [training_data] for version in (rubric_version, topic_version)}
            assert summary["trained_on"] == (both if source == training_data else {})


@pytest.mark.parametrize("workers", [1, 2])
def test_only_versions_trained_on_the_articles_are_not_compared(topics, rubric_version, tmp_path, workers):
    models = tmp_path / "models"
    shutil.copytree(rubric_version.folder.parent, models / "rubrics")
    loud = write(tmp_path / "громко.jsonl", *CHANGES["a new outlet"][0](ROWS[1::2]))
    assert topics("train", loud, "--only", "topics", "--models", models).code == 0
    output = () if workers == 1 else ("-o", tmp_path / "выход.jsonl", "--workers", workers)
    ran = topics("predict", loud, *output, "--models", models)
    topic_model = Registry(models).open("topics").label
    assert f"compared with the training data of {rubric_version.label}: Outlets: " in ran.err
    assert f"not compared with the training data of {topic_model}: it was trained on" in ran.err


def test_the_bin_of_other_values_is_named():
    word = ShareChange("other", 0.0, 0.8)
    for measure, said in ((OUTLETS, "other outlets"), (TOPICS, "another topic or none")):
        alarm = Finding(measure, 0.2, 0.1, True, moved=(word,))
        assert (
            f": {said} (0.0% before, 80.0% now)." in sentences(Drift(500, 500, (alarm,), (), (), (), ()))[0]
        )


@pytest.mark.parametrize(("language", "share"), [("en", "12.5%"), ("ru", "12,5\u00a0%")])
def test_numbers_in_names_are_not_formatted(language, share):
    alarm = Finding(OUTLETS, 0.25, 0.1, True, moved=(ShareChange("Радио 1.0", 0.5, 0.125),))
    rubric = Finding("given: Мода 2.0", 0.25, 0.1, True, 0.5, 0.125)
    drifted = Drift(500, 500, (alarm, rubric), (ShareChange("web3.0", 0.5, 0.125),), (), (), ())
    lines = sentences(drifted, language)
    for name, said in zip(("Радио 1.0", "Мода 2.0", "web3.0"), lines, strict=True):
        assert name in said
        assert share in said


def test_training_shares_are_those_of_the_whole_archive(topics, tmp_path):
    news = [
        row | {"id": f"архив-{n}"}
        for n, row in enumerate(ROWS)
        if n % 5 == 1 or "tourism" not in row["rubrics"]
    ]
    data, checked = write(tmp_path / "архив.jsonl", *news), tmp_path / "проверено.csv"
    rows = [row for row in news if row["rubrics"]]
    tourism = [row for row in rows if "tourism" in row["rubrics"]]
    checked_rows = [*tourism, *(row for row in rows if row not in tourism)][: 4 * len(tourism)]
    lines = [f"{row['id']},{' '.join(row['rubrics'])}" for row in checked_rows]
    checked.write_text("\n".join(["id,rubrics", *lines]), encoding="utf-8")
    models = "--models", tmp_path / "models"
    assert topics("train", data, "--labels", checked, "--only", "rubrics", *models).code == 0
    stream = write(tmp_path / "поток.jsonl", *ROWS[::9])
    assert topics("predict", stream, "--summary", tmp_path / "итог.json", *models).code == 0
    version = Registry(tmp_path / "models").open("rubrics")
    shares = json.loads((tmp_path / "итог.json").read_bytes())["rubrics"]
    findings = monitor(Corpus(stream), version).drift.findings
    before = {one.measure: one.before for one in findings}
    for rubric, share in shares.items():
        assert share["training"] == pytest.approx(before[f"given: {rubric}"], abs=1e-4)
    assert shares["tourism"]["training"] < 0.15, "a quarter of the checked articles, a twelfth of the archive"


def test_monitoring_training_data_warns(topics, rubric_version, topic_version, tmp_path):
    [training_data], models = (
        rubric_version.manifest.corpus.sources,
        ("--models", rubric_version.folder.parents[1]),
    )
    fresh = write(tmp_path / "новое.jsonl", *ROWS[1::2])
    for version, arguments, known in (
        (rubric_version, (training_data,), True),
        (topic_version, (training_data,), True),
        (topic_version, (fresh, "--reference", training_data), True),
        (rubric_version, (fresh,), False),
    ):
        ran = topics("monitor", version.label, *arguments, "--html", tmp_path / "д.html", "--json", *models)
        said = f"topics: {version.label} was trained on {training_data}: drift on training data is misleading"
        assert (said in ran.err) == known
        assert json.loads(ran.out)["trained_on"] == [training_data] * known
        html = (tmp_path / "д.html").read_text(encoding="utf-8")
        assert ("articles it has already seen look different from new ones" in html) == known


def test_an_empty_stream_is_an_error(rubric_version, tmp_path):
    with pytest.raises(DataError, match="no article could be read; there is nothing to compare"):
        report(rubric_version, tmp_path, [])


# Profiles


def test_a_profile_survives_a_round_trip(rubric_version, tmp_path):
    found = profile.load(rubric_version.folder)
    assert found.articles == 250
    assert sum(found.facts.runs) == 250
    assert found.facts.since < found.facts.until
    profile.save(tmp_path, found)
    again = profile.load(tmp_path)
    assert again.facts == found.facts
    np.testing.assert_array_equal(again.counts, found.counts)
    assert again.words == found.words
    assert found.frequencies.min() >= profile.MIN_ARTICLES


def test_a_missing_profile_is_a_model_error(rubric_version, tmp_path):
    with pytest.raises(ModelError, match=r"profile\.json: cannot be read"):
        profile.load(tmp_path)


def describe(order: list[int]) -> Profile:
    rows = [ROWS[i] for i in order]
    tokens = tokenize([row["title"] for row in rows], [row["text"] for row in rows])
    scores = np.array([[(i * 37 % 101) / 101] for i in order])
    judgement = Judgement(scores, scores > 0.5, scores[:, 0] > 0.9)
    dates = [f"2026-{1 + i // 28:02}-{1 + i % 28:02}" for i in order]
    outlets = [row["outlet"] for row in rows]
    return profile.describe(
        tokens, dates, outlets, lambda rows: of_rubrics(judgement.choose(rows), ["economy"])
    )


@given(st.permutations(range(120)))
def test_a_profile_depends_on_dates_not_on_file_order(order):
    found, sorted_ = describe(order), describe(list(range(120)))
    assert found.facts == sorted_.facts
    assert found.words == sorted_.words
    np.testing.assert_array_equal(found.counts, sorted_.counts)
    np.testing.assert_allclose(found.means, sorted_.means)


def test_a_word_of_one_run_is_unknown_to_the_other_runs():
    tokens = tokenize([""] * 100, ["завод сталь"] * 90 + ["завод паром"] * 10)
    judgement = Judgement(np.zeros((100, 0)), np.zeros((100, 0), bool), np.zeros(100, bool))
    dates = [f"2026-01-01T{i // 60:02}:{i % 60:02}:00" for i in range(100)]
    found = profile.describe(tokens, dates, [""] * 100, lambda rows: of_rubrics(judgement.choose(rows), []))
    [means] = [means for measure, _, means in found.tables() if measure.name == UNKNOWN_WORDS]
    assert means.tolist() == [0, 0, 0, 0.2], "half of the words in ten of the last 25 articles"
    assert dict(zip(found.words, found.frequencies.tolist(), strict=True)) == {
        "завод": 100,
        "сталь": 90,
        "паром": 10,
    }


# Statistics


SHARES = st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any)


@given(SHARES, SHARES)
def test_the_divergence_equals_that_of_scipy(some, others):
    p, q = np.array(some) / sum(some), np.array(others) / sum(others)
    assert float(divergence(p, q)) == pytest.approx(jensenshannon(p, q, 2) ** 2, abs=1e-9)


def stream(rng: np.random.Generator, n: int, *rates: float) -> np.ndarray:
    """Draw the sums of a stream with this share of a rubric; several rates follow one another."""
    given_ = int((rng.random(n) < np.repeat(rates, -(-n // len(rates)))[:n]).sum())
    return np.array([n, n - given_, given_, given_], float)


def simulated_profile(rng: np.random.Generator, rates: np.ndarray, size: int) -> Profile:
    counts = np.stack([rng.multinomial(size, [1 - rate, rate]) for rate in rates]).astype(np.int32)
    facts = Facts((size,) * len(rates), "", "", (DriftMeasure("given: x", (0.5,)),), ())
    return Profile(facts, counts, counts[:, 1:] / size, [], np.empty(0, np.int64))


@pytest.mark.parametrize("spread", [0.0, 0.05], ids=["steady", "weeks differ"])
@pytest.mark.parametrize("n", [30, 200, 2000])
def test_false_alarms_have_the_stated_rate(spread, n):
    rng = np.random.default_rng(5)
    loud = 0
    for _ in range(150):
        base = simulated_profile(rng, np.clip(rng.normal(0.3, spread, 20), 0, 1), 200)
        rates = np.clip(rng.normal(0.3, spread, max(1, n // 200)), 0, 1).tolist()
        loud += bool(drift(base, stream(rng, n, *rates)).alarms)
    assert loud <= 6, "the rate is 1 %; more than six in 150 have a probability below .002"


@pytest.mark.parametrize(("n", "whole"), [(151, 100), (199, 100), (251, 200), (299, 200)])
def test_a_stream_is_compared_with_windows_no_longer_than_itself(n, whole):
    """Longer windows differ less: with them nine in ten streams of 151 articles raised an alarm."""
    counts = np.random.default_rng(0).multinomial(100, np.full(50, 0.02), 60)
    limits = [comparing._limit(counts, (100,) * 60, size, 0.01, None) for size in (n, whole)]
    assert limits[0] == limits[1]


@pytest.mark.parametrize("length", [1, 2, 5, 9])
def test_overlapping_windows_do_not_tighten_a_limit(length):
    """Overlapping windows underestimate the variance, which the correction restores."""
    weeks = np.random.default_rng(5).normal(size=(4000, 20))
    sums = np.cumsum(np.pad(weeks, ((0, 0), (1, 0))), axis=1)
    windows = sums[:, length:] - sums[:, :-length]
    seen = windows.var(axis=1, ddof=1).mean()
    assert seen / (1 - mean_correlation(windows.shape[1], length)) == pytest.approx(length, rel=0.05)
    if length > 1:
        assert seen < 0.95 * length, "underestimated without the correction"


def length_profile(means: list[float], table: list[list[int]]) -> Profile:
    """A profile of runs by article length, with bins that end at 100 and 300 words."""
    facts = Facts(
        tuple(map(sum, table)),
        "",
        "",
        (DriftMeasure(LENGTH, (100.0, 300.0)), DriftMeasure(OUTLETS, labels=LABELS)),
        (),
    )
    outlets = [[sum(row) if r % 2 == o else 0 for o in (0, 1)] + [0] for r, row in enumerate(table)]
    counts = np.concatenate([np.array(table), np.array(outlets)], axis=1).astype(np.int32)
    return Profile(facts, counts, np.array([means, [0.0] * len(means)]).T, [], np.empty(0, np.int64))


LABELS = ("Вестник", "Голос", "other")


def short_articles(n: int, words: int, *outlets: int) -> np.ndarray:
    """The sums of `n` articles of `words` words, below a hundred, and of the outlets."""
    return np.array([n, n, 0, 0, *outlets, n * words, 0], float)


def test_new_outlets_raise_an_alarm_whatever_the_limit():
    base = length_profile([150.0, 150.0] * 4, [[20, 60, 20]] * 8)
    for shares, loud in (((100, 0, 0), False), ((40, 60, 0), False), ((0, 0, 100), True)):
        found = drift(base, short_articles(100, 60, *shares))
        assert ("outlets" in {finding.measure for finding in found.alarms}) == loud
    assert all(finding.limit < 1 for finding in found.findings)


def test_unusually_short_articles_raise_an_alarm_within_the_limit():
    base = length_profile([106.0, 833.0] * 4, [[100, 0, 0], [0, 10, 90]] * 4)
    quiet = drift(base, short_articles(100, 90, 50, 50, 0))
    assert not quiet.alarms
    found = drift(base, short_articles(100, 52, 50, 50, 0))
    [alarm] = found.alarms
    assert alarm.measure == LENGTH
    assert alarm.distance < alarm.limit
    assert found.findings[0] == alarm
    assert sentences(found)[0] == "Words per article: 470 before, 52 now; the usual range is 106 to 833."
    assert sentences(found, "ru")[0] == "Слов в статье: было 470, стало 52; раньше бывало от 106 до 833."
    assert not drift(base, short_articles(30, 52, 15, 15, 0)).alarms, "thirty articles are weaker evidence"


def test_a_changed_distribution_with_the_same_mean_is_described():
    alarm = Finding("scores: industry", 0.37, 0.05, True, 0.3011, 0.3014, 0.2, 0.4)
    found = Drift(500, 500, (alarm,), (), (), (), ())
    assert briefly(found) == (
        "Probabilities of “industry”: still 30.1% on average, but the distribution changed; "
        "the change is 7.4 times the usual limit."
    )
    assert " ".join(sentences(found, "ru")) == (
        "Вероятности рубрики «industry»: в среднем 30,1\u00a0%, как и было, но распределение другое; "
        "изменение в 7,4 раза больше обычного предела."
    )


def test_a_short_stream_is_not_judged(rubric_version, tmp_path):
    rows = [row | {"text": NONSENSE * 20, "outlet": "Чужой"} for row in ROWS[:25]]
    assert alarms(report(rubric_version, tmp_path, rows))
    found = report(rubric_version, tmp_path, rows[:24])
    assert alarms(found) == set()
    assert sentences(found.drift) == ["Too few articles to judge: 24; at least 25 are needed."]
    assert sentences(found.drift, "ru") == ["Слишком мало статей, чтобы судить: 24; нужно не меньше 25."]


def test_a_longer_stream_has_more_power():
    rng = np.random.default_rng(5)
    base = simulated_profile(rng, np.full(20, 0.3), 200)
    loud = {n: sum(bool(drift(base, stream(rng, n, 0.45)).alarms) for _ in range(30)) for n in (20, 400)}
    assert loud[400] == 30
    assert loud[20] < 15


# Output


def test_the_page_is_self_contained_and_escapes_data(rubric_version, tmp_path):
    evil = [row | {"text": row["text"] + " <script>alert</script>", "outlet": "<b>&"} for row in ROWS[1::2]]
    found = report(rubric_version, tmp_path, evil)
    for language in ("en", "ru"):
        html = drift_page(found, language)
        assert "<script" not in html
        assert "http:" not in html
        assert "https:" not in html
        assert "default-src 'none'" in html
        assert "<b>&" not in html
    assert "поток изменился" in drift_page(found, "ru")
    assert "без изменений" in drift_page(report(rubric_version, tmp_path, ROWS[1::2]), "ru")


def test_placeholders_of_words_are_named(rubric_version, tmp_path):
    loud = [row | {"text": row["text"] + " Рост на 5%, до 18 млн, ₽ и $ с 2019 года."} for row in ROWS[1::2]]
    found = report(rubric_version, tmp_path, loud)
    assert {"<percent>", "<money>", "<year>"} <= {word.word for word in found.drift.rising}
    for language, name in (("en", "amounts of money"), ("ru", "суммы денег")):
        assert name in drift_page(found, language)
        assert "<" not in "".join(sentences(found.drift, language))


def test_the_exit_code_of_monitor_shows_alarms(topics, rubric_version, tmp_path):
    models = "--models", rubric_version.folder.parents[1]
    quiet = write(tmp_path / "тихо.jsonl", *ROWS[1::2])
    loud = write(tmp_path / "громко.jsonl", *CHANGES["a new outlet"][0](ROWS[1::2]))
    ran = topics("monitor", "rubrics", quiet, *models)
    assert ran.code == 0
    assert "Everything is within its usual range" in ran.out
    assert re.search(r"distance +┃ limit +┃ before +┃ now +┃ usual range", ran.out)
    ran = topics(
        "monitor", "rubrics", loud, "--json", "--html", tmp_path / "дрейф.html", "--lang", "ru", *models
    )
    assert ran.code == 5
    answer = json.loads(ran.out)
    assert [one["measure"] for one in answer["drift"]["findings"] if one["alarm"]] == ["outlets"]
    assert "издания" in (tmp_path / "дрейф.html").read_text(encoding="utf-8")
    others = [write(tmp_path / f"{n}.jsonl", *CHANGES["a new outlet"][0](ROWS[n::4])) for n in (1, 3)]
    ran = topics("monitor", "rubrics", others[0], "--reference", others[1], "--lang", "ru", *models)
    assert ran.code == 0
    assert "чтобы понять, что считать обычным: 125; нужно не меньше 200." in ran.out
    assert re.search(r"отклонение +┃ предел +┃ было +┃ стало +┃ обычно", ran.out)
    assert re.search(r"слов в статье +│ 0,\d{4} +│ \S* +│ \d\d,\d{3} ", ran.out)


def test_the_table_of_many_rubrics_is_shortened(topics, tmp_path):
    rows = [row | {"rubrics": [f"рубрика {n % 21}"]} for n, row in enumerate(ROWS)]
    many = TrainingJob(
        Corpus(write(tmp_path / "много.jsonl", *rows)), Config(), Registry(tmp_path / "models")
    ).train_rubrics()
    ran = topics(
        "monitor", many.label, write(tmp_path / "поток.jsonl", *ROWS), "--models", tmp_path / "models"
    )
    measures = len(monitor(Corpus(tmp_path / "поток.jsonl"), many).drift.findings)
    assert measures > 2 * 21
    assert len(re.findall(r"│ +\d\.\d{4}(?: !)? +│", ran.out)) == 40
    assert f"… and {measures - 40} more measures; see --json or the --html page for all of them" in ran.out
