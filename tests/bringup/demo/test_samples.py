# SPDX-License-Identifier: Apache-2.0
"""Which frames are shown in the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seal_bringup.demo.samples import choose_frames
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter


def dataset(folder: Path, objects: list[int]) -> CocoDataset:
    mask = np.zeros((8, 8), bool)
    mask[2:5, 2:5] = True
    with DatasetWriter(folder) as writer:
        for count in objects:
            writer.add(
                np.zeros((8, 8, 3), np.uint8), [Annotation(0, mask)] * count + [Annotation(1, mask, {"ignore": True})]
            )
    return CocoDataset(folder)


def test_each_part_of_the_run_gives_its_frame_with_most_objects(tmp_path: Path) -> None:
    assert choose_frames(dataset(tmp_path / "a", [0, 2, 1, 1, 3, 0]), 2) == [1, 4]


def test_ties_and_runs_without_labels_go_to_the_earlier_frame(tmp_path: Path) -> None:
    assert choose_frames(dataset(tmp_path / "a", [0, 0, 0, 1, 1, 1]), 2) == [0, 3]
    assert choose_frames(dataset(tmp_path / "b", [0, 0]), 8) == [0, 1]
