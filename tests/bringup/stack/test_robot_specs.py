# SPDX-License-Identifier: Apache-2.0
"""The nodes of a robot's run, a recording and a replay, and the launch files that start them."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import socket
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from seal_bringup.stack import robot_config
from seal_bringup.stack.config import StackConfig, shared_folder
from seal_bringup.stack.known_parameters import unknown_parameters
from seal_bringup.stack.launching import LaunchError, launch_arguments, read_arguments, require_good_end
from seal_bringup.stack.node_process import NodeProcess
from seal_bringup.stack.node_specs import NodeSpec
from seal_bringup.stack.replay import REPLAYED, ReplayConfig, play_command, replay_nodes
from seal_bringup.stack.robot_check import prepare_robot_run
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import CLEARANCE_M, RECORDED, driver_arguments, record_nodes, robot_nodes
from seal_mapping.bags import messages as bm
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.recorder import APART, FrameRecorder
from seal_mapping.bags.writer import BagWriter
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.nodes.stamp_matching import StampMatcher
from seal_perception.pose import camera_mounting, planar_pose
from sim_bridge.fake_robot.faces import FACES

ROBOTS = ("locobot_kobuki", "locobot_create3", "turtlebot4", "tiago", "generic")


@pytest.fixture(autouse=True)
def tf2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether tf2_msgs is installed must not decide a test."""
    monkeypatch.setattr(robot_config, "is_installed", lambda kind: True)


CAMERA = {"colour_topic": "/cam/rgb", "depth_topic": "/{robot}/cam/depth"}
"""What the files of other robots do not name."""


def made(**changes: Any) -> dict[str, NodeSpec]:
    if changes.get("robot", "locobot_").split("_")[0] != "locobot":
        changes = {**CAMERA, **changes}
    return {node.name: node for node in robot_nodes(RobotConfig(weights="none", **changes))}


@pytest.mark.parametrize("robot", ROBOTS)
def test_every_robots_nodes_have_the_parameters_that_they_are_given(robot: str) -> None:
    nodes = made(robot=robot, wall_heading=True, use_laser=True)
    names = ["robot_bridge", "heading", "perception", "mapping", "policy", "planner", "recorder", "monitor"]
    assert list(nodes) == names
    for node in nodes.values():
        if node.name != "robot_bridge":  # its file is checked beside it
            assert unknown_parameters(node.name, node.parameters) == [], node.name
        assert node.namespace == "seal" and node.parameters["lockstep"] is False
    assert nodes["robot_bridge"].parameter_files[0].endswith(f"{robot}.yaml")


def test_nothing_moves_before_a_person_says_so_and_one_node_alone_asks() -> None:
    nodes = made()
    assert nodes["robot_bridge"].parameters["enable"] is False
    planner = nodes["planner"].parameters
    assert planner["serve_enable"] is False and "enable" not in planner
    assert made(enable=True)["robot_bridge"].parameters["enable"] is True


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_planner_slews_as_the_gate_does(robot: str) -> None:
    """Arcs that slew twice as fast as the gate lets them end beside where they were checked."""
    nodes, limits = made(robot=robot), RobotConfig(robot=robot).limits
    planner, policy = nodes["planner"].parameters, nodes["policy"].parameters
    for name in ("max_forward_mps", "max_turn_radps", "forward_mps2", "turn_radps2"):
        assert planner[f"velocity.{name}"] == limits[name], name
    assert (
        planner["velocity.touch_margin_m"] == planner["planner.margin_m"] == policy["planner.margin_m"] == CLEARANCE_M
    )


@pytest.mark.parametrize(
    ("robot", "odom", "base"),
    [
        ("locobot_kobuki", "rn/odom", "rn/base_footprint"),
        ("locobot_create3", "rn/odom", "rn/base_link"),
        ("generic", "odom", "base_link"),
    ],
)
def test_frames_are_those_of_tf(robot: str, odom: str, base: str) -> None:
    """A Create 3's messages say odom and base_link, /tf has the robot's name before them."""
    for name in ("mapping", "policy", "planner"):
        given = made(robot=robot, robot_name="rn")[name].parameters
        assert given["odometry.pose_source"] == "odometry_tf"
        assert (given["odometry.tf_odom_frame"], given["odometry.tf_base_frame"]) == (odom, base)
    recorder = made(robot=robot, robot_name="rn", pose_source="odometry")["recorder"].parameters
    if robot == "locobot_create3":
        odom, base = "odom", "base_link"
    assert (recorder["record_tf"], recorder["odom_frame"], recorder["base_frame"]) == (False, odom, base)


def test_a_create3s_bag_without_tf_has_a_pose_for_each_frame(tmp_path: Path) -> None:
    """/tf is made from the names in its messages, and /tf_static had those of /tf: two trees."""
    given = made(robot="locobot_create3", pose_source="odometry")["recorder"].parameters
    frames = given["odom_frame"], given["base_frame"], given["camera_frame"]
    mounting = camera_mounting(given["mounting.height_m"])
    said = FACES["create3"]
    with BagWriter(tmp_path / "bag") as writer:
        recorder = FrameRecorder(writer, mounting, APART, frames)
        for k in range(3):
            stamp = m.NS * (1 + k)
            odometry = bm.odometry_message(planar_pose(k, 0, 0), stamp)
            odometry.header.frame_id, odometry.child_frame_id = said.odom_frame, said.base_frame
            messages = {
                m.ODOM: odometry,
                m.COLOUR: bm.image_message(np.zeros((12, 16, 3), np.uint8), "rgb8", stamp),
                m.DEPTH: bm.image_message(np.ones((12, 16), np.float32), "32FC1", stamp),
                m.CAMERA_INFO: bm.camera_info_message(Camera.from_hfov(16, 12, 1.2), stamp),
            }
            for topic, message in messages.items():
                recorder.add(topic, bm.encode(topic, message))
        recorder.flush(everything=True)
    items = list(open_bag(tmp_path / "bag"))
    assert len(items) == 3
    for k, item in enumerate(items):
        np.testing.assert_allclose(item.frame.T_map_camera, planar_pose(k, 0, 0) @ mounting, atol=1e-9)


def test_without_tf2_msgs_the_mounting_comes_from_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robot_config, "is_installed", lambda kind: False)
    given = made(camera_height_m=0.6, camera_left_m=-0.1, tilt_deg=10.0)["mapping"].parameters
    assert given["odometry.pose_source"] == "odometry"
    assert [given[f"mounting.{k}"] for k in ("height_m", "left_m", "tilt_down_deg")] == [0.6, -0.1, 10.0]


def test_without_tf2_msgs_the_heading_node_stands_between_gate_and_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was refused: a robot without tf2_msgs had no heading by walls."""
    monkeypatch.setattr(robot_config, "is_installed", lambda kind: False)
    nodes = made(wall_heading=True, camera_height_m=0.6)
    assert nodes["robot_bridge"].remappings[m.ODOM] == m.WHEELS
    assert nodes["heading"].parameters["correct"] == "odom" and nodes["heading"].parameters["mounting.height_m"] == 0.6
    for name in ("mapping", "policy", "planner"):
        assert nodes[name].parameters["odometry.pose_source"] == "odometry" and m.ODOM not in nodes[name].remappings
        assert "odometry.tf_map_frame" not in nodes[name].parameters
    with pytest.raises(InputError, match="corrects poses in odom, as tf2_msgs is not installed: leave pose_source"):
        RobotConfig(wall_heading=True, pose_source="odometry_tf")
    (tmp_path / "metadata.yaml").touch()
    with pytest.raises(InputError, match="wall_heading of a replay needs tf2_msgs"):
        ReplayConfig(bag=str(tmp_path), wall_heading=True)


def test_the_heading_corrects_the_map_and_all_that_drive_go_by_it() -> None:
    nodes = made(wall_heading=True)
    assert nodes["heading"].parameters["correct"] == "map"
    for name in ("mapping", "policy", "planner"):
        given = nodes[name].parameters
        assert (given["odometry.pose_source"], given["odometry.tf_map_frame"]) == ("tf", "map")


def test_a_policy_that_asks_how_uncertain_the_map_is_gets_told() -> None:
    for policy, told in (("frontier", False), ("gainful_views", True)):
        nodes = {node.name: node for node in robot_nodes(RobotConfig(policy=policy))}
        assert nodes["mapping"].parameters.get("uncertainty", False) is told
        assert nodes["policy"].parameters["policy"] == policy


def test_the_camera_has_its_drivers_topics_and_the_laser_its_own() -> None:
    nodes = made(camera_driver="4.55", camera_best_effort=True, use_laser=True, robot_name="rn")
    for name in ("perception", "mapping", "planner", "recorder"):
        assert nodes[name].remappings[m.DEPTH] == "/rn/camera/camera/aligned_depth_to_color/image_raw"
        assert nodes[name].parameters["qos.camera_depth_image_raw.reliability"] == "best_effort"
    assert nodes["planner"].remappings[m.SCAN] == "/rn/scan" and m.SCAN not in nodes["mapping"].remappings
    assert nodes["robot_bridge"].parameters["base.picture_topic"] == "/rn/camera/camera/color/camera_info"


@pytest.mark.parametrize(
    ("robot", "name", "info"),
    [
        ("turtlebot4", "turtlebot4", "/oakd/rgb/preview/camera_info"),
        ("tiago", "tiago", "/head_front_camera/rgb/camera_info"),
        ("generic", "robot", m.CAMERA_INFO),
    ],
)
def test_another_robot_keeps_the_camera_and_the_name_of_its_file(robot: str, name: str, info: str) -> None:
    """They were LoCoBot's, without a word."""
    nodes = made(robot=robot, use_laser=True)
    bridge = nodes["robot_bridge"].parameters
    assert bridge["base.robot_name"] == name and "base.picture_topic" not in bridge
    for node in ("perception", "mapping", "planner", "recorder"):
        heard = [nodes[node].remappings[topic] for topic in (m.COLOUR, m.DEPTH, m.CAMERA_INFO)]
        assert heard == ["/cam/rgb", f"/{name}/cam/depth", info]
    assert nodes["planner"].remappings[m.SCAN] == f"/{name}/scan"
    bridge = made(robot=robot, info_topic="/mine", robot_name="rn")["robot_bridge"].parameters
    assert (bridge["base.picture_topic"], bridge["base.robot_name"]) == ("/mine", "rn")
    with pytest.raises(
        InputError, match=f"topics of '{robot}' are not known: name them by colour_topic:=, depth_topic"
    ):
        robot_nodes(RobotConfig(robot=robot))


def test_a_locobots_camera_can_have_other_topics() -> None:
    nodes = made(depth_topic="/{robot}/d", info_topic="/{robot}/i", camera_frame="eye", pose_source="odometry")
    heard = [nodes["mapping"].remappings[topic] for topic in (m.COLOUR, m.DEPTH, m.CAMERA_INFO)]
    assert heard == ["/locobot/camera/color/image_raw", "/locobot/d", "/locobot/i"]
    assert nodes["robot_bridge"].parameters["base.picture_topic"] == "/locobot/i"
    assert nodes["recorder"].parameters["camera_frame"] == "eye"


def test_speeds_are_the_robots() -> None:
    kobuki, create3 = made()["planner"].parameters, made(robot="locobot_create3")["planner"].parameters
    assert kobuki["velocity.max_forward_mps"] == create3["velocity.max_forward_mps"] == 0.25
    assert kobuki["driver.back_mps"] == 0.12 and create3["driver.back_m"] == 0.0, "a Create 3 refuses to drive back"


def test_a_fake_robot_and_its_gate_agree_on_messages() -> None:
    nodes = made(fake=True, robot="locobot_create3", scene="train_01")
    fake, bridge = nodes["fake_robot"], nodes["robot_bridge"]
    assert fake.parameters["fake.base"] == "create3" and fake.remappings == {}
    vendor = importlib.util.find_spec("irobot_create_msgs") is not None
    assert ("contact.topic" in bridge.parameters) != vendor
    assert fake.parameters["sim.camera_pitch_deg"] == nodes["mapping"].parameters["mounting.tilt_down_deg"]


def test_a_recording_drives_nothing(tmp_path: Path) -> None:
    nodes = {n.name: n for n in record_nodes(RobotConfig(run_dir=str(tmp_path), weights="none"))}
    assert list(nodes) == ["perception", "recorder"]
    assert nodes["recorder"].remappings[m.ODOM] == "/locobot/odom"
    assert nodes["recorder"].parameters["qos.odom.reliability"] == "best_effort", "a Create 3 offers no more"
    assert unknown_parameters("recorder", nodes["recorder"].parameters) == []
    assert "qos.odom.reliability" not in made()["recorder"].parameters, "the gate's is reliable"
    assert nodes["recorder"].parameters["path"] == str(tmp_path / "bag")


def test_a_replay_with_a_slow_detector_maps_to_the_end_of_the_bag(tmp_path: Path) -> None:
    """With a queue as long as mapping's memory each score came too late, from the first seconds on."""
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag" / "metadata.yaml").touch()
    nodes = {n.name: n for n in replay_nodes(ReplayConfig(bag=str(tmp_path / "bag"), weights="none"))}
    depth = int(nodes["perception"].parameters["qos.camera_color_image_raw.depth"])
    mapped: list[int] = []
    late_ns = int(nodes["mapping"].parameters["max_late_s"] * m.NS)
    matcher = StampMatcher(
        ("picture", "scores"), lambda stamp, parts: mapped.append(stamp), computed="scores", max_late_ns=late_ns
    )
    waiting: deque[int] = deque(maxlen=depth or None)
    for tick in range(60 * 30):  # 30 pictures a second, 5 of which the detector has time for
        matcher.add("picture", tick * m.NS // 30, None)
        waiting.append(tick * m.NS // 30)
        if tick % 6 == 5:
            matcher.add("scores", waiting.popleft(), None)
    assert len(mapped) == 300 and mapped[-1] > 57 * m.NS


@pytest.mark.parametrize("prefix", ["/robot1/", "robot1", "robot 1/", "1robot/"])
def test_a_prefix_of_frames_that_is_none_is_refused(prefix: str) -> None:
    for kind in (RobotConfig, StackConfig):
        with pytest.raises(InputError, match="frame_prefix must be empty or a name and a slash"):
            kind(frame_prefix=prefix)
        assert kind(frame_prefix="a/robot_1/").frame_prefix == "a/robot_1/"


def test_a_replay_hears_the_bag_and_makes_the_rest_anew(tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    with pytest.raises(InputError, match="bag must be the folder of a rosbag2 bag"):
        ReplayConfig(bag=str(tmp_path / "bag"))
    (tmp_path / "bag" / "metadata.yaml").touch()
    config = ReplayConfig(bag=str(tmp_path / "bag"), weights="none", rate=0.5)
    nodes = {n.name: n for n in replay_nodes(config)}
    assert list(nodes) == ["perception", "mapping", "policy", "monitor"]
    by_walls = ReplayConfig(bag=str(tmp_path / "bag"), weights="none", wall_heading=True)
    assert "heading" in {n.name for n in replay_nodes(by_walls)}, "the map waited for its transform for ever"
    assert all(n.parameters["use_sim_time"] is True and n.remappings == {} for n in nodes.values())
    assert nodes["perception"].parameters["qos.camera_color_image_raw.depth"] == 60, "not the newest alone"
    assert nodes["mapping"].parameters["qos.semantic_scores.depth"] == 0
    assert nodes["mapping"].parameters["odometry.wait_s"] == nodes["mapping"].parameters["max_late_s"] == 60.0
    for node in nodes.values():
        assert unknown_parameters(node.name, node.parameters) == [], node.name
    command = play_command(config)
    assert command[:4] == ["ros2", "bag", "play", config.bag] and "/seal/camera/depth/image_raw" in command
    assert "/seal/semantic/detections" not in command and "/tf_static" in command and "0.5" in command


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"robot": "roomba"}, "robot must be generic, locobot_create3, locobot_kobuki, "),
        ({"pose_source": "gps"}, "pose_source must be auto, odometry"),
        ({"minutes": -1.0}, "minutes must be a number >= 0"),
        ({"namespace": "/"}, "namespace must be a name"),
        ({"fake": True, "depth_topic": "/d"}, "leave colour_topic, depth_topic, info_topic out"),
        ({"fake": True, "robot": "tiago"}, "fake robots are locobot_kobuki and locobot_create3"),
        ({"fake": True, "launch_driver": True}, "leave it out"),
        ({"launch_driver": True, "robot": "locobot_mine"}, "leave it out"),
        ({"camera_driver": "5"}, "camera driver must be"),
        ({"fake": True, "motion_noise": "much"}, "the fake robot: motion_noise must be none, locobot"),
    ],
)
def test_wrong_arguments_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        robot_nodes(RobotConfig(**changes))


@pytest.mark.parametrize("height_m", [0.02, 60.0, float("nan")])
def test_a_robot_of_no_height_that_robots_have_is_refused(height_m: float) -> None:
    with pytest.raises(InputError, match="robot_height_m must be 0 .by the robot. or 0.2 to 2.5 m, got"):
        RobotConfig(robot_height_m=height_m)


@pytest.mark.parametrize(("hz", "factor", "often"), [(2.0, 0.1, "0.2"), (1.0, 0.0, "1"), (3.5, 0.5, "1.75")])
def test_a_fake_robot_whose_pictures_come_too_seldom_to_drive_is_refused(hz: float, factor: float, often: str) -> None:
    """The gate closed between two pictures and latched: it never drove, and the way to that line is long."""
    config = RobotConfig(fake=True, camera_hz=hz, real_time_factor=factor, weights="none")
    with pytest.raises(InputError, match=rf"make {re.escape(often)} pictures per real second: expected at least 2"):
        robot_nodes(config)
    record_nodes(config)  # nothing drives there
    robot_nodes(RobotConfig(camera_hz=hz, weights="none"))  # no fake robot: its camera has a rate of its own


def test_a_folder_with_a_run_is_refused_before_anything_starts(tmp_path: Path) -> None:
    config = RobotConfig(run_dir=str(tmp_path / "new"), weights="none")
    prepare_robot_run(config, robot_nodes(config))
    assert json.loads((tmp_path / "new" / "robot.json").read_text()) == dataclasses.asdict(config)
    (tmp_path / "new" / "bag").mkdir()
    with pytest.raises(InputError, match=r"already holds a run \(bag\); name another folder by run_dir:="):
        prepare_robot_run(config, [])


def test_a_file_that_is_no_robots_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("planner: {}\n")
    with pytest.raises(InputError, match=r"must have /\*\*/robot_bridge: ros__parameters: base"):
        robot_nodes(RobotConfig(robot=str(path)))
    path.write_text(yaml.safe_dump({"/**/robot_bridge": {"ros__parameters": {"base": {"odom_frame": "{robot}/o"}}}}))
    assert RobotConfig(robot=str(path), robot_name="rn").frames() == ("rn/o", "base_link")


def test_a_robots_file_elsewhere_is_the_same_robot_and_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of a LoCoBot's file was another robot, whose camera nobody knew."""
    path = tmp_path / "locobot_kobuki.yaml"
    path.write_bytes((shared_folder("config") / "robots" / path.name).read_bytes())
    read: list[Path] = []

    def read_yaml(file: Path) -> Any:
        read.append(file)
        return yaml.safe_load(file.read_text())

    monkeypatch.setattr(robot_config, "read_yaml", read_yaml)
    copied = RobotConfig(robot=str(path), weights="none", fake=True, scene="train_01")
    assert copied.face == "kobuki" and read == []
    nodes = {node.name: node for node in robot_nodes(copied)}
    assert read == [path], "it was read more than a hundred times"
    own = made(fake=True, scene="train_01")
    assert nodes["mapping"] == own["mapping"] and nodes["fake_robot"] == own["fake_robot"]
    assert nodes["robot_bridge"].parameters == own["robot_bridge"].parameters
    assert RobotConfig(robot=str(tmp_path / "mine.yaml")).face is None


def test_the_fake_robots_pictures_have_the_frame_that_the_recording_names() -> None:
    nodes = made(fake=True, camera_frame="eye", pose_source="odometry")
    assert nodes["fake_robot"].parameters["camera_frame"] == nodes["recorder"].parameters["camera_frame"] == "eye"


def test_what_hangs_above_a_robot_is_no_obstacle() -> None:
    """A LoCoBot 0.6 m high bumped into table tops at 0.75 m, which its camera never sees from near."""
    for robot, changes, height_m in (
        ("locobot_kobuki", {}, 0.6),
        ("locobot_create3", {"robot_height_m": 0.7}, 0.7),
        ("tiago", {}, 1.05),
    ):
        nodes = made(robot=robot, **changes)
        looked_m = nodes["mapping"].parameters["map.obstacle_max_m"], nodes["planner"].parameters["rolling_grid.high_m"]
        assert looked_m == (pytest.approx(height_m + 0.05), pytest.approx(height_m + 0.05))
    assert made(fake=True)["fake_robot"].parameters["sim.obstacle_max_m"] == 0.6


def test_what_the_end_of_a_node_means() -> None:
    assert require_good_end("sim_bridge", 0, ["sim_bridge"], ["recorder"])
    assert not require_good_end("recorder", 0, ["sim_bridge"], ["recorder"])
    for name, code, how in (("mapping", 0, "ended with 0"), ("recorder", 1, "ended with 1"), ("x", -9, "signal 9")):
        with pytest.raises(LaunchError, match=f"node {name} .*{how}"):
            require_good_end(name, code, ["sim_bridge"], ["recorder"])


_OTHER = {
    **{name: f"/{name}" for name in ("colour_topic", "depth_topic", "info_topic", "tf_odom_frame", "tf_base_frame")},
    **{name: "0.25" for name in ("camera_height_m", "camera_forward_m", "camera_left_m", "tilt_deg", "rate")},
    **{name: "true" for name in ("fake", "camera_best_effort", "wall_heading")},
    **{"robot": "locobot_create3", "robot_name": "rn", "namespace": "ns", "run_dir": "other", "weights": "coco"},
    **{"detector_threads": "1", "pose_source": "odometry", "seed": "7", "camera_driver": "4.55", "camera_hz": "4.5"},
    **{"camera_width": "160", "motion_noise": "locobot", "truth_path": "truth.json", "real_time_factor": "0.5"},
    **{"robot_height_m": "0.7"},
    **{"camera_frame": "eye", "scene": "train_01", "policy": "gainful_views", "frame_prefix": "rn/"},
    **{"live": "true", "live_address": "::1", "live_port": "7000", "live_buttons": "false"},
}
"""A value of each argument that is not its default."""
_FAKE = (
    "seed",
    "scene",
    "camera_hz",
    "camera_width",
    "motion_noise",
    "truth_path",
    "real_time_factor",
    "robot_height_m",
)


@pytest.mark.parametrize("file", ["record", "replay"])
def test_every_argument_that_is_offered_reaches_a_node(tmp_path: Path, file: str) -> None:
    """Some were declared, described and left unused."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metadata.yaml").touch()

    def started(arguments: dict[str, str]) -> Any:
        if file == "record":
            return record_nodes(read_arguments(RobotConfig, arguments))
        config = read_arguments(ReplayConfig, {"bag": str(tmp_path / "one"), **arguments})
        return [*replay_nodes(config), play_command(config)]

    values = {**_OTHER, "bag": str(tmp_path / "two")}
    kind, offered = (RobotConfig, RECORDED) if file == "record" else (ReplayConfig, REPLAYED)
    names = [each.name for each in launch_arguments(kind, offered)]
    assert sorted(names) == sorted(offered), "none is unknown"
    for name in names:
        beside = {"fake": "true"} if file == "record" and name in _FAKE else {}
        beside = {"live": "true"} if name.startswith("live_") else beside
        assert started({**beside, name: values[name]}) != started(beside), name


def test_the_live_page_shows_the_robot_where_the_map_is_and_hears_its_camera(tmp_path: Path) -> None:
    nodes = made(live=True, live_port=7000, wall_heading=True, camera_best_effort=True)
    page, mapping = nodes["live"], nodes["mapping"]
    assert list(nodes)[-1] == "live" and page.namespace == "seal" and page.parameters["live.port"] == 7000
    assert unknown_parameters("live", page.parameters) == []
    shared = {name: value for name, value in page.parameters.items() if name.startswith("odometry.")}
    assert shared["odometry.tf_map_frame"] == "map" and shared.items() <= mapping.parameters.items()
    assert page.remappings[m.COLOUR] == mapping.remappings[m.COLOUR] == "/locobot/camera/color/image_raw"
    assert page.parameters["qos.camera_color_image_raw.reliability"] == "best_effort"
    recorded = {node.name: node for node in record_nodes(RobotConfig(weights="none", live=True))}["live"]
    assert recorded.remappings[m.ODOM] == "/locobot/odom" and "live" not in made()


def test_a_live_page_on_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = RobotConfig(weights="none", live=True, live_port=port, run_dir=str(tmp_path / "run"))
        with pytest.raises(InputError, match=f"the live page cannot listen on port {port}"):
            prepare_robot_run(config, robot_nodes(config))
    assert not (tmp_path / "run").exists()


def test_the_drivers_arguments_are_what_its_defaults_lack() -> None:
    given = driver_arguments(RobotConfig(robot="locobot_create3"))
    assert given["base_type"] == "create3" and given["rs_camera_align_depth"] == given["use_base"] == "true"


def test_a_simulated_clock_is_heard_by_all_but_the_fake_robot_that_tells_it() -> None:
    nodes = made(fake=True, real_time_factor=0.5)
    assert nodes["fake_robot"].parameters["real_time_factor"] == 0.5
    assert {name for name, node in nodes.items() if node.parameters.get("use_sim_time")} == nodes.keys() - {
        "fake_robot"
    }
    assert not any(node.parameters.get("use_sim_time") for node in made(fake=True).values())


def test_a_process_gets_its_parameter_files_before_its_own_parameters(tmp_path: Path) -> None:
    """The gate's file was left out: started without launch it had no topics of the base."""
    (spec,) = [node for node in robot_nodes(RobotConfig(weights="none")) if node.name == "robot_bridge"]
    process = NodeProcess(spec, tmp_path, {"PATH": "/usr/bin"})
    words = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
    process.signal(9)
    process.close()
    files = [words[k + 1] for k, word in enumerate(words) if word == "--params-file"]
    assert files == [*spec.parameter_files, str(tmp_path / "robot_bridge.yaml")]
