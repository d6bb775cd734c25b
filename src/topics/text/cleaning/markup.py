"""Rules of characters and markup that a browser, a scraper or a CMS left in the text."""

from __future__ import annotations

import html
import re
import unicodedata

# --- characters: later rules expect plain spaces, plain letters and "\n" ---

ENTITY = re.compile(
    r"&(?:amp;)*(?:(#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});"
    r"|(nbsp|quot|laquo|raquo)(?![a-zA-Z0-9;=]))"  # &nbspЗавод: the semicolon was lost
)
MARKS = re.compile(r"([^\W\d_])([\u0300-\u036f]+)")
BREAKS = r"\r\x0b\x0c\x85\u2028\u2029"
SPACES = r"\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
INVISIBLE = (
    r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\uffff\ud800-\udfff"
)
ODD = BREAKS + SPACES + INVISIBLE
ODD_ONE, INVISIBLE_ONE = re.compile(f"[{ODD}]"), re.compile(f"[{INVISIBLE}]")
ODD_BREAK, ODD_SPACES = re.compile(rf"\r\n?|[{BREAKS}]"), re.compile(f"[{SPACES}]+")


def entities(text: str) -> str:
    """Unescape `Procter &amp;amp; Gamble` to `Procter & Gamble`, however often a CMS escaped it."""
    return ENTITY.sub(lambda m: html.unescape(f"&{m[1] or m[2]};"), text)


def characters(text: str) -> str:
    """Normalize spaces and line ends; drop invisible characters."""
    if _is_plain(text):
        return text
    text = text.replace("\r\n", "\n").replace("\xa0", " ").replace("\t", " ")  # enough for most texts
    if _is_plain(text) or not ODD_ONE.search(text):
        return text
    return INVISIBLE_ONE.sub("", ODD_SPACES.sub(" ", ODD_BREAK.sub("\n", text)))


def _is_plain(text: str) -> bool:
    """Return whether there are no odd characters: all are unprintable, and this is faster than a search."""
    return text.replace("\n", " ").isprintable()


def accents(text: str) -> str:
    """Drop the stress mark of `за\u0301мок`; compose `и` + breve to `й`, `cafe` + acute to `café`."""
    return MARKS.sub(_compose, text)


def _compose(m: re.Match[str]) -> str:
    letter, marks = m[1], m[2][:4]  # normalizing is quadratic in the number of marks
    if "\u0400" <= letter <= "\u04ff":
        marks = marks.replace("\u0301", "").replace("\u0300", "")
    return unicodedata.normalize("NFC", letter + marks)


# --- markup ---

BLOCK = (
    "br|p|div|li|ul|ol|h[1-6]|tr|table|blockquote|section|article|header|footer|aside|figure|figcaption|hr"
    "|dl|dt|dd|nav|main|pre|address|caption|summary|details|w:p"
)
# Table cells, adjacent links and buttons: separate words without a line break between them.
CELL_TAG = re.compile(r"</(?:td|th|option|label)\s{0,9}>|</a>(?=<a\b)", re.IGNORECASE)
INSIDE = r"(?:[\s/](?!\s{0,9}[А-Яа-яЁё])[^<>]{0,2000})?"  # attributes; `a <b и c> d` has none
BREAK_TAG = re.compile(rf"</?(?:{BLOCK}){INSIDE}>", re.IGNORECASE)
ITEM_TAG = re.compile(rf"<li{INSIDE}>", re.IGNORECASE)
TAG = re.compile(rf"</?[a-zA-Z][a-zA-Z0-9:_-]{{0,40}}{INSIDE}>|<![^<>]{{0,2000}}>")
# alt="a > b": a cheap test, and a tag with paired quotes.
QUOTED_END = re.compile(r"=(?:\"[^\"<>]{0,500}>|'[^'<>]{0,500}>)")
QUOTED_TAG = re.compile(
    r"<[a-zA-Z][^<>\"']{0,2000}(?:(?:\"[^\"<]{0,2000}\"|'[^'<]{0,2000}')[^<>\"']{0,2000}){1,50}>"
)
HIDDEN = (
    *("script", "style", "noscript", "iframe", "svg", "xml"),
    *("head", "nav", "select", "textarea", "button", "template", "canvas", "object"),
)
HIDDEN_OPEN = re.compile(rf"<(?:({'|'.join(HIDDEN)})\b{INSIDE}>|!--)", re.IGNORECASE)
HIDDEN_CLOSE = {name: re.compile(rf"</{name}\s{{0,9}}>", re.IGNORECASE) for name in HIDDEN}
HIDDEN_CLOSE["!--"] = re.compile("-->")
URL = re.compile(  # not `и/или` or `sport.me/`; a Russian word glued to the end stays
    r"(?:https?://|www\.|t\.me/(?<!\wt\.me/)|pic\.twitter\.com/(?<!\wpic\.twitter\.com/))"
    r"(?:(?=[а-яё0-9.-]{1,60}\.рф)[^\s<>«»\"()\[\]]+"
    r"|[^\s<>«»\"()\[\]А-Яа-яЁё—–]+(?:(?<=/wiki/)[^\s<>«»\"()\[\]]+)?(?<![.,;:!?]))"
)
MD_LINK = re.compile(  # also with a title or with a line break in the brackets
    r"\[([^\[\]\n]{0,300}(?:\n[^\[\]\n]{0,300})?)\]\([^()\s]{0,2000}(?:\s{1,3}\"[^\"\n]{0,300}\")?\)"
)
MEDIA = re.compile(r"\[\[\{[^\n]{0,4000}?\}\]\]")  # [[{"fid":"12","type":"media",…}]]: Drupal
SHORTCODE = re.compile(  # [gallery ids="1,2"], [b]слово[/b], [url=…]: WordPress, forums; not [R2N-CH=NR2]
    r"\[(/?)([a-z][a-z0-9_-]{0,30}|[A-Z]{1,7})((?:\s[^\[\]\n]{0,500}|=[^\[\]\n]{0,500})?)\]"
)
INLINE = frozenset(("b", "i", "u", "s", "em", "strong", "color", "size", "font", "url"))
MD_MARKS = [re.compile(r"\*\*+"), re.compile("__+")]  # with literal prefixes, found fast
URL_SIGN = re.compile(r"/(?:(?<=://)|(?<=t\.me/)|(?<=pic\.twitter\.com/))")  # a literal first character
BASE64 = re.compile(r"[A-Za-z0-9+/=]{120,}")
BASE64_STEP = 40
BASE64_SAMPLE, BASE64_RUN = re.compile(r"(?=[A-Za-z0-9+/=]{3})"), re.compile(r"[A-Za-z0-9+/=]{81}")


def _without_hidden(text: str) -> str:
    """Drop `<script>…</script>`, `<style>…</style>`, `<!-- … -->` with their content."""
    kept, start, unclosed = [], 0, set[str]()
    while m := HIDDEN_OPEN.search(text, start):
        name = (m[1] or "!--").lower()
        end = None if name in unclosed else HIDDEN_CLOSE[name].search(text, m.end())
        if end is None:  # remembered, lest a million unclosed tags be searched a million times
            unclosed.add(name)
        kept += [text[start : m.start()], " "]
        start = end.end() if end else m.end()
    return "".join([*kept, text[start:]])


def tags(text: str) -> str:
    """Replace `<p>`, `<br>` by line breaks and `<li>` by a bullet; drop `<b>` and other inline tags."""
    if QUOTED_END.search(text):
        text = QUOTED_TAG.sub(lambda m: m[0][:-1].replace(">", " ") + ">", text)
    if "<![CDATA[" in text:  # RSS
        text = text.replace("<![CDATA[", " ").replace("]]>", " ")
    text = ITEM_TAG.sub("\n• ", _without_hidden(text))  # bulleted, lest it be taken for a headline
    return TAG.sub("", CELL_TAG.sub(" ", BREAK_TAG.sub("\n", text)))


def markdown(text: str) -> str:
    """Reduce Telegram's `[слова](ссылка)`, `**жирно**`, `__курсив__` to the words; drop shortcodes."""
    if "[" in text:  # one character is found ten times faster than two
        if "](" in text:
            text = MD_LINK.sub(r"\1", text)
        if "[[{" in text:
            text = MEDIA.sub(" ", text)
        if "[/" in text or "=" in text:
            text = _without_shortcodes(text)
    for mark, doubled in zip("*_", MD_MARKS, strict=True):
        if mark in text:
            text = doubled.sub("", text)
    return text


def _without_shortcodes(text: str) -> str:
    """Drop shortcodes that have attributes or are closed; `звуки [p] и [b]` is phonetics."""
    shortcodes = SHORTCODE.findall(text)
    paired = {name for closes, name, _ in shortcodes if closes}

    def drop(m: re.Match[str]) -> str:
        if "=" in m[3] or m[2] in paired:
            return "" if m[2].lower() in INLINE else " "
        return m[0]

    return SHORTCODE.sub(drop, text) if paired or any("=" in rest for _, _, rest in shortcodes) else text


def urls(text: str) -> str:
    """Drop URLs."""
    return URL.sub("", text) if URL_SIGN.search(text) or ("w" in text and "www." in text) else text


def base64(text: str) -> str:
    """Drop inline images, sometimes megabytes of base64."""
    sample = text[BASE64_STEP - 1 :: BASE64_STEP]  # a run of 120 characters has 3 consecutive ones in it
    for hit in BASE64_SAMPLE.finditer(sample):
        if BASE64_RUN.match(text, BASE64_STEP * (hit.start() + 1) - 1):
            return BASE64.sub(" ", text)
    return text


WORD_PASTE = re.compile(  # Normal 0 false false RU X-NONE /* Style Definitions */ table.MsoNormalTable {…}
    r"(?:Normal\s+\d+\s+(?:(?:false|true|\d+|[A-Z]{2}(?:-[A-Z]{2})?|X-NONE|MicrosoftInternetExplorer4)\s+){0,12})?"
    r"/\* Style Definitions \*/(?:\s*[^\s{}][^{}]{0,100}\{[^{}]{0,2000}\})*"
)
CODE_STARTS = [  # one pattern each, as `re` finds a literal prefix fast
    (word, re.compile(rf"{re.escape(word)}(?<=[.!?…»\"\d]{gap}{re.escape(word)}){rest}"))
    for word, rest in (("window.", ""), ("(function", ""), ("jwplayer(", ""), ("var ", "(?=[a-z])"))
    for gap in ("", " ")
]
CODE_ENDS = [(mark, re.compile(rf"{mark}(?=[А-ЯЁ«])")) for mark in ";}"]
CODE_HEAD = re.compile(r"//|[a-z_\"'][\w\"']*:\s\S|\W+\Z")  # `USD: 92,5` is a rate
CODE_INSIDE = [re.compile(r" = (?<=[\w\]] = )"), re.compile(r"\\u0[0-9a-f]{3}")]
CODE_START = re.compile(r"//|[a-zA-Z_.]+ = ['\"]")  # even if the string is Cyrillic


PLUGIN = re.compile(  # {loadposition banner}, {gallery}folder{/gallery}: Joomla
    r"\{(gallery|youtube|vimeo|mp3|audio|video|phocagallery)\b[^{}\n]{0,200}\}[^{}\n]{0,200}\{/\1\}"
    r"|\{/?(?:loadposition|loadmodule|loadmoduleid|module|slider|sliders|tab|tabs|phocagallery|gallery|youtube"
    r"|jcomments|mosimage|mospagebreak)\b[^{}\n]{0,200}\}"
)


def code(text: str) -> str:
    """Drop JavaScript, CSS and plugin calls: lines with signs of code and hardly any Cyrillic."""
    if "/* Style Definitions */" in text:
        text = WORD_PASTE.sub("\n", text)
    text = PLUGIN.sub(" ", text)
    for word, start in CODE_STARTS:
        text = start.sub(f"\n{word}", text)
    for mark, end in CODE_ENDS:
        text = end.sub(f"{mark}\n", text)
    return "\n".join([line for line in text.split("\n") if not _is_code(line.strip())])


def _is_code(line: str) -> bool:
    if _is_cyrillic(line) and not CODE_START.match(line):
        return False
    return (
        line.endswith(";")
        or any(mark in line for mark in ("{", "}", ");", "=="))
        or CODE_HEAD.match(line) is not None
        or any(inside.search(line) for inside in CODE_INSIDE)
    )


def _is_cyrillic(line: str) -> bool:
    """Return whether a fifth of the line is Cyrillic: the high byte of a UTF-16 unit is 4."""
    if line.isascii():
        return False
    return line.encode("utf-16-le", "surrogatepass")[1::2].count(4) >= len(line) / 5
