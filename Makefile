# setup   the environment in .venv, exactly as locked; installs uv into .uv where there is none
# check   format, lint, types, layers, lock file
# test    all tests that this machine can run
# demo    synthetic faces -> SFT -> lmms-eval before and after -> a table and pictures
# bench   the measurements; each script prints JSON

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
UV ?= $(or $(shell command -v uv),.uv/bin/uv)
PYTHON ?= $(or $(shell command -v python3),python3.11)
RUN := $(UV) run --no-sync

.PHONY: setup check test demo bench

setup: $(if $(findstring .uv/,$(UV)),.uv/bin/uv)
	$(UV) sync --locked --quiet --extra all

.uv/bin/uv:
	$(PYTHON) -m pip install --quiet --target .uv uv

check: setup
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) mypy
	$(RUN) lint-imports
	$(UV) lock --check

# Two processes of one thread each; a file stays in one process: its fixtures are what costs.
test: setup
	OMP_NUM_THREADS=1 $(RUN) pytest -n 2 --dist loadfile

demo: setup
	$(RUN) tag-plugin demo --out runs/demo

bench: setup
	for script in benchmarks/*.py; do $(RUN) python $$script; done
