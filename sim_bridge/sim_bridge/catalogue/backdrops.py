# SPDX-License-Identifier: Apache-2.0
"""Pictures behind and under things that only the catalogue has: gardens, streets, prints, and noise of many kinds.

Homes never use them. Every picture repeats across; those of `TILES` repeat down as well.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from seal_perception.types import FloatArray
from sim_bridge.geometry.mesh import Material
from sim_bridge.modelling.texture_base import SIZE, U, V, any_colour, hsv, noise, shade, split_rng, wall_colour

SPLIT = "catalogue"
Painter = Callable[[np.random.Generator], FloatArray]


def vivid(rng: np.random.Generator) -> FloatArray:
    """(3,) any colour at all, as paint shops and cartoons have it."""
    return hsv(rng.random(), rng.uniform(0.0, 1.0), rng.uniform(0.05, 1.0))


def _mixed(fields: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(H, W, 3) colours around a mean from (H, W, 3) fields of deviation 1."""
    mixing = rng.normal(0.0, 1.0, (3, 3))
    mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)
    grey = rng.uniform(0.2, 1.0)
    mixing = grey * mixing[:1] + (1 - grey) * mixing
    out: FloatArray = vivid(rng) + rng.uniform(0.04, 0.28) * fields @ mixing.T
    return out


def _spectrum(rng: np.random.Generator) -> FloatArray:
    """Noise with power falling as a power of the frequency, as photographs have it."""
    fy, fx = np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None, :]
    gain = np.hypot(fy * rng.uniform(0.6, 1.6), fx)
    gain[0, 0] = 1.0
    gain = gain ** -rng.uniform(0.7, 1.9)
    gain[0, 0] = 0.0
    draws = rng.standard_normal((2, 3, *gain.shape))
    fields = np.fft.irfft2(gain * (draws[0] + 1j * draws[1]), s=(SIZE, SIZE), axes=(1, 2))
    fields /= fields.std(axis=(1, 2), keepdims=True)
    return _mixed(np.moveaxis(fields, 0, 2), rng)


def _cells(rng: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray]:
    """Index of the nearest of `count` points (periodic), and how much nearer than the second, both (H, W)."""
    points = rng.random((count, 2))
    step = np.abs(np.stack([V, U], -1)[::2, ::2, None] - points)
    squared = (np.minimum(step, 1.0 - step) ** 2).sum(-1)
    two = np.sqrt(np.partition(squared, 1, axis=-1)[..., :2])
    nearest, gap = squared.argmin(-1), two[..., 1] - two[..., 0]
    return np.repeat(np.repeat(nearest, 2, 0), 2, 1), cv2.resize(gap, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def _voronoi(rng: np.random.Generator) -> FloatArray:
    count = int(rng.integers(8, 60))
    nearest, gap = _cells(rng, count)
    base, spread = vivid(rng), rng.uniform(0.02, 0.4)
    colours = base + spread * rng.normal(0.0, 1.0, (count, 3))
    image = colours[nearest.astype(int)] * (1 + 0.05 * noise(rng, 20)[..., None])
    if rng.random() < 0.6:
        image[gap < rng.uniform(0.005, 0.03)] = vivid(rng)
    return image


def _stripes(rng: np.random.Generator) -> FloatArray:
    image = shade(vivid(rng), rng.uniform(0.0, 0.06) * noise(rng, 20))
    for _ in range(int(rng.integers(1, 5))):
        across, down = rng.integers(0, 9, 2)
        phase = U * across + V * down + rng.random() + rng.uniform(0, 0.2) * noise(rng, 2) * (rng.random() < 0.3)
        mask = phase % 1 < rng.uniform(0.05, 0.6)
        image[mask] = 0.2 * image[mask] + 0.8 * vivid(rng)
    return image


def _blobs(rng: np.random.Generator) -> FloatArray:
    image = shade(vivid(rng), rng.uniform(0.02, 0.1) * noise(rng, 30))
    for _ in range(int(rng.integers(1, 6))):
        mask = noise(rng, rng.uniform(1, 14), rng.uniform(1, 14)) > rng.uniform(0.2, 1.6)
        image[mask] = 0.15 * image[mask] + 0.85 * vivid(rng)
    return image


def _gradient(rng: np.random.Generator) -> FloatArray:
    low, high = vivid(rng), vivid(rng)
    weight = (0.5 + 0.5 * np.sin(2 * np.pi * (U * int(rng.integers(0, 2)) + rng.random())) * rng.random()) * V
    return low + (high - low) * weight[..., None] + 0.01 * noise(rng, 30)[..., None]


def foliage(rng: np.random.Generator, light: float) -> FloatArray:
    """(H, W, 3) leaves in sun and shade."""
    fine, coarse = noise(rng, rng.uniform(14, 40)), noise(rng, rng.uniform(3, 9))
    green = hsv(rng.uniform(0.17, 0.38), rng.uniform(0.3, 0.8), light)
    return np.asarray(green) * np.clip(0.75 + 0.3 * fine + 0.25 * coarse, 0.1, 2.0)[..., None]


def _sky(rng: np.random.Generator) -> FloatArray:
    blue = hsv(rng.uniform(0.52, 0.64), rng.uniform(0.0, 0.65), rng.uniform(0.7, 1.05))
    clouds = np.clip(noise(rng, 3, 5) * rng.uniform(0.0, 0.5), 0, 1)[..., None]
    return np.asarray(blue) * (1.0 - 0.15 * V[..., None]) + clouds * (1.0 - blue)


def _garden(rng: np.random.Generator) -> FloatArray:
    image = _sky(rng)
    horizon = rng.uniform(0.35, 0.6)
    crowns = rng.uniform(0.04, 0.12) * (noise(rng, 5)[0] + 0.5 * noise(rng, 20)[0])
    trees = (horizon - 0.18 - crowns)[None, :] < V
    leaves = foliage(rng, rng.uniform(0.2, 0.6))
    image[trees] = leaves[trees]
    lawn = horizon + 0.08 < V
    image[lawn] = (foliage(rng, rng.uniform(0.35, 0.75)) * 0.5 + 0.25 * hsv(0.25, 0.5, 0.8))[lawn]
    return image


def _street(rng: np.random.Generator) -> FloatArray:
    image, left = _sky(rng), 0
    while left < SIZE:
        width, top = int(rng.integers(14, 44)), int(SIZE * rng.uniform(0.02, 0.35))
        house = image[top : int(0.66 * SIZE), left : left + width]
        house[:] = wall_colour(rng) * rng.uniform(0.5, 1.0)
        step, tall = int(rng.integers(6, 12)), int(rng.integers(8, 14))
        glass = hsv(0.6, rng.uniform(0, 0.4), rng.uniform(0.08, 0.6))
        for row in range(2, house.shape[0] - 4, tall):
            for column in range(2, house.shape[1] - 3, step):
                house[row : row + tall // 2, column : column + step // 2] = glass
        left += width
    image[int(0.66 * SIZE) :] = hsv(0.1, 0.05, rng.uniform(0.2, 0.6))
    for _ in range(int(rng.integers(0, 5))):
        at = int(rng.integers(0, SIZE - 20))
        image[int(0.58 * SIZE) : int(0.68 * SIZE), at : at + int(rng.integers(8, 20))] = vivid(rng)
    return image * (1 + 0.06 * noise(rng, 25)[..., None])


def _hills(rng: np.random.Generator) -> FloatArray:
    image, height = _sky(rng), rng.uniform(0.35, 0.55)
    for _ in range(int(rng.integers(1, 5))):
        line = height + rng.uniform(0.01, 0.08) * noise(rng, rng.uniform(1, 5))[0]
        land = hsv(rng.uniform(0.05, 0.65), rng.uniform(0.05, 0.6), rng.uniform(0.15, 0.8))
        mask = line[None, :] < V
        image[mask] = (np.asarray(land) * (1 + 0.1 * noise(rng, 16))[..., None])[mask]
        height += rng.uniform(0.08, 0.2)
    return image


def _night(rng: np.random.Generator) -> FloatArray:
    """A window at night, or a dark pane: nearly black, with lights or a reflected room."""
    dark = hsv(rng.uniform(0.5, 0.75), rng.uniform(0, 0.6), rng.uniform(0.01, 0.14))
    image = shade(dark, 0.25 * noise(rng, 3))
    for _ in range(int(rng.integers(0, 9))):
        at = rng.random(2)
        glow = np.exp(-((V - at[0]) ** 2 + (U - at[1]) ** 2) / rng.uniform(0.0002, 0.006))
        image = image + glow[..., None] * hsv(rng.uniform(0.05, 0.17), rng.uniform(0, 0.7), rng.uniform(0.2, 1.0))
    return image


def _dark_art(rng: np.random.Generator) -> FloatArray:
    """A picture in dark paint: a screen's look in a frame."""
    image = shade(hsv(rng.random(), rng.uniform(0, 0.6), rng.uniform(0.03, 0.22)), 0.25 * noise(rng, rng.uniform(1, 6)))
    for _ in range(int(rng.integers(0, 4))):
        mask = noise(rng, rng.uniform(1, 5)) > rng.uniform(0.5, 1.6)
        image[mask] = 0.4 * image[mask] + 0.6 * hsv(rng.random(), rng.uniform(0.1, 0.7), rng.uniform(0.05, 0.5))
    return image


def _photograph(rng: np.random.Generator) -> FloatArray:
    """Something that passes for a photograph in print: land, sky, a head and shoulders."""
    image = OUTDOORS[str(rng.choice(list(OUTDOORS)))](rng)
    if rng.random() < 0.4:
        skin = hsv(rng.uniform(0.03, 0.09), rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.95))
        at = rng.uniform(0.3, 0.7)
        image[((U - at) / 0.28) ** 2 + ((V - 1.0) / 0.4) ** 2 < 1] = vivid(rng)
        image[((U - at) / 0.13) ** 2 + ((V - 0.45) / 0.19) ** 2 < 1] = skin
    return image * rng.uniform(0.4, 1.0)


def _leaf_print(rng: np.random.Generator) -> FloatArray:
    """Leaves printed on paper or cloth."""
    image = shade(wall_colour(rng) if rng.random() < 0.7 else vivid(rng), 0.02 * noise(rng, 40))
    canvas = np.ascontiguousarray(image, np.float32)
    for _ in range(int(rng.integers(8, 40))):
        colour = hsv(rng.uniform(0.18, 0.42), rng.uniform(0.2, 0.8), rng.uniform(0.15, 0.75))
        axes = int(rng.integers(5, 20)), int(rng.integers(2, 6))
        at, angle = rng.integers(0, SIZE, 2), float(rng.uniform(0, 360))
        for sx in (-SIZE, 0, SIZE):
            for sy in (-SIZE, 0, SIZE):
                centre = int(at[0]) + sx, int(at[1]) + sy
                cv2.ellipse(canvas, centre, axes, angle, 0, 360, tuple(map(float, colour)), -1)
    return canvas.astype(np.float64)


def _berries(rng: np.random.Generator) -> FloatArray:
    """Leaves with round fruit strewn among them."""
    image, colour = _leaf_print(rng), vivid(rng)
    for _ in range(int(rng.integers(6, 30))):
        at, radius = rng.random(2), rng.uniform(0.012, 0.05)
        u, v = (np.abs((axis - place + 0.5) % 1 - 0.5) for axis, place in zip((U, V), at, strict=True))
        image[np.hypot(u, v) < radius] = colour * rng.uniform(0.6, 1.0)
    return image


def _shelves(rng: np.random.Generator) -> FloatArray:
    """A wall full of goods, as in a shop."""
    image = shade(any_colour(rng) * 0.4, 0.05 * noise(rng, 20))
    rows = int(rng.integers(3, 8))
    for row in range(rows):
        bottom, column = (row + 1) * SIZE // rows - 2, 1
        while column < SIZE - 4:
            wide, tall = int(rng.integers(2, 14)), int(rng.uniform(0.3, 0.9) * SIZE / rows)
            image[bottom - tall : bottom, column : column + wide] = vivid(rng) * rng.uniform(0.5, 1.0)
            column += wide + int(rng.integers(0, 3))
        image[bottom : bottom + 2] = any_colour(rng)
    return image


def _panelling(rng: np.random.Generator) -> FloatArray:
    """Boards, panels or siding."""
    image, n = shade(any_colour(rng, 0.25), 0.03 * noise(rng, 3, 40)), int(rng.integers(2, 12))
    along = U if rng.random() < 0.6 else V
    image[(along * n) % 1 < rng.uniform(0.02, 0.08)] *= rng.uniform(0.3, 0.8)
    if rng.random() < 0.4:
        image[(V * 2) % 1 < 0.05] *= 0.6
    return image


def _pebbles(rng: np.random.Generator) -> FloatArray:
    """Stones side by side, with dark or bright gaps."""
    count = int(rng.integers(25, 70))
    nearest, gap = _cells(rng, count)
    base = hsv(rng.uniform(0.03, 0.15), rng.uniform(0.0, 0.35), rng.uniform(0.35, 0.85))
    image = np.asarray(base) * (1 + 0.2 * rng.normal(0, 1, (count, 1)))[nearest.astype(int)]
    image[gap < rng.uniform(0.01, 0.035)] = hsv(0.1, 0.1, rng.uniform(0.2, 0.8))
    return image * (1 + 0.08 * noise(rng, 30)[..., None])


def _grass(rng: np.random.Generator) -> FloatArray:
    return foliage(rng, rng.uniform(0.35, 0.75))


def _frames(rng: np.random.Generator) -> FloatArray:
    """A rug of rectangles within rectangles."""
    image = shade(vivid(rng), 0.08 * noise(rng, 50))
    for _ in range(int(rng.integers(2, 7))):
        n, m, size = int(rng.integers(1, 7)), int(rng.integers(1, 7)), rng.uniform(0.1, 0.5)
        ring = np.maximum(np.abs((U * n) % 1 - 0.5), np.abs((V * m) % 1 - 0.5))
        image[np.abs(ring - size) < rng.uniform(0.03, 0.15)] = vivid(rng)
    border = np.minimum(np.minimum(U, 1 - U), np.minimum(V, 1 - V))
    image[(border > 0.03) & (border < rng.uniform(0.05, 0.1))] = vivid(rng)
    return image


NOISES: dict[str, Painter] = {"spectrum": _spectrum, "voronoi": _voronoi, "stripes": _stripes, "blobs": _blobs,
                              "gradient": _gradient}  # fmt: skip
"""What no room looks like, so that no room is taken for granted."""
OUTDOORS: dict[str, Painter] = {"garden": _garden, "street": _street, "hills": _hills}
"""Seen past the open side of a set-up, or through a window."""
TILES: dict[str, Painter] = {"leaf_print": _leaf_print, "berries": _berries, "panelling": _panelling,
                             "pebbles": _pebbles, "grass": _grass}  # fmt: skip
"""For walls and floors."""
PRINTS: dict[str, Painter] = {"night": _night, "dark_art": _dark_art, "photograph": _photograph, "shelves": _shelves,
                              "frames": _frames}  # fmt: skip
"""Stretched once over a face."""
ALL: dict[str, Painter] = NOISES | OUTDOORS | TILES | PRINTS


def backdrop(kind: str, rng: np.random.Generator, name: str | None = None) -> Material:
    """A material of one of `ALL`; one draw of `rng` is taken.

    Args:
        kind: one of `ALL`.
        rng: says which.
        name: of the material, for the light (see `LightConfig.emission`); the kind where absent.

    Raises:
        ValueError: if the kind is unknown.
    """
    if kind not in ALL:
        raise ValueError(f"unknown backdrop {kind!r}; expected one of {', '.join(ALL)}")
    image = ALL[kind](split_rng(rng, SPLIT))
    return Material(np.round(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8), name or kind)


def any_of(kinds: dict[str, Painter], rng: np.random.Generator, name: str | None = None) -> Material:
    """One of a family of backdrops."""
    return backdrop(str(rng.choice(list(kinds))), rng, name)
