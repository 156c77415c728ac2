# SPDX-License-Identifier: Apache-2.0
"""The robot's settings: any camera and mounting, noise by name, each off or on, off to the bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.sim.rooms import FAST, box_part, room

from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting
from seal_perception.simulator import Action
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.robot.config import ROBOTS, robot
from sim_bridge.sensors.colour_noise import ColourNoise
from sim_bridge.sensors.depth_noise import DepthNoise

SCENE = room(box_part((1.2, -0.3, 0.0), (1.6, 0.4, 1.2)))
NOISE = {"depth_noise": "d435", "colour_noise": "camera", "motion_noise": "locobot", "laser": "rplidar"}


def _run(config: EmbeddedConfig, seed: int = 2) -> list[bytes]:
    sim = EmbeddedSimulator(SCENE, config)
    frames = [sim.reset(seed)]
    for action in (Action.LEFT, Action.FORWARD, Action.RIGHT):
        frames.append(sim.step(action))
    sim.drive(0.2, 0.3, 0.5)
    frames.append(sim.observe())
    return [
        f.rgb.tobytes() + f.depth.tobytes() + f.T_odom_base.tobytes() + (f.scan.ranges.tobytes() if f.scan else b"")
        for f in frames
    ]


def test_everything_is_off_by_default_and_the_level_camera_is_as_before() -> None:
    config = EmbeddedConfig()
    assert (config.depth_noise_config, config.colour_noise_config, config.motion_noise_config) == (None, None, None)
    assert config.laser_config is None
    np.testing.assert_array_equal(config.T_base_camera, camera_mounting(0.88))
    rolled = EmbeddedConfig(camera_roll_deg=90.0, camera_pitch_deg=20.0).T_base_camera
    mounted = camera_mounting(0.88, tilt_down_rad=np.radians(20.0), roll_rad=np.radians(90.0))
    np.testing.assert_allclose(rolled, mounted, atol=1e-12, err_msg="the nodes' mounting has the same signs")
    clean = EmbeddedSimulator(SCENE, FAST)
    seen = clean.reset(2)
    drawn = clean.renderer.render(clean.camera, clean.T_world_base @ clean.T_base_camera)
    assert seen.rgb.tobytes() == drawn.rgb.tobytes() and seen.depth.tobytes() == drawn.depth.tobytes()


@pytest.mark.parametrize("name", NOISE)
def test_each_noise_changes_its_own_sense_only(name: str) -> None:
    clean, noisy = EmbeddedSimulator(SCENE, FAST), EmbeddedSimulator(SCENE, replace(FAST, **{name: NOISE[name]}))
    for sim in (clean, noisy):
        sim.reset(2)
    a, b = (sim.step(Action.LEFT) for sim in (clean, noisy))
    changed = {
        "depth_noise": not np.array_equal(a.depth, b.depth),
        "colour_noise": not np.array_equal(a.rgb, b.rgb),
        "motion_noise": not np.array_equal(a.T_odom_base, b.T_odom_base),
        "laser": b.scan is not None,
    }
    if name == "motion_noise":  # the pictures follow the true pose
        assert changed["motion_noise"] and b.scan is None
    else:
        assert changed == {key: key == name for key in NOISE}


def test_all_noise_repeats_by_its_seeds_to_the_byte() -> None:
    config = replace(FAST, **NOISE)
    first = _run(config)
    assert _run(config) == first
    assert _run(replace(config, threads=1)) == first
    other_noise, other_start = _run(replace(config, noise_seed=5)), _run(config, 3)
    assert all(a != b for a, b in zip(first, other_noise, strict=True))
    assert all(a != b for a, b in zip(first, other_start, strict=True))


def test_noise_does_not_touch_the_truth() -> None:
    sim = EmbeddedSimulator(SCENE, replace(FAST, **NOISE))
    sim.reset(2)
    seen = sim.step(Action.FORWARD)
    truth = sim.truth_images()
    clean, labels = sim.render_at(sim.T_world_base)
    np.testing.assert_array_equal(truth.instance, labels.instance)
    np.testing.assert_array_equal(truth.instance > 0, clean.depth > 0)
    assert clean.scan is None and not np.array_equal(clean.depth, seen.depth)


@pytest.mark.parametrize(
    ("angles", "axis"),
    [
        ({"camera_yaw_deg": 90.0}, (0.0, 1.0, 0.0)),
        ({"camera_pitch_deg": 30.0}, (math.cos(math.radians(30)), 0.0, -0.5)),
        ({"camera_yaw_deg": 180.0, "camera_pitch_deg": 30.0}, (-math.cos(math.radians(30)), 0.0, -0.5)),
        ({"camera_roll_deg": 90.0}, (1.0, 0.0, 0.0)),
    ],
)
def test_the_mounting_follows_rep_103(angles: dict[str, float], axis: tuple[float, ...]) -> None:
    T = EmbeddedConfig(camera_x_m=0.1, camera_y_m=-0.2, camera_height_m=0.5, **angles).T_base_camera  # type: ignore[arg-type]
    np.testing.assert_allclose(T[:3, 2], axis, atol=1e-12)
    np.testing.assert_allclose(T[:3, 3], (0.1, -0.2, 0.5))
    np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-12)
    if "camera_roll_deg" in angles:
        # Rolled to its right, the picture's up points to the robot's right, which is -y.
        np.testing.assert_allclose(-T[:3, 1], (0.0, -1.0, 0.0), atol=1e-12)


def test_a_camera_that_looks_down_sees_the_floor_at_its_height() -> None:
    config = replace(FAST, camera_pitch_deg=90.0, camera_height_m=0.7, camera_x_m=0.5)
    np.testing.assert_allclose(EmbeddedSimulator(room(), config).reset().depth, 0.7, atol=1e-4)


def test_any_pinhole_camera_projects_where_it_says() -> None:
    config = replace(FAST, intrinsics=(90.0, 110.0, 60.0, 50.0))
    sim = EmbeddedSimulator(room(box_part((1.0, 0.4, 0.3), (1.1, 0.6, 0.5))), config)
    sim.reset()
    assert (sim.camera.fx, sim.camera.fy, sim.camera.cx, sim.camera.cy) == (90.0, 110.0, 60.0, 50.0)
    rows, columns = np.nonzero(sim.truth_images().category == 0)
    # The box's face at x = 1.0: y 0.4..0.6 to the left, z 0.3..0.5, from 0.88 m high.
    assert columns.min() == pytest.approx(60 - 90 * 0.6, abs=1.01)
    assert rows.max() == pytest.approx(50 + 110 * 0.58, abs=1.01)


def test_the_depth_range_is_the_sensors() -> None:
    sim = EmbeddedSimulator(SCENE, replace(FAST, depth_min_m=1.3, depth_max_m=1.9))
    seen = sim.reset()
    clean = sim.render_at(sim.T_world_base)[0].depth
    told = (clean >= 1.3) & (clean <= 1.9)
    assert 0.05 < told.mean() < 0.95
    np.testing.assert_array_equal(seen.depth, np.where(told, clean, np.float32(0)))


def test_robots_by_name() -> None:
    assert ROBOTS["laptop"] == EmbeddedConfig()
    paper = robot("paper")
    assert (paper.width, paper.height, paper.hfov_deg, paper.camera_height_m) == (640, 480, 79.0, 0.88)
    locobot = robot("locobot", depth_noise="d435")
    assert locobot.camera_height_m == 0.52 and isinstance(locobot.depth_noise_config, DepthNoise)
    # A D435's colour at 640 x 480 has a focal length of about 615 pixels.
    assert locobot.camera.fx == pytest.approx(617, abs=4)
    with pytest.raises(ValueError, match="laptop, paper, locobot"):
        robot("pepper")


def test_own_noise_may_be_given_instead_of_a_name() -> None:
    config = EmbeddedConfig(depth_noise=DepthNoise(subpixel_px=0.5), colour_noise=ColourNoise(full_well_e=100.0))
    assert config.depth_noise_config == DepthNoise(subpixel_px=0.5)
    assert config.colour_noise_config == ColourNoise(full_well_e=100.0)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"depth_noise": "kinect"}, "depth_noise must be none, d435 or a DepthNoise, got 'kinect'"),
        ({"colour_noise": "on"}, "colour_noise must be none, camera"),
        ({"motion_noise": "create3"}, "motion_noise must be none, locobot, actuation, odometry"),
        ({"laser": "hokuyo"}, "laser must be none, rplidar, rplidar_exact"),
        ({"intrinsics": (600.0, 600.0)}, "intrinsics must be fx, fy, cx, cy"),
        ({"intrinsics": (-600.0, 600.0, 1.0, 1.0)}, "focal lengths"),
        ({"depth_min_m": 2.0, "depth_max_m": 1.0}, "depth needs"),
        ({"camera_pitch_deg": math.nan}, "camera_pitch_deg"),
        ({"motion_noise_scale": -1.0}, "motion_noise_scale"),
        ({"noise_seed": -1}, "noise_seed"),
        ({"noise_seed": 1.5}, "noise_seed must be a whole number >= 0, got 1.5"),
        ({"noise_seed": "a"}, "noise_seed must be a whole number >= 0, got 'a'"),
        ({"threads": -3}, "threads must be a whole number >= 0, got -3"),
        ({"turn_deg": math.inf}, "turn_deg must be positive and finite, got inf"),
    ],
)
def test_wrong_settings_are_one_line(wrong: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match) as error:
        EmbeddedConfig(**wrong)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
def test_a_wrong_start_seed_is_named(seed: object) -> None:
    sim = EmbeddedSimulator(room(), FAST)
    with pytest.raises(InputError, match=f"seed of a start pose must be a whole number >= 0, got {seed!r}"):
        sim.reset(seed)  # type: ignore[arg-type]
