# SPDX-License-Identifier: Apache-2.0
"""Curves on disk: TensorBoard's file, rows, and what is forgotten when a training resumes."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from seal_policy.training.curves import CSV, EVENTS, PICTURE, Curves


def scalars(path: Path) -> list[tuple[int, str, float]]:
    """(step, tag, value) of an event file: TFRecords (length, its checksum, data, their checksum) of `Event`."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2", reason="requirements/train.txt has tensorboardX")
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = event_pb2.Event.FromString(data[12 : 12 + length])
        found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
        data = data[16 + length :]
    return found


def test_tensorboard_gets_every_figure(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    for step in (0, 200, 70_000):
        curves.add(step, {"ppo/reward": step * 0.5, "ppo/loss": -1.0})
    curves.write()
    wanted = [(step, tag, v) for step in (0, 200, 70_000) for tag, v in (("ppo/reward", step * 0.5), ("ppo/loss", -1))]
    assert scalars(tmp_path / EVENTS) == wanted
    assert {path.name for path in tmp_path.iterdir()} == {CSV, EVENTS}, "nothing is left beside them"


def test_without_the_writer_there_are_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    curves = Curves(tmp_path)
    curves.add(1, {"ppo/reward": 2.0})
    curves.write()
    assert {path.name for path in tmp_path.iterdir()} == {CSV} and len(Curves(tmp_path).rows) == 1


def test_curves_resume_and_forget_what_is_done_again(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    curves.draw("nothing yet")
    assert not (tmp_path / PICTURE).exists()
    curves.add(10, {"ppo/reward": 0.125, "imitation/loss": 3.0})
    curves.add(20, {"ppo/reward": 0.25})
    curves.write()
    again = Curves(tmp_path)
    assert [row[1:] for row in again.rows] == [row[1:] for row in curves.rows]
    again.forget("ppo/", after=10)
    again.write()
    again.draw("a title")
    wanted = [(10, "ppo/reward", 0.125), (10, "imitation/loss", 3.0)]
    assert [row[1:] for row in Curves(tmp_path).rows] == scalars(tmp_path / EVENTS) == wanted
    assert (tmp_path / PICTURE).read_bytes().startswith(b"\x89PNG")
