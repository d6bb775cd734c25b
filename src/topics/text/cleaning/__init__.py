"""Cleaning of text from a CMS.

`RULES` is the whole design: small functions `str -> str` in a fixed order. One scan looks for the signs of
all rules of characters and markup; texts without any, as most clean texts are, skip these rules. Fragments
that an outlet repeats in its articles are learned, see `topics.text.boilerplate`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from topics.errors import UsageError, listed
from topics.text.boilerplate import Boilerplate
from topics.text.cleaning import markup, paragraphs, tails

# --- the list ---


class Rule(NamedTuple):
    """A cleaning function, and the conditions under which it is called."""

    name: str
    apply: Callable[[str], str]
    triggers: tuple[str, ...]
    """The rule is called if the text contains one of these strings; "" is in every text."""
    signs: tuple[tuple[str, str], ...] = ()
    """Pairs of a character class, without brackets, and a pattern that follows it: every text that the rule
    changes matches one of them. All rules are checked in one scan. Without signs, any text matches."""
    of_lines: bool = False
    """Whether it drops lines or final sentences; if that would leave the text empty, it is not applied."""
    titles: bool = False
    """Whether it applies to titles."""
    texts: bool = True
    """Whether it applies to texts."""


# Characters come first: all later rules look for plain ones. Then what hides other dirt: scripts with their
# tags, links before the addresses in them, code once its base64 is gone. Then lines are made: `materials`
# before `glued`, which would tear its headlines apart. Then rules that ask where a line begins. Tails last,
# from the outer to the inner: a recap stands before the headlines that were glued behind it.
RULES: tuple[Rule, ...] = (
    Rule("entities", markup.entities, ("&",), signs=(("&", ""),), titles=True),
    Rule("characters", markup.characters, ("",), signs=((markup.ODD, ""),), titles=True),
    Rule(
        "accents",
        markup.accents,
        ("\u0301", "\u0306", "\u0308", "\u0300"),
        signs=((r"\u0300\u0301\u0306\u0308", ""),),
        titles=True,
    ),
    Rule("tags", markup.tags, ("<",), signs=(("<", ""),), titles=True),
    Rule("markdown", markup.markdown, ("[", "_", "*"), signs=((r"\[_*", ""),), titles=True),
    Rule("urls", markup.urls, ("/", "www."), signs=(("/", ""), ("w", r"ww\.")), titles=True),
    Rule("base64", markup.base64, ("/", "+"), signs=(("/+", ""),)),
    Rule("code", markup.code, ("{", "}"), signs=(("{}", ""),)),
    Rule("materials", paragraphs.materials, ("Материалы по теме",), signs=(("М", "атериалы по теме"),)),
    Rule("glued", paragraphs.glued, ("",), signs=((".!?…", "(?=[А-ЯЁ«])"),)),
    Rule("lines", paragraphs.lines, ("\n",), titles=True),
    Rule("datelines", paragraphs.datelines, ("",)),
    Rule("outlets", tails.outlets, (".", "|", "::"), signs=tails.OUTLET_SIGNS, titles=True, texts=False),
    Rule("credits", tails.credits, ("",), of_lines=True),
    Rule("counters", tails.counters, ("\n",), of_lines=True),
    Rule("related", tails.related, ("",), of_lines=True),
    Rule("calls", tails.calls, ("одпи", "соединяйтесь к"), of_lines=True),
    Rule("standfirsts", tails.standfirsts, ("\n",), of_lines=True),
    Rule("recaps", tails.recaps, ("",), of_lines=True),
)


def _scan(rules: Iterable[Rule], also: str = "") -> re.Pattern[str]:
    """Combine the signs of rules into one pattern; it begins with a character class, which is fast."""
    signs = [sign for rule in rules for sign in rule.signs]
    alone = also + "".join(first for first, rest in signs if not rest)
    longer = "".join(rf"|(?<=[{first}]){rest}" for first, rest in signs if rest)
    return re.compile(rf"[{alone}{''.join(first for first, _ in signs)}](?:(?<=[{alone}]){longer})")


OF_TEXTS = [rule for rule in RULES if rule.texts]
DIRT = _scan(OF_TEXTS)
DIRT_OF_TITLES = _scan((rule for rule in RULES if rule.titles), also=r"\n")
PASSES = 8  # a rule may uncover work for an earlier one: `&lt;<b>b&gt;`. Clean text takes one, dirty text two
END = len(RULES) + 1  # the place after the last rule


class Place(NamedTuple):
    """An enabled rule, with its number in the list."""

    number: int
    apply: Callable[[str], str]
    triggers: tuple[str, ...]
    of_lines: bool


Places = tuple[Place, ...]
FIRST_TAIL = next(number for number, rule in enumerate(RULES, 1) if rule.of_lines)


# --- all together ---


@dataclass(frozen=True)
class Cleaner:
    """Rules, settings and learned boilerplate. Immutable and thread-safe."""

    drop_recaps: bool = False
    skip: tuple[str, ...] = ()
    """Names of disabled rules."""
    boilerplate: Boilerplate = field(default_factory=Boilerplate)
    # The rules of titles; those of texts with a sign of dirt, without one, without odd characters; of lines.
    _titles: Places = field(init=False, repr=False, compare=False)
    _signed: Places = field(init=False, repr=False, compare=False)
    _unsigned: Places = field(init=False, repr=False, compare=False)
    _plain: Places = field(init=False, repr=False, compare=False)
    _tails: Places = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [rule.name for rule in RULES]
        for name in self.skip:
            if name not in names:
                raise UsageError(f"unknown cleaning rule {name!r}; known rules: {listed(names)}")
        off = {*self.skip, *(() if self.drop_recaps else ("recaps",))}
        on = [
            (rule, Place(number, rule.apply, rule.triggers, rule.of_lines))
            for number, rule in enumerate(RULES, 1)
            if rule.name not in off
        ]
        titles = [place for rule, place in on if rule.titles]
        on = [(rule, place) for rule, place in on if rule.texts]
        chosen = {
            "_titles": titles,
            "_unsigned": [place for rule, place in on if not rule.signs and not rule.of_lines],
            "_signed": [place for rule, place in on if not rule.of_lines],
            "_plain": [place for rule, place in on if not rule.of_lines and rule.name != "characters"],
            "_tails": [place for rule, place in on if rule.of_lines],
        }
        for name, places in chosen.items():
            object.__setattr__(self, name, tuple(places))

    def clean(self, title: str, text: str, outlet: str = "") -> tuple[str, str]:
        """Return the cleaned title and text; accepts any strings, and is idempotent."""
        title, text = title.strip(), text.strip()
        if DIRT_OF_TITLES.search(title):
            title = self._clean_title(title)
        return title, self._clean_text(text, outlet) if text else text

    def _clean_title(self, title: str) -> str:
        changed = 1
        for _ in range(PASSES):
            if not changed:
                break
            title, changed = _apply(self._titles, title, END)
            title = title.strip()
        return title

    def _clean_text(self, text: str, outlet: str) -> str:
        """Apply the rules until none changes the text."""
        places = self._signed if DIRT.search(text) else self._unsigned
        last = END
        for _ in range(PASSES):
            found, last = self._once(places, text, outlet, last)
            text = found.strip()
            if not last:
                break
            if text != found:
                last = END
            # A tail that is gone may leave `.` and a capital side by side; odd characters come of `&` alone.
            places = self._signed if "&" in text else self._plain
        return text

    def _once(self, places: Places, text: str, outlet: str, last: int) -> tuple[str, int]:
        text, changed = _apply(places, text, last)
        last = END if changed else last
        if last >= FIRST_TAIL and tails.may_have_tails(text):
            text, dropped = _apply(self._tails, text, last)
            changed, last = (dropped, END) if dropped else (changed, last)
        if last == END and (stripped := self.boilerplate.strip(outlet, text)) != text:
            return stripped, END
        return text, changed


def _apply(places: Places, text: str, last: int) -> tuple[str, int]:
    """Ask the rules up to the number `last`; once one has changed the text, those after it too.

    Returns the text and the number of the last rule that changed it, 0 if none did. To ask up to there is
    enough in the next pass: what comes after has seen this very text.
    """
    changed = 0
    for number, apply, triggers, of_lines in places:
        if number > last:
            break
        for trigger in triggers:  # any() with a generator would cost as much as ten of these tests
            if trigger in text:
                new = apply(text)
                if new != text and (not of_lines or new.strip()):
                    text, changed, last = new, number, END
                break
    return text, changed
