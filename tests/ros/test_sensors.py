# SPDX-License-Identifier: Apache-2.0
"""The sensors' settings as ROS parameters, and the laser's message."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

import rclpy
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import LaserScan as LaserScanMessage

from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes import convert
from seal_perception.nodes.params import declare_config
from seal_perception.pose import planar_pose
from seal_perception.simulator import LaserScan
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.robot.config import robot

pytestmark = pytest.mark.ros


@pytest.fixture
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """A node with the test's parameters, given as on a command line."""
    given = [part for text in request.param for part in ("-p", text)]
    rclpy.init(args=["--ros-args", *given] if given else [])
    made = Node("settings")
    yield made
    made.destroy_node()
    rclpy.shutdown()


@pytest.mark.parametrize("node", [[]], indirect=True)
def test_without_parameters_the_defaults_hold(node: Node) -> None:
    assert declare_config(node, EmbeddedConfig, "sim") == EmbeddedConfig()
    for name in ("depth_noise", "colour_noise", "motion_noise", "laser"):
        assert node.get_parameter(f"sim.{name}").value == "none"


SET = ["sim.intrinsics:=[610.0,611.0,320.0,240.0]", "sim.depth_noise:=d435", "sim.laser:=rplidar", "sim.width:=640"]


@pytest.mark.parametrize("node", [[*SET, "sim.motion_noise:=none", "sim.camera_pitch_deg:=10"]], indirect=True)
def test_sensors_are_set_by_flat_names(node: Node) -> None:
    config = declare_config(node, EmbeddedConfig, "sim")
    assert config == EmbeddedConfig(
        width=640, intrinsics=(610.0, 611.0, 320.0, 240.0), depth_noise="d435", laser="rplidar", camera_pitch_deg=10.0
    )


@pytest.mark.parametrize("node", [["sim.camera_height_m:=0.5"]], indirect=True)
def test_a_robot_by_name_gives_the_defaults(node: Node) -> None:
    config = declare_config(node, robot("locobot", depth_noise="d435"), "sim")
    assert config == robot("locobot", depth_noise="d435", camera_height_m=0.5)


@pytest.mark.parametrize("node", [["sim.depth_noise:=kinect"]], indirect=True)
def test_a_wrong_name_is_one_line(node: Node) -> None:
    with pytest.raises(InputError, match=r"parameters sim\.\* of settings: depth_noise must be none, d435"):
        declare_config(node, EmbeddedConfig, "sim")


def test_a_sweep_goes_there_and_back() -> None:
    ranges = np.array([1.0, np.inf, -np.inf, 3.25], np.float32)
    scan = LaserScan(ranges, -1.0, 0.5, 0.125, 12.0, planar_pose(0.1, 0.0, 0.2, 0.3))
    sent = convert.scan_to_message(scan, convert.make_header(7, m.LASER_FRAME), 0.1)
    msg = deserialize_message(serialize_message(sent), LaserScanMessage)
    assert msg.header.frame_id == "laser" and m.header_stamp_ns(msg) == 7
    assert (msg.angle_max, msg.range_min, msg.range_max) == (0.5, 0.125, 12.0)
    back = m.scan_from_message(msg, scan.T_base_laser)
    np.testing.assert_array_equal(back.ranges, ranges)
    np.testing.assert_array_equal(back.angles_rad, scan.angles_rad)
    np.testing.assert_array_equal(back.T_base_laser, scan.T_base_laser)


def test_a_sweep_that_does_not_fit_its_angles_is_refused() -> None:
    msg = LaserScanMessage(angle_min=0.0, angle_max=1.0, angle_increment=0.5, ranges=[1.0, 2.0])
    with pytest.raises(InputError, match="hold 3 beams must have as many ranges, got 2"):
        m.scan_from_message(msg, np.eye(4))
    for name in ("angle_min", "angle_max", "angle_increment"):
        wrong = LaserScanMessage(angle_min=0.0, angle_max=0.5, angle_increment=0.5, ranges=[1.0, 2.0])
        setattr(wrong, name, float("nan"))
        with pytest.raises(InputError, match="must be numbers, got"):
            m.scan_from_message(wrong, np.eye(4))
