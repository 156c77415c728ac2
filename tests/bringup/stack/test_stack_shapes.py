# SPDX-License-Identifier: Apache-2.0
"""Stack files of any other shape, and numbers in the environment that are none, are one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from seal_bringup.cli import app as cli
from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_process import domain_of
from seal_bringup.stack.overrides import config_from_file
from seal_bringup.stack.run_log import RunLog
from seal_bringup.stack.runner import run_stack
from seal_perception.errors import InputError
from seal_perception.running.environment import check_numbers

LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{c}: &{c} [{', '.join(['*' + p] * 9)}]\n" for p, c in zip("abcde", "bcdef", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run: [1]", "has the old form of a stack"),
        ("run: 5", "has the old form of a stack"),
        ("run: null", "has the old form of a stack"),
        ("run: {1: 2}", "has the old form of a stack"),
        ("nodes: 5", "has the old form of a stack"),
        ("nodes: [[1]]", "has the old form of a stack"),
        ("5", "must name nodes with their ros__parameters, got 5"),
        ("1: {ros__parameters: {}}", "must name nodes with their ros__parameters"),
        ("mapping: 5", "node mapping must have ros__parameters with names and values, got 5"),
        ("mapping: {ros__parameters: [1]}", "node mapping must have ros__parameters"),
        (
            "mapping: {ros__parameters: {map.voxel_m: null}}",
            "parameter map.voxel_m of mapping must be a number, a text",
        ),
        (
            "mapping: {ros__parameters: {map.voxel_m: [1, a]}}",
            "must be a number, a text, true or false, or a list of one",
        ),
        ("mapping: {ros__parameters: {map.voxel_m: [[1]]}}", "must be a number, a text"),
        ("mapping: {ros__parameters: {save_path: 2024-01-01}}", "must be a number, a text"),
        ("mapping: {ros__parameters: {save_path: 2024-13-01}}", "is not valid YAML: month must be in 1..12"),
        (f"recorder: {{ros__parameters: {{last_stamp_ns: {1 << 63}}}}}", "must fit into 64 bits"),
        ("run: {ros__parameters: {steps: many}}", "steps of run must be a whole number, got 'many'"),
        ("run: {ros__parameters: {steps: true}}", "steps of run must be a whole number, got True"),
        ("run: {ros__parameters: {steps: 3.5}}", "steps of run must be a whole number, got 3.5"),
        ("run: {ros__parameters: {record: 1}}", "record of run must be true or false, got 1"),
        ("run: {ros__parameters: {scene: [a]}}", "scene of run must be a text"),
        ("run: {ros__parameters: {minutes: .nan, mode: paced}}", "need minutes > 0"),
        ("run: {ros__parameters: {run_dir: 5}}", "run_dir of run must be a text, got 5"),
        ("run: {ros__parameters: {namespace: ../../x}}", "namespace must be names of letters"),
        ("run: {ros__parameters: {namespace: 5th robot}}", "namespace must be names of letters"),
        (LAUGHS, "node a must have ros__parameters with names and values"),
        ("[" * 1000, "is YAML nested more than 100 deep"),
        ("run: {ros__parameters: &a {x: *a}}", "a YAML value that holds itself"),
    ],
    ids=lambda text: text[:40],
)
def test_a_stack_of_another_shape_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        config_from_file(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value) or "minutes" in message or "name" in message
    assert len(str(caught.value)) < 600


def test_a_stack_that_is_no_text_or_no_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="stack.yaml is not UTF-8 text"):
        config_from_file(tmp_path / "stack.yaml")
    with pytest.raises(InputError, match="is a folder, expected a file"):
        config_from_file(tmp_path)


@pytest.mark.parametrize("value", ["abc", "-1", "233", "1.5", "9" * 5000, "٣", "0x5"])
def test_a_domain_in_the_environment_that_is_none_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", value)
    with pytest.raises(InputError, match=r"ROS_DOMAIN_ID must be a whole number in 0\.\.232, got") as caught:
        run_stack(StackConfig(run_dir=tmp_path / "run"))
    assert len(str(caught.value)) < 200 and not (tmp_path / "run").exists()
    assert domain_of(StackConfig(domain_id=7)) == 7


@pytest.mark.parametrize(("value", "domain"), [("", 0), (" ", 0), ("42", 42), (" 5 ", 5), ("007", 7)])
def test_a_domain_in_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, value: str, domain: int) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", value)
    assert domain_of(StackConfig()) == domain


@pytest.mark.parametrize("value", ["0", "-3"])
def test_a_number_of_threads_that_numba_answers_with_a_traceback_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    monkeypatch.setattr("sys.argv", ["seal", "doctor"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capsys.readouterr().err.replace("\n", " ")
    assert stopped.value.code == 1 and f"error: NUMBA_NUM_THREADS must be at least 1, got {value}" in said


@pytest.mark.parametrize("value", ["abc", "", "4"])
def test_other_texts_are_left_to_numba(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    check_numbers()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"explored_area_m2": "many"}, "the map's explored_area_m2 must be a number, got 'many'"),
        ({"confident_voxels": None}, "the map's confident_voxels must be a number, got None"),
        ({"ms.node": "nan"}, "the map's ms.node must be finite, got nan"),
    ],
)
def test_figures_of_the_map_that_are_none_are_refused(changes: dict[str, str | None], message: str) -> None:
    """A missing one was a traceback when the run's files were written."""
    values = {"explored_area_m2": "1.5", "confident_voxels": "3", "ms.node": "2", **changes}
    log = RunLog()
    with pytest.raises(InputError, match=message):
        log.mapped(5, {name: value for name, value in values.items() if value is not None}, 1.0)
    assert log.progress()["explored_m2"] == 0.0
