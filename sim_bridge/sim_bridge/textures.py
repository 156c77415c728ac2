# SPDX-License-Identifier: Apache-2.0
"""Procedural materials: tiles of 128 x 128 that repeat without seams, made with numpy from a seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sim_bridge.mesh import Material

FloatArray = npt.NDArray[np.float64]
Colour = tuple[float, float, float] | FloatArray

SIZE = 128
SPLITS: tuple[str, ...] = ("catalogue", "train", "test")

TILE_M: dict[str, float] = {
    "wood": 0.9, "plank": 1.4, "fabric": 0.35, "paint": 1.5, "wallpaper": 0.7, "tile": 0.9, "carpet": 0.6,
    "rug": 1.6, "leather": 0.6, "metal": 0.5, "plastic": 0.5, "ceramic": 0.6, "leaf": 0.25, "soil": 0.2,
    "stone": 0.8, "concrete": 1.6, "brick": 0.9, "cardboard": 0.5, "books": 0.5,
}  # fmt: skip
"""Edge of one tile in metres; kinds not named here are pictures that are stretched once over a face."""

_V, _U = np.mgrid[0:SIZE, 0:SIZE] / SIZE


def tile_size_m(material: Material) -> float:
    """Edge in metres of one repeat of the material's tile."""
    return TILE_M.get(material.name, 1.0)


def split_rng(rng: np.random.Generator, split: str) -> np.random.Generator:
    """A generator that depends on the next draw of `rng` and on the split's name.

    Raises:
        ValueError: if the split is none of `SPLITS`.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    return np.random.default_rng([zlib.crc32(split.encode()), int(rng.integers(1 << 62))])


def noise(rng: np.random.Generator, fx: float, fy: float | None = None) -> FloatArray:
    """(128, 128) periodic noise, mean 0 and deviation 1, with about fx and fy bumps across and down."""
    fy = fx if fy is None else fy
    nx, ny = min(SIZE // 2, int(2.6 * fx) + 2), min(SIZE // 2, int(2.6 * fy) + 2)
    kx, ky = np.arange(nx), np.arange(-ny + 1, ny)
    gain = np.exp(-((kx / fx) ** 2))[None, :] * np.exp(-((ky / fy) ** 2))[:, None]
    draws = rng.standard_normal((2, *gain.shape))
    spectrum = np.zeros((SIZE, SIZE // 2 + 1), np.complex128)
    spectrum[ky, :nx] = gain * (draws[0] + 1j * draws[1])
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=(SIZE, SIZE))
    return field / max(float(np.sqrt(np.mean(field * field))), 1e-12)


def hsv(h: float, s: float, v: float) -> FloatArray:
    """(3,) RGB in 0..1 of hue, saturation and value in 0..1."""
    k = (np.array([5.0, 3.0, 1.0]) + (h % 1.0) * 6.0) % 6.0
    return v - v * s * np.clip(np.minimum(k, 4.0 - k), 0.0, 1.0)


def any_colour(rng: np.random.Generator, vivid: float = 0.5) -> FloatArray:
    """A colour as furniture has them: often grey, beige or dark, with the chance `vivid` saturated."""
    if rng.random() < vivid:
        return hsv(rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.25, 0.95))
    if rng.random() < 0.5:
        return hsv(rng.uniform(0.05, 0.14), rng.uniform(0.05, 0.45), rng.uniform(0.3, 0.95))
    return hsv(rng.random(), rng.uniform(0.0, 0.12), rng.uniform(0.08, 0.95))


def wood_colour(rng: np.random.Generator) -> FloatArray:
    """Pale birch to dark walnut, now and then painted white, grey, black or a colour."""
    if rng.random() < 0.2:
        return any_colour(rng, 0.3)
    return hsv(rng.uniform(0.045, 0.11), rng.uniform(0.3, 0.75), rng.uniform(0.22, 0.9))


def wall_colour(rng: np.random.Generator) -> FloatArray:
    """Mostly pale; a fifth of the walls is strongly coloured."""
    if rng.random() < 0.22:
        return hsv(rng.random(), rng.uniform(0.25, 0.7), rng.uniform(0.3, 0.8))
    return hsv(rng.random(), rng.uniform(0.0, 0.2), rng.uniform(0.68, 0.97))


def _shade(base: Colour, field: FloatArray) -> FloatArray:
    return np.asarray(base) * (1.0 + field[..., None])


def _wood(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    warp = noise(rng, 2.5, 3.0)
    rings = np.sin(2 * np.pi * (rng.integers(3, 9) * _V + rng.uniform(0.04, 0.2) * warp))
    strength = rng.uniform(0.03, 0.12)
    return _shade(base, strength * rings + rng.uniform(0.02, 0.07) * noise(rng, 4, 50))


def _plank(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = _wood(rng, base)
    rows = int(rng.choice([4, 6, 8, 12]))
    tint = 1 + rng.uniform(0.03, 0.13) * rng.standard_normal((rows, 2))
    row = (_V * rows).astype(int)
    offset = rng.random(rows)[row]
    half = (((_U + offset) % 1.0) * 2).astype(int)
    image *= tint[row, half][..., None]
    seam = (np.diff(row, axis=0, prepend=-1) != 0) | (np.diff(half, axis=1, prepend=half[:, -1:]) != 0)
    image[seam] *= rng.uniform(0.45, 0.85)
    return image


def _fabric(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    weave = 0.5 * (np.sin(2 * np.pi * 32 * _U) * np.sin(2 * np.pi * 32 * _V)) + 0.7 * noise(rng, 40)
    image = _shade(base, rng.uniform(0.02, 0.08) * weave + 0.03 * noise(rng, 4))
    second = np.clip(base * rng.uniform(0.4, 1.6) if rng.random() < 0.6 else any_colour(rng), 0, 1)
    pattern, count = rng.random(), int(rng.integers(2, 9))
    width = rng.uniform(0.2, 0.6)
    stripe_u, stripe_v = (_U * count) % 1 < width, (_V * count) % 1 < width
    if pattern < 0.14:
        image[stripe_u] = 0.25 * image[stripe_u] + 0.75 * second
    elif pattern < 0.22:
        weight = 0.4 * stripe_u + 0.4 * stripe_v
        image = image * (1 - weight[..., None]) + second * weight[..., None]
    elif pattern < 0.32:
        blobs = noise(rng, rng.uniform(3, 8)) > rng.uniform(0.3, 1.2)
        image[blobs] = second
    elif pattern < 0.4:
        dots = ((_U * count) % 1 - 0.5) ** 2 + ((_V * count) % 1 - 0.5) ** 2 < (width / 2.2) ** 2
        image[dots] = second
    return image


def _paint(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return _shade(base, rng.uniform(0.004, 0.02) * noise(rng, 3) + rng.uniform(0.003, 0.015) * noise(rng, 40))


def _wallpaper(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = _paint(rng, base)
    second = np.clip(base * rng.uniform(0.7, 1.2) if rng.random() < 0.7 else any_colour(rng), 0, 1)
    count = int(rng.integers(1, 7))
    kind = rng.integers(4)
    if kind == 0:
        mask = (_U * count) % 1 < rng.uniform(0.1, 0.6)
    elif kind == 1:
        mask = (np.abs((_U * count) % 1 - 0.5) + np.abs((_V * count) % 1 - 0.5)) < rng.uniform(0.2, 0.4)
    elif kind == 2:
        mask = np.abs(noise(rng, rng.uniform(3, 7))) < rng.uniform(0.1, 0.5)
    else:
        angle = np.arctan2((_V * count) % 1 - 0.5, (_U * count) % 1 - 0.5)
        radius = np.hypot((_V * count) % 1 - 0.5, (_U * count) % 1 - 0.5)
        mask = radius < 0.28 + 0.12 * np.cos(rng.integers(3, 8) * angle)
    image[mask] = 0.3 * image[mask] + 0.7 * second
    return image


def _tile(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n = int(rng.choice([1, 2, 3, 4, 6]))
    rows = n * int(rng.choice([1, 1, 2]))
    ku, kv = (_U * n).astype(int), (_V * rows).astype(int)
    tone = 1 + rng.uniform(0.0, 0.08) * rng.standard_normal((rows, n))
    image = _shade(base, rng.uniform(0.005, 0.06) * noise(rng, rng.uniform(2, 14))) * tone[kv, ku][..., None]
    if rng.random() < 0.25:
        image[(ku + kv) % 2 == 1] *= rng.uniform(0.15, 0.8)
    width = rng.uniform(0.012, 0.03)
    grout = (np.minimum(_U * n % 1, 1 - _U * n % 1) < width * n) | (
        np.minimum(_V * rows % 1, 1 - _V * rows % 1) < width * rows
    )
    image[grout] = hsv(rng.random(), 0.06, rng.uniform(0.25, 0.95))
    return image


def _carpet(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return _shade(base, rng.uniform(0.03, 0.1) * noise(rng, 60) + rng.uniform(0.01, 0.07) * noise(rng, 6))


def _rug(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = _carpet(rng, base)
    for _ in range(int(rng.integers(0, 4))):
        colour, kind = any_colour(rng, 0.7), rng.integers(3)
        count = int(rng.integers(1, 6))
        if kind == 0:
            mask = (np.abs((_U * count) % 1 - 0.5) + np.abs((_V * count) % 1 - 0.5)) < rng.uniform(0.1, 0.45)
        elif kind == 1:
            mask = np.abs((_V * count) % 1 - 0.5) < rng.uniform(0.03, 0.2)
        else:
            mask = noise(rng, rng.uniform(2, 6)) > rng.uniform(0.4, 1.3)
        image[mask] = 0.2 * image[mask] + 0.8 * colour
    return image


def _leather(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return _shade(base, 0.05 * np.abs(noise(rng, 30)) + rng.uniform(0.03, 0.1) * noise(rng, 5))


def _smooth(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return _shade(base, 0.012 * noise(rng, 5) + 0.008 * noise(rng, 50))


def _metal(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return _shade(base, 0.06 * noise(rng, 3, 60) + 0.08 * noise(rng, 2))


def _leaf(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = _shade(base, rng.uniform(0.06, 0.2) * noise(rng, 6) + 0.05 * noise(rng, 40))
    if rng.random() < 0.35:
        pale = noise(rng, rng.uniform(3, 9), rng.uniform(3, 20)) > rng.uniform(0.6, 1.4)
        image[pale] = image[pale] * 0.5 + 0.5 * hsv(rng.uniform(0.14, 0.3), rng.uniform(0.1, 0.5), 0.85)
    return image


def _grain(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return _shade(base, rng.uniform(0.02, 0.1) * noise(rng, 45) + rng.uniform(0.02, 0.1) * noise(rng, 6))


def _stone(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    veins = np.exp(-np.abs(noise(rng, rng.uniform(2, 5))) * rng.uniform(8, 25))
    return _shade(base, rng.uniform(-0.35, 0.25) * veins + 0.05 * noise(rng, 20))


def _brick(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    rows, n = 12, 4
    kv = (_V * rows).astype(int)
    u = (_U * n + 0.5 * (kv % 2)) % n
    tone = 1 + 0.12 * rng.standard_normal((rows, n))
    image = _shade(base, 0.08 * noise(rng, 30)) * tone[kv, u.astype(int) % n][..., None]
    image[(u % 1 < 0.06) | (_V * rows % 1 < 0.14)] = hsv(0.1, 0.05, rng.uniform(0.5, 0.9))
    return image


def _books(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = np.empty((SIZE, SIZE, 3))
    column = 0
    while column < SIZE:
        width = int(rng.integers(4, 14))
        colour, top = any_colour(rng, 0.6), int(rng.integers(0, 28))
        image[top:, column : column + width] = colour
        image[:top, column : column + width] = base * 0.25
        band = int(rng.integers(30, 100))
        image[band : band + int(rng.integers(4, 14)), column : column + width] *= rng.uniform(0.5, 1.7)
        image[:, column] *= 0.5
        column += width
    return image


def _landscape(rng: np.random.Generator) -> FloatArray:
    sky, ground = hsv(rng.uniform(0.5, 0.7), rng.uniform(0.05, 0.6), rng.uniform(0.7, 1)), any_colour(rng, 0.8)
    horizon = rng.uniform(0.3, 0.7) + rng.uniform(0.01, 0.07) * noise(rng, 3)[0][None, :]
    image = np.where((horizon > _V)[..., None], sky * (1.1 - 0.3 * _V[..., None]), ground * (0.6 + 0.6 * _V[..., None]))
    return image * (1 + 0.08 * noise(rng, 12)[..., None])


def _art(rng: np.random.Generator) -> FloatArray:
    image = _shade(any_colour(rng, 0.6), 0.1 * noise(rng, 3))
    for _ in range(int(rng.integers(2, 8))):
        colour = any_colour(rng, 0.75)
        kind = rng.integers(4)
        cu, cv, r = rng.random(), rng.random(), rng.uniform(0.06, 0.35)
        if kind == 0:
            mask = np.hypot(_U - cu, _V - cv) < r
        elif kind == 1:
            mask = (np.abs(_U - cu) < r) & (np.abs(_V - cv) < rng.uniform(0.05, 0.4))
        elif kind == 2:
            mask = noise(rng, rng.uniform(2, 7)) > rng.uniform(0.2, 1.4)
        else:
            mask = np.abs((_U - cu) * rng.uniform(-1, 1) + (_V - cv) * rng.uniform(-1, 1)) < r * 0.15
        image[mask] = 0.15 * image[mask] + 0.85 * colour
    return image


def _picture(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = _landscape(rng) if rng.random() < 0.35 else _art(rng)
    if rng.random() < 0.55:
        border = rng.uniform(0.06, 0.2)
        mat = (np.minimum(_U, 1 - _U) < border) | (np.minimum(_V, 1 - _V) < border)
        image[mat] = hsv(0.12, rng.uniform(0, 0.12), rng.uniform(0.8, 1.0))
    return image


def _screen(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    if rng.random() < 0.22:
        image = _landscape(rng) if rng.random() < 0.6 else _art(rng)
        image = image * hsv(rng.uniform(0.5, 0.66), 0.2, 1.0)
    else:
        dark = hsv(rng.uniform(0.5, 0.75), rng.uniform(0.0, 0.35), rng.uniform(0.02, 0.16))
        slope = rng.uniform(-1, 1) * _U + rng.uniform(-1, 1) * _V
        image = dark + (rng.uniform(0.0, 0.12) * slope)[..., None]
        if rng.random() < 0.5:
            at, width = rng.uniform(0.1, 0.9), rng.uniform(0.04, 0.2)
            glare = np.exp(-(((_U - at + rng.uniform(-0.5, 0.5) * _V) / width) ** 2))
            image = image + (rng.uniform(0.03, 0.2) * glare)[..., None]
        image = image + 0.004 * noise(rng, 6)[..., None]
    edge = (np.minimum(_U, 1 - _U) < 0.012) | (np.minimum(_V, 1 - _V) < 0.02)
    image[edge] = 0.02
    return image


def _window(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    if rng.random() < 0.25:
        image = _shade(hsv(0.62, rng.uniform(0.2, 0.7), rng.uniform(0.03, 0.2)), 0.2 * noise(rng, 3))
    else:
        image = _landscape(rng) * 0.6 + 0.4 * rng.uniform(0.7, 1.0)
    n, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    bars = (np.abs(_U * n - np.round(_U * n)) < 0.035 * n) | (np.abs(_V * m - np.round(_V * m)) < 0.035 * m)
    image[bars] = base
    return image


def _mirror(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    top = hsv(rng.random(), 0.08, rng.uniform(0.6, 0.95))
    image = top * (1 - rng.uniform(0.1, 0.4) * _V[..., None]) * (1 + 0.1 * noise(rng, 1.5)[..., None])
    return image + (0.1 * (np.abs(_U - _V + rng.uniform(-0.5, 0.5)) < 0.1))[..., None]


def _leaf_colour(rng: np.random.Generator) -> FloatArray:
    return hsv(rng.uniform(0.2, 0.42), rng.uniform(0.35, 0.85), rng.uniform(0.2, 0.65))


def _pale(rng: np.random.Generator) -> FloatArray:
    if rng.random() < 0.12:
        return hsv(rng.random(), rng.uniform(0.1, 0.4), rng.uniform(0.3, 0.9))
    return hsv(rng.uniform(0.05, 0.6), rng.uniform(0.0, 0.07), rng.uniform(0.85, 0.99))


def _metal_colour(rng: np.random.Generator) -> FloatArray:
    if rng.random() < 0.2:
        return hsv(rng.uniform(0.08, 0.13), rng.uniform(0.3, 0.6), rng.uniform(0.5, 0.85))
    return hsv(0.6, rng.uniform(0, 0.08), rng.uniform(0.08, 0.85))


def _earth(rng: np.random.Generator) -> FloatArray:
    return hsv(rng.uniform(0.03, 0.1), rng.uniform(0.3, 0.7), rng.uniform(0.12, 0.35))


def _grey(rng: np.random.Generator) -> FloatArray:
    return hsv(rng.uniform(0.05, 0.65), rng.uniform(0, 0.15), rng.uniform(0.3, 0.9))


def _brown(rng: np.random.Generator) -> FloatArray:
    return hsv(rng.uniform(0.07, 0.1), rng.uniform(0.3, 0.5), rng.uniform(0.55, 0.8))


def _brick_colour(rng: np.random.Generator) -> FloatArray:
    return hsv(rng.uniform(0.0, 0.09), rng.uniform(0.1, 0.65), rng.uniform(0.4, 0.9))


Painter = Callable[[np.random.Generator, FloatArray], FloatArray]
Chooser = Callable[[np.random.Generator], FloatArray]

KINDS: dict[str, tuple[Painter, Chooser]] = {
    "wood": (_wood, wood_colour), "plank": (_plank, wood_colour), "fabric": (_fabric, any_colour),
    "paint": (_paint, wall_colour), "wallpaper": (_wallpaper, wall_colour), "tile": (_tile, _grey),
    "carpet": (_carpet, any_colour), "rug": (_rug, any_colour), "leather": (_leather, any_colour),
    "metal": (_metal, _metal_colour), "plastic": (_smooth, any_colour), "ceramic": (_smooth, _pale),
    "leaf": (_leaf, _leaf_colour), "soil": (_grain, _earth), "stone": (_stone, _grey),
    "concrete": (_grain, _grey), "brick": (_brick, _brick_colour), "cardboard": (_smooth, _brown),
    "books": (_books, wood_colour), "picture": (_picture, _pale), "screen": (_screen, _pale),
    "window": (_window, _pale), "mirror": (_mirror, _pale),
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
    image = painter(own, base)
    return Material(np.round(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8), kind)
