# SPDX-License-Identifier: Apache-2.0
"""Random changes of training pictures: place, scale, light, noise, occlusion; all drawn from a given generator."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from seal_perception.dataset import Annotation
from seal_perception.types import UInt8Array

Picture = UInt8Array


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly pictures are changed.

    Attributes:
        flip: chance to mirror left and right.
        scale: smallest and largest zoom; below 1 the picture shrinks into a plain frame.
        scale_chance: chance to zoom and shift at all.
        brightness: largest relative change of brightness; contrast and saturation alike.
        hue: largest turn of hue in degrees.
        colour_chance: chance to change colours.
        noise: largest standard deviation of pixel noise, of 255.
        blur_chance: chance of a slight blur.
        erase_chance: chance to paint a plain rectangle over part of the picture (an occluder).
        min_visible: an object of which less than this share stays in view becomes an ignore region.
    """

    flip: float = 0.5
    scale: tuple[float, float] = (0.6, 1.5)
    scale_chance: float = 0.7
    brightness: float = 0.35
    hue: float = 10.0
    colour_chance: float = 0.8
    noise: float = 8.0
    blur_chance: float = 0.15
    erase_chance: float = 0.25
    min_visible: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be (smallest, largest) above 0, got {self.scale}")
        for name in ("flip", "scale_chance", "colour_chance", "blur_chance", "erase_chance", "min_visible"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")


MILD = AugmentConfig(scale=(0.8, 1.25), scale_chance=0.5, brightness=0.2, hue=5.0, noise=5.0, erase_chance=0.0)
"""For fine-tuning on a home's own frames."""


def augment(
    rgb: Picture, annotations: list[Annotation], config: AugmentConfig, rng: np.random.Generator
) -> tuple[Picture, list[Annotation]]:
    """Change a picture with its annotations; the size stays.

    Args:
        rgb: (H, W, 3) uint8; not changed.
        annotations: its objects.
        config: how strongly.
        rng: source of every choice.

    Returns:
        The new picture and the objects still visible; those nearly gone carry `ignore`.
    """
    areas = [int(a.mask.sum()) for a in annotations]
    masks = [a.mask.view(np.uint8) for a in annotations]
    if rng.random() < config.flip:
        rgb, masks = np.ascontiguousarray(rgb[:, ::-1]), [np.ascontiguousarray(m[:, ::-1]) for m in masks]
    zoom = 1.0
    if rng.random() < config.scale_chance:
        zoom = float(np.exp(rng.uniform(np.log(config.scale[0]), np.log(config.scale[1]))))
        rgb, masks = _zoom(rgb, masks, zoom, rng)
    if rng.random() < config.erase_chance:
        rgb, masks = _erase(rgb, masks, rng)
    if rng.random() < config.colour_chance:
        rgb = _colours(rgb, config, rng)
    if rng.random() < config.blur_chance:
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), float(rng.uniform(0.4, 1.2))), np.uint8)
    if config.noise > 0:
        sigma = float(rng.uniform(0.0, config.noise))
        noise = rng.standard_normal(rgb.shape, dtype=np.float32) * sigma
        rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    kept = []
    for annotation, mask, area in zip(annotations, masks, areas, strict=True):
        visible = int(mask.sum())
        if visible < 16:
            continue
        extra = annotation.extra
        if visible < config.min_visible * area * zoom * zoom:
            extra = {**extra, "ignore": True}
        kept.append(Annotation(annotation.category, mask.astype(bool), extra))
    return rgb, kept


def shrunk(rgb: Picture, annotations: list[Annotation], factor: int) -> tuple[Picture, list[Annotation]]:
    """The picture `factor` times smaller, (H // factor, W // factor); objects of under 12 pixels become `ignore`."""
    size = (rgb.shape[1] // factor, rgb.shape[0] // factor)
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    kept = []
    for annotation in annotations:
        resized = cv2.resize(annotation.mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        mask = np.asarray(resized, np.uint8).astype(bool)
        if mask.any():
            extra = annotation.extra if mask.sum() >= 12 else {**annotation.extra, "ignore": True}
            kept.append(Annotation(annotation.category, mask, extra))
    return small, kept


def _zoom(rgb: Picture, masks: list[Picture], zoom: float, rng: np.random.Generator) -> tuple[Picture, list[Picture]]:
    height, width = rgb.shape[:2]
    left = rng.uniform(min(0.0, width - width * zoom), max(0.0, width - width * zoom))
    top = rng.uniform(min(0.0, height - height * zoom), max(0.0, height - height * zoom))
    matrix = np.array([[zoom, 0.0, left], [0.0, zoom, top]])
    edge = [int(v) for v in rng.integers(0, 256, 3)]
    size = (width, height)
    out = cv2.warpAffine(rgb, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=edge)
    warped = [np.asarray(cv2.warpAffine(m, matrix, size, flags=cv2.INTER_NEAREST), np.uint8) for m in masks]
    return np.asarray(out, np.uint8), warped


def _erase(rgb: Picture, masks: list[Picture], rng: np.random.Generator) -> tuple[Picture, list[Picture]]:
    height, width = rgb.shape[:2]
    h, w = int(height * rng.uniform(0.08, 0.35)), int(width * rng.uniform(0.08, 0.35))
    top, left = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
    rgb, masks = rgb.copy(), [m.copy() for m in masks]
    rgb[top : top + h, left : left + w] = rng.integers(0, 256, 3)
    for mask in masks:
        mask[top : top + h, left : left + w] = 0
    return rgb, masks


def _colours(rgb: Picture, config: AugmentConfig, rng: np.random.Generator) -> Picture:
    bright, contrast, saturation = 1.0 + rng.uniform(-config.brightness, config.brightness, 3)
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    turn = round(rng.uniform(-config.hue, config.hue) / 2.0)  # OpenCV's hue counts in 2 degrees
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + turn) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * np.float32(saturation), 0, 255)
    out = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)
    mean = float(out.mean())
    out = (out - mean) * np.float32(contrast) + mean * np.float32(bright)
    tint = 1.0 + rng.uniform(-0.5, 0.5, 3).astype(np.float32) * np.float32(config.brightness / 2.0)
    return np.clip(out * tint, 0, 255).astype(np.uint8)
