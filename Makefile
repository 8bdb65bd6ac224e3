# Everything one does with this repository. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
# Most tests wait for a server to start, stop or answer, so two at a time fill two cores. Each has servers of its own.
TEST_PROCESSES ?= 2
SERVICES := common ingest consumer analytics operator local

export PATH := $(CURDIR)/$(BIN):$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# Where a machine has company certificates, uv finds them as every other tool does.
export UV_NATIVE_TLS ?= true
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP
# A path outside ASCII is read alike whatever the locale is.
export PYTHONUTF8 := 1

.PHONY: help
help: ## list what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The environment: made anew when the lock or a package's own settings change.
$(VENV)/.installed: requirements/development.txt $(SERVICES:%=services/%/pyproject.toml)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1). Name another: make PYTHON=python3.13 …" >&2; exit 1; }
	@test -x $(BIN)/uv || { echo "• making the project's own environment in $(VENV)"; \
	  "$(PYTHON)" -m venv $(VENV) || { echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@echo "• installing what the lock names (a minute the first time)"
	@uv pip sync --quiet --require-hashes requirements/development.txt
	@uv pip install --quiet --no-deps --no-build-isolation $(SERVICES:%=--editable services/%)
	@touch $@

.PHONY: setup
setup: $(VENV)/.installed ## make the environment (the others do it by themselves)

.PHONY: run
run: setup ## start the whole pipeline here: Kafka, PostgreSQL, Valkey, three services
	@exec adclicks-local

.PHONY: lint
lint: setup ## style, types, and which module may import which
	ruff format --check .
	ruff check .
	mypy
	lint-imports

.PHONY: test
test: lint ## lint, types, and all tests that need no cluster, on real parts (TEST_PROCESSES=2)
	pytest -m "not e2e and not chart" --numprocesses $(TEST_PROCESSES) --dist loadfile

include $(wildcard make/*.mk)

.PHONY: simulate
simulate: setup ## the scaling policy beside KEDA's rule and a CPU target, on simulated days (docs/autoscaling.md)
	python -m lagscaler.simulate --charts docs/autoscaling

.PHONY: format
format: setup ## format the code
	ruff format .
	ruff check --fix .

.PHONY: lock
lock: $(VENV)/.installed ## resolve the dependencies again (UPGRADE=1: to their newest versions)
	requirements/lock.sh

.PHONY: clean
clean: ## remove the environment and the local data
	rm -rf $(VENV) .data .mypy_cache .ruff_cache .pytest_cache .hypothesis
