"""The report, the model card and the explanation page: valid, self-contained, with the right figures."""

from __future__ import annotations

import json
import re
import tomllib
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from msgspec.structs import replace
from sklearn.metrics import precision_recall_curve

from chromium import BROWSER, visit
from newsroom import CAT, HOTEL, STEEL, write
from topics.config import Config, Reporting, Rubrics
from topics.corpus import Corpus, embedded
from topics.errors import ModelError
from topics.quality.curves import confusions, precision_recall, reliability, risk_coverage
from topics.quality.evaluation import Answers
from topics.quality.intervals import wilson
from topics.quality.measuring import measure
from topics.quality.slices import slices
from topics.reports import pages
from topics.reports.charts import chart
from topics.rubrics.rules import Rule
from topics.tagger import Tagger
from topics.training.job import TrainingJob
from topics.versions.registry import Registry

VOID = {"meta", "br", "img", "line", "circle", "polyline", "link", "input", "hr"}


class Page(HTMLParser):
    """Parses a page and records unclosed tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.said: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def check_page(text: str) -> Page:
    """Check that a page is valid and self-contained."""
    page = Page(text)
    assert (page.open, page.wrong) == ([], [])
    for tag, name, value in page.attributes:
        assert name not in ("src", "srcset", "action"), tag
        assert not name.startswith("on"), (tag, name)
        if name == "href":
            assert value.startswith("#"), value
    assert "//" not in text.rpartition("</style>")[2].replace("&#", ""), "a network address"
    assert not re.search(r"@import|url\(", text)
    anchors = {value for _, name, value in page.attributes if name == "id"}
    assert {value[1:] for _, name, value in page.attributes if name == "href"} <= anchors
    return page


@pytest.fixture(scope="module")
def version(models):
    return Registry(models).open("rubrics")


# The report


def test_a_version_has_a_report_and_a_model_card(version):
    page = check_page((version.folder / "report.html").read_text(encoding="utf-8"))
    metrics = version.manifest.metrics
    for rubric in metrics.rubrics:
        assert rubric.rubric in page.text
        assert f"{100 * rubric.precision:.0f}\u00a0%" in " ".join(page.said)
        assert f"{100 * rubric.f1:.0f}\u00a0%" in " ".join(page.said)
    assert f"{100 * metrics.exact_match:.0f}\u00a0%" in " ".join(page.said)
    card = (version.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"{metrics.macro_f1:.3f}".replace(".", ",") in card
    assert "## Когда ей не стоит верить" in card
    assert "пунктир" not in card, "the card has no chart"
    error = f"{100 * metrics.calibration_error:.1f}".replace(".", ",")
    assert f"расходится с долей верных ответов в среднем на {error}\u00a0%." in card
    among = f"{100 * metrics.likely.calibration_error:.1f}".replace(".", ",")
    for text in card, " ".join(page.said):
        assert f"(таких ответов {metrics.likely.answers}), расхождение {among}\u00a0%;" in text


def test_the_report_states_the_review_share(version):
    report = pages.load(version.folder)
    changed = replace(report, review_share=0.104)
    for written in pages.report_page, pages.model_card:
        assert "Из всех статей обучения — 10\u00a0%;" in written(changed, "ru")
        assert "Of all training articles it is 10%;" in written(changed, "en")
    assert report.review_share == pytest.approx(version.manifest.metrics.review_share), (
        "all articles are measured"
    )


def test_phrases_are_grammatical_with_any_number(version):
    page = pages.report_page(replace(pages.load(version.folder), articles=501, labelled=1, clean=1), "ru")
    assert "Статей в обучении: 501; с известными рубриками: 1, из них тщательно проверено: 1." in page
    assert "Измерено на статьях, которых модель при обучении не видела; всего их " in page
    assert "Издания и месяцы, где меньше 20 статей, сложены в «прочее»." in page


def test_the_expected_result_of_a_goal_is_reported(tmp_path, topics):
    goals = "[rubrics.settings.decisions.goals]\ntourism.precision = 0.8\neconomy.recall = 0.99\n"
    (tmp_path / "goals.toml").write_text(f'[report]\nlang = "en"\n{goals}', encoding="utf-8")
    models = "--models", tmp_path / "models"
    ran = topics("train", *embedded()[:2], "--only", "rubrics", "--config", tmp_path / "goals.toml", *models)
    version = Registry(tmp_path / "models").open("rubrics")
    economy, _, tourism = version.manifest.metrics.rubrics
    for one, name, goal, reached, n in (
        (tourism, "precision", 0.8, tourism.precision, tourism.given),
        (economy, "recall", 0.99, economy.recall, economy.positives),
    ):
        low, high = wilson(reached, n)
        assert (
            f"{one.rubric}: goal {name} {goal:.2f}; out of fold {reached:.2f}, "
            f"expect {low:.2f} to {high:.2f} ({one.positives} positives)"
        ) in ran.err
        wanted = f"{name} is {goal:.0%}. On articles that the model had not seen it was {reached:.0%}; on new"
        page = check_page((version.folder / "report.html").read_text(encoding="utf-8"))
        assert wanted in page.text
        assert f"{one.rubric}: The target {wanted}" in (version.folder / "MODEL_CARD.md").read_text(
            encoding="utf-8"
        )
        assert "industry: goal" not in ran.err


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_report_is_available_in_both_languages(version, language):
    report = pages.load(version.folder)
    page = check_page(pages.report_page(report, language, version.manifest))
    assert ("Слова «за»" in page.text) is (language == "ru")
    assert ("Words for it" in page.text) is (language == "en")
    assert version.manifest.version in page.text
    assert "altai.jsonl" in page.text


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium")
def test_with_many_rubrics_a_link_unfolds_one(version, tmp_path):
    few = pages.load(version.folder)
    report = replace(few, rubrics=few.rubrics * 3, whole=replace(few.whole, rubrics=few.whole.rubrics * 3))
    page = tmp_path / "report.html"
    page.write_text(pages.report_page(report, "ru"), encoding="utf-8")
    assert visit(page).dom.count("<details open") == 0
    assert visit(page, "#rubric-8").dom.count("<details open") == 1


def test_both_languages_have_the_same_phrases_and_fields():
    found = {}
    for language in ("ru", "en"):
        path = resources.files("topics.reports") / "templates" / f"{language}.toml"
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        found[language] = {
            (section, key): set(re.findall(r"{(\w+)}", phrase))
            for section, phrases in content.items()
            for key, phrase in phrases.items()
        }
    assert found["ru"] == found["en"]


def test_report_and_card_show_the_time_ordered_check(tmp_path):
    rows = [json.loads(line) for path in embedded() for line in path.read_text("utf-8").splitlines()]
    days = [f"2026-0{1 + i % 5}-01" for i in range(len(rows))]
    dated = [row | {"date": day} for row, day in zip(rows, days, strict=True)]
    version = TrainingJob(
        Corpus(write(tmp_path / "a.jsonl", *dated)), Config(), Registry(tmp_path / "models")
    ).train_rubrics()
    later = pages.load(version.folder).later
    assert (later.since, later.measure.articles) == ("2026-05-01", 100)
    for name in ("report.html", "MODEL_CARD.md"):
        said = (version.folder / name).read_text(encoding="utf-8")
        assert "модель, обученная на статьях до 2026-05-01, полностью верно размечает" in said
        assert "статей с этого дня, у которых известны все рубрики (их 100)" in said


def test_numbers_of_fully_labelled_articles_are_stated(topics, tmp_path, monkeypatch):
    rows = [json.loads(line) for path in embedded() for line in path.read_text("utf-8").splitlines()]
    for n, row in enumerate(rows):
        row["date"] = f"2026-0{1 + n % 5}-01"
        row["unknown"] = ["tourism"] if n % 4 and "tourism" not in row["rubrics"] else []
    whole = sum(not row["unknown"] for row in rows)
    data = write(tmp_path / "a.jsonl", *rows)
    ran = topics("train", data, "--only", "rubrics", "--models", tmp_path / "models")
    assert f"(of {whole} with every rubric known) on 500 articles" in " ".join(ran.err.split())
    folder = Path(ran.out.strip())
    later = pages.load(folder).later.measure
    assert 0 < later.wholly_known < later.articles
    for name in ("report.html", "MODEL_CARD.md"):
        said = (folder / name).read_text(encoding="utf-8")
        assert f"Все рубрики известны у {whole} из них" in said
        assert f"у которых известны все рубрики (их {later.wholly_known})" in said
    [part] = [one for one in pages.load(folder).slices["outlet"] if one.name == rows[0]["outlet"]]
    assert 0 < part.measure.wholly_known < part.measure.articles
    page = check_page((folder / "report.html").read_text(encoding="utf-8"))
    assert f"из {part.measure.wholly_known}" in page.text
    marked: list[tuple[float, float]] = []
    real = pages.charts.chart
    monkeypatch.setattr(
        pages.charts,
        "chart",
        lambda *said, **more: marked.append((said[-1], more.get("marked"))) or real(*said, **more),
    )
    pages.report_page(pages.load(folder), "ru")
    [(curve, (share, right))] = [(drawn, mark) for drawn, mark in marked if mark][:1]
    assert right == pytest.approx(np.interp(share, *zip(*curve, strict=True)))
    assert right > 0.5
    ran = topics("evaluate", "rubrics", data, "--slice-by", "outlet", "--models", tmp_path / "models")
    assert ran.out.count("(of ") == 1 + len(pages.load(folder).slices["outlet"])


def test_an_archive_of_unique_words_has_a_report_without_words(tmp_path):
    letters = "абвгдежзик"
    rows = [
        {
            "id": f"{i}",
            "text": " ".join(f"{letters[i // 10]}{letters[i % 10]}{letter}ъ" for letter in letters),
            "rubrics": ["economy"] if i % 2 else [],
        }
        for i in range(60)
    ]
    config = Config(rubrics=Rubrics(settings={"fields": {"min_df": 1}}))
    version = TrainingJob(
        Corpus(write(tmp_path / "a.jsonl", *rows)), config, Registry(tmp_path / "models")
    ).train_rubrics()
    assert not any(rubric.words_for for rubric in pages.load(version.folder).rubrics)


def test_the_report_agrees_with_the_manifest(version):
    report, metrics = pages.load(version.folder), version.manifest.metrics
    assert report.whole.articles == metrics.articles
    assert report.whole.macro_f1.value == pytest.approx(metrics.macro_f1)
    assert report.whole.exact_match.value == pytest.approx(metrics.exact_match)
    for reported, kept in zip(report.whole.rubrics, metrics.rubrics, strict=True):
        assert (reported.rubric, reported.positives) == (kept.rubric, kept.positives)
        assert reported.f1.value == pytest.approx(kept.f1)
        assert reported.f1.low <= reported.f1.value <= reported.f1.high


def test_the_strongest_words_are_plausible(version):
    found = {rubric.rubric: rubric for rubric in pages.load(version.folder).rubrics}
    assert {"турист", "гость", "маршрут"} & {word.words for word in found["tourism"].words_for}
    assert {"завод", "цех", "предприятие"} & {word.words for word in found["industry"].words_for}
    for rubric in found.values():
        assert all(word.weight > 0 for word in rubric.words_for)
        assert all(word.weight < 0 for word in rubric.words_against)


def test_listed_errors_are_errors_with_short_excerpts(version):
    texts = {a.id: a for batch in Corpus(embedded()).batches() for a in batch.articles}
    shown = 0
    for rubric in pages.load(version.folder).rubrics:
        for mistake, is_wrong in (
            (m, w) for w in (True, False) for m in (rubric.given_wrongly, rubric.missed)[w]
        ):
            shown += 1
            assert (rubric.rubric in texts[mistake.id].labels.rubrics) is is_wrong
            assert len(mistake.beginning) <= 202
            assert mistake.labels == tuple(sorted(texts[mistake.id].labels.rubrics))
    assert shown


def test_with_excerpt_0_no_text_is_stored(tmp_path):
    config = Config(report=Reporting(lang="en", excerpt=0))
    version = TrainingJob(Corpus(embedded()[:2]), config, Registry(tmp_path)).train_rubrics()
    report = pages.load(version.folder)
    assert not any(rubric.given_wrongly or rubric.missed for rubric in report.rubrics)
    assert "How this was measured" in (version.folder / "report.html").read_text(encoding="utf-8")
    whole = (version.folder / "report.json").read_text(encoding="utf-8")
    titles = [a.title for batch in Corpus(embedded()[:2]).batches() for a in batch.articles]
    assert not [title for title in titles if title in whole]


def test_lang_sets_the_language_of_the_report(topics, tmp_path):
    ran = topics("train", embedded()[0], "--only", "rubrics", "--models", tmp_path, "--lang", "en")
    assert "When not to trust it" in (Path(ran.out.strip()) / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_rules_and_hostile_titles_are_escaped(tmp_path):
    rows = [json.loads(line) for path in embedded()[:2] for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        row["title"] = "<script>alert(1)</script> & «Снег»"
        row["rubrics"] = ["a|b" if name == "economy" else name for name in row["rubrics"]]
    config = Config(rules={"flood": Rule(force=("<b>паводок</b>",))})
    version = TrainingJob(
        Corpus(write(tmp_path / "a.jsonl", *rows)), config, Registry(tmp_path / "m")
    ).train_rubrics()
    page = check_page((version.folder / "report.html").read_text(encoding="utf-8"))
    assert "script" not in {tag for tag, _, _ in page.attributes} | set(page.open)
    assert "«<b>паводок</b>»" in page.text
    assert "\n| a\\|b | " in (version.folder / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_the_command_writes_report_and_card(topics, models, tmp_path):
    ran = topics("report", "--models", models)
    assert Path(ran.out.strip()).is_file()
    ran = topics("report", "rubrics", "--models", models, "-o", tmp_path / "r.html", "--lang", "en")
    assert (ran.code, ran.out) == (0, "")
    check_page((tmp_path / "r.html").read_text(encoding="utf-8"))
    topics("report", "--models", models, "-o", tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text(encoding="utf-8").startswith("# Рубрики: отчёт о модели")
    assert topics("report", "nobody", "--models", models).code == 4


def test_a_missing_report_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match=r"report\.json: cannot be read"):
        pages.load(tmp_path)


# Curves


@st.composite
def answers(draw):
    n = draw(st.integers(1, 30))
    truth = draw(arrays.arrays(np.int8, (n, 2), elements=st.sampled_from([-1, 0, 1])))
    probabilities = draw(arrays.arrays(float, (n, 2), elements=st.integers(0, 10).map(lambda i: i / 10)))
    return Answers(truth, probabilities, probabilities >= 0.5, np.zeros(n, bool))


@given(answers())
def test_precision_recall_curves_equal_those_of_scikit_learn(case):
    found = precision_recall(case, 0)
    known = case.truth[:, 0] >= 0
    if not (case.truth[:, 0] == 1).any():
        assert found == ()
        return
    precision, recall, _ = precision_recall_curve(case.truth[known, 0], case.probabilities[known, 0])
    theirs = list(zip(recall[::-1].tolist(), precision[::-1].tolist(), strict=True))[1:]
    until_all_are_found = [
        point for point, before in zip(theirs, [(0, 0), *theirs], strict=False) if before[0] < 1
    ]
    assert np.array(found) == pytest.approx(np.array(until_all_are_found))
    assert found[-1][0] == 1


@given(answers())
def test_reliability_bins_contain_every_known_label(case):
    bins = reliability(case)
    assert sum(part.answers for part in bins) == (case.truth >= 0).sum()
    assert sum(part.answers * part.share for part in bins) == pytest.approx((case.truth == 1).sum())


def test_accuracy_rises_as_uncertain_articles_are_reviewed():
    truth = np.array([[1], [1], [0], [0], [1]] * 10, np.int8)
    probabilities = np.array([[0.99], [0.95], [0.01], [0.05], [0.45]] * 10)  # only the last is an error
    errors = np.minimum(probabilities, 1 - probabilities)[:, 0]
    found = risk_coverage(Answers(truth, probabilities, probabilities >= 0.5, np.zeros(50, bool)), errors)
    assert found[0][1] == 1.0
    assert found[-1] == (1.0, 0.8)


def test_an_unlabelled_rubric_does_not_change_other_metrics():
    generator = np.random.default_rng(0)
    truth = (generator.random((60, 3)) < 0.3).astype(np.int8)
    truth[:, 2] = -1  # a rubric with rules alone
    truth[:6, 1] = -1
    said = generator.random((60, 3))
    answers = Answers(truth, said, said >= 0.5, np.zeros(60, bool))
    both = Answers(truth[:, :2], said[:, :2], said[:, :2] >= 0.5, np.zeros(60, bool))
    found, expected = measure(answers, ("a", "b", "c")), measure(both, ("a", "b"))
    assert (found.wholly_known, found.exact_match) == (54, expected.exact_match)
    assert found.exact_match.value is not None
    assert risk_coverage(answers, said[:, 0]) == risk_coverage(both, said[:, 0])
    [first, *_] = slices(["до"] * 30 + ["после"] * 30, answers, ("a", "b", "c"))
    [same, *_] = slices(["до"] * 30 + ["после"] * 30, both, ("a", "b"))
    assert first.measure.exact_match == same.measure.exact_match


def test_a_slice_with_an_unknown_rubric_has_no_fully_labelled_article():
    truth = np.zeros((80, 2), np.int8)
    truth[:40, 1] = -1
    answers = Answers(truth, np.zeros((80, 2)), np.zeros((80, 2), bool), np.zeros(80, bool))
    found = {
        part.name: part.measure.wholly_known for part in slices(["а"] * 40 + ["б"] * 40, answers, ("x", "y"))
    }
    assert found == {"а": 0, "б": 40}


def test_near_duplicates_do_not_narrow_intervals():
    truth = np.array([[1], [0], [1], [0], [1]] * 4, np.int8)
    said = np.array([[1], [0], [0], [1], [1]] * 4, bool)
    once = Answers(truth, said.astype(float), said, np.zeros(20, bool))
    copied = once.take(np.repeat(np.arange(20), 5))
    alike = np.repeat(np.arange(20), 5) * 5
    exact, independent, grouped = (
        measure(answers, ("a",), 500, groups).exact_match
        for answers, groups in ((once, None), (copied, None), (copied, alike))
    )
    assert exact.value == independent.value == grouped.value
    assert (grouped.low, grouped.high) == (exact.low, exact.high)
    assert independent.high - independent.low < 0.6 * (grouped.high - grouped.low)


def test_confusions_are_counted():
    truth = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [1, -1], [1, 1]], np.int8)
    given_ = np.array([[0, 1], [0, 1], [0, 0], [1, 0], [1, 1], [1, 1]], bool)
    found = confusions(Answers(truth, given_.astype(float), given_, np.zeros(6, bool)), ("a", "b"))
    assert [(one.held, one.given, one.articles) for one in found] == [
        ("a", "b", 2),
        ("", "a", 1),
        ("b", "", 1),
    ]


def test_a_chart_is_drawn_to_scale():
    drawn = chart("x", "y <&>", [(0, 0), (1, 1)], dots=[(0.5, 0.5)], marked=(1, 0), ticks=("0", "50", "100"))
    Page(drawn)
    assert 'points="40.0,232.0 340.0,12.0"' in drawn
    assert '<circle class="dot" cx="190.0" cy="122.0"' in drawn
    assert '<circle class="marked" cx="340.0" cy="232.0"' in drawn
    assert "y &lt;&amp;&gt;" in drawn


# The explanation page


def test_the_explanation_page_marks_words_in_the_text(topics, models, tmp_path):
    (tmp_path / "a.txt").write_text(STEEL + " <b>Туристы</b> рады.", encoding="utf-8")
    page = tmp_path / "why.html"
    ran = topics("explain", tmp_path / "a.txt", "--title", "Пуск", "--models", models, "--html", page)
    assert (ran.code, ran.out) == (0, "")
    text = page.read_text(encoding="utf-8")
    found = check_page(text)
    assert re.search(r'<mark class="for"[^>]*>Завод</mark>', text)
    assert "industry: рубрика поставлена" in found.text


def test_marking_does_not_change_the_text(tagger):
    for title, text in (("Пуск", STEEL), ("", HOTEL), ("Кот", CAT), ("", "")):
        explanation = tagger.explain(text, "tourism", title)
        for part, whole in (("title", explanation.title), ("text", explanation.text)):
            pieces = pages.pieces(explanation, part)
            assert "".join(piece for piece, _, _ in pieces) == whole
            marked = {piece.lower() for piece, weight, _ in pieces if weight}
            assert marked <= set(" ".join(reason.words for reason in explanation.reasons).split()) | {
                reason.words for reason in explanation.reasons
            }


def test_marks_of_rules_override_those_of_words(tmp_path):
    config = Config(rules={"tourism": Rule(forbid=("завод",))})
    TrainingJob(Corpus(embedded()[:2]), config, Registry(tmp_path)).train_rubrics()
    explanation = Tagger.load(tmp_path).explain(STEEL, "tourism")
    assert ("Завод", 1.0, "forbid") in pages.pieces(explanation, "text")
    page = check_page(pages.explanation_page([explanation], "en"))
    assert "forbids the rubric" in page.text
    assert "tourism: not assigned" in page.text
