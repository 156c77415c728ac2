# SPDX-License-Identifier: Apache-2.0
"""Couches for two or more, front towards +x: box, on legs, with rolled arms, sectional."""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.chairs import four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, box_between, cushion, merge, move, pillow, rod, turn


def throw_pillows(d: Draw, depth: float, length: float, seat: float) -> list[Mesh]:
    """Up to four cushions that lean against the back."""
    parts = []
    for _ in range(d.integer(0, 4)):
        edge = d.uniform(0.34, 0.5)
        soft = turn(
            pillow((edge, edge * d.uniform(1.0, 1.4), 0.16), (-edge / 2, 0, 0), d.cover()),
            "y",
            math.pi / 2 - d.uniform(0.2, 0.5),
        )
        soft = turn(soft, "z", d.uniform(-0.5, 0.5))
        parts.append(move(soft, -depth / 2 + d.uniform(0.26, 0.34), d.uniform(-0.4, 0.4) * (length - 0.5), seat))
    return parts


def _seats(
    d: Draw, count: int, depth: float, length: float, seat: float, pad: float, cover: Material, power: float
) -> list[Mesh]:
    """Seat cushions side by side, centred on the origin in y, with the front edge at +depth/2."""
    each = length / count
    return [
        cushion((depth, each * 0.985, pad), (0, (i - (count - 1) / 2) * each, seat - pad / 2), cover, power)
        for i in range(count)
    ]


def _backs(
    d: Draw, count: int, x: float, length: float, seat: float, tall: float, cover: Material, power: float
) -> list[Mesh]:
    each, thick, lean = length / count, d.uniform(0.14, 0.22), d.uniform(0.08, 0.25)
    parts = []
    for i in range(count):
        pad = turn(cushion((thick, each * 0.97, tall), (0, 0, tall / 2), cover, power), "y", -lean)
        parts.append(move(pad, x + thick / 2 + 0.05, (i - (count - 1) / 2) * each, seat - 0.02))
    return parts


def box_couch(d: Draw) -> Mesh:
    """Block-shaped couch: wide arms, seat and back cushions."""
    cover, base = d.cover(), d.frame()
    count = d.integer(2, 3)
    arm, inner = d.uniform(0.1, 0.26), count * d.uniform(0.56, 0.78)
    depth, seat, leg = d.uniform(0.78, 1.0), d.uniform(0.38, 0.47), d.uniform(0.02, 0.13)
    back, arm_top, power = d.uniform(0.72, 0.92), d.uniform(0.52, 0.68), d.uniform(4.5, 10)
    length, pad = inner + 2 * arm, d.uniform(0.12, 0.2)
    parts = four_legs(depth * 0.95, length * 0.97, leg + 0.02, 0.05, 0, base, d.chance(0.5))
    parts.append(box_between((-depth / 2, -length / 2, leg), (depth / 2 - 0.02, length / 2, seat - pad), cover))
    wall = d.uniform(0.1, 0.2)
    parts.append(
        cushion((wall, length, back - leg - 0.08), (-depth / 2 + wall / 2, 0, (back + leg - 0.08) / 2), cover, 12)
    )
    for sy in (-1, 1):
        at = (0, sy * (length / 2 - arm / 2), (arm_top + leg) / 2)
        parts.append(cushion((depth, arm, arm_top - leg), at, cover, d.uniform(6, 14)))
    parts += [move(m, wall / 2) for m in _seats(d, count, depth - wall, inner, seat, pad, cover, power)]
    parts += _backs(d, count, -depth / 2 + wall - 0.05, inner, seat, back - seat + 0.05, cover, d.uniform(3, 7))
    return merge(parts + throw_pillows(d, depth, inner, seat))


def leg_couch(d: Draw) -> Mesh:
    """Slim couch on tall legs with thin wooden or padded arms."""
    cover, wood = d.cover(), d.frame()
    count = d.integer(2, 3)
    inner, depth = count * d.uniform(0.58, 0.75), d.uniform(0.75, 0.9)
    seat, leg, pad = d.uniform(0.4, 0.46), d.uniform(0.14, 0.24), d.uniform(0.1, 0.16)
    back, arm_top = d.uniform(0.72, 0.88), d.uniform(0.55, 0.66)
    parts = four_legs(depth * 0.9, inner * 0.92, leg + 0.02, 0.045, d.uniform(0, 0.06), wood, d.chance(0.7))
    padded = d.chance(0.5)
    parts.append(
        box((depth * 0.94, inner, seat - pad - leg), (0, 0, (seat - pad + leg) / 2), cover if padded else wood)
    )
    parts += [move(m, 0.04) for m in _seats(d, d.pick((1, count)), depth * 0.92, inner, seat, pad, cover, 6)]
    tall = back - seat
    if d.chance(0.4):
        slab = cushion((0.14, inner, tall + 0.1), (0, 0, tall / 2), cover, 8)
        parts.append(move(turn(slab, "y", -0.18), -depth / 2 + 0.1, 0, seat))
    else:
        parts += _backs(d, count, -depth / 2, inner, seat, tall, cover, d.uniform(3.5, 7))
        parts.append(box((0.04, inner, tall * 0.6), (-depth / 2, 0, seat + tall * 0.2), cover if padded else wood))
    for sy in (-1, 1):
        y = sy * (inner / 2 + 0.03)
        if padded:
            parts.append(cushion((depth * 0.9, 0.09, arm_top - leg), (0, y, (arm_top + leg) / 2), cover, 8))
        else:
            parts.append(box((depth * 0.9, 0.06, 0.035), (0, y, arm_top), wood))
            for x in (-depth * 0.38, depth * 0.38):
                parts.append(rod((x, y, 0), (x, y, arm_top), 0.022, wood, sides=6))
    return merge(parts + throw_pillows(d, depth, inner, seat))


def rolled_couch(d: Draw) -> Mesh:
    """Chesterfield: rolled arms and back of one height, tufted, low feet."""
    cover, feet = d.material(d.pick(("leather", "leather", "fabric"))), d.frame()
    count = d.integer(2, 3)
    inner, depth, seat = count * d.uniform(0.55, 0.7), d.uniform(0.82, 0.98), d.uniform(0.4, 0.46)
    arm_top, leg, roll = d.uniform(0.62, 0.76), d.uniform(0.05, 0.12), d.uniform(0.08, 0.13)
    back_top = arm_top + (0.0 if d.chance(0.5) else d.uniform(0.05, 0.2))
    length = inner + 2 * roll
    parts = four_legs(depth * 0.95, length, leg + 0.02, 0.06, 0, feet, True)
    parts.append(box_between((-depth / 2, -length / 2, leg), (depth / 2, length / 2, seat - 0.15), cover))
    parts.append(box((0.16, length, back_top - leg), (-depth / 2 + 0.08, 0, (back_top + leg) / 2 - roll / 2), cover))
    back = (-depth / 2 + 0.06, back_top - roll)
    parts.append(rod((back[0], -length / 2, back[1]), (back[0], length / 2, back[1]), roll, cover, sides=12))
    for sy in (-1, 1):
        y = sy * (length / 2 - roll * 0.2)
        tall = arm_top - roll - leg
        parts.append(box((depth, roll * 1.3, tall), (0, sy * (length / 2 - roll * 0.5), leg + tall / 2), cover))
        z = arm_top - roll
        parts.append(rod((-depth / 2, y, z), (depth / 2 + 0.02, y, z), roll, cover, sides=12))
    parts += [move(m, 0.07) for m in _seats(d, count, depth - 0.14, inner, seat, 0.17, cover, 6)]
    rows, columns = 2, count * 3
    for i in range(rows):
        for y in np.linspace(-inner / 2, inner / 2, columns + 1)[:-1] + inner / columns / 2:
            size = (0.12, inner / columns, (back_top - seat) / rows)
            z = seat + (i + 0.45) * (back_top - seat) / rows
            parts.append(cushion(size, (-depth / 2 + 0.18, y, z), cover, 3, 8, 4))
    return merge(parts + throw_pillows(d, depth, inner, seat))


def sectional_couch(d: Draw) -> Mesh:
    """L-shaped couch: a chaise at one end reaches forward."""
    cover, base = d.cover(), d.frame()
    side, count = d.pick((-1, 1)), d.integer(2, 3)
    each, depth, chaise = d.uniform(0.6, 0.75), d.uniform(0.82, 0.95), d.uniform(0.55, 0.85)
    seat, leg, back, pad = d.uniform(0.38, 0.45), d.uniform(0.03, 0.12), d.uniform(0.7, 0.88), d.uniform(0.12, 0.18)
    inner, arm = each * (count + 1), d.uniform(0.12, 0.22)
    power = d.uniform(5, 10)
    low, high = -inner / 2, inner / 2
    parts = four_legs(depth, inner, leg + 0.02, 0.06, 0, base, False)
    parts.append(box_between((-depth / 2, low, leg), (depth / 2, high, seat - pad), cover))
    parts.append(cushion((0.18, inner, back - leg - 0.06), (-depth / 2 + 0.09, 0, (back - 0.06 + leg) / 2), cover, 12))
    end = side * (inner / 2 - each / 2)
    reach = depth / 2 + chaise
    parts.append(
        box_between((depth / 2 - 0.02, end - each / 2, leg), (reach - 0.02, end + each / 2, seat - pad), cover)
    )
    parts.append(
        box_between((reach - 0.12, end - each / 2 + 0.03, 0), (reach - 0.06, end + each / 2 - 0.03, leg), base)
    )
    run = inner - each
    parts += [move(m, 0.08, -side * each / 2) for m in _seats(d, count, depth - 0.18, run, seat, pad, cover, power)]
    long = depth - 0.18 + chaise
    centre = -depth / 2 + 0.17 + long / 2
    parts.append(cushion((long, each * 0.98, pad), (centre, end, seat - pad / 2), cover, 9))
    parts += _backs(d, count + 1, -depth / 2 + 0.12, inner, seat, back - seat + 0.04, cover, d.uniform(3, 7))
    tall = d.uniform(0.54, 0.64) - leg
    y = -side * (inner / 2 + arm / 2)
    parts.append(cushion((depth, arm, tall), (0, y, leg + tall / 2), cover, 10))
    if d.chance(0.6):
        parts.append(cushion((depth, arm, tall), (0, -y, leg + tall / 2), cover, 10))
    return merge(parts + throw_pillows(d, depth, inner, seat))
