# SPDX-License-Identifier: Apache-2.0
"""The workflow of .github calls targets, tests and interpreters that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT / ".github/workflows/ci.yml"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return found


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step["run"] for step in job["steps"] if "run" in step)


def test_every_job_sets_up_and_tests_by_the_makefile(jobs: dict[str, Any]) -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
    assert set(jobs) == {"core", "ros"}
    for job in jobs.values():
        called = re.findall(r"\bmake ([a-z]+)", commands(job))
        assert called == ["setup", "test"] and set(called) <= targets


def test_pythons_are_those_that_the_packages_allow(jobs: dict[str, Any]) -> None:
    setup = (ROOT / "ros2_ws/src/seal_bringup/setup.py").read_text(encoding="utf-8")
    assert 'python_requires=">=3.10,<3.14"' in setup
    pythons = jobs["core"]["strategy"]["matrix"]["python"]
    assert pythons == ["3.10", "3.12"]  # text: the number 3.10 would be Python 3.1


def test_ros_containers_are_humble_and_jazzy(jobs: dict[str, Any]) -> None:
    job = jobs["ros"]
    assert job["strategy"]["matrix"]["distro"] == ["humble", "jazzy"]
    assert job["container"] == "ros:${{ matrix.distro }}"
    assert "colcon build --base-paths ros2_ws/src sim_bridge" in commands(job)


def test_named_tests_and_markers_exist(jobs: dict[str, Any]) -> None:
    text = "\n".join(commands(job) for job in jobs.values())
    assert [path for path in re.findall(r"\btests/[\w/.]+", text) if not (ROOT / path).exists()] == []
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f'"{marker}: ' in project for marker in re.findall(r"-m 'not (\w+)'", text))


def test_actions_have_a_version(jobs: dict[str, Any]) -> None:
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used)
