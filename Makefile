# Everything starts here. The first command sets the environment up; after that nothing is
# fetched again until pyproject.toml or uv.lock change.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Where this is set every process compiles all that it loads: a start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
RUN := .venv/.groups/run
DEV := .venv/.groups/dev
BENCH := .venv/.groups/bench

# The first Python on the PATH that is new enough; looked for only when it is needed.
find_python = for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		&& command -v $$python && break; done
PYTHON = $(or $(shell $(find_python)),$(error event-system needs Python 3.11 or newer on the PATH))

.venv/.groups/%: pyproject.toml uv.lock hatch_build.py tools/environment.py tools/uv.py
	@$(PYTHON) -m tools.environment $*

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The script for browsers; without Node its absence is told, and the node goes without.
RUM := src/event_system/rum/built/rum.js
$(RUM): rum/package-lock.json $(wildcard rum/src/*.js) tools/rum.py
	@$(PYTHON) -m tools.rum

.PHONY: serve
serve: $(RUN) $(RUM) ## one node on 127.0.0.1:8080, metrics on 9090 (ARGS="--data-dir DIR …")
	@exec $(BIN)/event-system serve --listeners examples/listeners.py --types examples/types $(ARGS)

.PHONY: demo
demo: $(RUN) ## a small game server plays against the node of `make serve`
	@exec $(BIN)/event-system demo $(ARGS)

.PHONY: test
test: $(DEV) $(RUM) ## all tests (ARGS="-k words …")
	@$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=8 --dist=worksteal $(ARGS)

.PHONY: drills
drills: $(DEV) ## the failure drills at full length: 200 rounds of kill -9 each, a million names
	@KILL_ROUNDS=200 NAMES=1000000 $(BIN)/python -m pytest tests/acceptance/test_kill.py \
		tests/acceptance/test_kill_steps.py tests/acceptance/test_replay_kill.py \
		tests/acceptance/test_server_kill.py tests/acceptance/test_many_names.py $(ARGS)

.PHONY: lint
lint: $(DEV) ## format, lint, types and import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

.PHONY: check
check: ## lint, then test: what CI runs
	@$(MAKE) lint
	@$(MAKE) test

.PHONY: bench
bench: $(BENCH) ## the benchmarks; writes docs/performance.md
	@exec $(BIN)/python -m benchmarks --write docs/performance.md $(ARGS)

.PHONY: services
services: ## installs and starts the servers of the integration tests and benchmarks
	@$(PYTHON) -m tools.services

.PHONY: format
format: $(DEV) ## puts the sources into our format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(DEV) ## writes the generated pages of docs/
	@$(BIN)/python -m tools.generate_docs

.PHONY: lock
lock: ## locks the dependencies of pyproject.toml (ARGS="--upgrade …")
	@$(PYTHON) -m tools.lock $(ARGS)

.PHONY: clean
clean: ## removes everything that make has made
	@rm -rf .build .tools .venv dist rum/node_modules $(dir $(RUM)) src/event_system/_build.py
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
