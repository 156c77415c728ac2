# SPDX-License-Identifier: Apache-2.0
"""What is dark, flat or glossy and no television."""

from __future__ import annotations

import math

from sim_bridge.catalogue.backdrops import backdrop
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, lathe, merge, move, quad, rod, turn


def dark(d: Draw, kind: str = "plastic") -> Material:
    """Nearly black."""
    return d.material(kind, [d.uniform(0.01, 0.16)] * 3)


def _framed(face: Material, wide: float, tall: float, edge: float, frame: Material, deep: float = 0.025) -> Mesh:
    """A face in a frame for the wall; its back is at x = 0."""
    inner = quad((deep + 0.003, -wide / 2, 0), (0, wide, 0), (0, 0, tall), face, fit=True)
    return merge([box((deep, wide + 2 * edge, tall + 2 * edge), (deep / 2, 0, tall / 2), frame), inner])


def night_window(d: Draw) -> Mesh:
    """Window at night, with bars."""
    wide, tall = d.uniform(0.5, 1.8), d.uniform(0.5, 1.4)
    frame = d.material(d.pick(("ceramic", "wood", "plastic")))
    parts = [_framed(backdrop("night", d.rng), wide, tall, d.uniform(0.02, 0.08), frame, d.uniform(0.02, 0.06))]
    bars = d.integer(1, 2)
    for k in range(bars):
        parts.append(box((0.07, 0.035, tall), (0.035, wide * ((k + 1) / (bars + 1) - 0.5), tall / 2), frame))
    if d.chance(0.5):
        parts.append(box((0.07, wide, 0.035), (0.035, 0, tall * d.uniform(0.3, 0.7)), frame))
    return merge(parts)


def dark_painting(d: Draw) -> Mesh:
    """Painting, poster or photograph, mostly dark, in a thin or heavy frame."""
    wide, tall = d.uniform(0.3, 1.7), d.uniform(0.3, 1.1)
    frame = dark(d) if d.chance(0.4) else d.material(d.pick(("wood", "metal", "plastic")))
    face = backdrop(d.pick(("dark_art", "dark_art", "photograph")), d.rng)
    return _framed(face, wide, tall, d.uniform(0.004, 0.08), frame, d.uniform(0.008, 0.05))


def black_panel(d: Draw) -> Mesh:
    """Black board with chalk on it, or taller than any television: a heater, a slate, a splash guard.

    Without either, nobody could tell it from a television that is off.
    """
    chalked = d.chance(0.5)
    wide = d.uniform(0.4, 1.6) if chalked else d.uniform(0.25, 0.6)
    tall = d.uniform(0.3, 1.2) if chalked else wide * d.uniform(1.5, 2.6)
    thick = d.uniform(0.006, 0.04)
    plain = d.material(d.pick(("plastic", "stone", "paint")), [d.uniform(0.02, 0.2)] * 3)
    parts = [box((thick, wide, tall), (thick / 2 + 0.01, 0, tall / 2), plain)]
    for _ in range(d.integer(6, 14) if chalked else 0):
        y, z = d.rng.uniform(-0.4, 0.4) * wide, d.rng.uniform(0.1, 0.85) * tall
        chalk = d.material("paint", d.rng.uniform(0.6, 1.0, 3))
        parts.append(box((0.002, d.rng.uniform(0.05, 0.3) * wide, 0.018), (thick + 0.012, y, z), chalk))
    return merge(parts)


def wall_panel(d: Draw) -> Mesh:
    """Small thing on a wall: fuse box, thermostat, tablet, door phone, vent or air conditioner."""
    wide, tall, deep = d.uniform(0.12, 0.85), d.uniform(0.14, 0.5), d.uniform(0.015, 0.2)
    skin = d.material(d.pick(("plastic", "metal", "ceramic")))
    parts = [box((deep, wide, tall), (deep / 2, 0, tall / 2), skin)]
    if d.chance(0.5):
        parts.append(box((0.006, wide * 0.8, tall * 0.7), (deep + 0.002, 0, tall * 0.55), dark(d)))
    else:
        for k in range(d.integer(3, 8)):
            parts.append(box((0.008, wide * 0.84, 0.008), (deep, 0, tall * (0.12 + 0.1 * k)), dark(d)))
    return merge(parts)


def fireplace(d: Draw) -> Mesh:
    """Dark opening in a mantel, with logs or a glow; its back belongs at the wall."""
    stone = d.material(d.pick(("stone", "brick", "paint", "wood", "ceramic")))
    wide, tall, deep = d.uniform(0.9, 1.6), d.uniform(0.85, 1.25), d.uniform(0.2, 0.45)
    jamb, lintel = wide * d.uniform(0.14, 0.24), tall * d.uniform(0.15, 0.32)
    parts = [box((deep, jamb, tall), (deep / 2, sy * (wide - jamb) / 2, tall / 2), stone) for sy in (-1, 1)]
    parts.append(box((deep, wide - 2 * jamb, lintel), (deep / 2, 0, tall - lintel / 2), stone))
    parts.append(box((deep + 0.1, wide + 0.16, 0.05), (deep / 2 + 0.03, 0, tall + 0.025), stone))
    hole = wide - 2 * jamb, tall - lintel
    parts.append(box((0.02, *hole), (0.03 if d.chance(0.5) else deep * 0.8, 0, hole[1] / 2), dark(d, "concrete")))
    if d.chance(0.5):
        fire = d.material("paint", (1.0, d.uniform(0.4, 0.7), d.uniform(0.1, 0.3)))
        parts.append(box((0.02, hole[0] * 0.6, hole[1] * 0.3), (deep * 0.85, 0, hole[1] * 0.2), fire))
    for k in range(d.integer(0, 4)):
        z = 0.05 + 0.06 * k
        parts.append(rod((deep * 0.8, -hole[0] * 0.35, z), (deep * 0.8, hole[0] * 0.35, z), 0.04, d.material("wood")))
    return merge(parts)


def speaker(d: Draw) -> Mesh:
    """Loudspeaker or amplifier: a dark box with round cones."""
    wide, tall, deep = d.uniform(0.16, 0.4), d.uniform(0.3, 1.1), d.uniform(0.18, 0.35)
    skin = dark(d) if d.chance(0.6) else d.material("wood")
    parts = [box((deep, wide, tall), (0, 0, tall / 2), skin)]
    r, z = wide * 0.42, tall - wide * 0.5
    while z > wide * 0.4:
        cone = lathe([(r, 0.004), (r * 0.9, 0.014), (r * 0.4, -0.005), (0, 0.01)], dark(d, "fabric"), sides=16)
        parts.append(move(turn(cone, "y", math.pi / 2), deep / 2, 0, z))
        z -= r * d.uniform(2.0, 2.6)
    return merge(parts)


def oven(d: Draw) -> Mesh:
    """Cooker, dishwasher or small oven: a box with a dark window low in its front."""
    wide, tall, deep = d.uniform(0.42, 0.65), d.uniform(0.5, 0.9), d.uniform(0.4, 0.62)
    skin = d.material(d.pick(("ceramic", "metal", "plastic")))
    x, parts = deep / 2, [box((deep, wide, tall), (0, 0, tall / 2), skin)]
    parts.append(box((0.01, wide * 0.8, tall * d.uniform(0.3, 0.6)), (x + 0.004, 0, tall * 0.42), dark(d)))
    parts.append(rod((x + 0.04, -wide * 0.4, tall * 0.78), (x + 0.04, wide * 0.4, tall * 0.78), 0.012, skin))
    for k in range(d.integer(0, 5)):
        parts.append(rod((x, wide * (-0.36 + 0.18 * k), tall * 0.9), (x + 0.03, wide * (-0.36 + 0.18 * k), tall * 0.9),
                         0.02, dark(d)))  # fmt: skip
    return merge(parts)


def glass_cabinet(d: Draw) -> Mesh:
    """Low or tall cabinet with dark glass doors."""
    wide, tall, deep = d.uniform(0.6, 1.5), d.uniform(0.5, 1.9), d.uniform(0.3, 0.45)
    wood, n = d.material(d.pick(("wood", "plastic", "metal", "ceramic"))), d.integer(1, 3)
    parts = [box((deep, wide, tall), (0, 0, tall / 2), wood)]
    for k in range(n):
        y = wide * ((k + 0.5) / n - 0.5)
        pane = dark(d) if d.chance(0.7) else backdrop("shelves", d.rng)
        door = quad((deep / 2 + 0.004, y - wide * 0.42 / n, tall * 0.1), (0, wide * 0.84 / n, 0), (0, 0, tall * 0.8),
                    pane, fit=True)  # fmt: skip
        parts.append(door)
    return merge(parts)


def hatch(d: Draw) -> Mesh:
    """Doorway into a dark room, tall niche, or dark niche with boards in it."""
    stuff = d.material(d.pick(("wood", "ceramic", "stone")))
    if d.chance(0.6):
        wide = d.uniform(0.45, 0.9)
        return _framed(dark(d, "paint"), wide, min(2.0, wide * d.uniform(1.6, 2.5)), d.uniform(0.03, 0.1), stuff, 0.03)
    wide, tall = d.uniform(0.5, 1.4), d.uniform(0.4, 0.9)
    parts = [_framed(dark(d, "paint"), wide, tall, d.uniform(0.03, 0.1), stuff, 0.03)]
    for k in range(d.integer(1, 3)):
        z = tall * (k + 1) / 4
        parts.append(box((0.05, wide, 0.025), (0.045, 0, z), stuff))
        size, y = (0.03, wide * d.uniform(0.1, 0.3), tall * 0.15), d.uniform(-0.3, 0.3) * wide
        parts.append(box(size, (0.05, y, z + tall * 0.08), d.material(d.pick(("plastic", "ceramic")))))
    return merge(parts)


def print_panel(d: Draw) -> Mesh:
    """Large bright print, photograph, map or notice board."""
    wide, tall = d.uniform(0.4, 1.9), d.uniform(0.4, 1.3)
    shown = d.pick(("photograph", "garden", "hills", "street", "frames", "shelves", "blobs", "spectrum"))
    face = backdrop(shown, d.rng, "picture")
    return _framed(face, wide, tall, d.uniform(0.003, 0.05), d.material(d.pick(("wood", "plastic", "metal"))))
