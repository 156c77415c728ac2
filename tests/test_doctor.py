# SPDX-License-Identifier: Apache-2.0
"""`seal doctor` finds what is there, names what is missing, and its exit code follows the required ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seal_bringup import doctor
from seal_bringup.doctor import Check, Library, check_library, complete, run_checks


def test_an_absent_library_costs_what_it_says() -> None:
    check = check_library(Library("nothing", "no_such_module_anywhere", "no toast", required=False))
    assert check == Check("nothing", False, False, "not installed", "no toast")
    assert check.status == "absent"


def test_a_library_that_does_not_load_is_not_ok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'raise ImportError("libGL.so.1: cannot open shared object file\\nmore")\n'
    (tmp_path / "broken_library_of_a_test.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    check = check_library(Library("broken", "broken_library_of_a_test", "no pictures"))
    assert (check.status, check.cost) == ("MISSING", "no pictures")
    assert check.found == "does not import: libGL.so.1: cannot open shared object file"


def test_completeness_is_about_required_things_only() -> None:
    there, gone = Check("a", True, True, "1.0"), Check("b", False, True, "not installed")
    optional = Check("c", False, False, "not installed")
    assert complete([there, optional])
    assert not complete([there, gone])


def test_foreign_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import seal_perception.detector.facts as weights

    foreign = tmp_path / "seal_small.safetensors"
    foreign.write_bytes(b"no safetensors at all")
    monkeypatch.setattr(weights, "SHIPPED", foreign)
    check = doctor.check_weights()
    assert not check.ok and "is not a safetensors file" in check.found and "seal pretrain" in check.cost


def test_this_machine_in_full() -> None:
    """The command itself, in a process of its own: everything required is here, versions are real ones."""
    done = subprocess.run(
        [sys.executable, "-m", "seal_bringup.cli.app", "doctor", "--json"], capture_output=True, text=True, timeout=600
    )
    content = json.loads(done.stdout)
    checks = {check["name"]: check for check in content["checks"]}
    missing = [check for check in checks.values() if check["status"] == "MISSING"]
    assert (missing, content["ok"], done.returncode) == ([], True, 0)
    import numpy as np

    assert checks["numpy"]["found"] == np.__version__
    assert checks["rclpy"]["found"].endswith(("rmw_fastrtps_cpp", "rmw_cyclonedds_cpp", "rmw_zenoh_cpp"))
    assert all(check["ok"] or check["cost"] for check in checks.values()), "something is missing and costs nothing"


def test_exit_code_when_something_required_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import click
    import typer

    from seal_bringup.cli.doctor import doctor as command

    gone = Check("open3d (Embree)", False, True, "does not import: libGL.so.1", "no simulator")
    monkeypatch.setattr(doctor, "run_checks", lambda: [gone])
    with pytest.raises((typer.Exit, click.exceptions.Exit)) as stop:
        command(as_json=False)
    assert stop.value.exit_code == 1
    shown = capsys.readouterr().out
    assert "MISSING" in shown and "libGL.so.1" in shown and "no simulator" in shown


def test_checks_are_in_reading_order() -> None:
    names = [check.name for check in run_checks()]
    assert names[0] == "Python 3.10-3.13" and names[-1] == "GPU"
    assert len(names) == len(set(names))
