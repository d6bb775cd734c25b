"""The house: rooms stand on one another, imports go down, and nothing reads a pickle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from newsroom import SOURCE
from topics import plugins

# Rooms, from the cellar to the roof: packages and, at the top, modules. Each imports from those before it.
_ROOMS = """
    topics errors types plugins storage persistence parallel
    readers text versions
    corpus rubrics
    config estimator classifiers topic_models
    pipeline topic_pipeline
    quality trends drift reports lifecycle
    training tagger
    archive labelling serving terminal
    commands cli __main__
"""
ROOMS = _ROOMS.split()

PARTS = ("classifiers.", "readers.", "topic_models.")
"""Found through `plugins`, never imported by name; the packages themselves say what a part must do."""
HEAVY = {"gensim", "joblib", "pandas", "sklearn"}
PICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve"}


def name_of(path: Path) -> str:
    """`src/topics/readers/csv.py` -> `readers.csv`; the package itself is `topics`."""
    return (
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        or "topics"
    )


MODULES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def nodes(module: str, *, at_import: bool = False) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING`; `at_import`: those that run when it is imported."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in node.orelse if is_for_types else ast.iter_child_nodes(node):
            yield from walk(child)

    return walk(tree(module))


def imports(module: str, *, at_import: bool = False) -> Iterator[str]:
    """Dotted names of what a module imports: `from topics import errors` -> `topics.errors`."""
    for node in nodes(module, at_import=at_import):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: write `from topics…`, not `from {'.' * node.level}…`"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(dotted: str) -> str:
    """`topics.text.tokens.tokenize` -> `tokens`; "" for what is not ours."""
    package, _, rest = dotted.partition(".")
    if package != "topics":
        return ""
    while rest and rest not in MODULES:
        rest = rest.rpartition(".")[0]
    return rest or "topics"


def needed(module: str, *, at_import: bool = False) -> set[str]:
    return {own(name) for name in imports(module, at_import=at_import)} - {"", module}


def room(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_is_in_a_room():
    assert sorted(ROOMS) == sorted({room(module) for module in MODULES})


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    above = ROOMS[ROOMS.index(room(module)) + 1 :]
    assert [name for name in needed(module) if room(name) in above] == []


def test_no_import_goes_in_a_circle():
    TopologicalSorter({module: needed(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_parts_are_found_through_their_table(module):
    inside = f"{module.partition('.')[0]}."
    foreign = [name for name in needed(module) if name.startswith(PARTS) and not name.startswith(inside)]
    assert foreign == []


@pytest.mark.parametrize("module", MODULES)
def test_no_pickle(module):
    assert {name.partition(".")[0] for name in imports(module)} & PICKLERS == set()
    assert {"joblib.load", "joblib.dump"} & set(imports(module)) == set()
    for node in nodes(module):
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in {"joblib.load", "joblib.dump"}
            assert node.attr not in {"read_pickle", "to_pickle"}
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False"
        if isinstance(node, ast.Name):
            assert node.id not in {"eval", "exec"}


def test_only_lda_names_gensim():
    naming = {module for module in MODULES if any(name.startswith("gensim") for name in imports(module))}
    assert naming <= {"topic_models.lda"}


def test_tagging_imports_nothing_heavy():
    found = [plugins.CLASSIFIERS, plugins.READERS, plugins.TOPIC_MODELS]
    parts = {
        address.partition(":")[0].removeprefix("topics.") for table in found for address in table.own.values()
    }
    reached, waiting = set(), {"topics", "tagger"} | parts
    while waiting:
        module = waiting.pop()
        reached.add(module)
        assert {name.partition(".")[0] for name in imports(module, at_import=True)} & HEAVY == set(), module
        waiting |= needed(module, at_import=True) - reached
    assert {"text.tokens", "rubrics.features", "versions.registry"} <= reached


def test_no_room_is_a_lumber_room():
    assert {path.stem for path in MODULES.values()} & {"utils", "helpers", "common", "base", "misc"} == set()


def test_every_module_says_what_it_is():
    assert [module for module in MODULES if not ast.get_docstring(tree(module))] == []
