# SPDX-License-Identifier: Apache-2.0
"""Distractors with doors, drawers and shelves; fronts towards +x."""

from __future__ import annotations

import math

from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, box_between, cushion, lathe, merge, move, quad, rod, turn


def _fronts(
    d: Draw, x: float, width: float, low: float, high: float, columns: int, rows: int, front: Material
) -> list[Mesh]:
    """Doors or drawers with gaps and handles on the plane x."""
    metal = d.material("metal")
    style, parts = d.integer(0, 2), []
    wide, tall = width / columns, (high - low) / rows
    for i in range(columns):
        for j in range(rows):
            y, z = (i - (columns - 1) / 2) * wide, low + (j + 0.5) * tall
            parts.append(box((0.018, wide - 0.012, tall - 0.012), (x + 0.009, y, z), front))
            if style == 0:
                parts.append(cushion((0.03, 0.03, 0.03), (x + 0.03, y, z + tall * 0.2), metal, 2, 6, 4))
            elif style == 1 and tall < wide * 1.2:
                parts.append(box((0.02, min(0.16, wide * 0.4), 0.012), (x + 0.035, y, z + tall * 0.25), metal))
            elif style == 1:
                side = 1 if i % 2 == 0 else -1
                parts.append(box((0.02, 0.012, 0.16), (x + 0.035, y + side * wide * 0.4, z), metal))
    return parts


def _carcass(d: Draw, depth: float, width: float, height: float, columns: int, rows: int, foot: float) -> list[Mesh]:
    wood = d.material(d.pick(("wood", "wood", "paint")))
    front = wood if d.chance(0.6) else d.material(d.pick(("wood", "paint", "plastic")))
    parts = [box_between((-depth / 2, -width / 2, foot), (depth / 2, width / 2, height), wood)]
    legs = d.frame()
    if foot > 0.05:
        for sx in (-1, 1):
            for sy in (-1, 1):
                x, y = sx * (depth / 2 - 0.04), sy * (width / 2 - 0.05)
                parts.append(rod((x, y, 0), (x, y, foot + 0.01), 0.015, legs, 0.022, sides=6))
    else:
        parts.append(box_between((-depth / 2, -width / 2 + 0.01, 0), (depth / 2 - 0.05, width / 2 - 0.01, foot), wood))
    return parts + _fronts(d, depth / 2, width - 0.03, foot + 0.015, height - 0.03, columns, rows, front)


def sideboard(d: Draw) -> Mesh:
    """Low cabinet or television bench."""
    foot = d.uniform(0.0, 0.2)
    return merge(
        _carcass(
            d,
            d.uniform(0.35, 0.48),
            d.uniform(0.9, 1.9),
            foot + d.uniform(0.34, 0.62),
            d.integer(2, 4),
            d.integer(1, 2),
            foot,
        )
    )


def nightstand(d: Draw) -> Mesh:
    """Bedside cabinet."""
    foot = d.uniform(0.02, 0.22)
    return merge(
        _carcass(d, d.uniform(0.34, 0.44), d.uniform(0.36, 0.55), d.uniform(0.45, 0.65), 1, d.integer(1, 3), foot)
    )


def wardrobe(d: Draw) -> Mesh:
    """Tall cupboard or chest of drawers."""
    if d.chance(0.3):
        size = (d.uniform(0.4, 0.5), d.uniform(0.6, 1.2), d.uniform(0.75, 1.25))
        return merge(_carcass(d, *size, d.integer(1, 2), d.integer(3, 5), 0.06))
    columns = d.integer(2, 4)
    size = (d.uniform(0.5, 0.65), columns * d.uniform(0.42, 0.55), d.uniform(1.7, 2.25))
    return merge(_carcass(d, *size, columns, d.pick((1, 1, 2)), 0.04))


def desk(d: Draw) -> Mesh:
    """Desk with drawers at one side or plain legs, now and then with a laptop."""
    wood, frame = d.material("wood"), d.frame()
    depth, width, height = d.uniform(0.5, 0.75), d.uniform(1.0, 1.7), d.uniform(0.71, 0.77)
    parts = [box((depth, width, 0.035), (0, 0, height - 0.018), wood)]
    ends = [-1, 1]
    if d.chance(0.55):
        side = d.pick((-1, 1))
        ends.remove(side)
        pedestal = _carcass(d, depth * 0.9, 0.4, height - 0.04, 1, 3, 0.04)
        parts += [move(m, 0, side * (width / 2 - 0.22)) for m in pedestal]
    for sy in ends:
        for sx in (-1, 1):
            x, y = sx * (depth / 2 - 0.04), sy * (width / 2 - 0.05)
            parts.append(rod((x, y, 0), (x, y, height - 0.03), 0.022, frame, sides=d.pick((4, 8))))
    if d.chance(0.35):
        grey = d.material("plastic", [d.uniform(0.1, 0.8)] * 3)
        y = d.uniform(-0.2, 0.2) * width
        parts.append(box((0.23, 0.33, 0.018), (0.05, y, height + 0.01), grey))
        lid = turn(box((0.012, 0.33, 0.22), (0, 0, 0.11), grey), "y", -0.25)
        parts.append(move(lid, -0.07, y, height + 0.015))
    return merge(parts)


def bookshelf(d: Draw) -> Mesh:
    """Open shelf with books and a few things."""
    wood, books = d.material(d.pick(("wood", "wood", "metal"))), d.material("books")
    depth, width, height = d.uniform(0.26, 0.38), d.uniform(0.5, 1.3), d.uniform(0.8, 2.1)
    rows, t = max(2, round(height / d.uniform(0.3, 0.42))), 0.022
    parts = []
    for sy in (-1, 1):
        parts.append(box((depth, t, height), (0, sy * (width / 2 - t / 2), height / 2), wood))
    if d.chance(0.7):
        parts.append(box((0.01, width, height), (-depth / 2 + 0.005, 0, height / 2), wood))
    step = (height - t) / rows
    for j in range(rows + 1):
        parts.append(box((depth, width - 2 * t, t), (0, 0, j * step + t / 2), wood))
    for j in range(rows):
        if d.chance(0.7):
            run, tall = (width - 2 * t) * d.uniform(0.3, 0.98), step * d.uniform(0.6, 0.85)
            y = -width / 2 + t if d.chance(0.6) else width / 2 - t - run
            low, x = j * step + t, depth / 2 - d.uniform(0.03, 0.1)
            parts.append(
                box((x + depth / 2 - 0.02, run, tall), (x / 2 - depth / 4 + 0.005, y + run / 2, low + tall / 2), wood)
            )
            face = quad((x, y, low), (0, run, 0), (0, 0, tall), books, fit=True)
            face.uv[..., 0] *= run / 0.5
            parts.append(face)
        elif d.chance(0.5):
            size = (depth * 0.6, width * d.uniform(0.2, 0.4), step * d.uniform(0.4, 0.75))
            at = (0, d.uniform(-0.2, 0.2) * width, j * step + t + size[2] / 2)
            parts.append(box(size, at, d.material(d.pick(("cardboard", "fabric", "plastic")))))
    return merge(parts)


def kitchen_counter(d: Draw) -> Mesh:
    """Row of base cabinets with a worktop, a sink or a hob, perhaps cabinets above."""
    depth, columns = 0.6, d.integer(2, 4)
    width, top = columns * d.uniform(0.5, 0.62), d.uniform(0.86, 0.93)
    parts = _carcass(d, depth, width, top - 0.035, columns, d.integer(1, 2), 0.09 if d.chance(0.2) else 0.04)
    stone = d.material(d.pick(("stone", "wood", "concrete")))
    parts.append(box((depth + 0.04, width, 0.04), (0, 0, top - 0.018), stone))
    metal, y = d.material("metal"), d.uniform(-0.25, 0.25) * width
    if d.chance(0.5):
        parts.append(box((0.4, 0.5, 0.008), (0, y, top + 0.004), metal))
        parts.append(rod((-0.24, y, top), (-0.24, y, top + 0.28), 0.014, metal))
        parts.append(rod((-0.24, y, top + 0.28), (-0.06, y, top + 0.24), 0.012, metal))
    else:
        black = d.material("plastic", [0.03] * 3)
        parts.append(box((0.5, 0.56, 0.008), (0, y, top + 0.004), black))
        parts.append(box((0.01, 0.54, 0.45), (depth / 2 + 0.022, y, top * 0.55), black))
    if d.chance(0.35):
        upper = _carcass(d, 0.35, width, 0.7, columns, 1, 0.0)
        parts += [move(m, -0.12, 0, 1.45) for m in upper]
    return merge(parts)


def fridge(d: Draw) -> Mesh:
    """Refrigerator with one or two doors."""
    pale = d.uniform(0.75, 0.97)
    skin = d.material(d.pick(("plastic", "metal")), [pale] * 3 if d.chance(0.75) else None)
    metal = d.material("metal")
    depth, width, height = d.uniform(0.56, 0.7), d.uniform(0.54, 0.85), d.uniform(1.3, 1.95)
    split = height * d.uniform(0.3, 0.7)
    parts = [box((depth - 0.06, width, height), (-0.03, 0, height / 2), skin)]
    for low, high in ((0.05, split - 0.005), (split + 0.005, height)):
        parts.append(box((0.055, width, high - low), (depth / 2 - 0.026, 0, (low + high) / 2), skin))
        z = high - 0.22 if high < height else low + 0.22
        parts.append(
            rod((depth / 2 + 0.03, width * 0.42, z - 0.15), (depth / 2 + 0.03, width * 0.42, z + 0.15), 0.01, metal)
        )
    return merge(parts)


def washing_machine(d: Draw) -> Mesh:
    """Front loader with a round door."""
    white, dark = d.material("ceramic"), d.material("plastic", [d.uniform(0.03, 0.3)] * 3)
    edge, height = d.uniform(0.55, 0.62), d.uniform(0.82, 0.88)
    parts = [box((edge, edge, height), (0, 0, height / 2), white)]
    ring = [(0.19, 0.0), (0.19, 0.03), (0.15, 0.045), (0.14, 0.02), (0.0, 0.03)]
    metal = d.material("metal")
    for profile, material in ((ring[:3], metal), (ring[2:], dark)):
        door = turn(lathe(profile, material, sides=18), "y", math.pi / 2)
        parts.append(move(door, edge / 2, 0, height * 0.48))
    parts.append(box((0.01, edge * 0.3, 0.07), (edge / 2 + 0.005, -edge * 0.15, height - 0.07), dark))
    parts.append(rod((edge / 2, 0.13, height - 0.07), (edge / 2 + 0.03, 0.13, height - 0.07), 0.03, metal))
    return merge(parts)
