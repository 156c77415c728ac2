# SPDX-License-Identifier: Apache-2.0
"""A long job goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from seal_bringup.demo.stages import StageLog


def test_a_finished_stage_is_not_done_again_even_by_another_process(tmp_path: Path) -> None:
    calls: list[int] = []
    assert StageLog(tmp_path).run("label", {"rule": "paper"}, lambda: calls.append(1))
    assert not StageLog(tmp_path).run("label", {"rule": "paper"}, lambda: calls.append(2))
    assert calls == [1]


def test_another_configuration_is_another_result(tmp_path: Path) -> None:
    log = StageLog(tmp_path)
    log.run("label", {"rule": "paper"}, lambda: None)
    assert log.run("label", {"rule": "agreement"}, lambda: None)


def test_a_stage_that_failed_is_done_again(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError("no space left on device")

    log = StageLog(tmp_path)
    with pytest.raises(OSError, match="no space"):
        log.run("label", 1, fail)
    assert not log.is_done("label", 1)
    assert StageLog(tmp_path).run("label", 1, lambda: None)


def test_lines_name_the_stage_and_its_time(tmp_path: Path) -> None:
    lines: list[str] = []
    log = StageLog(tmp_path, lines.append)
    log.run("explore", 0, lambda: None)
    log.run("explore", 0, lambda: None)
    assert lines == ["explore ...", "explore: 0 s", "explore: done before"]
    assert log.seconds["explore"] >= 0
