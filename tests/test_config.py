"""Loading the configuration, and its errors."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom import PROJECT
from topics.classifiers.linear import LinearSettings
from topics.config import Cleaning, Config, Rubrics, convert, load_config
from topics.corpus.articles import Columns
from topics.errors import UsageError
from topics.rubrics.rules import Rule
from topics.topic_models.lda import LdaSettings


def test_a_file_is_loaded(tmp_path):
    path = tmp_path / "настройки.toml"
    path.write_text(
        """
        [columns]
        text = "body"
        rubrics = "рубрики"

        [cleaning]
        drop_recaps = true
        skip = ["urls"]
        boilerplate = false

        [rubrics]
        names = ["экономика", "туризм"]
        min_positives = 5

        [rubrics.settings]
        C = 0.3
        fields = { lead_weight = 0.7 }
        """,
        encoding="utf-8",
    )
    assert load_config(path) == Config(
        columns=Columns(text="body", rubrics="рубрики"),
        cleaning=Cleaning(drop_recaps=True, skip=("urls",), boilerplate=False),
        rubrics=Rubrics(
            names=("экономика", "туризм"),
            min_positives=5,
            settings={"C": 0.3, "fields": {"lead_weight": 0.7}},
        ),
    )


def test_an_empty_file_gives_the_defaults(tmp_path):
    path = tmp_path / "пусто.toml"
    path.write_bytes(b"")
    assert load_config(path) == Config()


SECTIONS = "'cleaning', 'columns', 'report', 'rubrics', 'rules', 'topics'"
COLUMNS = "known keys: 'date', 'id', 'labels', 'outlet', 'rubrics', 'text', 'title', 'unknown'"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[colums]", f"unknown key 'colums'; known keys: {SECTIONS}"),
        ('[columns]\nbody = "text"', f"unknown key 'columns.body'; {COLUMNS}"),
        ("[columns]\ntext = 5", "Expected `str`, got `int` - at `$.columns.text`"),
        ('[cleaning]\nskip = "urls"', "Expected `array`, got `str` - at `$.cleaning.skip`"),
        ("cleaning = 1", "Expected `object`, got `int` - at `$.cleaning`"),
        ('[report]\nlang = "de"', "Invalid enum value 'de' - at `$.report.lang`; allowed: 'en', 'ru'"),
        (
            "[rubrics]\nmin = 1",
            "unknown key 'rubrics.min'; known keys: 'classifier', 'max_articles', 'min_positives'",
        ),
        (
            '[rules.""]\nforce = ["снег"]',
            "'' is not a valid rubric name; rename it",
        ),
        ('[rules."нет"]\nforce = ["снег"]', "'нет' is not a valid rubric name"),
        ('[rubrics]\nnames = ["быт\\nдня"]', "'быт\\nдня' is not a valid rubric name"),
        ("text = ", "not a configuration (Invalid value"),
        (b"\xff\xfe", "not a configuration ('utf-8' codec can't decode"),
        (None, "no such file; check the name"),
    ],
)
def test_an_error_is_one_line_with_the_known_values(tmp_path, content, message):
    path = tmp_path / "настройки.toml"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as error:
        load_config(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"c": 1.0},
            "rubrics.settings: unknown key 'c'; known keys: 'C', 'clean_weight', 'decisions'",
        ),
        ({"fields": {"x": 1}}, "rubrics.settings: unknown key 'fields.x'; known keys: 'lead_weight'"),
        ({"C": "много"}, "rubrics.settings: Expected `float`, got `str` - at `$.C`"),
    ],
)
def test_unknown_settings_of_a_classifier_are_refused(settings, message):
    with pytest.raises(UsageError) as error:
        convert(settings, LinearSettings, "rubrics.settings")
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_topics": "many"}, "Invalid enum value 'many' - at `$.num_topics`; allowed: 'auto'"),
        ({"vocabulary": {"max_df": 5.0}}, "Expected `float` <= 1.0 - at `$.vocabulary.max_df`"),
        ({"vocabulary": {"min_df": -1}}, "Expected `int` >= 0 - at `$.vocabulary.min_df`"),
        ({"vocabulary": {"phrase_npmi": 2.0}}, "Expected `float` <= 1.0 - at `$.vocabulary.phrase_npmi`"),
    ],
)
def test_invalid_settings_of_a_topic_model_are_refused(settings, message):
    with pytest.raises(UsageError) as error:
        convert(settings, LdaSettings, "topics.settings")
    assert str(error.value) == f"topics.settings: {message}"


NAMES = st.sampled_from(["columns", "cleaning", "rubrics", "id", "skip", "names", "settings", "иное"])
VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(NAMES, values, max_size=3),
)


@given(st.dictionaries(NAMES, VALUES))
def test_any_content_is_a_configuration_or_a_usage_error(content):
    with suppress(UsageError):
        assert isinstance(convert(content, Config, "настройки"), Config)


def test_defaults_survive_a_round_trip():
    plain = msgspec.to_builtins(Config())
    assert convert(plain, Config, "настройки") == Config()


def test_the_documentation_names_every_section_and_key():
    page = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for section in msgspec.structs.fields(Config):
        start = page.index(f"## [{section.name}]")
        text = page[start : page.find("\n## ", start + 1)]
        kind = Rule if section.name == "rules" else section.type
        for key in msgspec.structs.fields(kind):
            assert f"`{key.name}`" in text, (section.name, key.name)


def test_the_example_of_the_documentation_is_valid(tmp_path):
    page = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")
    path = tmp_path / "example.toml"
    path.write_text(page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    config = load_config(path)
    assert config.columns.text == "body"
    assert config.rules["tourism"].lift == {"гостиница": 1.5, "палатка": -0.7}


def test_a_byte_order_mark_is_ignored(tmp_path):
    path = tmp_path / "настройки.toml"
    path.write_text("[rubrics]\nmin_positives = 5\n", encoding="utf-8-sig")
    assert load_config(path).rubrics.min_positives == 5


@pytest.mark.parametrize(
    "key", ["rubrics.min_positives", "rubrics.max_articles", "topics.max_articles", "report.excerpt"]
)
def test_negative_numbers_are_refused(tmp_path, key):
    table, name = key.split(".")
    path = tmp_path / "настройки.toml"
    path.write_text(f"[{table}]\n{name} = -1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"Expected `int` >= 0 - at `\$\.{table}\.{name}`"):
        load_config(path)
    path.write_text(f"[{table}]\n{name} = 0\n", encoding="utf-8")
    load_config(path)
