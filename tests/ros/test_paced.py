# SPDX-License-Identifier: Apache-2.0
"""Paced mode over ROS: the clock runs, `cmd_vel` drives, silence stops, a wall is a contact; a short whole run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

import rclpy
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, LaserScan
from std_msgs.msg import Bool

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.runner import run_stack
from seal_mapping.bags.reader import open_bag
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode
from seal_perception.pose import planar_pose, pose_yaw
from seal_perception.running.patience import Patience
from seal_policy.nodes import paced_planner
from seal_policy.nodes.planner_node import PlannerNode
from sim_bridge.nodes.sim_bridge_node import SimBridgeNode

pytestmark = pytest.mark.ros


class _Driver(SealNode):
    """Hears all that the robot tells, and sends commands."""

    def __init__(self) -> None:
        super().__init__("driver")
        self.poses: list[tuple[int, np.ndarray]] = []
        self.clock: list[int] = []
        self.contacts: list[bool] = []
        self.pictures: list[int] = []
        self.sweeps: list[int] = []
        self.command = self.advertise(Twist, m.CMD_VEL)
        self.subscribe(
            Odometry, m.ODOM, lambda msg: self.poses.append((m.header_stamp_ns(msg), m.odometry_to_pose(msg)))
        )
        self.subscribe(Clock, "/clock", lambda msg: self.clock.append(msg.clock.sec * m.NS + msg.clock.nanosec))
        self.subscribe(Bool, m.CONTACT, lambda msg: self.contacts.append(msg.data))
        self.subscribe(Image, m.DEPTH, lambda msg: self.pictures.append(m.header_stamp_ns(msg)))
        self.subscribe(LaserScan, m.SCAN, lambda msg: self.sweeps.append(m.header_stamp_ns(msg)))

    def drive(self, forward_mps: float, turn_radps: float = 0.0) -> None:
        msg = Twist()
        msg.linear.x, msg.angular.z = forward_mps, turn_radps
        self.command.publish(msg)

    @property
    def place(self) -> np.ndarray:
        return self.poses[-1][1][:2, 3]


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Callable[..., None]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

    def start(**parameters: object) -> None:
        words = [w for key, value in parameters.items() for w in ("-p", f"{key.replace('__', '.')}:={value}")]
        rclpy.init(args=["--ros-args", *words], domain_id=run_config(tmp_path).domain_id)

    yield start
    rclpy.try_shutdown()


def _spin(executor: SingleThreadedExecutor, until: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    patience = Patience()
    while not until() and patience.used_s() < timeout_s:
        executor.spin_once(timeout_sec=0.02)
    return until()


def test_a_robot_is_driven_stops_in_silence_and_tells_of_a_wall(ros: Callable[..., None]) -> None:
    ros(
        scene="train_02", mode="paced", real_time_factor=5.0, sim__width=32, sim__height=24, paced__physics_hz=20,
        paced__camera_hz=5, sim__laser="rplidar",
    )  # fmt: skip
    executor, bridge, driver = SingleThreadedExecutor(), SimBridgeNode(), _Driver()
    executor.add_node(bridge)
    executor.add_node(driver)
    try:
        assert _spin(executor, lambda: driver.command.get_subscription_count() > 0 and len(driver.poses) > 5)
        assert np.allclose(driver.place, 0.0), "nobody has said that it should move"
        first = driver.poses[-1][0]
        while driver.poses[-1][0] < first + 2 * m.NS:
            driver.drive(0.0, 1.0)
            executor.spin_once(timeout_sec=0.02)
        assert pose_yaw(driver.poses[-1][1]) > 1.0
        while True not in driver.contacts:  # whatever it faces now, a wall comes in the end
            driver.drive(0.3)
            executor.spin_once(timeout_sec=0.02)
            assert driver.poses[-1][0] < first + 60 * m.NS
        assert np.hypot(*driver.place) > 0.0
        last = driver.poses[-1][0]
        assert _spin(executor, lambda: driver.poses[-1][0] > last + m.NS)
        standing = [T for stamp, T in driver.poses if stamp > last + 0.9 * m.NS]
        assert all(np.array_equal(T, standing[0]) for T in standing), "no command for 0.5 s: it stands"
        assert _spin(executor, lambda: driver.contacts[-1] is False), "standing is no contact"
        stamps = [stamp for stamp, _ in driver.poses]
        assert set(np.diff(stamps)) == set(np.diff(driver.clock)) == {50_000_000}
        assert set(driver.clock[5:-5]) <= set(stamps)
        assert set(np.diff(driver.pictures)) == set(np.diff(driver.sweeps)) == {200_000_000}
    finally:
        executor.shutdown()
        bridge.close()
        driver.destroy_node()
        bridge.destroy_node()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"mode": "fast"}, "mode must be lockstep or paced, got 'fast'"),
        ({"mode": "paced", "real_time_factor": 0.0}, "need real_time_factor > 0 and seconds >= 0, got 0.0"),
        ({"paced__camera_hz": 7}, r"parameters paced\.\* of sim_bridge: physics_hz must be 10..1000 and a multiple"),
    ],
)
def test_wrong_parameters_are_named(ros: Callable[..., None], parameters: dict[str, object], message: str) -> None:
    ros(scene="train_02", sim__width=32, sim__height=24, **parameters)
    with pytest.raises(InputError, match=message):
        SimBridgeNode()


def test_a_laser_is_where_the_parameters_say(ros: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paced_planner, "warm_up", lambda config: None)
    ros(mode="paced", use_scan=True, laser__x_m=0.1, laser__y_m=-0.2, laser__height_m=0.4, laser__yaw_rad=0.5)
    node = PlannerNode()
    try:
        np.testing.assert_allclose(node._paced._T_base_laser, planar_pose(0.1, -0.2, 0.5, 0.4))
    finally:
        node.destroy_node()


def test_a_paced_run_of_all_nodes(run_config: Callable[..., StackConfig], tmp_path: Path) -> None:
    config = run_config(
        tmp_path / "run",
        mode="paced",
        minutes=0.1,
        real_time_factor=0.5,
        camera_hz=2,
        scene="train_02",
        write_truth=True,
        motion_noise="odometry",
        wall_heading=True,
    )
    result = run_stack(config, lambda _: None)
    trajectory = json.loads(result.trajectory_path.read_text())
    truth = json.loads((tmp_path / "run" / "truth.json").read_text())
    assert truth["stamps_ns"] == [m.NS + k * m.NS // 2 for k in range(13)]
    mapped = trajectory["stamps_ns"]  # where the machine is slow, the detector leaves some out, but never the last one
    assert result.frames == len(mapped) == len(trajectory["poses"]) and set(mapped) <= set(truth["stamps_ns"])
    assert mapped[-1] == truth["stamps_ns"][-1]
    if mapped[0] == m.NS:
        np.testing.assert_allclose(trajectory["poses"][0], 0.0, atol=1e-9)
    off = np.array(trajectory["poses"])[-1, 2] - np.array(truth["poses"])[-1, 2]
    assert abs(np.angle(np.exp(1j * off))) < 0.15, "odometry through the heading node is about the true one"
    said = re.search(r"(\d+) of (\d+) pictures corrected the heading", (tmp_path / "run/log/heading.log").read_text())
    assert said is not None and int(said[1]) >= 1 and int(said[2]) == 13, "the detector leaves some out, this node none"
    turned = np.abs(np.angle(np.exp(1j * np.diff(np.array(truth["poses"])[:, 2]))))
    assert turned.sum() > 0.1, "it looks around first; how far it gets is a matter of the machine's load"
    bag = open_bag(result.bag)
    assert len(bag) == 13
    assert json.loads(result.status_path.read_text())["contacts"] == 0
