# SPDX-License-Identifier: Apache-2.0
"""From pieces in a file's unit and axes to a scene: metres, z up, floor at z = 0, outliers cut, a start and lamps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.types import FloatArray
from sim_bridge.geometry.collision import closer, collision_map, nearest, stripes
from sim_bridge.geometry.mesh import Lamp, Mesh, Part, Scene, merge
from sim_bridge.habitat.frames import R_WORLD_HABITAT
from sim_bridge.scenes.facing import face_the_light
from sim_bridge.scenes.names import category_of_name, overridden, read_overrides
from sim_bridge.scenes.outliers import (
    BEYOND_M,
    BEYOND_UNITS,
    bounds_of,
    cut_outliers,
    main_bounds,
    within,
    without_lost_corners,
)
from sim_bridge.scenes.pieces import Notes, Piece, SceneOptions, make_mesh, plain

LAMP_SPACING_M = 4.5
SMALLEST_M, LARGEST_M = 1.0, 150.0
UNITS = ((0.001, "millimetres"), (0.01, "centimetres"), (0.0254, "inches"), (0.3048, "feet"))
FLOOR_TOLERANCE_M = 0.03
SMALLEST_FLOOR_M2 = (4.0, 12.0)
"""A level surface smaller than this is a table or a bed: at the bottom of the scene, and 0.3 m or more above it."""
HEADROOM_M = 1.1
SCAN_TRIANGLES = 20_000
MOST_HITS = 8_000_000
"""Surfaces that the rays of the floor plan may meet in all."""

TO_Z_UP: dict[str, FloatArray] = {
    "z": np.eye(3),
    "y": R_WORLD_HABITAT,
    "x": np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
}


@dataclass(frozen=True)
class Loaded:
    """A scene and what was repaired to make it one."""

    scene: Scene
    notes: tuple[str, ...] = ()


def transform_all(pieces: list[Piece], matrix: FloatArray, shift: FloatArray) -> list[Piece]:
    """Pieces moved by a 3 x 3 matrix and a shift."""
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = matrix, shift
    return [replace(piece, mesh=piece.mesh.transformed(T)) for piece in pieces]


def _facing(pieces: list[Piece], axis: int) -> float:
    """Area of the triangles that lie across an axis, in the file's unit squared."""
    total = 0.0
    for piece in pieces:
        c = piece.mesh.vertices[piece.mesh.faces].astype(np.float64)
        cross = np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])
        area = np.linalg.norm(cross, axis=1)
        total += float(area[np.abs(cross[:, axis]) > 0.98 * area].sum())
    return total


def upright(pieces: list[Piece], says: str, asked: str | None, notes: Notes) -> list[Piece]:
    """Pieces with z up.

    A home is wider than high, so the format's axis is doubted where a file of many things (or one large scan) is much
    flatter along another one and most of its level surface lies across that one too.

    Args:
        pieces: in the file's axes.
        says: the axis of the format.
        asked: the user's, which counts before all.
        notes: where to say that the format's was not taken.
    """
    up = asked or says
    if asked is None:
        low, high = bounds_of([piece.mesh for piece in pieces])
        extent = dict(zip("xyz", high - low, strict=True))
        other = "y" if says == "z" else "z"
        many = len({piece.instance for piece in pieces}) >= 5 or sum(len(p.mesh.faces) for p in pieces) > SCAN_TRIANGLES
        flatter = many and extent[other] < 0.6 * extent[says] and max(extent.values()) > 3.0
        if flatter and _facing(pieces, "xyz".index(other)) > 1.5 * _facing(pieces, "xyz".index(says)):
            notes.add(f"{other} was taken for up, not {says} as the format has it (--up {says} to keep it)")
            up = other
    return pieces if up == "z" else transform_all(pieces, TO_Z_UP[up], np.zeros(3))


def in_metres(pieces: list[Piece], scale: float | None, notes: Notes) -> list[Piece]:
    """Pieces in metres; a home wider than 150 units is in millimetres, centimetres, inches or feet, by its height."""
    if scale is not None:
        return pieces if scale == 1.0 else transform_all(pieces, np.eye(3) * scale, np.zeros(3))
    low, high = main_bounds(pieces)
    wide, tall = float((high - low)[:2].max()), float((high - low)[2])
    if wide < SMALLEST_M:
        notes.add(f"it is only {wide:.2g} m wide; if that is wrong, give the metres per unit of the file (--scale)")
    if wide <= LARGEST_M:
        return pieces
    fitting = [
        (abs(np.log(tall * factor / 2.7)), factor, name)
        for factor, name in UNITS
        if 2.0 <= wide * factor <= 80.0 and 1.5 <= tall * factor <= 15.0
    ]
    if not fitting:
        notes.add(f"it is {wide:.0f} m wide; if that is wrong, give the metres per unit of the file (--scale)")
        return pieces
    _, factor, name = min(fitting)
    notes.add(f"it is {wide:.0f} units wide and was read as {name} (--scale 1 if they are metres)")
    return transform_all(pieces, np.eye(3) * factor, np.zeros(3))


def floor_height(mesh: Mesh) -> tuple[float, float]:
    """Height of the level that a robot can stand on in most places, and its area in m2 (0 = none).

    Straight down through a grid, every surface with 1.1 m of air above it counts, whichever way its triangles face.
    Surfaces under a ceiling come before those under the sky; of levels at least 0.4 times as large as the largest
    (storeys, a floor full of furniture), the lowest is taken.
    """
    import open3d as o3d

    low, high = mesh.bounds()
    wide = (high - low)[:2]
    cell = max(0.1, float(np.sqrt(wide.prod() / 250_000)), float(wide.max()) / 10_000)
    xs, ys = (np.arange(low[k] + cell / 2, high[k] + cell / 2, cell) for k in (0, 1))
    if not len(xs) or not len(ys):
        return float(low[2]), 0.0
    grid = np.stack(np.meshgrid(xs, ys, indexing="ij"), -1).reshape(-1, 2)
    top = float(high[2]) + 1.0
    rays = np.concatenate([grid, np.full((len(grid), 1), top), np.tile([0.0, 0.0, -1.0], (len(grid), 1))], 1)
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.vertices, np.float32)),
        o3d.core.Tensor.from_numpy(mesh.faces.astype(np.uint32)),
    )
    rays = rays.astype(np.float32)
    sample = np.ascontiguousarray(rays[:: max(1, len(rays) // 500)])
    layers = float(scene.count_intersections(o3d.core.Tensor.from_numpy(sample)).numpy().mean())
    if layers * len(rays) > MOST_HITS:  # thousands of surfaces on each other: a coarser grid tells as much
        rays = np.ascontiguousarray(rays[:: math.ceil(layers * len(rays) / MOST_HITS)])
        cell = math.sqrt(float(wide.prod()) / len(rays))
    found = scene.list_intersections(o3d.core.Tensor.from_numpy(rays))
    ray, height = found["ray_ids"].numpy().astype(np.int64), top - found["t_hit"].numpy().astype(np.float64)
    if not len(ray):
        return float(low[2]), 0.0
    order = np.lexsort((-height, ray))
    ray, height = ray[order], height[order]
    above = np.full(len(ray), np.inf)
    same = ray[1:] == ray[:-1]
    above[1:][same] = (height[:-1] - height[1:])[same]
    free, covered = height[above >= HEADROOM_M], np.isfinite(above[above >= HEADROOM_M])
    if covered.sum() >= 0.3 * len(free):
        free = free[covered]  # under a ceiling: neither on the roof nor outside
    level = np.round((free - low[2]) / 0.05).astype(np.int64)
    counts = np.bincount(level).astype(np.float64)
    near = counts + np.append(counts[1:], 0.0) * 0.5 + np.append(0.0, counts[:-1]) * 0.5
    best = int(np.flatnonzero(near >= 0.4 * near.max())[0])
    best = best + int(counts[best : best + 2].argmax())
    own = free[level == best]
    return float(np.median(own)), len(own) * cell * cell


def _floor_faces_up(pieces: list[Piece], notes: Notes) -> list[Piece]:
    """Where most of the floor's triangles face down (a common fault of exporters), they are turned."""
    down_area, up_area, marks = 0.0, 0.0, []
    for piece in pieces:
        c = piece.mesh.vertices[piece.mesh.faces].astype(np.float64)
        cross = np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])
        area = np.linalg.norm(cross, axis=1)
        level = (np.abs(c[:, :, 2]).max(1) < FLOOR_TOLERANCE_M) & (np.abs(cross[:, 2]) > 0.95 * area)
        marks.append(level & (cross[:, 2] < 0))
        down_area += float(area[marks[-1]].sum())
        up_area += float(area[level & (cross[:, 2] > 0)].sum())
    if up_area >= 0.5 * down_area:
        return pieces
    notes.add("the floor's triangles faced down and were turned")
    out = []
    for piece, mark in zip(pieces, marks, strict=True):
        faces, uv = piece.mesh.faces.copy(), piece.mesh.uv.copy()
        faces[mark], uv[mark] = faces[mark][:, ::-1], uv[mark][:, ::-1]
        out.append(replace(piece, mesh=replace(piece.mesh, faces=faces, uv=uv)))
    return out


def _plain_floor(pieces: list[Piece]) -> Piece:
    """A grey floor at z = 0, one metre wider than everything."""
    low, high = bounds_of([piece.mesh for piece in pieces])
    a, b = low[:2] - 1.0, high[:2] + 1.0
    corners = [[a[0], a[1], 0.0], [b[0], a[1], 0.0], [b[0], b[1], 0.0], [a[0], b[1], 0.0]]
    mesh = make_mesh(corners, [[0, 1, 2], [0, 2, 3]], None, plain((0.6, 0.6, 0.6)), Notes(), "floor")
    assert mesh is not None
    return Piece("added floor", mesh)


def lamps_over(mesh: Mesh, standing: Grid2D) -> tuple[Lamp, ...]:
    """Lamps on a square grid under the ceiling, where a robot can be near, for scenes that bring none.

    Args:
        mesh: the scene, z up.
        standing: bool cells where the robot's centre can be.
    """
    low, high = mesh.bounds()
    height = min(2.3, max(float(high[2]) - 0.15, 1.0))
    near = closer(~standing.cells, LAMP_SPACING_M / 2, standing.cell_m)
    lamps = []
    centres = []
    for axis in (0, 1):
        count = max(1, round(float(high[axis] - low[axis]) / LAMP_SPACING_M))
        centres.append(low[axis] + (np.arange(count) + 0.5) * (high[axis] - low[axis]) / count)
    for x in centres[0]:
        for y in centres[1]:
            i, j = standing.clipped_cell((x, y))
            if near[i, j]:
                lamps.append(Lamp((float(x), float(y), height), 0.8))
    return tuple(lamps)


def start_and_lamps(parts: Sequence[Part], name: str) -> tuple[tuple[float, float], tuple[Lamp, ...]]:
    """The free place nearest to the middle of the largest connected floor, and lamps.

    Raises:
        InputError: if the robot fits nowhere.
    """
    mesh = merge([part.mesh for part in parts])
    standing = collision_map(mesh).standing
    regions, count = ndimage.label(standing.cells)
    if count == 0:
        raise InputError(f"scene {name}: the robot (0.36 m wide, 1.1 m high) fits nowhere on the floor at z = 0")
    sizes = sum(np.bincount(regions[rows].ravel(), minlength=count + 1) for rows in stripes(regions.shape))
    main = regions == int(np.asarray(sizes)[1:].argmax()) + 1
    del regions
    middle = [float(main.sum(1 - axis) @ np.arange(main.shape[axis])) / float(main.sum()) for axis in (0, 1)]
    x, y = standing.cell_to_world(nearest(main, middle))
    return (float(x), float(y)), lamps_over(mesh, Grid2D(main, standing.origin_xy, standing.cell_m))


def parts_of(pieces: list[Piece], options: SceneOptions) -> tuple[Part, ...]:
    """One part per instance, in the order in which they came; categories by options, by the file, else by name."""
    overrides = read_overrides(options.categories)
    groups: dict[str, list[Piece]] = {}
    for piece in pieces:
        groups.setdefault(piece.instance, []).append(piece)
    parts = []
    for name, group in groups.items():
        category = overridden(name, overrides)
        if category is None:
            given = [piece.category for piece in group if piece.category is not None]
            category = max(given) if given else category_of_name(name)
        mesh = merge([piece.mesh for piece in group])
        parts.append(Part(name, mesh, category, mesh.geometry_hash()))
    return tuple(parts)


def recategorised(scene: Scene, options: SceneOptions) -> Scene:
    """A scene with the categories that the user gives (`--categories`), the others as they are."""
    overrides = read_overrides(options.categories)
    given = [overridden(part.name, overrides) for part in scene.parts]
    parts = [part if own is None else replace(part, category=own) for part, own in zip(scene.parts, given, strict=True)]
    return replace(scene, parts=tuple(parts))


def _required(pieces: list[Piece], name: str) -> list[Piece]:
    if not pieces:
        raise InputError(f"{name} shows nothing near its origin: check its numbers, its unit and --scale")
    return pieces


def fit(name: str, pieces: list[Piece], says_up: str, options: SceneOptions, notes: Notes) -> Scene:
    """Pieces of a file as a scene.

    Args:
        name: of the scene.
        pieces: in the file's unit and axes.
        says_up: the axis that the format has up.
        options: what the user asked for.
        notes: receives what was repaired.

    Raises:
        InputError: if nothing is left to draw, or the robot fits nowhere.
    """
    if not pieces:
        raise InputError(f"{name} shows nothing: no triangles were found in it")
    pieces = without_lost_corners(_required(within(pieces, BEYOND_UNITS, notes), name), notes)
    pieces = upright(pieces, says_up, options.up, notes)
    pieces = cut_outliers(in_metres(pieces, options.scale, notes), notes)
    pieces = _required(within(pieces, BEYOND_M, notes), name)
    if options.floor_m is not None:
        height, found = options.floor_m, True
    else:
        height, area = floor_height(merge([piece.mesh for piece in pieces]))
        bottom = float(bounds_of([piece.mesh for piece in pieces])[0, 2])
        found = area >= SMALLEST_FLOOR_M2[int(height > bottom + 0.3)]
        height = height if found else bottom
    if abs(height) > FLOOR_TOLERANCE_M or not found:
        if found:
            notes.add(f"the floor was found at z = {height:.2f} m and moved to 0")
        pieces = transform_all(pieces, np.eye(3), np.array([0.0, 0.0, -height]))
    if found:
        pieces = _floor_faces_up(pieces, notes)
    if not found or not collision_map(merge([piece.mesh for piece in pieces])).standing.cells.any():
        notes.add("there is no floor that the robot fits on; a plain one was added")
        pieces = [*pieces, _plain_floor(pieces)]
    parts = parts_of(pieces, options)
    start, lamps = start_and_lamps(parts, name)
    parts, turned, twins = face_the_light(parts, lamps)
    if turned + twins > 0.01 * sum(len(part.mesh.faces) for part in parts):
        notes.add(f"{turned} triangles that faced away from the light were turned, {twins} that lay on another dropped")
    return Scene(name, parts, lamps, start)
