# SPDX-License-Identifier: Apache-2.0
"""Dense supervision for pre-training: a label for each cell of the finest feature map.

From random weights the sampled boxes teach the backbone slowly; a per-pixel loss beside them (as in HTC, Chen et al.
2019, and Panoptic FPN, Kirillov et al. 2019) reaches every cell of every picture. The extra head is dropped after
pre-training: the shipped network has none.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from seal_perception.categories import NUM_CATEGORIES
from seal_perception.detector.model import EXACT

UNKNOWN = 255
STRIDE = 4
BACKGROUND_WEIGHT = 0.4
"""Of the background in the loss: most of a picture is none of the six."""


class WithSemantics(nn.Module):
    """A detector in training with a semantic head on its finest feature map.

    The losses of a forward pass are the detector's and `loss_semantic`. In a batch with some pictures that are `EXACT`
    only these have a semantic loss: labels that a robot made itself lack objects, and every pixel of those would be
    taught to be background.
    """

    def __init__(self, detector: GeneralizedRCNN, weight: float = 1.0) -> None:
        """Put a head of two convolutions on `detector`'s feature pyramid; `weight` multiplies its loss."""
        super().__init__()
        width = int(detector.backbone.out_channels)
        self.detector = detector
        self.head = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(width, NUM_CATEGORIES + 1, 1)
        ).to(memory_format=torch.channels_last)
        self.weight = weight
        self._finest: Tensor | None = None
        detector.backbone.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: Any, maps: dict[str, Tensor]) -> None:
        self._finest = maps["0"]

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of a batch; what has a semantic loss has the network's input size. Targets as of `build_model`."""
        losses: dict[str, Tensor] = self.detector(images, targets)
        assert self._finest is not None
        maps = self.head(self._finest).float()
        drawn = any(EXACT in target for target in targets)
        truth = torch.full((len(maps), *maps.shape[-2:]), UNKNOWN)
        for own, image, target in zip(truth, images, targets, strict=True):
            if EXACT in target or not drawn:
                dense = semantic_target(target, *image.shape[-2:])
                # The pictures are padded to a multiple of 32: cells past their own edges are left out.
                own[: dense.shape[0], : dense.shape[1]] = dense
        self._finest = None
        weight = torch.ones(NUM_CATEGORIES + 1)
        weight[0] = BACKGROUND_WEIGHT
        loss = nn.functional.cross_entropy(maps, truth, weight, ignore_index=UNKNOWN)
        return {**losses, "loss_semantic": self.weight * loss}


def semantic_target(target: dict[str, Tensor], height: int, width: int) -> Tensor:
    """(ceil(H / 4), ceil(W / 4)) int64: category + 1, 0 background, `UNKNOWN` inside regions to ignore.

    Args:
        target: masks (N, H, W), labels (N,) from 1, ignore_boxes (M, 4) of one picture.
        height: of the picture in pixels.
        width: of the picture in pixels.
    """
    out = torch.zeros((height, width), dtype=torch.int64)
    for x0, y0, x1, y1 in target["ignore_boxes"].round().long().tolist():
        out[max(y0, 0) : y1, max(x0, 0) : x1] = UNKNOWN
    for mask, label in zip(target["masks"], target["labels"], strict=True):
        out[mask.bool()] = label
    half = STRIDE // 2
    rows, cols = torch.arange(0, height, STRIDE), torch.arange(0, width, STRIDE)
    return out[(rows + half).clamp(max=height - 1)][:, (cols + half).clamp(max=width - 1)]
