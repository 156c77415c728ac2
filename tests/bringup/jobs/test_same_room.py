# SPDX-License-Identifier: Apache-2.0
"""One walk, recorded as others would: levelled, moved and resized it gives the geometry and labels of the plain one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.mapping.geometry.plain_room import CAMERA, RED, off_surfaces, points_of, seen, walk

from seal_mapping.bags.reader import open_bag
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.folders.to_bag import import_folder
from seal_mapping.labels.config import label_preset
from seal_mapping.source import BagFrame, Recording
from seal_perception.categories import CATEGORIES
from seal_perception.detections import Detections
from seal_perception.pose import invert

COUCH = CATEGORIES.index("couch")
POSES = walk(12)


def record(folder: Path, T_world_map: np.ndarray, step: int = 1) -> Path:
    """The walk as a folder whose world is another, with every n-th pixel of depth."""
    (folder / "color").mkdir(parents=True)
    (folder / "depth").mkdir()
    lines = []
    for k, T in enumerate(POSES):
        rgb, depth = seen(T)
        cv2.imwrite(str(folder / f"color/{k:05d}.png"), rgb[..., ::-1])
        cv2.imwrite(str(folder / f"depth/{k:05d}.png"), np.rint(depth * 1000).astype(np.uint16)[::step, ::step])
        lines.append(" ".join(f"{v:.9g}" for v in (T_world_map @ T).ravel()))
    (folder / "poses.txt").write_text("\n".join(lines) + "\n")
    np.savetxt(folder / "K.txt", CAMERA.matrix)
    return folder


def frames(folder: Path) -> list[BagFrame]:
    """The frames of the folder's bag, with a detector that takes the red block for a couch."""
    import_folder(folder, folder / "bag")
    found = []
    for item in open_bag(folder / "bag"):
        mask = (item.frame.rgb == RED).all(axis=-1)
        v, u = np.nonzero(mask)
        boxes = np.array([[u.min(), v.min(), u.max() + 1, v.max() + 1]] if u.size else np.zeros((0, 4)), np.float32)
        count = len(boxes)
        seen_now = Detections(boxes, np.full(count, COUCH), np.full(count, 0.95, np.float32), mask[None][:count])
        found.append(BagFrame(item.index, item.frame, seen_now))
    return found


def labels(items: list[BagFrame], out: Path) -> list[int]:
    """Area in pixels of each label that 3DLabelProp gives."""
    source = Recording()
    for item in items:
        source.add(item.index, item.frame, item.detections)
    write_dataset(source, LabelProp(label_preset("paper")), DatasetWork(out, workers=1))
    return [int(a["area"]) for a in json.loads((out / "annotations.json").read_text())["annotations"]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    folder = tmp_path_factory.mktemp("plain")
    return labels(frames(record(folder / "room", np.eye(4))), folder / "labels")


CASES: dict[str, Callable[[Path], Path]] = {
    "tilted": lambda folder: record(folder, invert(POSES[0])),
    "half depth": lambda folder: record(folder, np.eye(4), 2),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_room(case: str, plain: list[int], tmp_path: Path) -> None:
    """Points within 2 cm of the true surfaces (median), as many labels within two, of the same size within a tenth."""
    items = frames(CASES[case](tmp_path / "room"))
    T_true_map = POSES[0] @ invert(items[0].frame.T_map_camera)
    points = [points_of(i.frame.depth, CAMERA, T_true_map @ i.frame.T_map_camera) for i in items]
    assert float(np.median(off_surfaces(np.concatenate(points)))) < 0.02
    assert abs(items[0].frame.T_map_camera[2, 3] - POSES[0][2, 3]) < 0.02
    found = labels(items, tmp_path / "labels")
    assert len(plain) >= 10 and abs(len(found) - len(plain)) <= 2
    assert np.median(found) == pytest.approx(np.median(plain), rel=0.1)
