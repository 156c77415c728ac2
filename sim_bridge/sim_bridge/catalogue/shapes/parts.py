# SPDX-License-Identifier: Apache-2.0
"""What the wide generators share: colours, legs, panels that bend, cloths that hang."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seal_perception.types import FloatArray
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import bar, box, cushion, lathe, merge, plate, prism, rod, sheet, turn

FRAMES = ("wood", "wood", "wood", "metal", "metal", "plastic")


def frame_of(d: Draw) -> Material:
    """What frames are made of, now and then black or white."""
    if d.chance(0.2):
        grey = d.uniform(0.02, 0.12) if d.chance(0.6) else d.uniform(0.85, 0.98)
        return d.material(d.pick(("metal", "plastic", "wood")), [grey] * 3)
    return d.material(d.pick(FRAMES))


def another(d: Draw, material: Material, make: Callable[[], Material], probability: float) -> Material:
    """A material of its own with the given probability, else the same."""
    return make() if d.chance(probability) else material


def warp(mesh: Mesh, change: Callable[[FloatArray], FloatArray]) -> Mesh:
    """The mesh with its (V, 3) vertices changed by a function."""
    moved = change(mesh.vertices.astype(np.float64)).astype(np.float32)
    return Mesh(moved, mesh.faces, mesh.uv, mesh.material, mesh.materials)


def extrude_y(outline: npt.ArrayLike, low: float, high: float, material: Material) -> Mesh:
    """Extrusion in y, from `low` to `high`, of an anticlockwise (N, 2) outline in x and z."""
    return turn(prism(outline, -high, -low, material), "x", math.pi / 2)


def panel(size: tuple[float, float, float], material: Material, top: float = 1.0, bow: float = 0.0,
          round_: float = 0.0) -> Mesh:  # fmt: skip
    """Upright panel that stands at z = 0, front towards +x, its back at x = 0.

    Args:
        size: thickness, width below and height, metres.
        material: of the panel.
        top: width above over width below.
        bow: how far the sides come forward, metres.
        round_: share of the height over which the upper corners are rounded, 0..0.5.
    """
    thick, width, height = size
    t, s = np.linspace(0, 1, 7)[:, None], np.linspace(-1, 1, 9)[None, :]
    half = width / 2 * (1 + (top - 1) * t)
    if round_ > 0:
        up = np.clip((t - 1 + round_) / round_, 0, 1)
        half = half - np.minimum(round_ * height, 0.6 * half) * (1 - np.sqrt(np.maximum(1 - up**2, 0)))
    y = half * s
    x = thick + bow * s**2 + 0 * t
    grid = np.stack(np.broadcast_arrays(x, y, height * t), -1)
    return plate(grid, thick, material)


def slab(d: Draw, size: tuple[float, float, float], centre: tuple[float, float, float], material: Material) -> Mesh:
    """A block that is sharp or rounded; plump where it is no longer than 80 cm."""
    if d.chance(0.2):
        return box(size, centre, material)
    return cushion(size, centre, material, d.uniform(3.0 if max(size) < 0.8 else 9.0, 16.0))


def turned(d: Draw, foot: FloatArray, height: float, radius: float, material: Material) -> Mesh:
    """Turned post with beads and waists, from a foot on the floor."""
    z = np.linspace(0, 1, 10)
    r = radius * np.clip(0.75 + 0.4 * np.sin(z * d.uniform(4, 22) + d.uniform(0, 6)), 0.4, 1.2)
    return lathe(np.column_stack([r, z * height]), material, (foot[0], foot[1], 0.0), sides=8)


@dataclass(frozen=True)
class Stand:
    """The rectangle that legs carry: its depth, width and height, metres."""

    depth: float
    width: float
    height: float


def _one_leg(d: Draw, style: int, foot: FloatArray, top: FloatArray, thick: float, material: Material) -> list[Mesh]:
    if style == 0:
        return [rod(foot, top, thick * 0.7, material, thick * 0.7, sides=4)]
    if style == 1:
        return [rod(foot, top, thick * 0.35, material, thick * 0.65, sides=8)]
    if style == 2:
        return [turned(d, top * [1, 1, 0], float(top[2]), thick * 0.7, material)]
    if style == 3:
        side = np.array([0.0, 0.05, 0.0])
        return [bar([top - side, foot, top + side], min(thick * 0.25, 0.007), material, 5)]
    return [rod(foot, top, thick * 0.5, material, thick * 0.5, sides=8)]


def four_legs(d: Draw, stand: Stand, material: Material, thick: float) -> list[Mesh]:
    """Straight, tapered, turned, bent wire or round legs under the corners, upright or splayed, barred or not."""
    style, inset = d.integer(0, 4), d.uniform(0.0, 0.2)
    splay = d.uniform(-0.02, 0.09) * min(1.0, stand.height / 0.4) if style != 2 and d.chance(0.6) else 0.0
    rear = splay if d.chance(0.6) else d.uniform(-0.02, 0.12) * min(1.0, stand.height / 0.4)
    parts, feet = [], {}
    for sx in (-1, 1):
        for sy in (-1, 1):
            at = np.array([sx * (stand.depth / 2 - thick) * (1 - inset), sy * (stand.width / 2 - thick) * (1 - inset)])
            out = rear if sx < 0 and style != 2 else splay
            top, foot = np.append(at, stand.height), np.array([at[0] + sx * out, at[1] + sy * splay, 0.0])
            feet[sx, sy] = (foot, top)
            parts += _one_leg(d, style, foot, top, thick, material)
    if stand.height > 0.25 and d.chance(0.5):
        parts += _stretchers(d, feet, thick * 0.4, material)
    return parts


def _stretchers(
    d: Draw, feet: dict[tuple[int, int], tuple[FloatArray, FloatArray]], r: float, material: Material
) -> list[Mesh]:
    t = d.uniform(0.15, 0.6)
    at = {k: foot + t * (top - foot) for k, (foot, top) in feet.items()}
    kind = d.integer(0, 2)
    if kind == 0:
        pairs = [((-1, -1), (1, 1)), ((-1, 1), (1, -1))]
    elif kind == 1:
        pairs = [((-1, -1), (1, -1)), ((-1, 1), (1, 1)), ((-1, -1), (-1, 1)), ((1, -1), (1, 1))]
    else:
        pairs = [((-1, -1), (1, -1)), ((-1, 1), (1, 1))]
    parts = [rod(at[a], at[b], r, material, sides=5) for a, b in pairs]
    if kind == 2:
        parts.append(rod((at[-1, -1] + at[1, -1]) / 2, (at[-1, 1] + at[1, 1]) / 2, r, material, sides=5))
    return parts


def drape(d: Draw, ridge: tuple[float, float, float], front: float, back: float, width: float) -> Mesh:
    """Cloth that hangs over an edge along y at `ridge` = (x, y, z), `front` and `back` metres down on either side."""
    cloth = d.material("fabric")
    rise = np.concatenate([-front * np.linspace(1, 0.15, 4), [0.0, 0.0], -back * np.linspace(0.15, 1, 4)])
    out = np.concatenate([np.linspace(0.09, 0.06, 4), [0.035, -0.035], -np.linspace(0.06, 0.09, 4)])
    y = np.linspace(-width / 2, width / 2, 8)
    wave = 0.012 * d.rng.standard_normal((10, 8))
    x = ridge[0] + out[:, None] + wave
    z = ridge[2] + 0.02 + rise[:, None] * (1 + 0.06 * d.rng.standard_normal((1, 8)))
    grid = np.stack([x, np.broadcast_to(ridge[1] + y, x.shape), np.maximum(z, 0.01)], -1)
    return sheet(grid, cloth)


def bumps(d: Draw, rows: int, columns: int, scale: float) -> FloatArray:
    """(rows, columns) smooth random heights around 0, of the given deviation in metres."""
    u, v = np.linspace(0, 1, columns)[None, :], np.linspace(0, 1, rows)[:, None]
    field = np.zeros((rows, columns))
    for k in range(8):
        way, turn_ = d.rng.normal(0, 3.0 + k, 2), d.rng.uniform(0, 6.3)
        field += np.sin(way[0] * u + way[1] * v + turn_) / (1 + 0.25 * k)
    return scale * field / max(float(field.std()), 1e-6)


def tufted(d: Draw, size: tuple[float, float, float], cells: tuple[int, int], material: Material) -> Mesh:
    """Upright padded panel with buttons in a grid or with channels; stands at z = 0, its back at x = 0.

    Args:
        d: draws the depth of the buttons.
        size: thickness, width, height.
        cells: rows and columns of buttons; one row gives channels.
        material: of the cover.
    """
    thick, width, height = size
    rows, columns = cells
    s = np.linspace(0, 1, 4 * columns + 1)[None, :]
    t = np.linspace(0, 1, 4 * rows + 1 if rows > 1 else 5)[:, None]
    swell = np.abs(np.sin(math.pi * columns * s)) ** 0.5
    if rows > 1:
        swell = swell * np.abs(np.sin(math.pi * rows * t)) ** 0.5
    deep = min(d.uniform(0.2, 0.6) * thick, 0.05)
    x = thick - deep * (1 - swell) + 0 * t
    grid = np.stack(np.broadcast_arrays(x, (s - 0.5) * width, t * height), -1)
    behind = box((thick - deep, width, height), ((thick - deep) / 2, 0, height / 2), material)
    return merge([sheet(grid, material), behind])


def finish(parts: list[Mesh]) -> Mesh:
    """One mesh with its footprint centred on the origin and its lowest point on the floor."""
    mesh = merge(parts)
    low, high = mesh.bounds()
    shift = np.array([-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]], np.float32)
    return Mesh(mesh.vertices + shift, mesh.faces, mesh.uv, mesh.material, mesh.materials)
