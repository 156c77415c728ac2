# SPDX-License-Identifier: Apache-2.0
"""Poses between recorded ones, chains of transforms, matching of stamps: by hand, and against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seal_mapping.bags.sync import match, nearest
from seal_perception.odometry.track import NO_POSE, POSE_GAP, NoPoseError, Samples, Track, slerp
from seal_perception.odometry.tree import TransformTree
from seal_perception.pose import invert, planar_pose, pose_from_xyz_quat, pose_to_xyz_quat, pose_yaw

S = 1_000_000_000


def track(*rows: tuple[float, np.ndarray]) -> Track:
    samples = Samples()
    for seconds, T in rows:
        xyz, quat = pose_to_xyz_quat(T)
        samples.add(round(seconds * S), tuple(xyz), tuple(quat))
    return Track(samples)


def test_a_recorded_stamp_gives_that_pose_bit_for_bit() -> None:
    T = planar_pose(1 / 3, -2 / 7, 0.3)
    found = track((1, planar_pose(0, 0, 0)), (2, T), (3, planar_pose(1, 1, 1)))
    assert found.at(2 * S, 0).tobytes() == pose_from_xyz_quat(*pose_to_xyz_quat(T)).tobytes()


def test_between_two_poses() -> None:
    found = track((1, planar_pose(0, 0, 0)), (2, planar_pose(4, -2, 1.0)))
    T = found.at(round(1.25 * S), S)
    np.testing.assert_allclose(T, planar_pose(1, -0.5, 0.25), atol=1e-12)


def test_turning_takes_the_shorter_way() -> None:
    """From +170 to -170 degrees: over 180, not over 0; also where the quaternions have opposite signs."""
    found = track((0, planar_pose(0, 0, math.radians(170))), (1, planar_pose(0, 0, math.radians(-170))))
    assert abs(abs(pose_yaw(found.at(S // 2, S))) - math.pi) < 1e-9
    a, b = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.0, 0.0, math.sin(0.2), math.cos(0.2)])
    np.testing.assert_allclose(slerp(a, -b, 0.5), [0, 0, math.sin(0.1), math.cos(0.1)], atol=1e-12)
    np.testing.assert_allclose(slerp(a, a, 0.3), a, atol=1e-15)


@pytest.mark.parametrize(("seconds", "reason"), [(0.999, NO_POSE), (3.001, NO_POSE), (2.5, POSE_GAP)])
def test_never_beyond_the_ends_nor_over_a_gap(seconds: float, reason: str) -> None:
    found = track((1, np.eye(4)), (1.4, np.eye(4)), (3, np.eye(4)))
    found.at(round(1.2 * S), S // 2)
    with pytest.raises(NoPoseError) as error:
        found.at(round(seconds * S), S // 2)
    assert error.value.reason == reason


def test_of_two_poses_with_one_stamp_the_later_recorded_counts() -> None:
    found = track((2, planar_pose(9, 0, 0)), (1, planar_pose(1, 0, 0)), (1, planar_pose(5, 0, 0)))
    assert len(found) == 2 and found.at(S, 0)[0, 3] == 5


@pytest.mark.parametrize(
    "quat", [(0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, math.nan), (0.0, 0.0, 1.0, 1.0)], ids=["zero", "nan", "long"]
)
def test_poses_that_are_none_are_refused(quat: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="unit quaternion"):
        Samples().add(0, (0.0, 0.0, 0.0), quat)
    with pytest.raises(ValueError, match="finite metres"):
        Samples().add(0, (math.inf, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def test_a_chain_up_and_down_a_tree() -> None:
    """odom -> base (moving), base -> mast -> camera and base -> arm (static): arm to camera goes over base."""
    mast, camera, arm = planar_pose(0.1, 0, 0.2, 0.5), planar_pose(0, 0.3, -0.4, 0.1), planar_pose(-0.2, 0, 1.0)
    tree = TransformTree(
        {("base", "mast"): mast, ("mast", "camera"): camera, ("base", "arm"): arm},
        {("odom", "base"): track((0, planar_pose(0, 0, 0)), (1, planar_pose(2, 0, 0)))},
    )
    chain = tree.chain("odom", "camera")
    assert chain is not None and not tree.is_static(chain)
    np.testing.assert_allclose(tree.along(chain, S // 2, S), planar_pose(1, 0, 0) @ mast @ camera, atol=1e-12)
    back = tree.chain("arm", "camera")
    assert back is not None and tree.is_static(back) and len(back) == 3
    np.testing.assert_allclose(tree.along(back, 0, 0), invert(arm) @ mast @ camera, atol=1e-12)
    one = tree.chain("base", "mast")
    assert one is not None and tree.along(one, 0, 0) is mast, "a single link is handed on as it is"
    assert tree.chain("odom", "elsewhere") is None and tree.chain("base", "base") == []


def test_frames_in_a_circle_end() -> None:
    tree = TransformTree({("a", "b"): np.eye(4), ("b", "c"): np.eye(4), ("c", "a"): np.eye(4), ("x", "y"): np.eye(4)})
    assert len(tree.chain("a", "c") or []) == 1
    assert tree.chain("a", "x") is None


def plain_match(colour: list[int], depth: list[int], tolerance: int) -> list[int]:
    """The rule of `match` as loops."""
    wishes = []
    for c in colour:
        gaps = [abs(c - d) for d in depth]
        best = gaps.index(min(gaps)) if gaps else -1
        wishes.append(best if best >= 0 and gaps[best] <= tolerance else -1)
    out = []
    for i, wish in enumerate(wishes):
        rivals = [j for j, other in enumerate(wishes) if other == wish]
        winner = min(rivals, key=lambda j: (abs(colour[j] - depth[wish]), colour[j])) if wish >= 0 else i
        out.append(wish if winner == i else -1)
    return out


def test_matching_by_hand() -> None:
    """30 Hz colour and 15 Hz depth, in ms: every second picture has none; both bounds of the tolerance."""
    colour = np.array([0, 33, 66, 100], np.int64)
    depth = np.array([5, 70], np.int64)
    assert match(colour, depth, 20).tolist() == [0, -1, 1, -1]
    assert match(np.array([0, 20]), np.array([10]), 10).tolist() == [0, -1], "of two equally near the earlier"
    assert match(np.array([0]), np.array([-10, 10]), 10).tolist() == [0]
    assert match(np.array([0]), np.array([11]), 10).tolist() == [-1]
    assert match(colour, np.zeros(0, np.int64), 10).tolist() == [-1] * 4
    assert match(np.zeros(0, np.int64), depth, 10).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_matching_equals_plain_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    colour = np.unique(rng.integers(0, 200, rng.integers(1, 30)))
    depth = np.unique(rng.integers(0, 200, rng.integers(1, 30)))
    tolerance = int(rng.integers(0, 20))
    assert match(colour, depth, tolerance).tolist() == plain_match(colour.tolist(), depth.tolist(), tolerance)
    expected = [int(np.argmin(np.abs(depth - c))) for c in colour]
    assert nearest(colour, depth).tolist() == expected
