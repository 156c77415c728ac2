# SPDX-License-Identifier: Apache-2.0
"""Scan matching: a position that drifts is shifted back in a room with corners, and left alone where nothing tells."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numba import njit
from tests.mapping.square_room import CAMERA, T_BASE_CAMERA, room_depth

from seal_mapping import scan_matching
from seal_mapping.scan_matching import ScanMatchConfig, ScanMatcher, warm_up
from seal_mapping.wall_heading import WallHeading, WallHeadingConfig
from seal_perception.pose import planar_pose

AT_ONCE = ScanMatchConfig(gain=1.0, turn_gain=1.0, full=1)


def _looked_around(config: ScanMatchConfig = AT_ONCE) -> ScanMatcher:
    """A matcher that has seen the whole room from its middle."""
    matcher = ScanMatcher(config)
    for k in range(20):
        pose = (0.0, 0.0, 0.33 * k)
        matcher.add(matcher.points(room_depth(pose), CAMERA, T_BASE_CAMERA), pose)
    return matcher


@pytest.mark.parametrize("off", [(0.1, -0.05, 0.0), (-0.07, 0.12, 0.03), (0.0, 0.0, -0.05), (0.0, 0.0, 0.0)])
def test_a_picture_is_found_where_it_was_taken(off: tuple[float, float, float]) -> None:
    """From another place than the grid was made from; a corner of the room is in view."""
    matcher, pose = _looked_around(), (0.6, 0.4, 0.8)
    points = matcher.points(room_depth(pose), CAMERA, T_BASE_CAMERA)
    claimed = (pose[0] - off[0], pose[1] - off[1], pose[2] - off[2])
    for _ in range(3):  # an offset has its price, so a large one is found in parts
        found = matcher.find(points, claimed)
        assert found is not None
        claimed = (claimed[0] + found.x_m, claimed[1] + found.y_m, claimed[2] + found.turn_rad)
    np.testing.assert_allclose(claimed[:2], pose[:2], atol=0.03)
    assert claimed[2] == pytest.approx(pose[2], abs=0.02)


def test_points_are_cells_of_surfaces() -> None:
    points = ScanMatcher().points(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    np.testing.assert_allclose(points[:, 0], 2.5, atol=0.01)  # the wall ahead; at its sides it is 3.2 m away
    assert np.abs(points[:, 1]).max() < 2.1 and (points[:, 2] > 0).all()
    cells = np.floor(points[:, :2] / 0.025).astype(int)
    assert len(np.unique(cells, axis=0)) == len(points) > 100


def test_what_a_picture_does_not_decide_stays_as_odometry_has_it() -> None:
    """One wall, seen square on: it tells the distance and the heading, and nothing along itself."""
    matcher, pose = ScanMatcher(AT_ONCE), (0.0, 0.0, 0.0)
    matcher.add(matcher.points(room_depth(pose), CAMERA, T_BASE_CAMERA), pose)
    points = matcher.points(room_depth((0.0, 0.1, 0.0)), CAMERA, T_BASE_CAMERA)
    found = matcher.find(points, (-0.1, 0.1, 0.0))
    assert found is not None
    assert found.x_m == pytest.approx(0.1, abs=0.02) and abs(found.y_m) <= 0.02


@pytest.mark.parametrize("claimed", [(30.0, -20.0, 0.0), (0.0, 0.0, math.pi / 4), (1.0, 0.3, 0.0)])
def test_what_is_not_there_is_not_found(claimed: tuple[float, float, float]) -> None:
    """Outside the grid, turned to where no wall is, and farther off than the window reaches."""
    matcher = _looked_around()
    points = matcher.points(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    assert matcher.find(points, claimed) is None
    assert matcher.matched == 0


def test_nothing_seen_says_nothing() -> None:
    matcher = ScanMatcher(AT_ONCE)
    points = matcher.points(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    assert matcher.find(points, (0.0, 0.0, 0.0)) is None, "there is no grid yet"
    matcher = _looked_around()
    for depth in (np.zeros((120, 160), np.float32), np.full((120, 160), np.nan, np.float32)):
        none = matcher.points(depth, CAMERA, T_BASE_CAMERA)
        assert none.shape == (0, 3) and matcher.find(none, (0.0, 0.0, 0.0)) is None
        matcher.add(none, (5.0, 5.0, 0.0))


def test_a_surface_does_not_thicken_with_the_drift() -> None:
    """Pictures that are put 5 cm beside where they were taken lie on the wall that is known."""
    matcher = _looked_around()
    before = int((matcher._seen > 0).sum())
    for k in range(20):
        pose = (0.0, 0.0, 0.33 * k + 0.1)
        points = matcher.points(room_depth(pose), CAMERA, T_BASE_CAMERA)
        matcher.add(points, (0.05 * (-1) ** k, 0.0, pose[2]))
    assert int((matcher._seen > 0).sum()) < 1.3 * before


def test_the_grid_grows_wherever_the_robot_goes() -> None:
    matcher = ScanMatcher(AT_ONCE)
    points = matcher.points(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    for x, y in ((0.0, 0.0), (-40.0, 3.0), (25.0, -60.0), (0.0, 0.0)):
        matcher.add(points, (x, y, 0.0))
        found = matcher.find(points, (x - 0.05, y, 0.0))
        assert found is not None and found.x_m == pytest.approx(0.05, abs=0.02)


def test_a_robot_that_claims_to_be_far_away_begins_a_new_grid() -> None:
    """Odometry whose jumps are believed may say 10 km: the grid must not be as large."""
    matcher = _looked_around()
    points = matcher.points(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    matcher.add(points, (10_000.0, -10_000.0, 0.0))
    assert matcher.restarts == 1 and max(matcher._seen.shape) < 400
    found = matcher.find(points, (9_999.95, -10_000.0, 0.0))
    assert found is not None and found.x_m == pytest.approx(0.05, abs=0.02)
    assert matcher.find(points, (0.0, 0.0, 0.0)) is None


@pytest.mark.parametrize("pose", [(math.nan, 0.0, 0.0), (0.0, math.inf, 0.0), (0.0, 0.0, math.nan)])
def test_a_pose_that_is_no_number_is_refused(pose: tuple[float, float, float]) -> None:
    matcher = _looked_around()
    points = matcher.points(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA)
    for use in (matcher.find, matcher.add):
        with pytest.raises(ValueError, match="three numbers"):
            use(points, pose)


def test_the_softened_grid_is_that_of_all_surfaces_at_once() -> None:
    matcher = _looked_around()
    whole = np.minimum(2.0 * cv2.GaussianBlur(matcher._seen, (0, 0), 1.0), 1.0)
    np.testing.assert_allclose(matcher._field, whole, atol=1e-6)


def test_a_picture_has_no_more_points_than_the_search_has_time_for() -> None:
    rng = np.random.default_rng(0)
    littered = rng.uniform(0.5, 2.9, (CAMERA.height // 4, CAMERA.width // 4)).repeat(4, 0).repeat(4, 1)
    points = ScanMatcher().points(littered.astype(np.float32), CAMERA, T_BASE_CAMERA)
    assert 400 < len(points) <= 800


def test_a_blank_picture_does_not_hold_up_the_next_one() -> None:
    matcher = ScanMatcher(AT_ONCE)
    matcher.add(np.zeros((0, 3)), (0.0, 0.0, 0.0))
    matcher.add(matcher.points(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA), (0.0, 0.0, 0.0))
    assert matcher._seen.any()


def test_a_position_that_drifts_is_brought_back() -> None:
    """Odometry loses 4 % of the way to the left of it: 60 cm in three rounds of a square."""
    way = [(x, y, yaw) for _ in range(3) for x, y, yaw in _round(0.8, 0.1)]
    errors = {}
    for name, match in (("walls", ScanMatchConfig(enabled=False)), ("matched", ScanMatchConfig())):
        heading = WallHeading(WallHeadingConfig(match=match))
        claimed = np.array(way[0][:2])
        before, off = np.array(way[0][:2]), []
        for x, y, yaw in way:
            claimed = (
                claimed + (np.array([x, y]) - before) + [0.0, 0.04 * float(np.hypot(x - before[0], y - before[1]))]
            )
            before = np.array([x, y])
            heading.follow(planar_pose(*claimed, yaw))
            heading.see_depth(room_depth((x, y, yaw)), CAMERA, T_BASE_CAMERA)
            T = heading.follow(planar_pose(*claimed, yaw))
            off.append(math.hypot(T[0, 3] - x, T[1, 3] - y))
        errors[name] = off
    n = len(way) // 3
    assert errors["walls"][-1] > 0.5
    assert max(errors["matched"][n:]) < max(errors["matched"][:n]) + 0.1, "the first round is what it knows"
    assert max(errors["matched"]) < 0.3


def _round(half_m: float, step_m: float) -> list[tuple[float, float, float]]:
    """Once around a square, turning at its corners by steps of 0.26 rad."""
    poses, n = [], round(2 * half_m / step_m)
    for side in range(4):
        yaw = side * math.pi / 2
        c, s = math.cos(yaw), math.sin(yaw)
        corner = np.array([-c + s, -s - c]) * half_m
        poses += [(corner[0] + c * k * step_m, corner[1] + s * k * step_m, yaw) for k in range(n)]
        end = corner + np.array([c, s]) * 2 * half_m
        poses += [(end[0], end[1], yaw + turn * math.pi / 12) for turn in range(6)]
    return [(float(x), float(y), float(yaw)) for x, y, yaw in poses]


def test_after_warming_up_a_picture_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = {name: njit(getattr(scan_matching, name).py_func) for name in ("_readings", "_search")}
    for name, kernel in fresh.items():
        monkeypatch.setattr(scan_matching, name, kernel)
    warm_up()
    assert all(len(kernel.signatures) == 1 for kernel in fresh.values())
    matcher = _looked_around()
    assert matcher.find(matcher.points(room_depth((0.0, 0.0, 0.0)), CAMERA, T_BASE_CAMERA), (0.0, 0.0, 0.0)) is not None
    assert all(len(kernel.signatures) == 1 for kernel in fresh.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"low_m": 3.0}, "low_m < high_m"),
        ({"cell_m": 0.0}, "cell_m must be a positive number"),
        ({"full": 0}, "full must be"),
        ({"gain": 5.0}, r"gain must lie in \[0, 1\]"),
        ({"window_m": math.inf}, r"window_m must lie in \[0, 1\]"),
        ({"apart_rad": math.nan}, "apart_rad must lie"),
    ],
)
def test_wrong_numbers_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScanMatchConfig(**changes)  # type: ignore[arg-type]
