# SPDX-License-Identifier: Apache-2.0
"""`make setup` on machines that lack something: the functions of .ci/setup.sh, machine played by functions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / ".ci" / "setup.sh"


def bash(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` after sourcing the script."""
    env = {key: value for key, value in os.environ.items() if key not in ("ROS_DISTRO", "PYTHON")} | environment
    command = ["bash", "-c", f"source {SCRIPT}\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)


def fake_python(folder: Path, version: tuple[int, int]) -> Path:
    """An interpreter that says it is another version."""
    path = folder / "python3"
    patch = f"import sys; sys.version_info = {(*version, 0, 'final', 0)!r}"
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = -c ]; then exec {sys.executable} -c "{patch}\n$2"; fi\necho Python {version}\n'
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("version", "code"), [((3, 9), 1), ((3, 10), 0), ((3, 13), 0), ((3, 14), 1)])
def test_python_version_is_checked(tmp_path: Path, version: tuple[int, int], code: int) -> None:
    done = bash("find_python", PYTHON=str(fake_python(tmp_path, version)))
    assert done.returncode == code
    assert ("is not a Python 3.10-3.13" in done.stderr) == bool(code)


def test_missing_packages_are_named() -> None:
    done = bash(f"library() {{ false; }}; missing_packages {sys.executable}")
    assert done.stdout.split()[-6:] == ["libusb-1.0-0", "libgl1", "libegl1", "libgomp1", "libx11-6", "libudev1"]
    assert bash(f"library() {{ true; }}; missing_packages {sys.executable}").stdout.strip() == ""


def test_without_rights_the_exact_line_is_printed() -> None:
    rest = "id() { echo 1000; }; sudo() { false; }; apt-get() { echo RAN; }; install_packages 'g++ libgl1'"
    done = bash(rest)
    assert done.returncode == 1
    assert "sudo apt-get update && sudo apt-get install -y g++ libgl1\n" in done.stderr
    assert "RAN" not in done.stdout


@pytest.mark.parametrize("user", [0, 1000])
def test_with_rights_they_are_installed(user: int) -> None:
    machine = 'env() { shift; "$@"; }; sudo() { if [ "$2" = true ]; then return 0; fi; shift; echo SUDO; "$@"; }'
    machine += f'; id() {{ echo {user}; }}; apt-get() {{ echo "RAN $*"; }}'
    done = bash(f"{machine}; install_packages 'g++ libgl1'")
    assert done.returncode == 0, done.stderr
    ran = [line for line in done.stdout.splitlines() if line.startswith("RAN")]
    wait = "-o DPkg::Lock::Timeout=300"  # another program may hold apt's lock
    assert ran == [f"RAN {wait} update -q", f"RAN {wait} install -y -q --no-install-recommends g++ libgl1"]
    assert ("SUDO" in done.stdout) == (user != 0)


def test_a_sourced_ros_is_used(tmp_path: Path) -> None:
    (tmp_path / "rclpy").mkdir()
    (tmp_path / "rclpy" / "__init__.py").touch()
    base = bash(f"base_of {sys.executable}").stdout.strip()
    assert bash(f"mode_of {base}", ROS_DISTRO="jazzy", PYTHONPATH=str(tmp_path)).stdout == "sourced-ros\n"
    assert bash(f"mode_of {base}", ROS_DISTRO="jazzy", PYTHONPATH="").stdout == "wheels\n"
    assert bash(f"mode_of {base}", PYTHONPATH=str(tmp_path)).stdout == "wheels\n"


def test_the_mark_follows_what_matters() -> None:
    mark = bash("mark_requirements 3.12 wheels").stdout
    assert mark == bash("mark_requirements 3.12 wheels").stdout != ""
    assert mark != bash("mark_requirements 3.11 wheels").stdout
    assert mark != bash("mark_requirements 3.12 sourced-ros").stdout


def test_a_foreign_environment_is_never_cleared(tmp_path: Path) -> None:
    kept = tmp_path / "mine"
    kept.write_text("of another")
    done = bash(f"VENV={tmp_path}; make_venv {sys.executable} wheels")
    assert done.returncode == 1 and kept.exists()
    assert "was not made by make setup. Move it away, then run make setup again" in done.stderr


def test_a_broken_environment_of_ours_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / ".seal-made").touch()
    (tmp_path / "half").touch()
    done = bash(f"VENV={tmp_path}; make_venv $(base_of {sys.executable}) wheels")
    assert done.returncode == 0, done.stderr
    assert "making" in done.stdout and "anew: it does not run" in done.stdout
    assert not (tmp_path / "half").exists() and (tmp_path / "bin" / "python").exists()
    assert bash(f"VENV={tmp_path}; usable_wheels_venv").returncode == 0


def test_pips_failure_is_not_swallowed() -> None:
    done = bash("VENV=none; PIP=(false); install_requirements wheels")
    assert done.returncode != 0
