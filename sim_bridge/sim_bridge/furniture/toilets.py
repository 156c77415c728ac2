# SPDX-License-Identifier: Apache-2.0
"""Toilets, back towards -x.

Every split has toilets with a tank on the bowl, one-piece, square, wall-hung, washlet and pedestal ones; test homes
alone have a high cistern, a built-in tank or a tank in the corner.
"""

from __future__ import annotations

import math

import numpy as np

from seal_perception.types import FloatArray
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import bar, box, cushion, merge, move, prism, rod, sheet, turn


def oval(length: float, width: float, power: float, points: int = 20) -> FloatArray:
    """(points, 2) outline from x = 0 (flat back) to x = length, anticlockwise."""
    angle = np.arange(points) * (2 * math.pi / points)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    ring /= (np.abs(ring) ** power).sum(1, keepdims=True) ** (1 / power)
    ring[:, 0] = np.where(ring[:, 0] < 0, np.sign(ring[:, 0]) * np.abs(ring[:, 0]) ** 0.7, ring[:, 0])
    return (ring + np.array([1.0, 0.0])) * [length / 2, width / 2]


def loft(outlines: list[FloatArray], heights: list[float], material: Material) -> Mesh:
    """Smooth skin through outlines at heights, bottom to top."""
    rows = [
        np.column_stack([np.vstack([o, o[:1]]), np.full(len(o) + 1, z)]) for o, z in zip(outlines, heights, strict=True)
    ]
    return sheet(np.stack(rows), material)


def bowl(d: Draw, length: float, width: float, rim: float, foot: float, power: float, white: Material) -> list[Mesh]:
    """Bowl that narrows towards the foot, with its inside."""
    top = oval(length, width, power)
    shapes, heights = [], []
    waist = d.uniform(0.5, 0.75)
    for t, share in ((0.0, 0.62), (0.12, 0.56), (0.45, waist), (0.75, 0.93), (1.0, 1.0)):
        ring = top * [0.35 + 0.65 * share, 0.3 + 0.7 * share]
        shapes.append(ring)
        heights.append(foot + t * (rim - foot))
    middle = np.array([length * 0.55, 0.0])
    inner = [middle + (top - middle) * s for s in (0.78, 0.6, 0.25)]
    inside = loft([top, *inner], [rim, rim, rim - 0.08, rim - 0.17], white)
    return [loft(shapes, heights, white), inside, prism(inner[2], rim - 0.18, rim - 0.165, white)]


def seat(
    d: Draw,
    length: float,
    width: float,
    rim: float,
    power: float,
    white: Material,
    lean_deg: tuple[float, float] = (95, 105),
) -> list[Mesh]:
    """Seat ring and lid; the lid is down or leans back against the tank."""
    lid_material = d.material("plastic") if d.chance(0.12) else (d.material("wood") if d.chance(0.12) else white)
    outline = oval(length * 0.94, width * 1.03, power) + np.array([length * 0.05, 0.0])
    if d.chance(0.55):
        return [prism(outline, rim, rim + d.uniform(0.03, 0.055), lid_material)]
    middle = outline.mean(0)
    hole = middle + (outline - middle) * [0.62, 0.62]
    rows = [(outline, rim), (outline, rim + 0.025), (hole, rim + 0.025), (hole, rim)]
    ring = loft([r[0] for r in rows], [r[1] for r in rows], lid_material)
    lid = prism(outline - [outline[:, 0].min(), 0.0], 0.0, 0.018, lid_material)
    lean = math.radians(d.uniform(*lean_deg))
    return [ring, move(turn(lid, "y", -lean), float(outline[:, 0].min()) + 0.03, 0, rim + 0.03)]


def finish(parts: list[Mesh]) -> Mesh:
    """Centre the piece in x over its footprint."""
    mesh = merge(parts)
    low, high = mesh.bounds()
    return move(mesh, -(low[0] + high[0]) / 2)


def white_of(d: Draw) -> Material:
    """Porcelain."""
    return d.material("ceramic")


def tank_toilet(d: Draw) -> Mesh:
    """Close-coupled: oval bowl and a tank with a lid behind it."""
    white = white_of(d)
    length, width, rim = d.uniform(0.44, 0.54), d.uniform(0.35, 0.41), d.uniform(0.36, 0.43)
    power = d.uniform(2.0, 2.8)
    tall, wide, deep = d.uniform(0.3, 0.42), d.uniform(0.36, 0.48), d.uniform(0.15, 0.2)
    parts = bowl(d, length, width, rim, 0.0, power, white) + seat(d, length, width, rim, power, white)
    parts.append(box((deep + 0.06, width * 0.7, 0.09), (-deep / 2 + 0.02, 0, rim - 0.045), white))
    parts.append(cushion((deep, wide, tall), (-deep / 2, 0, rim + tall / 2), white, d.uniform(7, 14)))
    parts.append(cushion((deep + 0.03, wide + 0.03, 0.045), (-deep / 2, 0, rim + tall + 0.01), white, 12))
    metal = d.material("metal", [d.uniform(0.6, 0.85)] * 3)
    if d.chance(0.5):
        parts.append(box((0.05, 0.05, 0.012), (-deep / 2, 0, rim + tall + 0.038), metal))
    else:
        parts.append(box((0.02, 0.08, 0.02), (0.012, wide * 0.3, rim + tall * 0.8), metal))
    return finish(parts)


def one_piece_toilet(d: Draw) -> Mesh:
    """Skirted bowl that flows into a low tank."""
    white = white_of(d)
    length, width, rim = d.uniform(0.48, 0.56), d.uniform(0.36, 0.42), d.uniform(0.37, 0.42)
    power, tall, deep = d.uniform(2.2, 3.2), d.uniform(0.2, 0.34), d.uniform(0.17, 0.22)
    top = oval(length, width, power)
    parts = [
        loft([top * [0.8, 0.75], top * [0.84, 0.78], top * [0.96, 0.94], top], [0, rim * 0.5, rim * 0.85, rim], white)
    ]
    parts += bowl(d, length, width, rim, rim * 0.5, power, white)[1:]
    parts += seat(d, length, width, rim, power, white)
    tower = oval(deep * 1.3, width * 1.02, 4.0) - [deep * 1.2, 0.0]
    parts.append(loft([tower * [1, 0.75], tower * [1, 0.8], tower, tower], [0, rim * 0.6, rim, rim + tall], white))
    parts.append(prism(tower * 1.03, rim + tall, rim + tall + 0.03, white))
    return finish(parts)


def square_toilet(d: Draw) -> Mesh:
    """Modern, with straight sides and a flat tank."""
    white = white_of(d)
    length, width, rim = d.uniform(0.45, 0.52), d.uniform(0.34, 0.38), d.uniform(0.38, 0.43)
    power, tall, deep = d.uniform(5, 9), d.uniform(0.36, 0.46), d.uniform(0.12, 0.18)
    top = oval(length, width, power)
    shrink = d.uniform(0.75, 0.98)
    parts = [loft([top * [shrink, shrink], top, top], [0, rim * 0.7, rim], white)]
    parts += bowl(d, length, width, rim, rim * 0.5, power, white)[1:]
    parts += seat(d, length, width, rim, power, white)
    parts.append(box((deep, width, rim + tall), (-deep / 2, 0, (rim + tall) / 2), white))
    parts.append(box((deep + 0.01, width + 0.01, 0.03), (-deep / 2, 0, rim + tall), white))
    parts.append(box((0.06, 0.06, 0.01), (-deep / 2, 0, rim + tall + 0.02), d.material("metal", [0.75] * 3)))
    return finish(parts)


def wall_hung_toilet(d: Draw) -> Mesh:
    """Bowl that hangs on the wall, with a flush plate above; its back (lowest x) belongs at a wall."""
    white = white_of(d)
    length, width, rim = d.uniform(0.48, 0.56), d.uniform(0.34, 0.39), d.uniform(0.4, 0.45)
    power, drop = d.uniform(2.3, 4.5), d.uniform(0.26, 0.33)
    top = oval(length, width, power)
    rows = [top * [0.6, 0.55], top * [0.8, 0.75], top * [0.97, 0.95], top]
    parts = [loft(rows, [rim - drop, rim - drop * 0.75, rim - drop * 0.3, rim], white)]
    parts.append(prism(rows[0], rim - drop, rim - drop + 0.01, white))
    parts += bowl(d, length, width, rim, rim - drop, power, white)[1:]
    parts += seat(d, length, width, rim, power, white)
    plate_material = d.material("metal", [d.uniform(0.3, 0.9)] * 3) if d.chance(0.5) else white
    parts.append(box((0.015, d.uniform(0.2, 0.26), 0.16), (0.01, 0, d.uniform(0.9, 1.1)), plate_material))
    return finish(parts)


def washlet_toilet(d: Draw) -> Mesh:
    """Smooth skirted toilet without a visible tank: a thick seat unit with a lid and a panel of buttons."""
    white = white_of(d)
    length, width, rim = d.uniform(0.56, 0.64), d.uniform(0.37, 0.41), d.uniform(0.38, 0.43)
    power = d.uniform(2.3, 3.2)
    top = oval(length, width, power)
    skirt = [top * [0.86, 0.72], top * [0.88, 0.74], top * [0.95, 0.9], top]
    parts = [
        loft(skirt, [0, rim * 0.4, rim * 0.8, rim], white),
        *bowl(d, length, width, rim, rim * 0.5, power, white)[1:],
    ]
    parts += seat(d, length, width, rim, power, white)
    tall, deep = d.uniform(0.12, 0.26), d.uniform(0.16, 0.2)
    parts.append(cushion((deep, width * 1.04, tall), (0.03, 0, rim + tall / 2), white, 7))
    parts.append(cushion((0.26, width * 0.86, rim), (0.05, 0, rim / 2), white, 10))
    dark = d.material("plastic", [d.uniform(0.1, 0.6)] * 3)
    parts.append(box((0.12, 0.05, 0.02), (0.12, width * 0.54, rim + 0.05), white))
    parts.append(box((0.09, 0.03, 0.006), (0.12, width * 0.54, rim + 0.062), dark))
    return finish(parts)


def pedestal_toilet(d: Draw) -> Mesh:
    """Bowl on a waisted pedestal, rounded tank with a side lever, often a wooden seat."""
    white = white_of(d)
    length, width, rim = d.uniform(0.46, 0.53), d.uniform(0.36, 0.4), d.uniform(0.38, 0.42)
    power = d.uniform(2.0, 2.4)
    top = oval(length, width, power)
    middle = top * [0.5, 0.42] + [length * 0.16, 0.0]
    rows = [top * [0.62, 0.6] + [length * 0.1, 0], top * [0.6, 0.56] + [length * 0.1, 0], middle]
    rows += [top * [0.8, 0.8] + [length * 0.05, 0], top]
    parts = [
        loft(rows, [0, 0.05, rim * 0.42, rim * 0.72, rim], white),
        *bowl(d, length, width, rim, 0.2, power, white)[1:],
    ]
    parts += seat(d, length, width, rim, power, d.material("wood") if d.chance(0.3) else white, (88, 92))
    tall, wide, deep = d.uniform(0.32, 0.4), d.uniform(0.42, 0.5), d.uniform(0.17, 0.2)
    tank = oval(deep, wide, 4.5) - [deep, 0.0]
    flare = [tank * [1, 0.84], tank, tank]
    parts.append(loft(flare, [rim - 0.02, rim + tall * 0.5, rim + tall], white))
    parts.append(prism(tank * 1.06 + [0.005, 0], rim + tall, rim + tall + 0.035, white))
    parts.append(box((deep, width * 0.6, 0.1), (-deep * 0.35, 0, rim - 0.05), white))
    metal = d.material("metal", [d.uniform(0.6, 0.85)] * 3)
    parts.append(box((0.02, 0.09, 0.018), (0.012, wide * 0.32, rim + tall * 0.82), metal))
    return finish(parts)


def high_cistern_toilet(d: Draw) -> Mesh:
    """Old toilet: bowl below, tank high on the wall, a pipe between them and a chain; its back belongs at a wall."""
    white, metal = white_of(d), d.material("metal")
    length, width, rim = d.uniform(0.46, 0.53), d.uniform(0.36, 0.4), d.uniform(0.38, 0.42)
    power, high = d.uniform(2.0, 2.5), d.uniform(1.5, 1.75)
    parts = bowl(d, length, width, rim, 0.0, power, white)
    parts += seat(d, length, width, rim, power, d.material("wood") if d.chance(0.5) else white)
    parts.append(box((0.14, width * 0.5, 0.1), (-0.02, 0, rim - 0.05), white))
    deep, wide, tall = d.uniform(0.17, 0.21), d.uniform(0.42, 0.5), d.uniform(0.26, 0.34)
    tank = d.material("wood") if d.chance(0.25) else white
    back = -0.1
    parts.append(cushion((deep, wide, tall), (back + deep / 2, 0, high + tall / 2), tank, d.uniform(8, 14)))
    parts.append(box((deep + 0.02, wide + 0.02, 0.03), (back + deep / 2, 0, high + tall), tank))
    parts.append(
        bar([(back + 0.05, 0, high + 0.02), (back + 0.05, 0, rim + 0.05), (0.02, 0, rim - 0.04)], 0.022, metal, 8)
    )
    y = wide * 0.42
    parts.append(rod((back + deep * 0.8, y, high), (back + deep * 0.8, y, high - 0.55), 0.004, metal, sides=4))
    parts.append(cushion((0.03, 0.03, 0.1), (back + deep * 0.8, y, high - 0.6), tank, 2.5, 8, 6))
    return finish(parts)


def built_in_toilet(d: Draw) -> Mesh:
    """Floor-standing bowl before a panelled box that hides the tank, with a flush plate and perhaps a shelf top."""
    white = white_of(d)
    skin = white if d.chance(0.4) else d.material(d.pick(("wood", "tile", "stone")))
    length, width, rim = d.uniform(0.48, 0.54), d.uniform(0.35, 0.39), d.uniform(0.39, 0.44)
    power = d.uniform(2.3, 5.0)
    top = oval(length, width, power)
    parts = [loft([top * [0.95, 0.76], top * [0.96, 0.8], top, top], [0, rim * 0.5, rim * 0.85, rim], white)]
    parts += bowl(d, length, width, rim, rim * 0.5, power, white)[1:]
    parts += seat(d, length, width, rim, power, white, (88, 93))
    high, wide, deep = d.uniform(0.82, 1.15), d.uniform(0.5, 0.75), d.uniform(0.15, 0.22)
    parts.append(box((deep, wide, high), (-deep / 2, 0, high / 2), skin))
    parts.append(
        box((deep + 0.03, wide + 0.02, 0.03), (-deep / 2, 0, high + 0.015), d.material(d.pick(("wood", "stone"))))
    )
    parts.append(box((0.015, 0.22, 0.14), (0.006, 0, high - 0.14), d.material("metal", [d.uniform(0.2, 0.9)] * 3)))
    return finish(parts)


def corner_toilet(d: Draw) -> Mesh:
    """Tank of triangular outline that fits the corner behind a long bowl."""
    white = white_of(d)
    length, width, rim = d.uniform(0.46, 0.52), d.uniform(0.35, 0.39), d.uniform(0.37, 0.42)
    power, tall, wide = d.uniform(2.0, 2.6), d.uniform(0.3, 0.38), d.uniform(0.46, 0.56)
    parts = bowl(d, length, width, rim, 0.0, power, white) + seat(d, length, width, rim, power, white, (88, 92))
    front = 0.02
    outline = np.array([[front - wide * 0.42, -0.04], [front - 0.06, -wide / 2], [front, -wide / 2 + 0.04]])
    tank = np.concatenate([outline, outline[::-1] * [1, -1]])
    parts.append(prism(tank, rim, rim + tall, white))
    middle = tank.mean(0)
    parts.append(prism(middle + (tank - middle) * 1.05, rim + tall, rim + tall + 0.03, white))
    parts.append(prism(middle + (tank - middle) * 0.6, 0.0, rim, white))
    parts.append(box((0.05, 0.08, 0.012), (middle[0], 0, rim + tall + 0.036), d.material("metal", [0.75] * 3)))
    return finish(parts)
