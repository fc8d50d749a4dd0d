# `make help` lists the targets. Each one sets up what it needs by itself; all that has
# to be there is make and Python 3.11 or newer. `make PYTHON=python3.13 test` picks one,
# in a tree without an environment: after a clone or `make clean`.

PYTHON ?= python3
BIN := .venv/bin
BENCH := .venv-bench/bin

# The tests run side by side, two at a time; `make WORKERS=8 test` for more.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help example test check coverage bench clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

example: .venv/.installed ## run the walkthrough and show what it prints
	$(BIN)/python -m pytest examples/walkthrough -s

test: .venv/.installed ## run the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests

check: .venv/.installed ## lint, format, types, sizes and the laws of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/sizes.py
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_exports.py \
	    tests/test_repository.py

coverage: .venv/.installed ## run the tests and list the lines they miss
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q tests
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: .venv-bench/.installed ## measure, beside the peers
	$(BENCH)/python -m bench

clean: ## remove the environments and everything that was made
	rm -rf .venv .venv-bench build dist
	rm -rf .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is brought up to date when pyproject.toml or this file changed, and made
# anew when it is of another Python.
# pip 25.1 is the first that reads dependency groups; the one venv brings may be older.
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; \
	      exit 1; }
	@echo "setting up $(@D)"
	@[ "$$($(@D)/bin/python -V 2>/dev/null)" = "$$($(PYTHON) -V)" ] || rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --upgrade 'pip>=25.1'
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --editable . --group $(1)
	@touch $@
endef

.venv/.installed: pyproject.toml Makefile
	$(call install,dev)

.venv-bench/.installed: pyproject.toml Makefile
	$(call install,bench)
