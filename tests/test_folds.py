"""Reprints never stand on both sides of a split: who has seen one cannot be asked about the other."""

from __future__ import annotations

import json

import numpy as np
import pytest

from newsroom import BANK, all_of, write
from topics.classifiers.linear import LinearClassifier
from topics.config import Config
from topics.corpus import Corpus, embedded
from topics.errors import DataError
from topics.labelling.audit import audit
from topics.text.tokens import tokenize


def test_an_article_and_its_reprints_are_held_out_together():
    articles, _ = all_of(Corpus(embedded()[:2]))
    texts = [article.text for article in articles]
    reprints = [f"{text} Источник сообщает." for text in texts[:40]]
    truth = np.array([["economy" in article.labels.rubrics] for article in articles], np.int8)
    clean = np.arange(len(texts) + 40) < 30
    tokens = tokenize([""] * (len(texts) + 40), texts + reprints)
    model = LinearClassifier().fit(tokens, np.concatenate([truth, truth[:40]]), ["economy"], clean)
    folds = model.held_out.folds
    assert (folds[:40] == folds[len(texts) :]).all()
    assert np.bincount(folds[:30]).tolist() == [6] * 5, "clean articles are dealt evenly"


def test_a_mistake_is_found_though_it_was_reprinted(tmp_path):
    """Three outlets print one article under the same wrong rubric: none vouches for the others."""
    rows = [json.loads(line) for path in embedded() for line in path.read_text(encoding="utf-8").splitlines()]
    wrong = next(row for row in rows if row["id"] == "ural-001")
    assert "tourism" not in wrong["rubrics"]
    rows += [wrong | {"id": name, "rubrics": ["tourism"], "outlet": name} for name in ("a", "b", "c")]
    rows.remove(wrong)
    found = audit(Corpus(write(tmp_path / "a.jsonl", *rows)), Config(), 60)
    assert {"a", "b", "c"} <= {suspect.id for suspect in found.suspects}


def test_an_archive_of_one_article_teaches_nothing():
    texts = [f"{BANK} Так сообщил {('Иванов', 'Петров', 'Сидоров')[i % 3]}." for i in range(40)]
    truth = np.array([[i % 2] for i in range(40)], np.int8)
    with pytest.raises(DataError, match="40 articles are reprints of one another; give others as well"):
        LinearClassifier().fit(tokenize([""] * 40, texts), truth, ["economy"], np.zeros(40, bool))
