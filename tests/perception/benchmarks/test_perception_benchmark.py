# SPDX-License-Identifier: Apache-2.0
"""Variants of a detector run as they say, find the same, and are compared with the right one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.perception.toy_pictures import write_rectangles, write_tiny
from torch import nn

from seal_bringup.jobs.perception_rates import PerceptionJob, perception
from seal_perception.benchmarks import variants as v
from seal_perception.benchmarks.perception_benchmark import PerceptionRow, frontier, measure
from seal_perception.detector.coco_form import CocoConfig, build_coco
from seal_perception.detector.devices import device_of
from seal_perception.detector.model import native_bfloat16, parameter_count
from seal_perception.detector.weights import save_weights
from seal_perception.errors import InputError

SIZE = (64, 48)
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def test_the_small_network_is_measured_in_every_way_that_this_cpu_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v, "native_bfloat16", lambda: True)
    monkeypatch.setattr(v, "compiler", lambda: "g++")
    found = list(v.small_variants("a/tuned.safetensors"))
    assert len(found) == 12 and len({variant.name for variant in found}) == 12
    assert [variant.name for variant in found[:4]] == [
        "tuned at 120 float32 channels first",
        "tuned at 120 float32",
        "tuned at 120 bfloat16",
        "tuned at 120 bfloat16 compiled",
    ]
    assert {variant.baseline for variant in found[:4]} == {None, found[0].name}
    monkeypatch.setattr(v, "native_bfloat16", lambda: False)
    monkeypatch.setattr(v, "compiler", lambda: None)
    assert [variant.precision for variant in v.small_variants("seal-small", (SIZE,))] == ["float32"] * 2


def test_the_coco_form_is_compared_with_its_largest_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(v, "coco_file", lambda: tmp_path / "absent.pth")
    found = list(v.coco_variants())
    assert [variant.height for variant in found] == [800, 800, 480, 480, 240, 240]
    assert found[0].name == "coco (random weights) at 800 float32 channels first" and found[0].baseline is None
    assert {variant.baseline for variant in found[1:]} == {found[0].name}
    assert not any(variant.trained for variant in found)


@pytest.mark.parametrize("last", [False, True])
def test_the_layout_reaches_the_first_convolution_and_the_size_the_network(weights: str, last: bool) -> None:
    detector = v.build(v.Variant("tiny", SIZE, 96, channels_last=last), weights)
    seen: list[torch.Tensor] = []
    first = next(module for module in detector.network.backbone.modules() if isinstance(module, nn.Conv2d))
    first.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    detector.detect(NOISE)
    layout = torch.channels_last if last else torch.contiguous_format
    assert seen[0].is_contiguous(memory_format=layout) and seen[0].shape[-2:] == (96, 128)
    assert first.weight.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("name", ["coco_tuned", "coco"])
def test_a_small_network_may_be_called_coco(weights: str, tmp_path: Path, name: str) -> None:
    path = shutil.copy(weights, tmp_path / f"{name}.safetensors")
    small = next(iter(v.small_variants(str(path), (SIZE,))))
    detector = v.build(small, str(path))
    assert parameter_count(detector.network) < 1e6 and small.network != "coco"


def test_a_large_network_is_not_measured_as_the_small_one(tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        save_weights(tmp_path / "large.safetensors", build_coco(), CocoConfig(), {})
    for measured in (
        lambda path: v.build(v.Variant("large", SIZE, 48), path),
        lambda path: perception(PerceptionJob(weights=path)),
    ):
        with pytest.raises(InputError, match="is of the coco form, expected the small network"):
            measured(str(tmp_path / "large.safetensors"))
    for other in ("coco", "model_final.pkl", "copy.pth"):
        with pytest.raises(InputError, match="the COCO form is measured anyway"):
            perception(PerceptionJob(weights=other))


def test_the_coco_rows_are_measured_on_the_cpu_beside_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.save(build_coco().state_dict(), tmp_path / "coco.pth")
    monkeypatch.setattr(v, "checked_file", lambda: tmp_path / "coco.pth")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    detector = v.build(v.Variant("coco", SIZE, 64, channels_last=False, form="coco"), "seal-small")
    assert device_of(detector.network).type == "cpu"


def test_layouts_find_the_same(weights: str) -> None:
    first, last = (
        v.build(v.Variant("tiny", SIZE, 48, channels_last=last), weights).detect(NOISE) for last in (False, True)
    )
    assert len(first) == len(last) > 0
    np.testing.assert_allclose(first.scores, last.scores, atol=1e-4)


def test_rows_have_times_ratios_and_ap(weights: str, tmp_path: Path) -> None:
    truth = write_rectangles(tmp_path / "frames", 2, height=48, width=64 * 2)
    some = [variant for variant in v.small_variants(weights, (SIZE,)) if not variant.compiled]
    named: list[str] = []
    rows = measure(some, [NOISE, NOISE[:, ::-1]], weights, 2, truth, named.append)
    assert [row.stage for row in rows] == named == [variant.name for variant in some]
    assert len(rows) == 2 + native_bfloat16()
    base, other = rows[0], rows[1]
    assert base.baseline is None and other.baseline == base.stage and other.ratio == base.ms / other.ms
    assert all(row.group == "perception" and row.size == "64 x 48" and row.ms > 0 < row.detections for row in rows)
    assert all(row.box_ap50 is not None and 0 <= row.box_ap50 <= 100 for row in rows)


def test_random_weights_have_a_time_and_no_ap(tmp_path: Path) -> None:
    truth = write_rectangles(tmp_path / "frames", 1, height=48, width=64)
    coco = v.Variant("coco (random weights)", SIZE, 64, trained=False, form="coco")
    (row,) = measure([coco], [NOISE], repeats=1, truth=truth)
    assert row.ms > 0 and row.box_ap50 is None and row.ratio is None


def test_a_variant_that_cannot_run_is_left_out(
    weights: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(module: nn.Module, **how: object) -> nn.Module:
        module.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("no Python.h\nmore")))
        return module

    monkeypatch.setattr(torch, "compile", broken)
    plain = v.Variant("tiny", SIZE, 48)
    rows = measure([replace(plain, compiled=True), plain], [NOISE], weights, 1)
    assert [row.stage for row in rows] == [plain.name]
    assert "compiled is left out: no Python.h" in caplog.text


def test_the_frontier_holds_what_nothing_beats() -> None:
    points = {
        "a": (10.0, 20.0),
        "slower, worse": (20.0, 15.0),
        "b": (30.0, 40.0),
        "equal": (35.0, 40.0),
        "c": (90.0, 41.0),
    }
    rows = [PerceptionRow("g", name, "", ms, ms, box_ap50=ap) for name, (ms, ap) in points.items()]
    rows.append(PerceptionRow("g", "random", "", 1.0, 1.0))
    assert [row.stage for row in frontier(rows[::-1])] == ["a", "b", "c"]


def test_compiled_networks_are_of_fixed_sizes(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With symbols for sizes, the padding of EfficientNet-Lite0 kept sympy busy for over seven minutes."""
    given: list[dict[str, object]] = []

    def remembered(module: nn.Module, **how: object) -> nn.Module:
        given.append(how)
        return module

    monkeypatch.setattr(torch, "compile", remembered)
    variant = next(v.small_variants(weights, (SIZE,)))
    assert len(v.build(replace(variant, compiled=True), weights).detect(NOISE)) > 0
    assert given == [{"dynamic": False}, {"dynamic": False}]
