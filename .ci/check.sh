#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every check: style, types, tests. All of them run, whichever fails; the last lines count the tests and give each skip's reason.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -n "${_ROS_WHEELS_BOOTSTRAP_COMPLETE:-}" ]; then unset _ROS_WHEELS_BOOTSTRAP_COMPLETE LD_LIBRARY_PATH; fi

failed=()
echo "== style: ruff"
.venv/bin/ruff check . || failed+=(ruff)
echo "== types: mypy"
.venv/bin/mypy || failed+=(mypy)
echo "== tests: pytest"
# Two processes and more share the work by files, whose fixtures are dear, in the order of tests/conftest.py: longest
# first. `ARGS="-n 0"` keeps all in one.
.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder "$@" || failed+=(pytest)
if [ "${#failed[@]}" -gt 0 ]; then
    echo "FAILED: ${failed[*]}"
    exit 1
fi
