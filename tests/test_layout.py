"""The house: every room stands on its floor, imports go down, and nothing reads a pickle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from newsroom import SOURCE
from topics import plugins

# A module imports from its own floor, but never in a circle, or from a lower one. Enter a new module here.
FLOORS = {
    0: "topics",
    1: "errors types plugins",
    2: """
        archive
        archive.joining
        archive.repeats
        archive.workers
        archive.writers
        config
        corpus.articles
        corpus.checking
        corpus.demo
        corpus.seen
        corpus.shards
        corpus.sources
        drift
        estimator
        labelling
        labelling.worksheets
        persistence
        quality
        quality.intervals
        readers
        readers.csv
        readers.jsonl
        readers.parquet
        reports
        reports.charts
        reports.maps
        reports.wording
        rubrics
        rubrics.belief
        rubrics.brevity
        rubrics.calibration
        rubrics.decisions
        rubrics.features
        rubrics.folding
        rubrics.latent
        rubrics.rounds
        rubrics.rules
        rubrics.stems
        storage
        text
        text.boilerplate
        text.cleaning
        text.cleaning.markup
        text.cleaning.paragraphs
        text.cleaning.tails
        text.duplicates
        text.lemmas
        text.misread
        text.names
        text.lexicon
        text.tokens
        text.words
        topic_models.coherence
        topic_models.continuity
        topic_models.inference
        topic_models.labels
        topic_models.seeding
        topic_models.vocabulary
        trends
        trends.activity
        trends.changes
        trends.periods
        versions
        versions.containers
        versions.drafts
        versions.history
        versions.integrity
        versions.manifest
        versions.origins
        versions.pruning
    """,
    3: """
        archive.ledger
        classifiers
        classifiers.linear
        corpus
        corpus.batches
        corpus.corpus
        corpus.labels
        drift.comparing
        drift.profile
        drift.readings
        drift.stream
        drift.tally
        pipeline
        quality.curves
        quality.evaluation
        quality.measuring
        quality.slices
        topic_models
        topic_models.choice
        topic_models.lda
        topic_pipeline
        versions.bundles
        versions.registry
    """,
    4: """
        archive.changes
        archive.cluster
        archive.job
        archive.scoring
        corpus.gathering
        drift.monitoring
        drift.wording
        labelling.audit
        labelling.suggestions
        learning
        quality.assessment
        quality.comparison
        quality.topic_comparison
        reports.pages
        reports.report
        reports.topic_pages
        reports.topic_report
        tagger
        training
        trends.recording
        versions.accounting
        versions.continuity
        versions.naming
        versions.opening
        versions.promotion
        versions.reproduction
    """,
    5: """
        __main__
        cli
        commands
        commands.audit
        commands.compare
        commands.diff
        commands.evaluate
        commands.explain
        commands.export
        commands.history
        commands.import_
        commands.models
        commands.monitor
        commands.options
        commands.predict
        commands.promote
        commands.prune
        commands.report
        commands.reproduce
        commands.rollback
        commands.sheets
        commands.show
        commands.suggest
        commands.topics
        commands.topics.compare
        commands.topics.list_
        commands.topics.name
        commands.topics.show
        commands.topics.trends
        commands.train
        commands.verify
        drift.page
        serving
        terminal
        terminal.answers
        terminal.data
        terminal.versions
    """,
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names.split()}

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


def test_every_module_stands_on_one_floor():
    assert sum(len(names.split()) for names in FLOORS.values()) == len(FLOOR)
    assert set(FLOOR) == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    assert [name for name in needed(module) if FLOOR[name] > FLOOR[module]] == []


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
