# SPDX-License-Identifier: Apache-2.0
"""What procedural materials are painted with: periodic noise, colours as homes have them, generators per split."""

from __future__ import annotations

import zlib

import numpy as np

from seal_perception.types import FloatArray

Colour = tuple[float, float, float] | FloatArray

SIZE = 128
SPLITS: tuple[str, ...] = ("catalogue", "train", "test")

V, U = np.mgrid[0:SIZE, 0:SIZE] / SIZE
"""Down and across the tile, in 0..1."""


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


def shade(base: Colour, field: FloatArray) -> FloatArray:
    """(128, 128, 3) picture of a colour made lighter and darker by a field around 0."""
    light = 1.0 + field
    return np.stack([light * channel for channel in base], -1)


def neutral(rng: np.random.Generator, low: float, high: float) -> FloatArray:
    """Grey, warm or cool, of a value between low and high."""
    hue = rng.uniform(0.05, 0.13) if rng.random() < 0.6 else rng.uniform(0.5, 0.65)
    return hsv(hue, rng.uniform(0.0, 0.1), rng.uniform(low, high))


def any_colour(rng: np.random.Generator, vivid: float = 0.16) -> FloatArray:
    """A colour as things in homes have them: grey, beige, brown, blue, green; with the chance `vivid` a strong one."""
    if rng.random() < vivid:
        return hsv(rng.random(), rng.uniform(0.45, 0.85), rng.uniform(0.35, 0.9))
    kind = rng.random()
    if kind < 0.36:
        return neutral(rng, 0.12, 0.93)
    if kind < 0.62:
        return hsv(rng.uniform(0.06, 0.125), rng.uniform(0.1, 0.35), rng.uniform(0.5, 0.92))
    if kind < 0.72:
        return hsv(rng.uniform(0.04, 0.09), rng.uniform(0.35, 0.6), rng.uniform(0.2, 0.5))
    if kind < 0.87:
        return hsv(rng.uniform(0.54, 0.66), rng.uniform(0.15, 0.5), rng.uniform(0.22, 0.75))
    if kind < 0.95:
        return hsv(rng.uniform(0.2, 0.46), rng.uniform(0.1, 0.38), rng.uniform(0.25, 0.7))
    return hsv(rng.choice([0.01, 0.03, 0.1, 0.93]) + rng.uniform(-0.02, 0.02), rng.uniform(0.3, 0.6), 0.65)


def wood_colour(rng: np.random.Generator) -> FloatArray:
    """Pale birch to dark walnut, the darker the redder; now and then painted white, grey, black or a colour."""
    kind = rng.random()
    if kind < 0.1:
        return neutral(rng, 0.82, 0.96)
    if kind < 0.17:
        return neutral(rng, 0.08, 0.6)
    if kind < 0.2:
        return any_colour(rng, 0.1)
    dark = rng.random()
    return hsv(
        rng.uniform(0.075, 0.1) - 0.028 * dark,
        rng.uniform(0.28, 0.5) + 0.16 * dark,
        rng.uniform(0.7, 0.88) - 0.5 * dark,
    )


def floor_wood_colour(rng: np.random.Generator) -> FloatArray:
    """Bare boards, oiled or greyed."""
    dark = rng.random()
    if rng.random() < 0.15:
        return neutral(rng, 0.4, 0.75)
    return hsv(
        rng.uniform(0.072, 0.1) - 0.02 * dark,
        rng.uniform(0.25, 0.5) + 0.1 * dark,
        rng.uniform(0.68, 0.85) - 0.42 * dark,
    )


def wall_colour(rng: np.random.Generator) -> FloatArray:
    """White, off-white, pastel or muted; one wall in fifteen is dark, one in twenty strongly coloured."""
    kind = rng.random()
    if kind < 0.5:
        return hsv(rng.uniform(0.06, 0.17), rng.uniform(0.0, 0.09), rng.uniform(0.84, 0.97))
    if kind < 0.7:
        return hsv(rng.random(), rng.uniform(0.02, 0.12), rng.uniform(0.78, 0.94))
    if kind < 0.88:
        hue = rng.choice([0.08, 0.1, 0.13, 0.3, 0.4, 0.56, 0.6]) + rng.uniform(-0.03, 0.03)
        return hsv(hue, rng.uniform(0.06, 0.24), rng.uniform(0.55, 0.82))
    if kind < 0.95:
        return hsv(rng.choice([0.02, 0.1, 0.38, 0.6]), rng.uniform(0.08, 0.45), rng.uniform(0.22, 0.42))
    return hsv(rng.random(), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.8))


def leather_colour(rng: np.random.Generator) -> FloatArray:
    """Brown, tan, black, grey or cream, now and then green, blue or red."""
    kind = rng.random()
    if kind < 0.5:
        return hsv(rng.uniform(0.045, 0.085), rng.uniform(0.4, 0.68), rng.uniform(0.2, 0.62))
    if kind < 0.86:
        return neutral(rng, 0.07, 0.3) if rng.random() < 0.6 else neutral(rng, 0.5, 0.92)
    return hsv(rng.choice([0.0, 0.4, 0.6]) + rng.uniform(-0.03, 0.03), rng.uniform(0.35, 0.65), rng.uniform(0.2, 0.5))


def plastic_colour(rng: np.random.Generator) -> FloatArray:
    """White, grey or black more often than coloured."""
    if rng.random() < 0.5:
        return neutral(rng, 0.8, 0.97) if rng.random() < 0.5 else neutral(rng, 0.04, 0.5)
    return any_colour(rng, 0.4)


def leaf_colour(rng: np.random.Generator) -> FloatArray:
    """Greens."""
    return hsv(rng.uniform(0.21, 0.4), rng.uniform(0.4, 0.8), rng.uniform(0.2, 0.6))


def pale(rng: np.random.Generator) -> FloatArray:
    """Porcelain and lacquer: nearly always white."""
    if rng.random() < 0.05:
        return hsv(rng.random(), rng.uniform(0.1, 0.3), rng.uniform(0.4, 0.9))
    return hsv(rng.uniform(0.05, 0.6), rng.uniform(0.0, 0.05), rng.uniform(0.86, 0.99))


def metal_colour(rng: np.random.Generator) -> FloatArray:
    """Steel, black or brass."""
    if rng.random() < 0.15:
        return hsv(rng.uniform(0.09, 0.125), rng.uniform(0.3, 0.5), rng.uniform(0.5, 0.8))
    return hsv(0.6, rng.uniform(0, 0.06), rng.uniform(0.06, 0.2) if rng.random() < 0.4 else rng.uniform(0.35, 0.85))


def earth(rng: np.random.Generator) -> FloatArray:
    """Soil and bark."""
    return hsv(rng.uniform(0.03, 0.1), rng.uniform(0.3, 0.7), rng.uniform(0.12, 0.35))


def tile_colour(rng: np.random.Generator) -> FloatArray:
    """White, grey, beige or slate; one in eight muted blue, green or terracotta."""
    kind = rng.random()
    if kind < 0.35:
        return neutral(rng, 0.82, 0.97)
    if kind < 0.87:
        return hsv(rng.uniform(0.05, 0.13), rng.uniform(0.0, 0.22), rng.uniform(0.3, 0.88))
    return hsv(rng.choice([0.05, 0.42, 0.55, 0.6]), rng.uniform(0.15, 0.45), rng.uniform(0.4, 0.8))


def brown(rng: np.random.Generator) -> FloatArray:
    """Cardboard."""
    return hsv(rng.uniform(0.07, 0.1), rng.uniform(0.3, 0.5), rng.uniform(0.55, 0.8))


def brick_colour(rng: np.random.Generator) -> FloatArray:
    """Red, brown or whitewashed."""
    if rng.random() < 0.35:
        return neutral(rng, 0.7, 0.93)
    return hsv(rng.uniform(0.015, 0.07), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.75))
