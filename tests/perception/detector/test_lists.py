# SPDX-License-Identifier: Apache-2.0
"""Networks of other lists than the six: subsets of COCO's 80, new heads of the small network, files that do not fit.

Weights are random, of the same form; pictures are small: seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import load_file, save_file
from tests.perception.toy_pictures import TINY, write_rectangles, write_tiny
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights, maskrcnn_resnet50_fpn
from typer.testing import CliRunner

from seal_bringup.cli import detect as detect_command
from seal_bringup.cli import learn
from seal_bringup.experiments.detectors.coco_loop import seeded_network
from seal_perception.categories import CATEGORIES, SIX, CategorySet
from seal_perception.coco.names import COCO_CATEGORIES, CategoryNames
from seal_perception.dataset import CocoDataset
from seal_perception.detector.coco_form import COCO_NAMES, CocoConfig
from seal_perception.detector.coco_weights import load_coco
from seal_perception.detector.detector import DetectorConfig, load_detector
from seal_perception.detector.facts import categories_of, read_metadata
from seal_perception.detector.model import build_model
from seal_perception.detector.weights import load_small, load_weights, save_weights
from seal_perception.errors import InputError
from seal_perception.training.finetune import FinetuneConfig, finetune
from seal_perception.training.new_list import ROWS_EACH, with_categories

THREE = ("refrigerator", "chair", "dining table")
ROWS = [COCO_NAMES.index(name) for name in THREE]
HEADS = [f"{name}.{part}" for name in ROWS_EACH for part in ("weight", "bias")]
DETECT = DetectorConfig(threads=1, coco_min_size=64, min_score=0.06, categories=THREE)
TUNE = FinetuneConfig(iterations=1, batch=1, warm_up=0, learning_rate=1e-4, threads=1, bfloat16=False)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Random weights of the COCO form that find these three and others."""
    torch.set_num_threads(1)
    found = seeded_network(CocoConfig(min_size=64, samples=8)).state_dict()
    draw = torch.Generator().manual_seed(1)
    for name, spread in (("box_predictor.cls_score", 0.3), ("box_predictor.bbox_pred", 0.05)):
        weight = found[f"roi_heads.{name}.weight"]
        weight.copy_(torch.randn(weight.shape, generator=draw) * spread)
    found["roi_heads.mask_predictor.mask_fcn_logits.bias"] += 0.1
    bias = found["roi_heads.box_predictor.cls_score.bias"]
    bias[:20] += 3.0
    bias[[1, 44, *ROWS]] += 4.5
    return found


@pytest.fixture(scope="module")
def pth(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("coco") / "coco.pth"
    torch.save(state, path)
    return path


def _picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 80, 3)).astype(np.uint8)


def test_a_subset_is_torchvisions_to_the_byte(
    state: dict[str, torch.Tensor], pth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MaskRCNN_ResNet50_FPN_Weights, "get_state_dict", lambda self, **options: state)
    torchvisions = maskrcnn_resnet50_fpn(weights=MaskRCNN_ResNet50_FPN_Weights.COCO_V1, min_size=64).eval()
    network = load_coco(pth, CocoConfig(THREE, min_size=64))[0].eval()
    picture = [torch.from_numpy(_picture()).permute(2, 0, 1).float() / 255]
    with torch.inference_mode():
        theirs, ours = torchvisions(picture)[0], network(picture)[0]
    keep = torch.isin(theirs["labels"], torch.tensor(ROWS))
    assert 5 < int(keep.sum()) < len(keep) and len(theirs["labels"][keep].unique()) > 1
    for name in ("boxes", "labels", "scores", "masks"):
        assert ours[name].numpy().tobytes() == theirs[name][keep].numpy().tobytes(), name
    for name in HEADS:
        assert network.state_dict()[name].numpy().tobytes() == state[name].numpy().tobytes(), name
    found = load_detector(pth, DETECT).detect(_picture())
    assert found.names.names == THREE and len(set(found.categories.tolist())) > 1
    best = int(torch.where(keep)[0][0])
    assert found.scores[0] == theirs["scores"][best].numpy()
    assert THREE[found.categories[0]] == COCO_NAMES[int(theirs["labels"][best])]


def test_coco_weights_learn_a_subset_and_the_file_keeps_its_list(
    pth: Path, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    labels, tuned = write_rectangles(tmp_path / "d", 2, names=CategorySet(THREE)).folder, tmp_path / "t.safetensors"
    config = replace(TUNE, categories=THREE, min_size=64, samples=8, learning_rate=1e-9)
    facts = finetune(pth, labels, tuned, config)
    assert np.isfinite(facts["losses"]).all() and read_metadata(tuned)["categories"] == list(THREE)
    network, shape, _ = load_weights(tuned)
    assert shape.categories == THREE and categories_of(tuned).names == THREE
    for name in HEADS:  # so small a step: every row is COCO's own
        torch.testing.assert_close(network.state_dict()[name], state[name], rtol=0, atol=1e-6)
    found = load_detector(tuned, replace(DETECT, categories=())).detect(_picture())
    assert found.names.names == THREE
    # From there to another list: the rows of all 80 are still in it.
    other = finetune(tuned, labels, tmp_path / "o.safetensors", replace(config, categories=("tv", "chair")))
    assert np.isfinite(other["losses"]).all() and categories_of(tmp_path / "o.safetensors").names == ("tv", "chair")
    with pytest.raises(InputError, match="was read for chair, couch.* the network is for refrigerator, chair"):
        finetune(pth, CocoDataset(labels), tmp_path / "x.safetensors", config)


def test_the_small_network_gets_a_new_head_with_known_rows(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = build_model(TINY)
    now = CategorySet(("refrigerator", "tv", "chair", "lamp"))
    new, shape = with_categories(model, TINY, now, seed=5)
    assert shape.categories == now.names and with_categories(model, TINY, SIX) == (model, TINY)
    before, after = model.state_dict(), new.state_dict()
    for name, value in after.items():
        if name not in HEADS:
            assert torch.equal(value, before[name]), name
    for layer, each in ROWS_EACH.items():
        for part in ("weight", "bias"):
            old, own = before[f"{layer}.{part}"], after[f"{layer}.{part}"]
            assert len(own) == 5 * each
            for place, was in ((0, 0), (2, 6), (3, 1)):  # background, tv, chair
                rows, old_rows = slice(place * each, (place + 1) * each), slice(was * each, (was + 1) * each)
                assert torch.equal(own[rows], old[old_rows]), (layer, place)
    again = with_categories(model, TINY, now, seed=5)[0].state_dict()
    other = with_categories(model, TINY, now, seed=6)[0].state_dict()
    assert all(torch.equal(again[name], after[name]) for name in after)
    assert not torch.equal(other[HEADS[0]], after[HEADS[0]])


def test_the_small_network_learns_detects_and_is_measured_with_another_list(tmp_path: Path) -> None:
    parent, out = tmp_path / "p.safetensors", tmp_path / "o.safetensors"
    calibration = {"slope": 2.0, "offset": 0.0, "category_offsets": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "size_slope": 0.0}
    save_weights(parent, build_model(TINY), TINY, {"calibration": calibration})
    labels = write_rectangles(tmp_path / "d", 2, names=CategorySet(THREE)).folder
    app = typer.Typer()
    learn.register(app)
    words = ["--weights", str(parent), "--iterations", "1", "--out", str(out), "--categories", ",".join(THREE)]
    run = CliRunner().invoke(app, ["finetune", str(labels), *words])
    assert run.exit_code == 0, run.output
    facts = read_metadata(out)
    assert facts["categories"] == list(THREE) and facts["config"]["categories"] == list(THREE)
    assert facts["calibration"]["category_offsets"] == [0.0, 1.0, 0.0]
    assert load_weights(out)[1] == replace(TINY, categories=THREE) and load_small(out)[1].categories == THREE
    assert load_detector(out).detect(_picture()).names.names == THREE
    run = CliRunner().invoke(app, ["evaluate", str(labels), "--weights", str(out), "--json", str(tmp_path / "f.json")])
    assert run.exit_code == 0 and "refrigerator" in run.output, run.output
    assert list(json.loads((tmp_path / "f.json").read_text())["per_category"]) == list(THREE)
    # The simulators' truth is of the six: what it does not have is named and not judged.
    truth = write_rectangles(tmp_path / "truth", 4).folder
    run = CliRunner().invoke(app, ["evaluate", str(truth), "--weights", str(out), "--json", str(tmp_path / "f.json")])
    assert run.exit_code == 0 and "has no category read as: refrigerator, dining table" in run.output, run.output
    assert json.loads((tmp_path / "f.json").read_text())["not_judged"] == ["refrigerator", "dining table"]
    # A category that the user maps away is in the file, and yet nothing is read as it.
    words = ["--weights", str(parent), "--categories", "bed=none"]
    run = CliRunner().invoke(app, ["evaluate", str(truth), *words])
    assert run.exit_code == 0 and "has no category read as: bed" in run.output, run.output
    run = CliRunner().invoke(app, ["pretrain", "--weights", str(out), "--out", str(tmp_path / "n.safetensors")])
    assert "is for the categories refrigerator, chair, dining table; the catalogue has the six alone" in str(
        run.exception
    )


def test_replay_with_other_names_says_what_it_teaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = write_tiny(tmp_path / "p.safetensors")
    monkeypatch.setattr("sim_bridge.catalogue.pictures.catalogue_at", lambda *given, **options: None)
    app = typer.Typer()
    learn.register(app)
    replay = str(write_rectangles(tmp_path / "catalogue", 2).folder)
    text = "catalogue pictures have no labels of refrigerator, dining table: what stands in them is taught"
    for name, names in (("three", CategorySet(THREE)), ("six", SIX)):
        labels = write_rectangles(tmp_path / name, 2, names=names).folder
        words = ["--categories", ",".join(names.names), "--out", str(tmp_path / f"{name}.safetensors")]
        words += ["--weights", parent, "--iterations", "1", "--replay", replay]
        run = CliRunner().invoke(app, ["finetune", str(labels), *words])
        assert run.exit_code == 0, (run.output, run.exception)
        assert (text in run.output) == (name == "three")


def test_naming_the_six_trains_the_same_weights_as_naming_none(tmp_path: Path) -> None:
    labels, parent = write_rectangles(tmp_path / "d", 2).folder, write_tiny(tmp_path / "p.safetensors")
    for name, config in (("a", TUNE), ("b", replace(TUNE, categories=CATEGORIES))):
        finetune(parent, labels, tmp_path / f"{name}.safetensors", config)
    plain = read_metadata(tmp_path / "a.safetensors")
    assert "categories" not in plain["config"] and "categories" not in plain["model"]
    a, b = (load_file(str(tmp_path / f"{name}.safetensors")) for name in "ab")
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--categories", "chair,armchair"], "must be different ones of COCO's 80, got"),
        (["--categories", "chair,chair"], "--categories: categories must differ, got 'chair' twice"),
        (["--categories", ","], "--categories is empty"),
        (
            ["--categories", ",".join(f"t{n}" for n in range(81))],
            "--categories: categories must be 1 to 80 names, got 81",
        ),
    ],
)
def test_wrong_lists_are_one_line(words: list[str], text: str, pth: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    learn.register(app)
    detect_command.register(app)
    labels, out = write_rectangles(tmp_path / "d", 1).folder, tmp_path / "out"
    for command in (["finetune", str(labels), "--out", str(out)], ["evaluate", str(labels)], ["detect", str(labels)]):
        run = CliRunner().invoke(app, [*command, "--weights", str(pth), *words])
        assert isinstance(run.exception, InputError), (command, run.output)
        assert text in str(run.exception) and "\n" not in str(run.exception)
    assert not out.exists()


def test_cocos_80_are_known_without_torch() -> None:
    names = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    assert tuple(name for name in names if name not in ("__background__", "N/A")) == COCO_CATEGORIES
    assert len(COCO_CATEGORIES) == 80 and categories_of("coco", COCO_CATEGORIES).names == COCO_CATEGORIES
    with pytest.raises(InputError, match="of COCO's 80, got 'Sofa'; COCO calls it couch"):
        categories_of("w.pth", ("chair", "Sofa"))
    script = "import sys, seal_perception.detector.facts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_other_weights_have_their_own_list(tmp_path: Path) -> None:
    weights = write_tiny(tmp_path / "tiny.safetensors")
    assert (
        categories_of(weights) == SIX and categories_of("coco", THREE).names == THREE and categories_of("none") == SIX
    )
    with pytest.raises(InputError, match="is for the categories chair, couch.* not for refrigerator.*finetune --categ"):
        load_detector(weights, DETECT)
    assert load_detector(weights, replace(DETECT, categories=CATEGORIES)).names == SIX


@pytest.mark.parametrize(
    ("categories", "text"),
    [
        (["chair", "tv"], r"cls_score.weight must be \(3, 16\) for its 2 categories, got \(7, 16\)"),
        (["chair"] * 6, "no usable list of categories: categories must differ, got 'chair' twice"),
        ([f"t{n}" for n in range(81)], "no usable list of categories: categories must be 1 to 80 names, got 81"),
        ([], "no usable list of categories: categories must be 1 to 80 names, got 0"),
        ([["chair"], {}], "no usable list of categories"),
        ("chair", "categories must be a list of names, got chair"),
        (None, "categories must be a list of names, got None"),
    ],
)
def test_a_file_whose_list_does_not_fit_is_one_line(categories: Any, text: str, tmp_path: Path) -> None:
    path = Path(write_tiny(tmp_path / "tiny.safetensors"))
    tensors, facts = load_file(str(path)), read_metadata(path)
    save_file(tensors, str(path), {"seal": json.dumps({**facts, "categories": categories})})
    with pytest.raises(InputError, match=text) as caught:
        load_detector(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_calibration_of_another_list_is_one_line(tmp_path: Path) -> None:
    shape = replace(TINY, categories=THREE)
    offsets = {"calibration": {"slope": 1.0, "offset": 0.0, "category_offsets": [0.0] * 6}}
    save_weights(tmp_path / "w.safetensors", build_model(shape), shape, offsets)
    with pytest.raises(InputError, match="broken calibration: expected 3 category offsets, got 6"):
        load_detector(tmp_path / "w.safetensors")
    assert CategoryNames(known=CategorySet(THREE)).find("chair") == (1, None)
