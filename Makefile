# Everything a person or CI runs. `.venv` is built from the lock files and from nothing else.

PYTHON ?= python3
PORT ?= 3000
DEMO := dagster_home/demo

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo ui test lint bench reliability lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

# Tests have instances of their own; only these two know the demo's.
demo ui: export DAGSTER_HOME := $(CURDIR)/dagster_home
ui: export IMMUTA_ASSETS_LAYOUTS := prpr1,prpr2
ui: export IMMUTA_ASSETS_UI := http://127.0.0.1:$(PORT)

demo: .venv/runtime ## write the demo tenant, materialize the graph for today, publish the files to dagster_home/demo
	rm -rf $(DEMO)
	.venv/bin/immuta-assets demo --to $(DEMO)/tenant
	.venv/bin/immuta-assets export --tenant $(DEMO)/tenant --to $(DEMO)/published --layout prpr1 --layout prpr2
	.venv/bin/immuta-assets ingest --since 48h

ui: .venv/runtime ## open the Dagster UI on the demo; PORT=3000
	@echo "Dagster UI: http://127.0.0.1:$(PORT) (stop with Ctrl-C)"
	@PYTHONWARNINGS='ignore:Function `dev_command` is superseded' \
		.venv/bin/dagster dev --workspace workspace.yaml --host 127.0.0.1 --port $(PORT)

test: lint ## everything CI runs: lint, types, tests, coverage
	.venv/bin/python -m pytest --numprocesses 2 --dist worksteal --cov --cov-report term:skip-covered

lint: .venv/dev ## ruff, import arrows and mypy
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/lint-imports --no-cache --no-logo
	.venv/bin/mypy

bench: .venv/dev ## measure time and memory beside peers, half an hour: tables, and benchmarks/results/*.json
	for script in outcomes export growth dense query_events store; do .venv/bin/python -m benchmarks.$$script || exit; done

LOCK := .venv/bin/uv pip compile pyproject.toml --all-extras --group build --universal --python-version 3.11 \
	--generate-hashes --no-header --quiet --upgrade

reliability: .venv/dev ## lose, delay and kill at full length, half an hour; docs/reliability.md has the results
	RELIABILITY=full .venv/bin/python -m pytest tests/reliability --no-cov -s

lock: ## resolve both lock files anew from pyproject.toml
	test -x .venv/bin/uv || { $(PYTHON) -m venv .venv && .venv/bin/python -m pip install uv; }
	$(LOCK) --group dev --output-file requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock --output-file requirements.lock

clean: ## remove .venv, caches and everything the demo wrote
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	find dagster_home -mindepth 1 ! -name dagster.yaml -delete

# A lock that changed gives a new environment, so that nothing of the old one lingers.
INSTALL := .venv/bin/python -m pip install --disable-pip-version-check --no-deps
.venv/runtime: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is not: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments, install python3-venv: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(INSTALL) --require-hashes --only-binary :all: --requirement requirements.lock
	$(INSTALL) --no-build-isolation --editable .
	.venv/bin/python -m pip check
	touch $@

.venv/dev: .venv/runtime requirements-dev.lock
	$(INSTALL) --require-hashes --only-binary :all: --requirement requirements-dev.lock
	.venv/bin/python -m pip check
	touch $@
