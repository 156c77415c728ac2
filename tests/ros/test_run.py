# SPDX-License-Identifier: Apache-2.0
"""A real run of several ROS 2 processes: what it leaves, and that a seed repeats it whatever the load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from tests.sim.rooms import box_part, room

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_process import shared_segments
from seal_bringup.stack.progress import Progress
from seal_bringup.stack.runner import RunResult, run_stack
from seal_mapping.bags import messages as bm
from seal_mapping.bags.reader import open_bag
from seal_mapping.voxels.io import load_map, save_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception import messages as m
from seal_perception.detector.detector import load_detector
from seal_perception.detector.model import ModelConfig, build_model
from seal_perception.detector.weights import save_weights
from seal_policy.explorer import Explorer
from seal_policy.goals.gainful_views import GainfulViewsPolicy
from seal_policy.learned.config import NetworkConfig
from seal_policy.learned.network import GoalNetwork
from seal_policy.learned.weights import save_policy
from seal_policy.loop import explore
from seal_policy.registry import make_policy
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.scenes.write import write_scene_folder
from sim_bridge.worlds import open_simulator

pytestmark = pytest.mark.ros

STEPS, SCENE, WIDTH, HEIGHT = 24, "test_01", 160, 120
Config = Callable[..., StackConfig]
Quiet = tuple[RunResult, list[Progress]]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny network with random weights that is sure of all the nonsense it sees: maps and labels are not empty."""
    torch.manual_seed(0)
    shape = ModelConfig(
        stem_channels=8, channels=(8, 16, 16, 32), blocks=(1, 1, 1, 1), fpn_channels=16, box_units=32,
        mask_channels=16, samples=16, proposals=20, input_height=120,
    )  # fmt: skip
    model = build_model(shape)
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.weight.mul_(400.0)
        model.roi_heads.mask_predictor.mask_fcn_logits.bias.fill_(1.0)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(path, model, shape, {})
    return str(path)


def _segments() -> set[str]:
    return {p.name for p in Path("/dev/shm").glob("fastrtps_*") if not p.name.endswith("_el")}


@pytest.fixture(scope="module")
def segments_before() -> set[str]:
    """What killed processes of others left behind before the run."""
    return _segments()


@pytest.fixture(scope="module")
def quiet(
    run_config: Config, weights: str, tmp_path_factory: pytest.TempPathFactory, segments_before: set[str]
) -> Quiet:
    progress: list[Progress] = []
    config = run_config(tmp_path_factory.mktemp("quiet") / "run", steps=STEPS, weights=weights)
    return run_stack(config, progress.append), progress


def _silent(_: Progress) -> None:
    pass


def _bag_rows(bag: Path) -> list[tuple[str, int, bytes]]:
    with AnyReader([bag]) as reader:
        return [(c.topic, t, bytes(data)) for c, t, data in reader.messages()]


def test_a_run_leaves_all_its_files(quiet: Quiet) -> None:
    result, progress = quiet
    assert result.frames == STEPS + 1
    trajectory = json.loads(result.trajectory_path.read_text())
    status = json.loads(result.status_path.read_text())
    assert len(trajectory["poses"]) == len(trajectory["actions"]) == len(status["step"]) == STEPS + 1
    assert trajectory["actions"][-1] == "stop" and trajectory["goals"][0][0] == 12
    assert status["explored_m2"] == sorted(status["explored_m2"]) and status["explored_m2"][-1] > 5
    assert set(status["ms"]) == {"simulate", "detect", "map", "plan", "whole step"}
    voxel_map = load_map(result.map_path)
    assert voxel_map.frames == STEPS + 1 and voxel_map.confident_count == status["confident_voxels"][-1] > 0
    assert progress[-1].frames == STEPS + 1 and progress[-1].steps_per_s > 0
    assert {p.name for p in (result.run_dir / "log").glob("*.log")} == {
        f"{n}.log" for n in ("sim_bridge", "perception", "mapping", "policy", "planner", "recorder", "monitor")
    }


def test_the_bag_opens_everywhere_and_stamps_match(quiet: Quiet) -> None:
    bag = quiet[0].bag
    assert bag is not None
    with open(bag / "bag.mcap", "rb") as stream:
        official = [(c.topic, r.log_time, r.data) for _, c, r in make_reader(stream).iter_messages()]
    assert sorted(official) == sorted(_bag_rows(bag))
    assert {t for t, _, _ in official} == {"/" + t.lstrip("/") for t in bm.TOPIC_TYPES}
    assert not [t for t, _, _ in official if "truth" in t], "the bag holds no truth topic"
    stamps = [m.NS + k * 100_000_000 for k in range(STEPS + 1)]
    for topic in (m.COLOUR, m.DEPTH, m.CAMERA_INFO, m.ODOM, m.DETECTIONS, m.GOAL, m.STEP):
        of_topic = [(t, bm.raw_stamp_ns(d, bm.TOPIC_TYPES[topic])) for name, t, d in official if name == "/" + topic]
        assert of_topic == [(s, s) for s in stamps], topic
    frames = open_bag(bag)
    assert len(frames) == STEPS + 1 and frames.dropped == 0


def test_the_bag_has_what_the_simulator_showed(quiet: Quiet) -> None:
    simulator = open_simulator(SCENE, EmbeddedConfig(width=WIDTH, height=HEIGHT))
    seen = simulator.reset(0)
    first = next(iter(open_bag(quiet[0].bag)))
    np.testing.assert_array_equal(first.frame.rgb, seen.rgb)
    np.testing.assert_array_equal(first.frame.depth, seen.depth)
    assert first.frame.camera == simulator.camera
    np.testing.assert_allclose(first.frame.T_map_camera, simulator.T_base_camera, atol=1e-12)


def test_a_run_over_ros_and_one_in_a_process_are_the_same(quiet: Quiet, weights: str, tmp_path: Path) -> None:
    simulator = open_simulator(SCENE, EmbeddedConfig(width=WIDTH, height=HEIGHT))
    voxel_map = VoxelMap()
    done = explore(simulator, load_detector(weights), voxel_map, Explorer(make_policy("frontier", 0)), STEPS)
    over_ros = json.loads(quiet[0].trajectory_path.read_text())
    assert over_ros["actions"][:-1] == [a.name.lower() for a in done.actions]
    assert over_ros["goals"] == [[step, *goal] for step, goal in done.goals]
    save_map(voxel_map, tmp_path / "map.npz")
    assert (tmp_path / "map.npz").read_bytes() == quiet[0].map_path.read_bytes()


def test_views_over_ros_are_those_in_a_process(run_config: Config, weights: str, tmp_path: Path) -> None:
    """In a room whose floor is seen at once, so that the goals are views of what the map is uncertain of."""
    write_scene_folder(room(box_part((0.9, -0.3, 0.0), (1.4, 0.3, 0.8))), tmp_path / "room")
    values = {"scene": str(tmp_path / "room"), "policy": "gainful_views", "steps": 45, "record": False}
    result = run_stack(run_config(tmp_path / "run", weights=weights, **values), _silent)
    simulator = open_simulator(tmp_path / "room", EmbeddedConfig(width=WIDTH, height=HEIGHT))
    voxel_map, policy = VoxelMap(), GainfulViewsPolicy()
    done = explore(simulator, load_detector(weights), voxel_map, Explorer(policy), 45)
    assert policy._done, "no view was taken: the test shows nothing"
    over_ros = json.loads(result.trajectory_path.read_text())
    assert over_ros["actions"][:-1] == [a.name.lower() for a in done.actions]
    assert over_ros["goals"] == [[step, *goal] for step, goal in done.goals] and len(done.goals) >= 3
    save_map(voxel_map, tmp_path / "map.npz")
    assert (tmp_path / "map.npz").read_bytes() == result.map_path.read_bytes()


@pytest.mark.parametrize("name", ["gainful_curiosity", "ans"])
def test_a_learned_policy_over_ros_is_the_one_in_a_process(
    run_config: Config, weights: str, tmp_path: Path, name: str
) -> None:
    """Of random weights, with all inputs that the policy of this name may have: the map's volume comes by a topic."""
    torch.manual_seed(5)
    inputs = ("floor", "memory") if name == "ans" else NetworkConfig().inputs
    file = tmp_path / "policy.safetensors"
    save_policy(file, GoalNetwork(NetworkConfig(inputs)), name, {})
    values = {"policy": name, "policy_weights": str(file), "steps": 45, "record": False}
    result = run_stack(run_config(tmp_path / "run", weights=weights, **values), _silent)
    simulator = open_simulator(SCENE, EmbeddedConfig(width=WIDTH, height=HEIGHT))
    voxel_map, policy = VoxelMap(), make_policy(name, weights=file)
    done = explore(simulator, load_detector(weights), voxel_map, Explorer(policy), 45)
    over_ros = json.loads(result.trajectory_path.read_text())
    assert over_ros["actions"][:-1] == [a.name.lower() for a in done.actions]
    assert over_ros["goals"] == [[step, *goal] for step, goal in done.goals] and len(done.goals) >= 2
    save_map(voxel_map, tmp_path / "map.npz")
    assert (tmp_path / "map.npz").read_bytes() == result.map_path.read_bytes()


_LABEL = """
import sys
sys.modules["rclpy"] = None
from seal_mapping.labels.propagate import LabelConfig
from seal_mapping.bags.reader import open_bag
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
labeller = LabelProp(LabelConfig(rule="paper", min_instance_m3=0.0))
write_dataset(open_bag({bag!r}), labeller, DatasetWork({out!r}))
"""


def _label(bag: Path, out: Path) -> dict[str, bytes]:
    """Label a bag in a process that cannot import rclpy; the files by name."""
    subprocess.run([sys.executable, "-c", _LABEL.format(bag=str(bag), out=str(out))], check=True, timeout=600)
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


_BURSTS = """
import random, time
random.seed(0)
while True:
    until = time.perf_counter() + random.uniform(0.0, 0.04)
    while time.perf_counter() < until:
        pass
    time.sleep(random.uniform(0.0, 0.06))
"""
"""Busy two fifths of the time, never twice alike in a row; beside it runs a steady loop."""


def test_beside_bursts_of_other_work_a_run_gives_the_same_bytes(
    quiet: Quiet, run_config: Config, weights: str, tmp_path: Path
) -> None:
    loops = [subprocess.Popen([sys.executable, "-c", code]) for code in ("while True: pass", _BURSTS)]
    try:
        busy = run_stack(run_config(tmp_path / "run", steps=STEPS, weights=weights), _silent)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    for name in ("trajectory_path", "map_path"):
        assert getattr(busy, name).read_bytes() == getattr(quiet[0], name).read_bytes(), name
    assert busy.bag is not None and quiet[0].bag is not None
    assert sorted(_bag_rows(busy.bag)) == sorted(_bag_rows(quiet[0].bag))
    labels = _label(quiet[0].bag, tmp_path / "labels_quiet")
    assert len(json.loads(labels["annotations.json"])["annotations"]) > 0
    assert _label(busy.bag, tmp_path / "labels_busy") == labels


def test_a_namespace_and_simulated_time(run_config: Config, tmp_path: Path) -> None:
    config = run_config(tmp_path / "run", steps=3, namespace="robot1", use_sim_time=True, seed=3)
    result = run_stack(config, _silent)
    assert len(open_bag(result.bag)) == 4
    assert "/robot1/odom" in {t for t, _, _ in _bag_rows(result.bag)}


def test_nothing_of_a_run_stays_in_shared_memory(quiet: Quiet, segments_before: set[str]) -> None:
    living = {int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()}
    segments = _segments() - segments_before
    unused = {s for s in segments - shared_segments(living) if Path("/dev/shm", s).stat().st_size > 1 << 26}
    assert not unused
