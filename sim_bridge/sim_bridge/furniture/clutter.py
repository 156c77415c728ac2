# SPDX-License-Identifier: Apache-2.0
"""Small things that lie about in homes, and lamps and shelves on walls and ceilings."""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import (
    bar,
    box,
    cushion,
    lathe,
    merge,
    move,
    prism,
    quad,
    rod,
    rounded_outline,
    solid,
    turn,
)


def shoes(d: Draw) -> Mesh:
    """A pair of shoes or slippers."""
    skin, sole = d.cover(), d.material("plastic", [d.uniform(0.05, 0.9)] * 3)
    long, high = d.uniform(0.24, 0.3), d.uniform(0.06, 0.1)
    parts = []
    for sy in (-1, 1):
        shoe = [prism(rounded_outline(long, 0.1, 2.6, 14), 0, 0.02, sole)]
        shoe.append(cushion((long * 0.55, 0.09, high * 0.7), (long * 0.2, 0, 0.02 + high * 0.3), skin, 2.6, 12, 6))
        shoe.append(cushion((long * 0.5, 0.085, high), (-long * 0.22, 0, 0.02 + high * 0.45), skin, 3.5, 12, 6))
        parts.append(move(turn(merge(shoe), "z", d.uniform(-0.4, 0.4)), d.uniform(-0.05, 0.05), sy * 0.08))
    return merge(parts)


def toys(d: Draw) -> Mesh:
    """Ball, bricks and a bear or a car on the floor."""
    parts, r = [], d.uniform(0.06, 0.12)
    parts.append(cushion((2 * r, 2 * r, 2 * r), (0.15, 0.12, r), d.material("plastic"), 2, 14, 9))
    for _ in range(d.integer(2, 6)):
        edge = d.rng.uniform(0.04, 0.08)
        at = (*d.rng.uniform(-0.22, 0.1, 2), edge / 2)
        parts.append(turn(box([edge] * 3, at, d.material(d.pick(("plastic", "wood")))), "z", d.uniform(-0.3, 0.3)))
    if d.chance(0.5):
        fur = d.material("fabric", (d.uniform(0.45, 0.8), d.uniform(0.35, 0.6), d.uniform(0.22, 0.45)))
        for size, at in (((0.13, 0.14, 0.18), (-0.1, 0.14, 0.09)), ((0.11, 0.12, 0.11), (-0.09, 0.14, 0.22)),
                         ((0.12, 0.05, 0.05), (0.0, 0.1, 0.03)), ((0.12, 0.05, 0.05), (0.0, 0.19, 0.03)),
                         ((0.03, 0.05, 0.05), (-0.1, 0.09, 0.28)), ((0.03, 0.05, 0.05), (-0.1, 0.19, 0.28)),
                         ):  # fmt: skip
            parts.append(cushion(size, at, fur, 2, 10, 6))
    else:
        paint, tyre = d.material("plastic"), d.material("plastic", [0.06] * 3)
        parts.append(cushion((0.24, 0.11, 0.07), (-0.08, 0.16, 0.06), paint, 6))
        parts.append(cushion((0.12, 0.1, 0.07), (-0.09, 0.16, 0.11), paint, 4))
        for x in (-0.16, 0.0):
            parts.append(rod((x, 0.1, 0.03), (x, 0.22, 0.03), 0.03, tyre, sides=10))
    return merge(parts)


def backpack(d: Draw) -> Mesh:
    """Bag that stands on the floor."""
    cloth = d.material("fabric")
    wide, tall, deep = d.uniform(0.26, 0.34), d.uniform(0.38, 0.5), d.uniform(0.14, 0.22)
    parts = [cushion((deep, wide, tall), (0, 0, tall / 2), cloth, 4)]
    parts.append(cushion((deep * 0.5, wide * 0.75, tall * 0.45), (deep * 0.45, 0, tall * 0.3), cloth, 5, 12, 6))
    strap = d.material("fabric")
    for sy in (-1, 1):
        y = sy * wide * 0.28
        line = [(-deep * 0.4, y, tall * 0.9), (-deep * 0.75, y, tall * 0.6), (-deep * 0.45, y, tall * 0.12)]
        parts.append(bar(line, 0.014, strap, 5))
    parts.append(
        bar([(-0.03, -0.05, tall - 0.03), (-0.03, 0, tall + 0.03), (-0.03, 0.05, tall - 0.03)], 0.01, strap, 5)
    )
    return merge(parts)


def suitcase(d: Draw) -> Mesh:
    """Hard-shell case on wheels with a handle."""
    shell, dark = d.material(d.pick(("plastic", "fabric"))), d.material("plastic", [0.08] * 3)
    wide, tall, deep = d.uniform(0.35, 0.5), d.uniform(0.5, 0.72), d.uniform(0.2, 0.3)
    parts = [cushion((deep, wide, tall), (0, 0, 0.05 + tall / 2), shell, 9)]
    for sx in (-1, 1):
        for sy in (-1, 1):
            parts.append(
                rod(
                    (sx * deep * 0.3, sy * wide * 0.35 - 0.012, 0.025),
                    (sx * deep * 0.3, sy * wide * 0.35 + 0.012, 0.025),
                    0.025,
                    dark,
                )
            )
    top = 0.05 + tall + d.uniform(0.02, 0.35)
    frame = [
        (-deep * 0.3, -wide * 0.25, tall),
        (-deep * 0.3, -wide * 0.25, top),
        (-deep * 0.3, wide * 0.25, top),
        (-deep * 0.3, wide * 0.25, tall),
    ]
    return merge([*parts, bar(frame, 0.009, dark)])


def laundry_heap(d: Draw) -> Mesh:
    """Clothes dropped on the floor."""
    parts = []
    for _ in range(d.integer(2, 4)):
        size = d.rng.uniform(0.25, 0.42, 2)
        heap = cushion((*size, d.uniform(0.07, 0.16)), (0, 0, 0), d.material("fabric"), 2.4, 14, 7)
        bumps = 1 + 0.16 * d.rng.standard_normal((len(heap.vertices), 1))
        heap = solid(heap.vertices * bumps, heap.faces, heap.materials[0])
        x, y = d.rng.uniform(-0.14, 0.14, 2)
        parts.append(move(heap, x, y, 0.05))
    for part in parts:
        np.maximum(part.vertices[:, 2], 0.0, out=part.vertices[:, 2])
    return merge(parts)


def cups(d: Draw) -> Mesh:
    """Mugs and glasses."""
    parts = []
    for k in range(d.integer(1, 4)):
        r, tall, glaze = (
            d.uniform(0.03, 0.045),
            d.uniform(0.07, 0.13),
            d.material(d.pick(("ceramic", "plastic", "ceramic"))),
        )
        x, y = 0.09 * (k % 2), 0.1 * (k // 2) - 0.02 * k
        parts.append(
            lathe(
                [(0, 0), (r * 0.85, 0), (r, tall), (r * 0.9, tall), (r * 0.8, 0.012), (0, 0.012)], glaze, (x, y, 0), 12
            )
        )
        if d.chance(0.6):
            ring = [
                (x + r, y, tall * 0.8),
                (x + r + 0.03, y, tall * 0.7),
                (x + r + 0.03, y, tall * 0.4),
                (x + r, y, tall * 0.25),
            ]
            parts.append(bar(ring, 0.005, glaze, 4))
    return merge(parts)


def plates(d: Draw) -> Mesh:
    """Plate, or a pile of plates, perhaps with food."""
    glaze, r = d.material("ceramic"), d.uniform(0.09, 0.14)
    count = d.pick((1, 1, 2, 5))
    parts = [
        lathe(
            [(0, 0), (r * 0.6, 0), (r, 0.02), (r * 0.98, 0.024), (r * 0.58, 0.006), (0, 0.006)],
            glaze,
            (0, 0, 0.012 * k),
            18,
        )
        for k in range(count)
    ]
    if d.chance(0.4):
        parts.append(
            cushion((r, r * 0.8, 0.05), (0, 0, 0.012 * count + 0.015), d.material("plastic", hue_of_food(d)), 2, 10, 5)
        )
    return merge(parts)


def hue_of_food(d: Draw) -> tuple[float, float, float]:
    """Red to yellow to brown."""
    return d.uniform(0.5, 0.9), d.uniform(0.25, 0.65), d.uniform(0.08, 0.25)


def bottles(d: Draw) -> Mesh:
    """Bottles, jars or a spray can beside each other."""
    parts = []
    for k in range(d.integer(2, 5)):
        r, tall = d.uniform(0.022, 0.045), d.uniform(0.12, 0.3)
        profile = [(0, 0), (r, 0), (r, tall * 0.6), (r * 0.35, tall * 0.78), (r * 0.35, tall), (0, tall)]
        parts.append(
            lathe(profile, d.material(d.pick(("plastic", "ceramic"))), (0.02 * (k % 2), 0.09 * k - 0.15, 0), 10)
        )
    return merge(parts)


def kettle(d: Draw) -> Mesh:
    """Water kettle or coffee pot."""
    skin, dark = d.material(d.pick(("metal", "plastic"))), d.material("plastic", [d.uniform(0.04, 0.2)] * 3)
    r, tall = d.uniform(0.07, 0.09), d.uniform(0.18, 0.25)
    parts = [lathe([(0, 0), (r, 0), (r * 0.95, tall * 0.5), (r * 0.7, tall), (0, tall)], skin, sides=16)]
    parts.append(
        bar(
            [(-r * 0.7, 0, tall * 0.95), (-r * 1.7, 0, tall * 0.85), (-r * 1.6, 0, tall * 0.3), (-r, 0, tall * 0.2)],
            0.011,
            dark,
        )
    )
    parts.append(rod((r * 0.7, 0, tall * 0.7), (r * 1.25, 0, tall * 0.92), 0.022, skin, 0.012))
    return merge([*parts, cushion((0.03, 0.03, 0.03), (0, 0, tall + 0.01), dark, 2, 8, 5)])


def books(d: Draw) -> Mesh:
    """A short row of books that stand."""
    parts, y = [], 0.0
    for _ in range(d.integer(3, 9)):
        thick, tall, deep = d.rng.uniform(0.015, 0.045), d.rng.uniform(0.17, 0.27), d.rng.uniform(0.12, 0.18)
        parts.append(box((deep, thick, tall), (0.07 - deep / 2, y + thick / 2, tall / 2), d.material("plastic")))
        y += thick + 0.002
    return move(merge(parts), 0.0, -y / 2)


def clock(d: Draw) -> Mesh:
    """Wall clock; its back (lowest x) belongs at the wall."""
    r = d.uniform(0.12, 0.22)
    disc = lathe(
        [(0, 0), (r, 0), (r, 0.03), (r * 0.9, 0.03), (0, 0.025)],
        d.material(d.pick(("wood", "metal", "plastic"))),
        sides=24,
    )
    face = lathe([(r * 0.9, 0.031), (0, 0.031)], d.material("ceramic"), sides=24)
    dark = d.material("plastic", [0.05] * 3)
    hands = []
    for long, angle in ((0.75, d.uniform(0, 6.28)), (0.5, d.uniform(0, 6.28))):
        hands.append(turn(box((long * r, 0.012, 0.003), (long * r / 2, 0, 0.034), dark), "z", angle))
    return move(turn(merge([disc, face, *hands]), "y", math.pi / 2), 0, 0, r)


def wall_shelf(d: Draw) -> Mesh:
    """Board on the wall with a few things; its back (lowest x) belongs at the wall."""
    wood, wide, deep = d.material("wood"), d.uniform(0.5, 1.2), d.uniform(0.16, 0.26)
    parts = [box((deep, wide, 0.025), (deep / 2, 0, 0.0125), wood)]
    y = -wide / 2 + 0.06
    while y < wide / 2 - 0.12:
        if d.chance(0.5):
            tall, thick = d.rng.uniform(0.16, 0.26), d.rng.uniform(0.02, 0.12)
            parts.append(box((0.14, thick, tall), (0.09, y + thick / 2, 0.025 + tall / 2), d.material("plastic")))
        elif d.chance(0.4):
            r, tall = d.rng.uniform(0.03, 0.05), d.rng.uniform(0.08, 0.2)
            parts.append(
                lathe([(0, 0), (r, 0), (r * 0.6, tall), (0, tall)], d.material("ceramic"), (0.1, y + r, 0.025), 10)
            )
            thick = 2 * r
        else:
            thick = 0.1
        y += thick + 0.02
    return merge(parts)


def towel(d: Draw) -> Mesh:
    """Towel over a rail; its back (lowest x) belongs at the wall."""
    metal, cloth = d.material("metal"), d.material("fabric")
    wide, tall = d.uniform(0.4, 0.7), d.uniform(0.35, 0.65)
    parts = [rod((0.07, -wide / 2 - 0.06, tall), (0.07, wide / 2 + 0.06, tall), 0.009, metal)]
    for sy in (-1, 1):
        parts.append(rod((0, sy * (wide / 2 + 0.05), tall), (0.07, sy * (wide / 2 + 0.05), tall), 0.009, metal))
    parts.append(cushion((0.025, wide, tall), (0.085, 0, tall / 2), cloth, 9, 12, 8))
    return merge([*parts, cushion((0.02, wide, tall * 0.7), (0.055, 0, tall * 0.65), cloth, 9, 12, 8)])


def coat_rack(d: Draw) -> Mesh:
    """Stand with coats."""
    wood = d.frame()
    height = d.uniform(1.6, 1.85)
    parts = [rod((0, 0, 0), (0, 0, height), 0.022, wood), prism(rounded_outline(0.4, 0.4, 2), 0, 0.03, wood)]
    for k in range(5):
        a = 2 * math.pi * k / 5
        x, y = 0.16 * math.cos(a), 0.16 * math.sin(a)
        parts.append(rod((0, 0, height - 0.12), (x, y, height - 0.02), 0.01, wood, sides=6))
        if d.chance(0.6):
            long = d.uniform(0.6, 0.95)
            coat = cushion((0.16, 0.3, long), (0.17, 0, height - 0.1 - long / 2), d.material("fabric"), 3.5, 14, 8)
            parts.append(turn(coat, "z", a))
    return merge(parts)


def ceiling_lamp(d: Draw) -> Mesh:
    """Lamp that hangs from the ceiling (z = 0) or lies flat against it."""
    shade = d.material(d.pick(("fabric", "ceramic", "metal")), [d.uniform(0.75, 0.97)] * 3 if d.chance(0.7) else None)
    r = d.uniform(0.14, 0.25)
    if d.chance(0.45):
        return lathe([(0, -0.11), (r * 0.7, -0.1), (r, -0.04), (r, 0), (0, 0)], shade, sides=20)
    drop, tall = d.uniform(0.3, 0.6), d.uniform(0.14, 0.28)
    top = r * d.uniform(0.2, 0.9)
    cord = d.material("plastic", [0.08] * 3)
    parts = [rod((0, 0, -drop), (0, 0, 0), 0.006, cord, sides=5)]
    parts.append(
        lathe(
            [(r, -drop - tall), (top, -drop), (0, -drop), (top * 0.9, -drop - 0.01), (r * 0.95, -drop - tall)],
            shade,
            sides=18,
        )
    )
    glow = d.material("ceramic", (0.98, 0.95, 0.85))
    return merge([*parts, cushion((0.07, 0.07, 0.09), (0, 0, -drop - tall * 0.5), glow, 2, 10, 6)])


def wall_lamp(d: Draw) -> Mesh:
    """Small lamp on the wall; its back (lowest x) belongs at the wall."""
    metal, shade = (
        d.material("metal"),
        d.material("fabric", [d.uniform(0.75, 0.97), d.uniform(0.72, 0.94), d.uniform(0.6, 0.88)]),
    )
    r, tall = d.uniform(0.06, 0.1), d.uniform(0.12, 0.2)
    parts = [box((0.02, 0.08, 0.12), (0.01, 0, 0.06), metal)]
    parts.append(bar([(0.02, 0, 0.06), (r + 0.05, 0, 0.05), (r + 0.05, 0, 0.1)], 0.008, metal))
    top = r * d.uniform(0.6, 1.0)
    parts.append(
        lathe([(r, 0.08), (top, 0.08 + tall), (top * 0.93, 0.08 + tall), (r * 0.93, 0.08)], shade, (r + 0.05, 0, 0), 16)
    )
    return merge(parts)


def poster(d: Draw) -> Mesh:
    """Picture without a frame; its back (lowest x) belongs at the wall."""
    wide, tall = d.uniform(0.4, 1.2), d.uniform(0.4, 0.9)
    edge = d.material("fabric", (0.9, 0.88, 0.84))
    face = quad((0.021, -wide / 2, 0), (0, wide, 0), (0, 0, tall), d.material("picture"), fit=True)
    return merge([box((0.02, wide, tall), (0.01, 0, tall / 2), edge), face])
