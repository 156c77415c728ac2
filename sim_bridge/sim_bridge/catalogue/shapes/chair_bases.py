# SPDX-License-Identifier: Apache-2.0
"""What a chair stands on: anything but runners that rock."""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.catalogue.shapes.parts import Stand, four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import bar, box, cushion, lathe, prism, rod, rounded_outline


def legs(d: Draw, s: Stand, material: Material) -> list[Mesh]:
    """Four of them, thin as wire to thick as beams, with a rail under the seat or not."""
    thick = d.uniform(0.018, 0.06)
    parts = four_legs(d, s, material, thick)
    if d.chance(0.4):
        tall = d.uniform(0.02, 0.08)
        parts.append(box((s.depth - thick, s.width - thick, tall), (0, 0, s.height - tall / 2), material))
    return parts


def sled(d: Draw, s: Stand, material: Material) -> list[Mesh]:
    """A closed loop on either side, flat on the floor."""
    r, lean = d.uniform(0.006, 0.02), d.uniform(-0.04, 0.1)
    parts, x = [], s.depth / 2
    for y in (-s.width / 2 + r, s.width / 2 - r):
        line = [(x - 0.04, y, s.height), (x + lean, y, r), (-x - lean, y, r), (-x + 0.04, y, s.height)]
        parts.append(bar(line, r, material, 6))
    for at in ((x - 0.04, s.height - r), *(((-x - lean, r),) if d.chance(0.5) else ())):
        parts.append(rod((at[0], -s.width / 2, at[1]), (at[0], s.width / 2, at[1]), r, material, sides=6))
    return parts


def cantilever(d: Draw, s: Stand, material: Material) -> list[Mesh]:
    """Bars that run along the floor and rise in front, or behind, only."""
    r, front = d.uniform(0.009, 0.025), 1 if d.chance(0.75) else -1
    parts, x = [], s.depth / 2
    for y in (-s.width / 2 + r, s.width / 2 - r):
        line = [(-front * x, y, r), (front * (x - 0.03), y, r), (front * x, y, 0.04), (front * x, y, s.height - 0.03)]
        parts.append(bar([*line, (front * (x - 0.04), y, s.height), (-front * x, y, s.height)], r, material, 6))
    parts.append(rod((-front * x, -s.width / 2, r), (-front * x, s.width / 2, r), r, material, sides=6))
    return parts


def star(d: Draw, s: Stand, material: Material) -> list[Mesh]:
    """Column on three to six arms with castors or glides."""
    reach, count, start = d.uniform(0.2, 0.37), d.pick((3, 4, 4, 5, 5, 5, 5, 6)), d.uniform(0, 2)
    thick, foot, hub = d.uniform(0.012, 0.03), d.uniform(0.02, 0.08), d.uniform(0.07, 0.16)
    parts = [rod((0, 0, hub * 0.6), (0, 0, s.height), d.uniform(0.018, 0.05), material, d.uniform(0.014, 0.035))]
    caster = material if d.chance(0.4) else d.material("plastic", [d.uniform(0.02, 0.2)] * 3)
    for i in range(count):
        a = start + i * 2 * math.pi / count
        x, y = reach * math.cos(a), reach * math.sin(a)
        parts.append(rod((0, 0, hub), (x, y, foot + 0.01), thick, material, thick * d.uniform(0.5, 1.1), sides=5))
        parts.append(cushion((0.055, 0.045, foot), (x, y, foot / 2), caster, 2.5, 8, 4))
    if d.chance(0.4):
        parts.append(box((s.depth * 0.5, s.width * 0.5, 0.04), (0, 0, s.height - 0.02), material))
    return parts


def pedestal(d: Draw, s: Stand, material: Material) -> list[Mesh]:
    """Column on a disc or a plate, or a trumpet foot."""
    wide, thin = d.uniform(0.18, 0.3), d.uniform(0.018, 0.07)
    if d.chance(0.35):
        z = np.linspace(0, 1, 9)
        flare = thin + (wide - thin) * (1 - z) ** d.uniform(2, 7)
        top = np.maximum(flare, thin + 0.1 * z**6)
        return [lathe(np.column_stack([top, z * s.height]), material, sides=16)]
    plate = d.uniform(0.012, 0.05)
    power = d.uniform(2, 9) if d.chance(0.3) else 2.0
    column = rod((0, 0, plate), (0, 0, s.height), thin, material, thin * d.uniform(0.6, 1.3), sides=10)
    return [prism(rounded_outline(2 * wide, 2 * wide, power), 0, plate, material), column]


def crossed(d: Draw, s: Stand, material: Material) -> list[Mesh]:
    """Legs that cross like an X, seen from the side or from the front."""
    r, parts = d.uniform(0.009, 0.028), []
    side, sides, x, y = d.chance(0.6), d.pick((4, 8)), s.depth / 2, s.width / 2 - 0.02
    for sign in (-1, 1):
        ends = ((x, sign * y), (-x, sign * y * 0.93)) if side else ((sign * x * 0.9, y), (sign * x * 0.8, -y))
        (ax, ay), (bx, by) = ends
        parts.append(rod((ax, ay, 0.008), (bx, by, s.height), r, material, sides=sides))
        parts.append(rod((bx, by, 0.008), (ax, ay, s.height), r, material, sides=sides))
    for at in (-x, x):
        z = 0.05 if side else s.height
        parts.append(rod((at * 0.85, -y, z), (at * 0.85, y, z), r * 0.8, material, sides=5))
    return parts


def sides(d: Draw, s: Stand, material: Material) -> list[Mesh]:
    """A board on either side down to the floor, or a solid block."""
    if d.chance(0.3):
        inset = d.uniform(0.6, 1.0)
        return [box((s.depth * inset, s.width * inset, s.height), (0, 0, s.height / 2), material)]
    thick = d.uniform(0.015, 0.06)
    parts = [
        box((s.depth * d.uniform(0.7, 1.0), thick, s.height), (0, y, s.height / 2), material)
        for y in (-s.width / 2 + thick / 2, s.width / 2 - thick / 2)
    ]
    if d.chance(0.5):
        parts.append(box((thick, s.width, s.height * 0.3), (-s.depth * 0.2, 0, s.height * 0.7), material))
    return parts


def wires(d: Draw, s: Stand, material: Material) -> list[Mesh]:
    """Thin struts that lean out from under the middle of the seat, braced."""
    reach, near, r = d.uniform(0.17, 0.28), d.uniform(0.05, 0.15), d.uniform(0.005, 0.016)
    corners = [(sx, sy) for sx in (-1, 1) for sy in (-1, 1)]
    parts = [
        rod((sx * reach, sy * reach, 0), (sx * near, sy * near, s.height), r * d.uniform(0.7, 1.6), material, r * 1.5)
        for sx, sy in corners
    ]
    low, high = d.uniform(0.2, 0.5), d.uniform(0.6, 0.9)
    for sx, sy in corners if d.chance(0.7) else ():
        a, b = reach + (near - reach) * low, reach + (near - reach) * high
        for end in ((-sx, sy), (sx, -sy)):
            tip = (end[0] * b, end[1] * b, s.height * high)
            parts.append(rod((sx * a, sy * a, s.height * low), tip, r * 0.5, material, sides=4))
    return parts


BASES = (legs, legs, legs, legs, legs, sled, cantilever, star, star, pedestal, crossed, sides, wires)
"""Every way to stand, four legs most often."""
