# SPDX-License-Identifier: Apache-2.0
"""COCO weights of others: torchvision's (cached, downloaded or a .pth) and detectron2's; no code in them is run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

from seal_perception.detector.coco_form import CocoConfig
from seal_perception.detector.detectron2_form import Detectron2Config, is_detectron2, network_state
from seal_perception.detector.detectron2_zoo import read_zoo
from seal_perception.detector.torch_files import check_torch_file
from seal_perception.detector.weights import build_network, require_finite, shapes_of
from seal_perception.errors import InputError, SealError
from seal_perception.files import sha256


def coco_file(weights: str | Path = "coco", copy: Path | None = None) -> Path:
    """The file of COCO's weights.

    Args:
        weights: "coco", a .pth or a .pkl file.
        copy: local copy for "coco"; None looks in torch's cache, then downloads into it.

    Raises:
        InputError: if there is no such file, or torch's cache holds another.
        SealError: if it cannot be downloaded.
    """
    url = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.url
    given = copy if str(weights) == "coco" else Path(weights)
    if given is not None:
        if not given.is_file():
            raise InputError(f"no COCO weights at {given}; get them from {url}")
        return given
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    expected = path.stem.rpartition("-")[2]
    if not path.is_file():
        _download(url, path, expected)
    # torch checks the hash in the name of what it downloads, not of what lies in its cache.
    found = sha256(path)
    if not found.startswith(expected):
        raise InputError(
            f"{path} is not torchvision's file: its SHA-256 begins with {found[:8]}, not {expected}; remove it, "
            f"and it is downloaded again from {url}"
        )
    return path


def _download(url: str, path: Path, expected: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), expected, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise SealError(f"COCO weights cannot be downloaded ({first}); put {url} at {path}") from error


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth file.

    Raises:
        InputError: if it is none, would run code, or holds anything but tensors.
    """
    check_torch_file(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is not a torch weights file: {first}") from error
    if isinstance(loaded, dict) and isinstance(loaded.get("model"), dict):
        loaded = loaded["model"]  # a training's checkpoint, as detectron2 and torchvision's references write them
    if not isinstance(loaded, dict):
        raise InputError(f"{path} must hold a state dict, got {type(loaded).__name__}")
    odd = [str(name)[:80] for name, value in loaded.items() if not isinstance(value, Tensor)]
    if odd:
        raise InputError(f"{path} must hold a state dict of tensors, {odd[0]} is none")
    return loaded


def load_coco(path: Path, config: CocoConfig) -> tuple[Any, CocoConfig]:
    """The network of a .pth or .pkl file and its shape, in training mode.

    Args:
        path: torchvision's COCO weights (.pth), or detectron2's (.pth, or .pkl of its model zoo).
        config: categories and sizes.

    Raises:
        InputError: if the file is no weights file or holds another network, or detectron2 is needed and absent.
    """
    state = read_zoo(path) if path.suffix == ".pkl" else read_state(path)
    state = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    name = "torchvision's maskrcnn_resnet50_fpn"
    if is_detectron2(state):
        config, state = Detectron2Config(**asdict(config)), network_state(state)
        name = "detectron2's mask_rcnn_R_50_FPN"
    expected = shapes_of(lambda: build_network(config))
    odd = sorted(expected.keys() ^ state.keys())
    if odd:
        raise InputError(
            f"{path} holds another network than {name}: {len(odd)} tensors too many or missing, such as {odd[0]}"
        )
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape or not state[name].is_floating_point():
            found = f"{tuple(state[name].shape)} {state[name].dtype}"
            raise InputError(f"{path} holds another network: {name} must be {shape} of floats, got {found}")
    require_finite(state, path)
    with torch.random.fork_rng(devices=[]):
        network = build_network(config)
    network.load_state_dict(state)
    return network, config
