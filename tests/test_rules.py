"""Keyword rules: what they find, what they do, and that they are seen."""

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
    ("phrase", "text", "stands"),
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
def test_a_phrase_is_found_in_any_of_its_forms(phrase, text, stands):
    assert hits(phrase, text) is stands
    assert hits(phrase, "", title=text) is stands


def test_a_phrase_does_not_reach_from_the_title_into_the_text_or_into_the_next_article():
    assert not hits("туристический поток", "Поток машин", title="Сбор туристический")
    found = Rules({"r": Rule(force=("туристический поток",))}).hits(
        tokenize(["", ""], ["Лагерь туристический", "Поток машин"])
    )
    assert not found.any()


words = st.sampled_from(["турист", "поток", "снег", "завод", "река"])


articles_of_words = st.lists(st.tuples(st.lists(words, max_size=4), st.lists(words, max_size=6)), max_size=5)


@given(articles_of_words, st.lists(words, min_size=1, max_size=3))
def test_phrases_are_found_as_a_plain_search_finds_them(articles, phrase):
    tokens = tokenize([" ".join(title) for title, _ in articles], [" ".join(text) for _, text in articles])
    found = Rules({"r": Rule(force=(" ".join(phrase),))}).hits(tokens)
    size = len(phrase)
    for (title, text), here in zip(articles, found[:, 0], strict=True):
        assert here == any(part[i : i + size] == phrase for part in (title, text) for i in range(len(part)))


def test_a_phrase_without_a_word_is_refused():
    with pytest.raises(UsageError, match=r"\[rules.tourism\]: the phrase '!!!' has no words"):
        Rules({"tourism": Rule(force=("!!!",))})


# What they do

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
        ({"economy": Rule(force=("завод",), lift={"банк": 9.0})}, (0.3, 0.45), (False, True)),  # not there
        ({"flood": Rule(force=("отель",))}, (0.3, 0.45, 1.0), (False, True, True)),
        ({"flood": Rule(force=("паводок",))}, (0.3, 0.45, 0.0474), (False, True, False)),
        ({"flood": Rule(lift={"отель": 2.0, "спрос": 2.0})}, (0.3, 0.45, 0.7311), (False, True, True)),
    ],
)
def test_what_a_rule_does(rules, probabilities, given_):
    found = judged(rules, "Спрос на отели. Отели полны, отели!")
    assert found.probabilities[0] == pytest.approx(probabilities, abs=1e-4)
    assert tuple(found.given[0].tolist()) == given_


def test_two_rubrics_that_are_forced_are_given_though_one_is_the_most():
    rules = Rules({"economy": Rule(force=("отель",)), "tourism": Rule(force=("отель",))})
    decisions = replace(DECISIONS, max_rubrics=1)
    probabilities, rubrics = np.array([[0.3, 0.45], [0.9, 0.8]]), ("economy", "tourism")
    found = rules.judge(probabilities, decisions, rubrics, rules.hits(tokenize(["", ""], ["Отель", "Снег"])))
    assert found.given.tolist() == [[True, True], [True, False]]
    assert found.review.tolist()[0] is False, "what is forced is certain"


@pytest.mark.parametrize(
    ("numbers", "text", "given_"),
    [
        ({"max_rubrics": 1}, "Отель", (True, False, True)),  # forced: beside the one that the model gives
        ({"max_rubrics": 1}, "Вода вода", (False, False, True)),  # lifted: the likeliest of all is one
        ({"min_rubrics": 1}, "Отель", (True, False, True)),
        ({"min_rubrics": 2}, "Отель", (True, False, True)),
        ({"min_rubrics": 3}, "Отель", (True, True, True)),
    ],
)
def test_the_numbers_of_rubrics_count_those_with_rules_alone(numbers, text, given_):
    rules = Rules({"flood": Rule(force=("отель",), lift={"вода": 8.0})})
    decisions = replace(DECISIONS, **numbers)
    hits = rules.hits(tokenize([""], [text]))
    found = rules.judge(np.array([[0.6, 0.1]]), decisions, ("economy", "tourism"), hits)
    assert tuple(found.given[0].tolist()) == given_


def test_what_a_rule_settles_needs_no_review():
    assert judged({}, "Отель", (0.3, 0.41)).review.tolist() == [True]
    assert judged({"tourism": Rule(force=("отель",))}, "Отель", (0.3, 0.41)).review.tolist() == [False]


def test_without_rules_the_answer_is_the_models_own():
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
def ruled(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ruled")
    (folder / "c.toml").write_text(RULES, encoding="utf-8")
    TrainingJob(
        Corpus(embedded()), load_config(folder / "c.toml"), Registry(folder / "models")
    ).train_rubrics()
    return folder / "models"


def test_rules_are_part_of_the_version(ruled):
    tagger = Tagger.load(ruled)
    assert tagger.manifest.rubrics == ("economy", "industry", "tourism", "flood")

    def rubrics(text: str) -> list[str]:
        return [score.label for score in tagger.tag(text).rubrics]

    assert rubrics("Паводок в Орске подтопил дачи.") == ["flood"]
    assert rubrics(CAT) == ["industry"]
    assert "tourism" in rubrics(HOTEL)
    assert "tourism" not in rubrics(HOTEL + " Туристический полк.")


def test_a_rule_changes_only_what_it_names(ruled, tagger):
    other = Tagger.load(ruled)
    for text in (STEEL, BANK, HOTEL):
        plain, found = tagger.tag(text), other.tag(text)
        shared = {name: found.scores[name] for name in plain.scores}
        assert shared == pytest.approx(plain.scores, abs=2e-4)
        assert found.rubrics[0].label == plain.rubrics[0].label


def test_an_explanation_shows_the_rule_and_its_place(ruled):
    tagger = Tagger.load(ruled)
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
def test_an_explanation_tells_what_settled_it(tagger, numbers, rules, text, rubric, decided_by):
    pipeline = copy.copy(tagger._pipeline)
    pipeline.rules = Rules(rules)
    pipeline.classifier = copy.copy(pipeline.classifier)
    low = tuple([0.05] * 3) if "max_rubrics" in numbers else pipeline.classifier.decisions.thresholds
    pipeline.classifier.decisions = replace(pipeline.classifier.decisions, thresholds=low, **numbers)
    found = [pipeline.explain(Article("1", text), name) for name in pipeline.rubrics]
    if decided_by == "max_rubrics":  # whichever it is that finds no place
        assert sorted(one.decided_by for one in found) == ["max_rubrics", "max_rubrics", "threshold"]
    else:
        assert next(one.decided_by for one in found if one.rubric == rubric) == decided_by
    page = pages.explanation_page(found, "en")
    assert ("as many rubrics as the settings allow" in page) == (decided_by == "max_rubrics")
    assert ("fewer rubrics than the settings require" in page) == (decided_by == "min_rubrics")


def test_a_version_without_rules_shows_none(tagger):
    found = tagger.explain(STEEL, "industry")
    assert found.rules == ()
    assert (found.distance > 0) is found.given


def test_a_rubric_with_rules_alone_is_told(topics, tmp_path):
    (tmp_path / "c.toml").write_text('[rules."турзм"]\nforce = ["паводок"]\n', encoding="utf-8")
    ran = topics(
        *("train", embedded()[0], "--only", "rubrics", "--workers", 1),
        *("--config", tmp_path / "c.toml", "--models", tmp_path / "models"),
    )
    assert "topics: турзм: has rules only, no article carries it; is it spelled as in the data?" in ran.err


def test_a_rubric_with_rules_alone_is_measured_where_articles_carry_it(tmp_path):
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


def test_saved_and_loaded_rules_act_alike(ruled):
    opened = Registry(ruled).open("rubrics")
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
def test_a_phrase_with_digits_is_refused_where_it_is_written(tmp_path, words):
    config = Config(rules={"tourism": Rule(force=(words,))})
    with pytest.raises(
        UsageError, match=r"\[rules.tourism\]: the phrase .* has numbers, and a number matches any other"
    ):
        TrainingJob(Corpus(embedded()[0]), config, Registry(tmp_path)).train_rubrics()
    Rules(config.rules)  # of a version that has one


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1e9])
def test_a_lift_is_a_number(weight):
    with pytest.raises(ValueError, match="the lift of 'отель' is"):
        Rule(lift={"отель": weight})
