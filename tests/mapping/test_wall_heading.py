# SPDX-License-Identifier: Apache-2.0
"""Heading by walls: a drifting heading is turned back in a square room, and left alone where there are no walls."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit
from tests.mapping.square_room import CAMERA, T_BASE_CAMERA, room_depth

from seal_mapping import wall_heading
from seal_mapping.scan_matching import ScanMatchConfig
from seal_mapping.wall_heading import WallHeading, WallHeadingConfig, warm_up
from seal_perception.pose import planar_pose, pose_yaw

WALLS_ALONE = ScanMatchConfig(enabled=False)


@pytest.mark.parametrize("walls_rad", [0.0, 0.3, -0.7])
def test_a_heading_that_drifts_with_each_turn_is_turned_back(walls_rad: float) -> None:
    heading = WallHeading(WallHeadingConfig(match=WALLS_ALONE))
    errors = []
    for k in range(120):
        pose = (0.3 * math.sin(0.05 * k), 0.2, 0.1 * k)
        claimed = planar_pose(pose[0], pose[1], 1.03 * pose[2])  # 3 % too much: 20 degrees in the end
        heading.follow(claimed)
        heading.see_depth(room_depth(pose, walls_rad), CAMERA, T_BASE_CAMERA)
        off = pose_yaw(heading.follow(claimed)) - pose[2]
        errors.append(math.degrees(math.atan2(math.sin(off), math.cos(off))))
    assert heading.walls_rad is not None
    known = (heading.walls_rad - walls_rad + math.pi / 4) % (math.pi / 2) - math.pi / 4
    assert abs(math.degrees(known)) < 2.0, "it drifts while the walls are learnt, too"
    assert max(map(abs, errors)) < 3.0
    assert heading.corrected == 120 - 9, "the walls are learnt from every second one of the first nine"


def test_something_askew_near_the_start_does_not_turn_the_walls() -> None:
    """A board 1 m ahead, 25 degrees askew, fills a third of the picture and is three times as near as the walls."""
    heading = WallHeading(WallHeadingConfig(first_turn_rad=0.04, match=WALLS_ALONE))
    ahead = np.arange(CAMERA.width) - CAMERA.cx
    for k in range(WallHeadingConfig().first_pictures):
        yaw = 0.05 * k
        depth = room_depth((0.0, 0.0, yaw), half_m=3.0)
        tilt = math.tan(math.radians(25.0) - yaw)
        board = 1.0 / (1.0 + tilt * ahead / CAMERA.fx)
        depth[:, np.abs(ahead) < CAMERA.width / 6] = board[np.abs(ahead) < CAMERA.width / 6]
        heading.follow(planar_pose(0.0, 0.0, yaw))
        heading.see_depth(depth, CAMERA, T_BASE_CAMERA)
    assert heading.walls_rad is not None
    assert abs((heading.walls_rad + math.pi / 4) % (math.pi / 2) - math.pi / 4) < math.radians(1.5)


def test_five_pictures_of_one_view_are_one() -> None:
    heading = WallHeading()
    for _ in range(10):
        heading.follow(np.eye(4))
        heading.see_depth(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    assert heading.walls_rad is None and heading.corrected == 0


@pytest.mark.parametrize(("match", "atol"), [(WALLS_ALONE, 0.01), (ScanMatchConfig(), 0.04)])
def test_true_odometry_is_left_as_it_is(match: ScanMatchConfig, atol: float) -> None:
    """Matching lays pictures on cells of 5 cm, so it shifts the truth by up to that."""
    heading = WallHeading(WallHeadingConfig(match=match))
    for k in range(60):
        pose = (0.01 * k, 0.0, 0.05 * k)
        heading.follow(planar_pose(*pose))
        heading.see_depth(room_depth(pose), CAMERA, T_BASE_CAMERA)
    np.testing.assert_allclose(heading.follow(planar_pose(*pose)), planar_pose(*pose), atol=atol)


def test_positions_go_along_the_corrected_heading() -> None:
    heading = WallHeading(WallHeadingConfig(gain=1.0, first_pictures=1, match=WALLS_ALONE))
    heading.follow(np.eye(4))
    heading.see_depth(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    heading.follow(planar_pose(0.0, 0.0, 0.1))  # claims a turn that was none
    turn = heading.see_depth(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    assert turn == pytest.approx(-0.1, abs=0.005)
    ahead = planar_pose(0.0, 0.0, 0.1) @ planar_pose(1.0, 0.0, 0.0)
    np.testing.assert_allclose(heading.follow(ahead)[:2, 3], (1.0, 0.0), atol=0.01)


def test_a_picture_that_comes_late_corrects_what_came_after_it() -> None:
    heading = WallHeading(WallHeadingConfig(gain=1.0, first_pictures=1, match=WALLS_ALONE))
    heading.follow(np.eye(4))
    heading.see_depth(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    then = planar_pose(0.0, 0.0, 0.1)  # truly 0
    heading.follow(then)
    heading.follow(planar_pose(0.0, 0.0, 0.6))  # truly 0.5
    turn = heading.see_depth(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA, then)
    assert turn == pytest.approx(-0.1, abs=0.005)
    assert pose_yaw(heading.follow(planar_pose(0.0, 0.0, 0.6))) == pytest.approx(0.5, abs=0.005)


def test_the_correction_takes_what_odometry_claims_to_the_map() -> None:
    heading = WallHeading(WallHeadingConfig(gain=1.0, first_pictures=1, match=WALLS_ALONE))
    assert (heading.T_map_odom == np.eye(4)).all()
    heading.follow(np.eye(4))
    heading.see_depth(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    claimed = planar_pose(0.4, -0.1, 0.1)  # truly 0
    heading.follow(claimed)
    turn = heading.see_depth(room_depth((0.4, -0.1, 0.0)), CAMERA, T_BASE_CAMERA)
    assert turn == pytest.approx(-0.1, abs=0.005)
    np.testing.assert_allclose(heading.T_map_odom @ claimed, planar_pose(0.4, -0.1, 0.1 + turn), atol=1e-12)


@pytest.mark.parametrize("match", [WALLS_ALONE, ScanMatchConfig(likely_rad=10.0, gain=1.0, turn_gain=1.0)])
def test_a_base_that_pitches_tilts_no_map(match: ScanMatchConfig) -> None:
    """Odometry in 3D, 4 degrees of pitch and 2 cm of height at the time of each picture."""
    heading = WallHeading(WallHeadingConfig(gain=1.0, beside=1.0, first_pictures=1, match=match))
    bump = np.eye(4)
    c, s = math.cos(math.radians(4.0)), math.sin(math.radians(4.0))
    bump[:3, :3], bump[2, 3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]], 0.02
    for k in range(6):
        claimed = planar_pose(0.4, -0.1, 0.1 * k) @ bump  # truly no turn
        pose = heading.follow(claimed)
        heading.see_depth(room_depth((0.4, -0.1, 0.0)), CAMERA, T_BASE_CAMERA)
        T = heading.T_map_odom
        np.testing.assert_allclose(T[2], [0, 0, 1, 0], atol=1e-12)
        np.testing.assert_allclose(T[:3, 2], [0, 0, 1], atol=1e-12)
        np.testing.assert_allclose((T @ claimed)[:3, 3], pose[:3, 3], atol=1e-12)
    assert heading.corrected == 5
    assert pose_yaw(heading.follow(claimed)) == pytest.approx(0.0, abs=0.01)


def test_after_warming_up_a_picture_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = njit(wall_heading._surfaces.py_func)
    monkeypatch.setattr(wall_heading, "_surfaces", fresh)
    warm_up()
    assert len(fresh.signatures) == 1
    heading = WallHeading(WallHeadingConfig(first_pictures=1))
    for _ in range(2):
        heading.follow(np.eye(4))
        heading.see_depth(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA, np.eye(4))
    assert heading.corrected == 1 and len(fresh.signatures) == 1


def test_a_round_room_has_no_directions() -> None:
    heading = WallHeading(WallHeadingConfig(match=WALLS_ALONE))
    for k in range(30):
        claimed = planar_pose(0.0, 0.0, 0.2 * k)
        heading.follow(claimed)
        bearing = np.arctan((np.arange(CAMERA.width) - CAMERA.cx) / CAMERA.fx)
        depth = np.repeat((2.0 * np.cos(bearing))[None, :].astype(np.float32), CAMERA.height, axis=0)
        assert heading.see_depth(depth, CAMERA, T_BASE_CAMERA) == 0.0
        np.testing.assert_allclose(heading.follow(claimed), claimed, atol=1e-12)


def test_a_picture_without_depth_says_nothing() -> None:
    heading = WallHeading(WallHeadingConfig(first_pictures=1))
    heading.follow(np.eye(4))
    heading.see_depth(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    assert heading.see_depth(np.zeros((120, 160), np.float32), CAMERA, T_BASE_CAMERA) == 0.0
    assert heading.corrected == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beside": 1.5}, "beside in"),
        ({"first_turn_rad": -0.1}, "first_turn_rad in"),
        ({"gain": 0.0}, "gain in"),
        ({"first_pictures": 0}, "first_pictures and"),
        ({"low_m": 3.0}, "low_m < high_m"),
    ],
)
def test_wrong_numbers_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WallHeadingConfig(**changes)  # type: ignore[arg-type]
