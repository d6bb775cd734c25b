"""Cross-validation: near-duplicates are in one fold, and the newest articles are checked in order of time."""

from __future__ import annotations

import json

import numpy as np
import pytest

from newsroom import BANK, HOTEL, STEEL, all_of, varied, write
from topics.classifiers.linear import LinearClassifier
from topics.config import Config
from topics.corpus import Corpus, embedded
from topics.errors import DataError
from topics.labelling.audit import audit
from topics.text.tokens import tokenize
from topics.training.learning import learn
from topics.training.preparation import prepare


def test_near_duplicates_are_in_one_fold():
    articles, _ = all_of(Corpus(embedded()[:2]))
    texts = [article.text for article in articles]
    reprints = [f"{text} Источник сообщает." for text in texts[:40]]
    truth = np.array([["economy" in article.labels.rubrics] for article in articles], np.int8)
    clean = np.arange(len(texts) + 40) < 30
    tokens = tokenize([""] * (len(texts) + 40), texts + reprints)
    model = LinearClassifier().fit(tokens, np.concatenate([truth, truth[:40]]), ["economy"], clean)
    folds = model.out_of_fold.folds
    assert (folds[:40] == folds[len(texts) :]).all()
    assert np.bincount(folds[:30]).tolist() == [6] * 5, "clean articles are stratified"


def test_a_wrong_label_is_found_in_spite_of_its_reprints(tmp_path):
    """Three outlets print one article with the same wrong rubric; the copies must not confirm each other."""
    rows = [json.loads(line) for path in embedded() for line in path.read_text(encoding="utf-8").splitlines()]
    wrong = next(row for row in rows if row["id"] == "ural-001")
    assert "tourism" not in wrong["rubrics"]
    rows += [wrong | {"id": name, "rubrics": ["tourism"], "outlet": name} for name in ("a", "b", "c")]
    rows.remove(wrong)
    found = audit(Corpus(write(tmp_path / "a.jsonl", *rows)), Config(), 60)
    assert {"a", "b", "c"} <= {suspect.id for suspect in found.suspects}


def test_an_archive_of_one_reprinted_article_is_an_error():
    texts = [f"{BANK} Так сообщил {('Иванов', 'Петров', 'Сидоров')[i % 3]}." for i in range(40)]
    truth = np.array([[i % 2] for i in range(40)], np.int8)
    with pytest.raises(DataError, match="40 articles are near-duplicates of one another; add others"):
        LinearClassifier().fit(tokenize([""] * 40, texts), truth, ["economy"], np.zeros(40, bool))


def test_folds_trust_the_archive_as_the_final_model_does():
    """Six clean articles of tourism show that the archive's labels are wrong; a fold has only four or five.

    If folds trusted the archive, their margins and thresholds would not fit the final model.
    """
    clean_texts = [varied(HOTEL, i) for i in range(6)] + [varied(STEEL, i) for i in range(30)]
    archive_texts = [varied(STEEL, i) for i in range(30, 90)] + [varied(BANK, i) for i in range(60)]
    tokens = tokenize([""] * 156, clean_texts + archive_texts)
    truth = np.array([1] * 6 + [0] * 30 + [1] * 60 + [0] * 60, np.int8)[:, None]
    clean = np.arange(156) < 36
    model = LinearClassifier().fit(tokens, truth, ["tourism"], clean)
    said = model.out_of_fold.margins[:36, 0]
    assert said[:6].min() > said[6:].max() + 1


# In order of time


def dated(tmp_path, days):
    """The demonstration corpus with other dates."""
    rows = [json.loads(line) for path in embedded() for line in path.read_text(encoding="utf-8").splitlines()]
    return write(tmp_path / "a.jsonl", *(row | {"date": days[i % len(days)]} for i, row in enumerate(rows)))


@pytest.mark.parametrize(
    ("days", "since", "articles"),
    [
        (["2026-01-05", "2026-02-05", "2026-03-05", "2026-04-05", "2026-05-05"], "2026-05-05", 100),
        (
            ["2026-01-05", "2026-02-05", ""],
            "2026-02-05",
            167,
        ),  # a day is not split; articles without a date are left out
        (["2026-01-05"], None, 0),
        ([""], None, 0),
    ],
)
def test_the_newest_fifth_is_held_out(tmp_path, days, since, articles):
    corpus = Corpus(dated(tmp_path, days))
    later = learn(prepare(corpus, Config()), Config()).later
    assert (later and later[0]) == since
    assert (len(later[1].truth) if later else 0) == articles


def test_the_time_ordered_check_uses_earlier_articles_only(tmp_path):
    """Until May all articles about hotels had the rubric tourism, since then none."""
    kinds = [(HOTEL, "tourism"), (BANK, "economy"), (STEEL, "industry")]
    rows = []
    for i in range(210):
        text, rubric = kinds[i % 3]
        is_new = i >= 150
        names = [] if is_new and rubric == "tourism" else [rubric]
        day = f"2026-0{5 if is_new else 4}-{1 + i % 28:02}"
        rows.append({"id": f"{i}", "text": varied(f"{text} Номер {i}.", i), "rubrics": names, "date": day})
    learned = learn(prepare(Corpus(write(tmp_path / "a.jsonl", *rows)), Config()), Config())
    since, answers = learned.later
    assert since.startswith("2026-05")
    tourism = learned.pipeline.rubrics.index("tourism")
    assert answers.given[:, tourism].mean() == pytest.approx(1 / 3, abs=0.05), "as in April"
    assert not answers.truth[:, tourism].any()
