# SPDX-License-Identifier: Apache-2.0
"""Pictures to look at: labels over a frame, and the map from above."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from seal_mapping.palette import category_colours
from seal_mapping.voxels.config import VoxelCloud
from seal_perception.categories import SIX, CategorySet
from seal_perception.dataset import Annotation
from seal_perception.errors import InputError
from seal_perception.files import replacing
from seal_perception.types import UInt8Array


def draw_labels(
    rgb: UInt8Array, annotations: Sequence[Annotation], opacity: float = 0.45, names: CategorySet = SIX
) -> UInt8Array:
    """(H, W, 3) uint8 copy of `rgb` with each label in its category's colour; regions to ignore are hatched grey."""
    out = rgb.astype(np.float32)
    height, width = rgb.shape[:2]
    hatch = (np.add.outer(np.arange(height), np.arange(width)) // 3) % 2 == 0
    for annotation in annotations:
        if annotation.ignore:
            out[annotation.mask & hatch] = 128.0
        else:
            colour = names.colours[annotation.category].astype(np.float32)
            out[annotation.mask] = (1.0 - opacity) * out[annotation.mask] + opacity * colour
    picture = np.ascontiguousarray(np.clip(np.rint(out), 0, 255).astype(np.uint8))
    for annotation in annotations:
        if not annotation.ignore:
            _outline(picture, annotation, names)
    return picture


def _outline(picture: UInt8Array, annotation: Annotation, names: CategorySet) -> None:
    colour = names.colour(annotation.category)
    contours, _ = cv2.findContours(annotation.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, colour, 1)
    x0, y0, _, _ = annotation.box()
    number = annotation.extra.get("instance")
    text = names.name(annotation.category) + ("" if number is None else f" {number}")
    place = (x0 + 1, max(y0 + 10, 10))
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 0, 0), 2, cv2.LINE_AA)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255, 255, 255), 1, cv2.LINE_AA)


def draw_map(
    cloud: VoxelCloud, min_score: int = 0, pixels: int = 4, labels: bool = True, names: CategorySet = SIX
) -> UInt8Array:
    """The map from above, x up and y left: the highest voxel of each column in its colour.

    Args:
        cloud: voxels of a map.
        min_score: labels with a lower score (of 255) are not painted.
        pixels: edge of a voxel in the picture.
        labels: paint categories over the colours.
        names: the map's list of categories.

    Returns:
        (H, W, 3) uint8; white where nothing was seen.
    """
    if len(cloud) == 0:
        return np.full((pixels, pixels, 3), 255, np.uint8)
    low = cloud.ijk.min(axis=0)
    shape = cloud.ijk.max(axis=0) - low + 1
    colour = cloud.rgb.copy()
    if labels:
        painted = (cloud.label >= 0) & (cloud.score >= max(min_score, 1))
        colour[painted] = (0.3 * colour[painted] + 0.7 * category_colours(cloud.label[painted], names)).astype(np.uint8)
    order = np.argsort(cloud.ijk[:, 2], kind="stable")
    plan = np.full((int(shape[0]), int(shape[1]), 3), 255, np.uint8)
    plan[tuple((cloud.ijk[order, :2] - low[:2]).T)] = colour[order]
    picture = np.repeat(np.repeat(plan[::-1, ::-1], pixels, axis=0), pixels, axis=1)
    return np.ascontiguousarray(picture)


def write_png(path: Path | str, rgb: UInt8Array) -> None:
    """Write an (H, W, 3) uint8 RGB picture, whole or not at all.

    Raises:
        InputError: if it cannot be encoded.
    """
    ok, data = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))
    if not ok:
        raise InputError(f"cannot encode {path} as PNG")
    with replacing(path) as beside:
        beside.write_bytes(data.tobytes())
