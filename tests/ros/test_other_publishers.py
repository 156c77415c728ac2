# SPDX-License-Identifier: Apache-2.0
"""Nodes of one run beside publishers of another, and messages that are none: over ROS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from nav_msgs.msg import Odometry
from std_msgs.msg import String
from tests.ros import test_nodes as nodes

from seal_bringup.nodes.monitor_node import MonitorNode
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode
from seal_perception.nodes.own_run import OwnRun

pytestmark = pytest.mark.ros
ros = nodes.ros


@pytest.mark.parametrize("lockstep", [True, False])
def test_a_second_odometry_is_noticed(
    ros: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], lockstep: bool
) -> None:
    one = ros(lockstep=lockstep)
    for name in ("wheels", "teleop"):
        one.make(lambda n=name: SealNode(n)).advertise(Odometry, m.ODOM)
    hearer = one.make(lambda: _Hearer(["odom=wheels"]))
    said: list[str] = []

    def heard() -> bool:
        said.append(capfd.readouterr().err)
        return "/teleop on odom publishes in this ROS domain too" in "".join(said)

    if lockstep:
        with pytest.raises(InputError, match="^/teleop on odom publishes in this ROS domain too"):
            one.spin_until(lambda: False)
        with pytest.raises(InputError, match="/teleop on odom"):
            hearer.last_look()
    else:
        assert one.spin_until(heard), "".join(said)


class _Hearer(SealNode):
    def __init__(self, known: list[str]) -> None:
        super().__init__("hearer")
        self.subscribe(Odometry, m.ODOM, lambda _: None)
        self.own_run = OwnRun("hearer", known, self._publishers_of, self._full_name)
        self.create_timer(0.1, self._look, clock=self.steady)


@pytest.mark.parametrize("lockstep", [True, False])
def test_a_message_that_is_none_ends_a_lockstep_run_and_is_dropped_in_a_paced_one(
    ros: Callable[..., Any], tmp_path: Path, lockstep: bool
) -> None:
    one = ros(lockstep=lockstep, run_dir=tmp_path)
    monitor, sender = one.make(MonitorNode), one.make(lambda: SealNode("sender"))
    texts, poses = sender.advertise(String, m.DETECTIONS), sender.advertise(Odometry, m.ODOM)
    assert one.spin_until(lambda: texts.get_subscription_count() > 0 and poses.get_subscription_count() > 0)
    texts.publish(String(data='{"stamp_ns": null}'))
    if lockstep:
        with pytest.raises(InputError, match="^semantic/detections: semantic/detections must have a whole number"):
            one.spin_until(lambda: False)
        return
    nan = convert.pose_to_odometry(np.eye(4), convert.make_header(m.NS, m.ODOM_FRAME), m.BASE_FRAME)
    nan.pose.pose.position.x = float("nan")
    poses.publish(nan)
    assert one.spin_until(lambda: sum(monitor.dropped.values()) == 2)
    assert monitor.dropped == {"messages on semantic/detections": 1, "messages on odom": 1}
