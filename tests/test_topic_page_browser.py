"""The topic page in a browser: mouse, keyboard and address, without network."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from msgspec.structs import replace

from chromium import BROWSER, visit
from newsroom import hostile
from topics.reports import topic_pages
from topics.topic_models.labels import SHOWN
from topics.versions.registry import Registry

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def version(topic_models):
    return Registry(topic_models).open("topics")


@pytest.fixture(scope="module")
def report(version):
    return topic_pages.load(version.folder)


@pytest.fixture(scope="module")
def page(version, report, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(topic_pages.topic_page(report, "ru", version.manifest), encoding="utf-8")
    return path


def test_the_page_opens_at_a_topic_without_console_messages(page, report):
    topic = report.topics[5]
    found = visit(page, f"#topic={topic.id}")
    assert found.console == []
    assert f'<h2 id="name">{topic.label}</h2>' in found.dom
    assert found.dom.count('role="option"') == len(report.topics)
    body = found.dom.partition("<body>")[2].partition("<script")[0]
    assert body.count('aria-selected="true"') == 1


def test_hostile_titles_are_not_executed(page, report):
    attacked = page.with_name("hostile.html")
    attacked.write_text(topic_pages.topic_page(hostile(report), "ru"), encoding="utf-8")
    found = visit(attacked, f"#topic={report.topics[3].id}")
    assert found.console == []
    assert "<title>Темы: отчёт о модели «topics»</title>" in found.dom
    assert "<img" not in found.dom
    assert "caught" in found.dom  # as text


@pytest.fixture(scope="module")
def seen(page):
    found = visit(page, script=INTERACTIONS)
    assert found.console == []
    assert "error" not in found.seen
    return found.seen


def test_a_click_on_the_map_shows_the_topic(seen, report):
    before, after = seen["at first"], seen["after a click"]
    assert before["name"] == report.topics[0].label
    assert after["name"] == report.topics[3].label
    assert after["words"] != before["words"]
    assert after["articles"] == [one.title for one in report.topics[3].articles]
    assert after["hash"] == f"#topic={report.topics[3].id}"
    assert after["selected"] == [3]
    assert after["row"] == [3]
    assert report.topics[3].label in after["told"]


def test_lambda_reorders_the_words(seen, report):
    sheet = report.topics[3]
    for weight, key in ((0.6, "after a click"), (0, "lambda 0"), (1, "lambda 1")):
        score = {
            report.words[place]: np.log(inside) - (1 - weight) * np.log(report.overall[place])
            for place, inside in zip(sheet.words, sheet.weights, strict=True)
        }
        shown = [score[word] for word in seen[key]["words"]]
        assert len(shown) == SHOWN
        assert shown == sorted(score.values(), reverse=True)[:SHOWN]


def test_the_keyboard_reaches_every_topic(seen, report):
    assert seen["after an arrow"] not in (3, -1)
    assert seen["after enter"]["name"] == report.topics[seen["after an arrow"]].label
    assert seen["reached"] == list(range(len(report.topics)))


def test_list_table_arrows_and_address_select_a_topic(seen, report):
    labels = [topic.label for topic in report.topics]
    assert [seen[key] for key in ("by list", "by table", "by arrow")] == [labels[1], labels[6], labels[7]]
    assert seen["by address"] == labels[2]


def test_nothing_is_fetched(seen):
    assert seen["fetched"] == []


@pytest.mark.parametrize("width", [1400, 390])
def test_labels_do_not_overlap_and_fit_the_window(page, report, width):
    crowd = crowded(report)
    page = page.with_name(f"crowd-{width}.html")
    page.write_text(topic_pages.topic_page(crowd, "ru"), encoding="utf-8")
    found = visit(page, width=width, script=MEASUREMENTS)
    assert found.console == []
    assert found.seen["window"] >= found.seen["page"]
    labels = found.seen["labels"]
    assert len(labels) > 20
    for one, other in combinations(labels, 2):
        across = min(one["right"], other["right"]) - max(one["left"], other["left"])
        down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
        assert min(across, down) < 3, (one, other)


def test_no_line_of_a_name_ends_in_a_preposition(page, report):
    names = {topic.id: f"Суды и приговоры в крае {topic.id}" for topic in report.topics}
    page = page.with_name("named.html")
    page.write_text(topic_pages.topic_page(topic_pages.renamed(report, names), "ru"), encoding="utf-8")
    lines = visit(page, script=LINES).seen["lines"]
    assert any("и\xa0приговоры" in line for line in lines)
    assert [line for line in lines if line.endswith((" и", " в"))] == []


def crowded(report):
    """The report with 80 topics of different words."""
    places = zip(*np.random.default_rng(0).random((2, 80)).tolist(), strict=True)
    topics = tuple(
        replace(
            report.topics[k % 8],
            id=k + 1,
            label=", ".join(report.words[3 * k : 3 * k + 3]),
            circle=(x, y, 0.05 - 0.0005 * k),
            nearest=(),
        )
        for k, (x, y) in enumerate(places)
    )
    return replace(report, topics=topics, changes=())


INTERACTIONS = """
const texts = (selector) => [...document.querySelectorAll(selector)].map((found) => found.textContent);
const circles = [...document.querySelectorAll("#map circle")];
const rows = [...document.querySelectorAll("#list tbody tr")];
const name = () => document.getElementById("name").textContent;
const places = (all, test) => all.flatMap((one, k) => test(one) ? [k] : []);
const look = () => ({
  name: name(), words: texts("#words th"), articles: texts("#article-list .title"), hash: location.hash,
  told: document.getElementById("told").textContent,
  selected: places(circles, (one) => one.getAttribute("aria-selected") === "true"),
  row: places(rows, (one) => one.hasAttribute("aria-current")),
});
const press = (key) =>
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const slide = (value) => {
  const slider = document.getElementById("lambda");
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
};
note("at first", look());
circles[3].dispatchEvent(new MouseEvent("click", { bubbles: true }));
note("after a click", look());
for (const value of [0, 1]) {
  slide(value);
  note(`lambda ${value}`, look());
}
circles[3].focus();
for (const key of ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"]) {
  press(key);
  if (document.activeElement !== circles[3]) break;
}
note("after an arrow", circles.indexOf(document.activeElement));
press("Enter");
note("after enter", look());
const reached = new Set(), waiting = [0];
while (waiting.length) {
  const k = waiting.pop();
  if (reached.has(k)) continue;
  reached.add(k);
  for (const key of ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"]) {
    circles[k].focus();
    press(key);
    waiting.push(circles.indexOf(document.activeElement));
  }
}
note("reached", [...reached].sort((a, b) => a - b));
const picker = document.getElementById("picker");
picker.selectedIndex = 1;
picker.dispatchEvent(new Event("change"));
note("by list", name());
rows[6].querySelector("button").click();
note("by table", name());
document.getElementById("on").click();
note("by arrow", name());
const address = new HashChangeEvent("hashchange");
history.replaceState(null, "", `#topic=${picker.options[2].value}`);
dispatchEvent(address);
note("by address", name());
note("fetched", performance.getEntriesByType("resource").map((one) => one.name));
"""
LINES = """
note("lines", [...document.querySelectorAll("#map .labels tspan")].map((line) => line.textContent));
"""
MEASUREMENTS = """
const box = (one) => { const { left, right, top, bottom } = one.getBoundingClientRect();
  return { left, right, top, bottom, text: one.textContent }; };
note("labels", [...document.querySelectorAll("#map .labels text")].map(box));
note("page", document.documentElement.scrollWidth);
note("window", innerWidth);
"""
