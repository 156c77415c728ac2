# SPDX-License-Identifier: Apache-2.0
"""Patterns and colours of catalogue pictures alone: as varied as photographs, none of those kept for test homes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seal_perception.types import BoolArray, FloatArray
from sim_bridge.modelling.texture_base import SIZE, U, V, any_colour, hsv, noise, shade

Painter = Callable[[np.random.Generator, FloatArray], FloatArray]


def strong_colour(rng: np.random.Generator) -> FloatArray:
    """Any hue, any saturation, any value: what `any_colour` seldom gives."""
    return hsv(rng.random(), rng.uniform(0.15, 1.0), rng.uniform(0.08, 1.0))


def _partner(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """A colour beside the first: white, its shade, or another."""
    kind = rng.random()
    if kind < 0.3:
        return hsv(rng.random(), rng.uniform(0.0, 0.12), rng.uniform(0.8, 1.0))
    if kind < 0.6:
        return np.clip(base * rng.uniform(0.3, 1.7), 0, 1)
    return strong_colour(rng) if rng.random() < 0.5 else any_colour(rng, 0.5)


def _cloth(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    return shade(base, rng.uniform(0.0, 0.05) * noise(rng, 40) + 0.015 * noise(rng, 4))


def _lay(image: FloatArray, mask: BoolArray, colour: FloatArray, cover: float = 0.9) -> FloatArray:
    image[mask] = (1 - cover) * image[mask] + cover * colour
    return image


def _stripes(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Bands of several colours and widths, across or down."""
    image, axis = _cloth(rng, base), U if rng.random() < 0.5 else V
    edges = np.sort(rng.random(int(rng.integers(1, 7)) * 2))
    repeat = int(rng.integers(1, 5))
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        at = (axis * repeat) % 1
        image = _lay(image, (at > low) & (at < high), _partner(rng, base))
    return image


def _gingham(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n, other = int(rng.integers(2, 12)), _partner(rng, base)
    across, down = (U * n) % 1 < 0.5, (V * n) % 1 < 0.5
    image = _cloth(rng, base)
    image = _lay(image, across != down, other, 0.5)
    return _lay(image, across & down, other, 0.95)


def _chequers(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n = int(rng.integers(1, 6)) * 2
    return _lay(_cloth(rng, base), ((U * n).astype(int) + (V * n).astype(int)) % 2 == 1, _partner(rng, base))


def _blossoms(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Flowers and leaves of several sizes strewn at random, each painted in a square of its own."""
    image = _cloth(rng, base)
    colours = [strong_colour(rng), _partner(rng, base), hsv(rng.uniform(0.2, 0.4), 0.5, rng.uniform(0.2, 0.6))]
    for k in range(int(rng.integers(6, 26))):
        size, petals = rng.uniform(0.03, 0.16), int(rng.integers(0, 4)) * 2 + 1
        half = int(size * SIZE) + 1
        v, u = np.mgrid[-half : half + 1, -half : half + 1] / SIZE
        reach = size * (0.7 + 0.3 * np.cos(petals * np.arctan2(v, u) + rng.uniform(0, 6)))
        at = np.ix_((rng.integers(SIZE) + np.arange(2 * half + 1)) % SIZE,
                    (rng.integers(SIZE) + np.arange(2 * half + 1)) % SIZE)  # fmt: skip
        radius = np.hypot(u, v * rng.uniform(1.0, 1.6))
        patch = _lay(image[at], radius < reach, colours[k % 3])
        image[at] = _lay(patch, radius < 0.25 * size, colours[(k + 1) % 3])
    return image


def _print(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Blots, waves and lines of many colours."""
    image = _cloth(rng, base)
    for _ in range(int(rng.integers(1, 5))):
        kind, colour = rng.integers(3), _partner(rng, base)
        field = noise(rng, rng.uniform(1.5, 9), rng.uniform(1.5, 9))
        if kind == 0:
            image = _lay(image, field > rng.uniform(0.2, 1.4), colour)
        elif kind == 1:
            image = _lay(image, np.abs(field) < rng.uniform(0.05, 0.25), colour)
        else:
            wave = (
                V * rng.integers(2, 7) + 0.08 * rng.uniform(0.5, 2) * np.sin(2 * np.pi * rng.integers(1, 5) * U)
            ) % 1
            image = _lay(image, wave < rng.uniform(0.1, 0.5), colour)
    return image


def _patchwork(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    n, image = int(rng.integers(2, 6)), _cloth(rng, base)
    colours = np.stack([_partner(rng, base) for _ in range(n * n)])
    cell = (V * n).astype(int) * n + (U * n).astype(int)
    image = image * 0.15 + 0.85 * colours[cell]
    return image * (1 + 0.04 * noise(rng, 30)[..., None])


def _worn(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Faded, stained or crackled."""
    pale = np.clip(base * rng.uniform(0.5, 1.0) + rng.uniform(0.0, 0.4), 0, 1)
    wear = np.clip(0.5 * noise(rng, rng.uniform(1.5, 6)) + 0.25 * noise(rng, 30), 0, 1)[..., None]
    return shade(base, 0.05 * noise(rng, 25)) * (1 - wear) + pale * wear


def _two_tone(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    blend = (0.5 + 0.5 * np.sin(2 * np.pi * (V if rng.random() < 0.5 else U)))[..., None]
    return _cloth(rng, base) * blend + _partner(rng, base) * (1 - blend)


def _plain(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """One colour; a grain of one part in 255 keeps every tile unlike any other's, black ones too."""
    return shade(base, rng.uniform(0.0, 0.02) * noise(rng, 6)) + 0.004 * noise(rng, 50)[..., None]


def _grainy_wood(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Coarse grain with knots, or flaking paint."""
    rings = np.sin(2 * np.pi * (rng.integers(2, 24) * V + rng.uniform(0.1, 0.8) * noise(rng, 1.5, 3)))
    image = shade(base, rng.uniform(0.04, 0.16) * rings + rng.uniform(0.03, 0.12) * noise(rng, 3, 60))
    knots = np.clip(noise(rng, 2.5, 5) - rng.uniform(1.8, 2.6), 0, 1)
    return image * (1 - 0.6 * knots[..., None])


def _blotched_leaf(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    other = hsv(rng.uniform(0.12, 0.3), rng.uniform(0.05, 0.6), rng.uniform(0.5, 0.95))
    image = shade(base, rng.uniform(0.05, 0.25) * noise(rng, 8))
    return _lay(image, noise(rng, rng.uniform(3, 12)) > rng.uniform(-0.3, 1.4), other, rng.uniform(0.4, 0.9))


def _scene(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """A film or a match: sky or wall, ground, things in it; bright or dim."""
    horizon = rng.uniform(0.15, 0.85) + rng.uniform(0.0, 0.1) * noise(rng, 2.5)[0][None, :]
    image = np.where((horizon > V)[..., None], strong_colour(rng), strong_colour(rng)) * (0.7 + 0.5 * V[..., None])
    for _ in range(int(rng.integers(2, 9))):
        u, v = (U - rng.random()) / rng.uniform(0.02, 0.25), (V - rng.random()) / rng.uniform(0.03, 0.4)
        image = _lay(image, np.hypot(u, v) < 1 if rng.random() < 0.5 else np.maximum(abs(u), abs(v)) < 1,
                     strong_colour(rng))  # fmt: skip
    return image * (1 + 0.12 * noise(rng, 10)[..., None]) * rng.uniform(0.5, 1.3)


def _text(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """A page of lines: a document, code, a slide."""
    dark = rng.random() < 0.4
    ground = hsv(rng.random(), rng.uniform(0, 0.3), rng.uniform(0.03, 0.2) if dark else rng.uniform(0.75, 1.0))
    image, lines = np.broadcast_to(ground, (SIZE, SIZE, 3)).copy(), int(rng.integers(5, 20))
    left, gaps = rng.uniform(0.05, 0.3), noise(rng, 25, 1.0) > -0.7
    ends = rng.uniform(0.4, 0.95, lines)[(V * lines).astype(int)]
    ink = strong_colour(rng) if rng.random() < 0.3 else np.full(3, 0.9 if dark else 0.1)
    return _lay(image, ((V * lines) % 1 < 0.5) & (left < U) & (ends > U) & gaps, ink, rng.uniform(0.5, 1.0))


def _reflecting(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """Off: dark glass with the room in it."""
    glass = hsv(rng.random(), rng.uniform(0, 0.3), rng.uniform(0.01, 0.2))
    slope = rng.uniform(-1, 1) * U + rng.uniform(-1, 1) * V
    image = glass + rng.uniform(0, 0.2) * slope[..., None] + rng.uniform(0, 0.05) * noise(rng, 2)[..., None]
    for _ in range(int(rng.integers(0, 4))):
        u, v = U - rng.random(), V - rng.random()
        inside = (abs(u + rng.uniform(-0.3, 0.3) * v) < rng.uniform(0.02, 0.2)) & (abs(v) < rng.uniform(0.03, 0.4))
        image[inside] += rng.uniform(0.03, 0.45) * hsv(rng.choice([0.1, 0.6]), rng.uniform(0, 0.3), 1.0)
    return image


def _glow(rng: np.random.Generator, base: FloatArray) -> FloatArray:
    """A start screen: a gradient with a sign in the middle."""
    image = _two_tone(rng, strong_colour(rng)) * rng.uniform(0.3, 1.2)
    wide, high = rng.uniform(0.05, 0.35), rng.uniform(0.03, 0.2)
    return _lay(image, np.hypot((U - 0.5) / wide, (V - 0.5) / high) < 1, strong_colour(rng))


_CLOTHS = (_stripes, _gingham, _chequers, _blossoms, _print, _patchwork, _worn, _two_tone, _plain, _plain)
WIDE: dict[str, tuple[Painter, ...]] = {
    "fabric": _CLOTHS, "leather": (_worn, _plain, _plain), "wood": (_grainy_wood, _worn, _plain),
    "plastic": (_plain, _plain, _worn, _two_tone), "metal": (_worn, _plain), "ceramic": (_plain, _plain, _worn, _print),
    "leaf": (_blotched_leaf, _plain), "carpet": (_plain, _worn, _print, _stripes),
    "screen": (_scene, _scene, _text, _reflecting, _reflecting, _reflecting, _glow),
}  # fmt: skip
"""Kind -> painters that catalogue pictures have beside the common ones; none is in `textures_unseen.UNSEEN`."""
WIDE_SHARE: dict[str, float] = {"fabric": 0.45, "screen": 0.6, "ceramic": 0.15}
"""Share of a kind's materials that have such a pattern; a quarter where a kind is absent."""
STRONG_SHARE: dict[str, float] = {"fabric": 0.18, "plastic": 0.15, "leather": 0.12, "wood": 0.08, "metal": 0.06}
"""Share of a kind's materials, of no given colour, that have any colour at all."""


def widen(
    kind: str, rng: np.random.Generator, painter: Painter, base: FloatArray, free: bool
) -> tuple[Painter, FloatArray]:
    """Painter and colour of a catalogue material in place of the common ones; `free` where no colour was asked for."""
    if free and rng.random() < STRONG_SHARE.get(kind, 0.0):
        base = strong_colour(rng)
    if kind in WIDE and rng.random() < WIDE_SHARE.get(kind, 0.25):
        painter = WIDE[kind][int(rng.integers(len(WIDE[kind])))]
    return painter, base
