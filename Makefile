# `make run` and `make test` are all a newcomer needs; both set the environment up first.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup run test check format lock docs test-compose chaos bench bench-nudge bench-deciding train clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## create .venv with the locked packages (nothing to do when nothing changed)

# Packages come from the lock with their hashes; the project itself is linked, so that edits count at once.
$(STAMP): ops/requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --require-hashes -r ops/requirements-dev.txt
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## start everything in this terminal; without CHATWORK_API_TOKEN with a simulated community
	@exec $(VENV)/bin/yuruyuru run

test: setup ## the whole suite with coverage
	@$(VENV)/bin/python ops/test.py

check: setup ## lint, format, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: setup ## let the formatter decide
	$(VENV)/bin/ruff check --fix-only .
	$(VENV)/bin/ruff format .

test-compose: setup ## docker-compose.yml for real, in podman containers
	@$(VENV)/bin/python ops/compose/test.py

chaos: setup ## kill everything under load for over half an hour; SECONDS and SEED choose otherwise
	@$(VENV)/bin/python ops/chaos/run.py --seconds $(or $(SECONDS),2260) --seed $(or $(SEED),2)

bench: bench-nudge bench-deciding ## all benches that tell how well the engine asks

bench-deciding: setup ## how long a decision takes with ten thousand, a hundred thousand, a million members
	@$(VENV)/bin/python ops/bench/deciding.py

bench-nudge: setup ## compare ways of asking members in a simulated community; SEED chooses another one
	@$(VENV)/bin/python ops/bench/nudge.py --seed $(or $(SEED),1)

train: setup ## fit the weights of the question judge anew, and tell how well it does
	@$(VENV)/bin/python ops/training/fit.py --write

docs: setup ## regenerate ops/logs.md
	$(VENV)/bin/python ops/logs.py > ops/logs.md

lock: ## resolve the packages anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url pyproject.toml -o ops/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --extra dev -c ops/requirements.txt pyproject.toml -o ops/requirements-dev.txt

clean: ## remove the environment and caches (never the data)
	rm -rf $(VENV) build *.egg-info .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
