# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from seal_perception.coco.masks import (
    fill_polygon,
    fill_polygons,
    read_runs,
    resize_mask,
    runs_to_mask,
)
from seal_perception.errors import InputError

SQUARE = [2, 1, 5, 1, 5, 4, 2, 4]  # x 2..5, y 1..4: nine pixels


def inside(points, x, y):
    """Even-odd rule by a plain loop: edges crossed on the way to the left; one through the centre counts."""
    odd = False
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) / (y1 - y0) * (x1 - x0) <= x:
            odd = not odd
    return odd


def test_a_square_on_pixel_borders_is_exactly_its_pixels():
    mask = fill_polygon(np.reshape(SQUARE, (4, 2)).astype(float), 6, 8)
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:5] = True
    np.testing.assert_array_equal(mask, expected)
    other = coco_mask.decode(coco_mask.frPyObjects([SQUARE], 6, 8))[..., 0]
    np.testing.assert_array_equal(mask, other.astype(bool))  # pycocotools agrees; cv2.fillPoly would fill 16


def test_centres_on_left_and_upper_edges_are_inside_on_right_and_lower_ones_outside():
    mask = fill_polygon(np.array([[1.5, 1.5], [3.5, 1.5], [3.5, 2.5], [1.5, 2.5]]), 6, 8)
    assert np.argwhere(mask).tolist() == [[1, 1], [1, 2]]


def test_polygons_equal_a_plain_loop():
    rng = np.random.default_rng(3)
    for _ in range(60):
        points = rng.uniform(-4, 12, (rng.integers(3, 9), 2))
        if rng.random() < 0.5:
            points = np.round(points * 2) / 2  # corners on pixel centres and borders
        expected = [[inside(points, u + 0.5, v + 0.5) for u in range(9)] for v in range(7)]
        np.testing.assert_array_equal(fill_polygon(points, 7, 9), expected)


def test_neighbours_share_an_edge_and_no_pixel():
    corners = np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 7.0], [0.0, 7.0]])
    for middle in ([3.5, 2.5], [4.2, 3.1]):
        parts = [fill_polygon(np.array([corners[n], corners[(n + 1) % 4], middle]), 7, 9) for n in range(4)]
        np.testing.assert_array_equal(np.sum(parts, axis=0), np.ones((7, 9)))


def test_an_outline_far_outside_is_cut_off_and_an_absurd_one_refused():
    far = np.array([[-1e6, -1e6], [1e6, -1e6], [1e6, 1e6], [-1e6, 1e6]])
    assert fill_polygon(far, 6, 8).all()
    zigzag = np.tile([[0.0, 0.0], [8.0, 16000.0]], (1000, 1))
    with pytest.raises(InputError, match="2000 points is too intricate"):
        fill_polygon(zigzag, 16000, 8)


def test_run_lengths_plain_and_compressed():
    rng = np.random.default_rng(5)
    for shape in ((1, 1), (6, 8), (37, 53)):
        for share in (0.0, 0.1, 0.5, 1.0):
            mask = rng.random(shape) < share
            packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            runs = read_runs(packed["counts"].decode(), *shape)
            np.testing.assert_array_equal(runs_to_mask(runs, *shape), mask)
            np.testing.assert_array_equal(runs_to_mask(read_runs(runs.tolist(), *shape), *shape), mask)


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ([3, 3], "add up to 48"),
        ([-1, 49], "must be >= 0"),
        ([48.0], "whole numbers or compressed text"),
        (None, "whole numbers or compressed text"),
        ("\n", "compressed counts are broken"),
        ("o" * 50, "compressed counts are broken"),
        ("P", "compressed counts are cut off"),
        ("0" * 1000, "too long for 8 x 6 pixels"),
    ],
)
def test_broken_run_lengths_are_one_line(counts, text):
    with pytest.raises(InputError, match=text):
        read_runs(counts, 6, 8)


def test_a_mask_is_resized_by_pixel_centres():
    mask = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(resize_mask(mask, 4, 4), np.kron(mask, np.ones((2, 2))).astype(bool))
    np.testing.assert_array_equal(resize_mask(np.eye(4, dtype=bool), 2, 2), np.eye(2, dtype=bool))


def test_parts_of_an_object_are_united():
    square = np.reshape(SQUARE, (4, 2)).astype(float)
    mask = fill_polygons([square, square, square + np.array([2, 0])], 6, 8)
    assert mask.sum() == 15 and mask[1:4, 2:7].all()  # what two parts share is not cut out
    assert not fill_polygons([], 6, 8).any()
