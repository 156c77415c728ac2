# SPDX-License-Identifier: Apache-2.0
"""More chairs, front towards +x: cantilever, folding, and for test homes wingback, rocking and bentwood."""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.chairs import four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import bar, box, cushion, merge, move, prism, rod, rounded_outline, turn


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
