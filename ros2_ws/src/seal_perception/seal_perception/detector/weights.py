# SPDX-License-Identifier: Apache-2.0
"""Weights files: safetensors with the network's form, shape and origin in the metadata; no pickle.

Of the small network matrices are stored as fp16, vectors (biases, statistics) as fp32. The COCO form is stored as fp32,
so that what fine-tuning does not change stays torchvision's to the byte. The metadata is one JSON text under `seal`, so
that equal content gives equal bytes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from seal_perception.categories import CATEGORIES
from seal_perception.detector.coco_form import CocoConfig, build_coco
from seal_perception.detector.detectron2_form import Detectron2Config, build_detectron2
from seal_perception.detector.facts import FORMAT, opened, read_metadata, resolve_weights, stored_categories
from seal_perception.detector.model import ModelConfig, build_model
from seal_perception.errors import InputError, SealError
from seal_perception.files import replacing

NetworkConfig = ModelConfig | CocoConfig
FORMS = {"seal": ModelConfig, "coco": CocoConfig, "detectron2": Detectron2Config}
"""Forms of network that a file may name; a file without a form is of the first."""
FLOATS = ("F16", "BF16", "F32", "F64")


def save_weights(path: Path | str, model: nn.Module, config: NetworkConfig, metadata: dict[str, Any]) -> None:
    """Write a network whole or not at all.

    Args:
        path: file to write.
        model: the network of this shape, its normalisation not folded.
        config: the shape it was built with.
        metadata: JSON-ready facts: command, seed, commit, calibration, parent, dataset, ...
    """
    exact = isinstance(config, CocoConfig)
    tensors = {
        name: (value.half() if value.ndim > 1 and not exact else value.float()).cpu().contiguous()
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    form = {"form": config.form} if isinstance(config, CocoConfig) else {}
    shape = {"model": config.shape(), "categories": list(config.categories)}
    facts = {"format": FORMAT, **form, **shape, **metadata}
    save_tensors(path, tensors, {"seal": json.dumps(facts, sort_keys=True)})


def save_tensors(path: Path | str, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file whole or not at all.

    Raises:
        OSError: if it cannot be written, on a full disk for example; it names the file.
    """
    with replacing(path) as beside:
        try:
            save_file(tensors, str(beside), metadata)
        except SafetensorError as error:  # the library's own kind for every failure of the file system
            code = re.search(r"os error (\d+)", str(error))
            if code is None:
                raise SealError(f"{path} cannot be written: {error}") from error
            raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from error


def load_weights(path: Path | str) -> tuple[Any, NetworkConfig, dict[str, Any]]:
    """Network in training mode, its shape and the stored facts.

    Raises:
        InputError: if the file is missing, no safetensors file, or holds another network.
    """
    path = resolve_weights(path)
    facts = read_metadata(path)
    config = _config(facts, path)

    def build() -> nn.Module:
        return build_network(config)

    # A network without memory tells its shapes: the file must have these before one is built.
    expected = shapes_of(build)
    with opened(path) as stream:
        require_tensors(stream, expected, path, len(config.categories))
        tensors = {name: stream.get_tensor(name) for name in expected}
    require_finite(tensors, path)
    with torch.random.fork_rng(devices=[]):
        model = build()
    model.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
    return model, config, facts


def build_network(config: NetworkConfig) -> Any:
    """The network of a shape with random weights, in training mode.

    Raises:
        InputError: if it is detectron2's and that is not installed.
    """
    if isinstance(config, Detectron2Config):
        return build_detectron2(config)
    return build_coco(config) if isinstance(config, CocoConfig) else build_model(config)


def load_small(path: Path | str) -> tuple[Any, ModelConfig, dict[str, Any]]:
    """As `load_weights`, of the small network alone.

    Raises:
        InputError: as `load_weights`, and if the file is of another form.
    """
    model, config, facts = load_weights(path)
    if not isinstance(config, ModelConfig):
        raise InputError(f"{path} is of the {config.form} form, expected the small network; see `seal finetune`")
    return model, config, facts


def load_six(path: Path | str) -> tuple[Any, ModelConfig, dict[str, Any]]:
    """As `load_small`, for the six categories alone, which are those of the catalogue.

    Raises:
        InputError: as `load_small`, and if the file is for another list.
    """
    model, config, facts = load_small(path)
    if config.categories != CATEGORIES:
        known = ", ".join(config.categories)
        raise InputError(f"{path} is for the categories {known}; the catalogue has the six alone")
    return model, config, facts


def _config(facts: dict[str, Any], path: Path) -> NetworkConfig:
    """The shape that a file's facts describe.

    Raises:
        InputError: if there is no such network, or its list of categories is none.
    """
    categories = stored_categories(facts, path).names
    form = facts.get("form", "seal")
    try:
        if str(form) not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, got {str(form)[:40]!r}")
        config: NetworkConfig = FORMS[form](**facts["model"], categories=categories)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} describes a network this version cannot build: {str(error)[:200]}") from error
    return config


def shapes_of(build: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors that a file holds of a network, which is built without memory."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        state = build().state_dict()
    return {name: tuple(value.shape) for name, value in state.items() if not name.endswith("num_batches_tracked")}


def require_finite(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Refuse weights with NaN or infinity.

    Raises:
        InputError: for the first tensor that has one.
    """
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{path} is damaged: {name} has values that are not finite")


def require_tensors(stream: Any, expected: dict[str, tuple[int, ...]], path: Path, categories: int = 0) -> None:
    """Refuse a file whose tensors are others, by its header alone; `categories` is said where they decide a shape.

    Raises:
        InputError: if a name, a shape or a type differs.
    """
    odd = sorted(expected.keys() ^ set(stream.keys()))
    if odd:
        raise InputError(f"{path} holds another network: {len(odd)} tensors too many or missing, such as {odd[0]}")
    for name, shape in expected.items():
        found = stream.get_slice(name)
        if tuple(found.get_shape()) != shape:
            why = f" for its {categories} categories" if "predictor" in name else ""
            got = tuple(found.get_shape())
            raise InputError(f"{path} holds another network: {name} must be {shape}{why}, got {got}")
        if found.get_dtype() not in FLOATS:
            raise InputError(f"{path}: {name} must be of {', '.join(FLOATS)}, got {found.get_dtype()}")


def source_commit() -> str:
    """Commit of the source tree this module lies in, or "unknown" outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"
