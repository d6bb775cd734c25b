"""Rules of tails: credits, teasers, calls and recaps, lines of their own or the last sentence of one."""

from __future__ import annotations

import re

from topics.text.cleaning.paragraphs import MONTH, cut_head

HEAD, TAIL = 120, 300  # characters at the edges of a text where its credits and calls are
LONGEST_OUTLET = 120  # characters of what a title ends with

# What stands before the last sentence: the end of another. A quotation may end within one: «Память» фото из…
ENDED = r"(?:(?<=[.!?…] )|(?<=[.!?…]  )|(?<=[.!?…][»\"] )|(?<=[»\"] )(?=[ФВИ©Ч])|(?<=[»\"]  )(?=[ФВИ©Ч]))"
LAST_SENTENCE = re.compile(
    rf" (?=[ФфВвИСК©(ЧНР]){ENDED}"
    r"(?:[Фф]ото|[Вв]идео|И(?:сточник|ллюстрация|нфографика)|Скриншот|Коллаж|©|\(|Читайте|Напомним|Ранее)"
)
# A headline up to its end, which no initial and no «г. Каменск» is.
HEADLINE_CHAR = r"(?:[^\n.!?…]|[.!?…]+(?![\s.!?…]|\Z)|\.(?<=\b[гдсА-ЯЁ]\.)|\.(?<=\bул\.)|\.(?<=\bим\.))"
ONE_HEADLINE = rf"{HEADLINE_CHAR}{{0,250}}(?:[.!?…]+(?=\s|\Z)|\Z)"
PHOTO = re.compile("Ф(?=ото)")  # begins with one certain character: found at full speed


def may_have_tails(text: str) -> bool:
    """A text of one line without a last sentence, a call or a credit to look at skips the rules of lines."""
    return (
        "\n" in text
        or PHOTO.search(text) is not None
        or ("(" in text and "(фото" in text)  # one character is found ten times faster than five
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
OUTLET_TAIL = re.compile(  # a dash before a name without a date may begin the half of a sentence
    rf"\s+(?:\||::|(?P<dash>[-–—]))\s+(?:(?:[\w-]{{1,40}}\.){{1,3}}{ZONE}"
    rf"|{OUTLET},? \d\d\.\d\d\.\d{{4}}|{OUTLET}(?(dash)(?!)))\Z|\s+(?:\||::)\Z"
)


def outlets(title: str) -> str:
    """`Цех открыт - РИА Новости, 04.03.2024`, `Цех открыт | 74.ru`, `Цех открыт :: РБК` -> `Цех открыт`."""
    end = len(title)
    while m := OUTLET_TAIL.search(title, max(0, end - LONGEST_OUTLET), end):
        end = m.start()
    return title[:end]


SOURCE = (
    r"(?:РИА Новости|РИА НОВОСТИ|ТАСС|Коммерсантъ|Ведомости|«[^»\n]{1,40}»|[A-Za-z][A-Za-z0-9.@\- ]{1,40})"
)
HEAD_CREDIT = re.compile(  # Фото: Имя Фамилия / Reuters Автор Заметки Текст: all in one line
    rf"(?:[А-ЯЁ][^.!?:\n]{{0,60}} )?Фото:\s+(?:[^\n!?]{{0,100}} / )?{SOURCE}\s?"
    r"(?:(?<= )[А-ЯЁ][а-яё]+ [А-ЯЁ][а-яё-]+ (?=[А-ЯЁ«\d]))?(?=[А-ЯЁ«])"
)


def _tells(reach: str) -> str:
    """Look for a verb within reach: «Видео с сайта полиции показывает погоню» is a sentence."""
    return (
        rf"(?={reach}{{0,120}}\s(?!портал|журнал|канал|комитет|университет|совет|факультет|институт"
        r"|комбинат|аппарат|кабинет|интернет|печать|сеть|соцсет|нейросет)"
        r"(?:[а-яё]{2,}(?:[иеёая]т|[ую]т|[аиеы]л[аио]?|[аеи]ть|с[ья])|есть|нет|намерен[аы]?|готов[аы]?)\b"
        rf"|{reach}{{1,120}}\s[-–—]\s(?=[а-яё])|{reach}{{0,90}}[.!?]\s[А-ЯЁ]{reach}{{0,90}}\s[—–]\s)"
    )


def _credit(tells: str) -> str:
    """Look for the words that a credit begins with, where no sentence does."""
    return (
        r"(?:[Фф]ото(?:графия)?|ФОТО|[Вв]идео|Иллюстрация|Инфографика|Скриншот|Коллаж"
        rf"|Источник(?: фото| видео| изображения)?)\s?:(?!{tells})"
        r"|(?:[Фф]ото|[Вв]идео) (?:[-–—] ?(?:[А-ЯЁA-Z«@]|соцсет|сайт|пресс|архив|автор|из )|[©/]"
        rf"|\([cсCС]\)|(?!{tells})(?:(?!ДТП|СВО|НАСА|БПЛА)[А-ЯЁ]{{3,}}|предоставлен|опубликован|пресс-служб"
        r"|с сайта"
        r"|из (?:личного |семейного )?архив|из (?:соцсет|социальных сет|открытых источ)))"
        r"|©|\([cсCС]\) (?=[А-ЯЁA-Z\d«@])"
    )


TELLS = _tells(".")
CREDIT_WORDS, PAREN_WORDS = _credit(TELLS), _credit(_tells(r"[^()\n]"))
LINE_CREDIT = re.compile(
    rf"(?=[ФфВвИСК©(])(?:(?:{CREDIT_WORDS})(?:.{{0,90}}\Z|.{{0,60}}\.com\b)"
    r"|Фото (?:автора|[А-ЯЁ][а-яё]+ [А-ЯЁ][а-яё-]+)\.?\Z|Кадр из (?:видео|фильма|ролика)\.?\Z)"
    r"|(?=[a-z0-9])(?:[a-z0-9-]{1,60}\.){1,4}(?:com|ru|org|net|info|su)\Z"  # globallookpress.com
)
END_CREDIT = re.compile(rf" (?=[ФфВвИСК©(]){ENDED}(?:{CREDIT_WORDS})(?:[^\n ]| (?!  ?[А-ЯЁ«])){{0,90}}\Z")
INNER_CREDIT = re.compile(  # set off by two spaces
    r"  (?:Фото|Видео|Скриншот|Иллюстрация|Коллаж):\s[^\n!?]{2,100}?  (?=[А-ЯЁ«\d])"
)
LONGEST_END_CREDIT = 140  # characters: the words of a credit and 90 more
PAREN_CREDIT = re.compile(rf"\((?=[ФфВвИС©(])(?:{PAREN_WORDS})[^()\n]{{0,120}}\)")


def credits(text: str) -> str:  # noqa: A001 - the word of the trade; the site built-in is for consoles
    """`Фото: …`, `Фото ТАСС`, `© Имя / Агентство`, on a line, in brackets, before or after the text."""
    places = _signs(text)
    if not places:
        return text
    freed = cut_head(HEAD_CREDIT, INNER_CREDIT.sub(" ", PAREN_CREDIT.sub("", text)))
    if freed != text:
        text, places = freed, _signs(freed)
    kept, done, last_goes = [], 0, False
    for place in places:
        if place < done:
            continue
        start, end = text.rfind("\n", done, place) + 1 or done, text.find("\n", place) + 1 or len(text)
        kept.append(text[done:start])
        line, done = text[start:end].removesuffix("\n"), end
        if not LINE_CREDIT.match(line) or _goes_on(text[max(0, start - 2) : max(0, start - 1)], line):
            kept.append(_cut(END_CREDIT, line, LONGEST_END_CREDIT) + text[start + len(line) : end])
        else:
            last_goes = end == len(text)  # and with it the line feed before it
    left = "".join([*kept, text[done:]])
    return left.removesuffix("\n") if last_goes else left


def _goes_on(before: str, line: str) -> bool:
    """Return whether a line continues a sentence, as in hard-wrapped text, and is not a lower-case credit."""
    return before.isalnum() and line[0] in "фв" and ":" not in line[:8]


CREDIT_SIGNS = [  # begun by one certain character, and so found in half the time of a word
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


def _signs(text: str) -> list[int]:
    """Return the positions of possible credits, in order."""
    found = [m.end() for sign in CREDIT_SIGNS for m in sign.finditer(text)]
    for word in ("©", "идео"):
        at = text.find(word)
        while at >= 0:
            found.append(at)
            at = text.find(word, at + 1)
    return sorted(found)


def _cut(pattern: re.Pattern[str], line: str, longest: int = TAIL + 1) -> str:
    """Drop matches from the end of a line, one by one, looking at no more than its last characters.

    A match begins with the space after the mark that ends the sentence before it.
    """
    end = len(line)
    while m := pattern.search(line, max(0, end - longest), end):
        end = m.start()
    return line[:end]


COUNTER = (
    r"(?=[вс\dР*ПНОТМК])(?:(?:вчера|сегодня|\d\d\.\d\d\.\d{4})[^\S\n]+в \d\d:\d\d, просмотров: \d+"
    r"|\d+ фото|Реклама|\*+"
    r"|(?:Т[еэ]ги|Метки|Ключевые слова|Рубрик[аи]|Категори[яи]):[^\n.!?—]{0,200}"  # they tell the label
    r"|Прочитать статью|На страницу галереи|Обратная связь с отделом «[^»\n]{1,60}»:?"
    r"|Посмотреть эту публикацию в Instagram.{0,200})(?=\n|\Z)"
)
FIRST_COUNTER, NEXT_COUNTER = re.compile(COUNTER), re.compile(rf"\n{COUNTER}")
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
RELATED_INSIDE = re.compile(  # one headline and no more: what follows is the article's own
    rf" Читайте также:(?:(?<=[.!?…»\"] Читайте также:)|(?<=[.!?…»\"]  Читайте также:)){ONE_HEADLINE}"
)
FIRST_HEADLINE = re.compile(ONE_HEADLINE)


def counters(text: str) -> str:
    """`20 фото`, `06.03.2019 в 21:49, просмотров: 2030`: what a page counts."""
    first = FIRST_COUNTER.match(text)
    if not first:
        return NEXT_COUNTER.sub("", text)
    return NEXT_COUNTER.sub("", text[first.end() :])[1:]


OPENING = (
    r"(?=[МТСПЧДГЕРВН])"
    r"(?:Мат|Так|Ссы|По |Чит|ЧИТ|Смо|См\.|Дру|Гла|Ещ|Ранее по|Видео по|Пох|Новости [пС])"
)
READ_SIGN = re.compile("Ч(?=ита(?:йте|ть))")
FIRST_RELATED, NEXT_RELATED = re.compile(OPENING), re.compile(rf"\n{OPENING}")


def related(text: str) -> str:
    """`Читайте также: …` goes; a bare `Материалы по теме:` goes with the headlines under it."""
    opens = FIRST_RELATED.match(text) or NEXT_RELATED.search(text) or READ_SIGN.search(text)
    if not opens:
        return text
    old, kept, i = text.split("\n"), [], 0
    while i < len(old):
        heading = RELATED.match(old[i])
        if heading and not heading[3]:
            i = _past_teasers(old, i + 1)
        elif heading and heading[2] and (not heading[1] or _is_headline(heading[3].rstrip('»"?!'))):
            headline = FIRST_HEADLINE.match(heading[3])
            if headline and (rest := heading[3][headline.end() :].strip()):
                kept.append(rest)  # more sentences: the article goes on
            i += 1
        else:
            if not RELATED_LINE.match(old[i]):
                kept.append(_without_related(old[i]) if "Читайте" in old[i] else old[i])
            i += 1
    return "\n".join(kept)


def _without_related(line: str) -> str:
    return _cut(RELATED_END, RELATED_INSIDE.sub("", line))


def _past_teasers(old: list[str], i: int) -> int:
    """Skip the headline, dates and headlines after it; a teaser that ends with three dots is the last."""
    first = i
    while i < len(old) and len(old[i]) <= 300:
        if old[i].endswith(("...", "…")):
            return i + 1
        dated = any(STAMP.match(line) for line in old[i : i + 3])
        teaser_next = i == first and i + 1 < len(old) and old[i + 1].endswith(("...", "…"))
        asks = i == first and old[i].endswith("?") and _is_headline(old[i][:-1])
        if not (dated or teaser_next or asks or _is_headline(old[i]) or BULLETED.match(old[i])):
            break
        i += 1
    return i


BULLETED = re.compile(r"[-–—•▪●►▶→➡*]\s{0,3}[А-ЯЁA-Z0-9«][^\n]{0,200}[^\W_][?!»]?\Z")


CALL_WORDS = (  # but «Подпишитесь под петицией», «Подписывайтесь на наш канал, — сказал директор»
    r"(?:[Пп]одпи(?:сывайтесь|сывайся|шись|шитесь)(?!\s+под\b)|Присоединяйтесь к"
    r"|Подписаться на (?:[@«\"A-ZА-ЯЁ]|канал|наш?|новост|рассыл))(?![^\n]{0,150}»?,»?\s?[-–—] [а-яё])"
)
PLACE = (  # what one is called to; without it «Банк советует: подпишитесь на уведомления» is news
    r"(?:канал|[Чч]ат|[Tt]elegram|TELEGRAM|[Тт]елеграм|ТГ|соцсет|социальн|[Вв][Кк]онтакте|Дзен|M[Aa][Xx]|Viber"
    r"|[Вв]айбер|YouTube|[Ff]acebook|[Ii]nstagram|Инстаграм|[Tt]witter|Одноклассник|WhatsApp|VK\b|ВК\b|R[Uu]Tube"
    r"|на нас\b|наш(?:[аеиу]|его|ему|ем|ей|их|им|ими)?\b|рассылк|новост|страниц|групп|сообществ|@)"
)
IN_SENTENCE = r"(?:[^\n.!?…]|[.!?…](?![\s»\"]|\Z))"
CHANNEL = rf"(?:(?=[!.…]{{0,3}}\s*\Z)|(?={IN_SENTENCE}{{0,150}}{PLACE}))"
AFTER_CALL = (  # its sentence, and one that says what is to be had there
    rf"{IN_SENTENCE}{{0,200}}[.!?…]*(?:\s(?!.{{0,60}}\d){IN_SENTENCE}{{0,150}}[.!?…]*)?\s*"
)
CALL = re.compile(  # Больше новостей в канале «Каменск». Подписывайтесь!
    r"(?:(?:Что происходит[^.!?…\n]{0,100}\?\s+)?"
    r"(?:Больше|Ещ[её]|Все|Самые|Главные|Слушайте|Следите|Читайте|Объясняем|Рассказываем)"
    rf"(?={IN_SENTENCE}{{0,100}}{PLACE}){IN_SENTENCE}{{0,200}}[.!?…]+\s+)?"
    rf"(?:[^.!?…\n]{{0,150}}?(?<![а-яё«\"]){CALL_WORDS}{CHANNEL}{AFTER_CALL}"
    rf"|\W{{0,5}}(?:{CALL_WORDS}|Подписаться(?=\s*(?:[:|]|\Z)))(?!{TELLS}).{{0,60}})\Z"
)
LONG_CALL = re.compile(
    r"Подписывайтесь на наш\s+\w{1,20}\s*,\s+чтобы быть в курсе[^\n]{0,100}(?:\n[^\n]{1,90}){0,3}?Join\.?"
)
END_CALL = re.compile(
    r" (?:(?<=[.!?…] )|(?<=[.!?…][»\"] ))"
    rf"(?:[^.!?…\n]{{0,150}}(?<![а-яё«\"]){CALL_WORDS}{CHANNEL}{AFTER_CALL}"
    rf"|{CALL_WORDS}(?!{TELLS})[^\n]{{0,60}})\Z"
)


def calls(text: str) -> str:
    """`Подписывайтесь на наш Telegram-канал`, a line of its own or the last sentence."""
    if "Join" in text:
        text = LONG_CALL.sub("", text)
    return "\n".join(
        _cut(END_CALL, line) if _may_call(line) else line
        for line in text.split("\n")
        if not (_may_call(line) and CALL.match(line))
    )


def _may_call(line: str) -> bool:
    return "одпи" in line or "соединяйтесь к" in line


HEADLINE = re.compile(r"[«\"]?[А-ЯЁA-Z0-9][^:;\n]{10,198}[^\W_]\Z")


def _is_headline(line: str) -> bool:
    """Return whether a line is a headline: no final mark, not short, and not starting in lower case."""
    return line[-1:].isalnum() and bool(HEADLINE.match(line)) and line.count(" ") >= 3


def standfirsts(text: str) -> str:
    """Two or more headlines of other articles after the last paragraph; a text of such lines only stays."""
    if not text[-1:].isalnum():
        return text
    old = text.split("\n")
    end = len(old)
    while end and _is_headline(old[end - 1]):
        end -= 1
    if len(old) - end < 2 or not end or not old[end - 1].endswith((".", "!", "?", "…", "»", '"', ")")):
        return text
    if _is_list(old[end:]):
        return text
    prose = sum(line.endswith((".", "!", "?", "…", "»", '"', ")")) for line in old[:end])
    return "\n".join(old[:end]) if 2 * prose > end else text  # hard-wrapped text has few such lines


FINITE = re.compile(r"[а-яё]{2}(?:[иеёая]т|[ую]т|[аиеы]л[аио]?)(?:с[ья])?\b")
ITEM = re.compile(r"[А-ЯЁ][а-яё]+[аеиоуыя]ть(?:ся)?\b|\D*\d[\d.,]*\D+\d")


def _is_list(lines: list[str]) -> bool:
    """Return whether lines are a list or a table: «Построить школу», «Зенит 45 очков 20 матчей»."""
    return any(map(ITEM.match, lines)) or 2 * sum(map(bool, map(FINITE.search, lines))) < len(lines)


RECAP_WORDS = (
    r"(?:Напомним[,:]|Ранее (?:(?:редакция |мы )?(?:сообщал|писал|рассказывал)|стало известно"
    r"|[«A-ZА-ЯЁ].{1,30} (?:сообщал|писал|рассказывал)))"
)
RECAP_LINE = re.compile(RECAP_WORDS)
END_RECAP = re.compile(rf" (?=[НР])(?<=[.!?…»\"] ){RECAP_WORDS}[^\n]*\Z")


def recaps(text: str) -> str:
    """`Напомним, …`, `Ранее сообщалось, …` at the end: an older story, told again."""
    end = len(text)  # cut once: thousands of such lines must not copy the text thousands of times
    while (start := text.rfind("\n", 0, end) + 1) and RECAP_LINE.match(text, start, end):
        end = start - 1
    return _cut(END_RECAP, text[:end])
