# SPDX-License-Identifier: Apache-2.0
"""The workflow of .github calls targets, tests and interpreters that exist."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.launching import launch_arguments
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import RECORDED

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT / ".github/workflows/ci.yml"
LAUNCHES = ".ci/launch_files.sh"
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
    assert job["container"]["image"] == "ros:${{ matrix.distro }}"
    assert job["container"]["options"] == "--shm-size=4g", "without it the nodes run without our DDS profile"
    assert "colcon build --base-paths ros2_ws/src sim_bridge" in commands(job)


def test_launch_files_start_in_the_built_workspace(jobs: dict[str, Any]) -> None:
    """By the script that `bash` runs here too; each of its arguments is one of the launch file that it starts."""
    build, run = (commands(jobs["ros"]).index(words) for words in ("colcon build", LAUNCHES))
    assert build < commands(jobs["ros"]).index("source install/setup.bash") < run
    script = (ROOT / LAUNCHES).read_text(encoding="utf-8")
    assert os.access(ROOT / LAUNCHES, os.X_OK)
    assert subprocess.run(["bash", "-n", LAUNCHES], cwd=ROOT, check=False).returncode == 0
    offered = {
        "sim": launch_arguments(StackConfig),
        "robot": launch_arguments(RobotConfig),
        "record": launch_arguments(RobotConfig, RECORDED),
    }
    started = re.findall(r"ros2 launch seal_bringup (\w+)\.launch\.py (.*)", script)
    assert [file for file, _ in started] == list(offered)
    for file, words in started:
        given = re.findall(r"(\w+):=", words)
        assert "run_dir" in given and set(given) <= {each.name for each in offered[file]}
    # The runs that are compared are the same but for who starts them.
    sim = dict(re.findall(r"(\w+):=(\S+)", started[0][1]))
    (explore,) = re.findall(r"timeout \d+ seal explore (.*)", script)
    assert dict(re.findall(r"--(\w+) (\S+)", explore)) == {
        "scene": sim["scene"], "steps": sim["steps"], "out": '"$runs/explore"',
    }  # fmt: skip
    assert 'seal compare "$runs/sim" "$runs/explore"' in script and sim["run_dir"] == '"$runs/sim"'


def test_the_launch_script_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "bash").symlink_to("/bin/bash")
    done = subprocess.run(
        ["/bin/bash", str(ROOT / LAUNCHES)], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stderr.startswith("launch files: error: ros2 is not on PATH: source ROS 2")
    assert len(done.stderr.splitlines()) == 1


def test_named_tests_and_markers_exist(jobs: dict[str, Any]) -> None:
    text = "\n".join(commands(job) for job in jobs.values())
    assert [path for path in re.findall(r"\btests/[\w/.]+", text) if not (ROOT / path).exists()] == []
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f'"{marker}: ' in project for marker in re.findall(r"-m 'not (\w+)'", text))


def test_actions_have_a_version(jobs: dict[str, Any]) -> None:
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used)
