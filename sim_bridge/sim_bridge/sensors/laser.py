# SPDX-License-Identifier: Apache-2.0
"""A planar laser scanner: one ray per beam into the scene, and noise that grows with range."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seal_perception.pose import planar_pose
from seal_perception.simulator import LaserScan
from seal_perception.types import Float32Array, FloatArray

Cast = Callable[[Float32Array], Float32Array]
"""Takes (N, 6) rays (origin, unit direction) in the world frame to (N,) metres, inf = nothing hit."""


@dataclass(frozen=True)
class LaserConfig:
    """The defaults are an RPLIDAR A2M8 at 10 turns a second (Slamtec's datasheet: 0.15-12 m, 0.45 degrees).

    Attributes:
        beams: number of beams.
        angle_min_rad: direction of the first; 0 is straight ahead, left positive.
        angle_increment_rad: from one to the next.
        range_min_m, range_max_m: what it can measure.
        x_m, y_m, height_m, yaw_rad: mounting in base_link.
        noise_m: standard deviation of a range, whatever its length.
        noise_share: standard deviation in shares of the range, added to it in squares. The datasheet bounds the
            error by 1 % of the range, taken here as two standard deviations.
    """

    beams: int = 800
    angle_min_rad: float = -math.pi
    angle_increment_rad: float = 2.0 * math.pi / 800
    range_min_m: float = 0.15
    range_max_m: float = 12.0
    x_m: float = 0.0
    y_m: float = 0.0
    height_m: float = 0.3
    yaw_rad: float = 0.0
    noise_m: float = 0.0
    noise_share: float = 0.005

    def __post_init__(self) -> None:
        for name in ("angle_min_rad", "x_m", "y_m", "yaw_rad"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be a number, got {getattr(self, name)}")
        if self.beams < 1:
            raise ValueError(f"a laser needs at least one beam, got {self.beams}")
        if not (self.angle_increment_rad > 0 and self.beams * self.angle_increment_rad <= 2 * math.pi + 1e-6):
            turn = self.beams * self.angle_increment_rad
            raise ValueError(f"beams must go round at most once with a positive increment, got {turn:.3f} rad")
        if not 0 <= self.range_min_m < self.range_max_m:
            raise ValueError(f"ranges must rise from >= 0, got {self.range_min_m} to {self.range_max_m}")
        if not 0.0 <= self.height_m < math.inf:
            raise ValueError(f"height_m must be a number >= 0, got {self.height_m}")
        if not (0.0 <= self.noise_m < math.inf and 0.0 <= self.noise_share < math.inf):
            raise ValueError(f"noise must be >= 0, got {self.noise_m} m and {self.noise_share}")

    def sigma_m(self, range_m: npt.ArrayLike) -> FloatArray:
        """Standard deviation of ranges."""
        return np.asarray(np.hypot(self.noise_m, self.noise_share * np.asarray(range_m, np.float64)), np.float64)


class Laser:
    """Sweeps of one scanner; each draws new noise.

    Args:
        config: the scanner.
    """

    def __init__(self, config: LaserConfig) -> None:
        self.config = config
        self.T_base_laser: FloatArray = planar_pose(config.x_m, config.y_m, config.yaw_rad, config.height_m)
        angles = config.angle_min_rad + config.angle_increment_rad * np.arange(config.beams)
        self._directions = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], 1)
        self.reset(0)

    def reset(self, seed: int, noise_seed: int = 0) -> None:
        """Begin a run whose noise belongs to both seeds."""
        self._rng = np.random.default_rng((noise_seed, seed, 7))

    def scan(self, cast: Cast, T_world_base: FloatArray) -> LaserScan:
        """What the scanner sees from a pose of the base; the whole sweep is taken at once."""
        c = self.config
        T = T_world_base @ self.T_base_laser
        rays = np.empty((c.beams, 6), np.float32)
        rays[:, :3] = T[:3, 3]
        rays[:, 3:] = self._directions @ T[:3, :3].T
        true = cast(rays).astype(np.float64)
        noise = self._rng.standard_normal(c.beams)
        hit = np.isfinite(true)
        ranges = np.full(c.beams, np.inf)
        ranges[hit] = true[hit] + c.sigma_m(true[hit]) * noise[hit]
        ranges[ranges > c.range_max_m] = np.inf
        ranges[ranges < c.range_min_m] = -np.inf
        return LaserScan(
            ranges.astype(np.float32), c.angle_min_rad, c.angle_increment_rad, c.range_min_m, c.range_max_m,
            self.T_base_laser,
        )  # fmt: skip
