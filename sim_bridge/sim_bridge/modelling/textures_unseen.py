# SPDX-License-Identifier: Apache-2.0
"""Patterns that materials have in test homes only: neither catalogue pictures nor training homes ever show them.

Each repeats without seams on the tile, as the others in `sim_bridge.modelling.textures` do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from seal_perception.types import BoolArray, FloatArray
from sim_bridge.modelling.texture_base import SIZE, U, V, any_colour, hsv, neutral, noise, shade

Painter = Callable[[np.random.Generator, FloatArray], FloatArray]


def _second(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """A colour that goes with the first: the same, lighter or darker, or a muted one."""
    return np.clip(base * rng.choice([0.55, 0.72, 1.35]), 0, 1) if rng.random() < 0.7 else any_colour(rng, 0.05)


def _mix(image: FloatArray, colour: FloatArray, weight: npt.NDArray[np.floating]) -> FloatArray:
    return image * (1 - weight[..., None]) + colour * weight[..., None]


def _cell(count: int) -> tuple[FloatArray, FloatArray]:
    """Place within a cell of a count x count grid, -0.5..0.5 across and down."""
    return U * count % 1 - 0.5, V * count % 1 - 0.5


def _burl(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    swirl = np.sin(9 * noise(rng, 3) + 3 * noise(rng, 6))
    return shade(base, rng.uniform(0.05, 0.1) * swirl + 0.03 * noise(rng, 40))


def _bamboo(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    count = int(rng.integers(8, 15))
    cane = (V * count).astype(int)
    joint = np.abs((U + rng.random(count)[cane]) % 1 - 0.5) < 0.012
    image = shade(base, 0.12 * np.sin(np.pi * (V * count % 1)) - 0.08 + 0.03 * noise(rng, 4, 50))
    image[joint] *= 0.7
    return image


def _parquet(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Squares of five fingers each, turned in turn."""
    n, fingers = int(rng.choice([6, 8])), 5
    turned = ((U * n).astype(int) + (V * n).astype(int)) % 2 == 1
    along, across = np.where(turned, U, V) * n % 1, np.where(turned, V, U) * n % 1
    finger = (across * fingers).astype(int)
    tone = 1 + 0.07 * rng.standard_normal((n, n, fingers))
    image = shade(base, 0.03 * noise(rng, 40)) * tone[(V * n).astype(int), (U * n).astype(int), finger][..., None]
    image[(across * fingers % 1 < 0.12) | (along < 0.04)] *= 0.72
    return image


def _chevron(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Boards that meet at an angle in rows."""
    columns, rows = int(rng.choice([4, 6])), int(rng.choice([12, 16]))
    slant = np.abs(U * columns % 2 - 1)
    at = (V + slant * rng.choice([2, 3]) / rows) % 1 * rows
    tone = 1 + 0.07 * rng.standard_normal((rows, columns))
    image = shade(base, 0.03 * noise(rng, 40)) * tone[at.astype(int) % rows, (U * columns).astype(int)][..., None]
    image[(at % 1 < 0.1) | (U * columns % 1 < 0.04)] *= 0.72
    return image


def _houndstooth(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n = int(rng.choice([4, 6, 8]))
    u, v = U * n % 1 * 4, V * n % 1 * 4
    dark = ((u < 2) & (v < 2)) | (((u < 2) ^ (v < 2)) & ((u + v) % 2 < 1))
    return _mix(shade(base, 0.03 * noise(rng, 40)), _second(rng, base), 0.85 * dark)


def _tweed(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n = int(rng.choice([4, 8]))
    zigzag = (U * 32 + np.abs(V * n % 1 - 0.5) * 2 * 32 / n) % 1 < 0.5
    flecks = noise(rng, 45) > 1.7
    return _mix(_mix(shade(base, 0.04 * noise(rng, 45)), base * 0.75, 0.6 * zigzag), _second(rng, base), 0.8 * flecks)


def _tartan(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image, colour = shade(base, 0.02 * noise(rng, 40)), _second(rng, base)
    for width, weight in ((0.5, 0.25), (0.24, 0.25), (0.06, 0.4)):
        for axis in (U, V):
            image = _mix(image, colour, weight * (np.abs(axis * 2 % 1 - 0.5) < width / 2))
    return image


def _limewash(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, 0.03 * noise(rng, 5) * noise(rng, 2) + 0.012 * noise(rng, 18))


def _roughcast(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    lumps = noise(rng, 28)
    return shade(base, 0.03 * (lumps - np.roll(lumps, (2, 1), (0, 1))))


def _trellis(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n = int(rng.integers(2, 5))
    wave = np.abs(np.cos(2 * np.pi * n * U) + np.cos(2 * np.pi * n * V))
    return _mix(shade(base, 0.01 * noise(rng, 30)), _second(rng, base), 0.5 * (wave < 0.22))


def _floral(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image, petals, n = shade(base, 0.01 * noise(rng, 30)), int(rng.integers(5, 8)), int(rng.integers(2, 4))
    for shift, size in ((0.0, 0.3), (0.5, 0.2)):
        u, v = (U * n + shift) % 1 - 0.5, (V * n + shift) % 1 - 0.5
        edge = size * (0.75 + 0.25 * np.cos(petals * np.arctan2(v, u)))
        image = _mix(image, _second(rng, base), 0.55 * (np.hypot(u, v) < edge))
    return image


def _grout(image: FloatArray, line: BoolArray, rng: np.random.Generator) -> FloatArray:
    image[line] = neutral(rng, 0.4, 0.9)
    return image


def _hexagon(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Six-sided tiles: each pixel belongs to the nearest centre of two interleaved grids."""
    n = int(rng.choice([4, 6, 8]))
    rows = n // 2 * 7 // 6 or 1
    best, second, owner = np.full(U.shape, 9.0), np.full(U.shape, 9.0), np.zeros(U.shape, int)
    for k, shift in enumerate((0.0, 0.5)):
        u, v = U * n + shift, V * rows + shift
        for di in (-1, 0, 1):
            away = np.hypot((u - np.round(u) + di) / n, (v - np.round(v)) / rows)
            index = ((np.round(u) - di) % n * 31 + np.round(v) % rows * 7 + k * 3).astype(int)
            nearer = away < best
            second = np.where(nearer, best, np.minimum(second, away))
            owner, best = np.where(nearer, index, owner), np.minimum(best, away)
    tone = 1 + rng.uniform(0.01, 0.06) * rng.standard_normal(512)
    image = shade(base, 0.01 * noise(rng, 12)) * tone[owner % 512][..., None]
    return _grout(image, second - best < 0.012, rng)


def _basket(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Pairs of oblong tiles, turned in turn."""
    n = int(rng.choice([4, 6, 8]))
    turned = ((U * n).astype(int) + (V * n).astype(int)) % 2 == 1
    across, along = np.where(turned, V, U) * n % 1 * 2 % 1, np.where(turned, U, V) * n % 1
    tone = 1 + 0.04 * rng.standard_normal((n, n))
    image = shade(base, 0.012 * noise(rng, 12)) * tone[(V * n).astype(int), (U * n).astype(int)][..., None]
    return _grout(image, (across < 0.1) | (along < 0.06), rng)


def _terrazzo(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = shade(base, 0.015 * noise(rng, 20))
    for _ in range(3):
        chip = noise(rng, rng.uniform(14, 26)) > 1.5
        image[chip] = np.clip(base * rng.uniform(0.4, 1.4) + rng.normal(0, 0.06, 3), 0, 1)
    return image


def _loops(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n = int(rng.choice([32, 42]))
    return shade(base, 0.09 * np.cos(2 * np.pi * n * U) * np.cos(np.pi * 2 * n * V) + 0.04 * noise(rng, 50))


def _squares(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Carpet squares laid with the pile turned in turn."""
    odd = ((U * 2).astype(int) + (V * 2).astype(int)) % 2
    return shade(base, 0.05 * (odd - 0.5) + 0.06 * np.where(odd > 0, noise(rng, 4, 60), noise(rng, 60, 4)))


def _medallion(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    image = shade(base, 0.04 * noise(rng, 50))
    radius, angle = np.hypot(U - 0.5, V - 0.5), np.arctan2(V - 0.5, U - 0.5)
    for size in (0.44, 0.33, 0.22, 0.1):
        image = _mix(image, any_colour(rng, 0.2), 0.75 * (radius < size * (1 + 0.12 * np.cos(8 * angle))))
    return image


def _kilim(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n = int(rng.choice([4, 6, 8]))
    band = (V * n + 0.5 * np.abs(U * n * 2 % 2 - 1)).astype(int) % n
    colours = np.array([base if i % 2 == 0 else any_colour(rng, 0.25) for i in range(n)])
    return colours[band] * (1 + 0.05 * noise(rng, 50))[..., None]


def _quilted(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n = int(rng.choice([3, 4, 5]))
    a, b = (U + V) * n % 1, (U - V) * n % 1
    puff = np.sin(np.pi * a) * np.sin(np.pi * b)
    return shade(base, 0.25 * puff - 0.14 + 0.02 * noise(rng, 30))


def _crocodile(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    seam = np.abs(noise(rng, 12, 8))
    return shade(base, 0.08 * np.minimum(seam, 1) - 0.25 * (seam < 0.12))


def _hammered(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    dents = noise(rng, 14)
    return shade(base, 0.12 * (dents - np.roll(dents, (2, 2), (0, 1))))


def _rusted(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    worn = np.clip(noise(rng, 5) + 0.4 * noise(rng, 25) - 1.0, 0, 1)
    return _mix(shade(base, 0.05 * noise(rng, 30)), hsv(0.07, 0.45, 0.4), 0.7 * worn)


def _speckled(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return _mix(shade(base, 0.01 * noise(rng, 5)), base * 0.45, 0.7 * (noise(rng, 48) > 2.0))


def _ribbed(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, 0.07 * np.cos(2 * np.pi * int(rng.choice([12, 16, 24])) * U) + 0.01 * noise(rng, 20))


def _glazed(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, 0.02 * noise(rng, 3) - 0.03 * (np.abs(noise(rng, 14)) < 0.04))


def _mottled(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, 0.015 * np.sign(noise(rng, 10)) * np.abs(noise(rng, 4)))


def _striped_leaf(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    stripes = np.sin(2 * np.pi * (int(rng.integers(6, 12)) * U + 0.15 * noise(rng, 5)))
    return _mix(shade(base, 0.05 * noise(rng, 30)), hsv(0.25, 0.3, 0.75), 0.4 * (stripes > 0.4))


def _red_leaf(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    tinge = np.clip(0.3 + 0.4 * noise(rng, 5), 0, 1)
    return _mix(shade(base, 0.08 * noise(rng, 30)), hsv(0.96, 0.5, 0.5), 0.55 * tinge)


def _breccia(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    chips = (noise(rng, 7) > 0).astype(int) + 2 * (noise(rng, 7) > 0) + 4 * (noise(rng, 9) > 0.2)
    tone = 1 + 0.12 * rng.standard_normal(8)
    return shade(base, 0.03 * noise(rng, 30)) * tone[chips][..., None]


def _formwork(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Concrete that shows the boards it was cast between."""
    rows = 12
    tone = 0.03 * rng.standard_normal(rows)
    image = shade(base, tone[(V * rows).astype(int)] + 0.02 * noise(rng, 3, 60))
    image[V * rows % 1 < 0.1] *= 0.86
    return image


def _aggregate(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    pores = noise(rng, 32)
    return shade(base, 0.03 * noise(rng, 8) - 0.25 * (pores > 1.9) + 0.08 * (pores < -1.6))


def _stacked(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    tone = 1 + 0.08 * rng.standard_normal((16, 4))
    image = shade(base, 0.05 * noise(rng, 30)) * tone[(V * 16).astype(int), (U * 4).astype(int)][..., None]
    image[(U * 4 % 1 < 0.05) | (V * 16 % 1 < 0.16)] = neutral(rng, 0.5, 0.85)
    return image


def _rubble(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    joints = np.abs(noise(rng, 4, 7))
    image = shade(base, 0.1 * noise(rng, 5) + 0.05 * noise(rng, 30))
    image[joints < 0.1] = neutral(rng, 0.5, 0.8)
    return image


def _menu(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Screen with a grid of coloured buttons."""
    image = np.broadcast_to(hsv(rng.uniform(0.55, 0.75), 0.5, rng.uniform(0.05, 0.2)), (SIZE, SIZE, 3)).copy()
    columns, rows = int(rng.integers(4, 7)), int(rng.integers(3, 5))
    colours = np.stack([hsv(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8)) for _ in range(columns * rows)])
    button = (np.abs(U * columns % 1 - 0.5) < 0.42) & (np.abs(V * rows % 1 - 0.5) < 0.38) & (V * rows > 1)
    index = (V * rows).astype(int) * columns + (U * columns).astype(int)
    image[button] = colours[index[button]]
    return image


def _broadcast(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Screen with somebody before a backdrop and a bar of text."""
    image = shade(hsv(rng.uniform(0.5, 0.7), rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.6)), 0.3 * noise(rng, 2))
    at = rng.uniform(0.3, 0.7)
    image[(np.abs(U - at) < 0.19 - 0.1 * (1 - V)) & (V > 0.55)] = hsv(rng.random(), 0.3, rng.uniform(0.1, 0.5))
    image[np.hypot((U - at) * 1.7, V - 0.42) < 0.15] = hsv(0.06, 0.45, rng.uniform(0.35, 0.8))
    image[(V > 0.84) & (V < 0.94)] = hsv(rng.choice([0.0, 0.6]), 0.7, 0.6)
    return image


def _line_art(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    lines = np.abs(np.sin(6 * noise(rng, 1.6)))
    return _mix(
        np.broadcast_to(neutral(rng, 0.85, 0.97), (SIZE, SIZE, 3)), neutral(rng, 0.05, 0.25), 1.0 * (lines < 0.09)
    )


def _blocks(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Rectangles of plain colours with dark lines between them."""
    columns, rows = np.sort(rng.uniform(0.1, 0.9, 3)), np.sort(rng.uniform(0.1, 0.9, 3))
    colours = np.stack([neutral(rng, 0.8, 0.97) if rng.random() < 0.5 else any_colour(rng, 0.7) for _ in range(16)])
    image = colours[np.searchsorted(columns, U) * 4 + np.searchsorted(rows, V)]
    near = np.abs(U[..., None] - columns).min(-1) < 0.015, np.abs(V[..., None] - rows).min(-1) < 0.015
    image[near[0] | near[1]] = 0.06
    return image


UNSEEN: dict[str, tuple[Painter, ...]] = {
    "wood": (_burl, _bamboo), "plank": (_parquet, _chevron), "fabric": (_houndstooth, _tweed, _tartan),
    "paint": (_limewash, _roughcast), "wallpaper": (_trellis, _floral), "tile": (_hexagon, _basket, _terrazzo),
    "carpet": (_loops, _squares), "rug": (_medallion, _kilim), "leather": (_quilted, _crocodile),
    "metal": (_hammered, _rusted), "plastic": (_speckled, _ribbed), "ceramic": (_glazed, _mottled),
    "leaf": (_striped_leaf, _red_leaf), "stone": (_breccia, _terrazzo), "concrete": (_formwork, _aggregate),
    "brick": (_stacked, _rubble), "screen": (_menu, _broadcast), "picture": (_line_art, _blocks),
}  # fmt: skip
"""Kind -> painters of the patterns that occur in test homes only."""
