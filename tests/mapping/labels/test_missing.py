# SPDX-License-Identifier: Apache-2.0
"""Categories of which the map has no object: what a frame takes for one is neither object nor background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.mapping.worlds import FINE, box, detections, frame, map_of, wall_source

from seal_mapping.datasets.label_prop import LabelProp, frame_annotations
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.labels.config import PAPER, LabelConfig, label_preset
from seal_mapping.labels.propagate import propagate
from seal_perception.dataset import CocoDataset

CHAIR, TV = 0, 5
CONFIG = LabelConfig(
    rule="agreement", agreement_min_views=1, min_height_m=0.0, min_instance_m3=0.0, plausible_size=False
)
LOOKING = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def region(left: int) -> np.ndarray:
    mask = np.zeros((FINE.height, FINE.width), bool)
    mask[10:20, left : left + 10] = True
    return mask


@pytest.mark.parametrize(
    ("config", "ignored"), [(CONFIG, [TV]), (LabelConfig(**{**vars(CONFIG), "ignore_missing": False}), []), (PAPER, [])]
)
def test_detections_of_a_category_without_an_object_are_regions(config: LabelConfig, ignored: list[int]) -> None:
    volume = propagate(map_of(box((0, 0, 30), (5, 5, 35), c0=255)), CONFIG)
    assert [item.category for item in volume.instances] == [CHAIR]
    own = detections(FINE, (CHAIR, 0.3, region(5)), (TV, 0.06, region(40)), (TV, 0.9, np.zeros_like(region(0))))
    found = [a for a in frame_annotations(frame(1.0, LOOKING, FINE), volume, config, own) if a.ignore]
    assert [a.category for a in found] == ignored
    for one in found:
        assert (one.mask == region(40)).all() and one.extra["score"] == pytest.approx(0.06)


def test_without_detections_there_is_nothing_to_ignore() -> None:
    volume = propagate(map_of(box((0, 0, 30), (5, 5, 35), c0=255)), CONFIG)
    assert not [a for a in frame_annotations(frame(1.0, LOOKING, FINE), volume, CONFIG) if a.ignore]


def test_a_dataset_has_them_and_they_are_no_labels(tmp_path: Path) -> None:
    """A wall that every view takes for a tv at 0.1: no rule labels it, and none of its frames is learnt from."""
    write_dataset(
        wall_source(score=0.1, category=TV), LabelProp(label_preset("agreement")), DatasetWork(tmp_path / "a")
    )
    dataset = CocoDataset(tmp_path / "a")
    rows = [row for index in range(len(dataset)) for row in dataset.rows(index)]
    assert len(rows) == 4 and all(row["ignore"] for row in rows) and not dataset.labelled()
