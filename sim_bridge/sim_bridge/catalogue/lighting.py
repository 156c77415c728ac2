# SPDX-License-Identifier: Apache-2.0
"""Light as photographs and simulators have it: by day, by lamp, against windows, coloured, by flash, or flat."""

from __future__ import annotations

import numpy as np

from seal_perception.camera import Camera
from seal_perception.types import BoolArray, Float32Array
from sim_bridge.catalogue.shell import OUTSIDE
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.modelling.textures import any_colour, hsv

MOODS: dict[str, float] = {"day": 0.46, "plain": 0.22, "dim": 0.10, "back": 0.08, "coloured": 0.06, "harsh": 0.08}
"""How set-ups are lit, with their shares: "plain" is a simulator's light, flat and without shadows; "back" has windows
far brighter than the room; "harsh" has lamps and little else."""


def _background(rng: np.random.Generator) -> tuple[float, float, float]:
    """Linear RGB of what is seen past the set-up."""
    colour = any_colour(rng, 0.3) if rng.random() < 0.5 else hsv(0.1, rng.uniform(0, 0.1), rng.uniform(0.5, 1.0))
    red, green, blue = (float(v) for v in np.asarray(colour) ** 2.2)
    return red, green, blue


def light(mood: str, rng: np.random.Generator) -> LightConfig:
    """Settings of the baked light for one of `MOODS`."""
    levels = {"plain": (0.55, 1.0), "dim": (0.06, 0.25), "back": (0.12, 0.4), "harsh": (0.08, 0.25)}
    level = rng.uniform(*levels.get(mood, (0.25, 0.75)))
    tint = 1 + rng.normal(0.0, 0.01 if mood == "plain" else 0.05, 3)
    if mood == "coloured":
        tint = 0.4 + 1.2 * hsv(rng.random(), rng.uniform(0.2, 0.75), 1.0)
    sky = rng.uniform(*{"back": (3.5, 10.0), "dim": (0.1, 1.0)}.get(mood, (0.7, 2.0)))
    lamp_gain = rng.uniform(*{"harsh": (1.0, 2.0), "plain": (0.0, 0.5)}.get(mood, (0.9, 1.1)))
    scenery = min(sky, rng.uniform(0.5, 1.6))
    red, green, blue = (float(v) for v in level * tint)
    return LightConfig(
        ambient=(red, green, blue),
        ao_rays=0 if mood == "plain" else int(rng.choice([0, 4, 6])),
        ao_reach_m=float(rng.uniform(0.5, 1.5)),
        lamp_gain=float(lamp_gain),
        shadows=mood != "plain" or rng.random() < 0.3,
        emission=(("window", float(sky)), (OUTSIDE, float(scenery)), ("lamp", 1.5), ("glow", 1.5)),
        outside=_background(rng),
        exposure=float(np.exp(rng.normal(0.05, 0.12 if mood == "plain" else 0.25))),
    )


def _facing(depth: Float32Array, camera: Camera) -> Float32Array:
    """(H, W) cosine between each pixel's surface and its ray, from differences of depth."""
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]].astype(np.float32)
    x, y = (columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    points = np.stack([x * depth, y * depth, depth], -1)
    normal = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    length = np.linalg.norm(normal, axis=-1) * np.sqrt(x * x + y * y + 1)
    cosine = np.abs(normal[..., 0] * x + normal[..., 1] * y + normal[..., 2]) / np.maximum(length, 1e-9)
    return cosine.astype(np.float32)


def _shadow(depth: Float32Array, camera: Camera, beside_m: float) -> BoolArray:
    """(H, W) what a flash `beside_m` metres to the right of the lens does not reach: seen past a nearer edge."""
    disparity = np.where(depth > 0, camera.fx * abs(beside_m) / np.maximum(depth, 0.2), 0.0)
    out = np.zeros(depth.shape, bool)
    for step in range(1, 12):
        nearer = np.zeros_like(disparity)
        if beside_m > 0:
            nearer[:, :-step] = disparity[:, step:]
        else:
            nearer[:, step:] = disparity[:, :-step]
        gap = nearer - disparity
        out |= (gap > step - 0.5) & (gap < step + 14)
    return out


def flash(image: Float32Array, depth: Float32Array, camera: Camera, rng: np.random.Generator) -> Float32Array:
    """The picture (H, W, 3) in 0..1 with light from the camera: near things bright, far ones dark, hard shadows."""
    seen = depth[depth > 0]
    if not seen.size:
        return image
    distance = np.where(depth > 0, depth, 20.0)
    exposed = float(np.quantile(seen, rng.uniform(0.15, 0.6)))
    share = rng.uniform(0.4, 0.9)
    gain = np.minimum((exposed / np.maximum(distance, 0.3)) ** 2, 3.0) * (0.35 + 0.65 * _facing(depth, camera))
    if rng.random() < 0.7:
        gain = np.where(_shadow(depth, camera, rng.choice([-1, 1]) * rng.uniform(0.03, 0.09)), 0.1 * gain, gain)
    lit = (1 - share + 1.5 * share * gain)[..., None].astype(np.float32)
    linear = image.astype(np.float32) ** np.float32(2.2) * lit
    out: Float32Array = np.minimum(linear, 1.0) ** np.float32(1 / 2.2)
    return out
