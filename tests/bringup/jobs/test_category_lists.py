# SPDX-License-Identifier: Apache-2.0
"""Another list than the six from end to end: weights, bag, map, labels, report, the next weights, their figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from tests.mapping.worlds import wall_source
from tests.perception.toy_pictures import TINY
from typer.testing import CliRunner

from seal_bringup.cli import detect, label, learn
from seal_bringup.cli.map import map_facts
from seal_bringup.jobs import label_jobs
from seal_bringup.report import label_report
from seal_bringup.report.cubes import CubeView
from seal_bringup.stack.config import StackConfig
from seal_bringup.stack.node_specs import nodes_of
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.writer import BagWriter, write_frame
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.instance_ids import load_objects
from seal_mapping.source import Recording
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.io import load_map, save_map
from seal_mapping.voxels.resume import MisfitError, resume_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import CATEGORIES, SIX, CategorySet
from seal_perception.dataset import own_categories
from seal_perception.detector.facts import categories_of
from seal_perception.detector.model import build_model
from seal_perception.detector.weights import save_weights
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, invert

THREE = CategorySet(("refrigerator", "chair", "dining table"))


@pytest.fixture(scope="module", autouse=True)
def _small_pictures() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_report, "PICTURE", CubeView(width=240))
        yield


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random network for the three, which takes whatever it sees for a refrigerator."""
    torch.manual_seed(0)
    shape = replace(TINY, categories=THREE.names)
    network: Any = build_model(shape)
    with torch.no_grad():
        network.roi_heads.box_predictor.cls_score.bias[1] += 12.0  # 0 is the background
        network.roi_heads.mask_predictor.mask_fcn_logits.bias += 3.0
    path = tmp_path_factory.mktemp("weights") / "three.safetensors"
    save_weights(path, network, shape, {})
    return path


def write_bag(path: Path, lists: list[CategorySet | None]) -> Path:
    """A bag of the wall; per frame the list whose first category the wall was taken for, None = no detections."""
    mounting = camera_mounting(0.88)
    with BagWriter(path) as writer:
        for item, names in zip(wall_source(len(lists)), lists, strict=True):
            frame = item.frame
            pose = frame.T_map_camera @ invert(mounting)
            assert item.detections is not None
            found = None if names is None else replace(item.detections, names=names)
            stamp = frame.stamp_ns + item.index * 100_000_000
            write_frame(writer, stamp, frame.rgb, frame.depth, frame.camera, pose, mounting, found)
    return path


def run(*words: object) -> Any:
    app = typer.Typer()
    for module in (detect, label, learn):
        module.register(app)
    return CliRunner().invoke(app, list(map(str, words)))


def test_from_weights_over_map_and_labels_to_the_next_weights(weights: Path, tmp_path: Path) -> None:
    bag, labels = write_bag(tmp_path / "bag", [None] * 2), tmp_path / "labels"
    seen = run("detect", bag, "--weights", weights, "--count", 1, "--out", tmp_path / "seen")
    assert seen.exit_code == 0 and " refrigerator" in seen.output, seen.output
    assert json.loads((tmp_path / "seen/detections.json").read_text())["categories"] == THREE.table()
    made = run(
        "label", bag, "--redetect", "--weights", weights, "--rule", "paper", "--min-volume", 0.001, "--out", labels
    )
    assert made.exit_code == 0, (made.output, made.exception)
    assert own_categories(labels) == THREE and load_map(labels / "map.npz").config.names == THREE
    summary = json.loads((labels / "labels.json").read_text())
    assert list(summary["annotations_per_category"]) == list(THREE.names) and summary["annotations"] > 0
    assert {row["category"] for row in summary["instances"]} == {"refrigerator"} and "refrigerator" in made.output
    volume = load_objects(labels / "objects.npz")
    assert volume.names == THREE and volume.table()[0]["category"] == "refrigerator"
    assert [row["name"] for row in map_facts(labels / "map.npz")["categories"]] == list(THREE.names)
    page = (labels / "report.html").read_text()
    assert "refrigerator" in page and "dining table" in page and "potted plant" not in page
    tuned = tmp_path / "tuned.safetensors"
    sizes = ("--iterations", 1, "--learning-rate", 1e-5)
    learnt = run("finetune", labels, "--weights", weights, "--out", tuned, *sizes)
    assert learnt.exit_code == 0, (learnt.output, learnt.exception)
    assert categories_of(tuned) == THREE
    measured = run("evaluate", labels, "--weights", tuned, "--json", tmp_path / "figures.json")
    assert measured.exit_code == 0 and "refrigerator" in measured.output, measured.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert (
        figures["per_category"]["refrigerator"]["instances"] == summary["annotations"] and "not_judged" not in figures
    )
    # The stack's map gets the list of the detector's file.
    nodes = {node.name: node.parameters for node in nodes_of(StackConfig(weights=str(tuned)))}
    assert nodes["mapping"]["map.categories"] == list(THREE.names) and nodes["mapping"]["map.num_categories"] == 3


def drawing(path: Path) -> Path:
    """A file in which somebody drew the wall of the bag's first frame and calls it a fridge."""
    outline = [[32.0, 24.0, 96.0, 24.0, 96.0, 72.0, 32.0, 72.0]]
    document = {
        "images": [{"id": 1, "file_name": "x.png", "stamp_ns": 10**9, "width": 128, "height": 96}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": outline, "iscrowd": 0}],
        "categories": [{"id": 1, "name": "fridge"}],
    }
    path.write_text(json.dumps(document))
    return path


def test_drawings_map_to_the_list_of_the_weights(weights: Path, tmp_path: Path, monkeypatch: Any) -> None:
    bag, drawn = write_bag(tmp_path / "bag", [None] * 2), drawing(tmp_path / "fridge.json")
    words = (bag, "--redetect", "--weights", weights, "--rule", "paper", "--min-volume", 0.001)
    hand = ("--annotations", drawn)
    for name, given in (
        ("own", ("--categories", "refrigerator,chair,dining table")),  # a list may be repeated
        ("mapped", (*hand, "--categories", "fridge=refrigerator")),
        ("both", (*hand, "--categories", "refrigerator,chair,dining table", "--categories", "fridge=refrigerator")),
    ):
        made = run("label", *words, *given, "--out", tmp_path / name)
        assert made.exit_code == 0, (made.output, made.exception)
        summary = json.loads((tmp_path / name / "labels.json").read_text())
        assert own_categories(tmp_path / name) == THREE and summary["annotations"] > 0
    rows = json.loads((tmp_path / "mapped/labels.json").read_text())["instances"]
    assert rows[0]["category"] == "refrigerator" and rows[0]["score"] == 1.0  # somebody drew it
    monkeypatch.setattr(label_jobs, "open_bag", None)  # what is wrong is said before the bag is read
    for given, text in (
        ((*hand, "--categories", "fridge=couch"), "OURS one of refrigerator, chair, dining table, none; got 'fridge=c"),
        (("--categories", "chair,bed"), "is for the categories refrigerator, chair, dining table, not for chair, bed"),
        (("--categories", "fridge=refrigerator"), "--categories maps names of --annotations: give that file too"),
    ):
        error = run("label", *words, *given, "--out", tmp_path / "d").exception
        assert isinstance(error, InputError) and text in str(error) and "\n" not in str(error)
    coco = ("--redetect", "--weights", "coco", "--categories", "lamp,chair", "--out", tmp_path / "d")
    error = run("label", bag, *coco).exception
    assert isinstance(error, InputError) and "of COCO's 80, got 'lamp'" in str(error)


def test_recorded_detections_bring_their_list(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [THREE, THREE, SIX, THREE])
    source = open_bag(bag)
    assert source.names == THREE and source.frames_with_detections == 3
    assert source.unused == {"detections of another list of categories than the first": 1}
    made = run("label", bag, "--rule", "paper", "--min-volume", 0.001, "--out", tmp_path / "labels")
    assert made.exit_code == 0 and "refrigerator" in made.output, (made.output, made.exception)
    assert own_categories(tmp_path / "labels") == THREE
    other = write_bag(tmp_path / "six", [SIX] * 3)
    again = ("--rule", "paper", "--min-volume", 0.001, "--out", tmp_path / "b", "--continue-from", tmp_path / "labels")
    text = str(run("label", other, *again).exception)
    assert "the detections are of chair, couch" in text and "the map is for refrigerator, chair, dining table" in text
    assert run("label", bag, *again).exit_code == 0
    plain = run("label", other, "--rule", "self_training", "--out", tmp_path / "c")
    assert plain.exit_code == 0 and own_categories(tmp_path / "c") == SIX
    for words, line in (
        (("--categories", "chair,bed"), "--categories names a list for --redetect --weights coco"),
        (("--categories", "chair,chair"), "categories must differ"),
        (("--categories", "a=chair"), "--categories maps names of --annotations"),
    ):
        error = run("label", bag, *words, "--out", tmp_path / "d").exception
        assert isinstance(error, InputError) and line in str(error) and "\n" not in str(error)


def test_self_training_refuses_a_frame_of_another_list(tmp_path: Path) -> None:
    items = list(wall_source(3))
    items[1] = replace(items[1], detections=replace(items[1].detections, names=THREE))
    recording = Recording()
    for item in items:
        recording.add(item.index, item.frame, item.detections)
    with pytest.raises(InputError, match="the detections of frame 1 are of refrigerator.* the first are of chair, cou"):
        write_dataset(recording, SelfTraining(), DatasetWork(tmp_path / "labels"))


def test_a_map_of_another_list_is_one_line(tmp_path: Path) -> None:
    first = next(iter(wall_source(1)))
    assert first.detections is not None
    of_three = replace(first.detections, names=THREE)
    with pytest.raises(InputError, match="the detections are of refrigerator, chair, dining.*; the map is for chair"):
        VoxelMap().integrate(first.frame, of_three)
    with pytest.raises(InputError, match=r"6\) uint8, got \(96, 128, 3\) uint8; the map's categories are chair, c"):
        VoxelMap().integrate_scores(first.frame, of_three.score_image())
    voxel_map = VoxelMap(MapConfig().for_names(THREE))
    voxel_map.integrate(first.frame, of_three)
    save_map(voxel_map, tmp_path / "map.npz")
    assert load_map(tmp_path / "map.npz").config == voxel_map.config
    with pytest.raises(MisfitError, match="num_categories 3, expected 6: set map.num_categories"):
        resume_map(tmp_path / "map.npz", MapConfig())
    other = MapConfig(categories=("bed", "chair", "tv"))
    assert other.num_categories == 3 and other.names.name(2) == "tv"
    with pytest.raises(MisfitError, match="categories refrigerator, chair, dining table, expected bed, chair, tv: set"):
        resume_map(tmp_path / "map.npz", other)
    with pytest.raises(InputError, match="the detections are of refrigerator.*, the map is for bed, chair, tv"):
        other.for_names(THREE)
    assert MapConfig().for_names(None) == MapConfig() == MapConfig().for_names(SIX)
    two = MapConfig().for_names(CategorySet(("chair", "couch")))  # how the six begin, and yet another list
    assert two.categories == ("chair", "couch") and two.num_categories == 2
    eight = MapConfig(num_categories=8)
    assert eight.for_names(SIX) is eight and two.for_names(CategorySet(("chair",))) is two
    assert "categories" not in MapConfig().as_dict()  # what earlier files and unfinished runs hold
    for config in (MapConfig(), two, eight, other):
        assert MapConfig(**json.loads(json.dumps(config.as_dict()))) == config
    assert MapConfig(num_categories=8).names.name(7) == "category_7" and MapConfig().categories == CATEGORIES
    for wrong in (("chair", "chair"), (), ("a,b",)):
        with pytest.raises(ValueError, match="categor"):
            MapConfig(categories=wrong)
    with pytest.raises(ValueError, match="categories must be 1 to 80 names, got 81"):
        MapConfig(num_categories=81)
    with pytest.raises(ValueError, match="num_categories must be the number of categories, 3, got 4"):
        MapConfig(categories=THREE.names, num_categories=4)


def test_a_run_gives_the_map_what_the_detector_looks_for(tmp_path: Path) -> None:
    config = StackConfig(weights="coco", categories="refrigerator,chair, dining table")
    nodes = {node.name: node.parameters for node in nodes_of(config)}
    assert nodes["perception"]["detector.categories"] == list(THREE.names) == nodes["mapping"]["map.categories"]
    two = {node.name: node.parameters for node in nodes_of(StackConfig(weights="coco", categories="chair,couch"))}
    own = MapConfig().for_names(CategorySet(("chair", "couch")))  # the same over ROS and in one process
    assert tuple(two["mapping"]["map.categories"]) == own.categories and two["mapping"]["map.num_categories"] == 2
    plain = {node.name: node.parameters for node in nodes_of(StackConfig())}
    assert "map.categories" not in plain["mapping"] and "detector.categories" not in plain["perception"]
    with pytest.raises(InputError, match="of COCO's 80, got 'lamp'"):
        nodes_of(StackConfig(weights="coco", categories="chair,lamp"))
    for wrong in ("chair,chair", ",", "a=chair"):
        with pytest.raises(InputError, match="--categories"):
            StackConfig(weights="coco", categories=wrong)
    with pytest.raises(InputError, match="is for the categories chair, couch.*not for chair, bed"):
        nodes_of(StackConfig(categories="chair,bed"))
    stack = tmp_path / "stack.yaml"
    stack.write_text("mapping:\n  ros__parameters:\n    map.categories: [chair, bed, tv]\n")
    with pytest.raises(InputError, match="map.categories is chair, bed, tv; the detector looks for refrigerator"):
        nodes_of(replace(config, stack=str(stack)))
