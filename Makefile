# Every command that people and CI use. `make help` lists them; each sets up what it needs first (scripts/setup).

PYTHON_ENV := .venv/bin/python
JOBS ?= 2
PYTEST_FLAGS ?=
COVERAGE ?=
# By path: asked for whole packages, each of thousands of processes would note every module that it did not import.
MEASURED := $(CURDIR)/hermetica/*,$(CURDIR)/store/*,$(CURDIR)/derivations/*
BENCH ?=

export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$(PATH)
ifneq ($(wildcard $(CURDIR)/.tools/bin/bwrap),)
export HERMETICA_BWRAP := $(CURDIR)/.tools/bin/bwrap
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick coverage lint format docs bench wheel clean setup-core setup-test setup-lint setup-docs setup-package \
	lint-mypy lint-pyright lint-ruff lint-imports

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: ## install everything a contributor needs
	@scripts/setup dev

demo: setup-core ## build real software in the sandbox, run it, build it again
	@scripts/demo

test: setup-test ## run the whole test suite; COVERAGE=1 measures it, PYTEST_FLAGS="..." go to pytest
	@$(if $(COVERAGE),rm -rf .coverage.d && mkdir .coverage.d)
	@$(PYTHON_ENV) $(if $(COVERAGE),-m coverage run --include='$(MEASURED)') -m pytest -n $(JOBS) --dist worksteal $(PYTEST_FLAGS)

quick: setup-test ## run the tests that take no more than seconds
	@$(PYTHON_ENV) -m pytest -n $(JOBS) --dist worksteal -m "not slow" $(PYTEST_FLAGS)

coverage: setup-test ## report the branch coverage that `make test COVERAGE=1` measured, and hold its floor
	@$(PYTHON_ENV) -m coverage run --source=hermetica,store,derivations -m hermetica version >/dev/null # notes them once
	@$(PYTHON_ENV) scripts/whole_coverage.py .coverage.d
	@$(PYTHON_ENV) -m coverage combine --quiet
	@$(PYTHON_ENV) -m coverage report

lint: setup-lint ## ruff, mypy, pyright, import directions
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --output-sync --keep-going lint-mypy lint-pyright lint-ruff lint-imports

lint-mypy:
	@$(PYTHON_ENV) -m mypy
lint-pyright:
	@$(PYTHON_ENV) -m pyright
lint-ruff:
	@$(PYTHON_ENV) -m ruff check .
	@$(PYTHON_ENV) -m ruff format --check .
lint-imports:
	@.venv/bin/lint-imports

format: setup-lint ## let ruff lay out the code
	@$(PYTHON_ENV) -m ruff check --fix-only .
	@$(PYTHON_ENV) -m ruff format .

docs: setup-docs ## build the documentation into docs/_build/html
	@$(PYTHON_ENV) -m sphinx -W --keep-going -q -b html -j auto docs docs/_build/html
	@echo docs/_build/html/index.html

bench: setup-core ## run the benchmarks; one of them: make bench BENCH=NAME
	@$(PYTHON_ENV) -m benchmarks $(BENCH)

wheel: setup-package ## build wheel and sdist into dist/
	@rm -rf dist
	@$(PYTHON_ENV) -m build --outdir dist .
	@.venv/bin/check-wheel-contents dist

clean: ## remove what the commands above made, the environment included
	@if [ -d .demo ]; then chmod -R u+rwX .demo; fi # objects of a store are read-only
	rm -rf .venv .tools .demo dist docs/_build htmlcov .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

setup-core:
	@scripts/setup
setup-test:
	@scripts/setup test
setup-lint:
	@scripts/setup test lint plots
setup-docs:
	@scripts/setup docs
setup-package:
	@scripts/setup package
