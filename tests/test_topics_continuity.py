"""Continuity over retraining, the choice of the number of topics, and coherence."""

from __future__ import annotations

from copy import copy

import msgspec
import numpy as np
import pytest
from scipy import sparse

from newsroom import all_of
from topic_archive import archive, fetch, tokens
from topics.corpus import Corpus, embedded
from topics.errors import DataError
from topics.text.tokens import concatenate, take, tokenize
from topics.topic_models.choice import choose_topics
from topics.topic_models.coherence import CV_WINDOW, NPMI_WINDOW, c_npmi, c_v, cooccurrence
from topics.topic_models.continuity import Described, carry_over, similarities
from topics.topic_models.lda import LdaModel, LdaSettings, learn
from topics.topic_models.vocabulary import Vocabulary
from topics.types import Topic, TopicChange

TERMS = ("поезд", "вагон", "рельс", "банк", "рубль", "ставка", "шайба", "матч", "вратарь")


def described(*rows: str, names: tuple[str, ...] = (), ids: tuple[int, ...] = ()) -> Described:
    """Build topics from text: «поезд 3 вагон 1» are terms with weights."""
    counts = np.full((len(rows), len(TERMS)), 0.01, np.float32)
    for k, row in enumerate(rows):
        words = row.split()
        for word, weight in zip(words[::2], words[1::2], strict=True):
            counts[k, TERMS.index(word)] += float(weight)
    topics = tuple(
        Topic(ids[k] if ids else k + 1, row, (), 1 / len(rows), names[k] if names else "")
        for k, row in enumerate(rows)
    )
    return Described(topics, counts, TERMS)


RAIL, BANK, HOCKEY = "поезд 4 вагон 4 рельс 2", "банк 4 рубль 4 ставка 4", "шайба 4 матч 4 вратарь 4"


def summary(changes: tuple[TopicChange, ...]) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    return [(change.kind, change.old, change.new) for change in changes]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((RAIL, BANK), (BANK, RAIL), [("kept", (1,), (1,)), ("kept", (2,), (2,))]),
        ((RAIL, BANK), (BANK, HOCKEY), [("kept", (2,), (2,)), ("born", (), (3,)), ("died", (1,), ())]),
        (
            (RAIL, BANK),
            (BANK, "поезд 4 вагон 2", "рельс 4 вагон 4 поезд 2"),
            [("kept", (1,), (1,)), ("kept", (2,), (2,)), ("split", (1,), (3, 1))],
        ),
        (
            ("поезд 4 вагон 3", "рельс 4 вагон 4 поезд 2", BANK),
            (RAIL, BANK),
            [("kept", (2,), (2,)), ("kept", (3,), (3,)), ("merged", (1, 2), (2,))],
        ),
    ],
    ids=["same", "one born, one died", "split", "merged"],
)
def test_changes_between_models(
    old: tuple[str, ...], new: tuple[str, ...], expected: list[tuple[str, tuple[int, ...], tuple[int, ...]]]
) -> None:
    found = summary(carry_over(described(*old), described(*new)).changes)
    assert sorted((kind, sorted(a), sorted(b)) for kind, a, b in found) == sorted(
        (kind, sorted(a), sorted(b)) for kind, a, b in expected
    )


def test_names_and_ids_are_kept_and_ids_not_reused() -> None:
    old = described(RAIL, BANK, names=("Железные дороги", ""), ids=(7, 3))
    found = carry_over(old, described(HOCKEY, RAIL), last_id=9)
    assert [(topic.id, topic.name) for topic in found.topics] == [(10, ""), (7, "Железные дороги")]
    died = next(change for change in found.changes if change.kind == "died")
    assert (died.old, set(died.terms[:3])) == ((3,), {"банк", "рубль", "ставка"})


OLD_FORMS = {"рельс": "рельсы", "вагон": "вагоны"}
NEW_FORMS = {"вагон": "вагон", "шайба": "шайбы"}


@pytest.mark.parametrize(
    ("old", "new", "kind", "words"),
    [
        ((RAIL, BANK), (RAIL, BANK), "kept", ("вагон", "поезд", "рельсы")),
        ((RAIL, BANK), (BANK, HOCKEY), "born", ("шайбы", "матч", "вратарь")),
        ((RAIL, BANK), (BANK, HOCKEY), "died", ("поезд", "вагон", "рельсы")),
        ((RAIL, BANK), (BANK, "поезд 4 вагон 2", "рельс 4 вагон 4 поезд 2"), "split", ("вагон", "поезд")),
        (("поезд 4 вагон 3", "рельс 4 вагон 4 поезд 2", BANK), (RAIL, BANK), "merged", ("вагон", "поезд")),
    ],
)
def test_evidence_is_shown_in_inflected_forms(
    old: tuple[str, ...], new: tuple[str, ...], kind: str, words: tuple[str, ...]
) -> None:
    one = described(*old)._replace(forms=OLD_FORMS)
    other = described(*new)._replace(forms=NEW_FORMS)
    found = next(change for change in carry_over(one, other).changes if change.kind == kind)
    assert set(found.terms[: len(words)]) == set(words)


def test_terms_with_the_same_form_are_shown_once() -> None:
    found = carry_over(
        described(RAIL, BANK), described(BANK)._replace(forms={"рубль": "рубли", "ставка": "рубли"})
    )
    kept = next(change for change in found.changes if change.kind == "kept")
    assert kept.terms.count("рубли") == 1


def test_similarity_is_one_for_equal_and_small_for_unrelated_topics() -> None:
    values = similarities(described(RAIL, BANK), described(RAIL, HOCKEY))
    assert values[0, 0] == pytest.approx(1)
    assert values[1].max() < 0.2


def test_models_with_different_vocabularies_are_compared_by_words() -> None:
    one = described(RAIL, BANK)
    order = np.array([8, 0, 3, 1, 4, 2, 5, 6])
    other = Described(one.topics, one.counts[:, order], [TERMS[i] for i in order])
    assert np.diag(similarities(one, other)).min() > 0.98


@pytest.fixture(scope="module")
def before() -> LdaModel:
    known = [i for i, subject in enumerate(archive()[1]) if subject != "theatre"]
    return LdaModel(LdaSettings(num_topics=4)).fit(take(tokens(), np.array(known)), None)


def test_retraining_keeps_topics_and_reports_the_new_one(before: LdaModel) -> None:
    named = [msgspec.structs.replace(topic, name=f"тема {topic.id}") for topic in before.topics]
    before._topics = tuple(named)
    after = LdaModel(LdaSettings(num_topics=5)).fit(tokens(), fetch, previous=before)
    assert [change.kind for change in after.changes] == ["kept"] * 4 + ["born"]
    assert {topic.name for topic in after.topics} == {"тема 1", "тема 2", "тема 3", "тема 4", ""}
    born = next(topic for topic in after.topics if topic.id == 5)
    assert {"спектакль", "пьеса", "пьесы"} & {word.words.lower() for word in born.words}
    assert after.last_id == 5


def test_retraining_on_the_same_articles_keeps_all_topics(before: LdaModel) -> None:
    known = [i for i, subject in enumerate(archive()[1]) if subject != "theatre"]
    after = LdaModel(LdaSettings(num_topics=4)).fit(take(tokens(), np.array(known)), previous=before)
    assert [change.kind for change in after.changes] == ["kept"] * 4
    assert min(change.similarity[0] for change in after.changes) > 0.9


def learned(bags: sparse.csr_array, number: int, seed: int) -> np.ndarray:
    return learn(bags, number, LdaSettings(seed=seed))


def test_the_choice_finds_the_number_of_subjects() -> None:
    found = choose_topics(tokens(), learned, candidates=(2, 3, 5, 8), draws=2)
    assert found.num_topics == 5
    assert [point.num_topics for point in found.curve] == [2, 3, 5, 8]
    assert all(0 <= point.stability <= 1 and -1 <= point.npmi <= 1 for point in found.curve)
    assert found == choose_topics(tokens(), learned, candidates=(8, 5, 3, 2, 2), draws=2)


def test_the_choice_needs_enough_articles() -> None:
    with pytest.raises(DataError, match="too few to choose"):
        choose_topics(take(tokens(), np.arange(60)), learned, candidates=(5, 10))


def test_coherence_equals_that_of_gensim() -> None:
    from gensim.corpora import Dictionary
    from gensim.models import CoherenceModel

    texts, _ = archive()
    longer = tokenize([""] * 30, [" ".join(text for _, text in texts[i : i + 12]) for i in range(30)])
    both = concatenate([tokens(), longer])
    vocabulary = Vocabulary().fit(both)
    found = vocabulary.occurrences(both)
    words = [
        [vocabulary.terms[c] for c in found.columns[found.rows == row].tolist()] for row in range(len(both))
    ]
    words = [text for text in words if text]
    generator = np.random.default_rng(0)
    topics = [generator.choice(len(vocabulary.terms), 6, replace=False).tolist() for _ in range(8)]
    named = [[vocabulary.terms[c] for c in topic] for topic in topics]
    for kind, measure, window in (("c_npmi", c_npmi, NPMI_WINDOW), ("c_v", c_v, CV_WINDOW)):
        company = cooccurrence(found.columns, found.rows, np.concatenate(topics).tolist(), window)
        theirs = CoherenceModel(
            topics=named, texts=words, dictionary=Dictionary(words), coherence=kind, topn=6, processes=1
        ).get_coherence_per_topic()
        np.testing.assert_allclose([measure(company, topic) for topic in topics], theirs, atol=1e-9)


def test_coherence_by_words_does_not_depend_on_the_vocabulary() -> None:
    """The top ten of fewer terms are more frequent, so they co-occur more often."""
    texts = [(article.title, article.text) for article in all_of(Corpus(embedded()[0]))[0]]
    articles = tokenize(*map(list, zip(*texts, strict=True)))
    many = LdaModel(LdaSettings(num_topics=4)).fit(articles, lambda rows: [texts[row] for row in rows])
    top = np.unique(np.argsort(-many.counts, axis=1, kind="stable")[:, :10])
    few = copy(many)
    few.vocabulary, few.counts = copy(many.vocabulary), many.counts[:, top]
    few.vocabulary._column_of = np.full_like(many.vocabulary._column_of, -1)
    for column, old in enumerate(top.tolist()):
        few.vocabulary._column_of[many.vocabulary._column_of == old] = column
    terms, few_terms = (model.metrics(articles).coherence for model in (many, few))
    words, few_words = (model.metrics(articles, by_words=True).coherence for model in (many, few))
    assert few_terms > terms + 0.05
    assert few_words == words
    assert words == pytest.approx(terms, abs=0.03)


def test_words_of_one_subject_are_more_coherent() -> None:
    vocabulary = Vocabulary().fit(tokens())
    found = vocabulary.occurrences(tokens())
    own = [vocabulary.terms.index(word) for word in ("вратарь", "шайба", "матч")]
    mixed = [vocabulary.terms.index(word) for word in ("вратарь", "рубль", "пьеса")]
    company = cooccurrence(found.columns, found.rows, [*own, *mixed])
    assert c_npmi(company, own) > 0 > c_npmi(company, mixed)
