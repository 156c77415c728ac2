# SPDX-License-Identifier: Apache-2.0
"""Pictures of the map in the report and the README: cubes, top-down, the packed voxels of the viewer."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.bringup.report.report_runs import room_map, walk

from seal_bringup.report import CubeView, Voxels, draw_topdown, draw_voxels_png
from seal_bringup.report.cubes import render_cubes
from seal_bringup.report.topdown import column_colours
from seal_bringup.report.viewer import pack_voxels
from seal_bringup.report.voxels import limited, without_enclosed
from seal_perception.categories import CATEGORIES, COLOURS


@pytest.fixture(scope="module")
def voxels() -> Voxels:
    voxel_map = room_map()
    return Voxels.from_cloud(voxel_map.voxels(), voxel_map.config.voxel_m)


def block(shape: tuple[int, int, int], label: int = -1) -> Voxels:
    cell = np.argwhere(np.ones(shape, dtype=bool))
    n = len(cell)
    return Voxels(
        cell, np.full((n, 3), 120, np.uint8), np.full(n, label, np.int8), np.full(n, 255, np.uint8), np.zeros(3), 0.05
    )


def test_enclosed_voxels_go_first_then_the_highest():
    cube = block((5, 5, 5))
    assert len(without_enclosed(cube)) == 5**3 - 3**3
    fewer = limited(cube, 98 - 9)
    assert len(fewer) == 89 and (fewer.cell[:, 2] == 4).sum() == 25 - 9
    assert len(limited(cube, 200)) == 125


def test_cut_lowers_walls_but_keeps_objects():
    tall, thing = block((2, 2, 40)), block((2, 2, 40), label=3)
    assert tall.cut(1.0).cell[:, 2].max() == 19 and thing.cut(1.0).cell[:, 2].max() == 39


def test_one_cube_shows_three_faces_in_its_colour():
    pixels = render_cubes(block((1, 1, 1), label=5), CubeView(width=200))
    inside = pixels[..., 3] == 255
    assert 0.4 < inside.mean() < 0.9
    shades = np.unique(pixels[inside][:, 0] // 24)
    red, green, _ = pixels[inside][:, :3].astype(float).mean(axis=0)
    assert len(shades) >= 3 and red > 4 * green


def test_nearer_voxels_hide_farther_ones():
    low, high = block((1, 1, 1), label=1), block((1, 1, 1), label=0)
    both = Voxels(
        np.array([[0, 0, 0], [0, 0, 1]]), np.zeros((2, 3), np.uint8), np.array([1, 0], np.int8),
        np.full(2, 255, np.uint8), np.zeros(3), 0.05,
    )  # fmt: skip
    view = CubeView(width=160, elevation_deg=89.0, background=(255, 255, 255))
    middle = [render_cubes(v, view) for v in (low, high, both)]
    blue, orange, seen = (p[p.shape[0] // 2, p.shape[1] // 2, :3].astype(int) for p in middle)
    assert np.abs(seen - orange).max() < 40 < np.abs(seen - blue).max()


def test_room_picture_shows_its_objects(voxels, tmp_path):
    path = draw_voxels_png(tmp_path / "map.png", voxels.confident(230), CubeView(width=500), walk())
    with Image.open(path) as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape[1] == 500 and (pixels[0, 0, 3], pixels[..., 3].max()) == (0, 255)
    for category in (0, 1, 3):
        near = np.abs(pixels[..., :3] - COLOURS[category]).max(axis=-1) < 45
        assert near.sum() > 150, CATEGORIES[category]


def test_topdown_columns_are_floor_wall_and_objects(voxels):
    colours = column_colours(voxels.confident(230))
    at = {name: tuple(((np.array(xy) - voxels.origin_m[:2]) / 0.05).astype(int)) for name, xy in (
        ("floor", (1.0, 0.0)), ("wall", (0.9, 1.4)), ("couch", (2.9, 0.0)), ("bed", (-1.0, 1.6)))}  # fmt: skip
    assert tuple(colours[at["couch"]]) == tuple(COLOURS[1]) and tuple(colours[at["bed"]]) == tuple(COLOURS[3])
    assert colours[at["wall"]].max() < 110 and colours[at["floor"]].min() > 210


def test_topdown_draws_the_way_alone_and_refuses_nothing(tmp_path):
    path = draw_topdown(tmp_path / "way.png", None, {"poses": walk(), "goals": []})
    with Image.open(path) as image:
        assert (np.asarray(image).min(axis=(0, 1)) < 140).all()
    with pytest.raises(ValueError, match="neither"):
        draw_topdown(tmp_path / "none.png", None, {"poses": []})


def test_packed_voxels_unpack_to_the_same(voxels):
    pack = pack_voxels(voxels, poses=walk())
    n = pack["count"]
    planes = np.frombuffer(zlib.decompress(base64.b64decode(pack["data"])), np.uint8).reshape(10, n)
    steps = sum(planes[i].astype(np.int64) << (8 * i) for i in range(4))
    cells = np.stack(np.unravel_index(np.cumsum(steps), pack["shape"]), axis=1)
    assert n == len(voxels) and np.array_equal(cells, voxels.cell)
    assert np.array_equal(planes[7].view(np.int8), voxels.label) and np.array_equal(planes[8], voxels.score)
    assert np.abs(planes[4:7].T.astype(int) - voxels.rgb).max() < 4
    centre = np.array(pack["origin"]) + (cells[0] + 0.5) * pack["voxel"]
    assert np.allclose(centre, voxels.origin_m + (voxels.cell[0] + 0.5) * 0.05, atol=1e-3)


def test_more_voxels_than_the_limit_are_cut(voxels):
    pack = pack_voxels(voxels, limit=500)
    assert pack["count"] == 500 and pack["total"] == len(voxels)
