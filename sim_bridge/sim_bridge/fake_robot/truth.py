# SPDX-License-Identifier: Apache-2.0
"""Where a fake robot truly was at each picture it sent: a file for evaluation alone, that nothing else reads."""

from __future__ import annotations

from array import array
from pathlib import Path

from seal_perception.files import write_json
from seal_perception.pose import pose_yaw
from seal_perception.types import FloatArray

_POSES = ("true", "claimed")


class TruthLog:
    """True poses, odometry's claims and contacts at the pictures of a run; 65 bytes a picture, so an hour is 1 MB."""

    def __init__(self) -> None:
        self._stamps, self._depth, self._contacts = array("q"), array("b"), array("l")
        self._poses = {name: [array("d") for _ in range(3)] for name in _POSES}

    def add(self, stamp_ns: int, depth: bool, T_world_base: FloatArray, T_odom_base: FloatArray, contacts: int) -> None:
        """Note a picture.

        Args:
            stamp_ns: of the picture.
            depth: whether it is sent with its depth.
            T_world_base: (4, 4) true pose.
            T_odom_base: (4, 4) what odometry claims at that time.
            contacts: times that something was touched so far.
        """
        self._stamps.append(stamp_ns)
        self._depth.append(depth)
        self._contacts.append(contacts)
        for columns, T in zip(self._poses.values(), (T_world_base, T_odom_base), strict=True):
            for column, value in zip(columns, (T[0, 3], T[1, 3], pose_yaw(T)), strict=True):
                column.append(float(value))

    def write(self, path: Path, left_out_s: float) -> None:
        """Write `stamps_ns`, `depth`, `contacts` (so far), `true` and `claimed` (x, y, yaw rows), `left_out_s`.

        Args:
            path: file to write, whole or not at all.
            left_out_s: time that passed without the robot, on a machine that was too slow.
        """
        content = {
            "stamps_ns": list(self._stamps),
            "depth": [bool(value) for value in self._depth],
            "contacts": list(self._contacts),
            **{name: [list(row) for row in zip(*columns, strict=True)] for name, columns in self._poses.items()},
            "left_out_s": round(left_out_s, 3),
        }
        write_json(path, content, indent=None)
