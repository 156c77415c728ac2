# SPDX-License-Identifier: Apache-2.0
"""Pixels of a bag's pictures: raw or compressed, checked against the camera."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seal_mapping.bags import decode as bd
from seal_mapping.bags.entry import Topic
from seal_mapping.geometry.conventions import nearest_pixels, same_view
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.errors import InputError
from seal_perception.types import Float32Array, UInt8Array

BROKEN, SIZE, ENCODING = "broken picture", "size differs from camera info", "wrong encoding"


class PictureError(ValueError):
    """A picture cannot be used; `reason` is `BROKEN`, `SIZE` or `ENCODING`."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(what)
        self.reason = reason


def _decoded(topic: Topic, data: bytes) -> Any:
    try:
        return bd.decode(topic, data)
    except bd.BrokenMessageError as error:
        raise PictureError(BROKEN, str(error)) from error


def _message(topic: Topic, data: bytes, camera: Camera, resized: bool = False) -> Any:
    message = _decoded(topic, data)
    # Before pixels are asked for: a damaged picture may name an absurd size.
    raw = topic.msgtype == bd.IMAGE
    size = (message.width, message.height) if raw else m.compressed_size(bytes(message.data[:4096]))
    wanted = (camera.width, camera.height)
    if size is not None and size != wanted and not (resized and same_view(size, wanted)):
        raise PictureError(SIZE, f"{size[0]} x {size[1]} on {topic.name}")
    return message


def colour_pixels(topic: Topic, data: bytes, camera: Camera) -> UInt8Array:
    """(H, W, 3) uint8 RGB of a serialized Image or CompressedImage.

    Raises:
        PictureError: if it is damaged or does not fit the camera.
    """
    pixels = _rgb(topic, _message(topic, data, camera))
    return pixels if topic.msgtype == bd.IMAGE else _checked(pixels, camera, topic)


def plain_pixels(topic: Topic, data: bytes) -> UInt8Array:
    """(H, W, 3) uint8 RGB of a serialized Image or CompressedImage of any size.

    Raises:
        PictureError: if it is damaged, or no colour picture.
    """
    return _rgb(topic, _decoded(topic, data))


def _rgb(topic: Topic, message: Any) -> UInt8Array:
    if topic.msgtype == bd.IMAGE and message.encoding not in m.COLOUR_ENCODINGS:
        raise PictureError(ENCODING, f"{message.encoding!r} on {topic.name}")
    try:
        return m.image_to_rgb(message) if topic.msgtype == bd.IMAGE else m.compressed_to_rgb(message)
    except (InputError, MemoryError) as error:
        raise PictureError(BROKEN, str(error)) from error


def depth_pixels(topic: Topic, data: bytes, camera: Camera, factor: float = 1.0) -> Float32Array:
    """(H, W) float32 metres of a serialized Image or CompressedImage.

    A picture of the camera's view in another size is sampled: every pixel has the depth of the nearest one.

    Args:
        topic: of the picture.
        data: its message.
        camera: the camera, whose size the depth gets.
        factor: what depth is multiplied by where its unit is not the usual one; the largest 16-bit value is then no
            reading.

    Raises:
        PictureError: if it is damaged or does not fit the camera.
    """
    message = _message(topic, data, camera, resized=True)
    if topic.msgtype == bd.IMAGE and message.encoding not in m.DEPTH_ENCODINGS:
        raise PictureError(ENCODING, f"{message.encoding!r} on {topic.name}")
    try:
        raw = topic.msgtype == bd.IMAGE
        depth = m.image_to_depth(message) if raw else m.compressed_to_depth(message)
    except (InputError, MemoryError) as error:
        raise PictureError(BROKEN, str(error)) from error
    if factor != 1.0:
        full = np.float32(65535.0) * np.float32(1e-3)
        depth = np.where(depth == full, np.float32(0.0), depth * np.float32(factor))
    size = (depth.shape[1], depth.shape[0])
    if size != (camera.width, camera.height) and same_view(size, (camera.width, camera.height)):
        rows, columns = nearest_pixels(*size, camera.width, camera.height)
        depth = np.ascontiguousarray(depth[rows[:, None], columns])
    return np.asarray(_checked(depth, camera, topic), np.float32)


def _checked(pixels: npt.NDArray, camera: Camera, topic: Topic) -> npt.NDArray:
    if pixels.shape[:2] != (camera.height, camera.width):
        raise PictureError(SIZE, f"{pixels.shape[1]} x {pixels.shape[0]} on {topic.name}")
    return pixels
