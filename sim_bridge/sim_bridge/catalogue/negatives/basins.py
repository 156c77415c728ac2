# SPDX-License-Identifier: Apache-2.0
"""What is white, round or made of porcelain and no toilet."""

from __future__ import annotations

import math

from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import bar, box, cushion, lathe, merge, move, prism, rod, rounded_outline, turn


def _white(d: Draw) -> Material:
    return d.material(d.pick(("ceramic", "ceramic", "plastic")), [d.uniform(0.78, 0.98)] * 3)


def pedestal_sink(d: Draw) -> Mesh:
    """Basin on a pedestal with a tap."""
    white, r, tall = _white(d), d.uniform(0.2, 0.3), d.uniform(0.76, 0.88)
    squash = (d.uniform(0.75, 1.0), 1.0)
    parts = [
        lathe(
            [(0.08, tall * 0.7), (r, tall), (r * 0.86, tall), (r * 0.4, tall - 0.12), (0, tall - 0.13)],
            white,
            sides=20,
            squash=squash,
        )
    ]
    parts.append(lathe([(0.13, 0), (d.uniform(0.06, 0.1), tall * 0.4), (0.1, tall * 0.85)], white, sides=14))
    metal, x = d.material("metal", [0.75] * 3), -r * squash[0] * 0.8
    return merge([*parts, bar([(x, 0, tall), (x, 0, tall + 0.13), (x + 0.13, 0, tall + 0.12)], 0.012, metal)])


def urinal(d: Draw) -> Mesh:
    """Urinal; its back belongs at the wall."""
    white, wide, tall, deep = _white(d), d.uniform(0.3, 0.4), d.uniform(0.5, 0.8), d.uniform(0.25, 0.36)
    low = d.uniform(0.35, 0.5)
    parts = [box((0.06, wide, tall), (0.03, 0, low + tall / 2), white)]
    bowl = cushion((deep * 2, wide, tall * 0.5), (0, 0, low + tall * 0.25), white, 3)
    bowl.vertices[:, 0] = bowl.vertices[:, 0].clip(0, None)
    return merge([*parts, bowl, rod((0.05, 0, low + tall), (0.05, 0, low + tall + 0.2), 0.015, d.material("metal"))])


def bucket(d: Draw) -> Mesh:
    """Bucket or washing-up bowl with a handle."""
    r, tall, stuff = d.uniform(0.12, 0.24), d.uniform(0.14, 0.34), d.material("plastic") if d.chance(0.6) else _white(d)
    parts = [lathe([(0, 0), (r * 0.75, 0), (r, tall), (r * 0.94, tall), (r * 0.7, 0.02), (0, 0.02)], stuff, sides=18)]
    arch = [(0, r * math.cos(a), tall + r * d.uniform(0.7, 0.8) * math.sin(a)) for a in (0, 0.8, 1.57, 2.34, math.pi)]
    return merge([*parts, bar(arch, 0.005, d.material("metal"), 5)])


def bin_with_lid(d: Draw) -> Mesh:
    """Pedal bin, hamper or drum with a lid, often white and as high as a toilet."""
    r, tall = d.uniform(0.12, 0.26), d.uniform(0.28, 0.75)
    stuff = _white(d) if d.chance(0.5) else d.material(d.pick(("plastic", "metal")))
    power = d.uniform(2, 6)
    parts = [prism(rounded_outline(2 * r, 2 * r * d.uniform(0.75, 1.2), power, 20), 0, tall, stuff)]
    parts.append(cushion((2.06 * r, 2.06 * r, 0.1), (0, 0, tall), stuff, power + 0.5))
    if d.chance(0.4):
        parts.append(box((0.07, 0.1, 0.02), (r, 0, 0.03), d.material("metal")))
    return merge(parts)


def counter_basin(d: Draw) -> Mesh:
    """Round or square basin on a cabinet."""
    wide, deep, tall = d.uniform(0.5, 1.1), d.uniform(0.4, 0.52), d.uniform(0.7, 0.85)
    white, r = _white(d), d.uniform(0.16, 0.21)
    parts = [box((deep, wide, tall), (0, 0, tall / 2), d.material(d.pick(("wood", "paint", "stone"))))]
    parts.append(
        lathe(
            [(r * 0.6, tall), (r, tall + 0.13), (r * 0.92, tall + 0.13), (r * 0.5, tall + 0.03), (0, tall + 0.02)],
            white,
            sides=18,
        )
    )
    metal = d.material("metal", [0.75] * 3)
    return merge(
        [
            *parts,
            bar([(-deep * 0.42, 0, tall), (-deep * 0.42, 0, tall + 0.27), (-deep * 0.1, 0, tall + 0.25)], 0.012, metal),
        ]
    )


def front_loader(d: Draw) -> Mesh:
    """Washing machine or dryer seen as a white box with a round door."""
    w, tall, deep = d.uniform(0.55, 0.62), d.uniform(0.8, 0.87), d.uniform(0.48, 0.6)
    r = d.uniform(0.14, 0.2)
    ring = lathe(
        [(r, 0), (r, 0.03), (r * 0.8, 0.04), (0, 0.02)], d.material("plastic", [d.uniform(0.05, 0.5)] * 3), sides=20
    )
    parts = [
        box((deep, w, tall), (0, 0, tall / 2), _white(d)),
        move(turn(ring, "y", math.pi / 2), deep / 2, 0, tall * 0.48),
    ]
    return merge(
        [
            *parts,
            box((0.01, w * 0.3, 0.05), (deep / 2 + 0.003, w * 0.25, tall * 0.92), d.material("plastic", [0.1] * 3)),
        ]
    )


def cistern_box(d: Draw) -> Mesh:
    """White box on the floor: litter box, scales, heater, humidifier, storage box."""
    size, tall = (d.uniform(0.25, 0.55), d.uniform(0.3, 0.6)), d.uniform(0.12, 0.5)
    parts = [cushion((*size, tall), (0, 0, tall / 2), _white(d), d.uniform(5, 12))]
    if d.chance(0.5):
        parts.append(cushion((size[0] * 0.7, size[1] * 0.7, 0.04), (0, 0, tall), d.material("plastic"), 6))
    return merge(parts)


def water_cooler(d: Draw) -> Mesh:
    """Water dispenser or humidifier: a white column with a round top."""
    w, tall = d.uniform(0.26, 0.34), d.uniform(0.6, 1.0)
    r = w * 0.42
    bottle = d.material("plastic", (d.uniform(0.4, 0.8), d.uniform(0.6, 0.9), d.uniform(0.8, 1.0)))
    parts = [box((w, w, tall), (0, 0, tall / 2), _white(d))]
    return merge(
        [*parts, lathe([(r * 0.5, tall), (r, tall + 0.08), (r, tall + 0.34), (0, tall + 0.36)], bottle, sides=14)]
    )
