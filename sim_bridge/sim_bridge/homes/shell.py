# SPDX-License-Identifier: Apache-2.0
"""Walls, floors, ceilings, door frames, windows and skirting of a floor plan, as textured meshes."""

from __future__ import annotations

import numpy as np

from sim_bridge.geometry.mesh import Lamp, Material, Mesh, Part, merge
from sim_bridge.homes.doors import at_wall, bar, front_door
from sim_bridge.homes.palette import Palette
from sim_bridge.homes.plan import HEIGHT_M, SIDES, Door, FloorPlan, Hole, Room
from sim_bridge.modelling.shapes import box_between, lathe, quad
from sim_bridge.modelling.textures import tile_size_m

RECESS_M = 0.10
SHINING = Material(np.full((1, 1, 3), 255, np.uint8), "lamp")


def wall_mesh(room: Room, side: str, material: Material) -> Mesh:
    """The inner face of one side, a grid without its holes, facing into the room."""
    low, high = room.span(side)
    holes = [h for h in room.holes if h.side == side]
    along = sorted({low, high, *(v for h in holes for v in (h.low, h.high))})
    heights = sorted({0.0, HEIGHT_M, *(v for h in holes for v in (h.bottom, h.top))})
    tile = tile_size_m(material)
    pieces = []
    for a, b in zip(along[:-1], along[1:], strict=True):
        for z0, z1 in zip(heights[:-1], heights[1:], strict=True):
            u, z = (a + b) / 2, (z0 + z1) / 2
            if any(h.low < u < h.high and h.bottom < z < h.top for h in holes):
                continue
            # W and N run with the axis, E and S against it, so that the normal points inward.
            start, end = (a, b) if side in "WN" else (b, a)
            corners = [at_wall(room, side, s, 0.0, h) for s, h in ((start, z0), (end, z0), (end, z1), (start, z1))]
            texture = np.array([[start, z0], [end, z0], [end, z1], [start, z1]]) * [1.0, -1.0] / tile
            faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
            pieces.append(
                Mesh(
                    np.array(corners, np.float32),
                    faces,
                    texture[faces].astype(np.float32),
                    np.zeros(2, np.int32),
                    (material,),
                )
            )
    return merge(pieces)


def _box(a: tuple[float, float, float], b: tuple[float, float, float], material: Material) -> Mesh:
    return box_between(np.minimum(a, b), np.maximum(a, b), material)


def _skirting(room: Room, side: str, shut: list[Hole], material: Material) -> list[Mesh]:
    first, last = room.span(side)
    doors = sorted((h.low - 0.06, h.high + 0.06) for h in [*room.holes, *shut] if h.side == side and h.bottom < 0.1)
    ends = [first, *(v for d in doors for v in d), last]
    out = []
    for a, b in zip(ends[::2], ends[1::2], strict=True):
        if b - a > 0.05:
            start, end = (a, b) if side in "WN" else (b, a)
            low, far = (np.array(at_wall(room, side, v, 0.012, 0.0)) for v in (start, end))
            back = np.array(at_wall(room, side, start, 0.0, 0.0)) - low
            out.append(quad(low, far - low, (0.0, 0.0, 0.07), material))
            out.append(quad(low + np.array([0.0, 0.0, 0.07]), far - low, back, material))
    return out


def _frame(room: Room, hole: Hole, material: Material) -> list[Mesh]:
    """Casing around a hole, on the room's side of the wall."""
    wide, thick = 0.06, 0.015
    low, high, bottom, top = hole.low, hole.high, hole.bottom, hole.top
    bars = (
        (low - wide, low, bottom, top + wide, 0.0, thick),
        (high, high + wide, bottom, top + wide, 0.0, thick),
        (low, high, top, top + wide, 0.0, thick),
        (low - 0.08, high + 0.08, bottom - 0.03, bottom, -RECESS_M, 0.1),
    )
    return [bar(room, hole.side, size, material) for size in (bars if hole.window else bars[:3])]


def _reveal(room: Room, hole: Hole, depth: float, material: Material) -> list[Mesh]:
    """The inside faces of a hole, `depth` metres into the wall (without a floor)."""
    low, high, bottom, top = hole.low, hole.high, hole.bottom, hole.top
    thin = 0.002
    bars = (
        (low - thin, low, bottom, top, -depth, 0.0),
        (high, high + thin, bottom, top, -depth, 0.0),
        (low, high, top, top + thin, -depth, 0.0),
    )
    return [bar(room, hole.side, size, material) for size in bars]


def _pane(room: Room, hole: Hole, material: Material) -> Mesh:
    start, end = (hole.low, hole.high) if hole.side in "WN" else (hole.high, hole.low)
    corner = np.array(at_wall(room, hole.side, start, -RECESS_M, hole.bottom))
    across = np.array(at_wall(room, hole.side, end, -RECESS_M, hole.bottom)) - corner
    return quad(corner, across, (0.0, 0.0, hole.top - hole.bottom), material, fit=True)


def _threshold(door: Door, material: Material) -> Mesh:
    return quad((door.x0, door.y0, 0.0), (door.x1 - door.x0, 0, 0), (0, door.y1 - door.y0, 0), material)


def _ceiling_lamp(x: float, y: float, share_m2: float, rng: np.random.Generator) -> tuple[Mesh, Lamp]:
    """A lamp under the ceiling, flat or hanging, for `share_m2` of floor."""
    if rng.random() < 0.5:
        radius, drop = rng.uniform(0.14, 0.24), rng.uniform(0.06, 0.1)
    else:
        radius, drop = rng.uniform(0.1, 0.18), rng.uniform(0.25, 0.5)
    height = min(drop, 0.22)
    z = HEIGHT_M - drop
    profile = [(0.001, z), (radius * 0.8, z + 0.15 * height), (radius, z + 0.5 * height), (0.02, z + height - 0.001)]
    mesh = lathe(profile, SHINING, (x, y, 0.0))
    if drop > height:
        mesh = merge([mesh, _box((x - 0.01, y - 0.01, z + height), (x + 0.01, y + 0.01, HEIGHT_M), SHINING)])
    power = rng.uniform(0.8, 1.1) * float(np.clip(0.45 + share_m2 / 22.0, 0.6, 1.5))
    warm = rng.uniform(0.2, 1.0)
    return mesh, Lamp((x, y, z - 0.05), power, (1.0, 0.96 - 0.07 * warm, 0.9 - 0.2 * warm))


def _ceiling_lamps(room: Room, rng: np.random.Generator) -> list[tuple[Mesh, Lamp]]:
    """One lamp, or several along a long room."""
    length = max(room.x1 - room.x0, room.y1 - room.y0)
    count = max(1, round(length / 5.2))
    along = (np.arange(count) + 0.5) / count
    (x, y), wide = room.centre, room.x1 - room.x0 >= room.y1 - room.y0
    places = [(room.x0 + s * length, y) if wide else (x, room.y0 + s * length) for s in along]
    return [_ceiling_lamp(float(px), float(py), room.area / count, rng) for px, py in places]


def make_shell(plan: FloorPlan, rng: np.random.Generator, palette: Palette) -> tuple[list[Part], list[Lamp]]:
    """Parts and lamps of the empty home.

    Args:
        plan: rooms and doors.
        rng: shapes of the lamps.
        palette: what everything is made of.
    """
    parts: list[Part] = []
    lamps: list[Lamp] = []
    trim, floors, walls = palette.trim, palette.floors(plan), palette.walls(plan)

    def add(name: str, meshes: list[Mesh]) -> None:
        mesh = merge(meshes)
        parts.append(Part(name, mesh, own_hash=mesh.geometry_hash()))

    for number, room in enumerate(plan.rooms):
        label = f"{room.kind} {number}"
        w, d = room.x1 - room.x0, room.y1 - room.y0
        add(f"floor {label}", [quad((room.x0, room.y0, 0), (w, 0, 0), (0, d, 0), floors[number])])
        add(f"ceiling {label}", [quad((room.x0, room.y1, HEIGHT_M), (w, 0, 0), (0, -d, 0), palette.ceiling)])
        add(f"wall {label}", [wall_mesh(room, s, walls[number][s]) for s in SIDES])
        shut = [plan.entrance[1]] if plan.entrance is not None and plan.entrance[0] == number else []
        skirting = [m for s in SIDES for m in _skirting(room, s, shut, trim)]
        frames = [m for h in room.holes for m in _frame(room, h, trim)]
        add(f"trim {label}", skirting + frames)
        for k, hole in enumerate(h for h in room.holes if h.window):
            add(f"window {label} {k}", [_pane(room, hole, palette.pane()), *_reveal(room, hole, RECESS_M, trim)])
        for k, (mesh, lamp) in enumerate(_ceiling_lamps(room, rng)):
            add(f"ceiling lamp {label} {k}", [mesh])
            lamps.append(lamp)
    for number, door in enumerate(plan.doors):
        add(f"door {number}", [_threshold(door, floors[door.rooms[0]]), *_door_jambs(door, trim)])
    entrance = front_door(plan, trim, palette.leaf, palette.metal)
    if entrance is not None:
        add("front door", [entrance])
    return parts, lamps


def _door_jambs(door: Door, material: Material) -> list[Mesh]:
    thin = 0.002
    x0, y0, x1, y1, top = door.x0, door.y0, door.x1, door.y1, door.top
    if door.along_y:
        sides = (((x0, y0 - thin), (x1, y0)), ((x0, y1), (x1, y1 + thin)))
    else:
        sides = (((x0 - thin, y0), (x0, y1)), ((x1, y0), (x1 + thin, y1)))
    jambs = [_box((*a, 0.0), (*b, top), material) for a, b in sides]
    return [_box((x0, y0, top), (x1, y1, top + thin), material), *jambs]
