# SPDX-License-Identifier: Apache-2.0
"""The same home with other objects or materials, by seed, as iGibson randomizes its scenes.

Source: Shen et al., iGibson 1.0, IROS 2021, section III (domain randomization: object instances of the same category
at their poses, materials of the same kind). Departs from it: shapes are made by code, not picked from a data set, and
a new shape is stretched by at most a quarter to fit the place of the old one.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seal_perception.categories import NO_CATEGORY
from seal_perception.errors import InputError
from seal_perception.types import FloatArray
from sim_bridge.furniture import Item, families, make_distractor, make_item, mounting
from sim_bridge.geometry.mesh import Material, Mesh, Part
from sim_bridge.homes.furnish import draw_family
from sim_bridge.homes.place import Placement, Placer
from sim_bridge.homes.plan import HEIGHT_M
from sim_bridge.modelling.textures import KINDS, make_material

TRIES = 14
STRETCH = (0.8, 1.25)
"""A new object is stretched at most this much to fit the old one's place, unless no draw comes near enough."""
AS_DRAWN = ("leaf", "soil", "screen", "picture", "window", "mirror", "books", "cardboard")
"""Kinds of materials whose colours the kind itself decides."""


@dataclass(frozen=True)
class Variant:
    """Seeds of what differs from the home itself; None = as in the home."""

    objects: int | None = None
    materials: int | None = None

    @property
    def palette(self) -> tuple[int, ...]:
        """What the palette's seed gets from it."""
        return () if self.materials is None else (self.materials + 1,)


def parse_name(name: str) -> tuple[str, Variant]:
    """Name of the home and what is to differ: `train_03@objects=5,materials=2`.

    Raises:
        InputError: if what follows the "@" is not understood.
    """
    base, found, rest = name.partition("@")
    if not found:
        return name, Variant()
    wrong = f"expected {base}@objects=<seed> or @materials=<seed> or both with a comma, got {name!r}"
    seeds: dict[str, int] = {}
    for word in rest.split(","):
        match = re.fullmatch(r"(objects|materials)=(\d{1,9})", word)
        if match is None or match[1] in seeds:
            raise InputError(f"{wrong}; seeds are whole numbers from 0")
        seeds[match[1]] = int(match[2])
    return base, Variant(seeds.get("objects"), seeds.get("materials"))


def _draw(old: Item, rng: np.random.Generator, split: str) -> Item:
    """Another instance of the same category or kind, fixed in the same way."""
    if old.category == NO_CATEGORY:
        return replace(old, mesh=make_distractor(old.name, rng, split))
    same = [f for f in families(old.category, split) if mounting(old.category, f) == old.mounting]
    chosen = draw_family(old.category, rng, split)
    return make_item(old.category, rng, split, chosen if chosen in same else same[int(rng.integers(len(same)))])


def _fit(mesh: Mesh, old: Mesh, room_above: float, hangs: bool, share: FloatArray) -> tuple[float, Mesh]:
    """The mesh stretched into `share` (2,) of the old one's depth and width, its back where the old back was.

    Returns:
        By how much it was stretched (0 = not at all), and the stretched mesh.
    """
    (low, high), (low_old, high_old) = mesh.bounds(), old.bounds()
    size, size_old = np.maximum(high - low, 1e-3), np.maximum(high_old - low_old, 1e-3)
    scale = size_old * [*share, 1.0] / size
    tall = size_old[2] * 1.15 if hangs else max(size_old[2], min(1.5 * size_old[2], size_old[2] + room_above))
    scale[2] = min(float(np.clip(scale[:2].mean(), *STRETCH)), tall / size[2])
    cost = float(np.abs(np.log(scale)).max())
    T = np.diag([*scale, 1.0])
    T[0, 3] = low_old[0] - low[0] * scale[0]
    T[1, 3] = (low_old + high_old)[1] / 2 - (low + high)[1] / 2 * scale[1]
    if hangs:
        T[2, 3] = (low_old + high_old)[2] / 2 - (low + high)[2] / 2 * scale[2]
    else:
        T[2, 3] = low_old[2] - low[2] * scale[2]
    return cost, mesh.transformed(T)


def _head_room(placer: Placer, indices: list[int]) -> float:
    """Metres free above the pieces at these indices, which share a mesh; what stands on them does not count."""
    free = HEIGHT_M
    for index in indices:
        low, high = placer.parts[index].mesh.bounds()
        for x0, y0, z0, x1, y1, z1 in placer.boxes:
            beside = x0 > high[0] or x1 < low[0] or y0 > high[1] or y1 < low[1]
            if not beside and z1 > high[2] + 1e-3 and z0 > high[2] - 0.02:
                free = min(free, z0 - float(high[2]) - 0.02)
        free = min(free, HEIGHT_M - 0.05 - float(high[2]))
    stands = any(p.support in indices for p in placer.placements)
    return max(0.0, free if not stands else 0.0)


def other_objects(placer: Placer, items: Sequence[Item], split: str, seed: int) -> tuple[list[Part], list[Item]]:
    """Each mesh replaced by another instance of its kind at the same places; parts and what each of them is.

    Args:
        placer: what stands where.
        items: what each of `placer.parts` is; pieces that share a mesh still share one.
        split: of the home.
        seed: another number, other objects.
    """
    groups: dict[int, list[int]] = {}
    for index, placement in enumerate(placer.placements):
        groups.setdefault(id(placement.mesh), []).append(index)
    new: dict[int, Item] = {}
    home = zlib.crc32(placer.parts[0].own_hash.encode())
    for number, (key, indices) in enumerate(groups.items()):
        rng = np.random.default_rng([zlib.crc32(b"objects"), seed, home, number])
        new[key] = _replacement(items[indices[0]], _head_room(placer, indices), rng, split)
    parts: list[Part] = []
    lifted: list[float] = []
    for placement, part in zip(placer.placements, placer.parts, strict=True):
        mesh = new[id(placement.mesh)].mesh
        placed = _placed(mesh, placement, lifted[placement.support] if placement.support >= 0 else 0.0)
        lifted.append(float(placed.bounds()[1, 2] - part.mesh.bounds()[1, 2]))
        parts.append(Part(part.name, placed, part.category, mesh.geometry_hash()))
    return parts, [new[id(placement.mesh)] for placement in placer.placements]


def _replacement(old: Item, room_above: float, rng: np.random.Generator, split: str) -> Item:
    """The first draw that fits the old piece's place nearly as it is, else the one that is stretched least."""
    share = rng.uniform(0.93, 0.995, 2)  # never all of it: a box would have the old one's shape again
    drawn = _draw(old, rng, split)
    best_cost, best = _fit(drawn.mesh, old.mesh, room_above, old.mounting == "wall", share)
    chosen = drawn
    for _ in range(TRIES):
        if best_cost <= math.log(STRETCH[1]):
            break
        drawn = _draw(old, rng, split)
        cost, fitted = _fit(drawn.mesh, old.mesh, room_above, old.mounting == "wall", share)
        if cost < best_cost:
            best_cost, best, chosen = cost, fitted, drawn
    return replace(chosen, mesh=best)


def _placed(mesh: Mesh, placement: Placement, rise: float) -> Mesh:
    T = placement.T.copy()
    T[2, 3] += rise
    placed = mesh.transformed(T)
    placed.vertices[:, 2] = np.maximum(placed.vertices[:, 2], 0.002)
    return placed


def _colour(material: Material, rng: np.random.Generator) -> FloatArray | None:
    """Near-white things (sheets, ceramics, lamp shades) stay pale; None leaves the choice to the kind."""
    mean = material.texture.reshape(-1, 3).mean(0) / 255.0
    if mean.min() > 0.7:
        return np.clip(mean + rng.normal(0.0, 0.02, 3), 0.0, 1.0)
    return None


def other_materials(parts: list[Part], base: str, seed: int) -> list[Part]:
    """The same parts of home `base`, each material replaced by another of its kind; plain single-colour ones stay."""
    split = base.split("_")[0]
    rng = np.random.default_rng([zlib.crc32(b"materials"), seed, zlib.crc32(base.encode())])
    new: dict[int, Material] = {}
    out = []
    for part in parts:
        for material in part.mesh.materials:
            if id(material) not in new:
                new[id(material)] = _other(material, rng, split)
        m = part.mesh
        materials = tuple(new[id(material)] for material in m.materials)
        out.append(
            Part(part.name, Mesh(m.vertices, m.faces, m.uv, m.material, materials), part.category, part.own_hash)
        )
    return out


def _other(material: Material, rng: np.random.Generator, split: str) -> Material:
    if material.name not in KINDS or material.texture.size <= 3:
        return material
    if material.name in AS_DRAWN:
        return make_material(material.name, rng, split)
    return make_material(material.name, rng, split, _colour(material, rng))
