# SPDX-License-Identifier: Apache-2.0
"""Beds, head towards -x, foot towards +x.

Every split has platform, metal frame, box spring, slatted, sleigh and storage beds; test homes alone have four-poster,
bunk and panelled ones.
"""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, box_between, cushion, merge, move, pillow, plate, rod, sheet, turn


def mattress_size(d: Draw) -> tuple[float, float]:
    """Length and width of the mattress, single to king, metres."""
    width = d.pick((0.9, 1.2, 1.4, 1.6, 1.8)) + d.uniform(-0.05, 0.05)
    return d.uniform(1.88, 2.05), width


def bedding(d: Draw, length: float, width: float, base: float, thick: float) -> list[Mesh]:
    """Mattress on height `base`, duvet that hangs over the sides, one or two rows of pillows, perhaps a throw."""
    pale = d.material("fabric", (d.uniform(0.8, 0.97), d.uniform(0.8, 0.95), d.uniform(0.76, 0.95)))
    white = (d.uniform(0.75, 0.95), d.uniform(0.74, 0.94), d.uniform(0.7, 0.94))
    cover = d.material("fabric", white if d.chance(0.35) else None)
    top = base + thick
    parts = [cushion((length, width, thick), (0, 0, base + thick / 2), pale, 14)]
    if d.chance(0.88):
        start = -length / 2 + d.uniform(0.3, 0.75)
        end, hang = length / 2 + 0.02, min(d.uniform(0.08, 0.3), thick + 0.12)
        y = np.array([-1.0, -1.0, -0.96, -0.6, -0.2, 0.2, 0.6, 0.96, 1.0, 1.0]) * (width / 2 + 0.025)
        drop = np.array([hang, 0.02, 0, 0, 0, 0, 0, 0, 0.02, hang])
        x = np.append(np.linspace(start, end - 0.01, 9), end)
        puff = d.uniform(0.03, 0.08)
        bumps = 0.014 * d.rng.standard_normal((10, 10))
        z = top + puff - drop[None, :] + bumps
        z[-1] = np.minimum(z[-2], top) - hang
        z = np.maximum(z, 0.02)
        grid = np.stack([np.broadcast_to(x[:, None], z.shape), np.broadcast_to(y[None, :], z.shape), z], -1)
        grid[-1, :, 0] += 0.01
        lip = grid[:1].copy()
        lip[..., 2] = np.minimum(lip[..., 2], top)
        parts.append(sheet(np.concatenate([lip, grid]), cover))
    if d.chance(0.3):
        low = length / 2 - d.uniform(0.5, 0.8)
        throw = (low, -width / 2 - 0.04, top - 0.12), (low + d.uniform(0.3, 0.5), width / 2 + 0.04, top + 0.1)
        parts.append(box_between(*throw, d.material("fabric")))
    across = 1 if width < 1.25 else 2
    for row in range(d.integer(1, 2)):
        soft = pale if row == 0 and d.chance(0.6) else d.material("fabric")
        for i in range(across):
            wide = min(0.75, width / across * 0.92) * d.uniform(0.85, 1.0)
            rest = pillow((d.uniform(0.38, 0.48), wide, d.uniform(0.13, 0.2)), (0, 0, 0.08), soft)
            rest = turn(turn(rest, "y", d.uniform(0.1, 0.7)), "z", d.uniform(-0.12, 0.12))
            side = (i - (across - 1) / 2) * width / across
            parts.append(move(rest, -length / 2 + 0.25 + 0.17 * row, side, top + 0.06))
    return parts


def platform_bed(d: Draw) -> Mesh:
    """Low wooden platform with a plain headboard."""
    wood = d.material("wood")
    length, width = mattress_size(d)
    base, rim = d.uniform(0.18, 0.34), d.uniform(0.02, 0.12)
    parts = [box((length + rim, width + 2 * rim, 0.12), (0, 0, base), wood)]
    inset = 0.12 if d.chance(0.5) else 0.02
    if d.chance(0.6):
        x, y = length / 2 - inset, width / 2 - inset
        parts.append(box_between((-x, -y, 0), (x, y, base), wood))
    else:
        for x in (-length / 2 + 0.08, length / 2 - 0.08):
            for y in (-width / 2 + 0.05, width / 2 - 0.05):
                parts.append(box((0.08, 0.08, base), (x, y, base / 2), wood))
    high = d.uniform(0.75, 1.2)
    board = d.pick((wood, wood, d.cover()))
    parts.append(box((d.uniform(0.03, 0.08), width + 2 * rim, high), (-length / 2 - 0.05, 0, high / 2), board))
    return merge(parts + bedding(d, length, width, base + 0.04, d.uniform(0.16, 0.26)))


def metal_bed(d: Draw) -> Mesh:
    """Tube frame: bars at the head and at the foot."""
    tube = d.material("metal")
    length, width = mattress_size(d)
    base, r = d.uniform(0.28, 0.42), d.uniform(0.014, 0.026)
    parts = [box((length, width, 0.05), (0, 0, base - 0.03), tube)]
    for x, high in ((-length / 2 - 0.03, d.uniform(0.9, 1.3)), (length / 2 + 0.03, d.uniform(0.55, 0.9))):
        for y in (-width / 2, width / 2):
            parts.append(rod((x, y, 0), (x, y, high), r * 1.2, tube, sides=7))
            parts.append(cushion((r * 4, r * 4, r * 4), (x, y, high), tube, 2, 8, 5))
        for z in (high - 0.03, base + 0.15):
            parts.append(rod((x, -width / 2, z), (x, width / 2, z), r, tube, sides=6))
        for y in np.linspace(-width / 2, width / 2, d.integer(5, 10))[1:-1]:
            parts.append(rod((x, y, base + 0.15), (x, y, high - 0.03), r * 0.6, tube, sides=5))
    return merge(parts + bedding(d, length, width, base, d.uniform(0.16, 0.24)))


def box_spring_bed(d: Draw) -> Mesh:
    """Padded base down to the floor, thick mattress, padded headboard."""
    cover = d.cover()
    length, width = mattress_size(d)
    base, leg = d.uniform(0.28, 0.42), d.uniform(0.02, 0.1)
    parts = [cushion((length, width, base - leg), (0, 0, (base + leg) / 2), cover, 16)]
    foot = d.frame()
    for x in (-length / 2 + 0.1, length / 2 - 0.1):
        for y in (-width / 2 + 0.1, width / 2 - 0.1):
            parts.append(rod((x, y, 0), (x, y, leg + 0.02), 0.03, foot, sides=8))
    high, thick = d.uniform(0.9, 1.35), d.uniform(0.07, 0.13)
    wide = width + d.uniform(0.0, 0.25)
    panels = d.pick((1, 1, 3, 5))
    for i in range(panels):
        size = (thick, wide / panels * 0.995, high)
        y = (i - (panels - 1) / 2) * wide / panels
        parts.append(cushion(size, (-length / 2 - thick / 2, y, high / 2), cover, 10))
    return merge(parts + bedding(d, length, width, base, d.uniform(0.2, 0.32)))


def slatted_bed(d: Draw) -> Mesh:
    """Wooden bed with posts and slats at the head and at the foot; a child's bed is narrow."""
    wood = d.material("wood")
    length, width = mattress_size(d)
    base, post = d.uniform(0.28, 0.4), d.uniform(0.05, 0.09)
    parts = []
    for sy in (-1, 1):
        parts.append(box((length, 0.03, 0.16), (0, sy * (width / 2 + 0.015), base - 0.02), wood))
    for x, high in ((-length / 2 - post / 2, d.uniform(0.8, 1.2)), (length / 2 + post / 2, d.uniform(0.5, 0.8))):
        for sy in (-1, 1):
            parts.append(box((post, post, high), (x, sy * width / 2, high / 2), wood))
        parts.append(box((post * 0.6, width, 0.09), (x, 0, high - 0.07), wood))
        parts.append(box((post * 0.6, width, 0.12), (x, 0, base), wood))
        if d.chance(0.6):
            for y in np.linspace(-width / 2, width / 2, d.integer(6, 11))[1:-1]:
                parts.append(box((0.02, 0.05, high - base), (x, y, (high + base) / 2 - 0.05), wood))
        else:
            parts.append(box((0.02, width, (high - base) * 0.8), (x, 0, (high + base) / 2), wood))
    return merge(parts + bedding(d, length, width, base - 0.02, d.uniform(0.15, 0.22)))


def _curled(x: float, width: float, high: float, curl: float, wood: Material) -> list[Mesh]:
    """A board across the bed that bends outwards at the top into a roll; curl < 0 bends towards -x."""
    s = np.linspace(0, 1, 8)[:, None]
    y = np.array([-0.5, 0.5])[None, :] * width
    grid = np.stack(np.broadcast_arrays(x + curl * s**2.2, y, high * s), -1)
    face = grid if curl > 0 else grid[:, ::-1]
    top = (x + curl, -width / 2, high), (x + curl, width / 2, high)
    return [plate(face, 0.04, wood), rod(*top, 0.045, wood, sides=12)]


def sleigh_bed(d: Draw) -> Mesh:
    """Head and foot boards curl outwards like a sledge's."""
    wood = d.material("wood") if d.chance(0.75) else d.material("leather")
    length, width = mattress_size(d)
    base = d.uniform(0.26, 0.36)
    parts = []
    for sy in (-1, 1):
        parts.append(box((length, 0.035, 0.24), (0, sy * (width / 2 + 0.018), base - 0.02), wood))
    parts += _curled(-length / 2 - 0.02, width + 0.07, d.uniform(0.95, 1.2), -d.uniform(0.1, 0.16), wood)
    parts += _curled(length / 2 + 0.02, width + 0.07, d.uniform(0.6, 0.78), d.uniform(0.08, 0.14), wood)
    return merge(parts + bedding(d, length, width, base, d.uniform(0.18, 0.26)))


def storage_bed(d: Draw) -> Mesh:
    """Box with drawers below the mattress and a shelf or padded headboard."""
    wood = d.material(d.pick(("wood", "wood", "ceramic")))
    front = wood if d.chance(0.5) else d.material("wood")
    metal = d.material("metal")
    length, width = mattress_size(d)
    base, high = d.uniform(0.32, 0.44), d.uniform(0.8, 1.1)
    parts = [box_between((-length / 2, -width / 2, 0), (length / 2, width / 2, base), wood)]
    count = d.integer(2, 3)
    for sy in (-1, 1):
        for i in range(count):
            x, wide = (i - (count - 1) / 2) * length / count, length / count - 0.03
            parts.append(box((wide, 0.018, base - 0.1), (x, sy * (width / 2 + 0.009), base / 2 + 0.01), front))
            parts.append(box((0.14, 0.022, 0.015), (x, sy * (width / 2 + 0.025), base * 0.7), metal))
    if d.chance(0.55):
        deep, x = 0.22, -length / 2 - 0.11
        parts.append(box((deep, width, base + 0.25), (x, 0, (base + 0.25) / 2), wood))
        parts.append(box((deep, width, 0.03), (x, 0, high), wood))
        parts.append(box((0.02, width, high), (x - deep / 2 + 0.01, 0, high / 2), wood))
        for y in np.linspace(-width / 2 + 0.015, width / 2 - 0.015, 3):
            parts.append(box((deep, 0.03, high - base), (x, float(y), (high + base) / 2), wood))
        for _ in range(d.integer(0, 4)):
            size = (0.13, d.rng.uniform(0.1, 0.3), d.rng.uniform(0.1, 0.2))
            at = (x, d.rng.uniform(-0.35, 0.35) * width, base + 0.25 + size[2] / 2)
            parts.append(box(size, at, d.material("plastic")))
    else:
        parts.append(cushion((0.1, width + 0.04, high), (-length / 2 - 0.05, 0, high / 2), d.cover(), 12))
    mesh = merge(parts + bedding(d, length, width, base, d.uniform(0.16, 0.22)))
    low, top = mesh.bounds()
    return move(mesh, -(low[0] + top[0]) / 2)


def four_poster_bed(d: Draw) -> Mesh:
    """Posts at the corners carry a frame, perhaps with curtains or a cloth roof."""
    wood = d.material(d.pick(("wood", "wood", "metal")))
    length, width = mattress_size(d)
    width = max(width, 1.3)
    base, high, post = d.uniform(0.32, 0.42), d.uniform(1.85, 2.1), d.uniform(0.025, 0.045)
    x, y = length / 2 + post, width / 2 + post
    parts = [box((length, width, 0.12), (0, 0, base - 0.06), wood)]
    corners = [(-x, -y), (-x, y), (x, y), (x, -y)]
    for k, (px, py) in enumerate(corners):
        parts.append(rod((px, py, 0), (px, py, high), post, wood, sides=d.pick((4, 10))))
        qx, qy = corners[(k + 1) % 4]
        parts.append(rod((px, py, high - 0.03), (qx, qy, high - 0.03), post * 0.8, wood, sides=6))
    parts.append(box((0.04, width, d.uniform(0.5, 0.75)), (-x, 0, base + 0.3), wood))
    if d.chance(0.5):
        parts.append(box((length + 2 * post, width + 2 * post, 0.02), (0, 0, high), d.material("fabric")))
    if d.chance(0.6):
        cloth = d.material("fabric", [d.uniform(0.8, 0.95)] * 3)
        for px, py in corners:
            s = np.linspace(0, 1, 13)
            run = 0.24 * s * (-1 if px > 0 else 1)
            wave = 0.025 * np.sin(s * 22) + (0.05 if py > 0 else -0.05)
            rows = [np.stack([px + run, py + wave, np.full(13, z)], 1) for z in (0.06, high / 2, high - 0.05)]
            parts.append(sheet(np.stack(rows), cloth))
    return merge(parts + bedding(d, length, width, base, d.uniform(0.2, 0.28)))


def bunk_bed(d: Draw) -> Mesh:
    """Two narrow beds above each other with guard rails and a ladder."""
    wood = d.material(d.pick(("wood", "wood", "metal")))
    length, width = d.uniform(1.9, 2.02), d.uniform(0.82, 0.96)
    lower, upper, post = d.uniform(0.28, 0.36), d.uniform(1.1, 1.25), d.uniform(0.05, 0.075)
    high = upper + d.uniform(0.38, 0.5)
    parts = []
    for sx in (-1, 1):
        for sy in (-1, 1):
            parts.append(box((post, post, high), (sx * (length / 2 + 0.02), sy * width / 2, high / 2), wood))
    for base in (lower, upper):
        parts.append(box((length, width, 0.04), (0, 0, base - 0.03), wood))
        for sy in (-1, 1):
            parts.append(box((length, 0.03, 0.14), (0, sy * (width / 2), base), wood))
        parts += [move(m, 0, 0, 0) for m in bedding(d, length * 0.97, width * 0.92, base, d.uniform(0.11, 0.15))]
        for sx in (-1, 1):
            for z in (base + 0.18, base + 0.32):
                parts.append(box((0.03, width, 0.07), (sx * (length / 2 + 0.02), 0, z), wood))
    side = d.pick((-1, 1))
    for z in (upper + 0.2, high - 0.06):
        parts.append(box((length, 0.025, 0.07), (0, -side * width / 2, z), wood))
        parts.append(box((length * 0.66, 0.025, 0.07), (-length * 0.17, side * width / 2, z), wood))
    y, foot = side * (width / 2 + 0.03), side * (width / 2 + 0.22)
    for x in (length * 0.24, length * 0.42):
        parts.append(rod((x, foot, 0), (x, y, high - 0.1), 0.02, wood, sides=4))
    for z in np.linspace(0.2, upper, 5):
        at = foot + (y - foot) * z / (high - 0.1)
        parts.append(rod((length * 0.24, at, z), (length * 0.42, at, z), 0.015, wood, sides=6))
    return merge(parts)


def arched_bed(d: Draw) -> Mesh:
    """Padded headboard with an arched or scalloped top, padded sides and a low padded foot."""
    cover = d.cover()
    length, width = mattress_size(d)
    base, high = d.uniform(0.3, 0.38), d.uniform(1.05, 1.35)
    wide, lobes = width + d.uniform(0.06, 0.3), d.pick((1, 1, 3, 5))
    t = np.linspace(-1, 1, 25)
    top = high - 0.3 + 0.3 * np.abs(np.cos(lobes * math.pi / 2 * t)) ** (0.6 if lobes == 1 else 0.5) * (1 - 0.3 * t**2)
    y = t[None, :] * wide / 2
    share = np.array([0.0, 0.5, 0.94, 1.0])[:, None]
    x = -length / 2 + np.array([0.0, 0.015, 0.0, -0.03])[:, None]
    grid = np.stack(np.broadcast_arrays(x, y, share * top), -1)
    parts = [plate(grid, 0.09, cover)]
    for sy in (-1, 1):
        parts.append(cushion((length, 0.09, base), (0, sy * (width / 2 + 0.03), base / 2 + 0.04), cover, 9))
    parts.append(cushion((0.09, width + 0.14, base), (length / 2 + 0.02, 0, base / 2 + 0.04), cover, 9))
    foot = d.frame()
    for sx in (-1, 1):
        for sy in (-1, 1):
            parts.append(
                rod(
                    (sx * length * 0.46, sy * width * 0.46, 0), (sx * length * 0.46, sy * width * 0.46, 0.1), 0.03, foot
                )
            )
    return merge(parts + bedding(d, length, width, base - 0.02, d.uniform(0.18, 0.26)))
