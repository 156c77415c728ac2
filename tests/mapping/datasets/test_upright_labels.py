# SPDX-License-Identifier: Apache-2.0
"""A recording of a camera on its side gives the labels, the map and the pictures of the one that stood upright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.mapping.worlds import FINE, frame, label_config, turned_frame

from seal_mapping.annotation.annotations import read_annotations
from seal_mapping.annotation.choose import annotate_frames
from seal_mapping.bags.reader import BagReader, open_bag
from seal_mapping.bags.writer import BagWriter, write_frame
from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.source import BagFrame, Recording
from seal_mapping.voxels.io import load_map
from seal_perception.dataset import CocoDataset
from seal_perception.detections import Detections
from seal_perception.files import write_json
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, invert, planar_pose
from seal_perception.reading.text import read_json

STAMP = 1_700_000_000_000_000_000
RED, GREEN = (200, 20, 20), (20, 200, 20)


class UprightDetector:
    """Finds the patch alone where its red half is above its green one."""

    def detect(self, rgb: np.ndarray) -> Detections:
        red, green = rgb[..., 0] > 128, rgb[..., 1] > 128
        if not red.any() or np.flatnonzero(red.any(axis=1)).max() >= np.flatnonzero(green.any(axis=1)).min():
            return Detections.empty(*rgb.shape[:2])
        mask = red | green
        box = np.array([[0, 0, rgb.shape[1], rgb.shape[0]]], np.float32)
        return Detections(box, np.array([0]), np.array([0.95], np.float32), mask[None])


def walk(turns: list[int], tilts: list[float] | None = None) -> list[Frame]:
    """A robot that backs away from a wall with a patch, its camera turned so; tilted, it looks at the same patch."""
    out = []
    for k, turn in enumerate(turns):
        tilt = (tilts or [0.0] * len(turns))[k]
        T = planar_pose(-0.05 * k, 0.0, 0.0) @ camera_mounting(0.88, tilt_down_rad=tilt)
        rays = FINE.rays() @ T[:3, :3].T
        depth = ((2.0 - T[0, 3]) / rays[..., 0]).astype(np.float32)
        points = rays * depth[..., None] + T[:3, 3]
        y, z = points[..., 1], points[..., 2]
        rgb = np.full((*depth.shape, 3), 90, np.uint8)
        rgb[(abs(y) < 0.5) & (z > 0.8) & (z < 1.2)] = RED
        rgb[(abs(y) < 0.3) & (z > 0.4) & (z < 0.8)] = GREEN
        out.append(turned_frame(frame(depth, T, FINE, rgb, STAMP + k * 100_000_000), turn))
    return out


def as_bag(path: Path, frames: list[Frame], mounting: np.ndarray) -> BagReader:
    with BagWriter(path) as writer:
        for one in frames:
            T_odom_base = one.T_map_camera @ invert(mounting)
            write_frame(writer, one.stamp_ns, one.rgb, one.depth, one.camera, T_odom_base, mounting)
    return open_bag(path)


def in_memory(frames: list[Frame]) -> Recording:
    out = Recording()
    for k, one in enumerate(frames):
        out.add(k, one)
    return out


CONFIG = label_config(min_instance_m3=0.001, pixels="depth")


def label(source: object, out: Path) -> CocoDataset:
    write_dataset(DetectedFrames(source, UprightDetector()), LabelProp(CONFIG), DatasetWork(out, workers=1))  # type: ignore[arg-type]
    return CocoDataset(out)


def same_labels(ours: CocoDataset, plain: CocoDataset) -> None:
    for k in range(len(plain)):
        np.testing.assert_array_equal(ours.image(k), plain.image(k))
        (one,), (other,) = ours.annotations(k), plain.annotations(k)
        assert one.category == other.category == 0
        assert (one.mask ^ other.mask).sum() <= 0.02 * other.mask.sum()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> CocoDataset:
    return label(in_memory(walk([0, 0, 0])), tmp_path_factory.mktemp("plain") / "labels")


@pytest.mark.parametrize("turns", [1, 3])
def test_a_bag_of_a_camera_on_its_side_gives_the_plain_recordings_labels(
    plain: CocoDataset, tmp_path: Path, turns: int
) -> None:
    frames = walk([turns] * 3)
    reader = as_bag(tmp_path / "bag", frames, frames[0].T_map_camera)
    (line,) = [text for text in reader.choices if "upright" in text]
    assert line.startswith("/camera/color/image_raw: the camera is mounted on its side")
    ours = label(reader, tmp_path / "labels")
    same_labels(ours, plain)
    assert ours.image_info(0)["turned_deg"] == 90 * (4 - turns) and "turned_deg" not in plain.image_info(0)
    assert {path.name for path in (tmp_path / "labels" / "previews").iterdir()}
    here, there = (load_map(folder / "map.npz").voxels() for folder in (ours.folder, plain.folder))
    both = {tuple(v) for v in here.ijk} & {tuple(v) for v in there.ijk}
    assert len(both) >= 0.98 * max(len(here), len(there)), "the map is where it was"


def test_a_camera_that_is_turned_and_tilted_on_the_way_is_followed(tmp_path: Path) -> None:
    """A pan-tilt head that rolls over: each picture by its own pose."""
    tilts = [0.0, 0.3, -0.1, 0.2]
    turned, upright = walk([0, 1, 2, 3], tilts), walk([0] * 4, tilts)
    ours, plain = label(in_memory(turned), tmp_path / "a"), label(in_memory(upright), tmp_path / "b")
    same_labels(ours, plain)
    assert [ours.image_info(k).get("turned_deg") for k in range(4)] == [None, 270, 180, 90]


def test_self_training_turns_the_detectors_own_masks_into_the_datasets_pictures(tmp_path: Path) -> None:
    for name, turns in (("side", 3), ("plain", 0)):
        frames = DetectedFrames(in_memory(walk([turns])), UprightDetector())
        write_dataset(frames, SelfTraining(), DatasetWork(tmp_path / name))
    (one,), (other,) = (CocoDataset(tmp_path / name).annotations(0) for name in ("side", "plain"))
    np.testing.assert_array_equal(one.mask, other.mask)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_what_a_human_draws_on_the_upright_picture_comes_back_as_the_frame_lies(tmp_path: Path, turns: int) -> None:
    (frame_, upright), out = (*walk([turns]), *walk([0])), tmp_path / "frames"
    annotate_frames(in_memory([frame_]), out, k=1)
    document = read_json(out / "annotations.json")
    (row,) = document["images"]
    assert row["file_name"] == f"images/{STAMP}_turned{90 * (4 - turns)}.png"
    assert (row["width"], row["height"]) == (FINE.width, FINE.height), "upright again"
    # A tool keeps the name and drops our keys.
    document["images"] = [{key: row[key] for key in ("id", "file_name", "width", "height")}]
    corners = [40, 20, 70, 20, 70, 30, 40, 30]
    document["annotations"] = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [corners]}]
    write_json(out / "annotations.json", document)
    found = read_annotations(out / "annotations.json").for_frame(BagFrame(0, frame_))
    drawn = np.zeros(upright.depth.shape, bool)
    drawn[20:30, 40:70] = True
    np.testing.assert_array_equal(found.masks[0], np.rot90(drawn, turns))
    labelme = {"imagePath": f"{7}_turned180.png", "imageWidth": 8, "imageHeight": 6, "shapes": []}
    write_json(tmp_path / "one.json", labelme)
    (picture,) = read_annotations(tmp_path / "one.json").pictures
    assert (picture.stamp_ns, picture.turns) == (7, 2), "a short stamp is found beside the turn too"
