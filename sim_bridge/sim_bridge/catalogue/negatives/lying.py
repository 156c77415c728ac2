# SPDX-License-Identifier: Apache-2.0
"""What has a couch's or a bed's bulk and is neither."""

from __future__ import annotations

from sim_bridge.catalogue.backdrops import backdrop
from sim_bridge.furniture.chairs import four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Mesh
from sim_bridge.modelling.shapes import box, cushion, merge, rod, turn


def mattress_on_edge(d: Draw) -> Mesh:
    """Mattress stood on its long or short edge, leaning."""
    long, tall, thick = d.uniform(1.2, 2.0), d.uniform(0.8, 1.4), d.uniform(0.12, 0.25)
    return turn(cushion((thick, long, tall), (0, 0, tall / 2), d.material("fabric"), 9), "y", d.uniform(-0.2, 0.0))


def long_sideboard(d: Draw) -> Mesh:
    """Low long cupboard of many doors."""
    wood, long = d.material(d.pick(("wood", "paint", "plastic", "ceramic"))), d.uniform(1.3, 2.4)
    tall, deep, n = d.uniform(0.45, 0.95), d.uniform(0.35, 0.55), d.integer(2, 5)
    parts = [box((deep, long, tall - 0.1), (0, 0, tall / 2 + 0.05), wood)]
    knob = d.material("metal")
    for k in range(n):
        y = long * ((k + 0.5) / n - 0.5)
        parts.append(box((0.016, long / n - 0.012, tall - 0.14), (deep / 2 + 0.004, y, tall / 2 + 0.05), wood))
        parts.append(box((0.03, 0.02, 0.08), (deep / 2 + 0.015, y + long / n * 0.35, tall * 0.6), knob))
    parts += four_legs(deep * 0.8, long * 0.9, 0.1, 0.04, 0.0, d.frame(), True)
    return merge(parts)


def window_seat(d: Draw) -> Mesh:
    """Wooden chest as long as a couch, with a thin flat pad and no back."""
    long, deep, tall = d.uniform(0.9, 2.0), d.uniform(0.35, 0.55), d.uniform(0.36, 0.48)
    parts = [box((deep, long, tall), (0, 0, tall / 2), d.material(d.pick(("wood", "paint", "ceramic"))))]
    if d.chance(0.6):
        parts.append(cushion((deep * 0.96, long * 0.98, 0.06), (0, 0, tall + 0.03), d.material("fabric"), 9))
    return merge(parts)


def pool_table(d: Draw) -> Mesh:
    """Billiard or table tennis table: a large coloured top with rims."""
    long, wide, tall = d.uniform(1.7, 2.5), d.uniform(0.95, 1.4), d.uniform(0.7, 0.85)
    wood = d.material("wood")
    cloth = d.material("fabric", (d.uniform(0.0, 0.2), d.uniform(0.25, 0.5), d.uniform(0.15, 0.5)))
    parts = [
        box((long, wide, d.uniform(0.05, 0.2)), (0, 0, tall - 0.1), wood),
        box((long - 0.2, wide - 0.2, 0.02), (0, 0, tall), cloth),
    ]
    for s in (-1, 1):
        parts.append(box((long, 0.1, 0.05), (0, s * (wide / 2 - 0.05), tall + 0.01), wood))
        parts.append(box((0.1, wide, 0.05), (s * (long / 2 - 0.05), 0, tall + 0.01), wood))
    return merge([*parts, *four_legs(long * 0.85, wide * 0.8, tall - 0.1, d.uniform(0.06, 0.14), 0.0, wood, True)])


def cloth_table(d: Draw) -> Mesh:
    """Table under a cloth that hangs to the floor or half-way."""
    long, wide, tall, drop = d.uniform(0.8, 2.0), d.uniform(0.7, 1.0), d.uniform(0.5, 0.78), d.uniform(0.2, 1.0)
    cloth = backdrop(d.pick(("berries", "stripes", "leaf_print")), d.rng) if d.chance(0.4) else d.material("fabric")
    parts = [cushion((wide + 0.04, long + 0.04, tall * drop), (0, 0, tall * (1 - drop / 2)), cloth, 14)]
    return merge([*parts, *four_legs(wide * 0.9, long * 0.9, tall - 0.02, 0.05, 0.0, d.frame(), True)])


def pallet(d: Draw) -> Mesh:
    """Pallets, one or a pile, or planks."""
    wood, long, wide = d.material("wood"), d.uniform(1.0, 1.4), d.uniform(0.7, 1.0)
    parts, z = [], 0.0
    for _ in range(d.integer(1, 4)):
        parts += [box((0.09, wide, 0.1), (x * long * 0.45, 0, z + 0.05), wood) for x in (-1, 0, 1)]
        parts += [box((long, 0.09, 0.022), (0, wide * (k / 5 - 0.45), z + 0.11), wood) for k in range(6)]
        z += 0.125
    return merge(parts)


def radiator_cover(d: Draw) -> Mesh:
    """Slatted box over a radiator, or a long bench of slats."""
    wood, long, tall, deep = (
        d.material(d.pick(("wood", "ceramic", "paint"))),
        d.uniform(0.8, 1.8),
        d.uniform(0.5, 0.95),
        d.uniform(0.2, 0.35),
    )
    dark = d.material("paint", [d.uniform(0.08, 0.3)] * 3)
    parts = [
        box((deep * 0.8, long * 0.95, tall * 0.95), (0, 0, tall / 2), dark),
        box((deep + 0.04, long + 0.04, 0.03), (0, 0, tall), wood),
    ]
    n = int(long / d.uniform(0.05, 0.09))
    parts += [box((0.015, 0.022, tall), (deep / 2, long * (k / max(n - 1, 1) - 0.5), tall / 2), wood) for k in range(n)]
    return merge(parts)


def tub(d: Draw) -> Mesh:
    """Bathtub, planter or trough: a long shell."""
    long, wide, tall = d.uniform(1.2, 1.8), d.uniform(0.6, 0.8), d.uniform(0.42, 0.62)
    skin = d.material(d.pick(("ceramic", "ceramic", "metal", "plastic")))
    power = d.uniform(3, 9)
    parts = [cushion((long, wide, tall * 1.6), (0, 0, tall * 0.8), skin, power)]
    parts[0].vertices[:, 2] = parts[0].vertices[:, 2].clip(0, tall)
    parts.append(
        cushion(
            (long * 0.88, wide * 0.8, 0.02),
            (0, 0, tall + 0.004),
            d.material("ceramic", [d.uniform(0.5, 0.8)] * 3),
            power,
        )
    )
    return merge(parts)


def island(d: Draw) -> Mesh:
    """Kitchen island, counter or reception desk."""
    long, deep, tall = d.uniform(1.0, 2.2), d.uniform(0.6, 1.0), d.uniform(0.8, 1.1)
    base, top = d.material(d.pick(("wood", "paint", "tile", "brick"))), d.material(d.pick(("stone", "wood", "metal")))
    parts = [
        box((deep, long, tall), (0, 0, tall / 2), base),
        box((deep + 0.1, long + 0.1, 0.05), (0, 0, tall + 0.02), top),
    ]
    return merge(parts)


def cloth_bundle(d: Draw) -> Mesh:
    """Rolled carpets, folded tents, sacks: soft things in a heap without a back or seat."""
    parts = []
    for k in range(d.integer(1, 4)):
        r, long, stuff = d.uniform(0.1, 0.25), d.uniform(0.8, 2.0), d.material(d.pick(("carpet", "fabric", "rug")))
        parts.append(
            rod((k * r * 1.8, -long / 2, r), (k * r * 1.8 + d.uniform(-0.2, 0.2), long / 2, r), r, stuff, sides=12)
        )
    return merge(parts)
