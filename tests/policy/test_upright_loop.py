# SPDX-License-Identifier: Apache-2.0
"""In the loop of one process too, the detector of a camera on its side sees upright pictures."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.pose import camera_mounting
from seal_perception.simulator import Observation
from seal_policy.loop import Run


class Seen:
    """Keeps the picture it is shown, and takes its upper half for a chair."""

    def detect(self, rgb: np.ndarray) -> Detections:
        self.picture = rgb
        mask = np.zeros((1, *rgb.shape[:2]), bool)
        mask[0, : rgb.shape[0] // 2] = True
        box = np.array([[0, 0, rgb.shape[1], rgb.shape[0] // 2]], np.float32)
        return Detections(box, np.array([0]), np.ones(1, np.float32), mask)


@pytest.mark.parametrize(("roll_deg", "side"), [(0, np.s_[:3, :]), (90, np.s_[:, :3]), (180, np.s_[3:, :])])
def test_what_is_above_is_above_for_the_detector_and_the_map_is_upright(
    roll_deg: int, side: tuple[slice, slice]
) -> None:
    turns = roll_deg // 90
    rgb = np.rot90(np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3), turns).copy()
    height, width = rgb.shape[:2]
    mounting = camera_mounting(0.88, roll_rad=math.radians(roll_deg))
    seen = Observation(0, rgb, np.full((height, width), 2.0, np.float32), np.eye(4), False)
    world = SimpleNamespace(
        camera=Camera.from_hfov(width, height, 1.2), T_base_camera=mounting, reset=lambda seed: seen
    )
    run = Run(world, detector := Seen(), VoxelMap(), None)  # type: ignore[arg-type]
    run.start()
    np.testing.assert_array_equal(detector.picture, np.rot90(rgb, -turns))
    expected = np.zeros((height, width), bool)
    expected[side] = True
    np.testing.assert_array_equal(run.detections.masks[0], expected)
    cloud = run.voxel_map.voxels()
    chair = cloud.label == 0
    assert chair.any() and cloud.xyz[chair, 2].min() > cloud.xyz[~chair, 2].max(), "the upper half of the wall"
