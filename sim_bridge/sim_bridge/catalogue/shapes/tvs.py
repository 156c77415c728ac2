# SPDX-License-Identifier: Apache-2.0
"""Televisions and monitors of any size, thickness and stand, screen towards +x; landscape only.

Not among them are what test homes keep for themselves: screens are flat in plan (a tube's bulge is at most two
centimetres), a bezel is at most a tenth of the width and never a shelf around the screen, and no cabinet with legs and
loudspeaker cloth holds it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim_bridge.catalogue.shapes.parts import frame_of
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, cushion, merge, move, prism, quad, rod, rounded_outline, sheet, turn


@dataclass(frozen=True)
class Panel:
    """Width, height and thickness of a set in metres, and what its case is made of."""

    width: float
    height: float
    thick: float
    case: Material


def _case(d: Draw) -> Material:
    kind = d.rng.random()
    if kind < 0.66:
        return d.material("plastic", [d.uniform(0.01, 0.16)] * 3)
    if kind < 0.84:
        return d.material(d.pick(("metal", "plastic")), [d.uniform(0.35, 0.95)] * 3)
    return d.material(d.pick(("plastic", "metal")))


def _flat(d: Draw, monitor: bool) -> Panel:
    width = d.uniform(0.38, 0.8) if monitor else math.exp(d.uniform(math.log(0.45), math.log(2.0)))
    ratio = d.uniform(0.52, 0.6) if d.chance(0.75) else d.uniform(0.4, 0.78)
    return Panel(width, width * ratio, d.uniform(0.008, 0.04) if d.chance(0.6) else d.uniform(0.04, 0.13), _case(d))


def _front(d: Draw, p: Panel) -> list[Mesh]:
    """Case, glass and back of a flat set; lower edge at z = 0, front at x = 0."""
    side = d.uniform(0.002, 0.02) if d.chance(0.6) else d.uniform(0.02, max(0.022, min(0.05, 0.06 * p.width)))
    above, chin = side * d.uniform(0.6, 1.2), min(side * d.uniform(0.8, 3.5), 0.08 * p.width)
    wide, tall = p.width - 2 * side, p.height - above - chin
    parts = [
        box((p.thick, p.width, p.height), (-p.thick / 2, 0, p.height / 2), p.case),
        quad((0.0015, -wide / 2, chin), (0, wide, 0), (0, 0, tall), d.material("screen"), fit=True),
    ]
    if d.chance(0.7):
        deep, share = d.uniform(0.01, 0.09), d.uniform(0.3, 0.9)
        size = (deep, p.width * share, p.height * d.uniform(0.3, 0.8))
        parts.append(box(size, (-p.thick - deep / 2, 0, p.height * 0.45), p.case))
    if d.chance(0.25):
        mark = d.material("metal" if d.chance(0.5) else "plastic", [d.uniform(0.4, 0.95)] * 3)
        parts.append(box((0.004, p.width * d.uniform(0.02, 0.08), chin * 0.35), (0.001, 0, chin * 0.5), mark))
    if d.chance(0.08):
        bar_ = d.uniform(0.04, 0.1)
        parts.append(box((0.04, p.width * 0.95, bar_), (-0.01, 0, -bar_ / 2), p.case))
    return parts


def _foot(d: Draw, p: Panel, lift: float) -> list[Mesh]:
    """A neck on a plate in the middle, a bent bar, or two feet near the ends."""
    stuff = p.case if d.chance(0.5) else frame_of(d)
    kind, x, base = d.rng.random(), -p.thick / 2, d.uniform(0.15, 0.3)
    if kind < 0.5:
        neck, wide = d.uniform(0.02, 0.35) * p.width, p.width * d.uniform(0.2, 0.75)
        plate = prism(rounded_outline(base, wide, d.uniform(2, 12)), 0, d.uniform(0.006, 0.03), stuff)
        column = box((0.03, neck, lift + p.height * 0.3), (x - 0.03, 0, (lift + p.height * 0.3) / 2), stuff)
        return [move(plate, x), column]
    y, r = p.width * d.uniform(0.2, 0.46), d.uniform(0.005, 0.014)
    parts = []
    for s in (-1, 1):
        if kind < 0.8:
            top = (x, s * y * d.uniform(0.9, 1.0), lift + 0.03)
            parts += [rod((x + e * base / 2, s * y, r), top, r, stuff, sides=5) for e in (-1, 1)]
        else:
            parts.append(box((base, 0.02 + r, 0.012), (x, s * y, 0.006), stuff))
            parts.append(box((0.025, 0.02 + r, lift + 0.02), (x, s * y, lift / 2), stuff))
    return parts


def _table_set(d: Draw) -> tuple[Mesh, str]:
    """On a foot or feet, for a table or cabinet; perhaps with a sound bar before it or a box below."""
    monitor = d.chance(0.3)
    p = _flat(d, monitor)
    lift = d.uniform(0.06, 0.2) if monitor else d.uniform(0.015, 0.13)
    body = merge(_front(d, p))
    if d.chance(0.25):
        body = turn(body, "y", -d.uniform(0.02, 0.2), (0, 0, p.height / 2))
    parts = [move(body, 0, 0, lift - min(body.bounds()[0, 2], 0.0)), *_foot(d, p, lift)]
    if d.chance(0.12):
        long, tall = p.width * d.uniform(0.4, 1.0), d.uniform(0.04, 0.09)
        cloth = d.material(d.pick(("fabric", "plastic")), [d.uniform(0.02, 0.4)] * 3)
        parts.append(cushion((0.08, long, tall), (d.uniform(0.08, 0.16), 0, tall / 2), cloth, d.uniform(6, 14), 12, 6))
    return _grounded(merge(parts)), "surface"


def _wall_set(d: Draw) -> tuple[Mesh, str]:
    """On the wall: flat, or tilted or turned on an arm."""
    p = _flat(d, False)
    body = merge(_front(d, p))
    gap = d.uniform(0.005, 0.05)
    if d.chance(0.35):
        tilt = d.uniform(0.03, 0.3)
        body = turn(body, "y", tilt, (0, 0, p.height / 2))
        body = turn(body, "z", d.uniform(-0.35, 0.35)) if d.chance(0.4) else body
        gap = 0.05 + 0.5 * p.height * math.sin(tilt)
    back = body.bounds()[0, 0]
    arm = box((gap + p.thick, p.width * 0.12, p.height * 0.2), (0, 0, p.height / 2), frame_of(d))
    mesh = merge([body, move(arm, back - gap / 2)])
    return _grounded(mesh), "wall"


def _floor_set(d: Draw) -> tuple[Mesh, str]:
    """On a pole, an easel or a trolley of its own."""
    p, lift, frame = _flat(d, False), d.uniform(0.4, 1.1), frame_of(d)
    parts = [move(m, 0, 0, lift) for m in _front(d, p)]
    x, kind = -p.thick - 0.04, d.integer(0, 2)
    if kind == 0:
        parts.append(rod((x, 0, 0), (x, 0, lift + p.height * 0.5), d.uniform(0.015, 0.04), frame, sides=8))
        parts.append(
            move(prism(rounded_outline(0.42, p.width * d.uniform(0.3, 0.7), d.uniform(2, 9)), 0, 0.02, frame), x)
        )
    elif kind == 1:
        for s in (-1, 1):
            parts.append(
                rod((0.14, s * p.width * 0.38, 0), (x, s * 0.07, lift + p.height * 0.6), 0.016, frame, sides=6)
            )
        parts.append(rod((-0.42, 0, 0), (x, 0, lift + p.height * 0.6), 0.016, frame, sides=6))
    else:
        for s in (-1, 1):
            y = s * p.width * d.uniform(0.15, 0.3)
            parts.append(rod((x, y, 0.05), (x, y, lift + p.height * 0.7), 0.02, frame, sides=6))
            parts.append(box((0.55, 0.04, 0.05), (x, y, 0.05), frame))
        parts.append(box((0.35, p.width * 0.55, 0.02), (x + 0.05, 0, lift * 0.5), frame))
    return _grounded(merge(parts)), "floor"


def _tube_set(d: Draw) -> tuple[Mesh, str]:
    """Deep, with a tube: any proportion, knobs or grilles at the side, below or nowhere."""
    width = d.uniform(0.32, 0.95)
    height, depth = width * d.uniform(0.68, 1.0), width * d.uniform(0.45, 0.95)
    stuff = d.material("wood") if d.chance(0.2) else _case(d)
    front = d.uniform(0.2, 0.75)
    side, rim = d.pick((0.0, 0.0, 0.0, d.uniform(0.08, 0.25))) * width, d.uniform(0.02, 0.09) * width
    below = d.pick((1.0, 1.0, d.uniform(1.0, 3.0))) * rim
    wide, tall = width - 2 * rim - side, height - rim - below
    middle = -side / 2
    parts = [cushion((depth * front, width, height), (-depth * front / 2, 0, height / 2), stuff, 16),
             box((depth * (1 - front) + 0.02, width * d.uniform(0.5, 0.85), height * d.uniform(0.5, 0.8)),
                 (-depth * (1 + front) / 2, 0, height * 0.45), stuff)]  # fmt: skip
    dark = d.material("plastic", [d.uniform(0.02, 0.3)] * 3)
    parts.append(box((0.008, wide + 0.6 * rim, tall + 0.6 * rim), (0.002, middle, below + tall / 2), dark))
    parts.append(_glass(d, (wide, tall), (0.008, middle, below)))
    knob = d.material("metal" if d.chance(0.5) else "plastic")
    if side > 0.06:
        for k in range(d.integer(1, 3)):
            at = (0.0, width / 2 - side / 2 - rim * 0.5, height * (0.82 - 0.17 * k))
            parts.append(rod(at, (0.025, at[1], at[2]), min(side * 0.25, 0.03), knob, sides=10))
    elif below > 1.5 * rim:
        parts.append(box((0.01, wide * 0.4, below * 0.3), (0.002, 0, below * 0.45), knob))
    return _grounded(merge(parts)), "surface"


def _glass(d: Draw, size: tuple[float, float], at: tuple[float, float, float]) -> Mesh:
    """A tube's screen that bulges in both directions, at most two centimetres."""
    s, t = np.linspace(-1, 1, 7)[None, :], np.linspace(-1, 1, 6)[:, None]
    x = at[0] + d.uniform(0.0, 0.02) * (1 - s**2 * 0.6 - t**2 * 0.4)
    grid = np.stack(np.broadcast_arrays(x, at[1] + s * size[0] / 2, at[2] + (t + 1) * size[1] / 2), -1)
    glass = sheet(grid, d.material("screen"))
    corner = glass.vertices[glass.faces]
    glass.uv[..., 0] = (corner[..., 1] - at[1]) / size[0] + 0.5
    glass.uv[..., 1] = 1 - (corner[..., 2] - at[2]) / size[1]
    return glass


def _grounded(mesh: Mesh) -> Mesh:
    low, high = mesh.bounds()
    return move(mesh, -(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2])


def tv(d: Draw) -> tuple[Mesh, str]:
    """Any television and its mounting: "surface", "wall" or "floor"."""
    kind = d.rng.random()
    make = _table_set if kind < 0.46 else _wall_set if kind < 0.76 else _tube_set if kind < 0.92 else _floor_set
    return make(d)
