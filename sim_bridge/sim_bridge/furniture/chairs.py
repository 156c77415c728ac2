# SPDX-License-Identifier: Apache-2.0
"""Chairs, front towards +x.

Every split has chairs with slats, upholstered, swivel, moulded shell, tub, tube frame, cantilever and folding ones;
test homes alone have wingback, rocking and bentwood ones.
"""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import (
    bar,
    box,
    box_between,
    cushion,
    merge,
    move,
    plate,
    prism,
    rod,
    rounded_outline,
    sheet,
    turn,
)


def four_legs(
    depth: float, width: float, height: float, thick: float, splay: float, material: Material, round_: bool
) -> list[Mesh]:
    """Legs under the corners of a depth x width rectangle, feet `splay` metres further out."""
    legs = []
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (depth / 2 - thick), sy * (width / 2 - thick)
            foot = (x + sx * splay, y + sy * splay, 0.0)
            if round_:
                legs.append(rod(foot, (x, y, height), thick * 0.35, material, thick * 0.55, sides=7))
            else:
                legs.append(rod(foot, (x, y, height), thick * 0.55, material, thick * 0.75, sides=4))
    return legs


def _arms(d: Draw, depth: float, width: float, seat: float, material: Material) -> list[Mesh]:
    top, thick = seat + d.uniform(0.18, 0.26), d.uniform(0.025, 0.05)
    parts = []
    for sy in (-1, 1):
        y = sy * (width / 2 + thick / 2)
        parts.append(box((depth * 0.85, thick * 1.4, thick * 0.8), (-depth * 0.05, y, top), material))
        parts.append(rod((depth * 0.3, y, seat - 0.05), (depth * 0.3, y, top), thick / 2, material, sides=6))
    return parts


def slat_chair(d: Draw) -> Mesh:
    """Wooden chair with a back of vertical or horizontal slats or one board."""
    wood = d.material(d.pick(("wood", "wood", "wood", "plastic", "metal")))
    depth, width, seat = d.uniform(0.38, 0.47), d.uniform(0.38, 0.5), d.uniform(0.42, 0.5)
    top, thick, lean = d.uniform(0.78, 1.08), d.uniform(0.028, 0.05), d.uniform(0.02, 0.12)
    parts = [box((depth, width, 0.03), (0, 0, seat - 0.015), wood)]
    parts += four_legs(depth, width, seat - 0.02, thick, d.uniform(0, 0.04), wood, d.chance(0.5))
    x = -depth / 2 + thick / 2
    for sy in (-1, 1):
        y = sy * (width / 2 - thick / 2)
        parts.append(rod((x, y, seat - 0.03), (x - lean, y, top), thick * 0.55, wood, sides=d.pick((4, 8))))
    style = d.integer(0, 3)
    gap = width - thick
    if style == 0:
        for y in np.linspace(-gap / 2, gap / 2, d.integer(3, 7) + 2)[1:-1]:
            parts.append(rod((x, y, seat), (x - lean, y, top - 0.03), d.uniform(0.008, 0.018), wood, sides=5))
        parts.append(box((0.03, width, d.uniform(0.04, 0.1)), (x - lean, 0, top - 0.02), wood))
    elif style == 1:
        for t in np.linspace(0.3, 1.0, d.integer(2, 4)):
            z = seat + t * (top - seat) - 0.03
            parts.append(box((0.02, gap, d.uniform(0.035, 0.09)), (x - lean * t, 0, z), wood))
    elif style == 2:
        board = box((0.02, gap, (top - seat) * d.uniform(0.35, 0.75)), (0, 0, 0), wood)
        parts.append(move(turn(board, "y", -lean / (top - seat)), x - lean * 0.7, 0, seat + 0.66 * (top - seat)))
    else:
        for sy in (-1, 1):
            parts.append(
                rod((x, -sy * gap / 2, seat + 0.05), (x - lean, sy * gap / 2, top - 0.04), 0.012, wood, sides=5)
            )
        parts.append(box((0.03, width, 0.06), (x - lean, 0, top - 0.03), wood))
    if d.chance(0.5):
        z = seat * d.uniform(0.25, 0.5)
        for sy in (-1, 1):
            y = sy * (width / 2 - thick)
            parts.append(rod((-depth / 2 + thick, y, z), (depth / 2 - thick, y, z), 0.01, wood, sides=5))
        parts.append(rod((0, -width / 2 + thick, z), (0, width / 2 - thick, z), 0.01, wood, sides=5))
    if d.chance(0.4):
        parts.append(cushion((depth * 0.95, width * 0.92, 0.06), (0.01, 0, seat + 0.02), d.cover(), 5))
    if d.chance(0.25):
        parts += _arms(d, depth, width, seat, wood)
    return merge(parts)


def upholstered_chair(d: Draw) -> Mesh:
    """Dining chair with a padded seat and a padded back on four legs."""
    cover, legs = d.cover(), d.frame()
    depth, width, seat = d.uniform(0.42, 0.52), d.uniform(0.43, 0.56), d.uniform(0.44, 0.5)
    pad, tall, lean = d.uniform(0.06, 0.13), d.uniform(0.35, 0.6), d.uniform(0.05, 0.25)
    power = d.uniform(4, 12)
    parts = four_legs(depth, width, seat - pad * 0.6, d.uniform(0.025, 0.045), d.uniform(0, 0.05), legs, d.chance(0.6))
    parts.append(cushion((depth, width, pad), (0, 0, seat - pad / 2), cover, power))
    back = cushion((d.uniform(0.05, 0.1), width * d.uniform(0.85, 1.0), tall), (0, 0, tall / 2), cover, power)
    parts.append(move(turn(back, "y", -lean), -depth / 2 + 0.03, 0, seat - pad * 0.7))
    if d.chance(0.4):
        high = d.uniform(0.16, 0.24)
        for sy in (-1, 1):
            arm = (depth * 0.8, 0.07, high)
            parts.append(cushion(arm, (-0.03, sy * (width / 2 + 0.01), seat + high / 2 - 0.04), cover, 5))
    return merge(parts)


def swivel_chair(d: Draw) -> Mesh:
    """Office chair: five-armed star base on castors, column, padded seat and back."""
    cover, dark = d.cover(), d.material(d.pick(("plastic", "metal")), [d.uniform(0.04, 0.5)] * 3)
    seat, width, depth = d.uniform(0.43, 0.55), d.uniform(0.44, 0.54), d.uniform(0.43, 0.52)
    reach, pad = d.uniform(0.26, 0.34), d.uniform(0.06, 0.11)
    parts = [rod((0, 0, 0.08), (0, 0, seat - pad), 0.028, dark, sides=8)]
    start = d.uniform(0, 1)
    for i in range(5):
        a = start + i * 2 * math.pi / 5
        tip = (reach * math.cos(a), reach * math.sin(a), 0.07)
        parts.append(rod((0, 0, 0.12), tip, 0.025, dark, 0.016, sides=5))
        parts.append(cushion((0.055, 0.055, 0.06), (tip[0], tip[1], 0.03), dark, 2.5, 8, 4))
    parts.append(cushion((depth, width, pad), (0, 0, seat - pad / 2), cover, d.uniform(3.5, 7)))
    tall, lean = d.uniform(0.4, 0.72), d.uniform(0.05, 0.2)
    back = cushion((d.uniform(0.05, 0.1), width * d.uniform(0.8, 1.0), tall), (0, 0, tall / 2), cover, d.uniform(3, 7))
    parts.append(move(turn(back, "y", -lean), -depth / 2, 0, seat + d.uniform(0.02, 0.12)))
    parts.append(rod((-depth * 0.3, 0, seat - pad), (-depth / 2 - 0.06, 0, seat + 0.2), 0.022, dark, sides=6))
    if d.chance(0.6):
        rise = d.uniform(0.18, 0.25)
        for sy in (-1, 1):
            y = sy * (width / 2 + 0.03)
            parts.append(rod((-0.03, y * 0.8, seat - pad * 0.7), (-0.03, y, seat + rise), 0.018, dark, sides=6))
            parts.append(box((d.uniform(0.2, 0.3), 0.06, 0.03), (0.0, y, seat + rise), dark))
    return merge(parts)


def shell_chair(d: Draw) -> Mesh:
    """Moulded shell in one piece on splayed legs."""
    shell, legs = d.material(d.pick(("plastic", "plastic", "leather", "fabric", "wood"))), d.frame()
    width, seat, top = d.uniform(0.42, 0.54), d.uniform(0.42, 0.47), d.uniform(0.74, 0.9)
    depth, curl = d.uniform(0.42, 0.5), d.uniform(0.02, 0.14)
    s = np.linspace(0, 1, 10)[:, None]
    t = np.linspace(-1, 1, 9)[None, :]
    knee = d.uniform(0.5, 0.6)
    run = np.clip(s / knee, 0, 1)
    rise = np.clip((s - knee) / (1 - knee), 0, 1)
    x = depth / 2 - run * depth - d.uniform(0.04, 0.1) * rise + 0.5 * curl * t**2 * np.sin(np.pi * np.clip(s, 0.2, 1))
    z = seat - 0.04 * np.sin(np.pi * run) + (top - seat) * rise**1.15 + curl * t**4 * (0.4 + np.sin(np.pi * s))
    taper = 1 - d.uniform(0.1, 0.35) * rise**2 - 0.12 * (1 - run) ** 3
    y = t * width / 2 * taper
    grid = np.stack(np.broadcast_arrays(x, y, z), -1)[:, ::-1]
    parts = [plate(grid, 0.015, shell)]
    foot = d.uniform(0.18, 0.25)
    if d.chance(0.2):
        parts.append(rod((0, 0, 0.02), (0, 0, seat - 0.03), 0.03, legs, sides=8))
        parts.append(prism(rounded_outline(0.44, 0.44, 2), 0, 0.025, legs))
    else:
        for sx in (-1, 1):
            for sy in (-1, 1):
                parts.append(
                    rod((sx * foot, sy * foot, 0), (sx * 0.1, sy * 0.12, seat - 0.04), 0.012, legs, 0.02, sides=7)
                )
        if d.chance(0.6):
            parts.append(rod((foot * 0.7, -foot * 0.7, seat / 2), (-foot * 0.7, foot * 0.7, seat / 2), 0.006, legs))
            parts.append(rod((foot * 0.7, foot * 0.7, seat / 2), (-foot * 0.7, -foot * 0.7, seat / 2), 0.006, legs))
    return merge(parts)


def tub_chair(d: Draw) -> Mesh:
    """Armchair for one: a curved back that runs into the arms, or a high back with wings."""
    cover, legs = d.cover(), d.frame()
    radius, seat, leg = d.uniform(0.33, 0.41), d.uniform(0.38, 0.46), d.uniform(0.06, 0.2)
    back, arm, thick = d.uniform(0.72, 1.05), d.uniform(0.55, 0.68), d.uniform(0.07, 0.12)
    parts = four_legs(radius * 1.5, radius * 1.5, leg + 0.02, 0.04, d.uniform(0, 0.04), legs, d.chance(0.6))
    angle = np.linspace(math.radians(62), math.radians(298), 15)
    level = np.clip(-np.cos(angle) * d.uniform(1.0, 1.7), 0, 1)
    height = arm + (back - arm) * level**1.3
    rows = []
    for r, top in ((radius, 0.0), (radius, 1.0), (radius - thick, 1.0), (radius - thick, 0.0)):
        z = leg + top * (height - leg)
        flare = 1 + 0.1 * top
        rows.append(np.stack([r * flare * np.cos(angle), r * flare * np.sin(angle), z], 1))
    wall = np.stack([rows[0], rows[1] - [0, 0, 0.02], (rows[1] + rows[2]) / 2 + [0, 0, 0.01], rows[2], rows[3]])
    parts.append(sheet(wall, cover))
    for end in (0, -1):
        foot, top = wall[0, end], wall[2, end]
        middle = (wall[0, end] + wall[-1, end]) / 2
        size = (thick * 0.9, thick * 1.05, top[2] - foot[2])
        parts.append(cushion(size, (middle[0], middle[1], (top[2] + foot[2]) / 2), cover, 5, 10, 6))
    parts.append(prism(rounded_outline(radius * 1.95, radius * 1.9, 2.6), leg, seat - 0.1, cover))
    pad = d.cover() if d.chance(0.2) else cover
    parts.append(cushion((radius * 1.75, radius * 1.6, 0.16), (0.06, 0, seat - 0.05), pad, 4))
    if d.chance(0.3):
        parts.append(turn(cushion((0.12, 0.38, 0.36), (-radius * 0.5, 0, seat + 0.2), d.cover(), 3), "y", -0.25))
    return merge(parts)


def folding_stackable(d: Draw) -> Mesh:
    """Metal tube chair: two bent frames with a thin seat and back."""
    tube, pad = d.material("metal"), d.material(d.pick(("plastic", "fabric", "wood", "leather")))
    width, depth, seat = d.uniform(0.42, 0.5), d.uniform(0.4, 0.46), d.uniform(0.43, 0.47)
    top, r = d.uniform(0.78, 0.92), d.uniform(0.009, 0.014)
    parts = []
    for sy in (-1, 1):
        y = sy * width / 2
        parts.append(rod((depth / 2, y, 0), (depth / 2 - 0.03, y, seat), r, tube, sides=6))
        parts.append(rod((-depth / 2 - 0.08, y, 0), (-depth / 2 + 0.03, y, seat), r, tube, sides=6))
        parts.append(rod((-depth / 2 + 0.02, y, seat), (-depth / 2 - 0.1, y, top), r, tube, sides=6))
        parts.append(rod((depth / 2 - 0.03, y, seat), (-depth / 2, y, seat), r, tube, sides=6))
    parts.append(
        box_between((-depth / 2, -width / 2, seat), (depth / 2, width / 2, seat + d.uniform(0.015, 0.05)), pad)
    )
    tall = d.uniform(0.12, 0.3)
    back = box((0.02, width, tall), (0, 0, 0), pad)
    parts.append(move(turn(back, "y", -0.3), -depth / 2 - 0.07, 0, top - tall / 2))
    return merge(parts)


def cantilever_chair(d: Draw) -> Mesh:
    """Steel tube bent into runners, front posts, seat and back, without rear legs."""
    tube, pad = d.material("metal"), d.material(d.pick(("leather", "fabric", "wood", "plastic")))
    width, depth, seat = d.uniform(0.44, 0.54), d.uniform(0.42, 0.5), d.uniform(0.43, 0.48)
    top, r, lean = d.uniform(0.78, 0.98), d.uniform(0.011, 0.015), d.uniform(0.05, 0.14)
    front, back = depth / 2, -depth / 2
    parts = []
    for sy in (-1, 1):
        y = sy * width / 2
        bend = [(back, y, r), (front - 0.03, y, r), (front, y, 0.04), (front + 0.01, y, seat - 0.04)]
        bend += [(front - 0.02, y, seat), (back + 0.03, y, seat - 0.02), (back, y, seat + 0.04), (back - lean, y, top)]
        parts.append(bar(bend, r, tube))
        if d.chance(0.4):
            rest = seat + 0.2
            arm = [(front, y, seat - 0.01), (front - 0.03, y, rest), (back - lean * 0.5, y, rest)]
            parts += [bar(arm, r, tube), box((depth * 0.6, 0.04, 0.025), (0, y, rest + 0.012), pad)]
    for x, z in ((back, r), (back - lean, top)):
        parts.append(rod((x, -width / 2, z), (x, width / 2, z), r, tube, sides=6))
    thick = d.uniform(0.02, 0.06)
    parts.append(cushion((depth, width * 0.98, thick), (0, 0, seat + thick / 2), pad, 8))
    tall = (top - seat) * d.uniform(0.5, 0.8)
    board = turn(cushion((thick * 0.8, width * 0.98, tall), (0.012, 0, 0), pad, 8), "y", -lean / (top - seat))
    middle = (top - tall / 2 - 0.01 - seat) / (top - seat)
    parts.append(move(board, back - lean * middle, 0, top - tall / 2 - 0.01))
    return merge(parts)


def folding_chair(d: Draw) -> Mesh:
    """Garden or hall chair that folds: two frames crossed like an X, slatted or plain."""
    frame = d.material(d.pick(("wood", "wood", "metal")))
    slat = frame if d.chance(0.6) else d.material(d.pick(("wood", "plastic", "fabric")))
    width, depth, seat = d.uniform(0.4, 0.47), d.uniform(0.36, 0.43), d.uniform(0.43, 0.47)
    top, r = d.uniform(0.78, 0.92), d.uniform(0.012, 0.02)
    foot, crown = (depth / 2 + 0.05, 0.0), (-depth / 2 - 0.12, top)
    parts = []
    for sy in (-1, 1):
        y = sy * width / 2
        parts.append(rod((foot[0], y, 0.012), (crown[0], y, top), r, frame, sides=4))
        inner = sy * (width / 2 - 2 * r)
        parts.append(rod((-depth / 2 - 0.08, inner, 0.012), (depth / 2, inner, seat - 0.01), r, frame, sides=4))
    for x, z in ((-depth / 2 - 0.04, 0.05), (foot[0] - 0.09, 0.12)):
        parts.append(rod((x, -width / 2, z), (x, width / 2, z), r * 0.8, frame, sides=4))
    count = d.pick((1, 4, 5, 6))
    for i in range(count):
        wide = depth / count
        x = (i - (count - 1) / 2) * wide
        parts.append(box((wide * (0.82 if count > 1 else 1), width - 2 * r, 0.016), (x, 0, seat), slat))
    boards = d.integer(1, 3)
    for i in range(boards):
        tall = 0.2 / boards
        z = top - 0.03 - (i + 0.5) * (tall + 0.015)
        x = foot[0] + (crown[0] - foot[0]) * z / top
        parts.append(move(turn(box((0.016, width, tall), (0, 0, 0), slat), "y", -0.5), x + 0.014, 0, z))
    return merge(parts)


def wingback_chair(d: Draw) -> Mesh:
    """Fireside armchair: tall padded back with wings, rolled arms, deep seat, short legs."""
    cover, wood = d.cover(), d.frame()
    width, depth, seat = d.uniform(0.5, 0.58), d.uniform(0.66, 0.76), d.uniform(0.42, 0.48)
    top, leg, arm = d.uniform(1.04, 1.24), d.uniform(0.12, 0.2), d.uniform(0.58, 0.66)
    side, wing = d.uniform(0.09, 0.13), d.uniform(0.24, 0.32)
    parts = four_legs(depth * 0.95, width + side, leg + 0.02, 0.05, 0.015, wood, d.chance(0.6))
    parts.append(cushion((depth, width + side, seat - 0.1 - leg), (0, 0, (seat - 0.1 + leg) / 2), cover, 12))
    parts.append(cushion((depth - 0.08, width - 0.02, 0.15), (0.05, 0, seat - 0.05), cover, 6))
    high = top - seat + 0.08
    parts.append(
        move(turn(cushion((0.13, width + 0.06, high), (0, 0, high / 2), cover, 7), "y", -0.16), -depth / 2 + 0.09, 0,
             seat - 0.1)
    )  # fmt: skip
    for sy in (-1, 1):
        y = sy * (width / 2 + side / 2)
        parts.append(cushion((depth * 0.86, side, arm - leg), (0.02, y, (arm + leg) / 2), cover, 9))
        parts.append(rod((-depth * 0.4, y, arm - 0.02), (depth * 0.44, y, arm - 0.02), side * 0.62, cover, sides=12))
        ear = cushion((wing, side * 0.75, top - arm - 0.02), (0, 0, (top - arm) / 2), cover, 4)
        parts.append(move(turn(turn(ear, "y", -0.16), "z", -sy * 0.2), -depth / 2 + wing / 2, y * 0.97, arm - 0.03))
    if d.chance(0.35):
        parts.append(turn(cushion((0.12, 0.4, 0.3), (-depth * 0.22, 0, seat + 0.17), d.cover(), 3), "y", -0.2))
    return merge(parts)


def rocking_chair(d: Draw) -> Mesh:
    """Wooden rocker: curved runners, spindle or slatted back, arms."""
    wood = d.material("wood")
    depth, width, seat = d.uniform(0.44, 0.52), d.uniform(0.46, 0.54), d.uniform(0.4, 0.46)
    top, lean, r = d.uniform(1.0, 1.15), d.uniform(0.2, 0.3), d.uniform(0.014, 0.02)
    curve = d.uniform(0.2, 0.3)
    x = np.linspace(-0.46, 0.4, 9)
    parts = []
    for sy in (-1, 1):
        y = sy * width / 2
        runner = [(float(v), y, r + curve * float(v) ** 2) for v in x]
        parts.append(bar(runner, r, wood))
        for end in (-depth / 2, depth / 2):
            parts.append(rod((end * 1.1, y, r + curve * end**2), (end * 0.92, y, seat), r, wood, sides=7))
        parts.append(rod((-depth / 2, y, seat), (-depth / 2 - lean, y * 0.95, top), r, wood, sides=7))
        parts.append(rod((depth * 0.3, y, seat), (depth * 0.3, y * 1.05, seat + 0.21), r, wood, sides=7))
        parts.append(box((depth * 0.95, 0.06, 0.022), (-0.02, y * 1.05, seat + 0.22), wood))
    parts.append(box((depth, width, 0.032), (0, 0, seat), wood))
    parts.append(box((0.025, width * 0.98, 0.12), (-depth / 2 - lean + 0.02, 0, top - 0.05), wood))
    count = d.integer(4, 7)
    for y in np.linspace(-width / 2, width / 2, count + 2)[1:-1]:
        tip = (-depth / 2 - lean + 0.02, float(y) * 0.95, top - 0.08)
        parts.append(rod((-depth / 2 + 0.02, float(y), seat), tip, d.uniform(0.007, 0.014), wood, sides=5))
    parts.append(rod((depth * 0.5, -width / 2, seat / 2), (depth * 0.5, width / 2, seat / 2), 0.012, wood, sides=6))
    if d.chance(0.5):
        parts.append(cushion((depth * 0.92, width * 0.9, 0.07), (0, 0, seat + 0.04), d.cover(), 4))
    return merge(parts)


def bentwood_chair(d: Draw) -> Mesh:
    """Coffee-house chair: round seat, back of bent hoops, slim round legs with a ring."""
    wood = d.material("wood")
    seat_material = wood if d.chance(0.5) else d.material(d.pick(("fabric", "leather")))
    seat, radius, top = d.uniform(0.44, 0.48), d.uniform(0.2, 0.225), d.uniform(0.84, 0.95)
    r, lean = d.uniform(0.013, 0.017), d.uniform(0.06, 0.13)
    parts = [prism(rounded_outline(2 * radius, 2 * radius, 2.2, 28), seat - 0.035, seat, wood)]
    parts.append(cushion((1.75 * radius, 1.75 * radius, 0.035), (0, 0, seat + 0.002), seat_material, 2.5, 18, 6))
    for a in (0.7, 2.3, -2.3, -0.7):
        x, y = math.cos(a), math.sin(a)
        foot = (1.15 * radius * x, 1.15 * radius * y, 0)
        parts.append(rod(foot, (0.85 * radius * x, 0.85 * radius * y, seat - 0.02), 0.012, wood, 0.017, sides=8))
    ring = np.arange(17) * math.pi / 8
    parts.append(bar([(0.8 * radius * math.cos(a), 0.8 * radius * math.sin(a), seat * 0.6) for a in ring], 0.008, wood))
    angle = np.linspace(0, math.pi, 13)
    for share in (1.0, d.uniform(0.5, 0.68)):
        half, high = radius * 0.86 * share, (top - seat) * (0.45 + 0.55 * share)
        hoop = []
        for a in angle:
            z = high * math.sin(a) ** 0.55
            hoop.append(
                (-radius * 0.66 - lean * z / high, -half * math.cos(a) * (1 + 0.1 * math.sin(a)), seat - 0.02 + z)
            )
        parts.append(bar(hoop, r if share == 1 else r * 0.8, wood))
    return merge(parts)
