# SPDX-License-Identifier: Apache-2.0
"""A catalogue set-up under construction, and where things find room in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from seal_perception.categories import NO_CATEGORY
from seal_perception.pose import planar_pose
from seal_perception.types import FloatArray
from sim_bridge.furniture import Item
from sim_bridge.geometry.mesh import Part
from sim_bridge.geometry.surfaces import Surface, surface_of, turn_for

SUPPORTS = ("dining_table", "coffee_table", "sideboard", "nightstand", "kitchen_counter", "desk")
DOUBTFUL = "doubtful"
"""Last word of a part's name where people disagree about its category: its region is ignored."""
BACKED = ("bed", "toilet", "wardrobe", "sideboard", "kitchen_counter", "fridge", "wall_oven")
"""Kinds that mostly stand with their back to a wall."""


class Library(Protocol):
    """Pieces that designers drew (`library.models.Models`)."""

    def share(self, category: int) -> float:
        """Share of a category's pieces, or of what is none (-1), to take from here."""

    def piece(self, category: int, rng: np.random.Generator) -> Item:
        """A piece of one of the six categories."""

    def other(self, rng: np.random.Generator, room: str | None = None) -> Item:
        """Something that is none of the six; of a room of a home if it has any."""


@dataclass
class SetUp:
    """A scene under construction.

    Attributes:
        size: (x, y) of the room in metres and its height.
        parts: what stands in it.
        boxes: (N, 2, 3) bounds of the pieces, for overlap and for the camera.
        supports: furniture for small things: its surface, its (4, 4) pose, its bounds.
        subject: bounds of what the camera looks at.
        facing: direction that the subject's front looks, radians.
        open_walls: walls that are left out; the camera may stand outside there.
        reach: metres from the middle that a camera may go: there is scenery behind.
        against: share of furniture with its back to a wall.
        mood: how it is lit (`lighting.MOODS`).
        outdoors: whether it is a garden, a street or hills.
        models: pieces that designers drew; None = there are none.
    """

    size: FloatArray
    parts: list[Part] = field(default_factory=list)
    boxes: list[FloatArray] = field(default_factory=list)
    supports: list[tuple[Surface, FloatArray, FloatArray]] = field(default_factory=list)
    subject: FloatArray | None = None
    facing: float = 0.0
    open_walls: tuple[int, ...] = ()
    reach: float = 12.0
    against: float = 0.4
    mood: str = "day"
    outdoors: bool = False
    models: Library | None = None

    def clashes(self, bounds: FloatArray, under: FloatArray | None = None) -> bool:
        """Whether a box overlaps what stands already, other than the furniture `under` it, or leaves the room."""
        if (bounds[0, :2] < -0.02).any() or (bounds[1, :2] > self.size[:2] + 0.02).any() or bounds[1, 2] > self.size[2]:
            return True
        boxes, deep = self.boxes, 0.03
        if under is not None:
            boxes, deep = [b for b in boxes if b is not under], 0.0
        if not boxes:
            return False
        stack = np.stack(boxes)
        return bool(((bounds[0] < stack[:, 1] - deep) & (bounds[1] > stack[:, 0] + deep)).all(1).any())

    def put(self, item: Item, T: FloatArray, force: bool = False) -> FloatArray | None:
        """Add the item at a pose unless it clashes; its bounds in the room, or None."""
        mesh = item.mesh.transformed(T)
        bounds = mesh.bounds()
        if not force and self.clashes(bounds):
            return None
        self.parts.append(Part(f"{item.name} {item.family}", mesh, item.category, ""))
        if item.mounting != "rug":
            self.boxes.append(bounds)
        if item.name in SUPPORTS:
            surface = surface_of(item.mesh)
            if surface is not None:
                self.supports.append((surface, T, bounds))
        return bounds

    def put_on(self, item: Item, rng: np.random.Generator, tries: int = 12) -> FloatArray | None:
        """Add a small thing on one of the supports, drawn at random; its bounds, or None if no place was found."""
        surface, T_below, below = self.supports[int(rng.integers(len(self.supports)))]
        local = pose(np.zeros(2), turn_for(item.name, rng))
        low, high = item.mesh.transformed(local).bounds()
        local[2, 3] = surface.level + 0.002 - low[2]
        first = surface.height.origin_xy - low[:2]
        last = surface.height.origin_xy + np.array(surface.height.shape) * surface.height.cell_m - high[:2]
        if (last < first).any():
            return None
        for _ in range(tries):
            local[:2, 3] = rng.uniform(first, last)
            if surface.free(item.mesh, local):
                T = T_below @ local
                if not self.clashes(item.mesh.transformed(T).bounds(), below):
                    self.facing = math.atan2(T[1, 0], T[0, 0])
                    return self.put(item, T, force=True)
        return None


def pose(xy: FloatArray, yaw: float, z: float = 0.0) -> FloatArray:
    """(4, 4) pose of a thing that stands upright."""
    return planar_pose(float(xy[0]), float(xy[1]), yaw, z)


def wall_pose(setup: SetUp, item: Item, rng: np.random.Generator, jitter: float) -> FloatArray:
    """Back to a random wall, front into the room."""
    low, high = item.mesh.bounds()
    standing = [w for w in range(4) if w not in setup.open_walls] or [0]
    wall = int(rng.choice(standing))
    along = setup.size[1] if wall < 2 else setup.size[0]
    half = (high[1] - low[1]) / 2
    at = rng.uniform(min(half, along / 2), max(along - half, along / 2))
    gap = -low[0] + (0.004 if item.mounting in ("wall", "against_wall") else rng.uniform(0.01, 0.08))
    yaw = (0.0, math.pi, math.pi / 2, -math.pi / 2)[wall]
    x, y = ((gap, at), (setup.size[0] - gap, at), (at, gap), (at, setup.size[1] - gap))[wall]
    T = planar_pose(x, y, yaw + jitter)
    if item.mounting == "wall":
        tall = high[2] - low[2]
        if item.name in ("curtain", "leaf_curtain"):
            T[2, 3] = 0.0
        elif item.name == "tv":
            T[2, 3] = rng.uniform(0.6, 1.45) - low[2]
        else:
            T[2, 3] = max(0.05, rng.uniform(1.2, 1.75) - tall / 2)
    return T


def place(
    setup: SetUp, item: Item, rng: np.random.Generator, tries: int = 10, near: FloatArray | None = None
) -> FloatArray | None:
    """Find room for an item as its mounting asks, near a point (2,) if one is given; its bounds, or None."""
    against = 0.85 if item.name in BACKED else 0.4
    against *= setup.against / 0.4 if near is None else 0.0
    if item.mounting in ("wall", "against_wall", "ceiling") and len(setup.open_walls) == 4:
        return None
    if item.mounting == "ceiling":
        return setup.put(item, pose(rng.uniform(0.2, 0.8, 2) * setup.size[:2], rng.uniform(-math.pi, math.pi),
                                    setup.size[2]))  # fmt: skip
    small = item.category == NO_CATEGORY or item.family == DOUBTFUL
    if item.mounting == "surface" and small and not setup.supports:
        return None
    for attempt in range(tries):
        if item.mounting == "surface" and setup.supports:
            bounds = setup.put_on(item, rng)
            if bounds is not None or attempt > 2:
                return bounds
            continue
        if item.mounting in ("wall", "against_wall"):
            T = wall_pose(setup, item, rng, 0.0)
        elif len(setup.open_walls) < 4 and item.mounting != "rug" and rng.random() < against:
            T = wall_pose(setup, item, rng, rng.normal(0, 0.12) if rng.random() < 0.3 else 0.0)
        else:
            spot = rng.random(2) * setup.size[:2] if near is None else near + rng.normal(0.0, 0.5 + 0.08 * attempt, 2)
            T = pose(spot, rng.uniform(-math.pi, math.pi))
            if item.mounting == "rug":
                return setup.put(item, T, force=True)
        bounds = setup.put(item, T)
        if bounds is not None:
            setup.facing = math.atan2(T[1, 0], T[0, 0])
            return bounds
    return None


def height_at(part: Part, xy: FloatArray) -> float | None:
    """Height in metres of a part's highest surface over a point (2,); None where it has none there."""
    a, b, c = (part.mesh.vertices[part.mesh.faces[:, k]].astype(np.float64) for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    area = np.where(np.abs(area) < 1e-9, np.inf, area)
    v = ((xy[0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (xy[1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
    w = ((b[:, 0] - a[:, 0]) * (xy[1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (xy[0] - a[:, 0])) / area
    over = (v > 0) & (w > 0) & (v + w < 1)
    if not over.any():
        return None
    z = a[:, 2] + v * (b[:, 2] - a[:, 2]) + w * (c[:, 2] - a[:, 2])
    return float(z[over].max())


def lay_on(setup: SetUp, item: Item, part: Part, rng: np.random.Generator) -> FloatArray | None:
    """Put a bag, a cloth or a cushion on a seat, a bed or anything else; its bounds, or None where nothing carries."""
    low, high = part.mesh.bounds()
    spot = (low + high)[:2] / 2 + rng.uniform(-0.3, 0.3, 2) * (high - low)[:2]
    level = height_at(part, spot)
    if level is None or level > 1.3:
        return None
    T = pose(spot, rng.uniform(-math.pi, math.pi), level - float(item.mesh.bounds()[0, 2]) - 0.01)
    return setup.put(item, T, force=True)
