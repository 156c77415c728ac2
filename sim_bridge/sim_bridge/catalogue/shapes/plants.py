# SPDX-License-Identifier: Apache-2.0
"""Potted plants of any kind in any pot.

Not among them are what test homes keep for themselves: every plant has leaves (no cactus), no pot is a shallow dish
under a crooked trunk (no bonsai), and nothing hangs below the middle of its pot (nothing trails).
"""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.catalogue.shapes.foliage import GROWTHS, Bed, blossoms
from sim_bridge.catalogue.shapes.parts import Stand, finish, four_legs, frame_of, warp
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, lathe, prism, rod, rounded_outline


def _clay(d: Draw) -> Material:
    kind = d.pick(("ceramic", "plastic", "plastic", "concrete", "soil", "soil", "metal", "fabric", "wood", "stone"))
    if kind == "soil":
        return d.material("soil", (d.uniform(0.5, 0.8), d.uniform(0.25, 0.45), d.uniform(0.15, 0.3)))
    if kind == "ceramic" and d.chance(0.5):
        return d.material("ceramic", (d.uniform(0.05, 0.95), d.uniform(0.05, 0.95), d.uniform(0.05, 0.95)))
    return d.material(kind)


def _round_pot(d: Draw, radius: float, tall: float, low: float, clay: Material) -> list[Mesh]:
    """Turned: straight, conical, bulging, waisted like an urn, with or without rim, foot and saucer."""
    foot, belly, waist = d.uniform(0.5, 1.15), d.uniform(-0.15, 0.35), d.uniform(-0.2, 0.2) * (d.chance(0.3))
    t = np.linspace(0, 1, 8)
    line = radius * (foot + (1 - foot) * t + belly * np.sin(math.pi * t) + waist * np.sin(2 * math.pi * t))
    line = np.maximum(line, 0.3 * radius)
    lip, hem = d.uniform(1.0, 1.16), d.uniform(0.04, 0.25)
    profile = [(0.0, 0.0), *((float(r), float(z) * tall * (1 - hem)) for r, z in zip(line, t, strict=True))]
    top = float(line[-1])
    profile += [(top * lip, tall * (1 - hem)), (top * lip, tall), (top * 0.88, tall), (top * 0.84, tall * 0.9)]
    parts = [lathe(profile, clay, (0, 0, low), sides=18)]
    if d.chance(0.2):
        saucer = d.pick((clay, d.material("plastic")))
        wide = float(line[0]) * d.uniform(1.1, 1.5)
        parts.append(lathe([(0, 0), (wide * 0.9, 0), (wide, 0.025)], saucer, (0, 0, low), sides=16))
    return parts


def _square_pot(d: Draw, radius: float, tall: float, low: float, clay: Material) -> list[Mesh]:
    """Square or long, straight or narrower below."""
    long, foot = (d.uniform(1.5, 3.2) if d.chance(0.35) else 1.0), d.uniform(0.65, 1.0)
    body = box((2 * radius, 2 * radius * long, tall), (0, 0, low + tall / 2), clay)

    def narrow(v: np.ndarray) -> np.ndarray:
        share = foot + (1 - foot) * (v[:, 2:] - low) / tall
        return v * np.concatenate([share, share, np.ones_like(share)], 1)

    rim = box((2.08 * radius, 2.0 * radius * long + 0.08 * radius, tall * 0.12), (0, 0, low + tall * 0.94), clay)
    return [warp(body, narrow), *([rim] if d.chance(0.4) else [])]


def _lift(d: Draw, radius: float) -> tuple[float, list[Mesh]]:
    """A stand below the pot, four times in five none: legs, a ring of legs or a column."""
    if not d.chance(0.2):
        return 0.0, []
    low, frame, wide = min(d.uniform(0.08, 0.6), 4 * radius), frame_of(d), radius * d.uniform(1.7, 2.4)
    top = prism(rounded_outline(wide, wide, d.pick((2.0, 2.0, 9.0))), low - 0.02, low, frame)
    if d.chance(0.75):
        return low, [top, *four_legs(d, Stand(wide * 0.8, wide * 0.8, low - 0.01), frame, d.uniform(0.015, 0.035))]
    return low, [top, rod((0, 0, 0.01), (0, 0, low), 0.2 * radius, frame),
                 prism(rounded_outline(wide * 0.8, wide * 0.8, 2.0), 0, 0.02, frame)]  # fmt: skip


def _foliage(d: Draw, bed: Bed) -> list[Mesh]:
    """One growth, now and then two in one pot, with flowers one time in four."""
    parts = d.pick(GROWTHS)(d, bed)
    if d.chance(0.12):
        parts += d.pick(GROWTHS)(d, Bed(bed.at, bed.radius, bed.tall * d.uniform(0.3, 0.7)))
    if d.chance(0.25):
        height = max(float(max(m.vertices[:, 2].max() for m in parts)) - float(bed.at[2]), 0.1)
        parts += blossoms(d, bed, height * d.uniform(0.7, 1.15))
    lean = d.uniform(-0.25, 0.25) if d.chance(0.3) else 0.0
    if lean:
        parts = [warp(m, lambda v: v + np.outer(v[:, 2] - bed.at[2], [lean, 0.4 * lean, 0.0])) for m in parts]
    return parts


def plant(d: Draw) -> Mesh:
    """Any potted plant: from a seedling on a sill to a tree that reaches the ceiling."""
    size = math.exp(d.uniform(math.log(0.2), math.log(1.7)))
    radius = min(max(size * d.uniform(0.1, 0.34), 0.045), 0.3)
    tall = radius * d.uniform(0.9, 2.5)
    low, parts = _lift(d, radius)
    clay = _clay(d)
    parts += (_square_pot if d.chance(0.2) else _round_pot)(d, radius, tall, low, clay)
    soil = low + tall * d.uniform(0.86, 0.95)
    parts.append(prism(rounded_outline(radius * 1.54, radius * 1.54, 2.0, 14), soil - 0.012, soil, d.material("soil")))
    bed = Bed(np.array([0.0, 0.0, soil - 0.01]), radius * 0.7, size)
    floor = low + 0.5 * tall
    for part in _foliage(d, bed):
        np.maximum(part.vertices[:, 2], floor, out=part.vertices[:, 2])
        parts.append(part)
    return finish(parts)
