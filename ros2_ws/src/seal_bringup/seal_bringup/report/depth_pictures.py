# SPDX-License-Identifier: Apache-2.0
"""A frame beside the map seen from its pose: colours, the sensor's depth, the map's, and where they differ."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seal_bringup.evaluation.map_check import held, traced_depth
from seal_mapping.labels.volume import LabelVolume
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.frame import Frame
from seal_perception.types import Float32Array, UInt8Array
from seal_perception.upright import quarter_turns, turn_picture

Picture = UInt8Array
Depth = Float32Array
DIFFERENCE_M = 0.3
NOTHING, OUTSIDE = (26, 28, 32), (196, 198, 200)
"""RGB where there is no depth or no hit, and where the reading lies outside of what the map holds."""
NEARER, FARTHER = np.array([24, 92, 196.0]), np.array([205, 44, 36.0])
_INK, _PAPER = (40, 44, 50), (255, 255, 255)
WIDTH, GAP, LINE = 360, 8, 24
"""Pixels of a panel's width, between panels, and of a line of text in `frame_picture`."""
PANELS = ("camera", "map, as seen", "depth of the sensor", "depth of the map", "map less sensor")


def depth_colours(depth: Depth, max_depth_m: float) -> Picture:
    """(H, W, 3) near yellow, far violet; dark where there is none."""
    known = np.isfinite(depth) & (depth > 0)
    scaled = np.where(known, np.clip(1.0 - np.where(known, depth, 0) / max_depth_m, 0, 1) * 255, 0).astype(np.uint8)
    out = np.asarray(cv2.applyColorMap(scaled, cv2.COLORMAP_VIRIDIS)[..., ::-1], np.uint8).copy()
    out[~known] = NOTHING
    return out


def difference_colours(difference: Depth) -> Picture:
    """(..., 3) white where the map agrees, blue where it is nearer than the sensor, red where it is farther."""
    share = np.clip(np.abs(difference) / DIFFERENCE_M, 0, 1)[..., None]
    end = np.where((difference < 0)[..., None], NEARER, FARTHER)
    return np.asarray(np.rint(255 * (1 - share) + end * share), np.uint8)


def map_colours(voxel_map: VoxelMap, frame: Frame, traced: Depth) -> Picture:
    """(H, W, 3) colours of the voxels at which the frame's rays stop; dark where they meet nothing."""
    hit, T = traced > 0, frame.T_map_camera
    inside = traced[hit] - 0.5 * voxel_map.config.voxel_m + 1e-4  # just behind the face where the ray enters
    points = (frame.camera.rays()[hit] * inside[:, None]) @ T[:3, :3].T + T[:3, 3]
    ijk = np.floor((points - voxel_map.config.origin) / voxel_map.config.voxel_m).astype(np.int64)
    there, cloud = voxel_map.at(ijk)
    colour = np.full((len(ijk), 3), OUTSIDE, np.uint8)
    colour[there] = cloud.rgb
    out = np.full((*traced.shape, 3), NOTHING, np.uint8)
    out[hit] = colour
    return out


def frame_panels(voxel_map: VoxelMap, volume: LabelVolume, frame: Frame) -> tuple[list[Picture], float]:
    """The pictures of `PANELS`, (H, W, 3), upright, and the share of readings that the map predicts within 10 cm."""
    config = voxel_map.config
    traced, valid = traced_depth(volume, frame, config.max_depth_m), held(frame, config)
    both = valid & (traced > 0)
    difference = np.where(both, traced - np.where(both, frame.depth, 0), 0).astype(np.float32)
    shown = difference_colours(difference)
    shown[valid & ~both] = NOTHING
    shown[~valid] = OUTSIDE
    precise = float((np.abs(difference[both]) <= 0.1).sum() / max(1, valid.sum()))
    colours = map_colours(voxel_map, frame, traced)
    depths = [depth_colours(depth, config.max_depth_m) for depth in (frame.depth, traced)]
    turns = quarter_turns(frame.T_map_camera)
    return [turn_picture(panel, turns) for panel in (frame.rgb, colours, *depths, shown)], precise


def frame_picture(panels: list[Picture], title: str, max_depth_m: float) -> Picture:
    """(H, W, 3) a title, the two colour panels and what colours mean, below them the three of depth."""
    width = WIDTH
    height = round(width * panels[0].shape[0] / panels[0].shape[1])
    row, column = height + LINE + GAP, width + GAP
    out = Image.new("RGB", (3 * column - GAP, LINE + 2 * row - GAP), _PAPER)
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(15)
    pen.text((0, 2), title, fill=_INK, font=font)
    places = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1)]
    for (x, y), name, panel in zip(places, PANELS, panels, strict=True):
        left, top = x * column, LINE + y * row
        pen.text((left, top + 3), name, fill=_INK, font=font)
        shown = Image.fromarray(panel).resize((width, height), Image.Resampling.BILINEAR)
        out.paste(shown, (left, top + LINE))
    bar: Depth = np.linspace(0, 1, max(8, width - 130)).astype(np.float32)[None]
    depth_bar = depth_colours((np.maximum(bar, 1e-3) * max_depth_m).astype(np.float32), max_depth_m)
    lines: list[tuple[str, Picture | None]] = [
        ("depth in metres", depth_bar),
        (f"0|{max_depth_m:g}", None),
        ("map less sensor in metres", difference_colours((2 * bar - 1) * DIFFERENCE_M)),
        (f"-{DIFFERENCE_M:g}|+{DIFFERENCE_M:g}", None),
        ("dark: no reading, or the ray meets nothing", None),
        ("grey: no reading that the map holds", None),
    ]
    _legend(out, (2 * column, 2 * LINE), lines)
    return np.asarray(out, np.uint8)


def _legend(out: Image.Image, place: tuple[int, int], lines: list[tuple[str, Picture | None]]) -> None:
    """Lines of text from `place` on, a bar of colours under those that have one; "a|b" stands at a bar's ends."""
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(13)
    (left, top), wide = place, 0
    for text, colours in lines:
        low, _, high = text.partition("|")
        pen.text((left, top), low, fill=_INK, font=font)
        pen.text((left + wide, top), high, fill=_INK, font=font, anchor="ra")
        top += 18
        if colours is not None:
            wide = colours.shape[1]
            out.paste(Image.fromarray(np.repeat(colours, 14, axis=0)), (left, top))
            pen.rectangle((left, top, left + wide, top + 14), outline=(190, 190, 190))
            top += 17
        elif high:
            top += 8
