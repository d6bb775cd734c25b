"""Keyword rules: matching, effects, and how they are shown."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from newsroom import BANK, CAT, HOTEL, STEEL, write
from topics.config import Config, load_config
from topics.corpus import Corpus, embedded
from topics.errors import UsageError
from topics.pipeline import Pipeline
from topics.reports import pages
from topics.rubrics.decisions import Decisions
from topics.rubrics.rules import Rule, Rules
from topics.tagger import Tagger
from topics.text.tokens import tokenize
from topics.training.job import TrainingJob
from topics.types import Article
from topics.versions.registry import Registry


def hits(phrase: str, text: str, title: str = "") -> bool:
    return bool(Rules({"r": Rule(force=(phrase,))}).hits(tokenize([title], [text]))[0, 0])


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("туристический поток", "Туристического потока не убыло.", True),
        ("туристический поток", "Рост туристических потоков", True),
        ("туристический поток", "поток туристический", False),  # in this order
        ("туристический поток", "туристический бурный поток", False),  # side by side
        ("туристический поток", "туристический", False),
        ("туристы", "Приехал турист", True),
        ("ЕС", "Страны ЕС договорились", True),
        ("ЕС", "Я ем суп", False),
        ("производство стали", "Производство стали выросло", True),
        ("паводок", "паводок", True),
        ("туристический полк", "о туристическом полке и туристического полка", True),
        ("Красная Поляна", "отели в Красной Поляне", True),
        ("Красная Поляна", "Красную Поляну закрыли", True),
        ("самозанятый гид", "самозанятых гидов", True),
        ("самозанятый гид", "Самозанятые гиды", True),
        ("экс-министр", "экс-министру", True),
        ("Газпром", "«Газпрому»", True),
        ("паводок", "", False),
    ],
)
def test_phrases_match_in_any_inflected_form(phrase, text, expected):
    assert hits(phrase, text) is expected
    assert hits(phrase, "", title=text) is expected


def test_phrases_do_not_match_across_title_text_or_articles():
    assert not hits("туристический поток", "Поток машин", title="Сбор туристический")
    found = Rules({"r": Rule(force=("туристический поток",))}).hits(
        tokenize(["", ""], ["Лагерь туристический", "Поток машин"])
    )
    assert not found.any()


words = st.sampled_from(["турист", "поток", "снег", "завод", "река"])


articles_of_words = st.lists(st.tuples(st.lists(words, max_size=4), st.lists(words, max_size=6)), max_size=5)


@given(articles_of_words, st.lists(words, min_size=1, max_size=3))
def test_phrases_match_like_a_plain_search(articles, phrase):
    tokens = tokenize([" ".join(title) for title, _ in articles], [" ".join(text) for _, text in articles])
    found = Rules({"r": Rule(force=(" ".join(phrase),))}).hits(tokens)
    size = len(phrase)
    for (title, text), here in zip(articles, found[:, 0], strict=True):
        assert here == any(part[i : i + size] == phrase for part in (title, text) for i in range(len(part)))


def test_a_phrase_without_a_word_is_refused():
    with pytest.raises(UsageError, match=r"\[rules.tourism\]: the phrase '!!!' has no words"):
        Rules({"tourism": Rule(force=("!!!",))})


# Effects

DECISIONS = Decisions(slopes=(1.0, 1.0), offsets=(0.0, 0.0), thresholds=(0.5, 0.4), doubt=0.4)


def judged(rules: dict[str, Rule], text: str, probabilities: tuple[float, float] = (0.3, 0.45)):
    found = Rules(rules)
    hits = found.hits(tokenize([""], [text]))
    return found.judge(np.array([probabilities]), DECISIONS, ("economy", "tourism"), hits)


@pytest.mark.parametrize(
    ("rules", "probabilities", "given_"),
    [
        ({}, (0.3, 0.45), (False, True)),
        ({"economy": Rule(force=("отель",))}, (1.0, 0.45), (True, True)),
        ({"tourism": Rule(forbid=("отель",))}, (0.3, 0.0), (False, False)),
        ({"economy": Rule(force=("отель",), forbid=("спрос",))}, (0.0, 0.45), (False, True)),  # forbid wins
        ({"economy": Rule(forbid=("отель",), force=("спрос",))}, (0.0, 0.45), (False, True)),
        ({"economy": Rule(lift={"отель": np.log(7)})}, (0.75, 0.45), (True, True)),  # odds 3/7 * 7
        ({"economy": Rule(lift={"отель": np.log(7), "спрос": -np.log(7)})}, (0.3, 0.45), (False, True)),
        ({"economy": Rule(force=("завод",), lift={"банк": 9.0})}, (0.3, 0.45), (False, True)),  # no match
        ({"flood": Rule(force=("отель",))}, (0.3, 0.45, 1.0), (False, True, True)),
        ({"flood": Rule(force=("паводок",))}, (0.3, 0.45, 0.0474), (False, True, False)),
        ({"flood": Rule(lift={"отель": 2.0, "спрос": 2.0})}, (0.3, 0.45, 0.7311), (False, True, True)),
    ],
)
def test_effects_of_rules(rules, probabilities, given_):
    found = judged(rules, "Спрос на отели. Отели полны, отели!")
    assert found.probabilities[0] == pytest.approx(probabilities, abs=1e-4)
    assert tuple(found.given[0].tolist()) == given_


def test_forced_rubrics_override_max_rubrics():
    rules = Rules({"economy": Rule(force=("отель",)), "tourism": Rule(force=("отель",))})
    decisions = replace(DECISIONS, max_rubrics=1)
    probabilities, rubrics = np.array([[0.3, 0.45], [0.9, 0.8]]), ("economy", "tourism")
    found = rules.judge(probabilities, decisions, rubrics, rules.hits(tokenize(["", ""], ["Отель", "Снег"])))
    assert found.given.tolist() == [[True, True], [True, False]]
    assert found.review.tolist()[0] is False, "a forced rubric is certain"


@pytest.mark.parametrize(
    ("numbers", "text", "given_"),
    [
        ({"max_rubrics": 1}, "Отель", (True, False, True)),  # forced: in addition to that of the model
        ({"max_rubrics": 1}, "Вода вода", (False, False, True)),  # lifted: only the most probable
        ({"min_rubrics": 1}, "Отель", (True, False, True)),
        ({"min_rubrics": 2}, "Отель", (True, False, True)),
        ({"min_rubrics": 3}, "Отель", (True, True, True)),
    ],
)
def test_min_and_max_rubrics_count_rubrics_with_rules_only(numbers, text, given_):
    rules = Rules({"flood": Rule(force=("отель",), lift={"вода": 8.0})})
    decisions = replace(DECISIONS, **numbers)
    hits = rules.hits(tokenize([""], [text]))
    found = rules.judge(np.array([[0.6, 0.1]]), decisions, ("economy", "tourism"), hits)
    assert tuple(found.given[0].tolist()) == given_


def test_a_decision_by_rule_needs_no_review():
    assert judged({}, "Отель", (0.3, 0.41)).review.tolist() == [True]
    assert judged({"tourism": Rule(force=("отель",))}, "Отель", (0.3, 0.41)).review.tolist() == [False]


def test_without_rules_probabilities_are_unchanged():
    probabilities = np.array([[0.123456789, 0.7]])
    found = Rules().judge(probabilities, DECISIONS, ("economy", "tourism"), np.zeros((1, 0), bool))
    assert found.probabilities is probabilities


# In a version

RULES = """
[rules.tourism]
forbid = ["туристический полк"]

[rules.industry]
lift = { "кошка" = 20 }

[rules.flood]
force = ["паводок"]
"""


@pytest.fixture(scope="module")
def models_with_rules(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models_with_rules")
    (folder / "c.toml").write_text(RULES, encoding="utf-8")
    TrainingJob(
        Corpus(embedded()), load_config(folder / "c.toml"), Registry(folder / "models")
    ).train_rubrics()
    return folder / "models"


def test_rules_are_stored_in_the_version(models_with_rules):
    tagger = Tagger.load(models_with_rules)
    assert tagger.manifest.rubrics == ("economy", "industry", "tourism", "flood")

    def rubrics(text: str) -> list[str]:
        return [score.label for score in tagger.tag(text).rubrics]

    assert rubrics("Паводок в Орске подтопил дачи.") == ["flood"]
    assert rubrics(CAT) == ["industry"]
    assert "tourism" in rubrics(HOTEL)
    assert "tourism" not in rubrics(HOTEL + " Туристический полк.")


def test_a_rule_does_not_change_other_texts(models_with_rules, tagger):
    other = Tagger.load(models_with_rules)
    for text in (STEEL, BANK, HOTEL):
        plain, found = tagger.tag(text), other.tag(text)
        shared = {name: found.scores[name] for name in plain.scores}
        assert shared == pytest.approx(plain.scores, abs=2e-4)
        assert found.rubrics[0].label == plain.rubrics[0].label


def test_an_explanation_shows_the_rule_and_its_place(models_with_rules):
    tagger = Tagger.load(models_with_rules)
    found = tagger.explain(CAT, "industry")
    [rule] = found.rules
    assert (rule.phrase, rule.effect, rule.weight) == ("кошка", "lift", 20)
    assert [found.text[place.start : place.stop] for place in rule.places] == ["Кошка"]
    odds = found.prior + sum(reason.weight for reason in found.reasons) + rule.weight
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(found.probability, abs=1e-4)
    assert found.given
    assert found.distance > 0
    [forced] = tagger.explain("Паводки отступили", "flood", title="Орск").rules
    assert (forced.effect, forced.places[0].part) == ("force", "text")
    assert tagger.explain(CAT, "tourism").rules == ()


@pytest.mark.parametrize(
    ("numbers", "rules", "text", "rubric", "decided_by"),
    [
        ({}, {}, STEEL, "industry", "threshold"),
        ({}, {}, STEEL, "tourism", "threshold"),
        ({}, {"tourism": Rule(force=("завод",))}, STEEL, "tourism", "rule"),
        ({}, {"industry": Rule(forbid=("завод",))}, STEEL, "industry", "rule"),
        ({"min_rubrics": 3}, {}, STEEL, "tourism", "min_rubrics"),
        ({"max_rubrics": 1}, {}, f"{BANK} {STEEL} {HOTEL}", "economy", "max_rubrics"),
    ],
)
def test_an_explanation_states_what_decided(tagger, numbers, rules, text, rubric, decided_by):
    pipeline = copy.copy(tagger._pipeline)
    pipeline.rules = Rules(rules)
    pipeline.classifier = copy.copy(pipeline.classifier)
    low = tuple([0.05] * 3) if "max_rubrics" in numbers else pipeline.classifier.decisions.thresholds
    pipeline.classifier.decisions = replace(pipeline.classifier.decisions, thresholds=low, **numbers)
    found = [pipeline.explain(Article("1", text), name) for name in pipeline.rubrics]
    if decided_by == "max_rubrics":  # whichever rubrics are left out
        assert sorted(one.decided_by for one in found) == ["max_rubrics", "max_rubrics", "threshold"]
    else:
        assert next(one.decided_by for one in found if one.rubric == rubric) == decided_by
    page = pages.explanation_page(found, "en")
    assert ("as many rubrics as the settings allow" in page) == (decided_by == "max_rubrics")
    assert ("fewer rubrics than the settings require" in page) == (decided_by == "min_rubrics")


def test_explanations_without_rules_show_none(tagger):
    found = tagger.explain(STEEL, "industry")
    assert found.rules == ()
    assert (found.distance > 0) is found.given


def test_a_rubric_with_rules_only_is_reported(topics, tmp_path):
    (tmp_path / "c.toml").write_text('[rules."турзм"]\nforce = ["паводок"]\n', encoding="utf-8")
    ran = topics(
        *("train", embedded()[0], "--only", "rubrics", "--workers", 1),
        *("--config", tmp_path / "c.toml", "--models", tmp_path / "models"),
    )
    assert "topics: турзм: has rules but no articles; is it spelled as in the data?" in ran.err


def test_a_rubric_with_rules_only_is_measured_if_labelled(tmp_path):
    rows = [*Path(embedded()[0]).read_text(encoding="utf-8").splitlines()]
    flood = [
        {"id": f"f{i}", "text": f"{text} {i}", "rubrics": rubrics}
        for i, (text, rubrics) in enumerate(
            [("Паводок в Орске", ["flood"]), ("Вода в Орске", ["flood"]), ("Паводок в Перми", [])]
        )
    ]
    config = Config(rules={"flood": Rule(force=("паводок",))})
    version = TrainingJob(
        Corpus(write(tmp_path / "a.jsonl", *rows, *flood)), config, Registry(tmp_path / "m")
    ).train_rubrics()
    found = {rubric.rubric: rubric for rubric in version.manifest.metrics.rubrics}["flood"]
    assert (found.positives, found.precision, found.recall) == (2, 0.5, 0.5)
    assert "flood" not in version.manifest.left_out


def test_an_unknown_key_of_a_rule_is_refused(topics, tmp_path):
    (tmp_path / "c.toml").write_text('[rules.tourism]\nfarce = ["a"]\n', encoding="utf-8")
    ran = topics("train", "--config", tmp_path / "c.toml", "--models", tmp_path / "m")
    assert ran.code == 2
    assert "unknown key 'rules.tourism.farce'; known keys: 'forbid', 'force', 'lift'" in ran.err


def test_loaded_rules_have_the_same_effect(models_with_rules):
    opened = Registry(models_with_rules).open("rubrics")
    pipeline = Pipeline.load(opened.folder)
    assert pipeline.rules.rules["flood"] == Rule(force=("паводок",))
    bare = Pipeline(pipeline.cleaner, pipeline.classifier)
    articles = [Article(str(i), text) for i, text in enumerate((STEEL, BANK, HOTEL, "Паводок"))]
    with_rules, without = pipeline.judge(pipeline.read(articles)), bare.judge(bare.read(articles))
    assert with_rules.given[:3, :3].tolist() == without.given[:3].tolist()
    assert with_rules.given[:, 3].tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    "words", ["9 мая", "18+", "Ту-214", "Boeing 737", "на 5 %", "30 млн туристов", "COVID-19"]
)
def test_a_phrase_with_numbers_is_refused_in_training(tmp_path, words):
    config = Config(rules={"tourism": Rule(force=(words,))})
    with pytest.raises(
        UsageError, match=r"\[rules.tourism\]: the phrase .* has numbers, and a number matches any other"
    ):
        TrainingJob(Corpus(embedded()[0]), config, Registry(tmp_path)).train_rubrics()
    Rules(config.rules)  # a stored version may have one


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1e9])
def test_a_lift_must_be_finite_and_bounded(weight):
    with pytest.raises(ValueError, match="the lift of 'отель' is"):
        Rule(lift={"отель": weight})
