"""An invented archive of five subjects for tests of topics: words of a subject in random order."""

from __future__ import annotations

from functools import cache

import numpy as np

from topics.text.tokens import tokenize
from topics.types import TokenBatch

SUBJECTS = {
    "rail": (
        "железная дорога, железной дороги, железную дорогу, вагоны, вагонов, поезд, поезда, рельсы, шпалы, "
        "локомотив, перрон, станция, состав, машинист, купе"
    ),
    "bank": (
        "ключевая ставка, ключевой ставки, ключевую ставку, инфляция, инфляции, рубль, рубля, кредит, "
        "кредиты, вклад, процент, регулятор, заемщик, банк, ипотека"
    ),
    "metals": (
        "редкоземельные металлы, редкоземельных металлов, редкоземельных металлов, рудник, рудника, руда, "
        "руды, никель, концентрат, фабрика, месторождение, геолог, шахта, медь, карьер"
    ),
    "hockey": (
        "большой шлем, большого шлема, матч, матча, шайба, шайбы, вратарь, буллит, овертайм, нападающий, "
        "лед, ворота, тренер, арена, хоккеист"
    ),
    "theatre": (
        "народная артистка, народной артистки, народную артистку, спектакль, спектакля, пьеса, пьесы, "
        "режиссер, премьера, сцена, занавес, актер, труппа, драматург, кулисы"
    ),
}
NEWSPRINT = ("сообщили корреспонденту", "он отметил", "заявили в пресс-службе", "как рассказал собеседник")


@cache
def archive(n: int = 250, seed: int = 0) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Make n articles (title, text) and name the subject of each."""
    generator = np.random.default_rng(seed)
    names = list(SUBJECTS)
    texts, subjects = [], []
    for i in range(n):
        subject = names[i % len(names)]
        words = generator.choice(SUBJECTS[subject].split(", "), 18).tolist()
        words.insert(9, str(generator.choice(NEWSPRINT)))
        texts.append((" ".join(words[:4]).capitalize(), " ".join(words[4:]).capitalize() + "."))
        subjects.append(subject)
    return tuple(texts), tuple(subjects)


@cache
def tokens(n: int = 250, seed: int = 0) -> TokenBatch:
    texts, _ = archive(n, seed)
    return tokenize([title for title, _ in texts], [text for _, text in texts])
