# SPDX-License-Identifier: Apache-2.0
# make demo: everything from nothing to a better detector. make test: every check. make help: the rest.
SHELL := /bin/bash
export PYTHON
ARGS ?=

.PHONY: help setup demo test clean

help:
	@echo "make demo    set up, then the main job: explore test_01, label, fine-tune, evaluate, report (ARGS=... goes to seal demo)"
	@echo "make test    set up, then style, types and tests (ARGS=... goes to pytest)"
	@echo "make setup   only the environment, in .venv (PYTHON=python3.12 chooses the interpreter)"
	@echo "make clean   remove what builds and checks left; .venv and runs stay"

setup:
	@.ci/setup.sh

demo: setup
	@.venv/bin/seal demo $(ARGS)

test: setup
	@.ci/check.sh $(ARGS)

clean:
	@rm -rf build install log .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -path ./.venv -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -type d -prune -exec rm -rf {} +
