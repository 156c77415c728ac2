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
.venv/bin/python -m pytest "$@" || failed+=(pytest)
if [ "${#failed[@]}" -gt 0 ]; then
    echo "FAILED: ${failed[*]}"
    exit 1
fi
