# SPDX-License-Identifier: Apache-2.0
"""Network, weights files, calibration and the two detector backends."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from tests.perception.toy_pictures import TINY, rectangle

from seal_perception.categories import CATEGORIES
from seal_perception.detector import weights as weights_module
from seal_perception.detector.calibration import Calibration, fit_calibration, relative_sizes
from seal_perception.detector.detector import (
    DetectorConfig,
    load_detector,
)
from seal_perception.detector.facts import SHIPPED, SHIPPED_HOMES, read_metadata
from seal_perception.detector.model import NEW, ModelConfig, build_model, covered_by, fold_norm, parameter_count
from seal_perception.detector.weights import load_weights, save_tensors, save_weights
from seal_perception.errors import InputError, SealError


def _model(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_model(TINY)


def _picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 80, 3)).astype(np.uint8)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_weights(path, _model(), TINY, {"seed": 0, "calibration": {"slope": 2.0, "offset": -1.0}})
    return path


def test_size_of_the_small_model(tmp_path: Path) -> None:
    model = build_model()
    assert parameter_count(model) <= 7_000_000
    save_weights(tmp_path / "w.safetensors", model, NEW, {})
    assert (tmp_path / "w.safetensors").stat().st_size <= 15e6


def test_weights_round_trip(weights: Path, tmp_path: Path) -> None:
    model, config, facts = load_weights(weights)
    assert config == TINY and facts["seed"] == 0 and read_metadata(weights)["categories"] == list(CATEGORIES)
    for (name, a), b in zip(_model().state_dict().items(), model.state_dict().values(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=2e-3, err_msg=name)
    save_weights(tmp_path / "again.safetensors", model, config, {k: facts[k] for k in ("seed", "calibration")})
    assert (tmp_path / "again.safetensors").read_bytes() == weights.read_bytes()


def test_missing_and_foreign_weights(tmp_path: Path, weights: Path) -> None:
    def message(path: Path) -> str:
        with pytest.raises(InputError) as caught:
            load_detector(path)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
        return str(caught.value)

    assert "no weights at" in message(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    assert "not a safetensors file" in message(tmp_path / "text.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(weights.read_bytes()[:-100])
    assert "not a safetensors file" in message(tmp_path / "cut.safetensors")
    save_file({"x": torch.zeros(2)}, str(tmp_path / "foreign.safetensors"))
    assert "did not write" in message(tmp_path / "foreign.safetensors")
    facts = read_metadata(weights)
    save_file({"x": torch.zeros(2)}, str(tmp_path / "keys.safetensors"), {"seal": json.dumps(facts)})
    assert "another network" in message(tmp_path / "keys.safetensors")
    wide = ModelConfig(**{**facts["model"], "box_units": 32})
    save_weights(tmp_path / "wide.safetensors", build_model(wide), TINY, {})
    assert "must be" in message(tmp_path / "wide.safetensors")
    model = _model()
    with torch.no_grad():
        next(model.parameters())[:] = torch.nan
    save_weights(tmp_path / "nan.safetensors", model, TINY, {})
    assert "not finite" in message(tmp_path / "nan.safetensors")


def test_folding_changes_nothing() -> None:
    model = _model()
    picture = [torch.rand(3, 64, 80)]
    model(picture, [_target()])  # moves the statistics away from their start
    model.eval()
    with torch.inference_mode():
        before = model.backbone(torch.stack(picture))
        after = fold_norm(model).backbone(torch.stack(picture))
    for name in before:
        np.testing.assert_allclose(before[name].numpy(), after[name].numpy(), atol=1e-4)


def test_detect(weights: Path) -> None:
    detector = load_detector(weights, DetectorConfig(max_detections=7, min_score=0.1))
    found = detector.detect(_picture())
    assert 0 < len(found) <= 7 and found.masks.shape[1:] == (64, 80) and found.masks.any(axis=(1, 2)).all()
    assert (np.diff(found.scores) <= 0).all() and set(found.categories.tolist()) <= set(range(6))
    raw = load_detector(weights, DetectorConfig(max_detections=7, min_score=0.1, calibrate=False)).detect(_picture())
    np.testing.assert_array_equal(raw.boxes, found.boxes)
    sizes = relative_sizes(raw.boxes, 64, 80)
    np.testing.assert_allclose(Calibration(2.0, -1.0).apply(raw.scores, raw.categories, sizes), found.scores)
    assert len(load_detector(weights, DetectorConfig(min_score=1.0)).detect(_picture())) == 0
    assert detector.detect(np.zeros((128, 160, 3), np.uint8)).masks.shape[1:] == (128, 160)
    for wrong in (_picture()[..., 0], _picture().astype(np.float32), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(InputError, match="rgb must be"):
            detector.detect(wrong)


def test_a_lower_score_adds_detections_and_changes_none(tmp_path: Path) -> None:
    model = _model()
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.weight *= 20  # surer of some categories than of others
    save_weights(tmp_path / "sure.safetensors", model, TINY, {})
    usual, lower, higher = (
        load_detector(tmp_path / "sure.safetensors", DetectorConfig(min_score=least, max_detections=10**4))
        for least in (0.05, 0.0, 0.3)
    )
    some, more = usual.detect(_picture()), lower.detect(_picture())
    assert len(more) > len(some) > 0 and more.scores.min() < 0.05
    assert more.scores[: len(some)].tobytes() == some.scores.tobytes()
    assert more.masks[: len(some)].tobytes() == some.masks.tobytes()
    assert higher.network.roi_heads.score_thresh == 0.05, "what a network drops by itself stays dropped"  # type: ignore[union-attr]


def test_same_bytes_beside_busy_threads(weights: Path) -> None:
    def run() -> bytes:
        found = load_detector(weights).detect(_picture())
        return found.boxes.tobytes() + found.scores.tobytes() + found.masks.tobytes()

    alone, stop = run(), threading.Event()

    def spin() -> None:
        while not stop.is_set():
            np.linalg.svd(np.ones((60, 60)))

    busy = [threading.Thread(target=spin) for _ in range(2)]
    for thread in busy:
        thread.start()
    try:
        assert run() == alone
    finally:
        stop.set()
        for thread in busy:
            thread.join()


def test_calibration_is_monotone_and_mends_overconfidence() -> None:
    rng = np.random.default_rng(0)
    count = 6000
    scores, categories = rng.uniform(0.05, 0.999, count), rng.integers(0, 6, count)
    sizes = np.exp(rng.uniform(np.log(0.03), 0.0, count))
    own = np.array([0.5, 0.0, -1.0, 0.0, 0.0, 0.5])
    chance = 1 / (1 + np.exp(-(0.6 * np.log(scores / (1 - scores)) - 1.0 + own[categories] + 0.4 * np.log(sizes))))
    right = rng.random(count) < chance
    fitted = fit_calibration(scores, right, categories, sizes)
    assert fitted.slope == pytest.approx(0.6, abs=0.06) and fitted.size_slope == pytest.approx(0.4, abs=0.1)
    np.testing.assert_allclose(np.subtract(fitted.category_offsets, fitted.category_offsets[1]), own, atol=0.3)
    rising = np.linspace(0, 1, 101).astype(np.float32)
    mapped = fitted.apply(rising, np.zeros(101, np.int64), np.full(101, 0.2))
    assert (np.diff(mapped) > 0).all() and mapped.dtype == np.float32 and mapped[0] >= 0 and mapped[-1] <= 1
    calibrated = fitted.apply(scores.astype(np.float32), categories, sizes)
    for part in (categories == 2, categories == 0, sizes < 0.1, sizes > 0.4):
        assert np.mean(calibrated[part]) == pytest.approx(np.mean(right[part]), abs=0.03)
    assert fit_calibration(scores[:5], right[:5], categories[:5], sizes[:5]) == Calibration()
    assert fit_calibration(scores, np.ones(count, bool), categories, sizes) == Calibration()
    assert fit_calibration(scores, scores < 0.5, categories, sizes) == Calibration()


def test_calibration_of_nothing_in_files_of_before_and_of_none_of_the_six() -> None:
    unchanged = np.array([0.3], np.float32)
    assert Calibration().apply(unchanged, np.array([0]), np.array([0.5])) is unchanged
    before = Calibration.from_metadata({"calibration": {"slope": 2.0, "offset": -1.0}})
    assert before == Calibration(2.0, -1.0) and Calibration.from_metadata({}) == Calibration()
    assert (
        Calibration.from_metadata({"calibration": Calibration(2.0, -1.0, size_slope=0.5).as_dict()}).size_slope == 0.5
    )
    tilted = Calibration(category_offsets=(1.0, 0, 0, 0, 0, 0))
    assert tilted.apply(unchanged, np.array([-1]), np.array([0.5]))[0] == pytest.approx(0.3)
    for wrong in ({"slope": -1.0}, {"size_slope": float("nan")}):
        with pytest.raises(ValueError, match="calibration needs a positive slope"):
            Calibration(**wrong)  # type: ignore[arg-type]
    np.testing.assert_allclose(relative_sizes(np.array([[0, 0, 40, 32.0], [5, 5, 4, 4]]), 64, 80), [0.5, 0.0])


def _target(ignore: list[list[float]] | None = None) -> dict[str, torch.Tensor]:
    mask = torch.from_numpy(rectangle(64, 80, 8, 8, 30, 34).astype(np.uint8))[None]
    return {
        "boxes": torch.tensor([[8.0, 8.0, 30.0, 34.0]]),
        "labels": torch.tensor([1]),
        "masks": mask,
        "ignore_boxes": torch.tensor(ignore or []).reshape(-1, 4),
    }


def test_ignore_regions_are_no_negatives() -> None:
    boxes = torch.tensor([[40.0, 5, 60, 25], [45, 10, 70, 30], [0, 40, 20, 60], [8, 8, 30, 34]])
    region = [[40.0, 5.0, 70.0, 35.0]]
    assert covered_by(boxes, torch.tensor(region)).tolist() == [True, True, False, False]
    assert covered_by(boxes, torch.zeros(0, 4)).tolist() == [False] * 4
    model = _model()
    labels, _ = model.rpn.assign_targets_to_anchors([boxes], [_target(region)])
    assert labels[0].tolist() == [-1.0, -1.0, 0.0, 1.0]
    assert model.rpn.assign_targets_to_anchors([boxes], [_target()])[0][0].tolist() == [0.0, 0.0, 0.0, 1.0]
    everywhere = [[0.0, 0.0, 80.0, 64.0]]
    assert model.rpn.assign_targets_to_anchors([boxes], [_target(everywhere)])[0][0].tolist() == [-1, -1, -1, 1]
    chosen, _, roi_labels, _ = model.roi_heads.select_training_samples([boxes.clone()], [_target(everywhere)])
    assert roi_labels[0].tolist() == [1, 1]  # the matching proposal and the true box itself; no background is left
    chosen, _, roi_labels, _ = model.roi_heads.select_training_samples([boxes.clone()], [_target(region)])
    assert sorted(roi_labels[0].tolist()) == [0, 1, 1] and [0.0, 40.0, 20.0, 60.0] in chosen[0].tolist()


def test_narrow_boxes_train_in_bfloat16() -> None:
    """A box at x 319..320 is empty in bfloat16, whose numbers above 256 are even: its loss was not finite."""
    torch.manual_seed(0)
    model = build_model(replace(TINY, input_height=240))
    mask = torch.zeros(1, 240, 320, dtype=torch.uint8)
    mask[0, 132:206, 319:] = 1
    target = {**_target(), "boxes": torch.tensor([[319.0, 132, 320, 206]]), "masks": mask}
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(3):
            losses = model([torch.rand(3, 240, 320)], [target])
            assert all(bool(value.isfinite()) for value in losses.values()), losses
    features = model.backbone(torch.rand(1, 3, 240, 320))
    with torch.autocast("cpu", torch.bfloat16):
        outputs = [*model.rpn.head(list(features.values())), model.backbone(torch.rand(1, 3, 240, 320)).values()]
        heads = model.roi_heads
        outputs.append(heads.box_predictor(torch.rand(2, TINY.box_units)))
        outputs.append([heads.mask_predictor(torch.rand(2, TINY.mask_channels, 14, 14))])
    assert {value.dtype for part in outputs for value in part} == {torch.float32}


def test_training_on_pictures_of_another_height_scales_ignore_regions() -> None:
    model = _model()
    target = _target([[10.0, 10.0, 20.0, 20.0]])
    _, scaled = model.transform.resize(torch.rand(3, 128, 160), target)
    assert scaled["ignore_boxes"].tolist() == [[5.0, 5.0, 10.0, 10.0]]


def test_weights_on_a_full_disk_are_an_error_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """safetensors has one kind of error for all; here as it words a full disk, and as it words anything else."""
    out = tmp_path / "w.safetensors"
    for text, kind, expected in (
        ("Error while serializing: I/O error: No space left on device (os error 28)", OSError, "No space left"),
        ("Error while serializing: odd", SealError, "w.safetensors cannot be written: Error while serializing: odd"),
    ):

        def save(*arguments: object, text: str = text) -> None:
            raise SafetensorError(text)

        monkeypatch.setattr(weights_module, "save_file", save)
        with pytest.raises(kind, match=expected) as caught:
            save_tensors(out, {}, {})
        assert str(out) in str(caught.value) and not list(tmp_path.iterdir())


def test_shipped_weights_are_small_calibrated_and_say_how_they_were_made() -> None:
    assert SHIPPED.stat().st_size <= 15e6
    model, config, facts = load_weights("seal-small")
    assert parameter_count(model) <= 7_000_000 and config.input_height == 240
    assert facts["command"].startswith("seal pretrain") and facts["commit"] and isinstance(facts["seed"], int)
    assert facts["calibration"]["slope"] > 0 and len(load_detector().detect(np.zeros((240, 320, 3), np.uint8))) <= 50


def test_the_detector_of_the_homes_is_the_shipped_one_taught_by_its_own_labels_in_two_rounds() -> None:
    assert SHIPPED_HOMES.stat().st_size <= 15e6
    model, config, facts = load_weights("seal-homes")
    before, shape, earlier = load_weights("seal-small")
    assert facts["command"].endswith("detectors.average") and facts["commit"] and facts["share"] == 0.5
    assert facts["calibration"] == earlier["calibration"] and config == shape
    rounds = facts["parents"]
    assert [row["command"] for row in rounds] == ["seal finetune"] * 2 and [row["seed"] for row in rounds] == [0, 1]
    assert [row["config"]["iterations"] for row in rounds] == [1500, 3000] and all(row["commit"] for row in rounds)
    assert rounds[0]["replay"] == rounds[1]["replay"] and rounds[0]["dataset"] != rounds[1]["dataset"]
    own, old = model.state_dict(), before.state_dict()
    moved = [name for name in own if own[name].is_floating_point() and not torch.equal(own[name], old[name])]
    assert any("backbone.stem" in name for name in own)
    assert any("roi_heads" in name for name in moved) and not any("backbone.stem" in name for name in moved)


def test_weights_kept_beside_the_results_load_and_say_how_they_were_made(repo_root: Path) -> None:
    kept = sorted((repo_root / "results/weights").glob("*.safetensors"))
    assert kept and sum(path.stat().st_size for path in (*kept, SHIPPED, SHIPPED_HOMES)) <= 25 * 2**20
    for path in kept:
        _, config, facts = load_weights(path)
        assert config.input_height == 240 and facts["command"].startswith("seal ")
        assert facts["commit"] and isinstance(facts["seed"], int)


def test_docs_quote_the_figures_stored_with_the_weights(repo_root: Path) -> None:
    held_out = load_weights("seal-small")[2]["held_out"]
    text = (repo_root / "docs/detector.md").read_text(encoding="utf-8")
    assert f"box AP50 {held_out['box_ap50']:.1f}, mask AP50 {held_out['mask_ap50']:.1f}" in text


@pytest.mark.xfail(strict=True, reason="the shipped weights are not trained long enough yet: the bar is box AP50 85")
def test_shipped_weights_reach_the_bar_on_catalogue_pictures() -> None:
    assert load_weights("seal-small")[2]["held_out"]["box_ap50"] >= 85


def test_configs_refuse() -> None:
    for wrong in ({"threads": 0}, {"min_score": 1.5}, {"max_detections": 0}, {"coco_min_size": 2001}):
        with pytest.raises(ValueError):
            DetectorConfig(**wrong)  # type: ignore[arg-type]
    for wrong in ({"channels": (1, 2)}, {"samples": 0}):
        with pytest.raises(ValueError):
            ModelConfig(**wrong)  # type: ignore[arg-type]
