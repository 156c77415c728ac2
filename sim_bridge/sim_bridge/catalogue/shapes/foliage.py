# SPDX-License-Identifier: Apache-2.0
"""What grows out of a pot: leaves of any shape on any skeleton; none hangs below the middle of the pot."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seal_perception.types import FloatArray
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import bar, cushion, rod, solid
from sim_bridge.modelling.textures import hsv


@dataclass(frozen=True)
class Leaf:
    """Form of a leaf: breadth over length, where it is broadest (0..1), how far its tip sinks and its sides fold up."""

    width: float
    belly: float
    droop: float
    fold: float
    curl: float


def any_leaf(d: Draw, slender: bool = False) -> Leaf:
    """Needles to broad hearts; only slender ones where asked for."""
    width = d.uniform(0.03, 0.2) if slender else math.exp(d.uniform(math.log(0.12), math.log(1.05)))
    return Leaf(width, d.uniform(0.2, 0.75), d.uniform(-0.1, 0.8), d.uniform(-0.1, 0.35), d.uniform(-0.3, 0.3))


def foliage_colour(d: Draw) -> Material:
    """Green mostly: yellowish, bluish, dark or pale; now and then purple, red, golden or dry."""
    kind = d.rng.random()
    if kind < 0.5:
        return d.material("leaf")
    if kind < 0.86:
        return d.material("leaf", hsv(d.uniform(0.16, 0.46), d.uniform(0.15, 0.85), d.uniform(0.1, 0.8)))
    if kind < 0.94:
        return d.material("leaf", hsv(d.uniform(0.85, 1.02), d.uniform(0.3, 0.8), d.uniform(0.15, 0.6)))
    return d.material("leaf", hsv(d.uniform(0.07, 0.16), d.uniform(0.3, 0.8), d.uniform(0.35, 0.85)))


def _faces(rows: int) -> npt.NDArray[np.int32]:
    """Triangles of a leaf of a root, `rows` rows of three points, and a tip."""
    out = [[0, 1, 2], [0, 2, 3]]
    for i in range(rows - 1):
        a = 1 + 3 * i
        out += [[a, a + 3, a + 1], [a + 1, a + 3, a + 4], [a + 1, a + 4, a + 2], [a + 2, a + 4, a + 5]]
    a, tip = 1 + 3 * (rows - 1), 1 + 3 * rows
    return np.array([*out, [a, tip, a + 1], [a + 1, tip, a + 2]], np.int32)


def leaves(roots: FloatArray, along: FloatArray, size: FloatArray | float, leaf: Leaf, material: Material) -> Mesh:
    """Many leaves in one mesh from (N, 3) roots along (N, 3) unit vectors, `size` metres long."""
    length = np.broadcast_to(np.asarray(size, np.float64), (len(roots),))[:, None]
    across = np.cross(along, [0.0, 0.0, 1.0])
    across += np.array([1e-4, 2e-4, 0.0])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    up = np.cross(across, along)
    rows = next((n for most, n in ((40, 5), (90, 3), (400, 2)) if len(roots) <= most), 1)
    points = [roots]
    steps = (np.arange(rows) + 0.6) / (rows + 0.2)
    peak = math.log(0.5) / math.log(leaf.belly)
    for s in steps:
        half = 0.5 * leaf.width * math.sin(math.pi * s**peak) ** 0.8
        middle = roots + length * (s * along + [0.0, 0.0, -leaf.droop * s * s])
        for t in (-1, 0, 1):
            lift = leaf.fold * half * abs(t) + leaf.curl * 0.1 * math.sin(6 * s) * t
            points.append(middle + length * (t * half * across + lift * up))
    points.append(roots + length * (along - np.array([0.0, 0.0, leaf.droop])))
    faces = _faces(rows)
    vertices = np.stack(points, 1).reshape(-1, 3)
    return solid(vertices, (np.arange(len(roots))[:, None, None] * (3 * rows + 2) + faces).reshape(-1, 3), material)


def directions(d: Draw, count: int, low: float, high: float) -> FloatArray:
    """(count, 3) unit vectors all around, with elevations between two angles in radians."""
    a = np.arange(count) * 2.39996 + d.rng.uniform(-0.5, 0.5, count)
    e = d.rng.uniform(low, high, count)
    return np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], 1)


def _unit(v: npt.NDArray[Any]) -> FloatArray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


@dataclass(frozen=True)
class Bed:
    """Where a plant grows: (3,) middle of the soil, its radius, and the tallest it may become, metres."""

    at: FloatArray
    radius: float
    tall: float


def rosette(d: Draw, bed: Bed) -> list[Mesh]:
    """Leaves from one place: aloes, agaves, echeverias, snake plants, grasses, lettuces."""
    blades, upright = d.chance(0.6), d.uniform(0.0, 1.35)
    leaf, count = any_leaf(d, blades), d.integer(8, 220) if blades else d.integer(8, 60)
    way = directions(d, count, upright * 0.8, min(upright + d.uniform(0.2, 1.2), 1.5))
    lean = _unit(way + d.rng.normal(0, 0.1, 3))
    size = min(bed.tall, 1.1) * d.uniform(0.5, 1.0) * d.rng.uniform(0.55, 1.0, count)
    roots = bed.at + way * [bed.radius, bed.radius, 0.0] * d.rng.uniform(0.0, 0.8, (count, 1))
    return [leaves(roots, lean, size, leaf, foliage_colour(d))]


def stalks(d: Draw, bed: Bed) -> list[Mesh]:
    """One leaf to a stalk: lilies, monsteras, calatheas, pileas."""
    green, count, leaf = foliage_colour(d), d.integer(5, 34), any_leaf(d)
    way = directions(d, count, d.uniform(0.0, 0.9), d.uniform(1.1, 1.5))
    reach = bed.tall * d.uniform(0.4, 0.75) * d.rng.uniform(0.5, 1.05, count)
    roots = bed.at + way * [bed.radius * 0.5, bed.radius * 0.5, 0.0]
    tips = roots + way * reach[:, None]
    bend = (roots + tips) / 2 + [0, 0, 0.1] * reach[:, None]
    out = _unit(way * [1.0, 1.0, d.uniform(-0.4, 0.8)])
    parts = [bar([a, m, b], 0.0035, green, 3) for a, m, b in zip(roots, bend, tips, strict=True)]
    size = bed.tall * d.uniform(0.2, 0.6) * d.rng.uniform(0.6, 1.1, count)
    return [leaves(tips, out, size, leaf, green), *parts]


def _along(d: Draw, line: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Points spread along a (K, 3) line, and directions out of it."""
    at = np.sort(d.rng.uniform(0.0, 1.0, count)) * (len(line) - 1)
    k = np.minimum(at.astype(int), len(line) - 2)
    spots = line[k] + (at - k)[:, None] * (line[k + 1] - line[k])
    return spots, directions(d, count, d.uniform(-0.5, 0.3), d.uniform(0.4, 1.3))


def _stem(d: Draw, bed: Bed, tall: float, wobble: float) -> FloatArray:
    """(6, 3) line of a stem that leans and bends a little."""
    way = d.rng.normal(0, wobble, 2)
    t = np.linspace(0, 1, 6)[:, None]
    foot = bed.at + np.append(d.rng.uniform(-0.45, 0.45, 2) * bed.radius, -0.02)
    sway = np.column_stack([t * t * way[0], t * t * way[1], t])
    return foot + sway * tall + np.column_stack([np.sin(5 * t + d.rng.uniform(0, 6)) * 0.015 * t * tall, 0 * t, 0 * t])


def stems(d: Draw, bed: Bed) -> list[Mesh]:
    """Stems with leaves all along or at their upper ends: rubber plants, bamboo, dracaenas, herbs."""
    green, leaf, count = foliage_colour(d), any_leaf(d, d.chance(0.4)), d.integer(1, 9)
    bark = green if d.chance(0.5) else d.material("soil")
    each = d.integer(8, max(9, 300 // count))
    start, thick = d.uniform(0.0, 0.75), min(bed.tall * d.uniform(0.004, 0.02), 0.018)
    parts, spots, ways = [], [], []
    for _ in range(count):
        line = _stem(d, bed, bed.tall * d.uniform(0.5, 0.95), d.uniform(0.02, 0.3))
        parts.append(bar(list(line), thick, bark, 5))
        upper = line[min(int(start * 5), 4) :]
        a, w = _along(d, upper, each)
        spots.append(a)
        ways.append(w)
    size = min(bed.tall, 1.2) * d.uniform(0.12, 0.42) * d.rng.uniform(0.6, 1.1, count * each)
    return [*parts, leaves(np.concatenate(spots), np.concatenate(ways), size, leaf, green)]


def fronds(d: Draw, bed: Bed) -> list[Mesh]:
    """Arched ribs with leaflets on both sides: ferns, palms, cycads; on a trunk or from the soil."""
    green, count, pairs = foliage_colour(d), d.integer(6, 26), d.integer(8, 16)
    trunk = d.uniform(0.2, 0.55) * bed.tall if d.chance(0.4) else 0.0
    top, parts = bed.at + np.array([0, 0, trunk]), []
    if trunk:
        parts.append(
            rod(bed.at - [0, 0, 0.03], top, trunk * d.uniform(0.03, 0.12), d.material("soil"), trunk * 0.03, sides=7)
        )
    way = directions(d, count, d.uniform(-0.1, 0.6), d.uniform(0.9, 1.45))
    reach = (bed.tall - trunk) * d.uniform(0.6, 0.9) * d.rng.uniform(0.7, 1.1, count)
    sink, s = d.uniform(0.1, 0.6), np.linspace(0.15, 1.0, pairs)
    side = _unit(np.cross(way, [0.0, 0.0, 1.0]) + np.array([1e-4, 0, 0]))
    for k in range(count):
        line = [top + reach[k] * (t * way[k] + [0, 0, -sink * t * t]) for t in np.linspace(0, 1, 5)]
        parts.append(bar(line, 0.0035, green, 3))
    spot = top + reach[:, None, None] * (s[None, :, None] * way[:, None, :])
    spot[..., 2] -= reach[:, None] * sink * s[None, :] ** 2
    roots, ways = [], []
    for sign in (-1, 1):
        roots.append(spot.reshape(-1, 3))
        lead = sign * side * d.uniform(0.6, 1.0) + 0.5 * way
        ways.append(np.repeat(_unit(lead), pairs, axis=0))
    taper = np.tile(np.sin(np.pi * (0.15 + 0.75 * s)), count)
    size = float(reach.mean()) * d.uniform(0.12, 0.45) * np.tile(taper, 2)
    leaf = Leaf(d.uniform(0.06, 0.45), 0.4, d.uniform(0.0, 0.6), 0.1, 0.0)
    return [*parts, leaves(np.concatenate(roots), np.concatenate(ways), size, leaf, green)]


def _crown(d: Draw, centre: FloatArray, size: FloatArray, count: int, green: Material, leaf: Leaf) -> list[Mesh]:
    """A cloud of leaves in an ellipsoid of the given half-axes, denser outside."""
    way = directions(d, count, -1.2, 1.5)
    spots = centre + way * size * d.rng.uniform(0.25, 1.0, (count, 1)) ** 0.5
    out = _unit(way + d.rng.normal(0, 0.5, (count, 3)))
    each = float(size.mean()) * d.uniform(0.28, 0.65) * d.rng.uniform(0.6, 1.1, count)
    return [leaves(spots, out, each, leaf, green)]


def tree(d: Draw, bed: Bed) -> list[Mesh]:
    """Slender upright trunks that fork into crowns of small leaves: figs, olives, standards, topiary."""
    green, bark, leaf = foliage_colour(d), d.material(d.pick(("wood", "soil"))), any_leaf(d)
    bare, trunks = bed.tall * d.uniform(0.25, 0.65), d.pick((1, 1, 1, 2))
    parts: list[Mesh] = []
    solid_core = d.chance(0.35)
    for _ in range(trunks):
        line = _stem(d, bed, bare, d.uniform(0.0, 0.25))
        parts.append(bar(list(line), d.uniform(0.006, 0.022), bark, 6))
        limbs = d.integer(1, 5)
        for _ in range(limbs):
            size = (bed.tall - bare) * d.uniform(0.22, 0.5) * np.array([1.0, 1.0, d.uniform(0.7, 1.3)])
            offset = d.rng.uniform(-0.8, 0.8, 3) * size * (limbs > 1)
            centre = line[-1] + offset + [0, 0, size[2] * 0.7]
            parts.append(rod(line[-1] - [0, 0, 0.02], centre, 0.006, bark, 0.003, sides=4))
            if solid_core:
                parts.append(cushion(size * 1.25, centre, green, 2.0, 10, 6))
            parts += _crown(d, centre, size, max(50, 420 // (trunks * limbs)), green, leaf)
    return parts


def bush(d: Draw, bed: Bed) -> list[Mesh]:
    """A mound or column of leaves on short twigs, dense or thin, lopsided or even."""
    green, leaf = foliage_colour(d), any_leaf(d)
    half = np.array([d.uniform(0.22, 0.6), d.uniform(0.22, 0.6), 0.5]) * bed.tall * d.uniform(0.7, 1.0)
    centre = bed.at + half * [d.rng.normal(0, 0.2), d.rng.normal(0, 0.2), 0.85]
    parts = _crown(d, centre, half, d.integer(40, 420), green, leaf)
    way = directions(d, 7, 0.7, 1.5)
    twigs = [rod(bed.at - [0, 0, 0.02], bed.at + w * bed.tall * 0.55, 0.004, green, sides=3) for w in way]
    if d.chance(0.4):
        parts += _crown(d, centre, half * 0.9, d.integer(20, 120), foliage_colour(d), any_leaf(d))
    return parts + twigs


def blossoms(d: Draw, bed: Bed, height: float) -> list[Mesh]:
    """Flowers on stalks or among the leaves: rounds of petals, spikes or bells, of any colour."""
    count, petals = d.integer(1, 26), d.integer(4, 9)
    colour = d.material("leaf", hsv(d.rng.random(), d.uniform(0.0, 0.9), d.uniform(0.5, 1.0)))
    heart = d.material("leaf", hsv(d.uniform(0.1, 0.17), 0.8, d.uniform(0.3, 0.95)))
    way = directions(d, count, 0.5, 1.5)
    tips = bed.at + way * height * d.rng.uniform(0.7, 1.08, (count, 1))
    green = d.material("leaf")
    parts = [bar([bed.at, (bed.at + t) / 2 + [0, 0, 0.04], t], 0.003, green, 3) for t in tips]
    size = d.uniform(0.02, 0.075)
    face = _unit(way + d.rng.normal(0, 0.4, way.shape))
    e1 = _unit(np.cross(face, [0.3, 0.5, 0.2]))
    e2 = np.cross(face, e1)
    angle = np.arange(petals) * 2 * math.pi / petals
    ring = np.cos(angle)[None, :, None] * e1[:, None] + np.sin(angle)[None, :, None] * e2[:, None]
    out = _unit(ring + d.uniform(0.0, 0.9) * face[:, None])
    leaf = Leaf(d.uniform(0.3, 1.0), 0.6, 0.05, 0.2, 0.0)
    parts.append(leaves(np.repeat(tips, petals, axis=0), out.reshape(-1, 3), size, leaf, colour))
    return parts + [cushion((size * 0.5,) * 3, t, heart, 2.0, 6, 4) for t in tips]


Growth = Callable[[Draw, Bed], list[Mesh]]
GROWTHS: tuple[Growth, ...] = (rosette, rosette, stalks, stalks, stems, stems, fronds, tree, bush, bush)
"""Every way to grow."""
