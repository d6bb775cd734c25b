"""Architecture: packages form layers, imports go down only, and nothing reads a pickle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from newsroom import SOURCE
from topics import plugins

# Layers of packages and top-level modules, lowest first. Each imports only from those before it.
_LAYERS = """
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
LAYERS = _LAYERS.split()

PARTS = ("classifiers.", "readers.", "topic_models.")
"""Loaded through `plugins`, never imported by name."""
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
    """Yield all nodes except those under `if TYPE_CHECKING`; `at_import`: only those run at import."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in node.orelse if is_for_types else ast.iter_child_nodes(node):
            yield from walk(child)

    return walk(tree(module))


def imports(module: str, *, at_import: bool = False) -> Iterator[str]:
    """Yield the dotted names that a module imports: `from topics import errors` -> `topics.errors`."""
    for node in nodes(module, at_import=at_import):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: write `from topics…`, not `from {'.' * node.level}…`"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(dotted: str) -> str:
    """`topics.text.tokens.tokenize` -> `text.tokens`; "" for other packages."""
    package, _, rest = dotted.partition(".")
    if package != "topics":
        return ""
    while rest and rest not in MODULES:
        rest = rest.rpartition(".")[0]
    return rest or "topics"


def needed(module: str, *, at_import: bool = False) -> set[str]:
    return {own(name) for name in imports(module, at_import=at_import)} - {"", module}


def package(module: str) -> str:
    return module.partition(".")[0]


def test_every_package_is_in_the_list_of_layers():
    assert sorted(LAYERS) == sorted({package(module) for module in MODULES})


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_to_lower_layers_only(module):
    above = LAYERS[LAYERS.index(package(module)) + 1 :]
    assert [name for name in needed(module) if package(name) in above] == []


def test_there_are_no_circular_imports():
    TopologicalSorter({module: needed(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_parts_are_loaded_through_plugins(module):
    inside = f"{module.partition('.')[0]}."
    foreign = [name for name in needed(module) if name.startswith(PARTS) and not name.startswith(inside)]
    assert foreign == []


@pytest.mark.parametrize("module", MODULES)
def test_nothing_reads_pickles(module):
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


def test_only_lda_imports_gensim():
    naming = {module for module in MODULES if any(name.startswith("gensim") for name in imports(module))}
    assert naming <= {"topic_models.lda"}


def test_tagging_imports_no_heavy_library():
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


def test_no_module_has_a_generic_name():
    assert {path.stem for path in MODULES.values()} & {"utils", "helpers", "common", "base", "misc"} == set()


def test_every_module_has_a_docstring():
    assert [module for module in MODULES if not ast.get_docstring(tree(module))] == []
