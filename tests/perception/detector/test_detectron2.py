# SPDX-License-Identifier: Apache-2.0
"""detectron2's network behind our calls: its own detections, fine-tuned, saved, loaded; said where it is absent.

Weights are random, of the model zoo's form; pictures are small.
"""

from __future__ import annotations

import importlib.util
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.perception.toy_pictures import write_rectangles

from seal_bringup.experiments.detectors.coco_loop import TOLERANCE, loop_config
from seal_perception.detector import detectron2_form
from seal_perception.detector.coco_weights import load_coco
from seal_perception.detector.detector import DetectorConfig, load_detector
from seal_perception.detector.detectron2_form import Detectron2Config
from seal_perception.detector.facts import read_metadata
from seal_perception.detector.weights import load_weights
from seal_perception.errors import InputError
from seal_perception.training.finetune import FinetuneConfig, finetune

needed = pytest.mark.skipif(importlib.util.find_spec("detectron2") is None, reason="detectron2 is not installed")
SMALL = Detectron2Config(min_size=64, samples=8)
DETECT = DetectorConfig(threads=1, coco_min_size=64, min_score=0.06)


def test_without_detectron2_its_weights_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectron2_form.importlib.util, "find_spec", lambda name: None)
    state = {"backbone.bottom_up.stem.conv1.weight": torch.zeros(64, 3, 7, 7)}
    (tmp_path / "zoo.pkl").write_bytes(pickle.dumps({"model": {k: v.numpy() for k, v in state.items()}}))
    torch.save({"model": state, "iteration": 3}, tmp_path / "model.pth")
    for name in ("zoo.pkl", "model.pth"):
        with pytest.raises(InputError, match="of detectron2, which is not installed: install it into this"):
            load_detector(tmp_path / name)


def _picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)


def _model() -> tuple[Any, Any]:
    """detectron2's own network and configuration, random weights that find ours and others."""
    from detectron2 import model_zoo
    from detectron2.modeling import build_model

    cfg = model_zoo.get_config("COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x.yaml")
    cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE = "", "cpu"
    cfg.INPUT.MIN_SIZE_TEST = 64
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build_model(cfg)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("conv3.norm.weight"):
                value.fill_(0.2)
        layers = model.roi_heads.box_predictor
        layers.cls_score.weight.normal_(0, 0.003)
        layers.bbox_pred.weight.normal_(0, 0.05)
        layers.cls_score.bias[SMALL.rows()] += 5
        layers.cls_score.bias[:20] += 4
    return model.eval(), cfg


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """A file as the model zoo has them, with the model and configuration it is of."""
    model, cfg = _model()
    path = tmp_path_factory.mktemp("d2") / "model_final.pkl"
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    extra = {
        "pixel_mean": np.zeros((3, 1, 1), np.float32),
        "proposal_generator.anchor_generator.cell_anchors.0": np.zeros(4),
    }
    path.write_bytes(pickle.dumps({"model": {**arrays, **extra}, "__author__": "Detectron2 Model Zoo"}))
    return path, model, cfg


@needed
def test_detections_are_detectron2s_own(zoo: tuple[Path, Any, Any]) -> None:
    from detectron2.data.transforms import ResizeShortestEdge

    path, model, cfg = zoo
    bgr = _picture()[:, :, ::-1]
    scaled = ResizeShortestEdge([64, 64], cfg.INPUT.MAX_SIZE_TEST).get_transform(bgr).apply_image(bgr)
    picture = torch.as_tensor(scaled.astype("float32").transpose(2, 0, 1))
    with torch.inference_mode():
        theirs = model([{"image": picture, "height": 60, "width": 80}])[0]["instances"]
    rows = np.array([SMALL.categories_of_rows()[row] for row in theirs.pred_classes])
    scores, masks = theirs.scores.numpy(), theirs.pred_masks.numpy()
    keep = np.flatnonzero((rows >= 0) & (scores >= 0.06) & masks.any(axis=(1, 2)))[:50]
    assert len(keep) > 3 and (rows < 0).any()
    found = load_detector(path, DETECT).detect(_picture())
    np.testing.assert_array_equal(found.categories, rows[keep])
    assert found.scores.tobytes() == scores[keep].tobytes() and found.masks.tobytes() == masks[keep].tobytes()
    assert found.boxes.tobytes() == theirs.pred_boxes.tensor.numpy()[keep].tobytes()
    lower: Any = load_detector(path, replace(DETECT, min_score=0.01)).network
    assert lower.model.roi_heads.box_predictor.test_score_thresh == 0.01


@needed
def test_fine_tuned_stored_and_loaded(zoo: tuple[Path, Any, Any], tmp_path: Path) -> None:
    labels, tuned = write_rectangles(tmp_path / "d", 3).folder, tmp_path / "tuned.safetensors"
    config = FinetuneConfig(
        iterations=2, batch=1, warm_up=0, learning_rate=1e-4, threads=1, bfloat16=False, min_size=64, samples=8
    )
    facts = finetune(zoo[0], labels, tuned, config)
    assert len(facts["losses"]) == 2 and np.isfinite(facts["losses"]).all()
    assert read_metadata(tuned)["form"] == "detectron2"
    network, shape, _ = load_weights(tuned)
    assert shape == SMALL
    before = load_coco(zoo[0], SMALL)[0].state_dict()
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]) is (name not in trained), name
    assert load_detector(tuned, DETECT).detect(_picture()).masks.shape[1:] == (60, 80)
    again = finetune(tuned, labels, tmp_path / "b.safetensors", replace(config, min_size=48, bfloat16=True))
    assert np.isfinite(again["losses"]).all() and load_weights(tmp_path / "b.safetensors")[1].min_size == 48


@needed
def test_ignore_regions_and_other_rows(zoo: tuple[Path, Any, Any]) -> None:
    from detectron2.structures import Boxes, Instances
    from detectron2.utils.events import EventStorage

    network = load_coco(zoo[0], SMALL)[0].train()
    rpn, heads = network.model.proposal_generator, network.model.roi_heads
    boxes = torch.tensor([[40.0, 5, 60, 25], [45, 10, 70, 30], [0, 40, 20, 60], [8, 8, 30, 34]])
    true = Instances((64, 80), gt_boxes=Boxes(boxes[3:]), gt_classes=torch.tensor([56]))
    region = torch.tensor([[40.0, 5, 70, 35]])
    for regions, expected in ((region, [-1, -1, 0, 1]), (torch.zeros(0, 4), [0, 0, 0, 1])):
        rpn.regions = heads.regions = [regions]
        assert rpn.label_and_sample_anchors([Boxes(boxes)], [true])[0][0].tolist() == expected
    rpn.regions = heads.regions = [region]
    proposals = Instances((64, 80), proposal_boxes=Boxes(boxes), objectness_logits=torch.zeros(4))
    with EventStorage():
        sampled = heads.label_and_sample_proposals([proposals], [true])[0]
    assert sorted(sampled.gt_classes.tolist()) == [56, 56, 80]  # the object, what matches it, and one background
    with torch.no_grad():
        folded, _ = heads.box_predictor(torch.rand(3, 1024))
        plain, _ = heads.box_predictor.eval()(torch.rand(3, 1024))
    assert torch.isfinite(plain).all() and torch.isfinite(folded[:, -1]).all()
    assert torch.isinf(folded).sum(dim=1).tolist() == [74, 74, 74]  # 80 - 6; the background holds them


@needed
def test_losses_are_those_of_detectron2s_trainer(tmp_path: Path) -> None:
    from seal_bringup.experiments.detectors.detectron2_loop import RATE, compare

    shape = replace(SMALL, samples=16, fold_others=False)
    row = compare(write_rectangles(tmp_path / "d", 4), shape, loop_config(3, 1, RATE, 1))
    assert len(row["ours"]) == len(row["reference"]) == 3 and row["ours"][2] < row["ours"][0]
    assert row["largest_relative_difference"] <= TOLERANCE


@needed
def test_pictures_and_labels_are_scaled_together(zoo: tuple[Path, Any, Any]) -> None:
    network = load_coco(zoo[0], replace(SMALL, min_size=32))[0]
    mask = torch.zeros(1, 64, 80, dtype=torch.uint8)
    mask[:, 8:40, 16:48] = 1
    target = {"boxes": torch.tensor([[16.0, 8, 48, 40]]), "labels": torch.tensor([6]), "masks": mask}
    given, scaling = network._input(torch.rand(3, 64, 80))
    instances = network._instances(target, scaling, "cpu")
    assert given["image"].shape == (3, 32, 40) and instances.gt_boxes.tensor.tolist() == [[8.0, 4, 24, 20]]
    assert instances.gt_classes.tolist() == [62] and instances.gt_masks.tensor.sum() == 16 * 16
    red = torch.zeros(3, 64, 80)
    red[0] = 1.0
    assert network._input(red)[0]["image"].amax(dim=(1, 2)).tolist() == [0, 0, 255]  # blue first
