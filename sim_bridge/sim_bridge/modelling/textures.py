# SPDX-License-Identifier: Apache-2.0
"""Procedural materials: tiles of 128 x 128 that repeat without seams, made with numpy from a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from seal_perception.types import FloatArray
from sim_bridge.geometry.mesh import Material
from sim_bridge.modelling.texture_base import (
    SIZE,
    SPLITS,
    U,
    V,
    any_colour,
    brick_colour,
    brown,
    earth,
    floor_wood_colour,
    hsv,
    leaf_colour,
    leather_colour,
    metal_colour,
    noise,
    pale,
    plastic_colour,
    shade,
    split_rng,
    tile_colour,
    wall_colour,
    wood_colour,
)
from sim_bridge.modelling.textures_unseen import UNSEEN
from sim_bridge.modelling.textures_wide import widen

__all__ = ["KINDS", "SIZE", "SPLITS", "TILE_M", "any_colour", "hsv", "make_material", "noise", "split_rng",
           "tile_size_m"]  # fmt: skip

UNSEEN_SHARE = 0.4
"""Share of the materials of test homes whose pattern neither catalogue nor training homes have."""

TILE_M: dict[str, float] = {
    "wood": 0.9, "plank": 1.6, "fabric": 0.35, "paint": 1.5, "wallpaper": 0.7, "tile": 1.2, "carpet": 0.6,
    "rug": 1.6, "leather": 0.6, "metal": 0.5, "plastic": 0.5, "ceramic": 0.6, "leaf": 0.25, "soil": 0.2,
    "stone": 0.8, "concrete": 1.6, "brick": 0.9, "cardboard": 0.5, "books": 0.5,
}  # fmt: skip
"""Edge of one tile in metres; kinds not named here are pictures that are stretched once over a face."""


def tile_size_m(material: Material) -> float:
    """Edge in metres of one repeat of the material's tile."""
    return TILE_M.get(material.name, 1.0)


def _wood(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    warp = noise(rng, 2.5, 3.0)
    rings = np.sin(2 * np.pi * (rng.integers(5, 14) * V + rng.uniform(0.06, 0.25) * warp))
    strength = rng.uniform(0.015, 0.07)
    return shade(base, strength * rings + rng.uniform(0.02, 0.07) * noise(rng, 4, 50))


def _plank(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = _wood(rng, base)
    rows = int(rng.choice([8, 10, 12, 12, 16, 20]))
    tint = 1 + rng.uniform(0.02, 0.09) * rng.standard_normal((rows, 2))
    row = (V * rows).astype(int)
    offset = rng.random(rows)[row]
    half = (((U + offset) % 1.0) * 2).astype(int)
    image *= tint[row, half][..., None]
    seam = (np.diff(row, axis=0, prepend=-1) != 0) | (np.diff(half, axis=1, prepend=half[:, -1:]) != 0)
    image[seam] *= rng.uniform(0.45, 0.85)
    return image


def _fabric(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    weave = 0.5 * (np.sin(2 * np.pi * 32 * U) * np.sin(2 * np.pi * 32 * V)) + 0.7 * noise(rng, 40)
    image = shade(base, rng.uniform(0.02, 0.06) * weave + 0.012 * noise(rng, 4))
    second = np.clip(base * rng.uniform(0.4, 1.6) if rng.random() < 0.6 else any_colour(rng), 0, 1)
    pattern, count = rng.random(), int(rng.integers(2, 9))
    width = rng.uniform(0.2, 0.6)
    stripe_u, stripe_v = (U * count) % 1 < width, (V * count) % 1 < width
    if pattern < 0.08:
        image[stripe_u] = 0.25 * image[stripe_u] + 0.75 * second
    elif pattern < 0.14:
        weight = 0.4 * stripe_u + 0.4 * stripe_v
        image = image * (1 - weight[..., None]) + second * weight[..., None]
    elif pattern < 0.17:
        blobs = noise(rng, rng.uniform(3, 8)) > rng.uniform(0.3, 1.2)
        image[blobs] = second
    elif pattern < 0.21:
        dots = ((U * count) % 1 - 0.5) ** 2 + ((V * count) % 1 - 0.5) ** 2 < (width / 2.2) ** 2
        image[dots] = second
    return image


def _paint(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, rng.uniform(0.002, 0.008) * noise(rng, 3) + rng.uniform(0.002, 0.01) * noise(rng, 40))


def _wallpaper(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = _paint(rng, base)
    second = np.clip(base * rng.uniform(0.7, 1.2) if rng.random() < 0.85 else any_colour(rng), 0, 1)
    count = int(rng.integers(2, 8))
    kind = rng.integers(4)
    if kind == 0:
        mask = (U * count) % 1 < rng.uniform(0.1, 0.6)
    elif kind == 1:
        mask = (np.abs((U * count) % 1 - 0.5) + np.abs((V * count) % 1 - 0.5)) < rng.uniform(0.2, 0.4)
    elif kind == 2:
        mask = np.abs(noise(rng, rng.uniform(3, 7))) < rng.uniform(0.1, 0.5)
    else:
        angle = np.arctan2((V * count) % 1 - 0.5, (U * count) % 1 - 0.5)
        radius = np.hypot((V * count) % 1 - 0.5, (U * count) % 1 - 0.5)
        mask = radius < 0.28 + 0.12 * np.cos(rng.integers(3, 8) * angle)
    image[mask] = 0.5 * image[mask] + 0.5 * second
    return image


def _tile(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n = int(rng.choice([2, 2, 3, 4, 4, 6, 8]))
    rows = n * (int(rng.choice([1, 1, 2])) if n < 8 else 1)
    ku, kv = (U * n).astype(int), (V * rows).astype(int)
    tone = 1 + rng.uniform(0.0, 0.05) * rng.standard_normal((rows, n))
    image = shade(base, rng.uniform(0.005, 0.035) * noise(rng, rng.uniform(2, 14))) * tone[kv, ku][..., None]
    if rng.random() < 0.1:
        image[(ku + kv) % 2 == 1] *= rng.uniform(0.2, 0.85)
    width = rng.uniform(0.004, 0.009)
    grout = (np.minimum(U * n % 1, 1 - U * n % 1) < width * n) | (
        np.minimum(V * rows % 1, 1 - V * rows % 1) < width * rows
    )
    image[grout] = hsv(0.1, 0.05, rng.uniform(0.35, 0.92))
    return image


def _carpet(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, rng.uniform(0.03, 0.08) * noise(rng, 60) + rng.uniform(0.005, 0.03) * noise(rng, 6))


def _rug(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = _carpet(rng, base)
    for _ in range(int(rng.integers(0, 4))):
        colour, kind = any_colour(rng, 0.35), rng.integers(3)
        count = int(rng.integers(1, 6))
        if kind == 0:
            mask = (np.abs((U * count) % 1 - 0.5) + np.abs((V * count) % 1 - 0.5)) < rng.uniform(0.1, 0.45)
        elif kind == 1:
            mask = np.abs((V * count) % 1 - 0.5) < rng.uniform(0.03, 0.2)
        else:
            mask = noise(rng, rng.uniform(2, 6)) > rng.uniform(0.4, 1.3)
        image[mask] = 0.2 * image[mask] + 0.8 * colour
    return image


def _leather(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, 0.05 * np.abs(noise(rng, 30)) + rng.uniform(0.02, 0.05) * noise(rng, 5))


def _smooth(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, 0.012 * noise(rng, 5) + 0.008 * noise(rng, 50))


def _metal(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, 0.06 * noise(rng, 3, 60) + 0.08 * noise(rng, 2))


def _leaf(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = shade(base, rng.uniform(0.06, 0.2) * noise(rng, 6) + 0.05 * noise(rng, 40))
    if rng.random() < 0.35:
        pale = noise(rng, rng.uniform(3, 9), rng.uniform(3, 20)) > rng.uniform(0.6, 1.4)
        image[pale] = image[pale] * 0.5 + 0.5 * hsv(rng.uniform(0.14, 0.3), rng.uniform(0.1, 0.5), 0.85)
    return image


def _grain(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, rng.uniform(0.02, 0.06) * noise(rng, 45) + rng.uniform(0.01, 0.04) * noise(rng, 4))


def _stone(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    veins = np.exp(-np.abs(noise(rng, rng.uniform(2, 5))) * rng.uniform(8, 25))
    return shade(base, rng.uniform(-0.25, 0.18) * veins + 0.025 * noise(rng, 20))


def _brick(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    rows, n = 12, 4
    kv = (V * rows).astype(int)
    u = (U * n + 0.5 * (kv % 2)) % n
    tone = 1 + 0.12 * rng.standard_normal((rows, n))
    image = shade(base, 0.08 * noise(rng, 30)) * tone[kv, u.astype(int) % n][..., None]
    image[(u % 1 < 0.06) | (V * rows % 1 < 0.14)] = hsv(0.1, 0.05, rng.uniform(0.5, 0.9))
    return image


def _books(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = np.empty((SIZE, SIZE, 3))
    column = 0
    while column < SIZE:
        width = int(rng.integers(4, 14))
        colour, top = any_colour(rng, 0.3), int(rng.integers(0, 28))
        image[top:, column : column + width] = colour
        image[:top, column : column + width] = base * 0.25
        band = int(rng.integers(30, 100))
        image[band : band + int(rng.integers(4, 14)), column : column + width] *= rng.uniform(0.5, 1.7)
        image[:, column] *= 0.5
        column += width
    return image


def _ground(rng: np.random.Generator) -> FloatArray:
    """Meadow, earth, houses or the sea."""
    if rng.random() < 0.6:
        return hsv(rng.uniform(0.18, 0.38), rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.7))
    return any_colour(rng, 0.2)


def _landscape(rng: np.random.Generator) -> FloatArray:
    sky, ground = hsv(rng.uniform(0.5, 0.7), rng.uniform(0.05, 0.6), rng.uniform(0.7, 1)), _ground(rng)
    horizon = rng.uniform(0.3, 0.7) + rng.uniform(0.01, 0.07) * noise(rng, 3)[0][None, :]
    image = np.where((horizon > V)[..., None], sky * (1.1 - 0.3 * V[..., None]), ground * (0.6 + 0.6 * V[..., None]))
    return image * (1 + 0.08 * noise(rng, 12)[..., None])


def _art(rng: np.random.Generator) -> FloatArray:
    image = shade(any_colour(rng, 0.6), 0.1 * noise(rng, 3))
    for _ in range(int(rng.integers(2, 8))):
        colour = any_colour(rng, 0.75)
        kind = rng.integers(4)
        cu, cv, r = rng.random(), rng.random(), rng.uniform(0.06, 0.35)
        if kind == 0:
            mask = np.hypot(U - cu, V - cv) < r
        elif kind == 1:
            mask = (np.abs(U - cu) < r) & (np.abs(V - cv) < rng.uniform(0.05, 0.4))
        elif kind == 2:
            mask = noise(rng, rng.uniform(2, 7)) > rng.uniform(0.2, 1.4)
        else:
            mask = np.abs((U - cu) * rng.uniform(-1, 1) + (V - cv) * rng.uniform(-1, 1)) < r * 0.15
        image[mask] = 0.15 * image[mask] + 0.85 * colour
    return image


def _picture(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = _landscape(rng) if rng.random() < 0.35 else _art(rng)
    if rng.random() < 0.55:
        border = rng.uniform(0.06, 0.2)
        mat = (np.minimum(U, 1 - U) < border) | (np.minimum(V, 1 - V) < border)
        image[mat] = hsv(0.12, rng.uniform(0, 0.12), rng.uniform(0.8, 1.0))
    return image


def _screen(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    if rng.random() < 0.22:
        image = _landscape(rng) if rng.random() < 0.6 else _art(rng)
        image = image * hsv(rng.uniform(0.5, 0.66), 0.2, 1.0)
    else:
        dark = hsv(rng.uniform(0.5, 0.75), rng.uniform(0.0, 0.35), rng.uniform(0.02, 0.16))
        slope = rng.uniform(-1, 1) * U + rng.uniform(-1, 1) * V
        image = dark + (rng.uniform(0.0, 0.12) * slope)[..., None]
        if rng.random() < 0.5:
            at, width = rng.uniform(0.1, 0.9), rng.uniform(0.04, 0.2)
            glare = np.exp(-(((U - at + rng.uniform(-0.5, 0.5) * V) / width) ** 2))
            image = image + (rng.uniform(0.03, 0.2) * glare)[..., None]
        image = image + 0.004 * noise(rng, 6)[..., None]
    edge = (np.minimum(U, 1 - U) < 0.012) | (np.minimum(V, 1 - V) < 0.02)
    image[edge] = 0.02
    return image


def _window(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    if rng.random() < 0.25:
        image = shade(hsv(0.62, rng.uniform(0.2, 0.7), rng.uniform(0.03, 0.2)), 0.2 * noise(rng, 3))
    else:
        image = _landscape(rng) * 0.6 + 0.4 * rng.uniform(0.7, 1.0)
    n, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    bars = (np.abs(U * n - np.round(U * n)) < 0.035 * n) | (np.abs(V * m - np.round(V * m)) < 0.035 * m)
    image[bars] = base
    return image


def _mirror(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    top = hsv(rng.random(), 0.08, rng.uniform(0.6, 0.95))
    image = top * (1 - rng.uniform(0.1, 0.4) * V[..., None]) * (1 + 0.1 * noise(rng, 1.5)[..., None])
    return image + (0.1 * (np.abs(U - V + rng.uniform(-0.5, 0.5)) < 0.1))[..., None]


Painter = Callable[[np.random.Generator, FloatArray], FloatArray]
Chooser = Callable[[np.random.Generator], FloatArray]

KINDS: dict[str, tuple[Painter, Chooser]] = {
    "wood": (_wood, wood_colour), "plank": (_plank, floor_wood_colour), "fabric": (_fabric, any_colour),
    "paint": (_paint, wall_colour), "wallpaper": (_wallpaper, wall_colour), "tile": (_tile, tile_colour),
    "carpet": (_carpet, any_colour), "rug": (_rug, any_colour), "leather": (_leather, leather_colour),
    "metal": (_metal, metal_colour), "plastic": (_smooth, plastic_colour), "ceramic": (_smooth, pale),
    "leaf": (_leaf, leaf_colour), "soil": (_grain, earth), "stone": (_stone, tile_colour),
    "concrete": (_grain, tile_colour), "brick": (_brick, brick_colour), "cardboard": (_smooth, brown),
    "books": (_books, wood_colour), "picture": (_picture, pale), "screen": (_screen, pale),
    "window": (_window, pale), "mirror": (_mirror, pale),
}  # fmt: skip
"""Kind -> (painter of the tile, chooser of the base colour)."""


def make_material(
    kind: str, rng: np.random.Generator, split: str = "train", colour: npt.ArrayLike | None = None
) -> Material:
    """A material of a kind; same generator state and split, same bytes; never equal across splits.

    Args:
        kind: one of `KINDS`.
        rng: one draw is taken from it.
        split: "catalogue", "train" or "test"; enters the seed.
        colour: base colour, (3,) RGB in 0..1; drawn from the kind's range where absent.

    Raises:
        ValueError: if the kind or the split is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown material {kind!r}; expected one of {', '.join(KINDS)}")
    own = split_rng(rng, split)
    painter, chooser = KINDS[kind]
    drawn = chooser(own)
    base = drawn if colour is None else np.asarray(colour, np.float64)
    if split == "test" and kind in UNSEEN and own.random() < UNSEEN_SHARE:
        painter = UNSEEN[kind][int(own.integers(len(UNSEEN[kind])))]
    elif split == "catalogue":
        painter, base = widen(kind, own, painter, base, colour is None)
    image = painter(own, base)
    image = np.clip(image, 0.0, 1.0)
    image *= 255.0
    return Material(np.round(image, out=image).astype(np.uint8), kind)
