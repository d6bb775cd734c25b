# make demo, make test: all that a fresh machine needs is Python 3.11 or newer, make and PyPI.
PYTHON ?= python3
BIN := .venv/bin
DEMO := models/demo
# Each core takes tests from the others when its own are done: two thirds of the time on two cores.
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal
.DEFAULT_GOAL := help

.PHONY: help
help: ## say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

.PHONY: demo
demo: .venv/run ## train on the embedded corpus, tag the embedded inbox, print what was tagged and why
	@echo "== Training on data/demo (500 synthetic articles) into $(DEMO)"
	$(BIN)/python -m topics train --models $(DEMO)
	@echo "== Tagging data/demo/inbox (32 articles without rubrics)"
	$(BIN)/python -m topics predict data/demo/inbox --models $(DEMO) --format table
	@echo "== Next: . $(BIN)/activate; python -m topics topics list --models $(DEMO); python -m topics train YOUR_ARCHIVE"

.PHONY: test
test: .venv/dev ## run the tests
	@echo "== Running the tests"
	$(PYTEST)

.PHONY: check
check: .venv/dev ## run the linter, the type checker and the tests
	$(BIN)/ruff check src tests scripts
	$(BIN)/ruff format --check src tests scripts
	$(BIN)/mypy
	$(PYTEST)

.PHONY: slow
slow: .venv/dev ## run the tests that take minutes, too
	$(PYTEST) -m "slow or not slow"

# Both locks agree, since the smaller one is resolved within the greater one.
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11

.PHONY: lock
lock: .venv/dev ## resolve the dependencies anew
	rm -f locks/*.txt
	$(LOCK) pyproject.toml --group build --group dev --extra dask --extra s3 -o locks/dev.txt
	$(LOCK) pyproject.toml --group build -c locks/dev.txt -o locks/run.txt

.PHONY: clean
clean: ## remove the environment and what was built
	rm -rf .venv dist $(DEMO) .pytest_cache .mypy_cache .ruff_cache

# .venv/run and .venv/dev are empty files that say what the environment holds.
.venv/bin/python:
	@echo "== Creating the environment .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

.venv/run .venv/dev: .venv/%: .venv/bin/python locks/%.txt pyproject.toml
	@echo "== Installing what locks/$*.txt names, each file checked by its hash"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/$*.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
