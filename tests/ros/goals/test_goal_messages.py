# SPDX-License-Identifier: Apache-2.0
"""The goal in force as a message, and the planner node that matches it with map and pose."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from geometry_msgs.msg import PoseStamped
from rclpy.serialization import deserialize_message, serialize_message

from seal_perception import messages as m
from seal_policy.nodes.inputs import goal_to_message, message_to_goal, message_to_heading
from seal_policy.planning.motion import Point

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("goal", [None, (1.0, -2.0), (0.1 + 0.2, -1.0 / 3.0), (1e-17, 12.024999999999999)])
def test_a_goal_survives_a_message_bit_by_bit(goal: Point | None) -> None:
    sent = goal_to_message(goal, -2.5, 3 * m.NS + 7)
    got = deserialize_message(serialize_message(sent), PoseStamped)
    assert message_to_goal(got) == goal
    assert (m.header_stamp_ns(got), got.header.frame_id) == (3 * m.NS + 7, m.MAP_FRAME)
    assert 2.0 * math.atan2(got.pose.orientation.z, got.pose.orientation.w) == pytest.approx(-2.5)


@pytest.mark.parametrize("goal", [None, (1.0, -2.0)])
@pytest.mark.parametrize("heading", [None, 0.0, 3.1, -1.5])
def test_a_message_says_where_to_turn_or_that_the_robot_is_to_look_around(
    goal: Point | None, heading: float | None
) -> None:
    got = deserialize_message(serialize_message(goal_to_message(goal, heading, 1)), PoseStamped)
    assert message_to_goal(got) == goal
    assert message_to_heading(got) == (None if heading is None else pytest.approx(heading))
    got.pose.orientation.z = math.nan
    assert message_to_heading(got) is None
