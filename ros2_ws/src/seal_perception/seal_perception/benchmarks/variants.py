# SPDX-License-Identifier: Apache-2.0
"""The ways in which a detector can run on a CPU: network, size, precision, memory layout, compiled or not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

from seal_perception.categories import SIX
from seal_perception.detector.coco_form import CocoConfig, build_coco
from seal_perception.detector.coco_weights import coco_file as checked_file
from seal_perception.detector.coco_weights import load_coco
from seal_perception.detector.detector import Detector, DetectorConfig, load_detector, small_labels
from seal_perception.detector.facts import SHIPPED
from seal_perception.detector.model import build_model, fold_norm, native_bfloat16
from seal_perception.detector.weights import load_small

SMALL_SIZES = ((160, 120), (320, 240), (640, 480))
COCO_MIN_SIZES = (240, 480, 800)
FULL_SIZE = (640, 480)
"""Width and height of the pictures that are given to the COCO form, which scales them itself."""


@dataclass(frozen=True)
class Variant:
    """One way to run a detector.

    Attributes:
        network: name of the weights; "random" among them where there are none.
        size: width and height of the pictures that it is given.
        height: to which the network scales them.
        precision: float32 or bfloat16.
        channels_last: memory layout of the network; False is torch's default.
        compiled: backbone and proposal head by torch.compile.
        baseline: `name` of the variant that it is compared with; None for that one itself.
        trained: whether its weights are trained ones, so that its AP says something.
        form: "small", or "coco" for torchvision's own weights; a name says nothing about it.
    """

    network: str
    size: tuple[int, int]
    height: int
    precision: str = "float32"
    channels_last: bool = True
    compiled: bool = False
    baseline: str | None = None
    trained: bool = True
    form: str = "small"

    @property
    def name(self) -> str:
        """All that tells it from the others."""
        how = [self.network, f"at {self.height}", self.precision]
        return " ".join([*how, *([] if self.channels_last else ["channels first"]), *(["compiled"] * self.compiled)])


def small_variants(weights: str, sizes: tuple[tuple[int, int], ...] = SMALL_SIZES) -> Iterator[Variant]:
    """The small network at each size; the baseline is torch's default: float32, channels first, not compiled.

    bfloat16 is left out where the CPU emulates it, compiling where there is no C++ compiler.
    """
    trained = weights != "seal-small" or SHIPPED.is_file()
    stem = Path(weights).stem if Path(weights).stem != "coco" else Path(weights).name  # "coco" are torchvision's rows
    network = stem if trained else "seal-small (random weights)"
    for size in sizes:
        plain = Variant(network, size, size[1], channels_last=False, trained=trained)
        last = replace(plain, channels_last=True, baseline=plain.name)
        best = replace(last, precision="bfloat16") if native_bfloat16() else last
        yield plain
        yield last
        if best != last:
            yield best
        if compiler() is not None:
            yield replace(best, compiled=True)


def coco_variants(min_sizes: tuple[int, ...] = COCO_MIN_SIZES) -> Iterator[Variant]:
    """Torchvision's Mask R-CNN R50-FPN, the paper's form; the baseline is its own default, the largest size."""
    trained = coco_file().is_file()
    network = "coco" if trained else "coco (random weights)"
    largest = Variant(network, FULL_SIZE, max(min_sizes), channels_last=False, trained=trained, form="coco")
    yield largest
    for height in sorted(min_sizes, reverse=True):
        if height != largest.height:
            yield replace(largest, height=height, baseline=largest.name)
        yield replace(largest, height=height, channels_last=True, baseline=largest.name)


def coco_file() -> Path:
    """Where torch keeps its COCO weights; nothing is downloaded for a benchmark."""
    url: str = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.url
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def compiler() -> str | None:
    """The C++ compiler that torch.compile would use, None if there is none."""
    return shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")


def build(variant: Variant, weights: str) -> Detector:
    """The detector of a variant, on the CPU: times of all variants stand in one plot.

    Args:
        variant: of `small_variants` or `coco_variants`.
        weights: a shipped name or a file, for the small network.

    Raises:
        InputError: if the weights cannot be read, or are of another form.
    """
    config = DetectorConfig(bfloat16=variant.precision == "bfloat16", coco_min_size=variant.height)
    if variant.form == "coco":
        detector = _trained_coco(config) if variant.trained else _random_coco(config)
    else:
        detector = _trained_small(weights, config) if variant.trained else _random_small(config)
        transform: Any = detector.network.transform
        transform.min_size, transform.max_size = (variant.height,), 4 * variant.height
    if variant.channels_last:
        detector.network.to(memory_format=torch.channels_last)
        _feed(detector.network, lambda x: x.contiguous(memory_format=torch.channels_last))
    else:
        detector.network.to(memory_format=torch.contiguous_format)
        _feed(detector.network, lambda x: x.contiguous())
    if variant.compiled:
        network: Any = detector.network
        # Of fixed sizes: with sizes as symbols, EfficientNet-Lite's padding takes sympy longer than anyone waits.
        network.backbone = torch.compile(network.backbone, dynamic=False)
        network.rpn.head = torch.compile(network.rpn.head, dynamic=False)
    return detector


def _feed(network: nn.Module, arrange: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Bring the input of the first convolution into a memory layout, whatever the network's own code does before it."""
    backbone: Any = network.backbone
    first = next(module for module in backbone.modules() if isinstance(module, nn.Conv2d))
    first.register_forward_pre_hook(lambda module, args: (arrange(args[0]),))


def _trained_small(weights: str, config: DetectorConfig) -> Detector:
    """A file of the small network; another form would be measured under its name."""
    load_small(weights)
    return load_detector(weights, config)


def _random_small(config: DetectorConfig) -> Detector:
    """The small network with random weights, which finds things everywhere."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = fold_norm(build_model())
    return Detector(network, small_labels(SIX), config)


def _trained_coco(config: DetectorConfig) -> Detector:
    """COCO's own weights, which `load_detector` would bring onto a GPU."""
    network, shape = load_coco(checked_file(), CocoConfig(min_size=config.coco_min_size))
    return Detector(network, shape.categories_of_rows(), config)


def _random_coco(config: DetectorConfig) -> Detector:
    """The COCO form with random weights.

    Without a score to reach, every picture has 100 detections: the most that it can cost. None are of our categories.
    """
    shape = CocoConfig(min_size=config.coco_min_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_coco(shape)
    network.roi_heads.score_thresh = 0.0
    network.roi_heads.ours.fill_(True)  # masks of all of them
    return Detector(network, shape.categories_of_rows(), config)
