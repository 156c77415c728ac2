# SPDX-License-Identifier: Apache-2.0
"""Figures of a run by stamp: poses, actions, goals, figures of the map, and the time of each stage."""

from __future__ import annotations

import math
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
    """Collects messages in any order; writes trajectory.json (no clock in it) and status.json.

    Args:
        paced: the map alone answers a frame, and odometry also comes between frames.
    """

    def __init__(self, paced: bool = False) -> None:
        self._paced = paced
        self._contacts = 0
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
        figures = {}
        for name in {**dict.fromkeys(_FIGURES), **values}:
            try:
                figures[name] = float(values[name])
            except (KeyError, ValueError):
                raise InputError(f"the map's {name} must be a number, got {values.get(name)!r:.40}") from None
            if not math.isfinite(figures[name]):
                raise InputError(f"the map's {name} must be finite, got {figures[name]}")
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

    def contact(self) -> None:
        """Something was touched."""
        self._contacts += 1

    def is_whole(self, stamp_ns: int) -> bool:
        """Whether the frame of this stamp has pose, map figures and, in lockstep, answer."""
        answered = self._paced or stamp_ns in self._actions
        return stamp_ns in self._poses and stamp_ns in self._map and answered

    def whole_frames(self) -> int:
        """Frames with pose, map figures and, in lockstep, answer."""
        return len(self._whole())

    def _whole(self) -> list[int]:
        mapped = self._poses.keys() & self._map.keys()
        return sorted(mapped if self._paced else mapped & self._actions.keys())

    def progress(self) -> dict[str, float]:
        """Latest figures: frames, elapsed_s (since the first answer), explored_m2, confident_voxels.

        And last_stamp_ns, of the latest frame that is answered.
        """
        times = self._times["map" if self._paced else "step"]
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
            "actions": [] if self._paced else [self._actions[s] for s in stamps],
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
            **({"contacts": self._contacts} if self._paced else {}),
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


def _median_p90(values: list[float]) -> list[float]:
    return [round(float(v), 3) for v in np.percentile(values, [50, 90])]
