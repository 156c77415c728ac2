# SPDX-License-Identifier: Apache-2.0
"""Curves on disk: TensorBoard's format byte for byte, rows, and what is forgotten when a training resumes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from seal_policy.training.curves import EVENTS, PICTURE, Curves, Row, _masked, event_file


def test_an_event_file_is_what_tensorboard_writes() -> None:
    """By hand from event.proto, summary.proto and the TFRecord format: the version, then a scalar "a/b" of 1.5."""
    data = event_file([Row(2.0, 300, "a/b", 1.5)])
    first = bytes.fromhex("09") + struct.pack("<d", 2.0) + b"\x1a\x0dbrain.Event:2"
    second = (
        b"\x09" + struct.pack("<d", 2.0) + b"\x10\xac\x02" + b"\x2a\x0c\x0a\x0a\x0a\x03a/b\x15" + struct.pack("<f", 1.5)
    )
    expected = b""
    for event in (first, second):
        length = struct.pack("<Q", len(event))
        expected += length + struct.pack("<I", _masked(length)) + event + struct.pack("<I", _masked(event))
    assert data == expected


def test_the_checksum_is_castagnolis() -> None:
    crc = 0xE3069283  # of "123456789", RFC 3720
    assert _masked(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_tensorboard_reads_the_file(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    curves = Curves(tmp_path)
    for step in (0, 200, 70_000):
        curves.add(step, {"ppo/reward": step * 0.5, "ppo/loss": -1.0})
    curves.write()
    found = reader.EventAccumulator(str(tmp_path))
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars("ppo/reward")] == [(0, 0.0), (200, 100.0), (70_000, 35_000.0)]
    assert {*found.Tags()["scalars"]} == {"ppo/reward", "ppo/loss"}


def test_curves_resume_and_forget_what_is_done_again(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    curves.draw("nothing yet")
    assert not (tmp_path / PICTURE).exists()
    curves.add(10, {"ppo/reward": 0.1, "imitation/loss": 3.0})
    curves.add(20, {"ppo/reward": 0.2})
    curves.write()
    again = Curves(tmp_path)
    assert [row[1:] for row in again.rows] == [row[1:] for row in curves.rows]
    again.forget("ppo/", after=10)
    again.write()
    again.draw("a title")
    assert [row[1:] for row in Curves(tmp_path).rows] == [(10, "ppo/reward", 0.1), (10, "imitation/loss", 3.0)]
    assert (tmp_path / EVENTS).read_bytes() == event_file(Curves(tmp_path).rows)
    assert (tmp_path / PICTURE).read_bytes().startswith(b"\x89PNG")
