"""CMS text -> the text that an article is made of.

`RULES` is the whole design: small rules, each `str -> str`, in an order that is data. A rule is asked only
where one of its triggers occurs, so clean text pays for a few substring tests. What no rule can know, the
lines that one outlet prints under every article, is learned: see `topics.boilerplate`.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from topics.boilerplate import Boilerplate
from topics.errors import UsageError, listed

HEAD, TAIL = 120, 300  # characters at the edges of a text where its credits and calls are


# --- characters: every later rule may then look for plain spaces, plain letters and "\n" ---

ENTITY = re.compile(r"&(?:amp;)*(#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
MARKS = re.compile(r"([^\W\d_])([\u0300-\u036f]+)")
BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
SPACES = re.compile(r"[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)


def entities(text: str) -> str:
    """`Procter &amp;amp; Gamble` -> `Procter & Gamble`: a CMS escapes once too often."""
    return ENTITY.sub(lambda m: html.unescape(f"&{m[1]};"), text)


def characters(text: str) -> str:
    """Make odd spaces spaces and odd line ends line feeds; what cannot be seen goes."""
    if _all_seen(text):
        return text
    text = text.replace("\r\n", "\n").replace("\xa0", " ").replace("\t", " ")  # nearly always enough
    return text if _all_seen(text) else INVISIBLE.sub("", SPACES.sub(" ", BREAKS.sub("\n", text)))


def _all_seen(text: str) -> bool:
    """Ask C about each character; it says no to a line feed, and at once."""
    return text.isprintable() or ("\n" in text and text.replace("\n", "").isprintable())


def accents(text: str) -> str:
    """`за\u0301мок` loses its stress mark, `и` + breve becomes `й`, `cafe` + acute becomes `café`."""
    return MARKS.sub(_compose, text)


def _compose(m: re.Match[str]) -> str:
    letter, marks = m[1], m[2][:4]  # a longer pile of marks is a prank, and normalizing piles is quadratic
    if "\u0400" <= letter <= "\u04ff":
        marks = marks.replace("\u0301", "").replace("\u0300", "")
    return unicodedata.normalize("NFC", letter + marks)


# --- markup ---

BLOCK = (
    "br|p|div|li|ul|ol|h[1-6]|tr|table|blockquote|section|article|header|footer|aside|figure|figcaption|hr"
)
BREAK_TAG = re.compile(rf"</?(?:{BLOCK})(?:[\s/][^<>]{{0,2000}})?>", re.IGNORECASE)
TAG = re.compile(r"</?[a-zA-Z](?:[^<>]{0,2000})>|<![^<>]{0,2000}>")
HIDDEN_OPEN = re.compile(r"<(?:(script|style|noscript|iframe|svg)\b[^<>]{0,2000}>|!--)", re.IGNORECASE)
HIDDEN_CLOSE = {
    name: re.compile(rf"</{name}\s{{0,9}}>", re.IGNORECASE)
    for name in ("script", "style", "noscript", "iframe", "svg")
}
HIDDEN_CLOSE["!--"] = re.compile("-->")
URL = re.compile(  # `и/или` has the slash, `sport.me/` is a part of something
    r"(?:https?://|www\.|t\.me/(?<!\wt\.me/)|pic\.twitter\.com/(?<!\wpic\.twitter\.com/))[^\s<>«»\"()\[\]]+"
)
MD_LINK = re.compile(r"\[([^\[\]\n]{0,300})\]\([^()\s]{0,2000}\)")
MD_MARK = re.compile(r"\*\*+|__+")
BASE64 = re.compile(r"[A-Za-z0-9+/=]{120,}")
BASE64_SAMPLE = re.compile(r"[A-Za-z0-9+/=]{6}")


def _without_hidden(text: str) -> str:
    """`<script>…</script>`, `<style>…</style>`, `<!-- … -->` go with what they hold."""
    kept, at, unclosed = [], 0, set[str]()
    while m := HIDDEN_OPEN.search(text, at):
        name = (m[1] or "!--").lower()
        end = None if name in unclosed else HIDDEN_CLOSE[name].search(text, m.end())
        if end is None:  # remembered: a million of unclosed ones must not be searched a million times
            unclosed.add(name)
        kept += [text[at : m.start()], " "]
        at = end.end() if end else m.end()
    return "".join([*kept, text[at:]])


def tags(text: str) -> str:
    """`<p>`, `<br>`, `<li>` break the line; `<b>` and its like vanish from within a word."""
    return TAG.sub("", BREAK_TAG.sub("\n", _without_hidden(text)))


def markdown(text: str) -> str:
    """Telegram's `[слова](ссылка)`, `**жирно**`, `__курсив__` -> the words."""
    if "[" in text and "](" in text:  # one character is found ten times faster than two
        text = MD_LINK.sub(r"\1", text)
    doubled = ("*" in text and "**" in text) or ("_" in text and "__" in text)
    return MD_MARK.sub("", text) if doubled else text


def urls(text: str) -> str:
    """Drop addresses: they say where, not what."""
    has_one = "://" in text or "www." in text or "t.me/" in text or "twitter.com/" in text
    return URL.sub("", text) if has_one else text


def base64(text: str) -> str:
    """Pictures written into the text, sometimes megabytes of them."""
    sample = text[19::20]  # 120 such characters in a row are six in a row of every twentieth
    return BASE64.sub(" ", text) if BASE64_SAMPLE.search(sample) else text


CODE_START = re.compile(r"[.!?…»\"](?=window\.|\(function|jwplayer\(|var [a-z])")
CODE_END = re.compile(r"[;}](?=[А-ЯЁ«])")
CODE_SIGN = re.compile(r"[{}]|;$|\);|[\w\]] = |==|^\W+$|^//|^[\w\"']+:\s\S|\\u0[0-9a-f]{3}", re.MULTILINE)
CODE_ANYWAY = re.compile(r"//|[a-zA-Z_.]+ = ['\"]")  # whatever language the string is in
CYRILLIC = re.compile(r"[а-яёА-ЯЁ]+")


def code(text: str) -> str:
    """JavaScript that a scraper took for prose: lines with signs of code and next to no Cyrillic."""
    lines = CODE_END.sub(r"\g<0>\n", CODE_START.sub(r"\g<0>\n", text)).split("\n")
    return "\n".join(line for line in lines if not _is_code(line.strip()))


def _is_code(line: str) -> bool:
    if _is_cyrillic(line) and not CODE_ANYWAY.match(line):
        return False
    return bool(CODE_SIGN.search(line))


def _is_cyrillic(line: str) -> bool:
    """Tell whether a fifth of the line is Cyrillic; of prose a third is enough to see it."""
    if line.isascii():
        return False
    enough = len(line) / 5
    return _cyrillic(line[: len(line) // 3]) >= enough or _cyrillic(line) >= enough


def _cyrillic(text: str) -> int:
    return sum(map(len, CYRILLIC.findall(text)))


# --- lines and sentences ---

MATERIALS = re.compile(
    r"Материалы по теме:?\s?"
    r"(?:\d\d:\d\d\s+—\s+\d{1,2} [а-я]{3,8}(?: \d{4})?"  # Материалы по теме00:04 — 11 марта 2017
    r"[^\n]{1,150}?(?<=[а-яё0-9»?!.…])(?=[А-ЯЁ«])"  # ЗаголовокПодзаголовок, glued, then the article goes on
    r"(?:[^\n]{1,250}?(?<=[а-яё0-9»?!.…])(?=[А-ЯЁ«\n]|\d\d:\d\d))?)+"
)
GLUE_DOT = re.compile(r"\.(?=[А-ЯЁ«])(?<=([а-яё0-9»\")%])\.)")
GLUE_MARKS = [  # one by one: a pattern that begins with one certain character is searched at full speed
    (mark, re.compile(rf"{re.escape(mark)}(?=[А-ЯЁ«][а-яё ])(?<=[а-яё0-9»)].)")) for mark in "!?…"
]
WORD_BEFORE = re.compile(r"[\w-]{1,40}\Z")
ABBREVIATION = re.compile(  # им.Пушкина, ул.Мира: the dot ends no sentence
    r"(?:им|ул|пр|просп|пл|пер|наб|пос|дер|обл|стр|кв|тел|ст|св|проф|акад|ген|гл|см|рис|табл|ред|корр)\Z"
)
DOMAIN_OR_MONTH = re.compile(  # Газета.Ру, Цензор.НЕТ, 12.Мая
    r"(?:Р[уУфФ]|Ком|НЕТ|Инфо|Мая|Марта|Августа|(?:Янва|Февра|Апре|Ию|Сентя|Октя|Ноя|Дека)(?:р|л|б|н){1,2}я)\b"
)
BRANDS = frozenset(("Яндекс", "Рамблер"))  # Яндекс.Дзен, Яндекс.Такси


def materials(text: str) -> str:
    """Links that Lenta's pages glue between two paragraphs: a time, a headline, a line under it."""
    return MATERIALS.sub("\n", text)


def glued(text: str) -> str:
    """`году.Отмечается` -> two lines; `т.Е`, `им.Пушкина`, `Газета.Ru`, `А.С.Пушкин`, `12.Мая` stay."""
    text = GLUE_DOT.sub(_split_dot, text)
    for mark, glue in GLUE_MARKS:
        if mark in text:
            text = glue.sub(f"{mark}\n", text)
    return text


def _split_dot(m: re.Match[str]) -> str:
    text, at = m.string, m.start()
    if not m[1].isalnum():
        return ".\n"
    before = WORD_BEFORE.search(text, max(0, at - 40), at)
    word = before[0] if before else ""
    stays = len(word) < 2 or word in BRANDS or ABBREVIATION.match(word.lower())
    if not stays and (word[0].isupper() or word.isdigit()):
        stays = DOMAIN_OR_MONTH.match(text, m.end())
    return "." if stays else ".\n"


LOOSE = re.compile(r"\n(?:(?=\s)|(?<=\s\n))")  # begins with the line feed: found at full speed


def lines(text: str) -> str:
    """Lines without spaces at their ends, none of them empty."""
    if text == text.strip() and not LOOSE.search(text):
        return text
    return "\n".join(filter(None, map(str.strip, text.split("\n"))))


MONTH = "(?:янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек)[а-я]{0,6}"
DATELINE = re.compile(
    r"(?:[А-ЯЁ]{2}|С\.-[А-ЯЁ])[А-ЯЁа-яё.,()\- ]{0,60}?\s?[.,]\s*"  # МОСКВА, ЯЛТА (Крым), С.-ПЕТЕРБУРГ,
    rf"\d{{1,2}} {MONTH}\.?,?\s*[-–—]?\s*"
    r"(?:/[^/\n]{2,50}/\.?"  # /ТАСС/. /Корр. ТАСС Иван Петров/.
    r"|(?:РИА [А-ЯЁ][а-яё]+|ТАСС|Интерфакс)(?=\s[А-ЯЁ])"
    r"|[А-ЯЁA-Z][\w«»\"-]*(?: [А-ЯЁA-Z][\w«»\"-]*){0,3}(?:, [А-ЯЁ][а-яё]+ [А-ЯЁ][\w-]+)?\.)\s*"
)


def datelines(text: str) -> str:
    """`МОСКВА, 4 дек - РИА Новости.`: it names the outlet, and the outlet predicts the rubric."""
    return _cut_head(DATELINE, text) if text[:2].isupper() or text.startswith("С.-") else text


def _cut_head(pattern: re.Pattern[str], text: str) -> str:
    m = pattern.match(text)  # sub() would try the pattern at every character
    return text[m.end() :] if m and m.end() < len(text) else text


SOURCE = (
    r"(?:РИА Новости|РИА НОВОСТИ|ТАСС|Коммерсантъ|Ведомости|«[^»\n]{1,40}»|[A-Za-z][A-Za-z0-9.@\- ]{1,40})"
)
HEAD_CREDIT = re.compile(  # Фото: Имя Фамилия / Reuters Автор Заметки Текст: all in one line
    rf"(?:[А-ЯЁ][^.!?:\n]{{0,60}} )?Фото:\s+(?:[^\n.!?]{{0,100}} / )?{SOURCE}\s?"
    r"(?:(?<= )[А-ЯЁ][а-яё]+ [А-ЯЁ][а-яё-]+ (?=[А-ЯЁ«\d]))?(?=[А-ЯЁ«])"
)
CREDIT_WORDS = (
    r"(?:[Фф]ото(?:графия)?|ФОТО|[Вв]идео|Источник|Иллюстрация|Инфографика|Скриншот)\s?:"
    r"|(?:[Фф]ото|[Вв]идео) (?:[-–—©/]|\([cсCС]\)|[А-ЯЁ]{3,}|предоставлен|опубликован|пресс-служб|с сайта"
    r"|из (?:личного |семейного )?архив|из (?:соцсет|социальных сет|открытых источ))"
    r"|©|\([cсCС]\) "
)
LINE_CREDIT = re.compile(rf"(?:{CREDIT_WORDS})(?:.{{0,90}}\Z|.{{0,60}}\.com\b)")
END_CREDIT = re.compile(rf"[.!?…»\"] (?:{CREDIT_WORDS})[^\n]{{0,90}}\Z")
PAREN_CREDIT = re.compile(rf"\((?:{CREDIT_WORDS})[^()\n]{{0,120}}\)")


def credits(text: str) -> str:  # noqa: A001 - the word of the trade; the site built-in is for consoles
    """`Фото: …`, `Фото ТАСС`, `© Имя / Агентство`, on a line, in brackets, before or after the text."""
    text = _cut_head(HEAD_CREDIT, PAREN_CREDIT.sub("", text))
    return "\n".join(_cut(END_CREDIT, line) for line in text.split("\n") if not LINE_CREDIT.match(line))


def _cut(pattern: re.Pattern[str], line: str) -> str:
    """Drop matches from the end of a line, one by one, looking at no more than its last characters.

    A match begins with the mark that ends the sentence before it, which stays: to look for a mark is quick.
    """
    end = len(line)
    while m := pattern.search(line, max(0, end - TAIL - 2), end):
        end = m.start() + 1
    return line[:end]


COUNTER = re.compile(
    r"\n(?:(?:вчера|сегодня|\d\d\.\d\d\.\d{4})[^\S\n]+в \d\d:\d\d, просмотров: \d+|\d+ фото|Реклама|\*+"
    r"|Прочитать статью|На страницу галереи|Обратная связь с отделом «[^»\n]{1,60}»:?"
    r"|Посмотреть эту публикацию в Instagram.{0,200})(?=\n|\Z)"
)
STAMP = re.compile(rf"\d{{1,2}} {MONTH}(?: \d{{4}})?\Z|Реклама\Z")
RELATED = re.compile(
    r"(?:Материалы? по теме|Также по теме|Ссылки по теме|По теме|Читайте (?:также|далее|ещ[её])|ЧИТАЙТЕ ТАКЖЕ"
    r"|Смотрите (?:также|фоторепортаж)[^:]{0,20}|Другие новости|Главные новости)\s?(:?)\s*(.{0,250})\Z"
)
RELATED_LINE = re.compile(
    r"Читайте (?:материал|полный текст|полностью|нас в|продолжение:|другие|интервью).{0,200}\Z"
    r"|Чита(?:ть|йте) .{1,30} в (?:Telegram|Телеграм|MAX|Яндекс|Дзен).{0,30}\Z"
)
RELATED_END = re.compile(r"[.!?…»\"] Читайте (?:также:|полный текст|интервью полностью|нас в)[^\n]{0,150}\Z")


def counters(text: str) -> str:
    """`20 фото`, `06.03.2019 в 21:49, просмотров: 2030`: what a page counts."""
    return COUNTER.sub("", f"\n{text}")[1:]


def related(text: str) -> str:
    """`Читайте также: …` goes; a bare `Материалы по теме:` goes with the headlines under it."""
    old, kept, i = text.split("\n"), [], 0
    while i < len(old):
        heading = RELATED.match(old[i])
        if heading and (heading[1] or not heading[2]):
            i = i + 1 if heading[2] else _past_teasers(old, i + 1)
        else:
            if not RELATED_LINE.match(old[i]):
                kept.append(_cut(RELATED_END, old[i]) if "Читайте" in old[i] else old[i])
            i += 1
    return "\n".join(kept)


def _past_teasers(old: list[str], i: int) -> int:
    """Skip the headline, dates and headlines after it; a teaser that ends with three dots is the last."""
    first = i
    while i < len(old) and len(old[i]) <= 300:
        if old[i].endswith(("...", "…")):
            return i + 1
        dated = any(STAMP.match(line) for line in old[i : i + 3])
        teaser_next = i == first and i + 1 < len(old) and old[i + 1].endswith(("...", "…"))
        if not (dated or teaser_next or _is_headline(old[i])):
            break
        i += 1
    return i


CALL_WORDS = r"[Пп]одпи(?:сывайтесь|сывайся|шись|шитесь)|Подписаться на |Присоединяйтесь к"
CALL = re.compile(  # Больше новостей в канале «Каменск». Подписывайтесь!
    r"(?:(?:Больше|Ещ[её]|Что происходит|Все|Самые|Главные|Слушайте|Следите|Читайте).{0,200}?"
    rf"|[^.!?…]{{0,150}}?)(?<![а-яё])(?:{CALL_WORDS}).{{0,150}}\Z"
)
LONG_CALL = re.compile(
    r"Подписывайтесь на наш\s+\w{1,20}\s*,\s+чтобы быть в курсе[^\n]{0,100}(?:\n[^\n]{1,90}){0,3}?Join\.?"
)
END_CALL = re.compile(rf"[.!?…»\"] [^.!?…\n]{{0,150}}(?:{CALL_WORDS})[^\n]{{0,300}}\Z")


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
    """Tell a headline from a sentence (has a mark), a list item (short), a broken line (small letter)."""
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
    prose = sum(line.endswith((".", "!", "?", "…", "»", '"', ")")) for line in old[:end])
    return "\n".join(old[:end]) if 2 * prose > end else text  # hard-wrapped text has few such lines


RECAP_WORDS = (
    r"(?:Напомним[,:]|Ранее (?:(?:редакция |мы )?(?:сообщал|писал|рассказывал)|стало известно"
    r"|[«A-ZА-ЯЁ].{1,30} сообщал))"
)
RECAP_LINE = re.compile(RECAP_WORDS)
END_RECAP = re.compile(rf"[.!?…»\"] {RECAP_WORDS}[^\n]*\Z")


def recaps(text: str) -> str:
    """`Напомним, …`, `Ранее сообщалось, …` at the end: an older story, told again."""
    old = text.split("\n")
    while len(old) > 1 and RECAP_LINE.match(old[-1]):
        old.pop()
    old[-1] = _cut(END_RECAP, old[-1])
    return "\n".join(old)


# --- the list ---


class Rule(NamedTuple):
    """One verb. It is asked only where one of its triggers occurs; the trigger "" occurs everywhere."""

    name: str
    apply: Callable[[str], str]
    triggers: tuple[str, ...]
    of_lines: bool = False
    """It drops lines or the last sentences, and may not leave a text empty."""
    titles: bool = False
    """Whether a title gets it too."""


# Characters come first: all later rules look for plain ones. Then what hides other dirt: scripts with their
# tags, links before the addresses in them, code once its base64 is gone. Then lines are made: `materials`
# before `glued`, which would tear its headlines apart. Then rules that ask where a line begins. Tails last,
# from the outer to the inner: a recap stands before the headlines that were glued behind it.
RULES: tuple[Rule, ...] = (
    Rule("entities", entities, ("&",), titles=True),
    Rule("characters", characters, ("",), titles=True),
    Rule("accents", accents, ("\u0300", "\u0301", "\u0306", "\u0308"), titles=True),
    Rule("tags", tags, ("<",), titles=True),
    Rule("markdown", markdown, ("[", "_", "*"), titles=True),
    Rule("urls", urls, ("/",), titles=True),
    Rule("base64", base64, ("/", "+")),
    Rule("code", code, ("{", "}")),
    Rule("materials", materials, (":",)),
    Rule("glued", glued, (".", "!", "?", "…")),
    Rule("lines", lines, ("\n",), titles=True),
    Rule("datelines", datelines, ("",)),
    Rule("credits", credits, ("Фото", "фото", "ФОТО", "идео", "©", "(c)", "Источник"), of_lines=True),
    Rule("counters", counters, ("\n",), of_lines=True),
    Rule("related", related, ("итайте", "итать", "ЧИТАЙТЕ", "о теме", "мотрите"), of_lines=True),
    Rule("calls", calls, ("одпи", "соединяйтесь к"), of_lines=True),
    Rule("standfirsts", standfirsts, ("\n",), of_lines=True),
    Rule("recaps", recaps, ("Напомним", "Ранее"), of_lines=True),
)

# A text of one line without such a last sentence, call or head credit skips the rules of lines.
# To search for a space and a rare letter after it takes a third of the time of a search for the mark.
LAST_SENTENCE = re.compile(
    r" (?=[ФфВвИ©(ЧНР])(?<=[.!?…»\"] )(?:[Фф]ото|[Вв]идео|Источник|©|\(|Читайте|Напомним|Ранее)"
)
PASSES = 8  # a rule may uncover work for an earlier one: `&lt;<b>b&gt;`. Clean text takes one, dirty text two
END = len(RULES) + 1  # the place after the last rule
Places = tuple[tuple[int, Rule], ...]


# --- all together ---


@dataclass(frozen=True)
class Cleaner:
    """The rules with their settings, and what was learned. Immutable; any thread may call `clean`."""

    drop_recaps: bool = False
    skip: tuple[str, ...] = ()
    """Names of rules that are switched off."""
    boilerplate: Boilerplate = field(default_factory=Boilerplate)
    _in_titles: Places = field(init=False, repr=False, compare=False)
    _anywhere: Places = field(init=False, repr=False, compare=False)
    _anywhere_again: Places = field(init=False, repr=False, compare=False)
    _of_lines: Places = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [rule.name for rule in RULES]
        for name in self.skip:
            if name not in names:
                raise UsageError(f"cleaning has no rule {name!r}; rules are {listed(names)}")
        off = {*self.skip, *(() if self.drop_recaps else ("recaps",))}
        on = [(place, rule) for place, rule in enumerate(RULES, 1) if rule.name not in off]
        object.__setattr__(self, "_in_titles", tuple((place, rule) for place, rule in on if rule.titles))
        object.__setattr__(self, "_anywhere", tuple((place, rule) for place, rule in on if not rule.of_lines))
        again = tuple((place, rule) for place, rule in self._anywhere if rule.name != "characters")
        object.__setattr__(self, "_anywhere_again", again)
        object.__setattr__(self, "_of_lines", tuple((place, rule) for place, rule in on if rule.of_lines))

    def clean(self, title: str, text: str, outlet: str = "") -> tuple[str, str]:
        """Return the title and the text without dirt. Any string will do; twice is as good as once."""
        return _settled(title, self._title_once, outlet), _settled(text, self._once, outlet)

    def _title_once(self, title: str, _: str, last: int) -> tuple[str, int]:
        return _apply(self._in_titles, title, last)

    def _once(self, text: str, outlet: str, last: int) -> tuple[str, int]:
        # Only `entities` can bring a character back that `characters` has replaced.
        again = last < END and "&" not in text
        text, changed = _apply(self._anywhere_again if again else self._anywhere, text, last)
        last = END if changed else last
        if last > len(self._anywhere) and _may_have_tails(text):
            text, dropped = _apply(self._of_lines, text, last)
            changed, last = (dropped, END) if dropped else (changed, last)
        if last == END and (stripped := self.boilerplate.strip(outlet, text)) != text:
            return stripped, END
        return text, changed


def _settled(text: str, once: Callable[[str, str, int], tuple[str, int]], outlet: str) -> str:
    """Clean until each rule in turn has left the text alone."""
    text, last = text.strip(), END
    for _ in range(PASSES if text else 0):
        found, last = once(text, outlet, last)
        text = found.strip()
        if not last:
            break
        if text != found:
            last = END
    return text


def _apply(rules: Places, text: str, last: int) -> tuple[str, int]:
    """Ask the rules up to the place `last`; once one has changed the text, those after it too.

    Returns the text and the place of the last rule that changed it, 0 if none did. To ask up to there is
    enough in the next pass: what comes after has seen this very text.
    """
    changed = 0
    for place, (_, apply, triggers, of_lines, _) in rules:
        if place > last:
            break
        for trigger in triggers:  # any() with a generator would cost as much as ten of these tests
            if trigger in text:
                new = apply(text)
                if new != text and (not of_lines or new.strip()):
                    text, changed, last = new, place, END
                break
    return text, changed


def _may_have_tails(text: str) -> bool:
    if "\n" in text or "Фото:" in text[:HEAD]:
        return True
    end = text[-TAIL:]
    return "дпи" in end or bool(LAST_SENTENCE.search(end))
