# SPDX-License-Identifier: Apache-2.0
"""Distractors: tables, lamps, seats without a back, bathroom pieces and small things."""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.chairs import four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import (
    box,
    cushion,
    lathe,
    merge,
    move,
    prism,
    quad,
    rod,
    rounded_outline,
    sheet,
    turn,
)


def _table(d: Draw, depth: float, width: float, height: float) -> Mesh:
    top = d.material(d.pick(("wood", "wood", "wood", "stone", "plastic")))
    legs = top if d.chance(0.5) else d.frame()
    thick = d.uniform(0.02, 0.05)
    power = d.pick((2.0, 4.0, 40.0, 40.0))
    parts = [prism(rounded_outline(depth, width, power, 28), height - thick, height, top)]
    if d.chance(0.25):
        parts.append(rod((0, 0, 0.02), (0, 0, height - thick), 0.045, legs, sides=10))
        parts.append(prism(rounded_outline(depth * 0.6, width * 0.55, 2), 0, 0.03, legs))
    else:
        inset = 0.66 if power < 3 else 0.94
        leg = d.uniform(0.03, 0.07)
        parts += four_legs(depth * inset, width * inset, height - thick, leg, d.uniform(0, 0.05), legs, d.chance(0.5))
        if d.chance(0.4):
            parts.append(box((depth * inset * 0.9, width * inset * 0.9, 0.07), (0, 0, height - thick - 0.035), legs))
    return merge(parts)


def dining_table(d: Draw) -> Mesh:
    """Table of dining height."""
    return _table(d, d.uniform(0.7, 1.0), d.uniform(0.8, 1.9), d.uniform(0.71, 0.78))


def coffee_table(d: Draw) -> Mesh:
    """Low table."""
    return _table(d, d.uniform(0.45, 0.7), d.uniform(0.5, 1.25), d.uniform(0.32, 0.5))


def floor_lamp(d: Draw) -> Mesh:
    """Standing lamp with a shade, on a pole or three legs."""
    metal, shade = d.frame(), d.material("fabric", [d.uniform(0.7, 0.97), d.uniform(0.65, 0.93), d.uniform(0.5, 0.85)])
    height, r = d.uniform(1.3, 1.8), d.uniform(0.13, 0.26)
    tall = d.uniform(0.18, 0.36)
    parts = []
    if d.chance(0.7):
        parts.append(prism(rounded_outline(0.28, 0.28, 2), 0, 0.025, metal))
        parts.append(rod((0, 0, 0), (0, 0, height), 0.012, metal, sides=6))
    else:
        for a in (0.3, 2.4, 4.5):
            foot = (0.28 * math.cos(a), 0.28 * math.sin(a), 0)
            parts.append(rod(foot, (0, 0, height - tall), 0.014, metal, sides=6))
    top = r * d.uniform(0.5, 1.0)
    parts.append(lathe([(r, height - tall), (top, height), (top * 0.95, height), (r * 0.95, height - tall)], shade))
    return merge(parts)


def table_lamp(d: Draw) -> Mesh:
    """Small lamp for a table."""
    body = d.material(d.pick(("ceramic", "metal", "wood", "plastic")))
    shade = d.material("fabric", [d.uniform(0.7, 0.97), d.uniform(0.65, 0.93), d.uniform(0.5, 0.85)])
    height, r, foot = d.uniform(0.32, 0.55), d.uniform(0.1, 0.18), d.uniform(0.05, 0.09)
    neck = height * 0.55
    profile = [
        (0, 0),
        (foot, 0),
        (foot * d.uniform(0.7, 1.4), neck * 0.4),
        (0.02, neck * 0.8),
        (0.012, neck),
        (0, neck),
    ]
    top = r * d.uniform(0.5, 1.0)
    return merge(
        [
            lathe(profile, body),
            lathe([(r, neck * 0.9), (top, height), (top * 0.9, height), (r * 0.95, neck * 0.9)], shade),
        ]
    )


def rug(d: Draw) -> Mesh:
    """Flat rug, rectangular or round."""
    depth, width = d.uniform(1.0, 2.2), d.uniform(1.2, 3.0)
    cloth = d.material("rug")
    if d.chance(0.2):
        return prism(rounded_outline(depth, depth, 2, 32), 0.0, 0.012, cloth)
    return box((depth, width, 0.012), (0, 0, 0.006), cloth)


def picture_frame(d: Draw) -> Mesh:
    """Framed picture for the wall; its back (lowest x) belongs at the wall."""
    wide, tall, t = d.uniform(0.25, 1.3), d.uniform(0.25, 0.9), d.uniform(0.012, 0.05)
    frame = d.material(d.pick(("wood", "metal", "plastic")))
    picture = quad((0.027, -wide / 2, 0), (0, wide, 0), (0, 0, tall), d.material("picture"), fit=True)
    return merge([box((0.025, wide + 2 * t, tall + 2 * t), (0.0125, 0, tall / 2), frame), picture])


def mirror(d: Draw) -> Mesh:
    """Framed mirror, painted with a pale reflection."""
    wide, tall, t = d.uniform(0.35, 0.9), d.uniform(0.5, 1.5), d.uniform(0.01, 0.05)
    frame = d.frame()
    glass = quad((0.027, -wide / 2, 0), (0, wide, 0), (0, 0, tall), d.material("mirror"), fit=True)
    return merge([box((0.025, wide + 2 * t, tall + 2 * t), (0.0125, 0, tall / 2), frame), glass])


def cardboard_box(d: Draw) -> Mesh:
    """One box or a pile of two, perhaps with open flaps."""
    card, tape = d.material("cardboard"), d.material("plastic", (0.75, 0.62, 0.42))
    a, b, c = d.uniform(0.25, 0.5), d.uniform(0.3, 0.65), d.uniform(0.2, 0.5)
    parts = [box((a, b, c), (0, 0, c / 2), card), box((0.06, b + 0.002, 0.002), (0, 0, c + 0.001), tape)]
    if d.chance(0.4):
        for sx in (-1, 1):
            flap = turn(box((0.004, b, a * 0.45), (0, 0, a * 0.22), card), "y", sx * d.uniform(0.2, 1.2))
            parts.append(move(flap, sx * a / 2, 0, c))
    elif d.chance(0.4):
        small = box((a * 0.7, b * 0.7, c * 0.7), (0, 0, c * 0.35), card)
        parts.append(move(turn(small, "z", d.uniform(-0.6, 0.6)), 0, 0, c))
    return merge(parts)


def vase(d: Draw) -> Mesh:
    """Vase, jar or bottle without a plant."""
    glaze = d.material(d.pick(("ceramic", "plastic", "metal", "stone")))
    height, r = d.uniform(0.15, 0.5), d.uniform(0.05, 0.13)
    t = np.linspace(0, 1, 9)
    bulge = r * (0.6 + d.uniform(0.0, 0.8) * np.sin(np.pi * t ** d.uniform(0.6, 1.6)) - d.uniform(0.0, 0.25) * t)
    profile = [(0, 0), *zip(bulge, t * height, strict=True), (bulge[-1] * 0.8, height), (bulge[-1] * 0.7, height * 0.8)]
    return lathe(profile, glaze, sides=16)


def bathtub(d: Draw) -> Mesh:
    """Bathtub along y, built in or free-standing."""
    white = d.material("ceramic")
    depth, width, height = d.uniform(0.68, 0.82), d.uniform(1.45, 1.8), d.uniform(0.5, 0.62)
    power = d.pick((2.6, 8.0))
    shrink = d.uniform(0.72, 0.98)
    ring = rounded_outline(depth, width, power, 28)
    closed = np.vstack([ring, ring[:1]])
    rows = []
    for scale, z in (
        (shrink, 0),
        (1, height),
        (0.86, height),
        (0.78, height * 0.4),
        (0.6, height * 0.25),
        (0.0, height * 0.25),
    ):
        rows.append(np.column_stack([closed * scale, np.full(len(closed), z)]))
    metal = d.material("metal", [0.75] * 3)
    tap = [
        rod((-0.1, width * 0.4, height), (-0.1, width * 0.4, height + 0.15), 0.015, metal),
        rod((-0.1, width * 0.4, height + 0.15), (-0.1, width * 0.3, height + 0.12), 0.012, metal),
    ]
    return merge([sheet(np.stack(rows), white), *tap])


def sink(d: Draw) -> Mesh:
    """Wash basin on a pedestal or a cabinet, with a tap."""
    white, metal = d.material("ceramic"), d.material("metal", [0.75] * 3)
    depth, width, top = d.uniform(0.4, 0.5), d.uniform(0.45, 0.75), d.uniform(0.8, 0.88)
    ring = rounded_outline(depth, width, d.pick((2.4, 3.0, 8.0)), 24)
    closed = np.vstack([ring, ring[:1]])
    rows = []
    for scale, z in ((0.55, top - 0.2), (0.95, top - 0.08), (1, top), (0.85, top), (0.7, top - 0.1), (0.0, top - 0.13)):
        rows.append(np.column_stack([closed * scale, np.full(len(closed), z)]))
    parts = [sheet(np.stack(rows), white)]
    if d.chance(0.5):
        column = [(0.13, 0), (0.09, 0.1), (0.08, top * 0.5), (0.12, top - 0.18), (0, top - 0.18)]
        parts.append(lathe(column, white, (-depth * 0.15, 0, 0)))
    else:
        parts.append(box((depth * 0.9, width * 0.95, top - 0.17), (-0.01, 0, (top - 0.17) / 2), d.material("wood")))
    parts.append(rod((-depth * 0.42, 0, top - 0.02), (-depth * 0.42, 0, top + 0.14), 0.014, metal))
    parts.append(rod((-depth * 0.42, 0, top + 0.14), (-depth * 0.15, 0, top + 0.1), 0.011, metal))
    return merge(parts)


def stool(d: Draw) -> Mesh:
    """Stool without a back, of seat or bar height."""
    seat, legs = d.material(d.pick(("wood", "plastic", "leather", "fabric"))), d.frame()
    height = d.pick((d.uniform(0.42, 0.5), d.uniform(0.6, 0.76)))
    r, thick = d.uniform(0.3, 0.4), d.uniform(0.025, 0.09)
    power = d.pick((2.0, 2.0, 8.0))
    parts = [prism(rounded_outline(r, r, power, 24), height - thick, height, seat)]
    parts += four_legs(r * 0.72, r * 0.72, height - thick, 0.03, d.uniform(0.0, 0.07), legs, d.chance(0.6))
    z = height * 0.35
    for sy in (-1, 1):
        parts.append(rod((-r * 0.36, sy * r * 0.36, z), (r * 0.36, sy * r * 0.36, z), 0.009, legs, sides=5))
    return merge(parts)


def ottoman(d: Draw) -> Mesh:
    """Padded footstool or pouf."""
    cover = d.cover()
    if d.chance(0.4):
        r, height = d.uniform(0.4, 0.6), d.uniform(0.3, 0.45)
        return cushion((r, r, height), (0, 0, height / 2), cover, 3.0, 18, 8)
    depth, width, height, leg = d.uniform(0.4, 0.7), d.uniform(0.45, 1.0), d.uniform(0.38, 0.47), d.uniform(0.02, 0.16)
    parts = four_legs(depth * 0.9, width * 0.9, leg + 0.02, 0.04, 0, d.frame(), True)
    return merge([*parts, cushion((depth, width, height - leg), (0, 0, (height + leg) / 2), cover, d.uniform(5, 12))])


def bench(d: Draw) -> Mesh:
    """Bench without a back."""
    top = d.material("wood")
    depth, width, height = d.uniform(0.3, 0.42), d.uniform(0.9, 1.5), d.uniform(0.42, 0.48)
    parts = [box((depth, width, 0.04), (0, 0, height - 0.02), top)]
    parts += four_legs(
        depth, width * 0.92, height - 0.03, d.uniform(0.03, 0.06), d.uniform(0, 0.04), d.frame(), d.chance(0.4)
    )
    if d.chance(0.4):
        parts.append(cushion((depth, width, 0.07), (0, 0, height + 0.02), d.cover(), 6))
    return merge(parts)


def trash_bin(d: Draw) -> Mesh:
    """Bin, open or with a lid."""
    skin = d.material(d.pick(("metal", "plastic", "plastic")))
    r, height = d.uniform(0.1, 0.19), d.uniform(0.26, 0.65)
    foot = r * d.uniform(0.75, 1.0)
    parts = [lathe([(0, 0), (foot, 0), (r, height), (r * 0.92, height), (foot * 0.9, 0.05), (0, 0.05)], skin, sides=16)]
    if d.chance(0.4):
        parts.append(lathe([(r * 1.03, height), (r * 0.9, height + 0.05), (0, height + 0.06)], d.material("plastic")))
    return merge(parts)


def laundry_basket(d: Draw) -> Mesh:
    """Basket with cloth on top."""
    wicker, cloth = d.material("fabric", (0.7, 0.55, 0.36)), d.material("fabric")
    r, height = d.uniform(0.2, 0.3), d.uniform(0.35, 0.6)
    wall = [(0, 0), (r * 0.85, 0), (r, height), (r * 0.93, height), (r * 0.9, height * 0.7)]
    heap = cushion((r * 1.7, r * 1.5, 0.25), (0, 0, height - d.uniform(0.02, 0.12)), cloth, 2.2, 10, 6)
    return merge([lathe(wall, wicker, sides=16, squash=(1.0, d.uniform(0.7, 1.0))), heap])


def curtain(d: Draw) -> Mesh:
    """Pair of curtains on a rail; their back (lowest x) belongs at the wall."""
    cloth, metal = d.material("fabric"), d.material("metal")
    wide, tall, each = d.uniform(1.4, 2.2), d.uniform(2.0, 2.35), d.uniform(0.25, 0.5)
    parts = [rod((0.06, -wide / 2 - 0.05, tall), (0.06, wide / 2 + 0.05, tall), 0.012, metal)]
    for sy in (-1, 1):
        y = np.linspace(0, each, 22)
        wave = 0.06 + 0.035 * np.sin(y * d.uniform(45, 70))
        low, high = np.stack([wave, y, 0 * y + 0.03], 1), np.stack([wave, y, 0 * y + tall], 1)
        middle = (low + high) / 2
        parts.append(move(sheet(np.stack([low, middle, high]), cloth), 0, sy * (wide / 2 - each / 2) - each / 2))
    return merge(parts)


def radiator(d: Draw) -> Mesh:
    """Ribbed heater."""
    white = d.material("ceramic")
    wide, tall = d.uniform(0.6, 1.4), d.uniform(0.4, 0.6)
    parts = [box((0.03, wide, tall), (0, 0, 0.12 + tall / 2), white)]
    for y in np.arange(-wide / 2 + 0.05, wide / 2, 0.1):
        parts.append(box((0.07, 0.06, tall + 0.02), (0.01, float(y), 0.12 + tall / 2), white))
    for sy in (-1, 1):
        parts.append(box((0.05, 0.03, 0.12), (0, sy * wide * 0.4, 0.06), white))
    return merge(parts)


def book_pile(d: Draw) -> Mesh:
    """A few books lying on each other."""
    parts, z = [], 0.0
    for _ in range(d.integer(2, 6)):
        thick = d.uniform(0.015, 0.05)
        book = box((d.uniform(0.14, 0.2), d.uniform(0.2, 0.28), thick), (0, 0, z + thick / 2), d.material("plastic"))
        parts.append(turn(book, "z", d.uniform(-0.5, 0.5)))
        z += thick
    return merge(parts)


def bowl(d: Draw) -> Mesh:
    """Bowl, half of the time with fruit."""
    r, height = d.uniform(0.09, 0.17), d.uniform(0.05, 0.1)
    profile = [
        (0, 0),
        (r * 0.4, 0),
        (r * 0.8, height * 0.5),
        (r, height),
        (r * 0.94, height),
        (r * 0.6, height * 0.4),
        (0, height * 0.3),
    ]
    parts = [lathe(profile, d.material(d.pick(("ceramic", "wood", "plastic"))))]
    if d.chance(0.5):
        fruit = d.material("plastic", (d.uniform(0.6, 0.95), d.uniform(0.2, 0.75), 0.12))
        for i in range(5):
            x, y = r * 0.5 * math.cos(1.3 * i), r * 0.5 * math.sin(1.3 * i)
            parts.append(cushion((0.075, 0.075, 0.07), (x, y, height * 0.8), fruit, 2, 8, 5))
    return merge(parts)
