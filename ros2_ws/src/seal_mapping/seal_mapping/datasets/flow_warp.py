# SPDX-License-Identifier: Apache-2.0
"""Which pixel of one picture is which of the next: dense optical flow, and masks carried along it.

The flow is OpenCV's DIS (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016). A pixel is
associated only where the flow there and the flow back agree (Sundaram et al., "Dense Point Trajectories by
GPU-accelerated Large Displacement Optical Flow", ECCV 2010, equation 5): what is hidden in the other picture, or lies
outside it, has no partner. DIS smooths, so its two flows agree even between pictures of different things (on 7 to 42 %
of the pixels in ten pairs of pictures of noise of 128 x 96): a partner must look alike too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from seal_perception.types import BoolArray, Float32Array, UInt8Array

_RELATIVE, _ABSOLUTE_PX2 = 0.01, 0.5
"""Flow there and back may differ by this share of their squared lengths, and by this much besides (Sundaram et al.)."""
_WINDOW_PX, _UNLIKE, _NOISE = 7, 0.5, 12.0
"""Partners look alike if over this window the mean squared difference is at most this share of the sum of the two
variances, of which unrelated pictures have all, plus this squared: noise and exposure, in grey values."""
_LEAST_PX = 32
"""Shortest side in pixels of a picture that gets a flow: OpenCV raises cv2.error on some smaller ones."""


@dataclass(frozen=True)
class Association:
    """Partners of one picture's pixels in another picture of the same size.

    Attributes:
        x: (H, W) float32, the partner's column u, and ...
        y: ... (H, W) float32, its row v, in pixels.
        known: (H, W) bool, where the pictures agree on one; it may lie outside, where nothing is carried from.
    """

    x: Float32Array
    y: Float32Array
    known: BoolArray

    def carry(self, mask: BoolArray) -> BoolArray:
        """An (H, W) mask of the other picture as seen in this one: of the nearest pixel; False without a partner."""
        found = cv2.remap(mask.astype(np.uint8), self.x, self.y, cv2.INTER_NEAREST, borderValue=0)
        out: BoolArray = found.astype(bool) & self.known
        return out


def associate(one: UInt8Array, other: UInt8Array) -> tuple[Association, Association] | None:
    """Partners in `other` of the pixels of `one`, and in `one` of those of `other`.

    Args:
        one: (H, W) uint8 grey picture.
        other: the same size; None comes back if it is not, or a side is shorter than 32 pixels.
    """
    if one.shape != other.shape or min(one.shape) < _LEAST_PX:
        return None
    there, back = _flow(one, other), _flow(other, one)
    return _checked(there, back, one, other), _checked(back, there, other, one)


def _flow(start: UInt8Array, end: UInt8Array) -> Float32Array:
    """(H, W, 2) float32: where a pixel of `start` lies in `end`, relative to its own place, x and y in pixels."""
    found: Float32Array = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(start, end, None)
    return found


def _checked(there: Float32Array, back: Float32Array, start: UInt8Array, end: UInt8Array) -> Association:
    rows, columns = np.indices(there.shape[:2], dtype=np.float32)
    x, y = columns + there[..., 0], rows + there[..., 1]
    home = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gap = np.square(there + home).sum(axis=2)
    length = np.square(there).sum(axis=2) + np.square(home).sum(axis=2)
    moved = cv2.remap(end.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alike = _alike(start.astype(np.float32), moved)  # type: ignore[arg-type]
    return Association(x, y, alike & (gap < _RELATIVE * length + _ABSOLUTE_PX2))


def _alike(one: Float32Array, other: Float32Array) -> BoolArray:
    """(H, W) bool: where two float32 grey pictures show the same around a pixel."""

    def mean(values: Float32Array) -> Float32Array:
        return cv2.blur(values, (_WINDOW_PX, _WINDOW_PX))  # type: ignore[return-value]

    variances = mean(one * one) - mean(one) ** 2 + mean(other * other) - mean(other) ** 2
    alike: BoolArray = mean(np.square(one - other)) <= _UNLIKE * variances + _NOISE**2
    return alike


@contextmanager
def repeatable() -> Iterator[None]:
    """One thread for OpenCV: DIS searches in as many stripes as there are threads, and its flow depends on that."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
