# SPDX-License-Identifier: Apache-2.0
"""Puts small things down on the furniture of a home, after all furniture stands.

While a home is furnished, small things are put on the top of the bounding box of what carries them; here they go down
to the real surface, and elsewhere on it where that place is taken or does not carry them, or where they have a front.
This comes last and has its own random numbers: it moves no furniture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seal_perception.categories import NO_CATEGORY
from seal_perception.types import FloatArray
from sim_bridge.furniture import Item
from sim_bridge.geometry.mesh import Part
from sim_bridge.geometry.surfaces import FRONTED, Surface, rest_on, surface_of, turn_for
from sim_bridge.homes.place import Placer
from sim_bridge.homes.plan import HEIGHT_M

MARGIN_M = 0.005


def settle(
    placer: Placer, parts: Sequence[Part], items: Sequence[Item], rng: np.random.Generator
) -> tuple[list[Part], list[Item]]:
    """The parts with each small thing on the surface of what carries it; without those that find no place there.

    Args:
        placer: poses and what stands on what; `parts` and `items` are parallel to its placements.
        parts: in the world frame.
        items: what each part is; their meshes are in their own frames.
        rng: draws the places.
    """
    small = [k for k, p in enumerate(placer.placements) if p.support >= 0 and parts[k].category == NO_CATEGORY]
    settled: dict[int, Part] = {k: part for k, part in enumerate(parts) if k not in set(small)}
    boxes = {k: part.mesh.bounds() for k, part in settled.items() if items[k].mounting != "rug"}
    always: list[FloatArray] = [np.array([box[:3], box[3:]]) for box in placer.boxes[: placer.reserved]]
    always += [part.mesh.bounds() for part in placer.fixed]
    surfaces: dict[int, Surface | None] = {}
    for k in small:
        below = placer.placements[k].support
        if below not in surfaces:
            surfaces[below] = surface_of(items[below].mesh)
        surface = surfaces[below]
        yaw = turn_for(items[k].name, rng)
        others = np.stack([*always, *(box for j, box in boxes.items() if j != below)])
        if surface is None:
            continue
        T_below, mesh = placer.placements[below].T, items[k].mesh

        def clear(T: FloatArray, T_below: FloatArray = T_below, k: int = k, others: FloatArray = others) -> bool:
            low, high = items[k].mesh.transformed(T_below @ T).bounds()
            meets = (low < others[:, 1] + MARGIN_M).all(1) & (high > others[:, 0] - MARGIN_M).all(1)
            return bool(high[2] < HEIGHT_M - 0.02 and not meets.any())

        before: FloatArray = np.linalg.inv(T_below) @ placer.placements[k].T
        before[2, 3] = surface.level + 0.002 - float(mesh.bounds()[0, 2])
        stays = items[k].name not in FRONTED and surface.free(mesh, before) and clear(before)
        T = before if stays else rest_on(surface, mesh, yaw, rng, clear)
        if T is not None:
            settled[k] = replace(parts[k], mesh=mesh.transformed(T_below @ T))
            boxes[k] = settled[k].mesh.bounds()
    kept = sorted(settled)
    return [settled[k] for k in kept], [items[k] for k in kept]
