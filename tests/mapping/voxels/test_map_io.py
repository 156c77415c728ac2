# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from tests.mapping.worlds import CAMERA, frame, random_depth, random_pose

from seal_mapping.voxels.io import load_map, save_map
from seal_mapping.voxels.voxel_map import MapConfig, VoxelMap
from seal_perception.errors import InputError


@pytest.fixture
def filled():
    rng = np.random.default_rng(1)
    voxel_map = VoxelMap(MapConfig(obstacle_min_views=2))
    for _ in range(6):
        image = rng.integers(0, 256, (24, 32, 6)).astype(np.uint8)
        rgb = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
        voxel_map.integrate_scores(frame(random_depth(rng, CAMERA), random_pose(rng, 6.0), rgb=rgb), image)
    return voxel_map


def test_a_loaded_map_is_the_same_and_goes_on_the_same(filled, tmp_path):
    save_map(filled, tmp_path / "map.npz")
    loaded = load_map(tmp_path / "map.npz")
    rng = np.random.default_rng(2)
    item = frame(random_depth(rng, CAMERA), random_pose(rng, 20.0))
    image = rng.integers(0, 256, (24, 32, 6)).astype(np.uint8)
    for step in range(2):
        if step:
            assert filled.integrate_scores(item, image) == loaded.integrate_scores(item, image)
        for name in (
            "ijk",
            "xyz",
            "rgb",
            "label",
            "score",
            "views",
            "last_frame",
            "score_sum",
            "weight",
            "votes",
            "best_score",
        ):
            assert np.array_equal(getattr(filled.voxels(), name), getattr(loaded.voxels(), name)), name
        for name in ("obstacles", "explored"):
            a, b = getattr(filled, name)(), getattr(loaded, name)()
            ours = set(map(tuple, np.round(a.cell_to_world(np.argwhere(a.cells)), 6).tolist()))
            assert ours == set(map(tuple, np.round(b.cell_to_world(np.argwhere(b.cells)), 6).tolist())), name
        assert filled.config == loaded.config
        assert (filled.frames, filled.confident_count) == (loaded.frames, loaded.confident_count)
        assert filled.explored_area_m2 == pytest.approx(loaded.explored_area_m2)


def test_the_same_map_gives_the_same_bytes(filled, tmp_path):
    save_map(filled, tmp_path / "a.npz")
    save_map(load_map(tmp_path / "a.npz"), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_an_empty_map_can_be_kept(tmp_path):
    save_map(VoxelMap(), tmp_path / "map.npz")
    assert len(load_map(tmp_path / "map.npz").voxels()) == 0


def test_broken_files_give_one_line(filled, tmp_path):
    path = tmp_path / "map.npz"
    save_map(filled, path)
    data = path.read_bytes()
    for content in (b"", b"hello", b"v 0 0 0\nf 1 1 1\n", data[: len(data) // 2], data[:-30]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"map\.npz is not a readable map") as error:
            load_map(path)
        assert "\n" not in str(error.value) and "pickle" not in str(error.value)
    with pytest.raises(InputError, match=r"no map at .*; did you mean .*map\.npz\?$"):
        load_map(tmp_path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(InputError, match="is not a map written by SEAL"):
        load_map(path)
    np.savez(path, head=np.array([{"format": "seal_voxel_map"}], object))
    with pytest.raises(InputError, match="not a readable map"):
        load_map(path)
    with pytest.raises(InputError, match="no map at"):
        load_map(tmp_path / "none.npz")
    with pytest.raises(InputError, match=r"written as \.npz"):
        save_map(filled, tmp_path / "map.bin")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"version": 99}, "version 99; this SEAL reads versions 2 and 3"),
        ({"config": {"voxel_m": -1.0}}, "voxel_m must be positive"),
        ({"config": {"speed": 1}}, "not a readable map"),
    ],
)
def test_another_version_or_configuration_is_refused(filled, tmp_path, change, text):
    path = tmp_path / "map.npz"
    save_map(filled, path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    head = {**json.loads(arrays["head"].tobytes()), **change}
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=text):
        load_map(path)


def test_arrays_that_do_not_fit_are_refused(filled, tmp_path):
    path = tmp_path / "map.npz"
    save_map(filled, path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for name, value in (("views", arrays["views"][:-1]), ("ijk", arrays["ijk"] + np.int32(10**6))):
        np.savez(path, **{**arrays, name: value})
        with pytest.raises(InputError, match=r"map\.npz: "):
            load_map(path)


@pytest.mark.parametrize("range_weight_m", [0.0, 2.5])
def test_a_map_of_version_2_is_read(tmp_path, range_weight_m):
    """Written by hand as SEAL wrote it then: two voxels, a grid of 8 x 8 cells."""
    config = {**asdict(MapConfig(num_categories=2, range_weight_m=range_weight_m)), "said_score": 77}
    del config["vote_score"]
    head = {"format": "seal_voxel_map", "version": 2, "config": config, "frames": 9, "explored_shape": [8, 8]}
    arrays = {
        "ijk": np.array([[0, 1, 4], [3, 7, 5]], np.int32),
        "rgb": np.array([[1, 2, 3], [4, 5, 6]], np.uint8),
        "views": np.array([3, 2], np.uint16),
        "last": np.array([8, 4], np.uint32),
        "best": np.array([[255, 0], [20, 90]], np.uint8),
        "said": np.array([[2, 0], [0, 1]], np.uint16),
        "evidence": np.array([[600, 0], [30, 100]], np.uint32),
        "explored": np.packbits(np.eye(8, dtype=bool)),
        "explored_origin_xy": np.array([-0.025, -0.025]),
    }
    if range_weight_m > 0:
        arrays["weight"] = np.array([48, 5], np.uint32)
    path = tmp_path / "map.npz"
    np.savez(path, head=np.frombuffer(json.dumps(head).encode(), np.uint8), **arrays)
    loaded = load_map(path)
    assert loaded.config == MapConfig(num_categories=2, range_weight_m=range_weight_m, vote_score=77)
    assert (loaded.frames, loaded.confident_count) == (9, 1)
    cloud = loaded.voxels()
    now = {"last": "last_frame", "best": "best_score", "said": "votes", "evidence": "score_sum"}
    for name in arrays.keys() - {"explored", "explored_origin_xy"}:
        np.testing.assert_array_equal(getattr(cloud, now.get(name, name)), arrays[name], strict=True)
    np.testing.assert_array_equal(loaded.explored().cells, np.eye(8, dtype=bool))
    assert np.argwhere(loaded.obstacles().cells).tolist() == [[0, 1], [3, 7]]
    save_map(loaded, path)
    with np.load(path) as stored:
        assert json.loads(stored["head"].tobytes())["version"] == 3
        assert {"last_frame", "best_score", "votes", "score_sum"} < set(stored.files)


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("views", lambda a: a.astype(np.float64) * np.nan, r"'views' must be uint16 \(\d+,\), got float64"),
        ("best_score", lambda a: a.astype(np.int64) + 100_000, "'best_score' must be uint8"),
        ("votes", lambda a: a.astype(complex), "'votes' must be uint16"),
        ("ijk", lambda a: a.astype(np.int64), "'ijk' must be int32"),
        ("rgb", lambda a: a.astype(np.uint16), "'rgb' must be uint8"),
        ("score_sum", lambda a: a.astype(">u4"), r"'score_sum' must be uint32 .*, got >u4"),
        ("explored", lambda a: a.astype(bool), "'explored' must be uint8"),
        ("explored_origin_xy", lambda a: a * np.inf, "origin_xy must be two finite metres"),
        ("ijk", lambda a: np.vstack([a[:1], a[:-1]]), "a voxel occurs twice"),
        ("votes", lambda a: a + np.uint16(60_000), "more votes than frames that saw it"),
        ("score_sum", lambda a: a + np.uint32(1 << 30), "sum of scores is more than its frames can have given"),
        ("last_frame", lambda a: a + np.uint32(6), "last seen in frame 11 of 6"),
    ],
)
def test_numbers_that_no_map_has_are_refused(filled, tmp_path, name, change, text):
    """numpy would cut them to size, and a NaN or a value of 100160 would become a voxel's."""
    path = tmp_path / "map.npz"
    save_map(filled, path)
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files}
    np.savez(path, **{**arrays, name: change(arrays[name])})
    with pytest.raises(InputError, match=text):
        load_map(path)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("frames", 9.5, "its frames must be whole numbers"),
        ("frames", -1, "its frames must be whole numbers"),
        ("explored_shape", ["8", 8], "its explored_shape must be whole numbers"),
        ("config", {"confident": 230.5}, "its confident must be int, got '230.5'"),
        ("config", {"voxel_m": True}, "its voxel_m must be float"),
        ("config", {"max_depth_m": float("nan")}, "max_depth_m must be finite"),
    ],
)
def test_numbers_of_the_head_are_checked(filled, tmp_path, key, value, text):
    path = tmp_path / "map.npz"
    save_map(filled, path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    head = json.loads(arrays["head"].tobytes())
    head[key] = {**head[key], **value} if key == "config" else value
    np.savez(path, **{**arrays, "head": np.frombuffer(json.dumps(head).encode(), np.uint8)})
    with pytest.raises(InputError, match=text):
        load_map(path)
