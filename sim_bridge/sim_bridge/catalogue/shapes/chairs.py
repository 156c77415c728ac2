# SPDX-License-Identifier: Apache-2.0
"""Chairs of any kind: any base, seat, back and arms, drawn apart from each other.

Not among them are what test homes keep for themselves: no wings at the back, no runners that rock, no bent hoops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim_bridge.catalogue.shapes import chair_backs, chair_bases
from sim_bridge.catalogue.shapes.chair_backs import Back, lean_back
from sim_bridge.catalogue.shapes.parts import (
    Stand,
    another,
    drape,
    extrude_y,
    finish,
    four_legs,
    frame_of,
    slab,
    tufted,
    warp,
)
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import (
    bar,
    box,
    cushion,
    merge,
    move,
    pillow,
    plate,
    prism,
    rod,
    rounded_outline,
    sheet,
    turn,
)


@dataclass(frozen=True)
class Form:
    """Measures of the seat (metres) and of the back (height above the seat, lean in radians)."""

    depth: float
    width: float
    seat: float
    rise: float
    lean: float


def _form(d: Draw) -> Form:
    kind = d.rng.random()
    if kind < 0.12:  # at a bar
        return Form(d.uniform(0.33, 0.45), d.uniform(0.34, 0.5), d.uniform(0.58, 0.8), d.uniform(0.2, 0.45),
                    d.uniform(0, 0.25))  # fmt: skip
    if kind < 0.3:  # to lounge in
        return Form(d.uniform(0.45, 0.62), d.uniform(0.48, 0.7), d.uniform(0.28, 0.44), d.uniform(0.38, 0.8),
                    d.uniform(0.15, 0.6))  # fmt: skip
    return Form(d.uniform(0.36, 0.54), d.uniform(0.35, 0.56), d.uniform(0.4, 0.52), d.uniform(0.24, 0.72),
                d.uniform(0.0, 0.35))  # fmt: skip


def _seat(d: Draw, f: Form, frame: Material, cover: Material) -> tuple[list[Mesh], float]:
    """The seat and how thick it is below `f.seat`."""
    kind = d.rng.random()
    if kind < 0.3:
        thick, power = d.uniform(0.012, 0.05), d.pick((2.0, 2.6, 4.0, 8.0, 20.0, 20.0))
        parts = [prism(rounded_outline(f.depth, f.width, power), f.seat - thick, f.seat, frame)]
    elif kind < 0.4:
        count, thick = d.integer(3, 9), d.uniform(0.012, 0.03)
        wide = f.depth / count
        at = (np.arange(count) - (count - 1) / 2) * wide
        size = (wide * d.uniform(0.6, 0.95), f.width, thick)
        parts = [box(size, (float(x), 0, f.seat - thick / 2), frame) for x in at]
        parts += [box((f.depth, 0.02, 0.03), (0, y * f.width, f.seat - 0.03), frame) for y in (-0.45, 0.45)]
    else:
        thick = d.uniform(0.025, 0.16)
        power = d.uniform(2.2, 14)
        parts = [cushion((f.depth, f.width, thick), (0, 0, f.seat - thick / 2), cover, power)]
    taper = d.uniform(-0.1, 0.28) if d.chance(0.5) else 0.0
    if taper:
        parts = [warp(m, lambda v: v * np.column_stack([np.ones(len(v)), 1 + taper * v[:, 0] / f.depth,
                                                        np.ones(len(v))])) for m in parts]  # fmt: skip
    if kind < 0.4 and d.chance(0.35):
        soft = d.uniform(0.03, 0.08)
        parts.append(
            cushion((f.depth * 0.95, f.width * 0.94, soft), (0, 0, f.seat + soft * 0.3), cover, d.uniform(3, 9))
        )
    return parts, thick


def _arms(d: Draw, f: Form, frame: Material, cover: Material) -> list[Mesh]:
    """Arms of one kind on both sides: on posts, bent bars, boards, padded blocks."""
    top, deep, y = f.seat + d.uniform(0.12, 0.3), f.depth * d.uniform(0.5, 1.05), f.width / 2 + d.uniform(0.0, 0.05)
    kind, thick = d.integer(0, 5), d.uniform(0.015, 0.06)
    rest = another(d, frame, lambda: cover, 0.3)
    ahead, parts = d.uniform(-0.02, 0.06), []
    back = -f.depth / 2 - 0.05
    foot = d.uniform(0.0, f.seat) if d.chance(0.4) else f.seat - 0.06
    drop = d.uniform(0.0, 0.1)
    for s in (-1, 1):
        if kind == 0:  # a plank on one or two posts
            parts.append(box((deep, thick * 2 + 0.02, thick), (back + deep / 2, s * y, top), rest))
            parts.append(rod((back + deep - 0.04, s * y, foot), (back + deep - 0.04, s * y, top), thick * 0.6, frame))
        elif kind == 1:  # a bent bar
            line = [(f.depth / 2 + ahead, s * y, foot), (f.depth / 2 + ahead, s * y, top - drop), (back, s * y, top)]
            parts.append(bar(line, thick * 0.5, frame))
        elif kind == 2:  # a T
            parts.append(
                rod((-0.03, s * f.width * 0.4, f.seat - 0.04), (-0.03, s * y, top), thick * 0.6, frame, sides=6)
            )
            parts.append(slab(d, (deep * 0.7, 0.05 + thick, 0.02 + thick * 0.4), (0.0, s * y, top), rest))
        elif kind == 3:  # a board down to the seat or to the floor
            low = 0.0 if foot < f.seat - 0.06 else f.seat - 0.08
            parts.append(box((deep, thick * 0.8, top - low), (back + deep / 2, s * y, (top + low) / 2), frame))
        elif kind == 4:  # a padded block
            fat = 0.05 + thick
            parts.append(cushion((deep, fat, top - f.seat + 0.12), (back + deep / 2, s * (y + fat / 2 - 0.02),
                                 (top + f.seat - 0.12) / 2), cover, d.uniform(4, 12)))  # fmt: skip
        else:  # a loop
            x = f.depth * 0.35
            line = [(x, s * y, f.seat - 0.03), (x + ahead, s * y, top), (back + 0.1, s * y, top - drop),
                    (back + 0.14, s * y, f.seat - 0.03)]  # fmt: skip
            parts.append(bar(line, thick * 0.45, frame))
    return parts


def _any_chair(d: Draw) -> list[Mesh]:
    f = _form(d)
    frame, cover = frame_of(d), d.cover()
    if d.chance(0.12):
        cover = frame
    seat, thick = _seat(d, f, another(d, frame, lambda: frame_of(d), 0.15), cover)
    base = d.pick(chair_bases.BASES)
    parts = seat + base(d, Stand(f.depth, f.width, f.seat - thick * 0.7), another(d, frame, lambda: frame_of(d), 0.25))
    b = Back(f.width * d.uniform(0.8, 1.1), f.rise, d.uniform(0.0, 0.1) if d.chance(0.6) else 0.0,
             another(d, frame, lambda: frame_of(d), 0.12), another(d, cover, d.cover, 0.15))  # fmt: skip
    back = d.pick(chair_backs.BARE if d.chance(0.5) else chair_backs.SOFT)(d, b)
    if f.rise > 0.4 and d.chance(0.15):
        back = merge([back, *chair_backs.headrest(d, b)])
    parts.append(lean_back(back, f.lean, -f.depth / 2 + d.uniform(-0.02, 0.04), f.seat - thick * 0.5))
    if d.chance(0.42):
        parts += _arms(d, f, another(d, frame, lambda: frame_of(d), 0.15), cover)
    if f.seat > 0.56 and d.chance(0.6):
        z = f.seat * d.uniform(0.25, 0.5)
        parts.append(rod((f.depth / 2, -f.width * 0.45, z), (f.depth / 2, f.width * 0.45, z), 0.012, frame, sides=6))
    return parts + _dressing(d, f)


def _dressing(d: Draw, f: Form) -> list[Mesh]:
    """A cloth or coat over the back, a cushion or a thing on the seat: mostly nothing."""
    parts: list[Mesh] = []
    if d.chance(0.1):
        x = -f.depth / 2 - math.sin(f.lean) * f.rise
        long = d.uniform(0.15, 0.9) * (f.rise + 0.2)
        ridge = (x, d.uniform(-0.06, 0.06), f.seat + math.cos(f.lean) * f.rise)
        parts.append(drape(d, ridge, long * d.uniform(0.3, 1.0), long, f.width * d.uniform(0.5, 1.15)))
    if d.chance(0.12):
        edge = f.width * d.uniform(0.6, 0.9)
        soft = turn(pillow((edge, edge, d.uniform(0.09, 0.17)), (0, 0, 0), d.cover()), "y", d.uniform(0.7, 1.4))
        parts.append(move(soft, -f.depth * 0.24, d.uniform(-0.03, 0.03), f.seat + edge * 0.45))
    return parts


def _shell_grid(d: Draw, f: Form) -> np.ndarray:
    """Seat and back in one bent surface, (rows, columns, 3)."""
    s, t = np.linspace(0, 1, 12)[:, None], np.linspace(-1, 1, 11)[None, :]
    knee, curl, edge = d.uniform(0.42, 0.62), d.uniform(0.0, 0.2), d.uniform(2.0, 6.0)
    run = np.clip(s / knee, 0, 1)
    up = np.clip((s - knee * 0.88) / (1 - knee * 0.88), 0, 1)
    lip = d.uniform(0.0, 0.06) * np.clip(1 - 5 * s, 0, 1) ** 2
    x = f.depth / 2 - run * f.depth - math.tan(f.lean) * f.rise * up + curl * t**2 * (up + 0.2) * d.uniform(0.3, 1.2)
    z = f.seat - d.uniform(0.01, 0.07) * np.sin(np.pi * run) - lip + f.rise * up**1.2
    rim = curl * np.abs(t) ** d.uniform(2, edge) * np.sin(np.pi * np.clip(0.15 + 0.8 * s, 0, 1)) * d.uniform(0.2, 1.4)
    width = f.width * (1 - d.uniform(0.0, 0.5) * up**2.5 - d.uniform(0.0, 0.25) * (1 - run) ** 3)
    return np.stack(np.broadcast_arrays(x, t * width / 2, z + rim * (1 - up * 0.7)), -1)[:, ::-1]


def _shell_chair(d: Draw) -> list[Mesh]:
    """Moulded, or padded over the mould, on any base."""
    f = _form(d)
    skin = d.material(d.pick(("plastic", "plastic", "plastic", "leather", "fabric", "wood", "metal")))
    frame = another(d, skin, lambda: frame_of(d), 0.8)
    parts = [plate(_shell_grid(d, f), d.uniform(0.006, 0.05), skin)]
    base = d.pick((chair_bases.wires, chair_bases.wires, *chair_bases.BASES))
    parts += base(d, Stand(f.depth * 0.8, f.width * 0.8, f.seat - 0.04), frame)
    if d.chance(0.25):
        soft = d.uniform(0.03, 0.07)
        pad = cushion((f.depth * 0.8, f.width * 0.7, soft), (0.0, 0, f.seat), d.cover(), 3.5)
        parts.append(pad)
    if d.chance(0.3):
        parts += _arms(d, f, frame, skin)
    return parts + _dressing(d, f)


def _around(d: Draw, radius: float, low: float, arm: float, top: float) -> np.ndarray:
    """Outline rows of a back that runs into the arms, (5, columns, 3): a tub or a barrel, round or squarish in plan."""
    opening, thick = d.uniform(45, 100), d.uniform(0.03, 0.13)
    angle = np.linspace(math.radians(opening), math.radians(360 - opening), 17)
    level = np.clip(0.5 - 0.5 * np.cos(angle), 0, 1) ** d.uniform(0.6, 5.0)
    height, power = arm + (top - arm) * level, d.uniform(2.0, 5.0)
    scale = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)
    flare, rows = d.uniform(-0.05, 0.2), []
    for r, up in (
        (radius, 0.0),
        (radius, 1.0),
        (radius - thick / 2, 1.0),
        (radius - thick, 1.0),
        (radius - thick, 0.0),
    ):
        reach = r * (1 + flare * up) * scale
        crown = 0.02 if r == radius - thick / 2 else 0.0
        rows.append(np.stack([reach * np.cos(angle), reach * np.sin(angle), low + up * (height - low) + crown], 1))
    return np.stack(rows)


def _barrel_chair(d: Draw) -> list[Mesh]:
    """The back runs around the seat and down into the arms."""
    radius, seat = d.uniform(0.26, 0.44), d.uniform(0.34, 0.5)
    low = d.uniform(0.02, 0.3) if d.chance(0.7) else seat - 0.1
    arm = seat + d.uniform(0.05, 0.3)
    cover, frame = d.cover(), frame_of(d)
    wall = _around(d, radius, low, arm, arm + d.uniform(0.0, 0.4))
    parts = [sheet(wall, another(d, cover, d.cover, 0.15))]
    ends = [np.stack([wall[:2, k], wall[:2:-1, k]]) for k in (0, -1)]
    parts += [sheet(e if k else e[::-1], cover) for k, e in enumerate(ends)]
    thick = d.uniform(0.06, 0.2)
    parts.append(prism(rounded_outline(radius * 1.85, radius * 1.85, 2.6), low, max(seat - thick, low + 0.02), cover))
    pad = cushion(
        (radius * 1.75, radius * 1.7, thick), (0.03, 0, seat - thick / 2), another(d, cover, d.cover, 0.2), 3.5
    )
    parts.append(pad)
    base = d.pick((chair_bases.legs, chair_bases.legs, chair_bases.star, chair_bases.pedestal, chair_bases.wires))
    if low > 0.04:
        parts += base(d, Stand(radius * 1.5, radius * 1.5, low + 0.01), frame)
    return parts + _dressing(d, Form(radius * 1.6, radius * 1.6, seat, 0.3, 0.1))


def _armchair(d: Draw) -> list[Mesh]:
    """For one, padded all around, up to 95 cm wide; some recline with the footrest out."""
    cover, width, depth = d.cover(), d.uniform(0.46, 0.64), d.uniform(0.5, 0.7)
    seat, leg, pad = d.uniform(0.34, 0.48), d.uniform(0.0, 0.2), d.uniform(0.08, 0.2)
    arm, arm_top = d.uniform(0.06, 0.155), seat + d.uniform(0.06, 0.28)
    rise, lean, thick = d.uniform(0.35, 0.75), d.uniform(0.02, 0.6), d.uniform(0.1, 0.24)
    whole = width + 2 * arm
    second = another(d, cover, d.cover, 0.15)
    deck = seat - pad * 0.9
    parts = [slab(d, (depth, whole - 0.01, max(deck - leg, 0.04)), (0, 0, (deck + leg) / 2), cover)]
    parts.append(cushion((depth, width * 0.99, pad), (0.03, 0, seat - pad / 2), second, d.uniform(3.5, 10)))
    size = (thick, d.pick((width, width, whole)), rise + pad)
    soft = (
        move(tufted(d, size, (d.integer(1, 4), d.integer(2, 6)), second), -thick / 2)
        if d.chance(0.25)
        else cushion(size, (0, 0, size[2] / 2), second, d.uniform(3, 10))
    )
    parts.append(lean_back(soft, lean, -depth / 2 + thick / 2, seat - pad))
    slope, rolled = d.uniform(-0.1, 0.1), d.chance(0.25)
    for s in (-1, 1):
        y = s * (width + arm) / 2
        tall = arm_top - leg
        part = cushion((depth * 1.02, arm, tall), (0.0, y, leg + tall / 2), cover, d.uniform(3.5, 14))
        part.vertices[:, 2] += (slope * part.vertices[:, 0] * (part.vertices[:, 2] > leg + tall / 2)).astype(np.float32)
        parts.append(part)
        if rolled:
            parts.append(rod((-depth * 0.5, y, arm_top), (depth * 0.5, y, arm_top), arm * 0.6, cover, sides=10))
    if leg > 0.015:
        parts += d.pick((four_legs, four_legs, _block_feet))(d, Stand(depth * 0.95, whole * 0.95, leg + 0.02),
                                                             frame_of(d), d.uniform(0.03, 0.06))  # fmt: skip
    if d.chance(0.12):
        parts.append(_footrest(d, depth, width, seat, cover))
    return parts + _dressing(d, Form(depth, width, seat, rise, lean))


def _block_feet(d: Draw, s: Stand, material: Material, thick: float) -> list[Mesh]:
    return [box((s.depth * 0.9, s.width * d.uniform(0.6, 0.95), s.height), (0, 0, s.height / 2), material)]


def _footrest(d: Draw, depth: float, width: float, seat: float, cover: Material) -> Mesh:
    long = d.uniform(0.25, 0.45)
    rest = cushion((long, width, 0.1), (long / 2, 0, 0), cover, 5)
    return move(turn(rest, "y", d.uniform(-0.1, 0.5)), depth / 2, 0, seat - 0.07)


def _sling_chair(d: Draw) -> list[Mesh]:
    """A cloth hung in a frame: deck, director's, camping and lounge chairs."""
    frame, cloth = frame_of(d), d.material(d.pick(("fabric", "fabric", "leather")))
    width, r = d.uniform(0.45, 0.62), d.uniform(0.009, 0.022)
    front, low, rear, top = d.uniform(0.25, 0.5), d.uniform(0.16, 0.36), -d.uniform(0.3, 0.6), d.uniform(0.7, 1.05)
    nose = low + d.uniform(0.0, 0.16)
    s = np.linspace(0, 1, 12)
    x = front + (rear - front) * s
    z = nose * (1 - s) ** 2 + 2 * (1 - s) * s * (2 * low - 0.5 * nose - 0.5 * top) + top * s**2
    z = np.maximum(z, 0.12)
    sag = d.uniform(0.0, 0.06)
    t = np.linspace(1, -1, 7)[None, :]
    grid = np.stack(np.broadcast_arrays(x[:, None], t * width / 2, z[:, None] - sag * (1 - t**2)), -1)
    parts = [plate(grid, 0.006, cloth)]
    sides = d.pick((4, 8))
    for sy in (-1, 1):
        y = sy * width / 2
        parts.append(rod((front, y, nose), (rear * 0.9, y, 0.01), r, frame, sides=sides))
        parts.append(rod((front * 0.8, y * 0.96, 0.01), (rear, y * 0.96, top), r, frame, sides=sides))
        if d.chance(0.4):
            arm = float(np.interp(0.0, x[::-1], z[::-1])) + 0.2
            parts.append(box((0.5, 0.05, 0.022), (-0.03, y * 1.03, arm), frame))
            parts.append(rod((0.15, y * 1.03, arm), (0.1, y * 1.03, 0.02), r, frame, sides=sides))
    for at, height in ((front, nose), (rear, top), (rear * 0.9, 0.02), (front * 0.8, 0.02)):
        parts.append(rod((at, -width / 2, height), (at, width / 2, height), r, frame, sides=sides))
    return parts


def _garden_chair(d: Draw) -> list[Mesh]:
    """One stuff throughout, as the plastic chairs of every terrace: pierced back, arms that run into the legs."""
    stuff = d.material(d.pick(("plastic", "plastic", "plastic", "metal", "wood")))
    f = Form(
        d.uniform(0.4, 0.5), d.uniform(0.42, 0.54), d.uniform(0.36, 0.45), d.uniform(0.34, 0.62), d.uniform(0.1, 0.35)
    )
    bow, top, y = d.uniform(0.03, 0.12), f.seat + d.uniform(0.18, 0.25), f.width / 2
    seat = cushion((f.depth, f.width, 0.03), (0, 0, f.seat), stuff, 6)
    b = Back(f.width, f.rise, bow, stuff, stuff)
    back = d.pick((chair_backs.spindles, chair_backs.ladder, chair_backs.board, chair_backs.window))(d, b)
    parts = [seat, lean_back(back, f.lean, -f.depth / 2, f.seat - 0.02)]
    wide = d.uniform(0.03, 0.07)
    for s in (-1, 1):
        outline = [(0.0, 0.0), (wide, 0.0), (wide + 0.02, top), (-0.02, top)]
        parts.append(move(extrude_y(outline, -0.012, 0.012, stuff), f.depth * 0.38, s * (y + 0.03), 0))
        parts.append(cushion((f.depth * 1.15, wide + 0.02, 0.025), (-0.04, s * (y + 0.03), top), stuff, 5))
        parts.append(rod((-f.depth * 0.62, s * y, 0), (-f.depth * 0.42, s * y, f.seat), 0.024, stuff, 0.032, sides=6))
    return parts + _dressing(d, f)


def _stacked(d: Draw, mesh: Mesh) -> Mesh:
    """Two to five of one chair in each other, or the one."""
    if not d.chance(0.05) or len(mesh.faces) > 1400:
        return mesh
    step, back = d.uniform(0.06, 0.14), d.uniform(0.0, 0.05)
    return merge([move(mesh, -k * back, 0, k * step) for k in range(d.integer(2, 4))])


def chair(d: Draw) -> Mesh:
    """Any chair: one seat with a back."""
    kind = d.rng.random()
    shares = ((0.5, _any_chair), (0.63, _shell_chair), (0.73, _barrel_chair), (0.88, _armchair), (0.94, _sling_chair))
    make = next((builder for below, builder in shares if kind < below), _garden_chair)
    return finish([_stacked(d, merge(make(d)))])
