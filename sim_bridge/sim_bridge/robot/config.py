# SPDX-License-Identifier: Apache-2.0
"""The embedded robot's settings: body, camera, sensors and their noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.parameters import parameter
from seal_perception.pose import R_BODY_OPTICAL
from seal_perception.types import FloatArray
from sim_bridge.drawing.light_config import HOME_LIGHT, LightConfig
from sim_bridge.robot.locobot_noise import locobot_noise
from sim_bridge.robot.motion_noise import MotionNoise
from sim_bridge.sensors.colour_noise import ColourNoise
from sim_bridge.sensors.depth_noise import D435, DepthNoise
from sim_bridge.sensors.laser import LaserConfig

Named = TypeVar("Named")
OFF = "none"
"""Not `off`, which a ROS parameter file reads as false."""


def checked_seed(seed: int) -> int:
    """A seed of `reset` that can be drawn from.

    Raises:
        InputError: for anything but a whole number >= 0.
    """
    if not _is_whole(seed) or seed < 0:
        raise InputError(f"the seed of a start pose must be a whole number >= 0, got {seed!r}")
    return int(seed)


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


@dataclass(frozen=True)
class EmbeddedConfig:
    """The robot and how its world is drawn. All noise is off unless it is named."""

    width: int = parameter(320, "width of the pictures in pixels")
    height: int = parameter(240, "height of the pictures in pixels")
    hfov_deg: float = parameter(
        79.0,
        "horizontal field of view in degrees; pixels are square and the principal point is in the middle",
        minimum=1.0,
        maximum=179.0,
    )
    intrinsics: tuple[float, ...] = parameter((), "fx, fy, cx, cy in pixels instead of `hfov_deg`; empty = not given")
    camera_height_m: float = parameter(0.88, "camera above the floor, in metres", minimum=0.0)
    camera_x_m: float = parameter(0.0, "camera ahead of the robot's centre, in metres")
    camera_y_m: float = parameter(0.0, "camera to the left of the robot's centre, in metres")
    camera_roll_deg: float = parameter(
        0.0,
        "rotation of the camera's body (x ahead, y left, z up) about x of base_link, in degrees; applied first",
    )
    camera_pitch_deg: float = parameter(0.0, "the same about y, applied second; positive looks down")
    camera_yaw_deg: float = parameter(0.0, "the same about z, applied last; all three 0 = level and straight ahead")
    depth_min_m: float = parameter(0.0, "minimum range of depth, in metres", minimum=0.0)
    depth_max_m: float = parameter(0.0, "maximum range of depth, in metres; 0 = no limit", minimum=0.0)
    radius_m: float = parameter(0.18, "radius of the robot, in metres", minimum=0.0)
    forward_m: float = parameter(0.25, "length of a step ahead, in metres", minimum=0.0)
    turn_deg: float = parameter(30.0, "angle of a turn, in degrees", minimum=0.0)
    cell_m: float = parameter(0.02, "cell of the collision map, in metres", minimum=0.0)
    obstacle_min_m: float = parameter(0.05, "minimum height of things that stop the robot, in metres", minimum=0.0)
    obstacle_max_m: float = parameter(1.1, "maximum height of things that stop the robot, in metres", minimum=0.0)
    light: LightConfig = parameter(HOME_LIGHT, "how the scene is lit")
    threads: int = parameter(0, "CPU threads per picture; 0 = all", minimum=0)
    cache_light: bool = parameter(True, "keep baked light in the user's cache folder")
    depth_noise: str | DepthNoise = parameter(OFF, "noise of the depth camera: `none`, `d435`, or a `DepthNoise`")
    colour_noise: str | ColourNoise = parameter(OFF, "noise of the colour camera: `none`, `camera`, or a `ColourNoise`")
    motion_noise: str | MotionNoise = parameter(
        OFF,
        "noise of wheels and odometry: `none`, `locobot` (both), `actuation` or `odometry` (one of them), "
        "or a `MotionNoise`",
    )
    motion_noise_scale: float = parameter(1.0, "factor on the errors of the named motion noise", minimum=0.0)
    laser: str | LaserConfig = parameter(
        OFF, "laser scanner: `none`, `rplidar`, `rplidar_exact` (without noise), or a `LaserConfig`"
    )
    noise_seed: int = parameter(0, "seed of all noise, together with the one of `reset`", minimum=0)

    def __post_init__(self) -> None:
        if not 1.0 < self.hfov_deg < 179.0:
            raise ValueError(f"hfov_deg must lie between 1 and 179, got {self.hfov_deg}")
        for name in ("camera_height_m", "radius_m", "forward_m", "turn_deg", "cell_m"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}")
        if not 0 <= self.obstacle_min_m < self.obstacle_max_m:
            raise ValueError(f"obstacle heights must rise, got {self.obstacle_min_m} to {self.obstacle_max_m}")
        for name in ("camera_x_m", "camera_y_m", "camera_roll_deg", "camera_pitch_deg", "camera_yaw_deg"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be a number, got {getattr(self, name)}")
        limit = self.depth_max_m or math.inf
        if not 0.0 <= self.depth_min_m < limit:
            raise ValueError(f"depth needs 0 <= min < max (or 0), got {self.depth_min_m} and {self.depth_max_m}")
        if not 0.0 <= self.motion_noise_scale < math.inf:
            raise ValueError(f"motion_noise_scale must be a number >= 0, got {self.motion_noise_scale}")
        for name in ("noise_seed", "threads"):
            value = getattr(self, name)
            if not _is_whole(value) or value < 0:
                raise ValueError(f"{name} must be a whole number >= 0, got {value!r}")
        # Wrong names and wrong intrinsics are refused here, not when the simulator is built.
        _ = self.camera, self.depth_noise_config, self.colour_noise_config, self.motion_noise_config, self.laser_config

    @property
    def camera(self) -> Camera:
        """The camera's intrinsics."""
        if not self.intrinsics:
            return Camera.from_hfov(self.width, self.height, math.radians(self.hfov_deg))
        if len(self.intrinsics) != 4:
            raise ValueError(f"intrinsics must be fx, fy, cx, cy in pixels, got {self.intrinsics}")
        fx, fy, cx, cy = (float(value) for value in self.intrinsics)
        return Camera(self.width, self.height, fx, fy, cx, cy)

    @property
    def T_base_camera(self) -> FloatArray:
        """(4, 4) mounting of the optical frame."""
        angles = (self.camera_roll_deg, self.camera_pitch_deg, self.camera_yaw_deg)
        T = np.eye(4)
        T[:3, :3] = _rotation(*(math.radians(angle) for angle in angles)) @ R_BODY_OPTICAL
        T[:3, 3] = (self.camera_x_m, self.camera_y_m, self.camera_height_m)
        return T

    @property
    def depth_noise_config(self) -> DepthNoise | None:
        """The depth noise named, None = none."""
        return _named("depth_noise", self.depth_noise, DepthNoise, {"d435": D435})

    @property
    def colour_noise_config(self) -> ColourNoise | None:
        """The colour noise named, None = none."""
        return _named("colour_noise", self.colour_noise, ColourNoise, {"camera": ColourNoise()})

    @property
    def motion_noise_config(self) -> MotionNoise | None:
        """The motion noise named, None = none."""
        scale = self.motion_noise_scale
        known = {"locobot": (scale, scale), "actuation": (scale, 0.0), "odometry": (0.0, scale)}
        return _named(
            "motion_noise", self.motion_noise, MotionNoise, {name: locobot_noise(*s) for name, s in known.items()}
        )

    @property
    def laser_config(self) -> LaserConfig | None:
        """The laser named, None = none."""
        exact = LaserConfig(noise_share=0.0)
        return _named("laser", self.laser, LaserConfig, {"rplidar": LaserConfig(), "rplidar_exact": exact})


def _named(field: str, value: Any, kind: type[Named], known: dict[str, Named]) -> Named | None:
    """What a field's text names, or the object given instead."""
    if isinstance(value, kind):
        return value
    if value == OFF:
        return None
    if isinstance(value, str) and value in known:
        return known[value]
    raise ValueError(f"{field} must be {', '.join([OFF, *known])} or a {kind.__name__}, got {value!r}")


def _rotation(roll: float, pitch: float, yaw: float) -> FloatArray:
    """(3, 3) of fixed-axis angles about x, then y, then z, as in REP 103."""
    cr, sr, cp, sp, cy, sy = (f(a) for a in (roll, pitch, yaw) for f in (math.cos, math.sin))
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    about_y = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    about_z = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(about_z @ about_y @ about_x, np.float64)


ROBOTS = {
    "laptop": EmbeddedConfig(),
    "paper": EmbeddedConfig(width=640, height=480),
    # D435: colour is 54.7 x 42.4 degrees at 640 x 480 (69.4 degrees holds for 16:9; librealsense issues 2141, 7170).
    "locobot": EmbeddedConfig(width=640, height=480, hfov_deg=54.7, camera_height_m=0.52),
    "locobot_kobuki": EmbeddedConfig(width=640, height=480, hfov_deg=54.7, camera_height_m=0.50),
}
"""Robots by name, without noise: the project's two presets and Interbotix's LoCoBot on a Create 3 or Kobuki base."""


def robot(name: str, **changes: Any) -> EmbeddedConfig:
    """A robot by name with some fields changed: `robot("locobot", depth_noise="d435")`.

    Raises:
        ValueError: if no robot has that name, or a field is wrong.
    """
    if name not in ROBOTS:
        raise ValueError(f"robot must be {', '.join(ROBOTS)}, got {name!r}")
    return replace(ROBOTS[name], **changes)
