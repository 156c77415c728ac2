# SPDX-License-Identifier: Apache-2.0
"""torchvision's COCO network: its own outputs to the byte, fine-tuned in our loop, stored and loaded again.

Weights are random, of the same form: COCO's own cannot be had everywhere. Pictures and samples are few: seconds.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from safetensors import safe_open
from tests.perception.toy_pictures import rectangle, write_rectangles
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights, maskrcnn_resnet50_fpn
from typer.testing import CliRunner

from seal_bringup.cli import learn
from seal_bringup.experiments.detectors.coco_loop import TOLERANCE, compare, loop_config, seeded_network
from seal_bringup.stack.run_check import _weights as check_weights
from seal_perception.categories import CATEGORIES
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.detector.coco_form import COCO_NAMES, CocoConfig, RegionTransform, build_coco, fold
from seal_perception.detector.coco_weights import coco_file, load_coco
from seal_perception.detector.detector import Detector, DetectorConfig, load_detector
from seal_perception.detector.devices import best_device, device_of
from seal_perception.detector.facts import read_metadata
from seal_perception.detector.model import IgnoringRoIHeads, IgnoringRPN, covered_by
from seal_perception.detector.weights import load_weights, save_weights
from seal_perception.errors import InputError
from seal_perception.training.finetune import FinetuneConfig, finetune

SMALL = CocoConfig(min_size=64, samples=8)
DETECT = DetectorConfig(threads=1, coco_min_size=64, min_score=0.06)
ROWS = [62, 63, 64, 65, 70, 72]


def _picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 80, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Random weights that find ours (the tv most) and others (the person)."""
    torch.set_num_threads(1)
    found = seeded_network(SMALL).state_dict()
    draw = torch.Generator().manual_seed(1)
    for name, spread in (("box_predictor.cls_score", 0.3), ("box_predictor.bbox_pred", 0.05)):
        weight = found[f"roi_heads.{name}.weight"]
        weight.copy_(torch.randn(weight.shape, generator=draw) * spread)
    found["roi_heads.mask_predictor.mask_fcn_logits.bias"] += 0.1
    found["roi_heads.box_predictor.cls_score.bias"][ROWS] += 3.0
    found["roi_heads.box_predictor.cls_score.bias"][:20] += 3.0
    return found


@pytest.fixture(scope="module")
def pth(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("coco") / "coco.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def saved(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("coco") / "coco.safetensors"
    network = build_coco(SMALL)
    network.load_state_dict(state)
    save_weights(path, network, SMALL, {"calibration": {"slope": 2.0, "offset": 0.0}})
    return path


@pytest.fixture
def torchvisions(state: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> Any:
    """What torchvision itself makes of these weights if they are its COCO file."""
    monkeypatch.setattr(MaskRCNN_ResNet50_FPN_Weights, "get_state_dict", lambda self, **options: state)
    return maskrcnn_resnet50_fpn(weights=MaskRCNN_ResNet50_FPN_Weights.COCO_V1, min_size=64).eval()


def test_rows_of_our_categories() -> None:
    assert CocoConfig().rows() == ROWS and [COCO_NAMES[row] for row in ROWS] == list(CATEGORIES)
    rows = CocoConfig(categories=("tv", "chair")).categories_of_rows()
    assert rows.shape == (91,) and (rows[72], rows[62]) == (0, 1) and (rows >= 0).sum() == 2
    for wrong in ((), ("chair", "chair"), ("N/A",), ("__background__",), ("armchair",), (3,)):
        with pytest.raises(ValueError, match="different ones of COCO's 80"):
            CocoConfig(categories=wrong)  # type: ignore[arg-type]


def test_outputs_are_torchvisions_to_the_byte(torchvisions: Any, pth: Path) -> None:
    network = load_coco(pth, SMALL)[0].eval()
    picture = [torch.from_numpy(_picture()).permute(2, 0, 1).float() / 255]
    with torch.inference_mode():
        theirs, ours = torchvisions(picture)[0], network(picture)[0]
    keep = torch.isin(theirs["labels"], torch.tensor(ROWS))
    assert 5 < int(keep.sum()) < len(keep) and len(theirs["labels"][keep].unique()) > 1
    for name in ("boxes", "labels", "scores", "masks"):
        assert ours[name].numpy().tobytes() == theirs[name][keep].numpy().tobytes(), name
    trained = {name for name, parameter in torchvisions.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, parameter in network.named_parameters() if parameter.requires_grad}


def test_the_detector_gives_torchvisions_scores_boxes_and_masks(torchvisions: Any, pth: Path, saved: Path) -> None:
    with torch.inference_mode():
        theirs = torchvisions([torch.from_numpy(_picture()).permute(2, 0, 1).float() / 255])[0]
    rows = np.array([CocoConfig().categories_of_rows()[label] for label in theirs["labels"]])
    masks = theirs["masks"][:, 0].numpy() >= 0.5
    keep = np.flatnonzero((rows >= 0) & (theirs["scores"].numpy() >= 0.06) & masks.any(axis=(1, 2)))[:50]
    assert len(keep) > 3
    for weights in (pth, saved):
        found = load_detector(weights, replace(DETECT, calibrate=False)).detect(_picture())
        np.testing.assert_array_equal(found.categories, rows[keep])
        for ours, other in ((found.boxes, "boxes"), (found.scores, "scores")):
            assert ours.tobytes() == theirs[other].numpy()[keep].tobytes()
        assert found.masks.tobytes() == masks[keep].tobytes()
    calibrated = load_detector(saved, DETECT).detect(_picture())
    assert calibrated.scores.max() < found.scores.max()  # the slope stored with the file


def test_a_lower_score_is_asked_of_the_network(saved: Path, pth: Path) -> None:
    for path in (saved, pth):
        detector = load_detector(path, replace(DETECT, min_score=0.01))
        assert detector.network.roi_heads.score_thresh == 0.01  # type: ignore[union-attr]


def test_folding_keeps_our_probabilities_and_sums_the_others() -> None:
    logits = torch.randn(5, 91, generator=torch.Generator().manual_seed(0)) * 4
    others = torch.as_tensor(CocoConfig().categories_of_rows() < 0)
    before, after = logits.softmax(1), fold(logits, others).softmax(1)
    torch.testing.assert_close(after[:, ROWS], before[:, ROWS])
    torch.testing.assert_close(after[:, 0], before[:, others].sum(1))
    assert (after[:, others][:, 1:] == 0).all()
    assert fold(logits, torch.zeros(91, dtype=torch.bool)) is logits


def test_a_table_called_a_table_teaches_nothing() -> None:
    """Its target is background; with the rows apart the network would be taught that it is none."""
    table = torch.zeros(1, 91)
    table[0, COCO_NAMES.index("dining table")] = 12.0
    others = torch.as_tensor(CocoConfig().categories_of_rows() < 0)
    background = torch.tensor([0])
    for folded, low, high in ((True, 0.0, 1e-3), (False, 11.0, 13.0)):
        logits = table.clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(fold(logits, others) if folded else logits, background)
        loss.backward()
        assert low <= float(loss.detach()) <= high
        assert (float(logits.grad.abs().max()) < 1e-3) is folded and bool(logits.grad.isfinite().all())


def test_ignore_regions_count_as_in_the_small_network() -> None:
    network = build_coco(SMALL)
    assert isinstance(network.rpn, IgnoringRPN) and isinstance(network.roi_heads, IgnoringRoIHeads)
    transform = RegionTransform(64, 128, [0.0] * 3, [1.0] * 3)
    target = {"boxes": torch.tensor([[0.0, 0, 20, 20]]), "ignore_boxes": torch.tensor([[10.0, 10, 20, 20]])}
    picture, scaled = transform.resize(torch.rand(3, 128, 160), target)
    assert picture.shape == (3, 64, 80) and scaled["ignore_boxes"].tolist() == [[5.0, 5, 10, 10]]
    assert scaled["boxes"].tolist() == [[0.0, 0, 10, 10]]
    meta = torch.zeros(3, 4, device="meta")
    assert covered_by(meta, torch.zeros(0, 4, device="meta")).device.type == "meta"  # as on a GPU


def test_fine_tuned_stored_and_loaded(pth: Path, state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    labels, tuned = write_rectangles(tmp_path / "d", 3).folder, tmp_path / "tuned.safetensors"
    config = FinetuneConfig(
        iterations=2, batch=1, warm_up=0, learning_rate=1e-4, threads=1, bfloat16=False, min_size=64, samples=8
    )
    facts = finetune(pth, labels, tuned, config)
    assert len(facts["losses"]) == 2 and np.isfinite(facts["losses"]).all()
    network, shape, stored = load_weights(tuned)
    assert shape == SMALL and stored["form"] == "coco" and stored["categories"] == list(CATEGORIES)
    assert stored["config"]["min_size"] == 64 and stored["config"]["bfloat16"] is False
    with safe_open(str(tuned), framework="pt") as stream:
        assert {stream.get_slice(name).get_dtype() for name in stream.keys()} == {"F32"}  # noqa: SIM118
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]) is (name not in trained), name
    check_weights({"weights": str(tuned)})
    assert load_detector(tuned, DETECT).detect(_picture()).masks.shape[1:] == (64, 80)
    # Going on from there, with another size, in bfloat16.
    again = finetune(tuned, labels, tmp_path / "b.safetensors", replace(config, min_size=48, bfloat16=True))
    assert np.isfinite(again["losses"]).all() and load_weights(tmp_path / "b.safetensors")[1].min_size == 48


def test_the_commands_take_coco_weights(pth: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    learn.register(app)
    labels, out = str(write_rectangles(tmp_path / "d", 2).folder), str(tmp_path / "out.safetensors")
    sizes = ["--iterations", "1", "--min-size", "64", "--samples", "4"]
    run = CliRunner().invoke(app, ["finetune", labels, "--weights", str(pth), "--out", out, *sizes])
    assert run.exit_code == 0, run.output
    assert read_metadata(out)["model"]["samples"] == 4
    run = CliRunner().invoke(app, ["evaluate", labels, "--weights", out])
    assert run.exit_code == 0 and "mean" in run.output
    run = CliRunner().invoke(app, ["pretrain", "--weights", out, "--out", str(tmp_path / "p.safetensors")])
    assert isinstance(run.exception, InputError) and "seal finetune" in str(run.exception)
    assert not (tmp_path / "p.safetensors").exists()


@pytest.mark.parametrize("fold_others", [False, True])
def test_losses_are_those_of_torchvisions_reference_loop(fold_others: bool, tmp_path: Path) -> None:
    """Of torchvision's own network too, where the rows are not folded. results/coco_loop.json: 100 iterations."""
    with DatasetWriter(tmp_path / "d") as writer:
        for category in range(3):
            labels = [Annotation(category, rectangle(64, 80, 8, 8, 30, 40))]
            labels.append(Annotation(5, rectangle(64, 80, 40, 8, 70, 60), {"ignore": True}))
            writer.add(_picture(), labels)
    shape = CocoConfig(min_size=64, samples=16, fold_others=fold_others)
    row = compare(CocoDataset(tmp_path / "d"), shape, loop_config(3, 1, threads=1))
    assert len(row["ours"]) == len(row["reference"]) == 3 and row["ours"][2] < row["ours"][0]
    assert row["largest_relative_difference"] <= TOLERANCE


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_fine_tuned_on_a_gpu(pth: Path, tmp_path: Path) -> None:
    labels, tuned = write_rectangles(tmp_path / "d", 3).folder, tmp_path / "tuned.safetensors"
    assert device_of(load_detector(pth, DETECT)._network).type == best_device().type == "cuda"
    facts = finetune(pth, labels, tuned, FinetuneConfig(iterations=2, batch=2, min_size=64, samples=8))
    assert np.isfinite(facts["losses"]).all()
    assert load_detector(tuned, DETECT).detect(_picture()).masks.shape[1:] == (64, 80)


def test_coco_maps_labels_and_drops_others() -> None:
    class Fixed(torch.nn.Module):
        def forward(self, pictures: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
            masks = torch.zeros(4, 1, 8, 8)
            masks[:3, 0, 2:4, 2:4] = 0.9  # the last one has no mask
            return [
                {
                    "boxes": torch.tensor([[2.0, 2, 4, 4]] * 4),
                    "labels": torch.tensor([1, 72, 62, 65]),
                    "scores": torch.tensor([0.99, 0.8, 0.7, 0.6]),
                    "masks": masks,
                }
            ]

    found = Detector(Fixed(), CocoConfig().categories_of_rows()).detect(np.zeros((8, 8, 3), np.uint8))
    assert [CATEGORIES[c] for c in found.categories] == ["tv", "chair"] and found.masks.sum() == 8


class _Evil:
    """Its pickle would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_files_of_others_are_one_line(pth: Path, state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    def message(path: Path) -> str:
        with pytest.raises(InputError) as caught:
            load_detector(path, DETECT)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        return str(caught.value)

    odd = tmp_path / "odd.pth"
    assert "no COCO weights" in message(odd)
    odd.write_text("hello")
    assert "not a torch weights file" in message(odd)
    torch.save({"x": _Evil(tmp_path / "created")}, odd)
    assert "not a torch weights file" in message(odd) and not (tmp_path / "created").exists()
    odd.write_bytes(pth.read_bytes()[:-1000])
    assert "not a torch weights file" in message(odd)
    torch.save([1], odd)
    assert "must hold a state dict, got list" in message(odd)
    torch.save({"model": {"x": 1}}, odd)
    assert "state dict of tensors, x is none" in message(odd)
    torch.save({"x": torch.zeros(2)}, odd)
    assert "holds another network than torchvision's" in message(odd)
    name = "roi_heads.box_predictor.cls_score.bias"
    torch.save({**state, name: torch.zeros(7)}, odd)
    assert f"{name} must be (91,) of floats, got (7,)" in message(odd)
    torch.save({**state, name: torch.full((91,), torch.nan)}, odd)
    assert f"{name} has values that are not finite" in message(odd)


def test_the_copy_may_be_named_in_the_configuration(pth: Path, tmp_path: Path) -> None:
    assert load_detector("coco", replace(DETECT, coco_file=pth)).detect(_picture()).masks.shape[1:] == (64, 80)
    with pytest.raises(InputError, match="no COCO weights at .*none.pth; get them from https"):
        load_detector("coco", replace(DETECT, coco_file=tmp_path / "none.pth"))


@pytest.mark.parametrize("content", [b"cos\nsystem\n(S'touch evil'\ntR.", b"", b"<html>not found</html>"])
def test_a_foreign_file_in_torchs_cache_is_refused_unread(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    path = tmp_path / "checkpoints" / "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not torchvision's file: .* not bf2d0c1e; remove it") as caught:
        coco_file()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
