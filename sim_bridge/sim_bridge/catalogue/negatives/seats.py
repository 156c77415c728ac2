# SPDX-License-Identifier: Apache-2.0
"""What has a chair's legs, rungs or size and is no chair."""

from __future__ import annotations

import math

from sim_bridge.furniture.chairs import four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import bar, box, cushion, lathe, merge, move, prism, rod, rounded_outline, turn


def step_ladder(d: Draw) -> Mesh:
    """Folding steps of two to six treads."""
    metal, steps, wide = d.frame(), d.integer(2, 6), d.uniform(0.36, 0.5)
    tall, run = 0.24 * steps, 0.14 * steps
    parts = []
    for sy in (-1, 1):
        y = sy * wide / 2
        parts.append(bar([(run / 2 + 0.08, y, 0), (0, y * 0.9, tall + d.uniform(0, 0.1))], 0.018, metal, 5))
        parts.append(bar([(-run / 2 - 0.1, y, 0), (0, y * 0.9, tall)], 0.014, metal, 5))
    for k in range(steps):
        z = 0.24 * (k + 1)
        parts.append(box((0.09, wide * 0.94, 0.025), ((run / 2 + 0.08) * (1 - z / tall), 0, z - 0.01), metal))
    return merge(parts)


def steps(d: Draw) -> Mesh:
    """A flight of two to four solid steps."""
    stuff = d.material(d.pick(("wood", "concrete", "stone", "plastic", "carpet")))
    wide, deep, rise, n = d.uniform(0.4, 1.0), d.uniform(0.2, 0.3), d.uniform(0.14, 0.24), d.integer(2, 4)
    return merge([box((deep * (n - k), wide, rise), (-deep * k / 2, 0, rise * (k + 0.5)), stuff) for k in range(n)])


def bar_stool(d: Draw) -> Mesh:
    """High or low stool without a back."""
    legs, seat = d.frame(), d.cover() if d.chance(0.5) else d.material(d.pick(("wood", "plastic", "metal")))
    tall, r = d.uniform(0.4, 0.82), d.uniform(0.14, 0.22)
    power = d.pick((2.0, 2.0, 5.0))
    parts = [prism(rounded_outline(2 * r, 2 * r, power, 18), tall - d.uniform(0.025, 0.09), tall, seat)]
    if d.chance(0.35):
        parts.append(rod((0, 0, 0.02), (0, 0, tall - 0.03), 0.028, legs))
        parts.append(prism(rounded_outline(0.42, 0.42, 2, 18), 0, 0.025, legs))
        return merge(parts)
    n = d.integer(3, 4)
    for k in range(n):
        a = 2 * math.pi * k / n + 0.5
        top, foot = r * 0.7, r * d.uniform(0.8, 1.4)
        c, s = math.cos(a), math.sin(a)
        parts.append(rod((foot * c, foot * s, 0), (top * c, top * s, tall - 0.03), 0.016, legs))
    return merge(parts)


def walker(d: Draw) -> Mesh:
    """Walking frame or the frame of a pushchair: bent tubes on small wheels, perhaps a sling of cloth."""
    metal, dark = d.material("metal"), d.material("plastic", [0.08] * 3)
    wide, tall, deep = d.uniform(0.45, 0.6), d.uniform(0.8, 1.0), d.uniform(0.4, 0.65)
    parts = []
    for sy in (-1, 1):
        y = sy * wide / 2
        parts.append(bar([(deep / 2, y, 0.06), (deep * 0.1, y, tall * 0.75), (-deep / 2, y, tall)], 0.014, metal, 5))
        parts.append(bar([(-deep / 2, y, 0.06), (deep * 0.1, y, tall * 0.75)], 0.014, metal, 5))
        for x in (-deep / 2, deep / 2):
            r = d.uniform(0.05, 0.09)
            parts.append(rod((x, y - 0.015, r), (x, y + 0.015, r), r, dark, sides=12))
    parts.append(bar([(-deep / 2, -wide / 2, tall), (-deep / 2, wide / 2, tall)], 0.015, dark, 5))
    parts.append(rod((deep * 0.3, -wide / 2, tall * 0.35), (deep * 0.3, wide / 2, tall * 0.35), 0.012, metal))
    if d.chance(0.5):
        parts.append(cushion((deep * 0.6, wide * 0.8, tall * 0.3), (0, 0, tall * 0.5), d.material("fabric"), 3))
    return merge(parts)


def box_pile(d: Draw) -> Mesh:
    """Boxes, crates or baskets piled up."""
    parts, z = [], 0.0
    for _ in range(d.integer(2, 5)):
        size = d.rng.uniform(0.28, 0.6, 2)
        tall = d.uniform(0.16, 0.42)
        stuff = d.material(d.pick(("cardboard", "cardboard", "plastic", "wood")))
        block = turn(
            box((*size, tall), (*d.rng.uniform(-0.06, 0.06, 2), z + tall / 2), stuff), "z", d.uniform(-0.4, 0.4)
        )
        parts.append(block)
        z += tall
        if z > 1.5:
            break
    return merge(parts)


def boxes_like_armchair(d: Draw) -> Mesh:
    """Boxes side by side and one behind: the outline of an armchair out of cardboard or plastic."""
    stuff, wide = d.material(d.pick(("cardboard", "cardboard", "plastic"))), d.uniform(0.5, 0.9)
    parts = [box((0.5, wide, d.uniform(0.3, 0.45)), (0.1, 0, 0.2), stuff)]
    parts.append(box((0.3, wide * d.uniform(0.5, 1.0), d.uniform(0.6, 0.9)), (-0.3, d.uniform(-0.1, 0.1), 0.4), stuff))
    if d.chance(0.5):
        parts.append(box((0.4, 0.3, 0.55), (0, wide * 0.7, 0.275), d.material("cardboard")))
    return merge(parts)


def rack(d: Draw) -> Mesh:
    """Open frame: drying rack, trolley, plant stand without plants, clothes valet or easel."""
    metal, wide, deep, tall = d.frame(), d.uniform(0.35, 1.1), d.uniform(0.3, 0.5), d.uniform(0.6, 1.3)
    parts = [merge(four_legs(deep, wide, tall, 0.025, d.uniform(0, 0.04), metal, d.chance(0.5)))]
    shelf = d.material(d.pick(("wood", "metal", "plastic")))
    for k in range(d.integer(1, 4)):
        z = tall * (0.2 + 0.26 * k)
        if z > tall:
            break
        if d.chance(0.5):
            parts.append(box((deep, wide, 0.018), (0, 0, z), shelf))
        else:
            for j in range(5):
                x = deep * (j / 4 - 0.5)
                parts.append(rod((x, -wide / 2, z), (x, wide / 2, z), 0.006, metal, sides=5))
    if d.chance(0.4):
        parts.append(cushion((deep, wide * 0.6, tall * 0.4), (0, 0, tall * 0.85), d.material("fabric"), 3.5))
    return merge(parts)


def side_table(d: Draw) -> Mesh:
    """Small table as high as a seat, or a nest of them."""
    parts, scale = [], 1.0
    stuff, legs = d.material(d.pick(("wood", "stone", "plastic", "metal"))), d.frame()
    for _ in range(d.integer(1, 3)):
        w, tall = d.uniform(0.32, 0.55) * scale, d.uniform(0.4, 0.62) * scale
        table = [prism(rounded_outline(w, w, d.pick((2.0, 4.0, 30.0)), 20), tall - 0.03, tall, stuff)]
        table += four_legs(w * 0.7, w * 0.7, tall - 0.03, 0.03, d.uniform(0, 0.06), legs, d.chance(0.5))
        parts.append(move(merge(table), d.uniform(-0.1, 0.1), (1 - scale) * 1.2))
        scale *= 0.8
    return merge(parts)


def low_shelf(d: Draw) -> Mesh:
    """Open shelf of two to four boards, narrow and as high as a chair's back."""
    wood, wide, tall, deep = d.material("wood"), d.uniform(0.35, 0.9), d.uniform(0.7, 1.1), d.uniform(0.25, 0.4)
    n = d.integer(2, 4)
    parts = [box((deep, 0.02, tall), (0, sy * wide / 2, tall / 2), wood) for sy in (-1, 1)]
    parts += [box((deep, wide, 0.02), (0, 0, tall * (k + 0.15) / n), wood) for k in range(n)]
    for k in range(n - 1):
        if d.chance(0.6):
            thing = d.material(d.pick(("plastic", "cardboard", "fabric")))
            z = tall * (k + 0.15) / n
            parts.append(
                box((deep * 0.7, wide * d.uniform(0.2, 0.8), 0.6 * tall / n), (0, 0, z + 0.3 * tall / n), thing)
            )
    return merge(parts)


def high_pouf(d: Draw) -> Mesh:
    """Drum, pouf or tree trunk to sit on."""
    r, tall = d.uniform(0.18, 0.36), d.uniform(0.3, 0.6)
    stuff = d.cover() if d.chance(0.6) else d.material("wood")
    b = d.uniform(0.0, 0.25)
    return lathe([(0, 0), (r, 0), (r * (1 + b), tall / 2), (r, tall), (0, tall)], stuff, sides=20)
