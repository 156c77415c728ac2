# SPDX-License-Identifier: Apache-2.0
"""The four launch files: what they declare, which nodes they start, and what the end of each process means."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from seal_bringup.stack import robot_config
from seal_bringup.stack.config import StackConfig, shared_folder
from seal_bringup.stack.launching import SWITCH, LaunchError, keywords_of, launch_arguments, read_arguments
from seal_bringup.stack.node_process import PARENT_VARIABLE, RUN_VARIABLE, node_environment, ros_domain
from seal_bringup.stack.node_specs import nodes_of
from seal_bringup.stack.replay import REPLAYED, ReplayConfig, play_command, replay_nodes
from seal_bringup.stack.robot_config import RobotConfig
from seal_bringup.stack.robot_specs import RECORDED, driver_arguments, record_nodes, robot_nodes
from seal_perception.errors import InputError, SealError
from sim_bridge.embedded import EmbeddedConfig

SHARED = "seal_bringup.nodes.launch_actions"
FILES: dict[str, tuple[type, Callable[[Any], Any], tuple[str, ...]]] = {
    "sim": (StackConfig, nodes_of, ()),
    "robot": (RobotConfig, robot_nodes, ()),
    "record": (RobotConfig, record_nodes, RECORDED),
    "replay": (ReplayConfig, replay_nodes, REPLAYED),
}
"""Configuration, nodes and offered arguments of each launch file."""
PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE", "FASTDDS_BUILTIN_TRANSPORTS")
NETWORK = ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY", "ROS_DOMAIN_ID", *PROFILES)
RUNNING, ENDING = types.SimpleNamespace(is_shutdown=False), types.SimpleNamespace(is_shutdown=True)


class Made:
    """In place of a class of `launch`, which pip cannot install."""

    made: ClassVar[list[Made]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__.update(kwargs)
        self.args = args
        Made.made.append(self)


STAND_INS = {
    "launch": ("LaunchDescription",),
    "launch.actions": (
        "DeclareLaunchArgument", "EmitEvent", "ExecuteProcess", "IncludeLaunchDescription", "OpaqueFunction",
        "RegisterEventHandler", "TimerAction",
    ),
    "launch.event_handlers": ("OnProcessExit", "OnProcessIO"),
    "launch.events": ("Shutdown",),
    "launch.launch_description_sources": ("PythonLaunchDescriptionSource",),
    "launch.substitutions": ("PathJoinSubstitution",),
    "launch_ros": (),
    "launch_ros.actions": ("Node",),
    "launch_ros.substitutions": ("FindPackageShare",),
}  # fmt: skip


def load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Launched:
    """A launch file that was described and started with these arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, file: str, arguments: dict[str, str]) -> None:
        monkeypatch.setattr(Made, "made", [])
        for module, classes in STAND_INS.items():
            stand_in = types.ModuleType(module)
            for name in classes:
                setattr(stand_in, name, type(name, (Made,), {}))
            monkeypatch.setitem(sys.modules, module, stand_in)
        found = importlib.util.find_spec(SHARED)
        assert found is not None and found.origin is not None
        monkeypatch.setitem(sys.modules, SHARED, load(SHARED, Path(found.origin)))
        self.arguments = arguments
        load(f"{file}_launch", shared_folder("launch") / f"{file}.launch.py").generate_launch_description()
        (opaque,) = self.of("OpaqueFunction")
        self.actions = opaque.function(types.SimpleNamespace(launch_configurations=arguments))

    def of(self, kind: str) -> list[Any]:
        """What was made of a class of launch."""
        return [each for each in Made.made if type(each).__name__ == kind]

    def watch_of(self, process: Any) -> Any:
        """What follows when a process ends: takes its exit status and the launch's context."""
        (watch,) = [each for each in self.of("OnProcessExit") if each.target_action is process]
        (registered,) = [each for each in self.of("RegisterEventHandler") if each.args == (watch,)]
        assert registered in self.actions
        return lambda code, context=RUNNING: watch.on_exit(types.SimpleNamespace(returncode=code), context)

    def says(self, process: Any, text: bytes) -> None:
        """Let a process write to its standard output, and the same to the other one."""
        (heard,) = [each for each in self.of("OnProcessIO") if each.target_action is process]
        (registered,) = [each for each in self.of("RegisterEventHandler") if each.args == (heard,)]
        assert self.actions.index(registered) < self.actions.index(process), "its first words are heard, too"
        for hear in (heard.on_stdout, heard.on_stderr):
            assert hear(types.SimpleNamespace(text=text)) is None


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Launched]:
    monkeypatch.setattr(robot_config, "is_installed", lambda kind: True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the lock of a domain is of this test alone
    for name in NETWORK:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "metadata.yaml").touch()
    tools = tmp_path / "tools"  # where `ros2 bag` would be
    tools.mkdir()
    (tools / "ros2").touch(0o755)
    (tools / "ros2bag.py").touch()
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.syspath_prepend(str(tools))
    own = {"weights": "none", "run_dir": str(tmp_path / "run"), "bag": str(tmp_path), "minutes": "2"}
    return lambda file, **more: Launched(monkeypatch, file, {**own, **more})


@pytest.mark.parametrize("file", FILES)
def test_a_launch_file_starts_its_nodes_and_ends_when_one_dies(
    launch: Callable[..., Launched], file: str, tmp_path: Path
) -> None:
    kind, specs_of, offered = FILES[file]
    launched = launch(file)
    declared = [
        (each.args[0], each.default_value, each.description, tuple(each.choices or ()))
        for each in launched.of("DeclareLaunchArgument")
    ]
    assert declared == launch_arguments(kind, offered)
    nodes = launched.of("Node")
    config = read_arguments(kind, launched.arguments)
    wanted = keywords_of(specs_of(config))
    for node, keywords in zip(nodes, wanted, strict=True):
        given = keywords.pop("additional_env")
        assert {key: getattr(node, key) for key in keywords} == keywords
        assert given.items() <= node.additional_env.items() if file == "sim" else given == node.additional_env
    assert all(node in launched.actions for node in nodes)
    assert all(float(node.sigterm_timeout) >= 20 for node in nodes), "launch's own 5 s cut bags and maps"
    assert all(node.additional_env[PARENT_VARIABLE] == str(os.getpid()) for node in nodes), "orphans drove on"
    for node in nodes:
        end = launched.watch_of(node)
        for code in (0, -2, -9):
            assert end(code, ENDING) == [], "the launch is ending: it is no error"
        log = tmp_path / "run" / "log" / f"{node.name}.log"
        launched.says(node, b"error: it is broken\n")
        assert log.read_bytes() == 2 * b"error: it is broken\n"
        told = re.escape(f"{node.name} was killed by signal 9, so the run ends: error: it is broken (log: {log})")
        with pytest.raises(LaunchError, match=told):
            end(-9)
        if file != "sim":
            with pytest.raises(LaunchError, match=f"node {node.name} ended with 0"):
                end(0)


def test_a_simulated_run_is_over_when_its_bridge_is(launch: Callable[..., Launched], tmp_path: Path) -> None:
    launched = launch("sim", steps="5")
    assert json.loads((tmp_path / "run" / "stack.json").read_text())["steps"] == 5
    ends = {node.name: launched.watch_of(node) for node in launched.of("Node")}
    (over,) = ends["sim_bridge"](0)
    assert (type(over).__name__, over.event.reason) == ("EmitEvent", "the run is over")
    assert ends["recorder"](0) == ends["monitor"](0) == [], "they end by themselves"
    for name in ("perception", "mapping", "policy", "planner"):
        with pytest.raises(LaunchError, match=f"node {name} ended with 0"):
            ends[name](0)
    with pytest.raises(LaunchError, match="node sim_bridge ended with 1"):
        ends["sim_bridge"](1)


def test_a_simulated_run_has_the_runners_network_and_logs(
    launch: Callable[..., Launched], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nodes heard every machine around, without shared memory, and two runs in one domain each other's frames."""
    launched = launch("sim")
    runs = {node.additional_env[RUN_VARIABLE] for node in launched.of("Node")}
    assert len(runs) == 1 and "" not in runs, "strangers are told from the run's own nodes"
    wanted = node_environment(StackConfig(run_dir=tmp_path / "run"), tmp_path / "run" / "log")
    for node in launched.of("Node"):
        got = {**os.environ, **node.additional_env}
        assert {k: v for k, v in wanted.items() if got.get(k) != v}.keys() <= {RUN_VARIABLE, "PYTHONSAFEPATH"}
    assert wanted["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"

    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", "mine.xml")
    monkeypatch.setenv("ROS_DOMAIN_ID", "7")
    for file in ("sim", "robot"):
        for node in launch(file, run_dir=str(tmp_path / file)).of("Node"):
            assert not node.additional_env.keys() & set(NETWORK), "the user's settings stay"


def test_on_a_robot_the_network_stays_as_the_user_has_it(launch: Callable[..., Launched], tmp_path: Path) -> None:
    """A Create 3 is another computer, which a discovery limit would hide; shared memory is of one computer alone."""
    for file in ("robot", "record", "replay"):
        for node in launch(file, run_dir=str(tmp_path / file)).of("Node"):
            assert node.additional_env.keys() == {PARENT_VARIABLE, PROFILES[0]}
            assert Path(node.additional_env[PROFILES[0]]).is_file()


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("file", FILES)
def test_a_users_own_profile_stays(
    launch: Callable[..., Launched], file: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "mine")
    launched = launch(file)
    assert launched.of("Node") and all(not {*PROFILES} & {*node.additional_env} for node in launched.of("Node"))


def test_a_simulated_run_in_a_domain_with_another_one_is_refused(
    launch: Callable[..., Launched], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "9")
    with ros_domain(StackConfig()), pytest.raises(SealError, match="another run uses ROS domain 9: wait for it, or"):
        launch("sim")
    assert not (tmp_path / "run").exists(), "nothing has been touched"
    launch("sim")
    with pytest.raises(SealError, match="another run uses ROS domain 9"), ros_domain(StackConfig()):
        pass
    monkeypatch.setenv("ROS_DOMAIN_ID", "kitchen")
    with pytest.raises(ValueError, match=r"ROS_DOMAIN_ID must be a whole number in 0\.\.232, got 'kitchen'"):
        launch("sim", run_dir=str(tmp_path / "more"))


@pytest.mark.parametrize("file", FILES)
def test_closed_sets_of_values_are_told_by_launch_itself(file: str) -> None:
    """All but one word was cut from some texts, and a wrong word was found by a node that died."""
    kind, _, offered = FILES[file]
    known = {each.name: each for each in launch_arguments(kind, offered)}
    closed = {
        "mode": {"lockstep", "paced"},
        "map_preset": {"clean", "noisy"},
        "policy": {"frontier", "random", "gainful_views", "gainful_curiosity", "ans", "semantic_curiosity"},
        "pose_source": {"auto", "odometry", "odometry_tf", "tf"},
        "camera_driver": {"4.54", "4.55"},
        **{name: set() for name in ("depth_noise", "motion_noise", "laser")},  # below
    }
    for name, each in known.items():
        if each.choices == SWITCH:
            assert each.default in ("true", "false")
        elif name in closed:
            assert each.default in each.choices and (not closed[name] or set(each.choices) == closed[name])
            for text in each.choices:
                read_arguments(StackConfig if kind is StackConfig else RobotConfig, {name: text})
        else:
            assert not each.choices and each.default not in ("true", "false"), name
        assert all(word in each.description for word in each.choices if each.choices != SWITCH), "the text is whole"


@pytest.mark.parametrize("name", ["depth_noise", "motion_noise", "laser"])
def test_the_choices_are_those_of_the_simulator(name: str) -> None:
    (known,) = [each for each in launch_arguments() if each.name == name]
    for text in known.choices:
        EmbeddedConfig(**{name: text})
    with pytest.raises(ValueError, match=f"{name} must be {', '.join(known.choices)} or a "):
        EmbeddedConfig(**{name: "x"})


@pytest.mark.parametrize("file", FILES)
def test_a_folder_that_holds_a_run_is_refused(launch: Callable[..., Launched], file: str, tmp_path: Path) -> None:
    (tmp_path / "run" / "bag").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"already holds a run \(bag\); name another folder by run_dir:=$"):
        launch(file)


def test_a_robots_run_ends_after_its_minutes_and_says_what_it_was(
    launch: Callable[..., Launched], tmp_path: Path
) -> None:
    launched = launch("robot")
    (timer,) = launched.of("TimerAction")
    assert timer in launched.actions and timer.period == 120.0
    assert timer.actions[0].event.reason == "the time is over"
    assert json.loads((tmp_path / "run" / "robot.json").read_text())["minutes"] == 2.0
    assert launch("robot", minutes="0", run_dir=str(tmp_path / "more")).of("TimerAction") == []


@pytest.mark.parametrize("lacks", ["ros2", "ros2bag"])
def test_a_replay_without_its_player_starts_nothing(
    launch: Callable[..., Launched], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lacks: str
) -> None:
    if lacks == "ros2":
        monkeypatch.setenv("PATH", "/nowhere")
    else:  # ros2 is there, and of its commands not this one
        found = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == lacks else found(name))
    with pytest.raises(InputError, match=r"`ros2 bag play`, which is not here: install ros-\$ROS_DISTRO-rosbag2"):
        launch("replay")
    assert not (tmp_path / "run").exists()


def test_a_replay_ends_with_its_bag(launch: Callable[..., Launched]) -> None:
    launched = launch("replay", rate="0.5")
    (player,) = launched.of("ExecuteProcess")
    config = read_arguments(ReplayConfig, launched.arguments)
    assert player.cmd == play_command(config)
    (begin,) = [timer for timer in launched.of("TimerAction") if timer.actions == [player]]
    assert begin in launched.actions and begin.period == 5.0, "the nodes find each other first"
    end = launched.watch_of(player)
    (over,) = end(0)
    assert (over.period, over.actions[0].event.reason) == (15.0, "the bag is over")
    for code in (0, -2, -9):
        assert end(code, ENDING) == [], "Ctrl-C ends the player, too"
    for code, how in ((-9, "was killed by signal 9"), (1, "ended with 1")):
        with pytest.raises(LaunchError, match=f"ros2 bag play {how}"):
            end(code)


def test_the_driver_is_started_where_it_is_asked_for(launch: Callable[..., Launched], tmp_path: Path) -> None:
    assert launch("robot").of("IncludeLaunchDescription") == []
    launched = launch("robot", launch_driver="true", run_dir=str(tmp_path / "more"))
    (included,) = launched.of("IncludeLaunchDescription")
    assert launched.actions[0] is included, "before the nodes"
    (path,) = included.args[0].args
    package, *rest = path.args[0]
    assert package.args == ("interbotix_xslocobot_control",) and rest == ["launch", "xslocobot_control.launch.py"]
    config = read_arguments(RobotConfig, launched.arguments)
    assert dict(included.launch_arguments) == driver_arguments(config)


def test_an_unknown_fake_robot_is_refused_before_anything_starts(
    launch: Callable[..., Launched], tmp_path: Path
) -> None:
    for robot in ("tiago", "locobot_roomba", "kobuki", str(tmp_path / "mine.yaml")):
        with pytest.raises(ValueError, match="fake robots are locobot_kobuki and locobot_create3, got"):
            launch("robot", fake="true", robot=robot)
    assert not (tmp_path / "run").exists()
