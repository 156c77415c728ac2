# SPDX-License-Identifier: Apache-2.0
"""A picture of a voxel map: shaded cubes seen from above at a slant, drawn with a depth buffer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit
from PIL import Image

from seal_bringup.report.voxels import PAD, Voxels, openness
from seal_mapping.palette import category_colours
from seal_perception.files import replacing
from seal_perception.types import BoolArray, Float32Array, FloatArray, IntArray, UInt8Array

FLOOR_RGB = np.array([230, 227, 221], dtype=np.float32)
WALL_RGB = np.array([201, 204, 209], dtype=np.float32)
TRAIL_RGB = np.array([10, 122, 117], dtype=np.float32)
FLOOR_TOP_M = 0.1


@dataclass(frozen=True)
class CubeView:
    """How to look at a voxel map.

    Attributes:
        width: picture width in pixels; the height follows from the map.
        colour: "category" over grey geometry, or "rgb" as seen.
        azimuth_deg: direction from the map's centre to the viewer, 0 = +x, 90 = +y.
        elevation_deg: height of the viewer above the horizon.
        cut_m: unlabelled voxels above this height are left out.
        background: RGB behind the map, None = transparent.
        supersample: pixels drawn per picture pixel and axis.
    """

    width: int = 1600
    colour: str = "category"
    azimuth_deg: float = -60.0
    elevation_deg: float = 56.0
    cut_m: float = 1.1
    background: tuple[int, int, int] | None = None
    supersample: int = 2

    def __post_init__(self) -> None:
        if self.width < 16 or self.supersample < 1:
            raise ValueError(f"width must be >= 16 and supersample >= 1, got {self.width}, {self.supersample}")
        if self.colour not in ("category", "rgb"):
            raise ValueError(f"colour must be 'category' or 'rgb', got {self.colour!r}")
        if not 5.0 <= self.elevation_deg <= 89.0:
            raise ValueError(f"elevation_deg must lie in [5, 89], got {self.elevation_deg}")


def view_axes(azimuth_deg: float, elevation_deg: float) -> FloatArray:
    """(3, 3) rows right, up and towards the viewer, in map axes."""
    a, e = math.radians(azimuth_deg), math.radians(elevation_deg)
    towards = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.array([-math.sin(a), math.cos(a), 0.0])
    return np.stack([right, np.cross(towards, right), towards])


def base_colours(voxels: Voxels, colour: str) -> Float32Array:
    """(N, 3) float32 RGB of each voxel before light."""
    if colour == "rgb":
        return voxels.rgb.astype(np.float32)
    floor = voxels.centre_z_m < FLOOR_TOP_M
    out = np.where(floor[:, None], FLOOR_RGB, WALL_RGB)
    named = voxels.label >= 0
    out[named] = category_colours(voxels.label[named], voxels.names)
    return out


def corner_openness(grid: BoolArray, front: IntArray, axis: int) -> Float32Array:
    """(M, 4) light at the corners (0,0), (1,0), (0,1), (1,1) of faces, from the cells in front of them.

    Args:
        grid: occupancy.
        front: (M, 3) cell in front of each face.
        axis: axis of the face's normal; the corners run along the next two axes.
    """

    def taken(a: int, b: int) -> IntArray:
        at = front.copy()
        at[:, (axis + 1) % 3] += a
        at[:, (axis + 2) % 3] += b
        return grid[tuple(at.T)].astype(np.int64)

    light = np.array([1.0, 0.84, 0.70, 0.58], dtype=np.float32)
    out = np.empty((len(front), 4), dtype=np.float32)
    for corner, (a, b) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1))):
        one, two = taken(a, 0), taken(0, b)
        count = np.where(one & two, 3, one + two + taken(a, b))
        out[:, corner] = light[count]
    return out


@njit(cache=True)
def _draw_faces(  # type: ignore[no-untyped-def]
    picture, depth, origin, edge_a, edge_b, rgb, light, line
):
    """Draw parallelograms with a depth buffer; origin and edges in pixels, third entry towards the viewer."""
    height, width = depth.shape
    det = edge_a[0] * edge_b[1] - edge_a[1] * edge_b[0]
    span_x = abs(edge_a[0]) + abs(edge_b[0])
    span_y = abs(edge_a[1]) + abs(edge_b[1])
    low_x, low_y = min(edge_a[0], 0.0) + min(edge_b[0], 0.0), min(edge_a[1], 0.0) + min(edge_b[1], 0.0)
    slack = 0.5 / max(1.0, min(math.hypot(edge_a[0], edge_a[1]), math.hypot(edge_b[0], edge_b[1])))
    for i in range(len(origin)):
        x0, y0 = origin[i, 0], origin[i, 1]
        first_x, last_x = max(0, math.floor(x0 + low_x)), min(width - 1, math.ceil(x0 + low_x + span_x))
        first_y, last_y = max(0, math.floor(y0 + low_y)), min(height - 1, math.ceil(y0 + low_y + span_y))
        for y in range(first_y, last_y + 1):
            for x in range(first_x, last_x + 1):
                dx, dy = x - x0, y - y0
                s = (dx * edge_b[1] - dy * edge_b[0]) / det
                t = (dy * edge_a[0] - dx * edge_a[1]) / det
                if s < -slack or t < -slack or s > 1.0 + slack or t > 1.0 + slack:
                    continue
                near = origin[i, 2] + s * edge_a[2] + t * edge_b[2]
                if near <= depth[y, x]:
                    continue
                s, t = min(max(s, 0.0), 1.0), min(max(t, 0.0), 1.0)
                shade = (light[i, 0] * (1 - s) + light[i, 1] * s) * (1 - t) + (
                    light[i, 2] * (1 - s) + light[i, 3] * s
                ) * t
                if min(min(s, 1 - s), min(t, 1 - t)) < 0.07:
                    shade *= line
                depth[y, x] = near
                for c in range(3):
                    picture[y, x, c] = rgb[i, c] * shade


@njit(cache=True)
def _draw_balls(picture, depth, centre, radius, rgb):  # type: ignore[no-untyped-def]
    """Draw small shaded balls with the same depth buffer; all in pixels."""
    height, width = depth.shape
    for i in range(len(centre)):
        for y in range(max(0, int(centre[i, 1] - radius)), min(height, int(centre[i, 1] + radius) + 2)):
            for x in range(max(0, int(centre[i, 0] - radius)), min(width, int(centre[i, 0] + radius) + 2)):
                dx, dy = (x - centre[i, 0]) / radius, (y - centre[i, 1]) / radius
                rest = 1.0 - dx * dx - dy * dy
                if rest <= 0.0:
                    continue
                near = centre[i, 2] + math.sqrt(rest) * radius
                if near <= depth[y, x]:
                    continue
                depth[y, x] = near
                for c in range(3):
                    picture[y, x, c] = rgb[i, c] * (0.82 + 0.18 * math.sqrt(rest))


def _trail(poses: FloatArray, spacing_m: float = 0.02, height_m: float = 0.10) -> FloatArray:
    """(M, 3) points in metres along the path of `poses` (P, >= 2)."""
    points = [np.array([[*poses[0, :2], height_m]])]
    for start, end in zip(poses[:-1, :2], poses[1:, :2], strict=True):
        steps = int(np.linalg.norm(end - start) / spacing_m)
        if steps:
            way = start + (end - start) * (np.arange(1, steps + 1) / steps)[:, None]
            points.append(np.column_stack([way, np.full(steps, height_m)]))
    return np.concatenate(points)


@dataclass(frozen=True)
class Canvas:
    """Where a map's points fall in a picture of `supersample` drawn pixels per picture pixel.

    Attributes:
        size: width and height in drawn pixels.
        scale: drawn pixels per voxel.
        to_pixel: (3, 3), takes cells to pixels right, down and towards the viewer.
        shift: (3,) pixel of the low corner of cell (0, 0, 0).
        origin_m: (3,) that corner in the map frame.
        voxel_m: edge of a voxel.
    """

    size: tuple[int, int]
    scale: float
    to_pixel: FloatArray
    shift: FloatArray
    origin_m: FloatArray
    voxel_m: float

    @classmethod
    def fit(cls, voxels: Voxels, view: CubeView) -> Canvas:
        """The canvas that `voxels` fill."""
        axes = view_axes(view.azimuth_deg, view.elevation_deg)
        corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
        spread = corners @ axes[:2].T
        flat = voxels.cell @ axes[:2].T
        low, high = flat.min(axis=0) + spread.min(axis=0), flat.max(axis=0) + spread.max(axis=0)
        room = 2.0 * view.supersample
        scale = (view.width * view.supersample - 2 * room) / (high[0] - low[0])
        scale = min(scale, 3.0 * view.width * view.supersample / (high[1] - low[1]))
        width, height = (int(length) for length in np.ceil((high - low) * scale + 2 * room))
        shift = np.array([room - low[0] * scale, room + high[1] * scale, 0.0])
        to_pixel = axes * np.array([[scale], [-scale], [scale]])
        return cls((width, height), scale, to_pixel, shift, voxels.origin_m, voxels.voxel_m)

    def pixels(self, points_m: FloatArray) -> FloatArray:
        """(N, 3) drawn pixels right, down and towards the viewer of points (N, 3) in the map frame."""
        return (points_m - self.origin_m) / self.voxel_m @ self.to_pixel.T + self.shift


def render_cubes(
    voxels: Voxels, view: CubeView, poses: npt.ArrayLike | None = None, canvas: Canvas | None = None
) -> UInt8Array:
    """Picture of a voxel map.

    Args:
        voxels: the map.
        view: how to look at it.
        poses: (P, >= 2) x, y in metres, drawn as a trail over the floor.
        canvas: of the same view, for pictures of a growing map; None = cropped to the map.

    Returns:
        (H, W, 4) uint8 RGBA.

    Raises:
        ValueError: if there is nothing to draw.
    """
    voxels = voxels.cut(view.cut_m)
    if not len(voxels):
        raise ValueError("the map holds no voxel to draw")
    canvas = canvas or Canvas.fit(voxels, view)
    shift = canvas.pixels(voxels.origin_m)
    width, height = canvas.size
    picture = np.zeros((height, width, 3), dtype=np.float32)
    depth = np.full((height, width), -np.inf, dtype=np.float32)
    _paint(voxels, view, canvas.to_pixel, shift, picture, depth)
    if poses is not None and len(np.asarray(poses)):
        points = canvas.pixels(_trail(np.asarray(poses, dtype=np.float64)))
        colour = np.tile(TRAIL_RGB, (len(points), 1))
        radius = max(1.5, 0.045 / voxels.voxel_m * canvas.scale)
        _draw_balls(picture, depth, points, radius, colour)
    return _finish(picture, depth, view, canvas.scale)


def _paint(
    voxels: Voxels,
    view: CubeView,
    to_pixel: FloatArray,
    shift: FloatArray,
    picture: Float32Array,
    depth: Float32Array,
) -> None:
    grid = voxels.occupancy()
    around = openness(grid)
    base = base_colours(voxels, view.colour)
    mottle = 0.985 + 0.03 * (((voxels.cell * (73, 151, 211)).sum(axis=1) % 17) / 16.0)
    for axis in range(3):
        side = 1 if to_pixel[2, axis] > 0 else -1
        front = voxels.cell + PAD
        front[:, axis] += side
        seen = ~grid[tuple(front.T)]
        if not seen.any():
            continue
        front = front[seen]
        at = front.copy()
        at[:, axis] = np.clip(at[:, axis] + 3 * side, 0, grid.shape[axis] - 1)
        wide = np.clip((around[tuple(at.T)] - 0.62) / 0.34, 0.0, 1.0)
        lamp = (0.80, 0.90, 1.04)[axis] if side > 0 else (0.88, 0.76, 0.6)[axis]
        light = corner_openness(grid, front, axis) * (lamp * (0.72 + 0.28 * wide) * mottle[seen])[:, None]
        corner = voxels.cell[seen].astype(np.float64)
        corner[:, axis] += side > 0
        edges = np.eye(3)[[(axis + 1) % 3, (axis + 2) % 3]] @ to_pixel.T
        line = 0.95 if np.linalg.norm(edges[0, :2]) > 5 else 1.0
        _draw_faces(
            picture, depth, corner @ to_pixel.T + shift, edges[0], edges[1], base[seen], light.astype(np.float32), line
        )


def _finish(picture: Float32Array, depth: Float32Array, view: CubeView, scale: float) -> UInt8Array:
    """Darken the rims of near things against far ones, set the background, shrink."""
    drawn = np.isfinite(depth)
    rim = np.zeros(depth.shape, dtype=bool)
    flat = np.where(drawn, depth, -1e6)
    for axis in (0, 1):
        for step in (-1, 1):
            rim |= np.roll(flat, step, axis=axis) - flat > 3.0 * scale
    picture[rim & drawn] *= 0.72
    rgba = np.zeros((*depth.shape, 4), dtype=np.uint8)
    rgba[..., :3] = np.clip(picture, 0, 255)
    rgba[..., 3] = 255 * drawn
    image = Image.fromarray(rgba).convert("RGBa")  # premultiplied, so that the rim does not darken when shrunk
    size = (max(1, rgba.shape[1] // view.supersample), max(1, rgba.shape[0] // view.supersample))
    image = image.resize(size, Image.Resampling.BOX).convert("RGBA")
    if view.background is not None:
        behind = Image.new("RGBA", image.size, (*view.background, 255))
        behind.alpha_composite(image)
        image = behind
    return np.asarray(image)


def draw_voxels_png(
    path: Path | str, voxels: Voxels, view: CubeView | None = None, poses: npt.ArrayLike | None = None
) -> Path:
    """Write the picture of `render_cubes` as a PNG, whole or not at all; return its path."""
    pixels = render_cubes(voxels, view or CubeView(), poses)
    with replacing(path) as beside:
        Image.fromarray(pixels).save(beside, format="PNG", optimize=True)
    return Path(path)
