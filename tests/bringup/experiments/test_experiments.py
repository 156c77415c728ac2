# SPDX-License-Identifier: Apache-2.0
"""Experiments refuse what would make their tables mean something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.mapping.worlds import FINE, wall_source

from seal_bringup.experiments import finetune_rules, fusion_rules
from seal_bringup.experiments.labels import objects, swaps
from seal_bringup.experiments.recordings import record
from seal_mapping.datasets.map_builder import build_map
from seal_mapping.labels.config import VOTE
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.errors import InputError


@pytest.mark.parametrize("experiment", [fusion_rules, finetune_rules, objects, swaps])
def test_nothing_is_chosen_on_test_homes(experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune_rules, "REPLAY_PICTURES", 1)
    monkeypatch.setattr("sys.argv", ["x", "--homes", "test_01", "--work", str(tmp_path), "--out", str(tmp_path / "t")])
    with pytest.raises(InputError, match="test_01 is no training home"):
        experiment.main()
    assert not (tmp_path / "t").exists() and not (tmp_path / "test_01").exists()


def test_unknown_rules_are_refused_before_anything_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["x", "--rules", "default,max", "--work", str(tmp_path)])
    with pytest.raises(InputError, match="unknown rules max"):
        finetune_rules.main()
    assert not list(tmp_path.iterdir())


def test_a_recording_made_otherwise_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / ".part" / "bag").mkdir(parents=True)  # one that was interrupted
    assert len(record("train_01", tmp_path, "seal-small", steps=2)) == 3
    assert not (tmp_path / ".part").exists()
    made = (tmp_path / "bag" / "metadata.yaml").stat().st_mtime_ns
    assert len(record("train_01", tmp_path, "seal-small", steps=2)) == 3
    assert (tmp_path / "bag" / "metadata.yaml").stat().st_mtime_ns == made
    with pytest.raises(InputError, match="was recorded otherwise"):
        record("train_01", tmp_path, "seal-small", steps=3)
    (tmp_path / "recording.json").unlink()  # of what is not known
    with pytest.raises(InputError, match="was recorded otherwise"):
        record("train_01", tmp_path, "seal-small", steps=2)


def test_voxels_belong_to_the_true_object_that_most_pixels_show(tmp_path: Path) -> None:
    """A wall of which the left half is a chair in three of four frames, and a couch in the other."""
    source = wall_source(count=4)
    left = np.zeros((FINE.height, FINE.width), bool)
    left[:, : FINE.width // 2] = True
    with DatasetWriter(tmp_path / "truth") as writer:
        for item in source:
            category = 1 if item.index == 2 else 0
            writer.add(item.frame.rgb, [Annotation(category, left, {"instance": 7})])
    voxel_map = build_map(source)
    cloud = voxel_map.voxels()
    owner, category = objects.true_owners(source, CocoDataset(tmp_path / "truth"), cloud, voxel_map.config.voxel_m)
    y, often = cloud.xyz[:, 1], cloud.views == 4  # the camera looks along x: left is +y
    left_half, right_half = often & (y > 0.06), often & (y < -0.06)
    # Every second pixel is looked at, so few voxels are shown more often by the odd frame.
    assert left_half.sum() > 100 and set(owner[left_half]) <= {1, 2} and np.mean(owner[left_half] == 1) > 0.95
    assert np.array_equal(category[left_half], owner[left_half] - 1)
    assert right_half.sum() > 100 and set(owner[right_half]) == {0} and set(category[right_half]) == {-1}


def test_the_rules_compared_contain_the_default_and_differ() -> None:
    rules = fusion_rules.candidates()
    assert VOTE in rules.values()
    assert len({repr(rule) for rule in rules.values()}) == len(rules)
