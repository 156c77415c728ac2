# SPDX-License-Identifier: Apache-2.0
"""`seal map build`: a bag becomes a folder of map, PLY, pictures and page; whole or not at all."""

from __future__ import annotations

import html
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.bringup.report.report_runs import see, walk
from tests.mapping.worlds import FINE, frame

from seal_bringup.cli import app as cli
from seal_bringup.evaluation.map_check import check_maps, held, stops, traced_depth
from seal_bringup.experiments import room_picture
from seal_bringup.jobs import map_folder
from seal_bringup.jobs.map_folder import MapJob, build_map_folder
from seal_bringup.report import depth_pictures
from seal_bringup.report.cubes import CubeView
from seal_bringup.report.depth_pictures import NOTHING, OUTSIDE, depth_colours, difference_colours, frame_panels
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.writer import BagWriter, write_frame
from seal_mapping.labels.config import PAPER
from seal_mapping.labels.propagate import propagate
from seal_mapping.labels.raytrace import trace_image
from seal_mapping.source import BagFrame
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.io import load_map
from seal_mapping.voxels.kernels import filter_edges
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.camera import Camera
from seal_perception.dataset import Annotation
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, planar_pose
from seal_perception.reading.text import read_json

CAMERA = Camera.from_hfov(96, 72, np.radians(79))
NAME = "room <b>x"


def found_in(scores):
    """Detections that say what is there."""
    masks = [(c, scores[..., c] > 0) for c in range(scores.shape[2]) if (scores[..., c] > 0).sum() > 8]
    return Detections(
        np.array([Annotation(c, mask).box() for c, mask in masks], np.float32).reshape(-1, 4),
        np.array([c for c, _ in masks], np.int64),
        np.full(len(masks), 0.97, np.float32),
        np.array([mask for _, mask in masks], bool).reshape(len(masks), CAMERA.height, CAMERA.width),
    )


def room_frames():
    for step, (x, y, yaw) in enumerate(walk()):
        T = planar_pose(x, y, yaw) @ camera_mounting(0.88)
        rgb, depth, scores = see(CAMERA, T)
        yield BagFrame(step, Frame(step * 100_000_000, rgb, depth, CAMERA, T), found_in(scores))


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    """(with detections, without) of a walk through the small room."""
    base, mounting = tmp_path_factory.mktemp("bags"), camera_mounting(0.88)
    with BagWriter(base / NAME) as told, BagWriter(base / "bare") as bare:
        for item, (x, y, yaw) in zip(room_frames(), walk(), strict=True):
            shot = (item.frame.stamp_ns, item.frame.rgb, item.frame.depth, CAMERA, planar_pose(x, y, yaw), mounting)
            write_frame(told, *shot, item.detections)
            write_frame(bare, *shot, None)
    return base / NAME, base / "bare"


@pytest.fixture(scope="module", autouse=True)
def _small_pictures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(map_folder, "VIEW", CubeView(width=240, colour="rgb"))
        yield


@pytest.fixture
def seal(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["seal", "map", "build", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = capsys.readouterr()
        return code, shown.out, " ".join(shown.err.split())

    return run


def text_of(page):
    page = re.sub(r"<(script|style|title)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_a_bag_becomes_a_folder(seal, bags, tmp_path):
    out = tmp_path / "out"
    code, said, _ = seal(bags[0], "--out", out, "--min-views", 1, "--min-height", -0.2, "--range-weight", 0, "--check")
    assert code == 0 and "colour: /camera/color/image_raw" in said and "30 frames, 30 with detections" in said
    facts, voxel_map = read_json(out / "map.json"), load_map(out / "map.npz")
    cloud = voxel_map.voxels()
    assert facts["frames"] == voxel_map.frames == 30 and facts["voxels"] == facts["occupied"] == len(cloud) > 3000
    assert f"element vertex {len(cloud)}\n".encode() in (out / "map.ply").read_bytes()[:4000]
    names = [row["file"] for row in facts["pictures"]]
    assert names[:3] == ["slanted.png", "slanted_back.png", "above.png"] and len(names) == 7
    assert sorted(path.name for path in (out / "pictures").iterdir()) == sorted(names)
    check = facts["check"]
    assert check["precise"] > 0.9 and sum(check[k] for k in ("precise", "early", "late", "no_hit")) == pytest.approx(1)
    page = (out / "report.html").read_text(encoding="utf-8")
    text = text_of(page)
    assert f"{facts['occupied']} voxels and {facts['explored_area_m2']:.1f} m² of 30 frames" in text
    assert f"{100 * check['precise']:.1f}" in text and NAME in text and NAME not in page
    for item in facts["instances"]:
        assert f"{item['category']} {item['id']} {item['score']:.2f}" in text
    assert {item["category"] for item in facts["instances"]} >= {"chair", "couch", "potted plant"}
    for source in re.findall(r'\b(?:src|href)="([^"]*)"', page):
        assert source.startswith(("data:image/", "#")), source[:80]
    pack = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.S)[1])
    assert pack["mode"] == "rgb" and pack["total"] >= len(cloud) and len(pack["path"]) == 30


def test_without_detections_there_is_shape_and_colour(seal, bags, tmp_path):
    code, said, _ = seal(bags[1], "--out", tmp_path / "out", "--every", 3, "--min-views", 1, "--max-height", 1.5)
    assert code == 0 and "10 frames, 0 with detections" in said
    facts, page = read_json(tmp_path / "out" / "map.json"), (tmp_path / "out" / "report.html").read_text("utf-8")
    assert facts["instances"] == [] and facts["check"] is None and facts["map_config"]["max_height_m"] == 1.5
    assert not (tmp_path / "out" / "objects.npz").exists() and '<section id="objects">' not in page
    assert load_map(tmp_path / "out" / "map.npz").confident_count == 0


def test_what_is_refused(seal, bags, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for words, error in (
        ((bags[1], "--out", tmp_path / "mine"), "holds something that is no map"),
        ((bags[1], "--out", tmp_path / "mine" / "letter.txt"), "is a file"),
        ((tmp_path / "none", "--out", tmp_path / "a"), "none"),
        ((bags[1], "--out", tmp_path / "a", "--min-height", 5, "--max-height", 6), "0% of the readings"),
        ((bags[1], "--out", tmp_path / "a", "--min-height", 3), "need min_height_m < max_height_m"),
    ):
        code, _, said = seal(*words)
        assert code == 1 and error in said.replace("- ", "-"), said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_the_folder_appears_whole_or_not_at_all(bags, tmp_path, monkeypatch):
    job = MapJob(tmp_path / "out", MapConfig(), 1)
    source = open_bag(bags[1])
    with monkeypatch.context() as patch:
        patch.setattr(map_folder, "write_map_report", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            build_map_folder(source, job)
        assert list(tmp_path.iterdir()) == []
        build = MapJob(tmp_path / "out", MapConfig(voxel_m=0.1), 1, overwrite=True)
        patch.undo()
        build_map_folder(source, build)
        with pytest.raises(InputError, match="add --overwrite"):
            build_map_folder(source, job)
        patch.setattr(map_folder, "write_map_report", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            build_map_folder(source, MapJob(tmp_path / "out", MapConfig(), 1, overwrite=True))
    assert read_json(tmp_path / "out" / "map.json")["map_config"]["voxel_m"] == 0.1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def plain_check(even, odd, config, min_views):
    """One row of the check with every error in memory; the reference of `check_maps`."""
    voxel_map = VoxelMap(config)
    kept = readings = 0
    for item in even:
        voxel_map.integrate(item.frame, None)
        depth = item.frame.depth
        left = filter_edges(depth, config.edge_filter) if config.edge_filter > 0 else depth
        readings += int(_in_range(depth, 0.5, 5.0).sum())
        kept += int(_in_range(left, config.min_depth_m, config.max_depth_m).sum())
    volume = propagate(voxel_map, replace(PAPER, min_views=min_views))
    errors = []
    for item in odd:
        valid = _in_range(item.frame.depth, 0.5, 5.0)
        _, traced = trace_image(volume, item.frame.camera, item.frame.T_map_camera, 6.0)
        hit = traced[valid] > 0
        error = np.full(hit.shape, np.nan, np.float32)
        error[hit] = traced[valid][hit] + 0.5 * config.voxel_m - item.frame.depth[valid][hit]
        errors.append(error)
    error = np.concatenate(errors)
    hit = np.isfinite(error)
    return {
        "precise": float((np.abs(error[hit]) <= 0.1).sum() / len(error)),
        "early": float((error[hit] < -0.1).sum() / len(error)),
        "late": float((error[hit] > 0.1).sum() / len(error)),
        "no_hit": float((~hit).mean()),
        "median_error_m": float(np.median(error[hit])),
        "kept": kept / readings,
        "voxels": int(voxel_map.voxels().occupied(min_views).sum()),
        "memory_mb": voxel_map.nbytes / 1e6,
        "pixels": len(error),
    }


def _in_range(depth, low, high):
    return np.isfinite(depth) & (depth >= low) & (depth <= high)


def test_the_streamed_check_is_the_plain_one():
    items = list(room_frames())
    plain = MapConfig(min_height_m=-0.5, max_height_m=3.5)
    fine = MapConfig(min_height_m=-0.5, max_height_m=3.5, max_depth_m=3.0, edge_filter=0.05)
    rows = {"a": (plain, 1), "b": (plain, 2), "c": (fine, 1)}
    ticks = []
    got = check_maps(items, rows, plain, lambda done, total: ticks.append((done, total)))
    assert ticks[-1] == (120, 120) and list(got) == ["a", "b", "c"]
    for name, (config, views) in rows.items():
        expected = plain_check(items[::2], items[1::2], config, views)
        assert got[name].pop("median_error_m") == pytest.approx(expected.pop("median_error_m"), abs=0.001)
        assert got[name] == pytest.approx(expected, abs=1e-12)


def test_a_check_needs_frames_and_readings():
    items = list(room_frames())[:2]
    with pytest.raises(InputError, match="two frames or more, got 1"):
        check_maps(items[:1], {"a": (MapConfig(), 1)}, MapConfig())
    high = MapConfig(min_height_m=8.0, max_height_m=9.0)
    with pytest.raises(InputError, match="nothing can be compared"):
        check_maps(items, {"a": (high, 1)}, high)


def test_held_knows_range_and_height():
    """A camera 0.88 m high that looks level: what lies 2 m ahead is as high as its row says."""
    item = frame(2.0)
    rows = 0.88 - 2.0 * (np.arange(24) - item.camera.cy) / item.camera.fy
    config = MapConfig(min_height_m=0.0, max_height_m=1.0)
    assert (held(item, config) == ((rows >= 0.0) & (rows <= 1.0))[:, None]).all()
    for depth in (0.0, np.nan, np.inf, 0.4, 5.1):
        assert not held(frame(depth), config).any()


def test_a_wall_seen_again_is_where_it_was():
    shot = frame(2.0, camera=FINE, rgb=np.full((96, 128, 3), (200, 40, 90), np.uint8))
    voxel_map = VoxelMap(MapConfig(min_height_m=-3.0, max_height_m=4.0))
    voxel_map.integrate(shot, None)
    volume = stops(voxel_map, 1)
    traced = traced_depth(volume, shot, 5.0)
    assert (np.abs(traced - 2.0) <= 0.05).all()
    panels, precise = frame_panels(voxel_map, volume, shot)
    assert precise == 1.0 and (panels[1] == (200, 40, 90)).all()
    moved = frame(1.0, camera=FINE)  # the sensor now says 1 m: the map is a metre farther
    panels, precise = frame_panels(voxel_map, volume, moved)
    assert precise == 0.0 and (panels[4] == np.rint(depth_pictures.FARTHER)).all()
    panels, _ = frame_panels(voxel_map, volume, frame(0.0, camera=FINE))
    assert (panels[4] == OUTSIDE).all() and (panels[2] == NOTHING).all()


def test_colours_of_depth_and_difference():
    assert difference_colours(np.array([0.0, -0.3, 0.3, -9.0], np.float32)).tolist() == [
        [255, 255, 255], [24, 92, 196], [205, 44, 36], [24, 92, 196],
    ]  # fmt: skip
    picture = depth_colours(np.array([[0.0, np.nan, np.inf, 0.1, 4.9]], np.float32), 5.0)[0]
    assert (picture[:3] == NOTHING).all() and picture[3, 0] > picture[4, 0] + 100  # near is yellow, far violet


def test_the_picture_from_above_is_the_right_way_up(bags, tmp_path):
    """x to the right, y up, 110 pixels a metre, 0.4 m of paper around: couch, bed and bare floor are where they are."""
    build_map_folder(open_bag(bags[1]), MapJob(tmp_path / "out", MapConfig(), 1))
    picture = np.asarray(Image.open(tmp_path / "out" / "pictures" / "above.png").convert("RGB")).astype(int)

    def at(x, y):
        return picture[round(len(picture) - (y + 2.625 + 0.4) * 110), round((x + 2.125 + 0.4) * 110)]

    for x, y in ((-1.0, 1.6), (3.0, 0.3)):  # bed, couch
        assert (abs(at(x, y) - (90, 100, 130)) < 8).all()
    for x, y in ((-1.0, -1.6), (3.0, 1.8), (-1.3, 0.5)):  # mirrored: floor, which so few rays leave holes in
        assert not (abs(at(x, y) - (90, 100, 130)) < 8).all()


def test_the_docs_picture_shows_the_map_and_no_photograph(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGBA", (400, 200), (0, 0, 0, 0)).save(tmp_path / "pictures" / "slanted_back.png")
    green, blue = (np.full((90, 160, 3), colour, np.uint8) for colour in ((0, 200, 0), (0, 0, 200)))
    frame_png = depth_pictures.frame_picture([green, blue, blue, blue, blue], "frame 7", 5.0)
    Image.fromarray(frame_png).save(tmp_path / "pictures" / "frame_000007.png")
    assert (np.abs(frame_png.astype(int) - (0, 200, 0)).sum(axis=2) < 9).any()
    picture = np.asarray(room_picture.draw(tmp_path, 7)).astype(int)
    assert not (np.abs(picture - (0, 200, 0)).sum(axis=2) < 60).any()
    share = (np.abs(picture - (0, 0, 200)).sum(axis=2) < 9).sum() / picture[..., 0].size
    panels = 4 * 360 * round(360 * 90 / 160) / (1096 * (548 + 14 + len(frame_png)))
    assert share == pytest.approx(panels, rel=0.02)
    with pytest.raises(InputError, match="frame_000009.png is not there; the folder has frame_000007.png"):
        room_picture.draw(tmp_path, 9)
