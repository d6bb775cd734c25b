"""The Python code of README and docs is run, and its output compared with the page.

The blocks of a page run one after another in an empty folder with a trained version under `models/`. `>>>`
blocks run as doctests. In other blocks a comment after an expression is its value, and an output block right
after a Python block is what that prints. `…` matches anything; numbers are compared by their first decimal,
since another training may change them slightly.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from newsroom import PROJECT

PAGES = sorted([*PROJECT.glob("README*.md"), *PROJECT.glob("docs/*.md")])
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OUTPUT = {"", "text", "console", "json"}
COARSE = re.compile(r"(\d\.\d)\d+")


class Example(NamedTuple):
    """A block of Python and its output on the page."""

    line: int
    code: str
    output: str | None


def examples(page: str) -> Iterator[Example]:
    blocks = list(FENCE.finditer(page))
    for at, block in enumerate(blocks):
        if block[1] != "python":
            continue
        line, output = 1 + page.count("\n", 0, block.start(2)), None
        if at + 1 < len(blocks):
            following = blocks[at + 1]
            is_next = page.count("\n\n", block.end(), following.start()) <= 2
            output = following[2] if is_next and following[1] in OUTPUT else None
        yield Example(line, block[2], output)


def run(example: Example, names: dict[str, object], page: Path) -> None:
    """Run a block and compare its values and output with the page."""
    if ">>>" in example.code:
        test = doctest.DocTestParser().get_doctest(example.code, names, page.name, str(page), example.line)
        log = io.StringIO()
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert doctest.DocTestRunner(optionflags=flags).run(test, log.write, clear_globs=False).failed == 0, (
            log.getvalue()
        )
        names.update(test.globs)
        return
    printed = io.StringIO()
    lines = example.code.splitlines()
    with contextlib.redirect_stdout(printed):
        for statement in ast.parse(example.code).body:
            if isinstance(statement, ast.Expr):
                value = eval(compile(ast.Expression(statement.value), str(page), "eval"), names)
                expected = expected_value(lines[statement.end_lineno - 1].partition("#")[2])
                if expected is not None:
                    assert matches(repr(value), expected), f"{page.name}: {value!r}, not {expected}"
            else:
                exec(compile(ast.Module([statement], []), str(page), "exec"), names)
    if example.output is not None:
        assert matches(printed.getvalue(), example.output), f"{page.name} prints:\n{printed.getvalue()}"


def expected_value(comment: str) -> str | None:
    """Return the value that a comment states; None if it is prose."""
    comment = comment.strip()
    with contextlib.suppress(SyntaxError):
        ast.parse(comment.replace("…", "0"), mode="eval")
        return comment
    return None


def matches(found: str, stated: str) -> bool:
    """Compare; `…` matches anything, spaces and quotes do not matter, and numbers are rounded."""
    plain = [COARSE.sub(r"\1", " ".join(text.replace('"', "'").split())) for text in (found, stated)]
    pattern = ".*".join(map(re.escape, plain[1].split("…")))
    return re.fullmatch(pattern, plain[0]) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_code_of_a_page_runs_as_stated(page, own_models, monkeypatch):
    monkeypatch.chdir(own_models.parent)
    names: dict[str, object] = {"__name__": "__main__"}
    for example in examples(page.read_text(encoding="utf-8")):
        run(example, names, page)


def test_the_readme_shows_the_python_library():
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert any("Tagger.load" in example.code for example in examples(readme))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_exist(page):
    text = page.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    missing = [link for link in links if link and "://" not in link and not (page.parent / link).exists()]
    assert missing == []


# The checker itself

PAGE = """
```python
from topics import Tagger
tagger = Tagger.load("models")   # production if that alias is set, else latest
tags = tagger.tag("Завод увеличил выпуск проката")
tags.rubrics            # {rubrics}
tags.model              # 'rubrics/…'
tagger.tag("").rubrics  # an empty text is no error
print(tags.needs_review)
```

prints

```text
{printed}
```
"""


@pytest.mark.parametrize(
    ("rubrics", "printed", "holds"),
    [
        ("(Score(label='industry', value=0.…),)", "False", True),
        ('(Score(label="industry", value=…),)', "…", True),
        ("(Score(label='tourism', value=…),)", "False", False),
        ("()", "False", False),
        ("(Score(label='industry', value=…),)", "True", False),
    ],
)
def test_wrong_values_on_a_page_are_detected(own_models, monkeypatch, rubrics, printed, holds):
    monkeypatch.chdir(own_models.parent)
    [example] = examples(PAGE.format(rubrics=rubrics, printed=printed))
    with contextlib.nullcontext() if holds else pytest.raises(AssertionError):
        run(example, {}, Path("страница.md"))
