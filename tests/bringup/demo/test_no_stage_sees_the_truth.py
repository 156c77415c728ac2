# SPDX-License-Identifier: Apache-2.0
"""Explore, label and fine-tune give the same bytes when every truth method of the simulator raises."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from seal_bringup.experiments.recordings import record_world
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.propagate import LabelConfig
from seal_perception.dataset import CocoDataset
from seal_perception.errors import TruthForbiddenError
from seal_perception.simulator import Observation, ReachableFloor, TruthImages
from seal_perception.training.finetune import FinetuneConfig, finetune
from sim_bridge.catalogue.pictures import write_catalogue
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.homes.build import make_home

STEPS = 8


class Blindfolded(EmbeddedSimulator):
    """The simulator without its truth."""

    def truth_images(self) -> TruthImages:
        raise TruthForbiddenError("truth_images was called")

    def render_at(self, T_world_base: np.ndarray) -> tuple[Observation, TruthImages]:
        raise TruthForbiddenError("render_at was called")

    def reachable_floor(self) -> ReachableFloor:
        raise TruthForbiddenError("reachable_floor was called")


def digest(folder: Path) -> dict[str, str]:
    files = sorted(
        p for p in folder.rglob("*") if p.is_file() and p.suffix in {".json", ".png", ".npz", ".safetensors"}
    )
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def loop(world: EmbeddedSimulator, folder: Path, replay: Path) -> dict[str, str]:
    source = record_world(world, folder, "seal-small", STEPS, seed=0)
    # The demo's rule; its thresholds are lower, for so few frames.
    config = LabelConfig(rule="instance_vote", agreement=0.15, agreement_min_views=1, min_instance_m3=0.002)
    write_dataset(source, LabelProp(config), DatasetWork(folder / "labels"))
    write_dataset(source, SelfTraining(min_score=0.5), DatasetWork(folder / "self"))
    tuning = FinetuneConfig(iterations=2, batch=2, checkpoint_every=10, replay_share=0.5)
    finetune("seal-small", folder / "labels", folder / "tuned.safetensors", tuning, replay_dataset=replay)
    poses = np.stack([item.frame.T_map_camera for item in source])
    frames = hashlib.sha256(b"".join(item.frame.rgb.tobytes() + item.frame.depth.tobytes() for item in source))
    return {**digest(folder), "poses": hashlib.sha256(poses.tobytes()).hexdigest(), "frames": frames.hexdigest()}


def test_without_truth_every_byte_is_the_same(tmp_path: Path) -> None:
    scene, config = make_home("train_01"), EmbeddedConfig(width=320, height=240)
    replay = tmp_path / "replay"
    write_catalogue(replay, 4, workers=1)  # has scenes of its own: it knows of neither simulator
    seeing = loop(EmbeddedSimulator(scene, config), tmp_path / "seeing", replay)
    blind = loop(Blindfolded(scene, config), tmp_path / "blind", replay)
    labels = CocoDataset(tmp_path / "seeing" / "labels")
    assert sum(len(labels.annotations(i)) for i in range(len(labels))) > 0, (
        "nothing was labelled: the test would be empty"
    )
    assert seeing == blind


def test_the_blindfold_holds() -> None:
    world = Blindfolded(make_home("train_01"), EmbeddedConfig(width=32, height=24))
    world.reset(0)
    with pytest.raises(TruthForbiddenError):
        world.truth_images()
    with pytest.raises(TruthForbiddenError):
        world.render_at(np.eye(4))
    with pytest.raises(TruthForbiddenError):
        world.reachable_floor()
