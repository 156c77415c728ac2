# SPDX-License-Identifier: Apache-2.0
"""`seal map`: what it prints, writes and refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.mapping.worlds import box, label_config, map_of

from seal_bringup.cli import app as cli
from seal_mapping.labels.instance_ids import save_objects
from seal_mapping.labels.propagate import propagate
from seal_mapping.palette import instance_colour
from seal_mapping.voxels.io import load_map, save_map
from seal_mapping.voxels.voxel_map import MapConfig
from seal_perception.categories import COLOURS


@pytest.fixture
def saved(tmp_path):
    """A chair and a toilet-sized box of category 7 on a floor."""
    voxels = {**box((-10, -10, 0), (30, 20, 1)), **box((0, 0, 2), (8, 8, 18), c0=255)}
    voxels |= box((20, 0, 1), (26, 6, 8), c7=255)
    views = {voxel: 3 for voxel in box((0, 0, 2), (8, 8, 18))}
    save_map(map_of(voxels, views=views, config=MapConfig(num_categories=8)), tmp_path / "map.npz")
    return tmp_path / "map.npz"


@pytest.fixture
def seal(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["seal", "map", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = capsys.readouterr()
        return code, shown.out, " ".join(shown.err.split())

    return run


def test_info_counts_what_is_there(seal, saved):
    code, out, _ = seal("info", saved, "--json")
    facts = json.loads(out)
    assert code == 0 and facts["voxels"] == 1200 + 1024 + 252 == len(load_map(saved).voxels())
    assert facts["size_m"] == [2.0, 1.5, 0.9] and facts["confident"] == 1024 + 252 and facts["frames"] == 1
    assert facts["obstacle_cells"] == 64 + 36 and facts["memory_bytes"] > 0 < facts["file_bytes"]
    rows = {row["name"]: (row["voxels"], row["confident"], row["objects"]) for row in facts["categories"]}
    assert rows["chair"] == (1024, 1024, 1) and rows["category_7"][:2] == (252, 252) and rows["bed"] == (0, 0, 0)
    code, out, _ = seal("info", saved)
    assert code == 0 and "2.00 x 1.50 x 0.90 m" in out and "category_7" in out


def test_query_by_point_box_and_ray(seal, saved):
    code, out, _ = seal("query", saved, "--point", "-0.5", "0.51", "0.0", "--json")
    assert code == 0 and json.loads(out)["voxels"][0]["ijk"] == [-10, 10, 0]
    code, out, _ = seal("query", saved, "--ray", "-2", "0.1", "0.5", "3", "0", "0", "--json")
    found = json.loads(out)
    assert found["distance_m"] == pytest.approx(1.975) and found["voxels"][0]["category"] == "chair"
    assert found["voxels"][0]["score"] == 1.0 and found["voxels"][0]["views"] == 3
    code, out, _ = seal("query", saved, "--box", "-1", "-1", "-1", "2", "2", "0.01", "--min-views", "1")
    assert code == 0 and "voxels: 1200" in out and "1180 more" in out
    assert seal("query", saved, "--point", "0", "0", "1.5")[:2] == (1, "nothing: no voxel was seen there\n")
    assert seal("query", saved, "--point", "-0.5", "0.5", "0", "--min-views", "2")[0] == 1
    code, out, _ = seal("query", saved, "--ray", "-2", "0.1", "0.5", "3", "0", "0", "--range", "1", "--json")
    assert code == 1 and json.loads(out) == {"distance_m": None, "voxels": []}


def test_export_writes_what_is_asked_for(seal, saved, tmp_path):
    save_objects(propagate(load_map(saved), label_config()), tmp_path / "objects.npz")
    ply, npz = tmp_path / "a.ply", tmp_path / "a.npz"
    options = ("--ply", ply, "--npz", npz, "--colour", "instance", "--objects", tmp_path / "objects.npz")
    code, out, _ = seal("export", saved, *options, "--min-views", "2")
    assert code == 0 and "1024 vertices, 1 objects" in out and "1024 voxels" in out
    assert b"comment instance 1 chair" in ply.read_bytes()
    with np.load(npz) as data:
        assert data["category_names"][7] == "category_7" and set(data["instance"].tolist()) == {1}


@pytest.mark.parametrize("colour", ["category", "instance", "rgb"])
@pytest.mark.parametrize("above", [True, False])
def test_pictures_show_the_objects_in_their_colours(seal, saved, tmp_path, colour, above):
    out = tmp_path / "home.png"
    save_objects(propagate(load_map(saved), label_config()), tmp_path / "objects.npz")
    words = ["--colour", colour, "--objects", tmp_path / "objects.npz", "--width", 200, *(["--above"] if above else [])]
    assert seal("picture", saved, out, *words)[0] == 0
    pixels = np.asarray(Image.open(out).convert("RGB")).reshape(-1, 3).astype(float)
    wanted = {"category": COLOURS[0], "instance": instance_colour(1), "rgb": (0, 0, 0)}[colour]
    direction = np.array(wanted, float) / max(np.linalg.norm(wanted), 1e-9)
    light = pixels / np.maximum(np.linalg.norm(pixels, axis=1, keepdims=True), 1e-9)
    share = (light @ direction > 0.999).mean() if colour != "rgb" else (pixels.sum(axis=1) < 60).mean()
    assert share > 0.02


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["info", "{d}/none.npz"], "no map at"),
        (["export", "{m}"], "nothing to write: give --ply FILE, --npz FILE or both"),
        (["export", "{m}", "--ply", "{d}/a.ply", "--colour", "depth"], "one of rgb, category, instance, got 'depth'"),
        (["export", "{m}", "--ply", "{d}/a.txt"], "must end in .ply"),
        (["export", "{m}", "--ply", "{d}/a.ply", "--objects", "{d}/none.npz"], "no objects at"),
        (["query", "{m}"], "give one of --point X Y Z"),
        (["query", "{m}", "--point", "nan", "0", "0"], "points must be finite, got nan"),
        (["query", "{m}", "--ray", "0", "0", "0", "0", "0", "0"], "direction must not be 0"),
        (["picture", "{m}", "{d}/a.jpg"], "must end in .png"),
        (["picture", "{m}", "{d}/a.png", "--min-views", "9"], "holds no voxel to draw"),
    ],
)
def test_mistakes_are_one_line(seal, saved, tmp_path, words, text):
    code, _, error = seal(*(str(w).format(m=saved, d=tmp_path) for w in words))
    assert code == 1 and error.startswith("error: ") and text in error, error
    assert [p for p in Path(tmp_path).iterdir() if p.suffix in (".ply", ".png", ".jpg")] == []
