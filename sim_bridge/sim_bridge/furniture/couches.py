# SPDX-License-Identifier: Apache-2.0
"""Couches for two or more, front towards +x.

Every split has box couches, couches on legs, with rolled arms, sectionals, loveseats and futons; test homes alone have
camelback, modular and curved ones.
"""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.chairs import four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, box_between, cushion, merge, move, pillow, rod, sheet, turn


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


def loveseat(d: Draw) -> Mesh:
    """Small two-seater with rounded arms, two seat cushions and a skirt or short legs."""
    cover = d.cover()
    inner, depth, seat = d.uniform(1.0, 1.2), d.uniform(0.78, 0.9), d.uniform(0.41, 0.47)
    arm, arm_top, back = d.uniform(0.14, 0.2), d.uniform(0.56, 0.66), d.uniform(0.78, 0.95)
    leg, length = (d.uniform(0.03, 0.1) if d.chance(0.7) else 0.0), inner + 2 * arm
    parts = [cushion((depth, length, seat - 0.12 - leg), (0, 0, (seat - 0.12 + leg) / 2), cover, 16)]
    if leg:
        parts += four_legs(depth * 0.9, length * 0.95, leg + 0.03, 0.05, 0, d.frame(), True)
    for i in (-1, 1):
        parts.append(cushion((depth - 0.1, inner / 2 * 0.985, 0.17), (0.06, i * inner / 4, seat - 0.07), cover, 5))
        pad = cushion((0.2, inner / 2 * 0.98, back - seat + 0.06), (0, 0, (back - seat) / 2), cover, 3.5)
        parts.append(move(turn(pad, "y", -0.18), -depth / 2 + 0.2, i * inner / 4, seat - 0.02))
        y = i * (length / 2 - arm / 2)
        parts.append(cushion((depth, arm, arm_top - leg), (0, y, (arm_top + leg) / 2), cover, d.uniform(3.5, 6)))
    tall = back - leg - 0.04
    parts.append(cushion((0.17, length, tall), (-depth / 2 + 0.085, 0, leg + tall / 2), cover, 6))
    return merge(parts + throw_pillows(d, depth, inner, seat))


def futon(d: Draw) -> Mesh:
    """Sofa bed: one long mattress folded into seat and back on an open slatted frame."""
    wood, cover = d.material(d.pick(("wood", "wood", "metal"))), d.cover()
    length, depth, seat = d.uniform(1.5, 2.0), d.uniform(0.8, 0.95), d.uniform(0.38, 0.45)
    back, thick, lean = d.uniform(0.78, 0.92), d.uniform(0.13, 0.19), d.uniform(0.25, 0.4)
    arm = d.uniform(0.56, 0.66)
    parts = [box((depth * 0.9, length, 0.05), (0, 0, seat - thick - 0.03), wood)]
    parts.append(cushion((depth * 0.86, length * 0.98, thick), (0.04, 0, seat - thick / 2), cover, 7))
    tall = (back - seat + 0.1) / math.cos(lean)
    pad = turn(cushion((thick, length * 0.98, tall), (0, 0, tall / 2), cover, 7), "y", -lean)
    parts.append(move(pad, -depth / 2 + 0.26, 0, seat - 0.06))
    for y in np.linspace(-length / 2 + 0.05, length / 2 - 0.05, d.integer(6, 12)):
        slope = tall * math.sin(lean)
        foot = (-depth / 2 + 0.17, float(y), seat - 0.1)
        parts.append(rod(foot, (foot[0] - slope, float(y), back - 0.05), 0.02, wood, sides=4))
    for sy in (-1, 1):
        y = sy * (length / 2 + 0.035)
        parts.append(box((depth * 0.98, 0.09, 0.03), (-0.02, y, arm), wood))
        for x in (-depth * 0.42, depth * 0.4):
            parts.append(box((0.06, 0.05, arm), (x, y, arm / 2), wood))
        parts.append(box((depth * 0.8, 0.03, 0.07), (0, y, seat - thick - 0.03), wood))
        if d.chance(0.5):
            for x in np.linspace(-depth * 0.3, depth * 0.3, 4):
                parts.append(box((0.025, 0.02, arm - seat + thick), (float(x), y, (arm + seat - thick) / 2), wood))
    return merge(parts + throw_pillows(d, depth, length, seat))


def camelback_couch(d: Draw) -> Mesh:
    """Old-fashioned sofa: the back rises to a hump in the middle, arms curl outwards, carved legs."""
    cover, wood = d.material(d.pick(("fabric", "fabric", "leather"))), d.material("wood")
    inner, depth, seat = d.uniform(1.3, 1.75), d.uniform(0.76, 0.88), d.uniform(0.43, 0.48)
    arm, arm_top, back = d.uniform(0.09, 0.12), d.uniform(0.64, 0.72), d.uniform(0.94, 1.07)
    leg, length = d.uniform(0.14, 0.2), inner + 2 * arm
    parts = four_legs(depth * 0.95, length * 0.97, leg + 0.03, 0.05, 0.02, wood, True)
    for y in (-length / 6, length / 6):
        parts.append(rod((depth * 0.44, y, 0), (depth * 0.42, y, leg + 0.03), 0.02, wood, 0.03, sides=8))
    parts.append(box_between((-depth / 2, -length / 2, leg), (depth / 2 - 0.02, length / 2, seat - 0.1), cover))
    parts.append(cushion((depth - 0.12, inner, 0.16), (0.05, 0, seat - 0.06), cover, 9))
    t = np.linspace(-1, 1, 19)
    shoulder = arm_top + 0.04
    ridge = shoulder + (back - shoulder) * np.cos(t * math.pi / 2) ** d.uniform(1.2, 2.2)
    rows = []
    for share, x in ((0.0, 0.12), (0.5, 0.11), (0.9, 0.07), (1.0, 0.0), (0.9, -0.07), (0.5, -0.08), (0.0, -0.06)):
        z = seat - 0.15 + share * (ridge - seat + 0.15)
        rows.append(np.stack([np.full(19, -depth / 2 + 0.1 + x), t[::-1] * length / 2, z], 1))
    parts.append(sheet(np.stack(rows)[:, ::-1], cover))
    for sy in (-1, 1):
        y = sy * (length / 2 - arm / 2)
        parts.append(
            box_between((-depth / 2, y - arm / 2, leg), (depth / 2 - 0.06, y + arm / 2, arm_top - 0.02), cover)
        )
        scroll = y + sy * 0.02
        start, end = (-depth / 2 + 0.04, scroll, arm_top - 0.02), (depth / 2 - 0.04, scroll, arm_top - 0.06)
        parts.append(rod(start, end, arm * 0.75, cover, sides=14))
    if d.chance(0.5):
        parts.append(
            rod((depth / 2 - 0.02, -length / 2, leg), (depth / 2 - 0.02, length / 2, leg), 0.018, wood, sides=6)
        )
    return merge(parts + throw_pillows(d, depth, inner, seat))


def modular_couch(d: Draw) -> Mesh:
    """Low blocks put together on the floor, some without a back: no arms, no legs, loose back cushions."""
    cover = d.material("fabric") if d.chance(0.8) else d.material("leather")
    count, each = d.integer(2, 3), d.uniform(0.72, 0.92)
    depth, seat, back = d.uniform(0.85, 1.0), d.uniform(0.34, 0.42), d.uniform(0.64, 0.78)
    power, parts = d.uniform(5, 9), []
    for i in range(count):
        y = (i - (count - 1) / 2) * each
        parts.append(cushion((depth, each * 0.985, seat * 0.55), (0, y, seat * 0.28), cover, power + 4))
        parts.append(cushion((depth, each * 0.985, seat * 0.5), (0, y, seat * 0.75), cover, power))
        if i == 0 or not d.chance(0.12):
            parts.append(cushion((0.25, each * 0.975, back - 0.02), (-depth / 2 + 0.125, y, back / 2), cover, power))
            soft = cushion((0.17, each * 0.8, 0.4), (0, 0, 0.2), cover if d.chance(0.7) else d.cover(), 3)
            parts.append(move(turn(soft, "y", -0.25), -depth / 2 + 0.36, y, seat - 0.02))
    side = d.pick((-1, 1))
    if d.chance(0.6):
        y = side * (count * each / 2 - 0.11)
        parts.append(cushion((depth - 0.26, 0.22, back * 0.96), (0.12, y, back * 0.48), cover, power))
    if d.chance(0.4):
        y = -side * (count - 1) / 2 * each
        parts.append(cushion((each * 0.8, each * 0.985, seat), (depth / 2 + each * 0.4, y, seat / 2), cover, power + 2))
    low, high = merge(parts).bounds()
    return move(merge(parts), -(low[0] + high[0]) / 2)


def curved_couch(d: Draw) -> Mesh:
    """Kidney-shaped sofa: seat and back follow one arc."""
    cover = d.cover()
    radius, half = d.uniform(2.3, 3.0), d.uniform(0.36, 0.46)
    depth, seat, back = d.uniform(0.72, 0.85), d.uniform(0.4, 0.45), d.uniform(0.7, 0.84)
    leg = d.uniform(0.02, 0.08)
    angle = np.linspace(math.pi - half, math.pi + half, 21)
    ends = 0.12 * np.abs(np.linspace(-1, 1, 21)) ** 6

    def ring(share: float, z: float) -> np.ndarray:
        at = radius - depth * share
        return np.stack([at * np.cos(angle), at * np.sin(angle), z - ends * (z > seat + 0.1)], 1)

    thick = 0.28
    profile = [(0.02, leg), (0.0, back * 0.6), (0.06, back - 0.03), (thick / 2, back), (thick - 0.03, back - 0.04)]
    profile += [(thick, seat + 0.02), (0.6, seat + 0.03), (0.95, seat), (1.0, seat - 0.06), (0.98, leg)]
    skin = np.stack([ring(s, z) for s, z in profile])
    parts = [sheet(skin[:, ::-1], cover)]
    for k in (0, -1):
        end = skin[:, k] if k else skin[::-1, k]
        end = np.concatenate([end, end[:1]])
        # From under the back every point of the outline is in sight; from its middle the back's front is not.
        at = radius - depth * thick / 2
        middle = np.array([at * math.cos(angle[k]), at * math.sin(angle[k]), seat * 0.7])
        parts.append(sheet(np.stack([end, np.broadcast_to(middle, end.shape)]), cover))
    feet = d.frame()
    for a in (angle[2], angle[10], angle[-3]):
        for share in (0.12, 0.88):
            at = radius - depth * share
            x, y = at * math.cos(a), at * math.sin(a)
            parts.append(rod((x, y, 0), (x, y, leg + 0.03), 0.022, feet, 0.03, sides=8))
    mesh = merge(parts)
    low, high = mesh.bounds()
    return move(mesh, -(low[0] + high[0]) / 2)
