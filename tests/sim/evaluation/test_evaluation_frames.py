# SPDX-License-Identifier: Apache-2.0
"""Evaluation frames: the same poses for ever, annotations that are the truth, whole folders only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.sim.rooms import FAST, box_part, room

from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError
from seal_perception.pose import planar_pose
from seal_perception.simulator import ReachableFloor, TruthImages
from sim_bridge.embedded import EmbeddedSimulator
from sim_bridge.evaluation.frames import frame_poses, poses_hash, truth_annotations, write_evaluation_frames

FLOOR = ReachableFloor(np.pad(np.ones((40, 20), bool), 5), np.array([-1.0, 2.0]), 0.02)


@pytest.fixture
def sim() -> EmbeddedSimulator:
    return EmbeddedSimulator(room(box_part((1.2, -0.3, 0.0), (1.6, 0.4, 1.2), 3)), FAST)


def test_poses_are_fixed_for_ever() -> None:
    poses = frame_poses("test_01", FLOOR, 3)
    assert [(p.x, p.y, p.yaw) for p in poses] == [
        (-0.69, 2.49, -2.793224),
        (-0.33, 2.39, -1.859115),
        (-0.73, 2.39, -0.670964),
    ]


def test_a_longer_list_begins_with_the_shorter_and_seeds_and_homes_differ() -> None:
    short, long = frame_poses("test_01", FLOOR, 5), frame_poses("test_01", FLOOR, 50)
    assert long[:5] == short
    others = [frame_poses("test_02", FLOOR, 5), frame_poses("test_01", FLOOR, 5, seed=1)]
    hashes = {poses_hash("test_01", 0, poses) for poses in (short, long, *others)}
    assert len(hashes) == 4


def test_poses_are_uniform_over_floor_and_headings() -> None:
    poses = frame_poses("test_01", FLOOR, 4000)
    xy = np.array([(p.x, p.y) for p in poses])
    cells = np.floor((xy - FLOOR.origin_xy) / FLOOR.cell_m).astype(int)
    assert FLOOR.cells[cells[:, 0], cells[:, 1]].all()
    counts = np.histogram2d(xy[:, 0], xy[:, 1], bins=4)[0]
    assert counts.min() > 190 and counts.max() < 310
    turns = np.histogram([p.yaw for p in poses], bins=8, range=(-np.pi, np.pi))[0]
    assert turns.sum() == 4000 and turns.min() > 420


def test_small_instances_are_left_out() -> None:
    instance, category = np.zeros((100, 100), np.int32), np.full((100, 100), -1, np.int8)
    instance[:50] = 1
    instance[60, :9], category[60, :9] = 2, 0
    instance[70, :10], category[70, :10] = 3, 5
    found = truth_annotations(TruthImages(instance, category))
    assert [(a.category, a.extra["instance"], int(a.mask.sum())) for a in found] == [(5, 3, 10)]


def test_the_dataset_is_the_truth(sim: EmbeddedSimulator, tmp_path: Path) -> None:
    digest = write_evaluation_frames("room", tmp_path / "frames", 12, simulator=sim)
    dataset = CocoDataset(tmp_path / "frames")
    stored = json.loads((tmp_path / "frames" / "poses.json").read_text())
    assert len(dataset) == 12 and stored["sha256"] == digest and dataset.info["poses_sha256"] == digest
    seen = 0
    for index, row in enumerate(stored["frames"]):
        observation, truth = sim.render_at(planar_pose(row["x"], row["y"], row["yaw"]))
        np.testing.assert_array_equal(dataset.image(index), observation.rgb)
        annotations = dataset.annotations(index)
        if (truth.category == 3).mean() >= 0.001:
            assert len(annotations) == 1 and annotations[0].category == 3
            np.testing.assert_array_equal(annotations[0].mask, truth.category == 3)
            seen += 1
        else:
            assert not annotations
    assert 0 < seen < 12


def test_the_same_frames_are_the_same_bytes(sim: EmbeddedSimulator, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_evaluation_frames("room", tmp_path / name, 4, simulator=sim)
    assert CocoDataset(tmp_path / "a").hash() == CocoDataset(tmp_path / "b").hash()


def test_a_failure_leaves_nothing_behind(
    sim: EmbeddedSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = sim.render_at, []

    def failing(T):  # type: ignore[no-untyped-def]
        calls.append(1)
        if len(calls) == 3:
            raise OSError("disk full")
        return original(T)

    monkeypatch.setattr(sim, "render_at", failing)
    with pytest.raises(OSError, match="disk full"):
        write_evaluation_frames("room", tmp_path / "frames", 5, simulator=sim)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_dataset_is_not_written_over(sim: EmbeddedSimulator, tmp_path: Path) -> None:
    write_evaluation_frames("room", tmp_path / "frames", 2, simulator=sim)
    with pytest.raises(InputError, match="already holds"):
        write_evaluation_frames("room", tmp_path / "frames", 2, simulator=sim)
    with pytest.raises(InputError, match="count"):
        write_evaluation_frames("room", tmp_path / "other", 0, simulator=sim)
