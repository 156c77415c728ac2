# SPDX-License-Identifier: Apache-2.0
"""What surrounds a catalogue set-up: rooms of any material, studios, gardens, streets, and patterns out of nowhere."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from seal_perception.categories import NO_CATEGORY
from seal_perception.types import FloatArray
from sim_bridge.catalogue.backdrops import NOISES, OUTDOORS, SPLIT, TILES, any_of, backdrop, vivid
from sim_bridge.catalogue.placing import SetUp, wall_pose
from sim_bridge.catalogue.themes import FLOORS, WALLS
from sim_bridge.furniture import Item
from sim_bridge.geometry.mesh import Lamp, Material, Mesh, Part
from sim_bridge.modelling.shapes import box, merge, quad, sheet, turn
from sim_bridge.modelling.textures import hsv, make_material

PLACES: dict[str, float] = {"room": 0.71, "studio": 0.08, "outdoors": 0.09, "nowhere": 0.12}
"""Where pictures are taken: a home, a photographer's studio, a garden or street, among patterns; with their shares."""
OUTSIDE = "outside"
"""Name of scenery that shines by itself."""


def empty_place(place: str, bath: bool, rng: np.random.Generator) -> SetUp:
    """A set-up without anything in it, of the size and openness of a place."""
    low, high = (1.7, 4.0) if bath else (2.7, 8.0)
    size = np.append(np.exp(rng.uniform(np.log(low), np.log(high), 2)), rng.uniform(2.25, 3.1))
    if place == "room":
        draw = rng.random()
        walls = rng.permutation(4)[: 0 if draw < 0.6 else 1 if draw < 0.88 else 2]
        return SetUp(size, open_walls=tuple(int(w) for w in walls), against=0.4 if rng.random() < 0.75 else 0.1)
    side = rng.uniform(3.5, 7.0)
    count = int(rng.choice([0, 0, 1, 2])) if place == "nowhere" else 0
    standing = rng.permutation(4)[:count]
    open_walls = tuple(w for w in range(4) if w not in standing)
    return SetUp(np.array([side, side, 3.5]), open_walls=open_walls, reach=side / 2 + rng.uniform(2.5, 8.0))


def _scaled(mesh: Mesh, factor: float) -> Mesh:
    """The mesh with its texture repeated `factor` times as often."""
    return replace(mesh, uv=(mesh.uv * np.float32(factor)).astype(np.float32))


def surface(kinds: tuple[str, ...], odd: float, rng: np.random.Generator) -> Material:
    """A material for a floor or wall: one of the homes' kinds, or with the chance `odd` a rarer one."""
    if rng.random() >= odd:
        return make_material(str(rng.choice(kinds)), rng, SPLIT)
    draw = rng.random()
    if draw < 0.25:
        return make_material("paint", rng, SPLIT, vivid(rng))
    return any_of(TILES, rng) if draw < 0.8 else any_of(NOISES, rng)


def _panorama(setup: SetUp, material: Material, rng: np.random.Generator) -> Part:
    """Scenery all around, past where a camera may stand."""
    radius, n = setup.reach + 0.6, 28
    angle = np.arange(n + 1) * (2 * math.pi / n)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * radius + setup.size[:2] / 2
    tall = radius * rng.uniform(0.7, 1.1)
    low = -0.12 * tall
    grid = np.empty((2, n + 1, 3))
    grid[:, :, :2] = ring
    grid[0, :, 2], grid[1, :, 2] = tall, low
    mesh = sheet(grid, material)
    repeats = int(rng.integers(2, 5))
    turned = np.arctan2(mesh.vertices[:, 1] - setup.size[1] / 2, mesh.vertices[:, 0] - setup.size[0] / 2)
    u = (turned % (2 * math.pi))[mesh.faces]
    u = np.where(u.max(1, keepdims=True) - u > math.pi, u + 2 * math.pi, u) * repeats / (2 * math.pi)
    v = (mesh.vertices[:, 2][mesh.faces] < (tall + low) / 2).astype(float) * 0.98 + 0.01
    return Part("scenery", replace(mesh, uv=np.stack([u, v], -1).astype(np.float32)))


def _ground(setup: SetUp, material: Material, rng: np.random.Generator) -> None:
    x, y, _ = setup.size
    margin = max(0.0, setup.reach + 0.5 - min(x, y) / 2) if setup.open_walls else 0.0
    ground = quad((-margin, -margin, 0), (x + 2 * margin, 0, 0), (0, y + 2 * margin, 0), material, (10, 10))
    if rng.random() < 0.4:
        ground = turn(ground, "z", math.pi / 2, (x / 2, y / 2, 0))
    setup.parts.append(Part("floor", _scaled(ground, float(np.exp(rng.normal(0.0, 0.3))))))


def _opening(rng: np.random.Generator) -> Item:
    """A window or a door for a wall."""
    if rng.random() < 0.6:
        wide, tall, low = rng.uniform(0.6, 2.4), rng.uniform(0.8, 1.5), rng.uniform(0.5, 1.1)
        if rng.random() < 0.25:
            low, tall = 0.05, 2.1
        frame = make_material("ceramic", rng, SPLIT)
        draw = rng.random()
        if draw < 0.4:
            glass = make_material("window", rng, SPLIT)
        elif draw < 0.8:
            glass = any_of(OUTDOORS, rng, "window")
        else:
            glass = backdrop("night", rng)
        pane = quad((0.022, -wide / 2, low), (0, wide, 0), (0, 0, tall), glass, fit=True)
        parts = [box((0.02, wide + 0.12, tall + 0.12), (0.01, 0, low + tall / 2), frame), pane]
        if rng.random() < 0.5:
            parts.append(box((0.05, 0.05, tall), (0.02, 0, low + tall / 2), frame))
        mesh = merge(parts)
    else:
        wide, tall = rng.uniform(0.8, 1.0), rng.uniform(1.95, 2.1)
        leaf = make_material(str(rng.choice(["wood", "paint", "ceramic"])), rng, SPLIT)
        frame = make_material(str(rng.choice(["wood", "ceramic"])), rng, SPLIT)
        metal = make_material("metal", rng, SPLIT)
        parts = [box((0.03, wide + 0.16, tall + 0.08), (0.015, 0, tall / 2 + 0.04), frame)]
        parts.append(box((0.05, wide, tall), (0.02, 0, tall / 2), leaf))
        parts.append(box((0.06, 0.12, 0.02), (0.07, wide * 0.4, 1.02), metal))
        mesh = merge(parts)
    return Item(mesh, "opening", "opening", "against_wall", NO_CATEGORY)


def _walls(setup: SetUp, wall: Material, other: Material, rng: np.random.Generator) -> None:
    """The walls that stand, with a skirting now and then; one of them of the other material."""
    x, y, z = setup.size
    skirting = make_material(str(rng.choice(["wood", "ceramic"])), rng, SPLIT) if rng.random() < 0.55 else None
    faces = [((0, 0, 0), (0, y, 0)), ((x, y, 0), (0, -y, 0)), ((x, 0, 0), (-x, 0, 0)), ((0, y, 0), (x, 0, 0))]
    accent, scale = int(rng.integers(4)), float(np.exp(rng.normal(0.0, 0.3)))
    for i, (corner, edge) in enumerate(faces):
        if i in setup.open_walls:
            continue
        paint = other if i == accent else wall
        setup.parts.append(Part("wall", _scaled(quad(corner, edge, (0, 0, z), paint, (8, 5)), scale)))
        if skirting is not None:
            along = np.abs(np.array(edge)) + 0.025 * (np.array(edge) == 0) * [1, 1, 0] + [0, 0, 0.08]
            centre = np.array(corner) + np.array(edge) / 2 + [0, 0, 0.04]
            setup.parts.append(Part("skirting", box(along, centre, skirting)))


def _windows(setup: SetUp, share: float, rng: np.random.Generator) -> None:
    """A window or door in some of the walls that stand."""
    for i in range(4):
        if i not in setup.open_walls and rng.random() < share:
            item = _opening(rng)
            bounds = setup.put(item, wall_pose(setup, item, rng, 0.0))
            if bounds is not None:
                setup.boxes.pop()
                if not {"window", "night"} & {m.name for m in item.mesh.materials}:
                    setup.boxes.append(bounds)


def surround(setup: SetUp, place: str, bath: bool, windows: float, rng: np.random.Generator) -> None:
    """Floor, walls, ceiling, windows and scenery of a place (see `PLACES`)."""
    if place == "room":
        floor = make_material("tile", rng, SPLIT) if bath and rng.random() < 0.6 else surface(FLOORS, 0.15, rng)
        wall = make_material("tile", rng, SPLIT) if bath and rng.random() < 0.5 else surface(WALLS, 0.15, rng)
        other = surface(WALLS, 0.3, rng) if rng.random() < 0.35 else wall
        if setup.open_walls and rng.random() < 0.5:
            setup.parts.append(_panorama(setup, any_of(OUTDOORS, rng, OUTSIDE), rng))
    elif place == "studio":
        floor = make_material("paint", rng, SPLIT, None if rng.random() < 0.6 else vivid(rng))
        wall = other = floor
        back = floor if rng.random() < 0.5 else backdrop("gradient", rng)
        setup.parts.append(_panorama(setup, replace(back, name=OUTSIDE), rng))
    elif place == "outdoors":
        floor = backdrop("grass", rng) if rng.random() < 0.5 else surface(("concrete", "stone", "brick"), 0.3, rng)
        wall = other = floor
        setup.parts.append(_panorama(setup, any_of(OUTDOORS, rng, OUTSIDE), rng))
    else:
        floor, wall, other = any_of(NOISES, rng), any_of(NOISES | TILES, rng), any_of(NOISES, rng)
        setup.parts.append(_panorama(setup, any_of(NOISES, rng, OUTSIDE), rng))
    _ground(setup, floor, rng)
    if len(setup.open_walls) == 4:
        return
    _walls(setup, wall, other, rng)
    if place == "room":
        x, y, z = setup.size
        if z < 2.9 or rng.random() < 0.8:
            ceiling = make_material("paint", rng, SPLIT, hsv(0.1, rng.uniform(0, 0.08), rng.uniform(0.8, 0.98)))
            setup.parts.append(Part("ceiling", quad((0, y, z), (x, 0, 0), (0, -y, 0), ceiling, (6, 6))))
        _windows(setup, windows, rng)


def lamps(size: FloatArray, rng: np.random.Generator) -> tuple[Lamp, ...]:
    """One to three lamps."""
    out = []
    for _ in range(int(rng.integers(1, 4))):
        at = rng.uniform(0.1, 0.9, 2) * size[:2]
        colour = hsv(rng.choice([0.09, 0.1, 0.6]), rng.uniform(0, 0.35), 1.0)
        height = min(size[2] - 0.15, rng.uniform(1.0, 2.8))
        tint = (float(colour[0]), float(colour[1]), float(colour[2]))
        out.append(Lamp((float(at[0]), float(at[1]), float(height)), float(rng.uniform(0.5, 2.2)), tint))
    return tuple(out)
