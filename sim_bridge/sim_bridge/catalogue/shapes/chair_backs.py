# SPDX-License-Identifier: Apache-2.0
"""Backs of chairs, upright at z = 0 with their front towards +x; without ears or wings, and never a bent hoop."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim_bridge.catalogue.shapes.parts import panel, slab, tufted
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, cushion, merge, move, rod, turn


@dataclass(frozen=True)
class Back:
    """Measures of a back: its width and height, how far its sides come forward (metres), its materials."""

    width: float
    height: float
    bow: float
    frame: Material
    cover: Material


def _posts(d: Draw, b: Back, thick: float) -> list[Mesh]:
    y, flare, sides = b.width / 2 - thick / 2, d.uniform(0.85, 1.15), d.pick((4, 8))
    return [rod((0, s * y, -0.02), (0, s * y * flare, b.height), thick * 0.55, b.frame, sides=sides) for s in (-1, 1)]


def _rail(d: Draw, b: Back, z: float, tall: float, thick: float) -> Mesh:
    if b.bow < 0.01:
        return box((thick, b.width, tall), (0, 0, z), b.frame)
    return move(panel((thick, b.width, tall), b.frame, bow=b.bow), -thick - b.bow * 0.5, 0, z - tall / 2)


def spindles(d: Draw, b: Back) -> Mesh:
    """Upright bars between two posts, under a top rail."""
    thick, crest, low = d.uniform(0.018, 0.05), d.uniform(0.02, 0.16) * b.height, d.uniform(0.0, 0.4) * b.height
    parts = [*_posts(d, b, thick), _rail(d, b, b.height - crest / 2, crest, thick * 0.7)]
    flat, r = d.chance(0.4), d.uniform(0.005, 0.016)
    if low > 0.03:
        parts.append(_rail(d, b, low, d.uniform(0.02, 0.05), thick * 0.6))
    for y in np.linspace(-0.5, 0.5, d.integer(2, 11) + 2)[1:-1] * (b.width - thick):
        tall = b.height - low - crest * 0.5
        if flat:
            parts.append(box((0.012, 3.2 * r, tall), (0, float(y), low + tall / 2), b.frame))
        else:
            parts.append(rod((0, float(y), low), (0, float(y), low + tall), r, b.frame, sides=5))
    return merge(parts)


def ladder(d: Draw, b: Back) -> Mesh:
    """One to six boards across, between posts."""
    thick, count = d.uniform(0.018, 0.05), d.integer(1, 6)
    start = d.uniform(0.1, 0.5)
    pitch = b.height * (1 - start) / count
    tall = pitch * d.uniform(0.25, 0.9)
    rails = [_rail(d, b, b.height - pitch * i - tall / 2, tall, thick * 0.6) for i in range(count)]
    return merge([*_posts(d, b, thick), *rails])


def crossed(d: Draw, b: Back) -> Mesh:
    """An X, two of them, or a lattice in a frame."""
    thick, r, low = d.uniform(0.02, 0.045), d.uniform(0.007, 0.016), d.uniform(0.02, 0.35) * b.height
    parts = [*_posts(d, b, thick), _rail(d, b, b.height - 0.025, 0.05, thick), _rail(d, b, low, 0.03, thick * 0.7)]
    n = d.integer(1, 3)
    for i in range(n):
        y0, y1 = ((i + k) / n - 0.5 for k in (0, 1))
        span = b.width - thick
        for a, c in ((y0, y1), (y1, y0)):
            parts.append(rod((0, a * span, low), (0, c * span, b.height - 0.04), r, b.frame, sides=5))
    return merge(parts)


def board(d: Draw, b: Back) -> Mesh:
    """A bare board, bent or flat, square or rounded, whole or floating above the seat."""
    gap, thick = d.uniform(0.0, 0.6) * b.height if d.chance(0.6) else 0.0, d.uniform(0.008, 0.035)
    top, round_ = d.uniform(0.65, 1.2), d.uniform(0.05, 0.5) if d.chance(0.6) else 0.0
    parts = [move(panel((thick, b.width, b.height - gap), b.frame, top, b.bow, round_), -thick - b.bow * 0.4, 0, gap)]
    if gap:
        for y in (-0.32, 0.32) if d.chance(0.7) else (0.0,):
            r = d.uniform(0.008, 0.02)
            parts.append(rod((-thick, y * b.width, -0.03), (-thick, y * b.width, gap + 0.06), r, b.frame, sides=6))
    return merge(parts)


def window(d: Draw, b: Back) -> Mesh:
    """A broad frame around an opening, or around cane, cloth or netting."""
    side, rail, thick = d.uniform(0.12, 0.3) * b.width, d.uniform(0.08, 0.3) * b.height, d.uniform(0.012, 0.035)
    low = d.uniform(0.0, 0.25) * b.height
    tall = b.height - low
    parts = [box((thick, side, tall), (0, s * (b.width - side) / 2, low + tall / 2), b.frame) for s in (-1, 1)]
    parts += [box((thick, b.width, rail), (0, 0, z), b.frame) for z in (b.height - rail / 2, low + rail / 2)]
    for y in (-0.4, 0.4) if low else ():
        parts.append(box((thick, 0.03, low + 0.05), (0, y * b.width, low / 2), b.frame))
    if d.chance(0.5):
        parts.append(box((0.006, b.width - side, tall - rail), (0, 0, low + tall / 2), b.cover))
    return merge(parts)


def splat(d: Draw, b: Back) -> Mesh:
    """One shaped board in the middle between posts."""
    thick = d.uniform(0.02, 0.045)
    parts = [*_posts(d, b, thick), _rail(d, b, b.height - 0.03, d.uniform(0.03, 0.1), thick)]
    wide = b.width * d.uniform(0.2, 0.45)
    middle = panel((0.012, wide, b.height), b.frame, d.uniform(0.5, 1.8))
    return merge([*parts, move(middle, -0.006)])


def pad(d: Draw, b: Back) -> Mesh:
    """A cushion: thin to thick, square to round, alone or in two, on a bracket where it floats."""
    thick, gap = d.uniform(0.03, 0.16), (d.uniform(0.02, 0.45) * b.height if d.chance(0.5) else 0.0)
    power, tall = d.uniform(2.3, 12), b.height - gap
    if d.chance(0.25):
        first = tall * d.uniform(0.35, 0.65)
        spans = [(gap, first * 0.98), (gap + first, tall - first)]
    else:
        spans = [(gap, tall)]
    parts = []
    for low, high in spans:
        soft = cushion((thick, b.width, high), (0, 0, low + high / 2), b.cover, power)
        if b.bow > 0.01:
            soft.vertices[:, 0] += b.bow * ((2 * soft.vertices[:, 1] / b.width) ** 2 - 0.4)
        parts.append(soft)
    if gap:
        low, wide = -0.06, d.uniform(0.015, 0.1)
        parts.append(box((0.02, wide, gap - low + 0.1), (-thick / 2 + 0.005, 0, (gap + 0.1 + low) / 2), b.frame))
    return merge(parts)


def quilted(d: Draw, b: Back) -> Mesh:
    """Upholstery with buttons or channels."""
    cells = (1, d.integer(3, 9)) if d.chance(0.5) else (d.integer(2, 5), d.integer(2, 5))
    return move(tufted(d, (d.uniform(0.06, 0.14), b.width, b.height), cells, b.cover), -0.05)


def netting(d: Draw, b: Back) -> Mesh:
    """A taut sheet in a thin frame, with a lumbar pad or a spine behind it."""
    r, top = d.uniform(0.008, 0.02), d.uniform(0.75, 1.1)
    gap = d.uniform(0.0, 0.25) * b.height
    net = move(panel((0.008, b.width, b.height - gap), b.cover, top, b.bow, d.uniform(0.0, 0.35)), 0, 0, gap)
    spine = rod((-0.03, 0, -0.08), (-0.01, 0, b.height * 0.6), d.uniform(0.012, 0.03), b.frame, sides=6)
    ribs = [
        rod((0.01 + b.bow, s * b.width / 2, gap), (0.01 + b.bow, s * b.width / 2 * top, b.height * 0.75), r, b.frame,
            sides=6)
        for s in (-1, 1)
    ]  # fmt: skip
    return merge([net, spine, *ribs])


def headrest(d: Draw, b: Back) -> list[Mesh]:
    """A small pad above the back."""
    tall, wide, thick = d.uniform(0.08, 0.22), b.width * d.uniform(0.4, 0.95), d.uniform(0.04, 0.12)
    rest = slab(d, (thick, wide, tall), (0.02, 0, b.height + tall * 0.55), b.cover)
    return [rest, box((0.015, wide * 0.2, tall + 0.1), (-0.01, 0, b.height + tall * 0.2), b.frame)]


BARE = (spindles, spindles, ladder, ladder, crossed, board, board, window, splat)
SOFT = (pad, pad, pad, pad, quilted, netting, netting)


def lean_back(back: Mesh, lean: float, x: float, z: float) -> Mesh:
    """The back turned away from the seat by radians, its foot at (x, z)."""
    return move(turn(back, "y", -lean), x, 0, z) if lean > math.radians(0.5) else move(back, x, 0, z)
