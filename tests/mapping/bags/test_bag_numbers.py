# SPDX-License-Identifier: Apache-2.0
"""Impossible numbers in a bag are counted by reason and never used."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mapping.bags import recordings as b

from seal_mapping.bags import messages as bm
from seal_mapping.bags.reader import open_bag

ROWS = b.recording(4)


def _changed(topic: str, change: Callable[[Any], Any], only: int | None = None) -> list[b.Row]:
    """The recording with each message of a topic, or one of them, changed."""
    rows, count = list(ROWS), 0
    for place, row in enumerate(rows):
        if row.topic == topic:
            if only in (None, count):
                message = bm.decode(row.data, row.msgtype)
                change(message)
                rows[place] = replace(row, data=bytes(bm.typestore().serialize_cdr(message, row.msgtype)))
            count += 1
    return rows


def _detection(**numbers: Any) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        value = json.loads(message.data)
        for row in value["results"]:
            row.update(numbers)
        message.data = json.dumps(value)

    return change


def _pose(name: str, **numbers: float) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        for key, value in numbers.items():
            setattr(getattr(message.pose.pose, name), key, value)

    return change


def _stamp(sec: int, nanosec: int = 0) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec

    return change


def _info(field: str, place: int, value: float) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        values = np.array(getattr(message, field))
        values[place] = value
        setattr(message, field, values)

    return change


@pytest.mark.parametrize(
    ("topic", "change", "reason"),
    [
        ("/semantic/detections", _detection(category_id=-1), "broken detections"),
        ("/semantic/detections", _detection(score=1.4), "broken detections"),
        ("/semantic/detections", _detection(bbox=[0, 0, None, 1]), "broken detections"),
        ("/odom", _pose("position", x=np.nan), "broken pose"),
        ("/odom", _pose("orientation", x=0.0, y=0.0, z=0.0, w=0.0), "broken pose"),
        ("/odom", _pose("orientation", w=np.inf), "broken pose"),
        ("/odom", _stamp(-4), "broken pose"),
        ("/camera/color/camera_info", _info("k", 0, np.nan), "unusable camera info"),
        ("/camera/color/camera_info", _info("k", 2, np.inf), "unusable camera info"),
        ("/camera/color/camera_info", _info("p", 6, np.nan), "unusable camera info"),
        ("/camera/color/camera_info", _stamp(-4), "unusable camera info"),
        ("/camera/color/image_raw", _stamp(-4), "broken message"),
        ("/camera/color/image_raw", _stamp(4, 2_000_000_000), "broken message"),
    ],
)
def test_one_impossible_number_is_counted(
    tmp_path: Path, topic: str, change: Callable[[Any], None], reason: str
) -> None:
    """A pose between two others is interpolated; a picture is lost."""
    reader = open_bag(b.write2(tmp_path / "bag", _changed(topic, change, only=1)))
    frames = list(reader)
    assert reader.unused[reason] == 1
    assert len(frames) == 4 - (reason == "broken message")
    for item in frames:
        assert np.isfinite(item.frame.T_map_camera).all()
        assert item.detections is None or item.detections.categories.tolist() == [2]
