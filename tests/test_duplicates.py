"""Near-duplicates: reprints are grouped, other articles about the same event are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.text.duplicates import groups
from topics.text.tokens import concatenate, take, tokenize

NEWS = (
    "Завод в Магнитогорске запустил новую линию проката. Мощность линии составит двести тысяч тонн в год, "
    "сообщили в компании. Инвестиции превысили пять миллиардов рублей, на участке будут работать сорок "
    "человек. Продукция пойдёт строителям и автопрому, часть листа поставят за рубеж."
)
OTHER = (
    "Туристы стали чаще бронировать отели на Алтае: спрос вырос на треть, рассказали туроператоры. Самые "
    "популярные маршруты ведут к Телецкому озеру и на Чуйский тракт. Средний чек поднялся до восьми тысяч "
    "рублей за ночь, свободных мест в июле почти не осталось."
)
SAME_EVENT = (
    "На комбинате в Магнитогорске заработал стан, который даст двести тысяч тонн листа за год. Его строили "
    "три года, вложив пять миллиардов. Компания наняла сорок рабочих и обещает поставки автопрому."
)


def grouped(*texts: str, titles: tuple[str, ...] = ()) -> list[int]:
    return groups(tokenize(titles or [""] * len(texts), texts)).tolist()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([NEWS, NEWS], [0, 0]),
        ([NEWS, OTHER, NEWS], [0, 1, 0]),
        ([NEWS, NEWS.upper().replace(".", " !")], [0, 0]),  # case and punctuation do not matter
        ([NEWS, NEWS + " Об этом пишет «Рифей»."], [0, 0]),  # a line added by the second outlet
        ([OTHER, NEWS, NEWS.replace("сообщили в компании", "рассказали на заводе")], [0, 1, 1]),
        ([NEWS, SAME_EVENT], [0, 1]),
        (["", ""], [0, 1]),  # empty texts are not near-duplicates
        (["!!!", "...", NEWS], [0, 1, 2]),
        (["Снег", "Снег", "Дождь"], [0, 0, 2]),
        (["Сильный снег", "Снег сильный"], [0, 1]),
        ([], []),
    ],
)
def test_near_duplicates_are_grouped(texts, expected):
    assert grouped(*texts) == expected


def test_groups_are_transitive():
    """Each text drops a sentence; the first and the last are too different, but the chain connects them."""
    sentences = [f"{text}." for text in (NEWS + " " + OTHER).split(". ")]
    chain = [" ".join(sentences[: len(sentences) - cut]) for cut in range(5)]
    assert grouped(chain[0], chain[-1]) == [0, 1]
    assert grouped(*chain) == [0] * len(chain)


def test_a_title_is_part_of_the_text():
    assert grouped(
        "Снег идёт", "Снег идёт", titles=("Погода в Томске сегодня", "Жалоба жителей Барнаула")
    ) == [0, 1]


@pytest.mark.parametrize("share", [0.2, 0.4, 0.8, 0.95])
def test_signatures_estimate_the_jaccard_similarity(share):
    """Pairs with a similarity above the limit are grouped, those below are not."""
    generator = np.random.default_rng(0)
    words = ["".join(generator.choice(list("бвгджзклмнпрст"), 9)) for _ in range(4000)]
    texts = []
    for _ in range(40):
        common = list(generator.choice(words, int(300 * 2 * share / (1 + share))))
        rest = 300 - len(common)
        texts += [" ".join(common + list(generator.choice(words, rest))) for _ in range(2)]
    found = groups(tokenize([""] * 80, texts))
    together = sum(found[i] == found[i + 1] for i in range(0, 80, 2))
    assert together == 40 if share > 0.7 else together <= 1  # 64 hashes: standard error .06


texts = st.lists(st.sampled_from([NEWS, OTHER, SAME_EVENT, "Снег", "", "Сильный снег"]), max_size=12)


@given(texts, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_order_or_lemma_ids(texts, random):
    tokens = concatenate([tokenize([""], [text]) for text in texts])
    found = groups(tokens)
    order = random.sample(range(len(texts)), len(texts))
    shuffled = groups(take(tokens, np.array(order, np.int64)))
    for i, a in enumerate(order):
        for j, b in enumerate(order):
            assert (found[a] == found[b]) == (shuffled[i] == shuffled[j])


@given(texts)
def test_a_group_is_named_by_its_first_article(texts):
    found = groups(tokenize([""] * len(texts), texts))
    assert all(group <= i and found[group] == group for i, group in enumerate(found))
