# Everything a user or a developer runs. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS := models
# Processes that run tests. They share the CPUs with what the tests start, so more of them gain little.
JOBS := 2

.DEFAULT_GOAL := help
.PHONY: help install train serve test chromium test-container lint format openapi clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

install: $(VENV)/.training ## Set up .venv with what training and serving need

train: $(VENV)/.training ## Train the embedded default (pass more with ARGS="--bottleneck 8")
	$(BIN)/python -m training train --models-dir $(MODELS) $(ARGS)

serve: $(VENV)/.training ## Train the embedded default if there is no bundle, then serve it
	@ls $(MODELS)/*/*/manifest.json >/dev/null 2>&1 || $(BIN)/python -m training train --models-dir $(MODELS)
	$(BIN)/python -m service --models-dir $(MODELS) $(ARGS)

test: $(VENV)/.dev chromium lint ## Set up what tests need, then lint, check types and run every test
	$(BIN)/python -m service.ahead  # compiles, before the time of any test runs
	$(BIN)/pytest --numprocesses $(JOBS) --dist worksteal $(ARGS)

# Tests of the playground skip without it. Only root on Debian and its relatives can install it; elsewhere: HOURGLASS_CHROMIUM.
chromium: ## Install the browser that tests need, where it is missing and that is possible
	@command -v chromium chromium-browser google-chrome >/dev/null || [ -n "$$HOURGLASS_CHROMIUM" ] || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get install -yqq --no-install-recommends chromium >/dev/null; } || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -yqq --no-install-recommends chromium >/dev/null; } || \
	echo "Chromium is missing and cannot be installed: tests of the playground will be skipped"

test-container: $(VENV)/.dev ## Build, start, call and stop the containers; takes minutes and a container engine
	$(BIN)/pytest tests/container $(ARGS)

lint: $(VENV)/.dev ## Check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev ## Rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/.training ## Write docs/openapi.json again, after a change of the interface
	$(BIN)/python -m service --print-openapi >docs/openapi.json

clean: ## Remove the environment and every cache; bundles stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Dependency groups need pip 25.1; pip's own options (PIP_EXTRA_INDEX_URL, ...) choose the torch build.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.training $(VENV)/.dev: $(VENV)/.%: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@
