"""Tagger: tagging and explaining one article or many."""

from __future__ import annotations

import json
import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from newsroom import BANK, CAT, HOTEL, STEEL, all_of
from topics import Article, ModelError, Prediction, Score, Tagger, UsageError
from topics.corpus import Corpus, embedded, embedded_inbox
from topics.pipeline import telling
from topics.types import Reason


def labels(prediction: Prediction) -> list[str]:
    return [score.label for score in prediction.rubrics]


@pytest.mark.parametrize(
    ("text", "rubrics"),
    [
        (STEEL, ["industry"]),
        (BANK, ["economy"]),
        (HOTEL, ["tourism"]),
        (
            f"{STEEL} {BANK} Выручка и прибыль завода выросли, инвестиции составили 5 млрд рублей.",
            ["economy", "industry"],
        ),
        (CAT, []),
        ("", []),
        ("¯\\_(ツ)_/¯ 🤷", []),
    ],
)
def test_an_article_gets_its_rubrics(tagger, text, rubrics):
    assert sorted(labels(tagger.tag(text))) == rubrics


def test_a_prediction_has_all_fields(tagger):
    found = tagger.tag(STEEL, title="Пуск на комбинате", id="7")
    assert found.id == "7"
    assert found.model == tagger.version.label
    assert found.scores.keys() == {"economy", "industry", "tourism"}
    assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)
    assert found.rubrics == tuple(
        Score(rubric, value) for rubric, value in found.scores.items() if rubric in labels(found)
    )
    assert tagger.manifest.rubrics == ("economy", "industry", "tourism")


def test_the_title_counts(tagger):
    assert (
        tagger.tag("Подробности позже.", title="Отели для туристов").scores["tourism"]
        > 2 * (tagger.tag("Подробности позже.").scores["tourism"])
    )


def test_a_missing_version_is_an_error(tmp_path, models):
    with pytest.raises(ModelError, match="no version of 'rubrics'"):
        Tagger.load(tmp_path)
    with pytest.raises(ModelError, match="'rubrics' has no alias 'стенд'; it has 'latest'"):
        Tagger.load(models, "rubrics@стенд")
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(ModelError, match="no version of 'rubrics'"):
        Tagger.load(tmp_path / "file.txt")


# Scraped pages

ARTICLE = """На заводе в Магнитогорске запустили новую линию проката.
Она увеличит выпуск стали на 12%, сообщил директор комбината.
Оборудование монтировали два года, в цехе будут работать 140 человек."""

PAGE = """<p>На заво&shy;де в Маг&shy;нито&shy;горске запустили&nbsp;новую <b>линию</b> проката.</p>
<script type="text/javascript">window.ads = {"hotel": "тур в Сочи", "price": 100};</script>
<p>Она увеличит выпуск ста&#769;ли на&nbsp;12%, сообщил директор комбината.</p>
<p>Оборудование монтировали два года, в цехе будут работать 140 человек.</p>
<p>Фото: Иван Петров / ТАСС</p>
<p>Читайте также: Турпоток на курорты вырос, отели бронируют туристы</p>
Власти рассчитывают повысить туристическую привлекательность региона
Туристы бронируют отели на курортах Краснодарского края заранее"""


def test_a_scraped_page_is_tagged_like_its_article(tagger):
    assert tagger.tag(PAGE) == tagger.tag(ARTICLE)
    assert labels(tagger.tag(PAGE)) == ["industry"]
    assert labels(tagger.tag(PAGE.splitlines()[-1])) == ["tourism"]


def test_explaining_a_page_shows_the_cleaned_article(tagger):
    assert tagger.explain(PAGE, "industry") == tagger.explain(ARTICLE, "industry")
    assert tagger.explain(PAGE, "industry").text == ARTICLE


# Batches and tables


@pytest.fixture(scope="module")
def inbox() -> list[Article]:
    return all_of(Corpus([*embedded()[:1], embedded_inbox()]))[0]


def test_a_batch_is_tagged_like_single_articles(tagger, inbox):
    together = tagger.tag_articles(inbox)
    assert together == [
        tagger.tag(article.text, article.title, article.outlet, article.id) for article in inbox
    ]
    assert tagger.tag_articles([]) == []


def test_threads_get_the_same_predictions(tagger, inbox):
    alone = tagger.tag_articles(inbox)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda a: tagger.tag(a.text, a.title, a.outlet, a.id), inbox * 2)
        explained = pool.map(lambda a: tagger.explain(a.text, "economy", a.title), inbox[:20])
        assert list(found) == alone * 2
        assert [each.probability for each in explained] == [
            tagger.explain(a.text, "economy", a.title).probability for a in inbox[:20]
        ]


def test_tag_many_returns_a_table(tagger):
    frame = pd.DataFrame(
        {"text": [STEEL, CAT, HOTEL], "title": ["Пуск", None, float("nan")], "views": [1, 2, 3]},
        index=["б", "а", "в"],
    )
    found = tagger.tag_many(frame)
    assert found.index.tolist() == ["б", "а", "в"]
    assert found.columns.tolist() == ["rubrics", "scores", "needs_review", "model"]
    assert found["rubrics"].tolist() == [["industry"], [], ["tourism"]]
    assert found["scores"].tolist() == [
        tagger.tag(STEEL, "Пуск").scores,
        tagger.tag(CAT).scores,
        tagger.tag(HOTEL).scores,
    ]
    assert found["needs_review"].dtype == bool
    assert set(found["model"]) == {tagger.version.label}
    assert frame.columns.tolist() == ["text", "title", "views"], "the table is not changed"


@pytest.mark.parametrize("texts", [[], [None], [float("nan")], [pd.NA, ""]])
def test_missing_texts_of_a_table_get_no_rubrics(tagger, texts):
    found = tagger.tag_many(pd.DataFrame({"text": pd.Series(texts, dtype=object)}))
    assert found["rubrics"].tolist() == [[] for _ in texts]


@pytest.mark.parametrize("value", [b"\xd1\x84", 5, ["Абзац", "Абзац"]])
def test_a_table_with_other_types_than_text_is_an_error(tagger, value):
    with pytest.raises(TypeError, match=f"row 1: text must be a str, not {type(value).__name__}"):
        tagger.tag_many(pd.DataFrame({"text": pd.Series([STEEL, value], dtype=object)}))


def test_reasons_show_whole_percentages(tagger):
    text = "Инфляция выросла до 6,2% и 10.5 %, ВВП на 1,234.5%, ставка 21%."
    places = [place for reason in tagger.explain(text, "economy").reasons for place in reason.places]
    shown = {text[place.start : place.stop] for place in places}
    assert {"6,2%", "1,234.5%", "21%"} <= {one for one in shown if "%" in one}
    assert not {"2%", "5%"} & shown


def test_a_table_without_a_text_column_is_an_error(tagger):
    with pytest.raises(UsageError, match="the table has no column 'text'; it has 'body', 'id'"):
        tagger.tag_many(pd.DataFrame({"id": [1], "body": [STEEL]}))


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pd.Series([7, None]), ["7", ""]),  # a missing value makes numbers floats
        (pd.Series([7, None], dtype="Int64"), ["7", ""]),
        (pd.Series(["а", None], dtype="category"), ["а", ""]),
        (pd.Series(pd.to_datetime(["2026-03-05", None])), ["2026-03-05 00:00:00", ""]),
    ],
    ids=["float", "Int64", "category", "datetime"],
)
def test_a_table_may_have_columns_of_any_type(tagger, monkeypatch, column, ids):
    seen = []
    tag = Tagger.tag_articles
    monkeypatch.setattr(Tagger, "tag_articles", lambda self, batch: seen.extend(batch) or tag(self, batch))
    tagger.tag_many(pd.DataFrame({"text": [STEEL, CAT], "id": column, "outlet": column}))
    assert [article.id for article in seen] == [article.outlet for article in seen] == ids


def test_a_table_may_have_titles_only(tagger):
    found = tagger.tag_many(pd.DataFrame({"title": ["Отели бронируют туристы"]}))
    assert found["scores"].tolist() == [tagger.tag("", "Отели бронируют туристы").scores]


def test_a_table_with_several_column_levels_is_an_error(tagger):
    frame = pd.DataFrame([[STEEL]], columns=pd.MultiIndex.from_tuples([("text", "ru")]))
    with pytest.raises(TypeError, match="the columns of the table have several levels; keep one"):
        tagger.tag_many(frame)
    assert len(tagger.tag_many(frame.droplevel(1, axis=1))) == 1


@pytest.mark.parametrize(
    "nothing", [[STEEL], pd.Series([STEEL]), STEEL, None], ids=["list", "series", "str", "none"]
)
def test_tag_many_of_something_else_is_an_error(tagger, nothing):
    with pytest.raises(TypeError, match="tag_many takes a DataFrame, not"):
        tagger.tag_many(nothing)


def test_title_and_outlet_may_be_none(tagger):
    assert tagger.tag(STEEL, title=None, outlet=None) == tagger.tag(STEEL)
    assert tagger.explain(STEEL, "industry", title=None) == tagger.explain(STEEL, "industry")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "text must be a str, not NoneType"),
        (5, "text must be a str, not int"),
        (STEEL.encode(), "not bytes"),
    ],
    ids=["None", "int", "bytes"],
)
def test_a_text_of_another_type_is_an_error(tagger, text, message):
    with pytest.raises(TypeError, match=message):
        tagger.tag(text)
    with pytest.raises(TypeError, match=message):
        tagger.explain(text, "industry")


def test_a_tagger_can_be_pickled(tagger):
    assert pickle.loads(pickle.dumps(tagger)).tag(STEEL) == tagger.tag(STEEL)


def test_a_tagger_can_be_pickled_in_another_folder(models, tagger, monkeypatch):
    monkeypatch.chdir(models.parent)
    found = Tagger.load(models.name)
    monkeypatch.chdir("/")
    assert pickle.loads(pickle.dumps(found)).tag(STEEL) == tagger.tag(STEEL)


@pytest.mark.parametrize("field", ["title", "outlet", "id"])
def test_a_falsy_title_of_another_type_is_an_error(tagger, field):
    with pytest.raises(TypeError, match=f"{field} must be a str, not int"):
        tagger.tag(STEEL, **{field: 0})


# Reasons


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


@pytest.mark.parametrize("rubric", ["economy", "industry", "tourism"])
def test_prior_and_reasons_sum_to_the_log_odds(tagger, inbox, rubric):
    for article in inbox[::5]:
        found = tagger.explain(article.text, rubric, article.title, article.outlet)
        total = found.prior + sum(reason.weight for reason in found.reasons)
        assert 1 / (1 + math.exp(-total)) == pytest.approx(found.probability, abs=1e-4)
        tagged = tagger.tag(article.text, article.title, article.outlet)
        assert found.probability == tagged.scores[rubric]
        assert found.given == (rubric in labels(tagged))
        if abs(found.probability - found.threshold) > 1e-4:  # both are rounded
            assert found.given == (found.probability > found.threshold)


def test_reasons_are_words_of_the_text_by_weight(tagger, inbox):
    for article in inbox[::5]:
        found = tagger.explain(article.text, "industry", article.title)
        weights = [abs(reason.weight) for reason in found.reasons]
        assert weights == sorted(weights, reverse=True)
        for reason in found.reasons:
            assert reason.places
            assert list(reason.places) == sorted(
                set(reason.places), key=lambda place: (place.part == "text", place.start)
            )
            for place in reason.places:
                assert getattr(found, place.part)[place.start : place.stop].lower() == reason.words


def test_reasons_are_plausible(tagger):
    found = tagger.explain("Туристы бронируют отели, а завод встал.", "tourism", title="Отели заняты")
    reasons = {reason.words: reason for reason in found.reasons}
    assert found.given
    assert reasons["туристы"].weight > 0
    assert reasons["завод"].weight < 0
    assert [(place.part, place.start, place.stop) for place in reasons["отели"].places] == [
        ("title", 0, 5),
        ("text", 18, 23),
    ]


def test_an_empty_text_has_no_reasons(tagger):
    found = tagger.explain("", "tourism")
    assert (found.reasons, found.given, found.text) == ((), False, "")
    assert found.probability == tagger.tag("").scores["tourism"]


def test_the_source_column_replaces_a_missing_outlet(tagger, monkeypatch):
    outlets: list[str] = []
    tag = tagger.tag_articles
    monkeypatch.setattr(
        tagger, "tag_articles", lambda some: outlets.extend(one.outlet for one in some) or tag(some)
    )
    tagger.tag_many(pd.DataFrame({"text": [STEEL] * 2, "outlet": ["Обь", None], "source": ["РБК"] * 2}))
    tagger.tag_many(pd.DataFrame({"text": [STEEL], "source": ["РБК"]}))
    assert outlets == ["Обь", "РБК", "РБК"]


def test_a_tagger_has_its_rubrics(tagger):
    assert tagger.rubrics == ("economy", "industry", "tourism")


def test_two_columns_with_one_name_are_an_error(tagger):
    frame = pd.DataFrame([[STEEL, CAT]], columns=["text", "text"])
    with pytest.raises(UsageError, match="two columns of the table are called 'text'; rename one of them"):
        tagger.tag_many(frame)


@pytest.mark.parametrize("text", ["", " \n", "<p>&nbsp;</p>", "!!! 🎉"])
def test_an_article_without_words_needs_review(tagger, text):
    assert tagger.tag(text).needs_review
    assert tagger.tag(text, title="Отели заняты").rubrics == tagger.tag("", title="Отели заняты").rubrics


FOREIGN = {
    "Ukrainian": "Завод у Запоріжжі збільшив випуск прокату. На підприємстві працює понад тисяча людей, банк "
    "видав йому кредит.",
    "Belarusian": "Завод у Мінску павялічыў выпуск тавараў. На прадпрыемстве працуе больш за тысячу чалавек.",
    "Kazakh": "Алматыда жаңа зауыт ашылды. Мұнда екі жүзден астам адам жұмыс істейтін болады.",
    "English": "The bank has raised its rate: inflation is up, and the plant in the north makes less steel.",
    "transliterated": "Zavod v Magnitogorske uvelichil vyplavku stali i zapustil novuju liniju prokata.",
    "gibberish": "Ываолд фыпр ждлорп чсмить йцукен ывапро лджэ ячсмит орпавы ролджэ.",
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=[*FOREIGN])
def test_an_article_in_another_language_needs_review(tagger, text):
    assert tagger.tag(text).needs_review
    assert tagger.explain(text, "industry").review == "unfamiliar"


def test_needs_review_does_not_depend_on_the_batch(tagger):
    texts = [STEEL, *FOREIGN.values(), BANK, "", HOTEL]
    alone = [tagger.tag(text).needs_review for text in texts]
    assert alone == [False, *[True] * len(FOREIGN), False, True, False]
    assert tagger.tag_many(pd.DataFrame({"text": texts}))["needs_review"].tolist() == alone
    assert [bool(tagger.explain(text, "economy").review) for text in texts] == alone


def test_explain_states_the_reason_for_review(tagger):
    articles, _ = all_of(Corpus(embedded_inbox()))
    reasons = [tagger.explain(one.text, "economy", one.title, one.outlet).review for one in articles]
    assert reasons == ["doubt" if one.needs_review else "" for one in tagger.tag_articles(articles)]
    assert set(reasons) == {"", "doubt"}
    assert tagger.explain("", "economy").review == "unfamiliar"


def test_function_words_are_not_shown_as_reasons(tagger):
    words = {
        "тем": 4.0,
        "данные": 3.5,
        "на": 3.0,
        "для": 2.5,
        "который": 2.2,
        "завод": 2.0,
        "на заводе": 1.0,
        "море": -1.0,
        "у": -2.0,
    }
    reasons = tuple(Reason(one, weight, ()) for one, weight in words.items())
    found = replace(tagger.explain(STEEL, "industry"), reasons=reasons)
    assert telling(found, 1, 4) == ["тем", "данные", "завод", "на заводе"]
    assert telling(found, 1, 3) == ["тем", "данные", "завод"]
    assert telling(found, -1, 4) == ["море"]


def test_forms_of_a_word_are_one_reason(tagger):
    words = {"рубли": 1.0, "цен": 0.8, "цена": 0.7, "12%": 0.6, "ценам": 0.6, "5%": 0.5, "спрос": 0.4}
    reasons = tuple(Reason(one, weight, ()) for one, weight in words.items())
    found = replace(tagger.explain(STEEL, "industry"), reasons=reasons)
    assert telling(found, 1, 4) == ["цен", "12%", "рубли", "спрос"]


def test_because_counts_forms_of_a_word_once(tagger):
    """«завод», «заводе» and «завода» are three reasons, but one word to an editor."""
    text = "Завод растёт: на заводе пустили линию проката, цехи завода получили станки для завода."
    words = tagger.because(text, "industry", most=3)
    assert words == telling(tagger.explain(text, "industry"), 1, 3)
    assert len(words) == 3
    assert sum(word.startswith("завод") for word in words) == 1
    assert tagger.because(CAT, "industry", title="Цех", most=1) == ["цех"]


def test_repr_names_the_versions_and_predictions_become_json(tagger):
    assert repr(tagger) == f"<Tagger {', '.join(version.label for version in tagger.versions)}>"
    answer = json.loads(json.dumps(msgspec.to_builtins(tagger.tag(STEEL))))
    assert answer["rubrics"][0]["label"] == "industry"


def test_explaining_an_unknown_rubric_is_an_error(tagger):
    with pytest.raises(
        UsageError, match="unknown rubric 'спорт'; known rubrics: 'economy', 'industry', 'tourism'"
    ):
        tagger.explain(STEEL, "спорт")


@settings(max_examples=40)
@given(
    text=st.text(st.characters() | st.sampled_from("завод стали\ud800\x00<&;")), title=st.text(max_size=20)
)
def test_any_text_can_be_tagged_and_explained(tagger, text, title):
    tagged, found = tagger.tag(text, title), tagger.explain(text, "industry", title)
    assert found.probability == tagged.scores["industry"]
    assert all(0 <= value <= 1 for value in tagged.scores.values())
