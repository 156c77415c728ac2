# SPDX-License-Identifier: Apache-2.0
"""People, animals and what they leave about: none of the six categories, and often in front of them."""

from __future__ import annotations

import math

import numpy as np

from sim_bridge.catalogue.backdrops import backdrop
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import (
    bar,
    box,
    bumpy,
    cushion,
    lathe,
    merge,
    move,
    prism,
    quad,
    rod,
    rounded_outline,
    turn,
)
from sim_bridge.modelling.textures import hsv

Point = tuple[float, float, float]


def _skin(d: Draw) -> Material:
    return d.material("ceramic", hsv(d.uniform(0.03, 0.09), d.uniform(0.2, 0.6), d.uniform(0.25, 0.95)))


def _cloth(d: Draw) -> Material:
    if d.chance(0.2):
        return backdrop(d.pick(("stripes", "berries", "blobs")), d.rng)
    return d.material("fabric")


def _limb(points: list[Point], radius: float, stuff: Material) -> list[Mesh]:
    """Rounded tubes along a line of points."""
    parts = [bar(points, radius, stuff, 7)]
    return parts + [cushion((2.1 * radius,) * 3, p, stuff, 2, 8, 6) for p in points]


def person(d: Draw) -> Mesh:
    """Somebody who stands, walks or sits (on nothing: a seat is a matter of luck)."""
    skin, top, legs, shoe = _skin(d), _cloth(d), _cloth(d), d.material("plastic")
    h, sits = d.uniform(1.1, 1.9), d.chance(0.3)
    hip = 0.45 if sits else 0.5 * h
    parts = [cushion((0.13 * h, 0.24 * h, 0.36 * h), (0, 0, hip + 0.17 * h), top, 2.8, 14, 8)]
    parts.append(cushion((0.12 * h, 0.1 * h, 0.14 * h), (0.01, 0, hip + 0.43 * h), skin, 2, 12, 8))
    hair = d.material("fabric", hsv(d.uniform(0.03, 0.12), d.uniform(0.1, 0.6), d.uniform(0.05, 0.8)))
    parts.append(cushion((0.125 * h, 0.11 * h, 0.12 * h), (-0.012 * h, 0, hip + 0.455 * h), hair, 2, 12, 8))
    for sy in (-1, 1):
        y, swing = sy * 0.055 * h, d.uniform(-0.2, 0.2) * h
        if sits:
            line = [(0.0, y, hip), (0.26 * h, y, hip), (0.27 * h, y, 0.04)]
        else:
            line = [(0.0, y, hip), (swing * 0.5, y, hip * 0.5), (swing * 0.6, y, 0.04)]
        parts += _limb(line, 0.042 * h, legs)
        parts.append(cushion((0.15 * h, 0.06 * h, 0.07), (line[-1][0] + 0.03 * h, y, 0.035), shoe, 3, 10, 6))
        reach = d.uniform(-0.1, 0.25) * h
        arm = [(0.0, sy * 0.13 * h, hip + 0.31 * h), (reach * 0.4, sy * 0.16 * h, hip + 0.16 * h)]
        parts += _limb(arm, 0.028 * h, top)
        hand: Point = (reach, sy * d.uniform(0.08, 0.16) * h, hip + d.uniform(0.02, 0.2) * h)
        parts += _limb([arm[-1], hand], 0.023 * h, skin)
    return merge(parts)


def pet(d: Draw) -> Mesh:
    """Dog or cat that stands, sits or lies."""
    fur = d.material("carpet", hsv(d.uniform(0.04, 0.11), d.uniform(0.0, 0.6), d.uniform(0.06, 0.9)))
    s, lies = d.uniform(0.35, 1.0), d.chance(0.4)
    z = 0.13 * s if lies else 0.42 * s
    pitch = 0.35 if not lies and d.chance(0.4) else 0.0
    body = turn(cushion((0.75 * s, 0.26 * s, 0.28 * s), (0, 0, 0), fur, 2.4, 14, 8), "y", -pitch)
    parts = [move(body, 0, 0, z)]
    head = np.array([0.42 * s, 0, z + 0.16 * s + 0.2 * s * (pitch > 0)])
    parts.append(cushion((0.24 * s, 0.2 * s, 0.2 * s), head, fur, 2, 12, 8))
    muzzle = head + np.array([0.12 * s, 0, -0.03 * s])
    parts.append(cushion((0.16 * s, 0.1 * s, 0.1 * s), muzzle, fur, 2, 10, 6))
    for sy in (-1, 1):
        ear = head + np.array([-0.03 * s, sy * 0.08 * s, 0.1 * s])
        parts.append(cushion((0.05 * s, 0.07 * s, 0.15 * s), ear, fur, 2, 8, 5))
        for x in (-0.26, 0.26):
            if not lies:
                parts.append(rod((x * s, sy * 0.09 * s, 0), (x * s, sy * 0.09 * s, z + x * s * pitch), 0.045 * s, fur))
    tail = [(-0.36 * s, 0, z + 0.05 * s), (-0.5 * s, 0.05 * s, z + d.uniform(-0.1, 0.3) * s)]
    return merge([*parts, bar(tail, 0.03 * s, fur, 6)])


def bag(d: Draw) -> Mesh:
    """Handbag, shopping bag or sack."""
    wide, tall, deep = d.uniform(0.22, 0.5), d.uniform(0.2, 0.45), d.uniform(0.1, 0.25)
    stuff = d.material(d.pick(("leather", "fabric", "cardboard", "plastic")))
    parts = [cushion((deep, wide, tall), (0, 0, tall / 2), stuff, d.uniform(3, 9), 14, 8)]
    for sx in (-1, 1):
        x = sx * deep * 0.3
        loop = [
            (x, -wide * 0.25, tall * 0.95),
            (x, -wide * 0.12, tall * 1.35),
            (x, wide * 0.12, tall * 1.35),
            (x, wide * 0.25, tall * 0.95),
        ]
        parts.append(bar(loop, 0.008, stuff, 5))
    return merge(parts)


def clothes(d: Draw) -> Mesh:
    """A jacket, blanket or towel thrown down."""
    size = (d.uniform(0.3, 0.6), d.uniform(0.3, 0.7), d.uniform(0.05, 0.14))
    heap = bumpy(cushion(size, (0, 0, 0), _cloth(d), 2.6, 16, 6), 0.14, d.rng)
    heap.vertices[:, 2] = heap.vertices[:, 2].clip(-0.02, None)
    return heap


def seat_cushion(d: Draw) -> Mesh:
    """A pillow or a folded blanket."""
    edge = d.uniform(0.3, 0.5)
    if d.chance(0.4):
        return box((edge, edge * 1.2, d.uniform(0.04, 0.1)), (0, 0, 0.03), _cloth(d))
    return turn(cushion((edge, edge, 0.14), (0, 0, 0.06), _cloth(d), 3, 14, 6), "x", d.uniform(-0.5, 0.5))


def computer(d: Draw) -> Mesh:
    """Open laptop or a keyboard: COCO's laptop, no tv."""
    wide, grey = d.uniform(0.28, 0.38), d.material("metal" if d.chance(0.5) else "plastic")
    parts = [box((wide * 0.68, wide, 0.014), (0, 0, 0.007), grey)]
    keys = d.material("plastic", [0.08] * 3)
    parts.append(box((wide * 0.3, wide * 0.88, 0.004), (-wide * 0.1, 0, 0.015), keys))
    if d.chance(0.75):
        lid = box((0.008, wide, wide * 0.64), (0, 0, wide * 0.32), grey)
        corner = (0.006, -wide * 0.46, wide * 0.04)
        face = quad(corner, (0, wide * 0.92, 0), (0, 0, wide * 0.56), d.material("screen"), fit=True)
        parts.append(move(turn(merge([lid, face]), "y", -d.uniform(0.05, 0.5)), -wide * 0.34, 0, 0.012))
    return merge(parts)


def bicycle(d: Draw) -> Mesh:
    """Bicycle or scooter leaned nowhere: thin bars and two wheels."""
    paint, tyre, r = d.material("plastic"), d.material("plastic", [0.07] * 3), d.uniform(0.2, 0.34)
    b, parts = 1.5 * r, []
    for x in (-b, b):
        rim = [(x + r * math.cos(a), 0.0, r + r * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 15)]
        parts.append(bar(rim, 0.018, tyre, 5))
    line = [(-b, 0, r), (0, 0, 0.9 * r), (b * 0.8, 0, 2.2 * r), (-b * 0.4, 0, 2.2 * r), (0, 0, 0.9 * r)]
    parts += [bar(line, 0.02, paint, 6), bar([(b, 0, r), (b * 0.75, 0, 2.7 * r)], 0.018, paint, 6)]
    parts += [
        bar([(-b * 0.45, 0, 2.2 * r), (-b * 0.5, 0, 2.6 * r)], 0.015, paint, 6),
        bar([(-b, 0, r), (-b * 0.4, 0, 2.2 * r)], 0.014, paint, 6),
    ]
    parts += [
        rod((b * 0.75, -0.25, 2.7 * r), (b * 0.75, 0.25, 2.7 * r), 0.014, tyre),
        box((0.24, 0.12, 0.05), (-b * 0.5, 0, 2.65 * r), tyre),
    ]
    return merge(parts)


def patterned_rug(d: Draw) -> Mesh:
    """Rug full of figures, of any size."""
    cloth = backdrop(d.pick(("frames", "frames", "voronoi", "berries", "stripes", "blobs")), d.rng)
    if d.chance(0.25):
        return prism(rounded_outline(d.uniform(1.0, 2.4), d.uniform(1.0, 2.4), 2, 32), 0.0, 0.012, cloth)
    deep, wide = d.uniform(0.8, 2.4), d.uniform(1.0, 3.2)
    return box((deep, wide, 0.012), (0, 0, 0.006), cloth)


def lamp(d: Draw) -> Mesh:
    """Lamp of any shape: globe, cone, bent arm, paper ball."""
    stuff, tall, r = d.frame(), d.uniform(0.25, 1.7), d.uniform(0.07, 0.3)
    shade = d.material(d.pick(("fabric", "plastic", "metal")), [d.uniform(0.6, 1.0)] * 3 if d.chance(0.6) else None)
    foot = max(0.08, 0.13 * tall)
    parts = [prism(rounded_outline(2 * foot, 2 * foot, 2), 0, 0.025, stuff)]
    arm = d.uniform(0, 0.35) * (tall > 0.6)
    parts.append(bar([(0, 0, 0.02), (0, 0, tall * 0.9), (arm, 0, tall)], 0.012, stuff))
    if d.chance(0.5):
        return merge([*parts, cushion((2 * r, 2 * r, 2 * r), (arm, 0, tall), shade, 2, 16, 10)])
    cone = [(r, tall - r * 0.8), (r * d.uniform(0.2, 1.0), tall + r * 0.5), (0, tall + r * 0.5)]
    return merge([*parts, lathe(cone, shade, (arm, 0, 0), 16)])
