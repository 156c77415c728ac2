# SPDX-License-Identifier: Apache-2.0
"""Beds, head towards -x, foot towards +x: platform, metal frame, box spring, slatted wood."""

from __future__ import annotations

import numpy as np

from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import box, box_between, cushion, merge, move, pillow, rod, sheet, turn


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
