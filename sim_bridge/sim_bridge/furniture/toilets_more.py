# SPDX-License-Identifier: Apache-2.0
"""More toilets, back towards -x: washlet, pedestal, and for test homes a high cistern, a built-in one, a corner one."""

from __future__ import annotations

import numpy as np

from sim_bridge.furniture.draw import Draw
from sim_bridge.furniture.toilets import bowl, finish, loft, oval, seat, white_of
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import bar, box, cushion, prism, rod


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
