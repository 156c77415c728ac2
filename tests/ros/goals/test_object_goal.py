# SPDX-License-Identifier: Apache-2.0
"""`object_goal` over ROS: the policy node maps pictures, searches, says where to go and how it ended."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import OccupancyGrid
from std_msgs.msg import String
from tests.policy.objectgoal.worlds import ByColour, chair_at, world
from tests.ros.robot.graph import Graph, Robot, graph

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_specs import nodes_of
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import robot_nodes
from seal_mapping.nodes.map_messages import explored_to_occupancy, obstacles_to_occupancy
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.grid import Grid2D
from seal_perception.nodes import convert
from seal_perception.nodes.base import SealNode
from seal_perception.pose import planar_pose
from seal_policy.driving.velocity_driver import VelocityDriver
from seal_policy.nodes.inputs import message_to_goal, message_to_heading
from seal_policy.nodes.policy_node import PolicyNode
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.robot.paced_robot import PacedConfig, PacedRobot

pytestmark = pytest.mark.ros


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, run_config: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    yield lambda **parameters: graph(run_config(tmp_path).domain_id, lockstep="false", mode="paced", **parameters)


class _Person(SealNode):
    """Asks for things, and hears what comes of it."""

    def __init__(self) -> None:
        super().__init__("person")
        self.goals: list[PoseStamped] = []
        self.told: list[DiagnosticStatus] = []
        self.results: list[dict[str, str]] = []
        self.gate = self.advertise(DiagnosticArray, m.EXPLORE_STATUS, depth=10)
        self.wish = self.advertise(String, m.OBJECT_GOAL)
        self.subscribe(PoseStamped, m.GOAL, self.goals.append)
        self.subscribe(DiagnosticArray, m.OBJECT_STATUS, lambda msg: self.told.append(msg.status[0]), latched=True)
        self.subscribe(DiagnosticArray, m.OBJECT_RESULT, lambda msg: self.results.append(_values(msg)), latched=True)

    @property
    def state(self) -> str:
        return _of(self.told[-1], "state") if self.told else ""


def _values(msg: DiagnosticArray) -> dict[str, str]:
    return {pair.key: pair.value for pair in msg.status[0].values}


def _of(status: DiagnosticStatus, key: str) -> str:
    return next(pair.value for pair in status.values if pair.key == key)


class _Rolling:
    """A robot in a room: sends what it senses, drives to the goals that come back; mapping's part is played here."""

    def __init__(self, one: Graph, robot: Robot, person: _Person, room: EmbeddedSimulator) -> None:
        self._one, self._robot, self._person, self._room = one, robot, person, room
        self._map, self._detector, self.driver = VoxelMap(), ByColour(), VelocityDriver()
        self._grids = one.make(_Grids)
        self.offset = np.eye(4)
        room.reset(0)
        self.wheels = PacedRobot(room, PacedConfig(physics_hz=10, camera_hz=5))

    def step(self, stands: bool = False) -> None:
        """One picture, and the driving until the next; it stands for 2 s instead."""
        seen, room, wheels = self._room.observe(), self._room, self.wheels
        T_odom_base = self.offset @ seen.T_odom_base
        stamp = wheels.stamp_ns
        frame = Frame(stamp, seen.rgb, seen.depth, room.camera, T_odom_base @ room.T_base_camera)
        scores = self._detector.detect(seen.rgb).score_image()
        self._map.integrate_scores(frame, scores)
        optical, count = convert.make_header(stamp, m.CAMERA_FRAME), len(self._person.goals)
        self._robot.send(
            {
                m.ODOM: convert.pose_to_odometry(T_odom_base, convert.make_header(stamp, m.ODOM_FRAME), m.BASE_FRAME),
                m.COLOUR: convert.rgb_to_image(seen.rgb, optical),
                m.DEPTH: convert.depth_to_image(seen.depth, optical),
                m.CAMERA_INFO: convert.camera_to_info(room.camera, optical),
                m.SCORES: convert.scores_to_image(scores, optical),
            }
        )
        obstacles, explored = self._map.obstacles(), self._map.explored()
        self._grids.send(obstacles, explored, stamp)
        assert self._one.spin_until(lambda: len(self._person.goals) > count), "no goal for a picture"
        if stands:
            for _ in range(20):
                wheels.tick()
            return
        self.driver.see_depth(wheels.time_s, seen.depth, room.camera, T_odom_base, room.T_base_camera)
        self.driver.see_map(obstacles, explored)
        goal, heading = message_to_goal(self._person.goals[-1]), message_to_heading(self._person.goals[-1])
        for _ in range(2):
            speed = self.driver.steer(wheels.time_s, self.offset @ room.T_odom_base, goal, heading)
            wheels.command(speed.forward_mps, speed.turn_radps)
            if wheels.tick():
                self.driver.see_contact()

    def jump(self, x_m: float, y_m: float) -> None:
        """Odometry begins anew elsewhere; so do mapping, after map/reset, and the planner, when it is enabled."""
        self.offset = planar_pose(x_m, y_m, 0.0)
        self._map, self.driver = VoxelMap(), VelocityDriver()


class _Grids(SealNode):
    """Publishes the grids as the mapping node does."""

    def __init__(self) -> None:
        super().__init__("mapping")
        self._obstacles = self.advertise(OccupancyGrid, m.OBSTACLES, latched=True)
        self._explored = self.advertise(OccupancyGrid, m.EXPLORED, latched=True)

    def send(self, obstacles: Grid2D, explored: Grid2D, stamp_ns: int) -> None:
        header = convert.make_header(stamp_ns, m.MAP_FRAME)
        self._obstacles.publish(obstacles_to_occupancy(obstacles, explored, header))
        self._explored.publish(explored_to_occupancy(explored, header))


def test_a_robot_is_sent_to_a_chair_stops_before_it_and_is_sent_exploring_again(start: Callable[..., Any]) -> None:
    room = world(chair_at(2.0, 0.5))
    mounting = {"mounting__height_m": float(room.T_base_camera[2, 3])}
    with start(object_goals=True, use_sim_time=False, **mounting) as one:
        one.make(PolicyNode)
        robot, person = one.make(Robot), one.make(_Person)
        rolling = _Rolling(one, robot, person, room)
        assert one.spin_until(lambda: robot.heard() and person.wish.get_subscription_count() > 0)
        for _ in range(20):
            rolling.step()
        assert person.state == "idle" and person.results == []
        person.wish.publish(String(data="lamp"))
        assert one.spin_until(lambda: person.told[-1].level == DiagnosticStatus.WARN)
        assert "object_goal must be one of chair, couch" in person.told[-1].message and person.state == "idle"
        assert one.spin_until(lambda: len(person.results) == 1) and person.results.pop()["state"] == "refused"
        person.wish.publish(String(data="chair"))
        assert one.spin_until(lambda: person.state == "searches")
        for _ in range(300):
            rolling.step()
            if person.results:
                break
        (result,) = person.results
        assert (result["category"], result["state"], result["active"]) == ("chair", "found", "true")
        assert math.dist((float(result["x_m"]), float(result["y_m"])), (2.0, 0.5)) < 0.3
        assert float(result["away_m"]) <= 1.0 and float(result["way_m"]) > 0.3
        for _ in range(10):
            rolling.step()
        before = room.T_odom_base.copy()
        for _ in range(5):
            rolling.step()
        np.testing.assert_allclose(room.T_odom_base, before, atol=1e-6)
        assert message_to_goal(person.goals[-1]) is None and message_to_heading(person.goals[-1]) is not None
        person.wish.publish(String(data=""))
        assert one.spin_until(lambda: person.state == "idle")
        for _ in range(10):
            rolling.step()
        assert not np.allclose(room.T_odom_base, before, atol=1e-3), "it explores again"
        assert len(person.results) == 1


def _ask(one: Graph, person: _Person, category: str) -> None:
    person.wish.publish(String(data=category))
    assert one.spin_until(lambda: person.state == "searches")


def _until(rolling: _Rolling, over: Callable[[], bool], pictures: int = 300) -> bool:
    for _ in range(pictures):
        if over():
            return True
        rolling.step()
    return over()


def test_a_search_waits_while_the_robot_may_not_drive(start: Callable[..., Any]) -> None:
    """Who asks for a chair and presses Start a minute later finds the same chair: standing is no failure."""
    room = world(chair_at(2.0, 0.5))
    with start(object_goals=True, search_s=60.0, mounting__height_m=float(room.T_base_camera[2, 3])) as one:
        one.make(PolicyNode)
        robot, person = one.make(Robot), one.make(_Person)
        rolling = _Rolling(one, robot, person, room)
        assert one.spin_until(lambda: robot.heard() and person.wish.get_subscription_count() > 0)
        assert _until(rolling, lambda: False, 70) is False
        _ask(one, person, "chair")
        assert _until(rolling, lambda: person.state == "goes")
        rolling.step()
        before = float(_of(person.told[-1], "seconds"))
        for _ in range(60):
            person.gate.publish(convert.status_message("sim_bridge: gate", 1, [], "not enabled", DiagnosticStatus.WARN))
            rolling.step(stands=True)
        assert person.state == "goes" and float(_of(person.told[-1], "seconds")) < before + 5.0
        person.gate.publish(convert.status_message("sim_bridge: gate", 2, [], "may drive"))
        assert _until(rolling, lambda: bool(person.results)) and person.results[0]["state"] == "found"


def test_after_a_jump_of_odometry_it_searches_in_a_map_of_the_new_frame(start: Callable[..., Any]) -> None:
    room = world(chair_at(2.0, 0.5))
    with start(object_goals=True, mounting__height_m=float(room.T_base_camera[2, 3])) as one:
        one.make(PolicyNode)
        robot, person = one.make(Robot), one.make(_Person)
        rolling = _Rolling(one, robot, person, room)
        assert one.spin_until(lambda: robot.heard() and person.wish.get_subscription_count() > 0)
        _until(rolling, lambda: False, 10)
        _ask(one, person, "chair")
        assert _until(rolling, lambda: person.state == "goes")
        rolling.jump(3.0, -1.0)
        assert _until(rolling, lambda: bool(person.results))
        (result,) = person.results
        assert result["state"] == "found"
        assert math.dist((float(result["x_m"]), float(result["y_m"])), (5.0, -0.5)) < 0.3


@pytest.mark.parametrize("wanted", [False, True])
def test_the_stack_and_a_robot_take_searches_where_they_are_asked_for(wanted: bool, tmp_path: Path) -> None:
    robot = RobotConfig(fake=True, run_dir=str(tmp_path / "robot"), object_goals=wanted)
    sim = StackConfig(mode="paced", run_dir=tmp_path / "sim", object_goals=wanted, map_preset="noisy")
    for nodes in (robot_nodes(robot), nodes_of(sim)):
        policy, mapping = (next(node for node in nodes if node.name == name) for name in ("policy", "mapping"))
        assert policy.parameters.get("object_goals", False) is wanted
        maps = {name: value for name, value in mapping.parameters.items() if name.startswith(("map.", "mounting."))}
        same = maps.items() <= policy.parameters.items()
        assert same is wanted, "one map for both"
    file = tmp_path / "stack.yaml"
    file.write_text("mapping:\n  ros__parameters: {map.max_depth_m: 2.5, mounting.height_m: 0.6}\n")
    nodes = {node.name: node.parameters for node in nodes_of(dataclasses.replace(sim, stack=str(file)))}
    for name, value in (("map.max_depth_m", 2.5), ("mounting.height_m", 0.6)):
        assert nodes["mapping"][name] == value and (nodes["policy"].get(name) == value) is wanted
    assert ("semantic/scores" in next(n for n in nodes_of(sim) if n.name == "policy").subscribes) is wanted
    with pytest.raises(InputError, match="object_goals is for mode paced; got lockstep"):
        StackConfig(run_dir=tmp_path, object_goals=True)


def test_in_lockstep_nobody_can_be_asked(start: Callable[..., Any], run_config: Any, tmp_path: Path) -> None:
    with (
        graph(run_config(tmp_path).domain_id, object_goals=True),
        pytest.raises(InputError, match="object_goals needs mode paced"),
    ):
        PolicyNode()
