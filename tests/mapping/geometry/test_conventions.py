# SPDX-License-Identifier: Apache-2.0
"""Axes of a frame, unit of depth, floor and size: decided by the data where it can, said where it cannot."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from tests.mapping.geometry.plain_room import CAMERA, bodies, seen, views, walk

from seal_mapping.geometry.agreement import agreement, choose_pairs
from seal_mapping.geometry.conventions import (
    AXES,
    POSES,
    UNITS_PER_M,
    choose_axes,
    choose_poses,
    choose_unit,
    nearest_pixels,
    resized_camera,
    same_view,
)
from seal_mapping.geometry.floor import choose_floor
from seal_mapping.geometry.surfaces import View, level_points, surface_normals, thinned
from seal_perception.camera import Camera
from seal_perception.pose import camera_mounting, planar_pose

OPTICAL = "camera_color_optical_frame"
ROBOT = camera_mounting(0.88, 0.1)
Pairs = list[tuple[View, View]]


def robot(count: int = 24, height: float = 0.88) -> tuple[list[View], Pairs]:
    """Views of a robot that turns while it drives, and the pairs of them."""
    return paired(views([body @ camera_mounting(height, 0.1) for body in bodies(count)]))


def paired(found: list[View]) -> tuple[list[View], Pairs]:
    numbers = choose_pairs(np.stack([view.T_world_camera for view in found]))
    return found, [(found[i], found[j]) for i, j in numbers]


def stamped(axes: str, found: list[View]) -> tuple[list[View], Pairs]:
    """The same views, with the pose of a frame with other axes than the optical ones."""
    return paired([view.turned(AXES[axes].T) for view in found])


def as_read(found: list[View], factor: float) -> tuple[list[View], Pairs]:
    """The same views, with depth in a unit that is taken for another."""
    return paired([view.scaled(factor) for view in found])


@pytest.mark.parametrize("axes", ["body", "frd", "opengl"])
@pytest.mark.parametrize("tilt", [0.0, 25.0])
def test_a_frame_of_other_axes_is_found(axes: str, tilt: float) -> None:
    mounting = camera_mounting(0.88, 0.1, np.deg2rad(tilt))
    verdict = choose_axes(*stamped(axes, views([body @ mounting for body in bodies()])), "camera_link")
    assert (verdict.name, verdict.changed) == (axes, True)
    assert "frame 'camera_link' as an optical frame looks" in verdict.line and "optical=true overrides" in verdict.line


@pytest.mark.parametrize("roll", [0.0, 90.0, 180.0])
def test_an_optical_frame_is_left_however_it_is_mounted(roll: float) -> None:
    """On its side or upside down: the transforms say so, and depth agrees."""
    c, s = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
    turn = np.eye(4)
    turn[:2, :2] = [[c, -s], [s, c]]
    verdict = choose_axes(*paired(views([body @ ROBOT @ turn for body in bodies()])), "eye")
    assert (verdict.name, verdict.line) == ("optical", "")


def test_a_camera_that_looks_at_the_floor_is_left() -> None:
    """A drone's: straight down, floor and motion fit."""
    down = camera_mounting(1.8, 0.0, np.deg2rad(88.0))
    flight = [planar_pose(-2.0 + 0.15 * k, 0.2, 0.05 * k) @ down for k in range(20)]
    assert choose_axes(*paired(views(flight)), "eye").line == ""


def test_a_camera_that_looks_at_the_ceiling_is_left() -> None:
    """For an opengl frame the ceiling would be a floor; depth of the frames agrees as well, or as badly."""
    mounting = camera_mounting(0.3, 0.1, np.deg2rad(-80.0))
    found = paired(views([body @ mounting for body in bodies()]))
    assert choose_axes(*found, OPTICAL).name == choose_axes(*found, "camera_link").name == "optical"


def test_a_robot_that_stands_still_has_the_floor_for_a_witness() -> None:
    """Frames that are all the same agree for any axes."""
    found = stamped("body", views([bodies()[2] @ ROBOT] * 6))
    verdict = choose_axes(*found, "camera_link")
    assert verdict.name == "body" and "its floor lies 0.88 m below the cameras" in verdict.line
    assert choose_axes(*found, OPTICAL).line.startswith("warning: frame 'camera_color_optical_frame'")


def test_a_frame_that_depth_says_nothing_about_is_left_and_said() -> None:
    """One picture of the ceiling: it may be one."""
    up = views([planar_pose(0.0, 0.0, 0.0) @ camera_mounting(0.5, 0.0, np.deg2rad(-90.0))])
    blind = [replace(view, depth=np.zeros_like(view.depth)) for view in up]
    verdict = choose_axes(blind, [], "camera_link")
    assert (verdict.name, verdict.changed) == ("optical", False)
    assert verdict.line.startswith("warning: frame 'camera_link'") and "optical=false" in verdict.line


_AS_WRITTEN = {
    "camera-to-world": lambda T: T,
    "world-to-camera": np.linalg.inv,
    "opengl": lambda T: T @ np.diag([1.0, -1.0, -1.0, 1.0]),
    "opengl-world-to-camera": lambda T: np.linalg.inv(T @ np.diag([1.0, -1.0, -1.0, 1.0])),
}


@pytest.mark.parametrize("name", POSES)
def test_what_the_matrices_of_a_folder_are(name: str) -> None:
    true = walk(20)
    found = [View(seen(T)[1], CAMERA, _AS_WRITTEN[name](T)) for T in true]
    np.testing.assert_allclose(POSES[name](found[3].T_world_camera), true[3], atol=1e-12)
    verdict = choose_poses(paired(found)[1])
    assert (verdict.name, verdict.changed) == (name, name != "camera-to-world")
    assert verdict.line.startswith(f"{name}: depth of neighbouring frames agrees within") if verdict.changed else True
    assert choose_poses([]).name == "camera-to-world", "one frame alone says nothing"


@pytest.mark.parametrize(
    ("encoding", "factor", "unit"),
    [("16UC1", 5.0, "1/5000 m"), ("16UC1", 10.0, "1/10000 m"), ("16UC1", 4.0, "1/4000 m"), ("16UC1", 0.1, "centi"),
     ("32FC1", 1000.0, "millimetres"), ("32FC1", 100.0, "centimetres")],
)  # fmt: skip
def test_a_unit_is_found_by_the_floor(encoding: str, factor: float, unit: str) -> None:
    found, _ = robot()
    verdict = choose_unit(*as_read(found, factor), UNITS_PER_M[encoding])
    assert verdict.factor == pytest.approx(1.0 / factor) and f"taken as {unit}" in verdict.line


def test_a_unit_is_found_by_motion_where_the_floor_is_not_at_zero() -> None:
    """Odometry that begins at the camera, which moves enough between two frames."""
    poses = [planar_pose(-1.0 + 0.08 * k, 0.3, 0.02 * k, -0.88) @ ROBOT for k in range(20)]
    true = [planar_pose(0, 0, 0, 0.88) @ pose for pose in poses]
    found = [View(seen(T)[1] * 10, CAMERA, pose) for T, pose in zip(true, poses, strict=True)]
    verdict = choose_unit(*paired(found), UNITS_PER_M["16UC1"])
    assert verdict.factor == pytest.approx(0.1) and "neighbouring frames agree" in verdict.line


def test_a_usual_unit_is_left() -> None:
    found, pairs = robot()
    for units in UNITS_PER_M.values():
        assert choose_unit(found, pairs, units) == choose_unit([], [], units)
    hall = [View(np.full((60, 80), 9.0, np.float32), CAMERA, body @ ROBOT) for body in bodies(2)]
    verdict = choose_unit(hall, [], UNITS_PER_M["16UC1"])
    assert verdict.factor == 1.0 and "is the unit right? it is left; depth_scale=UNITS_PER_METRE" in verdict.line


def test_floats_above_a_hundred_metres_are_no_metres() -> None:
    """Too few frames and no floor: the usual unit of such floats is taken, and said."""
    wall = [View(np.full((60, 80), 2000.0, np.float32), CAMERA, ROBOT)]
    verdict = choose_unit(wall, [], UNITS_PER_M["32FC1"])
    assert verdict.factor == pytest.approx(1e-3) and "the usual one of floats so large" in verdict.line


def test_depth_agrees_between_frames_of_known_pose() -> None:
    found, pairs = robot()
    assert agreement(pairs).median < 0.005 and agreement(pairs).points > 5000
    assert agreement([(a.scaled(5.0), b.scaled(5.0)) for a, b in pairs]).median > 0.006
    assert agreement(pairs[:0]).median == np.inf
    poses = np.stack(walk(30))
    assert choose_pairs(poses)[0] == (0, int(np.argmax(_moves(poses, 0))))
    assert choose_pairs(poses[:1]) == [] and choose_pairs(poses[:2]) == [(0, 1)]


def _moves(poses: np.ndarray, i: int) -> np.ndarray:
    turn = np.degrees(np.arccos(np.clip((np.einsum("ij,kij->k", poses[i, :3, :3], poses[:, :3, :3]) - 1) / 2, -1, 1)))
    move = np.linalg.norm(poses[:, :3, 3] - poses[i, :3, 3], axis=1)
    return np.where((turn <= 25) & (move <= 0.7), move, -1)


def _level(found: list[View]) -> np.ndarray:
    return np.concatenate([level_points(view, np.array([0.0, 0.0, 1.0])) for view in found])


def _shifted(height: float, bodies_known: bool = False, **changes: float) -> object:
    """The choice for a robot whose odometry has the floor at a height."""
    T = np.eye(4)
    T[2, 3] = height
    found = [view.moved(T) for view in robot()[0]]
    cameras = np.array([view.T_world_camera[2, 3] for view in found])
    return choose_floor(_level(found), cameras, np.full(24, height) if bodies_known else None)


@pytest.mark.parametrize("height", [-0.88, -0.6, -0.1, 0.5])
@pytest.mark.parametrize("bodies_known", [True, False])
def test_a_map_is_moved_to_its_floor(height: float, bodies_known: bool) -> None:
    choice = _shifted(height, bodies_known)
    assert choice.height_m == pytest.approx(height, abs=0.011) and choice.said
    assert "the map is moved to have it at 0" in choice.line and "the cameras 0.88 m above" in choice.line


@pytest.mark.parametrize("height", [-0.05, 0.0, 0.04])
def test_a_floor_near_zero_is_left_there(height: float) -> None:
    choice = _shifted(height)
    assert (choice.height_m, choice.said) == (0.0, False) and choice.line.startswith("floor: z = 0 (found at ")


def _square(height: float, half: float, count: int = 3000) -> np.ndarray:
    xy = np.random.default_rng(2).uniform(-half, half, (count, 2))
    return np.column_stack([xy, np.full(count, height)])


def test_what_may_be_no_floor_is_left_and_said() -> None:
    cameras = np.full(20, 1.5)
    for level, heights, why in (
        (_square(0.75, 0.6), cameras, "it may be a table"),
        (np.concatenate([_square(-0.3, 3.0), _square(0.0, 3.0)]), cameras, "50% lie at 0"),
        (_square(-3.0, 3.0), cameras, "the cameras are too high or too low for a floor"),
        (_square(-2.9, 3.0), np.linspace(-1.0, 1.5, 20), "as on several storeys"),
        (np.concatenate([_square(-0.3, 3.0, 250), _square(0.8, 3.0)]), cameras, "too little"),
    ):
        choice = choose_floor(level, heights)
        assert choice.height_m == 0.0 and choice.said, why
        assert choice.line.startswith("warning: floor: z = 0 is assumed") and why in choice.line
    assert choose_floor(_square(0.75, 0.6), cameras, np.full(20, 0.75)).height_m == 0.75, "the robot stands on it"
    assert "the robot's base is at z = 0.00 m" in choose_floor(_square(0.75, 3.0), cameras, np.zeros(20)).line
    for level, why in (
        (np.zeros((0, 3)), "0 points on level surfaces"),
        (np.random.default_rng(3).uniform(-4, 1, (5000, 3)), "no level surface stands out"),
    ):
        quiet = choose_floor(level, cameras)
        assert (quiet.height_m, quiet.said) == (0.0, False) and why in quiet.line


def test_absurd_numbers_cost_nothing() -> None:
    """A pose a million kilometres off, a camera whose numbers overflow: no memory, no warning, no traceback."""
    found, _ = robot(3)
    far = np.eye(4)
    far[:3, 3] = 1e9
    odd = [
        found[1].moved(far),
        replace(found[1], camera=Camera(80, 60, 1e-2, 1e300, 1e308, -1e308)),
        replace(found[1], depth=np.full((60, 80), 3e38, np.float32)),
        replace(found[1], depth=np.full((60, 80), 1e-38, np.float32)),
        replace(found[1], depth=np.full((60, 80), np.nan, np.float32)),
    ]
    with np.errstate(all="raise", under="ignore"), tracemalloc_limit(64):
        for view in odd:
            pair = [(found[0], view), (view, found[0])]
            assert np.isfinite(surface_normals(view, far_m=1e39)).all()
            agreement(pair)
            choose_axes([found[0], view], pair, "camera_link")
            choose_unit([found[0], view], pair, UNITS_PER_M["16UC1"])
            choose_poses(pair)
            choice = choose_floor(_level([*found, view]), np.array([v.T_world_camera[2, 3] for v in (*found, view)]))
            assert choice.height_m == 0.0


@contextmanager
def tracemalloc_limit(megabytes: float) -> Iterator[None]:
    """Fail if the block's Python objects and arrays take more memory than this at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("size", "other", "same"),
    [((320, 240), (640, 480), True), ((640, 480), (1296, 968), True), ((107, 80), (320, 240), True),
     ((27, 20), (80, 60), True),
     ((1280, 960), (640, 480), True), ((640, 480), (1280, 720), False), ((320, 120), (640, 480), False),
     ((40, 30), (640, 480), False), ((0, 0), (640, 480), False)],
)  # fmt: skip
def test_sizes_of_one_view(size: tuple[int, int], other: tuple[int, int], same: bool) -> None:
    assert same_view(size, other) is same


def test_pixels_of_another_size() -> None:
    rows, columns = nearest_pixels(4, 3, 8, 6)
    assert rows.tolist() == [0, 0, 1, 1, 2, 2] and columns.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert nearest_pixels(3, 2, 8, 6)[1].tolist() == [0, 0, 0, 1, 1, 1, 2, 2], "every third of 8"
    rows, columns = nearest_pixels(9, 6, 3, 2)
    assert rows.tolist() == [1, 4] and columns.tolist() == [1, 4, 7]
    assert resized_camera(Camera(640, 480, 500.0, 510.0, 319.5, 239.5), 320, 240) == Camera(
        320, 240, 250.0, 255.0, 159.5, 119.5
    )
    depth, camera = thinned(np.arange(48, dtype=np.float32).reshape(6, 8), Camera(8, 6, 4.0, 4.0, 3.0, 2.0), 4)
    assert depth.tolist() == [[0, 2, 4, 6], [16, 18, 20, 22], [32, 34, 36, 38]]
    assert camera == Camera(4, 3, 2.0, 2.0, 1.5, 1.0)
