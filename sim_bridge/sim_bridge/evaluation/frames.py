# SPDX-License-Identifier: Apache-2.0
"""Frames that a detector is evaluated on: a home seen from everywhere, with the simulator's truth as COCO annotations.

Places are uniform over the floor that the robot can reach and headings uniform over the circle; frame i of a home is
fixed by SHA-256 of "home:seed:i", so a longer list begins with the shorter one. Truth is used here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seal_perception.dataset import ANNOTATIONS, Annotation, DatasetWriter
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.pose import planar_pose
from seal_perception.simulator import ReachableFloor, TruthImages
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.worlds import open_simulator

MIN_SHARE = 0.001
"""Instances on a smaller share of the picture are not annotated."""


@dataclass(frozen=True)
class FramePose:
    """Where a frame is taken: metres and radians in the world frame."""

    index: int
    x: float
    y: float
    yaw: float


def frame_poses(home: str, floor: ReachableFloor, count: int, seed: int = 0) -> list[FramePose]:
    """The first `count` poses of a home.

    Args:
        home: its name, part of the hash.
        floor: cells that the robot can reach.
        count: how many poses.
        seed: another number gives another list.
    """
    cells = np.argwhere(floor.cells)
    poses = []
    for index in range(count):
        digest = hashlib.sha256(f"{home}:{seed}:{index}".encode()).digest()
        cell = cells[int.from_bytes(digest[:8], "big") % len(cells)]
        turn = int.from_bytes(digest[8:16], "big") / 2.0**64
        x, y = floor.cell_to_world(cell)
        poses.append(FramePose(index, round(float(x), 4), round(float(y), 4), round((2 * turn - 1) * math.pi, 6)))
    return poses


def poses_hash(home: str, seed: int, poses: list[FramePose]) -> str:
    """SHA-256 of the list: equal hashes, equal frames."""
    rows = [[p.index, p.x, p.y, p.yaw] for p in poses]
    return hashlib.sha256(json.dumps([home, seed, rows]).encode()).hexdigest()


def truth_annotations(truth: TruthImages, min_share: float = MIN_SHARE) -> list[Annotation]:
    """One annotation per visible instance of the six categories that covers at least `min_share` of the picture."""
    known = truth.category >= 0
    ids, pixels = np.unique(truth.instance[known], return_counts=True)
    out = []
    for instance, count in zip(ids.tolist(), pixels.tolist(), strict=True):
        if count < min_share * truth.instance.size:
            continue
        mask = truth.instance == instance
        category = int(truth.category[mask][0])
        out.append(Annotation(category, mask, {"instance": instance}))
    return out


def write_evaluation_frames(
    home: str,
    out: Path | str,
    count: int = 500,
    seed: int = 0,
    width: int = 320,
    height: int = 240,
    simulator: EmbeddedSimulator | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> str:
    """Write the evaluation frames of a home as a COCO dataset folder with `poses.json`, whole or not at all.

    Args:
        home: name of a home, or folder of a scene.
        out: the dataset's folder; must not hold a finished dataset.
        count: how many frames.
        seed: another number gives other poses.
        width: of the pictures in pixels.
        height: of the pictures in pixels.
        simulator: an open one to use in place of `home`'s own; its picture size counts then.
        progress: called with (frames done, count).

    Returns:
        SHA-256 of the list of poses, also in poses.json.

    Raises:
        InputError: if the home is unknown or `out` already holds a finished dataset.
    """
    out = Path(out)
    if count < 1:
        raise InputError(f"count must be 1 or more, got {count}")
    if (out / ANNOTATIONS).exists():
        raise InputError(f"{out} already holds a finished dataset; choose another folder or remove it")
    sim = open_simulator(home, EmbeddedConfig(width=width, height=height)) if simulator is None else simulator
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        poses = frame_poses(sim.name, sim.reachable_floor(), count, seed)
        digest = poses_hash(sim.name, seed, poses)
        info = {"made_by": "seal scene frames", "home": sim.name, "seed": seed, "poses_sha256": digest}
        with DatasetWriter(beside, info) as writer:
            for pose in poses:
                observation, truth = sim.render_at(planar_pose(pose.x, pose.y, pose.yaw))
                writer.add(observation.rgb, truth_annotations(truth), {"pose": [pose.x, pose.y, pose.yaw]})
                if progress is not None:
                    progress(pose.index + 1, count)
        rows = [{"index": p.index, "x": p.x, "y": p.y, "yaw": p.yaw} for p in poses]
        write_json(beside / "poses.json", {"home": sim.name, "seed": seed, "sha256": digest, "frames": rows})
        if out.exists():
            shutil.rmtree(out)
        beside.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if simulator is None:
            sim.close()
    return digest
