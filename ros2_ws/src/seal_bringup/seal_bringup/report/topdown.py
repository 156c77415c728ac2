# SPDX-License-Identifier: Apache-2.0
"""The map from straight above: floor, walls, labelled things, and the way the robot went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seal_bringup.report.run_folder import numbers
from seal_bringup.report.voxels import Voxels
from seal_mapping.palette import category_colours
from seal_perception.files import replacing
from seal_perception.types import FloatArray, UInt8Array

PAPER, FLOOR, WALL, THING = (250, 250, 248), (229, 227, 221), (74, 80, 92), (158, 163, 173)
TRAIL_EARLY, TRAIL_LATE = np.array([125, 205, 196.0]), np.array([4, 92, 88.0])
OVERSAMPLE = 3


@dataclass(frozen=True)
class Mark:
    """Something to point at.

    Attributes:
        x, y: where, metres, map frame.
        rgb: its colour.
        is_ring: a ring, else a cross.
    """

    x: float
    y: float
    rgb: tuple[int, int, int]
    is_ring: bool = True


def trajectory_arrays(trajectory: dict[str, Any]) -> tuple[FloatArray, FloatArray]:
    """Poses (P, 3) x, y, yaw and goals (G, 3) step, x, y of a trajectory.json; broken entries are left out."""
    poses = [numbers(pose, 3) for pose in trajectory.get("poses") or []]
    goals = [numbers(goal, 3) for goal in trajectory.get("goals") or []]
    return (
        np.array([pose for pose in poses if pose], dtype=np.float64).reshape(-1, 3),
        np.array([goal for goal in goals if goal], dtype=np.float64).reshape(-1, 3),
    )


def column_colours(voxels: Voxels, clear_m: float = 1.9, named_rgb: UInt8Array | None = None) -> UInt8Array:
    """(X, Y, 3) uint8: each column's look from above, the ceiling above `clear_m` left out.

    Labelled voxels have their category's colour, or theirs of `named_rgb` (N, 3).
    """
    shape = tuple(int(n) for n in voxels.cell[:, :2].max(axis=0) + 1)
    picture = np.full((*shape, 3), PAPER, dtype=np.uint8)
    z = voxels.centre_z_m
    low, thing = z < 0.1, (z >= 0.1) & (z < clear_m)
    tall = np.zeros(shape, dtype=np.int64)
    np.add.at(tall, tuple(voxels.cell[thing, :2].T), 1)
    picture[tuple(voxels.cell[low, :2].T)] = FLOOR
    picture[tall > 0] = THING
    picture[tall * voxels.voxel_m > 0.55 * (clear_m - 0.1)] = WALL
    named = np.flatnonzero(voxels.label >= 0)
    named = named[np.lexsort((voxels.cell[named, 2], voxels.score[named]))]
    rgb = category_colours(voxels.label[named], voxels.names) if named_rgb is None else named_rgb[named]
    picture[tuple(voxels.cell[named, :2].T)] = rgb
    return picture


def draw_topdown(
    path: Path | str,
    voxels: Voxels | None,
    trajectory: dict[str, Any] | None = None,
    pixels_per_m: float = 110.0,
    margin_m: float = 0.4,
    named_rgb: UInt8Array | None = None,
    marks: Sequence[Mark] = (),
) -> Path:
    """Write the top-down map as a PNG: x to the right, y up, a bar of one metre.

    Args:
        path: the PNG.
        voxels: the map; None draws the trajectory alone.
        trajectory: {"poses": [[x, y, yaw]], "goals": [[step, x, y]]} in the map frame, metres.
        pixels_per_m: size of the picture.
        margin_m: paper around the map.
        named_rgb: (N, 3) colours of the labelled voxels; None = those of their categories.
        marks: what to point at, above all else.

    Raises:
        ValueError: if there is neither a voxel nor a pose.
    """
    poses, goals = trajectory_arrays(trajectory or {})
    corners = [poses[:, :2]] if len(poses) else []
    corners += [np.array([[one.x, one.y]]) for one in marks]
    if voxels is not None and len(voxels):
        span = voxels.cell[:, :2].max(axis=0) + 1
        corners.append(voxels.origin_m[:2] + np.array([[0, 0], span]) * voxels.voxel_m)
    if not corners:
        raise ValueError("a top-down map needs voxels or poses, got neither")
    low = np.concatenate(corners).min(axis=0) - margin_m
    high = np.concatenate(corners).max(axis=0) + margin_m
    k = min(pixels_per_m, 2400.0 / float((high - low).max())) * OVERSAMPLE
    size = np.ceil((high - low) * k).astype(int)
    image = Image.new("RGB", (int(size[0]), int(size[1])), PAPER)
    if voxels is not None and len(voxels):
        cells = np.transpose(column_colours(voxels, named_rgb=named_rgb), (1, 0, 2))[::-1]
        edge = voxels.voxel_m * k
        scaled = Image.fromarray(np.ascontiguousarray(cells)).resize(
            (round(cells.shape[1] * edge), round(cells.shape[0] * edge)), Image.Resampling.NEAREST
        )
        x, y = (voxels.origin_m[:2] - low) * k
        image.paste(scaled, (round(x), size[1] - round(y) - scaled.height))
    draw = ImageDraw.Draw(image)
    mark = max(k, float(size.max()) / 8.0)  # marks and letters of a large home stay readable
    _draw_way(draw, (poses[:, :2] - low) * k, poses[:, 2], (goals[:, 1:] - low) * k, int(size[1]), mark)
    for one in marks:
        x, y = (np.array([one.x, one.y]) - low) * k
        _draw_mark(draw, one, (float(x), float(size[1] - y)), mark)
    _draw_bar(draw, int(size[1]), k, mark)
    small = image.resize((max(1, size[0] // OVERSAMPLE), max(1, size[1] // OVERSAMPLE)), Image.Resampling.LANCZOS)
    with replacing(path) as beside:
        small.save(beside, format="PNG", optimize=True)
    return Path(path)


def _draw_way(
    draw: ImageDraw.ImageDraw,
    way: FloatArray,
    yaw: FloatArray,
    goals: FloatArray,
    height: int,
    mark: float,
) -> None:
    """Trail from light to dark, goals as rings, start as a disc, end as an arrow; positions in pixels, y up.

    `mark` is the pixels that stand for one metre in the size of marks.
    """
    line = max(2, round(0.05 * mark))
    for x, y in goals:
        r = 0.09 * mark
        draw.ellipse((x - r, height - y - r, x + r, height - y + r), outline=(90, 96, 108), width=max(1, line // 3))
    for i in range(len(way) - 1):
        colour = TRAIL_EARLY + (TRAIL_LATE - TRAIL_EARLY) * (i / max(1, len(way) - 2))
        (ax, ay), (bx, by) = way[i], way[i + 1]
        draw.line((ax, height - ay, bx, height - by), fill=tuple(int(c) for c in colour), width=line)
        r = line / 2 - 0.5
        draw.ellipse((bx - r, height - by - r, bx + r, height - by + r), fill=tuple(int(c) for c in colour))
    if not len(way):
        return
    r = 0.11 * mark
    x, y = way[0]
    draw.ellipse(
        (x - r, height - y - r, x + r, height - y + r), fill=(255, 255, 255), outline=(4, 92, 88), width=line // 2
    )
    x, y = way[-1]
    turn = [yaw[-1], yaw[-1] + 2.5, yaw[-1] + np.pi, yaw[-1] - 2.5]
    reach = np.array([0.24, 0.2, 0.08, 0.2]) * mark
    corners = [(x + d * np.cos(a), height - y - d * np.sin(a)) for a, d in zip(turn, reach, strict=True)]
    draw.polygon(corners, fill=(4, 92, 88), outline=(255, 255, 255))


def _draw_mark(draw: ImageDraw.ImageDraw, mark: Mark, at: tuple[float, float], metre: float) -> None:
    """A ring or a cross at a pixel; `metre` is the pixels that stand for one metre in the size of marks."""
    (x, y), r, width = at, 0.22 * metre, max(2, round(0.06 * metre))
    if mark.is_ring:
        draw.ellipse((x - r, y - r, x + r, y + r), outline=mark.rgb, width=width)
        return
    r *= 0.7
    draw.line((x - r, y - r, x + r, y + r), fill=mark.rgb, width=width)
    draw.line((x - r, y + r, x + r, y - r), fill=mark.rgb, width=width)


def _draw_bar(draw: ImageDraw.ImageDraw, height: int, k: float, mark: float) -> None:
    """A bar of one metre (`k` pixels) in the lower left corner."""
    left, base, thick = 0.2 * k, height - 0.14 * mark, max(2, round(0.025 * mark))
    draw.line((left, base, left + k, base), fill=WALL, width=thick)
    for x in (left, left + k):
        draw.line((x, base - 0.05 * mark, x, base + 0.05 * mark), fill=WALL, width=thick)
    font = ImageFont.load_default(size=max(8, int(0.14 * mark)))
    draw.text((left + k + 0.1 * mark, base), "1 m", fill=WALL, font=font, anchor="lm")
