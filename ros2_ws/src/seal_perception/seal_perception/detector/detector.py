# SPDX-License-Identifier: Apache-2.0
"""Detector backends behind one call: picture in, `Detections` out, the same bytes whatever the load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seal_perception.categories import SIX, CategorySet
from seal_perception.detections import Detections
from seal_perception.detector.calibration import Calibration, relative_sizes
from seal_perception.detector.coco_form import MOST_SIZE, CocoConfig
from seal_perception.detector.coco_weights import coco_file, load_coco
from seal_perception.detector.detectron2_form import Detectron2Config
from seal_perception.detector.devices import best_device, device_of, settle
from seal_perception.detector.facts import categories_of, is_coco
from seal_perception.detector.model import fold_norm
from seal_perception.detector.weights import load_weights
from seal_perception.errors import InputError
from seal_perception.parameters import parameter
from seal_perception.types import IntArray, UInt8Array


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
        False, "run the network in bfloat16: faster where the CPU or GPU has it, slightly different scores"
    )
    coco_file: Path | None = parameter(
        None, "local copy of torchvision's COCO weights for \"coco\"; None looks in torch's cache, then downloads"
    )
    coco_min_size: int = parameter(
        800, 'shorter side, in pixels, to which pictures are scaled for "coco"', minimum=1, maximum=MOST_SIZE
    )
    categories: tuple[str, ...] = parameter(
        (), "names of COCO's 80 to detect with COCO's own weights, in this order; empty = the six, or a file's own list"
    )

    def __post_init__(self) -> None:
        if self.threads < 1 or self.max_detections < 1:
            raise ValueError(f"threads and max_detections must be at least 1, got {self}")
        if not 1 <= self.coco_min_size <= MOST_SIZE:
            raise ValueError(f"coco_min_size must lie in [1, {MOST_SIZE}], got {self.coco_min_size}")
        if not 0.0 <= self.min_score <= 1.0:
            raise ValueError(f"min_score must lie in [0, 1], got {self.min_score}")
        if self.categories:
            CategorySet(self.categories)


class Detector:
    """A network for inference with its map from labels to categories and from raw scores to scores."""

    def __init__(
        self,
        network: nn.Module,
        categories_of_labels: IntArray,
        config: DetectorConfig | None = None,
        calibration: Calibration | None = None,
        metadata: dict[str, Any] | None = None,
        names: CategorySet = SIX,
    ) -> None:
        """Wrap a torchvision detection network.

        Args:
            network: takes a list of (3, H, W) float pictures in [0, 1]; returns boxes, labels, scores, masks.
            categories_of_labels: (labels,) category of each label, -1 for none of the list.
            config: how to run.
            calibration: map of raw scores.
            metadata: facts stored with the weights.
            names: the list.
        """
        self.config, self.names = config or DetectorConfig(), names
        self.calibration = calibration or Calibration()
        self.metadata = dict(metadata or {})
        self._categories = torch.as_tensor(categories_of_labels)
        self._network = network.eval().requires_grad_(False)
        self._device = device_of(network)

    @property
    def network(self) -> nn.Module:
        """The network, in evaluation mode."""
        return self._network

    def detect(self, rgb: UInt8Array) -> Detections:
        """Find the categories of the list in one picture.

        Args:
            rgb: (H, W, 3) uint8.

        Returns:
            Detections whose raw score reaches `min_score` and whose mask has a pixel, calibrated, best first.

        Raises:
            InputError: if the picture has another shape or type.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise InputError(f"rgb must be (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
        settle(self.config.threads, self._device)
        picture = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1).float() / 255.0
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self.config.bfloat16):
            out = {name: value.cpu() for name, value in self._network([picture.to(self._device)])[0].items()}
        categories = self._categories[out["labels"]]
        raw = out["scores"].float().numpy()
        boxes = out["boxes"].float().numpy()
        scores = self.calibration.apply(raw, categories.numpy(), relative_sizes(boxes, *rgb.shape[:2]))
        masks = (out["masks"][:, 0] >= 0.5).numpy()
        keep = (categories.numpy() >= 0) & (raw >= self.config.min_score) & masks.any(axis=(1, 2))
        order = np.flatnonzero(keep)[np.argsort(-scores[keep], kind="stable")][: self.config.max_detections]
        found = categories.numpy()[order].astype(np.int64)
        return Detections(boxes[order], found, scores[order], masks[order], self.names)


def load_detector(weights: str | Path = "seal-small", config: DetectorConfig | None = None) -> Detector:
    """Open a detector.

    Args:
        weights: "seal-small" (shipped), "coco" (torchvision's COCO weights), a copy of these (.pth), detectron2's
            (.pth, .pkl), or a .safetensors file of any of these networks.
        config: how to run.

    Raises:
        InputError: if the weights are missing, broken, of another network, or of another list than
            `DetectorConfig.categories`.
        SealError: if the COCO weights cannot be downloaded.
    """
    config = config or DetectorConfig()
    names = categories_of(weights, config.categories)
    if is_coco(weights):
        try:
            coco = CocoConfig(names.names, min_size=config.coco_min_size)
        except ValueError as error:
            raise InputError(str(error)) from error
        network, coco = load_coco(coco_file(weights, config.coco_file), coco)
        return _coco_detector(network, coco, config, Calibration(), {"format": f"{coco.form} COCO"})
    model, shape, facts = load_weights(weights)
    try:
        calibration = Calibration.from_metadata(facts) if config.calibrate else Calibration()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{weights} has a broken calibration: {error}") from error
    if isinstance(shape, CocoConfig):
        return _coco_detector(model, shape, config, calibration, facts)
    model.roi_heads.detections_per_img = config.max_detections
    _lower_threshold(model.roi_heads, "score_thresh", config)
    return Detector(fold_norm(model), small_labels(names), config, calibration, facts, names)


def small_labels(names: CategorySet) -> IntArray:
    """(1 + C,) category of each label of the small network: label 0 is the background."""
    return np.concatenate([[-1], np.arange(len(names))]).astype(np.int64)


def _coco_detector(
    network: Any, shape: CocoConfig, config: DetectorConfig, calibration: Calibration, facts: dict[str, Any]
) -> Detector:
    """A detector of a large form, on a GPU where there is one; the network stays as its library made it."""
    if isinstance(shape, Detectron2Config):
        _lower_threshold(network.model.roi_heads.box_predictor, "test_score_thresh", config)
    else:
        _lower_threshold(network.roi_heads, "score_thresh", config)
    rows, names = shape.categories_of_rows(), CategorySet(shape.categories)
    return Detector(network.to(best_device()), rows, config, calibration, facts, names)


def _lower_threshold(part: Any, name: str, config: DetectorConfig) -> None:
    """Let a network put out what `min_score` asks for below its own threshold, which is never raised.

    Weaker boxes come after the others everywhere (suppression, the most per picture), so these stay the same bytes.
    """
    setattr(part, name, min(getattr(part, name), config.min_score))
