# SPDX-License-Identifier: Apache-2.0
"""Potted plants: broad-leaved bush, palm with a stem, upright blades, little tree."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from seal_perception.types import FloatArray
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box_between, cushion, lathe, merge, prism, rod, solid

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
