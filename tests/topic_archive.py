"""A synthetic archive of five subjects for tests of topics: words of a subject in random order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
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
    """Return n articles (title, text) and the subject of each."""
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


def fetch(rows: Iterable[int]) -> Iterator[tuple[str, str]]:
    """Return some of the articles, for the inflected forms of terms."""
    return (archive()[0][row] for row in rows)


def dated(weeks: int = 12, a_week: int = 20, seed: int = 0) -> list[dict[str, object]]:
    """Return rows of weeks from Monday, 5 January 2026: theatre falls and metals rise in the last third."""
    generator = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for week in range(weeks):
        late = week >= weeks * 2 // 3
        weights = np.array([2, 2, 6 if late else 1, 2, 1 if late else 6], float)
        for subject in generator.choice(list(SUBJECTS), a_week, p=weights / weights.sum()).tolist():
            words = generator.choice(SUBJECTS[subject].split(", "), 40).tolist()
            day = date(2026, 1, 5) + timedelta(days=7 * week + int(generator.integers(7)))
            rows.append(
                {
                    "id": f"{subject}-{len(rows)}",
                    "title": f"{' '.join(words[:4]).capitalize()} {len(rows)}",
                    "text": f"{' '.join(words[4:]).capitalize()}.",
                    "date": day.isoformat(),
                    "outlet": "Курьер",
                    "rubrics": ["industry"] if subject == "metals" else [],
                }
            )
    return rows


@cache
def tokens(n: int = 250, seed: int = 0) -> TokenBatch:
    texts, _ = archive(n, seed)
    return tokenize([title for title, _ in texts], [text for _, text in texts])
