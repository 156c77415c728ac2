# SPDX-License-Identifier: Apache-2.0
"""Camera, pose, categories, frames, detections and files against known answers."""

from __future__ import annotations

import errno
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seal_perception.camera import Camera
from seal_perception.categories import CATEGORIES, COLOURS, category_index
from seal_perception.detections import Detections, mask_iou, mask_to_rle, rle_to_mask
from seal_perception.files import naming, replacing, sha256, write_json, write_text
from seal_perception.frame import Frame
from seal_perception.pose import (
    camera_mounting,
    check_pose,
    invert,
    planar_pose,
    pose_from_xyz_quat,
    pose_to_xyz_quat,
    pose_yaw,
)
from seal_perception.reading.text import read_json


def test_camera_of_90_degrees() -> None:
    camera = Camera.from_hfov(4, 2, math.pi / 2)
    assert camera.fx == pytest.approx(2.0) and camera.cx == 1.5 and camera.cy == 0.5
    rays = camera.rays()
    assert rays.shape == (2, 4, 3)
    np.testing.assert_allclose(rays[0, 0], [-0.75, -0.25, 1.0])
    np.testing.assert_allclose(camera.matrix @ rays[1, 3], [3.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "arguments", [(0, 2, 1.0, 1.0, 0.0, 0.0), (4, 2, -1.0, 1.0, 0.0, 0.0), (4, 2, 1, 1, math.nan, 0)]
)
def test_camera_refuses_nonsense(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError):
        Camera(*arguments)  # type: ignore[arg-type]


def test_mounting_looks_forward() -> None:
    T_base_camera = camera_mounting(0.88)
    np.testing.assert_allclose(T_base_camera @ [0, 0, 2, 1], [2, 0, 0.88, 1], atol=1e-12)  # ahead
    np.testing.assert_allclose(
        T_base_camera @ [1, 0, 0, 1], [0, -1, 0.88, 1], atol=1e-12
    )  # image right is the robot's right
    down = camera_mounting(1.0, tilt_down_rad=math.pi / 2) @ [0, 0, 1, 1]
    np.testing.assert_allclose(down, [0, 0, 0, 1], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-3.1, 3.1))
def test_poses_round_trip(x: float, y: float, yaw: float) -> None:
    T = planar_pose(x, y, yaw, 0.3)
    assert pose_yaw(T) == pytest.approx(yaw, abs=1e-9)
    np.testing.assert_allclose(invert(T) @ T, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(pose_from_xyz_quat(*pose_to_xyz_quat(T)), T, atol=1e-9)


def test_pose_checks() -> None:
    with pytest.raises(ValueError, match="unit quaternion"):
        pose_from_xyz_quat([0, 0, 0], [0, 0, 0, 0.5])
    with pytest.raises(ValueError, match="rotation"):
        check_pose(np.diag([1.0, 1.0, -1.0, 1.0]))
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        check_pose(np.eye(3))


def test_frame_checks_shapes() -> None:
    camera = Camera.from_hfov(4, 2, 1.0)
    rgb, depth = np.zeros((2, 4, 3), np.uint8), np.zeros((2, 4), np.float32)
    assert Frame(1, rgb, depth, camera, np.eye(4)).T_map_camera.dtype == np.float64
    with pytest.raises(ValueError, match="depth"):
        Frame(1, rgb, depth.astype(np.uint16), camera, np.eye(4))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rgb"):
        Frame(1, rgb[:1], depth, camera, np.eye(4))


def test_categories() -> None:
    assert [category_index(name) for name in CATEGORIES] == list(range(6))
    assert len({tuple(c) for c in COLOURS.tolist()}) == 6
    with pytest.raises(ValueError, match="unknown category 'sofa'"):
        category_index("sofa")


def _two_detections() -> Detections:
    masks = np.zeros((2, 3, 4), bool)
    masks[0, :2, :2], masks[1, 1:, 1:] = True, True
    return Detections(
        np.array([[0, 0, 2, 2], [1, 1, 4, 3]], np.float32), np.array([4, 4]), np.array([0.92, 0.5], np.float32), masks
    )


def test_score_image_takes_the_best() -> None:
    image = _two_detections().score_image()
    assert image.shape == (3, 4, 6) and image.dtype == np.uint8
    np.testing.assert_array_equal(image[..., 4], [[235, 235, 0, 0], [235, 235, 128, 128], [0, 128, 128, 128]])
    assert image[..., [0, 1, 2, 3, 5]].max() == 0
    assert Detections.empty(3, 4).score_image().max() == 0


def test_coco_round_trip() -> None:
    found = _two_detections()
    rows = json.loads(json.dumps(found.to_coco(7)))
    assert rows[0]["image_id"] == 7 and rows[0]["category_id"] == 5 and rows[1]["bbox"] == [1, 1, 3, 2]
    back = Detections.from_coco(rows, 3, 4)
    np.testing.assert_array_equal(back.masks, found.masks)
    np.testing.assert_allclose(back.boxes, found.boxes)
    np.testing.assert_allclose(back.scores, found.scores, atol=1e-6)
    assert len(Detections.from_coco([], 3, 4)) == 0
    with pytest.raises(ValueError, match="mask must be"):
        Detections.from_coco(rows, 4, 4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_masks_round_trip(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    np.testing.assert_array_equal(rle_to_mask(mask_to_rle(mask)), mask)


def test_mask_iou_known_by_hand() -> None:
    one = np.zeros((4, 5), bool)
    other = one.copy()
    one[1:3, 0:3] = other[1:3, 2:5] = True
    assert mask_iou(one, other) == mask_iou(other, one) == 2 / 10
    assert mask_iou(one, one) == 1.0 and mask_iou(one, ~one) == mask_iou(one & ~one, one & ~one) == 0.0


def test_detections_must_agree() -> None:
    with pytest.raises(ValueError, match="agree in N"):
        Detections(
            np.zeros((1, 4), np.float32), np.zeros(2, np.int64), np.zeros(2, np.float32), np.zeros((2, 3, 4), bool)
        )


def test_replacing_leaves_the_old_file_when_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "a" / "x.json"
    write_json(path, {"n": np.int64(3), "a": np.arange(2), "p": Path("q")})
    assert read_json(path) == {"n": 3, "a": [0, 1], "p": "q"}
    before = sha256(path)
    with pytest.raises(RuntimeError), replacing(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert sha256(path) == before and [p.name for p in path.parent.iterdir()] == ["x.json"]
    path.write_text("{")
    with pytest.raises(ValueError, match=r"x\.json is not valid JSON"):
        read_json(path)


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    """/dev/full takes nothing: "No space left on device"."""
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space") as caught, replacing(tmp_path / "map.npz"):
        raise full
    assert caught.value.filename == str(tmp_path / "map.npz") and not list(tmp_path.iterdir())
    with pytest.raises(OSError, match="No space") as caught:
        write_text("/dev/full", "{}")
    assert caught.value.filename == "/dev/full"
    with pytest.raises(OSError, match="No such file") as caught, naming(tmp_path / "other"):
        (tmp_path / "gone" / "x").write_bytes(b"")
    assert caught.value.filename == str(tmp_path / "gone" / "x")  # its own name stays
