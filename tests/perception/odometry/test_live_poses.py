# SPDX-License-Identifier: Apache-2.0
"""Poses of pictures while a robot drives: by hand, and equal to those that a bag of the same odometry gives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seal_perception.odometry.buffer import NEVER_CAME, NO_ODOMETRY, NOT_YET, TOO_OLD, PoseBuffer
from seal_perception.odometry.live import TOO_MANY, WENT_BACK, PoseConfig, PosedPictures
from seal_perception.odometry.track import POSE_GAP, NoPoseError, Samples, Track
from seal_perception.pose import planar_pose, pose_to_xyz_quat, pose_yaw
from seal_perception.types import FloatArray

S = 1_000_000_000
MS = 1_000_000


def odometry(x: float, yaw: float = 0.0) -> tuple[tuple[float, float, float], tuple[float, float, float, float]]:
    xyz, quat = pose_to_xyz_quat(planar_pose(x, 0.0, yaw))
    return tuple(xyz), tuple(quat)  # type: ignore[return-value]


def test_live_and_recorded_odometry_give_the_same_poses() -> None:
    """The same call for both, and so the same bits: at stamps of odometry, and between them."""
    rng = np.random.default_rng(3)
    live, recorded, stamp = PoseBuffer(), Samples(), 0
    for _ in range(200):
        stamp += int(rng.integers(5, 40)) * MS
        pose = odometry(float(rng.uniform(-3, 3)), float(rng.uniform(-3, 3)))
        live.add(stamp, *pose)
        recorded.add(stamp, *pose)
    track = Track(recorded)
    for at in [*track.stamps_ns, *rng.integers(track.stamps_ns[0], track.stamps_ns[-1], 200)]:
        assert live.at(int(at), S).tobytes() == track.at(int(at), S).tobytes()


def test_each_reason_has_its_name() -> None:
    poses = PoseBuffer(keep_s=1.0)
    found = []

    def ask(seconds: float, gap_s: float = 0.2) -> None:
        with pytest.raises(NoPoseError) as error:
            poses.at(round(seconds * S), round(gap_s * S))
        found.append(error.value.reason)

    ask(1.0)
    for k in range(100):
        poses.add(10 * S + k * 100 * MS, *odometry(0.1 * k))
    poses.add(20 * S + 400 * MS, *odometry(10.4))
    ask(21.0)
    ask(10.0)
    ask(20.2)
    assert found == [NO_ODOMETRY, NOT_YET, TOO_OLD, POSE_GAP]
    assert poses.at(19 * S + 450 * MS, S // 5)[0, 3] == pytest.approx(9.45)
    assert len(poses) < 30, "what is older than a second goes"


def test_what_is_no_pose_is_refused_and_changes_nothing() -> None:
    poses = PoseBuffer()
    poses.add(S, *odometry(1.0))
    with pytest.raises(ValueError, match="unit quaternion"):
        poses.add(2 * S, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="finite metres"):
        poses.add(2 * S, (math.nan, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="must rise, got 500000000 ns after 1000000000 ns"):
        poses.add(S // 2, *odometry(0.0))
    assert len(poses) == 1 and poses.newest_ns == S
    poses.add(S, *odometry(3.0))
    assert len(poses) == 1 and poses.at(S, 0)[0, 3] == 3.0, "the same stamp again replaces"


class _Seen:
    """Pictures with their poses, in the order in which they come out."""

    def __init__(self, **config: float) -> None:
        self.rows: list[tuple[int, str, FloatArray]] = []
        self.pictures = PosedPictures(lambda *row: self.rows.append(row), PoseConfig(**config))

    def stamps(self) -> list[int]:
        return [stamp for stamp, _, _ in self.rows]


def test_odometry_three_milliseconds_off_the_camera_maps_every_picture() -> None:
    """30 Hz pictures, 50 Hz odometry 3 ms beside them: all but those after the last odometry come out, interpolated."""
    seen = _Seen()
    events = [(20 * k * MS + 3 * MS, "odom") for k in range(100)] + [(k * S // 30, f"p{k}") for k in range(1, 60)]
    for stamp, what in sorted(events):
        if what == "odom":
            seen.pictures.see_odometry(stamp, *odometry(stamp / S, 0.5 * stamp / S))
        else:
            seen.pictures.see_picture(stamp, what, stamp / S)
    assert [picture for _, picture, _ in seen.rows] == [f"p{k}" for k in range(1, 60)]
    for stamp, _, T in seen.rows:
        assert T[0, 3] == pytest.approx(stamp / S, abs=1e-9) and pose_yaw(T) == pytest.approx(0.5 * stamp / S, abs=1e-9)
    assert not seen.pictures.dropped and not seen.pictures.waiting


def test_a_picture_waits_for_the_odometry_after_it_and_not_for_ever() -> None:
    seen = _Seen(wait_s=1.0)
    seen.pictures.see_picture(S, "first", 0.0)
    seen.pictures.look(1.1)
    seen.pictures.see_odometry(2 * S, *odometry(0.0))
    seen.pictures.see_picture(2 * S + 10 * MS, "second", 2.0)
    seen.pictures.look(2.9)
    assert seen.pictures.waiting == 1 and not seen.rows
    seen.pictures.look(3.1)
    assert seen.pictures.dropped == {NO_ODOMETRY: 1, NEVER_CAME: 1} and not seen.pictures.waiting
    seen.pictures.see_picture(2 * S + 20 * MS, "third", 3.2)
    seen.pictures.see_odometry(2 * S + 30 * MS, *odometry(0.3))
    assert seen.stamps() == [2 * S + 20 * MS]


def test_no_pose_over_a_gap_and_none_for_what_is_too_old() -> None:
    seen = _Seen(max_gap_s=0.2)
    seen.pictures.see_odometry(S, *odometry(0.0))
    seen.pictures.see_picture(S + 50 * MS, "in the gap", 0.0)
    seen.pictures.see_odometry(S + 300 * MS, *odometry(0.1))
    seen.pictures.see_picture(S // 2, "before all", 0.1)
    assert seen.pictures.dropped == {POSE_GAP: 1, TOO_OLD: 1} and not seen.rows


def test_what_waits_is_bounded_and_the_newest_stay() -> None:
    seen = _Seen()
    for k in range(250):
        seen.pictures.see_picture(k * MS, "p", 0.0)
    assert seen.pictures.waiting == 100 and seen.pictures.dropped == {TOO_MANY: 150}
    seen.pictures.see_odometry(0, *odometry(0.0))
    seen.pictures.see_odometry(400 * MS, *odometry(0.0))
    assert seen.stamps() == [k * MS for k in range(150, 250)]


def test_stamps_that_go_back_begin_anew() -> None:
    """A bag that plays again, or a clock that is set: nothing is interpolated between the two times."""
    seen = _Seen()
    for k in range(5):
        seen.pictures.see_odometry(100 * S + k * 20 * MS, *odometry(9.0))
    seen.pictures.see_picture(101 * S, "of before", 0.0)
    seen.pictures.see_odometry(40 * S, *odometry(0.0))
    seen.pictures.see_picture(40 * S + 10 * MS, "of now", 0.1)
    seen.pictures.see_odometry(40 * S + 20 * MS, *odometry(0.2))
    assert seen.pictures.dropped == {WENT_BACK: 1}
    assert seen.stamps() == [40 * S + 10 * MS] and seen.rows[0][2][0, 3] == pytest.approx(0.1)


@pytest.mark.parametrize("values", [{"max_gap_s": 0.0}, {"wait_s": -1.0}, {"keep_s": 0.0}])
def test_numbers_that_make_no_sense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need max_gap_s > 0, wait_s >= 0 and keep_s > 0"):
        PoseConfig(**values)
