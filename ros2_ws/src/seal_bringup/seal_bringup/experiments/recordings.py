# SPDX-License-Identifier: Apache-2.0
"""Recordings of training homes: explored in one process by the same core, kept as bags."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from seal_bringup.demo.config import TRAINING_HOMES
from seal_bringup.demo.oracle import Truth
from seal_mapping.bags.reader import BagReader, open_bag
from seal_mapping.bags.writer import BagWriter, write_frame
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.detections import Detections
from seal_perception.detector.detector import load_detector
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.files import sha256, write_json
from seal_perception.frame import Frame
from seal_perception.pose import invert
from seal_perception.reading.text import read_json
from seal_perception.simulator import Action, Simulator
from seal_policy.explorer import Explorer
from seal_policy.loop import explore
from seal_policy.registry import make_policy
from sim_bridge.embedded import EmbeddedConfig
from sim_bridge.worlds import World, open_simulator


def require_training_home(home: str) -> None:
    """Refuse a home on which nothing may be chosen.

    Raises:
        InputError: if `home` is not a training home.
    """
    if home not in TRAINING_HOMES:
        raise InputError(f"{home} is no training home; parameters are chosen on train_01..train_25 only")


def world_of(home: str, seed: int) -> World:
    """The home's simulator at the start of the run."""
    world = open_simulator(home, EmbeddedConfig(width=320, height=240))
    world.reset(seed)
    return world


def record_world(
    world: Simulator,
    folder: Path,
    weights: str,
    steps: int,
    seed: int = 0,
    on_step: Callable[[int], None] = lambda step: None,
    policy: str = "frontier",
    policy_weights: Path | str = "",
) -> BagReader:
    """Explore a world in one process by a goal policy and keep the frames in `folder`/bag.

    `on_step` is called with the number of actions taken before each frame; `policy_weights` are a learned policy's.
    """
    with BagWriter(folder / "bag") as writer:

        def keep(step: int, frame: Frame, found: Detections | None, action: Action | None) -> None:
            T_odom_base = frame.T_map_camera @ invert(world.T_base_camera)
            views = (frame.rgb, frame.depth, frame.camera)
            write_frame(writer, frame.stamp_ns, *views, T_odom_base, world.T_base_camera, found)
            on_step(step)

        explorer = Explorer(make_policy(policy, seed, weights=policy_weights))
        explore(world, load_detector(weights), VoxelMap(), explorer, steps, keep, seed)
    world.close()
    return open_bag(folder / "bag")


def record(home: str, folder: Path, weights: str, steps: int = 300, seed: int = 0) -> BagReader:
    """Recording of a training home; the one that is there is taken, one that was interrupted is made anew.

    Raises:
        InputError: if the recording there was made with another detector, seed or number of steps.
    """
    made_by = {"weights": sha256(resolve_weights(weights)), "steps": steps, "seed": seed}
    mark = folder / "recording.json"
    if not (folder / "bag").is_dir():
        part = folder / ".part"
        shutil.rmtree(part, ignore_errors=True)
        record_world(world_of(home, seed), part, weights, steps, seed)
        write_json(mark, made_by)
        (part / "bag").rename(folder / "bag")
        part.rmdir()
    elif not mark.is_file() or read_json(mark) != made_by:
        raise InputError(f"{folder / 'bag'} was recorded otherwise than {made_by}; remove {folder} or name another")
    return open_bag(folder / "bag")


def true_labels(home: str, folder: Path, source: BagReader, seed: int = 0) -> Path:
    """Dataset of the recorded frames with the simulator's labels, for evaluation."""
    out = folder / "labels_oracle"
    if not (out / "annotations.json").is_file():
        write_dataset(source, Truth(world_of(home, seed), {"home": home}), DatasetWork(out, workers=1))
    return out
