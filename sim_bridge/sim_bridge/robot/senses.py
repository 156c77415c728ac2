# SPDX-License-Identifier: Apache-2.0
"""From the true picture to what the robot's sensors measure; the same for every simulator."""

from __future__ import annotations

import math

import numpy as np

from seal_perception.simulator import STEP_NS, LaserScan
from seal_perception.types import Float32Array, FloatArray, UInt8Array
from sim_bridge.geometry.twist import STILL, Twist
from sim_bridge.robot.config import EmbeddedConfig
from sim_bridge.sensors.colour_noise import ColourSensor
from sim_bridge.sensors.depth_noise import DepthSensor
from sim_bridge.sensors.laser import Cast, Laser

STEP_S = STEP_NS / 1e9


class Senses:
    """The sensors of one robot. Where a config names no noise, pictures go through untouched.

    Args:
        config: camera, noise and laser.
    """

    def __init__(self, config: EmbeddedConfig) -> None:
        depth, colour, laser = config.depth_noise_config, config.colour_noise_config, config.laser_config
        camera, seed = config.camera, config.noise_seed
        self._depth = None if depth is None else DepthSensor(depth, camera, seed)
        self._colour = None if colour is None else ColourSensor(colour, camera, config.T_base_camera, seed)
        self._laser = None if laser is None else Laser(laser)
        self._near_m, self._far_m = config.depth_min_m, config.depth_max_m or math.inf
        self._noise_seed = seed

    def reset(self, seed: int) -> None:
        """Begin the run of a start seed."""
        for sensor in (self._depth, self._colour, self._laser):
            if sensor is not None:
                sensor.reset(seed, self._noise_seed)

    def picture(
        self, rgb: UInt8Array, depth: Float32Array, seconds: float = STEP_S, twist: Twist = STILL
    ) -> tuple[UInt8Array, Float32Array]:
        """Colour (H, W, 3) and depth (H, W) as taken, of those that are there.

        Args:
            rgb: true colour, (H, W, 3) uint8; it is not changed.
            depth: true depth, (H, W) float32 metres; it is not changed.
            seconds: since the picture before (exposure follows slowly).
            twist: motion of the robot during the exposure (blur).
        """
        taken = rgb if self._colour is None else self._colour.take(rgb, depth, seconds, twist)
        measured = depth if self._depth is None else self._depth.measure(depth)
        if self._near_m > 0.0 or self._far_m < math.inf:
            valid = (measured >= self._near_m) & (measured <= self._far_m)
            measured = np.where(valid, measured, np.float32(0.0))
        return taken, measured

    @property
    def has_laser(self) -> bool:
        """Whether there is a laser at all."""
        return self._laser is not None

    def scan(self, cast: Cast, T_world_base: FloatArray) -> LaserScan | None:
        """The laser's sweep from the true pose, None without a laser."""
        return None if self._laser is None else self._laser.scan(cast, T_world_base)
