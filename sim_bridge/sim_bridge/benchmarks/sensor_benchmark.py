# SPDX-License-Identifier: Apache-2.0
"""Rows of `seal benchmark sensors`: what noise and laser cost, beside drawing the picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from seal_perception.benchmarking import BenchmarkRow, time_ms
from seal_perception.pose import planar_pose
from sim_bridge.drawing.light_cache import cached_renderer
from sim_bridge.drawing.light_config import HOME_LIGHT
from sim_bridge.geometry.twist import STILL, Twist
from sim_bridge.homes.build import make_home
from sim_bridge.robot.body import Body
from sim_bridge.robot.config import robot
from sim_bridge.robot.locobot_noise import locobot_noise
from sim_bridge.sensors.colour_noise import ColourNoise, ColourSensor
from sim_bridge.sensors.depth_noise import D435, DepthSensor
from sim_bridge.sensors.laser import Laser, LaserConfig

HOME = "train_01"
SIZES = ((640, 480), (320, 240))
TURNING = Twist(0.3, 0.5)


def rows(repeats: int = 20) -> list[BenchmarkRow]:
    """Medians over views of a home; the baseline is one clean picture of the same size."""
    scene = make_home(HOME)
    renderer = cached_renderer(scene, HOME_LIGHT)
    laser = Laser(LaserConfig())
    T_world_base = planar_pose(*scene.start_xy, 0.0)
    out = []
    for width, height in SIZES:
        config = robot("locobot", width=width, height=height)
        camera, T_base_camera = config.camera, config.T_base_camera
        T = T_world_base @ T_base_camera
        seen = renderer.render(camera, T)
        depth, colour = DepthSensor(D435, camera), ColourSensor(ColourNoise(), camera, T_base_camera)
        picture_ms = time_ms(partial(renderer.render, camera, T), repeats)[0]
        stages: dict[str, Callable[[], object]] = {
            "depth noise of a D435": partial(depth.measure, seen.depth),
            "colour noise": partial(colour.take, seen.rgb, seen.depth, 0.1, STILL),
            "colour noise and blur at 0.3 m/s, 0.5 rad/s": partial(colour.take, seen.rgb, seen.depth, 0.1, TURNING),
        }
        size = f"{width} x {height}"
        for stage, function in stages.items():
            out.append(BenchmarkRow("sensors", stage, size, *time_ms(function, repeats), "the picture", picture_ms))
    sweep = time_ms(lambda: laser.scan(renderer.cast, T_world_base), repeats)
    out.append(BenchmarkRow("sensors", "laser", f"{laser.config.beams} beams", *sweep))
    body = Body(0.25, math.radians(30), lambda x, y: True, 0.01, locobot_noise())
    drive = time_ms(lambda: [body.drive(0.006, 0.01, 0.02) for _ in range(100)], repeats)
    out.append(BenchmarkRow("sensors", "motion and odometry noise", "one command", *(np.array(drive) / 100).tolist()))
    renderer.close()
    return out
