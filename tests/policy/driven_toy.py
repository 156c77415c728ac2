# SPDX-License-Identifier: Apache-2.0
"""The flat toy world with a robot that is driven at a speed, a laser, and a bumper."""

from __future__ import annotations

import math

import numpy as np
from tests.policy.toy import CELL, FlatWorld

from seal_perception.pose import planar_pose, pose_yaw
from seal_perception.simulator import LaserScan
from seal_policy.driving.velocity import Velocity
from seal_policy.driving.velocity_driver import VelocityDriver

LASER_HEIGHT_M = 0.2


class DrivenToy(FlatWorld):
    """Drives by small straight steps; the laser sees squares only, at the toy's one height."""

    def drive(self, velocity: Velocity, seconds: float) -> bool:
        """Whether something was touched; the robot stops there."""
        for _ in range(max(1, round(seconds / 0.01))):
            x, y, yaw = self.T[0, 3], self.T[1, 3], pose_yaw(self.T) + velocity.turn_radps * 0.01
            x, y = x + velocity.forward_mps * 0.01 * math.cos(yaw), y + velocity.forward_mps * 0.01 * math.sin(yaw)
            if velocity.forward_mps != 0.0 and not self.free(x, y):
                return True
            self.T = planar_pose(x, y, yaw)
        return False

    def scan(self, beams: int = 360) -> LaserScan:
        """A sweep all around, true to a fifth of a cell."""
        angles = 2.0 * math.pi * np.arange(beams) / beams
        d = np.arange(0.0, 6.0, 0.2 * CELL)
        yaw = pose_yaw(self.T)
        i = np.floor((self.T[0, 3] + d * np.cos(angles + yaw)[:, None]) / CELL).astype(int)
        j = np.floor((self.T[1, 3] + d * np.sin(angles + yaw)[:, None]) / CELL).astype(int)
        inside = (i >= 0) & (j >= 0) & (i < self.blocked.shape[0]) & (j < self.blocked.shape[1])
        hit = inside & self.blocked[i.clip(0, self.blocked.shape[0] - 1), j.clip(0, self.blocked.shape[1] - 1)]
        ranges = np.where(hit.any(axis=1), d[hit.argmax(axis=1)], np.inf).astype(np.float32)
        return LaserScan(ranges, 0.0, 2.0 * math.pi / beams, 0.05, 6.0, planar_pose(0.0, 0.0, 0.0, LASER_HEIGHT_M))


def run(
    world: DrivenToy, driver: VelocityDriver, goal: tuple[float, float], seconds: float, arrive_m: float = 0.3
) -> int:
    """Drive to a goal with map and laser at 5 Hz and commands at 10 Hz; contacts on the way.

    Raises:
        AssertionError: if the goal is not reached in time.
    """
    contacts = 0
    for k in range(round(seconds * 10)):
        if k % 2 == 0:
            world.look()
            driver.see_scan(k / 10, world.scan(), world.T)
            driver.see_map(*world.grids())
        if math.dist(world.T[:2, 3], goal) < arrive_m:
            return contacts
        if world.drive(driver.steer(k / 10, world.T, goal), 0.1):
            contacts += 1
            driver.see_contact()
    raise AssertionError(f"not at {goal} after {seconds} s, but at {world.T[:2, 3]}")
