# SPDX-License-Identifier: Apache-2.0
"""What is green, leafy or in a vase and no potted plant."""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.catalogue.backdrops import backdrop
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import bar, box, bumpy, cushion, lathe, merge, move, quad, rod, sheet
from sim_bridge.modelling.textures import hsv


def _green(d: Draw) -> list[float]:
    return [float(v) for v in hsv(d.uniform(0.2, 0.42), d.uniform(0.3, 0.85), d.uniform(0.2, 0.75))]


def leaf_curtain(d: Draw) -> Mesh:
    """Curtain with leaves or flowers printed on it, or plain green; hangs at the wall."""
    cloth = (
        backdrop(d.pick(("leaf_print", "leaf_print", "berries")), d.rng)
        if d.chance(0.7)
        else d.material("fabric", _green(d))
    )
    wide, tall, low = d.uniform(0.4, 1.2), d.uniform(1.4, 2.2), d.uniform(0.03, 0.5)
    y = np.linspace(-wide / 2, wide / 2, 25)
    grid = np.empty((2, 25, 3))
    grid[..., 0] = 0.07 + 0.03 * np.sin(y * d.uniform(30, 60))
    grid[..., 1], grid[0, :, 2], grid[1, :, 2] = y, min(low + tall, 2.2), low
    return sheet(grid, cloth)


def leaf_panel(d: Draw) -> Mesh:
    """Wallpaper, poster or screen with leaves on it."""
    wide, tall = d.uniform(0.4, 1.8), d.uniform(0.5, 1.6)
    face = backdrop(d.pick(("leaf_print", "berries", "garden", "grass")), d.rng)
    parts = [box((0.015, wide, tall), (0.0075, 0, tall / 2), d.material("wood"))]
    return merge([*parts, quad((0.018, -wide / 2, 0), (0, wide, 0), (0, 0, tall), face, fit=True)])


def bush_window(d: Draw) -> Mesh:
    """Window full of greenery."""
    wide, tall = d.uniform(0.6, 1.6), d.uniform(0.6, 1.4)
    frame = d.material(d.pick(("ceramic", "wood")))
    pane = backdrop(d.pick(("grass", "garden")), d.rng, "window")
    parts = [box((0.03, wide + 0.12, tall + 0.12), (0.015, 0, tall / 2), frame)]
    parts.append(quad((0.033, -wide / 2, 0), (0, wide, 0), (0, 0, tall), pane, fit=True))
    return merge([*parts, box((0.06, 0.04, tall), (0.03, 0, tall / 2), frame)])


def green_cloth(d: Draw) -> Mesh:
    """Green towels or clothes in a heap."""
    parts = []
    for _ in range(d.integer(1, 3)):
        heap = cushion(
            (*d.rng.uniform(0.2, 0.4, 2), d.uniform(0.08, 0.22)), (0, 0, 0), d.material("fabric", _green(d)), 2.4, 14, 7
        )
        parts.append(move(bumpy(heap, 0.18, d.rng), d.uniform(-0.1, 0.1), d.uniform(-0.1, 0.1), 0.06))
    for part in parts:
        np.maximum(part.vertices[:, 2], 0.0, out=part.vertices[:, 2])
    return merge(parts)


def duster(d: Draw) -> Mesh:
    """Feather duster, brush or mop, head up."""
    tall, stuff = d.uniform(0.5, 1.2), d.material("fabric")
    parts = [rod((0, 0, 0), (0, 0, tall), 0.012, d.frame())]
    for k in range(26):
        a, lean = 2.39996 * k, d.rng.uniform(0.05, 0.16)
        base = tall * d.rng.uniform(0.75, 1.0)
        parts.append(
            bar(
                [(0, 0, base), (lean * math.cos(a), lean * math.sin(a), base + d.rng.uniform(-0.05, 0.15))],
                0.014,
                stuff,
                4,
            )
        )
    return merge(parts)


def vegetables(d: Draw) -> Mesh:
    """Bowl, basket or heap of broccoli, lettuce, fruit."""
    r = d.uniform(0.1, 0.2)
    bowl = lathe(
        [(0, 0), (r * 0.6, 0), (r, 0.08), (r * 0.95, 0.08), (0, 0.02)],
        d.material(d.pick(("ceramic", "wood"))),
        sides=16,
    )
    parts = [bowl]
    for _ in range(d.integer(4, 10)):
        at = (*d.rng.uniform(-0.6, 0.6, 2) * r, 0.07 + d.rng.uniform(0, 0.08))
        colour = _green(d) if d.chance(0.75) else d.rng.uniform(0.3, 0.95, 3)
        parts.append(cushion(d.rng.uniform(0.06, 0.13, 3), at, d.material("plastic", colour), 2, 10, 6))
    return merge(parts)


def empty_pot(d: Draw) -> Mesh:
    """Pot, urn or planter without a plant."""
    r, tall = d.uniform(0.08, 0.24), d.uniform(0.12, 0.5)
    stuff = d.material(d.pick(("ceramic", "stone", "plastic", "soil")))
    soil = lathe([(r * 0.9, tall * 0.86), (0, tall * 0.88)], d.material("soil"), sides=16)
    return merge(
        [
            lathe(
                [(0, 0), (r * d.uniform(0.5, 0.95), 0), (r, tall), (r * 0.92, tall), (r * 0.85, tall * 0.7)],
                stuff,
                sides=16,
            ),
            soil,
        ]
    )


def dry_grass(d: Draw) -> Mesh:
    """Pampas grass or dried twigs in a slender vase."""
    r, tall = d.uniform(0.04, 0.1), d.uniform(0.2, 0.55)
    parts = [
        lathe(
            [(0, 0), (r, 0), (r * 1.2, tall * 0.4), (r * 0.5, tall), (0, tall * 0.98)],
            d.material(d.pick(("ceramic", "stone"))),
            sides=14,
        )
    ]
    straw = d.material("fabric", (d.uniform(0.6, 0.92), d.uniform(0.5, 0.8), d.uniform(0.35, 0.65)))
    for k in range(d.integer(5, 14)):
        a, lean, long = 2.39996 * k, d.rng.uniform(0.05, 0.4), d.rng.uniform(0.3, 0.7)
        tip = np.array([lean * math.cos(a), lean * math.sin(a), 1.0]) * long + [0, 0, tall]
        parts.append(bar([(0, 0, tall * 0.95), tip], 0.004, straw, 4))
        parts.append(cushion((0.045, 0.045, 0.2), tip, straw, 2, 8, 5))
    return merge(parts)


def cut_flowers(d: Draw) -> Mesh:
    """Bouquet in a vase: COCO's annotators call it vase, potted plant or both, so nobody is taught either."""
    r, tall = d.uniform(0.04, 0.09), d.uniform(0.15, 0.32)
    vase = lathe(
        [(0, 0), (r, 0), (r * d.uniform(0.7, 1.4), tall * 0.5), (r, tall), (0, tall * 0.95)],
        d.material(d.pick(("ceramic", "plastic"))),
        sides=14,
    )
    parts, stem = [vase], d.material("leaf")
    petal = d.material("plastic", hsv(d.rng.random(), d.uniform(0.1, 0.9), d.uniform(0.6, 1.0)))
    for k in range(d.integer(5, 12)):
        a, lean = 2.39996 * k, d.rng.uniform(0.05, 0.5)
        tip = np.array([lean * math.cos(a), lean * math.sin(a), 1.0]) * d.rng.uniform(0.15, 0.35) + [0, 0, tall]
        parts.append(bar([(0, 0, tall * 0.9), tip], 0.004, stem, 4))
        parts.append(cushion(d.rng.uniform(0.05, 0.1, 3), tip, petal, 2, 8, 5))
        parts.append(cushion((0.09, 0.04, 0.02), tip * 0.5 + [0, 0, tall * 0.5], stem, 2, 6, 4))
    return merge(parts)


def shrub(d: Draw) -> Mesh:
    """Bush that grows from the ground, for gardens only: nobody put it into a pot."""
    parts, leaf = [], d.material("leaf")
    for _ in range(d.integer(3, 7)):
        rough = bumpy(cushion(d.rng.uniform(0.35, 0.8, 3), (0, 0, 0), leaf, 2, 16, 10), 0.12, d.rng)
        parts.append(move(rough, *(float(v) for v in d.rng.uniform([-0.35, -0.35, 0.15], [0.35, 0.35, 0.5]))))
    for part in parts:
        np.maximum(part.vertices[:, 2], 0.0, out=part.vertices[:, 2])
    return merge(parts)
