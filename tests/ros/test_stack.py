# SPDX-License-Identifier: Apache-2.0
"""The description of a stack: one for runner and launch file, and its mistakes are named. Needs no ROS."""

from __future__ import annotations

import ast
import importlib.util
import json
import runpy
import socket
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from seal_bringup.cli import app as cli
from seal_bringup.layouts import foxglove_layout
from seal_bringup.stack.config import StackConfig, shared_folder
from seal_bringup.stack.known_parameters import COMMON, known_parameters, unknown_parameters
from seal_bringup.stack.launching import keywords_of, launch_arguments, read_arguments
from seal_bringup.stack.node_process import node_environment, ros_domain
from seal_bringup.stack.node_specs import nodes_of
from seal_bringup.stack.overrides import NODES, config_from_file
from seal_bringup.stack.run_check import check_run
from seal_bringup.stack.run_log import PacedLog, RunLog
from seal_bringup.stack.runner import RunError, _Run, run_stack
from seal_perception import messages as m
from seal_perception.errors import InputError, SealError
from seal_perception.pose import planar_pose
from seal_policy.driving.guard import DriveGuard, GuardConfig
from seal_policy.driving.velocity_driver import VelocityDriverConfig
from seal_policy.planning.planner import PlannerConfig


def test_shipped_stack_says_who_waits_for_whom(tmp_path: Path) -> None:
    specs = {s.name: s for s in nodes_of(StackConfig(run_dir=tmp_path, steps=7))}
    assert list(specs) == ["sim_bridge", "perception", "mapping", "policy", "planner", "recorder", "monitor"]
    bridge = specs["sim_bridge"].parameters
    assert set(bridge["wait_for"]) == set(specs) - {"sim_bridge"}
    assert "camera/color/image_raw=3" in bridge["expect_subscribers"]
    assert bridge["max_steps"] == 7 and specs["recorder"].parameters["expected_frames"] == 8
    assert specs["recorder"].parameters["last_stamp_ns"] == 0
    assert specs["recorder"].parameters["path"] == str(tmp_path / "bag")
    heard = set(specs["planner"].parameters["expect_publishers"])
    assert heard == {"map/obstacles", "map/explored", "odom", "goal"}
    assert "truth" not in str([s.subscribes for s in specs.values()])


def test_without_recording_nobody_waits_for_the_recorder(tmp_path: Path) -> None:
    specs = {s.name: s for s in nodes_of(StackConfig(run_dir=tmp_path, record=False))}
    assert "recorder" not in specs
    assert "camera/color/image_raw=2" in specs["sim_bridge"].parameters["expect_subscribers"]


RUNS = (
    StackConfig(),
    StackConfig(mode="paced"),
    StackConfig(mode="paced", wall_heading=True, laser="rplidar"),
    StackConfig(policy="gainful_views"),
    StackConfig(policy="gainful_curiosity"),
    StackConfig(live=True),
)


@pytest.mark.parametrize("named_in", ["run", "policy"])
def test_the_map_publishes_its_uncertainty_for_the_policy_that_needs_it(tmp_path: Path, named_in: str) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(f"{named_in}: {{ros__parameters: {{policy: gainful_views}}}}\n")
    specs = {spec.name: spec for spec in nodes_of(config_from_file(path))}
    assert specs["policy"].parameters["policy"] == "gainful_views"
    assert specs["mapping"].parameters["uncertainty"] is True
    assert "map/uncertainty=1" in specs["mapping"].parameters["expect_subscribers"]
    assert "map/uncertainty" in specs["policy"].parameters["expect_publishers"]
    for spec in nodes_of(StackConfig()):
        assert "uncertainty" not in str(spec)


def test_a_learned_policy_gets_its_file_and_what_it_looks_at(tmp_path: Path) -> None:
    config = StackConfig(run_dir=tmp_path, policy="gainful_curiosity", policy_weights="a/policy.safetensors")
    specs = {spec.name: spec for spec in nodes_of(config)}
    assert specs["policy"].parameters["policy_weights"] == str(Path("a/policy.safetensors").absolute())
    assert specs["mapping"].parameters["volume"] is specs["mapping"].parameters["uncertainty"] is True
    assert {"map/volume", "map/uncertainty"} <= set(specs["policy"].parameters["expect_publishers"])
    floor_only = {spec.name: spec for spec in nodes_of(StackConfig(run_dir=tmp_path, policy="ans"))}
    assert "volume" not in floor_only["mapping"].parameters and "policy_weights" not in floor_only["policy"].parameters


def test_every_topic_that_is_heard_is_published() -> None:
    published = {t for config in RUNS for node in nodes_of(config) for t in node.publishes} | {"ready"}
    assert {t for config in RUNS for node in nodes_of(config) for t in node.subscribes} <= published


def test_a_stack_file_may_name_every_node() -> None:
    assert {node.name for config in RUNS for node in nodes_of(config)} == set(NODES)


def test_every_node_of_the_stack_has_a_main() -> None:
    for spec in nodes_of(StackConfig()):
        found = importlib.util.find_spec(spec.module)
        assert found is not None and found.origin is not None, spec.module
        tree = ast.parse(Path(found.origin).read_text())
        assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert len(Path(found.origin).read_text().splitlines()) <= 200, "a node past 200 lines hides core code"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mapping: [", "is not valid YAML"),
        ("- mapping", "must name nodes with their ros__parameters"),
        ("other: {ros__parameters: {x: 1}}", "no node is called other; the nearest is .*; known are sim_bridge"),
        ("maping: {ros__parameters: {x: 1}}", "stack.yaml: no node is called maping; the nearest is mapping;"),
        (
            "mapping: {ros__parameters: {map: {max_dept_m: 4.0}}}",
            "stack.yaml: node mapping has no parameter map.max_dept_m; the nearest is map.max_depth_m$",
        ),
        (
            "mapping: {ros__parameters: {max_depth_m: 4.0}}",
            "has no parameter max_depth_m; the nearest is map.max",
        ),
        ("planner: {ros__parameters: {objects_every: 4}}", "node planner has no parameter objects_every"),
        ("/**: {ros__parameters: {use_sim_tim: true}}", "no node has a parameter use_sim_tim; .* is use_sim_time$"),
        ("policy: {ros__parameters: {qos.odom.depht: 1}}", "node policy has no parameter qos.odom.depht"),
        ("mapping: {x: 1}", "node mapping must have ros__parameters with names and values"),
        ("run: {ros__parameters: {speed: 3}}", "unknown fields speed"),
        ("run: {ros__parameters: {steps: 0}}", "need steps >= 1"),
        ("run: {scene: test_01}", "has the old form of a stack: write fields of the run under run: ros__parameters:"),
        ("nodes: [{name: a, package: b}]", "old form .* a node's parameters under NODE: ros__parameters:"),
    ],
)
def test_mistakes_in_a_stack_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        nodes_of(config_from_file(path))


def test_a_stack_file_may_set_what_the_nodes_declare_and_nothing_else(tmp_path: Path) -> None:
    """The names that are known without ROS are those in the sources of the nodes; what the run sets is among them."""
    script = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "parameters.py"))
    for node in [*nodes_of(RUNS[2]), nodes_of(RUNS[-1])[-1]]:
        declared = {known.name for known, _ in script["rows_of_file"](script["module_path"](node.module))}
        assert known_parameters(node.name) == declared | set(COMMON), node.name
        assert not unknown_parameters(node.name, [*node.parameters, "qos.camera_color_image_raw.reliability"])


def test_a_missing_stack_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the stack .*nothing.yaml: No such file"):
        config_from_file(tmp_path / "nothing.yaml")


def test_the_shipped_stack_file_is_the_default_run(tmp_path: Path) -> None:
    config = config_from_file(shared_folder("config") / "sim.yaml", run_dir=tmp_path)
    assert nodes_of(config) == nodes_of(StackConfig(run_dir=tmp_path))


def test_a_stack_file_only_overrides(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(
        "run: {ros__parameters: {scene: train_03, steps: 9}}\n"
        "/**: {ros__parameters: {use_sim_time: true}}\n"
        "mapping: {ros__parameters: {map: {max_depth_m: 4.0}, objects_every: 25}}\n"
    )
    config = config_from_file(path, steps=4)
    assert (config.scene, config.steps) == ("train_03", 4)
    plain = {node.name: node.parameters for node in nodes_of(StackConfig(scene="train_03", steps=4))}
    changed = {"mapping": {"map.max_depth_m": 4.0, "objects_every": 25}}
    for node in nodes_of(config):
        assert node.parameters == {**plain[node.name], "use_sim_time": True, **changed.get(node.name, {})}


def test_launch_file_and_runner_start_the_same_nodes(tmp_path: Path) -> None:
    config = read_arguments(StackConfig, {"steps": "12", "record": "false", "run_dir": str(tmp_path), "unrelated": "x"})
    assert config.steps == 12 and config.record is False
    keywords = keywords_of(nodes_of(config))
    for spec, keyword in zip(nodes_of(config), keywords, strict=True):
        assert (keyword["name"], keyword["executable"]) == (spec.name, spec.executable)
        assert keyword["parameters"] == [spec.parameters]


def test_every_launch_argument_reaches_a_node_and_is_described(tmp_path: Path) -> None:
    changed = {
        "scene": "train_01", "steps": "77", "run_dir": str(tmp_path), "seed": "5", "weights": "none", "width": "64",
        "height": "48", "policy": "random", "record": "false", "detector_threads": "3", "voxels_every": "4",
        "publish_truth": "true", "namespace": "robot1", "use_sim_time": "true", "mode": "paced", "minutes": "3",
        "real_time_factor": "2", "camera_hz": "4", "depth_noise": "d435", "motion_noise": "locobot",
        "laser": "rplidar", "map_preset": "noisy", "frame_prefix": "robot1/",
        "write_truth": "true", "wall_heading": "true", "categories": "chair,refrigerator",
        "live": "true", "live_address": "0.0.0.0", "live_port": "7000", "live_buttons": "false",
        "policy_weights": "policy.safetensors", "object_goals": "true",
    }  # fmt: skip
    for name, _, description, _ in launch_arguments():
        assert len(description) > 5, name
        if name != "stack":
            mode = {"mode": "paced"} if name in ("minutes", "write_truth", "wall_heading", "object_goals") else {}
            mode = {"weights": "coco"} if name == "categories" else mode
            mode = {"live": "true"} if name.startswith("live_") else mode
            base, other = (
                keywords_of(nodes_of(read_arguments(StackConfig, given)))
                for given in (mode, {**mode, name: changed.pop(name)})
            )
            assert other != base, name
    assert not changed


def test_a_paced_stack_drives_by_velocity(tmp_path: Path) -> None:
    config = StackConfig(run_dir=tmp_path, mode="paced", minutes=0.5, camera_hz=4, laser="rplidar", write_truth=True)
    specs = {s.name: s for s in nodes_of(config)}
    assert list(specs) == ["sim_bridge", "perception", "mapping", "policy", "planner", "recorder", "monitor"]
    bridge, planner = specs["sim_bridge"].parameters, specs["planner"].parameters
    assert (bridge["mode"], bridge["seconds"], bridge["truth_path"]) == ("paced", 30.0, str(tmp_path / "truth.json"))
    assert bridge["expect_publishers"] == ["cmd_vel"] and "contact=2" in bridge["expect_subscribers"]
    assert planner["expect_subscribers"] == ["cmd_vel=1"] and planner["use_scan"] is True
    for name in ("recorder", "monitor"):  # some frames may be left out, but the last one is always looked at
        ends = specs[name].parameters
        assert (ends["expected_frames"], ends["last_stamp_ns"]) == (0, 31_000_000_000)
    assert specs["policy"].parameters["max_steps"] == 0 and specs["mapping"].parameters["lockstep"] is False
    by_walls = {s.name: s for s in nodes_of(StackConfig(run_dir=tmp_path, mode="paced", wall_heading=True))}
    assert by_walls["sim_bridge"].parameters["odom_topic"] == "odom_wheels"
    assert by_walls["sim_bridge"].parameters["seconds"] == 600.0
    assert "odom_wheels=1" in by_walls["sim_bridge"].parameters["expect_subscribers"]
    assert by_walls["heading"].parameters["expect_subscribers"] == ["odom=5"]
    lockstep = {s.name: s.parameters for s in nodes_of(StackConfig(run_dir=tmp_path))}
    assert lockstep["sim_bridge"]["truth_path"] == "" and "contact" not in str(lockstep["sim_bridge"]["wait_for"])


@pytest.mark.parametrize(("by_its_clock", "late_s"), [(False, 0.0), (True, 5.0)])
def test_a_simulation_slower_than_time_goes_on(by_its_clock: bool, late_s: float) -> None:
    """With --rtf 0.5, or on a busy machine, the planner stood for ever after 10 s: "this computer is too slow"."""
    specs = {s.name: s for s in nodes_of(StackConfig(mode="paced", use_sim_time=by_its_clock))}
    given = {k.removeprefix("guard."): v for k, v in specs["planner"].parameters.items() if k.startswith("guard.")}
    guard = DriveGuard(GuardConfig(**given), enabled=True)
    assert guard.config.late_s == late_s
    for k in range(600):
        wall_s, stamp_s = 0.1 * k, 1.0 + 0.05 * k
        behind_s = 0.0 if by_its_clock else wall_s - stamp_s
        guard.see_odometry(round(stamp_s * m.NS), planar_pose(0.0, 0.0, 0.0), wall_s, behind_s)
        assert not [row for row in guard.reasons(wall_s) if "too slow" in row]


@pytest.mark.parametrize(("mode", "config"), [("paced", VelocityDriverConfig().planner), ("lockstep", PlannerConfig())])
def test_planner_and_policy_plan_as_in_one_process(tmp_path: Path, mode: str, config: PlannerConfig) -> None:
    specs = {s.name: s for s in nodes_of(StackConfig(run_dir=tmp_path, mode=mode))}
    for name in ("planner", "policy"):
        given = {k.removeprefix("planner."): v for k, v in specs[name].parameters.items() if k.startswith("planner.")}
        assert PlannerConfig(**given) == config, name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "fast"}, "mode must be lockstep or paced, got 'fast'"),
        ({"real_time_factor": 0.0}, "need minutes > 0"),
        ({"mode": "paced", "minutes": float("inf")}, "long enough for a picture, got inf at 5 Hz"),
        ({"mode": "paced", "minutes": float("nan")}, "need minutes > 0"),
        ({"mode": "paced", "minutes": 0.0016}, "long enough for a picture, got 0.0016 at 5 Hz: take 0.0033 or more"),
        ({"wall_heading": True}, "wall_heading is for mode paced; got lockstep"),
        ({"map_preset": "best"}, "map_preset must be clean or noisy, got 'best'"),
    ],
)
def test_a_wrong_mode_or_pace_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StackConfig(**changes)  # type: ignore[arg-type]


def test_the_shortest_paced_run_ends() -> None:
    """0 s would be read as no end."""
    assert StackConfig(mode="paced", minutes=0.0018).seconds == 0.2


def test_a_launch_argument_of_the_wrong_type_is_named() -> None:
    with pytest.raises(InputError, match="launch argument steps must be int, got 'many'"):
        read_arguments(StackConfig, {"steps": "many"})


PUBLISHED = {t for config in RUNS for node in nodes_of(config) for t in node.publishes} | {
    *("map/voxels", "map/objects", "plan", "semantic/overlay", "map/confident_voxels", "explore/status"),
}
"""What a run publishes, topics that nobody of the run waits for among them."""


def test_rviz_shows_topics_that_exist_in_any_namespace_and_can_be_used() -> None:
    """Without a list of tools RViz has none: no orbit, no zoom. A tool that publishes could drive the robot."""
    rviz = yaml.safe_load((shared_folder("rviz") / "seal.rviz").read_text())["Visualization Manager"]
    shown = {d["Topic"]["Value"] for d in rviz["Displays"] if "Topic" in d}
    assert shown and shown <= PUBLISHED, "relative names, which RViz resolves in its own namespace"
    tools = [tool["Class"].removeprefix("rviz_default_plugins/") for tool in rviz["Tools"]]
    assert tools[0] == "MoveCamera" and set(tools) == {"MoveCamera", "Interact", "Select", "FocusCamera", "Measure"}


def _texts(value: object) -> Iterator[str]:
    """All texts in a layout, keys among them."""
    if isinstance(value, dict):
        yield from (text for item in (*value, *value.values()) for text in _texts(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in _texts(item))
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize(("namespace", "root"), [("", "/"), ("robot1", "/robot1/"), ("/a/b/", "/a/b/")])
def test_foxglove_shows_topics_that_exist_in_the_namespace(namespace: str, root: str) -> None:
    layout = foxglove_layout(namespace)
    topics = {text.partition(".")[0] for text in _texts(layout) if text.startswith("/")}
    assert len(topics) > 12 and {t.removeprefix(root) for t in topics} <= PUBLISHED
    (path,) = layout["configById"]["Plot!confident"]["paths"]
    assert path["value"] == f"{root}map/confident_voxels.data", "a number: Foxglove plots no texts"
    assert layout["configById"]["Image!camera"]["imageMode"]["imageTopic"] == f"{root}camera/color/image_raw"
    panels = {text for text in _texts(layout["layout"]) if "!" in text}
    assert panels == set(layout["configById"]), "each panel has a place"


def test_a_layout_for_what_cannot_be_a_namespace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="namespace must be names of letters"):
        foxglove_layout("5th robot")


def test_seal_layout_writes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["seal", "layout", str(tmp_path / "x.json"), "--namespace", "robot1"])
    cli.main()
    assert json.loads((tmp_path / "x.json").read_text()) == foxglove_layout("robot1")


def test_the_live_page_is_one_node_more_and_changes_no_other(tmp_path: Path) -> None:
    """Nobody waits for it to hear; only the start waits for it."""
    plain, live = (
        {s.name: s for s in nodes_of(StackConfig(run_dir=tmp_path, live=on, live_port=9))} for on in (False, True)
    )
    page = live.pop("live")
    assert (page.parameters["live.port"], page.parameters["live.address"], page.subscribes) == (9, "127.0.0.1", ())
    waits = live["sim_bridge"].parameters.pop("wait_for")
    assert set(waits) - set(plain["sim_bridge"].parameters.pop("wait_for")) == {"live"}
    for name in plain:
        for spec in (plain[name], live[name]):
            spec.parameters.pop("known_publishers")  # of `ready`, which each node publishes
    assert plain == live


def test_a_port_that_is_taken_is_refused_before_a_node_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = StackConfig(run_dir=tmp_path / "run", live=True, live_port=taken.getsockname()[1])
        with pytest.raises(InputError, match="the live page cannot listen on port"):
            check_run(config)
    check_run(config)


def test_nodes_are_found_on_this_machine_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    env = node_environment(StackConfig(domain_id=42), tmp_path)
    assert env["ROS_DOMAIN_ID"] == "42" and env["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    monkeypatch.setenv("ROS_DISTRO", "humble")
    assert node_environment(StackConfig(), tmp_path)["ROS_LOCALHOST_ONLY"] == "1"


def test_two_runs_do_not_share_a_domain(tmp_path: Path) -> None:
    config = StackConfig(run_dir=tmp_path / "run", domain_id=231)
    with ros_domain(config):
        with pytest.raises(SealError, match=r"another run uses ROS domain 231: .*--domain-id"):
            run_stack(config)
        with ros_domain(StackConfig(domain_id=230)) as other:
            assert other == 230
    assert not (tmp_path / "run").exists()
    with ros_domain(config) as again:
        assert again == 231


def test_a_paced_run_log_counts_mapped_frames_and_contacts() -> None:
    log = PacedLog()
    for k in range(10):
        log.pose(k, planar_pose(0.1 * k, 0, 0), float(k))
    for k in (0, 5):
        log.mapped(k, _mapped(x_m=0.1 * k), k + 0.5)
    log.goal(5, (1.0, 2.0))
    log.contact()
    assert log.whole_frames() == 2 and log.progress()["frames"] == 2
    assert [log.is_whole(k) for k in (0, 4, 5, 99)] == [True, False, True, False]
    found = log.trajectory()
    assert (found["stamps_ns"], found["actions"], found["goals"]) == ([0, 5], [], [[1, 1.0, 2.0]])
    assert log.status()["contacts"] == 1


def _mapped(**pose: float) -> dict[str, str]:
    where = {"x_m": 0.0, "y_m": 0.0, "yaw_rad": 0.0} | pose
    return {"confident_voxels": "3", "explored_area_m2": "1.5"} | {f"pose.{k}": repr(v) for k, v in where.items()}


def test_a_robots_run_log_has_a_way_though_no_odometry_has_a_pictures_stamp() -> None:
    """trajectory.json of a robot was empty: its poses were those of odometry of the very stamp."""
    log, nan = PacedLog(), float("nan")
    for k in range(500):  # ten seconds at 50 Hz, pictures 7 ms beside at 5 Hz
        log.pose(k * 20_000_000, planar_pose(0.0, 0, 0), 0.02 * k)
        if k % 10 == 9:
            stamp = k * 20_000_000 + 7_000_000
            log.detected(stamp, 0.02 * k + 0.25)
            log.mapped(stamp, _mapped(x_m=0.01 * k, y_m=-0.5, yaw_rad=0.25), 0.02 * k + 0.3)
            log.goal(stamp, (nan, nan) if k < 100 else (1.0 + k // 250, 2.0), 0.5)
    found = log.trajectory()
    assert len(found["stamps_ns"]) == 50 and found["poses"][-1] == [4.99, -0.5, 0.25]
    assert found["goals"] == [[10, 1.0, 2.0], [25, 2.0, 2.0]]
    assert log.status()["ms"]["detect"] == pytest.approx([250.0, 250.0], abs=0.01)
    with pytest.raises(InputError, match="the map's pose.x_m must be a number"):
        log.mapped(1, {"confident_voxels": "3", "explored_area_m2": "1.5"}, 1.0)


def test_an_hours_run_log_stays_small() -> None:
    """It kept every odometry message: 65 MB an hour, by the same calls."""
    tracemalloc.start()
    log = PacedLog()
    for k in range(180_000):
        log.pose(k * 20_000_000, np.eye(4), 0.02 * k)
        if k % 10 == 0:
            log.mapped(k * 20_000_000, _mapped(), 0.02 * k)
            log.goal(k * 20_000_000, (1.0, 2.0))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert log.whole_frames() == 18_000 and used < 2_500_000, used


def test_the_run_log_counts_goals_not_messages() -> None:
    """Each frame has the goal in force, NaN before the first; the same place from elsewhere is a new goal."""
    log, nan = RunLog(), float("nan")
    goals = [(nan, nan, 0.0), (1.0, 2.0, 0.5), (1.0, 2.0, 0.5), (1.0, 2.0, -0.5), (4.0, 2.0, 0.5), (4.0, 2.0, 0.5)]
    for k, (x, y, heading) in enumerate(goals):
        log.pose(k, planar_pose(k, 0, 0), float(k))
        log.mapped(k, {"confident_voxels": "3", "explored_area_m2": "1.5"}, k + 0.5)
        log.goal(k, (x, y), heading)
        log.step(k, planar_pose(0.25, 0, 0), k + 0.9)
    assert log.trajectory()["goals"] == [[1, 1.0, 2.0], [3, 1.0, 2.0], [4, 4.0, 2.0]]


class _Writer:
    """A node that goes on until it is told to end."""

    def __init__(self, log_path: Path) -> None:
        self.name, self.log_path, self.code = "monitor", log_path, None

    def poll(self) -> int | None:
        return self.code

    def signal(self, number: int) -> None:
        self.code = 0


@pytest.mark.parametrize(("mode", "left_out", "left_s"), [("paced", 40, 50.0), ("lockstep", 0, 58.0)])
def test_frames_that_are_left_out_need_no_more_time(tmp_path: Path, mode: str, left_out: int, left_s: float) -> None:
    """The 51st of 301 pictures is mapped after 10 s, as the 11th; in lockstep frame 51 is the 51st."""
    config = StackConfig(run_dir=tmp_path, mode=mode, minutes=1.0)
    stamp_ns = 11 * m.NS if mode == "paced" else 6 * m.NS
    row = {"frames": 51 - left_out, "last_stamp_ns": stamp_ns, "elapsed_s": 10.0 if left_out else 11.6}
    (tmp_path / "monitor.log").write_text(json.dumps({**row, "explored_m2": 1.0, "confident_voxels": 0.0}) + "\n")
    run = _Run(config, tmp_path, lambda _: None, 300.0)
    run.nodes["monitor"] = _Writer(tmp_path / "monitor.log")  # type: ignore[assignment]
    run._read_progress()
    assert run.latest is not None and run.latest.left_out == left_out
    assert run.latest.left_s == pytest.approx(left_s)


@pytest.mark.parametrize("mode", ["paced", "lockstep"])
def test_a_paced_run_that_lost_its_last_frame_ends_well(tmp_path: Path, mode: str) -> None:
    (tmp_path / "monitor.log").touch()
    run = _Run(StackConfig(run_dir=tmp_path, mode=mode), tmp_path, lambda _: None, 300.0)
    writer = _Writer(tmp_path / "monitor.log")
    run.nodes["monitor"] = writer  # type: ignore[assignment]
    if mode == "paced":
        run.finish(quiet_s=0.0)
        assert writer.code == 0
    else:
        with pytest.raises(RunError, match="node monitor did not finish"):
            run.finish(timeout_s=0.0)


def test_the_run_log_does_not_depend_on_the_order_of_messages(tmp_path: Path) -> None:
    def fill(log: RunLog, order: list[int]) -> None:
        for k in order:
            log.step(k, planar_pose(0.25, 0, 0) if k % 2 else planar_pose(0, 0, 0.5), 10.0 + k)
            log.mapped(k, {"confident_voxels": "3", "explored_area_m2": "1.5", "ms.node": "2"}, 9.9 + k)
            log.pose(k, planar_pose(k, 0, 0), 9.0 + k)
            log.detected(k, 9.5 + k)
        log.goal(2, (1.0, 2.0))

    one, two = RunLog(), RunLog()
    fill(one, [1, 2, 3])
    fill(two, [3, 1, 2])
    assert one.trajectory() == two.trajectory()
    assert one.trajectory()["actions"] == ["forward", "left", "forward"]
    assert one.trajectory()["goals"] == [[1, 1.0, 2.0]]
    ms = one.status()["ms"]
    assert ms["detect"] == [500.0, 500.0] and ms["plan"] == [100.0, 100.0] and ms["whole step"] == [1000.0, 1000.0]
