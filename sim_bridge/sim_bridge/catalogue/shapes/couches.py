# SPDX-License-Identifier: Apache-2.0
"""Couches of any length, form and make: straight, with a chaise, in an L or a U.

Not among them are what test homes keep for themselves: backs are straight along their top (no hump), seats straight in
plan (no curve), and the piece is one body (no separate blocks).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim_bridge.catalogue.shapes.parts import (
    Stand,
    another,
    bumps,
    drape,
    extrude_y,
    finish,
    four_legs,
    frame_of,
    slab,
    tufted,
)
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, box_between, cushion, merge, move, pillow, rod, sheet, turn


@dataclass(frozen=True)
class Form:
    """Measures of a couch in metres, lean in radians; `frame` carries it, `cover` is on it."""

    length: float
    depth: float
    seat: float
    rise: float
    lean: float
    leg: float
    pad: float
    frame: Material
    cover: Material

    @property
    def deck(self) -> float:
        """Height of what the seat cushions lie on."""
        return max(self.seat - self.pad * 0.92, self.leg + 0.02)


def _form(d: Draw) -> Form:
    cover, seat = d.cover(), d.uniform(0.3, 0.52)
    leg = d.uniform(0.0, 0.26) if d.chance(0.75) else 0.0
    pad = d.uniform(0.06, 0.24)
    return Form(
        length=d.uniform(1.15, 1.6) if d.chance(0.2) else d.uniform(1.3, 2.7),
        depth=d.uniform(0.5, 0.85),
        seat=seat,
        rise=d.uniform(0.22, 0.68),
        lean=d.uniform(0.0, 0.45),
        leg=min(leg, seat - min(pad, 0.16) - 0.05),
        pad=min(pad, seat - 0.1),
        frame=frame_of(d),
        cover=cover,
    )


def _deck(d: Draw, f: Form) -> list[Mesh]:
    """What carries the cushions: an upholstered block, a plinth, or an open frame of boards."""
    if f.leg > 0.12 and d.chance(0.35):
        rail = d.uniform(0.03, 0.09)
        parts = [box((f.depth, f.length, rail), (0, 0, f.deck - rail / 2), f.frame)]
        return parts + four_legs(d, Stand(f.depth, f.length * 0.98, f.deck - 0.01), f.frame, d.uniform(0.03, 0.07))
    body = another(d, f.cover, lambda: f.frame, 0.12)
    block = slab(d, (f.depth, f.length, f.deck - f.leg), (0, 0, (f.deck + f.leg) / 2), body)
    if f.leg < 0.015:
        return [block]
    if d.chance(0.2):
        inset = d.uniform(0.75, 0.98)
        return [block, box((f.depth * inset, f.length * inset, f.leg), (0, 0, f.leg / 2), f.frame)]
    legs = four_legs(d, Stand(f.depth * 0.96, f.length * d.uniform(0.8, 0.99), f.leg + 0.02), f.frame,
                     d.uniform(0.025, 0.07))  # fmt: skip
    if f.length > 1.8 and d.chance(0.4):
        legs += [rod((x, 0, 0), (x, 0, f.leg + 0.02), 0.022, f.frame) for x in (-f.depth * 0.4, f.depth * 0.4)]
    return [block, *legs]


def _seats(d: Draw, f: Form, length: float) -> list[Mesh]:
    """One to five cushions side by side, each a little different where they are loose."""
    count = min(d.integer(1, 5), max(1, round(length / 0.42)))
    each, power, loose = length / count, d.uniform(3.0, 14), d.chance(0.3)
    cover, parts = another(d, f.cover, d.cover, 0.12), []
    for i in range(count):
        tall = f.pad * (d.rng.uniform(0.85, 1.1) if loose else 1.0)
        size = (f.depth * 0.99, each * d.rng.uniform(0.96, 0.995), tall)
        part = cushion(size, (0.02, (i - (count - 1) / 2) * each, f.deck + tall / 2), cover, power)
        parts.append(turn(part, "z", d.rng.normal(0, 0.02), (0, (i - (count - 1) / 2) * each, 0)) if loose else part)
    return parts


def _back_wall(d: Draw, f: Form, length: float) -> list[Mesh]:
    """Back of the body: a slab, buttons, channels, boards or bars; it leans."""
    thick, low = d.uniform(0.05, 0.24), f.leg if d.chance(0.6) else f.deck - 0.08
    tall, kind = f.seat + f.rise - low, d.rng.random()
    if kind < 0.6:
        back = cushion((thick, length, tall), (0, 0, tall / 2), f.cover, d.uniform(9, 18))
    elif kind < 0.85:
        cells = (1, d.integer(3, 12)) if d.chance(0.4) else (d.integer(2, 4), d.integer(3, 10))
        back = move(tufted(d, (thick, length, tall), cells, f.cover), -thick / 2)
    else:
        return [_open_back(d, f, length)]
    lean = min(f.lean, 0.25)
    return [move(turn(back, "y", -lean), -f.depth / 2, 0, low)]


def _open_back(d: Draw, f: Form, length: float) -> Mesh:
    """Rails with bars or boards between them, as on garden benches and daybeds."""
    tall, r, across = f.seat + f.rise - f.deck, d.uniform(0.009, 0.025), d.chance(0.4)
    parts = [box((0.035, length, d.uniform(0.03, 0.09)), (0, 0, tall - 0.03), f.frame)]
    ends = [rod((0, s * length / 2, -0.1), (0, s * length / 2, tall), 0.026, f.frame, sides=4) for s in (-1, 1)]
    if across:
        at = np.linspace(0.08, tall - 0.1, d.integer(2, 5))
        parts += [box((0.02, length, 2.5 * r), (0, 0, float(z)), f.frame) for z in at]
    else:
        at = np.linspace(-0.5, 0.5, d.integer(4, 22)) * length
        parts += [rod((0, float(y), 0), (0, float(y), tall - 0.03), r, f.frame, sides=4) for y in at]
    return move(turn(merge(parts + ends), "y", -f.lean * 0.7), -f.depth / 2, 0, f.deck)


def _back_cushions(d: Draw, f: Form, length: float, least: int) -> list[Mesh]:
    """None to six cushions along the back, neat or tumbled."""
    count = max(least, d.integer(0, 6))
    if count == 0:
        return []
    count = min(count, max(1, round(length / 0.36)))
    each, thick, power = length / count, d.uniform(0.1, 0.26), d.uniform(2.3, 10)
    tall, loose = f.rise * d.uniform(0.8, 1.12), d.chance(0.35)
    cover, parts = another(d, f.cover, d.cover, 0.2), []
    for i in range(count):
        soft = cushion((thick, each * 0.97, tall), (0, 0, tall / 2), cover, power)
        soft = turn(soft, "y", -f.lean - 0.08 + (d.rng.normal(0, 0.06) if loose else 0.0))
        if loose:
            soft = turn(soft, "x", d.rng.normal(0, 0.05))
        parts.append(move(soft, -f.depth / 2 + thick * 0.5 + 0.07, (i - (count - 1) / 2) * each, f.seat - 0.02))
    return parts


def _arm(d: Draw, f: Form, kind: int, top: float, thick: float, slope: float) -> Mesh:
    """One arm with its inner face at y = 0, outwards towards +y."""
    x, low = f.depth / 2, f.leg
    if kind == 0:
        return cushion((f.depth * 1.03, thick, top - low), (0, thick / 2, (top + low) / 2), f.cover, d.uniform(4, 14))
    if kind == 1:
        roll = thick * 0.62
        return merge([
            box((f.depth, thick * 0.7, top - roll - low), (0, thick * 0.4, (top - roll + low) / 2), f.cover),
            rod((-x, thick * 0.5, top - roll), (x + 0.01, thick * 0.5, top - roll), roll, f.cover, sides=12),
        ])  # fmt: skip
    if kind == 2:
        outline = [(-x, low), (x, low), (x, top - slope), (-x, top + slope)]
        return extrude_y(outline, 0.0, thick, f.cover)
    if kind == 3:
        flare = d.uniform(0.05, 0.35)
        part = cushion((f.depth, thick, top - low), (0, thick / 2, (top - low) / 2), f.cover, d.uniform(4, 12))
        return move(turn(part, "x", -flare), 0, 0, low)
    if kind == 4:
        soft = cushion((f.depth * 0.95, thick * 1.2, thick * 0.9), (0, thick * 0.5, top - thick * 0.4), f.cover, 3.0)
        tall = top - thick - low
        return merge([box((f.depth, thick * 0.6, tall), (0, thick * 0.5, low + tall / 2), f.cover), soft])
    width = min(0.03 + thick * 0.3, 0.08)
    parts = [box((f.depth * 1.02, width, 0.032), (0, width / 2, top), f.frame)]
    parts += [rod((s * x * 0.9, width / 2, 0), (s * x * 0.9, width / 2, top), 0.024, f.frame, sides=4) for s in (-1, 1)]
    if d.chance(0.4):
        at = np.linspace(-0.6, 0.6, d.integer(2, 6)) * x
        parts += [rod((float(a), width / 2, f.deck), (float(a), width / 2, top), 0.01, f.frame, sides=4) for a in at]
    return merge(parts)


def _arms(d: Draw, f: Form, ends: tuple[int, ...]) -> list[Mesh]:
    """Arms at the given ends (-1 and 1 in y): none, one or both."""
    if d.chance(0.1):
        return []
    kind, top = d.integer(0, 5), f.seat + min(d.uniform(0.03, 0.4), f.rise)
    thick, slope = d.uniform(0.04, 0.32), d.uniform(0.0, 0.09)
    if len(ends) == 2 and d.chance(0.08):
        ends = (d.pick(ends),)
    parts = []
    for end in ends:
        arm = _arm(d, f, kind, top, thick, slope)
        parts.append(move(arm if end > 0 else _mirrored(arm), 0, end * f.length / 2))
    return parts


def _mirrored(mesh: Mesh) -> Mesh:
    """The mesh with y turned to -y."""
    vertices = mesh.vertices * np.array([1, -1, 1], np.float32)
    return Mesh(vertices, mesh.faces[:, ::-1].copy(), mesh.uv[:, ::-1].copy(), mesh.material, mesh.materials)


def _throws(d: Draw, f: Form) -> list[Mesh]:
    """Small cushions that lean or lie, of their own covers."""
    parts = []
    for _ in range(d.integer(1, 6) if d.chance(0.5) else 0):
        edge = d.uniform(0.26, 0.55)
        size = (edge, edge * d.uniform(0.8, 1.5), d.uniform(0.09, 0.2))
        soft = turn(pillow(size, (-edge / 2, 0, 0), d.cover()), "y", math.pi / 2 - d.uniform(0.15, 0.9))
        soft = turn(soft, "z", d.uniform(-0.8, 0.8))
        at = d.uniform(-0.5, 0.5) * max(f.length - 0.5, 0.1)
        parts.append(move(soft, -f.depth / 2 + d.uniform(0.22, 0.42), at, f.seat))
    return parts


def _blanket(d: Draw, f: Form) -> list[Mesh]:
    """A throw over the back or crumpled over seat and front."""
    if not d.chance(0.2):
        return []
    y = d.uniform(-0.35, 0.35) * f.length
    wide = d.uniform(0.3, 0.9) * min(1.2, f.length * 0.6)
    if d.chance(0.5):
        ridge = (-f.depth / 2 - 0.3 * f.lean * f.rise, y, f.seat + f.rise)
        return [drape(d, ridge, d.uniform(0.15, f.rise), d.uniform(0.1, 0.4), wide)]
    x = np.concatenate([np.linspace(-0.3, 0.5, 9) * f.depth, [f.depth * 0.54, f.depth * 0.55]])
    fall = np.concatenate([np.zeros(9), [-0.04, -d.uniform(0.08, 0.3)]])
    z = f.seat + 0.035 + fall[:, None] + np.maximum(bumps(d, 11, 12, 0.014), -0.02)
    ys = y + np.linspace(0.5, -0.5, 12)[None, :] * wide + bumps(d, 11, 12, 0.02)
    grid = np.stack(np.broadcast_arrays(x[:, None], ys, np.maximum(z, 0.01)), -1)
    return [sheet(grid[:, ::-1], d.material("fabric"))]


def _straight(d: Draw, f: Form) -> list[Mesh]:
    parts = _deck(d, f) + _seats(d, f, f.length)
    wall = d.chance(0.85)
    if wall:
        parts += _back_wall(d, f, f.length)
    parts += _back_cushions(d, f, f.length, 0 if wall else 1)
    return parts + _arms(d, f, (-1, 1))


def _wing(d: Draw, f: Form, side: int, reach: float, wide: float) -> list[Mesh]:
    """A seat that reaches forward at one end: a chaise, of one body with the rest."""
    y, x = side * (f.length / 2 - wide / 2), f.depth / 2
    parts = [box_between((x - 0.03, y - wide / 2, f.leg), (x + reach, y + wide / 2, f.deck), f.cover)]
    soft = (f.depth + reach, wide * 0.98, f.pad * 1.02)
    parts.append(cushion(soft, (reach / 2, y, f.deck + f.pad / 2), f.cover, d.uniform(6, 14)))
    if f.leg > 0.015:
        at = (x + reach - 0.08, y)
        parts += [rod((at[0], at[1] + s * wide * 0.4, 0), (at[0], at[1] + s * wide * 0.4, f.leg + 0.02), 0.024, f.frame)
                  for s in (-1, 1)]  # fmt: skip
    return parts


def _side_back(d: Draw, f: Form, side: int, reach: float, thick: float) -> list[Mesh]:
    """A back along the outer side of a wing, as in an L, with cushions before it."""
    low, high, x = f.leg, f.seat + f.rise, f.depth / 2 + reach
    y = side * (f.length / 2 - thick / 2)
    long = x + f.depth / 2
    wall = cushion((long, thick, high - low), (x - long / 2, y, (low + high) / 2), f.cover, 12)
    count, soft = d.integer(1, 3), d.uniform(0.1, 0.2)
    each, tall, parts = reach / count, f.rise * d.uniform(0.8, 1.05), [wall]
    for i in range(count):
        pad = cushion((each * 0.97, soft, tall), (0, 0, tall / 2), f.cover, d.uniform(3, 9))
        pad = turn(pad, "x", -side * 0.15)
        parts.append(move(pad, f.depth / 2 + each * (i + 0.5), y - side * (thick / 2 + soft * 0.6), f.seat - 0.02))
    return parts


def _cornered(d: Draw, f: Form) -> list[Mesh]:
    """Chaise at one end, an L with a second back, or a U."""
    sides = d.pick(((-1,), (1,), (-1,), (1,), (-1, 1)))
    wide = min(d.uniform(0.55, 0.95), f.length * 0.36)
    parts = _deck(d, f) + _back_wall(d, f, f.length)
    run = f.length - wide * len(sides)
    shift = 0.0 if len(sides) == 2 else -sides[0] * wide / 2
    parts += [move(m, 0, shift) for m in _seats(d, f, run)]
    parts += _back_cushions(d, f, f.length * 0.98, 2)
    for side in sides:
        reach = d.uniform(0.4, 1.3)
        parts += _wing(d, f, side, reach, wide)
        if d.chance(0.4):
            parts += _side_back(d, f, side, reach, d.uniform(0.08, 0.2))
    return parts + _arms(d, f, tuple(s for s in (-1, 1) if s not in sides) if d.chance(0.5) else (-1, 1))


def couch(d: Draw) -> Mesh:
    """Any couch: a seat for two or more, with a back."""
    f = _form(d)
    if d.chance(0.25):
        f = Form(max(f.length, 1.7) + 0.2, f.depth, f.seat, f.rise, f.lean, f.leg, f.pad, f.frame, f.cover)
        parts = _cornered(d, f)
    else:
        parts = _straight(d, f)
    return finish(parts + _throws(d, f) + _blanket(d, f))
