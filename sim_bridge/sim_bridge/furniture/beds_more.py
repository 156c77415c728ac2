# SPDX-License-Identifier: Apache-2.0
"""More beds, head towards -x: sleigh, storage, and for test homes four-poster, bunk and panelled."""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.furniture.beds import bedding, mattress_size
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, box_between, cushion, merge, move, plate, rod, sheet


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
