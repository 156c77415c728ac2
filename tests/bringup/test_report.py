# SPDX-License-Identifier: Apache-2.0
"""The report of a run: figures as in metrics.json, nothing loaded from outside, partial runs, hostile names."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seal_bringup.report import CubeView, Voxels, draw_topdown, draw_voxels_png, write, write_report
from seal_bringup.report.cubes import render_cubes
from seal_bringup.report.figures import fixed, headline, signed
from seal_bringup.report.topdown import column_colours
from seal_bringup.report.viewer import pack_voxels
from seal_bringup.report.voxels import limited, without_enclosed
from seal_mapping.voxel_map import VoxelMap
from seal_perception.camera import Camera
from seal_perception.categories import CATEGORIES, COLOURS
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, planar_pose

ROWS = ("pretrained", "self_training", "label_prop_paper", "label_prop", "oracle")


# --- a small room, seen by a real VoxelMap ---------------------------------------------------------------------------


def room_boxes() -> list[tuple[tuple[float, ...], tuple[float, ...], int]]:
    """(low, high, category or -1) in metres, with the robot at the origin."""
    walls = [
        ((-2.1, -2.6, 0.0), (3.6, -2.5, 2.6), -1),
        ((-2.1, 2.5, 0.0), (3.6, 2.6, 2.6), -1),
        ((-2.1, -2.6, 0.0), (-2.0, 2.6, 2.6), -1),
        ((3.5, -2.6, 0.0), (3.6, 2.6, 2.6), -1),
        ((-2.1, -2.6, -0.1), (3.6, 2.6, 0.0), -1),
        ((0.9, 0.9, 0.0), (1.0, 2.5, 2.6), -1),
    ]
    things = [
        ((2.6, -0.9, 0.0), (3.4, 0.9, 0.42), 1),
        ((3.2, -0.9, 0.42), (3.4, 0.9, 0.85), 1),
        ((1.0, -2.3, 0.0), (1.5, -1.8, 0.45), 0),
        ((1.0, -2.35, 0.45), (1.5, -2.25, 0.95), 0),
        ((-1.9, -2.4, 0.0), (-1.5, -2.0, 1.1), 2),
        ((-1.9, 0.9, 0.0), (0.1, 2.4, 0.5), 3),
        ((1.2, 2.0, 0.0), (2.4, 2.4, 0.6), -1),
        ((1.4, 2.2, 0.6), (2.2, 2.3, 1.1), 5),
    ]
    return walls + things


def see(camera: Camera, T_map_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour, depth and scores of the room by the slab test of every ray with every box."""
    eye = T_map_camera[:3, 3]
    rays = camera.rays() @ T_map_camera[:3, :3].T
    depth = np.full(rays.shape[:2], np.inf)
    which = np.full(rays.shape[:2], -1)
    boxes = room_boxes()
    with np.errstate(divide="ignore", invalid="ignore"):
        for index, (low, high, _) in enumerate(boxes):
            a, b = (np.array(low) - eye) / rays, (np.array(high) - eye) / rays
            near, far = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
            hit = (near < far) & (near > 0.05) & (near < depth)
            depth[hit], which[hit] = near[hit], index
    kinds = np.array([box[2] for box in boxes])
    tints = np.array([[190, 185, 170]] * 4 + [[150, 110, 80], [190, 185, 170]] + [[90, 100, 130]] * 8)
    rgb = np.where((which >= 0)[..., None], tints[which], 0).astype(np.uint8)
    scores = np.zeros((*which.shape, len(CATEGORIES)), dtype=np.uint8)
    rows, cols = np.nonzero((which >= 0) & (kinds[which] >= 0))
    scores[rows, cols, kinds[which[rows, cols]]] = 246
    return rgb, np.where(np.isfinite(depth), depth, 0).astype(np.float32), scores


def walk() -> list[list[float]]:
    """Poses x, y, yaw of a short way with a look around at each end."""
    poses = [[0.0, 0.0, k * np.pi / 6] for k in range(12)]
    poses += [[0.25 * k, -0.1 * k, -0.4] for k in range(1, 7)]
    return poses + [[1.5, -0.6, -0.4 + k * np.pi / 6] for k in range(1, 13)]


def room_map(width: int = 80) -> VoxelMap:
    camera = Camera.from_hfov(width, width * 3 // 4, np.radians(79))
    voxel_map = VoxelMap()
    for step, (x, y, yaw) in enumerate(walk()):
        T = planar_pose(x, y, yaw) @ camera_mounting(0.88)
        rgb, depth, scores = see(camera, T)
        voxel_map.integrate(Frame(step * 100_000_000, rgb, depth, camera, T), scores)
    return voxel_map


# --- a run folder ----------------------------------------------------------------------------------------------------


def home_metrics(shift: float) -> dict[str, Any]:
    rows = {}
    for i, (row, box) in enumerate(zip(ROWS, (34.13, 36.27, 39.84, 43.76, 58.92), strict=True)):
        box += shift
        rows[row] = {
            "box_ap50": box,
            "mask_ap50": box - 4.31,
            "box_ap50_interval": [box - 3.21, box + 3.12],
            "mask_ap50_interval": [box - 8.02, box - 0.97],
            "per_category": {
                name: {"box_ap50": box + 7 * j - 15.5 + i, "mask_ap50": box + 6 * j - 19.7}
                for j, name in enumerate(CATEGORIES)
            },
        }
    labels = {
        row: {
            "precision": 0.8437 - 0.07 * i,
            "recall": 0.6012 - 0.05 * i,
            "pixel_precision": 0.911,
            "pixel_recall": 0.7023,
            "per_category": {
                name: {"precision": 0.9 - 0.031 * j, "recall": 0.7 - 0.041 * j, "instances": 113 - 17 * j}
                for j, name in enumerate(CATEGORIES)
            },
            "errors": {"background": 12 + i, "wrong category": 3, "localisation": 4, "duplicate": 1},
        }
        for i, row in enumerate(("label_prop", "label_prop_paper", "self_training"))
    }
    return {
        "rows": rows,
        "labels": labels,
        "coverage": {"reachable_seen": 0.9312, "explored_m2": 55.24},
        "timings": {"perception": 71.34},
        "stages": {"explore": 81.2, "labels label_prop": 17.6, "fine-tune label_prop": 121.4},
    }


def make_run(folder: Path, homes: tuple[str, ...] = ("test_01",), width: int = 80) -> dict[str, Any]:
    """Write a whole run folder; return its metrics."""
    metrics: dict[str, Any] = {
        "format": 1,
        "seed": 0,
        "preset": "laptop",
        "homes": {home: home_metrics(1.7 * i) for i, home in enumerate(homes)},
        "mean": {key: home_metrics(0.9)[key] for key in ("rows", "labels")},
    }
    write_json(folder / "metrics.json", metrics)
    versions = {"commit": "abc1234def", "numpy": np.__version__}
    write_json(folder / "config.json", {"seed": 0, "demo": {"steps": 30, "policy": "frontier"}, "versions": versions})
    voxel_map, poses = room_map(width), walk()
    camera = Camera.from_hfov(2 * width, 2 * width * 3 // 4, np.radians(79))
    for home in homes:
        voxel_map.save(folder / home / "map.npz")
        write_json(
            folder / home / "trajectory.json",
            {"poses": poses, "goals": [[0, 1.4, -0.5], [25, 0.3, -1.6]], "actions": [1] * (len(poses) - 1)},
        )
        steps = list(range(len(poses)))
        write_json(
            folder / home / "status.json",
            {
                "step": steps,
                "confident_voxels": [round(4200 * (1 - 0.9**k)) for k in steps],
                "explored_m2": [round(26.4 * (1 - 0.86**k), 2) for k in steps],
                "ms": {"map update": [6.21, 9.73], "plan": [2.84, 14.15], "goal": [11.02, 13.9]},
            },
        )
        for number, index in enumerate((3, 16, 20, 26)):
            rgb, _, scores = see(camera, planar_pose(*poses[index]) @ camera_mounting(0.88))
            painted = np.where(scores.max(-1, keepdims=True) > 0, COLOURS[scores.argmax(-1)], rgb).astype(np.uint8)
            for kind, picture in (("before", rgb), ("label", painted), ("after", painted), ("truth", painted)):
                path = folder / home / "samples" / f"{number:03d}_{kind}.png"
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(picture).save(path)
    return metrics


@pytest.fixture(scope="module", autouse=True)
def _small_picture() -> Iterator[None]:
    """The picture of the map in the page, drawn small: the tests write a dozen pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "PICTURE", CubeView(width=240))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("run")
    metrics = make_run(folder)
    return folder, metrics, write_report(folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def voxels() -> Voxels:
    voxel_map = room_map()
    return Voxels.from_cloud(voxel_map.voxels(), voxel_map.config.voxel_m)


def text_of(page: str) -> str:
    """What a reader sees: no scripts, styles or tags."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def cells_of_row(page: str, title: str) -> list[str]:
    """The bold figures of the AP table's row."""
    table = re.search(r'<table class="ap">(.*?)</table>', page, re.S)
    assert table
    row = next(row for row in re.findall(r"<tr class.*?</tr>", table[1], re.S) if f"<th>{title}" in row)
    return re.findall(r"<b>(.*?)</b>", row) + re.findall(r'class="num change \w+">(.*?)</td>', row)


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("pretrained", "Before"),
        ("self_training", "Self-training"),
        ("label_prop_paper", "3DLabelProp, paper"),
        ("label_prop", "3DLabelProp<"),
        ("oracle", "True labels"),
    ],
)
def test_ap_table_shows_the_figures_of_metrics_json(run, key, title):
    _, metrics, page = run
    rows = metrics["homes"]["test_01"]["rows"]
    base, row = rows["pretrained"], rows[key]
    expected = [f"{row['box_ap50']:.1f}", f"{row['mask_ap50']:.1f}"]
    gains = [] if key == "pretrained" else [row[m] - base[m] for m in ("box_ap50", "mask_ap50")]
    expected += [f"+{gain:.1f}" for gain in gains] or ["", ""]
    assert cells_of_row(page, title) == expected
    low, high = row["box_ap50_interval"]
    assert f"{low:.1f} to {high:.1f}" in text_of(page)


def test_every_category_figure_and_label_figure_is_shown(run):
    _, metrics, page = run
    text, home = text_of(page), metrics["homes"]["test_01"]
    for row in home["rows"].values():
        for name, figures in row["per_category"].items():
            assert fixed(figures["box_ap50"]) in text and fixed(figures["mask_ap50"]) in text, name
    for labels in home["labels"].values():
        for share in (labels["precision"], labels["recall"], labels["pixel_recall"]):
            assert f"{100 * share:.1f}" in text
        for kind, count in labels["errors"].items():
            assert f"{kind} {count}" in text
    assert "43.8 box AP50" in text and "from 34.1" in text and "84.4 % of the labels" in text
    assert "93.1 %" in text and "6.2 9.7" in text and "121.4" in text and "71.3" in text


def test_nothing_is_loaded_from_outside(run):
    _, _, page = run
    assert not re.search(r"https?://|//[a-z0-9.-]+\.[a-z]{2,}/", page)
    for source in re.findall(r'\b(?:src|href)="([^"]*)"', page):
        assert source.startswith(("data:image/", "#")), source[:80]
    assert "@import" not in page and "url(" not in page and "fetch(" not in page
    assert len(page) < 12e6


def test_pictures_and_viewer_are_in_the_page(run):
    _, _, page = run
    assert page.count("data:image/jpeg;base64,") == 16
    assert "Ground truth (evaluation only)" in page
    assert page.count('class="curve"') == 2
    pack = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.S)[1])
    assert pack["count"] > 3000 and len(pack["path"]) == len(walk())


def test_the_same_folder_gives_the_same_bytes(run):
    folder, _, page = run
    assert write_report(folder).read_text(encoding="utf-8") == page


def test_several_homes_have_tabs_and_the_mean(tmp_path):
    make_run(tmp_path, ("test_01", "test_02"), width=40)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert len(re.findall(r'<button role="tab"', page)) == 2 and "Mean of 2 homes" in page
    assert "On average over 2 homes, the detector rose from 35.0 to 44.7" in text_of(page)


def test_an_empty_folder_gives_a_page_without_figures(tmp_path):
    page = write_report(tmp_path).read_text(encoding="utf-8")
    text = text_of(page)
    assert "This report is partial." in text and "config.json is missing" in text and "metrics.json is missing" in text
    assert "not finished" in text and "<table" not in page and "data:image" not in page


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda home: (home / "map.npz").unlink(), "map.npz is missing"),
        (lambda home: (home / "map.npz").write_bytes(b"PK broken"), "map.npz cannot be read"),
        (lambda home: (home / "status.json").write_text("{"), "status.json cannot be read"),
        (lambda home: (home / "trajectory.json").write_text("[1]"), "trajectory.json must hold an object"),
        (lambda home: (home / "samples/000_label.png").write_bytes(b"no"), "000_label.png cannot be read"),
        (lambda home: (home / "samples/000_label.png").unlink(), "missing"),
    ],
)
def test_a_damaged_home_is_reported_and_the_rest_shown(run, tmp_path, damage, said):
    shutil.copytree(run[0], tmp_path / "run")
    damage(tmp_path / "run" / "test_01")
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert said in text_of(page)
    assert cells_of_row(page, "3DLabelProp<")[0] == "43.8"


def test_labels_in_the_form_of_label_quality_are_understood(tmp_path):
    part = {"instance_precision": 0.8125, "instance_recall": 0.4375, "pixel_precision": None, "predicted": 17}
    whole = {**part, "errors": {"background": 5, "poor localisation": 2}}
    labels = {"label_prop": {"frames": 3, "overall": whole, "per_category": {"chair": {**part, "predicted": 11}}}}
    write_json(tmp_path / "metrics.json", {"homes": {"h": {"rows": {}, "labels": labels}}})
    text = text_of(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "3DLabelProp 81.2 43.8 – – background 5 poor localisation 2" in text and "chair 81.2 43.8 11" in text


def test_missing_and_nonsense_figures_are_dashes(tmp_path):
    rows = {"pretrained": {"box_ap50": 31.0}, "label_prop": {"box_ap50": float("nan"), "mask_ap50": "high"}}
    (tmp_path / "metrics.json").write_text(json.dumps({"homes": {"h": {"rows": rows, "labels": {"label_prop": None}}}}))
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert cells_of_row(page, "3DLabelProp<") == ["–", "–", "–", "–"]
    assert "fine-tuned one is not measured yet" in text_of(page)
    assert "nan" not in text_of(page).lower()


def test_names_cannot_inject_html(tmp_path):
    evil = "<img src=x onerror=alert(1)>"
    rows = {"pretrained": {"box_ap50": 1.0, "per_category": {evil: {"box_ap50": 2.0}}}, evil: {"box_ap50": 3.0}}
    labels = {"label_prop": {"precision": 0.5, "errors": {evil: 3}, "per_category": {evil: {"precision": 0.1}}}}
    write_json(tmp_path / "metrics.json", {"preset": evil, "homes": {evil: {"rows": rows, "labels": labels}}})
    write_json(tmp_path / "config.json", {evil: {evil: evil}})
    write_json(tmp_path / evil / "status.json", {"step": [0, 1], "explored_m2": [0, 1], "ms": {evil: [1, 2]}})
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert evil not in page and "<img src=x" not in page
    assert page.count(html.escape(evil)) >= 8


def test_a_home_named_like_a_path_reads_no_other_folder(tmp_path):
    make_run(tmp_path / "other", width=40)
    write_json(tmp_path / "run/metrics.json", {"homes": {"../other/test_01": home_metrics(0)}})
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "data:image" not in page and "43.8" in page


def test_no_folder_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        write_report(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(34.1, 41.2, "rose from 34.1 to 41.2"), (34.1, 30.0, "fell from 34.1 to 30.0"), (34.1, 34.12, "stayed at 34.1")],
)
def test_headline_says_what_happened(before, after, words):
    figures = {"rows": {"pretrained": {"box_ap50": before}, "label_prop": {"box_ap50": after}}, "labels": {}}
    assert words in headline(figures, "test_01")


def test_numbers_have_true_signs():
    assert [fixed(-3.24), fixed(-0.01), signed(2.0), signed(-1.26), signed(0.02), fixed(None)] == [
        "−3.2", "0.0", "+2.0", "−1.3", "0.0", "–"
    ]  # fmt: skip


# --- pictures of the map ---------------------------------------------------------------------------------------------


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
