# SPDX-License-Identifier: Apache-2.0
"""Figures of a run by stamp: poses, actions, goals, figures of the map, and the time of each stage."""

from __future__ import annotations

import bisect
import math
from array import array
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.pose import pose_yaw
from seal_perception.types import FloatArray

_FIGURES = ("explored_area_m2", "confident_voxels")
"""What `map/status` must have."""


def action_name(T_base_target: FloatArray) -> str:
    """forward, left, right or stop, from the relative pose of a `step` message."""
    if np.hypot(T_base_target[0, 3], T_base_target[1, 3]) > 0.05:
        return "forward"
    yaw = pose_yaw(T_base_target)
    if abs(yaw) < 0.05:
        return "stop"
    return "left" if yaw > 0 else "right"


class RunLog:
    """Of a lockstep run: collects messages in any order; writes trajectory.json (no clock in it) and status.json."""

    def __init__(self) -> None:
        self._poses: dict[int, tuple[float, float, float]] = {}
        self._actions: dict[int, str] = {}
        self._goals: dict[int, tuple[float, float, float]] = {}
        self._map: dict[int, dict[str, float]] = {}
        self._times: dict[str, dict[int, float]] = {"odom": {}, "detections": {}, "map": {}, "step": {}}

    def pose(self, stamp_ns: int, T_odom_base: FloatArray, now_s: float) -> None:
        """Odometry of a frame."""
        self._poses[stamp_ns] = (float(T_odom_base[0, 3]), float(T_odom_base[1, 3]), pose_yaw(T_odom_base))
        self._times["odom"][stamp_ns] = now_s

    def detected(self, stamp_ns: int, now_s: float) -> None:
        """The frame's detections have come."""
        self._times["detections"][stamp_ns] = now_s

    def mapped(self, stamp_ns: int, values: dict[str, str], now_s: float) -> None:
        """Figures of the map after the frame.

        Raises:
            InputError: if one is missing or no number.
        """
        figures = _read(values, _FIGURES)
        self._map[stamp_ns] = figures
        self._times["map"][stamp_ns] = now_s

    def goal(self, stamp_ns: int, xy: tuple[float, float], heading: float = 0.0) -> None:
        """The goal in force at the frame, and the direction in which it lay when it was given; NaN = none yet."""
        if math.isfinite(xy[0]) and math.isfinite(xy[1]) and math.isfinite(heading):
            self._goals[stamp_ns] = (float(xy[0]), float(xy[1]), float(heading))

    def step(self, stamp_ns: int, T_base_target: FloatArray, now_s: float) -> None:
        """The answer to the frame."""
        self._actions[stamp_ns] = action_name(T_base_target)
        self._times["step"][stamp_ns] = now_s

    def is_whole(self, stamp_ns: int) -> bool:
        """Whether the frame of this stamp has pose, map figures and answer."""
        return stamp_ns in self._poses and stamp_ns in self._map and stamp_ns in self._actions

    def whole_frames(self) -> int:
        """Frames with pose, map figures and answer."""
        return len(self._whole())

    def _whole(self) -> list[int]:
        return sorted(self._poses.keys() & self._map.keys() & self._actions.keys())

    def progress(self) -> dict[str, float]:
        """Latest figures: frames, elapsed_s (since the first answer), explored_m2, confident_voxels.

        And last_stamp_ns, of the latest frame that is answered.
        """
        times = self._times["step"]
        last = self._map[max(self._map)] if self._map else {}
        first = min(times.values(), default=0.0)
        return {
            "frames": len(times),
            "last_stamp_ns": max(times, default=0),
            "elapsed_s": round(max(times.values(), default=first) - first, 3),
            "explored_m2": last.get("explored_area_m2", 0.0),
            "confident_voxels": last.get("confident_voxels", 0.0),
        }

    def trajectory(self) -> dict[str, Any]:
        """What the seed determines, bit by bit: stamps, poses (x, y, yaw), actions, goals (step, x, y)."""
        stamps = self._whole()
        return {
            "stamps_ns": stamps,
            "poses": [list(self._poses[s]) for s in stamps],
            "actions": [self._actions[s] for s in stamps],
            "goals": self._goals_given(stamps),
        }

    def _goals_given(self, stamps: list[int]) -> list[list[float]]:
        """Frame, x and y of each new goal. Each frame has the goal in force: a new one differs from the one before.

        A policy may give the same place again; then the direction in which it lies has changed.
        """
        rows: list[list[float]] = []
        last = None
        for frame, stamp in enumerate(stamps):
            goal = self._goals.get(stamp, last)
            if goal is not None and goal != last:
                rows.append([frame, *goal[:2]])
            last = goal
        return rows

    def status(self) -> dict[str, Any]:
        """Figures per frame, and per stage the median and 90 % milliseconds."""
        stamps = self._whole()
        elapsed = self.progress()["elapsed_s"]
        return {
            "step": list(range(len(stamps))),
            "confident_voxels": [int(self._map[s]["confident_voxels"]) for s in stamps],
            "explored_m2": [self._map[s]["explored_area_m2"] for s in stamps],
            "steps_per_s": round((len(stamps) - 1) / elapsed, 3) if elapsed > 0 and len(stamps) > 1 else 0.0,
            "ms": {name: _median_p90(values) for name, values in self._stages(stamps).items() if values},
        }

    def _stages(self, stamps: list[int]) -> dict[str, list[float]]:
        """Milliseconds per stage as the monitor sees messages come; `map` is the map's own figure."""
        t = self._times

        def between(a: str, b: str, shift: int) -> list[float]:
            pairs = zip(stamps[: len(stamps) - shift], stamps[shift:], strict=True)
            return [1e3 * max(0.0, t[b][s1] - t[a][s0]) for s0, s1 in pairs if s0 in t[a] and s1 in t[b]]

        return {
            "simulate": between("step", "odom", 1),
            "detect": between("odom", "detections", 0),
            "map": [self._map[s].get("ms.node", 0.0) for s in stamps],
            "plan": between("map", "step", 0),
            "whole step": between("step", "step", 1),
        }

    def write(self, folder: Path) -> None:
        """Write trajectory.json and status.json into a folder."""
        write_json(folder / "trajectory.json", self.trajectory(), indent=None)
        write_json(folder / "status.json", self.status(), indent=None)


_POSE = ("pose.x_m", "pose.y_m", "pose.yaw_rad")
"""Where the map put a frame: what `map/status` must have where odometry has no message of the frame's stamp."""
_RECENT = 1000
"""Messages of odometry remembered: 20 s at 50 Hz."""


class PacedLog:
    """`RunLog` of a run in which time runs: the map alone answers a frame, and says at which pose it did.

    Its memory grows by some 60 bytes per frame and not with odometry, which comes 50 times a second on a robot.
    """

    def __init__(self) -> None:
        self._contacts = 0
        self._stamps = array("q")
        self._rows = {name: array("d") for name in (*_POSE, *_FIGURES, "ms.node")}
        self._first_s = self._last_s = 0.0
        self._detect_ms = array("f")
        self._odometry: deque[tuple[int, float]] = deque(maxlen=_RECENT)
        self._goals: list[tuple[int, float, float, float]] = []

    def pose(self, stamp_ns: int, T_odom_base: FloatArray, now_s: float) -> None:
        """Odometry came; its pose is not the map's."""
        self._odometry.append((stamp_ns, now_s))

    def detected(self, stamp_ns: int, now_s: float) -> None:
        """A frame's detections have come: so long after odometry of its time."""
        place = bisect.bisect_right(self._odometry, stamp_ns, key=lambda row: row[0]) - 1
        if place >= 0:
            self._detect_ms.append(1e3 * max(0.0, now_s - self._odometry[place][1]))

    def mapped(self, stamp_ns: int, values: dict[str, str], now_s: float) -> None:
        """Figures of the map after the frame, and its pose.

        Raises:
            InputError: if one is missing or no number.
        """
        figures = _read(values, (*_FIGURES, *_POSE))
        self._first_s = self._first_s if self._stamps else now_s
        self._last_s = now_s
        self._stamps.append(stamp_ns)
        for name, column in self._rows.items():
            column.append(figures.get(name, 0.0))

    def goal(self, stamp_ns: int, xy: tuple[float, float], heading: float = 0.0) -> None:
        """The goal in force at the frame, as `RunLog.goal`."""
        row = (float(xy[0]), float(xy[1]), float(heading))
        if all(map(math.isfinite, row)) and (not self._goals or self._goals[-1][1:] != row):
            self._goals.append((stamp_ns, *row))

    def contact(self) -> None:
        """Something was touched."""
        self._contacts += 1

    def is_whole(self, stamp_ns: int) -> bool:
        """Whether the frame of this stamp is mapped."""
        return stamp_ns in self._stamps

    def whole_frames(self) -> int:
        """Frames mapped."""
        return len(self._stamps)

    def progress(self) -> dict[str, float]:
        """As `RunLog.progress`, of the frames mapped."""
        known = bool(self._stamps)
        return {
            "frames": len(self._stamps),
            "last_stamp_ns": self._stamps[-1] if known else 0,
            "elapsed_s": round(self._last_s - self._first_s, 3),
            "explored_m2": self._rows["explored_area_m2"][-1] if known else 0.0,
            "confident_voxels": self._rows["confident_voxels"][-1] if known else 0.0,
        }

    def _order(self) -> tuple[list[int], list[int]]:
        """Stamps in rising order, each once (a bag that plays again has them twice), and the last row of each."""
        rows = {stamp: k for k, stamp in enumerate(self._stamps)}
        return sorted(rows), [rows[stamp] for stamp in sorted(rows)]

    def trajectory(self) -> dict[str, Any]:
        """Stamps, poses in the map (x, y, yaw) and goals (frame, x, y) of the frames mapped."""
        stamps, rows = self._order()
        given = [(bisect.bisect_left(stamps, stamp), x, y) for stamp, x, y, _ in self._goals]
        return {
            "stamps_ns": stamps,
            "poses": [[self._rows[name][k] for name in _POSE] for k in rows],
            "actions": [],
            "goals": [[frame, x, y] for frame, x, y in given if frame < len(stamps)],
        }

    def status(self) -> dict[str, Any]:
        """Figures per frame, contacts, and per stage the median and 90 % milliseconds."""
        _, rows = self._order()
        elapsed, frames = self._last_s - self._first_s, len(self._stamps)
        stages = {"detect": self._detect_ms, "map": self._rows["ms.node"]}
        return {
            "step": list(range(len(rows))),
            "confident_voxels": [int(self._rows["confident_voxels"][k]) for k in rows],
            "explored_m2": [self._rows["explored_area_m2"][k] for k in rows],
            "steps_per_s": round((frames - 1) / elapsed, 3) if elapsed > 0 and frames > 1 else 0.0,
            "ms": {name: _median_p90(list(values)) for name, values in stages.items() if values},
            "contacts": self._contacts,
        }

    def write(self, folder: Path) -> None:
        """As `RunLog.write`."""
        write_json(folder / "trajectory.json", self.trajectory(), indent=None)
        write_json(folder / "status.json", self.status(), indent=None)


def _read(values: dict[str, str], needed: tuple[str, ...]) -> dict[str, float]:
    """Figures of `map/status`.

    Raises:
        InputError: if one is missing or no number.
    """
    figures = {}
    for name in {**dict.fromkeys(needed), **values}:
        try:
            figures[name] = float(values[name])
        except (KeyError, ValueError):
            raise InputError(f"the map's {name} must be a number, got {values.get(name)!r:.40}") from None
        if not math.isfinite(figures[name]):
            raise InputError(f"the map's {name} must be finite, got {figures[name]}")
    return figures


def _median_p90(values: list[float]) -> list[float]:
    return [round(float(v), 3) for v in np.percentile(values, [50, 90])]
