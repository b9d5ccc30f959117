# Everything is set up in .venv; python3 (3.11 or newer) and make are all that must be there before.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
name ?= line

.DEFAULT_GOAL := help
.PHONY: help setup run test check lint types imports tests source bench losses soak clean

help: ## print the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: $(STAMP) ## make the virtual environment and install everything into it

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Headwater needs Python 3.11 or newer; name one with make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

run: setup ## harvest a little of every source, index, serve http://127.0.0.1:8080
	@$(BIN)/headwater quickstart $(ARGS) || [ $$? -eq 130 ] # Ctrl-C is how it ends

check: setup lint types imports ## lint, types and import rules

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

tests: setup
	HEADWATER_OFFLINE=1 $(BIN)/pytest --cov --cov-report=term $(ARGS)

test: check tests ## everything that CI runs: check, tests, docs that match the code

source: setup ## run the contract of one source: make source name=idr
	HEADWATER_OFFLINE=1 $(BIN)/pytest -q tests/sources -k $(name)

bench: setup ## run one benchmark: make bench name=line (or search, relevance); the last line is JSON
	HEADWATER_OFFLINE=1 $(BIN)/python -m benchmarks.$(name) $(ARGS)

losses: setup ## find out again what becomes of each upstream field (docs/losses); ARGS="idr --also FOLDER"
	HEADWATER_OFFLINE=1 $(BIN)/python -m harvester.losses $(ARGS)

soak: setup ## kill harvests and nodes 200 times over, and compare with an undisturbed harvest; 15 minutes
	HEADWATER_OFFLINE=1 $(BIN)/python -m benchmarks.soak $(ARGS)

clean: ## remove the virtual environment and caches; never the data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* .import_linter_cache
