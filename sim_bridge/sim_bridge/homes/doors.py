# SPDX-License-Identifier: Apache-2.0
"""Door leaves: open ones that stand against a wall where they leave the way free, and the front door, which is shut."""

from __future__ import annotations

import numpy as np

from sim_bridge.geometry.mesh import Material, Mesh, merge
from sim_bridge.homes.place import Placer
from sim_bridge.homes.plan import DOOR_TOP_M, FloorPlan, Hole, Room
from sim_bridge.homes.templates import LEAF_MAX_M
from sim_bridge.modelling.shapes import box_between

THICK_M = 0.035
LEAF_SHARE = 0.75
"""Share of the doors that have a leaf."""

Bar = tuple[float, float, float, float, float, float]


def at_wall(room: Room, side: str, along: float, inward: float, z: float) -> tuple[float, float, float]:
    """World point on a side of a room, `inward` metres into the room."""
    return {
        "W": (room.x0 + inward, along, z),
        "E": (room.x1 - inward, along, z),
        "S": (along, room.y0 + inward, z),
        "N": (along, room.y1 - inward, z),
    }[side]


def bar(room: Room, side: str, size: Bar, material: Material) -> Mesh:
    """Box on a side of a room: (low, high) along it, (bottom, top) in height, (from, to) metres into the room."""
    low, high, bottom, top, near, far = size
    a, b = at_wall(room, side, low, near, bottom), at_wall(room, side, high, far, top)
    return box_between(np.minimum(a, b), np.maximum(a, b), material)


def _leaf(room: Room, side: str, box: Bar, flat: bool, far_end: bool, materials: tuple[Material, Material]) -> Mesh:
    """A leaf with two sunk panels and handles; `far_end`: the handle is where the box's second coordinate ends."""
    low, high, _, top, near, far = box
    wood, metal = materials
    parts = [bar(room, side, (low, high, 0.012, top, near, far), wood)]
    a, b = (low, high) if flat else (near, far)
    for z0, z1 in ((0.18, 0.92), (1.08, top - 0.16)):
        edge = 0.12
        if flat:
            parts.append(bar(room, side, (a + edge, b - edge, z0, z1, near - 0.004, far + 0.004), wood))
        else:
            parts.append(bar(room, side, (low - 0.004, high + 0.004, z0, z1, a + edge, b - edge), wood))
    at = (b - 0.07) if far_end else (a + 0.07)
    reach = (at - 0.1, at) if far_end else (at, at + 0.1)
    if flat:
        parts.append(bar(room, side, (*reach, 1.0, 1.02, near - 0.012, far + 0.035), metal))
    else:
        parts.append(bar(room, side, (low - 0.012, high + 0.012, 1.0, 1.02, *reach), metal))
    return merge(parts)


def _candidates(room: Room, hole: Hole) -> list[tuple[Bar, bool, bool]]:
    """Where an open leaf may stand: flat beside its door, or at a right angle before the corner."""
    width, top = hole.high - hole.low, DOOR_TOP_M - 0.01
    start, end = room.span(hole.side)
    out: list[tuple[Bar, bool, bool]] = []
    if end - hole.high < 0.32:
        out.append(((hole.high + 0.004, hole.high + 0.004 + THICK_M, 0.0, top, 0.02, width), False, True))
    if hole.low - start < 0.32:
        out.append(((hole.low - 0.004 - THICK_M, hole.low - 0.004, 0.0, top, 0.02, width), False, True))
    out.append(((hole.high + 0.065, hole.high + 0.065 + width, 0.0, top, 0.02, 0.02 + THICK_M), True, True))
    out.append(((hole.low - 0.065 - width, hole.low - 0.065, 0.0, top, 0.02, 0.02 + THICK_M), True, False))
    return out


def open_leaves(placer: Placer, rng: np.random.Generator, leaf: Material, metal: Material) -> None:
    """Give most doors an open leaf, in one of their two rooms; a door where none fits goes without."""
    for number, door in enumerate(placer.plan.doors):
        if door.width > LEAF_MAX_M or rng.random() > LEAF_SHARE:
            continue
        order = (0, 1) if placer.plan.rooms[door.rooms[0]].kind != "corridor" else (1, 0)
        done = False
        for k in order:
            room, side = placer.plan.rooms[door.rooms[k]], door.sides[k]
            hole = next(
                h for h in room.holes
                if h.side == side and not h.window and abs(_middle(h) - door.centre[1 if side in "WE" else 0]) < 1e-6
            )  # fmt: skip
            for box, flat, far_end in _candidates(room, hole):
                mesh = _leaf(room, side, box, flat, far_end, (leaf, metal))
                if placer.fix(f"door leaf {number}", mesh, room, -0.06):
                    done = True
                    break
            if done:
                break


def _middle(hole: Hole) -> float:
    return (hole.low + hole.high) / 2


def front_door(plan: FloorPlan, trim: Material, leaf: Material, metal: Material) -> Mesh | None:
    """The shut front door, flat on its wall, with its frame."""
    if plan.entrance is None:
        return None
    room, hole = plan.rooms[plan.entrance[0]], plan.entrance[1]
    low, high, top, side = hole.low, hole.high, hole.top, hole.side
    door = _leaf(room, side, (low, high, 0.0, top, 0.005, 0.025), True, True, (leaf, metal))
    frame = [
        bar(room, side, (low - 0.07, low, 0.0, top + 0.07, 0.0, 0.03), trim),
        bar(room, side, (high, high + 0.07, 0.0, top + 0.07, 0.0, 0.03), trim),
        bar(room, side, (low, high, top, top + 0.07, 0.0, 0.03), trim),
    ]
    return merge([door, *frame])
