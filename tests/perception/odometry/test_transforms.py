# SPDX-License-Identifier: Apache-2.0
"""Poses by live transforms: by hand, and equal to those that a bag of the same transforms gives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seal_perception.odometry.live import BEFORE_FAULT, TOO_MANY, WENT_BACK, PoseConfig, PosedPictures
from seal_perception.odometry.track import NoPoseError, Samples, Track
from seal_perception.odometry.transforms import ALWAYS_NS, ChainPoses, LiveTransforms
from seal_perception.odometry.tree import TransformTree
from seal_perception.pose import camera_mounting, planar_pose, pose_to_xyz_quat
from seal_perception.types import FloatArray

S, MS = 1_000_000_000, 1_000_000
OPTICAL = "camera_color_optical_frame"
MAST = camera_mounting(0.5, 0.1)


def parts(T: FloatArray) -> tuple[tuple[float, float, float], tuple[float, float, float, float]]:
    xyz, quat = pose_to_xyz_quat(T)
    return tuple(xyz), tuple(quat)  # type: ignore[return-value]


def pan(angle: float) -> FloatArray:
    return planar_pose(0.0, 0.0, angle)


def robot(seconds: float = 1.0, hz: int = 50, turn: float = 0.0) -> LiveTransforms:
    """odom -> base (0.2 m/s) -> pan (`turn` rad/s) -> optical, for so long."""
    heard = LiveTransforms()
    heard.add_static("pan_link", OPTICAL, *parts(MAST))
    for tick in range(round(seconds * hz) + 1):
        stamp = S + tick * S // hz
        heard.add(("odom", "base_link"), stamp, *parts(planar_pose(0.2 * tick / hz, 0.0, 0.0)))
        heard.add(("base_link", "pan_link"), stamp + 7 * MS, *parts(pan(turn * (tick / hz + 0.007))))
    return heard


def test_live_and_recorded_transforms_give_the_same_poses_bit_for_bit() -> None:
    rng = np.random.default_rng(5)
    live, odom, head = LiveTransforms(), Samples(), Samples()
    live.add_static("head", OPTICAL, *parts(MAST))
    for k in range(200):
        for edge, samples in ((("odom", "base_link"), odom), (("base_link", "head"), head)):
            pose = parts(planar_pose(*rng.uniform(-3, 3, 3)))
            live.add(edge, S + k * 20 * MS + len(edge[1]), *pose)
            samples.add(S + k * 20 * MS + len(edge[1]), *pose)
    tree = TransformTree(live.tree.static, {("odom", "base_link"): Track(odom), ("base_link", "head"): Track(head)})
    chain = tree.chain("odom", OPTICAL)
    assert chain is not None
    for stamp in rng.integers(S + 20 * MS, S + 3900 * MS, 200):
        ours = ChainPoses(live, "odom", OPTICAL).at(int(stamp), S)
        assert ours.tobytes() == tree.along(chain, int(stamp), S).tobytes()


def test_a_camera_that_pans_is_looked_up_at_each_pictures_stamp() -> None:
    heard = robot(turn=0.8)
    for at in (1.1, 1.5, 1.9):
        stamp = round(at * S)
        T = ChainPoses(heard, "base_link", "/" + OPTICAL).at(stamp, S)
        np.testing.assert_allclose(T, pan(0.8 * (at - 1)) @ MAST, atol=1e-9)
        both = ChainPoses(heard, "odom", OPTICAL).at(stamp, S)
        np.testing.assert_allclose(both, planar_pose(0.2 * (at - 1), 0, 0) @ T, atol=1e-9)


def test_what_never_moves_is_known_for_ever_and_what_moves_until_its_slowest_link() -> None:
    heard = robot()
    assert ChainPoses(heard, "pan_link", OPTICAL).newest_ns == ALWAYS_NS
    assert ChainPoses(heard, "odom", OPTICAL).newest_ns == 2 * S
    assert ChainPoses(heard, "base_link", OPTICAL).newest_ns == 2 * S + 7 * MS
    assert ChainPoses(heard, "map", OPTICAL).newest_ns is None


def test_each_way_to_have_no_pose_names_the_frames() -> None:
    heard = robot()

    def why(target: str, stamp_ns: int, gap_ns: int = S) -> str:
        with pytest.raises(NoPoseError) as error:
            ChainPoses(heard, target, OPTICAL).at(stamp_ns, gap_ns)
        return error.value.reason

    assert why("map", S) == f"no transforms that lead from map to {OPTICAL}"
    assert why("odom", 3 * S) == "no transform after it yet (odom -> base_link)"
    assert why("base_link", S) == "older than the transforms that are kept (base_link -> pan_link)"
    assert why("odom", round(1.5 * S) + 3 * MS, 10 * MS) == "a gap in the transforms (odom -> base_link)"


def test_a_head_that_no_longer_tells_where_it_is_ends_the_poses_and_is_named() -> None:
    """Its joint states have ended: pictures are dropped, not taken at its last angle."""
    heard = robot()
    for tick in range(1, 101):
        heard.add(("odom", "base_link"), 2 * S + tick * 20 * MS, *parts(np.eye(4)))
    sources = (ChainPoses(heard, "odom", "base_link"), ChainPoses(heard, "base_link", OPTICAL))
    taken: list[int] = []
    pictures = PosedPictures(lambda stamp, *_: taken.append(stamp), PoseConfig(wait_s=1.0), sources=sources)
    pictures.see_picture(2 * S, "", 0.0)
    pictures.see_picture(3 * S, "", 0.0)
    pictures.look(0.9)
    assert taken == [2 * S] and pictures.waiting == 1
    pictures.look(1.1)
    assert dict(pictures.dropped) == {"no transform base_link -> pan_link after it in time": 1}


def test_pictures_wait_for_frames_that_are_told_of_later() -> None:
    heard = LiveTransforms()
    taken: list[tuple[int, float]] = []
    pictures = PosedPictures(
        lambda stamp, _, T: taken.append((stamp, float(T[0, 3]))),
        PoseConfig(wait_s=1.0),
        sources=[ChainPoses(heard, "odom", "base_link")],
    )
    pictures.see_picture(S, "", 0.0)
    pictures.see_picture(S + 10 * MS, "", 0.0)
    for k in range(3):
        heard.add(("odom", "base_link"), S + k * 20 * MS, *parts(planar_pose(k, 0, 0)))
        pictures.release()
    assert taken == [(S, 0.0), (S + 10 * MS, 0.5)]
    pictures.see_picture(9 * S, "", 2.0)
    pictures.look(3.1)
    assert dict(pictures.dropped) == {"no transform odom -> base_link after it in time": 1}


def test_of_too_many_that_wait_the_oldest_goes() -> None:
    pictures = PosedPictures(lambda *_: None, most=2, sources=[ChainPoses(LiveTransforms(), "odom", "base_link")])
    for k in range(3):
        pictures.see_picture(k, "", 0.0)
    assert pictures.waiting == 2 and dict(pictures.dropped) == {TOO_MANY: 1}
    pictures.look(9.0)
    assert pictures.dropped["no transforms that lead from odom to base_link"] == 2


def test_transforms_that_overtook_each_other_are_left_out_and_another_time_begins_anew() -> None:
    heard = robot()
    edge = ("odom", "base_link")
    assert heard.add(edge, 2 * S - 40 * MS, *parts(planar_pose(9, 9, 9))) == 0
    np.testing.assert_allclose(ChainPoses(heard, *edge).at(2 * S - 40 * MS, S)[0, 3], 0.2 * 0.96, atol=1e-12)
    assert heard.add(edge, S, *parts(np.eye(4))) == S
    assert ChainPoses(heard, *edge).newest_ns == S and ChainPoses(heard, "odom", OPTICAL).newest_ns is None


def test_an_edge_of_somebody_else_that_comes_late_loses_no_picture() -> None:
    """Odometry at 50 Hz, and now and then a gripper's transform that is 150 ms late."""
    heard = LiveTransforms()
    taken: list[int] = []
    pictures = PosedPictures(lambda stamp, *_: taken.append(stamp), sources=[ChainPoses(heard, "odom", "base_link")])
    told = 0
    for tick in range(250):
        stamp = S + tick * 20 * MS
        told += heard.add(("odom", "base_link"), stamp, *parts(planar_pose(0.01 * tick, 0, 0)))
        told += heard.add(("wrist", "gripper"), stamp - (150 * MS if tick % 40 == 39 else 0), *parts(np.eye(4)))
        if tick % 10 == 5:
            pictures.see_picture(stamp + 7 * MS, "", 0.02 * tick)
        pictures.release()
    assert told == 0 and len(taken) == 25 and not pictures.dropped and pictures.waiting == 0
    assert ChainPoses(heard, "wrist", "gripper").newest_ns == S + 249 * 20 * MS
    assert heard.add(("wrist", "gripper"), S, *parts(np.eye(4))) > 0, "now somebody looks it up"


def test_a_transform_that_is_none_leaves_nothing_behind() -> None:
    heard = LiveTransforms()
    with pytest.raises(ValueError, match="unit quaternion"):
        heard.add(("a", "b"), S, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="finite metres"):
        heard.add_static("a", "b", (math.nan, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    assert heard.tree.frames == frozenset()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pose_source": "tf2"}, "must be one of odometry, odometry_tf, tf, got 'tf2'"),
        ({"pose_source": "odometry_tf", "tf_map_frame": "map"}, "tf_map_frame needs pose_source tf"),
        ({"pose_source": "tf", "tf_base_frame": ""}, "need tf_odom_frame and tf_base_frame"),
    ],
)
def test_sources_that_make_no_sense_are_refused(values: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PoseConfig(**values)  # type: ignore[arg-type]


def test_a_mounting_beside_the_middle_panned_and_tilted() -> None:
    """Panned left by 90 degrees it looks along +y; tilted by 90 degrees, down; the offset is the base's."""
    T = camera_mounting(0.5, 0.1, 0.0, 0.0, 0.03, math.pi / 2)
    np.testing.assert_allclose(T[:3, 2], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(T[:3, 3], [0.1, 0.03, 0.5])
    down = camera_mounting(0.5, 0.1, math.pi / 4, 0.0, 0.0, math.pi / 2)
    np.testing.assert_allclose(down[:3, 2], [0, math.sqrt(0.5), -math.sqrt(0.5)], atol=1e-12)
    assert camera_mounting(0.88).tobytes() == camera_mounting(0.88, left_m=0.0, pan_left_rad=0.0).tobytes()


def test_a_picture_from_before_a_jump_gets_no_pose_across_it() -> None:
    """/tf keeps what was before the jump, so poses could be interpolated over it."""
    heard, seen = LiveTransforms(), list[int]()
    for tick, x in enumerate((0.0, 0.0, 5.0, 5.0)):
        heard.add(("odom", "base_link"), S + 100 * tick * MS, *parts(planar_pose(x, 0.0, 0.0)))
    sources = (ChainPoses(heard, "odom", "base_link"),)
    pictures = PosedPictures(lambda stamp, picture, T: seen.append(stamp), sources=sources)
    pictures.begin_anew("odometry jumped", S + 200 * MS)
    for stamp in (S + 90 * MS, S + 190 * MS, S + 200 * MS, S + 250 * MS):
        pictures.see_picture(stamp, None, 0.0)
    assert seen == [S + 200 * MS, S + 250 * MS] and dict(pictures.dropped) == {BEFORE_FAULT: 2}
    pictures.begin_anew(WENT_BACK)  # another clock: everything counts again
    pictures.see_picture(S + 90 * MS, None, 0.0)
    assert seen[-1] == S + 90 * MS


def test_a_pose_that_is_none_costs_nothing_that_is_known() -> None:
    heard = robot()
    chain = ChainPoses(heard, "odom", OPTICAL)
    newest = chain.newest_ns
    with pytest.raises(ValueError):
        heard.add(("odom", "base_link"), S - 5 * S // 10, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))
    assert newest is not None and chain.newest_ns == newest


def test_a_static_edge_that_is_told_late_is_found_by_those_who_asked_before() -> None:
    heard = LiveTransforms()
    heard.add(("odom", "base_link"), S, *parts(planar_pose(1.0, 0.0, 0.0)))
    assert heard.chain("odom", OPTICAL) is None
    heard.add_static("base_link", OPTICAL, *parts(MAST))
    assert heard.chain("odom", OPTICAL) is not None
