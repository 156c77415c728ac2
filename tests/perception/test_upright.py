# SPDX-License-Identifier: Apache-2.0
"""Pictures are turned upright for the detector by the camera's pose, and its answers come back as the picture lies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, invert, planar_pose
from seal_perception.upright import (
    detect_frame,
    detect_upright,
    pose_by_transforms,
    quarter_turns,
    turn_detections,
    turn_picture,
    upright_lines,
)

HEIGHT, WIDTH = 5, 8
ABOVE = (1, 2)
"""Row and column of the fake object's upper end, in the upright picture."""


def looking(roll: float, tilt_down: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    """T_map_camera of a camera turned about its own axis first; degrees."""
    return planar_pose(1.0, 2.0, math.radians(yaw)) @ camera_mounting(
        0.9, 0.1, math.radians(tilt_down), math.radians(roll)
    )


@pytest.mark.parametrize(
    ("roll", "turns"),
    [(0, 0), (20, 0), (-20, 0), (44, 0), (-44, 0), (46, 3), (90, 3), (110, 3), (180, 2), (-170, 2), (270, 1), (-60, 1)],
)
def test_the_nearest_quarter_turn_brings_a_picture_upright(roll: float, turns: int) -> None:
    for yaw in (0, 77, 180, -120):
        for tilt in (-70, -30, 0, 30, 70):
            assert quarter_turns(looking(roll, tilt, yaw)) == turns
    assert quarter_turns(looking(roll)[:3, :3]) == turns


def test_a_camera_that_looks_straight_down_or_up_has_no_upright() -> None:
    for roll in range(0, 360, 15):
        assert [quarter_turns(looking(roll, tilt)) for tilt in (90, 80, -90, -78)] == [0] * 4
    assert quarter_turns(looking(180, 74)) == 2, "16 degrees off is no more straight down"


def test_each_pose_is_judged_by_itself_while_a_head_pans_and_tilts() -> None:
    """No memory: the same pose gives the same turn, whatever came before it."""
    walk = [looking(90, tilt, yaw) for tilt, yaw in ((0, 0), (50, 40), (89, 80), (50, 120), (-30, 160))]
    assert [quarter_turns(T) for T in walk] == [3, 3, 0, 3, 3]
    assert [quarter_turns(T) for T in walk[::-1]] == [3, 3, 0, 3, 3]


def objects() -> Detections:
    """Two detections of an odd-sized picture; boxes at eighths of a pixel are exact in float32."""
    masks = np.zeros((2, HEIGHT, WIDTH), bool)
    masks[0, 1:3, 2:7] = True
    masks[0, 3, 2] = True
    masks[1, 4, 0] = True
    boxes = np.array([[2, 1, 7, 4], [0.125, 3.5, 1, 5]], np.float32)
    return Detections(boxes, np.array([3, 0]), np.array([0.9, 0.4], np.float32), masks)


def tight(mask: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_boxes_masks_and_scores_are_turned_exactly(turns: int) -> None:
    found, size = objects(), (HEIGHT, WIDTH) if turns % 2 == 0 else (WIDTH, HEIGHT)
    turned = turn_detections(found, turns)
    assert turned.masks.shape == (2, *size) and turned.boxes.dtype == np.float32
    for before, after in zip(found.masks, turned.masks, strict=True):
        np.testing.assert_array_equal(after, np.rot90(before, turns))
    assert turned.boxes[0].tolist() == tight(turned.masks[0])
    np.testing.assert_array_equal(turned.score_image(), np.rot90(found.score_image(), turns))
    back = turn_detections(turned, -turns)
    for name in ("boxes", "categories", "scores", "masks"):
        np.testing.assert_array_equal(getattr(back, name), getattr(found, name))
    assert (turned is found) == (turns == 0)
    assert len(turn_detections(Detections.empty(HEIGHT, WIDTH), turns)) == 0


class Reader:
    """A detector that knows an upright thing alone: red above green."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def detect(self, rgb: np.ndarray) -> Detections:
        self.seen.append(rgb)
        height, width = rgb.shape[:2]
        red, green = rgb[..., 0] > 128, rgb[..., 1] > 128
        if not (green[1:] & red[:-1]).any():
            return Detections.empty(height, width)
        mask = red | green
        return Detections(np.array([tight(mask)], np.float32), np.array([1]), np.array([0.8], np.float32), mask[None])


def thing() -> np.ndarray:
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[ABOVE] = (255, 0, 0)
    rgb[ABOVE[0] + 1, ABOVE[1]] = (0, 255, 0)
    return rgb


@pytest.mark.parametrize("roll", [0, 90, 180, 270])
def test_the_detector_sees_upright_and_answers_as_the_picture_lies(roll: int) -> None:
    recorded = turn_picture(thing(), roll // 90)  # a camera turned clockwise shows the world counter-clockwise
    height, width = recorded.shape[:2]
    camera, depth = Camera.from_hfov(width, height, 1.0), np.ones((height, width), np.float32)
    reader = Reader()
    found = detect_frame(reader, Frame(1, recorded, depth, camera, looking(roll, 30, 50)))
    np.testing.assert_array_equal(reader.seen[0], thing())
    assert len(found) == 1
    np.testing.assert_array_equal(found.masks[0], recorded.any(axis=2))
    assert found.boxes[0].tolist() == tight(found.masks[0])
    assert (reader.seen[0] is recorded) == (roll == 0), "an upright picture is not even copied"
    if roll:
        assert len(reader.detect(recorded)) == 0 == len(detect_upright(reader, recorded, 0)), "as it was before"


def test_one_line_says_how_the_camera_is_mounted() -> None:
    assert upright_lines("eye", [looking(0), looking(30, 20)]) == []
    assert upright_lines("eye", []) == []
    (side,) = upright_lines("eye", [looking(90)] * 3)
    assert side == (
        "eye: the camera is mounted on its side (its pictures are turned by 90 degrees counter-clockwise): the "
        "detector sees the pictures upright"
    )
    assert "turned by 90 degrees clockwise" in upright_lines("eye", [looking(270)])[0]
    assert "mounted upside down" in upright_lines("eye", [looking(180)] * 9 + [looking(180, 90)])[0]
    (mixed,) = upright_lines("eye", [looking(90), looking(180), looking(0)])
    assert mixed.startswith("eye: 2 of 3 pictures lie on their side or upside down")


def test_the_pose_comes_from_the_nearest_level_frame_above_the_camera() -> None:
    mount = camera_mounting(0.5, roll_rad=math.pi)
    links = {"optical": ("camera_link", mount), "camera_link": ("robot1/base_link", planar_pose(0.1, 0.0, 0.2))}
    T = pose_by_transforms(links, "optical")
    assert T is not None and quarter_turns(T) == 2
    np.testing.assert_allclose(T, planar_pose(0.1, 0.0, 0.2) @ mount, atol=1e-12)
    assert pose_by_transforms({"optical": ("camera_link", mount)}, "optical") is None, "the camera's own tree"
    assert pose_by_transforms({}, "optical") is None
    assert pose_by_transforms({"a": ("b", mount), "b": ("a", mount)}, "a") is None, "frames that lead round"
    spot = {"right": ("head", mount), "head": ("body", np.eye(4)), "odom": ("body", invert(mount))}
    assert quarter_turns(pose_by_transforms(spot, "right")) == 2
