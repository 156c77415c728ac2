# SPDX-License-Identifier: Apache-2.0
"""The stereo camera's depth against its formula, and where it must have none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from seal_perception.camera import Camera
from sim_bridge.sensors.depth_noise import D435, DepthNoise, DepthSensor
from sim_bridge.sensors.noise_field import SIDE, noise_table

CAMERA = Camera.from_hfov(320, 240, math.radians(55))
CLEAN = DepthNoise(
    subpixel_px=0.0, step_px=0.0, unit_m=0.0, shadow=False, edge_drop=0.0, edge_fly=0.0, hole_share=0.0,
    grazing_start_deg=89.0, grazing_end_deg=90.0,
)  # fmt: skip


def wall(depth_m: float) -> np.ndarray:
    return np.full((CAMERA.height, CAMERA.width), depth_m, np.float32)


def plane(tilt_deg: float, distance_m: float = 2.0) -> np.ndarray:
    """Depth of a plane whose normal is turned sideways by `tilt_deg` from the optical axis."""
    t = math.radians(tilt_deg)
    cosine = CAMERA.rays() @ np.array([math.sin(t), 0.0, math.cos(t)])
    depth = np.where(cosine > 1e-6, distance_m * math.cos(t) / np.maximum(cosine, 1e-6), 0.0)
    return depth.astype(np.float32)


@pytest.mark.parametrize("depth_m", [1.0, 2.0, 4.0])
def test_noise_grows_with_the_square_of_the_range(depth_m: float) -> None:
    sensor = DepthSensor(replace(CLEAN, subpixel_px=0.08, step_px=1 / 32, unit_m=0.001), CAMERA)
    error = np.stack([sensor.measure(wall(depth_m)) for _ in range(12)]) - depth_m
    # Intel: z^2 x subpixel / (f x b) = 3.8, 15 and 60 mm; the step adds its share of 1 / sqrt(12).
    expected = depth_m**2 / (424 * 0.05) * math.hypot(0.08, 1 / 32 / math.sqrt(12))
    assert D435.sigma_m(depth_m) == pytest.approx(depth_m**2 * 0.08 / (424 * 0.05))
    # 12 x 76800 pixels, about one in 25 independent: 1 % is three standard deviations and more of an estimate.
    assert error.std() == pytest.approx(expected, rel=0.02)
    assert abs(error.mean()) < 0.1 * expected


def test_frames_are_independent_and_neighbours_are_not() -> None:
    sensor = DepthSensor(replace(CLEAN, subpixel_px=0.08, focal_px=CAMERA.fx), CAMERA)
    first, second = (sensor.measure(wall(2.0)).astype(float) - 2.0 for _ in range(2))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.03
    # A block of five pixels: the correlation falls by a fifth per pixel.
    for shift, expected in ((1, 0.8), (3, 0.4), (5, 0.0), (8, 0.0)):
        found = np.corrcoef(first[:, shift:].ravel(), first[:, :-shift].ravel())[0, 1]
        assert found == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(("share", "block"), [(0.1, 1), (0.4, 2), (1.0, 5), (1.4, 7)])
def test_blocks_and_edges_are_as_wide_in_angle_as_the_imagers(share: float, block: int) -> None:
    sensor = DepthSensor(replace(D435, focal_px=CAMERA.fx / share), CAMERA)
    own = noise_table(np.random.default_rng((0, 3)), block)
    np.testing.assert_array_equal(sensor._tables.disparity, own)
    noise = replace(CLEAN, edge_drop=1.0, focal_px=CAMERA.fx / share, baseline_m=0.05 * share, max_m=100.0)
    depth = wall(4.0)
    depth[:, 150:] = 1.0
    lost = np.flatnonzero(DepthSensor(noise, CAMERA).measure(depth)[100] == 0)
    reach = max(round(2 * share), 1)
    np.testing.assert_array_equal(lost, np.arange(150 - reach, 150 + reach))


@pytest.mark.parametrize("correlation", [1, 2, 5])
def test_the_table_is_normal_and_goes_on_at_its_edges(correlation: int) -> None:
    table = noise_table(np.random.default_rng(1), correlation)
    assert table.shape == (SIDE, SIDE) and table.dtype == np.float32
    assert abs(table.mean()) < 0.02 and table.std() == pytest.approx(1.0, abs=0.02)
    assert (np.abs(table) < 1.0).mean() == pytest.approx(0.6827, abs=0.01)
    across = np.corrcoef(table[0], table[-1])[0, 1]
    assert across == pytest.approx((correlation - 1) / correlation, abs=0.12)


def test_depth_comes_in_steps_of_the_disparity() -> None:
    sensor = DepthSensor(replace(CLEAN, subpixel_px=0.08, step_px=0.25), CAMERA)
    disparity = 424 * 0.05 / sensor.measure(wall(3.0)).astype(float)
    np.testing.assert_allclose(disparity * 4, np.round(disparity * 4), atol=1e-4)
    assert len(np.unique(np.round(disparity * 4))) >= 3


def test_without_any_error_it_is_exact_and_out_of_range_is_none() -> None:
    depth = np.linspace(0.05, 14.0, CAMERA.width * CAMERA.height, dtype=np.float32).reshape(240, 320)
    sensor = DepthSensor(replace(CLEAN, min_m=0.2, max_m=10.0, grazing_start_deg=90 - 1e-6), CAMERA)
    seen = sensor.measure(depth)
    told = (depth >= 0.2) & (depth <= 10.0)
    np.testing.assert_allclose(seen[told], depth[told], rtol=1e-6)
    assert (seen[~told] == 0).all() and not told.all()
    assert (sensor.measure(np.zeros_like(depth)) == 0).all()


def test_the_shadow_lies_left_of_what_stands_in_front() -> None:
    depth = wall(4.0)
    depth[:, 150:200] = 1.0
    seen = DepthSensor(replace(CLEAN, shadow=True), CAMERA).measure(depth)
    # The right imager's shift between 1 and 4 m, in pixels of this picture.
    width = CAMERA.fx * 0.05 * (1 / 1.0 - 1 / 4.0)
    row = seen[100]
    shadow = np.flatnonzero(row == 0)
    assert len(shadow) == pytest.approx(width, abs=1.0) and shadow.max() == 149
    assert (row[150:200] > 0).all() and (row[200:] > 0).all()
    assert (row[shadow.min() : 150] == 0).all(), "one shadow without gaps"


def _shadow_by_loop(depth: np.ndarray, shift: float) -> np.ndarray:
    """A pixel is hidden when one further right lies at or left of it in the right imager."""
    hidden = np.zeros(depth.shape, bool)
    for r in range(depth.shape[0]):
        there = np.arange(depth.shape[1]) - shift / depth[r]
        for c in range(depth.shape[1]):
            hidden[r, c] = bool((there[c + 1 :] <= there[c]).any())
    return hidden


def test_shadows_equal_a_plain_loop() -> None:
    rng = np.random.default_rng(5)
    depth = np.repeat(np.repeat(rng.uniform(0.6, 5.0, (24, 32)), 10, 0), 10, 1).astype(np.float32)
    seen = DepthSensor(replace(CLEAN, shadow=True), CAMERA).measure(depth)
    expected = _shadow_by_loop(depth[:40].astype(np.float64), CAMERA.fx * 0.05)
    assert 0.02 < expected.mean() < 0.5
    assert ((seen[:40] == 0) == expected).mean() > 0.9999


def test_pixels_at_edges_are_dropped_or_fly_and_others_stay() -> None:
    depth = wall(4.0)
    depth[:, 150:200] = 1.5
    noise = replace(CLEAN, edge_drop=0.4, edge_fly=0.2, edge_reach_px=2, focal_px=CAMERA.fx)
    sensor = DepthSensor(noise, CAMERA)
    seen = np.stack([sensor.measure(depth) for _ in range(20)])
    at_edge = np.zeros(CAMERA.width, bool)
    at_edge[[148, 149, 150, 151, 198, 199, 200, 201]] = True
    edge, rest = seen[:, :, at_edge], seen[:, :, ~at_edge]
    np.testing.assert_allclose(rest, np.broadcast_to(depth, seen.shape)[:, :, ~at_edge], rtol=1e-6)
    flying = (edge > 1.51) & (edge < 3.99)
    # 20 x 240 x 8 pixels, drawn one by one: a standard deviation is below 0.003.
    assert (edge == 0).mean() == pytest.approx(0.4, abs=0.015)
    assert flying.mean() == pytest.approx(0.2, abs=0.015)


def test_a_slanted_wall_is_no_edge_and_a_grazing_one_is_lost() -> None:
    noise = replace(CLEAN, edge_drop=1.0, edge_px=1.0, grazing_start_deg=70.0, grazing_end_deg=85.0, max_m=1e6)
    sensor = DepthSensor(noise, CAMERA)
    assert (sensor.measure(plane(40.0)) > 0).all(), "at most 67.5 degrees"
    # The angle of incidence of each ray is known: none is lost below 70 degrees, each above 85.
    tilt = 62.0
    t = math.radians(tilt)
    rays = CAMERA.rays() / np.linalg.norm(CAMERA.rays(), axis=2, keepdims=True)
    angle = np.degrees(np.arccos(np.clip(rays @ np.array([math.sin(t), 0.0, math.cos(t)]), -1, 1)))
    far_enough = plane(tilt, 2.0) > 0
    lost = sensor.measure(plane(tilt, 2.0)) == 0
    assert not lost[far_enough & (angle < 69.5)].any()
    assert lost[far_enough & (angle > 85.5)].all() and (far_enough & (angle > 85.5)).sum() > 500
    middle = far_enough & (angle > 76) & (angle < 80)
    assert 0.1 < lost[middle].mean() < 0.9


def side_wall(camera: Camera, away_m: float) -> np.ndarray:
    """A wall along the line of sight, `away_m` to the right; nothing is on the left."""
    u = (np.arange(camera.width) - camera.cx) / camera.fx
    row = np.where(u > 0, away_m / np.maximum(u, 1e-9), 0.0)
    return np.repeat(row[None].astype(np.float32), camera.height, 0)


def floor(camera: Camera, height_m: float) -> np.ndarray:
    """The floor under a level camera, and nothing above the horizon."""
    v = (np.arange(camera.height) - camera.cy) / camera.fy
    column = np.where(v > 0, height_m / np.maximum(v, 1e-9), 0.0)
    return np.repeat(column[:, None].astype(np.float32), camera.width, 1)


PLANES = {
    "side wall": (Camera.from_hfov(320, 240, math.radians(79)), side_wall, 0.4),
    "a LoCoBot's floor": (Camera.from_hfov(160, 120, math.radians(54.7)), floor, 0.52),
}


@pytest.mark.parametrize("name", PLANES)
def test_the_slope_of_a_near_plane_is_no_edge(name: str) -> None:
    camera, make, away = PLANES[name]
    depth = make(camera, away)
    # The disparity changes by more than edge_px within the reach of a pixel, and nothing jumps.
    inverse = 1.0 / depth[depth > 0]
    assert 424 * 0.05 * 4 * np.diff(np.unique(inverse)).max() > 1.0
    sensor = DepthSensor(D435, camera)
    seen = np.stack([sensor.measure(depth) for _ in range(8)])
    near = (depth > 0.5) & (depth < 2.0)
    # The share of holes is at most 0.004, at 2 m.
    assert near.sum() > 2000 and (seen[:, near] == 0).mean() < 0.005
    errors = np.abs(seen - depth)[:, near]
    assert errors[seen[:, near] > 0].max() < 6 * D435.sigma_m(2.0), "nothing flies"


@pytest.mark.parametrize("name", PLANES)
def test_a_jump_from_a_near_plane_is_an_edge_and_a_crease_is_none(name: str) -> None:
    camera, make, away = PLANES[name]
    noise = replace(CLEAN, edge_drop=1.0, focal_px=camera.fx, baseline_m=21.2 / camera.fx, max_m=1e6)
    lines = make(camera, away)
    depth = lines if name == "side wall" else np.ascontiguousarray(lines.T)
    shown = Camera(depth.shape[1], depth.shape[0], camera.fx, camera.fy, *((np.array(depth.shape[::-1]) - 1) / 2))
    column = int(np.searchsorted(-depth[50], -1.6))  # the first nearer than 1.6 m
    sensor = DepthSensor(noise, shown)
    behind = depth.copy()
    behind[:, column:] = 1.0 / (1.0 / depth[:, column:] + 2.0 / 21.2)  # two pixels of disparity nearer
    lost = sensor.measure(behind)[50] == 0
    told = (depth[50] > 0) & (depth[50] < 5.0)  # grazing further on
    np.testing.assert_array_equal(np.flatnonzero(lost & told), np.arange(column - 2, column + 2))
    crease = depth.copy()
    crease[:, column:] = depth[:, column : column + 1]  # from here on a wall seen straight on
    assert not (sensor.measure(crease)[50][told] == 0).any()


def test_two_jumps_side_by_side_are_edges() -> None:
    depth = wall(4.0)
    depth[:, 150] = 1.0 / (1 / 4.0 + 2 / 21.2)
    depth[:, 151:] = 1.0 / (1 / 4.0 + 4 / 21.2)
    noise = replace(CLEAN, edge_drop=1.0, focal_px=CAMERA.fx, baseline_m=21.2 / CAMERA.fx)
    lost = np.flatnonzero(DepthSensor(noise, CAMERA).measure(depth)[100] == 0)
    np.testing.assert_array_equal(lost, np.arange(148, 153))


def test_holes_grow_with_the_range_and_come_in_specks() -> None:
    sensor = DepthSensor(replace(CLEAN, hole_share=0.004), CAMERA)
    shares = [np.mean([(sensor.measure(wall(z)) == 0).mean() for _ in range(20)]) for z in (1.0, 2.0, 4.0)]
    for share, expected in zip(shares, (0.004, 0.016, 0.064), strict=True):
        assert share == pytest.approx(expected, rel=0.2)
    lost = sensor.measure(wall(4.0)) == 0
    assert (lost[:, 1:] & lost[:, :-1]).sum() > 0.4 * lost.sum(), "holes are specks, not single pixels"


def test_the_same_seeds_are_the_same_bytes() -> None:
    depth = plane(40.0)
    sensors = [DepthSensor(D435, CAMERA, seed) for seed in (7, 7, 8)]
    runs = []
    for sensor in sensors:
        sensor.reset(3, 7)
        runs.append(b"".join(sensor.measure(depth).tobytes() for _ in range(3)))
    assert runs[0] == runs[1] != runs[2]
    sensors[0].reset(3, 7)
    assert sensors[0].measure(depth).tobytes() == runs[0][: depth.nbytes]
    sensors[0].reset(4, 7)
    assert sensors[0].measure(depth).tobytes() != runs[0][: depth.nbytes]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"baseline_m": 0.0}, "baseline_m must be positive"),
        ({"subpixel_px": -0.1}, "subpixel_px"),
        ({"min_m": 3.0, "max_m": 2.0}, "min_m < max_m"),
        ({"edge_drop": 0.8, "edge_fly": 0.4}, "shares"),
        ({"edge_reach_px": 99}, "edge_reach_px"),
        ({"correlation_px": 0}, "correlation_px must be a whole number between 1 and 64, got 0"),
        ({"correlation_px": 2.5}, "correlation_px"),
        ({"hole_share": 2.0}, "hole_share must be a share"),
        ({"grazing_start_deg": 89.0}, "grazing angles"),
    ],
)
def test_wrong_cameras_are_refused(wrong: dict[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        DepthNoise(**wrong)  # type: ignore[arg-type]


def test_wrong_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"depth must be \(240, 320\) float32"):
        DepthSensor(D435, CAMERA).measure(np.zeros((240, 320)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="correlation_px"):
        noise_table(np.random.default_rng(0), 0)
