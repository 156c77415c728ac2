# SPDX-License-Identifier: Apache-2.0
"""Potted plants.

Every split has broad-leaved bushes, palms, upright blades, little trees, monstera and ferns; test homes alone have
cactus, bonsai and plants that trail from a stand.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from seal_perception.types import FloatArray
from sim_bridge.furniture.chairs import four_legs
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import (
    bar,
    box,
    box_between,
    cushion,
    lathe,
    merge,
    move,
    prism,
    rod,
    rounded_outline,
    solid,
)

_LEAF_FACES = np.array([[0, 1, 2], [1, 3, 4], [1, 4, 2], [2, 4, 5], [3, 6, 4], [4, 6, 5]])


def leaves(
    roots: npt.ArrayLike,
    directions: npt.ArrayLike,
    length: npt.ArrayLike,
    width: float,
    droop: float,
    material: Material,
) -> Mesh:
    """Many leaves in one mesh.

    Args:
        roots: (N, 3) where the leaves begin, metres.
        directions: (N, 3) unit vectors along which they leave.
        length: (N,) or scalar, metres.
        width: breadth over length.
        droop: how far a tip sinks, over length.
        material: of all leaves.
    """
    root, along = np.asarray(roots, np.float64), np.asarray(directions, np.float64)
    size = np.broadcast_to(np.asarray(length, np.float64), (len(root),))[:, None]
    across = np.cross(along, [0.0, 0.0, 1.0])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    up = np.cross(across, along)
    spots = [
        (0, 0, 0),
        (0.35, -0.45, 0.1),
        (0.35, 0.45, 0.1),
        (0.7, -0.38, 0.08),
        (0.72, 0, -0.03),
        (0.7, 0.38, 0.08),
        (1, 0, 0),
    ]
    points = []
    for s, t, fold in spots:
        sag = np.array([0.0, 0.0, -droop * s**2])
        points.append(root + size * (s * along + t * width * across + fold * width * up + sag))
    vertices = np.stack(points, 1).reshape(-1, 3)
    faces = (np.arange(len(root))[:, None, None] * 7 + _LEAF_FACES).reshape(-1, 3)
    return solid(vertices, faces, material)


def pot(d: Draw, radius: float, height: float, base: float = 0.0) -> list[Mesh]:
    """Pot with soil, of clay, ceramic, wood, metal or wicker; round or square."""
    kind = d.pick(("ceramic", "plastic", "concrete", "soil", "metal", "fabric", "wood"))
    colour = None
    if kind == "soil":
        colour = (d.uniform(0.55, 0.75), d.uniform(0.28, 0.42), d.uniform(0.18, 0.28))
    clay, earth = d.material(kind, colour), d.material("soil")
    if d.chance(0.2):
        low, high = (-radius, -radius, base), (radius, radius, base + height)
        inside = 0.85 * radius
        top = base + height
        return [
            box_between(low, high, clay),
            box_between((-inside, -inside, top - 0.01), (inside, inside, top + 0.006), earth),
        ]
    foot = radius * d.uniform(0.6, 1.0)
    belly = d.uniform(-0.05, 0.25) * radius
    rim = 1.06 if d.chance(0.4) else 1.0
    profile: list[tuple[float, float]] = [(0, 0), (foot, 0)]
    profile += [
        (foot + (radius - foot) * t + belly * math.sin(math.pi * t), height * t) for t in np.linspace(0.15, 0.86, 4)
    ]
    profile += [
        (radius * rim, height * 0.87),
        (radius * rim, height),
        (radius * 0.9, height),
        (radius * 0.88, height * 0.9),
    ]
    parts = [lathe(profile, clay, (0, 0, base), sides=16)]
    ring = [(radius * 0.9 * math.cos(a), radius * 0.9 * math.sin(a)) for a in np.arange(12) * math.pi / 6]
    parts.append(prism(ring, base + height * 0.82, base + height * 0.93, earth))
    return parts


def spread(d: Draw, count: int, low: float, high: float) -> FloatArray:
    """(count, 3) unit vectors around the vertical with elevations between low and high radians."""
    azimuth = np.arange(count) * 2.39996 + d.rng.uniform(-0.4, 0.4, count)
    elevation = d.rng.uniform(low, high, count)
    flat = np.cos(elevation)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], 1)


def bush_plant(d: Draw) -> Mesh:
    """Broad leaves on thin stalks in a pot (monstera, peace lily, rubber plant)."""
    radius, tall = d.uniform(0.1, 0.19), d.uniform(0.14, 0.32)
    green = d.material("leaf")
    reach, count = d.uniform(0.18, 0.42), d.integer(18, 42)
    direction = spread(d, count, d.uniform(0.1, 0.4), d.uniform(1.1, 1.5))
    stalk = reach * d.rng.uniform(0.45, 1.1, count)
    start = np.array([0.0, 0.0, tall * 0.9]) + direction * [radius * 0.4, radius * 0.4, 0.0]
    tips = start + direction * stalk[:, None]
    outward = direction * [1.0, 1.0, d.uniform(0.1, 0.7)]
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    size = reach * d.uniform(0.5, 0.85) * d.rng.uniform(0.7, 1.15, count)
    parts = pot(d, radius, tall)
    parts.append(leaves(tips, outward, size, d.uniform(0.45, 0.95), d.uniform(0.15, 0.5), green))
    for a, b in zip(start[::2], tips[::2], strict=True):
        parts.append(rod(a, b, 0.005, green, 0.004, sides=4))
    return merge(parts)


def palm_plant(d: Draw) -> Mesh:
    """One to three bare stems, each with a crown of long leaves (dracaena, yucca, palm)."""
    radius, tall = d.uniform(0.12, 0.2), d.uniform(0.2, 0.38)
    green, bark = d.material("leaf"), d.material("soil")
    parts = pot(d, radius, tall)
    slender = d.uniform(0.07, 0.16)
    for _ in range(d.integer(1, 3)):
        height = d.uniform(0.35, 1.1)
        lean = d.rng.uniform(-0.12, 0.12, 2)
        foot = np.array([d.uniform(-0.4, 0.4) * radius, d.uniform(-0.4, 0.4) * radius, tall * 0.85])
        crown = foot + np.array([lean[0], lean[1], height])
        parts.append(rod(foot, crown, d.uniform(0.012, 0.03), bark, 0.012, sides=6))
        count = d.integer(16, 34)
        direction = spread(d, count, d.uniform(-0.4, 0.1), 1.45)
        start = crown - np.outer(d.rng.random(count) * 0.15, [0, 0, 1])
        size = d.uniform(0.32, 0.55) * d.rng.uniform(0.7, 1.1, count)
        parts.append(leaves(start, direction, size, slender, d.uniform(0.2, 0.75), green))
    return merge(parts)


def blade_plant(d: Draw) -> Mesh:
    """Stiff leaves straight out of the pot (snake plant, aloe, agave, grass)."""
    radius, tall = d.uniform(0.09, 0.18), d.uniform(0.12, 0.28)
    green = d.material("leaf")
    steep = d.chance(0.6)
    count = d.integer(12, 26) if steep else d.integer(20, 40)
    direction = spread(d, count, 1.1 if steep else 0.35, 1.5 if steep else 1.4)
    start = direction * [radius * 1.4, radius * 1.4, 0.0] * d.rng.uniform(0.2, 1.0, (count, 1)) + [0, 0, tall * 0.85]
    size = d.uniform(0.35, 0.8) * d.rng.uniform(0.6, 1.05, count)
    width = d.uniform(0.1, 0.22) if steep else d.uniform(0.08, 0.25)
    return merge(
        [*pot(d, radius, tall), leaves(start, direction, size, width, 0.0 if steep else d.uniform(0, 0.6), green)]
    )


def tree_plant(d: Draw) -> Mesh:
    """Little tree: a stem with one or a few dense crowns of small leaves (ficus, topiary)."""
    radius, tall = d.uniform(0.12, 0.22), d.uniform(0.18, 0.36)
    green, bark = d.material("leaf"), d.material("wood")
    stem, parts = d.uniform(0.15, 0.7), pot(d, radius, tall)
    top = np.array([0.0, 0.0, tall + stem])
    parts.append(rod((0, 0, tall * 0.8), top, 0.02, bark, 0.012, sides=6))
    for _ in range(d.integer(1, 4)):
        size = d.rng.uniform(0.3, 0.55) * np.array([1.0, 1.0, d.rng.uniform(0.7, 1.3)])
        centre = top + d.rng.uniform(-0.14, 0.14, 3) + [0, 0, size[2] * 0.35]
        parts.append(rod(top - [0, 0, 0.1], centre, 0.01, bark, sides=5))
        core = cushion(size * 0.72, centre, green, 2.0, 10, 6)
        wobble = 1 + 0.22 * d.rng.standard_normal((len(core.vertices), 1))
        parts.append(solid(centre + (core.vertices - centre) * wobble, core.faces, green))
        count = d.integer(50, 90)
        way = spread(d, count, -1.3, 1.5)
        parts.append(leaves(centre + way * size * 0.36, way, d.uniform(0.09, 0.16), 0.6, 0.35, green))
    return merge(parts)


def _split_leaf(tip: FloatArray, out: FloatArray, size: float, green: Material) -> Mesh:
    """A heart-shaped leaf with slits towards its midrib, stalk end at `tip`, pointing along `out`."""
    across = np.cross(out, [0.0, 0.0, 1.0])
    across /= max(float(np.linalg.norm(across)), 1e-6)
    rib = np.linspace(0, 1, 6)
    points: list[FloatArray] = []
    faces: list[list[int]] = []
    for sy in (-1, 1):
        for i in range(5):
            near, far = rib[i], rib[i] + 0.19
            width = 0.62 * math.sin(math.pi * (0.2 + 0.72 * near)) ** 0.7
            base = len(points)
            for along, side in ((near, 0.0), (far, 0.0), (far + 0.06, width * 0.9), (near + 0.04, width)):
                droop = np.array([0, 0, -0.35 * along**2 - 0.12 * side]) * size
                points.append(tip + size * (along - 0.12) * out + sy * side * size * across + droop)
            faces += [[base, base + 1, base + 2], [base, base + 2, base + 3]]
    return solid(np.array(points), np.array(faces), green)


def monstera_plant(d: Draw) -> Mesh:
    """Few, large, slit leaves on long bowed stalks."""
    radius, tall = d.uniform(0.13, 0.2), d.uniform(0.2, 0.36)
    green = d.material("leaf")
    count, reach = d.integer(9, 16), d.uniform(0.3, 0.48)
    parts = pot(d, radius, tall)
    way = spread(d, count, 0.6, 1.4)
    for k in range(count):
        start = np.array([0.3 * radius * way[k, 0], 0.3 * radius * way[k, 1], tall * 0.9])
        tip = start + way[k] * reach * d.rng.uniform(0.6, 1.1)
        middle = (start + tip) / 2 + np.array([0, 0, 0.06])
        parts.append(bar([start, middle, tip], 0.006, green, sides=4))
        out = way[k] * [1, 1, 0.15]
        out /= max(float(np.linalg.norm(out)), 1e-6)
        parts.append(_split_leaf(tip, out, d.rng.uniform(0.24, 0.36), green))
    return merge(parts)


def _fronds(d: Draw, count: int, reach: float, top: float, green: Material, droop: float) -> list[Mesh]:
    """Arched stems with pairs of small leaves along them."""
    way = spread(d, count, 0.2, 1.2)
    roots, directions = [], []
    parts = []
    for k in range(count):
        side = np.array([-way[k, 1], way[k, 0], 0.0])
        side /= max(float(np.linalg.norm(side)), 1e-6)
        size = reach * d.rng.uniform(0.7, 1.1)
        line = [np.array([0, 0, top]) + size * (s * way[k] + [0, 0, -droop * s * s]) for s in np.linspace(0, 1, 5)]
        parts.append(bar(line, 0.004, green, sides=3))
        for s in np.linspace(0.15, 1.0, 9):
            at = np.array([0, 0, top]) + size * (s * way[k] + [0, 0, -droop * s * s])
            for sign in (-1, 1):
                lead = 0.9 * sign * side + 0.3 * way[k]
                roots.append(at)
                directions.append(lead / np.linalg.norm(lead))
    parts.append(leaves(roots, directions, reach * 0.2, 0.35, 0.3, green))
    for part in parts:
        np.maximum(part.vertices[:, 2], 0.004, out=part.vertices[:, 2])
    return parts


def fern_plant(d: Draw) -> Mesh:
    """Feathery arched fronds over a pot, now and then on a little stool of its own."""
    radius, tall = d.uniform(0.1, 0.17), d.uniform(0.18, 0.28)
    green = d.material("leaf")
    lift = d.uniform(0.25, 0.55) if d.chance(0.35) else 0.0
    parts = pot(d, radius, tall, lift)
    if lift:
        frame = d.frame()
        parts.append(prism(rounded_outline(2.3 * radius, 2.3 * radius, 2), lift - 0.025, lift, frame))
        parts += four_legs(2 * radius, 2 * radius, lift - 0.02, 0.025, 0.03, frame, True)
    parts += _fronds(d, d.integer(16, 26), d.uniform(0.32, 0.5), lift + tall * 0.92, green, d.uniform(0.35, 0.6))
    return merge(parts)


def cactus_plant(d: Draw) -> Mesh:
    """Ribbed columns, with arms or in a group, or a flat-padded prickly pear."""
    radius, tall = d.uniform(0.11, 0.18), d.uniform(0.14, 0.26)
    green = d.material("leaf", (d.uniform(0.2, 0.4), d.uniform(0.4, 0.55), d.uniform(0.22, 0.36)))
    parts = pot(d, radius, tall)

    def column(y: float, low: float, high: float, thick: float) -> Mesh:
        t = np.linspace(0, 1, 7)
        profile = np.column_stack([thick * np.append(np.ones(4), [0.92, 0.7, 0.0]), low + (high - low) * t])
        mesh = lathe(profile, green, (0, 0, 0), sides=24)
        bulge = 1 + 0.13 * np.cos(12 * np.arctan2(mesh.vertices[:, 1], mesh.vertices[:, 0]))
        mesh.vertices[:, :2] *= bulge[:, None]
        return move(mesh, 0, y)

    if d.chance(0.35):
        pads: list[tuple[float, float, float]] = [(0.0, 0.0, tall * 0.9)]
        for k in range(d.integer(5, 9)):
            y, z = pads[int(d.rng.integers(len(pads)))][1:]
            size = d.rng.uniform(0.2, 0.28)
            parts.append(
                cushion((0.045, size * 0.75, size), (0.02 * (k % 3 - 1), y, z + size * 0.45), green, 2.2, 12, 8)
            )
            pads += [(0.0, y - size * 0.25, z + size * 0.8), (0.0, y + size * 0.25, z + size * 0.8)]
            pads = [p for p in pads if abs(p[1]) < 0.4 and p[2] < 1.1]
        return merge(parts)
    thick, high = d.uniform(0.06, 0.09), d.uniform(0.5, 1.2)
    parts.append(column(0, tall * 0.85, tall + high, thick))
    for k in range(d.integer(0, 3)):
        side, at = (-1) ** k, tall + high * d.rng.uniform(0.3, 0.55)
        y, small = side * (thick * 1.8 + 0.03), thick * 0.62
        parts.append(rod((0, 0, at - 0.03), (0, y, at), small, green, sides=10))
        parts.append(column(y, at - small, min(at + high * 0.35, tall + high * 0.95), small))
    return merge(parts)


def bonsai_plant(d: Draw) -> Mesh:
    """Thick crooked trunk with flat pads of foliage in a shallow dish, on the floor or on its own little table."""
    width, tall = d.uniform(0.32, 0.5), d.uniform(0.08, 0.13)
    clay, bark, green = (
        d.material("ceramic", d.pick(([0.2, 0.25, 0.4], [0.4, 0.25, 0.18], None))),
        d.material("soil"),
        d.material("leaf"),
    )
    lift = d.uniform(0.35, 0.6)
    wood = d.material("wood")
    parts = [box((width * 0.9, width * 1.2, 0.03), (0, 0, lift - 0.015), wood)]
    parts += four_legs(width * 0.85, width * 1.1, lift - 0.02, 0.035, 0.0, wood, False)
    dish = rounded_outline(width * 0.7, width, 6)
    parts += [
        prism(dish, lift, lift + tall, clay),
        prism(dish * 0.9, lift + tall - 0.01, lift + tall + 0.012, d.material("soil")),
    ]
    high, sway = d.uniform(0.28, 0.5), d.pick((-1, 1)) * d.uniform(0.08, 0.16)
    base = lift + tall
    trunk = [(0.0, sway * math.sin(4.2 * s), base + high * s) for s in np.linspace(0, 1, 7)]
    for k in range(6):
        parts.append(rod(trunk[k], trunk[k + 1], 0.035 - 0.0045 * k, bark, 0.035 - 0.0045 * (k + 1), sides=8))
    limbs = [(trunk[k], side) for k, side in ((3, 1.0), (4, -1.0), (5, 0.8), (2, -0.8))]
    pads = [(trunk[6], 0.0), *limbs[: d.integer(2, 4)]]
    for at, side in pads:
        size = d.rng.uniform(0.2, 0.32)
        centre = np.array([d.rng.uniform(-0.04, 0.04), at[1] + side * 0.2, at[2] + 0.04 + 0.05 * (side == 0)])
        parts.append(rod(at, centre, 0.012, bark, sides=6))
        parts.append(cushion((size, size * 1.25, 0.1), centre + np.array([0, 0, 0.03]), green, 2, 12, 6))
        way = spread(d, 70, -0.1, 1.4)
        spot = centre + way * np.array([size * 0.5, size * 0.62, 0.05]) + [0, 0, 0.03]
        parts.append(leaves(spot, way, 0.05, 0.8, 0.2, green))
    return merge(parts)


def trailing_plant(d: Draw) -> Mesh:
    """Pot high on a stand, with leafy tendrils that hang down (ivy, pothos)."""
    radius, tall, lift = d.uniform(0.11, 0.16), d.uniform(0.14, 0.2), d.uniform(0.6, 1.0)
    green, frame = d.material("leaf"), d.frame()
    parts = pot(d, radius, tall, lift)
    parts.append(prism(rounded_outline(2.4 * radius, 2.4 * radius, 2), lift - 0.02, lift, frame))
    parts += four_legs(2.2 * radius, 2.2 * radius, lift - 0.015, 0.025, 0.02, frame, True)
    roots, directions = [], []
    for k in range(d.integer(12, 18)):
        a = k * 2.39996
        flat = np.array([math.cos(a), math.sin(a), 0.0])
        drop = d.rng.uniform(0.2, 0.9) * (lift + tall - 0.1)
        line = [flat * radius * 0.5 + [0, 0, lift + tall], flat * radius * 1.15 + [0, 0, lift + tall + 0.03]]
        for s in np.linspace(0.15, 1.0, 6):
            bend = radius * (1.25 + 0.12 * math.sin(5 * s + k))
            line.append(flat * bend + [0, 0, lift + tall - drop * s])
        parts.append(bar(line, 0.004, green, sides=3))
        for s in np.linspace(0, 1, 12):
            at = flat * radius * (1.2 + 0.1 * math.sin(5 * s + k)) + [0, 0, lift + tall - drop * s]
            lead = flat + d.rng.normal(0, 0.7, 3)
            roots.append(at)
            directions.append(lead / np.linalg.norm(lead))
    way = spread(d, 40, 0.2, 1.4)
    roots += list(np.array([0, 0, lift + tall]) + way * radius * 0.8)
    directions += list(way)
    parts.append(leaves(roots, directions, d.uniform(0.07, 0.11), 0.75, 0.4, green))
    return merge(parts)
