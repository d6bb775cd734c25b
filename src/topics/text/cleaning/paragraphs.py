"""Rules of line breaks, and of datelines before the first sentence."""

from __future__ import annotations

import re

# On Lenta's pages a headline runs into its subtitle, and that into the article: «даромА», «США«Посейдон»,
# «СССРВ прошлом», «авиации15 секретов». A subtitle has no final dot.
MATERIALS_EDGE = (
    r"(?:(?<=[а-яё0-9»?!…])(?=[А-ЯЁA-Z«])|(?<=[а-яё»?!])(?=\d)|(?<=[А-ЯЁ]{2})(?=«|[А-ЯЁ][а-яё]|В ))"
)
MATERIALS = re.compile(
    r"Материалы по теме:?\s?"
    r"(?:\d\d:\d\d\s+—\s+\d{1,2} [а-я]{3,8}(?: \d{4})?"  # Материалы по теме00:04 — 11 марта 2017
    rf"[^\n]{{1,150}}?{MATERIALS_EDGE}"
    rf"(?:[^\n]{{1,150}}?(?:{MATERIALS_EDGE}|(?=\n|\d\d:\d\d)))?)+"
)
GLUED_DOT = re.compile(r"\.(?=[А-ЯЁ«])(?<=([а-яё0-9»\")%])\.)")
GLUED_MARKS = [  # one pattern each, as `re` finds a literal first character fast
    (mark, re.compile(rf"{re.escape(mark)}(?=[А-ЯЁ«][а-яё ])(?<=[а-яё0-9»)].)")) for mark in "!?…"
]
WORD = re.compile(r"[\w-]*")
ABBREVIATION = re.compile(  # им.Пушкина, ул.Мира: the dot does not end a sentence
    r"(?:им|ул|пр|просп|пл|пер|наб|пос|дер|обл|стр|кв|тел|ст|св|проф|акад|ген|гл|см|рис|табл|ред|корр)\Z"
)
DOMAIN_OR_MONTH = re.compile(  # Газета.Ру, Цензор.НЕТ, 12.Мая
    r"(?:Р[уУфФ]|Ком|НЕТ|Инфо|Мая|Марта|Августа|(?:Янва|Февра|Апре|Ию|Сентя|Октя|Ноя|Дека)(?:р|л|б|н){1,2}я)\b"
)
BRANDS = frozenset(("Яндекс", "Рамблер", "Авито", "Сбер"))  # Яндекс.Дзен, Авито.Работа


def materials(text: str) -> str:
    """Drop Lenta's links between two paragraphs, `Материалы по теме00:04 — 11 марта 2017…`."""
    return MATERIALS.sub("\n", text)


def glued(text: str) -> str:
    """Split `году.Отмечается` in two, not `т.Е`, `им.Пушкина`, `Газета.Ru`, `А.С.Пушкин`, `12.Мая`."""
    text = GLUED_DOT.sub(_split_dot, text)
    for mark, pattern in GLUED_MARKS:
        if mark in text:
            text = pattern.sub(f"{mark}\n", text)
    return text


def _split_dot(m: re.Match[str]) -> str:
    text, dot = m.string, m.start()
    if not m[1].isalnum():
        return ".\n"
    before = WORD.match(text[max(0, dot - 40) : dot][::-1])  # reversed: a search for the end is quadratic
    word = before[0][::-1] if before else ""
    keep = len(word) < 2 or word in BRANDS or ABBREVIATION.match(word.lower())
    if not keep and (word[0].isupper() or word.isdigit()):
        keep = DOMAIN_OR_MONTH.match(text, m.end())
    return "." if keep else ".\n"


UNTRIMMED = re.compile(r"\n(?:(?=\s)|(?<=\s\n))")  # a literal first character, found fast


def lines(text: str) -> str:
    """Trim lines and drop empty ones."""
    if text == text.strip() and not UNTRIMMED.search(text):
        return text
    return "\n".join(filter(None, map(str.strip, text.split("\n"))))


MONTH = "(?:янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек)[а-я]{0,6}"
AGENCY = (
    r"(?:РИА [Нн]овости|РИА НОВОСТИ|ТАСС|И(?:НТЕРФАКС|нтерфакс)(?:-[А-ЯЁ][А-ЯЁа-яё]{1,12})?"
    r"|INTERFAX(?:-RUSSIA)?(?:\.RU)?|(?:ИА )?REGNUM)"
)
CITY = (  # МОСКВА, ЯЛТА (Крым), С.-ПЕТЕРБУРГ, РОСТОВ-на-ДОНУ; other lower-case letters begin a sentence
    r"(?:[А-ЯЁ]{2}|С\.-[А-ЯЁ])(?:[А-ЯЁ.,/\- ]|\([А-ЯЁа-яё. \-]{2,30}\)|(?<=-)на(?=-)| и(?= [А-ЯЁ]{2})){0,60}?"
)
DAY = rf"\d{{1,2}} {MONTH}\.?(?: \d{{4}}(?: года?| г\.)?)?"
AUTHORS = r"(?:, [А-ЯЁ][а-яё]+ [А-ЯЁ][\w-]+){0,4}\."
ANY_AGENCY = (  # РИА Новости Спорт, РИА Новости/Прайм, РИА Новости (Крым): recognized by its position
    r"[А-ЯЁA-Z][\w«»\"-]*(?:[ /](?:[А-ЯЁA-Z]|новости\b)[\w«»\"-]*){0,3}(?: \([А-ЯЁа-яё]+\))?"
)
KNOWN_AGENCY = rf"(?:{AGENCY}|ФедералПресс|Sputnik|ПРАЙМ|БЕЛТА)"
DASH = r"(?:[-–—]|/(?=\s))"
DATELINE = re.compile(
    rf"{CITY}\s?[.,]\s*{DAY}(?:, \d\d:\d\d)?,?\s*(?:"
    rf"{DASH}?\s*/[^/\n]{{2,50}}/\.?"  # /ТАСС/. /Корр. ТАСС Иван Петров/.
    rf"|{DASH}\s*{ANY_AGENCY}{AUTHORS}"
    rf"|{DASH}?\s*(?:{AGENCY}(?:(?=\s[А-ЯЁ])|\s[-–—])|{KNOWN_AGENCY}{AUTHORS}))\s*"
    rf"|ТАСС, \d{{1,2}} {MONTH}\.\s*"
)
PLAIN_DATELINE = re.compile(  # Москва. 13 ноября. INTERFAX.RU -
    rf"[А-ЯЁ][а-яё]+(?:[ -][А-ЯЁ][а-яё]+|-на-[А-ЯЁ][а-яё]+){{0,2}}\. {DAY}\.? {AGENCY}\s[-–—]\s*"
)


def datelines(text: str) -> str:
    """Drop `МОСКВА, 4 дек - РИА Новости.`: a classifier would learn the outlet instead of the rubric."""
    if text[:2].isupper() or text.startswith("С.-"):
        return cut_head(DATELINE, text)
    head = text[:60]
    named = "INTERFAX" in head or "ИНТЕРФАКС" in head or "Интерфакс" in head
    return cut_head(PLAIN_DATELINE, text) if named else text


def cut_head(pattern: re.Pattern[str], text: str) -> str:
    """Drop a match at the beginning of the text, unless it is the whole text."""
    m = pattern.match(text)  # sub() would try the pattern at every character
    return text[m.end() :] if m and m.end() < len(text) else text
