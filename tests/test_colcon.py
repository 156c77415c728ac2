# SPDX-License-Identifier: Apache-2.0
"""`colcon build` as in an ordinary workspace, and what it installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXECUTABLES = {
    "seal_bringup": {"seal", "ages_node", "live_node", "monitor_node"},
    "seal_mapping": {"heading_node", "label_node", "mapping_node", "recorder_node"},
    "seal_perception": {"perception_node"},
    "seal_policy": {"policy_node", "planner_node"},
    "sim_bridge": {"fake_robot_node", "robot_bridge_node", "sim_bridge_node"},
}


def names(folder: Path) -> set[str]:
    """Names of the visible files of a folder; empty without one."""
    return {path.name for path in folder.glob("[!.]*") if path.is_file()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The install folder of a build of this checkout, made in a temporary folder."""
    colcon = Path(sys.executable).parent / "colcon"
    assert colcon.exists(), "colcon is not in this environment: run `make setup`"
    folder = tmp_path_factory.mktemp("colcon")
    command = [str(colcon), "--log-base", str(folder / "log"), "build", "--base-paths", "ros2_ws/src", "sim_bridge"]
    command += ["--build-base", str(folder / "build"), "--install-base", str(folder / "install")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 packages finished" in done.stdout
    return folder / "install"


def test_executables(installed: Path) -> None:
    found = {
        package: {path.name for path in (installed / package / "lib" / package).iterdir()} for package in EXECUTABLES
    }
    assert found == EXECUTABLES


def test_built_as_ament_packages(installed: Path) -> None:
    """As plain Python packages they would have neither the marker nor package.xml."""
    for package in EXECUTABLES:
        share = installed / package / "share"
        assert (share / "ament_index" / "resource_index" / "packages" / package).is_file()
        assert (share / package / "package.xml").is_file()
    for part in ("launch", "config", "rviz", "foxglove"):
        source = names(ROOT / "ros2_ws/src/seal_bringup" / part)
        assert source and names(installed / "seal_bringup/share/seal_bringup" / part) == source


def test_package_data_is_installed(installed: Path) -> None:
    for package, folder in (
        ("seal_perception", "weights"),
        ("seal_bringup", "report/assets"),
        ("seal_bringup", "live/assets"),
    ):
        base = ROOT / "ros2_ws/src" / package / package / folder
        (built,) = (installed / package / "lib").glob(f"python*/site-packages/{package}/{folder}")
        assert names(base) and names(built) == names(base)


def test_the_installed_copy_runs(installed: Path, tmp_path: Path) -> None:
    """`seal --help` of the build, from its own code and not from the checkout."""
    code = [str(path) for path in installed.glob("*/lib/python*/site-packages")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(code)}
    command = [sys.executable, "-c", "import seal_bringup.cli.app as a; print(a.__file__); a.main()", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed)), done.stdout
    assert "benchmark" in done.stdout
    shutil.rmtree(installed.parent / "build")
