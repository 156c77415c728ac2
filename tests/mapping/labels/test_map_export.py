# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest
from tests.mapping.worlds import box, label_config, map_of

from seal_mapping.labels.export import VERTEX, collect, colours, write_npz, write_ply
from seal_mapping.labels.instance_ids import load_objects, save_objects
from seal_mapping.labels.preview import draw_map
from seal_mapping.labels.propagate import propagate
from seal_mapping.palette import (
    NO_COLOUR,
    category_colour,
    category_colours,
    instance_colour,
    instance_colours,
)
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.categories import CATEGORIES, COLOURS, category_name
from seal_perception.errors import InputError

FIELDS = {"last": "last_frame", "best": "best_score", "said": "votes"}
"""Names in the exported files that differ from the fields of `VoxelCloud`."""


@pytest.fixture
def world():
    """A chair, a bed, a doubtful couch and a wall seen twice."""
    voxels = {**box((0, 0, 4), (6, 6, 10), c0=255), **box((20, -4, 2), (26, 2, 8), c3=240)}
    voxels |= {**box((40, 0, 4), (46, 6, 10), c1=229), **box((-10, -10, 0), (-9, 10, 20))}
    return map_of(voxels, views={voxel: 2 for voxel in box((-10, -10, 0), (-9, 10, 20))})


def read_ply(path):
    """Header lines, vertices and (F, 4) faces, by the file's own words."""
    head, _, body = path.read_bytes().partition(b"end_header\n")
    lines = head.decode("ascii").splitlines()
    types = {"float": "<f4", "uchar": "u1", "int": "<i4"}
    words = [line.split() for line in lines]
    row = np.dtype([(w[2], types[w[1]]) for w in words if w[0] == "property" and w[1] != "list"])
    counts = {w[1]: int(w[2]) for w in words if w[0] == "element"}
    vertices = np.frombuffer(body, row, counts["vertex"])
    rest = np.frombuffer(body[vertices.nbytes :], np.dtype([("count", "u1"), ("corners", "<i4", (4,))]))
    assert len(rest) == counts.get("face", 0) and set(rest["count"]) <= {4}
    return lines, vertices, rest["corners"]


@pytest.mark.parametrize("colour", ["rgb", "category", "instance"])
def test_open3d_reads_the_points_back(world, tmp_path, colour):
    o3d = pytest.importorskip("open3d", reason="open3d is not installed")
    export = collect(world, config=label_config())
    assert write_ply(tmp_path / "map.ply", export, colour) == len(world.voxels()) == 3 * 216 + 400
    cloud = o3d.io.read_point_cloud(str(tmp_path / "map.ply"))
    np.testing.assert_array_equal(np.asarray(cloud.points, np.float32), world.voxels().xyz)
    np.testing.assert_array_equal(np.rint(255 * np.asarray(cloud.colors)).astype(np.uint8), colours(export, colour))
    with_all = o3d.t.io.read_point_cloud(str(tmp_path / "map.ply"))
    for name in ("label", "score", "views", "last"):
        np.testing.assert_array_equal(
            with_all.point[name].numpy().reshape(-1), getattr(world.voxels(), FIELDS.get(name, name))
        )


def test_a_ply_says_what_its_numbers_mean(world, tmp_path):
    export = collect(world, config=label_config())
    write_ply(tmp_path / "map.ply", export, "category")
    lines, vertices, faces = read_ply(tmp_path / "map.ply")
    assert vertices.dtype == VERTEX and len(faces) == 0
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert "comment category 0 chair: 230 97 1" in lines and "comment category 5 tv: 224 27 36" in lines
    assert sum(line.startswith("comment instance ") for line in lines) == 2
    assert any(line.startswith("comment instance 1 chair, score 1.00, 216 voxels: ") for line in lines)
    cloud = world.voxels()
    for name in ("label", "score", "views", "last"):
        np.testing.assert_array_equal(vertices[name], getattr(cloud, FIELDS.get(name, name)))
    rgb = np.stack([vertices[c] for c in ("red", "green", "blue")], axis=1)
    np.testing.assert_array_equal(rgb[vertices["instance"] == 1], np.tile(COLOURS[0], (216, 1)))
    np.testing.assert_array_equal(rgb[cloud.label == 3], np.tile(COLOURS[3], (216, 1)))
    unsure = rgb[(cloud.label == 1) | (cloud.label == -1)]  # a couch below the map's `confident` is not painted
    assert len(unsure) == 616 and (unsure == unsure[:, :1]).all()


def test_by_instance_with_the_objects_of_a_file(world, tmp_path):
    volume = propagate(world, label_config())
    save_objects(volume, tmp_path / "objects.npz")
    export = collect(world, load_objects(tmp_path / "objects.npz"))
    write_ply(tmp_path / "map.ply", export, "instance")
    _, vertices, _ = read_ply(tmp_path / "map.ply")
    assert np.bincount(vertices["instance"]).tolist() == [616, 216, 216]
    for number in (1, 2):
        at = vertices["instance"] == number
        assert {tuple(int(row[c]) for c in ("red", "green", "blue")) for row in vertices[at]} == {
            instance_colour(number)
        }
    with pytest.raises(InputError, match=r"voxels of 0.05 m do not fit a map of 0.1 m"):
        collect(VoxelMap(MapConfig(voxel_m=0.1)), volume)
    with pytest.raises(InputError, match="object 2 has a category that a map of 2 categories lacks"):
        collect(VoxelMap(MapConfig(num_categories=2)), volume)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda a, h: a.update(ijk=a["ijk"].astype(np.float64)), r"'ijk' must be int32 .*, got float64"),
        (lambda a, h: a.update(instance=a["instance"].astype(np.int64)), "'instance' must be int32"),
        (lambda a, h: a["ijk"].__setitem__(0, a["ijk"][1]), "a voxel occurs twice"),
        (lambda a, h: a["ijk"].__setitem__(0, 1 << 21), "a voxel index is beyond"),
        (lambda a, h: h.update(voxel_m=float("nan")), "origin and voxel_m must be finite metres"),
        (lambda a, h: h.update(next_id="7"), "next_id must be a whole number"),
        (lambda a, h: h["instances"][0].update(score=1.4), r"object 1 has a score or share outside of 0\.\.1"),
        (lambda a, h: h["instances"][0].update(views=float("inf")), "object 1 has a number that is none"),
        (lambda a, h: h["instances"][1].update(id=1), "two objects have one id"),
        (lambda a, h: h["instances"][0].update(category=0.5), "impossible id, category"),
    ],
)
def test_numbers_that_no_object_has_are_refused(world, tmp_path, change, text):
    path = tmp_path / "objects.npz"
    save_objects(propagate(world, label_config()), path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    head = json.loads(arrays["head"].tobytes())
    change(arrays, head)
    np.savez(path, **{**arrays, "head": np.frombuffer(json.dumps(head).encode(), np.uint8)})
    with pytest.raises(InputError, match=f"objects.npz is not a readable table of objects .*{text}"):
        load_objects(path)


def test_min_views_leaves_the_doubtful_out(world, tmp_path):
    export = collect(world, config=label_config(), min_views=2)
    assert write_ply(tmp_path / "map.ply", export) == 400 and export.objects == ()


def test_cubes_are_the_outer_faces(tmp_path):
    o3d = pytest.importorskip("open3d", reason="open3d is not installed")
    export = collect(map_of(box((0, 0, 0), (3, 2, 2), c0=255)))
    assert write_ply(tmp_path / "cubes.ply", export, cubes=True) == 4 * 32
    lines, vertices, faces = read_ply(tmp_path / "cubes.ply")
    xyz = np.stack([vertices[c] for c in "xyz"], axis=1)
    np.testing.assert_allclose(xyz.min(axis=0), [-0.025] * 3, atol=1e-6)
    np.testing.assert_allclose(xyz.max(axis=0), [0.125, 0.075, 0.075], atol=1e-6)
    a, b, c = (xyz[faces[:, n]] for n in (0, 1, 2))
    normal = np.cross(b - a, c - b)
    outwards = (normal * (xyz[faces].mean(axis=1) - [0.05, 0.025, 0.025])).sum(axis=1)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 0.05**2, rtol=1e-4)
    assert len(faces) == 32 and (outwards > 0).all()
    mesh = o3d.io.read_triangle_mesh(str(tmp_path / "cubes.ply"))
    mesh.remove_duplicated_vertices()
    assert mesh.get_volume() == pytest.approx(12 * 0.05**3, rel=1e-3)


def test_npz_holds_plain_arrays(world, tmp_path):
    export = collect(world, config=label_config())
    assert write_npz(tmp_path / "arrays.npz", export, world) == len(export.cloud)
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    for name in ("ijk", "xyz", "rgb", "label", "score", "views", "last", "best", "said"):
        np.testing.assert_array_equal(arrays[name], getattr(export.cloud, FIELDS.get(name, name)))
    assert arrays["category_names"].tolist() == list(CATEGORIES)
    np.testing.assert_array_equal(arrays["category_colours"], COLOURS)
    assert arrays["object_id"].tolist() == [1, 2] and arrays["object_category"].tolist() == [0, 3]
    np.testing.assert_allclose(arrays["object_centre_xyz"][0], [0.125, 0.125, 0.325], atol=1e-6)
    assert np.bincount(arrays["instance"]).tolist() == [616, 216, 216]
    assert arrays["obstacles"].shape == arrays["explored"].shape and arrays["voxel_m"] == 0.05
    np.testing.assert_allclose(arrays["mean_score"][arrays["label"] == 3][:, 3], 240 / 255, atol=1e-6)


def test_an_empty_map_is_an_empty_file(tmp_path):
    for colour in ("rgb", "category", "instance"):
        assert write_ply(tmp_path / "map.ply", collect(VoxelMap()), colour) == 0
    assert write_ply(tmp_path / "map.ply", collect(VoxelMap()), cubes=True) == 0
    assert write_npz(tmp_path / "map.npz", collect(VoxelMap()), VoxelMap()) == 0


@pytest.mark.parametrize("num_categories", [1, 16])
def test_any_number_of_categories_has_names_and_colours(num_categories, tmp_path):
    config = MapConfig(num_categories=num_categories, min_height_m=-5.0, max_height_m=5.0)
    voxels = {}
    for index in range(num_categories):
        voxels |= box((10 * index, 0, 4), (10 * index + 6, 6, 10), **{f"c{index}": 255})
    world = map_of(voxels, config=config)
    export = collect(world, config=label_config())
    write_ply(tmp_path / "map.ply", export, "category")
    lines, vertices, _ = read_ply(tmp_path / "map.ply")
    assert len({tuple(int(v[c]) for c in ("red", "green", "blue")) for v in vertices}) == num_categories
    if num_categories == 16:
        assert any(line.startswith("comment category 7 category_7: ") for line in lines)
        assert [item.category for item in export.objects] == list(range(16))
    write_npz(tmp_path / "map.npz", export, world)
    picture = draw_map(world.voxels())
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == num_categories + (num_categories > 1)  # and white


def test_colours_are_one_palette_that_never_changes():
    np.testing.assert_array_equal(category_colours(np.arange(6)), COLOURS)
    assert category_colour(-1) == instance_colour(0) == instance_colour(-3) == NO_COLOUR
    assert [category_name(n) for n in (-1, 0, 5, 6)] == ["none", "chair", "tv", "category_6"]
    assert instance_colour(1) == (73, 122, 242) and instance_colour(2) == (136, 191, 57)
    assert len({instance_colour(n) for n in range(1, 100)}) == 99
    assert len({category_colour(n) for n in range(40)}) == 40
    assert instance_colours([2, 0, 2]).tolist() == [list(instance_colour(2)), list(NO_COLOUR), list(instance_colour(2))]


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda m, d: write_ply(d / "map.txt", collect(m)), r"must end in \.ply, got .*map\.txt"),
        (lambda m, d: write_ply(d / "map.ply", collect(m), "depth"), "one of rgb, category, instance, got 'depth'"),
        (lambda m, d: write_npz(d / "map.ply", collect(m), m), r"written as \.npz, got"),
    ],
)
def test_wrong_requests_get_one_line(world, tmp_path, ask, text):
    with pytest.raises(InputError, match=text):
        ask(world, tmp_path)
    assert list(tmp_path.iterdir()) == []
