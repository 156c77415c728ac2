# SPDX-License-Identifier: Apache-2.0
"""What is a jump of odometry and what is not, and since when an input has not come."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seal_perception.pose import planar_pose
from seal_perception.safety.watch import JUMPED, WENT_BACK, Freshness, OdometryWatch

S = 1_000_000_000


@pytest.mark.parametrize(
    ("seconds", "x", "yaw", "kind"),
    [
        (0.02, 0.006, 0.03, None),
        (0.02, 0.29, 0.0, None),
        (0.02, 0.31, 0.0, JUMPED),
        (0.02, 0.0, 0.51, JUMPED),
        (0.02, 0.0, -0.51, JUMPED),
        (0.2, 0.31, 0.0, JUMPED),
        (3.0, 0.7, 1.4, None),
        (3.0, 0.9, 0.0, JUMPED),
        (3.0, 0.0, 1.6, JUMPED),
        (600.0, 0.9, 0.0, JUMPED),
        (0.0, 0.0, 0.0, None),
        (-0.000000001, 0.0, 0.0, None),
        (-0.09, 0.0, 0.0, None),
        (-0.11, 0.0, 0.0, WENT_BACK),
        (-60.0, 0.0, 0.0, WENT_BACK),
        (-60.0, 1.0, 0.0, JUMPED),
    ],
)
def test_two_messages_are_compared(seconds: float, x: float, yaw: float, kind: str | None) -> None:
    """The bound is 0.3 m and 0.5 rad; over 0.2 s a gap leaves time to have driven farther."""
    watch = OdometryWatch()
    start = planar_pose(5.0, -2.0, 3.0)
    assert watch.see(100 * S, start) is None
    fault = watch.see(100 * S + round(seconds * S), start @ planar_pose(x, 0.0, yaw))
    assert (fault.kind if fault else None) == kind


def test_a_jump_is_told_with_figures_and_only_once() -> None:
    watch = OdometryWatch()
    watch.see(S, np.eye(4))
    fault = watch.see(S + S // 50, planar_pose(1.0, 0.0, 0.0))
    assert fault is not None and fault.text == "odometry jumped by 1.00 m and 0.00 rad in 0.02 s"
    assert watch.see(S + S // 25, planar_pose(1.0, 0.0, 0.0)) is None
    fault = watch.see(S - S // 2, planar_pose(1.0, 0.0, 0.0))
    assert fault is not None and fault.text == "stamps went back by 0.54 s"


def test_a_message_that_was_overtaken_is_not_compared_with_the_next() -> None:
    watch = OdometryWatch()
    assert watch.see(10 * S, planar_pose(0.25, 0.0, 0.0)) is None
    assert watch.see(10 * S - S // 20, planar_pose(0.0, 0.0, 0.0)) is None
    assert watch.see(10 * S + S // 20, planar_pose(0.5, 0.0, 0.0)) is None


def test_turning_through_half_a_turn_is_no_jump() -> None:
    watch = OdometryWatch()
    watch.see(S, planar_pose(0.0, 0.0, math.pi - 0.01))
    assert watch.see(S + S // 50, planar_pose(0.0, 0.0, -math.pi + 0.01)) is None


def test_ages_of_inputs() -> None:
    inputs = Freshness({"map": 5.0, "picture": 1.0, "scores": 0.0})
    assert inputs.missing(100.0) == ["no map yet", "no picture yet"]
    inputs.seen("map", 100.0)
    inputs.seen("picture", 100.0)
    assert inputs.missing(101.0) == []
    assert inputs.missing(101.1) == ["no picture for 1.1 s"]
    assert inputs.missing(107.0) == ["no map for 7.0 s", "no picture for 7.0 s"]
    inputs.forget(["map"])
    assert inputs.missing(100.5) == ["no map yet"] and math.isinf(inputs.age_s("scores", 0.0))
