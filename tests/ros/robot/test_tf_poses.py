# SPDX-License-Identifier: Apache-2.0
"""Poses of pictures by /tf in live nodes: a mounting that stands, a head that pans, frames that are missing.

tf2_msgs is no wheel: transforms are handed to the node's own callback, all else comes over ROS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from std_msgs.msg import String
from tests.ros.robot.graph import Graph, Robot, graph, odometry, picture

from seal_mapping.nodes.mapping_node import MappingNode
from seal_perception import messages as m
from seal_perception.errors import InputError, MissingDependencyError
from seal_perception.nodes.transforms import transform_message
from seal_perception.pose import camera_mounting, planar_pose
from seal_perception.types import FloatArray
from seal_policy.nodes.planner_node import PlannerNode

pytestmark = pytest.mark.ros

MS = 1_000_000
MOUNT = camera_mounting(0.5, 0.1, left_m=0.0175)
NAMES = {"odometry__tf_odom_frame": "locobot/odom", "odometry__tf_base_frame": "locobot/base_footprint"}


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    module = ModuleType("tf2_msgs.msg")
    module.TFMessage = String  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tf2_msgs", ModuleType("tf2_msgs"))
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", module)
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    yield lambda **parameters: graph(run_config(tmp_path).domain_id, lockstep="false", **{**NAMES, **parameters})


def tell(node: Any, stamp_ns: int, *rows: tuple[str, str, FloatArray], static: bool = False) -> None:
    """A message on /tf or /tf_static."""
    message = SimpleNamespace(transforms=[transform_message(*row, stamp_ns) for row in rows])
    node.transforms._on_transforms(message, static)


def tell_pose(node: Any, stamp_ns: int, x: float) -> None:
    tell(node, stamp_ns, ("locobot/odom", "locobot/base_footprint", planar_pose(x, 0.0, 0.0)))


def _mapping(one: Graph) -> tuple[Any, Robot, list[FloatArray]]:
    mapping, robot = one.make(MappingNode), one.make(Robot)
    taken: list[FloatArray] = []
    mapping._map.integrate_scores = lambda frame, scores: taken.append(frame.T_map_camera)
    assert one.spin_until(lambda: robot.heard(m.COLOUR, m.DEPTH, m.CAMERA_INFO, m.SCORES))
    return mapping, robot, taken


def test_pose_and_mounting_by_tf_and_odometry_is_not_needed(start: Callable[..., Any]) -> None:
    with start(odometry__pose_source="tf") as one:
        mapping, robot, taken = _mapping(one)
        tell(mapping, 0, ("locobot/base_footprint", m.CAMERA_FRAME, MOUNT), static=True)
        for k in range(10):
            tell_pose(mapping, m.NS + k * 50 * MS, 0.01 * k)
        robot.send(picture(m.NS + 125 * MS))
        assert one.spin_until(lambda: len(taken) == 1)
        np.testing.assert_allclose(taken[0], planar_pose(0.025, 0, 0) @ MOUNT, atol=1e-9)


@pytest.mark.parametrize("source", ["tf", "odometry_tf"])
def test_a_head_that_pans_is_looked_up_per_picture(start: Callable[..., Any], source: str) -> None:
    with start(odometry__pose_source=source) as one:
        mapping, robot, taken = _mapping(one)
        tell(mapping, 0, ("locobot/pan_link", m.CAMERA_FRAME, MOUNT), static=True)
        for k in range(40):
            stamp = m.NS + k * 20 * MS
            tell(mapping, stamp, ("locobot/base_footprint", "locobot/pan_link", planar_pose(0, 0, 0.02 * k)))
            if source == "tf":
                tell_pose(mapping, stamp, 0.0)
            else:
                robot.send({m.ODOM: odometry(stamp)})
            if k % 10 == 5:
                robot.send(picture(stamp - 3 * MS))
            one.spin_for(0.02)
        assert one.spin_until(lambda: len(taken) == 4)
        for T, k in zip(taken, (5, 15, 25, 35), strict=True):
            np.testing.assert_allclose(T, planar_pose(0, 0, 0.02 * k - 0.003) @ MOUNT, atol=1e-9)


def test_frames_that_are_missing_or_stale_are_named(
    start: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    with start(odometry__pose_source="tf", odometry__wait_s=0.2) as one:
        mapping, robot, taken = _mapping(one)
        said: list[str] = []

        def heard(text: str) -> Callable[[], bool]:
            def look() -> bool:
                said.append(capfd.readouterr().err)
                return text in "".join(said)

            return look

        robot.send(picture(m.NS))
        assert one.spin_until(heard("by /tf: 1 with no transforms that lead from locobot/odom to locobot/base_footp"))
        tell_pose(mapping, m.NS, 0.0)
        tell_pose(mapping, 2 * m.NS, 0.0)
        robot.send(picture(m.NS + 5 * MS))
        assert one.spin_until(heard(f"no transforms that lead from locobot/base_footprint to {m.CAMERA_FRAME}"))
        tell(mapping, 0, ("locobot/base_footprint", m.CAMERA_FRAME, MOUNT), static=True)
        robot.send(picture(m.NS + 10 * MS))  # between transforms that lie 1 s apart
        robot.send(picture(3 * m.NS))
        assert one.spin_until(heard("1 with no transform locobot/odom -> locobot/base_footprint after it in time"))
        assert "a gap in the transforms (locobot/odom -> locobot/base_footprint)" in "".join(said)
        assert taken == [] and mapping._frames.dropped == 4


def test_a_jump_on_tf_makes_the_map_void_and_stamps_that_go_back_do_not(start: Callable[..., Any]) -> None:
    with start(odometry__pose_source="tf") as one:
        mapping, _, _ = _mapping(one)
        tell_pose(mapping, 9 * m.NS, 0.0)
        tell_pose(mapping, m.NS, 0.0)
        assert not mapping.void
        tell_pose(mapping, m.NS + 50 * MS, 1.0)
        assert mapping.void.startswith("odometry jumped by 1.00 m")


def test_the_planner_sees_and_steers_in_the_frame_that_somebody_corrects(start: Callable[..., Any]) -> None:
    """map -> odom turns by 0.1 rad: pictures and commands both have it, at odometry's pose of that moment."""
    with start(odometry__pose_source="tf", odometry__tf_map_frame="map", mode="paced", enable="true") as one:
        planner, robot = one.make(PlannerNode), one.make(Robot)
        paced = planner._paced
        seen: list[tuple[FloatArray, FloatArray]] = []
        steered: list[FloatArray] = []
        paced._driver.see_depth = lambda at, depth, camera, T, mount: seen.append((T, mount))
        stub = SimpleNamespace(forward_mps=0.1, turn_radps=0.0)
        paced._driver.steer = lambda at, T, goal, heading: steered.append(T) or stub
        paced.guard.reasons = lambda clock_s: []
        assert one.spin_until(lambda: robot.heard(m.ODOM, m.DEPTH, m.CAMERA_INFO))
        robot.send({m.ODOM: odometry(m.NS, x=1.0)})
        assert one.spin_until(lambda: paced.guard._odd is not None) and steered == []
        assert paced.guard._odd[0] == "no transform map -> locobot/odom"
        tell(planner, 0, ("locobot/base_footprint", m.CAMERA_FRAME, MOUNT), static=True)
        for k in range(3):
            stamp = m.NS + k * 100 * MS
            tell(planner, stamp, ("map", "locobot/odom", planar_pose(0, 0, 0.1)))
            tell_pose(planner, stamp, 1.0 + 0.01 * k)
        robot.send({m.ODOM: odometry(m.NS + 150 * MS, x=1.015), **picture(m.NS + 150 * MS)})
        assert one.spin_until(lambda: len(seen) == 1 and len(steered) == 1)
        turned = planar_pose(0, 0, 0.1) @ planar_pose(1.015, 0, 0)
        np.testing.assert_allclose(seen[0][0], turned, atol=1e-9)
        np.testing.assert_allclose(seen[0][1], MOUNT, atol=1e-9)
        np.testing.assert_allclose(steered[0], turned, atol=1e-9)


def test_the_planner_stands_when_the_frame_is_corrected_no_more(start: Callable[..., Any]) -> None:
    """The heading node was killed: its last map -> odom stays, and pictures after it have no pose."""
    unwatched = {f"guard__{name}_s": "0.0" for name in ("odometry", "map", "goal", "scores", "late")}
    by_tf = {"odometry__pose_source": "tf", "odometry__tf_map_frame": "map"}
    with start(mode="paced", enable="true", **by_tf, **unwatched) as one:
        planner, robot = one.make(PlannerNode), one.make(Robot)
        guard = planner._paced.guard
        assert one.spin_until(lambda: robot.heard(m.ODOM, m.DEPTH, m.CAMERA_INFO))
        tell(planner, 0, ("locobot/base_footprint", m.CAMERA_FRAME, MOUNT), static=True)
        stamp = m.NS

        def drive(seconds: float, corrected: bool) -> list[str]:
            nonlocal stamp
            for tick in range(round(20 * seconds)):
                stamp += 50 * MS
                if corrected:
                    tell(planner, stamp, ("map", "locobot/odom", planar_pose(0, 0, 0.1)))
                tell_pose(planner, stamp, 0.0)
                robot.send({m.ODOM: odometry(stamp)})
                if tick % 4 == 0:
                    robot.send({t: msg for t, msg in picture(stamp).items() if t in (m.DEPTH, m.CAMERA_INFO)})
                one.spin_for(0.02)
            return list(guard.reasons(planner._paced._now_s()))

        assert drive(2.0, corrected=True) == []
        assert drive(guard.config.picture_s + 0.4, corrected=False)[0].startswith("no picture for")
        assert drive(1.0, corrected=True) == []


def test_without_tf2_msgs_a_node_that_needs_it_says_what_to_install(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tf2_msgs", None)
    monkeypatch.delitem(sys.modules, "tf2_msgs.msg")
    with (
        start(odometry__pose_source="tf"),
        pytest.raises(MissingDependencyError, match=r"install ros-\$ROS_DISTRO-tf2-msgs, or set odometry.pose_source"),
    ):
        MappingNode()
    with start(odometry__pose_source="tfs"), pytest.raises(InputError, match="pose_source must be one of odometry"):
        MappingNode()
