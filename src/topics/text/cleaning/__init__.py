"""Cleaning of text from a CMS.

`RULES` is the design: small functions `str -> str` in a fixed order. One scan finds the signs of all rules of
characters and markup; texts without any, as most are, skip these rules. Fragments that an outlet repeats in
its articles are learned, see `topics.text.boilerplate`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from topics.errors import UsageError, listed
from topics.text.boilerplate import Boilerplate
from topics.text.cleaning import markup, paragraphs, tails

# --- the rules ---


class Rule(NamedTuple):
    """A cleaning function, and the conditions under which it is called."""

    name: str
    apply: Callable[[str], str]
    triggers: tuple[str, ...]
    """The rule is called if the text contains one of these strings; "" is in every text."""
    signs: tuple[tuple[str, str], ...] = ()
    """(character class without brackets, pattern after it): every text that the rule changes matches one of
    them, in a scan common to all rules. Without signs, any text matches."""
    of_lines: bool = False
    """Whether it drops lines or final sentences; not applied if the text would become empty."""
    titles: bool = False
    """Whether it applies to titles."""
    texts: bool = True
    """Whether it applies to texts."""


# Characters first, as all later rules expect plain ones. Then markup, outer before inner: scripts with their
# tags, Markdown links before bare URLs, base64 before the code around it. Then line breaks: `materials`
# before `glued`, which would split its headlines. Then rules that depend on where lines begin. Tails last,
# from the end of the text inwards: a recap precedes the headlines appended to it.
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
    """Combine the signs of rules into one pattern that begins with a character class, which is fast."""
    signs = [sign for rule in rules for sign in rule.signs]
    alone = also + "".join(first for first, rest in signs if not rest)
    longer = "".join(rf"|(?<=[{first}]){rest}" for first, rest in signs if rest)
    return re.compile(rf"[{alone}{''.join(first for first, _ in signs)}](?:(?<=[{alone}]){longer})")


TEXT_RULES = [rule for rule in RULES if rule.texts]
DIRT = _scan(TEXT_RULES)
TITLE_DIRT = _scan((rule for rule in RULES if rule.titles), also=r"\n")
PASSES = 8
"""A rule may uncover work for an earlier one: `&lt;<b>b&gt;`. Clean text takes one pass, dirty text two."""
NO_LIMIT = len(RULES) + 1


class Step(NamedTuple):
    """An enabled rule with its number in `RULES`, from 1."""

    number: int
    apply: Callable[[str], str]
    triggers: tuple[str, ...]
    of_lines: bool


Steps = tuple[Step, ...]
FIRST_TAIL = next(number for number, rule in enumerate(RULES, 1) if rule.of_lines)


# --- the cleaner ---


@dataclass(frozen=True)
class Cleaner:
    """Rules, settings and learned boilerplate. Immutable and thread-safe."""

    drop_recaps: bool = False
    skip: tuple[str, ...] = ()
    """Names of disabled rules."""
    boilerplate: Boilerplate = field(default_factory=Boilerplate)
    # Rules of titles; of texts with a sign of dirt, without one, and on later passes; of lines.
    _title_steps: Steps = field(init=False, repr=False, compare=False)
    _dirty_steps: Steps = field(init=False, repr=False, compare=False)
    _clean_steps: Steps = field(init=False, repr=False, compare=False)
    _later_steps: Steps = field(init=False, repr=False, compare=False)
    _tail_steps: Steps = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [rule.name for rule in RULES]
        for name in self.skip:
            if name not in names:
                raise UsageError(f"unknown cleaning rule {name!r}; known rules: {listed(names)}")
        disabled = {*self.skip, *(() if self.drop_recaps else ("recaps",))}
        enabled = [
            (rule, Step(number, rule.apply, rule.triggers, rule.of_lines))
            for number, rule in enumerate(RULES, 1)
            if rule.name not in disabled
        ]
        titles = [step for rule, step in enabled if rule.titles]
        enabled = [(rule, step) for rule, step in enabled if rule.texts]
        by_stage = {
            "_title_steps": titles,
            "_clean_steps": [step for rule, step in enabled if not rule.signs and not rule.of_lines],
            "_dirty_steps": [step for rule, step in enabled if not rule.of_lines],
            "_later_steps": [
                step for rule, step in enabled if not rule.of_lines and rule.name != "characters"
            ],
            "_tail_steps": [step for rule, step in enabled if rule.of_lines],
        }
        for name, steps in by_stage.items():
            object.__setattr__(self, name, tuple(steps))

    def clean(self, title: str, text: str, outlet: str = "") -> tuple[str, str]:
        """Return the cleaned title and text; accepts any strings, and is idempotent."""
        title, text = title.strip(), text.strip()
        if TITLE_DIRT.search(title):
            title = self._clean_title(title)
        return title, self._clean_text(text, outlet) if text else text

    def _clean_title(self, title: str) -> str:
        changed = 1
        for _ in range(PASSES):
            if not changed:
                break
            title, changed = _apply(self._title_steps, title, NO_LIMIT)
            title = title.strip()
        return title

    def _clean_text(self, text: str, outlet: str) -> str:
        """Apply the rules until none changes the text."""
        steps = self._dirty_steps if DIRT.search(text) else self._clean_steps
        last = NO_LIMIT
        for _ in range(PASSES):
            cleaned, last = self._pass(steps, text, outlet, last)
            text = cleaned.strip()
            if not last:
                break
            if text != cleaned:
                last = NO_LIMIT
            # Removing a tail may leave `.` next to a capital; only `&` entities bring back odd characters.
            steps = self._dirty_steps if "&" in text else self._later_steps
        return text

    def _pass(self, steps: Steps, text: str, outlet: str, last: int) -> tuple[str, int]:
        text, changed = _apply(steps, text, last)
        last = NO_LIMIT if changed else last
        if last >= FIRST_TAIL and tails.may_have_tails(text):
            text, dropped = _apply(self._tail_steps, text, last)
            changed, last = (dropped, NO_LIMIT) if dropped else (changed, last)
        if last == NO_LIMIT and (stripped := self.boilerplate.strip(outlet, text)) != text:
            return stripped, NO_LIMIT
        return text, changed


def _apply(steps: Steps, text: str, last: int) -> tuple[str, int]:
    """Apply the rules up to number `last`; once one has changed the text, those after it too.

    Returns the text and the number of the last rule that changed it, 0 if none did. The next pass may stop
    there, since the later rules have already seen this very text.
    """
    changed = 0
    for number, apply, triggers, of_lines in steps:
        if number > last:
            break
        for trigger in triggers:  # any() with a generator would cost as much as ten of these tests
            if trigger in text:
                new = apply(text)
                if new != text and (not of_lines or new.strip()):
                    text, changed, last = new, number, NO_LIMIT
                break
    return text, changed
