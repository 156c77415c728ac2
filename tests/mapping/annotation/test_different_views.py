# SPDX-License-Identifier: Apache-2.0
"""Uncertain frames that show different things, on maps whose entropies are known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.mapping.worlds import CAMERA, ListSource, detections, frame

from seal_mapping.annotation.different_views import choose_different, overlap, uncertain_frames
from seal_mapping.annotation.entropy import FrameScores
from seal_mapping.source import BagFrame
from seal_mapping.voxels.config import MapConfig
from seal_perception.errors import InputError
from seal_perception.types import Int32Array


def rows(*seen: tuple[int, int]) -> tuple[Int32Array, ...]:
    """What frames see: voxels low..high-1 each."""
    return tuple(np.arange(low, high, dtype=np.int32) for low, high in seen)


def scored(bits: list[float], *seen: tuple[int, int]) -> FrameScores:
    return FrameScores(tuple(range(len(bits))), np.array(bits), rows(*seen))


def test_overlap_is_the_share_of_the_frame_that_sees_fewer() -> None:
    far, near, beside, nothing = rows((0, 100), (10, 20), (95, 195), (0, 0))
    assert overlap(far, near) == overlap(near, far) == 1.0
    assert overlap(far, beside) == 0.05
    assert overlap(far, nothing) == overlap(nothing, nothing) == 0.0


def test_a_neighbour_of_a_better_frame_is_skipped() -> None:
    # Frames 0 and 1 see nearly the same, 2 sees half of it, 3 something else.
    scores = scored([0.9, 0.8, 0.7, 0.1], (0, 100), (5, 105), (50, 150), (500, 600))
    assert choose_different(scores, 1) == ([0], 50)
    assert choose_different(scores, 2) == ([0, 2], 50)
    assert choose_different(scores, 3) == ([0, 2, 3], 50)
    assert choose_different(scores, 2, max_overlap_percent=20) == ([0, 3], 20)


def test_the_limit_rises_only_as_far_as_it_must() -> None:
    scores = scored([0.9, 0.8, 0.7, 0.1], (0, 100), (5, 105), (50, 150), (500, 600))
    # 1 shares 95 of 100 voxels with 0: it is the last resort.
    assert choose_different(scores, 4) == ([0, 1, 2, 3], 100)
    two = scored([0.2, 0.9], (0, 100), (35, 135))
    assert choose_different(two, 2) == ([1, 0], 70)


def test_ties_go_to_the_earlier_frame_and_k_must_be_possible() -> None:
    scores = scored([0.0, 0.0], (0, 9), (20, 29))
    assert choose_different(scores, 2) == ([0, 1], 50)
    with pytest.raises(InputError, match="k is 3, but there are only 2 frames"):
        choose_different(scores, 3)
    with pytest.raises(InputError, match="k must be at least 1 frame to annotate, got 0"):
        choose_different(scores, 0)


def turned(degrees: float) -> np.ndarray:
    """T_map_camera at the origin, 1 m up, looking along the floor in a direction."""
    angle = np.deg2rad(degrees)
    forward, left = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle), np.cos(angle), 0])
    T = np.eye(4)
    T[:3, :3] = np.stack([-left, [0, 0, -1], forward], axis=1)
    T[2, 3] = 1.0
    return T


def known_map() -> ListSource:
    """Walls 2 m away in four directions, each seen in two frames.

    At 0 degrees one of two views calls it a chair with score 1: e = 0.5, 1 bit. At 90 both do: 0 bit. At 180 one with
    score 0.5: e = 0.25, 0.81 bit. At 270 nobody does.
    """
    everywhere = np.ones((CAMERA.height, CAMERA.width), bool)
    found = [[(0, 1.0)], [], [(0, 1.0)], [(0, 1.0)], [(0, 0.5)], [], [], []]
    items = []
    for index, here in enumerate(found):
        seen = frame(np.full(everywhere.shape, 2.0, np.float32), turned(90 * (index // 2)), stamp_ns=100 + index)
        items.append(BagFrame(index, seen, detections(CAMERA, *((c, s, everywhere) for c, s in here))))
    return ListSource(items)


def test_the_choice_on_a_map_that_is_known() -> None:
    config = MapConfig(voxel_m=0.1, min_height_m=-9.0, max_height_m=9.0)
    found = uncertain_frames(known_map(), 3, config)
    # One frame of each wall; the certain walls (0 bit) come after, the earlier first.
    assert found.stamps_ns == (100, 104, 102)
    assert found.entropy_bits == pytest.approx((1.0, 0.8113, 0.0), abs=0.01)
    assert (found.overlap_percent, found.with_detections) == (50, 4)
    again = uncertain_frames(known_map(), 5, config)
    assert again.stamps_ns[:2] == (100, 101) and again.overlap_percent == 100
    with pytest.raises(InputError, match="there are only 8 frames"):
        uncertain_frames(known_map(), 9)
