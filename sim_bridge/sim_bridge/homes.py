# SPDX-License-Identifier: Apache-2.0
"""Homes by name (first version: two rooms with boxes; furniture follows)."""

from __future__ import annotations

import zlib

import numpy as np

from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError
from sim_bridge.mesh import Lamp, Mesh, Part, Scene, merge
from sim_bridge.shapes import box_between, quad
from sim_bridge.textures import make_material

HOMES = tuple([f"train_{i:02d}" for i in range(1, 26)] + [f"test_{i:02d}" for i in range(1, 6)])
SIZES = ((0.45, 0.45, 0.9), (1.8, 0.9, 0.8), (0.4, 0.4, 1.0), (2.0, 1.5, 0.5), (0.4, 0.7, 0.8), (0.1, 1.1, 1.2))


def make_home(name: str) -> Scene:
    """A home by name.

    Raises:
        InputError: if there is no such home.
    """
    if name not in HOMES:
        raise InputError(f"unknown home {name!r}; expected one of {HOMES[0]} .. {HOMES[24]}, {HOMES[25]} .. {HOMES[29]}")
    rng, split = np.random.default_rng(zlib.crc32(name.encode())), name.split("_")[0]
    w, d, h, door = 8.0, 5.0, 2.5, 0.9
    wall, floor = make_material("paint", rng, split), make_material("plank", rng, split)
    shell: list[tuple[str, Mesh]] = [
        ("floor", quad((0, 0, 0), (w, 0, 0), (0, d, 0), floor)),
        ("ceiling", quad((0, d, h), (w, 0, 0), (0, -d, 0), wall)),
    ]
    for low, high in (
        ((-0.1, -0.1, 0), (w + 0.1, 0, h)), ((-0.1, d, 0), (w + 0.1, d + 0.1, h)),
        ((-0.1, 0, 0), (0, d, h)), ((w, 0, 0), (w + 0.1, d, h)),
        ((3.9, 0, 0), (4, 2, h)), ((3.9, 2 + door, 0), (4, d, h)), ((3.9, 2, 2.05), (4, 2 + door, h)),
    ):  # fmt: skip
        shell.append(("wall", box_between(low, high, wall)))
    parts = [Part("floor", shell[0][1]), Part("ceiling", shell[1][1]), Part("wall", merge([m for _, m in shell[2:]]))]
    spots = [(0.6, 0.7), (1.2, 4.4), (3.4, 4.5), (6.6, 4.0), (7.5, 0.8), (2.2, 0.3), (4.6, 0.5)]
    for k, (x, y) in enumerate(spots):
        category = k % 6
        sx, sy, sz = SIZES[category]
        material = make_material("fabric", rng, split)
        mesh = box_between((x - sx / 2, y - sy / 2, 0), (x + sx / 2, y + sy / 2, sz), material)
        parts.append(Part(f"{CATEGORIES[category]} {k}", mesh, category, mesh.geometry_hash()))
    return Scene(name, tuple(parts), (Lamp((2, 2.5, 2.2)), Lamp((6, 2.5, 2.2))), (2.0, 2.5))
