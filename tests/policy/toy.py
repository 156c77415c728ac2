# SPDX-License-Identifier: Apache-2.0
"""A flat world of 5 cm cells with a robot that obeys the rules of steps: no sliding, a blocked step does not move.

Written apart from the planner: truth here is exact distance of the robot's centre to the walls' squares.
"""

from __future__ import annotations

import math

import numpy as np

from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose, pose_yaw
from seal_perception.simulator import Action

CELL = 0.05
RADIUS = 0.18


class FlatWorld:
    """A robot among square obstacles; sees with rays in its 79 degrees of view."""

    def __init__(self, blocked: np.ndarray, x: float, y: float, yaw: float = 0.0, range_m: float = 5.0) -> None:
        self.blocked = blocked
        self.T = planar_pose(x, y, yaw)
        self.range_m = range_m
        self.known = np.zeros_like(blocked)
        self.collided = False
        self.squares = np.argwhere(blocked) * CELL
        assert self.free(x, y), "toy robot must start in free space"

    def free(self, x: float, y: float) -> bool:
        """Whether a disc of the robot's radius at (x, y) touches no obstacle square."""
        if not len(self.squares):
            return True
        gap = np.maximum(np.maximum(self.squares - (x, y), (x, y) - (self.squares + CELL)), 0.0)
        return bool((np.hypot(gap[:, 0], gap[:, 1]) >= RADIUS).all())

    def step(self, action: Action) -> None:
        x, y, yaw = self.T[0, 3], self.T[1, 3], pose_yaw(self.T)
        self.collided = False
        if action is Action.LEFT:
            self.T = planar_pose(x, y, yaw + math.pi / 6)
        elif action is Action.RIGHT:
            self.T = planar_pose(x, y, yaw - math.pi / 6)
        elif action is Action.FORWARD:
            c, s = math.cos(yaw), math.sin(yaw)
            if all(self.free(x + d * c, y + d * s) for d in np.linspace(0.0, 0.25, 11)):
                self.T = planar_pose(x + 0.25 * c, y + 0.25 * s, yaw)
            else:
                self.collided = True

    def look(self, rays: int = 160) -> None:
        """Mark as known the cells between the robot and the first obstacle, within its field of view."""
        x, y, yaw = self.T[0, 3], self.T[1, 3], pose_yaw(self.T)
        half = math.radians(39.5)
        angles = np.linspace(yaw - half, yaw + half, rays)[:, None]
        d = np.arange(0.0, self.range_m, 0.8 * CELL)[None, :]
        i = np.floor((x + d * np.cos(angles)) / CELL).astype(int).clip(0, self.blocked.shape[0] - 1)
        j = np.floor((y + d * np.sin(angles)) / CELL).astype(int).clip(0, self.blocked.shape[1] - 1)
        hit = self.blocked[i, j]
        before = np.cumsum(hit, axis=1) - hit == 0
        self.known[i[before], j[before]] = True

    def grids(self) -> tuple[Grid2D, Grid2D]:
        """Obstacles and explored cells as the robot knows them."""
        origin = np.zeros(2)
        return Grid2D(self.blocked & self.known, origin, CELL), Grid2D(self.known.copy(), origin, CELL)


def room(width_m: float, height_m: float) -> np.ndarray:
    """An empty room with walls two cells thick."""
    blocked = np.ones((round(width_m / CELL), round(height_m / CELL)), bool)
    blocked[2:-2, 2:-2] = False
    return blocked


def whole(blocked: np.ndarray) -> tuple[Grid2D, Grid2D]:
    """A map in which all is known."""
    return Grid2D(blocked, np.zeros(2), CELL), Grid2D(np.ones_like(blocked), np.zeros(2), CELL)
