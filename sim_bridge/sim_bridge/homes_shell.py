# SPDX-License-Identifier: Apache-2.0
"""Walls, floors, ceilings, door frames, windows and skirting of a floor plan, as textured meshes."""

from __future__ import annotations

import numpy as np

from sim_bridge.homes_plan import DOOR_TOP_M, HEIGHT_M, SIDES, Door, Hole, Plan, Room
from sim_bridge.mesh import Lamp, Material, Mesh, Part, merge
from sim_bridge.shapes import box_between, lathe, quad
from sim_bridge.textures import hsv, make_material, tile_size_m

RECESS_M = 0.10
SHINING = Material(np.full((1, 1, 3), 255, np.uint8), "lamp")
DAYLIGHT = (0.86, 0.93, 1.0)


def _at(room: Room, side: str, along: float, inward: float, z: float) -> tuple[float, float, float]:
    """World point on a side of a room, `inward` metres into the room."""
    if side == "W":
        return room.x0 + inward, along, z
    if side == "E":
        return room.x1 - inward, along, z
    if side == "S":
        return along, room.y0 + inward, z
    return along, room.y1 - inward, z


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
            corners = [_at(room, side, s, 0.0, h) for s, h in ((start, z0), (end, z0), (end, z1), (start, z1))]
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


def _bar(room: Room, side: str, bar: tuple[float, float, float, float, float, float], material: Material) -> Mesh:
    """Box on a side of a room: (low, high) along it, (bottom, top) in height, (from, to) metres into the room."""
    low, high, bottom, top, near, far = bar
    return _box(_at(room, side, low, near, bottom), _at(room, side, high, far, top), material)


def _skirting(room: Room, side: str, material: Material) -> list[Mesh]:
    low, high = room.span(side)
    doors = sorted((h.low - 0.06, h.high + 0.06) for h in room.holes if h.side == side and h.bottom < 0.1)
    ends = [low, *(v for d in doors for v in d), high]
    return [
        _box(_at(room, side, a, 0.0, 0.0), _at(room, side, b, 0.012, 0.07), material)
        for a, b in zip(ends[::2], ends[1::2], strict=True)
        if b - a > 0.05
    ]


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
    return [_bar(room, hole.side, bar, material) for bar in (bars if hole.window else bars[:3])]


def _reveal(room: Room, hole: Hole, depth: float, material: Material) -> list[Mesh]:
    """The inside faces of a hole, `depth` metres into the wall (without a floor)."""
    low, high, bottom, top = hole.low, hole.high, hole.bottom, hole.top
    thin = 0.002
    bars = (
        (low - thin, low, bottom, top, -depth, 0.0),
        (high, high + thin, bottom, top, -depth, 0.0),
        (low, high, top, top + thin, -depth, 0.0),
    )
    return [_bar(room, hole.side, bar, material) for bar in bars]


def _pane(room: Room, hole: Hole, material: Material) -> Mesh:
    start, end = (hole.low, hole.high) if hole.side in "WN" else (hole.high, hole.low)
    corner = np.array(_at(room, hole.side, start, -RECESS_M, hole.bottom))
    across = np.array(_at(room, hole.side, end, -RECESS_M, hole.bottom)) - corner
    return quad(corner, across, (0.0, 0.0, hole.top - hole.bottom), material, fit=True)


def _threshold(door: Door, material: Material) -> Mesh:
    return quad((door.x0, door.y0, 0.0), (door.x1 - door.x0, 0, 0), (0, door.y1 - door.y0, 0), material)


def _ceiling_lamp(room: Room, rng: np.random.Generator) -> tuple[Mesh, Lamp]:
    x, y = room.centre
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
    power = rng.uniform(0.8, 1.1) * float(np.clip(0.45 + room.area / 22.0, 0.6, 1.5))
    warm = rng.uniform(0.0, 1.0)
    return mesh, Lamp((x, y, z - 0.05), power, (1.0, 0.97 - 0.07 * warm, 0.92 - 0.18 * warm))


def _floor_kind(kind: str, main: str, rng: np.random.Generator) -> str:
    if kind in ("kitchen", "bathroom"):
        return "tile"
    if kind == "bedroom" and rng.random() < 0.35:
        return "carpet"
    return main


def _daylight_pane(rng: np.random.Generator, split: str) -> Material:
    """A window onto a bright outside: one home has no windows of day and of night."""
    while True:
        pane = make_material("window", rng, split)
        if pane.texture[:, :, 2].mean() > 110:
            return pane


def _floor_material(kind: str, rng: np.random.Generator, split: str) -> Material:
    """Floors are mostly muted: wood in natural tones, carpets of little saturation."""
    if kind == "plank" and rng.random() < 0.85:
        natural = hsv(rng.uniform(0.05, 0.11), rng.uniform(0.25, 0.65), rng.uniform(0.3, 0.85))
        return make_material(kind, rng, split, natural)
    if kind == "carpet" and rng.random() < 0.85:
        return make_material(kind, rng, split, hsv(rng.random(), rng.uniform(0.03, 0.3), rng.uniform(0.3, 0.8)))
    return make_material(kind, rng, split)


def make_shell(plan: Plan, rng: np.random.Generator, split: str) -> tuple[list[Part], list[Lamp]]:
    """Parts and lamps of the empty flat; each room has its own paint, floor and ceiling lamp."""
    parts: list[Part] = []
    lamps: list[Lamp] = []
    trim = make_material("paint", rng, split, rng.uniform(0.82, 0.95) * np.array([1.0, 0.99, 0.97]))
    ceiling = make_material("paint", rng, split, (0.93, 0.93, 0.92))
    main = str(rng.choice(["plank", "plank", "plank", "carpet", "tile"]))
    shared = _floor_material(main, rng, split)

    def add(name: str, meshes: list[Mesh]) -> None:
        mesh = merge(meshes)
        parts.append(Part(name, mesh, own_hash=mesh.geometry_hash()))

    for number, room in enumerate(plan.rooms):
        label = f"{room.kind} {number}"
        w, d = room.x1 - room.x0, room.y1 - room.y0
        kind = _floor_kind(room.kind, main, rng)
        floor = shared if kind == main else _floor_material(kind, rng, split)
        add(f"floor {label}", [quad((room.x0, room.y0, 0), (w, 0, 0), (0, d, 0), floor)])
        add(f"ceiling {label}", [quad((room.x0, room.y1, HEIGHT_M), (w, 0, 0), (0, -d, 0), ceiling)])
        paint = make_material("tile" if room.kind == "bathroom" else "paint", rng, split)
        accent = make_material("wallpaper" if rng.random() < 0.6 else "paint", rng, split)
        accented = str(rng.choice(SIDES)) if room.kind in ("living", "bedroom", "study") else ""
        sides = [wall_mesh(room, s, accent if s == accented else paint) for s in SIDES]
        add(f"wall {label}", sides)
        skirting = [m for s in SIDES for m in _skirting(room, s, trim)]
        frames = [m for h in room.holes for m in _frame(room, h, trim)]
        add(f"trim {label}", skirting + frames)
        for k, hole in enumerate(h for h in room.holes if h.window):
            pane = _daylight_pane(rng, split)
            add(f"window {label} {k}", [_pane(room, hole, pane), *_reveal(room, hole, RECESS_M, trim)])
            along, z = (hole.low + hole.high) / 2, (hole.bottom + hole.top) / 2
            size = (hole.high - hole.low) * (hole.top - hole.bottom)
            day = float(pane.texture.mean()) / 255.0
            lamps.append(Lamp(_at(room, hole.side, along, 0.25, z), 0.45 * size * day, DAYLIGHT))
        mesh, lamp = _ceiling_lamp(room, rng)
        add(f"ceiling lamp {label}", [mesh])
        lamps.append(lamp)
    floor = make_material("wood", rng, split)
    for number, door in enumerate(plan.doors):
        jambs = _door_jambs(door, trim)
        add(f"door {number}", [_threshold(door, floor), *jambs])
    return parts, lamps


def _door_jambs(door: Door, material: Material) -> list[Mesh]:
    thin = 0.002
    x0, y0, x1, y1, top = door.x0, door.y0, door.x1, door.y1, DOOR_TOP_M
    if door.along_y:
        sides = (((x0, y0 - thin), (x1, y0)), ((x0, y1), (x1, y1 + thin)))
    else:
        sides = (((x0 - thin, y0), (x0, y1)), ((x1, y0), (x1 + thin, y1)))
    jambs = [_box((*a, 0.0), (*b, top), material) for a, b in sides]
    return [_box((x0, y0, top), (x1, y1, top + thin), material), *jambs]
