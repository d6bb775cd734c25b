"""Rules of credits, teasers, calls to subscribe and recaps: whole lines, or the last sentences of a line."""

from __future__ import annotations

import re

from topics.text.cleaning.paragraphs import MONTH, cut_head

HEAD, TAIL = 120, 300  # characters at the edges of a text that hold its credits and calls
MAX_OUTLET_LENGTH = 120  # characters

# After the end of a sentence, or before a credit after a quotation: «Память» Фото из…
AFTER_SENTENCE_END = (
    r"(?:(?<=[.!?…] )|(?<=[.!?…]  )|(?<=[.!?…][»\"] )|(?<=[»\"] )(?=[ФВИ©Ч])|(?<=[»\"]  )(?=[ФВИ©Ч]))"
)
LAST_SENTENCE = re.compile(
    rf" (?=[ФфВвИСК©(ЧНР]){AFTER_SENTENCE_END}"
    r"(?:[Фф]ото|[Вв]идео|И(?:сточник|ллюстрация|нфографика)|Скриншот|Коллаж|©|\(|Читайте|Напомним|Ранее)"
)
# A headline up to its end; the dot of an initial or of «г. Каменск» does not end it.
HEADLINE_CHAR = r"(?:[^\n.!?…]|[.!?…]+(?![\s.!?…]|\Z)|\.(?<=\b[гдсА-ЯЁ]\.)|\.(?<=\bул\.)|\.(?<=\bим\.))"
ONE_HEADLINE = rf"{HEADLINE_CHAR}{{0,250}}(?:[.!?…]+(?=\s|\Z)|\Z)"
PHOTO = re.compile("Ф(?=ото)")  # a literal first character, found fast


def may_have_tails(text: str) -> bool:
    """Return whether the rules of lines could change the text; a cheap test that most one-line texts fail."""
    return (
        "\n" in text
        or PHOTO.search(text) is not None
        or ("(" in text and "(фото" in text)  # one character is found ten times as fast as five
        or text.find("дпи", -TAIL) >= 0
        or LAST_SENTENCE.search(text, max(0, len(text) - TAIL + 1)) is not None
    )


# --- the rules ---

ZONE = "(?i:ru|ру|рф|su|com|org|net|info|by|kz|ua|tv|fm|news|media|online)"
OUTLET_SIGNS = (("|", ""), (":", ":"), (".", rf"(?:{ZONE}|\d{{4}})\Z"))
OUTLET = (
    r"(?:РИА Новости|ТАСС|РБК|Интерфакс|ПРАЙМ|(?:ИА )?REGNUM|Коммерсантъ|Ведомости|Известия"
    r"|Российская газета)"
    r"(?:[ -][А-ЯЁ][а-яё]+)?"  # РИА Новости Крым, Интерфакс-Урал
)
OUTLET_TAIL = re.compile(  # a dash and a name without a date may belong to the sentence
    rf"\s+(?:\||::|(?P<dash>[-–—]))\s+(?:(?:[\w-]{{1,40}}\.){{1,3}}{ZONE}"
    rf"|{OUTLET},? \d\d\.\d\d\.\d{{4}}|{OUTLET}(?(dash)(?!)))\Z|\s+(?:\||::)\Z"
)


def outlets(title: str) -> str:
    """Drop the outlet from a title: `Цех открыт - РИА Новости, 04.03.2024`, `… | 74.ru`, `… :: РБК`."""
    end = len(title)
    while m := OUTLET_TAIL.search(title, max(0, end - MAX_OUTLET_LENGTH), end):
        end = m.start()
    return title[:end]


SOURCE = (
    r"(?:РИА Новости|РИА НОВОСТИ|ТАСС|Коммерсантъ|Ведомости|«[^»\n]{1,40}»|[A-Za-z][A-Za-z0-9.@\- ]{1,40})"
)
HEAD_CREDIT = re.compile(  # Фото: Имя Фамилия / Reuters Автор Заметки Текст, all in one line
    rf"(?:[А-ЯЁ][^.!?:\n]{{0,60}} )?Фото:\s+(?:[^\n!?]{{0,100}} / )?{SOURCE}\s?"
    r"(?:(?<= )[А-ЯЁ][а-яё]+ [А-ЯЁ][а-яё-]+ (?=[А-ЯЁ«\d]))?(?=[А-ЯЁ«])"
)


def _sentence_ahead(char: str) -> str:
    """Match ahead of a sentence, seen by a verb or a dash: «Видео с сайта полиции показывает погоню».

    Args:
        char: pattern of the characters that may precede the verb.
    """
    return (
        rf"(?={char}{{0,120}}\s(?!портал|журнал|канал|комитет|университет|совет|факультет|институт"
        r"|комбинат|аппарат|кабинет|интернет|печать|сеть|соцсет|нейросет)"
        r"(?:[а-яё]{2,}(?:[иеёая]т|[ую]т|[аиеы]л[аио]?|[аеи]ть|с[ья])|есть|нет|намерен[аы]?|готов[аы]?)\b"
        rf"|{char}{{1,120}}\s[-–—]\s(?=[а-яё])|{char}{{0,90}}[.!?]\s[А-ЯЁ]{char}{{0,90}}\s[—–]\s)"
    )


def _credit_words(sentence_ahead: str) -> str:
    """Match the first words of a credit that are not those of a sentence, see `_sentence_ahead`."""
    return (
        r"(?:[Фф]ото(?:графия)?|ФОТО|[Вв]идео|Иллюстрация|Инфографика|Скриншот|Коллаж"
        rf"|Источник(?: фото| видео| изображения)?)\s?:(?!{sentence_ahead})"
        r"|(?:[Фф]ото|[Вв]идео) (?:[-–—] ?(?:[А-ЯЁA-Z«@]|соцсет|сайт|пресс|архив|автор|из )|[©/]"
        rf"|\([cсCС]\)|(?!{sentence_ahead})(?:(?!ДТП|СВО|НАСА|БПЛА)[А-ЯЁ]{{3,}}|предоставлен|опубликован|пресс-служб"
        r"|с сайта"
        r"|из (?:личного |семейного )?архив|из (?:соцсет|социальных сет|открытых источ)))"
        r"|©|\([cсCС]\) (?=[А-ЯЁA-Z\d«@])"
    )


SENTENCE_AHEAD = _sentence_ahead(".")
CREDIT_WORDS, PAREN_WORDS = _credit_words(SENTENCE_AHEAD), _credit_words(_sentence_ahead(r"[^()\n]"))
LINE_CREDIT = re.compile(
    rf"(?=[ФфВвИСК©(])(?:(?:{CREDIT_WORDS})(?:.{{0,90}}\Z|.{{0,60}}\.com\b)"
    r"|Фото (?:автора|[А-ЯЁ][а-яё]+ [А-ЯЁ][а-яё-]+)\.?\Z|Кадр из (?:видео|фильма|ролика)\.?\Z)"
    r"|(?=[a-z0-9])(?:[a-z0-9-]{1,60}\.){1,4}(?:com|ru|org|net|info|su)\Z"  # globallookpress.com
)
END_CREDIT = re.compile(
    rf" (?=[ФфВвИСК©(]){AFTER_SENTENCE_END}(?:{CREDIT_WORDS})(?:[^\n ]| (?!  ?[А-ЯЁ«])){{0,90}}\Z"
)
INNER_CREDIT = re.compile(  # set off by two spaces
    r"  (?:Фото|Видео|Скриншот|Иллюстрация|Коллаж):\s[^\n!?]{2,100}?  (?=[А-ЯЁ«\d])"
)
MAX_END_CREDIT = 140  # characters
PAREN_CREDIT = re.compile(rf"\((?=[ФфВвИС©(])(?:{PAREN_WORDS})[^()\n]{{0,120}}\)")


def credits(text: str) -> str:  # noqa: A001 - the usual term; the built-in is for consoles
    """Drop `Фото: …`, `Фото ТАСС`, `© Имя / Агентство`: lines, in brackets, before or after the text."""
    positions = _credit_positions(text)
    if not positions:
        return text
    shortened = cut_head(HEAD_CREDIT, INNER_CREDIT.sub(" ", PAREN_CREDIT.sub("", text)))
    if shortened != text:
        text, positions = shortened, _credit_positions(shortened)
    kept, done, last_dropped = [], 0, False
    for position in positions:
        if position < done:
            continue
        start, end = text.rfind("\n", done, position) + 1 or done, text.find("\n", position) + 1 or len(text)
        kept.append(text[done:start])
        line, done = text[start:end].removesuffix("\n"), end
        if not LINE_CREDIT.match(line) or _continues_sentence(
            text[max(0, start - 2) : max(0, start - 1)], line
        ):
            kept.append(_cut_end(END_CREDIT, line, MAX_END_CREDIT) + text[start + len(line) : end])
        else:
            last_dropped = end == len(text)  # then the line feed before it goes, too
    result = "".join([*kept, text[done:]])
    return result.removesuffix("\n") if last_dropped else result


def _continues_sentence(before: str, line: str) -> bool:
    """Return whether a line in lower case continues a sentence of hard-wrapped text.

    Args:
        before: the last character of the line before it.
        line: it begins like a credit.
    """
    return before.isalnum() and line[0] in "фв" and ":" not in line[:8]


CREDIT_SIGNS = [  # with a literal first character, found in half the time of a word
    re.compile(sign)
    for sign in (
        "Ф(?=ото|ОТО)",
        "ф(?=ото)",
        "И(?=сточник|ллюстрация|нфографика)",
        r"\((?=[cсCС]\))",
        "С(?=криншот)",
        "К(?=оллаж|адр из)",
        r"\n(?=[a-z0-9][a-z0-9.-]{1,90}(?:\n|\Z))",
    )
]


def _credit_positions(text: str) -> list[int]:
    """Return the positions of possible credits, in order."""
    positions = [m.end() for sign in CREDIT_SIGNS for m in sign.finditer(text)]
    for word in ("©", "идео"):
        position = text.find(word)
        while position >= 0:
            positions.append(position)
            position = text.find(word, position + 1)
    return sorted(positions)


def _cut_end(pattern: re.Pattern[str], line: str, window: int = TAIL + 1) -> str:
    """Drop matches at the end of a line, one by one, each within its last `window` characters.

    A match begins with the space after the sentence before it.
    """
    end = len(line)
    while m := pattern.search(line, max(0, end - window), end):
        end = m.start()
    return line[:end]


PAGE_ELEMENT = (
    r"(?=[вс\dР*ПНОТМК])(?:(?:вчера|сегодня|\d\d\.\d\d\.\d{4})[^\S\n]+в \d\d:\d\d, просмотров: \d+"
    r"|\d+ фото|Реклама|\*+"
    r"|(?:Т[еэ]ги|Метки|Ключевые слова|Рубрик[аи]|Категори[яи]):[^\n.!?—]{0,200}"  # would leak the rubric
    r"|Прочитать статью|На страницу галереи|Обратная связь с отделом «[^»\n]{1,60}»:?"
    r"|Посмотреть эту публикацию в Instagram.{0,200})(?=\n|\Z)"
)
FIRST_PAGE_ELEMENT, NEXT_PAGE_ELEMENT = re.compile(PAGE_ELEMENT), re.compile(rf"\n{PAGE_ELEMENT}")
STAMP = re.compile(rf"\d{{1,2}} {MONTH}(?: \d{{4}})?\Z|Реклама\Z|\d\d:\d\d\Z")
RELATED = re.compile(
    r"(?:(Материалы? по теме|По теме|Другие новости|Главные новости)|Также по теме|Ссылки по теме"
    r"|(?:Ещ[её]|Ранее|Видео) по теме|Читайте (?:также|далее|ещ[её])|ЧИТАЙТЕ ТАКЖЕ|См\. также"
    r"|Смотрите (?:также|фоторепортаж|видео по теме)[^:]{0,20}"
    r"|Похожие (?:новости|материалы|статьи)|Новости (?:партн[её]ров|СМИ2))\s?(:?)\s*(.{0,250})\Z"
)
RELATED_LINE = re.compile(
    r"Читайте (?:материал|полный текст|полностью|нас в|продолжение:).{0,200}\Z"
    r"|Читайте (?:другие|интервью)[^«:\n]{0,60}[«:].{0,200}\Z"
    r"|Читать полностью.{0,60}\Z"
    r"|\W{0,5}Чита(?:ть|йте) .{1,30} в (?:Telegram|Телеграм|MAX|Яндекс|Дзен).{0,12}\Z"
)
RELATED_END = re.compile(
    r" Читайте (?<=[.!?…»\"] Читайте )(?:полный текст|интервью полностью|нас в)[^\n]{0,150}\Z"
)
RELATED_INSIDE = re.compile(  # one headline only: the article continues after it
    rf" Читайте также:(?:(?<=[.!?…»\"] Читайте также:)|(?<=[.!?…»\"]  Читайте также:)){ONE_HEADLINE}"
)
FIRST_HEADLINE = re.compile(ONE_HEADLINE)


def counters(text: str) -> str:
    """Drop page elements: `20 фото`, `06.03.2019 в 21:49, просмотров: 2030`, `Теги: …`."""
    first = FIRST_PAGE_ELEMENT.match(text)
    if not first:
        return NEXT_PAGE_ELEMENT.sub("", text)
    return NEXT_PAGE_ELEMENT.sub("", text[first.end() :])[1:]


RELATED_START = (
    r"(?=[МТСПЧДГЕРВН])"
    r"(?:Мат|Так|Ссы|По |Чит|ЧИТ|Смо|См\.|Дру|Гла|Ещ|Ранее по|Видео по|Пох|Новости [пС])"
)
READ_SIGN = re.compile("Ч(?=ита(?:йте|ть))")
FIRST_RELATED, NEXT_RELATED = re.compile(RELATED_START), re.compile(rf"\n{RELATED_START}")


def related(text: str) -> str:
    """Drop `Читайте также: …`, and a bare `Материалы по теме:` with the headlines under it."""
    start = FIRST_RELATED.match(text) or NEXT_RELATED.search(text) or READ_SIGN.search(text)
    if not start:
        return text
    lines, kept, i = text.split("\n"), [], 0
    while i < len(lines):
        heading = RELATED.match(lines[i])
        if heading and not heading[3]:
            i = _skip_teasers(lines, i + 1)
        elif heading and heading[2] and (not heading[1] or _is_headline(heading[3].rstrip('»"?!'))):
            headline = FIRST_HEADLINE.match(heading[3])
            if headline and (rest := heading[3][headline.end() :].strip()):
                kept.append(rest)  # the article continues after the headline
            i += 1
        else:
            if not RELATED_LINE.match(lines[i]):
                kept.append(_without_related(lines[i]) if "Читайте" in lines[i] else lines[i])
            i += 1
    return "\n".join(kept)


def _without_related(line: str) -> str:
    return _cut_end(RELATED_END, RELATED_INSIDE.sub("", line))


def _skip_teasers(lines: list[str], i: int) -> int:
    """Return the index after the headlines, dates and bullets from line i; a teaser with "…" is the last."""
    first = i
    while i < len(lines) and len(lines[i]) <= 300:
        if lines[i].endswith(("...", "…")):
            return i + 1
        dated = any(STAMP.match(line) for line in lines[i : i + 3])
        teaser_next = i == first and i + 1 < len(lines) and lines[i + 1].endswith(("...", "…"))
        question = i == first and lines[i].endswith("?") and _is_headline(lines[i][:-1])
        if not (dated or teaser_next or question or _is_headline(lines[i]) or BULLETED.match(lines[i])):
            break
        i += 1
    return i


BULLETED = re.compile(r"[-–—•▪●►▶→➡*]\s{0,3}[А-ЯЁA-Z0-9«][^\n]{0,200}[^\W_][?!»]?\Z")


CALL_WORDS = (  # but «Подпишитесь под петицией», «Подписывайтесь на наш канал, — сказал директор»
    r"(?:[Пп]одпи(?:сывайтесь|сывайся|шись|шитесь)(?!\s+под\b)|Присоединяйтесь к"
    r"|Подписаться на (?:[@«\"A-ZА-ЯЁ]|канал|наш?|новост|рассыл))(?![^\n]{0,150}»?,»?\s?[-–—] [а-яё])"
)
CALL_TARGET = (  # what to subscribe to; without it «Банк советует: подпишитесь на уведомления» is news
    r"(?:канал|[Чч]ат|[Tt]elegram|TELEGRAM|[Тт]елеграм|ТГ|соцсет|социальн|[Вв][Кк]онтакте|Дзен|M[Aa][Xx]|Viber"
    r"|[Вв]айбер|YouTube|[Ff]acebook|[Ii]nstagram|Инстаграм|[Tt]witter|Одноклассник|WhatsApp|VK\b|ВК\b|R[Uu]Tube"
    r"|на нас\b|наш(?:[аеиу]|его|ему|ем|ей|их|им|ими)?\b|рассылк|новост|страниц|групп|сообществ|@)"
)
IN_SENTENCE = r"(?:[^\n.!?…]|[.!?…](?![\s»\"]|\Z))"
TARGET_AHEAD = rf"(?:(?=[!.…]{{0,3}}\s*\Z)|(?={IN_SENTENCE}{{0,150}}{CALL_TARGET}))"
AFTER_CALL = (  # the rest of the sentence, and one that describes the channel
    rf"{IN_SENTENCE}{{0,200}}[.!?…]*(?:\s(?!.{{0,60}}\d){IN_SENTENCE}{{0,150}}[.!?…]*)?\s*"
)
CALL = re.compile(  # Больше новостей в канале «Каменск». Подписывайтесь!
    r"(?:(?:Что происходит[^.!?…\n]{0,100}\?\s+)?"
    r"(?:Больше|Ещ[её]|Все|Самые|Главные|Слушайте|Следите|Читайте|Объясняем|Рассказываем)"
    rf"(?={IN_SENTENCE}{{0,100}}{CALL_TARGET}){IN_SENTENCE}{{0,200}}[.!?…]+\s+)?"
    rf"(?:[^.!?…\n]{{0,150}}?(?<![а-яё«\"]){CALL_WORDS}{TARGET_AHEAD}{AFTER_CALL}"
    rf"|\W{{0,5}}(?:{CALL_WORDS}|Подписаться(?=\s*(?:[:|]|\Z)))(?!{SENTENCE_AHEAD}).{{0,60}})\Z"
)
LONG_CALL = re.compile(
    r"Подписывайтесь на наш\s+\w{1,20}\s*,\s+чтобы быть в курсе[^\n]{0,100}(?:\n[^\n]{1,90}){0,3}?Join\.?"
)
END_CALL = re.compile(
    r" (?:(?<=[.!?…] )|(?<=[.!?…][»\"] ))"
    rf"(?:[^.!?…\n]{{0,150}}(?<![а-яё«\"]){CALL_WORDS}{TARGET_AHEAD}{AFTER_CALL}"
    rf"|{CALL_WORDS}(?!{SENTENCE_AHEAD})[^\n]{{0,60}})\Z"
)


def calls(text: str) -> str:
    """Drop `Подписывайтесь на наш Telegram-канал`, as a line or as its last sentence."""
    if "Join" in text:
        text = LONG_CALL.sub("", text)
    return "\n".join(
        _cut_end(END_CALL, line) if _may_call(line) else line
        for line in text.split("\n")
        if not (_may_call(line) and CALL.match(line))
    )


def _may_call(line: str) -> bool:
    return "одпи" in line or "соединяйтесь к" in line


HEADLINE = re.compile(r"[«\"]?[А-ЯЁA-Z0-9][^:;\n]{10,198}[^\W_]\Z")


def _is_headline(line: str) -> bool:
    """Return whether a line looks like a headline: capitalized, four words or more, no final punctuation."""
    return line[-1:].isalnum() and bool(HEADLINE.match(line)) and line.count(" ") >= 3


def standfirsts(text: str) -> str:
    """Drop two or more headlines of other articles after the last paragraph, unless there is nothing else."""
    if not text[-1:].isalnum():
        return text
    lines = text.split("\n")
    end = len(lines)
    while end and _is_headline(lines[end - 1]):
        end -= 1
    if len(lines) - end < 2 or not end or not lines[end - 1].endswith((".", "!", "?", "…", "»", '"', ")")):
        return text
    if _is_list(lines[end:]):
        return text
    prose = sum(line.endswith((".", "!", "?", "…", "»", '"', ")")) for line in lines[:end])
    return "\n".join(lines[:end]) if 2 * prose > end else text  # not in hard-wrapped text


FINITE_VERB = re.compile(r"[а-яё]{2}(?:[иеёая]т|[ую]т|[аиеы]л[аио]?)(?:с[ья])?\b")
LIST_ITEM = re.compile(r"[А-ЯЁ][а-яё]+[аеиоуыя]ть(?:ся)?\b|\D*\d[\d.,]*\D+\d")


def _is_list(lines: list[str]) -> bool:
    """Return whether lines are a list or a table: «Построить школу», «Зенит 45 очков 20 матчей»."""
    return any(map(LIST_ITEM.match, lines)) or 2 * sum(map(bool, map(FINITE_VERB.search, lines))) < len(lines)


RECAP_WORDS = (
    r"(?:Напомним[,:]|Ранее (?:(?:редакция |мы )?(?:сообщал|писал|рассказывал)|стало известно"
    r"|[«A-ZА-ЯЁ].{1,30} (?:сообщал|писал|рассказывал)))"
)
RECAP_LINE = re.compile(RECAP_WORDS)
END_RECAP = re.compile(rf" (?=[НР])(?<=[.!?…»\"] ){RECAP_WORDS}[^\n]*\Z")


def recaps(text: str) -> str:
    """Drop `Напомним, …`, `Ранее сообщалось, …` at the end, which retell an older story."""
    end = len(text)  # cut once at the end, lest thousands of such lines copy the text thousands of times
    while (start := text.rfind("\n", 0, end) + 1) and RECAP_LINE.match(text, start, end):
        end = start - 1
    return _cut_end(END_RECAP, text[:end])
