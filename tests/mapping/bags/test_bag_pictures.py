# SPDX-License-Identifier: Apache-2.0
"""Codings of single pictures: colours known by hand, depth by the rule of compressedDepth, damage refused."""

from __future__ import annotations

import struct
from types import SimpleNamespace as Message

import cv2
import numpy as np
import pytest

from seal_perception import messages as m
from seal_perception.errors import InputError


def image(pixels: np.ndarray, encoding: str) -> Message:
    height, width = pixels.shape[:2]
    step = pixels.nbytes // height
    return Message(
        width=width, height=height, encoding=encoding, step=step, data=pixels.tobytes(), is_bigendian=0
    )  # fmt: skip


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_patterns_are_named_by_their_first_row(pattern: str) -> None:
    """A flat picture of red 200, green 100, blue 50, seen through the mosaic, comes back flat."""
    values = {"r": 200, "g": 100, "b": 50}
    cell = np.array([[values[pattern[0]], values[pattern[1]]], [values[pattern[2]], values[pattern[3]]]], np.uint8)
    rgb = m.image_to_rgb(image(np.tile(cell, (6, 8)), f"bayer_{pattern}8"))
    np.testing.assert_array_equal(rgb, np.broadcast_to(np.array([200, 100, 50], np.uint8), (12, 16, 3)))


@pytest.mark.parametrize(("encoding", "order"), [("yuyv", (0, 1)), ("yuv422_yuy2", (0, 1)), ("uyvy", (1, 0))])
def test_yuv_of_two_pixels(encoding: str, order: tuple[int, int]) -> None:
    """BT.601: Y 81, U 90, V 240 is pure red."""
    pairs = np.array([[[81, 90], [81, 240]] * 4] * 4, np.uint8)[..., list(order)]
    rgb = m.image_to_rgb(image(np.ascontiguousarray(pairs), encoding)).astype(int)
    assert np.abs(rgb - [255, 0, 0]).max() <= 3


def test_three_bytes_without_a_name_are_blue_first() -> None:
    pixels = np.full((2, 3, 3), (1, 2, 3), np.uint8)
    assert (m.image_to_rgb(image(pixels, "8UC3")) == (3, 2, 1)).all()


def test_compressed_depth_of_floats_by_hand() -> None:
    """depth = a / (q - b): with a = 30, b = 2, q = 12 is 3 m, q = 32 is 1 m, 0 is no reading."""
    q = np.array([[12, 32], [0, 302]], np.uint16)
    data = struct.pack("<iff", 1, 30.0, 2.0) + png(q)
    depth = m.compressed_to_depth(Message(format="32FC1; compressedDepth png", data=data))
    np.testing.assert_allclose(depth, [[3.0, 1.0], [np.nan, 0.1]], rtol=1e-6)
    whole = struct.pack("<iff", 0, 0.0, 0.0) + png(q)
    np.testing.assert_allclose(m.compressed_to_depth(Message(format="16UC1; compressedDepth", data=whole)), q * 1e-3)
    assert m.compressed_size(data) == m.compressed_size(png(q)) == (2, 2)


@pytest.mark.parametrize("quality", [10, 95])
def test_sizes_from_the_first_bytes(quality: int) -> None:
    jpeg = cv2.imencode(".jpg", np.zeros((37, 91, 3), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    assert m.compressed_size(jpeg[:700]) == (91, 37)
    assert (
        m.compressed_size(jpeg[:20]) is None and m.compressed_size(b"") is None and m.compressed_size(b"GIF8") is None
    )


@pytest.mark.parametrize(
    ("form", "data", "text"),
    [
        ("16UC1; compressedDepth rvl", b"x" * 40, "RVL is not supported"),
        ("16UC1; compressedDepth", b"", "cannot be decoded"),
        ("16UC1; compressedDepth", b"x" * 40, "cannot be decoded"),
        ("8UC1; png compressed", png(np.zeros((4, 4), np.uint8)), "one channel of 16 bits, got .* uint8"),
        ("32FC1; compressedDepth", struct.pack("<iff", 1, 0.0, 0.0) + png(np.ones((4, 4), np.uint16)), "constants 0.0"),
        ("32FC1; compressedDepth", struct.pack("<iff", 1, np.nan, 0.0) + png(np.ones((4, 4), np.uint16)), "constants"),
    ],
)
def test_depth_that_cannot_be_used(form: str, data: bytes, text: str) -> None:
    with pytest.raises(InputError, match=text):
        m.compressed_to_depth(Message(format=form, data=data))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_cut_colour_is_refused(kind: str, share: float) -> None:
    data = cv2.imencode(kind, np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8))[1].tobytes()
    assert m.compressed_to_rgb(Message(format="", data=data)).shape == (48, 64, 3)
    with pytest.raises(InputError, match="cut off|damaged"):
        m.compressed_to_rgb(Message(format="", data=data[: int(share * len(data))]))
