# SPDX-License-Identifier: Apache-2.0
"""The colour camera against its formulas: noise, exposure, white balance, blur."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from seal_perception.camera import Camera
from seal_perception.pose import camera_mounting, planar_pose
from sim_bridge.drawing.render import srgb_to_linear
from sim_bridge.geometry.twist import STILL, Twist
from sim_bridge.robot.body import arc
from sim_bridge.sensors.colour_noise import ColourNoise, ColourSensor, camera_motion

CAMERA = Camera.from_hfov(320, 240, math.radians(60))
MOUNT = camera_mounting(0.8, 0.1, 0.2)
NONE = ColourNoise(
    full_well_e=math.inf, read_noise_e=0.0, exposure_s=0.0, auto_exposure=0.0, drift=0.0, white_balance=0.0
)
DEPTH = np.full((240, 320), 2.0, np.float32)


def grey(level: int) -> np.ndarray:
    return np.full((240, 320, 3), level, np.uint8)


def test_a_camera_without_faults_changes_nothing() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    sensor = ColourSensor(NONE, CAMERA, MOUNT)
    np.testing.assert_array_equal(sensor.take(rgb, DEPTH, 0.1, Twist(0.5, 1.0)), rgb)


@pytest.mark.parametrize("level", [60, 128, 200])
def test_the_noise_is_that_of_its_electrons(level: int) -> None:
    noise = replace(NONE, full_well_e=1500.0, read_noise_e=4.0)
    sensor = ColourSensor(noise, CAMERA, MOUNT)
    taken = np.stack([sensor.take(grey(level), DEPTH) for _ in range(6)])
    linear = srgb_to_linear()
    light = float(linear[level])
    expected = math.sqrt(1500.0 * light + 16.0) / 1500.0
    measured = linear[taken].astype(float)
    # Rounding to levels adds a little: 1 / sqrt(12) of a level.
    step = float(linear[level + 1] - linear[level])
    assert measured.std() == pytest.approx(math.hypot(expected, step / math.sqrt(12)), rel=0.03)
    assert measured.mean() == pytest.approx(light, abs=4 * expected / math.sqrt(taken.size) + 0.1 * step)
    red, green = measured[0, ..., 0].ravel(), measured[0, ..., 1].ravel()
    assert abs(np.corrcoef(red, green)[0, 1]) < 0.02


def test_the_exposure_follows_with_its_lag() -> None:
    noise = replace(NONE, auto_exposure=1.0, target=0.18, lag_s=0.5, max_gain=10.0)
    sensor = ColourSensor(noise, CAMERA, MOUNT)
    linear = srgb_to_linear()
    bright, dark = float(linear[170]), float(linear[90])
    # The first picture is well exposed; then the light falls.
    assert float(linear[sensor.take(grey(170), DEPTH)].mean()) == pytest.approx(0.18, rel=0.02)
    gain = 0.18 / bright
    for _ in range(4):
        taken = float(linear[sensor.take(grey(90), DEPTH, 0.25)].mean())
        gain *= (0.18 / dark / gain) ** (1.0 - math.exp(-0.25 / 0.5))
        assert taken == pytest.approx(dark * gain, rel=0.02)
    assert taken < 0.18, "not there yet"
    for _ in range(40):
        taken = float(linear[sensor.take(grey(90), DEPTH, 0.25)].mean())
    assert taken == pytest.approx(0.18, rel=0.02)


def test_the_gain_has_a_limit() -> None:
    sensor = ColourSensor(replace(NONE, auto_exposure=1.0, max_gain=2.0), CAMERA, MOUNT)
    linear = srgb_to_linear()
    assert float(linear[sensor.take(grey(40), DEPTH)].mean()) == pytest.approx(2.0 * float(linear[40]), rel=0.03)


def test_white_balance_drifts_about_its_mean() -> None:
    sensor = ColourSensor(replace(NONE, white_balance=0.1, drift_s=1.0), CAMERA, MOUNT)
    linear = srgb_to_linear()
    ratios = []
    for _ in range(400):
        taken = linear[sensor.take(grey(128), DEPTH, 2.0)[::40, ::40]].astype(float).mean((0, 1))
        ratios.append(np.log(taken[[0, 2]] / taken[1]))
    found = np.array(ratios)
    assert np.abs(found.mean(0)).max() < 0.02
    # 400 pictures, each forgetting 86 % of the one before.
    np.testing.assert_allclose(found.std(0), 0.1, rtol=0.15)
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.2


def _moved(T_base_camera: np.ndarray, point: np.ndarray, twist: Twist, seconds: float) -> np.ndarray:
    """Pixel of a camera-frame point after the base has driven for `seconds`."""
    ahead, left = arc(twist.forward_mps * seconds, twist.turn_radps * seconds)
    T = planar_pose(ahead, left, twist.turn_radps * seconds) @ T_base_camera
    world = T_base_camera @ np.append(point, 1.0)
    x, y, z = (np.linalg.inv(T) @ world)[:3]
    return np.array([CAMERA.fx * x / z + CAMERA.cx, CAMERA.fy * y / z + CAMERA.cy])


@pytest.mark.parametrize("twist", [Twist(0.5, 0.0), Twist(0.0, 1.0), Twist(-0.3, -0.8)])
def test_blur_goes_along_the_motion_of_the_picture(twist: Twist) -> None:
    seconds, u, v = 0.04, 200, 90
    point = np.array([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, 1.0]) * 2.0
    flow = _moved(MOUNT, point, twist, seconds / 2) - _moved(MOUNT, point, twist, -seconds / 2)
    rgb = grey(0)
    rgb[v, u] = 255
    sensor = ColourSensor(replace(NONE, exposure_s=seconds), CAMERA, MOUNT)
    light = srgb_to_linear()[sensor.take(rgb, DEPTH, 0.1, twist)][..., 1].astype(float)
    rows, columns = np.nonzero(light > 1e-3)
    assert np.ptp(columns) == pytest.approx(abs(flow[0]), abs=2.0)
    assert np.ptp(rows) == pytest.approx(abs(flow[1]), abs=2.0)
    assert columns.mean() == pytest.approx(u, abs=0.7) and rows.mean() == pytest.approx(v, abs=0.7)
    np.testing.assert_array_equal(sensor.take(rgb, DEPTH, 0.1, STILL), rgb)


def test_near_things_are_blurred_more_than_far_ones_when_driving() -> None:
    rng = np.random.default_rng(1)
    rgb = np.repeat(rng.integers(0, 256, (240, 320, 1), dtype=np.uint8), 3, 2)
    depth = DEPTH.copy()
    depth[:, :100], depth[:, 220:] = 0.5, 8.0
    sensor = ColourSensor(replace(NONE, exposure_s=0.05), CAMERA, camera_mounting(0.8))
    taken = sensor.take(rgb, depth, 0.1, Twist(0.6, 0.0)).astype(float)
    assert taken[:, :60].std() < 0.8 * taken[:, 260:].std()


def test_the_camera_swings_when_the_base_turns() -> None:
    v, w = camera_motion(camera_mounting(0.8, 0.3), Twist(0.2, 0.5))
    # Optical axes: x right, y down, z ahead. 0.3 m ahead of the axis, a left turn moves the camera left.
    np.testing.assert_allclose(v, (-0.15, 0.0, 0.2), atol=1e-12)
    np.testing.assert_allclose(w, (0.0, -0.5, 0.0), atol=1e-12)


def test_the_same_seeds_are_the_same_bytes() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    runs = []
    for seeds in ((3, 7), (3, 7), (4, 7)):
        sensor = ColourSensor(ColourNoise(), CAMERA, MOUNT, 7)
        sensor.reset(*seeds)
        runs.append(b"".join(sensor.take(rgb, DEPTH, 0.1, Twist(0.3, 0.2)).tobytes() for _ in range(3)))
    assert runs[0] == runs[1] != runs[2]
    assert runs[0][: rgb.nbytes] != runs[0][rgb.nbytes : 2 * rgb.nbytes]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"full_well_e": 0.0}, "full_well_e must be positive"),
        ({"read_noise_e": -1.0}, "read_noise_e"),
        ({"auto_exposure": 1.5}, "share"),
        ({"max_gain": 0.5}, "max_gain"),
        ({"target": math.inf}, "target"),
    ],
)
def test_wrong_cameras_are_refused(wrong: dict[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ColourNoise(**wrong)


def test_wrong_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="pictures must be"):
        ColourSensor(NONE, CAMERA, MOUNT).take(grey(3)[:100], DEPTH)
