# SPDX-License-Identifier: Apache-2.0
"""What every simulator offers: the robot's senses, and apart from them the truth for evaluation."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from seal_perception.camera import Camera
from seal_perception.grid import Grid2D
from seal_perception.types import Float32Array, FloatArray, Int8Array, Int32Array, UInt8Array

FIRST_STAMP_NS = 1_000_000_000
"""Stamp of a simulated run's first picture."""
STEP_NS = 100_000_000
"""Time that a discrete step takes, for stamps and sensors (the camera's exposure follows with time)."""


class Action(enum.Enum):
    """Discrete steps of the robot (SEAL: 0.25 m forward, turns of 30 degrees)."""

    STOP = 0
    FORWARD = 1
    LEFT = 2
    RIGHT = 3


@dataclass(frozen=True)
class LaserScan:
    """One sweep of a planar laser scanner, as in `sensor_msgs/LaserScan`: counter-clockwise about the sensor's z axis.

    Attributes:
        ranges: (N,) float32 metres; inf = nothing within `range_max_m`, -inf = nearer than `range_min_m` (REP 117).
        angle_min_rad: direction of the first beam; 0 is the sensor's x axis.
        angle_increment_rad: angle from a beam to the next.
        range_min_m, range_max_m: what the sensor can measure.
        T_base_laser: (4, 4) float64 mounting.
    """

    ranges: Float32Array
    angle_min_rad: float
    angle_increment_rad: float
    range_min_m: float
    range_max_m: float
    T_base_laser: FloatArray

    @property
    def angles_rad(self) -> FloatArray:
        """(N,) direction of each beam."""
        return self.angle_min_rad + self.angle_increment_rad * np.arange(len(self.ranges), dtype=np.float64)


@dataclass(frozen=True)
class Observation:
    """What the robot senses; the odometry frame is the start pose, z = 0 on the floor.

    Attributes:
        step: number of observations since reset, which is 0: one per `Simulator.step`, one per `Drivable.observe`.
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 metres, 0 = none.
        T_odom_base: (4, 4) float64, what the odometry claims; with odometry noise it drifts from the true pose.
        collided: whether the last action was blocked, or a drive touched something since the last observation.
        scan: the laser's sweep, None without a laser.
    """

    step: int
    rgb: UInt8Array
    depth: Float32Array
    T_odom_base: FloatArray
    collided: bool
    scan: LaserScan | None = None


@runtime_checkable
class Simulator(Protocol):
    """A world with one robot in it; it gives no labels."""

    name: str
    camera: Camera
    T_base_camera: FloatArray

    def reset(self, seed: int = 0) -> Observation:
        """Put the robot at the start pose that belongs to `seed` and return the first observation."""
        ...

    def step(self, action: Action) -> Observation:
        """Take one action and return what is then seen."""
        ...

    def close(self) -> None:
        """Free what the simulator holds."""
        ...


@runtime_checkable
class Drivable(Protocol):
    """A simulator whose robot can be driven at a speed, between or instead of discrete steps."""

    def drive(self, forward_mps: float, turn_radps: float, seconds: float) -> bool:
        """Drive along an arc (unicycle); at an obstacle the robot stops at once and does not slide.

        Args:
            forward_mps: speed ahead in m/s; negative = backwards.
            turn_radps: rate of turn in rad/s, left positive.
            seconds: how long, >= 0.

        Returns:
            Whether something was touched.
        """
        ...

    @property
    def T_odom_base(self) -> FloatArray:
        """(4, 4) what the odometry claims now; as in the next observation, without taking a picture."""
        ...

    def observe(self) -> Observation:
        """What is sensed at the present pose; nothing moves."""
        ...


@dataclass(frozen=True)
class TruthImages:
    """Labels of one picture, for evaluation only.

    Attributes:
        instance: (H, W) int32, 0 = nothing hit, else an instance id > 0 (walls and floors have ids too).
        category: (H, W) int8 category index, -1 = none of the six.
    """

    instance: Int32Array
    category: Int8Array


@dataclass(frozen=True)
class ReachableFloor(Grid2D):
    """Floor that the robot's centre can reach from its start, in the world frame; the cells are bool."""


@runtime_checkable
class TruthSource(Protocol):
    """The simulator's labels and geometry. Evaluation only: no node, map, policy, label or training step calls it."""

    T_world_odom: FloatArray

    @property
    def T_world_base(self) -> FloatArray:
        """(4, 4) true pose of the robot, whatever its odometry claims."""
        ...

    def instance_table(self) -> dict[int, tuple[str, int]]:
        """Name and category index (-1 = none of the six) of every instance id."""
        ...

    def truth_images(self) -> TruthImages:
        """Labels of the picture last seen."""
        ...

    def render_at(self, T_world_base: FloatArray) -> tuple[Observation, TruthImages]:
        """Picture and labels from any pose; the robot is not moved."""
        ...

    def reachable_floor(self) -> ReachableFloor:
        """Floor that the robot can reach from its start pose."""
        ...
