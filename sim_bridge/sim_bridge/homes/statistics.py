# SPDX-License-Identifier: Apache-2.0
"""What homes hold: size, rooms, floor the robot reaches, objects per category and shape family, lamps, triangles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from sim_bridge.drawing.light import edge_limits, subdivided_count
from sim_bridge.drawing.light_config import HOME_LIGHT
from sim_bridge.geometry.collision import collision_map
from sim_bridge.geometry.mesh import Mesh, merge
from sim_bridge.homes.build import LAYOUTS, build_home


@dataclass(frozen=True)
class HomeStatistics:
    """One home.

    Attributes:
        name: of the home.
        split: "train" or "test".
        layout: kind of floor plan.
        area_m2: floor of all rooms.
        rooms: kinds of its rooms.
        reachable_m2: floor that the middle of a robot of 0.18 m radius reaches from the start.
        objects: category -> instances.
        families: category -> shape families that occur.
        others: instances of things that are none of the six categories.
        kinds: kinds of such things that occur.
        lamps: points of light (ceiling, standing and table lamps), windows not counted.
        triangles: as drawn, after surfaces are split for the light.
    """

    name: str
    split: str
    layout: str
    area_m2: float
    rooms: tuple[str, ...]
    reachable_m2: float
    objects: dict[str, int]
    families: dict[str, tuple[str, ...]]
    others: int
    kinds: tuple[str, ...]
    lamps: int
    triangles: int

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)


def drawn_triangles(mesh: Mesh) -> int:
    """Triangles that a simulator draws of a mesh, after surfaces are split for the light."""
    return subdivided_count(mesh, edge_limits(mesh, HOME_LIGHT))


def home_statistics(name: str) -> HomeStatistics:
    """Build a home and count.

    Raises:
        InputError: if there is no such home.
    """
    home = build_home(name)
    base, scene = name.split("@")[0], home.scene
    floor = collision_map(scene).reachable_from(scene.start_xy)
    mesh = merge([part.mesh for part in scene.parts])
    pieces = [part for part in scene.parts if part.name in home.families]
    objects, families = {}, {}
    for index, category in enumerate(CATEGORIES):
        own = [part.name for part in pieces if part.category == index]
        objects[category] = len(own)
        families[category] = tuple(sorted({home.families[part] for part in own}))
    things = [home.families[part.name] for part in pieces if part.category == NO_CATEGORY]
    return HomeStatistics(
        name=name,
        split=base.split("_")[0],
        layout=LAYOUTS[base][0].__name__,
        area_m2=round(sum(room.area for room in home.plan.rooms), 1),
        rooms=tuple(room.kind for room in home.plan.rooms),
        reachable_m2=round(float(floor.cells.sum()) * floor.cell_m**2, 1),
        objects=objects,
        families=families,
        others=len(things),
        kinds=tuple(sorted(set(things))),
        lamps=len(scene.lamps),
        triangles=drawn_triangles(mesh),
    )


def split_statistics(homes: Iterable[HomeStatistics]) -> dict[str, dict[str, Any]]:
    """Per split: number of homes, layouts, range and sum of areas, rooms per kind, objects, families, triangles."""
    out: dict[str, dict[str, Any]] = {}
    chosen = list(homes)
    for split in dict.fromkeys(home.split for home in chosen):
        own = [home for home in chosen if home.split == split]
        areas = [home.area_m2 for home in own]
        rooms = [room for home in own for room in home.rooms]
        triangles = [home.triangles for home in own]
        out[split] = {
            "homes": len(own),
            "layouts": sorted({home.layout for home in own}),
            "area_m2": {"least": min(areas), "mean": round(float(np.mean(areas)), 1), "most": max(areas)},
            "reachable_m2": round(sum(home.reachable_m2 for home in own), 1),
            "rooms": {kind: rooms.count(kind) for kind in sorted(set(rooms))},
            "objects": {c: sum(home.objects[c] for home in own) for c in CATEGORIES},
            "families": {c: sorted({f for home in own for f in home.families[c]}) for c in CATEGORIES},
            "others": sum(home.others for home in own),
            "kinds": sorted({kind for home in own for kind in home.kinds}),
            "lamps": sum(home.lamps for home in own),
            "triangles": {"mean": round(float(np.mean(triangles))), "most": max(triangles)},
        }
    return out
