# SPDX-License-Identifier: Apache-2.0
"""From what a run says to what the page shows."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seal_bringup.live.buffers import check_cloud, check_extent, grid_bytes, picture_bytes, series_bytes, voxel_bytes
from seal_bringup.live.hub import Hub
from seal_bringup.live.series import Series, Way
from seal_bringup.report.figures import category_colour
from seal_perception import messages as m
from seal_perception.categories import SIX, CategorySet
from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.types import FloatArray, Int8Array, UInt8Array

OVERLAY_S = 5.0
"""For so long after a picture with an overlay, pictures without one are not shown."""
GATE_S = 5.0
"""A gate that says nothing for so long is gone; each tells its status once a second."""
_LEAST_SCORE = 0.5
_MOST_KEPT, _MOST_PLAN, _MOST_GATES = 30, 200, 8
_FIGURES = ("frames", "frames_dropped", "scores_late_s", "confident_voxels", "explored_area_m2", "ms.node")


class LiveView:
    """Takes what a run says as arrays and plain values, and keeps what the page shows in a `Hub`.

    Args:
        who: the run's namespace, for the page's head.
        buttons: whether the page may start and stop the robot.
        clock: seconds, for ages.

    Attributes:
        hub: what the server hands out.
    """

    def __init__(self, who: str = "/", buttons: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self.hub = Hub(clock)
        self._clock = clock
        self._names = SIX
        self._overlay_s = -math.inf
        self._boxes: dict[int, list[list[Any]]] = {}
        self._shown: dict[str, Any] | None = None
        self._cell_m = 0.0
        self._cloud: tuple[FloatArray, UInt8Array, Int8Array, UInt8Array] | None = None
        self._lock = threading.Lock()  # of the curves, which a thread of the server reads
        self._way, self._figures = Way(spacing=0.05), Series()
        self._first_s: float | None = None
        self._gates: dict[str, dict[str, Any]] = {}
        self._gate_s: dict[str, float] = {}
        self.hub.say("who", who)
        self.hub.say("buttons", buttons)
        self._say_names()

    def _say_names(self) -> None:
        self.hub.say("categories", [[name, category_colour(name, self._names)] for name in self._names.names])

    def see_picture(self, stamp_ns: int, rgb: UInt8Array, overlay: bool) -> None:
        """A picture (H, W, 3) of the camera, with or without the detections drawn into it."""
        now = self._clock()
        if overlay:
            self._overlay_s = now
        elif now - self._overlay_s < OVERLAY_S:
            return
        height, width = rgb.shape[:2]
        boxes = self._boxes.get(stamp_ns, [])
        self._shown = {"stamp_ns": str(stamp_ns), "width": width, "height": height, "overlay": overlay, "boxes": boxes}
        self.hub.say("picture", self._shown, quiet=True)
        self.hub.put("camera", "image/jpeg", lambda: picture_bytes(rgb))

    def see_detections(self, text: str) -> None:
        """A text of `semantic/detections`: boxes for the picture with its stamp, before or after that.

        Raises:
            InputError: if it is none.
        """
        found = m.detections_from_text(text)
        names = found.detections.names
        if names != self._names:
            self._names = names
            self._say_names()
        each = zip(found.detections.boxes, found.detections.categories, found.detections.scores, strict=True)
        boxes = [
            [*(round(float(v), 1) for v in box), names.names[int(category)], round(float(score), 2)]
            for box, category, score in each
            if score >= _LEAST_SCORE
        ]
        self._boxes[found.stamp_ns] = boxes
        while len(self._boxes) > _MOST_KEPT:
            del self._boxes[next(iter(self._boxes))]
        self.hub.say("detected", len(boxes), quiet=True)
        if self._shown is not None and self._shown["stamp_ns"] == str(found.stamp_ns):
            self._shown = {**self._shown, "boxes": boxes}
            self.hub.say("picture", self._shown)

    def see_pose(self, T_map_base: FloatArray) -> None:
        """The robot's pose (4, 4) in the map frame."""
        x, y = float(T_map_base[0, 3]), float(T_map_base[1, 3])
        yaw = math.atan2(float(T_map_base[1, 0]), float(T_map_base[0, 0]))
        with self._lock:
            kept = self._way.add((x, y))
        self.hub.say("robot", [round(x, 3), round(y, 3), round(yaw, 3)])
        if kept:
            self._put_series()

    def see_goal(self, xy: tuple[float, float] | None) -> None:
        """The goal in force in metres; None = there is none.

        Raises:
            InputError: if it is not finite.
        """
        if xy is not None and not all(map(math.isfinite, xy)):
            raise InputError(f"a goal must be finite metres, got {xy}")
        self.hub.say("goal", None if xy is None else [round(float(v), 3) for v in xy])

    def see_plan(self, xy: FloatArray) -> None:
        """The path to the goal, (N, 2) metres.

        Raises:
            InputError: if it is not finite.
        """
        if not np.isfinite(xy).all():
            raise InputError("a plan must be finite metres")
        step = max(1, math.ceil(len(xy) / _MOST_PLAN))
        rows = [*xy[:-1:step], *xy[-1:]] if len(xy) else []
        self.hub.say("plan", [[round(float(x), 3), round(float(y), 3)] for x, y in rows])

    def see_grid(self, obstacles: Grid2D, explored: Grid2D) -> None:
        """The map from above, bool cells of one grid."""
        first, self._cell_m = self._cell_m == 0.0, obstacles.cell_m
        self.hub.put("grid", "application/json", lambda: grid_bytes(obstacles, explored))
        if first and self._cloud is not None:
            self._put_voxels()

    def see_voxels(self, xyz: FloatArray, rgb: UInt8Array, label: Int8Array, score: UInt8Array) -> None:
        """The voxel map; shown once a grid has told how large a voxel is.

        Raises:
            InputError: if it cannot be shown.
        """
        check_cloud(xyz, rgb, label, score)
        self._cloud = (xyz, rgb, label, score)
        if self._cell_m:
            self._put_voxels()

    def _put_voxels(self) -> None:
        assert self._cloud is not None
        check_extent(self._cloud[0], self._cell_m)
        cloud, edge_m, names = self._cloud, self._cell_m, self._names
        self.hub.put("voxels", "application/json", lambda: voxel_bytes(*cloud, edge_m, names))

    def see_status(self, stamp_ns: int, values: Mapping[str, str]) -> None:
        """The figures of `map/status`; a map that was begun anew begins the curves anew.

        Raises:
            InputError: if one of them is no finite number.
        """
        known = {name: _number(name, values[name]) for name in _FIGURES if name in values}
        at_s = stamp_ns / m.NS
        with self._lock:
            before = self._figures.rows()
            if before and at_s - (self._first_s or 0.0) < before[-1][0]:
                self._figures.clear()
                self._first_s = None
            self._first_s = at_s if self._first_s is None else self._first_s
            row = (at_s - self._first_s, known.get("confident_voxels", 0.0), known.get("explored_area_m2", 0.0))
            self._figures.add(row)
        self.hub.say("figures", {**known, "seconds": round(row[0], 2)})
        self._put_series()

    def _put_series(self) -> None:
        def make() -> bytes:
            with self._lock:
                way, figures = self._way.rows(), self._figures.rows()
            return series_bytes(way, figures)

        self.hub.put("series", "application/json", make)

    def see_enabled(self, enabled: bool) -> None:
        """Whether there is permission to drive."""
        self.hub.say("enabled", enabled)

    def forget_enabled(self) -> None:
        """Nobody tells any more whether there is permission to drive."""
        self.hub.drop("enabled")

    def see_steps(self, steps: bool) -> None:
        """Whether the run goes in steps, which nobody has to permit."""
        self.hub.say("steps", steps, quiet=True)

    def see_gate(self, name: str, level: int, text: str) -> None:
        """Why the robot stands: a status of `explore/status` with its level (0 fine, 1 it stands, 2 latched)."""
        self._gate_s[name[:80]] = self._clock()
        self._gates[name[:80]] = {"name": name[:80], "level": level, "text": text[:500]}
        while len(self._gates) > _MOST_GATES:
            self._forget_gate(next(iter(self._gates)))
        self.hub.say("gates", list(self._gates.values()))

    def forget_silent_gates(self) -> None:
        """Drop the gates that were not heard for `GATE_S`: what they said last may be true no longer."""
        before_s = self._clock() - GATE_S
        silent = [name for name, heard_s in self._gate_s.items() if heard_s < before_s]
        for name in silent:
            self._forget_gate(name)
        if silent:
            self.hub.say("gates", list(self._gates.values()))

    def _forget_gate(self, name: str) -> None:
        del self._gates[name], self._gate_s[name]

    def see_search(self, values: Mapping[str, str], level: int, text: str) -> None:
        """How a search for an object goes: a status of `object_goal/status` with its level (1 = it was refused)."""
        under_way = values.get("category", "")[:80] if values.get("active") == "true" else ""
        self.hub.say("search", {"category": under_way, "level": level, "text": text[:500]})

    def forget_search(self) -> None:
        """Nobody hears what to look for any more."""
        self.hub.drop("search")

    def see_hint(self, text: str) -> None:
        """A line about what does not come; empty = all is well."""
        self.hub.say("hint", text)

    @property
    def names(self) -> CategorySet:
        """The list of categories in force."""
        return self._names


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"the map's {name} must be a number, got {str(text)[:40]!r}")
    return value
