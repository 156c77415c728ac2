# SPDX-License-Identifier: Apache-2.0
"""The page of a folder of labels: figures are those of labels.json, nothing is loaded, names cannot inject."""

from __future__ import annotations

import html
import json
import re
import shutil

import numpy as np
import pytest
from tests.bringup.report.report_runs import see, walk

from seal_bringup.report import label_report, write_report
from seal_bringup.report.charts import histogram
from seal_bringup.report.cubes import CubeView
from seal_bringup.report.label_folder import judge, read_labels
from seal_bringup.report.label_gallery import denied, outline, spread, worst
from seal_bringup.report.label_report import write_label_report
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.config import LabelConfig
from seal_mapping.source import BagFrame
from seal_perception.camera import Camera
from seal_perception.categories import CATEGORIES
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.evaluation.label_quality import label_quality
from seal_perception.files import write_json
from seal_perception.frame import Frame
from seal_perception.pose import camera_mounting, planar_pose
from seal_perception.reading.text import read_json

CAMERA = Camera.from_hfov(96, 72, np.radians(79))
HOSTILE = "<script>alert(1)</script>"


def recorded(step, truth):
    """A frame of the room; the detector sees the bed only in every second frame, and the couch never."""
    x, y, yaw = walk()[step]
    T = planar_pose(x, y, yaw) @ camera_mounting(0.88)
    rgb, depth, scores = see(CAMERA, T)
    masks = {c: scores[..., c] > 0 for c in range(len(CATEGORIES)) if (scores[..., c] > 0).sum() > 8}
    truth.append((rgb, masks))
    seen = {c: mask for c, mask in masks.items() if c != 1 and (c != 3 or step % 2)}
    boxes = np.array([Annotation(c, mask).box() for c, mask in seen.items()], np.float32).reshape(-1, 4)
    shape = (len(seen), *depth.shape)
    found = Detections(
        boxes, np.array(list(seen), np.int64), np.full(len(seen), 0.95, np.float32),
        np.array(list(seen.values())).reshape(shape).astype(bool),
    )  # fmt: skip
    return BagFrame(step, Frame(step * 100_000_000, rgb, depth, CAMERA, T), found)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """(labels, self-training labels, true labels) of one walk through the room."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_report, "PICTURE", CubeView(width=240))
        base, truth = tmp_path_factory.mktemp("labels"), []
        items = [recorded(step, truth) for step in range(len(walk()))]
        config = LabelConfig(rule="instance_vote", agreement=0.2, agreement_min_views=1, min_instance_m3=0.005)
        write_dataset(items, LabelProp(config), DatasetWork(base / "labels", workers=1))
        write_dataset(items, SelfTraining(), DatasetWork(base / "own", workers=1))
        with DatasetWriter(base / "truth") as writer:
            for rgb, masks in truth:
                writer.add(rgb, [Annotation(c, mask) for c, mask in masks.items()])
        yield base / "labels", base / "own", base / "truth"


@pytest.fixture
def labels(folders, tmp_path):
    shutil.copytree(folders[0], tmp_path / "labels")
    return tmp_path / "labels"


def text_of(page):
    page = re.sub(r"<(script|style|title)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def rows_of(page, section):
    """First cell -> the others, of the first table in a section."""
    part = page[page.index(f'<section id="{section}">') :]
    body = re.search(r"<tbody>(.*?)</tbody>", part, re.S)[1]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in body.split("</tr>") if "<td" in row]
    return {text_of(cells[0]).strip(): [text_of(cell).strip() for cell in cells[1:]] for cells in rows}


def test_figures_are_those_of_labels_json(labels):
    page = write_label_report(labels).read_text(encoding="utf-8")
    summary, rows = read_json(labels / "labels.json"), read_json(labels / "annotations.json")["annotations"]
    assert summary["annotations"] > 20 and len(summary["instances"]) >= 2
    objects = rows_of(page, "objects")
    assert len(objects) == len(summary["instances"])
    for item in summary["instances"]:
        cells = objects[f"{item['category']} {item['id']}"]
        assert cells[0] == str(sum(row["instance"] == item["id"] for row in rows))
        assert cells[1:4] == [f"{item['score']:.2f}", f"{item['support']:.0f}", f"{item['views']:.0f}"]
        assert cells[4:6] == [f"{100 * item['seen']:.0f}", str(item["voxels"])]
        assert cells[6] == " × ".join(f"{side:.2f}" for side in item["size_xyz"])
    categories = rows_of(page, "categories")
    assert list(categories) == list(CATEGORIES)
    for name, count in summary["annotations_per_category"].items():
        row = summary["self_consistency"].get(name)
        assert categories[name][0] == str(count)
        assert categories[name][1] == str(sum(item["category"] == name for item in summary["instances"]))
        if row is not None:
            assert categories[name][2:4] == [f"{100 * row['confirmed']:.1f}", f"{row['score']:.2f}"]
        else:
            assert categories[name][2:] == ["–", "–", "–"]
    text = text_of(page)
    assert f"{summary['annotations']} labels in {summary['labelled_frames']} of {summary['frames']} frames" in text
    assert "It is no truth" in text and "Against the truth" not in text
    assert {item["category"] for item in summary["instances"]} <= {"chair", "potted plant", "bed", "tv"}


def test_what_was_considered_and_not_labelled_is_listed_with_the_reason(labels):
    summary = read_json(labels / "labels.json")
    assert summary["considered"] and all(bool(row["label"]) != bool(row["why"]) for row in summary["considered"])
    known = {item["id"]: item["category"] for item in summary["instances"]}
    assert all(known[row["label"]] == row["category"] for row in summary["considered"] if row["label"])
    row = {**summary["considered"][0], "category": "toilet", "overlap": 0.25, "label": 0, "why": "too <odd>"}
    write_json(labels / "labels.json", {**summary, "considered": [*summary["considered"], row]})
    page = write_label_report(labels).read_text(encoding="utf-8")
    shown = rows_of(page, "considered")
    assert len(shown) == len({r["category"] for r in [*summary["considered"], row] if not r["label"]})
    assert shown["toilet"][0] == "0.25" and shown["toilet"][-1] == "too <odd>" and "<odd>" not in page
    write_json(labels / "labels.json", {key: value for key, value in summary.items() if key != "considered"})
    assert 'id="considered"' not in write_label_report(labels).read_text(encoding="utf-8"), "labels of earlier versions"


def test_the_viewer_shows_objects_not_single_voxels(labels):
    page = write_label_report(labels).read_text(encoding="utf-8")
    pack = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.S)[1])
    voxels = read_labels(labels).voxels
    assert pack["total"] == len(voxels) and pack["confident"] == 0 and pack["path"] == []
    objects = {CATEGORIES.index(item["category"]) for item in read_json(labels / "labels.json")["instances"]}
    assert set(np.unique(voxels.label)) == objects | {-1}
    assert (voxels.score[voxels.label < 0] == 0).all() and (voxels.score[voxels.label >= 0] > 0).all()


def test_truth_marks_what_is_right(labels, folders):
    truth = CocoDataset(folders[2])
    page = write_label_report(labels, truth).read_text(encoding="utf-8")
    quality, verdicts = label_quality(CocoDataset(labels), truth), judge(CocoDataset(labels), truth)
    kinds = list(verdicts.kind.values())
    assert len(kinds) == quality["overall"]["predicted"] and kinds.count("right") == quality["overall"]["right"]
    for kind, count in quality["overall"]["errors"].items():
        assert kinds.count(kind) == count and f"{kind} {count}" in text_of(page)
    lost = sum(len(rows) for rows in verdicts.missed.values())
    assert lost == quality["overall"]["true"] - quality["overall"]["right"] > 0
    table = rows_of(page, "truth")
    for name, row in [("all", quality["overall"]), *quality["per_category"].items()]:
        shares = (row[key] for key in ("instance_precision", "instance_recall", "pixel_precision", "pixel_recall"))
        assert table[name][:4] == ["–" if share is None else f"{100 * share:.1f}" for share in shares]
        assert table[name][4:] == [str(row[key]) for key in ("predicted", "right", "true")]
    assert "no label for a true couch" in page and 'class="missed"' in page
    assert "used by this evaluation alone" in text_of(page)


def test_what_the_truth_does_not_know_is_not_judged(labels, folders, tmp_path):
    shutil.copytree(folders[2], tmp_path / "truth")
    document = read_json(tmp_path / "truth" / "annotations.json")
    document["categories"] = [row for row in document["categories"] if row["name"] != "bed"]
    document["annotations"] = [row for row in document["annotations"] if row["category_id"] != 4]
    write_json(tmp_path / "truth" / "annotations.json", document)
    truth, dataset = CocoDataset(tmp_path / "truth"), CocoDataset(labels)
    assert truth.not_in_file == ("bed",)
    quality, kinds = label_quality(dataset, truth), judge(dataset, truth).kind
    beds = {row["id"] for n in range(len(dataset)) for row in dataset.rows(n) if row["category_id"] == 4}
    assert beds and not beds & set(kinds) and len(kinds) == quality["overall"]["predicted"] > 0
    for kind, count in quality["overall"]["errors"].items():
        assert list(kinds.values()).count(kind) == count
    page = write_label_report(labels, truth).read_text(encoding="utf-8")
    objects = rows_of(page, "objects")
    assert all((cells[1] == "–") == name.startswith("bed") for name, cells in objects.items())
    assert "not judged: bed" in page and "right: bed" not in page and ", not judged" in text_of(page)


def test_truth_of_other_pictures_is_refused(labels, folders, tmp_path):
    with DatasetWriter(tmp_path / "one") as writer:
        writer.add(np.zeros((72, 96, 3), np.uint8))
    with pytest.raises(InputError, match="must hold the same ids"):
        write_label_report(labels, CocoDataset(tmp_path / "one"))


def test_nothing_is_loaded_from_outside(labels):
    page = write_label_report(labels).read_text(encoding="utf-8")
    for source in re.findall(r'\b(?:src|href)="([^"]*)"', page):
        assert source.startswith(("data:image/", "#")), source[:80]
    assert "@import" not in page and "url(" not in page and "fetch(" not in page and "http" not in text_of(page)


def test_names_cannot_inject_html(labels):
    summary = read_json(labels / "labels.json")
    summary["rule"], summary["unused"] = HOSTILE, {HOSTILE: 3}
    summary["instances"][0]["category"] = HOSTILE
    summary["annotations_per_category"][HOSTILE] = 0
    summary["label_config"][HOSTILE] = '"><img src=x>'
    write_json(labels / "labels.json", summary)
    page = write_label_report(labels, source_lines=[f"colour: /{HOSTILE}"]).read_text(encoding="utf-8")
    assert HOSTILE not in page and "<img src=x>" not in page
    assert page.count(html.escape(HOSTILE)) >= 5 and f"colour: /{HOSTILE}" in text_of(page)


def test_own_detections_have_no_map(folders):
    page = write_label_report(folders[1]).read_text(encoding="utf-8")
    text = text_of(page)
    assert "each frame's own confident detections" in text and "Not there" not in text
    assert "data-viewer" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert '<section id="objects">' not in page and "tv, score 0.95" in text


@pytest.mark.parametrize(("name", "said"), [("map.npz", "no map is shown"), ("objects.npz", "without objects")])
def test_a_missing_map_is_said(labels, name, said):
    (labels / name).unlink()
    page = write_label_report(labels).read_text(encoding="utf-8")
    assert said in text_of(page) and len(rows_of(page, "objects")) >= 2


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: shutil.rmtree(f), "not a folder"),
        (lambda f: (f / "annotations.json").unlink(), "incomplete"),
        (lambda f: (f / "labels.json").unlink(), "has no labels.json"),
        (lambda f: (f / "labels.json").write_text("{"), "not valid JSON"),
        (lambda f: (f / "labels.json").write_text("[]"), "must be a table of labels"),
        (lambda f: (f / "labels.json").write_text('{"format": "seal_labels", "instances": 3}'), "must be a list"),
        (lambda f: (f / "map.npz").write_bytes(b"PK"), "map.npz is not a readable map"),
        (lambda f: (f / "objects.npz").write_bytes(b"PK"), "objects.npz is not a readable table"),
        (lambda f: (f / "images" / "000003.png").unlink(), "000003.png is missing or broken"),
    ],
)
def test_a_broken_folder_is_one_line(labels, damage, said, monkeypatch):
    monkeypatch.setattr(label_report, "SHOTS", 100)
    damage(labels)
    with pytest.raises(InputError, match=said) as error:
        write_label_report(labels)
    assert "\n" not in str(error.value) and not (labels / "report.html").exists()


def test_frames_are_spread_and_the_doubtful_ones_found(labels):
    found = read_labels(labels)
    parts = spread(found, 5)
    assert [n // 6 for n in parts] == [0, 1, 2, 3, 4]
    doubtful = worst(found, 4, denied)
    assert doubtful and all(any(denied(row) > 0 for n, row in found.rows if n == at) for at in doubtful)
    assert all(b - a >= 2 for a, b in zip(doubtful, doubtful[1:], strict=False))
    assert not set(worst(found, 4, denied, but=doubtful)) & set(doubtful)
    assert [denied({"own_score": own}) for own in (0.0, 0.2, 0.5, 0.9)] == [1.0, 0.8, 0.0, 0.0] and denied({}) == 0.0


def test_outline_of_a_square():
    mask = np.zeros((9, 9), bool)
    mask[2:5, 3:8] = True
    corners = re.findall(r"([\d.]+) ([\d.]+)", outline(mask))
    assert sorted(corners) == [("3.5", "2.5"), ("3.5", "4.5"), ("7.5", "2.5"), ("7.5", "4.5")]


def test_histogram_counts_into_bins():
    page = str(histogram("x <1>", [("right", "a", [0.0, 0.1, 1.0, 7.0]), ("wrong", "b", [1.5])], [0.0, 1.0, 2.0]))
    assert 'title="0 to 1: 2 right, 0 wrong"' in page and 'title="1 to 2: 2 right, 1 wrong"' in page
    assert "tallest bar 3" in page and "x &lt;1&gt;" in page
    assert histogram("none", [("right", "a", [])], [0.0, 1.0]) == ""


def test_the_runs_report_shows_wrong_labels(folders, labels, tmp_path):
    """Right labels moved into another category are wrong, and the report of a run says so."""
    home = tmp_path / "run" / "test_01"
    write_json(tmp_path / "run" / "metrics.json", {"homes": {"test_01": {}}})
    shutil.copytree(labels, home / "labels_label_prop")
    shutil.copytree(folders[2], home / "labels_oracle")
    document = read_json(home / "labels_label_prop" / "annotations.json")
    kinds = judge(CocoDataset(labels), CocoDataset(folders[2])).kind
    for row in document["annotations"]:
        row["category_id"] = 5 if kinds[row["id"]] == "right" else row["category_id"]
    write_json(home / "labels_label_prop" / "annotations.json", document)
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert re.search(r"wrong category: toilet \d+, score", page) and "<h3>Wrong labels</h3>" in page
    (home / "labels_label_prop" / "labels.json").unlink()
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "<h3>Wrong labels</h3>" not in page and "no wrong labels are shown" in page
