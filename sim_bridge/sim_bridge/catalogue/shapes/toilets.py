# SPDX-License-Identifier: Apache-2.0
"""Toilets of any form, back towards -x.

Not among them are what test homes keep for themselves: a tank sits right behind or on the bowl (none high on the wall,
none walled in by a block, none set across a corner).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from seal_perception.types import FloatArray
from sim_bridge.furniture.draw import Draw
from sim_bridge.furniture.toilets import loft, oval
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import bar, box, cushion, merge, move, prism, rod, turn


@dataclass(frozen=True)
class Form:
    """Measures of the bowl in metres: x from 0 at its flat back; `power` 2 is round, 8 square."""

    length: float
    width: float
    rim: float
    power: float
    white: Material

    @property
    def outline(self) -> FloatArray:
        """(N, 2) outline of the rim."""
        return oval(self.length, self.width, self.power, 24)


def _porcelain(d: Draw) -> Material:
    kind = d.rng.random()
    if kind < 0.8:
        return d.material("ceramic")
    if kind < 0.89:
        return d.material("ceramic", (d.uniform(0.72, 0.92), d.uniform(0.66, 0.86), d.uniform(0.52, 0.76)))
    if kind < 0.95:
        return d.material("ceramic", [d.uniform(0.03, 0.5)] * 3)
    return d.material("ceramic", (d.uniform(0.3, 0.9), d.uniform(0.4, 0.85), d.uniform(0.4, 0.85)))


def _form(d: Draw) -> Form:
    power = d.uniform(1.9, 3.2) if d.chance(0.7) else d.uniform(3.2, 9)
    return Form(d.uniform(0.38, 0.62), d.uniform(0.32, 0.44), d.uniform(0.33, 0.48), power, _porcelain(d))


def _pedestal(d: Draw, f: Form) -> Mesh:
    """Outside of a bowl on the floor: waisted, straight, skirted or stepped."""
    top, rows, heights = f.outline, [], []
    foot, waist, at = d.uniform(0.45, 0.95), d.uniform(0.4, 0.98), d.uniform(0.15, 0.6)
    narrow, shift = d.uniform(0.7, 1.05), d.uniform(0.0, 0.22) * f.length
    swell = d.uniform(0.6, 1.6)
    for t in (0.0, 0.03, 0.12, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95, 1.0):
        if t < at:
            share = foot + (waist - foot) * math.sin(0.5 * math.pi * t / at)
        else:
            share = waist + (1 - waist) * math.sin(0.5 * math.pi * (t - at) / (1 - at)) ** swell
        blend = min(1.0, max(0.0, (t - at) / (1 - at)))
        rows.append(top * [share, share * (narrow + (1 - narrow) * blend)] + [shift * (1 - share), 0.0])
        heights.append(t * f.rim)
    return loft(rows, heights, f.white)


def _hung(d: Draw, f: Form) -> list[Mesh]:
    """Outside of a bowl that hangs on the wall."""
    drop, foot = min(d.uniform(0.2, 0.36), f.rim - 0.06), d.uniform(0.35, 0.85)
    top = f.outline
    shares = [foot + (1 - foot) * math.sin(0.5 * math.pi * t) ** d.uniform(0.6, 1.3) for t in (0, 0.2, 0.5, 0.8, 1.0)]
    rows = [top * [s, 0.35 + 0.65 * s] for s in shares]
    heights = [f.rim - drop * (1 - t) for t in (0, 0.2, 0.5, 0.8, 1.0)]
    return [loft(rows, heights, f.white), prism(rows[0], heights[0], heights[0] + 0.01, f.white)]


def _inside(d: Draw, f: Form) -> list[Mesh]:
    """The hollow of the bowl with water at its bottom."""
    top = f.outline
    middle = np.array([f.length * d.uniform(0.5, 0.6), 0.0])
    inner = [middle + (top - middle) * s for s in (d.uniform(0.7, 0.86), 0.6, 0.25)]
    deep = d.uniform(0.12, 0.2)
    water = d.material("plastic", (d.uniform(0.5, 0.8), d.uniform(0.6, 0.85), d.uniform(0.65, 0.9)))
    hollow = loft([top, *inner], [f.rim, f.rim, f.rim - deep * 0.5, f.rim - deep], f.white)
    return [hollow, prism(inner[2], f.rim - deep - 0.01, f.rim - deep + 0.005, water)]


def _seat_material(d: Draw, white: Material) -> Material:
    kind = d.rng.random()
    if kind < 0.6:
        return white
    if kind < 0.72:
        return d.material("wood")
    if kind < 0.84:
        return d.material("plastic", [d.uniform(0.02, 0.25)] * 3)
    return d.material("plastic", None if kind > 0.92 else [d.uniform(0.8, 0.97)] * 3)


def _seat(d: Draw, f: Form, upright: float) -> list[Mesh]:
    """Ring and lid: down, lid up, both up, lid half up, no lid, or nothing; `upright` is the farthest a lid leans."""
    stuff, thick = _seat_material(d, f.white), d.uniform(0.015, 0.04)
    outline = oval(f.length * d.uniform(0.88, 0.97), f.width * d.uniform(0.96, 1.06), f.power, 24)
    outline[:, 0] += f.length * 0.05
    hole = outline.mean(0) + (outline - outline.mean(0)) * d.uniform(0.55, 0.72)
    hinge = float(outline[:, 0].min())
    steps = ((outline, 0.0), (outline, thick), (hole, thick), (hole, 0.0))
    ring = loft([o for o, _ in steps], [f.rim + z for _, z in steps], stuff)
    flat = prism(outline - [hinge, 0.0], 0.0, d.uniform(0.012, 0.035), stuff)
    dome = d.uniform(0.0, 0.02)
    kind = d.rng.random()
    if kind < 0.06:
        return []
    if kind < 0.14:
        return [ring]
    if kind < 0.52:
        lid = move(flat, hinge, 0, f.rim + thick)
        lid.vertices[:, 2] += np.float32(dome) * (lid.vertices[:, 2] > f.rim + thick + 0.01)
        return [ring, lid]
    lean = upright - d.uniform(0.0, 0.12) if kind < 0.93 else d.uniform(0.5, 1.2)
    lid = move(turn(flat, "y", -lean), hinge + 0.02, 0, f.rim + thick)
    if kind < 0.84:
        return [ring, lid]
    raised = move(turn(move(ring, -hinge, 0, -f.rim), "y", -lean), hinge + 0.05, 0, f.rim + thick)
    return [raised, lid]


def _flush(d: Draw, top: FloatArray, deep: float, wide: float, tall: float) -> list[Mesh]:
    """Button, two, lever at the front or side, or a pull on the lid of a tank whose lid's middle is `top`."""
    metal = d.material("metal", [d.uniform(0.55, 0.9)] * 3) if d.chance(0.8) else d.material("plastic")
    kind, r = d.integer(0, 4), d.uniform(0.015, 0.035)
    if kind == 0:
        return [rod(top, top + np.array([0, 0, 0.012]), r, metal, sides=12)]
    if kind == 1:
        return [box((2 * r, r * 1.4, 0.012), top + np.array([0, s * r, 0.004]), metal) for s in (-1, 1)]
    if kind == 2:
        at = np.array([top[0] + deep / 2 + 0.01, d.pick((-1, 1)) * wide * d.uniform(0.2, 0.4), top[2] - tall * 0.2])
        return [box((0.02, d.uniform(0.05, 0.11), 0.018), at, metal)]
    if kind == 3:
        side = d.pick((-1, 1))
        at = np.array([top[0], side * (wide / 2 + 0.01), top[2] - tall * 0.2])
        return [box((d.uniform(0.05, 0.1), 0.02, 0.018), at, metal)]
    return [rod(top, top + np.array([0, 0, 0.035]), 0.012, metal, sides=8)]


def _tank(d: Draw, f: Form) -> tuple[list[Mesh], float]:
    """A tank of any proportion right behind the bowl, from the rim or from the floor up; and how far a lid may lean."""
    tall, wide, deep = d.uniform(0.18, 0.5), f.width * d.uniform(0.8, 1.35), d.uniform(0.11, 0.24)
    low = f.rim - d.uniform(-0.03, 0.12)
    if d.chance(
        0.25
    ):  # to the floor: narrower than a bowl and low, or it would be a walled-in block, which test homes keep
        low, tall, wide = 0.0, min(tall, 0.32), f.width * d.uniform(0.6, 0.95)
    high = f.rim + tall
    x = -deep / 2 + d.uniform(0.0, 0.03)
    kind, power = d.rng.random(), d.uniform(3.0, 12)
    cover = f.white if d.chance(0.93) else d.material("plastic")
    if kind < 0.35:
        parts = [cushion((deep, wide, high - low), (x, 0, (high + low) / 2), cover, power + 3)]
    elif kind < 0.6:
        parts = [box((deep, wide, high - low), (x, 0, (high + low) / 2), cover)]
    else:
        ring = oval(deep, wide, power, 24)
        ring[:, 0] += x - deep / 2
        flare = d.uniform(0.7, 1.1)
        mean = ring.mean(0)
        rows = [mean + (ring - mean) * s for s in (min(flare, 1.0), (1 + flare) / 2, 1.0, max(flare, 0.95))]
        parts = [loft(rows, [low, low + (high - low) * 0.3, low + (high - low) * 0.7, high], cover)]
    lid = d.uniform(0.012, 0.06)
    size = (deep + d.uniform(0.0, 0.035), wide + d.uniform(0.0, 0.04), lid)
    parts.append(cushion(size, (x, 0, high + lid * 0.3), cover, 12) if d.chance(0.7) else
                 box(size, (x, 0, high + lid * 0.4), cover))  # fmt: skip
    if low > 0.05:
        parts.append(box((deep + 0.08, f.width * d.uniform(0.45, 0.9), 0.12), (x + 0.05, 0, f.rim - 0.06), f.white))
    parts += _flush(d, np.array([x, 0.0, high + lid * 0.8]), deep, wide, tall)
    return parts, math.radians(97 if tall > 0.3 else 105)


def _pipes(d: Draw, f: Form) -> list[Mesh]:
    """Water pipe at the side and drain at the back."""
    metal, y = d.material("metal"), d.pick((-1, 1)) * f.width * d.uniform(0.35, 0.55)
    parts = [bar([(-0.14, y, 0.0), (-0.14, y, d.uniform(0.1, 0.3)), (-0.1, y * 0.8, f.rim)], 0.007, metal, 6)]
    if d.chance(0.4):
        parts.append(rod((-0.15, 0, 0.18), (0.08, 0, 0.18), d.uniform(0.04, 0.06), f.white, sides=12))
    return parts


def _behind(d: Draw, f: Form) -> list[Mesh]:
    """What is behind a bowl that has no tank: a hinge, an electric seat, a flush pipe or a plate on the wall."""
    kind, tall = d.pick((0, 0, 1, 2, 3, 3, 3, 3)), d.uniform(0.03, 0.16)
    parts = [
        cushion((d.uniform(0.1, 0.2), f.width * d.uniform(0.7, 1.05), tall), (0.05, 0, f.rim + tall / 2), f.white, 7)
    ]
    metal = d.material("metal", [d.uniform(0.3, 0.9)] * 3)
    if kind == 0:
        dark = d.material("plastic", [d.uniform(0.1, 0.6)] * 3)
        parts.append(box((0.14, 0.05, 0.03), (0.13, f.width * 0.54, f.rim + 0.04), f.white))
        parts.append(box((0.1, 0.03, 0.006), (0.13, f.width * 0.54, f.rim + 0.058), dark))
    elif kind == 1:
        high = f.rim + d.uniform(0.15, 0.5)
        parts.append(
            bar([(0.03, 0, f.rim), (0.03, 0, high), (0.0, d.uniform(-0.08, 0.08), high + 0.03)], 0.014, metal, 8)
        )
    elif kind == 2:
        size = (0.015, d.uniform(0.16, 0.28), d.uniform(0.11, 0.18))
        parts.append(box(size, (0.008, 0, d.uniform(0.8, 1.1)), d.pick((f.white, metal))))
    return parts


def toilet(d: Draw) -> tuple[Mesh, str]:
    """Any toilet and its mounting: "floor", or "against_wall" where its back belongs at a wall."""
    f = _form(d)
    kind = d.rng.random()
    if kind < 0.68:
        tank, lean = _tank(d, f)
        parts = [_pedestal(d, f), *_inside(d, f), *tank, *_seat(d, f, lean)]
        if d.chance(0.35):
            parts += _pipes(d, f)
        mounting = "floor"
    else:
        body = _hung(d, f) if kind < 0.85 else [_pedestal(d, f)]
        if kind >= 0.85 and d.chance(0.6):
            body.append(cushion((0.24, f.width * d.uniform(0.6, 0.95), f.rim), (0.1, 0, f.rim / 2), f.white, 10))
        parts = [*body, *_inside(d, f), *_behind(d, f), *_seat(d, f, math.radians(100))]
        mounting = "against_wall"
    mesh = merge(parts)
    low, high = mesh.bounds()
    return move(mesh, -(low[0] + high[0]) / 2), mounting
