# SPDX-License-Identifier: Apache-2.0
"""Distractors that resemble one of the six categories: boards and glass like screens, seats without a back, twigs."""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.chairs import four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import (
    bar,
    box,
    box_between,
    cushion,
    lathe,
    merge,
    move,
    pillow,
    quad,
    rod,
    rounded_outline,
    sheet,
    turn,
)


def board(d: Draw) -> Mesh:
    """Whiteboard, blackboard, cork board or a plain dark picture; its back (lowest x) belongs at the wall."""
    wide, tall, t = d.uniform(0.55, 1.5), d.uniform(0.4, 0.95), d.uniform(0.012, 0.03)
    frame = d.material(d.pick(("wood", "metal", "plastic")))
    kind = d.integer(0, 3)
    if kind == 0:
        face = d.material("ceramic", [d.uniform(0.88, 0.98)] * 3)
    elif kind == 1:
        face = d.material("paint", d.pick(([0.1, 0.12, 0.11], [0.12, 0.2, 0.16])))
    elif kind == 2:
        face = d.material("cardboard", (0.68, 0.5, 0.32))
    else:
        face = d.material("paint", [d.uniform(0.05, 0.25)] * 3)
    parts = [box((0.02, wide + 2 * t, tall + 2 * t), (0.01, 0, tall / 2), frame)]
    parts.append(quad((0.022, -wide / 2, 0), (0, wide, 0), (0, 0, tall), face))
    if kind < 2:
        parts.append(box((0.06, wide * 0.5, 0.012), (0.045, 0, -t), frame))
    elif kind == 2:
        for _ in range(d.integer(2, 7)):
            y, z = d.rng.uniform(-0.4, 0.4) * wide, d.rng.uniform(0.15, 0.8) * tall
            parts.append(box((0.002, 0.1, 0.13), (0.024, y, z), d.material("plastic", d.rng.uniform(0.6, 1.0, 3))))
    return merge(parts)


def microwave(d: Draw) -> Mesh:
    """Small oven for a worktop: dark window and a panel of buttons."""
    skin, dark = d.material(d.pick(("metal", "plastic"))), d.material("plastic", [d.uniform(0.02, 0.12)] * 3)
    depth, width, height = d.uniform(0.3, 0.38), d.uniform(0.44, 0.55), d.uniform(0.25, 0.31)
    parts = [box((depth, width, height), (0, 0, height / 2 + 0.01), skin)]
    parts.append(box((0.012, width * 0.68, height * 0.8), (depth / 2 + 0.004, -width * 0.12, height / 2 + 0.01), dark))
    parts.append(box((0.012, width * 0.2, height * 0.8), (depth / 2 + 0.004, width * 0.36, height / 2 + 0.01), dark))
    parts.append(box((0.03, 0.012, height * 0.7), (depth / 2 + 0.02, width * 0.23, height / 2 + 0.01), skin))
    for sy in (-1, 1):
        parts.append(box((depth * 0.9, 0.03, 0.012), (0, sy * width * 0.4, 0.006), dark))
    return merge(parts)


def wall_oven(d: Draw) -> Mesh:
    """Tall kitchen cupboard with an oven of dark glass at chest height."""
    wood, steel = d.material(d.pick(("wood", "paint", "ceramic"))), d.material("metal")
    dark = d.material("plastic", [d.uniform(0.02, 0.1)] * 3)
    depth, width, height, low = 0.6, d.uniform(0.58, 0.64), d.uniform(1.9, 2.2), d.uniform(0.75, 0.95)
    parts = [box_between((-depth / 2, -width / 2, 0), (depth / 2, width / 2, height), wood)]
    x = depth / 2
    parts.append(box((0.03, width - 0.02, 0.58), (x, 0, low + 0.29), steel))
    parts.append(box((0.012, width - 0.12, 0.34), (x + 0.016, 0, low + 0.24), dark))
    parts.append(rod((x + 0.05, -width * 0.4, low + 0.45), (x + 0.05, width * 0.4, low + 0.45), 0.01, steel))
    parts.append(box((0.012, width - 0.12, 0.06), (x + 0.016, 0, low + 0.53), dark))
    for bottom, top in ((0.08, low - 0.01), (low + 0.6, height - 0.02)):
        parts.append(box((0.018, width - 0.012, top - bottom), (x + 0.005, 0, (bottom + top) / 2), wood))
        parts.append(box((0.02, 0.14, 0.012), (x + 0.03, 0, top - 0.06), steel))
    return merge(parts)


def aquarium(d: Draw) -> Mesh:
    """Glass tank with blue-green water on a cabinet: bright and screen-like."""
    wood = d.material("wood")
    depth, width, low, tall = d.uniform(0.32, 0.42), d.uniform(0.6, 1.1), d.uniform(0.6, 0.8), d.uniform(0.35, 0.5)
    water = d.material("ceramic", (d.uniform(0.15, 0.4), d.uniform(0.45, 0.65), d.uniform(0.5, 0.72)))
    parts = [box((depth + 0.02, width + 0.02, low), (0, 0, low / 2), wood)]
    parts.append(box((depth, width, tall), (0, 0, low + tall / 2), water))
    parts.append(box((depth * 0.98, width * 1.002, 0.05), (0, 0, low + 0.025), d.material("soil")))
    parts.append(box((depth + 0.01, width + 0.01, 0.05), (0, 0, low + tall + 0.02), d.material("plastic", [0.06] * 3)))
    return merge(parts)


def block_seat(d: Draw) -> Mesh:
    """Box as large as an armchair, without a back: cube seat, toy chest or trunk with a lid."""
    cover = d.cover() if d.chance(0.55) else d.material("wood")
    depth, width, height = d.uniform(0.45, 0.75), d.uniform(0.5, 0.95), d.uniform(0.4, 0.62)
    parts = [cushion((depth, width, height * 0.82), (0, 0, height * 0.41), cover, 18)]
    parts.append(cushion((depth + 0.02, width + 0.02, height * 0.2), (0, 0, height * 0.9), cover, d.uniform(7, 16)))
    if d.chance(0.4):
        metal = d.material("metal")
        parts.append(box((0.02, 0.08, 0.08), (depth / 2 + 0.01, 0, height * 0.8), metal))
    return merge(parts)


def end_bench(d: Draw) -> Mesh:
    """Padded bench with two low rolled ends and no back, as at the foot of a bed."""
    cover, legs = d.cover(), d.frame()
    depth, width, seat = d.uniform(0.4, 0.52), d.uniform(0.95, 1.4), d.uniform(0.42, 0.48)
    rise = d.uniform(0.08, 0.2)
    parts = four_legs(depth * 0.9, width * 0.95, seat - 0.1, 0.04, 0.02, legs, True)
    parts.append(cushion((depth, width, 0.14), (0, 0, seat - 0.06), cover, 9))
    for sy in (-1, 1):
        y = sy * width / 2
        parts.append(box((depth * 0.96, 0.05, rise + 0.08), (0, y, seat + rise / 2 - 0.04), cover))
        z = seat + rise
        parts.append(rod((-depth / 2, y + sy * 0.02, z), (depth / 2, y + sy * 0.02, z), 0.06, cover, sides=12))
    return merge(parts)


def floor_cushion(d: Draw) -> Mesh:
    """One or two large cushions, or a bean bag, on the floor."""
    if d.chance(0.3):
        r, height = d.uniform(0.6, 0.8), d.uniform(0.5, 0.7)
        profile = [
            (0, 0),
            (r * 0.48, 0.0),
            (r * 0.54, height * 0.25),
            (r * 0.45, height * 0.6),
            (r * 0.2, height),
            (0, height),
        ]
        return lathe(profile, d.cover(), sides=18, squash=(1.0, d.uniform(0.85, 1.0)))
    parts, z = [], 0.0
    for _ in range(d.integer(1, 2)):
        edge, thick = d.uniform(0.5, 0.75), d.uniform(0.14, 0.22)
        parts.append(turn(pillow((edge, edge, thick), (0, 0, z + thick / 2), d.cover()), "z", d.uniform(-0.5, 0.5)))
        z += thick * 0.8
    return merge(parts)


def bidet(d: Draw) -> Mesh:
    """Low basin with a tap, without seat, lid or tank."""
    white, metal = d.material("ceramic"), d.material("metal", [0.75] * 3)
    length, width, top = d.uniform(0.5, 0.58), d.uniform(0.34, 0.39), d.uniform(0.37, 0.42)
    ring = rounded_outline(length, width, d.uniform(2.2, 3.2), 24)
    closed = np.vstack([ring, ring[:1]])
    levels = ((0.62, 0.0), (0.66, 0.1), (0.92, top - 0.1), (1, top), (0.84, top), (0.66, top - 0.1), (0.0, top - 0.14))
    parts = [sheet(np.stack([np.column_stack([closed * s, np.full(len(closed), z)]) for s, z in levels]), white)]
    x = -length * 0.43
    parts += [
        rod((x, 0, top - 0.01), (x, 0, top + 0.09), 0.014, metal),
        rod((x, 0, top + 0.09), (x + 0.1, 0, top + 0.07), 0.01, metal),
    ]
    return merge(parts)


def dry_vase(d: Draw) -> Mesh:
    """Tall vase with bare twigs, reeds or dried grass: no plant."""
    glaze, stick = d.material(d.pick(("ceramic", "stone", "plastic", "metal"))), d.material("soil", (0.45, 0.34, 0.22))
    height, r = d.uniform(0.35, 0.7), d.uniform(0.08, 0.15)
    t = np.linspace(0, 1, 9)
    radius = r * (0.65 + d.uniform(0.2, 0.6) * np.sin(np.pi * t ** d.uniform(0.7, 1.5)) - 0.2 * t)
    parts = [
        lathe(
            [(0, 0), *zip(radius, t * height, strict=True), (radius[-1] * 0.8, height), (0, height * 0.9)],
            glaze,
            sides=16,
        )
    ]
    tuft = (
        d.material("fabric", (d.uniform(0.7, 0.9), d.uniform(0.62, 0.78), d.uniform(0.48, 0.62)))
        if d.chance(0.5)
        else None
    )
    for k in range(d.integer(5, 12)):
        a, lean = 2.39996 * k, d.rng.uniform(0.05, 0.35)
        long = d.rng.uniform(0.4, 0.8)
        tip = np.array([lean * math.cos(a), lean * math.sin(a), 1.0]) * long + [0, 0, height * 0.9]
        middle = tip * 0.5 + np.array([0, 0, height * 0.45]) + d.rng.normal(0, 0.02, 3)
        parts.append(bar([(0, 0, height * 0.9), middle, tip], 0.005, stick, sides=4))
        if tuft is not None:
            parts.append(cushion((0.04, 0.04, 0.18), tip, tuft, 2, 6, 5))
        elif d.chance(0.6):
            parts.append(rod(middle, middle + d.rng.normal(0, 0.12, 3) + [0, 0, 0.12], 0.003, stick, sides=3))
    return merge(parts)


def changing_table(d: Draw) -> Mesh:
    """Chest of drawers with a padded mat and low rims on top."""
    wood = d.material(d.pick(("wood", "ceramic")))
    metal = d.material("metal")
    depth, width, height = d.uniform(0.5, 0.6), d.uniform(0.8, 1.1), d.uniform(0.85, 0.95)
    parts = [box((depth, width, height), (0, 0, height / 2), wood)]
    for k in range(3):
        z = 0.08 + (k + 0.5) * (height - 0.12) / 3
        parts.append(box((0.018, width - 0.04, (height - 0.16) / 3), (depth / 2 + 0.008, 0, z), wood))
        parts.append(box((0.02, 0.14, 0.014), (depth / 2 + 0.028, 0, z + 0.06), metal))
    parts.append(cushion((depth * 0.86, width * 0.84, 0.08), (0, 0, height + 0.04), d.material("fabric"), 5))
    for sy in (-1, 1):
        parts.append(box((depth, 0.02, 0.12), (0, sy * width / 2, height + 0.05), wood))
    parts.append(box((0.02, width, 0.12), (-depth / 2, 0, height + 0.05), wood))
    return merge(parts)


def rolled_mattress(d: Draw) -> Mesh:
    """Mattress rolled up and tied, lying on the floor."""
    cloth, strap = d.material("fabric"), d.material("plastic")
    r, width = d.uniform(0.14, 0.22), d.uniform(0.65, 0.95)
    parts = [rod((0, -width / 2, r), (0, width / 2, r), r, cloth, sides=20)]
    parts.append(
        rod((0.4 * r, -width / 2 - 0.004, r), (0.4 * r, width / 2 + 0.004, r), 0.35 * r, d.material("fabric"), sides=14)
    )
    for y in (-width / 4, width / 4):
        parts.append(rod((0, y - 0.02, r), (0, y + 0.02, r), r * 1.02, strap, sides=20))
    parts.append(cushion((r * 1.2, width, 0.07), (r * 0.9, 0, 0.035), cloth, 8))
    return move(merge(parts), 0.0, 0.0, r * 0.02)
