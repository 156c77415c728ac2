# SPDX-License-Identifier: Apache-2.0
"""Detector backends behind one call: picture in, `Detections` out, the same bytes whatever the load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from torch import nn
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights, maskrcnn_resnet50_fpn

from seal_perception.categories import NUM_CATEGORIES
from seal_perception.detections import Detections
from seal_perception.detector.calibration import Calibration, relative_sizes
from seal_perception.detector.model import fold_norm, set_deterministic
from seal_perception.detector.weights import load_weights
from seal_perception.errors import InputError, SealError
from seal_perception.files import sha256
from seal_perception.parameters import parameter
from seal_perception.types import IntArray, UInt8Array

COCO_LABELS: tuple[int, ...] = (62, 63, 64, 65, 70, 72)
"""torchvision's COCO label of each of the six categories, in the order of `CATEGORIES`."""


@dataclass(frozen=True)
class DetectorConfig:
    """How a detector runs."""

    threads: int = parameter(
        2, "CPU threads of torch, for the whole process; results repeat only with the same number", minimum=1
    )
    min_score: float = parameter(0.05, "minimum raw score of a detection, before calibration", minimum=0.0, maximum=1.0)
    max_detections: int = parameter(50, "detections kept per picture, best first", minimum=1)
    calibrate: bool = parameter(True, "apply the calibration stored with the weights")
    bfloat16: bool = parameter(
        False, "run the network in bfloat16: faster on CPUs that have it, slightly different scores"
    )
    coco_file: Path | None = parameter(
        None, "local copy of torchvision's COCO weights for \"coco\"; None looks in torch's cache, then downloads"
    )
    coco_min_size: int = parameter(800, 'shorter side, in pixels, to which pictures are scaled for "coco"', minimum=1)

    def __post_init__(self) -> None:
        if self.threads < 1 or self.max_detections < 1 or self.coco_min_size < 1:
            raise ValueError(f"threads, max_detections and coco_min_size must be at least 1, got {self}")
        if not 0.0 <= self.min_score <= 1.0:
            raise ValueError(f"min_score must lie in [0, 1], got {self.min_score}")


class Detector:
    """A network for inference with its map from labels to categories and from raw scores to scores."""

    def __init__(
        self,
        network: nn.Module,
        categories_of_labels: IntArray,
        config: DetectorConfig | None = None,
        calibration: Calibration | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Wrap a torchvision detection network.

        Args:
            network: takes a list of (3, H, W) float pictures in [0, 1]; returns boxes, labels, scores, masks.
            categories_of_labels: (labels,) category of each label, -1 for none of the six.
            config: how to run.
            calibration: map of raw scores.
            metadata: facts stored with the weights.
        """
        self.config = config or DetectorConfig()
        self.calibration = calibration or Calibration()
        self.metadata = dict(metadata or {})
        self._categories = torch.as_tensor(categories_of_labels)
        self._network = network.eval().requires_grad_(False)

    @property
    def network(self) -> nn.Module:
        """The network, in evaluation mode."""
        return self._network

    def detect(self, rgb: UInt8Array) -> Detections:
        """Find the six categories in one picture.

        Args:
            rgb: (H, W, 3) uint8.

        Returns:
            Detections whose raw score reaches `min_score` and whose mask has a pixel, calibrated, best first.

        Raises:
            InputError: if the picture has another shape or type.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise InputError(f"rgb must be (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
        set_deterministic(self.config.threads)
        picture = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1).float() / 255.0
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            out = self._network([picture])[0]
        categories = self._categories[out["labels"]]
        raw = out["scores"].float().numpy()
        boxes = out["boxes"].float().numpy()
        scores = self.calibration.apply(raw, categories.numpy(), relative_sizes(boxes, *rgb.shape[:2]))
        masks = (out["masks"][:, 0] >= 0.5).numpy()
        keep = (categories.numpy() >= 0) & (raw >= self.config.min_score) & masks.any(axis=(1, 2))
        order = np.flatnonzero(keep)[np.argsort(-scores[keep], kind="stable")][: self.config.max_detections]
        return Detections(boxes[order], categories.numpy()[order].astype(np.int64), scores[order], masks[order])


def load_detector(weights: str | Path = "seal-small", config: DetectorConfig | None = None) -> Detector:
    """Open a detector.

    Args:
        weights: "seal-small" (shipped), "coco" (torchvision's COCO model, categories mapped) or a .safetensors file.
        config: how to run.

    Raises:
        InputError: if the weights are missing, broken or of another network.
        SealError: if the COCO weights cannot be downloaded.
    """
    config = config or DetectorConfig()
    if str(weights) == "coco":
        return _load_coco(config)
    model, _, facts = load_weights(weights)
    model.roi_heads.detections_per_img = config.max_detections
    try:
        calibration = Calibration.from_metadata(facts) if config.calibrate else Calibration()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{weights} has a broken calibration: {error}") from error
    labels = np.concatenate([[-1], np.arange(NUM_CATEGORIES)]).astype(np.int64)
    return Detector(fold_norm(model), labels, config, calibration, facts)


def coco_categories() -> IntArray:
    """(91,) category of each of torchvision's COCO labels, -1 for none of the six."""
    labels = np.full(91, -1, np.int64)
    labels[list(COCO_LABELS)] = np.arange(NUM_CATEGORIES)
    return labels


def _load_coco(config: DetectorConfig) -> Detector:
    with torch.random.fork_rng(devices=[]):
        network = maskrcnn_resnet50_fpn(
            weights=None, weights_backbone=None, num_classes=91, min_size=config.coco_min_size, box_score_thresh=0.05
        )
    state = _coco_state(config.coco_file)
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{config.coco_file or 'the COCO weights'} holds another network: {first}") from error
    return Detector(network, coco_categories(), config, metadata={"format": "torchvision COCO"})


def _coco_state(path: Path | None) -> dict[str, Any]:
    url = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.url
    if path is None:
        path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
        if not path.is_file():
            try:
                state: dict[str, Any] = torch.hub.load_state_dict_from_url(
                    url, map_location="cpu", check_hash=True, weights_only=True
                )
            except (URLError, OSError, RuntimeError) as error:
                first = (str(error).splitlines() or [type(error).__name__])[0]
                raise SealError(f"COCO weights cannot be downloaded ({first}); put {url} at {path}") from error
            return state
        # torch checks the hash in the name of what it downloads, not of what lies in its cache.
        expected, found = path.stem.rpartition("-")[2], sha256(path)
        if not found.startswith(expected):
            raise InputError(
                f"{path} is not torchvision's file: its SHA-256 begins with {found[:8]}, not {expected}; remove it, "
                f"and it is downloaded again from {url}"
            )
    if not path.is_file():
        raise InputError(f"no COCO weights at {path}; get them from {url}")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is not a torch weights file: {first}") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{path} must hold a state dict, got {type(loaded).__name__}")
    return loaded
