"""Start-up: a fresh process imports only what it needs."""

from __future__ import annotations

import json

import pytest

from newsroom import STEEL, python
from topics.cli import cli

REPORT = "\nimport json, sys; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"


def imported(code: str, *arguments: str) -> set[str]:
    """Return the modules loaded after running `code` in a fresh Python."""
    ran = python("-c", code + REPORT, *arguments)
    assert ran.code == 0, ran.err
    return set(json.loads(ran.err.splitlines()[-1]))


HELP = """
import sys
from topics.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code, done
"""


def test_importing_topics_imports_no_submodule_or_library():
    packages = imported("import topics")
    assert {name for name in packages if name.startswith("topics.")} == set()
    assert packages & {"numpy", "scipy", "msgspec", "pyarrow", "click", "pymorphy3"} == set()


def test_every_public_name_can_be_imported():
    code = "import topics\nfor name in dir(topics): getattr(topics, name)"
    assert "topics.tagger" in imported(code)


def test_an_unknown_name_lists_the_public_ones():
    ran = python("-c", "from topics import Tager")
    assert "cannot import name 'Tager'" in ran.err
    ran = python("-c", "import topics; topics.Tager")
    assert "module 'topics' has no attribute 'Tager'; it has Article, DataError" in ran.err


def test_tagging_imports_no_training_library(models):
    code = "import sys, topics\nassert topics.Tagger.load(sys.argv[1]).tag(sys.argv[2]).rubrics"
    packages = {name.partition(".")[0] for name in imported(code, str(models), STEEL)}
    assert packages & {"sklearn", "gensim", "pandas", "joblib", "rich", "click"} == set()
    assert {"numpy", "scipy", "pymorphy3"} <= packages


@pytest.mark.parametrize("command", ["", *cli.table])
def test_help_imports_no_heavy_library(command):
    packages = imported(HELP, *filter(None, [command]), "--help")
    assert {"numpy", "scipy", "msgspec", "pyarrow", "pymorphy3", "rich"} & packages == set()
