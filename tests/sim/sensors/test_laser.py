# SPDX-License-Identifier: Apache-2.0
"""The planar laser in a room whose distances are known, and against the depth camera."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.sim.rooms import FAST, box_part, room

from seal_perception.pose import planar_pose
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.sensors.laser import Laser, LaserConfig

EXACT = LaserConfig(beams=360, angle_increment_rad=math.radians(1), noise_share=0.0, height_m=0.88)


def _to_walls(x: float, y: float, angles: np.ndarray, half: float = 2.0) -> np.ndarray:
    """Distance from (x, y) to the square room's walls along world angles."""
    with np.errstate(divide="ignore", invalid="ignore"):
        across = np.where(np.cos(angles) > 0, (half - x) / np.cos(angles), (-half - x) / np.cos(angles))
        along = np.where(np.sin(angles) > 0, (half - y) / np.sin(angles), (-half - y) / np.sin(angles))
    return np.nanmin([np.abs(across), np.abs(along)], axis=0)


def test_ranges_in_an_empty_room_are_those_to_its_walls() -> None:
    sim = EmbeddedSimulator(room(), replace(FAST, laser=EXACT))
    sim.reset()
    sim.drive(0.7, 0.5, 1.0)
    scan = sim.observe().scan
    assert scan is not None and scan.ranges.dtype == np.float32 and len(scan.ranges) == 360
    T = sim.T_world_base
    yaw = math.atan2(T[1, 0], T[0, 0])
    np.testing.assert_allclose(scan.ranges, _to_walls(T[0, 3], T[1, 3], scan.angles_rad + yaw), atol=1e-4)
    np.testing.assert_allclose(scan.angles_rad[[0, 90]], (-math.pi, -math.pi / 2))


def test_the_mounting_is_where_the_rays_begin() -> None:
    laser = replace(EXACT, x_m=0.3, y_m=-0.2, yaw_rad=math.pi / 2, height_m=0.5)
    sim = EmbeddedSimulator(room(), replace(FAST, laser=laser))
    scan = sim.reset().scan
    assert scan is not None
    np.testing.assert_allclose(scan.T_base_laser, planar_pose(0.3, -0.2, math.pi / 2, 0.5), atol=1e-12)
    np.testing.assert_allclose(scan.ranges, _to_walls(0.3, -0.2, scan.angles_rad + math.pi / 2), atol=1e-4)


def test_it_looks_at_its_own_height_only() -> None:
    scene = room(box_part((0.8, -0.5, 0.0), (1.2, 0.5, 0.6)))
    for height, distance in ((0.4, 0.8), (0.7, 2.0)):
        config = replace(FAST, laser=replace(EXACT, height_m=height))
        scan = EmbeddedSimulator(scene, config).reset().scan
        assert scan is not None and scan.ranges[180] == pytest.approx(distance, abs=1e-4)


def test_laser_and_depth_camera_agree() -> None:
    scene = room(box_part((0.9, -0.6, 0.0), (1.3, 0.1, 1.6)))
    config = EmbeddedConfig(161, 121, light=FAST.light, cache_light=False, laser=EXACT)
    sim = EmbeddedSimulator(scene, config)
    seen = sim.reset()
    assert seen.scan is not None
    # Laser and camera are at the same place; the picture's middle row is level.
    c = sim.camera
    columns = np.arange(c.width)
    ahead = seen.depth[60]
    points = np.stack([ahead, -(columns - c.cx) / c.fx * ahead], 1)
    angles, ranges = np.arctan2(points[:, 1], points[:, 0]), np.linalg.norm(points, axis=1)
    beams = np.radians(np.arange(-35, 36))
    # The camera's rays lie half a degree apart: compare where the neighbours agree.
    at = np.interp(beams, angles[::-1], ranges[::-1])
    laser = seen.scan.ranges[180 + np.arange(-35, 36)]
    close = np.abs(at - laser) < 0.01
    assert close.mean() > 0.95 and (laser[~close] > 0).all()


def test_the_noise_is_its_formula() -> None:
    laser = Laser(LaserConfig(beams=800, noise_m=0.01, noise_share=0.005))
    pose = np.eye(4)
    for true in (1.0, 6.0):
        ranges = np.concatenate(
            [laser.scan(lambda rays, d=true: np.full(len(rays), d, np.float32), pose).ranges for _ in range(25)]
        )
        sigma = math.hypot(0.01, 0.005 * true)
        # 20000 samples: the standard deviation is known to 0.5 %.
        assert ranges.std() == pytest.approx(sigma, rel=0.02)
        assert ranges.mean() == pytest.approx(true, abs=4 * sigma / math.sqrt(20000))


def test_out_of_range_follows_rep_117() -> None:
    true = np.array([0.05, 1.0, 20.0, np.inf], np.float32)
    config = LaserConfig(beams=4, angle_increment_rad=0.1, noise_share=0.0)
    ranges = Laser(config).scan(lambda rays: true, np.eye(4)).ranges
    np.testing.assert_array_equal(ranges, np.array([-np.inf, 1.0, np.inf, np.inf], np.float32))


def test_sweeps_repeat_by_seed_and_differ_in_time() -> None:
    sim = EmbeddedSimulator(room(), replace(FAST, laser="rplidar"))
    first, second = sim.reset(2).scan, sim.observe().scan
    again = sim.reset(2).scan
    assert first is not None and second is not None and again is not None
    assert first.ranges.tobytes() == again.ranges.tobytes() != second.ranges.tobytes()
    assert EmbeddedSimulator(room(), FAST).reset().scan is None


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"beams": 0}, "at least one beam"),
        ({"beams": 4000}, "go round at most once"),
        ({"range_min_m": 5.0, "range_max_m": 4.0}, "ranges must rise"),
        ({"noise_m": -1.0}, "noise must be"),
        ({"height_m": math.nan}, "height_m"),
        ({"x_m": math.nan}, "x_m must be a number"),
        ({"angle_min_rad": math.nan}, "angle_min_rad must be a number"),
    ],
)
def test_wrong_lasers_are_refused(wrong: dict[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        LaserConfig(**wrong)  # type: ignore[arg-type]
